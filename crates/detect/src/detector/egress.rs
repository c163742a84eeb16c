//! `offsite-egress`: a medical device talks to an address outside the site that its profile does not explain.

use crate::draft::{Draft, Ground, Matter};
use crate::past::Habits;
use crate::tally::Tally;
use inventory::{Exchange, Survey};
use model::{Asset, Location, Side, Transport};

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
        let expected = expected(survey, asset, exchange);
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

/// Another host that talked to nobody outside while it was learnt, and now does. Office machines, and hosts of which it is
/// not known what they are, may do so any day.
pub(crate) fn conclude_by_habit<'a>(habits: &Habits<'a>, ground: &Ground<'a>, draft: &mut Draft<'a>) {
    const OFFICE: [&str; 3] = ["workstation", "router", "network-service"];
    let survey = ground.survey;
    let inventory = survey.inventory();
    for exchange in inventory.exchanges().iter().filter(|exchange| exchange.flows > 0 && !exchange.group) {
        let Some(asset) = survey.asset_of(exchange.client).filter(|asset| !asset.is_medical()) else {
            continue;
        };
        let office = asset.class.as_ref().is_none_or(|class| OFFICE.contains(&class.id.as_str()));
        let habit = habits.of(asset).filter(|habit| exchange.first >= habit.until && habit.outside() == 0);
        let (Some(habit), false) = (habit, office) else { continue };
        let there = inventory.station(exchange.server).and_then(|row| row.ip);
        let Some(there) = there.filter(|ip| !inventory.site().owns(*ip)) else { continue };
        let vocabulary = inventory.vocabulary();
        if vocabulary.regular_service(exchange.protocol, exchange.transport, exchange.port).is_some() {
            continue;
        }
        let [out, back] = exchange.bytes;
        let matter = Matter::new("offsite-egress", asset, Tally::of_exchange(exchange))
            .peer(there, exchange.port, exchange.transport, survey.location(exchange, Side::Client))
            .case("habit", "never-outside")
            .flag("answered", exchange.answered || exchange.one_sided)
            .number("bytes_out", out)
            .number("bytes_in", back)
            .number("learnt_hours", habit.hours)
            .text("protocol", exchange.protocol.unwrap_or("an unknown protocol"));
        draft.add(matter);
    }
}

/// Whether the profile of `asset` names what it does in `exchange`, whomever it does it with.
pub(crate) fn expected(survey: &Survey<'_>, asset: &Asset, exchange: &Exchange) -> bool {
    survey.profile_of(asset).is_some_and(|profile| {
        let mut speaks = profile.speaks.iter().filter(|speaks| speaks.to_class.is_none());
        speaks.any(|speaks| {
            exchange.protocol == Some(speaks.protocol.as_str())
                && speaks.port.is_none_or(|port| port == exchange.port)
        })
    })
}
