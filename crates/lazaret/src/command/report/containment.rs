//! `lazaret report containment`: what the receipts and findings of a store say of each medical device, as a document.

use super::made::{Letterhead, Made, PaperFormat};
use crate::containment::containment;
use crate::exit::{Failure, Status};
use crate::stored::{Where, now};
use model::CaptureTime;
use store::Reading as _;

/// What the report is called in the names of files.
const KIND: &str = "containment";

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    made: Made,
    /// Format
    #[arg(long, value_enum, default_value_t = Paper::Html)]
    format: Paper,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Paper {
    /// One self-contained page, to read, sign and print
    Html,
    /// The same as a PDF: tagged, with its fonts
    Pdf,
    /// For programs: schema lazaret.containment/1
    Json,
    /// For a terminal
    Text,
}

impl Options {
    pub(super) fn run(&self, place: &Where) -> Result<Status, Failure> {
        let span = self.made.span()?;
        let store = place.reader()?;
        let letterhead = Letterhead::of(&store, now())?;
        let report = containment(&store, store.verify_audit(None)?, span)?;
        let paper = || {
            let made = CaptureTime::from_nanos(letterhead.made);
            report.paper(self.made.audience(), letterhead.site.as_deref(), made, env!("CARGO_PKG_VERSION"))
        };
        match self.format {
            Paper::Html => self.made.write(KIND, PaperFormat::Html, &paper())?,
            Paper::Pdf => self.made.write(KIND, PaperFormat::Pdf, &paper())?,
            Paper::Json => self.made.place(KIND, "json", letterhead.made, |to| report.write_json(to))?,
            Paper::Text => self.made.place(KIND, "text", letterhead.made, |to| report.write_text(to))?,
        }
        Ok(Status::Done)
    }
}
