//! Keeps the content of carried files under `--evidence DIR`.
//!
//! ```text
//! DIR/5f3a…9c            whole files, named by their SHA-256; equal files are kept once
//! DIR/part-1-17-204      what was seen of a file that is not whole: capture, first and last frame
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
        // Files that never ended were lost by a parser that gave up: nothing is known of them.
        for (_, open) in std::mem::take(&mut kept.open) {
            drop(std::fs::remove_file(open.path));
            kept.left_out += 1;
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
            None => free_name(folder, carried),
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

/// A name for a part; two files of the same frames (several in one unit) get different ones.
fn free_name(folder: &Path, carried: &CarriedFile) -> String {
    let (first, last) = (carried.first, carried.last);
    let name = format!("part-{}-{}-{}", first.capture, first.frame, last.frame);
    let again = (2..=OPEN_MAX).map(|n| format!("{name}-{n}"));
    let mut names = std::iter::once(name.clone()).chain(again);
    names.find(|name| !folder.join(name).exists()).unwrap_or(name)
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

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ContentKind, Digest256, Mover, Text};

    fn carried(path: &str, whole: bool, first: u64) -> CarriedFile {
        CarriedFile {
            path: Some(Text::from(path)),
            mover: Mover::Fetched,
            bytes: 6,
            whole,
            sha256: whole.then_some(Digest256([0xAB; 32])),
            kind: ContentKind::Script,
            first: model::Evidence { capture: 0, frame: first },
            last: model::Evidence { capture: 0, frame: first + 1 },
        }
    }

    fn folder(test: &str) -> PathBuf {
        std::env::temp_dir().join(format!("lazaret-evidence-{test}-{}", std::process::id()))
    }

    #[test]
    fn whole_files_are_named_by_their_hash_and_never_by_the_wire() {
        let folder = folder("names");
        let evidence = Evidence::start(&folder).unwrap();
        evidence.bytes(1, 3, b"def");
        evidence.bytes(1, 0, b"abc");
        Keeper::end(&evidence, 1, &carried("../../etc/passwd", true, 7));
        evidence.bytes(2, 0, b"abc");
        Keeper::end(&evidence, 2, &carried("/pm/monitor", false, 3));
        evidence.bytes(3, 0, b"xyz");
        Keeper::end(&evidence, 3, &carried("/pm/update", false, 3));
        assert_eq!(evidence.end().unwrap(), 0);
        let mut names: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let whole = "ab".repeat(32);
        assert_eq!(names, [whole.as_str(), "files.txt", "part-0-3-4", "part-0-3-4-2"]);
        assert_eq!(std::fs::read(folder.join(&whole)).unwrap(), b"abcdef");
        let list = std::fs::read_to_string(folder.join("files.txt")).unwrap();
        assert!(list.lines().last().unwrap().ends_with("capture 0 frames 7-8\t../../etc/passwd"), "{list}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_beyond_the_limit_of_open_files_is_counted_and_not_kept() {
        let folder = folder("open");
        let evidence = Evidence::start(&folder).unwrap();
        for file in 0..=OPEN_MAX as u64 {
            evidence.bytes(file, 0, b"a");
        }
        // One was refused; the others never ended.
        assert_eq!(evidence.end().unwrap(), 1 + OPEN_MAX as u64);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
