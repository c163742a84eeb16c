//! `remote-code-fetch`, `code-push`: executable content crosses the network to a medical device.

use super::{entry, renew};
use crate::draft::{Draft, Ground, Matter};
use crate::tally::Tally;
use inventory::{Exchange, Renewed, StationId};
use model::{CarriedFile, Detail, Location, Mover, Observation, Side, Transport};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// By sender, receiver, and what the file is called and hashes to.
#[derive(Debug, Default)]
pub(crate) struct CarriedFiles(BTreeMap<(StationId, StationId, String), Carried>);

#[derive(Debug, Default)]
struct Carried {
    tally: Tally,
    file: Option<CarriedFile>,
    exchange: Option<(Exchange, Side)>,
}

impl CarriedFiles {
    /// `side` of the exchange sent the file.
    pub(crate) fn see(
        &mut self,
        exchange: &Exchange,
        side: Side,
        file: &CarriedFile,
        observation: &Observation,
        dropped: &mut u64,
    ) {
        if !file.kind.is_executable() {
            return;
        }
        let hash = file.sha256.map(|hash| hash.to_string());
        let path = file.path.as_ref().map(ToString::to_string);
        let name = format!("{} {} {:?}", path.unwrap_or_default(), hash.unwrap_or_default(), file.mover);
        let key = (exchange.station(side), exchange.station(side.other()), name);
        let Some(carried) = entry(&mut self.0, key, dropped) else { return };
        for evidence in [file.first, file.last] {
            carried.tally.merge(&Tally::once(observation.time, evidence));
        }
        carried.file = Some(file.clone());
        carried.exchange = Some((*exchange, side));
    }

    pub(crate) fn renew(&mut self, renewed: &Renewed) {
        let key =
            |(sender, receiver, name)| Some((renewed.station(sender)?, renewed.station(receiver)?, name));
        renew(&mut self.0, renewed, key, |carried| &mut carried.tally);
        for (exchange, _) in self.0.values_mut().filter_map(|carried| carried.exchange.as_mut()) {
            // Its stations are those of the key.
            let known = |id| renewed.station(id).unwrap_or(id);
            (exchange.client, exchange.server) = (known(exchange.client), known(exchange.server));
        }
    }

    pub(crate) fn conclude<'a>(&self, ground: &Ground<'a>, draft: &mut Draft<'a>) {
        for ((sender, receiver, name), carried) in &self.0 {
            let survey = ground.survey;
            let Some(asset) = survey.asset_of(*receiver) else { continue };
            let (Some(file), Some((exchange, side))) = (&carried.file, &carried.exchange) else { continue };
            let Some(ip) = survey.inventory().station(*sender).and_then(|row| row.ip) else { continue };
            let rule = match file.mover {
                Mover::Fetched => "remote-code-fetch",
                Mover::Pushed => "code-push",
            };
            let location = survey.location(exchange, side.other());
            let matter = self.matter(rule, asset, carried, file, (ip, exchange, location));
            draft.add(Matter { apart: name.as_bytes().to_vec(), ..matter });
        }
    }

    fn matter<'a>(
        &self,
        rule: &'static str,
        asset: &'a model::Asset,
        carried: &Carried,
        file: &CarriedFile,
        (ip, exchange, location): (IpAddr, &Exchange, Location),
    ) -> Matter<'a> {
        let port = if exchange.transport == Transport::Link { 0 } else { exchange.port };
        let whole = if file.whole { "all of it was seen" } else { "only part of it was seen" };
        let mut matter = Matter::new(rule, asset, carried.tally.clone())
            .peer(ip, port, exchange.transport, location)
            .flag("medical", asset.is_medical())
            .text("kind", file.kind.to_string())
            .number("bytes", file.bytes)
            .text("seen", whole);
        matter.details.insert("whole", Detail::Flag(file.whole));
        let path = file.path.as_ref().map(ToString::to_string);
        matter = matter.text("path", path.unwrap_or_else(|| "a file without a name".to_owned()));
        if let Some(hash) = file.sha256 {
            matter = matter.text("sha256", hash.to_string());
        }
        matter
    }
}
