//! VNC (remote framebuffer): a screen that is offered to others.
//!
//! # Wire format
//! ```text
//! both sides first   "RFB 003.008\n"            server, then client: 12 bytes
//! server, 3.7 on     number of types 1 | type 1 …       3.3: type 4       1 none, 2 password challenge, …
//! client, 3.7 on     type 1
//! ```
//! Nothing further is read. Where the server offers "none", whoever connects sees and works the screen.
//!
//! # Source
//! RFC 6143 §7.1.1 (version), §7.1.2 (security types).

use crate::{Parser, Probe, Protocol, Sink, Step, Verdict};
use model::{Fact, Malformed, Offer, Reason, Side, Transport, Value};

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "vnc",
    title: "VNC (remote framebuffer)",
    source: "RFC 6143 §7.1",
    transports: &[Transport::Tcp],
    ports: &[5900, 5901, 5902, 5903],
    schema: &SCHEMA,
    probe,
    start: |_| Box::new(Vnc::default()),
};

schema! { "vnc":
    VERSION = "version" Text Device "Protocol version of the sender, e.g. 003.008.";
    SECURITY_TYPES = "security_types" Bytes Device "Security types the server offers; 01 is none.";
    SECURITY_TYPE = "security_type" Number Device "Security type chosen by the client (3.3: by the server).";
}

/// Length of the version line, in bytes.
const VERSION_BYTES: usize = 12;
/// Its shape; `n` is a digit.
const SHAPE: &[u8; VERSION_BYTES] = b"RFB nnn.nnn\n";
/// Up to this version the server alone chooses the security type.
const OLD_VERSION: &[u8] = b"003.003";

fn has_shape(input: &[u8]) -> bool {
    input
        .iter()
        .zip(SHAPE)
        .all(|(byte, shape)| if *shape == b'n' { byte.is_ascii_digit() } else { byte == shape })
}

fn probe(probe: &Probe<'_>) -> Verdict {
    match has_shape(probe.input) {
        false => Verdict::NotForUs,
        true if probe.input.len() < VERSION_BYTES => Verdict::Unsure,
        true => Verdict::Certain,
    }
}

#[derive(Default)]
struct Vnc {
    /// By side: the version line was read.
    introduced: [bool; 2],
    /// The client speaks 3.3, so the server chooses.
    old: bool,
}

impl Parser for Vnc {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        let introduced = self.introduced.get(side.index()).copied().unwrap_or(true);
        match side {
            _ if !introduced => self.version(side, input, out),
            Side::Server => self.offered(input, out),
            Side::Client => {
                if let (Some(kind), false) = (input.first(), self.old) {
                    out.message(&SCHEMA, &[(&SECURITY_TYPE, Value::Number(u64::from(*kind)))], 0..1);
                }
                Step::Ignore
            }
        }
    }
}

impl Vnc {
    fn version(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        if !has_shape(input) {
            return Malformed { field: "ProtocolVersion", offset: 0, reason: Reason::NotText }.into();
        }
        let Some(line) = input.first_chunk::<VERSION_BYTES>() else { return Step::Need(VERSION_BYTES) };
        let [_, _, _, _, version @ .., _] = line;
        out.message(&SCHEMA, &[(&VERSION, Value::text(version))], 0..VERSION_BYTES);
        if side == Side::Server {
            out.fact(Fact::Offers(Offer::RemoteDesktop), 0..VERSION_BYTES);
        } else {
            self.old = version == OLD_VERSION;
        }
        if let Some(introduced) = self.introduced.get_mut(side.index()) {
            *introduced = true;
        }
        Step::Done(VERSION_BYTES)
    }

    fn offered(&mut self, input: &[u8], out: &mut dyn Sink) -> Step {
        const OLD_BYTES: usize = 4;
        if self.old {
            let Some(kind) = input.first_chunk::<OLD_BYTES>() else { return Step::Need(OLD_BYTES) };
            let kind = u64::from(u32::from_be_bytes(*kind));
            out.message(&SCHEMA, &[(&SECURITY_TYPE, Value::Number(kind))], 0..OLD_BYTES);
            return Step::Ignore;
        }
        let end = 1 + input.first().copied().map_or(0, usize::from);
        let Some(types) = input.get(1..end) else { return Step::Need(end) };
        if !types.is_empty() {
            out.message(&SCHEMA, &[(&SECURITY_TYPES, Value::Bytes(types.into()))], 0..end);
        }
        Step::Ignore
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, probe, sturdy};

    #[test]
    fn a_screen_is_offered_with_its_security_types() {
        let dialogue: [(Side, &[u8]); 5] = [
            (Side::Server, b"RFB 003.008\n"),
            (Side::Client, b"RFB 003.008\n"),
            (Side::Server, b"\x02\x01\x02"),
            (Side::Client, b"\x01"),
            (Side::Server, b"\0\0\0\0 framebuffer"),
        ];
        check(
            &PROTOCOL,
            &dialogue,
            "s 0..12 vnc.version=003.008
             s 0..12 Offers(RemoteDesktop)
             c 0..12 vnc.version=003.008
             s 12..15 vnc.security_types=0102
             c 12..13 vnc.security_type=1",
        );
        sturdy(&PROTOCOL, &dialogue);
    }

    #[test]
    fn the_old_server_chooses_alone() {
        let dialogue: [(Side, &[u8]); 4] = [
            (Side::Server, b"RFB 003.008\n"),
            (Side::Client, b"RFB 003.003\n"),
            (Side::Server, b"\0\0\0\x02challenge"),
            (Side::Client, b"response"),
        ];
        let chosen = "s 12..16 vnc.security_type=2";
        assert!(crate::testing::run(&PROTOCOL, &dialogue).contains(chosen));
        sturdy(&PROTOCOL, &dialogue);
    }

    #[test]
    fn only_the_whole_version_line_is_believed() {
        assert_eq!(probe(&PROTOCOL, Side::Server, b"RFB 003.00"), Verdict::Unsure);
        assert_eq!(probe(&PROTOCOL, Side::Server, b"RFB 003.008\n"), Verdict::Certain);
        assert_eq!(probe(&PROTOCOL, Side::Server, b"RFB is a protocol"), Verdict::NotForUs);
        let dialogue: [(Side, &[u8]); 1] = [(Side::Client, b"GET / HTTP")];
        check(&PROTOCOL, &dialogue, "c stop ProtocolVersion at byte 0: not text of the prescribed kind");
    }
}
