//! Any bytes as a dialogue: what the fuzz targets run, and what `cargo test` replays without a fuzzer.
//!
//! # Input format
//! ```text
//! 0      flags: bit 0-1 which of the protocol's transports, bit 2 midstream, bit 3 announced,
//!        bit 4 the client closes in order at the end, bit 5 the server does
//! then turns, to the end of the input:
//! 0..2   big-endian: bit 15 the server's, bit 14 a gap, bits 0-13 length in bytes
//! 2..    for a turn its bytes, at most what is left; for a gap nothing
//! ```
//! Over TCP a turn is part of a stream, over the others a datagram. [`encode`] writes this format, for seeds.
//!
//! # What must hold
//! No panic; every [`crate::Step`] keeps its rules; the transcript over TCP does not depend on how the bytes
//! were cut into segments, but for three things: a fault in a unit that never becomes whole may be told or
//! not, the range of a unit in several fragments may be its last one's, and after a gap a parser may find its
//! place again earlier with more at hand; a probe that claims some first bytes refuses no shorter prefix of them, because the
//! first segment of a flow may be that short.

use super::{Bench, Turn};
use crate::{Probe, Protocol, Start, Verdict};
use model::{Endpoint, Side, Transport};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

const MIDSTREAM: u8 = 1 << 2;
const ANNOUNCED: u8 = 1 << 3;
const CLIENT_CLOSES: u8 = 1 << 4;
const SERVER_CLOSES: u8 = 1 << 5;
const OF_SERVER: u16 = 1 << 15;
const IS_GAP: u16 = 1 << 14;
/// Longest turn that the format holds, in bytes.
const TURN_BYTES_MAX: usize = IS_GAP as usize - 1;
/// Prefixes of a first turn that are probed one by one. Our limit: it only keeps fuzzing fast.
const PREFIX_BYTES_MAX: usize = 64;

enum Part<'a> {
    Turn(Side, &'a [u8]),
    Gap(Side, u64),
}

/// Runs `input` through the parser and the probe of `protocol`.
///
/// # Panics
/// When something that must hold does not.
pub fn parser(protocol: &'static Protocol, input: &[u8]) {
    let Some((flags, rest)) = input.split_first() else { return };
    let parts = parts(rest);
    let start = start(protocol, *flags);
    probes(protocol, &start, &parts);
    let whole = transcript(protocol, &start, *flags, &parts, &mut |bytes| bytes);
    let complete = parts.iter().all(|part| matches!(part, Part::Turn(..)));
    if start.transport != Transport::Tcp
        || start.midstream
        || !complete
        || ends_with_segments(protocol, &parts)
    {
        return;
    }
    let bytewise = transcript(protocol, &start, *flags, &parts, &mut |_| 1);
    same(&whole, &bytewise, "byte by byte");
    let mut seed = input.iter().fold(0x1A2A_3E70_u64, |seed, byte| seed.rotate_left(5) ^ u64::from(*byte));
    let mut some = |bytes: usize| {
        // An odd multiplier of 64 bits (Knuth's MMIX): seeded by the input, so that a failure repeats.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        1 + usize::try_from(seed >> 33).unwrap_or(0) % bytes.min(40)
    };
    let cut = transcript(protocol, &start, *flags, &parts, &mut some);
    same(&whole, &cut, "in other segments");
}

/// What a run of the parser came to.
struct Told {
    transcript: String,
    /// The flow was given up.
    stopped: bool,
    /// A side's last unit was never complete.
    waiting: bool,
}

fn same(whole: &Told, pieces: &Told, how: &str) {
    // Who has more at hand may see a fault that the other waits to see.
    if whole.stopped && pieces.waiting || pieces.stopped && whole.waiting {
        return;
    }
    let faultless = |told: &Told| {
        let lines = told.transcript.lines().filter(|line| !line[1..].starts_with(" stop "));
        lines.map(rangeless).collect::<Vec<_>>().join("\n")
    };
    let (whole, pieces) = (faultless(whole), faultless(pieces));
    assert!(whole == pieces, "fed {how}:\n{pieces}\n--- whole\n{whole}");
}

/// A line without the range it points to, which of a unit in several fragments is the last step's input.
fn rangeless(line: &str) -> String {
    let mut words = line.splitn(3, ' ');
    match (words.next(), words.next(), words.next()) {
        (Some(side), Some(range), Some(rest)) if range.contains("..") => format!("{side} {rest}"),
        _ => line.to_owned(),
    }
}

/// Whether the protocol has no other end of a unit than the end of a segment: HL7 without its framing.
fn ends_with_segments(protocol: &Protocol, parts: &[Part<'_>]) -> bool {
    let header = |text: &[u8]| [b"MSH", b"FHS", b"BHS"].iter().any(|name| text.starts_with(*name));
    let bare =
        |turn: &[u8]| (0..turn.len()).any(|at| header(&turn[at..]) && (at == 0 || turn[at - 1] != 0x0B));
    protocol.name == "hl7" && parts.iter().any(|part| matches!(part, Part::Turn(_, turn) if bare(turn)))
}

fn start(protocol: &Protocol, flags: u8) -> Start {
    let endpoint = |last, port| Endpoint { ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)), port };
    let transports = protocol.transports;
    Start {
        transport: transports[usize::from(flags & 3) % transports.len()],
        client: endpoint(1, 50000),
        server: endpoint(2, protocol.ports.first().copied().unwrap_or(40000)),
        expected: (flags & ANNOUNCED != 0).then_some(1),
        midstream: flags & MIDSTREAM != 0,
    }
}

fn parts(mut rest: &[u8]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<2>() {
        let head = u16::from_be_bytes(*head);
        let side = if head & OF_SERVER != 0 { Side::Server } else { Side::Client };
        let bytes = usize::from(head) & TURN_BYTES_MAX;
        rest = after;
        if head & IS_GAP != 0 {
            parts.push(Part::Gap(side, 1 + bytes as u64));
        } else {
            let (turn, after) = rest.split_at(bytes.min(rest.len()));
            rest = after;
            parts.push(Part::Turn(side, turn));
        }
    }
    parts
}

/// What the parser reports when every turn is cut into segments of the lengths that `cut` gives for what is left.
fn transcript(
    protocol: &'static Protocol,
    start: &Start,
    flags: u8,
    parts: &[Part<'_>],
    cut: &mut dyn FnMut(usize) -> usize,
) -> Told {
    let mut bench = Bench::started(protocol, start);
    for part in parts {
        match *part {
            Part::Gap(side, bytes) if start.transport == Transport::Tcp => bench.gap(side, bytes),
            Part::Gap(..) => {}
            Part::Turn(side, mut turn) => {
                while !turn.is_empty() {
                    let (segment, rest) = turn.split_at(cut(turn.len()).min(turn.len()));
                    bench.feed(side, segment);
                    turn = rest;
                }
            }
        }
    }
    for (side, flag) in [(Side::Client, CLIENT_CLOSES), (Side::Server, SERVER_CLOSES)] {
        if flags & flag != 0 && start.transport == Transport::Tcp {
            bench.close(side);
        }
    }
    let turns =
        parts.iter().filter_map(|part| if let Part::Turn(_, turn) = part { Some(*turn) } else { None });
    bench.forgive_copies(&turns.collect::<Vec<_>>().concat());
    let (stopped, waiting) = (bench.given_up, bench.sides.iter().any(|side| !side.bytes.is_empty()));
    Told { transcript: bench.finish(), stopped, waiting }
}

/// Probes the first turn of each side, and its short prefixes.
fn probes(protocol: &Protocol, start: &Start, parts: &[Part<'_>]) {
    for side in [Side::Client, Side::Server] {
        let first = parts.iter().find_map(|part| match part {
            Part::Turn(of, turn) if *of == side && !turn.is_empty() => Some(*turn),
            _ => None,
        });
        let Some(turn) = first else { continue };
        for (server_port, midstream) in [(start.server.port, false), (40000, false), (40000, true)] {
            let probe = |bytes| {
                let input = turn.get(..bytes).unwrap_or(turn);
                let Start { transport, client, .. } = *start;
                let probe =
                    Probe { transport, side, client_port: client.port, server_port, input, midstream };
                (protocol.probe)(&probe)
            };
            let whole = probe(turn.len());
            for bytes in 1..turn.len().min(PREFIX_BYTES_MAX) {
                let refused = probe(bytes) == Verdict::NotForUs;
                let claimed = whole == Verdict::Certain && start.transport == Transport::Tcp && !midstream;
                assert!(
                    !(refused && claimed),
                    "the probe claims {turn:02x?} and refuses its first {bytes} bytes"
                );
            }
        }
    }
}

/// Name of the fuzz target of a protocol.
#[must_use]
pub fn target(protocol: &Protocol) -> String {
    protocol.name.replace('-', "_")
}

/// A dialogue in the input format; turns longer than the format holds are cut.
#[must_use]
pub fn encode(dialogue: &[Turn<'_>]) -> Vec<u8> {
    let mut input = vec![CLIENT_CLOSES | SERVER_CLOSES];
    for (side, bytes) in dialogue {
        let bytes = &bytes[..bytes.len().min(TURN_BYTES_MAX)];
        let side = if *side == Side::Server { OF_SERVER } else { 0 };
        input.extend_from_slice(&(side | bytes.len() as u16).to_be_bytes());
        input.extend_from_slice(bytes);
    }
    input
}

/// Where the checkout keeps seeds and crashes; `crate_folder` is `CARGO_MANIFEST_DIR` of a crate of it.
#[must_use]
pub fn folders(crate_folder: &str) -> [PathBuf; 2] {
    let root = Path::new(crate_folder).join("../..");
    [root.join("fuzz/seeds"), root.join("testdata/crashes")]
}

/// Every seed and every crash that is kept for `target`, with its path, in the order of their names.
///
/// # Panics
/// When one cannot be read.
#[must_use]
pub fn kept(crate_folder: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut paths: Vec<PathBuf> = folders(crate_folder)
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder.join(target)).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    let read = |path: PathBuf| match std::fs::read(&path) {
        Ok(bytes) => (path, bytes),
        Err(why) => panic!("{}: {why}", path.display()),
    };
    paths.into_iter().map(read).collect()
}

/// Writes `dialogue` as a seed of `protocol` where `LAZARET_SEEDS` names a folder: the unit tests of a parser
/// are its seeds. `LAZARET_SEEDS=$PWD/fuzz/seeds cargo test -p wire` makes them anew.
pub(super) fn write_seed(protocol: &Protocol, dialogue: &[Turn<'_>]) {
    let Some(folder) = std::env::var_os("LAZARET_SEEDS") else { return };
    let input = encode(dialogue);
    if input.len() > SEED_BYTES_MAX {
        return;
    }
    let folder = Path::new(&folder).join(target(protocol));
    let name = format!("{:016x}", model::stable_hash(&[&input]));
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(folder.join(name), &input));
    assert!(written.is_ok(), "cannot write a seed of {}: {written:?}", protocol.name);
}

/// Longest seed that is kept. Our limit: a fuzzer does more with short ones, and they live in the repository.
const SEED_BYTES_MAX: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::PROTOCOLS;

    #[test]
    fn every_seed_and_every_crash_of_every_parser_is_read_without_harm() {
        let mut harmed = Vec::new();
        for protocol in PROTOCOLS {
            for (path, bytes) in kept(env!("CARGO_MANIFEST_DIR"), &target(protocol)) {
                if std::panic::catch_unwind(|| parser(protocol, &bytes)).is_err() {
                    harmed.push(path);
                }
            }
        }
        assert!(harmed.is_empty(), "{harmed:?}");
    }

    #[test]
    fn every_protocol_has_a_fuzz_target_and_a_seed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let manifest = std::fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        for name in PROTOCOLS.iter().map(|protocol| target(protocol)) {
            let file = root.join(format!("fuzz/fuzz_targets/{name}.rs"));
            let source = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(source.contains(&format!("proto::{name}::PROTOCOL")), "write {}", file.display());
            assert!(manifest.contains(&format!("name = \"{name}\"\n")), "add {name} to fuzz/Cargo.toml");
            assert!(
                !kept(env!("CARGO_MANIFEST_DIR"), &name).is_empty(),
                "{name} has no seed: see write_seed"
            );
        }
    }

    #[test]
    fn the_input_format_is_what_encode_writes() {
        let dialogue: &[Turn<'_>] = &[(Side::Client, b"ab"), (Side::Server, b"c")];
        let input = encode(dialogue);
        assert_eq!(input, [0x30, 0x00, 0x02, b'a', b'b', 0x80, 0x01, b'c']);
        let parts = parts(&input[1..]);
        assert!(matches!(parts[..], [Part::Turn(Side::Client, b"ab"), Part::Turn(Side::Server, b"c")]));
        assert!(matches!(super::parts(&[0xC0, 0x09])[..], [Part::Gap(Side::Server, 10)]));
    }
}
