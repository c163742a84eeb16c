//! The pcap format.
//!
//! # Wire format
//! ```text
//! header, 24 bytes
//! 0         4         6         8          12           16         20
//! | magic 4 | major 2 | minor 2 | reserved | reserved   | snap 4   | fcs 4 bits, link type 16 bits |
//! record, 16 bytes and then the frame
//! 0           4              8            12           16
//! | seconds 4 | fraction 4   | captured 4 | on wire 4  | frame…
//! ```
//! The magic tells byte order and the unit of the fraction: `a1b2c3d4` microseconds, `a1b23c4d` nanoseconds,
//! `a1b2cd34` microseconds with 8 more bytes after each record header (interface index, protocol, packet
//! type; the "modified" format of old Linux patches).
//!
//! # Limits
//! A record longer than [`FRAME_BYTES_MAX`] is damage. The snap length of the header is not used: writers
//! are careless with it.
//!
//! # Source
//! draft-ietf-opsawg-pcap; `sf-pcap.c` of libpcap for the modified magic (facts only).

use crate::format::{Described, FRAME_BYTES_MAX, Found, HEADER_BYTES, Stop};
use model::LinkType;

const RECORD_BYTES: usize = 16;
const RECORD_BYTES_MODIFIED: usize = 24;

/// A walk over pcap records.
#[derive(Debug)]
pub(crate) struct Pcap {
    big: bool,
    link: LinkType,
    record_bytes: usize,
    /// Nanoseconds per unit of the fraction.
    tick_nanos: i64,
    fcs: u32,
}

impl Pcap {
    /// A pcap header at the front of `head`, and its length; `None` where the magic is another.
    pub(crate) fn recognise(head: &[u8]) -> Option<Result<(Self, usize), String>> {
        let (big, tick_nanos, record_bytes) = match head.first_chunk::<4>()? {
            [0xa1, 0xb2, 0xc3, 0xd4] => (true, 1000, RECORD_BYTES),
            [0xd4, 0xc3, 0xb2, 0xa1] => (false, 1000, RECORD_BYTES),
            [0xa1, 0xb2, 0x3c, 0x4d] => (true, 1, RECORD_BYTES),
            [0x4d, 0x3c, 0xb2, 0xa1] => (false, 1, RECORD_BYTES),
            [0xa1, 0xb2, 0xcd, 0x34] => (true, 1000, RECORD_BYTES_MODIFIED),
            [0x34, 0xcd, 0xb2, 0xa1] => (false, 1000, RECORD_BYTES_MODIFIED),
            _ => return None,
        };
        let Some(header) = head.first_chunk::<HEADER_BYTES>() else {
            return Some(Err(format!("a pcap header cut short after {} bytes", head.len())));
        };
        let major = [header[4], header[5]];
        let major = if big { u16::from_be_bytes(major) } else { u16::from_le_bytes(major) };
        if major != 2 {
            return Some(Err(format!("pcap of version {major}, and only version 2 is known")));
        }
        let link = [header[20], header[21], header[22], header[23]];
        let link = if big { u32::from_be_bytes(link) } else { u32::from_le_bytes(link) };
        // Bit 26 says that the top four bits hold the length of the frame check sequence, in 16-bit units.
        let fcs = if link & 0x0400_0000 != 0 { (link >> 28) * 2 } else { 0 };
        let link = LinkType::from_number((link & 0xffff) as u16);
        Some(Ok((Self { big, link, record_bytes, tick_nanos, fcs }, HEADER_BYTES)))
    }

    /// Finds whole records.
    pub(crate) fn walk(&self, bytes: &[u8], at: usize, found: &mut Found<'_>) -> (usize, Stop) {
        if self.big {
            self.walk_order(u32::from_be_bytes, bytes, at, found)
        } else {
            self.walk_order(u32::from_le_bytes, bytes, at, found)
        }
    }

    #[inline]
    fn walk_order(
        &self,
        word: impl Fn([u8; 4]) -> u32,
        bytes: &[u8],
        mut at: usize,
        found: &mut Found<'_>,
    ) -> (usize, Stop) {
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(h) = rest.first_chunk::<RECORD_BYTES>() else {
                return (at, Stop::Need(self.record_bytes));
            };
            let captured = word([h[8], h[9], h[10], h[11]]);
            if captured as usize > FRAME_BYTES_MAX {
                let what =
                    format!("record claims a frame of {captured} bytes; at most {FRAME_BYTES_MAX} are read");
                return (at, Stop::Damaged(what));
            }
            let record = self.record_bytes + captured as usize;
            if rest.len() < record {
                return (at, Stop::Need(record));
            }
            let seconds = i64::from(word([h[0], h[1], h[2], h[3]]));
            let fraction = i64::from(word([h[4], h[5], h[6], h[7]])) * self.tick_nanos;
            if fraction >= 1_000_000_000 {
                found.fault(at, format!("the part of the time below a second is {fraction} ns"));
            }
            found.frame(Described {
                time: seconds * 1_000_000_000 + fraction,
                at: at + self.record_bytes,
                bytes: captured,
                original_bytes: word([h[12], h[13], h[14], h[15]]),
                link: self.link,
                fcs: self.fcs,
            });
            at += record;
        }
    }
}
