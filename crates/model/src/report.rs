//! What one run says: the whole answer of `scan`, before it takes an outside format.

use crate::{
    AlarmLimit, Asset, AssetId, BedRecording, CaptureSummary, CaptureTime, Channel, Coverage, Evidence,
    Finding, FindingId, IntegrityRow, Judged, Notice, PatientToken, Vital,
};
use std::collections::BTreeMap;

/// The whole answer of one run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The captures, sorted by name, then hash.
    pub captures: Vec<CaptureSummary>,
    /// What was seen and what was not.
    pub coverage: Coverage,
    /// Sentences a person can act on: what could not be seen and what to do about it.
    pub blind_spots: Vec<String>,
    /// Assets, sorted by id.
    pub assets: Vec<Asset>,
    /// Findings, worst first, then by rule, asset and peer.
    pub findings: Vec<Finding>,
    /// What was told in earlier stretches of a watch and no longer holds, by finding.
    pub taken_back: Vec<TakenBack>,
    /// Vital signs by asset and bed.
    pub vitals: Vec<BedVitals>,
    /// The same in full, where a recorder was asked for.
    pub recordings: Vec<BedRecording>,
    /// Why patient identifiers stand in clear; absent where they do not.
    pub identifiers_shown_because: Option<String>,
}

/// A finding of earlier stretches of a watch that is not what it was told as: what is left of it is told anew as a whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TakenBack {
    /// Which.
    pub finding: FindingId,
    /// The first stretch in which it was told; the stretches of a watch count from 0.
    pub since: u64,
}

/// The vital signs that one asset reported for one bed and patient.
#[derive(Clone, Debug, PartialEq)]
pub struct BedVitals {
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
    /// Median time between two cycles, in nanoseconds; absent below three cycles.
    pub cycle_ns: Option<u64>,
    /// Numbers flagged valid, by parameter.
    pub numerics: BTreeMap<Vital, NumericRange>,
    /// Numbers flagged invalid, by parameter: how many.
    pub invalid: BTreeMap<Vital, u64>,
    /// Alarm limits in force, with each change.
    pub limits: BTreeMap<Vital, Vec<LimitInForce>>,
    /// Conditions the device reported, with how often and when first.
    pub notices: BTreeMap<Notice, Seen>,
    /// Waveforms, by channel.
    pub waveforms: BTreeMap<Channel, WaveformSeen>,
    /// What the integrity checks say, in order of check; empty where they were not asked for.
    pub integrity: Vec<IntegrityRow>,
    /// How much of the time could be judged; absent where the checks were not asked for.
    pub judged: Option<Judged>,
}

/// Range of the valid values of one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumericRange {
    /// Latest, in the unit of the parameter.
    pub last: f32,
    /// Least.
    pub min: f32,
    /// Most.
    pub max: f32,
    /// How many.
    pub samples: u64,
}

/// An alarm limit from the moment it was seen in force.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitInForce {
    /// The limit.
    pub limit: AlarmLimit,
    /// Since when.
    pub since: CaptureTime,
    /// The frame that shows it.
    pub evidence: Evidence,
}

/// How often, since when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seen {
    /// Times.
    pub count: u64,
    /// First.
    pub first: CaptureTime,
    /// Last.
    pub last: CaptureTime,
    /// The first frame.
    pub evidence: Evidence,
}

/// What was seen of one waveform.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WaveformSeen {
    /// Samples.
    pub samples: u64,
    /// Sample rate derived from the measured cycle, in Hz; absent where the cycle is not known.
    pub rate_hz: Option<f64>,
    /// The last samples, where they were asked for; at most [`WaveformSeen::STRIP_SAMPLES_MAX`].
    pub strip: Vec<u8>,
}

impl WaveformSeen {
    /// Longest strip kept for pictures: ten seconds at 256 Hz.
    pub const STRIP_SAMPLES_MAX: usize = 2560;
}

/// A few minutes of one bed's vital signs, of those that a report sums up.
#[derive(Clone, Debug, PartialEq)]
pub struct Trend {
    /// The monitor.
    pub asset: AssetId,
    /// The bed number that the monitor gives.
    pub bed: Option<u16>,
    /// The patient.
    pub patient: Option<PatientToken>,
    /// First valid sample, or a little earlier.
    pub first: CaptureTime,
    /// Last valid sample, or a little later.
    pub last: CaptureTime,
    /// Ranges of parameters that had valid samples.
    pub numerics: BTreeMap<Vital, NumericRange>,
}
