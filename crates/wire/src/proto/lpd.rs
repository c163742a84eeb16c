//! LPD: print jobs to a line printer daemon.
//!
//! We read it because bedside telemetry of one maker uses the same port: a real print job must be seen as
//! one, and a stream on port 515 that is none must not pass for printing. Of the job we keep which host sent
//! it and to which queue; the document itself is passed over, and names of people are not kept.
//!
//! # Wire format
//! ```text
//! command     | 01-05 | queue [SP operands] | LF |          answered with one octet, 00 for yes;
//!                                                           03 and 04 are answered with text
//! after 02:   | 01 abort | LF |
//!             | 02 control file, 03 data file | count SP name | LF |   then `count` octets and 00
//! ```
//! A control file has lines of a letter and a value: `H` host, `P` user, `J` job name, `N` file name,
//! `T` title.
//!
//! # Decisions
//! A data file of count 0 means "until the connection closes" to common senders: nothing after it is read.
//! Job, title and file names may name a patient and are tagged so. The user is not kept at all.
//!
//! # Limits
//! A line longer than [`LINE_BYTES_MAX`] is malformed. A control file longer than [`CONTROL_BYTES_MAX`] is
//! passed over unread.
//!
//! # Source
//! RFC 1179 §3 (message format), §5 (commands), §6 (receive job subcommands), §7 (control file lines).

use crate::{Parser, Probe, Protocol, Sink, Start, Step, Verdict};
use model::{About, Fact, Field, Identifier, Malformed, Operation, Reason, Side, Text, Transport, Value};

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "lpd",
    title: "LPD printing",
    source: "RFC 1179",
    transports: &[Transport::Tcp],
    ports: &[515],
    schema: &SCHEMA,
    probe,
    start,
};

schema! { "lpd":
    COMMAND = "command" Number Device
        "Command: 1 print waiting jobs, 2 receive a job, 3 and 4 queue state, 5 remove jobs.";
    SUBCOMMAND = "subcommand" Number Device "Part of a job: 1 abort, 2 control file, 3 data file.";
    QUEUE = "queue" Text Device "Name of the printer queue.";
    FILE_BYTES = "file_bytes" Quantity("By") Device
        "Announced length of a control or data file; 0 for unknown.";
    FILE_NAME = "file_name" Text Device "Name of a control or data file; ends in the sending host.";
    HOST = "host" Text Device "Host that the control file names as the sender.";
    JOB_NAME = "job_name" Text Patient "Name of the job, which may name a patient.";
    DOCUMENT_NAME = "document_name" Text Patient
        "Title or name of the printed file, which may name a patient.";
    ANSWER = "answer" Number Device "Octet that answers a command: 0 for yes.";
}

/// Longest command line, in bytes with its LF. Ours; longer is malformed.
pub const LINE_BYTES_MAX: usize = 1024;
/// Longest control file that is read. Ours; a longer one is passed over.
pub const CONTROL_BYTES_MAX: usize = 16 << 10;

const RECEIVE_JOB: u8 = 0x02;
const ABORT: u8 = 0x01;
const CONTROL_FILE: u8 = 0x02;
const DATA_FILE: u8 = 0x03;

/// Most bytes that a probe waits for the end of the first line.
const PROBE_BYTES_MAX: usize = 256;

/// A command line with a plain queue name, on the usual port or with a second line that fits a job.
fn probe(probe: &Probe<'_>) -> Verdict {
    let input = probe.input;
    let usual = probe.on_port(PROTOCOL.ports);
    let Some((command @ 1..=5, line)) = input.split_first() else { return Verdict::NotForUs };
    if probe.side == Side::Server || (probe.midstream && !usual) {
        return Verdict::NotForUs;
    }
    let end = line.iter().position(|byte| *byte == b'\n');
    let text = line.get(..end.unwrap_or(line.len())).unwrap_or_default();
    let operands = matches!(command, 3..=5);
    if !text.iter().all(|byte| matches!(byte, b'!'..=b'~') || operands && *byte == b' ') {
        return Verdict::NotForUs;
    }
    let Some(end) = end else {
        return if input.len() < PROBE_BYTES_MAX { Verdict::Unsure } else { Verdict::NotForUs };
    };
    let next = line.get(end + 1..).unwrap_or_default();
    match (usual, command, subcommand_fits(next)) {
        (_, &RECEIVE_JOB, Verdict::Certain) => Verdict::Certain,
        (true, &RECEIVE_JOB, verdict) if !text.is_empty() => match verdict {
            Verdict::Unsure => Verdict::Certain,
            other => other,
        },
        (false, &RECEIVE_JOB, verdict) => verdict,
        // Every other command stands alone on its connection.
        (true, _, _) if !text.is_empty() && next.is_empty() => Verdict::Certain,
        _ => Verdict::NotForUs,
    }
}

/// Whether the second line of a job may start with `next`.
fn subcommand_fits(next: &[u8]) -> Verdict {
    let Some((subcommand, line)) = next.split_first() else { return Verdict::Unsure };
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match (*subcommand, line.get(digits), line.get(digits + 1..digits + 3)) {
        (ABORT, Some(b'\n'), _) if digits == 0 => Verdict::Certain,
        (CONTROL_FILE, Some(b' '), Some(b"cf")) | (DATA_FILE, Some(b' '), Some(b"df")) if digits > 0 => {
            Verdict::Certain
        }
        (ABORT..=DATA_FILE, None, _) if digits <= 20 => Verdict::Unsure,
        (CONTROL_FILE | DATA_FILE, Some(b' '), None) if digits > 0 => Verdict::Unsure,
        _ => Verdict::NotForUs,
    }
}

fn start(_: &Start) -> Box<dyn Parser> {
    Box::new(Lpd { expects: Expects::Command, identified: false })
}

/// One connection.
#[derive(Debug)]
struct Lpd {
    expects: Expects,
    /// The printer was told of.
    identified: bool,
}

/// What comes next from the client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expects {
    Command,
    Subcommand,
    /// A control file of this many bytes and its 00.
    ControlFile(usize),
    /// Nothing more: the answer is text.
    Text,
}

impl Parser for Lpd {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        if side == Side::Server {
            return self.answer(input, out);
        }
        let outcome = match self.expects {
            Expects::ControlFile(bytes) => {
                let Some(file) = input.get(..bytes + 1) else { return Step::Need(bytes + 1) };
                self.expects = Expects::Subcommand;
                control_file(file.get(..bytes).unwrap_or_default(), out);
                return Step::Done(bytes + 1);
            }
            Expects::Text => return Step::Ignore,
            Expects::Command => {
                line(input).and_then(|line| line.map_or(Ok(None), |line| self.command(line, out)))
            }
            Expects::Subcommand => {
                line(input).and_then(|line| line.map_or(Ok(None), |line| self.subcommand(line, out)))
            }
        };
        match outcome {
            Ok(Some(step)) => step,
            Ok(None) => Step::Need(input.len() + 1),
            Err(fault) => fault.into(),
        }
    }
}

/// The line at the front with its LF; `None` while it is not whole.
fn line(input: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let searched = input.get(..LINE_BYTES_MAX).unwrap_or(input);
    match searched.iter().position(|byte| *byte == b'\n') {
        Some(end) => Ok(input.get(..=end)),
        None if searched.len() < LINE_BYTES_MAX => Ok(None),
        None => {
            let (value, max) = (input.len() as u64, LINE_BYTES_MAX as u64);
            Err(Malformed {
                field: "command line",
                offset: 0,
                reason: Reason::OutsideRange { value, min: 2, max },
            })
        }
    }
}

impl Lpd {
    fn answer(&self, input: &[u8], out: &mut dyn Sink) -> Step {
        let Some(answer) = input.first() else { return Step::Need(1) };
        if self.expects == Expects::Text {
            return Step::Ignore;
        }
        out.message(&SCHEMA, &[(&ANSWER, Value::Number((*answer).into()))], 0..1);
        Step::Done(1)
    }

    fn command(&mut self, line: &[u8], out: &mut dyn Sink) -> Result<Option<Step>, Malformed> {
        let (command, rest) = line.split_first().map_or((0, line), |(command, rest)| (*command, rest));
        if !(1..=5).contains(&command) {
            let reason = Reason::NotDefined(command.into());
            return Err(Malformed { field: "command code", offset: 0, reason });
        }
        let queue = rest.split(|byte| matches!(byte, b' ' | b'\n')).next().unwrap_or_default();
        if !queue.iter().all(u8::is_ascii_graphic) {
            return Err(Malformed { field: "queue", offset: 1, reason: Reason::NotText });
        }
        let fields: [(&'static Field, Value); 2] =
            [(&COMMAND, Value::Number(command.into())), (&QUEUE, Value::text(queue))];
        out.message(&SCHEMA, &fields, 0..line.len());
        // Operands after the queue are users and jobs.
        out.conceal((1 + queue.len()).min(line.len() - 1)..line.len() - 1);
        if command == RECEIVE_JOB {
            out.fact(Fact::Operated(Operation::Print), 0..line.len());
        }
        if !self.identified {
            self.identified = true;
            out.fact(Fact::Identified(About::Receiver, Identifier::PrintServer), 0..line.len());
        }
        self.expects = match command {
            RECEIVE_JOB => Expects::Subcommand,
            3 | 4 => Expects::Text,
            _ => Expects::Command,
        };
        Ok(Some(Step::Done(line.len())))
    }

    fn subcommand(&mut self, line: &[u8], out: &mut dyn Sink) -> Result<Option<Step>, Malformed> {
        let (subcommand, rest) =
            line.split_first().map_or((0, line), |(subcommand, rest)| (*subcommand, rest));
        let rest = rest.strip_suffix(b"\n").unwrap_or(rest);
        let mut fields: Vec<(&'static Field, Value)> = vec![(&SUBCOMMAND, Value::Number(subcommand.into()))];
        match subcommand {
            ABORT => self.expects = Expects::Command,
            CONTROL_FILE | DATA_FILE => {
                let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let count = rest.get(..digits).unwrap_or_default();
                let name = rest.get(digits..).unwrap_or_default().trim_ascii();
                let text = std::str::from_utf8(count).unwrap_or_default();
                let Ok(count) = text.parse::<u64>() else {
                    return Err(Malformed { field: "count", offset: 1, reason: Reason::NotText });
                };
                fields.push((&FILE_BYTES, Value::Number(count)));
                fields.push((&FILE_NAME, Value::text(name)));
                out.message(&SCHEMA, &fields, 0..line.len());
                return Ok(Some(self.file(subcommand, count, line.len())));
            }
            other => {
                let reason = Reason::NotDefined(other.into());
                return Err(Malformed { field: "subcommand code", offset: 0, reason });
            }
        }
        out.message(&SCHEMA, &fields, 0..line.len());
        Ok(Some(Step::Done(line.len())))
    }

    /// What to do with a file of `count` bytes that is announced by a line of `line_bytes` bytes.
    fn file(&mut self, subcommand: u8, count: u64, line_bytes: usize) -> Step {
        match usize::try_from(count) {
            Ok(bytes) if subcommand == CONTROL_FILE && bytes <= CONTROL_BYTES_MAX => {
                self.expects = Expects::ControlFile(bytes);
                Step::Done(line_bytes)
            }
            _ if subcommand == DATA_FILE && count == 0 => Step::Ignore,
            // The line, the file and its closing 00.
            _ => Step::Skip(count.saturating_add(1 + line_bytes as u64)),
        }
    }
}

/// Lines of a letter and a value.
fn control_file(file: &[u8], out: &mut dyn Sink) {
    let mut fields: Vec<(&'static Field, Value)> = Vec::new();
    let mut at = 0;
    for line in file.split(|byte| *byte == b'\n') {
        let range = at..at + line.len();
        at = range.end + 1;
        let Some((letter, value)) = line.split_first() else { continue };
        // Hosts, and names of data files under the letters of formats, are devices' own; the rest is people's.
        if !matches!(letter, b'H' | b'U' | b'a'..=b'z') {
            out.conceal(range.start + 1..range.end);
        }
        let field: &'static Field = match letter {
            b'H' => &HOST,
            b'J' => &JOB_NAME,
            b'N' | b'T' => &DOCUMENT_NAME,
            _ => continue,
        };
        if *letter == b'H' && !value.is_empty() {
            let name = Identifier::HostName(Text::from_bytes(value));
            out.fact(Fact::Identified(About::Sender, name), range);
        }
        fields.push((field, Value::text(value)));
    }
    if !fields.is_empty() {
        out.message(&SCHEMA, &fields, 0..file.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, probe, run, sturdy};
    use Side::{Client, Server};

    /// A job as RFC 1179 §5.2 and §6 describe it; host and names are invented.
    const JOB: &[(Side, &[u8])] = &[
        (Client, b"\x02lp1\n"),
        (Server, b"\0"),
        (Client, b"\x0258 cfA001ward-pc\n"),
        (Server, b"\0"),
        (Client, b"Hward-pc\nPerika\nJLetter T-000123\nfdfA001ward-pc\nNa.txt\nW8\n\0"),
        (Server, b"\0"),
        (Client, b"\x035 dfA001ward-pc\n"),
        (Server, b"\0"),
        (Client, b"hello\0"),
        (Server, b"\0"),
    ];

    #[test]
    fn a_job_tells_the_host_and_the_queue_and_not_the_user() {
        let control: &[u8] = JOB[4].1;
        assert_eq!(control.len(), 58 + 1);
        check(
            &PROTOCOL,
            JOB,
            "
            c 0..5 lpd.command=2 lpd.queue=lp1
            c 0..5 Operated(Print)
            c 0..5 Identified(Receiver, PrintServer)
            s 0..1 lpd.answer=0
            c 5..23 lpd.subcommand=2 lpd.file_bytes=58 lpd.file_name=cfA001ward-pc
            s 1..2 lpd.answer=0
            c 23..31 Identified(Sender, HostName(\"ward-pc\"))
            c 23..81 lpd.host=ward-pc lpd.job_name=Letter T-000123 lpd.document_name=a.txt
            s 2..3 lpd.answer=0
            c 82..99 lpd.subcommand=3 lpd.file_bytes=5 lpd.file_name=dfA001ward-pc
            s 3..4 lpd.answer=0
            s 4..5 lpd.answer=0
        ",
        );
    }

    #[test]
    fn a_job_after_a_job_is_read_because_the_first_document_is_passed_over_exactly() {
        let two = [b"\x02lp\n\x033 dfA1h\nabc\0".as_slice(), b"\x01\n\x02other\n"].concat();
        let transcript = run(&PROTOCOL, &[(Client, &two)]);
        assert!(transcript.contains("lpd.subcommand=1\n"), "{transcript}");
        assert!(transcript.contains("lpd.queue=other"), "{transcript}");
    }

    #[test]
    fn a_document_without_a_length_ends_reading() {
        let transcript = run(&PROTOCOL, &[(Client, b"\x02lp\n\x030 dfA1h\n\xFF\xFFany\n")]);
        assert!(
            transcript.ends_with("lpd.subcommand=3 lpd.file_bytes=0 lpd.file_name=dfA1h\n"),
            "{transcript}"
        );
    }

    #[test]
    fn a_queue_is_asked_for_its_state_and_the_text_answer_is_not_read() {
        check(
            &PROTOCOL,
            &[(Client, b"\x04lp1 erika\n"), (Server, b"no entries\n")],
            "
            c 0..11 lpd.command=4 lpd.queue=lp1
            c 0..11 Identified(Receiver, PrintServer)
        ",
        );
        assert!(run(&PROTOCOL, &[(Client, b"\x05lp1 root 12\n")]).contains("lpd.command=5 lpd.queue=lp1"));
    }

    #[test]
    fn what_the_standard_does_not_define_stops() {
        let last = |bytes: &[u8]| run(&PROTOCOL, &[(Client, bytes)]).lines().last().unwrap().to_owned();
        assert_eq!(last(b"\x07lp\n"), "c stop command code at byte 0: 7 is not defined");
        assert_eq!(last(b"\x02l\x01p\n"), "c stop queue at byte 1: not text of the prescribed kind");
        assert_eq!(last(b"\x02lp\n\x09x\n"), "c stop subcommand code at byte 0: 9 is not defined");
        assert_eq!(last(b"\x02lp\n\x02x cfA\n"), "c stop count at byte 1: not text of the prescribed kind");
        let long = [b"\x02".as_slice(), &[b'a'; LINE_BYTES_MAX]].concat();
        assert_eq!(last(&long), "c stop command line at byte 0: 1025 is outside 2..=1024");
    }

    #[test]
    fn a_control_file_over_the_limit_is_passed_over() {
        let line = format!("\x02{} cfA1h\n", CONTROL_BYTES_MAX + 1);
        let file = vec![b'H'; CONTROL_BYTES_MAX + 2];
        let bytes = [b"\x02lp\n", line.as_bytes(), &file, b"\x01\n"].concat();
        let transcript = run(&PROTOCOL, &[(Client, &bytes)]);
        assert!(
            !transcript.contains("lpd.host") && transcript.ends_with("lpd.subcommand=1\n"),
            "{transcript}"
        );
    }

    #[test]
    fn jobs_are_recognised_and_telemetry_on_the_same_port_is_not() {
        for job in [b"\x02lp1\n".as_slice(), b"\x02lp1\n\x02", b"\x02lp1\n\x0257 cfA001w", b"\x04lp1\n"] {
            assert_eq!(probe(&PROTOCOL, Client, job), Verdict::Certain, "{job:02x?}");
        }
        assert_eq!(probe(&PROTOCOL, Client, b"\x02lp"), Verdict::Unsure);
        for other in [
            b"\x02\x00\x05\x47".as_slice(),
            b"\x06\x00\x05\x45\x00\x00\x07\xFF",
            b"\x02lp1\n\x02\x00\x05\x47",
            b"\x02\n",
            b"GET / HTTP/1.1\r\n",
            b"\x05\x01\x00",
        ] {
            assert_eq!(probe(&PROTOCOL, Client, other), Verdict::NotForUs, "{other:02x?}");
        }
        assert_eq!(probe(&PROTOCOL, Server, b"\0"), Verdict::NotForUs);
        let elsewhere = |input| {
            let transport = Transport::Tcp;
            let (client_port, server_port, midstream) = (50000, 4000, false);
            super::probe(&Probe { transport, side: Client, client_port, server_port, input, midstream })
        };
        assert_eq!(elsewhere(b"\x02lp1\n"), Verdict::Unsure);
        assert_eq!(elsewhere(b"\x02lp1\n\x0257 cfA001w"), Verdict::Certain);
        assert_eq!(elsewhere(b"\x04lp1\n"), Verdict::NotForUs);
    }

    #[test]
    fn any_split_gives_the_same_and_noise_does_no_harm() {
        sturdy(&PROTOCOL, JOB);
    }
}
