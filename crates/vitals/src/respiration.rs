//! Breaths of the impedance wave, and their rate.
//!
//! 1. The signal is put on a grid of 10 Hz and averaged over 0.7 and 0.5 s: the heart's ripple at 1 to 2 Hz goes.
//! 2. The wave has turned when it has come back from its extreme by three tenths of the median swing of the last eight
//!    breaths. A turn from above is a breath; its place is the middle of the top, which clipping may make flat.
//!
//! The rate of a window is the intervals between its breaths over the time they take.
//!
//! # Source
//! Own design: turning points by prominence, as the counting methods of Charlton 2016 (doi 10.1088/0967-3334/37/4/610).

use crate::adaptive::Remembered;
use crate::grid::{FRACTION_BITS, Grid};
use crate::ring::MovingSum;
use crate::usable_rate_hz;

/// One breath.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Breath {
    /// Sample of the end of inspiration, counted from 0 since construction.
    pub at: u64,
}

/// Rate of the grid that the detector works on, in hertz.
const GRID_HZ: f64 = 10.0;
/// Smallest turn, in codes: less is the converter's last bit.
const TURN_CODES_MIN: i64 = 1;
/// Without a breath for so long the usual swing is doubted: 10 s.
const SILENCE_SAMPLES: u64 = 100;
/// Breaths held for a rate: a minute at 120 a minute. Older ones are dropped.
const BREATHS_MAX: usize = 128;

/// What was chosen by measuring, with the values that are used as default.
///
/// Public so that `evaluate` can choose it on some subjects and measure on others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tuning {
    /// Samples of 0.1 s in the two averages against the heart's ripple: 0.7 and 0.5 s.
    pub smooth_samples: [u64; 2],
    /// The wave has turned when it has come back by this share of the usual swing, in percent.
    pub turn_share: i64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { smooth_samples: [7, 5], turn_share: 30 }
    }
}

/// Finds the breaths of an impedance wave.
#[derive(Clone, Debug)]
pub struct Detector {
    tuning: Tuning,
    grid: Grid,
    /// Input samples before the last reset.
    base: u64,
    pushed: u64,
    smooth: [MovingSum; 2],
    /// Grid samples since the last reset.
    now: u64,
    swings: Remembered,
    /// Lowest and highest value so far: the usual swing before three are known.
    range: (i64, i64),
    direction: Direction,
    extreme: Extreme,
    /// The extreme before it.
    turned_at: i64,
    last: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Direction {
    Up,
    Down,
}

/// Highest or lowest value since the last turn.
#[derive(Clone, Copy, Debug, Default)]
struct Extreme {
    first: u64,
    last: u64,
    value: i64,
}

impl Detector {
    /// For an impedance wave of `rate_hz` samples a second, any gain and offset.
    pub fn new(rate_hz: f64) -> Self {
        Self::with_tuning(rate_hz, Tuning::default())
    }

    /// The same with other choices.
    pub fn with_tuning(rate_hz: f64, tuning: Tuning) -> Self {
        Self {
            tuning,
            grid: Grid::new(rate_hz, GRID_HZ),
            base: 0,
            pushed: 0,
            smooth: tuning.smooth_samples.map(|samples| MovingSum::new(samples as usize)),
            now: 0,
            swings: Remembered::default(),
            range: (0, 0),
            direction: Direction::Up,
            extreme: Extreme::default(),
            turned_at: 0,
            last: 0,
        }
    }

    /// Takes the next sample; a breath is told when the wave has come down by three tenths of the usual swing.
    pub fn push(&mut self, sample: i32) -> Option<Breath> {
        self.grid.push(sample);
        self.pushed += 1;
        let mut found = None;
        while let Some(value) = self.grid.next() {
            if let Some(place) = self.breath(value) {
                found = Some(Breath { at: self.base + self.grid.input_place(place) });
            }
        }
        found
    }

    /// Forgets the signal, for a gap. Positions count on.
    pub fn reset(&mut self) {
        self.base = self.pushed;
        self.grid.clear();
        (self.now, self.last) = (0, 0);
        self.swings = Remembered::default();
        self.direction = Direction::Up;
    }

    /// Takes the next value of the grid and tells the place of the breath that it ends.
    fn breath(&mut self, value: i64) -> Option<u64> {
        let now = self.now;
        self.now += 1;
        let [first, second] = &mut self.smooth;
        if now == 0 {
            first.fill(value);
            second.fill(first.push(value));
        }
        let smooth = second.push(first.push(value));
        if now == 0 {
            self.range = (smooth, smooth);
            self.extreme = Extreme { first: 0, last: 0, value: smooth };
            self.turned_at = smooth;
        }
        self.range = (self.range.0.min(smooth), self.range.1.max(smooth));
        if now > self.last + SILENCE_SAMPLES && now.is_multiple_of(10) {
            self.swings.fade();
            let shrink = (self.range.1 - self.range.0) / 32;
            self.range = (self.range.0 + shrink, self.range.1 - shrink);
        }
        let further = match self.direction {
            Direction::Up => smooth - self.extreme.value,
            Direction::Down => self.extreme.value - smooth,
        };
        if further > 0 {
            self.extreme = Extreme { first: now, last: now, value: smooth };
        } else if further == 0 {
            self.extreme.last = now;
        } else if -further > self.least_turn() {
            return self.turn(now, smooth);
        }
        None
    }

    fn least_turn(&self) -> i64 {
        let usual = if self.swings.held() < 3 { self.range.1 - self.range.0 } else { self.swings.median() };
        let [first, second] = self.tuning.smooth_samples;
        (usual / 100 * self.tuning.turn_share)
            .max((TURN_CODES_MIN << FRACTION_BITS) * (first * second) as i64)
    }

    /// The wave has turned; tells the place of the top it comes from.
    fn turn(&mut self, now: u64, smooth: i64) -> Option<u64> {
        let Extreme { first, last, value } = self.extreme;
        let swing = (value - self.turned_at).abs();
        self.turned_at = value;
        self.extreme = Extreme { first: now, last: now, value: smooth };
        if self.direction == Direction::Down {
            self.direction = Direction::Up;
            return None;
        }
        self.direction = Direction::Down;
        self.swings.push(swing);
        self.last = now;
        // Both averages run behind by half their length.
        let delay = self.tuning.smooth_samples.iter().sum::<u64>().saturating_sub(2) / 2;
        Some(first.midpoint(last).saturating_sub(delay))
    }
}

/// Respiration rate over a window: intervals over the time they take.
#[derive(Clone, Debug)]
pub struct Rate {
    rate_hz: f64,
    window: u64,
    breaths: [u64; BREATHS_MAX],
    held: usize,
}

impl Rate {
    /// For breaths counted in samples of `rate_hz`, over the last `window_s` seconds.
    pub fn new(rate_hz: f64, window_s: u32) -> Self {
        let rate_hz = usable_rate_hz(rate_hz);
        Self { rate_hz, window: (f64::from(window_s) * rate_hz) as u64, breaths: [0; BREATHS_MAX], held: 0 }
    }

    /// Takes a breath. One that is not later than the one before is ignored.
    pub fn breath(&mut self, at: u64) {
        if self.held > 0 && self.breaths.first().is_some_and(|&last| at <= last) {
            return;
        }
        self.breaths.rotate_right(1);
        if let Some(newest) = self.breaths.first_mut() {
            *newest = at;
        }
        self.held = (self.held + 1).min(BREATHS_MAX);
    }

    /// Breaths per minute as of sample `now`; `None` with fewer than two breaths in the window.
    pub fn per_minute(&self, now: u64) -> Option<f64> {
        let since = now.saturating_sub(self.window);
        let held = self.breaths.get(..self.held)?;
        let mut within = held.iter().filter(|at| (since..=now).contains(*at));
        let newest = within.next()?;
        let (mut oldest, mut intervals) = (newest, 0_u32);
        for breath in within {
            oldest = breath;
            intervals += 1;
        }
        (intervals > 0).then(|| 60.0 * self.rate_hz * f64::from(intervals) / (newest - oldest) as f64)
    }

    /// Forgets the breaths, for a gap.
    pub fn reset(&mut self) {
        self.held = 0;
    }
}
