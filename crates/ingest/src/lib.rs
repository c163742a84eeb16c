//! From capture files to batches of frames.
//!
//! An edge crate: it opens files and interfaces, and nothing after it does. One run reads several *inputs* (files,
//! folders, standard input) and hands out all their frames in one order, merged by time. [`Live`] hands out the frames
//! of a network interface as they arrive.
//!
//! ```text
//! file → Raw (counts, hashes) → Stream (gzip, zstd, plain) → Format (pcap, pcapng) → Batch → merge by time
//! ```
//!
//! ```no_run
//! # fn main() -> Result<(), ingest::CaptureError> {
//! use ingest::{Batch, Captures, Input, Options};
//! let mut captures = Captures::open(&[Input::Path("ward.pcap".into())], &Options::default())?;
//! let mut batch = Batch::new();
//! while captures.fill(&mut batch) {
//!     for frame in batch.frames() {
//!         println!("{} {} {}", frame.capture, frame.number, frame.bytes.len());
//!     }
//! }
//! for summary in captures.summaries() {
//!     println!("{}: {} frames", summary.name, summary.frames);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # How bytes move
//! One uncompressed input is read(2) straight into the batch's own buffer of [`BATCH_BYTES`], which stays in
//! the second-level cache, and frames are found in place; only the cut-off tail, less than a frame, is moved.
//! This measured faster than a memory map, works on pipes, and a 50 GB file needs no more memory than a
//! small one. With several inputs each has a small buffer of its own, and frames are copied into the batch.
//!
//! # What is trusted
//! Nothing. Formats are told by content, never by name. Every length is checked against a named limit before
//! a buffer grows. A record that breaks its format ends that capture: everything before it was handed out,
//! and a [`model::Fault`] names the frame, the offset and the reason. We do not search for the next plausible
//! record: a guess would invent frames.
//!
//! # Order
//! Captures are numbered by (name, hash of the file), as the report lists them. Frames come by (time,
//! capture, number), where each capture keeps its file order even where its clock goes backwards: the time
//! that counts is that of the capture's next frame. So the order depends on the files alone.
//!
//! # Evidence
//! [`Evidence`] is a ring of raw frames on disk, encrypted: what a watch saw, for a finding that is made later.
//!
//! # Why header reads are hand-written
//! On the same file `pcap-parser` needs 335 instructions per pcapng packet and our walk 58 (pcap: 20 and 28),
//! and we need the offset and number of the damaged record. `pcap-parser` is the oracle in the tests.

mod batch;
mod before;
mod captures;
mod error;
mod evidence;
mod expand;
mod filter;
mod format;
mod live;
mod memory;
mod merge;
mod pcap;
mod pcapng;
mod reader;
mod ring;
mod stream;
pub mod write;

pub use batch::{BATCH_BYTES, Batch};
pub use before::Before;
pub use captures::{Captures, Input, NamedReader, OPEN_MAX, Options, Progress, Rejected};
pub use error::CaptureError;
pub use evidence::{
    EVIDENCE_WAIT_MAX, Evidence, EvidenceCounts, EvidenceLimits, EvidenceReader, EvidenceRecorder, Pace,
    RING_SIZE_MIN, RingError, Run, any_bytes,
};
pub use filter::{EXCLUDED_MAX, Network};
pub use format::{FAULTS_MAX, FRAME_BYTES_MAX};
pub use live::{CLOCK_STEP_NS_MIN, Live, LiveError, News, RING_BYTES, RING_BYTES_MAX, Standing};
pub use memory::{Memory, keep_freed_pages, wipe_freed_memory};
pub use pcapng::{BLOCK_BYTES_MAX, INTERFACES_MAX};
pub use stream::WINDOW_LOG_MAX;
