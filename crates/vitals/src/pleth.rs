//! Pulses of the pleth: the systolic peak of every pulse.
//!
//! 1. The signal is put on a grid of 50 Hz and smoothed over 60 ms.
//! 2. Its rises summed over 140 ms are long where the upstroke of a pulse is; the dicrotic wave rises less and later.
//! 3. A sum that is the largest within 200 ms on both sides is a candidate and waits 300 ms.
//! 4. It is a pulse if it lies far enough between the median rise of the last eight pulses and the mean of the rejected
//!    ones; how far depends on the time since the last pulse in usual intervals, as for the ECG.
//! 5. The peak is the highest place of the wave around the upstroke's end, the foot the lowest one before it.
//!
//! # Source
//! Own design after the slope sum function of Zong et al. 2003 (CinC 30:259), which Charlton 2022
//! (doi 10.1088/1361-6579/ac826d, there `qppg`) found among the best of 15 detectors.

use crate::adaptive::{Remembered, between, mean_step};
use crate::grid::{FRACTION_BITS, Grid};
use crate::ring::{MovingSum, Ring};

/// One pulse.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pulse {
    /// Sample of the systolic peak, counted from 0 since construction.
    pub at: u64,
    /// Sample of the foot before it.
    pub foot: u64,
    /// Height of the peak above the foot, in codes of the samples.
    pub amplitude: u32,
}

/// Rate of the grid that the detector works on, in hertz.
const GRID_HZ: f64 = 50.0;
/// Average against noise: 60 ms.
const SMOOTH_SAMPLES: usize = 3;
/// A sum is a candidate if it is the largest within so many samples on both sides: 200 ms.
const PEAK_SAMPLES: u64 = 10;
/// A candidate waits so long: 300 ms.
const WAIT_SAMPLES: u64 = 15;
/// Shortest distance of two pulses: 240 ms, 250 a minute.
const REFRACTORY_SAMPLES: u64 = 12;
/// Without a pulse for so long the strength of pulses is doubted: 2 s.
const SILENCE_SAMPLES: u64 = 100;
/// Usual interval before three are known: 0.8 s.
const INTERVAL_START: i64 = 40;
/// Bounds of the usual interval: 0.3 to 1.5 s.
const INTERVAL_BOUNDS: (i64, i64) = (15, 75);
/// The peak is looked for from here before the upstroke's end to here after it: 100 and 240 ms.
const SEARCH_SAMPLES: (u64, u64) = (5, 12);
/// The foot is at most so far before the peak: 400 ms.
const FOOT_SAMPLES: u64 = 20;
/// The same from two and a half intervals on.
const LATE_SHARE: i64 = 10;
/// Least share of the largest rise in the 300 ms after a candidate, in percent: what precedes the upstroke has less.
const SUCCESSOR_SHARE: i64 = 50;
/// Least multiple of the mean rise for the first pulse of all, in percent.
const FIRST_SHARE: i64 = 200;

/// What was chosen by measuring, with the values that are used as default; shares are in percent.
///
/// Public so that `evaluate` can choose it on some subjects and measure on others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tuning {
    /// Rises are summed over so many samples of 20 ms: the upstroke of a pulse.
    pub rise_samples: u64,
    /// Share of the noise that the threshold starts from.
    pub noise_share: i64,
    /// Threshold between noise and strength up to half of the usual interval, where the dicrotic wave is.
    pub early_share: i64,
    /// The same at nine tenths of the usual interval, where the next pulse is due.
    pub due_share: i64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { rise_samples: 7, noise_share: 50, early_share: 30, due_share: 15 }
    }
}

/// Finds the pulses of a pleth.
#[derive(Clone, Debug)]
pub struct Detector {
    tuning: Tuning,
    grid: Grid,
    /// Input samples before the last reset.
    base: u64,
    pushed: u64,
    smooth: MovingSum,
    wave: Ring,
    rise: MovingSum,
    rises: Ring,
    mean: i64,
    /// The candidate that waits; the next one is too far away to be found before this one is judged.
    waiting: Option<u64>,
    heights: Remembered,
    intervals: Remembered,
    noise: i64,
    last: Option<u64>,
}

impl Detector {
    /// For a pleth of `rate_hz` samples a second, any gain and offset.
    pub fn new(rate_hz: f64) -> Self {
        Self::with_tuning(rate_hz, Tuning::default())
    }

    /// The same with other choices.
    pub fn with_tuning(rate_hz: f64, tuning: Tuning) -> Self {
        Self {
            tuning,
            grid: Grid::new(rate_hz, GRID_HZ),
            base: 0,
            pushed: 0,
            smooth: MovingSum::new(SMOOTH_SAMPLES),
            wave: Ring::new(64),
            rise: MovingSum::new(tuning.rise_samples as usize),
            rises: Ring::new(64),
            mean: 0,
            waiting: None,
            heights: Remembered::default(),
            intervals: Remembered::default(),
            noise: 0,
            last: None,
        }
    }

    /// Takes the next sample; a pulse is told at most 0.7 s after its peak.
    pub fn push(&mut self, sample: i32) -> Option<Pulse> {
        self.grid.push(sample);
        self.pushed += 1;
        let mut found = None;
        while let Some(value) = self.grid.next() {
            if let Some((at, height, successor)) = self.candidate(value)
                && self.is_pulse(at, height, successor)
            {
                found = Some(self.pulse(at));
            }
        }
        found
    }

    /// Forgets the signal, for a gap. Positions count on.
    pub fn reset(&mut self) {
        self.base = self.pushed;
        self.grid.clear();
        self.wave.clear();
        self.rises.clear();
        self.waiting = None;
        (self.heights, self.intervals) = (Remembered::default(), Remembered::default());
        (self.mean, self.noise, self.last) = (0, 0, None);
    }

    /// Takes the next value of the grid; tells the candidate that has waited, its rise and the largest one after it.
    fn candidate(&mut self, value: i64) -> Option<(u64, i64, i64)> {
        let now = self.wave.pushed();
        if now == 0 {
            self.smooth.fill(value);
            self.rise.fill(0);
        }
        let smooth = self.smooth.push(value);
        let before = if now == 0 { smooth } else { self.wave.back(0) };
        self.wave.push(smooth);
        let rise = self.rise.push((smooth - before).max(0));
        self.rises.push(rise);
        self.mean += mean_step::<100>(rise - self.mean, now);
        if self.waiting.is_none() {
            self.waiting = now.checked_sub(PEAK_SAMPLES).filter(|&at| self.is_peak(at));
        }
        let at = self.waiting.filter(|at| now >= at + WAIT_SAMPLES)?;
        self.waiting = None;
        let successor = (at + 1..=now).map(|later| self.rises.at(later)).max().unwrap_or(0);
        Some((at, self.rises.at(at), successor))
    }

    fn is_peak(&self, at: u64) -> bool {
        let height = self.rises.at(at);
        // Of equal sums the first is the peak.
        height > 0
            && (at + 1..=at + PEAK_SAMPLES).all(|later| self.rises.at(later) <= height)
            && (at.saturating_sub(PEAK_SAMPLES)..at).all(|earlier| self.rises.at(earlier) < height)
    }

    fn is_pulse(&mut self, at: u64, height: i64, successor: i64) -> bool {
        let since = self.last.map_or(u64::MAX, |last| at.saturating_sub(last));
        if since < REFRACTORY_SAMPLES {
            return false;
        }
        let strength = self.heights.median();
        let followed = height * 100 < successor * SUCCESSOR_SHARE;
        let least =
            if self.last.is_some() { self.threshold(strength, since) } else { self.mean * FIRST_SHARE / 100 };
        if height > least && !followed {
            self.heights.push(height);
            if since < SILENCE_SAMPLES {
                self.intervals.push(since as i64);
            }
            self.last = Some(at);
            return true;
        }
        self.noise += (height.min(strength) - self.noise) / 4;
        if since > SILENCE_SAMPLES {
            self.heights.fade();
        }
        false
    }

    /// Least rise of a pulse `since` samples after the last one.
    fn threshold(&self, strength: i64, since: u64) -> i64 {
        let tuning = &self.tuning;
        let usual = if self.intervals.held() < 3 { INTERVAL_START } else { self.intervals.median() };
        let usual = usual.clamp(INTERVAL_BOUNDS.0, INTERVAL_BOUNDS.1);
        // Time since the last pulse in percent of the usual interval.
        let passed = since.min(1 << 20) as i64 * 100 / usual;
        let share = if passed < 90 {
            between(passed, (50, tuning.early_share), (90, tuning.due_share))
        } else {
            between(passed, (90, tuning.due_share), (250, LATE_SHARE))
        };
        (self.noise * tuning.noise_share + (strength - self.noise) * share) / 100
    }

    /// The pulse whose upstroke's sum of rises peaks at `at`.
    fn pulse(&self, at: u64) -> Pulse {
        let end = at.saturating_sub(2);
        let mut peak = end;
        for place in end.saturating_sub(SEARCH_SAMPLES.0)..=end + SEARCH_SAMPLES.1 {
            if self.wave.at(place) > self.wave.at(peak) {
                peak = place;
            }
        }
        let mut foot = peak;
        for place in peak.saturating_sub(FOOT_SAMPLES)..peak {
            if self.wave.at(place) < self.wave.at(foot) {
                foot = place;
            }
        }
        let height = (self.wave.at(peak) - self.wave.at(foot)) / SMOOTH_SAMPLES as i64;
        // The average runs one sample behind.
        let place = |place: u64| self.base + self.grid.input_place(place.saturating_sub(1));
        Pulse {
            at: place(peak),
            foot: place(foot),
            amplitude: u32::try_from(height >> FRACTION_BITS).unwrap_or(u32::MAX),
        }
    }
}
