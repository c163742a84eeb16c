//! TCP conversations: handshake, segments, acknowledgements, retransmission, close.
//!
//! The mirror hangs near the client: what the client sends is seen at once, what the server answers a
//! round trip later. Both ends share this one state, so sequence and acknowledgement numbers always
//! agree; nothing is lost on the simulated cable itself (the `loss` scenario loses frames of the capture).

use crate::cable::{Cable, Way};
use crate::packet::{self, Host, Port, Segment, flag};
use crate::random::Random;
use model::CaptureTime;

/// Maximum segment size both ends announce (Ethernet without IP or TCP options).
const SEGMENT_BYTES_MAX: usize = 1460;
/// Segments in flight before the sender waits for an acknowledgement: under the 65,535-byte window.
const FLIGHT_SEGMENTS_MAX: usize = 16;
/// One full frame on 100 Mbit/s Ethernet.
const FRAME_NANOS: i64 = 123_000;
/// How long the ward's side takes to acknowledge.
const LOCAL_TURN_NANOS: i64 = 180_000;
/// Retransmission timeout: the floor of Linux.
const RETRANSMIT_NANOS: i64 = 204_000_000;
/// Share of sends whose last segment is sent twice because its acknowledgement came too late.
const RETRANSMIT_CHANCE: f64 = 0.002;

/// Which end speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    /// The end that opened.
    Client,
    /// The end that was called.
    Server,
}

/// One end.
#[derive(Clone, Copy, Debug)]
struct Socket {
    port: Port,
    seq: u32,
    id: u16,
    window: u16,
}

/// A connection.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    client: Socket,
    server: Socket,
    round_trip_nanos: i64,
    answers: Way,
    random: Random,
}

impl Link {
    /// A connection not yet opened; sequence numbers and IP ids come from `random`.
    pub(crate) fn new(client: Port, server: Port, round_trip_nanos: i64, random: &mut Random) -> Self {
        let mut socket = |port, window| Socket { port, seq: random.word32(), id: random.word16(), window };
        let client = socket(client, 29_200);
        let server = socket(server, 64_240);
        Self { client, server, round_trip_nanos, answers: Way::Any, random: random.fork(0x7C9) }
    }

    /// Marks the server's frames as answers to a telemetry stream.
    pub(crate) fn telemetry(mut self) -> Self {
        self.answers = Way::StreamAnswer;
        self
    }

    fn turn_nanos(&self, speaker: Side) -> i64 {
        match speaker {
            Side::Client => self.round_trip_nanos,
            Side::Server => LOCAL_TURN_NANOS,
        }
    }

    fn emit(&mut self, cable: &mut Cable, side: Side, at: CaptureTime, flags: u8, payload: &[u8]) {
        const SYN_OPTIONS: &[u8] = &[2, 4, 0x05, 0xB4, 4, 2, 1, 1];
        let options = if flags & flag::SYN != 0 { SYN_OPTIONS } else { &[] };
        let (from, to) = match side {
            Side::Client => (&mut self.client, &self.server),
            Side::Server => (&mut self.server, &self.client),
        };
        let ack = if flags & flag::ACK != 0 { to.seq } else { 0 };
        let segment = Segment { seq: from.seq, ack, flags, window: from.window, options, payload };
        from.id = from.id.wrapping_add(1);
        let way = if side == Side::Server { self.answers } else { Way::Any };
        cable.put(at, way, packet::tcp(from.port, to.port, from.id, &segment));
        let phantom = u32::from(flags & (flag::SYN | flag::FIN) != 0);
        from.seq = from.seq.wrapping_add(payload.len() as u32).wrapping_add(phantom);
    }

    /// A first segment that nobody answers; repeating it keeps the sequence number.
    pub(crate) fn knock(&mut self, cable: &mut Cable, at: CaptureTime) {
        let seq = self.client.seq;
        self.emit(cable, Side::Client, at, flag::SYN, &[]);
        self.client.seq = seq;
    }

    /// Opens the connection; returns when the client may speak.
    pub(crate) fn open(&mut self, cable: &mut Cable, at: CaptureTime) -> CaptureTime {
        self.emit(cable, Side::Client, at, flag::SYN, &[]);
        let answered = at.plus_nanos(self.round_trip_nanos);
        self.emit(cable, Side::Server, answered, flag::SYN | flag::ACK, &[]);
        let ready = answered.plus_nanos(LOCAL_TURN_NANOS);
        self.emit(cable, Side::Client, ready, flag::ACK, &[]);
        ready.plus_nanos(LOCAL_TURN_NANOS / 2)
    }

    /// Sends `bytes` in segments, acknowledged by the other side; returns when that is over.
    pub(crate) fn send(
        &mut self,
        cable: &mut Cable,
        side: Side,
        at: CaptureTime,
        bytes: &[u8],
    ) -> CaptureTime {
        let other = if side == Side::Client { Side::Server } else { Side::Client };
        let turn = self.turn_nanos(side);
        let pieces = bytes.len().div_ceil(SEGMENT_BYTES_MAX);
        let mut now = at;
        for (index, piece) in bytes.chunks(SEGMENT_BYTES_MAX).enumerate() {
            let last = index + 1 == pieces;
            let flags = if last { flag::ACK | flag::PSH } else { flag::ACK };
            self.emit(cable, side, now, flags, piece);
            if last && self.random.chance(RETRANSMIT_CHANCE) {
                now = now.plus_nanos(RETRANSMIT_NANOS.max(turn / 2));
                self.again(cable, side, now, piece);
            }
            let flight_full = (index + 1) % FLIGHT_SEGMENTS_MAX == 0;
            if last || index % 2 == 1 {
                self.emit(cable, other, now.plus_nanos(turn), flag::ACK, &[]);
            }
            now = now.plus_nanos(if last || flight_full { turn + FRAME_NANOS } else { FRAME_NANOS });
        }
        now
    }

    fn again(&mut self, cable: &mut Cable, side: Side, at: CaptureTime, piece: &[u8]) {
        let socket = match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        socket.seq = socket.seq.wrapping_sub(piece.len() as u32);
        self.emit(cable, side, at, flag::ACK | flag::PSH, piece);
    }

    /// Closes from `side`: FIN, FIN, last acknowledgement.
    pub(crate) fn close(&mut self, cable: &mut Cable, side: Side, at: CaptureTime) -> CaptureTime {
        let other = if side == Side::Client { Side::Server } else { Side::Client };
        self.emit(cable, side, at, flag::FIN | flag::ACK, &[]);
        let answered = at.plus_nanos(self.turn_nanos(side));
        self.emit(cable, other, answered, flag::FIN | flag::ACK, &[]);
        let done = answered.plus_nanos(self.turn_nanos(other));
        self.emit(cable, side, done, flag::ACK, &[]);
        done
    }
}

/// A conversation that is written in one go, from SYN to FIN.
#[derive(Debug)]
pub(crate) struct Dialogue<'a> {
    link: Link,
    cable: &'a mut Cable,
    now: CaptureTime,
    random: Random,
}

impl<'a> Dialogue<'a> {
    /// Opens a connection at `at`.
    pub(crate) fn open(
        cable: &'a mut Cable,
        at: CaptureTime,
        (client, server): (Port, Port),
        round_trip_nanos: i64,
        random: &mut Random,
    ) -> Self {
        let mut link = Link::new(client, server, round_trip_nanos, random);
        let now = link.open(cable, at);
        Self { link, cable, now, random: random.fork(0xD1A) }
    }

    /// `side` thinks for a moment and sends `bytes`.
    pub(crate) fn say(&mut self, side: Side, bytes: &[u8]) -> &mut Self {
        self.pause_nanos(300_000);
        self.now = self.link.send(self.cable, side, self.now, bytes);
        self
    }

    /// Nobody speaks for about `nanos`.
    pub(crate) fn pause_nanos(&mut self, nanos: i64) -> &mut Self {
        let share = self.random.between(0.6, 1.4);
        self.now = self.now.plus_nanos((nanos as f64 * share) as i64);
        self
    }

    /// `side` closes; returns when all is over.
    pub(crate) fn close(&mut self, side: Side) -> CaptureTime {
        self.pause_nanos(500_000);
        self.link.close(self.cable, side, self.now)
    }
}

/// Round trip to a host of the same segment.
pub(crate) const LOCAL_NANOS: i64 = 350_000;
/// Round trip to a server of the site behind the gateway.
pub(crate) const SITE_NANOS: i64 = 1_100_000;

/// Seen from the ward: `ip` behind `gateway`, with what routers left of its time to live.
pub(crate) const fn behind(gateway: &Host, ip: std::net::Ipv4Addr, ttl: u8) -> Host {
    Host { mac: gateway.mac, ip, ttl }
}
