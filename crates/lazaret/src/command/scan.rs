//! `lazaret scan`: captures in, report out.
//!
//! Arguments become a [`ScanPlan`], the pipeline makes a [`ScanOutcome`] of it, and the report is written in
//! one of four formats. Nothing is written before everything that can be wrong with the arguments was
//! checked, and a report is written even where an input could not be read.

use super::source::Source;
use crate::evidence::Evidence;
use crate::exit::{Failure, Status, with_causes};
use crate::output::write_to;
use crate::pipeline::Told;
use crate::vault::{self, Identities, Turned};
use detect::{Depth, Past};
use export::{Tool, html, ndjson, report1, text};
use flow::Waveforms;
use ingest::Input;
use inventory::{Site, Wanted};
use model::{Finding, Report, Severity};
use std::io::{self, Write};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  lazaret scan ward.pcap                                  the report, to read here
  lazaret scan --format html --output ward.html captures/ all captures of a folder, to read, print and hand over
  lazaret scan --site site.toml ward.pcapng.zst           with what the site says of itself
  lazaret scan --store ward.store captures/monday/        kept: one finding per matter, however often it is scanned
  lazaret scan --fail-on high --quiet ward.pcap           in a script: status 1 where something high was found
  ssh probe 'tcpdump -i eth1 -w - -c 100000' | lazaret scan -    from standard input

A site file says what is the site's own:
  [networks]
  internal = [\"10.0.0.0/8\"]
  [[server]]
  role = \"central-station\"
  ip = \"10.20.4.119\"
  [[device]]
  mac = \"02:1b:5e:00:10:20\"
  state = \"patched\"
  [learning]                     a device's own past, by which new peers and services are told; default: 24 hours
  hours = 168
  [[policy]]                     whom a kind of device (or zone, mac, ip) may talk to
  class = \"patient-monitor\"
  allow = [{ to = \"central-station\" }, { to = \"10.20.0.3\", port = 53, transport = \"udp\" }]

Patient identifiers are left out of every format, unless --pseudonym-key or --show-identifiers says otherwise. With --store and
--vault the report has keyed hashes, and who is behind them is kept in the store, encrypted: `lazaret store vault --help`.

Exit status: 0 done; 1 done, and something at or above --fail-on was found; 2 bad usage or configuration;
3 an input was wholly unreadable (the report of the others is still written).";

/// Options of `scan`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    source: Source,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// File to write the report to; it appears whole or not at all [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Exit status 1 where something of this severity or above was found
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<FailOn>,
    /// Keep the files that were carried over the network in this folder. They are hostile until shown otherwise
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,
    /// Keep the results in this store, and say what is new; it is made where it is not there
    #[arg(long, value_name = "DIR", conflicts_with = "no_hash")]
    store: Option<PathBuf>,
    #[command(flatten)]
    vault: Turned,
}

/// Formats of a report.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    Text,
    /// For programs: schema lazaret.report/1
    Json,
    /// One JSON object per line
    Ndjson,
    /// One self-contained file, to read and print
    Html,
}

/// What makes a run end with status 1.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum FailOn {
    Low,
    Medium,
    High,
    Critical,
}

impl FailOn {
    /// Status of a run that wrote this report.
    pub(super) fn status(limit: Option<Self>, report: &Report) -> Status {
        Self::reached(limit, report.findings.iter().map(|finding| finding.severity).max())
    }

    /// Status of a run whose worst finding was so bad.
    pub(super) fn reached(limit: Option<Self>, worst: Option<Severity>) -> Status {
        match (worst, limit) {
            (Some(worst), Some(limit)) if worst >= limit.severity() => Status::Found,
            _ => Status::Done,
        }
    }

    const fn severity(self) -> Severity {
        match self {
            Self::Low => Severity::Low,
            Self::Medium => Severity::Medium,
            Self::High => Severity::High,
            Self::Critical => Severity::Critical,
        }
    }
}

/// What a scan is to do.
pub(crate) struct ScanPlan {
    /// What to read.
    pub(crate) inputs: Vec<Input>,
    /// How to read it.
    pub(crate) reading: ingest::Options,
    /// What is wanted of the flow stage; `wants_message` and default credentials are the judgement's to set.
    pub(crate) flow: flow::Options,
    /// What the site says of itself.
    pub(crate) site: Site,
    /// What was before the captures.
    pub(crate) past: Past,
    /// Whether vital signs are checked, and how deeply.
    pub(crate) integrity: Option<Depth>,
    /// Threads that read flows.
    pub(crate) workers: NonZero<usize>,
    /// What of the vital signs is to be kept in full, if anything.
    pub(crate) recording: Option<Wanted>,
}

/// What a scan made.
pub(crate) struct ScanOutcome {
    /// The report.
    pub(crate) report: Report,
    /// Inputs that were wholly unreadable.
    pub(crate) rejected: Vec<Unreadable>,
    /// Files of folders that are no captures.
    pub(crate) skipped: Vec<PathBuf>,
}

/// An input that was wholly unreadable.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// Its name without folders.
    pub(crate) name: String,
    /// Why, and what to do.
    pub(crate) why: String,
}

impl From<&ingest::Rejected> for Unreadable {
    fn from(rejected: &ingest::Rejected) -> Self {
        Self { name: rejected.name.clone(), why: with_causes(&rejected.error) }
    }
}

/// How far a scan is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Bytes read and their whole, as the files lie on disk.
    pub(crate) bytes: ingest::Progress,
    /// Frames read.
    pub(crate) frames: u64,
}

impl Options {
    /// Scans with the pipeline.
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        ingest::keep_freed_pages();
        crate::pipeline::on_workers(self.source.workers(), || self.run_with(crate::pipeline::run))
    }

    /// Scans with whatever makes an outcome of a plan.
    fn run_with(
        &self,
        scan: impl FnOnce(ScanPlan, Told<'_>) -> Result<ScanOutcome, Failure>,
    ) -> Result<Status, Failure> {
        self.source.check()?;
        // A scan can take hours; what stands against keeping it is said before.
        self.store.as_deref().map_or(Ok(()), store::Writer::check)?;
        let identities = self.identities()?;
        let evidence = self.evidence.as_deref().map(Evidence::start).transpose()?.map(Arc::new);
        let mut plan = self.plan(evidence.clone())?;
        plan.flow = vault::wanted(identities.as_ref(), plan.flow);
        if let Some(folder) = &self.store {
            plan.past = crate::past::of_store(folder)?;
        }
        if self.format != Format::Ndjson {
            let (report, status) = self.report(plan, evidence, None, scan)?;
            // Kept also where the reader of the report went away (`… | head`).
            let written = self.write(&report);
            self.keep(&report, identities.as_deref())?;
            return written.map(|()| status);
        }
        // Lines are written while the scan runs, so whatever goes wrong with it comes out of the writing.
        let mut outcome = None;
        let written = write_to(self.output.as_deref(), |to| {
            let tool = Tool::lazaret(env!("CARGO_PKG_VERSION"));
            let mut lines = ndjson::Lines::start(to, tool, self.source.reason())?;
            let mut failed = None;
            let mut tell = |finding: &Finding| {
                if failed.is_none() {
                    failed = lines.open(finding).err();
                }
            };
            let scanned = self.report(plan, evidence, Some(&mut tell), scan);
            if let Some(failed) = failed {
                return Err(failed);
            }
            match scanned {
                Ok((report, status)) => {
                    let ended = lines.finish(&report).map(drop);
                    outcome = Some(Ok((report, status)));
                    ended
                }
                Err(failure) => {
                    outcome = Some(Err(failure));
                    // Without its last line the output says that it is not whole; a file is not left behind.
                    Err(io::Error::other("the scan failed"))
                }
            }
        });
        let Some((report, status)) = outcome.transpose()? else { return written.map(|()| Status::Done) };
        self.keep(&report, identities.as_deref())?;
        written.map(|()| status)
    }

    /// Scans, and says on standard error what belongs there.
    fn report(
        &self,
        plan: ScanPlan,
        evidence: Option<Arc<Evidence>>,
        finding: Option<&mut (dyn FnMut(&Finding) + Send)>,
        scan: impl FnOnce(ScanPlan, Told<'_>) -> Result<ScanOutcome, Failure>,
    ) -> Result<(Report, Status), Failure> {
        let ScanOutcome { mut report, rejected, .. } = self.source.read(plan, finding, scan)?;
        let left_out = evidence.map_or(Ok(0), |evidence| evidence.end())?;
        self.complete(&mut report, &rejected, left_out);
        let status = self.status(&report, &rejected);
        Ok((report, status))
    }

    /// Puts the results into the store, where one is named.
    fn keep(&self, report: &Report, identities: Option<&Identities>) -> Result<(), Failure> {
        let Some(folder) = &self.store else { return Ok(()) };
        crate::stored::keep(folder, report, identities, self.source.is_quiet())
    }

    /// The vault, where it is on.
    fn identities(&self) -> Result<Option<Arc<Identities>>, Failure> {
        if !self.vault.is_on() {
            return Ok(None);
        }
        if self.source.has_own_privacy() {
            return Err(Failure::Usage(
                "--vault: patients are keyed hashes then, by the vault's own key; leave --pseudonym-key and \
                 --show-identifiers out"
                    .to_owned(),
            ));
        }
        // What it holds is not left lying in memory.
        ingest::wipe_freed_memory();
        self.vault.open(self.store.as_deref(), &crate::stored::session())
    }

    fn plan(&self, evidence: Option<Arc<Evidence>>) -> Result<ScanPlan, Failure> {
        // Only the page draws waveforms.
        let waveforms = if self.format == Format::Html { Waveforms::Carry } else { Waveforms::Omit };
        let keeper = evidence.map(|keeper| -> Arc<dyn flow::Keeper> { keeper });
        self.source.plan(flow::Options { waveforms, keeper, ..flow::Options::default() })
    }

    /// Adds to the report what only the command line knows.
    fn complete(&self, report: &mut Report, rejected: &[Unreadable], left_out: u64) {
        self.source.complete(report, rejected);
        let spots = &mut report.blind_spots;
        if left_out != 0 {
            spots.push(format!(
                "The content of {left_out} carried files was not kept, because a limit of --evidence was reached."
            ));
        }
    }

    fn write(&self, report: &Report) -> Result<(), Failure> {
        let tool = Tool::lazaret(env!("CARGO_PKG_VERSION"));
        let render = |to: &mut (dyn Write + Send)| -> io::Result<()> {
            match self.format {
                Format::Text if self.output.is_some() => text::write(report, text::Layout::default(), to),
                Format::Text => text::write(report, crate::terminal::layout(), to),
                Format::Json => report1::write(report, tool, to),
                Format::Ndjson => ndjson::write(report, tool, to),
                Format::Html => html::write(report, tool, to),
            }
        };
        write_to(self.output.as_deref(), render)
    }

    fn status(&self, report: &Report, rejected: &[Unreadable]) -> Status {
        if !rejected.is_empty() {
            return Status::Unreadable;
        }
        FailOn::status(self.fail_on, report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;
    use flow::Redaction;
    use model::{AssetId, CaptureTime, Certainty, Finding, FindingId};

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn options(arguments: &[&str]) -> Options {
        Line::try_parse_from([&["scan"], arguments].concat()).unwrap().options
    }

    fn outcome(severity: Option<Severity>) -> ScanOutcome {
        let finding = |severity| Finding {
            id: FindingId(1),
            rule: "remote-mount",
            title: "A matter".to_owned(),
            severity,
            certainty: Certainty::Confirmed,
            asset: AssetId(1),
            peer: None,
            peers: Vec::new(),
            first: CaptureTime::default(),
            last: CaptureTime::default(),
            count: 1,
            evidence: Vec::new(),
            details: std::collections::BTreeMap::new(),
            attack: [].into(),
            advisories: Vec::new(),
            cves: Vec::new(),
            why: "Why.".to_owned(),
            fix: "Do.".into(),
        };
        let report = Report { findings: severity.map(finding).into_iter().collect(), ..Report::default() };
        ScanOutcome { report, rejected: Vec::new(), skipped: Vec::new() }
    }

    fn status(arguments: &[&str], outcome: ScanOutcome) -> Status {
        let arguments = [arguments, &["--output", "/dev/null", "ward.pcap"]].concat();
        options(&arguments).run_with(|_, _| Ok(outcome)).unwrap()
    }

    #[test]
    fn fail_on_counts_findings_of_that_severity_and_above() {
        let high = || outcome(Some(Severity::High));
        assert_eq!(status(&[], high()), Status::Done);
        assert_eq!(status(&["--fail-on", "medium"], high()), Status::Found);
        assert_eq!(status(&["--fail-on", "high"], high()), Status::Found);
        assert_eq!(status(&["--fail-on", "critical"], high()), Status::Done);
        assert_eq!(status(&["--fail-on", "low"], outcome(None)), Status::Done);
    }

    #[test]
    fn an_unreadable_input_outweighs_what_was_found() {
        let mut outcome = outcome(Some(Severity::Critical));
        outcome.rejected.push(Unreadable { name: "x".to_owned(), why: "no".to_owned() });
        assert_eq!(status(&["--fail-on", "low"], outcome), Status::Unreadable);
    }

    #[test]
    fn the_reason_for_showing_patients_stands_in_the_report() {
        let options = options(&["--show-identifiers", "--reason", " Bed 7 is missing. ", "ward.pcap"]);
        assert_eq!(options.plan(None).unwrap().flow.redaction, Redaction::Show);
        let mut report = Report::default();
        options.complete(&mut report, &[], 0);
        assert_eq!(report.identifiers_shown_because.as_deref(), Some("Bed 7 is missing."));
    }

    #[test]
    fn patients_are_withheld_and_waveforms_left_out_unless_asked_for() {
        let plan = options(&["--integrity", "off", "ward.pcap"]).plan(None).unwrap();
        assert_eq!(plan.flow.redaction, Redaction::Withhold);
        assert_eq!((plan.flow.waveforms, plan.integrity), (Waveforms::Omit, None));
        let page = options(&["--format", "html", "--integrity", "off", "x"]).plan(None).unwrap();
        assert_eq!(page.flow.waveforms, Waveforms::Carry);
        for (arguments, depth) in [(&["x"][..], Depth::Default), (&["--integrity", "full", "x"], Depth::Full)]
        {
            let plan = options(arguments).plan(None).unwrap();
            assert_eq!((plan.flow.waveforms, plan.integrity), (Waveforms::Carry, Some(depth)));
        }
    }

    #[test]
    fn the_report_says_that_vital_signs_were_not_checked() {
        let mut report = Report::default();
        options(&["--integrity", "off", "x"]).complete(&mut report, &[], 0);
        assert!(report.blind_spots.iter().any(|spot| spot.contains("--integrity off")), "{report:?}");
        let mut report = Report::default();
        options(&["x"]).complete(&mut report, &[], 0);
        assert_eq!(report.blind_spots, [""; 0], "where there are none, none went unchecked");
    }
}
