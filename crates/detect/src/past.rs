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
use inventory::{Exchange, Learning, Survey};
use model::{Asset, AssetId, CaptureTime, Direction, Endpoint, Finding, Side, Transport};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Least time that a device must have been seen before a moment that the site file names, in nanoseconds.
const LEARNT_NS_MIN: i64 = 3_600_000_000_000;

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
#[derive(Clone, Debug)]
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
                if self.past.blame(asset.id, ip) != Blame::Stands {
                    habit.add(survey, exchange_of(exchange, ip), side);
                }
            }
        }
    }

    fn of_the_past(&mut self) {
        for (id, habit) in &mut self.of_asset {
            for seen in self.past.0.get(id).map_or(&[][..], |asset| &asset.conversations) {
                // A conversation that a person cleared is known whenever it began.
                let counts = match self.past.blame(*id, seen.peer.ip) {
                    Blame::None => seen.first < habit.until,
                    Blame::Stands => false,
                    Blame::TakenBack => true,
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

impl Past {
    /// What became of findings about what `asset` had with `ip`; one that stands outweighs those taken back.
    pub(crate) fn blame(&self, asset: AssetId, ip: IpAddr) -> Blame {
        let seen = self.0.get(&asset).into_iter().flat_map(|asset| &asset.conversations);
        let mut worst = Blame::None;
        for one in seen.filter(|one| one.peer.ip == ip) {
            match one.blame {
                Blame::Stands => return Blame::Stands,
                Blame::TakenBack => worst = Blame::TakenBack,
                Blame::None => {}
            }
        }
        worst
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
    let stations = survey.stations_of(asset.id).iter();
    let here = stations.filter_map(|id| survey.inventory().station(*id)?.sent).map(|sent| sent.first).min();
    let before = past.0.get(&asset.id).map(|asset| asset.first);
    here.into_iter().chain(before).min()
}

fn learnt_until(learning: Learning, first: CaptureTime) -> Option<CaptureTime> {
    match learning {
        Learning::Off => None,
        Learning::Hours(hours) => Some(first.plus_nanos(i64::from(hours).saturating_mul(LEARNT_NS_MIN))),
        Learning::Until(until) => (until.nanos_since(first) >= LEARNT_NS_MIN).then_some(until),
    }
}
