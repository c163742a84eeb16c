//! Beats of the ECG against the marks of the MIT-BIH Arrhythmia Database.

use crate::matching::{Matched, Score, WINDOW_S, matched};
use crate::resample::{eight_bits, resampled};
use crate::wfdb::annotation::{self, Annotation, FLUTTER_END, FLUTTER_START};
use crate::{Fault, bytes, wfdb};
use std::path::Path;
use vitals::qrs;

/// Rate of a monitor that sends eight bits, in hertz.
pub const MONITOR_HZ: f64 = 256.0;
/// One code of such a monitor, in millivolts.
pub const MONITOR_LSB_MV: f64 = 0.02;

/// The first signal of a record with its marks.
#[derive(Clone, Debug)]
pub struct Marked {
    /// Name of the record.
    pub name: String,
    /// Samples a second.
    pub rate_hz: f64,
    /// Codes.
    pub codes: Vec<i32>,
    /// Samples of the marked beats.
    pub beats: Vec<u64>,
    /// Spans of ventricular flutter, in samples.
    pub flutter: Vec<(u64, u64)>,
    millivolts: Vec<f64>,
}

/// Every record of `corpus`.
pub fn records(corpus: &Path) -> Result<Vec<Marked>, Fault> {
    let folder = corpus.join("wfdb/mitdb");
    let entries = std::fs::read_dir(&folder).map_err(|cause| Fault::Read { path: folder.clone(), cause })?;
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "atr"));
    names.sort();
    names.iter().map(|path| read(path)).collect()
}

fn read(marks: &Path) -> Result<Marked, Fault> {
    let fault = |what: String| Fault::Content { path: marks.to_owned(), what };
    let record = wfdb::read(&marks.with_extension("hea"))?;
    let wave = record.waves.into_iter().next().ok_or_else(|| fault("no signal".into()))?;
    let annotations = annotation::parse(&bytes(marks)?).map_err(|why| fault(why.to_string()))?;
    let beats = annotations.iter().filter(|one| one.is_beat()).map(|one| one.at).collect();
    let mut last = 0;
    let codes: Vec<i32> = wave
        .codes
        .iter()
        .map(|code| {
            last = code.unwrap_or(last);
            last
        })
        .collect();
    let millivolts = codes.iter().map(|code| f64::from(code - wave.baseline) / wave.gain).collect();
    let flutter = flutter(&annotations);
    Ok(Marked { name: record.name, rate_hz: wave.rate_hz, codes, beats, flutter, millivolts })
}

fn flutter(annotations: &[Annotation]) -> Vec<(u64, u64)> {
    let mut spans = Vec::new();
    let mut start = None;
    for one in annotations {
        match (one.kind, start) {
            (FLUTTER_START, _) => start = Some(one.at),
            (FLUTTER_END, Some(from)) => {
                spans.push((from, one.at));
                start = None;
            }
            _ => {}
        }
    }
    spans
}

impl Marked {
    /// The same beats as a monitor of 256 Hz and eight bits would send them.
    pub fn as_sent(&self) -> Self {
        let millivolts = resampled(&self.millivolts, self.rate_hz, MONITOR_HZ);
        let place = |at: u64| (at as f64 * MONITOR_HZ / self.rate_hz).round() as u64;
        Self {
            name: self.name.clone(),
            rate_hz: MONITOR_HZ,
            codes: eight_bits(&millivolts, MONITOR_LSB_MV),
            beats: self.beats.iter().map(|&at| place(at)).collect(),
            flutter: self.flutter.iter().map(|&(from, to)| (place(from), place(to))).collect(),
            millivolts,
        }
    }

    /// Hours of signal.
    pub fn hours(&self) -> f64 {
        self.codes.len() as f64 / self.rate_hz / 3_600.0
    }

    /// Matches found beats with the marks.
    pub fn matched(&self, found: &[u64]) -> Matched {
        let outside = |at: &u64| !self.flutter.iter().any(|&(from, to)| (from..=to).contains(at));
        let marked: Vec<u64> = self.beats.iter().copied().filter(outside).collect();
        let found: Vec<u64> = found.iter().copied().filter(outside).collect();
        matched(&marked, &found, (WINDOW_S * self.rate_hz) as u64)
    }
}

/// Which of our two detectors.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Which {
    /// The one whose beats are used.
    Primary,
    /// The one that the first is compared with.
    Second,
}

/// What a detector found, and how late it said so.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Samples of the beats.
    pub beats: Vec<u64>,
    /// Longest time from a beat to its report, in samples.
    pub delay_most: u64,
    /// CPU time, in seconds.
    pub cpu_s: f64,
}

/// Runs a detector of ours over `codes`.
pub fn run(which: Which, codes: &[i32], rate_hz: f64) -> Found {
    let started = crate::cpu_seconds();
    let mut found = Found::default();
    let (mut primary, mut second) = (qrs::Detector::new(rate_hz), qrs::slope::Detector::new(rate_hz));
    for (now, &code) in (0_u64..).zip(codes) {
        let beat = match which {
            Which::Primary => primary.push(code),
            Which::Second => second.push(code),
        };
        if let Some(beat) = beat {
            found.beats.push(beat.at);
            found.delay_most = found.delay_most.max(now.saturating_sub(beat.at));
        }
    }
    found.cpu_s = crate::cpu_seconds() - started;
    found
}

/// Score of `found` on `record`.
pub fn score(record: &Marked, found: &[u64]) -> Score {
    Score::of(&record.matched(found), record.rate_hz)
}
