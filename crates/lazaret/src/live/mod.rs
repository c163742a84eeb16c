//! Vital signs as they arrive, for whoever looks at them: from the pipeline's thread to the clients of the console.
//!
//! ```text
//! pipeline ──Tap──► Hub: the last minutes of each bed ──► a page that opens
//!                    └── broadcast, bounded ──► each client; one that is too slow skips, and is told how much
//! ```
//! The pipeline never waits for a client. Nothing here judges: verdicts are those of the checks, words those of the
//! device. No patient is named here, and none can be: the pipeline's facts hold none.
//!
//! # Samples on the wire (`lazaret.live/1`, binary messages, little-endian)
//! ```text
//! 0 version 1 | 1 kind 1 | 2 channels u16 | 4 bed key u32 | 8 capture time of the newest sample, ns since 1970, i64
//! then for each channel:
//! 0 channel u8 (1 2 3 ECG trace, 4 pleth, 5 respiration) | 1 zero | 2 samples u16 | 4 number of the first sample u32 |
//! 8 samples a second f32, 0 while not known | 12 the samples, unsigned 8-bit codes of unknown gain
//! ```
//! Numbers of samples count on from message to message and wrap; a jump is a gap. Text messages are JSON; see
//! `docs/spec/live-1.md`.

mod bed;
mod samples;
mod tap;

pub(crate) use bed::{BedDetail, BedNow};
pub(crate) use tap::Tap;

use bed::Bed;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// Most beds that are shown live. Our limit: some 70 KiB each. Further ones are counted in [`Hello::beds_unshown`].
pub(crate) const BEDS_MAX: usize = 1024;
/// Messages that wait for a slow client: some four seconds of 64 beds. Our limit; beyond it the client skips.
const WAITING_MAX: usize = 1024;

/// Something that was published.
#[derive(Clone, Debug)]
pub(crate) enum News {
    /// Samples of a bed, as they go over the wire.
    Samples { key: u32, bytes: Arc<[u8]> },
    /// What a bed shows now, as JSON.
    Bed { key: u32, json: Arc<str> },
    /// A bed that is not shown any more.
    Gone { key: u32 },
}

impl News {
    /// The bed it is of.
    pub(crate) const fn key(&self) -> u32 {
        match self {
            Self::Samples { key, .. } | Self::Bed { key, .. } | Self::Gone { key } => *key,
        }
    }
}

/// Where the data comes from, for people to read.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Origin {
    /// `interface`, `replay` or `demo`.
    pub(crate) kind: &'static str,
    /// Name of the interface or file.
    pub(crate) name: String,
    /// Seconds of data a second: 1 but where a recording is played faster.
    pub(crate) speed: f64,
}

/// The first message to a client.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Hello {
    kind: &'static str,
    schema: &'static str,
    /// None where nothing is watched by this process.
    origin: Option<Origin>,
    /// Every bed, in order of its number.
    beds: Vec<BedNow>,
    /// Beds that are not shown because there are too many.
    beds_unshown: u64,
}

/// The last minutes of every bed, and the news of them.
#[derive(Debug)]
pub(crate) struct Hub {
    state: Mutex<State>,
    news: broadcast::Sender<News>,
}

#[derive(Debug, Default)]
struct State {
    origin: Option<Origin>,
    beds: BTreeMap<u32, Bed>,
    unshown: u64,
}

impl Default for Hub {
    fn default() -> Self {
        Self { state: Mutex::default(), news: broadcast::Sender::new(WAITING_MAX) }
    }
}

impl Hub {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says where the data comes from.
    pub(crate) fn begin(&self, origin: Origin) {
        self.state().origin = Some(origin);
    }

    /// Everything known of now, and what comes from now on: nothing between the two is missed.
    pub(crate) fn join(&self) -> (Hello, Vec<News>, broadcast::Receiver<News>) {
        let state = self.state();
        let receiver = self.news.subscribe();
        let beds = state.beds.iter().map(|(key, bed)| bed.now(*key)).collect();
        let hello = Hello {
            kind: "hello",
            schema: "lazaret.live/1",
            origin: state.origin.clone(),
            beds,
            beds_unshown: state.unshown,
        };
        let past = state.beds.iter().filter_map(|(key, bed)| bed.past(*key)).collect();
        (hello, past, receiver)
    }

    /// A bed in full.
    pub(crate) fn bed(&self, key: u32) -> Option<BedDetail> {
        self.state().beds.get(&key).map(|bed| bed.detail(key))
    }
}

#[cfg(test)]
mod tests;
