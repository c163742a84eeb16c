//! `lazaret policy check`.

mod page;

use super::read_policy;
use crate::command::source::Source;
use crate::exit::{Failure, Status};
use crate::output::write_to;
use crate::stored::shown;
use flow::Waveforms;
use inventory::Vocabulary;
use model::{Direction, Report};
use policy::{Checked, Cut, Passing, Scope, Talk, Unproven};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  lazaret policy check --policy ward.policy.toml wednesday.pcap          what would have been cut that day, and what not
  lazaret policy check --policy ward.policy.toml --format json day.pcap  the same for programs: lazaret.policy-check/1
  lazaret policy check --policy ward.policy.toml --format html -o check.html day.pcap   to read and hand over
  lazaret policy check --policy ward.policy.toml --fail captures/        in a script: 1 where it is wrong

Use captures that the policy was not learnt from. A rule that no conversation used is unproven, not wrong. Whoever opens a
conversation is judged; answers pass or fall with it.

Exit status: 0 done; 1 with --fail, where a clinical conversation would be cut or bad traffic would pass; 2 bad usage or
configuration; 3 an input was wholly unreadable.";

/// Rows of one kind shown in text. Our limit; the JSON has all.
const ROWS_SHOWN_MAX: usize = 200;

/// Options of `policy check`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(flatten)]
    source: Source,
    /// Policy file, or a MUD file with addresses
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Judge as on a segment of its own: drop what concerns no device too
    #[arg(long)]
    segment: bool,
    /// Format of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Exit status 1 where a clinical conversation would be cut or bad traffic would pass
    #[arg(long)]
    fail: bool,
    /// File to write to; it appears whole or not at all [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    Text,
    /// For programs: schema lazaret.policy-check/1
    Json,
    /// One self-contained page, to read, print and hand over
    Html,
}

impl Options {
    pub(super) fn run(&self) -> Result<Status, Failure> {
        self.source.check()?;
        let mut policy = read_policy(&self.policy)?;
        if self.segment {
            policy.scope = Scope::Segment;
        }
        if let Some((peer, units)) = policy.unresolved().into_iter().next() {
            let (peer, unit) = (shown(peer), shown(units.first().copied().unwrap_or_default()));
            return Err(Failure::Usage(format!(
                "the policy gives no address of `{peer}` that `{unit}` may talk to; add a table [[resolve]] with its networks"
            )));
        }
        let plan =
            self.source.plan(flow::Options { waveforms: Waveforms::Omit, ..flow::Options::default() })?;
        let outcome = self.source.read(plan, None, crate::pipeline::run)?;
        let words = Vocabulary::built_in().map_err(detect::DataError::from)?;
        let checked = policy::check(&policy, &outcome.report, &words);
        let document = Document::of(&policy.name, &checked, &outcome.report);
        write_to(self.output.as_deref(), |to| match self.format {
            Format::Text => to.write_all(in_words(&document).as_bytes()),
            Format::Json => {
                serde_json::to_writer_pretty(&mut *to, &document)?;
                writeln!(to)
            }
            Format::Html => page::page(&document).write_html(to),
        })?;
        let wrong = document.clinical_cuts > 0 || !document.passing.is_empty();
        Ok(match (outcome.rejected.is_empty(), self.fail && wrong) {
            (false, _) => Status::Unreadable,
            (_, true) => Status::Found,
            _ => Status::Done,
        })
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    policy: String,
    captures: Vec<String>,
    conversations: u64,
    pass: u64,
    outside: u64,
    clinical_cuts: usize,
    cut: Vec<CutRow<'a>>,
    passing: Vec<PassingRow<'a>>,
    unproven: Vec<UnprovenRow>,
    blind_spots: Vec<String>,
}

#[derive(Serialize)]
struct TalkRow {
    peer: String,
    port: u16,
    transport: String,
    protocol: Option<String>,
    opens: &'static str,
    r#where: &'static str,
    flows: u64,
    first: String,
    last: String,
    frame: Option<String>,
}

#[derive(Serialize)]
struct CutRow<'a> {
    asset: String,
    device: String,
    unit: Option<String>,
    role: Option<&'a str>,
    clinical: bool,
    findings: &'a [String],
    conversation: TalkRow,
}

#[derive(Serialize)]
struct PassingRow<'a> {
    asset: String,
    device: String,
    rule: &'a str,
    severity: &'static str,
    conversation: TalkRow,
    by: Option<String>,
    frames: &'a [String],
}

#[derive(Serialize)]
struct UnprovenRow {
    kind: &'static str,
    what: String,
}

impl TalkRow {
    fn of(talk: &Talk) -> Self {
        Self {
            peer: talk.ip.to_string(),
            port: talk.port,
            transport: talk.transport.to_string(),
            protocol: talk.protocol.clone(),
            opens: match talk.direction {
                Direction::Out => "device",
                Direction::In => "peer",
                Direction::Both => "both",
            },
            r#where: talk.location.as_str(),
            flows: talk.flows,
            first: export::rfc3339(talk.first),
            last: export::rfc3339(talk.last),
            frame: talk.frame.as_deref().map(shown),
        }
    }
}

impl<'a> Document<'a> {
    fn of(name: &str, checked: &'a Checked, report: &Report) -> Self {
        let cut = |cut: &'a Cut| CutRow {
            asset: cut.asset.to_string(),
            device: shown(&cut.device),
            unit: cut.unit.as_deref().map(shown),
            role: cut.role.as_deref(),
            clinical: cut.clinical,
            findings: &cut.findings,
            conversation: TalkRow::of(&cut.talk),
        };
        let passing = |one: &'a Passing| PassingRow {
            asset: one.asset.to_string(),
            device: shown(&one.device),
            rule: one.rule,
            severity: one.severity.as_str(),
            conversation: TalkRow::of(&one.talk),
            by: one.by.as_ref().map(|rule| shown(&rule.to_string())),
            frames: &one.frames,
        };
        Self {
            schema: "lazaret.policy-check/1",
            policy: shown(name),
            captures: report.captures.iter().map(|capture| shown(&capture.name)).collect(),
            conversations: checked.conversations,
            pass: checked.pass,
            outside: checked.outside,
            clinical_cuts: checked.clinical_cuts().count(),
            cut: checked.cut.iter().map(cut).collect(),
            passing: checked.passing.iter().map(passing).collect(),
            unproven: checked.unproven.iter().map(unproven).collect(),
            blind_spots: report.blind_spots.clone(),
        }
    }
}

fn unproven(one: &Unproven) -> UnprovenRow {
    let (kind, what) = match one {
        Unproven::Rule { unit, rule } => ("rule", format!("{unit}: {rule} was never seen")),
        Unproven::Unit { unit } => ("device", format!("{unit} was never seen")),
        Unproven::Device { device } => {
            ("uncovered", format!("{device} is a medical device, and no unit covers it"))
        }
        Unproven::Finding { rule, device } => {
            ("finding", format!("{device}: {rule} is about no conversation over IP; no policy decides it"))
        }
    };
    UnprovenRow { kind, what: shown(&what) }
}

fn line(talk: &TalkRow) -> String {
    let arrow = if talk.opens == "peer" { "←" } else { "→" };
    let spoken = talk.protocol.as_deref().unwrap_or("unknown protocol");
    let flows = if talk.flows == 1 { "1 flow".to_owned() } else { format!("{} flows", talk.flows) };
    let frame = talk.frame.as_deref().map_or_else(String::new, |frame| format!(", frame {frame}"));
    format!(
        "{arrow} {} {}/{} {spoken} ({}), {flows}, {} to {}{frame}",
        talk.peer, talk.transport, talk.port, talk.r#where, talk.first, talk.last
    )
}

fn in_words(document: &Document<'_>) -> String {
    let mut out = format!(
        "Policy {} against {}: {} conversations, {} pass, {} would be cut ({} of them clinical), {} are none of its business.\n",
        document.policy,
        document.captures.join(", "),
        document.conversations,
        document.pass,
        document.cut.len(),
        document.clinical_cuts,
        document.outside,
    );
    let mut section = |title: &str, rows: Vec<String>, empty: &str| {
        let _ = writeln!(out, "\n{title}");
        if rows.is_empty() {
            let _ = writeln!(out, "  {empty}");
        }
        for row in rows.iter().take(ROWS_SHOWN_MAX) {
            let _ = writeln!(out, "  {row}");
        }
        if rows.len() > ROWS_SHOWN_MAX {
            let _ = writeln!(out, "  … and {} more: --format json has all", rows.len() - ROWS_SHOWN_MAX);
        }
    };
    let wrongly = |row: &&CutRow<'_>| row.clinical && row.findings.is_empty();
    let cut = |row: &CutRow<'_>| {
        let role = row.role.unwrap_or("of unknown use");
        let why =
            if row.findings.is_empty() { String::new() } else { format!(" [{}]", row.findings.join(", ")) };
        format!("{} {} {role}{why}", row.device, line(&row.conversation))
    };
    let clinical = document.cut.iter().filter(wrongly).map(cut).collect();
    section("Clinical conversations that would be cut:", clinical, "none");
    let passing = document.passing.iter().map(|row| {
        let by =
            row.by.as_deref().map_or_else(|| "no unit covers the device".to_owned(), |by| format!("by {by}"));
        format!("{} {} {} {}, {by}", row.severity, row.rule, row.device, line(&row.conversation))
    });
    section("Bad traffic that would still pass:", passing.collect(), "none");
    let others = document.cut.iter().filter(|row| !wrongly(row)).map(cut).collect();
    section("Other conversations that would be cut:", others, "none");
    let unproven = document.unproven.iter().map(|row| row.what.clone()).collect();
    section("Unproven:", unproven, "nothing");
    section(
        "What could not be seen:",
        document.blind_spots.iter().map(|spot| shown(spot)).collect(),
        "nothing",
    );
    out
}
