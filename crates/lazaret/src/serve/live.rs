//! What devices say at the bedside, from the thread that listens to the browsers that show it.
//!
//! Each thing said becomes one binary message, made once and shared by all who look. A browser that cannot keep up misses
//! the oldest, and is told how many; nobody waits for it.
//!
//! # Form of a message
//! ```text
//! little endian
//!  0  u8    version, 1
//!  1  u8    kind: 1 waveform, 2 numbers, 3 limits, 4 notice, 5 end of a cycle, 6 messages missed
//!  2  u8    kind 1: channel: 1 to 3 ECG, 4 pleth, 5 respiration; else 0
//!  3  u8    0
//!  4  i32   number of the bed; -1 where the device gives none
//!  8  u64   id of the device
//! 16  i64   capture time, nanoseconds since 1970-01-01T00:00:00Z
//! 24  …     kind 1: one u8 for each sample: codes of unknown gain, as the device sent them
//!           kind 2: for each number: u8 parameter, u8 validity (0 valid, 1 invalid, 2 a code of unknown meaning), u16 0,
//!                   f32 value in the unit of the parameter
//!           kind 3: for each limit: u8 parameter, u8 alarm (0 off, 1 on, 2 a code of unknown meaning), u16 0, f32 low,
//!                   f32 high
//!           kind 4: u8 code of the device, then its text in UTF-8
//!           kind 5: nothing
//!           kind 6: u64 how many messages were missed; device and bed are 0 and -1
//! parameters: 1 heart-rate, 2 respiration-rate, 3 spo2, 4 pulse-rate, 5 nibp-systolic, 6 nibp-diastolic, 7 nibp-mean,
//!             8 temperature-1, 9 temperature-2, 10 temperature-difference, 11 pvc-rate, 12 to 14 st-1 to st-3
//! ```

use crate::pipeline::{Bedside, Place};
use axum::body::Bytes;
use model::{AlarmLimit, CaptureTime, Channel, Fact, Sample, Switch, Validity, Vital, WaveformPayload};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// Messages that wait for a browser. Our limit: beyond it the oldest are missed, which the browser is told. On a ward of 64
/// beds some five seconds.
const WAITING_MAX: usize = 4_096;
/// Beds that are shown. Our limit: what further ones say is not told.
const BEDS_MAX: usize = 4_096;
/// Version of the form.
const VERSION: u8 = 1;
/// Bytes before the payload.
const HEAD_BYTES: usize = 24;

/// Something said at a bed.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) place: Place,
    pub(crate) bytes: Bytes,
}

/// A bed that something was said of.
#[derive(Clone, Debug)]
pub(crate) struct LiveBed {
    pub(crate) last: CaptureTime,
    /// Channels of waveforms that were seen.
    pub(crate) channels: BTreeMap<Channel, u64>,
    /// The last message of each kind that holds until the next: numbers by parameter, limits.
    held: BTreeMap<(u8, u8), Bytes>,
}

/// Where the one who listens and those who look meet.
#[derive(Clone)]
pub(crate) struct Hub {
    said: broadcast::Sender<Said>,
    beds: Arc<Mutex<BTreeMap<Place, LiveBed>>>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self { said: broadcast::Sender::new(WAITING_MAX), beds: Arc::default() }
    }

    fn beds(&self) -> MutexGuard<'_, BTreeMap<Place, LiveBed>> {
        self.beds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The beds that something was said of.
    pub(crate) fn list(&self) -> BTreeMap<Place, LiveBed> {
        self.beds().clone()
    }

    /// Everything that is said from now on, and what holds just now.
    pub(crate) fn listen(&self) -> (broadcast::Receiver<Said>, Vec<Said>) {
        // Nothing is said between the two while the lock is held.
        let beds = self.beds();
        let held = beds.iter().flat_map(|(place, bed)| {
            bed.held.values().map(|bytes| Said { place: *place, bytes: bytes.clone() })
        });
        (self.said.subscribe(), held.collect())
    }
}

impl Bedside for Hub {
    fn told(&mut self, place: Place, time: CaptureTime, fact: &Fact) {
        let messages = messages(place, time, fact);
        let mut beds = self.beds();
        if beds.len() >= BEDS_MAX && !beds.contains_key(&place) {
            return;
        }
        let new = || LiveBed { last: time, channels: BTreeMap::new(), held: BTreeMap::new() };
        let bed = beds.entry(place).or_insert_with(new);
        bed.last = bed.last.max(time);
        if let Fact::Waveform(waveform) = fact {
            *bed.channels.entry(waveform.channel).or_default() += u64::from(waveform.samples);
        }
        for (held, bytes) in messages {
            if let Some(key) = held {
                bed.held.insert(key, bytes.clone());
            }
            // Fails only where nobody looks.
            drop(self.said.send(Said { place, bytes }));
        }
    }
}

/// A message, and the place where it is held if it holds until the next.
type Message = (Option<(u8, u8)>, Bytes);

fn messages(place: Place, time: CaptureTime, fact: &Fact) -> Vec<Message> {
    match fact {
        Fact::Waveform(waveform) => {
            let WaveformPayload::U8(samples) = &waveform.payload else { return Vec::new() };
            let mut bytes = head(1, channel(waveform.channel), place, time);
            bytes.extend_from_slice(samples);
            vec![(None, bytes.into())]
        }
        Fact::Measured(samples) => {
            // One message for each, so that each holds until its next.
            let one = |sample: &Sample| {
                let mut bytes = head(2, 0, place, time);
                bytes.extend_from_slice(&[parameter(sample.vital), validity(sample.validity), 0, 0]);
                bytes.extend_from_slice(&sample.value.to_le_bytes());
                (Some((2, parameter(sample.vital))), bytes.into())
            };
            samples.iter().map(one).collect()
        }
        Fact::LimitsSet(limits) => {
            let one = |limit: &AlarmLimit| {
                let mut bytes = head(3, 0, place, time);
                bytes.extend_from_slice(&[parameter(limit.vital), switch(limit.switch), 0, 0]);
                bytes.extend_from_slice(&limit.low.to_le_bytes());
                bytes.extend_from_slice(&limit.high.to_le_bytes());
                (Some((3, parameter(limit.vital))), bytes.into())
            };
            limits.iter().map(one).collect()
        }
        Fact::Notice(notice) => {
            let mut bytes = head(4, 0, place, time);
            bytes.push(notice.code);
            bytes.extend_from_slice(notice.text.as_str().as_bytes());
            vec![(None, bytes.into())]
        }
        Fact::CycleEnded(_) => vec![(None, head(5, 0, place, time).into())],
        _ => Vec::new(),
    }
}

fn head(kind: u8, channel: u8, place: Place, time: CaptureTime) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + 32);
    bytes.extend_from_slice(&[VERSION, kind, channel, 0]);
    bytes.extend_from_slice(&place.bed.map_or(-1, i32::from).to_le_bytes());
    bytes.extend_from_slice(&place.asset.0.to_le_bytes());
    bytes.extend_from_slice(&time.nanos().to_le_bytes());
    bytes
}

/// Says how many messages a browser missed.
pub(crate) fn missed(count: u64) -> Bytes {
    let nowhere = Place { asset: model::AssetId(0), bed: None };
    let mut bytes = head(6, 0, nowhere, CaptureTime::default());
    bytes.extend_from_slice(&count.to_le_bytes());
    bytes.into()
}

const fn channel(channel: Channel) -> u8 {
    match channel {
        Channel::Ecg(1) => 1,
        Channel::Ecg(2) => 2,
        Channel::Ecg(_) => 3,
        Channel::Pleth => 4,
        Channel::Respiration => 5,
        _ => 0,
    }
}

const fn parameter(vital: Vital) -> u8 {
    match vital {
        Vital::HeartRate => 1,
        Vital::RespirationRate => 2,
        Vital::Spo2 => 3,
        Vital::PulseRate => 4,
        Vital::NibpSystolic => 5,
        Vital::NibpDiastolic => 6,
        Vital::NibpMean => 7,
        Vital::Temperature1 => 8,
        Vital::Temperature2 => 9,
        Vital::TemperatureDifference => 10,
        Vital::PvcRate => 11,
        Vital::St(1) => 12,
        Vital::St(2) => 13,
        Vital::St(_) => 14,
        _ => 0,
    }
}

const fn validity(validity: Validity) -> u8 {
    match validity {
        Validity::Valid => 0,
        Validity::Invalid => 1,
        Validity::Unknown(_) => 2,
    }
}

const fn switch(switch: Switch) -> u8 {
    match switch {
        Switch::Off => 0,
        Switch::On => 1,
        Switch::Unknown(_) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AssetId, Waveform};

    const PLACE: Place = Place { asset: AssetId(0xAB), bed: Some(7) };

    #[test]
    fn messages_have_the_form_that_is_documented() {
        let waveform =
            Waveform { channel: Channel::Pleth, samples: 2, payload: WaveformPayload::U8([9, 8].into()) };
        let made = messages(PLACE, CaptureTime::from_nanos(5), &Fact::Waveform(waveform));
        let expected =
            [&[1, 1, 4, 0][..], &7_i32.to_le_bytes(), &0xAB_u64.to_le_bytes(), &5_i64.to_le_bytes(), &[9, 8]];
        assert_eq!(&*made[0].1, expected.concat());
        let samples = [Sample { vital: Vital::Spo2, value: 98.0, validity: Validity::Valid }];
        let made = messages(PLACE, CaptureTime::from_nanos(5), &Fact::Measured(samples.into()));
        assert_eq!(made[0].0, Some((2, 3)));
        assert_eq!(&made[0].1[24..], [&[3, 0, 0, 0][..], &98_f32.to_le_bytes()].concat());
    }

    #[tokio::test]
    async fn who_comes_late_is_told_what_holds_and_who_is_slow_misses_the_oldest() {
        let mut hub = Hub::new();
        let sample =
            |value| Fact::Measured([Sample { vital: Vital::Spo2, value, validity: Validity::Valid }].into());
        hub.told(PLACE, CaptureTime::from_nanos(1), &sample(97.0));
        hub.told(PLACE, CaptureTime::from_nanos(2), &sample(98.0));
        let (mut said, held) = hub.listen();
        assert_eq!(held.len(), 1);
        assert_eq!(&held[0].bytes[28..], 98_f32.to_le_bytes());
        for _ in 0..=WAITING_MAX {
            hub.told(PLACE, CaptureTime::from_nanos(3), &sample(99.0));
        }
        assert!(matches!(said.recv().await, Err(broadcast::error::RecvError::Lagged(1))));
        assert!(said.recv().await.is_ok());
        assert_eq!(hub.list()[&PLACE].last, CaptureTime::from_nanos(3));
    }
}
