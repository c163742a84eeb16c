//! The timeline of the page: findings and conversations over capture time, as rows of bars.
//!
//! ```text
//! x: 0 ─ label ─ LABEL ──────────── time ──────────── WIDTH
//! y: axis, then one row of ROW units per finding and per device
//! ```
//! Only places and words are made here; the template draws them, so that every word is escaped in one place.

use crate::printable::{printable, shortened};
use crate::summary::{
    Group, assets_by_concern, conversation_words, extent, groups, label, when_words, whom_words,
};
use crate::time::{day, time_of_day};
use model::{CaptureTime, Report};
use serde::Serialize;

/// Most rows of findings; the findings list has them all.
const FINDINGS_MAX: usize = 16;
/// Most rows of devices; the devices list has them all.
const DEVICES_MAX: usize = 16;
/// Most bars of one row: they lie over each other.
const BARS_MAX: usize = 64;
/// Width of the picture, in its own units.
const WIDTH: f64 = 1100.0;
/// Width of the labels.
const LABEL: f64 = 330.0;
/// Height of a row.
const ROW: f64 = 26.0;
/// Height of the axis and of a heading.
const HEAD: f64 = 30.0;
/// Shortest bar that can be seen.
const BAR_MIN: f64 = 4.0;
/// Longest label that fits.
const LABEL_CHARS_MAX: usize = 46;
/// Marks on the time axis, besides the first.
const TICKS: i64 = 5;

#[derive(Serialize)]
pub(crate) struct Timeline {
    width: f64,
    height: f64,
    label: f64,
    day: String,
    ticks: Vec<Tick>,
    headings: Vec<Heading>,
    rows: Vec<Row>,
    /// Rows that did not fit.
    left_out: usize,
}

#[derive(Serialize)]
struct Tick {
    x: f64,
    anchor: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Heading {
    y: f64,
    text: &'static str,
}

#[derive(Serialize)]
struct Row {
    y: f64,
    href: String,
    text: String,
    bars: Vec<Bar>,
}

#[derive(Serialize)]
struct Bar {
    x: f64,
    width: f64,
    class: &'static str,
    title: String,
}

struct Scale {
    first: CaptureTime,
    nanos: f64,
}

impl Scale {
    fn x(&self, time: CaptureTime) -> f64 {
        let share = time.nanos_since(self.first) as f64 / self.nanos;
        rounded(LABEL + (WIDTH - LABEL) * share.clamp(0.0, 1.0))
    }

    fn bar(&self, first: CaptureTime, last: CaptureTime, class: &'static str, title: String) -> Bar {
        let x = self.x(first).min(WIDTH - BAR_MIN);
        Bar { x, width: rounded((self.x(last) - x).max(BAR_MIN)), class, title }
    }
}

/// One decimal is finer than a pixel, and keeps the file small.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

impl Timeline {
    /// Nothing where no frame has a time.
    pub(crate) fn of(report: &Report) -> Option<Self> {
        let (first, last) = extent(report)?;
        let scale = Scale { first, nanos: (last.nanos_since(first) as f64).max(1.0) };
        let mut timeline = Self {
            width: WIDTH,
            height: HEAD,
            label: LABEL,
            day: day(first),
            ticks: ticks(&scale, first, last),
            headings: Vec::new(),
            rows: Vec::new(),
            left_out: 0,
        };
        timeline.add("Findings", finding_rows(report, &scale), FINDINGS_MAX);
        timeline.add("Who was talking", device_rows(report, &scale), DEVICES_MAX);
        timeline.height += 6.0;
        Some(timeline)
    }

    fn add(&mut self, heading: &'static str, rows: Vec<Row>, rows_max: usize) {
        if rows.is_empty() {
            return;
        }
        self.headings.push(Heading { y: self.height, text: heading });
        self.height += HEAD;
        self.left_out += rows.len().saturating_sub(rows_max);
        for row in rows.into_iter().take(rows_max) {
            self.rows.push(Row { y: self.height, ..row });
            self.height += ROW;
        }
    }
}

fn ticks(scale: &Scale, first: CaptureTime, last: CaptureTime) -> Vec<Tick> {
    let step = last.nanos_since(first) / TICKS;
    let tick = |n: i64| {
        let time = if n == TICKS { last } else { first.plus_nanos(step * n) };
        let anchor = if n == TICKS { "end" } else { "start" };
        Tick { x: scale.x(time), anchor, text: time_of_day(time) }
    };
    (0..=TICKS).map(tick).collect()
}

fn finding_rows(report: &Report, scale: &Scale) -> Vec<Row> {
    let row = |group: Group<'_>| {
        let bars = group.findings.iter().map(|finding| {
            let words = format!(
                "{}: {}, {}",
                printable(&finding.title),
                whom_words(report, finding),
                when_words(finding)
            );
            scale.bar(finding.first, finding.last, finding.severity.as_str(), words)
        });
        let title = printable(&group.first.title);
        let text = shortened(&title, LABEL_CHARS_MAX).into_owned();
        Row { y: 0.0, href: group.first.id.to_string(), text, bars: bars.take(BARS_MAX).collect() }
    };
    groups(report).into_iter().map(row).collect()
}

fn device_rows(report: &Report, scale: &Scale) -> Vec<Row> {
    let rows = assets_by_concern(report).into_iter().filter(|(asset, _)| !asset.conversations.is_empty());
    rows.map(|(asset, concern)| {
        let class = concern.map_or("calm", |(worst, _)| worst.as_str());
        let bars = asset.conversations.iter().map(|conversation| {
            scale.bar(conversation.first, conversation.last, class, conversation_words(conversation))
        });
        let text = shortened(&label(asset), LABEL_CHARS_MAX).into_owned();
        Row { y: 0.0, href: asset.id.to_string(), text, bars: bars.take(BARS_MAX).collect() }
    })
    .collect()
}
