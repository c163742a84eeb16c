//! Fragments to datagrams: IPv4 (RFC 791 §3.2) and IPv6 (RFC 8200 §4.5).
//!
//! Overlap policy: what arrived first stands. Overlapping IPv6 fragments condemn their datagram (RFC 5722);
//! overlapping IPv4 fragments with other bytes are kept by that policy and reported as malformed.
//!
//! # Limits
//! [`DATAGRAMS_MAX`] datagrams of [`DATAGRAM_BYTES_MAX`] bytes and [`FRAGMENTS_MAX`] fragments are held per
//! shard, for [`TIMEOUT_NS`] of capture time; the oldest is dropped first. Every datagram that never became
//! whole is counted in `coverage.datagrams_incomplete`.

use crate::decode::{Fragment, IpPacket};
use model::{CaptureTime, Malformed, Reason};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Datagrams in the making per shard. Our limit; the oldest gives way.
pub const DATAGRAMS_MAX: usize = 256;
/// Largest datagram. The limit of IPv4's length field.
pub const DATAGRAM_BYTES_MAX: u32 = 65_535;
/// Fragments of one datagram. Our limit: 64 KiB in pieces of 68 bytes and less are no traffic but an attack.
pub const FRAGMENTS_MAX: usize = 1_024;
/// Time a datagram may take. RFC 8200 §4.5: 60 s; Linux: 30 s, which we follow.
pub const TIMEOUT_NS: i64 = 30_000_000_000;

const _: () = assert!(DATAGRAM_BYTES_MAX as usize / FRAGMENTS_MAX < 68);

/// What a fragment did.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The datagram is not whole yet.
    Held,
    /// The datagram is whole.
    Whole(Datagram),
    /// The fragment breaks the rules.
    Malformed(Malformed),
}

/// A reassembled datagram.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) bytes: Vec<u8>,
    pub(crate) protocol: u8,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    id: u32,
    // RFC 791: the protocol is part of the name in IPv4; in IPv6 it is not, and is 0 here.
    protocol: u8,
}

#[derive(Debug)]
struct Parts {
    since: CaptureTime,
    serial: u64,
    /// Of the first fragment, which alone is bound to know it (IPv6).
    protocol: u8,
    parts: BTreeMap<u32, Box<[u8]>>,
    end: Option<u32>,
    condemned: bool,
}

/// The datagrams in the making of one shard.
#[derive(Debug, Default)]
pub(crate) struct Defragmenter {
    datagrams: BTreeMap<Key, Parts>,
    serial: u64,
    incomplete: u64,
}

impl Defragmenter {
    /// Datagrams that never became whole, those in the making included.
    pub(crate) fn incomplete(&self) -> u64 {
        self.incomplete + self.datagrams.len() as u64
    }

    pub(crate) fn push(&mut self, packet: &IpPacket<'_>, fragment: Fragment, time: CaptureTime) -> Outcome {
        let bytes = u32::try_from(packet.payload.len()).unwrap_or(u32::MAX);
        let end = fragment.offset_bytes.saturating_add(bytes);
        if end > DATAGRAM_BYTES_MAX {
            let reason =
                Reason::OutsideRange { value: u64::from(end), min: 0, max: u64::from(DATAGRAM_BYTES_MAX) };
            return Outcome::Malformed(Malformed { field: "fragment offset", offset: 6, reason });
        }
        let protocol = if packet.source.is_ipv4() { packet.protocol } else { 0 };
        let key = Key { source: packet.source, destination: packet.destination, id: packet.id, protocol };
        self.expire(key, time);
        self.serial += 1;
        let serial = self.serial;
        let parts = self.datagrams.entry(key).or_insert_with(|| Parts {
            since: time,
            serial,
            protocol: packet.protocol,
            parts: BTreeMap::new(),
            end: None,
            condemned: false,
        });
        if fragment.offset_bytes == 0 {
            parts.protocol = packet.protocol;
        }
        let fault = parts.insert(packet, fragment, end);
        let whole = parts.whole();
        if let Some(bytes) = whole {
            let protocol = parts.protocol;
            self.datagrams.remove(&key);
            return Outcome::Whole(Datagram { bytes, protocol });
        }
        fault.map_or(Outcome::Held, Outcome::Malformed)
    }

    /// The clock was set by so many nanoseconds: no datagram waited for longer, or shorter, because of it.
    pub(crate) fn clock_set(&mut self, by: i64) {
        for parts in self.datagrams.values_mut() {
            parts.since = parts.since.plus_nanos(by);
        }
    }

    /// Makes room: the datagram of `key` when it is too old, and the oldest of all when there are too many.
    fn expire(&mut self, key: Key, time: CaptureTime) {
        if self.datagrams.get(&key).is_some_and(|parts| time.nanos_since(parts.since) > TIMEOUT_NS) {
            self.datagrams.remove(&key);
            self.incomplete += 1;
        }
        if self.datagrams.len() < DATAGRAMS_MAX || self.datagrams.contains_key(&key) {
            return;
        }
        let oldest = self.datagrams.iter().min_by_key(|(_, parts)| parts.serial).map(|(key, _)| *key);
        if let Some(oldest) = oldest {
            self.datagrams.remove(&oldest);
            self.incomplete += 1;
        }
    }
}

impl Parts {
    fn insert(&mut self, packet: &IpPacket<'_>, fragment: Fragment, end: u32) -> Option<Malformed> {
        if !fragment.more {
            if self.end.is_some_and(|known| known != end) {
                let reason = Reason::Contradicts("an earlier last fragment");
                return Some(Malformed { field: "fragment offset", offset: 6, reason });
            }
            self.end = Some(end);
        }
        if packet.missing_bytes > 0 || self.parts.len() >= FRAGMENTS_MAX {
            // Cut off by the capture, or too many: it can never be whole.
            self.condemned = true;
            return None;
        }
        let before = self.parts.range(..=fragment.offset_bytes).next_back();
        let after = self.parts.range(fragment.offset_bytes..).next();
        let repeated =
            before.is_some_and(|(at, bytes)| *at == fragment.offset_bytes && **bytes == *packet.payload);
        if repeated {
            return None;
        }
        let overlaps = before
            .is_some_and(|(at, bytes)| *at as usize + bytes.len() > fragment.offset_bytes as usize)
            || after.is_some_and(|(at, _)| *at < end);
        if overlaps {
            self.condemned |= packet.source.is_ipv6();
            self.fill(fragment.offset_bytes, packet.payload);
            let reason = Reason::Contradicts("an earlier fragment");
            return Some(Malformed { field: "fragment offset", offset: 6, reason });
        }
        self.parts.insert(fragment.offset_bytes, packet.payload.into());
        None
    }

    /// Takes of `bytes` only what no earlier fragment covers.
    fn fill(&mut self, offset: u32, bytes: &[u8]) {
        let mut at = offset;
        let end = offset + u32::try_from(bytes.len()).unwrap_or(0);
        while at < end {
            let covered = self.parts.range(..=at).next_back().map(|(start, part)| start + part.len() as u32);
            if let Some(covered) = covered.filter(|covered| *covered > at) {
                at = covered;
                continue;
            }
            let next = self.parts.range(at..).next().map_or(end, |(start, _)| (*start).min(end));
            let piece = bytes.get((at - offset) as usize..(next - offset) as usize).unwrap_or_default();
            self.parts.insert(at, piece.into());
            at = next;
        }
    }

    fn whole(&self) -> Option<Vec<u8>> {
        let end = self.end.filter(|_| !self.condemned)?;
        let mut at = 0;
        for (start, part) in &self.parts {
            if *start != at {
                return None;
            }
            at += part.len() as u32;
        }
        (at == end).then(|| self.parts.values().flat_map(|part| part.iter().copied()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(id: u32, payload: &[u8]) -> IpPacket<'_> {
        IpPacket {
            source: "192.0.2.1".parse().unwrap(),
            destination: "192.0.2.2".parse().unwrap(),
            pair: 1,
            protocol: 17,
            id,
            fragment: None,
            payload,
            missing_bytes: 0,
        }
    }

    fn feed(parts: &[(u32, bool, &[u8])]) -> (Option<Vec<u8>>, u64, usize) {
        let mut defragmenter = Defragmenter::default();
        let (mut whole, mut faults) = (None, 0);
        for (offset_bytes, more, bytes) in parts {
            let fragment = Fragment { offset_bytes: *offset_bytes, more: *more };
            match defragmenter.push(&packet(7, bytes), fragment, CaptureTime::default()) {
                Outcome::Whole(datagram) => whole = Some(datagram.bytes),
                Outcome::Malformed(_) => faults += 1,
                Outcome::Held => {}
            }
        }
        (whole, defragmenter.incomplete(), faults)
    }

    #[test]
    fn fragments_in_any_order_make_the_datagram() {
        let parts: [(u32, bool, &[u8]); 3] =
            [(16, false, b"end"), (0, true, b"01234567"), (8, true, b"abcdefgh")];
        assert_eq!(feed(&parts).0.unwrap(), b"01234567abcdefghend");
    }

    #[test]
    fn what_arrived_first_stands_and_the_overlap_is_told() {
        let parts: [(u32, bool, &[u8]); 3] =
            [(0, true, b"01234567"), (0, true, b"XXXXXXXXYYYYYYYY"), (16, false, b"end")];
        let (whole, _, faults) = feed(&parts);
        assert_eq!(whole.unwrap(), b"01234567YYYYYYYYend");
        assert_eq!(faults, 1);
    }

    #[test]
    fn a_datagram_with_a_hole_is_counted() {
        let parts: [(u32, bool, &[u8]); 2] = [(0, true, b"01234567"), (16, false, b"end")];
        assert_eq!(feed(&parts).1, 1);
    }

    #[test]
    fn memory_is_bounded_by_dropping_the_oldest() {
        let mut defragmenter = Defragmenter::default();
        for id in 0..1_000 {
            let fragment = Fragment { offset_bytes: 0, more: true };
            defragmenter.push(&packet(id, b"01234567"), fragment, CaptureTime::default());
        }
        assert_eq!(defragmenter.datagrams.len(), DATAGRAMS_MAX);
        assert_eq!(defragmenter.incomplete(), 1_000);
    }
}
