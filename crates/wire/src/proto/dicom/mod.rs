//! DICOM: associations, commands, and the head of what is stored or asked for.
//!
//! We read the association because it is where both sides of an imaging connection name themselves in
//! clear, the commands because they say who stores what where, and the head of a data set because it names
//! the device that made an image, and the patient. The image itself is passed over.
//!
//! # Wire format
//! ```text
//! | type 1 | rsv 1 | length 4 BE | …                                        a PDU
//!   01 A-ASSOCIATE-RQ   02 -AC   03 -RJ   05 A-RELEASE-RQ   06 -RP   07 A-ABORT
//!   04 P-DATA-TF: | length 4 BE | context 1 | flags 1 | fragment | …        PDVs
//!                   flags: bit 0 command, bit 1 last fragment
//! ```
//! A message is a command set in fragments, and where the command says so a data set in fragments.
//!
//! # Decisions
//! - Maker, model, serial number and software of the first stored object of a side are told of the sender;
//!   the objects after it are not asked, because archives pass on what many devices made.
//! - A patient is told when it is another than before on this side.
//! - After missing bytes the next P-DATA unit that holds exactly one PDV is where reading goes on; the
//!   message it is in the middle of is not read.
//! - A deflated data set is not read.
//!
//! # Limits
//! [`ASSOCIATE_BYTES_MAX`], [`COMMAND_BYTES_MAX`]: longer gives the flow up as malformed. [`HEAD_BYTES_MAX`]:
//! what stands after it in a data set is not read.
//!
//! # Source
//! DICOM PS3.8-2024b §9.3 (PDUs), annex E (PDVs); PS3.7-2024b §6.3, §9.3, annex D, annex E; PS3.5-2024b §7.

mod associate;
mod command;
mod dataset;

use crate::{Gap, Parser, PatientFields, Probe, Protocol, Sink, Start, Step, Verdict};
use associate::{CONTEXTS_MAX, ITEMS_AT};
use command::Command;
use dataset::Syntax;
use memchr::memchr_iter;
use memchr::memmem::Finder;
use model::{
    About, Disclosed, Fact, Field, Identifier, Malformed, Reason, Side, Text, Transport, Value, stable_hash,
};
use std::ops::Range;
use std::sync::LazyLock;

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "dicom",
    title: "DICOM",
    source: "DICOM PS3.8-2024b, PS3.7-2024b, PS3.5-2024b",
    transports: &[Transport::Tcp],
    ports: &[104, 11112, 4242],
    schema: &SCHEMA,
    probe,
    start,
};

schema! { "dicom":
    PDU = "pdu" Text Device
        "Unit of the upper layer: associate-request, -accept, -reject, release-request, -response, abort.";
    CALLED_AE = "called_ae" Text Device "Application entity that is called.";
    CALLING_AE = "calling_ae" Text Device "Application entity that calls.";
    APPLICATION_CONTEXT = "application_context" Text Device "Application context, a UID.";
    ABSTRACT_SYNTAX = "abstract_syntax" Text Device "What a presentation context is for, a UID.";
    TRANSFER_SYNTAX = "transfer_syntax" Text Device "How data sets may be written, a UID.";
    CONTEXTS_REFUSED = "contexts_refused" Number Device "Presentation contexts that an acceptance refuses.";
    MAX_PDU_BYTES = "max_pdu_bytes" Quantity("By") Device
        "Longest P-DATA unit that the sender accepts; 0 for any.";
    IMPLEMENTATION_CLASS = "implementation_class" Text Device "Software of the sender, a UID.";
    IMPLEMENTATION_VERSION = "implementation_version" Text Device "Software version of the sender.";
    RESULT = "result" Number Device "Of a rejection: 1 permanent, 2 transient.";
    ORIGIN = "origin" Number Device "Which part rejected or aborted.";
    REASON = "reason" Number Device "Why it rejected or aborted.";
    COMMAND = "command" Number Device "Command field.";
    COMMAND_NAME = "command_name" Text Device "Command, such as C-STORE-RQ.";
    MESSAGE_ID = "message_id" Number Device "Number of the message, or of the one answered.";
    STATUS = "status" Number Device "Outcome: 0 success.";
    SOP_CLASS = "sop_class" Text Device "Kind of object, a UID.";
    SOP_INSTANCE = "sop_instance" Text Device "Object, a UID.";
    MOVE_DESTINATION = "move_destination" Text Device "Application entity that objects are to be sent to.";
    QUERY_LEVEL = "query_level" Text Device "What is asked for: PATIENT, STUDY, SERIES or IMAGE.";
    MODALITY = "modality" Text Device "Kind of device, such as CT.";
    MANUFACTURER = "manufacturer" Text Device "Maker of the device that made the object.";
    INSTITUTION = "institution" Text Device "Where that device is.";
    STATION_NAME = "station_name" Text Device "Name of that device.";
    MODEL = "model" Text Device "Model of that device.";
    SERIAL = "serial" Text Device "Serial number of that device.";
    SOFTWARE = "software" Text Device "Software versions of that device.";
    PATIENT_NAME = "patient_name" Text Patient "Name of the patient.";
    PATIENT_ID = "patient_id" Text Patient "Number of the patient.";
    BIRTH_DATE = "birth_date" Text Patient "Date of birth of the patient.";
}

/// Longest association unit. Ours: 128 presentation contexts with long lists take about 100 KB.
pub const ASSOCIATE_BYTES_MAX: usize = 128 << 10;
/// Longest command set. Ours: real ones have some hundred bytes.
pub const COMMAND_BYTES_MAX: usize = 16 << 10;
/// How much of a data set is read. Ours: what is of interest stands in the first kilobytes.
pub const HEAD_BYTES_MAX: usize = 8 << 10;
/// How far a mid-stream probe looks for a command, in bytes.
const PROBE_BYTES_MAX: usize = 512;

/// Where the titles of an association unit end: enough to recognise one.
const TITLES_END: usize = 42;
const PDU_HEADER_BYTES: usize = 6;
/// Length, context and flags.
const PDV_HEADER_BYTES: usize = 6;
/// Context and flags, which the PDV's length counts.
const PDV_COUNTED_BYTES: u32 = 2;
/// A P-DATA unit up to and with the flags of its first PDV, in bytes.
const UNIT_BYTES_MIN: usize = 12;
/// First element of a command set: (0000,0000), four bytes long.
static GROUP_LENGTH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(&[0, 0, 0, 0, 4, 0, 0, 0]));
/// Length of the short units.
const SHORT_BYTES: u32 = 4;
const ASSOCIATE_RQ: u8 = 1;
const ASSOCIATE_AC: u8 = 2;
const ASSOCIATE_RJ: u8 = 3;
const P_DATA: u8 = 4;
const RELEASE_RQ: u8 = 5;
const ABORT: u8 = 7;

fn start(start: &Start) -> Box<dyn Parser> {
    let mut parser = Dicom::default();
    parser.sides.iter_mut().for_each(|side| side.lost = start.midstream);
    Box::new(parser)
}

/// An association unit with its fixed fields, or a rejection; mid-stream a P-DATA unit with one PDV that
/// starts a command set.
fn probe(probe: &Probe<'_>) -> Verdict {
    let input = probe.input;
    let verdict = beginning(input, probe.side);
    if verdict != Verdict::NotForUs || !probe.midstream {
        return verdict;
    }
    if commands(input) {
        Verdict::Certain
    } else if input.len() < PROBE_BYTES_MAX {
        Verdict::Unsure
    } else {
        Verdict::NotForUs
    }
}

/// Whether a P-DATA unit in `input` begins a command set: its first element is the group length, (0000,0000) of
/// four bytes (PS3.7 §6.3.1). Bytes that are rarer than the unit's type, so they are looked for first.
fn commands(input: &[u8]) -> bool {
    let mut from = 0;
    while let Some(found) = input.get(from..).and_then(|rest| GROUP_LENGTH.find(rest)) {
        let at = (from + found).checked_sub(UNIT_BYTES_MIN);
        if at.and_then(|at| input.get(at..)).is_some_and(is_data_unit) {
            return true;
        }
        // An element may begin inside what was found.
        from += found + 1;
    }
    false
}

fn beginning(input: &[u8], side: Side) -> Verdict {
    let fixed = |expected: &[Option<u8>]| {
        expected.iter().zip(input).all(|(expected, byte)| expected.is_none_or(|expected| expected == *byte))
    };
    let decided = |bytes: usize| if input.len() < bytes { Verdict::Unsure } else { Verdict::Certain };
    let kind = match side {
        Side::Client => ASSOCIATE_RQ,
        Side::Server => ASSOCIATE_AC,
    };
    // Type, reserved, length below 2^17, version 1, reserved.
    let request = [Some(kind), Some(0), Some(0), None, None, None, Some(0), Some(1), Some(0), Some(0)];
    let rejection = [Some(ASSOCIATE_RJ), Some(0), Some(0), Some(0), Some(0), Some(4), Some(0)];
    if fixed(&request) && input.get(3).is_none_or(|byte| *byte <= 1) {
        let titles = input.get(10..input.len().min(TITLES_END)).unwrap_or_default();
        let plain = titles.iter().all(|byte| matches!(byte, b' '..=b'~' | 0));
        let item = input.get(ITEMS_AT).is_none_or(|item| *item == 0x10);
        return if plain && item { decided(TITLES_END) } else { Verdict::NotForUs };
    }
    let reasons = [1..=2, 1..=3, 1..=7];
    let reasoned =
        input.get(7..).unwrap_or_default().iter().zip(reasons).all(|(byte, range)| range.contains(byte));
    if side == Side::Server && fixed(&rejection) && reasoned && input.len() <= 10 {
        return decided(10);
    }
    Verdict::NotForUs
}

/// Offset of a P-DATA unit with exactly one PDV.
fn data_unit(input: &[u8]) -> Option<usize> {
    memchr_iter(P_DATA, input).find(|at| input.get(*at..).is_some_and(is_data_unit))
}

/// Whether a P-DATA unit with exactly one PDV begins `input`.
fn is_data_unit(input: &[u8]) -> bool {
    let Some([P_DATA, 0, a, b, c, d, e, f, g, h, context, flags]) = input.first_chunk::<UNIT_BYTES_MIN>()
    else {
        return false;
    };
    let pdu = u32::from_be_bytes([*a, *b, *c, *d]);
    let pdv = u32::from_be_bytes([*e, *f, *g, *h]);
    pdv >= PDV_COUNTED_BYTES && pdv.checked_add(4) == Some(pdu) && context % 2 == 1 && *flags <= 3
}

/// One connection.
#[derive(Debug, Default)]
struct Dicom {
    sides: [Speaker; 2],
    /// Accepted contexts with the way their data sets are written.
    contexts: Vec<(u8, Syntax)>,
}

/// One side.
#[derive(Debug, Default)]
struct Speaker {
    /// Bytes are missing: looks for a P-DATA unit.
    lost: bool,
    /// What is left of the P-DATA unit, PDV headers included.
    pdu_left: u32,
    /// The PDV that is being read.
    pdv: Option<Pdv>,
    /// Fragments of the command set.
    command: Vec<u8>,
    /// The message whose data set comes.
    message: Option<Command>,
    /// What is kept of the data set.
    head: Vec<u8>,
    /// No more of the data set is wanted.
    head_read: bool,
    /// A stored object was told of.
    disclosed: bool,
    /// Hash of the patient last told.
    patient: u64,
}

/// A fragment that is being read.
#[derive(Clone, Copy, Debug)]
struct Pdv {
    context: u8,
    flags: u8,
    left: u32,
}

impl Pdv {
    const fn is_command(self) -> bool {
        self.flags & 1 != 0
    }

    const fn is_last(self) -> bool {
        self.flags & 2 != 0
    }
}

impl Parser for Dicom {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        let Self { sides: [client, server], contexts } = self;
        let speaker = if side == Side::Client { client } else { server };
        if speaker.lost {
            // Associations are not looked for: they begin a connection.
            match beginning(input, side) {
                Verdict::Certain => speaker.lost = false,
                Verdict::Unsure => return Step::Need(TITLES_END),
                Verdict::NotForUs => match data_unit(input) {
                    Some(0) => speaker.lost = false,
                    Some(at) => {
                        out.conceal(0..at);
                        return Step::Done(at);
                    }
                    None if input.len() >= 12 => {
                        out.conceal(0..input.len() - 11);
                        return Step::Done(input.len() - 11);
                    }
                    None => return Step::Need(12),
                },
            }
        }
        let outcome = match speaker.pdv {
            Some(pdv) => speaker.fragment(pdv, contexts, input, out),
            None if speaker.pdu_left > 0 => speaker.pdv_header(contexts, input, out),
            None => speaker.pdu(contexts, input, out),
        };
        outcome.unwrap_or_else(Step::Stop)
    }

    fn gap(&mut self, side: Side, _: u64, _: &mut dyn Sink) -> Gap {
        let [client, server] = &mut self.sides;
        let speaker = if side == Side::Client { client } else { server };
        let Speaker { disclosed, patient, .. } = *speaker;
        *speaker = Speaker { lost: true, disclosed, patient, ..Speaker::default() };
        Gap::Resume
    }
}

fn range_fault(field: &'static str, offset: usize, value: u32, min: u32, max: u32) -> Malformed {
    let (value, min, max) = (value.into(), min.into(), max.into());
    Malformed { field, offset, reason: Reason::OutsideRange { value, min, max } }
}

impl Speaker {
    /// The header of a unit, and the whole unit where it is none of data.
    fn pdu(
        &mut self,
        contexts: &mut Vec<(u8, Syntax)>,
        input: &[u8],
        out: &mut dyn Sink,
    ) -> Result<Step, Malformed> {
        let Some([kind, _, a, b, c, d]) = input.first_chunk::<PDU_HEADER_BYTES>() else {
            return Ok(Step::Need(PDU_HEADER_BYTES));
        };
        let length = u32::from_be_bytes([*a, *b, *c, *d]);
        let (min, max) = match *kind {
            ASSOCIATE_RQ | ASSOCIATE_AC => {
                ((ITEMS_AT - PDU_HEADER_BYTES) as u32, (ASSOCIATE_BYTES_MAX - PDU_HEADER_BYTES) as u32)
            }
            ASSOCIATE_RJ | RELEASE_RQ..=ABORT => (SHORT_BYTES, SHORT_BYTES),
            P_DATA => {
                self.pdu_left = length;
                return Ok(Step::Done(PDU_HEADER_BYTES));
            }
            other => {
                let reason = Reason::NotDefined(other.into());
                return Err(Malformed { field: "PDU-type", offset: 0, reason });
            }
        };
        if !(min..=max).contains(&length) {
            return Err(range_fault("PDU-length", 2, length, min, max));
        }
        let bytes = PDU_HEADER_BYTES + length as usize;
        let Some(pdu) = input.get(..bytes) else { return Ok(Step::Need(bytes)) };
        match *kind {
            ASSOCIATE_RQ => associate::request(pdu, out),
            ASSOCIATE_AC => {
                *contexts = associate::acceptance(pdu, out);
                contexts.truncate(CONTEXTS_MAX);
            }
            kind => short(kind, pdu, out),
        }
        Ok(Step::Done(bytes))
    }

    fn pdv_header(
        &mut self,
        contexts: &[(u8, Syntax)],
        input: &[u8],
        out: &mut dyn Sink,
    ) -> Result<Step, Malformed> {
        let least = PDV_HEADER_BYTES as u32;
        if self.pdu_left < least {
            return Err(range_fault("PDU-length", 0, self.pdu_left, least, u32::MAX));
        }
        let Some([a, b, c, d, context, flags]) = input.first_chunk::<PDV_HEADER_BYTES>() else {
            return Ok(Step::Need(PDV_HEADER_BYTES));
        };
        let length = u32::from_be_bytes([*a, *b, *c, *d]);
        if !(PDV_COUNTED_BYTES..=self.pdu_left - 4).contains(&length) {
            return Err(range_fault("PDV item-length", 0, length, PDV_COUNTED_BYTES, self.pdu_left - 4));
        }
        self.pdu_left -= 4 + length;
        let pdv = Pdv { context: *context, flags: *flags, left: length - PDV_COUNTED_BYTES };
        if pdv.is_command() {
            let max = (COMMAND_BYTES_MAX - self.command.len().min(COMMAND_BYTES_MAX)) as u32;
            if pdv.left > max {
                return Err(range_fault("command set", PDV_HEADER_BYTES, pdv.left, 0, max));
            }
        }
        if pdv.left == 0 {
            self.ended(pdv, contexts, 0..PDV_HEADER_BYTES, out);
        } else {
            self.pdv = Some(pdv);
        }
        Ok(Step::Done(PDV_HEADER_BYTES))
    }

    /// A stretch of a fragment: kept where it is a command or the head of a data set, else passed over.
    fn fragment(
        &mut self,
        pdv: Pdv,
        contexts: &[(u8, Syntax)],
        input: &[u8],
        out: &mut dyn Sink,
    ) -> Result<Step, Malformed> {
        let left = pdv.left as usize;
        let wanted = match (pdv.is_command(), self.message) {
            (true, _) => left,
            (false, Some(_)) if !self.head_read => left.min(HEAD_BYTES_MAX - self.head.len()),
            (false, _) => 0,
        };
        if wanted == 0 {
            self.pdv = None;
            if pdv.is_last() {
                self.ended(pdv, contexts, 0..0, out);
            }
            return Ok(Step::Skip(pdv.left.into()));
        }
        let Some(bytes) = input.get(..wanted) else { return Ok(Step::Need(wanted)) };
        if !pdv.is_command() && out.wants_concealed() {
            let syntax = syntax_of(contexts, pdv.context);
            // Where elements begin is known only in the first piece.
            let read = if self.head.is_empty() { dataset::conceal(bytes, syntax, out) } else { 0 };
            out.conceal(read..bytes.len());
        }
        let kept = if pdv.is_command() { &mut self.command } else { &mut self.head };
        kept.extend_from_slice(bytes);
        let rest = Pdv { left: pdv.left - wanted as u32, ..pdv };
        self.pdv = (rest.left > 0).then_some(rest);
        if rest.left == 0 {
            self.ended(rest, contexts, 0..wanted, out);
        } else if self.head.len() == HEAD_BYTES_MAX {
            self.head(rest.context, contexts, 0..wanted, out);
        }
        Ok(Step::Done(wanted))
    }

    /// A fragment has ended; it may be the last of its set.
    fn ended(&mut self, pdv: Pdv, contexts: &[(u8, Syntax)], range: Range<usize>, out: &mut dyn Sink) {
        let full = !pdv.is_command() && self.head.len() == HEAD_BYTES_MAX;
        if !pdv.is_last() && !full {
            return;
        }
        if pdv.is_command() {
            let set = std::mem::take(&mut self.command);
            (self.message, self.head, self.head_read) = (None, Vec::new(), false);
            match command::read(&set, range.clone(), out) {
                Ok(command) => self.message = command.data.then_some(command),
                Err(fault) => out.fact(Fact::Malformed(fault), range),
            }
            return;
        }
        self.head(pdv.context, contexts, range, out);
        if pdv.is_last() {
            self.message = None;
        }
    }

    /// Reports the head of a data set, once.
    fn head(&mut self, context: u8, contexts: &[(u8, Syntax)], range: Range<usize>, out: &mut dyn Sink) {
        let head = std::mem::take(&mut self.head);
        let Some(command) = self.message.filter(|_| !std::mem::replace(&mut self.head_read, true)) else {
            return;
        };
        let syntax = syntax_of(contexts, context);
        let mut fields: Vec<(&'static Field, Value)> = vec![
            (&COMMAND, Value::Number(command.field.into())),
            (&COMMAND_NAME, Value::Text(Text::from(command::name(command.field)))),
        ];
        let mut device = Device::default();
        let outcome = dataset::read(&head, syntax, |tag, value| {
            if let Some(field) = dataset::field(tag).filter(|_| !value.is_empty()) {
                fields.push((field, Value::text(value)));
            }
            device.learn(tag, value);
        });
        if fields.len() > 2 {
            out.message(&SCHEMA, &fields, range.clone());
        }
        if command.field == command::STORE && !self.disclosed {
            self.disclosed = true;
            device.tell(&range, out);
            out.fact(Fact::Disclosed(Disclosed::ClinicalDocument), range.clone());
        }
        self.patient(&device, &range, out);
        if let Err(fault) = outcome {
            out.fact(Fact::Malformed(fault), range);
        }
    }

    fn patient(&mut self, device: &Device<'_>, range: &Range<usize>, out: &mut dyn Sink) {
        let Device { patient_id, patient_name, patient_more, .. } = *device;
        // Queries ask for "*".
        let named = |value: &[u8]| value.iter().any(|byte| !matches!(byte, b'*' | b'?' | b'^'));
        let identifier =
            [patient_id, patient_name].into_iter().find(|value| named(value)).unwrap_or_default();
        let more = patient_more || named(patient_id) && named(patient_name);
        let hash = stable_hash(&[patient_id, patient_name]);
        if (more || !identifier.is_empty()) && hash != self.patient {
            self.patient = hash;
            let [number, name] =
                [patient_id, patient_name].map(|value| if named(value) { value } else { &[] });
            out.patient(&PatientFields { identifier, more, name, number, bed: None }, range.clone());
        }
    }
}

/// How the data sets of a context are written.
fn syntax_of(contexts: &[(u8, Syntax)], context: u8) -> Syntax {
    contexts.iter().find(|(id, _)| *id == context).map_or(Syntax::Unseen, |(_, syntax)| *syntax)
}

/// What a data set says of the device that made it, and of whom it is.
#[derive(Default)]
struct Device<'a> {
    maker: &'a [u8],
    model: &'a [u8],
    serial: &'a [u8],
    software: &'a [u8],
    institution: &'a [u8],
    patient_id: &'a [u8],
    patient_name: &'a [u8],
    patient_more: bool,
}

impl<'a> Device<'a> {
    fn learn(&mut self, tag: (u16, u16), value: &'a [u8]) {
        let place = match tag {
            (0x0008, 0x0070) => &mut self.maker,
            (0x0008, 0x0080) => &mut self.institution,
            (0x0008, 0x1090) => &mut self.model,
            (0x0010, 0x0010) => &mut self.patient_name,
            (0x0010, 0x0020) => &mut self.patient_id,
            (0x0018, 0x1000) => &mut self.serial,
            (0x0018, 0x1020) => &mut self.software,
            // Birth date, sex, address and what else stands in the patient's group.
            (0x0010, _) if !value.is_empty() => return self.patient_more = true,
            _ => return,
        };
        *place = value;
    }

    fn tell(&self, range: &Range<usize>, out: &mut dyn Sink) {
        type Make = fn(Text) -> Identifier;
        let traits: [(&[u8], Make); 5] = [
            (self.maker, Identifier::Maker),
            (self.model, Identifier::Model),
            (self.serial, Identifier::Serial),
            (self.software, Identifier::FirmwareVersion),
            (self.institution, Identifier::Facility),
        ];
        for (value, make) in traits {
            if !value.is_empty() {
                let identifier = make(Text::from_bytes(value));
                out.fact(Fact::Identified(About::Sender, identifier), range.clone());
            }
        }
    }
}

/// Rejection, release and abort: | type | rsv | 00000004 | rsv | result | origin | reason |.
fn short(kind: u8, pdu: &[u8], out: &mut dyn Sink) {
    let name = match kind {
        ASSOCIATE_RJ => "associate-reject",
        RELEASE_RQ => "release-request",
        ABORT => "abort",
        _ => "release-response",
    };
    let mut fields: Vec<(&'static Field, Value)> = vec![(&PDU, Value::Text(Text::from(name)))];
    let mut number = |field: &'static Field, at: usize| {
        fields.extend(pdu.get(at).map(|byte| (field, Value::Number((*byte).into()))));
    };
    if kind == ASSOCIATE_RJ {
        number(&RESULT, 7);
    }
    if matches!(kind, ASSOCIATE_RJ | ABORT) {
        number(&ORIGIN, 8);
        number(&REASON, 9);
    }
    out.message(&SCHEMA, &fields, 0..pdu.len());
}

#[cfg(test)]
mod tests;
