//! Captures, their frames and what could be seen in them.

use crate::{CaptureTime, Digest256};
use std::fmt;

/// What the first byte of a frame is, by the LINKTYPE registry of tcpdump.org.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum LinkType {
    /// `LINKTYPE_ETHERNET` (1).
    Ethernet,
    /// `LINKTYPE_NULL` (0): address family in the byte order of the capturing host.
    Null,
    /// `LINKTYPE_LOOP` (108): address family in network byte order.
    Loop,
    /// `LINKTYPE_RAW` (101), and `LINKTYPE_IPV4` (228), `LINKTYPE_IPV6` (229).
    RawIp,
    /// `LINKTYPE_LINUX_SLL` (113).
    LinuxSll,
    /// `LINKTYPE_LINUX_SLL2` (276).
    LinuxSll2,
    /// `LINKTYPE_IEEE802_11` (105).
    Ieee80211,
    /// `LINKTYPE_IEEE802_11_RADIOTAP` (127).
    Radiotap,
    /// Any other registered number: counted, not decoded.
    Other(u16),
}

impl LinkType {
    /// From the number in a capture file.
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        match number {
            0 => Self::Null,
            1 => Self::Ethernet,
            // 12 and 14 are DLT_RAW as some systems wrote it to files.
            12 | 14 | 101 | 228 | 229 => Self::RawIp,
            105 => Self::Ieee80211,
            108 => Self::Loop,
            113 => Self::LinuxSll,
            127 => Self::Radiotap,
            276 => Self::LinuxSll2,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ethernet => f.write_str("ethernet"),
            Self::Null => f.write_str("null"),
            Self::Loop => f.write_str("loop"),
            Self::RawIp => f.write_str("raw-ip"),
            Self::LinuxSll => f.write_str("linux-sll"),
            Self::LinuxSll2 => f.write_str("linux-sll2"),
            Self::Ieee80211 => f.write_str("802.11"),
            Self::Radiotap => f.write_str("802.11-radiotap"),
            Self::Other(number) => write!(f, "linktype-{number}"),
        }
    }
}

/// One unit of a capture.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Index of the capture in the report.
    pub capture: u32,
    /// Number within the capture, from 1.
    pub number: u64,
    /// When it was captured.
    pub time: CaptureTime,
    /// What its first byte is.
    pub link: LinkType,
    /// Length on the wire, in bytes; more than `bytes.len()` where the capture cut it.
    pub original_bytes: u32,
    /// What was captured of it.
    pub bytes: &'a [u8],
}

/// Something wrong with a capture: a fact about the input, not an error of ours.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Fault {
    /// The frame at which, or after which, it stands; 0 before the first.
    pub frame: u64,
    /// Offset into the (decompressed) file, in bytes.
    pub offset: u64,
    /// What is wrong, in words for a person.
    pub what: String,
}

/// One capture, as the report names it.
#[derive(Clone, Debug, Default)]
pub struct CaptureSummary {
    /// File name without folders; `-` for standard input.
    pub name: String,
    /// Hash of the file as it lies on disk; absent where it was not asked for.
    pub sha256: Option<Digest256>,
    /// `pcap`, `pcapng`, `live` for an interface; empty where it was not recognised.
    pub format: &'static str,
    /// `gzip`, `zstd`, or none.
    pub compression: Option<&'static str>,
    /// Frames read.
    pub frames: u64,
    /// Size of the file as it lies on disk, in bytes.
    pub bytes: u64,
    /// Earliest frame time.
    pub first: Option<CaptureTime>,
    /// Latest frame time.
    pub last: Option<CaptureTime>,
    /// Link types seen, sorted.
    pub links: Vec<LinkType>,
    /// What was wrong with it, in file order.
    pub faults: Vec<Fault>,
}

/// What was seen and what was not: every frame is counted in exactly one of decoded, undecoded, fault.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Coverage {
    /// All frames.
    pub frames: u64,
    /// Frames of which at least a network or link-control header was read.
    pub frames_decoded: u64,
    /// Frames of link or network types that are not decoded.
    pub frames_undecoded: u64,
    /// Frames whose headers contradict themselves or are cut short.
    pub frames_fault: u64,
    /// Frames that a mirror port delivered twice; also counted in one of the three above.
    pub frames_duplicate: u64,
    /// Frames that a live sensor could not take in time; not counted in `frames`.
    pub frames_lost: u64,
    /// Bytes of frames that the capture cut off (snap length).
    pub cut_bytes: u64,
    /// TCP and UDP flows.
    pub flows: u64,
    /// Flows whose protocol was found and read.
    pub flows_parsed: u64,
    /// Flows of which only one side was captured though both spoke.
    pub flows_one_sided: u64,
    /// Flows with payload whose protocol is not known or was given up.
    pub flows_unparsed: u64,
    /// Flows that are encrypted, so that their content cannot be judged.
    pub flows_encrypted: u64,
    /// Flows without payload.
    pub flows_empty: u64,
    /// Flows dropped early because a table was full.
    pub flows_evicted: u64,
    /// Bytes of TCP streams that were not captured.
    pub gap_bytes: u64,
    /// IP datagrams whose fragments never became whole.
    pub datagrams_incomplete: u64,
    /// Flows whose parser failed inside Lazaret; a fault of ours.
    pub parser_panics: u64,
    /// Why flows were given up, with how many.
    pub unparsed_reasons: std::collections::BTreeMap<&'static str, u64>,
}

impl Coverage {
    /// What was counted since `before`, which is an earlier state of the same counters.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let reasons = self.unparsed_reasons.iter().map(|(reason, count)| {
            let before = before.unparsed_reasons.get(reason).copied().unwrap_or_default();
            (*reason, count.saturating_sub(before))
        });
        Self {
            frames: self.frames.saturating_sub(before.frames),
            frames_decoded: self.frames_decoded.saturating_sub(before.frames_decoded),
            frames_undecoded: self.frames_undecoded.saturating_sub(before.frames_undecoded),
            frames_fault: self.frames_fault.saturating_sub(before.frames_fault),
            frames_duplicate: self.frames_duplicate.saturating_sub(before.frames_duplicate),
            frames_lost: self.frames_lost.saturating_sub(before.frames_lost),
            cut_bytes: self.cut_bytes.saturating_sub(before.cut_bytes),
            flows: self.flows.saturating_sub(before.flows),
            flows_parsed: self.flows_parsed.saturating_sub(before.flows_parsed),
            flows_one_sided: self.flows_one_sided.saturating_sub(before.flows_one_sided),
            flows_unparsed: self.flows_unparsed.saturating_sub(before.flows_unparsed),
            flows_encrypted: self.flows_encrypted.saturating_sub(before.flows_encrypted),
            flows_empty: self.flows_empty.saturating_sub(before.flows_empty),
            flows_evicted: self.flows_evicted.saturating_sub(before.flows_evicted),
            gap_bytes: self.gap_bytes.saturating_sub(before.gap_bytes),
            datagrams_incomplete: self.datagrams_incomplete.saturating_sub(before.datagrams_incomplete),
            parser_panics: self.parser_panics.saturating_sub(before.parser_panics),
            unparsed_reasons: reasons.filter(|(_, count)| *count > 0).collect(),
        }
    }

    /// Adds what another shard or capture counted.
    pub fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.frames_decoded += other.frames_decoded;
        self.frames_undecoded += other.frames_undecoded;
        self.frames_fault += other.frames_fault;
        self.frames_duplicate += other.frames_duplicate;
        self.frames_lost += other.frames_lost;
        self.cut_bytes += other.cut_bytes;
        self.flows += other.flows;
        self.flows_parsed += other.flows_parsed;
        self.flows_one_sided += other.flows_one_sided;
        self.flows_unparsed += other.flows_unparsed;
        self.flows_encrypted += other.flows_encrypted;
        self.flows_empty += other.flows_empty;
        self.flows_evicted += other.flows_evicted;
        self.gap_bytes += other.gap_bytes;
        self.datagrams_incomplete += other.datagrams_incomplete;
        self.parser_panics += other.parser_panics;
        for (reason, count) in &other.unparsed_reasons {
            *self.unparsed_reasons.entry(reason).or_default() += count;
        }
    }
}
