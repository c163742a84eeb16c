//! Breaths of the impedance wave, and their rate.

use crate::grid::Grid;
use crate::ring::{MovingSum, Ring};
use crate::usable_rate_hz;

/// One breath.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Breath {
    /// Sample of the end of inspiration, counted from 0 since construction.
    pub at: u64,
}

const GRID_HZ: f64 = 10.0;
/// Breaths held for a rate: a minute at 120 a minute. Older ones are dropped.
const BREATHS_MAX: usize = 128;

/// Finds the breaths of an impedance wave.
#[derive(Clone, Debug)]
pub struct Detector {
    grid: Grid,
    base: u64,
    pushed: u64,
    smooth: MovingSum,
    wave: Ring,
}

impl Detector {
    /// For an impedance wave of `rate_hz` samples a second, any gain and offset.
    pub fn new(rate_hz: f64) -> Self {
        Self { grid: Grid::new(rate_hz, GRID_HZ), base: 0, pushed: 0, smooth: MovingSum::new(5), wave: Ring::new(256) }
    }

    /// Takes the next sample; a breath is told when the wave has clearly turned.
    pub fn push(&mut self, sample: i32) -> Option<Breath> {
        self.grid.push(sample);
        self.pushed += 1;
        let mut found = None;
        while let Some(value) = self.grid.next() {
            let smooth = self.smooth.push(value);
            self.wave.push(smooth);
            let Some(center) = self.wave.pushed().checked_sub(11) else { continue };
            let height = self.wave.at(center);
            let around = (0..21).map(|back| self.wave.back(back));
            if around.clone().max() == Some(height) && around.min() < Some(height) {
                found = Some(Breath { at: self.base + self.grid.input_place(center.saturating_sub(2)) });
            }
        }
        found
    }

    /// Forgets the signal, for a gap. Positions count on.
    pub fn reset(&mut self) {
        self.base = self.pushed;
        self.grid.clear();
        self.wave.clear();
    }
}

/// Respiration rate over a window: intervals over the time they take.
#[derive(Clone, Debug)]
pub struct Rate {
    rate_hz: f64,
    window: u64,
    breaths: [u64; BREATHS_MAX],
    held: usize,
}

impl Rate {
    /// For breaths counted in samples of `rate_hz`, over the last `window_s` seconds.
    pub fn new(rate_hz: f64, window_s: u32) -> Self {
        let rate_hz = usable_rate_hz(rate_hz);
        Self { rate_hz, window: (f64::from(window_s) * rate_hz) as u64, breaths: [0; BREATHS_MAX], held: 0 }
    }

    /// Takes a breath. One that is not later than the one before is ignored.
    pub fn breath(&mut self, at: u64) {
        if self.held > 0 && self.breaths.first().is_some_and(|&last| at <= last) {
            return;
        }
        self.breaths.rotate_right(1);
        if let Some(newest) = self.breaths.first_mut() {
            *newest = at;
        }
        self.held = (self.held + 1).min(BREATHS_MAX);
    }

    /// Breaths per minute as of sample `now`; `None` with fewer than two breaths in the window.
    pub fn per_minute(&self, now: u64) -> Option<f64> {
        let since = now.saturating_sub(self.window);
        let held = self.breaths.get(..self.held)?;
        let mut within = held.iter().filter(|at| (since..=now).contains(*at));
        let newest = within.next()?;
        let (mut oldest, mut intervals) = (newest, 0_u32);
        for breath in within {
            oldest = breath;
            intervals += 1;
        }
        (intervals > 0).then(|| 60.0 * self.rate_hz * f64::from(intervals) / (newest - oldest) as f64)
    }

    /// Forgets the breaths, for a gap.
    pub fn reset(&mut self) {
        self.held = 0;
    }
}
