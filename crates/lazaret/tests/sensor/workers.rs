//! A sensor with several workers: the kernel shares the frames of the cable out over as many rings, and what comes of it is
//! what one worker makes of them.

use super::{
    Cable, FASTER, HEADER_BYTES, RECORD_BYTES, UNCHECKED, findings, frames, run, scan, stands_still, tagged,
    vlans, ward, wire_bytes,
};
use serde_json::Value;
use std::path::{Path, PathBuf};

const TWO: &[&str] = &["--workers", "2"];
/// How often an interface may come back before one worker reads it alone (`ingest/src/live/lane.rs`).
const SPARES: usize = 8;

/// Frames that each worker has read.
fn shared_out(sensor: &Value) -> Vec<u64> {
    let each = sensor["ring_frames"].as_array().unwrap_or_else(|| panic!("{sensor:#}"));
    each.iter().map(|count| count.as_u64().unwrap()).collect()
}

#[test]
fn two_workers_find_what_a_scan_finds_keep_every_frame_and_send_nothing() {
    let Some(cable) = Cable::new() else { return };
    let capture = ward(&cable, "0.5");
    let scanned = scan(&capture, UNCHECKED);
    let count = frames(&scanned);
    let [store, ring, passphrase, key, bundle] = ["store", "ring", "passphrase", "site.key", "bundle.tar"]
        .map(|name| cable.path(name).display().to_string());
    std::fs::write(&passphrase, "correct horse battery staple\n").unwrap();
    let unlocked = ["--ring", &ring, "--ring-key-file", &passphrase];
    let mut watch = cable.watch(&[TWO, UNCHECKED, &["--store", &store], &unlocked].concat());
    cable.play(&capture, FASTER);
    watch.until("all frames came", |watch| watch.sensor()["frames"] == count);
    let sensor = watch.sensor();
    let each = shared_out(&sensor);
    assert_eq!((each.len(), each.iter().sum::<u64>()), (2, count), "{sensor:#}");
    assert!(each.iter().all(|frames| *frames > 0), "all frames went one way: {each:?}");
    assert_eq!(sensor["interface_frames"], count, "{sensor:#}");
    let watched = watch.end("-TERM");
    assert_eq!(watched.status, 0, "{}", watched.all);
    assert_eq!(cable.received(), count, "frames were lost between sender and interface");
    assert!(findings(&scanned).len() > 10, "{:#}", scanned["findings"]);
    assert_eq!(findings(&watched.report), findings(&scanned));
    assert_eq!(frames(&watched.report), count);
    assert_eq!(watched.report["coverage"]["frames_lost"], Value::Null, "{:#}", watched.report["coverage"]);
    assert_eq!(cable.sent(), 0, "the sensor's end has sent something");
    // The frames are numbered in the order in which they were judged, and lie so in the evidence ring.
    let mut lines = watched.all.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let last = lines.rfind(|line| line["type"] == "sensor").unwrap();
    assert_eq!((&last["evidence_frames"], &last["evidence_frames_lost"]), (&count.into(), &0.into()));
    let lazaret = env!("CARGO_BIN_EXE_lazaret");
    run(&[lazaret, "evidence", "keygen", "--key", &key]);
    for finding in watched.report["findings"].as_array().unwrap().iter().step_by(5) {
        let from = ["evidence", "export", finding["id"].as_str().unwrap(), "--store", &store];
        run(&[&[lazaret], &from[..], &unlocked, &["--key", &key, "--output", &bundle]].concat());
        run(&[lazaret, "evidence", "verify", &bundle]);
        std::fs::remove_file(&bundle).unwrap();
    }
}

/// The same capture inside a tunnel (VXLAN, RFC 7348) whose outer port is the sender's: both directions of a connection are different
/// flows to the kernel.
fn tunnelled(capture: &Path) -> PathBuf {
    let bytes = std::fs::read(capture).unwrap();
    let (header, mut rest) = bytes.split_at(HEADER_BYTES);
    let mut out = header.to_vec();
    while !rest.is_empty() {
        let (record, after) = rest.split_at(RECORD_BYTES);
        let length = |at: usize| u32::from_le_bytes(record[at..at + 4].try_into().unwrap());
        let (frame, after) = after.split_at(length(8) as usize);
        let outer = outer(frame);
        out.extend_from_slice(&record[..8]);
        for at in [8, 12] {
            out.extend_from_slice(&(length(at) + outer.len() as u32).to_le_bytes());
        }
        out.extend_from_slice(&[&outer, frame].concat());
        rest = after;
    }
    let path = capture.with_file_name("tunnelled.pcap");
    std::fs::write(&path, out).unwrap();
    path
}

/// Ethernet, IPv4, UDP and VXLAN headers before a frame.
fn outer(frame: &[u8]) -> Vec<u8> {
    let port = 49_152 + u16::from(frame[11]) * 7 % 1_000;
    let length = |bytes: usize| u16::try_from(frame.len() + bytes).unwrap().to_be_bytes();
    let mut ip =
        [&[0x45, 0][..], &length(36), &[0, 0, 0x40, 0, 64, 17, 0, 0, 10, 1, 1, 1, 10, 1, 1, 2]].concat();
    let sum: u32 = ip.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    ip[10..12].copy_from_slice(&(!(((folded & 0xffff) + (folded >> 16)) as u16)).to_be_bytes());
    let udp = [&port.to_be_bytes()[..], &4_789_u16.to_be_bytes(), &length(16), &[0, 0]].concat();
    let ethernet = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00];
    [&ethernet[..], &ip, &udp, &[0x08, 0, 0, 0, 0, 0, 42, 0]].concat()
}

#[test]
fn connections_whose_directions_come_by_different_rings_are_read_like_any() {
    let Some(cable) = Cable::new() else { return };
    let capture = ward(&cable, "0.3");
    let tunnel = tunnelled(&capture);
    let tags = tagged(&capture, &[0x81, 0x00, 0x60, 42]);
    assert!(findings(&scan(&tunnel, UNCHECKED)).len() > 10, "a scan does not look into the tunnel");
    for capture in [&tunnel, &tags] {
        let scanned = scan(capture, UNCHECKED);
        let mut watch = cable.watch(&[TWO, UNCHECKED].concat());
        cable.play(capture, FASTER);
        watch.until("all frames came", |watch| watch.sensor()["frames"] == frames(&scanned));
        let each = shared_out(&watch.sensor());
        assert!(each.iter().all(|frames| *frames > 0), "all frames went one way: {each:?}");
        let watched = watch.end("-TERM");
        assert_eq!(watched.status, 0, "{}", watched.all);
        assert_eq!(findings(&watched.report), findings(&scanned));
        assert_eq!(vlans(&watched.report), vlans(&scanned));
        assert_eq!(watched.report["captures"][0]["bytes"], wire_bytes(capture));
        for count in ["gap_bytes", "flows", "flows_one_sided"] {
            let both = [&watched.report, &scanned].map(|report| report["coverage"][count].clone());
            assert_eq!(both[0], both[1], "{count}");
        }
    }
    assert_eq!(cable.sent(), 0);
}

#[test]
fn what_two_workers_that_stand_still_cannot_take_is_counted_and_said() {
    stands_still(TWO);
}

#[test]
fn an_interface_that_goes_down_is_waited_for_by_both_and_said_once() {
    let Some(cable) = Cable::new() else { return };
    let capture = ward(&cable, "0.3");
    let count = frames(&scan(&capture, UNCHECKED));
    let mut watch = cable.watch(&[TWO, UNCHECKED].concat());
    cable.play(&capture, FASTER);
    watch.until("the first frames came", |watch| watch.sensor()["frames"] == count);
    cable.switch("down");
    watch.until("it says that it is down", |watch| watch.sensor()["standing"] == "down");
    cable.switch("up");
    watch.until("it says that it is up", |watch| watch.sensor()["standing"] == "up");
    cable.play(&capture, FASTER);
    watch.until("the other frames came", |watch| watch.sensor()["frames"] == 2 * count);
    let each = shared_out(&watch.sensor());
    let watched = watch.end("-INT");
    assert_eq!(watched.status, 0, "{}", watched.all);
    assert!(each.iter().all(|frames| *frames > 0), "all frames went one way: {each:?}");
    assert_eq!(watched.all.matches("eth0 is down").count(), 1, "{}", watched.all);
    assert_eq!(watched.all.matches("eth0 is back").count(), 1, "{}", watched.all);
    assert_eq!(cable.sent(), 0);
}

#[test]
fn an_interface_that_is_taken_away_is_listened_to_again_without_a_privilege_however_often() {
    let Some(cable) = Cable::new() else { return };
    let capture = ward(&cable, "0.3");
    let count = frames(&scan(&capture, UNCHECKED));
    let mut watch = cable.watch(&[TWO, UNCHECKED].concat());
    let said = |watch: &super::cable::Watch<'_>, what: &str| watch.errors().matches(what).count();
    let mut played = 0;
    for time in 1..=SPARES + 2 {
        cable.unplug();
        watch.until("it says that it is gone", |watch| said(watch, "eth0 is gone") == time);
        cable.plug();
        watch.until("it says that it is back", |watch| said(watch, "eth0 is back") == time);
        // With the first pair of sockets that waited, with the last, alone, and again alone.
        if time == 1 || time >= SPARES - 1 {
            played += count;
            cable.play(&capture, 100);
            watch.until("all frames came, once", |watch| watch.sensor()["frames"] == played);
        }
        let alone = said(&watch, "one worker reads it alone");
        assert_eq!(alone, usize::from(time >= SPARES), "{time} times: {}", watch.errors());
    }
    let each = shared_out(&watch.sensor());
    assert!(each[1] > 0 && each[0] >= 2 * count, "{each:?}");
    let watched = watch.end("-TERM");
    assert_eq!(watched.status, 0, "{}", watched.all);
    let report = &watched.report;
    assert_eq!(
        (frames(report), &report["coverage"]["frames_lost"]),
        (played, &Value::Null),
        "{}",
        watched.all
    );
    assert_eq!(cable.sent(), 0);
}

#[test]
fn no_worker_has_privileges_left() {
    let Some(cable) = Cable::new() else { return };
    let watch = cable.watch(&[&["--workers", "3"], UNCHECKED].concat());
    let names = watch.status_of_threads("Name");
    for worker in ["ring 0", "ring 1", "ring 2", "worker 0", "worker 1", "worker 2"] {
        assert!(names.iter().any(|name| name == worker), "{worker}: {names:?}");
    }
    for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        let held: Vec<_> = watch.status_of_threads(set);
        assert!(held.iter().all(|held| held.trim_start_matches('0').is_empty()), "{set}: {held:?}");
    }
    assert!(watch.status_of_threads("NoNewPrivs").iter().all(|set| set == "1"));
    assert_eq!(watch.end("-TERM").status, 0);
}
