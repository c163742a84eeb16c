//! Control messages of IPv6, with neighbour discovery: IPv6's ARP and router announcements.
//!
//! # Wire format
//! ```text
//! 0      1      2          4                 8
//! | type | code | checksum | rest of header  | body…
//!   1 unreachable, 2 too big, 3 exceeded, 4 problem: body = IPv6 header + start of the datagram it is about
//!   128, 129 echo:       rest = identifier 2, sequence 2
//!   133 RS, 134 RA:      options follow at 8 and 16
//!   135 NS, 136 NA:      target address 16 at 8, options at 24; NA flags at 4: router, solicited, override
//!   137 redirect:        target 16, destination 16, options at 40
//! options: | type | length in units of 8 bytes, itself included | value…
//!   1 source link address, 2 target link address
//! ```
//!
//! # Limits
//! No state. Options after the first [`OPTIONS_MAX`] are not read.
//!
//! # Source
//! RFC 4443, RFC 4861 §4, RFC 2710 and RFC 3810 (multicast listeners).

use crate::{Cursor, Parser, Probe, Protocol, Sink, Start, Step, Verdict};
use model::{Field, LinkFact, Mac, Malformed, Reason, Side, Transport, Value};
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "icmp6",
    title: "ICMPv6",
    source: "RFC 4443, RFC 4861",
    transports: &[Transport::Icmp],
    ports: &[],
    schema: &SCHEMA,
    probe,
    start: |start: &Start| Box::new(Icmp6 { ends: [start.client.ip, start.server.ip] }),
};

schema! { "icmp6":
    TYPE = "type" Number Device "Type: 1 unreachable, 128 and 129 echo, 133 to 137 neighbour discovery.";
    CODE = "code" Number Device "What the type leaves open.";
    IDENTIFIER = "identifier" Number Device "Matches echo answers with questions.";
    SEQUENCE = "sequence" Number Device "Counts echo questions.";
    PAYLOAD_BYTES = "payload_bytes" Number Device "Length of what an echo carries.";
    TARGET = "target" Ip Device "Address that is asked for or claimed, or the better first hop.";
    LINK_ADDRESS = "link_address" Mac Device "Link address of the sender or target.";
    SOLICITED = "solicited" Flag Device "The advertisement answers a question.";
    ROUTER = "router" Flag Device "The advertiser says that it routes.";
    LIFETIME = "router_lifetime_s" Number Device "How long, in seconds, a router may be a default router.";
    QUOTED_DESTINATION = "quoted_destination" Ip Device "Destination of the datagram that is quoted.";
}

/// Most options read of one message. Our limit; senders use up to about ten. The rest is passed over.
const OPTIONS_MAX: usize = 64;
const UNREACHABLE: u8 = 1;
const PARAMETER_PROBLEM: u8 = 4;
const ECHO: u8 = 128;
const ECHO_REPLY: u8 = 129;
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOR_SOLICITATION: u8 = 135;
const NEIGHBOR_ADVERTISEMENT: u8 = 136;
const REDIRECT: u8 = 137;
const SOURCE_LINK_ADDRESS: u8 = 1;
const TARGET_LINK_ADDRESS: u8 = 2;

fn probe(probe: &Probe<'_>) -> Verdict {
    let [kind, code, ..] = probe.input else { return Verdict::NotForUs };
    let ours = match *kind {
        UNREACHABLE..=PARAMETER_PROBLEM => *code <= 15 && super::icmp::quoted_version(probe.input) == Some(6),
        // 100 and 101 are for experiments; 128 to 161 are assigned.
        ECHO..=161 => true,
        _ => false,
    };
    if probe.transport == Transport::Icmp && ours { Verdict::Certain } else { Verdict::NotForUs }
}

struct Icmp6 {
    /// Addresses of client and server: a solicitation claims the address it was sent from.
    ends: [IpAddr; 2],
}

impl Parser for Icmp6 {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        let [client, server] = self.ends;
        let sender = if side == Side::Client { client } else { server };
        Step::datagram(input, message(sender, input, out))
    }
}

fn message(sender: IpAddr, input: &[u8], out: &mut dyn Sink) -> Result<(), Malformed> {
    let mut cursor = Cursor::new(input);
    let (kind, code, _) = (cursor.u8("type")?, cursor.u8("code")?, cursor.u16_be("checksum")?);
    let mut fields = vec![(&TYPE, Value::Number(kind.into())), (&CODE, Value::Number(code.into()))];
    let mut links = Vec::new();
    match kind {
        UNREACHABLE..=PARAMETER_PROBLEM => {
            cursor.skip(4, "rest of header")?;
            let (destination, range) = quoted(&mut cursor)?;
            out.conceal(
                (cursor.offset() + super::icmp::QUOTED_TRANSPORT_BYTES).min(input.len())..input.len(),
            );
            fields.push((&QUOTED_DESTINATION, Value::Ip(destination)));
            if kind == UNREACHABLE {
                links.push((LinkFact::Unreachable(destination), range));
            }
        }
        ECHO | ECHO_REPLY => {
            fields.push((&IDENTIFIER, Value::Number(cursor.u16_be("identifier")?.into())));
            fields.push((&SEQUENCE, Value::Number(cursor.u16_be("sequence")?.into())));
            fields.push((&PAYLOAD_BYTES, Value::Number(cursor.rest().len() as u64)));
            out.conceal(cursor.offset()..input.len());
        }
        ROUTER_SOLICITATION | ROUTER_ADVERTISEMENT => router(kind, &mut cursor, &mut fields, &mut links)?,
        NEIGHBOR_SOLICITATION | NEIGHBOR_ADVERTISEMENT | REDIRECT => {
            neighbor(kind, sender, &mut cursor, &mut fields, &mut links)?;
        }
        _ => {}
    }
    out.message(&SCHEMA, &fields, 0..input.len());
    links.into_iter().for_each(|(fact, range)| out.link(fact, range));
    Ok(())
}

type Fields = Vec<(&'static Field, Value)>;
type Links = Vec<(LinkFact, Range<usize>)>;

/// Router solicitation (options at 8) and advertisement (lifetime at 6, options at 16).
fn router(
    kind: u8,
    cursor: &mut Cursor<'_>,
    fields: &mut Fields,
    links: &mut Links,
) -> Result<(), Malformed> {
    cursor.skip(2, "rest of header")?;
    let lifetime_s = cursor.u16_be("router lifetime")?;
    if kind == ROUTER_ADVERTISEMENT {
        cursor.skip(8, "timers")?;
        fields.push((&LIFETIME, Value::Number(lifetime_s.into())));
        // Lifetime 0 tells prefixes only: "not a default router" (RFC 4861 §4.2).
        if lifetime_s > 0 {
            links.push((LinkFact::Routes, 6..8));
        }
    }
    if let Some((mac, _)) = link_address(cursor, SOURCE_LINK_ADDRESS)? {
        fields.push((&LINK_ADDRESS, Value::Mac(mac)));
    }
    Ok(())
}

/// Neighbour solicitation and advertisement, and redirect.
fn neighbor(
    kind: u8,
    sender: IpAddr,
    cursor: &mut Cursor<'_>,
    fields: &mut Fields,
    links: &mut Links,
) -> Result<(), Malformed> {
    let flags = cursor.u8("flags")?;
    cursor.skip(3, "reserved")?;
    let at = *cursor;
    let target = Ipv6Addr::from(cursor.array::<16>("target address")?);
    if target.is_multicast() {
        return Err(at.malformed("target address", Reason::NotDefined(0xFF)));
    }
    fields.push((&TARGET, Value::Ip(target.into())));
    if kind == REDIRECT {
        return cursor.skip(16, "destination address");
    }
    let wanted = if kind == NEIGHBOR_ADVERTISEMENT { TARGET_LINK_ADDRESS } else { SOURCE_LINK_ADDRESS };
    let owner = link_address(cursor, wanted)?;
    if let Some((mac, _)) = owner {
        fields.push((&LINK_ADDRESS, Value::Mac(mac)));
    }
    let (claimed, answer) = if kind == NEIGHBOR_ADVERTISEMENT {
        let (router, solicited) = (flags & 0x80 != 0, flags & 0x40 != 0);
        fields.push((&ROUTER, Value::Flag(router)));
        fields.push((&SOLICITED, Value::Flag(solicited)));
        if router {
            links.push((LinkFact::Routes, 4..5));
        }
        (IpAddr::V6(target), solicited)
    } else {
        links.push((LinkFact::AddressAsked(target.into()), 8..24));
        (sender, false)
    };
    // From the unspecified address comes duplicate address detection, which claims nothing.
    if let Some((mac, range)) = owner
        && mac.is_host()
        && claimed.is_ipv6()
        && !claimed.is_unspecified()
    {
        links.push((LinkFact::AddressOwned { ip: claimed, mac, answer }, range));
    }
    Ok(())
}

/// The six-byte link address in the option `wanted`, and where it stands.
fn link_address(cursor: &mut Cursor<'_>, wanted: u8) -> Result<Option<(Mac, Range<usize>)>, Malformed> {
    let mut found = None;
    for _ in 0..OPTIONS_MAX {
        if cursor.is_empty() {
            break;
        }
        let start = *cursor;
        let (kind, units) = (cursor.u8("option type")?, cursor.u8("option length")?);
        if units == 0 {
            let reason = Reason::OutsideRange { value: 0, min: 1, max: 255 };
            return Err(Malformed { field: "option length", offset: start.offset() + 1, reason });
        }
        let at = cursor.offset();
        let value = cursor.take(usize::from(units) * 8 - 2, "option")?;
        if kind == wanted
            && let Some(mac) = value.first_chunk::<6>()
            && found.is_none()
        {
            found = Some((Mac(*mac), at..at + 6));
        }
    }
    Ok(found)
}

/// Destination of the quoted IPv6 header, and where it stands.
fn quoted(cursor: &mut Cursor<'_>) -> Result<(IpAddr, Range<usize>), Malformed> {
    let start = *cursor;
    let first = cursor.u8("quoted header")?;
    if first >> 4 != 6 {
        return Err(start.malformed("quoted header", Reason::NotDefined(first.into())));
    }
    cursor.skip(23, "quoted header")?;
    let at = cursor.offset();
    Ok((IpAddr::V6(Ipv6Addr::from(cursor.array::<16>("quoted destination")?)), at..at + 16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, hex, probe as probed, sturdy};

    const SOLICITATION: &str = "
        87 00 0000 00000000
        fe80 0000 0000 0000 0000 0000 0000 0001
        01 01 021b5e001020 | source link address";
    const ADVERTISEMENT: &str = "
        88 00 0000 60000000 | solicited, override
        fe80 0000 0000 0000 0000 0000 0000 0001
        02 01 001e67aabbcc | target link address";

    #[test]
    fn neighbour_discovery_asks_and_answers() {
        check(
            &PROTOCOL,
            &[(Side::Client, &hex(SOLICITATION)), (Side::Server, &hex(ADVERTISEMENT))],
            "c 0..32 icmp6.type=135 icmp6.code=0 icmp6.target=fe80::1 icmp6.link_address=02:1b:5e:00:10:20
             c 8..24 AddressAsked(fe80::1)
             s 0..32 icmp6.type=136 icmp6.code=0 icmp6.target=fe80::1 icmp6.link_address=00:1e:67:aa:bb:cc \
               icmp6.router=false icmp6.solicited=true
             s 26..32 AddressOwned { ip: fe80::1, mac: 00:1e:67:aa:bb:cc, answer: true }",
        );
    }

    #[test]
    fn a_solicitation_claims_the_address_it_was_sent_from() {
        let mut links = Vec::new();
        let input = hex(SOLICITATION);
        let sender = "fe80::20".parse().unwrap();
        neighbor(NEIGHBOR_SOLICITATION, sender, &mut Cursor::at(&input, 4), &mut Vec::new(), &mut links)
            .unwrap();
        let mac = Mac([0x02, 0x1b, 0x5e, 0x00, 0x10, 0x20]);
        assert_eq!(links[1], (LinkFact::AddressOwned { ip: sender, mac, answer: false }, 26..32));
    }

    #[test]
    fn a_router_with_a_lifetime_routes() {
        let router = "86 00 0000 40 00 0708 00000000 00000000 01 01 001e67aabbcc";
        let prefix_only = "86 00 0000 40 00 0000 00000000 00000000";
        check(
            &PROTOCOL,
            &[(Side::Client, &hex(router)), (Side::Client, &hex(prefix_only))],
            "c 0..24 icmp6.type=134 icmp6.code=0 icmp6.router_lifetime_s=1800 \
               icmp6.link_address=00:1e:67:aa:bb:cc
             c 6..8 Routes
             c 0..16 icmp6.type=134 icmp6.code=0 icmp6.router_lifetime_s=0",
        );
    }

    #[test]
    fn unreachable_names_the_destination_of_what_it_quotes() {
        let message = hex("01 04 0000 00000000 60000000 0008 11 40
            20010db8000000000000000000000001 20010db8000000000000000000000002 c350 0045 0008 0000");
        check(
            &PROTOCOL,
            &[(Side::Server, &message)],
            "s 0..56 icmp6.type=1 icmp6.code=4 icmp6.quoted_destination=2001:db8::2
             s 32..48 Unreachable(2001:db8::2)",
        );
    }

    #[test]
    fn an_option_without_length_stops() {
        let endless = hex("87 00 0000 00000000 fe800000000000000000000000000001 01 00 021b5e001020");
        check(
            &PROTOCOL,
            &[(Side::Client, &endless)],
            "c stop option length at byte 25: 0 is outside 1..=255",
        );
    }

    #[test]
    fn the_probe_refuses_ipv4_control_messages() {
        assert_eq!(probed(&PROTOCOL, Side::Client, &hex(SOLICITATION)), Verdict::Certain);
        assert_eq!(probed(&PROTOCOL, Side::Client, &hex("0303 0000 00000000 45000020")), Verdict::NotForUs);
        assert_eq!(probed(&PROTOCOL, Side::Client, &hex("0800 0000 00070001")), Verdict::NotForUs);
    }

    #[test]
    fn it_is_sturdy() {
        sturdy(&PROTOCOL, &[(Side::Client, &hex(SOLICITATION)), (Side::Server, &hex(ADVERTISEMENT))]);
    }
}
