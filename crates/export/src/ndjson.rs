//! The report as one JSON object per line, written as things arise.
//!
//! Every line has a `type`; the fields of a type are those of the same object in `lazaret.report/1`.
//!
//! ```text
//! {"type":"report","schema":"lazaret.report/1","tool":{…}}      first, so that a reader knows what follows
//! {"type":"finding","state":"open",…}                             as soon as it is made; may repeat as it grows
//! {"type":"sensor",…}                                             how a live sensor does, now and then
//! {"type":"capture",…}  {"type":"asset",…}  {"type":"finding","state":"final",…}  {"type":"vitals",…}
//! {"type":"coverage",…}                                          last: a file that ends without it was cut short
//! ```
//!
//! An `open` finding says what was known at that moment: severity, certainty, peer place and counts may
//! change until the `final` line of the same `id`. A finding whose ground fell away has no `final` line.

use crate::Tool;
use crate::report1::{
    AssetRow, CaptureRow, CoverageRow, FindingRow, SCHEMA, VitalsRow, sorted_assets, sorted_findings,
    sorted_vitals,
};
use model::{Finding, Report};
use serde::Serialize;
use std::io::{self, Write};

/// Writes the lines.
#[derive(Debug)]
pub struct Lines<W> {
    to: W,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Report {
        schema: &'static str,
        tool: Tool<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        identifiers_shown_because: Option<&'a str>,
    },
    Capture {
        index: usize,
        #[serde(flatten)]
        row: CaptureRow<'a>,
    },
    Asset(AssetRow<'a>),
    Finding {
        state: State,
        #[serde(flatten)]
        row: FindingRow<'a>,
    },
    Vitals(VitalsRow<'a>),
    Coverage(CoverageRow<'a>),
    Sensor(&'a SensorRow),
}

/// How a live sensor does: counts since its start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SensorRow {
    /// The interface it listens to.
    pub interface: String,
    /// `up`, `down` or `gone`.
    pub standing: &'static str,
    /// Seconds since its start.
    pub up_seconds: f64,
    /// Frames read.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames that were lost because the ring was full.
    pub frames_lost: u64,
    /// Frames that the interface received; absent where the system does not say, like the next three.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface_frames: Option<u64>,
    /// Frames that the card lost because its queue was full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface_overrun: Option<u64>,
    /// Frames that the interface dropped for any reason, also such as the sensor has (tagged ones).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface_dropped: Option<u64>,
    /// Frames, of all interfaces, that the kernel lost because a processor's backlog was full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backlog_dropped: Option<u64>,
    /// Times that the clock was set.
    pub clock_steps: u64,
    /// Frames that several workers handed on after one with a later time: judged and counted like all.
    pub frames_late: u64,
    /// Times the ring was full.
    pub ring_full: u64,
    /// Frames that each of several workers has read from its ring; absent with one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ring_frames: Vec<u64>,
    /// Size of the ring, or of all of them.
    pub ring_bytes: u64,
    /// How much of it waits to be read.
    pub ring_waiting_bytes: u64,
    /// Longest time from the arrival of a frame to its reading since the last such line, in seconds.
    pub lag_seconds: f64,
    /// Flows alive.
    pub flows: u64,
    /// Memory of the process, the ring with it; absent where the system does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resident_bytes: Option<u64>,
    /// Processor time of the process.
    pub cpu_seconds: f64,
    /// The evidence ring, where there is one.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceRow>,
}

/// How the evidence ring of a sensor does: frames counted since the start, the rest as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EvidenceRow {
    /// Frames written.
    pub evidence_frames: u64,
    /// Frames that could not be written, because the disk was full or too slow.
    pub evidence_frames_lost: u64,
    /// Frames that were handed over to be written and are not yet, because the disk is slower than they come.
    pub evidence_frames_waiting: u64,
    /// Size on disk.
    pub evidence_bytes: u64,
    /// Age of the oldest frames, in seconds.
    pub evidence_seconds: u64,
    /// Segments that were deleted before their time, because the disk was full.
    pub evidence_deleted_early: u64,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Open,
    Final,
}

impl<W: Write> Lines<W> {
    /// Writes the first line.
    ///
    /// # Errors
    /// What the writer says.
    pub fn start(to: W, tool: Tool<'_>, identifiers_shown_because: Option<&str>) -> io::Result<Self> {
        let mut lines = Self { to };
        lines.line(&Line::Report { schema: SCHEMA, tool, identifiers_shown_because })?;
        Ok(lines)
    }

    /// A finding was made or has grown; what it says may still change.
    ///
    /// # Errors
    /// What the writer says.
    pub fn open(&mut self, finding: &Finding) -> io::Result<()> {
        self.line(&Line::Finding { state: State::Open, row: FindingRow::of(finding) })?;
        self.to.flush()
    }

    /// Says how the sensor does.
    ///
    /// # Errors
    /// What the writer says.
    pub fn sensor(&mut self, row: &SensorRow) -> io::Result<()> {
        self.line(&Line::Sensor(row))?;
        self.to.flush()
    }

    /// Everything is known: writes the final lines and the coverage line.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self, report: &Report) -> io::Result<W> {
        for (index, capture) in report.captures.iter().enumerate() {
            self.line(&Line::Capture { index, row: CaptureRow::of(capture) })?;
        }
        for asset in sorted_assets(report) {
            self.line(&Line::Asset(AssetRow::of(asset)))?;
        }
        for finding in sorted_findings(report) {
            self.line(&Line::Finding { state: State::Final, row: FindingRow::of(finding) })?;
        }
        for vitals in sorted_vitals(report) {
            self.line(&Line::Vitals(VitalsRow::of(vitals)))?;
        }
        self.line(&Line::Coverage(CoverageRow::of(&report.coverage, &report.blind_spots)))?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn line(&mut self, line: &Line<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut self.to, line)?;
        self.to.write_all(b"\n")
    }
}

/// Writes a finished report as lines.
///
/// # Errors
/// What the writer says.
pub fn write(report: &Report, tool: Tool<'_>, to: impl Write) -> io::Result<()> {
    Lines::start(to, tool, report.identifiers_shown_because.as_deref())?.finish(report).map(drop)
}
