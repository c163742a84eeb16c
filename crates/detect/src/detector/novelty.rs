//! `new-peer`, `new-service`: a medical device does what it never did while it was learnt.
//!
//! Offsite peers are the matter of `offsite-egress`. What every host does (addresses, names, time) says nothing.

use super::egress::expected;
use super::silence::ADDRESSING_PORTS;
use crate::draft::{Draft, Ground, Matter};
use crate::past::{Habit, Habits};
use crate::tally::Tally;
use inventory::{Exchange, Survey};
use model::{Asset, Side, Transport};
use std::net::IpAddr;

/// A device with more callers than this while it was learnt is a server: one more says nothing.
const CALLERS_FEW: usize = 8;
/// Ports from here on are given out for one connection (RFC 6335 §6).
const PASSING_PORT_MIN: u16 = 49_152;

pub(crate) fn conclude<'a>(habits: &Habits<'a>, ground: &Ground<'a>, draft: &mut Draft<'a>) {
    let survey = ground.survey;
    let inventory = survey.inventory();
    for exchange in inventory.exchanges().iter().filter(|exchange| exchange.flows > 0 && !exchange.group) {
        if everyday(survey, exchange) {
            continue;
        }
        for side in [Side::Client, Side::Server] {
            let asset = survey.asset_of(exchange.station(side)).filter(|asset| asset.is_medical());
            let Some(asset) = asset else { continue };
            let Some(habit) = habits.of(asset).filter(|habit| exchange.first >= habit.until) else {
                continue;
            };
            let peer = inventory.station(exchange.station(side.other())).and_then(|row| row.ip);
            let Some(ip) = peer.filter(|ip| inventory.site().owns(*ip) && !asset.ips.contains(ip)) else {
                continue;
            };
            let new = New { survey, asset, habit, exchange, side, ip };
            new.peer(draft);
            new.service(draft);
        }
    }
}

/// Addresses, names and time; answers that were taken for questions; echoes.
fn everyday(survey: &Survey<'_>, exchange: &Exchange) -> bool {
    let vocabulary = survey.inventory().vocabulary();
    !matches!(exchange.transport, Transport::Tcp | Transport::Udp)
        || exchange.reply_like
        || ADDRESSING_PORTS.contains(&exchange.port)
        || vocabulary.regular_service(exchange.protocol, exchange.transport, exchange.port).is_some()
}

struct New<'a, 'b> {
    survey: &'a Survey<'a>,
    asset: &'a Asset,
    habit: &'b Habit,
    exchange: &'b Exchange,
    side: Side,
    ip: IpAddr,
}

impl<'a> New<'a, '_> {
    fn answered(&self) -> bool {
        self.exchange.answered || self.exchange.one_sided
    }

    fn peer(&self, draft: &mut Draft<'a>) {
        let Self { survey, asset, habit, exchange, side, ip } = *self;
        let called = side == Side::Server;
        if habit.knows(ip) || expected(survey, asset, exchange) {
            return;
        }
        // Who only tried it, or is one of many, is no matter of the device.
        if called && (!self.answered() || habit.callers() > CALLERS_FEW) {
            return;
        }
        let matter = self.matter("new-peer").peer(
            ip,
            exchange.port,
            exchange.transport,
            survey.location(exchange, side),
        );
        // One matter for each peer, whatever the ports.
        let matter = matter
            .case("direction", if called { "in" } else { "out" })
            .text("direction", if called { "was called by" } else { "called" })
            .number("peers_known", habit.acquaintances() as u64);
        draft.add(matter);
    }

    fn service(&self, draft: &mut Draft<'a>) {
        let Self { habit, exchange, side, .. } = *self;
        let (transport, port) = (exchange.transport, exchange.port);
        let passing = port >= PASSING_PORT_MIN && exchange.protocol.is_none();
        if side == Side::Client || passing || !exchange.answered || habit.offers(transport, port) {
            return;
        }
        let service = format!("{transport} port {port}");
        let matter = self.matter("new-service").text("service", service.clone());
        draft.add(Matter { apart: service.into_bytes(), ..matter });
    }

    fn matter(&self, rule: &'static str) -> Matter<'a> {
        Matter::new(rule, self.asset, Tally::of_exchange(self.exchange))
            .flag("answered", self.answered())
            .flag("lossy", self.habit.lossy)
            .number("learnt_hours", self.habit.hours)
            .text("protocol", self.exchange.protocol.unwrap_or("an unknown protocol"))
    }
}
