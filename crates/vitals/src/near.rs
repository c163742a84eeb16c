//! Near-exact replay search on one ECG: the same heartbeats again under noise, gain, offset or re-quantisation.
//!
//! Every five seconds the last twenty are compared with the past. Only lags at which most of the beats meet beats
//! of the past are looked at (a vote per pair of beats); there the z-normalised correlation decides. What is found
//! must be found again at the same lag ten seconds later.
//!
//! ```text
//! beats ──► votes per lag ──► lags with most beats ──► correlation > 0.99 ──► again, same lag, later ──► a replay
//! ```
//! Natural stretches of 20 s reach 0.986 at most (31 h of ECG); 20 dB of noise leave a replay at 0.994.
//! A replay that was resampled has no lag; where none is found, earlier runs of beats that meet the last ones but for one
//! factor ([`stretch`]) are compared in the same way.
//!
//! # Limits
//! [`NEAR_HISTORY_SECONDS`] of samples, a byte each: 460 KB to 520 KB a bed at 256 Hz, and as much while a search
//! counts votes.

use crate::stretch::{self, Line};
use std::collections::VecDeque;

/// How long the past is at least, in seconds.
pub const NEAR_HISTORY_SECONDS: usize = 30 * 60;
/// Samples a second of what is compared: neighbouring samples are added up until there are no more than this.
const HERTZ: f64 = 64.0;
/// Seconds compared.
const WINDOW_SECONDS: f64 = 20.0;
/// Seconds between two searches.
const PACE_SECONDS: f64 = 5.0;
/// Seconds after which a replay must still be there.
const CONFIRM_SECONDS: f64 = 10.0;
/// Least correlation of a replay.
const CORRELATION_MIN: f64 = 0.99;
/// Least correlation of every other sample at which all are compared.
const COARSE_MIN: f64 = 0.93;
/// How many samples of which one is looked at first.
const COARSE: usize = 2;
/// Share of the window's beats that must meet beats of the past.
const VOTES_SHARE: f32 = 0.6;
/// Fewest beats of a window that make a search worth while.
const BEATS_MIN: usize = 8;
/// Samples by which two beats may miss each other and still meet.
const MISS: usize = 4;
/// Most lags that are compared in one search; the ones with most votes come first.
const LAGS_MAX: usize = 4096;

/// Samples by which a line through beats may be off, either way.
const LINE_SHIFT: i32 = 3;
/// Samples by which the lag of a stretched replay may differ from what its factor makes of the lag found before.
const LINE_MISS: f64 = 16.0;

/// A replay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) correlation: f32,
    pub(crate) lag_seconds: f32,
    /// How many times as slow it plays as what it repeats.
    pub(crate) stretch: f32,
}

/// What one search found and the next must find again.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    correlation: f64,
    /// Samples before.
    lag: f64,
    factor: f64,
}

impl Candidate {
    /// Whether `later`, found `samples` later, is the same replay.
    fn goes_on(&self, later: &Self, samples: usize) -> bool {
        let grown = samples as f64 * (1.0 - 1.0 / self.factor);
        let off = (later.lag - self.lag - grown).abs();
        let even = self.factor == 1.0 && later.factor == 1.0;
        off <= if even { 1.0 } else { LINE_MISS }
    }
}

/// The past of one ECG.
#[derive(Clone, Debug, Default)]
pub(crate) struct Near {
    rate_hz: f64,
    /// Samples that are added up for one compared.
    step: usize,
    window: usize,
    samples: Vec<u8>,
    /// Samples of the past that are gone.
    gone: usize,
    beats: VecDeque<usize>,
    /// Where the present stretch began, and where the clock of its beats stood.
    began: usize,
    clock_ms: u64,
    searched: usize,
    suspected: Option<(usize, Candidate)>,
    votes: Vec<u8>,
}

impl Near {
    /// Samples of `rate_hz` follow; the clock of their beats stands at `clock_ms`.
    pub(crate) fn begin(&mut self, rate_hz: Option<f64>, clock_ms: u64) {
        self.clock_ms = clock_ms;
        let rate_hz = rate_hz.unwrap_or(0.0);
        if (rate_hz - self.rate_hz).abs() > self.rate_hz * 0.02 {
            self.gone = self.now();
            self.samples.clear();
            self.beats.clear();
        }
        self.rate_hz = rate_hz;
        self.step = ((rate_hz / HERTZ).round() as usize).max(1);
        self.window = (WINDOW_SECONDS * rate_hz) as usize;
        self.gap();
    }

    /// Samples are missing here.
    pub(crate) fn gap(&mut self) {
        self.began = self.now();
        self.searched = self.began;
        self.suspected = None;
    }

    fn now(&self) -> usize {
        self.gone + self.samples.len()
    }

    fn samples_of(&self, seconds: f64) -> usize {
        (seconds * self.rate_hz) as usize
    }

    /// Takes the next block.
    pub(crate) fn push(&mut self, block: &[u8]) {
        self.samples.extend_from_slice(block);
        // Moved to the front seldom, so that the past lies in one piece.
        let most = self.samples_of(NEAR_HISTORY_SECONDS as f64 * 1.125);
        if self.samples.len() > most {
            let over = self.samples.len() - self.samples_of(NEAR_HISTORY_SECONDS as f64);
            self.samples.drain(..over);
            self.gone += over;
            while self.beats.front().is_some_and(|beat| *beat < self.gone) {
                self.beats.pop_front();
            }
        }
    }

    /// A beat at `at_ms` of its clock.
    pub(crate) fn beat(&mut self, at_ms: u64) {
        let Some(at_ms) = at_ms.checked_sub(self.clock_ms) else { return };
        let at = self.began + (at_ms as f64 * self.rate_hz / 1_000.0) as usize;
        if self.beats.back().is_none_or(|last| *last < at) {
            self.beats.push_back(at);
        }
    }

    /// Compares the last seconds with the past, when it is time to.
    pub(crate) fn search(&mut self) -> Option<Found> {
        let now = self.now();
        let due = now >= self.searched + self.samples_of(PACE_SECONDS);
        if !due || self.window == 0 || now < self.began + self.window {
            return None;
        }
        self.searched = now;
        let Some(best) = self.best(now).or_else(|| self.best_stretched(now)) else {
            self.suspected = None;
            return None;
        };
        let found = Found {
            correlation: best.correlation as f32,
            lag_seconds: (best.lag / self.rate_hz) as f32,
            stretch: best.factor as f32,
        };
        match self.suspected.filter(|(since, before)| before.goes_on(&best, now - since)) {
            Some((since, _)) => (now >= since + self.samples_of(CONFIRM_SECONDS)).then_some(found),
            None => {
                self.suspected = Some((now, best));
                None
            }
        }
    }

    /// The best lag that is a replay's.
    fn best(&mut self, now: usize) -> Option<Candidate> {
        let best = self.lags(now).into_iter().filter_map(|lag| self.at_lag(lag));
        let best = best.max_by(|one, other| one.0.total_cmp(&other.0));
        let (correlation, lag) = best.filter(|(correlation, _)| *correlation > CORRELATION_MIN)?;
        Some(Candidate { correlation, lag: lag as f64, factor: 1.0 })
    }

    /// The best line through beats that is a stretched replay's.
    fn best_stretched(&mut self, now: usize) -> Option<Candidate> {
        let first = self.beats.partition_point(|beat| *beat < now - self.window);
        let lines = stretch::candidates(self.beats.make_contiguous(), first);
        let along = |line: &Line| {
            let shifts = (-LINE_SHIFT..=LINE_SHIFT).filter_map(|shift| {
                self.along(line, f64::from(shift)).map(|correlation| (correlation, shift))
            });
            let (correlation, shift) = shifts.max_by(|one, other| one.0.total_cmp(&other.0))?;
            let lag = now as f64 - line.then(now as f64) - f64::from(shift);
            Some(Candidate { correlation, lag, factor: line.factor })
        };
        let best = lines.iter().filter_map(along);
        let best = best.max_by(|one, other| one.correlation.total_cmp(&other.correlation));
        best.filter(|best| best.correlation > CORRELATION_MIN)
    }

    /// Z-normalised correlation of the last samples with those that `line`, moved by `shift` samples of the past, puts beside
    /// them.
    fn along(&self, line: &Line, shift: f64) -> Option<f64> {
        let start = self.samples.len().checked_sub(self.window)?;
        let present = self.samples.get(start..)?;
        // As many samples of the past as are added up now, at a place between two: the first and the last count in part.
        let added_then = |at: f64| -> Option<f64> {
            let whole = at as usize;
            let share = at - whole as f64;
            let codes = self.samples.get(whole..=whole + self.step)?;
            let sum: f64 = codes.iter().take(self.step).map(|code| f64::from(*code)).sum();
            let (first, last) = (f64::from(*codes.first()?), f64::from(*codes.last()?));
            Some(sum + share * (last - first))
        };
        let mut sums = Sums::default();
        for (number, codes) in present.chunks_exact(self.step).enumerate() {
            let now = (self.gone + start + number * self.step) as f64;
            let then = line.then(now) + shift - self.gone as f64;
            let then = added_then(then).filter(|_| then >= 0.0)?;
            sums.add(codes.iter().map(|code| f64::from(*code)).sum(), then);
        }
        sums.correlation()
    }

    /// Lags at which most of the window's beats meet beats of the past, most votes first.
    fn lags(&mut self, now: usize) -> Vec<usize> {
        let from = now - self.window;
        let first = self.beats.partition_point(|beat| *beat < from);
        let own = self.beats.len() - first;
        if own < BEATS_MIN {
            return Vec::new();
        }
        let most = self.samples.len();
        self.votes.clear();
        self.votes.resize(most + 1, 0);
        for beat in self.beats.iter().skip(first) {
            for past in self.beats.iter().take(first) {
                if let Some(votes) = self.votes.get_mut(beat - past) {
                    *votes = votes.saturating_add(1);
                }
            }
        }
        let least = (own as f32 * VOTES_SHARE) as u32;
        let mut lags: Vec<(u32, usize)> = Vec::new();
        let width = 2 * MISS + 1;
        let last = most.saturating_sub(self.window);
        let mut sum = 0_u32;
        for lag in 0..=last + MISS {
            sum += self.votes.get(lag).copied().map_or(0, u32::from);
            if lag >= width {
                sum -= self.votes.get(lag - width).copied().map_or(0, u32::from);
            }
            let middle = lag.saturating_sub(MISS);
            if sum >= least && (self.window..=last).contains(&middle) {
                match lags.last_mut().filter(|(_, before)| middle - *before <= 2 * MISS) {
                    Some(known) if known.0 < sum => *known = (sum, middle),
                    Some(_) => {}
                    None => lags.push((sum, middle)),
                }
            }
        }
        lags.sort_unstable_by_key(|(votes, lag)| (std::cmp::Reverse(*votes), *lag));
        lags.truncate(LAGS_MAX);
        lags.into_iter().map(|(_, lag)| lag).collect()
    }

    /// The best correlation around a lag.
    fn at_lag(&self, lag: usize) -> Option<(f64, usize)> {
        let around = (lag.saturating_sub(6).max(self.window)..=lag + 6).step_by(2);
        let coarse = around.filter_map(|lag| Some((self.compare(lag, COARSE)?, lag)));
        let (_, near) =
            coarse.max_by(|one, other| one.0.total_cmp(&other.0)).filter(|best| best.0 > COARSE_MIN)?;
        let fine = near.saturating_sub(2).max(self.window)..=near + 2;
        let fine = fine.filter_map(|lag| Some((self.compare(lag, 1)?, lag)));
        fine.max_by(|one, other| one.0.total_cmp(&other.0))
    }

    /// Z-normalised correlation of the last samples with those `lag` before, one of `coarse`.
    fn compare(&self, lag: usize, coarse: usize) -> Option<f64> {
        let present = self.samples.get(self.samples.len().checked_sub(self.window)?..)?;
        let start = self.samples.len().checked_sub(self.window + lag)?;
        let past = self.samples.get(start..start + self.window)?;
        let chunk = self.step * coarse;
        let added = |samples: &[u8]| samples.iter().take(self.step).map(|code| u64::from(*code)).sum::<u64>();
        let ([mut a, mut b, mut aa, mut bb, mut ab], mut count) = ([0_u64; 5], 0_u64);
        for (one, other) in present.chunks_exact(chunk).zip(past.chunks_exact(chunk)) {
            let (one, other) = (added(one), added(other));
            a += one;
            b += other;
            aa += one * one;
            bb += other * other;
            ab += one * other;
            count += 1;
        }
        let [a, b, aa, bb, ab] = [a, b, aa, bb, ab].map(|sum| sum as f64);
        Sums { count: count as f64, a, b, aa, bb, ab }.correlation()
    }
}

/// Sums of two rows of values, of their squares and of their products.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    count: f64,
    a: f64,
    b: f64,
    aa: f64,
    bb: f64,
    ab: f64,
}

impl Sums {
    fn add(&mut self, a: f64, b: f64) {
        self.count += 1.0;
        self.a += a;
        self.b += b;
        self.aa += a * a;
        self.bb += b * b;
        self.ab += a * b;
    }

    /// Their z-normalised correlation; none where either row is constant.
    fn correlation(&self) -> Option<f64> {
        let Self { count, a, b, aa, bb, ab } = *self;
        let norm = (count * aa - a * a) * (count * bb - b * b);
        (norm > 0.0).then(|| (count * ab - a * b) / norm.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Random(u64);

    impl Random {
        fn unit(&mut self) -> f64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }

        fn normal(&mut self) -> f64 {
            (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
        }
    }

    /// A heart whose intervals and heights wander: samples at 256 Hz, and its beats.
    fn heart(seconds: usize, random: &mut Random) -> (Vec<f64>, Vec<usize>) {
        let mut wave = vec![0.0; seconds * 256];
        let (mut at, mut beats) = (100.0, Vec::new());
        while at + 120.0 < wave.len() as f64 {
            beats.push(at as usize);
            let height = 60.0 + 4.0 * random.normal();
            for (offset, share, width) in [(0.0, 1.0, 3.0), (70.0, 0.25, 14.0), (-40.0, 0.12, 8.0)] {
                for (place, value) in
                    wave.iter_mut().enumerate().take(at as usize + 115).skip(at as usize - 90)
                {
                    let distance: f64 = (place as f64 - at - offset) / width;
                    *value += height * share * (-0.5 * distance * distance).exp();
                }
            }
            at += 205.0 + 14.0 * random.normal();
        }
        wave.iter_mut().for_each(|value| *value += 0.6 * random.normal());
        (wave, beats)
    }

    fn run(wave: &[f64], beats: &[usize]) -> Option<(usize, Found)> {
        let mut near = Near::default();
        near.begin(Some(256.0), 0);
        let mut next = beats.iter().peekable();
        for (second, block) in wave.chunks(256).enumerate() {
            let codes: Vec<u8> =
                block.iter().map(|value| (100.0 + value).round().clamp(0.0, 255.0) as u8).collect();
            while let Some(beat) = next.next_if(|beat| **beat < (second + 1) * 256) {
                near.beat(*beat as u64 * 1_000 / 256);
            }
            near.push(&codes);
            if let Some(found) = near.search() {
                return Some((second, found));
            }
        }
        None
    }

    #[test]
    fn a_replay_under_noise_and_half_the_gain_is_found_at_its_lag() {
        let mut random = Random(77);
        let (mut wave, mut beats) = heart(240, &mut random);
        let from = 60 * 256 + 37;
        let at = 150 * 256;
        let past: Vec<f64> = wave[from..from + 60 * 256].to_vec();
        for (place, value) in past.iter().enumerate() {
            wave[at + place] = 0.5 * value + 10.0 + 0.5 * random.normal();
        }
        beats.retain(|beat| !(at..at + 60 * 256).contains(beat));
        let again: Vec<_> = beats.iter().filter(|beat| (from..from + 60 * 256).contains(*beat)).collect();
        let again: Vec<_> = again.into_iter().map(|beat| beat - from + at).collect();
        beats.extend(again);
        beats.sort_unstable();
        let (second, found) = run(&wave, &beats).unwrap();
        assert!((175..190).contains(&second), "{second}");
        assert!((found.lag_seconds - 89.86).abs() < 0.02, "{found:?}");
    }

    #[test]
    fn a_replay_played_slower_under_noise_is_found_with_its_stretch() {
        let mut random = Random(31);
        let (mut wave, mut beats) = heart(240, &mut random);
        let (from, at) = (50 * 256 + 11, 150 * 256);
        let past = wave[from..from + 70 * 256].to_vec();
        for place in 0..65 * 256 {
            let then = place as f64 / 1.01;
            let (whole, share) = (then as usize, then.fract());
            let value = past[whole] + share * (past[whole + 1] - past[whole]);
            wave[at + place] = 0.8 * value + 5.0 + 0.3 * random.normal();
        }
        let again: Vec<usize> =
            beats.iter().filter(|beat| (from..from + 64 * 256).contains(*beat)).copied().collect();
        beats.retain(|beat| !(at..at + 65 * 256).contains(beat));
        beats.extend(again.iter().map(|beat| at + ((beat - from) as f64 * 1.01).round() as usize));
        beats.sort_unstable();
        let (second, found) = run(&wave, &beats).unwrap();
        assert!((175..195).contains(&second), "{second}");
        assert!((found.stretch - 1.01).abs() < 0.001, "{found:?}");
    }

    #[test]
    fn a_heart_does_not_repeat_itself() {
        let mut random = Random(5);
        let (wave, beats) = heart(600, &mut random);
        assert!(run(&wave, &beats).is_none());
    }
}
