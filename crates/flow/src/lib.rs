//! Frames to observations: link, network and transport headers, defragmentation, reassembly, the flow table,
//! and the parsers that it runs. Opens nothing and reads no clock.
//!
//! ```text
//! Frame ── decode ──► Decoded ── shard() ──► Shard::push ──► Observation …
//!                                             │ copies, fragments, flow table
//!                                             │ stream (TCP order, gaps) ─ reader (probe, parser) ─ sink
//!                                             └ carry (files by hash)
//! ```
//!
//! Frames are decoded without state, then handed to one of [`SHARDS`] shards by the pair of hosts they
//! belong to. A shard is never used by two workers at once; its limits are its own, so a report does not
//! depend on how many workers there were.

mod carry;
mod decode;
mod defragment;
mod duplicate;
mod excerpt;
mod kind;
mod layers;
mod options;
mod reader;
mod shard;
mod sink;
mod stream;
mod table;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod transport;
mod witness;

pub use decode::{Decoded, Fragment, IpPacket, Payload, SHARDS, decode};
pub use excerpt::{CutFrame, Cutting, Excerpt, UnitSeen};
pub use kind::{HEAD_BYTES, content_kind};
pub use layers::{Layer, LayerField, layers};
pub use options::{Identities, Keeper, Options, Redaction, Waveforms};
pub use shard::Shard;
pub use witness::{Placed, Unit, Witness};

/// Every limit of this stage, in one place for manuals and tests.
pub mod limits {
    pub use crate::carry::{FILE_LATE_BYTES_MAX, FILES_MAX, LATE_BYTES_MAX as CARRIED_LATE_BYTES_MAX};
    pub use crate::decode::LAYERS_MAX;
    pub use crate::defragment::{
        DATAGRAM_BYTES_MAX, DATAGRAMS_MAX, FRAGMENTS_MAX, TIMEOUT_NS as FRAGMENT_TIMEOUT_NS,
    };
    pub use crate::duplicate::{REMEMBERED_MAX as COPIES_REMEMBERED_MAX, WINDOW_NS as COPY_WINDOW_NS};
    pub use crate::excerpt::{
        BYTES_MAX as EXCERPT_BYTES_MAX, COMPANIONS_MAX, FRAMES_MAX as EXCERPT_FRAMES_MAX, RECENT_FRAMES_MAX,
        TAIL_FRAMES_MAX, UNITS_MAX as EXCERPT_UNITS_MAX, WANTED_MAX,
    };
    pub use crate::layers::HEADERS_MAX;
    pub use crate::reader::{PROBE_BYTES_MAX, PROBES_MAX};
    pub use crate::shard::RADIOS_MAX;
    pub use crate::sink::{EXPECTATIONS_MAX, MEMORY_TEXTS_MAX};
    pub use crate::stream::{
        LATE_BYTES_MAX, LATE_SEGMENTS_MAX, PATIENCE_SEGMENTS, STRANGERS_MAX, WINDOW_BYTES_MAX,
    };
    pub use crate::table::{FLOWS_MAX, IDLE_TIMEOUT_NS, LINK_EVERY_NS, SHORT_TIMEOUT_NS};
}
