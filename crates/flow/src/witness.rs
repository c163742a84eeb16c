//! What evidence needs to know of a flow: which bytes of its streams lay where in which frame, and which of them may
//! be seen.
//!
//! A stream's bytes are counted from its first one, over gaps; datagrams of a flow are counted as if they were a
//! stream. So whatever a parser says of its input can be told of frames: also where a unit spans several segments, a
//! segment was sent twice, or a datagram came in fragments.
//!
//! Nothing may be seen unless a parser read it and concealed nothing of it: what no parser understood stays hidden.

use model::{Evidence, Field, FlowId, Message, Side};
use std::ops::Range;

/// Told what lay where and what may be seen of it. Nobody asks for it but who keeps frames as evidence.
pub trait Witness: Send + Sync {
    /// A new flow: its slot may have been another's.
    fn opened(&self, flow: FlowId);

    /// A frame is a copy of an earlier one: nothing of it is read.
    fn copied(&self, evidence: Evidence);

    /// Payload of a frame has a place in a side's stream.
    fn placed(&self, flow: FlowId, side: Side, placed: Placed);

    /// These bytes of a side's stream were read and may be seen, but for those concealed.
    fn shown(&self, flow: FlowId, side: Side, range: Range<u64>);

    /// These may not, whatever else is said of them.
    fn concealed(&self, flow: FlowId, side: Side, range: Range<u64>);

    /// These are a carried file's content, and may be seen where the file is no document; `file` is the number that a
    /// [`crate::Keeper`] knows it by.
    fn carried(&self, flow: FlowId, side: Side, range: Range<u64>, file: u64);

    /// These bytes of a side's stream are one unit of a protocol. Only where [`crate::Options::wants_message`] asks for it.
    fn told(&self, flow: FlowId, side: Side, range: Range<u64>, unit: &Unit) {
        let _ = (flow, side, range, unit);
    }
}

/// One unit of a protocol, as far as it may leave the pipeline.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Its declared fields.
    pub message: Message,
    /// Declared fields that it has too, and that are a patient's or a secret: their values are not here.
    pub withheld: Box<[&'static Field]>,
}

/// Where payload lies and which part of a stream it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Placed {
    /// The frame; of a datagram in fragments, the one that made it whole.
    pub evidence: Evidence,
    /// Whether the datagram came in fragments.
    pub fragmented: bool,
    /// Offset of the first byte in the frame; of a datagram in fragments, in the datagram after its IP header.
    pub offset: usize,
    /// How many bytes.
    pub bytes: usize,
    /// Place of the first byte in the stream.
    pub at: u64,
}

/// The buffer that the current payload is a part of: a frame, or a datagram that came in fragments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    start: usize,
    fragmented: bool,
}

impl Origin {
    pub(crate) fn frame(bytes: &[u8]) -> Self {
        Self { start: bytes.as_ptr().addr(), fragmented: false }
    }

    pub(crate) fn datagram(bytes: &[u8]) -> Self {
        Self { start: bytes.as_ptr().addr(), fragmented: true }
    }

    /// Where `payload`, a part of the buffer, lies in it.
    pub(crate) fn place(self, payload: &[u8], evidence: Evidence, at: u64) -> Placed {
        let offset = payload.as_ptr().addr().wrapping_sub(self.start);
        Placed { evidence, fragmented: self.fragmented, offset, bytes: payload.len(), at }
    }
}

/// Where `part` lies in `whole`; `None` where it is no part of it.
pub(crate) fn part_of(whole: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_found_by_where_it_lies_and_not_by_what_it_says() {
        let whole = b"abcabc".to_vec();
        assert_eq!(part_of(&whole, &whole[3..5]), Some(3..5));
        let elsewhere = b"abc".to_vec();
        assert_eq!(part_of(&whole, &elsewhere), None);
        assert_eq!(part_of(&whole[2..4], &whole[3..6]), None);
    }
}
