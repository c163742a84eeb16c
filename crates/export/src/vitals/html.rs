//! Vital signs as one self-contained HTML file: strips at 25 mm a second, trends, limits, checks; to read in light and
//! dark, and to print.
//!
//! As in the report, no request leaves the page, no script is in it, and every text is escaped by the template
//! engine after control characters were made visible.
//!
//! # Limits
//! The page holds everything but what these constants say, and names what it leaves out; the JSON document has it:
//! [`BEDS_MAX`], [`STRIP_BEDS_MAX`], [`CHECKS_MAX`], [`FAIL_STRIPS_MAX`], [`CHANGES_MAX`], [`NOTICES_MAX`],
//! [`GAPS_MAX`].

use super::strip::{self, Strip};
use super::trend::{Trend, trends};
use super::{Asked, LABEL, asked, bed_name, device_name, left_out_words, nothing_words, speaks_of, text};
use crate::Tool;
use crate::html::{STYLE, render, unit_words, vital_words};
use crate::printable::printable;
use crate::report1::patient_word;
use crate::summary::{extent, from_to, number};
use crate::time::{counted, span, time_of_day};
use model::{
    BedRecording, CaptureTime, Check, IntegrityRow, NumericPoint, Report, Switch, Validity, Verdict, Vital,
};
use serde::Serialize;
use std::io;
use std::time::Duration;

/// Most beds.
pub const BEDS_MAX: usize = 500;
/// Most beds with strips and trends.
pub const STRIP_BEDS_MAX: usize = 64;
/// Most rows of checks of one bed.
pub const CHECKS_MAX: usize = 60;
/// Most failed checks of one bed with strips of their own.
pub const FAIL_STRIPS_MAX: usize = 4;
/// Most changes of alarm limits of one bed.
pub const CHANGES_MAX: usize = 60;
/// Most notices of one bed.
pub const NOTICES_MAX: usize = 60;
/// Most gaps of one bed.
pub const GAPS_MAX: usize = 30;

/// How much of a strip lies before the moment that it is about, in seconds.
const BEFORE_SECONDS: f64 = 2.0;
/// Checks that fail within so many nanoseconds of each other share one picture.
const SAME_MOMENT_NANOS: i64 = 5_000_000_000;
/// A recomputed number stands for a moment for so long, in nanoseconds.
const STANDS_NANOS: i64 = 5_000_000_000;

const PAGE: &str = include_str!("page.html");
const OWN_STYLE: &str = include_str!("page.css");

/// Writes the page.
///
/// # Errors
/// What the writer says.
pub fn write(report: &Report, tool: Tool<'_>, to: impl io::Write) -> io::Result<()> {
    render(PAGE, View::of(report, tool), to)
}

#[derive(Serialize)]
struct View<'a> {
    style: &'static str,
    own_style: &'static str,
    label: &'static str,
    tool: Tool<'a>,
    schema: &'static str,
    title: String,
    class: &'static str,
    sentences: Vec<String>,
    when: Option<String>,
    shown_because: Option<String>,
    papers: Vec<Paper>,
    strip_width: f64,
    beds: Vec<BedView>,
    beds_left_out: usize,
    unseen: Vec<String>,
}

/// The grid under a strip of one height.
#[derive(Serialize)]
struct Paper {
    height: u32,
    minor: String,
    major: String,
}

impl Paper {
    fn of(height_mm: u32) -> Self {
        Self { height: height_mm * 100, minor: strip::paper(height_mm, 1), major: strip::paper(height_mm, 5) }
    }
}

impl<'a> View<'a> {
    fn of(report: &'a Report, tool: Tool<'a>) -> Self {
        let beds = &report.recordings;
        let fails = beds.iter().filter(|bed| worst(bed) == Some(Verdict::Fail)).count();
        let title = match (beds.len(), fails) {
            (0, _) => "No vital signs were seen".to_owned(),
            (count, 0) => format!("Vital signs of {}", counted(count as u64, "bed", "beds")),
            (count, fails) => {
                let beds = counted(count as u64, "bed", "beds");
                format!(
                    "{fails} of {beds} {}",
                    if fails == 1 { "contradicts itself" } else { "contradict themselves" }
                )
            }
        };
        Self {
            style: STYLE,
            own_style: OWN_STYLE,
            label: LABEL,
            tool,
            schema: super::json::SCHEMA,
            title,
            class: if fails > 0 { "high" } else { "low" },
            sentences: sentences(report),
            when: extent(report).map(|(first, last)| from_to(first, last)),
            shown_because: report.identifiers_shown_because.as_deref().map(|s| printable(s).into_owned()),
            papers: vec![Paper::of(20), Paper::of(15)],
            strip_width: strip::WIDTH,
            beds: beds
                .iter()
                .take(BEDS_MAX)
                .enumerate()
                .map(|(at, bed)| BedView::of(report, bed, at, at < STRIP_BEDS_MAX))
                .collect(),
            beds_left_out: beds.len().saturating_sub(BEDS_MAX),
            unseen: report.blind_spots.iter().map(|spot| printable(spot).into_owned()).collect(),
        }
    }
}

fn worst(bed: &BedRecording) -> Option<Verdict> {
    bed.integrity.iter().map(|row| row.verdict).max()
}

/// What the page as a whole says, and never more than was checked.
fn sentences(report: &Report) -> Vec<String> {
    if report.recordings.is_empty() {
        return vec![nothing_words(report)];
    }
    let asked: Vec<_> = report.recordings.iter().filter_map(|bed| bed.judged).collect();
    if asked.is_empty() {
        return vec!["Whether these numbers can be believed was not checked.".to_owned()];
    }
    let seconds: u64 = asked.iter().map(|judged| judged.seconds).sum();
    let of: u64 = asked.iter().map(|judged| judged.of_seconds).sum();
    let share = (seconds as f64 * 100.0 / of.max(1) as f64).floor();
    let mut said = vec![format!("The checks could judge {share:.0} % of the time.")];
    if !report.recordings.iter().any(|bed| worst(bed) == Some(Verdict::Fail)) {
        said.push("No contradiction was found in it. That is not a word about any patient.".to_owned());
    }
    said
}

#[derive(Serialize)]
struct BedView {
    anchor: String,
    name: String,
    device: String,
    asset: String,
    patient: Option<String>,
    when: String,
    pace: String,
    badge: Option<&'static str>,
    class: &'static str,
    numbers: Vec<NumberView>,
    checks: Vec<CheckView>,
    checks_left_out: usize,
    asked: Vec<AskedView>,
    strips: Option<StripSet>,
    trends: Vec<Trend>,
    changes: Vec<ChangeView>,
    changes_left_out: usize,
    notices: Vec<(String, String)>,
    notices_left_out: usize,
    gaps: Vec<String>,
    gaps_left_out: usize,
    score: Option<String>,
    left_out: Option<String>,
}

impl BedView {
    fn of(report: &Report, bed: &BedRecording, at: usize, pictures: bool) -> Self {
        let worst = worst(bed);
        let end = bed.last;
        let found = bed.integrity.iter().filter(|row| row.verdict >= Verdict::Suspect);
        let mut rows: Vec<&IntegrityRow> = found.collect();
        rows.sort_by_key(|row| (std::cmp::Reverse(row.verdict), row.first, row.check));
        let mut shown: Vec<CaptureTime> = Vec::new();
        let check = |row: &&IntegrityRow| {
            let near = |time: &CaptureTime| row.first.nanos_since(*time).abs() < SAME_MOMENT_NANOS;
            let told = matches!(row.check, Check::AlarmDisabled | Check::AlarmLimitsWidened)
                || row.earlier.is_none() && shown.iter().any(near);
            let drawn = pictures && row.verdict == Verdict::Fail && !told && shown.len() < FAIL_STRIPS_MAX;
            if drawn {
                shown.push(row.first);
            }
            CheckView::of(bed, row, drawn)
        };
        let changes = changes(bed);
        let notice = |notice: &model::NoticeAt| {
            (time_of_day(notice.time), printable(notice.text.as_str()).into_owned())
        };
        let gap = |gap: &model::Gap| {
            format!("{} to {} ({})", time_of_day(gap.from), time_of_day(gap.to), span(gap.to.since(gap.from)))
        };
        Self {
            anchor: format!("bed-{at}"),
            name: bed_name(bed),
            device: printable(&device_name(report, bed)).into_owned(),
            asset: bed.asset.to_string(),
            patient: patient_word(bed.patient.as_ref()).map(|word| printable(&word).into_owned()),
            when: from_to(bed.first, bed.last),
            pace: text::pace_words(bed),
            badge: worst.filter(|worst| *worst >= Verdict::Suspect).map(verdict_words),
            class: worst.map_or("calm", verdict_class),
            numbers: numbers(bed, end),
            checks: rows.iter().take(CHECKS_MAX).map(check).collect(),
            checks_left_out: rows.len().saturating_sub(CHECKS_MAX),
            asked: asked(bed).iter().map(AskedView::of).collect(),
            strips: pictures.then(|| StripSet::latest(bed)).flatten(),
            trends: if pictures { trends(bed) } else { Vec::new() },
            changes_left_out: changes.len().saturating_sub(CHANGES_MAX),
            changes: changes.into_iter().take(CHANGES_MAX).collect(),
            notices: bed.notices.iter().take(NOTICES_MAX).map(notice).collect(),
            notices_left_out: bed.notices.len().saturating_sub(NOTICES_MAX),
            gaps: bed.gaps.iter().take(GAPS_MAX).map(gap).collect(),
            gaps_left_out: bed.gaps.len().saturating_sub(GAPS_MAX),
            score: bed.score.clone(),
            left_out: left_out_words(bed),
        }
    }
}

/// A number as shown, with the recomputed one beside it.
#[derive(Serialize)]
struct NumberView {
    name: &'static str,
    class: &'static str,
    value: String,
    unit: &'static str,
    limits: String,
    /// `ECG says 77`.
    again: Option<String>,
    /// A failed check of that time says that it is not so.
    contradicted: bool,
}

/// The numbers that a bedside monitor puts beside its strips, as of `time`.
fn numbers(bed: &BedRecording, time: CaptureTime) -> Vec<NumberView> {
    let at = |vital: Vital| latest(bed.numerics.get(&vital)?, time);
    let shown = |point: Option<NumericPoint>| match point {
        Some(point) if point.validity == Validity::Valid => number(point.value),
        _ => "--".to_owned(),
    };
    let mut views = Vec::new();
    for (vital, source) in [
        (Vital::HeartRate, "ECG"),
        (Vital::Spo2, ""),
        (Vital::PulseRate, "pleth"),
        (Vital::RespirationRate, "wave"),
        (Vital::Temperature1, ""),
        (Vital::Temperature2, ""),
    ] {
        let Some(point) = at(vital) else { continue };
        let again = bed.recomputed.get(&vital).and_then(|points| latest(points, time));
        let again =
            again.filter(|again| time.nanos_since(again.time) <= STANDS_NANOS).map(|again| {
                match again.validity {
                    Validity::Valid => format!("{source} says {}", number(again.value.round())),
                    _ => format!("{source} cannot tell"),
                }
            });
        let limit = super::limit_at(bed, vital, time);
        views.push(NumberView {
            name: vital_words(vital).0,
            class: vital_words(vital).1,
            value: shown(Some(point)),
            unit: unit_words(vital.unit()),
            limits: limit.map_or_else(String::new, |limit| limit_words(&limit)),
            again,
            contradicted: contradicted(bed, vital, time),
        });
    }
    if let Some(systolic) = at(Vital::NibpSystolic) {
        let (diastolic, mean) = (at(Vital::NibpDiastolic), at(Vital::NibpMean));
        views.push(NumberView {
            name: "NIBP",
            class: "nibp",
            value: format!("{}/{}", shown(Some(systolic)), shown(diastolic)),
            unit: "mmHg",
            limits: String::new(),
            again: mean.map(|mean| format!("mean {}", shown(Some(mean)))),
            contradicted: contradicted(bed, Vital::NibpSystolic, time),
        });
    }
    views
}

fn limit_words(limit: &model::AlarmLimit) -> String {
    let off = if limit.switch == Switch::Off { ", off" } else { "" };
    format!("{}–{}{off}", number(limit.low), number(limit.high))
}

fn latest(points: &[NumericPoint], time: CaptureTime) -> Option<NumericPoint> {
    points.get(points.partition_point(|point| point.time <= time).checked_sub(1)?).copied()
}

/// Whether a failed check of `time` speaks of this number.
fn contradicted(bed: &BedRecording, vital: Vital, time: CaptureTime) -> bool {
    let speaks = |row: &IntegrityRow| {
        let of_numbers = matches!(
            row.check,
            Check::NumericWaveformDisagree
                | Check::ImplausibleValue
                | Check::ImplausibleChange
                | Check::NibpInconsistent
        );
        // A row that names no channel does not say which number it means: nothing is struck through on a guess.
        let named = row.channel.is_some() || row.check == Check::NibpInconsistent;
        of_numbers && named && speaks_of(row, vital)
    };
    let now = |row: &&IntegrityRow| row.first <= time && row.last >= time;
    bed.integrity.iter().filter(|row| row.verdict == Verdict::Fail).filter(now).any(speaks)
}

/// Strips of one time, with the numbers of that time.
#[derive(Serialize)]
struct StripSet {
    title: String,
    strips: Vec<Strip>,
    numbers: Vec<NumberView>,
}

impl StripSet {
    fn of(bed: &BedRecording, start: CaptureTime, title: String) -> Option<Self> {
        let strips: Vec<Strip> =
            bed.channels.iter().filter_map(|(channel, seen)| Strip::of(*channel, seen, start)).collect();
        let end = start.plus_nanos((strip::SECONDS * 1e9) as i64);
        (!strips.is_empty()).then(|| Self { title, strips, numbers: numbers(bed, end.min(bed.last)) })
    }

    /// The last seconds that every channel has.
    fn latest(bed: &BedRecording) -> Option<Self> {
        let ends = bed.channels.values().filter_map(|seen| Some(seen.stretches.last()?.end(seen.rate_hz?)));
        let start = ends.min()?.plus_nanos(-(strip::SECONDS * 1e9) as i64);
        let starts = bed.channels.values().filter_map(|seen| Some(seen.stretches.first()?.start));
        let start = start.max(starts.min()?);
        Self::of(bed, start, format!("Last {:.0} s, from {} UTC", strip::SECONDS, time_of_day(start)))
    }
}

/// One row of a check.
#[derive(Serialize)]
struct CheckView {
    check: &'static str,
    verdict: &'static str,
    class: &'static str,
    when: String,
    why: String,
    frames: String,
    strips: Option<StripSet>,
    laid_over: Option<LaidOver>,
}

/// A check where it found nothing.
#[derive(Serialize)]
struct AskedView {
    check: &'static str,
    consistent: String,
    unjudged: String,
    why: String,
}

impl AskedView {
    fn of(asked: &Asked<'_>) -> Self {
        let seconds = |seconds: u64| match seconds {
            0 => String::new(),
            seconds => span(Duration::from_secs(seconds)),
        };
        Self {
            check: asked.check.as_str(),
            consistent: seconds(asked.consistent),
            unjudged: seconds(asked.unjudged),
            why: asked.why.map_or_else(String::new, |why| printable(why).into_owned()),
        }
    }
}

/// A repeated stretch over its original.
#[derive(Serialize)]
struct LaidOver {
    strip: Strip,
    original: String,
    copy: String,
    later: String,
}

const fn verdict_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "consistent",
        Verdict::CannotJudge => "cannot judge",
        Verdict::Suspect => "suspect",
        Verdict::Fail => "contradicted",
    }
}

const fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass | Verdict::CannotJudge => "calm",
        Verdict::Suspect => "medium",
        Verdict::Fail => "high",
    }
}

impl CheckView {
    fn of(bed: &BedRecording, row: &IntegrityRow, pictures: bool) -> Self {
        let frames: Vec<String> = row
            .evidence
            .iter()
            .take(IntegrityRow::EVIDENCE_MAX)
            .map(|evidence| format!("{}:{}", evidence.capture, evidence.frame))
            .collect();
        let laid_over = if pictures { LaidOver::of(bed, row) } else { None };
        let about = row.first.plus_nanos(-(BEFORE_SECONDS * 1e9) as i64);
        let seen = pictures && laid_over.is_none();
        let title = format!("At {} UTC", time_of_day(row.first));
        Self {
            check: row.check.as_str(),
            verdict: verdict_words(row.verdict),
            class: verdict_class(row.verdict),
            when: format!("{}, {} s of it", from_to(row.first, row.last), row.seconds),
            why: printable(&row.why).into_owned(),
            frames: frames.join(", "),
            strips: seen.then(|| StripSet::of(bed, about, title)).flatten(),
            laid_over,
        }
    }
}

impl LaidOver {
    fn of(bed: &BedRecording, row: &IntegrityRow) -> Option<Self> {
        let (channel, earlier) = (row.channel?, row.earlier?);
        let (strip, before) = Strip::laid_over(channel, bed.channels.get(&channel)?, earlier, row.first)?;
        let back = -i64::from(before) * 1_000_000_000;
        Some(Self {
            strip,
            original: time_of_day(earlier.plus_nanos(back)),
            copy: time_of_day(row.first.plus_nanos(back)),
            later: span(row.first.since(earlier)),
        })
    }
}

/// An alarm limit that changed.
#[derive(Serialize)]
struct ChangeView {
    when: String,
    name: &'static str,
    from: String,
    to: String,
    widened: bool,
}

fn changes(bed: &BedRecording) -> Vec<ChangeView> {
    let pairs = bed.limits.values().flat_map(|all| all.windows(2));
    let mut pairs: Vec<_> = pairs.filter_map(|pair| Some((pair.first()?, pair.last()?))).collect();
    pairs.sort_by_key(|(_, to)| (to.since, to.limit.vital));
    let view = |(from, to): (&model::LimitInForce, &model::LimitInForce)| ChangeView {
        when: time_of_day(to.since),
        name: vital_words(to.limit.vital).0,
        from: text::limit_words(from),
        to: text::limit_words(to),
        widened: to.limit.low < from.limit.low
            || to.limit.high > from.limit.high
            || (to.limit.switch == Switch::Off && from.limit.switch != Switch::Off),
    };
    pairs.into_iter().map(view).collect()
}
