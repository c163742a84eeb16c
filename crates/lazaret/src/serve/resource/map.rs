//! `/api/v1/map`: who talks to whom in great strokes, by network; those outside the site one by one.

use super::super::app::{Shared, read};
use super::super::asked::{Asked, moment};
use super::super::caller::{May, Viewer};
use super::super::problem::Problem;
use crate::stored::{now, rfc3339, shown};
use axum::Json;
use axum::extract::State as At;
use model::Prefix;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use store::{Edge, Place, Surveying as _};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Zones and peers told. Our limits: those with fewest devices, and that carry least, are left out and counted.
const ZONES_MAX: usize = 40;
const PEERS_MAX: usize = 60;
/// Addresses of peers that are told apart. Our limit: edges with others are counted with what is left out.
const ADDRESSES_MAX: usize = 200_000;
/// Bits of the networks into which addresses are put together.
const V4_BITS: u8 = 24;
const V6_BITS: u8 = 64;
const OFFSITE: &str = "offsite";

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Query {
    /// Only conversations that reach beyond this moment (RFC 3339, capture time).
    #[param(format = DateTime)]
    since: Option<String>,
    /// Only conversations that began by this moment.
    #[param(format = DateTime)]
    until: Option<String>,
}

/// Who talks to whom.
#[derive(Debug, Serialize, ToSchema)]
struct Map {
    /// Networks with devices of the site, those with most devices first.
    zones: Vec<ZoneRow>,
    /// Networks they talk to, and addresses outside the site, those that carry most first.
    peers: Vec<PeerGroup>,
    links: Vec<LinkRow>,
    /// The time that stored conversations span.
    #[schema(format = DateTime)]
    first: Option<String>,
    #[schema(format = DateTime)]
    last: Option<String>,
    /// Zones and peers that are left out.
    left_out: usize,
}

/// A network with devices of the site.
#[derive(Debug, Default, Serialize, ToSchema)]
struct ZoneRow {
    id: String,
    name: String,
    assets: u64,
    medical: u64,
    /// Findings about them that are open and not suppressed.
    open_findings: i64,
}

/// Whom devices talk to: a network, or one address outside the site.
#[derive(Debug, Serialize, ToSchema)]
struct PeerGroup {
    id: String,
    name: String,
    /// `on-link`, `onsite`, `offsite`, `unanswered`, `unknown`.
    r#where: String,
    addresses: usize,
}

/// What goes between the two.
#[derive(Debug, Serialize, ToSchema)]
struct LinkRow {
    zone: String,
    peer: String,
    /// Devices of the zone that take part.
    assets: usize,
    flows: i64,
    bytes_out: i64,
    bytes_in: i64,
    #[schema(format = DateTime)]
    first: String,
    #[schema(format = DateTime)]
    last: String,
}

/// The network of an address; what is no address is left as it is.
fn network(ip: &str) -> String {
    let prefix = ip.parse::<IpAddr>().ok().and_then(|ip| {
        let bits = if ip.is_ipv4() { V4_BITS } else { V6_BITS };
        Prefix::new(ip, bits).ok()
    });
    prefix.map_or_else(|| shown(ip), |prefix| prefix.to_string())
}

/// What is summed up for a link.
struct Sum {
    assets: BTreeSet<u64>,
    flows: i64,
    bytes_out: i64,
    bytes_in: i64,
    first: i64,
    last: i64,
}

impl Sum {
    const fn new() -> Self {
        Self { assets: BTreeSet::new(), flows: 0, bytes_out: 0, bytes_in: 0, first: i64::MAX, last: i64::MIN }
    }

    fn add(&mut self, edge: Edge<'_>) {
        self.assets.insert(edge.asset.0);
        self.flows = self.flows.saturating_add(edge.flows);
        self.bytes_out = self.bytes_out.saturating_add(edge.bytes_out);
        self.bytes_in = self.bytes_in.saturating_add(edge.bytes_in);
        self.first = self.first.min(edge.first);
        self.last = self.last.max(edge.last);
    }
}

/// A peer while its links are summed up.
struct Peer {
    id: String,
    location: String,
    name: String,
    addresses: usize,
    bytes: i64,
}

/// Zones, peers and links by their number while edges are added: there may be a hundred thousand of those, and names are put
/// together once.
#[derive(Default)]
struct Drawn {
    zones: Vec<ZoneRow>,
    zone_by_name: BTreeMap<String, usize>,
    zone_of: BTreeMap<u64, usize>,
    peers: Vec<Peer>,
    peer_by_id: BTreeMap<String, usize>,
    /// By location, then address.
    peer_of: BTreeMap<String, BTreeMap<String, usize>>,
    /// Addresses beyond [`ADDRESSES_MAX`].
    unknown: usize,
    links: BTreeMap<(usize, usize), Sum>,
}

impl Drawn {
    fn place(&mut self, place: &Place) {
        let name = network(&place.ip);
        let at = *self.zone_by_name.entry(name.clone()).or_insert(self.zones.len());
        if at == self.zones.len() {
            self.zones.push(ZoneRow { id: name.clone(), name, ..ZoneRow::default() });
        }
        if let Some(zone) = self.zones.get_mut(at) {
            zone.assets += 1;
            zone.medical += u64::from(place.medical);
            zone.open_findings += place.open_findings;
        }
        self.zone_of.insert(place.asset.0, at);
    }

    fn edge(&mut self, edge: Edge<'_>) {
        let Some(zone) = self.zone_of.get(&edge.asset.0).copied() else { return };
        let known = self.peer_of.get(edge.location).and_then(|known| known.get(edge.ip)).copied();
        let Some(at) = known.or_else(|| self.peer(edge.location, edge.ip)) else { return };
        if let Some(peer) = self.peers.get_mut(at) {
            peer.bytes = peer.bytes.saturating_add(edge.bytes_out).saturating_add(edge.bytes_in);
        }
        self.links.entry((zone, at)).or_insert_with(Sum::new).add(edge);
    }

    /// Number of the peer of an address that is new; none where there are too many.
    fn peer(&mut self, location: &str, ip: &str) -> Option<usize> {
        let addresses: usize = self.peer_of.values().map(BTreeMap::len).sum();
        if addresses >= ADDRESSES_MAX {
            self.unknown += 1;
            return None;
        }
        let name = if location == OFFSITE { shown(ip) } else { network(ip) };
        let id = format!("{} {name}", shown(location));
        let at = *self.peer_by_id.entry(id.clone()).or_insert(self.peers.len());
        if at == self.peers.len() {
            self.peers.push(Peer { id, location: shown(location), name, addresses: 0, bytes: 0 });
        }
        self.peers.get_mut(at)?.addresses += 1;
        self.peer_of.entry(location.to_owned()).or_default().insert(ip.to_owned(), at);
        Some(at)
    }

    fn of(places: &[Place]) -> Self {
        let mut drawn = Self::default();
        places.iter().for_each(|place| drawn.place(place));
        drawn
    }

    fn finish(mut self, heard: Option<(i64, i64)>) -> Map {
        // A zone whose devices were not heard talking in that time has nothing to show on a map.
        let heard_of: BTreeSet<usize> = self.links.keys().map(|(zone, _)| *zone).collect();
        let mut zones: Vec<usize> = heard_of.into_iter().collect();
        zones.sort_by_key(|at| self.zones.get(*at).map(|zone| (Reverse(zone.assets), zone.id.clone())));
        // Those outside the site first: they are what is left out last.
        let mut peers: Vec<usize> = (0..self.peers.len()).collect();
        peers.sort_by_key(|at| {
            self.peers.get(*at).map(|peer| (peer.location != OFFSITE, Reverse(peer.bytes), &peer.id))
        });
        let left_out = zones.len().saturating_sub(ZONES_MAX) + peers.len().saturating_sub(PEERS_MAX) + self.unknown;
        zones.truncate(ZONES_MAX);
        peers.truncate(PEERS_MAX);
        let mut links = Vec::new();
        for ((zone, peer), sum) in &self.links {
            if zones.contains(zone)
                && peers.contains(peer)
                && let (Some(zone), Some(peer)) = (self.zones.get(*zone), self.peers.get(*peer))
            {
                links.push(link(&zone.id, &peer.id, sum));
            }
        }
        links.sort_by(|one, other| (&one.zone, &one.peer).cmp(&(&other.zone, &other.peer)));
        let zones = zones.iter().filter_map(|at| self.zones.get_mut(*at).map(std::mem::take)).collect();
        let group = |peer: &Peer| PeerGroup {
            id: peer.id.clone(),
            name: peer.name.clone(),
            r#where: peer.location.clone(),
            addresses: peer.addresses,
        };
        let peers = peers.iter().filter_map(|at| self.peers.get(*at).map(group)).collect();
        let (first, last) =
            heard.map_or((None, None), |(first, last)| (Some(rfc3339(first)), Some(rfc3339(last))));
        Map { zones, peers, links, first, last, left_out }
    }
}

fn link(zone: &str, peer: &str, sum: &Sum) -> LinkRow {
    LinkRow {
        zone: zone.to_owned(),
        peer: peer.to_owned(),
        assets: sum.assets.len(),
        flows: sum.flows,
        bytes_out: sum.bytes_out,
        bytes_in: sum.bytes_in,
        first: rfc3339(sum.first),
        last: rfc3339(sum.last),
    }
}

/// Who talks to whom in great strokes, over all captures or over some time.
#[utoipa::path(
    get, path = "/api/v1/map", operation_id = "showMap", tag = "conversations", params(Query),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "The map.", body = Map)),
)]
async fn show(_: May<Viewer>, At(app): At<Shared>, Asked(asked): Asked<Query>) -> Result<Json<Map>, Problem> {
    let at = |name, asked: Option<&str>| asked.map(|asked| moment(name, asked)).transpose();
    let (since, until) = (at("since", asked.since.as_deref())?, at("until", asked.until.as_deref())?);
    let now = now();
    let ask = move |store: &store::Reader| {
        let mut drawn = Drawn::of(&store.places(now)?);
        store.edges(since, until, &mut |edge| drawn.edge(edge))?;
        Ok(drawn.finish(store.heard()?))
    };
    Ok(Json(read(&app, ask).await?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::AssetId;

    fn edge<'a>(asset: u64, ip: &'a str, location: &'a str, bytes_out: i64) -> Edge<'a> {
        Edge { asset: AssetId(asset), ip, location, flows: 1, bytes_out, bytes_in: 0, first: 1, last: 2 }
    }

    fn place(asset: u64, ip: &str) -> Place {
        Place { asset: AssetId(asset), ip: ip.to_owned(), medical: true, open_findings: 1 }
    }

    fn map(edges: &[Edge<'_>], places: &[Place], heard: Option<(i64, i64)>) -> Map {
        let mut drawn = Drawn::of(places);
        edges.iter().for_each(|edge| drawn.edge(*edge));
        drawn.finish(heard)
    }

    #[test]
    fn devices_of_one_network_are_one_zone_and_those_outside_stand_alone() {
        let places = [place(1, "10.1.2.3"), place(2, "10.1.2.4"), place(3, "fd00::1"), place(4, "10.9.9.9")];
        let edges = [
            edge(1, "10.1.7.1", "onsite", 5),
            edge(2, "10.1.7.2", "onsite", 5),
            edge(2, "203.0.113.7", "offsite", 1),
            edge(3, "203.0.113.8", "offsite", 1),
        ];
        let map = map(&edges, &places, Some((1, 2)));
        let zones: Vec<_> = map.zones.iter().map(|zone| (zone.name.as_str(), zone.assets)).collect();
        assert_eq!(zones, [("10.1.2.0/24", 2), ("fd00::/64", 1)], "who was not heard is not on the map");
        let peers: Vec<_> = map.peers.iter().map(|peer| (peer.name.as_str(), peer.addresses)).collect();
        assert_eq!(peers, [("203.0.113.7", 1), ("203.0.113.8", 1), ("10.1.7.0/24", 2)]);
        let onsite = map.links.iter().find(|link| link.peer == "onsite 10.1.7.0/24").unwrap();
        assert_eq!((onsite.assets, onsite.flows, onsite.bytes_out), (2, 2, 10));
        assert_eq!(map.left_out, 0);
    }

    #[test]
    fn what_is_too_much_to_draw_is_counted_and_those_outside_stay() {
        let places = [place(1, "10.1.2.3")];
        let ips: Vec<String> = (0..100).map(|net| format!("10.2.{net}.1")).collect();
        let mut edges: Vec<_> = ips.iter().map(|ip| edge(1, ip, "onsite", 1_000)).collect();
        edges.push(edge(1, "203.0.113.7", "offsite", 1));
        let map = map(&edges, &places, None);
        assert_eq!((map.peers.len(), map.left_out), (PEERS_MAX, 41));
        assert!(map.links.iter().any(|link| link.peer == "offsite 203.0.113.7"));
    }
}
