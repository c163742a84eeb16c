//! `patient-data-offsite`, `patient-data-cleartext`: who sends patients' data, in clear, and where it goes.

use crate::draft::{Draft, Ground, Matter};
use crate::tally::Tally;
use inventory::{Exchange, ExchangeId, Renewed, Survey};
use model::{Disclosed, Location, Observation, Side, Transport};

/// By exchange and sending side.
#[derive(Debug, Default)]
pub(crate) struct Disclosures(Vec<[Option<Box<Disclosure>>; 2]>);

#[derive(Debug, Default)]
struct Disclosure {
    tally: Tally,
    identity: bool,
    vital_signs: bool,
    documents: bool,
}

impl Disclosures {
    /// On the path of every measured value: two array accesses.
    pub(crate) fn see(
        &mut self,
        exchange: ExchangeId,
        side: Side,
        kind: Disclosed,
        observation: &Observation,
    ) {
        let at = exchange.index();
        if self.0.len() <= at {
            self.0.resize_with(at + 1, Default::default);
        }
        let Some(place) = self.0.get_mut(at).and_then(|sides| sides.get_mut(side.index())) else { return };
        let disclosure = place.get_or_insert_default();
        disclosure.tally.see(observation);
        match kind {
            Disclosed::PatientIdentity => disclosure.identity = true,
            Disclosed::VitalSigns => disclosure.vital_signs = true,
            Disclosed::ClinicalDocument => disclosure.documents = true,
        }
    }

    /// What an exchange that is still known disclosed.
    pub(crate) fn renew(&mut self, renewed: &Renewed) {
        for (at, mut sides) in std::mem::take(&mut self.0).into_iter().enumerate() {
            let Some(exchange) = renewed.exchange(ExchangeId::at(at)) else { continue };
            sides.iter_mut().flatten().for_each(|disclosure| disclosure.tally.renew());
            if self.0.len() <= exchange.index() {
                self.0.resize_with(exchange.index() + 1, Default::default);
            }
            if let Some(place) = self.0.get_mut(exchange.index()) {
                *place = sides;
            }
        }
    }

    pub(crate) fn conclude<'a>(&self, ground: &Ground<'a>, draft: &mut Draft<'a>) {
        let survey = ground.survey;
        for (exchange, sides) in survey.inventory().exchanges().iter().zip(&self.0) {
            for side in [Side::Client, Side::Server] {
                if let Some(disclosure) = sides.get(side.index()).and_then(Option::as_deref) {
                    disclosure.conclude(survey, exchange, side, draft);
                }
            }
        }
    }
}

impl Disclosure {
    fn conclude<'a>(&self, survey: &'a Survey<'a>, exchange: &Exchange, side: Side, draft: &mut Draft<'a>) {
        let sender = exchange.station(side);
        let Some(asset) = survey.asset_of(sender) else { return };
        let inventory = survey.inventory();
        let Some(peer) = inventory.station(exchange.station(side.other())).and_then(|row| row.ip) else {
            return;
        };
        // A client that takes data asked for it; TCP data without an answer in the capture was answered unseen.
        let delivered = match side {
            Side::Server => "yes",
            Side::Client if exchange.answer_seen() || exchange.group => "yes",
            Side::Client if exchange.transport == Transport::Tcp => "one-sided",
            Side::Client => "no",
        };
        let mut heard = *exchange;
        heard.one_sided |= delivered == "one-sided";
        let location = survey.location(&heard, side);
        let own = inventory.station(sender).and_then(|row| row.ip);
        let near = own.is_some_and(|own| Survey::near(own, peer));
        let kinds = [
            (self.identity, Disclosed::PatientIdentity),
            (self.vital_signs, Disclosed::VitalSigns),
            (self.documents, Disclosed::ClinicalDocument),
        ];
        let kinds: Vec<_> =
            kinds.iter().filter(|(seen, _)| *seen).map(|(_, kind)| kind.as_str().to_owned()).collect();
        let bytes = exchange.bytes.get(side.index()).copied().unwrap_or_default();
        let rule = match location {
            Location::Offsite => "patient-data-offsite",
            Location::Unknown if !inventory.site().owns(peer) && !near => "patient-data-offsite",
            _ => "patient-data-cleartext",
        };
        let matter = Matter::new(rule, asset, self.tally.clone())
            .peer(peer, exchange.port, exchange.transport, location)
            .case("delivered", delivered)
            .text("what", kinds.join(" and "))
            .number("bytes", bytes)
            .text("protocol", exchange.protocol.unwrap_or("unknown"));
        draft.add(Matter { apart: vec![side.index() as u8], ..matter });
    }
}
