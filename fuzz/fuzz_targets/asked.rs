//! Any datagram of a device or of a server through the gateway's services: what goes on is well formed, about what was asked, and
//! to the one that asked.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    enforce::gateway::any::asked(bytes);
});
