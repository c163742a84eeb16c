//! Tunnels that mirror ports and sites use: GRE (RFC 2784, 2890), ERSPAN I-III (Cisco; Foschiano's draft),
//! VXLAN (RFC 7348), Geneve (RFC 8926), IP in IP (RFC 2003, 4213).

use super::ip::UDP;
use super::{IpPacket, Next, Payload, Walk};
use model::{Malformed, Reason};

const IPV4_IN_IP: u8 = 4;
const IPV6_IN_IP: u8 = 41;
const GRE: u8 = 47;
const MPLS_IN_IP: u8 = 137;
const VXLAN_PORT: u16 = 4789;
/// Linux' default before IANA assigned 4789.
const VXLAN_LINUX_PORT: u16 = 8472;
const GENEVE_PORT: u16 = 6081;
const ERSPAN_TYPE_I_II: u16 = 0x88BE;

/// Steps into the tunnel that `packet` carries; `None` where it carries none. `walk` stands at its payload.
pub(super) fn enter<'a>(walk: &mut Walk<'a>, packet: &IpPacket<'a>) -> Option<Next<'a>> {
    let next = match packet.protocol {
        IPV4_IN_IP | IPV6_IN_IP if matches!(packet.payload.first().map(|b| b >> 4), Some(4 | 6)) => Next::Ip,
        // Version 0 only; version 1 is PPTP's, whose payload is compressed PPP.
        GRE if packet.payload.get(1).is_some_and(|flags| flags & 7 == 0) => Next::Gre,
        MPLS_IN_IP => Next::Mpls,
        UDP => return udp(walk, packet.payload),
        _ => return None,
    };
    forget_links(walk);
    Some(next)
}

/// The outer link addresses are the tunnel's end points, not the stations'.
const fn forget_links(walk: &mut Walk<'_>) {
    walk.source = None;
    walk.destination = None;
}

/// Whether a datagram goes to a port that tunnels use.
pub(super) fn is_port(datagram: &[u8]) -> bool {
    let port = datagram.first_chunk::<4>().map(|[_, _, port0, port1]| u16::from_be_bytes([*port0, *port1]));
    matches!(port, Some(VXLAN_PORT | VXLAN_LINUX_PORT | GENEVE_PORT))
}

fn udp<'a>(walk: &mut Walk<'a>, datagram: &'a [u8]) -> Option<Next<'a>> {
    let [_, _, port0, port1, ..] = *datagram.first_chunk::<8>()?;
    let skipped = match u16::from_be_bytes([port0, port1]) {
        VXLAN_PORT | VXLAN_LINUX_PORT => vxlan_bytes(datagram)?,
        GENEVE_PORT => return geneve(walk, datagram),
        _ => return None,
    };
    walk.rest = datagram.get(skipped..)?;
    walk.at += skipped;
    forget_links(walk);
    Some(Next::Ethernet)
}

/// UDP and VXLAN headers; the flags must be those of RFC 7348 (or its group-policy extension).
fn vxlan_bytes(datagram: &[u8]) -> Option<usize> {
    let flags = *datagram.get(8)?;
    let reserved = *datagram.get(15)?;
    (flags & 0x77 == 0 && flags & 0x08 != 0 && reserved == 0 && datagram.len() >= 16 + 14).then_some(16)
}

fn geneve<'a>(walk: &mut Walk<'a>, datagram: &'a [u8]) -> Option<Next<'a>> {
    let [version_options, _, type0, type1] = *datagram.get(8..)?.first_chunk::<4>()?;
    if version_options >> 6 != 0 {
        return None;
    }
    let skipped = 16 + usize::from(version_options & 0x3F) * 4;
    let next = match u16::from_be_bytes([type0, type1]) {
        0x6558 => Next::Ethernet,
        ether_type @ (0x0800 | 0x86DD) => Next::Type(ether_type),
        _ => return None,
    };
    walk.rest = datagram.get(skipped..)?;
    walk.at += skipped;
    forget_links(walk);
    Some(next)
}

impl<'a> Walk<'a> {
    pub(super) fn gre(&mut self) -> Result<Next<'a>, Malformed> {
        let [flags, _, type0, type1] = self.header("gre header")?;
        let ether_type = u16::from_be_bytes([type0, type1]);
        let (checksum, routing, key, sequence) =
            (flags & 0x80 != 0, flags & 0x40 != 0, flags & 0x20 != 0, flags & 0x10 != 0);
        if routing {
            return Err(self.fault("gre source route", Reason::NotDefined(1)));
        }
        let optional = usize::from(checksum) + usize::from(key) + usize::from(sequence);
        self.skip(optional * 4, "gre optional fields")?;
        // ERSPAN type I is type II without its header, told apart by the missing sequence number.
        if ether_type == ERSPAN_TYPE_I_II && !sequence {
            return Ok(Next::Ethernet);
        }
        Ok(match ether_type {
            0x880B => Next::Ppp,
            other => Next::Type(other),
        })
    }

    pub(super) fn erspan(&mut self, header_bytes: usize) -> Result<Next<'a>, Malformed> {
        self.skip(header_bytes, "erspan header")?;
        Ok(Next::Ethernet)
    }

    /// Type III: 12 bytes and, where the last bit says so, 8 more of platform data. The frame type says
    /// Ethernet (0) or IP (2).
    pub(super) fn erspan_three(&mut self) -> Result<Next<'a>, Malformed> {
        let header: [u8; 12] = self.header("erspan III header")?;
        let [.., frame_type, last] = header;
        if last & 1 != 0 {
            self.skip(8, "erspan III platform data")?;
        }
        // P (1 bit), frame type (5 bits), …
        match (frame_type >> 2) & 0x1F {
            0 => Ok(Next::Ethernet),
            2 => Ok(Next::Ip),
            _ => Ok(Next::End(Payload::Undecoded)),
        }
    }
}
