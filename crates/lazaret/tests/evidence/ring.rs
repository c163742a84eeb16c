//! The evidence ring of a watch: what shows a finding is cut from it later, and nobody reads it without its passphrase.

use super::third_party::unpacked;
use super::{Folder, Ward, done, encodings, holds, refused, run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A ward that a watch saw, with store, report and ring.
struct Watched {
    ward: Ward,
    store: String,
    report: String,
    ring: String,
    passphrase: String,
}

impl Watched {
    fn new(test: &str, options: &[&str], more: &[&str]) -> Self {
        let ward = Ward::new(test, options);
        let [store, report, ring, passphrase] =
            ["store", "watch.json", "ring", "passphrase"].map(|name| ward.folder.text(name));
        fs::write(&passphrase, "correct horse battery staple\n").unwrap();
        let watched = Self { ward, store, report, ring, passphrase };
        watched.watch(more);
        watched
    }

    fn watch(&self, more: &[&str]) -> String {
        let watch =
            ["watch", "--quiet", "--input", &self.ward.capture, "--integrity", "off", "--format", "ndjson"];
        let kept = ["--store", &self.store, "--report", &self.report];
        let ring = ["--ring", &self.ring, "--ring-key-file", &self.passphrase];
        done(&[&watch[..], &kept, &ring, more].concat())
    }

    /// What cuts a finding from the ring.
    fn export<'a>(&'a self, finding: &'a str, output: &'a str, from: [&'a str; 2]) -> Vec<&'a str> {
        let ring = ["--ring", &self.ring, "--ring-key-file", &self.passphrase];
        let signed = ["--key", &self.ward.key, "--output", output];
        [&["evidence", "export", finding][..], &from, &ring, &signed].concat()
    }

    fn segments(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.ring).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|end| end == "frames")).collect();
        all.sort();
        all
    }
}

#[test]
fn the_ring_gives_the_bundle_that_the_capture_gives() {
    let watched =
        Watched::new("ring-same", &["--monitors", "3", "--minutes", "1", "--scenario", "leak"], &[]);
    let ward = &watched.ward;
    let public = format!("{}.pub", ward.key);
    let mut cut = 0;
    for finding in ward.findings() {
        let id = finding["id"].as_str().unwrap();
        fs::write(ward.folder.text("capture.tar"), ward.export(id)).unwrap();
        let frames = fs::read(unpacked(&ward.folder, "capture.tar").join("capture.pcapng")).unwrap();
        for (from, place) in [("--store", &watched.store), ("--report", &watched.report)] {
            let bundle = ward.folder.text("ring.tar");
            done(&watched.export(id, &bundle, [from, place]));
            done(&["evidence", "verify", &bundle, "--public-key", &public]);
            let folder = unpacked(&ward.folder, "ring.tar");
            assert!(fs::read(folder.join("capture.pcapng")).unwrap() == frames, "{from} {id}: other frames");
            let context: Value =
                serde_json::from_slice(&fs::read(folder.join("context.json")).unwrap()).unwrap();
            assert_eq!(context["captures"][0]["format"], "ring", "{context:#}");
            assert_eq!(context["captures"][0]["faults"], Value::Array(Vec::new()), "{context:#}");
        }
        cut += 1;
    }
    assert!(cut > 5, "{cut} findings");
    let log: Value = serde_json::from_str(&done(&[
        "audit",
        "--store",
        &watched.store,
        "show",
        "--limit",
        "1000",
        "--format",
        "json",
    ]))
    .unwrap();
    let looks = log["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == "evidence");
    assert_eq!(looks.count(), cut, "each look into the ring is noted: {log:#}");
}

#[test]
fn nobody_reads_a_frame_or_a_patient_in_the_files_of_a_ring() {
    let watched =
        Watched::new("ring-leak", &["--monitors", "3", "--minutes", "1", "--scenario", "leak"], &[]);
    let capture = fs::read(&watched.ward.capture).unwrap();
    let mut bytes = 0;
    let names = watched.ward.identifiers();
    // Sixteen bytes of the middle of every tenth stretch of the capture, where they say something.
    let pieces: Vec<&[u8]> = capture.chunks(640).filter_map(|piece| piece.get(300..316)).collect();
    let pieces: Vec<&[u8]> =
        pieces.into_iter().filter(|piece| piece.iter().filter(|byte| **byte != 0).count() > 8).collect();
    assert!(pieces.len() > 100, "{} pieces", pieces.len());
    for entry in fs::read_dir(&watched.ring).unwrap() {
        let path = entry.unwrap().path();
        let file = fs::read(&path).unwrap();
        bytes += file.len();
        for name in &names {
            for form in encodings(name) {
                assert!(!holds(&file, &form), "{} tells {name}", path.display());
            }
        }
        for piece in &pieces {
            assert!(!holds(&file, piece), "{} holds a piece of a frame", path.display());
        }
        assert!(!holds(&file, b"correct horse"), "{} holds the passphrase", path.display());
    }
    assert!(bytes > capture.len() / 2, "{bytes} bytes in the ring: a blind test");
}

#[test]
fn what_cannot_be_cut_is_said_with_what_to_do() {
    let watched =
        Watched::new("ring-refused", &["--monitors", "2", "--minutes", "1", "--scenario", "leak"], &[]);
    let ward = &watched.ward;
    let id = ward.finding("patient-data-offsite");
    let output = ward.folder.text("bundle.tar");
    let from = ["--store", watched.store.as_str()];
    let other = ward.folder.text("other");
    fs::write(&other, "another horse battery staple\n").unwrap();
    let with = |name: &'static str, value: &str| -> String {
        let mut arguments = watched.export(&id, &output, from);
        let at = arguments.iter().position(|argument| *argument == name).unwrap();
        arguments[at + 1] = value;
        refused(&arguments)
    };
    assert!(with("--ring-key-file", &other).contains("another passphrase"));
    assert!(with("--ring", &ward.folder.text("nowhere")).contains("is no evidence ring"));
    let inside = format!("{}/key", watched.ring);
    fs::write(&inside, "correct horse battery staple\n").unwrap();
    assert!(with("--ring-key-file", &inside).contains("lies in the ring itself"));
    // A watch with the other passphrase does not begin either.
    let watch = ["watch", "--input", &ward.capture, "--ring", &watched.ring, "--ring-key-file", &other];
    assert!(refused(&watch).contains("another passphrase"));
    // A report of another time than the ring's.
    let early = ward.folder.text("early.json");
    let report = fs::read_to_string(&watched.report).unwrap();
    let mut report: Value = serde_json::from_str(&report).unwrap();
    for (key, time) in [("first", "2030-01-01T00:00:00Z"), ("last", "2030-01-02T00:00:00Z")] {
        report["captures"][0][key] = Value::from(time);
    }
    fs::write(&early, report.to_string()).unwrap();
    assert!(refused(&watched.export(&id, &output, ["--report", &early])).contains("not of the time"));
    // Findings of a scan are not of the ring.
    assert!(refused(&watched.export(&id, &output, ["--report", &ward.report])).contains("holds no frames"));
    assert!(!Path::new(&output).exists());
}

#[test]
fn a_changed_byte_in_a_ring_is_named_in_the_bundle_and_the_rest_is_cut() {
    let watched =
        Watched::new("ring-changed", &["--monitors", "2", "--minutes", "1", "--scenario", "leak"], &[]);
    let ward = &watched.ward;
    let id = ward.finding("patient-data-offsite");
    let path = watched.segments().remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    let bundle = ward.folder.text("ring.tar");
    done(&watched.export(&id, &bundle, ["--store", &watched.store]));
    let context = unpacked(&ward.folder, "ring.tar").join("context.json");
    let context: Value = serde_json::from_slice(&fs::read(context).unwrap()).unwrap();
    let faults = context["captures"][0]["faults"].to_string();
    assert!(faults.contains("segment 1: chunk ") && faults.contains("not as it was written"), "{faults}");
    // Cut in the middle, as by a process that was killed: what came before is there.
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..at]).unwrap();
    done(&watched.export(&id, &bundle, ["--store", &watched.store]));
    assert_eq!(run(&["evidence", "verify", &bundle]).status.code(), Some(0));
}

#[test]
fn a_full_disk_takes_the_oldest_evidence_and_no_finding() {
    let folder = Folder::new("ring-full");
    let capture = folder.text("ward.pcap");
    done(&[
        "simulate",
        "ward",
        "--quiet",
        "--monitors",
        "60",
        "--minutes",
        "6",
        "--scenario",
        "leak",
        "--output",
        &capture,
    ]);
    let size = fs::metadata(&capture).unwrap().len();
    assert!(size > 24 << 20, "{size} bytes are too few to fill a disk");
    let disk = folder.text("disk");
    fs::create_dir(&disk).unwrap();
    let key = folder.text("passphrase");
    fs::write(&key, "correct horse battery staple\n").unwrap();
    // A disk of 24 MiB in a mount namespace of its own, half of which the store may need.
    let script = format!(
        "mount -t tmpfs -o size=24m none {disk} && cd {disk} && \
         {} watch --quiet --input {capture} --integrity off --format ndjson --output {}/lines --store store \
         --metrics {}/sensor.prom --ring ring --ring-size 1G --ring-key-file {key} 2> {}/errors && \
         {} audit --store store verify && cp -r store {}/kept && du -sb ring | cut -f1 > {}/size",
        env!("CARGO_BIN_EXE_lazaret"),
        folder.0.display(),
        folder.0.display(),
        folder.0.display(),
        env!("CARGO_BIN_EXE_lazaret"),
        folder.0.display(),
        folder.0.display(),
    );
    let output = Command::new("unshare").args(["--mount", "sh", "-c", &script]).output();
    let made = output.as_ref().is_ok_and(|output| output.status.success());
    if !made
        && !Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success())
    {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "no mount namespaces, and CI may not skip this"
        );
        eprintln!("skipped: no mount namespaces here");
        return;
    }
    let output = output.unwrap();
    let errors = fs::read_to_string(folder.0.join("errors")).unwrap_or_default();
    assert!(made, "{} {} {errors}", output.stdout.escape_ascii(), output.stderr.escape_ascii());
    let metrics = fs::read_to_string(folder.0.join("sensor.prom")).unwrap();
    let number = |name: &str| -> u64 {
        let line = metrics.lines().find(|line| line.starts_with(&format!("{name}{{"))).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(number("lazaret_evidence_deleted_early_total") > 0, "{metrics}");
    assert!(number("lazaret_evidence_frames_total") > 0, "{metrics}");
    let read = number("lazaret_frames_total");
    let kept = number("lazaret_evidence_frames_total") + number("lazaret_evidence_frames_lost_total");
    assert_eq!(kept, read, "a frame was neither kept nor counted: {metrics}");
    let size: u64 = fs::read_to_string(folder.0.join("size")).unwrap().trim().parse().unwrap();
    assert!(size < 21 << 20, "{size} bytes: no room is left to findings");
    // All findings are there.
    let list = done(&[
        "findings",
        "--store",
        &folder.text("kept"),
        "list",
        "--all",
        "--limit",
        "100000",
        "--format",
        "json",
    ]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let scanned: Value =
        serde_json::from_str(&done(&["scan", "--format", "json", "--integrity", "off", &capture])).unwrap();
    let ids = |rows: &Value| {
        let rows = rows["findings"].as_array().unwrap().iter();
        rows.map(|row| row["id"].to_string()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(ids(&list), ids(&scanned));
}
