//! Whether contacts come regularly.
//!
//! A program that calls home sleeps for about the same time between two calls: the time varies (jitter), a call now
//! and then is missing, and other contacts with the same peer come in between. So no statistic of all gaps is used,
//! which one missing call spoils, but this question: *of how many contacts is there another one a period later?*
//!
//! ```text
//! contacts   |     |      |   . |            |     |        . = of something else,  gap = a missing call
//! successor  yes   yes    yes   no           yes            4 of 5 at a period of one dash, within the tolerance
//! ```
//! Chance gives such successors too, the more the wider the tolerance and the busier the peer. With contacts that come
//! at random at a rate λ, a window of width `2 τ T` holds one with the probability `1 − exp(−2 τ T λ)`. λ is taken from
//! the median gap, which during a session of somebody who works is the session's own rate and not that of the whole
//! day. How improbable it is that chance alone gives so many successors is bounded by Chernoff's inequality
//! (H. Chernoff, "A measure of asymptotic efficiency for tests of a hypothesis based on the sum of observations", Annals
//! of Mathematical Statistics 23, 1952). Of all periods that are improbable enough the shortest counts, with
//! the tolerance at which it is least probable.

use model::CaptureTime;

/// Least number of contacts that can be called regular.
pub(crate) const CONTACTS_MIN: usize = 8;
/// Contacts nearer to each other than this are one: several connections of one call, in nanoseconds.
const ONE_CALL_NS: i64 = 500_000_000;
/// Tolerances that are tried, as parts of the period, tightest first.
const TOLERANCES: [f64; 5] = [0.05, 0.1, 0.2, 0.35, 0.5];
/// How far apart two contacts of one period may lie, counted in contacts: others may come in between.
const LAGS_MAX: usize = 4;
/// Candidate periods are these quantiles of the gaps at each lag, in tenths.
const TENTHS: std::ops::RangeInclusive<usize> = 1..=9;
/// Candidates that are longer than the shortest by at most this factor are the same period, seen more or less well.
const SAME_PERIOD: f64 = 1.4;
/// Least share of contacts that have a successor.
const SHARE_MIN: f64 = 0.5;
/// Least improbability, as a natural logarithm: one in nine million for one candidate.
const IMPROBABILITY_MIN: f64 = 16.0;

/// How contacts repeat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rhythm {
    /// Time from one to the next, in seconds.
    pub(crate) period_seconds: f64,
    /// Half of the contacts come earlier or later than the period says by at most this part of it.
    pub(crate) jitter: f64,
    /// Contacts looked at, those of one call counted once.
    pub(crate) contacts: usize,
    /// Of those, the ones that another follows a period later.
    pub(crate) followed: usize,
}

struct Candidate {
    period: f64,
    tolerance: f64,
    improbability: f64,
}

/// The rhythm of contacts in order of time; none where chance explains them, or there are too few.
pub(crate) fn rhythm(times: impl IntoIterator<Item = CaptureTime>) -> Option<Rhythm> {
    let seconds = calls(times);
    if seconds.len() < CONTACTS_MIN {
        return None;
    }
    let rate = 1.0 / quantile(&gaps(&seconds, 1), 5)?;
    let mut regular: Vec<Candidate> = Vec::new();
    for lag in 1..=LAGS_MAX {
        let gaps = gaps(&seconds, lag);
        for period in TENTHS.filter_map(|tenth| quantile(&gaps, tenth)) {
            let last = *seconds.last()?;
            // The last ones have nobody to follow them.
            let asked = seconds.iter().filter(|at| **at + period <= last).count();
            for tolerance in TOLERANCES {
                let followed = followers(&seconds, period, tolerance).count();
                let share = (followed as f64 / asked.max(1) as f64).min(1.0);
                let chance = 1.0 - (-2.0 * tolerance * period * rate).exp();
                let improbability = asked as f64 * divergence(share, chance);
                if share >= SHARE_MIN && improbability >= IMPROBABILITY_MIN {
                    regular.push(Candidate { period, tolerance, improbability });
                }
            }
        }
    }
    // What comes every minute comes every second minute, too.
    let shortest = regular.iter().map(|candidate| candidate.period).min_by(f64::total_cmp)?;
    let best = regular.into_iter().filter(|candidate| candidate.period <= shortest * SAME_PERIOD);
    let best = best.max_by(|a, b| a.improbability.total_cmp(&b.improbability))?;
    let mut after: Vec<f64> = followers(&seconds, best.period, best.tolerance).collect();
    after.sort_by(f64::total_cmp);
    let period_seconds = quantile(&after, 5)?;
    let mut off: Vec<f64> = after.iter().map(|gap| (gap - period_seconds).abs()).collect();
    off.sort_by(f64::total_cmp);
    Some(Rhythm {
        period_seconds,
        jitter: quantile(&off, 5)? / period_seconds,
        contacts: seconds.len(),
        followed: after.len(),
    })
}

/// Times in seconds since the first, with the contacts of one call as one.
fn calls(times: impl IntoIterator<Item = CaptureTime>) -> Vec<f64> {
    let mut times = times.into_iter();
    let Some(first) = times.next() else { return Vec::new() };
    let (mut calls, mut last) = (vec![0.0], first);
    for time in times {
        if time.nanos_since(last) >= ONE_CALL_NS {
            calls.push(time.nanos_since(first) as f64 / 1e9);
        }
        last = last.max(time);
    }
    calls
}

/// Gaps between each and the one `lag` later, shortest first.
fn gaps(seconds: &[f64], lag: usize) -> Vec<f64> {
    let pairs = seconds.iter().zip(seconds.iter().skip(lag));
    let mut gaps: Vec<f64> = pairs.map(|(one, other)| other - one).collect();
    gaps.sort_by(f64::total_cmp);
    gaps
}

fn quantile(sorted: &[f64], tenth: usize) -> Option<f64> {
    sorted.get((sorted.len().checked_sub(1)?) * tenth / 10).copied()
}

/// For each contact that another follows after `period`, how much later the nearest to that comes.
fn followers(seconds: &[f64], period: f64, tolerance: f64) -> impl Iterator<Item = f64> {
    let mut next = 0;
    seconds.iter().filter_map(move |at| {
        let (from, to) = (at + period * (1.0 - tolerance), at + period * (1.0 + tolerance));
        while seconds.get(next).is_some_and(|other| *other < from) {
            next += 1;
        }
        let within = seconds.get(next..).unwrap_or_default().iter().take_while(|other| **other <= to);
        let apart = |gap: &f64| (gap - period).abs();
        within.map(|other| other - at).min_by(|a, b| apart(a).total_cmp(&apart(b)))
    })
}

/// Kullback-Leibler divergence of a share from a probability, in nats: Chernoff's exponent for one trial.
fn divergence(share: f64, chance: f64) -> f64 {
    let part = |p: f64, q: f64| if p > 0.0 { p * (p / q.max(f64::MIN_POSITIVE)).ln() } else { 0.0 };
    if share <= chance { 0.0 } else { part(share, chance) + part(1.0 - share, 1.0 - chance) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from 0 to 1 that look random, the same on each run (Knuth's MMIX constants).
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    fn of(seconds: &[f64]) -> Option<Rhythm> {
        let mut sorted = seconds.to_vec();
        sorted.sort_by(f64::total_cmp);
        rhythm(sorted.iter().map(|seconds| CaptureTime::from_nanos((seconds * 1e9) as i64)))
    }

    /// Calls `period` apart, early or late by at most `jitter` of it, of which `loss` are missing.
    fn train(dice: &mut Dice, count: usize, period: f64, jitter: f64, loss: f64) -> Vec<f64> {
        let mut at = 5.0;
        let mut calls = Vec::new();
        for _ in 0..count {
            if dice.roll() >= loss {
                calls.push(at);
            }
            at += period * (1.0 + jitter * (2.0 * dice.roll() - 1.0));
        }
        calls
    }

    #[test]
    fn calls_are_regular_in_spite_of_jitter_and_missing_ones() {
        for (count, period, jitter, loss) in [
            (9, 60.0, 0.0, 0.0),
            (16, 300.0, 0.1, 0.0),
            (40, 10.0, 0.3, 0.0),
            (60, 3600.0, 0.05, 0.3),
            (90, 60.0, 0.5, 0.1),
        ] {
            let calls = train(&mut Dice(7), count, period, jitter, loss);
            let found = of(&calls).unwrap_or_else(|| panic!("{count} {period} {jitter} {loss}"));
            let near = (found.period_seconds / period - 1.0).abs();
            assert!(near < 0.05 + jitter / 4.0, "{period}: {found:?}");
            assert!(found.jitter <= jitter + 0.01, "{found:?}");
        }
    }

    #[test]
    fn two_programs_that_call_the_same_peer_are_regular() {
        let mut dice = Dice(3);
        let mut calls = train(&mut dice, 60, 60.0, 0.05, 0.0);
        calls.extend(train(&mut dice, 40, 89.0, 0.05, 0.0));
        let found = of(&calls).unwrap();
        assert!(
            [60.0, 89.0].iter().any(|period| (found.period_seconds / period - 1.0).abs() < 0.06),
            "{found:?}"
        );
    }

    #[test]
    fn a_call_of_several_connections_is_one() {
        let calls = train(&mut Dice(1), 12, 30.0, 0.02, 0.0);
        let several: Vec<f64> = calls.iter().flat_map(|at| [*at, at + 0.01, at + 0.3]).collect();
        let found = of(&several).unwrap();
        assert_eq!(found.contacts, 12);
        assert!((found.period_seconds - 30.0).abs() < 1.0, "{found:?}");
    }

    #[test]
    fn contacts_at_random_and_sessions_of_work_are_not_regular() {
        for seed in 0..200 {
            let mut dice = Dice(seed);
            let (mut at, mut random) = (0.0, Vec::new());
            let (mut then, mut sessions) = (0.0, Vec::new());
            for call in 0..120 {
                at += -30.0 * (1.0 - dice.roll()).ln();
                random.push(at);
                // Twelve pages at a pace of its own each time, then a pause.
                then += if call % 12 == 0 { 2000.0 * dice.roll() } else { -20.0 * (1.0 - dice.roll()).ln() };
                sessions.push(then);
            }
            assert_eq!(of(&random), None, "seed {seed}");
            assert_eq!(of(&sessions), None, "seed {seed}");
        }
    }

    #[test]
    fn repetitions_of_an_unanswered_segment_are_not_regular() {
        // 1, 2, 4 … seconds apart (RFC 6298), begun anew.
        let mut calls = Vec::new();
        for begin in [0.0, 400.0, 1100.0] {
            calls.extend([0.0, 1.0, 3.0, 7.0, 15.0, 31.0].map(|at| begin + at));
        }
        assert_eq!(of(&calls), None);
    }

    #[test]
    fn few_contacts_or_all_at_once_say_nothing() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[0.0, 60.0, 120.0, 180.0, 240.0, 300.0, 360.0]), None);
        assert_eq!(of(&[1.0; 100]), None);
    }
}
