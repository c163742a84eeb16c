//! `cleartext-credentials`, `default-credentials`: log-ins that anyone on the path can repeat. The secret
//! itself never gets here.

use super::{entry, renew};
use crate::draft::{Draft, Ground, Matter};
use crate::tally::Tally;
use inventory::{Exchange, ExchangeId, Renewed};
use model::{Accepted, Account, Credentials, Observation, Side, Text};
use std::collections::BTreeMap;

/// By exchange, and whether the secret crossed in clear, is a published default, and was accepted.
#[derive(Debug, Default)]
pub(crate) struct Logins(BTreeMap<(ExchangeId, bool, bool, Accepted), Login>);

#[derive(Debug, Default)]
struct Login {
    tally: Tally,
    account: Option<Text>,
}

impl Logins {
    pub(crate) fn see(
        &mut self,
        exchange: ExchangeId,
        login: &Credentials,
        observation: &Observation,
        dropped: &mut u64,
    ) {
        // Nobody's account has no secret to protect.
        if login.account == Account::Anonymous {
            return;
        }
        let key = (exchange, login.cleartext, login.published_default, login.accepted);
        let Some(seen) = entry(&mut self.0, key, dropped) else { return };
        seen.tally.see(observation);
        if let Account::WellKnown(name) = &login.account {
            seen.account = Some(name.clone());
        }
    }

    pub(crate) fn renew(&mut self, renewed: &Renewed) {
        let key = |(exchange, cleartext, default, accepted)| {
            Some((renewed.exchange(exchange)?, cleartext, default, accepted))
        };
        renew(&mut self.0, renewed, key, |login| &mut login.tally);
    }

    pub(crate) fn conclude<'a>(&self, ground: &Ground<'a>, draft: &mut Draft<'a>) {
        for ((exchange, cleartext, default, accepted), login) in &self.0 {
            let Some(exchange) = ground.survey.inventory().exchanges().get(exchange.index()) else {
                continue;
            };
            if *cleartext {
                login.conclude("cleartext-credentials", ground, exchange, *accepted, draft);
            }
            if *default {
                login.conclude("default-credentials", ground, exchange, *accepted, draft);
            }
        }
    }
}

impl Login {
    /// About the server, whose secret it is; where it is not the site's, about the client.
    fn conclude<'a>(
        &self,
        rule: &'static str,
        ground: &Ground<'a>,
        exchange: &Exchange,
        accepted: Accepted,
        draft: &mut Draft<'a>,
    ) {
        let survey = ground.survey;
        let server = survey.asset_of(exchange.server).map(|asset| (asset, Side::Server));
        let client = || survey.asset_of(exchange.client).map(|asset| (asset, Side::Client));
        let Some((asset, side)) = server.or_else(client) else { return };
        let peer = survey.inventory().station(exchange.station(side.other()));
        let Some(peer) = peer.and_then(|row| row.ip) else { return };
        let accepted = match accepted {
            Accepted::Yes => "yes",
            Accepted::No => "no",
            Accepted::Unknown => "unknown",
        };
        let matter = Matter::new(rule, asset, self.tally.clone())
            .peer(peer, exchange.port, exchange.transport, survey.location(exchange, side))
            .case("accepted", accepted)
            .text("account", self.account.as_ref().map_or("a name that is withheld", Text::as_str))
            .text("accepted", accepted)
            .text("protocol", exchange.protocol.unwrap_or("unknown"));
        draft.add(matter);
    }
}
