//! Pulses of the pleth against the beats of the ECG, on BIDMC.
//!
//! The reference is the ECG's beats in the windows of 10 seconds in which two detectors agree completely, moved by the
//! record's usual pulse arrival time; the window is 150 ms (Charlton 2022, doi 10.1088/1361-6579/ac826d).

use crate::bidmc::{RATE_HZ, Recording};
use crate::ecg::{Which, run};
use crate::matching::{Matched, Score, WINDOW_S, matched};

/// Length of a window of the reference, in samples.
const WINDOW: u64 = 10 * RATE_HZ as u64;
/// Longest pulse arrival time that is tried, in samples: a second.
const LAG_MAX: u64 = RATE_HZ as u64;

/// Beats of the ECG that pulses are matched with.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Samples of all beats.
    beats: Vec<u64>,
    /// Whether both detectors agree in each window.
    agreed: Vec<bool>,
}

impl Reference {
    /// From the lead of `recording` on which our two detectors agree for the longest time.
    pub fn of(recording: &Recording) -> Self {
        let references = recording.ecg.iter().map(|lead| Self::of_lead(lead));
        let empty = Self { beats: Vec::new(), agreed: Vec::new() };
        references.fold(empty, |best, lead| if lead.hours() > best.hours() { lead } else { best })
    }

    fn of_lead(lead: &[f64]) -> Self {
        let codes = ten_bits(lead);
        let beats = run(Which::Primary, &codes, RATE_HZ).beats;
        let others = run(Which::Second, &codes, RATE_HZ).beats;
        let windows = codes.len() as u64 / WINDOW;
        let both = matched(&beats, &others, (WINDOW_S * RATE_HZ) as u64);
        let clean = |window: u64| {
            let inside = |at: &u64| at / WINDOW == window;
            beats.iter().any(inside) && !both.missed.iter().chain(&both.invented).any(inside)
        };
        Self { agreed: (0..windows).map(clean).collect(), beats }
    }

    /// Hours in which the detectors agree.
    pub fn hours(&self) -> f64 {
        self.agreed.iter().filter(|&&agreed| agreed).count() as f64 * 10.0 / 3_600.0
    }

    /// Score of `pulses`, moved by the lag that pairs the most of them, and of those lags the one that fits best.
    pub fn score(&self, pulses: &[u64]) -> Score {
        let lags = (0..=LAG_MAX).step_by(5).map(|lag| self.matched(pulses, lag));
        let nearness = |matched: &Matched| {
            let apart: u64 = matched.pairs.iter().map(|(beat, pulse)| beat.abs_diff(*pulse)).sum();
            (matched.pairs.len(), std::cmp::Reverse(apart))
        };
        let best = lags.max_by_key(nearness);
        Score::of(&best.unwrap_or_default(), RATE_HZ)
    }

    /// Pulses moved by `lag` against the beats of the windows that count.
    fn matched(&self, pulses: &[u64], lag: u64) -> Matched {
        let moved: Vec<u64> = pulses.iter().filter_map(|pulse| pulse.checked_sub(lag)).collect();
        let counts = |at: &u64| self.agreed.get((at / WINDOW) as usize).copied().unwrap_or(false);
        let mut all = matched(&self.beats, &moved, (WINDOW_S * RATE_HZ) as u64);
        all.pairs.retain(|(beat, _)| counts(beat));
        all.missed.retain(counts);
        all.invented.retain(counts);
        all
    }
}

/// A wave in parts of the converter's range as codes of ten bits.
pub fn ten_bits(wave: &[f64]) -> Vec<i32> {
    wave.iter().map(|part| (part * 1_023.0).round() as i32).collect()
}

/// A wave in parts of the converter's range as codes of eight bits.
pub fn eight_bits(wave: &[f64]) -> Vec<i32> {
    wave.iter().map(|part| (part * 255.0).round() as i32).collect()
}

/// Pulses that our detector finds, and the CPU time it took.
pub fn run_pulses(codes: &[i32]) -> (Vec<u64>, f64) {
    let started = crate::cpu_seconds();
    let mut detector = vitals::pleth::Detector::new(RATE_HZ);
    let found = codes.iter().filter_map(|&code| detector.push(code)).map(|pulse| pulse.at).collect();
    (found, crate::cpu_seconds() - started)
}
