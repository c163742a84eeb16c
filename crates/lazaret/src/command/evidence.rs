//! `lazaret evidence`: bundles that a third party can check, and the keys that sign them.

use super::ring;
use crate::cutting::{Cut, Source};
use crate::exit::{Failure, Status};
use crate::matter::Matter;
use crate::output::{write_file, write_to};
use crate::stored::{By, print, shown};
use export::bundle::{self, Bundle, Content, Flaw};
use export::signature::{PublicKey, RANDOM_BYTES, SecretKey, TEXT_BYTES_MAX};
use export::{rfc3339, to_second};
use flow::Cutting;
use ingest::write::PcapngWriter;
use model::CaptureSummary;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use store::{IfMissing, Writer, Writing as _};

const EXAMPLES: &str = "\
Examples:
  lazaret evidence keygen --key site.key                  once: site.key signs, site.key.pub checks; hand that one out
  lazaret scan --format json --output ward.json ward.pcap
  lazaret evidence export f-5b4424df266e45b6 --report ward.json --capture ward.pcap --key site.key --output bundle.tar
  lazaret evidence export f-5b44 --store ward.store --capture captures/ --key site.key --output bundle.tar
  lazaret evidence export f-5b44 --store ward.store --ring ring --ring-key-file ring.key --key site.key --output bundle.tar
  lazaret evidence verify bundle.tar --public-key site.key.pub

What `lazaret watch` found is cut from the evidence ring that it keeps (`watch --ring`), which is decrypted for nothing
else; with --store the audit log says who did that.

A bundle holds the frames that show a finding, what else is needed to read them, the finding, its rule and what was not
seen. Patients' data and secrets in the frames are overwritten; lengths, headers and checksums stay right, so that
Wireshark reads them. The same inputs and key give the same bundle, byte by byte.

Whoever gets a bundle can check it without Lazaret: tar, sha256sum and minisign; README.txt inside says how.

Exit status: 0 done, or the bundle is whole; 1 the bundle is not as it was signed; 2 bad usage, or a file that cannot be
read or written.";

/// Options of `evidence`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make a bundle of a finding
    Export(Export),
    /// Check that a bundle is as it was signed
    Verify {
        /// The bundle
        #[arg(value_name = "BUNDLE")]
        bundle: PathBuf,
        /// Key that must have signed it: a file of `keygen` or minisign, or its line of base64. Without it, only that
        /// the bundle fits its own key is checked, which anybody could have made
        #[arg(long, value_name = "FILE|KEY")]
        public_key: Option<String>,
    },
    /// Make a pair of keys in minisign's format
    Keygen {
        /// File to write the secret key to, for its owner alone; the public key takes the same name with .pub
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Export {
    /// Id of the finding, or its beginning
    #[arg(value_name = "FINDING")]
    finding: String,
    /// Report that made it: the JSON of `lazaret scan`
    #[arg(long, value_name = "FILE", required_unless_present = "store", conflicts_with = "store")]
    report: Option<PathBuf>,
    /// Store that holds it
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Captures that its frames are in, as they were scanned; files and folders, may be given several times
    #[arg(long = "capture", value_name = "FILE", required_unless_present = "ring", num_args = 1..)]
    captures: Vec<PathBuf>,
    #[command(flatten)]
    ring: ring::Look,
    #[command(flatten)]
    by: By,
    /// Secret key that signs: of `keygen`, or of `minisign -G -W`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// File to write the bundle to; it appears whole or not at all
    #[arg(long, short, value_name = "BUNDLE")]
    output: PathBuf,
}

impl Options {
    /// Does it.
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        match &self.what {
            What::Export(export) => export.run(),
            What::Verify { bundle, public_key } => verify(bundle, public_key.as_deref()),
            What::Keygen { key } => keygen(key),
        }
    }
}

fn read_text(path: &Path, option: &'static str) -> Result<String, Failure> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(TEXT_BYTES_MAX as u64 + 1).read_to_string(&mut text))
        .map_err(|cause| Failure::Read { option, path: path.to_owned(), cause })?;
    Ok(text)
}

impl Export {
    fn run(&self) -> Result<Status, Failure> {
        let secret = SecretKey::read(&read_text(&self.key, "--key")?).map_err(|fault| {
            Failure::Usage(format!("--key: `{}`: {fault}", shown(&self.key.display().to_string())))
        })?;
        let matter = match (&self.report, &self.store) {
            (Some(report), _) => Matter::from_report(report, &self.finding)?,
            (None, Some(store)) => Matter::from_store(store, &self.finding)?,
            (None, None) => return Err(Failure::Usage("--report or --store is missing".to_owned())),
        };
        let rule = detect::rule_text(&matter.rule).ok_or_else(|| {
            Failure::Usage(format!(
                "this version knows no rule `{}`; export with the version that made the finding",
                shown(&matter.rule)
            ))
        })?;
        if matter.frames.is_empty() {
            return Err(Failure::Usage(format!(
                "{} points at no frames, so there is nothing to cut",
                matter.id
            )));
        }
        let source = self.source(&matter)?;
        let captures = source.captures()?;
        let cut = source.cut(matter.evidence(&captures)?)?;
        let Cut { cutting, .. } = &cut;
        if matches!(source, Source::Ring(..)) {
            matter.fits(cutting)?;
        }
        let capture = pcapng(cutting, &captures)
            .map_err(|cause| Failure::Write { what: "the frames".to_owned(), cause })?;
        let context = pretty(&Context::of(&matter, &captures, &cut));
        let finding = pretty(&matter.finding);
        let signer = secret.public().text();
        let content = Content {
            capture: &capture,
            context: &context,
            finding: &finding,
            rule: rule.as_bytes(),
            signer: signer.as_bytes(),
        };
        let signature = secret.sign(content.sums().as_bytes(), &format!("{} {}", bundle::SCHEMA, matter.id));
        let folder = format!("evidence-{}", matter.id);
        write_file(&self.output, |to| content.write(&folder, &signature, to))?;
        print(&self.told(&matter, &cut, &secret.public()))?;
        Ok(Status::Done)
    }

    /// Where the frames are. A look into an evidence ring is noted in the store's audit log before it.
    fn source(&self, matter: &Matter) -> Result<Source, Failure> {
        let Some(ring) = self.ring.open()? else { return Source::new(&self.captures) };
        if let Some(store) = &self.store {
            let detail = serde_json::json!({ "rule": matter.rule, "frames": matter.frames.len() });
            Writer::open(store, IfMissing::Fail)?.note("evidence", &matter.id, &detail, &self.by.actor()?)?;
        }
        let run = matter.run(ring.runs()?)?;
        Ok(Source::Ring(ring, Box::new(run)))
    }

    fn told(&self, matter: &Matter, cut: &Cut, public: &PublicKey) -> String {
        let Cut { cutting, gone, .. } = cut;
        let place = shown(&self.output.display().to_string());
        let wanted = cutting.frames.iter().filter(|frame| frame.wanted).count();
        let concealed: u64 = cutting.frames.iter().map(|frame| u64::from(frame.concealed_bytes)).sum();
        let mut out = format!(
            "{}: {} frames, {wanted} of them show it, {concealed} bytes overwritten; signed with key {}: {place}\n",
            matter.id,
            cutting.frames.len(),
            public.id()
        );
        if cutting.left_out != 0 {
            let _ = writeln!(
                out,
                "{} frames of the same connections and hosts were left out, because a limit was reached.",
                cutting.left_out
            );
        }
        if *gone != 0 {
            let _ = writeln!(out, "{gone} more frames that show it are not in the ring any more.");
        }
        out
    }
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
        let Cut { cutting, coverage, gone } = cut;
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

fn verify(path: &Path, public_key: Option<&str>) -> Result<Status, Failure> {
    let expected = public_key.map(read_public).transpose()?;
    let mut bytes = Vec::new();
    let read = |cause| Failure::Read { option: "BUNDLE", path: path.to_owned(), cause };
    File::open(path)
        .and_then(|file| file.take(bundle::BUNDLE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(read)?;
    if bytes.len() as u64 > bundle::BUNDLE_BYTES_MAX {
        return Err(Failure::Usage(format!(
            "`{}` is longer than {} bytes; is it a bundle?",
            shown(&path.display().to_string()),
            bundle::BUNDLE_BYTES_MAX
        )));
    }
    let place = shown(&path.display().to_string());
    match checked(&bytes, expected.as_ref()) {
        Ok(told) => {
            print(&format!("{place}: whole. {told}"))?;
            Ok(Status::Done)
        }
        Err(flaws) => {
            let lines: String = flaws.iter().map(|flaw| format!("  {flaw}\n")).collect();
            print(&format!("{place}: NOT as it was signed:\n{lines}"))?;
            Ok(Status::Found)
        }
    }
}

fn read_public(given: &str) -> Result<PublicKey, Failure> {
    if let Ok(key) = PublicKey::read(given) {
        return Ok(key);
    }
    let text = read_text(Path::new(given), "--public-key")?;
    PublicKey::read(&text)
        .map_err(|fault| Failure::Usage(format!("--public-key: `{}`: {fault}", shown(given))))
}

/// What is to be said of a bundle that is whole, or what is wrong with it.
fn checked(bytes: &[u8], expected: Option<&PublicKey>) -> Result<String, Vec<Flaw>> {
    let bundle = Bundle::read(bytes).map_err(|flaw| vec![flaw])?;
    let mut flaws = bundle.flaws();
    let flaw = |name: &str, what: String| Flaw { at: bundle.start(name), place: format!("`{name}`"), what };
    let enclosed = bundle.text(bundle::SIGNER).map(PublicKey::read);
    let key = match (expected, enclosed) {
        (Some(key), _) => Some(key.clone()),
        (None, Ok(Ok(key))) => Some(key),
        (None, Ok(Err(fault))) => {
            flaws.push(flaw(bundle::SIGNER, fault.to_string()));
            None
        }
        (None, Err(fault)) => {
            flaws.push(fault);
            None
        }
    };
    let mut comment = "";
    match (bundle.text(bundle::SIGNATURE), &key) {
        (Ok(signature), Some(key)) => match key.verify(bundle.file(bundle::SUMS), signature) {
            Ok(trusted) => comment = trusted,
            // Which of the two was changed cannot be told.
            Err(fault) => flaws.push(flaw(bundle::SUMS, format!("{fault} (`{}`)", bundle::SIGNATURE))),
        },
        (Err(fault), _) => flaws.push(fault),
        (Ok(_), None) => {}
    }
    let finding = bundle.folder.trim_start_matches("evidence-");
    if flaws.is_empty() && comment != format!("{} {finding}", bundle::SCHEMA) {
        flaws.push(flaw(bundle::SIGNATURE, format!("it was signed for `{}`", shown(comment))));
    }
    if !flaws.is_empty() {
        return Err(flaws);
    }
    Ok(told(&bundle, finding, key.as_ref(), expected.is_some()))
}

fn told(bundle: &Bundle<'_>, finding: &str, key: Option<&PublicKey>, known: bool) -> String {
    let document: Value = serde_json::from_slice(bundle.file(bundle::FINDING)).unwrap_or_default();
    let text = |name: &str| shown(document.get(name).and_then(Value::as_str).unwrap_or("unknown"));
    let time = |name: &str| {
        let moment = text(name).parse::<jiff::Timestamp>().ok();
        let nanos = moment.and_then(|moment| i64::try_from(moment.as_nanosecond()).ok());
        nanos.map_or_else(|| "unknown".to_owned(), |nanos| to_second(model::CaptureTime::from_nanos(nanos)))
    };
    let id = key.map_or_else(String::new, |key| key.id().to_string());
    let by = if known {
        format!("Signed with key {id}, the one given.")
    } else {
        format!(
            "Signed with key {id}, which is in the bundle itself: it shows that nothing was changed since somebody \
             signed, not who did. Get the key from the signer on another way and give it with --public-key."
        )
    };
    format!("{by}\n{finding} ({}): {}\n{} to {}\n", text("rule"), text("title"), time("first"), time("last"))
}

fn keygen(path: &Path) -> Result<Status, Failure> {
    let mut public_path = path.as_os_str().to_owned();
    public_path.push(".pub");
    let public_path = PathBuf::from(public_path);
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random)
        .map_err(|cause| Failure::Usage(format!("the system gives no randomness for a key: {cause}")))?;
    let secret = SecretKey::new(&random);
    // A key is never written over: what it signed could not be signed again.
    write_new(path, &secret.text(), 0o600)?;
    write_new(&public_path, &secret.public().text(), 0o644)?;
    let place = |path: &Path| shown(&path.display().to_string());
    write_to(None, |to| {
        writeln!(
            to,
            "key {}\n  {}  signs; keep it to yourselves and in a backup\n  {}  checks; hand it out, and say its id on another \
             way, e.g. by telephone\n  as a line: {}",
            secret.public().id(),
            place(path),
            place(&public_path),
            secret.public().line()
        )
    })?;
    Ok(Status::Done)
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let written = File::options().write(true).create_new(true).mode(mode).open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => Failure::Usage(format!(
            "`{}` is there already; a key is never written over, choose another name",
            shown(&path.display().to_string())
        )),
        _ => Failure::Write { what: format!("`{}`", shown(&path.display().to_string())), cause },
    })
}
