//! From what the operator named to what is opened.

use crate::CaptureError;
use crate::captures::{Input, Rejected};
use crate::reader::Patience;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Where a capture's bytes come from.
pub(crate) enum Source {
    /// A file, which can be opened again.
    Path(PathBuf),
    /// A stream, which cannot; taken at the first opening.
    Once(Option<Box<dyn Read + Send>>),
}

/// Something that may be a capture.
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) source: Source,
    /// Size on disk, where it is a regular file.
    pub(crate) size: Option<u64>,
    /// Found in a folder, so that it is no error if it is no capture.
    pub(crate) found: bool,
}

impl Candidate {
    /// Opens it.
    ///
    /// # Errors
    /// When the file cannot be opened, or a stream was taken before.
    pub(crate) fn open(&mut self) -> io::Result<(Box<dyn Read + Send>, Patience)> {
        let patience = if self.size.is_some() { Patience::Full } else { Patience::AsTheyCome };
        match &mut self.source {
            Source::Path(path) => Ok((Box::new(File::open(path)?), patience)),
            Source::Once(from) => match from.take() {
                Some(from) => Ok((from, patience)),
                None => Err(io::Error::other("a stream can be read only once")),
            },
        }
    }

    /// As errors name it.
    pub(crate) fn shown(&self) -> String {
        match &self.source {
            Source::Path(path) => path.display().to_string(),
            Source::Once(_) => self.name.clone(),
        }
    }
}

/// All candidates of a run.
#[derive(Default)]
pub(crate) struct Expanded {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) rejected: Vec<Rejected>,
    /// Folders that were named, with how many candidates stood before and after each.
    pub(crate) folders: Vec<(PathBuf, std::ops::Range<usize>)>,
    /// Files seen, by canonical path: one named twice is read once.
    seen: BTreeSet<PathBuf>,
}

/// Expands folders, and leaves out what was named before.
///
/// # Errors
/// When nothing was named, or standard input twice.
pub(crate) fn expand(inputs: &[Input]) -> Result<Expanded, CaptureError> {
    let mut expanded = Expanded::default();
    if inputs.is_empty() {
        return Err(CaptureError::NoInput);
    }
    let mut stdin = 0;
    for input in inputs {
        match input {
            Input::Path(path) => expanded.add(path),
            Input::Stdin => {
                stdin += 1;
                let source = Source::Once(Some(Box::new(io::stdin())));
                expanded.candidates.push(Candidate {
                    name: "-".to_owned(),
                    source,
                    size: None,
                    found: false,
                });
            }
        }
    }
    if stdin > 1 {
        return Err(CaptureError::StdinTwice);
    }
    Ok(expanded)
}

impl Expanded {
    fn add(&mut self, path: &Path) {
        match fs::metadata(path) {
            Err(source) => self.reject(path, source),
            Ok(about) if about.is_dir() => {
                let start = self.candidates.len();
                self.add_folder(path);
                self.folders.push((path.to_owned(), start..self.candidates.len()));
            }
            Ok(about) => self.add_file(path, &about, false),
        }
    }

    /// Walks a folder in the order of names. Links to folders are not followed, so there are no loops.
    fn add_folder(&mut self, folder: &Path) {
        let mut waiting = vec![folder.to_owned()];
        while let Some(path) = waiting.pop() {
            let is_link = fs::symlink_metadata(&path).is_ok_and(|about| about.is_symlink());
            match fs::metadata(&path) {
                Err(source) => self.reject(&path, source),
                Ok(about) if about.is_dir() && is_link && path != folder => {}
                Ok(about) if about.is_dir() => match sorted(&path) {
                    Ok(mut inside) => {
                        inside.reverse();
                        waiting.append(&mut inside);
                    }
                    Err(source) => self.reject(&path, source),
                },
                // Opening a pipe or device that happens to lie in a folder could block for ever.
                Ok(about) if about.is_file() => self.add_file(&path, &about, true),
                Ok(_) => {}
            }
        }
    }

    fn add_file(&mut self, path: &Path, about: &fs::Metadata, found: bool) {
        let canonical = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if !self.seen.insert(canonical) {
            return;
        }
        let size = about.is_file().then_some(about.len());
        let source = Source::Path(path.to_owned());
        self.candidates.push(Candidate { name: name_of(path), source, size, found });
    }

    fn reject(&mut self, path: &Path, source: io::Error) {
        let error = CaptureError::Open { path: path.display().to_string(), source };
        self.rejected.push(Rejected { name: name_of(path), error });
    }
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut inside = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    inside.sort();
    Ok(inside)
}

/// The last part of a path, as the report names a capture.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
