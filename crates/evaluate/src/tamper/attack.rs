//! What is done to a recording from some second on.

use super::Dice;
use super::subject::{BREATH_HERTZ, HERTZ, Numbers, Subject};
use crate::resample::resampled;
use model::Check;

/// One way to tamper.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attack {
    /// The waveforms named repeat their last seconds for ever: `(channels, seconds)`.
    Loop(Channels, f64),
    /// One code for ever.
    Flat(Channels),
    /// So many seconds, seen so many seconds before, once; then live again. Not aligned to blocks.
    Splice(f64, f64),
    /// Everything from so many seconds before, to the end, with noise of so many dB, gain and stretch.
    Replay {
        /// How far back, in seconds.
        back: f64,
        /// Noise below the signal, in dB; none: exact.
        noise_db: Option<f64>,
        /// Factor about the middle code.
        gain: f64,
        /// Factor of time.
        stretch: f64,
        /// Begins where a beat of the past meets a beat of now.
        at_beat: bool,
    },
    /// Another bed's waveforms, so many seconds old.
    OtherBed(f64),
    /// The heart rate shown plus a number.
    Add(i16),
    /// The heart rate shown times a number.
    Scale(f64),
    /// The heart rate stands still.
    Constant,
    /// Another patient's ECG; with its heart rate, or with everything.
    OtherPatient(Share),
    /// ECG amplitude times a number.
    Gain(f64),
    /// ECG cut at these shares of its codes.
    Clip(f64, f64),
    /// Limits of the heart rate set to these (high, low).
    Limits(u16, u16),
    /// The alarm of the heart rate switched off.
    AlarmOff,
    /// SpO2 shown as one number.
    Spo2(u8),
}

/// Which waveforms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Channels {
    /// All of them.
    All,
    /// ECG.
    Ecg,
    /// Pleth.
    Pleth,
    /// Respiration.
    Respiration,
}

/// How much of another patient.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Share {
    /// ECG alone.
    Ecg,
    /// ECG and the number of its rate.
    EcgAndRate,
    /// Everything.
    All,
}

fn looped(codes: &mut [u8], from: usize, length: usize) {
    for place in from..codes.len() {
        if let Some(old) = place.checked_sub(length).and_then(|old| codes.get(old)).copied()
            && let Some(new) = codes.get_mut(place)
        {
            *new = old;
        }
    }
}

fn flat(codes: &mut [u8], from: usize) {
    let last = from.checked_sub(1).and_then(|at| codes.get(at)).copied().unwrap_or(128);
    codes.iter_mut().skip(from).for_each(|code| *code = last);
}

fn waves(subject: &mut Subject, channels: Channels) -> Vec<(&mut Vec<u8>, usize)> {
    let mut chosen = Vec::new();
    if matches!(channels, Channels::All | Channels::Ecg) {
        chosen.extend(subject.ecg.iter_mut().map(|lead| (lead, HERTZ)));
    }
    if matches!(channels, Channels::All | Channels::Pleth) {
        chosen.push((&mut subject.pleth, HERTZ));
    }
    if matches!(channels, Channels::All | Channels::Respiration) {
        chosen.push((&mut subject.respiration, BREATH_HERTZ));
    }
    chosen
}

/// Copies `length` samples from `back` before; noise, gain and stretch as told.
fn replay(
    codes: &mut [u8],
    from: usize,
    back: usize,
    length: usize,
    how: (Option<f64>, f64, f64),
    dice: &mut Dice,
) {
    let (noise_db, gain, stretch) = how;
    let Some(start) = from.checked_sub(back) else { return };
    let past: Vec<f64> =
        codes.get(start..from).unwrap_or_default().iter().map(|code| f64::from(*code)).collect();
    let past = if stretch == 1.0 { past } else { resampled(&past, HERTZ as f64, HERTZ as f64 * stretch) };
    let mean = past.iter().sum::<f64>() / past.len().max(1) as f64;
    let power = past.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / past.len().max(1) as f64;
    let sigma = noise_db.map_or(0.0, |db| (power * 10_f64.powf(-db / 10.0)).sqrt());
    let end = (from + length).min(codes.len());
    for (place, value) in codes.iter_mut().take(end).skip(from).zip(past.iter().cycle()) {
        let noise = if sigma > 0.0 { sigma * dice.normal() } else { 0.0 };
        *place = (mean + gain * (value - mean) + noise).round().clamp(0.0, 255.0) as u8;
    }
}

impl Attack {
    /// The subject, tampered with from second `onset` on. `other` is another person's recording.
    pub fn on(self, subject: &Subject, onset: usize, other: &Subject, seed: u64) -> Subject {
        let mut tampered = subject.clone();
        let mut dice = Dice::new(seed);
        // Not at the border of a block.
        let shift = dice.unit();
        let at = |hertz: usize| ((onset as f64 + shift) * hertz as f64) as usize;
        match self {
            Self::Loop(channels, seconds) => {
                for (codes, hertz) in waves(&mut tampered, channels) {
                    looped(codes, at(hertz), (seconds * hertz as f64) as usize);
                }
            }
            Self::Flat(channels) => {
                for (codes, hertz) in waves(&mut tampered, channels) {
                    flat(codes, at(hertz));
                }
            }
            Self::Splice(seconds, back) => {
                for (codes, hertz) in waves(&mut tampered, Channels::All) {
                    let samples = |seconds: f64| (seconds * hertz as f64) as usize;
                    replay(codes, at(hertz), samples(back), samples(seconds), (None, 1.0, 1.0), &mut dice);
                }
            }
            Self::Replay { back, noise_db, gain, stretch, at_beat } => {
                let back = if at_beat { matching(&subject.ecg[1], at(HERTZ), back) } else { back };
                for (codes, hertz) in waves(&mut tampered, Channels::All) {
                    let samples = (back * hertz as f64) as usize;
                    replay(codes, at(hertz), samples, usize::MAX / 2, (noise_db, gain, stretch), &mut dice);
                }
            }
            Self::OtherBed(back) => {
                let mut donor = other.clone();
                for ((codes, hertz), (theirs, _)) in
                    waves(&mut tampered, Channels::All).into_iter().zip(waves(&mut donor, Channels::All))
                {
                    let (from, late) = (at(hertz), (back * hertz as f64) as usize);
                    for place in from..codes.len() {
                        if let (Some(new), Some(old)) = (codes.get_mut(place), theirs.get(place - late)) {
                            *new = *old;
                        }
                    }
                }
            }
            Self::OtherPatient(share) => exchanged(&mut tampered, other, onset, at(HERTZ), share),
            Self::Gain(gain) => {
                for lead in &mut tampered.ecg {
                    lead.iter_mut().skip(at(HERTZ)).for_each(|code| {
                        *code = (128.0 + gain * (f64::from(*code) - 128.0)).round().clamp(0.0, 255.0) as u8;
                    });
                }
            }
            Self::Clip(low, high) => {
                for lead in &mut tampered.ecg {
                    let mut sorted = lead.clone();
                    sorted.sort_unstable();
                    let share = |share: f64| {
                        sorted.get((share * sorted.len() as f64) as usize).copied().unwrap_or(255)
                    };
                    let (low, high) = (share(low), share(high));
                    lead.iter_mut()
                        .skip(at(HERTZ))
                        .for_each(|code| *code = (*code).clamp(low, high.max(low)));
                }
            }
            _ => self.numbers(&mut tampered, onset),
        }
        tampered
    }

    fn numbers(self, tampered: &mut Subject, onset: usize) {
        let still = onset.checked_sub(1).and_then(|second| tampered.numbers.get(second)).copied();
        for numbers in tampered.numbers.iter_mut().skip(onset) {
            let rate = numbers.heart_rate;
            match self {
                Self::Add(more) => {
                    numbers.heart_rate = rate.map(|rate| (i16::from(rate) + more).clamp(0, 254) as u8);
                }
                Self::Scale(by) => {
                    numbers.heart_rate =
                        rate.map(|rate| (f64::from(rate) * by).round().clamp(0.0, 254.0) as u8);
                }
                Self::Constant => numbers.heart_rate = still.and_then(|still| still.heart_rate),
                Self::Spo2(value) => numbers.spo2 = numbers.spo2.map(|_| value),
                Self::Limits(high, low) => numbers.limits = Some((high, low)),
                Self::AlarmOff => numbers.alarm_off = true,
                _ => {}
            }
        }
    }

    /// Whether it misleads anybody: where no number is shown as valid throughout the time in which it should be found, a
    /// waveform stands behind none.
    pub fn matters(self, subject: &Subject, onset: usize) -> bool {
        let within = self.within().min(60);
        let Some(numbers) = subject.numbers.get(onset..=onset + within) else { return false };
        let shown = |number: fn(&Numbers) -> Option<u8>| {
            numbers.iter().all(|numbers| number(numbers).is_some_and(|number| number > 0))
        };
        match self {
            Self::Loop(Channels::Respiration, _) | Self::Flat(Channels::Respiration) => {
                shown(|numbers| numbers.respiration_rate)
            }
            Self::Loop(Channels::Pleth, _) | Self::Flat(Channels::Pleth) | Self::Spo2(_) => {
                shown(|numbers| numbers.spo2)
            }
            Self::Limits(..) | Self::AlarmOff => true,
            _ => shown(|numbers| numbers.heart_rate),
        }
    }

    /// Whether it is done to waveforms alone.
    pub fn of_waveforms(self) -> bool {
        !matches!(
            self,
            Self::Add(_) | Self::Scale(_) | Self::Constant | Self::Spo2(_) | Self::OtherPatient(_)
        )
    }

    /// The checks that should find it.
    pub fn right(self) -> &'static [Check] {
        use Check as C;
        match self {
            Self::Loop(_, seconds) if seconds <= 2.0 => &[C::WaveformFrozen],
            Self::Loop(..) | Self::Splice(..) | Self::Replay { .. } | Self::OtherBed(_) => {
                &[C::WaveformReplayed, C::WaveformFrozen]
            }
            Self::Flat(_) => &[C::WaveformFlat],
            Self::Add(_) | Self::Scale(_) | Self::Constant => {
                &[C::NumericWaveformDisagree, C::ImplausibleChange]
            }
            Self::OtherPatient(_) => {
                &[C::ChannelDisagree, C::NumericWaveformDisagree, C::WaveformChanged, C::TimeShift]
            }
            Self::Gain(_) => &[C::WaveformChanged],
            Self::Clip(..) => &[C::WaveformClipped],
            Self::Limits(..) => &[C::AlarmLimitsWidened],
            Self::AlarmOff => &[C::AlarmDisabled],
            Self::Spo2(_) => &[],
        }
    }

    /// Within how many seconds it should be found.
    pub fn within(self) -> usize {
        match self {
            Self::Loop(Channels::Respiration, _) | Self::Flat(Channels::Respiration) => 15,
            Self::Loop(..) | Self::Flat(_) | Self::Splice(..) | Self::OtherBed(_) => 5,
            Self::Replay { noise_db: None, gain: 1.0, stretch: 1.0, .. } => 5,
            Self::Replay { .. } => 40,
            Self::Add(_) | Self::Scale(_) => 30,
            Self::Limits(..) | Self::AlarmOff => 2,
            Self::Constant => 300,
            _ => 60,
        }
    }
}

/// A distance near `back` seconds at which the past is at the same place of a beat: the best correlation of one
/// second.
fn matching(lead: &[u8], from: usize, back: f64) -> f64 {
    let around = |place: usize| lead.get(place.checked_sub(HERTZ)?..place);
    let Some(now) = around(from) else { return back };
    let middle = (back * HERTZ as f64) as usize;
    let score = |distance: usize| {
        let past = from.checked_sub(distance).and_then(around).unwrap_or_default();
        now.iter().zip(past).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>()
    };
    let best = (middle - HERTZ..middle + HERTZ).min_by(|a, b| score(*a).total_cmp(&score(*b)));
    best.unwrap_or(middle) as f64 / HERTZ as f64
}

fn exchanged(tampered: &mut Subject, other: &Subject, onset: usize, at: usize, share: Share) {
    let put = |to: &mut Vec<u8>, from: &[u8], at: usize| {
        if from.is_empty() {
            return;
        }
        // The other recording may be shorter: it begins again.
        for (place, code) in to.iter_mut().enumerate().skip(at) {
            *code = from.get(place % from.len()).copied().unwrap_or(128);
        }
    };
    for (to, from) in tampered.ecg.iter_mut().zip(&other.ecg) {
        put(to, from, at);
    }
    if share == Share::All {
        put(&mut tampered.pleth, &other.pleth, at);
        put(&mut tampered.respiration, &other.respiration, at / 2);
    }
    for (numbers, theirs) in tampered.numbers.iter_mut().zip(&other.numbers).skip(onset) {
        match share {
            Share::Ecg => {}
            Share::EcgAndRate => numbers.heart_rate = theirs.heart_rate,
            Share::All => *numbers = *theirs,
        }
    }
}
