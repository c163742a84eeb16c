//! `lazaret report containment`: what the receipts and findings of a store say of each medical device, as a document.

use crate::containment::containment;
use crate::exit::{Failure, Status};
use crate::output::write_to;
use crate::stored::{Direction, Where, moment};
use std::io::Write;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Nothing before this moment: a day, a moment, or a span ago, like 30d
    #[arg(long, value_name = "TIME", value_parser = |text: &str| moment(text, Direction::Back))]
    from: Option<i64>,
    /// Nothing after this moment
    #[arg(long, value_name = "TIME", value_parser = |text: &str| moment(text, Direction::Back))]
    to: Option<i64>,
    /// Format
    #[arg(long, value_enum, default_value_t = Paper::Html)]
    format: Paper,
    /// File to write to; it appears whole or not at all [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Paper {
    /// One self-contained page, to read, sign and print
    Html,
    /// For programs: schema lazaret.containment/1
    Json,
    /// For a terminal
    Text,
}

impl Options {
    pub(super) fn run(&self, place: &Where) -> Result<Status, Failure> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && to < from
        {
            return Err(Failure::Usage("--to lies before --from; no time is between them".to_owned()));
        }
        let report = containment(&place.reader()?, self.from, self.to)?;
        write_to(self.output.as_deref(), |to: &mut (dyn Write + Send)| match self.format {
            Paper::Html => report.write_html(to),
            Paper::Json => report.write_json(to),
            Paper::Text => report.write_text(to),
        })?;
        Ok(Status::Done)
    }
}
