//! Vital signs: measured numbers, their limits, and waveforms.

use crate::Text;
use std::fmt;

/// A measured parameter.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Vital {
    /// Heart rate from the ECG, 1/min.
    HeartRate,
    /// Respiration rate, 1/min.
    RespirationRate,
    /// Arterial oxygen saturation by pulse oximetry, %.
    Spo2,
    /// Pulse rate from the pleth, 1/min.
    PulseRate,
    /// Non-invasive systolic blood pressure, mmHg.
    NibpSystolic,
    /// Non-invasive diastolic blood pressure, mmHg.
    NibpDiastolic,
    /// Non-invasive mean blood pressure, mmHg.
    NibpMean,
    /// First temperature probe, degrees Celsius.
    Temperature1,
    /// Second temperature probe, degrees Celsius.
    Temperature2,
    /// Difference of the two probes, degrees Celsius.
    TemperatureDifference,
    /// Premature ventricular contractions, 1/min.
    PvcRate,
    /// ST level of lead 1, 2 or 3, mV.
    St(u8),
}

impl Vital {
    /// As the report writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HeartRate => "heart-rate",
            Self::RespirationRate => "respiration-rate",
            Self::Spo2 => "spo2",
            Self::PulseRate => "pulse-rate",
            Self::NibpSystolic => "nibp-systolic",
            Self::NibpDiastolic => "nibp-diastolic",
            Self::NibpMean => "nibp-mean",
            Self::Temperature1 => "temperature-1",
            Self::Temperature2 => "temperature-2",
            Self::TemperatureDifference => "temperature-difference",
            Self::PvcRate => "pvc-rate",
            Self::St(1) => "st-1",
            Self::St(2) => "st-2",
            Self::St(_) => "st-3",
        }
    }

    /// Unit in UCUM.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::HeartRate | Self::RespirationRate | Self::PulseRate | Self::PvcRate => "/min",
            Self::Spo2 => "%",
            Self::NibpSystolic | Self::NibpDiastolic | Self::NibpMean => "mm[Hg]",
            Self::Temperature1 | Self::Temperature2 | Self::TemperatureDifference => "Cel",
            Self::St(_) => "mV",
        }
    }
}

impl fmt::Display for Vital {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the device itself stands by a number.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Validity {
    /// Shown as valid.
    Valid,
    /// Marked invalid or absent by the device.
    Invalid,
    /// Marked with a code whose meaning is not known; kept, never counted as valid.
    Unknown(u8),
}

/// One value of one measured parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// What was measured.
    pub vital: Vital,
    /// The number, in the unit of [`Vital::unit`].
    pub value: f32,
    /// Whether the device stands by it.
    pub validity: Validity,
}

/// The values of one unit. A few are held in place, since every monitor reports some every second.
#[derive(Clone)]
pub struct Samples(Held);

/// Values held in place. Our limit; more are held apart.
const SAMPLES_IN_PLACE_MAX: usize = 4;

#[derive(Clone)]
enum Held {
    Few(u8, [Sample; SAMPLES_IN_PLACE_MAX]),
    Many(Box<[Sample]>),
}

impl From<&[Sample]> for Samples {
    fn from(samples: &[Sample]) -> Self {
        let mut few = [Sample { vital: Vital::HeartRate, value: 0.0, validity: Validity::Invalid };
            SAMPLES_IN_PLACE_MAX];
        match (few.get_mut(..samples.len()), u8::try_from(samples.len())) {
            (Some(places), Ok(length)) => {
                places.copy_from_slice(samples);
                Self(Held::Few(length, few))
            }
            _ => Self(Held::Many(samples.into())),
        }
    }
}

impl From<Vec<Sample>> for Samples {
    fn from(samples: Vec<Sample>) -> Self {
        Self::from(samples.as_slice())
    }
}

impl<const N: usize> From<[Sample; N]> for Samples {
    fn from(samples: [Sample; N]) -> Self {
        Self::from(samples.as_slice())
    }
}

impl std::ops::Deref for Samples {
    type Target = [Sample];

    fn deref(&self) -> &[Sample] {
        match &self.0 {
            Held::Few(length, few) => few.get(..usize::from(*length)).unwrap_or_default(),
            Held::Many(samples) => samples,
        }
    }
}

impl PartialEq for Samples {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// A switch of the device.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Switch {
    /// Off.
    Off,
    /// On.
    On,
    /// A code whose meaning is not known.
    Unknown(u16),
}

/// One alarm limit pair with its switch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlarmLimit {
    /// The parameter it watches.
    pub vital: Vital,
    /// Lower limit, in the unit of the parameter.
    pub low: f32,
    /// Upper limit, in the unit of the parameter.
    pub high: f32,
    /// Whether the alarm is on.
    pub switch: Switch,
}

/// A series of samples of one physiological signal.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Channel {
    /// ECG trace 1, 2, 3.
    Ecg(u8),
    /// Pulse oximetry pleth.
    Pleth,
    /// Respiration by impedance.
    Respiration,
}

impl Channel {
    /// The channels with a place of their own, in the order of [`Channel::place`].
    pub const ALL: [Self; 5] = [Self::Ecg(1), Self::Ecg(2), Self::Ecg(3), Self::Pleth, Self::Respiration];

    /// Its place in [`Channel::ALL`]; a lead beyond the third shares the third's.
    #[must_use]
    pub const fn place(self) -> usize {
        match self {
            Self::Ecg(1) => 0,
            Self::Ecg(2) => 1,
            Self::Ecg(_) => 2,
            Self::Pleth => 3,
            Self::Respiration => 4,
        }
    }

    /// As the report writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ecg(1) => "ecg-1",
            Self::Ecg(2) => "ecg-2",
            Self::Ecg(_) => "ecg-3",
            Self::Pleth => "pleth",
            Self::Respiration => "respiration",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A block of consecutive samples of one channel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Waveform {
    /// Which signal.
    pub channel: Channel,
    /// How many samples the block holds.
    pub samples: u32,
    /// The samples, where somebody asked for them.
    pub payload: WaveformPayload,
}

/// The samples of a [`Waveform`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum WaveformPayload {
    /// Not asked for.
    Omitted,
    /// Unsigned 8-bit codes, gain unknown.
    U8(Box<[u8]>),
}

/// How many samples of each channel went by without being carried.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct SampleCounts([u32; Channel::ALL.len()]);

impl SampleCounts {
    /// Adds `samples` of `channel`; a lead beyond the third counts as the third.
    pub fn add(&mut self, channel: Channel, samples: u32) {
        if let Some(count) = self.0.get_mut(channel.place()) {
            *count = count.saturating_add(samples);
        }
    }

    /// Whether no channel had samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|samples| *samples == 0)
    }

    /// The channels that had samples, with how many.
    pub fn iter(&self) -> impl Iterator<Item = (Channel, u32)> {
        Channel::ALL.into_iter().zip(self.0).filter(|(_, samples)| *samples > 0)
    }
}

impl fmt::Debug for SampleCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A message of the device about itself, e.g. a sensor that fell off.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Notice {
    /// The device's own code.
    pub code: u8,
    /// Its text.
    pub text: Text,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_the_place_at_which_it_stands() {
        let places: Vec<usize> = Channel::ALL.into_iter().map(Channel::place).collect();
        assert_eq!(places, [0, 1, 2, 3, 4]);
        let mut counts = SampleCounts::default();
        counts.add(Channel::Ecg(3), 5);
        counts.add(Channel::Ecg(7), 2);
        assert_eq!(counts.iter().collect::<Vec<_>>(), [(Channel::Ecg(3), 7)]);
    }

    #[test]
    fn few_and_many_values_read_the_same() {
        let sample = |value| Sample { vital: Vital::Spo2, value, validity: Validity::Valid };
        for length in [0_u8, 1, 4, 5, 9] {
            let values: Vec<Sample> = (0..length).map(|value| sample(f32::from(value))).collect();
            assert_eq!(*Samples::from(values.clone()), *values);
        }
    }
}
