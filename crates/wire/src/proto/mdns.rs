//! Names without a server: stations announce their own.
//!
//! Printers, cameras and workstations say here, unasked, what they are called and what they offer.
//!
//! # Wire format
//! That of `dns`, over UDP port 5353, to 224.0.0.251 or ff02::fb. The top bit of a record's class flushes the
//! cache, that of a question's asks for a unicast answer.
//!
//! A name is taken for the sender's own when it sends an address record of it and that is its own address
//! (or of the other family, which cannot be compared), or points a service at it. A proxy for a sleeping
//! host fails that test.
//!
//! # Limits
//! Those of `dns`, and [`NAMES_MAX`] own names of one message.
//!
//! # Source
//! RFC 6762.

use super::dns::{self, Part, Said, Section, Told, kind};
use crate::{Parser, Probe, Protocol, Sink, Start, Step, Verdict};
use model::{About, Fact, Identifier, Malformed, Schema, Side, Text, Transport};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "mdns",
    title: "Multicast DNS",
    source: "RFC 6762",
    transports: &[Transport::Udp],
    ports: &[PORT],
    schema: &SCHEMA,
    probe,
    start: |start: &Start| Box::new(Local::new(&SCHEMA, start)),
};

static SCHEMA: Schema = Schema { protocol: "mdns", fields: dns::SHARED_FIELDS };

pub(super) const PORT: u16 = 5353;
/// Most names of one message that may be the sender's own. Our limit; a host has one or two. Further ones
/// are not told as identity.
const NAMES_MAX: usize = 16;

fn probe(probe: &Probe<'_>) -> Verdict {
    if probe.on_port(&[PORT]) { dns::judge(probe.input, true) } else { Verdict::NotForUs }
}

/// A parser for protocols where stations answer for themselves: this one and LLMNR.
pub(super) struct Local {
    schema: &'static Schema,
    ends: [IpAddr; 2],
    told: Told,
}

impl Local {
    pub(super) fn new(schema: &'static Schema, start: &Start) -> Self {
        Self { schema, ends: [start.client.ip, start.server.ip], told: Told::default() }
    }
}

impl Parser for Local {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        Step::datagram(input, self.message(side, input, out))
    }
}

/// What a message says of one name: its addresses, and where the first record that tells of it stands.
struct Claim {
    ips: Vec<IpAddr>,
    range: Range<usize>,
}

impl Local {
    fn message(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Result<(), Malformed> {
        let mut claims: BTreeMap<Vec<u8>, Claim> = BTreeMap::new();
        let told = &mut self.told;
        let mut claim = |name: &[u8], ip: Option<IpAddr>, range: Range<usize>| {
            if claims.len() < NAMES_MAX || claims.contains_key(name) {
                let claim = claims.entry(name.to_vec()).or_insert(Claim { ips: Vec::new(), range });
                claim.ips.extend(ip.filter(|_| claim.ips.len() < NAMES_MAX));
            }
        };
        let read = dns::declare(input, self.schema, 0, out, &mut |head, part, range, out| match part {
            Part::Question { name, kind, .. } => {
                if !head.is_response() && matches!(kind, kind::A | kind::AAAA) {
                    told.asked(name, range, out);
                }
            }
            // A station that is about to take a name puts its records into the authority section of the
            // question whether anybody has it (RFC 6762 §8.1).
            Part::Record { section, name, kind, said, .. }
                if head.is_response() || section == Section::Authority =>
            {
                match said {
                    Said::Ip(ip) => {
                        told.named(name, *ip, range.clone(), out);
                        claim(name, Some(*ip), range);
                    }
                    Said::Name(target) if kind == kind::SRV => claim(target, None, range),
                    _ => {}
                }
            }
            Part::Record { .. } => {}
        });
        let [client, server] = self.ends;
        let sender = if side == Side::Client { client } else { server };
        for (name, claim) in claims {
            let mut comparable = claim.ips.iter().filter(|ip| ip.is_ipv4() == sender.is_ipv4()).peekable();
            let own = comparable.peek().is_none() || comparable.any(|ip| *ip == sender);
            let name = name.strip_suffix(b".local").unwrap_or(&name);
            if own && name != b"." && self.told.is_new(&[b"own", &[u8::from(side == Side::Client)], name]) {
                let name = Identifier::HostName(Text::from_bytes(name));
                out.fact(Fact::Identified(About::Sender, name), claim.range);
            }
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, hex, probe as probed, run, sturdy};

    /// `monitor3.local` has the address of the client in tests, 192.0.2.1; a service points at it.
    const ANNOUNCEMENT: &str = "
        0000 8400 0000 0002 0000 0000
        08 6d6f6e69746f7233 05 6c6f63616c 00 0001 8001 00000078 0004 c0000201
        04 5f697070 04 5f746370 c015 0021 8001 00000078 0008 0000 0000 0277 c00c";

    #[test]
    fn a_station_that_announces_its_address_names_itself_once() {
        let announcement = hex(ANNOUNCEMENT);
        let transcript = run(&PROTOCOL, &[(Side::Client, &announcement), (Side::Client, &announcement)]);
        let facts: Vec<_> = transcript.lines().filter(|line| !line.contains("mdns.id")).collect();
        let want = [
            "c 12..42 NameIs(\"monitor3.local\", 192.0.2.1)",
            "c 12..42 Identified(Sender, HostName(\"monitor3\"))",
        ];
        assert_eq!(facts, want, "{transcript}");
    }

    #[test]
    fn a_proxy_does_not_name_itself() {
        let mut proxy = hex(ANNOUNCEMENT);
        proxy[41] = 77;
        let transcript = run(&PROTOCOL, &[(Side::Client, &proxy)]);
        assert!(transcript.contains("NameIs(\"monitor3.local\", 192.0.2.77)"), "{transcript}");
        assert!(!transcript.contains("Identified"), "{transcript}");
    }

    #[test]
    fn a_question_for_an_address_is_told_and_one_for_services_is_not() {
        let question = "0000 0000 0002 0000 0000 0000
            03 706163 05 6c6f63616c 00 0001 8001
            04 5f697070 04 5f746370 c010 000c 0001";
        check(
            &PROTOCOL,
            &[(Side::Client, &hex(question))],
            "c 12..27 NameAsked(\"pac.local\")
             c 0..43 dns.id=0 dns.response=false dns.opcode=0 dns.rcode=0 dns.qname=pac.local dns.qtype=1 \
               dns.qname=_ipp._tcp.local dns.qtype=12 dns.questions=2 dns.answers=0 dns.authorities=0 \
               dns.additionals=0 dns.bytes=43"
                .replace("dns.", "mdns.")
                .as_str(),
        );
    }

    #[test]
    fn a_pointer_loop_stops() {
        let looped = hex("0000 8400 0000 0001 0000 0000 01 61 c00c 0001 8001 00000078 0004 c0000201");
        check(
            &PROTOCOL,
            &[(Side::Client, &looped)],
            "c 0..30 mdns.id=0 mdns.response=true mdns.opcode=0 mdns.rcode=0 mdns.questions=0 \
               mdns.answers=1 mdns.authorities=0 mdns.additionals=0 mdns.bytes=30
             c stop name at byte 14: points outside the unit or at itself",
        );
    }

    #[test]
    fn the_probe_wants_its_port_and_a_header() {
        assert_eq!(probed(&PROTOCOL, Side::Client, &hex(ANNOUNCEMENT)), Verdict::Certain);
        assert_eq!(probed(&PROTOCOL, Side::Client, b"M-SEARCH * HTTP/1.1\r\n"), Verdict::NotForUs);
        assert_eq!(probed(&super::super::dns::PROTOCOL, Side::Client, &[0; 30]), Verdict::NotForUs);
    }

    #[test]
    fn it_is_sturdy() {
        sturdy(&PROTOCOL, &[(Side::Client, &hex(ANNOUNCEMENT))]);
    }
}
