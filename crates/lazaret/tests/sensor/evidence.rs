//! The evidence ring of a watch on a real interface, which is killed at any moment.

use super::{Cable, FASTER, UNCHECKED, frames, run, scan, ward};
use ingest::EvidenceReader;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

const KILLS: usize = 4;

#[test]
fn evidence_of_what_was_told_is_cut_from_the_ring_of_a_watch_that_was_killed() {
    let Some(cable) = Cable::new() else { return };
    let capture = ward(&cable, "0.3");
    let count = frames(&scan(&capture, UNCHECKED));
    let [store, ring, passphrase, key, bundle, metrics] =
        ["store", "ring", "passphrase", "site.key", "bundle.tar", "sensor.prom"]
            .map(|name| cable.path(name).display().to_string());
    std::fs::write(&passphrase, "correct horse battery staple\n").unwrap();
    let lazaret = env!("CARGO_BIN_EXE_lazaret");
    run(&[lazaret, "evidence", "keygen", "--key", &key]);
    let unlocked = ["--ring", &ring, "--ring-key-file", &passphrase];
    let kept = [&["--store", &store, "--metrics", &metrics], &unlocked[..], UNCHECKED].concat();
    let cut = |finding: &str| {
        let from = ["evidence", "export", finding, "--store", &store];
        run(&[&[lazaret], &from[..], &unlocked, &["--key", &key, "--output", &bundle]].concat());
        run(&[lazaret, "evidence", "verify", &bundle]);
    };
    let mut told = BTreeSet::new();
    for kill in 0..KILLS {
        let mut watch = cable.watch(&kept);
        cable.play(&capture, FASTER);
        let lines = 3 + kill * 7;
        watch.until("so many lines", |watch| {
            let sensor = watch.lines().iter().filter(|line| line["type"] == "sensor").count();
            watch.lines().len() >= lines || sensor >= 8
        });
        let lines = watch.kill();
        let open = lines.iter().filter(|line| line["type"] == "finding");
        told.extend(open.map(|line| line["id"].as_str().unwrap().to_owned()));
        told.iter().take(3).for_each(|finding| cut(finding));
    }
    assert!(!told.is_empty(), "no finding was told before a kill");
    let mut watch = cable.watch(&kept);
    cable.play(&capture, FASTER);
    watch.until("all frames came", |watch| watch.sensor()["frames"] == count);
    // While it goes on, too.
    told.iter().take(3).for_each(|finding| cut(finding));
    let watched = watch.end("-TERM");
    assert_eq!(watched.status, 0, "{}", watched.all);
    let mut lines = watched.all.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let last = lines.rfind(|line| line["type"] == "sensor").unwrap();
    assert_eq!(
        (&last["evidence_frames"], &last["evidence_frames_lost"]),
        (&count.into(), &0.into()),
        "{last:#}"
    );
    assert!(
        std::fs::read_to_string(metrics)
            .unwrap()
            .contains(&format!("lazaret_evidence_frames_total{{interface=\"eth0\"}} {count}\n"))
    );
    told.iter().for_each(|finding| cut(finding));
    assert_eq!(cable.sent(), 0);
}

/// What the lines about the sensor say of a number.
fn told(lines: &[Value], key: &str) -> Vec<u64> {
    let sensor = lines.iter().filter(|line| line["type"] == "sensor");
    sensor.map(|line| line[key].as_u64().unwrap_or_else(|| panic!("no {key}: {line}"))).collect()
}

#[test]
fn whatever_was_read_a_line_ago_is_in_the_ring_of_a_watch_that_is_killed_while_frames_come() {
    const SECRET: &str = "correct horse battery staple";
    let Some(cable) = Cable::new() else { return };
    let capture = ward(&cable, "0.3");
    let [ring, passphrase] = ["ring", "passphrase"].map(|name| cable.path(name).display().to_string());
    std::fs::write(&passphrase, SECRET).unwrap();
    let kept = [&["--ring", &ring, "--ring-key-file", &passphrase], UNCHECKED].concat();
    for kill in 0..KILLS {
        let mut watch = cable.watch(&kept);
        let stop = AtomicBool::new(false);
        let lines = std::thread::scope(|scope| {
            // Again and again: frames are on their way at whatever moment the watch is killed.
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    cable.play(&capture, FASTER);
                }
            });
            watch.until("frames came, and the disk keeps up", |watch| {
                let lines = watch.lines();
                let (read, waiting) = (told(&lines, "frames"), told(&lines, "evidence_frames_waiting"));
                read.len() > 2 + kill && read.iter().rev().nth(1) > Some(&0) && waiting.last() == Some(&0)
            });
            let lines = watch.kill();
            stop.store(true, Ordering::Relaxed);
            lines
        });
        let [read, written, waiting, lost] =
            ["frames", "evidence_frames", "evidence_frames_waiting", "evidence_frames_lost"]
                .map(|key| told(&lines, key));
        // Lines are a second apart, and a frame is handed over after a fifth of one: what a line says was read is on its way
        // when the next is written, whatever the machine does meanwhile.
        for line in 1..read.len() {
            let handed_over = written[line] + waiting[line] + lost[line];
            assert!(read[line - 1] <= handed_over, "line {line}: {read:?} {written:?} {waiting:?}");
        }
        let reader = EvidenceReader::open(Path::new(&ring), SECRET.as_bytes()).unwrap();
        let runs = reader.runs().unwrap();
        assert_eq!(runs.len(), kill + 1);
        let there = runs.last().unwrap().summary.frames;
        assert!(there >= *written.last().unwrap(), "{there} in the ring, {written:?} said to be written");
        if waiting.last() == Some(&0) {
            let before = read[read.len() - 2];
            assert!(there >= before, "{there} in the ring, {before} were read a line before the kill");
        }
        // Nothing is torn but the end.
        let faults = &runs.last().unwrap().summary.faults;
        assert!(faults.len() <= 1, "{faults:?}");
    }
}
