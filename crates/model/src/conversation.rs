//! Flows and the conversations they add up to.

use crate::{CaptureTime, Endpoint, Evidence, Location, Mac, Transport, VlanStack};

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

/// Sums over a flow, told when it ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FlowTotals {
    /// By side: client, server.
    pub sides: [SideTotals; 2],
    /// First frame.
    pub first: CaptureTime,
    /// Last frame.
    pub last: CaptureTime,
    /// Why it ended.
    pub end: FlowEnd,
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
}
