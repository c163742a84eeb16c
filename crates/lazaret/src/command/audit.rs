//! `lazaret audit`: who did what to the store, and whether that log is whole.

use crate::exit::{Failure, Status};
use crate::stored::{Format, Where, at, print, print_json, rfc3339, shown};
use serde::Serialize;
use std::fmt::Write as _;
use store::{Entry, Reading as _};

const EXAMPLES: &str = "\
Examples:
  lazaret audit --store ward.store verify                     is the log whole? where does it break?
  lazaret audit --store ward.store verify --expect 17:5f3a…   and is entry 17 still the one whose hash was noted?
  lazaret audit --store ward.store show                       who did what when, oldest first

Each entry holds the hash of the one before, so a changed, missing or added entry breaks the chain there. Somebody who
can write the store's files could write a whole new chain: note the last number and hash that `verify` prints
somewhere else (a ticket, paper), and check them with --expect.

Exit status: 0 the log is whole; 1 it is not; 2 bad usage, or a store that cannot be read.";

/// Options of `audit`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Where,
    /// Format of the answer
    #[arg(long, value_enum, default_value_t = Format::Text, global = true)]
    format: Format,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Check the chain of hashes from the first entry to the last
    Verify {
        /// Number and hash of an entry, as `verify` printed them earlier
        #[arg(long, value_name = "SEQ:HASH", value_parser = noted)]
        expect: Option<(i64, String)>,
    },
    /// Show entries, oldest first
    Show {
        /// Those after this number: the next page
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        after: i64,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
}

/// Hexadecimal digits of a hash.
const HASH_DIGITS: usize = 64;

pub(crate) fn noted(text: &str) -> Result<(i64, String), String> {
    let parts = text.split_once(':').and_then(|(seq, hash)| Some((seq.parse::<i64>().ok()?, hash)));
    match parts {
        Some((seq, hash))
            if seq > 0 && hash.len() == HASH_DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
        {
            Ok((seq, hash.to_ascii_lowercase()))
        }
        _ => Err(format!("a number, a colon and {HASH_DIGITS} hexadecimal digits, as `verify` prints them")),
    }
}

impl Options {
    /// Does it.
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        match &self.what {
            What::Verify { expect } => self.verify(expect.as_ref()),
            What::Show { after, limit } => self.show(*after, *limit),
        }
    }

    fn verify(&self, expect: Option<&(i64, String)>) -> Result<Status, Failure> {
        let chain = self.place.reader()?.verify_audit(expect.map(|(seq, hash)| (*seq, hash.as_str())))?;
        match self.format {
            Format::Json => print_json(&ChainDocument {
                schema: "lazaret.audit-verification/1",
                whole: chain.broken.is_none(),
                entries: chain.entries,
                hash: &chain.hash,
                broken: chain.broken.as_ref().map(|broken| BreakRow { seq: broken.seq, what: broken.what }),
            })?,
            Format::Text => match &chain.broken {
                None => print(&format!(
                    "The audit log is whole: {} entries.\nNote elsewhere: {}:{}\n",
                    chain.entries, chain.entries, chain.hash
                ))?,
                Some(broken) => print(&format!(
                    "The audit log is broken at entry {}: {}.\nThe {} entries before it hold.\n",
                    broken.seq, broken.what, chain.entries
                ))?,
            },
        }
        Ok(if chain.broken.is_none() { Status::Done } else { Status::Found })
    }

    fn show(&self, after: i64, limit: u32) -> Result<Status, Failure> {
        let entries = self.place.reader()?.audit(after, limit)?;
        match self.format {
            Format::Json => print_json(&EntriesDocument {
                schema: "lazaret.audit/1",
                entries: entries.iter().map(EntryRow::of).collect(),
            })?,
            Format::Text => {
                let mut out = String::new();
                for entry in &entries {
                    let Entry { seq, action, subject, by, .. } = entry;
                    let (when, detail) = (at(entry.at), shown(&entry.detail));
                    let _ = writeln!(out, "{seq:>6}  {when}  {by}  {action} {subject}  {detail}");
                }
                if entries.is_empty() {
                    out.push_str("No entries after that.\n");
                } else if entries.len() == limit as usize {
                    let last = entries.last().map_or(0, |entry| entry.seq);
                    let _ = writeln!(out, "There may be more: add `--after {last}`.");
                }
                print(&out)?;
            }
        }
        Ok(Status::Done)
    }
}

#[derive(Serialize)]
struct ChainDocument<'a> {
    schema: &'static str,
    whole: bool,
    entries: i64,
    hash: &'a str,
    broken: Option<BreakRow>,
}

#[derive(Serialize)]
struct BreakRow {
    seq: i64,
    what: &'static str,
}

#[derive(Serialize)]
struct EntriesDocument<'a> {
    schema: &'static str,
    entries: Vec<EntryRow<'a>>,
}

/// An entry, as programs read it. `detail` is a string, because its very bytes are what was hashed.
#[derive(Serialize)]
pub(crate) struct EntryRow<'a> {
    seq: i64,
    at: String,
    at_ns: i64,
    by: &'a str,
    action: &'a str,
    subject: &'a str,
    detail: &'a str,
    previous: &'a str,
    hash: &'a str,
}

impl<'a> EntryRow<'a> {
    pub(crate) fn of(entry: &'a Entry) -> Self {
        Self {
            seq: entry.seq,
            at: rfc3339(entry.at),
            at_ns: entry.at,
            by: &entry.by,
            action: &entry.action,
            subject: &entry.subject,
            detail: &entry.detail,
            previous: &entry.previous,
            hash: &entry.hash,
        }
    }
}
