//! Samples of any rate put on a grid of one rate by linear interpolation, so that filters and times are the same for
//! every monitor.

use crate::usable_rate_hz;

/// Extra bits of a grid value below the unit of the samples: interpolation between two codes keeps its fraction.
pub(crate) const FRACTION_BITS: u32 = 6;

/// Turns samples of one rate into samples of the grid's rate.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    /// Input samples per grid sample, with 32 bits of fraction.
    step: u64,
    /// Place of the next grid sample after the previous input sample, in input samples with 32 bits of fraction.
    next: u64,
    previous: Option<i64>,
    current: i64,
    /// Rate of the input over the rate of the grid.
    ratio: f64,
}

impl Grid {
    /// From `rate_hz` to `grid_hz`.
    pub(crate) fn new(rate_hz: f64, grid_hz: f64) -> Self {
        let ratio = usable_rate_hz(rate_hz) / grid_hz;
        Self { step: (ratio * 4_294_967_296.0) as u64, next: ONE, previous: None, current: 0, ratio }
    }

    /// Takes the next sample; [`Grid::next`] gives what it completes.
    pub(crate) fn push(&mut self, sample: i32) {
        let value = i64::from(sample) << FRACTION_BITS;
        self.previous = Some(if self.previous.is_some() { self.current } else { value });
        self.current = value;
    }

    /// The next grid sample that the samples so far complete.
    pub(crate) fn next(&mut self) -> Option<i64> {
        let previous = self.previous?;
        if self.next > ONE {
            self.next -= ONE;
            return None;
        }
        let share = (self.next >> 16) as i64;
        self.next += self.step;
        Some(previous + (((self.current - previous) * share) >> 16))
    }

    /// Input samples from the first one to the grid sample at `place`.
    pub(crate) fn input_place(&self, place: u64) -> u64 {
        (place as f64 * self.ratio + 0.5) as u64
    }

    /// Forgets the samples so far.
    pub(crate) fn clear(&mut self) {
        self.next = ONE;
        self.previous = None;
    }
}

/// One input sample.
const ONE: u64 = 1 << 32;
