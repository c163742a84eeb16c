//! From matters to findings.

use crate::rule::{Circumstances, Rules, filled};
use crate::tally::Tally;
use inventory::Survey;
use model::{Asset, AssetId, Detail, Endpoint, Finding, FindingId, Location, Peer, Transport, stable_hash};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// Something that a detector found, before a rule says what it is worth.
pub(crate) struct Matter<'a> {
    pub(crate) rule: &'static str,
    pub(crate) asset: &'a Asset,
    pub(crate) peer: Option<Peer>,
    /// Of a matter with many.
    pub(crate) peers: Vec<Peer>,
    /// What else tells this matter from others of the same rule, asset and peer.
    pub(crate) apart: Vec<u8>,
    pub(crate) tally: Tally,
    pub(crate) circumstances: Circumstances,
    pub(crate) details: BTreeMap<&'static str, Detail>,
    pub(crate) advisories: Vec<String>,
    pub(crate) cves: Vec<String>,
}

impl<'a> Matter<'a> {
    pub(crate) fn new(rule: &'static str, asset: &'a Asset, tally: Tally) -> Self {
        Self {
            rule,
            asset,
            peer: None,
            peers: Vec::new(),
            apart: Vec::new(),
            tally,
            circumstances: Circumstances::new(),
            details: BTreeMap::new(),
            advisories: Vec::new(),
            cves: Vec::new(),
        }
    }

    pub(crate) fn peer(mut self, ip: IpAddr, port: u16, transport: Transport, location: Location) -> Self {
        self.peer = Some(Peer { endpoint: Endpoint { ip, port }, transport, location });
        self.circumstances.insert("where", location.as_str());
        self
    }

    /// With many, each once.
    pub(crate) fn peers(mut self, peers: BTreeSet<Peer>) -> Self {
        self.peers = peers.into_iter().take(Finding::PEERS_MAX).collect();
        self
    }

    pub(crate) fn case(mut self, name: &'static str, value: &'static str) -> Self {
        self.circumstances.insert(name, value);
        self
    }

    pub(crate) fn flag(self, name: &'static str, value: bool) -> Self {
        self.case(name, if value { "yes" } else { "no" })
    }

    pub(crate) fn text(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.insert(name, Detail::Text(value.into()));
        self
    }

    pub(crate) fn number(mut self, name: &'static str, value: u64) -> Self {
        self.details.insert(name, Detail::Number(value));
        self
    }

    pub(crate) fn list(mut self, name: &'static str, values: impl IntoIterator<Item = String>) -> Self {
        self.details.insert(name, Detail::List(values.into_iter().collect()));
        self
    }
}

/// A finding, and where it was seen so far. Boxed: it is put into maps, whose nodes have room for more than they hold,
/// and sorted.
type Found = Box<(Finding, Tally)>;

/// Findings so far.
pub(crate) struct Draft<'a> {
    rules: &'a Rules,
    found: BTreeMap<FindingId, Found>,
    of_asset: BTreeMap<AssetId, Vec<FindingId>>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(rules: &'a Rules) -> Self {
        Self { rules, found: BTreeMap::new(), of_asset: BTreeMap::new() }
    }

    /// Whether what `finding` is about is not to be taken for a device's habit.
    pub(crate) fn blames(&self, finding: &Finding) -> bool {
        self.rules.blames(finding.rule)
    }

    /// Findings so far, about an asset.
    pub(crate) fn about(&self, asset: &'a Asset) -> impl Iterator<Item = &Finding> {
        let ids = self.of_asset.get(&asset.id).into_iter().flatten();
        ids.filter_map(|id| self.found.get(id)).map(|found| &found.0)
    }

    /// Asks the rule what `matter` is worth; one matter seen in several places becomes one finding.
    pub(crate) fn add(&mut self, matter: Matter<'_>) {
        let Some(rule) = self.rules.rule(matter.rule) else { return };
        let Some(worth) = rule.worth(&|name| matter.circumstances.get(name).copied()) else { return };
        let words = words(&matter);
        let mut why = filled(worth.why, &words);
        if let Some(doubt) = worth.doubt {
            why.push(' ');
            why.push_str(&filled(doubt, &words));
        }
        let (mut advisories, mut cves) = (matter.advisories, matter.cves);
        for cite in rule.cites(matter.asset.profile.as_deref()) {
            advisories.extend_from_slice(&cite.advisories);
            cves.extend_from_slice(&cite.cves);
        }
        for list in [&mut advisories, &mut cves] {
            list.sort_unstable();
            list.dedup();
        }
        let finding = Finding {
            id: id_of(matter.rule, matter.asset, matter.peer.as_ref(), &matter.apart),
            rule: matter.rule,
            title: filled(worth.title, &words),
            severity: worth.severity,
            certainty: worth.certainty,
            asset: matter.asset.id,
            peer: matter.peer,
            peers: matter.peers,
            first: matter.tally.first,
            last: matter.tally.last,
            count: matter.tally.count,
            evidence: Vec::new(),
            details: matter.details,
            attack: Arc::clone(&rule.attack),
            advisories,
            cves,
            why,
            fix: Arc::clone(worth.fix),
        };
        self.put(Box::new((finding, matter.tally)));
    }

    /// Takes over what another draft, by the same rules, has found.
    pub(crate) fn join(&mut self, other: Self) {
        other.found.into_values().for_each(|found| self.put(found));
    }

    fn put(&mut self, found: Found) {
        match self.found.entry(found.0.id) {
            Entry::Vacant(place) => {
                self.of_asset.entry(found.0.asset).or_default().push(found.0.id);
                place.insert(found);
            }
            Entry::Occupied(mut place) => {
                let (known, tally) = &mut **place.get_mut();
                let (finding, seen) = *found;
                tally.merge(&seen);
                if (finding.certainty, finding.severity) > (known.certainty, known.severity) {
                    *known = finding;
                }
            }
        }
    }

    /// The findings, worst first, then by rule, asset and peer.
    pub(crate) fn finish(self) -> Vec<Finding> {
        let mut found: Vec<Found> = self.found.into_values().collect();
        found.sort_by_key(|found| {
            let finding = &found.0;
            let peer = finding.peer.map(|peer| (peer.endpoint, peer.transport));
            (std::cmp::Reverse(finding.severity), finding.rule, finding.asset, peer, finding.id)
        });
        let finished = found.into_iter().map(|found| {
            let (finding, tally) = *found;
            let (first, last, count) = (tally.first, tally.last, tally.count);
            Finding { first, last, count, evidence: tally.into_evidence(), ..finding }
        });
        finished.collect()
    }
}

fn id_of(rule: &str, asset: &Asset, peer: Option<&Peer>, apart: &[u8]) -> FindingId {
    let peer = peer.map(|peer| format!("{} {} {}", peer.endpoint.ip, peer.endpoint.port, peer.transport));
    let asset = asset.id.0.to_be_bytes();
    FindingId(stable_hash(&[rule.as_bytes(), &asset, peer.unwrap_or_default().as_bytes(), apart]))
}

/// The words of a matter for its texts: its details, the asset and the peer.
fn words(matter: &Matter<'_>) -> BTreeMap<&'static str, String> {
    let mut words: BTreeMap<_, _> =
        matter.details.iter().map(|(name, detail)| (*name, spelled(detail))).collect();
    words.insert("asset", name_of(matter.asset));
    words.insert("count", matter.tally.count.to_string());
    if let Some(peer) = &matter.peer {
        let Endpoint { ip, port } = peer.endpoint;
        let at_port = match peer.transport {
            Transport::Tcp | Transport::Udp if port != 0 => format!(" ({} port {port})", peer.transport),
            _ => String::new(),
        };
        words.insert("peer", format!("{ip}{at_port}"));
        let place = match peer.location {
            Location::OnLink => "on the same network segment",
            Location::Onsite => "inside the site",
            Location::Offsite => "outside the site",
            Location::Unanswered => "not answering",
            Location::Unknown => "at a place the capture does not tell",
        };
        words.insert("place", place.to_owned());
    }
    words
}

fn spelled(detail: &Detail) -> String {
    match detail {
        Detail::Text(text) => text.clone(),
        Detail::Number(number) => number.to_string(),
        Detail::Flag(flag) => (if *flag { "yes" } else { "no" }).to_owned(),
        Detail::List(list) => list.join(", "),
    }
}

/// An asset as a person would point at it: what it is, and its address.
pub(crate) fn name_of(asset: &Asset) -> String {
    let kind = match (&asset.maker, &asset.model, &asset.class) {
        (Some(maker), Some(model), _) => format!("{maker} {model}"),
        (.., Some(class)) => class.id.replace('-', " "),
        _ => "host".to_owned(),
    };
    let address = asset.ips.iter().find(|ip| ip.is_ipv4()).or(asset.ips.first()).map(ToString::to_string);
    let address = address.or_else(|| asset.macs.first().map(ToString::to_string));
    format!("{kind} {}", address.unwrap_or_default()).trim_end().to_owned()
}

/// What the detectors look at.
pub(crate) struct Ground<'a> {
    pub(crate) survey: &'a Survey<'a>,
}
