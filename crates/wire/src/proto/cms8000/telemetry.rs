//! Type 0x46: numerics, alarm limits and waveforms.
//!
//! Fields are read at their fixed offsets, each for itself: of a short unit those that are there count.

use super::frame::{HEADER_BYTES, sub};
use super::schema::{
    ALARM_HIGH, ALARM_LOW, ALARM_OF, ALARM_SET, HEART_RATE, HEART_RATE_FLAG, LENGTH, NIBP_DIASTOLIC,
    NIBP_MEAN, NIBP_SYSTOLIC, NIBP_TIME, PULSE_RATE, PULSE_RATE_FLAG, RESPIRATION_RATE,
    RESPIRATION_RATE_FLAG, SCHEMA, SPO2, SPO2_FLAG, ST, SUB_TYPE, TEMPERATURE_1, TEMPERATURE_2,
    TEMPERATURE_DIFFERENCE, TYPE,
};
use crate::Sink;
use model::{
    AlarmLimit, Channel, Fact, Field, Sample, SampleCounts, Samples, Switch, Text, Validity, Value, Vital,
    Waveform, WaveformPayload,
};
use std::ops::Range;

/// Highest blood pressure that can be a reading, in mmHg; above it the value is not counted as valid.
const PRESSURE_MMHG_MAX: u16 = 400;
/// Highest temperature that can be a reading, in degrees Celsius; the lowest is 0.
const TEMPERATURE_CEL_MAX: f32 = 60.0;
/// Largest ST level that is shown, in mV: the meaning of these numbers is not certain.
const ST_MV_MAX: f32 = 10.0;
/// Words of the longest group of limits (temperature: three of two singles and a switch).
const LIMIT_WORDS_MAX: usize = 15;

/// Limits as they stand on the wire, to see whether one changed.
type LimitWords = [Option<u16>; LIMIT_WORDS_MAX];

/// What was last reported of one bed.
#[derive(Clone, Debug, Default)]
pub(super) struct Last {
    /// Limits by sub-type, from 0x14.
    limits: [Option<LimitWords>; 4],
    /// Samples of this cycle that nobody asked for.
    pub(super) passed: SampleCounts,
}

/// The data of a telemetry unit, from `D+0`.
#[derive(Clone, Copy)]
struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..)?.first_chunk().copied()
    }

    fn u16(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn f32(self, at: usize) -> Option<f32> {
        self.array(at).map(f32::from_le_bytes)
    }

    /// A number in one byte with its flag in the next. 0xFFFF for both, "no value", is a flag of FF as well.
    fn flagged(self, at: usize, vital: Vital) -> Option<Sample> {
        let [value, flag] = self.array(at)?;
        let validity = match flag {
            0x00 => Validity::Valid,
            0xFF => Validity::Invalid,
            code => Validity::Unknown(code),
        };
        Some(Sample { vital, value: value.into(), validity })
    }
}

/// Range of `bytes` bytes at `D+at` in the unit.
const fn place(at: usize, bytes: usize) -> Range<usize> {
    HEADER_BYTES + at..HEADER_BYTES + at + bytes
}

fn measured(samples: Option<Samples>, range: Range<usize>, out: &mut dyn Sink) {
    if let Some(samples) = samples {
        out.fact(Fact::Measured(samples), range);
    }
}

/// Two neighbouring flagged numbers, or the first where the unit ends between them.
fn pair(body: Body<'_>, at: usize, first: Vital, second: Vital) -> Option<Samples> {
    let first = body.flagged(at, first)?;
    Some(match body.flagged(at + 2, second) {
        Some(second) => [first, second].into(),
        None => [first].into(),
    })
}

fn waveform(body: Body<'_>, at: usize, bytes: u16, channel: Channel, last: &mut Last, out: &mut dyn Sink) {
    let length = usize::from(bytes);
    let Some(samples) = body.0.get(at..at + length) else { return };
    // A ward sends five such stretches a bed and second: told one by one only to whoever looks at them.
    if !out.wants_waveforms() {
        return last.passed.add(channel, bytes.into());
    }
    let waveform = Waveform { channel, samples: bytes.into(), payload: WaveformPayload::U8(samples.into()) };
    out.fact(Fact::Waveform(waveform), place(at, length));
}

/// How three words or two singles and a word give a limit.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Form {
    /// u16 high, u16 low, u16 switch.
    HighLow,
    /// The same, but sources differ on the order: the smaller is the low one.
    Either,
    /// f32 high, f32 low, u16 switch.
    Single,
}

/// Where the limits of one sub-type stand.
struct Group {
    form: Form,
    limits: &'static [(Vital, usize)],
}

const ECG: Group = Group {
    form: Form::HighLow,
    limits: &[(Vital::HeartRate, 0x3A3), (Vital::RespirationRate, 0x3A9), (Vital::PvcRate, 0x3CD)],
};
const PLETH: Group = Group { form: Form::Either, limits: &[(Vital::Spo2, 0x108), (Vital::PulseRate, 0x10E)] };
const NIBP: Group = Group {
    form: Form::HighLow,
    limits: &[(Vital::NibpSystolic, 0x11), (Vital::NibpDiastolic, 0x17), (Vital::NibpMean, 0x1D)],
};
const TEMPERATURE: Group = Group {
    form: Form::Single,
    limits: &[(Vital::Temperature1, 0x10), (Vital::Temperature2, 0x1A), (Vital::TemperatureDifference, 0x24)],
};

impl Group {
    const fn of(sub: u8) -> Self {
        match sub {
            sub::ECG => ECG,
            sub::PLETH => PLETH,
            sub::NIBP => NIBP,
            _ => TEMPERATURE,
        }
    }

    const fn words(&self) -> usize {
        if matches!(self.form, Form::Single) { 5 } else { 3 }
    }

    fn raw(&self, body: Body<'_>) -> LimitWords {
        let mut raw = LimitWords::default();
        let words = self.words();
        let places = self.limits.iter().flat_map(|(_, at)| (0..words).map(move |word| at + 2 * word));
        raw.iter_mut().zip(places).for_each(|(word, at)| *word = body.u16(at));
        raw
    }

    fn limit(&self, body: Body<'_>, vital: Vital, at: usize) -> Option<AlarmLimit> {
        let switch = match body.u16(at + 2 * (self.words() - 1))? {
            0 => Switch::Off,
            1 => Switch::On,
            code => Switch::Unknown(code),
        };
        let (high, low) = match self.form {
            Form::Single => (body.f32(at)?, body.f32(at + 4)?),
            _ => (f32::from(body.u16(at)?), f32::from(body.u16(at + 2)?)),
        };
        let (low, high) = match self.form {
            Form::Either => (low.min(high), low.max(high)),
            _ => (low, high),
        };
        (low.is_finite() && high.is_finite()).then_some(AlarmLimit { vital, low, high, switch })
    }

    fn all(&self, body: Body<'_>) -> Box<[AlarmLimit]> {
        self.limits.iter().filter_map(|(vital, at)| self.limit(body, *vital, *at)).collect()
    }

    fn range(&self) -> Range<usize> {
        let start = self.limits.first().map_or(0, |(_, at)| *at);
        let end = self.limits.last().map_or(start, |(_, at)| at + 2 * self.words());
        place(start, end - start)
    }
}

/// Reports one unit of a known sub-type.
///
/// Alarm limits are reported the first time and when one changed. The cuff's last reading is reported whenever the
/// device sends it, like every other number; its time stamp tells repetitions apart.
pub(super) fn read(sub: u8, unit: &[u8], last: &mut Last, out: &mut dyn Sink) {
    let body = Body(unit.get(HEADER_BYTES..).unwrap_or_default());
    match sub {
        sub::ECG => {
            measured(pair(body, 0x384, Vital::HeartRate, Vital::RespirationRate), place(0x384, 4), out);
        }
        sub::PLETH => measured(pair(body, 0x104, Vital::Spo2, Vital::PulseRate), place(0x104, 4), out),
        sub::NIBP => measured(pressures(body), place(0x04, 13), out),
        _ => measured(temperatures(body), place(0x04, 12), out),
    }
    let group = Group::of(sub);
    let raw = group.raw(body);
    let told = usize::from(sub.saturating_sub(sub::ECG));
    if let Some(told) = last.limits.get_mut(told).filter(|told| told.as_ref() != Some(&raw)) {
        *told = Some(raw);
        let limits = group.all(body);
        if !limits.is_empty() {
            let Range { start, end } = group.range();
            out.fact(Fact::LimitsSet(limits), start..end.min(unit.len()));
        }
    }
    match sub {
        sub::ECG => {
            waveform(body, 0x004, 256, Channel::Ecg(1), last, out);
            waveform(body, 0x104, 256, Channel::Ecg(2), last, out);
            waveform(body, 0x204, 256, Channel::Ecg(3), last, out);
            waveform(body, 0x304, 128, Channel::Respiration, last, out);
        }
        sub::PLETH => waveform(body, 0x004, 256, Channel::Pleth, last, out),
        _ => {}
    }
}

/// Systolic, diastolic, mean; valid when the cuff has measured and the number can be a pressure.
fn pressures(body: Body<'_>) -> Option<Samples> {
    let measured_once = body.array::<7>(0x04)? != [0; 7];
    let sample = |vital, at| {
        let value = body.u16(at)?;
        let plausible = (1..=PRESSURE_MMHG_MAX).contains(&value);
        let validity = if measured_once && plausible { Validity::Valid } else { Validity::Invalid };
        Some(Sample { vital, value: value.into(), validity })
    };
    Some(Samples::from([
        sample(Vital::NibpSystolic, 0x0B)?,
        sample(Vital::NibpDiastolic, 0x0D)?,
        sample(Vital::NibpMean, 0x0F)?,
    ]))
}

/// T1, T2 and their difference, which is valid only where both are. What is no number is reported as an
/// invalid zero.
fn temperatures(body: Body<'_>) -> Option<Samples> {
    let sample = |vital, at| {
        let value = body.f32(at)?;
        let validity = match (0.0..=TEMPERATURE_CEL_MAX).contains(&value) {
            true => Validity::Valid,
            false => Validity::Invalid,
        };
        Some(Sample { vital, value: if value.is_finite() { value } else { 0.0 }, validity })
    };
    let first = sample(Vital::Temperature1, 0x04)?;
    let Some(second) = sample(Vital::Temperature2, 0x08) else { return Some([first].into()) };
    let Some(value) = body.f32(0x0C) else { return Some([first, second].into()) };
    let both = first.validity == Validity::Valid && second.validity == Validity::Valid;
    let believable = both && value.abs() <= TEMPERATURE_CEL_MAX;
    let validity = if believable { Validity::Valid } else { Validity::Invalid };
    let value = if value.is_finite() { value } else { 0.0 };
    let difference = Sample { vital: Vital::TemperatureDifference, value, validity };
    Some([first, second, difference].into())
}

/// The message of one unit of a known sub-type.
pub(super) fn message(sub: u8, unit: &[u8], out: &mut dyn Sink) {
    let body = Body(unit.get(HEADER_BYTES..).unwrap_or_default());
    let mut fields: Vec<(&'static Field, Value)> = Vec::with_capacity(24);
    let number = |number: u16| Value::Number(number.into());
    fields.push((&TYPE, number(super::frame::kind::TELEMETRY.into())));
    fields.push((&SUB_TYPE, number(sub.into())));
    fields.push((&LENGTH, Value::Number(unit.len() as u64 - 2)));
    let flagged: &[(&'static Field, &'static Field, usize)] = match sub {
        sub::ECG => {
            &[(&HEART_RATE, &HEART_RATE_FLAG, 0x384), (&RESPIRATION_RATE, &RESPIRATION_RATE_FLAG, 0x386)]
        }
        sub::PLETH => &[(&SPO2, &SPO2_FLAG, 0x104), (&PULSE_RATE, &PULSE_RATE_FLAG, 0x106)],
        _ => &[],
    };
    for (value, flag, at) in flagged {
        if let Some([shown, code]) = body.array(*at) {
            fields.push((value, Value::Number(shown.into())));
            fields.push((flag, Value::Number(code.into())));
        }
    }
    let singles: &[(&'static Field, usize)] = match sub {
        sub::ECG => &[(&ST, 0x388), (&ST, 0x38C), (&ST, 0x390)],
        sub::TEMPERATURE => {
            &[(&TEMPERATURE_1, 0x04), (&TEMPERATURE_2, 0x08), (&TEMPERATURE_DIFFERENCE, 0x0C)]
        }
        _ => &[],
    };
    for (field, at) in singles {
        let greatest = if sub == sub::ECG { ST_MV_MAX } else { f32::MAX };
        if let Some(value) = body.f32(*at).filter(|value| value.is_finite() && value.abs() <= greatest) {
            fields.push((field, decimal(value)));
        }
    }
    if sub == sub::NIBP {
        reading(body, &mut fields);
    }
    for limit in Group::of(sub).all(body) {
        let AlarmLimit { vital, low, high, switch } = limit;
        fields.push((&ALARM_OF, Value::Text(Text::from(vital.as_str()))));
        fields.push((&ALARM_LOW, decimal(low)));
        fields.push((&ALARM_HIGH, decimal(high)));
        let code = match switch {
            Switch::Off => 0,
            Switch::On => 1,
            Switch::Unknown(code) => code,
        };
        fields.push((&ALARM_SET, number(code)));
    }
    out.message(&SCHEMA, &fields, 0..unit.len());
}

fn decimal(value: f32) -> Value {
    Value::Text(Text::from(value.to_string().as_str()))
}

fn reading(body: Body<'_>, fields: &mut Vec<(&'static Field, Value)>) {
    if let (Some(year), Some([month, day, hour, minute, second])) = (body.u16(0x04), body.array(0x06)) {
        let time = match (year, month, day, hour, minute, second) {
            (0, 0, 0, 0, 0, 0) => String::new(),
            _ => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
        };
        fields.push((&NIBP_TIME, Value::Text(Text::from(time.as_str()))));
    }
    for (field, at) in [(&NIBP_SYSTOLIC, 0x0B), (&NIBP_DIASTOLIC, 0x0D), (&NIBP_MEAN, 0x0F)] {
        if let Some(value) = body.u16(at) {
            fields.push((field, Value::Number(value.into())));
        }
    }
}
