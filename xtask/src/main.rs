//! Developer commands of Lazaret: `cargo xtask ci` is the only gate, the rest are its parts and the long
//! trials. Run `cargo xtask --help`.

#![expect(clippy::disallowed_methods, reason = "a developer tool runs programs and reads clocks")]

mod bench;
mod ci;
mod golden;
mod skips;
mod soak;
mod time_eval;
mod vitals_eval;
mod watching;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Developer commands of Lazaret.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The gate: format, lints, tests, documentation, licences. What CI runs.
    Ci(ci::Ci),
    /// Speed and memory against the named peers, on files made in a folder outside the checkout.
    Bench(bench::Bench),
    /// Pages of the API over a store of 100,000 findings and 20,000 assets.
    BenchApi(bench::BenchApi),
    /// The golden captures and what is read of them, made anew from their recipes.
    Golden(golden::Golden),
    /// One long trial at full length, by name.
    Soak(soak::Soak),
    /// The vital-sign algorithms against recordings that people marked, and against the named peers.
    VitalsEval(vitals_eval::VitalsEval),
    /// The rules that need time: planted matters, wards where nothing is wrong, captures of others.
    TimeEval(time_eval::TimeEval),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Ci(ci) => ci.run(),
        Command::Bench(bench) => bench.run(),
        Command::BenchApi(bench) => bench.run(),
        Command::Golden(golden) => golden.run(),
        Command::Soak(soak) => soak.run(),
        Command::VitalsEval(evaluation) => evaluation.run(),
        Command::TimeEval(evaluation) => evaluation.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}
