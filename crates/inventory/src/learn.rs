//! Taking observations in.

use crate::advisory::{self, Vulnerability};
use crate::bed::{BedRow, Beds, ContextId};
use crate::exchange::{Before, EXCHANGES_PER_STATION_MAX, Exchange, ExchangeId, Exchanges};
use crate::flow::{Counted, Flows, LiveFlow, is_group};
use crate::neighbour::{Neighbours, Owner};
use crate::profile::{Clue, Profiles, Role};
use crate::session::Offers;
use crate::station::{Seen, Station, StationId, Stations, TRAITS_MAX};
use crate::vocabulary::Vocabulary;
use crate::{FormError, Site};
use model::{
    CaptureTime, Endpoint, Evidence, Fact, FlowId, FlowStart, FlowTotals, Identifier, LinkFact, Mac,
    Observation, Observed, Origin, Rhythm, Side, Transport, VlanStack, speaker,
};
use std::net::IpAddr;

/// What the bounds of the tables cost.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Dropped {
    /// Times that a station was not told apart.
    pub stations: u64,
    /// Flows that were not added to an exchange.
    pub exchanges: u64,
    /// Flows whose facts were lost.
    pub flows: u64,
    /// Claims of addresses that were not kept.
    pub owners: u64,
    /// Traits that were not kept.
    pub traits: u64,
    /// Units of vital signs that were not kept.
    pub beds: u64,
}

/// What was learnt.
#[derive(Debug)]
pub struct Inventory {
    pub(crate) profiles: Profiles,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) advisories: Vec<Vulnerability>,
    pub(crate) site: Site,
    pub(crate) stations: Stations,
    pub(crate) exchanges: Exchanges,
    pub(crate) neighbours: Neighbours,
    pub(crate) flows: Flows,
    pub(crate) counted: Counted,
    pub(crate) beds: Beds,
    pub(crate) offers: Offers,
    pub(crate) traits_dropped: u64,
}

/// A moment and the frame that shows it.
#[derive(Clone, Copy)]
pub(crate) struct At {
    pub(crate) time: CaptureTime,
    pub(crate) evidence: Evidence,
}

impl Inventory {
    /// Knows nothing yet.
    ///
    /// # Errors
    /// [`FormError`] where the built-in words or notices do not have their form.
    pub fn new(profiles: Profiles, site: Site) -> Result<Self, FormError> {
        Ok(Self {
            profiles,
            vocabulary: Vocabulary::built_in()?,
            advisories: advisory::built_in()?,
            site,
            stations: Stations::default(),
            exchanges: Exchanges::default(),
            neighbours: Neighbours::default(),
            flows: Flows::default(),
            counted: Counted::default(),
            beds: Beds::default(),
            offers: Offers::default(),
            traits_dropped: 0,
        })
    }

    /// The capturing side's clock was set by so many nanoseconds: what is known is told in the times of the new clock, so that how
    /// long ago it was, and how long it took, stays true.
    fn clock_set(&mut self, by: i64) {
        self.stations.clock_set(by);
        self.exchanges.clock_set(by);
        self.neighbours.clock_set(by);
        self.beds.clock_set(by);
    }

    /// Takes in one observation. They come in order.
    pub fn learn(&mut self, observation: &Observation) {
        let at = At { time: observation.time, evidence: observation.evidence };
        match (&observation.observed, observation.origin) {
            (Observed::Fact(fact), Origin::Flow(id, side)) => self.flow_fact(id, side, fact, at),
            // Nobody's: any of the flows may miss bytes of it.
            (Observed::Link(LinkFact::Lost(_)), _) => self.flows.lose(),
            (Observed::Link(LinkFact::ClockSet(by)), _) => self.clock_set(*by),
            (Observed::Link(fact), origin) => {
                if let Some((mac, ip, vlans)) = self.on_link(origin) {
                    self.link_fact(fact, mac, ip, vlans, at);
                }
            }
            (Observed::Message(message), Origin::Flow(id, side)) => {
                let station = self.flows.at(id).and_then(|flow| flow.station(side));
                self.message(station, message, at.evidence);
            }
            (Observed::Message(message), Origin::Link { mac, ip, .. }) => {
                let station = self.stations.find(Some(mac), ip);
                self.message(station, message, at.evidence);
            }
            // A fact without a flow speaks for the link station alone.
            (Observed::Fact(fact), Origin::Link { mac, ip, vlans }) => {
                let station = self.link_station(mac, ip, vlans, at);
                self.identity(station, None, fact, at.evidence);
            }
        }
    }

    /// Link address, network address and VLANs of who showed something; none where the link has no addresses.
    #[must_use]
    pub fn on_link(&self, origin: Origin) -> Option<(Mac, Option<IpAddr>, VlanStack)> {
        match origin {
            Origin::Link { mac, ip, vlans } => Some((mac, ip, vlans)),
            Origin::Flow(id, side) => {
                let row = self.stations.row(self.flows.at(id)?.station(side)?)?;
                Some((row.mac?, row.ip, row.vlans.first().copied().unwrap_or_default()))
            }
        }
    }

    fn vlans_of(&self, id: FlowId, side: Side) -> VlanStack {
        let station = self.flows.at(id).and_then(|flow| flow.station(side));
        let station = station.and_then(|id| self.stations.row(id));
        station.and_then(|station| station.vlans.first().copied()).unwrap_or_default()
    }

    /// The frequent facts come first and touch arrays alone.
    fn flow_fact(&mut self, id: FlowId, side: Side, fact: &Fact, at: At) {
        match fact {
            Fact::Measured(samples) => {
                let context = self.context(id, side);
                self.beds.measured(context, samples, at.time);
            }
            Fact::CycleEnded(passed) => {
                let context = self.context(id, side);
                self.beds.cycle(context, passed, at.time);
            }
            Fact::Waveform(waveform) => {
                let context = self.context(id, side);
                self.beds.waveform(context, waveform, at.time);
            }
            Fact::LimitsSet(limits) => {
                let context = self.context(id, side);
                self.beds.limits(context, limits, at.time, at.evidence);
            }
            Fact::Notice(notice) => {
                let context = self.context(id, side);
                self.beds.notice(context, notice, at.time, at.evidence);
            }
            Fact::SamplesPassed(passed) => {
                let context = self.context(id, side);
                self.beds.passed(context, passed, at.time);
            }
            Fact::Patient(patient) => {
                let context = self.context(id, side);
                self.beds.patient(context, patient);
            }
            Fact::FlowOpened(start) => self.flow_opened(id, start, at),
            Fact::Answered => self.answered(id, side, at),
            Fact::Speaks(protocol) => self.speaks(id, side, protocol, at),
            Fact::Lost(..) => {
                if let Some(flow) = self.flows.at_mut(id) {
                    flow.lost = true;
                }
            }
            Fact::FlowEnded(totals) => self.flow_ended(id, totals),
            Fact::FlowGoesOn(totals) => {
                self.count(id, totals);
                self.counted.set(id, totals.sides);
            }
            Fact::Leased(lease) => {
                let vlans = self.vlans_of(id, side);
                let server = self.flows.at(id).and_then(|flow| flow.station(side));
                self.leased(server, lease, vlans, at);
            }
            Fact::SessionOffered(offer) if side == Side::Client => {
                if let Some(exchange) = self.flows.at(id).and_then(LiveFlow::exchange) {
                    self.offers.add(exchange, offer);
                }
            }
            Fact::Identified(about, Identifier::Bed(bed)) => {
                let context = self.context(id, speaker(*about, side));
                self.beds.bed(context, *bed);
            }
            other => {
                let side = if let Fact::Identified(about, _) = other { speaker(*about, side) } else { side };
                let Some(flow) = self.flows.at(id) else { return };
                let (station, protocol) = (flow.station(side), flow.protocol);
                self.identity(station, protocol, other, at.evidence);
            }
        }
    }

    fn context(&mut self, id: FlowId, side: Side) -> ContextId {
        let Some(flow) = self.flows.at_mut(id) else { return ContextId::NONE };
        let [client, server] = &mut flow.contexts;
        let (context, station) = match side {
            Side::Client => (client, flow.client),
            Side::Server => (server, flow.server),
        };
        if *context == ContextId::NONE && station != StationId::NONE {
            *context = self.beds.open(station);
        }
        *context
    }

    fn flow_opened(&mut self, id: FlowId, start: &FlowStart, at: At) {
        let group = is_group(start.server.ip) || start.server_mac.is_some_and(Mac::is_group);
        let networks = &self.site.networks;
        let client = if is_group(start.client.ip) {
            StationId::NONE
        } else {
            self.stations.at(start.client_mac, Some(start.client.ip), Seen::Calling, networks)
        };
        // A broadcast goes to a link address that nobody has, so its receiver has none either.
        let server_mac = start.server_mac.filter(|mac| !mac.is_group());
        let server = self.stations.at(server_mac, Some(start.server.ip), Seen::Addressed, networks);
        if let Some(row) = self.stations.row_mut(client) {
            row.saw_vlans(start.vlans);
            row.in_flows = true;
            row.opened = true;
            row.sends(at.time, at.evidence);
            let ip = start.server.ip;
            if self.vocabulary.hardcoded(ip).is_some() && row.ip != Some(ip) {
                row.traits_mut().contacts.entry(ip).or_insert(at.evidence);
            }
        }
        if let Some(row) = self.stations.row_mut(server) {
            row.saw_vlans(start.vlans);
            row.in_flows = true;
        }
        let flow = LiveFlow {
            client,
            server,
            exchange: ExchangeId::NONE,
            contexts: [ContextId::NONE; 2],
            protocol: None,
            transport: start.transport,
            answered: [false; 2],
            lost: false,
            midstream: start.midstream,
            group,
            ended: false,
            port: start.server.port,
        };
        self.flows.open(id, flow);
        self.enter(id, start.client, at);
    }

    /// Adds a new flow to its exchange.
    fn enter(&mut self, id: FlowId, client: Endpoint, at: At) {
        let Some(flow) = self.flows.at(id).copied() else { return };
        let reply_like = flow.transport == Transport::Udp && client.port < 1024 && flow.port >= 1024;
        let exchange = self.exchange(&flow, None, 1, at);
        if let Some(row) = self.exchanges.row_mut(exchange) {
            row.flows += 1;
            row.rhythm.begin(at.time);
            row.last = row.last.max(at.time);
            row.reply_like |= reply_like;
        }
        if let Some(flow) = self.flows.at_mut(id) {
            flow.exchange = exchange;
        }
    }

    /// The exchange of `flow` speaking `protocol`, new where there is none yet; none over `times` the limits.
    fn exchange(
        &mut self,
        flow: &LiveFlow,
        protocol: Option<&'static str>,
        times: u32,
        at: At,
    ) -> ExchangeId {
        let key = (flow.client, flow.server, flow.port, flow.transport, protocol);
        if let Some(known) = self.exchanges.find(&key) {
            return known;
        }
        let limit = EXCHANGES_PER_STATION_MAX * times;
        let over = |id: StationId, count: fn(&Station) -> u32| {
            self.stations.row(id).is_none_or(|row| count(row) >= limit)
        };
        if over(flow.client, |row| row.servers) || over(flow.server, |row| row.clients) {
            self.exchanges.dropped += 1;
            return ExchangeId::NONE;
        }
        if self.exchanges.is_full(times as usize) {
            self.exchanges.dropped += 1;
            return ExchangeId::NONE;
        }
        if let Some(row) = self.stations.row_mut(flow.client) {
            row.servers += 1;
        }
        if let Some(row) = self.stations.row_mut(flow.server) {
            row.clients += 1;
        }
        self.exchanges.add(Exchange {
            client: flow.client,
            server: flow.server,
            port: flow.port,
            transport: flow.transport,
            protocol,
            group: flow.group,
            flows: 0,
            flows_ended: 0,
            frames: 0,
            frames_back: 0,
            bytes: [0; 2],
            first: at.time,
            last: at.time,
            evidence: at.evidence,
            rhythm: Rhythm::default(),
            answered: false,
            one_sided: false,
            reply_like: false,
            before: Before::default(),
        })
    }

    fn answered(&mut self, id: FlowId, side: Side, at: At) {
        let Some(flow) = self.flows.at_mut(id) else { return };
        if let Some(answered) = flow.answered.get_mut(side.index()) {
            *answered = true;
        }
        let flow = *flow;
        if side == Side::Server
            && let Some(row) = self.exchanges.row_mut(flow.exchange)
        {
            row.answered = true;
        }
        if let Some(station) = flow.station(side)
            && let Some(row) = self.stations.row_mut(station)
        {
            row.sends(at.time, at.evidence);
            row.answered |= side == Side::Server;
        }
        if let Some(protocol) = flow.protocol {
            self.plays(&flow, side, protocol, at.evidence);
        }
    }

    fn speaks(&mut self, id: FlowId, side: Side, protocol: &'static str, at: At) {
        let Some(flow) = self.flows.at_mut(id) else { return };
        if flow.protocol.is_some() {
            return;
        }
        flow.protocol = Some(protocol);
        let flow = *flow;
        self.plays(&flow, side, protocol, at.evidence);
        let other = side.other();
        if other == Side::Client || flow.answered(other) {
            self.plays(&flow, other, protocol, at.evidence);
        }
        self.rename(id, &flow, protocol, at);
    }

    /// Moves a flow whose protocol was found to the exchange of that protocol.
    fn rename(&mut self, id: FlowId, flow: &LiveFlow, protocol: &'static str, at: At) {
        let key = (flow.client, flow.server, flow.port, flow.transport, Some(protocol));
        let from = self.exchanges.row(flow.exchange).copied();
        if let Some(from) = from
            && from.protocol.is_none()
            && from.flows == 1
            && self.exchanges.find(&key).is_none()
        {
            self.exchanges.name(flow.exchange, protocol);
            return;
        }
        // The first flow of a nameless exchange to be named takes the others' place from here on.
        let to = self.exchange(flow, Some(protocol), 2, at);
        let share = self.counted.of(id);
        if let Some(row) = self.exchanges.row_mut(to) {
            row.flows += 1;
            row.rhythm.begin(at.time);
            row.last = row.last.max(at.time);
            row.answered |= flow.answered(Side::Server);
            row.gain(share);
        }
        if to != ExchangeId::NONE {
            if let Some(row) = self.exchanges.row_mut(flow.exchange) {
                row.lose(share);
                row.flows = row.flows.saturating_sub(1);
                row.before.flows = row.before.flows.min(row.flows);
            }
            if let Some(flow) = self.flows.at_mut(id) {
                flow.exchange = to;
            }
        }
    }

    /// One side of a flow speaks its protocol. Where the capture starts inside the flow, who opened it is a
    /// guess that nothing is built on.
    fn plays(&mut self, flow: &LiveFlow, side: Side, protocol: &'static str, evidence: Evidence) {
        let Some(station) = flow.station(side) else { return };
        if flow.midstream || flow.group && side == Side::Server {
            return;
        }
        let role = if side == Side::Client { Role::Client } else { Role::Server };
        let Some(row) = self.stations.row_mut(station) else { return };
        let traits = row.traits_mut();
        if traits.speaks.contains(&(protocol, role)) {
            return;
        }
        if traits.speaks.len() >= TRAITS_MAX {
            self.traits_dropped += 1;
            return;
        }
        traits.speaks.push((protocol, role));
        self.clue(station, &Clue::Speaks { protocol, role }, role.as_str(), evidence);
    }

    /// Counts in the exchange of a flow what of its sums is not counted yet.
    fn count(&mut self, id: FlowId, totals: &FlowTotals) {
        let Some(exchange) = self.flows.at(id).map(|flow| flow.exchange) else { return };
        let counted = self.counted.of(id).sides;
        if let Some(row) = self.exchanges.row_mut(exchange) {
            let [client, server] = totals.sides;
            let [client_before, server_before] = counted;
            row.count([client.since(client_before), server.since(server_before)]);
            row.first = row.first.min(totals.first);
            row.last = row.last.max(totals.last);
        }
    }

    fn flow_ended(&mut self, id: FlowId, totals: &FlowTotals) {
        let Some(flow) = self.flows.at(id).copied() else { return };
        for context in flow.contexts {
            self.beds.close(context);
        }
        let [client, server] = totals.sides;
        self.count(id, totals);
        self.counted.remove(id);
        if let Some(row) = self.exchanges.row_mut(flow.exchange) {
            row.flows_ended += 1;
            // That the client goes on tells that it was answered, in frames that were not captured.
            let unseen = server.frames == 0 && client.payload_bytes > 0;
            row.one_sided |= flow.transport == Transport::Tcp && unseen;
        }
        for (side, sent) in [(Side::Client, client), (Side::Server, server)] {
            if sent.frames > 0
                && let Some(station) = flow.station(side)
                && let Some(row) = self.stations.row_mut(station)
                && let Some(span) = &mut row.sent
            {
                span.last = span.last.max(totals.last);
            }
        }
        if let Some(flow) = self.flows.at_mut(id) {
            flow.contexts = [ContextId::NONE; 2];
            flow.ended = true;
        }
    }

    /// The minutes that [`crate::Survey::trends`] tells begin anew.
    pub fn turn(&mut self) {
        self.beds.turn();
    }

    pub(crate) fn drop_trait(&mut self) {
        self.traits_dropped += 1;
    }

    /// What the bounds of the tables cost so far.
    #[must_use]
    pub const fn dropped(&self) -> Dropped {
        Dropped {
            stations: self.stations.dropped,
            exchanges: self.exchanges.dropped,
            flows: self.flows.dropped,
            owners: self.neighbours.dropped,
            traits: self.traits_dropped,
            beds: self.beds.dropped,
        }
    }

    /// The live flow called `id`; it can be asked for until its slot is used again.
    #[must_use]
    pub fn flow(&self, id: FlowId) -> Option<&LiveFlow> {
        self.flows.at(id)
    }

    /// The row that the last value which `side` of the live flow `id` sent went to.
    #[must_use]
    pub fn bed_row(&self, id: FlowId, side: Side) -> Option<BedRow> {
        let contexts = self.flows.at(id)?.contexts;
        self.beds.row_of(*contexts.get(side.index())?)
    }

    /// The station with these addresses, where it is known.
    #[must_use]
    pub fn station_at(&self, mac: Mac, ip: Option<IpAddr>) -> Option<StationId> {
        self.stations.find(Some(mac), ip)
    }

    /// All stations; their [`StationId`] is their place.
    #[must_use]
    pub fn stations(&self) -> &[Station] {
        self.stations.all()
    }

    /// One station.
    #[must_use]
    pub fn station(&self, id: StationId) -> Option<&Station> {
        self.stations.row(id)
    }

    /// All exchanges; their [`ExchangeId`] is their place.
    #[must_use]
    pub fn exchanges(&self) -> &[Exchange] {
        self.exchanges.all()
    }

    /// Who claims `ip` on a link, in order of appearance.
    #[must_use]
    pub fn owners(&self, ip: IpAddr) -> &[Owner] {
        self.neighbours.owners(ip)
    }

    /// Every claimed address with its owners, in order of address.
    pub fn owned(&self) -> impl Iterator<Item = (IpAddr, &[Owner])> {
        self.neighbours.all()
    }

    /// What the site says of itself.
    #[must_use]
    pub const fn site(&self) -> &Site {
        &self.site
    }

    /// Words and numbers that experts know.
    #[must_use]
    pub const fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Device profiles.
    #[must_use]
    pub const fn profiles(&self) -> &Profiles {
        &self.profiles
    }
}
