//! `lazaret vitals` over the simulated ward: selection, exit status, privacy, the same bytes for any workers, and
//! messages that read back as what was written.
#![expect(clippy::disallowed_methods, reason = "runs the binary under test")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const FORMATS: [&str; 7] = ["text", "json", "csv", "html", "wfdb", "fhir", "hl7"];

/// A ward in a folder of its own, removed at the end.
struct Ward {
    folder: PathBuf,
    capture: String,
    truth: Value,
}

impl Drop for Ward {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn lazaret(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lazaret")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

impl Ward {
    fn new(test: &str, scenario: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("lazaret-vitals-{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let capture = folder.join("ward.pcap").display().to_string();
        let size = ["--monitors", "3", "--minutes", "1", "--quiet", "--scenario", scenario];
        let made = lazaret(&[&["simulate", "ward", "--output", &capture], &size[..]].concat());
        assert!(made.status.success(), "{}", said(&made));
        let truth = serde_json::from_slice(&fs::read(format!("{capture}.truth.json")).unwrap()).unwrap();
        Self { folder, capture, truth }
    }

    fn vitals(&self, arguments: &[&str]) -> Output {
        lazaret(&[&["vitals"], arguments, &[&self.capture]].concat())
    }

    fn printed(&self, arguments: &[&str]) -> String {
        let output = self.vitals(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.printed(&[&["--format", "json"], arguments].concat())).unwrap()
    }

    /// Everything that a format writes, in one.
    fn whole(&self, format: &str, more: &[&str]) -> Vec<u8> {
        if format != "wfdb" {
            let output = self.vitals(&[&["--format", format], more].concat());
            assert_eq!(output.status.code(), Some(0), "{}", said(&output));
            return output.stdout;
        }
        let folder = self.folder.join("records");
        let output =
            self.vitals(&[&["--format", format, "--output", folder.to_str().unwrap()], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let bytes = files(&folder).iter().flat_map(|file| fs::read(file).unwrap()).collect();
        fs::remove_dir_all(folder).unwrap();
        bytes
    }

    /// What may be seen of the patients nowhere.
    fn secrets(&self) -> Vec<String> {
        let mut secrets = Vec::new();
        collect(&self.truth["beds"], &mut secrets);
        assert!(secrets.len() > 5, "the truth names no patients: {}", self.truth["beds"][0]);
        secrets
    }
}

/// Texts of the truth below keys that speak of the patient.
fn collect(value: &Value, secrets: &mut Vec<String>) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| collect(one, secrets)),
        Value::Object(fields) => {
            for (key, field) in fields {
                match (key.as_str(), field) {
                    ("name" | "number" | "department" | "doctor", Value::String(text)) if text.len() > 3 => {
                        secrets.push(text.clone());
                    }
                    _ => collect(field, secrets),
                }
            }
        }
        _ => {}
    }
}

/// Whether `p:` and sixteen hexadecimal digits stand in it.
fn has_pseudonym(bytes: &[u8]) -> bool {
    bytes.windows(18).any(|part| part.starts_with(b"p:") && part[2..].iter().all(u8::is_ascii_hexdigit))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn bed<'a>(document: &'a Value, number: &Value) -> &'a Value {
    let mut beds = document["beds"].as_array().unwrap().iter();
    beds.find(|bed| bed["bed"] == *number).unwrap_or_else(|| panic!("no bed {number}"))
}

#[test]
fn every_number_and_sample_is_that_of_the_truth() {
    let ward = Ward::new("truth", "benign");
    let document = ward.json(&[]);
    for truth in ward.truth["beds"].as_array().unwrap() {
        let row = bed(&document, &truth["bed"]);
        assert_eq!(row["cycles"], truth["cycles"]);
        let cycles = truth["cycles"].as_u64().unwrap();
        for (name, numeric) in truth["numerics"].as_object().unwrap() {
            let seen = &row["numerics"][name];
            assert_eq!(seen["valid"], numeric["samples"], "{name}");
            for part in ["min", "max", "last"] {
                let apart = (seen[part].as_f64().unwrap() - numeric[part].as_f64().unwrap()).abs();
                assert!(apart < 0.01, "{name}, {part}: {seen} is not {numeric}");
            }
        }
        for (channel, per_cycle) in [("ecg-1", 256), ("pleth", 256), ("respiration", 128)] {
            let wave = &row["waveforms"][channel];
            assert_eq!(wave["samples"].as_u64().unwrap(), cycles * per_cycle, "{channel}");
            let rate = wave["rate_hz"].as_f64().unwrap() / per_cycle as f64;
            assert!((0.998..1.002).contains(&rate), "{channel}: {rate} cycles a second");
            assert_eq!(wave["stretches"].as_array().unwrap().len(), 1, "{channel}: no frame was lost");
        }
        assert_eq!(row["gaps"], serde_json::json!([]));
    }
}

#[test]
fn lost_frames_are_gaps_and_nothing_is_invented() {
    let ward = Ward::new("loss", "loss");
    let document = ward.json(&[]);
    for truth in ward.truth["beds"].as_array().unwrap() {
        let row = bed(&document, &truth["bed"]);
        let wave = &row["waveforms"]["ecg-1"];
        let stretches = wave["stretches"].as_array().unwrap();
        let carried: usize = stretches.iter().map(|one| one["samples"].as_array().unwrap().len()).sum();
        assert_eq!(carried as u64, wave["samples"].as_u64().unwrap());
        assert!(carried as u64 <= truth["cycles"].as_u64().unwrap() * 256);
        let rate = wave["rate_hz"].as_f64().unwrap();
        assert!((255.0..257.0).contains(&rate), "{rate}");
    }
}

#[test]
fn the_same_ward_gives_the_same_bytes_whatever_the_workers() {
    let ward = Ward::new("workers", "leak");
    for format in FORMATS {
        let one = ward.whole(format, &["--workers", "1"]);
        assert!(one.len() > 500, "{format}: {}", one.len());
        for workers in ["2", "8"] {
            assert!(one == ward.whole(format, &["--workers", workers]), "{format} with {workers} workers");
        }
    }
}

#[test]
fn no_patient_is_in_any_format_unless_asked_for() {
    let ward = Ward::new("privacy", "leak");
    let secrets = ward.secrets();
    let holds =
        |bytes: &[u8], secret: &str| bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
    let key = ward.folder.join("key");
    fs::write(&key, "a key of sixteen bytes or more").unwrap();
    for format in FORMATS {
        for options in [&[][..], &["--pseudonym-key", key.to_str().unwrap()]] {
            let bytes = ward.whole(format, options);
            let seen = secrets.iter().find(|secret| holds(&bytes, secret));
            assert!(seen.is_none(), "{format} {options:?} shows {}", seen.unwrap());
            assert_eq!(has_pseudonym(&bytes), !options.is_empty(), "{format} {options:?}");
        }
        let shown = ward.whole(format, &["--show-identifiers", "--reason", "Bed 2 is missing."]);
        assert!(secrets.iter().any(|secret| holds(&shown, secret)), "{format} shows nobody");
        assert!(format == "csv" || holds(&shown, "Bed 2 is missing."), "{format} does not say why");
    }
}

#[test]
fn a_part_can_be_taken_by_bed_device_and_time() {
    let ward = Ward::new("select", "benign");
    let truth = &ward.truth["beds"][1];
    let (number, mac) = (truth["bed"].to_string(), truth["mac"].as_str().unwrap());
    let only = |document: &Value| -> Vec<Value> {
        document["beds"].as_array().unwrap().iter().map(|bed| bed["bed"].clone()).collect()
    };
    let by_bed = ward.json(&["--bed", &number]);
    assert_eq!(only(&by_bed), [truth["bed"].clone()]);
    assert_eq!(only(&ward.json(&["--asset", mac])), [truth["bed"].clone()]);
    let asset = by_bed["beds"][0]["asset"].as_str().unwrap();
    assert_eq!(only(&ward.json(&["--asset", asset])), [truth["bed"].clone()]);
    let last = by_bed["beds"][0]["last"].as_str().unwrap();
    let part = ward.json(&["--bed", &number, "--from", last]);
    assert_eq!(part["beds"][0]["last"], last);
    let (part, whole) = (&part["beds"][0], &by_bed["beds"][0]);
    assert!(part["cycles"].as_u64().unwrap() < 3 && whole["cycles"].as_u64().unwrap() > 40);
    assert_eq!(part["limits"]["heart-rate"], whole["limits"]["heart-rate"], "limits stay in force");
}

#[test]
fn nothing_that_fits_is_said_with_what_there_is() {
    let ward = Ward::new("empty", "benign");
    let output = ward.vitals(&["--bed", "99", "--format", "csv"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(said(&output).contains("Beds in these captures: "), "{}", said(&output));
    let empty = ward.folder.join("empty.pcap");
    fs::write(&empty, &fs::read(&ward.capture).unwrap()[..24]).unwrap();
    let output = lazaret(&["vitals", empty.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("No vital signs in 0 frames.") && text.contains("mirror port"), "{text}");
}

#[test]
fn mistakes_are_two_with_what_to_do_and_unreadable_input_is_three() {
    let ward = Ward::new("mistakes", "benign");
    for (arguments, words) in [
        (&["--format", "wfdb"][..], "--output DIR"),
        (&["--from", "yesterday"], "2026-03-02T07:14:00Z"),
        (&["--asset", "bed 7"], "an IP or a MAC"),
        (&["--show-identifiers", "--reason", " "], "--reason is empty"),
        (&["--output", "/"], "is a folder"),
    ] {
        let output = ward.vitals(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(said(&output).contains(words), "{arguments:?}: {}", said(&output));
    }
    let output = ward.vitals(&["/nowhere.pcap"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(said(&output).contains("/nowhere.pcap"));
    assert!(String::from_utf8(output.stdout).unwrap().contains("BED 1"), "the other is still shown");
}

/// One TCP conversation from 10.0.0.1 to 10.0.0.2 as a capture of raw IP packets (LINKTYPE 101).
fn conversation(payload: &[u8]) -> Vec<u8> {
    let mut capture = Vec::new();
    for word in [0xA1B2_C3D4_u32, 0x0004_0002, 0, 0, 65535, 101] {
        capture.extend(word.to_le_bytes());
    }
    let mut packet = |at: u32, from_client: bool, flags: u8, sequence: u32, acknowledge: u32, data: &[u8]| {
        let length = 40 + data.len();
        for word in [1_772_435_640 + at, 0, length as u32, length as u32] {
            capture.extend(word.to_le_bytes());
        }
        let (source, target) = if from_client { (1, 2) } else { (2, 1) };
        let (from, to) = if from_client { (40_000_u16, 2575_u16) } else { (2575, 40_000) };
        capture.extend([0x45, 0]);
        capture.extend((length as u16).to_be_bytes());
        capture.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, source, 10, 0, 0, target]);
        capture.extend(from.to_be_bytes());
        capture.extend(to.to_be_bytes());
        capture.extend(sequence.to_be_bytes());
        capture.extend(acknowledge.to_be_bytes());
        capture.extend([0x50, flags, 0xFF, 0xFF, 0, 0, 0, 0]);
        capture.extend(data);
    };
    packet(0, true, 0x02, 100, 0, &[]);
    packet(0, false, 0x12, 500, 101, &[]);
    packet(0, true, 0x10, 101, 501, &[]);
    let mut sequence = 101;
    for (at, part) in (1..).zip(payload.chunks(1400)) {
        packet(at, true, 0x18, sequence, 501, part);
        sequence += part.len() as u32;
    }
    capture
}

#[test]
fn messages_read_back_as_the_numbers_that_were_written() {
    let ward = Ward::new("back", "benign");
    let number = ward.truth["beds"][0]["bed"].to_string();
    let messages = ward.printed(&["--bed", &number, "--format", "hl7", "--every", "0"]);
    let written = messages.matches("MSH|").count();
    assert!(written > 40, "{written}");
    let mut stream = Vec::new();
    for message in messages.split("MSH|").skip(1) {
        stream.extend([0x0B]);
        stream.extend(format!("MSH|{message}").bytes());
        stream.extend([0x1C, 0x0D]);
    }
    let capture = ward.folder.join("messages.pcap");
    fs::write(&capture, conversation(&stream)).unwrap();
    let output = lazaret(&["vitals", "--format", "json", "--integrity", "off", capture.to_str().unwrap()]);
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (read, sent) = (&read["beds"][0]["numerics"], ward.json(&["--bed", &number]));
    let sent = &sent["beds"][0]["numerics"];
    for name in ["heart-rate", "spo2", "pulse-rate", "respiration-rate", "nibp-systolic", "nibp-mean"] {
        for part in ["last", "min", "max", "valid"] {
            assert_eq!(read[name][part], sent[name][part], "{name} {part}");
        }
        assert_eq!(read[name]["series"]["value"], sent[name]["series"]["value"], "{name}");
    }
}
