//! WFDB records: waveforms in format 80, numerics in format 16, for PhysioNet's tools.
//!
//! # Files
//! ```text
//! bed_7.hea  bed_7.dat      waveforms: one byte a sample, all channels of one frame after another
//! bed_7n.hea bed_7n.dat     numerics: i16 little-endian, one frame a cycle
//! RECORDS                   names of all records
//! ```
//! A second record of the same bed number is `bed_7_2`; after a gap of more than [`GAP_SECONDS_MAX`] another record
//! begins, so that nights without a device do not become hours of nothing.
//!
//! # Decisions
//! - A frame is the longest time that holds a whole number of samples of each channel (ECG and pleth twice as
//!   many as respiration), at the rate that was measured.
//! - Format 80 has no room for "no sample" beside 256 codes: code 0 is written as 1, and 0 means that there is no
//!   sample. The physical value is the code, in no unit, since the gain is not known.
//! - A number stands until the next one, for at most [`HOLD_CYCLES_MAX`] cycles. What the device marked invalid is an
//!   invalid sample.
//!
//! # Source
//! WFDB header(5) and signal(5), PhysioNet.

use super::{LABEL, channel_name, device_name};
use crate::html::vital_words;
use crate::report1::patient_word;
use model::{BedRecording, CaptureTime, Channel, ChannelRecording, NumericPoint, Report, Validity, Vital};
use std::collections::BTreeMap;
use std::io;

/// A gap above this begins another record.
pub const GAP_SECONDS_MAX: u64 = 600;
/// Cycles for which a number stands when no other comes.
pub const HOLD_CYCLES_MAX: f64 = 2.5;
/// Samples of one channel in a frame. Our limit: a channel that fits no frame is left out, and the header says so.
const PER_FRAME_MAX: u32 = 64;
/// How far the rate of a channel may lie from a whole number of samples a frame.
const RATE_SHARE_MAX: f64 = 0.02;
/// Frames a second of numerics where no cycle is known.
const NUMERIC_HZ: f64 = 1.0;
/// Invalid sample of format 16.
const INVALID_16: i16 = i16::MIN;
/// Invalid sample of format 80, as the byte in the file.
const INVALID_80: u8 = 0;

/// Takes in the files of a record set.
pub trait Files {
    /// One file in whole.
    ///
    /// # Errors
    /// What the medium says.
    fn file(&mut self, name: &str, content: &[u8]) -> io::Result<()>;
}

/// Writes every record.
///
/// # Errors
/// What the medium says.
pub fn write(report: &Report, to: &mut dyn Files) -> io::Result<()> {
    let mut names: BTreeMap<String, u32> = BTreeMap::new();
    let mut records = String::new();
    for bed in &report.recordings {
        let base = bed.bed.map_or_else(|| "bed_unnamed".to_owned(), |bed| format!("bed_{bed}"));
        for part in parts(bed) {
            let count = names.entry(base.clone()).or_default();
            *count += 1;
            let name = if *count == 1 { base.clone() } else { format!("{base}_{count}") };
            let about = about(report, bed);
            for (name, record) in [(name.clone(), part.waves(bed)), (format!("{name}n"), part.numbers(bed))] {
                let Some(record) = record else { continue };
                to.file(&format!("{name}.hea"), record.header(&name, part.start, &about).as_bytes())?;
                to.file(&format!("{name}.dat"), &record.bytes)?;
                records.push_str(&name);
                records.push('\n');
            }
        }
    }
    if records.is_empty() { Ok(()) } else { to.file("RECORDS", records.as_bytes()) }
}

/// Comment lines. Header lines have a length limit in old tools, and nothing of the wire may begin a line.
fn about(report: &Report, bed: &BedRecording) -> Vec<String> {
    let mut lines = vec![format!("{LABEL}."), format!("device: {} {}", bed.asset, device_name(report, bed))];
    if let Some(patient) = patient_word(bed.patient.as_ref()) {
        lines.push(format!("patient: {patient}"));
    }
    if let Some(reason) = &report.identifiers_shown_because {
        lines.push(format!("identifiers shown because: {reason}"));
    }
    let row = |row: &model::IntegrityRow| {
        let (from, to) = (crate::time::rfc3339(row.first), crate::time::rfc3339(row.last));
        format!("integrity: {} {} {from} {to} {}", row.check, row.verdict.as_str(), row.why)
    };
    lines.extend(bed.integrity.iter().map(row));
    lines.iter().map(|line| crate::printable::printable(line).into_owned()).collect()
}

/// A time with no long gap in it.
#[derive(Clone, Copy, Debug)]
struct Part {
    start: CaptureTime,
    end: CaptureTime,
}

/// The time of a bed, cut at its long gaps.
fn parts(bed: &BedRecording) -> Vec<Part> {
    let first = bed.channels.values().filter_map(|seen| Some(seen.stretches.first()?.start)).min();
    let mut start = first.map_or(bed.first, |first| first.min(bed.first));
    let mut parts = Vec::new();
    for gap in bed.gaps.iter().filter(|gap| gap.to.since(gap.from).as_secs() > GAP_SECONDS_MAX) {
        parts.push(Part { start, end: gap.from });
        // The cycle that ends the gap began before its end; the block before it as well.
        start = gap.to.plus_nanos(-bed.cycle_ns.map_or(0, |nanos| i64::try_from(nanos).unwrap_or(0)) * 3 / 2);
    }
    parts.push(Part { start, end: bed.last });
    parts
}

/// One record: its header without names, and its samples.
struct Record {
    frame_hz: f64,
    frames: u64,
    signals: Vec<Signal>,
    notes: Vec<String>,
    bytes: Vec<u8>,
}

struct Signal {
    format: String,
    gain: String,
    resolution: u8,
    initial: i64,
    checksum: i16,
    name: String,
}

impl Record {
    fn header(&self, name: &str, start: CaptureTime, about: &[String]) -> String {
        let (date, time) = date_and_time(start);
        let (count, hz, frames) = (self.signals.len(), self.frame_hz, self.frames);
        let mut text = format!("{name} {count} {hz:.6} {frames} {time} {date}\n");
        for signal in &self.signals {
            let Signal { format, gain, resolution, initial, checksum, name: what } = signal;
            text.push_str(&format!(
                "{name}.dat {format} {gain} {resolution} 0 {initial} {checksum} 0 {what}\n"
            ));
        }
        for line in about.iter().chain(&self.notes) {
            text.push_str(&format!("# {line}\n"));
        }
        text
    }
}

/// `02/03/2026`, `07:14:00.250`.
fn date_and_time(time: CaptureTime) -> (String, String) {
    let stamp = crate::time::rfc3339(time);
    let (date, time) = stamp.split_once('T').unwrap_or((&stamp, ""));
    let day: Vec<&str> = date.rsplitn(3, '-').collect();
    (day.join("/"), time.chars().take("07:14:00.250".len()).collect())
}

/// How the channels of a bed lie in frames.
struct Layout {
    frame_hz: f64,
    /// The channels that fit, with their samples a frame.
    laid: Vec<(Channel, u32)>,
    /// Those that do not.
    left: Vec<Channel>,
}

/// The frame that holds a whole number of samples of as many channels as can be.
fn layout(bed: &BedRecording) -> Option<Layout> {
    let rated = || {
        bed.channels.iter().filter_map(|(channel, seen)| {
            let carried = !seen.stretches.is_empty();
            seen.rate_hz.filter(|rate| carried && *rate > 0.0).map(|rate| (*channel, rate))
        })
    };
    let slowest = rated().map(|(_, rate)| rate).reduce(f64::min)?;
    let fits = |rate: f64, frame_hz: f64| {
        let per_frame = (rate / frame_hz).round();
        let near = (rate / frame_hz / per_frame - 1.0).abs() <= RATE_SHARE_MAX;
        (near && per_frame >= 1.0 && per_frame <= f64::from(PER_FRAME_MAX)).then_some(per_frame as u32)
    };
    // The frame of which the slowest channel fills one, two … samples, until every other channel fits too.
    let frame_hz = (1..=4_u32)
        .map(|parts| slowest / f64::from(parts))
        .find(|frame_hz| rated().all(|(_, rate)| fits(rate, *frame_hz).is_some()))
        .unwrap_or(slowest);
    let (mut laid, mut left) = (Vec::new(), Vec::new());
    for (channel, rate) in rated() {
        match fits(rate, frame_hz) {
            Some(per_frame) => laid.push((channel, per_frame)),
            None => left.push(channel),
        }
    }
    Some(Layout { frame_hz, laid, left })
}

impl Part {
    /// The waveforms of this time.
    fn waves(self, bed: &BedRecording) -> Option<Record> {
        let Layout { frame_hz, laid, left } = layout(bed)?;
        let columns: Vec<(Channel, u32, Vec<u8>)> = laid
            .iter()
            .filter_map(|(channel, per_frame)| {
                let seen = bed.channels.get(channel)?;
                Some((*channel, *per_frame, self.column(seen, frame_hz * f64::from(*per_frame))))
            })
            .collect();
        let frames = columns.iter().map(|(_, per, column)| column.len().div_ceil(*per as usize)).max()?;
        if frames == 0 {
            return None;
        }
        let width: usize = laid.iter().map(|(_, per_frame)| *per_frame as usize).sum();
        let mut bytes = Vec::with_capacity(frames * width);
        let mut signals: Vec<(i64, i64)> = vec![(0, 0); columns.len()];
        for frame in 0..frames {
            for ((_, per, column), (initial, sum)) in columns.iter().zip(&mut signals) {
                for at in frame * *per as usize..(frame + 1) * *per as usize {
                    let byte = column.get(at).copied().unwrap_or(INVALID_80);
                    let value = i64::from(byte) - 128;
                    if at == 0 {
                        *initial = value;
                    }
                    *sum += value;
                    bytes.push(byte);
                }
            }
        }
        let signal =
            |((channel, per_frame, _), (initial, sum)): (&(Channel, u32, Vec<u8>), (i64, i64))| Signal {
                format: if *per_frame == 1 { "80".to_owned() } else { format!("80x{per_frame}") },
                gain: "1(-128)/NU".to_owned(),
                resolution: 8,
                initial,
                checksum: checksum(sum),
                name: channel_name(*channel).to_owned(),
            };
        let mut notes = vec![
            "codes as on the wire, gain not known; code 0 is written as 1, 0 means no sample".to_owned(),
        ];
        notes.extend(left.iter().map(|channel| format!("left out, its rate fits no frame: {channel}")));
        let signals = columns.iter().zip(signals).map(signal).collect();
        Some(Record { frame_hz, frames: frames as u64, signals, notes, bytes })
    }

    /// The samples of one channel from the start of the part on, at `rate` samples a second.
    fn column(self, seen: &ChannelRecording, rate: f64) -> Vec<u8> {
        let mut column: Vec<u8> = Vec::new();
        let own = seen.rate_hz.unwrap_or(rate);
        for stretch in &seen.stretches {
            if stretch.end(own) <= self.start || stretch.start > self.end {
                continue;
            }
            let offset = stretch.start.nanos_since(self.start) as f64 * rate / 1e9;
            let place = (offset.round().max(0.0) as usize).max(column.len());
            column.resize(place, INVALID_80);
            column.extend(stretch.samples.iter().map(|code| (*code).max(1)));
        }
        column
    }

    /// The numerics of this time.
    fn numbers(self, bed: &BedRecording) -> Option<Record> {
        let hz = bed.cycle_ns.filter(|nanos| *nanos > 0).map_or(NUMERIC_HZ, |nanos| 1e9 / nanos as f64);
        let frames = (self.end.since(self.start).as_secs_f64() * hz).floor() as usize + 1;
        let columns: Vec<(Vital, Vec<i16>)> = bed
            .numerics
            .iter()
            .map(|(vital, points)| (*vital, self.grid(points, gain(*vital), hz, frames)))
            .filter(|(_, column)| column.iter().any(|value| *value != INVALID_16))
            .collect();
        if columns.is_empty() {
            return None;
        }
        let mut bytes = Vec::with_capacity(frames * columns.len() * 2);
        for frame in 0..frames {
            for (_, column) in &columns {
                bytes.extend(column.get(frame).copied().unwrap_or(INVALID_16).to_le_bytes());
            }
        }
        let signal = |(vital, column): &(Vital, Vec<i16>)| Signal {
            format: "16".to_owned(),
            gain: format!("{}(0)/{}", gain(*vital), unit(*vital)),
            resolution: 16,
            initial: column.first().copied().unwrap_or(INVALID_16).into(),
            checksum: checksum(column.iter().map(|value| i64::from(*value)).sum()),
            name: vital_words(*vital).0.replace('₂', "2"),
        };
        let signals = columns.iter().map(signal).collect();
        Some(Record { frame_hz: hz, frames: frames as u64, signals, notes: Vec::new(), bytes })
    }

    /// The latest number at each frame, where it is valid and not too old.
    fn grid(self, points: &[NumericPoint], gain: u16, hz: f64, frames: usize) -> Vec<i16> {
        let mut next = 0;
        let mut latest: Option<NumericPoint> = None;
        let hold = (HOLD_CYCLES_MAX * 1e9 / hz) as i64;
        let value = |frame: usize| {
            let now = self.start.plus_nanos((frame as f64 * 1e9 / hz) as i64);
            while let Some(point) = points.get(next).filter(|point| point.time <= now) {
                latest = Some(*point);
                next += 1;
            }
            let fresh =
                latest.filter(|point| point.time >= self.start && now.nanos_since(point.time) <= hold);
            let shown = fresh.filter(|point| point.validity == Validity::Valid);
            shown.map_or(INVALID_16, |point| {
                let scaled = (point.value * f32::from(gain)).round();
                scaled.clamp(f32::from(i16::MIN) + 1.0, i16::MAX.into()) as i16
            })
        };
        (0..frames).map(value).collect()
    }
}

/// Units a step.
const fn gain(vital: Vital) -> u16 {
    match vital {
        Vital::Temperature1 | Vital::Temperature2 | Vital::TemperatureDifference => 100,
        Vital::St(_) => 1000,
        _ => 10,
    }
}

/// Units without blanks, as records of PhysioNet have them.
fn unit(vital: Vital) -> &'static str {
    match vital.unit() {
        // Breaths, as in MIMIC's numerics.
        "/min" if vital == Vital::RespirationRate => "pm",
        "/min" => "bpm",
        "mm[Hg]" => "mmHg",
        "Cel" => "degC",
        other => other,
    }
}

/// Sum of all samples in 16 bits.
const fn checksum(sum: i64) -> i16 {
    sum as i16
}
