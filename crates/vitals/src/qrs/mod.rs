//! Beats of the ECG: the R peak of every QRS complex, at most 0.4 s after it.

pub mod slope;

use crate::grid::Grid;
use crate::ring::{MovingSum, Ring};

/// One beat.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Beat {
    /// Sample of the R peak, counted from 0 since construction.
    pub at: u64,
}

/// Rate of the grid that the detector works on, in hertz.
const GRID_HZ: f64 = 250.0;

/// Finds the beats of an ECG.
#[derive(Clone, Debug)]
pub struct Detector {
    grid: Grid,
    /// Input samples before the last reset.
    base: u64,
    pushed: u64,
    front: Front,
}

/// Filters.
#[derive(Clone, Debug)]
struct Front {
    hum_a: MovingSum,
    hum_b: MovingSum,
    smooth: Ring,
    energy: MovingSum,
    envelope: Ring,
    strength: i64,
    last: Option<u64>,
}

impl Detector {
    /// For an ECG of `rate_hz` samples a second, any gain and offset.
    pub fn new(rate_hz: f64) -> Self {
        Self {
            grid: Grid::new(rate_hz, GRID_HZ),
            base: 0,
            pushed: 0,
            front: Front {
                hum_a: MovingSum::new(5),
                hum_b: MovingSum::new(4),
                smooth: Ring::new(256),
                energy: MovingSum::new(25),
                envelope: Ring::new(256),
                strength: 0,
                last: None,
            },
        }
    }

    /// Takes the next sample; a beat is told at most 0.4 s after its R peak.
    pub fn push(&mut self, sample: i32) -> Option<Beat> {
        self.grid.push(sample);
        self.pushed += 1;
        let mut found = None;
        while let Some(value) = self.grid.next() {
            if let Some(place) = self.front.push(value) {
                found = Some(Beat { at: self.base + self.grid.input_place(place) });
            }
        }
        found
    }

    /// Forgets the signal, for a gap: nothing is compared over it. Positions count on.
    pub fn reset(&mut self) {
        self.base = self.pushed;
        self.grid.clear();
        let f = &mut self.front;
        f.smooth.clear();
        f.envelope.clear();
        f.strength = 0;
        f.last = None;
    }
}

impl Front {
    fn push(&mut self, value: i64) -> Option<u64> {
        if self.smooth.pushed() == 0 {
            self.hum_a.fill(value);
            self.hum_b.fill(value * 5);
            self.energy.fill(0);
            for _ in 0..32 {
                self.smooth.push(value * 20);
            }
        }
        let smooth = self.hum_b.push(self.hum_a.push(value));
        let slope = smooth - self.smooth.back(5);
        self.smooth.push(smooth);
        let energy = self.energy.push(slope.abs());
        self.envelope.push(energy);
        let now = self.envelope.pushed() - 1;
        let center = now.checked_sub(40)?;
        let height = self.envelope.at(center);
        if (0..=80).any(|back| self.envelope.back(back) > height) || height == 0 {
            return None;
        }
        if height * 3 < self.strength {
            self.strength -= self.strength / 8;
            return None;
        }
        self.strength = if self.strength == 0 { height } else { self.strength + (height - self.strength) / 4 };
        let at = center.saturating_sub(18);
        if self.last.is_some_and(|last| at < last + 50) {
            return None;
        }
        self.last = Some(at);
        Some(at)
    }
}
