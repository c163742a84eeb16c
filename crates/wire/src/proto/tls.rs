//! TLS and SSL: the part of a handshake that is in clear.
//!
//! An encrypted flow tells three things: that it is encrypted, what the client is ([`ja4`]: the order-free
//! fingerprint of its offer) and whom it asks for (server name). All three stand in the first message of each
//! side, so that is what we read. From the first encrypted record on, a side is not read any more.
//!
//! # Wire format
//! ```text
//! 0        1           3          5
//! | type 1 | version 2 | length 2 | content…                  type: 20 change cipher spec, 21 alert,
//!                                                           22 handshake, 23 application, 24 heartbeat
//! handshake content, a stream of its own that records cut anywhere:
//! | type 1 | length 3 | body…                                 type: 1 ClientHello, 2 ServerHello
//! ```
//! An SSL 2.0 client (and an old client that also speaks SSL 3.0) starts differently:
//! ```text
//! | 0x8000 + length 2 | 1 | version 2 | cipher bytes 2 | session bytes 2 | challenge bytes 2 | ciphers 3×n…
//! ```
//!
//! # Limits
//! A record is at most [`RECORD_BYTES_MAX`], a hello at most [`HELLO_BYTES_MAX`]: more is malformed. Other
//! handshake messages (certificates, key exchange) are passed over without being kept.
//!
//! # Losses
//! The default: a gap before the encrypted part gives the flow up. Inside a message that is passed over it
//! costs nothing.
//!
//! # Source
//! RFC 8446 §5.1 (records), §4 (handshake), §D.4 (compatibility); RFC 5246 §6.2.1, §E.2 (old hello); RFC
//! 6101.

pub(crate) mod hello;
pub(crate) mod ja4;
mod offer;

use crate::{Cursor, Parser, Probe, Protocol, Sink, Step, Verdict};
use hello::{ClientHello, Flavour, ServerHello};
use model::{
    About, Fact, Field, Identifier, Kind, Malformed, Privacy, Reason, Schema, SessionOffer, Side, Text,
    Transport, Value,
};
use std::fmt::Write as _;
use std::ops::Range;

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "tls",
    title: "TLS",
    source: "RFC 8446, RFC 5246, RFC 6101; JA4 by FoxIO",
    transports: &[Transport::Tcp],
    ports: &[443, 8443, 636, 853, 989, 990, 993, 995, 465, 2762, 2575, 8883, 5061, 6514],
    schema: &SCHEMA,
    probe,
    start: |_| Box::new(Tls::default()),
};

static SCHEMA: Schema = Schema {
    protocol: "tls",
    fields: &[
        &HANDSHAKE,
        &VERSION,
        &SERVER_NAME,
        &CIPHER_SUITES,
        &EXTENSIONS,
        &CIPHER_SUITE,
        &APPLICATION_PROTOCOLS,
        &JA4,
        &ALERT_LEVEL,
        &ALERT,
    ],
};

macro_rules! fields {
    ($($constant:ident $name:literal $kind:ident $doc:literal;)*) => {
        $(pub(super) static $constant: Field =
            Field { name: $name, kind: Kind::$kind, privacy: Privacy::Device, doc: $doc };)*
    };
}

fields! {
    HANDSHAKE "handshake" Text "Which hello: client_hello, server_hello or hello_retry_request.";
    VERSION "version" Text "Best version offered, or the version chosen.";
    SERVER_NAME "server_name" Text "Server name the client asks for.";
    CIPHER_SUITES "cipher_suites" Text "Cipher suites offered, in the client's order, hexadecimal.";
    EXTENSIONS "extensions" Text "Extensions offered, in the client's order, hexadecimal.";
    CIPHER_SUITE "cipher_suite" Number "Cipher suite chosen, IANA number.";
    APPLICATION_PROTOCOLS "application_protocols" Text "Application protocols offered, or the one chosen.";
    JA4 "ja4" Text "JA4 fingerprint of the client's offer.";
    ALERT_LEVEL "alert_level" Number "Level of an alert in clear: 1 warning, 2 fatal.";
    ALERT "alert" Number "What an alert in clear says, IANA number.";
}

/// Bytes before a record's content.
const HEADER_BYTES: usize = 5;
/// Most bytes of a record's content: RFC 5246 §6.2.3 (ciphertext with its expansion).
pub const RECORD_BYTES_MAX: usize = (1 << 14) + 2048;
/// Most bytes of a hello, header included. Our limit; a longer one is malformed.
pub const HELLO_BYTES_MAX: usize = 64 << 10;
/// Bytes before a handshake message's body.
const MESSAGE_HEADER_BYTES: usize = 4;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT_RECORD: u8 = 21;
const HANDSHAKE_RECORD: u8 = 22;
const APPLICATION_RECORD: u8 = 23;
const HEARTBEAT_RECORD: u8 = 24;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const OLD_SERVER_HELLO: u8 = 4;
const TLS_1_3: u16 = 0x0304;

/// Ports whose registered protocol is encrypted from the first byte: evidence that lets one record header be
/// enough where the capture begins in the middle.
const ENCRYPTED_PORTS: &[u16] = &[443, 8443, 853, 993, 995, 465, 636, 989, 990, 8883];
/// Most bytes the probe waits for before it says no.
const PROBE_BYTES_MAX: usize = 512;

fn probe(probe: &Probe<'_>) -> Verdict {
    let verdict = probe_record(probe);
    if verdict == Verdict::NotForUs && !probe.midstream { probe_old(probe.input) } else { verdict }
}

/// Whether `input` starts with a record; the hello's type and version must fit too.
fn probe_record(probe: &Probe<'_>) -> Verdict {
    let input = probe.input;
    let known = |at: usize, allowed: &dyn Fn(u8) -> bool| input.get(at).is_none_or(|byte| allowed(*byte));
    let fits = known(0, &|kind| (CHANGE_CIPHER_SPEC..=HEARTBEAT_RECORD).contains(&kind))
        && known(1, &|major| major == 3)
        && known(2, &|minor| minor <= 4);
    if !fits {
        return Verdict::NotForUs;
    }
    let Some((header, content)) = input.split_first_chunk::<HEADER_BYTES>() else { return Verdict::Unsure };
    let [kind, _, _, high, low] = *header;
    let bytes = usize::from(u16::from_be_bytes([high, low]));
    if bytes == 0 || bytes > RECORD_BYTES_MAX {
        return Verdict::NotForUs;
    }
    match kind {
        HANDSHAKE_RECORD => probe_hello(content, bytes),
        ALERT_RECORD if bytes == 2 => match content {
            [1 | 2, _, ..] => Verdict::Certain,
            [] | [1 | 2] => Verdict::Unsure,
            _ => Verdict::NotForUs,
        },
        APPLICATION_RECORD | ALERT_RECORD | CHANGE_CIPHER_SPEC if probe.midstream => {
            probe_next(probe, content, bytes)
        }
        _ => Verdict::NotForUs,
    }
}

/// In the middle of a flow: the next record header must fit too, or the port be one of an encrypted service.
fn probe_next(probe: &Probe<'_>, content: &[u8], bytes: usize) -> Verdict {
    match content.get(bytes..) {
        Some([kind, 3, minor, ..]) if (20..=24).contains(kind) && *minor <= 4 => Verdict::Certain,
        Some([_, _, _, ..]) => Verdict::NotForUs,
        _ if probe.on_port(ENCRYPTED_PORTS) => Verdict::Certain,
        _ if probe.input.len() < PROBE_BYTES_MAX => Verdict::Unsure,
        _ => Verdict::NotForUs,
    }
}

fn probe_hello(content: &[u8], bytes: usize) -> Verdict {
    let least = bytes.min(MESSAGE_HEADER_BYTES + 2);
    match content {
        [CLIENT_HELLO | SERVER_HELLO, high, _, _, 3, minor, ..] if *high == 0 && *minor <= 4 => {
            Verdict::Certain
        }
        _ if content.len() >= least && bytes >= MESSAGE_HEADER_BYTES + 2 => Verdict::NotForUs,
        // A record shorter than a hello's header: allowed, and seen from tools that hide a hello.
        [CLIENT_HELLO | SERVER_HELLO, rest @ ..] if rest.first().is_none_or(|high| *high == 0) => {
            if content.len() >= bytes { Verdict::Certain } else { Verdict::Unsure }
        }
        [] => Verdict::Unsure,
        _ => Verdict::NotForUs,
    }
}

/// Whether `input` starts with an SSL 2.0 compatible hello whose lengths add up.
fn probe_old(input: &[u8]) -> Verdict {
    match input.first_chunk::<OLD_HEADER_BYTES>() {
        Some(header) if OldHello::read(header).is_some() => Verdict::Certain,
        None if matches!(
            input,
            [0x80..=0xFF, _, 1, 0 | 3, ..] | [0x80..=0xFF, _, 1] | [0x80..=0xFF, _] | [0x80..=0xFF]
        ) =>
        {
            Verdict::Unsure
        }
        _ => Verdict::NotForUs,
    }
}

/// Bytes of an SSL 2.0 compatible hello up to its cipher suites.
const OLD_HEADER_BYTES: usize = 11;

/// The lengths of an SSL 2.0 compatible client hello.
struct OldHello {
    /// The whole unit.
    bytes: usize,
    version: u16,
    ciphers: Range<usize>,
}

impl OldHello {
    /// `None` when the lengths do not add up to the unit's, which tells it from other things.
    fn read(header: &[u8; OLD_HEADER_BYTES]) -> Option<Self> {
        let [high, low, kind, major, minor, c1, c0, s1, s0, n1, n0] = *header;
        let number = |high, low| usize::from(u16::from_be_bytes([high, low]));
        let (ciphers, session, challenge) = (number(c1, c0), number(s1, s0), number(n1, n0));
        let content = number(high & 0x7F, low);
        let version = u16::from_be_bytes([major, minor]);
        let fits = high & 0x80 != 0
            && kind == CLIENT_HELLO
            && (version == 2 || (0x0300..=TLS_1_3).contains(&version))
            && ciphers > 0
            && ciphers.is_multiple_of(3)
            && matches!(session, 0 | 16)
            && (16..=32).contains(&challenge)
            && content == OLD_HEADER_BYTES - 2 + ciphers + session + challenge;
        fits.then(|| Self {
            bytes: 2 + content,
            version,
            ciphers: OLD_HEADER_BYTES..OLD_HEADER_BYTES + ciphers,
        })
    }
}

/// Where one side stands.
#[derive(Default)]
struct Stand {
    /// A first record was read.
    begun: bool,
    /// Bytes of the current handshake record that are not read yet.
    record_left: usize,
    /// Bytes of a handshake message that is passed over, which may go on in further records.
    message_left: usize,
    /// Front of a handshake message that goes on in the next record; at most [`HELLO_BYTES_MAX`].
    pending: Vec<u8>,
    /// A HelloRetryRequest was sent: the next change cipher spec means nothing.
    retrying: bool,
}

#[derive(Default)]
struct Tls {
    sides: [Stand; 2],
    /// The client began with an SSL 2.0 compatible hello.
    old_hello: bool,
    /// The handshake in clear is over: nothing of interest comes from either side.
    settled: bool,
    /// The flow was said to be encrypted.
    told_encrypted: bool,
    /// The client was identified.
    told_client: bool,
    /// Cipher suite that the server chose, once seen.
    cipher: Option<u16>,
}

/// Cipher suites without encryption: IANA TLS parameters, those named `WITH_NULL`.
const NULL_CIPHERS: &[u16] = &[
    0x0000, 0x0001, 0x0002, 0x002C, 0x002D, 0x002E, 0x003B, 0x00B0, 0x00B1, 0x00B4, 0x00B5, 0x00B8, 0x00B9,
    0xC001, 0xC006, 0xC00B, 0xC010, 0xC015, 0xC039, 0xC03A, 0xC03B, 0xC0B4, 0xC0B5,
];

impl Parser for Tls {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        // What was agreed upon without encryption, or without us, may be in clear after the handshake.
        if self.cipher.is_some_and(|cipher| !NULL_CIPHERS.contains(&cipher)) {
            out.passes_public();
        }
        if self.settled {
            return Step::Ignore;
        }
        let [client, server] = &mut self.sides;
        let stand = if side == Side::Client { client } else { server };
        if stand.record_left > 0 {
            return self.handshake(side, input, out).unwrap_or_else(Step::Stop);
        }
        let old = !stand.begun || (side == Side::Client && self.old_hello);
        if old && let Some(step) = self.old(side, input, out) {
            return step;
        }
        self.record(side, input, out).unwrap_or_else(Step::Stop)
    }
}

impl Tls {
    fn stand(&mut self, side: Side) -> &mut Stand {
        let [client, server] = &mut self.sides;
        if side == Side::Client { client } else { server }
    }

    fn encrypted(&mut self, range: Range<usize>, out: &mut dyn Sink) {
        if !std::mem::replace(&mut self.told_encrypted, true) {
            out.fact(Fact::Encrypted, range);
        }
    }

    /// The header of a record, and its content unless it is a handshake's.
    fn record(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Result<Step, Malformed> {
        let Some(header) = input.first_chunk::<HEADER_BYTES>() else { return Ok(Step::Need(HEADER_BYTES)) };
        let [kind, major, minor, high, low] = *header;
        let bytes = usize::from(u16::from_be_bytes([high, low]));
        if major != 3 {
            let version = u64::from(u16::from_be_bytes([major, minor]));
            return Err(Malformed { field: "version", offset: 1, reason: Reason::NotDefined(version) });
        }
        if bytes > RECORD_BYTES_MAX {
            let reason = Reason::OutsideRange { value: bytes as u64, min: 0, max: RECORD_BYTES_MAX as u64 };
            return Err(Malformed { field: "length", offset: 3, reason });
        }
        let stand = self.stand(side);
        stand.begun = true;
        match kind {
            HANDSHAKE_RECORD => {
                stand.record_left = bytes;
                Ok(Step::Done(HEADER_BYTES))
            }
            CHANGE_CIPHER_SPEC if std::mem::replace(&mut stand.retrying, false) => {
                Ok(Step::Skip((HEADER_BYTES + bytes) as u64))
            }
            CHANGE_CIPHER_SPEC | APPLICATION_RECORD => {
                self.encrypted(0..HEADER_BYTES, out);
                Ok(Step::Ignore)
            }
            ALERT_RECORD if bytes == 2 => Ok(alert(input, out)),
            ALERT_RECORD | HEARTBEAT_RECORD => Ok(Step::Skip((HEADER_BYTES + bytes) as u64)),
            _ => {
                let reason = Reason::NotDefined(u64::from(kind));
                Err(Malformed { field: "content type", offset: 0, reason })
            }
        }
    }

    /// A piece of the handshake stream inside a record.
    fn handshake(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Result<Step, Malformed> {
        let stand = self.stand(side);
        if stand.message_left > 0 {
            let passed = stand.message_left.min(stand.record_left);
            stand.message_left -= passed;
            stand.record_left -= passed;
            // The rest of a handshake message: certificates and keys.
            out.passes_public();
            return Ok(Step::Skip(passed as u64));
        }
        if !stand.pending.is_empty() {
            return self.continued(side, input, out);
        }
        if stand.record_left < MESSAGE_HEADER_BYTES {
            return Ok(stand.keep(input, stand.record_left));
        }
        let Some(header) = input.first_chunk() else { return Ok(Step::Need(MESSAGE_HEADER_BYTES)) };
        let (kind, bytes) = message_header(*header)?;
        if !is_hello(kind) {
            stand.record_left -= MESSAGE_HEADER_BYTES;
            stand.message_left = bytes - MESSAGE_HEADER_BYTES;
            return Ok(Step::Done(MESSAGE_HEADER_BYTES));
        }
        if bytes > stand.record_left {
            return Ok(stand.keep(input, stand.record_left));
        }
        let Some(message) = input.get(..bytes) else { return Ok(Step::Need(bytes)) };
        stand.record_left -= bytes;
        self.hello(side, message, 0..bytes, out)
    }

    /// The next piece of a message that began in an earlier record.
    fn continued(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Result<Step, Malformed> {
        let stand = self.stand(side);
        let Some(header) = stand.pending.first_chunk() else {
            let missing = MESSAGE_HEADER_BYTES - stand.pending.len();
            return Ok(stand.keep(input, missing.min(stand.record_left)));
        };
        let (kind, bytes) = message_header(*header)?;
        let missing = bytes - stand.pending.len();
        if !is_hello(kind) {
            stand.pending.clear();
            stand.message_left = missing;
            let passed = missing.min(stand.record_left);
            stand.message_left -= passed;
            stand.record_left -= passed;
            return Ok(Step::Skip(passed as u64));
        }
        let piece = missing.min(stand.record_left);
        let step = stand.keep(input, piece);
        if step != Step::Done(piece) || piece < missing {
            return Ok(step);
        }
        let message = std::mem::take(&mut stand.pending);
        match self.hello(side, &message, 0..piece, out)? {
            Step::Done(_) => Ok(step),
            other => Ok(other),
        }
    }

    /// A whole hello; `range` is what of it lies in the current input.
    fn hello(
        &mut self,
        side: Side,
        message: &[u8],
        range: Range<usize>,
        out: &mut dyn Sink,
    ) -> Result<Step, Malformed> {
        if message.first() == Some(&CLIENT_HELLO) {
            let hello = ClientHello::read(message, MESSAGE_HEADER_BYTES, Flavour::Stream)?;
            let ja4 = ja4::ja4('t', &hello);
            tell_client(&SCHEMA, &hello, Some(&ja4), range.clone(), out);
            tell_offer(&hello, range.clone(), out);
            if !std::mem::replace(&mut self.told_client, true) {
                identify_client(&hello, &ja4, &range, out);
            }
            return Ok(Step::Done(range.end));
        }
        let hello = ServerHello::read(message, MESSAGE_HEADER_BYTES)?;
        tell_server(&SCHEMA, &hello, range.clone(), out);
        self.stand(side).retrying = hello.retry;
        self.cipher = Some(hello.cipher);
        if !NULL_CIPHERS.contains(&hello.cipher) {
            out.passes_public();
        }
        let encrypted_at_once = hello.version >= TLS_1_3 && !hello.retry;
        if encrypted_at_once {
            self.settled = true;
            self.encrypted(range, out);
            return Ok(Step::Ignore);
        }
        Ok(Step::Done(range.end))
    }

    /// SSL 2.0 framing; `None` when `input` is not that.
    fn old(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Option<Step> {
        let first = *input.first()?;
        if first & 0x80 == 0 {
            return None;
        }
        if self.old_hello {
            // The client's first hello was of this kind; what follows in this framing is key exchange.
            return match (side, input.get(2)) {
                (_, None) => Some(Step::Need(3)),
                (Side::Server, Some(&OLD_SERVER_HELLO)) => Some(self.old_server(input, out)),
                _ => {
                    self.settled = true;
                    self.encrypted(0..2, out);
                    Some(Step::Ignore)
                }
            };
        }
        let Some(header) = input.first_chunk() else { return Some(Step::Need(OLD_HEADER_BYTES)) };
        let hello = OldHello::read(header)?;
        let Some(unit) = input.get(..hello.bytes) else { return Some(Step::Need(hello.bytes)) };
        self.old_hello = true;
        self.stand(side).begun = true;
        let specs = unit.get(hello.ciphers).unwrap_or_default().as_chunks::<3>().0;
        let mut ciphers = String::new();
        for [high, middle, low] in specs {
            let comma = if ciphers.is_empty() { "" } else { "," };
            let _ = write!(ciphers, "{comma}{high:02x}{middle:02x}{low:02x}");
        }
        let fields = [
            (&HANDSHAKE, Value::text(b"client_hello")),
            (&VERSION, version(hello.version)),
            (&CIPHER_SUITES, Value::text(ciphers.as_bytes())),
        ];
        out.message(&SCHEMA, &fields, 0..hello.bytes);
        // Its suites are numbered otherwise, so the version is all that is told of the offer.
        let offer = SessionOffer { versions: [hello.version].into(), ..SessionOffer::default() };
        out.fact(Fact::SessionOffered(Box::new(offer)), 0..hello.bytes);
        Some(Step::Done(hello.bytes))
    }

    /// SERVER-HELLO of SSL 2.0: after it the client sends its key.
    fn old_server(&mut self, input: &[u8], out: &mut dyn Sink) -> Step {
        const VERSION_AT: usize = 5;
        const BYTES_MIN: usize = 7;
        let mut cursor = Cursor::at(input, VERSION_AT);
        let Ok(chosen) = cursor.u16_be("server_version") else { return Step::Need(BYTES_MIN) };
        let fields = [(&HANDSHAKE, Value::text(b"server_hello")), (&VERSION, version(chosen))];
        out.message(&SCHEMA, &fields, 0..BYTES_MIN);
        self.settled = true;
        self.encrypted(0..BYTES_MIN, out);
        Step::Ignore
    }
}

impl Stand {
    /// Keeps the next `bytes` bytes of the current record for the message that is being put together.
    fn keep(&mut self, input: &[u8], bytes: usize) -> Step {
        let Some(piece) = input.get(..bytes) else { return Step::Need(bytes) };
        self.pending.extend_from_slice(piece);
        self.record_left -= bytes;
        Step::Done(bytes)
    }
}

const fn is_hello(kind: u8) -> bool {
    matches!(kind, CLIENT_HELLO | SERVER_HELLO)
}

/// Type and length, header included, of a handshake message.
fn message_header([kind, b2, b1, b0]: [u8; MESSAGE_HEADER_BYTES]) -> Result<(u8, usize), Malformed> {
    let bytes = MESSAGE_HEADER_BYTES + u32::from_be_bytes([0, b2, b1, b0]) as usize;
    if is_hello(kind) && bytes > HELLO_BYTES_MAX {
        let reason = Reason::OutsideRange { value: bytes as u64, min: 0, max: HELLO_BYTES_MAX as u64 };
        return Err(Malformed { field: "handshake length", offset: 1, reason });
    }
    Ok((kind, bytes))
}

fn alert(input: &[u8], out: &mut dyn Sink) -> Step {
    const BYTES: usize = HEADER_BYTES + 2;
    let Some([_, _, _, _, _, level, what]) = input.first_chunk::<BYTES>() else { return Step::Need(BYTES) };
    let fields =
        [(&ALERT_LEVEL, Value::Number(u64::from(*level))), (&ALERT, Value::Number(u64::from(*what)))];
    out.message(&SCHEMA, &fields, 0..BYTES);
    Step::Done(BYTES)
}

/// The message of a client's hello, for `schema`, which declares this module's fields.
pub(crate) fn tell_client(
    schema: &'static Schema,
    hello: &ClientHello<'_>,
    ja4: Option<&str>,
    range: Range<usize>,
    out: &mut dyn Sink,
) {
    if !out.wants_message(schema) {
        return;
    }
    let mut fields =
        vec![(&HANDSHAKE, Value::text(b"client_hello")), (&VERSION, version(hello.best_version()))];
    if let Some(name) = hello.server_name {
        fields.push((&SERVER_NAME, Value::text(name)));
    }
    fields.push((&CIPHER_SUITES, hexadecimal(&hello.ciphers)));
    if !hello.extensions.is_empty() {
        fields.push((&EXTENSIONS, hexadecimal(&hello.extensions)));
    }
    if !hello.protocols.is_empty() {
        fields.push((&APPLICATION_PROTOCOLS, Value::text(&hello.protocols.join(&b','))));
    }
    if let Some(ja4) = ja4 {
        fields.push((&JA4, Value::text(ja4.as_bytes())));
    }
    out.message(schema, &fields, range);
}

/// What a client's hello offers. Told for each hello: after a retry, or with an earlier session, a client offers otherwise.
pub(crate) fn tell_offer(hello: &ClientHello<'_>, range: Range<usize>, out: &mut dyn Sink) {
    out.fact(Fact::SessionOffered(Box::new(offer::offer(hello))), range);
}

/// What a client's hello says of the client.
pub(crate) fn identify_client(hello: &ClientHello<'_>, ja4: &str, range: &Range<usize>, out: &mut dyn Sink) {
    let fingerprint = Identifier::SessionFingerprint(Text::from(ja4));
    out.fact(Fact::Identified(About::Sender, fingerprint), range.clone());
    if let Some(name) = hello.server_name {
        let name = Identifier::ServerName(Text::from_bytes(name));
        out.fact(Fact::Identified(About::Sender, name), range.clone());
    }
}

/// The message of a server's hello, for `schema`, which declares this module's fields.
pub(crate) fn tell_server(
    schema: &'static Schema,
    hello: &ServerHello<'_>,
    range: Range<usize>,
    out: &mut dyn Sink,
) {
    if !out.wants_message(schema) {
        return;
    }
    let which: &[u8] = if hello.retry { b"hello_retry_request" } else { b"server_hello" };
    let mut fields = vec![
        (&HANDSHAKE, Value::text(which)),
        (&VERSION, version(hello.version)),
        (&CIPHER_SUITE, Value::Number(u64::from(hello.cipher))),
    ];
    if let Some(protocol) = hello.protocol {
        fields.push((&APPLICATION_PROTOCOLS, Value::text(protocol)));
    }
    out.message(schema, &fields, range);
}

fn version(number: u16) -> Value {
    let name = match number {
        0x0002 => "SSL 2.0",
        0x0300 => "SSL 3.0",
        0x0301 => "TLS 1.0",
        0x0302 => "TLS 1.1",
        0x0303 => "TLS 1.2",
        0x0304 => "TLS 1.3",
        0xFEFF => "DTLS 1.0",
        0xFEFD => "DTLS 1.2",
        0xFEFC => "DTLS 1.3",
        other => return Value::text(format!("0x{other:04x}").as_bytes()),
    };
    Value::text(name.as_bytes())
}

fn hexadecimal(numbers: &[u16]) -> Value {
    let mut out = String::with_capacity(numbers.len() * 5);
    for number in numbers {
        let comma = if out.is_empty() { "" } else { "," };
        let _ = write!(out, "{comma}{number:04x}");
    }
    Value::text(out.as_bytes())
}

#[cfg(test)]
mod tests;
