//! One bed as it streams by: waveforms, numbers, limits, notices and cycle ends in, answers out.
//!
//! A cycle's blocks and numbers are taken as they come; at its end every check answers once. Sample rates are
//! measured ([`Clock`]), so for the first few cycles, and again after every gap and new connection, nothing is
//! judged. One source at a time is believed: a monitor that sends to two stations sends everything twice.

use crate::check::limit::Limits;
use crate::check::pressure::Pressures;
use crate::check::rates::Rates;
use crate::check::value::Values;
use crate::check::{Heard, Seen, flat};
use crate::clock::Clock;
use crate::coupling::Coupling;
use crate::front::{Breathing, Pleth};
use crate::leads::Leads;
use crate::near::Near;
use crate::replay::{HISTORY_SECONDS, Repeat, Table};
use crate::shape::Shapes;
use crate::thresholds::{Question, Thresholds};
use crate::verdict::{Answer, Answers, At, Log, Standing};
use crate::wave::Wave;
use crate::why::Why;
use model::{
    AlarmLimit, CaptureTime, Channel, Check, IntegrityRow, Judged, Notice, Sample, Verdict, Vital, Waveform,
    WaveformPayload,
};
use std::collections::VecDeque;

/// Channels of a bed.
const CHANNELS: usize = Channel::ALL.len();
/// Longest time without a cycle while nothing is wrong, in seconds.
const STOP_SECONDS_MAX: f32 = 10.0;
/// Seconds of clipping in the beginning that a wave is compared with.
const WHOLE_SECONDS: f32 = 30.0;
/// Share of clipped samples up to which a wave counts as whole.
const WHOLE_SHARE_MAX: f32 = 0.004;
/// A source that ends no cycle for so long has none, in nanoseconds.
const CYCLES_NANOS: i64 = 5_000_000_000;
/// Two sample rates are one where they differ by less.
const RATE_SHARE: f64 = 0.02;
/// After a new connection a monitor may send again what it sent before, in nanoseconds of distance.
const RESENT_NANOS_MAX: i64 = 60_000_000_000;

/// One cycle's end: where each channel stood.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: At,
    samples: [u32; CHANNELS],
}

/// A stretch that came again, as the ward tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeated {
    pub(crate) repeat: Repeat,
    pub(crate) channel: Channel,
    /// When and where it was first seen; none where that is forgotten.
    pub(crate) earlier: Option<At>,
    /// The other bed's own number, where it is another bed.
    pub(crate) other_bed: Option<Option<u16>>,
}

/// Cycles that stopped and came back.
#[derive(Clone, Copy, Debug)]
struct Pause {
    before: At,
    seconds: f32,
    back: At,
    cycles: u32,
}

/// Samples of each channel in one cycle.
type PerCycle = [u32; CHANNELS];

/// One bed.
#[derive(Clone, Debug)]
pub(crate) struct Bed {
    number: u32,
    pub(crate) bed: Option<u16>,
    pub(crate) told_apart: bool,
    clock: Clock,
    in_cycle: PerCycle,
    per_cycle: PerCycle,
    cycles: u64,
    cycle_seconds: f64,
    waves: [Option<Wave>; CHANNELS],
    whole: [(f32, bool); CHANNELS],
    leads: Leads,
    pleth: Option<(Pleth, u64)>,
    breathing: Option<Breathing>,
    coupling: Coupling,
    near: Option<Near>,
    rates: Rates,
    values: Values,
    pressures: Pressures,
    limits: Limits,
    excused: flat::Excused,
    pending: Answers,
    log: Log,
    marks: VecDeque<Mark>,
    last_answer: Option<At>,
    last_cycle: Option<At>,
    first_moment: Option<At>,
    pause: Option<Pause>,
    restarted: Option<At>,
    absent: Why,
}

impl Bed {
    pub(crate) fn new(
        number: u32,
        bed: Option<u16>,
        told_apart: bool,
        near: bool,
        thresholds: &Thresholds,
    ) -> Self {
        Self {
            number,
            bed,
            told_apart,
            clock: Clock::default(),
            in_cycle: [0; CHANNELS],
            per_cycle: [0; CHANNELS],
            cycles: 0,
            cycle_seconds: 0.0,
            waves: [const { None }; CHANNELS],
            whole: [(0.0, false); CHANNELS],
            leads: Leads::default(),
            pleth: None,
            breathing: None,
            coupling: Coupling::new(),
            near: near.then(Near::default),
            rates: Rates::new(thresholds),
            values: Values::default(),
            pressures: Pressures::default(),
            limits: Limits::default(),
            excused: flat::Excused::default(),
            pending: Answers::default(),
            log: Log::default(),
            marks: VecDeque::new(),
            last_answer: None,
            last_cycle: None,
            first_moment: None,
            pause: None,
            restarted: None,
            absent: Why::NoWaveform,
        }
    }

    /// Bytes are missing: nothing is compared over the gap.
    pub(crate) fn gap(&mut self) {
        self.restart(Why::Gap);
    }

    /// The clock was set: no time before is compared with one after.
    pub(crate) fn clock_set(&mut self) {
        self.restart(Why::ClockSet);
    }

    /// The bed's data comes over a new connection.
    pub(crate) fn reconnect(&mut self, at: At) {
        if self.last_answer.is_some() {
            self.restart(Why::Starting);
            self.limits.reconnect();
            self.restarted = Some(at);
        }
    }

    fn restart(&mut self, why: Why) {
        self.clock.gap();
        self.in_cycle = [0; CHANNELS];
        self.waves.iter_mut().flatten().for_each(Wave::gap);
        self.whole = [(0.0, false); CHANNELS];
        self.leads.gap();
        self.pleth = None;
        self.breathing = None;
        self.coupling.reset();
        if let Some(near) = &mut self.near {
            near.gap();
        }
        self.rates.reset(why);
        self.values.gap();
        self.pressures.gap();
        self.last_cycle = None;
        self.pause = None;
        self.absent = why;
    }

    pub(crate) fn waveform(&mut self, waveform: &Waveform, at: At, table: &mut Table) {
        let place = waveform.channel.place();
        let Some(count) = self.in_cycle.get_mut(place) else { return };
        *count = count.saturating_add(waveform.samples);
        let WaveformPayload::U8(block) = &waveform.payload else { return };
        if matches!(self.absent, Why::NoWaveform) {
            self.absent = Why::Starting;
        }
        let own = (self.number, place as u8);
        if let Some(Some(wave)) = self.waves.get_mut(place) {
            wave.push(block, own, at.time, table);
        }
        let coupling = &mut self.coupling;
        match waveform.channel {
            Channel::Pleth => {
                if let Some((pleth, origin)) = &mut self.pleth {
                    pleth.push(block, &mut |pulse| coupling.pulse(*origin + pulse.at_ms));
                }
            }
            Channel::Respiration => {
                if let Some(breathing) = &mut self.breathing {
                    breathing.push(block);
                }
            }
            _ => self.ecg(place, block),
        }
    }

    fn ecg(&mut self, place: usize, block: &[u8]) {
        let settled = self.rates.settled();
        let speaks = place == self.leads.speaking();
        let (coupling, near) = (&mut self.coupling, &mut self.near);
        self.leads.push(place, block, settled, &mut |beat, origin| {
            if speaks {
                coupling.beat(origin + beat.at_ms);
                if let Some(near) = near {
                    near.beat(beat.at_ms);
                }
            }
        });
        if let Some(near) = self.near.as_mut().filter(|_| speaks && self.leads.front().is_some()) {
            near.push(block);
        }
    }

    pub(crate) fn measured(&mut self, samples: &[Sample], at: At) {
        let own = self.leads.front().filter(|(ecg, _)| ecg.quality().1).and_then(|(ecg, _)| ecg.rate());
        self.values.take(samples, own, at, &mut self.pending);
        self.pressures.take(samples, at);
    }

    pub(crate) fn limits(&mut self, limits: &[AlarmLimit], at: At) {
        self.limits.take(limits, at);
    }

    pub(crate) fn notice(&mut self, notice: &Notice, at: At) {
        self.excused.notice(&notice.text, at);
    }

    /// Another patient's name came in place of the one before, `seconds` after its last value.
    pub(crate) fn renamed(&mut self, seconds: f32, before: At, at: At) {
        let why = Why::PatientOther { seconds };
        let answer = Answer { verdict: Verdict::Fail, why, since: before, earlier: None };
        self.pending.add(Check::PatientChanged, answer);
        self.restarted = Some(at);
    }

    /// When the bed last answered while a vital sign was shown.
    pub(crate) fn shown_last(&self) -> Option<At> {
        let last = self.last_answer?;
        let shown =
            [Vital::HeartRate, Vital::Spo2].iter().any(|vital| self.values.shown(*vital, last).is_some());
        shown.then_some(last)
    }

    /// Stretches of the cycle that came before, for the ward to place.
    pub(crate) fn repeats(&mut self) -> impl Iterator<Item = (Channel, Repeat)> {
        self.waves.iter_mut().flatten().filter_map(|wave| Some((wave.channel, wave.repeat.take()?)))
    }

    /// When sample `sample` of channel `channel` came.
    pub(crate) fn when(&self, channel: u8, sample: u32) -> Option<At> {
        let stood = |mark: &Mark| mark.samples.get(usize::from(channel)).copied().unwrap_or_default();
        let at = self.marks.partition_point(|mark| stood(mark) < sample);
        let mark = self.marks.get(at)?;
        (at > 0 || stood(mark) >= sample).then_some(mark.at)
    }

    /// The cycle ends. `repeated`: what [`Bed::repeats`] told, placed.
    pub(crate) fn cycle(&mut self, repeated: &[Repeated], at: At) {
        self.clock.cycle(at.time);
        self.cycles += 1;
        self.follow_pause(at);
        for one in repeated {
            self.repeated(one, at);
        }
        if let Some(seconds) = self.clock.seconds() {
            self.keep_fronts(seconds);
        }
        self.mark(at);
        self.in_cycle = [0; CHANNELS];
        self.answer(at);
        self.last_cycle = Some(at);
    }

    /// Without cycles the numbers are the moments.
    pub(crate) fn moment(&mut self, at: At) {
        if self.cycles > 0 {
            return;
        }
        // A source with cycles sends some numbers before its first one ends.
        let since = *self.first_moment.get_or_insert(at);
        if at.time.nanos_since(since.time) >= CYCLES_NANOS {
            self.answer(at);
        }
    }

    fn mark(&mut self, at: At) {
        let mut samples = [0; CHANNELS];
        for (place, wave) in samples.iter_mut().zip(&self.waves) {
            *place = wave.as_ref().map_or(0, Wave::sample);
        }
        self.marks.push_back(Mark { at, samples });
        let old = |mark: &Mark| at.time.nanos_since(mark.at.time) > (HISTORY_SECONDS + 700) * 1_000_000_000;
        while self.marks.front().is_some_and(old) {
            self.marks.pop_front();
        }
    }

    /// Makes, keeps and drops what listens to each channel: a channel that missed a block is out of step.
    fn keep_fronts(&mut self, seconds: f64) {
        let fresh = (self.cycle_seconds - seconds).abs() > RATE_SHARE * seconds;
        if fresh {
            self.cycle_seconds = seconds;
        }
        for (place, channel) in Channel::ALL.into_iter().enumerate() {
            let (Some(count), Some(usual)) =
                (self.in_cycle.get(place).copied(), self.per_cycle.get_mut(place))
            else {
                continue;
            };
            let in_step = count == *usual && count > 0 && !fresh;
            *usual = count;
            if in_step && !self.lacks(place) {
                continue;
            }
            let rate_hz = f64::from(count) / self.cycle_seconds;
            self.listen(place, channel, (count > 0).then_some(rate_hz), in_step);
        }
        let pulse = self.pulse();
        if self.leads.choose(pulse, &mut self.waves) {
            self.lead_changed();
        }
    }

    /// The pleth's rate, where it is good.
    fn pulse(&self) -> Option<f32> {
        self.pleth.as_ref().filter(|(pleth, _)| pleth.quality().1).and_then(|(pleth, _)| pleth.rate())
    }

    /// Another lead speaks from now on: its beats stand in for those of the one before.
    fn lead_changed(&mut self) {
        self.coupling.forget_beats();
        let front = self.leads.front();
        if let Some((ecg, origin)) = front {
            ecg.beats_ms().for_each(|at_ms| self.coupling.beat(origin + at_ms));
        }
        if let Some(near) = &mut self.near {
            let wave = self.waves.get(self.leads.speaking()).and_then(Option::as_ref);
            near.begin(wave.map(Wave::rate_hz), front.map_or(0, |(ecg, _)| ecg.now_ms()));
        }
    }

    fn lacks(&self, place: usize) -> bool {
        let wave = self.waves.get(place).is_some_and(Option::is_none);
        wave || match place {
            3 => self.pleth.is_none(),
            4 => self.breathing.is_none(),
            _ => self.leads.lacks(place, &self.waves),
        }
    }

    fn listen(&mut self, place: usize, channel: Channel, rate_hz: Option<f64>, in_step: bool) {
        let Some(wave) = self.waves.get_mut(place) else { return };
        match rate_hz {
            Some(rate_hz) => {
                let same = wave
                    .as_ref()
                    .is_some_and(|wave| (wave.rate_hz() - rate_hz).abs() <= RATE_SHARE * rate_hz);
                if !same {
                    let sample = wave.as_ref().map_or(0, Wave::sample);
                    *wave = Some(Wave::new(channel, rate_hz, sample));
                } else if !in_step && let Some(wave) = wave {
                    wave.gap();
                }
            }
            None => wave.iter_mut().for_each(Wave::gap),
        }
        let origin = (self.cycles as f64 * self.cycle_seconds * 1_000.0) as u64;
        match place {
            3 => {
                self.pleth = rate_hz.map(|rate_hz| (Pleth::new(rate_hz), origin));
                self.coupling.reset();
            }
            4 => self.breathing = rate_hz.map(Breathing::new),
            _ => {
                self.leads.listen(place, rate_hz, origin, &self.waves);
                if place == self.leads.speaking() {
                    self.coupling.reset();
                    if let Some(near) = &mut self.near {
                        near.begin(rate_hz, 0);
                    }
                }
            }
        }
    }

    fn follow_pause(&mut self, at: At) {
        if let Some(last) = self.last_cycle {
            let seconds = at.time.nanos_since(last.time) as f32 / 1e9;
            if seconds > STOP_SECONDS_MAX {
                self.pause = Some(Pause { before: last, seconds, back: at, cycles: 0 });
            }
        }
        let Some(pause) = &mut self.pause else { return };
        pause.cycles += 1;
        let since = at.time.nanos_since(pause.back.time) as f32 / 1e9;
        // What the network held up comes all at once; what was never sent does not.
        let made_up = pause.cycles as f32 > since + 2.0 + pause.seconds / 2.0;
        if made_up {
            self.pause = None;
        } else if since >= 5.0 {
            let why = Why::Stopped { seconds: pause.seconds };
            let answer = Answer { verdict: Verdict::Fail, why, since: pause.before, earlier: None };
            self.pending.add(Check::Stale, answer);
            self.pause = None;
        }
    }

    /// The connection ended; its last frame came at `last`.
    pub(crate) fn ended(&mut self, last: CaptureTime) {
        if let Some(first) = self.first_moment.filter(|_| self.cycles == 0 && self.last_answer.is_none()) {
            self.answer(first);
        }
        let Some(before) = self.last_cycle else { return };
        let seconds = last.nanos_since(before.time) as f32 / 1e9;
        if seconds > STOP_SECONDS_MAX {
            // The other side's frames keep a connection alive too, so this alone is no proof.
            let why = Why::Stopped { seconds };
            let mut answers = Answers::default();
            answers
                .add(Check::Stale, Answer { verdict: Verdict::Suspect, why, since: before, earlier: None });
            self.log.take(&answers, At { time: last, evidence: before.evidence });
        }
    }

    fn repeated(&mut self, one: &Repeated, at: At) {
        let Repeated { repeat, channel, earlier, other_bed } = *one;
        let [ecg, pleth, breath] = self.needs(at);
        let (needed, reported) = match channel {
            Channel::Pleth => (pleth, self.values.reported(Vital::Spo2)),
            Channel::Respiration => (breath, self.values.reported(Vital::RespirationRate)),
            _ => (ecg, self.values.reported(Vital::HeartRate)),
        };
        // What stands behind no number misleads nobody: a test pattern, a lead that hums.
        if needed.is_none() && reported {
            return;
        }
        let rate_hz = self.waves.get(channel.place()).and_then(Option::as_ref).map_or(1.0, Wave::rate_hz);
        let own = other_bed.is_none();
        let lag = earlier.map_or_else(
            || if own { repeat.distance as f32 / rate_hz as f32 } else { 0.0 },
            |earlier| at.time.nanos_since(earlier.time) as f32 / 1e9,
        );
        let resent = self.restarted.is_some_and(|since| {
            let near = earlier.is_none_or(|earlier| since.time.nanos_since(earlier.time) <= RESENT_NANOS_MAX);
            near && at.time.nanos_since(since.time) <= RESENT_NANOS_MAX
        });
        if own && resent {
            return;
        }
        let same_channel = usize::from(repeat.channel) == channel.place();
        let loop_ms = repeat.distance as f32 * 1_000.0 / rate_hz as f32;
        let (check, why) = if own && same_channel && loop_ms <= 2_010.0 {
            (Check::WaveformFrozen, Why::Loop { channel, loop_ms })
        } else {
            let seconds = (f64::from(repeat.proven) / rate_hz) as f32;
            (Check::WaveformReplayed, Why::Replay { channel, seconds, lag_seconds: lag, other_bed })
        };
        let answer = Answer { verdict: Verdict::Fail, why, since: at, earlier };
        self.pending.add(check, answer);
    }

    /// The numbers that need ECG, pleth and respiration, where shown and not zero.
    fn needs(&self, at: At) -> [Option<(Vital, f32)>; 3] {
        let shown =
            |vital| self.values.shown(vital, at).filter(|value| *value > 0.0).map(|value| (vital, value));
        let pleth = shown(Vital::Spo2).or(shown(Vital::PulseRate));
        [shown(Vital::HeartRate), pleth, shown(Vital::RespirationRate)]
    }

    /// Every check answers.
    fn answer(&mut self, at: At) {
        let step = self.last_answer.map_or(0.0, |last| at.time.nanos_since(last.time) as f32 / 1e9);
        let step = step.clamp(0.0, 4.0);
        let mut answers = std::mem::take(&mut self.pending);
        let pulse = self.pulse();
        self.leads.see(step, pulse, &mut self.waves);
        let seen = self.seen(step, at);
        self.rates.see(&seen, step, &mut answers, at);
        let [ecg, pleth, breath] = self.needs(at);
        let pulses = seen.pleth.is_some_and(|pleth| pleth.enough && pleth.rate.is_some());
        let needs = flat::Needs { ecg, pleth, breath, pulses };
        flat::answer(&self.waves, &needs, &self.excused, &mut answers, at);
        self.near_answer(&mut answers, at);
        self.values.answer(&mut answers, at);
        self.pressures.answer(&mut answers, at);
        self.limits.answer(&mut answers, at);
        self.plain_answers(&mut answers, at);
        self.log.take(&answers, at);
        self.last_answer = Some(at);
    }

    fn near_answer(&mut self, answers: &mut Answers, at: At) {
        let Some(near) = &mut self.near else { return };
        if let Some(found) = near.search() {
            let channel = self.leads.channel();
            let (lag_seconds, correlation, stretch) = (found.lag_seconds, found.correlation, found.stretch);
            let why = Why::NearReplay { channel, correlation, lag_seconds, stretch };
            let since = At { time: at.time.plus_nanos(-40_000_000_000), evidence: at.evidence };
            let earlier = At {
                time: at.time.plus_nanos((-f64::from(lag_seconds) * 1e9) as i64 - 20_000_000_000),
                evidence: at.evidence,
            };
            let answer = Answer { verdict: Verdict::Fail, why, since, earlier: Some(earlier) };
            answers.add(Check::WaveformReplayed, answer);
        }
    }

    /// What is said where nothing was against it.
    fn plain_answers(&self, answers: &mut Answers, at: At) {
        let waves = self.waves.iter().any(Option::is_some);
        for check in [Check::WaveformFrozen, Check::WaveformReplayed] {
            match waves {
                true => answers.say(check, Verdict::Pass, Why::NoRepeat, at),
                false => answers.say(check, Verdict::CannotJudge, self.absent, at),
            }
        }
        for check in [Check::AlarmMissing, Check::AlarmInvented] {
            answers.say(check, Verdict::CannotJudge, Why::NoAlarmState, at);
        }
        match self.told_apart {
            true => answers.say(Check::PatientChanged, Verdict::Pass, Why::PatientSame, at),
            false => answers.say(Check::PatientChanged, Verdict::CannotJudge, Why::IdentifiersWithheld, at),
        }
        match self.clock.seconds() {
            Some(seconds) => {
                let why = Why::Cycles { seconds: seconds as f32 };
                answers.say(Check::Stale, Verdict::Pass, why, at);
            }
            None if self.cycles > 0 => answers.say(Check::Stale, Verdict::CannotJudge, Why::Starting, at),
            None => answers.say(Check::Stale, Verdict::CannotJudge, Why::NoCycles, at),
        }
    }

    fn seen(&mut self, step: f32, at: At) -> Seen {
        let shown = |vital| self.values.shown(vital, at);
        let channel = self.leads.channel();
        let flat = |place: usize| {
            self.waves
                .get(place)
                .and_then(Option::as_ref)
                .is_none_or(|wave| !wave.moved() || wave.flat().0 >= 2.0)
        };
        let heard = |channel, rate, (quality, enough): (f32, bool), flat: bool| Heard {
            channel,
            rate,
            quality: if flat { 0.0 } else { quality },
            enough: enough && !flat,
            sure: false,
        };
        let ecg = self.leads.front().map(|(ecg, _)| Heard {
            sure: ecg.sure(),
            ..heard(channel, ecg.rate(), ecg.quality(), flat(self.leads.speaking()))
        });
        let pleth = self
            .pleth
            .as_ref()
            .map(|(pleth, _)| heard(Channel::Pleth, pleth.rate(), pleth.quality(), flat(3)));
        let both = ecg.is_some() && pleth.is_some();
        let now_ms = self.leads.front().map(|(ecg, origin)| origin + ecg.now_ms());
        let shapes = self.leads.front().map(|(ecg, _)| &ecg.shapes);
        let ratio = shapes.and_then(Shapes::ratio);
        let seen = Seen {
            heart_rate: shown(Vital::HeartRate),
            pulse_rate: shown(Vital::PulseRate),
            respiration_rate: shown(Vital::RespirationRate),
            ecg,
            pleth,
            breaths: self.breathing.as_ref().filter(|_| !flat(4)).and_then(Breathing::rate),
            breathes: self.breathing.is_some(),
            coupling: now_ms.filter(|_| both).and_then(|now_ms| self.coupling.strength(now_ms)),
            ratio,
            other_ratio: None,
            likeness: shapes.and_then(Shapes::likeness),
            evenness: shapes.and_then(Shapes::evenness),
            clipped: None,
            absent: self.absent,
        };
        let other_ratio = self.leads.others(ratio, &self.waves);
        Seen { clipped: self.clipped(step), other_ratio, ..seen }
    }

    /// The most clipped of the channels that were whole in the beginning.
    fn clipped(&mut self, step: f32) -> Option<(Channel, f32)> {
        let mut worst: Option<(Channel, f32)> = None;
        for (wave, (seconds, whole)) in self.waves.iter().zip(&mut self.whole) {
            let Some((wave, share)) = wave.as_ref().and_then(|wave| Some((wave, wave.clipped()?))) else {
                continue;
            };
            if *seconds < WHOLE_SECONDS {
                *whole = (*whole || *seconds == 0.0) && share <= WHOLE_SHARE_MAX;
                *seconds += step;
            } else if *whole && worst.is_none_or(|(_, most)| share > most) {
                worst = Some((wave.channel, share));
            }
        }
        worst
    }

    /// Every row so far.
    pub(crate) fn rows(&self) -> Vec<IntegrityRow> {
        self.log.rows()
    }

    /// What every check said last.
    pub(crate) fn now(&self) -> impl Iterator<Item = (Check, Verdict)> {
        self.log.now()
    }

    /// For how long the condition of each question has held.
    pub(crate) fn held(&self) -> [f32; Question::ALL.len()] {
        self.rates.held()
    }

    /// What every check said last, with the reason.
    pub(crate) fn standing(&self) -> impl Iterator<Item = Standing> {
        self.log.standing()
    }

    /// The rows that say that it fails, also from before renewals.
    pub(crate) fn failing(&self) -> Vec<IntegrityRow> {
        self.log.failing()
    }

    /// Tells anew from here on; see [`Log::renew`].
    pub(crate) fn renew(&mut self, since: CaptureTime) {
        self.log.renew(since);
    }

    pub(crate) fn judged(&self) -> Judged {
        self.log.judged()
    }
}
