//! NetBIOS names: how older Windows stations, among them many embedded consoles, call themselves.
//!
//! # Wire format
//! That of `dns`, over UDP port 137. A name is one label of 32 letters `A` to `P`, two per byte (high half
//! first, `A` = 0); its 16 bytes are 15 of the name, padded by blanks, and a suffix: 0x00 workstation, 0x20
//! file server, 0x1B to 0x1E domains and browsers.
//! ```text
//! opcodes: 0 query, 5 registration, 6 release, 7 wait, 8 refresh
//! record type: 0x20 (NB) data:     | flags 2, 0x8000 = group | address 4 | …
//!              0x21 (NBSTAT) data: | names 1 | name 15, suffix 1, flags 2 | … | link address 6 | …
//! ```
//! Who registers or refreshes a unique name is called that, and so is who answers with it when asked for
//! its own names (NBSTAT).
//!
//! # Limits
//! Those of `dns`.
//!
//! # Source
//! RFC 1001 §14, RFC 1002 §4.2.

use super::dns::{HEADER_BYTES, Head, Part, Read, Told};
use crate::{Cursor, Parser, Probe, Protocol, Sink, Start, Step, Verdict};
use model::{About, Fact, Identifier, Malformed, Side, Text, Transport, Value};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "nbns",
    title: "NetBIOS name service",
    source: "RFC 1002",
    transports: &[Transport::Udp],
    ports: &[PORT],
    schema: &SCHEMA,
    probe,
    start: |_: &Start| Box::new(Nbns { told: Told::default() }),
};

schema! { "nbns":
    ID = "id" Number Device "Number that matches answers with questions.";
    RESPONSE = "response" Flag Device "An answer, not a question.";
    OPCODE = "opcode" Number Device "0 query, 5 registration, 6 release, 8 refresh.";
    RCODE = "rcode" Number Device "Outcome: 0 fine, 6 name is in use.";
    NAME = "name" Text Device "Name that is asked for, claimed or told.";
    SUFFIX = "suffix" Number Device "Kind of the name: 0 workstation, 32 file server, 27 to 30 domain.";
    ADDRESS = "address" Ip Device "Address of the name; may repeat.";
}

pub(super) const PORT: u16 = 137;
const NB: u16 = 0x20;
const NBSTAT: u16 = 0x21;
const QUERY: u16 = 0;
const REGISTRATION: u16 = 5;
const REFRESH: u16 = 8;
/// RFC 1002 says 8, its table 9, and multi-homed registration came later as 15.
const REFRESH_ALSO: u16 = 9;
const GROUP: u8 = 0x80;

fn probe(probe: &Probe<'_>) -> Verdict {
    let encoded = probe.input.get(HEADER_BYTES..HEADER_BYTES + 33).and_then(<[u8]>::split_first);
    let ours = encoded.is_some_and(|(length, name)| *length == 32 && decoded(name).is_some());
    if ours && probe.on_port(&[PORT]) { Verdict::Certain } else { Verdict::NotForUs }
}

/// Name without padding, and suffix. The scope, further labels, is dropped.
fn decoded(label: &[u8]) -> Option<(Vec<u8>, u8)> {
    let (pairs, _) = label.get(..32)?.as_chunks::<2>();
    let half = |letter: u8| letter.to_ascii_uppercase().checked_sub(b'A').filter(|half| *half < 16);
    let mut bytes =
        pairs.iter().map(|[high, low]| Some(half(*high)? << 4 | half(*low)?)).collect::<Option<Vec<u8>>>()?;
    let suffix = bytes.pop()?;
    bytes.truncate(bytes.iter().rposition(|byte| !matches!(byte, 0 | b' ')).map_or(0, |at| at + 1));
    Some((bytes, suffix))
}

struct Nbns {
    told: Told,
}

impl Parser for Nbns {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        Step::datagram(input, self.message(side, input, out))
    }
}

impl Nbns {
    fn message(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Result<(), Malformed> {
        let head = Head::read(&mut Cursor::new(input))?;
        // The flags leave 4 bits for the opcode after the response bit, as in DNS.
        let opcode = head.opcode();
        let mut fields = vec![
            (&ID, Value::Number(head.id.into())),
            (&RESPONSE, Value::Flag(head.is_response())),
            (&OPCODE, Value::Number(opcode.into())),
            (&RCODE, Value::Number(head.rcode().into())),
        ];
        let read = Read::raw(input).message(&mut |part, range| match part {
            Part::Question { name, kind, .. } => {
                let Some((name, suffix)) = decoded(name) else { return };
                fields.push((&NAME, Value::text(&name)));
                fields.push((&SUFFIX, Value::Number(suffix.into())));
                if kind == NB && opcode == QUERY && !head.is_response() && is_host(suffix) {
                    self.told.asked(&name.to_ascii_lowercase(), range, out);
                }
            }
            Part::Record { name, kind: NB, data, .. } => {
                let Some((name, suffix)) = decoded(name) else { return };
                fields.push((&NAME, Value::text(&name)));
                fields.push((&SUFFIX, Value::Number(suffix.into())));
                for entry in data.as_chunks::<6>().0 {
                    let [flags, _, ip @ ..] = *entry;
                    let ip = IpAddr::V4(Ipv4Addr::from(ip));
                    fields.push((&ADDRESS, Value::Ip(ip)));
                    if flags & GROUP == 0 && is_host(suffix) && head.rcode() == 0 {
                        self.told.named(&name.to_ascii_lowercase(), ip, range.clone(), out);
                        self.claimed(head, side, &name, range.clone(), out);
                    }
                }
            }
            Part::Record { kind: NBSTAT, data, .. } if head.is_response() => {
                let Some((count, names)) = data.split_first() else { return };
                for entry in names.as_chunks::<18>().0.iter().take(usize::from(*count)) {
                    let [name @ .., suffix, flags, _] = entry;
                    fields.push((&NAME, Value::text(name)));
                    fields.push((&SUFFIX, Value::Number((*suffix).into())));
                    if flags & GROUP == 0 && is_host(*suffix) {
                        self.own(side, name, range.clone(), out);
                    }
                }
            }
            Part::Record { .. } => {}
        });
        out.message(&SCHEMA, &fields, 0..input.len());
        read
    }

    /// A station that registers a name is called that.
    fn claimed(&mut self, head: Head, side: Side, name: &[u8], range: Range<usize>, out: &mut dyn Sink) {
        if matches!(head.opcode(), REGISTRATION | REFRESH | REFRESH_ALSO) && !head.is_response() {
            self.own(side, name, range, out);
        }
    }

    fn own(&mut self, side: Side, name: &[u8], range: Range<usize>, out: &mut dyn Sink) {
        let (name, by_client) = (Text::from_bytes(name), u8::from(side == Side::Client));
        if !name.is_empty() && self.told.is_new(&[b"own", &[by_client], name.as_str().as_bytes()]) {
            out.fact(Fact::Identified(About::Sender, Identifier::HostName(name)), range);
        }
    }
}

/// Names of a station itself, not of a domain or a role.
const fn is_host(suffix: u8) -> bool {
    matches!(suffix, 0x00 | 0x20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, hex, probe as probed, sturdy};

    /// `CENTRAL` and suffix 0x20 (`CA`).
    const NAME_HEX: &str =
        "20 4544454645 4f4645464345 42454d 4341 4341 4341 4341 4341 4341 4341 4341 4341 00";

    fn registration() -> Vec<u8> {
        hex(&format!(
            "8001 2910 0001 0000 0000 0001 {NAME_HEX} 0020 0001 c00c 0020 0001 000493e0 0006 0000 c0000201"
        ))
    }

    #[test]
    fn a_station_that_registers_a_name_is_called_that() {
        check(
            &PROTOCOL,
            &[(Side::Client, &registration())],
            "c 50..68 NameIs(\"central\", 192.0.2.1)
             c 50..68 Identified(Sender, HostName(\"CENTRAL\"))
             c 0..68 nbns.id=32769 nbns.response=false nbns.opcode=5 nbns.rcode=0 nbns.name=CENTRAL \
               nbns.suffix=32 nbns.name=CENTRAL nbns.suffix=32 nbns.address=192.0.2.1",
        );
    }

    #[test]
    fn a_query_asks_for_a_name() {
        let query = hex(&format!("8002 0110 0001 0000 0000 0000 {NAME_HEX} 0020 0001"));
        check(
            &PROTOCOL,
            &[(Side::Client, &query)],
            "c 12..50 NameAsked(\"central\")
             c 0..50 nbns.id=32770 nbns.response=false nbns.opcode=0 nbns.rcode=0 nbns.name=CENTRAL \
               nbns.suffix=32",
        );
    }

    #[test]
    fn a_station_that_lists_its_names_is_called_that() {
        let list = hex(&format!(
            "8003 8400 0000 0001 0000 0000 {NAME_HEX} 0021 0001 00000000 002b 02
             43454e5452414c 2020202020202020 00 0400
             57415244 2020202020202020202020 00 8400
             001e67aabbcc"
        ));
        check(
            &PROTOCOL,
            &[(Side::Server, &list)],
            "s 12..99 Identified(Sender, HostName(\"CENTRAL\"))
             s 0..99 nbns.id=32771 nbns.response=true nbns.opcode=0 nbns.rcode=0 nbns.name=CENTRAL \
               nbns.suffix=0 nbns.name=WARD nbns.suffix=0",
        );
    }

    #[test]
    fn a_group_name_names_nobody_and_a_bad_pointer_stops() {
        let mut group = registration();
        group[62] = 0x80;
        assert!(!crate::testing::run(&PROTOCOL, &[(Side::Client, &group)]).contains("Identified"));
        let mut looped = registration();
        looped[51] = 50;
        let transcript = crate::testing::run(&PROTOCOL, &[(Side::Client, &looped)]);
        let fault = "c stop name at byte 50: points outside the unit or at itself\n";
        assert!(transcript.ends_with(fault), "{transcript}");
    }

    #[test]
    fn the_probe_wants_an_encoded_name() {
        assert_eq!(probed(&PROTOCOL, Side::Client, &registration()), Verdict::Certain);
        let mut other = registration();
        other[20] = b'Z';
        assert_eq!(probed(&PROTOCOL, Side::Client, &other), Verdict::NotForUs);
    }

    #[test]
    fn it_is_sturdy() {
        sturdy(&PROTOCOL, &[(Side::Client, &registration())]);
    }
}
