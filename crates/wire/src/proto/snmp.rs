//! Network management: a device's own description, and the password that guards it, in clear.
//!
//! # Wire format
//! ASN.1 in the basic encoding (BER): type, length, value. Lengths below 128 are one byte; else `0x80 + n`
//! and n bytes.
//! ```text
//! 30 message { 02 version: 0 v1, 1 v2c; 04 community; PDU }
//! A0 get  A1 get-next  A2 response  A3 set  A5 get-bulk  A6 inform  A7 trap v2  A8 report
//!   { 02 request id, 02 error status, 02 error index, 30 { 30 { 06 name, value }… } }
//! A4 trap v1 { 06 enterprise, 40 agent address, 02 generic, 02 specific, 43 time, 30 {…} }
//! version 3: 30 { 02 3; 30 { header }; 04 security parameters; data }   message only
//! ```
//! `1.3.6.1.2.1.1.1.0` (sysDescr) is what the device says it is, `…1.5.0` (sysName) what it is called.
//!
//! # Limits
//! Of a PDU the first [`BINDINGS_MAX`] variables are read. One community is remembered until it is answered.
//!
//! # Source
//! RFC 1157, RFC 1901, RFC 3416, RFC 3412 (version 3), ITU-T X.690; names from RFC 3418.

use crate::{Cursor, Gap, Login, Parser, Probe, Protocol, Sink, Start, Step, Verdict};
use model::{
    About, Accepted, Fact, Field, Identifier, Malformed, Reason, Side, Text, Transport, Value, stable_hash,
};
use std::collections::BTreeSet;
use std::ops::Range;

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "snmp",
    title: "SNMP",
    source: "RFC 1157, RFC 3416",
    transports: &[Transport::Udp],
    ports: &[161, 162],
    schema: &SCHEMA,
    probe,
    start: |_: &Start| Box::new(Snmp::default()),
};

schema! { "snmp":
    VERSION = "version" Number Device "0 version 1, 1 version 2c, 3 version 3.";
    COMMUNITY = "community" Text Secret "Password of versions 1 and 2c.";
    PDU = "pdu" Number Device "0 get, 1 get-next, 2 response, 3 set, 4 and 7 trap, 5 get-bulk.";
    ERROR_STATUS = "error_status" Number Device "0 fine, 2 no such name, 16 authorization error.";
    NAME = "name" Text Device "Object that is asked for or told; repeats.";
    TEXT = "text" Text Device "Value of the object before it, where that is text; repeats.";
}

/// Most variables read of one message. Our limit; the rest is passed over.
const BINDINGS_MAX: usize = 64;
/// Most components of an object name. The standard's limit (RFC 3416 §4.1).
const NAME_PARTS_MAX: usize = 128;
/// Most bytes of a community kept. Our limit; the rest is dropped.
const COMMUNITY_BYTES_MAX: usize = 256;
/// Most traits remembered as told in one flow. Our limit; at it all are forgotten and told again.
const TOLD_MAX: usize = 64;

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const GET: u8 = 0xA0;
const RESPONSE: u8 = 0xA2;
const SET: u8 = 0xA3;
const TRAP_V1: u8 = 0xA4;
const GET_BULK: u8 = 0xA5;
const REPORT: u8 = 0xA8;
const VERSION_3: u64 = 3;
const SYS_DESCR: &str = "1.3.6.1.2.1.1.1.0";
const SYS_NAME: &str = "1.3.6.1.2.1.1.5.0";

fn probe(probe: &Probe<'_>) -> Verdict {
    // The whole envelope must nest exactly; that is strict enough for any port.
    let read = || {
        let mut cursor = Cursor::new(probe.input);
        let body = expect(&mut cursor, SEQUENCE, "message").ok()?;
        let mut inner = body.cursor();
        let version = number(&mut inner, "version").ok()?;
        let whole = cursor.is_empty();
        let next = match version {
            0 | 1 => {
                expect(&mut inner, OCTETS, "community").ok()?;
                (GET..=REPORT).contains(&element(&mut inner, "pdu").ok()?.kind)
            }
            VERSION_3 => expect(&mut inner, SEQUENCE, "header").is_ok(),
            _ => false,
        };
        (whole && next).then_some(())
    };
    if read().is_some() { Verdict::Certain } else { Verdict::NotForUs }
}

/// One element: type, and value within the unit.
struct Element<'a> {
    kind: u8,
    unit: &'a [u8],
    range: Range<usize>,
}

impl<'a> Element<'a> {
    fn value(&self) -> &'a [u8] {
        self.unit.get(self.range.clone()).unwrap_or_default()
    }

    /// Over the elements inside, with offsets of the unit.
    fn cursor(&self) -> Cursor<'a> {
        Cursor::at(self.unit.get(..self.range.end).unwrap_or(self.unit), self.range.start)
    }
}

fn element<'a>(cursor: &mut Cursor<'a>, field: &'static str) -> Result<Element<'a>, Malformed> {
    let kind = cursor.u8(field)?;
    let at = *cursor;
    let first = cursor.u8(field)?;
    let bytes = match first {
        0..=0x7F => usize::from(first),
        0x81..=0x84 => {
            let bytes = cursor.take(usize::from(first & 0x7F), field)?;
            bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
        }
        // Indefinite length is for other encodings; more than four bytes no datagram has.
        other => return Err(at.malformed(field, Reason::NotDefined(other.into()))),
    };
    let start = cursor.offset();
    cursor.take(bytes, field)?;
    Ok(Element { kind, unit: cursor.unit(), range: start..cursor.offset() })
}

fn expect<'a>(cursor: &mut Cursor<'a>, kind: u8, field: &'static str) -> Result<Element<'a>, Malformed> {
    let at = *cursor;
    let element = element(cursor, field)?;
    if element.kind == kind {
        Ok(element)
    } else {
        Err(at.malformed(field, Reason::NotDefined(element.kind.into())))
    }
}

/// A number of at most 8 bytes, its sign dropped.
fn number(cursor: &mut Cursor<'_>, field: &'static str) -> Result<u64, Malformed> {
    let at = *cursor;
    let value = expect(cursor, INTEGER, field)?.value();
    if value.is_empty() || value.len() > 8 {
        let reason = Reason::OutsideRange { value: value.len() as u64, min: 1, max: 8 };
        return Err(at.malformed(field, reason));
    }
    Ok(value.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

/// An object name with dots: the first byte holds two parts, others 7 bits per byte (X.690 §8.19).
fn dotted(value: &[u8]) -> String {
    let mut text = String::new();
    let (mut part, mut parts) = (0_u64, 0);
    for byte in value {
        part = part << 7 | u64::from(byte & 0x7F);
        if byte & 0x80 != 0 {
            continue;
        }
        if parts == 0 {
            let first = (part / 40).min(2);
            text = format!("{first}.{}", part - first * 40);
        } else {
            text.push_str(&format!(".{part}"));
        }
        parts += 1;
        part = 0;
        if parts == NAME_PARTS_MAX {
            break;
        }
    }
    text
}

/// A community that was sent and not yet answered.
struct Asked {
    community: Vec<u8>,
    side: Side,
}

#[derive(Default)]
struct Snmp {
    asked: Option<Asked>,
    /// The community was answered and told.
    let_in: bool,
    told: BTreeSet<u64>,
}

impl Parser for Snmp {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        Step::datagram(input, self.message(side, input, out))
    }

    fn gap(&mut self, _: Side, _: u64, _: &mut dyn Sink) -> Gap {
        Gap::Resume
    }

    fn end(&mut self, out: &mut dyn Sink) {
        if let Some(asked) = self.asked.take()
            && asked.side == Side::Client
            && !self.let_in
        {
            let secret = Some(asked.community.as_slice());
            out.login(&Login { account: b"", secret, accepted: Accepted::Unknown }, 0..0);
        }
    }
}

impl Snmp {
    fn message(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Result<(), Malformed> {
        let envelope = expect(&mut Cursor::new(input), SEQUENCE, "message")?;
        let mut cursor = envelope.cursor();
        // Beyond the envelope's own end nothing can be cut by the capture: the lengths contradict.
        let inner = |fault: Malformed| match fault.reason {
            Reason::CutShort => Malformed { reason: Reason::Contradicts("message length"), ..fault },
            _ => fault,
        };
        let at = cursor;
        let version = number(&mut cursor, "version").map_err(inner)?;
        let mut fields: Vec<(&'static Field, Value)> = vec![(&VERSION, Value::Number(version))];
        if version == VERSION_3 {
            // Names of users stand in places that are not read.
            out.conceal(cursor.offset()..input.len());
            out.message(&SCHEMA, &fields, 0..input.len());
            return Ok(());
        }
        if version > 1 {
            return Err(at.malformed("version", Reason::NotDefined(version)));
        }
        let community = expect(&mut cursor, OCTETS, "community").map_err(inner)?;
        out.conceal(community.range.clone());
        fields.push((&COMMUNITY, Value::text(community.value())));
        let pdu = element(&mut cursor, "pdu").map_err(inner)?;
        if !(GET..=REPORT).contains(&pdu.kind) {
            return Err(at.malformed("pdu", Reason::NotDefined(pdu.kind.into())));
        }
        fields.push((&PDU, Value::Number((pdu.kind - GET).into())));
        let mut bindings = Vec::new();
        let read = variables(&pdu, &mut fields, &mut bindings).map_err(inner);
        for (name, value) in &bindings {
            // Texts but for the device's description and name may be anybody's.
            if value.kind == OCTETS && !matches!(name.as_str(), SYS_DESCR | SYS_NAME) {
                out.conceal(value.range.clone());
            }
        }
        if bindings.len() == BINDINGS_MAX || read.is_err() {
            out.conceal(pdu.range.clone());
        }
        out.message(&SCHEMA, &fields, 0..input.len());
        self.login(side, pdu.kind, &community, out);
        if pdu.kind == RESPONSE {
            for (name, value) in bindings {
                self.describe(side, &name, &value, out);
            }
        }
        read
    }

    /// The community lets the client in when the other side answers one.
    fn login(&mut self, side: Side, pdu: u8, community: &Element<'_>, out: &mut dyn Sink) {
        let value = community.value();
        match pdu {
            GET | 0xA1 | SET | GET_BULK => {
                let community = value.get(..COMMUNITY_BYTES_MAX).unwrap_or(value).to_vec();
                self.asked = Some(Asked { community, side });
            }
            RESPONSE => {
                if let Some(asked) = self.asked.take_if(|asked| asked.side != side)
                    && asked.side == Side::Client
                    && !std::mem::replace(&mut self.let_in, true)
                {
                    let secret = Some(asked.community.as_slice());
                    let login = Login { account: b"", secret, accepted: Accepted::Yes };
                    out.login(&login, community.range.clone());
                }
            }
            _ => {}
        }
    }

    fn describe(&mut self, side: Side, name: &str, value: &Element<'_>, out: &mut dyn Sink) {
        let text = Text::from_bytes(value.value());
        let identifier = match name {
            SYS_DESCR if value.kind == OCTETS => Identifier::Software(text),
            SYS_NAME if value.kind == OCTETS => Identifier::HostName(text),
            _ => return,
        };
        if self.told.len() >= TOLD_MAX {
            self.told.clear();
        }
        let by_client = [u8::from(side == Side::Client)];
        let is_new = self.told.insert(stable_hash(&[&by_client, name.as_bytes(), value.value()]));
        if is_new && !value.value().is_empty() {
            out.fact(Fact::Identified(About::Sender, identifier), value.range.clone());
        }
    }
}

/// Reads the variables of a PDU into `fields` and `bindings`, as far as they can be read.
fn variables<'a>(
    pdu: &Element<'a>,
    fields: &mut Vec<(&'static Field, Value)>,
    bindings: &mut Vec<(String, Element<'a>)>,
) -> Result<(), Malformed> {
    let mut cursor = pdu.cursor();
    if pdu.kind == TRAP_V1 {
        for field in ["enterprise", "agent address", "generic trap", "specific trap", "time stamp"] {
            element(&mut cursor, field)?;
        }
    } else {
        number(&mut cursor, "request id")?;
        let status = number(&mut cursor, "error status")?;
        number(&mut cursor, "error index")?;
        // In a get-bulk this number says how many variables do not repeat.
        if pdu.kind != GET_BULK {
            fields.push((&ERROR_STATUS, Value::Number(status)));
        }
    }
    let mut list = expect(&mut cursor, SEQUENCE, "variables")?.cursor();
    for _ in 0..BINDINGS_MAX {
        if list.is_empty() {
            break;
        }
        let mut binding = expect(&mut list, SEQUENCE, "variable")?.cursor();
        let name = dotted(expect(&mut binding, OBJECT, "name")?.value());
        let value = element(&mut binding, "value")?;
        fields.push((&NAME, Value::text(name.as_bytes())));
        if value.kind == OCTETS {
            fields.push((&TEXT, Value::text(value.value())));
        }
        bindings.push((name, value));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, hex, probe as probed, run, sturdy};

    const GET_DESCRIPTION: &str = "
        30 26 020100 0406 7075626c6963     | version 1, public
        a0 19 020101 020100 020100 30 0e 30 0c 0608 2b06010201010100 0500";
    const RESPONSE_WITH_DESCRIPTION: &str = "
        30 2b 020100 0406 7075626c6963
        a2 1e 020101 020100 020100 30 13 30 11 0608 2b06010201010100 0405 4c696e7578";

    #[test]
    fn a_device_that_answers_let_the_community_in_and_describes_itself() {
        check(
            &PROTOCOL,
            &[(Side::Client, &hex(GET_DESCRIPTION)), (Side::Server, &hex(RESPONSE_WITH_DESCRIPTION))],
            "c 0..40 snmp.version=0 snmp.community=public snmp.pdu=0 snmp.error_status=0 \
               snmp.name=1.3.6.1.2.1.1.1.0
             s 0..45 snmp.version=0 snmp.community=public snmp.pdu=2 snmp.error_status=0 \
               snmp.name=1.3.6.1.2.1.1.1.0 snmp.text=Linux
             s 7..13 login \"\" secret in clear, accepted Yes
             s 40..45 Identified(Sender, Software(\"Linux\"))",
        );
    }

    #[test]
    fn an_unanswered_community_is_told_at_the_end() {
        let transcript = run(&PROTOCOL, &[(Side::Client, &hex(GET_DESCRIPTION))]);
        assert!(transcript.ends_with("login \"\" secret in clear, accepted Unknown\n"), "{transcript}");
    }

    #[test]
    fn version_3_is_declared_only() {
        let message = hex("30 11 020103 300a 02010102020400040100 0400");
        check(&PROTOCOL, &[(Side::Client, &message)], "c 0..19 snmp.version=3");
    }

    #[test]
    fn lengths_that_contradict_stop() {
        let mut message = hex(GET_DESCRIPTION);
        message[6] = 0x7F; // community longer than the message
        check(
            &PROTOCOL,
            &[(Side::Client, &message)],
            "c stop community at byte 7: contradicts message length",
        );
        let endless = hex("30 80 020100");
        check(&PROTOCOL, &[(Side::Client, &endless)], "c stop message at byte 1: 128 is not defined");
        let other = hex("30 03 020107");
        check(&PROTOCOL, &[(Side::Client, &other)], "c stop version at byte 2: 7 is not defined");
    }

    #[test]
    fn object_names_are_read_part_by_part() {
        assert_eq!(dotted(&hex("2b06010401823701")), "1.3.6.1.4.1.311.1");
        assert_eq!(dotted(&hex("8837")), "2.999");
        assert_eq!(dotted(&[0xFF; 40]), "");
    }

    #[test]
    fn the_probe_wants_an_envelope_that_nests() {
        assert_eq!(probed(&PROTOCOL, Side::Client, &hex(GET_DESCRIPTION)), Verdict::Certain);
        let mut cut = hex(GET_DESCRIPTION);
        cut.push(0);
        assert_eq!(probed(&PROTOCOL, Side::Client, &cut), Verdict::NotForUs);
        // LDAP begins the same way.
        assert_eq!(
            probed(&PROTOCOL, Side::Client, &hex("300c 020101 6007 020103 0400 8000")),
            Verdict::NotForUs
        );
    }

    #[test]
    fn it_is_sturdy() {
        let dialogue = [(Side::Client, hex(GET_DESCRIPTION)), (Side::Server, hex(RESPONSE_WITH_DESCRIPTION))];
        sturdy(&PROTOCOL, &dialogue.each_ref().map(|(side, bytes)| (*side, bytes.as_slice())));
    }
}
