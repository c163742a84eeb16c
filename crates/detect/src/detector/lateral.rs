//! `lateral-movement`: a host looks for others, or a medical device opens what only people administer with.
//!
//! | kind | what was seen |
//! |---|---|
//! | `sweep` | it asked on the link for many addresses that nobody has |
//! | `hosts` | it tried many hosts of the site that did not let it in |
//! | `ports` | it tried many ports of one host that did not let it in |
//! | `administration` | a medical device opened a terminal, a remote desktop or the like of another host |
//!
//! Who looks for others does not know what is there, so most of the attempts fail; who works knows (J. Jung, V. Paxson,
//! A. Berger, H. Balakrishnan, "Fast portscan detection using sequential hypothesis testing", IEEE S&P 2004). Failures
//! are counted where they are new and many come in a short time, and there must be as many of them as successes. Where
//! the sensor lost frames, an answer may be among the lost: those moments do not count.

use super::egress::expected;
use super::entry;
use super::loss::Losses;
use crate::draft::{Draft, Ground, Matter};
use crate::tally::Tally;
use inventory::{Exchange, Inventory, Renewed, StationId, Survey};
use model::{Asset, AssetId, CaptureTime, Endpoint, Evidence, Observation, Peer, Side, Transport};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Different addresses that one station asked for on the link and that are kept. Our limit; the oldest gives way.
const ASKED_MAX: usize = 256;
/// Most hosts, ports or services listed in one finding. Our limit.
const LISTED_MAX: usize = 16;

const MINUTE_NS: i64 = 60_000_000_000;
/// Windows in which so many new failures are a search: ten minutes for a hasty one, a day for a patient one.
const HOSTS: [(i64, usize); 2] = [(10 * MINUTE_NS, 8), (1440 * MINUTE_NS, 32)];
const PORTS: [(i64, usize); 2] = [(10 * MINUTE_NS, 10), (1440 * MINUTE_NS, 32)];
const SWEEP: [(i64, usize); 2] = [(10 * MINUTE_NS, 16), (1440 * MINUTE_NS, 64)];

/// Who asked for which addresses on the link.
#[derive(Debug, Default)]
pub(crate) struct Searches(BTreeMap<StationId, BTreeMap<IpAddr, Seen>>);

/// When something was first seen, and in which frame.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
struct Seen {
    time: CaptureTime,
    evidence: Evidence,
}

/// What one asset tried, each with when first.
#[derive(Default)]
struct Tries {
    asked: Vec<(Seen, IpAddr)>,
    failed: Vec<(Seen, Peer)>,
    succeeded: Vec<(Seen, IpAddr)>,
    administration: Vec<(Tally, Peer, String, bool)>,
}

impl Searches {
    /// `station` asked on the link who has an address.
    pub(crate) fn asked(
        &mut self,
        inventory: &Inventory,
        station: StationId,
        ip: IpAddr,
        observation: &Observation,
        dropped: &mut u64,
    ) {
        if !inventory.site().owns(ip) {
            return;
        }
        let Some(asked) = entry(&mut self.0, station, dropped) else { return };
        if asked.contains_key(&ip) {
            return;
        }
        if asked.len() >= ASKED_MAX
            && let Some(oldest) = asked.iter().min_by_key(|(_, seen)| **seen).map(|(ip, _)| *ip)
        {
            asked.remove(&oldest);
        }
        asked.insert(ip, Seen { time: observation.time, evidence: observation.evidence });
    }

    /// The clock was set by so many nanoseconds: what was asked for together stays together.
    pub(crate) fn clock_set(&mut self, by: i64) {
        for seen in self.0.values_mut().flat_map(BTreeMap::values_mut) {
            seen.time = seen.time.plus_nanos(by);
        }
    }

    pub(crate) fn renew(&mut self, renewed: &Renewed) {
        for (station, mut asked) in std::mem::take(&mut self.0) {
            asked.retain(|_, seen| renewed.renewal.keeps(seen.time));
            if let Some(station) = renewed.station(station).filter(|_| !asked.is_empty()) {
                self.0.insert(station, asked);
            }
        }
    }

    pub(crate) fn conclude<'a>(&self, losses: &Losses, ground: &Ground<'a>, draft: &mut Draft<'a>) {
        let survey = ground.survey;
        for (id, tries) in self.tries(losses, survey) {
            let at = survey.assets().binary_search_by_key(&id, |asset| asset.id);
            let Some(asset) = at.ok().and_then(|at| survey.assets().get(at)) else { continue };
            tries.sweep(survey, asset, draft);
            tries.hosts(survey, asset, draft);
            tries.ports(survey, asset, draft);
            tries.administration(asset, draft);
        }
    }

    fn tries(&self, losses: &Losses, survey: &Survey<'_>) -> BTreeMap<AssetId, Tries> {
        let inventory = survey.inventory();
        let mut all: BTreeMap<AssetId, Tries> = BTreeMap::new();
        for (station, asked) in &self.0 {
            let Some(asset) = survey.asset_of(*station) else { continue };
            let tries = all.entry(asset.id).or_default();
            let nobodys = asked.iter().filter(|(ip, seen)| {
                inventory.owners(**ip).is_empty() && !asset.ips.contains(*ip) && !losses.near(seen.time)
            });
            tries.asked.extend(nobodys.map(|(ip, seen)| (*seen, *ip)));
        }
        for exchange in inventory.exchanges().iter().filter(|exchange| exchange.flows > 0 && !exchange.group)
        {
            let Some(asset) = survey.asset_of(exchange.client) else { continue };
            let Some(ip) = inventory.station(exchange.server).and_then(|row| row.ip) else { continue };
            if inventory.site().owns(ip) && !asset.ips.contains(&ip) {
                all.entry(asset.id).or_default().see(survey, asset, exchange, ip, losses);
            }
        }
        all
    }
}

impl Tries {
    fn see(&mut self, survey: &Survey<'_>, asset: &Asset, exchange: &Exchange, ip: IpAddr, losses: &Losses) {
        let seen = Seen { time: exchange.first, evidence: exchange.evidence };
        let answered = exchange.answered || exchange.one_sided;
        // Where it is, is asked only of what may become a finding.
        let peer = || Peer {
            endpoint: Endpoint { ip, port: exchange.port },
            transport: exchange.transport,
            location: survey.location(exchange, Side::Client),
        };
        match exchange.transport {
            Transport::Tcp | Transport::Icmp if answered => self.succeeded.push((seen, ip)),
            Transport::Tcp | Transport::Icmp if !losses.near(exchange.first) => {
                self.failed.push((seen, peer()));
            }
            _ => {}
        }
        let vocabulary = survey.inventory().vocabulary();
        let (protocol, transport, port) = (exchange.protocol, exchange.transport, exchange.port);
        if let Some(service) = vocabulary.administration(protocol, transport, port)
            && asset.is_medical()
            && !expected(survey, asset, exchange)
        {
            self.administration.push((Tally::of_exchange(exchange), peer(), service.to_owned(), answered));
        }
    }

    fn sweep<'a>(&self, survey: &Survey<'_>, asset: &'a Asset, draft: &mut Draft<'a>) {
        let mut asked = self.asked.clone();
        asked.sort_unstable();
        let crowd = crowd(asked, &SWEEP, |(seen, _)| seen.time);
        if crowd.is_empty() {
            return;
        }
        let hosts = crowd.iter().map(|(_, ip)| *ip).collect();
        let what = format!("asked on its link for {} addresses that nobody has", crowd.len());
        let matter = matter(survey, asset, "sweep", crowd.iter().map(|(seen, _)| *seen), &hosts);
        draft.add(matter.case("success", "no").text("what", what));
    }

    fn hosts<'a>(&self, survey: &Survey<'_>, asset: &'a Asset, draft: &mut Draft<'a>) {
        let mut first: BTreeMap<IpAddr, (Seen, Peer)> = BTreeMap::new();
        for tried @ (_, peer) in &self.failed {
            let known = first.entry(peer.endpoint.ip).or_insert(*tried);
            *known = (*known).min(*tried);
        }
        let mut failed: Vec<_> = first.into_values().collect();
        failed.sort_unstable();
        let crowd = crowd(failed, &HOSTS, |(seen, _)| seen.time);
        let (Some((from, ..)), Some((to, ..))) = (crowd.first(), crowd.last()) else { return };
        let meanwhile = self.succeeded.iter().filter(|(seen, _)| (from.time..=to.time).contains(&seen.time));
        let successes: BTreeSet<IpAddr> = meanwhile.map(|(_, ip)| *ip).collect();
        if successes.len() > crowd.len() {
            return;
        }
        let peers: BTreeSet<Peer> = crowd.iter().map(|(_, peer)| *peer).collect();
        let ports: BTreeSet<u16> =
            peers.iter().map(|peer| peer.endpoint.port).filter(|port| *port != 0).collect();
        let hosts = peers.iter().map(|peer| peer.endpoint.ip).collect();
        let what = format!("tried {} hosts of the site that did not let it in", crowd.len());
        let matter = matter(survey, asset, "hosts", crowd.iter().map(|(seen, _)| *seen), &hosts);
        let ports = ports.iter().take(LISTED_MAX).map(ToString::to_string);
        draft.add(matter.case("success", "no").peers(peers).list("ports", ports).text("what", what));
    }

    fn ports<'a>(&self, survey: &Survey<'_>, asset: &'a Asset, draft: &mut Draft<'a>) {
        let mut of_host: BTreeMap<IpAddr, BTreeMap<u16, (Seen, Peer)>> = BTreeMap::new();
        for tried @ (_, peer) in &self.failed {
            let Endpoint { ip, port } = peer.endpoint;
            let known = of_host.entry(ip).or_default().entry(port).or_insert(*tried);
            *known = (*known).min(*tried);
        }
        let (mut peers, mut frames) = (BTreeSet::new(), Vec::new());
        for tried in of_host.into_values() {
            let mut tried: Vec<_> = tried.into_values().collect();
            tried.sort_unstable();
            let crowd = crowd(tried, &PORTS, |(seen, _)| seen.time);
            frames.extend(crowd.iter().map(|(seen, _)| *seen));
            peers.extend(crowd.iter().map(|(_, peer)| *peer));
        }
        if peers.is_empty() {
            return;
        }
        let hosts: BTreeSet<IpAddr> = peers.iter().map(|peer| peer.endpoint.ip).collect();
        let ports: BTreeSet<u16> = peers.iter().map(|peer| peer.endpoint.port).collect();
        let what =
            format!("tried {} ports of {} without being let in", ports.len(), counted_hosts(hosts.len()));
        let matter = matter(survey, asset, "ports", frames, &hosts);
        let ports = ports.iter().take(LISTED_MAX).map(ToString::to_string);
        draft.add(matter.case("success", "no").peers(peers).list("ports", ports).text("what", what));
    }

    fn administration<'a>(&self, asset: &'a Asset, draft: &mut Draft<'a>) {
        let success = self.administration.iter().any(|(.., answered)| *answered);
        // Where some let it in, those are the matter.
        let counted = self.administration.iter().filter(|(.., answered)| *answered || !success);
        let mut tally = Tally::default();
        let (mut hosts, mut services, mut peers) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (seen, peer, service, _) in counted {
            tally.merge(seen);
            hosts.insert(peer.endpoint.ip);
            services.insert(service.as_str());
            peers.insert(*peer);
        }
        if hosts.is_empty() {
            return;
        }
        let services: Vec<&str> = services.into_iter().collect();
        let verb = if success { "opened" } else { "tried to open" };
        let what = format!("{verb} {} of {}", services.join(", "), counted_hosts(hosts.len()));
        let matter = Matter::new("lateral-movement", asset, tally)
            .peers(peers)
            .case("kind", "administration")
            .flag("medical", asset.is_medical())
            .flag("success", success)
            .text("kind", "administration")
            .text("what", what)
            .list("services", services.iter().map(ToString::to_string))
            .list("hosts", hosts.iter().take(LISTED_MAX).map(ToString::to_string));
        draft.add(Matter { apart: b"administration".to_vec(), ..matter });
    }
}

fn matter<'a>(
    survey: &Survey<'_>,
    asset: &'a Asset,
    kind: &'static str,
    frames: impl IntoIterator<Item = Seen>,
    hosts: &BTreeSet<IpAddr>,
) -> Matter<'a> {
    let mut tally = Tally::default();
    for seen in frames {
        tally.merge(&Tally::once(seen.time, seen.evidence));
    }
    // Routers ask for whoever is called through them, and address servers whether an address is free.
    let part = asset.class.as_ref().map_or("", |class| class.id.as_str());
    let serves =
        asset.macs.iter().any(|mac| survey.routes(*mac)) || matches!(part, "router" | "network-service");
    let known =
        |ip: &IpAddr| survey.assets().iter().any(|other| other.is_medical() && other.ips.contains(ip));
    let matter = Matter::new("lateral-movement", asset, tally)
        .case("kind", kind)
        .flag("medical", asset.is_medical())
        .flag("infrastructure", serves)
        .flag("towards_medical", hosts.iter().any(known))
        .text("kind", kind)
        .list("hosts", hosts.iter().take(LISTED_MAX).map(ToString::to_string));
    Matter { apart: kind.as_bytes().to_vec(), ..matter }
}

fn counted_hosts(count: usize) -> String {
    if count == 1 { "another host".to_owned() } else { format!("{count} other hosts") }
}

/// Of things in order of time, those that lie in a window with too many of them.
fn crowd<T: Copy>(all: Vec<T>, windows: &[(i64, usize)], time: impl Fn(&T) -> CaptureTime) -> Vec<T> {
    let mut within = vec![false; all.len()];
    for (length, least) in windows {
        let mut from = 0;
        for (to, last) in all.iter().enumerate() {
            while all.get(from).is_some_and(|first| time(last).nanos_since(time(first)) > *length) {
                from += 1;
            }
            if to + 1 - from >= *least {
                within.get_mut(from..=to).unwrap_or_default().fill(true);
            }
        }
    }
    all.into_iter().zip(within).filter_map(|(one, within)| within.then_some(one)).collect()
}
