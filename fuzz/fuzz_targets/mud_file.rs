//! Any text as a MUD file, and what is read of it written and read again; and as the text of a label that names one.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok((label, _)) = policy::Label::read(text)
        && let Ok(written) = label.write()
    {
        assert_eq!(policy::Label::read(&written).expect("what is written is read").0, label);
    }
    let Ok(policy) = policy::read_mud(text) else { return };
    let toml = policy::write(&policy).expect("a policy has a form");
    let again = policy::read(&toml).expect("what is written is read");
    assert_eq!(policy.units[0].allow, again.units[0].allow);
    let time = model::CaptureTime::from_nanos(0);
    if let Ok(mud) = policy::write_mud(&policy.units[0], "https://x.example/m", time) {
        let again = policy::read_mud(&mud).expect("what is written is read");
        // No profile of encrypted sessions is lost or made up on the way. Of datagrams without ports MUD cannot say who
        // asks, so an entry for answers may free a rule of its profiles.
        let sure = |rule: &policy::Rule| rule.ports.is_some() || rule.transport == model::Transport::Tcp;
        let profiles = |policy: &policy::Policy| -> std::collections::BTreeSet<_> {
            let with = policy.units[0].allow.iter().filter(|one| !one.sessions.is_empty() && sure(&one.rule));
            with.map(|one| (one.rule.clone(), one.sessions.clone())).collect()
        };
        assert_eq!(profiles(&policy), profiles(&again));
    }
});
