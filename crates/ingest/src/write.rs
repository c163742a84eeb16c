//! Writing captures: for the simulator and for exported evidence.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! use ingest::write::{PcapWriter, Resolution};
//! use model::{CaptureTime, Frame, LinkType};
//! let mut writer = PcapWriter::new(Vec::new(), LinkType::Ethernet, Resolution::Nanos)?;
//! let time = CaptureTime::from_nanos(1_700_000_000_000_000_001);
//! let (link, bytes) = (LinkType::Ethernet, &[0u8; 60][..]);
//! writer.write(&Frame { capture: 0, number: 1, time, link, original_bytes: 60, bytes })?;
//! assert_eq!(writer.finish()?.len(), 24 + 16 + 60);
//! # Ok(())
//! # }
//! ```
//!
//! Both writers write little-endian. The formats are described in the reading modules of this crate.
//! Give them a buffered writer: they write each record in two or three small pieces.

use crate::format::FRAME_BYTES_MAX;
use model::{Frame, LinkType};
use std::io::{self, Write};

/// Unit of the time that is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Resolution {
    /// Microseconds: what the oldest tools read. Time below is cut off.
    Micros,
    /// Nanoseconds.
    Nanos,
}

/// The number of a link type in the LINKTYPE registry.
#[must_use]
pub const fn link_number(link: LinkType) -> u16 {
    match link {
        LinkType::Null => 0,
        LinkType::Ethernet => 1,
        LinkType::RawIp => 101,
        LinkType::Ieee80211 => 105,
        LinkType::Loop => 108,
        LinkType::LinuxSll => 113,
        LinkType::Radiotap => 127,
        LinkType::LinuxSll2 => 276,
        LinkType::Other(number) => number,
        // The enum may grow; LINKTYPE 65535 is not assigned.
        _ => u16::MAX,
    }
}

/// Longest comment of a frame, in bytes. Our limit.
pub const COMMENT_BYTES_MAX: usize = 1_024;

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

/// Captured length, where it can be written.
fn length(frame: &Frame<'_>) -> io::Result<u32> {
    match u32::try_from(frame.bytes.len()) {
        Ok(bytes) if bytes as usize <= FRAME_BYTES_MAX => Ok(bytes),
        _ => Err(invalid(format!(
            "frame of {} bytes; at most {FRAME_BYTES_MAX} are written",
            frame.bytes.len()
        ))),
    }
}

/// Writes the pcap format: one link type, times from 1970 to 2106.
#[derive(Debug)]
pub struct PcapWriter<W: Write> {
    to: W,
    link: LinkType,
    resolution: Resolution,
}

impl<W: Write> PcapWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// When writing fails.
    pub fn new(mut to: W, link: LinkType, resolution: Resolution) -> io::Result<Self> {
        let magic: u32 = match resolution {
            Resolution::Micros => 0xa1b2_c3d4,
            Resolution::Nanos => 0xa1b2_3c4d,
        };
        let mut header = Vec::with_capacity(24);
        header.extend_from_slice(&magic.to_le_bytes());
        header.extend_from_slice(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        // 262144 is the largest snap length that libpcap takes for networks.
        header.extend_from_slice(&262_144u32.to_le_bytes());
        header.extend_from_slice(&u32::from(link_number(link)).to_le_bytes());
        to.write_all(&header)?;
        Ok(Self { to, link, resolution })
    }

    /// Writes one frame; capture and number are not kept by the format.
    ///
    /// # Errors
    /// When writing fails, or the frame has another link type, too many bytes, or a time outside the format.
    pub fn write(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        if frame.link != self.link {
            return Err(invalid(format!("frame of link type {} in a pcap of {}", frame.link, self.link)));
        }
        let bytes = length(frame)?;
        let nanos = frame.time.nanos();
        let seconds = u32::try_from(nanos.div_euclid(1_000_000_000))
            .map_err(|_| invalid(format!("time {nanos} ns is outside of what pcap can say")))?;
        let below = nanos.rem_euclid(1_000_000_000) as u32;
        let below = if self.resolution == Resolution::Micros { below / 1000 } else { below };
        let mut head = [0u8; 16];
        for (to, word) in head.chunks_exact_mut(4).zip([seconds, below, bytes, frame.original_bytes]) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        self.to.write_all(&head)?;
        self.to.write_all(frame.bytes)
    }

    /// Flushes, and gives the writer back.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.flush()?;
        Ok(self.to)
    }
}

/// Writes the pcapng format: one section, one interface of nanosecond resolution per link type.
#[derive(Debug)]
pub struct PcapngWriter<W: Write> {
    to: W,
    links: Vec<LinkType>,
}

impl<W: Write> PcapngWriter<W> {
    /// Writes the section header.
    ///
    /// # Errors
    /// When writing fails.
    pub fn new(mut to: W) -> io::Result<Self> {
        let mut body = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
        body.extend_from_slice(&[1, 0, 0, 0]);
        // Length of the section: not known.
        body.extend_from_slice(&u64::MAX.to_le_bytes());
        block(&mut to, 0x0a0d_0d0a, &[&body])?;
        Ok(Self { to, links: Vec::new() })
    }

    /// Writes one frame, and before the first of its link type the interface.
    ///
    /// # Errors
    /// When writing fails, or the frame has too many bytes or a time before 1970.
    pub fn write(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        self.write_commented(frame, "")
    }

    /// The same with a comment, which is cut at [`COMMENT_BYTES_MAX`].
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_commented(&mut self, frame: &Frame<'_>, comment: &str) -> io::Result<()> {
        let bytes = length(frame)?;
        let nanos = u64::try_from(frame.time.nanos())
            .map_err(|_| invalid(format!("time {} ns is before 1970", frame.time.nanos())))?;
        let interface = match self.links.iter().position(|link| *link == frame.link) {
            Some(interface) => interface,
            None => self.interface(frame.link)?,
        };
        let (high, low) = ((nanos >> 32) as u32, (nanos & 0xffff_ffff) as u32);
        let mut head = [0u8; 20];
        let words = [interface as u32, high, low, bytes, frame.original_bytes];
        for (to, word) in head.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        let padding = frame.bytes.len().next_multiple_of(4) - frame.bytes.len();
        let padding = [0u8; 3].get(..padding).unwrap_or_default();
        block(&mut self.to, 6, &[&head, frame.bytes, padding, &comment_option(comment)])
    }

    fn interface(&mut self, link: LinkType) -> io::Result<usize> {
        let mut body = u32::from(link_number(link)).to_le_bytes().to_vec();
        body.extend_from_slice(&262_144u32.to_le_bytes());
        // if_tsresol = 9: nanoseconds; then the end of the options.
        body.extend_from_slice(&[9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
        block(&mut self.to, 1, &[&body])?;
        self.links.push(link);
        Ok(self.links.len() - 1)
    }

    /// Flushes, and gives the writer back.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.flush()?;
        Ok(self.to)
    }
}

/// The option `opt_comment` and the end of options; nothing for no comment.
fn comment_option(comment: &str) -> Vec<u8> {
    let mut end = comment.len().min(COMMENT_BYTES_MAX);
    while !comment.is_char_boundary(end) {
        end -= 1;
    }
    let comment = comment.get(..end).unwrap_or_default().as_bytes();
    if comment.is_empty() {
        return Vec::new();
    }
    let mut option = vec![1, 0];
    option.extend_from_slice(&(comment.len() as u16).to_le_bytes());
    option.extend_from_slice(comment);
    option.resize(option.len().next_multiple_of(4) + 4, 0);
    option
}

/// Writes a block: type, length, the parts and padding, length.
fn block(to: &mut impl Write, kind: u32, parts: &[&[u8]]) -> io::Result<()> {
    let body: usize = parts.iter().map(|part| part.len()).sum();
    let padding = body.next_multiple_of(4) - body;
    let total = (12 + body + padding) as u32;
    to.write_all(&kind.to_le_bytes())?;
    to.write_all(&total.to_le_bytes())?;
    for part in parts {
        to.write_all(part)?;
    }
    to.write_all([0u8; 3].get(..padding).unwrap_or_default())?;
    to.write_all(&total.to_le_bytes())
}
