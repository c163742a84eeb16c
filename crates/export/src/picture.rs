//! Who talks to whom: devices on the left, peers on the right grouped by where they are, lines between them
//! coloured by the worst finding.
//!
//! Peers of a group stand in the mean order of the devices that talk to them, which keeps lines from
//! crossing more than they must. Like the timeline, this makes places and words; the template draws.

use crate::printable::{printable, shortened};
use crate::summary::{assets_by_concern, kind};
use crate::timeline::rounded;
use model::{Asset, AssetId, Conversation, Direction, Location, Report, Severity};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Most devices drawn; the devices list has them all.
const DEVICES_MAX: usize = 28;
/// Most peers drawn; the devices list has them all.
const PEERS_MAX: usize = 32;
/// Width of the picture, in its own units.
const WIDTH: f64 = 1100.0;
/// Width of a box.
const BOX_WIDTH: f64 = 340.0;
/// Height of a box.
const BOX_HEIGHT: f64 = 40.0;
/// From one box to the next.
const STEP: f64 = 50.0;
/// Height of a group's heading.
const HEADING: f64 = 30.0;
/// Longest line of text in a box.
const BOX_CHARS_MAX: usize = 46;

/// Groups of peers from top to bottom: what worries most stands first.
const PLACES: [(Location, &str); 5] = [
    (Location::Offsite, "Outside the site"),
    (Location::Unanswered, "Never answered"),
    (Location::Onsite, "Inside the site, routed"),
    (Location::OnLink, "On the same segment"),
    (Location::Unknown, "Place not known"),
];

#[derive(Serialize)]
pub(crate) struct Picture {
    width: f64,
    height: f64,
    box_width: f64,
    box_height: f64,
    devices: Vec<Node>,
    peers: Vec<Node>,
    headings: Vec<Heading>,
    lines: Vec<Line>,
    /// Devices and peers that did not fit.
    left_out: usize,
}

#[derive(Clone, Serialize)]
struct Node {
    x: f64,
    y: f64,
    class: &'static str,
    title: String,
    below: String,
    href: Option<String>,
}

#[derive(Serialize)]
struct Heading {
    x: f64,
    y: f64,
    text: &'static str,
}

#[derive(Serialize)]
struct Line {
    path: String,
    class: &'static str,
    title: String,
}

/// A peer is an address at a place.
type PeerKey = (usize, IpAddr);

#[derive(Default)]
struct Seen {
    protocols: BTreeSet<String>,
    worst: Option<Severity>,
    rows: Vec<usize>,
}

impl Picture {
    /// Nothing where nobody talked.
    pub(crate) fn of(report: &Report) -> Option<Self> {
        let owned: BTreeSet<IpAddr> =
            report.assets.iter().flat_map(|asset| asset.ips.iter().copied()).collect();
        let talking: Vec<_> = assets_by_concern(report)
            .into_iter()
            .filter(|(asset, _)| asset.conversations.iter().any(|c| is_drawn(c, &owned)))
            .collect();
        if talking.is_empty() {
            return None;
        }
        let drawn: Vec<_> = talking.iter().take(DEVICES_MAX).copied().collect();
        let worst = worst_by_pair(report);
        let peers = peers(&drawn, &worst, &owned);
        let mut picture = Self {
            width: WIDTH,
            height: 0.0,
            box_width: BOX_WIDTH,
            box_height: BOX_HEIGHT,
            devices: Vec::new(),
            peers: Vec::new(),
            headings: vec![Heading { x: 0.0, y: 20.0, text: "Devices" }],
            lines: Vec::new(),
            left_out: talking.len() - drawn.len() + peers.len().saturating_sub(PEERS_MAX),
        };
        let places = picture.place_peers(report, peers);
        picture.place_devices(&drawn, &places, &worst, &owned);
        Some(picture)
    }

    /// Puts the peers on the right; gives the middle of each.
    fn place_peers(&mut self, report: &Report, peers: BTreeMap<PeerKey, Seen>) -> BTreeMap<PeerKey, f64> {
        let mut order: Vec<_> = peers.into_iter().collect();
        // Within a place, by the mean row of those who talk to it; keys break ties.
        let mean = |seen: &Seen| seen.rows.iter().sum::<usize>() * 100 / seen.rows.len().max(1);
        order.sort_by_key(|((place, ip), seen)| (*place, mean(seen), *ip));
        // Where not all fit, those with findings stay.
        if order.len() > PEERS_MAX {
            let mut by_concern: Vec<_> =
                order.iter().map(|(key, seen)| (Reverse(seen.worst), *key)).collect();
            by_concern.sort();
            let kept: BTreeSet<_> = by_concern.into_iter().take(PEERS_MAX).map(|(_, key)| key).collect();
            order.retain(|(key, _)| kept.contains(key));
        }
        let x = WIDTH - BOX_WIDTH;
        let (mut y, mut at, mut group) = (0.0, BTreeMap::new(), None);
        for (key, seen) in order {
            if group != Some(key.0) {
                group = Some(key.0);
                let text = PLACES.get(key.0).map_or("", |(_, text)| *text);
                self.headings.push(Heading { x, y: y + 20.0, text });
                y += HEADING;
            }
            let owner = report.assets.iter().find(|asset| asset.ips.contains(&key.1));
            let name = owner.map_or_else(String::new, |asset| format!(" {}", kind(asset)));
            let protocols: Vec<_> = seen.protocols.into_iter().collect();
            self.peers.push(Node {
                x,
                y,
                class: seen.worst.map_or("calm", Severity::as_str),
                title: shortened(&format!("{}{name}", key.1), BOX_CHARS_MAX).into_owned(),
                below: shortened(&protocols.join(", "), BOX_CHARS_MAX).into_owned(),
                href: owner.map(|asset| asset.id.to_string()),
            });
            at.insert(key, y + BOX_HEIGHT / 2.0);
            y += STEP;
        }
        self.height = self.height.max(y);
        at
    }

    fn place_devices(
        &mut self,
        devices: &[(&Asset, Option<(Severity, u64)>)],
        peers: &BTreeMap<PeerKey, f64>,
        worst: &BTreeMap<(AssetId, IpAddr), Severity>,
        owned: &BTreeSet<IpAddr>,
    ) {
        let mut calm = Vec::new();
        let mut y = HEADING;
        for (asset, concern) in devices {
            self.devices.push(Node {
                x: 0.0,
                y,
                class: concern.map_or("calm", |(worst, _)| worst.as_str()),
                title: shortened(&kind(asset), BOX_CHARS_MAX).into_owned(),
                below: shortened(&addresses(asset), BOX_CHARS_MAX).into_owned(),
                href: Some(asset.id.to_string()),
            });
            let middle = y + BOX_HEIGHT / 2.0;
            let mut targets: BTreeMap<PeerKey, Vec<&Conversation>> = BTreeMap::new();
            for conversation in asset.conversations.iter().filter(|c| is_drawn(c, owned)) {
                targets.entry(peer_key(conversation)).or_default().push(conversation);
            }
            for (key, conversations) in targets {
                let Some(to) = peers.get(&key) else { continue };
                let class = worst.get(&(asset.id, key.1)).map_or("calm", |severity| severity.as_str());
                let said: Vec<_> =
                    conversations.iter().map(|c| crate::summary::conversation_words(c)).collect();
                let line =
                    Line { path: curve(middle, *to), class, title: printable(&said.join("\n")).into_owned() };
                if class == "calm" { calm.push(line) } else { self.lines.push(line) }
            }
            y += STEP;
        }
        // What is drawn last lies on top.
        calm.append(&mut self.lines);
        self.lines = calm;
        self.height = self.height.max(y);
    }
}

fn curve(from: f64, to: f64) -> String {
    let (left, right) = (BOX_WIDTH, WIDTH - BOX_WIDTH);
    let middle = (left + right) / 2.0;
    let (from, to) = (rounded(from), rounded(to));
    format!("M{left} {from}C{middle} {from} {middle} {to} {right} {to}")
}

/// A conversation between two devices of the report is drawn once, from the one that opened it.
fn is_drawn(conversation: &Conversation, owned: &BTreeSet<IpAddr>) -> bool {
    let peer = conversation.peer.ip;
    !is_group(peer) && (conversation.direction != Direction::In || !owned.contains(&peer))
}

/// Multicast and broadcast have no single peer.
fn is_group(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}

fn peer_key(conversation: &Conversation) -> PeerKey {
    let place = PLACES.iter().position(|(place, _)| *place == conversation.location);
    (place.unwrap_or(PLACES.len() - 1), conversation.peer.ip)
}

fn addresses(asset: &Asset) -> String {
    let ip = asset.ips.first().map(ToString::to_string);
    let mac = asset.macs.first().map(ToString::to_string);
    let both: Vec<_> = [ip, mac].into_iter().flatten().collect();
    both.join("  ")
}

/// Worst finding between a device and a peer, from either end: the line is drawn from whoever opened it.
fn worst_by_pair(report: &Report) -> BTreeMap<(AssetId, IpAddr), Severity> {
    let mut worst: BTreeMap<(AssetId, IpAddr), Severity> = BTreeMap::new();
    for finding in &report.findings {
        let Some(peer) = finding.peer.map(|peer| peer.endpoint.ip) else { continue };
        let about = report.assets.iter().filter(|asset| asset.id == finding.asset);
        let owners = report.assets.iter().filter(|asset| asset.ips.contains(&peer));
        let turned =
            about.flat_map(|asset| &asset.ips).flat_map(|ip| owners.clone().map(|owner| (owner.id, *ip)));
        for pair in turned.chain([(finding.asset, peer)]) {
            let entry = worst.entry(pair).or_insert(finding.severity);
            *entry = (*entry).max(finding.severity);
        }
    }
    worst
}

fn peers(
    devices: &[(&Asset, Option<(Severity, u64)>)],
    worst: &BTreeMap<(AssetId, IpAddr), Severity>,
    owned: &BTreeSet<IpAddr>,
) -> BTreeMap<PeerKey, Seen> {
    let mut peers: BTreeMap<PeerKey, Seen> = BTreeMap::new();
    for (row, (asset, _)) in devices.iter().enumerate() {
        for conversation in asset.conversations.iter().filter(|c| is_drawn(c, owned)) {
            let seen = peers.entry(peer_key(conversation)).or_default();
            let protocol = conversation.protocol.unwrap_or("not recognised");
            seen.protocols.insert(match conversation.peer.port {
                0 => protocol.to_owned(),
                port => format!("{protocol} {port}/{}", conversation.transport),
            });
            seen.worst = seen.worst.max(worst.get(&(asset.id, conversation.peer.ip)).copied());
            seen.rows.push(row);
        }
    }
    peers
}
