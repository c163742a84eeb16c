//! A watch that keeps what it sees in a store: nothing is lost with the process, nothing is counted twice.
//!
//! CI kills a few times, `cargo xtask soak watch-kills` 200 times (`LAZARET_WATCH_KILLS`).

use super::{Cable, FASTER, UNCHECKED, findings, frames, identifiers, run, scan, ward};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const KILLS: u32 = 4;

/// What a command says of the store.
fn ask(store: &str, what: &[&str]) -> Value {
    let command = [&[env!("CARGO_BIN_EXE_lazaret")], what, &["--store", store, "--format", "json"]].concat();
    let document = serde_json::from_slice(&run(&command).stdout).unwrap();
    let schema = include_str!("../../../../docs/spec/store-1.schema.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    let faults: Vec<_> = schema.iter_errors(&document).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{what:?}: {faults:#?}");
    document
}

fn stored(store: &str) -> Vec<Value> {
    let list = ask(store, &["findings", "list", "--all", "--limit", "100000"]);
    list["findings"].as_array().unwrap().clone()
}

/// Those that stand: without what was told and later frames explained.
fn standing(store: &str) -> Vec<Value> {
    let list = ask(store, &["findings", "list", "--limit", "100000"]);
    list["findings"].as_array().unwrap().clone()
}

/// What findings say, with how often they were seen.
fn said(rows: &[Value]) -> BTreeSet<String> {
    let said =
        |row: &Value| ["id", "severity", "certainty", "count", "title"].map(|key| row[key].to_string());
    rows.iter().map(|row| said(row).join(" ")).collect()
}

/// Samples of each parameter that the store has of a bed.
fn samples(store: &str, bed: &Value) -> BTreeMap<String, u64> {
    let trends = ask(store, &["assets", "trends", bed["asset"].as_str().unwrap(), "--limit", "100000"]);
    let mut samples = BTreeMap::new();
    for row in trends["trends"].as_array().unwrap().iter().filter(|row| row["bed"] == bed["bed"]) {
        *samples.entry(row["vital"].as_str().unwrap().to_owned()).or_default() +=
            row["samples"].as_u64().unwrap();
    }
    samples
}

fn assert_whole(store: &str) {
    assert_eq!(ask(store, &["audit", "verify"])["whole"], true);
}

/// How often each finding was seen.
fn counts(rows: &[Value]) -> BTreeMap<String, u64> {
    rows.iter().map(|row| (row["id"].to_string(), row["count"].as_u64().unwrap())).collect()
}

#[test]
fn a_watch_keeps_in_the_store_what_its_report_says() {
    let Some(cable) = Cable::new() else { return };
    let capture = ward(&cable, "0.5");
    let scanned = scan(&capture, UNCHECKED);
    let store = cable.path("store").display().to_string();
    let kept = [&["--store", &store], UNCHECKED].concat();
    let mut watch = cable.watch(&kept);
    cable.play(&capture, FASTER);
    watch.until("all frames came", |watch| watch.sensor()["frames"] == frames(&scanned));
    // What is told is in the store when it is told, and the store can be asked, and decided about, meanwhile.
    let open = |line: &Value| line["type"] == "finding" && line["state"] == "open";
    watch.until("findings are told", |watch| watch.lines().iter().any(open));
    let told: BTreeSet<String> =
        watch.lines().iter().filter(|line| open(line)).map(|line| line["id"].to_string()).collect();
    let there = counts(&stored(&store));
    assert!(told.iter().all(|id| there.contains_key(id)), "{told:?} of {there:?}");
    let quiet = stored(&store)[0]["id"].as_str().unwrap().to_owned();
    let suppress =
        ["findings", "--store", &store, "suppress", &quiet, "--until", "30d", "--reason", "ordered"];
    run(&[&[env!("CARGO_BIN_EXE_lazaret")], &suppress[..]].concat());
    let watched = watch.end("-TERM");

    assert_eq!(watched.status, 0, "{}", watched.all);
    assert_eq!(findings(&watched.report), findings(&scanned));
    // On a slow machine something may have been told that later frames explained: it is there as resolved.
    let there: Vec<Value> = stored(&store).into_iter().filter(|row| row["state"] != "resolved").collect();
    assert_eq!(counts(&there), counts(watched.report["findings"].as_array().unwrap()));
    let of_quiet = there.iter().find(|row| row["id"] == *quiet).unwrap();
    assert_eq!(of_quiet["suppressed"], true, "{of_quiet:#}");
    let assets = ask(&store, &["assets", "list", "--limit", "1000"]);
    assert_eq!(
        assets["assets"].as_array().unwrap().len(),
        watched.report["assets"].as_array().unwrap().len()
    );
    let sensors = ask(&store, &["store", "sensors"]);
    let sensor = &sensors["sensors"][0];
    assert_eq!(sensor["health"]["frames"], frames(&scanned));
    assert!(sensor["ended"].is_string() && sensor["blind_spots"].to_string().contains("Watched live"));
    let card = ask(&store, &["findings", "show", &quiet]);
    assert!(card["evidence"][0]["period"].as_str().unwrap().starts_with("live:eth0:"), "{card:#}");
    let monitor = watched.report["vitals"][0]["asset"].as_str().unwrap();
    let trends = ask(&store, &["assets", "trends", monitor]);
    let first = |vital: &str, of: &Value| {
        of.as_array().unwrap().iter().find(|row| row["vital"] == vital).cloned().unwrap_or_default()
    };
    assert!(first("heart-rate", &trends["trends"])["samples"].as_u64() > Some(0), "{trends:#}");
    assert_whole(&store);
    let all = std::fs::read(Path::new(&store).join("store.sqlite")).unwrap().to_ascii_lowercase();
    for identifier in identifiers(&capture) {
        let identifier = identifier.to_lowercase();
        assert!(!all.windows(identifier.len()).any(|bytes| bytes == identifier.as_bytes()));
    }
    assert_eq!(cable.sent(), 0);
}

#[test]
fn periods_of_a_watch_add_up_to_what_a_scan_counts() {
    let Some(cable) = Cable::new() else { return };
    let capture = ward(&cable, "0.5");
    let scanned = scan(&capture, UNCHECKED);
    let store = cable.path("store").display().to_string();
    let mut watch = cable.watch(&[&["--store", &store, "--period", "10s"], UNCHECKED].concat());
    // At the pace of life, so that the ward lives through several periods.
    cable.play(&capture, 1);
    watch.until("all frames came", |watch| watch.sensor()["frames"] == frames(&scanned));
    assert_eq!(watch.end("-TERM").status, 0);
    let log = ask(&store, &["audit", "show", "--limit", "100000"]);
    let periods =
        log["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == "watched").count();
    assert!(periods >= 3, "{log:#}");
    assert_eq!(said(&standing(&store)), said(scanned["findings"].as_array().unwrap()));
    let mut all = 0;
    for bed in scanned["vitals"].as_array().unwrap() {
        let numerics = bed["numerics"].as_object().unwrap().iter();
        let wanted: BTreeMap<_, _> =
            numerics.map(|(vital, range)| (vital.clone(), range["samples"].as_u64().unwrap())).collect();
        all += wanted["heart-rate"];
        assert_eq!(samples(&store, bed), wanted, "{bed:#}");
    }
    assert!(all > 40, "{all}");
    assert_whole(&store);
}

#[test]
fn a_watch_that_is_killed_loses_nothing_that_it_told_and_doubles_nothing() {
    let Some(cable) = Cable::new() else { return };
    let kills = std::env::var("LAZARET_WATCH_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let capture = ward(&cable, "0.3");
    let scanned = scan(&capture, UNCHECKED);
    let wanted = counts(scanned["findings"].as_array().unwrap());
    let store = cable.path("store").display().to_string();
    let mut told = BTreeSet::new();
    let mut before = BTreeMap::new();
    let mut random = 0x1A2A_2E71_u64;
    for kill in 0..kills {
        let mut watch = cable.watch(&[&["--store", &store], UNCHECKED].concat());
        cable.play(&capture, FASTER);
        // After a number of lines that differs: before, while and after the findings are kept.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let lines = 2 + (random >> 33) as usize % 40;
        watch.until("so many lines", |watch| {
            let sensor = watch.lines().iter().filter(|line| line["type"] == "sensor").count();
            watch.lines().len() >= lines || sensor >= 8
        });
        let lines = watch.kill();
        let open = lines.iter().filter(|line| line["type"] == "finding");
        told.extend(open.map(|line| line["id"].to_string()));
        assert_whole(&store);
        let there = stored(&store);
        let now = counts(&there);
        assert_eq!(now.len(), there.len(), "kill {kill}: a finding is there twice");
        assert!(told.iter().all(|id| now.contains_key(id)), "kill {kill}: a finding that was told is lost");
        for (id, count) in &now {
            let was = before.get(id).copied().unwrap_or(0);
            // One more playing is seen once more at most; the same matter may be a finding of its own only once.
            assert!(*count >= was, "kill {kill}: {id} went back from {was} to {count}");
            assert!(*count <= was + wanted[id], "kill {kill}: {id} went from {was} to {count}");
        }
        before = now;
    }
    assert!(!told.is_empty(), "no finding was told before a kill");
    // And in order once more.
    let mut watch = cable.watch(&[&["--store", &store], UNCHECKED].concat());
    cable.play(&capture, FASTER);
    watch.until("all frames came", |watch| watch.sensor()["frames"] == frames(&scanned));
    assert_eq!(watch.end("-TERM").status, 0);
    let now = counts(&stored(&store));
    for (id, count) in &wanted {
        assert_eq!(now[id], before.get(id).copied().unwrap_or(0) + count, "{id}");
    }
    println!("{kills} kills; {} findings were told before them", told.len());
}

#[test]
fn networks_that_are_left_out_are_dropped_in_the_kernel_and_said() {
    let Some(cable) = Cable::new() else { return };
    let capture = ward(&cable, "0.3");
    let scanned = scan(&capture, UNCHECKED);
    let monitors = scanned["assets"].as_array().unwrap().iter().filter(|asset| asset["model"] == "CMS8000");
    let ip = monitors.clone().next().unwrap()["ips"][0].as_str().unwrap().to_owned();
    let network = format!("{ip}/32");
    let metrics = cable.path("sensor.prom").display().to_string();
    let more = ["--exclude-net", &network, "--metrics", &metrics];
    let mut watch = cable.watch(&[&more[..], UNCHECKED].concat());
    cable.play(&capture, FASTER);
    // All came to the interface; those of one monitor went no further.
    watch.until("all frames came", |watch| watch.sensor()["interface_frames"] == frames(&scanned));
    let watched = watch.end("-TERM");
    let seen = frames(&watched.report);
    assert!(seen > 0 && seen < frames(&scanned), "{seen} of {}", frames(&scanned));
    let talks = |report: &Value| report["assets"].to_string().contains(&ip);
    assert!(talks(&scanned) && !watched.report["findings"].to_string().contains(&ip));
    assert!(watched.report["coverage"]["blind_spots"].to_string().contains(&network));
    let metrics = std::fs::read_to_string(metrics).unwrap();
    assert!(metrics.contains(&format!("lazaret_frames_total{{interface=\"eth0\"}} {seen}\n")), "{metrics}");
}
