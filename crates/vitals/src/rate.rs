//! Heart rate from beats by the two averaging laws that bedside monitors use.
//!
//! A monitor shows an average, so a number and a wave can only be compared through the same law. Makers declare
//! theirs (IEC 60601-2-27 201.7.9.2.9.101 b 3):
//!
//! * [`TrimmedMean`]: the mean of the last 12 intervals without the longest and the shortest; where each of the last
//!   three is longer than 1200 ms, the mean of the last four (declared for Mindray BeneHeart D60 / uMEC and, without
//!   the trimming, for Philips MP2).
//! * [`MedianMean`]: the average of the medians of 10-second spans (declared for GE B20). How many medians are
//!   averaged is not published; the last [`MEDIANS`] are taken here.

use crate::usable_rate_hz;

/// Intervals that the trimmed mean looks at.
pub const INTERVALS: usize = 12;
/// An interval above this is slow: three of them in a row shorten the average, in milliseconds.
pub const SLOW_MS: u64 = 1_200;
/// Intervals averaged while the heart is slow.
pub const SLOW_INTERVALS: usize = 4;
/// Length of the span of one median, in seconds.
pub const MEDIAN_SECONDS: u64 = 10;
/// Medians that are averaged: this second's and those of the two seconds before it.
pub const MEDIANS: usize = 3;
/// Beats held for one median: ten seconds at 360 beats a minute. Older ones are dropped.
const SPAN_BEATS_MAX: usize = 64;
/// A rate is told as long as the last beat is not older than this, in seconds; a monitor calls asystole before.
pub const SILENT_SECONDS_MAX: u64 = 10;
/// Intervals needed before a rate is told.
const INTERVALS_MIN: usize = 2;

/// The law of 12 intervals without the extremes.
#[derive(Clone, Debug)]
pub struct TrimmedMean {
    rate_hz: f64,
    intervals: [u64; INTERVALS],
    held: usize,
    last: Option<u64>,
}

impl TrimmedMean {
    /// For beats counted in samples of `rate_hz`.
    pub fn new(rate_hz: f64) -> Self {
        Self { rate_hz: usable_rate_hz(rate_hz), intervals: [0; INTERVALS], held: 0, last: None }
    }

    /// Takes the beat at sample `at`. A beat that is not later than the one before is ignored.
    pub fn beat(&mut self, at: u64) {
        if let Some(interval) = self.last.and_then(|last| at.checked_sub(last)) {
            if interval == 0 {
                return;
            }
            self.intervals.rotate_right(1);
            if let Some(newest) = self.intervals.first_mut() {
                *newest = interval;
            }
            self.held = (self.held + 1).min(INTERVALS);
        } else if self.last.is_some() {
            return;
        }
        self.last = Some(at);
    }

    /// Beats per minute as of sample `now`; `None` before three beats and [`SILENT_SECONDS_MAX`] after the last one.
    pub fn per_minute(&self, now: u64) -> Option<f64> {
        let silent = now.saturating_sub(self.last?) as f64;
        if self.held < INTERVALS_MIN || silent > SILENT_SECONDS_MAX as f64 * self.rate_hz {
            return None;
        }
        let held = self.intervals.get(..self.held)?;
        let slow = (SLOW_MS as f64 / 1_000.0 * self.rate_hz) as u64;
        let last_three = held.get(..3).is_some_and(|three| three.iter().all(|&interval| interval > slow));
        let mean = if last_three {
            let last = held.get(..SLOW_INTERVALS.min(held.len()))?;
            last.iter().sum::<u64>() as f64 / last.len() as f64
        } else if held.len() >= 4 {
            let extremes = held.iter().max()? + held.iter().min()?;
            (held.iter().sum::<u64>() - extremes) as f64 / (held.len() - 2) as f64
        } else {
            held.iter().sum::<u64>() as f64 / held.len() as f64
        };
        Some(60.0 * self.rate_hz / mean)
    }

    /// Forgets the beats: the next interval would span a gap.
    pub fn reset(&mut self) {
        self.held = 0;
        self.last = None;
    }
}

/// The law of averaged 10-second medians.
#[derive(Clone, Debug)]
pub struct MedianMean {
    rate_hz: f64,
    beats: [u64; SPAN_BEATS_MAX],
    held: usize,
}

impl MedianMean {
    /// For beats counted in samples of `rate_hz`.
    pub fn new(rate_hz: f64) -> Self {
        Self { rate_hz: usable_rate_hz(rate_hz), beats: [0; SPAN_BEATS_MAX], held: 0 }
    }

    /// Takes the beat at sample `at`. A beat that is not later than the one before is ignored.
    pub fn beat(&mut self, at: u64) {
        if self.held > 0 && self.beats.first().is_some_and(|&last| at <= last) {
            return;
        }
        self.beats.rotate_right(1);
        if let Some(newest) = self.beats.first_mut() {
            *newest = at;
        }
        self.held = (self.held + 1).min(SPAN_BEATS_MAX);
    }

    /// Beats per minute as of sample `now`; `None` before three beats and [`SILENT_SECONDS_MAX`] after the last one.
    pub fn per_minute(&self, now: u64) -> Option<f64> {
        let (mut sum, mut medians) = (0.0, 0_usize);
        for back in 0..MEDIANS {
            let end = now.checked_sub((back as f64 * self.rate_hz) as u64);
            if let Some(median) = end.and_then(|end| self.median(end)) {
                sum += median;
                medians += 1;
            }
        }
        (medians > 0).then(|| 60.0 * self.rate_hz * medians as f64 / sum)
    }

    /// Median interval of the beats in the span that ends at sample `end`.
    fn median(&self, end: u64) -> Option<f64> {
        let start = end.saturating_sub((MEDIAN_SECONDS as f64 * self.rate_hz) as u64);
        let held = self.beats.get(..self.held)?;
        let mut intervals = [0_u64; SPAN_BEATS_MAX];
        let mut count = 0;
        for (later, earlier) in held.iter().zip(held.iter().skip(1)) {
            if *later <= end && *earlier >= start {
                if let Some(place) = intervals.get_mut(count) {
                    *place = later - earlier;
                }
                count += 1;
            }
        }
        if count < INTERVALS_MIN {
            return None;
        }
        let intervals = intervals.get_mut(..count)?;
        intervals.sort_unstable();
        let upper = intervals.get(count / 2).copied()?;
        let lower = intervals.get((count - 1) / 2).copied()?;
        Some((upper + lower) as f64 / 2.0)
    }

    /// Forgets the beats: the next interval would span a gap.
    pub fn reset(&mut self) {
        self.held = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beats(law: &mut impl FnMut(u64), first: u64, interval: u64, count: u64) -> u64 {
        for beat in 0..count {
            law(first + beat * interval);
        }
        first + (count - 1) * interval
    }

    #[test]
    fn a_steady_heart_gives_its_rate_by_both_laws() {
        let (mut trimmed, mut medians) = (TrimmedMean::new(250.0), MedianMean::new(250.0));
        let last = beats(&mut |at| trimmed.beat(at), 7, 200, 20);
        beats(&mut |at| medians.beat(at), 7, 200, 20);
        assert_eq!(trimmed.per_minute(last), Some(75.0));
        assert_eq!(medians.per_minute(last), Some(75.0));
    }

    #[test]
    fn one_missed_and_one_false_beat_do_not_move_the_trimmed_mean() {
        let mut law = TrimmedMean::new(250.0);
        let last = beats(&mut |at| law.beat(at), 0, 250, 8);
        law.beat(last + 500);
        law.beat(last + 750);
        law.beat(last + 800);
        law.beat(last + 1_000);
        assert!((law.per_minute(last + 1_000).unwrap() - 60.0).abs() < 2.0);
    }

    #[test]
    fn a_heart_that_turns_slow_is_told_after_four_beats() {
        let mut law = TrimmedMean::new(250.0);
        let last = beats(&mut |at| law.beat(at), 0, 200, 20);
        let last = beats(&mut |at| law.beat(at), last + 400, 400, 4);
        assert_eq!(law.per_minute(last), Some(37.5));
    }

    #[test]
    fn half_of_the_step_from_80_to_120_is_shown_within_eleven_seconds() {
        let mut law = TrimmedMean::new(1_000.0);
        let last = beats(&mut |at| law.beat(at), 0, 750, 20);
        let last = beats(&mut |at| law.beat(at), last + 500, 500, 13);
        assert_eq!(law.per_minute(last), Some(120.0));
    }

    #[test]
    fn silence_and_too_few_beats_give_no_rate() {
        let (mut trimmed, mut medians) = (TrimmedMean::new(100.0), MedianMean::new(100.0));
        for at in [0, 100] {
            trimmed.beat(at);
            medians.beat(at);
        }
        assert_eq!((trimmed.per_minute(100), medians.per_minute(100)), (None, None));
        trimmed.beat(200);
        medians.beat(200);
        assert!(trimmed.per_minute(1_200).is_some() && trimmed.per_minute(1_201).is_none());
        assert!(medians.per_minute(300).is_some() && medians.per_minute(1_401).is_none());
        trimmed.reset();
        medians.reset();
        assert_eq!((trimmed.per_minute(300), medians.per_minute(300)), (None, None));
    }

    #[test]
    fn beats_out_of_order_are_ignored() {
        let (mut trimmed, mut medians) = (TrimmedMean::new(100.0), MedianMean::new(100.0));
        for at in [0, 100, 50, 200, 200, 300] {
            trimmed.beat(at);
            medians.beat(at);
        }
        assert_eq!((trimmed.per_minute(300), medians.per_minute(300)), (Some(60.0), Some(60.0)));
    }
}
