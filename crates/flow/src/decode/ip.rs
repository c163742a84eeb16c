//! IPv4 (RFC 791) and IPv6 with its extension headers (RFC 8200).

use super::{Fragment, IpPacket, Next, Payload, Walk, pair_hash, tunnel};
use model::{Malformed, Reason};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Extension headers followed in one packet. Our limit; RFC 8200 allows any number.
const EXTENSIONS_MAX: usize = 12;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM6: u8 = 140;

impl<'a> Walk<'a> {
    pub(super) fn ip(&mut self) -> Result<Next<'a>, Malformed> {
        match self.rest.first().map(|byte| byte >> 4) {
            Some(4) => self.ipv4(),
            Some(6) => self.ipv6(),
            Some(version) => Err(self.fault("ip version", Reason::NotDefined(u64::from(version)))),
            None => Err(self.fault("ip version", Reason::CutShort)),
        }
    }

    fn ipv4(&mut self) -> Result<Next<'a>, Malformed> {
        let [version_ihl, _, l0, l1, i0, i1, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
            self.header("ipv4 header")?;
        let header_bytes = usize::from(version_ihl & 0x0F) * 4;
        if header_bytes < 20 {
            let reason = Reason::OutsideRange { value: header_bytes as u64, min: 20, max: 60 };
            return Err(self.fault("ipv4 header length", reason));
        }
        self.skip(header_bytes - 20, "ipv4 options")?;
        let total_bytes = usize::from(u16::from_be_bytes([l0, l1]));
        // A length of 0 is what a card that segments on its own leaves for the capture.
        if total_bytes != 0 {
            if total_bytes < header_bytes {
                return Err(self.fault("ipv4 total length", Reason::Contradicts("ipv4 header length")));
            }
            self.trim(total_bytes - header_bytes);
        }
        let flags_offset = u16::from_be_bytes([f0, f1]);
        let (more, offset) = (flags_offset & 0x2000 != 0, u32::from(flags_offset & 0x1FFF) * 8);
        let source = IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3));
        let destination = IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3));
        let packet = IpPacket {
            source,
            destination,
            pair: pair_hash(source, destination),
            protocol,
            id: u32::from(u16::from_be_bytes([i0, i1])),
            fragment: (more || offset != 0).then_some(Fragment { offset_bytes: offset, more }),
            payload: self.rest,
            missing_bytes: self.missing_bytes,
        };
        Ok(self.past_ip(packet))
    }

    fn ipv6(&mut self) -> Result<Next<'a>, Malformed> {
        let header: [u8; 40] = self.header("ipv6 header")?;
        let [_, _, _, _, l0, l1, next_header, _, addresses @ ..] = header;
        let (source, destination) = addresses.split_at(16);
        let address =
            |bytes: &[u8]| IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).unwrap_or_default()));
        let payload_bytes = usize::from(u16::from_be_bytes([l0, l1]));
        // 0: a jumbogram (RFC 2675) or a card that segments on its own.
        if payload_bytes != 0 {
            self.trim(payload_bytes);
        }
        let (source, destination) = (address(source), address(destination));
        let mut packet = IpPacket {
            source,
            destination,
            pair: pair_hash(source, destination),
            protocol: next_header,
            id: 0,
            fragment: None,
            payload: self.rest,
            missing_bytes: self.missing_bytes,
        };
        self.extensions(&mut packet)?;
        Ok(self.past_ip(packet))
    }

    /// Passes extension headers up to the upper-layer one, or to the payload of a fragment.
    fn extensions(&mut self, packet: &mut IpPacket<'a>) -> Result<(), Malformed> {
        for _ in 0..EXTENSIONS_MAX {
            match packet.protocol {
                HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY | HOST_IDENTITY | SHIM6 => {
                    let [next, length] = self.header("ipv6 extension header")?;
                    self.skip(usize::from(length) * 8 + 6, "ipv6 extension header")?;
                    packet.protocol = next;
                }
                AUTHENTICATION => {
                    let [next, length] = self.header("authentication header")?;
                    self.skip(usize::from(length) * 4 + 6, "authentication header")?;
                    packet.protocol = next;
                }
                FRAGMENT => {
                    let [next, _, o0, o1, i0, i1, i2, i3] = self.header("ipv6 fragment header")?;
                    let offset = u16::from_be_bytes([o0, o1]);
                    let (offset_bytes, more) = (u32::from(offset & 0xFFF8), offset & 1 != 0);
                    packet.protocol = next;
                    packet.id = u32::from_be_bytes([i0, i1, i2, i3]);
                    // An atomic fragment (RFC 6946) is the whole datagram.
                    if offset_bytes != 0 || more {
                        packet.fragment = Some(Fragment { offset_bytes, more });
                        break;
                    }
                }
                _ => break,
            }
        }
        packet.payload = self.rest;
        Ok(())
    }

    /// Drops what follows the packet (link padding), and sorts out what the capture cut off.
    fn trim(&mut self, bytes: usize) {
        if let Some(packet) = self.rest.get(..bytes) {
            self.rest = packet;
            self.missing_bytes = 0;
        } else {
            let missing = u32::try_from(bytes - self.rest.len()).unwrap_or(u32::MAX);
            self.missing_bytes = missing;
        }
    }

    fn past_ip(&mut self, packet: IpPacket<'a>) -> Next<'a> {
        if packet.fragment.is_none()
            && let Some(next) = tunnel::enter(self, &packet)
        {
            return next;
        }
        Next::End(Payload::Ip(packet))
    }
}
