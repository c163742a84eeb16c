//! `remote-access-service`: a medical device offers a way in.

use super::{entry, renew};
use crate::draft::{Draft, Ground, Matter};
use crate::tally::Tally;
use inventory::{Renewed, StationId};
use model::{Observation, Offer};
use std::collections::{BTreeMap, BTreeSet};

/// Most ports listed in one finding. Our limit.
const PORTS_MAX: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct Offers(BTreeMap<(StationId, Offer), Offered>);

#[derive(Debug, Default)]
struct Offered {
    tally: Tally,
    ports: BTreeSet<u16>,
}

impl Offers {
    pub(crate) fn see(
        &mut self,
        station: StationId,
        offer: Offer,
        port: u16,
        observation: &Observation,
        dropped: &mut u64,
    ) {
        let Some(offered) = entry(&mut self.0, (station, offer), dropped) else { return };
        offered.tally.see(observation);
        if offered.ports.len() < PORTS_MAX {
            offered.ports.insert(port);
        }
    }

    pub(crate) fn renew(&mut self, renewed: &Renewed) {
        let key = |(station, offer)| Some((renewed.station(station)?, offer));
        renew(&mut self.0, renewed, key, |offered| &mut offered.tally);
    }

    pub(crate) fn conclude<'a>(&self, ground: &Ground<'a>, draft: &mut Draft<'a>) {
        for ((station, offer), offered) in &self.0 {
            let Some(asset) = ground.survey.asset_of(*station) else { continue };
            let matter = Matter::new("remote-access-service", asset, offered.tally.clone())
                .flag("medical", asset.is_medical())
                .text("service", offer.as_str())
                .list("ports", offered.ports.iter().map(ToString::to_string));
            draft.add(Matter { apart: offer.as_str().as_bytes().to_vec(), ..matter });
        }
    }
}
