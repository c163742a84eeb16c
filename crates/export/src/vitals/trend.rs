//! Trends: the numbers of one group of parameters over the whole time, with alarm limits and what was recomputed.

use crate::html::{unit_words, vital_words};
use crate::time::time_of_day;
use crate::timeline::rounded;
use model::{BedRecording, CaptureTime, LimitInForce, NumericPoint, Switch, Validity, Vital};
use serde::Serialize;

/// Size of a picture, in its own units.
const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 110.0;
/// Space for the words beside and below the lines.
const LEFT: f64 = 40.0;
const BELOW: f64 = 18.0;
/// Most columns of a line; in each the least and the greatest number are drawn.
const COLUMNS: f64 = 300.0;
/// A line is lifted where no number came for this share of the whole, or for this many seconds if that is more.
const LIFT_SHARE: f64 = 0.02;
const LIFT_SECONDS_MIN: f64 = 90.0;

/// Parameters drawn together, with the least range that fills a picture.
const GROUPS: &[(&str, &[Vital], f64)] = &[
    ("Heart rate", &[Vital::HeartRate], 20.0),
    ("Pulse", &[Vital::PulseRate], 20.0),
    ("SpO₂", &[Vital::Spo2], 8.0),
    ("Respiration", &[Vital::RespirationRate], 10.0),
    ("NIBP", &[Vital::NibpSystolic, Vital::NibpMean, Vital::NibpDiastolic], 40.0),
    ("Temperature", &[Vital::Temperature1, Vital::Temperature2], 2.0),
];

/// One picture.
#[derive(Serialize)]
pub(super) struct Trend {
    name: &'static str,
    class: &'static str,
    unit: &'static str,
    width: f64,
    height: f64,
    left: f64,
    bottom: f64,
    top_words: String,
    bottom_words: String,
    top: f64,
    first: String,
    last: String,
    lines: Vec<Line>,
    /// Steps of the alarm limits.
    limits: Vec<Line>,
    gaps: Vec<(f64, f64)>,
    note: String,
}

/// One line of a picture.
#[derive(Serialize)]
struct Line {
    class: &'static str,
    title: String,
    path: String,
}

/// The pictures of one bed.
pub(super) fn trends(bed: &BedRecording) -> Vec<Trend> {
    GROUPS.iter().filter_map(|(name, vitals, room)| Trend::of(bed, name, vitals, *room)).collect()
}

/// From times and numbers to places.
#[derive(Clone, Copy)]
struct Frame {
    first: CaptureTime,
    nanos: f64,
    low: f64,
    room: f64,
}

impl Frame {
    fn x(self, time: CaptureTime) -> f64 {
        let share = (time.nanos_since(self.first) as f64 / self.nanos).clamp(0.0, 1.0);
        LEFT + share * (WIDTH - LEFT - 2.0)
    }

    fn y(self, value: f32) -> f64 {
        let share = ((f64::from(value) - self.low) / self.room).clamp(0.0, 1.0);
        4.0 + (1.0 - share) * (HEIGHT - BELOW - 8.0)
    }
}

fn valid(points: &[NumericPoint]) -> impl Iterator<Item = &NumericPoint> {
    points.iter().filter(|point| point.validity == Validity::Valid)
}

impl Trend {
    fn of(bed: &BedRecording, name: &'static str, vitals: &[Vital], room: f64) -> Option<Self> {
        let shown = || vitals.iter().filter_map(|vital| Some((*vital, bed.numerics.get(vital)?)));
        let again = || vitals.iter().filter_map(|vital| Some((*vital, bed.recomputed.get(vital)?)));
        shown().find(|(_, points)| valid(points).next().is_some())?;
        let changed =
            || vitals.iter().filter_map(|vital| bed.limits.get(vital).filter(|all| all.len() > 1)).flatten();
        let values = shown().chain(again()).flat_map(|(_, points)| valid(points).map(|point| point.value));
        // Of limits that changed the narrowest are in the picture: wide ones would flatten the numbers, and are drawn
        // along its edges.
        let narrowest = [
            changed().map(|change| change.limit.low).reduce(f32::max),
            changed().map(|change| change.limit.high).reduce(f32::min),
        ];
        let values = values.chain(narrowest.into_iter().flatten());
        let (low, high) = values.fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(v), high.max(v)));
        let (low, high) = (f64::from(low), f64::from(high));
        let span = (high - low).max(room) * 1.08;
        let nanos = bed.last.nanos_since(bed.first).max(1) as f64;
        let frame = Frame { first: bed.first, nanos, low: (low + high) / 2.0 - span / 2.0, room: span };
        let mut lines: Vec<Line> = Vec::new();
        for (class, series) in [("again", again().collect::<Vec<_>>()), ("shown", shown().collect())] {
            for (vital, points) in series {
                let what =
                    if class == "again" { "recomputed from the waveform" } else { "shown by the device" };
                let title = format!("{}, {what}", vital_words(vital).0);
                lines.push(Line { class, title, path: path(points, frame) });
            }
        }
        // Limits that never changed and were never reached are said in words: six lines would hide the numbers.
        let limits = vitals.iter().filter_map(|vital| {
            let (all, points) = (bed.limits.get(vital)?, bed.numerics.get(vital)?);
            let reached = all.iter().any(|change| {
                valid(points).any(|point| point.value < change.limit.low || point.value > change.limit.high)
            });
            (all.len() > 1 || reached).then_some(all)
        });
        let in_view = |value: f32| (frame.low..=frame.low + frame.room).contains(&f64::from(value));
        let limits = limits.flat_map(|all| steps(all, frame, bed.last, &in_view)).collect();
        let first_vital = vitals.first().copied()?;
        Some(Self {
            name,
            class: vital_words(first_vital).1,
            unit: unit_words(first_vital.unit()),
            width: WIDTH,
            height: HEIGHT,
            left: LEFT,
            bottom: HEIGHT - BELOW,
            top: 4.0,
            top_words: edge(frame.low + frame.room, frame.room),
            bottom_words: edge(frame.low, frame.room),
            first: time_of_day(bed.first),
            last: time_of_day(bed.last),
            lines,
            limits,
            gaps: bed.gaps.iter().map(|gap| bar(frame, gap.from, gap.to)).collect(),
            note: note(bed, vitals),
        })
    }
}

/// The number at an edge of the picture, no finer than what can be told apart in it.
fn edge(value: f64, room: f64) -> String {
    let (step, decimals) = if room < 5.0 { (10.0, 1) } else { (1.0, 0) };
    // Adding zero turns a rounded -0 into 0.
    format!("{:.decimals$}", (value * step).round() / step + 0.0)
}

fn bar(frame: Frame, from: CaptureTime, to: CaptureTime) -> (f64, f64) {
    (rounded(frame.x(from)), rounded((frame.x(to) - frame.x(from)).max(1.0)))
}

/// Limits that are not drawn because they did not change, in words.
fn note(bed: &BedRecording, vitals: &[Vital]) -> String {
    let words = vitals.iter().filter_map(|vital| {
        let [only] = bed.limits.get(vital)?.as_slice() else { return None };
        Some(super::text::limit_words(only))
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() { String::new() } else { format!("limits {}", words.join(" / ")) }
}

/// A line through the least and the greatest number of each column, in order of time.
fn path(points: &[NumericPoint], frame: Frame) -> String {
    let lift = (frame.nanos * LIFT_SHARE).max(LIFT_SECONDS_MIN * 1e9);
    let mut path = String::new();
    let mut before: Option<CaptureTime> = None;
    let mut points = points.iter().peekable();
    let column =
        |point: &NumericPoint| (point.time.nanos_since(frame.first) as f64 / frame.nanos * COLUMNS) as i64;
    while let Some(point) = points.next() {
        if point.validity != Validity::Valid {
            before = None;
            continue;
        }
        let mut kept = vec![*point];
        while let Some(next) =
            points.next_if(|next| next.validity == Validity::Valid && column(next) == column(point))
        {
            kept.push(*next);
        }
        let ends = [
            kept.iter().min_by(|a, b| a.value.total_cmp(&b.value)),
            kept.iter().max_by(|a, b| a.value.total_cmp(&b.value)),
        ];
        let mut ends: Vec<&NumericPoint> = ends.into_iter().flatten().collect();
        ends.sort_by_key(|point| point.time);
        ends.dedup();
        for end in ends {
            let joined = before.is_some_and(|before| (end.time.nanos_since(before) as f64) < lift);
            let (x, y) = (rounded(frame.x(end.time)), rounded(frame.y(end.value)));
            path.push_str(&format!("{}{x} {y}", if joined { 'L' } else { 'M' }));
            if !joined {
                // A number that stands alone is a dot.
                path.push_str("h.01");
            }
            before = Some(end.time);
        }
    }
    path
}

/// Both limits as steps, as far as they are in the picture.
fn steps(all: &[LimitInForce], frame: Frame, last: CaptureTime, in_view: &dyn Fn(f32) -> bool) -> Vec<Line> {
    let ends: [fn(&LimitInForce) -> f32; 2] = [|change| change.limit.high, |change| change.limit.low];
    let step = |of: fn(&LimitInForce) -> f32| {
        if !all.iter().any(|change| in_view(of(change))) {
            return None;
        }
        let mut path = String::new();
        for (at, change) in all.iter().enumerate() {
            let (x, y) = (rounded(frame.x(change.since)), rounded(frame.y(of(change))));
            let to = all.get(at + 1).map_or(last, |next| next.since);
            path.push_str(&if at == 0 { format!("M{x} {y}") } else { format!("V{y}") });
            path.push_str(&format!("H{}", rounded(frame.x(to))));
        }
        let off = all.iter().any(|change| change.limit.switch == Switch::Off);
        let title = if off { "alarm limit, switched off at times" } else { "alarm limit" };
        Some(Line { class: "limit", title: title.to_owned(), path })
    };
    ends.into_iter().filter_map(step).collect()
}
