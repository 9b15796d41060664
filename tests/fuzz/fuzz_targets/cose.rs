//! Fuzzes what `palisade_tests::fuzz::cose` asserts.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| { palisade_tests::fuzz::cose::check(bytes); });
