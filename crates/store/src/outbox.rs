//! What waits to be handed on: messages that survive the process and a receiver that is down.
//!
//! ```text
//! DIR/lock                         held by the one process that fills and empties it
//! DIR/outbox.sqlite, -wal, -shm    SQLite 3 in write-ahead mode
//! ```
//! A message that was put is there after a process was killed at any moment. After a power cut the last few of them may be
//! missing, but none before them: SQLite's `synchronous = NORMAL`, since a cycle a second of many devices cannot each wait
//! for the disk.
//!
//! What was delivered is deleted and overwritten. What a receiver refused stays, up to [`REFUSED_MAX`], for people to look at.

use crate::error::{Doing as _, StoreError};
use crate::folder::{self, Lock};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::path::Path;
use std::time::Duration;

const DATABASE: &str = "outbox.sqlite";
/// `LZRO`: says to everybody that this SQLite file is an outbox of Lazaret.
const APPLICATION_ID: i64 = 0x4C5A_524F;
const BUSY: Duration = Duration::from_secs(5);

/// Pages of the log after which SQLite carries it into the database, 32 MiB. Whoever writes waits for the disk then, twice: with
/// SQLite's own thousand that came every second or two with 64 devices, and held up more than a hundredth of the messages.
const CHECKPOINT_PAGES: i64 = 8192;

/// Messages that wait at most. Our limit: two weeks of one message a second; then [`StoreError::Refused`], and whoever
/// puts waits.
pub const WAITING_MAX: i64 = 1_209_600;
/// Refused messages that are kept. Our limit; the oldest go.
pub const REFUSED_MAX: i64 = 10_000;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS waiting (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  accepted INTEGER NOT NULL,
  text BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS refused (
  number INTEGER PRIMARY KEY,
  accepted INTEGER NOT NULL,
  text BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS source (
  name TEXT PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// A message that waits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Waiting {
    /// Its place in the order of putting.
    pub number: i64,
    /// Nanoseconds since the epoch.
    pub accepted: i64,
    /// The message.
    pub text: Vec<u8>,
}

/// The messages of one receiver.
#[derive(Debug)]
pub struct Outbox {
    connection: Connection,
    waiting: i64,
    #[expect(dead_code, reason = "the lock is held for as long as this value lives")]
    lock: Lock,
}

impl Outbox {
    /// Opens, or makes, the outbox in `folder`.
    ///
    /// # Errors
    /// [`StoreError`], among others where another process has it.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        if !folder.is_dir() {
            folder::make_folder(folder)?;
        }
        let lock = folder::lock(folder)?;
        let path = folder.join(DATABASE);
        let failed = |cause| StoreError::Io { doing: "make", path: path.clone(), cause };
        folder::own(&path).map_err(failed)?;
        let connection = Connection::open(&path).doing("open the outbox")?;
        let prepared = || -> rusqlite::Result<(i64, i64)> {
            connection.busy_timeout(BUSY)?;
            let found: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
            let tables: i64 =
                connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
            if found != APPLICATION_ID && tables > 0 {
                return Ok((found, 0));
            }
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
            connection.pragma_update(None, "secure_delete", true)?;
            connection.execute_batch(SCHEMA)?;
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
            let waiting = connection.query_row("SELECT count(*) FROM waiting", [], |row| row.get(0))?;
            Ok((APPLICATION_ID, waiting))
        };
        match prepared().doing("open the outbox")? {
            (APPLICATION_ID, waiting) => Ok(Self { connection, waiting, lock }),
            _ => Err(StoreError::Foreign(folder.to_owned())),
        }
    }

    /// When a message of `source` was put last, in nanoseconds since the epoch.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn last(&self, source: &str) -> Result<Option<i64>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT last FROM source WHERE name = ?1").doing("be read")?;
        statement.query_row([source], |row| row.get(0)).optional().doing("be read")
    }

    /// Keeps a message, and when its source was heard last, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where [`WAITING_MAX`] messages wait, [`StoreError::Full`] where the disk is; then nothing is
    /// kept.
    pub fn put(&mut self, source: &str, accepted: i64, text: &[u8]) -> Result<(), StoreError> {
        if self.waiting >= WAITING_MAX {
            return Err(StoreError::Refused(format!(
                "{WAITING_MAX} messages wait for their receiver already"
            )));
        }
        let doing = "keep a message";
        let transaction = self.connection.transaction().doing(doing)?;
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO waiting (accepted, text) VALUES (?1, ?2)")
                .doing(doing)?;
            insert.execute(params![accepted, text]).doing(doing)?;
            let mut heard = transaction
                .prepare_cached(
                    "INSERT INTO source (name, last) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET last = ?2",
                )
                .doing(doing)?;
            heard.execute(params![source, accepted]).doing(doing)?;
        }
        transaction.commit().doing(doing)?;
        self.waiting += 1;
        Ok(())
    }

    /// The oldest messages that wait.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn oldest(&self, most: usize) -> Result<Vec<Waiting>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT number, accepted, text FROM waiting ORDER BY number LIMIT ?1")
            .doing("be read")?;
        let row = |row: &rusqlite::Row<'_>| {
            Ok(Waiting { number: row.get(0)?, accepted: row.get(1)?, text: row.get(2)? })
        };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = statement.query_map([most], row).doing("be read")?;
        rows.collect::<rusqlite::Result<_>>().doing("be read")
    }

    /// A message was delivered: it goes.
    ///
    /// # Errors
    /// [`StoreError`]; then it still waits.
    pub fn delivered(&mut self, number: i64) -> Result<(), StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("DELETE FROM waiting WHERE number = ?1")
            .doing("settle a message")?;
        let gone = statement.execute([number]).doing("settle a message")?;
        self.waiting = self.waiting.saturating_sub(i64::try_from(gone).unwrap_or(i64::MAX));
        Ok(())
    }

    /// A message was refused for good: it is put aside.
    ///
    /// # Errors
    /// [`StoreError`]; then it still waits.
    pub fn refused(&mut self, number: i64) -> Result<(), StoreError> {
        let doing = "settle a message";
        let transaction = self.connection.transaction().doing(doing)?;
        transaction
            .execute(
                "INSERT INTO refused SELECT number, accepted, text FROM waiting WHERE number = ?1",
                [number],
            )
            .doing(doing)?;
        let gone = transaction.execute("DELETE FROM waiting WHERE number = ?1", [number]).doing(doing)?;
        transaction
            .execute(
                "DELETE FROM refused WHERE number <= (SELECT number FROM refused ORDER BY number DESC LIMIT 1 OFFSET ?1)",
                [REFUSED_MAX],
            )
            .doing(doing)?;
        transaction.commit().doing(doing)?;
        self.waiting = self.waiting.saturating_sub(i64::try_from(gone).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Messages that wait.
    #[must_use]
    pub const fn waiting(&self) -> i64 {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("lazaret-outbox-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        folder
    }

    #[test]
    fn messages_come_back_in_order_until_they_are_settled_and_after_a_restart() {
        let folder = folder("order");
        let mut outbox = Outbox::open(&folder).unwrap();
        for number in 1..=5 {
            outbox.put("202.114.4.8 bed 7", number * 1000, format!("m{number}").as_bytes()).unwrap();
        }
        outbox.delivered(1).unwrap();
        outbox.refused(2).unwrap();
        drop(outbox);
        let mut outbox = Outbox::open(&folder).unwrap();
        assert_eq!(outbox.waiting(), 3);
        let texts = |outbox: &Outbox| -> Vec<String> {
            outbox.oldest(2).unwrap().into_iter().map(|one| String::from_utf8(one.text).unwrap()).collect()
        };
        assert_eq!(texts(&outbox), ["m3", "m4"]);
        assert_eq!(outbox.last("202.114.4.8 bed 7").unwrap(), Some(5000));
        assert_eq!(outbox.last("another").unwrap(), None);
        // A number is never used again, so that the order stays that of putting.
        for one in outbox.oldest(9).unwrap() {
            outbox.delivered(one.number).unwrap();
        }
        outbox.put("another", 6000, b"m6").unwrap();
        assert_eq!(outbox.oldest(9).unwrap().first().map(|one| one.number), Some(6));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn one_process_has_it_and_a_foreign_file_stays_as_it_was() {
        let folder = folder("lock");
        let outbox = Outbox::open(&folder).unwrap();
        drop(outbox);
        let other = Connection::open(folder.join(DATABASE)).unwrap();
        other.pragma_update(None, "application_id", 7).unwrap();
        drop(other);
        assert!(matches!(Outbox::open(&folder), Err(StoreError::Foreign(_))));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
