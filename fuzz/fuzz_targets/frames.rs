//! Any bytes as frames of every link type through decoding, the flow table and the parsers.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| flow::testing::frames(bytes));
