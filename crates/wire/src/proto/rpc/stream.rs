//! Record marking: messages over a byte stream, RFC 5531 §11.

use super::reading::{Fields, Reading};
use super::sight::{Sight, record};
use super::{Bulk, Engine, HEAD_BYTES_MAX};
use crate::{ContentPart, Sink, Step};
use model::{Malformed, Reason, Side};

/// Longest fragment that is believed, in bytes. Our limit, 64 times the largest READ of common servers: a
/// longer one means that the place in the stream is lost.
const FRAGMENT_BYTES_MAX: u32 = 64 << 20;
/// Words before a message can be told apart: `xid` to `proc`.
const FRONT_BYTES: usize = 24;
/// A record mark with a whole call header without credential behind it: what the search looks at.
const SEARCH_BYTES: usize = 44;

/// Where one side is in its stream.
#[derive(Debug)]
pub(super) struct Stream {
    /// Bytes of the current fragment that are still to come.
    left: u64,
    /// The current fragment is the record's last.
    last: bool,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// A message starts, with its first fragment's mark if `left` is 0.
    Message,
    /// The front of a message of several fragments; more is wanted.
    Gather(Vec<u8>),
    /// Content of a file goes on.
    Bulk(Bulk),
    /// The rest of the record is of no interest.
    Pass,
    /// The place is lost: the next record is looked for.
    Search,
}

impl Stream {
    pub(super) const fn new(midstream: bool) -> Self {
        let phase = if midstream { Phase::Search } else { Phase::Message };
        Self { left: 0, last: false, phase }
    }

    /// Bytes were lost: content and the rest of a record may miss some, everything else is looked for anew.
    pub(super) fn gap(&mut self, bytes: u64, out: &mut dyn Sink) {
        if let Phase::Bulk(bulk) = &mut self.phase {
            let lost = bytes.min(bulk.left).min(self.left);
            out.content(bulk.id, ContentPart::Missing { offset: bulk.offset, bytes: lost });
            bulk.offset = bulk.offset.saturating_add(lost);
            bulk.left -= lost;
        }
        let inside = matches!(self.phase, Phase::Bulk(_) | Phase::Pass) && bytes <= self.left;
        if inside {
            self.left -= bytes;
            self.settle();
        } else {
            self.left = 0;
            self.phase = Phase::Search;
        }
    }

    /// After bytes of the current fragment were read: what comes next.
    fn settle(&mut self) {
        if let Phase::Bulk(bulk) = &self.phase
            && bulk.left == 0
        {
            self.phase = Phase::Pass;
        }
        if self.left == 0 && self.last {
            self.phase = Phase::Message;
        }
    }

    /// Reads a record mark.
    fn mark(&mut self, input: &[u8]) -> Step {
        let Some(mark) = input.first_chunk::<4>() else { return Step::Need(4) };
        let mark = u32::from_be_bytes(*mark);
        let bytes = mark & 0x7FFF_FFFF;
        if bytes > FRAGMENT_BYTES_MAX {
            let (value, max) = (bytes.into(), FRAGMENT_BYTES_MAX.into());
            let reason = Reason::OutsideRange { value, min: 0, max };
            return Step::Stop(Malformed { field: "fragment length", offset: 0, reason });
        }
        self.left = bytes.into();
        self.last = mark & 0x8000_0000 != 0;
        if !matches!(self.phase, Phase::Gather(_)) {
            self.settle();
        }
        Step::Done(4)
    }

    /// Looks for a record mark with the front of a message behind it.
    fn search(&mut self, input: &[u8]) -> Step {
        let found = (0..input.len()).find(|at| {
            let seen = record(input.get(*at..).unwrap_or_default());
            matches!(seen, Sight::Call(_) | Sight::Reply)
        });
        match found {
            Some(0) => {
                self.phase = Phase::Message;
                self.mark(input)
            }
            Some(at) => Step::Done(at),
            None if input.len() < SEARCH_BYTES => Step::Need(SEARCH_BYTES),
            None => Step::Done(input.len() - SEARCH_BYTES + 1),
        }
    }
}

/// Reads from the front of one side's stream.
pub(super) fn step(engine: &mut Engine, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
    let Some(stream) = engine.streams.get_mut(side.index()) else { return Step::Ignore };
    if matches!(stream.phase, Phase::Search) {
        let step = stream.search(input);
        if let (Step::Done(passed), Phase::Search) = (step, &stream.phase) {
            out.conceal(0..passed);
        }
        return step;
    }
    if stream.left == 0 {
        let step = stream.mark(input);
        // An empty last fragment ends a gathered message.
        if step == Step::Done(4)
            && (stream.left, stream.last) == (0, true)
            && let Phase::Gather(message) = std::mem::replace(&mut stream.phase, Phase::Message)
        {
            return finish(engine, side, &message, Some(4), 4, out);
        }
        return step;
    }
    match &mut stream.phase {
        Phase::Bulk(bulk) => {
            let most = bulk.left.min(stream.left);
            let there = usize::try_from(most).unwrap_or(usize::MAX).min(input.len());
            let bytes = input.get(..there).unwrap_or_default();
            out.content(bulk.id, ContentPart::Bytes { offset: bulk.offset, bytes });
            bulk.offset = bulk.offset.saturating_add(there as u64);
            bulk.left -= there as u64;
            stream.left -= there as u64;
            stream.settle();
            Step::Done(there)
        }
        Phase::Pass => {
            let bytes = std::mem::take(&mut stream.left);
            stream.settle();
            Step::Skip(bytes)
        }
        Phase::Message if stream.last => whole(engine, side, input, out),
        Phase::Message | Phase::Gather(_) | Phase::Search => gather(engine, side, input, out),
    }
}

/// A message of one fragment: read where it lies.
fn whole(engine: &mut Engine, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
    let total = engine.streams.get(side.index()).map_or(0, |stream| stream.left);
    let front = usize::try_from(total).unwrap_or(FRONT_BYTES).min(FRONT_BYTES);
    if input.len() < front {
        return Step::Need(front);
    }
    let wanted = engine.wanted(side, input, total);
    let Some(message) = input.get(..wanted) else { return Step::Need(wanted) };
    finish(engine, side, message, None, wanted, out)
}

/// A message of several fragments: copied together as far as it is wanted.
fn gather(engine: &mut Engine, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
    let Some(stream) = engine.streams.get_mut(side.index()) else { return Step::Ignore };
    let mut message = match std::mem::replace(&mut stream.phase, Phase::Message) {
        Phase::Gather(message) => message,
        _ => Vec::new(),
    };
    let (left, last) = (stream.left, stream.last);
    let more_to_come = u64::MAX >> 1;
    let total = message.len() as u64 + if last { left } else { more_to_come };
    let wanted = if message.len() < FRONT_BYTES { FRONT_BYTES } else { engine.wanted(side, &message, total) };
    let wanted = wanted.min(usize::try_from(total).unwrap_or(wanted));
    let lacking = wanted.saturating_sub(message.len());
    let there = lacking.min(usize::try_from(left).unwrap_or(lacking)).min(input.len());
    message.extend_from_slice(input.get(..there).unwrap_or_default());
    // Of a message in pieces it is known too late what of it is a file's content.
    out.conceal(0..there);
    let ends = last && there as u64 == left;
    if ends || (message.len() >= wanted && wanted > FRONT_BYTES) {
        return finish(engine, side, &message, Some(there.max(1)), there, out);
    }
    let Some(stream) = engine.streams.get_mut(side.index()) else { return Step::Ignore };
    stream.left -= there as u64;
    stream.phase = Phase::Gather(message);
    if there == 0 { Step::Need(input.len() + 1) } else { Step::Done(there) }
}

/// Reads `message`, of which the last `taken` bytes are at the front of the input.
fn finish(
    engine: &mut Engine,
    side: Side,
    message: &[u8],
    gathered: Option<usize>,
    taken: usize,
    out: &mut dyn Sink,
) -> Step {
    let read = engine.read(side, message, gathered, out);
    let Some(stream) = engine.streams.get_mut(side.index()) else { return Step::Ignore };
    stream.left = stream.left.saturating_sub(taken as u64);
    let cut_by_us = stream.left > 0 || !stream.last;
    stream.phase = read.bulk.map_or(Phase::Pass, Phase::Bulk);
    stream.settle();
    if let Some(fault) = read.fault
        && !(cut_by_us && fault.reason == Reason::CutShort)
    {
        if matches!(fault.field, "msg_type" | "rpcvers" | "reply_stat") {
            return Step::Stop(fault);
        }
        let fields = Fields::of(&super::SCHEMA, out);
        let mut reading = Reading { out, known: &mut engine.known, fields, bulk: None, sender: None };
        reading.malformed(fault, 0..taken);
    }
    Step::Done(taken)
}

const _: () = assert!(FRONT_BYTES < HEAD_BYTES_MAX);
