//! The nouns of Lazaret.
//!
//! Everything that two stages of the pipeline say to each other is a type of this crate: a frame's time
//! and evidence, the closed vocabulary of facts (ADR 0001), assets, findings, vital signs, and the
//! declared schema of protocol messages. It depends on nothing, opens nothing and serialises nothing:
//! outside formats are the business of `export`, which mirrors these types version by version.
//!
//! ```text
//! ingest      flow         wire         wire            inventory       detect
//! Frame  →  Segment  →  Message  →  Observation  →  AssetChange  →  Finding
//! ```

mod address;
mod asset;
mod capture;
mod content;
mod conversation;
mod fact;
mod finding;
mod hash;
mod identifier;
mod integrity;
mod location;
mod observation;
mod privacy;
mod recording;
mod report;
mod schema;
mod session;
mod slab;
mod storage;
mod text;
mod time;
mod vital;

pub use address::{Endpoint, Mac, Networks, Prefix, PrefixError, Transport, VlanStack};
pub use asset::{Asset, AssetId, DeviceClass, Exposure, ExposureStatus, SignSeen};
pub use capture::{CaptureSummary, Coverage, Fault, Frame, LinkType};
pub use content::{CarriedFile, ContentKind, Digest256, Mover};
pub use conversation::{Conversation, Direction, FlowEnd, FlowStart, FlowTotals, Rhythm, SideTotals};
pub use fact::{
    Accepted, Account, Credentials, Disclosed, Fact, Lease, LinkFact, LossKind, Malformed, Offer, Operation,
    Radio, RadioRole, Reason, Unparsed, speaker,
};
pub use finding::{Certainty, Detail, Finding, FindingId, Peer, Severity};
pub use hash::{FastHasher, FastState, stable_hash};
pub use identifier::{About, Identifier};
pub use integrity::{Check, IntegrityRow, Judged, Verdict};
pub use location::Location;
pub use observation::{Evidence, FlowId, Observation, Observed, Origin, Side};
pub use privacy::{PatientToken, Privacy, Pseudonym};
pub use recording::{BedRecording, ChannelRecording, Gap, LeftOut, NoticeAt, NumericPoint, Stretch};
pub use report::{BedVitals, LimitInForce, NumericRange, Report, Seen, TakenBack, Trend, WaveformSeen};
pub use schema::{Field, Kind, Message, Schema, Value};
pub use session::{SESSION_NUMBERS_MAX, SESSION_PROTOCOLS_MAX, SessionOffer, Sessions};
pub use slab::Slab;
pub use storage::{Storage, StorageOutcome, StorageStep};
pub use text::Text;
pub use time::CaptureTime;
pub use vital::{
    AlarmLimit, Channel, Notice, Sample, SampleCounts, Samples, Switch, Validity, Vital, Waveform,
    WaveformPayload,
};
