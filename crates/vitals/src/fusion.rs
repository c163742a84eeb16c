//! When statistics become a verdict.
//!
//! A statistic speaks against a bed once its condition has held for as long as it must. One alone is a suspicion;
//! two of independent groups at once, or one that holds for long, is a contradiction. Exact statements need none
//! of this and do not pass through here.

use crate::verdict::{Answer, Answers, At};
use crate::why::Why;
use model::{Check, Verdict};

/// Statistics that share a cause of error are of one group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Group {
    /// A number against the ECG.
    NumberEcg,
    /// A number against the pleth.
    NumberPleth,
    /// ECG against pleth.
    EcgPleth,
    /// Respiration.
    Respiration,
    /// Shape of the beats.
    Morphology,
    /// Their height.
    Amplitude,
}

/// What a statistic is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) check: Check,
    pub(crate) group: Group,
    /// How long its condition must hold before it speaks, in seconds.
    pub(crate) persist: f32,
    /// How long it must hold to be a contradiction alone, in seconds.
    pub(crate) alone: f32,
}

/// A condition that is not known for longer than this is over, in seconds.
const UNKNOWN_SECONDS_MAX: f32 = 10.0;

/// One statistic over time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statistic {
    kind: Kind,
    held: f32,
    unknown: f32,
    /// Whether the last moment told something.
    known: bool,
    since: At,
    why: Option<Why>,
    passes: Option<Why>,
    cannot: Why,
}

/// What a statistic sees at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sight {
    /// Its condition holds; what it says once it may speak.
    Against(Why),
    /// It does not.
    For(Why),
    /// It cannot tell.
    Unknown(Why),
}

impl Statistic {
    pub(crate) fn new(kind: Kind) -> Self {
        let (why, passes, cannot) = (None, None, Why::Starting);
        Self { kind, held: 0.0, unknown: 0.0, known: false, since: At::default(), why, passes, cannot }
    }

    /// Takes the next moment, `step` seconds after the one before.
    pub(crate) fn see(&mut self, sight: Sight, step: f32, at: At) {
        self.known = !matches!(sight, Sight::Unknown(_));
        match sight {
            Sight::Against(why) => {
                if self.why.is_none() {
                    self.since = at;
                    self.held = 0.0;
                } else {
                    self.held += step + self.unknown;
                }
                self.unknown = 0.0;
                self.why = Some(why);
            }
            Sight::For(why) => {
                self.why = None;
                self.unknown = 0.0;
                self.passes = Some(why);
            }
            Sight::Unknown(why) => {
                self.unknown += step;
                self.cannot = why;
                if self.unknown > UNKNOWN_SECONDS_MAX {
                    self.why = None;
                }
            }
        }
    }

    /// Begins anew: what was held is not known to hold any longer.
    pub(crate) fn reset(&mut self, why: Why) {
        *self = Self { cannot: why, ..Self::new(self.kind) };
    }

    fn raised(&self) -> bool {
        self.why.is_some() && self.held >= self.kind.persist
    }

    /// For how long the condition has held, in seconds; 0 where it does not.
    pub(crate) fn held(&self) -> f32 {
        if self.why.is_some() { self.held } else { 0.0 }
    }
}

/// The verdicts of all statistics at one moment.
pub(crate) fn fuse(statistics: &[Statistic], answers: &mut Answers, at: At) {
    for statistic in statistics {
        let check = statistic.kind.check;
        if !statistic.raised() {
            // A condition that holds, but not yet for long enough, was judged.
            match statistic.passes.or(statistic.why).filter(|_| statistic.known) {
                Some(why) => answers.say(check, Verdict::Pass, why, at),
                None => answers.say(check, Verdict::CannotJudge, statistic.cannot, at),
            }
            continue;
        }
        let other = |other: &&Statistic| other.raised() && other.kind.group != statistic.kind.group;
        let supported = statistics.iter().any(|statistic| other(&statistic));
        let contradicted = supported || statistic.held >= statistic.kind.alone;
        let verdict = if contradicted { Verdict::Fail } else { Verdict::Suspect };
        if let Some(why) = statistic.why {
            answers.add(check, Answer { verdict, why, since: statistic.since, earlier: None });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::CaptureTime;

    const ONE: Kind =
        Kind { check: Check::NumericWaveformDisagree, group: Group::NumberEcg, persist: 15.0, alone: 60.0 };
    const SAME: Kind = Kind { check: Check::TimeShift, ..ONE };
    const OTHER: Kind =
        Kind { check: Check::ChannelDisagree, group: Group::EcgPleth, persist: 20.0, alone: 60.0 };

    fn run(kinds: &[Kind], seconds: usize, sight: impl Fn(usize, usize) -> Sight) -> Vec<Option<Verdict>> {
        let mut statistics: Vec<_> = kinds.iter().map(|kind| Statistic::new(*kind)).collect();
        let verdict = |second: usize| {
            let at = At { time: CaptureTime::from_nanos(second as i64 * 1_000_000_000), ..At::default() };
            for (number, statistic) in statistics.iter_mut().enumerate() {
                statistic.see(sight(number, second), 1.0, at);
            }
            let mut answers = Answers::default();
            fuse(&statistics, &mut answers, at);
            answers.of(Check::NumericWaveformDisagree)
        };
        (0..seconds).map(verdict).collect()
    }

    const AGAINST: Sight = Sight::Against(Why::NoRepeat);
    const FOR: Sight = Sight::For(Why::NoRepeat);

    #[test]
    fn one_statistic_alone_is_a_suspicion_until_it_has_held_for_long() {
        let told = run(&[ONE, SAME], 70, |_, _| AGAINST);
        assert!(told[..15].iter().all(|verdict| *verdict == Some(Verdict::Pass)));
        assert!(told[15..60].iter().all(|verdict| *verdict == Some(Verdict::Suspect)));
        assert!(told[60..].iter().all(|verdict| *verdict == Some(Verdict::Fail)));
    }

    #[test]
    fn two_independent_statistics_are_a_contradiction() {
        let told = run(&[ONE, OTHER], 30, |_, _| AGAINST);
        assert_eq!(told[19], Some(Verdict::Suspect));
        assert_eq!(told[20], Some(Verdict::Fail));
    }

    #[test]
    fn a_condition_that_breaks_begins_anew_and_one_that_is_hidden_for_a_moment_does_not() {
        let told = run(&[ONE], 40, |_, second| if second == 10 { FOR } else { AGAINST });
        assert_eq!(told[25], Some(Verdict::Pass));
        assert_eq!(told[26], Some(Verdict::Suspect));
        let hidden = |_, second| if (10..15).contains(&second) { Sight::Unknown(Why::Gap) } else { AGAINST };
        let told = run(&[ONE], 40, hidden);
        assert_eq!(told[12], Some(Verdict::CannotJudge));
        assert_eq!(told[16], Some(Verdict::Suspect));
        let hidden = |_, second| if (10..25).contains(&second) { Sight::Unknown(Why::Gap) } else { AGAINST };
        assert_eq!(run(&[ONE], 40, hidden)[39], Some(Verdict::Pass));
    }
}
