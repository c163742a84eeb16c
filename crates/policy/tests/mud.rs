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
    assert_eq!(file["ietf-access-control-list:access-lists"]["acl"][0]["type"], "ipv4-acl-type");
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
