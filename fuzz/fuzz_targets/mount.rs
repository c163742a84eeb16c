//! Any dialogue through the `mount` parser and its probe.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::testing::fuzz::parser(&wire::proto::mount::PROTOCOL, bytes));
