//! HTTP/1: who asks whom for what, with which software, log-ins in clear, and the files that bodies carry.
//!
//! # Wire format
//! ```text
//! request   METHOD SP target SP HTTP/1.x CRLF | name: value CRLF … | CRLF | body
//! response  HTTP/1.x SP status SP reason CRLF | name: value CRLF … | CRLF | body
//! ```
//! Responses come in the order of their requests, which may be sent ahead; a response needs its request to be
//! framed (`HEAD`, `CONNECT`), to name its file and to answer its log-in.
//!
//! # What is told
//! - A request: [`Operation::WebRequest`] once per flow; with `application/ipp` also [`Operation::Print`].
//! - Software of either side, once per value.
//! - `Authorization` (Basic, Digest) and forms with a secret: a log-in, once its response tells how it went.
//! - A server *offers web administration* when it answers 401 with a challenge, or serves (status below 400)
//!   a path with a segment that means administration: see [`ADMINISTRATION`].
//! - Bodies of successful responses are files the client fetched; of PUT, POST and PATCH, files it pushed.
//!   Not forms: they hold passwords. A `206` part is told at its offset in the whole file, which all parts
//!   between the two hosts share; it is never told to end.
//! - The query of a target is withheld: queries hold secrets and patient data.
//!
//! # Limits
//! A head: [`head::HEAD_BYTES_MAX`]. Requests without an answer: [`ASKED_MAX`].
//!
//! # Losses
//! Missing bytes inside a body of known length or until close: the file has a hole, reading goes on.
//! Elsewhere the next start line is looked for (a request line, a status line); what is passed over is not
//! read. After a loss a response is matched with a request only when exactly one waits, so that no file gets
//! another's name.
//!
//! # Source
//! RFC 9110, RFC 9112; RFC 9113 §3.4 (the preface of HTTP/2, which is recognised and not read); RFC 8010
//! (IPP).

mod body;
pub(crate) mod head;
mod secret;

use crate::{ContentId, ContentPart, Gap, Parser, Probe, Protocol, Scope, Sink, Step, Verdict};
use body::{After, Body, CarriedBody, End, Framing};
use head::{ContentRange, Head};
use model::{
    About, Accepted, Fact, FastHasher, Field, Identifier, Malformed, Mover, Offer, Operation, Side, Text,
    Transport, Value,
};
use secret::{FORM_BYTES_MAX, Pair};
use std::collections::VecDeque;
use std::hash::Hasher;
use std::ops::Range;

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "http",
    title: "HTTP/1",
    source: "RFC 9110, RFC 9112",
    transports: &[Transport::Tcp],
    ports: &[80, 8080, 8000, 8008, 8081, 8888, 631, 3128, 5000],
    schema: &SCHEMA,
    probe,
    start: |_| Box::new(Http::default()),
};

schema! { "http":
    METHOD = "method" Text Device "Method of a request.";
    URI = "uri" Text Device "Path asked for; the query is withheld.";
    HOST = "host" Text Device "Host and port the client wants.";
    USER_AGENT = "user_agent" Text Device "Software of the client, as it says.";
    AUTHORIZATION = "authorization" Text Device "Scheme of the client's log-in, without its content.";
    STATUS = "status" Number Device "Status code of a response.";
    SERVER = "server" Text Device "Software of the server, as it says.";
    CONTENT_TYPE = "content_type" Text Device "Media type of the body.";
    CONTENT_LENGTH = "content_length" Number Device "Length of the body as announced, in bytes.";
}

/// Most requests that wait for their answer. Our limit; the oldest is forgotten, its answer is then read
/// without it.
const ASKED_MAX: usize = 64;
/// Longest path kept, in bytes. Our limit; longer ones are cut.
const PATH_BYTES_MAX: usize = 1024;
/// Most different software names told per flow. Our limit; further ones are in the messages only.
const SOFTWARE_MAX: usize = 4;
/// Most bytes the probe waits for before it decides.
const PROBE_BYTES_MAX: usize = 512;
/// Longest method name, in bytes: `UPDATEREDIRECTREF` of RFC 4437 is the longest registered one.
const METHOD_BYTES_MAX: usize = 17;
/// How HTTP/2 without encryption begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";
/// Bytes before a frame of HTTP/2: length 3, type 1, flags 1, stream 4.
const FRAME_HEADER_BYTES: usize = 9;
/// How the version reads in a start line.
const VERSION: &[u8] = b"HTTP/1.";
/// Longest line looked at while looking for a start line after a loss, in bytes; longer ones are passed over.
const LOST_LINE_BYTES_MAX: usize = 4096;

/// Path segments (without extension) that mean administration of the server.
pub const ADMINISTRATION: &[&str] =
    &["admin", "administrator", "login", "logon", "signin", "setup", "cgi-bin", "goform", "webadmin"];
/// Extensions that such a page has; anything else (`setup.exe`) is a file.
const PAGE_EXTENSIONS: &[&str] = &["htm", "html", "shtml", "asp", "aspx", "php", "cgi", "jsp", "lp", "do"];

fn probe(probe: &Probe<'_>) -> Verdict {
    match probe.side {
        Side::Client => probe_request(probe.input),
        Side::Server => probe_response(probe.input),
    }
}

fn probe_response(input: &[u8]) -> Verdict {
    const SHAPE: &[u8; 13] = b"HTTP/1.x nnn ";
    let fits = input.iter().zip(SHAPE).all(|(byte, shape)| match shape {
        b'x' => matches!(byte, b'0' | b'1'),
        b'n' => byte.is_ascii_digit(),
        b' ' => matches!(byte, b' ' | b'\r' | b'\n'),
        exact => byte == exact,
    });
    match fits {
        false => Verdict::NotForUs,
        true if input.len() < SHAPE.len() - 1 => Verdict::Unsure,
        true => Verdict::Certain,
    }
}

fn probe_request(input: &[u8]) -> Verdict {
    if input.starts_with(PREFACE) {
        return Verdict::Certain;
    }
    // What comes later decides nothing, or a line in one piece would be judged otherwise than one in several.
    let front = input.get(..PROBE_BYTES_MAX).unwrap_or(input);
    let line_end = memchr::memchr(b'\n', front);
    let line = front.get(..line_end.unwrap_or(front.len())).unwrap_or(front);
    let method = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    let fits = !method.is_empty()
        && method.len() <= METHOD_BYTES_MAX
        && method.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'-')
        && line.iter().all(|byte| *byte >= b' ' || matches!(byte, b'\t' | b'\r'));
    match line_end {
        _ if !fits => Verdict::NotForUs,
        Some(_) if version_of(line).is_some() => Verdict::Certain,
        Some(_) => Verdict::NotForUs,
        None if line.len() < PROBE_BYTES_MAX => Verdict::Unsure,
        // A target longer than we wait for: its form decides.
        None if line.get(method.len()..).is_some_and(is_long_target) => Verdict::Certain,
        None => Verdict::NotForUs,
    }
}

fn is_long_target(rest: &[u8]) -> bool {
    rest.starts_with(b" /") || rest.starts_with(b" http://")
}

/// Offset of ` HTTP/1.x` at the end of a request line.
fn version_of(line: &[u8]) -> Option<usize> {
    let line = line.trim_ascii_end();
    let at = line.len().checked_sub(VERSION.len() + 2)?;
    let tail = line.get(at..)?;
    let fits = tail.get(1..).is_some_and(|tail| tail.starts_with(VERSION))
        && tail.first() == Some(&b' ')
        && tail.last().is_some_and(u8::is_ascii_digit);
    fits.then_some(at)
}

/// A request that waits for its answer.
#[derive(Debug)]
struct Asked {
    verb: Verb,
    path: Box<[u8]>,
    pair: Option<Pair>,
}

/// What of a method changes how its response is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verb {
    Head,
    Connect,
    Other,
}

/// What comes next from one side.
#[derive(Debug, Default)]
enum Reading {
    #[default]
    Head,
    Body(Body),
    /// A form of this many bytes.
    Form(usize),
    /// After a loss: the next start line is looked for.
    Lost,
}

#[derive(Default)]
struct Http {
    sides: [Reading; 2],
    asked: VecDeque<Asked>,
    /// Bytes were lost: responses match requests only where there is one.
    lost: bool,
    /// Bodies so far; numbers the files.
    bodies: u64,
    /// What follows is another protocol.
    left_http: bool,
    /// By side: its first start line was looked at.
    begun: [bool; 2],
    /// The client asked to leave and may already have.
    may_leave: bool,
    software: Vec<Text>,
    told_request: bool,
    told_print: bool,
    told_administration: bool,
    last_login: Option<(Pair, Accepted)>,
}

impl Parser for Http {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        let [client, server] = &mut self.sides;
        let reading = if side == Side::Client { client } else { server };
        let step = match reading {
            _ if self.left_http => Ok(Step::Ignore),
            Reading::Body(body) => body.step(input, out).map(|(step, after)| {
                if after == After::Over {
                    *reading = Reading::Head;
                }
                step
            }),
            Reading::Form(bytes) => match input.get(..*bytes) {
                None => Ok(Step::Need(*bytes)),
                Some(form) => {
                    out.conceal(0..form.len());
                    *reading = Reading::Head;
                    Ok(self.form(form))
                }
            },
            Reading::Lost => self.search(side, input, out),
            Reading::Head => self.head(side, input, out),
        };
        step.unwrap_or_else(Step::Stop)
    }

    fn gap(&mut self, side: Side, bytes: u64, out: &mut dyn Sink) -> Gap {
        if self.left_http {
            return Gap::Resume;
        }
        let [client, server] = &mut self.sides;
        let reading = if side == Side::Client { client } else { server };
        let kept = match reading {
            Reading::Body(body) => body.gap(bytes, out),
            _ => None,
        };
        match kept {
            Some((_, After::More)) => {}
            Some((_, After::Over)) => *reading = Reading::Head,
            None => self.lose(side),
        }
        Gap::Resume
    }

    fn closed(&mut self, side: Side, out: &mut dyn Sink) {
        let [client, server] = &mut self.sides;
        let reading = if side == Side::Client { client } else { server };
        if let Reading::Body(body) = reading
            && body.framing == Framing::UntilClose
        {
            body.end(End::Whole, out);
            *reading = Reading::Head;
        }
    }

    fn end(&mut self, out: &mut dyn Sink) {
        for reading in &self.sides {
            if let Reading::Body(body) = reading {
                body.end(End::Cut, out);
            }
        }
        for asked in std::mem::take(&mut self.asked) {
            if let Some(pair) = asked.pair {
                self.login(pair, Accepted::Unknown, 0..0, out);
            }
        }
    }
}

impl Http {
    fn head(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Result<Step, Malformed> {
        let begun = self.begun.get(side.index()).copied().unwrap_or(true);
        match if begun { Verdict::Certain } else { begins(side, input) } {
            Verdict::Unsure => return Ok(Step::Need(input.len() + 1)),
            Verdict::NotForUs => {
                self.lose(side);
                return self.search(side, input, out);
            }
            Verdict::Certain => self.begin(side),
        }
        match side {
            Side::Client => self.request(input, out),
            Side::Server => self.response(input, out),
        }
    }

    fn begin(&mut self, side: Side) {
        if let Some(begun) = self.begun.get_mut(side.index()) {
            *begun = true;
        }
    }

    fn reading(&mut self, side: Side) -> &mut Reading {
        let [client, server] = &mut self.sides;
        if side == Side::Client { client } else { server }
    }

    /// The place in one side's stream is lost.
    fn lose(&mut self, side: Side) {
        *self.reading(side) = Reading::Lost;
        self.lost = true;
    }

    /// What follows on both sides is another protocol; bodies that are not over yet are not read further.
    fn leave(&mut self, out: &mut dyn Sink) {
        self.left_http = true;
        for reading in std::mem::take(&mut self.sides) {
            if let Reading::Body(body) = reading {
                body.end(End::Cut, out);
            }
        }
    }

    /// After a loss: passes over what is not a start line.
    fn search(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Result<Step, Malformed> {
        match if side == Side::Client { find_request(input) } else { find_status(input) } {
            Found::After(bytes) => {
                out.conceal(0..bytes);
                Ok(Step::Done(bytes))
            }
            Found::Unsure => Ok(Step::Need(input.len() + 1)),
            Found::Here => {
                self.begin(side);
                *self.reading(side) = Reading::Head;
                self.head(side, input, out)
            }
        }
    }

    fn request(&mut self, input: &[u8], out: &mut dyn Sink) -> Result<Step, Malformed> {
        // Its version alone reads like a fault: a request line that may become it is not judged before.
        if PREFACE.starts_with(input) && input.len() < PREFACE.len() {
            return Ok(Step::Need(PREFACE.len()));
        }
        if input.starts_with(PREFACE) {
            self.operated(0..PREFACE.len(), out);
            self.leave(out);
            return Ok(Step::Ignore);
        }
        match if self.may_leave { probe_request(input) } else { Verdict::Certain } {
            Verdict::Certain => {}
            Verdict::Unsure => return Ok(Step::Need(input.len() + 1)),
            Verdict::NotForUs => return Ok(Step::Ignore),
        }
        let Some(head) = head::request(input)? else { return Ok(Step::Need(input.len() + 1)) };
        let range = 0..head.bytes;
        conceal(input, head.bytes, out);
        let path = path(&head);
        tell_request(&head, path, out);
        self.operated(range.clone(), out);
        self.software(head.user_agent, &range, out);
        let form = head.content_type.is_some_and(|kind| is_media(kind, b"application/x-www-form-urlencoded"));
        let verb = match head.method {
            "HEAD" => Verb::Head,
            "CONNECT" => Verb::Connect,
            _ => Verb::Other,
        };
        self.may_leave = verb == Verb::Connect;
        if head.content_type.is_some_and(|kind| is_media(kind, b"application/ipp")) && !self.told_print {
            self.told_print = true;
            out.fact(Fact::Operated(Operation::Print), range.clone());
            out.fact(Fact::Identified(About::Receiver, Identifier::PrintServer), range.clone());
        }
        let reading = match framing(&head, Framing::Length(0)) {
            Framing::Length(0) => Reading::Head,
            Framing::Length(bytes) if form && bytes <= FORM_BYTES_MAX as u64 => {
                Reading::Form(usize::try_from(bytes).unwrap_or(0))
            }
            framing => {
                let carries = matches!(head.method, "PUT" | "POST" | "PATCH") && !form;
                let file = carries.then(|| self.next_file(Mover::Pushed));
                Reading::Body(begin(framing, file, None, Some(path), out))
            }
        };
        let pair = head.authorization.and_then(Pair::from_authorization);
        if self.asked.len() >= ASKED_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back(Asked { verb, path: path.into(), pair });
        let [client, _] = &mut self.sides;
        *client = reading;
        Ok(Step::Done(range.end))
    }

    fn response(&mut self, input: &[u8], out: &mut dyn Sink) -> Result<Step, Malformed> {
        if let ([0, ..], false) = (input, self.told_request) {
            // A server of HTTP/2 need not wait for the client's preface; its first frame is SETTINGS.
            let Some(frame) = input.first_chunk() else { return Ok(Step::Need(FRAME_HEADER_BYTES)) };
            if let [0, _, _, 4, 0, 0, 0, 0, 0] = frame {
                self.leave(out);
                return Ok(Step::Ignore);
            }
        }
        let Some(head) = head::response(input)? else { return Ok(Step::Need(input.len() + 1)) };
        let range = 0..head.bytes;
        conceal(input, head.bytes, out);
        tell_response(&head, out);
        self.software(head.server, &range, out);
        if (100..200).contains(&head.status) && head.status != 101 {
            return Ok(Step::Done(range.end));
        }
        let mut asked = self.answered();
        self.administration(&head, asked.as_ref(), out);
        if let Some(pair) = asked.as_mut().and_then(|asked| asked.pair.take()) {
            let accepted = pair.answer(head.status);
            self.login(pair, accepted, range.clone(), out);
        }
        let verb = asked.as_ref().map_or(Verb::Other, |asked| asked.verb);
        if head.status == 101 || (verb == Verb::Connect && (200..300).contains(&head.status)) {
            self.leave(out);
            return Ok(Step::Ignore);
        }
        let reading = match framing(&head, Framing::UntilClose) {
            _ if verb == Verb::Head || matches!(head.status, 204 | 304) => Reading::Head,
            Framing::Length(0) => Reading::Head,
            framing => {
                let path = asked.as_ref().map(|asked| &*asked.path);
                let file = self.fetched(&head, path);
                let part = head.range.filter(|_| head.status == 206);
                Reading::Body(begin(framing, file, part, path, out))
            }
        };
        let [_, server] = &mut self.sides;
        *server = reading;
        Ok(Step::Done(range.end))
    }

    /// The request that the next response answers, if it can be told.
    fn answered(&mut self) -> Option<Asked> {
        if self.lost && self.asked.len() > 1 {
            self.asked.clear();
        }
        self.asked.pop_front()
    }

    fn next_file(&mut self, mover: Mover) -> CarriedBody {
        self.bodies += 1;
        CarriedBody { id: ContentId { scope: Scope::Flow, key: self.bodies, mover }, partial: false }
    }

    /// The file that a response carries: parts of one path are parts of one file.
    fn fetched(&mut self, head: &Head<'_>, path: Option<&[u8]>) -> Option<CarriedBody> {
        match (head.status, head.range, path) {
            (206, Some(_), Some(path)) => {
                let mut hasher = FastHasher::default();
                hasher.write(path);
                let id = ContentId { scope: Scope::HostPair, key: hasher.finish(), mover: Mover::Fetched };
                Some(CarriedBody { id, partial: true })
            }
            // Part of nobody knows what.
            (206, ..) => None,
            (200..300, ..) => Some(self.next_file(Mover::Fetched)),
            _ => None,
        }
    }

    fn operated(&mut self, range: Range<usize>, out: &mut dyn Sink) {
        if !std::mem::replace(&mut self.told_request, true) {
            out.fact(Fact::Operated(Operation::WebRequest), range);
        }
    }

    fn software(&mut self, name: Option<&[u8]>, range: &Range<usize>, out: &mut dyn Sink) {
        let Some(name) = name.filter(|name| !name.is_empty()) else { return };
        let full = self.software.len() >= SOFTWARE_MAX;
        if full || self.software.iter().any(|told| told.as_str().as_bytes() == name) {
            return;
        }
        let name = Text::from_bytes(name);
        if !self.software.contains(&name) {
            self.software.push(name.clone());
            out.fact(Fact::Identified(About::Sender, Identifier::Software(name)), range.clone());
        }
    }

    fn administration(&mut self, head: &Head<'_>, asked: Option<&Asked>, out: &mut dyn Sink) {
        if self.told_administration {
            return;
        }
        let challenges = head.status == 401 && head.challenge.is_some();
        let serves = || asked.is_some_and(|asked| head.status < 400 && is_administration(&asked.path));
        if challenges || serves() {
            self.told_administration = true;
            out.fact(Fact::Offers(Offer::WebAdministration), 0..head.bytes);
        }
    }

    fn login(&mut self, pair: Pair, accepted: Accepted, range: Range<usize>, out: &mut dyn Sink) {
        let login = (pair, accepted);
        if self.last_login.as_ref() != Some(&login) {
            login.0.tell(accepted, range, out);
            self.last_login = Some(login);
        }
    }

    fn form(&mut self, form: &[u8]) -> Step {
        if let Some(asked) = self.asked.back_mut()
            && asked.pair.is_none()
        {
            asked.pair = Pair::from_form(form);
        }
        Step::Done(form.len())
    }
}

fn conceal(input: &[u8], bytes: usize, out: &mut dyn Sink) {
    if out.wants_concealed() {
        head::conceal(input.get(..bytes).unwrap_or(input), out);
    }
}

/// Whether the first bytes of a side look like a start line. They need not be one: the capture may lack the
/// beginning of just this side, which is no fault of the peer.
fn begins(side: Side, input: &[u8]) -> Verdict {
    const START: &[u8] = b"HTTP/";
    match side {
        Side::Client => probe_request(input),
        Side::Server if input.starts_with(START) || input.first() == Some(&0) => Verdict::Certain,
        Side::Server if START.starts_with(input) => Verdict::Unsure,
        Side::Server => Verdict::NotForUs,
    }
}

/// What a search for a start line says.
enum Found {
    /// At the front of the input.
    Here,
    /// Not in this many bytes.
    After(usize),
    /// More bytes would tell.
    Unsure,
}

/// Looks for a request line at the front of a line.
fn find_request(input: &[u8]) -> Found {
    let front = input.get(..LOST_LINE_BYTES_MAX).unwrap_or(input);
    match memchr::memchr(b'\n', front).map(|at| at + 1) {
        Some(end) if probe_request(front.get(..end).unwrap_or_default()) == Verdict::Certain => Found::Here,
        Some(end) => Found::After(end),
        None if front.len() == LOST_LINE_BYTES_MAX => Found::After(front.len()),
        None => Found::Unsure,
    }
}

/// Looks for a status line anywhere: a body need not end in a line end.
fn find_status(input: &[u8]) -> Found {
    let Some(at) = memchr::memmem::find(input, VERSION) else {
        let passed = input.len().saturating_sub(VERSION.len() - 1);
        return if passed > 0 { Found::After(passed) } else { Found::Unsure };
    };
    match probe_response(input.get(at..).unwrap_or_default()) {
        Verdict::NotForUs => Found::After(at + 1),
        _ if at > 0 => Found::After(at),
        // Inside a body more than the code must fit: what ends it, too.
        Verdict::Certain if input.len() > b"HTTP/1.x nnn".len() => Found::Here,
        Verdict::Certain => Found::Unsure,
        Verdict::Unsure => Found::Unsure,
    }
}

fn framing(head: &Head<'_>, otherwise: Framing) -> Framing {
    match head.content_length {
        _ if head.chunked => Framing::ChunkLine,
        Some(bytes) => Framing::Length(bytes),
        None => otherwise,
    }
}

/// Starts a body and tells what is known of its file.
fn begin(
    framing: Framing,
    file: Option<CarriedBody>,
    part: Option<ContentRange>,
    path: Option<&[u8]>,
    out: &mut dyn Sink,
) -> Body {
    if let Some(CarriedBody { id, .. }) = file {
        if let Some(path) = path.filter(|path| !path.is_empty()) {
            out.content(id, ContentPart::Path(path));
        }
        let length = match (part, framing) {
            (Some(part), _) => part.whole,
            (None, Framing::Length(bytes)) => Some(bytes),
            (None, _) => None,
        };
        if let Some(length) = length {
            out.content(id, ContentPart::Length(length));
        }
    }
    Body { framing, offset: part.map_or(0, |part| part.first), file }
}

/// The path of a target, without scheme, authority, query and fragment; the whole authority for `CONNECT`.
fn path<'a>(head: &Head<'a>) -> &'a [u8] {
    let target = head.target.as_bytes();
    let target = match memchr::memmem::find(target, b"://") {
        Some(at) if !target.starts_with(b"/") => {
            let rest = target.get(at + 3..).unwrap_or_default();
            memchr::memchr(b'/', rest).and_then(|slash| rest.get(slash..)).unwrap_or(b"/")
        }
        _ => target,
    };
    let end = memchr::memchr2(b'?', b'#', target).unwrap_or(target.len()).min(PATH_BYTES_MAX);
    target.get(..end).unwrap_or_default()
}

/// Whether a segment of `path` means administration of the server.
fn is_administration(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|segment| {
        let dot = memchr::memrchr(b'.', segment);
        let stem = segment.get(..dot.unwrap_or(segment.len())).unwrap_or_default();
        let extension = dot.and_then(|dot| segment.get(dot + 1..));
        let among =
            |list: &[&str], word: &[u8]| list.iter().any(|one| word.eq_ignore_ascii_case(one.as_bytes()));
        among(ADMINISTRATION, stem) && extension.is_none_or(|extension| among(PAGE_EXTENSIONS, extension))
    })
}

/// Whether a media type, parameters aside, is `wanted`.
fn is_media(value: &[u8], wanted: &[u8]) -> bool {
    value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().eq_ignore_ascii_case(wanted)
}

fn tell_request(head: &Head<'_>, path: &[u8], out: &mut dyn Sink) {
    if !out.wants_message(&SCHEMA) {
        return;
    }
    let mut fields = vec![(&METHOD, Value::text(head.method.as_bytes())), (&URI, Value::text(path))];
    let scheme = head.authorization.and_then(|value| value.split(|byte| *byte == b' ').next());
    for (field, value) in [(&HOST, head.host), (&USER_AGENT, head.user_agent), (&AUTHORIZATION, scheme)] {
        fields.extend(value.map(|value| (field, Value::text(value))));
    }
    tell_body(head, fields, out);
}

fn tell_response(head: &Head<'_>, out: &mut dyn Sink) {
    if !out.wants_message(&SCHEMA) {
        return;
    }
    let mut fields = vec![(&STATUS, Value::Number(u64::from(head.status)))];
    fields.extend(head.server.map(|value| (&SERVER, Value::text(value))));
    tell_body(head, fields, out);
}

/// The fields that both have, and the message.
fn tell_body(head: &Head<'_>, mut fields: Vec<(&'static Field, Value)>, out: &mut dyn Sink) {
    fields.extend(head.content_type.map(|value| (&CONTENT_TYPE, Value::text(value))));
    fields.extend(head.content_length.map(|bytes| (&CONTENT_LENGTH, Value::Number(bytes))));
    out.message(&SCHEMA, &fields, 0..head.bytes);
}

#[cfg(test)]
mod tests;
