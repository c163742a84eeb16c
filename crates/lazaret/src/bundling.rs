//! Makes a bundle of evidence: the frames that were cut out, with what belongs to them, signed.

use crate::cutting::Cut;
use crate::exit::Failure;
use crate::matter::Matter;
use crate::stored::shown;
use export::bundle::{self, Content};
use export::rfc3339;
use export::signature::SecretKey;
use flow::Cutting;
use ingest::write::PcapngWriter;
use model::CaptureSummary;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;
use std::io;

/// A bundle, before it is signed.
pub(crate) struct Bundled {
    id: String,
    capture: Vec<u8>,
    context: Vec<u8>,
    finding: Vec<u8>,
    rule: &'static str,
}

impl Bundled {
    /// Of a finding and its frames.
    pub(crate) fn of(matter: &Matter, captures: &[CaptureSummary], cut: &Cut) -> Result<Self, Failure> {
        let rule = rule(matter)?;
        let capture = pcapng(&cut.cutting, captures)
            .map_err(|cause| Failure::Write { what: "the frames".to_owned(), cause })?;
        Ok(Self {
            id: matter.id.clone(),
            capture,
            context: pretty(&Context::of(matter, captures, cut)),
            finding: pretty(&matter.finding),
            rule,
        })
    }

    /// Signs it and writes it.
    pub(crate) fn write(&self, secret: &SecretKey, mut to: impl io::Write) -> io::Result<()> {
        let signer = secret.public().text();
        let content = Content {
            capture: &self.capture,
            context: &self.context,
            finding: &self.finding,
            rule: self.rule.as_bytes(),
            signer: signer.as_bytes(),
        };
        let signature = secret.sign(content.sums().as_bytes(), &format!("{} {}", bundle::SCHEMA, self.id));
        content.write(&format!("evidence-{}", self.id), &signature, &mut to)
    }
}

/// The rule by which it was made; only the version that has it can vouch for it.
pub(crate) fn rule(matter: &Matter) -> Result<&'static str, Failure> {
    detect::rule_text(&matter.rule).ok_or_else(|| {
        Failure::Usage(format!(
            "this version knows no rule `{}`; export with the version that made the finding",
            shown(&matter.rule)
        ))
    })
}

/// The frames, each with a comment that says which it was.
fn pcapng(cutting: &Cutting, captures: &[CaptureSummary]) -> io::Result<Vec<u8>> {
    let mut writer = PcapngWriter::new(Vec::new())?;
    for frame in &cutting.frames {
        let capture = captures.get(frame.evidence.capture as usize);
        let name = capture.map_or_else(String::new, |capture| shown(&capture.name));
        let mut comment = format!("{name} frame {}", frame.evidence.frame);
        if frame.wanted {
            comment.push_str("; shows the finding");
        }
        if frame.concealed_bytes != 0 {
            let _ = write!(comment, "; {} bytes overwritten", frame.concealed_bytes);
        }
        writer.write_commented(&frame.frame(), &comment)?;
    }
    writer.finish()
}

fn pretty(value: &impl Serialize) -> Vec<u8> {
    // Of these values nothing can fail to be written: keys are text, and numbers are finite.
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// What belongs to a finding and is not in it: `context.json`.
#[derive(Serialize)]
struct Context<'a> {
    schema: &'static str,
    tool: ToolRow,
    finding: &'a str,
    rule: &'a str,
    captures: Vec<CaptureRow>,
    excerpt: ExcerptRow,
    clock: &'static str,
    coverage_of_excerpt: CoverageRow,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage_of_scan: Option<&'a Value>,
}

#[derive(Serialize)]
struct ToolRow {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct CaptureRow {
    name: String,
    sha256: Option<String>,
    format: &'static str,
    frames: u64,
    bytes: u64,
    first: Option<String>,
    last: Option<String>,
    faults: Vec<FaultRow>,
}

#[derive(Serialize)]
struct FaultRow {
    frame: u64,
    offset: u64,
    what: String,
}

#[derive(Serialize)]
struct ExcerptRow {
    frames: usize,
    frames_that_show_it: usize,
    frames_left_out: u64,
    /// That show the finding: a ring has overwritten them.
    #[serde(skip_serializing_if = "is_zero")]
    frames_gone: u64,
    copies_left_out: u64,
    bytes_overwritten: u64,
}

#[derive(Serialize)]
struct CoverageRow {
    flows: u64,
    flows_parsed: u64,
    flows_unparsed: u64,
    flows_one_sided: u64,
    gap_bytes: u64,
    cut_bytes: u64,
    datagrams_incomplete: u64,
    frames_duplicate: u64,
}

/// Said in every bundle, because times are what is doubted first.
const CLOCK: &str = "Times are those of the captures, UTC, as the capturing machine's clock had them; nobody vouches \
                     for that clock. Where it was seen to step, a fault of the capture says so.";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl<'a> Context<'a> {
    fn of(matter: &'a Matter, captures: &[CaptureSummary], cut: &Cut) -> Self {
        let Cut { cutting, coverage, gone, .. } = cut;
        Self {
            schema: bundle::SCHEMA,
            tool: ToolRow { name: "lazaret", version: env!("CARGO_PKG_VERSION") },
            finding: &matter.id,
            rule: &matter.rule,
            captures: captures.iter().map(CaptureRow::of).collect(),
            excerpt: ExcerptRow {
                frames: cutting.frames.len(),
                frames_that_show_it: cutting.frames.iter().filter(|frame| frame.wanted).count(),
                frames_left_out: cutting.left_out,
                frames_gone: *gone,
                copies_left_out: cutting.copies,
                bytes_overwritten: cutting.frames.iter().map(|frame| u64::from(frame.concealed_bytes)).sum(),
            },
            clock: CLOCK,
            coverage_of_excerpt: CoverageRow {
                flows: coverage.flows,
                flows_parsed: coverage.flows_parsed,
                flows_unparsed: coverage.flows_unparsed,
                flows_one_sided: coverage.flows_one_sided,
                gap_bytes: coverage.gap_bytes,
                cut_bytes: coverage.cut_bytes,
                datagrams_incomplete: coverage.datagrams_incomplete,
                frames_duplicate: coverage.frames_duplicate,
            },
            coverage_of_scan: matter.coverage.as_ref(),
        }
    }
}

impl CaptureRow {
    fn of(capture: &CaptureSummary) -> Self {
        Self {
            name: shown(&capture.name),
            sha256: capture.sha256.map(|digest| digest.to_string()),
            format: capture.format,
            frames: capture.frames,
            bytes: capture.bytes,
            first: capture.first.map(rfc3339),
            last: capture.last.map(rfc3339),
            faults: capture
                .faults
                .iter()
                .map(|fault| FaultRow { frame: fault.frame, offset: fault.offset, what: fault.what.clone() })
                .collect(),
        }
    }
}
