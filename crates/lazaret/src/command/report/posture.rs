//! `lazaret report posture`: how the medical devices of a store stand, for whom.

use super::made::{Letterhead, Made, PaperFormat};
use crate::command::source::read_site;
use crate::exit::{Failure, Status};
use crate::outputs::zone;
use crate::stored::{Where, at, now, shown};
use export::containment::Audit;
use export::posture::{Case, Decided, Device, Exposure, Matter, Posture, Sensor};
use inventory::Site;
use model::{AssetId, CaptureTime, Severity};
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use store::{
    AssetQuery, FindingOrder, FindingQuery, Reader, Reading as _, State, StoreError, StoredAsset,
    StoredFinding, StoredSensor, Surveying as _,
};

/// Rows asked for at a time.
const PAGE: u32 = 1_000;
/// Open findings that are read, the worst first. Our limit; the report says how many more there are.
const FINDINGS_MAX: usize = 20_000;
/// Medical devices that are read. Our limit, beyond which a report on paper is of no use.
const DEVICES_MAX: usize = 20_000;
/// Decisions that are read, the latest first. Our limit; the audit log has all.
const DECIDED_MAX: u32 = 1_000;
/// A sensor that wrote nothing for so long is not well; one that runs writes every five minutes at least.
const SILENT_NS: i64 = 15 * 60 * 1_000_000_000;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    made: Made,
    /// Format
    #[arg(long, value_enum, default_value_t = PaperFormat::Html)]
    format: PaperFormat,
    /// What the site says of itself, for the names of its zones (TOML, see `scan --help`)
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
}

impl Options {
    pub(super) fn run(&self, place: &Where) -> Result<Status, Failure> {
        let span = self.made.span()?;
        let store = place.reader()?;
        let letterhead = Letterhead::of(&store, now())?;
        let posture = gather(&store, span, &read_site(self.site.as_deref())?, &letterhead)?;
        let paper = posture.paper(self.made.audience());
        self.made.write("posture", self.format, &paper)?;
        Ok(Status::Done)
    }
}

/// What the store knows of the posture, of what was seen in that span.
pub(crate) fn gather(
    store: &Reader,
    span: (Option<i64>, Option<i64>),
    site: &Site,
    letterhead: &Letterhead,
) -> Result<Posture, StoreError> {
    let now = letterhead.made;
    let (from, to) = (span.0.unwrap_or(i64::MIN), span.1.unwrap_or(i64::MAX));
    let within = |finding: &StoredFinding| finding.last >= from && finding.first <= to;
    let (mut open, left_out) = open_findings(store)?;
    open.retain(within);
    let (quiet, open): (Vec<_>, Vec<_>) = open.into_iter().partition(|finding| finding.is_suppressed(now));
    let mut decided = closed_findings(store)?;
    decided.retain(within);
    decided.extend(quiet);
    let asked: BTreeSet<AssetId> = open.iter().chain(&decided).map(|finding| finding.asset).collect();
    let names = store.names(&asked)?;
    let assets = medical(store, now)?;
    let zones: BTreeMap<AssetId, String> =
        assets.iter().filter_map(|one| Some((one.id, zone_of(one, site)?))).collect();
    let mut worst: BTreeMap<AssetId, (Severity, u64)> = BTreeMap::new();
    for finding in &open {
        let (severity, count) = worst.entry(finding.asset).or_insert((finding.severity, 0));
        *severity = finding.severity.max(*severity);
        *count += 1;
    }
    let mut devices: Vec<Device> =
        assets.iter().map(|one| device(one, zones.get(&one.id), worst.get(&one.id).copied())).collect();
    devices.sort_by(|a, b| {
        (Reverse(a.worst), &a.name, &a.addresses).cmp(&(Reverse(b.worst), &b.name, &b.addresses))
    });
    let chain = store.verify_audit(None)?;
    let heard = store.heard()?;
    let place = Place { names: &names, zones: &zones };
    Ok(Posture {
        made: CaptureTime::from_nanos(now),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        site: letterhead.site.clone(),
        from: span.0.map(CaptureTime::from_nanos),
        to: span.1.map(CaptureTime::from_nanos),
        others: store.asset_tally()?.other.unsigned_abs(),
        devices,
        matters: matters(&open, &place),
        left_out,
        decided: decided.iter().map(|finding| place.decided(finding, now)).collect(),
        sensors: store.sensors()?.iter().map(|one| sensor(one, now)).collect(),
        heard: heard.map(|(first, last)| (CaptureTime::from_nanos(first), CaptureTime::from_nanos(last))),
        audit: Audit { entries: chain.entries, hash: chain.hash, whole: chain.broken.is_none() },
    })
}

/// Open findings, the worst first, and how many there are beyond what is read.
fn open_findings(store: &Reader) -> Result<(Vec<StoredFinding>, u64), StoreError> {
    let (mut all, mut after) = (Vec::new(), None);
    let states = vec![State::New, State::Acknowledged];
    while all.len() < FINDINGS_MAX {
        let query = FindingQuery { states: states.clone(), after, limit: PAGE, ..FindingQuery::default() };
        let page = store.findings(&query)?;
        let Some(last) = page.last() else { return Ok((all, 0)) };
        after = Some(last.id);
        all.extend(page);
    }
    let tally = store.finding_tally(i64::MIN)?;
    let open = tally.new + tally.acknowledged + tally.suppressed;
    Ok((all, open.unsigned_abs().saturating_sub(FINDINGS_MAX as u64)))
}

/// Findings that were decided about, the latest first.
fn closed_findings(store: &Reader) -> Result<Vec<StoredFinding>, StoreError> {
    let states = vec![State::FalsePositive, State::Resolved];
    let query =
        FindingQuery { states, order: FindingOrder::Last, limit: DECIDED_MAX, ..FindingQuery::default() };
    let mut closed = store.findings(&query)?;
    closed.sort_by_key(|finding| Reverse((finding.state_at, finding.id)));
    Ok(closed)
}

fn medical(store: &Reader, now: i64) -> Result<Vec<StoredAsset>, StoreError> {
    let (mut all, mut after) = (Vec::new(), None);
    while all.len() < DEVICES_MAX {
        let query = AssetQuery { medical_only: true, after, limit: PAGE, now, ..AssetQuery::default() };
        let page = store.assets(&query)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        all.extend(page);
    }
    Ok(all)
}

fn zone_of(asset: &StoredAsset, site: &Site) -> Option<String> {
    asset.addresses.iter().find_map(|address| zone(site, Some(address))).map(shown)
}

fn device(asset: &StoredAsset, zone: Option<&String>, worst: Option<(Severity, u64)>) -> Device {
    let named: Vec<&str> = [&asset.maker, &asset.model].into_iter().flatten().map(String::as_str).collect();
    let name = if named.is_empty() {
        asset.class.clone().unwrap_or_else(|| "device of a kind that is not known".to_owned())
    } else {
        named.join(" ")
    };
    let exposures = asset.body.exposures.iter().filter(|one| one.status != "not-affected");
    let exposure = |one: &store::Exposed| Exposure {
        cve: one.cve.clone(),
        advisory: one.advisory.clone(),
        cvss_tenths: (one.cvss * 10.0).round().clamp(0.0, 100.0) as u32,
        kev: one.kev,
        certain: one.status == "affected",
    };
    Device {
        name,
        // The name says it already where neither maker nor model is known.
        class: asset.class.clone().filter(|_| !named.is_empty()),
        zone: zone.cloned(),
        addresses: asset.addresses.clone(),
        firmware: asset.firmware.clone(),
        serial: asset.serial.clone(),
        confidence: asset.confidence,
        last: CaptureTime::from_nanos(asset.last),
        open: worst.map_or(0, |(_, count)| count),
        worst: worst.map(|(severity, _)| severity),
        exposures: exposures.map(exposure).collect(),
    }
}

/// What people call devices, and where they are.
struct Place<'a> {
    names: &'a BTreeMap<AssetId, String>,
    zones: &'a BTreeMap<AssetId, String>,
}

impl Place<'_> {
    fn name(&self, asset: AssetId) -> String {
        self.names.get(&asset).map_or_else(|| asset.to_string(), |name| shown(name))
    }

    fn case(&self, finding: &StoredFinding) -> Case {
        let peer = finding.body.peer.as_ref().map(|peer| match peer.port {
            0 => format!("{} ({})", peer.ip, peer.location),
            port => format!("{} port {port}/{} ({})", peer.ip, peer.transport, peer.location),
        });
        Case {
            finding: finding.id.to_string(),
            device: self.name(finding.asset),
            zone: self.zones.get(&finding.asset).cloned(),
            peer,
            seen: (CaptureTime::from_nanos(finding.first), CaptureTime::from_nanos(finding.last)),
            count: finding.count.unsigned_abs(),
            certainty: finding.certainty,
            state: match (finding.state, finding.reopened) {
                (State::New, 0) => "new".to_owned(),
                (State::New, times) => format!("reopened by evidence, {times} times"),
                (state, _) => format!("{state} by {}", shown(&finding.state_by)),
            },
        }
    }

    fn decided(&self, finding: &StoredFinding, now: i64) -> Decided {
        let quiet = finding.suppression.as_ref().filter(|_| finding.is_suppressed(now));
        let (state, by, note) = match quiet {
            Some(quiet) => {
                (format!("quiet until {}", at(quiet.until)), shown(&quiet.by), shown(&quiet.because))
            }
            None => (
                finding.state.to_string(),
                format!("{}, {}", shown(&finding.state_by), at(finding.state_at)),
                finding.note.as_deref().map(shown).unwrap_or_default(),
            ),
        };
        let (finding_id, device) = (finding.id.to_string(), self.name(finding.asset));
        Decided { finding: finding_id, title: finding.title.clone(), device, state, by, note }
    }
}

/// Findings put together by rule and what to do, the worst first, as they come.
fn matters(open: &[StoredFinding], place: &Place<'_>) -> Vec<Matter> {
    let mut known: BTreeMap<(Severity, &str, &str), usize> = BTreeMap::new();
    let mut matters: Vec<Matter> = Vec::new();
    for finding in open {
        let next = matters.len();
        let here = *known.entry((finding.severity, &finding.rule, &finding.body.fix)).or_insert(next);
        if here == next {
            let body = &finding.body;
            let references = body.advisories.iter().chain(&body.cves).chain(&body.attack);
            matters.push(Matter {
                rule: finding.rule.clone(),
                title: finding.title.clone(),
                severity: finding.severity,
                why: body.why.clone(),
                fix: body.fix.clone(),
                references: references.cloned().collect(),
                cases: Vec::new(),
            });
        }
        if let Some(matter) = matters.get_mut(here) {
            matter.cases.push(place.case(finding));
        }
    }
    matters
}

fn sensor(sensor: &StoredSensor, now: i64) -> Sensor {
    let health: Value = serde_json::from_str(&sensor.health).unwrap_or_default();
    let standing = health.get("standing").and_then(Value::as_str).map(shown);
    let lost: u64 = ["frames_lost", "interface_overrun"]
        .iter()
        .filter_map(|key| health.get(*key).and_then(Value::as_u64))
        .sum();
    let silent = now.saturating_sub(sensor.at) > SILENT_NS;
    let mut state = match (sensor.ended, silent, standing.as_deref()) {
        (Some(ended), ..) => format!("ended at {} UTC", at(ended)),
        (None, true, _) => format!("SILENT since {} UTC", at(sensor.at)),
        (None, false, None | Some("up")) => "listens".to_owned(),
        (None, false, Some(standing)) => format!("its interface is {standing}"),
    };
    if lost != 0 {
        state.push_str(&format!("; {lost} frames lost since its start"));
    }
    let well =
        sensor.ended.is_some() || (!silent && matches!(standing.as_deref(), None | Some("up" | "ended")));
    Sensor {
        name: shown(&sensor.name),
        state,
        well,
        blind_spots: sensor.blind_spots.iter().map(|spot| shown(spot)).collect(),
    }
}
