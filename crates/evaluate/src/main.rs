//! `cargo xtask vitals-eval`: the tables of the book.

use clap::Parser;
use evaluate::ecg::{self, Which};
use evaluate::matching::Score;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures the vital-sign algorithms on the recordings that LAZARET_CORPUS points at.
#[derive(Parser)]
struct Arguments {
    /// Where the recordings are.
    #[arg(long)]
    corpus: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let records = ecg::records(&arguments.corpus).unwrap_or_default();
    let only = std::env::var("REC").ok();
    let records: Vec<_> = records.into_iter().filter(|r| only.as_ref().is_none_or(|o| o.split(',').any(|o| o == r.name))).collect();
    for (title, which, sent) in [
        ("primary full", Which::Primary, false),
        ("primary 8 bit", Which::Primary, true),
        ("second full", Which::Second, false),
        ("second 8 bit", Which::Second, true),
    ] {
        if sent && std::env::var("FULL").is_ok() { continue; }
        if !sent && std::env::var("SENT").is_ok() { continue; }
        let mut total = Score::default();
        let (mut cpu, mut hours) = (0.0, 0.0);
        for record in &records {
            let record = if sent { record.as_sent() } else { record.clone() };
            let found = ecg::run(which, &record.codes, record.rate_hz);
            let matched = record.matched(&found.beats);
            let score = Score::of(&matched, record.rate_hz);
            println!("{} {:5} fn {:4} fp {:4} f1 {:.2} near {:.2} off {:.1} jit {:.1} delay {:.3}", record.name, score.marked(), score.missed, score.invented, score.f1(), score.sensitivity_near(), score.offset_ms(), score.jitter_ms(), found.delay_most as f64/record.rate_hz);
            if std::env::var("ERR").is_ok() {
                for m in &matched.missed { println!("  FN {m}"); }
                for m in &matched.invented { println!("  FP {m}"); }
            }
            total.add(&score);
            cpu += found.cpu_s;
            hours += record.hours();
        }
        println!("{title}: beats {} fn {} fp {} DER {:.3} near {:.2} cpu/h {:.3}", total.marked(), total.missed, total.invented, total.error_rate(), total.sensitivity_near(), cpu/hours);
    }
    ExitCode::SUCCESS
}
