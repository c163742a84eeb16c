//! Time: whom a device asks for it, and whether an administrator's door stands open beside it.
//!
//! # Wire format
//! ```text
//! 0                        1         2      3           4            8            12             16      48
//! | leap 2 version 3 mode 3| stratum | poll | precision | root delay | dispersion | reference id | times | …
//! mode 1, 2 symmetric; 3 client; 4 server; 5 broadcast
//! mode 6 control: | flags | response 1 error 1 more 1 opcode 5 | sequence 2 | … at least 12 bytes
//! mode 7 private: | flags | …                                                     at least 8 bytes
//! ```
//! Behind byte 48 stand extension fields or a key id and digest.
//!
//! # Limits
//! No magic: a probe needs the port beside a sane header. Modes 6 and 7 are messages only.
//!
//! # Source
//! RFC 5905 §7.3, RFC 1059 and RFC 1119 (versions 1 and 2), RFC 9327 (control).

mod whole;

pub use whole::Message;

use crate::{Cursor, Gap, Parser, Probe, Protocol, Sink, Start, Step, Verdict};
use model::{Fact, Field, Malformed, Operation, Reason, Side, Transport, Value};

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "ntp",
    title: "NTP",
    source: "RFC 5905",
    transports: &[Transport::Udp],
    ports: &[123],
    schema: &SCHEMA,
    probe,
    start: |_: &Start| Box::new(Ntp { asked: [false; 2] }),
};

schema! { "ntp":
    VERSION = "version" Number Device "Version of the protocol, 1 to 4.";
    MODE = "mode" Number Device "3 asks, 4 answers, 5 broadcast, 6 control, 7 private.";
    STRATUM = "stratum" Number Device "Distance from a reference clock; 0 invalid, 16 not set.";
    LEAP = "leap" Number Device "Leap warning; 3 says the clock is not set.";
    REFERENCE_ID = "reference_id" Bytes Device "Reference clock or upstream server, four bytes.";
    CONTROL_OPCODE = "control_opcode" Number Device "Operation of a control message, e.g. 2 read variables.";
}

const HEADER_BYTES: usize = 48;
const CONTROL_BYTES: usize = 12;
const PRIVATE_BYTES: usize = 8;
const CLIENT: u8 = 3;
const CONTROL: u8 = 6;
const PRIVATE: u8 = 7;
/// "Not synchronized"; higher values are reserved.
const STRATUM_MAX: u8 = 16;

fn probe(probe: &Probe<'_>) -> Verdict {
    let ours = probe.on_port(PROTOCOL.ports) && sane(probe.input);
    if ours { Verdict::Certain } else { Verdict::NotForUs }
}

fn sane(input: &[u8]) -> bool {
    let [flags, stratum, ..] = input else { return false };
    let (version, mode) = (flags >> 3 & 7, flags & 7);
    (1..=4).contains(&version)
        && match mode {
            1..=5 => *stratum <= STRATUM_MAX && input.len() >= HEADER_BYTES && input.len().is_multiple_of(4),
            CONTROL => input.len() >= CONTROL_BYTES && input.len().is_multiple_of(4),
            PRIVATE => input.len() >= PRIVATE_BYTES,
            _ => false,
        }
}

struct Ntp {
    /// By side: has been told to ask.
    asked: [bool; 2],
}

impl Parser for Ntp {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        Step::datagram(input, self.message(side, input, out))
    }

    fn gap(&mut self, _: Side, _: u64, _: &mut dyn Sink) -> Gap {
        Gap::Resume
    }
}

impl Ntp {
    fn message(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Result<(), Malformed> {
        let mut cursor = Cursor::new(input);
        let flags = cursor.u8("flags")?;
        let (leap, version, mode) = (flags >> 6, flags >> 3 & 7, flags & 7);
        if !(1..=4).contains(&version) {
            let reason = Reason::OutsideRange { value: version.into(), min: 1, max: 4 };
            return Err(Malformed { field: "version", offset: 0, reason });
        }
        let mut fields: Vec<(&'static Field, Value)> =
            vec![(&VERSION, Value::Number(version.into())), (&MODE, Value::Number(mode.into()))];
        match mode {
            1..=5 => {
                let stratum = cursor.u8("stratum")?;
                cursor.skip(10, "root delay and dispersion")?;
                let reference: [u8; 4] = cursor.array("reference id")?;
                cursor.skip(32, "timestamps")?;
                fields.push((&STRATUM, Value::Number(stratum.into())));
                fields.push((&LEAP, Value::Number(leap.into())));
                fields.push((&REFERENCE_ID, Value::Bytes(reference.into())));
            }
            CONTROL => {
                let opcode = cursor.u8("opcode")? & 0x1F;
                cursor.skip(CONTROL_BYTES - 2, "control header")?;
                fields.push((&CONTROL_OPCODE, Value::Number(opcode.into())));
            }
            PRIVATE => cursor.skip(PRIVATE_BYTES - 1, "private header")?,
            _ => {
                return Err(Malformed { field: "mode", offset: 0, reason: Reason::NotDefined(mode.into()) });
            }
        }
        out.message(&SCHEMA, &fields, 0..input.len());
        if mode == CLIENT
            && let Some(asked) = self.asked.get_mut(side.index())
            && !std::mem::replace(asked, true)
        {
            out.fact(Fact::Operated(Operation::AskTime), 0..HEADER_BYTES);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, hex, probe as probed, sturdy};

    fn packet(flags: u8, stratum: u8, reference: &[u8; 4]) -> Vec<u8> {
        let mut bytes = vec![flags, stratum, 6, 0xEC, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(reference);
        bytes.resize(HEADER_BYTES, 0);
        bytes
    }

    #[test]
    fn a_client_asks_for_the_time_once() {
        let ask = packet(0x23, 0, &[0; 4]);
        check(
            &PROTOCOL,
            &[(Side::Client, &ask), (Side::Server, &packet(0x24, 1, b"GPS\0")), (Side::Client, &ask)],
            "c 0..48 ntp.version=4 ntp.mode=3 ntp.stratum=0 ntp.leap=0 ntp.reference_id=00000000
             c 0..48 Operated(AskTime)
             s 0..48 ntp.version=4 ntp.mode=4 ntp.stratum=1 ntp.leap=0 ntp.reference_id=47505300
             c 0..48 ntp.version=4 ntp.mode=3 ntp.stratum=0 ntp.leap=0 ntp.reference_id=00000000",
        );
    }

    #[test]
    fn control_and_private_messages_are_declared_only() {
        check(
            &PROTOCOL,
            &[
                (Side::Client, &hex("1602 0001 0000 0000 0000 0000")),
                (Side::Client, &hex("1700032a00000000")),
            ],
            "c 0..12 ntp.version=2 ntp.mode=6 ntp.control_opcode=2
             c 0..8 ntp.version=2 ntp.mode=7",
        );
    }

    #[test]
    fn faults_name_their_field() {
        let version = packet(0x3B, 0, &[0; 4]);
        check(&PROTOCOL, &[(Side::Client, &version)], "c stop version at byte 0: 7 is outside 1..=4");
        check(&PROTOCOL, &[(Side::Client, &[0x20; 48])], "c stop mode at byte 0: 0 is not defined");
        check(&PROTOCOL, &[(Side::Client, &[0x23; 40])], "c cut short");
    }

    #[test]
    fn the_probe_wants_the_port_and_a_sane_header() {
        assert_eq!(probed(&PROTOCOL, Side::Client, &packet(0x23, 0, &[0; 4])), Verdict::Certain);
        assert_eq!(probed(&PROTOCOL, Side::Client, &packet(0x23, 77, &[0; 4])), Verdict::NotForUs);
        assert_eq!(probed(&PROTOCOL, Side::Client, &[0x23; 47]), Verdict::NotForUs);
    }

    #[test]
    fn it_is_sturdy() {
        sturdy(&PROTOCOL, &[(Side::Client, &packet(0x23, 0, &[0; 4]))]);
    }
}
