#![no_main]

use classifiers::document::Media;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::document(Media::Html, data));
