//! `lazaret report`: documents for people and authorities, out of a store. Nothing is sent.

mod cisa;
mod containment;
mod made;
mod medwatch;
pub(crate) mod posture;

pub(crate) use made::{Letterhead, PaperFormat, file_name};

use super::finding_id;
use crate::exit::{Failure, Status};
use crate::output::write_to;
use crate::stored::{Where, at, shown};
use export::form::Form;
use model::FindingId;
use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use store::{AssetCard, FindingCard, Reading as _, StoreError, StoredDetail};

const EXAMPLES: &str = "\
Examples:
  lazaret report --store ward.store medwatch f-0123456789abcdef -o medwatch.html     fields of FDA form 3500A
  lazaret report --store ward.store cisa f-0123456789abcdef -o cisa.html             fields of CISA's incident report
  lazaret report --store ward.store posture --for ward --format pdf -o ward.pdf      how devices stand, what to do
  lazaret report --store ward.store containment -o containment.html                  contained since when, last proof when
  lazaret report --store ward.store containment --from 30d --format json             the same of 30 days, for programs

Forms are prefilled, not filed: nothing is sent, and whatever a capture cannot tell is left visibly blank for a
person. No document holds a patient's identifier; write none into one that it does not ask for.

Exit status: 0 done; 2 bad usage, no such finding, or a store that cannot be read.";

/// Frames named in a document. Our limit; the store lists the rest.
const FRAMES_NAMED_MAX: usize = 12;

/// Options of `report`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Where,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Fields of FDA's MedWatch form 3500A, prefilled from a finding
    Medwatch(Filled),
    /// Fields of CISA's incident report, prefilled from a finding
    Cisa(Filled),
    /// How the medical devices stand: what is open, what to do, what could not be seen
    Posture(posture::Options),
    /// Device by device: contained since when, last proof when, what proves otherwise
    Containment(containment::Options),
}

#[derive(Debug, clap::Args)]
struct Filled {
    /// The finding's id
    #[arg(value_name = "FINDING", value_parser = finding_id)]
    id: FindingId,
    /// Format
    #[arg(long, value_enum, default_value_t = Paper::Html)]
    format: Paper,
    /// File to write to; it appears whole or not at all [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Formats of a document.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Paper {
    /// One self-contained page, to complete and print
    Html,
    /// Plain text
    Text,
}

impl Options {
    /// Writes it.
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        match &self.what {
            What::Medwatch(filled) => filled.write(&self.place, medwatch::form),
            What::Cisa(filled) => filled.write(&self.place, cisa::form),
            What::Posture(options) => options.run(&self.place),
            What::Containment(options) => options.run(&self.place),
        }
    }
}

/// What a document is made from.
struct Case {
    card: FindingCard,
    /// The device, where the store still has it.
    asset: Option<AssetCard>,
}

impl Filled {
    fn write(&self, place: &Where, form: fn(&Case) -> Form) -> Result<Status, Failure> {
        let store = place.reader()?;
        let card = store.finding(self.id)?;
        let asset = match store.asset(card.finding.asset, crate::stored::now()) {
            Ok(asset) => Some(asset),
            Err(StoreError::Unknown { .. }) => None,
            Err(fault) => return Err(fault.into()),
        };
        let form = form(&Case { card, asset });
        write_to(self.output.as_deref(), |to: &mut (dyn Write + Send)| match self.format {
            Paper::Html => form.write_html(to),
            Paper::Text => form.write_text(to),
        })?;
        eprintln!("lazaret: prefilled; {} fields are left for a person, and nothing was sent", form.blanks());
        Ok(Status::Done)
    }
}

impl Case {
    /// `2026-03-02 07:14:00 to 2026-03-02 09:00:00 UTC`.
    fn when(&self) -> String {
        let finding = &self.card.finding;
        if finding.first == finding.last {
            format!("{} UTC (clock of the capture)", at(finding.first))
        } else {
            format!("{} to {} UTC (clock of the capture)", at(finding.first), at(finding.last))
        }
    }

    fn of_asset(&self, part: impl Fn(&store::StoredAsset) -> Option<String>) -> String {
        self.asset.as_ref().and_then(|card| part(&card.asset)).unwrap_or_default()
    }

    /// What happened, with numbers and where it can be checked; no word about a patient.
    fn story(&self) -> String {
        let finding = &self.card.finding;
        let body = &finding.body;
        let mut out = format!("{}. {}\n", finding.title, body.why);
        let _ = writeln!(
            out,
            "Seen on the network, passively: {} times, {}. Certainty: {}.",
            finding.count,
            self.when(),
            finding.certainty.as_str()
        );
        if let Some(peer) = &body.peer {
            let port = if peer.port == 0 { String::new() } else { format!(" port {}", peer.port) };
            let _ = writeln!(out, "Peer: {}{port} ({}), {}.", peer.ip, peer.transport, peer.location);
        }
        for (name, detail) in &body.details {
            let _ = writeln!(out, "{name}: {}", spelled(detail));
        }
        let frames: Vec<String> = self
            .card
            .evidence
            .iter()
            .take(FRAMES_NAMED_MAX)
            .map(|one| format!("{} frame {}", shown(&one.capture), one.frame))
            .collect();
        if !frames.is_empty() {
            let _ =
                writeln!(out, "Evidence: {} (all: `lazaret evidence {}`).", frames.join("; "), finding.id);
        }
        let _ = writeln!(out, "Finding {} of rule {}.", finding.id, finding.rule);
        out
    }

    fn list(&self, part: impl Fn(&store::FindingBody) -> &[String]) -> String {
        part(&self.card.finding.body).join(", ")
    }
}

fn spelled(detail: &StoredDetail) -> String {
    match detail {
        StoredDetail::Flag(flag) => (if *flag { "yes" } else { "no" }).to_owned(),
        StoredDetail::Number(number) => number.to_string(),
        StoredDetail::Text(text) => text.clone(),
        StoredDetail::List(list) => list.join(", "),
    }
}
