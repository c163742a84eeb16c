//! SSDP: devices of a UPnP network look for and announce each other with HTTP heads in datagrams.
//!
//! # Wire format
//! ```text
//! M-SEARCH * HTTP/1.1 CRLF | NOTIFY * HTTP/1.1 CRLF | HTTP/1.1 200 OK CRLF      then fields as in HTTP/1
//! ```
//! `SERVER` and `USER-AGENT` name operating system and product; `NT`, `ST` and `USN` name the kind of device.
//!
//! # Source
//! UPnP Device Architecture 2.0 §1 (discovery); RFC 9112 for the syntax.

use super::http::head;
use crate::{Parser, Probe, Protocol, Sink, Step, Verdict};
use model::{About, Fact, Identifier, Malformed, Side, Text, Transport, Value};

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "ssdp",
    title: "SSDP (UPnP discovery)",
    source: "UPnP Device Architecture 2.0 §1",
    transports: &[Transport::Udp],
    ports: &[1900],
    schema: &SCHEMA,
    probe,
    start: |_| Box::new(Ssdp::default()),
};

schema! { "ssdp":
    METHOD = "method" Text Device "Method of a request: M-SEARCH or NOTIFY.";
    STATUS = "status" Number Device "Status code of an answer.";
    HOST = "host" Text Device "Group address of a request.";
    SOFTWARE = "software" Text Device "Operating system and product of the sender, as it says.";
    SEARCH_TARGET = "search_target" Text Device "Kind of device or service looked for or announced.";
    SERVICE_NAME = "service_name" Text Device "Unique name of the device or service.";
    LOCATION = "location" Text Device "Where the description of the device is.";
}

/// How the three kinds of datagram begin.
const STARTS: &[&[u8]] = &[b"M-SEARCH * HTTP/1.", b"NOTIFY * HTTP/1.", b"HTTP/1.1 200 OK\r\n"];
/// Most different software names told per flow. Our limit; further ones are in the messages only.
const SOFTWARE_MAX: usize = 4;

fn probe(probe: &Probe<'_>) -> Verdict {
    let starts = |start: &&[u8]| probe.input.starts_with(start);
    if STARTS.iter().any(starts) { Verdict::Certain } else { Verdict::NotForUs }
}

#[derive(Default)]
struct Ssdp {
    told: Vec<Text>,
}

impl Parser for Ssdp {
    fn step(&mut self, _: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        match self.datagram(input, out) {
            Ok(step) => step,
            Err(fault) => Step::Stop(fault),
        }
    }
}

impl Ssdp {
    fn datagram(&mut self, input: &[u8], out: &mut dyn Sink) -> Result<Step, Malformed> {
        let answer = input.starts_with(b"HTTP/");
        let head = if answer { head::response(input)? } else { head::request(input)? };
        if out.wants_concealed() {
            head::conceal(input, out);
        }
        let Some(head) = head else { return Ok(Step::Need(input.len() + 1)) };
        let software = head.server.or(head.user_agent);
        if out.wants_message(&SCHEMA) {
            let kind = match answer {
                true => (&STATUS, Value::Number(u64::from(head.status))),
                false => (&METHOD, Value::text(head.method.as_bytes())),
            };
            let mut fields = vec![kind];
            let texts = [
                (&HOST, head.host),
                (&SOFTWARE, software),
                (&SEARCH_TARGET, head.search_target),
                (&SERVICE_NAME, head.service_name),
                (&LOCATION, head.location),
            ];
            fields.extend(texts.into_iter().filter_map(|(field, value)| Some((field, Value::text(value?)))));
            out.message(&SCHEMA, &fields, 0..head.bytes);
        }
        if let Some(software) = software.filter(|software| !software.is_empty()) {
            let software = Text::from_bytes(software);
            if self.told.len() < SOFTWARE_MAX && !self.told.contains(&software) {
                self.told.push(software.clone());
                out.fact(Fact::Identified(About::Sender, Identifier::Software(software)), 0..head.bytes);
            }
        }
        Ok(Step::Done(input.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, probe, sturdy};

    const SEARCH: &[u8] =
        b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nST: ssdp:all\r\n\r\n";
    const ANSWER: &[u8] =
        b"HTTP/1.1 200 OK\r\nLOCATION: http://192.0.2.2/d.xml\r\nServer: Linux/2.6 UPnP/1.0 NAS/3\r\n\
        ST: upnp:rootdevice\r\nUSN: uuid:1::upnp:rootdevice\r\n\r\n";

    #[test]
    fn a_search_and_its_answer_name_software_and_kind() {
        let dialogue: [(Side, &[u8]); 3] =
            [(Side::Client, SEARCH), (Side::Server, ANSWER), (Side::Server, ANSWER)];
        let answer = "ssdp.status=200 ssdp.software=Linux/2.6 UPnP/1.0 NAS/3 ssdp.search_target=upnp:rootdevice \
            ssdp.service_name=uuid:1::upnp:rootdevice ssdp.location=http://192.0.2.2/d.xml";
        let end = ANSWER.len();
        check(
            &PROTOCOL,
            &dialogue,
            &format!(
                "c 0..87 ssdp.method=M-SEARCH ssdp.host=239.255.255.250:1900 ssdp.search_target=ssdp:all
                 s 0..{end} {answer}
                 s 0..{end} Identified(Sender, Software(\"Linux/2.6 UPnP/1.0 NAS/3\"))
                 s 0..{end} {answer}"
            ),
        );
        sturdy(&PROTOCOL, &dialogue);
    }

    #[test]
    fn a_head_cut_by_the_capture_is_cut_short_and_nonsense_is_malformed() {
        check(&PROTOCOL, &[(Side::Client, &SEARCH[..60])], "c cut short");
        let nonsense = b"NOTIFY * HTTP/1.9\r\n\r\n";
        check(
            &PROTOCOL,
            &[(Side::Client, nonsense)],
            "c stop HTTP-version at byte 0: not text of the prescribed kind",
        );
    }

    #[test]
    fn only_the_three_beginnings_are_recognised() {
        assert_eq!(probe(&PROTOCOL, Side::Client, SEARCH), Verdict::Certain);
        assert_eq!(probe(&PROTOCOL, Side::Server, ANSWER), Verdict::Certain);
        assert_eq!(probe(&PROTOCOL, Side::Client, b"GET / HTTP/1.1\r\n\r\n"), Verdict::NotForUs);
        assert_eq!(probe(&PROTOCOL, Side::Client, b"NOTIFY sip:a@b SIP/2.0\r\n\r\n"), Verdict::NotForUs);
    }
}
