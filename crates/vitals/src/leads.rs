//! The ECG leads of a bed: one speaks for the heart; while it is poor the others are listened to as well.
//!
//! A lead that has become poor (an electrode that moves, a muscle that trembles) says nothing for as long as it is poor,
//! and a fresh detector needs ten seconds to say anything. So the others begin to listen after three seconds, and one of
//! them speaks as soon as it is good.

use crate::front::{Ecg, Timed};
use crate::shape::{AFTER, BEFORE};
use crate::wave::Wave;
use model::Channel;

/// ECG leads of a bed.
const LEADS: usize = 3;
/// A lead that has listened for less cannot be poor yet, in seconds.
const BEGINS_SECONDS: f64 = 12.0;
/// Seconds that a lead may be poor before the others listen.
const POOR_SECONDS: f32 = 3.0;
/// Seconds that they go on listening once the one that speaks is good again.
const ALERT_SECONDS: f32 = 30.0;
/// How near an ECG's rate is to twice the pulse where every T wave is counted.
const TWICE_SHARE: f32 = 0.1;
/// A lead that has not moved for so long does not speak, in seconds.
const FLAT_SECONDS: f32 = 3.0;

/// Whether an ECG's rate is what counting every T wave as a beat gives.
pub(crate) fn twice(rate: f32, pulse: f32) -> bool {
    (rate - 2.0 * pulse).abs() <= TWICE_SHARE * rate
}

/// A front, and where its clock began in milliseconds.
type Front = (Ecg, u64);

/// The leads.
#[derive(Clone, Debug)]
pub(crate) struct Leads {
    fronts: [Option<Front>; LEADS],
    speaking: usize,
    poor_seconds: f32,
    alert_seconds: f32,
    /// Height of every lead's beats before the last step.
    heights_before: Option<[Option<f32>; LEADS]>,
}

impl Default for Leads {
    fn default() -> Self {
        // Monitors show lead II first; the CMS8000 sends it as the second.
        Self {
            fronts: [const { None }; LEADS],
            speaking: 1,
            poor_seconds: 0.0,
            alert_seconds: 0.0,
            heights_before: None,
        }
    }
}

fn moves(wave: Option<&Option<Wave>>) -> bool {
    wave.and_then(Option::as_ref).is_some_and(|wave| wave.moved() && wave.flat().0 < FLAT_SECONDS)
}

fn good(front: &Ecg, pulse: Option<f32>) -> bool {
    let doubled = || pulse.is_some_and(|pulse| front.rate().is_some_and(|rate| twice(rate, pulse)));
    front.quality().1 && !doubled()
}

impl Leads {
    /// Forgets what was heard, for a gap.
    pub(crate) fn gap(&mut self) {
        self.fronts = [const { None }; LEADS];
        (self.poor_seconds, self.alert_seconds) = (0.0, 0.0);
        self.heights_before = None;
    }

    /// The place of the lead that speaks.
    pub(crate) const fn speaking(&self) -> usize {
        self.speaking
    }

    /// Its channel.
    pub(crate) fn channel(&self) -> Channel {
        Channel::ALL.get(self.speaking).copied().unwrap_or(Channel::Ecg(1))
    }

    /// What it heard, and where its clock began.
    pub(crate) fn front(&self) -> Option<&Front> {
        self.fronts.get(self.speaking)?.as_ref()
    }

    /// Whether the lead at `place` should listen and does not.
    pub(crate) fn lacks(&self, place: usize, waves: &[Option<Wave>]) -> bool {
        self.fronts.get(place).is_some_and(Option::is_none) && self.wants(place, waves)
    }

    fn wants(&self, place: usize, waves: &[Option<Wave>]) -> bool {
        place == self.speaking || self.alert_seconds > 0.0 && moves(waves.get(place))
    }

    /// The lead at `place` is sampled at `rate_hz` from now on, `origin_ms` on the bed's clock.
    pub(crate) fn listen(
        &mut self,
        place: usize,
        rate_hz: Option<f64>,
        origin_ms: u64,
        waves: &[Option<Wave>],
    ) {
        let wanted = self.wants(place, waves);
        if let Some(front) = self.fronts.get_mut(place) {
            *front = rate_hz.filter(|_| wanted).map(|rate_hz| (Ecg::new(rate_hz), origin_ms));
        }
    }

    /// Takes a block of the lead at `place`; tells each beat, with the clock's origin.
    pub(crate) fn push(
        &mut self,
        place: usize,
        block: &[u8],
        settled: bool,
        beat: &mut dyn FnMut(Timed, u64),
    ) {
        if let Some(Some((ecg, origin))) = self.fronts.get_mut(place) {
            ecg.push(block, settled, &mut |timed| beat(timed, *origin));
        }
    }

    /// `step` seconds more went by: notes how high the beats are on the other leads, and how good the one that speaks is.
    pub(crate) fn see(&mut self, step: f32, pulse: Option<f32>, waves: &mut [Option<Wave>]) {
        let speaking = self.speaking;
        let Some((ecg, _)) = self.fronts.get(speaking).and_then(Option::as_ref) else { return };
        for age in ecg.ages() {
            let others = waves.iter_mut().take(LEADS).enumerate().filter(|(place, _)| *place != speaking);
            others.filter_map(|(_, wave)| wave.as_mut()).for_each(|wave| wave.beat(age));
        }
        if good(ecg, pulse) {
            self.poor_seconds = 0.0;
            self.alert_seconds -= step;
        } else if ecg.seconds() >= BEGINS_SECONDS {
            self.poor_seconds += step;
            if self.poor_seconds >= POOR_SECONDS {
                self.alert_seconds = ALERT_SECONDS;
            }
        }
        if self.alert_seconds <= 0.0 {
            self.alert_seconds = 0.0;
            let others = self.fronts.iter_mut().enumerate().filter(|(place, _)| *place != speaking);
            others.for_each(|(_, front)| *front = None);
        }
    }

    /// Looks for a lead that says more than a poor one, or moves where the present one does not; tells whether another
    /// one speaks from now on.
    pub(crate) fn choose(&mut self, pulse: Option<f32>, waves: &mut [Option<Wave>]) -> bool {
        let still = !moves(waves.get(self.speaking));
        if !still && self.poor_seconds < POOR_SECONDS {
            return false;
        }
        let others = (1..LEADS).map(|step| (self.speaking + step) % LEADS);
        let moving: Vec<usize> = others.filter(|lead| moves(waves.get(*lead))).collect();
        let quality = |lead: &usize| {
            let front = self.fronts.get(*lead).and_then(Option::as_ref)?;
            good(&front.0, pulse).then(|| (*lead, front.0.quality().0))
        };
        let best = moving.iter().filter_map(quality).max_by(|one, other| one.1.total_cmp(&other.1));
        let unheard = moving.first().copied().filter(|_| still);
        let Some(next) = best.map(|(lead, _)| lead).or(unheard) else { return false };
        self.speaking = next;
        self.poor_seconds = 0.0;
        self.heights_before = None;
        waves.iter_mut().take(LEADS).flatten().for_each(Wave::forget_heights);
        true
    }

    /// By how much the beats became higher on another lead since they did on the one that speaks, by `ratio`; the lead
    /// that changed most alike.
    pub(crate) fn others(&mut self, ratio: Option<f32>, waves: &[Option<Wave>]) -> Option<(Channel, f32)> {
        let Some(ratio) = ratio else {
            self.heights_before = None;
            return None;
        };
        let wave = |place: usize| waves.get(place).and_then(Option::as_ref);
        let before = |place: usize| wave(place).and_then(|wave| wave.height(0, BEFORE));
        let before = *self.heights_before.get_or_insert([before(0), before(1), before(2)]);
        let others = before.iter().enumerate().filter(|(place, _)| *place != self.speaking);
        let changes = others.filter_map(|(place, before)| {
            let wave = wave(place).filter(|wave| wave.moved())?;
            // Where nothing but noise is seen, a factor is noise.
            let before = before.filter(|before| *before >= HEIGHT_CODES_MIN)?;
            Some((wave.channel, wave.height(BEFORE, AFTER)? / before))
        });
        let unlike = |change: &(Channel, f32)| (change.1 / ratio).ln().abs();
        changes.min_by(|one, other| unlike(one).total_cmp(&unlike(other)))
    }
}

/// Least height of beats whose change says something, in codes.
const HEIGHT_CODES_MIN: f32 = 8.0;
