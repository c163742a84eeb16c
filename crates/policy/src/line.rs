//! A policy as a list of lines, in which the first that matches decides: what every target is written from.
//!
//! ```text
//! permit  neighbour discovery on the link      where the target sees links
//! permit  one line for each rule and way       all rules of all units
//! deny    from and to every address of a unit  IPv4, IPv6, link addresses
//! ─────   what no line matches is the target's to write: pass (devices) or drop (segment)
//! ```

use crate::packet::{LINK_LOCAL, LINK_MULTICAST, NEIGHBOUR_TYPES, Packet};
use crate::rule::{Opener, Policy, Ports, Rule, Unit};
use model::{Mac, Prefix, Transport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most lines of one policy. Our limit: no device's access list is as long; a policy above it is refused, with its size.
pub const LINES_MAX: usize = 1 << 16;

/// How a target treats answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Replies {
    /// Each packet is judged alone, so answers need lines of their own.
    Lines,
    /// It keeps connections itself: only whoever asks needs a line.
    Kept,
    /// It keeps connections, and answers need a line and a connection.
    Both,
}

/// What a target can see and do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shape {
    /// How it treats answers.
    pub replies: Replies,
    /// It can tell senders by link address.
    pub source_macs: bool,
    /// It can tell receivers by link address.
    pub target_macs: bool,
    /// It sees neighbour discovery between other hosts, or on its own links.
    pub neighbours: bool,
}

/// One line. What is absent matches everything.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Line {
    /// Passes or drops.
    pub permit: bool,
    /// Sender's link address.
    pub source_mac: Option<Mac>,
    /// Receiver's link address.
    pub target_mac: Option<Mac>,
    /// Sender; a line about IP has both or the whole of one family.
    pub source: Option<Prefix>,
    /// Receiver.
    pub target: Option<Prefix>,
    /// What it carries.
    pub transport: Option<Transport>,
    /// Sender's ports.
    pub source_ports: Option<Ports>,
    /// Receiver's ports; for ICMP, types.
    pub target_ports: Option<Ports>,
    /// An answer: TCP with ACK or RST, UDP of a known flow where the target keeps flows.
    pub answer: bool,
    /// The unit it comes from.
    pub unit: Option<usize>,
}

impl Line {
    const DENY: Self = Self {
        permit: false,
        source_mac: None,
        target_mac: None,
        source: None,
        target: None,
        transport: None,
        source_ports: None,
        target_ports: None,
        answer: false,
        unit: None,
    };

    /// Whether it is about IPv4; none where it is about both families.
    #[must_use]
    pub fn is_ipv4(&self) -> Option<bool> {
        self.source.or(self.target).map(|prefix| prefix.is_ipv4())
    }

    /// Whether it matches; `answers` says whether the packet answers something the target let through.
    #[must_use]
    pub fn matches(&self, packet: &Packet, answers: bool) -> bool {
        let mac = |wanted: Option<Mac>, has: Option<Mac>| wanted.is_none() || wanted == has;
        let network = |wanted: Option<Prefix>, ip| wanted.is_none_or(|prefix| prefix.contains(ip));
        let port = |wanted: Option<Ports>, port| wanted.is_none_or(|ports| ports.contain(port));
        mac(self.source_mac, packet.source_mac)
            && mac(self.target_mac, packet.target_mac)
            && network(self.source, packet.source)
            && network(self.target, packet.target)
            && self.transport.is_none_or(|transport| transport == packet.transport)
            && port(self.source_ports, packet.source_port)
            && port(self.target_ports, packet.target_port)
            && (!self.answer || answers && (packet.transport != Transport::Tcp || packet.acknowledges))
    }
}

/// What the first matching line says; none where no line matches.
#[must_use]
pub fn first_match(lines: &[Line], packet: &Packet, answers: bool) -> Option<bool> {
    lines.iter().find(|line| line.matches(packet, answers)).map(|line| line.permit)
}

/// Why a policy cannot be written as lines.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unsettled {
    /// A named peer without addresses.
    #[error(
        "the policy gives no address of the peer `{peer}` that {units} may talk to; add a table [[resolve]] with \
         name = \"{peer}\" and networks = [\"…\"], or take the rule out"
    )]
    Peer {
        /// The peer.
        peer: String,
        /// The units whose rules name it.
        units: String,
    },
    /// A unit that no packet can be told to belong to.
    #[error("`{unit}` has no network address, so no rule can be written; add addresses = [\"…\"]")]
    Address {
        /// The unit.
        unit: String,
    },
    /// Too many lines.
    #[error(
        "the policy makes more than {LINES_MAX} lines; write prefixes instead of single addresses, or split it"
    )]
    Lines,
}

/// The lines of a policy for a target of this shape.
///
/// # Errors
/// [`Unsettled`] where the policy leaves something open that a target must know.
pub fn lines(policy: &Policy, shape: Shape) -> Result<Vec<Line>, Unsettled> {
    if let Some((peer, units)) = policy.unresolved().into_iter().next() {
        let units: Vec<&str> = units.into_iter().take(3).collect();
        return Err(Unsettled::Peer { peer: peer.to_owned(), units: units.join(", ") });
    }
    if let Some(unit) = policy.units.iter().find(|unit| unit.networks.is_empty()) {
        return Err(Unsettled::Address { unit: unit.name.clone() });
    }
    let mut all = Vec::new();
    let mut room = LINES_MAX;
    if shape.neighbours {
        all.extend(neighbours());
    }
    for (at, unit) in policy.units.iter().enumerate() {
        for allowed in &unit.allow {
            // Own addresses times the peer's: told before they are written out.
            let peers = policy.networks_of(&allowed.rule.peer).count();
            let types = allowed.rule.ports.filter(|_| allowed.rule.transport == Transport::Icmp);
            let types = types.map_or(1, |types| usize::from(types.high - types.low) + 1);
            room = room.saturating_sub(unit.networks.len().saturating_mul(peers).saturating_mul(types));
            if room == 0 {
                return Err(Unsettled::Lines);
            }
            permits(policy, unit, &allowed.rule, shape, &mut |line| {
                all.push(Line { unit: Some(at), ..line });
            });
            if all.len() > LINES_MAX {
                return Err(Unsettled::Lines);
            }
        }
    }
    for (at, unit) in policy.units.iter().enumerate() {
        all.extend(denials(unit, shape).map(|line| Line { unit: Some(at), ..line }));
        if all.len() > LINES_MAX {
            return Err(Unsettled::Lines);
        }
    }
    // A rule written twice, or for an address twice, is one line.
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|line| seen.insert(Line { unit: None, ..line.clone() }));
    Ok(all)
}

/// Everything of a family.
pub(crate) fn whole(v4: bool) -> Option<Prefix> {
    let zero = if v4 { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    Prefix::new(zero, 0).ok()
}

fn neighbours() -> impl Iterator<Item = Line> {
    let (low, high) = NEIGHBOUR_TYPES;
    let link = Prefix::new(IpAddr::V6(LINK_LOCAL), 10).ok();
    let group = Prefix::new(IpAddr::V6(LINK_MULTICAST), 16).ok();
    let all = whole(false);
    [(link, all), (all, link), (all, group)].into_iter().map(move |(source, target)| Line {
        permit: true,
        source,
        target,
        transport: Some(Transport::Icmp),
        target_ports: Some(Ports { low, high }),
        ..Line::DENY
    })
}

fn permits(policy: &Policy, unit: &Unit, rule: &Rule, shape: Shape, out: &mut dyn FnMut(Line)) {
    let with_ports = matches!(rule.transport, Transport::Tcp | Transport::Udp);
    for peer in policy.networks_of(&rule.peer) {
        for own in unit.networks.iter().filter(|own| own.is_ipv4() == peer.is_ipv4()) {
            let line = |source: Prefix, target: Prefix| Line {
                permit: true,
                source: Some(source),
                target: Some(target),
                transport: Some(rule.transport),
                ..Line::DENY
            };
            let (asker, asked) = match rule.opens {
                Opener::Unit => (*own, peer),
                Opener::Peer => (peer, *own),
            };
            out(Line { target_ports: rule.ports, ..line(asker, asked) });
            if !with_ports {
                out(Line { target_ports: rule.ports, ..line(asked, asker) });
            } else if shape.replies != Replies::Kept {
                let answer = rule.transport == Transport::Tcp || shape.replies == Replies::Both;
                out(Line { source_ports: rule.ports, answer, ..line(asked, asker) });
            }
        }
        // Without an address yet, a device asks for one.
        if shape.source_macs
            && rule.opens == Opener::Unit
            && rule.transport == Transport::Udp
            && peer.is_ipv4()
        {
            let nobody = Prefix::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 32).ok();
            for mac in &unit.macs {
                out(Line {
                    permit: true,
                    source_mac: Some(*mac),
                    source: nobody,
                    target: Some(peer),
                    transport: Some(Transport::Udp),
                    target_ports: rule.ports,
                    ..Line::DENY
                });
            }
        }
    }
}

fn denials(unit: &Unit, shape: Shape) -> impl Iterator<Item = Line> {
    let by_network = unit.networks.iter().flat_map(|own| {
        let all = whole(own.is_ipv4());
        [
            Line { source: Some(*own), target: all, ..Line::DENY },
            Line { source: all, target: Some(*own), ..Line::DENY },
        ]
    });
    let sent = unit.macs.iter().filter(move |_| shape.source_macs);
    let sent = sent.map(|mac| Line { source_mac: Some(*mac), ..Line::DENY });
    let received = unit.macs.iter().filter(move |_| shape.target_macs);
    let received = received.map(|mac| Line { target_mac: Some(*mac), ..Line::DENY });
    by_network.chain(sent).chain(received)
}
