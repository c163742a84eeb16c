//! Names: which addresses a device looks for, and what it is told.
//!
//! `mdns`, `llmnr` and `nbns` share this format and this reader; their files hold what differs.
//!
//! # Wire format
//! ```text
//! 0    2       4         6         8           10           12
//! | id | flags | questions | answers | authorities | additionals | question… | record…
//! flags:    QR 1, opcode 4, AA, TC, RD, RA, Z, AD, CD, rcode 4
//! question: | name | type 2 | class 2 |
//! record:   | name | type 2 | class 2 | ttl 4 | length 2 | data… |
//! name:     | length 0..63 | label… | … | 0 |   or, instead of the rest, a pointer: 11 and 14 bits of offset
//! ```
//! Over TCP each message has its length in front, 2 bytes (RFC 1035 §4.2.2).
//!
//! Own reader rather than `simple-dns`: it must say what it read before a fault and where the fault is, and
//! it is shorter than the translation would be.
//!
//! # Limits
//! A pointer must point in front of the name it is in, so that no chain can loop; a chain is at most
//! [`POINTERS_MAX`] long and a name [`NAME_BYTES_MAX`]. A message declares [`ANSWERS_SHOWN_MAX`] records;
//! facts are told of all. [`TOLD_MAX`] facts of a flow are remembered, then they may be told again.
//!
//! # Source
//! RFC 1035 §4, RFC 3596 (AAAA), RFC 2782 (SRV), RFC 6891 (EDNS); numbers from IANA "DNS Parameters".

mod whole;

pub use whole::{Answer, Message, Question};

use crate::{Cursor, Gap, Parser, Probe, Protocol, Sink, Start, Step, Verdict};
use model::{Fact, Field, Malformed, Reason, Schema, Side, Text, Transport, Value, stable_hash};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "dns",
    title: "DNS",
    source: "RFC 1035, RFC 3596, RFC 6891",
    transports: &[Transport::Udp, Transport::Tcp],
    ports: &[53],
    schema: &SCHEMA,
    probe,
    start: |start: &Start| Box::new(Dns { transport: start.transport, told: Told::default() }),
};

schema! { "dns":
    ID = "id" Number Device "Number that matches answers with questions.";
    RESPONSE = "response" Flag Device "An answer, not a question.";
    OPCODE = "opcode" Number Device "0 query, 4 notify, 5 update.";
    RCODE = "rcode" Number Device "Outcome: 0 fine, 2 server failure, 3 no such name.";
    QNAME = "qname" Text Device "Name that is asked for.";
    QTYPE = "qtype" Number Device "Record type that is asked for: 1 A, 28 AAAA, 12 PTR, 16 TXT.";
    ANSWER_NAME = "answer_name" Text Device "Name that a record is about; repeats.";
    ANSWER_TYPE = "answer_type" Number Device "Type of that record; repeats.";
    ANSWER = "answer" Text Device "What that record says, as text; repeats.";
    QUESTIONS = "questions" Number Device "Number of questions.";
    ANSWERS = "answers" Number Device "Number of answer records.";
    AUTHORITIES = "authorities" Number Device "Number of authority records.";
    ADDITIONALS = "additionals" Number Device "Number of additional records.";
    BYTES = "bytes" Number Device "Length of the message.";
}

/// Longest name in bytes, lengths of labels included: the standard's limit. A longer one is malformed.
const NAME_BYTES_MAX: usize = 255;
/// Longest chain of pointers of one name. Our limit; a name has at most 127 labels. A longer one is
/// malformed.
const POINTERS_MAX: usize = 127;
/// Longest chain of aliases followed. Our limit; resolvers follow about 16. What is behind it is told under
/// its own name only.
const ALIASES_MAX: usize = 32;
/// Most records that a message declares. Our limit; further ones become facts only.
const ANSWERS_SHOWN_MAX: usize = 64;
/// Most facts of one flow remembered as told. Our limit; at it all are forgotten and told again.
const TOLD_MAX: usize = 1024;
/// Ports whose traffic looks the same and has its own row.
const OTHER_PORTS: &[u16] = &[super::mdns::PORT, super::llmnr::PORT, super::nbns::PORT];
pub(super) const HEADER_BYTES: usize = 12;

/// Record types, IANA "Resource Record (RR) TYPEs".
pub(super) mod kind {
    pub(in super::super) const A: u16 = 1;
    pub(in super::super) const NS: u16 = 2;
    pub(in super::super) const CNAME: u16 = 5;
    pub(in super::super) const PTR: u16 = 12;
    pub(in super::super) const MX: u16 = 15;
    pub(in super::super) const TXT: u16 = 16;
    pub(in super::super) const AAAA: u16 = 28;
    pub(in super::super) const SRV: u16 = 33;
    pub(in super::super) const OPT: u16 = 41;
}

fn probe(probe: &Probe<'_>) -> Verdict {
    if probe.on_port(OTHER_PORTS) {
        return Verdict::NotForUs;
    }
    let on_port = probe.on_port(PROTOCOL.ports);
    if probe.transport != Transport::Tcp {
        return judge(probe.input, on_port);
    }
    let Some((length, message)) = probe.input.split_first_chunk::<2>() else { return Verdict::Unsure };
    let bytes = usize::from(u16::from_be_bytes(*length));
    if bytes < HEADER_BYTES || probe.midstream && !on_port {
        return Verdict::NotForUs;
    }
    match message.get(..bytes) {
        Some(whole) => judge(whole, on_port),
        None if !plausible(message, bytes) => Verdict::NotForUs,
        None => Verdict::Unsure,
    }
}

/// On its port a plausible header and first question do; elsewhere the message must read to its last byte.
pub(super) fn judge(message: &[u8], on_port: bool) -> Verdict {
    let strict = || {
        let head = Head::read(&mut Cursor::new(message)).ok()?;
        let mut read = Read::new(message);
        let whole = read.message(&mut |_, _| {}).is_ok() && read.at == message.len();
        (whole && head.counts.first() == Some(&1) && read.class_in).then_some(())
    };
    let ours = plausible(message, message.len()) && (on_port || strict().is_some());
    if ours { Verdict::Certain } else { Verdict::NotForUs }
}

/// Header and start of the first name of a message of `bytes` bytes, as far as they are there, are what senders
/// send.
fn plausible(message: &[u8], bytes: usize) -> bool {
    let Ok(head) = Head::read(&mut Cursor::new(message)) else { return message.len() < HEADER_BYTES };
    let [questions, answers, authorities, additionals] = head.counts;
    let some = u32::from(questions) + u32::from(answers) + u32::from(authorities) + u32::from(additionals);
    let label = message.get(HEADER_BYTES).is_none_or(|length| *length <= 63);
    let fits = some as usize * 5 <= bytes;
    head.opcode() <= 6 && head.flags & 0x40 == 0 && questions <= 32 && some > 0 && fits && label
}

/// Fixed part of a message.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) id: u16,
    pub(super) flags: u16,
    /// Questions, answers, authorities, additionals.
    pub(super) counts: [u16; 4],
}

impl Head {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let (id, flags) = (cursor.u16_be("id")?, cursor.u16_be("flags")?);
        let mut counts = [0; 4];
        for count in &mut counts {
            *count = cursor.u16_be("counts")?;
        }
        Ok(Self { id, flags, counts })
    }

    pub(super) const fn is_response(self) -> bool {
        self.flags & 0x8000 != 0
    }

    pub(super) const fn opcode(self) -> u16 {
        self.flags >> 11 & 0x0F
    }

    pub(super) const fn rcode(self) -> u16 {
        self.flags & 0x0F
    }
}

/// A name in wire order, its labels joined by dots, lower case; `.` for the root.
pub(super) fn name(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, Malformed> {
    let mut text = Vec::new();
    let mut reader = *cursor;
    let (mut jumped, mut floor) = (false, cursor.offset());
    for _ in 0..NAME_BYTES_MAX + POINTERS_MAX {
        let at = reader;
        let length = reader.u8("name")?;
        match length {
            0 => {
                if !jumped {
                    *cursor = reader;
                }
                if text.is_empty() {
                    text.push(b'.');
                }
                return Ok(text);
            }
            1..=63 => {
                let label = reader.take(length.into(), "name")?;
                if !text.is_empty() {
                    text.push(b'.');
                }
                text.extend(label.iter().map(u8::to_ascii_lowercase));
                if text.len() + 2 > NAME_BYTES_MAX {
                    let (value, max) = (text.len() as u64 + 2, NAME_BYTES_MAX as u64);
                    return Err(at.malformed("name", Reason::OutsideRange { value, min: 1, max }));
                }
            }
            0xC0.. => {
                let target = usize::from(length & 0x3F) << 8 | usize::from(reader.u8("name")?);
                if !jumped {
                    *cursor = reader;
                    jumped = true;
                }
                // Only backwards: each jump lowers the floor, so no chain comes back to where it was.
                if target >= floor || target < HEADER_BYTES {
                    return Err(at.malformed("name", Reason::BadReference));
                }
                floor = target;
                reader = Cursor::at(reader.unit(), target);
            }
            other => return Err(at.malformed("name", Reason::NotDefined(other.into()))),
        }
    }
    Err(cursor.malformed("name", Reason::BadReference))
}

/// Which section a record stands in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Section {
    /// What was asked.
    Answer,
    /// Who is responsible.
    Authority,
    /// What may be useful too.
    Additional,
}

/// What a record says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Said {
    /// An address.
    Ip(IpAddr),
    /// The canonical name, a host, a target.
    Name(Vec<u8>),
    /// Text.
    Text(Vec<u8>),
    /// Something that is not read.
    Other,
}

impl Said {
    fn text(&self) -> Text {
        match self {
            Self::Ip(ip) => Text::from(ip.to_string().as_str()),
            Self::Name(text) | Self::Text(text) => Text::from_bytes(text),
            Self::Other => Text::default(),
        }
    }
}

/// One part of a message, as [`Read::message`] comes upon it.
pub(super) enum Part<'a> {
    Question {
        name: &'a [u8],
        kind: u16,
        class: u16,
    },
    Record {
        section: Section,
        name: &'a [u8],
        kind: u16,
        class: u16,
        ttl: u32,
        said: &'a Said,
        data: &'a [u8],
    },
}

/// Reads one message part by part, so that what stands before a fault is told.
pub(super) struct Read<'a> {
    message: &'a [u8],
    /// Offset behind the last part read.
    at: usize,
    /// Every question was of class IN or ANY.
    class_in: bool,
    /// Record types have other meanings: their data is not read here.
    raw: bool,
}

impl<'a> Read<'a> {
    pub(super) const fn new(message: &'a [u8]) -> Self {
        Self { message, at: 0, class_in: true, raw: false }
    }

    /// For a protocol with types of its own: every record says [`Said::Other`].
    pub(super) const fn raw(message: &'a [u8]) -> Self {
        Self { message, at: 0, class_in: true, raw: true }
    }

    /// Calls `tell` with every part and where it stands.
    pub(super) fn message(&mut self, tell: &mut dyn FnMut(Part<'_>, Range<usize>)) -> Result<(), Malformed> {
        let mut cursor = Cursor::new(self.message);
        let head = Head::read(&mut cursor)?;
        self.at = cursor.offset();
        let [questions, answers, authorities, additionals] = head.counts;
        for _ in 0..questions {
            let start = self.at;
            let asked = name(&mut cursor)?;
            let (kind, class) = (cursor.u16_be("question type")?, cursor.u16_be("question class")?);
            // The top bit of the class asks for a unicast answer (RFC 6762 §5.4).
            self.class_in &= matches!(class & 0x7FFF, 1 | 255);
            self.at = cursor.offset();
            tell(Part::Question { name: &asked, kind, class }, start..self.at);
        }
        let sections = [
            (Section::Answer, answers),
            (Section::Authority, authorities),
            (Section::Additional, additionals),
        ];
        for (section, count) in sections {
            for _ in 0..count {
                let start = self.at;
                let Record { name, kind, class, ttl, said, data } = record(&mut cursor, self.raw)?;
                self.at = cursor.offset();
                let part = Part::Record { section, name: &name, kind, class, ttl, said: &said, data };
                tell(part, start..self.at);
            }
        }
        Ok(())
    }
}

/// One record: its owner, what kind it is of, what it says, and the raw data.
struct Record<'a> {
    name: Vec<u8>,
    kind: u16,
    class: u16,
    ttl: u32,
    said: Said,
    data: &'a [u8],
}

fn record<'a>(cursor: &mut Cursor<'a>, raw: bool) -> Result<Record<'a>, Malformed> {
    let owner = name(cursor)?;
    let (kind, class) = (cursor.u16_be("record type")?, cursor.u16_be("record class")?);
    let ttl = cursor.u32_be("record ttl")?;
    let bytes = usize::from(cursor.u16_be("record length")?);
    let start = *cursor;
    let data = cursor.take(bytes, "record data")?;
    // Names in the data may point into the message, but must end where the data ends.
    let message = start.unit().get(..cursor.offset()).unwrap_or_default();
    let within = |fault: Malformed| match fault.reason {
        Reason::CutShort => Malformed { reason: Reason::Contradicts("record length"), ..fault },
        _ => fault,
    };
    let named = |skip: usize| name(&mut Cursor::at(message, start.offset() + skip)).map_err(within);
    let said = match kind {
        _ if raw => Said::Other,
        kind::A => match <[u8; 4]>::try_from(data) {
            Ok(ip) => Said::Ip(Ipv4Addr::from(ip).into()),
            // An update deletes by an empty record (RFC 2136 §2.5.2).
            Err(_) if data.is_empty() => Said::Other,
            Err(_) => return Err(start.malformed("record data", Reason::Contradicts("record type"))),
        },
        kind::AAAA => match <[u8; 16]>::try_from(data) {
            Ok(ip) => Said::Ip(Ipv6Addr::from(ip).into()),
            Err(_) if data.is_empty() => Said::Other,
            Err(_) => return Err(start.malformed("record data", Reason::Contradicts("record type"))),
        },
        _ if data.is_empty() => Said::Other,
        kind::NS | kind::CNAME | kind::PTR => Said::Name(named(0)?),
        kind::MX => Said::Name(named(2)?),
        kind::SRV => Said::Name(named(6)?),
        kind::TXT => Said::Text(strings(data)),
        _ => Said::Other,
    };
    Ok(Record { name: owner, kind, class, ttl, said, data })
}

/// The character strings of a TXT record, joined by blanks.
fn strings(data: &[u8]) -> Vec<u8> {
    let mut cursor = Cursor::new(data);
    let mut parts = Vec::new();
    while let Ok(bytes) = cursor.u8("text") {
        let Ok(part) = cursor.take(bytes.into(), "text") else { break };
        parts.push(part);
    }
    parts.join(&b' ')
}

/// What was told in this flow.
#[derive(Default)]
pub(super) struct Told(BTreeSet<u64>);

impl Told {
    pub(super) fn is_new(&mut self, parts: &[&[u8]]) -> bool {
        if self.0.len() >= TOLD_MAX {
            self.0.clear();
        }
        self.0.insert(stable_hash(parts))
    }

    /// Tells that an address is asked for.
    pub(super) fn asked(&mut self, name: &[u8], range: Range<usize>, out: &mut dyn Sink) {
        if name != b"." && self.is_new(&[b"asked", name]) {
            out.fact(Fact::NameAsked(Text::from_bytes(name)), range);
        }
    }

    /// Tells the address of a name.
    pub(super) fn named(&mut self, name: &[u8], ip: IpAddr, range: Range<usize>, out: &mut dyn Sink) {
        let number = match ip {
            IpAddr::V4(v4) => u128::from(v4.to_bits()),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        if name != b"." && self.is_new(&[b"named", name, &number.to_be_bytes()]) {
            out.fact(Fact::NameIs(Text::from_bytes(name), ip), range);
        }
    }
}

/// Fields of a message under one of the schemas that share them.
pub(super) struct Declared {
    fields: Vec<(&'static Field, Value)>,
    shown: usize,
}

impl Declared {
    fn new(head: Head) -> Self {
        let fields = vec![
            (&ID, Value::Number(head.id.into())),
            (&RESPONSE, Value::Flag(head.is_response())),
            (&OPCODE, Value::Number(head.opcode().into())),
            (&RCODE, Value::Number(head.rcode().into())),
        ];
        Self { fields, shown: 0 }
    }

    fn add(&mut self, part: &Part<'_>) {
        if self.shown == ANSWERS_SHOWN_MAX {
            return;
        }
        self.shown += 1;
        match part {
            Part::Question { name, kind, .. } => {
                self.fields.push((&QNAME, Value::text(name)));
                self.fields.push((&QTYPE, Value::Number((*kind).into())));
            }
            Part::Record { kind: kind::OPT, .. } => {}
            Part::Record { name, kind, said, .. } => {
                self.fields.push((&ANSWER_NAME, Value::text(name)));
                self.fields.push((&ANSWER_TYPE, Value::Number((*kind).into())));
                self.fields.push((&ANSWER, Value::Text(said.text())));
            }
        }
    }

    fn finish(mut self, head: Head, bytes: usize) -> Vec<(&'static Field, Value)> {
        let counts = [&QUESTIONS, &ANSWERS, &AUTHORITIES, &ADDITIONALS];
        self.fields
            .extend(counts.into_iter().zip(head.counts).map(|(field, n)| (field, Value::Number(n.into()))));
        self.fields.push((&BYTES, Value::Number(bytes as u64)));
        self.fields
    }
}

/// Takes each part of a message, with its header and where the part stands.
type Tell<'a> = dyn FnMut(Head, Part<'_>, Range<usize>, &mut dyn Sink) + 'a;

/// Reads `message`, declares it under `schema` (which must list the fields of [`SHARED_FIELDS`]), and gives
/// every part to `tell`.
pub(super) fn declare(
    message: &[u8],
    schema: &'static Schema,
    base: usize,
    out: &mut dyn Sink,
    tell: &mut Tell<'_>,
) -> Result<(), Malformed> {
    let head = Head::read(&mut Cursor::new(message))?;
    let mut declared = out.wants_message(schema).then(|| Declared::new(head));
    let read = Read::new(message).message(&mut |part, range| {
        if let Some(declared) = &mut declared {
            declared.add(&part);
        }
        tell(head, part, base + range.start..base + range.end, &mut *out);
    });
    if let Some(declared) = declared {
        out.message(schema, &declared.finish(head, message.len()), base..base + message.len());
    }
    read
}

/// The fields that [`declare`] fills, for the schemas of the protocols that share this format.
pub(super) static SHARED_FIELDS: &[&Field] = SCHEMA.fields;

struct Dns {
    transport: Transport,
    told: Told,
}

impl Parser for Dns {
    fn step(&mut self, _: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        if self.transport != Transport::Tcp {
            return Step::datagram(input, self.message(input, 0, out));
        }
        let Some((length, rest)) = input.split_first_chunk::<2>() else { return Step::Need(2) };
        let bytes = usize::from(u16::from_be_bytes(*length));
        let Some(message) = rest.get(..bytes) else { return Step::Need(2 + bytes) };
        match self.message(message, 2, out) {
            Ok(()) => Step::Done(2 + bytes),
            Err(fault) => Step::Stop(fault),
        }
    }

    fn gap(&mut self, _: Side, _: u64, _: &mut dyn Sink) -> Gap {
        // Datagrams stand alone; in a stream the lengths are lost.
        if self.transport == Transport::Tcp { Gap::GiveUp } else { Gap::Resume }
    }
}

impl Dns {
    fn message(&mut self, message: &[u8], base: usize, out: &mut dyn Sink) -> Result<(), Malformed> {
        // The first question, and the names it turned out to be an alias of.
        let mut aliases: Vec<Vec<u8>> = Vec::new();
        let told = &mut self.told;
        declare(message, &SCHEMA, base, out, &mut |head, part, range, out| match part {
            Part::Question { name, kind, .. } => {
                if !head.is_response() && head.opcode() == 0 && kind != kind::PTR {
                    told.asked(name, range, out);
                }
                if aliases.is_empty() {
                    aliases.push(name.to_vec());
                }
            }
            Part::Record { section: Section::Answer, name, kind, said, .. } => match said {
                Said::Ip(ip) => {
                    told.named(name, *ip, range.clone(), out);
                    let asked = aliases.first().filter(|_| aliases.iter().skip(1).any(|alias| alias == name));
                    if let Some(asked) = asked {
                        told.named(asked, *ip, range, out);
                    }
                }
                Said::Name(target)
                    if kind == kind::CNAME
                        && aliases.len() < ALIASES_MAX
                        && aliases.iter().any(|alias| alias == name) =>
                {
                    aliases.push(target.clone());
                }
                _ => {}
            },
            Part::Record { .. } => {}
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, check, hex, probe as probed, run, sturdy};
    use model::Endpoint;

    const QUERY: &str = "
        abcd 0100 0001 0000 0000 0001
        03 777777 07 6578616d706c65 00 0001 0001 | www.example A
        00 0029 1000 00000000 0000               | EDNS";
    const ANSWER: &str = "
        abcd 8180 0001 0002 0000 0000
        03 777777 07 6578616d706c65 00 0001 0001
        c00c 0005 0001 0000003c 0006 03 63646e c010  | CNAME cdn.example
        c029 0001 0001 0000003c 0004 c6336407        | A 198.51.100.7";

    #[test]
    fn an_alias_and_its_target_have_the_address() {
        check(
            &PROTOCOL,
            &[(Side::Client, &hex(QUERY)), (Side::Server, &hex(ANSWER)), (Side::Server, &hex(ANSWER))],
            "c 12..29 NameAsked(\"www.example\")
             c 0..40 dns.id=43981 dns.response=false dns.opcode=0 dns.rcode=0 dns.qname=www.example \
               dns.qtype=1 \
               dns.questions=1 dns.answers=0 dns.authorities=0 dns.additionals=1 dns.bytes=40
             s 47..63 NameIs(\"cdn.example\", 198.51.100.7)
             s 47..63 NameIs(\"www.example\", 198.51.100.7)
             s 0..63 dns.id=43981 dns.response=true dns.opcode=0 dns.rcode=0 dns.qname=www.example \
               dns.qtype=1 \
               dns.answer_name=www.example dns.answer_type=5 dns.answer=cdn.example \
               dns.answer_name=cdn.example dns.answer_type=1 dns.answer=198.51.100.7 \
               dns.questions=1 dns.answers=2 dns.authorities=0 dns.additionals=0 dns.bytes=63
             s 0..63 dns.id=43981 dns.response=true dns.opcode=0 dns.rcode=0 dns.qname=www.example \
               dns.qtype=1 \
               dns.answer_name=www.example dns.answer_type=5 dns.answer=cdn.example \
               dns.answer_name=cdn.example dns.answer_type=1 dns.answer=198.51.100.7 \
               dns.questions=1 dns.answers=2 dns.authorities=0 dns.additionals=0 dns.bytes=63",
        );
    }

    #[test]
    fn what_stands_before_a_fault_is_told() {
        let looped = hex("abcd 0100 0002 0000 0000 0000 01 61 00 0001 0001 c013 0001 0001");
        let transcript = run(&PROTOCOL, &[(Side::Client, &looped)]);
        assert!(transcript.starts_with("c 12..19 NameAsked(\"a\")\n"), "{transcript}");
        let fault = "c stop name at byte 19: points outside the unit or at itself\n";
        assert!(transcript.ends_with(fault), "{transcript}");
    }

    #[test]
    fn pointers_only_go_back_and_names_end() {
        let fault = |bytes: &str, at| name(&mut Cursor::at(&hex(bytes), at)).unwrap_err().reason;
        let header = "000000000000000000000000";
        assert_eq!(fault(&format!("{header} c00e c00c"), 14), Reason::BadReference);
        assert_eq!(fault(&format!("{header} c00c"), 12), Reason::BadReference);
        assert_eq!(fault(&format!("{header} c000"), 12), Reason::BadReference);
        assert_eq!(fault(&format!("{header} 80"), 12), Reason::NotDefined(0x80));
        assert_eq!(fault(&format!("{header} 05 6161"), 12), Reason::CutShort);
        let long = format!("{header} {}", format!("3f{}", "61".repeat(63)).repeat(4));
        assert_eq!(fault(&long, 12), Reason::OutsideRange { value: 257, min: 1, max: 255 });
    }

    #[test]
    fn record_lengths_must_fit_their_type() {
        let short = hex("abcd 8180 0000 0001 0000 0000 01 61 00 0001 0001 00000000 0003 010203");
        let transcript = run(&PROTOCOL, &[(Side::Server, &short)]);
        assert!(
            transcript.ends_with("s stop record data at byte 25: contradicts record type\n"),
            "{transcript}"
        );
        let open = hex("abcd 8180 0000 0001 0000 0000 01 61 00 0005 0001 00000000 0002 0262 6300");
        let transcript = run(&PROTOCOL, &[(Side::Server, &open)]);
        assert!(transcript.ends_with("s stop name at byte 26: contradicts record length\n"), "{transcript}");
    }

    #[test]
    fn over_tcp_each_message_has_its_length_in_front() {
        let query = hex(QUERY);
        let mut stream = vec![0, u8::try_from(query.len()).unwrap()];
        stream.extend_from_slice(&query);
        let verdict = |input, midstream| {
            let (transport, side) = (Transport::Tcp, Side::Client);
            probe(&Probe { transport, side, client_port: 50000, server_port: 53, input, midstream })
        };
        assert_eq!(verdict(&stream, false), Verdict::Certain);
        assert_eq!(verdict(&stream[..20], false), Verdict::Unsure);
        assert_eq!(verdict(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x41\x42\x43\x44\x45", false), {
            Verdict::NotForUs
        });
        let end = |last, port| Endpoint { ip: Ipv4Addr::new(192, 0, 2, last).into(), port };
        let (transport, client, server) = (Transport::Tcp, end(1, 50000), end(2, 53));
        let start = Start { transport, client, server, expected: None, midstream: false };
        let mut bench = Bench::started(&PROTOCOL, &start);
        for byte in stream.repeat(2) {
            bench.feed(Side::Client, &[byte]);
        }
        let transcript = bench.finish();
        assert!(
            transcript.starts_with("c 14..31 NameAsked(\"www.example\")\nc 2..42 dns.id"),
            "{transcript}"
        );
        assert!(transcript.contains("\nc 44..84 dns.id"), "{transcript}");
    }

    #[test]
    fn off_its_port_a_message_must_read_to_its_end() {
        assert_eq!(probed(&PROTOCOL, Side::Client, &hex(QUERY)), Verdict::Certain);
        assert_eq!(judge(&hex(QUERY), false), Verdict::Certain);
        assert_eq!(judge(&hex(&format!("{QUERY}\n00")), false), Verdict::NotForUs);
        assert_eq!(judge(b"GET / HTTP/1.1\r\nHost: a\r\n", true), Verdict::NotForUs);
        assert_eq!(judge(&[0; 64], true), Verdict::NotForUs);
    }

    #[test]
    fn it_is_sturdy() {
        sturdy(&PROTOCOL, &[(Side::Client, &hex(QUERY)), (Side::Server, &hex(ANSWER))]);
    }
}
