//! One way to test every parser: bytes in, transcript out.
//!
//! [`check`] runs a dialogue through a parser and compares what it reported with a transcript; [`sturdy`]
//! runs the same dialogue split at every byte, cut at every byte and with seeded noise.

#![expect(clippy::panic, clippy::indexing_slicing, reason = "test support: failing loudly is its job")]

pub mod fuzz;

use crate::{
    ContentId, ContentPart, Expectation, Gap, Login, Parser, PatientFields, Probe, Protocol, Sink, Start,
    Step, UNIT_BYTES_MAX, Verdict,
};
use model::{CaptureTime, Endpoint, Fact, Field, LinkFact, Privacy, Schema, Side, Text, Transport, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

/// One side's bytes: over TCP part of its stream, over UDP one datagram.
pub type Turn<'a> = (Side, &'a [u8]);

/// Runs `dialogue` and compares the transcript. Lines are trimmed and blank ones dropped on both sides.
///
/// A line is `c 0..74 …` or `s 0..74 …`: who sent, the range in that side's whole stream (or in the datagram),
/// then `protocol.field=value …` for a message, or the fact as `Debug` prints it.
///
/// # Panics
/// When the transcripts differ.
pub fn check(protocol: &'static Protocol, dialogue: &[Turn<'_>], transcript: &str) {
    let normal = |text: &str| {
        text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    };
    fuzz::write_seed(protocol, dialogue);
    let (got, want) = (normal(&run(protocol, dialogue)), normal(transcript));
    assert!(got == want, "transcript of `{}` differs\n--- got\n{got}\n--- want\n{want}\n", protocol.name);
}

/// The transcript of `dialogue`.
#[must_use]
pub fn run(protocol: &'static Protocol, dialogue: &[Turn<'_>]) -> String {
    let mut bench = Bench::new(protocol);
    for (side, bytes) in dialogue {
        bench.feed(*side, bytes);
    }
    bench.finish()
}

/// What the probe says to one side's first bytes on the protocol's first port.
#[must_use]
pub fn probe(protocol: &'static Protocol, side: Side, input: &[u8]) -> Verdict {
    let server_port = protocol.ports.first().copied().unwrap_or(40000);
    let transport = protocol.transports[0];
    (protocol.probe)(&Probe { transport, side, client_port: 50000, server_port, input, midstream: false })
}

/// Split at every byte, cut at every byte, noise: no panic; and over TCP the same transcript however the
/// stream is cut into segments.
///
/// # Panics
/// When a split changes the transcript, or the parser breaks the rules of [`Step`].
pub fn sturdy(protocol: &'static Protocol, dialogue: &[Turn<'_>]) {
    fuzz::write_seed(protocol, dialogue);
    if protocol.transports[0] == Transport::Tcp {
        split_invariant(protocol, dialogue);
    }
    for (at, (side, bytes)) in dialogue.iter().enumerate() {
        for cut in 0..bytes.len() {
            let mut bench = Bench::new(protocol);
            dialogue[..at].iter().for_each(|(side, bytes)| bench.feed(*side, bytes));
            bench.feed(*side, &bytes[..cut]);
            let _ = bench.finish();
        }
    }
    noise(protocol, dialogue);
}

fn split_invariant(protocol: &'static Protocol, dialogue: &[Turn<'_>]) {
    let whole = run(protocol, dialogue);
    let mut bench = Bench::new(protocol);
    for (side, bytes) in dialogue {
        bytes.iter().for_each(|byte| bench.feed(*side, &[*byte]));
    }
    let bytewise = bench.finish();
    assert!(whole == bytewise, "fed byte by byte:\n{bytewise}\n--- whole\n{whole}");
    for (at, (side, bytes)) in dialogue.iter().enumerate() {
        for cut in 1..bytes.len() {
            let mut bench = Bench::new(protocol);
            for (number, (turn_side, turn)) in dialogue.iter().enumerate() {
                if number == at {
                    bench.feed(*side, &bytes[..cut]);
                    bench.feed(*side, &bytes[cut..]);
                } else {
                    bench.feed(*turn_side, turn);
                }
            }
            let split = bench.finish();
            assert!(whole == split, "turn {at} split at byte {cut}:\n{split}\n--- whole\n{whole}");
        }
    }
}

fn noise(protocol: &'static Protocol, dialogue: &[Turn<'_>]) {
    let mut seed: u64 = 0x1A2A_3E70;
    let mut next = move || {
        // xorshift64: seeded, so that a failure repeats.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for _ in 0..400 {
        let mut bench = Bench::new(protocol);
        for (side, bytes) in dialogue {
            let mut bytes = bytes.to_vec();
            for _ in 0..=next() % 3 {
                if !bytes.is_empty() {
                    let at = usize::try_from(next() % bytes.len() as u64).unwrap_or(0);
                    bytes[at] = next().to_le_bytes()[0];
                }
            }
            if next() % 4 == 0 {
                bench.gap(*side, 1 + next() % 2000);
            }
            bench.feed(*side, &bytes);
        }
        let _ = bench.finish();
    }
}

/// A parser with its two streams and a recording sink.
pub struct Bench {
    transport: Transport,
    parser: Box<dyn Parser>,
    sides: [Stream; 2],
    given_up: bool,
    record: Record,
}

#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    consumed: u64,
    skip: u64,
    need: usize,
    ignored: bool,
}

impl Bench {
    /// A fresh parser on the protocol's first transport and port.
    #[must_use]
    pub fn new(protocol: &'static Protocol) -> Self {
        let endpoint = |last, port| Endpoint { ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)), port };
        let start = Start {
            transport: protocol.transports[0],
            client: endpoint(1, 50000),
            server: endpoint(2, protocol.ports.first().copied().unwrap_or(40000)),
            expected: None,
            midstream: false,
        };
        Self::started(protocol, &start)
    }

    /// A fresh parser that is told `start`, e.g. another transport or that the flow was announced.
    #[must_use]
    pub fn started(protocol: &'static Protocol, start: &Start) -> Self {
        let parser = (protocol.start)(start);
        let (sides, record) = (Default::default(), Record::default());
        Self { transport: start.transport, parser, sides, given_up: false, record }
    }

    /// Keeps a text as if another flow between the same hosts had.
    #[must_use]
    pub fn remembering(mut self, key: u64, text: &str) -> Self {
        self.record.remembered.insert(key, Text::from(text));
        self
    }

    /// Nobody asks for the samples of waveforms.
    #[must_use]
    pub const fn without_waveforms(mut self) -> Self {
        self.record.without_waveforms = true;
        self
    }

    /// One side sends; over UDP `bytes` is one datagram.
    ///
    /// # Panics
    /// When the parser breaks the rules of [`Step`].
    pub fn feed(&mut self, side: Side, bytes: &[u8]) {
        let datagram = self.transport != Transport::Tcp;
        let stream = &mut self.sides[side.index()];
        stream.bytes.extend_from_slice(bytes);
        loop {
            let stream = &mut self.sides[side.index()];
            let passed = stream.skip.min(stream.bytes.len() as u64);
            stream.skip -= passed;
            stream.consumed += passed;
            stream.bytes.drain(..usize::try_from(passed).unwrap_or(0));
            if self.given_up || stream.ignored {
                stream.bytes.clear();
            }
            if stream.bytes.is_empty() || stream.bytes.len() < stream.need {
                break;
            }
            stream.need = 0;
            self.record.side = side;
            self.record.base = if datagram { 0 } else { stream.consumed };
            self.record.concealed.clear();
            self.record.public = false;
            let step = self.parser.step(side, &stream.bytes, &mut self.record);
            self.apply(side, step, datagram);
        }
        if datagram {
            self.sides[side.index()] = Stream::default();
        }
    }

    fn apply(&mut self, side: Side, step: Step, datagram: bool) {
        let stream = &mut self.sides[side.index()];
        match step {
            Step::Done(0) | Step::Skip(0) => panic!("a step must make progress"),
            Step::Done(bytes) => {
                assert!(bytes <= stream.bytes.len(), "a step consumed more than there is; use Skip");
                self.record.used_up(&stream.bytes, bytes, true);
                stream.bytes.drain(..bytes);
                stream.consumed += bytes as u64;
            }
            Step::Need(bytes) => {
                assert!(bytes > stream.bytes.len(), "Need asks for more than there is");
                if datagram {
                    self.record.line("cut short");
                    stream.bytes.clear();
                } else if bytes > UNIT_BYTES_MAX {
                    self.record.line("over the buffer limit");
                    self.given_up = true;
                }
                stream.need = bytes;
            }
            Step::Skip(bytes) => {
                let there = usize::try_from(bytes).unwrap_or(usize::MAX).min(stream.bytes.len());
                self.record.used_up(&stream.bytes, there, false);
                stream.skip = bytes;
            }
            Step::Ignore => stream.ignored = true,
            Step::Stop(fault) => {
                self.record.line(&format!("stop {fault}"));
                // A datagram's fault is its own; a stream has lost its place.
                self.given_up = !datagram;
                stream.bytes.clear();
            }
        }
    }

    /// Bytes of one side were lost.
    pub fn gap(&mut self, side: Side, bytes: u64) {
        let stream = &mut self.sides[side.index()];
        stream.bytes.clear();
        stream.need = 0;
        let passed = stream.skip.min(bytes);
        stream.skip -= passed;
        stream.consumed += bytes;
        if self.given_up || bytes == passed {
            return;
        }
        self.record.side = side;
        if self.parser.gap(side, bytes - passed, &mut self.record) == Gap::GiveUp {
            self.given_up = true;
        }
    }

    /// Leaves private values out of account that stand more than once in `input`: a fuzzer copies them to where they are
    /// none. So it does with escaped ones and with dates, which it sees being compared as they are told, not as they were sent.
    fn forgive_copies(&mut self, input: &[u8]) {
        let times = |value: &[u8]| input.windows(value.len()).filter(|bytes| *bytes == value).count();
        // What is concealed counts as zeros, so that a value of zeros cannot be told from it.
        let told_apart = |value: &[u8]| value.iter().any(|byte| *byte != 0);
        let date = |value: &[u8]| {
            let parts = value.split(|byte| *byte == b'-');
            parts.clone().count() == 3 && parts.flatten().all(u8::is_ascii_digit)
        };
        let told_anew = |value: &[u8]| value.contains(&b'\\') || date(value);
        self.record.private.retain(|value| !told_anew(value) && told_apart(value) && times(value) <= 1);
    }

    /// One side closes in order.
    pub fn close(&mut self, side: Side) {
        if !self.given_up {
            self.record.side = side;
            self.parser.closed(side, &mut self.record);
        }
    }

    /// The flow ends; the transcript.
    #[must_use]
    pub fn finish(mut self) -> String {
        // There is no input any more; where the last step began depends on how the stream was cut.
        self.record.base = 0;
        self.record.side = Side::Client;
        self.parser.end(&mut self.record);
        self.record.assert_concealed();
        self.record.lines
    }
}

/// A sink that drops everything and asks for nothing: for tests of a parser's own state, and for timing.
#[derive(Debug)]
pub struct Nowhere;

impl Sink for Nowhere {
    fn time(&self) -> CaptureTime {
        CaptureTime::from_nanos(0)
    }

    fn wants_message(&self, _: &'static Schema) -> bool {
        false
    }

    fn wants_waveforms(&self) -> bool {
        false
    }

    fn message(&mut self, _: &'static Schema, _: &[(&'static Field, Value)], _: Range<usize>) {}

    fn fact(&mut self, _: Fact, _: Range<usize>) {}

    fn fact_of_other(&mut self, _: Fact, _: Range<usize>) {}

    fn link(&mut self, _: LinkFact, _: Range<usize>) {}

    fn patient(&mut self, _: &PatientFields<'_>, _: Range<usize>) {}

    fn login(&mut self, _: &Login<'_>, _: Range<usize>) {}

    fn content(&mut self, _: ContentId, _: ContentPart<'_>) {}

    fn expect(&mut self, _: Expectation) {}

    fn remember(&mut self, _: u64, _: Text) {}

    fn recall(&self, _: u64) -> Option<Text> {
        None
    }
}

struct Record {
    lines: String,
    without_waveforms: bool,
    side: Side,
    base: u64,
    remembered: BTreeMap<u64, Text>,
    /// What the current step concealed of its input, and whether what it passes over may be seen.
    concealed: Vec<Range<usize>>,
    public: bool,
    /// Where the content of a file lies that the current step told.
    content: Option<Range<usize>>,
    /// What of each side may be seen in frames kept as evidence, other bytes as NUL, with breaks between datagrams.
    seen: [Vec<u8>; 2],
    /// Values that must not be among it.
    private: Vec<Vec<u8>>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            lines: String::new(),
            without_waveforms: false,
            side: Side::Client,
            base: 0,
            remembered: BTreeMap::new(),
            concealed: Vec::new(),
            public: false,
            content: None,
            seen: Default::default(),
            private: Vec::new(),
        }
    }
}

/// Values shorter than this are found by chance.
const PRIVATE_BYTES_MIN: usize = 4;

impl Record {
    fn line(&mut self, text: &str) {
        let side = if self.side == Side::Client { 'c' } else { 's' };
        let _ = writeln!(self.lines, "{side} {text}");
    }

    fn ranged(&mut self, range: &Range<usize>, text: &str) {
        let (start, end) = (self.base + range.start as u64, self.base + range.end as u64);
        self.line(&format!("{start}..{end} {text}"));
    }
}

impl Sink for Record {
    fn time(&self) -> CaptureTime {
        CaptureTime::from_nanos(0)
    }

    fn wants_message(&self, _: &'static Schema) -> bool {
        true
    }

    fn wants_waveforms(&self) -> bool {
        !self.without_waveforms
    }

    fn message(&mut self, schema: &'static Schema, fields: &[(&'static Field, Value)], range: Range<usize>) {
        let mut text = String::new();
        for (field, value) in fields {
            assert!(
                schema.fields.iter().any(|declared| std::ptr::eq(*declared, *field)),
                "{}.{} is not declared",
                schema.protocol,
                field.name
            );
            let _ = write!(text, "{}.{}={value} ", schema.protocol, field.name);
            // A number is not sent as it is told.
            if field.privacy != Privacy::Device && matches!(value, Value::Text(_)) {
                self.hide(value.to_string().as_bytes());
            }
        }
        self.ranged(&range, text.trim_end());
    }

    fn fact(&mut self, fact: Fact, range: Range<usize>) {
        self.ranged(&range, &format!("{fact:?}"));
    }

    fn fact_of_other(&mut self, fact: Fact, range: Range<usize>) {
        self.ranged(&range, &format!("of other: {fact:?}"));
    }

    fn link(&mut self, fact: LinkFact, range: Range<usize>) {
        self.ranged(&range, &format!("{fact:?}"));
    }

    fn patient(&mut self, patient: &PatientFields<'_>, range: Range<usize>) {
        for private in [patient.identifier, patient.name, patient.number] {
            self.hide(private);
        }
        let text = format!("patient {:?} more={}", Text::from_bytes(patient.identifier), patient.more);
        self.ranged(&range, &text);
    }

    fn login(&mut self, login: &Login<'_>, range: Range<usize>) {
        self.hide(login.account);
        self.hide(login.secret.unwrap_or_default());
        let secret = if login.secret.is_some() { "in clear" } else { "not seen" };
        let account = Text::from_bytes(login.account);
        self.ranged(&range, &format!("login {account:?} secret {secret}, accepted {:?}", login.accepted));
    }

    fn content(&mut self, id: ContentId, part: ContentPart<'_>) {
        if let ContentPart::Bytes { bytes, .. } = part {
            // Who keeps frames decides by the kind of the whole file.
            self.content = Some(bytes.as_ptr().addr()..bytes.as_ptr().addr() + bytes.len());
        }
        let text = match part {
            // Byte ranges depend on how the stream was cut into segments: only the sums are compared, below.
            ContentPart::Bytes { offset, bytes } => {
                return self.content_bytes(id, offset, bytes.len());
            }
            ContentPart::Missing { offset, bytes } => format!("missing {bytes} at {offset}"),
            ContentPart::Path(path) => format!("path {:?}", Text::from_bytes(path)),
            ContentPart::Length(length) => format!("length {length}"),
            ContentPart::End { complete } => format!("end complete={complete}"),
        };
        self.line(&format!("content {:?} {text}", id.mover));
    }

    fn wants_concealed(&self) -> bool {
        true
    }

    fn conceal(&mut self, range: Range<usize>) {
        assert!(range.start <= range.end, "a range that ends before it starts: {range:?}");
        self.concealed.push(range);
    }

    fn passes_public(&mut self) {
        self.public = true;
    }

    fn expect(&mut self, expectation: Expectation) {
        let Expectation { transport, ip, port, protocol, .. } = expectation;
        self.line(&format!("expect {protocol} over {transport} at {ip} port {port}"));
    }

    fn remember(&mut self, key: u64, text: Text) {
        self.remembered.insert(key, text);
    }

    fn recall(&self, key: u64) -> Option<Text> {
        self.remembered.get(&key).cloned()
    }
}

impl Record {
    /// A value that nobody may see in frames.
    fn hide(&mut self, value: &[u8]) {
        if value.len() >= PRIVATE_BYTES_MIN {
            self.private.push(value.to_vec());
        }
    }

    /// The step used up the first `bytes` of `input`.
    fn used_up(&mut self, input: &[u8], bytes: usize, read: bool) {
        let start = input.as_ptr().addr();
        let content = self.content.take().map(|at| at.start.wrapping_sub(start)..at.end.wrapping_sub(start));
        let Some(seen) = self.seen.get_mut(self.side.index()) else { return };
        let hidden = |at: usize| {
            let among = self.concealed.iter().chain(&content).any(|range| range.contains(&at));
            among || !(read || self.public)
        };
        seen.extend(
            input.iter().take(bytes).enumerate().map(|(at, byte)| if hidden(at) { 0 } else { *byte }),
        );
        for range in &self.concealed {
            assert!(range.end <= bytes, "{range:?} is concealed in a step that used up {bytes} bytes");
        }
    }

    /// # Panics
    /// When a value that must not be seen can be.
    fn assert_concealed(&self) {
        for private in &self.private {
            for seen in &self.seen {
                let found = seen.windows(private.len()).position(|bytes| bytes == private);
                assert!(found.is_none(), "{:?} can be seen at {found:?}", Text::from_bytes(private));
            }
        }
    }

    /// Adjacent stretches of one file are written as one line.
    fn content_bytes(&mut self, id: ContentId, offset: u64, bytes: usize) {
        let side = if self.side == Side::Client { 'c' } else { 's' };
        let head = format!("{side} content {:?} bytes ", id.mover);
        let last_at = self.lines.trim_end().rfind('\n').map_or(0, |at| at + 1);
        let last = self.lines[last_at..].trim_end();
        let mut start = offset;
        if let Some((from, to)) = last.strip_prefix(&head).and_then(|range| range.split_once(".."))
            && to.parse() == Ok(offset)
        {
            start = from.parse().unwrap_or(offset);
            self.lines.truncate(last_at);
        }
        let end = offset + bytes as u64;
        let _ = writeln!(self.lines, "{head}{start}..{end}");
    }
}

/// Bytes from hexadecimal text with blanks and line breaks; `|` starts a comment to the end of the line.
///
/// # Panics
/// When the text is not hexadecimal.
#[must_use]
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text
        .lines()
        .flat_map(|line| line.split('|').next().unwrap_or_default().chars())
        .filter(|character| !character.is_whitespace())
        .map(|character| character.to_digit(16).unwrap_or_else(|| panic!("`{character}` is not hexadecimal")))
        .collect();
    assert!(digits.len().is_multiple_of(2), "an odd number of hexadecimal digits");
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap_or(0)).collect()
}
