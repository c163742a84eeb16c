//! Backup while others write, and restore into a new folder.
//!
//! A backup is one SQLite file, whole, of one moment, checked before it takes its name: pages, version, audit
//! chain. It holds everything the store holds, and the outboxes of outputs in tables beside it
//! ([`crate::outbox_copy`]), and deserves the same care.

use crate::audit::{self, Actor, Chain};
use crate::error::{Doing as _, StoreError};
use crate::folder::{self, IfMissing};
use crate::outbox_copy::{self, CopiedOutbox, Moment};
use rusqlite::Connection;
use rusqlite::backup::Backup;
use serde_json::json;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Pages copied at once. A writer waits at most for one such step.
const PAGES_AT_ONCE: i32 = 1024;
/// Time between two steps, in which others write.
const PAUSE: Duration = Duration::from_millis(1);

/// What a copy holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Copied {
    /// Size, in bytes.
    pub bytes: u64,
    /// Its audit chain, which holds.
    pub chain: Chain,
    /// Outboxes that came with it.
    pub outboxes: Vec<CopiedOutbox>,
}

/// Copies the store in `folder` to the file `to`, which must not be there.
///
/// # Errors
/// When there is no store, `to` is there or cannot be written, or the copy is not whole.
pub fn backup(folder: &Path, to: &Path) -> Result<Copied, StoreError> {
    let from = folder::open_to_read(folder)?;
    if to.exists() {
        return Err(StoreError::Refused(format!("`{}` is there already; name another file", to.display())));
    }
    let part = neighbour(to);
    // Before the store: what an outbox says was told, the store of the copy has.
    let moments = outbox_copy::moments(folder)?;
    let copied = copy(&from, &moments, &part).and_then(|copied| {
        fs::rename(&part, to).map_err(|cause| failed("name the copy", to, cause))?;
        Ok(copied)
    });
    if copied.is_err() {
        // The first failure is what counts; a part that cannot be removed is only litter.
        drop(fs::remove_file(&part));
    }
    copied
}

/// Makes a store in `folder`, which must not hold one, of the backup `from`.
///
/// # Errors
/// When the backup is not a whole store or its audit chain is broken, or `folder` holds something.
pub fn restore(folder: &Path, from: &Path, actor: &Actor) -> Result<Copied, StoreError> {
    let source = folder::open_copy(from)?;
    holds(&source)?;
    if let Ok(there) = folder::open_to_read(folder) {
        is_new(&there, folder)?;
    }
    // Made and locked as any store is; what is in it then is replaced as a whole. One without an entry is new, or
    // was left by a restore that was killed.
    let (mut store, _lock) = folder::open_to_write(folder, IfMissing::Make)?;
    is_new(&store, folder)?;
    // The outboxes first: a restore that is killed is begun anew as long as the store is new, and makes them anew.
    let outboxes = outbox_copy::bring(&source, folder, actor.at)?;
    pages(&source, &mut store)?;
    let chain = holds(&store)?;
    let waiting: Vec<_> = outboxes
        .iter()
        .map(|one| json!({ "name": one.name, "waiting": one.waiting, "refused": one.refused }))
        .collect();
    let detail = json!({ "entries": chain.entries, "hash": chain.hash, "outboxes": waiting });
    let step = store.transaction().doing("restore")?;
    outbox_copy::take_out(&step)?;
    audit::append(&step, actor, "restore", "store", &detail)?;
    step.commit().doing("restore")?;
    let bytes = fs::metadata(from).map_err(|cause| failed("read", from, cause))?.len();
    Ok(Copied { bytes, chain, outboxes })
}

fn is_new(store: &Connection, folder: &Path) -> Result<(), StoreError> {
    if audit::verify(store, Chain::default(), None)?.entries == 0 {
        return Ok(());
    }
    let folder = folder.display();
    Err(StoreError::Refused(format!("there is a store at `{folder}`; restore into a new folder")))
}

fn copy(from: &Connection, moments: &[Moment], part: &Path) -> Result<Copied, StoreError> {
    // Made for its owner alone; what stands there is of an earlier run of this process id.
    drop(fs::remove_file(part));
    let file = folder::own(part).map_err(|cause| failed("make", part, cause))?;
    let mut to = Connection::open(part).doing("make the copy")?;
    pages(from, &mut to)?;
    // One file, without companions.
    to.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())).doing("finish the copy")?;
    let outboxes = outbox_copy::keep(moments, &mut to)?;
    drop(to);
    let checked = folder::open_copy(part)?;
    let chain = holds(&checked)?;
    file.sync_all().map_err(|cause| failed("write", part, cause))?;
    let bytes = file.metadata().map_err(|cause| failed("read", part, cause))?.len();
    Ok(Copied { bytes, chain, outboxes })
}

fn pages(from: &Connection, to: &mut Connection) -> Result<(), StoreError> {
    let backup = Backup::new(from, to).doing("copy")?;
    backup.run_to_completion(PAGES_AT_ONCE, PAUSE, None).doing("copy")
}

/// The chain of a copy, where it holds.
fn holds(copy: &Connection) -> Result<Chain, StoreError> {
    let chain = audit::verify(copy, Chain::default(), None)?;
    match &chain.broken {
        None => Ok(chain),
        Some(broken) => Err(StoreError::Damaged(format!("audit log, entry {}: {}", broken.seq, broken.what))),
    }
}

fn failed(doing: &'static str, path: &Path, cause: io::Error) -> StoreError {
    StoreError::Io { doing, path: path.to_owned(), cause }
}

fn neighbour(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}
