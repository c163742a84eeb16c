//! Telemetry of the Contec CMS8000 bedside monitor (sold also as Epsimed MN-120).
//!
//! The monitor opens a TCP connection to a central station and sends, in clear and unasked, the patient, the
//! bed, numbers, alarm limits and waveforms. The station may stay silent. We read it all, whatever the port
//! or address: this stream is what a relabelled unit cannot hide.
//!
//! # Wire format
//! Little-endian; no checksum, sequence number or clock.
//! ```text
//! 0        2       3       4                        2+L
//! | L  u16 | 05    | type  | D: L-2 bytes of data … |
//! ```
//! | type | unit | data |
//! |---|---|---|
//! | 3E | patient | at least 0xAD bytes: [`patient`] |
//! | 43 | unknown, empty | |
//! | 45 | bed | `00 00 bed FF` |
//! | 46 | telemetry | `00 00 sub 00` and a body: [`telemetry`] |
//! | 47 | end of one cycle, about a second | |
//! | 49 | notice | u8 code, ASCII text |
//!
//! # Decisions
//! - Units of unknown type or sub-type are kept raw, counted in the field `unknown`, and never rejected.
//! - A unit shorter than its layout is read field by field as far as it goes, and reported as malformed once
//!   per kind of unit and side; its frame is known, so reading goes on.
//! - A cuff reading is repeated by the device until the next one, and reported each time.
//! - A multiplexing gateway may carry several monitors on one connection. The bed of a bed unit, or of a
//!   patient unit where it is not 0, holds for what follows; it is told whenever it changes. What is
//!   remembered to see changes is kept for each bed.
//! - Where nobody asks for waveforms their samples are counted, and told at the end of each cycle; of a cycle
//!   whose end is not seen, when another bed or patient is named or the flow ends.
//! - After missing bytes, and where the capture starts mid-stream, the next unit is one of a known type that
//!   is followed by another header, or whose content is strong and which ends where the input ends; what
//!   stands before it is passed over. On a connection with several beds nothing is then reported of any bed
//!   until one is named again, because it would be somebody else's.
//!
//! # Limits
//! `L` is 2 to 8000, the format's own limit: anything else, or a third byte other than 05, gives the flow up.
//! A side that never sent a unit and starts with something else is not read (the station's answers, if it
//! gives any, are not known). [`BEDS_MAX`] beds a side are remembered.
//!
//! # Source
//! CISA ICSMA-25-030-01 (Update A), Claroty Team82 and two public decoders of the telemetry (facts
//! only). There is no public specification: what nobody knows is kept raw.

mod frame;
mod patient;
mod schema;
mod telemetry;

use crate::{Gap, Parser, Probe, Protocol, Sink, Start, Step, Verdict};
use frame::{
    Fit, HEADER_BYTES, LENGTH_BYTES, LENGTH_MAX, LENGTH_MIN, MARK, PATIENT_BYTES_MIN, Place, kind, sub,
};
use model::{
    About, Disclosed, Fact, Field, Identifier, Malformed, Notice, Reason, Side, Text, Transport, Value,
};
use schema::{BED, LENGTH, NOTICE_CODE, NOTICE_TEXT, RAW, SCHEMA, SUB_TYPE, TYPE, UNKNOWN};

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "cms8000",
    title: "Contec CMS8000 telemetry",
    source: "CISA ICSMA-25-030-01 (Update A), Claroty Team82 analysis, public decoders",
    transports: &[Transport::Tcp],
    ports: &[515],
    schema: &SCHEMA,
    probe,
    start,
};

/// Most beds of one side of which the last limits are remembered. Central stations of the maker
/// serve up to 64. Ours; above it the oldest is forgotten and its limits are told again.
pub const BEDS_MAX: usize = 64;
/// Most bytes of an unknown unit that its message keeps. Ours; the rest is in the capture.
const RAW_BYTES_MAX: usize = 64;
/// How far a mid-stream probe looks for two units, in bytes: more than a second of telemetry.
const MIDSTREAM_BYTES_MAX: usize = 2048;
/// Most bytes that a probe waits for.
const PROBE_BYTES_MAX: usize = 512;

fn start(start: &Start) -> Box<dyn Parser> {
    let mut parser = Cms8000::default();
    parser.sides.iter_mut().for_each(|side| side.seeking = start.midstream);
    Box::new(parser)
}

/// Headers, one after the other, must fit; one strong one suffices, or two weak ones of which the first is
/// of a known type. Port 515 is taken as the second of two weak ones.
fn probe(probe: &Probe<'_>) -> Verdict {
    match chain(probe.input, probe.on_port(PROTOCOL.ports)) {
        Verdict::NotForUs if probe.midstream => match frame::find(probe.input) {
            Place::Found(_) => Verdict::Certain,
            _ if probe.input.len() < MIDSTREAM_BYTES_MAX => Verdict::Unsure,
            _ => Verdict::NotForUs,
        },
        verdict => verdict,
    }
}

/// One unit that only this protocol has decides, whatever follows it: how much of a stream is there to be probed is chance, and
/// behind a damaged unit the parser finds the next.
fn chain(input: &[u8], usual_port: bool) -> Verdict {
    let (mut at, mut weak) = (0, 0);
    while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
        match frame::fit(rest) {
            Fit::No => return Verdict::NotForUs,
            Fit::Open => break,
            Fit::Weak => weak += 1,
            Fit::Strong => return Verdict::Certain,
        }
        at += frame::unit_bytes(rest).unwrap_or(LENGTH_BYTES);
    }
    // A first unit of an unknown type needs a strong one after it.
    let named = matches!(input.get(3), Some(&(kind::UNNAMED | kind::CYCLE_END | kind::NOTICE)));
    if named && (weak > 1 || usual_port && weak > 0) {
        Verdict::Certain
    } else if input.len() < PROBE_BYTES_MAX {
        Verdict::Unsure
    } else {
        Verdict::NotForUs
    }
}

/// One flow.
#[derive(Debug, Default)]
struct Cms8000 {
    sides: [Speaker; 2],
}

/// What is known of one side.
#[derive(Debug, Default)]
struct Speaker {
    /// Has sent a unit.
    speaks: bool,
    /// Was told to be a monitor.
    identified: bool,
    /// Was told to disclose vital signs.
    disclosed: bool,
    /// Looks for the next unit.
    seeking: bool,
    /// Bytes are missing and there are several beds: nobody knows whose telemetry comes next.
    bed_lost: bool,
    /// Units of unknown type so far.
    unknown: u64,
    /// Kinds of short units already told, one bit each.
    short_told: u8,
    /// Index into `beds` of the bed whose units come now.
    current: usize,
    /// Oldest first.
    beds: Vec<BedState>,
}

/// What was last told of one bed; `bed` is absent until a unit names it.
#[derive(Clone, Debug, Default)]
struct BedState {
    bed: Option<u8>,
    last: telemetry::Last,
}

impl Parser for Cms8000 {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        let others_speak = self.sides.iter().any(|speaker| speaker.speaks);
        let [client, server] = &mut self.sides;
        let speaker = if side == Side::Client { client } else { server };
        if speaker.seeking {
            match frame::find(input) {
                Place::Found(0) => speaker.seeking = false,
                Place::Open(0, bytes) if bytes > input.len() => return Step::Need(bytes),
                Place::Found(at) | Place::Open(at, _) | Place::None(at) if at > 0 => {
                    out.conceal(0..at);
                    return Step::Done(at);
                }
                _ => return Step::Need(input.len() + 1),
            }
        }
        match unit_of(input) {
            // Only what has spoken can break the protocol, or the side that the flow was recognised by.
            Err(_) if !speaker.speaks && (others_speak || side == Side::Server) => Step::Ignore,
            Err(fault) => {
                speaker.tell_passed(|fact| out.fact(fact, 0..0));
                fault.into()
            }
            Ok(Err(bytes)) => Step::Need(bytes),
            Ok(Ok(unit)) => {
                speaker.speaks = true;
                speaker.unit(unit, others_speak, out);
                Step::Done(unit.len())
            }
        }
    }

    fn gap(&mut self, side: Side, _: u64, _: &mut dyn Sink) -> Gap {
        let [client, server] = &mut self.sides;
        let speaker = if side == Side::Client { client } else { server };
        speaker.seeking = true;
        speaker.bed_lost = speaker.beds.len() > 1;
        Gap::Resume
    }

    fn end(&mut self, out: &mut dyn Sink) {
        let [client, server] = &mut self.sides;
        client.tell_passed(|fact| out.fact(fact, 0..0));
        server.tell_passed(|fact| out.fact_of_other(fact, 0..0));
    }
}

/// The unit at the front, or how many bytes it needs.
fn unit_of(input: &[u8]) -> Result<Result<&[u8], usize>, Malformed> {
    let Some(unit_bytes) = frame::unit_bytes(input) else { return Ok(Err(HEADER_BYTES)) };
    let (length, min, max) = (unit_bytes - LENGTH_BYTES, LENGTH_MIN.into(), LENGTH_MAX.into());
    if !(min..=max).contains(&(length as u64)) {
        let reason = Reason::OutsideRange { value: length as u64, min, max };
        return Err(Malformed { field: "L", offset: 0, reason });
    }
    // Before the mark is seen, the length is not worth waiting for.
    let Some(mark) = input.get(2) else { return Ok(Err(HEADER_BYTES)) };
    if *mark != MARK {
        let reason = Reason::NotDefined((*mark).into());
        return Err(Malformed { field: "third byte", offset: 2, reason });
    }
    Ok(input.get(..unit_bytes).ok_or(unit_bytes))
}

impl Speaker {
    /// Reports one whole unit.
    fn unit(&mut self, unit: &[u8], others_speak: bool, out: &mut dyn Sink) {
        let whole = 0..unit.len();
        let data = unit.get(HEADER_BYTES..).unwrap_or_default();
        let kind = unit.get(3).copied().unwrap_or_default();
        let strong = matches!(kind, kind::PATIENT | kind::BED | kind::TELEMETRY | kind::NOTICE);
        // The first to speak is the monitor; that the other is one too needs more than the frame's form.
        if !self.identified && (strong || !others_speak) {
            self.identified = true;
            out.fact(Fact::Identified(About::Sender, Identifier::BedsideMonitor), 0..HEADER_BYTES);
            out.fact(Fact::Identified(About::Receiver, Identifier::CentralStation), 0..HEADER_BYTES);
        }
        match kind {
            kind::PATIENT => {
                self.tell_passed(|fact| out.fact(fact, 0..0));
                let bed = data.get(patient::BED_AT).copied().filter(|bed| *bed != 0);
                if let Some(bed) = bed {
                    self.at_bed(bed, patient::BED_AT, out);
                }
                patient::read(unit, out);
                self.short("patient data", 0, data.len(), PATIENT_BYTES_MIN, out);
            }
            kind::BED => self.bed(unit, data, out),
            kind::TELEMETRY => self.telemetry(unit, data, out),
            kind::NOTICE => {
                let (code, text) = data.split_first().map_or((0, data), |(code, text)| (*code, text));
                if out.wants_message(&SCHEMA) {
                    message(unit, &[(&NOTICE_CODE, number(code)), (&NOTICE_TEXT, Value::text(text))], out);
                }
                out.fact(Fact::Notice(Box::new(Notice { code, text: Text::from_bytes(text) })), whole);
                self.short("notice data", 2, data.len(), 1, out);
            }
            kind::CYCLE_END | kind::UNNAMED => {
                if out.wants_message(&SCHEMA) {
                    message(unit, &[], out);
                }
                if kind == kind::CYCLE_END && !self.bed_lost {
                    let state = self.beds.get_mut(self.current);
                    let passed = state.map(|state| std::mem::take(&mut state.last.passed));
                    out.fact(Fact::CycleEnded(passed.unwrap_or_default()), whole);
                }
            }
            _ => self.unknown(unit, &[], out),
        }
    }

    fn bed(&mut self, unit: &[u8], data: &[u8], out: &mut dyn Sink) {
        if let Some(bed) = data.get(2) {
            if out.wants_message(&SCHEMA) {
                message(unit, &[(&BED, number(*bed))], out);
            }
            self.at_bed(*bed, 2, out);
        }
        self.short("bed data", 1, data.len(), 4, out);
    }

    fn telemetry(&mut self, unit: &[u8], data: &[u8], out: &mut dyn Sink) {
        let Some(sub) = data.get(2).copied() else {
            return self.short("telemetry data", 3, data.len(), 4, out);
        };
        let Some(bytes_min) = sub::bytes_min(sub) else {
            return self.unknown(unit, &[(&SUB_TYPE, number(sub))], out);
        };
        if !self.disclosed {
            self.disclosed = true;
            out.fact(Fact::Disclosed(Disclosed::VitalSigns), 0..unit.len());
        }
        if out.wants_message(&SCHEMA) {
            telemetry::message(sub, unit, out);
        }
        if !self.bed_lost {
            if self.beds.is_empty() {
                self.beds.push(BedState::default());
            }
            if let Some(state) = self.beds.get_mut(self.current) {
                telemetry::read(sub, unit, &mut state.last, out);
            }
        }
        let field = match sub {
            sub::ECG => "ECG and respiration body",
            sub::PLETH => "pleth body",
            sub::NIBP => "NIBP body",
            _ => "temperature body",
        };
        self.short(field, 4 + sub.saturating_sub(sub::ECG), data.len(), bytes_min, out);
    }

    /// Units of this bed follow; tells it where it is another than before.
    fn at_bed(&mut self, bed: u8, at: usize, out: &mut dyn Sink) {
        let before = self.beds.get(self.current).and_then(|state| state.bed);
        let lost = std::mem::replace(&mut self.bed_lost, false);
        if before == Some(bed) && !lost {
            return;
        }
        if before.is_some() {
            self.tell_passed(|fact| out.fact(fact, 0..0));
        }
        if let Some(known) = self.beds.iter().position(|state| state.bed == Some(bed)) {
            self.current = known;
        } else if let Some(nameless) = self.beds.iter().position(|state| state.bed.is_none()) {
            self.current = nameless;
        } else {
            if self.beds.len() == BEDS_MAX {
                self.beds.remove(0);
            }
            self.current = self.beds.len();
            self.beds.push(BedState::default());
        }
        if let Some(state) = self.beds.get_mut(self.current) {
            state.bed = Some(bed);
        }
        let at = HEADER_BYTES + at;
        out.fact(Fact::Identified(About::Sender, Identifier::Bed(bed.into())), at..at + 1);
    }

    /// Samples that nobody asked for, of a cycle that does not end before others' units come or nothing does.
    fn tell_passed(&mut self, tell: impl FnOnce(Fact)) {
        let Some(state) = self.beds.get_mut(self.current) else { return };
        let passed = std::mem::take(&mut state.last.passed);
        if !passed.is_empty() {
            tell(Fact::SamplesPassed(passed));
        }
    }

    /// Tells of a unit that is shorter than its layout, once per kind of unit.
    fn short(&mut self, field: &'static str, bit: u8, bytes: usize, bytes_min: usize, out: &mut dyn Sink) {
        let mask = 1_u8.checked_shl(bit.into()).unwrap_or_default();
        if bytes < bytes_min && self.short_told & mask == 0 {
            self.short_told |= mask;
            let offset = HEADER_BYTES + bytes;
            let fault = Malformed { field, offset, reason: Reason::CutShort };
            out.fact(Fact::Malformed(fault), 0..offset);
        }
    }

    fn unknown(&mut self, unit: &[u8], named: &[(&'static Field, Value)], out: &mut dyn Sink) {
        self.unknown += 1;
        // What nobody knows may be anybody's.
        out.conceal(HEADER_BYTES.min(unit.len())..unit.len());
        if out.wants_message(&SCHEMA) {
            let raw = unit.get(..RAW_BYTES_MAX).unwrap_or(unit);
            let mut fields = named.to_vec();
            fields.push((&UNKNOWN, Value::Number(self.unknown)));
            fields.push((&RAW, Value::Bytes(raw.into())));
            message(unit, &fields, out);
        }
    }
}

fn number(byte: u8) -> Value {
    Value::Number(byte.into())
}

/// Type and length of a unit, and then `more`.
fn message(unit: &[u8], more: &[(&'static Field, Value)], out: &mut dyn Sink) {
    let mut fields = Vec::with_capacity(2 + more.len());
    fields.push((&TYPE, number(unit.get(3).copied().unwrap_or_default())));
    fields.push((&LENGTH, Value::Number(unit.len() as u64 - 2)));
    fields.extend_from_slice(more);
    out.message(&SCHEMA, &fields, 0..unit.len());
}

#[cfg(test)]
mod tests;
