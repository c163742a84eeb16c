//! Time as the capture tells it.

use std::time::Duration;

/// A moment in capture time: nanoseconds since 1970-01-01T00:00:00Z, as recorded with a frame.
///
/// The core never reads a clock; every duration is a difference of two of these.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Hash)]
pub struct CaptureTime(i64);

impl CaptureTime {
    /// Before every other.
    pub const MIN: Self = Self(i64::MIN);
    /// After every other.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Time from `earlier` to `self`; zero where the capture's clock went backwards.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = i128::from(self.0) - i128::from(earlier.0);
        Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }

    /// Nanoseconds from `earlier` to `self`, negative where time went backwards, saturating.
    #[must_use]
    pub const fn nanos_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// `self` plus `nanos`, saturating.
    #[must_use]
    pub const fn plus_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_went_backwards_is_zero_long() {
        let (early, late) = (CaptureTime::from_nanos(5), CaptureTime::from_nanos(7));
        assert_eq!(late.since(early), Duration::from_nanos(2));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(early.nanos_since(late), -2);
    }
}
