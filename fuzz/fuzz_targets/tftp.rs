//! Any dialogue through the `tftp` parser and its probe.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::testing::fuzz::parser(&wire::proto::tftp::PROTOCOL, bytes));
