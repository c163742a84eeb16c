//! Every variant of the formats, built by hand from the drafts: whole, cut at every byte, in single bytes.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test: what fails must stop it")]

use ingest::write::{PcapWriter, PcapngWriter, Resolution};
use ingest::{
    BLOCK_BYTES_MAX, Batch, CaptureError, Captures, FAULTS_MAX, FRAME_BYTES_MAX, INTERFACES_MAX, Options,
};
use model::{CaptureSummary, CaptureTime, Frame, LinkType};
use std::io::{self, Cursor, Read, Write};

/// What a test compares of a frame.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Seen {
    number: u64,
    nanos: i64,
    link: LinkType,
    original_bytes: u32,
    bytes: Vec<u8>,
}

fn seen(frame: &Frame<'_>) -> Seen {
    Seen {
        number: frame.number,
        nanos: frame.time.nanos(),
        link: frame.link,
        original_bytes: frame.original_bytes,
        bytes: frame.bytes.to_vec(),
    }
}

fn read_from(from: Box<dyn Read + Send>) -> Result<(Vec<Seen>, CaptureSummary), String> {
    let mut captures = Captures::from_readers(vec![("x".to_owned(), from)], &Options::default());
    if let Some(rejected) = captures.rejected().first() {
        return Err(rejected.error.to_string());
    }
    let (mut batch, mut all) = (Batch::new(), Vec::new());
    while captures.fill(&mut batch) {
        assert_eq!(batch.first_order(), all.len() as u64);
        assert_eq!(batch.len(), batch.frames().len());
        assert_eq!(batch.frame(0).map(|frame| frame.number), batch.frames().next().map(|frame| frame.number));
        all.extend(batch.frames().map(|frame| seen(&frame)));
    }
    assert!(!captures.fill(&mut batch), "the end stays the end");
    Ok((all, captures.summaries().remove(0)))
}

fn read(bytes: &[u8]) -> (Vec<Seen>, CaptureSummary) {
    read_from(Box::new(Cursor::new(bytes.to_vec()))).unwrap()
}

fn refused(bytes: &[u8]) -> String {
    read_from(Box::new(Cursor::new(bytes.to_vec()))).unwrap_err()
}

/// Gives one byte at a time, and is interrupted before each.
struct Drip(Cursor<Vec<u8>>, bool);

impl Read for Drip {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let one = into.len().min(1);
        self.0.read(&mut into[..one])
    }
}

#[derive(Clone, Copy)]
struct Order(bool);

impl Order {
    fn w(self, word: u32) -> [u8; 4] {
        if self.0 { word.to_be_bytes() } else { word.to_le_bytes() }
    }
    fn h(self, half: u16) -> [u8; 2] {
        if self.0 { half.to_be_bytes() } else { half.to_le_bytes() }
    }
    fn l(self, long: u64) -> [u8; 8] {
        if self.0 { long.to_be_bytes() } else { long.to_le_bytes() }
    }
    /// A pcap header.
    fn pcap(self, magic: u32, link: u32) -> Vec<u8> {
        [&self.w(magic)[..], &self.h(2), &self.h(4), &[0; 8], &self.w(65535), &self.w(link)].concat()
    }
    fn record(self, seconds: u32, below: u32, wire: u32, frame: &[u8]) -> Vec<u8> {
        [&self.w(seconds)[..], &self.w(below), &self.w(frame.len() as u32), &self.w(wire), frame].concat()
    }
    /// A pcapng block.
    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let total = self.w(12 + padded as u32);
        [&self.w(kind)[..], &total, body, &vec![0; padded - body.len()], &total].concat()
    }
    fn section(self) -> Vec<u8> {
        self.block(0x0a0d_0d0a, &[&self.w(0x1a2b_3c4d)[..], &self.h(1), &self.h(0), &[0xff; 8]].concat())
    }
    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
        [&self.h(code)[..], &self.h(value.len() as u16), value, &padding].concat()
    }
    fn interface(self, link: u16, snap: u32, options: &[u8]) -> Vec<u8> {
        self.block(1, &[&self.h(link)[..], &[0, 0], &self.w(snap), options].concat())
    }
    fn enhanced(self, interface: u32, ticks: u64, wire: u32, frame: &[u8]) -> Vec<u8> {
        let (high, low) = (self.w((ticks >> 32) as u32), self.w(ticks as u32));
        let head = [self.w(interface), high, low, self.w(frame.len() as u32), self.w(wire)].concat();
        self.block(6, &[&head[..], frame].concat())
    }
    fn old_packet(self, interface: u16, ticks: u64, wire: u32, frame: &[u8]) -> Vec<u8> {
        let (high, low) = (self.w((ticks >> 32) as u32), self.w(ticks as u32));
        let words = [high, low, self.w(frame.len() as u32), self.w(wire)].concat();
        self.block(2, &[&self.h(interface)[..], &self.h(0), &words, frame].concat())
    }
    fn simple(self, wire: u32, frame: &[u8]) -> Vec<u8> {
        self.block(3, &[&self.w(wire)[..], frame].concat())
    }
    fn statistics(self, interface: u32, dropped: u64, os_dropped: u64) -> Vec<u8> {
        let options =
            [self.option(5, &self.l(dropped)), self.option(7, &self.l(os_dropped)), self.option(0, &[])];
        self.block(5, &[&self.w(interface)[..], &[0; 8], &options.concat()].concat())
    }
}

const BIG: Order = Order(true);
const LITTLE: Order = Order(false);

/// A pcapng capture with every kind of block, two sections of different byte order, five clocks.
fn everything() -> (Vec<u8>, Vec<Seen>) {
    let frame = |number, nanos, link, original_bytes, bytes: &[u8]| Seen {
        number,
        nanos,
        link,
        original_bytes,
        bytes: bytes.to_vec(),
    };
    let (b, l) = (BIG, LITTLE);
    let capture = [
        l.section(),
        l.interface(1, 4, &l.option(9, &[9])),
        l.interface(113, 0, &[l.option(2, b"eth1"), l.option(14, &l.l(100)), l.option(0, &[])].concat()),
        l.block(4, &[0; 24]),
        l.enhanced(0, 5_000_000_007, 60, b"first"),
        l.simple(9, b"simp"),
        l.block(0x0a, b"secrets of a key log, thirty-seven byt"),
        l.enhanced(1, 2_000_003, 3, b"sll"),
        l.old_packet(0, 6_000_000_000, 7, b"old one"),
        l.block(0x0bad, &[7; 60]),
        l.statistics(0, 3, 4),
        l.statistics(0, 5, 4),
        l.statistics(1, 1, 0),
        b.section(),
        b.interface(101, 0, &b.option(9, &[0x80 | 10])),
        b.interface(1, 0, &[b.option(9, &[12]), b.option(13, &[4])].concat()),
        b.simple(2, b"ip"),
        b.enhanced(0, 512, 2, b"ip"),
        b.enhanced(1, 1_999, 12, b"framefcs"),
        b.enhanced(1, 2_001, 8, b"framefcs"),
        b.enhanced(0, 1024, 0, b""),
        b.statistics(0, 1, 0),
    ];
    let expected = vec![
        frame(1, 5_000_000_007, LinkType::Ethernet, 60, b"first"),
        frame(2, 5_000_000_007, LinkType::Ethernet, 9, b"simp"),
        frame(3, 102_000_003_000, LinkType::LinuxSll, 3, b"sll"),
        frame(4, 6_000_000_000, LinkType::Ethernet, 7, b"old one"),
        frame(5, 0, LinkType::RawIp, 2, b"ip"),
        frame(6, 500_000_000, LinkType::RawIp, 2, b"ip"),
        frame(7, 1, LinkType::Ethernet, 8, b"framefcs"),
        frame(8, 2, LinkType::Ethernet, 4, b"fram"),
        frame(9, 1_000_000_000, LinkType::RawIp, 0, b""),
    ];
    (capture.concat(), expected)
}

fn three(order: Order, magic: u32) -> Vec<u8> {
    [
        order.pcap(magic, 1),
        order.record(10, 7, 5, b"first"),
        order.record(11, 999_999, 1500, b"cut"),
        order.record(9, 0, 0, b""),
    ]
    .concat()
}

fn three_seen(tick_nanos: i64) -> Vec<Seen> {
    let link = LinkType::Ethernet;
    let second = 1_000_000_000;
    let (number, original_bytes) = (1, 5);
    vec![
        Seen { number, nanos: 10 * second + 7 * tick_nanos, link, original_bytes, bytes: b"first".to_vec() },
        Seen {
            number: 2,
            nanos: 11 * second + 999_999 * tick_nanos,
            link,
            original_bytes: 1500,
            bytes: b"cut".to_vec(),
        },
        Seen { number: 3, nanos: 9 * second, link, original_bytes: 0, bytes: Vec::new() },
    ]
}

#[test]
fn pcap_is_read_in_both_byte_orders_and_resolutions() {
    for order in [BIG, LITTLE] {
        for (magic, tick_nanos) in [(0xa1b2_c3d4, 1000), (0xa1b2_3c4d, 1)] {
            let (frames, summary) = read(&three(order, magic));
            assert_eq!(frames, three_seen(tick_nanos));
            assert_eq!((summary.format, summary.compression, summary.frames), ("pcap", None, 3));
            assert_eq!(summary.first, Some(CaptureTime::from_nanos(9_000_000_000)));
            assert_eq!(summary.last, Some(CaptureTime::from_nanos(11_000_000_000 + 999_999 * tick_nanos)));
            assert_eq!(summary.links, [LinkType::Ethernet]);
            assert_eq!(summary.faults, []);
            assert_eq!(summary.bytes, three(order, magic).len() as u64);
        }
    }
}

#[test]
fn modified_pcap_has_longer_records() {
    let record = LITTLE.record(10, 7, 4, b"four");
    let record = [&record[..16], &[9; 8], &record[16..]].concat();
    let (frames, _) = read(&[LITTLE.pcap(0xa1b2_cd34, 113), record.clone(), record].concat());
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[1].bytes, b"four");
    assert_eq!((frames[1].nanos, frames[1].link), (10_000_007_000, LinkType::LinuxSll));
}

#[test]
fn frame_check_sequence_of_the_pcap_header_is_left_out() {
    // Two 16-bit units, the flag that they count, Ethernet.
    let header = LITTLE.pcap(0xa1b2_c3d4, 0x2400_0001);
    let records = [LITTLE.record(1, 0, 8, b"framefcs"), LITTLE.record(1, 0, 80, b"framefcs")].concat();
    let (frames, _) = read(&[header, records].concat());
    assert_eq!((frames[0].bytes.as_slice(), frames[0].original_bytes), (&b"fram"[..], 4));
    assert_eq!((frames[1].bytes.as_slice(), frames[1].original_bytes), (&b"framefcs"[..], 76));
}

#[test]
fn pcapng_is_read_with_every_block_type_section_and_clock() {
    let (capture, expected) = everything();
    let (frames, summary) = read(&capture);
    assert_eq!(frames, expected);
    assert_eq!(summary.format, "pcapng");
    assert_eq!(summary.links, [LinkType::Ethernet, LinkType::RawIp, LinkType::LinuxSll]);
    let faults: Vec<_> = summary.faults.iter().map(|fault| (fault.frame, fault.what.as_str())).collect();
    assert_eq!(faults, [(9, "the capturing side dropped 11 frames")]);
}

#[test]
fn resolutions_beyond_a_nanosecond_neither_overflow_nor_divide_by_zero() {
    for (resolution, expected) in
        [(0u8, i64::MAX), (9, i64::MAX), (12, 18_446_744_073_709_551), (127, 0), (255, 0)]
    {
        let clock = LITTLE.interface(1, 0, &LITTLE.option(9, &[resolution]));
        let (frames, summary) =
            read(&[LITTLE.section(), clock, LITTLE.enhanced(0, u64::MAX, 1, b"x")].concat());
        assert_eq!(frames[0].nanos, expected, "if_tsresol {resolution}");
        let is_noted = summary.faults.iter().any(|fault| fault.what.contains("beyond the year 2262"));
        assert_eq!(is_noted, expected == i64::MAX);
    }
}

/// Ends of the records of a pcap capture, or of the blocks of a pcapng capture.
fn ends(capture: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    if capture.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
        let (mut at, mut big) = (0, false);
        while at < capture.len() {
            if capture[at..].starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
                big = capture[at + 8] == 0x1a;
            }
            let length: [u8; 4] = capture[at + 4..at + 8].try_into().unwrap();
            at += if big { u32::from_be_bytes(length) } else { u32::from_le_bytes(length) } as usize;
            ends.push(at);
        }
    } else {
        let mut at = 24;
        ends.push(at);
        while at < capture.len() {
            at += 16 + usize::from(capture[at + 8]);
            ends.push(at);
        }
    }
    ends
}

#[test]
fn a_file_cut_at_any_byte_gives_what_is_whole_and_names_the_frame() {
    let (everything, _) = everything();
    for capture in [everything, three(LITTLE, 0xa1b2_c3d4)] {
        let (whole, _) = read(&capture);
        let ends = ends(&capture);
        assert_eq!(ends.last(), Some(&capture.len()));
        let header = if capture[0] == 0x0a { 16 } else { 24 };
        for cut in 0..capture.len() {
            let prefix = &capture[..cut];
            if cut < header {
                let why = refused(prefix);
                assert!(cut < 4 || why.contains("cut short"), "{cut}: {why}");
                continue;
            }
            let (frames, summary) = read(prefix);
            assert_eq!(frames, whole[..frames.len()], "cut at {cut}");
            // A frame is missing only where its record is not whole.
            let is_end = ends.contains(&cut);
            let last_end = ends.iter().rev().find(|end| **end <= cut);
            let upto_here = last_end.map_or(Vec::new(), |end| read(&capture[..*end]).0);
            assert_eq!(frames, upto_here, "cut at {cut}");
            let cut_fault = summary.faults.iter().find(|fault| fault.what.contains("ends inside"));
            assert_eq!(cut_fault.is_none(), is_end, "cut at {cut}: {:?}", summary.faults);
            if let Some(fault) = cut_fault {
                assert_eq!(fault.frame, frames.len() as u64 + 1);
                assert!(fault.offset <= cut as u64);
            }
        }
    }
}

#[test]
fn single_bytes_and_interruptions_change_nothing() {
    let (everything, _) = everything();
    for capture in [everything, three(BIG, 0xa1b2_3c4d), gzip(&three(LITTLE, 0xa1b2_c3d4))] {
        let (expected, whole) = read(&capture);
        let (frames, summary) = read_from(Box::new(Drip(Cursor::new(capture), false))).unwrap();
        assert_eq!(frames, expected);
        assert_eq!(summary.sha256, whole.sha256);
        assert_eq!((summary.bytes, summary.faults), (whole.bytes, whole.faults));
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    to.write_all(bytes).unwrap();
    to.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

#[test]
fn gzip_and_zstd_of_several_members_give_the_same_frames() {
    let (everything, _) = everything();
    for capture in [everything, three(BIG, 0xa1b2_3c4d)] {
        let (expected, plain) = read(&capture);
        for half in [0, 3, 30, capture.len()] {
            let (front, back) = capture.split_at(half);
            let skippable =
                [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd(front), &zstd(back)].concat();
            for (packed, name) in [([gzip(front), gzip(back)].concat(), "gzip"), (skippable, "zstd")] {
                let (frames, summary) = read(&packed);
                assert_eq!(frames, expected, "{name}");
                assert_eq!(summary.compression, Some(name));
                assert_eq!(summary.bytes, packed.len() as u64);
                assert_eq!(summary.faults, plain.faults);
            }
        }
    }
}

#[test]
fn a_cut_compressed_file_gives_what_unpacks_and_a_fault() {
    // Noise does not compress, so that most frames are there before the cut.
    let noise: Vec<u8> =
        (0u64..400_000).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    let records = noise.chunks(1000).map(|frame| LITTLE.record(1, 0, 1000, frame));
    let capture = [LITTLE.pcap(0xa1b2_c3d4, 1), records.collect::<Vec<_>>().concat()].concat();
    let (whole, _) = read(&capture);
    for packed in [gzip(&capture), zstd(&capture)] {
        let (frames, summary) = read(&packed[..packed.len() - 5000]);
        assert!(!frames.is_empty() && frames.len() < whole.len(), "{} frames", frames.len());
        assert_eq!(frames, whole[..frames.len()]);
        assert!(summary.faults[0].what.contains("reading stopped"), "{:?}", summary.faults);
        assert_eq!(summary.faults[0].frame, frames.len() as u64 + 1);
    }
}

#[test]
fn what_is_no_capture_is_refused_with_what_to_do() {
    let xz = b"\xfd7zXZ\0\0\x04 and more than twenty-four bytes";
    for (bytes, expected) in [
        (&b""[..], "empty file"),
        (b"# notes of the ward", "text"),
        (xz, "xz -d"),
        (&gzip(&gzip(b"twice")), "gzip file inside"),
        (&gzip(b""), "it is empty"),
        (&[1, 2, 3, 0xff], "01 02 03 ff"),
        (b"\x0a\x0d\x0d\x0a\x1c\0\0\0not its magic", "byte-order magic"),
        (&[&0xa1b2_c3d4u32.to_be_bytes()[..], &[0, 7], &[0; 18]].concat(), "version 7"),
    ] {
        let why = refused(bytes);
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn an_empty_capture_is_a_capture_of_no_frames() {
    for bytes in [LITTLE.pcap(0xa1b2_c3d4, 1), LITTLE.section(), gzip(&BIG.section())] {
        let (frames, summary) = read(&bytes);
        assert_eq!((frames.len(), summary.frames, summary.first), (0, 0, None));
        assert_eq!(summary.faults, []);
    }
}

#[test]
fn a_length_beyond_the_limit_ends_the_capture_before_a_buffer_grows() {
    let too_long = FRAME_BYTES_MAX as u32 + 1;
    let mut record = LITTLE.record(1, 0, 4, b"huge");
    record[8..12].copy_from_slice(&too_long.to_le_bytes());
    let pcap = [LITTLE.pcap(0xa1b2_c3d4, 1), LITTLE.record(1, 0, 3, b"one"), record].concat();
    let mut block = LITTLE.enhanced(0, 0, 4, b"huge");
    block[4..8].copy_from_slice(&(BLOCK_BYTES_MAX as u32 + 4).to_le_bytes());
    let front = [LITTLE.section(), LITTLE.interface(1, 0, &[]), LITTLE.enhanced(0, 0, 3, b"one")].concat();
    for (capture, offset) in [(pcap, 24 + 19), ([front.clone(), block].concat(), front.len() as u64)] {
        let (frames, summary) = read(&capture);
        assert_eq!(frames.len(), 1);
        assert_eq!((summary.faults[0].frame, summary.faults[0].offset), (2, offset));
        assert!(summary.faults[0].what.contains("claims"), "{:?}", summary.faults);
        // Hash and size are those of the whole file all the same.
        assert_eq!(summary.bytes, capture.len() as u64);
        assert_eq!(summary.sha256.unwrap().0, sha256(&capture));
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}

#[test]
fn the_longest_frame_is_read_whole() {
    let long: Vec<u8> = (0..FRAME_BYTES_MAX).map(|at| at as u8).collect();
    let wire = FRAME_BYTES_MAX as u32;
    let small = LITTLE.record(1, 0, 3, b"one");
    let pcap = [LITTLE.pcap(0xa1b2_c3d4, 1), small.clone(), LITTLE.record(2, 0, wire, &long), small].concat();
    let (frames, summary) = read(&pcap);
    assert_eq!(frames.len(), 3);
    assert!(frames[1].bytes == long && frames[2].bytes == b"one");
    assert_eq!(summary.faults, []);
}

#[test]
fn a_block_that_is_not_read_may_have_any_length() {
    let secrets = LITTLE.block(0x0a, &vec![b's'; 3 * BLOCK_BYTES_MAX + 1]);
    let front = [LITTLE.section(), LITTLE.interface(1, 0, &[])].concat();
    let (frames, summary) = read(&[front, secrets, LITTLE.enhanced(0, 1, 3, b"one")].concat());
    assert_eq!((frames.len(), summary.faults.len()), (1, 0));
}

#[test]
fn contradictions_inside_a_block_end_the_capture_there() {
    let front = [LITTLE.section(), LITTLE.interface(1, 0, &[]), LITTLE.enhanced(0, 1, 3, b"one")].concat();
    let mut lengths = LITTLE.enhanced(0, 1, 3, b"two");
    let end = lengths.len();
    lengths[end - 4] ^= 4;
    let mut skipped_lengths = LITTLE.block(0x0bad, b"whatever");
    skipped_lengths[16] ^= 4;
    let mut captured = LITTLE.enhanced(0, 1, 3, b"two");
    captured[20] = 200;
    let short = LITTLE.block(6, &[0; 8]);
    let tiny = [6, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0].to_vec();
    for (bad, expected) in [
        (lengths, "two lengths"),
        (skipped_lengths, "two lengths"),
        (captured, "claims 200 bytes"),
        (short, "shorter than its header"),
        (tiny, "at least 12"),
        (LITTLE.block(1, &[0; 4]), "at least 20"),
        (LITTLE.block(5, &[0; 4]), "at least 24"),
        (LITTLE.block(3, &[]), "shorter than its header"),
        (LITTLE.block(0x0a0d_0d0a, &[0; 16]), "byte-order magic"),
    ] {
        let (frames, summary) = read(&[front.clone(), bad, LITTLE.enhanced(0, 1, 5, b"three")].concat());
        assert_eq!(frames.len(), 1, "{expected}");
        assert!(summary.faults[0].what.contains(expected), "{:?}", summary.faults);
        assert_eq!(summary.faults[0].frame, 2);
    }
}

#[test]
fn packets_of_interfaces_that_are_not_described_are_left_out_with_a_fault() {
    let capture = [LITTLE.section(), LITTLE.simple(1, b"x"), LITTLE.interface(1, 0, &[])].concat();
    let packets = [LITTLE.enhanced(1, 1, 1, b"x"), LITTLE.enhanced(0, 1, 1, b"y")].concat();
    let (frames, summary) = read(&[capture, packets].concat());
    assert_eq!(frames.len(), 1);
    let faults: Vec<_> = summary.faults.iter().map(|fault| fault.what.as_str()).collect();
    assert_eq!(
        faults,
        [
            "a packet of interface 0, which is not described, is left out",
            "a packet of interface 1, which is not described, is left out",
        ]
    );
}

#[test]
fn interfaces_and_faults_are_bounded() {
    let mut capture = LITTLE.section();
    for _ in 0..=INTERFACES_MAX {
        capture.extend(LITTLE.interface(1, 0, &[]));
    }
    for _ in 0..FAULTS_MAX + 50 {
        capture.extend(LITTLE.enhanced(INTERFACES_MAX as u32, 1, 1, b"x"));
    }
    capture.extend(LITTLE.enhanced(INTERFACES_MAX as u32 - 1, 1, 1, b"y"));
    let (frames, summary) = read(&capture);
    assert_eq!(frames.len(), 1);
    assert_eq!(summary.faults.len(), FAULTS_MAX + 1);
    assert_eq!(summary.faults[FAULTS_MAX].what, "51 more faults are not listed");
}

#[test]
fn odd_times_and_lengths_are_kept_and_noted() {
    let records = [LITTLE.record(1, 2_000_000, 4, b"four"), LITTLE.record(1, 0, 2, b"four")].concat();
    let (frames, summary) = read(&[LITTLE.pcap(0xa1b2_c3d4, 1), records].concat());
    assert_eq!(frames[0].nanos, 3_000_000_000);
    assert_eq!((frames[1].original_bytes, frames[1].bytes.len()), (4, 4));
    let faults: Vec<_> = summary.faults.iter().map(|fault| (fault.frame, fault.what.as_str())).collect();
    assert_eq!(
        faults,
        [
            (1, "the part of the time below a second is 2000000000 ns"),
            (2, "4 bytes were captured of a frame of 2; all were kept"),
        ]
    );
}

#[test]
fn what_the_writers_write_is_read_back() {
    let long = vec![7u8; 70_000];
    let frame = |number, nanos, bytes, original_bytes| Frame {
        capture: 0,
        number,
        time: CaptureTime::from_nanos(nanos),
        link: LinkType::LinuxSll2,
        original_bytes,
        bytes,
    };
    let frames =
        [frame(1, 1, &b"a"[..], 1), frame(2, 4_294_967_295_999_999_999, &long, 70_000), frame(3, 5, b"", 9)];
    let mut pcap = PcapWriter::new(Vec::new(), LinkType::LinuxSll2, Resolution::Nanos).unwrap();
    let mut pcapng = PcapngWriter::new(Vec::new()).unwrap();
    for frame in &frames {
        pcap.write(frame).unwrap();
        pcapng.write(frame).unwrap();
    }
    let expected: Vec<_> = frames.iter().map(seen).collect();
    for written in [pcap.finish().unwrap(), pcapng.finish().unwrap()] {
        let (read_back, summary) = read(&written);
        assert!(read_back == expected, "{}", summary.format);
        assert_eq!(summary.faults, []);
    }
}

#[test]
fn writers_refuse_what_the_format_cannot_say() {
    let good = Frame {
        capture: 0,
        number: 1,
        time: CaptureTime::from_nanos(5_999),
        link: LinkType::Ethernet,
        original_bytes: 1,
        bytes: b"x",
    };
    let mut pcap = PcapWriter::new(Vec::new(), LinkType::Ethernet, Resolution::Micros).unwrap();
    pcap.write(&good).unwrap();
    let long = vec![0; FRAME_BYTES_MAX + 1];
    for bad in [
        Frame { link: LinkType::Null, ..good },
        Frame { time: CaptureTime::from_nanos(-1), ..good },
        Frame { time: CaptureTime::from_nanos(i64::MAX), ..good },
        Frame { bytes: &long, ..good },
    ] {
        assert_eq!(pcap.write(&bad).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
    // Nothing of the refused frames was written, and microseconds cut off what is below.
    let (frames, _) = read(&pcap.finish().unwrap());
    assert_eq!(frames.iter().map(|frame| frame.nanos).collect::<Vec<_>>(), [5_000]);
}

proptest::proptest! {
    #[test]
    fn noise_in_a_capture_never_panics(at in 0usize..900, noise in proptest::collection::vec(0u8.., 1..12)) {
        for mut capture in [everything().0, three(BIG, 0xa1b2_c3d4), gzip(&everything().0)] {
            for (to, from) in capture.iter_mut().skip(at).zip(&noise) {
                *to ^= from;
            }
            if let Ok((frames, summary)) = read_from(Box::new(Cursor::new(capture))) {
                assert_eq!(frames.len() as u64, summary.frames);
            }
        }
    }
}

#[test]
fn without_a_hash_nothing_is_read_after_the_damage() {
    let capture = [LITTLE.pcap(0xa1b2_c3d4, 1), LITTLE.record(1, 0, 3, b"one"), vec![0xff; 16]].concat();
    let endless = Cursor::new(capture).chain(io::repeat(0));
    let options = Options { hash: false, ..Options::default() };
    let mut captures = Captures::from_readers(vec![("endless".to_owned(), Box::new(endless))], &options);
    let mut batch = Batch::new();
    assert!(captures.fill(&mut batch));
    assert_eq!(batch.len(), 1);
    assert!(!captures.fill(&mut batch));
    assert!(captures.summaries()[0].faults[0].what.contains("nothing after it was read"));
}

#[test]
fn a_run_can_be_handed_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Captures>();
    is_send::<Batch>();
}

#[test]
fn errors_name_the_input() {
    let readers: Vec<ingest::NamedReader> =
        vec![("ward.pcap".to_owned(), Box::new(Cursor::new(b"no".to_vec())))];
    let captures = Captures::from_readers(readers, &Options::default());
    let rejected = &captures.rejected()[0];
    assert!(captures.is_empty());
    assert!(matches!(&rejected.error, CaptureError::NotACapture { path, .. } if path == "ward.pcap"));
}
