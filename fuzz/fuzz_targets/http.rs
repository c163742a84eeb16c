//! Any dialogue through the `http` parser and its probe.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::testing::fuzz::parser(&wire::proto::http::PROTOCOL, bytes));
