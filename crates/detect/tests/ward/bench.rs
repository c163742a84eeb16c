//! A ward to tell stories in: builds observations by hand, in order, and asks the judgement.

use detect::Judgement;
use inventory::Site;
use model::{
    About, Asset, CaptureTime, Coverage, Disclosed, Endpoint, Evidence, Fact, Finding, FlowEnd, FlowId,
    FlowStart, FlowTotals, Identifier, LinkFact, Mac, Observation, Observed, Origin, PatientToken, Report,
    Sample, Side, SideTotals, Transport, Validity, Vital, VlanStack,
};
use std::net::IpAddr;

pub(crate) const MONITOR: (&str, &str) = ("02:1b:5e:00:10:20", "192.168.10.20");
pub(crate) const GATEWAY: (&str, &str) = ("02:00:00:00:00:01", "192.168.10.1");
pub(crate) const CENTRAL: (&str, &str) = ("00:1e:67:aa:bb:cc", "202.114.4.119");
pub(crate) const MAKERS_SERVER: &str = "202.114.4.119";

pub(crate) fn mac(text: &str) -> Mac {
    text.parse().unwrap()
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) struct Ward {
    pub(crate) judgement: Judgement,
    seconds: i64,
    frames: u64,
    next_slot: u32,
    pub(crate) vlans: VlanStack,
}

/// One side of a flow: link address, network address, port.
pub(crate) type Party<'a> = (&'a str, &'a str, u16);

impl Ward {
    pub(crate) fn new() -> Self {
        Self::with_site("")
    }

    pub(crate) fn with_site(site: &str) -> Self {
        let site = Site::parse(site, "ward.toml").unwrap();
        let judgement = Judgement::new(site).unwrap();
        Self { judgement, seconds: 1_767_225_600, frames: 0, next_slot: 0, vlans: VlanStack::default() }
    }

    pub(crate) fn now(&self) -> CaptureTime {
        CaptureTime::from_nanos(self.seconds * 1_000_000_000)
    }

    pub(crate) fn wait(&mut self, seconds: i64) {
        self.seconds += seconds;
    }

    /// The next frame.
    pub(crate) fn frame(&mut self) {
        self.frames += 1;
    }

    pub(crate) fn observe(&mut self, origin: Origin, observed: Observed) {
        let observation = Observation {
            time: self.now(),
            order: self.frames,
            evidence: Evidence { capture: 0, frame: self.frames },
            origin,
            observed,
        };
        self.judgement.observe(&observation);
    }

    pub(crate) fn link(&mut self, station: (&str, &str), fact: LinkFact) {
        self.frame();
        let origin = Origin::Link { mac: mac(station.0), ip: None, vlans: self.vlans };
        self.observe(origin, Observed::Link(fact));
    }

    /// `station` asks who owns `wanted`.
    pub(crate) fn asks(&mut self, station: (&str, &str), wanted: &str) {
        self.frame();
        let origin = Origin::Link { mac: mac(station.0), ip: None, vlans: self.vlans };
        self.observe(origin, Observed::Link(LinkFact::AddressAsked(ip(wanted))));
        if !station.1.is_empty() {
            let claim = LinkFact::AddressOwned { ip: ip(station.1), mac: mac(station.0), answer: false };
            self.observe(origin, Observed::Link(claim));
        }
    }

    /// `station` says that it owns its address.
    pub(crate) fn owns(&mut self, station: (&str, &str)) {
        self.link(station, LinkFact::AddressOwned { ip: ip(station.1), mac: mac(station.0), answer: true });
    }

    pub(crate) fn open(&mut self, transport: Transport, client: Party<'_>, server: Party<'_>) -> FlowId {
        self.frame();
        let id = FlowId { shard: (self.next_slot % 3) as u8, slot: self.next_slot };
        self.next_slot += 1;
        let address = |text: &str| (!text.is_empty()).then(|| mac(text));
        let start = FlowStart {
            transport,
            client: Endpoint { ip: ip(client.1), port: client.2 },
            server: Endpoint { ip: ip(server.1), port: server.2 },
            client_mac: address(client.0),
            server_mac: address(server.0),
            vlans: self.vlans,
            midstream: false,
        };
        self.fact(id, Side::Client, Fact::FlowOpened(Box::new(start)));
        id
    }

    pub(crate) fn tcp(&mut self, client: Party<'_>, server: Party<'_>) -> FlowId {
        self.open(Transport::Tcp, client, server)
    }

    pub(crate) fn udp(&mut self, client: Party<'_>, server: Party<'_>) -> FlowId {
        self.open(Transport::Udp, client, server)
    }

    pub(crate) fn fact(&mut self, id: FlowId, side: Side, fact: Fact) {
        self.observe(Origin::Flow(id, side), Observed::Fact(fact));
    }

    pub(crate) fn client(&mut self, id: FlowId, fact: Fact) {
        self.frame();
        self.fact(id, Side::Client, fact);
    }

    pub(crate) fn server(&mut self, id: FlowId, fact: Fact) {
        self.frame();
        self.fact(id, Side::Server, fact);
    }

    /// What a flow has carried so far: frames and bytes of both sides.
    fn totals(&self, client: (u64, u64), server: (u64, u64), end: Option<FlowEnd>) -> Box<FlowTotals> {
        let side = |(frames, payload_bytes)| SideTotals { frames, payload_bytes, gap_bytes: 0 };
        let (first, last) = (self.now(), self.now());
        Box::new(FlowTotals { sides: [side(client), side(server)], first, last, end })
    }

    pub(crate) fn end(&mut self, id: FlowId, client: (u64, u64), server: (u64, u64)) {
        let totals = self.totals(client, server, Some(FlowEnd::Closed));
        self.fact(id, Side::Client, Fact::FlowEnded(totals));
    }

    pub(crate) fn goes_on(&mut self, id: FlowId, client: (u64, u64), server: (u64, u64)) {
        let totals = self.totals(client, server, None);
        self.fact(id, Side::Client, Fact::FlowGoesOn(totals));
    }

    /// Telemetry of a monitor as the client: identity, then `cycles` cycles a second apart.
    pub(crate) fn telemetry(&mut self, id: FlowId, bed: u16, cycles: u32) {
        self.frame();
        self.fact(id, Side::Client, Fact::Speaks("cms8000"));
        self.fact(id, Side::Client, Fact::Identified(About::Sender, Identifier::BedsideMonitor));
        self.fact(id, Side::Client, Fact::Identified(About::Receiver, Identifier::CentralStation));
        self.fact(id, Side::Client, Fact::Identified(About::Sender, Identifier::Bed(bed)));
        self.fact(id, Side::Client, Fact::Patient(PatientToken::Withheld));
        self.fact(id, Side::Client, Fact::Disclosed(Disclosed::PatientIdentity));
        for cycle in 0..cycles {
            self.wait(1);
            self.frame();
            let value = 77.0 + (cycle % 3) as f32;
            let heart = Sample { vital: Vital::HeartRate, value, validity: Validity::Valid };
            let spo2 = Sample { vital: Vital::Spo2, value: 0.0, validity: Validity::Invalid };
            self.fact(id, Side::Client, Fact::Measured([heart, spo2].into()));
            self.fact(id, Side::Client, Fact::CycleEnded(model::SampleCounts::default()));
        }
    }

    pub(crate) fn findings(&self) -> Vec<Finding> {
        self.judgement.findings()
    }

    pub(crate) fn assets(&self) -> Vec<Asset> {
        self.judgement.inventory().assets()
    }

    pub(crate) fn asset(&self, address: &str) -> Asset {
        let address = ip(address);
        let mut found = self.assets().into_iter().filter(|asset| asset.ips.contains(&address));
        let asset = found.next().expect("an asset with this address");
        assert!(found.next().is_none(), "one asset has {address}");
        asset
    }

    /// The report since the last renewal.
    pub(crate) fn so_far(&mut self) -> Report {
        self.judgement.report(Vec::new(), Coverage::default())
    }

    pub(crate) fn report(self) -> Report {
        let coverage = Coverage { frames: self.frames, frames_decoded: self.frames, ..Coverage::default() };
        self.judgement.finish(Vec::new(), coverage)
    }

    /// (rule, severity, certainty) of each finding.
    pub(crate) fn judged(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        let row = |finding: &Finding| (finding.rule, finding.severity.as_str(), finding.certainty.as_str());
        self.findings().iter().map(row).collect()
    }

    pub(crate) fn rules(&self) -> Vec<&'static str> {
        self.findings().iter().map(|finding| finding.rule).collect()
    }

    pub(crate) fn finding(&self, rule: &str) -> Finding {
        let found: Vec<_> = self.findings().into_iter().filter(|finding| finding.rule == rule).collect();
        assert_eq!(found.len(), 1, "{rule}: {:?}", self.judged());
        found.into_iter().next().unwrap()
    }

    pub(crate) fn place(&self, asset: &str, peer: &str) -> &'static str {
        let peer = ip(peer);
        let asset = self.asset(asset);
        let seen = asset.conversations.iter().find(|seen| seen.peer.ip == peer).expect("a conversation");
        seen.location.as_str()
    }
}

/// A monitor that sends telemetry through the gateway to its maker's address.
pub(crate) fn leak(answered: bool) -> Ward {
    let mut ward = Ward::new();
    ward.owns(GATEWAY);
    ward.owns(MONITOR);
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 40_000), (GATEWAY.0, MAKERS_SERVER, 515));
    if answered {
        ward.server(flow, Fact::Answered);
        ward.telemetry(flow, 7, 60);
        ward.end(flow, (128, 77_210), (64, 0));
    } else {
        ward.end(flow, (4, 0), (0, 0));
    }
    ward
}
