//! A second beat detector, of another kind, for the signal quality index: the energy of the slope.
//!
//! The squared slope summed over 128 ms passes a threshold that falls after every beat; passing it is the beat, at once.
//! No candidates, no comparison with what follows, no curvature, no medians, no intervals: it errs elsewhere than
//! [`super::Detector`], so where both find the same beats the signal is good. Alone it takes tall P waves and
//! electrode motion for beats.
//!
//! # Source
//! After the length transform with eye-closing of Zong, Moody, Jiang 2003 (CinC 30:737) and the falling threshold of
//! Christov 2004 (doi 10.1186/1475-925X-3-28), both much reduced.

use super::{Beat, GRID_HZ};
use crate::adaptive::mean_step;
use crate::grid::Grid;
use crate::ring::{MovingSum, Ring};

/// Average before the length is taken: 16 ms.
const SMOOTH_SAMPLES: usize = 4;
/// Distance of the slope: 12 ms.
const SLOPE_SAMPLES: u64 = 3;
/// Steepest slope that is squared, in units of the grid, so that no sum overflows; 20-bit converters stay below.
const SLOPE_MAX: i64 = 1 << 28;
/// Span of the energy: 128 ms, a wide QRS complex.
const ENERGY_SAMPLES: u64 = 32;
/// The greatest energy is looked for so long after the threshold is passed: 128 ms.
const RISE_SAMPLES: u64 = 32;
/// Threshold when the eye opens, in percent of the usual greatest energy: a T wave is below.
const OPENING_SHARE: i64 = 60;
/// Threshold once it has fallen, in percent: four tenths of the usual slope.
const OPEN_SHARE: i64 = 16;
/// The threshold falls for so long: 360 ms.
const FALL_SAMPLES: u64 = 90;
/// No second beat for so long: 250 ms.
const CLOSED_SAMPLES: u64 = 62;
/// Without a beat for so long the threshold falls: 2.5 s.
const SILENCE_SAMPLES: u64 = 625;
/// The first energies set the threshold only: 1 s.
const LEARNING_SAMPLES: u64 = 250;
/// From the R peak to the report: 0.4 s.
const REPORT_SAMPLES_MAX: u64 = 98;

/// Finds beats by the energy of the ECG's slope.
#[derive(Clone, Debug)]
pub struct Detector {
    grid: Grid,
    /// Input samples before the last reset.
    base: u64,
    pushed: u64,
    slope: Slope,
}

impl Detector {
    /// For an ECG of `rate_hz` samples a second, any gain and offset.
    pub fn new(rate_hz: f64) -> Self {
        Self { grid: Grid::new(rate_hz, GRID_HZ), base: 0, pushed: 0, slope: Slope::new() }
    }

    /// Takes the next sample; a beat is told at most 0.4 s after its R peak. The first second is learned from.
    pub fn push(&mut self, sample: i32) -> Option<Beat> {
        self.grid.push(sample);
        self.pushed += 1;
        let mut found = None;
        while let Some(value) = self.grid.next() {
            if let Some(place) = self.slope.push(value) {
                found = Some(Beat { at: self.base + self.grid.input_place(place) });
            }
        }
        found
    }

    /// Forgets the signal, for a gap. Positions count on.
    pub fn reset(&mut self) {
        self.base = self.pushed;
        self.grid.clear();
        self.slope.clear();
    }
}

/// The energy of the slope and its threshold.
#[derive(Clone, Debug)]
struct Slope {
    smooth: MovingSum,
    wave: Ring,
    energy: MovingSum,
    /// Usual greatest energy of a beat.
    strength: i64,
    /// Usual energy between beats.
    floor: i64,
    /// Place where the threshold was passed, and the greatest energy since.
    rising: Option<(u64, i64)>,
    closed_until: u64,
    last_beat: u64,
}

impl Slope {
    fn new() -> Self {
        Self {
            smooth: MovingSum::new(SMOOTH_SAMPLES),
            wave: Ring::new(256),
            energy: MovingSum::new(ENERGY_SAMPLES as usize),
            strength: 0,
            floor: 0,
            rising: None,
            closed_until: 0,
            last_beat: 0,
        }
    }

    fn clear(&mut self) {
        self.wave.clear();
        self.rising = None;
        (self.strength, self.floor) = (0, 0);
        (self.closed_until, self.last_beat) = (0, 0);
    }

    /// Takes the next value of the grid and tells the place of a beat.
    fn push(&mut self, value: i64) -> Option<u64> {
        let now = self.wave.pushed();
        if now == 0 {
            self.smooth.fill(value);
            self.energy.fill(0);
        }
        let smooth = self.smooth.push(value);
        self.wave.push(smooth);
        let slope = (smooth - self.wave.at(now.saturating_sub(SLOPE_SAMPLES))).clamp(-SLOPE_MAX, SLOPE_MAX);
        let energy = self.energy.push(slope * slope);
        self.floor += mean_step::<250>(energy.min(2 * self.floor + 1) - self.floor, now);
        if now < LEARNING_SAMPLES {
            self.strength = self.strength.max(energy);
            return None;
        }
        if now > self.last_beat + SILENCE_SAMPLES {
            self.strength -= self.strength / 128;
        }
        if let Some((since, greatest)) = self.rising {
            self.rising = Some((since, greatest.max(energy)));
            if now < since + RISE_SAMPLES {
                return None;
            }
            self.rising = None;
            self.closed_until = since + CLOSED_SAMPLES;
            self.strength += (greatest.max(energy).min(3 * self.strength) - self.strength) / 8;
            self.last_beat = now;
            return Some(self.peak(since, now));
        }
        let open = now.saturating_sub(self.closed_until).min(FALL_SAMPLES) as i64;
        let share = OPENING_SHARE - (OPENING_SHARE - OPEN_SHARE) * open / FALL_SAMPLES as i64;
        let threshold = self.floor + (self.strength - self.floor) / 100 * share;
        if now >= self.closed_until && energy > threshold {
            self.rising = Some((now, energy));
        }
        None
    }

    /// Place of the sharpest turn of the wave from the energy's span before `since` on, seen at `now`.
    fn peak(&self, since: u64, now: u64) -> u64 {
        let (mut sharpest, mut place) = (0, since);
        let first = since.saturating_sub(ENERGY_SAMPLES).max(now.saturating_sub(REPORT_SAMPLES_MAX));
        for at in first..=now.saturating_sub(8) {
            let ends = self.wave.at(at.saturating_sub(8)) + self.wave.at(at + 8);
            let turn = (2 * self.wave.at(at) - ends).abs();
            if turn > sharpest {
                (sharpest, place) = (turn, at.saturating_sub(SMOOTH_SAMPLES as u64 / 2));
            }
        }
        place
    }
}
