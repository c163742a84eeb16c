//! SSH: the version lines, which are all that is in clear and of interest.
//!
//! # Wire format
//! ```text
//! server, optionally first   any text line CR LF …
//! both                       SSH-<protocol version>-<software>[ <comments>] CR LF
//! then                       binary packets: length 4 | padding 1 | type 1 …   keys are agreed on; encrypted
//! ```
//!
//! # Limits
//! [`VERSION_BYTES_MAX`] is the standard's; lines before it: [`LINE_BYTES_MAX`] each, [`LINES_MAX`] of them.
//!
//! # Losses
//! The default: a gap before the version line gives the flow up; after it nothing is read.
//!
//! # Source
//! RFC 4253 §4.2 (version exchange), §5 (SSH-1 lines end in LF alone), §6 (binary packets).

use crate::{Parser, Probe, Protocol, Sink, Step, Verdict};
use model::{About, Fact, Identifier, Malformed, Offer, Reason, Side, Text, Transport, Value};

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "ssh",
    title: "SSH",
    source: "RFC 4253 §4.2",
    transports: &[Transport::Tcp],
    ports: &[22, 2222, 830],
    schema: &SCHEMA,
    probe,
    start: |_| Box::new(Ssh::default()),
};

schema! { "ssh":
    VERSION = "version" Text Device "Protocol version of the sender, e.g. 2.0; 1.99 speaks both.";
    SOFTWARE = "software" Text Device "Software and comments of the sender.";
}

/// Longest version line, in bytes, line end included: RFC 4253 §4.2. A longer one is malformed.
pub const VERSION_BYTES_MAX: usize = 255;
/// Longest line before it, in bytes. Our limit; a longer one is malformed.
const LINE_BYTES_MAX: usize = 1024;
/// Most lines before it. Our limit; more are malformed.
const LINES_MAX: u64 = 64;
/// Most bytes the probe waits for before it says no.
const PROBE_BYTES_MAX: usize = 512;
/// Bytes of a binary packet that stand for it as evidence.
const PACKET_BYTES: usize = 5;
const START: &[u8] = b"SSH-";

fn probe(probe: &Probe<'_>) -> Verdict {
    let input = probe.input;
    let starts = |text: &[u8]| match text.strip_prefix(START) {
        Some([b'1' | b'2', ..]) => Verdict::Certain,
        Some([]) => Verdict::Unsure,
        None if START.starts_with(text) => Verdict::Unsure,
        _ => Verdict::NotForUs,
    };
    let verdict = starts(input);
    let preceded = probe.side == Side::Server && !probe.midstream && probe.on_port(PROTOCOL.ports);
    if verdict != Verdict::NotForUs || !preceded {
        return verdict;
    }
    let found = memchr::memmem::find(input, b"\nSSH-");
    let before = input.get(..found.unwrap_or(input.len())).unwrap_or(input);
    let printable = before.iter().all(|byte| *byte >= b' ' || matches!(byte, b'\t' | b'\r' | b'\n'));
    // However much came at once, the mark must end within what is waited for.
    if !printable || before.len() + found.map_or(0, |_| START.len()) >= PROBE_BYTES_MAX {
        return Verdict::NotForUs;
    }
    found.map_or(Verdict::Unsure, |at| starts(input.get(at + 1..).unwrap_or_default()))
}

#[derive(Default)]
struct Ssh {
    /// Whether each side's version line was read.
    introduced: [bool; 2],
    /// Lines before the server's version line.
    lines: u64,
    told_encrypted: bool,
}

impl Parser for Ssh {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        let introduced = self.introduced.get(side.index()).copied().unwrap_or(true);
        if !introduced {
            return self.line(side, input, out).unwrap_or_else(Step::Stop);
        }
        // The key exchange, and what it encrypts.
        out.passes_public();
        if self.told_encrypted {
            return Step::Ignore;
        }
        if input.len() < PACKET_BYTES {
            return Step::Need(PACKET_BYTES);
        }
        self.told_encrypted = true;
        out.fact(Fact::Encrypted, 0..PACKET_BYTES);
        Step::Ignore
    }
}

impl Ssh {
    fn line(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Result<Step, Malformed> {
        let is_version = input.starts_with(START);
        let (field, bytes_max) = match is_version {
            true => ("identification string", VERSION_BYTES_MAX),
            false => ("line before identification string", LINE_BYTES_MAX),
        };
        let end = memchr::memchr(b'\n', input).map(|at| at + 1);
        let bytes = end.unwrap_or(input.len());
        if bytes > bytes_max {
            let reason = Reason::OutsideRange { value: bytes as u64, min: 0, max: bytes_max as u64 };
            return Err(Malformed { field, offset: 0, reason });
        }
        let Some(line) = end.and_then(|end| input.get(..end)) else { return Ok(Step::Need(input.len() + 1)) };
        if is_version {
            return self.version(side, line, out);
        }
        self.lines += 1;
        if side == Side::Client || self.lines > LINES_MAX {
            return Err(Malformed { field, offset: 0, reason: Reason::NotText });
        }
        Ok(Step::Done(line.len()))
    }

    fn version(&mut self, side: Side, line: &[u8], out: &mut dyn Sink) -> Result<Step, Malformed> {
        let content = line.trim_ascii_end().get(START.len()..).unwrap_or_default();
        let Some(dash) = memchr::memchr(b'-', content) else {
            let reason = Reason::NotText;
            return Err(Malformed { field: "protoversion", offset: START.len(), reason });
        };
        let version = content.get(..dash).unwrap_or_default();
        let software = content.get(dash + 1..).unwrap_or_default();
        out.message(
            &SCHEMA,
            &[(&VERSION, Value::text(version)), (&SOFTWARE, Value::text(software))],
            0..line.len(),
        );
        if !software.is_empty() {
            let software = Identifier::Software(Text::from_bytes(software));
            out.fact(Fact::Identified(About::Sender, software), 0..line.len());
        }
        if side == Side::Server {
            out.fact(Fact::Offers(Offer::TerminalEncrypted), 0..line.len());
        }
        if let Some(introduced) = self.introduced.get_mut(side.index()) {
            *introduced = true;
        }
        Ok(Step::Done(line.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, probe, run, sturdy};

    #[test]
    fn both_sides_name_their_software_and_then_it_is_encrypted() {
        let server = b"Welcome to ward 3\r\nSSH-2.0-dropbear_2019.78\r\n\0\0\x01\x64\x05\x14keys";
        let client = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\0\0\x05\xDC\x07\x14keys";
        let dialogue: [(Side, &[u8]); 2] = [(Side::Server, server), (Side::Client, client)];
        check(
            &PROTOCOL,
            &dialogue,
            r#"
            s 19..45 ssh.version=2.0 ssh.software=dropbear_2019.78
            s 19..45 Identified(Sender, Software("dropbear_2019.78"))
            s 19..45 Offers(TerminalEncrypted)
            s 45..50 Encrypted
            c 0..32 ssh.version=2.0 ssh.software=OpenSSH_9.2p1 Debian-2
            c 0..32 Identified(Sender, Software("OpenSSH_9.2p1 Debian-2"))
        "#,
        );
        sturdy(&PROTOCOL, &dialogue);
    }

    #[test]
    fn version_1_ends_its_line_in_lf_alone() {
        let transcript = run(&PROTOCOL, &[(Side::Server, b"SSH-1.5-1.2.26\n")]);
        assert!(transcript.starts_with("s 0..15 ssh.version=1.5 ssh.software=1.2.26\n"), "{transcript}");
    }

    #[test]
    fn what_breaks_the_protocol_stops_it() {
        let long = [&b"SSH-2.0-"[..], &[b'x'; 300], b"\r\n"].concat();
        let cases: [(Side, &[u8], &str); 4] = [
            (Side::Server, &long, "identification string at byte 0: 310 is outside 0..=255"),
            (Side::Server, b"SSH-2.0\r\n", "protoversion at byte 4: not text of the prescribed kind"),
            (Side::Client, b"hello\r\n", "line before identification string at byte 0: not text"),
            (Side::Server, &b"a\n".repeat(65), "line before identification string at byte 0: not text"),
        ];
        for (side, bytes, fault) in cases {
            let transcript = run(&PROTOCOL, &[(side, bytes)]);
            assert!(transcript.contains(&format!("stop {fault}")), "{transcript}");
        }
    }

    #[test]
    fn version_lines_are_recognised_and_other_greetings_refused() {
        assert_eq!(probe(&PROTOCOL, Side::Server, b"SSH-2"), Verdict::Certain);
        assert_eq!(probe(&PROTOCOL, Side::Client, b"SS"), Verdict::Unsure);
        assert_eq!(probe(&PROTOCOL, Side::Server, b"Welcome\r\n"), Verdict::Unsure);
        assert_eq!(probe(&PROTOCOL, Side::Server, b"Welcome\r\nSSH-2.0-x"), Verdict::Certain);
        assert_eq!(probe(&PROTOCOL, Side::Client, b"GET / HTTP/1.1\r\n"), Verdict::NotForUs);
        assert_eq!(probe(&PROTOCOL, Side::Client, b"SSH-A"), Verdict::NotForUs);
        assert_eq!(probe(&PROTOCOL, Side::Server, b"\x16\x03\x01\x00"), Verdict::NotForUs);
    }
}
