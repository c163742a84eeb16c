//! `lazaret findings`: what is open, and what people decide about it.

use crate::exit::{Failure, Status};
use crate::stored::{By, Direction, Format, Where, at, moment, now, print, print_json, rfc3339, shown};
use model::{AssetId, FindingId, Severity};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use store::{
    Decision, FindingCard, FindingQuery, FindingTally, Reading as _, State, StoredDetail, StoredFinding,
    StoredPeer, Writing as _,
};

const EXAMPLES: &str = "\
Examples:
  lazaret findings --store ward.store                            what is open, worst first
  lazaret findings --store ward.store list --all --severity high also what is quiet: suppressed, false positives, resolved
  lazaret findings --store ward.store show f-0123456789abcdef    why, what to do, the frames, what was done about it
  lazaret findings --store ward.store acknowledge f-… --note 'biomed is on it, ticket 1234'
  lazaret findings --store ward.store resolve f-… --by 'R. Haldis' --note 'unit taken off the network'
  lazaret findings --store ward.store suppress f-… --until 30d --reason 'replacement ordered'

There is one finding per matter. Scanning more captures makes it grow; nothing opens a second one.
A resolved finding is reopened by evidence that is newer than its resolution. A false positive and a suppressed finding
go on counting and stay out of the list. Do not name patients in notes: they are kept as you write them.

Exit status: 0 done; 2 bad usage, no such finding, or a store that cannot be used.";

/// Findings in a page, unless somebody asks for more or less.
const PAGE: u32 = 50;

/// Options of `findings`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Where,
    /// Format of the answer
    #[arg(long, value_enum, default_value_t = Format::Text, global = true)]
    format: Format,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List findings, worst first; without a command this is done
    List(List),
    /// Show one finding in full
    Show {
        /// Its id
        #[arg(value_name = "ID", value_parser = finding_id)]
        id: FindingId,
    },
    /// Say that somebody knows and works on it
    Acknowledge(Decided),
    /// Say that it is not what it says; needs --note with the reason
    FalsePositive(Decided),
    /// Say that it was ended; newer evidence reopens it
    Resolve {
        #[command(flatten)]
        decided: Decided,
        /// Evidence up to this moment of capture time does not reopen it [default: now]
        #[arg(long, value_name = "TIME", value_parser = |text: &str| moment(text, Direction::Back))]
        through: Option<i64>,
    },
    /// Take back what was decided: it is as new, and no longer suppressed
    Reopen(Decided),
    /// Keep it out of the list until a moment; it goes on counting
    Suppress {
        /// Its id
        #[arg(value_name = "ID", value_parser = finding_id)]
        id: FindingId,
        /// End: a day, a moment, or days from now, like 30d
        #[arg(long, value_name = "TIME", value_parser = |text: &str| moment(text, Direction::Ahead))]
        until: i64,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        by: By,
    },
}

#[derive(Debug, clap::Args)]
struct List {
    /// Also those that are quiet: suppressed, false positives, resolved
    #[arg(long, conflicts_with = "states")]
    all: bool,
    /// Only those in this state; may be given several times
    #[arg(long = "state", value_name = "STATE", value_parser = state)]
    states: Vec<State>,
    /// Only those of this severity or above
    #[arg(long, value_name = "SEVERITY", value_parser = severity, default_value = "low")]
    severity: Severity,
    /// Only those of this rule
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Only those about this asset
    #[arg(long, value_name = "ID", value_parser = super::assets::asset_id)]
    asset: Option<AssetId>,
    /// Those after this one: the next page
    #[arg(long, value_name = "ID", value_parser = finding_id)]
    after: Option<FindingId>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = PAGE, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

impl Default for List {
    fn default() -> Self {
        Self {
            all: false,
            states: Vec::new(),
            severity: Severity::Low,
            rule: None,
            asset: None,
            after: None,
            limit: PAGE,
        }
    }
}

#[derive(Debug, clap::Args)]
struct Decided {
    /// Its id
    #[arg(value_name = "ID", value_parser = finding_id)]
    id: FindingId,
    /// What to remember about it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    by: By,
}

pub(crate) fn finding_id(text: &str) -> Result<FindingId, String> {
    super::assets::id_after(text, "f-")
        .map(FindingId)
        .ok_or_else(|| "the id of a finding looks like f-0123456789abcdef".to_owned())
}

fn state(text: &str) -> Result<State, String> {
    State::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
        let known: Vec<_> = State::ALL.iter().map(|state| state.as_str()).collect();
        format!("states are {}", known.join(", "))
    })
}

fn severity(text: &str) -> Result<Severity, String> {
    Severity::ALL
        .into_iter()
        .find(|severity| severity.as_str() == text)
        .ok_or_else(|| "severities are low, medium, high, critical".to_owned())
}

impl Options {
    /// Does it.
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        match &self.what {
            None => self.list(&List::default()),
            Some(What::List(list)) => self.list(list),
            Some(What::Show { id }) => self.show(*id),
            Some(What::Acknowledge(decided)) => self.decide(decided, &Decision::Acknowledge),
            Some(What::FalsePositive(decided)) => self.decide(decided, &Decision::FalsePositive),
            Some(What::Resolve { decided, through }) => {
                self.decide(decided, &Decision::Resolve { through: through.unwrap_or_else(now) })
            }
            Some(What::Reopen(decided)) => self.decide(decided, &Decision::Reopen),
            Some(What::Suppress { id, until, reason, by }) => {
                if *until <= now() {
                    return Err(Failure::Usage(format!("--until: {} is past", at(*until))));
                }
                let decided = Decided { id: *id, note: Some(reason.clone()), by: by.clone() };
                self.decide(&decided, &Decision::Suppress { until: *until })
            }
        }
    }

    fn list(&self, list: &List) -> Result<Status, Failure> {
        let store = self.place.reader()?;
        let now = now();
        let by_default = !list.all && list.states.is_empty();
        let states = if by_default { vec![State::New, State::Acknowledged] } else { list.states.clone() };
        // One more than asked for tells whether there is a next page.
        let query = FindingQuery {
            states,
            unsuppressed_at: by_default.then_some(now),
            severity: list.severity,
            rule: list.rule.clone(),
            asset: list.asset,
            after: list.after,
            limit: list.limit.saturating_add(1),
            ..FindingQuery::default()
        };
        let mut findings = store.findings(&query)?;
        let more = findings.len() > list.limit as usize;
        findings.truncate(list.limit as usize);
        let next = findings.last().map(|finding| finding.id).filter(|_| more);
        let tally = store.finding_tally(now)?;
        match self.format {
            Format::Json => print_json(&ListDocument {
                schema: "lazaret.findings/1",
                tally: TallyRow::from(tally),
                findings: findings.iter().map(|finding| Row::of(finding, now)).collect(),
                next: next.map(|id| id.to_string()),
            })?,
            Format::Text => print(&self.listed(&findings, next, tally, now)?)?,
        }
        Ok(Status::Done)
    }

    fn listed(
        &self,
        findings: &[StoredFinding],
        next: Option<FindingId>,
        tally: FindingTally,
        now: i64,
    ) -> Result<String, Failure> {
        let place = shown(&self.place.folder()?.display().to_string());
        let mut out = String::new();
        findings.iter().for_each(|finding| out.push_str(&two_lines(finding, now)));
        let quiet = tally.suppressed + tally.false_positive + tally.resolved;
        let open = tally.new + tally.acknowledged;
        if findings.is_empty() && open + quiet == 0 {
            let _ = writeln!(out, "No findings yet. `lazaret scan --store {place} CAPTURE` puts results in.");
            return Ok(out);
        }
        if findings.is_empty() {
            out.push_str("Nothing to list.\n");
        }
        let _ = writeln!(out, "Open: {open} ({} new, {} acknowledged).", tally.new, tally.acknowledged);
        if quiet != 0 {
            let _ = writeln!(
                out,
                "Quiet: {} suppressed, {} false positives, {} resolved (`list --all` lists them).",
                tally.suppressed, tally.false_positive, tally.resolved
            );
        }
        if let Some(next) = next {
            let _ = writeln!(out, "There are more: add `--after {next}` to `list`.");
        }
        Ok(out)
    }

    fn show(&self, id: FindingId) -> Result<Status, Failure> {
        let card = self.place.reader()?.finding(id)?;
        match self.format {
            Format::Json => print_json(&CardDocument::of(&card, now()))?,
            Format::Text => print(&in_full(&card, now()))?,
        }
        Ok(Status::Done)
    }

    fn decide(&self, decided: &Decided, decision: &Decision) -> Result<Status, Failure> {
        let note = decided.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
        if *decision == Decision::FalsePositive && note.is_none() {
            return Err(Failure::Usage("--note is missing: say why it is a false positive".to_owned()));
        }
        if matches!(decision, Decision::Suppress { .. }) && note.is_none() {
            return Err(Failure::Usage("--reason is empty: say why it is suppressed".to_owned()));
        }
        let actor = decided.by.actor()?;
        let note = note.map(shown);
        let after = self.place.writer()?.decide(decided.id, decision, note.as_deref(), &actor)?;
        match self.format {
            Format::Json => print_json(&Row::of(&after, actor.at))?,
            Format::Text => print(&two_lines(&after, actor.at))?,
        }
        Ok(Status::Done)
    }
}

/// `new`, `resolved`, `new, suppressed until 2026-12-31 00:00:00`.
fn state_words(finding: &StoredFinding, now: i64) -> String {
    let mut words = finding.state.to_string();
    match finding.reopened {
        0 => {}
        1 => words.push_str(", reopened once"),
        times => {
            let _ = write!(words, ", reopened {times} times");
        }
    }
    if let Some(suppression) = finding.suppression.as_ref().filter(|_| finding.is_suppressed(now)) {
        let _ = write!(words, ", suppressed until {}", at(suppression.until));
    }
    words
}

pub(crate) fn two_lines(finding: &StoredFinding, now: i64) -> String {
    format!(
        "{}  {:<8}  {:<9}  {} times, {} to {}  {}\n    {}  ({})\n",
        finding.id,
        finding.severity.as_str(),
        finding.certainty.as_str(),
        finding.count,
        at(finding.first),
        at(finding.last),
        state_words(finding, now),
        finding.title,
        finding.asset
    )
}

fn in_full(card: &FindingCard, now: i64) -> String {
    let finding = &card.finding;
    let mut out = two_lines(finding, now);
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(out, "  {name:<10} {value}");
        }
    };
    line("rule", &finding.rule);
    line("asset", &finding.asset.to_string());
    if let Some(peer) = &finding.body.peer {
        let port = if peer.port == 0 { String::new() } else { format!(" port {}", peer.port) };
        line("peer", &format!("{}{port} ({}), {}", peer.ip, peer.transport, peer.location));
    }
    line("why", &finding.body.why);
    line("fix", &finding.body.fix);
    for (name, detail) in &finding.body.details {
        line(name, &spelled(detail));
    }
    line("attack", &finding.body.attack.join(", "));
    line("advisories", &finding.body.advisories.join(", "));
    line("cves", &finding.body.cves.join(", "));
    line("state", &format!("{} since {} by {}", finding.state, at(finding.state_at), finding.state_by));
    line("note", finding.note.as_deref().unwrap_or_default());
    if let Some(suppression) = &finding.suppression {
        let ended = if finding.is_suppressed(now) { "" } else { " (ended)" };
        let (until, by) = (at(suppression.until), &suppression.by);
        line("suppressed", &format!("until {until} by {by}: {}{ended}", suppression.because));
    }
    // Many frames of one capture are one line.
    let mut frames: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for shown in &card.evidence {
        frames.entry(&shown.capture).or_default().push(shown.frame.to_string());
    }
    for (capture, frames) in frames {
        line("evidence", &format!("{} frames {}", shown(capture), frames.join(", ")));
    }
    for entry in &card.history {
        line(
            "history",
            &format!("{} {} by {} {}", at(entry.at), entry.action, entry.by, shown(&entry.detail)),
        );
    }
    if let Some(playbook) = export::playbook(&finding.rule) {
        out.push_str("  playbook\n");
        out.push_str(&playbook.to_text("    "));
    }
    out
}

fn spelled(detail: &StoredDetail) -> String {
    match detail {
        StoredDetail::Flag(flag) => (if *flag { "yes" } else { "no" }).to_owned(),
        StoredDetail::Number(number) => number.to_string(),
        StoredDetail::Text(text) => text.clone(),
        StoredDetail::List(list) => list.join(", "),
    }
}

#[derive(Serialize)]
struct ListDocument<'a> {
    schema: &'static str,
    tally: TallyRow,
    findings: Vec<Row<'a>>,
    next: Option<String>,
}

#[derive(Serialize)]
struct TallyRow {
    new: i64,
    acknowledged: i64,
    suppressed: i64,
    false_positive: i64,
    resolved: i64,
}

impl From<FindingTally> for TallyRow {
    fn from(tally: FindingTally) -> Self {
        let FindingTally { new, acknowledged, suppressed, false_positive, resolved } = tally;
        Self { new, acknowledged, suppressed, false_positive, resolved }
    }
}

/// A finding, as programs read it.
#[derive(Serialize)]
pub(crate) struct Row<'a> {
    id: String,
    rule: &'a str,
    title: &'a str,
    severity: &'static str,
    certainty: &'static str,
    asset: String,
    peer: Option<PeerRow<'a>>,
    first: String,
    last: String,
    count: i64,
    state: &'static str,
    state_at: String,
    state_by: &'a str,
    note: Option<&'a str>,
    resolved_through: Option<String>,
    reopened: i64,
    suppressed: bool,
    suppression: Option<SuppressionRow<'a>>,
}

#[derive(Serialize)]
struct PeerRow<'a> {
    ip: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    transport: &'a str,
    r#where: &'a str,
}

impl<'a> PeerRow<'a> {
    fn of(peer: &'a StoredPeer) -> Self {
        Self {
            ip: &peer.ip,
            port: Some(peer.port).filter(|port| *port != 0),
            transport: &peer.transport,
            r#where: &peer.location,
        }
    }
}

#[derive(Serialize)]
struct SuppressionRow<'a> {
    until: String,
    by: &'a str,
    reason: &'a str,
}

impl<'a> Row<'a> {
    pub(crate) fn of(finding: &'a StoredFinding, now: i64) -> Self {
        let suppression = finding.suppression.as_ref();
        Self {
            id: finding.id.to_string(),
            rule: &finding.rule,
            title: &finding.title,
            severity: finding.severity.as_str(),
            certainty: finding.certainty.as_str(),
            asset: finding.asset.to_string(),
            peer: finding.body.peer.as_ref().map(PeerRow::of),
            first: rfc3339(finding.first),
            last: rfc3339(finding.last),
            count: finding.count,
            state: finding.state.as_str(),
            state_at: rfc3339(finding.state_at),
            state_by: &finding.state_by,
            note: finding.note.as_deref(),
            resolved_through: finding.resolved_through.map(rfc3339),
            reopened: finding.reopened,
            suppressed: finding.is_suppressed(now),
            suppression: suppression.map(|suppression| SuppressionRow {
                until: rfc3339(suppression.until),
                by: &suppression.by,
                reason: &suppression.because,
            }),
        }
    }
}

#[derive(Serialize)]
struct CardDocument<'a> {
    schema: &'static str,
    #[serde(flatten)]
    finding: Row<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    peers: Vec<PeerRow<'a>>,
    why: &'a str,
    fix: &'a str,
    details: &'a BTreeMap<String, StoredDetail>,
    attack: &'a [String],
    advisories: &'a [String],
    cves: &'a [String],
    evidence: Vec<EvidenceRow<'a>>,
    history: Vec<super::audit::EntryRow<'a>>,
}

/// A finding in full, as programs read it.
pub(crate) fn finding_card(card: &FindingCard) -> serde_json::Value {
    // Nothing of it can fail to be written: keys are text, and there are no numbers that are none.
    serde_json::to_value(CardDocument::of(card, card.finding.state_at)).unwrap_or_default()
}

#[derive(Serialize)]
struct EvidenceRow<'a> {
    capture: &'a str,
    sha256: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<&'a str>,
    frame: u64,
}

impl<'a> CardDocument<'a> {
    fn of(card: &'a FindingCard, now: i64) -> Self {
        let body = &card.finding.body;
        let evidence = card.evidence.iter().map(|shown| EvidenceRow {
            capture: &shown.capture,
            sha256: Some(&*shown.sha256).filter(|_| shown.period().is_none()),
            period: shown.period(),
            frame: shown.frame,
        });
        Self {
            schema: "lazaret.finding/1",
            finding: Row::of(&card.finding, now),
            peers: body.peers.iter().map(PeerRow::of).collect(),
            why: &body.why,
            fix: &body.fix,
            details: &body.details,
            attack: &body.attack,
            advisories: &body.advisories,
            cves: &body.cves,
            evidence: evidence.collect(),
            history: card.history.iter().map(super::audit::EntryRow::of).collect(),
        }
    }
}
