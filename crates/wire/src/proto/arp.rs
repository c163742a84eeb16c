//! Address resolution: who owns an IPv4 address on this link.
//!
//! It shows two things that nothing else does: which addresses a device *wants* (also those that nobody
//! owns, such as one that its maker hard-coded), and which link address answers for an address.
//!
//! # Wire format
//! The payload of an Ethernet frame with type 0x0806; offsets from its front.
//! ```text
//! 0        2         4       5       6       8             14          18            24
//! | htype  | ptype   | hlen  | plen  | oper  | sender mac  | sender ip | target mac  | target ip |
//! | 2 (BE) | 0x0800  | 6     | 4     | 2     | 6           | 4         | 6           | 4         |
//! ```
//! * A request with sender address 0.0.0.0 is a *probe* (RFC 5227 §2.1.1): it asks, and claims nothing.
//! * One whose sender and target are the same address is an *announcement* (RFC 5227 §3): it claims, and
//!   asks for nothing. Some stacks announce by an unasked reply.
//!
//! # Limits
//! No state. Other link or network types and operations (RARP, InARP) are messages only, without addresses.
//!
//! # Source
//! RFC 826, RFC 5227; numbers from the IANA registry "ARP Parameters".

use crate::{Cursor, Parser, Probe, Protocol, Sink, Start, Step, Verdict};
use model::{Field, LinkFact, Mac, Malformed, Reason, Side, Transport, Value};
use std::net::{IpAddr, Ipv4Addr};

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "arp",
    title: "ARP",
    source: "RFC 826, RFC 5227",
    transports: &[Transport::Link],
    ports: &[],
    schema: &SCHEMA,
    probe,
    start: |_: &Start| Box::new(Arp),
};

schema! { "arp":
    OPERATION = "operation" Number Device "1 request, 2 reply, 3 and 4 RARP, 8 and 9 InARP.";
    SENDER_MAC = "sender_mac" Mac Device "Link address that the sender gives as its own.";
    SENDER_IP = "sender_ip" Ip Device "Address that the sender gives as its own; 0.0.0.0 in a probe.";
    TARGET_MAC = "target_mac" Mac Device "Link address of the target; zero where that is what is asked.";
    TARGET_IP = "target_ip" Ip Device "Address that is asked for or answered to.";
}

const HTYPE_ETHERNET: u16 = 1;
/// IEEE 802 networks; the addresses are the same kind.
const HTYPE_IEEE_802: u16 = 6;
const PTYPE_IPV4: u16 = 0x0800;
const REQUEST: u16 = 1;
const REPLY: u16 = 2;
/// Highest operation that IANA has assigned (OP_EXP2); 0 and 65535 are reserved.
const OPERATION_MAX: u16 = 25;

fn probe(probe: &Probe<'_>) -> Verdict {
    let sane = |input: &[u8]| -> Result<bool, Malformed> {
        let mut cursor = Cursor::new(input);
        let (_, ptype) = (cursor.u16_be("htype")?, cursor.u16_be("ptype")?);
        let (hlen, plen) = (cursor.u8("hlen")?, cursor.u8("plen")?);
        let operation = cursor.u16_be("operation")?;
        let lengths = ptype != PTYPE_IPV4 || (plen == 4 && hlen <= 32);
        Ok(lengths && (1..=OPERATION_MAX).contains(&operation))
    };
    if probe.transport == Transport::Link && sane(probe.input) == Ok(true) {
        Verdict::Certain
    } else {
        Verdict::NotForUs
    }
}

struct Arp;

impl Parser for Arp {
    fn step(&mut self, _: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        Step::datagram(input, packet(input, out))
    }
}

fn packet(input: &[u8], out: &mut dyn Sink) -> Result<(), Malformed> {
    let mut cursor = Cursor::new(input);
    let (htype, ptype) = (cursor.u16_be("htype")?, cursor.u16_be("ptype")?);
    let lengths = cursor;
    let (hlen, plen) = (cursor.u8("hlen")?, cursor.u8("plen")?);
    let at_operation = cursor;
    let operation = cursor.u16_be("operation")?;
    if operation == 0 || operation > OPERATION_MAX {
        return Err(at_operation.malformed("operation", Reason::NotDefined(operation.into())));
    }
    if !matches!(htype, HTYPE_ETHERNET | HTYPE_IEEE_802) || ptype != PTYPE_IPV4 {
        out.message(&SCHEMA, &[(&OPERATION, Value::Number(operation.into()))], 0..cursor.offset());
        return Ok(());
    }
    for (field, value, must) in [("hlen", hlen, 6), ("plen", plen, 4)] {
        if value != must {
            let reason = Reason::OutsideRange { value: value.into(), min: must.into(), max: must.into() };
            let offset = lengths.offset() + usize::from(field == "plen");
            return Err(Malformed { field, offset, reason });
        }
    }
    let (sender_mac, sender_ip) = (Mac(cursor.array("sender mac")?), address(&mut cursor, "sender ip")?);
    let (target_mac, target_ip) = (Mac(cursor.array("target mac")?), address(&mut cursor, "target ip")?);
    if out.wants_message(&SCHEMA) {
        let fields: [(&'static Field, Value); 5] = [
            (&OPERATION, Value::Number(operation.into())),
            (&SENDER_MAC, Value::Mac(sender_mac)),
            (&SENDER_IP, Value::Ip(sender_ip)),
            (&TARGET_MAC, Value::Mac(target_mac)),
            (&TARGET_IP, Value::Ip(target_ip)),
        ];
        out.message(&SCHEMA, &fields, 0..28);
    }
    let announces = sender_ip == target_ip;
    if operation == REQUEST && !announces && !target_ip.is_unspecified() {
        out.link(LinkFact::AddressAsked(target_ip), 24..28);
    }
    // A group address cannot own anything: clusters that answer with one are not one host.
    if matches!(operation, REQUEST | REPLY) && !sender_ip.is_unspecified() && sender_mac.is_host() {
        let answer = operation == REPLY && !announces;
        out.link(LinkFact::AddressOwned { ip: sender_ip, mac: sender_mac, answer }, 8..18);
    }
    Ok(())
}

fn address(cursor: &mut Cursor<'_>, field: &'static str) -> Result<IpAddr, Malformed> {
    Ok(IpAddr::V4(Ipv4Addr::from(cursor.array::<4>(field)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, hex, probe as probed, sturdy};

    const REQUEST_FOR_CENTRAL: &str = "
        0001 0800 06 04 0001 | request
        021b5e001020 c0a80a14
        000000000000 ca720477 | 202.114.4.119
        000000000000000000000000000000000000 | Ethernet padding";

    #[test]
    fn a_request_asks_for_the_target_and_claims_the_sender() {
        check(
            &PROTOCOL,
            &[(Side::Client, &hex(REQUEST_FOR_CENTRAL))],
            "c 0..28 arp.operation=1 arp.sender_mac=02:1b:5e:00:10:20 arp.sender_ip=192.168.10.20 \
               arp.target_mac=00:00:00:00:00:00 arp.target_ip=202.114.4.119
             c 24..28 AddressAsked(202.114.4.119)
             c 8..18 AddressOwned { ip: 192.168.10.20, mac: 02:1b:5e:00:10:20, answer: false }",
        );
    }

    #[test]
    fn a_reply_is_an_answer() {
        let reply = hex("0001 0800 06 04 0002 001e67aabbcc ca720477 021b5e001020 c0a80a14");
        check(
            &PROTOCOL,
            &[(Side::Client, &reply)],
            "c 0..28 arp.operation=2 arp.sender_mac=00:1e:67:aa:bb:cc arp.sender_ip=202.114.4.119 \
               arp.target_mac=02:1b:5e:00:10:20 arp.target_ip=192.168.10.20
             c 8..18 AddressOwned { ip: 202.114.4.119, mac: 00:1e:67:aa:bb:cc, answer: true }",
        );
    }

    #[test]
    fn a_probe_claims_nothing_and_an_announcement_asks_nothing() {
        let probe = hex("0001 0800 06 04 0001 021b5e001020 00000000 000000000000 c0a80a14");
        let announcement = hex("0001 0800 06 04 0001 021b5e001020 c0a80a14 000000000000 c0a80a14");
        check(
            &PROTOCOL,
            &[(Side::Client, &probe), (Side::Client, &announcement)],
            "c 0..28 arp.operation=1 arp.sender_mac=02:1b:5e:00:10:20 arp.sender_ip=0.0.0.0 \
               arp.target_mac=00:00:00:00:00:00 arp.target_ip=192.168.10.20
             c 24..28 AddressAsked(192.168.10.20)
             c 0..28 arp.operation=1 arp.sender_mac=02:1b:5e:00:10:20 arp.sender_ip=192.168.10.20 \
               arp.target_mac=00:00:00:00:00:00 arp.target_ip=192.168.10.20
             c 8..18 AddressOwned { ip: 192.168.10.20, mac: 02:1b:5e:00:10:20, answer: false }",
        );
    }

    #[test]
    fn lengths_that_contradict_the_types_stop() {
        let long = hex("0001 0800 08 04 0001 021b5e001020 c0a80a14 000000000000 c0a80a14");
        check(&PROTOCOL, &[(Side::Client, &long)], "c stop hlen at byte 4: 8 is outside 6..=6");
        let undefined = hex("0001 0800 06 04 7777 021b5e001020 c0a80a14 000000000000 c0a80a14");
        check(&PROTOCOL, &[(Side::Client, &undefined)], "c stop operation at byte 6: 30583 is not defined");
    }

    #[test]
    fn other_link_types_are_messages_only() {
        let infiniband = hex("0020 0800 14 04 0001 0000000000000000000000000000000000000000 c0a80a14");
        check(&PROTOCOL, &[(Side::Client, &infiniband)], "c 0..8 arp.operation=1");
    }

    #[test]
    fn the_probe_wants_a_defined_operation() {
        assert_eq!(probed(&PROTOCOL, Side::Client, &hex(REQUEST_FOR_CENTRAL)), Verdict::Certain);
        assert_eq!(probed(&PROTOCOL, Side::Client, &hex("0001 0800 06 04 00ff")), Verdict::NotForUs);
        assert_eq!(probed(&PROTOCOL, Side::Client, b"GET / HTTP/1.1"), Verdict::NotForUs);
    }

    #[test]
    fn it_is_sturdy() {
        sturdy(&PROTOCOL, &[(Side::Client, &hex(REQUEST_FOR_CENTRAL))]);
    }
}
