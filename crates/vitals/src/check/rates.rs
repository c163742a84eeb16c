//! Statistics: numbers against their waveforms, waveforms against each other, and a heart against its own past.
//!
//! Thresholds and how long a condition must hold are those of the design's measurements on 7 h of BIDMC (53 ICU
//! records) and 24 h of MIT-BIH; each constant says which.

use super::{Heard, Seen};
use crate::fusion::{Group, Kind, Sight, Statistic, fuse};
use crate::leads::twice;
use crate::shape::{STEP_MIN, median};
use crate::thresholds::{Question, Thresholds};
use crate::verdict::{Answers, At};
use crate::why::Why;
use model::{Channel, Check, Vital};
use std::collections::VecDeque;

/// Largest difference of a rate and its waveform, 1/min and as a share: a real monitor's own HR differs by 4.5 in
/// the 95th and 12.5 in the 99th percentile of seconds, but not for 15 s on end.
const RATE_APART: (f32, f32) = (8.0, 0.10);
/// The same between two waveforms.
const WAVES_APART: (f32, f32) = (10.0, 0.15);
/// The same for breaths: the monitor itself is off by 6.5 in the 95th percentile.
const BREATHS_APART: (f32, f32) = (6.0, 0.30);
/// Least share of beats that a pulse follows: one heart's first percentile is 0.42, two hearts give 0.15 to 0.3.
const COUPLING_MIN: f32 = 0.45;
/// Least coupling at which the delay of the pulse is believed.
const ARRIVAL_COUPLING_MIN: f32 = 0.7;
/// Largest change of that delay, in ms and in its own mean deviations.
const ARRIVAL_MS: f32 = 100.0;
const ARRIVAL_DEVIATIONS: f32 = 6.0;
/// Seconds over which the usual delay is learnt, and adapts afterwards.
const ARRIVAL_SECONDS: f32 = 60.0;
const ARRIVAL_ADAPTS: f32 = 180.0;
/// How long a number must stand still, and how far its waveform's rate must move meanwhile, in s and 1/min. The
/// longest natural standstill of a heart rate in 7 h is 122 s, but its wave stands still with it.
const CONSTANT_SECONDS: f32 = 60.0;
const CONSTANT_MOVES: f32 = 6.0;
/// Least likeness of the beats to the usual ones.
const LIKENESS_MIN: f32 = 0.5;
/// Residual in codes and spread in samples below which nothing living beats: rounding to codes alone leaves 0.29 (one
/// over the root of 12), unless the same codes come again.
const NOISE_MIN: f32 = 0.25;
const SPREAD_MIN: f32 = 1.0;
/// Least likeness to a usual shape at which beats kept their shape.
const SAME_LIKENESS: f32 = 0.9;
/// Two factors are one up to this ratio: 8 bits round small waves.
const SAME_FACTOR: f32 = 1.3;
/// Beyond this they are not.
const OTHER_FACTOR: f32 = 1.7;
/// Share of clipped samples that a whole wave never has.
const CLIPPED_MIN: f32 = 0.01;

/// Seconds of which the middle difference is taken.
const MIDDLE: usize = 9;
const QUESTIONS: usize = Question::ALL.len();
const NUMBER: Check = Check::NumericWaveformDisagree;
const CHANNELS: Check = Check::ChannelDisagree;

/// What a question is about, what shares its causes of error, and how long its condition must hold before it speaks,
/// in seconds: a monitor may lawfully lag by 11 s, so nothing about a number speaks before 15 s.
const fn question(question: Question) -> (Check, Group, f32) {
    use Question as Q;
    match question {
        Q::RateEcg => (NUMBER, Group::NumberEcg, 15.0),
        Q::RatePleth => (NUMBER, Group::NumberPleth, 15.0),
        Q::PulsePleth => (NUMBER, Group::NumberPleth, 30.0),
        Q::Standstill => (NUMBER, Group::NumberEcg, 5.0),
        Q::Respiration => (NUMBER, Group::Respiration, 60.0),
        Q::Rates => (CHANNELS, Group::EcgPleth, 20.0),
        Q::Coupling => (CHANNELS, Group::EcgPleth, 15.0),
        Q::Delay => (Check::TimeShift, Group::EcgPleth, 60.0),
        Q::Shape => (Check::WaveformChanged, Group::Morphology, 15.0),
        // Hearts do change the height of their beats in one lead; a gain changes all leads by the same factor.
        Q::Height => (Check::WaveformChanged, Group::Amplitude, 5.0),
        Q::Clipping => (Check::WaveformClipped, Group::Amplitude, 5.0),
        Q::Evenness => (Check::WaveformSynthetic, Group::Morphology, 20.0),
        // The middle of the last seconds is late by itself.
        Q::RateMiddle => (NUMBER, Group::NumberEcg, 10.0),
        // Asked only where the height of the lead that speaks stepped: it does not confirm itself.
        Q::OtherLeads => (Check::WaveformChanged, Group::Amplitude, 15.0),
    }
}

/// A number that stands still.
#[derive(Clone, Copy, Debug, Default)]
struct Standstill {
    value: Option<f32>,
    seconds: f32,
    low: f32,
    high: f32,
}

/// The usual delay of the pulse.
#[derive(Clone, Copy, Debug, Default)]
struct Usual {
    delay: f32,
    deviation: f32,
    seconds: f32,
}

/// All statistics of one bed.
#[derive(Clone, Debug)]
pub(crate) struct Rates {
    statistics: [Statistic; QUESTIONS],
    standstill: Standstill,
    arrival: Usual,
    /// What the heart rate shown was above the ECG's own, and that rate, in the last seconds.
    differences: VecDeque<(f32, f32)>,
}

fn apart(one: f32, other: f32, (least, share): (f32, f32)) -> bool {
    (one - other).abs() > least.max(share * other)
}

/// The rate of a waveform that is good enough, or why there is none.
fn believed(heard: Option<Heard>, absent: Why) -> Result<(Channel, f32), Why> {
    let heard = heard.ok_or(absent)?;
    if !heard.enough {
        return Err(Why::PoorSignal(heard.channel, heard.quality));
    }
    heard.rate.map(|rate| (heard.channel, rate)).ok_or(Why::PoorSignal(heard.channel, heard.quality))
}

/// Twice the pulse is what counting every T wave as a beat gives: such a lead is not believed.
fn once(ecg: (Channel, f32), pleth: Result<(Channel, f32), Why>) -> Result<(Channel, f32), Why> {
    let doubled = pleth.is_ok_and(|(_, pulse)| twice(ecg.1, pulse));
    if doubled { Err(Why::PoorSignal(ecg.0, 0.5)) } else { Ok(ecg) }
}

/// The rate of the beats, or half of it where every T wave was counted and half is nearer to what is shown: a number
/// must agree with one of the two.
fn halved(ecg: (Channel, f32), pleth: Result<(Channel, f32), Why>, shown: Option<f32>) -> (Channel, f32) {
    let half = ecg.1 / 2.0;
    let nearer = shown.is_some_and(|shown| (shown - half).abs() < (shown - ecg.1).abs());
    if nearer && once(ecg, pleth).is_err() { (ecg.0, half) } else { ecg }
}

/// A number against a waveform's rate.
fn number(
    number: Vital,
    shown: Option<f32>,
    own: Result<(Channel, f32), Why>,
    (bounds, seconds): ((f32, f32), f32),
) -> Sight {
    match (shown, own) {
        (None, _) => Sight::Unknown(Why::NoNumber),
        (_, Err(why)) => Sight::Unknown(why),
        (Some(shown), Ok((channel, own))) => {
            let why = Why::Rate { number, shown, channel, own, seconds };
            if apart(shown, own, bounds) {
                Sight::Against(why)
            } else {
                Sight::For(Why::Rate { number, shown, channel, own, seconds: 0.0 })
            }
        }
    }
}

impl Rates {
    pub(crate) fn new(thresholds: &Thresholds) -> Self {
        let kind = |(asked, alone): (Question, f32)| {
            let (check, group, persist) = question(asked);
            Statistic::new(Kind { check, group, persist, alone })
        };
        let mut kinds = Question::ALL.into_iter().zip(thresholds.alone_seconds).map(kind);
        let nothing =
            || Statistic::new(Kind { check: NUMBER, group: Group::NumberEcg, persist: 0.0, alone: 0.0 });
        Self {
            statistics: std::array::from_fn(|_| kinds.next().unwrap_or_else(nothing)),
            standstill: Standstill::default(),
            arrival: Usual::default(),
            differences: VecDeque::with_capacity(MIDDLE),
        }
    }

    /// For how long the condition of each question has held, in seconds.
    pub(crate) fn held(&self) -> [f32; QUESTIONS] {
        std::array::from_fn(|at| self.statistics.get(at).map_or(0.0, Statistic::held))
    }

    /// Begins anew, after a gap: what was usual before may not be so any more.
    pub(crate) fn reset(&mut self, why: Why) {
        self.statistics.iter_mut().for_each(|statistic| statistic.reset(why));
        self.standstill = Standstill::default();
        self.arrival = Usual::default();
        self.differences.clear();
    }

    /// Whether nothing speaks against the bed, so that what it shows may be learnt as usual.
    pub(crate) fn settled(&self) -> bool {
        self.statistics.iter().all(|statistic| statistic.held() < 3.0)
    }

    /// Takes what the bed shows now and answers.
    pub(crate) fn see(&mut self, seen: &Seen, step: f32, answers: &mut Answers, at: At) {
        let pleth = believed(seen.pleth, seen.absent);
        let counted = believed(seen.ecg, seen.absent);
        let ecg = counted.and_then(|ecg| once(ecg, pleth));
        let beats = counted.map(|ecg| halved(ecg, pleth, seen.heart_rate));
        let [h0, h1, h2, _, h4, h5, h6, h7, h8, h9, ..] = self.held();
        let breaths = match (seen.breaths, seen.breathes) {
            (Some(rate), _) => Ok((Channel::Respiration, rate)),
            (None, true) => Err(Why::Starting),
            (None, false) => Err(seen.absent),
        };
        let sights = [
            number(Vital::HeartRate, seen.heart_rate, beats, (RATE_APART, h0)),
            number(Vital::HeartRate, seen.heart_rate, pleth, (RATE_APART, h1)),
            number(Vital::PulseRate, seen.pulse_rate, pleth, (RATE_APART, h2)),
            self.constant(seen.heart_rate, ecg, step),
            number(Vital::RespirationRate, seen.respiration_rate, breaths, (BREATHS_APART, h4)),
            waves(ecg, pleth, h5),
            coupling(seen, ecg, pleth, h6),
            self.delay(seen, ecg, pleth, (step, h7)),
            likeness(seen, ecg, h8),
            height(seen, ecg, h9),
            clipping(seen),
            living(seen, ecg),
            self.middle(seen, beats, h0),
            other_leads(seen, h9),
        ];
        for (statistic, sight) in self.statistics.iter_mut().zip(sights) {
            statistic.see(sight, step, at);
        }
        fuse(&self.statistics, answers, at);
    }

    /// The middle of the last seconds' differences, where two different detectors agree on every beat: a rhythm whose
    /// average swings comes near to a false number now and then, a true number does not stay away.
    fn middle(&mut self, seen: &Seen, beats: Result<(Channel, f32), Why>, seconds: f32) -> Sight {
        let Some(shown) = seen.heart_rate else {
            self.differences.clear();
            return Sight::Unknown(Why::NoNumber);
        };
        let (channel, own) = match (beats, seen.ecg) {
            (Ok(beats), Some(heard)) if heard.sure => beats,
            (Ok(_), Some(heard)) => return Sight::Unknown(Why::PoorSignal(heard.channel, heard.quality)),
            (Ok(_), None) => return Sight::Unknown(seen.absent),
            (Err(why), _) => return Sight::Unknown(why),
        };
        if self.differences.len() >= MIDDLE {
            self.differences.pop_front();
        }
        self.differences.push_back((shown - own, own));
        if self.differences.len() < MIDDLE {
            return Sight::Unknown(Why::Starting);
        }
        let difference = median(self.differences.iter().map(|(difference, _)| *difference).collect());
        let usual = median(self.differences.iter().map(|(_, own)| *own).collect());
        let why = Why::Rate { number: Vital::HeartRate, shown, channel, own, seconds };
        if apart(usual + difference, usual, RATE_APART) {
            Sight::Against(why)
        } else {
            Sight::For(Why::Rate { number: Vital::HeartRate, shown, channel, own, seconds: 0.0 })
        }
    }

    /// A number that stands still while its wave does not.
    fn constant(&mut self, shown: Option<f32>, own: Result<(Channel, f32), Why>, step: f32) -> Sight {
        let still = &mut self.standstill;
        let Some(shown) = shown else {
            *still = Standstill::default();
            return Sight::Unknown(Why::NoNumber);
        };
        let (_, own) = match own {
            Ok(own) => own,
            Err(why) => return Sight::Unknown(why),
        };
        if still.value == Some(shown) {
            still.seconds += step;
            still.low = still.low.min(own);
            still.high = still.high.max(own);
        } else {
            *still = Standstill { value: Some(shown), seconds: 0.0, low: own, high: own };
        }
        let Standstill { seconds, low: from, high: to, .. } = *still;
        if seconds >= CONSTANT_SECONDS && to - from > CONSTANT_MOVES {
            Sight::Against(Why::Constant { number: Vital::HeartRate, shown, from, to, seconds })
        } else {
            Sight::For(Why::Rate {
                number: Vital::HeartRate,
                shown,
                channel: Channel::Ecg(1),
                own,
                seconds: 0.0,
            })
        }
    }

    /// The delay of the pulse against the usual one. It wraps at the interval of the beats.
    fn delay(
        &mut self,
        seen: &Seen,
        ecg: Result<(Channel, f32), Why>,
        pleth: Result<(Channel, f32), Why>,
        (step, seconds): (f32, f32),
    ) -> Sight {
        let rate = match (ecg, pleth) {
            (Ok((_, rate)), Ok(_)) if rate > 0.0 => rate,
            (Err(why), _) | (_, Err(why)) => return Sight::Unknown(why),
            _ => return Sight::Unknown(Why::Starting),
        };
        let Some(strength) = seen.coupling.filter(|coupling| coupling.share as f32 >= ARRIVAL_COUPLING_MIN)
        else {
            return Sight::Unknown(Why::Starting);
        };
        let now = strength.arrival_ms as f32;
        let usual = &mut self.arrival;
        if usual.seconds == 0.0 {
            usual.delay = now;
        }
        let interval = 60_000.0 / rate;
        let difference = (now - usual.delay).rem_euclid(interval);
        let difference = if difference > interval / 2.0 { difference - interval } else { difference };
        let bound = ARRIVAL_MS.max(ARRIVAL_DEVIATIONS * usual.deviation);
        let learning = usual.seconds < ARRIVAL_SECONDS;
        let against = !learning && difference.abs() > bound;
        if !against {
            let share = step / if learning { usual.seconds + step } else { ARRIVAL_ADAPTS };
            usual.delay += share.min(1.0) * difference;
            usual.deviation += share.min(1.0) * (difference.abs() - usual.deviation);
            usual.seconds += step;
        }
        let why = Why::Arrival { usual_ms: usual.delay, now_ms: now, seconds };
        match (against, learning) {
            (true, _) => Sight::Against(why),
            (_, true) => Sight::Unknown(Why::Starting),
            _ => Sight::For(Why::Arrival { usual_ms: usual.delay, now_ms: now, seconds: 0.0 }),
        }
    }
}

fn waves(ecg: Result<(Channel, f32), Why>, pleth: Result<(Channel, f32), Why>, seconds: f32) -> Sight {
    match (ecg, pleth) {
        (Ok((_, ecg)), Ok((_, pleth))) if apart(pleth, ecg, WAVES_APART) => {
            Sight::Against(Why::Rates { ecg, pleth, seconds })
        }
        (Ok((_, ecg)), Ok((_, pleth))) => Sight::For(Why::Rates { ecg, pleth, seconds: 0.0 }),
        (Err(why), _) | (_, Err(why)) => Sight::Unknown(pair(why)),
    }
}

/// Where a channel is not there at all, it takes two to compare.
const fn pair(why: Why) -> Why {
    if matches!(why, Why::NoWaveform) { Why::NoPair } else { why }
}

fn coupling(
    seen: &Seen,
    ecg: Result<(Channel, f32), Why>,
    pleth: Result<(Channel, f32), Why>,
    seconds: f32,
) -> Sight {
    if let (Err(why), _) | (_, Err(why)) = (ecg, pleth) {
        return Sight::Unknown(pair(why));
    }
    let Some(strength) = seen.coupling else { return Sight::Unknown(Why::Starting) };
    let share = strength.share as f32;
    if share < COUPLING_MIN {
        Sight::Against(Why::Coupling { share, seconds })
    } else {
        Sight::For(Why::Coupling { share, seconds: 0.0 })
    }
}

fn likeness(seen: &Seen, ecg: Result<(Channel, f32), Why>, seconds: f32) -> Sight {
    let channel = match ecg {
        Ok((channel, _)) => channel,
        Err(why) => return Sight::Unknown(why),
    };
    match seen.likeness {
        None => Sight::Unknown(Why::Starting),
        Some(correlation) if correlation < LIKENESS_MIN => {
            Sight::Against(Why::Shape { channel, correlation, seconds })
        }
        Some(correlation) => {
            Sight::For(Why::Steady { channel, ratio: seen.ratio.unwrap_or(1.0), correlation })
        }
    }
}

fn height(seen: &Seen, ecg: Result<(Channel, f32), Why>, seconds: f32) -> Sight {
    let channel = match ecg {
        Ok((channel, _)) => channel,
        Err(why) => return Sight::Unknown(why),
    };
    match (seen.ratio, seen.likeness) {
        (Some(ratio), _) if ratio >= STEP_MIN || ratio <= 1.0 / STEP_MIN => {
            Sight::Against(Why::Amplitude { channel, ratio, seconds })
        }
        (ratio, Some(correlation)) => {
            Sight::For(Why::Steady { channel, ratio: ratio.unwrap_or(1.0), correlation })
        }
        _ => Sight::Unknown(Why::Starting),
    }
}

/// Another lead that changed by the same factor, while the beats kept their shape: what a gain does. Electrodes and
/// rhythms change the shape too.
fn other_leads(seen: &Seen, seconds: f32) -> Sight {
    let (ratio, channel, other) = match (seen.ratio, seen.other_ratio, seen.ecg) {
        (Some(ratio), Some((channel, other)), Some(ecg)) if ecg.enough => (ratio, channel, other),
        (None, _, Some(ecg)) => {
            let correlation = seen.likeness.unwrap_or(1.0);
            return Sight::For(Why::Steady { channel: ecg.channel, ratio: 1.0, correlation });
        }
        (_, _, Some(ecg)) => return Sight::Unknown(Why::PoorSignal(ecg.channel, ecg.quality)),
        _ => return Sight::Unknown(seen.absent),
    };
    let Some(correlation) = seen.likeness else { return Sight::Unknown(Why::Starting) };
    let stepped = (ratio >= STEP_MIN || ratio <= 1.0 / STEP_MIN) && correlation >= SAME_LIKENESS;
    let unlike = (other / ratio).ln().abs();
    if stepped && unlike <= SAME_FACTOR.ln() {
        Sight::Against(Why::Amplitude { channel, ratio: other, seconds })
    } else if stepped && unlike <= OTHER_FACTOR.ln() {
        Sight::Unknown(Why::Starting)
    } else {
        Sight::For(Why::Steady { channel, ratio: other, correlation })
    }
}

fn clipping(seen: &Seen) -> Sight {
    match seen.clipped {
        None => Sight::Unknown(seen.absent),
        Some((channel, share)) if share >= CLIPPED_MIN => Sight::Against(Why::Rails { channel, share }),
        Some((channel, share)) => Sight::For(Why::Rails { channel, share }),
    }
}

fn living(seen: &Seen, ecg: Result<(Channel, f32), Why>) -> Sight {
    if let Err(why) = ecg {
        return Sight::Unknown(why);
    }
    match seen.evenness {
        None => Sight::Unknown(Why::Starting),
        Some((noise, spread_samples, beats)) if noise < NOISE_MIN && spread_samples < SPREAD_MIN => {
            Sight::Against(Why::Synthetic { noise, spread_samples, beats })
        }
        Some((noise, ..)) => Sight::For(Why::Living { noise }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECG: Channel = Channel::Ecg(2);
    const PULSE: Result<(Channel, f32), Why> = Ok((Channel::Pleth, 67.0));

    #[test]
    fn where_every_t_wave_is_counted_a_number_must_agree_with_the_rate_or_with_half_of_it() {
        assert_eq!(halved((ECG, 134.0), PULSE, Some(82.0)), (ECG, 67.0));
        assert_eq!(halved((ECG, 134.0), PULSE, Some(130.0)), (ECG, 134.0));
        assert_eq!(halved((ECG, 134.0), Err(Why::NoWaveform), Some(82.0)), (ECG, 134.0));
        assert_eq!(halved((ECG, 110.0), PULSE, Some(82.0)), (ECG, 110.0));
    }

    fn seen(heart_rate: f32) -> Seen {
        let heard = Heard { channel: ECG, rate: Some(50.0), quality: 1.0, enough: true, sure: true };
        Seen {
            heart_rate: Some(heart_rate),
            pulse_rate: None,
            respiration_rate: None,
            ecg: Some(heard),
            pleth: None,
            breaths: None,
            breathes: false,
            coupling: None,
            ratio: None,
            other_ratio: None,
            likeness: None,
            evenness: None,
            clipped: None,
            absent: Why::NoWaveform,
        }
    }

    #[test]
    fn a_false_number_that_comes_near_the_true_one_now_and_then_stays_away_in_the_middle() {
        let mut rates = Rates::new(&Thresholds::default());
        let mut middle = |heart_rate| rates.middle(&seen(heart_rate), Ok((ECG, 50.0)), 0.0);
        let away: Vec<bool> = (0..30)
            .map(|second| matches!(middle(if second % 4 == 0 { 43.0 } else { 40.0 }), Sight::Against(_)))
            .collect();
        assert_eq!(away.iter().position(|against| *against), Some(MIDDLE - 1));
        assert!(away.iter().skip(MIDDLE - 1).all(|against| *against));
        let near = (0..30).map(|second| middle(if second % 4 == 0 { 61.0 } else { 52.0 }));
        assert!(near.skip(MIDDLE).all(|sight| matches!(sight, Sight::For(_))));
    }
}
