//! A small reader of WFDB records, the format of PhysioNet.
//!
//! A record is a text header, signal files and annotation files. Read are the formats 8, 16, 24, 32, 61, 80, 160 and
//! 212, several samples per frame, and records of several segments with or without a layout.
//!
//! # Source
//! The WFDB manual pages header(5), signal(5) and annot(5), and what wfdb-python reads on the same files.

pub mod annotation;
pub mod header;
pub mod signal;

use crate::{Fault, bytes};
use header::Header;
use std::path::Path;

/// A signal of a record, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Wave {
    /// What the header calls it.
    pub name: String,
    /// Samples a second.
    pub rate_hz: f64,
    /// Codes per unit.
    pub gain: f64,
    /// Code of zero units.
    pub baseline: i32,
    /// Codes; `None` where nothing was recorded.
    pub codes: Vec<Option<i32>>,
}

/// A record, read whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What the header calls it.
    pub name: String,
    /// Signals; in a record of several segments those of the layout, or of the first segment.
    pub waves: Vec<Wave>,
}

/// Reads the record whose header is at `path` with the files beside it.
pub fn read(path: &Path) -> Result<Record, Fault> {
    let header = header(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    if header.segments.is_empty() {
        return Ok(Record { name: header.name.clone(), waves: waves(&header, folder)? });
    }
    let mut whole: Vec<Wave> = Vec::new();
    let mut filled = 0_u64;
    for segment in &header.segments {
        if segment.name != "~" {
            let part = self::header(&folder.join(format!("{}.hea", segment.name)))?;
            if whole.is_empty() {
                whole = part.signals.iter().map(|signal| wave(&part, signal)).collect();
            }
            if segment.samples > 0 {
                append(&mut whole, waves(&part, folder)?, filled, header.rate_hz);
            }
        }
        filled += segment.samples;
    }
    for wave in &mut whole {
        pad(wave, filled, header.rate_hz);
    }
    Ok(Record { name: header.name, waves: whole })
}

/// Puts the signals of a segment that starts at frame `start` where the whole record has signals of these names.
fn append(whole: &mut [Wave], part: Vec<Wave>, start: u64, frame_hz: f64) {
    for wave in part {
        if let Some(target) = whole.iter_mut().find(|target| target.name == wave.name) {
            target.rate_hz = wave.rate_hz;
            (target.gain, target.baseline) = (wave.gain, wave.baseline);
            pad(target, start, frame_hz);
            target.codes.extend(wave.codes);
        }
    }
}

/// Fills `wave` with what was not recorded up to frame `frames`.
fn pad(wave: &mut Wave, frames: u64, frame_hz: f64) {
    let length = (frames as f64 * wave.rate_hz / frame_hz).round() as usize;
    if length > wave.codes.len() && length <= SAMPLES_MAX {
        wave.codes.resize(length, None);
    }
}

/// Longest signal that is filled, in samples: two weeks at 125 Hz. Ours; a longer gap is left out.
pub const SAMPLES_MAX: usize = 1 << 27;

fn wave(header: &Header, signal: &header::Signal) -> Wave {
    Wave {
        name: signal.name.clone(),
        rate_hz: header.rate_hz * f64::from(signal.per_frame),
        gain: signal.gain,
        baseline: signal.baseline,
        codes: Vec::new(),
    }
}

fn header(path: &Path) -> Result<Header, Fault> {
    let text = bytes(path)?;
    Header::parse(&text).map_err(|why| Fault::Content { path: path.to_owned(), what: why.to_string() })
}

/// The signals of a record of one segment, with the signal files in `folder`.
fn waves(header: &Header, folder: &Path) -> Result<Vec<Wave>, Fault> {
    let mut waves: Vec<Wave> = Vec::new();
    let mut rest = header.signals.as_slice();
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|signal| signal.file == first.file).count();
        let (group, others) = rest.split_at(same);
        let path = folder.join(&first.file);
        let content = bytes(&path)?;
        let decoded = signal::decode(&content, group, header.samples)
            .map_err(|why| Fault::Content { path, what: why.to_string() })?;
        for (signal, codes) in group.iter().zip(decoded) {
            waves.push(Wave { codes, ..wave(header, signal) });
        }
        rest = others;
    }
    Ok(waves)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("lazaret-wfdb-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_record_of_segments_with_a_layout_and_a_gap_is_one_wave() {
        let folder = folder("segments");
        let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
        write("r.hea", b"r/4 1 125 8\nlay 0\n~ 2\na 3\nb 3\n");
        write("lay.hea", b"lay 1 125 0\n~ 0 86/mV 8 0 -128 0 0 II\n");
        write("a.hea", b"a 1 125 3\na.dat 80 86/mV 8 0 0 0 0 II\n");
        write("a.dat", &[129, 130, 0]);
        write("b.hea", b"b 1 125 3\nb.dat 80 67/mV 8 0 0 0 0 V\n");
        write("b.dat", &[129, 130, 131]);
        let record = read(&folder.join("r.hea")).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(record.waves.len(), 1);
        let expected = [None, None, Some(1), Some(2), None, None, None, None];
        assert_eq!(record.waves[0].codes, expected);
        assert_eq!((record.waves[0].gain, record.waves[0].rate_hz), (86.0, 125.0));
    }

    #[test]
    fn a_record_without_its_signal_file_says_which_one() {
        let folder = folder("missing");
        fs::write(folder.join("r.hea"), "r 1 360 3\nr.dat 212\n").unwrap();
        let fault = read(&folder.join("r.hea")).unwrap_err().to_string();
        fs::remove_dir_all(&folder).unwrap();
        assert!(fault.contains("r.dat"), "{fault}");
    }
}
