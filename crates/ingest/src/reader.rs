//! One capture: its stream, its format, and what its summary will say.

use crate::CaptureError;
use crate::batch::FrameHead;
use crate::format::{Faults, Format, Found, HEADER_BYTES, Stop, looks_like};
use crate::stream::{Stream, read_some};
use model::{CaptureSummary, CaptureTime, Digest256, LinkType};
use std::io::{self, Read};

/// Whether a read waits until the buffer is full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Patience {
    /// A file: full buffers are cheapest.
    Full,
    /// A pipe: frames are handed on as they come.
    AsTheyCome,
}

/// A capture that is being read.
pub(crate) struct Reader {
    pub(crate) capture: u32,
    stream: Option<Stream>,
    format: Format,
    patience: Patience,
    /// Bytes that were read but not handed out: less than one unit.
    carry: Vec<u8>,
    /// Offset of the carry in the unpacked file.
    base: u64,
    /// Number of the next frame.
    number: u64,
    faults: Faults,
    times: Option<(i64, i64)>,
    links: Vec<LinkType>,
    compression: Option<&'static str>,
    bytes: u64,
    sha256: Option<Digest256>,
}

/// What is read and how.
pub(crate) struct Opening {
    pub(crate) name: String,
    pub(crate) from: Box<dyn Read + Send>,
    pub(crate) patience: Patience,
    pub(crate) hash: bool,
    pub(crate) window_log_max: u32,
}

impl Reader {
    /// Reads the header.
    ///
    /// # Errors
    /// When reading fails, nothing is there, or it is no capture.
    pub(crate) fn open(opening: Opening) -> Result<Self, CaptureError> {
        let path = opening.name;
        let mut stream = match Stream::new(opening.from, opening.hash, opening.window_log_max) {
            Ok(stream) => stream,
            Err(source) => return Err(CaptureError::Read { path, source }),
        };
        let mut carry = Vec::with_capacity(HEADER_BYTES);
        while carry.len() < HEADER_BYTES {
            let mut some = [0; HEADER_BYTES];
            let room = some.get_mut(carry.len()..).unwrap_or_default();
            match read_some(&mut stream, room) {
                Ok(0) => break,
                Ok(bytes) => carry.extend_from_slice(room.get(..bytes).unwrap_or_default()),
                // A format may show before the stream breaks; otherwise the cause is the answer.
                Err(source) if Format::recognise(&carry).is_err() => {
                    return Err(CaptureError::Read { path, source });
                }
                Err(_) => break,
            }
        }
        if carry.is_empty() {
            if stream.raw_bytes() == 0 {
                return Err(CaptureError::Empty { path });
            }
            return Err(CaptureError::NotACapture { path, found: looks_like(&carry) });
        }
        let (format, used) = match Format::recognise(&carry) {
            Ok(found) => found,
            Err(found) => return Err(CaptureError::NotACapture { path, found }),
        };
        carry.drain(..used);
        Ok(Self {
            capture: 0,
            compression: stream.compression(),
            stream: Some(stream),
            format,
            patience: opening.patience,
            carry,
            base: used as u64,
            number: 1,
            faults: Faults::default(),
            times: None,
            links: Vec::new(),
            bytes: 0,
            sha256: None,
        })
    }

    /// Reads the next frames into `bytes`, a buffer of about `size` bytes, and where they lie into `heads`.
    ///
    /// `bytes` keeps its length between calls, so that it is zeroed once only. False at the end.
    pub(crate) fn fill(&mut self, bytes: &mut Vec<u8>, heads: &mut Vec<FrameHead>, size: usize) -> bool {
        heads.clear();
        if self.stream.is_none() {
            return false;
        }
        if bytes.len() > size && self.carry.len() <= size {
            // An oversized frame is gone: give its memory back.
            bytes.truncate(size);
            bytes.shrink_to_fit();
        }
        bytes.resize(bytes.len().max(size).max(self.carry.len()), 0);
        let mut filled = self.carry.len();
        if let Some(front) = bytes.get_mut(..filled) {
            front.copy_from_slice(&self.carry);
        }
        self.carry.clear();
        let mut at = 0;
        loop {
            let ended = self.read_full(bytes, &mut filled);
            let here = bytes.get(..filled).unwrap_or_default();
            let mut found = Found {
                heads,
                faults: &mut self.faults,
                capture: self.capture,
                number: &mut self.number,
                base: self.base,
            };
            let (stopped, stop) = self.format.walk(here, at, &mut found);
            at = stopped;
            let need = match (stop, ended) {
                (Stop::Damaged(what), _) => {
                    return self.end(at, &format!("{what}; nothing after it was read"), heads);
                }
                (Stop::Need(need), None) => need,
                (Stop::Need(_), Some(Ok(()))) if at == filled && self.format.may_end() => {
                    self.finish();
                    break;
                }
                (Stop::Need(_), Some(Ok(()))) => {
                    let what =
                        format!("the file ends inside a record, of which {} bytes are there", filled - at);
                    return self.end(at, &what, heads);
                }
                (Stop::Need(_), Some(Err(error))) => {
                    return self.end(at, &format!("reading stopped: {error}"), heads);
                }
            };
            if !heads.is_empty() {
                self.carry.extend_from_slice(bytes.get(at..filled).unwrap_or_default());
                self.base += at as u64;
                break;
            }
            // No whole frame yet: move what is there to the front, and make room for what is missing.
            bytes.copy_within(at..filled, 0);
            self.base += at as u64;
            filled -= at;
            at = 0;
            bytes.resize(bytes.len().max(need), 0);
        }
        self.learn(heads);
        !heads.is_empty()
    }

    /// Reads until the buffer is full, or once from a pipe. What ended the stream, if anything did.
    fn read_full(&mut self, bytes: &mut [u8], filled: &mut usize) -> Option<io::Result<()>> {
        let stream = self.stream.as_mut()?;
        while let Some(room) = bytes.get_mut(*filled..)
            && !room.is_empty()
        {
            match read_some(stream, room) {
                Ok(0) => return Some(Ok(())),
                Ok(read) => *filled += read,
                Err(error) => return Some(Err(error)),
            }
            if self.patience == Patience::AsTheyCome {
                return None;
            }
        }
        None
    }

    /// Ends the capture with a fault at the next frame; what was found before it stands.
    #[cold]
    fn end(&mut self, at: usize, what: &str, heads: &[FrameHead]) -> bool {
        self.faults.push_last(self.number, self.base + at as u64, what.to_owned());
        self.finish();
        self.learn(heads);
        !heads.is_empty()
    }

    /// Nothing more is read from here; hash and size become known.
    fn finish(&mut self) {
        let Some(stream) = self.stream.take() else { return };
        self.bytes = stream.raw_bytes();
        match stream.finish() {
            Ok((bytes, sha256)) => (self.bytes, self.sha256) = (bytes, sha256),
            Err(error) => {
                let what = format!("the rest of the file could not be read: {error}");
                self.faults.push_last(self.number, self.base, what);
            }
        }
        let dropped = self.format.dropped();
        if dropped > 0 {
            let what = format!("the capturing side dropped {dropped} frames");
            self.faults.push_last(self.number - 1, self.base, what);
        }
    }

    fn learn(&mut self, heads: &[FrameHead]) {
        let mut link = None;
        for head in heads {
            let (first, last) = self.times.unwrap_or((head.time, head.time));
            self.times = Some((first.min(head.time), last.max(head.time)));
            if link != Some(head.link) {
                link = Some(head.link);
                if let Err(at) = self.links.binary_search(&head.link) {
                    self.links.insert(at, head.link);
                }
            }
        }
    }

    /// Bytes read as they lie on disk.
    pub(crate) fn raw_bytes(&self) -> u64 {
        self.stream.as_ref().map_or(self.bytes, Stream::raw_bytes)
    }

    /// Whether it came to its end.
    pub(crate) fn ended(&self) -> bool {
        self.stream.is_none()
    }

    /// What was seen so far; `size` is the size on disk where it is known.
    pub(crate) fn summary(&self, name: &str, size: Option<u64>, sha256: Option<Digest256>) -> CaptureSummary {
        CaptureSummary {
            name: name.to_owned(),
            sha256: self.sha256.or(sha256),
            format: self.format.name(),
            compression: self.compression,
            frames: self.number - 1,
            // A file that is still written to may be longer by now than when it was opened.
            bytes: size.unwrap_or(0).max(self.raw_bytes()),
            first: self.times.map(|(first, _)| CaptureTime::from_nanos(first)),
            last: self.times.map(|(_, last)| CaptureTime::from_nanos(last)),
            links: self.links.clone(),
            faults: self.faults.list(),
        }
    }
}
