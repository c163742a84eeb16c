//! Bodies: framed by a length, in chunks, or by the end of the connection; streamed, never kept.
//!
//! A body is told as a carried file exactly as it is transferred: a content coding (`gzip`) is not undone, a
//! multipart body is one file.
//!
//! # Wire format
//! ```text
//! chunked:  size in hexadecimal [;extensions] CRLF | bytes CRLF | … | 0 CRLF | trailer fields… | CRLF
//! ```
//!
//! # Source
//! RFC 9112 §6.3 (which framing), §7.1 (chunks).

use super::head::HEAD_BYTES_MAX;
use crate::{ContentId, ContentPart, Gap, Sink, Step};
use model::{Malformed, Reason};

/// Longest line that starts a chunk, in bytes. Our limit; a longer one is malformed.
const CHUNK_LINE_BYTES_MAX: usize = 1024;

/// How a body ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Framing {
    /// After this many more bytes.
    Length(u64),
    /// In chunks; before a chunk's first line.
    ChunkLine,
    /// In chunks; this many bytes of the chunk are left.
    Chunk(u64),
    /// In chunks; before the line end after a chunk's bytes.
    ChunkEnd,
    /// In chunks; among the trailer fields.
    Trailer,
    /// With the connection.
    UntilClose,
}

/// Whether a body goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum After {
    /// It does.
    More,
    /// That was its end; a head follows.
    Over,
}

/// A file a body carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct CarriedBody {
    pub(super) id: ContentId,
    /// A range of a file, which ends without the file being over.
    pub(super) partial: bool,
}

/// A body being read.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) framing: Framing,
    /// Offset in the file of the next byte.
    pub(super) offset: u64,
    /// The file, if it is told as one.
    pub(super) file: Option<CarriedBody>,
}

impl Body {
    /// Reads on at the front of `input`.
    ///
    /// # Errors
    /// [`Malformed`] when the chunk framing is broken.
    pub(super) fn step(&mut self, input: &[u8], out: &mut dyn Sink) -> Result<(Step, After), Malformed> {
        match self.framing {
            Framing::Length(left) => {
                let step = self.bytes(left, input, out);
                let left = left.saturating_sub(passed(step));
                self.framing = Framing::Length(left);
                Ok((step, if left == 0 { self.over(out) } else { After::More }))
            }
            Framing::Chunk(left) => {
                let step = self.bytes(left, input, out);
                let left = left.saturating_sub(passed(step));
                self.framing = if left == 0 { Framing::ChunkEnd } else { Framing::Chunk(left) };
                Ok((step, After::More))
            }
            Framing::UntilClose => Ok((self.bytes(u64::MAX, input, out), After::More)),
            Framing::ChunkLine => self.chunk_line(input, out),
            Framing::ChunkEnd => {
                let line_end = match input {
                    [b'\n', ..] => 1,
                    [b'\r', b'\n', ..] => 2,
                    [b'\r'] => return Ok((Step::Need(2), After::More)),
                    _ => return Err(Malformed { field: "chunk end", offset: 0, reason: Reason::NotText }),
                };
                self.framing = Framing::ChunkLine;
                Ok((Step::Done(line_end), After::More))
            }
            Framing::Trailer => {
                let Some(end) = line_end(input, HEAD_BYTES_MAX, "trailer")? else {
                    return Ok((Step::Need(input.len() + 1), After::More));
                };
                let line = input.get(..end).unwrap_or_default();
                let empty = line.trim_ascii().is_empty();
                out.conceal(0..line.trim_ascii_end().len());
                Ok((Step::Done(end), if empty { self.over(out) } else { After::More }))
            }
        }
    }

    fn chunk_line(&mut self, input: &[u8], out: &mut dyn Sink) -> Result<(Step, After), Malformed> {
        const FIELD: &str = "chunk-size";
        let Some(end) = line_end(input, CHUNK_LINE_BYTES_MAX, FIELD)? else {
            return Ok((Step::Need(input.len() + 1), After::More));
        };
        let line = input.get(..end).unwrap_or_default();
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let hexadecimal = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
        let size = std::str::from_utf8(digits).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
        let Some(size) = size.filter(|_| hexadecimal) else {
            return Err(Malformed { field: FIELD, offset: 0, reason: Reason::NotText });
        };
        // Extensions after the size.
        let sized = memchr::memchr(b';', line).unwrap_or(line.len());
        out.conceal(sized..line.trim_ascii_end().len().max(sized));
        self.framing = if size == 0 { Framing::Trailer } else { Framing::Chunk(size) };
        Ok((Step::Done(end), After::More))
    }

    /// Bytes of the file, at most `left`; passed over unseen where nobody wants them.
    fn bytes(&mut self, left: u64, input: &[u8], out: &mut dyn Sink) -> Step {
        let Some(file) = self.file else { return Step::Skip(left) };
        let bytes = usize::try_from(left).map_or(input, |left| input.get(..left).unwrap_or(input));
        out.content(file.id, ContentPart::Bytes { offset: self.offset, bytes });
        self.offset = self.offset.saturating_add(bytes.len() as u64);
        Step::Done(bytes.len())
    }

    fn over(&self, out: &mut dyn Sink) -> After {
        self.end(End::Whole, out);
        After::Over
    }

    /// The file is over.
    pub(super) fn end(&self, end: End, out: &mut dyn Sink) {
        if let Some(CarriedBody { id, partial: false }) = self.file {
            out.content(id, ContentPart::End { complete: end == End::Whole });
        }
    }

    /// `bytes` bytes are missing here. `None` when the place is lost.
    pub(super) fn gap(&mut self, bytes: u64, out: &mut dyn Sink) -> Option<(Gap, After)> {
        let left = match self.framing {
            Framing::Length(left) | Framing::Chunk(left) => left,
            Framing::UntilClose => u64::MAX,
            _ => 0,
        };
        if let Some(file) = self.file
            && left > 0
        {
            out.content(file.id, ContentPart::Missing { offset: self.offset, bytes: bytes.min(left) });
        }
        if bytes > left {
            self.end(End::Cut, out);
            return None;
        }
        self.offset = self.offset.saturating_add(bytes);
        let left = left - bytes;
        match &mut self.framing {
            Framing::Length(rest) => *rest = left,
            Framing::Chunk(_) if left == 0 => self.framing = Framing::ChunkEnd,
            Framing::Chunk(rest) => *rest = left,
            _ => {}
        }
        let over = self.framing == Framing::Length(0);
        Some((Gap::Resume, if over { self.over(out) } else { After::More }))
    }
}

/// Whether the whole body came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// As far as its framing tells.
    Whole,
    /// No.
    Cut,
}

fn passed(step: Step) -> u64 {
    match step {
        Step::Done(bytes) => bytes as u64,
        Step::Skip(bytes) => bytes,
        _ => 0,
    }
}

/// Offset after the first line end; `None` while there is none.
fn line_end(input: &[u8], bytes_max: usize, field: &'static str) -> Result<Option<usize>, Malformed> {
    let end = memchr::memchr(b'\n', input).map(|at| at + 1);
    let bytes = end.unwrap_or(input.len());
    if bytes > bytes_max {
        let reason = Reason::OutsideRange { value: bytes as u64, min: 0, max: bytes_max as u64 };
        return Err(Malformed { field, offset: 0, reason });
    }
    Ok(end)
}
