//! What is known of the frames that are kept: where their payload stands in which stream, and what of it may be seen.

use super::redact::{Fragment, Group, redact};
use super::spans::Spans;
use super::{CutFrame, UNITS_MAX, UnitSeen};
use crate::decode::{Decoded, Payload};
use crate::defragment::TIMEOUT_NS;
use crate::options::Keeper;
use crate::witness::{Placed, Unit, Witness, part_of};
use model::{CaptureTime, CarriedFile, Evidence, FlowId, Frame, Side};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The record behind an excerpt. Shards tell it; nobody waits for anybody, for they run on one thread.
#[derive(Default)]
pub(super) struct Ledger(Mutex<State>);

#[derive(Default)]
struct State {
    serial: u64,
    frames: BTreeMap<u64, CutFrame>,
    index: BTreeMap<Evidence, u64>,
    /// Streams of flows alive, by their place in `streams`.
    flows: BTreeMap<FlowId, usize>,
    streams: Vec<[Trace; 2]>,
    groups: Vec<Group>,
    /// The group that a fragment joins, with the time of its first.
    open: BTreeMap<DatagramKey, (usize, CaptureTime)>,
    group_of: BTreeMap<u64, usize>,
    /// Whether a file's content may be seen.
    files: BTreeMap<u64, bool>,
    copies: u64,
    /// Units that were told, with the stream and side that they are of; the latest ones.
    units: VecDeque<(usize, Side, Range<u64>, Arc<Unit>)>,
}

type DatagramKey = (IpAddr, IpAddr, u32, u8);

/// One side's stream.
#[derive(Default)]
struct Trace {
    pieces: Vec<Piece>,
    shown: Spans,
    concealed: Spans,
    carried: Vec<(Range<u64>, u64)>,
}

/// A stretch of a stream and where it lies.
#[derive(Clone, Copy, Debug)]
struct Piece {
    at: u64,
    spot: Spot,
}

/// A stretch of a kept frame.
#[derive(Clone, Copy, Debug)]
struct Spot {
    serial: u64,
    offset: usize,
    bytes: usize,
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a frame; its number here.
    pub(super) fn keep(&self, frame: &Frame<'_>, decoded: &Decoded<'_>, wanted: bool) -> u64 {
        let mut state = self.state();
        state.serial += 1;
        let serial = state.serial;
        let evidence = Evidence { capture: frame.capture, frame: frame.number };
        state.index.insert(evidence, serial);
        let Frame { time, link, original_bytes, bytes, .. } = *frame;
        let bytes = bytes.to_vec();
        let kept = CutFrame {
            evidence,
            time,
            link,
            original_bytes,
            bytes,
            wanted,
            concealed_bytes: 0,
            concealed: Vec::new(),
        };
        state.frames.insert(serial, kept);
        if let Payload::Ip(packet) = &decoded.payload
            && let Some(fragment) = packet.fragment
            && let Some(range) = part_of(frame.bytes, packet.payload)
        {
            let protocol = if packet.source.is_ipv4() { packet.protocol } else { 0 };
            let key = (packet.source, packet.destination, packet.id, protocol);
            let open = state.open.get(&key).filter(|(_, since)| time.nanos_since(*since) <= TIMEOUT_NS);
            let group = open.map(|(group, _)| *group).unwrap_or_else(|| {
                state.groups.push(Group { protocol: packet.protocol, parts: Vec::new() });
                let group = state.groups.len() - 1;
                state.open.insert(key, (group, time));
                group
            });
            let offset = fragment.offset_bytes as usize;
            if let Some(found) = state.groups.get_mut(group) {
                if offset == 0 {
                    found.protocol = packet.protocol;
                }
                found.parts.push(Fragment { serial, start: range.start, offset, bytes: range.len() });
            }
            state.group_of.insert(serial, group);
        }
        serial
    }

    /// Drops a frame again.
    pub(super) fn forget(&self, serial: u64) {
        let mut state = self.state();
        if let Some(frame) = state.frames.remove(&serial) {
            state.index.remove(&frame.evidence);
        }
    }

    /// Drops what is known of frames that were dropped.
    pub(super) fn prune(&self) {
        let mut state = self.state();
        let State { frames, streams, groups, group_of, .. } = &mut *state;
        for trace in streams.iter_mut().flatten() {
            trace.pieces.retain(|piece| frames.contains_key(&piece.spot.serial));
            let mut alive = Spans::default();
            for Piece { at, spot } in &trace.pieces {
                alive.add(&(*at..at + spot.bytes as u64));
            }
            // What is told of the newest bytes may come before their frame is placed: none of it is lost, because
            // frames are placed before their bytes are read.
            trace.shown.retain(&alive);
            trace.concealed.retain(&alive);
            trace.carried.retain(|(range, _)| alive.within(range).next().is_some());
        }
        for group in groups {
            group.parts.retain(|part| frames.contains_key(&part.serial));
        }
        group_of.retain(|serial, _| frames.contains_key(serial));
    }

    /// Which units lie where in these frames, in the order of the streams.
    pub(super) fn units(&self, of: &BTreeSet<Evidence>) -> BTreeMap<Evidence, Vec<UnitSeen>> {
        let mut state = self.state();
        let State { units, streams, frames, index, .. } = &mut *state;
        let serials: BTreeSet<u64> = of.iter().filter_map(|evidence| index.get(evidence).copied()).collect();
        let mut places: BTreeMap<(usize, usize), Vec<Piece>> = BTreeMap::new();
        for (stream, sides) in streams.iter().enumerate() {
            for (side, trace) in sides.iter().enumerate() {
                let here = trace.pieces.iter().filter(|piece| serials.contains(&piece.spot.serial));
                places.insert((stream, side), here.copied().collect());
            }
        }
        let mut seen: BTreeMap<Evidence, Vec<UnitSeen>> = BTreeMap::new();
        for (stream, side, range, unit) in std::mem::take(units) {
            for Piece { at, spot } in places.get(&(stream, side.index())).into_iter().flatten() {
                let from = range.start.max(*at);
                let to = range.end.min(at + spot.bytes as u64);
                let Some(frame) = frames.get(&spot.serial).filter(|_| from < to) else { continue };
                // What was sent twice stands in both frames.
                let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
                seen.entry(frame.evidence).or_default().push(UnitSeen {
                    offset: spot.offset.saturating_add(place(from - at)),
                    bytes: place(to - from),
                    begins: from == range.start,
                    unit: Arc::clone(&unit),
                });
            }
        }
        seen
    }

    /// The frames, redacted, and how many copies were left out.
    pub(super) fn redacted(&self) -> (Vec<CutFrame>, u64) {
        let mut state = self.state();
        let state = std::mem::take(&mut *state);
        let mut visible: BTreeMap<u64, Vec<Range<usize>>> = BTreeMap::new();
        for trace in state.streams.iter().flatten() {
            for (serial, range) in trace.visible(&state.files, &state.frames) {
                visible.entry(serial).or_default().push(range);
            }
        }
        let State { mut frames, groups, group_of, copies, .. } = state;
        redact(&mut frames, &visible, &groups, &group_of);
        (frames.into_values().collect(), copies)
    }
}

impl State {
    fn trace(&mut self, flow: FlowId, side: Side) -> Option<&mut Trace> {
        let streams = self.streams.get_mut(*self.flows.get(&flow)?)?;
        streams.get_mut(side.index())
    }

    /// The stretches of frames that `placed` means.
    fn spots(&mut self, placed: Placed) -> Vec<Piece> {
        let Some(serial) = self.index.get(&placed.evidence).copied() else { return Vec::new() };
        if !placed.fragmented {
            let spot = Spot { serial, offset: placed.offset, bytes: placed.bytes };
            return vec![Piece { at: placed.at, spot }];
        }
        let Some(group) = self.group_of.get(&serial).copied() else { return Vec::new() };
        // What comes later under the same name is another datagram.
        self.open.retain(|_, (open, _)| *open != group);
        let parts = self.groups.get(group).map(|group| group.parts.as_slice()).unwrap_or_default();
        let mut covered = Spans::default();
        let mut pieces = Vec::new();
        for part in parts {
            let range = part.offset as u64..(part.offset + part.bytes) as u64;
            if covered.within(&range).next().is_some() {
                // Which of two fragments counted at one place is the defragmenter's to know: neither may be seen.
                return Vec::new();
            }
            covered.add(&range);
            let from = part.offset.max(placed.offset);
            let to = (part.offset + part.bytes).min(placed.offset + placed.bytes);
            if from < to {
                let spot =
                    Spot { serial: part.serial, offset: part.start + (from - part.offset), bytes: to - from };
                pieces.push(Piece { at: placed.at + (from - placed.offset) as u64, spot });
            }
        }
        pieces
    }
}

impl Witness for Ledger {
    fn opened(&self, flow: FlowId) {
        let mut state = self.state();
        state.streams.push(Default::default());
        let place = state.streams.len() - 1;
        state.flows.insert(flow, place);
    }

    fn copied(&self, evidence: Evidence) {
        let mut state = self.state();
        let Some(serial) = state.index.get(&evidence).copied() else { return };
        if state.frames.get(&serial).is_some_and(|frame| !frame.wanted) {
            state.frames.remove(&serial);
            state.index.remove(&evidence);
            state.copies += 1;
        }
    }

    fn placed(&self, flow: FlowId, side: Side, placed: Placed) {
        let mut state = self.state();
        let pieces = state.spots(placed);
        if let Some(trace) = state.trace(flow, side) {
            trace.pieces.extend(pieces);
        }
    }

    fn shown(&self, flow: FlowId, side: Side, range: Range<u64>) {
        if let Some(trace) = self.state().trace(flow, side) {
            trace.shown.add(&range);
        }
    }

    fn concealed(&self, flow: FlowId, side: Side, range: Range<u64>) {
        if let Some(trace) = self.state().trace(flow, side) {
            trace.concealed.add(&range);
        }
    }

    fn carried(&self, flow: FlowId, side: Side, range: Range<u64>, file: u64) {
        if let Some(trace) = self.state().trace(flow, side) {
            trace.carried.push((range, file));
        }
    }

    fn told(&self, flow: FlowId, side: Side, range: Range<u64>, unit: &Unit) {
        let mut state = self.state();
        let Some(stream) = state.flows.get(&flow).copied() else { return };
        if state.units.len() >= UNITS_MAX {
            state.units.pop_front();
        }
        state.units.push_back((stream, side, range, Arc::new(unit.clone())));
    }
}

impl Keeper for Ledger {
    fn bytes(&self, _: u64, _: u64, _: &[u8]) {}

    fn end(&self, file: u64, carried: &CarriedFile) {
        self.state().files.insert(file, carried.kind.is_executable());
    }
}

impl Trace {
    /// Stretches of frames that may be seen.
    fn visible(
        &self,
        files: &BTreeMap<u64, bool>,
        frames: &BTreeMap<u64, CutFrame>,
    ) -> Vec<(u64, Range<usize>)> {
        let mut seen = self.shown.clone();
        self.concealed.iter().for_each(|range| seen.remove(&range));
        for (range, file) in &self.carried {
            if !files.get(file).copied().unwrap_or(false) {
                seen.remove(range);
            }
        }
        let mut first = First::default();
        let mut visible = Vec::new();
        for Piece { at, spot } in &self.pieces {
            let whole = *at..*at + spot.bytes as u64;
            for read in first.settle(*at, *spot, frames) {
                for range in seen.within(&read) {
                    let place =
                        |at: u64| spot.offset + usize::try_from(at - whole.start).unwrap_or(usize::MAX);
                    visible.push((spot.serial, place(range.start)..place(range.end)));
                }
            }
        }
        visible
    }
}

/// Where each byte of a stream arrived first.
#[derive(Default)]
struct First(BTreeMap<u64, (u64, Spot)>);

impl First {
    /// Takes a piece; the ranges of it that came first or say what the first said.
    fn settle(&mut self, at: u64, spot: Spot, frames: &BTreeMap<u64, CutFrame>) -> Vec<Range<u64>> {
        let bytes = |spot: &Spot, from: u64, bytes: u64| -> Option<&[u8]> {
            let start = spot.offset + usize::try_from(from).ok()?;
            frames.get(&spot.serial)?.bytes.get(start..start + usize::try_from(bytes).ok()?)
        };
        let (mut from, end) = (at, at + spot.bytes as u64);
        let mut read = Vec::new();
        while from < end {
            let known = self.0.range(..=from).next_back().map(|(start, (end, spot))| (*start, *end, *spot));
            let until = match known.filter(|(_, known_end, _)| *known_end > from) {
                Some((start, known_end, known)) => {
                    let until = known_end.min(end);
                    let there = bytes(&known, from - start, until - from).unwrap_or_default();
                    let here = bytes(&spot, from - at, until - from).unwrap_or_default();
                    let mut same = Spans::default();
                    for (at, (there, here)) in (from..until).zip(there.iter().zip(here)) {
                        if there == here {
                            same.add(&(at..at + 1));
                        }
                    }
                    read.extend(same.iter());
                    until
                }
                None => {
                    let until = self.0.range(from..).next().map_or(end, |(next, _)| end.min(*next));
                    let offset = spot.offset + usize::try_from(from - at).unwrap_or(usize::MAX);
                    self.0.insert(from, (until, Spot { offset, ..spot }));
                    read.push(from..until);
                    until
                }
            };
            from = until;
        }
        read
    }
}
