//! Any bytes as an evidence bundle, a key and a signature.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| export::bundle::any_bytes(bytes));
