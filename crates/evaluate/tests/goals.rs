//! The goals of the project on the recordings of others, where `LAZARET_CORPUS` points.

#![expect(clippy::panic, reason = "a test: what fails must stop it")]

use evaluate::ecg::{self, Marked, Which};
use evaluate::matching::Score;
use evaluate::pleth::{Reference, eight_bits, run_pulses, ten_bits};
use evaluate::respiration::{Errors, errors, rates, run_breaths};
use evaluate::{bidmc, wfdb};
use std::path::PathBuf;

fn corpus() -> Option<PathBuf> {
    match std::env::var_os("LAZARET_CORPUS") {
        Some(path) => Some(PathBuf::from(path)),
        None if std::env::var("CI").is_ok_and(|ci| ci == "true") => {
            panic!("LAZARET_CORPUS is not set, and CI may not skip this")
        }
        None => {
            println!("skipped: LAZARET_CORPUS is not set");
            None
        }
    }
}

/// The goals for beats: error rate in percent; the others are the same at every resolution.
fn beats_reach(records: &[Marked], error_rate_most: f64) {
    let mut total = Score::default();
    for record in records {
        let found = ecg::run(Which::Primary, &record.codes, record.rate_hz);
        let score = ecg::score(record, &found.beats);
        assert!(score.f1() >= 98.5, "{}: F1 {:.2}", record.name, score.f1());
        assert!(found.delay_most as f64 / record.rate_hz <= 0.4, "{}: told late", record.name);
        total.add(&score);
    }
    assert!(total.error_rate() <= error_rate_most, "{:.3} %", total.error_rate());
    assert!(total.sensitivity_near() >= 98.5, "{:.2} %", total.sensitivity_near());
}

#[test]
fn beats_of_the_arrhythmia_database_are_found_as_the_project_promises() {
    let Some(corpus) = corpus() else { return };
    let records = ecg::records(&corpus).unwrap();
    // The marks themselves: beats as the manifest counts them.
    assert_eq!((records.len(), records.iter().map(|record| record.beats.len()).sum::<usize>()), (24, 50_372));
    beats_reach(&records, 0.50);
    beats_reach(&records.iter().map(Marked::as_sent).collect::<Vec<_>>(), 0.80);
}

#[test]
fn pulses_and_breaths_of_bidmc_are_found_as_the_project_promises() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("bidmc-csv");
    let (mut ten, mut eight, mut breaths) = (Score::default(), Score::default(), Errors::default());
    for number in bidmc::numbers(&folder) {
        let recording = bidmc::read(&folder, number).unwrap();
        let reference = Reference::of(&recording);
        assert!(reference.hours() > 0.1, "{number}: {:.3} h with a reference", reference.hours());
        let score = reference.score(&run_pulses(&ten_bits(&recording.pleth)).0);
        assert!(score.f1() >= 95.0, "{number}: F1 {:.2}", score.f1());
        ten.add(&score);
        eight.add(&reference.score(&run_pulses(&eight_bits(&recording.pleth)).0));
        let samples = recording.respiration.len();
        let found = run_breaths(&eight_bits(&recording.respiration)).0;
        breaths.add(&errors(&rates(&recording.breaths, samples), &rates(&found, samples)));
    }
    assert!(ten.f1() >= 98.9 && eight.f1() >= 98.9, "{:.2} {:.2}", ten.f1(), eight.f1());
    assert!(breaths.errors.len() >= 220 && breaths.silent == 0, "{} silent", breaths.silent);
    assert!(breaths.mean() <= 0.53, "{:.3}/min", breaths.mean());
}

#[test]
fn every_record_of_the_corpus_reads_as_long_as_its_header_says() {
    let Some(corpus) = corpus() else { return };
    let lengths = |path: &str| -> Vec<(String, f64, usize)> {
        let record = wfdb::read(&corpus.join("wfdb").join(path)).unwrap();
        record.waves.into_iter().map(|wave| (wave.name, wave.rate_hz, wave.codes.len())).collect()
    };
    let named = |name: &str, rate_hz: f64, samples: usize| (name.to_owned(), rate_hz, samples);
    assert_eq!(lengths("mitdb/100.hea"), [named("MLII", 360.0, 650_000), named("V5", 360.0, 650_000)]);
    let several = lengths("mimicdb-03700181/03700181.hea");
    assert_eq!(several[0], named("MCL1", 500.0, 300_000));
    let segments = lengths("mimic2-s25047/s25047-2704-05-04-10-44.hea");
    assert!(segments.iter().all(|wave| wave.2 == 543_240), "{segments:?}");
}

#[test]
fn checksums_of_the_headers_are_those_of_the_codes() {
    let Some(corpus) = corpus() else { return };
    // Sum of the first signal's codes as 16 bits, from the header of record 100: seventh word of its line.
    let text = std::fs::read_to_string(corpus.join("wfdb/mitdb/100.hea")).unwrap();
    let line = text.lines().find(|line| line.starts_with("100.dat")).unwrap();
    let wanted: i16 = line.split_whitespace().nth(6).unwrap().parse().unwrap();
    let record = wfdb::read(&corpus.join("wfdb/mitdb/100.hea")).unwrap();
    let sum = record.waves[0].codes.iter().flatten().fold(0_i32, |sum, code| sum.wrapping_add(*code));
    assert_eq!(sum as i16, wanted);
}
