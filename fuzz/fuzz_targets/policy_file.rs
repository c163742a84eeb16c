//! Any text as a policy file; what is read is written for every target.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(policy) = policy::read(text) else { return };
    let written = policy::write(&policy).expect("a policy has a form");
    assert_eq!(policy::read(&written).expect("what is written is read"), policy);
    for target in policy::render::TARGETS {
        let _ = target.render(&policy);
    }
});
