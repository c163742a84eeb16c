//! A patient made of numbers, a monitor that shows him, and the ward that checks both.

use model::{
    AlarmLimit, CaptureTime, Channel, Check, Evidence, FlowId, IntegrityRow, Notice, Sample, Side, Switch,
    Text, Validity, Verdict, Vital, Waveform, WaveformPayload,
};
use vitals::{At, Depth, Row, Said, Source, Ward};

/// Seeded noise.
#[derive(Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// One second of a monitor.
#[derive(Clone)]
pub(crate) struct Second {
    pub(crate) ecg: Vec<u8>,
    pub(crate) pleth: Vec<u8>,
    pub(crate) breath: Vec<u8>,
    pub(crate) heart_rate: Option<f32>,
    pub(crate) pulse_rate: Option<f32>,
    pub spo2: Option<f32>,
    pub(crate) respiration_rate: Option<f32>,
}

/// `seconds` of a patient with a heart of `rate` beats a minute that wanders as living ones do.
pub(crate) fn patient(seed: u64, rate: f64, seconds: usize) -> Vec<Second> {
    let mut dice = Dice::new(seed);
    let samples = seconds * 256;
    let (mut ecg, mut pleth) = (vec![120.0; samples], vec![60.0; samples]);
    let usual = 60.0 / rate * 256.0;
    let (mut at, mut drift, mut beats) = (-13.0 * usual, 1.0, Vec::new());
    let add = |wave: &mut [f64], middle: f64, height: f64, width: f64| {
        let reach = (4.0 * width) as i64;
        for place in (middle as i64 - reach).max(0)..(middle as i64 + reach).clamp(0, wave.len() as i64) {
            let distance = (place as f64 - middle) / width;
            wave[place as usize] += height * (-0.5 * distance * distance).exp();
        }
    };
    while at < samples as f64 {
        beats.push(at);
        let height = 70.0 + 3.0 * dice.normal();
        add(&mut ecg, at, height, 3.0);
        add(&mut ecg, at + 8.0, -0.2 * height, 3.0);
        add(&mut ecg, at - 40.0, 0.12 * height, 6.0);
        add(&mut ecg, at + 68.0, 0.2 * height, 13.0);
        let pulse = at + 90.0 + dice.normal();
        add(&mut pleth, pulse, 90.0 + 3.0 * dice.normal(), 16.0);
        add(&mut pleth, pulse + 50.0, 25.0, 18.0);
        drift += 0.05 * (1.0 - drift) + 0.015 * dice.normal();
        at += usual * drift.clamp(0.8, 1.2) * (1.0 + 0.012 * dice.normal());
    }
    let noisy = |value: f64, dice: &mut Dice| (value + 0.8 * dice.normal()).round().clamp(0.0, 255.0) as u8;
    let breath_hz = 0.25;
    let shown = |second: usize| {
        let until = beats.partition_point(|beat| *beat < (second * 256) as f64);
        let last = &beats[until.saturating_sub(13)..until];
        (60.0 * 256.0 * (last.len() - 1) as f64 / (last[last.len() - 1] - last[0])).round() as f32
    };
    let second = |second: usize| {
        let wave = |wave: &[f64], dice: &mut Dice| {
            wave[second * 256..(second + 1) * 256]
                .iter()
                .map(|value| noisy(*value, dice))
                .collect::<Vec<u8>>()
        };
        let breath = (0..128).map(|at| {
            let time = second as f64 + f64::from(at) / 128.0;
            128.0 + 60.0 * (std::f64::consts::TAU * breath_hz * time + 0.6 * (time / 7.0).sin()).sin()
        });
        Second {
            ecg: wave(&ecg, &mut dice),
            pleth: wave(&pleth, &mut dice),
            breath: breath.collect::<Vec<f64>>().into_iter().map(|value| noisy(value, &mut dice)).collect(),
            heart_rate: Some(shown(second)),
            pulse_rate: Some(shown(second)),
            spo2: Some(97.0),
            respiration_rate: Some(15.0),
        }
    };
    (0..seconds).map(second).collect()
}

/// A ward and its clock.
pub(crate) struct Bench {
    pub(crate) ward: Ward,
    pub(crate) seconds: f64,
    /// From which second on the lead that monitors show first is noise.
    pub(crate) noise_from: Option<f64>,
    noise: Dice,
    frame: u64,
}

pub(crate) const fn source(slot: u32) -> Source {
    (FlowId { shard: 0, slot }, Side::Client)
}

pub(crate) const fn row(number: u32) -> Row {
    Row { number, bed: Some(number as u16 + 1), told_apart: true }
}

impl Bench {
    pub(crate) fn new(depth: Depth) -> Self {
        Self { ward: Ward::new(depth), seconds: 0.0, noise_from: None, noise: Dice::new(99), frame: 0 }
    }

    pub(crate) fn at(&self) -> At {
        let time = CaptureTime::from_nanos((self.seconds * 1e9) as i64);
        At { time, evidence: Evidence { capture: 0, frame: self.frame } }
    }

    fn wave(&mut self, (from, row): (Source, Row), channel: Channel, codes: &[u8]) {
        let payload = WaveformPayload::U8(codes.into());
        let waveform = Waveform { channel, samples: codes.len() as u32, payload };
        self.ward.take(from, row, Said::Waveform(&waveform), self.at());
    }

    pub(crate) fn numbers(&mut self, who: (Source, Row), numbers: &[(Vital, Option<f32>)]) {
        let sample = |(vital, value): &(Vital, Option<f32>)| Sample {
            vital: *vital,
            value: value.unwrap_or(0.0),
            validity: if value.is_some() { Validity::Valid } else { Validity::Invalid },
        };
        let samples: Vec<Sample> = numbers.iter().map(sample).collect();
        self.ward.take(who.0, who.1, Said::Measured(&samples), self.at());
    }

    pub(crate) fn limits(&mut self, who: (Source, Row), low: f32, high: f32, switch: Switch) {
        let limit = AlarmLimit { vital: Vital::HeartRate, low, high, switch };
        self.ward.take(who.0, who.1, Said::Limits(&[limit]), self.at());
    }

    pub(crate) fn notice(&mut self, who: (Source, Row), text: &str) {
        let notice = Notice { code: 1, text: Text::from(text) };
        self.ward.take(who.0, who.1, Said::Notice(&notice), self.at());
    }

    /// One cycle of a bed; the clock does not move.
    pub(crate) fn cycle(&mut self, who: (Source, Row), second: &Second) {
        self.frame += 1;
        let other = |code: &u8| (120.0 + 0.7 * (f64::from(*code) - 120.0)).round() as u8;
        let first: Vec<u8> = second.ecg.iter().map(other).collect();
        self.wave(who, Channel::Ecg(1), &first);
        if self.noise_from.is_some_and(|from| self.seconds >= from) {
            let noise: Vec<u8> =
                second.ecg.iter().map(|_| (60.0 + 120.0 * self.noise.unit()) as u8).collect();
            self.wave(who, Channel::Ecg(2), &noise);
        } else {
            self.wave(who, Channel::Ecg(2), &second.ecg);
        }
        self.wave(who, Channel::Respiration, &second.breath);
        self.numbers(
            who,
            &[(Vital::HeartRate, second.heart_rate), (Vital::RespirationRate, second.respiration_rate)],
        );
        self.wave(who, Channel::Pleth, &second.pleth);
        self.numbers(who, &[(Vital::Spo2, second.spo2), (Vital::PulseRate, second.pulse_rate)]);
        self.ward.take(who.0, who.1, Said::CycleEnded, self.at());
    }

    /// Cycles of one bed, a second apart.
    pub(crate) fn stream(&mut self, seconds: &[Second]) {
        for second in seconds {
            self.cycle((source(0), row(0)), second);
            self.seconds += 1.0;
        }
    }

    /// What speaks against a bed.
    pub(crate) fn against(&self, number: u32) -> Vec<(Check, Verdict)> {
        let rows = self.ward.rows(number).into_iter();
        rows.filter(|row| matches!(row.verdict, Verdict::Fail | Verdict::Suspect))
            .map(|row| (row.check, row.verdict))
            .collect()
    }

    pub(crate) fn fails(&self, number: u32) -> Vec<Check> {
        let mut checks: Vec<_> =
            self.against(number).into_iter().filter(|row| row.1 == Verdict::Fail).map(|row| row.0).collect();
        checks.dedup();
        checks
    }

    pub(crate) fn row(&self, check: Check, verdict: Verdict) -> Option<IntegrityRow> {
        self.ward.rows(0).into_iter().find(|row| row.check == check && row.verdict == verdict)
    }
}
