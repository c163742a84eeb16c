//! Runs a parser over both sides of a flow: finding the protocol, feeding, giving up.

use crate::sink::{Context, FlowSink, Marks};
use model::{Evidence, Fact, FlowStart, LossKind, Side, Transport, Unparsed};
use std::panic::{AssertUnwindSafe, catch_unwind};
use wire::{Gap, Parser, Probe, Protocol, Start, Step, UNIT_BYTES_MAX, Verdict};

/// Bytes of a side that probes may ask for before the side counts as unknown. Our limit.
pub const PROBE_BYTES_MAX: usize = 4_096;
/// Segments or datagrams of a side that are probed afresh where the beginning of a flow is not known, or
/// where datagrams stand for themselves. Our limit.
pub const PROBES_MAX: u8 = 8;

const _: () = assert!(PROBE_BYTES_MAX <= UNIT_BYTES_MAX);

/// How far a reader came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    /// Looking for the protocol.
    Probing,
    /// Reading it.
    Reading,
    /// Given up, for this reason.
    GivenUp(Unparsed),
}

/// Reads one flow.
pub(crate) struct Reader {
    protocol: Option<&'static Protocol>,
    parser: Option<Box<dyn Parser>>,
    progress: Progress,
    encrypted: bool,
    /// Bytes are missing from what was probed.
    holed: bool,
    feeds: [Feed; 2],
}

/// Bytes of one side that wait to be read; never empty where they are kept.
#[derive(Default)]
pub(crate) struct Pending {
    pub(crate) bytes: Vec<u8>,
    /// Which frame brought which part of `bytes`.
    pub(crate) marks: Vec<(usize, Evidence)>,
}

/// What one side has sent and the parser has not read.
#[derive(Default)]
struct Feed {
    pending: Option<Box<Pending>>,
    /// Bytes still to pass over.
    skip: u64,
    /// The parser wants no call before there are this many bytes.
    need: u32,
    /// Place in the stream after the last byte that came; datagrams count on.
    offset: u64,
    ignored: bool,
    /// What is passed over or ignored may be seen.
    public: bool,
    probes: u8,
    /// No probe wanted what the side sent.
    refused: bool,
}

impl Reader {
    pub(crate) const fn new() -> Self {
        Self {
            protocol: None,
            parser: None,
            progress: Progress::Probing,
            encrypted: false,
            holed: false,
            feeds: [const { Feed::new() }, const { Feed::new() }],
        }
    }

    /// Whether its parser said that the rest is encrypted.
    pub(crate) const fn encrypted(&self) -> bool {
        self.encrypted
    }

    pub(crate) const fn progress(&self) -> Progress {
        self.progress
    }

    /// Starts with a protocol that another flow announced.
    pub(crate) fn expect(&mut self, name: &str, token: u64, start: &FlowStart, context: &mut Context<'_>) {
        if let Some(protocol) = wire::proto::by_name(name) {
            self.begin(protocol, Some(token), start, context);
        }
    }

    /// Takes bytes that `side` sent: the next of its stream, or one datagram.
    #[inline]
    pub(crate) fn bytes(
        &mut self,
        side: Side,
        bytes: &[u8],
        evidence: Evidence,
        start: &FlowStart,
        context: &mut Context<'_>,
    ) {
        self.feed_of(side).offset += bytes.len() as u64;
        match self.progress {
            Progress::Reading => self.feed(side, bytes, evidence, start, context),
            Progress::Probing => self.probe(side, bytes, evidence, start, context),
            Progress::GivenUp(_) => {}
        }
    }

    /// Bytes of `side`'s stream that the capture does not have.
    pub(crate) fn gap(&mut self, side: Side, bytes: u64, context: &mut Context<'_>) {
        context.fact(side, Fact::Lost(LossKind::StreamBytes, bytes));
        let feed = self.feed_of(side);
        feed.offset += bytes;
        let passed = feed.skip.min(bytes);
        feed.skip -= passed;
        feed.pending = None;
        feed.need = 0;
        // What is probed from here on may start inside a unit.
        self.holed |= self.progress == Progress::Probing;
        let feed = self.feed_of(side);
        if feed.ignored || passed == bytes || self.progress != Progress::Reading {
            return;
        }
        let Some(parser) = &mut self.parser else { return };
        let evidence = context.evidence;
        let mut sink = FlowSink::new(context, side, Marks::One(evidence));
        let gap = catch_unwind(AssertUnwindSafe(|| parser.gap(side, bytes - passed, &mut sink)));
        match gap {
            Ok(Gap::Resume) => {}
            Ok(Gap::GiveUp) => self.give_up(side, Unparsed::Gap, context),
            Err(_) => self.failed(side, context),
        }
    }

    /// `side` closed its half of the stream in order.
    pub(crate) fn closed(&mut self, side: Side, context: &mut Context<'_>) {
        let feed = self.feed_of(side);
        if feed.ignored || feed.skip > 0 || feed.pending.is_some() || self.progress != Progress::Reading {
            return;
        }
        let Some(parser) = &mut self.parser else { return };
        let evidence = context.evidence;
        let mut sink = FlowSink::new(context, side, Marks::One(evidence));
        if catch_unwind(AssertUnwindSafe(|| parser.closed(side, &mut sink))).is_err() {
            self.failed(side, context);
        }
    }

    /// The flow is over.
    pub(crate) fn end(&mut self, context: &mut Context<'_>) {
        if self.progress == Progress::Reading
            && let Some(parser) = &mut self.parser
        {
            let evidence = context.evidence;
            let mut sink = FlowSink::new(context, Side::Client, Marks::One(evidence));
            if catch_unwind(AssertUnwindSafe(|| parser.end(&mut sink))).is_err() {
                self.failed(Side::Client, context);
            }
        }
        if self.progress == Progress::Probing {
            self.give_up(Side::Client, Unparsed::Unknown, context);
        }
    }

    fn feed_of(&mut self, side: Side) -> &mut Feed {
        let [client, server] = &mut self.feeds;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    fn give_up(&mut self, side: Side, why: Unparsed, context: &mut Context<'_>) {
        self.progress = Progress::GivenUp(why);
        self.parser = None;
        self.feeds = [const { Feed::new() }, const { Feed::new() }];
        context.fact(side, Fact::Unparsed(why));
    }

    fn failed(&mut self, side: Side, context: &mut Context<'_>) {
        let name = self.protocol.map_or("probe", |protocol| protocol.name);
        context.fact(side, Fact::ParserFailed(name));
        self.give_up(side, Unparsed::Failed, context);
    }

    fn probe(
        &mut self,
        side: Side,
        bytes: &[u8],
        evidence: Evidence,
        start: &FlowStart,
        context: &mut Context<'_>,
    ) {
        let stream = start.transport == Transport::Tcp;
        let midstream = start.midstream || self.holed;
        let again = !stream || midstream;
        let feed = self.feed_of(side);
        if feed.refused && !(again && feed.probes < PROBES_MAX) {
            return;
        }
        feed.refused = false;
        feed.probes = feed.probes.saturating_add(1);
        let mut pending = feed.pending.take();
        if let Some(pending) = &mut pending {
            pending.keep(bytes, evidence);
        }
        let input = pending.as_ref().map_or(bytes, |pending| &pending.bytes);
        match catch_unwind(AssertUnwindSafe(|| find_protocol(side, input, start, midstream))) {
            Ok(Found::Protocol(protocol)) => {
                self.begin(protocol, None, start, context);
                // What the other side sent first, e.g. a banner that left doubts, comes first.
                let bytes = if pending.is_some() { &[] } else { bytes };
                self.feed_of(side).pending = pending;
                self.resume(side.other(), &[], evidence, start, context);
                self.resume(side, bytes, evidence, start, context);
            }
            Ok(Found::Perhaps) if stream && input.len() < PROBE_BYTES_MAX => {
                let kept = pending.unwrap_or_else(|| {
                    let mut pending = context.shared.take_spare();
                    pending.keep(bytes, evidence);
                    pending
                });
                self.feed_of(side).pending = Some(kept);
            }
            Ok(_) => {
                self.feed_of(side).refused = true;
                if let Some(pending) = pending {
                    context.shared.give_spare(pending);
                }
                let hopeless = |feed: &Feed| feed.refused && !(again && feed.probes < PROBES_MAX);
                if self.feeds.iter().all(hopeless) {
                    self.give_up(side, Unparsed::Unknown, context);
                }
            }
            Err(_) => self.failed(side, context),
        }
    }

    fn begin(
        &mut self,
        protocol: &'static Protocol,
        expected: Option<u64>,
        start: &FlowStart,
        context: &mut Context<'_>,
    ) {
        let FlowStart { transport, client, server, .. } = *start;
        let midstream = start.midstream || self.holed;
        self.parser = Some((protocol.start)(&Start { transport, client, server, expected, midstream }));
        self.protocol = Some(protocol);
        self.progress = Progress::Reading;
        context.fact(Side::Client, Fact::Speaks(protocol.name));
    }

    /// Reads what was kept while the protocol was being looked for, or the `bytes` that told it.
    fn resume(
        &mut self,
        side: Side,
        bytes: &[u8],
        evidence: Evidence,
        start: &FlowStart,
        context: &mut Context<'_>,
    ) {
        if self.progress == Progress::Reading {
            self.feed(side, bytes, evidence, start, context);
        }
    }

    fn feed(
        &mut self,
        side: Side,
        bytes: &[u8],
        evidence: Evidence,
        start: &FlowStart,
        context: &mut Context<'_>,
    ) {
        let feed = self.feed_of(side);
        let start_at = feed.offset - bytes.len() as u64;
        if feed.ignored {
            if feed.public {
                show(side, start_at..start_at + bytes.len() as u64, context);
            }
            return;
        }
        let passed = usize::try_from(feed.skip).unwrap_or(usize::MAX).min(bytes.len());
        feed.skip -= passed as u64;
        if feed.public && passed > 0 {
            show(side, start_at..start_at + passed as u64, context);
        }
        let Some(bytes) = bytes.get(passed..) else { return };
        let Some(mut pending) = feed.pending.take() else {
            let read = self.steps(side, bytes, Marks::One(evidence), start, context);
            if let Some(rest) = bytes.get(read..).filter(|rest| !rest.is_empty()) {
                let mut pending = context.shared.take_spare();
                pending.keep(rest, evidence);
                self.feed_of(side).pending = Some(pending);
            }
            return;
        };
        pending.keep(bytes, evidence);
        if pending.bytes.len() < feed.need as usize {
            feed.pending = Some(pending);
            return;
        }
        let read = self.steps(side, &pending.bytes, Marks::Many(&pending.marks), start, context);
        if read < pending.bytes.len() {
            pending.forget(read);
            self.feed_of(side).pending = Some(pending);
        } else {
            context.shared.give_spare(pending);
        }
    }

    /// Lets the parser read from the front of `input`; how much of it is used up.
    fn steps(
        &mut self,
        side: Side,
        input: &[u8],
        marks: Marks<'_>,
        start: &FlowStart,
        context: &mut Context<'_>,
    ) -> usize {
        let datagram = start.transport != Transport::Tcp;
        let end = self.feed_of(side).offset;
        let mut at = 0;
        while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(parser) = &mut self.parser else { return input.len() };
            let place = end - rest.len() as u64;
            let mut sink =
                FlowSink { base: at, input: rest, at: place, ..FlowSink::new(context, side, marks) };
            let step = catch_unwind(AssertUnwindSafe(|| parser.step(side, rest, &mut sink)));
            self.encrypted |= sink.encrypted;
            let public = sink.public;
            match step {
                Ok(Step::Done(bytes)) if bytes > 0 => {
                    let bytes = bytes.min(rest.len());
                    at += bytes;
                    show(side, place..place + bytes as u64, context);
                }
                Ok(Step::Skip(bytes)) if bytes > 0 => {
                    let here = usize::try_from(bytes).unwrap_or(usize::MAX).min(rest.len());
                    at += here;
                    let feed = self.feed_of(side);
                    feed.skip = if datagram { 0 } else { bytes - here as u64 };
                    feed.public = public;
                    if public {
                        show(side, place..place + here as u64, context);
                    }
                }
                Ok(Step::Need(_)) if datagram => {
                    context.fact(side, Fact::Lost(LossKind::DatagramBytes, rest.len() as u64));
                    return input.len();
                }
                Ok(Step::Need(bytes)) if bytes > UNIT_BYTES_MAX => {
                    self.give_up(side, Unparsed::Limit, context);
                    return input.len();
                }
                Ok(Step::Need(bytes)) => {
                    // Not above the largest unit that is kept.
                    self.feed_of(side).need = bytes.max(rest.len() + 1) as u32;
                    return at;
                }
                Ok(Step::Ignore) => {
                    let feed = self.feed_of(side);
                    feed.ignored = true;
                    feed.public = public;
                    if public {
                        show(side, place..end, context);
                    }
                    return input.len();
                }
                Ok(Step::Stop(fault)) => {
                    context.fact(side, Fact::Malformed(fault));
                    // A datagram's fault is its own; a stream has lost its place.
                    if !datagram {
                        self.give_up(side, Unparsed::Malformed, context);
                    }
                    return input.len();
                }
                // A step without progress would never end: a fault of the parser.
                Ok(Step::Done(_) | Step::Skip(_)) | Err(_) => {
                    self.failed(side, context);
                    return input.len();
                }
            }
        }
        self.feed_of(side).need = 0;
        input.len()
    }
}

impl Feed {
    const fn new() -> Self {
        Self {
            pending: None,
            skip: 0,
            need: 0,
            offset: 0,
            ignored: false,
            public: false,
            probes: 0,
            refused: false,
        }
    }
}

impl Pending {
    fn keep(&mut self, bytes: &[u8], evidence: Evidence) {
        if bytes.is_empty() {
            return;
        }
        if self.marks.last().is_none_or(|(_, last)| *last != evidence) {
            self.marks.push((self.bytes.len(), evidence));
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Drops the first `bytes` bytes.
    fn forget(&mut self, bytes: usize) {
        self.bytes.drain(..bytes);
        let kept_from = self.marks.partition_point(|(start, _)| *start <= bytes).saturating_sub(1);
        self.marks.drain(..kept_from);
        for (start, _) in &mut self.marks {
            *start = start.saturating_sub(bytes);
        }
    }
}

/// Tells who keeps frames that bytes of a stream may be seen.
fn show(side: Side, range: std::ops::Range<u64>, context: &Context<'_>) {
    if let (Some(witness), Some(flow)) = (context.options.witness.as_deref(), context.flow()) {
        witness.shown(flow, side, range);
    }
}

enum Found {
    Protocol(&'static Protocol),
    Perhaps,
    Nothing,
}

/// Asks the protocols that are usual on the flow's ports first, then all others: content decides.
fn find_protocol(side: Side, input: &[u8], start: &FlowStart, midstream: bool) -> Found {
    let FlowStart { transport, client, server, .. } = *start;
    let probe =
        Probe { transport, side, client_port: client.port, server_port: server.port, input, midstream };
    let mut found = Found::Nothing;
    for protocol in wire::proto::candidates(transport, [client.port, server.port]) {
        match (protocol.probe)(&probe) {
            Verdict::Certain => return Found::Protocol(protocol),
            Verdict::Unsure => found = Found::Perhaps,
            Verdict::NotForUs => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::sink::Shared;
    use model::{CaptureTime, Endpoint, FlowId, Observation, Observed, Origin, VlanStack};
    use wire::Sink;

    /// Counts its input as cycles, and fails at an exclamation mark and at the end.
    struct Fragile;

    impl Parser for Fragile {
        fn step(&mut self, _: Side, input: &[u8], out: &mut dyn Sink) -> Step {
            assert!(!input.contains(&b'!'), "by design");
            out.fact(Fact::CycleEnded(model::SampleCounts::default()), 0..input.len());
            Step::Done(input.len())
        }

        fn end(&mut self, _: &mut dyn Sink) {
            panic!("by design");
        }
    }

    fn start() -> FlowStart {
        let end = |last: u8| Endpoint { ip: [192, 0, 2, last].into(), port: 9 };
        FlowStart {
            transport: Transport::Tcp,
            client: end(1),
            server: end(2),
            client_mac: None,
            server_mac: None,
            vlans: VlanStack::default(),
            midstream: false,
        }
    }

    fn fragile() -> Reader {
        Reader { parser: Some(Box::new(Fragile)), progress: Progress::Reading, ..Reader::new() }
    }

    /// What a reader says when it is used as `act` says.
    fn said(act: impl FnOnce(&mut Context<'_>)) -> Vec<Fact> {
        let (options, mut shared, mut out) = (Options::default(), Shared::new(0), Vec::<Observation>::new());
        act(&mut Context {
            options: &options,
            shared: &mut shared,
            out: &mut out,
            time: CaptureTime::default(),
            order: 0,
            evidence: Evidence::default(),
            origin: Origin::Flow(FlowId { shard: 0, slot: 0 }, Side::Client),
            pair: 0,
        });
        let fact =
            |seen: Observation| if let Observed::Fact(fact) = seen.observed { Some(fact) } else { None };
        out.into_iter().filter_map(fact).collect()
    }

    #[test]
    fn a_parser_that_fails_loses_its_own_flow_and_keeps_what_it_said() {
        let (mut first, mut second) = (fragile(), fragile());
        let told = said(|context| {
            for (reader, bytes) in [(0, b"a"), (0, b"!"), (0, b"b"), (1, b"c")] {
                let reader = if reader == 0 { &mut first } else { &mut second };
                reader.bytes(Side::Client, bytes, Evidence::default(), &start(), context);
            }
            first.end(context);
        });
        let failed = [Fact::ParserFailed("probe"), Fact::Unparsed(Unparsed::Failed)];
        assert_eq!(
            told,
            [
                &[Fact::CycleEnded(model::SampleCounts::default())],
                &failed[..],
                &[Fact::CycleEnded(model::SampleCounts::default())]
            ]
            .concat()
        );
        assert_eq!(first.progress(), Progress::GivenUp(Unparsed::Failed));
        assert_eq!(second.progress(), Progress::Reading);
    }

    #[test]
    fn a_parser_that_fails_at_the_end_is_told_too() {
        let mut reader = fragile();
        let told = said(|context| reader.end(context));
        assert_eq!(told, [Fact::ParserFailed("probe"), Fact::Unparsed(Unparsed::Failed)]);
    }
}
