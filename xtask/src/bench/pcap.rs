//! The one kind of capture that the bench writes: classic pcap with nanoseconds, Ethernet.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes frames at a steady pace from a fixed moment.
pub struct Pcap {
    out: BufWriter<File>,
    nanos: u64,
    step_nanos: u64,
    written: u64,
}

impl Pcap {
    /// A new file whose frames are `step_nanos` apart.
    pub fn create(file: &Path, step_nanos: u64) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(file)?);
        out.write_all(&0xA1B2_3C4D_u32.to_le_bytes())?;
        out.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0])?;
        Ok(Self { out, nanos: 1_700_000_000_000_000_000, step_nanos, written: 24 })
    }

    /// The next frame.
    pub fn frame(&mut self, frame: &[u8]) -> io::Result<()> {
        self.nanos += self.step_nanos;
        let length = frame.len() as u32;
        let (seconds, nanos) = (self.nanos / 1_000_000_000, self.nanos % 1_000_000_000);
        for word in [seconds as u32, nanos as u32, length, length] {
            self.out.write_all(&word.to_le_bytes())?;
        }
        self.written += 16 + u64::from(length);
        self.out.write_all(frame)
    }

    /// Size of the file so far, in bytes.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Everything is on its way to the disk.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}
