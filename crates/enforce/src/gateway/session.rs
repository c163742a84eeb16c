//! One connection of a device: bytes in, cycles out.
//!
//! The protocol is found by content, as everywhere; what is read is what its parser tells of vital signs. Nothing is
//! ever answered.

use super::cycle::Cycle;
use super::original::Bytes;
use model::{
    About, CaptureTime, Endpoint, Fact, Field, Identifier, LinkFact, Schema, Side, Text, Transport, Value,
};
use std::ops::Range;
use std::sync::Arc;
use wire::proto::candidates;
use wire::{
    ContentId, ContentPart, Expectation, Login, Parser, PatientFields, Probe, Protocol, Sink, Start, Step,
    UNIT_BYTES_MAX, Verdict,
};

/// Longest cycle that is kept byte for byte. Our limit, many times that of a real one (1.3 kB); a longer one goes without its bytes.
const CYCLE_BYTES_MAX: usize = 16 << 10;
/// First bytes of a connection after which it must be known what is spoken. Our limit.
const PROBE_BYTES_MAX: usize = 4096;

/// Why a connection is not read on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unread {
    /// Nobody knows what it speaks.
    Unknown,
    /// It broke its own protocol.
    Malformed,
    /// A unit is longer than any protocol's.
    TooLong,
}

impl Unread {
    /// For people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "speaks a protocol that is not known",
            Self::Malformed => "breaks its own protocol",
            Self::TooLong => "sent a unit that is longer than any protocol's",
        }
    }
}

/// Reads one connection.
pub struct Session {
    start: Start,
    protocol: Option<&'static Protocol>,
    parser: Option<Box<dyn Parser>>,
    pending: Vec<u8>,
    skip: u64,
    need: usize,
    heard: Heard,
    original: Option<Original>,
}

/// The cycle that goes on, byte for byte.
#[derive(Default)]
struct Original {
    /// The last unit that named a patient.
    head: Arc<[u8]>,
    /// It is one of this cycle.
    head_is_new: bool,
    cycle: Vec<u8>,
    too_long: bool,
}

impl Original {
    fn take(&mut self, bytes: &[u8]) {
        self.too_long |= self.cycle.len() + bytes.len() > CYCLE_BYTES_MAX;
        if !self.too_long {
            self.cycle.extend_from_slice(bytes);
        }
    }

    fn name(&mut self, unit: &[u8]) {
        self.head = Arc::from(unit);
        self.head_is_new = true;
    }

    /// The cycle is at its end.
    fn end(&mut self) -> Option<Bytes> {
        let head =
            if std::mem::take(&mut self.head_is_new) { Arc::default() } else { Arc::clone(&self.head) };
        let cycle = std::mem::take(&mut self.cycle);
        let whole = !std::mem::take(&mut self.too_long);
        whole.then_some(Bytes { head, cycle })
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("client", &self.start.client).finish_non_exhaustive()
    }
}

impl Session {
    /// A connection from `device` to a station's address.
    #[must_use]
    pub fn new(device: Endpoint, station: Endpoint) -> Self {
        let start = Start {
            transport: Transport::Tcp,
            client: device,
            server: station,
            expected: None,
            midstream: false,
        };
        Self {
            start,
            protocol: None,
            parser: None,
            pending: Vec::new(),
            skip: 0,
            need: 1,
            heard: Heard::default(),
            original: None,
        }
    }

    /// Cycles carry the bytes that they were read from.
    #[must_use]
    pub fn with_original(self) -> Self {
        Self { original: Some(Original::default()), ..self }
    }

    /// What it speaks, where that is known.
    #[must_use]
    pub fn protocol(&self) -> Option<&'static str> {
        self.protocol.map(|protocol| protocol.name)
    }

    /// Takes in what arrived at `now` and gives the cycles that it ended.
    ///
    /// # Errors
    /// [`Unread`]: nothing more is read of this connection. Cycles given before stand.
    pub fn feed(&mut self, bytes: &[u8], now: CaptureTime, cycles: &mut Vec<Cycle>) -> Result<(), Unread> {
        self.pending.extend_from_slice(bytes);
        self.heard.now = now;
        let read = self.read();
        for mut cycle in self.heard.ended.drain(..) {
            cycle.device = self.start.client.ip;
            cycles.push(cycle);
        }
        read
    }

    fn read(&mut self) -> Result<(), Unread> {
        if self.parser.is_none() && !self.find()? {
            return Ok(());
        }
        let mut at = 0;
        loop {
            let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(self.pending.len() - at);
            self.skip -= passed as u64;
            if let (Some(original), Some(passed)) = (&mut self.original, self.pending.get(at..at + passed)) {
                original.take(passed);
            }
            at += passed;
            let input = self.pending.get(at..).unwrap_or_default();
            let Some(parser) = self.parser.as_mut().filter(|_| input.len() >= self.need.max(1)) else {
                break;
            };
            let ended = self.heard.ended.len();
            match parser.step(Side::Client, input, &mut self.heard) {
                Step::Done(bytes) => {
                    let bytes = bytes.clamp(1, input.len());
                    if let (Some(original), Some(unit)) = (&mut self.original, input.get(..bytes)) {
                        original.take(unit);
                        if std::mem::take(&mut self.heard.named) {
                            original.name(unit);
                        }
                        for cycle in self.heard.ended.iter_mut().skip(ended) {
                            cycle.original = original.end();
                        }
                    }
                    at += bytes;
                    self.need = 1;
                }
                Step::Need(bytes) if bytes > UNIT_BYTES_MAX => return Err(Unread::TooLong),
                Step::Need(bytes) => self.need = bytes.max(input.len() + 1),
                Step::Skip(bytes) => self.skip = bytes.max(1),
                Step::Ignore => self.skip = u64::MAX,
                Step::Stop(_) => return Err(Unread::Malformed),
            }
        }
        self.pending.drain(..at);
        Ok(())
    }

    /// Looks what is spoken; whether that is known now.
    fn find(&mut self) -> Result<bool, Unread> {
        let Start { client, server, .. } = self.start;
        let probe = Probe {
            transport: Transport::Tcp,
            side: Side::Client,
            client_port: client.port,
            server_port: server.port,
            input: &self.pending,
            midstream: false,
        };
        let mut unsure = false;
        for protocol in candidates(Transport::Tcp, [server.port, client.port]) {
            match (protocol.probe)(&probe) {
                Verdict::Certain => {
                    self.protocol = Some(protocol);
                    self.parser = Some((protocol.start)(&self.start));
                    return Ok(true);
                }
                Verdict::Unsure => unsure = true,
                Verdict::NotForUs => {}
            }
        }
        if unsure && self.pending.len() < PROBE_BYTES_MAX { Ok(false) } else { Err(Unread::Unknown) }
    }
}

/// What the parser told of the cycle that goes on, and cycles that ended.
#[derive(Default)]
struct Heard {
    now: CaptureTime,
    cycle: Cycle,
    ended: Vec<Cycle>,
    /// A patient was named.
    named: bool,
}

impl Sink for Heard {
    fn time(&self) -> CaptureTime {
        self.now
    }

    fn wants_message(&self, _: &'static Schema) -> bool {
        false
    }

    fn wants_waveforms(&self) -> bool {
        false
    }

    fn message(&mut self, _: &'static Schema, _: &[(&'static Field, Value)], _: Range<usize>) {}

    fn fact(&mut self, fact: Fact, _: Range<usize>) {
        match fact {
            Fact::Identified(About::Sender, Identifier::Bed(bed)) => self.cycle.bed = Some(bed),
            Fact::Measured(samples) => {
                self.cycle.numerics.extend(samples.iter().map(|sample| (sample.vital, *sample)));
            }
            Fact::LimitsSet(limits) => {
                self.cycle.limits.extend(limits.iter().map(|limit| (limit.vital, *limit)));
            }
            Fact::CycleEnded(_) => {
                let Cycle { bed, limits, .. } = &self.cycle;
                // Bed and limits hold until others are told; numbers are told anew.
                let next = Cycle { bed: *bed, limits: limits.clone(), ..Cycle::default() };
                let ended = std::mem::replace(&mut self.cycle, next);
                // What came in one piece came at one moment, and messages are known by their moment: a nanosecond apart, so
                // that no receiver takes two cycles for one.
                let received = self.now.plus_nanos(i64::try_from(self.ended.len()).unwrap_or(0));
                self.ended.push(Cycle { received, ..ended });
            }
            _ => {}
        }
    }

    fn fact_of_other(&mut self, _: Fact, _: Range<usize>) {}
    fn link(&mut self, _: LinkFact, _: Range<usize>) {}
    // Patients are not handed on, but in the device's own stream.
    fn patient(&mut self, _: &PatientFields<'_>, _: Range<usize>) {
        self.named = true;
    }

    fn login(&mut self, _: &Login<'_>, _: Range<usize>) {}
    fn content(&mut self, _: ContentId, _: ContentPart<'_>) {}
    fn expect(&mut self, _: Expectation) {}
    fn remember(&mut self, _: u64, _: Text) {}

    fn recall(&self, _: u64) -> Option<Text> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(kind: u8, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(2 + data.len()).unwrap();
        [&length.to_le_bytes()[..], &[0x05, kind], data].concat()
    }

    /// As the public description of the telemetry has it: bed, one unit of waveforms and numbers, the end of the cycle.
    fn cycle(rate: u8) -> Vec<u8> {
        let mut ecg = [0; 0x3D3];
        ecg[2] = 0x14;
        ecg[0x384] = rate;
        [unit(0x45, &[0, 0, 7, 0xFF]), unit(0x46, &ecg), unit(0x47, &[])].concat()
    }

    fn read(session: &mut Session, bytes: &[u8]) -> Vec<Bytes> {
        let mut cycles = Vec::new();
        for piece in bytes.chunks(100) {
            session.feed(piece, CaptureTime::default(), &mut cycles).unwrap();
        }
        cycles.into_iter().map(|cycle| cycle.original.unwrap()).collect()
    }

    #[test]
    fn a_cycle_keeps_its_bytes_and_what_was_last_said_of_who_lies_there() {
        let end = |ip: &str, port| Endpoint { ip: ip.parse().unwrap(), port };
        let ends = || (end("202.114.4.8", 40000), end("202.114.4.119", 515));
        let (device, station) = ends();
        let mut session = Session::new(device, station).with_original();
        let mut patient = [0; 0xAD];
        patient[0x22] = 7;
        patient[0x23..0x28].copy_from_slice(b"Haldi");
        let patient = unit(0x3E, &patient);
        let kept = read(&mut session, &[patient.clone(), cycle(70), cycle(71)].concat());
        assert_eq!(kept[0].cycle, [patient.clone(), cycle(70)].concat());
        assert_eq!((&*kept[0].head, &*kept[1].head), (&[][..], &patient[..]));
        assert_eq!(kept[1].cycle, cycle(71));
        let (device, station) = ends();
        let mut plain = Session::new(device, station);
        let mut cycles = Vec::new();
        plain.feed(&[patient, cycle(70)].concat(), CaptureTime::default(), &mut cycles).unwrap();
        assert_eq!(cycles[0].original, None);
    }

    #[test]
    fn cycles_that_came_in_one_piece_are_told_apart_by_their_time() {
        let end = |port| Endpoint { ip: "202.114.4.8".parse().unwrap(), port };
        let mut session = Session::new(end(40000), end(515));
        let mut cycles = Vec::new();
        session.feed(&[cycle(70), cycle(71)].concat(), CaptureTime::from_nanos(9), &mut cycles).unwrap();
        session.feed(&cycle(72), CaptureTime::from_nanos(99), &mut cycles).unwrap();
        let times: Vec<i64> = cycles.iter().map(|cycle| cycle.received.nanos()).collect();
        assert_eq!(times, [9, 10, 99]);
    }
}
