//! Waveforms that stand still while a number that needs them is shown as valid.
//!
//! Exactly one code for three seconds is no living electrode, whatever the patient does: that fails at once. A
//! line that still trembles by a code or two may be an arrest, a cuff that squeezes the sensor's arm or a held
//! breath before the monitor's averages have followed: that is a suspicion first.

use crate::verdict::{Answer, Answers, At};
use crate::wave::Wave;
use crate::why::Why;
use model::{Channel, Check, Text, Verdict, Vital};

/// Seconds after which an ECG or a pleth is flat.
const FLAT_SECONDS: f32 = 3.0;
/// The same for respiration.
const FLAT_BREATH_SECONDS: f32 = 12.0;
/// Seconds after which a line that trembles is flat beyond doubt: an arrest takes a monitor 10 s to tell, a cuff
/// 45 s to release, a held breath 20 s to alarm.
const STILL_ECG_SECONDS: f32 = 12.0;
const STILL_PLETH_SECONDS: f32 = 60.0;
const STILL_BREATH_SECONDS: f32 = 30.0;
/// How long a number may outlive its sensor after a notice, in seconds.
const HOLD_SECONDS: f32 = 30.0;

/// Which waveforms a notice excuses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Excused {
    pub(crate) ecg: Option<At>,
    pub(crate) pleth: Option<At>,
    pub(crate) breath: Option<At>,
}

impl Excused {
    /// The monitor told something about itself.
    pub(crate) fn notice(&mut self, text: &Text, at: At) {
        let text = text.as_str().to_ascii_uppercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if says(&["ECG", "LEAD", "ELECTRODE"]) {
            self.ecg = Some(at);
            self.breath = Some(at);
        }
        if says(&["SPO2", "PLETH", "PROBE", "FINGER", "PERFUSION"]) {
            self.pleth = Some(at);
        }
        if says(&["RESP", "APN"]) {
            self.breath = Some(at);
        }
    }
}

/// How long a notice of `since` excuses a line that has been flat for `flat` seconds.
fn excused(since: Option<At>, flat: f32, now: At) -> bool {
    since.is_some_and(|since| {
        let seconds = now.time.nanos_since(since.time) as f32 / 1e9;
        // The notice came with the flat line, not long before it.
        seconds <= flat + 10.0 && seconds <= HOLD_SECONDS
    })
}

/// A line that is flat, and the number that needs it.
struct Line {
    channel: Channel,
    flat: f32,
    same: f32,
    shown: Option<(Vital, f32)>,
    excused: Option<At>,
    /// Another sign that the line is wrong, not the patient.
    otherwise_alive: bool,
}

impl Line {
    fn bounds(&self) -> (f32, f32) {
        match self.channel {
            Channel::Pleth => (FLAT_SECONDS, STILL_PLETH_SECONDS),
            Channel::Respiration => (FLAT_BREATH_SECONDS, STILL_BREATH_SECONDS),
            _ => (FLAT_SECONDS, STILL_ECG_SECONDS),
        }
    }

    fn answer(&self, answers: &mut Answers, at: At) {
        let (least, still) = self.bounds();
        let channel = self.channel;
        let check = Check::WaveformFlat;
        if self.flat < least {
            return answers.say(check, Verdict::Pass, Why::Moves(channel), at);
        }
        let Some((number, shown)) = self.shown else {
            return answers.say(check, Verdict::Pass, Why::FlatHonest { channel }, at);
        };
        if excused(self.excused, self.flat, at) {
            return answers.say(check, Verdict::CannotJudge, Why::SensorOff, at);
        }
        let sure = self.same >= least || self.otherwise_alive || self.flat >= still;
        let verdict = if sure { Verdict::Fail } else { Verdict::Suspect };
        let why = Why::Flat { channel, seconds: self.flat, number, shown };
        answers.add(check, Answer { verdict, why, since: at, earlier: None });
    }
}

/// The numbers that need each waveform, where shown as valid and not zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    pub(crate) ecg: Option<(Vital, f32)>,
    pub(crate) pleth: Option<(Vital, f32)>,
    pub(crate) breath: Option<(Vital, f32)>,
    /// The pleth pulses well.
    pub(crate) pulses: bool,
}

/// Answers for all waveforms of a bed. Of several ECG leads all that ever moved must stand still: one electrode
/// that falls off is no lie.
pub(crate) fn answer(
    waves: &[Option<Wave>; 5],
    needs: &Needs,
    excused: &Excused,
    answers: &mut Answers,
    at: At,
) {
    let mut any = false;
    let ecg = waves.iter().take(3).flatten().filter(|wave| wave.moved());
    let stillest = ecg.clone().map(Wave::flat).reduce(|one, other| (one.0.min(other.0), one.1.min(other.1)));
    if let (Some((flat, same)), Some(wave)) = (stillest, ecg.clone().next()) {
        any = true;
        let (shown, excused) = (needs.ecg, excused.ecg);
        Line { channel: wave.channel, flat, same, shown, excused, otherwise_alive: needs.pulses }
            .answer(answers, at);
    }
    for (place, shown, excused) in [(3, needs.pleth, excused.pleth), (4, needs.breath, excused.breath)] {
        let Some(wave) = waves.get(place).and_then(Option::as_ref).filter(|wave| wave.moved()) else {
            continue;
        };
        any = true;
        let (flat, same) = wave.flat();
        Line { channel: wave.channel, flat, same, shown, excused, otherwise_alive: false }
            .answer(answers, at);
    }
    if !any {
        let none = waves.iter().all(Option::is_none);
        let why = if none { Why::NoWaveform } else { Why::NeverMoved };
        answers.say(Check::WaveformFlat, Verdict::CannotJudge, why, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::CaptureTime;

    fn at(seconds: f32) -> At {
        At { time: CaptureTime::from_nanos((seconds * 1e9) as i64), ..At::default() }
    }

    fn told(
        channel: Channel,
        flat: f32,
        same: f32,
        shown: Option<f32>,
        notice: Option<(&str, f32)>,
    ) -> Option<Verdict> {
        let mut notices = Excused::default();
        if let Some((text, since)) = notice {
            notices.notice(&Text::from(text), at(100.0 - since));
        }
        let excused = match channel {
            Channel::Pleth => notices.pleth,
            Channel::Respiration => notices.breath,
            _ => notices.ecg,
        };
        let shown = shown.map(|value| (Vital::HeartRate, value));
        let mut answers = Answers::default();
        Line { channel, flat, same, shown, excused, otherwise_alive: false }.answer(&mut answers, at(100.0));
        answers.of(Check::WaveformFlat)
    }

    #[test]
    fn one_code_for_three_seconds_with_a_valid_number_fails() {
        assert_eq!(told(Channel::Ecg(1), 3.1, 3.1, Some(80.0), None), Some(Verdict::Fail));
        assert_eq!(told(Channel::Ecg(1), 2.0, 2.0, Some(80.0), None), Some(Verdict::Pass));
        assert_eq!(told(Channel::Respiration, 12.5, 12.5, Some(14.0), None), Some(Verdict::Fail));
    }

    #[test]
    fn without_a_number_it_is_honest() {
        assert_eq!(told(Channel::Ecg(1), 9.0, 9.0, None, None), Some(Verdict::Pass));
    }

    #[test]
    fn a_line_that_trembles_is_a_suspicion_first() {
        assert_eq!(told(Channel::Pleth, 20.0, 0.2, Some(97.0), None), Some(Verdict::Suspect));
        assert_eq!(told(Channel::Pleth, 61.0, 0.2, Some(97.0), None), Some(Verdict::Fail));
    }

    #[test]
    fn a_notice_excuses_its_own_sensor_for_a_while() {
        let off = Some(("SPO2 SENSOR OFF", 5.0));
        assert_eq!(told(Channel::Pleth, 6.0, 6.0, Some(97.0), off), Some(Verdict::CannotJudge));
        assert_eq!(told(Channel::Ecg(1), 6.0, 6.0, Some(80.0), off), Some(Verdict::Fail));
        let old = Some(("SPO2 SENSOR OFF", 40.0));
        assert_eq!(told(Channel::Pleth, 41.0, 41.0, Some(97.0), old), Some(Verdict::Fail));
    }
}
