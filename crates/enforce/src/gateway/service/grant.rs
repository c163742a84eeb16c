//! Who may ask for what: read off a policy, before anything is opened.
//!
//! A unit of the policy may ask a service where a rule of it, opened by the device over UDP, allows the service's port:
//! the rule's peers are whom the device believes to ask, and the gateway asks the hospital's server in their place. A lease
//! is another matter: it needs one link address and one network address, so that what is offered can be compared and the
//! answer can go to one station only.

use model::{Mac, Prefix, Transport};
use policy::{Opener, Peer, Policy, Unit};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

/// Rules of the kernel for devices and whom they ask. Our limit; a policy that needs more is refused.
pub const PAIRS_MAX: usize = 4096;
/// What a name's address is looked for in, in the policy.
const NAME: &str = "name:";

/// Something that a device may ask for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Service {
    /// Addresses of names.
    Names,
    /// The time.
    Time,
    /// An address of its own.
    Lease,
}

impl Service {
    /// All, in the order of their ports.
    pub const ALL: [Self; 3] = [Self::Names, Self::Lease, Self::Time];

    /// Its name in counts and words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Names => "dns",
            Self::Time => "ntp",
            Self::Lease => "dhcp",
        }
    }

    /// The server's port.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Names => 53,
            Self::Time => 123,
            Self::Lease => 67,
        }
    }
}

/// Devices that may ask peers for a service.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Asking {
    /// Where the devices are.
    pub devices: Prefix,
    /// Whom they believe to ask.
    pub peers: Prefix,
    /// For what.
    pub service: Service,
}

/// A device that may be given its address.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Leasing {
    /// The device.
    pub mac: Mac,
    /// The address that the policy knows it by.
    pub ip: Ipv4Addr,
}

/// Names that a device may ask for, each with the networks that its addresses must lie in; empty where the policy says
/// nothing of them.
type Names = BTreeMap<Vec<u8>, BTreeSet<Prefix>>;

/// What the devices of a policy may ask for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Grants {
    /// Devices and whom they may ask, for names and the time.
    pub askings: BTreeSet<Asking>,
    /// Devices that may be given their address.
    pub leasings: BTreeSet<Leasing>,
    /// By network of the devices.
    names: Vec<(BTreeSet<Prefix>, Names)>,
    /// Sentences for people: what the policy allows and cannot be served.
    pub unserved: Vec<String>,
}

impl Grants {
    /// What `policy` allows of `services`.
    ///
    /// # Errors
    /// A sentence, where it needs more than [`PAIRS_MAX`] rules.
    pub fn of(policy: &Policy, services: &[Service]) -> Result<Self, String> {
        let mut grants = Self::default();
        for unit in &policy.units {
            grants.add(policy, unit, services);
        }
        let pairs = grants.askings.len() + grants.leasings.len();
        if pairs > PAIRS_MAX {
            return Err(format!(
                "the policy lets {pairs} pairs of networks ask, at most {PAIRS_MAX} can be served"
            ));
        }
        Ok(grants)
    }

    fn add(&mut self, policy: &Policy, unit: &Unit, services: &[Service]) {
        let devices: BTreeSet<Prefix> =
            unit.networks.iter().copied().filter(|network| network.ip().is_ipv4()).collect();
        let mut asks_names = false;
        for service in services {
            let peers: BTreeSet<Prefix> = peers_of(policy, unit, service.port()).collect();
            if peers.is_empty() {
                continue;
            }
            if *service == Service::Lease {
                self.add_lease(unit, &devices, &peers);
                continue;
            }
            asks_names |= *service == Service::Names;
            for (devices, peers) in
                devices.iter().flat_map(|device| peers.iter().map(move |peer| (*device, *peer)))
            {
                self.askings.insert(Asking { devices, peers, service: *service });
            }
        }
        if asks_names {
            let names = names_of(policy, unit);
            if names.is_empty() {
                let name = &unit.name;
                self.unserved.push(format!(
                    "`{name}` may ask for names, and the policy names none (peer = \"name:HOST\")"
                ));
            }
            self.names.push((devices, names));
        }
    }

    fn add_lease(&mut self, unit: &Unit, devices: &BTreeSet<Prefix>, peers: &BTreeSet<Prefix>) {
        if !peers.iter().any(|peer| peer.contains(IpAddr::V4(Ipv4Addr::BROADCAST))) {
            return;
        }
        let mac = one(&unit.macs).copied().filter(|mac| mac.is_host());
        let ip = one(devices).and_then(|network| match network.ip() {
            IpAddr::V4(ip) if *network == Prefix::new(ip.into(), 32).ok()? => Some(ip),
            _ => None,
        });
        match (mac, ip) {
            (Some(mac), Some(ip)) => {
                self.leasings.insert(Leasing { mac, ip });
            }
            _ => self.unserved.push(format!(
                "`{}` may ask for an address and gets none: that needs one link address and one address in the policy",
                unit.name
            )),
        }
    }

    /// What `device` may learn of `name` (lower case): the networks that its addresses must lie in, or nothing where the
    /// policy does not list it.
    pub(super) fn name(&self, device: Ipv4Addr, name: &[u8]) -> Option<&BTreeSet<Prefix>> {
        let of = |(devices, names): &'_ (BTreeSet<Prefix>, Names)| {
            devices.iter().any(|network| network.contains(device.into())) && names.contains_key(name)
        };
        self.names.iter().find(|one| of(one)).and_then(|(_, names)| names.get(name))
    }

    /// Whether `device` may ask for `service` at all.
    pub(super) fn may_ask(&self, device: Ipv4Addr, service: Service) -> bool {
        let asks = |asking: &Asking| asking.service == service && asking.devices.contains(device.into());
        self.askings.iter().any(asks)
    }

    /// Whether `device` may ask `peer` for `service`.
    pub(super) fn may_ask_peer(&self, device: Ipv4Addr, peer: Ipv4Addr, service: Service) -> bool {
        let asks = |asking: &&Asking| asking.service == service && asking.devices.contains(device.into());
        self.askings.iter().filter(asks).any(|asking| asking.peers.contains(peer.into()))
    }
}

/// Whom rules of the unit let it ask on `port`, over UDP and IPv4.
fn peers_of<'a>(policy: &'a Policy, unit: &'a Unit, port: u16) -> impl Iterator<Item = Prefix> + 'a {
    let asks = move |rule: &policy::Rule| {
        rule.opens == Opener::Unit
            && rule.transport == Transport::Udp
            && rule.ports.is_none_or(|ports| ports.contain(port))
    };
    let rules = unit.allow.iter().map(|allowed| &allowed.rule).filter(move |rule| asks(rule));
    rules.flat_map(|rule| policy.networks_of(&rule.peer)).filter(|peer| peer.ip().is_ipv4())
}

/// Names of peers of the unit, whatever it may do with them.
fn names_of(policy: &Policy, unit: &Unit) -> Names {
    let mut names = Names::new();
    for allowed in &unit.allow {
        let Peer::Named(peer) = &allowed.rule.peer else { continue };
        let Some(name) = peer.strip_prefix(NAME).map(|name| name.trim_end_matches('.').to_ascii_lowercase())
        else {
            continue;
        };
        let networks = names.entry(name.into_bytes()).or_default();
        networks.extend(policy.networks_of(&allowed.rule.peer).filter(|network| network.ip().is_ipv4()));
    }
    names
}

fn one<T: Ord>(all: &BTreeSet<T>) -> Option<&T> {
    all.first().filter(|_| all.len() == 1)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const POLICY: &str = r#"
schema = "lazaret.policy/1"
name = "ICU 3"
[[resolve]]
name = "name:time.hospital.example"
networks = ["10.20.1.9/32"]
[[device]]
name = "bed 7"
macs = ["02:1b:5e:00:10:20"]
addresses = ["202.114.4.8/32", "2001:db8::8/128"]
  [[device.allow]]
  opens = "device"
  peer = "202.114.4.119"
  protocol = "udp"
  ports = "53"
  [[device.allow]]
  opens = "device"
  peer = "name:Time.Hospital.example"
  protocol = "tcp"
  ports = "9"
  [[device.allow]]
  opens = "device"
  peer = "name:time.hospital.example"
  protocol = "udp"
  ports = "123"
  [[device.allow]]
  opens = "device"
  peer = "255.255.255.255"
  protocol = "udp"
  ports = "67"
[[device]]
name = "bed 8"
macs = ["02:1b:5e:00:10:21", "02:1b:5e:00:10:22"]
addresses = ["202.114.4.9/32"]
  [[device.allow]]
  opens = "device"
  peer = "255.255.255.255"
  protocol = "udp"
  ports = "67"
  [[device.allow]]
  opens = "peer"
  peer = "10.20.1.9"
  protocol = "udp"
  ports = "123"
"#;

    pub(in super::super) fn grants() -> Grants {
        Grants::of(&policy::read(POLICY).unwrap(), &Service::ALL).unwrap()
    }

    #[test]
    fn a_policy_says_who_may_ask_whom_for_what() {
        let grants = grants();
        let prefix = |text: &str| text.parse::<Prefix>().unwrap();
        let asking =
            |peer, service| Asking { devices: prefix("202.114.4.8/32"), peers: prefix(peer), service };
        let askings = [asking("10.20.1.9/32", Service::Time), asking("202.114.4.119/32", Service::Names)];
        assert_eq!(grants.askings, askings.into());
        let ip = Ipv4Addr::new(202, 114, 4, 8);
        assert_eq!(grants.leasings, [Leasing { mac: "02:1b:5e:00:10:20".parse().unwrap(), ip }].into());
        assert_eq!(grants.unserved.len(), 1, "{:?}", grants.unserved);
        assert!(grants.unserved[0].contains("`bed 8`"));
        assert!(
            grants.may_ask(ip, Service::Time)
                && !grants.may_ask(Ipv4Addr::new(202, 114, 4, 9), Service::Time)
        );
        // The table of addresses is by the name as the policy writes it.
        assert_eq!(grants.name(ip, b"time.hospital.example"), Some(&[prefix("10.20.1.9/32")].into()));
        assert_eq!(grants.name(ip, b"hospital.example"), None);
        assert_eq!(grants.name(Ipv4Addr::new(202, 114, 4, 9), b"time.hospital.example"), None);
        let none = Grants::of(&policy::read(POLICY).unwrap(), &[]).unwrap();
        assert_eq!(none, Grants::default());
    }
}
