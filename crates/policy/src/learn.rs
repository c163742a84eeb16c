//! Learning: what each device needs, from its profile first, then from what it was seen to do.
//!
//! For each conversation the first of these that fits decides:
//!
//! | what is known | becomes |
//! |---|---|
//! | a finding says that it must not be | refused |
//! | it leaves the site | refused |
//! | somebody else claims the peer's address | unknown |
//! | the profile, or the site file by the peer's role, expects it, and the peer is inside | allowed |
//! | a finding is about it that is tolerated only where it is expected | unknown |
//! | nobody answered | refused |
//! | clinical, or routine for any device, opened by the device, inside | allowed |
//! | anything else | unknown |
//!
//! What is refused or unknown is denied by default; it is written down so that a person can decide.

use crate::rule::{
    Allowed, Coverage, Noted, Observed, Opener, Peer, Policy, Ports, Rule, Scope, Unit, UnitKind, host,
};
use crate::session::{self, SessionProfile};
use inventory::{Profile, Profiles, Site, Vocabulary, is_group};
use model::{
    AssetId, CaptureTime, Direction, Finding, Location, Mac, Report, Rhythm, Sessions, Severity, Transport,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Shifts of eight hours in a day.
const SHIFTS: [&str; 3] = ["0-8 h", "8-16 h", "16-24 h"];
const SHIFT_NS: i64 = 8 * 3_600_000_000_000;
const DAY_NS: i64 = 3 * SHIFT_NS;
/// Gaps needed before a rhythm is told.
const GAPS_MIN: u64 = 3;
/// Flows needed before a conversation is more than a single sight.
const FLOWS_MIN: u64 = 2;
/// Rule whose findings say that an address is claimed twice.
const CONTESTED: &str = "rogue-central";

/// A conversation of a device.
#[derive(Clone, Debug)]
pub struct Talk {
    /// Peer.
    pub ip: IpAddr,
    /// Server's port.
    pub port: u16,
    /// What carries it.
    pub transport: Transport,
    /// Where the peer is.
    pub location: Location,
    /// What is spoken.
    pub protocol: Option<String>,
    /// Who opened it.
    pub direction: Direction,
    /// Flows.
    pub flows: u64,
    /// First frame.
    pub first: CaptureTime,
    /// Last frame.
    pub last: CaptureTime,
    /// When flows begin.
    pub rhythm: Rhythm,
    /// A frame that shows it, as `capture:frame`.
    pub frame: Option<String>,
    /// What the device offered where it opened encrypted sessions; absent where that is not known.
    pub sessions: Option<Box<Sessions>>,
}

/// A device as it was seen.
#[derive(Clone, Debug)]
pub struct SeenDevice {
    /// Its id.
    pub id: AssetId,
    /// Its name, for people.
    pub name: String,
    /// Whether it is a medical device.
    pub medical: bool,
    /// Its class.
    pub class: Option<String>,
    /// Profile that recognised it.
    pub profile: Option<String>,
    /// Link addresses.
    pub macs: BTreeSet<Mac>,
    /// Network addresses.
    pub ips: BTreeSet<IpAddr>,
    /// Whom it talked to.
    pub talks: Vec<Talk>,
}

/// A finding, as far as learning needs it.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Rule.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// Whom it is about.
    pub asset: AssetId,
    /// Address, port (0: any) and transport (absent: any) of its peer, or of each where it is about many.
    pub peers: Vec<(IpAddr, u16, Option<Transport>)>,
}

/// What there is to learn from.
#[derive(Clone, Debug, Default)]
pub struct Occasion {
    /// Devices.
    pub devices: Vec<SeenDevice>,
    /// Findings.
    pub troubles: Vec<Trouble>,
    /// Spans that captures cover.
    pub spans: Vec<(CaptureTime, CaptureTime)>,
    /// What could not be seen, in sentences.
    pub blind_spots: Vec<String>,
}

impl Trouble {
    pub(crate) fn of(finding: &Finding) -> Self {
        let peers = finding.all_peers().map(|peer| {
            let transport = Some(peer.transport).filter(|transport| *transport != Transport::Link);
            (peer.endpoint.ip, peer.endpoint.port, transport)
        });
        let peers = peers.collect();
        Self { rule: finding.rule.to_owned(), severity: finding.severity, asset: finding.asset, peers }
    }

    /// Whether it is about this conversation.
    pub(crate) fn is_about(&self, asset: AssetId, talk: &Talk) -> bool {
        self.asset == asset
            && self.peers.iter().any(|&(ip, port, transport)| {
                ip == talk.ip
                    && (port == 0 || port == talk.port)
                    && transport.is_none_or(|transport| transport == talk.transport)
            })
    }
}

impl Occasion {
    /// What one report holds.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let device = |asset: &model::Asset| SeenDevice {
            id: asset.id,
            name: name_of(asset),
            medical: asset.is_medical(),
            class: asset.class.as_ref().map(|class| class.id.clone()),
            profile: asset.profile.clone(),
            macs: asset.macs.clone(),
            ips: asset.ips.clone(),
            talks: asset.conversations.iter().map(|one| talk_of(report, one)).collect(),
        };
        let spans = report.captures.iter().filter_map(|capture| Some((capture.first?, capture.last?)));
        Self {
            devices: report.assets.iter().map(device).collect(),
            troubles: report.findings.iter().map(Trouble::of).collect(),
            spans: spans.collect(),
            blind_spots: report.blind_spots.clone(),
        }
    }
}

fn name_of(asset: &model::Asset) -> String {
    let place = asset.ips.iter().next().map(IpAddr::to_string);
    let place = place.or_else(|| asset.macs.first().map(Mac::to_string));
    let label = asset.model.clone().or_else(|| asset.names.first().map(ToString::to_string));
    let label = label.or_else(|| asset.class.as_ref().map(|class| class.id.clone()));
    match (label, place) {
        (Some(label), Some(place)) => format!("{label} {place}"),
        (label, place) => label.or(place).unwrap_or_else(|| asset.id.to_string()),
    }
}

/// `capture:frame`, with the capture's name.
pub(crate) fn frame_of(report: &Report, evidence: model::Evidence) -> String {
    let capture = usize::try_from(evidence.capture).ok().and_then(|at| report.captures.get(at));
    let name = capture.map_or_else(|| evidence.capture.to_string(), |capture| capture.name.clone());
    format!("{name}:{}", evidence.frame)
}

pub(crate) fn talk_of(report: &Report, one: &model::Conversation) -> Talk {
    Talk {
        ip: one.peer.ip,
        port: one.peer.port,
        transport: one.transport,
        location: one.location,
        protocol: one.protocol.map(str::to_owned),
        direction: one.direction,
        flows: one.flows,
        first: one.first,
        last: one.last,
        rhythm: one.rhythm,
        frame: Some(frame_of(report, one.evidence)),
        sessions: one.sessions.clone(),
    }
}

/// What shares a unit.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Grouping {
    /// Each device has its own.
    #[default]
    Device,
    /// All devices of one profile share one.
    Profile,
    /// All devices of one zone of the site file share one.
    Zone,
}

/// What is asked of learning.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Name of the policy.
    pub name: String,
    /// What shares a unit.
    pub grouping: Grouping,
    /// These devices, medical or not; empty for all medical ones.
    pub only: BTreeSet<AssetId>,
    /// Whom the policy decides about.
    pub scope: Scope,
}

/// What was learnt.
#[derive(Clone, Debug)]
pub struct Learnt {
    /// The policy.
    pub policy: Policy,
    /// Devices that were looked at.
    pub devices: usize,
}

/// What experts and the site say.
#[derive(Clone, Copy)]
struct Known<'a> {
    profiles: &'a Profiles,
    words: &'a Vocabulary,
    site: &'a Site,
    occasion: &'a Occasion,
}

/// Learns a policy.
#[must_use]
pub fn learn(
    occasion: &Occasion,
    asked: &Asked,
    (profiles, words, site): (&Profiles, &Vocabulary, &Site),
) -> Learnt {
    let known = Known { profiles, words, site, occasion };
    let wanted = |device: &&SeenDevice| {
        if asked.only.is_empty() { device.medical } else { asked.only.contains(&device.id) }
    };
    let mut units: Vec<Unit> = Vec::new();
    let mut missing = Vec::new();
    let devices: Vec<_> = occasion.devices.iter().filter(wanted).collect();
    for device in &devices {
        let unit = known.unit(device, &mut missing);
        let (name, kind) = known.group(device, asked.grouping);
        let unit = Unit { name, kind, ..unit };
        match units.iter_mut().find(|known| known.name == unit.name) {
            Some(shared) => merge(shared, unit),
            None => units.push(unit),
        }
    }
    let unsure: usize = units.iter_mut().map(settle).sum();
    if unsure > 0 {
        missing.push(format!(
            "{unsure} conversations have no profile of their encrypted sessions: of some devices of a unit none was seen to open"
        ));
    }
    units.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    let coverage = known.coverage(&devices, missing);
    let policy = Policy {
        name: asked.name.clone(),
        scope: asked.scope,
        coverage: Some(coverage),
        resolve: BTreeMap::new(),
        units,
    };
    Learnt { policy, devices: devices.len() }
}

fn merge(shared: &mut Unit, other: Unit) {
    shared.macs.extend(other.macs);
    shared.networks.extend(other.networks);
    if shared.profile != other.profile {
        shared.profile = None;
    }
    if shared.class != other.class {
        shared.class = None;
    }
    shared.allow.extend(other.allow);
    shared.refuse.extend(other.refuse);
    shared.unknown.extend(other.unknown);
}

/// Rules once each; what one device of a unit may not do, all may not. How many rules lost their profiles of encrypted
/// sessions, since not all devices had some.
fn settle(unit: &mut Unit) -> usize {
    type Parts<'a> = (&'a mut Option<Observed>, &'a mut Vec<SessionProfile>);
    fn once<T>(list: &mut Vec<T>, rule: impl Fn(&T) -> Rule, parts: impl Fn(&mut T) -> Parts<'_>) -> usize {
        let mut kept: BTreeMap<Rule, T> = BTreeMap::new();
        let mut unsure = BTreeSet::new();
        for mut one in list.drain(..) {
            let Some(known) = kept.get_mut(&rule(&one)) else {
                kept.insert(rule(&one), one);
                continue;
            };
            let ((seen, sessions), (other_seen, other)) = (parts(known), parts(&mut one));
            add_seen(seen, other_seen.take());
            let some = !sessions.is_empty() || !other.is_empty();
            *sessions = session::joined(std::mem::take(sessions), std::mem::take(other));
            if some && sessions.is_empty() {
                unsure.insert(rule(&one));
            }
        }
        list.extend(kept.into_values());
        unsure.len()
    }
    let mut unsure = once(&mut unit.allow, |one| one.rule.clone(), |one| (&mut one.seen, &mut one.sessions));
    once(&mut unit.refuse, |one| one.rule.clone(), |one| (&mut one.seen, &mut one.sessions));
    unsure += once(&mut unit.unknown, |one| one.rule.clone(), |one| (&mut one.seen, &mut one.sessions));
    let refused: BTreeSet<Rule> = unit.refuse.iter().map(|one| one.rule.clone()).collect();
    unit.allow.retain(|one| !refused.contains(&one.rule));
    let settled: BTreeSet<Rule> = unit.allow.iter().map(|one| one.rule.clone()).chain(refused).collect();
    unit.unknown.retain(|one| !settled.contains(&one.rule));
    unsure
}

fn add_seen(known: &mut Option<Observed>, other: Option<Observed>) {
    let (Some(known), Some(other)) = (known.as_mut(), other) else { return };
    known.flows += other.flows;
    known.first = known.first.min(other.first);
    known.last = known.last.max(other.last);
    if known.regular != other.regular {
        known.regular = None;
    }
}

enum Judged {
    Allow(String),
    Refuse(String),
    Unknown(String),
}

impl Known<'_> {
    fn group(&self, device: &SeenDevice, grouping: Grouping) -> (String, UnitKind) {
        let own = (device.name.clone(), UnitKind::Device);
        match grouping {
            Grouping::Device => own,
            Grouping::Profile => {
                let shared = device.profile.clone().or_else(|| device.class.clone());
                shared.map_or(own, |name| (name, UnitKind::Device))
            }
            Grouping::Zone => {
                let holds = |zone: &&inventory::Zone| device.ips.iter().any(|ip| zone.cidr.contains(*ip));
                let zone = self.site.zones.iter().find(holds);
                zone.map_or(own, |zone| (zone.name.clone(), UnitKind::Zone))
            }
        }
    }

    fn unit(&self, device: &SeenDevice, missing: &mut Vec<String>) -> Unit {
        let profile = device.profile.as_deref().and_then(|id| self.profiles.profile(id));
        let mut unit = Unit {
            name: device.name.clone(),
            kind: UnitKind::Device,
            profile: device.profile.clone(),
            class: device.class.clone(),
            macs: device.macs.clone(),
            networks: device.ips.iter().copied().filter(|ip| !is_group(*ip)).filter_map(host).collect(),
            allow: Vec::new(),
            refuse: Vec::new(),
            unknown: Vec::new(),
        };
        for talk in device.talks.iter().filter(|talk| talk.transport != Transport::Link) {
            let judged = self.judge(device, profile, talk);
            let role = talk.protocol.as_deref().and_then(|protocol| self.words.role(protocol));
            let (name, clinical) =
                (role.map(|role| role.role.clone()), role.is_some_and(|role| role.clinical));
            let refused = matches!(judged, Judged::Refuse(_));
            for rule in rules(talk) {
                let (role, seen) = (name.clone(), Some(observed(talk)));
                // What is refused needs no profile.
                let opened = rule.opens == Opener::Unit && !refused;
                let offered = talk.sessions.as_deref().filter(|_| opened).map(session::profiles);
                let sessions = offered.unwrap_or_else(|| Ok(Vec::new())).unwrap_or_else(|why| {
                    missing.push(format!(
                        "{}: {rule}: no profile of its encrypted sessions: {why}",
                        device.name
                    ));
                    Vec::new()
                });
                match &judged {
                    Judged::Allow(why) => {
                        unit.allow.push(Allowed { rule, role, clinical, why: why.clone(), seen, sessions });
                    }
                    Judged::Refuse(why) => {
                        unit.refuse.push(Noted { rule, role, why: why.clone(), seen, sessions });
                    }
                    Judged::Unknown(why) => {
                        unit.unknown.push(Noted { rule, role, why: why.clone(), seen, sessions });
                    }
                }
            }
        }
        for speaks in profile.iter().flat_map(|profile| &profile.speaks) {
            let seen = unit.allow.iter().any(|allowed| {
                let role = self.words.role(&speaks.protocol).map(|role| role.role.as_str());
                role.is_some() && allowed.role.as_deref() == role
            });
            if !seen {
                let to = speaks.to_class.as_deref().unwrap_or("anyone");
                let (name, protocol) = (&device.name, &speaks.protocol);
                missing.push(format!(
                    "{name}: its profile expects {protocol} with {to}; no such conversation was allowed, so it would be cut"
                ));
            }
        }
        unit
    }

    /// Class of the device at an address, or the role that the site file gives its server.
    fn class_at(&self, ip: IpAddr) -> Option<&str> {
        let named =
            self.site.servers.iter().find(|server| server.ip == ip).map(|server| server.role.as_str());
        named.or_else(|| {
            self.occasion.devices.iter().find(|device| device.ips.contains(&ip))?.class.as_deref()
        })
    }

    /// Whether the address of either end is claimed twice, and the site file names nobody as its owner.
    fn contested(&self, device: &SeenDevice, peer: IpAddr) -> bool {
        let claimed = self.occasion.troubles.iter().filter(|trouble| trouble.rule == CONTESTED);
        claimed.flat_map(|trouble| &trouble.peers).any(|&(ip, ..)| {
            let own = device.ips.contains(&ip);
            let rightful = self.site.servers.iter().filter(|server| server.ip == ip).any(|server| {
                // Of its own address, a device must be the one that the site names.
                !own || server.mac.is_none_or(|mac| device.macs.contains(&mac))
            });
            (own || ip == peer) && !rightful
        })
    }

    fn judge(&self, device: &SeenDevice, profile: Option<&Profile>, talk: &Talk) -> Judged {
        let about: Vec<_> =
            self.occasion.troubles.iter().filter(|trouble| trouble.is_about(device.id, talk)).collect();
        let condemned = about.iter().find(|trouble| self.words.condemns(&trouble.rule, trouble.severity));
        if let Some(trouble) = condemned {
            return Judged::Refuse(format!(
                "the finding {} ({}) is about it",
                trouble.rule, trouble.severity
            ));
        }
        let inside = match talk.location {
            Location::OnLink | Location::Onsite => true,
            Location::Offsite => return Judged::Refuse("it leaves the site".to_owned()),
            Location::Unanswered | Location::Unknown => self.site.owns(talk.ip),
        };
        if self.contested(device, talk.ip) {
            return Judged::Unknown(
                "more than one station claims the address of one end; name the rightful one in the site file"
                    .to_owned(),
            );
        }
        let answered = talk.location != Location::Unanswered;
        let class = self.class_at(talk.ip);
        let expected = profile.is_some_and(|profile| {
            profile.speaks.iter().any(|speaks| {
                talk.protocol.as_ref() == Some(&speaks.protocol)
                    && speaks.port.is_none_or(|port| port == talk.port)
                    && speaks.to_class.as_deref().is_none_or(|wanted| class == Some(wanted))
            })
        });
        if expected && inside && answered {
            let who = class.unwrap_or("anyone");
            return Judged::Allow(format!("its profile expects it, with {who}"));
        }
        if let Some(trouble) = about.first() {
            return Judged::Unknown(format!(
                "the finding {} is about it, and nothing but its being seen speaks for it",
                trouble.rule
            ));
        }
        if !answered {
            return Judged::Refuse("nobody answers".to_owned());
        }
        self.by_behaviour(talk, inside)
    }

    fn by_behaviour(&self, talk: &Talk, inside: bool) -> Judged {
        let role = talk.protocol.as_deref().and_then(|protocol| self.words.role(protocol));
        match role {
            Some(role) if inside && role.clinical => {
                Judged::Allow(format!("seen inside the site, and patients' care depends on {}", role.role))
            }
            Some(role) if inside && role.routine && talk.direction == Direction::Out => {
                Judged::Allow(format!("seen inside the site; any device needs {}", role.role))
            }
            Some(role) if inside => {
                Judged::Unknown(format!("seen inside the site; {} is for you to decide", role.role))
            }
            _ if !inside => Judged::Unknown("where the peer is could not be told".to_owned()),
            _ if talk.flows < FLOWS_MIN => {
                Judged::Unknown("seen once; what it is for is not known".to_owned())
            }
            _ => Judged::Unknown("what it is for is not known".to_owned()),
        }
    }

    fn coverage(&self, devices: &[&SeenDevice], missing: Vec<String>) -> Coverage {
        let spans = &self.occasion.spans;
        let mut notes = vec![shifts(spans)];
        let updates = ["remote-mount", "remote-code-fetch", "code-push"];
        let update = self.occasion.troubles.iter().any(|trouble| updates.contains(&trouble.rule.as_str()));
        notes.push(if update {
            "An update was seen, and is refused: update by hand, off the network, or allow it by name."
                .to_owned()
        } else {
            "No update cycle was seen: what a device needs for its update is not in this policy.".to_owned()
        });
        if devices.is_empty() {
            notes.push("No medical device was seen; name others with --device.".to_owned());
        }
        notes.extend(missing);
        notes.extend(self.occasion.blind_spots.iter().map(|spot| format!("Not seen: {spot}")));
        Coverage {
            first: spans.iter().map(|(first, _)| *first).min(),
            last: spans.iter().map(|(_, last)| *last).max(),
            seconds: covered(spans),
            notes,
        }
    }
}

fn rules(talk: &Talk) -> Vec<Rule> {
    let Some(peer) = host(talk.ip).map(Peer::Network) else { return Vec::new() };
    let with_ports = matches!(talk.transport, Transport::Tcp | Transport::Udp);
    let ports = with_ports.then(|| Ports::one(talk.port));
    let rule = |opens| Rule { opens, peer: peer.clone(), transport: talk.transport, ports };
    match talk.direction {
        _ if !with_ports => vec![rule(Opener::Unit)],
        Direction::Out => vec![rule(Opener::Unit)],
        Direction::In => vec![rule(Opener::Peer)],
        Direction::Both => vec![rule(Opener::Unit), rule(Opener::Peer)],
    }
}

fn observed(talk: &Talk) -> Observed {
    Observed {
        flows: talk.flows,
        first: Some(talk.first),
        last: Some(talk.last),
        regular: regularity(talk),
        frame: talk.frame.clone(),
    }
}

/// How regularly flows begin, in words; for one long flow, that it lasts.
fn regularity(talk: &Talk) -> Option<String> {
    if talk.flows < FLOWS_MIN {
        let seconds = talk.last.since(talk.first).as_secs();
        return (seconds >= 60).then(|| format!("one connection of {seconds} s"));
    }
    let (mean, deviation) = talk.rhythm.seconds().filter(|_| talk.rhythm.gaps() >= GAPS_MIN)?;
    let word = match deviation / mean.max(1e-3) {
        share if share < 0.1 => "regularly",
        share if share < 0.5 => "roughly regularly",
        _ => "irregularly",
    };
    Some(format!("{word}, every {mean:.1} s ± {deviation:.1} s"))
}

/// Time covered, in seconds, spans that overlap counted once.
fn covered(spans: &[(CaptureTime, CaptureTime)]) -> u64 {
    let mut sorted = spans.to_vec();
    sorted.sort_unstable();
    let (mut total, mut until) = (0, CaptureTime::from_nanos(i64::MIN));
    for (first, last) in sorted {
        let from = first.max(until);
        total += last.since(from).as_nanos();
        until = until.max(last);
    }
    u64::try_from(total / 1_000_000_000).unwrap_or(u64::MAX)
}

/// Which of a day's three shifts, and whether a weekend, the captures reach into. In UTC: captures know no other time.
fn shifts(spans: &[(CaptureTime, CaptureTime)]) -> String {
    let mut seen = [false; 3];
    let (mut weekend, mut weekday) = (false, false);
    for (first, last) in spans {
        let mut at = first.nanos().div_euclid(SHIFT_NS);
        // A week of shifts says all there is to say.
        let end = last.nanos().div_euclid(SHIFT_NS).min(at.saturating_add(21));
        while at <= end {
            let shift = usize::try_from(at.rem_euclid(3)).unwrap_or_default();
            if let Some(seen) = seen.get_mut(shift) {
                *seen = true;
            }
            // 1970-01-01 was a Thursday.
            let day = (at.saturating_mul(SHIFT_NS).div_euclid(DAY_NS) + 3).rem_euclid(7);
            weekend |= day >= 5;
            weekday |= day < 5;
            at += 1;
        }
    }
    let named: Vec<_> = SHIFTS.iter().zip(seen).filter(|(_, seen)| *seen).map(|(name, _)| *name).collect();
    let days = match (weekday, weekend) {
        (true, true) => "workdays and a weekend",
        (true, false) => "no weekend",
        (false, true) => "a weekend only",
        (false, false) => "no day",
    };
    format!("Seen: {} of 3 shifts of a day in UTC ({}); {days}.", named.len(), named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> CaptureTime {
        CaptureTime::from_nanos(hours * 3_600_000_000_000)
    }

    #[test]
    fn time_that_captures_share_counts_once() {
        assert_eq!(covered(&[(at(0), at(2)), (at(1), at(3)), (at(10), at(11))]), 4 * 3600);
        assert_eq!(covered(&[]), 0);
        assert_eq!(covered(&[(at(3), at(1))]), 0, "a span that ends before it begins covers nothing");
    }

    #[test]
    fn shifts_and_weekends_are_told() {
        // 1970-01-01 is a Thursday; hour 48 is Saturday.
        assert!(shifts(&[(at(1), at(2))]).contains("1 of 3 shifts of a day in UTC (0-8 h); no weekend"));
        assert!(
            shifts(&[(at(49), at(57))])
                .contains("2 of 3 shifts of a day in UTC (0-8 h, 8-16 h); a weekend only")
        );
        assert!(shifts(&[(at(0), at(24 * 400))]).contains("3 of 3"));
        assert!(shifts(&[]).contains("0 of 3"));
    }
}
