//! `protocol-mismatch`: what is spoken on a port is not what the port is registered for, so that tools that go
//! by ports take it for something else.

use crate::draft::{Draft, Ground, Matter};
use crate::tally::Tally;
use model::Side;

pub(crate) fn conclude<'a>(ground: &Ground<'a>, draft: &mut Draft<'a>) {
    let survey = ground.survey;
    let inventory = survey.inventory();
    let words = inventory.vocabulary();
    for exchange in inventory.exchanges() {
        let Some(protocol) = exchange.protocol else { continue };
        let Some(port) = words.port(exchange.transport, exchange.port) else { continue };
        let registered = port.protocols.iter().any(|name| name == protocol);
        let client = survey.asset_of(exchange.client).map(|asset| (asset, Side::Client));
        let server = || survey.asset_of(exchange.server).map(|asset| (asset, Side::Server));
        let Some((asset, side)) = client.or_else(server).filter(|_| !registered) else { continue };
        let peer = inventory.station(exchange.station(side.other()));
        let Some(peer) = peer.and_then(|row| row.ip) else { continue };
        let matter = Matter::new("protocol-mismatch", asset, Tally::of_exchange(exchange))
            .peer(peer, exchange.port, exchange.transport, survey.location(exchange, side))
            .flag("telling", words.is_telling(protocol))
            .text("protocol", protocol)
            .text("registered", port.service.clone());
        draft.add(matter);
    }
}
