//! The live sensor on a real interface: a simulated ward is played by tcpreplay into a cable between two network
//! namespaces, and what the sensor finds is held against a scan of the same capture.
//!
//! ```text
//! namespace of the ward      namespace of the sensor
//! tcpreplay ─ eth0 ── veth ── eth0 ─ lazaret watch
//! ```
//! No end has an address or IPv6, so that whatever the sensor's end sends is the sensor's. What is missing (root,
//! tcpreplay) is said, and fails where `CI=true`.

#![expect(clippy::disallowed_methods, reason = "runs tcpreplay and the binary under test")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod cable;
mod clock;
mod evidence;
mod kept;
mod memory;
mod served;
mod workers;

use cable::{Cable, INTERFACE, Watched, run, said};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Bytes of a pcap file's header, and of the header of a record (pcap-savefile(5)).
const HEADER_BYTES: usize = 24;
const RECORD_BYTES: usize = 16;
/// Both link addresses: what stands before a VLAN tag.
const ADDRESSES_BYTES: usize = 12;
/// How much faster than in life wards are played, where nothing depends on time.
const FASTER: u32 = 10;
/// Whether a number agrees with its waveform depends on time.
const UNCHECKED: &[&str] = &["--integrity", "off"];

/// A ward that leaks and fetches code, as a capture.
fn ward(cable: &Cable, minutes: &str) -> PathBuf {
    let path = cable.path("ward.pcap");
    let ward = ["simulate", "ward", "--quiet", "--monitors", "3", "--minutes", minutes, "--output"];
    let scenarios = ["--scenario", "leak", "--scenario", "update-udp"];
    run(&[&[env!("CARGO_BIN_EXE_lazaret")], &ward[..], &[path.to_str().unwrap()], &scenarios].concat());
    path
}

fn scan(capture: &Path, more: &[&str]) -> Value {
    let scan = [env!("CARGO_BIN_EXE_lazaret"), "scan", "--format", "json", capture.to_str().unwrap()];
    let output = run(&[&scan[..], more].concat());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What findings say, apart from times and frames.
fn findings(report: &Value) -> BTreeSet<String> {
    let rows = report["findings"].as_array().unwrap().iter();
    let said =
        |row: &Value| ["rule", "asset", "peer", "severity", "certainty"].map(|key| row[key].to_string());
    rows.map(|row| said(row).join(" ")).collect()
}

/// Assets with the VLANs they were seen in.
fn vlans(report: &Value) -> BTreeSet<String> {
    report["assets"].as_array().unwrap().iter().map(|row| format!("{} {}", row["id"], row["vlans"])).collect()
}

fn frames(report: &Value) -> u64 {
    report["coverage"]["frames"].as_u64().unwrap()
}

fn assert_valid(report: &Value) {
    let schema = include_str!("../../../../docs/spec/report-1.schema.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    let faults: Vec<_> = schema.iter_errors(report).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The same capture with `tags` in every frame, outermost first.
fn tagged(capture: &Path, tags: &[u8]) -> PathBuf {
    let bytes = std::fs::read(capture).unwrap();
    let (header, mut rest) = bytes.split_at(HEADER_BYTES);
    assert!(
        [[0xd4, 0xc3, 0xb2, 0xa1], [0x4d, 0x3c, 0xb2, 0xa1]].iter().any(|magic| header.starts_with(magic))
    );
    let mut out = header.to_vec();
    while !rest.is_empty() {
        let (record, after) = rest.split_at(RECORD_BYTES);
        let length = |at: usize| u32::from_le_bytes(record[at..at + 4].try_into().unwrap());
        let (frame, after) = after.split_at(length(8) as usize);
        out.extend_from_slice(&record[..8]);
        for at in [8, 12] {
            out.extend_from_slice(&(length(at) + tags.len() as u32).to_le_bytes());
        }
        out.extend_from_slice(&[&frame[..ADDRESSES_BYTES], tags, &frame[ADDRESSES_BYTES..]].concat());
        rest = after;
    }
    let path = capture.with_file_name(format!("tagged-{}.pcap", tags.len()));
    std::fs::write(&path, out).unwrap();
    path
}

/// What the ward's patients are called and numbered.
fn identifiers(capture: &Path) -> BTreeSet<String> {
    let truth = std::fs::read(format!("{}.truth.json", capture.display())).unwrap();
    let truth: Value = serde_json::from_slice(&truth).unwrap();
    let beds = truth["beds"].as_array().unwrap().iter();
    let typed = beds.flat_map(|bed| ["name", "number", "doctor"].map(|key| bed["patient"][key].clone()));
    let others = truth["other_patients"].as_array().unwrap().iter().cloned();
    let all: BTreeSet<String> = typed
        .chain(others)
        .filter_map(|text| text.as_str().filter(|text| text.len() > 3).map(str::to_owned))
        .collect();
    assert!(all.len() > 6, "{all:?}");
    all
}

/// Plays a capture past a sensor and gives what it left.
fn watched(cable: &Cable, capture: &Path, frames: u64) -> Watched {
    let mut watch = cable.watch(UNCHECKED);
    cable.play(capture, FASTER);
    watch.until("all frames came", |watch| watch.sensor()["frames"] == frames);
    let watched = watch.end("-TERM");
    assert_eq!(watched.status, 0, "{}", watched.all);
    watched
}

#[test]
fn a_ward_that_is_watched_gives_the_findings_of_its_scan_and_nothing_is_sent() {
    let Some(cable) = Cable::new() else { return };
    let capture = ward(&cable, "0.5");
    let scanned = scan(&capture, UNCHECKED);
    // A busy machine plays a ward slower than life, which the checks of vital signs would notice.
    let mut watch = cable.watch(&[&["--verbose"], UNCHECKED].concat());
    cable.play(&capture, FASTER);
    watch.until("all frames came", |watch| watch.sensor()["frames"] == frames(&scanned));
    // Findings are told before the end, and so is the report.
    let open = |line: &Value| line["type"] == "finding" && line["state"] == "open";
    watch.until("findings are told", |watch| watch.lines().iter().any(open));
    let so_far: Value = serde_json::from_slice(&std::fs::read(cable.path("report.json")).unwrap()).unwrap();
    assert_valid(&so_far);
    // What came to the interface, what the kernel counted, and what was read are the same.
    let sensor = watch.sensor();
    for counted in ["interface_dropped", "interface_overrun", "backlog_dropped"] {
        assert_eq!(sensor[counted], 0, "{sensor:#}");
    }
    assert_eq!(sensor["interface_frames"], frames(&scanned), "{sensor:#}");
    let watched = watch.end("-TERM");

    assert_eq!(watched.status, 0, "{}", watched.all);
    assert_valid(&watched.report);
    assert_eq!(cable.received(), frames(&scanned), "frames were lost between sender and interface");
    assert!(findings(&scanned).len() > 10, "{:#}", scanned["findings"]);
    assert_eq!(findings(&watched.report), findings(&scanned));
    assert_eq!(frames(&watched.report), frames(&scanned));
    assert_eq!(watched.report["coverage"]["frames_lost"], Value::Null, "{:#}", watched.report["coverage"]);
    assert_eq!(watched.report["captures"][0]["name"], INTERFACE);
    assert_eq!(watched.report["captures"][0]["format"], "live");
    assert_eq!(cable.sent(), 0, "the sensor's end has sent something");
    let all = watched.all.to_lowercase();
    for identifier in identifiers(&capture) {
        assert!(!all.contains(&identifier.to_lowercase()), "a patient is named");
    }
}

#[test]
fn a_tag_that_the_kernel_takes_out_of_a_frame_is_put_back() {
    let Some(cable) = Cable::new() else { return };
    let capture = ward(&cable, "0.3");
    // IEEE 802.1Q: priority 3, VLAN 42; and VLAN 7 of a provider around it.
    for tags in [&[0x81, 0x00, 0x60, 42][..], &[0x88, 0xa8, 0, 7, 0x81, 0x00, 0x60, 42]] {
        let capture = tagged(&capture, tags);
        let scanned = scan(&capture, UNCHECKED);
        let watched = watched(&cable, &capture, frames(&scanned));
        assert!(vlans(&scanned).iter().any(|row| row.contains("42")), "{:#}", scanned["assets"]);
        assert_eq!(vlans(&watched.report), vlans(&scanned));
        assert_eq!(findings(&watched.report), findings(&scanned));
        assert_eq!(watched.report["captures"][0]["bytes"], wire_bytes(&capture));
    }
    assert_eq!(cable.sent(), 0);
}

/// Bytes of all frames of a capture.
fn wire_bytes(capture: &Path) -> u64 {
    let bytes = std::fs::read(capture).unwrap();
    let frames = scan(capture, UNCHECKED)["coverage"]["frames"].as_u64().unwrap();
    (bytes.len() - HEADER_BYTES) as u64 - frames * RECORD_BYTES as u64
}

#[test]
fn an_interface_that_goes_down_is_waited_for_and_said_once() {
    let Some(cable) = Cable::new() else { return };
    let capture = ward(&cable, "0.3");
    let count = frames(&scan(&capture, UNCHECKED));
    let mut watch = cable.watch(UNCHECKED);
    cable.play(&capture, FASTER);
    watch.until("the first frames came", |watch| watch.sensor()["frames"] == count);
    cable.switch("down");
    watch.until("it says that it is down", |watch| watch.sensor()["standing"] == "down");
    // Some more waiting: it is not said again.
    let lines = watch.lines().len();
    watch.until("three seconds pass", |watch| watch.lines().len() >= lines + 3);
    cable.switch("up");
    watch.until("it says that it is up", |watch| watch.sensor()["standing"] == "up");
    cable.play(&capture, FASTER);
    watch.until("the other frames came", |watch| watch.sensor()["frames"] == 2 * count);
    let watched = watch.end("-INT");
    assert_eq!(watched.status, 0, "{}", watched.all);
    assert_eq!(watched.all.matches("eth0 is down").count(), 1, "{}", watched.all);
    assert_eq!(watched.all.matches("eth0 is back").count(), 1, "{}", watched.all);
    let faults = watched.report["captures"][0]["faults"].to_string();
    assert!(faults.contains("went down") && faults.contains("came back"), "{faults}");
    assert_eq!(cable.sent(), 0);
}

#[test]
fn what_a_sensor_that_stands_still_cannot_take_is_counted_and_said() {
    stands_still(&[]);
}

/// Stops a sensor while more comes than its rings hold.
fn stands_still(more: &[&str]) {
    let Some(cable) = Cable::new() else { return };
    let capture = ward(&cable, "6");
    let scanned = scan(&capture, UNCHECKED);
    assert!(wire_bytes(&capture) > 2 << 20, "the ward does not fill the ring: {}", wire_bytes(&capture));
    let mut watch = cable.watch(&[more, &["--buffer", "2"], UNCHECKED].concat());
    watch.signal("-STOP");
    cable.play(&capture, 1000);
    watch.signal("-CONT");
    watch.until("every frame is accounted for", |watch| {
        let sensor = watch.sensor();
        let count = |key: &str| sensor[key].as_u64().unwrap_or(0);
        count("frames_lost") > 0 && count("frames") + count("frames_lost") == frames(&scanned)
    });
    assert!(watch.sensor()["ring_full"].as_u64() > Some(0), "{:#}", watch.sensor());
    let watched = watch.end("-TERM");
    let coverage = &watched.report["coverage"];
    let lost = coverage["frames_lost"].as_u64().unwrap();
    assert_eq!(frames(&watched.report) + lost, frames(&scanned), "{coverage:#}");
    let spot = format!("The sensor lost {lost} frames");
    assert!(coverage["blind_spots"].to_string().contains(&spot), "{coverage:#}");
    // Less is seen, nothing is invented.
    let (watched, scanned) = (rules(&watched.report), rules(&scanned));
    assert!(watched.is_subset(&scanned), "{watched:?} of {scanned:?}");
}

/// Rules with the asset they speak of.
fn rules(report: &Value) -> BTreeSet<String> {
    let rows = report["findings"].as_array().unwrap().iter();
    rows.map(|row| format!("{} {}", row["rule"], row["asset"])).collect()
}

#[test]
fn a_sensor_that_watches_has_no_privileges_left() {
    let Some(cable) = Cable::new() else { return };
    let watch = cable.watch(&["--verbose"]);
    for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        assert_eq!(watch.status(set).trim_start_matches('0'), "", "{set}");
    }
    assert_eq!(watch.status("NoNewPrivs"), "1");
    let said = watch.errors();
    assert!(said.contains("capabilities were dropped"), "{said}");
    assert_eq!(watch.end("-TERM").status, 0);
}

#[test]
fn what_cannot_be_watched_is_said_with_what_to_do() {
    let Some(cable) = Cable::new() else { return };
    let lazaret = env!("CARGO_BIN_EXE_lazaret");
    let watch = |prefix: &[&str], more: &[&str]| {
        let output = cable.at_sensor(&[prefix, &[lazaret, "watch"], more].concat());
        (output.status.code(), said(&output))
    };
    let (status, said) = watch(&[], &["--interface", "eth9"]);
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("no network interface `eth9`") && said.contains("ip link"), "{said}");
    let unprivileged = ["setpriv", "--inh-caps=-net_raw", "--bounding-set=-net_raw"];
    let (status, said) = watch(&unprivileged, &["--interface", INTERFACE]);
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("CAP_NET_RAW") && said.contains("setcap"), "{said}");
    let (status, said) = watch(&[], &["--interface", INTERFACE, "--report", "/nowhere/at/all.json"]);
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("/nowhere/at"), "{said}");
    for wrong in [["--buffer", "1"], ["--workers", "0"], ["--workers", "17"]] {
        let (status, said) = watch(&[], &[&["--interface", INTERFACE], &wrong[..]].concat());
        assert_eq!(status, Some(2), "{said}");
        assert!(said.contains(wrong[0]), "{said}");
    }
}

#[test]
fn a_watch_ends_after_its_time_and_fails_on_what_it_found() {
    let Some(cable) = Cable::new() else { return };
    let capture = ward(&cable, "0.3");
    let mut watch = cable.watch(&["--fail-on", "high"]);
    cable.play(&capture, FASTER);
    let count = frames(&scan(&capture, UNCHECKED));
    watch.until("all frames came", |watch| watch.sensor()["frames"] == count);
    assert_eq!(watch.end("-INT").status, 1);
    let timed =
        [env!("CARGO_BIN_EXE_lazaret"), "watch", "-i", INTERFACE, "--duration", "1s", "--fail-on", "low"];
    let output = cable.at_sensor(&[&timed[..], &["--format", "text"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("No frame was read"), "{}", said(&output));
}
