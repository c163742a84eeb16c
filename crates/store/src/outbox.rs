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
//!
//! An outbox also remembers what its receiver was told of each subject ([`Told`]), in one transaction with the message, so
//! that comparing what is with what was told loses nothing and tells nothing twice, whenever the process is killed. And it
//! remembers which messages were begun to be sent, so that those that may arrive a second time can say so.

use crate::error::{Doing as _, StoreError};
use crate::folder::{self, Lock};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use std::path::Path;
use std::time::Duration;

pub(crate) const DATABASE: &str = "outbox.sqlite";
/// `LZRO`: says to everybody that this SQLite file is an outbox of Lazaret.
const APPLICATION_ID: i64 = 0x4C5A_524F;
pub(crate) const BUSY: Duration = Duration::from_secs(5);

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
CREATE TABLE IF NOT EXISTS told (
  subject INTEGER PRIMARY KEY,
  serial INTEGER NOT NULL,
  open INTEGER NOT NULL,
  digest INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS course (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  started INTEGER NOT NULL DEFAULT 0,
  begun INTEGER NOT NULL DEFAULT 0,
  delivered INTEGER NOT NULL DEFAULT 0,
  repeated INTEGER NOT NULL DEFAULT 0,
  delivered_at INTEGER,
  failed_at INTEGER,
  failure TEXT
) STRICT;
INSERT OR IGNORE INTO course (one) VALUES (1);
CREATE TABLE IF NOT EXISTS restored (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  base INTEGER NOT NULL
) STRICT;
";

/// What a receiver was told of one subject.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Told {
    /// Id of the subject.
    pub subject: i64,
    /// Messages about it so far; 0 where it was seen and nothing said.
    pub serial: u32,
    /// Whether it was open then.
    pub open: bool,
    /// What it was then; equal where nothing changed that is worth a message.
    pub digest: i64,
}

/// What is to be remembered of a subject, and the message about it, where there is one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Telling {
    /// What the receiver knows with it.
    pub told: Told,
    /// The message.
    pub text: Option<Vec<u8>>,
}

/// How it goes with a receiver.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Course {
    /// Messages that wait.
    pub waiting: i64,
    /// When the oldest of them was put, in nanoseconds since the epoch.
    pub oldest: Option<i64>,
    /// Messages that are put aside, because the receiver refused them.
    pub refused: i64,
    /// Messages that were delivered, ever.
    pub delivered: i64,
    /// Those of them that may have arrived before.
    pub repeated: i64,
    /// When the last one was.
    pub delivered_at: Option<i64>,
    /// When delivering last failed; none where it went well since.
    pub failed_at: Option<i64>,
    /// Why.
    pub failure: Option<String>,
}

/// How it goes with the receiver of the outbox in `folder`, also while another process has it; none where there is no
/// outbox.
///
/// # Errors
/// [`StoreError`].
pub fn course(folder: &Path) -> Result<Option<Course>, StoreError> {
    let path = folder.join(DATABASE);
    if !path.is_file() {
        return Ok(None);
    }
    // Reading a database in write-ahead mode needs its companions, which only one who may write can make.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).doing("open the outbox")?;
    connection.busy_timeout(BUSY).doing("open the outbox")?;
    // One that is just being made has no tables yet.
    let made = "SELECT count(*) FROM sqlite_master WHERE name = 'course'";
    let made: i64 = connection.query_row(made, [], |row| row.get(0)).doing("be read")?;
    if made == 0 { Ok(None) } else { course_of(&connection).map(Some) }
}

fn course_of(connection: &Connection) -> Result<Course, StoreError> {
    let sql = "SELECT (SELECT count(*) FROM waiting), (SELECT min(accepted) FROM waiting), \
               (SELECT count(*) FROM refused), delivered, repeated, delivered_at, failed_at, failure FROM course";
    let row = |row: &rusqlite::Row<'_>| {
        Ok(Course {
            waiting: row.get(0)?,
            oldest: row.get(1)?,
            refused: row.get(2)?,
            delivered: row.get(3)?,
            repeated: row.get(4)?,
            delivered_at: row.get(5)?,
            failed_at: row.get(6)?,
            failure: row.get(7)?,
        })
    };
    connection.query_row(sql, [], row).doing("be read")
}

/// [`Outbox::base`]; 0 in an outbox of an earlier build, too.
pub(crate) fn base_of(connection: &Connection) -> rusqlite::Result<i64> {
    let made = "SELECT count(*) FROM sqlite_master WHERE name = 'restored'";
    if connection.query_row(made, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(0);
    }
    connection.query_row("SELECT coalesce(max(base), 0) FROM restored", [], |row| row.get(0))
}

/// Above every serial that may have been told, after a restore at this moment of the clock: the seconds since 1970, since
/// they are others after each restore, also of one backup. Where the clock is behind what was told, a jump.
fn new_base(at: i64, told: i64) -> i64 {
    const JUMP: i64 = 1_000_000;
    let seconds = at / 1_000_000_000;
    if seconds > told { seconds } else { told.saturating_add(JUMP) }
}

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
        self.next(i64::MIN, most)
    }

    /// The oldest messages that wait, of those after a number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn next(&self, after: i64, most: usize) -> Result<Vec<Waiting>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT number, accepted, text FROM waiting WHERE number > ?1 ORDER BY number LIMIT ?2",
            )
            .doing("be read")?;
        let row = |row: &rusqlite::Row<'_>| {
            Ok(Waiting { number: row.get(0)?, accepted: row.get(1)?, text: row.get(2)? })
        };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![after, most], row).doing("be read")?;
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

    /// What the receiver was told, of every subject.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn told(&self) -> Result<Vec<Told>, StoreError> {
        let mut statement =
            self.connection.prepare("SELECT subject, serial, open, digest FROM told").doing("be read")?;
        let row = |row: &rusqlite::Row<'_>| {
            Ok(Told { subject: row.get(0)?, serial: row.get(1)?, open: row.get(2)?, digest: row.get(3)? })
        };
        let rows = statement.query_map([], row).doing("be read")?;
        rows.collect::<rusqlite::Result<_>>().doing("be read")
    }

    /// Keeps messages, and what the receiver knows with them, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where more than [`WAITING_MAX`] messages would wait, [`StoreError::Full`] where the disk is;
    /// then nothing is kept.
    pub fn tell(&mut self, accepted: i64, tellings: &[Telling]) -> Result<(), StoreError> {
        let texts = tellings.iter().filter(|telling| telling.text.is_some()).count();
        let texts = i64::try_from(texts).unwrap_or(i64::MAX);
        if self.waiting.saturating_add(texts) > WAITING_MAX {
            return Err(StoreError::Refused(format!(
                "{WAITING_MAX} messages wait for their receiver already"
            )));
        }
        let doing = "keep messages";
        let transaction = self.connection.transaction().doing(doing)?;
        {
            let mut put = transaction
                .prepare_cached("INSERT INTO waiting (accepted, text) VALUES (?1, ?2)")
                .doing(doing)?;
            let mut remember = transaction
                .prepare_cached("INSERT OR REPLACE INTO told VALUES (?1, ?2, ?3, ?4)")
                .doing(doing)?;
            for Telling { told, text } in tellings {
                if let Some(text) = text {
                    put.execute(params![accepted, text]).doing(doing)?;
                }
                remember.execute(params![told.subject, told.serial, told.open, told.digest]).doing(doing)?;
            }
        }
        transaction.commit().doing(doing)?;
        self.waiting += texts;
        Ok(())
    }

    /// Subjects that are no more need not be remembered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn forget(&mut self, subjects: &[i64]) -> Result<(), StoreError> {
        let doing = "forget a subject";
        let transaction = self.connection.transaction().doing(doing)?;
        for subject in subjects {
            transaction.execute("DELETE FROM told WHERE subject = ?1", [subject]).doing(doing)?;
        }
        transaction.commit().doing(doing)
    }

    /// Whether the receiver never was told anything before; asked once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn start(&self) -> Result<bool, StoreError> {
        let start = "UPDATE course SET started = 1 WHERE started = 0";
        self.connection.execute(start, []).doing("start an outbox").map(|rows| rows == 1)
    }

    /// Up to which number messages were begun to be sent: those may arrive a second time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn begun(&self) -> Result<i64, StoreError> {
        let begun = self.connection.query_row("SELECT begun FROM course", [], |row| row.get(0));
        begun.doing("be read")
    }

    /// Messages up to this number are about to be sent; or were not, where it is the number before.
    ///
    /// # Errors
    /// [`StoreError`]; then they must not be sent.
    pub fn begin(&self, through: i64) -> Result<(), StoreError> {
        let begin = "UPDATE course SET begun = ?1";
        self.connection.execute(begin, [through]).doing("begin to send").map(drop)
    }

    /// Messages were delivered at a moment of the clock, `repeated` of them perhaps not for the first time: they go, in one
    /// transaction.
    ///
    /// # Errors
    /// [`StoreError`]; then they still wait.
    pub fn delivered_all(&mut self, numbers: &[i64], repeated: i64, at: i64) -> Result<(), StoreError> {
        let doing = "settle messages";
        let transaction = self.connection.transaction().doing(doing)?;
        let mut gone = 0;
        {
            let mut delete =
                transaction.prepare_cached("DELETE FROM waiting WHERE number = ?1").doing(doing)?;
            for number in numbers {
                gone += delete.execute([number]).doing(doing)?;
            }
        }
        let gone = i64::try_from(gone).unwrap_or(i64::MAX);
        transaction
            .execute(
                "UPDATE course SET delivered = delivered + ?1, repeated = repeated + ?2, delivered_at = ?3, \
                 failed_at = NULL, failure = NULL",
                params![gone, repeated, at],
            )
            .doing(doing)?;
        transaction.commit().doing(doing)?;
        self.waiting = self.waiting.saturating_sub(gone);
        Ok(())
    }

    /// Delivering failed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn failed(&self, why: &str, at: i64) -> Result<(), StoreError> {
        let note = "UPDATE course SET failed_at = ?1, failure = ?2";
        self.connection.execute(note, params![at, why]).doing("note a failure").map(drop)
    }

    /// Messages that were put aside wait again, in their old order. How many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn readmit(&mut self) -> Result<i64, StoreError> {
        let doing = "readmit messages";
        let transaction = self.connection.transaction().doing(doing)?;
        let again = transaction.execute("INSERT INTO waiting SELECT * FROM refused", []).doing(doing)?;
        transaction.execute("DELETE FROM refused", []).doing(doing)?;
        transaction.commit().doing(doing)?;
        let again = i64::try_from(again).unwrap_or(i64::MAX);
        self.waiting = self.waiting.saturating_add(again);
        Ok(again)
    }

    /// Messages about any subject have a serial above this one: what was told before the outbox was restored from a backup, and
    /// nobody here knows of, had lower ones.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn base(&self) -> Result<u32, StoreError> {
        let base = base_of(&self.connection).doing("be read")?;
        Ok(u32::try_from(base).unwrap_or(0))
    }

    /// Holds what a backup has of the outbox `name`, and nothing else, in one transaction; messages that wait, and that were
    /// refused. See [`crate::outbox_copy`] for what is changed on the way.
    pub(crate) fn fill(&mut self, copy: &Connection, name: &str, at: i64) -> Result<(i64, i64), StoreError> {
        let doing = "restore an outbox";
        let step = self.connection.transaction().doing(doing)?;
        let empty = "DELETE FROM waiting; DELETE FROM refused; DELETE FROM told; DELETE FROM restored;";
        step.execute_batch(empty).doing(doing)?;
        let mut counts = [0_i64; 2];
        let mut last = 0;
        for (count, table) in counts.iter_mut().zip(["waiting", "refused"]) {
            let select =
                format!("SELECT number, accepted, text FROM outbox_{table} WHERE name = ?1 ORDER BY number");
            let mut select = copy.prepare(&select).doing(doing)?;
            let mut insert =
                step.prepare(&format!("INSERT INTO {table} VALUES (?1, ?2, ?3)")).doing(doing)?;
            let mut rows = select.query([name]).doing(doing)?;
            while let Some(row) = rows.next().doing(doing)? {
                let parts = || -> rusqlite::Result<(i64, i64, Vec<u8>)> {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                };
                let (number, accepted, text) = parts().doing(doing)?;
                insert.execute(params![number, accepted, text]).doing(doing)?;
                last = last.max(number);
                *count += 1;
            }
        }
        let mut told = 0;
        {
            let mut select = copy
                .prepare("SELECT subject, serial, open, digest FROM outbox_told WHERE name = ?1")
                .doing(doing)?;
            let mut insert = step.prepare("INSERT INTO told VALUES (?1, ?2, ?3, ?4)").doing(doing)?;
            let mut rows = select.query([name]).doing(doing)?;
            while let Some(row) = rows.next().doing(doing)? {
                let parts = || -> rusqlite::Result<[i64; 4]> {
                    Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
                };
                let [subject, serial, open, digest] = parts().doing(doing)?;
                let digest = if open == 1 && serial > 0 { !digest } else { digest };
                insert.execute(params![subject, serial, open, digest]).doing(doing)?;
                told = told.max(serial);
            }
        }
        let select =
            "SELECT sequence, started, delivered, repeated, delivered_at, base FROM outbox WHERE name = ?1";
        let row = |row: &rusqlite::Row<'_>| -> rusqlite::Result<([i64; 4], Option<i64>, i64)> {
            Ok(([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?], row.get(4)?, row.get(5)?))
        };
        let ([sequence, started, delivered, repeated], delivered_at, base) =
            copy.query_row(select, [name], row).doing(doing)?;
        let through = sequence.max(last);
        step.execute("DELETE FROM sqlite_sequence WHERE name = 'waiting'", []).doing(doing)?;
        step.execute("INSERT INTO sqlite_sequence VALUES ('waiting', ?1)", [through]).doing(doing)?;
        step.execute("INSERT INTO restored VALUES (1, ?1)", [new_base(at, told.max(base))]).doing(doing)?;
        step.execute(
            "UPDATE course SET started = ?1, begun = ?2, delivered = ?3, repeated = ?4, delivered_at = ?5, \
             failed_at = NULL, failure = NULL",
            params![started, through, delivered, repeated, delivered_at],
        )
        .doing(doing)?;
        step.commit().doing(doing)?;
        let [waiting, refused] = counts;
        self.waiting = waiting;
        Ok((waiting, refused))
    }

    /// How it goes with the receiver.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn course(&self) -> Result<Course, StoreError> {
        course_of(&self.connection)
    }
}

/// The log of an outbox, to be carried into its database beside whoever fills and empties it.
///
/// Carrying waits for the disk; by a connection of its own nobody else does.
#[derive(Debug)]
pub struct OutboxLog {
    connection: Connection,
}

impl OutboxLog {
    /// Of the outbox in `folder`, which must be there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let doing = "open the outbox";
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(folder.join(DATABASE), flags).doing(doing)?;
        connection.pragma_update(None, "synchronous", "NORMAL").doing(doing)?;
        Ok(Self { connection })
    }

    /// Carries what is in the log and nobody reads.
    ///
    /// # Errors
    /// [`StoreError`]; then it stays in the log.
    pub fn carry(&self) -> Result<(), StoreError> {
        let row = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0).map(drop);
        self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], row).doing("carry the log")
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
    fn an_outbox_that_is_just_being_made_is_none_yet() {
        let folder = folder("begun");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(DATABASE), b"").unwrap();
        assert_eq!(course(&folder).unwrap(), None);
        drop(Outbox::open(&folder).unwrap());
        assert_eq!(course(&folder).unwrap(), Some(Course::default()));
        std::fs::remove_dir_all(&folder).unwrap();
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
    fn what_was_told_and_what_was_begun_outlive_the_process() {
        let folder = folder("told");
        let mut outbox = Outbox::open(&folder).unwrap();
        let told = |subject, serial| Told { subject, serial, open: true, digest: 7 };
        let telling = |subject, text: Option<&str>| Telling {
            told: told(subject, u32::from(text.is_some())),
            text: text.map(|text| text.as_bytes().to_vec()),
        };
        outbox.tell(5, &[telling(1, Some("a")), telling(-2, None), telling(3, Some("b"))]).unwrap();
        assert_eq!((outbox.start().unwrap(), outbox.start().unwrap()), (true, false));
        assert_eq!(outbox.begun().unwrap(), 0);
        outbox.begin(2).unwrap();
        outbox.delivered_all(&[1], 0, 9).unwrap();
        outbox.failed("no route", 11).unwrap();
        outbox.refused(2).unwrap();
        drop(outbox);
        let mut outbox = Outbox::open(&folder).unwrap();
        assert_eq!(outbox.told().unwrap(), [told(-2, 0), told(1, 1), told(3, 1)]);
        assert_eq!(outbox.begun().unwrap(), 2);
        let seen = course(&folder).unwrap().unwrap();
        assert_eq!((seen.waiting, seen.refused, seen.delivered, seen.delivered_at), (0, 1, 1, Some(9)));
        assert_eq!((seen.failed_at, seen.failure.as_deref()), (Some(11), Some("no route")));
        assert_eq!(outbox.readmit().unwrap(), 1);
        outbox.delivered_all(&[2], 1, 12).unwrap();
        outbox.forget(&[1]).unwrap();
        let seen = outbox.course().unwrap();
        assert_eq!((seen.delivered, seen.repeated, seen.failed_at, outbox.waiting()), (2, 1, None, 0));
        assert_eq!(outbox.told().unwrap(), [told(-2, 0), told(3, 1)]);
        assert_eq!(course(&folder.join("none")).unwrap(), None);
        // Carried into the database, the log begins again, and nothing of it is lost.
        let log = folder.join(format!("{DATABASE}-wal"));
        OutboxLog::open(&folder).unwrap().carry().unwrap();
        let before = std::fs::metadata(&log).unwrap().len();
        outbox.put("one", 1, b"m").unwrap();
        assert!(before > 0 && std::fs::metadata(&log).unwrap().len() == before, "the log grew");
        assert_eq!(outbox.waiting(), 1);
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
