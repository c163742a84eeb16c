//! `beacon`: a device contacts one offsite address again and again, in a rhythm.
//!
//! A contact is a connection or a flow of datagrams that the device opens. What the contacts carry decides with the
//! rhythm: a program that only reports for orders sends the same few bytes each time, or is not answered at all;
//! telemetry and updates carry what there is to say, so their sizes differ. Asking for the time or for names is regular
//! by nature. Where sizes differ, `offsite-egress` still tells the contact.
//!
//! # Limits
//! Datagrams from one port to one port are one flow, and so one contact, for as long as pauses are shorter than the
//! flow table's timeouts.

use super::egress::expected;
use super::{entry, renew};
use crate::draft::{Draft, Ground, Matter};
use crate::rhythm::{CONTACTS_MIN, Rhythm, rhythm};
use crate::tally::Tally;
use inventory::{Exchange, ExchangeId, Inventory, LiveFlow, Renewed, StationId, Survey};
use model::{Asset, AssetId, CaptureTime, FlowStart, FlowTotals, Observation, Side, SideTotals, Transport};
use rayon::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

/// Contacts with one peer that are looked at, the latest ones. Our limit; earlier ones only count.
const CONTACTS_KEPT_MAX: usize = 256;
/// Peers outside of one station. Our limit; the one that was not contacted for longest gives way, and where it had
/// been contacted repeatedly, [`crate::Judge::dropped`] counts it.
const PEERS_MAX: usize = 64;
/// Most bytes of a call that only reports, both ways.
const SMALL_BYTES_MAX: u64 = 16 * 1024;
/// Sizes are alike where half of them differ from the median by at most this part of it.
const ALIKE: f64 = 0.1;

type Key = (StationId, StationId, Transport, u16);
/// A peer's address, transport and port.
type Called = (IpAddr, Transport, u16);

#[derive(Debug, Default)]
pub(crate) struct Beacons(BTreeMap<Key, Contacts>);

#[derive(Clone, Debug, Default)]
struct Contacts {
    tally: Tally,
    times: VecDeque<CaptureTime>,
    sizes: VecDeque<u64>,
    exchange: Option<ExchangeId>,
}

impl Contacts {
    /// What the stations of one asset had, together.
    fn all(stations: &[&Self]) -> Self {
        let mut all = Self::default();
        for contacts in stations {
            all.tally.merge(&contacts.tally);
            all.times.extend(&contacts.times);
            all.sizes.extend(&contacts.sizes);
            all.exchange = all.exchange.or(contacts.exchange);
        }
        all
    }

    fn see(&mut self, time: CaptureTime) {
        if self.times.len() >= CONTACTS_KEPT_MAX {
            self.times.pop_front();
        }
        self.times.push_back(time);
    }
}

impl Beacons {
    /// A flow was opened.
    pub(crate) fn opened(
        &mut self,
        inventory: &Inventory,
        flow: &LiveFlow,
        start: &FlowStart,
        observation: &Observation,
        dropped: &mut u64,
    ) {
        if start.midstream || inventory.site().owns(start.server.ip) || inventory::is_group(start.server.ip) {
            return;
        }
        let Some(key) = key_of(flow) else { return };
        if !self.0.contains_key(&key) {
            self.make_room(key.0, dropped);
        }
        let Some(contacts) = entry(&mut self.0, key, dropped) else { return };
        contacts.tally.see(observation);
        contacts.see(observation.time);
        contacts.exchange = contacts.exchange.or(flow.exchange());
    }

    /// A flow is over.
    pub(crate) fn ended(&mut self, flow: &LiveFlow, totals: &FlowTotals) {
        let Some(contacts) = key_of(flow).and_then(|key| self.0.get_mut(&key)) else { return };
        // By now it has the name of what it speaks.
        contacts.exchange = flow.exchange().or(contacts.exchange);
        if contacts.sizes.len() >= CONTACTS_KEPT_MAX {
            contacts.sizes.pop_front();
        }
        let bytes = |side: &SideTotals| side.payload_bytes;
        contacts.sizes.push_back(totals.sides.iter().map(bytes).fold(0, u64::saturating_add));
    }

    /// The clock was set by so many nanoseconds: pauses between contacts stay what they were.
    pub(crate) fn clock_set(&mut self, by: i64) {
        for time in self.0.values_mut().flat_map(|contacts| &mut contacts.times) {
            *time = time.plus_nanos(by);
        }
    }

    fn make_room(&mut self, client: StationId, dropped: &mut u64) {
        let first = (client, StationId::FIRST, Transport::Tcp, 0);
        let own = self.0.range(first..).take_while(|(key, _)| key.0 == client);
        let (mut count, mut oldest) = (0, None);
        for (key, contacts) in own {
            count += 1;
            if oldest.is_none_or(|(_, last)| contacts.tally.last < last) {
                oldest = Some((*key, contacts.tally.last));
            }
        }
        if let Some((key, _)) = oldest.filter(|_| count >= PEERS_MAX)
            && let Some(gone) = self.0.remove(&key)
            && gone.times.len() >= CONTACTS_MIN / 2
        {
            *dropped += 1;
        }
    }

    pub(crate) fn renew(&mut self, renewed: &Renewed) {
        let key = |(client, server, transport, port)| {
            Some((renewed.station(client)?, renewed.station(server)?, transport, port))
        };
        renew(&mut self.0, renewed, key, |contacts| &mut contacts.tally);
        for contacts in self.0.values_mut() {
            contacts.exchange = contacts.exchange.and_then(|id| renewed.exchange(id));
        }
    }

    pub(crate) fn conclude<'a>(&self, ground: &Ground<'a>, draft: &mut Draft<'a>) {
        let survey = ground.survey;
        // One asset may contact a peer from several stations.
        let mut of_asset: BTreeMap<(AssetId, Called), (&Asset, Vec<&Contacts>)> = BTreeMap::new();
        for ((client, server, transport, port), contacts) in &self.0 {
            let Some(asset) = survey.asset_of(*client).filter(|asset| asset.is_medical()) else { continue };
            let Some(ip) = survey.inventory().station(*server).and_then(|row| row.ip) else { continue };
            let found = of_asset.entry((asset.id, (ip, *transport, *port)));
            found.or_insert_with(|| (asset, Vec::new())).1.push(contacts);
        }
        let of_asset: Vec<_> = of_asset.into_iter().collect();
        // Most of the work, and none of it is about another's.
        let rhythms: Vec<_> = of_asset.par_iter().map(|(_, (_, all))| rhythm(times(all))).collect();
        for (((_, called), (asset, all)), rhythm) in of_asset.into_iter().zip(rhythms) {
            if let Some(rhythm) = rhythm {
                Contacts::all(&all).tell(survey, asset, called, rhythm, draft);
            }
        }
    }
}

/// When somebody was contacted, in order.
fn times(all: &[&Contacts]) -> Vec<CaptureTime> {
    let mut times: Vec<_> = all.iter().flat_map(|contacts| contacts.times.iter().copied()).collect();
    times.sort_unstable();
    times
}

fn key_of(flow: &LiveFlow) -> Option<Key> {
    Some((flow.station(Side::Client)?, flow.station(Side::Server)?, flow.transport(), flow.port()))
}

impl Contacts {
    fn tell<'a>(
        &self,
        survey: &'a Survey<'a>,
        asset: &'a Asset,
        (ip, transport, port): Called,
        rhythm: Rhythm,
        draft: &mut Draft<'a>,
    ) {
        let inventory = survey.inventory();
        let Some(exchange) = self.exchange.and_then(|id| inventory.exchanges().get(id.index())) else {
            return;
        };
        let here = inventory.station(exchange.client).and_then(|row| row.ip);
        let service = inventory.vocabulary().regular_service(exchange.protocol, transport, port);
        let period = rhythm.period_seconds;
        let matter = Matter::new("beacon", asset, self.tally.clone())
            .peer(ip, port, transport, survey.location(exchange, Side::Client))
            .flag("medical", asset.is_medical())
            .flag("near", here.is_some_and(|here| Survey::near(here, ip)))
            .flag("answered", exchange.answered || exchange.one_sided)
            .flag("expected", expected(survey, asset, exchange))
            .flag("service", service.is_some())
            .case("sizes", self.sizes(exchange))
            .text("protocol", exchange.protocol.unwrap_or("an unknown protocol"))
            .text("period", spoken(period))
            .number("period_ms", (period * 1e3) as u64)
            .number("jitter_percent", (rhythm.jitter * 100.0).round() as u64)
            .number("contacts", rhythm.contacts as u64)
            .number("regular", rhythm.followed as u64 + 1);
        draft.add(matter);
    }

    /// What the contacts carried, both ways.
    fn sizes(&self, exchange: &Exchange) -> &'static str {
        let mut sizes: Vec<u64> = self.sizes.iter().copied().collect();
        sizes.sort_unstable();
        let middle = |sorted: &[u64]| sorted.get(sorted.len() / 2).copied().unwrap_or(0);
        let median = middle(&sizes);
        if sizes.is_empty() || median == 0 {
            return if exchange.answered && sizes.is_empty() { "unknown" } else { "none" };
        }
        let mut off: Vec<u64> = sizes.iter().map(|size| size.abs_diff(median)).collect();
        off.sort_unstable();
        let alike = middle(&off) as f64 <= ALIKE * median as f64;
        if alike && median <= SMALL_BYTES_MAX { "alike" } else { "varied" }
    }
}

/// A time as a person would say it.
fn spoken(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 90.0 => format!("{seconds:.1} s"),
        seconds if seconds < 5_400.0 => format!("{:.1} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3_600.0),
    }
}
