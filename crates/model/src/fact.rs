//! The closed vocabulary of facts: what a protocol unit means, without naming the protocol (ADR 0001).
//!
//! Inventory, detectors and policy read these and nothing else. A new kind of fact is a change of this
//! file and of the ADR; a new protocol is not.

use crate::{
    About, AlarmLimit, CarriedFile, FlowStart, FlowTotals, Identifier, Mac, Notice, PatientToken,
    SampleCounts, Samples, SessionOffer, Side, Storage, Text, Waveform,
};
use std::fmt;
use std::net::IpAddr;

/// What was learnt from a flow. The origin of the observation says which side it speaks of.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fact {
    // ---- Flows ------------------------------------------------------------------------------------
    /// A flow begins. Told before anything else of it; describes both sides.
    FlowOpened(Box<FlowStart>),
    /// The origin answered for the first time: by a handshake or by data.
    Answered,
    /// The origin declined: a reset, or a network's "unreachable".
    Refused,
    /// The protocol was found by its content. The name is one of the registry's.
    Speaks(&'static str),
    /// From here on the flow is encrypted.
    Encrypted,
    /// The protocol is not known or was given up.
    Unparsed(Unparsed),
    /// Part of what the origin sent was not captured: nothing may be concluded from absence.
    Lost(LossKind, u64),
    /// What a flow that goes on has carried so far. Told where somebody who watches asks; what came before is in it.
    FlowGoesOn(Box<FlowTotals>),
    /// A flow is over; told once, last.
    FlowEnded(Box<FlowTotals>),

    // ---- Identity ---------------------------------------------------------------------------------
    /// A trait of the sender or the receiver.
    Identified(About, Identifier),
    /// An address was assigned; the origin assigned it.
    Leased(Box<Lease>),
    /// The origin offers to open an encrypted session, and says with what.
    SessionOffered(Box<SessionOffer>),
    /// The origin wants the address of a name.
    NameAsked(Text),
    /// The origin says that a name has an address.
    NameIs(Text, IpAddr),

    // ---- Doing ------------------------------------------------------------------------------------
    /// The origin did something of this kind.
    Operated(Operation),
    /// The origin asked for remote storage.
    Storage(Box<Storage>),
    /// The origin sent a file.
    Carried(Box<CarriedFile>),
    /// The origin offers a service to others.
    Offers(Offer),
    /// The origin logged in, or tried to.
    LoggedIn(Box<Credentials>),

    // ---- Patients ---------------------------------------------------------------------------------
    /// The origin sent this kind of protected data in clear.
    Disclosed(Disclosed),
    /// The origin named a patient.
    Patient(PatientToken),
    /// The origin reported measured values.
    Measured(Samples),
    /// The origin reported its alarm limits: the first time, and whenever one changed.
    LimitsSet(Box<[AlarmLimit]>),
    /// The origin sent a stretch of a signal.
    Waveform(Waveform),
    /// The origin reported a condition of its own.
    Notice(Box<Notice>),
    /// The origin ended one cycle of its telemetry, in which so many samples went by that nobody asked for.
    CycleEnded(SampleCounts),
    /// So many samples of the origin went by that nobody asked for, in a cycle that was not seen to end.
    SamplesPassed(SampleCounts),

    // ---- Misbehaving ------------------------------------------------------------------------------
    /// The origin broke its own protocol.
    Malformed(Malformed),
    /// One flow's parser failed inside Lazaret. A fault of ours, never of the peer.
    ParserFailed(&'static str),
}

/// Why a flow is not read.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Unparsed {
    /// No protocol claims it.
    Unknown,
    /// A protocol claimed it and met what it cannot read.
    Malformed,
    /// Bytes are missing and the protocol cannot find its place again.
    Gap,
    /// More would have to be buffered than a limit allows.
    Limit,
    /// The parser failed inside Lazaret.
    Failed,
}

impl Unparsed {
    /// As the report writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown protocol",
            Self::Malformed => "malformed",
            Self::Gap => "bytes missing from the capture",
            Self::Limit => "over a buffer limit",
            Self::Failed => "parser failed",
        }
    }
}

/// What kind of loss.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum LossKind {
    /// Bytes of a stream.
    StreamBytes,
    /// Bytes cut off a datagram by the capture's snap length or missing fragments.
    DatagramBytes,
}

/// Kinds of things done over the network that matter beyond their protocol.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Operation {
    /// Opened an imaging association.
    Associate,
    /// Sent an image or other imaging object.
    StoreObject,
    /// Asked for images or records.
    Query,
    /// Sent a job to a printer.
    Print,
    /// Sent clinical messages.
    SendMessage,
    /// Asked for a resource over the web.
    WebRequest,
    /// Ran a command on the other side.
    Command,
    /// Assigned or asked for network configuration.
    Configure,
    /// Asked for the time.
    AskTime,
}

/// Ways into a host that it offers.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Offer {
    /// A command line in clear.
    TerminalCleartext,
    /// A command line, encrypted.
    TerminalEncrypted,
    /// File transfer.
    FileTransfer,
    /// File shares or exports.
    FileShare,
    /// A web server that presents administration or a log-in.
    WebAdministration,
    /// Its screen.
    RemoteDesktop,
    /// A debugging port.
    Debug,
}

impl Offer {
    /// As a person would say it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TerminalCleartext => "unencrypted terminal",
            Self::TerminalEncrypted => "encrypted terminal",
            Self::FileTransfer => "file transfer",
            Self::FileShare => "file share",
            Self::WebAdministration => "web administration",
            Self::RemoteDesktop => "remote desktop",
            Self::Debug => "debug port",
        }
    }
}

/// A log-in, without its secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credentials {
    /// Which account.
    pub account: Account,
    /// The secret crossed the network in clear.
    pub cleartext: bool,
    /// The pair is a published default (the secret itself is not kept).
    pub published_default: bool,
    /// What the other side said.
    pub accepted: Accepted,
}

/// The account of a log-in. Names of people are not kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Account {
    /// A name from the published list of default accounts.
    WellKnown(Text),
    /// Some other name; withheld.
    Withheld,
    /// None.
    Anonymous,
}

/// What the server said to a log-in.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Accepted {
    /// It let the client in.
    Yes,
    /// It did not.
    No,
    /// Its answer was not seen or says neither.
    Unknown,
}

/// Kinds of protected data.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Disclosed {
    /// Name, number, dates of a patient.
    PatientIdentity,
    /// Measured values or waveforms of a patient.
    VitalSigns,
    /// A clinical document or image.
    ClinicalDocument,
}

impl Disclosed {
    /// As a person would say it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PatientIdentity => "patient identity",
            Self::VitalSigns => "vital signs",
            Self::ClinicalDocument => "clinical documents or images",
        }
    }
}

/// An address assignment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// To whom.
    pub mac: Mac,
    /// Which address.
    pub ip: IpAddr,
    /// Routers told with it.
    pub routers: Vec<IpAddr>,
    /// Name servers told with it.
    pub name_servers: Vec<IpAddr>,
    /// Length of the subnet's prefix, if told.
    pub prefix_bits: Option<u8>,
}

/// The peer broke its own protocol. This is a fact about the peer, never an error of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Malformed {
    /// The field at fault, in the words of the standard.
    pub field: &'static str,
    /// Offset of the field from the start of the unit, in bytes.
    pub offset: usize,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// A number is outside what the standard or a limit of ours allows.
    OutsideRange {
        /// What was read.
        value: u64,
        /// Least allowed.
        min: u64,
        /// Most allowed.
        max: u64,
    },
    /// The value is not one of those that the standard defines.
    NotDefined(u64),
    /// The unit ends inside the field.
    CutShort,
    /// The bytes are not text of the prescribed kind.
    NotText,
    /// It contradicts another field.
    Contradicts(&'static str),
    /// It points outside the unit, or at itself.
    BadReference,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutsideRange { value, min, max } => write!(f, "{value} is outside {min}..={max}"),
            Self::NotDefined(value) => write!(f, "{value} is not defined"),
            Self::CutShort => f.write_str("the unit ends inside it"),
            Self::NotText => f.write_str("not text of the prescribed kind"),
            Self::Contradicts(other) => write!(f, "contradicts {other}"),
            Self::BadReference => f.write_str("points outside the unit or at itself"),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}", self.field, self.offset, self.reason)
    }
}

impl std::error::Error for Malformed {}

/// What the link layer tells about stations.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LinkFact {
    /// The origin asked who owns an address.
    AddressAsked(IpAddr),
    /// The origin claims an address for a link address, in answer or unasked.
    AddressOwned {
        /// The address.
        ip: IpAddr,
        /// Its owner.
        mac: Mac,
        /// In answer to a question, not unasked.
        answer: bool,
    },
    /// The origin says it routes for others.
    Routes,
    /// The origin's radio was heard.
    Radio(Radio),
    /// A network said that a destination cannot be reached.
    Unreachable(IpAddr),
    /// The origin broke the link or network layer's rules.
    Malformed(Malformed),
    /// Frames that the capturing side lost.
    Lost(u64),
    /// The capturing side's clock was set: by so many nanoseconds, negative where it went back.
    ClockSet(i64),
}

/// What a radio is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum RadioRole {
    /// A station that joined, or looks for a network.
    Station,
    /// An access point.
    AccessPoint,
}

/// A radio heard in the capture.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Radio {
    /// What it is.
    pub role: RadioRole,
    /// Network name it beacons, asks for or joins.
    pub ssid: Option<Text>,
    /// Access point it works with.
    pub bssid: Option<Mac>,
    /// Frames that carry data, not management.
    pub data: bool,
}

/// Which side sent what an observation holds; the server where it has no sides.
#[must_use]
pub const fn speaker(about: About, side: Side) -> Side {
    match about {
        About::Sender => side,
        About::Receiver => side.other(),
    }
}
