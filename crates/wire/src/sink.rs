//! Where a parser's results go.

use model::{Accepted, CaptureTime, Fact, Field, LinkFact, Mover, Schema, Text, Transport, Value};
use std::net::IpAddr;
use std::ops::Range;

/// Most bytes of one side that are kept for a parser that [needs](crate::Step::Need) more. Our limit, above
/// every unit of the protocols we read (an NFS READ of 1 MiB is streamed, not kept). A parser that needs more
/// gives its flow up, which is counted as [`model::Unparsed::Limit`].
pub const UNIT_BYTES_MAX: usize = 256 << 10;

/// Takes what a parser finds. Ranges are offsets into the `input` of the current step; they become evidence.
pub trait Sink {
    /// Capture time of the current frame.
    fn time(&self) -> CaptureTime;

    /// Whether anybody asked for fields of `schema`: parsers of frequent units ask before they build a message.
    fn wants_message(&self, schema: &'static Schema) -> bool;

    /// Whether anybody asked for the samples of waveforms.
    fn wants_waveforms(&self) -> bool;

    /// The declared fields of one unit. Patient values become keyed hashes, secrets are dropped.
    fn message(&mut self, schema: &'static Schema, fields: &[(&'static Field, Value)], range: Range<usize>);

    /// What it means. The origin is the side of the current step.
    fn fact(&mut self, fact: Fact, range: Range<usize>);

    /// A fact that the *other* side is the origin of: an answer that tells what was asked.
    fn fact_of_other(&mut self, fact: Fact, range: Range<usize>);

    /// What a link-layer or network-control unit tells about stations (ARP, ND, ICMP).
    fn link(&mut self, fact: LinkFact, range: Range<usize>);

    /// The unit names a patient: becomes `Fact::Patient` and `Fact::Disclosed(PatientIdentity)`.
    fn patient(&mut self, patient: &PatientFields<'_>, range: Range<usize>);

    /// A log-in by the *client* of the flow: becomes `Fact::LoggedIn` without the secret.
    fn login(&mut self, login: &Login<'_>, range: Range<usize>);

    /// Part of a file that the side of the current step sends (or, for [`ContentPart::Path`] and
    /// [`ContentPart::Length`], either side tells of).
    fn content(&mut self, id: ContentId, part: ContentPart<'_>);

    /// Whether frames are kept as evidence, so that somebody asks what of them must not be seen.
    fn wants_concealed(&self) -> bool {
        false
    }

    /// These bytes name a patient or hold a secret, or may: they are overwritten in frames kept as evidence. Called
    /// in the step that uses them up. What a parser reads and does not conceal may be seen; what it passes over
    /// ([`crate::Step::Skip`]), ignores, or never gets to read may not.
    fn conceal(&mut self, range: Range<usize>) {
        let _ = range;
    }

    /// What this step passes over or ignores from here on is no patient's and no secret in clear, though nobody reads
    /// it: it is encrypted, or belongs to a handshake. It may be seen.
    fn passes_public(&mut self) {}

    /// A flow is announced.
    fn expect(&mut self, expectation: Expectation);

    /// Keeps a short text for other flows between the same two hosts, e.g. the path of a file handle.
    /// Bounded: the oldest is forgotten.
    fn remember(&mut self, key: u64, text: Text);

    /// What [`Sink::remember`] kept.
    fn recall(&self, key: u64) -> Option<Text>;
}

/// What a unit says of a patient, raw. Only the sink sees it.
#[derive(Clone, Copy, Debug, Default)]
pub struct PatientFields<'a> {
    /// The identifier that names the patient best: number, else name; trimmed, may be empty.
    pub identifier: &'a [u8],
    /// Whether there is more protected data in the unit than the identifier.
    pub more: bool,
    /// Name, trimmed; empty where the unit has none. For a site's vault, as are the next two.
    pub name: &'a [u8],
    /// Number, trimmed; empty where the unit has none.
    pub number: &'a [u8],
    /// Bed that the unit gives beside the patient.
    pub bed: Option<u16>,
}

/// A log-in, raw. Only the sink sees it.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// Account name; empty for none.
    pub account: &'a [u8],
    /// Secret, where it crossed in clear; never kept.
    pub secret: Option<&'a [u8]>,
    /// What the other side said.
    pub accepted: Accepted,
}

/// How far a [`ContentId`] reaches.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Scope {
    /// This flow only.
    Flow,
    /// All flows between the same two hosts.
    HostPair,
}

/// Names a file while it is being carried.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ContentId {
    /// How far `key` reaches.
    pub scope: Scope,
    /// The parser's own number, e.g. a hash of a file handle.
    pub key: u64,
    /// Who caused it; fetched and pushed bytes of one key are different files.
    pub mover: Mover,
}

/// Part of what is known of a carried file.
#[derive(Clone, Copy, Debug)]
pub enum ContentPart<'a> {
    /// Bytes at an offset, in any order; the range of `input` they came from is the current step's.
    Bytes {
        /// Offset in the file.
        offset: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// `bytes` bytes at `offset` that the capture does not have.
    Missing {
        /// Offset in the file.
        offset: u64,
        /// How many.
        bytes: u64,
    },
    /// Its path or name.
    Path(&'a [u8]),
    /// Its whole length, known before its end.
    Length(u64),
    /// No more comes. `complete`: the protocol says that this was all of it.
    End {
        /// The protocol says that this was all.
        complete: bool,
    },
}

/// A flow that another flow announced.
#[derive(Clone, Copy, Debug)]
pub struct Expectation {
    /// What will carry it.
    pub transport: Transport,
    /// One of its two endpoints: address.
    pub ip: IpAddr,
    /// One of its two endpoints: port.
    pub port: u16,
    /// Name of the protocol it will speak: a row of the registry.
    pub protocol: &'static str,
    /// Given to the parser at its start.
    pub token: u64,
}
