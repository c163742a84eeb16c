//! The folder of a store: what lies in it, who may write, which version it has.
//!
//! ```text
//! DIR/README.txt                   what this is, for whoever finds it
//! DIR/lock                         held by the one process that writes; says which
//! DIR/store.sqlite, -wal, -shm     SQLite 3 in write-ahead mode
//! DIR/tls-cert.pem, tls-key.pem    of `lazaret serve`, where it made them
//! DIR/outputs/NAME/                the outbox of an output ([`crate::Outbox`])
//! DIR/uploads/                     captures that were sent to `lazaret serve` and wait
//! ```
//!
//! Everything is made for its owner alone. A process that is killed at any moment, even while it makes the store,
//! leaves a folder that the next one goes on with: the lock goes with its process, and SQLite takes back a
//! transaction that did not end.

use crate::error::{Doing as _, StoreError};
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Name of the database.
pub(crate) const DATABASE: &str = "store.sqlite";
const LOCK: &str = "lock";
const README: &str = "README.txt";
/// Longest that a writer waits for another, in milliseconds. Our limit; then [`StoreError::InUse`].
const LOCK_WAIT_MS_MAX: u64 = 5_000;
/// Time between two tries.
const LOCK_TRY_MS: u64 = 50;
/// Longest that a reader waits for SQLite's own short locks, in milliseconds.
const BUSY_MS_MAX: u64 = 5_000;
/// `LZRT`: says to everybody that this SQLite file is a store of Lazaret.
const APPLICATION_ID: i64 = 0x4C5A_5254;

/// Every version's change, oldest first: the n-th makes version n.
const MIGRATIONS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("console.sql"),
    include_str!("watch.sql"),
    include_str!("vault.sql"),
    include_str!("receipts.sql"),
];
/// The version this build knows.
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

const WORDS: &str = "\
This folder is a store of Lazaret: what scans found, what was done about it, and the log of that.

  lazaret findings --store .         what is open
  lazaret audit verify --store .     whether the log is whole
  lazaret store backup --store . --output FILE

Do not copy store.sqlite while something writes to it; `lazaret store backup` makes a copy that is whole.
";

/// Proof that this process is the one that writes; ends with it.
#[derive(Debug)]
pub(crate) struct Lock {
    #[expect(dead_code, reason = "the lock is held for as long as the file is open")]
    file: File,
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |cause| StoreError::Io { doing, path: path.to_owned(), cause }
}

/// Whether `folder` may be, or become, a store: it holds nothing but what a store holds.
fn holds_only_ours(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if ![LOCK, README].contains(&&*name) && !name.starts_with(DATABASE) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a folder is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Absent,
    /// Empty, or left by a process that was killed while it made the store.
    Begun,
    Store,
    Foreign,
}

fn state(folder: &Path) -> Result<State, StoreError> {
    match fs::metadata(folder) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(State::Absent),
        Err(cause) => return Err(failed("read the folder", folder)(cause)),
        Ok(about) if !about.is_dir() => return Ok(State::Foreign),
        Ok(_) => {}
    }
    let database = database(folder);
    if fs::metadata(&database).is_ok_and(|about| about.len() > 0) {
        return Ok(State::Store);
    }
    let ours = holds_only_ours(folder).map_err(failed("read the folder", folder))?;
    Ok(if ours { State::Begun } else { State::Foreign })
}

/// Opens a store for reading; any number may, also while one writes.
pub(crate) fn open_to_read(folder: &Path) -> Result<Connection, StoreError> {
    match state(folder)? {
        State::Absent | State::Begun => return Err(StoreError::Missing(folder.display().to_string())),
        State::Foreign => return Err(StoreError::Foreign(folder.to_owned())),
        State::Store => {}
    }
    let connection = connect(folder, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    match version(&connection, folder)? {
        0 => Err(StoreError::Missing(folder.display().to_string())),
        // Of an earlier version: what is asked may not be in it yet.
        found if found < VERSION => {
            drop(connection);
            drop(open_to_write(folder, IfMissing::Fail)?);
            open_to_read(folder)
        }
        _ => {
            connection.pragma_update(None, "query_only", true).doing("be opened for reading")?;
            Ok(connection)
        }
    }
}

/// Whether a writer makes a store where there is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IfMissing {
    /// It does.
    Make,
    /// It does not.
    Fail,
}

/// Opens a store for writing, which one process may at a time, and brings it to the version of this build.
pub(crate) fn open_to_write(folder: &Path, missing: IfMissing) -> Result<(Connection, Lock), StoreError> {
    match (state(folder)?, missing) {
        (State::Foreign, _) => return Err(StoreError::Foreign(folder.to_owned())),
        (State::Absent | State::Begun, IfMissing::Fail) => {
            return Err(StoreError::Missing(folder.display().to_string()));
        }
        (State::Absent, IfMissing::Make) => make_folder(folder)?,
        _ => {}
    }
    let lock = lock(folder)?;
    let readme = folder.join(README);
    if !readme.exists() {
        fs::write(&readme, WORDS).map_err(failed("write", &readme))?;
    }
    let database = database(folder);
    own(&database).map_err(failed("make", &database))?;
    let mut connection = connect(folder, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    prepare(&connection).doing("be opened for writing")?;
    migrate(&mut connection, folder)?;
    Ok((connection, lock))
}

/// Whether [`open_to_write`] would find something wrong with the folder itself; makes nothing.
pub(crate) fn check(folder: &Path) -> Result<(), StoreError> {
    match state(folder)? {
        State::Foreign => Err(StoreError::Foreign(folder.to_owned())),
        State::Absent | State::Begun => Ok(()),
        State::Store => {
            let connection = connect(folder, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            version(&connection, folder).map(drop)
        }
    }
}

pub(crate) fn make_folder(folder: &Path) -> Result<(), StoreError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed("make the folder", folder))
}

/// Makes the file for its owner alone; SQLite gives its companions the same mode.
pub(crate) fn own(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

pub(crate) fn lock(folder: &Path) -> Result<Lock, StoreError> {
    let path = folder.join(LOCK);
    let mut file = own(&path).map_err(failed("open", &path))?;
    for _ in 0..=LOCK_WAIT_MS_MAX / LOCK_TRY_MS {
        match file.try_lock() {
            Ok(()) => {
                // Who holds it is a courtesy to whoever waits; the lock itself is the kernel's.
                let told = file.set_len(0).and_then(|()| file.rewind());
                drop(told.and_then(|()| writeln!(file, "{}", std::process::id())));
                return Ok(Lock { file });
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(LOCK_TRY_MS)),
            Err(TryLockError::Error(cause)) => return Err(failed("lock", &path)(cause)),
        }
    }
    let mut said = String::new();
    drop(file.take(20).read_to_string(&mut said));
    let said = said.trim();
    let known = !said.is_empty() && said.bytes().all(|byte| byte.is_ascii_digit());
    let by = if known { format!(" (process {said})") } else { String::new() };
    Err(StoreError::InUse { path: folder.to_owned(), by })
}

fn connect(folder: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database(folder), flags).doing("be opened")?;
    connection.busy_timeout(Duration::from_millis(BUSY_MS_MAX)).doing("be opened")?;
    // A process that may not open files elsewhere must not need any.
    connection.pragma_update(None, "temp_store", "MEMORY").doing("be opened")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    // Before there is any page: what is deleted can be given back to the disk.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // A decision of the operator's is on the disk when the command ends, also if the power fails then.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What retention deletes is overwritten.
    connection.pragma_update(None, "secure_delete", true)
}

/// The version of the store; 0 where it was only begun.
fn version(connection: &Connection, folder: &Path) -> Result<i64, StoreError> {
    let number =
        |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).doing("be read");
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0)).doing("be read")?;
    match (application, version) {
        (0, 0) if tables == 0 => Ok(0),
        (APPLICATION_ID, found) if found <= VERSION => Ok(found),
        (APPLICATION_ID, found) => Err(StoreError::Newer { path: folder.to_owned(), found, known: VERSION }),
        _ => Err(StoreError::Foreign(folder.to_owned())),
    }
}

fn migrate(connection: &mut Connection, folder: &Path) -> Result<(), StoreError> {
    let from = version(connection, folder)?;
    for (migration, to) in MIGRATIONS.iter().zip(1..).filter(|(_, to)| *to > from) {
        let step = connection.transaction().doing("be brought to this version")?;
        step.execute_batch(migration).doing("be brought to this version")?;
        step.pragma_update(None, "application_id", APPLICATION_ID).doing("be brought to this version")?;
        step.pragma_update(None, "user_version", to).doing("be brought to this version")?;
        step.commit().doing("be brought to this version")?;
    }
    Ok(())
}

/// Whether the file at `path`, which is not in use, is a whole store that this build can read.
pub(crate) fn open_copy(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).doing("open the copy")?;
    if version(&connection, path)? == 0 {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    let said: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).doing("check the copy")?;
    if said == "ok" { Ok(connection) } else { Err(StoreError::Damaged(said)) }
}

/// The database of the store in `folder`.
pub(crate) fn database(folder: &Path) -> PathBuf {
    folder.join(DATABASE)
}
