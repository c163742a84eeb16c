//! Merging captures by time, with a bounded number of open files and bounded buffers.
//!
//! One capture alone is read straight into the batch. Several are merged with a heap of their next frames,
//! ordered by (time, capture, number). As long as the capture on top stays first, its frames are copied
//! without touching the heap, so files that follow one another cost no more than one.
//!
//! # Limits
//! Read-ahead of all open captures together is [`AHEAD_BYTES_MAX`], at least [`SLOT_BYTES_MIN`] each.

use crate::batch::{BATCH_BYTES, Batch, FrameHead};
use crate::captures::Rejected;
use crate::error::CaptureError;
use crate::expand::Candidate;
use crate::reader::{Opening, Reader};
use model::{CaptureSummary, Digest256, Fault};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Read-ahead of all open captures together, in bytes. Our limit; a single long frame may exceed it.
const AHEAD_BYTES_MAX: usize = 16 << 20;
/// Least read-ahead of one capture, in bytes.
const SLOT_BYTES_MIN: usize = 32 << 10;
/// Frames in one batch: as many as empty records fit into its buffer.
const BATCH_FRAMES_MAX: usize = BATCH_BYTES / 16;

/// One capture of the run.
pub(crate) struct Slot {
    pub(crate) candidate: Candidate,
    reader: Option<Reader>,
    /// Whether it is still to be opened, or opened again.
    waiting: bool,
    first_time: i64,
    sha256: Option<Digest256>,
    /// Why it could not be opened again.
    failed: Option<String>,
    bytes: Vec<u8>,
    heads: Vec<FrameHead>,
    next: usize,
}

impl Slot {
    /// A capture with its reader, or one that is opened when `first_time` is due.
    pub(crate) fn new(
        candidate: Candidate,
        reader: Option<Reader>,
        first_time: i64,
        sha256: Option<Digest256>,
    ) -> Self {
        let waiting = reader.is_none();
        let (bytes, heads) = (Vec::new(), Vec::new());
        Self { candidate, reader, waiting, first_time, sha256, failed: None, bytes, heads, next: 0 }
    }

    /// Bytes read as they lie on disk; all of them where nothing more will be read.
    pub(crate) fn raw_bytes(&self) -> u64 {
        let size = self.candidate.size.unwrap_or(0);
        match &self.reader {
            Some(reader) if reader.ended() => size.max(reader.raw_bytes()),
            Some(reader) => reader.raw_bytes(),
            None if self.failed.is_some() => size,
            None => 0,
        }
    }

    /// What was read of it.
    pub(crate) fn summary(&self) -> CaptureSummary {
        let (name, size) = (&self.candidate.name, self.candidate.size);
        let mut summary = match &self.reader {
            Some(reader) => reader.summary(name, size, self.sha256),
            None => CaptureSummary {
                name: name.clone(),
                sha256: self.sha256,
                bytes: size.unwrap_or(0),
                ..CaptureSummary::default()
            },
        };
        if let Some(what) = &self.failed {
            summary.faults.push(Fault { frame: 0, offset: 0, what: what.clone() });
        }
        summary
    }

    /// Reads ahead where all that was read has been taken. False at the end.
    fn refill(&mut self, size: usize) -> bool {
        if self.next < self.heads.len() {
            return true;
        }
        self.next = 0;
        let Some(reader) = &mut self.reader else { return false };
        let more = reader.fill(&mut self.bytes, &mut self.heads, size);
        if !more {
            (self.bytes, self.heads) = (Vec::new(), Vec::new());
        }
        more
    }
}

/// What orders the heap: time, capture, number. Numbers are needed only to be complete.
type Key = (i64, usize, u64);

/// All captures of a run.
pub(crate) struct Merge {
    pub(crate) slots: Vec<Slot>,
    pub(crate) window_log_max: u32,
    heap: BinaryHeap<Reverse<Key>>,
    hash: bool,
    open_max: usize,
    open: usize,
    slot_bytes: usize,
}

impl Merge {
    pub(crate) fn new(hash: bool, open_max: usize, window_log_max: u32) -> Self {
        let heap = BinaryHeap::new();
        Self { slots: Vec::new(), window_log_max, heap, hash, open_max, open: 0, slot_bytes: SLOT_BYTES_MIN }
    }

    /// Sets the captures, in the order of the report.
    pub(crate) fn start(&mut self, slots: Vec<Slot>) {
        self.slots = slots;
        let together = self.slots.len().clamp(1, self.open_max);
        self.slot_bytes = (AHEAD_BYTES_MAX / together).clamp(SLOT_BYTES_MIN, BATCH_BYTES);
        for (capture, slot) in (0u32..).zip(&mut self.slots) {
            if let Some(reader) = &mut slot.reader {
                reader.capture = capture;
                self.open += 1;
            }
        }
        if self.slots.len() > 1 {
            // Captures are first read when the first batch is asked for: i64::MIN comes before all times.
            self.heap =
                self.slots.iter().enumerate().map(|(at, slot)| Reverse((slot.first_time, at, 0))).collect();
        }
    }

    /// Fills `batch` with about `size` bytes of frames; false at the end.
    pub(crate) fn fill(&mut self, batch: &mut Batch, size: usize, rejected: &mut Vec<Rejected>) -> bool {
        if let [only] = self.slots.as_mut_slice() {
            if only.waiting {
                self.open(0, rejected);
            }
            let reader = self.slots.first_mut().and_then(|only| only.reader.as_mut());
            return reader.is_some_and(|reader| reader.fill(&mut batch.bytes, &mut batch.heads, size));
        }
        batch.bytes.clear();
        batch.heads.clear();
        while let Some(Reverse((_, at, number))) = self.heap.pop() {
            if number == 0 {
                self.first(at, rejected);
                continue;
            }
            let next = self.heap.peek().map(|Reverse(key)| *key);
            let Some(slot) = self.slots.get_mut(at) else { continue };
            match take(slot, at, next, batch, size, self.slot_bytes) {
                Taken::Ended => self.open = self.open.saturating_sub(1),
                Taken::Later(key) => self.heap.push(Reverse(key)),
                Taken::Full(key) => {
                    self.heap.push(Reverse(key));
                    return true;
                }
            }
        }
        !batch.heads.is_empty()
    }

    /// Puts the first frame of a capture into the heap.
    fn first(&mut self, at: usize, rejected: &mut Vec<Rejected>) {
        if self.slots.get(at).is_some_and(|slot| slot.waiting) {
            self.open(at, rejected);
        }
        let Some(slot) = self.slots.get_mut(at) else { return };
        if slot.reader.is_none() {
            return;
        }
        if slot.refill(self.slot_bytes)
            && let Some(head) = slot.heads.first()
        {
            self.heap.push(Reverse((head.time, at, head.number)));
        } else {
            self.open = self.open.saturating_sub(1);
        }
    }

    /// Opens a capture whose first frame is due. What fails is rejected, and is a fault of its summary.
    fn open(&mut self, at: usize, rejected: &mut Vec<Rejected>) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        slot.waiting = false;
        let path = slot.candidate.shown();
        let opened = if self.open >= self.open_max {
            Err(CaptureError::TooManyOpen { path, open: self.open })
        } else {
            slot.candidate
                .open()
                .map_err(|source| CaptureError::Open { path: path.clone(), source })
                .and_then(|(from, patience)| {
                    let (hash, window_log_max) = (self.hash, self.window_log_max);
                    Reader::open(Opening { name: path, from, patience, hash, window_log_max })
                })
        };
        match opened {
            Ok(mut reader) => {
                reader.capture = at as u32;
                slot.reader = Some(reader);
                self.open += 1;
            }
            Err(error) => {
                slot.failed = Some(error.to_string());
                rejected.push(Rejected { name: slot.candidate.name.clone(), error });
            }
        }
    }
}

/// Why no more was taken from a capture.
enum Taken {
    /// It has no more frames.
    Ended,
    /// Another capture is first; this is its key.
    Later(Key),
    /// The batch is full; this is its key.
    Full(Key),
}

/// Copies frames of `slot` into the batch, as long as they come before `next`.
fn take(
    slot: &mut Slot,
    at: usize,
    next: Option<Key>,
    batch: &mut Batch,
    size: usize,
    slot_bytes: usize,
) -> Taken {
    loop {
        if !slot.refill(slot_bytes) {
            return Taken::Ended;
        }
        let Some(head) = slot.heads.get(slot.next) else { return Taken::Ended };
        let key = (head.time, at, head.number);
        if next.is_some_and(|next| next < key) {
            return Taken::Later(key);
        }
        let (start, bytes) = (head.at as usize, head.bytes as usize);
        let room = batch.bytes.len() + bytes <= size && batch.heads.len() < BATCH_FRAMES_MAX;
        if !room && !batch.heads.is_empty() {
            return Taken::Full(key);
        }
        batch.heads.push(FrameHead { at: batch.bytes.len() as u32, ..*head });
        batch.bytes.extend_from_slice(slot.bytes.get(start..start + bytes).unwrap_or_default());
        slot.next += 1;
    }
}
