//! A watch that plays a capture into a store: needs no network, and gives what a scan gives.

use super::{Folder, done, json, lazaret, said, status};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn counts(rows: &Value) -> BTreeMap<String, u64> {
    let rows = rows["findings"].as_array().unwrap().iter();
    rows.map(|row| (row["id"].to_string(), row["count"].as_u64().unwrap())).collect()
}

fn scanned(capture: &str, more: &[&str]) -> Value {
    let scan = ["scan", "--format", "json", capture];
    serde_json::from_slice(&done(&[&scan[..], more].concat()).stdout).unwrap()
}

fn stored(store: &str) -> Value {
    json(&["findings", "--store", store, "list", "--all", "--limit", "100000"])
}

/// What findings say, with how often they were seen.
fn told(rows: &Value) -> BTreeSet<String> {
    let said =
        |row: &Value| ["id", "severity", "certainty", "count", "title"].map(|key| row[key].to_string());
    rows["findings"].as_array().unwrap().iter().map(|row| said(row).join(" ")).collect()
}

/// Those that stand: without what was told and later frames explained.
fn standing(store: &str) -> Value {
    json(&["findings", "--store", store, "list", "--limit", "100000"])
}

fn actions(store: &str, action: &str) -> usize {
    let log = json(&["audit", "--store", store, "show", "--limit", "100000"]);
    log["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == action).count()
}

#[test]
fn a_capture_that_is_played_gives_exactly_what_its_scan_gives() {
    let folder = Folder::new("played");
    let (store, ward) = (folder.text("s"), folder.ward(1, &["leak", "update-udp"]));
    let watched = done(&["watch", "--input", &ward, "--store", &store, "--format", "ndjson"]);
    let report = scanned(&ward, &[]);
    assert!(counts(&report).len() > 10);
    // With the checks of vital signs, since time is the capture's.
    assert_eq!(counts(&stored(&store)), counts(&report), "{}", said(&watched));
    assert_eq!(status(&lazaret(&["audit", "--store", &store, "verify"])), 0);
    let sensors = json(&["store", "--store", &store, "sensors"]);
    assert_eq!(sensors["sensors"][0]["health"]["frames"], report["coverage"]["frames"]);
    // A scan of the same capture is other evidence of the same matters: one finding each.
    done(&["scan", "--output", "/dev/null", "--store", &store, &ward]);
    assert_eq!(
        counts(&stored(&store)).keys().collect::<Vec<_>>(),
        counts(&report).keys().collect::<Vec<_>>()
    );
}

#[test]
fn periods_let_go_of_what_was_told_and_nothing_is_lost_or_doubled() {
    let folder = Folder::new("periods");
    let (store, ward) = (folder.text("s"), folder.text("long.pcap"));
    let simulate = ["simulate", "ward", "--quiet", "--monitors", "2", "--minutes", "22", "--output", &ward];
    done(&[&simulate[..], &["--scenario", "leak"]].concat());
    let unchecked = ["--integrity", "off"];
    let watch = ["watch", "--input", &ward, "--store", &store, "--format", "ndjson", "--period", "5m"];
    done(&[&watch[..], &unchecked].concat());
    let report = scanned(&ward, &unchecked);
    assert_eq!((actions(&store, "watch"), actions(&store, "watched")), (5, 5));
    assert_eq!(counts(&standing(&store)), counts(&report));
    // Opened once each, though every period shows most of them.
    let opened = actions(&store, "opened");
    assert_eq!(opened, counts(&stored(&store)).len());
    // Conversations add up: frames and bytes of what ended are counted once.
    for asset in report["assets"].as_array().unwrap() {
        let card = json(&["assets", "--store", &store, "show", asset["id"].as_str().unwrap()]);
        let sum = |rows: &Value, key: &str| -> u64 {
            rows.as_array().unwrap().iter().map(|row| row[key].as_u64().unwrap_or(0)).sum()
        };
        for key in ["frames", "bytes_out", "bytes_in"] {
            assert_eq!(
                sum(&card["conversations"], key),
                sum(&asset["conversations"], key),
                "{key} {asset:#}"
            );
        }
    }
    // Every sample of every parameter is in one row of the trends.
    for bed in report["vitals"].as_array().unwrap() {
        let trends = json(&["assets", "--store", &store, "trends", bed["asset"].as_str().unwrap()]);
        let trends = trends["trends"].as_array().unwrap();
        assert!(trends.iter().filter(|row| row["vital"] == "heart-rate").count() >= 4);
        for (vital, numeric) in bed["numerics"].as_object().unwrap() {
            let of_vital = trends.iter().filter(|row| row["vital"] == *vital && row["bed"] == bed["bed"]);
            let samples: u64 = of_vital.map(|row| row["samples"].as_u64().unwrap()).sum();
            assert_eq!(samples, numeric["samples"].as_u64().unwrap(), "{vital}");
        }
    }
    let monitor = report["vitals"][0]["asset"].as_str().unwrap();
    let text = done(&["assets", "--store", &store, "trends", monitor, "--limit", "3"]);
    assert_eq!(super::printed(&text).lines().count(), 3);
}

#[test]
fn short_periods_tell_what_a_scan_tells_whatever_is_known_late() {
    let folder = Folder::new("short-periods");
    let leaks = ["leak", "update-udp", "limits-widened"];
    let rogue = ["local-central", "rogue-central", "relabel", "alarm-off"];
    for (seed, scenarios) in [(1, &leaks[..]), (2, &leaks), (3, &rogue), (4, &rogue)] {
        let store = folder.text(&format!("s{seed}"));
        let ward = folder.ward(seed, scenarios);
        // With the checks of vital signs.
        done(&["watch", "--input", &ward, "--store", &store, "--format", "ndjson", "--period", "5s"]);
        assert!(actions(&store, "watched") >= 2);
        let report = scanned(&ward, &[]);
        assert!(counts(&report).len() > 4, "{report:#}");
        assert_eq!(told(&standing(&store)), told(&report), "seed {seed}");
        for bed in report["vitals"].as_array().unwrap() {
            let trends = json(&["assets", "--store", &store, "trends", bed["asset"].as_str().unwrap()]);
            for (vital, numeric) in bed["numerics"].as_object().unwrap() {
                let rows = trends["trends"].as_array().unwrap().iter();
                let of_vital = rows.filter(|row| row["vital"] == *vital && row["bed"] == bed["bed"]);
                let samples: u64 = of_vital.map(|row| row["samples"].as_u64().unwrap()).sum();
                assert_eq!(samples, numeric["samples"].as_u64().unwrap(), "seed {seed} {vital}");
            }
        }
    }
}

#[test]
fn what_cannot_be_played_or_kept_is_said_with_what_to_do() {
    let folder = Folder::new("unplayed");
    let (store, ward) = (folder.text("s"), folder.ward(1, &["leak"]));
    let refused = |arguments: &[&str]| {
        let output = lazaret(arguments);
        assert_eq!(status(&output), 2, "{arguments:?}: {}", said(&output));
        said(&output)
    };
    assert!(refused(&["watch"]).contains("--interface"));
    assert!(refused(&["watch", "--input", &ward, "--interface", "eth1"]).contains("cannot be used with"));
    assert!(refused(&["watch", "--input", &ward, "--period", "1h"]).contains("--store"));
    let here = folder.text("");
    assert!(refused(&["watch", "--input", &ward, "--store", &here]).contains("is not a store"));
    std::fs::write(folder.text("no.pcap"), "nothing of the kind").unwrap();
    assert!(refused(&["watch", "--input", &folder.text("no.pcap"), "--store", &store]).contains("no.pcap"));
    // Nobody wrote to it live.
    done(&["scan", "--output", "/dev/null", "--integrity", "off", "--store", &store, &ward]);
    let none = done(&["store", "--store", &store, "sensors"]);
    assert!(super::printed(&none).contains("No sensor"));
}
