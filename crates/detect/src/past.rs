//! A device's own past: what it did before its learning ended, and what is judged by it.
//!
//! ```text
//! first seen ──── learning ────┤ learnt until ──────────► judged: what begins here and was not there before
//!   (in the captures, or earlier in a store)
//! ```
//! Learning is per device and of capture time: so many hours from when the device was first seen, or up to one moment
//! that the site file names. A device that was seen for less has no past, and nothing is said of it.
//!
//! What somebody was blamed for is not learnt: a peer that a finding names stays strange however long the learning
//! lasts, until a person calls that finding a false positive.

use crate::detector::loss::Losses;
use crate::draft::Draft;
use crate::rule::Rules;
use inventory::{Exchange, ExchangeId, Learning, Renewed, StationId, Survey};
use model::{Asset, AssetId, CaptureTime, Direction, Endpoint, Finding, Side, Transport};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Least time that a device must have been seen before a moment that the site file names, in nanoseconds.
const LEARNT_NS_MIN: i64 = 3_600_000_000_000;

/// Assets whose past is kept when the inventory forgets them. Our limit, above that of the inventory's stations; counted in
/// [`crate::Judge::dropped`].
const ASSETS_MAX: usize = 1 << 16;
/// Conversations of one asset that are kept so. Our limit; counted in [`crate::Judge::dropped`].
const CONVERSATIONS_MAX: usize = 1 << 11;

/// What is known of assets from before the captures that are judged, as plain data: a store has it.
#[derive(Clone, Debug, Default)]
pub struct Past(pub BTreeMap<AssetId, PastAsset>);

/// What is known of one asset.
#[derive(Clone, Debug, Default)]
pub struct PastAsset {
    /// When it was first seen.
    pub first: CaptureTime,
    /// Whom it talked to.
    pub conversations: Vec<PastConversation>,
}

/// A conversation of the past.
#[derive(Clone, Copy, Debug)]
pub struct PastConversation {
    /// The other side; the port is the server's, whichever side that is.
    pub peer: Endpoint,
    /// What carried it.
    pub transport: Transport,
    /// Who opened it.
    pub direction: Direction,
    /// When it was first seen.
    pub first: CaptureTime,
    /// What became of findings about it.
    pub blame: Blame,
}

/// What became of findings about a conversation.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Blame {
    /// There were none.
    #[default]
    None,
    /// There is one that nobody took back.
    Stands,
    /// A person called it a false positive.
    TakenBack,
}

/// How long each asset was seen, and what was learnt of it.
pub(crate) struct Habits<'a> {
    survey: &'a Survey<'a>,
    past: &'a Past,
    of_asset: BTreeMap<AssetId, Habit>,
}

/// One asset's past.
#[derive(Debug, Default)]
pub(crate) struct Habit {
    /// What began after this is judged.
    pub(crate) until: CaptureTime,
    /// How long it was learnt, in hours.
    pub(crate) hours: u64,
    /// Frames were lost meanwhile: what is not there may have been.
    pub(crate) lossy: bool,
    peers: BTreeSet<IpAddr>,
    clients: BTreeSet<IpAddr>,
    services: BTreeSet<(Transport, u16)>,
    outside: usize,
    /// What became of findings about peers of the past.
    blame: BTreeMap<IpAddr, Blame>,
}

impl Habit {
    /// Whether it talked to `ip`, whoever began.
    pub(crate) fn knows(&self, ip: IpAddr) -> bool {
        self.peers.contains(&ip) || self.clients.contains(&ip)
    }

    /// Whether it offered this.
    pub(crate) fn offers(&self, transport: Transport, port: u16) -> bool {
        self.services.contains(&(transport, port))
    }

    /// How many called it.
    pub(crate) fn callers(&self) -> usize {
        self.clients.len()
    }

    /// How many it talked to.
    pub(crate) fn acquaintances(&self) -> usize {
        self.peers.union(&self.clients).count()
    }

    /// How many of those are not the site's.
    pub(crate) const fn outside(&self) -> usize {
        self.outside
    }
}

impl<'a> Habits<'a> {
    /// What is known of every asset whose learning is over at `now`.
    pub(crate) fn new(survey: &'a Survey<'a>, past: &'a Past, losses: &Losses, now: CaptureTime) -> Self {
        let learning = survey.inventory().site().learning;
        let mut of_asset = BTreeMap::new();
        for asset in survey.assets() {
            let Some(first) = first_seen(survey, past, asset) else { continue };
            let Some(until) = learnt_until(learning, first).filter(|until| *until <= now) else { continue };
            let hours = until.since(first).as_secs() / 3600;
            let lossy = losses.between(first, until);
            of_asset.insert(asset.id, Habit { until, hours, lossy, ..Habit::default() });
        }
        let mut habits = Self { survey, past, of_asset };
        habits.of_the_past();
        habits
    }

    /// Learns from the captures, but for what `draft` blames somebody for.
    pub(crate) fn learn(&mut self, draft: &Draft<'a>) {
        let survey = self.survey;
        let mut blamed: BTreeMap<AssetId, BTreeSet<IpAddr>> = BTreeMap::new();
        for asset in survey.assets().iter().filter(|asset| self.of_asset.contains_key(&asset.id)) {
            let peers = draft.about(asset).filter(|finding| draft.blames(finding)).filter_map(peer_of);
            blamed.insert(asset.id, peers.collect());
        }
        let inventory = survey.inventory();
        for exchange in inventory.exchanges().iter().filter(|exchange| exchange.flows > 0 && !exchange.group)
        {
            for side in [Side::Client, Side::Server] {
                let Some(asset) = survey.asset_of(exchange.station(side)) else { continue };
                let Some(habit) = self.of_asset.get_mut(&asset.id) else { continue };
                let peer = inventory.station(exchange.station(side.other()));
                let Some(ip) = peer.and_then(|row| row.ip) else { continue };
                if exchange.first >= habit.until
                    || blamed.get(&asset.id).is_some_and(|list| list.contains(&ip))
                {
                    continue;
                }
                if habit.blame.get(&ip) != Some(&Blame::Stands) {
                    habit.add(survey, exchange_of(exchange, ip), side);
                }
            }
        }
    }

    fn of_the_past(&mut self) {
        for (id, habit) in &mut self.of_asset {
            let conversations = self.past.0.get(id).map_or(&[][..], |asset| &asset.conversations);
            habit.blame = blame_of(conversations);
            for seen in conversations {
                // A conversation that a person cleared is known whenever it began.
                let counts = match habit.blame.get(&seen.peer.ip) {
                    None | Some(Blame::None) => seen.first < habit.until,
                    Some(Blame::Stands) => false,
                    Some(Blame::TakenBack) => true,
                };
                if counts {
                    let sides: &[Side] = match seen.direction {
                        Direction::Out => &[Side::Client],
                        Direction::In => &[Side::Server],
                        Direction::Both => &[Side::Client, Side::Server],
                    };
                    for side in sides {
                        habit.add(self.survey, (seen.peer, seen.transport), *side);
                    }
                }
            }
        }
    }

    /// What is known of `asset`; none where its learning is not over.
    pub(crate) fn of(&self, asset: &Asset) -> Option<&Habit> {
        self.of_asset.get(&asset.id)
    }
}

impl Habit {
    fn add(&mut self, survey: &Survey<'_>, (peer, transport): (Endpoint, Transport), side: Side) {
        let fresh = if side == Side::Client {
            self.peers.insert(peer.ip)
        } else {
            self.services.insert((transport, peer.port));
            self.clients.insert(peer.ip)
        };
        if fresh && side == Side::Client && !survey.inventory().site().owns(peer.ip) {
            self.outside += 1;
        }
    }
}

/// What became of findings about each peer; one that stands outweighs those taken back.
fn blame_of(conversations: &[PastConversation]) -> BTreeMap<IpAddr, Blame> {
    let mut worst: BTreeMap<IpAddr, Blame> = BTreeMap::new();
    for seen in conversations.iter().filter(|seen| seen.blame != Blame::None) {
        let known = worst.entry(seen.peer.ip).or_insert(seen.blame);
        if seen.blame == Blame::Stands {
            *known = Blame::Stands;
        }
    }
    worst
}

/// What is known of assets before a renewal, with where the inventory has it.
#[derive(Debug)]
pub(crate) struct Known {
    assets: Vec<(AssetId, CaptureTime, Vec<StationId>)>,
    conversations: Vec<(ExchangeId, AssetId, PastConversation)>,
}

impl Known {
    /// Everything; `findings` are those so far.
    pub(crate) fn of(survey: &Survey<'_>, findings: &[Finding], rules: &Rules) -> Self {
        let inventory = survey.inventory();
        let blamed: BTreeSet<(AssetId, IpAddr)> = findings
            .iter()
            .filter(|finding| rules.blames(finding.rule))
            .filter_map(|finding| Some((finding.asset, peer_of(finding)?)))
            .collect();
        let with_first = |asset: &Asset| {
            let first = first_here(survey, asset)?;
            Some((asset.id, first, survey.stations_of(asset.id).to_vec()))
        };
        let mut conversations = Vec::new();
        for (at, exchange) in inventory.exchanges().iter().enumerate() {
            if exchange.flows == 0 || exchange.group {
                continue;
            }
            for (side, direction) in [(Side::Client, Direction::Out), (Side::Server, Direction::In)] {
                let Some(asset) = survey.asset_of(exchange.station(side)) else { continue };
                let peer = inventory.station(exchange.station(side.other()));
                let Some(ip) = peer.and_then(|row| row.ip) else { continue };
                let (peer, transport) = exchange_of(exchange, ip);
                let stands = blamed.contains(&(asset.id, ip));
                let blame = if stands { Blame::Stands } else { Blame::None };
                let seen = PastConversation { peer, transport, direction, first: exchange.first, blame };
                conversations.push((ExchangeId::at(at), asset.id, seen));
            }
        }
        Self { assets: survey.assets().iter().filter_map(with_first).collect(), conversations }
    }
}

impl Past {
    /// Keeps what a renewal forgot of what was known.
    pub(crate) fn remember(&mut self, known: Known, renewed: &Renewed, dropped: &mut u64) {
        let gone = |stations: &[StationId]| stations.iter().any(|id| renewed.station(*id).is_none());
        for (id, first, _) in known.assets.iter().filter(|(_, _, stations)| gone(stations)) {
            if let Some(asset) = self.asset(*id, *first, dropped) {
                asset.first = asset.first.min(*first);
            }
        }
        for (exchange, id, seen) in known.conversations {
            if renewed.exchange(exchange).is_none()
                && let Some(asset) = self.asset(id, seen.first, dropped)
            {
                asset.keep(seen, dropped);
            }
        }
    }

    /// The clock was set by so many nanoseconds: what is known is told in its times.
    pub(crate) fn clock_set(&mut self, by: i64) {
        for asset in self.0.values_mut() {
            asset.first = asset.first.plus_nanos(by);
            for seen in &mut asset.conversations {
                seen.first = seen.first.plus_nanos(by);
            }
        }
    }

    fn asset(&mut self, id: AssetId, first: CaptureTime, dropped: &mut u64) -> Option<&mut PastAsset> {
        if self.0.len() >= ASSETS_MAX && !self.0.contains_key(&id) {
            *dropped += 1;
            return None;
        }
        Some(self.0.entry(id).or_insert_with(|| PastAsset { first, conversations: Vec::new() }))
    }
}

impl PastAsset {
    fn keep(&mut self, seen: PastConversation, dropped: &mut u64) {
        let alike = |known: &&mut PastConversation| {
            (known.peer, known.transport, known.direction) == (seen.peer, seen.transport, seen.direction)
        };
        if let Some(known) = self.conversations.iter_mut().find(alike) {
            known.first = known.first.min(seen.first);
            // What a person said of it holds.
            if known.blame == Blame::None {
                known.blame = seen.blame;
            }
        } else if self.conversations.len() < CONVERSATIONS_MAX {
            self.conversations.push(seen);
        } else {
            *dropped += 1;
        }
    }
}

const fn exchange_of(exchange: &Exchange, ip: IpAddr) -> (Endpoint, Transport) {
    (Endpoint { ip, port: exchange.port }, exchange.transport)
}

fn peer_of(finding: &Finding) -> Option<IpAddr> {
    finding.peer.map(|peer| peer.endpoint.ip)
}

/// When an asset was first heard, here or in the past.
fn first_seen(survey: &Survey<'_>, past: &Past, asset: &Asset) -> Option<CaptureTime> {
    let here = first_here(survey, asset);
    let before = past.0.get(&asset.id).map(|asset| asset.first);
    here.into_iter().chain(before).min()
}

/// When an asset was first heard, as far as the inventory knows.
fn first_here(survey: &Survey<'_>, asset: &Asset) -> Option<CaptureTime> {
    let stations = survey.stations_of(asset.id).iter();
    stations.filter_map(|id| survey.inventory().station(*id)?.sent).map(|sent| sent.first).min()
}

fn learnt_until(learning: Learning, first: CaptureTime) -> Option<CaptureTime> {
    match learning {
        Learning::Off => None,
        Learning::Hours(hours) => Some(first.plus_nanos(i64::from(hours).saturating_mul(LEARNT_NS_MIN))),
        Learning::Until(until) => (until.nanos_since(first) >= LEARNT_NS_MIN).then_some(until),
    }
}
