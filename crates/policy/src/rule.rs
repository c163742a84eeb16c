//! The nouns: policy, unit, rule.

use crate::session::SessionProfile;
use model::{CaptureTime, Mac, Prefix, Transport};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Who opens a conversation.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Opener {
    /// The unit.
    Unit,
    /// Its peer.
    Peer,
}

impl Opener {
    /// As policy files write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unit => "device",
            Self::Peer => "peer",
        }
    }
}

/// A range of ports, both ends in it; for ICMP, of message types.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ports {
    /// The lowest.
    pub low: u16,
    /// The highest.
    pub high: u16,
}

impl Ports {
    /// One port.
    #[must_use]
    pub const fn one(port: u16) -> Self {
        Self { low: port, high: port }
    }

    /// Whether `port` is in it.
    #[must_use]
    pub const fn contain(self, port: u16) -> bool {
        self.low <= port && port <= self.high
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.low == self.high {
            write!(f, "{}", self.low)
        } else {
            write!(f, "{}-{}", self.low, self.high)
        }
    }
}

impl FromStr for Ports {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "is no port or range of ports; write 515 or 515-520";
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        let (low, high) = (low.trim().parse().map_err(|_| wrong)?, high.trim().parse().map_err(|_| wrong)?);
        if low > high { Err("is a range that ends before it begins") } else { Ok(Self { low, high }) }
    }
}

/// Who a unit may talk to.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Peer {
    /// Addresses.
    Network(Prefix),
    /// Somebody whose addresses the policy's `resolve` table gives: a DNS name (`name:pool.ntp.org`), or one of the
    /// abstractions of RFC 8520 (`controller:…`, `my-controller`, `local-networks`, `manufacturer:…`,
    /// `same-manufacturer`, `model:…`).
    Named(String),
}

/// Words that stand alone as a named peer.
const LONE_NAMES: [&str; 3] = ["my-controller", "local-networks", "same-manufacturer"];
/// Words before the colon of a named peer.
const KINDS_OF_NAME: [&str; 4] = ["name", "controller", "manufacturer", "model"];
/// Longest name of a peer, in bytes. Our limit, above the 253 of a DNS name (RFC 1035 §2.3.4) and usual URNs; longer
/// ones are refused when they are read.
pub(crate) const NAME_BYTES_MAX: usize = 512;

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(prefix) => prefix.fmt(f),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl FromStr for Peer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return host(ip).map(Self::Network).ok_or("is no address");
        }
        if let Ok(prefix) = text.parse() {
            return Ok(Self::Network(prefix));
        }
        let kind = text.split_once(':').filter(|(_, rest)| !rest.is_empty()).map(|(kind, _)| kind);
        if text.len() > NAME_BYTES_MAX {
            return Err("is longer than 512 bytes");
        }
        if LONE_NAMES.contains(&text) || kind.is_some_and(|kind| KINDS_OF_NAME.contains(&kind)) {
            return Ok(Self::Named(text.to_owned()));
        }
        Err(
            "is no peer; write an address, a prefix, name:HOST, controller:URI, manufacturer:NAME, model:URI, \
             my-controller, same-manufacturer or local-networks",
        )
    }
}

/// The prefix of one address.
#[must_use]
pub(crate) fn host(ip: IpAddr) -> Option<Prefix> {
    Prefix::new(ip, if ip.is_ipv4() { 32 } else { 128 }).ok()
}

/// One kind of conversation that a unit may have.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Rule {
    /// Who opens it; ICMP goes both ways whoever began.
    pub opens: Opener,
    /// With whom.
    pub peer: Peer,
    /// What carries it.
    pub transport: Transport,
    /// Ports of whoever is addressed (TCP, UDP), or message types (ICMP); absent for any.
    pub ports: Option<Ports>,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = if self.opens == Opener::Unit { "→" } else { "←" };
        write!(f, "{arrow} {} {}", self.peer, self.transport)?;
        match self.ports {
            Some(ports) => write!(f, "/{ports}"),
            None => Ok(()),
        }
    }
}

/// How something was observed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Observed {
    /// Flows.
    pub flows: u64,
    /// First frame.
    pub first: Option<CaptureTime>,
    /// Last frame.
    pub last: Option<CaptureTime>,
    /// How regularly, in words; absent where that cannot be told.
    pub regular: Option<String>,
    /// A frame that shows it, as `capture:frame`.
    pub frame: Option<String>,
}

/// A rule, and why it is there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Allowed {
    /// What is allowed.
    pub rule: Rule,
    /// What it is for (`vital-signs`, `time`, …); absent where nobody knows.
    pub role: Option<String>,
    /// Patients' care depends on it.
    pub clinical: bool,
    /// Why.
    pub why: String,
    /// How it was observed; absent where it was not.
    pub seen: Option<Observed>,
    /// How the unit opens encrypted sessions in it; empty where that is not known, or anything goes.
    pub sessions: Vec<SessionProfile>,
}

/// A conversation that is not allowed, and why: denied by default, written down for the reader.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Noted {
    /// What it is.
    pub rule: Rule,
    /// What it is for; absent where nobody knows.
    pub role: Option<String>,
    /// Why it is not allowed.
    pub why: String,
    /// How it was observed.
    pub seen: Option<Observed>,
    /// How the unit opens encrypted sessions in it; empty where that is not known.
    pub sessions: Vec<SessionProfile>,
}

/// What a unit is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum UnitKind {
    /// One device, or all devices of one profile.
    Device,
    /// All of a part of the network.
    Zone,
}

/// Those who share one set of rules.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unit {
    /// Its name, unique in the policy.
    pub name: String,
    /// What it is.
    pub kind: UnitKind,
    /// Profile of the devices.
    pub profile: Option<String>,
    /// Class of the devices.
    pub class: Option<String>,
    /// Link addresses.
    pub macs: BTreeSet<Mac>,
    /// Network addresses.
    pub networks: BTreeSet<Prefix>,
    /// What is allowed.
    pub allow: Vec<Allowed>,
    /// What was seen or expected and is not needed.
    pub refuse: Vec<Noted>,
    /// What nobody can say yet.
    pub unknown: Vec<Noted>,
}

/// Whom the policy decides about.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Scope {
    /// Packets that concern a unit; all others pass.
    #[default]
    Units,
    /// Every packet: only the units and those they talk to are behind the point of enforcement.
    Segment,
}

impl Scope {
    /// As policy files write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Units => "devices",
            Self::Segment => "segment",
        }
    }
}

/// What a policy was learnt from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Coverage {
    /// First frame.
    pub first: Option<CaptureTime>,
    /// Last frame.
    pub last: Option<CaptureTime>,
    /// Time that captures cover, in seconds.
    pub seconds: u64,
    /// Sentences: what was seen of days and cycles, and what was not.
    pub notes: Vec<String>,
}

/// What may talk to what.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Whom it decides about.
    pub scope: Scope,
    /// What it was learnt from; absent where it was not.
    pub coverage: Option<Coverage>,
    /// Addresses of named peers.
    pub resolve: BTreeMap<String, BTreeSet<Prefix>>,
    /// Devices and zones.
    pub units: Vec<Unit>,
}

impl Policy {
    /// The networks of a peer; empty where it is a name that nothing resolves.
    pub fn networks_of<'a>(&'a self, peer: &'a Peer) -> Box<dyn Iterator<Item = Prefix> + 'a> {
        match peer {
            Peer::Network(prefix) => Box::new(std::iter::once(*prefix)),
            Peer::Named(name) => Box::new(self.resolve.get(name).into_iter().flatten().copied()),
        }
    }

    /// Named peers of rules that the policy gives no address of, each with the units that need it.
    #[must_use]
    pub fn unresolved(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut open: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for unit in &self.units {
            for allowed in &unit.allow {
                if let Peer::Named(name) = &allowed.rule.peer
                    && self.resolve.get(name).is_none_or(BTreeSet::is_empty)
                {
                    open.entry(name).or_default().insert(&unit.name);
                }
            }
        }
        open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_and_ports_read_back_what_they_write() {
        for text in [
            "10.1.2.0/24",
            "::/0",
            "name:pool.ntp.org",
            "my-controller",
            "controller:urn:x:y",
            "local-networks",
        ] {
            assert_eq!(text.parse::<Peer>().unwrap().to_string(), text);
        }
        assert_eq!("10.0.0.1".parse::<Peer>().unwrap().to_string(), "10.0.0.1/32");
        for text in ["", "name:", "pool.ntp.org", "10.0.0.0/33", "anything:x"] {
            assert!(text.parse::<Peer>().is_err(), "{text}");
        }
        assert_eq!("515-520".parse::<Ports>().unwrap(), Ports { low: 515, high: 520 });
        assert_eq!(Ports::one(7).to_string().parse::<Ports>().unwrap(), Ports::one(7));
        for text in ["", "65536", "9-8", "1-", "x"] {
            assert!(text.parse::<Ports>().is_err(), "{text}");
        }
    }
}
