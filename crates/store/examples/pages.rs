//! Times the pages of a large store: 100,000 findings about 20,000 assets, put in by one import.
//!
//! ```sh
//! cargo run --release -p store --example pages -- /var/tmp/pages.store
//! ```
//! The folder must not be there; it is left behind.

#![expect(clippy::disallowed_methods, reason = "measures time")]

use model::{
    Asset, AssetId, CaptureSummary, CaptureTime, Certainty, Conversation, DeviceClass, Digest256, Direction,
    Endpoint, Evidence, Finding, FindingId, Location, Peer, Report, Severity, Transport,
};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use store::{Actor, AssetQuery, Decision, FindingQuery, IfMissing, Reader, Reading, State, Writer, Writing};

const FINDINGS: u64 = 100_000;
const ASSETS: u64 = 20_000;
const PAGE: u32 = 100;
/// 2026-03-02T00:00:00Z.
const DAY: i64 = 1_772_409_600_000_000_000;
const SECOND: i64 = 1_000_000_000;

fn time(seconds: u64) -> CaptureTime {
    CaptureTime::from_nanos(DAY.saturating_add((seconds as i64).saturating_mul(SECOND)))
}

/// Spreads numbers over 64 bits, as ids of reports are.
const fn spread(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn peer(number: u64) -> Endpoint {
    let [.., c, d] = number.to_be_bytes();
    Endpoint { ip: IpAddr::V4(Ipv4Addr::new(202, 114, c, d)), port: 515 }
}

fn asset(number: u64) -> Asset {
    let [.., b, c, d] = number.to_be_bytes();
    let talk = |other| Conversation {
        peer: peer(other),
        transport: Transport::Tcp,
        location: Location::Offsite,
        protocol: None,
        direction: Direction::Out,
        flows: 1,
        frames: 10,
        bytes_out: 1000,
        bytes_in: 10,
        first: time(number),
        last: time(number + 60),
        evidence: Evidence { capture: 0, frame: 1 },
        rhythm: model::Rhythm::default(),
        sessions: None,
    };
    Asset {
        id: AssetId(spread(number)),
        macs: BTreeSet::new(),
        ips: BTreeSet::from([IpAddr::V4(Ipv4Addr::new(10, b, c, d))]),
        vlans: BTreeSet::new(),
        names: BTreeSet::new(),
        class: Some(DeviceClass { id: "patient-monitor".to_owned(), medical: number.is_multiple_of(4) }),
        maker: Some("Contec".to_owned()),
        model: Some("CMS8000".to_owned()),
        aliases: Vec::new(),
        firmware: None,
        serial: None,
        confidence: 0.97,
        signs: Vec::new(),
        conversations: (0..5).map(|more| talk(number + more)).collect(),
        exposures: Vec::new(),
        profile: None,
    }
}

fn finding(number: u64) -> Finding {
    let severity = Severity::ALL.into_iter().cycle().nth(number as usize % 4).unwrap_or(Severity::Low);
    Finding {
        id: FindingId(spread(number ^ 0xF000_0000)),
        rule: "offsite-egress",
        title: format!("Contec CMS8000 talks to host {number}, outside the site"),
        severity,
        certainty: Certainty::Confirmed,
        asset: AssetId(spread(number % ASSETS)),
        peer: Some(Peer { endpoint: peer(number), transport: Transport::Tcp, location: Location::Offsite }),
        peers: Vec::new(),
        first: time(number),
        last: time(number + 60),
        count: 60,
        evidence: (1..9).map(|frame| Evidence { capture: 0, frame }).collect(),
        details: BTreeMap::new(),
        attack: ["T1041".to_owned()].into(),
        advisories: Vec::new(),
        cves: Vec::new(),
        why: "An address outside the site that is not in the profile of the device. ".repeat(4),
        fix: "Find out who owns the address; block it until then. ".repeat(3).into(),
    }
}

/// The longest and the mean page, and how many.
fn told(what: &str, pages: &[Duration]) {
    let longest = pages.iter().max().copied().unwrap_or_default();
    let mean = pages.iter().sum::<Duration>() / u32::try_from(pages.len()).unwrap_or(1).max(1);
    println!("{what}: {} pages of {PAGE}, longest {longest:.1?}, mean {mean:.1?}", pages.len());
}

fn findings(store: &dyn Reading, what: &str, mut query: FindingQuery) -> Result<(), Box<dyn Error>> {
    let mut pages = Vec::new();
    loop {
        let from = Instant::now();
        let page = store.findings(&query)?;
        pages.push(from.elapsed());
        let Some(last) = page.last() else { break };
        query.after = Some(last.id);
    }
    told(what, &pages);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).ok_or("name the folder to make")?;
    let report = Report {
        captures: vec![CaptureSummary {
            name: "large.pcap".to_owned(),
            sha256: Some(Digest256([1; 32])),
            first: Some(time(0)),
            last: Some(time(FINDINGS)),
            ..CaptureSummary::default()
        }],
        assets: (0..ASSETS).map(asset).collect(),
        findings: (0..FINDINGS).map(finding).collect(),
        ..Report::default()
    };
    let actor = Actor { name: "measure".to_owned(), at: DAY };
    let from = Instant::now();
    let mut writer = Writer::open(&folder, IfMissing::Make)?;
    writer.import(&report, "0", &actor)?;
    println!("import: {:.1?}", from.elapsed());
    let from = Instant::now();
    writer.import(&report, "0", &actor)?;
    println!("the same again: {:.1?}", from.elapsed());
    let from = Instant::now();
    writer.decide(FindingId(spread(0xF000_0000)), &Decision::Acknowledge, None, &actor)?;
    println!("one decision: {:.1?}", from.elapsed());
    drop(writer);
    let store = Reader::open(&folder)?;
    let page = FindingQuery { limit: PAGE, ..FindingQuery::default() };
    findings(&store, "findings", page.clone())?;
    let open = vec![State::New, State::Acknowledged];
    findings(
        &store,
        "open findings",
        FindingQuery { states: open, unsuppressed_at: Some(DAY), ..page.clone() },
    )?;
    findings(&store, "findings in one rare state", FindingQuery { states: vec![State::Resolved], ..page })?;
    let mut query = AssetQuery { limit: PAGE, ..AssetQuery::default() };
    let mut pages = Vec::new();
    loop {
        let from = Instant::now();
        let page = store.assets(&query)?;
        pages.push(from.elapsed());
        let Some(last) = page.last() else { break };
        query.after = Some(last.id);
    }
    told("assets", &pages);
    let from = Instant::now();
    store.finding_tally(DAY)?;
    store.asset_tally()?;
    println!("tallies: {:.1?}", from.elapsed());
    Ok(())
}
