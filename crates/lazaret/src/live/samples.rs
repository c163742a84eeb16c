//! Samples of one bed: the last seconds of each channel, and how they go over the wire.

use model::{CaptureTime, Channel};
use std::collections::VecDeque;
use std::sync::Arc;

/// Seconds of samples that a page which opens gets at once, and that an evidence strip holds.
pub(super) const PAST_SECONDS: usize = 10;
/// Most samples of a channel kept for that. Our limit: ten seconds of 512 a second.
const PAST_SAMPLES_MAX: usize = 512 * PAST_SECONDS;
/// Most samples of a channel in one message: what its length can say. The rest goes with the next.
const SAMPLES_MAX: usize = u16::MAX as usize;
/// Two rates are one where they differ by less.
const RATE_SHARE: f32 = 0.02;
/// Version and kind of a message of samples.
const HEAD: [u8; 2] = [1, 1];

/// Every channel, in order of its code on the wire.
pub(super) const CHANNELS: [Channel; 5] =
    [Channel::Ecg(1), Channel::Ecg(2), Channel::Ecg(3), Channel::Pleth, Channel::Respiration];

/// Place of a channel in [`CHANNELS`]; a lead beyond the third shares the third's.
pub(super) fn place(channel: Channel) -> usize {
    CHANNELS.iter().position(|known| *known == channel).unwrap_or(match channel {
        Channel::Ecg(_) => 2,
        _ => 4,
    })
}

/// A channel's samples.
#[derive(Clone, Debug, Default)]
pub(super) struct Track {
    /// Number of the next sample.
    next: u32,
    /// The last seconds; a gap begins them anew.
    past: VecDeque<u8>,
    /// Samples a second; 0 while not known.
    pub(super) rate_hz: f32,
}

impl Track {
    /// Adds samples and gives the number of the first.
    pub(super) fn push(&mut self, samples: &[u8]) -> u32 {
        let first = self.next;
        self.next = self.next.wrapping_add(u32::try_from(samples.len()).unwrap_or(u32::MAX));
        self.past.extend(samples);
        let seconds = if self.rate_hz > 0.0 { self.rate_hz * PAST_SECONDS as f32 } else { f32::MAX };
        let keep = (seconds as usize).min(PAST_SAMPLES_MAX);
        let over = self.past.len().saturating_sub(keep);
        self.past.drain(..over);
        first
    }

    /// So many samples came in a cycle of so many nanoseconds. A rate that is near the known one is that one: a median
    /// of a few times wavers, and a monitor's clock does not.
    pub(super) fn set_rate(&mut self, samples: u32, nanos: i64) {
        let rate_hz = (f64::from(samples) * 1e9 / nanos as f64) as f32;
        if rate_hz > 0.0 && (rate_hz - self.rate_hz).abs() > RATE_SHARE * rate_hz {
            self.rate_hz = rate_hz;
        }
    }

    /// What comes does not follow what came.
    pub(super) fn gap(&mut self) {
        self.next = self.next.wrapping_add(1);
        self.past.clear();
    }

    /// The last seconds, and the number of the first sample.
    pub(super) fn past(&self) -> (u32, Vec<u8>) {
        let length = u32::try_from(self.past.len()).unwrap_or(u32::MAX);
        (self.next.wrapping_sub(length), self.past.iter().copied().collect())
    }
}

/// A message being written.
pub(super) struct Message {
    bytes: Vec<u8>,
    channels: u16,
}

impl Message {
    pub(super) fn new(key: u32, newest: CaptureTime) -> Self {
        let mut bytes = Vec::with_capacity(2048);
        bytes.extend(HEAD);
        bytes.extend(0_u16.to_le_bytes());
        bytes.extend(key.to_le_bytes());
        bytes.extend(newest.nanos().to_le_bytes());
        Self { bytes, channels: 0 }
    }

    /// Adds samples of the channel at `place`.
    pub(super) fn add(&mut self, place: usize, first: u32, rate_hz: f32, samples: &[u8]) {
        let mut first = first;
        for samples in samples.chunks(SAMPLES_MAX) {
            let count = u16::try_from(samples.len()).unwrap_or(u16::MAX);
            self.bytes.extend([u8::try_from(place + 1).unwrap_or(u8::MAX), 0]);
            self.bytes.extend(count.to_le_bytes());
            self.bytes.extend(first.to_le_bytes());
            self.bytes.extend(rate_hz.to_le_bytes());
            self.bytes.extend(samples);
            first = first.wrapping_add(u32::from(count));
            self.channels += 1;
        }
    }

    /// The message; none where it has no samples.
    pub(super) fn finish(mut self) -> Option<Arc<[u8]>> {
        if let Some(place) = self.bytes.get_mut(2..4) {
            place.copy_from_slice(&self.channels.to_le_bytes());
        }
        (self.channels > 0).then(|| self.bytes.into())
    }
}
