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
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use store::{Edge, Place, Surveying as _};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Zones and peers told. Our limits: those with fewest devices, and that carry least, are left out and counted.
const ZONES_MAX: usize = 40;
const PEERS_MAX: usize = 60;
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

    fn add(&mut self, edge: &Edge) {
        self.assets.insert(edge.asset.0);
        self.flows = self.flows.saturating_add(edge.flows);
        self.bytes_out = self.bytes_out.saturating_add(edge.bytes_out);
        self.bytes_in = self.bytes_in.saturating_add(edge.bytes_in);
        self.first = self.first.min(edge.first);
        self.last = self.last.max(edge.last);
    }
}

/// A peer while its links are summed up: where, what it is called, its addresses, its bytes.
struct Peer {
    location: String,
    name: String,
    addresses: BTreeSet<String>,
    bytes: i64,
}

fn map(edges: &[Edge], places: &[Place], heard: Option<(i64, i64)>) -> Map {
    let mut zones: BTreeMap<String, ZoneRow> = BTreeMap::new();
    let mut zone_of: BTreeMap<u64, String> = BTreeMap::new();
    for place in places {
        let name = network(&place.ip);
        let zone = zones.entry(name.clone()).or_default();
        zone.assets += 1;
        zone.medical += u64::from(place.medical);
        zone.open_findings += place.open_findings;
        zone_of.insert(place.asset.0, name);
    }
    let mut peers: BTreeMap<String, Peer> = BTreeMap::new();
    let mut sums: BTreeMap<(String, String), Sum> = BTreeMap::new();
    for edge in edges {
        let Some(zone) = zone_of.get(&edge.asset.0) else { continue };
        let name = if edge.location == OFFSITE { shown(&edge.ip) } else { network(&edge.ip) };
        let id = format!("{} {name}", shown(&edge.location));
        let peer = peers.entry(id.clone()).or_insert_with(|| Peer {
            location: shown(&edge.location),
            name,
            addresses: BTreeSet::new(),
            bytes: 0,
        });
        peer.addresses.insert(edge.ip.clone());
        peer.bytes = peer.bytes.saturating_add(edge.bytes_out).saturating_add(edge.bytes_in);
        sums.entry((zone.clone(), id)).or_insert_with(Sum::new).add(edge);
    }
    // A zone whose devices were not heard talking in that time has nothing to show on a map.
    zones.retain(|name, _| sums.keys().any(|(zone, _)| zone == name));
    let mut zones: Vec<ZoneRow> =
        zones.into_iter().map(|(id, zone)| ZoneRow { name: id.clone(), id, ..zone }).collect();
    zones.sort_by(|one, other| other.assets.cmp(&one.assets).then_with(|| one.id.cmp(&other.id)));
    // Those outside the site first: they are what is left out last.
    let mut peers: Vec<(String, Peer)> = peers.into_iter().collect();
    peers.sort_by_key(|(_, peer)| (peer.location != OFFSITE, std::cmp::Reverse(peer.bytes)));
    let left_out = zones.len().saturating_sub(ZONES_MAX) + peers.len().saturating_sub(PEERS_MAX);
    zones.truncate(ZONES_MAX);
    peers.truncate(PEERS_MAX);
    let links = sums
        .into_iter()
        .filter(|((zone, peer), _)| {
            zones.iter().any(|row| row.id == *zone) && peers.iter().any(|(id, _)| id == peer)
        })
        .map(|((zone, peer), sum)| link(zone, peer, &sum))
        .collect();
    let peers = peers.into_iter().map(|(id, peer)| PeerGroup {
        id,
        name: peer.name,
        r#where: peer.location,
        addresses: peer.addresses.len(),
    });
    let (first, last) =
        heard.map_or((None, None), |(first, last)| (Some(rfc3339(first)), Some(rfc3339(last))));
    Map { zones, peers: peers.collect(), links, first, last, left_out }
}

fn link(zone: String, peer: String, sum: &Sum) -> LinkRow {
    LinkRow {
        zone,
        peer,
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
        Ok(map(&store.edges(since, until)?, &store.places(now)?, store.heard()?))
    };
    Ok(Json(read(&app, ask).await?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::AssetId;

    fn edge(asset: u64, ip: &str, location: &str, bytes_out: i64) -> Edge {
        let (ip, location) = (ip.to_owned(), location.to_owned());
        Edge { asset: AssetId(asset), ip, location, flows: 1, bytes_out, bytes_in: 0, first: 1, last: 2 }
    }

    fn place(asset: u64, ip: &str) -> Place {
        Place { asset: AssetId(asset), ip: ip.to_owned(), medical: true, open_findings: 1 }
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
        let mut edges: Vec<Edge> =
            (0..100).map(|net| edge(1, &format!("10.2.{net}.1"), "onsite", 1_000)).collect();
        edges.push(edge(1, "203.0.113.7", "offsite", 1));
        let map = map(&edges, &places, None);
        assert_eq!((map.peers.len(), map.left_out), (PEERS_MAX, 41));
        assert!(map.links.iter().any(|link| link.peer == "offsite 203.0.113.7"));
    }
}
