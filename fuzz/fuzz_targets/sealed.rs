#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| experience_log::fuzzing::sealed(bytes));
