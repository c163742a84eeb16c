//! Connections as captures show them: any order of segments, copies, closing in every way, one side only.

#![expect(clippy::indexing_slicing, reason = "a test fails loudly")]

use flow::limits::{FLOWS_MAX, IDLE_TIMEOUT_NS, SHORT_TIMEOUT_NS};
use flow::testing::{STEP_NS, Tap, ethernet, everything, flag, ip, on_ethernet, said, tcp, udp};
use flow::{SHARDS, Shard, decode};
use model::{
    CaptureTime, CarriedFile, Fact, FlowEnd, FlowStart, FlowTotals, Frame, LinkType, Observation, Observed,
    Origin, Unparsed,
};
use proptest::prelude::*;
use std::net::IpAddr;
use std::sync::Arc;

const CLIENT: [u8; 4] = [192, 0, 2, 1];
const SERVER: [u8; 4] = [192, 0, 2, 2];
const REQUEST: &[u8] = b"GET /image.bin HTTP/1.1\r\nHost: ward.example\r\n\r\n";
/// SHA-256 of `abcdefgh`, by coreutils' sha256sum.
const EIGHT: &str = "9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab";
const UNTIL_CLOSE: &[u8] = b"HTTP/1.1 200 OK\r\n\r\nabcdefgh";

/// One connection from port 50000 to port 80, written frame by frame.
struct Wire {
    tap: Tap,
    port: u16,
    id: u16,
    /// Initial sequence numbers.
    initial: [u32; 2],
}

impl Wire {
    fn new() -> Self {
        Self { tap: Tap::new(everything()), port: 50_000, id: 0, initial: [1_000, 0xFFFF_FFF0] }
    }

    fn opened() -> Self {
        let mut wire = Self::new();
        wire.handshake();
        wire
    }

    fn handshake(&mut self) {
        self.client(-1, flag::SYN, b"");
        self.server(-1, flag::SYN | flag::ACK, b"");
        self.client(0, flag::ACK, b"");
    }

    fn frame(&mut self, from: usize, offset: i64, flags: u8, payload: &[u8]) -> Vec<u8> {
        self.id += 1;
        let seq = self.initial[from].wrapping_add(1).wrapping_add(offset as u32);
        let (ends, ports) = match from {
            0 => ([CLIENT, SERVER], [self.port, 80]),
            _ => ([SERVER, CLIENT], [80, self.port]),
        };
        let segment = tcp(ports[0], ports[1], seq, flags, payload);
        on_ethernet(&ip(ends[0].into(), ends[1].into(), 6, self.id, &segment))
    }

    /// The client sends the bytes at `offset` of its stream.
    fn client(&mut self, offset: i64, flags: u8, payload: &[u8]) {
        let frame = self.frame(0, offset, flags, payload);
        self.tap.push(&frame);
    }

    fn server(&mut self, offset: i64, flags: u8, payload: &[u8]) {
        let frame = self.frame(1, offset, flags, payload);
        self.tap.push(&frame);
    }

    fn ended(&mut self) -> &[Observation] {
        self.tap.finish();
        &self.tap.seen
    }
}

fn facts(seen: &[Observation]) -> impl Iterator<Item = &Fact> {
    seen.iter().filter_map(|observation| match &observation.observed {
        Observed::Fact(fact) => Some(fact),
        _ => None,
    })
}

fn carried(seen: &[Observation]) -> Vec<&CarriedFile> {
    facts(seen).filter_map(|fact| if let Fact::Carried(file) = fact { Some(&**file) } else { None }).collect()
}

fn starts(seen: &[Observation]) -> Vec<FlowStart> {
    facts(seen)
        .filter_map(|fact| if let Fact::FlowOpened(start) = fact { Some(**start) } else { None })
        .collect()
}

fn totals(seen: &[Observation]) -> Vec<&FlowTotals> {
    facts(seen)
        .filter_map(|fact| if let Fact::FlowEnded(totals) = fact { Some(&**totals) } else { None })
        .collect()
}

#[test]
fn a_connection_that_goes_on_tells_what_it_has_carried_where_somebody_asks_and_all_of_it_at_its_end() {
    let so_far = |seen: &[Observation]| -> Vec<[u64; 2]> {
        let told = facts(seen).filter_map(|fact| match fact {
            Fact::FlowGoesOn(totals) => Some(&**totals),
            _ => None,
        });
        told.map(|totals| (assert_eq!(totals.end, None), totals.sides.map(|side| side.payload_bytes)).1)
            .collect()
    };
    let (request, answer) = (REQUEST.len() as u64, UNTIL_CLOSE.len() as u64);
    let mut wire = Wire::opened();
    wire.client(0, flag::ACK, REQUEST);
    wire.tap.ask();
    assert_eq!(so_far(&wire.tap.seen), [[request, 0]]);
    // Another flow moves on. The first one did nothing, and is told once more alone since it was at the very moment of asking.
    let datagram = ip(CLIENT.into(), SERVER.into(), 17, 77, &udp(40_000, 9_999, b"x"));
    wire.tap.wait(1_000_000_000).push(&on_ethernet(&datagram)).ask();
    wire.tap.wait(1_000_000_000).push(&on_ethernet(&datagram)).ask();
    let told = so_far(&wire.tap.seen);
    assert_eq!(told.iter().filter(|bytes| **bytes == [request, 0]).count(), 2, "{told:?}");
    wire.server(0, flag::ACK, UNTIL_CLOSE);
    wire.tap.ask();
    assert!(so_far(&wire.tap.seen).contains(&[request, answer]));
    let ended = totals(wire.ended());
    assert!(ended.iter().all(|totals| totals.end == Some(FlowEnd::CaptureEnded)));
    assert!(ended.iter().any(|totals| totals.sides.map(|side| side.payload_bytes) == [request, answer]));
}

#[test]
fn a_body_that_ends_with_its_connection_is_whole_once_the_server_closed_in_order() {
    let mut wire = Wire::opened();
    wire.client(0, flag::ACK, REQUEST);
    wire.server(0, flag::ACK, UNTIL_CLOSE);
    assert_eq!(carried(&wire.tap.seen), Vec::<&CarriedFile>::new());
    wire.server(UNTIL_CLOSE.len() as i64, flag::ACK | flag::FIN, b"");
    let files = carried(&wire.tap.seen);
    assert_eq!(files.len(), 1);
    assert_eq!((files[0].whole, files[0].sha256.unwrap().to_string().as_str()), (true, EIGHT));
}

#[test]
fn a_fin_that_overtakes_the_last_bytes_does_not_cut_them_off() {
    let mut wire = Wire::opened();
    let end = UNTIL_CLOSE.len() as i64;
    wire.client(0, flag::ACK | flag::FIN, REQUEST);
    wire.server(0, flag::ACK, &UNTIL_CLOSE[..20]);
    wire.server(end, flag::ACK | flag::FIN, b"");
    wire.server(20, flag::ACK, &UNTIL_CLOSE[20..]);
    let seen = wire.ended();
    assert_eq!(carried(seen)[0].sha256.unwrap().to_string(), EIGHT);
    assert_eq!(totals(seen)[0].sides.map(|side| side.gap_bytes), [0, 0]);
}

#[test]
fn a_reset_in_place_of_the_close_leaves_the_body_not_whole() {
    let mut wire = Wire::opened();
    wire.client(0, flag::ACK, REQUEST);
    wire.server(0, flag::ACK, UNTIL_CLOSE);
    wire.server(UNTIL_CLOSE.len() as i64, flag::RST, b"");
    let files = carried(wire.ended());
    assert_eq!((files.len(), files[0].whole, files[0].sha256), (1, false, None));
}

#[test]
fn both_sides_may_close_at_once() {
    let mut wire = Wire::opened();
    wire.client(0, flag::ACK, REQUEST);
    wire.server(0, flag::ACK, UNTIL_CLOSE);
    let (client, server) = (REQUEST.len() as i64, UNTIL_CLOSE.len() as i64);
    wire.client(client, flag::ACK | flag::FIN, b"");
    wire.server(server, flag::ACK | flag::FIN, b"");
    wire.client(client + 1, flag::ACK, b"");
    wire.server(server + 1, flag::ACK, b"");
    let seen = wire.ended();
    assert_eq!((starts(seen).len(), carried(seen)[0].whole), (1, true));
    let totals = totals(seen);
    assert_eq!(
        totals[0].sides.map(|side| side.payload_bytes),
        [REQUEST.len() as u64, UNTIL_CLOSE.len() as u64]
    );
    assert_eq!(wire.tap.coverage().flows_parsed, 1);
}

#[test]
fn a_closed_connection_is_forgotten_soon_and_an_open_one_late() {
    let mut wire = Wire::opened();
    wire.client(0, flag::ACK, REQUEST);
    let stranger = on_ethernet(&ip([192, 0, 2, 7].into(), [192, 0, 2, 8].into(), 17, 1, &udp(1, 2, b"x")));
    wire.tap.wait(SHORT_TIMEOUT_NS + STEP_NS).push(&stranger);
    assert_eq!(wire.tap.flows(), 2, "an open connection may be silent");
    wire.tap.wait(SHORT_TIMEOUT_NS + STEP_NS).push(&stranger);
    // The stranger itself went idle, and came again.
    assert_eq!(
        totals(&wire.tap.seen).iter().map(|total| total.end).collect::<Vec<_>>(),
        [Some(FlowEnd::Idle)]
    );
    wire.server(0, flag::RST, b"");
    wire.tap.wait(SHORT_TIMEOUT_NS + STEP_NS).push(&stranger).push(&stranger);
    assert_eq!(wire.tap.flows(), 1, "a reset one is not kept");

    let mut wire = Wire::opened();
    wire.client(0, flag::ACK, REQUEST);
    wire.tap.wait(IDLE_TIMEOUT_NS + STEP_NS).push(&stranger);
    assert_eq!(totals(&wire.tap.seen)[0].end, Some(FlowEnd::Idle));
}

#[test]
fn a_port_used_again_is_another_flow() {
    let mut wire = Wire::opened();
    wire.client(0, flag::ACK, REQUEST);
    wire.initial = [77_000_000, 88_000_000];
    wire.handshake();
    wire.client(0, flag::ACK, REQUEST);
    let seen = wire.ended();
    assert_eq!(starts(seen).len(), 2);
    let ends: Vec<FlowEnd> = totals(seen).iter().filter_map(|total| total.end).collect();
    assert_eq!(ends, [FlowEnd::Closed, FlowEnd::CaptureEnded]);
    assert_eq!(wire.tap.coverage().flows_parsed, 2);
}

#[test]
fn a_port_used_again_after_a_close_may_even_start_with_the_same_number() {
    let mut wire = Wire::opened();
    wire.client(0, flag::ACK | flag::FIN, REQUEST);
    wire.server(0, flag::ACK | flag::FIN, UNTIL_CLOSE);
    wire.handshake();
    wire.client(0, flag::ACK, REQUEST);
    assert_eq!(starts(wire.ended()).len(), 2);
}

#[test]
fn a_syn_that_comes_again_ends_nothing() {
    let mut wire = Wire::opened();
    wire.client(0, flag::ACK, REQUEST);
    wire.client(-1, flag::SYN, b"");
    wire.server(-1, flag::SYN | flag::ACK, b"");
    wire.server(0, flag::ACK, UNTIL_CLOSE);
    wire.server(UNTIL_CLOSE.len() as i64, flag::ACK | flag::FIN, b"");
    let seen = wire.ended();
    assert_eq!((starts(seen).len(), carried(seen)[0].whole), (1, true));
}

#[test]
fn an_attempt_that_nobody_answers_may_start_with_another_number() {
    let mut wire = Wire::new();
    wire.client(-1, flag::SYN, b"");
    wire.initial[0] = 0x9000_0000;
    wire.handshake();
    wire.client(0, flag::ACK, REQUEST);
    let seen = wire.ended();
    assert_eq!(totals(seen)[0].sides[0].gap_bytes, 0);
    assert!(facts(seen).any(|fact| *fact == Fact::Speaks("http")));
    assert_eq!(starts(seen).len(), 1);
}

#[test]
fn a_refusal_is_told_and_is_no_answer() {
    let mut wire = Wire::new();
    wire.client(-1, flag::SYN, b"");
    wire.server(-1, flag::RST | flag::ACK, b"");
    let seen = wire.ended();
    assert!(facts(seen).any(|fact| *fact == Fact::Refused));
    assert!(!facts(seen).any(|fact| *fact == Fact::Answered));
    assert_eq!(wire.tap.coverage().flows_one_sided, 0);
}

#[test]
fn silence_is_no_answer() {
    let mut wire = Wire::new();
    for _ in 0..3 {
        wire.client(-1, flag::SYN, b"");
    }
    let seen = wire.ended();
    assert!(!facts(seen).any(|fact| matches!(fact, Fact::Answered | Fact::Refused)));
    assert_eq!((starts(seen).len(), wire.tap.coverage().flows_empty), (1, 1));
}

#[test]
fn one_captured_side_that_goes_on_was_answered() {
    let mut wire = Wire::new();
    wire.client(-1, flag::SYN, b"");
    wire.client(0, flag::ACK, REQUEST);
    let seen = wire.ended();
    assert!(seen.iter().any(|observation| said(observation).as_deref() == Some("server Fact(Answered)")));
    assert_eq!(wire.tap.coverage().flows_one_sided, 1);
}

#[test]
fn a_capture_that_starts_inside_a_connection_knows_its_sides_by_their_ports() {
    let mut wire = Wire::new();
    wire.server(0, flag::ACK, UNTIL_CLOSE);
    wire.client(0, flag::ACK, REQUEST);
    let seen = wire.ended();
    let start = starts(seen)[0];
    assert_eq!((start.client.port, start.server.port, start.midstream), (50_000, 80, true));
    assert!(facts(seen).any(|fact| *fact == Fact::Speaks("http")));
}

#[test]
fn a_hole_before_the_first_unit_is_told_to_the_probe() {
    let mut wire = Wire::opened();
    // 300 bytes are missing, and what follows is the rest of a line and then a request.
    wire.client(300, flag::ACK, b"est-of-a-line\r\n\r\n");
    for piece in 0..120 {
        wire.client(317 + piece * REQUEST.len() as i64, flag::ACK, REQUEST);
    }
    let seen = wire.ended();
    assert_eq!(totals(seen)[0].sides[0].gap_bytes, 300);
    assert!(facts(seen).any(|fact| matches!(fact, Fact::Lost(model::LossKind::StreamBytes, 300))));
}

#[test]
fn copies_of_a_mirror_port_count_once() {
    let dialogue = |copies: bool| {
        let mut wire = Wire::new();
        for (from, offset, flags, payload) in [
            (0, -1, flag::SYN, &b""[..]),
            (1, -1, flag::SYN | flag::ACK, b""),
            (0, 0, flag::ACK, REQUEST),
            (1, 0, flag::ACK | flag::FIN, UNTIL_CLOSE),
        ] {
            let frame = wire.frame(from, offset, flags, payload);
            wire.tap.push(&frame);
            if copies {
                // A routed copy: other stations, one hop further.
                let mut copy = frame.clone();
                copy[..12].copy_from_slice(&[2, 0, 0, 0, 0, 8, 2, 0, 0, 0, 0, 9]);
                copy[22] -= 1;
                wire.tap.wait(20_000).frame(LinkType::Ethernet, &copy, 0);
                wire.tap.wait(20_000).frame(LinkType::Ethernet, &frame, 0);
            }
        }
        wire
    };
    let (mut once, mut copied) = (dialogue(false), dialogue(true));
    let sides = |wire: &mut Wire| totals(wire.ended())[0].sides;
    let [client, server] = sides(&mut once);
    assert_eq!(sides(&mut copied).map(|side| side.frames), [client.frames, server.frames]);
    assert_eq!(once.tap.said(), copied.tap.said());
    assert_eq!((once.tap.coverage().frames_duplicate, copied.tap.coverage().frames_duplicate), (0, 8));
    assert_eq!(copied.tap.coverage().frames, 12);
}

#[test]
fn a_retransmission_is_no_copy() {
    let mut wire = Wire::opened();
    wire.client(0, flag::ACK, REQUEST);
    wire.client(0, flag::ACK, REQUEST);
    assert_eq!(totals(wire.ended())[0].sides[0].frames, 4);
    assert_eq!(wire.tap.coverage().frames_duplicate, 0);
}

#[test]
fn a_full_table_gives_up_attempts_before_connections_and_keeps_what_was_found() {
    const MORE: usize = 1_000;
    let mut wire = Wire::opened();
    wire.client(0, flag::ACK, REQUEST);
    for number in 0..FLOWS_MAX + MORE {
        let [_, a, b, c] = (number as u32).to_be_bytes();
        let syn = tcp(2_000, 23, 7, flag::SYN, b"");
        let frame = on_ethernet(&ip([10, a, b, c].into(), SERVER.into(), 6, 1, &syn));
        wire.tap.wait(100_000).frame(LinkType::Ethernet, &frame, 0);
    }
    assert_eq!(wire.tap.flows(), FLOWS_MAX);
    let evicted = totals(&wire.tap.seen);
    assert!(evicted.iter().all(|total| total.end == Some(FlowEnd::Evicted)));
    assert_eq!(evicted.len(), MORE + 1);
    // The connection is still read.
    wire.server(0, flag::ACK | flag::FIN, UNTIL_CLOSE);
    let coverage = wire.tap.coverage();
    assert_eq!((coverage.flows_evicted, coverage.flows), (MORE as u64 + 1, (FLOWS_MAX + MORE) as u64 + 1));
    assert_eq!(carried(&wire.tap.seen)[0].sha256.unwrap().to_string(), EIGHT);
}

#[test]
fn a_datagram_flow_ends_after_silence_and_its_next_datagram_is_another() {
    let asked = |id| {
        let datagram = udp(5_000, 9_999, b"\x01\x02\x03");
        on_ethernet(&ip(CLIENT.into(), SERVER.into(), 17, id, &datagram))
    };
    let mut tap = Tap::new(everything());
    tap.push(&asked(1)).wait(SHORT_TIMEOUT_NS - STEP_NS).push(&asked(2));
    assert_eq!(starts(&tap.seen).len(), 1);
    tap.wait(SHORT_TIMEOUT_NS + STEP_NS).push(&ethernet(0x0806, &[0; 28])).push(&asked(3)).finish();
    assert_eq!(starts(&tap.seen).len(), 2);
    assert!(facts(&tap.seen).any(|fact| *fact == Fact::Unparsed(Unparsed::Unknown)));
}

/// Frames of many conversations, with their times.
fn mixture() -> Vec<(i64, Vec<u8>)> {
    let mut frames = Vec::new();
    for number in 0..60_u8 {
        let (client, server): (IpAddr, IpAddr) = ([10, 0, 0, number].into(), [10, 0, 1, number % 7].into());
        let port = 40_000 + u16::from(number);
        let start = i64::from(number % 13) * 1_000_000;
        let mut turn = |place: i64, up: bool, seq: u32, flags: u8, payload: &[u8]| {
            let (from, to, ports) =
                if up { (client, server, [port, 80]) } else { (server, client, [80, port]) };
            let segment = tcp(ports[0], ports[1], seq, flags, payload);
            frames.push((start + place * 5_000_000, on_ethernet(&ip(from, to, 6, place as u16, &segment))));
        };
        turn(0, true, 0, flag::SYN, b"");
        turn(1, false, 100, flag::SYN | flag::ACK, b"");
        turn(2, true, 1, flag::ACK, REQUEST);
        turn(3, false, 101, flag::ACK | flag::FIN, UNTIL_CLOSE);
        let asks =
            udp(port, 53, b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x02bc\x00\x00\x01\x00\x01");
        frames.push((start, on_ethernet(&ip(client, server, 17, 9, &asks))));
    }
    frames.sort();
    frames
}

/// Pushes `mixture` through all shards, which take turns of `stride` frames in the order of `places`.
fn sharded(places: &[usize], stride: usize) -> Vec<String> {
    let options = Arc::new(everything());
    let mut shards: Vec<Shard> = (0..SHARDS as u8).map(|id| Shard::new(id, Arc::clone(&options))).collect();
    let frames = mixture();
    let view = |place: usize| {
        let (time, bytes) = &frames[place];
        let (time, original_bytes) = (CaptureTime::from_nanos(*time), bytes.len() as u32);
        Frame { capture: 0, number: place as u64 + 1, time, link: LinkType::Ethernet, original_bytes, bytes }
    };
    let mut queues: Vec<Vec<usize>> = vec![Vec::new(); SHARDS];
    (0..frames.len()).for_each(|place| queues[decode(&view(place)).shard()].push(place));
    let mut seen = Vec::new();
    while queues.iter().any(|queue| !queue.is_empty()) {
        for &shard in places {
            let count = stride.min(queues[shard].len());
            for place in queues[shard].drain(..count) {
                let frame = view(place);
                shards[shard].push(frame.number, &frame, &decode(&frame), &mut seen);
            }
        }
    }
    places.iter().for_each(|shard| shards[*shard].finish(&mut seen));
    // The judge's order is by frame, then by shard; within both as the shard said it.
    seen.sort_by_key(|observation| {
        let shard = if let Origin::Flow(flow, _) = observation.origin { flow.shard } else { u8::MAX };
        (observation.order, shard)
    });
    seen.iter().map(|observation| format!("{observation:?}")).collect()
}

#[test]
fn shards_say_the_same_however_their_work_is_interleaved() {
    let forward: Vec<usize> = (0..SHARDS).collect();
    let backward: Vec<usize> = (0..SHARDS).rev().collect();
    let one = sharded(&forward, 1);
    assert!(one.len() > 600, "{}", one.len());
    assert_eq!(one, sharded(&backward, 3));
    assert_eq!(one, sharded(&forward, usize::MAX));
}

/// How a stream of `bytes` bytes comes over the wire: the pieces in the order of their arrival.
#[derive(Clone, Debug)]
struct Arrival {
    pieces: Vec<(usize, usize)>,
}

/// Cuts anywhere, lets pieces overlap the next ones, repeats some, and swaps neighbours within eight places.
fn arrival(bytes: usize) -> impl Strategy<Value = Arrival> {
    let piece = (1_usize..60, 0_usize..20, any::<bool>(), 0_usize..8);
    proptest::collection::vec(piece, 1..40).prop_map(move |cuts| {
        let (mut pieces, mut at) = (Vec::new(), 0);
        for (place, (length, over, again, late)) in cuts.iter().cycle().enumerate() {
            if at >= bytes || pieces.len() > 80 {
                break;
            }
            let end = if pieces.len() == 80 { bytes } else { (at + length).min(bytes) };
            pieces.push((place + late, at, (end + over).min(bytes)));
            if *again {
                pieces.push((place + 2 * late, at.saturating_sub(*over), end));
            }
            at = end;
        }
        if at < bytes {
            pieces.push((usize::MAX, at, bytes));
        }
        pieces.sort_by_key(|(place, ..)| *place);
        Arrival { pieces: pieces.into_iter().map(|(_, start, end)| (start, end)).collect() }
    })
}

fn exchange(initial: [u32; 2], request: &Arrival, answer: &[u8], answered: &Arrival) -> (String, [u64; 4]) {
    let mut wire = Wire::new();
    wire.initial = initial;
    wire.handshake();
    for (from, stream, arrival) in [(0, REQUEST, request), (1, answer, answered)] {
        for (start, end) in &arrival.pieces {
            // The FIN travels with the last byte, wherever that stands in the order of arrival.
            let fin = if *end == stream.len() && from == 1 { flag::FIN } else { 0 };
            let frame = wire.frame(from, *start as i64, flag::ACK | fin, &stream[*start..*end]);
            wire.tap.push(&frame);
        }
    }
    let seen = wire.ended();
    let sides = totals(seen)[0].sides;
    assert_eq!(starts(seen).len(), 1);
    let sums = [sides[0].payload_bytes, sides[1].payload_bytes, sides[0].gap_bytes, sides[1].gap_bytes];
    (wire.tap.said(), sums)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_says_the_same_however_its_segments_come(
        initial in prop_oneof![Just([1, 1]), Just([u32::MAX - 5, u32::MAX - 300]), any::<[u32; 2]>()],
        request in arrival(REQUEST.len()),
        (answer, answered) in proptest::collection::vec(any::<u8>(), 0..900).prop_flat_map(|body| {
            let answer = [b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n", &body[..]].concat();
            let bytes = answer.len();
            (Just(answer), arrival(bytes))
        }),
    ) {
        let straight = |bytes| Arrival { pieces: vec![(0, bytes)] };
        let (whole, sums) =
            exchange([1, 1], &straight(REQUEST.len()), &answer, &straight(answer.len()));
        prop_assert_eq!(sums, [REQUEST.len() as u64, answer.len() as u64, 0, 0]);
        let (pieces, piece_sums) = exchange(initial, &request, &answer, &answered);
        prop_assert_eq!(sums, piece_sums);
        prop_assert_eq!(whole, pieces);
    }
}
