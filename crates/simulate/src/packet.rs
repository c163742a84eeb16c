//! Ethernet, ARP, IPv4, UDP and TCP as bytes, with correct lengths and checksums.
//!
//! # Wire format
//! ```text
//! Ethernet II  dst 6 | src 6 | type 2 | payload, padded to 60 bytes in all (a mirror port delivers no FCS)
//! IPv4   ver/ihl | tos | length 2 | id 2 | flags+offset 2 | ttl | protocol | checksum 2 | src 4 | dst 4
//! UDP    sport 2 | dport 2 | length 2 | checksum 2
//! TCP    sport 2 | dport 2 | seq 4 | ack 4 | offset, flags 2 | window 2 | checksum 2 | urgent 2 | options
//! ```
//! A UDP datagram longer than the link takes is cut into IP fragments, as NFS over UDP does.
//!
//! # Source
//! RFC 826 (ARP), RFC 791 (IPv4), RFC 768 (UDP), RFC 9293 (TCP), RFC 1071 (checksum), IEEE 802.3 §3.2.8
//! (padding).

use model::Mac;
use std::net::Ipv4Addr;

/// Largest IP packet on the ward's Ethernet, in bytes.
const LINK_BYTES_MAX: usize = 1500;
/// Ethernet's smallest frame without its checksum, in bytes.
const FRAME_BYTES_MIN: usize = 60;
/// IPv4 header without options.
const IP_HEADER_BYTES: usize = 20;
/// Ethernet header.
const ETHERNET_BYTES: usize = 14;
/// Payload of one fragment: the largest multiple of eight that fits.
const FRAGMENT_BYTES: usize = (LINK_BYTES_MAX - IP_HEADER_BYTES) / 8 * 8;

/// TCP flags.
pub(crate) mod flag {
    pub(crate) const FIN: u8 = 0x01;
    pub(crate) const SYN: u8 = 0x02;
    pub(crate) const PSH: u8 = 0x08;
    pub(crate) const ACK: u8 = 0x10;
}

/// Somebody on the ward's segment, or somebody beyond the gateway as the segment sees him: with the
/// gateway's MAC and a time to live that routers have worn down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    /// Link address that frames from and to it carry.
    pub(crate) mac: Mac,
    /// Network address.
    pub(crate) ip: Ipv4Addr,
    /// Time to live as seen on the segment.
    pub(crate) ttl: u8,
}

/// A host's end of a UDP exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Port {
    /// Who.
    pub(crate) host: Host,
    /// Which port.
    pub(crate) port: u16,
}

/// What a TCP header says besides the addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    /// Sequence number of the first byte.
    pub(crate) seq: u32,
    /// Next byte expected from the peer.
    pub(crate) ack: u32,
    /// [`flag`] bits.
    pub(crate) flags: u8,
    /// Receive window as it stands in the header.
    pub(crate) window: u16,
    /// Options, a multiple of four bytes.
    pub(crate) options: &'a [u8],
    /// Payload.
    pub(crate) payload: &'a [u8],
}

/// One's complement sum of big-endian 16-bit words (RFC 1071), not folded; `bytes` may end oddly.
fn sum(bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(4);
    let mut total: u64 = 0;
    for word in &mut words {
        if let [a, b, c, d] = *word {
            total += u64::from(u32::from_be_bytes([a, b, c, d]));
        }
    }
    let mut tail = [0; 4];
    for (to, from) in tail.iter_mut().zip(words.remainder()) {
        *to = *from;
    }
    total + u64::from(u32::from_be_bytes(tail))
}

/// Folds a sum to 16 bits and complements it.
fn fold(mut total: u64) -> u16 {
    while total > 0xFFFF {
        total = (total & 0xFFFF) + (total >> 16);
    }
    !(total as u16)
}

fn put16(frame: &mut [u8], offset: usize, value: u16) {
    if let Some(place) = frame.get_mut(offset..offset + 2) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

fn ethernet(to: Mac, from: Mac, ether_type: u16, capacity: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(capacity.max(FRAME_BYTES_MIN));
    frame.extend_from_slice(&to.0);
    frame.extend_from_slice(&from.0);
    frame.extend_from_slice(&ether_type.to_be_bytes());
    frame
}

fn pad(frame: &mut Vec<u8>) {
    if frame.len() < FRAME_BYTES_MIN {
        frame.resize(FRAME_BYTES_MIN, 0);
    }
}

/// What one IPv4 header says besides the addresses.
struct Carriage {
    id: u16,
    /// Flags and fragment offset as they stand in the header.
    fragment: u16,
    protocol: u8,
}

/// Don't-fragment flag.
const DONT_FRAGMENT: u16 = 0x4000;
/// More-fragments flag.
const MORE_FRAGMENTS: u16 = 0x2000;

fn ipv4(from: &Host, to: &Host, carriage: &Carriage, payload_bytes: usize) -> Vec<u8> {
    let mut frame = ethernet(to.mac, from.mac, 0x0800, ETHERNET_BYTES + IP_HEADER_BYTES + payload_bytes);
    let length = (IP_HEADER_BYTES + payload_bytes) as u16;
    let mut header = [0; IP_HEADER_BYTES];
    header[0] = 0x45;
    header[8] = from.ttl;
    header[9] = carriage.protocol;
    put16(&mut header, 2, length);
    put16(&mut header, 4, carriage.id);
    put16(&mut header, 6, carriage.fragment);
    for (place, byte) in header.iter_mut().skip(12).zip(from.ip.octets().into_iter().chain(to.ip.octets())) {
        *place = byte;
    }
    let checksum = fold(sum(&header));
    put16(&mut header, 10, checksum);
    frame.extend_from_slice(&header);
    frame
}

/// Sum of the pseudo-header of RFC 768 and RFC 9293.
fn pseudo_header(from: &Host, to: &Host, protocol: u8, bytes: usize) -> u64 {
    u64::from(u32::from(from.ip)) + u64::from(u32::from(to.ip)) + u64::from(protocol) + bytes as u64
}

/// A UDP datagram as one frame, or as IP fragments in order.
pub(crate) fn udp(from: Port, to: Port, id: u16, payload: &[u8]) -> Vec<Vec<u8>> {
    let bytes = 8 + payload.len();
    let mut datagram = Vec::with_capacity(bytes);
    datagram.extend_from_slice(&from.port.to_be_bytes());
    datagram.extend_from_slice(&to.port.to_be_bytes());
    datagram.extend_from_slice(&(bytes as u16).to_be_bytes());
    datagram.extend_from_slice(&[0, 0]);
    datagram.extend_from_slice(payload);
    let total = pseudo_header(&from.host, &to.host, 17, bytes) + sum(&datagram);
    // Zero would mean "no checksum"; all ones is the same number (RFC 768).
    let checksum = match fold(total) {
        0 => 0xFFFF,
        checksum => checksum,
    };
    put16(&mut datagram, 6, checksum);
    let pieces = datagram.len().div_ceil(FRAGMENT_BYTES);
    let piece = |(index, part): (usize, &[u8])| {
        let more = if index + 1 < pieces { MORE_FRAGMENTS } else { 0 };
        let fragment = more | (index * FRAGMENT_BYTES / 8) as u16;
        let mut frame = ipv4(&from.host, &to.host, &Carriage { id, fragment, protocol: 17 }, part.len());
        frame.extend_from_slice(part);
        pad(&mut frame);
        frame
    };
    datagram.chunks(FRAGMENT_BYTES).enumerate().map(piece).collect()
}

/// A TCP segment as a frame.
pub(crate) fn tcp(from: Port, to: Port, id: u16, segment: &Segment<'_>) -> Vec<u8> {
    let header_bytes = 20 + segment.options.len();
    let bytes = header_bytes + segment.payload.len();
    let carriage = Carriage { id, fragment: DONT_FRAGMENT, protocol: 6 };
    let mut frame = ipv4(&from.host, &to.host, &carriage, bytes);
    let start = frame.len();
    frame.extend_from_slice(&from.port.to_be_bytes());
    frame.extend_from_slice(&to.port.to_be_bytes());
    frame.extend_from_slice(&segment.seq.to_be_bytes());
    frame.extend_from_slice(&segment.ack.to_be_bytes());
    frame.extend_from_slice(&[(header_bytes as u8 / 4) << 4, segment.flags]);
    frame.extend_from_slice(&segment.window.to_be_bytes());
    frame.extend_from_slice(&[0, 0, 0, 0]);
    frame.extend_from_slice(segment.options);
    frame.extend_from_slice(segment.payload);
    let body = frame.get(start..).unwrap_or_default();
    let checksum = fold(pseudo_header(&from.host, &to.host, 6, bytes) + sum(body));
    put16(&mut frame, start + 16, checksum);
    pad(&mut frame);
    frame
}

/// "Who has `wanted`? Tell `from`", broadcast.
pub(crate) fn arp_request(from: &Host, wanted: Ipv4Addr) -> Vec<u8> {
    arp(Mac::BROADCAST, 1, from, (Mac::ZERO, wanted))
}

/// "`from.ip` is at `from.mac`", to `to`.
pub(crate) fn arp_reply(from: &Host, to: &Host) -> Vec<u8> {
    arp(to.mac, 2, from, (to.mac, to.ip))
}

fn arp(link_to: Mac, operation: u16, from: &Host, (target_mac, target_ip): (Mac, Ipv4Addr)) -> Vec<u8> {
    let mut frame = ethernet(link_to, from.mac, 0x0806, FRAME_BYTES_MIN);
    frame.extend_from_slice(&[0, 1, 8, 0, 6, 4]);
    frame.extend_from_slice(&operation.to_be_bytes());
    frame.extend_from_slice(&from.mac.0);
    frame.extend_from_slice(&from.ip.octets());
    frame.extend_from_slice(&target_mac.0);
    frame.extend_from_slice(&target_ip.octets());
    pad(&mut frame);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: Host = Host { mac: Mac([2, 0, 0, 0, 0, 1]), ip: Ipv4Addr::new(10, 0, 0, 1), ttl: 64 };
    const BOB: Host = Host { mac: Mac([2, 0, 0, 0, 0, 2]), ip: Ipv4Addr::new(10, 0, 0, 2), ttl: 128 };

    #[test]
    fn checksum_of_the_rfc_example_matches() {
        // RFC 1071 §3: 00 01 f2 03 f4 f5 f6 f7 sums to ddf2, complement 220d.
        assert_eq!(fold(sum(&[0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7])), 0x220D);
        assert_eq!(sum(&[0x12]), 0x1200_0000);
    }

    #[test]
    fn a_long_datagram_is_cut_into_fragments_of_whole_eights() {
        let frames = udp(Port { host: ALICE, port: 2049 }, Port { host: BOB, port: 800 }, 7, &[9; 4000]);
        let lengths: Vec<usize> = frames.iter().map(Vec::len).collect();
        assert_eq!(lengths, [1514, 1514, 14 + 20 + 4008 - 2 * 1480]);
        assert_eq!(frames[1][20..22], [0x20, 185]);
        assert_eq!(frames[2][20..22], [0x01, 0x72]);
    }

    #[test]
    fn an_arp_request_is_forty_two_bytes_padded_to_sixty() {
        let frame = arp_request(&ALICE, BOB.ip);
        assert_eq!(frame.len(), 60);
        assert_eq!(
            frame[..22],
            [255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]
        );
        assert_eq!(frame[38..42], [10, 0, 0, 2]);
    }
}
