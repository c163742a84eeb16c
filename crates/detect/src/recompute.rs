//! Rates computed anew from the recorded waveforms, to stand beside the numbers that the device showed.
//!
//! Heart rate from the ECG and pulse rate from the pleth by the law of the trimmed mean, respiration rate over
//! [`RESPIRATION_WINDOW_SECONDS`]; one number a second. A number is invalid where the beats of the last seconds are not
//! alike: nothing is told of a signal that cannot be read.

use model::{BedRecording, Channel, ChannelRecording, NumericPoint, Validity, Vital};
use vitals::{pleth, qrs, quality::Template, rate::TrimmedMean, respiration};

/// Window of the respiration rate: as long as those in which rates are compared in the literature.
pub const RESPIRATION_WINDOW_SECONDS: u32 = 32;
/// A law that averages needs beats to average: before, no rate is told.
pub const SETTLING_SECONDS: u32 = 10;
/// Beats of an ECG less alike than this are not trusted (Orphanidou 2015).
pub const ECG_ALIKE_MIN: f64 = 0.66;
/// Pulses less alike than this are not trusted (Orphanidou 2015).
pub const PLETH_ALIKE_MIN: f64 = 0.86;

/// Adds to a recording what its waveforms say.
pub fn recompute(bed: &mut BedRecording) {
    let channel = |channel| bed.channels.get(&channel).filter(|seen| varies(seen));
    // The second trace is lead II where a monitor shows three, and so the one that its own rate comes from.
    let ecg = [2, 1, 3].into_iter().find_map(|trace| channel(Channel::Ecg(trace)));
    let found = [
        (Vital::HeartRate, ecg.map(|seen| beats(seen, Heart::ecg))),
        (Vital::PulseRate, channel(Channel::Pleth).map(|seen| beats(seen, Heart::pleth))),
        (Vital::RespirationRate, channel(Channel::Respiration).map(|seen| beats(seen, Breathing::new))),
    ];
    for (vital, points) in found {
        if let Some(points) = points.filter(|points| !points.is_empty()) {
            bed.recomputed.insert(vital, points);
        }
    }
}

/// Whether it is more than a straight line.
fn varies(seen: &ChannelRecording) -> bool {
    let mut samples = seen.stretches.iter().flat_map(|stretch| &stretch.samples);
    let first = samples.next();
    samples.any(|sample| Some(sample) != first)
}

/// Something that tells a rate of the samples so far.
trait Meter {
    /// Takes the next sample.
    fn push(&mut self, sample: i32);
    /// The rate as of sample `now`, and whether it can be trusted.
    fn rate(&self, now: u64) -> Option<(f64, bool)>;
    /// Nothing is compared over a gap.
    fn reset(&mut self);
}

/// One number a second of every stretch.
fn beats<M: Meter>(seen: &ChannelRecording, meter: impl Fn(f64) -> M) -> Vec<NumericPoint> {
    let Some(rate_hz) = seen.rate_hz.filter(|rate| *rate >= vitals::RATE_HZ_MIN) else { return Vec::new() };
    let mut meter = meter(rate_hz);
    let mut points = Vec::new();
    // Positions count on over gaps.
    let mut pushed: u64 = 0;
    for stretch in &seen.stretches {
        meter.reset();
        let mut second = 1.0;
        for (at, sample) in (1_u64..).zip(&stretch.samples) {
            meter.push(i32::from(*sample));
            pushed += 1;
            if at as f64 >= second * rate_hz {
                second += 1.0;
                let time = stretch.start.plus_nanos((at as f64 * 1e9 / rate_hz) as i64);
                let settled = second > f64::from(SETTLING_SECONDS);
                if let Some((value, sure)) = meter.rate(pushed.saturating_sub(1)).filter(|_| settled) {
                    let validity = if sure { Validity::Valid } else { Validity::Invalid };
                    points.push(NumericPoint { time, value: value as f32, validity });
                }
            }
        }
    }
    points
}

/// Beats of an ECG or pulses of a pleth.
struct Heart {
    beats: Beats,
    template: Template,
    alike_min: f64,
    law: TrimmedMean,
}

enum Beats {
    Ecg(Box<qrs::Detector>),
    Pleth(Box<pleth::Detector>),
}

impl Heart {
    fn ecg(rate_hz: f64) -> Self {
        Self {
            beats: Beats::Ecg(Box::new(qrs::Detector::new(rate_hz))),
            template: Template::ecg(rate_hz),
            alike_min: ECG_ALIKE_MIN,
            law: TrimmedMean::new(rate_hz),
        }
    }

    fn pleth(rate_hz: f64) -> Self {
        Self {
            beats: Beats::Pleth(Box::new(pleth::Detector::new(rate_hz))),
            template: Template::pleth(rate_hz),
            alike_min: PLETH_ALIKE_MIN,
            law: TrimmedMean::new(rate_hz),
        }
    }
}

impl Meter for Heart {
    fn push(&mut self, sample: i32) {
        self.template.push(sample);
        let found = match &mut self.beats {
            Beats::Ecg(detector) => detector.push(sample).map(|beat| beat.at),
            Beats::Pleth(detector) => detector.push(sample).map(|pulse| pulse.at),
        };
        if let Some(at) = found {
            self.template.beat(at);
            self.law.beat(at);
        }
    }

    fn rate(&self, now: u64) -> Option<(f64, bool)> {
        let alike = self.template.correlation(now).is_some_and(|alike| alike >= self.alike_min);
        self.law.per_minute(now).map(|rate| (rate, alike))
    }

    fn reset(&mut self) {
        match &mut self.beats {
            Beats::Ecg(detector) => detector.reset(),
            Beats::Pleth(detector) => detector.reset(),
        }
        self.template.reset();
        self.law.reset();
    }
}

struct Breathing {
    detector: respiration::Detector,
    rate: respiration::Rate,
    since: u64,
    pushed: u64,
    window: u64,
}

impl Breathing {
    fn new(rate_hz: f64) -> Self {
        Self {
            detector: respiration::Detector::new(rate_hz),
            rate: respiration::Rate::new(rate_hz, RESPIRATION_WINDOW_SECONDS),
            since: 0,
            pushed: 0,
            window: (f64::from(RESPIRATION_WINDOW_SECONDS) * rate_hz) as u64,
        }
    }
}

impl Meter for Breathing {
    fn push(&mut self, sample: i32) {
        self.pushed += 1;
        if let Some(breath) = self.detector.push(sample) {
            self.rate.breath(breath.at);
        }
    }

    /// Not before the window is full: two breaths are no rate.
    fn rate(&self, now: u64) -> Option<(f64, bool)> {
        let full = self.pushed - self.since >= self.window;
        self.rate.per_minute(now).filter(|_| full).map(|rate| (rate, true))
    }

    fn reset(&mut self) {
        self.detector.reset();
        self.rate.reset();
        self.since = self.pushed;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use model::{AssetId, CaptureTime, LeftOut, Stretch};
    use std::collections::BTreeMap;

    /// A row of spikes on a line that trembles: an ECG to a rate meter.
    fn ecg(seconds: u32, per_minute: f64) -> ChannelRecording {
        let sample = |at: u32| {
            let phase = (f64::from(at) / 256.0 * per_minute / 60.0).fract() * 60.0 / per_minute;
            let spike = (-(phase - 0.3).powi(2) / (2.0 * 0.012_f64.powi(2))).exp();
            let wave = (-(phase - 0.5).powi(2) / (2.0 * 0.04_f64.powi(2))).exp();
            (120.0 + 90.0 * spike + 12.0 * wave) as u8 + (at % 3) as u8
        };
        let samples = (0..seconds * 256).map(sample).collect();
        let stretches = vec![Stretch { start: CaptureTime::default(), samples }];
        ChannelRecording { samples: u64::from(seconds) * 256, rate_hz: Some(256.0), stretches }
    }

    pub(crate) fn bed(channels: BTreeMap<Channel, ChannelRecording>) -> BedRecording {
        BedRecording {
            asset: AssetId(1),
            bed: Some(7),
            patient: None,
            first: CaptureTime::default(),
            last: CaptureTime::default(),
            cycles: 0,
            cycle_ns: None,
            numerics: BTreeMap::new(),
            recomputed: BTreeMap::new(),
            channels,
            limits: BTreeMap::new(),
            notices: Vec::new(),
            gaps: Vec::new(),
            integrity: Vec::new(),
            judged: None,
            score: None,
            left_out: LeftOut::default(),
        }
    }

    #[test]
    fn the_rate_of_an_ecg_is_told_once_a_second_from_its_beats() {
        for per_minute in [48.0, 75.0, 132.0] {
            let mut bed = bed([(Channel::Ecg(1), ecg(40, per_minute))].into());
            recompute(&mut bed);
            let points = &bed.recomputed[&Vital::HeartRate];
            assert!(points.len() > 25 && points.len() <= 31, "{}", points.len());
            for point in points.iter().filter(|point| point.time.nanos() > 15_000_000_000) {
                assert!((f64::from(point.value) - per_minute).abs() < 1.5, "{per_minute}: {}", point.value);
                assert_eq!(point.validity, Validity::Valid);
            }
        }
    }

    #[test]
    fn a_straight_line_has_no_rate() {
        let mut flat = ecg(20, 60.0);
        flat.stretches[0].samples.fill(128);
        let mut bed = bed([(Channel::Ecg(1), flat.clone()), (Channel::Pleth, flat)].into());
        recompute(&mut bed);
        assert!(bed.recomputed.is_empty(), "{:?}", bed.recomputed);
    }
}
