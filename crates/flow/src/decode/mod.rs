//! Link and network headers: from a frame to one IP packet, ARP packet or radio sighting.
//!
//! Decoding keeps no state, so that any worker can do it for any frame. It walks link headers, VLAN tags,
//! MPLS labels, PPPoE, and the tunnels that mirror ports use, down to the innermost packet it can read.
//!
//! ```text
//! Ethernet | SLL | SLL2 | null | raw | 802.11 (± radiotap)
//!    └ 802.1Q / 802.1ad … ─ MPLS ─ PPPoE ─┬ IPv4 / IPv6 (+ extension headers)
//!                                          │    └ GRE, ERSPAN I-III, VXLAN, Geneve, IP-in-IP ─ (again, inside)
//!                                          └ ARP
//! ```
//!
//! # Limits
//! At most [`LAYERS_MAX`] nested headers are followed; a deeper frame is a fault.

mod ip;
mod link;
mod radio;
mod tunnel;

use model::{Frame, LinkType, Mac, Malformed, Radio, VlanStack};
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, Ipv4Addr};

/// Nested headers followed in one frame. Our limit: mirror ports nest two or three; a loop built to keep us
/// busy ends here and is counted as a fault.
pub const LAYERS_MAX: usize = 24;

/// Shards of the flow table. Fixed, so that every limit that is kept per shard acts the same whatever the
/// number of workers.
pub const SHARDS: usize = 16;

/// A frame as far as its headers tell.
#[derive(Clone, Debug)]
pub struct Decoded<'a> {
    /// Source link address of the innermost link header.
    pub source: Option<Mac>,
    /// Destination link address of the innermost link header.
    pub destination: Option<Mac>,
    /// VLAN tags, outermost first.
    pub vlans: VlanStack,
    /// A radio heard on the way.
    pub radio: Option<Radio>,
    /// What it carries.
    pub payload: Payload<'a>,
}

/// What a frame carries.
#[derive(Clone, Debug)]
pub enum Payload<'a> {
    /// An IP packet.
    Ip(IpPacket<'a>),
    /// An ARP packet, after the link header.
    Arp(&'a [u8]),
    /// A radio frame without a network packet: management, or encrypted.
    Radio,
    /// A link or network type that is not decoded.
    Undecoded,
    /// Headers that contradict themselves or are cut short.
    Fault(Malformed),
}

/// An IP packet.
#[derive(Clone, Copy, Debug)]
pub struct IpPacket<'a> {
    /// Sender.
    pub source: IpAddr,
    /// Receiver.
    pub destination: IpAddr,
    /// Hash of the two addresses, the same for both directions.
    pub pair: u64,
    /// Protocol number of `payload` (IANA).
    pub protocol: u8,
    /// Identification of the datagram; 0 in IPv6 without fragment header.
    pub id: u32,
    /// Which part of a datagram it is, where it is not all of it.
    pub fragment: Option<Fragment>,
    /// What follows the IP headers.
    pub payload: &'a [u8],
    /// Bytes of the payload that the capture cut off.
    pub missing_bytes: u32,
}

/// Part of a fragmented datagram.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fragment {
    /// Offset of the payload in the datagram's, in bytes.
    pub offset_bytes: u32,
    /// More parts follow.
    pub more: bool,
}

/// Decodes one frame.
#[must_use]
pub fn decode<'a>(frame: &Frame<'a>) -> Decoded<'a> {
    usual(frame).unwrap_or_else(|| walk(frame))
}

/// The usual frame in one step: TCP or UDP in an unfragmented IPv4 packet without options, straight in Ethernet.
/// `None` where a layer needs a look of its own. It gives what [`walk`] gives.
#[inline]
fn usual<'a>(frame: &Frame<'a>) -> Option<Decoded<'a>> {
    let (header, rest) = frame.bytes.split_first_chunk::<34>()?;
    let [
        m0,
        m1,
        m2,
        m3,
        m4,
        m5,
        n0,
        n1,
        n2,
        n3,
        n4,
        n5,
        0x08,
        0x00,
        0x45,
        _,
        l0,
        l1,
        i0,
        i1,
        f0,
        f1,
        _,
        protocol,
        _,
        _,
        s0,
        s1,
        s2,
        s3,
        d0,
        d1,
        d2,
        d3,
    ] = *header
    else {
        return None;
    };
    let fragment = u16::from_be_bytes([f0, f1]) & 0x3FFF != 0;
    let plain = protocol == ip::TCP || protocol == ip::UDP && !tunnel::is_port(rest);
    if frame.link != LinkType::Ethernet || fragment || !plain {
        return None;
    }
    let payload = rest.get(..usize::from(u16::from_be_bytes([l0, l1])).checked_sub(20)?)?;
    let source = IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3));
    let destination = IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3));
    let packet = IpPacket {
        source,
        destination,
        pair: pair_hash(source, destination),
        protocol,
        id: u32::from(u16::from_be_bytes([i0, i1])),
        fragment: None,
        payload,
        missing_bytes: 0,
    };
    Some(Decoded {
        source: Some(Mac([n0, n1, n2, n3, n4, n5])),
        destination: Some(Mac([m0, m1, m2, m3, m4, m5])),
        vlans: VlanStack::default(),
        radio: None,
        payload: Payload::Ip(packet),
    })
}

/// Walks the headers of a frame one by one.
fn walk<'a>(frame: &Frame<'a>) -> Decoded<'a> {
    let mut walk = Walk::new(frame.bytes, frame.original_bytes);
    let mut next = match frame.link {
        LinkType::Ethernet => Next::Ethernet,
        LinkType::Null => Next::Null,
        LinkType::Loop => Next::Loop,
        LinkType::RawIp => Next::Ip,
        LinkType::LinuxSll => Next::Sll,
        LinkType::LinuxSll2 => Next::Sll2,
        LinkType::Ieee80211 => Next::Ieee80211,
        LinkType::Radiotap => Next::Radiotap,
        _ => Next::End(Payload::Undecoded),
    };
    for _ in 0..LAYERS_MAX {
        next = match walk.layer(next) {
            Ok(Next::End(payload)) => return walk.decoded(payload),
            Ok(next) => next,
            Err(fault) => return walk.decoded(Payload::Fault(fault)),
        };
    }
    let reason = model::Reason::OutsideRange { value: LAYERS_MAX as u64 + 1, min: 1, max: LAYERS_MAX as u64 };
    let fault = walk.fault("nested headers", reason);
    walk.decoded(Payload::Fault(fault))
}

/// Decodes a reassembled datagram again, for the tunnel it may hold; `None` where it is no tunnel.
pub(crate) fn inside<'a>(packet: &IpPacket<'a>) -> Option<Decoded<'a>> {
    let mut walk = Walk::new(packet.payload, packet.payload.len() as u32);
    let mut next = tunnel::enter(&mut walk, packet)?;
    for _ in 0..LAYERS_MAX {
        next = match walk.layer(next) {
            Ok(Next::End(payload)) => return Some(walk.decoded(payload)),
            Ok(next) => next,
            Err(fault) => return Some(walk.decoded(Payload::Fault(fault))),
        };
    }
    None
}

impl Decoded<'_> {
    /// The shard that everything between the same two hosts goes to, whatever the ports: flows that announce
    /// each other (FTP, TFTP, remote procedure calls) and all fragments of a datagram meet there.
    #[must_use]
    pub fn shard(&self) -> usize {
        let hash = match &self.payload {
            Payload::Ip(packet) => packet.pair,
            _ => {
                let mut hasher = model::FastState.build_hasher();
                hasher.write(&self.source.unwrap_or_default().0);
                hasher.finish()
            }
        };
        usize::try_from(hash >> 40).unwrap_or(0) % SHARDS
    }
}

/// A number for two hosts, the same for both directions.
pub(crate) fn pair_hash(a: IpAddr, b: IpAddr) -> u64 {
    let hash = |ip: IpAddr| {
        let mut hasher = model::FastState.build_hasher();
        match ip {
            IpAddr::V4(ip) => hasher.write_u32(ip.to_bits()),
            IpAddr::V6(ip) => hasher.write(&ip.octets()),
        }
        hasher.finish()
    };
    let (a, b) = (hash(a), hash(b));
    // Sum and product of the two are symmetric, and unlike their exclusive-or not zero for a host with itself.
    (a.wrapping_add(b)).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (a | 1).wrapping_mul(b | 1)
}

/// What to read next.
enum Next<'a> {
    Ethernet,
    Null,
    Loop,
    Sll,
    Sll2,
    Ieee80211,
    Radiotap,
    /// IPv4 or IPv6, by its version nibble.
    Ip,
    /// By `EtherType`.
    Type(u16),
    /// 802.2 LLC, which may hold a SNAP header.
    Llc,
    Mpls,
    PppoeSession,
    Ppp,
    Gre,
    ErspanTwo,
    ErspanThree,
    End(Payload<'a>),
}

/// A frame being walked from outside in.
struct Walk<'a> {
    /// What was captured from here on.
    rest: &'a [u8],
    /// Bytes beyond `rest` that were on the wire but not captured.
    missing_bytes: u32,
    /// Offset of `rest` in the frame, for faults.
    at: usize,
    source: Option<Mac>,
    destination: Option<Mac>,
    vlans: VlanStack,
    radio: Option<Radio>,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8], original_bytes: u32) -> Self {
        let captured = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Self {
            rest: bytes,
            missing_bytes: original_bytes.saturating_sub(captured),
            at: 0,
            source: None,
            destination: None,
            vlans: VlanStack::default(),
            radio: None,
        }
    }

    fn decoded(self, payload: Payload<'a>) -> Decoded<'a> {
        let Self { source, destination, vlans, radio, .. } = self;
        Decoded { source, destination, vlans, radio, payload }
    }

    fn layer(&mut self, next: Next<'a>) -> Result<Next<'a>, Malformed> {
        match next {
            Next::Ethernet => self.ethernet(),
            Next::Null => self.null(),
            Next::Loop => self.loopback(),
            Next::Sll => self.sll(),
            Next::Sll2 => self.sll2(),
            Next::Ieee80211 => self.ieee80211(),
            Next::Radiotap => self.radiotap(),
            Next::Ip => self.ip(),
            Next::Type(ether_type) => self.by_type(ether_type),
            Next::Llc => self.llc(),
            Next::Mpls => self.mpls(),
            Next::PppoeSession => self.pppoe(),
            Next::Ppp => self.ppp(),
            Next::Gre => self.gre(),
            Next::ErspanTwo => self.erspan(8),
            Next::ErspanThree => self.erspan_three(),
            Next::End(payload) => Ok(Next::End(payload)),
        }
    }

    /// Takes `N` header bytes.
    fn header<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Malformed> {
        let Some((header, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.fault(field, model::Reason::CutShort));
        };
        self.rest = rest;
        self.at += N;
        Ok(*header)
    }

    /// Passes over `bytes` bytes.
    fn skip(&mut self, bytes: usize, field: &'static str) -> Result<(), Malformed> {
        let Some(rest) = self.rest.get(bytes..) else {
            return Err(self.fault(field, model::Reason::CutShort));
        };
        self.rest = rest;
        self.at += bytes;
        Ok(())
    }

    const fn fault(&self, field: &'static str, reason: model::Reason) -> Malformed {
        Malformed { field, offset: self.at, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::CaptureTime;
    use proptest::prelude::*;

    /// Ethernet, IPv4, eight bytes of TCP or UDP.
    const FRAME: [u8; 42] = [
        2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 28, 0, 1, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1,
        192, 0, 2, 2, 0x12, 0xB5, 0x12, 0xB5, 0, 8, 0, 0,
    ];

    proptest! {
        #[test]
        fn the_usual_frame_decodes_as_the_walk_does(
            changes in prop::collection::vec((12_usize..42, any::<u8>()), 0..3),
            udp: bool,
            length in 0_usize..=42,
            more in 0_usize..8,
        ) {
            let mut bytes = FRAME.to_vec();
            bytes[23] = if udp { 17 } else { 6 };
            for (at, byte) in changes {
                bytes[at] = byte;
            }
            bytes.truncate(length.max(30));
            bytes.resize(bytes.len() + more, 0);
            let original_bytes = u32::try_from(bytes.len()).unwrap() + more as u32;
            let frame = Frame {
                capture: 0,
                number: 1,
                time: CaptureTime::default(),
                link: LinkType::Ethernet,
                original_bytes,
                bytes: &bytes,
            };
            if let Some(decoded) = usual(&frame) {
                prop_assert_eq!(format!("{decoded:?}"), format!("{:?}", walk(&frame)));
            }
        }
    }

    #[test]
    fn the_usual_frame_is_taken_in_one_step() {
        let frame = Frame {
            capture: 0,
            number: 1,
            time: CaptureTime::default(),
            link: LinkType::Ethernet,
            original_bytes: 42,
            bytes: &FRAME,
        };
        assert!(usual(&frame).is_some());
        assert!(usual(&Frame { link: LinkType::RawIp, ..frame }).is_none());
    }
}
