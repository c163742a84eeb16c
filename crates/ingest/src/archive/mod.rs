//! Frames kept on disk for a while, encrypted, so that the evidence of a later finding can be cut from them.
//!
//! A folder of segments, of which the oldest give way: to a limit of size, to a limit of age, and to a disk that gets
//! full. Nothing in the folder tells the key: it is given to whoever writes and to whoever reads.
//!
//! ```text
//! frames-0000000000000012.ring
//!
//! | "LZRING01" | salt 32 | key check 16 | run 16 | serial 8 |          in clear, 80 bytes
//! | length 4 | ciphertext of `length` bytes, its tag of 16 in it |     records, again and again
//!
//! inside a record   0 | length 2 | name of the interface               the first of each segment
//!                   1 | frames: number 8 | time 8 | link 2 | original 4 | captured 4 | bytes
//! ```
//! Numbers are little-endian. Each segment has a key of its own, HMAC-SHA256 of the master key over a label and the
//! segment's salt; records are sealed with ChaCha20-Poly1305 under their number as nonce, with the segment's header and
//! the record's length as associated data. So records cannot be changed, exchanged, or moved to another segment; what
//! can be done is to cut a segment's end off, which a process that is killed does as well.
//!
//! # What is lost
//! A record is written with one call. A process that is killed leaves whole records and perhaps a part of one, which is
//! passed over. Losing power can lose what the system had not written yet: segments are synced when they are full.
//!
//! # Limits
//! [`RECORD_BYTES_MAX`], [`SEGMENTS_MAX`].
//!
//! # Source
//! RFC 8439 (ChaCha20-Poly1305), RFC 2104 (HMAC).

mod reader;
mod writer;

pub use reader::{Archive, Run};
pub use writer::{Keeping, Limits, RESERVE_BYTES_MAX, Writer};

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hmac::{Hmac, Mac as _};
use model::{CaptureTime, Frame, LinkType};
use sha2::Sha256;
use std::io;
use std::path::PathBuf;

/// Longest record, in bytes as it is sealed. Our limit: a record holds what was read together, and one frame more.
pub const RECORD_BYTES_MAX: usize = 2 << 20;
/// Most segments of a folder. Our limit; above it the oldest give way whatever their size.
pub const SEGMENTS_MAX: usize = 4_096;

const MAGIC: &[u8; 8] = b"LZRING01";
const HEADER_BYTES: usize = 80;
const TAG_BYTES: usize = 16;
const FRAME_HEADER_BYTES: usize = 26;
const INTERFACE: u8 = 0;
const FRAMES: u8 = 1;

/// Why a ring cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The folder or a file in it refuses.
    #[error("cannot {what} `{}`", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// Written under another key.
    #[error("`{}` was written under another key", path.display())]
    OtherKey {
        /// The segment.
        path: PathBuf,
    },
    /// Not a segment.
    #[error("`{}` is no segment of a ring of this version", path.display())]
    NotASegment {
        /// The file.
        path: PathBuf,
    },
    /// The system gives no randomness.
    #[error("the system gives no randomness for a key")]
    Random(#[source] getrandom::Error),
}

/// The master key, which no file of the folder holds.
#[derive(Clone)]
pub struct Key(Box<[u8]>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// Of secret bytes; the caller sees to it that they are many enough.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(secret.into())
    }

    fn derived(&self, label: &[u8], salt: &[u8; 32]) -> [u8; 32] {
        // HMAC takes keys of any length, so this cannot fail; an empty key would be visible as such in tests.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return [0; 32] };
        mac.update(label);
        mac.update(salt);
        mac.finalize().into_bytes().into()
    }
}

/// The header of a segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Header {
    salt: [u8; 32],
    check: [u8; 16],
    run: [u8; 16],
    serial: u64,
}

impl Header {
    fn new(key: &Key, salt: [u8; 32], run: [u8; 16], serial: u64) -> Self {
        Self { salt, check: check(key, &salt), run, serial }
    }

    fn bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let parts = [&MAGIC[..], &self.salt, &self.check, &self.run, &self.serial.to_le_bytes()];
        for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }

    fn read(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (salt, rest) = rest.split_first_chunk::<32>()?;
        let (check, rest) = rest.split_first_chunk::<16>()?;
        let (run, rest) = rest.split_first_chunk::<16>()?;
        let serial = u64::from_le_bytes(*rest.first_chunk()?);
        (magic == MAGIC).then_some(Self { salt: *salt, check: *check, run: *run, serial })
    }
}

/// Tells a wrong key before a record is tried.
fn check(key: &Key, salt: &[u8; 32]) -> [u8; 16] {
    let whole = key.derived(b"lazaret ring: key check", salt);
    *whole.first_chunk().unwrap_or(&[0; 16])
}

/// Seals and opens the records of one segment.
struct Seal {
    cipher: ChaCha20Poly1305,
    header: [u8; HEADER_BYTES],
}

impl Seal {
    fn new(key: &Key, header: &Header) -> Self {
        let derived = key.derived(b"lazaret ring: segment", &header.salt);
        Self { cipher: ChaCha20Poly1305::new(&derived.into()), header: header.bytes() }
    }

    fn associated(&self, sealed_bytes: u32) -> Vec<u8> {
        [&self.header[..], &sealed_bytes.to_le_bytes()].concat()
    }

    fn nonce(record: u64) -> Nonce {
        let mut nonce = [0; 12];
        for (to, from) in nonce.iter_mut().zip(record.to_le_bytes()) {
            *to = from;
        }
        nonce.into()
    }

    /// The record as it stands in the file; `None` where it is too long.
    fn sealed(&self, record: u64, plain: &[u8]) -> Option<Vec<u8>> {
        let bytes = u32::try_from(plain.len() + TAG_BYTES).ok()?;
        if bytes as usize > RECORD_BYTES_MAX {
            return None;
        }
        let aad = self.associated(bytes);
        let sealed = self.cipher.encrypt(&Self::nonce(record), Payload { msg: plain, aad: &aad }).ok()?;
        Some([&bytes.to_le_bytes()[..], &sealed].concat())
    }

    /// What was sealed; `None` where it was changed.
    fn opened(&self, record: u64, sealed: &[u8]) -> Option<Vec<u8>> {
        let aad = self.associated(u32::try_from(sealed.len()).ok()?);
        self.cipher.decrypt(&Self::nonce(record), Payload { msg: sealed, aad: &aad }).ok()
    }
}

/// Puts a frame behind others of a record.
fn put(record: &mut Vec<u8>, frame: &Frame<'_>) {
    let captured = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
    record.extend_from_slice(&frame.number.to_le_bytes());
    record.extend_from_slice(&frame.time.nanos().to_le_bytes());
    record.extend_from_slice(&crate::write::link_number(frame.link).to_le_bytes());
    record.extend_from_slice(&frame.original_bytes.to_le_bytes());
    record.extend_from_slice(&captured.to_le_bytes());
    record.extend_from_slice(frame.bytes);
}

/// Takes the frame at the front of `rest`; `None` at the end, or where it is cut.
fn take<'a>(rest: &mut &'a [u8], capture: u32) -> Option<Frame<'a>> {
    let (head, after) = rest.split_first_chunk::<FRAME_HEADER_BYTES>()?;
    let (number, head) = head.split_first_chunk::<8>()?;
    let (time, head) = head.split_first_chunk::<8>()?;
    let (link, head) = head.split_first_chunk::<2>()?;
    let (original, head) = head.split_first_chunk::<4>()?;
    let captured = u32::from_le_bytes(*head.first_chunk()?);
    let (bytes, after) = after.split_at_checked(captured as usize)?;
    *rest = after;
    Some(Frame {
        capture,
        number: u64::from_le_bytes(*number),
        time: CaptureTime::from_nanos(i64::from_le_bytes(*time)),
        link: LinkType::from_number(u16::from_le_bytes(*link)),
        original_bytes: u32::from_le_bytes(*original),
        bytes,
    })
}

fn name_of(serial: u64) -> String {
    format!("frames-{serial:016x}.ring")
}

/// The serial of a segment's file name.
fn serial_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("frames-")?.strip_suffix(".ring")?;
    let plain = digits.len() == 16 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if plain { u64::from_str_radix(digits, 16).ok() } else { None }
}

/// The segments of a folder, oldest first.
fn segments(folder: &std::path::Path) -> Result<Vec<(u64, PathBuf)>, ArchiveError> {
    let failed = |cause| ArchiveError::File { what: "list", path: folder.to_owned(), cause };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let Some(serial) = entry.file_name().to_str().and_then(serial_of) {
            found.push((serial, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// Any bytes as a segment, under a key that the fuzz target's seeds were written with.
///
/// # Panics
/// When a frame that is handed out is longer than its record.
#[doc(hidden)]
#[expect(clippy::panic, reason = "a check for tests: failing loudly is its job")]
pub fn any_bytes(bytes: &[u8]) {
    let (mut frames, mut held) = (0, 0);
    let read = reader::segment(&mut &*bytes, &Key::new(FUZZ_KEY), 0, &mut |frame| {
        frames += 1;
        held += frame.bytes.len() + FRAME_HEADER_BYTES;
    });
    if held > bytes.len() || read.is_err() && frames > 0 {
        panic!("{frames} frames of {held} bytes from {} bytes", bytes.len());
    }
}

/// The key of seeds.
#[doc(hidden)]
pub const FUZZ_KEY: &[u8] = b"a key for fuzzing, known to all";

#[cfg(test)]
mod tests;
