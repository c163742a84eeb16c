//! ADB (Android debug bridge): a debugging port that gives a shell.
//!
//! # Wire format (least significant byte first)
//! ```text
//! 0           4        8        12         16         20
//! | command 4 | arg0 4 | arg1 4 | length 4 | check 4 | command xor FFFFFFFF 4 | content…
//! ```
//! `CNXN` content: `device::ro.product.name=…;ro.product.model=…;ro.product.device=…;features=…` or
//! `host::…`. `OPEN` content: a service, e.g. `shell:…`. The last word makes the header recognise itself.
//!
//! # Limits
//! Content above [`CONTENT_BYTES_MAX`] is passed over unread.
//!
//! # Source
//! Android Open Source Project, `packages/modules/adb/protocol.txt`.

use crate::{Cursor, Parser, Probe, Protocol, Sink, Step, Verdict};
use model::{About, Fact, Identifier, Malformed, Offer, Operation, Reason, Side, Text, Transport, Value};

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "adb",
    title: "Android debug bridge",
    source: "AOSP packages/modules/adb/protocol.txt",
    transports: &[Transport::Tcp],
    ports: &[5555],
    schema: &SCHEMA,
    probe,
    start: |_| Box::new(Adb::default()),
};

schema! { "adb":
    COMMAND = "command" Text Device "CNXN, STLS or OPEN.";
    BANNER = "banner" Text Device "What the sender of CNXN says of itself.";
    SERVICE = "service" Text Device "Service that OPEN asks for, without its arguments.";
}

/// Bytes before the content.
const HEADER_BYTES: usize = 24;
/// Most content we read of one message, in bytes. Our limit; more is passed over.
const CONTENT_BYTES_MAX: usize = 4096;
const COMMANDS: &[&[u8; 4]] = &[b"CNXN", b"OPEN", b"OKAY", b"CLSE", b"WRTE", b"AUTH", b"SYNC", b"STLS"];

fn probe(probe: &Probe<'_>) -> Verdict {
    let opening = |command: &&[u8; 4]| matches!(*command, b"CNXN" | b"STLS" | b"AUTH");
    let start = probe.input.get(..4).unwrap_or(probe.input);
    match COMMANDS.iter().copied().filter(opening).any(|command| command.starts_with(start)) {
        false => Verdict::NotForUs,
        true if probe.input.len() < HEADER_BYTES => Verdict::Unsure,
        true if header(probe.input).is_ok() => Verdict::Certain,
        true => Verdict::NotForUs,
    }
}

/// Command and content length; the check word must fit.
fn header(input: &[u8]) -> Result<([u8; 4], u32), Malformed> {
    let mut cursor = Cursor::new(input);
    let command = cursor.array("command")?;
    let number = u32::from_le_bytes(command);
    cursor.skip(8, "arguments")?;
    let bytes = cursor.u32_le("data_length")?;
    cursor.skip(4, "data_crc32")?;
    let check = cursor;
    if cursor.u32_le("magic")? != !number {
        return Err(check.malformed("magic", Reason::Contradicts("command")));
    }
    if !COMMANDS.contains(&&command) {
        return Err(Cursor::new(input).malformed("command", Reason::NotDefined(u64::from(number))));
    }
    Ok((command, bytes))
}

#[derive(Default)]
struct Adb {
    told_offer: bool,
    told_command: bool,
}

impl Parser for Adb {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        if input.len() < HEADER_BYTES {
            return Step::Need(HEADER_BYTES);
        }
        let (command, bytes) = match header(input) {
            Ok(header) => header,
            Err(fault) => return fault.into(),
        };
        if side == Side::Server && !std::mem::replace(&mut self.told_offer, true) {
            out.fact(Fact::Offers(Offer::Debug), 0..HEADER_BYTES);
        }
        let read = matches!(&command, b"CNXN" | b"OPEN" | b"STLS") && bytes as usize <= CONTENT_BYTES_MAX;
        if !read {
            return Step::Skip(HEADER_BYTES as u64 + u64::from(bytes));
        }
        let end = HEADER_BYTES + bytes as usize;
        let Some(content) = input.get(HEADER_BYTES..end) else { return Step::Need(end) };
        let content = content.strip_suffix(&[0]).unwrap_or(content);
        match &command {
            b"CNXN" => connected(content, end, out),
            b"OPEN" => self.opened(content, end, out),
            _ => {
                out.message(&SCHEMA, &[(&COMMAND, Value::text(&command))], 0..end);
                out.fact(Fact::Encrypted, 0..end);
                out.passes_public();
                return Step::Ignore;
            }
        }
        Step::Done(end)
    }
}

impl Adb {
    fn opened(&mut self, content: &[u8], end: usize, out: &mut dyn Sink) {
        let service = content.split(|byte| *byte == b':').next().unwrap_or_default();
        // What is run, and with which words.
        out.conceal(HEADER_BYTES + service.len()..HEADER_BYTES + content.len());
        out.message(&SCHEMA, &[(&COMMAND, Value::text(b"OPEN")), (&SERVICE, Value::text(service))], 0..end);
        let runs = service.starts_with(b"shell") || service.starts_with(b"exec");
        if runs && !std::mem::replace(&mut self.told_command, true) {
            out.fact(Fact::Operated(Operation::Command), 0..end);
        }
    }
}

fn connected(banner: &[u8], end: usize, out: &mut dyn Sink) {
    out.message(&SCHEMA, &[(&COMMAND, Value::text(b"CNXN")), (&BANNER, Value::text(banner))], 0..end);
    for property in banner.split(|byte| *byte == b';') {
        if let Some(at) = memchr::memmem::find(property, b"ro.product.model=") {
            let model = property.get(at + "ro.product.model=".len()..).unwrap_or_default();
            let model = Identifier::Model(Text::from_bytes(model));
            out.fact(Fact::Identified(About::Sender, model), 0..end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, probe, run, sturdy};

    fn message(command: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        let magic = (!u32::from_le_bytes(*command)).to_le_bytes();
        [&command[..], &[1, 0, 0, 1, 0, 16, 0, 0], &length, &[0; 4], &magic, content].concat()
    }

    #[test]
    fn a_device_names_its_model_and_a_shell_is_a_command() {
        let client = message(b"CNXN", b"host::\0");
        let server =
            message(b"CNXN", b"device::ro.product.name=px;ro.product.model=Infusor 3;features=cmd\0");
        let shell = message(b"OPEN", b"shell:id\0");
        let rest = message(b"WRTE", &[0x55; 5000]);
        let dialogue: [(Side, &[u8]); 4] =
            [(Side::Client, &client), (Side::Server, &server), (Side::Client, &shell), (Side::Server, &rest)];
        check(
            &PROTOCOL,
            &dialogue,
            r#"
            c 0..31 adb.command=CNXN adb.banner=host::
            s 0..24 Offers(Debug)
            s 0..91 adb.command=CNXN adb.banner=device::ro.product.name=px;ro.product.model=Infusor 3;features=cmd
            s 0..91 Identified(Sender, Model("Infusor 3"))
            c 31..64 adb.command=OPEN adb.service=shell
            c 31..64 Operated(Command)
        "#,
        );
        sturdy(&PROTOCOL, &dialogue[..3]);
    }

    #[test]
    fn what_breaks_the_protocol_stops_it() {
        let mut wrong = message(b"CNXN", b"");
        wrong[20] ^= 1;
        check(&PROTOCOL, &[(Side::Client, &wrong)], "c stop magic at byte 20: contradicts command");
        let unknown = run(&PROTOCOL, &[(Side::Client, &message(b"ABCD", b""))]);
        assert!(unknown.starts_with("c stop command at byte 0: "), "{unknown}");
    }

    #[test]
    fn only_a_header_that_checks_is_believed() {
        let connect = message(b"CNXN", b"host::\0");
        assert_eq!(probe(&PROTOCOL, Side::Client, &connect), Verdict::Certain);
        assert_eq!(probe(&PROTOCOL, Side::Client, &connect[..10]), Verdict::Unsure);
        assert_eq!(probe(&PROTOCOL, Side::Client, b"CNXN is what a header starts with"), Verdict::NotForUs);
        assert_eq!(probe(&PROTOCOL, Side::Client, b"GET / HTTP/1.1"), Verdict::NotForUs);
    }
}
