//! Seeded policies of plain unicast addresses, and packets between those and others.

use model::{Mac, Prefix, Transport};
use policy::{Allowed, Opener, Packet, Policy, Ports, Rule, Scope, Unit, UnitKind, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// SplitMix64: seeded, and the same everywhere.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn one_of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }
}

/// Packets of one policy: as many as a test asks for, or as `cargo xtask soak policy` does.
pub(crate) fn packets(asked: usize) -> usize {
    std::env::var("LAZARET_POLICY_PACKETS").ok().and_then(|count| count.parse().ok()).unwrap_or(asked)
}

const HOSTS: [&str; 12] = [
    "10.9.0.1",
    "10.9.0.2",
    "10.9.0.3",
    "10.9.1.200",
    "10.9.2.7",
    "203.0.113.9",
    "2001:db8::1",
    "2001:db8::2",
    "2001:db8::3",
    "2001:db8:0:1::7",
    "2001:db8:0:2::9",
    "2001:db8:ffff::1",
];
const NETWORKS: [&str; 4] = ["10.9.0.0/30", "10.9.1.128/25", "2001:db8::/126", "2001:db8:0:1::/64"];

pub(crate) const MACS: u8 = 4;

fn network(chance: &mut Chance) -> Prefix {
    if chance.below(3) == 0 {
        return chance.one_of(&NETWORKS).parse().unwrap();
    }
    let host: IpAddr = chance.one_of(&HOSTS).parse().unwrap();
    Prefix::new(host, if host.is_ipv4() { 32 } else { 128 }).unwrap()
}

pub(crate) fn policy(chance: &mut Chance, scope: Scope) -> Policy {
    let mut units = Vec::new();
    for number in 0..3_u8 {
        let networks: BTreeSet<Prefix> = (0..2 + chance.below(2)).map(|_| network(chance)).collect();
        let mut unit = Unit {
            name: format!("bed {number}\" accept }}"),
            kind: UnitKind::Device,
            profile: None,
            class: None,
            macs: BTreeSet::from([Mac([2, 0, 0, 0, 0, number % MACS])]),
            networks,
            allow: Vec::new(),
            refuse: Vec::new(),
            unknown: Vec::new(),
        };
        for _ in 0..6 {
            let transport = chance.one_of(&[
                Transport::Tcp,
                Transport::Tcp,
                Transport::Udp,
                Transport::Icmp,
                Transport::Ip(50),
            ]);
            let ports = match transport {
                Transport::Tcp | Transport::Udp => chance.one_of(&[
                    None,
                    Some(Ports::one(515)),
                    Some(Ports { low: 500, high: 520 }),
                    Some(Ports::one(53)),
                ]),
                Transport::Icmp => chance.one_of(&[
                    None,
                    Some(Ports { low: 8, high: 8 }),
                    Some(Ports { low: 128, high: 129 }),
                ]),
                _ => None,
            };
            let opens = chance.one_of(&[Opener::Unit, Opener::Peer]);
            let rule = Rule { opens, peer: policy::Peer::Network(network(chance)), transport, ports };
            unit.allow.push(Allowed {
                rule,
                role: None,
                clinical: false,
                why: String::new(),
                seen: None,
                sessions: Vec::new(),
            });
        }
        units.push(unit);
    }
    Policy { name: "x".to_owned(), scope, coverage: None, resolve: BTreeMap::new(), units }
}

pub(crate) fn packet(chance: &mut Chance) -> Packet {
    loop {
        let source: IpAddr = chance.one_of(&HOSTS).parse().unwrap();
        let target: IpAddr = chance.one_of(&HOSTS).parse().unwrap();
        if source.is_ipv4() != target.is_ipv4() || source == target {
            continue;
        }
        let transport = chance.one_of(&[
            Transport::Tcp,
            Transport::Tcp,
            Transport::Udp,
            Transport::Udp,
            Transport::Icmp,
            Transport::Ip(50),
        ]);
        let (mut a, mut b) =
            (chance.one_of(&[40_000, 40_001, 499]), chance.one_of(&[515, 500, 520, 521, 53, 80]));
        if chance.below(2) == 0 {
            std::mem::swap(&mut a, &mut b);
        }
        match transport {
            // Neighbour discovery belongs to the link, and echoes of the other family nowhere.
            Transport::Icmp if source.is_ipv4() => {
                let kind = chance.one_of(&[0, 8, 13]);
                (a, b) = (kind, kind);
            }
            Transport::Icmp => {
                let kind = chance.one_of(&[128, 129]);
                (a, b) = (kind, kind);
            }
            Transport::Ip(_) => (a, b) = (0, 0),
            _ => {}
        }
        return Packet {
            source,
            target,
            source_mac: Some(Mac([2, 0, 0, 0, 0, chance.below(usize::from(MACS) + 6) as u8])),
            target_mac: None,
            transport,
            source_port: a,
            target_port: b,
            acknowledges: chance.below(2) == 0,
        };
    }
}

/// Holds what an engine let through, by the packets' numbers, against what the policy says of each.
pub(crate) fn assert_agrees(
    (engine, seed): (&str, u64),
    policy: &Policy,
    packets: &[Packet],
    heard: &BTreeSet<u32>,
    mut decide: impl FnMut(&Packet) -> Verdict,
) {
    let mut passed = 0;
    for (number, packet) in (0..).zip(packets) {
        let wanted = decide(packet);
        assert_eq!(
            heard.contains(&number),
            wanted.passes(),
            "seed {seed}, packet {number} {packet:?}: the policy says {wanted:?}\n{policy:#?}"
        );
        passed += u32::from(wanted.passes());
    }
    assert_telling((engine, seed), packets.len() as u32, passed);
}

/// That they agree says little where nearly all packets have one fate.
pub(crate) fn assert_telling((engine, seed): (&str, u64), all: u32, passed: u32) {
    assert!(
        passed * 20 > all && (all - passed) * 20 > all,
        "{passed} of {all} pass: the comparison says little"
    );
    println!("{engine}, seed {seed}: {all} packets decided as the policy decides, {passed} passed");
}
