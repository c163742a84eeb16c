//! The shape, height and noise of one channel's beats over time.

use std::collections::VecDeque;

/// Points of a shape.
pub(crate) const POINTS: usize = 64;
/// Beats of which the present shape is the median.
const RECENT: usize = 15;
/// Points at either end of a shape that lie outside the beat.
const QUIET: usize = 12;
/// Beats after which the present shape is made anew.
const PRESENT_BEATS: u64 = 6;
/// Beats after which it is known what is usual.
const USUAL_BEATS: u32 = 24;
/// Usual shapes that are kept: hearts have several (paced, ectopic). The one met least gives way.
const USUAL_SHAPES: usize = 6;
/// Beats of one shape that make it usual.
const USUAL_OF_SHAPE: u32 = 4;
/// Likeness from which two beats are of one shape.
const SAME_SHAPE: f32 = 0.85;
/// Share of a new beat in its usual shape.
const USUAL_SHARE: f32 = 1.0 / 100.0;
/// How far two shapes may be shifted against each other, in points.
const SHIFT: usize = 10;
/// The same where a beat is learnt: beats of one shape lie well on each other.
const LEARN_SHIFT: usize = 2;
/// Beats of which noise and spread are told.
const STEADY_BEATS: usize = 60;
/// Beats before a step in height, and after it.
pub(crate) const BEFORE: usize = 10;
pub(crate) const AFTER: usize = 6;
/// A step in height scales low and high beats alike, up to this ratio of the two factors.
const ALIKE: f32 = 1.3;
/// Least likeness of the beats after a step to those before it.
const KEPT_SHAPE: f32 = 0.95;
/// Ratio of the heights from which a step counts.
pub(crate) const STEP_MIN: f32 = 1.5;

/// One beat's shape in codes.
pub(crate) type Shape = [f32; POINTS];

/// The beats of one channel.
#[derive(Clone, Debug)]
pub(crate) struct Shapes {
    recent: VecDeque<Shape>,
    /// Median of the last beats, and how like the usual shapes it is; made anew every few beats.
    present: Shape,
    alike: Option<f32>,
    beats: u64,
    usual: Vec<(Shape, u32)>,
    usual_beats: u32,
    heights: VecDeque<f32>,
    noise: VecDeque<f32>,
    intervals: VecDeque<f32>,
    last: Option<u64>,
    /// Height before the step, where one happened.
    stepped_from: Option<f32>,
}

impl Default for Shapes {
    fn default() -> Self {
        Self {
            recent: VecDeque::with_capacity(RECENT + 1),
            present: [0.0; POINTS],
            alike: None,
            beats: 0,
            usual: Vec::with_capacity(USUAL_SHAPES),
            usual_beats: 0,
            heights: VecDeque::with_capacity(BEFORE + AFTER + 1),
            noise: VecDeque::with_capacity(STEADY_BEATS + 1),
            intervals: VecDeque::with_capacity(STEADY_BEATS + 1),
            last: None,
            stepped_from: None,
        }
    }
}

fn keep<T>(queue: &mut VecDeque<T>, value: T, most: usize) {
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(value);
}

impl Shapes {
    /// Takes the beat at sample `at`; `settled` where it may become part of what is usual.
    pub(crate) fn beat(&mut self, at: u64, shape: Shape, settled: bool) {
        let (low, high) =
            shape.iter().fold((f32::MAX, f32::MIN), |(low, high), p| (low.min(*p), high.max(*p)));
        if self.recent.len() >= RECENT {
            let noise = residual(&shape, &self.present);
            keep(&mut self.noise, noise, STEADY_BEATS);
        }
        if let Some(last) = self.last.replace(at) {
            keep(&mut self.intervals, at.saturating_sub(last) as f32, STEADY_BEATS);
        }
        keep(&mut self.recent, shape, RECENT);
        keep(&mut self.heights, high - low, BEFORE + AFTER);
        self.step();
        if settled {
            self.learn(&shape);
        }
        self.beats += 1;
        if self.beats.is_multiple_of(PRESENT_BEATS) && self.recent.len() >= RECENT {
            self.present = self.median_of(0, RECENT);
            self.alike = self.alike_now();
        }
    }

    /// Adds a beat to the usual shape it is most like, or makes it a new one.
    fn learn(&mut self, shape: &Shape) {
        self.usual_beats = self.usual_beats.saturating_add(1);
        let alike = self.usual.iter_mut().map(|usual| (likeness(shape, &usual.0, LEARN_SHIFT), usual));
        let best = alike.max_by(|one, other| one.0.total_cmp(&other.0));
        if let Some((_, (usual, beats))) = best.filter(|(alike, _)| *alike >= SAME_SHAPE) {
            let share = USUAL_SHARE.max(1.0 / (*beats + 1) as f32);
            for (usual, point) in usual.iter_mut().zip(shape) {
                *usual += share * (point - *usual);
            }
            *beats = beats.saturating_add(1);
            return;
        }
        if self.usual.len() >= USUAL_SHAPES
            && let Some(least) =
                (0..self.usual.len()).min_by_key(|at| self.usual.get(*at).map(|usual| usual.1))
        {
            self.usual.remove(least);
        }
        self.usual.push((*shape, 1));
    }

    /// Looks for a step in height, and whether an earlier one was undone.
    fn step(&mut self) {
        if let Some(from) = self.stepped_from {
            if self.heights.len() >= AFTER && !beyond(self.height_now() / from) {
                // Back at the usual height: that is no step away from the heights in between.
                self.stepped_from = None;
                self.heights.clear();
            }
            return;
        }
        if self.heights.len() < BEFORE + AFTER {
            return;
        }
        // A rhythm of high and low beats keeps both kinds; a few ectopic beats on either side are no reason to look away.
        let before = quarters(self.heights.iter().take(BEFORE).copied().collect());
        let after = quarters(self.heights.iter().skip(BEFORE).copied().collect());
        let usual = median(self.heights.iter().take(BEFORE).copied().collect());
        if usual <= 0.0 || before.0 <= 0.0 {
            return;
        }
        let (low, high) = (after.0 / before.0, after.1 / before.1);
        let same_way = beyond(low) && beyond(high) && (low < 1.0) == (high < 1.0);
        let alike = low.max(high) <= ALIKE * low.min(high);
        if same_way && alike && beyond(self.height_now() / usual) && self.keeps_shape() {
            self.stepped_from = Some(usual);
        }
    }

    /// Whether the beats after a step have the shape of those before it: a gain changes their height alone, a rhythm and
    /// an electrode that moves change their shape too.
    fn keeps_shape(&self) -> bool {
        let before = self.recent.len().saturating_sub(AFTER);
        let (before, after) = (self.median_of(0, before), self.median_of(before, AFTER));
        likeness(&after, &before, LEARN_SHIFT) >= KEPT_SHAPE
    }

    fn height_now(&self) -> f32 {
        let after = self.heights.len().saturating_sub(AFTER);
        median(self.heights.iter().skip(after).copied().collect())
    }

    /// How many times as high the beats are as before their last step; none where they keep their height.
    pub(crate) fn ratio(&self) -> Option<f32> {
        self.stepped_from.map(|from| self.height_now() / from)
    }

    /// The median of `count` of the last beats, from the `from`th on.
    fn median_of(&self, from: usize, count: usize) -> Shape {
        let mut shapes = [[0.0; POINTS]; RECENT];
        let mut held = 0;
        for (place, shape) in shapes.iter_mut().zip(self.recent.iter().skip(from).take(count)) {
            *place = *shape;
            held += 1;
        }
        let Some(shapes) = shapes.get_mut(..held) else { return [0.0; POINTS] };
        sort_points(shapes);
        shapes.get(held / 2).copied().unwrap_or([0.0; POINTS])
    }

    /// How like the usual shapes the present one is, at best; none before it is known what is usual.
    pub(crate) const fn likeness(&self) -> Option<f32> {
        self.alike
    }

    fn alike_now(&self) -> Option<f32> {
        if self.usual_beats < USUAL_BEATS {
            return None;
        }
        let known = self.usual.iter().filter(|(_, beats)| *beats >= USUAL_OF_SHAPE);
        known.map(|(usual, _)| likeness(&self.present, usual, SHIFT)).max_by(f32::total_cmp)
    }

    /// Median residual of the last beats in codes, spread of their intervals in samples, and how many they are.
    pub(crate) fn evenness(&self) -> Option<(f32, f32, u32)> {
        if self.noise.len() < STEADY_BEATS || self.intervals.len() < STEADY_BEATS {
            return None;
        }
        let noise = median(self.noise.iter().copied().collect());
        let count = self.intervals.len() as f32;
        let mean = self.intervals.iter().sum::<f32>() / count;
        let variance = self.intervals.iter().map(|interval| (interval - mean).powi(2)).sum::<f32>() / count;
        Some((noise, variance.sqrt(), STEADY_BEATS as u32))
    }
}

/// Sorts each point among the shapes, all points at once: an odd-even transposition network (Habermann 1972) has no branch
/// that depends on them.
fn sort_points(shapes: &mut [Shape]) {
    for pass in 0..shapes.len() {
        for pair in shapes.get_mut(pass % 2..).unwrap_or_default().chunks_exact_mut(2) {
            let [one, other] = pair else { continue };
            for (one, other) in one.iter_mut().zip(other) {
                let (low, high) = if *other < *one { (*other, *one) } else { (*one, *other) };
                (*one, *other) = (low, high);
            }
        }
    }
}

/// Best correlation over small shifts.
fn likeness(one: &Shape, other: &Shape, shift_max: usize) -> f32 {
    let shifted = |shift: usize| {
        let (late, early) = (one.get(shift..)?, other.get(..POINTS - shift)?);
        let (back, front) = (one.get(..POINTS - shift)?, other.get(shift..)?);
        Some(correlation(late, early).max(correlation(back, front)))
    };
    (0..=shift_max).step_by(2).filter_map(shifted).fold(-1.0, f32::max)
}

fn beyond(ratio: f32) -> bool {
    ratio >= STEP_MIN || ratio <= 1.0 / STEP_MIN
}

/// The values at a quarter and at three quarters.
fn quarters(mut values: Vec<f32>) -> (f32, f32) {
    values.sort_unstable_by(f32::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or_default();
    let quarter = values.len() / 4;
    (at(quarter), at(values.len().saturating_sub(1 + quarter)))
}

/// Middle value; 0 of none.
pub(crate) fn median(mut values: Vec<f32>) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Root mean square of what differs before and after a beat, but for the offset: where a sample of jitter does not
/// count.
fn residual(shape: &Shape, other: &Shape) -> f32 {
    let quiet = || {
        let pairs = shape.iter().zip(other).map(|(one, other)| one - other).enumerate();
        pairs
            .filter(|(point, _)| *point < QUIET || *point >= POINTS - QUIET)
            .map(|(_, difference)| difference)
    };
    let offset = quiet().sum::<f32>() / (2 * QUIET) as f32;
    (quiet().map(|difference| (difference - offset).powi(2)).sum::<f32>() / (2 * QUIET) as f32).sqrt()
}

/// Pearson's correlation; 0 where either is constant.
pub(crate) fn correlation(one: &[f32], other: &[f32]) -> f32 {
    let count = one.len().min(other.len()).max(1) as f32;
    let (mean_one, mean_other) = (one.iter().sum::<f32>() / count, other.iter().sum::<f32>() / count);
    let (mut both, mut squares_one, mut squares_other) = (0.0, 0.0, 0.0);
    for (a, b) in one.iter().zip(other) {
        let (a, b) = (a - mean_one, b - mean_other);
        both += a * b;
        squares_one += a * a;
        squares_other += b * b;
    }
    let norm = (squares_one * squares_other).sqrt();
    if norm > 0.0 { both / norm } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bump(at: f32, width: f32, height: f32) -> Shape {
        std::array::from_fn(|point| 100.0 + height * (-((point as f32 - at) / width).powi(2)).exp())
    }

    fn wobble(beat: u64) -> f32 {
        (beat * 7 % 5) as f32 - 2.0
    }

    #[test]
    fn a_halved_gain_is_a_step_and_a_slow_fade_is_not() {
        let mut shapes = Shapes::default();
        for beat in 0..40 {
            let height = if beat < 25 { 80.0 } else { 40.0 };
            shapes.beat(beat * 200, bump(30.0, 4.0, height + wobble(beat)), true);
            assert_eq!(shapes.ratio().is_some(), beat >= 29, "{beat}");
        }
        assert!((shapes.ratio().unwrap() - 0.5).abs() < 0.05);
        let mut shapes = Shapes::default();
        for beat in 0..80 {
            shapes.beat(beat * 200, bump(30.0, 4.0, 80.0 - 0.6 * beat as f32 + wobble(beat)), true);
            assert_eq!(shapes.ratio(), None);
        }
    }

    #[test]
    fn beats_that_are_lower_because_they_are_others_are_no_step_and_a_rhythm_of_two_kinds_keeps_both() {
        let mut shapes = Shapes::default();
        for beat in 0..40 {
            let other = bump(24.0, 12.0, -60.0);
            shapes.beat(
                beat * 200,
                if beat < 25 { bump(30.0, 4.0, 130.0 + wobble(beat)) } else { other },
                true,
            );
            assert_eq!(shapes.ratio(), None, "{beat}");
        }
        let mut shapes = Shapes::default();
        for beat in 0..60 {
            let (gain, height) =
                (if beat < 40 { 1.0 } else { 0.5 }, if beat % 2 == 0 { 70.0 } else { 130.0 });
            shapes.beat(beat * 200, bump(30.0, 4.0, gain * (height + wobble(beat))), true);
            // Four halved beats of the six that are looked at, two of each kind.
            assert_eq!(shapes.ratio().is_some(), beat >= 43, "{beat}");
        }
        assert!(shapes.ratio().is_some_and(|ratio| ratio < 0.67));
    }

    #[test]
    fn a_return_to_the_usual_height_is_no_step() {
        let mut shapes = Shapes::default();
        for beat in 0..90 {
            let height = if (40..56).contains(&beat) { 150.0 } else { 80.0 };
            shapes.beat(beat * 200, bump(30.0, 4.0, height + wobble(beat)), true);
            assert_eq!(shapes.ratio().is_some(), (44..59).contains(&beat), "{beat}");
        }
    }

    #[test]
    fn another_shape_is_not_like_the_usual_one_and_a_shifted_one_is() {
        let mut shapes = Shapes::default();
        for beat in 0..60 {
            shapes.beat(beat * 200, bump(30.0 + wobble(beat), 4.0, 80.0), true);
        }
        assert!(shapes.likeness().unwrap() > 0.95);
        for beat in 60..80 {
            shapes.beat(beat * 200, bump(30.0, 14.0, -80.0), false);
        }
        assert!(shapes.likeness().unwrap() < 0.5);
    }

    #[test]
    fn a_generator_is_even_and_a_heart_is_not() {
        let mut generator = Shapes::default();
        let mut heart = Shapes::default();
        for beat in 0..80 {
            generator.beat(beat * 200, bump(30.0, 4.0, 80.0), true);
            let mut living = bump(30.0, 4.0, 80.0);
            living.iter_mut().zip(beat..).for_each(|(point, at)| *point += wobble(at * 3 + beat));
            heart.beat(beat * 200 + beat * 13 % 7, living, true);
        }
        let (noise, spread, _) = generator.evenness().unwrap();
        assert!(noise < 0.1 && spread < 0.1);
        let (noise, spread, _) = heart.evenness().unwrap();
        assert!(noise > 0.2 && spread > 1.0);
    }
}
