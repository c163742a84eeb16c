//! `cargo xtask vitals-eval tamper`: tampered recordings through encoder, wire and decoder.

use clap::Parser;
use evaluate::tamper::table::{Wanted, evaluate};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Tampers with the recordings that LAZARET_CORPUS points at and prints what the checks find.
#[derive(Parser)]
struct Arguments {
    /// Where the recordings are.
    #[arg(long)]
    corpus: PathBuf,
    /// Only attacks whose name holds this text.
    #[arg(long)]
    only: Option<String>,
    /// Only untouched recordings.
    #[arg(long)]
    untouched: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let wanted = Wanted { only: arguments.only, untouched_only: arguments.untouched };
    let told = evaluate(&arguments.corpus, &wanted, &mut |text| {
        print!("{text}");
        drop(std::io::stdout().flush());
    });
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
