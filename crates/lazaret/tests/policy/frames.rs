//! Packets as Ethernet frames with right checksums, each with its number in it, and captures of them.

use model::{Mac, Transport};
use policy::Packet;
use std::net::IpAddr;
use std::path::Path;

/// What the number stands behind.
const MARK: &[u8; 4] = b"LZRT";

fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    // Every part but the last has an even length.
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        }
    }
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// The packet as a frame to `to`.
pub(crate) fn frame(packet: &Packet, number: u32, to: Mac) -> Vec<u8> {
    let v4 = packet.source.is_ipv4();
    let payload = [&MARK[..], &number.to_be_bytes()].concat();
    let (protocol, mut inner, at) = match packet.transport {
        Transport::Tcp => {
            let mut tcp = [packet.source_port.to_be_bytes(), packet.target_port.to_be_bytes()].concat();
            tcp.extend_from_slice(&[0, 0, 0, 9, 0, 0, 0, 9, 0x50]);
            // A first packet asks (SYN); one that acknowledges carries data (ACK, PSH).
            tcp.push(if packet.acknowledges { 0x18 } else { 0x02 });
            tcp.extend_from_slice(&[0x20, 0, 0, 0, 0, 0]);
            (6, tcp, Some(16))
        }
        Transport::Udp => {
            let mut udp = [packet.source_port.to_be_bytes(), packet.target_port.to_be_bytes()].concat();
            udp.extend_from_slice(&[0, 8 + payload.len() as u8, 0, 0]);
            (17, udp, Some(6))
        }
        Transport::Icmp => {
            let kind = packet.target_port as u8;
            (if v4 { 1 } else { 58 }, vec![kind, 0, 0, 0, 0, 1, 0, 1], Some(2))
        }
        Transport::Ip(number) => (number, vec![0, 0, 0, 1, 0, 0, 0, 1], None),
        _ => panic!("{packet:?}"),
    };
    inner.extend_from_slice(&payload);
    let (source, target) = (octets(packet.source), octets(packet.target));
    if let Some(at) = at {
        let length = (inner.len() as u32).to_be_bytes();
        let pseudo = [&source[..], &target, &length, &[0, 0, 0, protocol]].concat();
        let sum = if protocol == 1 { checksum(&[&inner]) } else { checksum(&[&pseudo, &inner]) };
        inner[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    }
    let mut out = [&to.0[..], &packet.source_mac.unwrap().0].concat();
    if v4 {
        let total = (20 + inner.len() as u16).to_be_bytes();
        let mut ip = vec![0x45, 0, total[0], total[1], 0, 1, 0x40, 0, 64, protocol, 0, 0];
        ip.extend_from_slice(&source);
        ip.extend_from_slice(&target);
        let sum = checksum(&[&ip]).to_be_bytes();
        ip[10..12].copy_from_slice(&sum);
        out.extend_from_slice(&[8, 0]);
        out.extend_from_slice(&ip);
    } else {
        let length = (inner.len() as u16).to_be_bytes();
        out.extend_from_slice(&[0x86, 0xDD, 0x60, 0, 0, 0, length[0], length[1], protocol, 64]);
        out.extend_from_slice(&source);
        out.extend_from_slice(&target);
    }
    out.extend_from_slice(&inner);
    out
}

/// Writes frames as a capture (classic pcap, Ethernet).
pub(crate) fn write(path: &Path, frames: &[Vec<u8>]) {
    let mut out = Vec::new();
    for word in [0xA1B2_C3D4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    for (at, frame) in (0_u32..).zip(frames) {
        let length = frame.len() as u32;
        for word in [1_700_000_000 + at / 10_000, at % 10_000 * 100, length, length] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(frame);
    }
    std::fs::write(path, out).unwrap();
}

/// The numbers in a capture, whole or not.
pub(crate) fn numbers(capture: &[u8]) -> std::collections::BTreeSet<u32> {
    let at =
        |at: usize| -> Option<u32> { Some(u32::from_le_bytes(capture.get(at..at + 4)?.try_into().unwrap())) };
    let (mut place, mut found) = (24, std::collections::BTreeSet::new());
    while let Some(length) = at(place + 8) {
        let Some(frame) = capture.get(place + 16..place + 16 + length as usize) else { break };
        if let Some(mark) = frame.windows(4).position(|window| window == MARK)
            && let Some(number) = frame.get(mark + 4..mark + 8)
        {
            found.insert(u32::from_be_bytes(number.try_into().unwrap()));
        }
        place += 16 + length as usize;
    }
    found
}
