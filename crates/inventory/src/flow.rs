//! Live flows: a table by slot, so that what a flow belongs to is two array accesses away.

use crate::bed::ContextId;
use crate::exchange::ExchangeId;
use crate::station::StationId;
use model::{FastState, FlowId, Side, SideTotals, Slab, Transport};
use std::net::IpAddr;

/// Most slots of one shard. Our limit, above what the flow table can hold; facts of flows beyond it are lost,
/// which [`crate::Dropped::flows`] counts.
pub const SLOTS_PER_SHARD_MAX: u32 = 1 << 20;

/// What a live flow belongs to.
#[derive(Clone, Copy, Debug)]
pub struct LiveFlow {
    pub(crate) client: StationId,
    pub(crate) server: StationId,
    /// Its exchange; none over a limit.
    pub(crate) exchange: ExchangeId,
    pub(crate) contexts: [ContextId; 2],
    pub(crate) protocol: Option<&'static str>,
    pub(crate) transport: Transport,
    pub(crate) answered: [bool; 2],
    pub(crate) lost: bool,
    pub(crate) midstream: bool,
    pub(crate) group: bool,
    /// It ended, and its slot was not used again yet.
    pub(crate) ended: bool,
    pub(crate) port: u16,
}

impl LiveFlow {
    /// The station on `side`; none where there are too many.
    #[must_use]
    pub fn station(&self, side: Side) -> Option<StationId> {
        match side {
            Side::Client => self.client.known(),
            Side::Server => self.server.known(),
        }
    }

    /// The exchange it is part of; none where there are too many.
    #[must_use]
    pub fn exchange(&self) -> Option<ExchangeId> {
        (self.exchange != ExchangeId::NONE).then_some(self.exchange)
    }

    /// Whether `side` answered so far.
    #[must_use]
    pub const fn answered(&self, side: Side) -> bool {
        let [client, server] = self.answered;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    /// Whether bytes are missing from it.
    #[must_use]
    pub const fn lost(&self) -> bool {
        self.lost
    }

    /// What carries it.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        self.transport
    }

    /// Port of the server.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What it speaks, as far as found.
    #[must_use]
    pub const fn protocol(&self) -> Option<&'static str> {
        self.protocol
    }
}

/// Live flows by shard and slot.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    shards: Vec<Slab<LiveFlow>>,
    pub(crate) dropped: u64,
}

impl Flows {
    pub(crate) fn open(&mut self, id: FlowId, flow: LiveFlow) {
        let shard = usize::from(id.shard);
        if id.slot >= SLOTS_PER_SHARD_MAX {
            self.dropped += 1;
            return;
        }
        if self.shards.len() <= shard {
            self.shards.resize_with(shard + 1, Slab::new);
        }
        if let Some(slots) = self.shards.get_mut(shard) {
            slots.put(id.slot, flow);
        }
    }

    /// Frames were lost, nobody knows whose: bytes may be missing from every flow.
    pub(crate) fn lose(&mut self) {
        for slots in &mut self.shards {
            slots.all_mut().for_each(|flow| flow.lost = true);
        }
    }

    /// Takes the flows out that have ended.
    pub(crate) fn clear_ended(&mut self) {
        for slots in &mut self.shards {
            let ended: Vec<u32> =
                slots.slots().filter(|slot| slots.at(*slot).is_some_and(|flow| flow.ended)).collect();
            ended.into_iter().for_each(|slot| slots.clear(slot));
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &LiveFlow> {
        self.shards.iter().flat_map(|slots| slots.slots().filter_map(|slot| slots.at(slot)))
    }

    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut LiveFlow> {
        self.shards.iter_mut().flat_map(Slab::all_mut)
    }

    #[inline]
    pub(crate) fn at(&self, id: FlowId) -> Option<&LiveFlow> {
        self.shards.get(usize::from(id.shard))?.at(id.slot)
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, id: FlowId) -> Option<&mut LiveFlow> {
        self.shards.get_mut(usize::from(id.shard))?.at_mut(id.slot)
    }
}

/// What of flows that go on was counted in their exchanges already. Flows that end without having been told of before, which in a
/// scan are all, are not in it.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    #[expect(clippy::disallowed_types, reason = "looked up only, or treated all alike")]
    flows: std::collections::HashMap<FlowId, Share, FastState>,
}

/// The share that a flow has in the counts of its exchange.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Share {
    /// By side, in all.
    pub(crate) sides: [SideTotals; 2],
    /// Of that, what was counted before the last renewal.
    pub(crate) before: [SideTotals; 2],
}

impl Counted {
    pub(crate) fn of(&self, id: FlowId) -> Share {
        self.flows.get(&id).copied().unwrap_or_default()
    }

    /// So much of a flow that goes on is counted now.
    pub(crate) fn set(&mut self, id: FlowId, sides: [SideTotals; 2]) {
        self.flows.entry(id).or_default().sides = sides;
    }

    pub(crate) fn remove(&mut self, id: FlowId) -> Share {
        self.flows.remove(&id).unwrap_or_default()
    }

    /// From here on counts are those of a new stretch of time.
    pub(crate) fn renew(&mut self) {
        self.flows.values_mut().for_each(|share| share.before = share.sides);
    }
}

/// Addresses of everyone or of a group: no station has them.
#[must_use]
pub fn is_group(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_multicast(),
    }
}
