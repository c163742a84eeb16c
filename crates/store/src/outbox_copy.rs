//! Outboxes in a backup: what waits for receivers, what they refused, and what they were told, in tables beside the store's.
//!
//! # What "at least once" means after a restore
//! A backup shows a moment; a receiver has lived on. So that nothing is lost and nothing is doubled in silence, an outbox
//! that is restored
//!
//! * sends what waited then with the mark of what may have arrived before (`begun` is set to the last number),
//! * counts what it tells from now on from a higher number ([`crate::Outbox::base`]), since the ids of messages hold that
//!   number: a receiver that drops ids it knows would otherwise drop what is new,
//! * tells of each finding that the receiver knows as open once more how it stands, since it may have been told of later
//!   changes that the restored store has not (the digest of what was told is changed, so that it fits nothing).
//!
//! The outboxes are read before the store, each in one transaction: what they say was told, the store of the backup has. A
//! message that is put while the store is copied is told again after a restore, with an id of its own.

use crate::error::{Doing as _, StoreError};
use crate::outbox::{DATABASE, Outbox};
use rusqlite::{Connection, OpenFlags, params};
use std::collections::BTreeSet;
use std::path::Path;

/// Folder of the outboxes in that of the store.
pub(crate) const FOLDER: &str = "outputs";
/// Longest name of an outbox, in bytes: that of an output.
const NAME_BYTES_MAX: usize = 40;
/// Outboxes in one backup. Our limit, far above what a site has; a backup with more is refused.
const OUTBOXES_MAX: usize = 1000;

const DROP: &str = "
DROP TABLE IF EXISTS outbox;
DROP TABLE IF EXISTS outbox_waiting;
DROP TABLE IF EXISTS outbox_refused;
DROP TABLE IF EXISTS outbox_told;
";
const MAKE: &str = "
CREATE TABLE outbox (
  name TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL,
  started INTEGER NOT NULL,
  delivered INTEGER NOT NULL,
  repeated INTEGER NOT NULL,
  delivered_at INTEGER,
  base INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE outbox_waiting (
  name TEXT NOT NULL,
  number INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  text BLOB NOT NULL
) STRICT;
CREATE TABLE outbox_refused (
  name TEXT NOT NULL,
  number INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  text BLOB NOT NULL
) STRICT;
CREATE TABLE outbox_told (
  name TEXT NOT NULL,
  subject INTEGER NOT NULL,
  serial INTEGER NOT NULL,
  open INTEGER NOT NULL,
  digest INTEGER NOT NULL
) STRICT;
";

/// What a backup or a restored store has of one outbox.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CopiedOutbox {
    /// Name of the output.
    pub name: String,
    /// Messages that wait.
    pub waiting: i64,
    /// Messages that were refused.
    pub refused: i64,
}

/// An outbox as it was at one moment, for as long as this lives.
pub(crate) struct Moment {
    name: String,
    connection: Connection,
}

/// Whether an output can have this name; nothing else becomes part of a path.
fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.starts_with('-') && name.bytes().all(fits)
}

/// The outboxes of the store in `folder`, each at one moment.
pub(crate) fn moments(folder: &Path) -> Result<Vec<Moment>, StoreError> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder.join(FOLDER)).into_iter().flatten().flatten() {
        if let Some(name) = entry.file_name().to_str().filter(|name| is_name(name)) {
            names.insert(name.to_owned());
        }
    }
    let mut moments = Vec::new();
    for name in names {
        let path = folder.join(FOLDER).join(&name).join(DATABASE);
        if !path.is_file() {
            continue;
        }
        let doing = "open an outbox";
        // As `course` does: reading needs the companions, which only one who may write can make.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).doing(doing)?;
        connection.busy_timeout(crate::outbox::BUSY).doing(doing)?;
        connection.execute_batch("BEGIN").doing(doing)?;
        // The first look is what the moment is of; an outbox that was only begun has no tables.
        let tables = connection.query_row(
            "SELECT count(*) FROM sqlite_master WHERE name IN ('waiting', 'refused', 'told', 'course')",
            [],
            |row| row.get::<_, i64>(0),
        );
        if tables.doing(doing)? == 4 {
            moments.push(Moment { name, connection });
        }
    }
    Ok(moments)
}

/// Writes outboxes into a copy of the store.
pub(crate) fn keep(moments: &[Moment], copy: &mut Connection) -> Result<Vec<CopiedOutbox>, StoreError> {
    let doing = "copy an outbox";
    let step = copy.transaction().doing(doing)?;
    step.execute_batch(DROP).doing(doing)?;
    step.execute_batch(MAKE).doing(doing)?;
    let mut kept = Vec::new();
    for Moment { name, connection } in moments {
        let mut counts = [0_i64; 2];
        for (count, table) in counts.iter_mut().zip(["waiting", "refused"]) {
            *count = messages(connection, &step, name, table).doing(doing)?;
        }
        told(connection, &step, name).doing(doing)?;
        let sequence = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'waiting'";
        let sequence: i64 = connection.query_row(sequence, [], |row| row.get(0)).doing(doing)?;
        let base = crate::outbox::base_of(connection).doing(doing)?;
        let course = "SELECT started, delivered, repeated, delivered_at FROM course";
        let row = |row: &rusqlite::Row<'_>| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, i64>(2)?,
                row.get::<_, Option<i64>>(3)?,
            ))
        };
        let (started, delivered, repeated, at) = connection.query_row(course, [], row).doing(doing)?;
        step.execute(
            "INSERT INTO outbox VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![name, sequence, started, delivered, repeated, at, base],
        )
        .doing(doing)?;
        let [waiting, refused] = counts;
        kept.push(CopiedOutbox { name: name.clone(), waiting, refused });
    }
    step.commit().doing(doing)?;
    Ok(kept)
}

fn messages(from: &Connection, to: &Connection, name: &str, table: &str) -> rusqlite::Result<i64> {
    let mut insert = to.prepare(&format!("INSERT INTO outbox_{table} VALUES (?1, ?2, ?3, ?4)"))?;
    let mut select = from.prepare(&format!("SELECT number, accepted, text FROM {table} ORDER BY number"))?;
    let mut rows = select.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let (number, accepted): (i64, i64) = (row.get(0)?, row.get(1)?);
        insert.execute(params![name, number, accepted, row.get_ref(2)?.as_blob()?])?;
        count += 1;
    }
    Ok(count)
}

fn told(from: &Connection, to: &Connection, name: &str) -> rusqlite::Result<()> {
    let mut insert = to.prepare("INSERT INTO outbox_told VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut select = from.prepare("SELECT subject, serial, open, digest FROM told")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let numbers: [i64; 4] = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?];
        let [subject, serial, open, digest] = numbers;
        insert.execute(params![name, subject, serial, open, digest])?;
    }
    Ok(())
}

/// Makes the outboxes of a backup in `folder`, at a moment of the clock. One that an earlier restore left half way is made
/// anew.
pub(crate) fn bring(copy: &Connection, folder: &Path, at: i64) -> Result<Vec<CopiedOutbox>, StoreError> {
    let mut brought = Vec::new();
    for name in names(copy)? {
        if !is_name(&name) {
            return Err(StoreError::Damaged(format!("an outbox is called {name:?}, which no output can be")));
        }
        if brought.len() >= OUTBOXES_MAX {
            return Err(StoreError::Damaged(format!("it has more than {OUTBOXES_MAX} outboxes")));
        }
        let mut outbox = Outbox::open(&folder.join(FOLDER).join(&name))?;
        let (waiting, refused) = outbox.fill(copy, &name, at)?;
        brought.push(CopiedOutbox { name, waiting, refused });
    }
    Ok(brought)
}

/// Takes what [`keep`] wrote out of a store.
pub(crate) fn take_out(store: &Connection) -> Result<(), StoreError> {
    store.execute_batch(DROP).doing("restore")
}

/// Names of the outboxes in a backup; none in one that was made before there were any.
fn names(copy: &Connection) -> Result<Vec<String>, StoreError> {
    let doing = "be read";
    let made = copy.query_row("SELECT count(*) FROM sqlite_master WHERE name = 'outbox'", [], |row| {
        row.get::<_, i64>(0)
    });
    if made.doing(doing)? == 0 {
        return Ok(Vec::new());
    }
    let mut select = copy.prepare("SELECT name FROM outbox ORDER BY name").doing(doing)?;
    let rows = select.query_map([], |row| row.get(0)).doing(doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(doing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{Telling, Told};
    use std::path::PathBuf;

    fn place(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("lazaret-outbox-copy-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn told(subject: i64, serial: u32, open: bool) -> Told {
        Told { subject, serial, open, digest: 7 }
    }

    fn telling(told: Told, text: &str) -> Telling {
        Telling { told, text: Some(text.as_bytes().to_vec()) }
    }

    /// A copy that holds the outboxes of `folder`.
    fn copied(folder: &Path) -> (Connection, Vec<CopiedOutbox>) {
        let mut copy = Connection::open_in_memory().unwrap();
        let kept = keep(&moments(folder).unwrap(), &mut copy).unwrap();
        (copy, kept)
    }

    const NOW: i64 = 1_790_000_000_000_000_000;

    #[test]
    fn what_waited_comes_back_marked_and_what_is_new_is_told_with_higher_numbers() {
        let folder = place("back");
        let mut outbox = Outbox::open(&folder.join(FOLDER).join("siem")).unwrap();
        assert!(outbox.start().unwrap());
        let tellings =
            [telling(told(1, 1, true), "a"), telling(told(2, 3, false), "b"), telling(told(3, 1, true), "c")];
        outbox.tell(5, &tellings).unwrap();
        outbox
            .tell(6, &[Telling { told: told(4, 0, true), text: None }, telling(told(5, 1, true), "d")])
            .unwrap();
        outbox.delivered_all(&[1], 0, 9).unwrap();
        outbox.refused(2).unwrap();
        // While the outbox is open, and a folder that is none beside it.
        std::fs::create_dir_all(folder.join(FOLDER).join("empty")).unwrap();
        std::fs::create_dir_all(folder.join(FOLDER).join("No Name")).unwrap();
        let (copy, kept) = copied(&folder);
        assert_eq!(kept, [CopiedOutbox { name: "siem".to_owned(), waiting: 2, refused: 1 }]);
        let other = place("again");
        assert_eq!(bring(&copy, &other, NOW).unwrap(), kept);
        // Again, as after a restore that was killed: the same.
        assert_eq!(bring(&copy, &other, NOW).unwrap(), kept);
        let mut back = Outbox::open(&other.join(FOLDER).join("siem")).unwrap();
        let texts: Vec<_> = back.oldest(9).unwrap().into_iter().map(|one| (one.number, one.text)).collect();
        assert_eq!(texts, [(3, b"c".to_vec()), (4, b"d".to_vec())]);
        assert_eq!((back.begun().unwrap(), back.course().unwrap().delivered), (4, 1));
        assert!(!back.start().unwrap(), "it is not told anew what a receiver knows");
        // Open ones that were told fit nothing any more; others are as they were.
        let digests: Vec<i64> = back.told().unwrap().iter().map(|told| told.digest).collect();
        assert_eq!(digests, [!7, 7, !7, 7, !7]);
        assert_eq!(back.base().unwrap(), 1_790_000_000);
        // What is put now is no repeat, and finds its place behind what was refused.
        back.tell(10, &[telling(told(9, 1, true), "e")]).unwrap();
        assert_eq!(back.readmit().unwrap(), 1);
        let numbers: Vec<i64> = back.oldest(9).unwrap().into_iter().map(|one| one.number).collect();
        assert_eq!(numbers, [2, 3, 4, 5]);
        assert!(back.begun().unwrap() < 5);
        drop(back);
        // Restored again, by a clock that stands where it stood long ago: the numbers still go on.
        let (copy, _) = copied(&other);
        let third = place("third");
        bring(&copy, &third, 0).unwrap();
        let base = Outbox::open(&third.join(FOLDER).join("siem")).unwrap().base().unwrap();
        assert_eq!(base, 1_791_000_000);
        for folder in [folder, other, third] {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }

    #[test]
    fn a_copy_without_outboxes_brings_none_and_one_that_leads_elsewhere_is_damaged() {
        let folder = place("odd");
        let mut copy = Connection::open_in_memory().unwrap();
        assert_eq!(bring(&copy, &folder, NOW).unwrap(), []);
        keep(&[], &mut copy).unwrap();
        for name in ["../evil", "", "UP", "-x", "a/b"] {
            copy.execute("INSERT INTO outbox VALUES (?1, 0, 0, 0, 0, NULL, 0)", [name]).unwrap();
            assert!(matches!(bring(&copy, &folder, NOW), Err(StoreError::Damaged(_))), "{name}");
            copy.execute("DELETE FROM outbox", []).unwrap();
        }
        take_out(&copy).unwrap();
        assert_eq!(names(&copy).unwrap(), [] as [String; 0]);
        assert!(!folder.join("evil").exists());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
