//! Fails by design: a fuzzing run that does not find this is broken. `cargo xtask soak fuzz` runs it first.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assert!(!bytes.starts_with(b"canary"), "found, as it must be"));
