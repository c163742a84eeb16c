//! Whether a wave is good enough to be judged.
//!
//! * [`Agreement`], bSQI (Li, Mark, Clifford 2008, doi 10.1088/0967-3334/29/1/002): share of the beats of two
//!   different detectors that both found, within 150 ms, in the last 10 seconds.
//! * [`Template`], template matching (Orphanidou 2015, doi 10.1109/JBHI.2014.2338351): mean correlation of the last 10
//!   seconds' beats with their mean beat; published thresholds 0.66 for the ECG and 0.86 for the pleth.
//! * [`Flat`] and [`Rails`]: exact statements about the codes.

use crate::ring::Ring;
use crate::usable_rate_hz;

/// How far back the indices look, in seconds.
pub const WINDOW_SECONDS: u64 = 10;
/// Largest distance of two beats that are taken as one, in milliseconds.
pub const AGREEMENT_MS: u64 = 150;
/// Beats held per detector: ten seconds at 360 a minute. Older ones are dropped.
const BEATS_MAX: usize = 64;
/// Points by which a beat's shape is compared.
const POINTS: usize = 48;
/// Fewest beats that have a template.
const TEMPLATE_BEATS_MIN: usize = 3;
/// Beats whose shapes are held. Older ones are dropped.
const SHAPES_MAX: usize = 32;

/// Agreement of two beat detectors on one wave.
#[derive(Clone, Debug)]
pub struct Agreement {
    window: u64,
    tolerance: u64,
    first: Recent,
    second: Recent,
}

impl Agreement {
    /// For beats counted in samples of `rate_hz`.
    pub fn new(rate_hz: f64) -> Self {
        let rate_hz = usable_rate_hz(rate_hz);
        Self {
            window: (WINDOW_SECONDS as f64 * rate_hz) as u64,
            tolerance: (AGREEMENT_MS as f64 / 1_000.0 * rate_hz) as u64,
            first: Recent::default(),
            second: Recent::default(),
        }
    }

    /// Takes a beat of the first detector.
    pub fn first(&mut self, at: u64) {
        self.first.push(at);
    }

    /// Takes a beat of the second detector.
    pub fn second(&mut self, at: u64) {
        self.second.push(at);
    }

    /// Share of the beats in the 10 seconds up to sample `until` that both found, 0 to 1; `None` if neither found any.
    ///
    /// Both detectors must have had their say: `until` is best half a second in the past.
    pub fn share(&self, until: u64) -> Option<f64> {
        let since = until.saturating_sub(self.window);
        let inside = |at: &&u64| (since..=until).contains(*at);
        let (mut both, mut all) = (0_u32, 0_u32);
        let mut others = self.second.newest_first().iter().filter(inside).peekable();
        for &beat in self.first.newest_first().iter().filter(inside) {
            while others.next_if(|&&other| other > beat + self.tolerance).is_some() {
                all += 1;
            }
            if others.next_if(|&&other| other + self.tolerance >= beat).is_some() {
                both += 1;
            }
            all += 1;
        }
        all += others.count() as u32;
        (all > 0).then(|| f64::from(both) / f64::from(all))
    }

    /// The last beats of the first detector, oldest first.
    pub(crate) fn beats(&self) -> impl Iterator<Item = u64> {
        self.first.newest_first().iter().rev().copied()
    }

    /// Forgets the beats, for a gap.
    pub fn reset(&mut self) {
        self.first.held = 0;
        self.second.held = 0;
    }
}

/// The last beats, newest first.
#[derive(Clone, Debug)]
struct Recent {
    beats: [u64; BEATS_MAX],
    held: usize,
}

impl Default for Recent {
    fn default() -> Self {
        Self { beats: [0; BEATS_MAX], held: 0 }
    }
}

impl Recent {
    fn push(&mut self, at: u64) {
        if self.held > 0 && self.beats.first().is_some_and(|&last| at <= last) {
            return;
        }
        self.beats.rotate_right(1);
        if let Some(newest) = self.beats.first_mut() {
            *newest = at;
        }
        self.held = (self.held + 1).min(BEATS_MAX);
    }

    fn newest_first(&self) -> &[u64] {
        self.beats.get(..self.held).unwrap_or(&[])
    }
}

/// One beat's shape around its peak, about its mean.
#[derive(Clone, Copy, Debug)]
struct Shape {
    at: u64,
    points: [f32; POINTS],
    /// Root of the sum of their squares.
    norm: f32,
}

/// How alike the beats of a wave are.
#[derive(Clone, Debug)]
pub struct Template {
    samples: Ring,
    /// First sample after the last gap.
    start: u64,
    window: u64,
    before: u64,
    after: u64,
    /// Beats whose samples have not all come.
    waiting: Recent,
    shapes: Box<[Shape]>,
    /// Where the next goes, over the oldest.
    next: usize,
    held: usize,
}

impl Template {
    /// For an ECG of `rate_hz`: 250 ms before the R peak to 350 ms after it.
    pub fn ecg(rate_hz: f64) -> Self {
        Self::around(rate_hz, 0.25, 0.35)
    }

    /// For a pleth of `rate_hz`: 300 ms before the peak to 300 ms after it.
    pub fn pleth(rate_hz: f64) -> Self {
        Self::around(rate_hz, 0.3, 0.3)
    }

    fn around(rate_hz: f64, before_s: f64, after_s: f64) -> Self {
        let rate_hz = usable_rate_hz(rate_hz);
        Self {
            samples: Ring::new(((before_s + after_s + 1.5) * rate_hz) as usize),
            start: 0,
            window: (WINDOW_SECONDS as f64 * rate_hz) as u64,
            before: (before_s * rate_hz) as u64,
            after: (after_s * rate_hz) as u64,
            waiting: Recent::default(),
            shapes: vec![Shape { at: 0, points: [0.0; POINTS], norm: 0.0 }; SHAPES_MAX].into_boxed_slice(),
            next: 0,
            held: 0,
        }
    }

    /// Takes the next sample of the wave.
    pub fn push(&mut self, sample: i32) {
        self.samples.push(i64::from(sample));
        while let Some(&oldest) = self.waiting.newest_first().last() {
            if self.samples.pushed() <= oldest + self.after {
                break;
            }
            self.waiting.held -= 1;
            self.keep(oldest);
        }
    }

    /// Takes the beat or pulse whose peak is at sample `at`, at most a second and a half ago.
    pub fn beat(&mut self, at: u64) {
        if self.samples.pushed() > at + self.after {
            self.keep(at);
        } else {
            self.waiting.push(at);
        }
    }

    /// Copies the shape of the beat at `at` from the samples.
    fn keep(&mut self, at: u64) {
        let Some(start) = at.checked_sub(self.before).filter(|&start| start >= self.start) else { return };
        let length = self.before + self.after;
        if let Some(shape) = self.shapes.get_mut(self.next) {
            shape.at = at;
            for (number, point) in (0_u64..).zip(&mut shape.points) {
                let place = start + number * length / (POINTS as u64 - 1);
                *point = self.samples.at(place) as f32;
            }
            let mean = shape.points.iter().sum::<f32>() / POINTS as f32;
            shape.points.iter_mut().for_each(|point| *point -= mean);
            shape.norm = dot(&shape.points, &shape.points).sqrt();
        }
        self.next = (self.next + 1) % SHAPES_MAX;
        self.held = (self.held + 1).min(SHAPES_MAX);
    }

    /// Mean correlation of the beats in the 10 seconds up to sample `now` with their mean beat, -1 to 1; `None` with
    /// fewer than three beats.
    pub fn correlation(&self, now: u64) -> Option<f64> {
        let since = now.saturating_sub(self.window);
        // The sum of the beats correlates as their mean does; and the correlations with it add up to that of the sum of
        // the beats, each at its norm.
        let (mut sum, mut even) = ([0.0_f32; POINTS], [0.0_f32; POINTS]);
        let mut beats = 0_u32;
        // All places are taken before the first is taken again, so that what is held comes first.
        for shape in self.shapes.iter().take(self.held).filter(|shape| (since..=now).contains(&shape.at)) {
            let share = if shape.norm > 0.0 { 1.0 / shape.norm } else { 0.0 };
            for ((sum, even), point) in sum.iter_mut().zip(&mut even).zip(&shape.points) {
                *sum += point;
                *even += point * share;
            }
            beats += 1;
        }
        if (beats as usize) < TEMPLATE_BEATS_MIN {
            return None;
        }
        let norm = dot(&sum, &sum).sqrt();
        let correlations = if norm > 0.0 { dot(&sum, &even) / norm } else { 0.0 };
        Some(f64::from(correlations) / f64::from(beats))
    }

    /// Forgets samples and beats, for a gap; positions count on.
    pub fn reset(&mut self) {
        self.start = self.samples.pushed();
        self.waiting.held = 0;
        (self.next, self.held) = (0, 0);
    }
}

/// How long a wave has stood still: every sample of the run is one of two neighbouring codes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flat {
    last: Option<i32>,
    other: Option<i32>,
    run: u64,
    same: u64,
}

impl Flat {
    /// Takes the next sample and tells how many samples, this one included, lie within one code of each other.
    pub fn push(&mut self, sample: i32) -> u64 {
        match self.last {
            Some(last) if last == sample => {
                self.run += 1;
                self.same += 1;
            }
            Some(last)
                if self.other == Some(sample) || self.other.is_none() && last.abs_diff(sample) == 1 =>
            {
                self.run += 1;
                self.same = 1;
                self.other = Some(last);
            }
            Some(last) if last.abs_diff(sample) == 1 => {
                self.run = self.same + 1;
                self.same = 1;
                self.other = Some(last);
            }
            _ => {
                self.run = 1;
                self.same = 1;
                self.other = None;
            }
        }
        self.last = Some(sample);
        self.run
    }
}

/// Share of the samples that lie on the lowest or highest code of the converter, over the last 10 seconds.
#[derive(Clone, Debug)]
pub struct Rails {
    low: i32,
    high: i32,
    second: u64,
    pushed: u64,
    /// Samples on a rail in each second, newest first.
    on_rail: [u64; WINDOW_SECONDS as usize],
    /// Samples in each second, newest first.
    samples: [u64; WINDOW_SECONDS as usize],
}

impl Rails {
    /// For samples of `rate_hz` whose converter ends at `low` and `high`.
    pub fn new(rate_hz: f64, low: i32, high: i32) -> Self {
        Self {
            low,
            high,
            second: usable_rate_hz(rate_hz) as u64,
            pushed: 0,
            on_rail: [0; WINDOW_SECONDS as usize],
            samples: [0; WINDOW_SECONDS as usize],
        }
    }

    /// Takes the next sample.
    pub fn push(&mut self, sample: i32) {
        if self.pushed > 0 && self.pushed.is_multiple_of(self.second) {
            for seconds in [&mut self.on_rail, &mut self.samples] {
                seconds.rotate_right(1);
                if let Some(newest) = seconds.first_mut() {
                    *newest = 0;
                }
            }
        }
        self.pushed += 1;
        if let (Some(on_rail), Some(samples)) = (self.on_rail.first_mut(), self.samples.first_mut()) {
            *on_rail += u64::from(sample <= self.low || sample >= self.high);
            *samples += 1;
        }
    }

    /// The share, 0 to 1; 0 before the first sample.
    pub fn share(&self) -> f64 {
        let samples: u64 = self.samples.iter().sum();
        let on_rail: u64 = self.on_rail.iter().sum();
        if samples > 0 { on_rail as f64 / samples as f64 } else { 0.0 }
    }
}

fn dot(one: &[f32; POINTS], other: &[f32; POINTS]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detectors_that_find_the_same_beats_agree() {
        let mut agreement = Agreement::new(250.0);
        for beat in 1..=10 {
            agreement.first(beat * 250);
            agreement.second(beat * 250 + 37 * (beat % 2));
        }
        assert_eq!(agreement.share(2_600), Some(1.0));
    }

    #[test]
    fn beats_that_one_detector_missed_or_misplaced_lower_the_share() {
        let mut agreement = Agreement::new(250.0);
        for beat in 1..=8 {
            agreement.first(beat * 250);
            if beat % 2 == 0 {
                agreement.second(beat * 250 - 38);
            } else if beat != 3 {
                agreement.second(beat * 250 + 20);
            }
        }
        // Three of eight and eight of seven others: 3 pairs, 8 + 7 - 3 beats.
        assert_eq!(agreement.share(2_500), Some(3.0 / 12.0));
        assert_eq!(Agreement::new(250.0).share(2_500), None);
    }

    #[test]
    fn only_the_last_ten_seconds_count() {
        let mut agreement = Agreement::new(100.0);
        for beat in 1..=40 {
            agreement.first(beat * 100);
            if beat > 25 {
                agreement.second(beat * 100);
            }
        }
        assert_eq!(agreement.share(4_000), Some(1.0));
        assert!(agreement.share(2_500).unwrap() < 0.1);
    }

    fn triangle(from_peak: i64) -> i32 {
        (40 - from_peak.abs().min(40)) as i32
    }

    fn correlation_of(shape: impl Fn(i64, i64) -> i32) -> f64 {
        let mut template = Template::ecg(100.0);
        for at in 0..1_000_i64 {
            let (beat, from_peak) = (at / 100, at % 100 - 50);
            template.push(shape(beat, from_peak));
            if from_peak == 3 {
                template.beat((at - 3) as u64);
            }
        }
        template.correlation(999).unwrap()
    }

    #[test]
    fn equal_beats_correlate_and_others_do_not() {
        assert!(correlation_of(|_, from_peak| triangle(from_peak)) > 0.999);
        let mixed = correlation_of(|beat, from_peak| triangle(from_peak + 30 * (beat % 3 - 1)));
        assert!(mixed < 0.8, "{mixed}");
        assert_eq!(correlation_of(|_, _| 7), 0.0);
    }

    #[test]
    fn a_template_needs_three_beats() {
        let mut template = Template::pleth(50.0);
        for at in 0..100 {
            template.push(at);
        }
        template.beat(20);
        template.beat(70);
        assert_eq!(template.correlation(100), None);
        template.beat(80);
        assert!(template.correlation(100).is_some());
        template.reset();
        assert_eq!(template.correlation(100), None);
    }

    #[test]
    fn two_neighbouring_codes_are_flat_and_three_are_not() {
        let mut flat = Flat::default();
        let runs: Vec<u64> =
            [5, 5, 6, 5, 6, 6, 7, 7, 6, 9, 9].into_iter().map(|code| flat.push(code)).collect();
        assert_eq!(runs, [1, 2, 3, 4, 5, 6, 3, 4, 5, 1, 2]);
        assert_eq!(flat.push(i32::MIN), 1);
        assert_eq!(flat.push(i32::MAX), 1);
    }

    #[test]
    fn samples_on_the_rails_are_counted_over_ten_seconds() {
        let mut rails = Rails::new(100.0, 0, 255);
        assert_eq!(rails.share(), 0.0);
        for at in 0..1_000 {
            rails.push(if at % 4 == 0 { 255 } else { 128 });
        }
        assert_eq!(rails.share(), 0.25);
        for _ in 0..1_000 {
            rails.push(100);
        }
        assert_eq!(rails.share(), 0.0);
    }
}
