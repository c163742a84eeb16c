//! How often something was seen, since when, and in which frames.

use inventory::{Exchange, Span};
use model::{CaptureTime, Evidence, Finding, Observation};

/// How often something was seen, since when, and in which frames: the first ones and the last.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// First time.
    pub first: CaptureTime,
    /// Last time.
    pub last: CaptureTime,
    /// Frames.
    pub count: u64,
    first_frames: Vec<Evidence>,
    last_frame: Evidence,
}

/// One place is for the last frame.
const FIRST_FRAMES_MAX: usize = Finding::EVIDENCE_MAX - 1;

impl Tally {
    /// Seen again; a frame that shows it several times counts once.
    pub fn see(&mut self, observation: &Observation) {
        self.add(observation.time, observation.evidence);
    }

    fn add(&mut self, time: CaptureTime, evidence: Evidence) {
        if self.count == 0 {
            self.first = time;
            self.last = time;
        } else if evidence == self.last_frame {
            return;
        }
        self.count += 1;
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        self.last_frame = evidence;
        // A unit that began in an earlier frame is shown by that frame, perhaps for the second time.
        if self.first_frames.len() < FIRST_FRAMES_MAX && !self.first_frames.contains(&evidence) {
            self.first_frames.push(evidence);
        }
    }

    /// The flows of an exchange.
    #[must_use]
    pub fn of_exchange(exchange: &Exchange) -> Self {
        Self {
            first: exchange.first,
            last: exchange.last,
            count: exchange.flows,
            first_frames: vec![exchange.evidence],
            last_frame: exchange.evidence,
        }
    }

    /// What a station sent.
    #[must_use]
    pub fn of_span(span: &Span) -> Self {
        Self {
            first: span.first,
            last: span.last,
            count: span.count,
            first_frames: vec![span.first_evidence],
            last_frame: span.last_evidence,
        }
    }

    /// One frame at a time that is known.
    #[must_use]
    pub fn once(time: CaptureTime, evidence: Evidence) -> Self {
        let mut tally = Self::default();
        tally.add(time, evidence);
        tally
    }

    /// Once, at a time, without a frame that shows it.
    pub(crate) fn unshown(time: CaptureTime) -> Self {
        Self { first: time, last: time, count: 1, ..Self::default() }
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        if self.count == 0 {
            self.clone_from(other);
            return;
        }
        if other.count == 0 {
            return;
        }
        self.first = self.first.min(other.first);
        if other.last > self.last {
            self.last = other.last;
            self.last_frame = other.last_frame;
        }
        self.count += other.count;
        self.first_frames.extend_from_slice(&other.first_frames);
        self.first_frames.sort_unstable();
        self.first_frames.dedup();
        self.first_frames.truncate(FIRST_FRAMES_MAX);
    }

    /// From here on other frames show it, and count on.
    pub(crate) fn renew(&mut self) {
        self.first_frames.clear();
    }

    /// The frames: the first ones and the last, each once.
    #[must_use]
    pub fn into_evidence(self) -> Vec<Evidence> {
        let mut frames = self.first_frames;
        frames.sort_unstable();
        if self.count > 0 && !frames.contains(&self.last_frame) {
            frames.push(self.last_frame);
        }
        frames
    }
}
