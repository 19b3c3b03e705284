#![no_main]

libfuzzer_sys::fuzz_target!(init: fuzzing::begin(), |data: &[u8]| gateway_fuzz::stream(data));
