//! HL7 v2 messages, framed by MLLP or bare.
//!
//! We read them because both ends name themselves, because patients cross the network in clear in them, and
//! because monitors and gateways report vital signs with them.
//!
//! # Wire format
//! ```text
//! | 0B | message | 1C | 0D |                  MLLP; the last CR may be missing
//!
//! MSH | ^~\& | sending application | facility | receiving application | facility | time | …      CR
//! PID | … | PID-3 patient number ^ … ~ … | … | PID-5 name | …                           CR
//! OBX | … | OBX-2 type | OBX-3 code ^ text ^ system | … | OBX-5 value | unit | low-high | …      CR
//! ```
//! MSH-1 and MSH-2 declare the delimiters. Segments end with CR; LF and CRLF are accepted.
//!
//! # Decisions
//! - One MLLP block is one unit; it may hold a batch (FHS, BHS) of several messages.
//! - Without MLLP a unit ends before the next MSH, or where the bytes that have arrived end with a segment:
//!   there is no other mark. Segments that come later are read as the rest of the message.
//! - A unit of more than [`MESSAGE_BYTES_MAX`] is read up to there, marked `truncated`, and passed over to
//!   its end. After missing bytes the next `0B MSH` is where reading goes on.
//! - What stands in PV1-3 is the patient's place and is treated as the patient's: no bed is concluded.
//! - Numbers are vital signs by their code alone: MDC number, MDC name or LOINC code.
//! - Bytes are taken as they are: no character set is decoded.
//!
//! # Limits
//! [`MESSAGE_BYTES_MAX`], [`CODES_MAX`], [`FIELDS_MAX`] and [`TOLD_MAX`].
//!
//! # Source
//! HL7 v2.5.1 chapter 2 (segments, delimiters), 2.15 (MSH), 3.4.2 (PID), 7.4.2 (OBX); HL7 "Transport
//! Specification: MLLP, Release 2"; IHE PCD Technical Framework volume 2 (OBX-3, OBX-7, OBX-8, OBX-18).

mod conceal;
mod observation;
mod text;

use crate::{Gap, Parser, PatientFields, Probe, Protocol, Sink, Start, Step, UNIT_BYTES_MAX, Verdict};
use memchr::{memchr, memchr2, memmem};
use model::{
    About, Disclosed, Fact, Field, Identifier, Malformed, Operation, Reason, Side, Text, Transport, Value,
    stable_hash,
};
use std::collections::VecDeque;
use std::ops::Range;
use text::{Delimiters, Segment};

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "hl7",
    title: "HL7 v2 messages",
    source: "HL7 v2.5.1 chapter 2; MLLP Release 2",
    transports: &[Transport::Tcp],
    ports: &[2575, 6661, 511],
    schema: &SCHEMA,
    probe,
    start,
};

schema! { "hl7":
    SENDING_APPLICATION = "sending_application" Text Device "MSH-3: application that sends.";
    SENDING_FACILITY = "sending_facility" Text Device "MSH-4: facility that sends.";
    RECEIVING_APPLICATION = "receiving_application" Text Device "MSH-5: application that is meant.";
    RECEIVING_FACILITY = "receiving_facility" Text Device "MSH-6: facility that is meant.";
    TYPE = "type" Text Device "MSH-9: type of the message and event, such as ORU^R01.";
    CONTROL_ID = "control_id" Text Device "MSH-10: the sender's number of the message.";
    PROCESSING = "processing" Text Device "MSH-11: P production, T training, D debugging.";
    VERSION = "version" Text Device "MSH-12: version of the standard.";
    CHARSET = "charset" Text Device "MSH-18: character set.";
    ACKNOWLEDGES = "acknowledges" Text Device "MSA-2: number of the message that this one answers.";
    ACKNOWLEDGEMENT = "acknowledgement" Text Device "MSA-1: AA or CA accepted, else an error or rejection.";
    PATIENT_ID = "patient_id" Text Patient "PID-3: first number of the patient.";
    PATIENT_NAME = "patient_name" Text Patient "PID-5: name of the patient.";
    LOCATION = "location" Text Patient "PV1-3: unit, room and bed of the patient.";
    REQUESTS = "requests" Number Device "OBR segments in the message.";
    OBSERVATIONS = "observations" Number Device "OBX segments in the message.";
    OBSERVATION_CODE = "observation_code" Text Device "OBX-3: what was observed, as code^text^system.";
    EQUIPMENT = "equipment" Text Device "OBX-18: equipment that an observation names, other than before.";
    TRUNCATED = "truncated" Flag Device "The message was longer than the limit and only its start was read.";
}

/// Longest message that is read whole. Ours, as much as is ever kept of a unit; of a longer one, with an
/// embedded document for example, the segments that end before the limit are read.
pub const MESSAGE_BYTES_MAX: usize = UNIT_BYTES_MAX - 1;
/// Most observation codes in one message's fields. Ours; the number of observations still counts all.
pub const CODES_MAX: usize = 64;
/// Most fields of one message that are kept. Ours; what comes later is left out.
pub const FIELDS_MAX: usize = 128;
/// Most traits remembered of one flow, so that each is told once. Ours; above it the oldest is forgotten and
/// may be told again.
pub const TOLD_MAX: usize = 128;

const BLOCK_START: u8 = 0x0B;
const BLOCK_END: u8 = 0x1C;
/// Bytes of `0B MSH`, and of `MSH|`.
const MARK_BYTES: usize = 4;
/// How far a mid-stream probe looks for the start of a message, in bytes.
const PROBE_BYTES_MAX: usize = 512;

fn start(start: &Start) -> Box<dyn Parser> {
    let mut parser = Hl7::default();
    parser
        .sides
        .iter_mut()
        .for_each(|side| side.place = if start.midstream { Place::Lost } else { Place::Between });
    Box::new(parser)
}

/// `0B MSH` and a delimiter; bare, the header with the usual delimiters as well.
fn probe(probe: &Probe<'_>) -> Verdict {
    let input = probe.input;
    if probe.midstream {
        return match block_start(input) {
            Some(_) => Verdict::Certain,
            None if input.len() < PROBE_BYTES_MAX => Verdict::Unsure,
            None => Verdict::NotForUs,
        };
    }
    let (framed, text) = input.strip_prefix(&[BLOCK_START]).map_or((false, input), |text| (true, text));
    let starts = |name: &[u8; 3]| name.iter().zip(text).all(|(expected, byte)| expected == byte);
    if ![b"MSH", b"FHS", b"BHS"].into_iter().any(starts) {
        return Verdict::NotForUs;
    }
    let usual = b"|^~\\&";
    let coding = text.get(3..).unwrap_or_default();
    match (framed, coding.first()) {
        (_, None) => Verdict::Unsure,
        (true, Some(separator)) if separator.is_ascii_punctuation() => Verdict::Certain,
        (false, _) if coding.len() >= usual.len() && coding.starts_with(usual) => Verdict::Certain,
        (false, _) if usual.starts_with(coding) => Verdict::Unsure,
        _ => Verdict::NotForUs,
    }
}

/// Offset of the next `0B MSH`, `0B FHS` or `0B BHS`.
fn block_start(input: &[u8]) -> Option<usize> {
    memchr::memchr_iter(BLOCK_START, input).find(|at| opens(input.get(at + 1..).unwrap_or_default()))
}

fn opens(text: &[u8]) -> bool {
    matches!(text.first_chunk(), Some(b"MSH" | b"FHS" | b"BHS"))
}

/// Whether `text` opens a message or may do so once more of it is there.
fn may_open(text: &[u8]) -> bool {
    let name = text.get(..3).unwrap_or(text);
    [b"MSH", b"FHS", b"BHS"].into_iter().any(|known| known.starts_with(name))
}

/// One flow.
#[derive(Debug, Default)]
struct Hl7 {
    sides: [Speaker; 2],
    /// Hashes of the traits already told, oldest first; bounded by [`TOLD_MAX`].
    told: VecDeque<u64>,
}

/// One side.
#[derive(Debug, Default)]
struct Speaker {
    place: Place,
    /// Bytes at the front already searched for the end of the message.
    searched: usize,
    delimiters: Delimiters,
    /// Hash of the last patient told.
    patient: u64,
    /// Hash of the last limits told.
    limits: u64,
}

/// Where a side is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Place {
    /// Before a message.
    #[default]
    Between,
    /// In the rest of an MLLP block that is too long.
    TooLong,
    /// Somewhere: bytes are missing.
    Lost,
    /// After a bare message, which may go on.
    Bare,
}

impl Parser for Hl7 {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        let Self { sides: [client, server], told } = self;
        let speaker = if side == Side::Client { client } else { server };
        match speaker.place {
            Place::Lost => match block_start(input) {
                Some(0) => speaker.place = Place::Between,
                Some(at) => {
                    out.conceal(0..at);
                    return Step::Done(at);
                }
                None if input.len() >= MARK_BYTES => {
                    let passed = input.len() - (MARK_BYTES - 1);
                    out.conceal(0..passed);
                    return Step::Done(passed);
                }
                None => return Step::Need(MARK_BYTES),
            },
            Place::TooLong => return speaker.pass(input, out),
            Place::Between | Place::Bare => {}
        }
        let stray =
            input.iter().take_while(|byte| matches!(**byte, b'\r' | b'\n' | b' ' | 0 | BLOCK_END)).count();
        if stray > 0 {
            return Step::Done(stray);
        }
        let input = input.get(..MESSAGE_BYTES_MAX).unwrap_or(input);
        let framed = input.first() == Some(&BLOCK_START);
        if framed {
            if !may_open(input.get(1..).unwrap_or_default()) {
                return Malformed { field: "message header", offset: 1, reason: Reason::NotText }.into();
            }
        } else if speaker.place == Place::Between && !may_open(input) {
            let reason = Reason::NotDefined(input.first().copied().unwrap_or_default().into());
            return Malformed { field: "start block", offset: 0, reason }.into();
        }
        if speaker.place == Place::Between && input.len() < MARK_BYTES {
            return Step::Need(MARK_BYTES);
        }
        let end = if framed { speaker.framed_end(input) } else { bare_end(input) };
        let truncated = end.is_none();
        let text = match end {
            Some(end) => input.get(..end.text).unwrap_or(input),
            None if input.len() == MESSAGE_BYTES_MAX => input,
            None => return Step::Need(input.len() + 1),
        };
        speaker.searched = 0;
        speaker.place = match (framed, truncated) {
            (true, false) => Place::Between,
            (true, true) => Place::TooLong,
            (false, _) => Place::Bare,
        };
        Reader { speaker, told, out, side, found: Found::default() }.unit(
            text,
            usize::from(framed),
            truncated,
        );
        Step::Done(end.map_or(input.len(), |end| end.unit))
    }

    fn gap(&mut self, side: Side, _: u64, _: &mut dyn Sink) -> Gap {
        let [client, server] = &mut self.sides;
        let speaker = if side == Side::Client { client } else { server };
        speaker.place = Place::Lost;
        speaker.searched = 0;
        Gap::Resume
    }
}

/// Where a bare unit ends: before the next header at the start of a line, or at the end of what is there if
/// that is the end of a segment.
fn bare_end(input: &[u8]) -> Option<End> {
    let next = memmem::find_iter(input, b"\rMSH").chain(memmem::find_iter(input, b"\nMSH")).min();
    let block = memchr2(BLOCK_START, BLOCK_END, input);
    let end = match next.map(|at| at + 1).into_iter().chain(block).filter(|at| *at > 0).min() {
        None if !matches!(input.last(), Some(b'\r' | b'\n')) => return None,
        end => end.unwrap_or(input.len()),
    };
    Some(End { text: end, unit: end })
}

impl Speaker {
    /// Passes over the rest of a block.
    fn pass(&mut self, input: &[u8], out: &mut dyn Sink) -> Step {
        let end = memchr(BLOCK_END, input);
        out.conceal(0..end.unwrap_or(input.len()));
        match end {
            Some(at) => {
                self.place = Place::Between;
                Step::Done(at + 1)
            }
            None => Step::Done(input.len()),
        }
    }

    /// Where the block at the front ends: at its 1C, or before the next block where its 1C was forgotten.
    fn framed_end(&mut self, input: &[u8]) -> Option<End> {
        // The mark of a next block may have been cut.
        let from = self.searched.saturating_sub(MARK_BYTES).max(1);
        self.searched = input.len();
        let ends = memchr::memchr2_iter(BLOCK_START, BLOCK_END, input.get(from..)?).map(|at| at + from);
        ends.map(|at| (at, input.get(at..).unwrap_or_default())).find_map(|(at, rest)| {
            match rest.split_first() {
                Some((&BLOCK_END, _)) => Some(End { text: at, unit: at + 1 }),
                Some((_, next)) if opens(next) => Some(End { text: at, unit: at }),
                _ => None,
            }
        })
    }
}

/// Where a unit ends: its text, and all of it.
#[derive(Clone, Copy, Debug)]
struct End {
    text: usize,
    unit: usize,
}

/// What was found in one message.
#[derive(Default)]
struct Found {
    fields: Vec<(&'static Field, Value)>,
    samples: Vec<model::Sample>,
    limits: Vec<model::AlarmLimit>,
    /// The message's first byte, from the start of the unit.
    start: usize,
    open: bool,
    truncated: bool,
    report: bool,
    requests: u64,
    observations: u64,
    codes: usize,
    observed: Range<usize>,
}

/// Reads one unit.
struct Reader<'r> {
    speaker: &'r mut Speaker,
    told: &'r mut VecDeque<u64>,
    out: &'r mut dyn Sink,
    side: Side,
    found: Found,
}

impl Reader<'_> {
    /// Reads the segments of `unit` from `at` on.
    fn unit(&mut self, unit: &[u8], mut at: usize, truncated: bool) {
        self.found.start = at;
        while let Some(rest) = unit.get(at..).filter(|rest| !rest.is_empty()) {
            let end = memchr2(b'\r', b'\n', rest);
            if end.is_none() && truncated {
                self.out.conceal(at..unit.len());
                break;
            }
            let bytes = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            if opens(bytes) {
                self.close(at);
                match Delimiters::declared(bytes) {
                    Some(delimiters) => self.speaker.delimiters = delimiters,
                    None => {
                        let fault = Malformed { field: "MSH-1", offset: at + 3, reason: Reason::NotText };
                        self.out.fact(Fact::Malformed(fault), at..at + bytes.len());
                        self.out.conceal(at..unit.len());
                        return;
                    }
                }
            }
            let segment = Segment::new(bytes, self.speaker.delimiters);
            if self.out.wants_concealed() {
                conceal::segment(&segment, at, self.out);
            }
            self.segment(&segment, at..at + bytes.len());
            at += bytes.len() + 1;
        }
        self.found.truncated = truncated;
        self.close(unit.len());
    }

    fn segment(&mut self, segment: &Segment<'_>, range: Range<usize>) {
        let Some(name) = segment.name() else { return };
        self.found.open = true;
        match name {
            b"MSH" => self.header(segment, range),
            b"PID" => self.patient(segment, range),
            b"PV1" => self.field(&LOCATION, segment.field(3).bytes),
            b"MSA" => {
                self.field(&ACKNOWLEDGEMENT, segment.field(1).component(1));
                self.field(&ACKNOWLEDGES, segment.field(2).component(1));
            }
            b"OBR" => self.found.requests += 1,
            b"TXA" => self.found.report = true,
            b"OBX" => self.observation(segment, range),
            _ => {}
        }
    }

    fn field(&mut self, field: &'static Field, bytes: &[u8]) {
        if !bytes.is_empty() && self.found.fields.len() < FIELDS_MAX && self.out.wants_message(&SCHEMA) {
            self.found.fields.push((field, Value::text(bytes)));
        }
    }

    fn header(&mut self, segment: &Segment<'_>, range: Range<usize>) {
        for (field, number) in [
            (&SENDING_APPLICATION, 3),
            (&SENDING_FACILITY, 4),
            (&RECEIVING_APPLICATION, 5),
            (&RECEIVING_FACILITY, 6),
            (&TYPE, 9),
            (&CONTROL_ID, 10),
            (&PROCESSING, 11),
            (&VERSION, 12),
            (&CHARSET, 18),
        ] {
            self.field(field, segment.field(number).bytes);
        }
        for about in [About::Sender, About::Receiver] {
            let [application, facility] = if about == About::Sender { [3, 4] } else { [5, 6] };
            let application = segment.field(application).component(1);
            let facility = segment.field(facility).component(1);
            self.tell(about, b"messaging", &range, |_| Identifier::MedicalMessaging);
            self.tell_text(about, application, &range, Identifier::ApplicationName);
            self.tell_text(about, facility, &range, Identifier::Facility);
        }
        let application = segment.field(3);
        if application.component(3).eq_ignore_ascii_case(b"EUI-64") {
            self.tell_text(About::Sender, application.component(2), &range, Identifier::DeviceId);
        }
        let kind = segment.field(9).component(1);
        self.found.report = matches!(kind, b"ORU" | b"MDM" | b"OUL" | b"VXU");
        if !matches!(kind, b"ACK" | b"MCF") && self.is_new(&[b"operated", &[self.side as u8]]) {
            self.out.fact(Fact::Operated(Operation::SendMessage), range);
        }
    }

    fn patient(&mut self, segment: &Segment<'_>, range: Range<usize>) {
        let (id, name) = (segment.field(3), segment.field(5));
        self.field(&PATIENT_ID, id.component(1));
        let named = [name.subcomponent(1), name.component(2)].iter().any(|part| !part.is_empty());
        if named {
            self.field(&PATIENT_NAME, name.first().bytes);
        }
        let by_id = !id.component(1).is_empty();
        let identifier = match (by_id, named) {
            (true, _) => id.component(1),
            (false, true) => name.first().bytes,
            (false, false) => &[],
        };
        // Mother's name, birth, sex, address, telephone, account and social security number.
        let more = (by_id && named)
            || [6, 7, 8, 11, 13, 18, 19].iter().any(|number| segment.field(*number).says_something());
        // A monitor repeats its patient every second: told again only when the segment changes.
        let hash = stable_hash(&[segment.bytes]);
        if (more || !identifier.is_empty()) && hash != self.speaker.patient {
            self.speaker.patient = hash;
            let (name, number) = (if named { name.first().bytes } else { &[] }, id.component(1));
            self.out.patient(&PatientFields { identifier, more, name, number, bed: None }, range);
        }
    }

    fn observation(&mut self, segment: &Segment<'_>, range: Range<usize>) {
        if self.found.observations == 0 {
            self.found.observed.start = range.start;
        }
        self.found.observed.end = range.end;
        self.found.observations += 1;
        let identifier = segment.field(3);
        if self.found.codes < CODES_MAX {
            self.found.codes += 1;
            self.field(&OBSERVATION_CODE, identifier.bytes);
        }
        let equipment = segment.field(18);
        if equipment.says_something() && self.is_new(&[b"equipment", equipment.bytes]) {
            self.field(&EQUIPMENT, equipment.bytes);
        }
        if equipment.component(4).eq_ignore_ascii_case(b"EUI-64") {
            self.tell_text(About::Sender, equipment.component(3), &range, Identifier::DeviceId);
            self.tell_text(About::Sender, equipment.component(1), &range, Identifier::Serial);
        }
        if observation::names_device(&identifier) {
            self.tell_text(About::Sender, segment.field(5).component(1), &range, Identifier::DeviceId);
        }
        if !matches!(segment.field(2).component(1), b"NM" | b"SN" | b"ST" | b"") {
            return;
        }
        let Some(vital) = observation::vital(&identifier) else { return };
        self.found.samples.push(observation::sample(segment, vital));
        self.found.limits.extend(observation::limit(segment, vital));
    }

    /// Ends the message before offset `end`, if one is open.
    fn close(&mut self, end: usize) {
        let found = std::mem::replace(&mut self.found, Found { start: end, ..Found::default() });
        if !found.open {
            return;
        }
        let Found { mut fields, samples, limits, observed, .. } = found;
        if self.out.wants_message(&SCHEMA) {
            for (field, count) in [(&REQUESTS, found.requests), (&OBSERVATIONS, found.observations)] {
                if count > 0 {
                    fields.push((field, Value::Number(count)));
                }
            }
            if found.truncated {
                fields.push((&TRUNCATED, Value::Flag(true)));
            }
            if !fields.is_empty() {
                self.out.message(&SCHEMA, &fields, found.start..end);
            }
        }
        let side = [self.side as u8];
        if !samples.is_empty() {
            if self.is_new(&[b"vital signs", &side]) {
                self.out.fact(Fact::Disclosed(Disclosed::VitalSigns), observed.clone());
            }
            self.out.fact(Fact::Measured(samples.into()), observed.clone());
        } else if found.report && self.is_new(&[b"document", &side]) {
            self.out.fact(Fact::Disclosed(Disclosed::ClinicalDocument), found.start..end);
        }
        if limits.is_empty() {
            return;
        }
        let hash = stable_hash(&[format!("{limits:?}").as_bytes()]);
        if hash != self.speaker.limits {
            self.speaker.limits = hash;
            self.out.fact(Fact::LimitsSet(limits.into()), observed);
        }
    }

    fn tell_text(
        &mut self,
        about: About,
        text: &[u8],
        range: &Range<usize>,
        make: impl FnOnce(Text) -> Identifier,
    ) {
        if !text.is_empty() {
            self.tell(about, text, range, make);
        }
    }

    /// Tells a trait of one of the two peers, once per flow.
    fn tell(
        &mut self,
        about: About,
        text: &[u8],
        range: &Range<usize>,
        make: impl FnOnce(Text) -> Identifier,
    ) {
        let identifier = make(Text::from_bytes(text));
        let whom = if about == About::Sender { self.side } else { self.side.other() };
        if self.is_new(&[identifier.kind().as_bytes(), &[whom as u8], text]) {
            self.out.fact(Fact::Identified(about, identifier), range.clone());
        }
    }

    /// Whether these words have not been told on this flow; they have been now.
    fn is_new(&mut self, words: &[&[u8]]) -> bool {
        let hash = stable_hash(words);
        if self.told.contains(&hash) {
            return false;
        }
        if self.told.len() == TOLD_MAX {
            self.told.pop_front();
        }
        self.told.push_back(hash);
        true
    }
}

#[cfg(test)]
mod tests;
