//! What every command takes that reads captures: inputs, the site, workers, patients' privacy, progress.

use super::{Reading, ScanOutcome, ScanPlan, Unreadable};
use crate::exit::Failure;
use crate::pipeline::Told;
use crate::progress::{Bar, Show, rate};
use crate::secret::read_key;
use detect::{Depth, Past};
use flow::{Redaction, Waveforms};
use ingest::Input;
use inventory::Site;
use model::{Finding, Report};
use std::num::NonZero;
use std::path::{Path, PathBuf};

/// Most workers. Our limit: the flow stage has as many shards; more workers would wait.
const WORKERS_MAX: usize = flow::SHARDS;

/// Options of every command that reads captures.
#[derive(Debug, clap::Args)]
pub(crate) struct Source {
    /// Capture files (pcap, pcapng, plain or in gzip or zstd), folders of them, or `-` for standard input
    #[arg(value_name = "CAPTURE", required = true)]
    captures: Vec<PathBuf>,
    /// What the site says of itself: networks, servers, devices (TOML; `lazaret scan --help` shows one)
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
    /// Threads that read flows; never changes the result [default: one per processor]
    #[arg(long, value_name = "N", value_parser = workers)]
    workers: Option<NonZero<usize>>,
    /// Checks of whether the vital signs can be believed
    #[arg(long, value_enum, default_value_t = Integrity::On)]
    integrity: Integrity,
    /// Leave the captures' own SHA-256 out
    #[arg(long)]
    no_hash: bool,
    /// Patient identifiers become keyed hashes (p:0123456789abcdef) that agree between runs; key file of 16 bytes or more
    #[arg(long, value_name = "FILE", conflicts_with = "show_identifiers")]
    pseudonym_key: Option<PathBuf>,
    /// Show patient identifiers in clear; needs --reason, which the result repeats
    #[arg(long, requires = "reason")]
    show_identifiers: bool,
    /// Why patient identifiers must be shown
    #[arg(long, value_name = "TEXT", requires = "show_identifiers")]
    reason: Option<String>,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
    /// Say on standard error what is read and how fast
    #[arg(long, short, conflicts_with = "quiet")]
    verbose: bool,
}

/// Checks of vital signs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(super) enum Integrity {
    /// None
    Off,
    /// All but the search for near-exact replays
    On,
    /// All: near-exact replays, under noise and another gain, are found too
    Full,
}

impl Integrity {
    /// How deep the checks go; none where there are none.
    pub(super) const fn depth(self) -> Option<Depth> {
        match self {
            Self::Off => None,
            Self::On => Some(Depth::Default),
            Self::Full => Some(Depth::Full),
        }
    }

    /// What was not asked of the vital signs, or cannot be.
    pub(super) fn unchecked(self, report: &Report) -> Option<String> {
        let sentence = match self {
            Self::Off => "Whether the vital signs can be believed was not checked: --integrity off.",
            _ if report.vitals.is_empty() => return None,
            Self::On => {
                "Vital signs were checked for contradictions; none found does not mean that they are true. A number \
                 held inside its normal range, all of another patient's data from some moment on, and a replay with \
                 noise added (--integrity full finds that) look consistent. Compare them with the patient at the bedside."
            }
            Self::Full => {
                "Vital signs were checked for contradictions; none found does not mean that they are true. A number \
                 held inside its normal range and all of another patient's data from some moment on look consistent. \
                 Compare them with the patient at the bedside."
            }
        };
        Some(sentence.to_owned())
    }
}

/// What the site says of itself, from the file of `--site`.
pub(super) fn read_site(path: Option<&Path>) -> Result<Site, Failure> {
    let Some(path) = path else { return Ok(Site::default()) };
    let failed = |cause| Failure::Read { option: "--site", path: path.to_owned(), cause };
    let text = std::fs::read_to_string(path).map_err(failed)?;
    Ok(Site::parse(&text, &path.display().to_string())?)
}

pub(super) fn workers(text: &str) -> Result<NonZero<usize>, String> {
    let workers: NonZero<usize> = text.parse().map_err(|_| format!("a number from 1 to {WORKERS_MAX}"))?;
    if workers.get() > WORKERS_MAX { Err(format!("at most {WORKERS_MAX}")) } else { Ok(workers) }
}

impl Source {
    /// What clap cannot check.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.reason.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
            return Err(Failure::Usage(
                "--reason is empty; say why patient identifiers must be shown".to_owned(),
            ));
        }
        Ok(())
    }

    /// How many workers: as asked for, else one for each processor.
    pub(crate) fn workers(&self) -> NonZero<usize> {
        let processors = || std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        self.workers.unwrap_or_else(processors)
    }

    /// A plan over these inputs, with `flow` as what is wanted of the flow stage but for the patients.
    pub(crate) fn plan(&self, flow: flow::Options) -> Result<ScanPlan, Failure> {
        let redaction = match &self.pseudonym_key {
            Some(path) => Redaction::Pseudonym(read_key(path)?),
            None if self.show_identifiers => Redaction::Show,
            None => Redaction::Withhold,
        };
        let integrity = self.integrity.depth();
        // The checks look at the samples of waveforms.
        let waveforms = if integrity.is_some() { Waveforms::Carry } else { flow.waveforms };
        Ok(ScanPlan {
            inputs: self.captures.iter().map(|path| Input::from_argument(path)).collect(),
            reading: ingest::Options { hash: !self.no_hash, ..ingest::Options::default() },
            flow: flow::Options { redaction, waveforms, ..flow },
            site: read_site(self.site.as_deref())?,
            past: Past::default(),
            integrity,
            workers: self.workers(),
            recording: None,
        })
    }

    /// Reads with a progress bar; says on standard error what could not be read. `finding` is told findings as they are
    /// made.
    pub(crate) fn read(
        &self,
        plan: ScanPlan,
        finding: Option<&mut (dyn FnMut(&Finding) + Send)>,
        scan: impl FnOnce(ScanPlan, Told<'_>) -> Result<ScanOutcome, Failure>,
    ) -> Result<ScanOutcome, Failure> {
        let mut bar = Bar::start(if self.quiet { Show::Never } else { Show::OnTerminal });
        let mut frames = 0;
        let mut reading = |reading: Reading| {
            frames = reading.frames;
            bar.at(reading.bytes.read, reading.bytes.total, |elapsed| {
                format!("{} frames, {}", reading.frames, rate(reading.frames, elapsed))
            });
        };
        // The closure shortens the lifetime of what it points to.
        let finding = finding.map(|tell| -> &mut (dyn FnMut(&Finding) + Send) { tell });
        let outcome = scan(plan, Told { reading: &mut reading, finding });
        let elapsed = bar.elapsed();
        bar.end();
        let outcome = outcome?;
        if self.verbose {
            for path in &outcome.skipped {
                eprintln!("lazaret: `{}` is no capture; passed over", path.display());
            }
            let seconds = elapsed.as_secs_f64();
            eprintln!("lazaret: {frames} frames in {seconds:.2} s, {}", rate(frames, elapsed));
        }
        for input in &outcome.rejected {
            eprintln!("lazaret: {}", input.why);
        }
        Ok(outcome)
    }

    /// Adds to the report what only the command line knows of its inputs.
    pub(crate) fn complete(&self, report: &mut Report, rejected: &[Unreadable]) {
        report.identifiers_shown_because = self.reason().map(str::to_owned);
        for input in rejected {
            report.blind_spots.push(format!(
                "{} could not be read at all, so nothing of it is in this report: {}.",
                input.name, input.why
            ));
        }
        let unchecked = self.integrity.unchecked(report);
        report.blind_spots.extend(unchecked);
    }

    /// The site file, where one is named.
    pub(crate) fn site(&self) -> Option<&Path> {
        self.site.as_deref()
    }

    /// Whether some input is named, where a command does not demand one.
    pub(crate) const fn has_captures(&self) -> bool {
        !self.captures.is_empty()
    }

    /// Whether nobody wants to hear of progress.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether it was said what becomes of patients' identifiers.
    pub(crate) const fn has_own_privacy(&self) -> bool {
        self.pseudonym_key.is_some() || self.show_identifiers
    }

    /// Why patients' identifiers are shown, where they are.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.as_deref().map(str::trim).filter(|_| self.show_identifiers)
    }
}
