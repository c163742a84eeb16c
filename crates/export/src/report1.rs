//! Schema `lazaret.report/1`: the report as one JSON document.
//!
//! The types here mirror `model` field by field, so that a change inside never changes what outsiders rely
//! on by accident. The specification is `docs/spec/report-1.md`, with a JSON Schema beside it that forbids
//! unknown properties; tests hold every written document against it.
//!
//! # Rules
//! - Same report, same bytes: lists are sorted here, whatever order they came in.
//! - Times are RFC 3339 in UTC with nine digits of a second.
//! - What is not known is absent or `null`, never a guess. `null` where the specification names the field
//!   for every object (`firmware`, `serial`, `patient`, …), absent for the rest.
//! - A whole number is written without a decimal point, others with as few digits as bring back the value.

use crate::time::rfc3339;
use model::{
    Asset, BedVitals, CaptureSummary, Channel, Conversation, Coverage, Detail, Endpoint, Evidence, Exposure,
    Finding, IntegrityRow, LimitInForce, Location, NumericRange, PatientToken, Peer, Report, Seen, SignSeen,
    Switch, Transport, WaveformSeen,
};
use rayon::prelude::*;
use serde::{Serialize, Serializer};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;

/// Name of the schema, as the document's first field says it.
pub const SCHEMA: &str = "lazaret.report/1";

/// The program that wrote the document.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Tool<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
}

impl<'a> Tool<'a> {
    /// Lazaret itself, of this version.
    #[must_use]
    pub const fn lazaret(version: &'a str) -> Self {
        Self { name: "lazaret", version }
    }
}

/// Rows of a list that one thread spells at a time.
const ROWS_AT_ONCE: usize = 16;
/// Such pieces that are spelled, for each thread, while as many are written: a wave. More of them wake threads less often
/// and take more memory.
const PIECES_PER_THREAD: usize = 8;

/// Writes the whole document on one line, with a line end after it.
///
/// The lists are most of it, and their rows are spelled on as many threads as the current pool has.
///
/// # Errors
/// What the writer says.
pub fn write(report: &Report, tool: Tool<'_>, mut to: impl io::Write + Send) -> io::Result<()> {
    // Once into the pool, not for each wave.
    rayon::scope(|_| {
        let mut head = serde_json::to_vec(&Head::of(report, tool))?;
        // The lists come before its closing brace.
        head.pop();
        to.write_all(&head)?;
        write_list(&mut to, "assets", &sorted_assets(report), AssetRow::of)?;
        write_list(&mut to, "findings", &sorted_findings(report), FindingRow::of)?;
        write_list(&mut to, "vitals", &sorted_vitals(report), VitalsRow::of)?;
        to.write_all(b"}\n")
    })
}

/// While a wave is written the next is spelled.
fn write_list<'a, T: Sync, R: Serialize>(
    to: &mut (impl io::Write + Send),
    name: &str,
    rows: &[&'a T],
    row: impl Fn(&'a T) -> R + Sync,
) -> io::Result<()> {
    let spell = |(rows, text): (&[&'a T], &mut Vec<u8>)| -> io::Result<()> {
        text.clear();
        for one in rows {
            serde_json::to_writer(&mut *text, &row(one))?;
            text.push(b',');
        }
        Ok(())
    };
    write!(to, ",\"{name}\":[")?;
    // Used again for each wave: fresh memory is dearer than what is written into it.
    let mut spelled = vec![Vec::new(); rayon::current_num_threads() * PIECES_PER_THREAD];
    let mut next = spelled.clone();
    for wave in rows.chunks(ROWS_AT_ONCE * next.len()) {
        let (written, done) = rayon::join(
            || spelled.iter().try_for_each(|text| to.write_all(text)),
            || wave.par_chunks(ROWS_AT_ONCE).zip(&mut next).map(spell).collect::<io::Result<()>>(),
        );
        written.and(done)?;
        // The last wave may have fewer pieces.
        next.iter_mut().skip(wave.len().div_ceil(ROWS_AT_ONCE)).for_each(Vec::clear);
        std::mem::swap(&mut spelled, &mut next);
    }
    if let Some(last) = spelled.iter_mut().rfind(|text| !text.is_empty()) {
        // No comma after the last row.
        last.pop();
    }
    spelled.iter().try_for_each(|text| to.write_all(text))?;
    to.write_all(b"]")
}

/// What stands before the lists.
#[derive(Debug, Serialize)]
struct Head<'a> {
    schema: &'static str,
    tool: Tool<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifiers_shown_because: Option<&'a str>,
    captures: Vec<CaptureRow<'a>>,
    coverage: CoverageRow<'a>,
}

impl<'a> Head<'a> {
    fn of(report: &'a Report, tool: Tool<'a>) -> Self {
        Self {
            schema: SCHEMA,
            tool,
            identifiers_shown_because: report.identifiers_shown_because.as_deref(),
            captures: report.captures.iter().map(CaptureRow::of).collect(),
            coverage: CoverageRow::of(&report.coverage, &report.blind_spots),
        }
    }
}

/// Assets by id.
pub(crate) fn sorted_assets(report: &Report) -> Vec<&Asset> {
    let mut assets: Vec<_> = report.assets.iter().collect();
    assets.sort_by_key(|asset| asset.id);
    assets
}

/// Findings worst first, the surest first among equals, then by rule, asset and peer.
pub(crate) fn sorted_findings(report: &Report) -> Vec<&Finding> {
    let mut findings: Vec<_> = report.findings.iter().collect();
    let peer = |finding: &Finding| finding.peer.map(|peer| (peer.endpoint, peer.transport));
    findings.sort_by_key(|f| (Reverse(f.severity), Reverse(f.certainty), f.rule, f.asset, peer(f), f.id));
    findings
}

/// Vital signs by asset, bed and time.
pub(crate) fn sorted_vitals(report: &Report) -> Vec<&BedVitals> {
    let mut vitals: Vec<_> = report.vitals.iter().collect();
    vitals.sort_by(|a, b| (a.asset, a.bed, a.first, &a.patient).cmp(&(b.asset, b.bed, b.first, &b.patient)));
    vitals
}

/// A number as a person would write it: to four decimals, whole ones without a decimal point; `null` where
/// it is not finite. Devices send tenths and hundredths; what lies below is left over from binary fractions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Single(f32),
    Double(f64),
}

/// Whole numbers up to here are exact in every JSON reader (RFC 8259 §6).
const WHOLE_MAX: f64 = 9_007_199_254_740_991.0;
/// Fourth decimal.
const DECIMALS: f64 = 1e4;

impl Number {
    /// To four decimals.
    pub(crate) fn rounded(self) -> f64 {
        let value = match self {
            Self::Single(value) => f64::from(value),
            Self::Double(value) => value,
        };
        let rounded = (value * DECIMALS).round() / DECIMALS;
        if rounded.is_finite() { rounded } else { value }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let value = self.rounded();
        if !value.is_finite() {
            to.serialize_none()
        } else if value.fract() == 0.0 && value.abs() <= WHOLE_MAX {
            to.serialize_i64(value as i64)
        } else {
            to.serialize_f64(value)
        }
    }
}

/// A capture.
#[derive(Debug, Serialize)]
pub(crate) struct CaptureRow<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    format: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compression: Option<&'a str>,
    frames: u64,
    bytes: u64,
    first: Option<String>,
    last: Option<String>,
    links: Vec<String>,
    faults: Vec<FaultRow<'a>>,
}

#[derive(Debug, Serialize)]
struct FaultRow<'a> {
    frame: u64,
    offset: u64,
    what: &'a str,
}

impl<'a> CaptureRow<'a> {
    pub(crate) fn of(capture: &'a CaptureSummary) -> Self {
        let faults =
            capture.faults.iter().map(|f| FaultRow { frame: f.frame, offset: f.offset, what: &f.what });
        Self {
            name: &capture.name,
            sha256: capture.sha256.map(|digest| digest.to_string()),
            format: Some(capture.format).filter(|format| !format.is_empty()),
            compression: capture.compression,
            frames: capture.frames,
            bytes: capture.bytes,
            first: capture.first.map(rfc3339),
            last: capture.last.map(rfc3339),
            links: capture.links.iter().map(ToString::to_string).collect(),
            faults: faults.collect(),
        }
    }
}

/// What was seen and what was not.
#[derive(Debug, Serialize)]
pub(crate) struct CoverageRow<'a> {
    frames: u64,
    frames_decoded: u64,
    frames_undecoded: u64,
    frames_fault: u64,
    frames_duplicate: u64,
    #[serde(skip_serializing_if = "is_zero")]
    frames_lost: u64,
    cut_bytes: u64,
    flows: u64,
    flows_parsed: u64,
    flows_one_sided: u64,
    flows_unparsed: u64,
    flows_encrypted: u64,
    flows_empty: u64,
    flows_evicted: u64,
    gap_bytes: u64,
    datagrams_incomplete: u64,
    parser_panics: u64,
    unparsed_reasons: &'a BTreeMap<&'static str, u64>,
    blind_spots: &'a [String],
}

impl<'a> CoverageRow<'a> {
    pub(crate) fn of(coverage: &'a Coverage, blind_spots: &'a [String]) -> Self {
        Self {
            frames: coverage.frames,
            frames_decoded: coverage.frames_decoded,
            frames_undecoded: coverage.frames_undecoded,
            frames_fault: coverage.frames_fault,
            frames_duplicate: coverage.frames_duplicate,
            frames_lost: coverage.frames_lost,
            cut_bytes: coverage.cut_bytes,
            flows: coverage.flows,
            flows_parsed: coverage.flows_parsed,
            flows_one_sided: coverage.flows_one_sided,
            flows_unparsed: coverage.flows_unparsed,
            flows_encrypted: coverage.flows_encrypted,
            flows_empty: coverage.flows_empty,
            flows_evicted: coverage.flows_evicted,
            gap_bytes: coverage.gap_bytes,
            datagrams_incomplete: coverage.datagrams_incomplete,
            parser_panics: coverage.parser_panics,
            unparsed_reasons: &coverage.unparsed_reasons,
            blind_spots,
        }
    }
}

/// Only a live sensor loses frames itself; serde hands over a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde wants")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[derive(Debug, Serialize)]
struct EvidenceRow {
    capture: u32,
    frame: u64,
}

impl EvidenceRow {
    const fn of(evidence: Evidence) -> Self {
        Self { capture: evidence.capture, frame: evidence.frame }
    }

    fn list(evidence: &[Evidence]) -> Vec<Self> {
        evidence.iter().copied().map(Self::of).collect()
    }
}

#[derive(Debug, Serialize)]
struct PeerRow {
    ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    transport: String,
    r#where: &'static str,
}

impl PeerRow {
    fn of(endpoint: Endpoint, transport: Transport, location: Location) -> Self {
        Self {
            ip: endpoint.ip.to_string(),
            port: Some(endpoint.port).filter(|port| *port != 0),
            transport: transport.to_string(),
            r#where: location.as_str(),
        }
    }
}

/// A device.
#[derive(Debug, Serialize)]
pub(crate) struct AssetRow<'a> {
    id: String,
    macs: Vec<String>,
    ips: Vec<String>,
    vlans: Vec<&'a [u16]>,
    names: Vec<&'a str>,
    class: Option<&'a str>,
    maker: Option<&'a str>,
    model: Option<&'a str>,
    aliases: &'a [String],
    firmware: Option<&'a str>,
    serial: Option<&'a str>,
    confidence: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a str>,
    signs: Vec<SignRow<'a>>,
    conversations: Vec<ConversationRow>,
    exposures: Vec<ExposureRow<'a>>,
}

#[derive(Debug, Serialize)]
struct SignRow<'a> {
    sign: &'a str,
    value: &'a str,
    weight: u32,
    evidence: EvidenceRow,
}

#[derive(Debug, Serialize)]
struct ConversationRow {
    peer: PeerRow,
    protocol: Option<&'static str>,
    direction: &'static str,
    flows: u64,
    frames: u64,
    bytes_out: u64,
    bytes_in: u64,
    first: String,
    last: String,
    evidence: EvidenceRow,
}

#[derive(Debug, Serialize)]
struct ExposureRow<'a> {
    advisory: &'a str,
    cve: &'a str,
    cvss: Number,
    kev: bool,
    status: &'static str,
    why: &'a str,
}

impl<'a> AssetRow<'a> {
    pub(crate) fn of(asset: &'a Asset) -> Self {
        Self {
            id: asset.id.to_string(),
            macs: asset.macs.iter().map(ToString::to_string).collect(),
            ips: asset.ips.iter().map(ToString::to_string).collect(),
            vlans: asset.vlans.iter().map(model::VlanStack::ids).collect(),
            names: asset.names.iter().map(model::Text::as_str).collect(),
            class: asset.class.as_ref().map(|class| class.id.as_str()),
            maker: asset.maker.as_deref(),
            model: asset.model.as_deref(),
            aliases: &asset.aliases,
            firmware: asset.firmware.as_ref().map(model::Text::as_str),
            serial: asset.serial.as_ref().map(model::Text::as_str),
            confidence: Number::Single(asset.confidence),
            profile: asset.profile.as_deref(),
            signs: sorted_signs(asset).into_iter().map(SignRow::of).collect(),
            conversations: sorted_conversations(asset).into_iter().map(ConversationRow::of).collect(),
            exposures: sorted_exposures(asset).into_iter().map(ExposureRow::of).collect(),
        }
    }
}

/// Signs, the weightiest first.
pub(crate) fn sorted_signs(asset: &Asset) -> Vec<&SignSeen> {
    let mut signs: Vec<_> = asset.signs.iter().collect();
    signs.sort_by_key(|sign| (Reverse(sign.weight), &sign.sign, &sign.value, sign.evidence));
    signs
}

/// Conversations by peer, transport and protocol.
pub(crate) fn sorted_conversations(asset: &Asset) -> Vec<&Conversation> {
    let mut conversations: Vec<_> = asset.conversations.iter().collect();
    conversations.sort_by_key(|c| (c.peer, c.transport, c.protocol, c.direction, c.first));
    conversations
}

/// Exposures, the worst first.
pub(crate) fn sorted_exposures(asset: &Asset) -> Vec<&Exposure> {
    let mut exposures: Vec<_> = asset.exposures.iter().collect();
    exposures.sort_by(|a, b| {
        b.cvss.total_cmp(&a.cvss).then_with(|| (&a.cve, &a.advisory).cmp(&(&b.cve, &b.advisory)))
    });
    exposures
}

impl<'a> SignRow<'a> {
    fn of(sign: &'a SignSeen) -> Self {
        Self {
            sign: &sign.sign,
            value: &sign.value,
            weight: sign.weight,
            evidence: EvidenceRow::of(sign.evidence),
        }
    }
}

/// The word for who opened a conversation.
pub(crate) const fn direction_word(direction: model::Direction) -> &'static str {
    match direction {
        model::Direction::Out => "out",
        model::Direction::In => "in",
        model::Direction::Both => "both",
    }
}

impl ConversationRow {
    fn of(conversation: &Conversation) -> Self {
        Self {
            peer: PeerRow::of(conversation.peer, conversation.transport, conversation.location),
            protocol: conversation.protocol,
            direction: direction_word(conversation.direction),
            flows: conversation.flows,
            frames: conversation.frames,
            bytes_out: conversation.bytes_out,
            bytes_in: conversation.bytes_in,
            first: rfc3339(conversation.first),
            last: rfc3339(conversation.last),
            evidence: EvidenceRow::of(conversation.evidence),
        }
    }
}

impl<'a> ExposureRow<'a> {
    fn of(exposure: &'a Exposure) -> Self {
        Self {
            advisory: &exposure.advisory,
            cve: &exposure.cve,
            cvss: Number::Single(exposure.cvss),
            kev: exposure.kev,
            status: exposure.status.as_str(),
            why: &exposure.why,
        }
    }
}

/// A finding.
#[derive(Debug, Serialize)]
pub(crate) struct FindingRow<'a> {
    id: String,
    rule: &'a str,
    title: &'a str,
    severity: &'static str,
    certainty: &'static str,
    asset: String,
    peer: Option<PeerRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    peers: Vec<PeerRow>,
    first: String,
    last: String,
    count: u64,
    evidence: Vec<EvidenceRow>,
    details: BTreeMap<&'a str, DetailValue<'a>>,
    attack: &'a [String],
    advisories: &'a [String],
    cves: &'a [String],
    why: &'a str,
    fix: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum DetailValue<'a> {
    Text(&'a str),
    Number(u64),
    Flag(bool),
    List(&'a [String]),
}

impl<'a> DetailValue<'a> {
    fn of(detail: &'a Detail) -> Self {
        match detail {
            Detail::Text(text) => Self::Text(text),
            Detail::Number(number) => Self::Number(*number),
            Detail::Flag(flag) => Self::Flag(*flag),
            Detail::List(list) => Self::List(list),
        }
    }
}

impl<'a> FindingRow<'a> {
    pub(crate) fn of(finding: &'a Finding) -> Self {
        let peer = |peer: Peer| PeerRow::of(peer.endpoint, peer.transport, peer.location);
        Self {
            id: finding.id.to_string(),
            rule: finding.rule,
            title: &finding.title,
            severity: finding.severity.as_str(),
            certainty: finding.certainty.as_str(),
            asset: finding.asset.to_string(),
            peer: finding.peer.map(peer),
            peers: finding.peers.iter().copied().map(peer).collect(),
            first: rfc3339(finding.first),
            last: rfc3339(finding.last),
            count: finding.count,
            evidence: EvidenceRow::list(&finding.evidence),
            details: finding.details.iter().map(|(key, value)| (*key, DetailValue::of(value))).collect(),
            attack: &finding.attack,
            advisories: &finding.advisories,
            cves: &finding.cves,
            why: &finding.why,
            fix: &finding.fix,
        }
    }
}

/// The vital signs of one bed.
#[derive(Debug, Serialize)]
pub(crate) struct VitalsRow<'a> {
    asset: String,
    bed: Option<u16>,
    patient: Option<String>,
    first: String,
    last: String,
    cycles: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cycle_ms: Option<Number>,
    numerics: BTreeMap<&'static str, NumericRow>,
    invalid: BTreeMap<&'static str, u64>,
    limits: BTreeMap<&'static str, Vec<LimitRow>>,
    notices: Vec<NoticeRow<'a>>,
    waveforms: BTreeMap<&'static str, WaveformRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    judged: Option<JudgedRow>,
    integrity: Vec<CheckRow<'a>>,
}

#[derive(Debug, Serialize)]
struct JudgedRow {
    seconds: u64,
    of_seconds: u64,
}

#[derive(Debug, Serialize)]
struct CheckRow<'a> {
    check: &'static str,
    verdict: &'static str,
    first: String,
    last: String,
    seconds: u64,
    why: &'a str,
    evidence: Vec<EvidenceRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    earlier: Option<String>,
}

#[derive(Debug, Serialize)]
struct NumericRow {
    unit: &'static str,
    last: Number,
    min: Number,
    max: Number,
    samples: u64,
}

#[derive(Debug, Serialize)]
struct LimitRow {
    low: Number,
    high: Number,
    alarm: Option<&'static str>,
    since: String,
    evidence: EvidenceRow,
}

#[derive(Debug, Serialize)]
struct NoticeRow<'a> {
    code: u8,
    text: &'a str,
    count: u64,
    first: String,
    last: String,
    evidence: EvidenceRow,
}

#[derive(Debug, Serialize)]
struct WaveformRow {
    samples: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_hz: Option<Number>,
}

/// The patient as a report may name them: nothing, a keyed hash, or in clear where a reason was given.
pub(crate) fn patient_word(patient: Option<&PatientToken>) -> Option<String> {
    match patient {
        None | Some(PatientToken::Withheld) => None,
        Some(PatientToken::Pseudonym(pseudonym)) => Some(pseudonym.to_string()),
        Some(PatientToken::Clear(text)) => Some(text.as_str().to_owned()),
    }
}

/// Nanoseconds in a millisecond.
const NANOS_PER_MS: f64 = 1e6;

impl<'a> VitalsRow<'a> {
    pub(crate) fn of(vitals: &'a BedVitals) -> Self {
        let notices = vitals.notices.iter().map(|(notice, seen)| NoticeRow::of(notice, seen));
        Self {
            asset: vitals.asset.to_string(),
            bed: vitals.bed,
            patient: patient_word(vitals.patient.as_ref()),
            first: rfc3339(vitals.first),
            last: rfc3339(vitals.last),
            cycles: vitals.cycles,
            cycle_ms: vitals.cycle_ns.map(|ns| Number::Double(ns as f64 / NANOS_PER_MS)),
            numerics: vitals
                .numerics
                .iter()
                .map(|(v, r)| (v.as_str(), NumericRow::of(v.unit(), r)))
                .collect(),
            invalid: vitals.invalid.iter().map(|(vital, count)| (vital.as_str(), *count)).collect(),
            limits: vitals.limits.iter().map(|(v, all)| (v.as_str(), LimitRow::list(all))).collect(),
            notices: notices.collect(),
            waveforms: vitals.waveforms.iter().map(|(c, seen)| (c.as_str(), WaveformRow::of(seen))).collect(),
            judged: vitals
                .judged
                .map(|judged| JudgedRow { seconds: judged.seconds, of_seconds: judged.of_seconds }),
            integrity: vitals.integrity.iter().map(CheckRow::of).collect(),
        }
    }
}

impl<'a> CheckRow<'a> {
    fn of(row: &'a IntegrityRow) -> Self {
        Self {
            check: row.check.as_str(),
            verdict: row.verdict.as_str(),
            first: rfc3339(row.first),
            last: rfc3339(row.last),
            seconds: row.seconds,
            why: &row.why,
            evidence: row.evidence.iter().map(|evidence| EvidenceRow::of(*evidence)).collect(),
            channel: row.channel.map(Channel::as_str),
            earlier: row.earlier.map(rfc3339),
        }
    }
}

impl NumericRow {
    const fn of(unit: &'static str, range: &NumericRange) -> Self {
        Self {
            unit,
            last: Number::Single(range.last),
            min: Number::Single(range.min),
            max: Number::Single(range.max),
            samples: range.samples,
        }
    }
}

/// The word for a switch; none where its code is not known.
pub(crate) const fn switch_word(switch: Switch) -> Option<&'static str> {
    match switch {
        Switch::Off => Some("off"),
        Switch::On => Some("on"),
        Switch::Unknown(_) => None,
    }
}

impl LimitRow {
    fn list(limits: &[LimitInForce]) -> Vec<Self> {
        let row = |in_force: &LimitInForce| Self {
            low: Number::Single(in_force.limit.low),
            high: Number::Single(in_force.limit.high),
            alarm: switch_word(in_force.limit.switch),
            since: rfc3339(in_force.since),
            evidence: EvidenceRow::of(in_force.evidence),
        };
        limits.iter().map(row).collect()
    }
}

impl<'a> NoticeRow<'a> {
    fn of(notice: &'a model::Notice, seen: &Seen) -> Self {
        Self {
            code: notice.code,
            text: notice.text.as_str(),
            count: seen.count,
            first: rfc3339(seen.first),
            last: rfc3339(seen.last),
            evidence: EvidenceRow::of(seen.evidence),
        }
    }
}

impl WaveformRow {
    fn of(seen: &WaveformSeen) -> Self {
        Self { samples: seen.samples, rate_hz: seen.rate_hz.map(Number::Double) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(number: Number) -> String {
        serde_json::to_string(&number).unwrap()
    }

    #[test]
    fn numbers_are_written_as_a_person_would() {
        assert_eq!(json(Number::Single(78.0)), "78");
        assert_eq!(json(Number::Single(36.6)), "36.6");
        assert_eq!(json(Number::Single(36.3 - 35.6)), "0.7");
        assert_eq!(json(Number::Single(0.97)), "0.97");
        assert_eq!(json(Number::Double(1003.25)), "1003.25");
        assert_eq!(json(Number::Single(-0.5)), "-0.5");
        assert_eq!(json(Number::Single(f32::NAN)), "null");
        assert_eq!(json(Number::Double(f64::INFINITY)), "null");
    }

    #[test]
    fn a_withheld_patient_is_null_and_a_pseudonym_sixteen_digits() {
        assert_eq!(patient_word(Some(&PatientToken::Withheld)), None);
        let token = PatientToken::Pseudonym(model::Pseudonym(0xAB));
        assert_eq!(patient_word(Some(&token)).as_deref(), Some("p:00000000000000ab"));
    }
}
