//! What the commands over a store share: which store, who acts and when, times as people write and read them, and
//! what a scan says of its import.

use crate::exit::Failure;
use crate::output::write_to;
use crate::vault::{self, Identities};
use model::{CaptureTime, Report, Text};
use serde::Serialize;
use std::path::{Path, PathBuf};
use store::{
    Actor, AssetQuery, Change, Changed, FindingQuery, IfMissing, Imported, Meeting, Reader, Reading,
    StoreError, StoredAsset, StoredFinding, Writer,
};

/// Changed findings told one by one after a scan. Our limit; the rest is a number, and in the store.
const CHANGES_TOLD_MAX: usize = 20;
/// Longest name of who acts, in bytes. Our limit; a longer one is a mistake.
const NAME_BYTES_MAX: usize = 200;

/// Which store.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Where {
    /// Folder of the store, as `scan --store` made it
    #[arg(long = "store", value_name = "DIR", global = true)]
    folder: Option<PathBuf>,
}

impl Where {
    /// The folder, which no command can do without.
    pub(crate) fn folder(&self) -> Result<&Path, Failure> {
        self.folder.as_deref().ok_or_else(|| {
            Failure::Usage(
                "--store DIR is missing: say which store; `lazaret scan --store DIR` makes one".into(),
            )
        })
    }

    /// The store, to read.
    pub(crate) fn reader(&self) -> Result<Reader, Failure> {
        Ok(Reader::open(self.folder()?)?)
    }

    /// The store, to write; it must be there.
    pub(crate) fn writer(&self) -> Result<Writer, Failure> {
        Ok(Writer::open(self.folder()?, IfMissing::Fail)?)
    }
}

/// Rows of a store asked for at a time.
const PAGE: u32 = 1000;

/// Every asset of a query, page by page, so that nothing waits long for the store.
///
/// # Errors
/// What the store says.
pub(crate) fn every_asset(
    store: &impl Reading,
    mut query: AssetQuery,
) -> Result<Vec<StoredAsset>, StoreError> {
    query.limit = PAGE;
    let mut all = Vec::new();
    loop {
        let page = store.assets(&query)?;
        let more = page.len() == PAGE as usize;
        query.after = page.last().map(|last| last.id);
        all.extend(page);
        if !more {
            return Ok(all);
        }
    }
}

/// Hands every finding of a query on, page by page: a hundred thousand are not held.
///
/// # Errors
/// What the store says.
pub(crate) fn each_finding(
    store: &impl Reading,
    mut query: FindingQuery,
    mut take: impl FnMut(StoredFinding),
) -> Result<(), StoreError> {
    query.limit = PAGE;
    loop {
        let page = store.findings(&query)?;
        let more = page.len() == PAGE as usize;
        query.after = page.last().map(|last| last.id);
        page.into_iter().for_each(&mut take);
        if !more {
            return Ok(());
        }
    }
}

/// Who acts.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct By {
    /// Who decides, for the audit log [default: the user of this session]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl By {
    /// The one who acts, now.
    pub(crate) fn actor(&self) -> Result<Actor, Failure> {
        match self.by.as_deref().map(str::trim) {
            Some("") => Err(Failure::Usage("--by is empty; name who decides".to_owned())),
            Some(name) if name.len() > NAME_BYTES_MAX => {
                Err(Failure::Usage(format!("--by is longer than {NAME_BYTES_MAX} bytes")))
            }
            Some(name) => Ok(Actor { name: shown(name), at: now() }),
            None => Ok(session()),
        }
    }
}

/// The user of this session, now.
pub(crate) fn session() -> Actor {
    let named = ["LOGNAME", "USER"].iter().find_map(|name| std::env::var(name).ok());
    let name = named.filter(|name| !name.trim().is_empty() && name.len() <= NAME_BYTES_MAX);
    Actor { name: name.map_or_else(|| "unknown".to_owned(), |name| shown(&name)), at: now() }
}

/// Whoever is named so, now.
pub(crate) fn actor(name: &str) -> Actor {
    Actor { name: name.to_owned(), at: now() }
}

/// Nanoseconds since 1970-01-01T00:00:00Z, by this machine's clock.
pub(crate) fn now() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

/// A moment on a command line: RFC 3339, a day (its beginning in UTC), or a span from now (`30d`, `12h`), which
/// `direction` takes forwards or backwards.
pub(crate) fn moment(text: &str, direction: Direction) -> Result<i64, String> {
    let refused = || {
        "a moment is written like 2026-12-31, 2026-12-31T08:00:00Z, or as days or hours like 30d, 12h"
            .to_owned()
    };
    let nanos = if let Ok(at) = text.parse::<jiff::Timestamp>() {
        at.as_nanosecond()
    } else if let Ok(day) = text.parse::<jiff::civil::Date>() {
        let utc = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| refused())?;
        utc.timestamp().as_nanosecond()
    } else {
        let (number, seconds) = match (text.strip_suffix('d'), text.strip_suffix('h')) {
            (Some(days), _) => (days, 86_400),
            (_, Some(hours)) => (hours, 3_600),
            _ => return Err(refused()),
        };
        let number: u32 = number.parse().map_err(|_| refused())?;
        let nanos = i128::from(number) * seconds * 1_000_000_000;
        i128::from(now()) + if direction == Direction::Ahead { nanos } else { -nanos }
    };
    i64::try_from(nanos).map_err(|_| refused())
}

/// Which way a span goes from now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Direction {
    /// Into the future.
    Ahead,
    /// Into the past.
    Back,
}

/// For people, to the second, in UTC.
pub(crate) fn at(nanos: i64) -> String {
    export::to_second(CaptureTime::from_nanos(nanos))
}

/// For programs: RFC 3339.
pub(crate) fn rfc3339(nanos: i64) -> String {
    export::rfc3339(CaptureTime::from_nanos(nanos))
}

/// Text that cannot act on a terminal: names of files and what people typed.
pub(crate) fn shown(text: &str) -> String {
    Text::from(text).as_str().to_owned()
}

/// Formats of what a store says.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For a terminal
    Text,
    /// For programs
    Json,
}

/// Writes lines of text to standard output.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    write_to(None, |to| to.write_all(text.as_bytes()))
}

/// Writes a JSON document to standard output.
pub(crate) fn print_json(document: &impl Serialize) -> Result<(), Failure> {
    write_to(None, |to| {
        serde_json::to_writer_pretty(&mut *to, document)?;
        writeln!(to)
    })
}

/// Keeps the results of a scan, and says on standard error what is new, unless nobody wants to hear.
pub(crate) fn keep(
    folder: &Path,
    report: &Report,
    identities: Option<&Identities>,
    quiet: bool,
) -> Result<(), Failure> {
    let mut store = Writer::open(folder, IfMissing::Make)?;
    let by = session();
    let imported = vault::import(&mut store, report, identities, &by)?;
    if !quiet {
        eprint!("{}", told(folder, &imported));
    }
    Ok(())
}

fn told(folder: &Path, imported: &Imported) -> String {
    let place = shown(&folder.display().to_string());
    match imported.meeting {
        Meeting::Nothing => {
            return format!("store `{place}`: no capture could be read, so nothing was kept\n");
        }
        Meeting::Same => {
            return format!(
                "store `{place}`: these captures are in it, with these results; nothing changed\n"
            );
        }
        Meeting::Covered => {
            return format!(
                "store `{place}`: these captures are in it, scanned together with others; nothing changed\n"
            );
        }
        Meeting::New | Meeting::Replaced(_) => {}
    }
    let count =
        |wanted: fn(&Change) -> bool| imported.changed.iter().filter(|one| wanted(&one.change)).count();
    let mut parts = vec![format!("{} new", count(|change| *change == Change::New))];
    for (number, word) in [
        (count(|change| matches!(change, Change::Grown { .. })), "grown"),
        (count(|change| *change == Change::Reopened), "reopened"),
        (count(|change| *change == Change::Withdrawn), "withdrawn"),
        (usize::try_from(imported.unchanged).unwrap_or(usize::MAX), "as before"),
        (usize::try_from(imported.quiet).unwrap_or(usize::MAX), "quiet that grew"),
    ] {
        if number != 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    let assets = imported.assets_new + imported.assets_known;
    let mut out = format!(
        "store `{place}`: findings: {}; assets: {assets}, new among them: {}\n",
        parts.join(", "),
        imported.assets_new
    );
    if let Meeting::Replaced(imports) = imported.meeting {
        out.push_str(&format!("  takes the place of {imports} earlier import(s) of these captures\n"));
    }
    imported.changed.iter().take(CHANGES_TOLD_MAX).for_each(|one| out.push_str(&line(one)));
    if let Some(more) = imported.changed.len().checked_sub(CHANGES_TOLD_MAX).filter(|more| *more != 0) {
        out.push_str(&format!("  … and {more} more: lazaret findings --store {place}\n"));
    }
    out
}

fn line(changed: &Changed) -> String {
    let (word, more) = match changed.change {
        Change::New => ("new", String::new()),
        Change::Reopened => ("reopened", String::new()),
        Change::Withdrawn => ("withdrawn", String::new()),
        Change::Grown { from, to } if from == to => ("graver", String::new()),
        Change::Grown { from, to } => ("grown", format!(" ({from} → {to} times)")),
    };
    format!("  {word:<9}  {:<8}  {}  {}{more}\n", changed.severity.as_str(), changed.id, changed.title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_days_instants_or_spans_from_now() {
        assert_eq!(moment("1970-01-02", Direction::Back), Ok(86_400_000_000_000));
        assert_eq!(moment("1970-01-01T00:00:01Z", Direction::Back), Ok(1_000_000_000));
        assert!(moment("1h", Direction::Ahead).unwrap() > now());
        assert!(moment("1d", Direction::Back).unwrap() < now());
        for wrong in ["", "soon", "12", "-3d", "d", "2026-13-01", "99999999999d"] {
            assert!(moment(wrong, Direction::Ahead).is_err(), "{wrong}");
        }
    }
}
