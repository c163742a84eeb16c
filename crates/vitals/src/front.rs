//! What one bed's waveforms say by themselves: beats and their shape, pulses, breaths, and how far to trust them.

use crate::quality::{Agreement, Template};
use crate::rate::TrimmedMean;
use crate::shape::{POINTS, Shape, Shapes};
use crate::{pleth, qrs, respiration};
use std::collections::VecDeque;

/// Least quality of an ECG whose beats are believed: agreement of two detectors.
pub(crate) const ECG_AGREEMENT_MIN: f32 = 0.8;
/// Agreement that needs no likeness of the beats.
const ECG_AGREEMENT_ALONE: f32 = 0.95;
/// Least correlation of its beats with their mean (Orphanidou 2015: 0.66).
pub(crate) const ECG_TEMPLATE_MIN: f32 = 0.66;
/// Least correlation of a pleth's pulses with their mean (Orphanidou 2015: 0.86).
pub(crate) const PLETH_TEMPLATE_MIN: f32 = 0.86;
/// Samples kept to cut beats out of. A power of two.
const KEPT: usize = 2048;
/// What of a beat is looked at, in seconds before and after its R peak.
const BEFORE_SECONDS: f64 = 0.20;
const AFTER_SECONDS: f64 = 0.30;
/// A second: the window that a rate of respiration is told for, in seconds.
const BREATHS_SECONDS: u32 = 30;
/// How long a detector may take to tell a beat, in seconds.
const LATENCY_SECONDS: f64 = 0.5;

/// The last samples of a channel.
#[derive(Clone, Debug)]
struct Kept {
    codes: Box<[u8]>,
    pushed: u64,
}

impl Kept {
    fn new() -> Self {
        Self { codes: vec![0; KEPT].into(), pushed: 0 }
    }

    fn push(&mut self, code: u8) {
        if let Some(place) = self.codes.get_mut((self.pushed % KEPT as u64) as usize) {
            *place = code;
        }
        self.pushed += 1;
    }

    fn at(&self, place: u64) -> Option<u8> {
        let held = place < self.pushed && self.pushed - place <= KEPT as u64;
        self.codes.get((place % KEPT as u64) as usize).copied().filter(|_| held)
    }

    /// The samples from `from`, `length` of them, at [`POINTS`] even places.
    fn shape(&self, from: u64, length: f64) -> Option<Shape> {
        let mut shape = [0.0; POINTS];
        for (point, value) in shape.iter_mut().enumerate() {
            let at = point as f64 * length / (POINTS - 1) as f64;
            let (whole, share) = (at as u64, at.fract() as f32);
            let (low, high) = (self.at(from + whole)?, self.at(from + whole + 1)?);
            *value = f32::from(low) + share * (f32::from(high) - f32::from(low));
        }
        Some(shape)
    }
}

/// A beat with its place in milliseconds since the start of its front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timed {
    pub(crate) at_ms: u64,
}

/// One ECG channel.
#[derive(Clone, Debug)]
pub(crate) struct Ecg {
    rate_hz: f64,
    detector: qrs::Detector,
    second: qrs::slope::Detector,
    agreement: Agreement,
    template: Template,
    law: TrimmedMean,
    kept: Kept,
    /// Beats whose samples have not all come.
    waiting: VecDeque<u64>,
    pub(crate) shapes: Shapes,
    /// Beats of the last block.
    told: Vec<u64>,
    /// Quality after the last block, whether it is enough, and whether the detectors agree on every beat.
    judged: (f32, bool, bool),
}

impl Ecg {
    pub(crate) fn new(rate_hz: f64) -> Self {
        Self {
            rate_hz,
            detector: qrs::Detector::new(rate_hz),
            second: qrs::slope::Detector::new(rate_hz),
            agreement: Agreement::new(rate_hz),
            template: Template::ecg(rate_hz),
            law: TrimmedMean::new(rate_hz),
            kept: Kept::new(),
            waiting: VecDeque::with_capacity(8),
            shapes: Shapes::default(),
            told: Vec::with_capacity(8),
            judged: (0.0, false, false),
        }
    }

    /// Takes a block; tells each beat.
    pub(crate) fn push(&mut self, block: &[u8], settled: bool, beat: &mut dyn FnMut(Timed)) {
        let after = (AFTER_SECONDS * self.rate_hz) as u64 + 2;
        let before = (BEFORE_SECONDS * self.rate_hz) as u64;
        self.told.clear();
        for code in block {
            let sample = i32::from(*code);
            self.kept.push(*code);
            self.template.push(sample);
            if let Some(found) = self.detector.push(sample) {
                self.agreement.first(found.at);
                self.template.beat(found.at);
                self.law.beat(found.at);
                if self.waiting.len() < 8 {
                    self.waiting.push_back(found.at);
                }
                self.told.push(found.at);
                beat(Timed { at_ms: self.milliseconds(found.at) });
            }
            if let Some(found) = self.second.push(sample) {
                self.agreement.second(found.at);
            }
        }
        while let Some(at) = self.waiting.front().copied().filter(|at| at + after < self.kept.pushed) {
            self.waiting.pop_front();
            let length = (BEFORE_SECONDS + AFTER_SECONDS) * self.rate_hz;
            if let Some(shape) = at.checked_sub(before).and_then(|from| self.kept.shape(from, length)) {
                self.shapes.beat(at, shape, settled && self.judged.1);
            }
        }
        self.judged = self.judge();
    }

    /// Beats a minute.
    pub(crate) fn rate(&self) -> Option<f32> {
        self.law.per_minute(self.kept.pushed).map(|rate| rate as f32)
    }

    /// Whether two different detectors agree on every beat.
    pub(crate) const fn sure(&self) -> bool {
        self.judged.2
    }

    /// A quality from 0 to 1, and whether it is enough.
    pub(crate) const fn quality(&self) -> (f32, bool) {
        (self.judged.0, self.judged.1)
    }

    fn judge(&self) -> (f32, bool, bool) {
        let until = self.kept.pushed.saturating_sub((LATENCY_SECONDS * self.rate_hz) as u64);
        let agreement = self.agreement.share(until).unwrap_or(0.0) as f32;
        let template = self.template.correlation(until).unwrap_or(0.0) as f32;
        // Two detectors that agree on every beat are right however the beats look, e.g. where every other one is
        // ectopic.
        let sure = agreement >= ECG_AGREEMENT_ALONE;
        let alike = agreement >= ECG_AGREEMENT_MIN && template >= ECG_TEMPLATE_MIN;
        (agreement.min(template).max(0.0), alike || sure, sure)
    }

    /// Milliseconds since its start.
    pub(crate) fn now_ms(&self) -> u64 {
        self.milliseconds(self.kept.pushed)
    }

    /// Seconds since its start.
    pub(crate) fn seconds(&self) -> f64 {
        self.kept.pushed as f64 / self.rate_hz
    }

    fn milliseconds(&self, at: u64) -> u64 {
        (at as f64 * 1_000.0 / self.rate_hz) as u64
    }

    /// How many samples ago each beat of the last block was.
    pub(crate) fn ages(&self) -> impl Iterator<Item = usize> {
        self.told.iter().map(|at| self.kept.pushed.saturating_sub(*at) as usize)
    }

    /// The last beats, oldest first, in milliseconds since its start.
    pub(crate) fn beats_ms(&self) -> impl Iterator<Item = u64> {
        self.agreement.beats().map(|at| self.milliseconds(at))
    }
}

/// The pleth.
#[derive(Clone, Debug)]
pub(crate) struct Pleth {
    rate_hz: f64,
    detector: pleth::Detector,
    template: Template,
    law: TrimmedMean,
    pushed: u64,
}

impl Pleth {
    pub(crate) fn new(rate_hz: f64) -> Self {
        Self {
            rate_hz,
            detector: pleth::Detector::new(rate_hz),
            template: Template::pleth(rate_hz),
            law: TrimmedMean::new(rate_hz),
            pushed: 0,
        }
    }

    /// Takes a block; tells each pulse.
    pub(crate) fn push(&mut self, block: &[u8], pulse: &mut dyn FnMut(Timed)) {
        for code in block {
            let sample = i32::from(*code);
            self.pushed += 1;
            self.template.push(sample);
            if let Some(found) = self.detector.push(sample) {
                self.template.beat(found.at);
                self.law.beat(found.at);
                pulse(Timed { at_ms: (found.at as f64 * 1_000.0 / self.rate_hz) as u64 });
            }
        }
    }

    /// Pulses a minute.
    pub(crate) fn rate(&self) -> Option<f32> {
        self.law.per_minute(self.pushed).map(|rate| rate as f32)
    }

    /// A quality from 0 to 1, and whether it is enough.
    pub(crate) fn quality(&self) -> (f32, bool) {
        let until = self.pushed.saturating_sub(self.rate_hz as u64);
        let template = self.template.correlation(until).unwrap_or(0.0) as f32;
        (template.max(0.0), template >= PLETH_TEMPLATE_MIN)
    }
}

/// The impedance wave.
#[derive(Clone, Debug)]
pub(crate) struct Breathing {
    rate_hz: f64,
    detector: respiration::Detector,
    rate: respiration::Rate,
    pushed: u64,
}

impl Breathing {
    pub(crate) fn new(rate_hz: f64) -> Self {
        Self {
            rate_hz,
            detector: respiration::Detector::new(rate_hz),
            rate: respiration::Rate::new(rate_hz, BREATHS_SECONDS),
            pushed: 0,
        }
    }

    pub(crate) fn push(&mut self, block: &[u8]) {
        for code in block {
            self.pushed += 1;
            if let Some(found) = self.detector.push(i32::from(*code)) {
                self.rate.breath(found.at);
            }
        }
    }

    /// Breaths a minute, once half a minute was seen.
    pub(crate) fn rate(&self) -> Option<f32> {
        let seen = self.pushed as f64 / self.rate_hz >= f64::from(BREATHS_SECONDS);
        self.rate.per_minute(self.pushed).map(|rate| rate as f32).filter(|_| seen)
    }
}
