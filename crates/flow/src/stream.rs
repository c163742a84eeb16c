//! One direction of a TCP connection: segments in any order to a stream of bytes (RFC 9293 §3.4, §3.10).
//!
//! Overlap policy: what arrived first stands; a retransmission adds only what was not seen.
//!
//! A hole is waited for while segments keep coming. It becomes a gap when the segments behind it exceed
//! [`LATE_BYTES_MAX`] or [`LATE_SEGMENTS_MAX`], or when [`PATIENCE_SEGMENTS`] further segments of the side
//! passed without closing it, or when the flow ends.
//!
//! A segment further than [`WINDOW_BYTES_MAX`] ahead is of another connection, forged, or comes after a loss that
//! cannot be measured: it is passed over, until [`STRANGERS_MAX`] in a row say that the stream is there now.
//!
//! A FIN counts once everything before it came: one that overtakes the last data does not cut it off.

use model::Evidence;
use std::collections::BTreeMap;

/// Bytes held behind a hole, per side. Our limit; the hole becomes a gap.
pub const LATE_BYTES_MAX: usize = 128 << 10;
/// Segments held behind a hole, per side. Our limit; the hole becomes a gap.
pub const LATE_SEGMENTS_MAX: usize = 256;
/// Segments of the side that may pass before a hole becomes a gap. Fast retransmission needs three duplicate
/// acknowledgements and a round trip; a full window of a slow device is below this.
pub const PATIENCE_SEGMENTS: u32 = 96;

/// Furthest ahead a segment may stand. The largest window of RFC 7323 is 1 GiB; medical and office traffic stays
/// far below this.
pub const WINDOW_BYTES_MAX: u32 = 64 << 20;
/// Segments in a row outside the window after which the stream goes on at the last of them. Our limit.
pub const STRANGERS_MAX: u8 = 4;

/// A segment's payload as captured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    pub(crate) seq: u32,
    pub(crate) bytes: &'a [u8],
    /// Bytes of the payload that the capture cut off.
    pub(crate) missing: u32,
    pub(crate) evidence: Evidence,
}

/// What comes out, in order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Chunk<'a> {
    Bytes(&'a [u8], Evidence),
    Gap(u64),
}

#[derive(Clone, Debug)]
struct Late {
    bytes: Box<[u8]>,
    missing: u32,
    evidence: Evidence,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By offset in the stream.
    late: BTreeMap<u64, Late>,
    bytes: usize,
    passed: u32,
}

impl Waiting {
    /// Keeps of the segment at `at` what no earlier one brought.
    fn keep(&mut self, at: u64, segment: Segment<'_>) {
        let Segment { bytes, missing, evidence, .. } = segment;
        let end = at + bytes.len() as u64;
        if bytes.is_empty() {
            self.late.entry(at).or_insert_with(|| Late { bytes: Box::default(), missing, evidence });
        }
        let mut from = at;
        while from < end {
            let held = self.late.range(..=from).next_back().map(|(at, late)| at + late.bytes.len() as u64);
            if let Some(held) = held.filter(|held| *held > from) {
                from = held;
                continue;
            }
            let until = self.late.range(from + 1..).next().map_or(end, |(next, _)| end.min(*next));
            let place = |offset: u64| usize::try_from(offset - at).unwrap_or(usize::MAX);
            let piece = bytes.get(place(from)..place(until)).unwrap_or_default();
            self.bytes += piece.len();
            let missing = if until == end { missing } else { 0 };
            self.late.insert(from, Late { bytes: piece.into(), missing, evidence });
            from = until;
        }
    }
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// Sequence number of the next byte in order; only where `started`.
    next: u32,
    /// Sequence number of the first byte; only where `started`.
    first: u32,
    started: bool,
    /// Offset of that byte in the stream.
    offset: u64,
    waiting: Option<Box<Waiting>>,
    /// Segments in a row outside the window.
    strangers: u8,
    /// Sequence number of the FIN, once seen.
    end: Option<u32>,
    /// Everything up to the FIN was read, and its parser was told.
    pub(crate) finished: bool,
    /// The side acknowledged something, so the other side spoke, seen or not.
    pub(crate) acknowledged: bool,
}

impl Stream {
    /// The side's SYN was seen: its first byte has the next sequence number. As long as there was none, a SYN
    /// with another number is another attempt.
    pub(crate) fn syn(&mut self, seq: u32) {
        if !self.started || (self.offset == 0 && self.waiting.is_none()) {
            self.start(seq.wrapping_add(1));
        }
    }

    const fn start(&mut self, first: u32) {
        self.started = true;
        (self.first, self.next) = (first, first);
    }

    /// The side's FIN was seen, with this sequence number; one outside the window is of another connection.
    pub(crate) const fn fin(&mut self, seq: u32) {
        if !self.started {
            self.start(seq);
        }
        let ahead = seq.wrapping_sub(self.next).cast_signed();
        if self.end.is_none() && ahead >= 0 && ahead.unsigned_abs() <= WINDOW_BYTES_MAX {
            self.end = Some(seq);
        }
    }

    /// Whether the side's FIN was seen.
    pub(crate) const fn has_fin(&self) -> bool {
        self.end.is_some()
    }

    /// Whether everything up to the side's FIN is in order.
    pub(crate) fn at_end(&self) -> bool {
        self.end == Some(self.next)
    }

    /// Whether the stream's place is known.
    pub(crate) const fn started(&self) -> bool {
        self.started
    }

    /// Sequence number of the first byte.
    pub(crate) const fn first(&self) -> u32 {
        self.first
    }

    /// Where a segment that begins with `seq` would stand; `None` before the stream's start and outside the window.
    pub(crate) fn place(&self, seq: u32) -> Option<u64> {
        if !self.started {
            return Some(0);
        }
        let ahead = seq.wrapping_sub(self.next).cast_signed();
        if ahead.unsigned_abs() > WINDOW_BYTES_MAX {
            return None;
        }
        self.offset.checked_add_signed(i64::from(ahead))
    }

    /// Takes a segment and gives what is now in order.
    #[inline]
    pub(crate) fn push(&mut self, segment: Segment<'_>, emit: &mut dyn FnMut(Chunk<'_>)) {
        if !self.started {
            self.start(segment.seq);
        }
        // The distance in sequence space: positive ahead of us, negative behind (RFC 9293 §3.4).
        let ahead = segment.seq.wrapping_sub(self.next).cast_signed();
        if ahead.unsigned_abs() > WINDOW_BYTES_MAX {
            return self.stranger(segment, emit);
        }
        self.strangers = 0;
        if ahead <= 0 {
            let seen = ahead.unsigned_abs() as usize;
            let total = segment.bytes.len() + segment.missing as usize;
            if seen >= total {
                return self.pass(emit);
            }
            if let Some(waiting) = &mut self.waiting {
                // Parts of it may have come before, behind the hole that it closes.
                let bytes = segment.bytes.get(seen..).unwrap_or_default();
                let missing =
                    segment.missing.saturating_sub((seen.saturating_sub(segment.bytes.len())) as u32);
                waiting.keep(self.offset, Segment { bytes, missing, ..segment });
                self.drain(emit);
            } else {
                self.deliver(segment, seen, emit);
            }
        } else {
            self.hold(segment, u64::from(ahead.unsigned_abs()), emit);
        }
    }

    /// A segment outside the window: forged, of an older connection, or after a loss without measure.
    fn stranger(&mut self, segment: Segment<'_>, emit: &mut dyn FnMut(Chunk<'_>)) {
        self.strangers += 1;
        if self.strangers >= STRANGERS_MAX {
            self.finish(emit);
            // How much was lost cannot be known: the window is the least.
            emit(Chunk::Gap(u64::from(WINDOW_BYTES_MAX)));
            self.offset += u64::from(WINDOW_BYTES_MAX);
            self.next = segment.seq;
            self.strangers = 0;
            self.deliver(segment, 0, emit);
        }
    }

    fn deliver(&mut self, segment: Segment<'_>, seen: usize, emit: &mut dyn FnMut(Chunk<'_>)) {
        if let Some(fresh) = segment.bytes.get(seen..).filter(|fresh| !fresh.is_empty()) {
            emit(Chunk::Bytes(fresh, segment.evidence));
            self.advance(fresh.len() as u64);
        }
        let cut = segment.missing as usize - seen.saturating_sub(segment.bytes.len());
        if cut > 0 {
            emit(Chunk::Gap(cut as u64));
            self.advance(cut as u64);
        }
    }

    const fn advance(&mut self, bytes: u64) {
        self.offset += bytes;
        // Sequence numbers wrap at 2^32 by design.
        self.next = self.next.wrapping_add(bytes as u32);
    }

    fn hold(&mut self, segment: Segment<'_>, ahead: u64, emit: &mut dyn FnMut(Chunk<'_>)) {
        let at = self.offset + ahead;
        let waiting = self.waiting.get_or_insert_default();
        waiting.passed += 1;
        waiting.keep(at, segment);
        if waiting.bytes > LATE_BYTES_MAX
            || waiting.late.len() > LATE_SEGMENTS_MAX
            || waiting.passed > PATIENCE_SEGMENTS
        {
            self.give_up_hole(emit);
        }
    }

    /// A segment brought nothing new.
    fn pass(&mut self, emit: &mut dyn FnMut(Chunk<'_>)) {
        if let Some(waiting) = &mut self.waiting {
            waiting.passed += 1;
            if waiting.passed > PATIENCE_SEGMENTS {
                self.give_up_hole(emit);
            }
        }
    }

    /// The hole before the first late segment becomes a gap.
    fn give_up_hole(&mut self, emit: &mut dyn FnMut(Chunk<'_>)) {
        let first = self.waiting.as_ref().and_then(|waiting| waiting.late.keys().next().copied());
        if let Some(at) = first {
            let hole = at.saturating_sub(self.offset);
            if hole > 0 {
                emit(Chunk::Gap(hole));
                self.advance(hole);
            }
        }
        self.drain(emit);
    }

    /// Gives the late segments that are now in order.
    fn drain(&mut self, emit: &mut dyn FnMut(Chunk<'_>)) {
        let Some(mut waiting) = self.waiting.take() else { return };
        while let Some(entry) = waiting.late.first_entry() {
            if *entry.key() > self.offset {
                break;
            }
            let (at, late) = entry.remove_entry();
            waiting.bytes -= late.bytes.len();
            waiting.passed = 0;
            let seen = usize::try_from(self.offset - at).unwrap_or(usize::MAX);
            if seen < late.bytes.len() + late.missing as usize {
                let Late { bytes, missing, evidence } = &late;
                self.deliver(Segment { seq: 0, bytes, missing: *missing, evidence: *evidence }, seen, emit);
            }
        }
        if !waiting.late.is_empty() {
            self.waiting = Some(waiting);
        }
    }

    /// The flow is over: every hole is a gap now.
    pub(crate) fn finish(&mut self, emit: &mut dyn FnMut(Chunk<'_>)) {
        while self.waiting.is_some() {
            self.give_up_hole(emit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Taken {
        text: String,
        stream: Stream,
    }

    impl Taken {
        fn new(initial: u32) -> Self {
            let mut stream = Stream::default();
            stream.syn(initial);
            Self { text: String::new(), stream }
        }

        fn push(&mut self, seq: u32, bytes: &[u8], missing: u32) -> &mut Self {
            let segment = Segment { seq, bytes, missing, evidence: Evidence::default() };
            let text = &mut self.text;
            self.stream.push(segment, &mut |chunk| write(text, chunk));
            self
        }

        fn finish(&mut self) -> &str {
            let text = &mut self.text;
            self.stream.finish(&mut |chunk| write(text, chunk));
            &self.text
        }
    }

    fn write(text: &mut String, chunk: Chunk<'_>) {
        match chunk {
            Chunk::Bytes(bytes, _) => text.push_str(std::str::from_utf8(bytes).unwrap()),
            Chunk::Gap(bytes) => text.push_str(&format!("[{bytes}]")),
        }
    }

    #[test]
    fn order_is_restored_across_the_wrap_of_sequence_numbers() {
        let mut taken = Taken::new(u32::MAX - 2);
        taken.push(u32::MAX - 1, b"ab", 0).push(2, b"ef", 0).push(0, b"cd", 0);
        assert_eq!(taken.finish(), "abcdef");
    }

    #[test]
    fn a_retransmission_adds_only_what_was_not_seen() {
        let mut taken = Taken::new(0);
        taken.push(1, b"abcd", 0).push(1, b"abcd", 0).push(3, b"XXef", 0).push(1, b"ZZZZZZgh", 0);
        assert_eq!(taken.finish(), "abcdefgh");
    }

    #[test]
    fn a_hole_is_a_gap_at_the_end() {
        let mut taken = Taken::new(0);
        taken.push(1, b"ab", 0).push(13, b"mn", 0).push(23, b"wx", 0);
        assert_eq!(taken.finish(), "ab[10]mn[8]wx");
    }

    #[test]
    fn a_hole_is_given_up_after_enough_segments() {
        let mut taken = Taken::new(0);
        taken.push(1, b"a", 0);
        for at in 0..=PATIENCE_SEGMENTS {
            taken.push(4 + at, b"x", 0);
        }
        assert!(taken.text.starts_with("a[2]xxx"));
        assert!(taken.stream.waiting.is_none());
    }

    #[test]
    fn what_the_capture_cut_off_is_a_gap() {
        let mut taken = Taken::new(0);
        taken.push(1, b"ab", 3).push(6, b"fg", 0);
        assert_eq!(taken.finish(), "ab[3]fg");
    }

    #[test]
    fn a_stream_that_began_before_the_capture_starts_at_its_first_segment() {
        let mut taken = Taken { text: String::new(), stream: Stream::default() };
        taken.push(5000, b"ab", 0).push(5002, b"cd", 0);
        assert_eq!(taken.finish(), "abcd");
    }

    #[test]
    fn a_forged_segment_far_ahead_is_passed_over() {
        let mut taken = Taken::new(0);
        taken.push(1, b"ab", 0).push(0x7000_0000, b"evil", 0).push(3, b"cd", 0);
        assert_eq!(taken.finish(), "abcd");
    }

    #[test]
    fn a_stream_that_moved_on_is_followed() {
        let mut taken = Taken::new(0);
        taken.push(1, b"ab", 0);
        for at in 0..u32::from(STRANGERS_MAX) {
            taken.push(0x7000_0000 + at, b"x", 0);
        }
        taken.push(0x7000_0000 + u32::from(STRANGERS_MAX), b"yz", 0);
        assert_eq!(taken.finish(), format!("ab[{WINDOW_BYTES_MAX}]xyz"));
    }

    #[test]
    fn what_arrived_first_stands_behind_a_hole_too() {
        let mut taken = Taken::new(0);
        taken.push(5, b"efg", 0).push(3, b"cdXX", 0).push(4, b"YYYYYh", 0).push(1, b"abZZZZZZZZi", 0);
        assert_eq!(taken.finish(), "abcdefgYhZi");
    }

    #[test]
    fn a_fin_that_overtakes_the_last_bytes_waits_for_them() {
        let mut taken = Taken::new(0);
        taken.push(1, b"ab", 0);
        taken.stream.fin(5);
        assert!(taken.stream.has_fin() && !taken.stream.at_end());
        taken.stream.fin(0x7000_0000);
        taken.push(3, b"cd", 0);
        assert!(taken.stream.at_end());
    }

    #[test]
    fn another_attempt_with_another_number_starts_the_stream_there() {
        let mut taken = Taken::new(0);
        taken.stream.syn(0x5000_0000);
        taken.push(0x5000_0001, b"ab", 0);
        taken.stream.syn(9);
        assert_eq!(taken.push(0x5000_0003, b"cd", 0).finish(), "abcd");
    }

    #[test]
    fn late_overlapping_segments_are_trimmed() {
        let mut taken = Taken::new(0);
        taken.push(3, b"cde", 0).push(5, b"efg", 0).push(3, b"cdefg", 0).push(1, b"ab", 0);
        assert_eq!(taken.finish(), "abcdefg");
    }
}
