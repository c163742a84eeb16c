//! `lazaret report containment`: what the receipts and findings of a store say of each medical device.
//!
//! | it shows | by |
//! |---|---|
//! | contained since | the receipt `enforce-confirm` of a policy that names an address of the device |
//! | a proof | a later `enforce-status` that found the rules unchanged; traffic of the device that was judged; a sensor that listened |
//! | otherwise | findings of [`AGAINST`] that are not quiet and whose evidence is later than the policy |

use super::made::{Letterhead, Made, PaperFormat};
use crate::exit::{Failure, Status};
use crate::stored::{Where, at, now, rfc3339, shown};
use export::containment::{Against, Audit, Containment, Device, Period, Proof, SCHEMA, Sensor, Standing};
use model::{AssetId, CaptureTime, Certainty, Prefix, stable_hash};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use store::{
    AssetBody, AssetQuery, Entry, FindingQuery, Reader, Reading as _, State, StoreError, StoredAsset,
    StoredFinding,
};

/// Rules whose findings prove that a device is not contained. One that was only attempted does not.
const AGAINST: [&str; 9] = [
    "not-isolated",
    "policy-drift",
    "policy-violation",
    "patient-data-offsite",
    "offsite-egress",
    "remote-mount",
    "remote-code-fetch",
    "code-push",
    "remote-access-service",
];
/// What the report is called in the names of files.
const KIND: &str = "containment";
/// Rows asked for at a time.
const PAGE: u32 = 1000;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    made: Made,
    /// Format
    #[arg(long, value_enum, default_value_t = Paper::Html)]
    format: Paper,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Paper {
    /// One self-contained page, to read, sign and print
    Html,
    /// The same as a PDF: tagged, with its fonts
    Pdf,
    /// For programs: schema lazaret.containment/1
    Json,
    /// For a terminal
    Text,
}

/// A policy in force, and whom it names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Force {
    policy: String,
    name: String,
    by: String,
    since: i64,
    until: Option<i64>,
    devices: Vec<Prefix>,
    /// When the rules were last found unchanged.
    unchanged: Option<i64>,
}

impl Options {
    pub(super) fn run(&self, place: &Where) -> Result<Status, Failure> {
        let span = self.made.span()?;
        let store = place.reader()?;
        let letterhead = Letterhead::of(&store, now())?;
        let report = gather(&store, span)?;
        let paper = || {
            let made = CaptureTime::from_nanos(letterhead.made);
            report.paper(self.made.audience(), letterhead.site.as_deref(), made, env!("CARGO_PKG_VERSION"))
        };
        match self.format {
            Paper::Html => self.made.write(KIND, PaperFormat::Html, &paper())?,
            Paper::Pdf => self.made.write(KIND, PaperFormat::Pdf, &paper())?,
            Paper::Json => self.made.place(KIND, "json", letterhead.made, |to| report.write_json(to))?,
            Paper::Text => self.made.place(KIND, "text", letterhead.made, |to| report.write_text(to))?,
        }
        Ok(Status::Done)
    }
}

/// What the receipts and findings of the store say of what was seen in that span.
pub(crate) fn gather(
    store: &Reader,
    (from, to): (Option<i64>, Option<i64>),
) -> Result<Containment, StoreError> {
    let chain = store.verify_audit(None)?;
    let span = (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX));
    let forces = forces(&receipts(store, span.1)?);
    let sensors = store.sensors()?;
    let heard: Vec<(i64, String)> = sensors.iter().map(|one| (one.at, shown(&one.name))).collect();
    let mut against: BTreeMap<_, Vec<StoredFinding>> = BTreeMap::new();
    for rule in AGAINST {
        for finding in findings(store, rule)? {
            if finding.last >= span.0 && finding.first <= span.1 && finding.certainty != Certainty::Attempted
            {
                against.entry(finding.asset).or_default().push(finding);
            }
        }
    }
    let mut devices = Vec::new();
    let mut named: BTreeSet<IpAddr> = forces.iter().flat_map(Force::addresses).collect();
    for asset in assets(store)? {
        let ips = ips_of(&asset);
        named.retain(|ip| !ips.contains(ip));
        let of_concern = asset.medical || forces.iter().any(|force| force.names(&ips));
        let found = against.remove(&asset.id).unwrap_or_default();
        if of_concern || found.iter().any(|finding| finding.rule == "not-isolated") {
            devices.push(device(&asset, &forces, found, &heard, span));
        }
    }
    // What a policy names and no capture ever showed is contained, or not, all the same.
    devices.extend(named.into_iter().map(|ip| device(&unseen(ip), &forces, Vec::new(), &heard, span)));
    devices.sort_by(|a, b| (a.standing, &a.asset).cmp(&(b.standing, &b.asset)));
    Ok(Containment {
        schema: SCHEMA,
        made: rfc3339(now()),
        from: from.map(rfc3339),
        to: to.map(rfc3339),
        audit: Audit { entries: chain.entries, hash: chain.hash, whole: chain.broken.is_none() },
        sensors: sensors.iter().map(|one| Sensor { name: shown(&one.name), at: rfc3339(one.at) }).collect(),
        devices,
    })
}

impl Force {
    /// Whether one of these is an address that it decides about.
    fn names(&self, ips: &[IpAddr]) -> bool {
        self.devices.iter().any(|network| ips.iter().any(|ip| network.contains(*ip)))
    }

    /// Single addresses that it decides about.
    fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let single = |network: &&Prefix| network.bits() == if network.is_ipv4() { 32 } else { 128 };
        self.devices.iter().filter(single).map(Prefix::ip)
    }
}

fn ips_of(asset: &StoredAsset) -> Vec<IpAddr> {
    asset.addresses.iter().filter_map(|address| address.parse().ok()).collect()
}

/// A device that is known by a policy alone.
fn unseen(ip: IpAddr) -> StoredAsset {
    StoredAsset {
        id: AssetId(stable_hash(&[b"asset-ip", ip.to_string().as_bytes()])),
        first: i64::MIN,
        last: i64::MIN,
        medical: false,
        class: None,
        maker: None,
        model: Some("never seen by a sensor of this store".to_owned()),
        firmware: None,
        serial: None,
        confidence: 0.0,
        profile: None,
        body: AssetBody::default(),
        addresses: vec![ip.to_string()],
        open_findings: 0,
    }
}

fn receipts(store: &Reader, until: i64) -> Result<Vec<Entry>, StoreError> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = store.audit(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(all) };
        after = last.seq;
        all.extend(
            page.into_iter().filter(|entry| entry.action.starts_with("enforce-") && entry.at <= until),
        );
    }
}

fn assets(store: &Reader) -> Result<Vec<StoredAsset>, StoreError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let query = AssetQuery { after, limit: PAGE, now: now(), ..AssetQuery::default() };
        let page = store.assets(&query)?;
        let Some(last) = page.last() else { return Ok(all) };
        after = Some(last.id);
        all.extend(page);
    }
}

fn findings(store: &Reader, rule: &str) -> Result<Vec<StoredFinding>, StoreError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let query =
            FindingQuery { rule: Some(rule.to_owned()), after, limit: PAGE, ..FindingQuery::default() };
        let page = store.findings(&query)?;
        let Some(last) = page.last() else { return Ok(all) };
        after = Some(last.id);
        all.extend(page);
    }
}

/// When which policy was in force, oldest first.
fn forces(receipts: &[Entry]) -> Vec<Force> {
    let mut named: BTreeMap<&str, (String, Vec<Prefix>)> = BTreeMap::new();
    let mut all: Vec<Force> = Vec::new();
    for entry in receipts {
        let detail: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
        let more = detail.get("more").cloned().unwrap_or_default();
        let text = |key: &str| more.get(key).and_then(Value::as_str).map(str::to_owned);
        let end = |all: &mut Vec<Force>| {
            for force in all.iter_mut().filter(|force| force.until.is_none()) {
                force.until = Some(entry.at);
            }
        };
        match (entry.action.as_str(), detail.get("step").and_then(Value::as_str).unwrap_or_default()) {
            ("enforce-apply", _) => {
                let devices = more.get("devices").and_then(Value::as_array).into_iter().flatten();
                let devices = devices.filter_map(|one| one.as_str()?.parse().ok()).collect();
                named.insert(&entry.subject, (text("policy").unwrap_or_default(), devices));
            }
            ("enforce-confirm", "final rules stand") => {
                end(&mut all);
                let (name, devices) = named.get(entry.subject.as_str()).cloned().unwrap_or_default();
                let (policy, by) = (entry.subject.clone(), entry.by.clone());
                all.push(Force { policy, name, by, since: entry.at, devices, ..Force::default() });
            }
            ("enforce-undo", "old rules stand") => end(&mut all),
            ("enforce-status", "unchanged") => {
                for force in all.iter_mut().filter(|one| one.until.is_none() && one.policy == entry.subject) {
                    force.unchanged = Some(entry.at);
                }
            }
            _ => {}
        }
    }
    all
}

fn device(
    asset: &StoredAsset,
    forces: &[Force],
    mut found: Vec<StoredFinding>,
    sensors: &[(i64, String)],
    (from, to): (i64, i64),
) -> Device {
    let ips = ips_of(asset);
    let of_it = |force: &&Force| force.names(&ips);
    let mine: Vec<&Force> = forces
        .iter()
        .filter(of_it)
        .filter(|force| force.since <= to && force.until.is_none_or(|until| until >= from))
        .collect();
    let now_in_force = mine.iter().rev().find(|force| force.until.is_none());
    // A declared device needs no policy of ours to be found sending.
    let counts = |finding: &StoredFinding| {
        finding.rule == "not-isolated" || mine.first().is_some_and(|force| finding.last >= force.since)
    };
    found.retain(counts);
    found.sort_by_key(|finding| std::cmp::Reverse((finding.last, finding.id)));
    let open = |finding: &&StoredFinding| matches!(finding.state, State::New | State::Acknowledged);
    let broken = found.iter().find(open);
    let standing = match (broken, now_in_force, mine.is_empty()) {
        (Some(_), _, _) => Standing::Broken,
        (None, Some(_), _) => Standing::Contained,
        (None, None, false) => Standing::Ended,
        (None, None, true) => Standing::NotContained,
    };
    // What was resolved was true until then: containment counts from there.
    let resolved = found.iter().filter(|one| one.state == State::Resolved).map(|one| one.last).max();
    let since = now_in_force.map(|force| force.since.max(resolved.unwrap_or(i64::MIN)));
    let since = since.filter(|_| standing == Standing::Contained);
    let proof = now_in_force.and_then(|force| {
        let rules =
            force.unchanged.map(|at| (at, "the rules were found unchanged (enforce status)".to_owned()));
        let own = Some((
            asset.last,
            "its traffic was looked at until then, and nothing in it proved otherwise".to_owned(),
        ));
        let own = own.filter(|_| broken.is_none());
        let heard =
            sensors.iter().max().map(|(at, name)| (*at, format!("sensor {name} listened until then")));
        let all = [rules, own, heard.filter(|_| broken.is_none())];
        all.into_iter().flatten().filter(|(at, _)| *at >= since.unwrap_or(force.since) && *at <= to).max()
    });
    let what: Vec<&str> =
        [&asset.class, &asset.maker, &asset.model].into_iter().flatten().map(String::as_str).collect();
    Device {
        asset: asset.id.to_string(),
        what: what.join(" "),
        addresses: asset.addresses.clone(),
        standing,
        since: since.map(rfc3339),
        proof: proof.map(|(at, what)| Proof { at: rfc3339(at), what }),
        policies: mine.iter().map(|force| period(force)).collect(),
        against: found.iter().map(against).collect(),
    }
}

fn period(force: &Force) -> Period {
    Period {
        policy: force.policy.clone(),
        name: shown(&force.name),
        since: rfc3339(force.since),
        by: shown(&force.by),
        until: force.until.map(rfc3339),
    }
}

fn against(finding: &StoredFinding) -> Against {
    let note = finding.note.as_deref().map_or_else(String::new, |note| format!(": {}", shown(note)));
    Against {
        finding: finding.id.to_string(),
        rule: finding.rule.clone(),
        title: finding.title.clone(),
        first: rfc3339(finding.first),
        last: rfc3339(finding.last),
        count: finding.count,
        state: format!("{} since {} by {}{note}", finding.state, at(finding.state_at), finding.state_by),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(at: i64, action: &str, policy: &str, step: &str, more: &Value) -> Entry {
        let text = |text: &str| text.to_owned();
        Entry {
            seq: at,
            at,
            by: text("R. Haldis"),
            action: text(action),
            subject: text(policy),
            detail: json!({ "step": step, "more": more }).to_string(),
            previous: String::new(),
            hash: String::new(),
        }
    }

    #[test]
    fn a_policy_is_in_force_from_its_confirmation_until_it_is_taken_back_or_replaced() {
        let named = |ip: &str| json!({ "policy": "ward", "devices": [format!("{ip}/32")] });
        let none = json!({});
        let receipts = [
            entry(1, "enforce-apply", "aa", "trial stands", &named("10.0.0.7")),
            entry(2, "enforce-confirm", "aa", "final rules are loaded", &none),
            entry(3, "enforce-confirm", "aa", "final rules stand", &none),
            entry(4, "enforce-status", "aa", "unchanged", &none),
            entry(5, "enforce-status", "aa", "drift", &none),
            entry(6, "enforce-apply", "bb", "trial stands", &named("10.0.0.8")),
            entry(7, "enforce-confirm", "bb", "final rules stand", &none),
            entry(9, "enforce-undo", "bb", "old rules stand", &none),
        ];
        let forces = forces(&receipts);
        let told: Vec<_> =
            forces.iter().map(|one| (one.policy.as_str(), one.since, one.until, one.unchanged)).collect();
        assert_eq!(told, [("aa", 3, Some(7), Some(4)), ("bb", 7, Some(9), None)]);
        assert_eq!(
            (forces[0].devices[0].to_string(), forces[0].name.as_str()),
            ("10.0.0.7/32".into(), "ward")
        );
        // A policy that was only on trial was never in force.
        assert_eq!(super::forces(&receipts[..2]), []);
    }
}
