//! `hardcoded-address`: a device asks for an address that a maker hard-coded, by address resolution or by
//! sending to it.
//!
//! The answer decides what it means: a local central station at that address is what the manuals describe; an
//! answer from outside is a leak or worse, and silence shows at least what the device is.

use super::{entry, renew};
use crate::draft::{Draft, Ground, Matter};
use crate::tally::Tally;
use inventory::{ExchangeId, Renewed, StationId, Survey};
use model::{Asset, AssetId, Location, Observation, Severity, Side, Transport};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Exchanges looked at for where the address is. Our limit; one is enough where they agree.
const EXCHANGES_MAX: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct Contacts(BTreeMap<(StationId, IpAddr), Contact>);

#[derive(Debug, Default)]
struct Contact {
    tally: Tally,
    exchanges: BTreeSet<ExchangeId>,
    ports: BTreeSet<(Transport, u16)>,
}

impl Contacts {
    pub(crate) fn see(
        &mut self,
        station: StationId,
        ip: IpAddr,
        exchange: Option<ExchangeId>,
        port: (Transport, u16),
        observation: &Observation,
        dropped: &mut u64,
    ) {
        let Some(contact) = entry(&mut self.0, (station, ip), dropped) else { return };
        contact.tally.see(observation);
        if contact.ports.len() < EXCHANGES_MAX {
            contact.ports.insert(port);
        }
        if contact.exchanges.len() < EXCHANGES_MAX {
            contact.exchanges.extend(exchange);
        }
    }

    pub(crate) fn renew(&mut self, renewed: &Renewed) {
        let key = |(station, ip)| Some((renewed.station(station)?, ip));
        renew(&mut self.0, renewed, key, |contact| &mut contact.tally);
        for contact in self.0.values_mut() {
            contact.exchanges = contact.exchanges.iter().filter_map(|id| renewed.exchange(*id)).collect();
        }
    }

    /// Comes last: an address that answers on the link is a small matter only where nothing else is found.
    pub(crate) fn conclude<'a>(&self, ground: &Ground<'a>, draft: &mut Draft<'a>) {
        let survey = ground.survey;
        let vocabulary = survey.inventory().vocabulary();
        // What an asset asked on the link and what it sent to come from different stations of it.
        let mut contacts: BTreeMap<(AssetId, IpAddr), (&Asset, Contact)> = BTreeMap::new();
        for ((station, ip), contact) in &self.0 {
            let Some(asset) = survey.asset_of(*station) else { continue };
            let entry = contacts.entry((asset.id, *ip));
            let (_, all) = entry.or_insert_with(|| (asset, Contact::default()));
            all.tally.merge(&contact.tally);
            all.exchanges.extend(&contact.exchanges);
            all.ports.extend(&contact.ports);
        }
        for ((_, ip), (asset, contact)) in &contacts {
            let asset = *asset;
            let Some(known) = vocabulary.hardcoded(*ip) else { continue };
            if asset.ips.contains(ip) || asset.macs.iter().any(|mac| survey.routes(*mac)) {
                continue;
            }
            let location = contact.location(survey, *ip);
            let serious = |severity| severity >= Severity::High;
            let other = draft
                .about(asset)
                .any(|finding| finding.rule != "known-vulnerable" && serious(finding.severity));
            // The carrier that shows most: TCP or UDP before address resolution alone.
            let mut ports = contact.ports.iter().filter(|(transport, _)| *transport != Transport::Link);
            let (transport, port) = match (ports.next(), ports.next()) {
                (Some((transport, port)), None) => (*transport, *port),
                (Some((transport, _)), Some(_)) => (*transport, 0),
                (None, _) => (Transport::Link, 0),
            };
            let asked = contact.ports.iter().map(|(transport, port)| match transport {
                Transport::Link => "address resolution".to_owned(),
                other => format!("{other} port {port}"),
            });
            let matter = Matter::new("hardcoded-address", asset, contact.tally.clone())
                .peer(*ip, port, transport, location)
                .flag("other", other)
                .flag("declared", survey.inventory().site().servers.iter().any(|server| server.ip == *ip))
                .list("asked_by", asked)
                .list("makers", known.makers.iter().cloned())
                .list("models", known.models.iter().cloned())
                .text("purpose", known.purpose.clone());
            // One matter per address, whatever the ports.
            draft.add(Matter { apart: b"address".to_vec(), ..matter });
        }
    }
}

impl Contact {
    fn location(&self, survey: &Survey<'_>, ip: IpAddr) -> Location {
        let inventory = survey.inventory();
        let exchanges = self.exchanges.iter().filter_map(|id| inventory.exchanges().get(id.index()));
        let seen: BTreeSet<_> = exchanges.map(|exchange| survey.location(exchange, Side::Client)).collect();
        for location in [Location::Offsite, Location::OnLink, Location::Onsite, Location::Unknown] {
            if seen.contains(&location) {
                return location;
            }
        }
        let owned = inventory.owners(ip).iter().any(|owner| !survey.routes(owner.mac));
        if owned { Location::OnLink } else { Location::Unanswered }
    }
}
