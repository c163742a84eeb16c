//! Schema `lazaret.vitals/1`: the vital signs of each bed in full, as one JSON document.
//!
//! Specified in `docs/spec/vitals-1.md`, with a JSON Schema beside it that forbids unknown properties. The rules
//! are those of the report: same recording, same bytes; times in RFC 3339 with nanoseconds; unknown is absent or
//! `null`.

use super::{LABEL, code, device_name};
use crate::Tool;
use crate::printable::printable;
use crate::report1::{CaptureRow, Number, patient_word};
use crate::time::rfc3339;
use model::{
    AlarmLimit, BedRecording, CaptureTime, Channel, ChannelRecording, Evidence, Gap, IntegrityRow, LeftOut,
    LimitInForce, NoticeAt, NumericPoint, Report, Stretch, Switch, Validity, Vital,
};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

/// Name of the schema, as the document's first field says it.
pub const SCHEMA: &str = "lazaret.vitals/1";

/// Nanoseconds in a millisecond.
const NANOS_PER_MS: f64 = 1e6;

/// Writes the document with a line end after it.
///
/// # Errors
/// What the writer says.
pub fn write(report: &Report, tool: Tool<'_>, mut to: impl io::Write) -> io::Result<()> {
    let document = Document {
        schema: SCHEMA,
        label: LABEL,
        tool,
        identifiers_shown_because: report.identifiers_shown_because.as_deref(),
        captures: report.captures.iter().map(CaptureRow::of).collect(),
        blind_spots: &report.blind_spots,
        beds: report.recordings.iter().map(|bed| BedRow::of(report, bed)).collect(),
    };
    serde_json::to_writer(&mut to, &document)?;
    to.write_all(b"\n")
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    label: &'static str,
    tool: Tool<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifiers_shown_because: Option<&'a str>,
    captures: Vec<CaptureRow<'a>>,
    blind_spots: &'a [String],
    beds: Vec<BedRow<'a>>,
}

#[derive(Serialize)]
struct BedRow<'a> {
    asset: String,
    device: String,
    bed: Option<u16>,
    patient: Option<String>,
    first: String,
    last: String,
    cycles: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cycle_ms: Option<Number>,
    numerics: BTreeMap<&'static str, NumericRow<'a>>,
    recomputed: BTreeMap<&'static str, Series<'a>>,
    waveforms: BTreeMap<&'static str, WaveformRow<'a>>,
    limits: BTreeMap<&'static str, Vec<LimitRow>>,
    notices: Vec<NoticeRow<'a>>,
    gaps: Vec<GapRow>,
    integrity: Vec<CheckRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<&'a str>,
    left_out: LeftOutRow,
}

impl<'a> BedRow<'a> {
    fn of(report: &Report, bed: &'a BedRecording) -> Self {
        let numerics = bed.numerics.iter();
        let recomputed = bed.recomputed.iter();
        let channels = bed.channels.iter();
        let limits = bed.limits.iter();
        Self {
            asset: bed.asset.to_string(),
            device: printable(&device_name(report, bed)).into_owned(),
            bed: bed.bed,
            patient: patient_word(bed.patient.as_ref()),
            first: rfc3339(bed.first),
            last: rfc3339(bed.last),
            cycles: bed.cycles,
            cycle_ms: bed.cycle_ns.map(|nanos| Number::Double(nanos as f64 / NANOS_PER_MS)),
            numerics: numerics
                .map(|(vital, points)| (vital.as_str(), NumericRow::of(bed, *vital, points)))
                .collect(),
            recomputed: recomputed.map(|(vital, points)| (vital.as_str(), Series::of(bed, points))).collect(),
            waveforms: channels.map(|(channel, seen)| (channel.as_str(), WaveformRow::of(seen))).collect(),
            limits: limits
                .map(|(vital, all)| (vital.as_str(), all.iter().map(LimitRow::of).collect()))
                .collect(),
            notices: bed.notices.iter().map(NoticeRow::of).collect(),
            gaps: bed.gaps.iter().map(GapRow::of).collect(),
            integrity: bed.integrity.iter().map(CheckRow::of).collect(),
            score: bed.score.as_deref(),
            left_out: LeftOutRow::of(&bed.left_out),
        }
    }
}

#[derive(Serialize)]
struct NumericRow<'a> {
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mdc: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loinc: Option<&'static str>,
    last: Option<Number>,
    min: Option<Number>,
    max: Option<Number>,
    valid: u64,
    series: Series<'a>,
}

impl<'a> NumericRow<'a> {
    fn of(bed: &BedRecording, vital: Vital, points: &'a [NumericPoint]) -> Self {
        let codes = code::of(vital);
        let range = bed.range(vital);
        Self {
            unit: vital.unit(),
            mdc: codes.map(|codes| codes.mdc.code),
            loinc: codes.and_then(|codes| codes.loinc.first()).map(|loinc| loinc.code),
            last: range.map(|range| Number::Single(range.last)),
            min: range.map(|range| Number::Single(range.min)),
            max: range.map(|range| Number::Single(range.max)),
            valid: range.map_or(0, |range| range.samples),
            series: Series::of(bed, points),
        }
    }
}

/// A series as columns; the time is in seconds from the bed's `first`.
#[derive(Serialize)]
struct Series<'a> {
    #[serde(serialize_with = "offsets")]
    offset_s: (CaptureTime, &'a [NumericPoint]),
    #[serde(serialize_with = "values")]
    value: &'a [NumericPoint],
    #[serde(serialize_with = "valids")]
    valid: &'a [NumericPoint],
}

impl<'a> Series<'a> {
    const fn of(bed: &BedRecording, points: &'a [NumericPoint]) -> Self {
        Self { offset_s: (bed.first, points), value: points, valid: points }
    }
}

fn offsets<S: serde::Serializer>(
    (first, points): &(CaptureTime, &[NumericPoint]),
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_seq(points.iter().map(|point| Number::Double(point.time.nanos_since(*first) as f64 / 1e9)))
}

fn values<S: serde::Serializer>(points: &&[NumericPoint], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(points.iter().map(|point| Number::Single(point.value)))
}

fn valids<S: serde::Serializer>(points: &&[NumericPoint], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(points.iter().map(|point| point.validity == Validity::Valid))
}

#[derive(Serialize)]
struct WaveformRow<'a> {
    samples: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_hz: Option<Number>,
    stretches: Vec<StretchRow<'a>>,
}

#[derive(Serialize)]
struct StretchRow<'a> {
    start: String,
    samples: &'a [u8],
}

impl<'a> WaveformRow<'a> {
    fn of(seen: &'a ChannelRecording) -> Self {
        let stretch =
            |stretch: &'a Stretch| StretchRow { start: rfc3339(stretch.start), samples: &stretch.samples };
        Self {
            samples: seen.samples,
            rate_hz: seen.rate_hz.map(Number::Double),
            stretches: seen.stretches.iter().map(stretch).collect(),
        }
    }
}

#[derive(Serialize)]
struct EvidenceRow {
    capture: u32,
    frame: u64,
}

impl EvidenceRow {
    const fn of(evidence: Evidence) -> Self {
        Self { capture: evidence.capture, frame: evidence.frame }
    }
}

#[derive(Serialize)]
struct LimitRow {
    since: String,
    low: Number,
    high: Number,
    alarm: &'static str,
    evidence: EvidenceRow,
}

impl LimitRow {
    fn of(in_force: &LimitInForce) -> Self {
        let AlarmLimit { low, high, switch, .. } = in_force.limit;
        let alarm = match switch {
            Switch::On => "on",
            Switch::Off => "off",
            Switch::Unknown(_) => "unknown",
        };
        Self {
            since: rfc3339(in_force.since),
            low: Number::Single(low),
            high: Number::Single(high),
            alarm,
            evidence: EvidenceRow::of(in_force.evidence),
        }
    }
}

#[derive(Serialize)]
struct NoticeRow<'a> {
    time: String,
    code: u8,
    text: &'a str,
    evidence: EvidenceRow,
}

impl<'a> NoticeRow<'a> {
    fn of(notice: &'a NoticeAt) -> Self {
        Self {
            time: rfc3339(notice.time),
            code: notice.code,
            text: notice.text.as_str(),
            evidence: EvidenceRow::of(notice.evidence),
        }
    }
}

#[derive(Serialize)]
struct GapRow {
    from: String,
    to: String,
}

impl GapRow {
    fn of(gap: &Gap) -> Self {
        Self { from: rfc3339(gap.from), to: rfc3339(gap.to) }
    }
}

#[derive(Serialize)]
struct CheckRow<'a> {
    check: &'static str,
    verdict: &'static str,
    first: String,
    last: String,
    seconds: u64,
    why: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    earlier: Option<String>,
    evidence: Vec<EvidenceRow>,
}

impl<'a> CheckRow<'a> {
    fn of(row: &'a IntegrityRow) -> Self {
        Self {
            check: row.check.as_str(),
            verdict: row.verdict.as_str(),
            first: rfc3339(row.first),
            last: rfc3339(row.last),
            seconds: row.seconds,
            why: printable(&row.why),
            evidence: row.evidence.iter().copied().map(EvidenceRow::of).collect(),
            channel: row.channel.map(Channel::as_str),
            earlier: row.earlier.map(rfc3339),
        }
    }
}

#[derive(Serialize)]
struct LeftOutRow {
    numerics: u64,
    samples: u64,
    notices: u64,
    limits: u64,
}

impl LeftOutRow {
    const fn of(left_out: &LeftOut) -> Self {
        let LeftOut { numerics, samples, notices, limits } = *left_out;
        Self { numerics, samples, notices, limits }
    }
}
