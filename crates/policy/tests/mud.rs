//! MUD files: what we write reads back, the corpus is read, and nothing is widened on the way.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use model::{CaptureTime, Transport};
use policy::{Opener, Peer, Policy, Rule, read_mud, write_mud};
use std::collections::BTreeSet;
use std::path::PathBuf;

const URL: &str = "https://mud.example.org/monitor.json";

fn rules(policy: &Policy) -> BTreeSet<Rule> {
    policy.units[0].allow.iter().map(|one| one.rule.clone()).collect()
}

fn policy_with(rules: &str) -> Policy {
    let head = "schema = \"lazaret.policy/1\"\nname = \"x\"\n[[device]]\nname = \"bed\"\n";
    policy::read(&format!("{head}{rules}")).unwrap()
}

#[test]
fn what_is_written_reads_back() {
    let mut text = String::new();
    for (opens, peer, carried, ports) in [
        ("device", "10.0.0.1", "tcp", "515"),
        ("peer", "10.0.0.0/24", "tcp", "80-90"),
        ("device", "2001:db8::/64", "udp", "53"),
        ("peer", "10.0.0.9", "udp", "161"),
        ("device", "name:pool.ntp.org", "udp", "123"),
        ("device", "controller:urn:ietf:params:mud:dns", "udp", "53"),
        ("device", "my-controller", "tcp", "443"),
        ("device", "local-networks", "icmp", "8"),
        ("device", "10.0.0.3", "ip-47", ""),
    ] {
        text.push_str(&format!(
            "[[device.allow]]\nopens = \"{opens}\"\npeer = \"{peer}\"\nprotocol = \"{carried}\"\n"
        ));
        if !ports.is_empty() {
            text.push_str(&format!("ports = \"{ports}\"\n"));
        }
    }
    let policy = policy_with(&text);
    let written = write_mud(&policy.units[0], URL, CaptureTime::from_nanos(0)).unwrap();
    assert_eq!(rules(&read_mud(&written).unwrap()), rules(&policy), "{written}");
    let file: serde_json::Value = serde_json::from_str(&written).unwrap();
    // RFC 8520 §3: lists by `name`; RFC 8519: types of lists.
    assert_eq!(
        file["ietf-mud:mud"]["to-device-policy"]["access-lists"]["access-list"][0]["name"],
        "mud-v4to"
    );
    assert_eq!(file["ietf-mud:mud"]["last-update"], "1970-01-01T00:00:00+00:00");
    // RFC 8519: "acls"; generators of the corpus wrote "access-lists".
    assert_eq!(file["ietf-access-control-list:acls"]["acl"][0]["type"], "ipv4-acl-type");
}

#[test]
fn what_has_no_words_in_mud_is_refused() {
    let policy = policy_with(
        "[[device.allow]]\nopens = \"device\"\npeer = \"10.0.0.1\"\nprotocol = \"icmp\"\nports = \"8-9\"\n",
    );
    let fault = write_mud(&policy.units[0], URL, CaptureTime::default()).unwrap_err().to_string();
    assert!(fault.contains("no ranges of ICMP types"), "{fault}");
    for url in ["http://mud.example.org", "", "https://x y"] {
        assert!(write_mud(&policy.units[0], url, CaptureTime::default()).is_err(), "{url}");
    }
}

const ENTRY: &str = r#"{"ietf-mud:mud": {"systeminfo": "x", "from-device-policy": {"access-lists": {"access-list": [{"name": "f"}]}}},
"ietf-access-control-list:access-lists": {"acl": [{"name": "f", "aces": {"ace": [{"name": "e", "matches": MATCHES,
"actions": {"forwarding": "accept"}}]}}]}}"#;

#[test]
fn nothing_is_widened() {
    for (matches, why) in [
        ("{}", "matches everything"),
        (r#"{"eth": {"ethertype": "0x888e"}, "ipv4": {"protocol": 17}}"#, "link layer"),
        (r#"{"ipv4": {"protocol": 6, "dscp": 5}}"#, "a rule cannot say"),
        (r#"{"tcp": {"destination-port": {"operator": "neq", "port": 5}}}"#, "eq, lte or gte"),
        (r#"{"tcp": {"destination-port": {"operator": "eq", "port": 70000}}}"#, "port is none"),
        (r#"{"ipv4": {"protocol": 17}, "tcp": {}}"#, "contradict"),
        (r#"{"ipv6": {"protocol": 16}, "icmp": {"type": 128}}"#, "contradict"),
        (r#"{"ipv4": {"protocol": 16, "destination-port-range": {"lower-port": 5}}}"#, "no ports"),
        (r#"{"ipv4": {"protocol": 1, "destination-port-range": {"lower-port": 300}}}"#, "no ports"),
        (r#"{"icmp": {"type": 3}, "ipv4": {"destination-port-range": {"lower-port": 8}}}"#, "no ports"),
        (r#"{"icmp": {"type": 3, "code": 4}}"#, "a rule cannot say"),
        (r#"{"tcp": {"flags": "syn"}}"#, "a rule cannot say"),
        (r#"{"ipv4": {"destination-ipv4-network": "10.0.0.0/40"}}"#, "network is none"),
    ] {
        let policy = read_mud(&ENTRY.replace("MATCHES", matches)).unwrap();
        assert!(rules(&policy).is_empty(), "{matches}");
        let notes = policy.coverage.unwrap().notes.join(" ");
        assert!(notes.contains(why) && notes.contains("`e`"), "{matches}: {notes}");
    }
    let policy = read_mud(
        &ENTRY.replace("MATCHES", r#"{"tcp": {"destination-port": {"operator": "lte", "port": 9}}}"#),
    );
    assert_eq!(policy.unwrap().units[0].allow[0].rule.ports, Some(policy::Ports { low: 0, high: 9 }));
    // Ports without a protocol are those of TCP and UDP, and no types of ICMP.
    let ports = r#"{"ipv4": {"destination-port-range": {"lower-port": 53}}}"#;
    let policy = read_mud(&ENTRY.replace("MATCHES", ports)).unwrap();
    let transports: Vec<_> = rules(&policy).into_iter().map(|rule| rule.transport).collect();
    assert_eq!(transports, [Transport::Tcp, Transport::Udp]);
    let dropped = ENTRY.replace("MATCHES", "{}").replace("accept", "drop");
    assert!(read_mud(&dropped).unwrap().units[0].allow.is_empty());
    for broken in [
        "",
        "[]",
        "{}",
        r#"{"ietf-mud:mud": {}}"#,
        &ENTRY.replace("\"name\": \"f\", \"aces\"", "\"name\": \"g\", \"aces\""),
    ] {
        assert!(read_mud(broken).is_err(), "{broken}");
    }
}

#[test]
fn the_corpus_is_read() {
    let Some(folder) = std::env::var_os("LAZARET_CORPUS").map(|folder| PathBuf::from(folder).join("mud"))
    else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI may not skip this");
        println!("skipped: LAZARET_CORPUS is not set");
        return;
    };
    let (mut files, mut allowed) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let policy = read_mud(&text).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        files += 1;
        allowed += policy.units[0].allow.len();
        assert!(!policy.units[0].allow.is_empty(), "{}", path.display());
        // Each accepted entry is in a rule or in a note.
        let accepted = text.matches("\"accept\"").count();
        let notes = policy.coverage.as_ref().map_or(0, |coverage| coverage.notes.len());
        assert!(policy.units[0].allow.len() + notes <= accepted * 3, "{}", path.display());
        // And what we write of it is the RFC's, and says the same.
        let mut again = policy.clone();
        again.units[0].allow.retain(|one| {
            one.rule.ports.is_some() && matches!(one.rule.transport, Transport::Tcp | Transport::Udp)
        });
        let written = write_mud(&again.units[0], URL, CaptureTime::default()).unwrap();
        assert_eq!(rules(&read_mud(&written).unwrap()), rules(&again), "{}", path.display());
    }
    assert_eq!(files, 34);
    assert!(allowed > 500, "{allowed}");
}

#[test]
fn a_plug_may_ask_its_servers_and_not_be_asked() {
    let Some(folder) = std::env::var_os("LAZARET_CORPUS").map(|folder| PathBuf::from(folder).join("mud"))
    else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI may not skip this");
        println!("skipped: LAZARET_CORPUS is not set");
        return;
    };
    let text = std::fs::read_to_string(folder.join("us_by_location_cords_tp_plugMud.json")).unwrap();
    let rules = rules(&read_mud(&text).unwrap());
    let time = Peer::Named("name:pool.ntp.org".to_owned());
    assert!(rules.iter().any(|rule| rule.peer == time && rule.opens == Opener::Unit));
    assert!(!rules.iter().any(|rule| rule.peer == time && rule.opens == Opener::Peer), "{rules:?}");
}

/// RFC 9761: what the device offers in its encrypted sessions.
#[test]
fn profiles_of_sessions_keep_their_way_from_a_capture_to_a_file_and_back() {
    let text = "[[device.allow]]\nopens = \"device\"\npeer = \"10.0.0.1\"\nprotocol = \"tcp\"\nports = \"443\"\n\
                [[device.allow.session]]\nname = \"offer1\"\nversions = [\"tls12\", \"tls13\"]\nsuites = [4865, 49195]\n\
                extensions = [0, 10, 16]\ngroups = [29]\nsignatures = [1027]\ncertificate_signatures = [1027]\n\
                resumptions = [1]\ncompressions = [2]\nprotocols = [\"h2\"]\nanchors = [\"MIIB\"]\nauthorities = [\"CN=x\"]\n\
                [[device.allow]]\nopens = \"device\"\npeer = \"10.0.0.2\"\nprotocol = \"udp\"\nports = \"5684\"\n\
                [[device.allow.session]]\nname = \"offer1\"\nversions = [\"dtls12\"]\nsuites = [49320]\n\
                [[device.allow]]\nopens = \"device\"\npeer = \"10.0.0.3\"\nprotocol = \"tcp\"\nports = \"80\"\n";
    let policy = policy_with(text);
    let written = write_mud(&policy.units[0], URL, CaptureTime::default()).unwrap();
    let file: serde_json::Value = serde_json::from_str(&written).unwrap();
    // The names of the RFC's modules, in lists from the device alone.
    assert_eq!(file["ietf-mud:mud"]["extensions"], serde_json::json!(["ietf-mud-tls"]));
    assert_eq!(file["ietf-mud:mud"]["ietf-mud-tls:is-tls-dtls-profile-supported"], true);
    let lists = &file["ietf-access-control-list:acls"]["acl"];
    let matches = |list: usize, entry: usize| &lists[list]["aces"]["ace"][entry]["matches"];
    let profile = serde_json::json!({"tls-dtls-profile": [{
        "name": "offer1", "supported-tls-version": ["tls12", "tls13"], "cipher-suite": [4865, 49195],
        "extension-type": [0, 10, 16], "accept-list-ta-cert": ["MIIB"], "psk-key-exchange-mode": [1],
        "supported-group": [29], "signature-algorithm-cert": [1027], "signature-algorithm": [1027],
        "application-protocol": ["h2"], "cert-compression-algorithm": [2], "certificate-authorities": ["CN=x"]}]});
    assert_eq!(matches(0, 0)["ietf-acl-tls:client-profiles"], profile, "{written}");
    let datagrams = serde_json::json!({"tls-dtls-profile": [
        {"name": "offer1", "supported-dtls-version": ["dtls12"], "cipher-suite": [49320]}]});
    assert_eq!(matches(0, 1)["ietf-acl-tls:client-profiles"], datagrams);
    assert_eq!(written.matches("client-profiles").count(), 2, "{written}");
    let again = read_mud(&written).unwrap();
    let sessions = |policy: &Policy| -> Vec<_> {
        policy.units[0].allow.iter().map(|one| (one.rule.clone(), one.sessions.clone())).collect()
    };
    assert_eq!(sessions(&again), sessions(&policy));
    let notes = again.coverage.unwrap().notes.join("\n");
    assert!(
        notes.starts_with("2 entries have TLS profiles") && notes.contains("does not look into sessions"),
        "{notes}"
    );
    // Without an observation nothing is claimed, neither that there are profiles nor that there are none.
    let plain =
        policy_with("[[device.allow]]\nopens = \"device\"\npeer = \"10.0.0.3\"\nprotocol = \"tcp\"\n");
    let written = write_mud(&plain.units[0], URL, CaptureTime::default()).unwrap();
    assert!(!written.contains("tls") && !written.contains("extensions"), "{written}");
}

fn seed(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/mud_file").join(name);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_modules_names_and_those_of_the_rfcs_example_are_read() {
    let policy = read_mud(&seed("sessions")).unwrap();
    let [tls, dtls] = policy.units[0].allow.as_slice() else { panic!("{policy:?}") };
    let names: Vec<&str> = tls.sessions.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["new", "old"]);
    assert_eq!(*tls.sessions[0].offer.suites, [4865, 4866]);
    assert_eq!(*dtls.sessions[0].offer.versions, [0xFEFC, 0xFEFD]);
    let notes = policy.coverage.unwrap().notes.join("\n");
    assert!(notes.contains("the extension `transparency` is not known"), "{notes}");
    assert!(
        notes.contains(
            "1 parts of extensions are not known and were left out: `ietf-mud-transparency:transparency`"
        ),
        "{notes}"
    );

    let example = read_mud(&seed("sessions_example")).unwrap();
    let [only] = example.units[0].allow.as_slice() else { panic!("{example:?}") };
    let offer = &only.sessions[0].offer;
    assert_eq!((&*offer.versions, &*offer.extensions), (&[0x0304][..], &[10, 11, 13, 16, 24][..]));
    assert_eq!(*offer.groups, [29]);
}

#[test]
fn what_a_profile_holds_that_nobody_knows_is_counted_and_told() {
    let entry = |profiles: &str| {
        ENTRY.replace(
            "MATCHES",
            &format!(r#"{{"ipv4": {{"protocol": 6}}, "tcp": {{"destination-port": {{"operator": "eq", "port": 443}}}}, "ietf-acl-tls:client-profiles": {profiles}}}"#),
        )
    };
    let one = |fields: &str| entry(&format!(r#"{{"tls-dtls-profile": [{{{fields}}}]}}"#));
    for (text, profiles, why) in [
        (
            one(r#""name": "p", "cipher-suite": [1], "spki-pin-set": ["aGk="], "ja4": "t13d"#)
                .replace("\"t13d", "\"t13d\""),
            1,
            "2 parts of extensions are not known and were left out: `ja4`, `spki-pin-set`",
        ),
        (one(r#""name": "p", "cipher-suite": [1]"#), 1, "does not say that the device supports them"),
        (one(r#""name": "p", "cipher-suite": [70000]"#), 0, "its cipher-suite is malformed"),
        (
            one(r#""name": "p", "cipher-suite": [{"cipher": 19, "hash": 1}]"#),
            0,
            "its cipher-suite is malformed",
        ),
        (one(r#""name": "p", "supported-tls-version": ["tls11"]"#), 0, "does not define the version `tls11`"),
        (
            one(r#""name": "p", "supported-tls-version": ["dtls12"]"#),
            0,
            "does not define the version `dtls12`",
        ),
        (one(r#""name": "p", "application-protocol": ["a b"]"#), 0, "its application-protocol is malformed"),
        (one(r#""name": "a b""#), 0, "TLS profile `a b` was left out: its name"),
        (one(r#""cipher-suite": [1]"#), 0, "its name"),
        (entry("7"), 0, "malformed"),
        (
            entry(r#"{"tls-dtls-profile": [{"name": "p"}, {"name": "p", "cipher-suite": [1]}]}"#),
            1,
            "there twice",
        ),
    ] {
        let policy = read_mud(&text).unwrap_or_else(|fault| panic!("{fault}: {text}"));
        // The rule stays: what its sessions are like narrows it, and nobody here would enforce that.
        assert_eq!(policy.units[0].allow.len(), 1, "{text}");
        assert_eq!(policy.units[0].allow[0].sessions.len(), profiles, "{text}");
        let notes = policy.coverage.unwrap().notes.join("\n");
        assert!(notes.contains(why), "{text}: {notes}");
    }
    let icmp = ENTRY.replace("MATCHES", r#"{"ietf-acl-tls:client-profiles": {}, "ipv4": {"protocol": 1}}"#);
    let policy = read_mud(&icmp).unwrap();
    assert!(policy.units[0].allow.is_empty() && policy.coverage.unwrap().notes[0].contains("contradict"));
    let many: Vec<String> =
        (0..40).map(|number| format!(r#"{{"name": "p{number}", "cipher-suite": [{number}]}}"#)).collect();
    let policy = read_mud(&entry(&format!(r#"{{"tls-dtls-profile": [{}]}}"#, many.join(",")))).unwrap();
    assert_eq!(policy.units[0].allow[0].sessions.len(), policy::PROFILES_MAX);
    // An entry that lets any session pass frees the rule; profiles of several entries add up, each by a name of its own.
    let two = |second: &str| {
        let text = one(r#""name": "p", "cipher-suite": [1]"#);
        let again = text.replace("[1]", second).replace("\"e\"", "\"g\"");
        let begin = again.find(r#"{"name": "g", "matches""#).unwrap();
        let end = again.find("]}}]}}").unwrap();
        text.replace("]}}]}}", &format!(", {}]}}}}]}}}}", &again[begin..end]))
    };
    let added = read_mud(&two("[2]")).unwrap();
    let names: Vec<&str> = added.units[0].allow[0].sessions.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["p", "p-2"]);
    let free = two("[2]").replacen(
        "ietf-acl-tls:client-profiles\": {\"tls-dtls-profile\": [{\"name\": \"p\", \"cipher-suite\": [2]}]}",
        "ietf-acl-tls:client-profiles\": {}",
        1,
    );
    assert!(read_mud(&free).unwrap().units[0].allow[0].sessions.is_empty(), "{free}");
}

#[test]
fn lists_are_read_under_the_key_of_the_rfc_and_of_the_drafts() {
    for key in ["ietf-access-control-list:acls", "ietf-access-control-list:access-lists"] {
        let text = ENTRY.replace("ietf-access-control-list:access-lists", key);
        let text = text.replace("MATCHES", r#"{"tcp": {"destination-port": {"operator": "eq", "port": 5}}}"#);
        assert_eq!(read_mud(&text).unwrap().units[0].allow.len(), 1, "{key}");
    }
}
