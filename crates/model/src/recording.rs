//! What one bed sent, in full: every number and sample with its time, for whoever wants the series and not only
//! its range.

use crate::{
    AssetId, CaptureTime, Channel, Evidence, IntegrityRow, Judged, LimitInForce, NumericRange, PatientToken,
    Text, Validity, Vital,
};
use std::collections::BTreeMap;

/// Everything that one asset sent for one bed and patient, or the part of it that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct BedRecording {
    /// The monitor.
    pub asset: AssetId,
    /// The bed number it gives.
    pub bed: Option<u16>,
    /// The patient.
    pub patient: Option<PatientToken>,
    /// First unit.
    pub first: CaptureTime,
    /// Last unit.
    pub last: CaptureTime,
    /// Completed telemetry cycles.
    pub cycles: u64,
    /// Measured time between two cycles, in nanoseconds; absent below three cycles.
    pub cycle_ns: Option<u64>,
    /// Every number by parameter, in order of arrival.
    pub numerics: BTreeMap<Vital, Vec<NumericPoint>>,
    /// Numbers that were computed anew from the waveforms, by the parameter they stand beside.
    pub recomputed: BTreeMap<Vital, Vec<NumericPoint>>,
    /// Waveforms by channel.
    pub channels: BTreeMap<Channel, ChannelRecording>,
    /// Alarm limits in force at the start, and each change.
    pub limits: BTreeMap<Vital, Vec<LimitInForce>>,
    /// What the device said of itself, in order of arrival.
    pub notices: Vec<NoticeAt>,
    /// Where cycles are missing.
    pub gaps: Vec<Gap>,
    /// What the checks of vital signs said.
    pub integrity: Vec<IntegrityRow>,
    /// How much of the time they could judge; absent where they were not asked for.
    pub judged: Option<Judged>,
    /// An early warning score of its last numbers in words, or why there is none.
    pub score: Option<String>,
    /// What a limit cost.
    pub left_out: LeftOut,
}

/// One number of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumericPoint {
    /// When it arrived.
    pub time: CaptureTime,
    /// The number, in the unit of its parameter.
    pub value: f32,
    /// Whether the device stands by it.
    pub validity: Validity,
}

/// One waveform in full.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelRecording {
    /// Samples seen, carried or not.
    pub samples: u64,
    /// Samples a second, measured from the times at which cycles ended; absent where that is not known.
    pub rate_hz: Option<f64>,
    /// The samples, where they were asked for: unbroken stretches in order of time.
    pub stretches: Vec<Stretch>,
}

/// Samples without a break between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// Time of the first sample: when its block arrived, less how long the block lasts.
    pub start: CaptureTime,
    /// Unsigned 8-bit codes, gain unknown.
    pub samples: Vec<u8>,
}

impl Stretch {
    /// Time after the last sample at `rate_hz`.
    #[must_use]
    pub fn end(&self, rate_hz: f64) -> CaptureTime {
        self.start.plus_nanos((self.samples.len() as f64 * 1e9 / rate_hz.max(f64::MIN_POSITIVE)) as i64)
    }
}

/// A message of the device about itself, and when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NoticeAt {
    /// When it arrived.
    pub time: CaptureTime,
    /// The device's own code.
    pub code: u8,
    /// Its text.
    pub text: Text,
    /// The frame that brought it.
    pub evidence: Evidence,
}

/// A time without cycles.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Gap {
    /// The last cycle before.
    pub from: CaptureTime,
    /// The first cycle after.
    pub to: CaptureTime,
}

/// What a limit of the recorder cost.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LeftOut {
    /// Numbers.
    pub numerics: u64,
    /// Samples of waveforms.
    pub samples: u64,
    /// Notices.
    pub notices: u64,
    /// Changes of alarm limits.
    pub limits: u64,
}

impl LeftOut {
    /// Whether a limit cost anything.
    #[must_use]
    pub fn is_something(&self) -> bool {
        *self != Self::default()
    }
}

impl BedRecording {
    /// Range of the valid numbers of one parameter.
    #[must_use]
    pub fn range(&self, vital: Vital) -> Option<NumericRange> {
        let points = self.numerics.get(&vital)?.iter().filter(|point| point.validity == Validity::Valid);
        points.fold(None, |range: Option<NumericRange>, point| {
            let value = point.value;
            Some(range.map_or(NumericRange { last: value, min: value, max: value, samples: 1 }, |range| {
                NumericRange {
                    last: value,
                    min: range.min.min(value),
                    max: range.max.max(value),
                    samples: range.samples + 1,
                }
            }))
        })
    }

    /// Whether anything but its name is known of the bed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numerics.is_empty() && self.channels.is_empty() && self.notices.is_empty() && self.cycles == 0
    }
}
