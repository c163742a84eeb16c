//! Any dialogue through the `hl7` parser and its probe.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::testing::fuzz::parser(&wire::proto::hl7::PROTOCOL, bytes));
