//! What the reports on posture and containment share: for whom, of which time, where to.

use crate::exit::Failure;
use crate::output::write_to;
use crate::stored::{Direction, at, moment, shown};
use export::paper::{Audience, Paper, Size};
use serde_json::Value;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use store::{Access as _, Reader, StoreError};

/// Most reports of one kind that `--keep` can ask for. Ten years of daily ones.
const KEEP_MAX: usize = 3_660;

#[derive(Debug, clap::Args)]
pub(super) struct Made {
    /// Whom it is for
    #[arg(long = "for", value_enum, default_value_t = Whom::Regulator, value_name = "WHOM")]
    whom: Whom,
    /// Nothing before this moment: a day, a moment, or a span ago, like 30d
    #[arg(long, value_name = "TIME", value_parser = |text: &str| moment(text, Direction::Back))]
    from: Option<i64>,
    /// Nothing after this moment
    #[arg(long, value_name = "TIME", value_parser = |text: &str| moment(text, Direction::Back))]
    to: Option<i64>,
    /// Size of the sheets of a PDF
    #[arg(long, value_enum, default_value_t = Sheets::A4)]
    paper: Sheets,
    /// File to write to; it appears whole or not at all [default: standard output]
    #[arg(long, short, value_name = "FILE", conflicts_with = "reports")]
    output: Option<PathBuf>,
    /// Folder to write to, as KIND-WHOM-DAY.FORMAT: for a timer, see dist/lazaret-report@.timer
    #[arg(long = "folder", value_name = "DIR")]
    reports: Option<PathBuf>,
    /// Of those in the folder of the same kind, for the same reader, only the newest so many stay
    #[arg(long, value_name = "N", requires = "reports", value_parser = clap::value_parser!(u16).range(1..=KEEP_MAX as i64))]
    keep: Option<u16>,
}

/// Readers of a report.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Whom {
    /// Who is at the bedside: what to do, in plain words
    Ward,
    /// Who owns the devices: which, in which version, with which flaws
    Biomed,
    /// Who owns the network: every matter with peers, times, decisions
    Security,
    /// Who supervises: what is known, how, how sure, what is not known
    Regulator,
}

/// Sizes of sheets.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Sheets {
    /// 210 by 297 mm
    A4,
    /// 8.5 by 11 inches
    Letter,
}

/// Formats for people.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum PaperFormat {
    /// One self-contained page, to read and print
    Html,
    /// To print, send and keep: tagged, with its fonts
    Pdf,
}

impl PaperFormat {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Pdf => "pdf",
        }
    }

    /// Writes the document so.
    pub(crate) fn write(self, paper: &Paper, size: Size, to: impl Write) -> io::Result<()> {
        match self {
            Self::Html => paper.write_html(to),
            Self::Pdf => paper.write_pdf(size, to),
        }
    }
}

/// Whose report it is, and when it was made.
pub(crate) struct Letterhead {
    /// What the site is called in the settings of the store.
    pub(crate) site: Option<String>,
    /// By the clock of this machine.
    pub(crate) made: i64,
}

impl Letterhead {
    pub(crate) fn of(store: &Reader, made: i64) -> Result<Self, StoreError> {
        let settings = store.settings()?;
        let site = settings.get("site_name").and_then(Value::as_str).map(shown);
        Ok(Self { site: site.filter(|name| !name.is_empty()), made })
    }
}

/// Name of a report's file: `posture-ward-2026-11-28.pdf`.
pub(crate) fn file_name(kind: &str, audience: Audience, made: i64, form: &str) -> String {
    let moment = at(made);
    let day = moment.split(' ').next().unwrap_or_default();
    format!("{kind}-{}-{day}.{form}", audience.as_str())
}

impl Made {
    pub(super) fn span(&self) -> Result<(Option<i64>, Option<i64>), Failure> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && to < from
        {
            return Err(Failure::Usage("--to lies before --from; no time is between them".to_owned()));
        }
        Ok((self.from, self.to))
    }

    pub(super) const fn audience(&self) -> Audience {
        match self.whom {
            Whom::Ward => Audience::Ward,
            Whom::Biomed => Audience::Biomed,
            Whom::Security => Audience::Security,
            Whom::Regulator => Audience::Regulator,
        }
    }

    /// Writes a document to where it is wanted.
    pub(super) fn write(&self, kind: &str, form: PaperFormat, paper: &Paper) -> Result<(), Failure> {
        let size = match self.paper {
            Sheets::A4 => Size::A4,
            Sheets::Letter => Size::Letter,
        };
        self.place(kind, form.as_str(), paper.made.nanos(), |to| form.write(paper, size, to))
    }

    /// Writes to where it is wanted; in a folder, what is older than is to be kept goes.
    pub(super) fn place(
        &self,
        kind: &str,
        form: &str,
        made: i64,
        content: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let Some(folder) = &self.reports else { return write_to(self.output.as_deref(), content) };
        let audience = self.audience();
        let path = folder.join(file_name(kind, audience, made, form));
        write_to(Some(&path), content)?;
        eprintln!("lazaret: {}", path.display());
        if let Some(keep) = self.keep {
            forget(folder, &format!("{kind}-{}-", audience.as_str()), form, usize::from(keep))?;
        }
        Ok(())
    }
}

/// Removes reports of that name but the newest so many. Their days are in their names, so their names are in order.
fn forget(folder: &Path, prefix: &str, form: &str, keep: usize) -> Result<(), Failure> {
    let failed = |cause| Failure::Write { what: format!("`{}`", folder.display()), cause };
    let mut reports = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let day =
            name.to_str().and_then(|name| name.strip_prefix(prefix)?.strip_suffix(form)?.strip_suffix('.'));
        // Nothing but what this command wrote: `posture-ward-2026-11-28.pdf`.
        if day.is_some_and(|day| day.parse::<jiff::civil::Date>().is_ok()) {
            reports.push(name);
        }
    }
    reports.sort();
    for name in reports.iter().rev().skip(keep) {
        std::fs::remove_file(folder.join(name)).map_err(failed)?;
    }
    Ok(())
}
