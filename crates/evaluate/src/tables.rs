//! Runs over all records, printed as Markdown.

use evaluate::ecg::{self, Marked, Which};
use evaluate::folds::{self, Loss};
use evaluate::matching::Score;
use evaluate::peers::{Kind, Peers};
use evaluate::pleth::Reference;
use evaluate::respiration::{Errors, errors, rates};
use evaluate::{Fault, bidmc};
use std::path::Path;

/// One detector over all records.
struct Row {
    name: String,
    total: Score,
    /// Least F1 and its record.
    worst: (f64, String),
    cpu_s: f64,
    hours: f64,
}

impl Row {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            total: Score::default(),
            worst: (f64::MAX, String::new()),
            cpu_s: 0.0,
            hours: 0.0,
        }
    }

    fn add(&mut self, record: &str, score: &Score, cpu_s: f64, hours: f64) {
        self.total.add(score);
        self.cpu_s += cpu_s;
        self.hours += hours;
        if score.marked() > 0 && score.f1() < self.worst.0 {
            self.worst = (score.f1(), record.to_owned());
        }
    }

    fn print(&self) {
        let Self { name, total, worst, cpu_s, hours } = self;
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:+.0} / {:.1} | {} {:.1} | {:.3} |",
            total.sensitivity(),
            total.predictivity(),
            total.error_rate(),
            total.f1(),
            total.sensitivity_near(),
            total.offset_ms(),
            total.jitter_ms(),
            worst.1,
            worst.0,
            cpu_s / hours,
        );
    }
}

const ROW_TITLES: &str = "| detector | Se % | PPV % | DER % | F1 % | Se at 50 ms % | offset / jitter ms | worst record, F1 | CPU s/h |\n\
                          |---|---:|---:|---:|---:|---:|---:|---|---:|";

/// Beats of the ECG on MIT-BIH, as recorded and as a monitor sends them.
pub(crate) fn qrs(corpus: &Path, mut peers: Option<Peers>, folds: bool) -> Result<(), Fault> {
    let full = ecg::records(corpus)?;
    let sent: Vec<Marked> = full.iter().map(Marked::as_sent).collect();
    let sets =
        [("full", "as recorded, 360 Hz, 11 bits", &full), ("sent", "256 Hz, 8 bits, 0.02 mV a code", &sent)];
    if let Some(peers) = &mut peers {
        for (short, _, records) in &sets {
            for record in *records {
                peers.add(&format!("{short}-{}", record.name), Kind::Ecg, record.rate_hz, &record.codes)?;
            }
        }
        peers.run()?;
    }
    for (short, long, records) in &sets {
        println!("\nBeats, {} records, {long}, window 150 ms, whole record, first signal\n", records.len());
        println!("| record | beats | missed | false | Se % | PPV % | F1 % | Se at 50 ms % | latest s |");
        println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
        let mut rows = vec![Row::new("`vitals::qrs`"), Row::new("`vitals::qrs::slope` (second)")];
        for record in *records {
            for (row, which) in rows.iter_mut().zip([Which::Primary, Which::Second]) {
                let found = ecg::run(which, &record.codes, record.rate_hz);
                let score = ecg::score(record, &found.beats);
                row.add(&record.name, &score, found.cpu_s, record.hours());
                if which == Which::Primary {
                    record_row(record, &score, found.delay_most);
                }
            }
        }
        if let Some(peers) = &peers {
            for detector in Kind::Ecg.detectors() {
                let mut row = Row::new(detector);
                for record in *records {
                    let (found, cpu_s) = peers.found(&format!("{short}-{}", record.name), detector)?;
                    row.add(&record.name, &ecg::score(record, &found), cpu_s, record.hours());
                }
                rows.push(row);
            }
        }
        println!("\n{ROW_TITLES}");
        rows.iter().for_each(Row::print);
    }
    if folds {
        qrs_folds(&full, &sent);
    }
    Ok(())
}

fn record_row(record: &Marked, score: &Score, delay_most: u64) {
    println!(
        "| {} | {} | {} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.3} |",
        record.name,
        score.marked(),
        score.missed,
        score.invented,
        score.sensitivity(),
        score.predictivity(),
        score.f1(),
        score.sensitivity_near(),
        delay_most as f64 / record.rate_hz,
    );
}

/// Values that were looked at for each field of the tuning, in its order.
const QRS_LISTS: &[&[i64]] = &[
    &[5, 6, 7, 8, 9],
    &[4, 5, 6, 7, 8],
    &[40, 60, 70, 80, 100],
    &[40, 50, 60, 70, 80],
    &[30, 40, 50, 60, 70],
    &[15, 20, 25, 30, 35],
    &[8, 12, 16],
    &[60, 70, 80, 85, 90],
    &[0, 30, 40, 50, 60],
    &[250, 300, 350],
];

fn qrs_folds(full: &[Marked], sent: &[Marked]) {
    for (name, records) in [("as recorded", full), ("256 Hz, 8 bits", sent)] {
        let outcome = folds::run(QRS_LISTS, |choice| {
            let tuning = qrs_tuning(choice);
            let loss = |record: &Marked| {
                let mut detector = vitals::qrs::Detector::with_tuning(record.rate_hz, tuning);
                let beats = record.codes.iter().filter_map(|&code| detector.push(code)).map(|beat| beat.at);
                let score = ecg::score(record, &beats.collect::<Vec<_>>());
                Loss { errors: (score.missed + score.invented) as f64, of: score.marked() as f64 }
            };
            records.iter().map(loss).collect()
        });
        println!("\nFive folds by subject, {name}: DER {:.3} % out of fold", 100.0 * outcome.out_of_fold);
        chosen(&outcome);
    }
}

fn qrs_tuning(choice: &[i64]) -> vitals::qrs::Tuning {
    let at = |place: usize| choice.get(place).copied().unwrap_or(0);
    vitals::qrs::Tuning {
        slope_samples: at(0).unsigned_abs(),
        bend_samples: at(1).unsigned_abs(),
        bend_share: at(2),
        noise_share: at(3),
        early_share: at(4),
        due_share: at(5),
        late_share: at(6),
        successor_share: at(7),
        t_wave_share: at(8),
        first_share: at(9),
    }
}

fn chosen(outcome: &folds::Outcome) {
    println!("({} choices tried; chosen per fold: {:?})", outcome.tried, outcome.chosen);
}

/// Every recording of BIDMC.
fn recordings(corpus: &Path) -> Result<Vec<bidmc::Recording>, Fault> {
    let folder = corpus.join("bidmc-csv");
    bidmc::numbers(&folder).into_iter().map(|number| bidmc::read(&folder, number)).collect()
}

/// Pulses of the pleth on BIDMC.
pub(crate) fn pleth(corpus: &Path, mut peers: Option<Peers>, folds: bool) -> Result<(), Fault> {
    let recordings = recordings(corpus)?;
    let references: Vec<Reference> = recordings.iter().map(Reference::of).collect();
    let name = |recording: &bidmc::Recording| format!("{:02}", recording.number);
    let (ten, eight) = (evaluate::pleth::ten_bits, evaluate::pleth::eight_bits);
    if let Some(peers) = &mut peers {
        for recording in &recordings {
            let wave = ten(&recording.pleth);
            peers.add(&format!("pleth-{}", name(recording)), Kind::Pleth, bidmc::RATE_HZ, &wave)?;
        }
        peers.run()?;
    }
    let hours: f64 = references.iter().map(Reference::hours).sum();
    println!(
        "\nPulses, {} recordings, {hours:.2} h in which two ECG detectors agree, 125 Hz, lag aligned\n",
        recordings.len()
    );
    println!(
        "| recording | hours | beats | missed | false | Se % | PPV % | F1 % |\n|---|---:|---:|---:|---:|---:|---:|---:|"
    );
    let mut rows = vec![Row::new("`vitals::pleth`, 10 bits"), Row::new("`vitals::pleth`, 8 bits")];
    for (recording, reference) in recordings.iter().zip(&references) {
        let record_hours = recording.pleth.len() as f64 / bidmc::RATE_HZ / 3_600.0;
        for (number, (row, coded)) in rows.iter_mut().zip([ten, eight]).enumerate() {
            let (found, cpu_s) = evaluate::pleth::run_pulses(&coded(&recording.pleth));
            let score = reference.score(&found);
            row.add(&name(recording), &score, cpu_s, record_hours);
            if number == 0 {
                println!(
                    "| {} | {:.3} | {} | {} | {} | {:.2} | {:.2} | {:.2} |",
                    name(recording),
                    reference.hours(),
                    score.marked(),
                    score.missed,
                    score.invented,
                    score.sensitivity(),
                    score.predictivity(),
                    score.f1()
                );
            }
        }
    }
    if let Some(peers) = &peers {
        for detector in Kind::Pleth.detectors() {
            let mut row = Row::new(detector);
            for (recording, reference) in recordings.iter().zip(&references) {
                let (found, cpu_s) = peers.found(&format!("pleth-{}", name(recording)), detector)?;
                let record_hours = recording.pleth.len() as f64 / bidmc::RATE_HZ / 3_600.0;
                row.add(&name(recording), &reference.score(&found), cpu_s, record_hours);
            }
            rows.push(row);
        }
    }
    println!("\n{ROW_TITLES}");
    rows.iter().for_each(Row::print);
    if folds {
        pleth_folds(&recordings, &references);
    }
    Ok(())
}

fn pleth_folds(recordings: &[bidmc::Recording], references: &[Reference]) {
    let waves: Vec<Vec<i32>> = recordings.iter().map(|one| evaluate::pleth::ten_bits(&one.pleth)).collect();
    let lists: &[&[i64]] =
        &[&[5, 6, 7, 9, 11], &[30, 40, 50, 60, 70], &[20, 30, 40, 50, 60], &[10, 15, 20, 25, 30]];
    let outcome = folds::run(lists, |choice| {
        let at = |place: usize| choice.get(place).copied().unwrap_or(0);
        let tuning = vitals::pleth::Tuning {
            rise_samples: at(0).unsigned_abs(),
            noise_share: at(1),
            early_share: at(2),
            due_share: at(3),
        };
        let loss = |(wave, reference): (&Vec<i32>, &Reference)| {
            let mut detector = vitals::pleth::Detector::with_tuning(bidmc::RATE_HZ, tuning);
            let pulses = wave.iter().filter_map(|&code| detector.push(code)).map(|pulse| pulse.at);
            let score = reference.score(&pulses.collect::<Vec<_>>());
            let errors = (score.missed + score.invented) as f64;
            Loss { errors, of: errors + 2.0 * score.found as f64 }
        };
        waves.iter().zip(references).map(loss).collect()
    });
    println!("\nFive folds by subject: F1 {:.2} % out of fold", 100.0 * (1.0 - outcome.out_of_fold));
    chosen(&outcome);
}

/// Respiration rate on BIDMC.
pub(crate) fn respiration(corpus: &Path, mut peers: Option<Peers>, folds: bool) -> Result<(), Fault> {
    let recordings = recordings(corpus)?;
    let name = |recording: &bidmc::Recording| format!("{:02}", recording.number);
    let coded = evaluate::pleth::ten_bits;
    if let Some(peers) = &mut peers {
        for recording in &recordings {
            let wave = coded(&recording.respiration);
            peers.add(&format!("resp-{}", name(recording)), Kind::Respiration, bidmc::RATE_HZ, &wave)?;
        }
        peers.run()?;
    }
    let mut rows: Vec<(String, Errors, f64)> = Vec::new();
    let mut add =
        |detector: &str, more: &Errors, cpu_s: f64| match rows.iter_mut().find(|row| row.0 == detector) {
            Some(row) => {
                row.1.add(more);
                row.2 += cpu_s;
            }
            None => rows.push((detector.to_owned(), more.clone(), cpu_s)),
        };
    let mut hours = 0.0;
    println!(
        "\n| recording | windows | error by `vitals` | by the second person | by the monitor |\n|---|---:|---:|---:|---:|"
    );
    for recording in &recordings {
        let samples = recording.respiration.len();
        hours += samples as f64 / bidmc::RATE_HZ / 3_600.0;
        let marked = rates(&recording.breaths, samples);
        let of = |breaths: &[u64]| errors(&marked, &rates(breaths, samples));
        let (found, cpu_s) = evaluate::respiration::run_breaths(&coded(&recording.respiration));
        let (ours, again) = (of(&found), of(&recording.breaths_again));
        let shown = errors(&marked, &evaluate::respiration::shown(recording));
        println!(
            "| {} | {} | {:.2} | {:.2} | {:.2} |",
            name(recording),
            ours.errors.len() + ours.silent,
            ours.mean(),
            again.mean(),
            shown.mean()
        );
        add("`vitals::respiration`, 10 bits", &ours, cpu_s);
        let (found, cpu_s) =
            evaluate::respiration::run_breaths(&evaluate::pleth::eight_bits(&recording.respiration));
        add("`vitals::respiration`, 8 bits", &of(&found), cpu_s);
        add("the second person", &again, 0.0);
        add("the monitor's own number", &shown, 0.0);
        if let Some(peers) = &peers {
            for detector in Kind::Respiration.detectors() {
                let (found, cpu_s) = peers.found(&format!("resp-{}", name(recording)), detector)?;
                add(detector, &of(&found), cpu_s);
            }
        }
    }
    println!(
        "\n| respiration rate by | mean absolute error /min | within 2/min % | windows | none told | CPU s/h |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    for (detector, errors, cpu_s) in &rows {
        println!(
            "| {detector} | {:.3} | {:.1} | {} | {} | {:.3} |",
            errors.mean(),
            errors.within(2.0),
            errors.errors.len() + errors.silent,
            errors.silent,
            cpu_s / hours
        );
    }
    if folds {
        respiration_folds(&recordings);
    }
    Ok(())
}

fn respiration_folds(recordings: &[bidmc::Recording]) {
    let waves: Vec<Vec<i32>> =
        recordings.iter().map(|one| evaluate::pleth::ten_bits(&one.respiration)).collect();
    let lists: &[&[i64]] = &[&[5, 6, 7, 8, 9, 11], &[1, 3, 5, 7], &[20, 25, 30, 35, 40, 45]];
    let outcome = folds::run(lists, |choice| {
        let at = |place: usize| choice.get(place).copied().unwrap_or(0);
        let smooth_samples = [at(0).unsigned_abs(), at(1).unsigned_abs()];
        let tuning = vitals::respiration::Tuning { smooth_samples, turn_share: at(2) };
        let loss = |(wave, recording): (&Vec<i32>, &bidmc::Recording)| {
            let mut detector = vitals::respiration::Detector::with_tuning(bidmc::RATE_HZ, tuning);
            let breaths = wave.iter().filter_map(|&code| detector.push(code)).map(|breath| breath.at);
            let found = rates(&breaths.collect::<Vec<_>>(), wave.len());
            let errors = errors(&rates(&recording.breaths, wave.len()), &found);
            // A window without an answer counts as an error of ten.
            let lost = errors.silent as f64 * 10.0;
            let sum = errors.errors.iter().map(|error| error.abs()).sum::<f64>();
            Loss { errors: sum + lost, of: (errors.errors.len() + errors.silent) as f64 }
        };
        waves.iter().zip(recordings).map(loss).collect()
    });
    println!("\nFive folds by subject: mean absolute error {:.3}/min out of fold", outcome.out_of_fold);
    chosen(&outcome);
}
