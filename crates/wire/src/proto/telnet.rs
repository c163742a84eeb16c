//! Telnet: a terminal in clear, its option negotiation, and log-ins.
//!
//! # Wire format
//! ```text
//! text, with commands in between:
//! FF FF          the byte FF        FF FB|FC|FD|FE option      WILL, WON'T, DO, DON'T
//! FF F0..F9      other commands     FF FA option … FF F0       subnegotiation
//! a line ends in CR LF, CR NUL or LF
//! ```
//!
//! # How a log-in is read
//! Prompts are judged at the moments that do not depend on how the stream was cut: the server's unfinished
//! line is a prompt when the client sends something, its finished lines when they end.
//! 1. The client answers a line that ends in `login:`, `username:`, … : its next line is the account.
//! 2. It answers a line with `password` that ends in `:` : its next line is the secret.
//! 3. What the server says next decides: a line with `incorrect`, `failed`, … or another prompt of 1 or 2
//!    refuses; `Last login` or the client answering a line that ends in `$`, `#`, `>` or `%` accepts.
//!
//! After an accepted log-in, the client's next line is told as a command that was run, once.
//!
//! # Limits
//! Of a line the last [`LINE_BYTES_MAX`] bytes are kept; an answer to a log-in is waited for during
//! [`ANSWER_LINES_MAX`] lines.
//!
//! # Losses
//! Text goes on after a gap; a log-in that was going on is told as unanswered.
//!
//! # Source
//! RFC 854 (commands, line ends), RFC 855 (options), IANA "Telnet Options".

use crate::{Gap, Login, Parser, Probe, Protocol, Sink, Step, Verdict};
use model::{Accepted, Fact, Offer, Operation, Side, Transport, Value};
use std::ops::Range;

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "telnet",
    title: "Telnet",
    source: "RFC 854, RFC 855",
    transports: &[Transport::Tcp],
    ports: &[23, 2323],
    schema: &SCHEMA,
    probe,
    start: |_| Box::new(Telnet::default()),
};

schema! { "telnet":
    COMMAND = "command" Text Device "Negotiation: WILL, WONT, DO or DONT.";
    OPTION = "option" Number Device "Option that is negotiated, IANA number.";
}

/// Most bytes of a line that are kept, the last ones. Our limit.
const LINE_BYTES_MAX: usize = 256;
/// Lines of the server during which the answer to a log-in is waited for. Our limit; then it is told as
/// unknown.
const ANSWER_LINES_MAX: u32 = 64;
/// Most bytes the probe waits for before it says no.
const PROBE_BYTES_MAX: usize = 512;

const IAC: u8 = 0xFF;
const DONT: u8 = 0xFE;
const WILL: u8 = 0xFB;
const SUBNEGOTIATION: u8 = 0xFA;
const SUBNEGOTIATION_END: u8 = 0xF0;
/// Highest option of the common range; above it lie only 138-140 and 255.
const OPTION_MAX: u8 = 49;

/// Ends of a line that asks for an account, in lower case.
const ACCOUNT_PROMPTS: &[&[u8]] =
    &[b"login:", b"username:", b"user name:", b"user:", b"account:", b"login as:", b"userid:", b"logon:"];
/// Words of a line that refuses a log-in, in lower case.
const REFUSALS: &[&[u8]] =
    &[b"incorrect", b"failed", b"failure", b"denied", b"invalid", b"bad password", b"bad login"];

fn probe(probe: &Probe<'_>) -> Verdict {
    let (negotiations, rest) = negotiations(probe.input);
    let on_port = probe.on_port(PROTOCOL.ports);
    match (negotiations, rest) {
        (2.., _) => Verdict::Certain,
        (1, _) if on_port => Verdict::Certain,
        (_, [] | [IAC] | [IAC, WILL..=DONT]) => Verdict::Unsure,
        (0, text) if on_port && !probe.midstream => probe_text(probe.side, text),
        _ => Verdict::NotForUs,
    }
}

/// On the registered port a server may ask for a log-in without negotiating.
fn probe_text(side: Side, text: &[u8]) -> Verdict {
    let printable = text.iter().all(|byte| *byte >= b' ' || matches!(byte, b'\t' | b'\r' | b'\n' | 0x1B | 0));
    let line = last_line(text);
    match printable {
        true if side == Side::Server && (asks_account(&line) || asks_secret(&line)) => Verdict::Certain,
        true if text.len() < PROBE_BYTES_MAX => Verdict::Unsure,
        _ => Verdict::NotForUs,
    }
}

/// How many negotiations `input` starts with, and what follows.
fn negotiations(input: &[u8]) -> (usize, &[u8]) {
    let (mut count, mut rest) = (0, input);
    while let [IAC, WILL..=DONT, option, after @ ..] = rest {
        if *option > OPTION_MAX && *option != IAC {
            break;
        }
        count += 1;
        rest = after;
    }
    (count, rest)
}

/// Where a log-in stands.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Stage {
    #[default]
    Watching,
    /// The client types an account.
    Account,
    /// The client types a secret.
    Secret,
    /// The server's answer is waited for; lines of it so far.
    Answer(u32),
    /// The client was let in.
    Inside,
}

#[derive(Default)]
struct Telnet {
    stage: Stage,
    /// The server's unfinished line, in lower case; at most [`LINE_BYTES_MAX`].
    line: Vec<u8>,
    /// What the client types of its line; at most [`LINE_BYTES_MAX`].
    typed: Vec<u8>,
    account: Vec<u8>,
    secret: Vec<u8>,
    /// The client's last byte was CR: a following LF or NUL belongs to it.
    after_return: bool,
    /// By side: inside a subnegotiation.
    inside: [bool; 2],
    told_offer: bool,
    told_command: bool,
}

impl Parser for Telnet {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        if side == Side::Server && !std::mem::replace(&mut self.told_offer, true) {
            out.fact(Fact::Offers(Offer::TerminalCleartext), 0..1);
        }
        let concealing = out.wants_concealed();
        let mut at = 0;
        while let Some(byte) = input.get(at) {
            if *byte != IAC {
                // What is typed and shown in a session may be anything.
                if concealing {
                    out.conceal(at..at + 1);
                }
                if !self.is_inside(side) {
                    self.data(side, *byte, at..at + 1, out);
                }
                at += 1;
                continue;
            }
            let Some(bytes) = self.command(side, input, at, out) else { break };
            at += bytes;
        }
        if at > 0 { Step::Done(at) } else { Step::Need(input.len() + 1) }
    }

    fn gap(&mut self, side: Side, _: u64, out: &mut dyn Sink) -> Gap {
        self.set_inside(side, false);
        self.abandon(out);
        Gap::Resume
    }

    fn end(&mut self, out: &mut dyn Sink) {
        self.judge_prompt(0..0, out);
        self.abandon(out);
    }
}

impl Telnet {
    fn is_inside(&self, side: Side) -> bool {
        self.inside.get(side.index()).copied().unwrap_or(false)
    }

    fn set_inside(&mut self, side: Side, value: bool) {
        if let Some(inside) = self.inside.get_mut(side.index()) {
            *inside = value;
        }
    }

    /// A command at `at`: its length, or `None` while it is not whole.
    fn command(&mut self, side: Side, input: &[u8], at: usize, out: &mut dyn Sink) -> Option<usize> {
        let rest = input.get(at..)?;
        match rest {
            [_, SUBNEGOTIATION_END, ..] => self.set_inside(side, false),
            _ if self.is_inside(side) => {}
            [_, SUBNEGOTIATION, ..] => self.set_inside(side, true),
            [_, IAC, ..] => self.data(side, IAC, at..at + 2, out),
            [_, command @ WILL..=DONT, option, ..] => {
                negotiated(*command, *option, at..at + 3, out);
                return Some(3);
            }
            [_, WILL..=DONT] => return None,
            _ => {}
        }
        (rest.len() > 1).then_some(2)
    }

    fn data(&mut self, side: Side, byte: u8, range: Range<usize>, out: &mut dyn Sink) {
        match side {
            Side::Server => self.shown(byte, range, out),
            Side::Client => self.keyed(byte, range, out),
        }
    }

    /// The server sent a character.
    fn shown(&mut self, byte: u8, range: Range<usize>, out: &mut dyn Sink) {
        match byte {
            b'\n' => {
                self.judge_line(range, out);
                self.line.clear();
            }
            b'\r' | 0 => {}
            _ => push_bounded(&mut self.line, byte.to_ascii_lowercase()),
        }
    }

    /// The client sent a character.
    fn keyed(&mut self, byte: u8, range: Range<usize>, out: &mut dyn Sink) {
        let of_line_end = std::mem::replace(&mut self.after_return, byte == b'\r');
        if of_line_end && matches!(byte, b'\n' | 0) {
            return;
        }
        self.judge_prompt(range.clone(), out);
        match byte {
            b'\r' | b'\n' => self.entered(range, out),
            0x08 | 0x7F => {
                self.typed.pop();
            }
            _ if self.typed.len() < LINE_BYTES_MAX => self.typed.push(byte),
            _ => {}
        }
    }

    /// The client ended its line.
    fn entered(&mut self, range: Range<usize>, out: &mut dyn Sink) {
        let typed = std::mem::take(&mut self.typed);
        match self.stage {
            Stage::Account => {
                self.account = typed;
                self.stage = Stage::Watching;
                self.line.clear();
            }
            Stage::Secret => {
                self.secret = typed;
                self.stage = Stage::Answer(0);
                self.line.clear();
            }
            Stage::Inside if !typed.trim_ascii().is_empty() && !self.told_command => {
                self.told_command = true;
                out.fact(Fact::Operated(Operation::Command), range);
            }
            _ => {}
        }
    }

    /// The client sends: the server's unfinished line is what it answers.
    fn judge_prompt(&mut self, range: Range<usize>, out: &mut dyn Sink) {
        let line = self.line.trim_ascii();
        let (account, secret) = (asks_account(line), asks_secret(line));
        let shell = matches!(line.last(), Some(b'$' | b'#' | b'>' | b'%'));
        match self.stage {
            Stage::Answer(_) if shell => self.answered(Accepted::Yes, range, out),
            Stage::Answer(_) if account || secret => self.answered(Accepted::No, range, out),
            _ => {}
        }
        match self.stage {
            Stage::Watching | Stage::Inside if account => self.stage = Stage::Account,
            Stage::Watching if secret => self.stage = Stage::Secret,
            _ => return,
        }
        self.typed.clear();
    }

    /// The server ended a line.
    fn judge_line(&mut self, range: Range<usize>, out: &mut dyn Sink) {
        let Stage::Answer(lines) = self.stage else { return };
        let has = |word: &&[u8]| memchr::memmem::find(&self.line, word).is_some();
        if has(&&b"last login"[..]) {
            self.answered(Accepted::Yes, range, out);
        } else if REFUSALS.iter().any(has) {
            self.answered(Accepted::No, range, out);
        } else if lines >= ANSWER_LINES_MAX {
            self.answered(Accepted::Unknown, range, out);
        } else {
            self.stage = Stage::Answer(lines + 1);
        }
    }

    fn answered(&mut self, accepted: Accepted, range: Range<usize>, out: &mut dyn Sink) {
        let (account, secret) = (std::mem::take(&mut self.account), std::mem::take(&mut self.secret));
        out.login(&Login { account: &account, secret: Some(&secret), accepted }, range);
        self.stage = if accepted == Accepted::Yes { Stage::Inside } else { Stage::Watching };
    }

    /// What was going on cannot be followed any further.
    fn abandon(&mut self, out: &mut dyn Sink) {
        match self.stage {
            Stage::Answer(_) => self.answered(Accepted::Unknown, 0..0, out),
            Stage::Account | Stage::Secret => self.stage = Stage::Watching,
            Stage::Watching | Stage::Inside => {}
        }
        self.line.clear();
        self.typed.clear();
    }
}

fn negotiated(command: u8, option: u8, range: Range<usize>, out: &mut dyn Sink) {
    if !out.wants_message(&SCHEMA) {
        return;
    }
    let name: &[u8] = match command {
        WILL => b"WILL",
        0xFC => b"WONT",
        0xFD => b"DO",
        _ => b"DONT",
    };
    let fields = [(&COMMAND, Value::text(name)), (&OPTION, Value::Number(u64::from(option)))];
    out.message(&SCHEMA, &fields, range);
}

/// Keeps the last [`LINE_BYTES_MAX`] bytes. Half is dropped at a time, so that a long line costs little.
fn push_bounded(line: &mut Vec<u8>, byte: u8) {
    if line.len() >= LINE_BYTES_MAX {
        line.drain(..LINE_BYTES_MAX / 2);
    }
    line.push(byte);
}

fn last_line(text: &[u8]) -> Vec<u8> {
    text.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().to_ascii_lowercase()
}

fn asks_account(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    !line.starts_with(b"last login") && ACCOUNT_PROMPTS.iter().any(|prompt| line.ends_with(prompt))
}

fn asks_secret(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let names = |word: &[u8]| memchr::memmem::find(line, word).is_some();
    line.last() == Some(&b':') && (names(b"password") || names(b"passwd") || names(b"passcode"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, check, probe, run, sturdy};

    const C: Side = Side::Client;
    const S: Side = Side::Server;

    fn session(answer: &[u8]) -> Vec<(Side, &[u8])> {
        vec![
            (S, b"\xff\xfd\x18\xff\xfb\x01"),
            (C, b"\xff\xfb\x18\xff\xfd\x01\xff\xfa\x18\x00xterm\xff\xf0"),
            (S, b"\r\nBusyBox v1\r\nmonitor login: "),
            (C, b"r"),
            (S, b"r"),
            (C, b"oox\x7ft\r\x00"),
            (S, b"oot\r\nPassword: "),
            (C, b"toor\r\n"),
            (S, answer),
            (C, b"cat /etc/passwd\r\n"),
        ]
    }

    #[test]
    fn a_log_in_is_accepted_when_a_shell_answers() {
        let session = session(b"\r\n~ # ");
        check(
            &PROTOCOL,
            &session,
            r#"
            s 0..1 Offers(TerminalCleartext)
            s 0..3 telnet.command=DO telnet.option=24
            s 3..6 telnet.command=WILL telnet.option=1
            c 0..3 telnet.command=WILL telnet.option=24
            c 3..6 telnet.command=DO telnet.option=1
            c 31..32 login "root" secret in clear, accepted Yes
            c 46..47 Operated(Command)
        "#,
        );
        sturdy(&PROTOCOL, &session);
    }

    #[test]
    fn a_log_in_is_refused_by_words_or_another_prompt_and_unknown_without_an_answer() {
        let cases: [(&[u8], &str); 4] = [
            (b"\r\nLogin incorrect\r\n", "accepted No"),
            (b"\r\nlogin: ", "accepted No"),
            (b"\r\nLast login: today\r\n", "accepted Yes"),
            (b"", "accepted Unknown"),
        ];
        for (answer, accepted) in cases {
            let session = session(answer);
            let transcript = run(&PROTOCOL, &session);
            assert!(transcript.contains(accepted), "{transcript}");
            assert!(!transcript.contains("toor"), "{transcript}");
            sturdy(&PROTOCOL, &session);
        }
    }

    #[test]
    fn a_gap_leaves_the_log_in_unanswered_and_text_goes_on() {
        let mut bench = Bench::new(&PROTOCOL);
        for (side, bytes) in session(b"").iter().take(8) {
            bench.feed(*side, bytes);
        }
        bench.gap(S, 50);
        bench.feed(S, b"\xff\xfb\x03# ");
        bench.feed(C, b"ls\r\n");
        let transcript = bench.finish();
        let (_, rest) = transcript.split_once("accepted Unknown\n").unwrap();
        assert_eq!(rest, "s 101..104 telnet.command=WILL telnet.option=3\n");
    }

    #[test]
    fn an_endless_line_or_subnegotiation_is_not_kept() {
        let mut telnet = Telnet::default();
        for _ in 0..10_000 {
            push_bounded(&mut telnet.line, b'x');
        }
        assert!(telnet.line.len() <= LINE_BYTES_MAX);
        let endless = [&b"\xff\xfa\x18"[..], &[b'a'; 5000]].concat();
        assert_eq!(run(&PROTOCOL, &[(C, &endless)]), "");
    }

    #[test]
    fn negotiations_are_recognised_and_look_alikes_refused() {
        let elsewhere = |input| {
            let transport = Transport::Tcp;
            let (client_port, server_port) = (50000, 4000);
            (PROTOCOL.probe)(&Probe { transport, side: S, client_port, server_port, input, midstream: false })
        };
        assert_eq!(elsewhere(b"\xff\xfd\x18\xff\xfb\x01"), Verdict::Certain);
        assert_eq!(elsewhere(b"\xff\xfd\x18"), Verdict::Unsure);
        assert_eq!(elsewhere(b"\xff\xfb\x90\x64"), Verdict::NotForUs, "sound of MPEG layer 3");
        assert_eq!(elsewhere(b"login: "), Verdict::NotForUs);
        assert_eq!(probe(&PROTOCOL, S, b"\xff\xfd\x18"), Verdict::Certain);
        assert_eq!(probe(&PROTOCOL, S, b"Router\r\nUsername: "), Verdict::Certain);
        assert_eq!(probe(&PROTOCOL, S, b"Router\r\n"), Verdict::Unsure);
        assert_eq!(probe(&PROTOCOL, S, b"\x16\x03\x01\x02"), Verdict::NotForUs);
    }
}
