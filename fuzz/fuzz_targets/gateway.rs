//! Any bytes of a device through the gateway: however they are cut, the same cycles come out, and each makes a message.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    enforce::gateway::any::device(bytes);
});
