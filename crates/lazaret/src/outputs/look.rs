//! From the store to the outboxes: what changed since each receiver was told.
//!
//! Nothing tells this thread of a change: it compares how every finding stands with what each receiver was told, and keeps
//! the message and what is then known in one transaction. So whatever writes to the store (a scan, a watch, people), whenever
//! any of these processes is killed, nothing is lost and nothing is told twice.

use super::deliver::Queue;
use super::file::Output;
use super::moment;
use crate::stored::{now, rfc3339, shown};
use export::notice::{Change, Notice, Other, SCHEMA, Subject};
use inventory::Site;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use store::{
    Access as _, Reader, Standing, StoreError, StoredDetail, StoredFinding, Telling, Told, Whereabouts,
};

/// How often it is looked whether the store changed.
const LOOK: Duration = Duration::from_millis(500);
/// How often it is looked in any case: suppressions end by the clock alone.
const LOOK_ANYWAY: Duration = Duration::from_secs(60);
/// A look takes at most one part in so many of the time.
const SHARE: u32 = 10;
/// Findings of one transaction.
const STEP: usize = 500;

/// One receiver, as this thread sees it.
pub(super) struct Listener {
    output: Output,
    queue: Arc<Queue>,
    told: BTreeMap<i64, Told>,
    /// Serials go on above it ([`store::Outbox::base`]).
    base: u32,
    /// The first look marks what is there, and tells nothing.
    quiet: bool,
}

impl Listener {
    pub(super) fn new(output: Output, queue: &Arc<Queue>) -> Result<Self, StoreError> {
        let (told, first, base) = {
            let outbox = queue.outbox();
            (outbox.told()?, outbox.start()?, outbox.base()?)
        };
        let told = told.into_iter().map(|told| (told.subject, told)).collect();
        let quiet = first && !output.route.existing;
        Ok(Self { output, queue: Arc::clone(queue), told, base, quiet })
    }

    fn knows(&self, standing: &Standing) -> bool {
        let told = self.told.get(&standing.id.0.cast_signed());
        told.is_some_and(|told| (told.open, told.digest) == (standing.open, standing.digest))
    }

    /// What is to be remembered of a finding, and what is to be said.
    fn telling(&self, standing: &Standing, finding: &Finding<'_>) -> Telling {
        let subject = standing.id.0.cast_signed();
        let before = self.told.get(&subject);
        let known = before.map_or(0, |told| told.serial);
        let takes = self.output.route.takes(finding.finding.severity, finding.zone, &finding.finding.rule);
        // Whoever was told that something is open is told how it goes on.
        let change = match (before.is_some_and(|told| told.open && told.serial > 0), standing.open) {
            (false, true) => takes.then_some(Change::Opened),
            (true, true) => Some(Change::Updated),
            (true, false) => Some(Change::Closed),
            (false, false) => None,
        };
        let change = change.filter(|change| !self.quiet && self.output.route.tells(*change));
        let serial = if change.is_some() { known.max(self.base).saturating_add(1) } else { known };
        let told = Told { subject, serial, open: standing.open, digest: standing.digest };
        let text = change.and_then(|change| finding.notice(change, serial).to_json().ok());
        Telling { told, text }
    }
}

/// The thread.
pub(super) struct Look {
    folder: PathBuf,
    site: Site,
    console: Option<String>,
    listeners: Vec<Listener>,
    stop: Arc<AtomicBool>,
}

impl Look {
    pub(super) fn new(
        folder: &Path,
        site: &Site,
        console: Option<String>,
        listeners: Vec<Listener>,
        stop: &Arc<AtomicBool>,
    ) -> Self {
        Self { folder: folder.to_owned(), site: site.clone(), console, listeners, stop: Arc::clone(stop) }
    }

    /// Until told to end.
    pub(super) fn run(mut self) {
        let (mut seen, mut next, mut anyway) = (None, moment(), moment());
        let mut failing = false;
        while !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK.min(next.saturating_duration_since(moment())));
            if moment() < next {
                continue;
            }
            let began = moment();
            match self.once(seen, began >= anyway) {
                Ok(last) => {
                    if seen != Some(last) || began >= anyway {
                        anyway = began + LOOK_ANYWAY;
                    }
                    seen = Some(last);
                    failing = false;
                }
                Err(fault) => {
                    // The next look does what this one did not.
                    seen = None;
                    if !std::mem::replace(&mut failing, true) {
                        eprintln!("lazaret: outputs: {}", crate::exit::with_causes(&fault));
                    }
                }
            }
            next = later(began);
        }
    }

    /// One look, where something changed since `seen`. The number of the last change.
    fn once(&mut self, seen: Option<i64>, anyway: bool) -> Result<i64, StoreError> {
        let store = Reader::open(&self.folder)?;
        let last = store.last_change()?;
        if seen != Some(last) || anyway {
            self.look(&store)?;
        }
        Ok(last)
    }

    fn look(&mut self, store: &Reader) -> Result<(), StoreError> {
        let standings = store.standings(now())?;
        let new: Vec<&Standing> = standings
            .iter()
            .filter(|standing| self.listeners.iter().any(|listener| !listener.knows(standing)))
            .collect();
        let mut full = None;
        for step in new.chunks(STEP) {
            full = self.tell(store, step)?.or(full);
        }
        for listener in &mut self.listeners {
            listener.quiet = false;
        }
        self.forget(&standings)?;
        full.map_or(Ok(()), Err)
    }

    /// Tells every receiver of these. A full outbox holds nobody else up; the fault is given at the end.
    fn tell(&mut self, store: &Reader, step: &[&Standing]) -> Result<Option<StoreError>, StoreError> {
        let at = now();
        let mut tellings: Vec<Vec<Telling>> = vec![Vec::new(); self.listeners.len()];
        for standing in step {
            let stored = store.stored_finding(standing.id)?;
            let place = store.whereabouts(stored.asset)?;
            let zone = zone(&self.site, place.ip.as_deref());
            let finding =
                Finding { finding: &stored, place: &place, zone, at, console: self.console.as_deref() };
            for (listener, tellings) in self.listeners.iter().zip(&mut tellings) {
                if !listener.knows(standing) {
                    tellings.push(listener.telling(standing, &finding));
                }
            }
        }
        let mut full = None;
        for (listener, tellings) in self.listeners.iter_mut().zip(tellings) {
            let kept = listener.queue.outbox().tell(at, &tellings);
            match kept {
                Ok(()) => {
                    listener.told.extend(tellings.iter().map(|telling| (telling.told.subject, telling.told)));
                    listener.queue.wake();
                }
                Err(fault) => full = Some(fault),
            }
        }
        Ok(full)
    }

    /// Findings that were pruned need not be remembered.
    fn forget(&mut self, standings: &[Standing]) -> Result<(), StoreError> {
        for listener in &mut self.listeners {
            if listener.told.len() <= standings.len() {
                continue;
            }
            let there: std::collections::BTreeSet<i64> =
                standings.iter().map(|standing| standing.id.0.cast_signed()).collect();
            let gone: Vec<i64> = listener.told.keys().copied().filter(|id| !there.contains(id)).collect();
            listener.queue.outbox().forget(&gone)?;
            listener.told.retain(|id, _| there.contains(id));
        }
        Ok(())
    }
}

/// When to look again: a look never takes more than its share of the time.
fn later(began: Instant) -> Instant {
    began + LOOK.max(moment().duration_since(began) * SHARE)
}

/// The site's zone of an address: the first that holds it.
pub(crate) fn zone<'a>(site: &'a Site, ip: Option<&str>) -> Option<&'a str> {
    let ip: IpAddr = ip?.parse().ok()?;
    site.zones.iter().find(|zone| zone.cidr.contains(ip)).map(|zone| zone.name.as_str())
}

/// A finding with what a message says besides.
pub(crate) struct Finding<'a> {
    pub(crate) finding: &'a StoredFinding,
    pub(crate) place: &'a Whereabouts,
    pub(crate) zone: Option<&'a str>,
    pub(crate) at: i64,
    pub(crate) console: Option<&'a str>,
}

impl Finding<'_> {
    /// The message about it.
    pub(crate) fn notice(&self, change: Change, serial: u32) -> Notice {
        let StoredFinding { body, .. } = self.finding;
        let finding = self.finding.id.to_string();
        let unsigned = |count: i64| u64::try_from(count).unwrap_or(0);
        let notice = Notice {
            schema: SCHEMA.to_owned(),
            id: format!("{finding}-{serial}"),
            change,
            at: rfc3339(self.at),
            serial,
            rule: self.finding.rule.clone(),
            title: self.finding.title.clone(),
            severity: self.finding.severity.as_str().to_owned(),
            certainty: self.finding.certainty.as_str().to_owned(),
            state: self.finding.state.as_str().to_owned(),
            first: rfc3339(self.finding.first),
            last: rfc3339(self.finding.last),
            count: unsigned(self.finding.count),
            reopened: unsigned(self.finding.reopened),
            suppressed_until: self
                .finding
                .suppression
                .as_ref()
                .filter(|quiet| quiet.until > self.at)
                .map(|quiet| rfc3339(quiet.until)),
            asset: Subject {
                id: self.finding.asset.to_string(),
                name: shown(&self.place.name),
                ip: self.place.ip.clone(),
                zone: self.zone.map(str::to_owned),
            },
            peer: body.peer.as_ref().map(|peer| Other {
                ip: peer.ip.clone(),
                port: Some(peer.port).filter(|port| *port != 0),
                transport: peer.transport.clone(),
                location: peer.location.clone(),
            }),
            attack: body.attack.clone(),
            advisories: body.advisories.clone(),
            cves: body.cves.clone(),
            details: body.details.iter().map(|(key, detail)| (key.clone(), value(detail))).collect(),
            why: body.why.clone(),
            fix: body.fix.clone(),
            url: self.console.map(|console| format!("{console}/findings/{finding}")),
            finding,
        };
        notice.bounded()
    }
}

fn value(detail: &StoredDetail) -> serde_json::Value {
    match detail {
        StoredDetail::Flag(flag) => (*flag).into(),
        StoredDetail::Number(number) => (*number).into(),
        StoredDetail::Text(text) => text.as_str().into(),
        StoredDetail::List(list) => list.clone().into(),
    }
}
