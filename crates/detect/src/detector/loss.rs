//! When the sensor lost frames: what is concluded from an absence does not count then.

use model::CaptureTime;
use std::collections::BTreeSet;

/// Minutes with losses that are kept. Our limit; with more, every moment counts as one with losses.
const MINUTES_MAX: usize = 1 << 14;
const MINUTE_NS: i64 = 60_000_000_000;

/// Minutes in which frames were lost.
#[derive(Debug, Default)]
pub(crate) struct Losses(BTreeSet<i64>);

impl Losses {
    /// Frames were lost shortly before `time`.
    pub(crate) fn see(&mut self, time: CaptureTime) {
        if self.0.len() < MINUTES_MAX {
            self.0.insert(time.nanos().div_euclid(MINUTE_NS));
        }
    }

    /// The clock was set by so many nanoseconds: what is known of an earlier time is told in its times.
    pub(crate) fn clock_set(&mut self, by: i64) {
        // The part of a minute that is left makes two of one.
        let minutes = [by.div_euclid(MINUTE_NS), by.div_euclid(MINUTE_NS) + 1];
        let moved = self.0.iter().flat_map(|minute| minutes.map(|by| minute.saturating_add(by)));
        self.0 = moved.take(MINUTES_MAX).collect();
    }

    /// Makes room for the losses of the months to come: of many the older half is forgotten.
    pub(crate) fn renew(&mut self) {
        if self.0.len() >= MINUTES_MAX / 2
            && let Some(middle) = self.0.iter().nth(self.0.len() / 2).copied()
        {
            self.0 = self.0.split_off(&middle);
        }
    }

    /// Whether frames were lost in the minute of `time`, or in one beside it.
    pub(crate) fn near(&self, time: CaptureTime) -> bool {
        let minute = time.nanos().div_euclid(MINUTE_NS);
        self.0.len() >= MINUTES_MAX || self.0.range(minute - 1..=minute + 1).next().is_some()
    }

    /// Whether frames were lost from `from` to `to`.
    pub(crate) fn between(&self, from: CaptureTime, to: CaptureTime) -> bool {
        let minute = |time: CaptureTime| time.nanos().div_euclid(MINUTE_NS);
        self.0.len() >= MINUTES_MAX
            || from <= to && self.0.range(minute(from)..=minute(to) + 1).next().is_some()
    }
}
