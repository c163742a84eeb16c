//! What a protocol is to the rest: a row, a probe, a parser.

use crate::Sink;
use model::{Endpoint, Malformed, Reason, Schema, Side, Transport};

/// Row of the registry.
pub struct Protocol {
    /// Name in reports, rules and profiles: lower case, no blanks.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// Standard, advisory or description it was read from.
    pub source: &'static str,
    /// What carries it.
    pub transports: &'static [Transport],
    /// Ports it is usually found on: probed first there, but never believed for the port alone.
    pub ports: &'static [u16],
    /// The fields it declares.
    pub schema: &'static Schema,
    /// Looks at the first bytes that one side sent.
    pub probe: fn(&Probe<'_>) -> Verdict,
    /// Makes a parser for one flow.
    pub start: fn(&Start) -> Box<dyn Parser>,
}

impl std::fmt::Debug for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Protocol").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a probe may look at.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'a> {
    /// What carries the flow.
    pub transport: Transport,
    /// Who sent `input`.
    pub side: Side,
    /// Port of the client; a hint.
    pub client_port: u16,
    /// Port of the server; a hint.
    pub server_port: u16,
    /// For TCP the first bytes of the side's stream (from where the capture has it), for UDP one datagram.
    pub input: &'a [u8],
    /// The capture has no beginning of this flow: `input` may start inside a unit.
    pub midstream: bool,
}

impl Probe<'_> {
    /// Whether either port is one of `ports`.
    #[must_use]
    pub fn on_port(&self, ports: &[u16]) -> bool {
        ports.contains(&self.server_port) || ports.contains(&self.client_port)
    }
}

/// What a probe says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is this protocol.
    Certain,
    /// It may be; more bytes of this side would tell.
    Unsure,
    /// It is not.
    NotForUs,
}

/// What a parser is told at its start.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// What carries the flow.
    pub transport: Transport,
    /// The client.
    pub client: Endpoint,
    /// The server.
    pub server: Endpoint,
    /// Token of the [`crate::Expectation`] that announced this flow, if one did.
    pub expected: Option<u64>,
    /// The capture has no beginning of this flow.
    pub midstream: bool,
}

/// A parser for one flow; it sees both directions.
///
/// Over UDP each call gets one whole datagram. Over TCP it gets what has arrived in order and was not yet
/// consumed, at most [`crate::UNIT_BYTES_MAX`].
pub trait Parser: Send {
    /// Reads one unit that `side` sent, from the front of `input`, which is never empty.
    ///
    /// `input` starts where the previous call for this side stopped. Called again with more bytes after
    /// [`Step::Need`]. Ranges given to `out` are offsets into `input`.
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step;

    /// `bytes` bytes that `side` sent were not captured; they come before the next `input` of that side, and
    /// what was [needed](Step::Need) before them will never be complete.
    ///
    /// The default gives the flow up: guessing where the next unit starts invents facts.
    fn gap(&mut self, side: Side, bytes: u64, out: &mut dyn Sink) -> Gap {
        let _ = (side, bytes, out);
        Gap::GiveUp
    }

    /// `side` closed its half of the stream in order, and all that it sent has been read. Called at most once
    /// per side, before [`Parser::end`]: tells a body that ends with the connection from one that was cut.
    fn closed(&mut self, side: Side, out: &mut dyn Sink) {
        let _ = (side, out);
    }

    /// The flow is over; what is still open may be told. The side of `out` is the client.
    fn end(&mut self, out: &mut dyn Sink) {
        let _ = out;
    }
}

/// What a parser does about missing bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gap {
    /// Cannot find its place again.
    GiveUp,
    /// Goes on with the bytes after the gap.
    Resume,
}

/// What a step did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Read this many bytes, at least one.
    Done(usize),
    /// Needs at least this many bytes in all at the front of `input`, more than there are.
    Need(usize),
    /// Wants none of the next this many bytes, which may lie beyond `input`: they are passed over without
    /// being kept. At least one.
    Skip(u64),
    /// Nothing of interest comes any more from this side: it is not read again.
    Ignore,
    /// The peer broke the protocol; the flow is given up.
    Stop(Malformed),
}

impl Step {
    /// What to say of one whole datagram. One that ends too early is [needed](Step::Need) more of, because
    /// only the flow knows whether the capture cut it or the peer did.
    #[must_use]
    pub const fn datagram(input: &[u8], read: Result<(), Malformed>) -> Self {
        match read {
            Ok(()) => Self::Done(input.len()),
            Err(Malformed { reason: Reason::CutShort, .. }) => Self::Need(input.len() + 1),
            Err(fault) => Self::Stop(fault),
        }
    }
}

impl From<Malformed> for Step {
    fn from(fault: Malformed) -> Self {
        Self::Stop(fault)
    }
}
