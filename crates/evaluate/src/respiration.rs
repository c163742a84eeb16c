//! Respiration rate of the impedance wave against breaths that people marked, on BIDMC.
//!
//! Windows of 32 seconds that do not overlap; in each the rate is the intervals between its breaths over the time they
//! take, by the same law for the marks and for what is found.

use crate::bidmc::{RATE_HZ, Recording};
use vitals::respiration::{Detector, Rate};

/// Length of a window, in seconds.
pub const WINDOW_S: u32 = 32;

/// Errors of the rate, in breaths per minute.
#[derive(Clone, Debug, Default)]
pub struct Errors {
    /// One for each window that has both rates.
    pub errors: Vec<f64>,
    /// Windows with a marked rate and none found.
    pub silent: usize,
}

impl Errors {
    /// Mean of the absolute errors.
    pub fn mean(&self) -> f64 {
        self.errors.iter().map(|error| error.abs()).sum::<f64>() / self.errors.len().max(1) as f64
    }

    /// Share of the windows with a marked rate whose error is at most `limit`, in percent.
    pub fn within(&self, limit: f64) -> f64 {
        let near = self.errors.iter().filter(|error| error.abs() <= limit).count();
        100.0 * near as f64 / (self.errors.len() + self.silent).max(1) as f64
    }

    /// Adds those of another recording.
    pub fn add(&mut self, other: &Self) {
        self.errors.extend(&other.errors);
        self.silent += other.silent;
    }
}

/// Rates of the windows of a recording of `samples` samples by the breaths at `breaths`.
pub fn rates(breaths: &[u64], samples: usize) -> Vec<Option<f64>> {
    let window = u64::from(WINDOW_S) * RATE_HZ as u64;
    let windows = samples as u64 / window;
    let rate = |number: u64| {
        let mut rate = Rate::new(RATE_HZ, WINDOW_S);
        breaths.iter().for_each(|&breath| {
            if breath / window == number {
                rate.breath(breath);
            }
        });
        rate.per_minute((number + 1) * window)
    };
    (0..windows).map(rate).collect()
}

/// Errors of `found` against `marked`.
pub fn errors(marked: &[Option<f64>], found: &[Option<f64>]) -> Errors {
    let mut result = Errors::default();
    for (marked, found) in marked.iter().zip(found) {
        match (marked, found) {
            (Some(marked), Some(found)) => result.errors.push(found - marked),
            (Some(_), None) => result.silent += 1,
            _ => {}
        }
    }
    result
}

/// Breaths that our detector finds in the impedance wave, and the CPU time it took.
pub fn run_breaths(codes: &[i32]) -> (Vec<u64>, f64) {
    let started = crate::cpu_seconds();
    let mut detector = Detector::new(RATE_HZ);
    let found = codes.iter().filter_map(|&code| detector.push(code)).map(|breath| breath.at).collect();
    (found, crate::cpu_seconds() - started)
}

/// The monitor's own rate: the mean of what it showed in each window.
pub fn shown(recording: &Recording) -> Vec<Option<f64>> {
    let windows = recording.shown_respiration.chunks_exact(WINDOW_S as usize);
    let mean = |window: &[Option<f64>]| {
        let numbers: Vec<f64> = window.iter().copied().flatten().collect();
        (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
    };
    windows.map(mean).collect()
}
