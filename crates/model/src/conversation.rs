//! Flows and the conversations they add up to.

use crate::{CaptureTime, Endpoint, Evidence, Location, Mac, Sessions, Transport, VlanStack};

/// How a flow began, as far as the capture shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FlowStart {
    /// What carries it.
    pub transport: Transport,
    /// Who opened it.
    pub client: Endpoint,
    /// Who was addressed.
    pub server: Endpoint,
    /// Link address the client's frames came from, where the link has addresses.
    pub client_mac: Option<Mac>,
    /// Link address the client's frames went to, where the link has addresses.
    pub server_mac: Option<Mac>,
    /// VLAN tags of the first frame.
    pub vlans: VlanStack,
    /// The capture began in the middle of it, so client and server are a guess from the ports.
    pub midstream: bool,
}

/// Why a flow ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FlowEnd {
    /// Both sides closed, or one reset it.
    Closed,
    /// Nothing for longer than the idle timeout of its transport.
    Idle,
    /// A table was full.
    Evicted,
    /// The captures ended.
    CaptureEnded,
}

/// What one side of a flow sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SideTotals {
    /// Frames.
    pub frames: u64,
    /// Payload bytes above the transport header; retransmissions count once.
    pub payload_bytes: u64,
    /// Payload bytes that were not captured.
    pub gap_bytes: u64,
}

impl SideTotals {
    /// What was added since it was `before`.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            frames: self.frames.saturating_sub(before.frames),
            payload_bytes: self.payload_bytes.saturating_sub(before.payload_bytes),
            gap_bytes: self.gap_bytes.saturating_sub(before.gap_bytes),
        }
    }
}

/// Sums over a flow: when it ends, or so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FlowTotals {
    /// By side: client, server.
    pub sides: [SideTotals; 2],
    /// First frame.
    pub first: CaptureTime,
    /// Last frame.
    pub last: CaptureTime,
    /// Why it ended; none while it goes on.
    pub end: Option<FlowEnd>,
}

/// How regularly something begins: sums over the times between two beginnings, from which mean and deviation follow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Rhythm {
    latest: Option<CaptureTime>,
    gaps: u64,
    sum_ms: u64,
    squares: u128,
}

impl Rhythm {
    /// The clock was set by so many nanoseconds: the gap that is going on is what it was.
    pub fn clock_set(&mut self, by: i64) {
        self.latest = self.latest.map(|latest| latest.plus_nanos(by));
    }

    /// It begins once more. A beginning before the latest one, by a clock that went back, counts as at the same time.
    pub fn begin(&mut self, at: CaptureTime) {
        if let Some(latest) = self.latest {
            let gap = u64::try_from(at.since(latest).as_millis()).unwrap_or(u64::MAX);
            self.gaps += 1;
            self.sum_ms = self.sum_ms.saturating_add(gap);
            self.squares = self.squares.saturating_add(u128::from(gap) * u128::from(gap));
        }
        self.latest = self.latest.max(Some(at));
    }

    /// Adds the gaps of another one; the gap between the two is not known.
    pub fn add(&mut self, other: &Self) {
        self.latest = self.latest.max(other.latest);
        self.gaps += other.gaps;
        self.sum_ms = self.sum_ms.saturating_add(other.sum_ms);
        self.squares = self.squares.saturating_add(other.squares);
    }

    /// How many gaps there were.
    #[must_use]
    pub const fn gaps(&self) -> u64 {
        self.gaps
    }

    /// Mean and standard deviation of the gaps, in seconds; none without a gap.
    #[must_use]
    pub fn seconds(&self) -> Option<(f64, f64)> {
        if self.gaps == 0 {
            return None;
        }
        let count = self.gaps as f64;
        let mean = self.sum_ms as f64 / count;
        let variance = (self.squares as f64 / count - mean * mean).max(0.0);
        Some((mean / 1e3, variance.sqrt() / 1e3))
    }
}

/// Who opened a conversation, seen from an asset.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Direction {
    /// The asset.
    Out,
    /// The peer.
    In,
    /// Either has.
    Both,
}

/// Who an asset talks to, with what, since when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Conversation {
    /// The other endpoint. The port is the server's, whichever side that is.
    pub peer: Endpoint,
    /// What carries it.
    pub transport: Transport,
    /// Where the peer is.
    pub location: Location,
    /// Name of the protocol as found by content; absent where it was not recognised.
    pub protocol: Option<&'static str>,
    /// Who opened it.
    pub direction: Direction,
    /// Flows.
    pub flows: u64,
    /// Frames both ways.
    pub frames: u64,
    /// Payload bytes the asset sent.
    pub bytes_out: u64,
    /// Payload bytes the asset received.
    pub bytes_in: u64,
    /// First frame.
    pub first: CaptureTime,
    /// Last frame.
    pub last: CaptureTime,
    /// A frame that shows it.
    pub evidence: Evidence,
    /// How regularly its flows begin.
    pub rhythm: Rhythm,
    /// What the asset offered where it opened encrypted sessions; absent where it was not seen to.
    pub sessions: Option<Box<Sessions>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rhythm_knows_its_mean_and_how_far_it_strays() {
        let mut rhythm = Rhythm::default();
        assert_eq!(rhythm.seconds(), None);
        for second in [0, 60, 118, 180] {
            rhythm.begin(CaptureTime::from_nanos(second * 1_000_000_000));
        }
        let (mean, deviation) = rhythm.seconds().unwrap();
        assert_eq!((rhythm.gaps(), mean), (3, 60.0));
        assert!((deviation - 1.633).abs() < 0.001, "{deviation}");
        rhythm.begin(CaptureTime::from_nanos(0));
        assert_eq!(rhythm.gaps(), 4);
        rhythm.begin(CaptureTime::from_nanos(i64::MAX));
        assert!(rhythm.seconds().unwrap().0 > 1e6);
    }
}
