//! Pulses of the pleth: the systolic peak of every pulse.

use crate::grid::Grid;
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

const GRID_HZ: f64 = 50.0;

/// Finds the pulses of a pleth.
#[derive(Clone, Debug)]
pub struct Detector {
    grid: Grid,
    base: u64,
    pushed: u64,
    smooth: MovingSum,
    wave: Ring,
}

impl Detector {
    /// For a pleth of `rate_hz` samples a second, any gain and offset.
    pub fn new(rate_hz: f64) -> Self {
        Self {
            grid: Grid::new(rate_hz, GRID_HZ),
            base: 0,
            pushed: 0,
            smooth: MovingSum::new(5),
            wave: Ring::new(256),
        }
    }

    /// Takes the next sample; a pulse is told at most a second after its peak.
    pub fn push(&mut self, sample: i32) -> Option<Pulse> {
        self.grid.push(sample);
        self.pushed += 1;
        let mut found = None;
        while let Some(value) = self.grid.next() {
            let smooth = self.smooth.push(value);
            self.wave.push(smooth);
            let Some(center) = self.wave.pushed().checked_sub(16) else { continue };
            let height = self.wave.at(center);
            let around = (0..31).map(|back| self.wave.back(back));
            if around.clone().max() == Some(height) && around.min() < Some(height) {
                let at = self.base + self.grid.input_place(center.saturating_sub(2));
                found = Some(Pulse { at, foot: at, amplitude: 0 });
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
