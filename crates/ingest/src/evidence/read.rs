//! Reading the ring, also while it is written.

use super::segment::{self, Begin, SEGMENT_BYTES_MAX, Told};
use super::{Master, RingError, refused, segments, unlock};
use crate::format::Faults;
use model::{CaptureSummary, CaptureTime, Frame, LinkType};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// A ring, to read.
pub struct EvidenceReader {
    folder: PathBuf,
    master: Master,
    segments: Vec<Segment>,
}

/// A segment as it was when the ring was opened.
struct Segment {
    number: u64,
    path: PathBuf,
    bytes: u64,
}

/// What one process of a watch left in the ring.
#[derive(Clone, Debug)]
pub struct Run {
    id: [u8; 16],
    /// Name of the sensor, as its report names the capture.
    pub sensor: String,
    /// Names of its periods, as far as frames of them may be there.
    pub periods: BTreeSet<String>,
    /// When it began, by the clock.
    pub started: CaptureTime,
    /// What is there of it, and what is wrong with the ring.
    pub summary: CaptureSummary,
    /// Number of the last frame that was read.
    last: u64,
}

impl EvidenceReader {
    /// Opens the ring in `folder` with its passphrase.
    ///
    /// # Errors
    /// [`RingError`], which says what to do.
    pub fn open(folder: &Path, secret: &[u8]) -> Result<Self, RingError> {
        Self::list(folder, unlock(folder, secret, false)?)
    }

    /// With a key that was made before.
    pub(super) fn list(folder: &Path, master: Master) -> Result<Self, RingError> {
        let mut found = Vec::new();
        for (number, path) in segments(folder).map_err(refused("list", folder))? {
            // One that was deleted meanwhile was the oldest.
            if let Ok(about) = std::fs::metadata(&path) {
                found.push(Segment { number, path, bytes: about.len() });
            }
        }
        found.sort_by_key(|segment| segment.number);
        Ok(Self { folder: folder.to_owned(), master, segments: found })
    }

    /// What is in it, in order of its beginning on the disk.
    ///
    /// # Errors
    /// Where a segment cannot be read at all.
    pub fn runs(&self) -> Result<Vec<Run>, RingError> {
        let mut runs: Vec<(Run, Faults)> = Vec::new();
        // What is wrong before it is known whose it is belongs to the next that is.
        let (mut early, mut at) = (Vec::new(), None);
        self.walk(&mut |told| match told {
            Told::Begin(begin) => {
                let known = runs.iter().position(|(run, _)| run.id == begin.run);
                let index = known.unwrap_or_else(|| {
                    runs.push((Run::of(&begin), Faults::default()));
                    runs.len() - 1
                });
                at = Some(index);
                if let Some((run, faults)) = runs.get_mut(index) {
                    run.periods.insert(begin.period);
                    for (offset, what) in early.drain(..) {
                        faults.push(run.last, offset, what);
                    }
                }
            }
            Told::Flaw { offset, what } => match at.and_then(|at: usize| runs.get_mut(at)) {
                Some((run, faults)) => faults.push(run.last, offset, what),
                None => early.push((offset, what)),
            },
            Told::Segment => at = None,
            Told::Period(name) => {
                if let Some((run, _)) = at.and_then(|at| runs.get_mut(at)) {
                    run.periods.insert(name);
                }
            }
            Told::Frame(frame) => {
                if let Some((run, _)) = at.and_then(|at| runs.get_mut(at)) {
                    run.count(&frame);
                }
            }
        })?;
        // At the end of the ring there is none.
        if let Some((run, faults)) = runs.last_mut() {
            early.into_iter().for_each(|(offset, what)| faults.push(run.last, offset, what));
        }
        Ok(runs
            .into_iter()
            .map(|(mut run, faults)| {
                run.summary.faults = faults.list();
                run
            })
            .collect())
    }

    /// Hands out the frames of a run, in order.
    ///
    /// # Errors
    /// [`RingError::Moved`] where it is not what [`Self::runs`] said, or a segment cannot be read at all.
    pub fn read(&self, run: &Run, mut each: impl FnMut(&Frame<'_>)) -> Result<(), RingError> {
        let (mut is_it, mut frames) = (false, 0);
        self.walk(&mut |told| match told {
            Told::Segment => is_it = false,
            Told::Begin(begin) => is_it = begin.run == run.id,
            Told::Frame(frame) if is_it => {
                frames += 1;
                each(&frame);
            }
            Told::Frame(_) | Told::Period(_) | Told::Flaw { .. } => {}
        })?;
        if frames == run.summary.frames {
            Ok(())
        } else {
            Err(RingError::Moved { folder: self.folder.clone() })
        }
    }

    fn walk(&self, each: &mut dyn FnMut(Told<'_>)) -> Result<(), RingError> {
        let mut expected = None;
        let mut bytes = Vec::new();
        for Segment { number, path, bytes: length } in &self.segments {
            if let Some(expected) = expected.filter(|expected| expected < number) {
                let what = format!("segments {expected} to {} are missing", number - 1);
                each(Told::Flaw { offset: 0, what });
            }
            bytes.clear();
            match File::open(path) {
                Ok(file) => {
                    let limit = (*length).min(SEGMENT_BYTES_MAX);
                    file.take(limit).read_to_end(&mut bytes).map_err(refused("read", path))?;
                    if *length > SEGMENT_BYTES_MAX {
                        let what = format!(
                            "segment {number}: longer than {SEGMENT_BYTES_MAX} bytes, the rest is not read"
                        );
                        each(Told::Flaw { offset: SEGMENT_BYTES_MAX, what });
                    }
                    each(Told::Segment);
                    segment::read(&self.master, *number, &bytes, each);
                }
                // The ring went on, and it was the oldest.
                Err(cause) if cause.kind() == io::ErrorKind::NotFound && expected.is_none() => continue,
                Err(cause) => return Err(refused("read", path)(cause)),
            }
            expected = Some(number.saturating_add(1));
        }
        Ok(())
    }
}

impl Run {
    fn of(begin: &Begin) -> Self {
        let summary =
            CaptureSummary { name: begin.sensor.clone(), format: "ring", ..CaptureSummary::default() };
        Self {
            id: begin.run,
            sensor: begin.sensor.clone(),
            periods: BTreeSet::new(),
            started: begin.started,
            summary,
            last: 0,
        }
    }

    fn count(&mut self, frame: &Frame<'_>) {
        let CaptureSummary { frames, bytes, first, last, links, .. } = &mut self.summary;
        self.last = frame.number;
        *frames += 1;
        *bytes += frame.bytes.len() as u64;
        *first = Some(first.map_or(frame.time, |first| first.min(frame.time)));
        *last = Some(last.map_or(frame.time, |last| last.max(frame.time)));
        let link: LinkType = frame.link;
        if let Err(at) = links.binary_search(&link) {
            links.insert(at, link);
        }
    }
}
