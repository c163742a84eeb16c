//! A batch: frames that were read together.

use model::{CaptureTime, Frame, LinkType};

/// Size of a batch's buffer, in bytes: it and the first tables of the flow engine fit into a 1 MiB
/// second-level cache together. A longer frame grows it, up to [`crate::FRAME_BYTES_MAX`] and a header.
pub const BATCH_BYTES: usize = 256 << 10;

/// Where one frame of a batch lies, and what its record said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameHead {
    /// Capture time, in nanoseconds since the epoch.
    pub(crate) time: i64,
    /// Number within the capture, from 1.
    pub(crate) number: u64,
    /// Offset of the first byte in the buffer.
    pub(crate) at: u32,
    /// Bytes captured.
    pub(crate) bytes: u32,
    /// Bytes on the wire.
    pub(crate) original_bytes: u32,
    /// Index of the capture.
    pub(crate) capture: u32,
    /// What the first byte is.
    pub(crate) link: LinkType,
}

/// Frames read together; reused between fills so that the bytes stay in the cache.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) heads: Vec<FrameHead>,
    pub(crate) first_order: u64,
}

impl Batch {
    /// An empty batch; the first fill allocates.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The frames, in merged order.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = Frame<'_>> {
        self.heads.iter().map(|head| self.at(head))
    }

    /// One frame of the batch.
    #[must_use]
    pub fn frame(&self, index: usize) -> Option<Frame<'_>> {
        self.heads.get(index).map(|head| self.at(head))
    }

    /// Frames in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Whether there is room for no more: then more may be waiting.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= BATCH_BYTES
    }

    /// Overwrites what it holds, and is empty then.
    pub(crate) fn wipe(&mut self) {
        self.bytes.fill(0);
        self.bytes.clear();
        self.heads.clear();
    }

    /// Merged position of the first frame, from 0 over the whole run.
    #[must_use]
    pub fn first_order(&self) -> u64 {
        self.first_order
    }

    #[inline]
    fn at(&self, head: &FrameHead) -> Frame<'_> {
        let at = head.at as usize;
        // Heads are only made for bytes that are there, so the fallback is never taken.
        let bytes = self.bytes.get(at..at + head.bytes as usize).unwrap_or_default();
        Frame {
            capture: head.capture,
            number: head.number,
            time: CaptureTime::from_nanos(head.time),
            link: head.link,
            original_bytes: head.original_bytes,
            bytes,
        }
    }
}
