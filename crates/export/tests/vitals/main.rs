//! Vital signs in every format: golden files, the published JSON Schema, structure, hostile text.
//!
//! `UPDATE_EXPECTED=1 cargo test -p export` writes the golden files anew.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

#[path = "../sample/mod.rs"]
mod sample;
mod ward;

use export::text::{Colour, Layout};
use export::{Tool, vitals};
use model::{PatientToken, Report};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

const TOOL: Tool<'_> = Tool::lazaret("0.0.0-test");
/// One number in ten seconds is as many as the sample has.
const EVERY: Duration = Duration::from_secs(60);

fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn plain(report: &Report) -> String {
    let layout = Layout { columns: 110, colour: Colour::Off };
    written(|to| vitals::text::write(report, layout, to))
}

fn csv(report: &Report) -> String {
    written(|to| vitals::csv::write(report, to))
}

fn json(report: &Report) -> String {
    written(|to| vitals::json::write(report, TOOL, to))
}

fn page(report: &Report) -> String {
    written(|to| vitals::html::write(report, TOOL, to))
}

fn fhir(report: &Report) -> Value {
    serde_json::from_str(&written(|to| vitals::fhir::write(report, EVERY, to))).unwrap()
}

fn hl7(report: &Report) -> String {
    written(|to| vitals::hl7::write(report, EVERY, to))
}

#[derive(Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl vitals::wfdb::Files for Files {
    fn file(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        assert!(self.0.insert(name.to_owned(), content.to_vec()).is_none(), "{name} is written twice");
        Ok(())
    }
}

fn wfdb(report: &Report) -> BTreeMap<String, Vec<u8>> {
    let mut files = Files::default();
    vitals::wfdb::write(report, &mut files).unwrap();
    files.0
}

/// Every format of a report as text.
fn all(report: &Report) -> Vec<(&'static str, String)> {
    let records = wfdb(report).into_iter().filter(|(name, _)| !name.ends_with(".dat"));
    let records: String = records.map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect();
    vec![
        ("text", plain(report)),
        ("csv", csv(report)),
        ("json", json(report)),
        ("html", page(report)),
        ("fhir", fhir(report).to_string()),
        ("hl7", hl7(report)),
        ("wfdb", records),
    ]
}

fn golden(name: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected").join(name);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, got).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == got,
        "{name} differs; look at it, then UPDATE_EXPECTED=1 cargo test -p export\n{got}"
    );
}

#[test]
fn the_tables_are_the_expected_ones() {
    golden("vitals.txt", &plain(&ward::report()));
}

#[test]
fn the_rows_are_the_expected_ones() {
    golden("vitals.csv", &csv(&ward::report()));
}

#[test]
fn the_messages_are_the_expected_ones() {
    // A file of lines, for people to look at.
    golden("vitals.hl7", &hl7(&ward::report()).replace('\r', "\n"));
}

#[test]
fn the_headers_of_records_are_the_expected_ones() {
    let files = wfdb(&ward::report());
    let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    golden("vitals.hea", &["RECORDS", "bed_7.hea", "bed_7n.hea", "bed_unnamedn.hea"].map(text).concat());
}

#[test]
fn every_output_carries_the_label() {
    for (format, text) in all(&ward::report()) {
        // A table of numbers has no place for a sentence.
        assert!(format == "csv" || text.contains("not for clinical use, not for alarms"), "{format}");
    }
}

#[test]
fn json_documents_keep_to_the_published_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec/vitals-1.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let faults = |document: &Value| -> Vec<String> {
        schema.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect()
    };
    for report in [ward::report(), ward::hostile(), Report::default()] {
        let document: Value = serde_json::from_str(&json(&report)).unwrap();
        assert_eq!(faults(&document), [""; 0]);
    }
    let mut document: Value = serde_json::from_str(&json(&ward::report())).unwrap();
    document["beds"][0]["integrity"][0]["verdict"] = "fine".into();
    document["beds"][0]["numerics"]["heart-rate"]["seris"] = 1.into();
    assert_eq!(faults(&document).len(), 2);
}

#[test]
fn json_keeps_every_number_and_sample() {
    let document: Value = serde_json::from_str(&json(&ward::report())).unwrap();
    let bed = &document["beds"][0];
    let ecg = &bed["waveforms"]["ecg-1"];
    let lengths: Vec<usize> =
        ecg["stretches"].as_array().unwrap().iter().map(|s| s["samples"].as_array().unwrap().len()).collect();
    assert_eq!(lengths, [30 * 256, 27 * 256]);
    assert_eq!(
        bed["numerics"]["spo2"]["series"]["valid"],
        serde_json::json!([true, true, true, false, false, true])
    );
    assert_eq!(bed["numerics"]["spo2"]["valid"], 4);
    assert_eq!(bed["integrity"][2]["earlier"], "2026-03-02T07:14:10.000000000Z");
}

/// The samples of one signal of a record as its header says they lie.
fn samples(files: &BTreeMap<String, Vec<u8>>, record: &str, signal: usize) -> Vec<i64> {
    let header = String::from_utf8(files[&format!("{record}.hea")].clone()).unwrap();
    let rows: Vec<Vec<&str>> =
        header.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(' ').collect()).collect();
    let frames: usize = rows[0][3].parse().unwrap();
    let per_frame = |row: &[&str]| row[1].split_once('x').map_or(1, |(_, per)| per.parse::<usize>().unwrap());
    let signals = &rows[1..];
    let bytes = if signals[signal][1] == "16" { 2 } else { 1 };
    let width: usize = signals.iter().map(|row| per_frame(row)).sum();
    let before: usize = signals[..signal].iter().map(|row| per_frame(row)).sum();
    let content = &files[&format!("{record}.dat")];
    assert_eq!(content.len(), frames * width * bytes, "{record}");
    let mut values = Vec::new();
    for frame in 0..frames {
        for at in 0..per_frame(&signals[signal]) {
            let place = (frame * width + before + at) * bytes;
            values.push(match bytes {
                1 => i64::from(content[place]) - 128,
                _ => i64::from(i16::from_le_bytes([content[place], content[place + 1]])),
            });
        }
    }
    let sum: i64 = values.iter().sum();
    let checksum: i64 = signals[signal][6].parse().unwrap();
    assert_eq!(sum.rem_euclid(65536), checksum.rem_euclid(65536), "{record} {signal}");
    assert_eq!(values[0].to_string(), signals[signal][5], "{record} {signal}");
    values
}

#[test]
fn a_record_holds_the_codes_on_one_grid_with_gaps_as_no_sample() {
    let report = ward::report();
    let files = wfdb(&report);
    let channels = &report.recordings[0].channels;
    for (signal, (rate, seen)) in [256, 256, 128].into_iter().zip(channels.values()).enumerate() {
        let got = samples(&files, "bed_7", signal);
        assert_eq!(got.len(), 60 * rate);
        let (before, after) = (30 * rate, 33 * rate);
        let codes: Vec<i64> = seen.stretches[0].samples.iter().map(|code| i64::from(*code) - 128).collect();
        assert_eq!(got[..before], codes);
        assert!(got[before..after].iter().all(|value| *value == -128), "no sample in the gap");
        let codes: Vec<i64> = seen.stretches[1].samples.iter().map(|code| i64::from(*code) - 128).collect();
        assert_eq!(got[after..], codes);
    }
    let heart = samples(&files, "bed_7n", 0);
    // Ten steps of one, from the first number at 10 s, for two and a half cycles each.
    assert_eq!(heart[10..14], [750, 750, 750, -32768]);
    assert_eq!(heart[9], -32768);
    let spo2 = samples(&files, "bed_7n", 1);
    assert_eq!(spo2[40], -32768, "marked invalid by the device");
}

#[test]
fn a_long_gap_begins_another_record() {
    let mut report = ward::report();
    let bed = &mut report.recordings[0];
    let hour = 3_600_000_000_000;
    bed.gaps[0].to = bed.gaps[0].to.plus_nanos(hour);
    bed.last = bed.last.plus_nanos(hour);
    for seen in bed.channels.values_mut() {
        seen.stretches[1].start = seen.stretches[1].start.plus_nanos(hour);
    }
    let files = wfdb(&report);
    let first = samples(&files, "bed_7", 0);
    let second = samples(&files, "bed_7_2", 0);
    assert_eq!(first.len(), 30 * 256);
    assert!(second.len() >= 27 * 256 && second.len() < 29 * 256, "{}", second.len());
}

#[test]
fn two_beds_of_one_number_are_two_records() {
    let mut report = ward::report();
    let again = report.recordings[0].clone();
    report.recordings.push(again);
    let files = wfdb(&report);
    assert_eq!(files["bed_7.dat"], files["bed_7_2.dat"]);
    assert!(String::from_utf8(files["RECORDS"].clone()).unwrap().contains("bed_7_2\n"));
}

/// The observations of a bundle.
fn observations(bundle: &Value) -> Vec<&Value> {
    let entries = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    entries.filter(|resource| resource["resourceType"] == "Observation").collect()
}

#[test]
fn a_bundle_keeps_to_the_rules_of_its_profiles() {
    let bundle = fhir(&ward::report());
    assert_eq!((&bundle["resourceType"], &bundle["type"]), (&"Bundle".into(), &"collection".into()));
    let entries = bundle["entry"].as_array().unwrap();
    let urls: Vec<&str> = entries.iter().map(|entry| entry["fullUrl"].as_str().unwrap()).collect();
    let unique: std::collections::BTreeSet<_> = urls.iter().collect();
    assert_eq!(unique.len(), urls.len(), "every resource has a name of its own");
    for entry in entries {
        let resource = &entry["resource"];
        assert_eq!(entry["fullUrl"], format!("urn:uuid:{}", resource["id"].as_str().unwrap()).as_str());
    }
    let observations = observations(&bundle);
    for one in &observations {
        assert_eq!(one["status"], "preliminary");
        assert!(one["subject"].is_object());
        assert!(urls.contains(&one["device"]["reference"].as_str().unwrap()), "{one}");
        let effective = ["effectiveDateTime", "effectivePeriod"].iter().filter(|key| one.get(key).is_some());
        assert_eq!(effective.count(), 1, "{one}");
        let has = |key: &str| one.get(key).is_some();
        let said = ["valueQuantity", "valueSampledData", "dataAbsentReason", "component"];
        assert_eq!(said.iter().filter(|key| has(key)).count(), 1, "{one}");
        if one["category"][0]["coding"][0]["code"] == "vital-signs" {
            let loinc = &one["code"]["coding"][0];
            assert_eq!(loinc["system"], "http://loinc.org", "{one}");
            assert!(one["code"]["coding"].to_string().contains("urn:iso:std:iso:11073:10101"));
        }
    }
    let of = |code: &str| observations.iter().filter(|one| one["code"]["coding"][0]["code"] == code).count();
    assert_eq!((of("8867-4"), of("2708-6"), of("85354-9"), of("9279-1")), (1, 1, 1, 2));
}

#[test]
fn waveforms_are_cut_into_resources_of_ten_seconds() {
    let bundle = fhir(&ward::report());
    let observations = observations(&bundle);
    let ecg: Vec<&Value> = observations
        .iter()
        .filter(|one| one["code"]["coding"][0]["code"] == "131328")
        .map(|one| &one["valueSampledData"])
        .collect();
    let lengths: Vec<usize> =
        ecg.iter().map(|data| data["data"].as_str().unwrap().split(' ').count()).collect();
    assert_eq!(lengths, [2560, 2560, 2560, 2560, 2560, 27 * 256 - 5120]);
    assert_eq!(ecg[0]["period"], 3.9063);
    assert_eq!((&ecg[0]["dimensions"], &ecg[0]["origin"]["value"]), (&1.into(), &0.into()));
}

#[test]
fn a_failed_check_stands_beside_the_number_in_records_and_messages() {
    let bundle = fhir(&ward::report());
    let heart = observations(&bundle).into_iter().find(|one| one["code"]["coding"][0]["code"] == "8867-4");
    let notes = heart.unwrap()["note"].to_string();
    assert!(notes.contains("numeric-waveform-disagree") && notes.contains("132"), "{notes}");
    assert!(!notes.contains("cannot"), "only what failed: {notes}");
    let message = hl7(&ward::report());
    let lines: Vec<&str> = message.split('\r').collect();
    let at = lines.iter().position(|line| line.contains("MDC_ECG_HEART_RATE")).unwrap();
    assert!(lines[at].contains("|30-200|"), "the limits in force: {}", lines[at]);
    assert!(
        lines[at + 1].starts_with("NTE|1|L|Contradicted: numeric-waveform-disagree"),
        "{}",
        lines[at + 1]
    );
}

#[test]
fn an_invalid_number_has_a_reason_and_no_value() {
    let mut report = ward::report();
    report.recordings[0].numerics.get_mut(&model::Vital::Spo2).unwrap().truncate(4);
    let bundle = fhir(&report);
    let spo2 = observations(&bundle).into_iter().find(|one| one["code"]["coding"][0]["code"] == "2708-6");
    let spo2 = spo2.unwrap();
    assert!(spo2.get("valueQuantity").is_none());
    assert_eq!(spo2["dataAbsentReason"]["coding"][0]["code"], "error");
    assert!(spo2.get("referenceRange").is_none(), "its alarm is off");
    let message = hl7(&report);
    let row = message.split('\r').find(|line| line.contains("MDC_PULS_OXIM_SAT_O2")).unwrap();
    let fields: Vec<&str> = row.split('|').collect();
    assert_eq!((fields[5], fields[8], fields[11]), ("", "INV", "X"));
}

/// What stands between `<` and `>`; text has neither, because it is escaped.
fn tags(page: &str) -> Vec<&str> {
    page.split('<').skip(1).map(|rest| rest.split_once('>').expect("an open tag").0).collect()
}

#[test]
fn the_page_asks_for_nothing_runs_nothing_and_leads_nowhere() {
    for report in [ward::report(), ward::hostile(), Report::default()] {
        let page = page(&report);
        assert!(page.contains("default-src 'none'") && !page.contains("url(") && !page.contains("@import"));
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("49917"));
        for tag in tags(&page) {
            for names in tag.split('"').step_by(2) {
                assert!(
                    !names.contains(" on") && !names.contains("src=") && !names.contains("style="),
                    "<{tag}>"
                );
            }
            if let Some((_, target)) = tag.split_once("href=\"") {
                let id = target.strip_prefix('#').expect("a place in the page").split('"').next().unwrap();
                assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
            }
        }
    }
}

#[test]
fn the_page_shows_the_number_beside_the_wave_and_the_replay_over_its_original() {
    let page = page(&ward::report());
    assert!(page.contains("1 of 2 beds contradicts itself"));
    assert!(page.contains("ECG says 132"));
    assert!(page.contains("100 % of the samples are the same"));
    assert!(page.contains("widened"));
    assert!(page.contains("The checks could judge 85 % of the time."));
    assert!(
        page.contains("The pleth is too short to be compared."),
        "what could not be judged has its reason"
    );
    let ghost = page.split("class=\"ghost\" d=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(page.contains(&format!("class=\"wave\" d=\"{ghost}\"")), "the copy is the original");
}

#[test]
fn hostile_text_breaks_out_of_no_format() {
    let hostile = ward::hostile();
    // JSON is for programs: names of captures are as they are, and its escapes keep the rest in its quotes.
    for (format, text) in all(&hostile).into_iter().filter(|(format, _)| *format != "json") {
        let acting: Vec<char> = text
            .chars()
            .filter(|c| {
                (c.is_control() && !matches!(c, '\n' | '\r')) || ('\u{202a}'..='\u{202e}').contains(c)
            })
            .collect();
        assert!(acting.is_empty(), "{format}: {acting:?}");
    }
    let calm = ward::report();
    assert_eq!(csv(&hostile).matches("\r\n").count(), csv(&calm).matches("\r\n").count());
    assert!(!csv(&hostile).contains("\n=") && !csv(&hostile).contains(",="));
    let kinds = |report: &Report| -> BTreeMap<String, usize> {
        let mut kinds = BTreeMap::new();
        for line in hl7(report).split('\r').filter(|line| !line.is_empty()) {
            *kinds.entry(line[..4].to_owned()).or_default() += 1;
        }
        // The reason for showing identifiers is one note more in each message.
        kinds.remove("NTE|");
        kinds
    };
    assert_eq!(kinds(&hostile), kinds(&calm));
    let signals = |report: &Report| -> Vec<usize> {
        let headers = wfdb(report).into_iter().filter(|(name, _)| name.ends_with(".hea"));
        let text = headers.map(|(_, bytes)| String::from_utf8(bytes).unwrap());
        text.map(|text| text.lines().filter(|line| !line.starts_with('#')).count()).collect()
    };
    assert_eq!(signals(&hostile), signals(&calm));
}

#[test]
fn patients_are_in_no_format_unless_shown_on_purpose() {
    let mut report = ward::report();
    for (format, text) in all(&report) {
        assert!(text.contains("p:00123456789abcde"), "the pseudonym that was asked for: {format}");
    }
    report.recordings[1].patient = Some(PatientToken::Withheld);
    for (format, text) in all(&report) {
        assert!(!text.contains("p:0012"), "{format}");
    }
}

#[test]
fn an_empty_capture_is_told_with_what_to_check() {
    let nothing = plain(&Report::default());
    assert!(nothing.contains("No vital signs in 0 frames.") && nothing.contains("mirror port"), "{nothing}");
    assert!(page(&Report::default()).contains("No vital signs were seen"));
    assert_eq!(csv(&Report::default()).lines().count(), 1);
    assert_eq!(fhir(&Report::default())["resourceType"], "Bundle");
    assert!(hl7(&Report::default()).is_empty() && wfdb(&Report::default()).is_empty());
    let mut elsewhere = sample::report();
    elsewhere.recordings.clear();
    assert!(plain(&elsewhere).contains("Beds in these captures: 8, 7;"), "{}", plain(&elsewhere));
}

#[test]
fn limits_reached_are_told() {
    for text in [plain(&ward::report()), page(&ward::report())] {
        assert!(text.contains("1,234,567 samples of waveforms"), "{text}");
    }
    assert!(ward::start() < ward::report().recordings[0].first);
}
