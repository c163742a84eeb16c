//! What a capture format must tell, and how a stream is recognised as one.

use crate::batch::FrameHead;
use crate::pcap::Pcap;
use crate::pcapng::Pcapng;
use model::{Fault, LinkType};

/// Longest frame that is taken, in bytes. Our limit: four times libpcap's largest snap length for networks
/// (262144) and twice the largest segment Linux can merge (BIG TCP, 512 KiB). A record that claims more is
/// damage: the capture ends there with a fault.
pub const FRAME_BYTES_MAX: usize = 1 << 20;

/// Faults kept per capture; the last one then says how many more there were.
pub const FAULTS_MAX: usize = 100;

/// Bytes needed to tell the format: a pcap header, or the fixed start of a section header block.
pub(crate) const HEADER_BYTES: usize = 24;

/// Where a walk stopped.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Stop {
    /// The next unit needs this many bytes from where the walk stopped.
    Need(usize),
    /// The unit where it stopped breaks the format; nothing after it can be trusted.
    Damaged(String),
}

/// What a walk has found.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    /// Frames, with offsets into the walked bytes.
    pub(crate) heads: &'a mut Vec<FrameHead>,
    /// Faults that do not end the capture.
    pub(crate) faults: &'a mut Faults,
    /// Index of the capture.
    pub(crate) capture: u32,
    /// Number of the next frame.
    pub(crate) number: &'a mut u64,
    /// Offset of the walked bytes in the (decompressed) file.
    pub(crate) base: u64,
}

/// One frame as its record describes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Described {
    pub(crate) time: i64,
    pub(crate) at: usize,
    pub(crate) bytes: u32,
    pub(crate) original_bytes: u32,
    pub(crate) link: LinkType,
    /// Bytes of frame check sequence at the end of the original frame.
    pub(crate) fcs: u32,
}

impl Found<'_> {
    /// Adds a frame without its frame check sequence, which counts neither as captured nor as on the wire.
    #[inline]
    pub(crate) fn frame(&mut self, frame: Described) {
        let mut original_bytes = frame.original_bytes;
        let mut bytes = frame.bytes;
        if bytes > original_bytes {
            self.longer_than_wire(&frame);
            original_bytes = bytes;
        }
        if frame.fcs > 0 {
            original_bytes = original_bytes.saturating_sub(frame.fcs);
            bytes = bytes.min(original_bytes);
        }
        self.heads.push(FrameHead {
            time: frame.time,
            number: *self.number,
            at: frame.at as u32,
            bytes,
            original_bytes,
            capture: self.capture,
            link: frame.link,
        });
        *self.number += 1;
    }

    /// Notes a fault at the next frame, `at` bytes into the walked bytes.
    pub(crate) fn fault(&mut self, at: usize, what: String) {
        self.faults.push(*self.number, self.base + at as u64, what);
    }

    #[cold]
    fn longer_than_wire(&mut self, frame: &Described) {
        let (kept, wire) = (frame.bytes, frame.original_bytes);
        self.fault(frame.at, format!("{kept} bytes were captured of a frame of {wire}; all were kept"));
    }
}

/// The faults of one capture, bounded.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    kept: Vec<Fault>,
    more: u64,
}

impl Faults {
    /// Adds one; after [`FAULTS_MAX`] only counts.
    pub(crate) fn push(&mut self, frame: u64, offset: u64, what: String) {
        if self.kept.len() < FAULTS_MAX {
            self.kept.push(Fault { frame, offset, what });
        } else {
            self.more += 1;
        }
    }

    /// Adds the fault that ends a capture: it is kept even when the list is full.
    pub(crate) fn push_last(&mut self, frame: u64, offset: u64, what: String) {
        if self.kept.len() >= FAULTS_MAX && self.kept.pop().is_some() {
            self.more += 1;
        }
        self.kept.push(Fault { frame, offset, what });
    }

    /// All that were kept, and one that counts the others.
    pub(crate) fn list(&self) -> Vec<Fault> {
        let mut list = self.kept.clone();
        if self.more > 0
            && let Some(last) = self.kept.last()
        {
            let what = format!("{} more faults are not listed", self.more);
            list.push(Fault { frame: last.frame, offset: last.offset, what });
        }
        list
    }
}

/// The format of one capture and where its walk stands.
#[derive(Debug)]
pub(crate) enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

impl Format {
    /// Tells the format by the first bytes, and how many of them are its header.
    ///
    /// # Errors
    /// What the bytes are instead, in words.
    pub(crate) fn recognise(head: &[u8]) -> Result<(Self, usize), String> {
        if let Some(found) = Pcap::recognise(head) {
            return found.map(|(pcap, used)| (Self::Pcap(pcap), used));
        }
        // The section header block is read again by the walk, so nothing is used up here.
        if let Some(found) = Pcapng::recognise(head) {
            return found.map(|pcapng| (Self::Pcapng(pcapng), 0));
        }
        Err(looks_like(head))
    }

    /// As the report calls it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Pcap(_) => "pcap",
            Self::Pcapng(_) => "pcapng",
        }
    }

    /// Finds whole frames in `bytes` from `at` on; returns where it stopped and why.
    pub(crate) fn walk(&mut self, bytes: &[u8], at: usize, found: &mut Found<'_>) -> (usize, Stop) {
        match self {
            Self::Pcap(pcap) => pcap.walk(bytes, at, found),
            Self::Pcapng(pcapng) => pcapng.walk(bytes, at, found),
        }
    }

    /// Whether the end of the file may come where the walk stands with nothing left over.
    pub(crate) fn may_end(&self) -> bool {
        match self {
            Self::Pcap(_) => true,
            Self::Pcapng(pcapng) => pcapng.may_end(),
        }
    }

    /// Frames that the capturing side says it dropped.
    pub(crate) fn dropped(&self) -> u64 {
        match self {
            Self::Pcap(_) => 0,
            Self::Pcapng(pcapng) => pcapng.dropped(),
        }
    }
}

/// What the first bytes of something that is no capture look like.
pub(crate) fn looks_like(head: &[u8]) -> String {
    const KNOWN: &[(&[u8], &str)] = &[
        (b"\xfd7zXZ\0", "xz-compressed; unpack it first (`xz -d`)"),
        (b"BZh", "bzip2-compressed; unpack it first (`bzip2 -d`)"),
        (b"\x04\x22\x4d\x18", "lz4-compressed; unpack it first (`lz4 -d`)"),
        (b"PK\x03\x04", "a zip archive; unpack it first"),
        (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
        (b"\x1f\x8b", "a gzip file inside another compression; unpack it once first"),
        (b"\x28\xb5\x2f\xfd", "a zstd file inside another compression; unpack it once first"),
        (b"snoop\0\0\0", "a Solaris snoop capture; convert it first (`editcap -F pcapng`)"),
        (b"GMBU", "a Microsoft Network Monitor capture; convert it first (`editcap -F pcapng`)"),
        (b"RTSS", "a Microsoft Network Monitor capture; convert it first (`editcap -F pcapng`)"),
        (b"\x7fELF", "a program (ELF)"),
        (b"MZ", "a program (PE)"),
        (b"%PDF", "a PDF document"),
    ];
    if head.is_empty() {
        return "empty".to_owned();
    }
    if let Some((_, name)) = KNOWN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return (*name).to_owned();
    }
    if head.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
        return "text".to_owned();
    }
    let hex: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("unknown content that starts with {}", hex.join(" "))
}
