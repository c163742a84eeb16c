//! A run over several inputs.

use crate::batch::{BATCH_BYTES, Batch};
use crate::error::CaptureError;
use crate::expand::{Candidate, Source, expand, name_of};
use crate::merge::{Merge, Slot};
use crate::reader::{Opening, Reader};
use crate::stream::{WINDOW_LOG_MANY_MAX, WINDOW_LOG_MAX, hash_of};
use model::{CaptureSummary, Digest256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Files open at once unless [`Options::open_max`] says otherwise. Our limit, a quarter of the usual limit of
/// open files of a process (1024). With more inputs than this, each is opened when its first frame is due, so
/// any number of files of a rotating capture can be read; one that would exceed the limit even so is rejected
/// with [`CaptureError::TooManyOpen`].
pub const OPEN_MAX: usize = 256;

/// Up to this many captures may each use [`WINDOW_LOG_MAX`] for a zstd window.
const WIDE_WINDOWS_MAX: usize = 4;

/// One thing the operator named.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Input {
    /// A file, or a folder to be searched.
    Path(PathBuf),
    /// Standard input, named `-`.
    Stdin,
}

impl Input {
    /// As named on a command line: `-` is standard input.
    #[must_use]
    pub fn from_argument(argument: &Path) -> Self {
        if argument.as_os_str() == "-" { Self::Stdin } else { Self::Path(argument.to_owned()) }
    }
}

/// How a run reads.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether to hash each file (SHA-256) on the way. Captures of equal name are then hashed once before, to
    /// be put in order; without hashes these are ordered by size and then by path.
    pub hash: bool,
    /// Files open at once, at least 1; see [`OPEN_MAX`].
    pub open_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { hash: true, open_max: OPEN_MAX }
    }
}

/// How far a run is, in bytes as they lie on disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Progress {
    /// Read so far.
    pub read: u64,
    /// In all; `None` where an input is a stream.
    pub total: Option<u64>,
}

/// An input that was wholly unreadable.
#[derive(Debug)]
pub struct Rejected {
    /// File name without folders.
    pub name: String,
    /// Why, and what to do.
    pub error: CaptureError,
}

/// A named stream, for [`Captures::from_readers`].
pub type NamedReader = (String, Box<dyn Read + Send>);

/// One run over several inputs.
pub struct Captures {
    merge: Merge,
    rejected: Vec<Rejected>,
    skipped: Vec<PathBuf>,
    order: u64,
}

/// A candidate that is a capture, on its way to its place in the order.
struct Accepted {
    candidate: Candidate,
    reader: Option<Reader>,
    first_time: i64,
    sha256: Option<Digest256>,
}

impl Captures {
    /// Opens all inputs: expands folders (recursively, by content, not by name), sets the order of captures.
    ///
    /// What cannot be read goes to [`Self::rejected`]; files of a folder that are no captures go to
    /// [`Self::skipped`]. A file named twice is read once.
    ///
    /// # Errors
    /// When nothing was named, or standard input twice.
    pub fn open(inputs: &[Input], options: &Options) -> Result<Self, CaptureError> {
        let expanded = expand(inputs)?;
        let mut captures = Self::new(expanded.candidates, expanded.rejected, options);
        for (folder, range) in expanded.folders {
            let rejected_inside = captures.rejected.iter().any(|rejected| match &rejected.error {
                CaptureError::Open { path, .. } | CaptureError::Read { path, .. } => {
                    Path::new(path).starts_with(&folder)
                }
                _ => false,
            });
            let inside = captures.merge.slots.iter().any(|slot| match &slot.candidate.source {
                Source::Path(path) => path.starts_with(&folder),
                Source::Once(_) => false,
            });
            if !inside && !rejected_inside {
                let path = folder.display().to_string();
                let found = format!("a folder of {} files, none of them a capture", range.len());
                let error = CaptureError::NotACapture { path, found };
                captures.rejected.push(Rejected { name: name_of(&folder), error });
            }
        }
        Ok(captures)
    }

    /// The same over streams, each with the name the report gives it. Streams of equal name keep their order.
    #[must_use]
    pub fn from_readers(readers: Vec<NamedReader>, options: &Options) -> Self {
        let candidates = readers
            .into_iter()
            .map(|(name, from)| Candidate {
                name,
                source: Source::Once(Some(from)),
                size: None,
                found: false,
            })
            .collect();
        Self::new(candidates, Vec::new(), options)
    }

    fn new(candidates: Vec<Candidate>, rejected: Vec<Rejected>, options: &Options) -> Self {
        let many = candidates.len() > options.open_max.max(1);
        let few = candidates.len() <= WIDE_WINDOWS_MAX;
        let window_log_max = if few { WINDOW_LOG_MAX } else { WINDOW_LOG_MANY_MAX };
        let mut run = Self {
            merge: Merge::new(options.hash, options.open_max.max(1), window_log_max),
            rejected,
            skipped: Vec::new(),
            order: 0,
        };
        let mut accepted = Vec::new();
        for candidate in candidates {
            accepted.extend(run.accept(candidate, options.hash, many));
        }
        sort(&mut accepted, options.hash);
        let slots = accepted
            .into_iter()
            .map(|each| Slot::new(each.candidate, each.reader, each.first_time, each.sha256));
        run.merge.start(slots.collect());
        run
    }

    /// Reads the header of a candidate, and where it will be opened again later, the time of its first frame.
    fn accept(&mut self, mut candidate: Candidate, hash: bool, many: bool) -> Option<Accepted> {
        let name = candidate.shown();
        let opened = candidate
            .open()
            .map_err(|source| CaptureError::Open { path: name.clone(), source })
            .and_then(|(from, patience)| {
                // A pipe cannot be opened again, whatever its name.
                let later = many && candidate.size.is_some();
                let hash = hash && !later;
                let window_log_max = self.merge.window_log_max;
                let mut reader = Reader::open(Opening { name, from, patience, hash, window_log_max })?;
                if !later {
                    return Ok((Some(reader), i64::MIN));
                }
                let (mut bytes, mut heads) = (Vec::new(), Vec::new());
                reader.fill(&mut bytes, &mut heads, PEEK_BYTES);
                Ok((None, heads.first().map_or(i64::MIN, |head| head.time)))
            });
        match opened {
            Ok((reader, first_time)) => Some(Accepted { candidate, reader, first_time, sha256: None }),
            Err(CaptureError::NotACapture { .. } | CaptureError::Empty { .. }) if candidate.found => {
                if let Source::Path(path) = candidate.source {
                    self.skipped.push(path);
                }
                None
            }
            Err(error) => {
                self.rejected.push(Rejected { name: candidate.name, error });
                None
            }
        }
    }

    /// Fills `batch` with the next frames in merged order; false when all inputs are at their end.
    pub fn fill(&mut self, batch: &mut Batch) -> bool {
        batch.first_order = self.order;
        let more = self.merge.fill(batch, BATCH_BYTES, &mut self.rejected);
        self.order += batch.len() as u64;
        more
    }

    /// How far the run is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let slots = &self.merge.slots;
        Progress {
            read: slots.iter().map(Slot::raw_bytes).sum(),
            total: slots.iter().map(|slot| slot.candidate.size).sum(),
        }
    }

    /// Inputs that were wholly unreadable (exit status 3), in the order they were met.
    #[must_use]
    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }

    /// Files of named folders that are no captures.
    #[must_use]
    pub fn skipped(&self) -> &[PathBuf] {
        &self.skipped
    }

    /// Captures in the run.
    #[must_use]
    pub fn len(&self) -> usize {
        self.merge.slots.len()
    }

    /// Whether nothing that was named is a capture.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.merge.slots.is_empty()
    }

    /// What was read of each capture, in order; complete after [`Self::fill`] has returned false.
    pub fn summaries(&mut self) -> Vec<CaptureSummary> {
        self.merge.slots.iter().map(Slot::summary).collect()
    }
}

/// What is read of a file to learn when it starts, in bytes.
const PEEK_BYTES: usize = 32 << 10;

/// Puts captures in the order of the report: by name, then by hash.
fn sort(accepted: &mut [Accepted], hash: bool) {
    accepted.sort_by(|a, b| a.candidate.name.cmp(&b.candidate.name));
    if hash {
        let same = |a: &Accepted, b: &Accepted| a.candidate.name == b.candidate.name;
        for group in accepted.chunk_by_mut(same).filter(|group| group.len() > 1) {
            for each in group {
                if let Source::Path(path) = &each.candidate.source
                    && each.candidate.size.is_some()
                {
                    // What cannot be read now will be a fault when it is read; here it only sorts first.
                    each.sha256 = File::open(path).ok().and_then(|file| hash_of(Box::new(file)).ok());
                }
            }
        }
    }
    accepted.sort_by(|a, b| key(a).cmp(&key(b)));
}

fn key(of: &Accepted) -> (&str, Option<[u8; 32]>, Option<u64>, Option<&Path>) {
    let path = match &of.candidate.source {
        Source::Path(path) => Some(path.as_path()),
        Source::Once(_) => None,
    };
    (&of.candidate.name, of.sha256.map(|digest| digest.0), of.candidate.size, path)
}
