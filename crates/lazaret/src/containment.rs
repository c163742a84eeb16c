//! Who is contained: what the receipts and findings of a store say of each medical device.
//!
//! | it shows | by |
//! |---|---|
//! | contained since | the receipt of a policy that names an address of the device: `enforce-confirm`, or `gateway-run` of a gateway whose device side it lies on |
//! | a proof | a later `enforce-status` or `gateway-status` that found the rules unchanged; traffic of the device that was judged; a sensor that listened |
//! | otherwise | findings of [`NOT_ISOLATED`] and [`AGAINST`] that are not quiet and whose evidence is later than the policy |

use crate::stored::{at, each_finding, every_asset, now, rfc3339, shown};
use export::containment::{Against, Audit, Containment, Device, Period, Proof, SCHEMA, Sensor, Standing};
use model::{AssetId, Certainty, FindingId, Prefix, stable_hash};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use store::{
    AssetBody, AssetQuery, Chain, Entry, FindingOrder, FindingQuery, Reading, State, StoreError, StoredAsset,
    StoredFinding,
};

/// The rule of devices that the site says are isolated: its findings count without a policy.
const NOT_ISOLATED: &str = "not-isolated";
/// Rules whose findings prove that a device which a policy names is not contained. One that was only attempted does not.
const AGAINST: [&str; 7] = [
    "policy-violation",
    "patient-data-offsite",
    "offsite-egress",
    "remote-mount",
    "remote-code-fetch",
    "code-push",
    "remote-access-service",
];
/// Most devices named by a policy whose findings are asked for one device at a time. Ours: asking 20,000 times took a
/// second.
const DEVICES_ASKED_MAX: usize = 256;
/// What a device is that a policy names and nothing ever showed.
pub(crate) const UNSEEN: &str = "never seen by a sensor of this store";
/// What keeps a policy: one replaces another of the same way only.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
enum Way {
    /// Rules of a host (`lazaret enforce`).
    #[default]
    Host,
    /// A gateway, by the interface on its devices' side.
    Gateway(String),
}

/// A policy in force, and whom it names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Force {
    way: Way,
    policy: String,
    name: String,
    by: String,
    since: i64,
    until: Option<i64>,
    devices: Named,
    /// When the rules were last found unchanged.
    unchanged: Option<i64>,
}

/// Whom a policy names. A hospital's names thousands of devices one by one, so those are looked up.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Named {
    addresses: BTreeSet<IpAddr>,
    networks: BTreeSet<Prefix>,
}

/// What `store`, whose log is as `chain` says, says of each device between two moments.
///
/// # Errors
/// What the store says.
pub(crate) fn containment(
    store: &impl Reading,
    chain: Chain,
    (from, to): (Option<i64>, Option<i64>),
) -> Result<Containment, StoreError> {
    let span = (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX));
    let forces = forces(&store.receipts(span.1)?);
    let sensors = store.sensors()?;
    let heard: Vec<(i64, String)> = sensors.iter().map(|one| (one.at, shown(&one.name))).collect();
    let mut isolated = not_isolated(store, span)?;
    let earliest = forces.iter().map(|force| force.since).min().map(|earliest| earliest.max(span.0));
    let mut devices = Vec::new();
    let mut named: BTreeSet<IpAddr> =
        forces.iter().flat_map(|force| &force.devices.addresses).copied().collect();
    let mut swept = match earliest {
        Some(since) if forces.iter().any(|force| force.devices.are_many()) => {
            Some(later(store, None, (since, span.1))?)
        }
        _ => None,
    };
    // Without a policy, and without findings about what is declared isolated, only medical devices are of concern.
    let medical_only = forces.is_empty() && isolated.is_empty();
    let assets = AssetQuery { medical_only, now: now(), without_body: true, ..AssetQuery::default() };
    for asset in every_asset(store, assets)? {
        let ips = ips_of(&asset);
        for ip in &ips {
            named.remove(ip);
        }
        let mut found = isolated.remove(&asset.id).unwrap_or_default();
        let named = forces.iter().any(|force| force.devices.any_of(&ips));
        if asset.medical || named || !found.is_empty() {
            // Findings about what no policy ever named break nothing.
            if let Some(since) = earliest.filter(|_| named) {
                let about = match &mut swept {
                    Some(swept) => swept.remove(&asset.id),
                    None => later(store, Some(asset.id), (since, span.1))?.remove(&asset.id),
                };
                found.extend(about.into_iter().flatten());
            }
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

impl Way {
    /// The command.
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Host => "enforce",
            Self::Gateway(_) => "gateway",
        }
    }
}

impl Named {
    /// Whether findings are rather asked for at once than device by device.
    fn are_many(&self) -> bool {
        self.addresses.len() > DEVICES_ASKED_MAX || !self.networks.is_empty()
    }

    /// Whether one of these is an address that it decides about.
    fn any_of(&self, ips: &[IpAddr]) -> bool {
        let named =
            |ip: &IpAddr| self.addresses.contains(ip) || self.networks.iter().any(|one| one.contains(*ip));
        ips.iter().any(named)
    }
}

impl FromIterator<Prefix> for Named {
    fn from_iter<Prefixes: IntoIterator<Item = Prefix>>(all: Prefixes) -> Self {
        let mut named = Self::default();
        for network in all {
            if network.bits() == if network.is_ipv4() { 32 } else { 128 } {
                named.addresses.insert(network.ip());
            } else {
                named.networks.insert(network);
            }
        }
        named
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
        model: Some(UNSEEN.to_owned()),
        firmware: None,
        serial: None,
        confidence: 0.0,
        profile: None,
        body: AssetBody::default(),
        addresses: vec![ip.to_string()],
        open_findings: 0,
    }
}

/// What is told of a finding that breaks a policy, or the word of the site that a device is isolated.
#[derive(Clone, Debug)]
struct Breach {
    id: FindingId,
    rule: String,
    title: String,
    first: i64,
    last: i64,
    count: i64,
    state: State,
    state_at: i64,
    state_by: String,
    note: Option<String>,
}

/// Breaches by the device that they are about.
type Breaches = BTreeMap<AssetId, Vec<Breach>>;

/// Findings of the span that say that a device which was declared isolated is not.
fn not_isolated(store: &impl Reading, (from, to): (i64, i64)) -> Result<Breaches, StoreError> {
    let rule = Some(NOT_ISOLATED.to_owned());
    let query = FindingQuery { rule, since: Some(from), ..FindingQuery::default() };
    breaches(store, query, |finding| proves(finding, to))
}

/// Findings in a span that can break the policy which names the device, or whichever device they are about.
fn later(
    store: &impl Reading,
    asset: Option<AssetId>,
    (from, to): (i64, i64),
) -> Result<Breaches, StoreError> {
    let mut query = FindingQuery { asset, since: Some(from), ..FindingQuery::default() };
    if asset.is_none() {
        // By the index of times: what is older is not looked at.
        query.order = FindingOrder::Last;
    }
    breaches(store, query, |finding| AGAINST.contains(&finding.rule.as_str()) && proves(finding, to))
}

/// Those findings of a query that count.
fn breaches(
    store: &impl Reading,
    query: FindingQuery,
    counts: impl Fn(&StoredFinding) -> bool,
) -> Result<Breaches, StoreError> {
    let mut all = Breaches::new();
    each_finding(store, FindingQuery { without_body: true, ..query }, |finding| {
        if counts(&finding) {
            let StoredFinding {
                id, rule, title, first, last, count, state, state_at, state_by, note, ..
            } = finding;
            let breach = Breach { id, rule, title, first, last, count, state, state_at, state_by, note };
            all.entry(finding.asset).or_default().push(breach);
        }
    })?;
    Ok(all)
}

/// Whether something of it came about by then, and was not only attempted.
fn proves(finding: &StoredFinding, until: i64) -> bool {
    finding.first <= until && finding.certainty != Certainty::Attempted
}

/// When which policy was in force, oldest first.
fn forces(receipts: &[Entry]) -> Vec<Force> {
    let mut named: BTreeMap<&str, (String, Named)> = BTreeMap::new();
    let mut all: Vec<Force> = Vec::new();
    for entry in receipts {
        let detail: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
        let more = detail.get("more").cloned().unwrap_or_default();
        let text = |key: &str| more.get(key).and_then(Value::as_str).map(str::to_owned);
        let devices = || {
            let devices = more.get("devices").and_then(Value::as_array).into_iter().flatten();
            devices.filter_map(|one| one.as_str()?.parse().ok()).collect::<Named>()
        };
        let gateway = || Way::Gateway(entry.subject.clone());
        let (policy, by) = (entry.subject.clone(), entry.by.clone());
        match (entry.action.as_str(), detail.get("step").and_then(Value::as_str).unwrap_or_default()) {
            ("enforce-apply", _) => {
                named.insert(&entry.subject, (text("policy").unwrap_or_default(), devices()));
            }
            ("enforce-confirm", "final rules stand") => {
                end(&mut all, &Way::Host, entry.at);
                let (name, devices) = named.get(entry.subject.as_str()).cloned().unwrap_or_default();
                all.push(Force { policy, name, by, since: entry.at, devices, ..Force::default() });
            }
            ("enforce-undo", "old rules stand") => end(&mut all, &Way::Host, entry.at),
            ("enforce-status", "unchanged") => unchanged(&mut all, &Way::Host, &entry.subject, entry.at),
            ("gateway-run", "closed") => {
                let (way, devices, policy) = (gateway(), devices(), text("policy_id").unwrap_or_default());
                // A gateway that starts again with the same rules was closed all the time: they outlive it.
                let stays = |force: &Force| {
                    force.until.is_none()
                        && force.way == way
                        && force.devices == devices
                        && force.policy == policy
                };
                if all.iter().any(stays) {
                    continue;
                }
                end(&mut all, &way, entry.at);
                let name = text("policy").unwrap_or_default();
                all.push(Force {
                    way,
                    policy,
                    name,
                    by,
                    since: entry.at,
                    devices,
                    until: None,
                    unchanged: None,
                });
            }
            ("gateway-remove", "open") => end(&mut all, &gateway(), entry.at),
            ("gateway-status", "unchanged") => {
                let policy = text("policy_id").unwrap_or_default();
                unchanged(&mut all, &gateway(), &policy, entry.at);
            }
            _ => {}
        }
    }
    all
}

/// What a gateway said when it closed its side, where that still holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct GatewayRun {
    pub(crate) policy: String,
    pub(crate) policy_id: String,
    pub(crate) devices: Vec<String>,
    /// Digest of the kernel's table as it was then.
    pub(crate) table: String,
}

/// The last word of the gateway on `interface`; none where it never ran or was removed.
///
/// # Errors
/// What the store says.
pub(crate) fn gateway_run(store: &impl Reading, interface: &str) -> Result<Option<GatewayRun>, StoreError> {
    let mut last = None;
    for entry in store.receipts(i64::MAX)?.iter().filter(|entry| entry.subject == interface) {
        match entry.action.as_str() {
            "gateway-run" => {
                let detail: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
                let more = |key: &str| detail.get("more").and_then(|more| more.get(key));
                let text = |key: &str| more(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                let devices = more("devices").and_then(Value::as_array).into_iter().flatten();
                let devices = devices.filter_map(|one| one.as_str().map(str::to_owned)).collect();
                let (policy, policy_id, table) = (text("policy"), text("policy_id"), text("table"));
                last = Some(GatewayRun { policy, policy_id, devices, table });
            }
            "gateway-remove" => last = None,
            _ => {}
        }
    }
    Ok(last)
}

fn end(all: &mut [Force], way: &Way, at: i64) {
    for force in all.iter_mut().filter(|force| force.until.is_none() && force.way == *way) {
        force.until = Some(at);
    }
}

fn unchanged(all: &mut [Force], way: &Way, policy: &str, at: i64) {
    let same = |one: &&mut Force| one.until.is_none() && one.way == *way && one.policy == policy;
    for force in all.iter_mut().filter(same) {
        force.unchanged = Some(at);
    }
}

fn device(
    asset: &StoredAsset,
    forces: &[Force],
    mut found: Vec<Breach>,
    sensors: &[(i64, String)],
    (from, to): (i64, i64),
) -> Device {
    let ips = ips_of(asset);
    let of_it = |force: &&Force| force.devices.any_of(&ips);
    let mine: Vec<&Force> = forces
        .iter()
        .filter(of_it)
        .filter(|force| force.since <= to && force.until.is_none_or(|until| until >= from))
        .collect();
    let now_in_force = mine.iter().rev().find(|force| force.until.is_none());
    // A declared device needs no policy of ours to be found sending.
    let counts = |breach: &Breach| {
        breach.rule == NOT_ISOLATED || mine.first().is_some_and(|force| breach.last >= force.since)
    };
    found.retain(counts);
    found.sort_by_key(|breach| std::cmp::Reverse((breach.state.is_open(), breach.last, breach.id)));
    let broken = found.iter().any(|breach| breach.state.is_open());
    let standing = match (broken, now_in_force, mine.is_empty()) {
        (true, ..) => Standing::Broken,
        (false, Some(_), _) => Standing::Contained,
        (false, None, false) => Standing::Ended,
        (false, None, true) => Standing::NotContained,
    };
    // What was resolved was true until then: containment counts from there.
    let resolved = found.iter().filter(|one| one.state == State::Resolved).map(|one| one.last).max();
    let since = now_in_force.map(|force| force.since.max(resolved.unwrap_or(i64::MIN)));
    let since = since.filter(|_| standing == Standing::Contained);
    let proof = now_in_force.and_then(|force| {
        let rules = force
            .unchanged
            .map(|at| (at, format!("the rules were found unchanged ({} status)", force.way.as_str())));
        let own = Some((
            asset.last,
            "its traffic was looked at until then, and nothing in it proved otherwise".to_owned(),
        ));
        let own = own.filter(|_| !broken);
        let heard =
            sensors.iter().max().map(|(at, name)| (*at, format!("sensor {name} listened until then")));
        let all = [rules, own, heard.filter(|_| !broken)];
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
        against: found.into_iter().map(against).collect(),
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

fn against(breach: Breach) -> Against {
    let note = breach.note.map_or_else(String::new, |note| format!(": {}", shown(&note)));
    Against {
        finding: breach.id.to_string(),
        rule: breach.rule,
        title: breach.title,
        first: rfc3339(breach.first),
        last: rfc3339(breach.last),
        count: breach.count,
        state: format!("{} since {} by {}{note}", breach.state, at(breach.state_at), breach.state_by),
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
            (&forces[0].devices.addresses, forces[0].name.as_str()),
            (&BTreeSet::from([[10, 0, 0, 7].into()]), "ward")
        );
        // A policy that was only on trial was never in force.
        assert_eq!(super::forces(&receipts[..2]), []);
    }

    #[test]
    fn what_is_open_is_told_before_what_is_newer_and_quiet() {
        let addressed = IpAddr::from([10, 0, 0, 7]);
        let devices = Prefix::new(addressed, 32).into_iter().collect();
        let force = Force { since: 1, devices, ..Force::default() };
        let breach = |id, last, state| Breach {
            id: FindingId(id),
            rule: "policy-violation".to_owned(),
            title: String::new(),
            first: 1,
            last,
            count: 1,
            state,
            state_at: 1,
            state_by: String::new(),
            note: None,
        };
        let states = [
            (1, 9, State::Resolved),
            (2, 5, State::New),
            (3, 8, State::FalsePositive),
            (4, 7, State::Acknowledged),
        ];
        let found = states.map(|(id, last, state)| breach(id, last, state)).to_vec();
        let told = device(&unseen(addressed), &[force], found, &[], (0, 10));
        let ids: Vec<_> = told.against.iter().map(|one| one.finding.clone()).collect();
        assert_eq!(ids, [4, 2, 1, 3].map(|id| FindingId(id).to_string()));
        assert_eq!(told.standing, Standing::Broken);
    }

    #[test]
    fn a_gateway_contains_from_its_start_until_it_is_removed_whatever_a_host_does() {
        let closed = |policy: &str| json!({ "policy": "ward", "policy_id": policy, "devices": ["202.114.4.0/24"], "table": "t" });
        let receipts = [
            entry(1, "gateway-run", "eth1", "closed", &closed("aa")),
            entry(
                2,
                "enforce-apply",
                "cc",
                "trial stands",
                &json!({ "policy": "w", "devices": ["10.0.0.7/32"] }),
            ),
            entry(3, "enforce-confirm", "cc", "final rules stand", &json!({})),
            entry(4, "gateway-status", "eth1", "unchanged", &closed("aa")),
            entry(5, "gateway-status", "eth2", "unchanged", &closed("aa")),
            // Killed and started again with the same rules, it was closed all the time.
            entry(6, "gateway-run", "eth1", "closed", &closed("aa")),
            entry(7, "enforce-undo", "cc", "old rules stand", &json!({})),
            entry(8, "gateway-run", "eth1", "closed", &closed("bb")),
            entry(9, "gateway-remove", "eth1", "open", &json!({})),
        ];
        let all = forces(&receipts);
        let told: Vec<_> =
            all.iter().map(|one| (one.policy.as_str(), one.since, one.until, one.unchanged)).collect();
        assert_eq!(told, [("aa", 1, Some(8), Some(4)), ("cc", 3, Some(7), None), ("bb", 8, Some(9), None)]);
        assert_eq!(forces(&receipts[..6])[0].until, None);
    }
}
