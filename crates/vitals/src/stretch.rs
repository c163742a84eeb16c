//! The same run of beats again, a little slower or faster: a replay that was resampled.
//!
//! A search at one lag misses it, because the lag grows as it plays. The intervals between the beats do not: an earlier run
//! of as many beats, times one factor, meets all of them. Where a heart beats evenly every run meets every other, so a run
//! must spread ([`SPREAD_MIN`]); what is found here is a candidate only, which the waveforms decide.
//!
//! ```text
//! beats now    |   |    |  |    |      t = a + r u
//! beats then   |  |   |  |   |         all within MISS of the line: candidate (r, a)
//! ```

/// Fewest beats that make a run.
const BEATS_MIN: usize = 12;
/// Least deviation of a run's intervals, in samples (design, R7c).
const SPREAD_MIN: f64 = 3.0;
/// Largest factor from 1 either way: 5 % is the strongest stretch of the design's attackers.
const STRETCH_MAX: f64 = 0.06;
/// Samples by which a beat may miss the line.
const MISS: f64 = 3.0;
/// Most candidates; those that miss least come first.
const CANDIDATES_MAX: usize = 16;

/// A line through the beats of two runs: `now = origin + factor * then`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) factor: f64,
    pub(crate) origin: f64,
    /// Root of the mean square that the beats miss it by, in samples.
    miss: f64,
}

impl Line {
    /// The place in the past of place `now`.
    pub(crate) fn then(&self, now: f64) -> f64 {
        (now - self.origin) / self.factor
    }
}

/// Earlier runs of `beats`, all before the `first`th, that meet those from it on; both ascend.
pub(crate) fn candidates(beats: &[usize], first: usize) -> Vec<Line> {
    let (past, own) = beats.split_at(first.min(beats.len()));
    if own.len() < BEATS_MIN || spread(own) < SPREAD_MIN {
        return Vec::new();
    }
    let mut lines: Vec<Line> = past.windows(own.len()).filter_map(|run| line(run, own)).collect();
    lines.sort_unstable_by(|one, other| one.miss.total_cmp(&other.miss));
    lines.truncate(CANDIDATES_MAX);
    lines
}

/// Deviation of the intervals between `beats`.
fn spread(beats: &[usize]) -> f64 {
    let intervals =
        || beats.iter().zip(beats.iter().skip(1)).map(|(early, late)| late.saturating_sub(*early) as f64);
    let count = intervals().count().max(1) as f64;
    let mean = intervals().sum::<f64>() / count;
    (intervals().map(|interval| (interval - mean).powi(2)).sum::<f64>() / count).sqrt()
}

/// The line through both runs, if all beats meet it.
fn line(run: &[usize], own: &[usize]) -> Option<Line> {
    let (from, begin) = (*run.first()? as f64, *own.first()? as f64);
    let (span, length) = (*run.last()? as f64 - from, *own.last()? as f64 - begin);
    let rough = length / span.max(1.0);
    if (rough - 1.0).abs() > STRETCH_MAX {
        return None;
    }
    let pairs = || run.iter().zip(own).map(|(then, now)| (*then as f64 - from, *now as f64 - begin));
    // Most runs are far off within a few beats.
    if pairs().any(|(then, now)| (now - rough * then).abs() > 2.0 * MISS) {
        return None;
    }
    let count = run.len() as f64;
    let (then_mean, now_mean) =
        (pairs().map(|pair| pair.0).sum::<f64>() / count, pairs().map(|pair| pair.1).sum::<f64>() / count);
    let squares = pairs().map(|(then, _)| (then - then_mean).powi(2)).sum::<f64>();
    let both = pairs().map(|(then, now)| (then - then_mean) * (now - now_mean)).sum::<f64>();
    let factor = both / squares.max(1.0);
    let off = |(then, now): (f64, f64)| now - now_mean - factor * (then - then_mean);
    if pairs().any(|pair| off(pair).abs() > MISS) {
        return None;
    }
    let miss = (pairs().map(|pair| off(pair).powi(2)).sum::<f64>() / count).sqrt();
    Some(Line { factor, origin: begin + now_mean - factor * (from + then_mean), miss })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beats whose interval wanders by up to `wander` samples either way.
    fn beats(count: usize, wander: u64) -> Vec<usize> {
        let (mut at, mut state) = (0, 7_u64);
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            at += 200 - wander as usize + ((state >> 33) % (2 * wander + 1)) as usize;
            at
        };
        (0..count).map(next).collect()
    }

    #[test]
    fn a_run_played_slower_is_found_with_its_factor() {
        let mut all = beats(200, 25);
        let first = all.len();
        let again: Vec<usize> =
            all[60..84].iter().map(|beat| 60_000 + (*beat as f64 * 1.01).round() as usize).collect();
        all.extend(again);
        let lines = candidates(&all, first);
        assert_eq!(lines.len(), 1);
        assert!((lines[0].factor - 1.01).abs() < 0.000_5, "{lines:?}");
        assert!((lines[0].then(all[first] as f64) - all[60] as f64).abs() < 1.0, "{lines:?}");
    }

    #[test]
    fn other_runs_are_not_found_and_even_ones_are_not_looked_at() {
        let mut all = beats(400, 25);
        assert_eq!(candidates(&all, 376), []);
        all = (0..400).map(|beat| beat * 200).collect();
        assert_eq!(candidates(&all, 376), []);
        assert_eq!(candidates(&all, 395), []);
        assert_eq!(candidates(&[], 3), []);
    }
}
