//! The report as one self-contained HTML file: to read in light and dark, to print, to keep.
//!
//! No request leaves the page and no script is in it; its content security policy forbids both. Every text is
//! escaped by the template engine, in SVG too, after control characters were made visible.
//!
//! # Limits
//! The lists hold everything but what these constants say; the page names what it leaves out, and the JSON
//! report has it: [`CARDS_MAX`], [`ROWS_MAX`], [`GROUPS_MAX`], [`FINDINGS_OF_GROUP_MAX`],
//! [`BEDS_MAX`], [`STRIP_BEDS_MAX`].

use crate::Tool;
use crate::picture::Picture;
use crate::playbook::{Playbook, playbook};
use crate::printable::printable;
use crate::report1::{patient_word, sorted_conversations, sorted_exposures, sorted_signs, sorted_vitals};
use crate::summary::{
    Group, Summary, asset_by_id, assets_by_concern, conversation_words, coverage_lines, detail_words,
    evidence_words, extent, from_to, groups, kind, label, number, peer_words, references, unseen, when_words,
};
use crate::text::{against, verdict_words};
use crate::time::{bytes, counted, grouped, span, time_of_day};
use crate::timeline::{Timeline, rounded};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use model::{
    Asset, BedVitals, CaptureSummary, Channel, ExposureStatus, Finding, Report, Severity, Switch, Vital,
    WaveformSeen,
};
use serde::Serialize;
use std::io;
use std::time::Duration;

/// Most devices with a card of their own; further ones are rows of a table.
pub const CARDS_MAX: usize = 200;
/// Most devices in the table of the others.
pub const ROWS_MAX: usize = 2000;
/// Most kinds of findings.
pub const GROUPS_MAX: usize = 300;
/// Most findings of one kind.
pub const FINDINGS_OF_GROUP_MAX: usize = 200;
/// Most beds.
pub const BEDS_MAX: usize = 500;
/// Most beds with pictures of their waveforms.
pub const STRIP_BEDS_MAX: usize = 32;
/// Most conversations on a card.
const CONVERSATIONS_MAX: usize = 12;
/// Most names of a device in the table of the others.
const NAMES_MAX: usize = 3;
/// Most points of a waveform's picture.
const STRIP_POINTS_MAX: usize = 1500;
/// Least range of sample codes that fills a waveform's picture.
const STRIP_CODES_MIN: f64 = 48.0;
/// Height of a waveform's picture, in its own units.
const STRIP_HEIGHT: f64 = 60.0;

const PAGE: &str = include_str!("html/page.html");
/// Colours and shapes of every page of ours.
pub(crate) const STYLE: &str = include_str!("html/page.css");

/// Writes the page.
///
/// # Errors
/// What the writer says.
pub fn write(report: &Report, tool: Tool<'_>, to: impl io::Write) -> io::Result<()> {
    render(PAGE, View::of(report, tool), to)
}

/// Fills one of our templates; every text in it is escaped.
pub(crate) fn render(template: &'static str, view: impl Serialize, mut to: impl io::Write) -> io::Result<()> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let lines = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(lines.map_err(io::Error::other)?);
    // The template is ours and every test renders it, so this fails only together with the build.
    environment.add_template("page.html", template).map_err(io::Error::other)?;
    let page = environment.get_template("page.html").map_err(io::Error::other)?;
    let page = page.render(Serde(view)).map_err(io::Error::other)?;
    to.write_all(page.as_bytes())
}

#[derive(Serialize)]
struct View<'a> {
    style: &'static str,
    tool: Tool<'a>,
    schema: &'static str,
    verdict: String,
    class: &'static str,
    sentences: Vec<String>,
    first_step: Option<String>,
    counts: Vec<Count>,
    when: Option<String>,
    shown_because: Option<String>,
    timeline: Option<Timeline>,
    picture: Option<Picture>,
    groups: Vec<GroupView>,
    groups_left_out: usize,
    cards: Vec<Card>,
    others: Vec<OtherRow>,
    others_left_out: usize,
    beds: Vec<BedView>,
    beds_left_out: usize,
    unseen: Vec<String>,
    coverage: Vec<(&'static str, String)>,
    shares: Vec<Share>,
    captures: Vec<CaptureView>,
}

#[derive(Serialize)]
struct Count {
    class: &'static str,
    count: u64,
}

#[derive(Serialize)]
struct Share {
    what: &'static str,
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Part {
    class: &'static str,
    what: &'static str,
    count: String,
    percent: f64,
}

impl<'a> View<'a> {
    fn of(report: &'a Report, tool: Tool<'a>) -> Self {
        let summary = Summary::of(report);
        let groups = groups(report);
        let vitals = sorted_vitals(report);
        let (cards, others): (Vec<_>, Vec<_>) = assets_by_concern(report)
            .into_iter()
            .enumerate()
            .partition(|(at, (asset, concern))| *at < CARDS_MAX && (concern.is_some() || asset.is_medical()));
        let beds = vitals.iter().take(BEDS_MAX).enumerate();
        Self {
            style: STYLE,
            tool,
            schema: crate::report1::SCHEMA,
            verdict: summary.verdict,
            class: summary.worst.map_or("calm", Severity::as_str),
            sentences: summary.sentences,
            first_step: summary.first_step,
            counts: summary
                .counts
                .iter()
                .map(|(s, count)| Count { class: s.as_str(), count: *count })
                .collect(),
            when: extent(report).map(|(first, last)| from_to(first, last)),
            shown_because: report.identifiers_shown_because.as_deref().map(|s| printable(s).into_owned()),
            timeline: Timeline::of(report),
            picture: Picture::of(report),
            groups: groups.iter().take(GROUPS_MAX).map(|group| GroupView::of(report, group)).collect(),
            groups_left_out: groups.len().saturating_sub(GROUPS_MAX),
            cards: cards.into_iter().map(|(_, (asset, concern))| Card::of(asset, concern)).collect(),
            others_left_out: others.len().saturating_sub(ROWS_MAX),
            others: others.into_iter().take(ROWS_MAX).map(|(_, (asset, _))| OtherRow::of(asset)).collect(),
            beds: beds.map(|(at, bed)| BedView::of(report, bed, at < STRIP_BEDS_MAX)).collect(),
            beds_left_out: vitals.len().saturating_sub(BEDS_MAX),
            unseen: unseen(report),
            coverage: coverage_lines(report),
            shares: shares(report),
            captures: report.captures.iter().map(CaptureView::of).collect(),
        }
    }
}

fn shares(report: &Report) -> Vec<Share> {
    let c = &report.coverage;
    let read_in_clear = c.flows_parsed.saturating_sub(c.flows_encrypted);
    let frames = [
        ("read", "decoded", c.frames_decoded),
        ("dim", "of types not decoded", c.frames_undecoded),
        ("bad", "damaged", c.frames_fault),
    ];
    let flows = [
        ("read", "read", read_in_clear),
        ("shut", "encrypted", c.flows_encrypted),
        ("dim", "without content", c.flows_empty),
        ("bad", "not understood", c.flows_unparsed),
    ];
    let share = |what, all: u64, parts: &[(&'static str, &'static str, u64)]| Share {
        what,
        parts: parts
            .iter()
            .filter(|(_, _, count)| *count != 0)
            .map(|(class, what, count)| Part {
                class,
                what,
                count: grouped(*count),
                percent: rounded(*count as f64 * 100.0 / all.max(1) as f64),
            })
            .collect(),
    };
    vec![share("Frames", c.frames, &frames), share("Flows", c.flows, &flows)]
}

/// A kind of findings: what to do is said once.
#[derive(Serialize)]
struct GroupView {
    title: String,
    severity: &'static str,
    extent: Option<String>,
    fix: String,
    references: String,
    rule: &'static str,
    playbook: Option<Playbook>,
    findings: Vec<FindingView>,
    left_out: usize,
}

#[derive(Serialize)]
struct FindingView {
    id: String,
    certainty: &'static str,
    asset: String,
    whom: String,
    peer: Option<String>,
    when: String,
    why: String,
    details: Vec<(String, String)>,
    frames: String,
    frames_more: Option<String>,
}

impl GroupView {
    fn of(report: &Report, group: &Group<'_>) -> Self {
        let first = group.first;
        let findings = group.findings.iter().take(FINDINGS_OF_GROUP_MAX);
        Self {
            title: printable(&first.title).into_owned(),
            severity: first.severity.as_str(),
            extent: group.extent(),
            fix: printable(&first.fix).into_owned(),
            references: references(first),
            rule: first.rule,
            playbook: playbook(first.rule),
            findings: findings.map(|finding| FindingView::of(report, finding)).collect(),
            left_out: group.findings.len().saturating_sub(FINDINGS_OF_GROUP_MAX),
        }
    }
}

impl FindingView {
    fn of(report: &Report, finding: &Finding) -> Self {
        let listed = finding.evidence.len() as u64;
        let more = Some(finding.count.saturating_sub(listed)).filter(|more| *more != 0 && listed != 0);
        Self {
            id: finding.id.to_string(),
            certainty: finding.certainty.as_str(),
            asset: finding.asset.to_string(),
            whom: asset_by_id(report, finding.asset).map_or_else(|| finding.asset.to_string(), label),
            peer: finding.peer.map(|peer| peer_words(&peer)),
            when: when_words(finding),
            why: printable(&finding.why).into_owned(),
            details: finding.details.iter().map(|(key, detail)| detail_words(key, detail)).collect(),
            frames: evidence_words(report, finding, Finding::EVIDENCE_MAX),
            frames_more: more.map(grouped),
        }
    }
}

#[derive(Serialize)]
struct Card {
    id: String,
    kind: String,
    class: &'static str,
    findings: Option<String>,
    aliases: String,
    rows: Vec<(&'static str, String)>,
    conversations: Vec<String>,
    conversations_more: usize,
    exposures: Vec<ExposureView>,
    signs: Vec<String>,
}

#[derive(Serialize)]
struct ExposureView {
    cve: String,
    advisory: String,
    cvss: String,
    status: &'static str,
    kev: bool,
    why: String,
}

impl Card {
    fn of(asset: &Asset, concern: Option<(Severity, u64)>) -> Self {
        let conversations = sorted_conversations(asset);
        let exposures = sorted_exposures(asset);
        let affected = exposures.iter().filter(|exposure| exposure.status != ExposureStatus::NotAffected);
        let exposures = affected.map(|exposure| ExposureView {
            cve: printable(&exposure.cve).into_owned(),
            advisory: printable(&exposure.advisory).into_owned(),
            cvss: format!("{:.1}", exposure.cvss),
            status: exposure.status.as_str(),
            kev: exposure.kev,
            why: printable(&exposure.why).into_owned(),
        });
        let sign = |sign: &model::SignSeen| {
            format!("{}: {} (weight {})", printable(&sign.sign), printable(&sign.value), sign.weight)
        };
        Self {
            id: asset.id.to_string(),
            kind: kind(asset),
            class: concern.map_or("calm", |(worst, _)| worst.as_str()),
            findings: concern.map(|(_, count)| counted(count, "finding", "findings")),
            aliases: printable(&asset.aliases.join(", ")).into_owned(),
            rows: card_rows(asset),
            conversations_more: conversations.len().saturating_sub(CONVERSATIONS_MAX),
            conversations: conversations
                .into_iter()
                .take(CONVERSATIONS_MAX)
                .map(conversation_words)
                .collect(),
            exposures: exposures.collect(),
            signs: sorted_signs(asset).into_iter().map(sign).collect(),
        }
    }
}

fn card_rows(asset: &Asset) -> Vec<(&'static str, String)> {
    let joined = |words: Vec<String>| printable(&words.join(", ")).into_owned();
    let vlans = asset.vlans.iter().filter(|stack| !stack.ids().is_empty()).map(|stack| {
        let ids: Vec<_> = stack.ids().iter().map(ToString::to_string).collect();
        ids.join(" in ")
    });
    let text =
        |text: Option<&model::Text>| text.map_or_else(String::new, |t| printable(t.as_str()).into_owned());
    // The heading says it already where neither maker nor model is known.
    let class = asset.class.as_ref().filter(|_| asset.maker.is_some() || asset.model.is_some());
    let rows = [
        ("IP", joined(asset.ips.iter().map(ToString::to_string).collect())),
        ("MAC", joined(asset.macs.iter().map(ToString::to_string).collect())),
        ("VLAN", joined(vlans.collect())),
        ("Names", joined(asset.names.iter().map(ToString::to_string).collect())),
        ("Kind", class.map_or_else(String::new, |c| printable(&c.id.replace('-', " ")).into_owned())),
        ("Firmware", text(asset.firmware.as_ref())),
        ("Serial", text(asset.serial.as_ref())),
        ("Sure of it", format!("{:.0} %", asset.confidence * 100.0)),
    ];
    rows.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

#[derive(Serialize)]
struct OtherRow {
    id: String,
    kind: String,
    names: String,
    addresses: String,
    talks: String,
}

impl OtherRow {
    fn of(asset: &Asset) -> Self {
        let ips = asset.ips.iter().map(ToString::to_string);
        let addresses: Vec<_> = ips.chain(asset.macs.iter().map(ToString::to_string)).take(4).collect();
        let kind = kind(asset);
        let names = asset.names.iter().map(ToString::to_string).filter(|name| *name != kind);
        let names: Vec<_> = names.take(NAMES_MAX).collect();
        let mut protocols: Vec<_> = asset.conversations.iter().filter_map(|c| c.protocol).collect();
        protocols.sort_unstable();
        protocols.dedup();
        let peers = counted(asset.conversations.len() as u64, "conversation", "conversations");
        let talks = match (asset.conversations.is_empty(), protocols.is_empty()) {
            (true, _) => "only spoken to, or silent".to_owned(),
            (false, true) => peers,
            (false, false) => format!("{peers}: {}", protocols.join(", ")),
        };
        Self {
            id: asset.id.to_string(),
            kind,
            names: printable(&names.join(", ")).into_owned(),
            addresses: addresses.join(", "),
            talks,
        }
    }
}

#[derive(Serialize)]
struct BedView {
    bed: Option<u16>,
    asset: String,
    whom: String,
    patient: Option<String>,
    cycles: String,
    when: String,
    numerics: Vec<NumericView>,
    invalid: Vec<String>,
    limits: Vec<String>,
    notices: Vec<String>,
    strips: Vec<Strip>,
    /// Whether the vital signs can be believed, in a sentence.
    believed: Option<String>,
    against: Vec<CheckView>,
}

#[derive(Serialize)]
struct NumericView {
    name: &'static str,
    class: &'static str,
    value: String,
    unit: &'static str,
    range: String,
}

#[derive(Serialize)]
struct Strip {
    name: &'static str,
    class: &'static str,
    note: String,
    width: f64,
    height: f64,
    seconds: Vec<f64>,
    path: String,
}

/// One row that speaks against a bed.
#[derive(Serialize)]
struct CheckView {
    check: &'static str,
    verdict: &'static str,
    when: String,
    why: String,
}

/// Rows of one bed that speak against it, at most so many on the page; the JSON has all.
const INTEGRITY_ROWS_MAX: usize = 24;

impl CheckView {
    fn of(row: &model::IntegrityRow) -> Self {
        Self {
            check: row.check.as_str(),
            verdict: row.verdict.as_str(),
            when: from_to(row.first, row.last),
            why: row.why.clone(),
        }
    }
}

impl BedView {
    fn of(report: &Report, bed: &BedVitals, with_strips: bool) -> Self {
        let each = bed
            .cycle_ns
            .map_or_else(String::new, |ns| format!(" of {:.2} s", Duration::from_nanos(ns).as_secs_f64()));
        let lasting = span(bed.last.since(bed.first));
        let cycles = match bed.cycles {
            0 => format!("numbers now and then, over {lasting}"),
            count => format!("{}{each} in {lasting}", counted(count, "cycle", "cycles")),
        };
        let notices = bed.notices.iter().map(|(notice, seen)| {
            let times = counted(seen.count, "time", "times");
            format!("{} ({times}, first {})", printable(notice.text.as_str()), time_of_day(seen.first))
        });
        let limits = bed.limits.iter().flat_map(|(vital, limits)| limit_words(*vital, limits));
        let strips = bed.waveforms.iter().filter(|_| with_strips);
        Self {
            bed: bed.bed,
            asset: bed.asset.to_string(),
            whom: asset_by_id(report, bed.asset).map_or_else(|| bed.asset.to_string(), label),
            patient: patient_word(bed.patient.as_ref()).map(|word| printable(&word).into_owned()),
            cycles,
            when: from_to(bed.first, bed.last),
            numerics: numerics(bed),
            invalid: bed
                .invalid
                .iter()
                .map(|(v, n)| format!("{} ({})", vital_words(*v).0, grouped(*n)))
                .collect(),
            limits: limits.collect(),
            notices: notices.collect(),
            strips: strips.filter_map(|(channel, seen)| Strip::of(*channel, seen)).collect(),
            believed: bed.judged.map(|_| verdict_words(bed)),
            against: against(bed).take(INTEGRITY_ROWS_MAX).map(CheckView::of).collect(),
        }
    }
}

/// `Heart rate 45–130`, and every change with its time. An alarm that is on is what one expects.
fn limit_words(vital: Vital, limits: &[model::LimitInForce]) -> Vec<String> {
    let (name, _) = vital_words(vital);
    let words = |(at, in_force): (usize, &model::LimitInForce)| {
        let limit = in_force.limit;
        let alarm = match limit.switch {
            Switch::On => "",
            Switch::Off => ", alarm off",
            Switch::Unknown(_) => ", alarm not known",
        };
        let since = if at == 0 { String::new() } else { format!(" from {}", time_of_day(in_force.since)) };
        format!("{name} {}–{}{alarm}{since}", number(limit.low), number(limit.high))
    };
    limits.iter().enumerate().map(words).collect()
}

/// Name and colour class of a parameter, as bedside monitors group them.
pub(crate) const fn vital_words(vital: Vital) -> (&'static str, &'static str) {
    match vital {
        Vital::HeartRate => ("Heart rate", "ecg"),
        Vital::RespirationRate => ("Respiration", "resp"),
        Vital::Spo2 => ("SpO₂", "pleth"),
        Vital::PulseRate => ("Pulse", "pleth"),
        Vital::NibpSystolic => ("NIBP systolic", "nibp"),
        Vital::NibpDiastolic => ("NIBP diastolic", "nibp"),
        Vital::NibpMean => ("NIBP mean", "nibp"),
        Vital::Temperature1 => ("Temp. 1", "temp"),
        Vital::Temperature2 => ("Temp. 2", "temp"),
        Vital::TemperatureDifference => ("Temp. difference", "temp"),
        Vital::PvcRate => ("PVC", "ecg"),
        other => (other.as_str(), "ecg"),
    }
}

/// UCUM units as people write them.
pub(crate) fn unit_words(unit: &'static str) -> &'static str {
    match unit {
        "mm[Hg]" => "mmHg",
        "Cel" => "°C",
        other => other,
    }
}

fn numerics(bed: &BedVitals) -> Vec<NumericView> {
    let view = |(vital, range): (&Vital, &model::NumericRange)| {
        let (name, class) = vital_words(*vital);
        let range_words = if range.min < range.max {
            format!("{}–{}", number(range.min), number(range.max))
        } else {
            "steady".to_owned()
        };
        NumericView {
            name,
            class,
            value: number(range.last),
            unit: unit_words(vital.unit()),
            range: range_words,
        }
    };
    bed.numerics.iter().map(view).collect()
}

impl Strip {
    /// A polyline over the last samples, scaled to their own range, since the gain of the codes is not known;
    /// less than [`STRIP_CODES_MIN`] is not blown up, so that a flat line looks flat.
    fn of(channel: Channel, seen: &WaveformSeen) -> Option<Self> {
        let skipped = seen.strip.len().saturating_sub(STRIP_POINTS_MAX);
        let samples = seen.strip.get(skipped..).filter(|samples| samples.len() > 1)?;
        let (low, high) = (samples.iter().min()?, samples.iter().max()?);
        let span = f64::from(*high) - f64::from(*low);
        let room = span.max(STRIP_CODES_MIN);
        // A signal of little height stays little, in the middle.
        let base = f64::from(*low) - (room - span) / 2.0;
        let mut path = String::with_capacity(samples.len() * 8);
        for (x, sample) in samples.iter().enumerate() {
            let share = (f64::from(*sample) - base) / room;
            let y = rounded(STRIP_HEIGHT - 4.0 - share * (STRIP_HEIGHT - 8.0));
            path.push_str(&format!("{}{x} {y}", if x == 0 { 'M' } else { 'L' }));
        }
        let width = samples.len().saturating_sub(1) as f64;
        let rate = seen.rate_hz.filter(|rate| rate.is_finite() && *rate >= 1.0);
        let lasting = rate.map(|rate| samples.len() as f64 / rate);
        let whole_seconds = |rate: f64| {
            let count = (width / rate).floor().max(0.0) as u32;
            (1..=count).map(|second| rounded(f64::from(second) * rate)).collect()
        };
        let note = match (rate, lasting) {
            (Some(rate), Some(lasting)) => format!("last {lasting:.1} s at {rate:.0} samples/s"),
            _ => format!("last {} samples", samples.len()),
        };
        let (name, class) = match channel {
            Channel::Ecg(1) => ("ECG 1", "ecg"),
            Channel::Ecg(2) => ("ECG 2", "ecg"),
            Channel::Ecg(_) => ("ECG 3", "ecg"),
            Channel::Pleth => ("Pleth", "pleth"),
            Channel::Respiration => ("Respiration", "resp"),
            other => (other.as_str(), "ecg"),
        };
        let seconds = rate.map_or_else(Vec::new, whole_seconds);
        Some(Self { name, class, note, width, height: STRIP_HEIGHT, seconds, path })
    }
}

#[derive(Serialize)]
struct CaptureView {
    name: String,
    format: String,
    frames: String,
    bytes: String,
    when: String,
    links: String,
    sha256: Option<String>,
}

impl CaptureView {
    fn of(capture: &CaptureSummary) -> Self {
        let format = if capture.format.is_empty() { "not recognised" } else { capture.format };
        let compression = capture.compression.map_or_else(String::new, |by| format!(" in {by}"));
        let links: Vec<_> = capture.links.iter().map(ToString::to_string).collect();
        Self {
            name: printable(&capture.name).into_owned(),
            format: format!("{format}{compression}"),
            frames: grouped(capture.frames),
            bytes: bytes(capture.bytes),
            when: capture
                .first
                .zip(capture.last)
                .map_or_else(String::new, |(first, last)| from_to(first, last)),
            links: links.join(", "),
            sha256: capture.sha256.map(|digest| digest.to_string()),
        }
    }
}
