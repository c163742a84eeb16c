//! One channel, code by code: whether it moves, where it clips, whether it repeats.

use crate::replay::{Measure, Repeat, Table, Tracker};
use crate::shape::median;
use model::{CaptureTime, Channel};

/// Codes that a flat line may differ by.
const FLAT_CODES_MAX: u8 = 2;
/// Seconds of codes that clipping is judged by.
const CLIP_SECONDS: usize = 10;
/// Codes next to an extreme one with which it is compared.
const NEIGHBOURS: usize = 4;
/// What of a beat its height is taken of, in seconds before and after its R peak: another lead's may be late.
const HEIGHT_SECONDS: f64 = 0.1;
/// Beats whose height is kept: those before a step and after it.
pub(crate) const HEIGHTS: usize = 16;
/// How many times as frequent as its neighbours a clipped code is.
const SPIKE: u32 = 4;
/// Blocks that must touch the code, and how often each: a baseline that drifts onto a rail for a moment is no
/// clipping.
const TOUCHED_BLOCKS: usize = 8;
const TOUCHES: usize = 3;

/// A run of codes that hardly differ.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    low: u8,
    high: u8,
    length: u64,
    /// Samples at the end of the run that are all the same.
    same: u64,
    last: u8,
}

impl Run {
    /// Takes a block; of one that moves only its end is looked at.
    fn block(&mut self, codes: &[u8]) {
        let Some(last) = codes.last().copied() else { return };
        let length = codes.len() as u64;
        let same = codes.iter().rev().take_while(|code| **code == last).count() as u64;
        self.same = if same == length && self.last == last { self.same + length } else { same };
        self.last = last;
        let (mut low, mut high, mut flat) = (last, last, 0_u64);
        for code in codes.iter().rev() {
            let (lower, higher) = (low.min(*code), high.max(*code));
            if higher - lower > FLAT_CODES_MAX {
                break;
            }
            (low, high, flat) = (lower, higher, flat + 1);
        }
        let (lower, higher) = (low.min(self.low), high.max(self.high));
        if flat == length && self.length > 0 && higher - lower <= FLAT_CODES_MAX {
            (self.low, self.high) = (lower, higher);
            self.length += length;
        } else {
            (self.low, self.high, self.length) = (low, high, flat);
        }
    }
}

/// How often each code came in the last seconds.
#[derive(Clone, Debug)]
struct Histogram {
    counts: Box<[u32; 256]>,
    blocks: std::collections::VecDeque<Box<[u8]>>,
    all: u32,
}

impl Histogram {
    fn new() -> Self {
        Self { counts: Box::new([0; 256]), blocks: std::collections::VecDeque::new(), all: 0 }
    }

    fn push(&mut self, block: &[u8]) {
        for code in block {
            if let Some(count) = self.counts.get_mut(usize::from(*code)) {
                *count += 1;
            }
        }
        self.all += block.len() as u32;
        self.blocks.push_back(block.into());
        while self.blocks.len() > CLIP_SECONDS {
            let Some(old) = self.blocks.pop_front() else { break };
            self.all -= old.len() as u32;
            for code in old {
                if let Some(count) = self.counts.get_mut(usize::from(code)) {
                    *count -= 1;
                }
            }
        }
    }

    /// Share of the samples on the highest or lowest code, where it stands out from those next to it.
    fn clipped(&self) -> Option<f32> {
        if self.blocks.len() < CLIP_SECONDS {
            return None;
        }
        let low = self.edge(&mut (0..=u8::MAX).zip(self.counts.iter()));
        let high = self.edge(&mut (0..=u8::MAX).zip(self.counts.iter()).rev());
        Some(low.max(high) as f32 / self.all.max(1) as f32)
    }

    /// How often the first code that came at all came, if it stands out, and is not the converter's own end.
    fn edge(&self, counts: &mut dyn Iterator<Item = (u8, &u32)>) -> u32 {
        let mut from = counts.skip_while(|(_, count)| **count == 0);
        let Some((code, extreme)) = from.next() else { return 0 };
        let next: u32 = from.take(NEIGHBOURS).map(|(_, count)| *count).sum();
        let stands_out = extreme * NEIGHBOURS as u32 > next * SPIKE;
        let touches = |block: &[u8]| block.iter().filter(|other| **other == code).count() >= TOUCHES;
        let touched = || self.blocks.iter().filter(|block| touches(block)).count() >= TOUCHED_BLOCKS;
        let own_end = code == 0 || code == u8::MAX;
        if stands_out && !own_end && touched() { *extreme } else { 0 }
    }
}

/// One channel of one bed.
#[derive(Clone, Debug)]
pub(crate) struct Wave {
    pub(crate) channel: Channel,
    rate_hz: f64,
    run: Run,
    moved: bool,
    /// Blocks since it was last flat.
    lively: u64,
    histogram: Option<Histogram>,
    /// Height of the last beats.
    heights: std::collections::VecDeque<f32>,
    tracker: Tracker,
    pub(crate) repeat: Option<Repeat>,
    blocks: u64,
}

/// How each channel is searched for what came before. Breathing is slow and smooth: it takes longer stretches to
/// tell one breath from another.
fn measure(channel: Channel, rate_hz: f64) -> Measure {
    let samples = |seconds: f64| ((seconds * rate_hz) as u32).max(8);
    match channel {
        Channel::Respiration => Measure {
            window: samples(4.0),
            run: samples(1.0),
            proven: samples(6.0),
            variance_quarters_min: 2,
        },
        _ => Measure {
            window: samples(1.0),
            run: samples(0.25),
            proven: samples(1.5),
            variance_quarters_min: 16,
        },
    }
}

impl Wave {
    /// `sample`: number of its first sample, so that numbers never come twice.
    pub(crate) fn new(channel: Channel, rate_hz: f64, sample: u32) -> Self {
        let clips = !matches!(channel, Channel::Respiration);
        Self {
            channel,
            rate_hz,
            run: Run::default(),
            moved: false,
            lively: 0,
            histogram: clips.then(Histogram::new),
            heights: std::collections::VecDeque::with_capacity(HEIGHTS),
            tracker: Tracker::new(measure(channel, rate_hz), sample),
            repeat: None,
            blocks: 0,
        }
    }

    /// Takes the next block.
    pub(crate) fn push(&mut self, block: &[u8], own: (u32, u8), now: CaptureTime, table: &mut Table) {
        self.run.block(block);
        self.moved |= self.run.length < block.len() as u64;
        if let Some(histogram) = &mut self.histogram {
            histogram.push(block);
        }
        self.lively = if self.run.length as f64 >= self.rate_hz { 0 } else { self.lively + 1 };
        self.repeat = self.tracker.push(block, own, now, table);
        self.blocks += 1;
    }

    /// For how many seconds it has been flat, and for how many exactly one code.
    pub(crate) fn flat(&self) -> (f32, f32) {
        let seconds = |samples: u64| (samples as f64 / self.rate_hz) as f32;
        (seconds(self.run.length), seconds(self.run.same))
    }

    /// A beat, `age` samples ago on this and every other ECG lead: keeps how high it is here.
    pub(crate) fn beat(&mut self, age: usize) {
        let half = (HEIGHT_SECONDS * self.rate_hz) as usize;
        let Some(histogram) = self.histogram.as_ref().filter(|_| age > half) else { return };
        let newest_first = histogram.blocks.iter().rev().flat_map(|block| block.iter().rev());
        let around = newest_first.skip(age - 1 - half).take(2 * half + 1);
        let (low, high) =
            around.fold((u8::MAX, u8::MIN), |(low, high), code| (low.min(*code), high.max(*code)));
        if self.heights.len() >= HEIGHTS {
            self.heights.pop_front();
        }
        self.heights.push_back(f32::from(high.saturating_sub(low)));
    }

    /// Median height of the `count` beats from the `from`th of those kept on; none before all are there.
    pub(crate) fn height(&self, from: usize, count: usize) -> Option<f32> {
        let full = self.heights.len() >= HEIGHTS;
        full.then(|| median(self.heights.iter().skip(from).take(count).copied().collect()))
    }

    /// Forgets the heights: the beats are told by another lead from now on.
    pub(crate) fn forget_heights(&mut self) {
        self.heights.clear();
    }

    /// Whether it ever moved.
    pub(crate) const fn moved(&self) -> bool {
        self.moved
    }

    /// Share of clipped samples, once enough was seen.
    pub(crate) fn clipped(&self) -> Option<f32> {
        let lively = self.lively >= CLIP_SECONDS as u64;
        self.histogram.as_ref().and_then(Histogram::clipped).filter(|_| lively)
    }

    /// Samples in all.
    pub(crate) const fn sample(&self) -> u32 {
        self.tracker.sample()
    }

    /// Samples a second.
    pub(crate) const fn rate_hz(&self) -> f64 {
        self.rate_hz
    }

    /// Samples are missing here.
    pub(crate) fn gap(&mut self) {
        self.run = Run::default();
        self.histogram = self.histogram.is_some().then(Histogram::new);
        self.heights.clear();
        self.tracker.gap();
        self.repeat = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(codes: impl Iterator<Item = u8>) -> Wave {
        let mut wave = Wave::new(Channel::Ecg(1), 100.0, 0);
        let mut table = Table::default();
        let codes: Vec<u8> = codes.collect();
        for block in codes.chunks(100) {
            wave.push(block, (0, 0), CaptureTime::from_nanos(0), &mut table);
        }
        wave
    }

    fn saw(height: u32) -> impl Iterator<Item = u8> {
        (0..2_000_u32).map(move |at| (20 + at * 7 % height + at % 3) as u8)
    }

    #[test]
    fn a_line_that_stands_still_is_flat_and_one_that_moves_is_not() {
        let wave = fed(saw(100).take(500).chain([77; 350]));
        let (seconds, same) = wave.flat();
        assert!(wave.moved() && (3.4..3.6).contains(&seconds) && same == seconds, "{seconds} {same}");
        let wave = fed((0..500).map(|at| 100 + (at % 3) as u8));
        let (seconds, same) = wave.flat();
        assert!(!wave.moved() && same < 0.1 && seconds > 4.9, "{seconds} {same}");
        assert!(fed(saw(100)).flat().0 < 0.1);
    }

    #[test]
    fn a_wave_cut_off_at_a_code_is_clipped_and_a_whole_one_is_not() {
        assert!(fed(saw(100)).clipped().unwrap() < 0.02);
        let cut = fed(saw(100).map(|code| code.min(100)));
        assert!(cut.clipped().unwrap() > 0.1);
        assert_eq!(fed(saw(100).take(500)).clipped(), None);
    }
}
