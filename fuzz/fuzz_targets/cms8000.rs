//! Any dialogue through the `cms8000` parser and its probe.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::testing::fuzz::parser(&wire::proto::cms8000::PROTOCOL, bytes));
