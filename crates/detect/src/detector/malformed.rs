//! `malformed-traffic`: what may crash or exploit a medical device is sent to it.
//!
//! Two kinds: a peer breaks its own protocol towards the device; or the device is of a make that does not
//! survive unasked traffic of some kind (`[[fragile]]` of its profile), and somebody sends such traffic.

use super::{entry, renew};
use crate::draft::{Draft, Ground, Matter};
use crate::tally::Tally;
use inventory::{Exchange, ExchangeId, Renewed};
use model::{Malformed, Observation, Side, Transport};
use std::collections::BTreeMap;

/// By exchange, side that is at fault, and field.
#[derive(Debug, Default)]
pub(crate) struct Malformations(BTreeMap<(ExchangeId, Side, &'static str), Fault>);

#[derive(Debug, Default)]
struct Fault {
    tally: Tally,
    first: String,
}

impl Malformations {
    /// `side` of the exchange is at fault.
    pub(crate) fn see(
        &mut self,
        exchange: ExchangeId,
        side: Side,
        fault: &Malformed,
        observation: &Observation,
        dropped: &mut u64,
    ) {
        let Some(seen) = entry(&mut self.0, (exchange, side, fault.field), dropped) else { return };
        if seen.first.is_empty() {
            seen.first = fault.to_string();
        }
        seen.tally.see(observation);
    }

    pub(crate) fn renew(&mut self, renewed: &Renewed) {
        let key = |(exchange, side, field)| Some((renewed.exchange(exchange)?, side, field));
        renew(&mut self.0, renewed, key, |fault| &mut fault.tally);
    }

    pub(crate) fn conclude<'a>(&self, ground: &Ground<'a>, draft: &mut Draft<'a>) {
        let survey = ground.survey;
        for ((exchange, side, field), fault) in &self.0 {
            let Some(exchange) = survey.inventory().exchanges().get(exchange.index()) else { continue };
            let Some(asset) = survey.asset_of(exchange.station(side.other())) else { continue };
            let sender = survey.inventory().station(exchange.station(*side));
            let Some(ip) = sender.and_then(|row| row.ip) else { continue };
            let matter = Matter::new("malformed-traffic", asset, fault.tally.clone())
                .peer(ip, exchange.port, exchange.transport, survey.location(exchange, side.other()))
                .case("kind", "malformed")
                .flag("medical", asset.is_medical())
                .text("what", format!("broke its own protocol ({})", fault.first))
                .text("field", *field);
            draft.add(Matter { apart: field.as_bytes().to_vec(), ..matter });
        }
        for exchange in survey.inventory().exchanges() {
            unasked(ground, exchange, draft);
        }
    }
}

/// Traffic that a product does not survive and did not ask for.
fn unasked<'a>(ground: &Ground<'a>, exchange: &Exchange, draft: &mut Draft<'a>) {
    let survey = ground.survey;
    let Some(asset) = survey.asset_of(exchange.server) else { return };
    let Some(profile) = survey.profile_of(asset) else { return };
    let transport = match exchange.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
        _ => return,
    };
    let fragile = profile.fragile.iter().find(|fragile| {
        fragile.transport == transport && !fragile.except.contains(&exchange.port) && !exchange.reply_like
    });
    let Some(fragile) = fragile.filter(|_| exchange.flows > 0 && !exchange.group) else { return };
    let Some(ip) = survey.inventory().station(exchange.client).and_then(|row| row.ip) else { return };
    // The device talks to that server itself: more likely an answer whose question was not captured.
    let talks = survey.inventory().exchanges().iter().any(|other| {
        other.client == exchange.server
            && other.server == exchange.client
            && other.transport == exchange.transport
    });
    if talks {
        return;
    }
    let what = format!("sent {transport} to port {}, which it had not asked for", exchange.port);
    let matter = Matter::new("malformed-traffic", asset, Tally::of_exchange(exchange))
        .peer(ip, exchange.port, exchange.transport, survey.location(exchange, Side::Server))
        .case("kind", "unasked")
        .flag("medical", asset.is_medical())
        .text("what", what)
        .number("frames", exchange.frames);
    draft.add(Matter { cves: fragile.cves.clone(), ..matter });
}
