//! Addresses: of links, of networks, of endpoints.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An IEEE 802 MAC address.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// All ones.
    pub const BROADCAST: Self = Self([0xFF; 6]);
    /// All zero: "not known" in ARP requests.
    pub const ZERO: Self = Self([0; 6]);

    /// Group address (multicast or broadcast): bit 0 of the first octet, IEEE 802-2014 §8.2.
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Locally administered: bit 1 of the first octet, IEEE 802-2014 §8.2.
    #[must_use]
    pub const fn is_local(self) -> bool {
        self.0[0] & 2 != 0
    }

    /// Whether it can belong to one host: neither a group address nor all zero.
    #[must_use]
    pub fn is_host(self) -> bool {
        !self.is_group() && self != Self::ZERO
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Mac {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut octets = [0; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            let part = parts.next().filter(|part| part.len() == 2).ok_or("a MAC address has six octets")?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| "an octet is two hexadecimal digits")?;
        }
        if parts.next().is_some() { Err("a MAC address has six octets") } else { Ok(Self(octets)) }
    }
}

/// What carries the payload over IP.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Transport {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
    /// RFC 792 and RFC 4443.
    Icmp,
    /// Another IP protocol, by IANA number.
    Ip(u8),
    /// No IP at all: the link layer alone (ARP, 802.11 management).
    Link,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => f.write_str("tcp"),
            Self::Udp => f.write_str("udp"),
            Self::Icmp => f.write_str("icmp"),
            Self::Ip(number) => write!(f, "ip-{number}"),
            Self::Link => f.write_str("link"),
        }
    }
}

/// An address and a port at a time. The port is 0 where the transport has none.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Endpoint {
    /// Network address.
    pub ip: IpAddr,
    /// Transport port; 0 where there is none.
    pub port: u16,
}

/// VLAN ids of a frame, outermost first. Deeper tags than [`VlanStack::TAGS_MAX`] are dropped.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct VlanStack {
    ids: [u16; Self::TAGS_MAX],
    len: u8,
}

impl VlanStack {
    /// Our limit: IEEE 802.1ad needs two; four leave room for vendors' stacks.
    pub const TAGS_MAX: usize = 4;

    /// Adds the next inner tag; only its 12 id bits are kept.
    pub fn push(&mut self, id: u16) {
        if let Some(slot) = self.ids.get_mut(usize::from(self.len)) {
            *slot = id & 0x0FFF;
            self.len += 1;
        }
    }

    /// The ids, outermost first.
    #[must_use]
    pub fn ids(&self) -> &[u16] {
        self.ids.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Debug for VlanStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ids().fmt(f)
    }
}

/// An IP prefix in CIDR notation.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Prefix {
    ip: IpAddr,
    bits: u8,
}

/// Why a text is not a [`Prefix`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PrefixError {
    /// Not `address/bits`.
    Form,
    /// More bits than the address family has.
    Bits,
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "not an address prefix; write it like 10.20.4.0/24",
            Self::Bits => "more prefix bits than the address has",
        })
    }
}

impl std::error::Error for PrefixError {}

impl Prefix {
    /// The prefix of `bits` bits that holds `ip`.
    ///
    /// # Errors
    /// [`PrefixError::Bits`] when the address is shorter than `bits`.
    pub fn new(ip: IpAddr, bits: u8) -> Result<Self, PrefixError> {
        let most = if ip.is_ipv4() { 32 } else { 128 };
        if bits > most { Err(PrefixError::Bits) } else { Ok(Self { ip: masked(ip, bits), bits }) }
    }

    /// The first address in it.
    #[must_use]
    pub const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// How many leading bits its addresses share.
    #[must_use]
    pub const fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether it is of IPv4 addresses.
    #[must_use]
    pub const fn is_ipv4(&self) -> bool {
        self.ip.is_ipv4()
    }

    /// Whether `ip` lies in the prefix. IPv4 never lies in an IPv6 prefix.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.ip.is_ipv4() == ip.is_ipv4() && masked(ip, self.bits) == self.ip
    }
}

fn masked(ip: IpAddr, bits: u8) -> IpAddr {
    match ip {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (ip, bits) = text.split_once('/').ok_or(PrefixError::Form)?;
        let ip = ip.parse().map_err(|_| PrefixError::Form)?;
        Self::new(ip, bits.parse().map_err(|_| PrefixError::Form)?)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.bits)
    }
}

/// The networks that are the site's own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Networks(Vec<Prefix>);

impl Networks {
    /// Exactly these prefixes.
    #[must_use]
    pub const fn new(prefixes: Vec<Prefix>) -> Self {
        Self(prefixes)
    }

    /// The prefixes.
    pub fn iter(&self) -> impl Iterator<Item = Prefix> + '_ {
        self.0.iter().copied()
    }

    /// Whether the site says that `ip` is its own.
    #[must_use]
    pub fn contain(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|prefix| prefix.contains(ip))
    }
}

impl Default for Networks {
    /// RFC 1918, RFC 6598, RFC 3927, ULA (RFC 4193) and IPv6 link-local (RFC 4291).
    fn default() -> Self {
        let v4 = |a, b, bits| Prefix { ip: IpAddr::V4(Ipv4Addr::new(a, b, 0, 0)), bits };
        let v6 = |a, bits| Prefix { ip: IpAddr::V6(Ipv6Addr::new(a, 0, 0, 0, 0, 0, 0, 0)), bits };
        Self(vec![
            v4(10, 0, 8),
            v4(172, 16, 12),
            v4(192, 168, 16),
            v4(100, 64, 10),
            v4(169, 254, 16),
            v6(0xFC00, 7),
            v6(0xFE80, 10),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_reads_back_what_it_writes() {
        let mac: Mac = "02:1B:5e:00:10:20".parse().unwrap();
        assert_eq!(mac.to_string(), "02:1b:5e:00:10:20");
        assert!(mac.is_local() && mac.is_host());
        assert!("02:1b:5e:00:10".parse::<Mac>().is_err());
        assert!("02:1b:5e:00:10:20:30".parse::<Mac>().is_err());
    }

    #[test]
    fn a_prefix_holds_its_addresses_and_no_others() {
        let prefix: Prefix = "10.20.4.7/22".parse().unwrap();
        assert_eq!(prefix.to_string(), "10.20.4.0/22");
        assert!(prefix.contains("10.20.7.255".parse().unwrap()));
        assert!(!prefix.contains("10.20.8.0".parse().unwrap()));
        assert!("0.0.0.0/0".parse::<Prefix>().unwrap().contains("8.8.8.8".parse().unwrap()));
        assert!(!"::/0".parse::<Prefix>().unwrap().contains("8.8.8.8".parse().unwrap()));
        assert_eq!("10.0.0.0/33".parse::<Prefix>(), Err(PrefixError::Bits));
        assert_eq!("10.0.0.0".parse::<Prefix>(), Err(PrefixError::Form));
    }

    #[test]
    fn private_networks_are_the_sites_own_by_default() {
        let site = Networks::default();
        for inside in
            ["10.1.2.3", "172.31.0.1", "192.168.7.7", "100.127.0.1", "169.254.1.1", "fd00::1", "fe80::1"]
        {
            assert!(site.contain(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["202.114.4.119", "172.32.0.1", "100.128.0.1", "2001:db8::1"] {
            assert!(!site.contain(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn a_vlan_stack_keeps_the_outermost_tags() {
        let mut vlans = VlanStack::default();
        for id in [0x2064, 42, 1, 2, 3] {
            vlans.push(id);
        }
        assert_eq!(vlans.ids(), [100, 42, 1, 2]);
    }
}
