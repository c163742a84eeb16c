//! Frames from parts, observations as text, and any bytes as traffic: for tests and fuzz targets.
//!
//! [`stream`] and [`frames`] are what the fuzz targets of the same names run; `cargo test` replays their seeds
//! and crashes without a fuzzer.

#![expect(clippy::panic, clippy::indexing_slicing, reason = "test support: failing loudly is its job")]

use crate::{Decoded, Keeper, Options, SHARDS, Shard, Waveforms, decode};
use model::{
    CaptureTime, CarriedFile, Coverage, Endpoint, Fact, Frame, LinkType, Observation, Observed, Origin, Side,
};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// TCP flags of RFC 9293 §3.1.
pub mod flag {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgement number counts.
    pub const ACK: u8 = 0x10;
}

/// Time between two frames of [`Tap::push`], in nanoseconds: more than any copy window.
pub const STEP_NS: i64 = 10_000_000;

/// A TCP segment without checksum, as [`ip`] wants it.
#[must_use]
pub fn tcp(source_port: u16, destination_port: u16, seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::with_capacity(20 + payload.len());
    segment.extend_from_slice(&source_port.to_be_bytes());
    segment.extend_from_slice(&destination_port.to_be_bytes());
    segment.extend_from_slice(&seq.to_be_bytes());
    segment.extend_from_slice(&[0, 0, 0, 0, 0x50, flags, 0xFF, 0xFF, 0, 0, 0, 0]);
    segment.extend_from_slice(payload);
    segment
}

/// A UDP datagram without checksum, as [`ip`] wants it.
#[must_use]
pub fn udp(source_port: u16, destination_port: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::with_capacity(8 + payload.len());
    datagram.extend_from_slice(&source_port.to_be_bytes());
    datagram.extend_from_slice(&destination_port.to_be_bytes());
    datagram.extend_from_slice(&(8 + payload.len() as u16).to_be_bytes());
    datagram.extend_from_slice(&[0, 0]);
    datagram.extend_from_slice(payload);
    datagram
}

/// An IP packet, of version 4 or 6 by its addresses; `id` only counts in version 4.
///
/// # Panics
/// When the addresses are of different versions.
#[must_use]
pub fn ip(source: IpAddr, destination: IpAddr, protocol: u8, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(40 + payload.len());
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let [id0, id1] = id.to_be_bytes();
            let [length0, length1] = (20 + payload.len() as u16).to_be_bytes();
            packet.extend_from_slice(&[0x45, 0, length0, length1, id0, id1, 0, 0, 64, protocol, 0, 0]);
            packet.extend_from_slice(&source.octets());
            packet.extend_from_slice(&destination.octets());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let [length0, length1] = (payload.len() as u16).to_be_bytes();
            packet.extend_from_slice(&[0x60, 0, 0, 0, length0, length1, protocol, 64]);
            packet.extend_from_slice(&source.octets());
            packet.extend_from_slice(&destination.octets());
        }
        _ => panic!("both addresses are of one version"),
    }
    packet.extend_from_slice(payload);
    packet
}

/// An Ethernet II frame between two stations that are the tests' own.
#[must_use]
pub fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    frame.extend_from_slice(&ether_type.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// An IP packet in an Ethernet frame, the type by its version.
#[must_use]
pub fn on_ethernet(packet: &[u8]) -> Vec<u8> {
    ethernet(if packet[0] >> 4 == 6 { 0x86DD } else { 0x0800 }, packet)
}

/// Shards with a clock and what they observed.
pub struct Tap {
    shards: Vec<Shard>,
    time_ns: i64,
    order: u64,
    /// What was observed so far.
    pub seen: Vec<Observation>,
}

impl Tap {
    /// One shard that takes every frame.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self::sharded(1, options)
    }

    /// `count` shards; frames go where [`Decoded::shard`] says where there are [`SHARDS`], else to the first.
    #[must_use]
    pub fn sharded(count: u8, options: Options) -> Self {
        let options = Arc::new(options);
        let shards = (0..count).map(|id| Shard::new(id, Arc::clone(&options))).collect();
        Self { shards, time_ns: 1_700_000_000_000_000_000, order: 0, seen: Vec::new() }
    }

    /// Time passes.
    pub fn wait(&mut self, ns: i64) -> &mut Self {
        self.time_ns = self.time_ns.saturating_add(ns);
        self
    }

    /// The clock is set by so many nanoseconds; whoever captures knows it.
    pub fn clock_set(&mut self, by: i64) -> &mut Self {
        self.shards.iter_mut().for_each(|shard| shard.clock_set(by));
        self.wait(by)
    }

    /// Somebody asks what flows have carried so far.
    pub fn ask(&mut self) -> &mut Self {
        self.shards.iter_mut().for_each(|shard| shard.tell_growth(&mut self.seen));
        self
    }

    /// An Ethernet frame comes [`STEP_NS`] later.
    pub fn push(&mut self, bytes: &[u8]) -> &mut Self {
        self.wait(STEP_NS).frame(LinkType::Ethernet, bytes, 0)
    }

    /// A frame comes now, of which `cut_bytes` were not captured.
    pub fn frame(&mut self, link: LinkType, bytes: &[u8], cut_bytes: u32) -> &mut Self {
        self.order += 1;
        let time = CaptureTime::from_nanos(self.time_ns);
        let original_bytes = bytes.len() as u32 + cut_bytes;
        let frame = Frame { capture: 0, number: self.order, time, link, original_bytes, bytes };
        let decoded = decode(&frame);
        let place = shard_of(&decoded);
        let place = if self.shards.len() == SHARDS { place } else { 0 };
        self.shards[place].push(self.order, &frame, &decoded, &mut self.seen);
        self
    }

    /// The capture ends.
    pub fn finish(&mut self) -> &mut Self {
        for shard in &mut self.shards {
            shard.finish(&mut self.seen);
        }
        self
    }

    /// What all shards counted.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        let mut sum = Coverage::default();
        self.shards.iter().for_each(|shard| sum.add(&shard.coverage()));
        sum
    }

    /// Flows alive.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.shards.iter().map(Shard::flows).sum()
    }

    /// What was said, a line each, without times, frames, and the begin and end of flows.
    #[must_use]
    pub fn said(&self) -> String {
        self.seen.iter().filter_map(said).fold(String::new(), |text, line| text + &line + "\n")
    }
}

fn shard_of(decoded: &Decoded<'_>) -> usize {
    let place = decoded.shard();
    assert!(place < SHARDS, "shard {place}");
    place
}

/// One observation as text, without time, frame and slot; nothing for the begin and the end of a flow.
#[must_use]
pub fn said(observation: &Observation) -> Option<String> {
    let origin = match observation.origin {
        Origin::Flow(_, Side::Client) => "client".to_owned(),
        Origin::Flow(_, Side::Server) => "server".to_owned(),
        Origin::Link { mac, .. } => mac.to_string(),
    };
    let what = match &observation.observed {
        Observed::Fact(Fact::FlowOpened(_) | Fact::FlowGoesOn(_) | Fact::FlowEnded(_)) => return None,
        Observed::Fact(Fact::Carried(file)) => {
            let CarriedFile { path, bytes, whole, sha256, kind, .. } = &**file;
            format!("Carried({path:?} {bytes} whole={whole} {sha256:?} {kind:?})")
        }
        other => format!("{other:?}"),
    };
    Some(format!("{origin} {what}"))
}

/// Wants everything.
#[must_use]
pub fn everything() -> Options {
    Options { wants_message: Arc::new(|_| true), waveforms: Waveforms::Carry, ..Options::default() }
}

const LINKS: [LinkType; 9] = [
    LinkType::Ethernet,
    LinkType::Null,
    LinkType::Loop,
    LinkType::RawIp,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
    LinkType::Ieee80211,
    LinkType::Radiotap,
    LinkType::Other(147),
];

/// Any bytes as frames. Input: per frame one byte that picks the link type (low four bits) and cuts (bit 4: the
/// capture cut 100 bytes off) or lets time pass (bit 5: a minute), two bytes length, big-endian, then its bytes.
///
/// # Panics
/// When a frame is not counted exactly once, a flow does not end exactly once, or a parser fails.
pub fn frames(mut input: &[u8]) {
    let mut tap = Tap::new(everything());
    while let Some(([how, length0, length1], rest)) = input.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([*length0, *length1])).min(rest.len());
        let (bytes, after) = rest.split_at(length);
        input = after;
        tap.wait(if how & 0x20 != 0 { 60_000_000_000 } else { 1_000_000 });
        let cut_bytes = if how & 0x10 != 0 { 100 } else { 0 };
        tap.frame(LINKS[usize::from(how & 0x0F) % LINKS.len()], bytes, cut_bytes);
    }
    tap.finish();
    holds(&tap);
}

/// Frames in the input format of [`frames`].
#[must_use]
pub fn encode(frames: &[(LinkType, Vec<u8>)]) -> Vec<u8> {
    let mut input = Vec::new();
    for (link, bytes) in frames {
        let place = LINKS.iter().position(|known| known == link).unwrap_or(LINKS.len() - 1);
        input.push(place as u8);
        input.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
        input.extend_from_slice(bytes);
    }
    input
}

fn holds(tap: &Tap) {
    let coverage = tap.coverage();
    assert_eq!(tap.flows(), 0, "flows left after the end");
    assert_eq!(coverage.parser_panics, 0, "a parser failed");
    assert_eq!(
        coverage.frames,
        coverage.frames_decoded + coverage.frames_undecoded + coverage.frames_fault,
        "every frame is counted once"
    );
    assert_eq!(
        coverage.flows,
        coverage.flows_parsed + coverage.flows_unparsed + coverage.flows_empty,
        "every flow is counted once"
    );
    let mut alive = BTreeMap::new();
    for observation in &tap.seen {
        let Origin::Flow(flow, _) = observation.origin else { continue };
        let open = alive.entry(flow).or_insert(false);
        match &observation.observed {
            Observed::Fact(Fact::FlowOpened(_)) => assert!(!std::mem::replace(open, true), "opened twice"),
            Observed::Fact(Fact::FlowEnded(_)) => assert!(std::mem::replace(open, false), "ended twice"),
            // A file is told when its last flow ends, which may come after the flow it names.
            Observed::Fact(Fact::Carried(_)) => {}
            other => assert!(*open, "{other:?} outside a flow"),
        }
    }
    assert!(alive.values().all(|open| !open), "a flow never ended");
}

/// Length of the body that [`stream`] carries.
const BODY_BYTES: usize = 16 << 10;
/// Segments below which no hole may be given up.
const PATIENT_SEGMENTS: usize = 90;

#[derive(Default)]
struct Body(Mutex<Vec<(u64, Vec<u8>)>>);

impl Keeper for Body {
    fn bytes(&self, _: u64, offset: u64, bytes: &[u8]) {
        if let Ok(mut pieces) = self.0.lock() {
            pieces.push((offset, bytes.to_vec()));
        }
    }

    fn end(&self, _: u64, _: &CarriedFile) {}
}

/// What the segments of [`stream`] should come out as.
struct Expected {
    /// The byte that arrived first at each offset.
    first: Vec<Option<u8>>,
    segments: usize,
    /// Nothing happened that may rightly lose bytes.
    lossless: bool,
}

/// Any segments of one connection: a web answer whose body comes in pieces at any offset, repeated,
/// overlapping, with other bytes, cut off by the capture, with stray flags.
///
/// Input: flags (bit 0: IPv6, bit 1: wild sequence numbers, no model), four bytes initial sequence number; then
/// five bytes a segment: how (bit 0 FIN, 1 SYN, 2 RST, 3 other bytes than at first, 4 cut off, 5 from the client,
/// 6 the capture's clock jumps), two bytes offset, two bytes length, big-endian.
///
/// # Panics
/// When a byte comes out that did not arrive first at its place, or twice, or not at all though nothing was lost.
pub fn stream(input: &[u8]) {
    let Some(([flags, seq @ ..], mut rest)) = input.split_first_chunk::<5>() else { return };
    let initial = u32::from_be_bytes(*seq);
    let wild = flags & 2 != 0;
    let body = Arc::new(Body::default());
    let keeper: Arc<dyn Keeper> = Arc::<Body>::clone(&body);
    let mut tap = Tap::new(Options { keeper: Some(keeper), ..everything() });
    let address = |last: u8| -> IpAddr {
        if flags & 1 != 0 {
            [0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last].into()
        } else {
            [192, 0, 2, last].into()
        }
    };
    let client = Endpoint { ip: address(1), port: 50_000 };
    let server = Endpoint { ip: address(2), port: 80 };
    let mut id = 0;
    let mut segment = |from: Endpoint, to: Endpoint, seq, flags, payload: &[u8]| {
        id += 1;
        on_ethernet(&ip(from.ip, to.ip, 6, id, &tcp(from.port, to.port, seq, flags, payload)))
    };
    let request = b"GET /image HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY_BYTES}\r\n\r\n");
    tap.push(&segment(client, server, 0, flag::SYN, b""));
    tap.push(&segment(server, client, initial, flag::SYN | flag::ACK, b""));
    tap.push(&segment(client, server, 1, flag::ACK, request));
    tap.push(&segment(server, client, initial.wrapping_add(1), flag::ACK, answer.as_bytes()));
    let start = initial.wrapping_add(1).wrapping_add(answer.len() as u32);
    let mut expected = Expected { first: vec![None; BODY_BYTES], segments: 0, lossless: !wild };
    while let Some(([how, o0, o1, l0, l1], after)) = rest.split_first_chunk::<5>() {
        rest = after;
        let offset = u16::from_be_bytes([*o0, *o1]);
        let at = usize::from(offset) % BODY_BYTES;
        let length = usize::from(u16::from_be_bytes([*l0, *l1]) % 1_400).min(BODY_BYTES - at);
        let mark = if how & 8 != 0 { 0x55 } else { 0 };
        let payload: Vec<u8> = (at..at + length).map(|at| byte_at(at) ^ mark).collect();
        let cut = if how & 16 != 0 { length / 2 } else { 0 };
        let mut tcp_flags = flag::ACK | how & (flag::FIN | flag::RST);
        if wild {
            tcp_flags |= how & flag::SYN;
        }
        let offset = if wild { u32::from(offset) << 16 } else { at as u32 };
        let frame = if how & 32 != 0 {
            segment(client, server, 1 + request.len() as u32, tcp_flags, b"")
        } else {
            expected.take(at, &payload[..length - cut], tcp_flags, cut);
            segment(server, client, start.wrapping_add(offset), tcp_flags, &payload)
        };
        tap.wait(if how & 64 != 0 { 30_000_000_000 } else { STEP_NS });
        let cut = if how & 32 != 0 { 0 } else { cut };
        tap.frame(LinkType::Ethernet, &frame[..frame.len() - cut], cut as u32);
        expected.lossless &= how & (flag::FIN | flag::RST | 64) == 0;
    }
    tap.finish();
    holds(&tap);
    if !wild {
        expected.compare(&body);
    }
}

const fn byte_at(at: usize) -> u8 {
    (at as u8).wrapping_mul(31) ^ (at >> 8) as u8
}

impl Expected {
    fn take(&mut self, at: usize, bytes: &[u8], flags: u8, cut: usize) {
        self.segments += 1;
        self.lossless &= cut == 0 && flags == flag::ACK;
        for (place, byte) in self.first[at..].iter_mut().zip(bytes) {
            place.get_or_insert(*byte);
        }
    }

    fn compare(&self, body: &Body) {
        let pieces = body.0.lock().map(|pieces| pieces.clone()).unwrap_or_default();
        let mut end = 0;
        for (offset, bytes) in &pieces {
            let offset = usize::try_from(*offset).unwrap_or(usize::MAX);
            assert!(offset >= end, "offset {offset} came again after {end}");
            end = offset + bytes.len();
            for (at, byte) in (offset..).zip(bytes) {
                assert_eq!(self.first[at], Some(*byte), "the byte that arrived first at {at}");
            }
        }
        let arrived = self.first.iter().flatten().count();
        let delivered: usize = pieces.iter().map(|(_, bytes)| bytes.len()).sum();
        if self.lossless && self.segments < PATIENT_SEGMENTS {
            assert_eq!(delivered, arrived, "bytes that arrived came out");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::testing::fuzz::kept;

    #[test]
    fn every_seed_and_every_crash_of_frames_and_streams_is_read_without_harm() {
        for (target, run) in [("stream", stream as fn(&[u8])), ("frames", frames)] {
            let inputs = kept(env!("CARGO_MANIFEST_DIR"), target);
            assert!(!inputs.is_empty(), "{target} has no seeds");
            for (path, bytes) in inputs {
                assert!(std::panic::catch_unwind(|| run(&bytes)).is_ok(), "{}", path.display());
            }
        }
    }
}
