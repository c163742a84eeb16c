//! An early warning score of a recording's last numbers, as an example of what may be computed from numbers that were
//! checked: NEWS2 (see [`vitals::news2`]). A number that a check contradicts gives no score.

use model::{
    BedRecording, CaptureTime, Channel, Check, IntegrityRow, NumericPoint, Validity, Verdict, Vital,
};
use vitals::news2::{Input, Inputs, score};

/// A rate or a temperature is of now for so long, in seconds: monitors send them every second or few.
const RATE_SECONDS_MAX: i64 = 60;
/// A pressure is of now for so long, in seconds: cuffs are pumped up every quarter of an hour or half hour.
const PRESSURE_SECONDS_MAX: i64 = 3_600;
const NANOS: i64 = 1_000_000_000;

/// Adds the score, or why there is none, in words.
pub(crate) fn add_score(bed: &mut BedRecording) {
    let now = bed.last;
    let contradicted: Vec<&IntegrityRow> = bed
        .integrity
        .iter()
        .filter(|row| row.verdict == Verdict::Fail && now.nanos_since(row.last) <= RATE_SECONDS_MAX * NANOS)
        .collect();
    let input = |vital, seconds_max: i64| match latest(bed, vital, now, seconds_max) {
        Some(_) if contradicted.iter().any(|row| speaks_of(row, vital)) => Input::Contradicted,
        Some(value) => Input::Is(value),
        None => Input::Missing,
    };
    let pulse = match input(Vital::HeartRate, RATE_SECONDS_MAX) {
        Input::Missing => input(Vital::PulseRate, RATE_SECONDS_MAX),
        known => known,
    };
    let inputs = Inputs {
        respiration_rate: input(Vital::RespirationRate, RATE_SECONDS_MAX),
        spo2: input(Vital::Spo2, RATE_SECONDS_MAX),
        systolic: input(Vital::NibpSystolic, PRESSURE_SECONDS_MAX),
        temperature: input(Vital::Temperature1, RATE_SECONDS_MAX),
        pulse,
        // No monitor knows these two.
        oxygen: Input::Missing,
        alert: Input::Missing,
    };
    let checked =
        if bed.judged.is_some() { "" } else { "; whether its inputs can be believed was not checked" };
    bed.score = Some(format!("{}{checked}", score(&inputs)));
}

/// The last valid number, where it is of now.
fn latest(bed: &BedRecording, vital: Vital, now: CaptureTime, seconds_max: i64) -> Option<f32> {
    let points = bed.numerics.get(&vital)?;
    let valid = |point: &&NumericPoint| point.validity == Validity::Valid;
    let last = points.iter().rev().find(valid)?;
    (now.nanos_since(last.time) <= seconds_max * NANOS).then_some(last.value)
}

/// Whether a row that contradicts something contradicts this number.
fn speaks_of(row: &IntegrityRow, vital: Vital) -> bool {
    match row.check {
        // The alarms' settings say nothing of the numbers.
        Check::AlarmMissing | Check::AlarmInvented | Check::AlarmDisabled | Check::AlarmLimitsWidened => {
            false
        }
        Check::NibpInconsistent => vital == Vital::NibpSystolic,
        // Whose number it is, or which one is impossible, the row does not tell.
        Check::ImplausibleValue | Check::ImplausibleChange | Check::PatientChanged | Check::Stale => true,
        _ => match row.channel {
            Some(Channel::Respiration) => vital == Vital::RespirationRate,
            Some(Channel::Pleth) => matches!(vital, Vital::Spo2 | Vital::PulseRate | Vital::HeartRate),
            _ => matches!(vital, Vital::HeartRate | Vital::PulseRate),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Judged;

    fn bed(rows: Vec<IntegrityRow>) -> BedRecording {
        let now = CaptureTime::from_nanos(7_200 * NANOS);
        let at = |seconds: i64, value| {
            let time = CaptureTime::from_nanos(7_200 * NANOS - seconds * NANOS);
            vec![NumericPoint { time, value, validity: Validity::Valid }]
        };
        let numerics = [
            (Vital::HeartRate, at(1, 95.0)),
            (Vital::RespirationRate, at(1, 16.0)),
            (Vital::Spo2, at(2, 97.0)),
            (Vital::NibpSystolic, at(1_800, 120.0)),
            (Vital::Temperature1, at(500, 37.0)),
        ];
        BedRecording {
            last: now,
            numerics: numerics.into(),
            integrity: rows,
            judged: Some(Judged { seconds: 100, of_seconds: 100 }),
            ..crate::recompute::tests::bed(std::collections::BTreeMap::new())
        }
    }

    fn words(mut bed: BedRecording) -> String {
        add_score(&mut bed);
        bed.score.unwrap()
    }

    fn fail(check: Check, channel: Option<Channel>, before_end_seconds: i64) -> IntegrityRow {
        let last = CaptureTime::from_nanos((7_200 - before_end_seconds) * NANOS);
        IntegrityRow {
            check,
            verdict: Verdict::Fail,
            first: last,
            last,
            seconds: 1,
            why: String::new(),
            evidence: Vec::new(),
            channel,
            earlier: None,
        }
    }

    #[test]
    fn old_numbers_are_missing_and_oxygen_and_consciousness_always_are() {
        assert_eq!(words(bed(Vec::new())), "NEWS2 (partial, device values only, 4 of 7) between 1 and 9");
        let unchecked = BedRecording { judged: None, ..bed(Vec::new()) };
        assert!(words(unchecked).ends_with("was not checked"));
    }

    #[test]
    fn a_number_that_is_contradicted_now_gives_no_score() {
        let lied = fail(Check::NumericWaveformDisagree, Some(Channel::Ecg(2)), 5);
        assert_eq!(words(bed(vec![lied.clone()])), "NEWS2 cannot be computed: pulse-rate is contradicted");
        let breath = fail(Check::WaveformFlat, Some(Channel::Respiration), 5);
        assert_eq!(words(bed(vec![breath])), "NEWS2 cannot be computed: respiration-rate is contradicted");
        for harmless in [
            fail(Check::NumericWaveformDisagree, Some(Channel::Ecg(2)), 600),
            fail(Check::AlarmDisabled, None, 1),
            IntegrityRow { verdict: Verdict::Suspect, ..lied },
        ] {
            assert!(words(bed(vec![harmless])).contains("between"));
        }
    }
}
