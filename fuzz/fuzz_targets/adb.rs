//! Any dialogue through the `adb` parser and its probe.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::testing::fuzz::parser(&wire::proto::adb::PROTOCOL, bytes));
