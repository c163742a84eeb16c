//! Seeded policies, and the packets at their corners.

use model::{Mac, Prefix, Transport};
use policy::{Allowed, Noted, Opener, Packet, Peer, Policy, Ports, Rule, Scope, Unit, UnitKind};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// SplitMix64: seeded, and the same everywhere.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn one_of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }
}

/// Names that want out of a comment, a string, a cell or a list.
const NAMES: [&str; 12] = [
    "bed 7",
    "x\n permit ip any any",
    "x\r\nset firewall family inet filter LAZARET term a then accept",
    "\"; accept; #",
    "' -Action Allow; Restart-Computer; '",
    "--> <rule><type>pass</type></rule> <!--",
    "\tIntel::ADDR\tx",
    "*/ } table inet x { /*",
    "priority=65535,actions=NORMAL",
    "msg:\"x\"; sid:1;) pass ip any any -> any any (",
    "\u{202E}\u{0}\u{7f}é",
    "$(reboot) `reboot` %n ${x}",
];

const NETWORKS: [&str; 14] = [
    "10.0.0.1/32",
    "10.0.0.2/32",
    "10.0.0.0/30",
    "10.0.0.0/24",
    "10.0.1.128/25",
    "192.168.7.9/32",
    "202.114.4.119/32",
    "255.255.255.255/32",
    "2001:db8::1/128",
    "2001:db8::2/128",
    "2001:db8::/64",
    "2001:db8:0:1::/126",
    "fe80::1/128",
    "ff02::fb/128",
];
const OWN: [usize; 8] = [0, 1, 2, 4, 8, 9, 11, 12];

pub(crate) fn random_policy(chance: &mut Chance) -> Policy {
    let network = |at: usize| -> Prefix { NETWORKS[at].parse().unwrap() };
    let mut resolve = BTreeMap::new();
    let servers: BTreeSet<Prefix> = [network(5), network(9)].into();
    resolve.insert("name:pool.ntp.org".to_owned(), servers);
    let mut units = Vec::new();
    for number in 0..1 + chance.below(3) {
        let mut networks = BTreeSet::new();
        for _ in 0..1 + chance.below(3) {
            networks.insert(network(chance.one_of(&OWN)));
        }
        let mut macs = BTreeSet::new();
        for _ in 0..chance.below(3) {
            macs.insert(Mac([2, 0, 0, 0, 0, chance.below(4) as u8]));
        }
        let mut unit = Unit {
            name: format!("{} {number}", chance.one_of(&NAMES)),
            kind: UnitKind::Device,
            profile: None,
            class: None,
            macs,
            networks,
            allow: Vec::new(),
            refuse: Vec::new(),
            unknown: Vec::new(),
        };
        for _ in 0..chance.below(6) {
            let rule = random_rule(chance);
            unit.allow.push(Allowed {
                rule,
                role: None,
                clinical: false,
                why: String::new(),
                seen: None,
                sessions: Vec::new(),
            });
        }
        let rule = random_rule(chance);
        unit.refuse.push(Noted {
            rule,
            role: None,
            why: chance.one_of(&NAMES).to_owned(),
            seen: None,
            sessions: Vec::new(),
        });
        units.push(unit);
    }
    let scope = if chance.below(2) == 0 { Scope::Units } else { Scope::Segment };
    Policy { name: chance.one_of(&NAMES).to_owned(), scope, coverage: None, resolve, units }
}

fn random_rule(chance: &mut Chance) -> Rule {
    let transport = match chance.below(8) {
        0..=3 => Transport::Tcp,
        4 | 5 => Transport::Udp,
        6 => Transport::Icmp,
        _ => Transport::Ip(chance.one_of(&[47, 50, 89])),
    };
    let any: [Peer; 2] = ["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
    let peer = match chance.below(8) {
        0 => "name:pool.ntp.org".parse().unwrap(),
        1 => chance.one_of(&any),
        _ => chance.one_of(&NETWORKS).parse().unwrap(),
    };
    let ports = match (transport, chance.below(4)) {
        (Transport::Ip(_), _) | (_, 0) => None,
        (Transport::Icmp, 1) => Some(Ports { low: 8, high: 11 }),
        (Transport::Icmp, _) => Some(Ports::one(chance.one_of(&[0, 8, 128, 129]))),
        (_, 1) => {
            let low = chance.one_of(&[0, 1, 500, 1023, 5000, 60_000]);
            Some(Ports { low, high: low + chance.one_of(&[1, 7, 100, 5535]) })
        }
        _ => Some(Ports::one(chance.one_of(&[53, 123, 515, 67, 65_535]))),
    };
    let opens = if chance.below(3) == 0 { Opener::Peer } else { Opener::Unit };
    Rule { opens, peer, transport, ports }
}

fn ends(prefix: Prefix) -> Vec<IpAddr> {
    match prefix.ip() {
        IpAddr::V4(ip) => {
            let low = ip.to_bits();
            let high = low | u32::MAX.checked_shr(u32::from(prefix.bits())).unwrap_or(0);
            let around = [low, high, low.wrapping_sub(1), high.wrapping_add(1)];
            around.map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))).to_vec()
        }
        IpAddr::V6(ip) => {
            let low = ip.to_bits();
            let high = low | u128::MAX.checked_shr(u32::from(prefix.bits())).unwrap_or(0);
            let around = [low, high, low.wrapping_sub(1), high.wrapping_add(1)];
            around.map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))).to_vec()
        }
    }
}

pub(crate) fn is_discovery(packet: &Packet) -> bool {
    packet.source.is_ipv6()
        && packet.transport == Transport::Icmp
        && (133..=136).contains(&packet.target_port)
}

/// Packets at the corners of the policy's addresses and ports; half of them between a unit and a peer of its rules.
pub(crate) fn corners(policy: &Policy, chance: &mut Chance, count: usize) -> Vec<Packet> {
    let mut packets = Vec::new();
    let everywhere: Vec<Prefix> = NETWORKS.iter().map(|text| text.parse().unwrap()).collect();
    while packets.len() < count {
        let unit = &policy.units[chance.below(policy.units.len())];
        let rule = (!unit.allow.is_empty()).then(|| chance.one_of(&unit.allow).rule);
        let own = chance.one_of(&unit.networks.iter().copied().collect::<Vec<_>>());
        let peers: Vec<Prefix> = match &rule {
            Some(rule) if chance.below(3) != 0 => policy.networks_of(&rule.peer).collect(),
            _ => everywhere.clone(),
        };
        let own = if chance.below(6) == 0 { chance.one_of(&everywhere) } else { own };
        let own = chance.one_of(&ends(own));
        let peer = chance.one_of(&peers);
        let peer = chance.one_of(&ends(peer));
        if own.is_ipv4() != peer.is_ipv4() {
            continue;
        }
        let mut transport = rule.as_ref().map_or(Transport::Tcp, |rule| rule.transport);
        if chance.below(5) == 0 {
            transport = chance.one_of(&[Transport::Tcp, Transport::Udp, Transport::Icmp, Transport::Ip(47)]);
        }
        let ports = rule.as_ref().and_then(|rule| rule.ports).unwrap_or(Ports { low: 80, high: 90 });
        let corner = [ports.low, ports.high, ports.low.wrapping_sub(1), ports.high.wrapping_add(1)];
        let (mut a, mut b) = (chance.one_of(&[40_000, 515, 53]), chance.one_of(&corner));
        if chance.below(2) == 0 {
            std::mem::swap(&mut a, &mut b);
        }
        match transport {
            Transport::Icmp => {
                let kind = chance.one_of(&[0, 8, 9, 11, 12, 128, 133, 135, 136, 137]);
                (a, b) = (kind, kind);
            }
            Transport::Ip(_) => (a, b) = (0, 0),
            _ => {}
        }
        let (mut source, mut target) = if chance.below(2) == 0 { (own, peer) } else { (peer, own) };
        let mac =
            |chance: &mut Chance| (chance.below(2) == 0).then(|| Mac([2, 0, 0, 0, 0, chance.below(5) as u8]));
        if source.is_ipv4() && chance.below(12) == 0 {
            (source, target) = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), peer);
        }
        packets.push(Packet {
            source,
            target,
            source_mac: mac(chance),
            target_mac: mac(chance),
            transport,
            source_port: a,
            target_port: b,
            acknowledges: chance.below(2) == 0,
        });
    }
    packets
}
