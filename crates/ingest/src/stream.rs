//! The bytes of one input: counted, hashed, and unpacked where they are compressed.
//!
//! Compression is told by content: gzip (`1f 8b`, several members) and zstd (`28 b5 2f fd`, several frames,
//! skippable frames). Unpacking is streamed, so a "decompression bomb" costs time, never memory: the caller
//! asks for as much as its buffer holds, and nothing is kept. There is no cap on the total, because a
//! legitimate capture may unpack to any size.
//!
//! # Limits
//! [`WINDOW_LOG_MAX`] bounds the memory of a zstd stream; gzip needs about 80 KiB.
//!
//! # Source
//! RFC 1952 §2.3.1, RFC 8878 §3.1.1 and §3.1.2.

use model::Digest256;
use sha2::{Digest, Sha256};
use std::io::{self, BufReader, Read};

/// Largest zstd window, as a power of two in bytes: 128 MiB, zstd's own default limit. A stream that needs
/// more (`zstd --long=28` and above) is a read error that says so.
pub const WINDOW_LOG_MAX: u32 = 27;
/// The same where many captures are open at once: 8 MiB, which all levels up to 19 keep to.
pub(crate) const WINDOW_LOG_MANY_MAX: u32 = 23;

/// Buffer between the file and an unpacker, in bytes.
const PACKED_BYTES: usize = 64 << 10;

/// The file as it lies on disk.
pub(crate) struct Raw {
    inner: Box<dyn Read + Send>,
    /// First bytes, read to tell the compression, that the next reads give again.
    again: Vec<u8>,
    hasher: Option<Sha256>,
    /// Bytes read so far.
    pub(crate) bytes: u64,
}

impl Raw {
    fn new(inner: Box<dyn Read + Send>, hash: bool) -> Self {
        Self { inner, again: Vec::new(), hasher: hash.then(Sha256::new), bytes: 0 }
    }

    /// Reads until `head` is full or the input ends; the next reads give these bytes again.
    fn peek(&mut self, head: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(room) = head.get_mut(filled..)
            && !room.is_empty()
        {
            match read_some(self, room)? {
                0 => break,
                bytes => filled += bytes,
            }
        }
        self.again = head.get(..filled).unwrap_or_default().to_vec();
        Ok(filled)
    }

    /// Reads to the end, so that hash and size are those of the whole file.
    fn drain(&mut self) -> io::Result<()> {
        let mut bytes = vec![0; PACKED_BYTES];
        while read_some(self, &mut bytes)? > 0 {}
        Ok(())
    }
}

impl Read for Raw {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.again.is_empty() {
            let bytes = self.again.len().min(into.len());
            for (to, from) in into.iter_mut().zip(self.again.drain(..bytes)) {
                *to = from;
            }
            return Ok(bytes);
        }
        let bytes = self.inner.read(into)?;
        self.bytes += bytes as u64;
        if let (Some(hasher), Some(new)) = (&mut self.hasher, into.get(..bytes)) {
            hasher.update(new);
        }
        Ok(bytes)
    }
}

/// A read that was interrupted by a signal is tried again.
pub(crate) fn read_some(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

#[expect(clippy::disallowed_types, reason = "this is the wrapper: reads are bounded by the caller's buffer")]
type Unzstd = zstd::stream::read::Decoder<'static, BufReader<Raw>>;

/// The bytes of one capture, unpacked.
pub(crate) enum Stream {
    Plain(Raw),
    Gzip(Box<flate2::bufread::MultiGzDecoder<BufReader<Raw>>>),
    Zstd(Box<Unzstd>),
}

impl Stream {
    /// Tells the compression by the first bytes of `inner`.
    ///
    /// # Errors
    /// When reading fails.
    pub(crate) fn new(inner: Box<dyn Read + Send>, hash: bool, window_log_max: u32) -> io::Result<Self> {
        let mut raw = Raw::new(inner, hash);
        let mut head = [0; 4];
        let filled = raw.peek(&mut head)?;
        Ok(match head {
            [0x1f, 0x8b, _, _] if filled >= 2 => {
                let packed = BufReader::with_capacity(PACKED_BYTES, raw);
                Self::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(packed)))
            }
            // A Zstandard frame, or a skippable frame as parallel writers put in front.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                let packed = BufReader::with_capacity(PACKED_BYTES, raw);
                let mut decoder = Unzstd::with_buffer(packed)?;
                decoder.window_log_max(window_log_max)?;
                Self::Zstd(Box::new(decoder))
            }
            _ => Self::Plain(raw),
        })
    }

    /// As the report calls it.
    pub(crate) fn compression(&self) -> Option<&'static str> {
        match self {
            Self::Plain(_) => None,
            Self::Gzip(_) => Some("gzip"),
            Self::Zstd(_) => Some("zstd"),
        }
    }

    /// Bytes read as they lie on disk.
    pub(crate) fn raw_bytes(&self) -> u64 {
        match self {
            Self::Plain(raw) => raw.bytes,
            Self::Gzip(decoder) => decoder.get_ref().get_ref().bytes,
            Self::Zstd(decoder) => decoder.get_ref().get_ref().bytes,
        }
    }

    /// Says how much was read and, where it is hashed, the hash of the whole, for which the rest is read.
    ///
    /// Without a hash the rest is left alone: after damage it could be large, or a pipe that never ends.
    ///
    /// # Errors
    /// When reading fails.
    pub(crate) fn finish(mut self) -> io::Result<(u64, Option<Digest256>)> {
        let raw = match &mut self {
            Self::Plain(raw) => raw,
            Self::Gzip(decoder) => decoder.get_mut().get_mut(),
            Self::Zstd(decoder) => decoder.get_mut().get_mut(),
        };
        if raw.hasher.is_some() {
            raw.drain()?;
        }
        let digest = raw.hasher.take().map(|hasher| Digest256(hasher.finalize().into()));
        Ok((raw.bytes, digest))
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(raw) => raw.read(into),
            Self::Gzip(decoder) => decoder.read(into),
            Self::Zstd(decoder) => decoder.read(into),
        }
    }
}

/// Hash of all that `from` gives.
///
/// # Errors
/// When reading fails.
pub(crate) fn hash_of(from: Box<dyn Read + Send>) -> io::Result<Digest256> {
    let mut raw = Raw::new(from, true);
    raw.drain()?;
    let hasher = raw.hasher.take().unwrap_or_default();
    Ok(Digest256(hasher.finalize().into()))
}
