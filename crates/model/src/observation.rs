//! Observations: what was seen, who showed it, and the frame that proves it.

use crate::{CaptureTime, Fact, LinkFact, Mac, Message, VlanStack};
use std::net::IpAddr;

/// Pointer to the frame that shows something.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Evidence {
    /// Index of the capture in the report.
    pub capture: u32,
    /// Number of the frame within the capture, from 1.
    pub frame: u64,
}

/// Who of a flow's two endpoints sent something.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Side {
    /// Opened the flow, as far as the capture tells.
    Client,
    /// Was addressed.
    Server,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// 0 for the client, 1 for the server: for arrays indexed by side.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Server => 1,
        }
    }
}

/// Names a flow among those alive; slots are used again after [`Fact::FlowEnded`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FlowId {
    /// Shard of the flow table, below 256 and independent of the number of workers.
    pub shard: u8,
    /// Slot in the shard's table.
    pub slot: u32,
}

/// Who showed it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// One side of a flow, which an earlier [`Fact::FlowOpened`] described.
    Flow(FlowId, Side),
    /// A station on the link.
    Link {
        /// Source link address.
        mac: Mac,
        /// Network address the frame speaks for, if any.
        ip: Option<IpAddr>,
        /// VLAN tags of the frame.
        vlans: VlanStack,
    },
}

/// What an observation holds.
#[derive(Clone, Debug)]
pub enum Observed {
    /// What it means, without naming a protocol.
    Fact(Fact),
    /// What the link layer tells about stations.
    Link(LinkFact),
    /// The declared fields of one protocol unit; only those somebody asked for.
    Message(Box<Message>),
}

/// One thing seen on the wire.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Capture time of the frame.
    pub time: CaptureTime,
    /// Position in the merged order of all frames: the order in which observations are judged.
    pub order: u64,
    /// The frame.
    pub evidence: Evidence,
    /// Who showed it.
    pub origin: Origin,
    /// What was seen.
    pub observed: Observed,
}
