//! Link headers: Ethernet (IEEE 802.3), VLAN tags (802.1Q, 802.1ad), LLC/SNAP (802.2), Linux cooked
//! captures (tcpdump.org LINKTYPE_LINUX_SLL, SLL2), BSD null and loop, MPLS (RFC 3032), PPPoE (RFC 2516).

use super::{Next, Payload, Walk};
use model::{Mac, Malformed, Reason};

pub(super) const ETHER_IPV4: u16 = 0x0800;
pub(super) const ETHER_ARP: u16 = 0x0806;
/// Reverse ARP (RFC 903): the same packet under a type of its own.
const ETHER_RARP: u16 = 0x8035;
pub(super) const ETHER_IPV6: u16 = 0x86DD;
/// Lengths of 802.3 frames lie below, types at or above.
const ETHER_TYPE_MIN: u16 = 0x0600;
/// ARP hardware type of loopback and Ethernet in cooked captures: the ones whose addresses are MACs.
const ARPHRD_NETLINK: u16 = 824;

impl<'a> Walk<'a> {
    pub(super) fn ethernet(&mut self) -> Result<Next<'a>, Malformed> {
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = self.header("ethernet header")?;
        self.destination = Some(Mac([d0, d1, d2, d3, d4, d5]));
        self.source = Some(Mac([s0, s1, s2, s3, s4, s5]));
        let ether_type = u16::from_be_bytes([t0, t1]);
        Ok(if ether_type >= ETHER_TYPE_MIN { Next::Type(ether_type) } else { Next::Llc })
    }

    pub(super) fn by_type(&mut self, ether_type: u16) -> Result<Next<'a>, Malformed> {
        Ok(match ether_type {
            ETHER_IPV4 | ETHER_IPV6 => Next::Ip,
            ETHER_ARP | ETHER_RARP => Next::End(Payload::Arp(self.rest)),
            // 802.1Q, 802.1ad, and the two values that vendors used before 802.1ad.
            0x8100 | 0x88A8 | 0x9100 | 0x9200 => {
                let [tag0, tag1, type0, type1] = self.header("vlan tag")?;
                self.vlans.push(u16::from_be_bytes([tag0, tag1]));
                match u16::from_be_bytes([type0, type1]) {
                    length if length < ETHER_TYPE_MIN => Next::Llc,
                    inner => Next::Type(inner),
                }
            }
            // Cisco VNTAG (802.1BR's forerunner): four bytes, then the next type.
            0x8926 => {
                let [_, _, _, _, type0, type1] = self.header("vntag")?;
                Next::Type(u16::from_be_bytes([type0, type1]))
            }
            0x8847 | 0x8848 => Next::Mpls,
            0x8864 => Next::PppoeSession,
            // Transparent Ethernet bridging, where GRE names it.
            0x6558 => Next::Ethernet,
            0x88BE => Next::ErspanTwo,
            0x22EB => Next::ErspanThree,
            _ => Next::End(Payload::Undecoded),
        })
    }

    /// 802.2 LLC; a SNAP header with the zero OUI names an `EtherType`.
    pub(super) fn llc(&mut self) -> Result<Next<'a>, Malformed> {
        let Some([0xAA, 0xAA, 0x03, 0, 0, 0, type0, type1]) = self.rest.first_chunk::<8>().copied() else {
            return Ok(Next::End(Payload::Undecoded));
        };
        self.skip(8, "snap header")?;
        Ok(Next::Type(u16::from_be_bytes([type0, type1])))
    }

    /// Address family in the byte order of the capturing host, which the file does not tell.
    pub(super) fn null(&mut self) -> Result<Next<'a>, Malformed> {
        let family: [u8; 4] = self.header("address family")?;
        Ok(by_family(u32::from_le_bytes(family).min(u32::from_be_bytes(family))))
    }

    pub(super) fn loopback(&mut self) -> Result<Next<'a>, Malformed> {
        let family: [u8; 4] = self.header("address family")?;
        Ok(by_family(u32::from_be_bytes(family)))
    }

    pub(super) fn sll(&mut self) -> Result<Next<'a>, Malformed> {
        let [_, _, h0, h1, l0, l1, a0, a1, a2, a3, a4, a5, _, _, t0, t1] = self.header("cooked header")?;
        if u16::from_be_bytes([l0, l1]) == 6 {
            self.source = Some(Mac([a0, a1, a2, a3, a4, a5])).filter(|mac| mac.is_host());
        }
        Ok(cooked(u16::from_be_bytes([h0, h1]), u16::from_be_bytes([t0, t1])))
    }

    pub(super) fn sll2(&mut self) -> Result<Next<'a>, Malformed> {
        let [t0, t1, _, _, _, _, _, _, h0, h1, _, length, a0, a1, a2, a3, a4, a5, _, _] =
            self.header("cooked header v2")?;
        if length == 6 {
            self.source = Some(Mac([a0, a1, a2, a3, a4, a5])).filter(|mac| mac.is_host());
        }
        Ok(cooked(u16::from_be_bytes([h0, h1]), u16::from_be_bytes([t0, t1])))
    }

    /// Labels to the bottom of the stack, then IP by its version nibble, or an Ethernet pseudowire with its
    /// control word (RFC 4448), whose first nibble is 0.
    pub(super) fn mpls(&mut self) -> Result<Next<'a>, Malformed> {
        let [_, _, exp_bottom, _] = self.header("mpls label")?;
        if exp_bottom & 1 == 0 {
            return Ok(Next::Mpls);
        }
        match self.rest.first().map(|byte| byte >> 4) {
            Some(4 | 6) => Ok(Next::Ip),
            Some(0) => {
                self.skip(4, "pseudowire control word")?;
                Ok(Next::Ethernet)
            }
            _ => Ok(Next::End(Payload::Undecoded)),
        }
    }

    pub(super) fn pppoe(&mut self) -> Result<Next<'a>, Malformed> {
        let [version_type, code, ..] = self.header::<6>("pppoe header")?;
        if version_type != 0x11 {
            return Err(self.fault("pppoe version and type", Reason::NotDefined(u64::from(version_type))));
        }
        Ok(if code == 0 { Next::Ppp } else { Next::End(Payload::Undecoded) })
    }

    /// PPP (RFC 1661) protocol field; one byte where the low bit is set (protocol field compression).
    pub(super) fn ppp(&mut self) -> Result<Next<'a>, Malformed> {
        let [first] = self.header("ppp protocol")?;
        let protocol = if first & 1 == 1 {
            u16::from(first)
        } else {
            let [second] = self.header("ppp protocol")?;
            u16::from_be_bytes([first, second])
        };
        Ok(match protocol {
            0x0021 | 0x0057 => Next::Ip,
            0x0281 => Next::Mpls,
            _ => Next::End(Payload::Undecoded),
        })
    }
}

fn by_family<'a>(family: u32) -> Next<'a> {
    match family {
        // AF_INET everywhere; AF_INET6 on Linux, FreeBSD, macOS, NetBSD/OpenBSD and Windows.
        2 | 10 | 23 | 24 | 28 | 30 => Next::Ip,
        _ => Next::End(Payload::Undecoded),
    }
}

fn cooked<'a>(hardware: u16, protocol: u16) -> Next<'a> {
    match (hardware, protocol) {
        (ARPHRD_NETLINK, _) => Next::End(Payload::Undecoded),
        (_, 0x0004) => Next::Llc,
        (_, ether_type) if ether_type >= ETHER_TYPE_MIN => Next::Type(ether_type),
        _ => Next::End(Payload::Undecoded),
    }
}
