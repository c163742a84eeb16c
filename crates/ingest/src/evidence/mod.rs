//! The evidence ring: the raw frames of a watch on disk, encrypted, the oldest overwritten first.
//!
//! A finding is made long after the frames that show it have passed. The ring holds them, so that its evidence can be cut
//! later. Frames hold names of patients: nothing of them stands on the disk in clear, and the key never does.
//!
//! ```text
//! DIR/ring                          how the key comes from the passphrase, and a value that tells a wrong one
//! DIR/lock                          held by the one who writes
//! DIR/00000000000000000017.frames   a segment; numbers only grow, so a missing one shows, whatever the clock did
//!
//! batch → chunk in memory → channel → sealed → segment     a thread of its own: a slow disk costs evidence, no frames
//! ```
//! `ring`, 68 bytes, numbers little-endian:
//! ```text
//! 0          8             12         16        20          36         68
//! | LZRING 0 1 | memory KiB 4 | passes 4 | lanes 4 | salt 16   | check 32 |
//! ```
//!
//! # Keys
//! Argon2id (RFC 9106) over the passphrase and the salt gives a key that only makes others, by HKDF-SHA256 (RFC 5869): one for
//! each segment, from 32 random bytes at its front, and the check. See [`segment`](self) for chunks: AES-256-GCM (NIST SP
//! 800-38D), whose nonce is the number of the chunk, so that none is used twice with a key.
//!
//! # Limits
//! Size and age are the operator's. Age is counted by the steady clock while the process lives, so that a clock that is set
//! forward does not delete anything; what earlier processes left is dated by its file.

mod keep;
mod read;
mod segment;

pub use keep::{
    EVIDENCE_WAIT_MAX, Evidence, EvidenceCounts, EvidenceLimits, EvidenceRecorder, Pace, RING_SIZE_MIN,
};
pub use read::{EvidenceReader, Run};
pub use segment::any_bytes;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"LZRING\0\x01";
const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
const HEADER_BYTES: usize = MAGIC.len() + 12 + SALT_BYTES + KEY_BYTES;
/// Name of the file that says how the key is made.
const HEADER: &str = "ring";
const LOCK: &str = "lock";
/// What names of segments end in.
const EXTENSION: &str = "frames";

/// Memory of the key's making, in KiB, with three passes and one lane: about half a second, once per start.
const MEMORY_KIB: u32 = 65_536;
const PASSES: u32 = 3;
const LANES: u32 = 1;
/// Most memory that a ring may ask for, in KiB, and most passes. Our limits: its file may be anybody's.
const MEMORY_KIB_MAX: u32 = 1 << 20;
const PASSES_MAX: u32 = 16;

/// Why a ring cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RingError {
    /// There is none.
    #[error("`{}` is no evidence ring; `lazaret watch --ring DIR` makes one", folder.display())]
    Absent {
        /// The folder.
        folder: PathBuf,
    },
    /// Its first file does not have its form.
    #[error("`{}` is damaged: without it no key opens this ring", path.display())]
    Header {
        /// The file.
        path: PathBuf,
    },
    /// The passphrase is another one than the ring was made with.
    #[error(
        "the evidence ring `{}` was made with another passphrase; give that one, or name an empty folder for a new ring",
        folder.display()
    )]
    WrongKey {
        /// The folder.
        folder: PathBuf,
    },
    /// Another process writes to it.
    #[error("another process writes to the evidence ring `{}`; each watch needs a ring of its own", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The system refuses.
    #[error("cannot {doing} `{}`", path.display())]
    System {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// Segments came or went while it was read.
    #[error("the evidence ring `{}` moved on while it was read; run it again", folder.display())]
    Moved {
        /// The folder.
        folder: PathBuf,
    },
}

fn refused<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> RingError + 'a {
    move |cause| RingError::System { doing, path: path.to_owned(), cause }
}

/// What makes the keys of segments.
#[derive(Clone)]
struct Master(Prk);

impl Master {
    /// A key for one purpose.
    fn key(&self, purpose: &[u8], salt: &[u8]) -> io::Result<[u8; KEY_BYTES]> {
        let mut key = [0; KEY_BYTES];
        let failed = |_| io::Error::other("the key cannot be made");
        let info = [purpose, salt];
        self.0.expand(&info, HKDF_SHA256).and_then(|made| made.fill(&mut key)).map_err(failed)?;
        Ok(key)
    }

    /// From a passphrase, as the ring's header says.
    fn of(secret: &[u8], header: &Header) -> io::Result<Self> {
        let Header { memory_kib, passes, lanes, salt, .. } = *header;
        let failed = |_| io::Error::other("the key cannot be made from the passphrase");
        let parameters = Params::new(memory_kib, passes, lanes, Some(KEY_BYTES)).map_err(failed)?;
        let mut key = [0; KEY_BYTES];
        let derived = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
        derived.hash_password_into(secret, &salt, &mut key).map_err(failed)?;
        let master = Self(Prk::new_less_safe(HKDF_SHA256, &key));
        key.fill(0);
        Ok(master)
    }

    fn check(&self) -> io::Result<[u8; KEY_BYTES]> {
        self.key(b"lazaret.ring/1 check", &[])
    }
}

/// The file [`HEADER`].
#[derive(Clone, Copy)]
struct Header {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; SALT_BYTES],
    check: [u8; KEY_BYTES],
}

impl Header {
    fn read(path: &Path) -> Result<Option<Self>, RingError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(refused("read", path)(cause)),
        };
        let mut bytes = Vec::new();
        file.take(HEADER_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(refused("read", path))?;
        let header = Self::parse(&bytes).ok_or_else(|| RingError::Header { path: path.to_owned() })?;
        Ok(Some(header))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (memory_kib, rest) = rest.split_first_chunk()?;
        let (passes, rest) = rest.split_first_chunk()?;
        let (lanes, rest) = rest.split_first_chunk()?;
        let (salt, rest) = rest.split_first_chunk()?;
        let header = Self {
            memory_kib: u32::from_le_bytes(*memory_kib),
            passes: u32::from_le_bytes(*passes),
            lanes: u32::from_le_bytes(*lanes),
            salt: *salt,
            check: rest.try_into().ok()?,
        };
        let bounded = header.memory_kib <= MEMORY_KIB_MAX && (1..=PASSES_MAX).contains(&header.passes);
        Some(header).filter(|header| bounded && header.lanes == LANES)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for number in [self.memory_kib, self.passes, self.lanes] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.salt);
        bytes.extend_from_slice(&self.check);
        bytes
    }
}

/// The key of the ring in `folder`, and with `make` of a new one where there is none.
fn unlock(folder: &Path, secret: &[u8], make: bool) -> Result<Master, RingError> {
    let path = folder.join(HEADER);
    if let Some(header) = Header::read(&path)? {
        let master = Master::of(secret, &header).map_err(refused("unlock", folder))?;
        let check = master.check().map_err(refused("unlock", folder))?;
        return match verify_slices_are_equal(&check, &header.check) {
            Ok(()) => Ok(master),
            Err(_) => Err(RingError::WrongKey { folder: folder.to_owned() }),
        };
    }
    if !make {
        return Err(RingError::Absent { folder: folder.to_owned() });
    }
    if segments(folder).map_err(refused("list", folder))?.next().is_some() {
        // Segments without it: it was lost, and a new one would hide that.
        return Err(RingError::Header { path });
    }
    let (memory_kib, passes, lanes) = (MEMORY_KIB, PASSES, LANES);
    let mut header = Header { memory_kib, passes, lanes, salt: random()?, check: [0; KEY_BYTES] };
    let master = Master::of(secret, &header).map_err(refused("make the key of", folder))?;
    header.check = master.check().map_err(refused("make the key of", folder))?;
    let part = folder.join("ring.part");
    // One that a killed process left says nothing.
    drop(std::fs::remove_file(&part));
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&part)
        .and_then(|mut file| {
            file.write_all(&header.bytes())?;
            file.sync_all()?;
            std::fs::rename(&part, &path)?;
            File::open(folder)?.sync_all()
        })
        .map_err(refused("write", &path))?;
    Ok(master)
}

/// Random bytes of the system.
fn random<const BYTES: usize>() -> Result<[u8; BYTES], RingError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|cause| refused("get randomness from", Path::new("getrandom"))(io::Error::other(cause)))?;
    Ok(bytes)
}

/// Numbers and places of a ring's segments, in no order; other files are left alone.
fn segments(folder: &Path) -> io::Result<impl Iterator<Item = (u64, PathBuf)>> {
    let entries = std::fs::read_dir(folder)?;
    Ok(entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        let number = path.file_stem()?.to_str()?;
        let named = path.extension()? == EXTENSION && number.len() == 20;
        Some((number.parse().ok().filter(|_| named)?, path))
    }))
}

fn name(number: u64) -> String {
    format!("{number:020}.{EXTENSION}")
}

#[cfg(test)]
mod tests;
