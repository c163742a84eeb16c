//! The kernel's part: an nftables table that lets nothing through.
//!
//! # Source
//! nft(8); netfilter's hooks see a packet after the packet taps, so that a sensor on the same interface still sees what
//! is dropped.

use super::service::{Asking, Lease, Service};
use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Name of our table, in family `inet`.
pub const TABLE: &str = "lazaret_gateway";

/// Why something cannot stand in a rule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// Not a name that the kernel gives an interface.
    #[error("`{0}` is no name of a network interface: at most 15 letters, digits, `.`, `_`, `-`")]
    Interface(String),
    /// Not a port or a range of ports.
    #[error("`{0}` is no port or range of ports, such as 515-520")]
    Ports(String),
}

/// Name of an interface, safe to stand in a rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Interface(String);

impl FromStr for Interface {
    type Err = RulesError;

    fn from_str(text: &str) -> Result<Self, RulesError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        // IFNAMSIZ is 16, with the NUL; `.` and `..` would be folders of /proc.
        let is_name =
            (1..16).contains(&text.len()) && text.chars().all(fits) && !text.trim_matches('.').is_empty();
        if is_name { Ok(Self(text.to_owned())) } else { Err(RulesError::Interface(text.to_owned())) }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A port or a range of ports.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ports(pub RangeInclusive<u16>);

impl FromStr for Ports {
    type Err = RulesError;

    fn from_str(text: &str) -> Result<Self, RulesError> {
        let wrong = || RulesError::Ports(text.to_owned());
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let [from, to] = [from, to].map(|port| port.parse::<u16>().ok().filter(|port| *port > 0));
        let (from, to) = from.zip(to).filter(|(from, to)| from <= to).ok_or_else(wrong)?;
        Ok(Self(from..=to))
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.0.start(), self.0.end());
        if from == to { from.fmt(f) } else { write!(f, "{from}-{to}") }
    }
}

/// What the kernel lets pass.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rules {
    /// The interface on the device's side.
    pub device: Interface,
    /// Addresses that the gateway takes there.
    pub stations: Vec<Ipv4Addr>,
    /// TCP ports that it accepts.
    pub ports: Vec<Ports>,
    /// Devices, each with the named central station that it may reach directly, on the same ports: the bypass.
    pub bypasses: Vec<(Ipv4Addr, Ipv4Addr)>,
    /// Who may ask whom for names and the time; the gateway's first address answers.
    pub askings: BTreeSet<Asking>,
    /// Devices that may be given their address.
    pub leases: Vec<Lease>,
}

/// Where in the packet's way the rules of the services stand.
#[derive(Default)]
struct ServiceRules {
    before_routing: String,
    addressed: String,
    from_device: String,
    to_device: String,
}

impl Rules {
    /// The table as text for `nft -f`: what was there of it goes and this comes, in one transaction.
    #[must_use]
    pub fn text(&self) -> String {
        let device = &self.device;
        let stations = list(&self.stations);
        let mut targets = self.stations.clone();
        targets.extend(self.bypasses.iter().map(|(_, central)| central));
        let targets: BTreeSet<Ipv4Addr> = targets.into_iter().collect();
        let targets = list(&targets);
        let ports = list(&self.ports);
        let accepted = format!("tcp dport {{ {ports} }}");
        let over = self.over();
        let ServiceRules { before_routing, addressed, from_device, to_device } = self.services();
        format!(
            "# Made by lazaret gateway. Stays when the gateway ends: closed to the outside always.\n\
             # Away with it: lazaret gateway remove --device-interface {device}\n\
             table inet {TABLE}\n\
             delete table inet {TABLE}\n\
             table inet {TABLE} {{\n\
             \x20 chain before_routing {{\n\
             \x20   type filter hook prerouting priority -300; policy accept;\n\
             \x20   iifname != \"{device}\" accept\n\
             {before_routing}\
             \x20   # An answer to a source that lives elsewhere would leave by another interface, and so would the\n\
             \x20   # kernel's word that there is no route to a target.\n\
             \x20   fib saddr . iif oif missing counter drop\n\
             \x20   ip daddr {{ {targets} }} accept\n\
             {addressed}\
             \x20 chain from_device {{\n\
             \x20   type filter hook input priority -10; policy accept;\n\
             \x20   # Whoever is on another side has no business with the station's addresses.\n\
             \x20   iifname != \"{device}\" ip daddr {{ {stations} }} counter drop\n\
             \x20   iifname != \"{device}\" accept\n\
             \x20   ct state invalid counter drop\n\
             {from_device}\
             \x20   ip daddr {{ {stations} }} {accepted} ct state new,established counter accept\n\
             \x20   meta l4proto tcp counter reject with tcp reset\n\
             \x20   counter drop\n\
             \x20 }}\n\
             \x20 chain to_device {{\n\
             \x20   type filter hook output priority -10; policy accept;\n\
             \x20   oifname != \"{device}\" ip saddr {{ {stations} }} counter drop\n\
             \x20   oifname != \"{device}\" accept\n\
             \x20   # No connection and no datagram begins here.\n\
             \x20   ip saddr {{ {stations} }} tcp sport {{ {ports} }} ct state established counter accept\n\
             {to_device}\
             \x20   tcp flags & rst == rst counter accept\n\
             \x20   counter drop\n\
             \x20 }}\n\
             \x20 chain across {{\n\
             \x20   type filter hook forward priority -10; policy accept;\n\
             {over}\
             \x20   iifname \"{device}\" counter drop\n\
             \x20   oifname \"{device}\" counter drop\n\
             \x20 }}\n\
             }}\n"
        )
    }

    /// What passes from one side to the other.
    fn over(&self) -> String {
        let (device, ports) = (&self.device, list(&self.ports));
        let mut over = String::new();
        for (monitor, central) in &self.bypasses {
            let _ = write!(
                over,
                "    iifname \"{device}\" ip saddr {monitor} ip daddr {central} tcp dport {{ {ports} }} counter accept\n    \
                 oifname \"{device}\" ip saddr {central} ip daddr {monitor} tcp sport {{ {ports} }} ct state established \
                 counter accept\n"
            );
        }
        over
    }

    /// What devices may ask for: a packet goes on only where the policy has its source, its target and its port; whoever it was
    /// sent to, the gateway answers; and what goes back belongs to a question, or is the lease of one station.
    fn services(&self) -> ServiceRules {
        let mut rules =
            ServiceRules { addressed: "    counter drop\n  }\n".to_owned(), ..ServiceRules::default() };
        let Some(station) = self.stations.first() else { return rules };
        let device = &self.device;
        let mut asked = String::new();
        let mut addressed = String::new();
        for Asking { devices, peers, service } in &self.askings {
            let port = service.port();
            let question = format!("ip saddr {devices} ip daddr {peers} udp dport {port}");
            let _ = writeln!(addressed, "    {question} counter accept");
            let _ = writeln!(asked, "    iifname \"{device}\" {question} dnat ip to {station}:{port}");
            let _ = writeln!(
                rules.from_device,
                "    ip saddr {devices} ct original ip daddr {peers} ip daddr {station} udp dport {port} \
                 ct state new,established counter accept"
            );
            let _ = writeln!(
                rules.to_device,
                "    ip saddr {station} ip daddr {devices} udp sport {port} ct state established counter accept"
            );
        }
        if !asked.is_empty() {
            let chain = "  chain asked {\n    type nat hook prerouting priority -100; policy accept;\n";
            rules.addressed = format!("{addressed}    counter drop\n  }}\n{chain}{asked}  }}\n");
        }
        let (server, client) = (Service::Lease.port(), Service::Lease.port() + 1);
        for Lease { of, near } in &self.leases {
            let (mac, ip) = (of.mac, of.ip);
            let to_all = Ipv4Addr::BROADCAST;
            let ports = format!("udp sport {client} udp dport {server}");
            let _ = writeln!(
                rules.before_routing,
                "    ether saddr {mac} ip saddr {{ 0.0.0.0, {ip} }} ip daddr {to_all} {ports} counter accept"
            );
            let _ = writeln!(
                rules.from_device,
                "    ether saddr {mac} ip saddr {{ 0.0.0.0, {ip} }} ip daddr {{ {near}, {to_all} }} {ports} counter accept"
            );
            let _ = writeln!(
                rules.to_device,
                "    ip saddr {near} ip daddr {ip} udp sport {server} udp dport {client} counter accept"
            );
        }
        rules
    }

    /// Takes the table away, where it is.
    #[must_use]
    pub fn removal() -> String {
        format!("table inet {TABLE}\ndelete table inet {TABLE}\n")
    }

    /// Every address with every port, to listen on.
    pub fn sockets(&self) -> impl Iterator<Item = (IpAddr, u16)> + '_ {
        let ports = || self.ports.iter().flat_map(|ports| ports.0.clone());
        self.stations.iter().flat_map(move |station| ports().map(|port| (IpAddr::V4(*station), port)))
    }
}

fn list<T: fmt::Display>(all: impl IntoIterator<Item = T>) -> String {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(bypass: Option<(Ipv4Addr, Ipv4Addr)>) -> Rules {
        Rules {
            device: "dev0".parse().unwrap(),
            stations: vec![Ipv4Addr::new(202, 114, 4, 119), Ipv4Addr::new(202, 114, 4, 120)],
            ports: vec!["511".parse().unwrap(), "515-520".parse().unwrap()],
            bypasses: bypass.into_iter().collect(),
            askings: BTreeSet::new(),
            leases: Vec::new(),
        }
    }

    #[test]
    fn what_is_no_name_or_port_stands_in_no_rule() {
        for name in ["", "a b", "x\"", "dev0;drop", "0123456789abcdef", "..", "a/b", "{", "é"] {
            assert!(name.parse::<Interface>().is_err(), "{name}");
        }
        for name in ["eth0", "br-lan", "enp0s31f6", "eth0.100"] {
            assert_eq!(name.parse::<Interface>().unwrap().to_string(), name);
        }
        for ports in ["", "0", "65536", "520-515", "515-", "a", "1-2-3"] {
            assert!(ports.parse::<Ports>().is_err(), "{ports}");
        }
        assert_eq!("515-520".parse::<Ports>().unwrap().to_string(), "515-520");
        assert_eq!("511".parse::<Ports>().unwrap().to_string(), "511");
    }

    #[test]
    fn only_a_bypass_leads_across() {
        let across = |rules: &Rules| {
            let text = rules.text();
            let (_, chain) = text.split_once("chain across").unwrap();
            chain.matches("accept\n").count()
        };
        assert_eq!(across(&rules(None)), 0);
        let (monitor, central) = (Ipv4Addr::new(10, 0, 0, 7), Ipv4Addr::new(10, 1, 0, 1));
        assert_eq!(across(&rules(Some((monitor, central)))), 2);
    }

    #[test]
    fn what_is_asked_for_passes_only_from_and_to_whom_the_policy_names() {
        use crate::gateway::service::Leasing;
        let ip = Ipv4Addr::new(202, 114, 4, 8);
        let device = "202.114.4.8/32".parse().unwrap();
        let asking =
            Asking { devices: device, peers: "10.20.1.2/32".parse().unwrap(), service: Service::Names };
        let lease = Lease {
            of: Leasing { mac: model::Mac([2, 0, 0, 0, 0, 7]), ip },
            near: Ipv4Addr::new(202, 114, 4, 119),
        };
        let text = Rules { askings: [asking].into(), leases: vec![lease], ..rules(None) }.text();
        let chain = |name: &str| {
            let (_, rest) = text.split_once(&format!("chain {name} {{\n")).unwrap();
            rest.split_once("  }\n").unwrap().0.to_owned()
        };
        let of = |name: &str| chain(name).lines().filter(|line| line.contains("udp")).count();
        assert_eq!(
            ["before_routing", "asked", "from_device", "to_device", "across"].map(of),
            [2, 1, 2, 2, 0]
        );
        assert!(chain("asked").contains(
            "ip saddr 202.114.4.8/32 ip daddr 10.20.1.2/32 udp dport 53 dnat ip to 202.114.4.119:53"
        ));
        assert!(chain("to_device").contains("udp sport 53 ct state established counter accept"));
        // A lease comes before it is looked whether the source lives here: it has no source yet.
        let before = chain("before_routing");
        assert!(before.find("ether saddr 02:00:00:00:00:07").unwrap() < before.find("fib saddr").unwrap());
        assert!(!rules(None).text().contains("udp"));
    }

    #[test]
    fn every_address_is_listened_on_at_every_port() {
        assert_eq!(rules(None).sockets().count(), 2 * 7);
    }
}
