//! Names without a server, as Windows asks them.
//!
//! # Wire format
//! That of `dns`, over UDP port 5355, to 224.0.0.252 or ff02::1:3; of the flags, 0x0400 is "conflict" and
//! 0x0100 "tentative". Whoever answers an address question names itself.
//!
//! # Limits
//! Those of `mdns`, whose parser it shares.
//!
//! # Source
//! RFC 4795.

use super::dns;
use super::mdns::Local;
use crate::{Probe, Protocol, Start, Verdict};
use model::{Schema, Transport};

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "llmnr",
    title: "LLMNR",
    source: "RFC 4795",
    transports: &[Transport::Udp],
    ports: &[PORT],
    schema: &SCHEMA,
    probe,
    start: |start: &Start| Box::new(Local::new(&SCHEMA, start)),
};

static SCHEMA: Schema = Schema { protocol: "llmnr", fields: dns::SHARED_FIELDS };

pub(super) const PORT: u16 = 5355;

fn probe(probe: &Probe<'_>) -> Verdict {
    if probe.on_port(&[PORT]) { dns::judge(probe.input, true) } else { Verdict::NotForUs }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{hex, probe as probed, run, sturdy};
    use model::Side;

    const QUESTION: &str = "1234 0000 0001 0000 0000 0000 05 6e75727365 00 0001 0001";
    const ANSWER: &str = "1234 8000 0001 0001 0000 0000 05 6e75727365 00 0001 0001
        05 6e75727365 00 0001 0001 0000001e 0004 c0000202";

    #[test]
    fn whoever_answers_names_itself() {
        let dialogue = [(Side::Client, hex(QUESTION)), (Side::Server, hex(ANSWER))];
        let transcript = run(&PROTOCOL, &dialogue.each_ref().map(|(side, bytes)| (*side, bytes.as_slice())));
        let facts: Vec<_> = transcript.lines().filter(|line| !line.contains("llmnr.id")).collect();
        let want = [
            "c 12..23 NameAsked(\"nurse\")",
            "s 23..44 NameIs(\"nurse\", 192.0.2.2)",
            "s 23..44 Identified(Sender, HostName(\"nurse\"))",
        ];
        assert_eq!(facts, want, "{transcript}");
    }

    #[test]
    fn the_probe_wants_its_port_and_a_header() {
        assert_eq!(probed(&PROTOCOL, Side::Client, &hex(QUESTION)), Verdict::Certain);
        assert_eq!(probed(&PROTOCOL, Side::Client, b"0123456789abcdef"), Verdict::NotForUs);
    }

    #[test]
    fn it_is_sturdy() {
        sturdy(&PROTOCOL, &[(Side::Client, &hex(QUESTION)), (Side::Server, &hex(ANSWER))]);
    }
}
