//! Control messages of IPv4: what a network says about packets it did not deliver.
//!
//! "Unreachable" tells that an address a device keeps asking for does not answer; the datagram it quotes
//! says which. Echo with odd payload is how data is smuggled out, so its size is a field.
//!
//! # Wire format
//! ```text
//! 0      1      2          4                 8
//! | type | code | checksum | rest of header  | body…
//!                            echo, timestamp: identifier 2, sequence 2
//!                            redirect: address of the better router
//!          body of unreachable, quench, redirect, exceeded, problem: the IPv4 header + >= 8 bytes of the
//!          datagram it is about
//! ```
//!
//! # Limits
//! No state. The checksum is not verified: captures at the sender hold what its card fills in later.
//!
//! # Source
//! RFC 792, RFC 1122 §3.2.2, RFC 1256 (router discovery), RFC 4884; numbers from IANA "ICMP Parameters".

use crate::{Cursor, Parser, Probe, Protocol, Sink, Start, Step, Verdict};
use model::{Field, LinkFact, Malformed, Reason, Side, Transport, Value};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "icmp",
    title: "ICMP",
    source: "RFC 792, RFC 1256",
    transports: &[Transport::Icmp],
    ports: &[],
    schema: &SCHEMA,
    probe,
    start: |_: &Start| Box::new(Icmp),
};

schema! { "icmp":
    TYPE = "type" Number Device "Type: 0 and 8 echo, 3 unreachable, 5 redirect, 11 time exceeded.";
    CODE = "code" Number Device "What the type leaves open, e.g. 3 port unreachable.";
    IDENTIFIER = "identifier" Number Device "Matches echo answers with questions.";
    SEQUENCE = "sequence" Number Device "Counts echo questions.";
    PAYLOAD_BYTES = "payload_bytes" Number Device "Length of what an echo carries.";
    ROUTER = "router" Ip Device "Router that a redirect recommends.";
    QUOTED_SOURCE = "quoted_source" Ip Device "Sender of the datagram that is quoted.";
    QUOTED_DESTINATION = "quoted_destination" Ip Device "Destination of the datagram that is quoted.";
    QUOTED_PROTOCOL = "quoted_protocol" Number Device "IP protocol number of the datagram that is quoted.";
    QUOTED_PORT = "quoted_port" Number Device "Destination port of the datagram that is quoted.";
}

const ECHO_REPLY: u8 = 0;
const UNREACHABLE: u8 = 3;
const QUENCH: u8 = 4;
const REDIRECT: u8 = 5;
const ECHO: u8 = 8;
const ROUTER_ADVERTISEMENT: u8 = 9;
const TIME_EXCEEDED: u8 = 11;
const PARAMETER_PROBLEM: u8 = 12;
const TIMESTAMP: u8 = 13;
const TIMESTAMP_REPLY: u8 = 14;
/// Header of every message.
const HEADER_BYTES: usize = 8;
/// What of a quoted datagram after its IP header is its transport's: a UDP header, or ports and sequence number.
pub(super) const QUOTED_TRANSPORT_BYTES: usize = 8;

fn probe(probe: &Probe<'_>) -> Verdict {
    let [kind, code, ..] = probe.input else { return Verdict::NotForUs };
    let ours = match *kind {
        // IPv6 uses 3 and 4 too: the version of the datagram that is quoted tells them apart.
        UNREACHABLE | QUENCH => *code <= 15 && quoted_version(probe.input).is_none_or(|version| version == 4),
        ECHO_REPLY | ECHO | REDIRECT..=18 | 30..=43 => true,
        _ => false,
    };
    if probe.transport == Transport::Icmp && ours { Verdict::Certain } else { Verdict::NotForUs }
}

/// IP version of the datagram that an error message quotes; none where the message ends before it.
pub(super) fn quoted_version(message: &[u8]) -> Option<u8> {
    message.get(HEADER_BYTES).map(|byte| byte >> 4)
}

struct Icmp;

impl Parser for Icmp {
    fn step(&mut self, _: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        Step::datagram(input, message(input, out))
    }
}

fn message(input: &[u8], out: &mut dyn Sink) -> Result<(), Malformed> {
    let mut cursor = Cursor::new(input);
    let (kind, code, _) = (cursor.u8("type")?, cursor.u8("code")?, cursor.u16_be("checksum")?);
    let mut fields = vec![(&TYPE, Value::Number(kind.into())), (&CODE, Value::Number(code.into()))];
    let mut quote = None;
    match kind {
        ECHO | ECHO_REPLY | TIMESTAMP | TIMESTAMP_REPLY => {
            fields.push((&IDENTIFIER, Value::Number(cursor.u16_be("identifier")?.into())));
            fields.push((&SEQUENCE, Value::Number(cursor.u16_be("sequence")?.into())));
            fields.push((&PAYLOAD_BYTES, Value::Number(cursor.rest().len() as u64)));
            out.conceal(cursor.offset()..input.len());
        }
        UNREACHABLE | QUENCH | REDIRECT | TIME_EXCEEDED | PARAMETER_PROBLEM => {
            let rest: [u8; 4] = cursor.array("rest of header")?;
            if kind == REDIRECT {
                fields.push((&ROUTER, Value::Ip(Ipv4Addr::from(rest).into())));
            }
            quote = Some(quoted(&mut cursor, &mut fields)?);
            // The quoted ports may be seen, and not what was sent.
            out.conceal((cursor.offset() + QUOTED_TRANSPORT_BYTES).min(input.len())..input.len());
        }
        _ => {}
    }
    out.message(&SCHEMA, &fields, 0..input.len());
    if let (UNREACHABLE, Some((destination, range))) = (kind, quote) {
        out.link(LinkFact::Unreachable(destination), range);
    }
    if kind == ROUTER_ADVERTISEMENT && code != 16 {
        // Code 16: "does not route common traffic" (RFC 5944 §2.1).
        out.link(LinkFact::Routes, 0..HEADER_BYTES.min(input.len()));
    }
    Ok(())
}

/// Reads the quoted IPv4 header; the destination and where it stands.
fn quoted(
    cursor: &mut Cursor<'_>,
    fields: &mut Vec<(&'static Field, Value)>,
) -> Result<(IpAddr, Range<usize>), Malformed> {
    let start = *cursor;
    let first = cursor.u8("quoted header")?;
    let header_bytes = usize::from(first & 0x0F) * 4;
    if first >> 4 != 4 || header_bytes < 20 {
        return Err(start.malformed("quoted header", Reason::NotDefined(first.into())));
    }
    cursor.skip(8, "quoted header")?;
    let protocol = cursor.u8("quoted protocol")?;
    cursor.skip(2, "quoted checksum")?;
    let source = Ipv4Addr::from(cursor.array::<4>("quoted source")?);
    let at = cursor.offset();
    let destination = IpAddr::V4(Ipv4Addr::from(cursor.array::<4>("quoted destination")?));
    fields.push((&QUOTED_SOURCE, Value::Ip(source.into())));
    fields.push((&QUOTED_DESTINATION, Value::Ip(destination)));
    fields.push((&QUOTED_PROTOCOL, Value::Number(protocol.into())));
    cursor.skip(header_bytes - 20, "quoted options")?;
    // TCP and UDP both begin with source and destination port.
    if matches!(protocol, 6 | 17)
        && let Some([_, _, high, low]) = cursor.rest().first_chunk()
    {
        fields.push((&QUOTED_PORT, Value::Number(u16::from_be_bytes([*high, *low]).into())));
    }
    Ok((destination, at..at + 4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, hex, probe as probed, sturdy};

    const UNREACHABLE_PORT: &str = "
        03 03 0000 00000000
        4500 0020 0001 0000 40 11 0000 c0a80a14 ca720477 | what 192.168.10.20 sent
        c350 0203 000c 0000                              | UDP 50000 -> 515";
    const PING: &str = "08 00 0000 0007 0001 61626364";

    #[test]
    fn unreachable_names_the_destination_of_what_it_quotes() {
        check(
            &PROTOCOL,
            &[(Side::Server, &hex(UNREACHABLE_PORT))],
            "s 0..36 icmp.type=3 icmp.code=3 icmp.quoted_source=192.168.10.20 \
               icmp.quoted_destination=202.114.4.119 icmp.quoted_protocol=17 icmp.quoted_port=515
             s 24..28 Unreachable(202.114.4.119)",
        );
    }

    #[test]
    fn echo_redirect_and_router_advertisement_are_read() {
        let redirect = hex("05 01 0000 c0a80a01 4500 0020 0001 0000 40 01 0000 c0a80a14 08080808");
        let router = hex("09 00 0000 01 02 0708 c0a80a01 00000000");
        check(
            &PROTOCOL,
            &[(Side::Client, &hex(PING)), (Side::Server, &redirect), (Side::Server, &router)],
            "c 0..12 icmp.type=8 icmp.code=0 icmp.identifier=7 icmp.sequence=1 icmp.payload_bytes=4
             s 0..28 icmp.type=5 icmp.code=1 icmp.router=192.168.10.1 icmp.quoted_source=192.168.10.20 \
               icmp.quoted_destination=8.8.8.8 icmp.quoted_protocol=1
             s 0..16 icmp.type=9 icmp.code=0
             s 0..8 Routes",
        );
    }

    #[test]
    fn a_quote_that_is_no_ipv4_header_stops() {
        let message = hex("0b 00 0000 00000000 ff00 0020 0001 0000 40 11 0000 c0a80a14 ca720477");
        check(&PROTOCOL, &[(Side::Server, &message)], "s stop quoted header at byte 8: 255 is not defined");
    }

    #[test]
    fn the_quoted_version_tells_ipv4_from_ipv6() {
        assert_eq!(probed(&PROTOCOL, Side::Client, &hex(UNREACHABLE_PORT)), Verdict::Certain);
        assert_eq!(probed(&PROTOCOL, Side::Client, &hex("0300 0000 00000000 60000000")), Verdict::NotForUs);
        assert_eq!(probed(&PROTOCOL, Side::Client, &hex("8700 0000 00000000")), Verdict::NotForUs);
    }

    #[test]
    fn it_is_sturdy() {
        sturdy(&PROTOCOL, &[(Side::Server, &hex(UNREACHABLE_PORT)), (Side::Client, &hex(PING))]);
    }
}
