//! What the detectors adapt by: medians of the last values, and thresholds that change along a line.

/// Values in the medians.
const REMEMBERED: usize = 8;

/// The value at `x` on the line from one point to another, that of the nearer point outside them.
pub(crate) fn between(x: i64, from: (i64, i64), to: (i64, i64)) -> i64 {
    from.1 + (to.1 - from.1) * (x.clamp(from.0, to.0) - from.0) / (to.0 - from.0)
}

/// The step of a mean of which `error` is the newest value less the mean: over all values while there are fewer than
/// `SPAN`, then over about the last `SPAN`. A division by a number known beforehand costs a tenth of one that is not.
#[inline]
pub(crate) const fn mean_step<const SPAN: i64>(error: i64, before: u64) -> i64 {
    if (before as i64) < SPAN - 1 { error / (before as i64 + 1) } else { error / SPAN }
}

/// The last values and their median.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Remembered {
    values: [i64; REMEMBERED],
    held: usize,
}

impl Remembered {
    /// How many values are held.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Adds a value as the newest one.
    pub(crate) fn push(&mut self, value: i64) {
        self.values.rotate_right(1);
        if let Some(newest) = self.values.first_mut() {
            *newest = value;
        }
        self.held = (self.held + 1).min(REMEMBERED);
    }

    /// Their median, the upper one of two; 0 without values.
    pub(crate) fn median(&self) -> i64 {
        let mut values = self.values;
        let held = values.get_mut(..self.held).unwrap_or_default();
        held.sort_unstable();
        held.get(self.held / 2).copied().unwrap_or(0)
    }

    /// Makes all of them a sixteenth smaller.
    pub(crate) fn fade(&mut self) {
        for value in &mut self.values {
            *value -= *value / 16;
        }
    }
}
