//! `cargo xtask vitals-eval` and `time-eval`: the tables of the book about signals and about behaviour.

mod speed;
mod tables;
mod time_tables;

use clap::{Parser, ValueEnum};
use evaluate::Fault;
use evaluate::peers::Peers;
use evaluate::tamper::table::{Wanted, evaluate};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures the vital-sign algorithms on the recordings that LAZARET_CORPUS points at, or the rules that need time.
#[derive(Parser)]
struct Arguments {
    /// What to measure.
    #[arg(value_enum, default_value_t = What::All)]
    what: What,
    /// Also run wfdb-python and neurokit2 on the same samples, which takes minutes.
    #[arg(long)]
    peers: bool,
    /// Also choose what can be chosen in five folds by subject and measure on the subjects left out; with `untouched` and
    /// `tamper`, only that.
    #[arg(long)]
    folds: bool,
    /// Of the tamperings, only those whose name holds this text.
    #[arg(long)]
    only: Option<String>,
    /// Tamper only with recordings whose name holds this text.
    #[arg(long)]
    record: Option<String>,
    /// Of the tamperings, also tell every attempt that was not found in time.
    #[arg(long)]
    misses: bool,
    /// Of `speed`: how many beds at once with the default checks; a fifth of them with all checks.
    #[arg(long, default_value_t = 1000)]
    beds: u32,
    /// Of `speed`: how many minutes of each.
    #[arg(long, default_value_t = 30)]
    minutes: usize,
    /// Days of the benign wing of `time`.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Where the recordings are; LAZARET_CORPUS where it is not given.
    #[arg(long)]
    corpus: Option<PathBuf>,
    /// Folder for the samples and answers of the peers.
    #[arg(long, default_value = "/var/tmp/lazaret-peers/work")]
    folder: PathBuf,
    /// Python with wfdb and neurokit2.
    #[arg(long, default_value = "/var/tmp/lazaret-peers/venv/bin/python")]
    python: PathBuf,
}

#[derive(Clone, Copy, Eq, PartialEq, ValueEnum)]
enum What {
    /// Beats of the ECG, on MIT-BIH.
    Qrs,
    /// Pulses of the pleth, on BIDMC.
    Pleth,
    /// Respiration rate, on BIDMC.
    Respiration,
    /// What the integrity checks make of untouched recordings.
    Untouched,
    /// The same, and of recordings that are tampered with.
    Tamper,
    /// What the checks cost: CPU time and memory, on many beds at once.
    Speed,
    /// The rules that need time, on flows made in memory.
    Time,
    /// The three about signals alone: QRS, pleth, respiration.
    All,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let cause = std::error::Error::source(&why).map(|cause| format!(": {cause}")).unwrap_or_default();
            eprintln!("evaluate: {why}{cause}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Fault> {
    if arguments.what == What::Time {
        return Ok(time_tables::print(arguments.days)?);
    }
    let named = arguments.corpus.clone().or_else(|| std::env::var_os("LAZARET_CORPUS").map(PathBuf::from));
    let corpus = named.ok_or_else(|| Fault::Content {
        path: PathBuf::from("LAZARET_CORPUS"),
        what: "is not set, and --corpus is not given".into(),
    })?;
    let peers = || -> Result<Option<Peers>, Fault> {
        arguments.peers.then(|| Peers::new(&arguments.folder, &arguments.python)).transpose()
    };
    if matches!(arguments.what, What::Qrs | What::All) {
        tables::qrs(&corpus, peers()?, arguments.folds)?;
    }
    if matches!(arguments.what, What::Pleth | What::All) {
        tables::pleth(&corpus, peers()?, arguments.folds)?;
    }
    if matches!(arguments.what, What::Respiration | What::All) {
        tables::respiration(&corpus, peers()?, arguments.folds)?;
    }
    if arguments.what == What::Speed {
        speed::measure(&corpus, speed::Load { beds: arguments.beds, minutes: arguments.minutes })?;
    }
    if matches!(arguments.what, What::Untouched | What::Tamper) {
        let untouched_only = arguments.what == What::Untouched;
        let (folds, misses) = (arguments.folds, arguments.misses);
        let (only, record) = (arguments.only.clone(), arguments.record.clone());
        let wanted = Wanted { only, record, untouched_only, folds, misses };
        evaluate(&corpus, &wanted, &mut |text| {
            print!("{text}");
            drop(std::io::stdout().flush());
        })?;
    }
    Ok(())
}
