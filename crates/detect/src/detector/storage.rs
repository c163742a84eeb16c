//! `remote-mount`: a medical device asks for somebody else's file system.
//!
//! Asking is what matters: an update over the network starts so, and where nobody answers the request or the
//! connection attempt is all there is to see.

use super::{entry, renew};
use crate::draft::{Draft, Ground, Matter};
use crate::tally::Tally;
use inventory::{Exchange, ExchangeId, Renewed, StationId, Survey};
use model::{Location, Observation, Side, Storage, StorageOutcome, StorageStep, Transport};
use std::collections::{BTreeMap, BTreeSet};

/// Most paths listed in one finding. Our limit; further ones are left out.
const PATHS_MAX: usize = 16;
/// Exchanges looked at for where the server is. Our limit.
const EXCHANGES_MAX: usize = 16;

/// By who asked, and whom.
#[derive(Debug, Default)]
pub(crate) struct StorageUses(BTreeMap<(StationId, StationId), Use>);

#[derive(Clone, Debug, Default)]
struct Use {
    tally: Tally,
    services: BTreeSet<String>,
    paths: BTreeSet<String>,
    steps: BTreeSet<StorageStep>,
    granted: bool,
    refused: Option<u32>,
    exchanges: BTreeSet<ExchangeId>,
}

impl StorageUses {
    /// `side` of the exchange asked.
    pub(crate) fn see(
        &mut self,
        id: ExchangeId,
        exchange: &Exchange,
        side: Side,
        storage: &Storage,
        observation: &Observation,
        dropped: &mut u64,
    ) {
        let key = (exchange.station(side), exchange.station(side.other()));
        let Some(used) = entry(&mut self.0, key, dropped) else { return };
        used.tally.see(observation);
        if !used.services.contains(storage.service) {
            used.services.insert(storage.service.to_owned());
        }
        used.steps.insert(storage.step);
        match storage.outcome {
            StorageOutcome::Asked => {}
            StorageOutcome::Granted => used.granted = true,
            StorageOutcome::Refused(status) => used.refused = Some(status),
        }
        if let Some(path) = storage.path.as_ref().filter(|path| !path.is_empty())
            && used.paths.len() < PATHS_MAX
        {
            used.paths.insert(path.to_string());
        }
        if used.exchanges.len() < EXCHANGES_MAX {
            used.exchanges.insert(id);
        }
    }

    pub(crate) fn renew(&mut self, renewed: &Renewed) {
        let key = |(asker, server)| Some((renewed.station(asker)?, renewed.station(server)?));
        renew(&mut self.0, renewed, key, |used| &mut used.tally);
        for used in self.0.values_mut() {
            used.exchanges = used.exchanges.iter().filter_map(|id| renewed.exchange(*id)).collect();
        }
    }

    pub(crate) fn conclude<'a>(&self, ground: &Ground<'a>, draft: &mut Draft<'a>) {
        let survey = ground.survey;
        let mut uses = self.0.clone();
        attempts(survey, &mut uses);
        for ((asker, server), used) in &uses {
            let Some(asset) = survey.asset_of(*asker) else { continue };
            if asset.is_medical() {
                used.conclude(survey, asset, *asker, *server, draft);
            }
        }
    }
}

/// Connection attempts to file services that nobody answered: no content tells what they wanted.
fn attempts(survey: &Survey<'_>, uses: &mut BTreeMap<(StationId, StationId), Use>) {
    let inventory = survey.inventory();
    for (at, exchange) in inventory.exchanges().iter().enumerate() {
        let quiet = exchange.transport == Transport::Tcp && !exchange.answered && !exchange.one_sided;
        let service = inventory.vocabulary().file_service(exchange.port);
        let (Some(service), true, None) = (service, quiet, exchange.protocol) else { continue };
        let used = uses.entry((exchange.client, exchange.server)).or_default();
        used.tally.merge(&Tally::of_exchange(exchange));
        used.services.insert(service.to_owned());
        used.steps.insert(StorageStep::Locate);
        used.exchanges.insert(ExchangeId::at(at));
    }
}

impl Use {
    fn conclude<'a>(
        &self,
        survey: &'a Survey<'a>,
        asset: &'a model::Asset,
        asker: StationId,
        server: StationId,
        draft: &mut Draft<'a>,
    ) {
        let inventory = survey.inventory();
        let Some(ip) = inventory.station(server).and_then(|row| row.ip) else { return };
        let here = inventory.station(asker).and_then(|row| row.ip);
        let exchanges: Vec<_> =
            self.exchanges.iter().filter_map(|id| inventory.exchanges().get(id.index())).collect();
        let side_of =
            |exchange: &Exchange| if exchange.client == asker { Side::Client } else { Side::Server };
        let places = exchanges.iter().map(|exchange| survey.location(exchange, side_of(exchange)));
        let best = places.min_by_key(|place| match place {
            Location::Offsite => 0,
            Location::OnLink => 1,
            Location::Onsite => 2,
            Location::Unknown => 3,
            Location::Unanswered => 4,
        });
        let location = best.unwrap_or(Location::Unanswered);
        let answered = self.granted || self.refused.is_some();
        let one_port = match exchanges.as_slice() {
            [only] => only.port,
            [first, rest @ ..] if rest.iter().all(|other| other.port == first.port) => first.port,
            _ => 0,
        };
        let transport = exchanges.first().map_or(Transport::Link, |exchange| exchange.transport);
        let hardcoded = inventory.vocabulary().hardcoded(ip).is_some();
        let outside = !inventory.site().owns(ip) && !here.is_some_and(|here| Survey::near(here, ip));
        let outcome = match (self.granted, self.refused) {
            (true, _) => "granted".to_owned(),
            (false, Some(status)) => format!("refused with status {status}"),
            (false, None) => "not answered".to_owned(),
        };
        let step = |step: &StorageStep| {
            let word = match step {
                StorageStep::Locate => "locate",
                StorageStep::Mount => "mount",
                StorageStep::Unmount => "unmount",
                StorageStep::Browse => "browse",
                StorageStep::Read => "read",
                StorageStep::Write => "write",
            };
            word.to_owned()
        };
        let services: Vec<_> = self.services.iter().cloned().collect();
        let mut matter = Matter::new("remote-mount", asset, self.tally.clone())
            .peer(ip, one_port, transport, location)
            .flag("hardcoded", hardcoded)
            .flag("outside", outside)
            .flag("answered", answered)
            .text("service", services.join(", "))
            .list("steps", self.steps.iter().map(step))
            .text("outcome", outcome);
        if let Some(path) = self.paths.first() {
            matter = matter.text("path", path.clone());
        }
        if self.paths.len() > 1 {
            matter = matter.list("paths", self.paths.iter().cloned());
        }
        draft.add(Matter { apart: b"storage".to_vec(), ..matter });
    }
}
