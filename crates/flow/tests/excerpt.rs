//! Frames kept as evidence: what may not be seen is overwritten in every frame that brought it, and what was right about
//! lengths, headers and checksums is right after it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails loudly")]

use flow::testing::{STEP_NS, ethernet, flag, ip, on_ethernet, tcp, udp};
use flow::{CutFrame, Cutting, Excerpt, Options, SHARDS, Shard, UnitSeen, decode};
use model::{CaptureTime, Evidence, Frame, LinkType, Schema};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

const MONITOR: &str = "10.1.2.3";
const SERVER: &str = "10.4.5.6";

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum()
}

fn folded(mut sum: u32) -> u16 {
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    u16::try_from(sum).unwrap()
}

/// Sum over a transport's pseudo header and bytes: 0xFFFF where its checksum is right (RFC 1071).
fn transport_sum(from: &str, to: &str, protocol: u8, segment: &[u8]) -> u16 {
    let octets = |text: &str| match address(text) {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let length = u32::try_from(segment.len()).unwrap();
    folded(sum(&octets(from)) + sum(&octets(to)) + u32::from(protocol) + length + sum(segment))
}

/// The segment with its checksum at `at` set right.
fn right(from: &str, to: &str, protocol: u8, at: usize, mut segment: Vec<u8>) -> Vec<u8> {
    let checksum = !transport_sum(from, to, protocol, &segment);
    segment[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
    segment
}

fn tcp_frame(from: &str, to: &str, ports: (u16, u16), seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let segment = right(from, to, 6, 16, tcp(ports.0, ports.1, seq, flags, payload));
    on_ethernet(&ip(address(from), address(to), 6, 7, &segment))
}

fn udp_frame(from: &str, to: &str, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    on_ethernet(&ip(
        address(from),
        address(to),
        17,
        7,
        &right(from, to, 17, 6, udp(ports.0, ports.1, payload)),
    ))
}

/// Cuts around frame `wanted` of these Ethernet frames.
fn cut(frames: &[Vec<u8>], wanted: u64) -> Cutting {
    cut_every(frames, wanted, STEP_NS)
}

/// The same where a frame comes every `step_ns`.
fn cut_every(frames: &[Vec<u8>], wanted: u64, step_ns: i64) -> Cutting {
    cut_with_units(frames, wanted, step_ns).0
}

/// The same, with the units of protocols in all frames.
fn cut_with_units(
    frames: &[Vec<u8>],
    wanted: u64,
    step_ns: i64,
) -> (Cutting, BTreeMap<Evidence, Vec<UnitSeen>>) {
    let frame = |(at, bytes): (usize, &Vec<u8>)| -> (u64, CaptureTime, Vec<u8>) {
        let number = at as u64 + 1;
        let time = 1_700_000_000_000_000_000 + i64::try_from(number).unwrap() * step_ns;
        (number, CaptureTime::from_nanos(time), bytes.clone())
    };
    let frames: Vec<_> = frames.iter().enumerate().map(frame).collect();
    let each = |frames: &[(u64, CaptureTime, Vec<u8>)], act: &mut dyn FnMut(u64, &Frame<'_>)| {
        for (number, time, bytes) in frames {
            let (link, original_bytes) = (LinkType::Ethernet, bytes.len() as u32);
            act(*number, &Frame { capture: 0, number: *number, time: *time, link, original_bytes, bytes });
        }
    };
    let mut excerpt = Excerpt::new([Evidence { capture: 0, frame: wanted }]);
    each(&frames, &mut |_, frame| excerpt.look(frame, &decode(frame)));
    assert_eq!(excerpt.missing().count(), 0);
    let (witness, keeper) = (Some(excerpt.witness()), Some(excerpt.keeper()));
    let wants_message: Arc<dyn Fn(&'static Schema) -> bool + Send + Sync> = Arc::new(|_| true);
    let options = Arc::new(Options { witness, keeper, wants_message, ..Options::default() });
    let mut shards: Vec<Shard> = (0..).take(SHARDS).map(|id| Shard::new(id, Arc::clone(&options))).collect();
    let mut out = Vec::new();
    each(&frames, &mut |order, frame| {
        let decoded = decode(frame);
        if excerpt.offer(frame, &decoded) {
            shards[decoded.shard()].push(order, frame, &decoded, &mut out);
        }
    });
    shards.iter_mut().for_each(|shard| shard.finish(&mut out));
    let all = frames.iter().map(|(number, _, _)| Evidence { capture: 0, frame: *number }).collect();
    let units = excerpt.units(&all);
    let cutting = excerpt.finish();
    for cut in &cutting.frames {
        let (_, _, before) = &frames[usize::try_from(cut.evidence.frame).unwrap() - 1];
        assert_eq!(cut.bytes.len(), before.len());
        // Headers of link and network are untouched.
        assert_eq!(cut.bytes[..34], before[..34]);
    }
    (cutting, units)
}

fn payload_of(frame: &CutFrame, header_bytes: usize) -> &[u8] {
    &frame.bytes[14 + 20 + header_bytes..]
}

fn tells(cutting: &Cutting, secret: &[u8]) -> bool {
    cutting.frames.iter().any(|frame| frame.bytes.windows(secret.len()).any(|bytes| bytes == secret))
}

/// Payload bytes of a TCP stream in one direction, one frame for each piece.
fn stream(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let ports = (50_000, 2575);
    let mut frames = vec![
        tcp_frame(MONITOR, SERVER, ports, 99, flag::SYN, b""),
        tcp_frame(SERVER, MONITOR, (2575, 50_000), 499, flag::SYN | flag::ACK, b""),
    ];
    let mut seq = 100;
    for piece in pieces {
        frames.push(tcp_frame(MONITOR, SERVER, ports, seq, flag::ACK | flag::PSH, piece));
        seq += u32::try_from(piece.len()).unwrap();
    }
    frames
}

const HL7: &[u8] = b"\x0bMSH|^~\\&|MON|ICU|EHR|HOSP|20260101||ORU^R01|1|P|2.5\r\
    PID|1||T-000123^^^HOSP||Mustermann^Erika||19600101|F\rOBX|1|NM|8867-4^HR^LN||72|/min\r\x1c\r";

#[test]
fn a_name_across_two_segments_is_overwritten_in_both_and_the_message_still_parses() {
    let at = HL7.windows(10).position(|bytes| bytes == b"Mustermann").unwrap() + 4;
    for cut_at in [at, 30, HL7.len() - 3] {
        let cutting = cut(&stream(&[&HL7[..cut_at], &HL7[cut_at..]]), 3);
        for name in [&b"Must"[..], b"ermann", b"Erika", b"T-000123", b"19600101"] {
            assert!(!tells(&cutting, name), "{} at {cut_at}", name.escape_ascii());
        }
        let text: Vec<u8> =
            cutting.frames[2..4].iter().flat_map(|frame| payload_of(frame, 20).to_vec()).collect();
        let expected = b"\x0bMSH|^~\\&|MON|ICU|EHR|HOSP|20260101||ORU^R01|1|P|2.5\r\
            PID|0||00000000^^^0000||0000000000^00000||00000000|0\rOBX|1|NM|8867-4^HR^LN||72|/min\r\x1c\r";
        assert_eq!(text.escape_ascii().to_string(), expected.escape_ascii().to_string());
        for frame in &cutting.frames[2..4] {
            assert_eq!(transport_sum(MONITOR, SERVER, 6, &frame.bytes[34..]), 0xFFFF, "{:?}", frame.evidence);
        }
        assert!(cutting.frames[2].wanted && !cutting.frames[3].wanted);
    }
}

#[test]
fn units_are_told_with_their_places_and_without_what_is_a_patients() {
    let at = HL7.windows(10).position(|bytes| bytes == b"Mustermann").unwrap() + 4;
    for pieces in [&[HL7][..], &[&HL7[..at], &HL7[at..]]] {
        let (cutting, units) = cut_with_units(&stream(pieces), 3, STEP_NS);
        let seen: Vec<(&Evidence, &UnitSeen)> =
            units.iter().flat_map(|(frame, units)| units.iter().map(move |unit| (frame, unit))).collect();
        assert!(!seen.is_empty());
        for (evidence, unit) in &seen {
            let frame = cutting.frames.iter().find(|frame| frame.evidence == **evidence).unwrap();
            // Behind the headers, within the frame.
            assert!(unit.offset >= 54 && unit.bytes > 0, "{unit:?}");
            assert!(unit.offset + unit.bytes <= frame.bytes.len(), "{unit:?}");
            for (field, value) in &unit.unit.message.fields {
                let value = value.to_string();
                for name in ["Mustermann", "Erika", "T-000123", "19600101"] {
                    assert!(!value.contains(name), "{}: {value}", field.name);
                }
            }
        }
        assert!(seen.iter().any(|(_, unit)| !unit.unit.withheld.is_empty()), "nothing was withheld");
        // What spans two segments is told in both, and begins in one.
        let begun = seen.iter().filter(|(_, unit)| unit.begins).count();
        assert!(begun > 0 && (begun == seen.len()) == (pieces.len() == 1), "{begun} of {}", seen.len());
    }
}

#[test]
fn what_is_sent_again_looks_as_it_did_and_other_bytes_at_its_place_are_overwritten() {
    let mut frames = stream(&[HL7]);
    frames.push(frames[2].clone());
    let mut forged = HL7.to_vec();
    forged[5..10].copy_from_slice(b"Erika");
    frames.push(tcp_frame(MONITOR, SERVER, (50_000, 2575), 100, flag::ACK, &forged));
    let cutting = cut(&frames, 3);
    let [first, again, other] = [2, 3, 4].map(|at| payload_of(&cutting.frames[at], 20).to_vec());
    assert_eq!(first, again);
    assert!(first.starts_with(b"\x0bMSH|^~"));
    assert_eq!(other[..12], *b"\x0bMSH|00000MO", "{}", other.escape_ascii());
    assert!(!tells(&cutting, b"Erika"));
    assert_eq!(transport_sum(MONITOR, SERVER, 6, &cutting.frames[4].bytes[34..]), 0xFFFF);
}

#[test]
fn bytes_that_no_parser_read_are_overwritten() {
    let secret = b"patient Erika Mustermann in a protocol that nobody knows, at some length";
    let cutting = cut(&stream(&[secret]), 3);
    assert_eq!(payload_of(&cutting.frames[2], 20), vec![b'0'; secret.len()]);
    assert_eq!(cutting.frames[2].concealed_bytes, secret.len() as u32);
    let mut padded = stream(&[secret]);
    padded[2].extend_from_slice(b"Erika");
    let cutting = cut(&padded, 3);
    assert!(
        cutting.frames[2].bytes.ends_with(b"000\0\0\0\0\0"),
        "what lies behind a packet is overwritten too"
    );
}

/// SNMP with the community `secretcommunity`, which fragments cut in two.
fn fragments() -> Vec<Vec<u8>> {
    let community = b"secretcommunity";
    let mut message = vec![0x30, 0x2F, 2, 1, 0, 4, 15];
    message.extend_from_slice(community);
    message.extend_from_slice(&[
        0xA0, 0x19, 2, 1, 1, 2, 1, 0, 2, 1, 0, 0x30, 0x0E, 0x30, 0x0C, 6, 8, 0x2B, 6, 1, 2, 1, 1, 1, 0, 5, 0,
    ]);
    let datagram = right(MONITOR, SERVER, 17, 6, udp(40_000, 161, &message));
    let part = |range: std::ops::Range<usize>, more: bool| {
        let mut packet = ip(address(MONITOR), address(SERVER), 17, 77, &datagram[range.clone()]);
        let offset = u16::try_from(range.start / 8).unwrap() | if more { 0x2000 } else { 0 };
        packet[6..8].copy_from_slice(&offset.to_be_bytes());
        on_ethernet(&packet)
    };
    vec![part(0..24, true), part(24..datagram.len(), false)]
}

#[test]
fn a_secret_in_two_fragments_is_overwritten_in_both_and_the_first_has_the_right_checksum() {
    for order in [[0, 1], [1, 0]] {
        let frames = fragments();
        let frames: Vec<Vec<u8>> = order.iter().map(|at| frames[*at].clone()).collect();
        let cutting = cut(&frames, 2);
        assert_eq!(cutting.frames.len(), 2);
        assert!(!tells(&cutting, b"secretcom") && !tells(&cutting, b"munity"));
        let part = |at: usize| &cutting.frames[order.iter().position(|one| *one == at).unwrap()].bytes[34..];
        let whole = [part(0), part(1)].concat();
        assert_eq!(whole[8..15], [0x30, 0x2F, 2, 1, 0, 4, 15], "the message still parses");
        assert_eq!(whole[15..30], [b'0'; 15]);
        assert_eq!(transport_sum(MONITOR, SERVER, 17, &whole), 0xFFFF, "{order:?}");
    }
}

#[test]
fn fragments_that_overlap_are_overwritten_whole() {
    let mut frames = fragments();
    let mut overlap = frames[1].clone();
    overlap[14 + 7] = 2;
    frames.insert(1, overlap);
    let cutting = cut(&frames, 1);
    for frame in &cutting.frames {
        let header = if frame.evidence.frame == 1 { 8 } else { 0 };
        assert!(payload_of(frame, header).iter().all(|byte| *byte == b'0'), "{:?}", frame.evidence);
    }
}

#[test]
fn in_a_tunnel_both_checksums_stay_right() {
    let inner = tcp_frame(MONITOR, SERVER, (50_000, 9), 1, flag::ACK, b"nobody knows this protocol");
    let vxlan = [&[8, 0, 0, 0, 0, 0, 5, 0], &inner[..]].concat();
    let frames = [udp_frame("192.0.2.1", "192.0.2.2", (50_001, 4789), &vxlan)];
    let cutting = cut(&frames, 1);
    let bytes = &cutting.frames[0].bytes;
    assert!(bytes.ends_with(&[b'0'; 26]));
    assert_eq!(transport_sum("192.0.2.1", "192.0.2.2", 17, &bytes[34..]), 0xFFFF, "outside");
    assert_eq!(transport_sum(MONITOR, SERVER, 6, &bytes[34 + 8 + 8 + 34..]), 0xFFFF, "inside");
}

#[test]
fn a_checksum_that_is_none_stays_none_and_a_wrong_one_wrong() {
    let payload = b"nobody knows this protocol either";
    let none = on_ethernet(&ip(address(MONITOR), address(SERVER), 17, 7, &udp(40_000, 9, payload)));
    assert_eq!(cut(&[none], 1).frames[0].bytes[34 + 6..34 + 8], [0, 0]);
    let mut wrong = udp_frame(MONITOR, SERVER, (40_000, 9), payload);
    let right = cut(&[wrong.clone()], 1).frames[0].bytes.clone();
    wrong[34 + 7] ^= 1;
    let still = cut(&[wrong], 1).frames[0].bytes.clone();
    assert_ne!(right[34 + 6..34 + 8], still[34 + 6..34 + 8]);
    assert_eq!(transport_sum(MONITOR, SERVER, 17, &right[34..]), 0xFFFF);
    assert_ne!(transport_sum(MONITOR, SERVER, 17, &still[34..]), 0xFFFF);
}

#[test]
fn other_hosts_stay_out_and_who_owns_the_addresses_comes_along() {
    let mut frames = vec![
        ethernet(
            0x0806,
            &[0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 1, 2, 3, 0, 0, 0, 0, 0, 0, 10, 4, 5, 6, 9, 9],
        ),
        tcp_frame("10.9.9.9", SERVER, (1, 2), 1, flag::SYN, b""),
        udp_frame(MONITOR, SERVER, (40_000, 9), b"other flow of the same hosts"),
    ];
    frames.extend(stream(&[HL7]));
    let cutting = cut(&frames, 6);
    let numbers: Vec<u64> = cutting.frames.iter().map(|frame| frame.evidence.frame).collect();
    assert_eq!(numbers, [1, 3, 4, 5, 6]);
    assert!(
        cutting.frames[0].bytes.ends_with(&[10, 4, 5, 6, 0, 0]),
        "ARP is shown, and not what lies behind it"
    );
    assert_eq!((cutting.left_out, cutting.copies), (0, 0));
}

#[test]
fn copies_of_a_mirror_port_are_left_out_and_counted() {
    let frames = stream(&[HL7]);
    let mut doubled = frames.clone();
    doubled.insert(2, frames[1].clone());
    let cutting = cut_every(&doubled, 4, 1_000);
    let numbers: Vec<u64> = cutting.frames.iter().map(|frame| frame.evidence.frame).collect();
    assert_eq!((numbers.as_slice(), cutting.copies), (&[1, 2, 4][..], 1));
}

#[test]
fn a_long_connection_is_cut_to_its_start_and_to_what_came_just_before() {
    let piece = [b'.'; 8];
    let pieces: Vec<&[u8]> = vec![&piece; 22_000];
    let frames = stream(&pieces);
    let wanted = 21_900;
    let cutting = cut(&frames, wanted);
    let numbers: Vec<u64> = cutting.frames.iter().map(|frame| frame.evidence.frame).collect();
    let start = flow::limits::EXCERPT_FRAMES_MAX as u64;
    let recent = flow::limits::RECENT_FRAMES_MAX as u64;
    assert!(numbers.starts_with(&(1..=start).collect::<Vec<_>>()));
    let end: Vec<u64> = (wanted - recent..=wanted + flow::limits::TAIL_FRAMES_MAX as u64).collect();
    assert!(numbers.ends_with(&end), "{:?}", &numbers[numbers.len() - 400..]);
    assert_eq!(cutting.left_out, wanted - recent - start - 1);
}
