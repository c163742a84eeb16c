//! One packet against a policy.

use crate::rule::{Opener, Policy, Rule, Scope, Unit};
use model::{Mac, Prefix, Transport};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

/// Most openings remembered by a [`Tracker`]. Our limit; replies to those beyond it count as unasked.
const OPENINGS_MAX: usize = 1 << 20;

/// What a point of enforcement sees of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet {
    /// Sender.
    pub source: IpAddr,
    /// Receiver.
    pub target: IpAddr,
    /// Link address of the sender, where the point sees the sender's link.
    pub source_mac: Option<Mac>,
    /// Link address of the receiver, where the point sees the receiver's link.
    pub target_mac: Option<Mac>,
    /// What it carries.
    pub transport: Transport,
    /// Port of the sender; for ICMP the message type; 0 where there is none.
    pub source_port: u16,
    /// Port of the receiver; for ICMP the message type; 0 where there is none.
    pub target_port: u16,
    /// TCP with ACK or RST set: it claims to belong to a connection.
    pub acknowledges: bool,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It passes by a rule: index of the unit, index in its `allow`.
    Allowed(usize, usize),
    /// It passes because a link cannot work without it (IPv6 neighbour discovery).
    Neighbour,
    /// It concerns this unit, and no rule allows it.
    Denied(usize),
    /// It concerns no unit and passes.
    Outside,
    /// It concerns no unit, and has no business on the segment.
    Stranger,
}

impl Verdict {
    /// Whether the packet passes.
    #[must_use]
    pub const fn passes(self) -> bool {
        matches!(self, Self::Allowed(..) | Self::Neighbour | Self::Outside)
    }
}

/// The way a packet goes in a conversation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// From whoever opens it.
    Asking,
    /// Back.
    Answering,
}

pub(crate) const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xFE80, 0, 0, 0, 0, 0, 0, 0);
pub(crate) const LINK_MULTICAST: Ipv6Addr = Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 0);
/// Router and neighbour solicitations and advertisements, RFC 4861 §4.1 to §4.4.
pub(crate) const NEIGHBOUR_TYPES: (u16, u16) = (133, 136);

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.segments()[0] & 0xFFC0 == LINK_LOCAL.segments()[0])
}

fn is_link_multicast(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.segments()[0] == LINK_MULTICAST.segments()[0])
}

impl Packet {
    /// IPv6 neighbour discovery that no router carries on: from or to an address of the link only.
    fn is_neighbour(&self) -> bool {
        let (low, high) = NEIGHBOUR_TYPES;
        self.source.is_ipv6()
            && self.transport == Transport::Icmp
            && (low..=high).contains(&self.target_port)
            && (is_link_local(self.source) || is_link_local(self.target) || is_link_multicast(self.target))
    }
}

fn within(networks: &BTreeSet<Prefix>, ip: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(ip))
}

impl Unit {
    fn is_concerned(&self, packet: &Packet) -> bool {
        let has = |mac: Option<Mac>| mac.is_some_and(|mac| self.macs.contains(&mac));
        within(&self.networks, packet.source)
            || within(&self.networks, packet.target)
            || has(packet.source_mac)
            || has(packet.target_mac)
    }

    /// Whether the packet comes from the unit: from one of its addresses, or, asking for one, from its link address.
    fn sent(&self, packet: &Packet, rule: &Rule) -> bool {
        let asks = packet.source == IpAddr::from([0, 0, 0, 0])
            && rule.transport == Transport::Udp
            && rule.opens == Opener::Unit
            && packet.source_mac.is_some_and(|mac| self.macs.contains(&mac));
        within(&self.networks, packet.source) || asks
    }
}

/// Whether `rule` of `unit` allows the packet, and which way it then goes.
fn way(policy: &Policy, unit: &Unit, rule: &Rule, packet: &Packet) -> Option<Way> {
    if rule.transport != packet.transport {
        return None;
    }
    let peer = |ip| policy.networks_of(&rule.peer).any(|network| network.contains(ip));
    let ports = |port| rule.ports.is_none_or(|ports| ports.contain(port));
    let out = unit.sent(packet, rule) && peer(packet.target);
    let back = within(&unit.networks, packet.target) && peer(packet.source);
    if !matches!(rule.transport, Transport::Tcp | Transport::Udp) {
        // Without ports nobody can tell who began: ICMP and other protocols go both ways.
        return ((out || back) && ports(packet.target_port)).then_some(Way::Asking);
    }
    let (asking, answering) = match rule.opens {
        Opener::Unit => (out, back),
        Opener::Peer => (back, out),
    };
    if asking && ports(packet.target_port) {
        return Some(Way::Asking);
    }
    let belongs = packet.acknowledges || rule.transport == Transport::Udp;
    (answering && belongs && ports(packet.source_port)).then_some(Way::Answering)
}

impl Policy {
    /// What becomes of `packet` where each packet is judged alone (access lists, bridges, switches).
    #[must_use]
    pub fn decide(&self, packet: &Packet) -> Verdict {
        self.judge(packet, |_| true)
    }

    /// Every rule that allows `packet`, of any unit: index of the unit, index in its `allow`.
    #[must_use]
    pub fn allowing(&self, packet: &Packet) -> Vec<(usize, usize)> {
        let mut all = Vec::new();
        for (at, unit) in self.units.iter().enumerate().filter(|(_, unit)| unit.is_concerned(packet)) {
            let rules = unit.allow.iter().enumerate();
            let allow = rules.filter(|(_, allowed)| way(self, unit, &allowed.rule, packet).is_some());
            all.extend(allow.map(|(number, _)| (at, number)));
        }
        all
    }

    fn judge(&self, packet: &Packet, may: impl Fn(Way) -> bool) -> Verdict {
        let mut concerned = None;
        for (at, unit) in self.units.iter().enumerate() {
            if !unit.is_concerned(packet) {
                continue;
            }
            if packet.is_neighbour() {
                return Verdict::Neighbour;
            }
            let allows = |rule: &Rule| way(self, unit, rule, packet).is_some_and(&may);
            if let Some(rule) = unit.allow.iter().position(|allowed| allows(&allowed.rule)) {
                return Verdict::Allowed(at, rule);
            }
            concerned = concerned.or(Some(at));
        }
        match (concerned, self.scope) {
            (Some(at), _) => Verdict::Denied(at),
            (None, _) if packet.is_neighbour() => Verdict::Neighbour,
            (None, Scope::Units) => Verdict::Outside,
            (None, Scope::Segment) => Verdict::Stranger,
        }
    }
}

type Opening = (Transport, IpAddr, u16, IpAddr, u16);

/// A point of enforcement that remembers who asked: an answer passes only after its question did.
#[derive(Debug, Default)]
pub struct Tracker {
    openings: BTreeSet<Opening>,
}

impl Tracker {
    /// What becomes of the next packet.
    pub fn decide(&mut self, policy: &Policy, packet: &Packet) -> Verdict {
        let asked = (packet.transport, packet.target, packet.target_port, packet.source, packet.source_port);
        let known = self.openings.contains(&asked);
        let verdict = policy.judge(packet, |way| way == Way::Asking || known);
        if verdict.passes() && self.openings.len() < OPENINGS_MAX {
            let opening =
                (packet.transport, packet.source, packet.source_port, packet.target, packet.target_port);
            self.openings.insert(opening);
        }
        verdict
    }
}
