//! File transfer, the control connection: who logs in in clear, what is fetched and what is put.
//!
//! The files themselves cross in connections of their own, which this one announces; see `ftp_data`.
//!
//! # Wire format
//! ```text
//! client: verb [ blank argument ] CR LF
//! server: code 3 digits, blank, text CR LF            the last or only line of a reply
//!         code 3 digits, `-`, text CR LF              the first of several; the last has the same code
//! 1xx transfer begins, 2xx done, 3xx more wanted, 4xx and 5xx refused
//! 227 (h1,h2,h3,h4,p1,p2)   229 (|||port|)            the server listens for the data connection
//! PORT h1,h2,h3,h4,p1,p2    EPRT |1|address|port|     the client does
//! ```
//! After `AUTH TLS` and 234 the connection is encrypted and not read further.
//!
//! # How a file gets its name and its end
//! The announced connection and this one share a token, laid out in [`Token`]; it is the content's key. This
//! side tells the path when the file is asked for and leaves word of the server's 226; the data connection's
//! orderly close, or else that word, ends the file there.
//!
//! # Privacy
//! Account and password go to the sink's log-in only. Replies around a log-in often repeat the account, so
//! their text is not declared.
//!
//! # Limits
//! A line is at most [`LINE_BYTES_MAX`]; of account and password [`CREDENTIAL_BYTES_MAX`] are kept until the
//! server answers. Only the last command is waited for.
//!
//! # Source
//! RFC 959, RFC 2228 (AUTH), RFC 2428 (EPRT, EPSV), RFC 3659 (MLSD, REST), RFC 4217 (TLS).

use crate::{
    ContentId, ContentPart, Expectation, Gap, Login, Parser, Probe, Protocol, Scope, Sink, Start, Step,
    Verdict,
};
use model::{
    About, Accepted, Endpoint, Fact, Field, Identifier, Malformed, Mover, Offer, Reason, Side, Storage,
    StorageOutcome, StorageStep, Text, Transport, Value, stable_hash,
};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "ftp",
    title: "FTP",
    source: "RFC 959, RFC 2428",
    transports: &[Transport::Tcp],
    ports: &[PORT],
    schema: &SCHEMA,
    probe,
    start: |start: &Start| Box::new(Ftp::new(start)),
};

schema! { "ftp":
    COMMAND = "command" Text Device "What the client asks, e.g. RETR.";
    ARGUMENT = "argument" Text Device "Its argument; not for USER, PASS and ACCT.";
    REPLY_CODE = "reply_code" Number Device "Three digits of the answer: 2xx done, 5xx refused.";
    REPLY_TEXT = "reply_text" Text Device "Last line of the answer; not around a log-in.";
}

const PORT: u16 = 21;
/// Longest line in bytes. Our limit; paths are shorter. A longer one is malformed.
const LINE_BYTES_MAX: usize = 8 << 10;
/// Most bytes kept of an account and of a password, each. Our limit; the rest is dropped.
const CREDENTIAL_BYTES_MAX: usize = 256;
/// Most bytes of one side that the probe waits for.
const PROBE_BYTES_MAX: usize = 512;
const SERVICE: &str = "FTP";

/// Commands, RFC 959 §4.1, RFC 2228, RFC 2389, RFC 2428, RFC 3659, RFC 7151.
const VERBS: &[&str] = &[
    "USER", "PASS", "ACCT", "CWD", "CDUP", "SMNT", "QUIT", "REIN", "PORT", "PASV", "TYPE", "STRU", "MODE",
    "RETR", "STOR", "STOU", "APPE", "ALLO", "REST", "RNFR", "RNTO", "ABOR", "DELE", "RMD", "MKD", "PWD",
    "LIST", "NLST", "SITE", "SYST", "STAT", "HELP", "NOOP", "AUTH", "ADAT", "PROT", "PBSZ", "CCC", "MIC",
    "CONF", "ENC", "FEAT", "OPTS", "EPRT", "EPSV", "MDTM", "MLST", "MLSD", "SIZE", "HOST", "XPWD", "XCWD",
    "XMKD", "XRMD", "XCUP", "LANG", "CLNT",
];
/// Those that no other line protocol has.
const OWN_VERBS: &[&str] =
    &["PASV", "EPSV", "PORT", "EPRT", "STOR", "TYPE", "SYST", "FEAT", "CWD", "PWD", "PBSZ", "MLSD"];

fn probe(probe: &Probe<'_>) -> Verdict {
    let on_port = probe.on_port(PROTOCOL.ports);
    let legible = |byte: &u8| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t' | 0x80..);
    if !probe.input.iter().all(legible) {
        return Verdict::NotForUs;
    }
    let lines = || probe.input.split_inclusive(|byte| *byte == b'\n');
    let whole = || lines().filter_map(|line| line.strip_suffix(b"\n")).map(<[u8]>::trim_ascii_end);
    let Some(first) = whole().next() else {
        return if probe.input.len() < PROBE_BYTES_MAX { Verdict::Unsure } else { Verdict::NotForUs };
    };
    if probe.side == Side::Server {
        // The greeting alone decides, however much of what follows came with it.
        let ended = whole().position(|line| Reply::read(line).is_some_and(|reply| !reply.more));
        let contains = |word: &str| {
            whole()
                .take(ended.map_or(usize::MAX, |last| last + 1))
                .any(|line| line.to_ascii_uppercase().windows(word.len()).any(|w| w == word.as_bytes()))
        };
        return match Reply::read(first) {
            Some(_) if contains("SMTP") => Verdict::NotForUs,
            Some(Reply { code: 220, .. }) if on_port || contains("FTP") => Verdict::Certain,
            Some(Reply { code: 220, .. }) if ended.is_none() && probe.input.len() < PROBE_BYTES_MAX => {
                Verdict::Unsure
            }
            Some(_) if on_port && probe.midstream => Verdict::Certain,
            _ => Verdict::NotForUs,
        };
    }
    let is_verb = |line: &[u8], verbs: &[&str]| {
        let (verb, _) = command(line);
        verbs.iter().any(|known| verb.eq_ignore_ascii_case(known.as_bytes()))
    };
    let text = |line: &[u8]| !line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t');
    let tls = |line: &[u8]| matches!(line.to_ascii_uppercase().as_slice(), b"AUTH TLS" | b"AUTH SSL");
    if !is_verb(first, VERBS) || !text(first) {
        Verdict::NotForUs
    } else if on_port || whole().any(|line| is_verb(line, OWN_VERBS) || tls(line)) {
        Verdict::Certain
    } else if probe.input.len() < PROBE_BYTES_MAX {
        Verdict::Unsure
    } else {
        Verdict::NotForUs
    }
}

/// Verb and argument of a line, without interrupts of the terminal protocol in front (RFC 959 §4.1.3).
fn command(line: &[u8]) -> (&[u8], &[u8]) {
    let start = line.iter().position(|byte| *byte < 0x80).unwrap_or(line.len());
    let line = line.get(start..).unwrap_or_default();
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (verb, rest) = line.split_at_checked(end).unwrap_or((line, &[]));
    (verb, rest.strip_prefix(b" ").unwrap_or(rest))
}

/// One line of a reply.
struct Reply<'a> {
    code: u16,
    more: bool,
    text: &'a [u8],
}

impl<'a> Reply<'a> {
    fn read(line: &'a [u8]) -> Option<Self> {
        let (digits, rest) = line.split_first_chunk::<3>()?;
        let (more, text) = match rest.split_first() {
            None => (false, rest),
            Some((b' ', text)) => (false, text),
            Some((b'-', text)) => (true, text),
            Some(_) => return None,
        };
        let code: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        (100..700).contains(&code).then_some(Self { code, more, text })
    }
}

/// What a control and a data connection know each other by.
///
/// Bits 0 to 15: port that the data connection is opened to; bit 16: the FTP client listens there
/// (active mode); the rest: a hash that differs for every data connection of two hosts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Token(pub(super) u64);

impl Token {
    const CLIENT_LISTENS: u64 = 1 << 16;

    /// Which side of the data connection is the FTP server's.
    pub(super) const fn server_side(self, server_port: u16) -> Side {
        let [low, high, ..] = self.0.to_le_bytes();
        // Where the capture has no beginning, the sides are a guess; the port is not.
        let listener =
            if server_port == u16::from_le_bytes([low, high]) { Side::Server } else { Side::Client };
        if self.0 & Self::CLIENT_LISTENS == 0 { listener } else { listener.other() }
    }

    /// Where the kind of what is carried is kept: `list`, or the offset it starts at.
    pub(super) const fn kind_key(self) -> u64 {
        self.0 ^ 1 << 63
    }

    /// Where it is kept how the transfer ended.
    pub(super) const fn outcome_key(self) -> u64 {
        self.0 ^ 1 << 62
    }

    pub(super) const fn content(self, mover: Mover) -> ContentId {
        ContentId { scope: Scope::HostPair, key: self.0, mover }
    }
}

/// Kept under [`Token::kind_key`] for listings, which are no files.
pub(super) const LISTING: &str = "list";

/// Kept under [`Token::outcome_key`] once the server said that the transfer was done, or that it was not.
pub(super) const COMPLETE: &str = "complete";
pub(super) const BROKEN: &str = "broken";

/// What the server has still to answer.
enum Pending {
    Nothing,
    Login,
    Tls,
    Storage(Transfer),
}

/// A use of the server's files.
struct Transfer {
    step: StorageStep,
    path: Option<Text>,
    /// The file that is carried, where one is and its connection was announced.
    file: Option<(Token, Mover)>,
    granted: bool,
}

struct Ftp {
    client: Endpoint,
    server: Endpoint,
    /// Data connections announced; makes tokens differ.
    announced: u64,
    /// The next transfer's connection.
    next: Option<Token>,
    restart: Option<u64>,
    /// Bytes are carried as they are in the file; otherwise line ends change and lengths do not hold.
    binary: bool,
    account: Vec<u8>,
    secret: Option<Vec<u8>>,
    pending: Pending,
    /// Code of a reply of several lines that is not over.
    reply: Option<u16>,
    /// Bytes are missing: by side, what comes up to the next line break is the end of something.
    mid_line: [bool; 2],
    encrypted: bool,
    named: bool,
}

impl Ftp {
    fn new(start: &Start) -> Self {
        Self {
            client: start.client,
            server: start.server,
            announced: 0,
            next: None,
            restart: None,
            binary: false,
            account: Vec::new(),
            secret: None,
            pending: Pending::Nothing,
            reply: None,
            mid_line: [start.midstream; 2],
            encrypted: false,
            named: false,
        }
    }
}

impl Parser for Ftp {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        if self.encrypted {
            return Step::Ignore;
        }
        let Some(end) = memchr::memchr(b'\n', input) else {
            if input.len() > LINE_BYTES_MAX {
                let (value, max) = (input.len() as u64, LINE_BYTES_MAX as u64);
                let reason = Reason::OutsideRange { value, min: 0, max };
                return Malformed { field: "line", offset: 0, reason }.into();
            }
            return Step::Need(input.len() + 1);
        };
        let line = input.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let [client, server] = &mut self.mid_line;
        let read = if std::mem::take(if side == Side::Client { client } else { server }) {
            out.conceal(0..line.len());
            self.whole_line(side, line, out).or(Ok(()))
        } else {
            self.whole_line(side, line, out)
        };
        read.map_or_else(Step::Stop, |()| Step::Done(end + 1))
    }

    fn gap(&mut self, side: Side, _: u64, _: &mut dyn Sink) -> Gap {
        if let Some(mid_line) = self.mid_line.get_mut(side.index()) {
            *mid_line = true;
        }
        (self.reply, self.pending) = (None, Pending::Nothing);
        Gap::Resume
    }

    fn end(&mut self, out: &mut dyn Sink) {
        if matches!(self.pending, Pending::Login) && self.secret.is_some() {
            self.logged_in(Accepted::Unknown, 0..0, out);
        }
    }
}

impl Ftp {
    fn whole_line(&mut self, side: Side, line: &[u8], out: &mut dyn Sink) -> Result<(), Malformed> {
        match side {
            Side::Client => self.command(line, out),
            Side::Server => self.reply(line, out),
        }
    }

    fn command(&mut self, line: &[u8], out: &mut dyn Sink) -> Result<(), Malformed> {
        let (verb, argument) = command(line);
        if verb.is_empty() {
            return Ok(());
        }
        if verb.len() > 8 || !verb.iter().all(u8::is_ascii_alphabetic) {
            return Err(Malformed { field: "command", offset: 0, reason: Reason::NotText });
        }
        let verb = verb.to_ascii_uppercase();
        let private = matches!(verb.as_slice(), b"USER" | b"PASS" | b"ACCT");
        if private || !SHOWN.contains(&verb.as_slice()) {
            out.conceal(line.len() - argument.len()..line.len());
        }
        if out.wants_message(&SCHEMA) {
            let mut fields: Vec<(&'static Field, Value)> = vec![(&COMMAND, Value::text(&verb))];
            if !private && !argument.is_empty() {
                fields.push((&ARGUMENT, Value::text(argument)));
            }
            out.message(&SCHEMA, &fields, 0..line.len());
        }
        let range = 0..line.len();
        match verb.as_slice() {
            b"USER" => {
                self.account = kept(argument);
                self.secret = None;
                self.pending = Pending::Login;
            }
            b"PASS" => {
                self.secret = Some(kept(argument));
                self.pending = Pending::Login;
            }
            b"AUTH" => self.pending = Pending::Tls,
            b"REST" => {
                self.restart = std::str::from_utf8(argument.trim_ascii()).ok().and_then(|n| n.parse().ok());
            }
            b"TYPE" => {
                self.binary = matches!(argument.first(), Some(b'I' | b'i' | b'L' | b'l'));
                self.pending = Pending::Nothing;
            }
            b"PORT" => {
                if let Some(end) = six_numbers(argument) {
                    self.announce(Side::Client, end, out);
                }
            }
            b"EPRT" => {
                if let Some(end) = extended(argument, None) {
                    self.announce(Side::Client, end, out);
                }
            }
            b"RETR" => self.ask(StorageStep::Read, Some(Mover::Fetched), argument, range, out),
            b"STOR" | b"STOU" | b"APPE" => {
                self.ask(StorageStep::Write, Some(Mover::Pushed), argument, range, out);
            }
            b"LIST" | b"NLST" | b"MLSD" => self.ask(StorageStep::Browse, None, argument, range, out),
            b"DELE" | b"RMD" | b"XRMD" | b"MKD" | b"XMKD" | b"RNTO" => {
                self.ask(StorageStep::Write, None, argument, range, out);
            }
            // Told while a transfer is under way; its outcome is still to come.
            b"ABOR" | b"STAT" | b"NOOP" => {}
            _ => self.pending = Pending::Nothing,
        }
        Ok(())
    }

    /// A listing, or a file that `mover` says how it is carried.
    fn ask(
        &mut self,
        step: StorageStep,
        mover: Option<Mover>,
        argument: &[u8],
        range: Range<usize>,
        out: &mut dyn Sink,
    ) {
        let path = Some(Text::from_bytes(argument)).filter(|path| !path.is_empty());
        let carries = mover.is_some() || step == StorageStep::Browse;
        let token = if carries { self.next.take() } else { None };
        let restart = self.restart.take();
        if let Some(token) = token {
            match (mover, restart) {
                (None, _) => out.remember(token.kind_key(), Text::from(LISTING)),
                (_, Some(offset)) => {
                    out.remember(token.kind_key(), Text::from(offset.to_string().as_str()));
                }
                _ => {}
            }
        }
        let file = token.zip(mover);
        if let Some((token, mover)) = file
            && !argument.is_empty()
        {
            out.content(token.content(mover), ContentPart::Path(argument));
        }
        let (outcome, service) = (StorageOutcome::Asked, SERVICE);
        out.fact(Fact::Storage(Box::new(Storage { step, outcome, path: path.clone(), service })), range);
        self.pending = Pending::Storage(Transfer { step, path, file, granted: false });
    }

    /// Announces the data connection to where `side` listens.
    fn announce(&mut self, side: Side, at: (Option<IpAddr>, u16), out: &mut dyn Sink) {
        let (told, port) = at;
        self.announced += 1;
        let [client, server] = [self.client, self.server].map(|end| end.ip.to_string());
        let numbers = [u64::from(self.client.port), self.announced, out.time().nanos().cast_unsigned()];
        let numbers = numbers.map(u64::to_be_bytes);
        let hash = stable_hash(&[client.as_bytes(), server.as_bytes(), numbers.as_flattened()]);
        let listens = if side == Side::Client { Token::CLIENT_LISTENS } else { 0 };
        let token = Token(hash & !0x1_FFFF | listens | u64::from(port));
        let own = if side == Side::Client { self.client.ip } else { self.server.ip };
        let (transport, protocol) = (Transport::Tcp, super::ftp_data::PROTOCOL.name);
        // Behind an address translator the told address is not the one that is used.
        for ip in told.filter(|ip| *ip != own).into_iter().chain([own]) {
            out.expect(Expectation { transport, ip, port, protocol, token: token.0 });
        }
        self.next = Some(token);
    }

    fn reply(&mut self, line: &[u8], out: &mut dyn Sink) -> Result<(), Malformed> {
        let reply = match (Reply::read(line), self.reply) {
            (Some(reply), None) => reply,
            (Some(reply), Some(code)) if reply.code == code && !reply.more => reply,
            // Inside a reply of several lines anything may stand.
            (_, Some(_)) => {
                out.conceal(0..line.len());
                return Ok(());
            }
            (None, None) if line.is_empty() => return Ok(()),
            (None, None) => {
                return Err(Malformed { field: "reply code", offset: 0, reason: Reason::NotText });
            }
        };
        if reply.code == 220 && !self.named && !reply.text.trim_ascii().is_empty() {
            self.named = true;
            let software = Identifier::Software(Text::from_bytes(reply.text.trim_ascii()));
            out.fact(Fact::Identified(About::Sender, software), 0..line.len());
            out.fact(Fact::Offers(Offer::FileTransfer), 0..3);
        }
        let named = matches!(reply.code, 230..=232 | 331 | 332 | 430 | 530 | 532);
        if named || reply.more && reply.code != 220 {
            out.conceal(line.len() - reply.text.len()..line.len());
        }
        self.reply = reply.more.then_some(reply.code);
        if reply.more {
            return Ok(());
        }
        if out.wants_message(&SCHEMA) {
            let mut fields: Vec<(&'static Field, Value)> =
                vec![(&REPLY_CODE, Value::Number(reply.code.into()))];
            if !named {
                fields.push((&REPLY_TEXT, Value::text(reply.text)));
            }
            out.message(&SCHEMA, &fields, 0..line.len());
        }
        match reply.code {
            227 => {
                let listens = six_numbers(reply.text);
                listens.into_iter().for_each(|end| self.announce(Side::Server, end, out));
            }
            229 => {
                let listens = extended(reply.text, Some(b'('));
                listens.into_iter().for_each(|end| self.announce(Side::Server, end, out));
            }
            _ => self.outcome(&reply, 0..line.len(), out),
        }
        Ok(())
    }

    /// What a reply says to the command that waits for it.
    fn outcome(&mut self, reply: &Reply<'_>, range: Range<usize>, out: &mut dyn Sink) {
        match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Login => match reply.code {
                200..300 => self.logged_in(Accepted::Yes, range, out),
                430 | 500.. => self.logged_in(Accepted::No, range, out),
                // The server goes away: says neither.
                400.. => self.logged_in(Accepted::Unknown, range, out),
                _ => self.pending = Pending::Login,
            },
            Pending::Tls if reply.code == 234 => {
                self.encrypted = true;
                out.fact(Fact::Encrypted, range);
            }
            Pending::Storage(transfer) => self.transferred(transfer, reply, range, out),
            Pending::Tls | Pending::Nothing => {}
        }
    }

    fn transferred(
        &mut self,
        mut transfer: Transfer,
        reply: &Reply<'_>,
        range: Range<usize>,
        out: &mut dyn Sink,
    ) {
        let accepted = reply.code < 400;
        if !transfer.granted {
            transfer.granted = accepted;
            let outcome =
                if accepted { StorageOutcome::Granted } else { StorageOutcome::Refused(reply.code.into()) };
            let (step, path, service) = (transfer.step, transfer.path.clone(), SERVICE);
            out.fact_of_other(Fact::Storage(Box::new(Storage { step, outcome, path, service })), range);
        }
        let begins = reply.code < 200;
        if let Some((token, mover)) = transfer.file {
            let plain = self.binary && out.recall(token.kind_key()).is_none();
            if begins && mover == Mover::Fetched && plain {
                // `150 Opening BINARY mode data connection for a.bin (1234 bytes).`
                let length = told_length(reply.text);
                length.into_iter().for_each(|n| out.content(token.content(mover), ContentPart::Length(n)));
            }
            if !begins {
                out.remember(token.outcome_key(), Text::from(if accepted { COMPLETE } else { BROKEN }));
            }
        }
        if begins {
            self.pending = Pending::Storage(transfer);
        }
    }

    fn logged_in(&mut self, accepted: Accepted, range: Range<usize>, out: &mut dyn Sink) {
        let secret = self.secret.take();
        out.login(&Login { account: &self.account, secret: secret.as_deref(), accepted }, range);
    }
}

/// Commands whose argument is a path, a place or a way of transfer; those of others may be anybody's.
const SHOWN: &[&[u8]] = &[
    b"RETR", b"STOR", b"STOU", b"APPE", b"LIST", b"NLST", b"MLSD", b"MLST", b"CWD", b"XCWD", b"DELE", b"RMD",
    b"XRMD", b"MKD", b"XMKD", b"RNFR", b"RNTO", b"SIZE", b"MDTM", b"TYPE", b"MODE", b"STRU", b"PORT",
    b"EPRT", b"EPSV", b"REST", b"AUTH", b"PROT", b"PBSZ", b"OPTS", b"FEAT", b"ALLO",
];

fn kept(argument: &[u8]) -> Vec<u8> {
    argument.get(..CREDENTIAL_BYTES_MAX).unwrap_or(argument).to_vec()
}

/// `h1,h2,h3,h4,p1,p2` somewhere in `text`.
fn six_numbers(text: &[u8]) -> Option<(Option<IpAddr>, u16)> {
    let start = text.iter().position(u8::is_ascii_digit)?;
    let text = text.get(start..)?;
    let end = text.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b',' | b' ')).unwrap_or(text.len());
    let text = std::str::from_utf8(text.get(..end)?).ok()?;
    let numbers: Vec<u8> = text.split(',').map(|n| n.trim().parse().ok()).collect::<Option<_>>()?;
    let [a, b, c, d, high, low] = numbers.as_slice() else { return None };
    let port = u16::from_be_bytes([*high, *low]);
    (port != 0).then_some((Some(Ipv4Addr::new(*a, *b, *c, *d).into()), port))
}

/// `|protocol|address|port|`, the first two possibly empty, behind `after` where that is given.
fn extended(text: &[u8], after: Option<u8>) -> Option<(Option<IpAddr>, u16)> {
    let start = match after {
        Some(after) => text.iter().position(|byte| *byte == after)? + 1,
        None => 0,
    };
    let (bar, rest) = text.get(start..)?.split_first()?;
    let mut parts = rest.split(|byte| byte == bar).map(|part| std::str::from_utf8(part).unwrap_or_default());
    let (_, ip, port) = (parts.next()?, parts.next()?, parts.next()?);
    let port = port.parse().ok().filter(|port| *port != 0)?;
    Some((ip.parse().ok(), port))
}

/// The number in `(1234 bytes)`.
fn told_length(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let (_, rest) = text.rsplit_once('(')?;
    let (number, _) = rest.split_once(" byte")?;
    number.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, probe as probed, run, sturdy};

    const DIALOGUE: &[(Side, &[u8])] = &[
        (Side::Server, b"220-ward\r\n hello\r\n220 ProFTPD 1.3.5 Server\r\n"),
        (Side::Client, b"USER monitor\r\n"),
        (Side::Server, b"331 Password required for monitor\r\n"),
        (Side::Client, b"PASS letmein\r\n"),
        (Side::Server, b"230 Welcome monitor\r\n"),
        (Side::Client, b"TYPE I\r\nPASV\r\n"),
        (Side::Server, b"227 Entering Passive Mode (192,0,2,2,156,65).\r\n"),
        (Side::Client, b"RETR fw.bin\r\n"),
        (Side::Server, b"150 Opening data connection for fw.bin (42 bytes).\r\n226 Done\r\n"),
        (Side::Client, b"DELE fw.bin\r\n"),
        (Side::Server, b"550 No\r\n"),
    ];

    #[test]
    fn a_session_tells_login_file_and_outcome_and_not_who() {
        check(
            &PROTOCOL,
            DIALOGUE,
            "s 0..8 Identified(Sender, Software(\"ward\"))
             s 0..3 Offers(FileTransfer)
             s 18..42 ftp.reply_code=220 ftp.reply_text=ProFTPD 1.3.5 Server
             c 0..12 ftp.command=USER
             s 44..77 ftp.reply_code=331
             c 14..26 ftp.command=PASS
             s 79..98 ftp.reply_code=230
             s 79..98 login \"monitor\" secret in clear, accepted Yes
             c 28..34 ftp.command=TYPE ftp.argument=I
             c 36..40 ftp.command=PASV
             s 100..145 ftp.reply_code=227 ftp.reply_text=Entering Passive Mode (192,0,2,2,156,65).
             s expect ftp-data over tcp at 192.0.2.2 port 40001
             c 42..53 ftp.command=RETR ftp.argument=fw.bin
             c content Fetched path \"fw.bin\"
             c 42..53 Storage(Storage { step: Read, outcome: Asked, path: Some(\"fw.bin\"), service: \"FTP\" })
             s 147..197 ftp.reply_code=150 ftp.reply_text=Opening data connection for fw.bin (42 bytes).
             s 147..197 of other: Storage(Storage { step: Read, outcome: Granted, path: Some(\"fw.bin\"), \
               service: \"FTP\" })
             s content Fetched length 42
             s 199..207 ftp.reply_code=226 ftp.reply_text=Done
             c 55..66 ftp.command=DELE ftp.argument=fw.bin
             c 55..66 Storage(Storage { step: Write, outcome: Asked, path: Some(\"fw.bin\"), service: \"FTP\" })
             s 209..215 ftp.reply_code=550 ftp.reply_text=No
             s 209..215 of other: Storage(Storage { step: Write, outcome: Refused(550), \
               path: Some(\"fw.bin\"), service: \"FTP\" })",
        );
    }

    #[test]
    fn a_refused_login_is_told_and_an_unanswered_one_too() {
        let refused: &[(Side, &[u8])] = &[
            (Side::Client, b"USER root\r\nPASS x\r\n"),
            (Side::Server, b"331 go on\r\n530 no\r\n"),
            (Side::Client, b"USER root\r\nPASS y\r\n"),
        ];
        let transcript = run(&PROTOCOL, refused);
        assert!(transcript.contains("login \"root\" secret in clear, accepted No"), "{transcript}");
        assert!(transcript.ends_with("login \"root\" secret in clear, accepted Unknown\n"), "{transcript}");
    }

    #[test]
    fn after_the_start_of_encryption_nothing_is_read() {
        let dialogue: &[(Side, &[u8])] = &[
            (Side::Client, b"AUTH TLS\r\n"),
            (Side::Server, b"234 go\r\n"),
            (Side::Client, b"\x16\x03\x01\n"),
        ];
        let transcript = run(&PROTOCOL, dialogue);
        assert!(transcript.ends_with("s 0..6 Encrypted\n"), "{transcript}");
    }

    #[test]
    fn listening_addresses_are_read_in_all_forms() {
        let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert_eq!(six_numbers(b"Entering (10,0,0,1,0,21)."), Some((ip("10.0.0.1"), 21)));
        assert_eq!(six_numbers(b"10,0,0,1,0,21"), Some((ip("10.0.0.1"), 21)));
        assert_eq!(six_numbers(b"10,0,0,256,0,21"), None);
        assert_eq!(six_numbers(b"10,0,0,1"), None);
        assert_eq!(extended(b"Entering (|||6446|)", Some(b'(')), Some((None, 6446)));
        assert_eq!(extended(b"|2|2001:db8::1|6446|", None), Some((ip("2001:db8::1"), 6446)));
        assert_eq!(extended(b"|1|10.0.0.1|0|", None), None);
    }

    #[test]
    fn the_ftp_server_of_a_data_connection_follows_from_who_listens() {
        let passive = Token(40001);
        assert_eq!(passive.server_side(40001), Side::Server);
        let active = Token(40001 | Token::CLIENT_LISTENS);
        assert_eq!(active.server_side(40001), Side::Client);
        // The capture began in the middle and the sides were guessed the wrong way round.
        assert_eq!(passive.server_side(50000), Side::Client);
    }

    #[test]
    fn faults_name_their_field() {
        let command: &[(Side, &[u8])] = &[(Side::Client, b"\x01\x02\x03\r\n")];
        check(&PROTOCOL, command, "c stop command at byte 0: not text of the prescribed kind");
        let reply: &[(Side, &[u8])] = &[(Side::Server, b"hello\r\n")];
        check(&PROTOCOL, reply, "s stop reply code at byte 0: not text of the prescribed kind");
        let long = vec![b'a'; LINE_BYTES_MAX + 1];
        check(&PROTOCOL, &[(Side::Client, &long)], "c stop line at byte 0: 8193 is outside 0..=8192");
    }

    #[test]
    fn mail_servers_and_mail_clients_are_not_ours() {
        let off_port = |side, input| {
            let (transport, client_port, server_port) = (Transport::Tcp, 50000, 2121);
            probe(&Probe { transport, side, client_port, server_port, input, midstream: false })
        };
        assert_eq!(probed(&PROTOCOL, Side::Server, b"220 ready\r\n"), Verdict::Certain);
        assert_eq!(probed(&PROTOCOL, Side::Server, b"220 ready"), Verdict::Unsure);
        assert_eq!(probed(&PROTOCOL, Side::Server, b"220 mx ESMTP Postfix\r\n"), Verdict::NotForUs);
        assert_eq!(probed(&PROTOCOL, Side::Server, b"SSH-2.0-x\r\n"), Verdict::NotForUs);
        assert_eq!(off_port(Side::Server, b"220 ready\r\n"), Verdict::NotForUs);
        assert_eq!(off_port(Side::Server, b"220 vsFTPd 3\r\n"), Verdict::Certain);
        assert_eq!(off_port(Side::Client, b"USER a\r\nPASS b\r\n"), Verdict::Unsure);
        assert_eq!(off_port(Side::Client, b"USER a\r\nPASS b\r\nSYST\r\n"), Verdict::Certain);
        assert_eq!(off_port(Side::Client, b"EHLO a\r\n"), Verdict::NotForUs);
        assert_eq!(probed(&PROTOCOL, Side::Client, b"\x16\x03\x01\x02\n"), Verdict::NotForUs);
    }

    #[test]
    fn it_is_sturdy() {
        sturdy(&PROTOCOL, DIALOGUE);
    }
}
