//! Flows over days, as the judgement sees them.

use super::name;
use detect::{DataError, Judgement};
use inventory::Site;
use model::{
    About, CaptureTime, Coverage, Endpoint, Evidence, Fact, FindingId, FlowEnd, FlowId, FlowStart,
    FlowTotals, Identifier, LinkFact, Mac, Observation, Observed, Origin, Report, Side, SideTotals,
    Transport, VlanStack,
};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// A host: link address and network address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Host {
    /// Link address; that of the gateway for hosts behind it.
    pub mac: Mac,
    /// Network address.
    pub ip: Ipv4Addr,
}

impl Host {
    /// Host number `number` of the segment.
    #[must_use]
    pub const fn here(number: u16) -> Self {
        let [high, low] = number.to_be_bytes();
        Self { mac: Mac([0x02, 0x1B, 0x5E, 0x40, high, low]), ip: Ipv4Addr::new(10, 20, high, low) }
    }

    /// The gateway of the segment.
    pub const GATEWAY: Self = Self::here(1);

    /// A host behind the gateway.
    #[must_use]
    pub const fn beyond(ip: Ipv4Addr) -> Self {
        Self { mac: Self::GATEWAY.mac, ip }
    }
}

/// One flow, or a question on the link.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// When it begins, in seconds.
    pub from: f64,
    /// How long it lasts, in seconds.
    pub seconds: f64,
    /// Who opens it.
    pub client: Host,
    /// Who is addressed.
    pub server: Host,
    /// Port of the server.
    pub port: u16,
    /// What carries it; the link alone: the client asks who has the server's address.
    pub transport: Transport,
    /// What it speaks.
    pub speaks: Option<&'static str>,
    /// Whether the server answers.
    pub answered: bool,
    /// Payload bytes of both sides.
    pub bytes: [u64; 2],
    /// The client is a bedside monitor, and the server its central station.
    pub bedside: bool,
}

impl Flow {
    /// A short TCP flow that is answered.
    #[must_use]
    pub const fn tcp(from: f64, client: Host, server: Host, port: u16) -> Self {
        Self {
            from,
            seconds: 0.5,
            client,
            server,
            port,
            transport: Transport::Tcp,
            speaks: None,
            answered: true,
            bytes: [400, 400],
            bedside: false,
        }
    }
}

/// Time of second 0: 2026-01-12T00:00:00Z.
const START_SECONDS: i64 = 1_768_176_000;

fn at(seconds: f64) -> CaptureTime {
    CaptureTime::from_nanos(START_SECONDS * 1_000_000_000).plus_nanos((seconds * 1e9) as i64)
}

/// Plays flows to a judgement.
struct Stage {
    judgement: Judgement,
    order: u64,
    free: Vec<u32>,
    next: u32,
}

/// What a judgement makes of `flows`, at `end` seconds.
///
/// # Errors
/// [`DataError`] where the compiled-in data does not load.
pub fn judged(site: Site, flows: &[Flow], end: f64) -> Result<Report, DataError> {
    let stage = played(site, flows, end, |_, _| ())?;
    Ok(stage.judgement.finish(Vec::new(), Coverage { frames: stage.order, ..Coverage::default() }))
}

/// Seconds between two looks of a watch. A sensor looks more often; what comes and goes within a quarter of an hour is not
/// counted here.
const LOOK_SECONDS: f64 = 900.0;
/// Seconds of a watch's period.
const PERIOD_SECONDS: f64 = 86_400.0;

/// What a watch of `flows` in periods of a day tells: the [`name`] of each finding that is opened, once more for one that is
/// opened again after it was withdrawn.
///
/// # Errors
/// [`DataError`] where the compiled-in data does not load.
pub fn watched(site: Site, flows: &[Flow], end: f64) -> Result<Vec<&'static str>, DataError> {
    let mut opened = Vec::new();
    let (mut standing, mut shown): (BTreeSet<FindingId>, BTreeSet<FindingId>) = Default::default();
    let (mut look, mut period) = (LOOK_SECONDS, PERIOD_SECONDS);
    played(site, flows, end, |judgement, seconds| {
        if seconds < look {
            return;
        }
        look += LOOK_SECONDS;
        let report = judgement.report(Vec::new(), Coverage::default());
        let now: BTreeSet<FindingId> = report.findings.iter().map(|finding| finding.id).collect();
        // What this period showed and shows no more, and what earlier ones told, is withdrawn.
        let back = report.taken_back.iter().map(|told| told.finding);
        for id in shown.iter().copied().chain(back).filter(|id| !now.contains(id)) {
            standing.remove(&id);
        }
        let new = report.findings.iter().filter(|finding| standing.insert(finding.id));
        opened.extend(new.map(name));
        shown = now;
        if seconds >= period {
            judgement.renew(at(period - PERIOD_SECONDS), at(seconds));
            period += PERIOD_SECONDS;
            shown.clear();
        }
    })?;
    Ok(opened)
}

/// Plays `flows` up to `end`; `look` sees the judgement before each moment of them.
fn played(
    site: Site,
    flows: &[Flow],
    end: f64,
    mut look: impl FnMut(&mut Judgement, f64),
) -> Result<Stage, DataError> {
    // Ends come before beginnings of the same moment.
    let ends = flows.iter().enumerate().map(|(index, flow)| ((flow.from + flow.seconds).min(end), 0, index));
    let begins = flows.iter().enumerate().map(|(index, flow)| (flow.from, 1, index));
    let mut turns: Vec<(f64, u8, usize)> = ends.chain(begins).filter(|turn| turn.0 <= end).collect();
    turns.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut stage = Stage { judgement: Judgement::new(site)?, order: 0, free: Vec::new(), next: 0 };
    let mut live: Vec<Option<FlowId>> = vec![None; flows.len()];
    stage.owns(0.0, Host::GATEWAY);
    for (time, turn, index) in turns {
        look(&mut stage.judgement, time);
        let (Some(flow), Some(place)) = (flows.get(index), live.get_mut(index)) else { continue };
        if turn == 1 {
            *place = stage.begin(time, flow);
        } else if let Some(id) = place.take() {
            stage.end(time, id, flow);
        }
    }
    Ok(stage)
}

impl Stage {
    fn observe(&mut self, seconds: f64, origin: Origin, observed: Observed) {
        let evidence = Evidence { capture: 0, frame: self.order };
        self.judgement.observe(&Observation {
            time: at(seconds),
            order: self.order,
            evidence,
            origin,
            observed,
        });
    }

    fn fact(&mut self, seconds: f64, id: FlowId, side: Side, fact: Fact) {
        self.observe(seconds, Origin::Flow(id, side), Observed::Fact(fact));
    }

    fn link(&mut self, seconds: f64, host: Host, fact: LinkFact) {
        self.order += 1;
        let origin = Origin::Link { mac: host.mac, ip: None, vlans: VlanStack::default() };
        self.observe(seconds, origin, Observed::Link(fact));
    }

    fn owns(&mut self, seconds: f64, host: Host) {
        self.link(seconds, host, LinkFact::AddressOwned { ip: host.ip.into(), mac: host.mac, answer: true });
    }

    fn begin(&mut self, seconds: f64, flow: &Flow) -> Option<FlowId> {
        if flow.client.mac != Host::GATEWAY.mac {
            self.owns(seconds, flow.client);
        }
        if flow.transport == Transport::Link {
            self.link(seconds, flow.client, LinkFact::AddressAsked(flow.server.ip.into()));
            return None;
        }
        self.order += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        let id = FlowId { shard: 0, slot };
        let port = 49_152 + (self.order % 16_000) as u16;
        let start = FlowStart {
            transport: flow.transport,
            client: Endpoint { ip: IpAddr::V4(flow.client.ip), port },
            server: Endpoint { ip: IpAddr::V4(flow.server.ip), port: flow.port },
            client_mac: Some(flow.client.mac),
            server_mac: Some(if flow.server.ip.is_multicast() {
                Mac([0x01, 0x00, 0x5E, 0x7F, 0x00, 0x01])
            } else {
                flow.server.mac
            }),
            vlans: VlanStack::default(),
            midstream: false,
        };
        self.fact(seconds, id, Side::Client, Fact::FlowOpened(Box::new(start)));
        self.order += 1;
        if flow.answered {
            if flow.server.mac != Host::GATEWAY.mac {
                self.owns(seconds, flow.server);
            }
            self.fact(seconds, id, Side::Server, Fact::Answered);
        }
        if let Some(protocol) = flow.speaks {
            self.fact(seconds, id, Side::Client, Fact::Speaks(protocol));
        }
        if flow.bedside {
            self.fact(seconds, id, Side::Client, Fact::Identified(About::Sender, Identifier::BedsideMonitor));
            let central = Fact::Identified(About::Receiver, Identifier::CentralStation);
            self.fact(seconds, id, Side::Client, central);
        }
        Some(id)
    }

    fn end(&mut self, seconds: f64, id: FlowId, flow: &Flow) {
        let [out, back] = flow.bytes;
        let side = |frames, payload_bytes| SideTotals { frames, payload_bytes, gap_bytes: 0 };
        // Over TCP nothing can be sent to who does not answer.
        let sides = match (flow.answered, flow.transport) {
            (true, _) => [side(4, out), side(4, back)],
            (false, Transport::Tcp) => [side(3, 0), side(0, 0)],
            (false, _) => [side(4, out), side(0, 0)],
        };
        let totals =
            FlowTotals { sides, first: at(flow.from), last: at(seconds), end: Some(FlowEnd::Closed) };
        self.fact(seconds, id, Side::Client, Fact::FlowEnded(Box::new(totals)));
        self.free.push(id.slot);
    }
}
