//! Stations: one network address behind one link address.
//!
//! Whether a link address is a host's own or a router's is often known only later, so everything is learnt
//! per pair of addresses, and [`crate::Survey`] adds the pairs up to assets.

use crate::profile::{Role, SignId};
use model::{CaptureTime, Evidence, FastState, Identifier, Mac, Networks, Operation, Prefix, VlanStack};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Most stations in all. Our limit; more are not told apart, which [`crate::Dropped::stations`] counts.
pub const STATIONS_MAX: usize = 1 << 15;
/// Most stations with addresses outside the site that only ever called in, so that a flood with invented
/// senders cannot crowd out the site's own. Our limit; counted in [`crate::Dropped::stations`].
pub const CALLERS_MAX: usize = 1 << 12;
/// Most network addresses behind one link address. Our limit; counted in [`crate::Dropped::stations`].
pub const ADDRESSES_PER_MAC_MAX: u32 = 1 << 13;
/// Most different traits kept of one station. Our limit; later ones are not kept, which
/// [`crate::Dropped::traits`] counts.
pub const TRAITS_MAX: usize = 64;
/// Most VLAN stacks kept of one station. Our limit; later ones are not listed.
pub const VLANS_MAX: usize = 8;

/// Names a station within one [`crate::Inventory`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StationId(pub(crate) u32);

impl StationId {
    pub(crate) const NONE: Self = Self(u32::MAX);
    /// The least of all.
    pub const FIRST: Self = Self(0);

    /// The station at this place of [`crate::Inventory::stations`].
    #[must_use]
    pub fn at(place: usize) -> Self {
        Self(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// Its place in lists by station.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn known(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}

/// When and where something was first and last seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    /// First time.
    pub first: CaptureTime,
    /// Last time.
    pub last: CaptureTime,
    /// Frame of the first time.
    pub first_evidence: Evidence,
    /// Frame of the last time that told something.
    pub last_evidence: Evidence,
    /// Times.
    pub count: u64,
}

impl Span {
    /// Seen once.
    #[must_use]
    pub const fn once(time: CaptureTime, evidence: Evidence) -> Self {
        Self { first: time, last: time, first_evidence: evidence, last_evidence: evidence, count: 1 }
    }

    /// Seen again.
    pub fn again(&mut self, time: CaptureTime, evidence: Evidence) {
        self.count += 1;
        self.last = self.last.max(time);
        if time < self.first {
            self.first = time;
        }
        self.last_evidence = evidence;
    }

    /// The clock was set by so many nanoseconds.
    pub(crate) fn clock_set(&mut self, by: i64) {
        self.first = self.first.plus_nanos(by);
        self.last = self.last.plus_nanos(by);
    }

    /// Both.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        if other.first < self.first {
            self.first = other.first;
            self.first_evidence = other.first_evidence;
        }
        if other.last > self.last {
            self.last = other.last;
            self.last_evidence = other.last_evidence;
        }
    }
}

/// One network address behind one link address.
#[derive(Clone, Debug, Default)]
pub struct Station {
    /// Link address its frames came from or went to.
    pub mac: Option<Mac>,
    /// Its network address; none for a station heard on the link alone.
    pub ip: Option<IpAddr>,
    /// VLAN stacks it was seen in.
    pub vlans: Vec<VlanStack>,
    /// What it sent, as far as observations tell.
    pub sent: Option<Span>,
    /// Somebody opened a flow with it, or it did.
    pub in_flows: bool,
    /// It opened a flow.
    pub opened: bool,
    /// It answered a flow.
    pub answered: bool,
    /// It asked for others' addresses in its own name, which no router does for others.
    pub linked: bool,
    /// The subnet it was told with its address.
    pub subnet: Option<Prefix>,
    /// It is only remembered: nothing was heard of it since this renewal.
    pub(crate) asleep: Option<CaptureTime>,
    pub(crate) clients: u32,
    pub(crate) servers: u32,
    pub(crate) traits: Option<Box<Traits>>,
}

/// What is known of a station beyond its addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traits {
    pub(crate) identifiers: BTreeMap<Identifier, Evidence>,
    pub(crate) speaks: Vec<(&'static str, Role)>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) contacts: BTreeMap<IpAddr, Evidence>,
    pub(crate) signs: Vec<(SignId, String, Evidence)>,
    pub(crate) leases: Option<Evidence>,
}

impl Station {
    pub(crate) fn traits_mut(&mut self) -> &mut Traits {
        self.traits.get_or_insert_default()
    }

    pub(crate) fn saw_vlans(&mut self, vlans: VlanStack) {
        if self.vlans.len() < VLANS_MAX && !self.vlans.contains(&vlans) {
            self.vlans.push(vlans);
        }
    }

    pub(crate) fn sends(&mut self, time: CaptureTime, evidence: Evidence) {
        match &mut self.sent {
            Some(span) => span.again(time, evidence),
            None => self.sent = Some(Span::once(time, evidence)),
        }
    }
}

/// How a station came up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Seen {
    /// It sent something.
    Calling,
    /// It was addressed, or the link layer told of it.
    Addressed,
}

/// All stations.
#[derive(Debug, Default)]
pub(crate) struct Stations {
    rows: Vec<Station>,
    #[expect(clippy::disallowed_types, reason = "looked up only; its order never shows")]
    index: std::collections::HashMap<(Mac, Option<IpAddr>), u32, FastState>,
    #[expect(clippy::disallowed_types, reason = "looked up only; its order never shows")]
    addresses: std::collections::HashMap<Mac, u32, FastState>,
    callers: usize,
    pub(crate) dropped: u64,
}

impl Stations {
    /// The clock was set by so many nanoseconds.
    pub(crate) fn clock_set(&mut self, by: i64) {
        for row in &mut self.rows {
            if let Some(sent) = &mut row.sent {
                sent.clock_set(by);
            }
            row.asleep = row.asleep.map(|since| since.plus_nanos(by));
        }
    }

    /// The station with these addresses, new where it was not known; none over a limit.
    pub(crate) fn at(
        &mut self,
        mac: Option<Mac>,
        ip: Option<IpAddr>,
        seen: Seen,
        networks: &Networks,
    ) -> StationId {
        let mac = mac.filter(|mac| mac.is_host());
        let key = (mac.unwrap_or_default(), ip);
        if let Some(at) = self.index.get(&key) {
            if let Some(row) = self.rows.get_mut(*at as usize) {
                row.asleep = None;
            }
            return StationId(*at);
        }
        if key == (Mac::ZERO, None) {
            return StationId::NONE;
        }
        let caller = seen == Seen::Calling && ip.is_some_and(|ip| !networks.contain(ip));
        let behind = self.addresses.get(&key.0).copied().unwrap_or_default();
        let crowded = mac.is_some() && behind >= ADDRESSES_PER_MAC_MAX;
        if self.rows.len() >= STATIONS_MAX || crowded || (caller && self.callers >= CALLERS_MAX) {
            self.dropped += 1;
            return StationId::NONE;
        }
        self.addresses.insert(key.0, behind + 1);
        self.callers += usize::from(caller);
        let at = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        self.rows.push(Station { mac, ip, ..Station::default() });
        self.index.insert(key, at);
        StationId(at)
    }

    /// The station with these addresses, where it is known.
    pub(crate) fn find(&self, mac: Option<Mac>, ip: Option<IpAddr>) -> Option<StationId> {
        self.index.get(&(mac.unwrap_or_default(), ip)).map(|at| StationId(*at))
    }

    pub(crate) fn row(&self, id: StationId) -> Option<&Station> {
        self.rows.get(id.index())
    }

    pub(crate) fn row_mut(&mut self, id: StationId) -> Option<&mut Station> {
        self.rows.get_mut(id.index())
    }

    pub(crate) fn all(&self) -> &[Station] {
        &self.rows
    }

    /// Stations outside the site that only ever called in.
    pub(crate) const fn callers(&self) -> usize {
        self.callers
    }

    /// Every row; the table is empty then.
    pub(crate) fn take(&mut self) -> Vec<Station> {
        std::mem::take(self).rows
    }

    /// Puts a row back that [`Self::take`] gave.
    pub(crate) fn add(&mut self, row: Station, networks: &Networks) -> StationId {
        let at = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let mac = row.mac.unwrap_or_default();
        *self.addresses.entry(mac).or_default() += 1;
        self.callers += usize::from(row.opened && row.ip.is_some_and(|ip| !networks.contain(ip)));
        self.index.insert((mac, row.ip), at);
        self.rows.push(row);
        StationId(at)
    }
}
