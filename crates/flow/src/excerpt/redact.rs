//! Overwrites what may not be seen, and corrects the checksums.

use super::CutFrame;
use super::checksum::Change;
use crate::decode::{Payload, decode};
use crate::witness::part_of;
use model::LinkType;
use std::collections::BTreeMap;
use std::ops::Range;

/// What stands in place of payload: text, so that lines and fields of text still parse, and a digit, so that dates and
/// numbers in text do.
pub(super) const FILL: u8 = b'0';
/// What stands behind a packet: as link padding is.
const PADDING: u8 = 0;
/// Bytes shown of a frame that is not decoded: its link header.
const LINK_BYTES: usize = 14;
/// Bytes shown of a frame whose headers are broken: link header and IP header.
const FAULT_BYTES: usize = 34;
/// Bytes of a data frame's header in 802.11, without options.
const RADIO_BYTES: usize = 24;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP6: u8 = 58;

/// Part of a datagram that came in fragments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment {
    pub(super) serial: u64,
    /// Offset of its payload in the frame.
    pub(super) start: usize,
    /// Offset of its payload in the datagram's.
    pub(super) offset: usize,
    pub(super) bytes: usize,
}

/// The kept fragments of one datagram.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) protocol: u8,
    pub(super) parts: Vec<Fragment>,
}

/// Where the parts of a frame lie.
struct Layout {
    /// What may be overwritten with text.
    payload: Range<usize>,
    /// What its transport's checksum covers starts here, at this offset of the datagram's payload.
    covered: Option<(usize, usize)>,
    protocol: u8,
}

/// Overwrites in all frames what `visible` does not name.
pub(super) fn redact(
    frames: &mut BTreeMap<u64, CutFrame>,
    visible: &BTreeMap<u64, Vec<Range<usize>>>,
    groups: &[Group],
    group_of: &BTreeMap<u64, usize>,
) {
    let mut changes: BTreeMap<usize, Change> = BTreeMap::new();
    for (serial, frame) in frames.iter_mut() {
        let before = frame.bytes.clone();
        let layout = layout(frame);
        let seen = visible.get(serial).map(Vec::as_slice).unwrap_or_default();
        let change = overwrite(frame, &layout, seen);
        if let Some(group) = group_of.get(serial) {
            let whole = changes.entry(*group).or_default();
            *whole = whole.and(change);
        } else if let Some((start, 0)) = layout.covered {
            correct(&mut frame.bytes, start, layout.protocol, change);
        }
        correct_outer(frame, &before, layout.payload.start);
    }
    for (group, change) in changes {
        let Some(group) = groups.get(group) else { continue };
        let first = group.parts.iter().find(|part| part.offset == 0);
        if let Some(part) = first
            && let Some(frame) = frames.get_mut(&part.serial)
        {
            let before = frame.bytes.clone();
            correct(&mut frame.bytes, part.start, group.protocol, change);
            correct_outer(frame, &before, part.start);
        }
    }
}

fn layout(frame: &CutFrame) -> Layout {
    let from = |start: usize| Layout {
        payload: start.min(frame.bytes.len())..frame.bytes.len(),
        covered: None,
        protocol: 0,
    };
    let borrowed = frame.frame();
    let decoded = decode(&borrowed);
    match &decoded.payload {
        Payload::Ip(packet) => {
            let Some(range) = part_of(&frame.bytes, packet.payload) else { return from(0) };
            let offset = packet.fragment.map_or(0, |fragment| fragment.offset_bytes as usize);
            let header = if offset == 0 { transport_bytes(packet.protocol, packet.payload) } else { 0 };
            let payload = (range.start + header).min(range.end)..range.end;
            Layout { payload, covered: Some((range.start, offset)), protocol: packet.protocol }
        }
        Payload::Arp(packet) => {
            let start = part_of(&frame.bytes, packet).map_or(0, |range| range.start);
            // RFC 826: eight bytes, then twice the two addresses, whose lengths stand in bytes 4 and 5.
            let length = |at: usize| usize::from(packet.get(at).copied().unwrap_or(0));
            let end = start + 8 + 2 * (length(4) + length(5));
            let end = end.min(start + 28).min(frame.bytes.len());
            Layout { payload: end..end, covered: None, protocol: 0 }
        }
        Payload::Radio => match &decoded.radio {
            Some(radio) if !radio.data => from(frame.bytes.len()),
            _ => from(radio_bytes(frame)),
        },
        Payload::Undecoded => from(LINK_BYTES),
        Payload::Fault(_) => from(FAULT_BYTES),
    }
}

/// Header of a data frame with what the receiver put before it.
fn radio_bytes(frame: &CutFrame) -> usize {
    let before = match (frame.link, frame.bytes.get(2..4)) {
        (LinkType::Radiotap, Some([low, high])) => usize::from(u16::from_le_bytes([*low, *high])),
        _ => 0,
    };
    before + RADIO_BYTES
}

/// Bytes of the transport's header.
fn transport_bytes(protocol: u8, payload: &[u8]) -> usize {
    match protocol {
        TCP => payload.get(12).map_or(payload.len(), |byte| usize::from(byte >> 4) * 4).clamp(20, 60),
        UDP | ICMP | ICMP6 => 8,
        _ => 0,
    }
}

/// Overwrites payload that is not seen, and what lies behind the packet; the change of what a checksum covers.
fn overwrite(frame: &mut CutFrame, layout: &Layout, seen: &[Range<usize>]) -> Change {
    let mut hidden = vec![true; layout.payload.len()];
    for range in seen {
        let place = |at: usize| at.clamp(layout.payload.start, layout.payload.end) - layout.payload.start;
        if let Some(shown) = hidden.get_mut(place(range.start)..place(range.end)) {
            shown.fill(false);
        }
    }
    let mut change = Change::default();
    let mut concealed = 0;
    let mut places: Vec<Range<usize>> = Vec::new();
    let mut hide = |at: usize| match places.last_mut().filter(|last| last.end == at) {
        Some(last) => last.end += 1,
        None => places.push(at..at + 1),
    };
    let payload = frame.bytes.get_mut(layout.payload.clone()).unwrap_or_default();
    for ((at, byte), _) in (layout.payload.start..).zip(payload).zip(hidden).filter(|(_, hidden)| *hidden) {
        if let Some((start, offset)) = layout.covered {
            change.byte(at - start + offset, *byte, FILL);
        }
        *byte = FILL;
        concealed += 1;
        hide(at);
    }
    let behind = frame.bytes.get_mut(layout.payload.end..).unwrap_or_default();
    for (at, byte) in (layout.payload.end..).zip(behind).filter(|(_, byte)| **byte != PADDING) {
        *byte = PADDING;
        concealed += 1;
        hide(at);
    }
    frame.concealed_bytes = concealed;
    frame.concealed = places;
    change
}

/// Corrects the checksum of the transport whose header starts at `start`.
fn correct(bytes: &mut [u8], start: usize, protocol: u8, change: Change) {
    let at = match protocol {
        TCP => 16,
        UDP => 6,
        ICMP | ICMP6 => 2,
        _ => return,
    };
    let Some([high, low]) = bytes.get_mut(start + at..start + at + 2) else { return };
    let old = u16::from_be_bytes([*high, *low]);
    // RFC 768: zero is none, and a sum of zero is sent as its other form.
    let new = match (protocol, old, change.applied(old)) {
        (UDP, 0, _) => 0,
        (UDP, _, 0) => 0xFFFF,
        (_, _, new) => new,
    };
    [*high, *low] = new.to_be_bytes();
}

/// Corrects the checksum of a UDP header around a tunnel, where `inner` is where the innermost payload starts.
fn correct_outer(frame: &mut CutFrame, before: &[u8], inner: usize) {
    let Some(start) = outer_udp(frame).filter(|start| start + 8 < inner) else { return };
    let mut change = Change::default();
    for (offset, (old, new)) in before.iter().zip(&frame.bytes).skip(start).enumerate() {
        change.byte(offset, *old, *new);
    }
    // Of a packet that is no tunnel the payload starts right after this header, and the change is in already.
    correct(&mut frame.bytes, start, UDP, change);
}

/// Where the header of an outermost UDP datagram over Ethernet starts, in an IP packet without options.
fn outer_udp(frame: &CutFrame) -> Option<usize> {
    if frame.link != LinkType::Ethernet {
        return None;
    }
    let word = |at: usize| frame.bytes.get(at..)?.first_chunk().map(|word| u16::from_be_bytes(*word));
    let mut at = 12;
    while matches!(word(at)?, 0x8100 | 0x88A8) {
        at += 4;
    }
    let ip = at + 2;
    match word(at)? {
        0x0800 if frame.bytes.get(ip) == Some(&0x45) && frame.bytes.get(ip + 9) == Some(&UDP) => {
            Some(ip + 20)
        }
        0x86DD if frame.bytes.get(ip + 6) == Some(&UDP) => Some(ip + 40),
        _ => None,
    }
}
