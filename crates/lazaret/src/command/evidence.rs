//! `lazaret evidence`: bundles that a third party can check, and the keys that sign them.

use super::ring;
use crate::bundling::{self, Bundled};
use crate::cutting::{Cut, Source, Units};
use crate::exit::{Failure, Status};
use crate::matter::Matter;
use crate::output::{write_file, write_to};
use crate::stored::{By, print, shown};
use export::bundle::{self, Bundle, Flaw};
use export::signature::{PublicKey, RANDOM_BYTES, SecretKey, TEXT_BYTES_MAX};
use export::to_second;
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

/// The key that signs bundles, out of the file that `option` names.
pub(super) fn secret_key(path: &Path, option: &'static str) -> Result<SecretKey, Failure> {
    SecretKey::read(&read_text(path, option)?).map_err(|fault| {
        Failure::Usage(format!("{option}: `{}`: {fault}", shown(&path.display().to_string())))
    })
}

impl Export {
    fn run(&self) -> Result<Status, Failure> {
        let secret = secret_key(&self.key, "--key")?;
        let matter = match (&self.report, &self.store) {
            (Some(report), _) => Matter::from_report(report, &self.finding)?,
            (None, Some(store)) => Matter::from_store(store, &self.finding)?,
            (None, None) => return Err(Failure::Usage("--report or --store is missing".to_owned())),
        };
        bundling::rule(&matter)?;
        if matter.frames.is_empty() {
            return Err(Failure::Usage(format!(
                "{} points at no frames, so there is nothing to cut",
                matter.id
            )));
        }
        let source = self.source(&matter)?;
        let captures = source.captures()?;
        let cut = source.cut(matter.evidence(&captures)?, Units::Omit)?;
        if matches!(source, Source::Ring(..)) {
            matter.fits(&cut.cutting)?;
        }
        let bundled = Bundled::of(&matter, &captures, &cut)?;
        write_file(&self.output, |to| bundled.write(&secret, to))?;
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
