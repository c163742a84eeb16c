//! Each target's text, read back by a strict parser of that target's grammar, decides as the policy does: on 1,000
//! random policies with hostile names, at every corner of their addresses and ports. What a parser does not know is a
//! failure, so nothing can be written that the grammar does not hold.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod access_list;
mod chance;
mod fortigate;
mod juniper;
mod nft;
mod opnsense;
mod ovs;
mod paloalto;
mod pf;
mod sgacl;
mod suricata;
mod windows;

use chance::{Chance, corners, random_policy};
use model::{Mac, Prefix, Transport};
use policy::render::{RenderError, TARGETS, target};
use policy::{Line, Packet, Policy, Ports, Replies, Tracker, first_match};

const POLICIES: u64 = 1_000;
const PACKETS: usize = 60;

/// What a text says: lines in which the first match decides, and what becomes of the rest.
pub(crate) struct Said {
    pub(crate) lines: Vec<Line>,
    pub(crate) rest: bool,
}

/// A line that matches everything.
pub(crate) fn blank(permit: bool) -> Line {
    Line {
        permit,
        source_mac: None,
        target_mac: None,
        source: None,
        target: None,
        transport: None,
        source_ports: None,
        target_ports: None,
        answer: false,
        unit: None,
    }
}

pub(crate) fn whole(v4: bool) -> Prefix {
    if v4 { "0.0.0.0/0".parse().unwrap() } else { "::/0".parse().unwrap() }
}

pub(crate) fn transport(number: u8) -> Transport {
    match number {
        1 | 58 => Transport::Icmp,
        6 => Transport::Tcp,
        17 => Transport::Udp,
        other => Transport::Ip(other),
    }
}

pub(crate) fn ports(low: &str, high: &str) -> Ports {
    let ports = Ports { low: low.parse().unwrap(), high: high.parse().unwrap() };
    assert!(ports.low <= ports.high);
    ports
}

/// Takes the lines of comment off, which must hold nothing but letters that mean nothing.
pub(crate) fn without_comments<'a>(text: &'a str, begin: &str) -> Vec<&'a str> {
    let comment = |line: &&str| line.trim_start().starts_with(begin);
    text.lines().filter(|line| !comment(line) && !line.trim().is_empty()).collect()
}

fn decides_alike(name: &str, read: fn(&str) -> Said, fits: fn(&mut Policy)) {
    let target = target(name).unwrap();
    let (mut compared, mut passed, mut v6) = (0_u32, 0_u32, 0_u32);
    for seed in 0..POLICIES {
        let mut chance = Chance(seed);
        let mut policy = random_policy(&mut chance);
        fits(&mut policy);
        let text = match target.render(&policy) {
            Ok(text) => text,
            Err(fault) => panic!("{name}, seed {seed}: {fault}"),
        };
        let said = read(&text);
        for mut packet in corners(&policy, &mut chance, PACKETS) {
            if !target.shape.source_macs {
                packet.source_mac = None;
            }
            if !target.shape.target_macs {
                packet.target_mac = None;
            }
            if !target.shape.neighbours && chance::is_discovery(&packet) {
                continue;
            }
            let alone = policy.decide(&packet).passes();
            let fresh = Tracker::default().decide(&policy, &packet).passes();
            let says = |answers| first_match(&said.lines, &packet, answers).unwrap_or(said.rest);
            let agree = match target.shape.replies {
                Replies::Lines => says(true) == alone,
                Replies::Kept => says(false) == fresh,
                Replies::Both => says(true) == alone && says(false) == fresh,
            };
            assert!(agree, "{name}, seed {seed}: {packet:?}: policy {alone}/{fresh}\n{policy:#?}\n{text}");
            compared += 1;
            passed += u32::from(alone);
            v6 += u32::from(packet.source.is_ipv6());
        }
    }
    // The comparison saw both verdicts and both families, often.
    assert!(
        compared > 30_000 && passed * 20 > compared && (compared - passed) * 20 > compared,
        "{compared} {passed}"
    );
    assert!(v6 * 10 > compared, "{v6} of {compared} are IPv6");
}

/// Only rules that the target has words for.
fn no_types(policy: &mut Policy) {
    for unit in &mut policy.units {
        unit.allow.retain(|one| one.rule.transport != Transport::Icmp || one.rule.ports.is_none());
    }
}

fn only_ports(policy: &mut Policy) {
    no_types(policy);
    for unit in &mut policy.units {
        unit.allow.retain(|one| !matches!(one.rule.transport, Transport::Ip(_)));
    }
}

fn one_type(policy: &mut Policy) {
    for unit in &mut policy.units {
        unit.allow.retain(|one| {
            one.rule.transport != Transport::Icmp
                || one.rule.ports.is_none_or(|types| types.low == types.high)
        });
    }
}

fn one_unit(policy: &mut Policy) {
    one_type(policy);
    policy.units.truncate(1);
    // The device's own firewall is its segment.
    policy.scope = policy::Scope::Segment;
}

#[test]
fn nft() {
    decides_alike("nft", nft::read, |_| ());
}

#[test]
fn nft_bridge() {
    decides_alike("nft-bridge", nft::read, |_| ());
}

#[test]
fn cisco_ios() {
    decides_alike("cisco-ios", access_list::read_cisco, |_| ());
}

#[test]
fn cisco_sgacl() {
    decides_alike("cisco-sgacl", sgacl::read, |_| ());
}

#[test]
fn arista() {
    decides_alike("arista", access_list::read_arista, |_| ());
}

#[test]
fn juniper() {
    decides_alike("juniper", juniper::read, |_| ());
}

#[test]
fn fortigate() {
    decides_alike("fortigate", fortigate::read, one_type);
}

#[test]
fn paloalto() {
    decides_alike("paloalto", paloalto::read, only_ports);
}

#[test]
fn opnsense() {
    decides_alike("opnsense", opnsense::read, no_types);
}

#[test]
fn pf() {
    decides_alike("pf", pf::read, |_| ());
}

#[test]
fn windows() {
    decides_alike("windows", windows::read, one_unit);
}

#[test]
fn ovs() {
    decides_alike("ovs", ovs::read, |_| ());
}

#[test]
fn suricata() {
    decides_alike("suricata", suricata::read, |_| ());
}

#[test]
fn zeek_lists_what_was_refused_and_nobody_may_talk_to() {
    let mut listed = 0;
    for seed in 0..POLICIES {
        let policy = random_policy(&mut Chance(seed));
        let text = target("zeek").unwrap().render(&policy).unwrap();
        let rows = without_comments(&text, "# ");
        assert_eq!(rows[0], "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc");
        for row in &rows[1..] {
            let cells: Vec<&str> = row.split('\t').collect();
            let [ip, kind, source, why] = cells[..] else { panic!("{row}") };
            let ip: std::net::IpAddr = ip.parse().unwrap();
            assert_eq!((kind, source), ("Intel::ADDR", "lazaret"));
            assert!(why.starts_with("refused to "));
            let refused = policy.units.iter().flat_map(|unit| &unit.refuse);
            assert!(
                refused
                    .clone()
                    .any(|noted| noted.rule.peer.to_string().split('/').next() == Some(&ip.to_string()))
            );
            listed += 1;
        }
    }
    assert!(listed > 100, "{listed}");
}

#[test]
fn every_target_says_what_it_is_and_who_has_judged_it() {
    assert_eq!(TARGETS.len(), 14);
    for target in TARGETS {
        let mut policy = random_policy(&mut Chance(7));
        one_unit(&mut policy);
        only_ports(&mut policy);
        let text = target.render(&policy).unwrap();
        let judged = text.contains("Not run on a real device.") || text.contains("in tests.");
        assert!(judged && text.contains(target.name), "{}", target.name);
        assert!(text.lines().all(|line| !line.contains('\r')), "{}", target.name);
    }
}

#[test]
fn what_a_target_cannot_say_is_an_error_that_names_it() {
    let text = r#"
schema = "lazaret.policy/1"
name = "x"
[[device]]
name = "bed"
addresses = ["10.0.0.1"]
[[device.allow]]
opens = "device"
peer = "name:pool.ntp.org"
protocol = "icmp"
ports = "8"
"#;
    let policy = policy::read(text).unwrap();
    let fault = target("nft").unwrap().render(&policy).unwrap_err();
    assert!(matches!(fault, RenderError::Unsettled(_)));
    assert!(fault.to_string().contains("name:pool.ntp.org") && fault.to_string().contains("[[resolve]]"));
    let resolved = text.replace(
        "[[device]]",
        "[[resolve]]\nname = \"name:pool.ntp.org\"\nnetworks = [\"10.0.0.9\"]\n[[device]]",
    );
    let mut policy = policy::read(&resolved).unwrap();
    assert!(target("nft").unwrap().render(&policy).unwrap().contains("icmp type 8"));
    let fault = target("paloalto").unwrap().render(&policy).unwrap_err().to_string();
    assert!(fault.contains("paloalto cannot say `ICMP type 8`"), "{fault}");
    policy.units[0].networks.clear();
    let fault = target("nft").unwrap().render(&policy).unwrap_err().to_string();
    assert!(fault.contains("`bed` has no network address"), "{fault}");
}

#[test]
fn a_device_that_speaks_from_another_address_is_dropped_where_links_are_seen() {
    let mac: Mac = "02:00:00:00:00:07".parse().unwrap();
    let text = "schema = \"lazaret.policy/1\"\nname = \"x\"\n[[device]]\nname = \"bed\"\nmacs = [\"02:00:00:00:00:07\"]\naddresses = [\"10.0.0.1\"]\n";
    let policy = policy::read(text).unwrap();
    for (source, target) in [("10.0.0.99", "8.8.8.8"), ("2001:db8::5", "2001:db8::9")] {
        let packet = Packet {
            source: source.parse().unwrap(),
            target: target.parse().unwrap(),
            source_mac: Some(mac),
            target_mac: None,
            transport: Transport::Tcp,
            source_port: 5,
            target_port: 80,
            acknowledges: true,
        };
        assert!(!policy.decide(&packet).passes(), "{source}");
        let said = nft::read(&target_text("nft", &policy));
        assert_eq!(first_match(&said.lines, &packet, true), Some(false));
    }
}

fn target_text(name: &str, policy: &Policy) -> String {
    target(name).unwrap().render(policy).unwrap()
}
