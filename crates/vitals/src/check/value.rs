//! Numbers by themselves: whether a living patient can show them, and step by as much.

use crate::verdict::{Answer, Answers, At};
use crate::why::Why;
use model::{Check, Sample, Validity, Verdict, Vital};
use std::collections::BTreeMap;

/// How old a number may be to stand for what is shown now, in nanoseconds.
const SHOWN_NANOS_MAX: i64 = 6_000_000_000;
/// Two values further apart in time are no step, in nanoseconds.
const STEP_NANOS_MAX: i64 = 2_500_000_000;
/// A number steps freely for so long after it became valid: averages fill, sensors settle. Nanoseconds.
const SETTLE_NANOS: i64 = 15_000_000_000;
/// Heart rate below which a monitor averages four beats instead of twelve, and so may fall by more at once, 1/min.
const SLOW: f32 = 60.0;
/// How near the ECG's own rate must be to a number to explain its step.
const EXPLAINED: f32 = 0.15;

/// Least and most that a living patient can show.
const fn range(vital: Vital) -> Option<(f32, f32)> {
    Some(match vital {
        Vital::HeartRate | Vital::PulseRate => (15.0, 350.0),
        Vital::RespirationRate => (0.0, 150.0),
        Vital::Spo2 => (1.0, 100.0),
        Vital::NibpSystolic => (30.0, 300.0),
        Vital::NibpDiastolic => (10.0, 250.0),
        Vital::NibpMean => (15.0, 275.0),
        Vital::Temperature1 | Vital::Temperature2 => (20.0, 45.0),
        _ => return None,
    })
}

/// Largest step from one cycle to the next: above the largest natural ones of 7 h (heart rate 25, pulse 17, SpO2 3).
const fn step_max(vital: Vital) -> Option<f32> {
    Some(match vital {
        Vital::HeartRate => 25.0,
        Vital::PulseRate => 35.0,
        Vital::Spo2 => 8.0,
        _ => return None,
    })
}

#[derive(Clone, Copy, Debug)]
struct Last {
    value: f32,
    at: At,
    valid_since: Option<At>,
}

/// The last values of one bed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    last: BTreeMap<Vital, Last>,
    judged: bool,
}

impl Values {
    /// Takes what was measured at one moment; `own` is the heart rate of the ECG itself, where it can be believed.
    pub(crate) fn take(&mut self, samples: &[Sample], own: Option<f32>, at: At, answers: &mut Answers) {
        for sample in samples {
            let Sample { vital, value, validity } = *sample;
            let valid = validity == Validity::Valid && value.is_finite();
            let before = self.last.get(&vital).copied();
            let valid_since =
                before.and_then(|before| before.valid_since).filter(|_| valid).or(valid.then_some(at));
            if valid {
                self.judged = true;
                let still = matches!(vital, Vital::HeartRate | Vital::PulseRate) && value == 0.0;
                if range(vital).is_some_and(|(low, high)| !still && !(low..=high).contains(&value)) {
                    let why = Why::Impossible { number: vital, value };
                    answers.say(Check::ImplausibleValue, Verdict::Fail, why, at);
                }
                if let Some(before) = before {
                    step(vital, value, &before, own, at, answers);
                }
            }
            self.last.insert(vital, Last { value, at, valid_since });
        }
    }

    /// The value of `vital` that is shown as valid now.
    pub(crate) fn shown(&self, vital: Vital, now: At) -> Option<f32> {
        let last = self.last.get(&vital)?;
        let fresh = now.time.nanos_since(last.at.time) <= SHOWN_NANOS_MAX;
        (fresh && last.valid_since.is_some()).then_some(last.value)
    }

    /// Whether the source ever reported `vital`, valid or not.
    pub(crate) fn reported(&self, vital: Vital) -> bool {
        self.last.contains_key(&vital)
    }

    /// After a gap a step tells nothing.
    pub(crate) fn gap(&mut self) {
        self.last.clear();
    }

    /// What is said where nothing was against it.
    pub(crate) fn answer(&self, answers: &mut Answers, at: At) {
        let (verdict, within, steps) = match self.judged {
            true => (Verdict::Pass, Why::Within, Why::Steps),
            false => (Verdict::CannotJudge, Why::NoNumber, Why::NoNumber),
        };
        answers.say(Check::ImplausibleValue, verdict, within, at);
        answers.say(Check::ImplausibleChange, verdict, steps, at);
    }
}

fn step(vital: Vital, value: f32, before: &Last, own: Option<f32>, at: At, answers: &mut Answers) {
    let nanos = at.time.nanos_since(before.at.time);
    let settled = before.valid_since.is_some_and(|since| at.time.nanos_since(since.time) >= SETTLE_NANOS);
    let Some(most) = step_max(vital).filter(|_| settled && nanos <= STEP_NANOS_MAX) else { return };
    let step = value - before.value;
    let slows = vital != Vital::Spo2 && step < 0.0 && value < SLOW;
    let explained =
        vital == Vital::HeartRate && own.is_some_and(|own| (own - value).abs() <= EXPLAINED * own);
    if step.abs() <= most || slows || explained {
        return;
    }
    let seconds = nanos as f32 / 1e9;
    let why = Why::Step { number: vital, from: before.value, to: value, seconds };
    answers.add(
        Check::ImplausibleChange,
        Answer { verdict: Verdict::Fail, why, since: before.at, earlier: None },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::CaptureTime;

    fn told(values: &[(Vital, &[f32])], own: Option<f32>) -> (Option<Verdict>, Option<Verdict>) {
        let mut checked = Values::default();
        let mut answers = Answers::default();
        for (vital, series) in values {
            for (second, value) in series.iter().enumerate() {
                let time = CaptureTime::from_nanos(second as i64 * 1_000_000_000);
                let sample = Sample { vital: *vital, value: *value, validity: Validity::Valid };
                checked.take(&[sample], own, At { time, ..At::default() }, &mut answers);
            }
        }
        (answers.of(Check::ImplausibleValue), answers.of(Check::ImplausibleChange))
    }

    fn series(from: f32, to: f32) -> Vec<f32> {
        [[from; 20], [to; 20]].concat()
    }

    #[test]
    fn values_of_no_living_patient_fail_and_others_do_not() {
        assert_eq!(told(&[(Vital::Spo2, &[101.0])], None).0, Some(Verdict::Fail));
        assert_eq!(told(&[(Vital::HeartRate, &[9.0])], None).0, Some(Verdict::Fail));
        assert_eq!(told(&[(Vital::Temperature1, &[46.0])], None).0, Some(Verdict::Fail));
        let asystole: (Vital, &[f32]) = (Vital::HeartRate, &[0.0]);
        assert_eq!(told(&[asystole, (Vital::Spo2, &[60.0]), (Vital::NibpSystolic, &[300.0])], None).0, None);
    }

    #[test]
    fn a_step_that_no_patient_makes_fails() {
        assert_eq!(told(&[(Vital::HeartRate, &series(80.0, 110.0))], None).1, Some(Verdict::Fail));
        assert_eq!(told(&[(Vital::HeartRate, &series(80.0, 105.0))], None).1, None);
        assert_eq!(told(&[(Vital::Spo2, &series(97.0, 85.0))], None).1, Some(Verdict::Fail));
    }

    #[test]
    fn a_step_that_the_ecg_shows_too_or_that_averaging_explains_does_not_fail() {
        assert_eq!(told(&[(Vital::HeartRate, &series(80.0, 150.0))], Some(155.0)).1, None);
        assert_eq!(told(&[(Vital::HeartRate, &series(90.0, 45.0))], None).1, None);
        assert_eq!(told(&[(Vital::HeartRate, &[80.0, 150.0])], None).1, None);
    }

    #[test]
    fn a_number_is_shown_while_it_is_valid_and_fresh() {
        let mut values = Values::default();
        let at =
            |seconds: i64| At { time: CaptureTime::from_nanos(seconds * 1_000_000_000), ..At::default() };
        let mut take = |validity, second| {
            let sample = Sample { vital: Vital::Spo2, value: 97.0, validity };
            values.take(&[sample], None, at(second), &mut Answers::default());
            values.clone()
        };
        let shown = take(Validity::Valid, 0);
        assert_eq!(shown.shown(Vital::Spo2, at(5)), Some(97.0));
        assert_eq!(shown.shown(Vital::Spo2, at(7)), None);
        assert_eq!(take(Validity::Invalid, 1).shown(Vital::Spo2, at(1)), None);
    }
}
