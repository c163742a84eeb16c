//! Blood pressure by cuff: what the three numbers of one reading must keep, and the pace of readings.

use crate::verdict::{Answers, At};
use crate::why::Why;
use model::{Check, Sample, Validity, Verdict, Vital};

/// Least and most of the form factor, (mean - diastolic) / (systolic - diastolic): 1/3 in the books, and cuffs
/// measure the mean and derive the others.
const FORM: std::ops::RangeInclusive<f32> = 0.2..=0.6;
/// Pulse pressure below which rounding decides the form factor, in mmHg.
const PULSE_MMHG_MIN: f32 = 12.0;
/// Shortest time from one reading to the next: a cuff takes 20 s to 40 s. Nanoseconds.
const PACE_NANOS_MIN: i64 = 15_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Reading {
    systolic: f32,
    mean: f32,
    diastolic: f32,
}

impl Reading {
    fn of(samples: &[Sample]) -> Option<Self> {
        let value = |vital: Vital| {
            let valid = |sample: &&Sample| sample.vital == vital && sample.validity == Validity::Valid;
            samples.iter().find(valid).map(|sample| sample.value)
        };
        let (systolic, mean) = (value(Vital::NibpSystolic)?, value(Vital::NibpMean)?);
        Some(Self { systolic, mean, diastolic: value(Vital::NibpDiastolic)? })
    }

    /// Its form factor; none where the mean is not between the two.
    fn form(&self) -> Option<f32> {
        let ordered = self.diastolic < self.mean && self.mean < self.systolic;
        ordered.then(|| (self.mean - self.diastolic) / (self.systolic - self.diastolic))
    }

    fn odd(&self) -> bool {
        let wide = self.systolic - self.diastolic >= PULSE_MMHG_MIN;
        wide && self.form().is_some_and(|form| !FORM.contains(&form))
    }
}

/// The cuff of one bed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pressures {
    now: Option<Reading>,
    since: Option<At>,
    /// The reading before was odd already.
    odd_before: bool,
    against: Option<Why>,
}

impl Pressures {
    /// Takes what was measured at one moment. A reading is repeated until the next.
    pub(crate) fn take(&mut self, samples: &[Sample], at: At) {
        let Some(reading) = Reading::of(samples) else { return };
        if self.now == Some(reading) {
            return;
        }
        let before = self.now.replace(reading);
        // The first reading seen may be of any age.
        let pace = self.since.map(|since| at.time.nanos_since(since.time));
        self.since = before.is_some().then_some(at);
        let Reading { systolic, mean, diastolic } = reading;
        self.against = if reading.form().is_none() {
            Some(Why::PressureOrder { systolic, mean, diastolic })
        } else if reading.odd() && self.odd_before {
            Some(Why::PressureForm { systolic, mean, diastolic, form: reading.form().unwrap_or_default() })
        } else {
            let soon = pace.filter(|pace| *pace < PACE_NANOS_MIN);
            soon.map(|pace| Why::PressurePace { seconds: pace as f32 / 1e9 })
        };
        self.odd_before = reading.odd();
    }

    /// After a gap the pace is not known.
    pub(crate) fn gap(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn answer(&self, answers: &mut Answers, at: At) {
        let check = Check::NibpInconsistent;
        match (self.now, self.against) {
            (None, _) => answers.say(check, Verdict::CannotJudge, Why::NoPressure, at),
            (_, Some(why)) => answers.say(check, Verdict::Fail, why, at),
            (Some(reading), None) => {
                let form = reading.form().unwrap_or_default();
                answers.say(check, Verdict::Pass, Why::PressureFits { form }, at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::CaptureTime;

    fn told(readings: &[(i64, [f32; 3])]) -> Option<Verdict> {
        let mut pressures = Pressures::default();
        let mut answers = Answers::default();
        for (second, values) in readings {
            let vitals = [Vital::NibpSystolic, Vital::NibpDiastolic, Vital::NibpMean];
            let sample = |(vital, value)| Sample { vital, value, validity: Validity::Valid };
            let samples: Vec<_> = vitals.into_iter().zip(*values).map(sample).collect();
            let at = At { time: CaptureTime::from_nanos(second * 1_000_000_000), ..At::default() };
            pressures.take(&samples, at);
            pressures.answer(&mut answers, at);
        }
        answers.of(Check::NibpInconsistent)
    }

    #[test]
    fn a_mean_outside_the_two_pressures_fails() {
        assert_eq!(told(&[(0, [120.0, 80.0, 93.0])]), Some(Verdict::Pass));
        assert_eq!(told(&[(0, [120.0, 80.0, 79.0])]), Some(Verdict::Fail));
        assert_eq!(told(&[(0, [80.0, 120.0, 93.0])]), Some(Verdict::Fail));
        assert_eq!(told(&[]), None);
    }

    #[test]
    fn an_impossible_form_fails_when_it_comes_twice() {
        assert_eq!(told(&[(0, [120.0, 80.0, 116.0])]), Some(Verdict::Pass));
        assert_eq!(told(&[(0, [120.0, 80.0, 116.0]), (300, [122.0, 80.0, 117.0])]), Some(Verdict::Fail));
    }

    #[test]
    fn a_new_reading_without_time_to_measure_fails_and_a_repeated_one_does_not() {
        let hasty = [(0, [118.0, 80.0, 93.0]), (60, [120.0, 80.0, 93.0]), (64, [121.0, 80.0, 93.0])];
        assert_eq!(told(&hasty), Some(Verdict::Fail));
        assert_eq!(told(&[(0, [120.0, 80.0, 93.0]), (4, [121.0, 80.0, 93.0])]), Some(Verdict::Pass));
        let calm = [(0, [120.0, 80.0, 93.0]), (4, [120.0, 80.0, 93.0]), (150, [121.0, 80.0, 93.0])];
        assert_eq!(told(&calm), Some(Verdict::Pass));
    }
}
