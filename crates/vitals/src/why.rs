//! Why a check says what it says: small while it is collected, plain words with the numbers when it is read.

use model::{Channel, Vital};
use std::fmt;

/// A reason. Two are of one kind where they differ in numbers alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Why {
    // ---- cannot judge
    NoWaveform,
    NoNumber,
    NoPair,
    Starting,
    Gap,
    ClockSet,
    PoorSignal(Channel, f32),
    IdentifiersWithheld,
    NoAlarmState,
    NoLimits,
    NoPressure,
    NoCycles,
    NeverMoved,
    SensorOff,

    // ---- rates
    Rate { number: Vital, shown: f32, channel: Channel, own: f32, seconds: f32 },
    Constant { number: Vital, shown: f32, from: f32, to: f32, seconds: f32 },
    Rates { ecg: f32, pleth: f32, seconds: f32 },
    Coupling { share: f32, seconds: f32 },
    Arrival { usual_ms: f32, now_ms: f32, seconds: f32 },

    // ---- waveforms
    Moves(Channel),
    Flat { channel: Channel, seconds: f32, number: Vital, shown: f32 },
    FlatHonest { channel: Channel },
    Loop { channel: Channel, loop_ms: f32 },
    Replay { channel: Channel, seconds: f32, lag_seconds: f32, other_bed: Option<Option<u16>> },
    NearReplay { channel: Channel, correlation: f32, lag_seconds: f32, stretch: f32 },
    NoRepeat,
    Living { noise: f32 },
    Synthetic { noise: f32, spread_samples: f32, beats: u32 },
    Rails { channel: Channel, share: f32 },
    Amplitude { channel: Channel, ratio: f32, seconds: f32 },
    Shape { channel: Channel, correlation: f32, seconds: f32 },
    Steady { channel: Channel, ratio: f32, correlation: f32 },

    // ---- numbers
    Within,
    Impossible { number: Vital, value: f32 },
    Steps,
    Step { number: Vital, from: f32, to: f32, seconds: f32 },
    PressureOrder { systolic: f32, mean: f32, diastolic: f32 },
    PressureForm { systolic: f32, mean: f32, diastolic: f32, form: f32 },
    PressurePace { seconds: f32 },
    PressureFits { form: f32 },

    // ---- alarms and patients
    LimitsSame,
    Disabled { number: Vital },
    Widened { number: Vital, from: (f32, f32), to: (f32, f32) },
    OverReconnect { number: Vital },
    PatientSame,
    PatientOther { seconds: f32 },
    Cycles { seconds: f32 },
    Stopped { seconds: f32 },
}

impl Why {
    /// Whether the two speak of the same matter.
    pub(crate) fn same_kind(&self, other: &Self) -> bool {
        let channel = self.channel() == other.channel();
        let number = self.number() == other.number();
        std::mem::discriminant(self) == std::mem::discriminant(other) && channel && number
    }

    /// The waveform it speaks of.
    pub(crate) const fn channel(&self) -> Option<Channel> {
        match self {
            Self::PoorSignal(channel, _)
            | Self::Moves(channel)
            | Self::FlatHonest { channel }
            | Self::Rate { channel, .. }
            | Self::Flat { channel, .. }
            | Self::Loop { channel, .. }
            | Self::Replay { channel, .. }
            | Self::NearReplay { channel, .. }
            | Self::Rails { channel, .. }
            | Self::Amplitude { channel, .. }
            | Self::Shape { channel, .. }
            | Self::Steady { channel, .. } => Some(*channel),
            _ => None,
        }
    }

    /// The number it speaks of.
    pub(crate) const fn number(&self) -> Option<Vital> {
        match self {
            Self::Rate { number, .. }
            | Self::Constant { number, .. }
            | Self::Impossible { number, .. }
            | Self::Step { number, .. }
            | Self::Disabled { number }
            | Self::Widened { number, .. }
            | Self::OverReconnect { number } => Some(*number),
            _ => None,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWaveform => f.write_str("The source sends no waveform to compare with."),
            Self::NoNumber => f.write_str("No number is shown as valid."),
            Self::NoPair => f.write_str("It takes an ECG and a pleth at the same time."),
            Self::Starting => f.write_str("Not enough was seen yet."),
            Self::Gap => f.write_str("Part of what the monitor sent is missing from the capture."),
            Self::ClockSet => f.write_str("The clock of whoever captured was set meanwhile."),
            Self::PoorSignal(channel, share) => {
                write!(f, "The {channel} signal is too poor (quality {share:.2}).")
            }
            Self::IdentifiersWithheld => f.write_str(
                "Patient identifiers are left out, so patients cannot be told apart; --pseudonym-key tells them.",
            ),
            Self::NoAlarmState => f.write_str("The source does not report whether it alarms."),
            Self::NoLimits => f.write_str("The source does not report alarm limits."),
            Self::NoPressure => f.write_str("No complete blood pressure reading."),
            Self::NoCycles => f.write_str("The source has no telemetry cycles."),
            Self::NeverMoved => f.write_str("The waveform never moved: nothing is connected to it."),
            Self::SensorOff => f.write_str("The monitor says that a sensor is off."),
            other => other.numbers(f),
        }
    }
}

impl Why {
    fn numbers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate { number, shown, channel, own, seconds } => write!(
                f,
                "{number} is shown as {shown:.0} /min, the {channel} waveform gives {own:.0} /min{}.",
                For(*seconds)
            ),
            Self::Constant { number, shown, from, to, seconds } => write!(
                f,
                "{number} stays at exactly {shown:.0} for {seconds:.0} s while its waveform goes from {from:.0} to \
                 {to:.0} /min."
            ),
            Self::Rates { ecg, pleth, seconds } => {
                write!(f, "The ECG gives {ecg:.0} beats a minute, the pleth {pleth:.0}{}.", For(*seconds))
            }
            Self::Coupling { share, seconds } => write!(
                f,
                "{:.0} % of the last half minute's beats are followed by a pulse at the usual delay{}; two unrelated \
                 hearts give 15 to 30 %.",
                share * 100.0,
                For(*seconds)
            ),
            Self::Arrival { usual_ms, now_ms, seconds } => write!(
                f,
                "The pulse follows the beat after {now_ms:.0} ms, usually after {usual_ms:.0} ms{}.",
                For(*seconds)
            ),
            Self::Moves(channel) => write!(f, "{channel} moves."),
            Self::Flat { channel, seconds, number, shown } => write!(
                f,
                "{channel} has not moved by more than 2 codes for {seconds:.0} s, and yet {number} is shown as valid: \
                 {shown:.0}."
            ),
            Self::FlatHonest { channel } => {
                write!(f, "{channel} is flat, and the monitor shows no number for it or says why.")
            }
            Self::Loop { channel, loop_ms } => {
                write!(f, "{channel} repeats the same samples every {loop_ms:.0} ms.")
            }
            Self::Replay { channel, seconds, lag_seconds, other_bed } => {
                write!(f, "{channel} repeats, sample for sample, at least {seconds:.1} s that were sent ")?;
                match other_bed {
                    None => write!(f, "{lag_seconds:.1} s before."),
                    Some(Some(bed)) => write!(f, "for bed {bed}, {lag_seconds:.1} s before."),
                    Some(None) => write!(f, "for another bed, {lag_seconds:.1} s before."),
                }
            }
            Self::NearReplay { channel, correlation, lag_seconds, stretch } => {
                write!(
                    f,
                    "20 s of {channel} and the 20 s before them are those of {lag_seconds:.1} s earlier, "
                )?;
                if *stretch != 1.0 {
                    let percent = 100.0 * (stretch - 1.0).abs();
                    write!(f, "{percent:.2} % {}, ", if *stretch > 1.0 { "slower" } else { "faster" })?;
                }
                write!(
                    f,
                    "but for noise and gain (correlation {correlation:.4}; living hearts stay below 0.99)."
                )
            }
            Self::NoRepeat => f.write_str("No stretch came twice."),
            Self::Living { noise } => {
                write!(f, "The beats differ as a living heart's do (by {noise:.2} codes).")
            }
            Self::Synthetic { noise, spread_samples, beats } => write!(
                f,
                "{beats} beats differ by {noise:.2} codes only and come at intervals that spread by \
                 {spread_samples:.2} samples: no living signal is that even."
            ),
            other => other.more(f),
        }
    }

    fn more(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rails { channel, share } => {
                write!(f, "{:.1} % of {channel} lie exactly on its highest or lowest code.", share * 100.0)
            }
            Self::Amplitude { channel, ratio, seconds } => write!(
                f,
                "The beats of {channel} became {ratio:.2} times as high from one beat to the next{}, without a notice.",
                For(*seconds)
            ),
            Self::Shape { channel, correlation, seconds } => write!(
                f,
                "The beats of {channel} have another shape than before (correlation {correlation:.2}){}, without a \
                 notice.",
                For(*seconds)
            ),
            Self::Steady { channel, ratio, correlation } => write!(
                f,
                "The beats of {channel} keep their height ({ratio:.2}) and shape (correlation {correlation:.2})."
            ),
            Self::Within => f.write_str("Every value is one that a living patient can show."),
            Self::Impossible { number, value } => {
                write!(f, "{number} is shown as {value:.1} {}: no living patient has that.", number.unit())
            }
            Self::Steps => f.write_str("No number stepped further than a patient's can."),
            Self::Step { number, from, to, seconds } => write!(
                f,
                "{number} went from {from:.1} to {to:.1} {} within {seconds:.1} s, which no patient's does.",
                number.unit()
            ),
            Self::PressureOrder { systolic, mean, diastolic } => write!(
                f,
                "Blood pressure {systolic:.0}/{diastolic:.0} with mean {mean:.0} mm[Hg]: the mean must lie between the \
                 two."
            ),
            Self::PressureForm { systolic, mean, diastolic, form } => write!(
                f,
                "Blood pressure {systolic:.0}/{diastolic:.0} with mean {mean:.0} mm[Hg] twice in a row: form factor \
                 {form:.2} is outside 0.2 to 0.6."
            ),
            Self::PressurePace { seconds } => write!(
                f,
                "A new blood pressure {seconds:.0} s after the one before: a cuff takes at least 15 s for one."
            ),
            Self::PressureFits { form } => {
                write!(f, "Systolic, mean and diastolic fit (form factor {form:.2}).")
            }
            Self::LimitsSame => f.write_str("Limits and switches are as they were."),
            Self::Disabled { number } => write!(f, "The alarm of {number} was switched off."),
            Self::Widened { number, from, to } => write!(
                f,
                "The alarm limits of {number} were widened from {:.0}–{:.0} to {:.0}–{:.0} {}.",
                from.0,
                from.1,
                to.0,
                to.1,
                number.unit()
            ),
            Self::OverReconnect { number } => write!(
                f,
                "The alarm of {number} watches less than before the connection was made anew; the monitor may have \
                 been set up again."
            ),
            Self::PatientSame => f.write_str("The same patient throughout."),
            Self::PatientOther { seconds } => write!(
                f,
                "Another patient is named {seconds:.0} s after the one before, while the vital signs go on without a \
                 break."
            ),
            Self::Cycles { seconds } => write!(f, "Cycles come every {seconds:.2} s."),
            Self::Stopped { seconds } => {
                write!(f, "No cycle for {seconds:.0} s while the connection lived and nothing was lost.")
            }
            _ => Ok(()),
        }
    }
}

/// ` for 15 s`; nothing for no time.
struct For(f32);

impl fmt::Display for For {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= 1.0 { write!(f, " for {:.0} s", self.0) } else { Ok(()) }
    }
}
