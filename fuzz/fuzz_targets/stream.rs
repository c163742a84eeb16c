//! Any segments of one connection through reassembly, against a simple model of what must come out.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| flow::testing::stream(bytes));
