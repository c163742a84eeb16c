//! Measuring the pace of something that comes in regular pieces, and where pieces are missing.
//!
//! A network delays pieces and never hurries them: the earliest of a few neighbours tells when they were due. So
//! the *lateness* of piece `i`, its arrival less the time that everything up to it lasts, has a floor. A delay is a
//! peak above the floor that goes away; a missing piece is a step of the floor that stays.
//!
//! ```text
//! lateness      .        : .   delay: the floor goes on          . : . . .   missing: the floor has stepped
//!          . : . . : . . .  . :                       . : . : .
//! ```

use model::{CaptureTime, Gap, Stretch};

/// Neighbours among which the earliest is looked for, on either side.
const NEIGHBOURS: usize = 8;
/// Pieces below which no pace is measured.
const PIECES_MIN: usize = 3;
/// Pieces that a stretch must span for its length to count.
const SPAN_MIN: usize = 4;
/// Times between pieces that are looked at for a first guess. Our limit; spread over the whole.
const GUESSES_MAX: usize = 255;
/// The floor must step by this share of a piece.
const STEP_SHARE: f64 = 0.5;

/// One piece.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beat {
    /// When it arrived.
    pub(crate) time: CaptureTime,
    /// Units (samples, cycles) up to its end.
    pub(crate) units: u64,
}

/// The pace of pieces.
#[derive(Debug)]
pub(crate) struct Pace {
    pub(crate) units_per_second: f64,
    /// Places at which an unbroken stretch of pieces begins; the first is 0.
    starts: Vec<usize>,
}

impl Pace {
    /// Measured from the first guess `expected`, or from the median time between two pieces.
    pub(crate) fn of(beats: &[Beat], expected: Option<f64>) -> Option<Self> {
        if beats.len() < PIECES_MIN {
            return None;
        }
        let guess = match expected {
            Some(rate) => rate,
            None => per_piece(beats)? * 1e9 / median_time(beats)?,
        };
        let starts = starts(beats, guess);
        let measured = measured(beats, &starts, guess).unwrap_or(guess);
        let sane = measured.is_finite() && measured > 0.0;
        sane.then(|| Self { units_per_second: measured, starts: self::starts(beats, measured) })
    }

    fn ranges(&self, length: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
        let ends = self.starts.iter().skip(1).copied().chain([length]);
        self.starts.iter().copied().zip(ends).map(|(start, end)| start..end)
    }

    /// Times without pieces.
    pub(crate) fn gaps(&self, beats: &[Beat]) -> Vec<Gap> {
        let gap = |start: &usize| {
            let (before, after) = (beats.get(start.checked_sub(1)?)?, beats.get(*start)?);
            (after.time > before.time).then_some(Gap { from: before.time, to: after.time })
        };
        self.starts.iter().filter_map(gap).collect()
    }

    /// The samples in unbroken stretches, each with the time of its first sample.
    pub(crate) fn stretches(&self, beats: &[Beat], samples: &[u8]) -> Vec<Stretch> {
        let mut from = 0;
        let mut stretches: Vec<Stretch> = Vec::new();
        for range in self.ranges(beats.len()) {
            let Some(pieces) = beats.get(range) else { break };
            let Some(to) = pieces.last().map(|piece| piece.units) else { break };
            let floor = pieces.iter().take(NEIGHBOURS).map(|piece| late(piece, self.units_per_second)).min();
            let start = floor.unwrap_or(0).saturating_add(nanos(from, self.units_per_second));
            let mut start = CaptureTime::from_nanos(start);
            if let Some(before) = stretches.last() {
                start = start.max(before.end(self.units_per_second));
            }
            let samples = samples.get(from as usize..to as usize).unwrap_or_default().to_vec();
            stretches.push(Stretch { start, samples });
            from = to;
        }
        stretches
    }
}

fn nanos(units: u64, per_second: f64) -> i64 {
    (units as f64 * 1e9 / per_second) as i64
}

fn late(beat: &Beat, per_second: f64) -> i64 {
    beat.time.nanos().saturating_sub(nanos(beat.units, per_second))
}

/// Mean units of a piece but for the first.
fn per_piece(beats: &[Beat]) -> Option<f64> {
    let units = beats.last()?.units.saturating_sub(beats.first()?.units);
    (units > 0).then(|| units as f64 / (beats.len() - 1) as f64)
}

/// Median time between neighbours, in nanoseconds.
fn median_time(beats: &[Beat]) -> Option<f64> {
    let step = beats.len().div_ceil(GUESSES_MAX).max(1);
    let mut times: Vec<i64> = beats
        .windows(2)
        .step_by(step)
        .filter_map(|pair| Some(pair.last()?.time.nanos_since(pair.first()?.time)))
        .filter(|nanos| *nanos > 0)
        .collect();
    times.sort_unstable();
    times.get(times.len() / 2).map(|nanos| *nanos as f64)
}

/// Where unbroken stretches begin.
fn starts(beats: &[Beat], per_second: f64) -> Vec<usize> {
    let late: Vec<i64> = beats.iter().map(|beat| late(beat, per_second)).collect();
    let floor = |range: std::ops::Range<usize>| late.get(range)?.iter().min().copied();
    let mut starts = vec![0];
    let mut start = 0;
    for at in 1..beats.len() {
        let before = floor(start.max(at.saturating_sub(NEIGHBOURS))..at);
        let after = floor(at..(at + NEIGHBOURS).min(beats.len()));
        let (Some(before), Some(after)) = (before, after) else { continue };
        let units = |at: usize| beats.get(at).map_or(0, |beat| beat.units);
        let piece = nanos(units(at).saturating_sub(units(at - 1)).max(1), per_second) as f64;
        if (after.saturating_sub(before) as f64).abs() > piece * STEP_SHARE {
            starts.push(at);
            start = at;
        }
    }
    starts
}

/// Units a second over all stretches, each from the earliest of its first pieces to the earliest of its last.
fn measured(beats: &[Beat], starts: &[usize], guess: f64) -> Option<f64> {
    let (mut units, mut nanos) = (0.0, 0.0);
    let ends = starts.iter().skip(1).copied().chain([beats.len()]);
    for (start, end) in starts.iter().copied().zip(ends) {
        let Some(pieces) = beats.get(start..end).filter(|pieces| pieces.len() > SPAN_MIN) else { continue };
        let edge = NEIGHBOURS.min(pieces.len() / 2);
        let earliest = |pieces: &[Beat]| pieces.iter().min_by_key(|piece| late(piece, guess)).copied();
        let first = pieces.get(..edge).and_then(earliest);
        let last = pieces.get(pieces.len() - edge..).and_then(earliest);
        if let (Some(first), Some(last)) = (first, last)
            && last.time > first.time
        {
            units += (last.units - first.units) as f64;
            nanos += last.time.nanos_since(first.time) as f64;
        }
    }
    (nanos > 0.0 && units > 0.0).then(|| units * 1e9 / nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// Pieces of 256 units a second; `delays` in milliseconds; those in `missing` never come.
    fn pieces(count: u64, period_ms: f64, delay_ms: impl Fn(u64) -> i64, missing: &[u64]) -> Vec<Beat> {
        let mut units = 0;
        let mut latest = i64::MIN;
        (1..=count)
            .filter(|at| !missing.contains(at))
            .map(|at| {
                units += 256;
                let due = (at as f64 * period_ms * 1e6) as i64;
                // A stream hands over in order: one that is held up holds up those behind it.
                latest = latest.max(due + delay_ms(at) * 1_000_000);
                Beat { time: CaptureTime::from_nanos(latest), units }
            })
            .collect()
    }

    fn jitter(at: u64) -> i64 {
        (at * 7919 % 23) as i64
    }

    #[test]
    fn the_pace_is_measured_through_jitter() {
        for period_ms in [1000.0, 998.3, 1004.0, 250.0] {
            let beats = pieces(120, period_ms, jitter, &[]);
            let pace = Pace::of(&beats, None).unwrap();
            assert_eq!(pace.starts, [0], "{period_ms}");
            let pace = Pace::of(&beats, Some(256.0 * 1000.0 / period_ms * 1.003)).unwrap();
            let expected = 256.0 * 1000.0 / period_ms;
            assert!((pace.units_per_second / expected - 1.0).abs() < 3e-4, "{}", pace.units_per_second);
        }
    }

    #[test]
    fn a_delay_is_no_gap_and_a_missing_piece_is_one() {
        let held_up = |at: u64| if (40..43).contains(&at) { (43 - at as i64) * 1000 } else { jitter(at) };
        assert!(Pace::of(&pieces(90, 1000.0, held_up, &[]), Some(256.0)).unwrap().starts.len() == 1);

        let beats = pieces(90, 1000.0, jitter, &[40, 41, 70]);
        let pace = Pace::of(&beats, Some(256.0)).unwrap();
        assert_eq!(pace.starts, [0, 39, 67]);
        let gaps = pace.gaps(&beats);
        let long = |gap: &Gap| gap.to.nanos_since(gap.from) as f64 / SECOND as f64;
        assert!((long(&gaps[0]) - 3.0).abs() < 0.05 && (long(&gaps[1]) - 2.0).abs() < 0.05, "{gaps:?}");
    }

    #[test]
    fn stretches_keep_every_sample_and_stand_where_they_were_measured() {
        let beats = pieces(30, 1000.0, jitter, &[11]);
        let samples: Vec<u8> = (0..29 * 256_u32).map(|at| (at / 256) as u8).collect();
        let stretches = Pace::of(&beats, Some(256.0)).unwrap().stretches(&beats, &samples);
        assert_eq!(stretches.iter().map(|one| one.samples.len()).collect::<Vec<_>>(), [10 * 256, 19 * 256]);
        assert_eq!(stretches.concat_samples(), samples);
        // The first piece is due after a second, so it began at zero; the second stretch began after eleven.
        for (stretch, second) in stretches.iter().zip([0, 11]) {
            let off = stretch.start.nanos() - second * SECOND;
            assert!(off.abs() < 25_000_000, "{off}");
        }
    }

    trait Concat {
        fn concat_samples(&self) -> Vec<u8>;
    }

    impl Concat for Vec<Stretch> {
        fn concat_samples(&self) -> Vec<u8> {
            self.iter().flat_map(|stretch| stretch.samples.iter().copied()).collect()
        }
    }

    #[test]
    fn times_that_make_no_sense_give_no_rate_that_makes_none() {
        let same: Vec<Beat> =
            (1..9).map(|at| Beat { time: CaptureTime::from_nanos(7), units: at * 256 }).collect();
        assert!(Pace::of(&same, None).is_none());
        let back: Vec<Beat> = (1..9)
            .map(|at| Beat { time: CaptureTime::from_nanos(-(at as i64) * SECOND), units: at * 256 })
            .collect();
        if let Some(pace) = Pace::of(&back, Some(256.0)) {
            assert!(pace.units_per_second > 0.0);
            assert!(pace.gaps(&back).is_empty());
        }
        let wild = [i64::MIN, 0, i64::MAX, 5].map(|at| Beat { time: CaptureTime::from_nanos(at), units: 1 });
        drop(Pace::of(&wild, Some(1.0)));
    }
}
