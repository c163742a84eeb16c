//! One shard: everything between the host pairs that hash to it.
//!
//! A shard is driven by one worker at a time, frame by frame in merged order, and gives observations in that
//! order. It shares nothing with other shards, so what it says does not depend on how many workers there are.

use crate::decode::{Decoded, IpPacket, Payload, inside, pair_hash};
use crate::defragment::{Defragmenter, Outcome};
use crate::duplicate::Copies;
use crate::options::Options;
use crate::reader::{Progress, Reader};
use crate::sink::{Context, FlowSink, Marks, Shared};
use crate::stream::{Chunk, Segment};
use crate::table::{Class, FLOWS_MAX, Flow, Key, LINK_EVERY_NS, SideState, Table};
use crate::transport::{Tcp, tcp, udp};
use crate::witness::Origin as Buffer;
use model::{
    Coverage, Endpoint, Evidence, Fact, FlowEnd, FlowId, FlowStart, FlowTotals, Frame, LinkFact, Mac,
    Malformed, Observation, Observed, Origin, Radio, Side, SideTotals, Transport, VlanStack,
};
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use wire::{Parser, Start};

/// Radios remembered per shard, so that each is told once. Our limit; the oldest is forgotten and told again.
pub const RADIOS_MAX: usize = 4_096;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP6: u8 = 58;

/// One shard of the flow table.
pub struct Shard {
    id: u8,
    options: Arc<Options>,
    table: Table,
    shared: Shared,
    defragmenter: Defragmenter,
    copies: Copies,
    arp: Option<Box<dyn Parser>>,
    radios: BTreeSet<(Mac, u64)>,
    radio_order: VecDeque<(Mac, u64)>,
    coverage: Coverage,
    /// When no flow was silent for too long.
    swept: model::CaptureTime,
    /// When [`Shard::tell_growth`] was asked last: the time of the last frame then.
    told: Option<model::CaptureTime>,
    /// The last frame seen, as evidence for what ends with the capture.
    last: Option<(model::CaptureTime, u64, Evidence)>,
}

/// Link-layer surroundings of a packet.
#[derive(Clone, Copy)]
struct Surroundings {
    source: Option<Mac>,
    destination: Option<Mac>,
    vlans: VlanStack,
}

/// One frame's place in time and order.
#[derive(Clone, Copy)]
struct Moment {
    time: model::CaptureTime,
    order: u64,
    evidence: Evidence,
    /// What the payload is a part of.
    origin: Buffer,
}

impl Shard {
    /// An empty shard. `id` is below [`crate::SHARDS`].
    #[must_use]
    pub fn new(id: u8, options: Arc<Options>) -> Self {
        let unspecified = Endpoint { ip: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), port: 0 };
        let arp = wire::proto::by_name("arp").map(|protocol| {
            (protocol.start)(&Start {
                transport: Transport::Link,
                client: unspecified,
                server: unspecified,
                expected: None,
                midstream: false,
            })
        });
        Self {
            id,
            options,
            table: Table::new(),
            shared: Shared::new(id),
            defragmenter: Defragmenter::default(),
            copies: Copies::new(),
            arp,
            radios: BTreeSet::new(),
            radio_order: VecDeque::new(),
            coverage: Coverage::default(),
            swept: model::CaptureTime::default(),
            told: None,
            last: None,
        }
    }

    /// Takes one frame of this shard. `order` is its position in the merged order of all frames.
    pub fn push(&mut self, order: u64, frame: &Frame<'_>, decoded: &Decoded<'_>, out: &mut Vec<Observation>) {
        let evidence = Evidence { capture: frame.capture, frame: frame.number };
        let moment = Moment { time: frame.time, order, evidence, origin: Buffer::frame(frame.bytes) };
        self.last = Some((frame.time, order, evidence));
        self.coverage.frames += 1;
        let captured = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        self.coverage.cut_bytes += u64::from(frame.original_bytes.saturating_sub(captured));
        let counted = self.frame(&moment, decoded, out);
        match counted {
            Counted::Decoded => self.coverage.frames_decoded += 1,
            Counted::Undecoded => self.coverage.frames_undecoded += 1,
            Counted::Fault(fault) => {
                self.coverage.frames_fault += 1;
                let ip = match &decoded.payload {
                    Payload::Ip(packet) => Some(packet.source),
                    _ => None,
                };
                self.link_fact(&moment, decoded, ip, LinkFact::Malformed(fault), out);
            }
        }
        if frame.time.nanos_since(self.swept).unsigned_abs() >= LINK_EVERY_NS {
            self.sweep(&moment, out);
        }
    }

    /// Ends what was silent for too long: at most two flows a frame, so that a clock that jumps does not end all at
    /// once.
    fn sweep(&mut self, moment: &Moment, out: &mut Vec<Observation>) {
        for _ in 0..2 {
            let Some(idle) = self.table.idle(moment.time) else {
                self.swept = moment.time;
                break;
            };
            self.end_flow(idle, FlowEnd::Idle, moment, out);
        }
    }

    /// Tells what flows have carried so far that carried something since this was last asked, or at that very moment. They go
    /// on.
    pub fn tell_growth(&mut self, out: &mut Vec<Observation>) {
        let Some((time, order, evidence)) = self.last else { return };
        let since = self.told.replace(time);
        for slot in self.table.slots() {
            let Some(flow) = self.table.flow(slot) else { continue };
            if since.is_some_and(|since| flow.last < since) {
                continue;
            }
            let origin = Origin::Flow(FlowId { shard: self.id, slot }, Side::Client);
            let observed = Observed::Fact(Fact::FlowGoesOn(Box::new(totals(flow, None))));
            out.push(Observation { time, order, evidence, origin, observed });
        }
    }

    /// The captures ended: so does every flow.
    pub fn finish(&mut self, out: &mut Vec<Observation>) {
        let Some((time, order, evidence)) = self.last else { return };
        let moment = Moment { time, order, evidence, origin: Buffer::frame(&[]) };
        for slot in self.table.slots() {
            self.tell_end(slot, FlowEnd::CaptureEnded, &moment, out);
        }
        self.table = Table::new();
    }

    /// The capturing side's clock was set by so many nanoseconds, between the last frame and the next: what was seen before is
    /// told in the times of the new clock from here on, so that nothing ends, or goes on, because of it.
    pub fn clock_set(&mut self, by: i64) {
        self.table.clock_set(by);
        self.defragmenter.clock_set(by);
        self.swept = self.swept.plus_nanos(by);
        self.told = self.told.map(|told| told.plus_nanos(by));
        if let Some((time, ..)) = &mut self.last {
            *time = time.plus_nanos(by);
        }
    }

    /// What this shard saw and did not see, so far.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        let mut coverage = self.coverage.clone();
        coverage.datagrams_incomplete = self.defragmenter.incomplete();
        coverage
    }

    /// Frees buffers that were read and are kept only for use again: for a sensor that has nothing to do, so that what
    /// they held of patients does not lie there.
    pub fn free_spare(&mut self) {
        self.shared.free_spare();
    }

    /// Flows alive.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.table.len()
    }

    fn frame(&mut self, moment: &Moment, decoded: &Decoded<'_>, out: &mut Vec<Observation>) -> Counted {
        if let Some(radio) = &decoded.radio {
            self.radio(moment, decoded, radio, out);
        }
        match &decoded.payload {
            Payload::Ip(packet) => {
                let Decoded { source, destination, vlans, .. } = *decoded;
                self.packet(moment, Surroundings { source, destination, vlans }, packet, out)
            }
            Payload::Arp(bytes) => self.arp(moment, decoded, bytes, out),
            Payload::Radio => Counted::Decoded,
            Payload::Undecoded => Counted::Undecoded,
            Payload::Fault(fault) => Counted::Fault(*fault),
        }
    }

    fn link_fact(
        &self,
        moment: &Moment,
        decoded: &Decoded<'_>,
        ip: Option<IpAddr>,
        fact: LinkFact,
        out: &mut Vec<Observation>,
    ) {
        let Moment { time, order, evidence, .. } = *moment;
        let origin = Origin::Link { mac: decoded.source.unwrap_or_default(), ip, vlans: decoded.vlans };
        out.push(Observation { time, order, evidence, origin, observed: Observed::Link(fact) });
    }

    /// Tells a radio the first time it is heard in a role, network and kind of frame.
    fn radio(&mut self, moment: &Moment, decoded: &Decoded<'_>, radio: &Radio, out: &mut Vec<Observation>) {
        let Some(mac) = decoded.source.filter(|mac| mac.is_host()) else { return };
        let ssid = radio.ssid.as_ref().map_or(&b""[..], |ssid| ssid.as_str().as_bytes());
        let bssid = radio.bssid.unwrap_or_default();
        let what = model::stable_hash(&[ssid, &bssid.0, &[radio.role as u8, u8::from(radio.data)]]);
        if !self.radios.insert((mac, what)) {
            return;
        }
        self.radio_order.push_back((mac, what));
        if self.radio_order.len() > RADIOS_MAX
            && let Some(oldest) = self.radio_order.pop_front()
        {
            self.radios.remove(&oldest);
        }
        self.link_fact(moment, decoded, None, LinkFact::Radio(radio.clone()), out);
    }

    fn arp(
        &mut self,
        moment: &Moment,
        decoded: &Decoded<'_>,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) -> Counted {
        let Some(arp) = &mut self.arp else { return Counted::Undecoded };
        let mac = decoded.source.unwrap_or_default();
        let origin = Origin::Link { mac, ip: None, vlans: decoded.vlans };
        let mut context = context(&self.options, &mut self.shared, out, moment, origin, 0);
        let marks = Marks::One(moment.evidence);
        let mut sink = FlowSink::new(&mut context, Side::Client, marks);
        let cut = Malformed { field: "arp packet", offset: bytes.len(), reason: model::Reason::CutShort };
        match bytes {
            [] => Counted::Fault(cut),
            _ => match arp.step(Side::Client, bytes, &mut sink) {
                wire::Step::Stop(fault) => Counted::Fault(fault),
                wire::Step::Need(_) => Counted::Fault(cut),
                _ => Counted::Decoded,
            },
        }
    }

    fn packet(
        &mut self,
        moment: &Moment,
        around: Surroundings,
        packet: &IpPacket<'_>,
        out: &mut Vec<Observation>,
    ) -> Counted {
        if self.copies.seen(packet, moment.time) {
            self.coverage.frames_duplicate += 1;
            if let Some(witness) = self.options.witness.as_deref() {
                witness.copied(moment.evidence);
            }
            return Counted::Decoded;
        }
        let Some(fragment) = packet.fragment else {
            return self.datagram(moment, around, packet, out);
        };
        match self.defragmenter.push(packet, fragment, moment.time) {
            Outcome::Held => Counted::Decoded,
            Outcome::Malformed(fault) => Counted::Fault(fault),
            Outcome::Whole(datagram) => {
                let moment = &Moment { origin: Buffer::datagram(&datagram.bytes), ..*moment };
                let whole = IpPacket {
                    protocol: datagram.protocol,
                    fragment: None,
                    payload: &datagram.bytes,
                    missing_bytes: 0,
                    ..*packet
                };
                // A tunnel's packet that was fragmented outside stays in this shard, that of the tunnel.
                match inside(&whole) {
                    Some(Decoded { payload: Payload::Ip(inner), source, destination, vlans, .. })
                        if inner.fragment.is_none() =>
                    {
                        self.datagram(moment, Surroundings { source, destination, vlans }, &inner, out)
                    }
                    _ => self.datagram(moment, around, &whole, out),
                }
            }
        }
    }

    fn datagram(
        &mut self,
        moment: &Moment,
        around: Surroundings,
        packet: &IpPacket<'_>,
        out: &mut Vec<Observation>,
    ) -> Counted {
        match packet.protocol {
            TCP => match tcp(packet.payload) {
                Ok((header, payload)) => {
                    self.tcp(moment, around, packet, header, payload, out);
                    Counted::Decoded
                }
                Err(fault) => Counted::Fault(fault),
            },
            UDP => match udp(packet.payload) {
                Ok((ports, payload)) => {
                    self.message(moment, around, packet, Transport::Udp, ports, payload, out);
                    Counted::Decoded
                }
                Err(fault) => Counted::Fault(fault),
            },
            ICMP | ICMP6 => {
                self.message(moment, around, packet, Transport::Icmp, (0, 0), packet.payload, out);
                Counted::Decoded
            }
            other => {
                self.message(moment, around, packet, Transport::Ip(other), (0, 0), &[], out);
                Counted::Decoded
            }
        }
    }

    /// A datagram, or a packet of a transport that is not read.
    #[expect(clippy::too_many_arguments, reason = "one call each; a struct would only rename them")]
    fn message(
        &mut self,
        moment: &Moment,
        around: Surroundings,
        packet: &IpPacket<'_>,
        transport: Transport,
        (source_port, destination_port): (u16, u16),
        payload: &[u8],
        out: &mut Vec<Observation>,
    ) {
        let source = Endpoint { ip: packet.source, port: source_port };
        let destination = Endpoint { ip: packet.destination, port: destination_port };
        let mut key = Key::new(source, destination, packet.protocol, packet.pair);
        if source.ip.is_unspecified() {
            key = key.of_station(around.source);
        }
        let slot = match self.alive(&key, moment, out) {
            Some(slot) => slot,
            None => {
                // An answer whose question was not captured: the side with the well-known port serves.
                let answer = transport == Transport::Udp
                    && !is_group(packet.destination)
                    && known_port(source_port) < known_port(destination_port);
                let (client, server) = if answer { (destination, source) } else { (source, destination) };
                let (client_mac, server_mac) = if answer {
                    (around.destination, around.source)
                } else {
                    (around.source, around.destination)
                };
                let vlans = around.vlans;
                let start =
                    FlowStart { transport, client, server, client_mac, server_mac, vlans, midstream: answer };
                self.open(moment, key, start, out)
            }
        };
        self.table.touch(slot, Class::Short, moment.time);
        let Some(flow) = self.table.flow(slot) else { return };
        flow.last = moment.time;
        let side = flow.side_of(source.ip, source.port);
        let state = flow.side(side);
        state.frames += 1;
        state.payload_bytes += payload.len() as u64;
        let first_answer = side == Side::Server && !flow.answered;
        flow.answered |= first_answer;
        let origin = Origin::Flow(FlowId { shard: self.id, slot }, Side::Client);
        let mut context = context(&self.options, &mut self.shared, out, moment, origin, packet.pair);
        if first_answer {
            context.fact(Side::Server, Fact::Answered);
        }
        if payload.is_empty() {
            return;
        }
        if let Some(witness) = self.options.witness.as_deref() {
            let at = flow.side(side).payload_bytes - payload.len() as u64;
            let placed = moment.origin.place(payload, moment.evidence, at);
            witness.placed(FlowId { shard: self.id, slot }, side, placed);
        }
        let Flow { reader, start, .. } = flow;
        let reader = reader.get_or_insert_with(|| {
            let mut reader = Box::new(Reader::new());
            if transport == Transport::Icmp {
                let name = if packet.protocol == ICMP { "icmp" } else { "icmp6" };
                reader.expect(name, 0, start, &mut context);
            } else if let Some((name, token)) =
                context.shared.expected(transport, [start.server, start.client])
            {
                reader.expect(name, token, start, &mut context);
            }
            reader
        });
        reader.bytes(side, payload, moment.evidence, start, &mut context);
    }

    fn tcp(
        &mut self,
        moment: &Moment,
        around: Surroundings,
        packet: &IpPacket<'_>,
        header: Tcp,
        payload: &[u8],
        out: &mut Vec<Observation>,
    ) {
        let source = Endpoint { ip: packet.source, port: header.source_port };
        let destination = Endpoint { ip: packet.destination, port: header.destination_port };
        let key = Key::new(source, destination, TCP, packet.pair);
        let mut found = self.alive(&key, moment, out);
        if let Some(slot) = found
            && header.opens()
            && self.is_used_again(slot, source, header)
        {
            self.end_flow(slot, FlowEnd::Closed, moment, out);
            found = None;
        }
        let slot = match found {
            Some(slot) => slot,
            None => {
                let start = tcp_start(around, source, destination, header);
                self.open(moment, key, start, out)
            }
        };
        let Some(flow) = self.table.flow(slot) else { return };
        flow.last = moment.time;
        let side = flow.side_of(source.ip, source.port);
        let origin = Origin::Flow(FlowId { shard: self.id, slot }, Side::Client);
        let mut context = context(&self.options, &mut self.shared, out, moment, origin, packet.pair);
        track(flow, side, header, &mut context);
        if header.syn() {
            flow.side(side).stream.syn(header.seq);
        }
        // A keep-alive repeats one byte that was acknowledged; data in a SYN comes after its number.
        let seq = header.seq.wrapping_add(u32::from(header.syn()));
        if !payload.is_empty()
            && let Some(witness) = self.options.witness.as_deref()
            && let Some(at) = flow.side(side).stream.place(seq)
        {
            let placed = moment.origin.place(payload, moment.evidence, at);
            witness.placed(FlowId { shard: self.id, slot }, side, placed);
        }
        if !payload.is_empty() || packet.missing_bytes > 0 {
            let segment =
                Segment { seq, bytes: payload, missing: packet.missing_bytes, evidence: moment.evidence };
            read(flow, side, segment, &mut context);
        }
        if header.fin() {
            let bytes = payload.len() as u32;
            flow.side(side).stream.fin(seq.wrapping_add(bytes).wrapping_add(packet.missing_bytes));
        }
        close(flow, header, &mut context);
        let ending = flow.closed || flow.sides.iter().all(|side| side.stream.has_fin());
        let class = if flow.answered && !ending { Class::Open } else { Class::Short };
        self.table.touch(slot, class, moment.time);
    }

    /// The flow of `key`. One that was silent for too long ends now, whether or not another frame came since.
    fn alive(&mut self, key: &Key, moment: &Moment, out: &mut Vec<Observation>) -> Option<u32> {
        self.table.alive(key, moment.time).unwrap_or_else(|silent| {
            self.end_flow(silent, FlowEnd::Idle, moment, out);
            None
        })
    }

    /// A new connection with the endpoints of an old one.
    fn is_used_again(&mut self, slot: u32, source: Endpoint, header: Tcp) -> bool {
        let Some(flow) = self.table.flow(slot) else { return false };
        let side = flow.side_of(source.ip, source.port);
        let closed = flow.closed;
        let stream = &flow.side(side).stream;
        stream.started()
            && (closed || stream.first() != header.seq.wrapping_add(1))
            && stream_moved(flow, header)
    }

    fn open(&mut self, moment: &Moment, key: Key, start: FlowStart, out: &mut Vec<Observation>) -> u32 {
        if self.table.len() >= FLOWS_MAX
            && let Some(stalest) = self.table.stalest()
        {
            self.end_flow(stalest, FlowEnd::Evicted, moment, out);
        }
        let flow = Flow::new(key, start, moment.time);
        self.coverage.flows += u64::from(flow.counts_as_flow());
        let slot = self.table.insert(flow);
        let Moment { time, order, evidence, .. } = *moment;
        if let Some(witness) = self.options.witness.as_deref() {
            witness.opened(FlowId { shard: self.id, slot });
        }
        let origin = Origin::Flow(FlowId { shard: self.id, slot }, Side::Client);
        let observed = Observed::Fact(Fact::FlowOpened(Box::new(start)));
        out.push(Observation { time, order, evidence, origin, observed });
        slot
    }

    fn end_flow(&mut self, slot: u32, end: FlowEnd, moment: &Moment, out: &mut Vec<Observation>) {
        self.tell_end(slot, end, moment, out);
        self.table.remove(slot);
    }

    /// Tells all that there is to tell of a flow that is over. It stays in the table.
    fn tell_end(&mut self, slot: u32, end: FlowEnd, moment: &Moment, out: &mut Vec<Observation>) {
        let Some(flow) = self.table.flow(slot) else { return };
        let origin = Origin::Flow(FlowId { shard: self.id, slot }, Side::Client);
        let pair = pair_hash(flow.start.client.ip, flow.start.server.ip);
        let mut context = context(&self.options, &mut self.shared, out, moment, origin, pair);
        finish_streams(flow, &mut context);
        tell_closed(flow, &mut context);
        if let Some(reader) = &mut flow.reader {
            reader.end(&mut context);
        }
        context.end_files();
        context.fact(Side::Client, Fact::FlowEnded(Box::new(totals(flow, Some(end)))));
        count(&mut self.coverage, flow, end);
    }
}

fn totals(flow: &Flow, end: Option<FlowEnd>) -> FlowTotals {
    FlowTotals { sides: flow.sides.each_ref().map(side_totals), first: flow.first, last: flow.last, end }
}

fn count(coverage: &mut Coverage, flow: &Flow, end: FlowEnd) {
    let [client, server] = &flow.sides;
    coverage.gap_bytes += client.gap_bytes + server.gap_bytes;
    if !flow.counts_as_flow() {
        return;
    }
    coverage.flows_evicted += u64::from(end == FlowEnd::Evicted);
    let unseen = |seen: &SideState, other: &SideState| seen.stream.acknowledged && other.frames == 0;
    coverage.flows_one_sided += u64::from(unseen(client, server) || unseen(server, client));
    match flow.reader.as_ref().map(|reader| (reader.progress(), reader.encrypted())) {
        None => coverage.flows_empty += 1,
        Some((Progress::Reading, encrypted)) => {
            coverage.flows_parsed += 1;
            coverage.flows_encrypted += u64::from(encrypted);
        }
        Some((Progress::Probing, _)) => coverage.flows_empty += 1,
        Some((Progress::GivenUp(why), _)) => {
            coverage.flows_unparsed += 1;
            coverage.parser_panics += u64::from(why == model::Unparsed::Failed);
            *coverage.unparsed_reasons.entry(why.as_str()).or_default() += 1;
        }
    }
}

/// How a frame counts in the coverage.
enum Counted {
    Decoded,
    Undecoded,
    Fault(Malformed),
}

fn context<'a>(
    options: &'a Options,
    shared: &'a mut Shared,
    out: &'a mut Vec<Observation>,
    moment: &Moment,
    origin: Origin,
    pair: u64,
) -> Context<'a> {
    let Moment { time, order, evidence, .. } = *moment;
    Context { options, shared, out, time, order, evidence, origin, pair }
}

fn tcp_start(around: Surroundings, source: Endpoint, destination: Endpoint, header: Tcp) -> FlowStart {
    let midstream = !header.syn();
    // Without its SYN, the side with the better-known port serves.
    let answers =
        if header.syn() { header.ack() } else { known_port(source.port) < known_port(destination.port) };
    let (transport, vlans) = (Transport::Tcp, around.vlans);
    if answers {
        let (client_mac, server_mac) = (around.destination, around.source);
        FlowStart { transport, client: destination, server: source, client_mac, server_mac, vlans, midstream }
    } else {
        let (client_mac, server_mac) = (around.source, around.destination);
        FlowStart { transport, client: source, server: destination, client_mac, server_mac, vlans, midstream }
    }
}

/// How well known a port is: lower serves. Ports that a protocol of ours is usually found on come first,
/// then the registered ranges in order (RFC 6335).
fn known_port(port: u16) -> u32 {
    if wire::proto::is_usual_port(port) { u32::from(port) } else { 0x1_0000 + u32::from(port) }
}

fn is_group(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_multicast(),
    }
}

/// Whether a SYN starts anew rather than repeats: something happened on the flow since its own SYN.
fn stream_moved(flow: &Flow, header: Tcp) -> bool {
    !header.ack()
        && (flow.closed || flow.answered || flow.refused || flow.sides.iter().any(|s| s.payload_bytes > 0))
}

/// Answers, refusals and acknowledgements.
fn track(flow: &mut Flow, side: Side, header: Tcp, context: &mut Context<'_>) {
    let state = flow.side(side);
    state.frames += 1;
    state.stream.acknowledged |= header.ack() && !header.reset();
    let established = header.ack() && !header.syn() && !header.reset();
    match side {
        Side::Server if !flow.answered && !header.reset() => {
            flow.answered = true;
            context.fact(Side::Server, Fact::Answered);
        }
        // The client goes on in the connection: it was answered, though the answer was not captured.
        Side::Client if !flow.answered && established => {
            flow.answered = true;
            context.fact(Side::Server, Fact::Answered);
        }
        Side::Server if !flow.answered && !flow.refused => {
            flow.refused = true;
            context.fact(Side::Server, Fact::Refused);
        }
        _ => {}
    }
}

/// Puts a segment in its place and reads what is in order.
fn read(flow: &mut Flow, side: Side, segment: Segment<'_>, context: &mut Context<'_>) {
    let Flow { sides, reader, start, .. } = flow;
    let [client, server] = sides;
    let state = if side == Side::Client { client } else { server };
    let reader = reader.get_or_insert_with(|| {
        let mut reader = Box::new(Reader::new());
        if let Some((name, token)) = context.shared.expected(Transport::Tcp, [start.server, start.client]) {
            reader.expect(name, token, start, context);
        }
        reader
    });
    let SideState { stream, payload_bytes, gap_bytes, .. } = state;
    stream.push(segment, &mut |chunk| {
        give(chunk, side, (payload_bytes, gap_bytes), reader, start, context);
    });
}

fn give(
    chunk: Chunk<'_>,
    side: Side,
    (payload_bytes, gap_bytes): (&mut u64, &mut u64),
    reader: &mut Reader,
    start: &FlowStart,
    context: &mut Context<'_>,
) {
    match chunk {
        Chunk::Bytes(bytes, evidence) => {
            *payload_bytes += bytes.len() as u64;
            reader.bytes(side, bytes, evidence, start, context);
        }
        Chunk::Gap(bytes) => {
            *gap_bytes += bytes;
            reader.gap(side, bytes, context);
        }
    }
}

/// Ends a connection that both sides finished, or one reset.
fn close(flow: &mut Flow, header: Tcp, context: &mut Context<'_>) {
    tell_closed(flow, context);
    let [client, server] = &flow.sides;
    if !flow.closed && (header.reset() || (client.stream.finished && server.stream.finished)) {
        flow.closed = true;
        finish_streams(flow, context);
    }
}

/// Tells the parser, once per side, which sides closed with all their bytes up to the FIN read.
fn tell_closed(flow: &mut Flow, context: &mut Context<'_>) {
    let Flow { sides, reader, .. } = flow;
    for (side, state) in [Side::Client, Side::Server].into_iter().zip(sides) {
        if !state.stream.finished && state.stream.at_end() {
            state.stream.finished = true;
            if let Some(reader) = reader {
                reader.closed(side, context);
            }
        }
    }
}

fn finish_streams(flow: &mut Flow, context: &mut Context<'_>) {
    let Flow { sides, reader, start, .. } = flow;
    let Some(reader) = reader else { return };
    for (side, state) in [Side::Client, Side::Server].into_iter().zip(sides) {
        let SideState { stream, payload_bytes, gap_bytes, .. } = state;
        stream.finish(&mut |chunk| give(chunk, side, (payload_bytes, gap_bytes), reader, start, context));
    }
}

fn side_totals(state: &SideState) -> SideTotals {
    let SideState { frames, payload_bytes, gap_bytes, .. } = *state;
    SideTotals { frames, payload_bytes, gap_bytes }
}
