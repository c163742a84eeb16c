//! The store as the devices' own past: what is new of them is told, and a person's word makes it known.

use crate::{Folder, done};
use serde_json::Value;

/// A ward of one day, as a capture of half a minute; the same devices each day.
fn day(folder: &Folder, day: u32, scenarios: &[&str]) -> String {
    let path = folder.text(&format!("day-{day}.pcap"));
    let (start, seed) = (format!("2026-01-{day}T08:00:00Z"), day.to_string());
    let mut arguments = vec!["simulate", "ward", "--monitors", "2", "--minutes", "0.6", "--quiet"];
    arguments.extend(["--seed", &seed, "--start", &start, "--output", &path]);
    scenarios.iter().for_each(|scenario| arguments.extend(["--scenario", scenario]));
    done(&arguments);
    path
}

/// Addresses of new peers that a scan of `capture` into the store finds.
fn new_peers(folder: &Folder, capture: &str) -> Vec<(String, String)> {
    let store = folder.text("store");
    let scan =
        done(&["scan", "--quiet", "--format", "json", "--integrity", "off", "--store", &store, capture]);
    let report: Value = serde_json::from_slice(&scan.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    findings
        .filter(|finding| finding["rule"] == "new-peer")
        .map(|finding| (text(&finding["peer"]["ip"]), text(&finding["id"])))
        .collect()
}

#[test]
fn a_peer_that_the_store_does_not_know_is_new_until_a_person_says_otherwise() {
    let folder = Folder::new("past");
    assert_eq!(new_peers(&folder, &day(&folder, 12, &["benign"])), [], "nothing is known yet");
    assert_eq!(new_peers(&folder, &day(&folder, 14, &["benign"])), [], "nothing is new");
    let strange = day(&folder, 15, &["benign", "lateral-scan"]);
    let new = new_peers(&folder, &strange);
    let peers: Vec<&str> = new.iter().map(|(ip, _)| ip.as_str()).collect();
    assert_eq!(peers, ["10.20.1.31"], "the printer, whose terminal it opened");
    assert_eq!(new_peers(&folder, &strange), new, "the same capture says the same again");
    let store = folder.text("store");
    done(&["findings", "--store", &store, "false-positive", &new[0].1, "--note", "its new printer"]);
    assert_eq!(new_peers(&folder, &day(&folder, 16, &["benign", "lateral-scan"])), []);
}
