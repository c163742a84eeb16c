//! `offsite-egress`: a medical device talks to an address outside the site that its profile does not explain.

use crate::draft::{Draft, Ground, Matter};
use crate::tally::Tally;
use inventory::Survey;
use model::{Location, Side, Transport};

pub(crate) fn conclude<'a>(ground: &Ground<'a>, draft: &mut Draft<'a>) {
    let survey = ground.survey;
    let inventory = survey.inventory();
    for exchange in inventory.exchanges().iter().filter(|exchange| exchange.flows > 0 && !exchange.group) {
        let Some(asset) = survey.asset_of(exchange.client).filter(|asset| asset.is_medical()) else {
            continue;
        };
        let (here, there) = (inventory.station(exchange.client), inventory.station(exchange.server));
        let (Some(here), Some(there)) = (here.and_then(|row| row.ip), there.and_then(|row| row.ip)) else {
            continue;
        };
        if inventory.site().owns(there) {
            continue;
        }
        let location = survey.location(exchange, Side::Client);
        let answered = exchange.answered || exchange.one_sided;
        let expected = survey.profile_of(asset).is_some_and(|profile| {
            let speaks = profile.speaks.iter().filter(|speaks| speaks.to_class.is_none());
            speaks.clone().any(|speaks| {
                exchange.protocol == Some(speaks.protocol.as_str())
                    && speaks.port.is_none_or(|port| port == exchange.port)
            })
        });
        if !answered && exchange.transport == Transport::Tcp || location == Location::OnLink {
            continue;
        }
        let [out, back] = exchange.bytes;
        let matter = Matter::new("offsite-egress", asset, Tally::of_exchange(exchange))
            .peer(there, exchange.port, exchange.transport, location)
            .flag("expected", expected)
            .flag("near", Survey::near(here, there))
            .flag("answered", answered)
            .number("bytes_out", out)
            .number("bytes_in", back)
            .text("protocol", exchange.protocol.unwrap_or("an unknown protocol"));
        draft.add(matter);
    }
}
