//! Keeps the content of carried files under `--evidence DIR`.
//!
//! ```text
//! DIR/5f3a…9c            whole files, named by their SHA-256; equal files are kept once
//! DIR/part-000017        what was seen of a file that is not whole
//! DIR/files.txt          one line per file: name here, bytes, whole or part, kind, frames, path on the wire
//! ```
//!
//! Names never come from the wire, so no path in a capture can leave the folder. The content is as hostile
//! as the network it came from: files are written without execute permission, readable by the owner only.
//!
//! # Limits
//! [`FILE_BYTES_MAX`] per file and [`TOTAL_BYTES_MAX`] per run; what lies beyond is not kept and
//! [`Evidence::end`] says so.

use crate::exit::Failure;
use flow::Keeper;
use model::CarriedFile;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most bytes kept of one file. Our limit; a longer file is kept as a part.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 30;
/// Most bytes kept in one run. Our limit; files beyond it are not kept.
pub(crate) const TOTAL_BYTES_MAX: u64 = 8 << 30;
/// Most files open at once. Our limit; files that begin beyond it are not kept.
const OPEN_MAX: usize = 512;
/// Most files kept in one run. Our limit; files beyond it are not kept.
const FILES_MAX: usize = 100_000;

/// The keeper behind `--evidence`.
#[derive(Debug)]
pub(crate) struct Evidence {
    folder: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    open: BTreeMap<u64, Open>,
    /// Files of which nothing is kept, because a limit was reached when they began.
    refused: BTreeSet<u64>,
    lines: Vec<Line>,
    bytes: u64,
    left_out: u64,
    failure: Option<io::Error>,
}

#[derive(Debug)]
struct Open {
    file: File,
    path: PathBuf,
    cut: bool,
}

#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Line {
    first: model::Evidence,
    text: String,
}

impl Evidence {
    /// Makes the folder where it is not there.
    pub(crate) fn start(folder: &Path) -> Result<Self, Failure> {
        let failed = |cause| Failure::Write { what: format!("to the folder `{}`", folder.display()), cause };
        std::fs::create_dir_all(folder).map_err(failed)?;
        Ok(Self { folder: folder.to_owned(), kept: Mutex::default() })
    }

    /// Writes the list and says how many files were not kept.
    pub(crate) fn end(&self) -> Result<u64, Failure> {
        let mut kept = self.kept();
        if let Some(cause) = kept.failure.take() {
            return Err(Failure::Write { what: format!("to the folder `{}`", self.folder.display()), cause });
        }
        kept.lines.sort();
        kept.lines.dedup();
        crate::output::write_file(&self.folder.join("files.txt"), |to| {
            kept.lines.iter().try_for_each(|line| writeln!(to, "{}", line.text))
        })?;
        Ok(kept.left_out)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A thread that panicked while it held the lock left whole entries behind.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn write(&mut self, folder: &Path, file: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.refused.contains(&file) {
            return Ok(());
        }
        if !self.open.contains_key(&file) {
            let full =
                self.open.len() >= OPEN_MAX || self.lines.len() >= FILES_MAX || self.bytes >= TOTAL_BYTES_MAX;
            if full {
                self.left_out += 1;
                if self.refused.len() < FILES_MAX {
                    self.refused.insert(file);
                }
                return Ok(());
            }
            let path = folder.join(format!(".{file:016x}.part"));
            let opened = File::options().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
            self.open.insert(file, Open { file: opened, path, cut: false });
        }
        let Some(open) = self.open.get_mut(&file) else { return Ok(()) };
        let room = FILE_BYTES_MAX.saturating_sub(offset).min(TOTAL_BYTES_MAX.saturating_sub(self.bytes));
        let fits = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        open.cut |= fits < bytes.len();
        open.file.write_all_at(bytes.get(..fits).unwrap_or_default(), offset)?;
        self.bytes += fits as u64;
        Ok(())
    }

    fn close(&mut self, folder: &Path, file: u64, carried: &CarriedFile) -> io::Result<()> {
        self.refused.remove(&file);
        let Some(open) = self.open.remove(&file) else { return Ok(()) };
        let whole = carried.whole && !open.cut;
        let name = match carried.sha256.filter(|_| whole) {
            Some(digest) => digest.to_string(),
            None => format!("part-{}-{}", carried.first.capture, carried.first.frame),
        };
        std::fs::rename(&open.path, folder.join(&name))?;
        let state = if whole { "whole" } else { "part" };
        let (first, last) = (carried.first, carried.last);
        let path = carried.path.as_ref().map_or("-", |path| path.as_str());
        let text = format!(
            "{name}\t{}\t{state}\t{}\tcapture {} frames {}-{}\t{path}",
            carried.bytes, carried.kind, first.capture, first.frame, last.frame
        );
        self.lines.push(Line { first, text });
        Ok(())
    }
}

impl Keeper for Evidence {
    fn bytes(&self, file: u64, offset: u64, bytes: &[u8]) {
        let mut kept = self.kept();
        if kept.failure.is_none()
            && let Err(cause) = kept.write(&self.folder, file, offset, bytes)
        {
            kept.failure = Some(cause);
        }
    }

    fn end(&self, file: u64, carried: &CarriedFile) {
        let mut kept = self.kept();
        if kept.failure.is_none()
            && let Err(cause) = kept.close(&self.folder, file, carried)
        {
            kept.failure = Some(cause);
        }
    }
}
