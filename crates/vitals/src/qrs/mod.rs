//! Beats of the ECG: the R peak of every QRS complex, told at most 0.4 s after it.
//!
//! 1. The signal is put on a grid of 250 Hz, so that one set of lengths fits every monitor.
//! 2. Moving averages over 20 and 16 ms have their zeros at 50 and 62.5 Hz: hum goes, the QRS stays.
//! 3. Slope (a difference over [`Tuning::slope_samples`]) and curvature (the slope's difference over
//!    [`Tuning::bend_samples`]) are the two matched filters of a QRS complex: the first sees wide ventricular beats too,
//!    the second hardly sees P waves, T waves and the baseline. Their absolute values, mixed and averaged over 100 ms, are
//!    the energy.
//! 4. A peak of the energy within 160 ms on both sides is a candidate. It waits 252 ms, so that what follows is known:
//!    a P wave is followed by something larger, a QRS complex is not.
//! 5. The threshold lies between the median energy of the last eight beats and the mean energy of the rejected peaks. How
//!    far up depends on the time since the last beat in usual intervals: high where a T wave is due, low where a beat
//!    is overdue. A search back over a whole missed interval, as in the published detectors, would tell the beat too
//!    late to be streamed; the falling threshold does its work.
//! 6. The R peak is the place of the greatest curvature around the energy's centre.
//!
//! # Source
//! Own design. Slope energy and thresholds between signal and noise: Pan and Tompkins 1985,
//! doi 10.1109/TBME.1985.325532; medians, peak against its predecessor: Hamilton 2002, CinC 29:101; matched filter of
//! trapezoids: the manual page gqrs(1) of WFDB.

pub mod slope;

use crate::adaptive::{Remembered, between, mean_step};
use crate::grid::Grid;
use crate::ring::{MovingSum, Ring};

/// One beat.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Beat {
    /// Sample of the R peak, counted from 0 since construction.
    pub at: u64,
}

/// Rate of the grid that the detectors work on, in hertz.
const GRID_HZ: f64 = 250.0;
/// Averages against hum: 20 ms and 16 ms.
const HUM_SAMPLES: [usize; 2] = [5, 4];
/// Length of the energy's average: 100 ms, a normal QRS complex.
const ENERGY_SAMPLES: u64 = 25;
/// A peak of the energy is the largest within so many samples on both sides: 160 ms.
const PEAK_SAMPLES: u64 = 40;
/// A candidate waits so long after its peak of energy: 252 ms.
const WAIT_SAMPLES: u64 = 63;
/// Shortest distance of two beats: 200 ms, 300 beats a minute.
const REFRACTORY_SAMPLES: u64 = 50;
/// A T wave may follow its beat until then: 360 ms (Pan and Tompkins).
const T_WAVE_SAMPLES: u64 = 90;
/// Without a beat for so long the strength of beats is doubted: 2 s.
const SILENCE_SAMPLES: u64 = 500;
/// Delay of the smoothed signal: half of both averages against hum.
const SMOOTH_DELAY: u64 = 4;
/// Half distance of the curvature that finds the R peak: 32 ms.
const PEAK_BEND_SAMPLES: u64 = 8;
/// The R peak is looked for from here before the energy's centre to here after it: 48 and 72 ms.
const SEARCH_SAMPLES: (u64, u64) = (12, 18);
/// Usual interval before three are known: 0.8 s.
const INTERVAL_START: u64 = 200;
/// Bounds of the usual interval: 0.3 to 1.5 s.
const INTERVAL_BOUNDS: (u64, u64) = (75, 375);

// From the R peak to the report: the search, the delays of the filters, half of the energy's average and the waiting
// stay within 0.4 s, one sample of the slowest monitor (125 Hz, two of the grid) left over.
const _: () = assert!(WAIT_SAMPLES + ENERGY_SAMPLES / 2 + 8 + SEARCH_SAMPLES.0 + 2 <= 100);

/// What could be chosen otherwise, with the values that are used as default.
///
/// Public so that `evaluate` can choose it on some subjects and measure on others. Shares are in percent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tuning {
    /// Samples of the slope: half a period of the QRS complex's middle frequency.
    pub slope_samples: u64,
    /// Samples of the curvature.
    pub bend_samples: u64,
    /// Share of the curvature in the energy; the rest is slope.
    pub bend_share: i64,
    /// Share of the noise that the threshold starts from.
    pub noise_share: i64,
    /// Threshold between noise and strength up to half of the usual interval, where T waves are.
    pub early_share: i64,
    /// The same at nine tenths of the usual interval, where the next beat is due.
    pub due_share: i64,
    /// The same from two and a half intervals on.
    pub late_share: i64,
    /// Least share of the largest energy in the 252 ms after a candidate: a P wave has less.
    pub successor_share: i64,
    /// Least share of the beat before, for a candidate within 360 ms: a T wave has less.
    pub t_wave_share: i64,
    /// Least multiple of the mean energy for the first beat of all.
    pub first_share: i64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            slope_samples: 8,
            bend_samples: 5,
            bend_share: 80,
            noise_share: 70,
            early_share: 45,
            due_share: 25,
            late_share: 12,
            successor_share: 85,
            t_wave_share: 50,
            first_share: 300,
        }
    }
}

/// Finds the beats of an ECG.
#[derive(Clone, Debug)]
pub struct Detector {
    grid: Grid,
    /// Input samples before the last reset.
    base: u64,
    pushed: u64,
    front: Front,
    judge: Judge,
}

impl Detector {
    /// For an ECG of `rate_hz` samples a second, any gain and offset.
    pub fn new(rate_hz: f64) -> Self {
        Self::with_tuning(rate_hz, Tuning::default())
    }

    /// The same with other choices.
    pub fn with_tuning(rate_hz: f64, tuning: Tuning) -> Self {
        Self {
            grid: Grid::new(rate_hz, GRID_HZ),
            base: 0,
            pushed: 0,
            front: Front::new(tuning),
            judge: Judge::new(tuning),
        }
    }

    /// Takes the next sample; a beat is told at most 0.4 s after its R peak.
    pub fn push(&mut self, sample: i32) -> Option<Beat> {
        self.grid.push(sample);
        self.pushed += 1;
        let mut found = None;
        while let Some(value) = self.grid.next() {
            let Some(candidate) = self.front.push(value) else { continue };
            if self.judge.is_beat(candidate) {
                let place = self.front.r_peak(candidate.at);
                found = Some(Beat { at: self.base + self.grid.input_place(place) });
            }
        }
        found
    }

    /// Forgets the signal, for a gap: nothing is compared over it. Positions count on.
    pub fn reset(&mut self) {
        self.base = self.pushed;
        self.grid.clear();
        self.front.clear();
        self.judge.clear();
    }
}

/// A peak of the energy with what is known 252 ms later.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    /// Its place on the grid.
    at: u64,
    height: i64,
    /// Largest energy after it.
    successor: i64,
    /// Mean energy up to now.
    mean: i64,
}

/// The filters.
#[derive(Clone, Debug)]
struct Front {
    tuning: Tuning,
    hum: [MovingSum; 2],
    smooth: Ring,
    slope: Ring,
    energy: MovingSum,
    envelope: Ring,
    mean: i64,
    /// The peak that waits; the next one is too far away to be found before this one is judged.
    waiting: Option<u64>,
}

impl Front {
    fn new(tuning: Tuning) -> Self {
        Self {
            tuning,
            hum: HUM_SAMPLES.map(MovingSum::new),
            smooth: Ring::new(256),
            slope: Ring::new(tuning.bend_samples as usize + 1),
            energy: MovingSum::new(ENERGY_SAMPLES as usize),
            envelope: Ring::new(2 * PEAK_SAMPLES as usize + WAIT_SAMPLES as usize),
            mean: 0,
            waiting: None,
        }
    }

    fn clear(&mut self) {
        self.smooth.clear();
        self.slope.clear();
        self.envelope.clear();
        self.mean = 0;
        self.waiting = None;
    }

    /// Takes the next value of the grid and tells the candidate that has waited long enough.
    fn push(&mut self, value: i64) -> Option<Candidate> {
        let now = self.smooth.pushed();
        let [first, second] = &mut self.hum;
        if now == 0 {
            first.fill(value);
            second.fill(first.push(value));
            self.energy.fill(0);
        }
        let smooth = second.push(first.push(value));
        let back = now.saturating_sub(self.tuning.slope_samples);
        self.smooth.push(smooth);
        let slope = smooth - self.smooth.at(back);
        self.slope.push(slope);
        let bend = slope - self.slope.at(now.saturating_sub(self.tuning.bend_samples));
        let share = self.tuning.bend_share;
        let energy = self.energy.push((slope.abs() * (100 - share) + bend.abs() * share) / 100);
        self.envelope.push(energy);
        self.mean += mean_step::<256>(energy - self.mean, now);
        if self.waiting.is_none() {
            self.waiting = now.checked_sub(PEAK_SAMPLES).filter(|&at| self.is_peak(at));
        }
        let at = self.waiting.filter(|at| now >= at + WAIT_SAMPLES)?;
        self.waiting = None;
        let successor = (at + 1..=now).map(|later| self.envelope.at(later)).max().unwrap_or(0);
        Some(Candidate { at, height: self.envelope.at(at), successor, mean: self.mean })
    }

    fn is_peak(&self, at: u64) -> bool {
        let height = self.envelope.at(at);
        // Of equal heights the first is the peak.
        height > 0
            && (at + 1..=at + PEAK_SAMPLES).all(|later| self.envelope.at(later) <= height)
            && (at.saturating_sub(PEAK_SAMPLES)..at).all(|earlier| self.envelope.at(earlier) < height)
    }

    /// Place of the R peak whose energy peaks at `at`.
    fn r_peak(&self, at: u64) -> u64 {
        let filters = (self.tuning.slope_samples + self.tuning.bend_samples) / 2 + SMOOTH_DELAY;
        let center = at.saturating_sub(ENERGY_SAMPLES / 2 + filters);
        let (before, after) = SEARCH_SAMPLES;
        let (mut greatest, mut place) = (0, center);
        for here in center.saturating_sub(before)..=center + after {
            let smooth = |at: u64| self.smooth.at(at);
            let delayed = here + SMOOTH_DELAY;
            let ends =
                smooth(delayed.saturating_sub(PEAK_BEND_SAMPLES)) + smooth(delayed + PEAK_BEND_SAMPLES);
            let bend = (2 * smooth(delayed) - ends).abs();
            if bend > greatest {
                (greatest, place) = (bend, here);
            }
        }
        place
    }
}

/// The adaptive decision.
#[derive(Clone, Debug)]
struct Judge {
    tuning: Tuning,
    heights: Remembered,
    intervals: Remembered,
    noise: i64,
    /// Place and height of the last beat.
    last: Option<(u64, i64)>,
}

impl Judge {
    fn new(tuning: Tuning) -> Self {
        Self {
            tuning,
            heights: Remembered::default(),
            intervals: Remembered::default(),
            noise: 0,
            last: None,
        }
    }

    fn clear(&mut self) {
        *self = Self::new(self.tuning);
    }

    fn is_beat(&mut self, candidate: Candidate) -> bool {
        let Candidate { at, height, successor, mean } = candidate;
        let since = self.last.map_or(u64::MAX, |(last, _)| at.saturating_sub(last));
        if since < REFRACTORY_SAMPLES {
            return false;
        }
        let strength = self.heights.median();
        let followed = height * 100 < successor * self.tuning.successor_share;
        let accepted = match self.last {
            None => height * 100 >= mean * self.tuning.first_share && !followed,
            Some((_, before)) => {
                let t_wave = since < T_WAVE_SAMPLES && height * 100 < before * self.tuning.t_wave_share;
                height > self.threshold(strength, since) && !followed && !t_wave
            }
        };
        if accepted {
            self.heights.push(height);
            if since < SILENCE_SAMPLES {
                self.intervals.push(since as i64);
            }
            self.last = Some((at, height));
        } else {
            self.noise += (height.min(strength) - self.noise) / 4;
            if since > SILENCE_SAMPLES {
                self.heights.fade();
            }
        }
        accepted
    }

    /// Least height of a beat `since` samples after the last one.
    fn threshold(&self, strength: i64, since: u64) -> i64 {
        let tuning = &self.tuning;
        let usual = if self.intervals.held() < 3 { INTERVAL_START } else { self.intervals.median() as u64 };
        let usual = usual.clamp(INTERVAL_BOUNDS.0, INTERVAL_BOUNDS.1);
        // Time since the last beat in percent of the usual interval.
        let passed = (since.min(1 << 20) * 100 / usual) as i64;
        let share = if passed < 90 {
            between(passed, (50, tuning.early_share), (90, tuning.due_share))
        } else {
            between(passed, (90, tuning.due_share), (250, tuning.late_share))
        };
        (self.noise * tuning.noise_share + (strength - self.noise) * share) / 100
    }
}
