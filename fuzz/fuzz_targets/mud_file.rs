//! Any text as a MUD file, and what is read of it written and read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(policy) = policy::read_mud(text) else { return };
    let toml = policy::write(&policy).expect("a policy has a form");
    let again = policy::read(&toml).expect("what is written is read");
    assert_eq!(policy.units[0].allow.len(), again.units[0].allow.len());
    let time = model::CaptureTime::from_nanos(0);
    if let Ok(mud) = policy::write_mud(&policy.units[0], "https://x.example/m", time) {
        policy::read_mud(&mud).expect("what is written is read");
    }
});
