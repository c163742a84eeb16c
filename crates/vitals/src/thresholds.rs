//! How long each statistic must hold to be a contradiction alone.
//!
//! What a condition is (8/min, 45 % of the beats, ...) stands in the design, with its reason, and is fixed. How long living
//! patients and true monitors keep such a condition up is not known beforehand: it is read off recordings by one rule,
//! so that it can be read off some subjects and measured on others (`cargo xtask vitals-eval untouched --folds`).

/// What the statistics ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Question {
    /// Is the heart rate shown the ECG's?
    RateEcg,
    /// Is it the pleth's?
    RatePleth,
    /// Is the pulse rate shown the pleth's?
    PulsePleth,
    /// Does the heart rate stand still while the ECG's does not?
    Standstill,
    /// Is the respiration rate shown that of its waveform?
    Respiration,
    /// Are ECG and pleth equally fast?
    Rates,
    /// Does a pulse follow every beat at the usual delay?
    Coupling,
    /// Is the delay from beat to pulse the usual one?
    Delay,
    /// Are the beats of a usual shape?
    Shape,
    /// Do they keep their height?
    Height,
    /// Does a waveform that was whole lie on a rail?
    Clipping,
    /// Do the beats vary as living ones do?
    Evenness,
    /// Is the heart rate shown the ECG's, in the middle of the last seconds, where its beats are beyond doubt?
    RateMiddle,
    /// Did another lead change its height by the same factor?
    OtherLeads,
}

impl Question {
    /// All of them, in the order of [`Thresholds::alone_seconds`].
    pub const ALL: [Self; 14] = [
        Self::RateEcg,
        Self::RatePleth,
        Self::PulsePleth,
        Self::Standstill,
        Self::Respiration,
        Self::Rates,
        Self::Coupling,
        Self::Delay,
        Self::Shape,
        Self::Height,
        Self::Clipping,
        Self::Evenness,
        Self::RateMiddle,
        Self::OtherLeads,
    ];

    /// A name for tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RateEcg => "heart rate, ECG",
            Self::RatePleth => "heart rate, pleth",
            Self::PulsePleth => "pulse, pleth",
            Self::Standstill => "heart rate stands still",
            Self::Respiration => "respiration rate",
            Self::Rates => "ECG and pleth, rates",
            Self::Coupling => "ECG and pleth, coupling",
            Self::Delay => "ECG and pleth, delay",
            Self::Shape => "shape",
            Self::Height => "height",
            Self::Clipping => "clipping",
            Self::Evenness => "evenness",
            Self::RateMiddle => "heart rate, ECG, middle of 9 s",
            Self::OtherLeads => "height of another lead",
        }
    }

    /// The shortest time that may be chosen, in seconds: what a monitor's averages, a passing artefact or the window of
    /// the statistic explain lawfully. Fixed beforehand.
    #[must_use]
    pub const fn least_seconds(self) -> f32 {
        match self {
            Self::RateEcg | Self::RateMiddle | Self::Shape => 15.0,
            Self::Rates | Self::Coupling | Self::Evenness | Self::OtherLeads => 20.0,
            Self::RatePleth | Self::PulsePleth | Self::Standstill | Self::Clipping => 30.0,
            Self::Respiration | Self::Delay => 60.0,
            // One lead's height changes by itself.
            Self::Height => 600.0,
        }
    }
}

/// What may be chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// How long the condition of each [`Question`] must hold to be a contradiction alone, in seconds.
    pub alone_seconds: [f32; Question::ALL.len()],
}

impl Default for Thresholds {
    fn default() -> Self {
        let mut alone_seconds = [0.0; Question::ALL.len()];
        for (seconds, question) in alone_seconds.iter_mut().zip(Question::ALL) {
            *seconds = chosen(question);
        }
        Self { alone_seconds }
    }
}

/// By the rule of `vitals-eval untouched --folds`, on all its subjects.
const fn chosen(question: Question) -> f32 {
    match question {
        Question::RateEcg | Question::RateMiddle | Question::Shape => 15.0,
        Question::Rates | Question::Coupling | Question::Evenness | Question::OtherLeads => 20.0,
        Question::RatePleth | Question::PulsePleth | Question::Standstill | Question::Clipping => 30.0,
        Question::Delay => 60.0,
        Question::Respiration => 90.0,
        Question::Height => 600.0,
    }
}
