//! Reading what was kept.

use super::{
    ArchiveError, FRAMES, HEADER_BYTES, Header, INTERFACE, Key, RECORD_BYTES_MAX, Seal, check, segments, take,
};
use model::{CaptureSummary, CaptureTime, Fault, Frame, LinkType};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// A folder of segments, to read.
#[derive(Debug)]
pub struct Archive {
    key: Key,
    runs: Vec<Run>,
}

/// What one run of a sensor kept.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its interface, and what is left of it: faults say where a segment breaks off.
    pub summary: CaptureSummary,
    segments: Vec<PathBuf>,
}

/// What a segment told, beside its frames.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) interface: String,
    /// Where it breaks off, and why.
    pub(super) broken: Option<(u64, &'static str)>,
}

impl Archive {
    /// Reads all segments once: which runs there are, and what they hold.
    ///
    /// # Errors
    /// When the folder or a segment cannot be read, or a segment was written under another key.
    pub fn open(folder: &Path, key: Key) -> Result<Self, ArchiveError> {
        let mut runs: BTreeMap<u64, ([u8; 16], Run)> = BTreeMap::new();
        for (serial, path) in segments(folder)? {
            let Some(header) = header_of(&path)? else { continue };
            let known = runs.iter().find(|(_, (run, _))| *run == header.run).map(|(first, _)| *first);
            let place = known.unwrap_or(serial);
            let (_, run) = runs.entry(place).or_insert_with(|| {
                let summary = CaptureSummary { format: "ring", ..CaptureSummary::default() };
                (header.run, Run { summary, segments: Vec::new() })
            });
            let summary = &mut run.summary;
            let told = read(&path, &key, 0, &mut |frame| count(summary, frame))?;
            if let Some((offset, why)) = told.broken {
                let what = format!("segment {serial:x} of the ring breaks off at byte {offset}: {why}");
                summary.faults.push(Fault { frame: summary.frames, offset, what });
            }
            summary.name = told.interface;
            summary.bytes += path.metadata().map_or(0, |meta| meta.len());
            run.segments.push(path);
        }
        Ok(Self { key, runs: runs.into_values().map(|(_, run)| run).collect() })
    }

    /// The runs, oldest first.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Hands out the frames of a run in order, as those of capture number `capture`.
    ///
    /// # Errors
    /// When a segment cannot be read any more: it may have given way to a new one.
    pub fn read(
        &self,
        run: &Run,
        capture: u32,
        each: &mut dyn FnMut(&Frame<'_>),
    ) -> Result<(), ArchiveError> {
        for path in &run.segments {
            read(path, &self.key, capture, each)?;
        }
        Ok(())
    }
}

fn count(summary: &mut CaptureSummary, frame: &Frame<'_>) {
    summary.frames += 1;
    let time = frame.time;
    summary.first = Some(summary.first.map_or(time, |first: CaptureTime| first.min(time)));
    summary.last = Some(summary.last.map_or(time, |last: CaptureTime| last.max(time)));
    if !summary.links.contains(&frame.link) {
        summary.links.push(frame.link);
        summary.links.sort_by_key(LinkType::to_string);
    }
}

/// The header of a segment; `None` where a kill left less than that.
fn header_of(path: &Path) -> Result<Option<Header>, ArchiveError> {
    let failed = |cause| ArchiveError::File { what: "read", path: path.to_owned(), cause };
    let mut file = match File::open(path) {
        // It gave way since it was listed.
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed)?,
    };
    let mut bytes = [0; HEADER_BYTES];
    match file.read_exact(&mut bytes) {
        Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read.map_err(failed)?,
    }
    let none = || ArchiveError::NotASegment { path: path.to_owned() };
    Header::read(&bytes).map(Some).ok_or_else(none)
}

fn read(
    path: &Path,
    key: &Key,
    capture: u32,
    each: &mut dyn FnMut(&Frame<'_>),
) -> Result<Told, ArchiveError> {
    let failed = |cause| ArchiveError::File { what: "read", path: path.to_owned(), cause };
    let file = File::open(path).map_err(failed)?;
    segment(&mut BufReader::new(file), key, capture, each).map_err(|refused| match refused {
        Refused::Read(cause) => failed(cause),
        Refused::OtherKey => ArchiveError::OtherKey { path: path.to_owned() },
        Refused::NotASegment => ArchiveError::NotASegment { path: path.to_owned() },
    })
}

/// Why nothing of a segment can be read.
#[derive(Debug)]
pub(super) enum Refused {
    Read(io::Error),
    OtherKey,
    NotASegment,
}

/// Reads one segment to its end, or to where it breaks off.
pub(super) fn segment(
    from: &mut dyn Read,
    key: &Key,
    capture: u32,
    each: &mut dyn FnMut(&Frame<'_>),
) -> Result<Told, Refused> {
    let mut header = [0; HEADER_BYTES];
    if fill(from, &mut header).map_err(Refused::Read)? < HEADER_BYTES {
        return Err(Refused::NotASegment);
    }
    let header = Header::read(&header).ok_or(Refused::NotASegment)?;
    if check(key, &header.salt) != header.check {
        return Err(Refused::OtherKey);
    }
    let seal = Seal::new(key, &header);
    let (mut told, mut at) = (Told::default(), HEADER_BYTES as u64);
    let mut sealed = Vec::new();
    for record in 0.. {
        let mut length = [0; 4];
        let there = fill(from, &mut length).map_err(Refused::Read)?;
        if there == 0 {
            break;
        }
        let bytes = u32::from_le_bytes(length) as usize;
        if there < length.len() || bytes > RECORD_BYTES_MAX {
            let why = if there < length.len() { "cut inside a record" } else { "not a record" };
            told.broken = Some((at, why));
            break;
        }
        sealed.resize(bytes, 0);
        if fill(from, &mut sealed).map_err(Refused::Read)? < bytes {
            told.broken = Some((at, "cut inside a record"));
            break;
        }
        let Some(plain) = seal.opened(record, &sealed) else {
            told.broken = Some((at, "a record was changed"));
            break;
        };
        match plain.split_first() {
            Some((&INTERFACE, name)) => {
                told.interface = String::from_utf8(name.get(2..).unwrap_or_default().to_vec()).unwrap_or_default();
            }
            Some((&FRAMES, mut rest)) => {
                while let Some(frame) = take(&mut rest, capture) {
                    each(&frame);
                }
            }
            // Of a later version.
            _ => {}
        }
        at += 4 + bytes as u64;
    }
    Ok(told)
}

/// Reads until `to` is full or nothing comes any more; how much did.
fn fill(from: &mut dyn Read, to: &mut [u8]) -> io::Result<usize> {
    let mut there = 0;
    while let Some(rest) = to.get_mut(there..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(bytes) => there += bytes,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(there)
}
