//! Any dialogue through the `ssdp` parser and its probe.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::testing::fuzz::parser(&wire::proto::ssdp::PROTOCOL, bytes));
