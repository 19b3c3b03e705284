#![no_main]

use classifiers::document::Media;

libfuzzer_sys::fuzz_target!(init: fuzzing::begin(), |data: &[u8]| fuzz::document(Media::Ndjson, data));
