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

/// Findings of a scan into the store that name this peer or are of this rule: rule, address of the peer, id.
fn told(folder: &Folder, capture: &str) -> Vec<[String; 3]> {
    let store = folder.text("store");
    let scan =
        done(&["scan", "--quiet", "--format", "json", "--integrity", "off", "--store", &store, capture]);
    let report: Value = serde_json::from_slice(&scan.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    findings
        .filter(|finding| finding["rule"] == "new-peer" || finding["peer"]["ip"] == PRINTER)
        .map(|finding| [&finding["rule"], &finding["peer"]["ip"], &finding["id"]].map(text))
        .collect()
}

/// What a watch that plays `capture` into the store adds to it: rules and peers of what is new to the devices.
fn watched(folder: &Folder, capture: &str) -> Vec<[String; 2]> {
    let store = folder.text("store");
    let watch = ["watch", "--quiet", "--format", "ndjson", "--integrity", "off", "--period", "10s"];
    done(&[&watch[..], &["--input", capture, "--store", &store]].concat());
    let list = crate::json(&["findings", "--store", &store, "list", "--limit", "100000"]);
    let findings = list["findings"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    findings
        .filter(|finding| finding["rule"] == "new-peer")
        .map(|finding| [text(&finding["rule"]), text(&finding["peer"]["ip"])])
        .collect()
}

#[test]
fn a_watch_that_is_started_again_knows_what_the_devices_did_before() {
    let folder = Folder::new("past-watched");
    let none: [[String; 2]; 0] = [];
    assert_eq!(watched(&folder, &day(&folder, 12, &["benign"])), none, "nothing is known yet");
    assert_eq!(watched(&folder, &day(&folder, 14, &["benign"])), none, "nothing is new");
    let strange = watched(&folder, &day(&folder, 15, &["benign", "lateral-scan"]));
    assert_eq!(strange, [["new-peer".to_owned(), PRINTER.to_owned()]]);
    // And so does a scan.
    let found = told(&folder, &day(&folder, 16, &["benign"]));
    assert!(found.iter().all(|[rule, ..]| rule != "new-peer"), "{found:?}");
}

/// Whose terminal the monitor opens.
const PRINTER: &str = "10.20.1.31";

#[test]
fn a_peer_that_the_store_does_not_know_is_new_until_a_person_says_otherwise() {
    let folder = Folder::new("past");
    let none: [[String; 3]; 0] = [];
    assert_eq!(told(&folder, &day(&folder, 12, &["benign"])), none, "nothing is known yet");
    assert_eq!(told(&folder, &day(&folder, 14, &["benign"])), none, "nothing is new");
    let strange = day(&folder, 15, &["benign", "lateral-scan"]);
    let found = told(&folder, &strange);
    let new: Vec<&str> =
        found.iter().filter(|[rule, ..]| rule == "new-peer").map(|[_, ip, _]| ip.as_str()).collect();
    assert_eq!(new, [PRINTER], "{found:?}");
    assert_eq!(told(&folder, &strange), found, "the same capture says the same again");
    let store = folder.text("store");
    for [.., id] in &found {
        done(&["findings", "--store", &store, "false-positive", id, "--note", "its new printer"]);
    }
    let later = told(&folder, &day(&folder, 16, &["benign", "lateral-scan"]));
    assert!(later.iter().all(|[rule, ..]| rule != "new-peer"), "{later:?}");
}
