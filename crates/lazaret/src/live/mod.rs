//! Vital signs as they arrive, for whoever looks at them: from the pipeline's thread to the clients of the console.
//!
//! ```text
//! pipeline ──Tap──► Hub: the last minutes of each bed ──► a page that opens
//!                    └── broadcast, bounded ──► each client; one that is too slow skips, and is told how much
//! ```
//! The pipeline never waits for a client. Nothing here judges: verdicts are those of the checks, words those of the
//! device. No patient is named here, and none can be: the pipeline's facts hold none, a keyed hash at most.
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
use model::AssetId;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;
use utoipa::ToSchema;

/// Most beds that are shown live. Our limit: some 70 KiB each. Further ones are counted in [`Hello::beds_unshown`].
pub(crate) const BEDS_MAX: usize = 1024;
/// Messages that wait for a slow client: some four seconds of 64 beds. Our limit; beyond it the client skips.
const WAITING_MAX: usize = 1024;

/// Where a bed is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Place {
    /// The monitor.
    pub(crate) asset: AssetId,
    /// The number that it gives, if any.
    pub(crate) bed: Option<u16>,
}

impl fmt::Display for Place {
    /// As links and the API name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b-{:016x}", self.asset.0)?;
        self.bed.map_or(Ok(()), |bed| write!(f, "-{bed}"))
    }
}

/// Something that was published.
#[derive(Clone, Debug)]
pub(crate) struct News {
    /// The bed, while this process lives.
    pub(crate) key: u32,
    /// The bed, once its monitor is known.
    pub(crate) place: Option<Place>,
    pub(crate) what: What,
}

/// What was published.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// Samples, as they go over the wire.
    Samples(Arc<[u8]>),
    /// What the bed shows now, as JSON.
    Bed(Arc<str>),
    /// It is not shown any more.
    Gone,
}

/// Where the data comes from, for people to read.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Origin {
    /// `replay`, `demo` or `sensor`.
    pub(crate) kind: &'static str,
    /// Name of the capture or interface, or the seed of the ward.
    pub(crate) name: String,
    /// Seconds of data a second: 1 but where a recording is played faster.
    pub(crate) speed: f64,
}

/// Everything that is shown just now: the first message of a stream.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Hello {
    kind: &'static str,
    schema: &'static str,
    /// None where nothing is watched by this process.
    origin: Option<Origin>,
    /// Every bed, in order of its number.
    pub(crate) beds: Vec<BedNow>,
    /// What was said of beds that are not shown because there are too many, in messages.
    beds_unshown: u64,
}

impl Hello {
    /// The same with some of the beds.
    pub(crate) fn only(mut self, wanted: impl Fn(Option<Place>) -> bool) -> Self {
        self.beds.retain(|bed| wanted(bed.place));
        self
    }
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

    fn tell(&self, news: News) {
        // Fails only where nobody looks.
        drop(self.news.send(news));
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

    /// A bed in full; of several patients of one place the last.
    pub(crate) fn bed(&self, place: Place) -> Option<BedDetail> {
        let state = self.state();
        let there = state.beds.iter().filter(|(_, bed)| bed.place() == Some(place));
        there.max_by_key(|(_, bed)| bed.last).map(|(key, bed)| bed.detail(*key))
    }
}

#[cfg(test)]
mod tests;
