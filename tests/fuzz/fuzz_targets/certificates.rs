//! Fuzzes what `palisade_tests::fuzz::certificates` asserts.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| { palisade_tests::fuzz::certificates::check(bytes); });
