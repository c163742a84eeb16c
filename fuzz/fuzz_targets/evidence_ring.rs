//! Any bytes as the first file of an evidence ring, as a segment of it, and as what its chunks hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ingest::any_bytes(bytes));
