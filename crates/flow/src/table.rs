//! The flow table: who talks to whom, least recently active first out.
//!
//! # Limits
//! [`FLOWS_MAX`] flows per shard. At the limit the flow of the same class that was silent longest is ended as
//! evicted; what was already found out about it stands.

use hashbrown::HashTable;
use model::{CaptureTime, Endpoint, FastState, FlowStart, Mac, Side, Slab, Transport};
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;

use crate::reader::Reader;
use crate::stream::Stream;

/// Flows per shard. Our limit, 262,144 in all with [`crate::SHARDS`] shards: with a parser for each, a million open
/// connections then stay well under 512 MB (`cargo xtask bench` measures it). Counted in
/// `coverage.flows_evicted`.
pub const FLOWS_MAX: usize = 16_384;
/// Silence after which an open connection is over, in capture time. A bedside monitor sends every second; an
/// administrator's terminal may rest.
pub const IDLE_TIMEOUT_NS: i64 = 3_600_000_000_000;
/// Silence after which everything else is over: datagram flows, attempts, closed connections.
pub const SHORT_TIMEOUT_NS: i64 = 120_000_000_000;

/// How exact the order of activity is, in capture time: far below the timeouts.
pub const LINK_EVERY_NS: u64 = 1_000_000_000;

/// What a frame's flow is found by. Both directions have the same hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    source: Endpoint,
    destination: Endpoint,
    protocol: u8,
    /// Who sends, where the address does not tell; see [`Key::of_station`].
    station: Option<Mac>,
    hash: u64,
}

impl Key {
    /// `pair` is the hash of the two addresses.
    #[inline]
    pub(crate) fn new(source: Endpoint, destination: Endpoint, protocol: u8, pair: u64) -> Self {
        let (low, high) = (source.port.min(destination.port), source.port.max(destination.port));
        let ports = u64::from(low) << 32 | u64::from(high) << 16 | u64::from(protocol);
        let mut hasher = FastState.build_hasher();
        hasher.write_u64(pair);
        hasher.write_u64(ports);
        Self { source, destination, protocol, station: None, hash: hasher.finish() }
    }

    /// For senders without an address: all stations that ask for one send from 0.0.0.0 to broadcast, and only
    /// their link addresses tell them apart.
    pub(crate) fn of_station(self, station: Option<Mac>) -> Self {
        let mut hasher = FastState.build_hasher();
        hasher.write_u64(self.hash);
        hasher.write(&station.unwrap_or_default().0);
        Self { station, hash: hasher.finish(), ..self }
    }
}

/// How long a flow may be silent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Class {
    /// Connections that were answered.
    Open,
    /// Everything else.
    Short,
}

/// What one side of a flow did.
#[derive(Debug, Default)]
pub(crate) struct SideState {
    pub(crate) stream: Stream,
    pub(crate) frames: u64,
    pub(crate) payload_bytes: u64,
    pub(crate) gap_bytes: u64,
}

/// One flow. Its size is that of four cache lines, so that no frame touches a fifth and a chunk of the table fills a size
/// class of the allocator.
pub(crate) struct Flow {
    hash: u64,
    pub(crate) start: FlowStart,
    protocol: u8,
    station: Option<Mac>,
    pub(crate) sides: [SideState; 2],
    /// Only once there is payload.
    pub(crate) reader: Option<Box<Reader>>,
    pub(crate) first: CaptureTime,
    pub(crate) last: CaptureTime,
    pub(crate) answered: bool,
    pub(crate) refused: bool,
    pub(crate) closed: bool,
    class: Class,
    /// When it became the newest of its class.
    linked: CaptureTime,
    newer: u32,
    older: u32,
}

const _: () = assert!(size_of::<Flow>() == 256);

const NONE: u32 = u32::MAX;

impl Flow {
    pub(crate) fn new(key: Key, start: FlowStart, time: CaptureTime) -> Self {
        let Key { protocol, station, hash, .. } = key;
        Self {
            hash,
            start,
            protocol,
            station,
            sides: Default::default(),
            reader: None,
            first: time,
            last: time,
            answered: false,
            refused: false,
            closed: false,
            class: Class::Short,
            linked: time,
            newer: NONE,
            older: NONE,
        }
    }

    #[inline]
    fn is(&self, key: &Key) -> bool {
        let ends = (self.start.client, self.start.server);
        self.hash == key.hash
            && self.protocol == key.protocol
            && (ends == (key.source, key.destination) || ends == (key.destination, key.source))
            && self.station == key.station
    }

    /// The side that sends from this endpoint.
    pub(crate) fn side_of(&self, ip: IpAddr, port: u16) -> Side {
        if self.start.client.ip == ip && self.start.client.port == port { Side::Client } else { Side::Server }
    }

    pub(crate) const fn side(&mut self, side: Side) -> &mut SideState {
        let [client, server] = &mut self.sides;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    pub(crate) const fn counts_as_flow(&self) -> bool {
        matches!(self.start.transport, Transport::Tcp | Transport::Udp)
    }
}

#[derive(Clone, Copy, Debug)]
struct List {
    newest: u32,
    oldest: u32,
}

/// The flows of one shard.
pub(crate) struct Table {
    index: HashTable<u32>,
    flows: Slab<Flow>,
    /// Slots in use or free: the next new one.
    slots: u32,
    free: Vec<u32>,
    open: List,
    short: List,
}

impl Table {
    pub(crate) const fn new() -> Self {
        let empty = List { newest: NONE, oldest: NONE };
        Self {
            index: HashTable::new(),
            flows: Slab::new(),
            slots: 0,
            free: Vec::new(),
            open: empty,
            short: empty,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    #[inline]
    pub(crate) fn find(&self, key: &Key) -> Option<u32> {
        let flows = &self.flows;
        self.index.find(key.hash, |slot| flows.at(*slot).is_some_and(|flow| flow.is(key))).copied()
    }

    #[inline]
    pub(crate) fn flow(&mut self, slot: u32) -> Option<&mut Flow> {
        self.flows.at_mut(slot)
    }

    pub(crate) fn insert(&mut self, flow: Flow) -> u32 {
        let hash = flow.hash;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        });
        self.flows.put(slot, flow);
        let flows = &self.flows;
        self.index.insert_unique(hash, slot, |slot| flows.at(*slot).map_or(0, |flow| flow.hash));
        self.link(slot);
        slot
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        let Some(hash) = self.flow(slot).map(|flow| flow.hash) else { return };
        self.unlink(slot);
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        self.flows.clear(slot);
        self.free.push(slot);
    }

    /// The flow was active: it becomes the newest of its class. Within [`LINK_EVERY_NS`] of the last time it is left
    /// where it is, since moving it touches its neighbours, which on a big ward are not in the cache.
    #[inline]
    pub(crate) fn touch(&mut self, slot: u32, class: Class, now: CaptureTime) {
        let Some(flow) = self.flow(slot) else { return };
        let lately = now.nanos_since(flow.linked).unsigned_abs() < LINK_EVERY_NS;
        if flow.class == class && (lately || flow.newer == NONE) {
            return;
        }
        self.unlink(slot);
        if let Some(flow) = self.flow(slot) {
            flow.class = class;
            flow.linked = now;
        }
        self.link(slot);
    }

    /// The flow of `key`, or that it was silent for too long at `now`.
    pub(crate) fn alive(&self, key: &Key, now: CaptureTime) -> Result<Option<u32>, u32> {
        let Some(slot) = self.find(key) else { return Ok(None) };
        let silent = |flow: &Flow| {
            let timeout = if flow.class == Class::Open { IDLE_TIMEOUT_NS } else { SHORT_TIMEOUT_NS };
            now.nanos_since(flow.last) > timeout
        };
        if self.flows.at(slot).is_some_and(silent) { Err(slot) } else { Ok(Some(slot)) }
    }

    /// A flow that was silent for too long at `now`.
    pub(crate) fn idle(&self, now: CaptureTime) -> Option<u32> {
        let over = |list: List, timeout| {
            let flow = self.flows.at(list.oldest)?;
            (now.nanos_since(flow.last) > timeout).then_some(list.oldest)
        };
        over(self.short, SHORT_TIMEOUT_NS).or_else(|| over(self.open, IDLE_TIMEOUT_NS))
    }

    /// The clock was set by so many nanoseconds: no flow was silent for longer, or shorter, because of it.
    pub(crate) fn clock_set(&mut self, by: i64) {
        for slot in self.slots() {
            if let Some(flow) = self.flow(slot) {
                for time in [&mut flow.first, &mut flow.last, &mut flow.linked] {
                    *time = time.plus_nanos(by);
                }
            }
        }
    }

    /// The flow to give up when the table is full: attempts and datagrams before connections.
    pub(crate) const fn stalest(&self) -> Option<u32> {
        match (self.short.oldest, self.open.oldest) {
            (NONE, NONE) => None,
            (NONE, oldest) | (oldest, _) => Some(oldest),
        }
    }

    /// The slots in use, ascending.
    pub(crate) fn slots(&self) -> Vec<u32> {
        self.flows.slots().collect()
    }

    const fn list(&mut self, class: Class) -> &mut List {
        match class {
            Class::Open => &mut self.open,
            Class::Short => &mut self.short,
        }
    }

    fn link(&mut self, slot: u32) {
        let Some(class) = self.flow(slot).map(|flow| flow.class) else { return };
        let list = self.list(class);
        let second = std::mem::replace(&mut list.newest, slot);
        if list.oldest == NONE {
            list.oldest = slot;
        }
        if let Some(flow) = self.flow(slot) {
            (flow.newer, flow.older) = (NONE, second);
        }
        if let Some(flow) = self.flow(second) {
            flow.newer = slot;
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Some((class, newer, older)) = self.flow(slot).map(|flow| (flow.class, flow.newer, flow.older))
        else {
            return;
        };
        match self.flow(newer) {
            Some(flow) => flow.older = older,
            None => self.list(class).newest = older,
        }
        match self.flow(older) {
            Some(flow) => flow.newer = newer,
            None => self.list(class).oldest = newer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::VlanStack;

    fn flow(port: u16, time: i64) -> Flow {
        let client = Endpoint { ip: "192.0.2.1".parse().unwrap(), port };
        let server = Endpoint { ip: "192.0.2.2".parse().unwrap(), port: 80 };
        let start = FlowStart {
            transport: Transport::Tcp,
            client,
            server,
            client_mac: None,
            server_mac: None,
            vlans: VlanStack::default(),
            midstream: false,
        };
        let key = Key::new(server, client, 6, 9);
        Flow::new(key, start, CaptureTime::from_nanos(time))
    }

    #[test]
    fn both_directions_find_the_flow() {
        let mut table = Table::new();
        let slot = table.insert(flow(5000, 0));
        let end = |ip: &str, port| Endpoint { ip: ip.parse().unwrap(), port };
        let (a, b) = (end("192.0.2.1", 5000), end("192.0.2.2", 80));
        assert_eq!(table.find(&Key::new(a, b, 6, 9)), Some(slot));
        assert_eq!(table.find(&Key::new(b, a, 6, 9)), Some(slot));
        assert_eq!(table.find(&Key::new(b, a, 17, 9)), None);
        assert_eq!(table.find(&Key::new(b, a, 6, 9).of_station(Some(Mac([2; 6])))), None);
    }

    #[test]
    fn the_stalest_attempt_goes_before_any_connection() {
        let mut table = Table::new();
        let slots: Vec<u32> = (0..4).map(|port| table.insert(flow(port, i64::from(port)))).collect();
        table.touch(slots[0], Class::Open, CaptureTime::default());
        table.touch(slots[1], Class::Short, CaptureTime::from_nanos(2_000_000_000));
        assert_eq!(table.stalest(), Some(slots[2]));
        for slot in [slots[2], slots[3], slots[1]] {
            assert_eq!(table.stalest(), Some(slot));
            table.remove(slot);
        }
        assert_eq!(table.stalest(), Some(slots[0]));
        table.remove(slots[0]);
        assert_eq!((table.stalest(), table.len()), (None, 0));
    }

    #[test]
    fn silence_is_measured_by_class() {
        let mut table = Table::new();
        let open = table.insert(flow(1, 0));
        table.touch(open, Class::Open, CaptureTime::default());
        let short = table.insert(flow(2, 0));
        assert_eq!(table.idle(CaptureTime::from_nanos(SHORT_TIMEOUT_NS)), None);
        assert_eq!(table.idle(CaptureTime::from_nanos(SHORT_TIMEOUT_NS + 1)), Some(short));
        table.remove(short);
        assert_eq!(table.idle(CaptureTime::from_nanos(SHORT_TIMEOUT_NS + 1)), None);
        assert_eq!(table.idle(CaptureTime::from_nanos(IDLE_TIMEOUT_NS + 1)), Some(open));
    }
}
