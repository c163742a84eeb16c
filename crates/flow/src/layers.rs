//! The headers of one frame as people read them: layer by layer, field by field, each with its place.
//!
//! For showing evidence, nothing else: what is judged goes through [`decode`](fn@crate::decode). Link headers other than Ethernet's,
//! and what lies in tunnels, are not split up here; units of protocols in them still have their places
//! ([`crate::Excerpt::units`]).
//!
//! # Sources
//! IEEE 802.3, 802.1Q; RFC 826 (ARP), 791 (IPv4), 8200 (IPv6), 9293 (TCP), 768 (UDP), 792 and 4443 (ICMP).

use model::{Frame, LinkType, Mac};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Headers of one frame. Our limit; what lies deeper is not split up.
pub const HEADERS_MAX: usize = 12;

/// One header.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Layer {
    /// What it is.
    pub name: &'static str,
    /// Where it begins in the frame.
    pub offset: usize,
    /// How long it is; what the capture cut off is not counted.
    pub bytes: usize,
    /// Its fields.
    pub fields: Vec<LayerField>,
}

/// One field of a header.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LayerField {
    /// What it is.
    pub name: &'static str,
    /// Where it begins in the frame.
    pub offset: usize,
    /// How long it is.
    pub bytes: usize,
    /// What it holds.
    pub value: String,
}

/// How a field is written.
#[derive(Clone, Copy)]
enum Show {
    Number,
    Hex,
    Address,
    Words(fn(u64) -> String),
}

/// A field of a header: name, offset in it, length.
type Field = (&'static str, usize, usize, Show);

const ETHERNET: &[Field] = &[
    ("destination", 0, 6, Show::Address),
    ("source", 6, 6, Show::Address),
    ("type", 12, 2, Show::Words(ether_type)),
];
const VLAN: &[Field] = &[("tag", 0, 2, Show::Words(vlan)), ("type", 2, 2, Show::Words(ether_type))];
const ARP: &[Field] = &[
    ("hardware type", 0, 2, Show::Number),
    ("protocol type", 2, 2, Show::Hex),
    ("operation", 6, 2, Show::Words(arp)),
    ("sender's link address", 8, 6, Show::Address),
    ("sender's network address", 14, 4, Show::Address),
    ("target's link address", 18, 6, Show::Address),
    ("target's network address", 24, 4, Show::Address),
];
const IPV4: &[Field] = &[
    ("version and header length", 0, 1, Show::Words(ipv4_length)),
    ("service", 1, 1, Show::Hex),
    ("total length", 2, 2, Show::Number),
    ("identification", 4, 2, Show::Number),
    ("flags and fragment offset", 6, 2, Show::Words(fragment)),
    ("time to live", 8, 1, Show::Number),
    ("protocol", 9, 1, Show::Words(ip_protocol)),
    ("header checksum", 10, 2, Show::Hex),
    ("source", 12, 4, Show::Address),
    ("destination", 16, 4, Show::Address),
];
const IPV6: &[Field] = &[
    ("version, class, flow label", 0, 4, Show::Hex),
    ("payload length", 4, 2, Show::Number),
    ("next header", 6, 1, Show::Words(ip_protocol)),
    ("hop limit", 7, 1, Show::Number),
    ("source", 8, 16, Show::Address),
    ("destination", 24, 16, Show::Address),
];
const TCP: &[Field] = &[
    ("source port", 0, 2, Show::Number),
    ("destination port", 2, 2, Show::Number),
    ("sequence number", 4, 4, Show::Number),
    ("acknowledged", 8, 4, Show::Number),
    ("header length", 12, 1, Show::Words(tcp_length)),
    ("flags", 13, 1, Show::Words(tcp_flags)),
    ("window", 14, 2, Show::Number),
    ("checksum", 16, 2, Show::Hex),
    ("urgent pointer", 18, 2, Show::Number),
];
const UDP: &[Field] = &[
    ("source port", 0, 2, Show::Number),
    ("destination port", 2, 2, Show::Number),
    ("length", 4, 2, Show::Number),
    ("checksum", 6, 2, Show::Hex),
];
const ICMP: &[Field] =
    &[("type", 0, 1, Show::Number), ("code", 1, 1, Show::Number), ("checksum", 2, 2, Show::Hex)];

/// What comes next in a frame.
#[derive(Clone, Copy)]
enum Next {
    Ethernet,
    Type(u64),
    Ip,
    Protocol(u64),
    Nothing,
}

/// The headers of a frame, outermost first.
#[must_use]
pub fn layers(frame: &Frame<'_>) -> Vec<Layer> {
    let mut next = match frame.link {
        LinkType::Ethernet => Next::Ethernet,
        LinkType::RawIp => Next::Ip,
        _ => Next::Nothing,
    };
    let mut layers = Vec::new();
    let mut at = 0;
    while layers.len() < HEADERS_MAX {
        let rest = frame.bytes.get(at..).unwrap_or_default();
        let Some((name, fields, bytes, then)) = header(next, rest) else { break };
        let layer = layer((name, fields), rest, at, bytes.min(rest.len()));
        layers.push(layer);
        at += bytes;
        next = then;
    }
    layers
}

fn number(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    let field = bytes.get(at..at + count)?;
    Some(field.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

/// The header that begins here: its name, its fields, its length, and what follows.
fn header(next: Next, rest: &[u8]) -> Option<(&'static str, &'static [Field], usize, Next)> {
    if rest.is_empty() {
        return None;
    }
    let first = rest.first().copied().map(u64::from)?;
    match next {
        Next::Ethernet => {
            Some(("Ethernet", ETHERNET, 14, number(rest, 12, 2).map_or(Next::Nothing, Next::Type)))
        }
        Next::Type(0x8100 | 0x88A8 | 0x9100) => {
            Some(("VLAN (802.1Q)", VLAN, 4, number(rest, 2, 2).map_or(Next::Nothing, Next::Type)))
        }
        Next::Type(0x0806) => Some(("ARP", ARP, 28, Next::Nothing)),
        Next::Type(0x0800) | Next::Ip if first >> 4 == 4 => {
            // A later fragment has no transport header.
            let later = number(rest, 6, 2).is_none_or(|flags| flags & 0x1FFF != 0);
            let then = number(rest, 9, 1).filter(|_| !later).map_or(Next::Nothing, Next::Protocol);
            Some(("IPv4", IPV4, ((first & 15) as usize * 4).max(20), then))
        }
        Next::Type(0x86DD) | Next::Ip if first >> 4 == 6 => {
            Some(("IPv6", IPV6, 40, number(rest, 6, 1).map_or(Next::Nothing, Next::Protocol)))
        }
        Next::Protocol(6) => {
            let length = number(rest, 12, 1).map_or(20, |byte| (byte >> 4) as usize * 4);
            Some(("TCP", TCP, length.max(20), Next::Nothing))
        }
        Next::Protocol(17) => Some(("UDP", UDP, 8, Next::Nothing)),
        Next::Protocol(1 | 58) => Some(("ICMP", ICMP, 4, Next::Nothing)),
        _ => None,
    }
}

fn layer((name, specified): (&'static str, &[Field]), rest: &[u8], at: usize, bytes: usize) -> Layer {
    let field = |(name, offset, count, show): &Field| {
        let raw = rest.get(*offset..offset + count)?;
        let value = match show {
            Show::Number => number(raw, 0, *count)?.to_string(),
            Show::Hex => format!("0x{:0width$x}", number(raw, 0, *count)?, width = count * 2),
            Show::Words(words) => words(number(raw, 0, *count)?),
            Show::Address => address(raw)?,
        };
        Some(LayerField { name, offset: at + offset, bytes: *count, value })
    };
    Layer { name, offset: at, bytes, fields: specified.iter().filter_map(field).collect() }
}

fn address(raw: &[u8]) -> Option<String> {
    match raw.len() {
        4 => Some(Ipv4Addr::from(*raw.first_chunk::<4>()?).to_string()),
        6 => Some(Mac(*raw.first_chunk::<6>()?).to_string()),
        16 => Some(Ipv6Addr::from(*raw.first_chunk::<16>()?).to_string()),
        _ => None,
    }
}

fn ether_type(number: u64) -> String {
    let name = match number {
        0x0800 => " (IPv4)",
        0x0806 => " (ARP)",
        0x86DD => " (IPv6)",
        0x8100 | 0x88A8 | 0x9100 => " (VLAN)",
        0..=1500 => return format!("{number} bytes (802.3)"),
        _ => "",
    };
    format!("0x{number:04x}{name}")
}

fn vlan(tag: u64) -> String {
    format!("VLAN {}, priority {}", tag & 0x0FFF, tag >> 13)
}

fn arp(number: u64) -> String {
    match number {
        1 => "1 (asks)".to_owned(),
        2 => "2 (answers)".to_owned(),
        other => other.to_string(),
    }
}

fn ipv4_length(byte: u64) -> String {
    format!("version {}, {} bytes", byte >> 4, (byte & 15) * 4)
}

fn fragment(word: u64) -> String {
    let (offset, more) = ((word & 0x1FFF) * 8, word & 0x2000 != 0);
    match (offset, more, word & 0x4000 != 0) {
        (0, false, true) => "whole; may not be fragmented".to_owned(),
        (0, false, false) => "whole".to_owned(),
        (offset, true, _) => format!("fragment from byte {offset}; more follow"),
        (offset, false, _) => format!("fragment from byte {offset}; the last"),
    }
}

fn ip_protocol(number: u64) -> String {
    match number {
        1 => "1 (ICMP)".to_owned(),
        6 => "6 (TCP)".to_owned(),
        17 => "17 (UDP)".to_owned(),
        58 => "58 (ICMPv6)".to_owned(),
        other => other.to_string(),
    }
}

fn tcp_length(byte: u64) -> String {
    format!("{} bytes", (byte >> 4) * 4)
}

fn tcp_flags(byte: u64) -> String {
    const NAMES: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
    let set: Vec<&str> =
        (0..).zip(NAMES).filter(|(bit, _)| (byte >> bit) & 1 == 1).map(|(_, name)| name).collect();
    if set.is_empty() { "none".to_owned() } else { set.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::CaptureTime;

    /// Ethernet, VLAN 42, IPv4 without fragments, TCP with SYN, and a byte of payload.
    const SYN: &[u8] = &[
        0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x81, 0x00, 0x20, 42, 0x08, 0x00, // Ethernet, VLAN
        0x45, 0, 0, 41, 0, 7, 0x40, 0, 64, 6, 0xAB, 0xCD, 10, 0, 0, 7, 202, 114, 4, 119, // IPv4
        0x04, 0xD2, 0x02, 0x03, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 0x02, 0x10, 0, 0x12, 0x34, 0, 0, // TCP
        b'x',
    ];

    fn of(bytes: &[u8], link: LinkType) -> Vec<Layer> {
        let time = CaptureTime::from_nanos(0);
        layers(&Frame { capture: 0, number: 1, time, link, original_bytes: bytes.len() as u32, bytes })
    }

    #[test]
    fn every_header_is_told_with_its_place() {
        let layers = of(SYN, LinkType::Ethernet);
        let told: Vec<_> = layers.iter().map(|layer| (layer.name, layer.offset, layer.bytes)).collect();
        assert_eq!(told, [("Ethernet", 0, 14), ("VLAN (802.1Q)", 14, 4), ("IPv4", 18, 20), ("TCP", 38, 20)]);
        let value = |layer: usize, name: &str| {
            let field = layers[layer].fields.iter().find(|field| field.name == name).unwrap();
            (field.offset, field.bytes, field.value.as_str())
        };
        assert_eq!(value(0, "source"), (6, 6, "02:00:00:00:00:02"));
        assert_eq!(value(1, "tag"), (14, 2, "VLAN 42, priority 1"));
        assert_eq!(value(2, "destination"), (34, 4, "202.114.4.119"));
        assert_eq!(value(2, "flags and fragment offset"), (24, 2, "whole; may not be fragmented"));
        assert_eq!(value(3, "destination port"), (40, 2, "515"));
        assert_eq!(value(3, "flags"), (51, 1, "SYN"));
        // Every field lies in its header, and what it says is at its place.
        for layer in &layers {
            for field in &layer.fields {
                assert!(
                    field.offset >= layer.offset && field.offset + field.bytes <= layer.offset + layer.bytes
                );
            }
        }
    }

    #[test]
    fn whatever_the_bytes_nothing_is_told_that_is_not_there() {
        for cut in 0..SYN.len() {
            for link in [LinkType::Ethernet, LinkType::RawIp, LinkType::LinuxSll] {
                for layer in of(&SYN[..cut], link) {
                    assert!(layer.offset + layer.bytes <= cut, "{cut} {layer:?}");
                    assert!(
                        layer.fields.iter().all(|field| field.offset + field.bytes <= cut),
                        "{cut} {layer:?}"
                    );
                }
            }
        }
        // Tags in tags end.
        let tags: Vec<u8> =
            SYN[..12].iter().copied().chain([0x81, 0, 0, 1].into_iter().cycle().take(4_000)).collect();
        assert_eq!(of(&tags, LinkType::Ethernet).len(), HEADERS_MAX);
    }
}
