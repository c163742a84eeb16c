//! The audit log: who did what when, as a hash chain.
//!
//! Each entry's hash is SHA-256 over the previous entry's hash and the entry itself, so that an entry that is
//! changed, taken out or put in between breaks the chain there, and [`verify`] says where. Whoever can write the
//! file can also write a new chain: that shows only to somebody who noted `seq` and hash of an entry elsewhere
//! (`lazaret audit verify --expect SEQ:HASH`).
//!
//! # Form that is hashed
//! ```text
//! "lazaret.audit/1\n" previous-hash(64 hex digits) "\n"
//! then of seq, at, by, action, subject, detail, each: length in bytes (decimal) ":" text "\n"
//! ```
//! `seq` and `at` in decimal; the first entry's previous hash is 64 zeros. The length before each text keeps two
//! entries from having one form.

use crate::error::{Doing as _, StoreError};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Previous hash of the first entry.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Who acts, and when by this machine's clock.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Actor {
    /// Name of the person or program.
    pub name: String,
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
}

/// One entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Number, from 1 without gaps.
    pub seq: i64,
    /// When, by the clock of the machine that wrote it, in nanoseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// Who.
    pub by: String,
    /// What was done: `import`, `acknowledge`, `prune`, …
    pub action: String,
    /// To what: an id, or `store`.
    pub subject: String,
    /// The rest, as JSON.
    pub detail: String,
    /// Hash of the entry before.
    pub previous: String,
    /// Hash of this one.
    pub hash: String,
}

impl Entry {
    pub(crate) fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            at: row.get(1)?,
            by: row.get(2)?,
            action: row.get(3)?,
            subject: row.get(4)?,
            detail: row.get(5)?,
            previous: row.get(6)?,
            hash: row.get(7)?,
        })
    }

    /// The hash that its content and the hash before it make.
    fn hashed(&self) -> String {
        let mut form = format!("lazaret.audit/1\n{}\n", self.previous);
        let (seq, at) = (self.seq.to_string(), self.at.to_string());
        for text in [&seq, &at, &self.by, &self.action, &self.subject, &self.detail] {
            // Writing to a string cannot fail.
            let _ = writeln!(form, "{}:{text}", text.len());
        }
        hex(&Sha256::digest(form.as_bytes()))
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

pub(crate) const COLUMNS: &str = "SELECT seq, at, by, action, subject, detail, previous, hash FROM audit";

/// What is written in the same transaction as what it tells of. Gives the number of the entry.
pub(crate) fn append(
    connection: &Connection,
    actor: &Actor,
    action: &str,
    subject: &str,
    detail: &serde_json::Value,
) -> Result<i64, StoreError> {
    let (seq, previous) = head(connection)?;
    let mut entry = Entry {
        seq: seq + 1,
        at: actor.at,
        by: actor.name.clone(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        detail: detail.to_string(),
        previous,
        hash: String::new(),
    };
    entry.hash = entry.hashed();
    let insert = "INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let Entry { seq, at, by, action, subject, detail, previous, hash } = &entry;
    let mut insert = connection.prepare_cached(insert).doing("write the audit log")?;
    insert
        .execute(params![seq, at, by, action, subject, detail, previous, hash])
        .doing("write the audit log")?;
    connection
        .execute("INSERT OR REPLACE INTO audit_head VALUES (1, ?1, ?2)", params![seq, hash])
        .doing("write the audit log")?;
    Ok(*seq)
}

/// An entry of something done elsewhere, in a transaction of its own.
pub(crate) fn record(
    connection: &mut Connection,
    (action, subject): (&str, &str),
    detail: &serde_json::Value,
    actor: &Actor,
) -> Result<(), StoreError> {
    let whole = connection.transaction().doing("write the audit log")?;
    append(&whole, actor, action, subject, detail)?;
    whole.commit().doing("write the audit log")
}

/// Number and hash of the last entry, as the store noted it.
fn head(connection: &Connection) -> Result<(i64, String), StoreError> {
    let noted = connection
        .query_row("SELECT seq, hash FROM audit_head", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .doing("read the audit log")?;
    Ok(noted.unwrap_or((0, GENESIS.to_owned())))
}

/// Entries after number `after`, oldest first; of one subject where one is named.
pub(crate) fn page(
    connection: &Connection,
    subject: Option<&str>,
    after: i64,
    limit: u32,
) -> Result<Vec<Entry>, StoreError> {
    let query = format!("{COLUMNS} WHERE seq > ?1 AND (?2 IS NULL OR subject = ?2) ORDER BY seq LIMIT ?3");
    let mut query = connection.prepare_cached(&query).doing("read the audit log")?;
    let rows = query.query_map(params![after, subject, limit], Entry::of).doing("read the audit log")?;
    rows.collect::<Result<_, _>>().doing("read the audit log")
}

/// Entries of the steps that contain devices. The index of `receipts.sql` is of the same words: that is how it is found.
const RECEIPTS: &str = "action GLOB 'enforce-*' OR action GLOB 'gateway-*'";

pub(crate) fn receipts_query() -> String {
    format!("{COLUMNS} WHERE ({RECEIPTS}) AND at <= ?1 ORDER BY seq")
}

/// What steps of `lazaret enforce` and `lazaret gateway` left in the log until this moment of the clock, oldest first.
pub(crate) fn receipts(connection: &Connection, until: i64) -> Result<Vec<Entry>, StoreError> {
    let doing = "read receipts in the audit log";
    let mut query = connection.prepare_cached(&receipts_query()).doing(doing)?;
    let rows = query.query_map([until], Entry::of).doing(doing)?;
    rows.collect::<Result<_, _>>().doing(doing)
}

/// What verifying the chain says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Chain {
    /// Entries that hold.
    pub entries: i64,
    /// Hash of the last one that holds.
    pub hash: String,
    /// Where and how it breaks, where it does.
    pub broken: Option<Break>,
}

/// Where the chain breaks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Break {
    /// Number of the entry.
    pub seq: i64,
    /// What is wrong there.
    pub what: &'static str,
}

impl Default for Chain {
    /// The chain before its first entry.
    fn default() -> Self {
        Self { entries: 0, hash: GENESIS.to_owned(), broken: None }
    }
}

/// Verifies the chain from where `chain` ends, whose entries held before and are not read again. `expected` is the number and hash of
/// an entry beyond it that somebody noted.
pub(crate) fn verify(
    connection: &Connection,
    mut chain: Chain,
    expected: Option<(i64, &str)>,
) -> Result<Chain, StoreError> {
    // One transaction: the chain and its noted end are of one moment, whoever writes meanwhile.
    let moment = connection.unchecked_transaction().doing("read the audit log")?;
    let mut query =
        moment.prepare(&format!("{COLUMNS} WHERE seq > ?1 ORDER BY seq")).doing("read the audit log")?;
    let rows = query.query_map([chain.entries], Entry::of).doing("read the audit log")?;
    for entry in rows {
        let entry = entry.doing("read the audit log")?;
        let next = chain.entries + 1;
        let broken = |seq, what| Ok(Chain { broken: Some(Break { seq, what }), ..chain.clone() });
        if entry.seq != next {
            return broken(next, "it is missing");
        }
        if entry.previous != chain.hash {
            return broken(next, "it does not follow the entry before it");
        }
        if entry.hashed() != entry.hash {
            return broken(next, "its content is not what was written");
        }
        if expected.is_some_and(|(seq, hash)| seq == next && hash != entry.hash) {
            return broken(next, "it is not the entry whose hash was noted");
        }
        chain.entries = next;
        chain.hash = entry.hash;
    }
    let (seq, hash) = head(&moment)?;
    let next = chain.entries + 1;
    if seq > chain.entries || expected.is_some_and(|(seq, _)| seq > chain.entries) {
        chain.broken = Some(Break { seq: next, what: "the log was cut off before it" });
    } else if seq != chain.entries || hash != chain.hash {
        chain.broken = Some(Break { seq: seq + 1, what: "it was added without the store's knowledge" });
    }
    Ok(chain)
}
