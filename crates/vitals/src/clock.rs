//! How long a cycle of one bed takes, measured.
//!
//! A monitor sends so many samples a cycle and says nothing of their rate: the rate is the samples over the median
//! time between two ends of a cycle. The median holds while packets are late, repeated or come in a bunch.

use model::CaptureTime;

/// Times between cycles that the median is taken of.
const TIMES: usize = 31;
/// Fewest of them that tell.
const TIMES_MIN: usize = 5;
/// Cycles shorter or longer than this are not those of a monitor, in seconds.
const CYCLE_SECONDS: std::ops::RangeInclusive<f64> = 0.2..=10.0;

/// The cycles of one source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    last: Option<CaptureTime>,
    times: [i64; TIMES],
    held: usize,
    next: usize,
}

impl Clock {
    /// A cycle ends.
    pub(crate) fn cycle(&mut self, now: CaptureTime) {
        if let Some(last) = self.last.replace(now)
            && let Some(place) = self.times.get_mut(self.next)
        {
            *place = now.nanos_since(last).max(0);
            self.next = (self.next + 1) % TIMES;
            self.held = (self.held + 1).min(TIMES);
        }
    }

    /// The next time would span a gap.
    pub(crate) fn gap(&mut self) {
        self.last = None;
    }

    /// Length of a cycle in seconds, once it is known.
    pub(crate) fn seconds(&self) -> Option<f64> {
        let mut times = self.times;
        let times = times.get_mut(..self.held).filter(|times| times.len() >= TIMES_MIN)?;
        times.sort_unstable();
        let seconds = *times.get(times.len() / 2)? as f64 / 1e9;
        CYCLE_SECONDS.contains(&seconds).then_some(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_and_bunched_packets_do_not_change_the_cycle() {
        let mut clock = Clock::default();
        let late = [0, 4, 900, 901, 902, 6, 1, 0, 3, 2, 700, 1];
        for (second, late) in late.into_iter().enumerate() {
            assert_eq!(clock.seconds().is_some(), second > 5, "{second}");
            let now = CaptureTime::from_nanos(second as i64 * 1_000_000_000 + late.min(1_000) * 1_000_000);
            clock.cycle(now);
        }
        let seconds = clock.seconds().unwrap();
        assert!((0.99..1.01).contains(&seconds), "{seconds}");
    }

    #[test]
    fn a_gap_is_no_cycle() {
        let mut clock = Clock::default();
        for second in [0, 1, 2, 100, 101, 102, 103] {
            if second == 100 {
                clock.gap();
            }
            clock.cycle(CaptureTime::from_nanos(second * 1_000_000_000));
        }
        assert_eq!(clock.held, 5);
        assert_eq!(clock.seconds(), Some(1.0));
    }
}
