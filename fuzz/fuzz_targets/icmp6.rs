//! Any dialogue through the `icmp6` parser and its probe.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::testing::fuzz::parser(&wire::proto::icmp6::PROTOCOL, bytes));
