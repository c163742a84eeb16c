//! One patient's signals: a heart, its pulse and the breath that modulates both.
//!
//! ```text
//! breaths ──► respiration wave ──► wander of the ECG baseline, depth of the pulse
//!    └─► RR intervals (sinus arrhythmia, slow waves, ectopic beats, fibrillation)
//!            └─► beats ──► ECG: a turning dipole, seen by leads I and II; III = II − I
//!                     └──► pulses, a transit time later ──► pleth
//! ```
//! A wave (P, Q, R, S, T) is a Gaussian in time of a dipole with a direction; a lead sees the dipole's
//! projection on its axis (I at 0°, II at 60°), so the leads agree as one heart's must. Beats of one kind
//! share a table worked out once per patient; a block of one second is then table look-ups and noise,
//! which lets a thousand patients run faster than real time by far.
//!
//! # Limits
//! No pacing, no ventricular tachycardia or arrest: a ward that is ill, not dying.
//!
//! # Source
//! McSharry et al., "A dynamical model for generating synthetic electrocardiogram signals", IEEE TBME 50:289
//! (2003), for waves as Gaussians and for respiratory and Mayer-wave modulation of RR.

use crate::random::Random;
use std::collections::VecDeque;

/// ECG and pleth samples a second.
pub(crate) const ECG_HERTZ: usize = 256;
/// Respiration samples a second.
pub(crate) const RESPIRATION_HERTZ: usize = 128;
/// Code of 0 mV.
const ECG_MIDDLE: f32 = 128.0;
/// Codes a millivolt.
const ECG_GAIN: f32 = 50.0;
/// Table entries a second.
const TABLE_HERTZ: f64 = 1024.0;
/// How long before its R wave a beat begins, in seconds.
const BEAT_LEAD_SECONDS: f64 = 0.30;
/// Entries of a beat's table: 0.30 s before to 0.72 s after the R wave.
const BEAT_ENTRIES: usize = 1044;
/// Entries of a pulse's table, from its foot.
const PULSE_ENTRIES: usize = 1126;
/// RR interval for which the tables are drawn.
const TABLE_RR_SECONDS: f64 = 0.8;
/// Beats a monitor averages.
const AVERAGED_BEATS: usize = 12;
/// Breaths a monitor averages.
const AVERAGED_BREATHS: usize = 8;
/// How long the patient lived before the first block, in seconds, so that averages are full.
const WARM_UP_SECONDS: f64 = 60.0;

/// What kind of beat.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Beat {
    /// From the sinus node, or conducted in fibrillation.
    Normal,
    /// Premature from the atria: early, narrow, odd P wave.
    Atrial,
    /// Premature from a ventricle: early, wide, no P wave.
    Ventricular,
}

impl Beat {
    /// The annotation code of the MIT-BIH database.
    pub(crate) const fn code(self) -> char {
        match self {
            Self::Normal => 'N',
            Self::Atrial => 'A',
            Self::Ventricular => 'V',
        }
    }
}

/// Who the heart belongs to, as far as signals care.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Constitution {
    /// Mean RR interval, seconds.
    pub(crate) rr_seconds: f64,
    /// Share of RR that breathing moves.
    pub(crate) sinus_arrhythmia: f64,
    /// Probability that a beat is premature from a ventricle.
    pub(crate) ventricular: f64,
    /// Probability that a beat is premature from the atria.
    pub(crate) atrial: f64,
    /// Whether the atria fibrillate.
    pub(crate) fibrillates: bool,
    /// Mean length of a breath, seconds.
    pub(crate) breath_seconds: f64,
    /// R wave to foot of the pulse at the finger, seconds.
    pub(crate) transit_seconds: f64,
    /// Electrical axis of the QRS complex, degrees.
    pub(crate) axis_degrees: f64,
    /// Axis of premature ventricular beats, degrees: where in the ventricles they begin.
    pub(crate) focus_degrees: f64,
    /// Height of the R wave, mV.
    pub(crate) r_millivolts: f64,
    /// Height of the pulse wave, codes.
    pub(crate) pulse_codes: f64,
}

/// Where an R wave stood, as truth tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BeatMark {
    /// Sample of the ECG since the first block, from 0.
    pub(crate) sample: u64,
    /// What kind.
    pub(crate) beat: Beat,
}

/// One second of signals and the numbers a monitor would show at its end.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Leads I, II, III.
    pub(crate) ecg: [[u8; ECG_HERTZ]; 3],
    /// Pleth.
    pub(crate) pleth: [u8; ECG_HERTZ],
    /// Respiration.
    pub(crate) respiration: [u8; RESPIRATION_HERTZ],
    /// R waves in this block.
    pub(crate) beats: Vec<BeatMark>,
    /// Heart rate, 1/min.
    pub(crate) heart_rate: u8,
    /// Pulse rate, 1/min.
    pub(crate) pulse_rate: u8,
    /// Respiration rate, 1/min.
    pub(crate) respiration_rate: u8,
}

impl Block {
    /// A block to be filled.
    pub(crate) fn empty() -> Self {
        Self {
            ecg: [[0; ECG_HERTZ]; 3],
            pleth: [0; ECG_HERTZ],
            respiration: [0; RESPIRATION_HERTZ],
            beats: Vec::new(),
            heart_rate: 0,
            pulse_rate: 0,
            respiration_rate: 0,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Contraction {
    at: f64,
    rr: f64,
    beat: Beat,
    /// Strength of the pulse it drives: a beat that comes early ejects little.
    stroke: f32,
    transit: f64,
    /// Height of the QRS complex against its mean, which breathing moves.
    height: f32,
}

#[derive(Clone, Copy, Debug)]
struct Breath {
    start: f64,
    seconds: f64,
    depth: f32,
}

/// Leads I and II over one beat.
type Table = Vec<(f32, f32)>;

/// A patient's signals.
#[derive(Clone, Debug)]
pub(crate) struct Heart {
    body: Constitution,
    random: Random,
    normal: Table,
    atrial: Table,
    ventricular: Table,
    pulse: Vec<f32>,
    beats: VecDeque<Contraction>,
    breaths: VecDeque<Breath>,
    clock: f64,
    /// Stroke of the next beat after a premature one.
    rebound: f32,
    /// Slow drift of RR, a random walk pulled to 1.
    drift: f64,
    /// Electrode drift in mV, likewise, with its slope target.
    wander: [f32; 2],
    mains_phase: f32,
}

/// A dipole's Gaussian: moment and width in seconds (rising, falling), mV, degrees.
struct Wave(f64, f64, f64, f64, f64);

fn beat_table(waves: &[Wave]) -> Table {
    let entry = |index: usize| {
        let u = index as f64 / TABLE_HERTZ - BEAT_LEAD_SECONDS;
        let mut leads = (0.0, 0.0);
        for Wave(at, rising, falling, millivolts, degrees) in waves {
            let width = if u < *at { rising } else { falling };
            let height = millivolts * (-0.5 * ((u - at) / width).powi(2)).exp();
            leads.0 += (height * degrees.to_radians().cos()) as f32;
            leads.1 += (height * (degrees - 60.0).to_radians().cos()) as f32;
        }
        leads
    };
    (0..BEAT_ENTRIES).map(entry).collect()
}

fn sinus_table(body: &Constitution, p_degrees: f64) -> Table {
    let (r, axis) = (body.r_millivolts, body.axis_degrees);
    let mut waves = vec![
        Wave(-0.026, 0.009, 0.008, 0.10 * r, axis + 170.0),
        Wave(0.0, 0.0115, 0.0105, r, axis),
        Wave(0.030, 0.009, 0.011, 0.22 * r, axis + 195.0),
        Wave(0.26, 0.060, 0.036, 0.20 * r + 0.05, axis * 0.8 + 5.0),
    ];
    if !body.fibrillates {
        waves.push(Wave(-0.155, 0.024, 0.021, 0.13, p_degrees));
    }
    beat_table(&waves)
}

fn ventricular_table(body: &Constitution) -> Table {
    let (r, focus) = (body.r_millivolts, body.focus_degrees);
    beat_table(&[
        Wave(-0.004, 0.024, 0.030, 1.20 * r, focus),
        Wave(0.068, 0.020, 0.024, 0.38 * r, focus + 195.0),
        Wave(0.31, 0.085, 0.055, 0.45 * r, focus + 175.0),
    ])
}

fn pulse_table() -> Vec<f32> {
    let bump = |u: f64, at: f64, width: f64| (-0.5 * ((u - at) / width).powi(2)).exp();
    let entry = |index: usize| {
        let u = index as f64 / TABLE_HERTZ;
        let upstroke = 1.0 - (-(u / 0.05).powi(2)).exp();
        let systole = if u < 0.15 { bump(u, 0.15, 0.058) } else { bump(u, 0.15, 0.085) };
        let wave =
            systole + 0.22 * bump(u, 0.28, 0.07) + 0.36 * bump(u, 0.45, 0.085) + 0.10 * bump(u, 0.62, 0.13);
        (wave * upstroke) as f32
    };
    (0..PULSE_ENTRIES).map(entry).collect()
}

/// Depth of a breath at `share` of its length: in for two fifths, out for the rest.
fn breath_shape(share: f32) -> f32 {
    use std::f32::consts::PI;
    if share < 0.4 {
        0.5 - 0.5 * (PI * share / 0.4).cos()
    } else {
        0.5 + 0.5 * (PI * ((share - 0.4) / 0.6).powf(0.75)).cos()
    }
}

/// Mean of the middle of `values`, two left out at each end, as monitors do against stray intervals.
fn trimmed_mean(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let trim = if values.len() > 6 { 2 } else { 0 };
    let middle = values.get(trim..values.len() - trim)?;
    if middle.is_empty() { None } else { Some(middle.iter().sum::<f64>() / middle.len() as f64) }
}

fn per_minute(seconds: Option<f64>) -> u8 {
    seconds.map_or(0, |seconds| (60.0 / seconds).round().clamp(0.0, 254.0) as u8)
}

impl Heart {
    /// A heart that has been beating for a minute.
    pub(crate) fn new(body: Constitution, mut random: Random) -> Self {
        let phase = random.unit() as f32;
        let mut heart = Self {
            normal: sinus_table(&body, body.axis_degrees.mul_add(0.3, 40.0)),
            atrial: sinus_table(&body, -20.0),
            ventricular: ventricular_table(&body),
            pulse: pulse_table(),
            beats: VecDeque::new(),
            breaths: VecDeque::new(),
            clock: 0.0,
            rebound: 1.0,
            drift: 1.0,
            wander: [0.0, 0.0],
            mains_phase: phase * std::f32::consts::TAU,
            body,
            random,
        };
        heart.live_until(WARM_UP_SECONDS + 1.5);
        heart.clock = WARM_UP_SECONDS;
        heart
    }

    /// Makes breaths and beats up to `end`.
    fn live_until(&mut self, end: f64) {
        while self.breaths.back().is_none_or(|breath| breath.start + breath.seconds < end + 2.0) {
            let start = self.breaths.back().map_or(-5.0, |breath| breath.start + breath.seconds);
            let seconds = self.body.breath_seconds * (1.0 + 0.07 * self.random.normal()).clamp(0.7, 1.4);
            let depth = (1.0 + 0.12 * self.random.normal()).clamp(0.5, 1.5) as f32;
            self.breaths.push_back(Breath { start, seconds, depth });
        }
        while self.beats.back().is_none_or(|beat| beat.at < end) {
            let next = self.next_beat();
            self.beats.push_back(next);
        }
    }

    fn lungs(&self, at: f64) -> f32 {
        let breath = self.breaths.iter().rev().find(|breath| breath.start <= at);
        breath
            .map_or(0.0, |breath| breath.depth * breath_shape(((at - breath.start) / breath.seconds) as f32))
    }

    /// Length of the next sinus cycle that begins at `at`.
    fn sinus_cycle(&mut self, at: f64) -> f64 {
        self.drift += 0.02 * (1.0 - self.drift) + 0.006 * self.random.normal();
        let breathing = f64::from(self.lungs(at)) - 0.5;
        let mayer = 0.012 * (std::f64::consts::TAU * 0.095 * at).sin();
        // Heart rate rises on breathing in, so RR falls.
        let rr = self.body.rr_seconds * (self.drift - self.body.sinus_arrhythmia * breathing + mayer);
        if self.body.fibrillates {
            (rr * self.random.between(0.68, 1.34)).max(0.38)
        } else {
            rr * (1.0 + 0.008 * self.random.normal())
        }
    }

    fn next_beat(&mut self) -> Contraction {
        let last = self.beats.back().copied();
        let from = last.map_or(-3.0, |beat| beat.at);
        let sinus = self.sinus_cycle(from);
        let dice = self.random.unit();
        let calm = last.is_none_or(|beat| beat.beat == Beat::Normal);
        let (beat, rr) = match last.map(|beat| beat.beat) {
            // The pause after a ventricular beat makes up for what it came early.
            Some(Beat::Ventricular) => (Beat::Normal, sinus * 1.37),
            Some(Beat::Atrial) => (Beat::Normal, sinus * 1.06),
            _ if calm && dice < self.body.ventricular => (Beat::Ventricular, sinus * 0.63),
            _ if calm && dice < self.body.ventricular + self.body.atrial => (Beat::Atrial, sinus * 0.72),
            _ => (Beat::Normal, sinus),
        };
        let filling = (rr / self.body.rr_seconds) as f32;
        let stroke = match beat {
            Beat::Ventricular => 0.35,
            Beat::Atrial => 0.62,
            Beat::Normal => self.rebound * (0.75 + 0.25 * filling),
        };
        self.rebound = if beat == Beat::Normal { 1.0 } else { 1.12 };
        let at = from + rr;
        let transit = self.body.transit_seconds + 0.004 * self.random.normal();
        let height = 1.0 - 0.07 * (self.lungs(at) - 0.5) + 0.012 * self.random.normal() as f32;
        Contraction { at, rr, beat, stroke, transit, height }
    }

    /// Writes the next second into `block`.
    pub(crate) fn second(&mut self, block: &mut Block) {
        let (start, end) = (self.clock, self.clock + 1.0);
        self.live_until(end + 0.8);
        let mut lungs = [0.0_f32; RESPIRATION_HERTZ];
        self.breathe(start, &mut lungs);
        self.draw_respiration(&lungs, block);
        self.draw_ecg(start, &lungs, block);
        self.draw_pleth(start, &lungs, block);
        self.count(start, end, block);
        self.clock = end;
        while self.beats.len() > AVERAGED_BEATS + 20 {
            self.beats.pop_front();
        }
        while self.breaths.len() > AVERAGED_BREATHS + 8 {
            self.breaths.pop_front();
        }
    }

    fn breathe(&self, start: f64, lungs: &mut [f32; RESPIRATION_HERTZ]) {
        let mut breaths = self.breaths.iter().peekable();
        for (index, place) in lungs.iter_mut().enumerate() {
            let at = start + index as f64 / RESPIRATION_HERTZ as f64;
            while breaths.peek().is_some_and(|breath| breath.start + breath.seconds <= at) {
                breaths.next();
            }
            if let Some(breath) = breaths.peek() {
                *place = breath.depth * breath_shape(((at - breath.start) / breath.seconds) as f32);
            }
        }
    }

    fn draw_respiration(&mut self, lungs: &[f32; RESPIRATION_HERTZ], block: &mut Block) {
        for (place, lung) in block.respiration.iter_mut().zip(lungs) {
            let (noise, _) = self.random.normal_pair();
            *place = (80.0 + 84.0 * lung + 0.8 * noise) as u8;
        }
    }

    fn draw_ecg(&mut self, start: f64, lungs: &[f32; RESPIRATION_HERTZ], block: &mut Block) {
        let mut leads = [(0.0_f32, 0.0_f32); ECG_HERTZ];
        for beat in &self.beats {
            let table = match beat.beat {
                Beat::Normal => &self.normal,
                Beat::Atrial => &self.atrial,
                Beat::Ventricular => &self.ventricular,
            };
            // Repolarisation shortens with the cycle (Bazett): the part after the QRS is read faster.
            let haste = (TABLE_RR_SECONDS / beat.rr).sqrt().clamp(0.75, 1.45);
            let first = ((beat.at - BEAT_LEAD_SECONDS - start) * ECG_HERTZ as f64).ceil().max(0.0);
            for (index, lead) in leads.iter_mut().enumerate().skip(first as usize) {
                let u = start + index as f64 / ECG_HERTZ as f64 - beat.at;
                let u = if u > 0.08 { (u - 0.08).mul_add(haste, 0.08) } else { u };
                let Some((one, two)) = table.get(((u + BEAT_LEAD_SECONDS) * TABLE_HERTZ) as usize) else {
                    break;
                };
                lead.0 += one * beat.height;
                lead.1 += two * beat.height;
            }
        }
        let flutter = if self.body.fibrillates { 0.035 } else { 0.0 };
        let [one, two, three] = &mut block.ecg;
        let places = one.iter_mut().zip(two).zip(three);
        let breath = lungs.iter().flat_map(|lung| [lung, lung]);
        for (index, ((((one, two), three), lead), lung)) in places.zip(leads).zip(breath).enumerate() {
            let (noise_one, noise_two) = self.random.normal_pair();
            if index % 16 == 0 {
                self.wander[0] += 0.006 * noise_one - 0.012 * self.wander[0];
                self.wander[1] += 0.006 * noise_two - 0.012 * self.wander[1];
            }
            let at = start as f32 + index as f32 / ECG_HERTZ as f32;
            let hum = 0.006 * (self.mains_phase + index as f32 * 1.227).sin();
            let atria =
                if flutter > 0.0 { flutter * ((at * 36.0).sin() + 0.6 * (at * 43.7).sin()) } else { 0.0 };
            let sway = 0.05 * (lung - 0.5);
            let i = lead.0 + 0.4 * sway + 0.3 * atria + self.wander[0] + 0.011 * noise_one + hum;
            let ii = lead.1 + sway + atria + self.wander[1] + 0.011 * noise_two + 1.3 * hum;
            *one = (ECG_MIDDLE + ECG_GAIN * i).round() as u8;
            *two = (ECG_MIDDLE + ECG_GAIN * ii).round() as u8;
            *three = (ECG_MIDDLE + ECG_GAIN * (ii - i)).round() as u8;
        }
        self.mains_phase = (self.mains_phase + ECG_HERTZ as f32 * 1.227) % std::f32::consts::TAU;
    }

    fn draw_pleth(&mut self, start: f64, lungs: &[f32; RESPIRATION_HERTZ], block: &mut Block) {
        let mut pleth = [0.0_f32; ECG_HERTZ];
        for beat in &self.beats {
            let foot = beat.at + beat.transit;
            let haste = (TABLE_RR_SECONDS / beat.rr).sqrt().clamp(0.8, 1.4);
            let first = ((foot - start) * ECG_HERTZ as f64).ceil().max(0.0);
            for (index, place) in pleth.iter_mut().enumerate().skip(first as usize) {
                let u = (start + index as f64 / ECG_HERTZ as f64 - foot) * haste;
                let Some(height) = self.pulse.get((u * TABLE_HERTZ) as usize) else { break };
                *place += height * beat.stroke;
            }
        }
        let depth = self.body.pulse_codes as f32;
        let breath = lungs.iter().flat_map(|lung| [lung, lung]);
        for ((place, wave), lung) in block.pleth.iter_mut().zip(pleth).zip(breath) {
            let (noise, _) = self.random.normal_pair();
            let value = 52.0 - 9.0 * (lung - 0.5) + depth * (1.0 - 0.10 * (lung - 0.5)) * wave + 0.6 * noise;
            *place = value.clamp(1.0, 254.0).round() as u8;
        }
    }

    fn count(&self, start: f64, end: f64, block: &mut Block) {
        let origin = WARM_UP_SECONDS;
        block.beats.clear();
        for beat in self.beats.iter().filter(|beat| (start..end).contains(&beat.at)) {
            let sample = ((beat.at - origin) * ECG_HERTZ as f64).round() as u64;
            block.beats.push(BeatMark { sample, beat: beat.beat });
        }
        let recent = |delay: f64| {
            let seen = self.beats.iter().rev().filter(|beat| beat.at + delay <= end);
            seen.take(AVERAGED_BEATS).map(|beat| beat.rr).collect()
        };
        block.heart_rate = per_minute(trimmed_mean(recent(0.1)));
        block.pulse_rate = per_minute(trimmed_mean(recent(self.body.transit_seconds + 0.2)));
        let breaths = self.breaths.iter().rev().filter(|breath| breath.start + breath.seconds <= end);
        let lengths: Vec<f64> = breaths.take(AVERAGED_BREATHS).map(|breath| breath.seconds).collect();
        let mean = lengths.iter().sum::<f64>() / lengths.len().max(1) as f64;
        block.respiration_rate = per_minute(Some(mean));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: Constitution = Constitution {
        rr_seconds: 0.8,
        sinus_arrhythmia: 0.05,
        ventricular: 0.0,
        atrial: 0.0,
        fibrillates: false,
        breath_seconds: 4.0,
        transit_seconds: 0.2,
        axis_degrees: 50.0,
        focus_degrees: 100.0,
        r_millivolts: 1.2,
        pulse_codes: 120.0,
    };

    fn seconds(body: Constitution, count: usize) -> Vec<Block> {
        let mut heart = Heart::new(body, Random::new(3));
        let mut block = Block::empty();
        let next = |_| {
            heart.second(&mut block);
            block.clone()
        };
        (0..count).map(next).collect()
    }

    #[test]
    fn lead_three_is_lead_two_less_lead_one() {
        for block in seconds(BODY, 5) {
            for ((one, two), three) in block.ecg[0].iter().zip(&block.ecg[1]).zip(&block.ecg[2]) {
                let difference = i32::from(*two) - i32::from(*one) + 128 - i32::from(*three);
                assert!(difference.abs() <= 1, "{one} {two} {three}");
            }
        }
    }

    #[test]
    fn lead_two_peaks_where_truth_says_a_beat_is() {
        let blocks = seconds(BODY, 20);
        let lead: Vec<u8> = blocks.iter().flat_map(|block| block.ecg[1]).collect();
        let marks: Vec<u64> = blocks.iter().flat_map(|block| &block.beats).map(|mark| mark.sample).collect();
        assert!((22..=28).contains(&marks.len()), "{}", marks.len());
        for mark in
            marks.iter().map(|mark| *mark as usize).filter(|mark| (60..lead.len() - 60).contains(mark))
        {
            let around = &lead[mark - 60..mark + 60];
            let top = around.iter().max().unwrap();
            assert!(lead[mark - 2..=mark + 2].contains(top), "beat at {mark}");
        }
    }

    #[test]
    fn every_pulse_follows_its_beat() {
        let blocks = seconds(BODY, 20);
        let pleth: Vec<u8> = blocks.iter().flat_map(|block| block.pleth).collect();
        for mark in blocks.iter().flat_map(|block| &block.beats).map(|mark| mark.sample as usize) {
            if let Some(window) = pleth.get(mark..mark + 170) {
                let peak = window.iter().enumerate().max_by_key(|(_, code)| **code).unwrap().0;
                assert!((70..110).contains(&peak), "peak {peak} samples after the beat");
            }
        }
    }

    #[test]
    fn shown_rates_are_those_of_the_signals() {
        let blocks = seconds(BODY, 60);
        let beats = blocks.iter().map(|block| block.beats.len()).sum::<usize>();
        let mean = blocks.iter().map(|block| f64::from(block.heart_rate)).sum::<f64>() / 60.0;
        assert!((mean - beats as f64).abs() < 3.0, "shown {mean}, {beats} beats in a minute");
        assert!(blocks.iter().all(|block| (12..=18).contains(&block.respiration_rate)));
    }
}
