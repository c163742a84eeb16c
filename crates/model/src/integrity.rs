//! Whether vital signs can be believed: which check says what, when and why.

use crate::{CaptureTime, Channel, Evidence};
use std::fmt;

/// A question that is asked of one bed's vital signs.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Check {
    /// A number shown as valid is not what its own waveform says.
    NumericWaveformDisagree,
    /// Two channels of one patient cannot come from one heart.
    ChannelDisagree,
    /// No variation while a number that needs it is shown as valid.
    WaveformFlat,
    /// The same samples again and again: a loop of up to two seconds.
    WaveformFrozen,
    /// A stretch seen earlier, on this bed or another, comes again.
    WaveformReplayed,
    /// No noise or variability that a living signal has.
    WaveformSynthetic,
    /// Amplitude on the rails.
    WaveformClipped,
    /// Amplitude halved or doubled, or the shape of the beats changed, without a notice.
    WaveformChanged,
    /// A value outside what a living patient can show.
    ImplausibleValue,
    /// A step that no patient makes in that time.
    ImplausibleChange,
    /// Beyond the device's own limit, alarm on, and no alarm reported.
    AlarmMissing,
    /// An alarm reported though the value is within limits.
    AlarmInvented,
    /// An alarm was switched off between two cycles of one patient.
    AlarmDisabled,
    /// Alarm limits were widened between two cycles of one patient.
    AlarmLimitsWidened,
    /// Blood pressures that contradict each other or the cuff's pace.
    NibpInconsistent,
    /// Another patient's data without a discharge.
    PatientChanged,
    /// The delay between two channels steps.
    TimeShift,
    /// Cycles stop while the connection lives.
    Stale,
}

impl Check {
    /// Every check, in the order of a report.
    pub const ALL: [Self; 18] = [
        Self::NumericWaveformDisagree,
        Self::ChannelDisagree,
        Self::WaveformFlat,
        Self::WaveformFrozen,
        Self::WaveformReplayed,
        Self::WaveformSynthetic,
        Self::WaveformClipped,
        Self::WaveformChanged,
        Self::ImplausibleValue,
        Self::ImplausibleChange,
        Self::AlarmMissing,
        Self::AlarmInvented,
        Self::AlarmDisabled,
        Self::AlarmLimitsWidened,
        Self::NibpInconsistent,
        Self::PatientChanged,
        Self::TimeShift,
        Self::Stale,
    ];

    /// As the report writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NumericWaveformDisagree => "numeric-waveform-disagree",
            Self::ChannelDisagree => "channel-disagree",
            Self::WaveformFlat => "waveform-flat",
            Self::WaveformFrozen => "waveform-frozen",
            Self::WaveformReplayed => "waveform-replayed",
            Self::WaveformSynthetic => "waveform-synthetic",
            Self::WaveformClipped => "waveform-clipped",
            Self::WaveformChanged => "waveform-changed",
            Self::ImplausibleValue => "implausible-value",
            Self::ImplausibleChange => "implausible-change",
            Self::AlarmMissing => "alarm-missing",
            Self::AlarmInvented => "alarm-invented",
            Self::AlarmDisabled => "alarm-disabled",
            Self::AlarmLimitsWidened => "alarm-limits-widened",
            Self::NibpInconsistent => "nibp-inconsistent",
            Self::PatientChanged => "patient-changed",
            Self::TimeShift => "time-shift",
            Self::Stale => "stale",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a check says.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    /// Asked, and consistent.
    Pass,
    /// Could not be asked. Never read as consistent.
    CannotJudge,
    /// One weak statistic speaks against it. Never a finding.
    Suspect,
    /// The data contradicts itself: a finding.
    Fail,
}

impl Verdict {
    /// As the report writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::CannotJudge => "cannot-judge",
            Self::Suspect => "suspect",
            Self::Fail => "fail",
        }
    }
}

/// What one check says of one bed over some time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IntegrityRow {
    /// The question.
    pub check: Check,
    /// The answer.
    pub verdict: Verdict,
    /// First moment that it holds for.
    pub first: CaptureTime,
    /// Last moment that it holds for.
    pub last: CaptureTime,
    /// For how many seconds between the two it held.
    pub seconds: u64,
    /// Why, in plain words with the numbers.
    pub why: String,
    /// The frames that show it: the first ones and the last.
    pub evidence: Vec<Evidence>,
    /// The waveform it speaks of, where it speaks of one.
    pub channel: Option<Channel>,
    /// When a repeated stretch was first seen.
    pub earlier: Option<CaptureTime>,
}

impl IntegrityRow {
    /// Most frames of one row. Our limit.
    pub const EVIDENCE_MAX: usize = 8;
}

/// How much of a bed's time could be judged.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Judged {
    /// Seconds in which a number could be compared with its waveform, or two channels with each other.
    pub seconds: u64,
    /// Seconds in all.
    pub of_seconds: u64,
}
