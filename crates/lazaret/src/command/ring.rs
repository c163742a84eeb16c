//! The evidence ring on command lines: where it is, how much it keeps, where its passphrase comes from.

use crate::exit::Failure;
use crate::secret::ring_passphrase;
use ingest::{Evidence, EvidenceLimits, EvidenceReader, RING_SIZE_MIN};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Options of whoever writes a ring.
#[derive(Debug, clap::Args)]
pub(super) struct Keep {
    /// Keep the raw frames in this folder, encrypted, the oldest overwritten first, so that `evidence export --ring` can cut
    /// what shows a finding. Frames are written a fifth of a second after they were read at the latest, or when 256 KiB are
    /// together: that, and what waits for a slow disk, is what a killed watch loses
    #[arg(long, value_name = "DIR")]
    ring: Option<PathBuf>,
    /// With --ring: its size on disk, in bytes or with K, M, G or T
    #[arg(long, value_name = "SIZE", default_value = "8G", value_parser = size, requires = "ring")]
    ring_size: u64,
    /// With --ring: no frame is kept for longer
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = super::watch::duration, requires = "ring")]
    ring_age: Duration,
    /// With --ring: file of its passphrase, 16 bytes or more, which must not lie in DIR (a systemd credential, for example)
    /// [default: LAZARET_RING_PASSPHRASE of the environment, else asked for]
    #[arg(long, value_name = "FILE", requires = "ring")]
    ring_key_file: Option<PathBuf>,
}

impl Keep {
    /// The ring, where one is wanted.
    pub(super) fn open(&self) -> Result<Option<Evidence>, Failure> {
        let Some(folder) = &self.ring else { return Ok(None) };
        let limits = EvidenceLimits { bytes: self.ring_size, age: self.ring_age };
        let secret = ring_passphrase(folder, self.ring_key_file.as_deref())?;
        Ok(Some(Evidence::open(folder, &secret, limits)?))
    }

    /// Its folder.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.ring.as_deref()
    }
}

/// Options of whoever reads a ring.
#[derive(Debug, clap::Args)]
pub(super) struct Look {
    /// Cut the frames from this evidence ring, as `watch --ring` keeps it, instead of from captures
    #[arg(long, value_name = "DIR", conflicts_with = "captures")]
    ring: Option<PathBuf>,
    /// With --ring: file of its passphrase [default: LAZARET_RING_PASSPHRASE of the environment, else asked for]
    #[arg(long, value_name = "FILE", requires = "ring")]
    ring_key_file: Option<PathBuf>,
}

impl Look {
    /// The ring, where one is given.
    pub(super) fn open(&self) -> Result<Option<EvidenceReader>, Failure> {
        let Some(folder) = &self.ring else { return Ok(None) };
        // What is decrypted is not left lying in memory.
        ingest::wipe_freed_memory();
        let secret = ring_passphrase(folder, self.ring_key_file.as_deref())?;
        Ok(Some(EvidenceReader::open(folder, &secret)?))
    }
}

/// A size as people write it.
fn size(text: &str) -> Result<u64, String> {
    let (number, shift) = match text.char_indices().next_back() {
        Some((at, 'K')) => (text.get(..at), 10),
        Some((at, 'M')) => (text.get(..at), 20),
        Some((at, 'G')) => (text.get(..at), 30),
        Some((at, 'T')) => (text.get(..at), 40),
        _ => (Some(text), 0),
    };
    let bytes = number.and_then(|number| number.parse::<u64>().ok()?.checked_mul(1 << shift));
    bytes.filter(|bytes| *bytes >= RING_SIZE_MIN).ok_or_else(|| {
        format!("a size like 8G, 500M or a number of bytes; {}M at least", RING_SIZE_MIN >> 20)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!((size("8G"), size("16M"), size("16777216")), (Ok(8 << 30), Ok(16 << 20), Ok(16 << 20)));
        for text in ["", "G", "-1G", "15M", "1.5G", "99999999999T", "8g", "é"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
