//! The truth beside the capture, schema `lazaret.truth/1`.
//!
//! Everything a test may want to compare a report with: who was there, what each bed showed, which names
//! must never appear in clear, what happened when, and which findings must, may and must not be made.
//!
//! # How to compare
//! Each row of `expected` must be met by a finding that agrees in every field the row has. A finding that
//! meets no row of `expected` and none of `allowed` is one too many. `forbidden` names those whose
//! appearance would be a wrong accusation rather than a wordy report. `cycles`, `numerics` and `beats` tell
//! what the units sent; where `loss`, `reorder` or `one-way` impaired the capture, a reader may see less.
//!
//! ```text
//! expected   {"rule": "patient-data-offsite", "asset": "02:1b:5e:10:00:00", "peer_ip": "202.114.4.119",
//!             "peer_port": 515, "severity": "critical", "certainty": "confirmed", "where": "offsite"}
//! ```

use crate::clock;
use crate::patient::Identity;
use model::{CaptureTime, Mac};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;

/// Beats of the whole ward that are listed one by one; above it only their number is kept, so that the
/// truth of a big ward stays small. `beats.listed` tells which.
pub const BEATS_LISTED_MAX: u64 = 200_000;

/// What is true of a ward.
#[derive(Clone, Debug, Serialize)]
pub struct Truth {
    /// `lazaret.truth/1`.
    pub schema: &'static str,
    /// Seed that makes this ward again.
    pub seed: u64,
    /// Names of the scenarios.
    pub scenarios: Vec<&'static str>,
    /// Time of the first possible frame, RFC 3339.
    pub start: String,
    /// Length asked for, in seconds.
    pub seconds: f64,
    /// Frames and bytes written, after loss and duplication.
    pub capture: Written,
    /// Every bed with a monitor that streams.
    pub beds: Vec<Bed>,
    /// Everybody on the ward's segment.
    pub hosts: Vec<HostTruth>,
    /// Patients of other systems (HL7, DICOM), whose names must not leak either.
    pub other_patients: Vec<String>,
    /// Conversations by protocol, as their speakers began them.
    pub conversations: BTreeMap<&'static str, u64>,
    /// Programs fetched by an update.
    pub files: Vec<FileTruth>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Findings that a scan must make.
    pub expected: Vec<Expectation>,
    /// Findings that a scan may make and is not wrong about.
    pub allowed: Vec<Expectation>,
    /// Rules that must not be found: on that asset, or on any where none is named.
    pub forbidden: Vec<Expectation>,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Written {
    /// Frames.
    pub frames: u64,
    /// Bytes of frames, without the file's own headers.
    pub bytes: u64,
    /// Frames left out by `loss` or `one-way`.
    pub frames_lost: u64,
    /// Frames written twice.
    pub frames_doubled: u64,
    /// Pairs of frames swapped.
    pub pairs_swapped: u64,
}

/// A bed.
#[derive(Clone, Debug, Serialize)]
pub struct Bed {
    /// Monitor's MAC.
    pub mac: String,
    /// Monitor's address.
    pub ip: Ipv4Addr,
    /// Bed number in the protocol, 1..=64.
    pub bed: u8,
    /// Name on the housing.
    pub label: &'static str,
    /// Scenario that steers it.
    pub scenario: &'static str,
    /// Address and port it sends to.
    pub server: ServerTruth,
    /// Whether the server answered.
    pub answered: bool,
    /// Identity typed into the monitor: must not appear in clear in a report.
    pub patient: Identity,
    /// End-of-cycle units sent, retransmissions not counted.
    pub cycles: u64,
    /// Time of the first and last cycle, RFC 3339.
    pub first: Option<String>,
    /// See `first`.
    pub last: Option<String>,
    /// Numbers shown as valid.
    pub numerics: BTreeMap<&'static str, Numeric>,
    /// R waves in the blocks sent.
    pub beats: Beats,
    /// Notices sent.
    pub notices: u64,
}

/// Where a stream goes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ServerTruth {
    /// Address.
    pub ip: Ipv4Addr,
    /// TCP port.
    pub port: u16,
}

/// One number over time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Numeric {
    /// UCUM.
    pub unit: &'static str,
    /// Last value.
    pub last: f64,
    /// Smallest.
    pub min: f64,
    /// Greatest.
    pub max: f64,
    /// How often it was sent as valid.
    pub samples: u64,
}

/// R waves.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Beats {
    /// How many.
    pub count: u64,
    /// Whether they are listed below.
    pub listed: bool,
    /// Sample of the ECG (256 a second) since the first block sent, from 0.
    pub samples: Vec<u64>,
    /// One letter a beat: `N` normal, `A` atrial premature, `V` ventricular premature.
    pub kinds: String,
}

/// A station.
#[derive(Clone, Debug, Serialize)]
pub struct HostTruth {
    /// What it is for.
    pub role: &'static str,
    /// MAC.
    pub mac: String,
    /// Address.
    pub ip: Ipv4Addr,
    /// Device class a scan should give, where it is a medical device.
    pub class: Option<&'static str>,
    /// Platform a scan should recognise.
    pub model: Option<&'static str>,
    /// Platforms it must not be taken for.
    pub not_model: Option<&'static str>,
}

/// A file that an update read.
#[derive(Clone, Debug, Serialize)]
pub struct FileTruth {
    /// Who read it.
    pub asset: String,
    /// Path as asked for.
    pub path: String,
    /// SHA-256 of the content.
    pub sha256: String,
    /// Length of the content.
    pub bytes: u64,
    /// Kind of the content: `elf`, `script` or `text`.
    pub kind: &'static str,
    /// Whether it is a program.
    pub executable: bool,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// When, RFC 3339.
    pub time: String,
    /// Who.
    pub asset: String,
    /// What, in a word or two.
    pub what: &'static str,
}

/// A finding, as far as a scenario fixes it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Expectation {
    /// Rule.
    pub rule: &'static str,
    /// MAC of the asset; any where absent.
    pub asset: Option<String>,
    /// Address of the peer.
    pub peer_ip: Option<Ipv4Addr>,
    /// Port of the peer.
    pub peer_port: Option<u16>,
    /// Severity.
    pub severity: Option<&'static str>,
    /// Certainty.
    pub certainty: Option<&'static str>,
    /// Where the peer is.
    pub r#where: Option<&'static str>,
}

impl Expectation {
    /// `rule`, wherever.
    pub(crate) fn any(rule: &'static str) -> Self {
        Self { rule, ..Self::default() }
    }

    /// `rule` on `asset`.
    pub(crate) fn on(rule: &'static str, asset: Mac) -> Self {
        Self { rule, asset: Some(asset.to_string()), ..Self::default() }
    }

    /// With the peer.
    pub(crate) fn with(mut self, ip: Ipv4Addr, port: Option<u16>) -> Self {
        self.peer_ip = Some(ip);
        self.peer_port = port;
        self
    }

    /// With severity and certainty.
    pub(crate) fn judged(mut self, severity: &'static str, certainty: Option<&'static str>) -> Self {
        self.severity = Some(severity);
        self.certainty = certainty;
        self
    }

    /// With the peer's place.
    pub(crate) fn at(mut self, place: &'static str) -> Self {
        self.r#where = Some(place);
        self
    }
}

impl Numeric {
    /// Adds a value to `numerics`.
    pub(crate) fn note(numerics: &mut BTreeMap<&'static str, Self>, vital: model::Vital, value: f64) {
        let fresh = Self { unit: vital.unit(), last: value, min: value, max: value, samples: 0 };
        let numeric = numerics.entry(vital.as_str()).or_insert(fresh);
        numeric.last = value;
        numeric.min = numeric.min.min(value);
        numeric.max = numeric.max.max(value);
        numeric.samples += 1;
    }
}

impl Truth {
    /// Counts a conversation.
    pub(crate) fn conversed(&mut self, protocol: &'static str) {
        *self.conversations.entry(protocol).or_default() += 1;
    }

    /// Notes what happened.
    pub(crate) fn happened(&mut self, time: CaptureTime, asset: Mac, what: &'static str) {
        self.events.push(Event { time: clock::rfc3339(time), asset: asset.to_string(), what });
    }

    /// Writes the truth as JSON.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write_json(&self, mut to: impl io::Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut to, self)?;
        to.write_all(b"\n")
    }

    /// Every invented identifier of a patient or doctor: none may appear in clear in a report.
    #[must_use]
    pub fn identifiers(&self) -> Vec<&str> {
        let typed = self.beds.iter().flat_map(|bed| {
            [bed.patient.name.as_str(), bed.patient.number.as_str(), bed.patient.doctor.as_str()]
        });
        typed.chain(self.other_patients.iter().map(String::as_str)).collect()
    }
}
