//! Collecting what the detectors need, and asking them.

use crate::detector::absence::Presence;
use crate::detector::beacon::Beacons;
use crate::detector::carried::CarriedFiles;
use crate::detector::contact::Contacts;
use crate::detector::disclosure::Disclosures;
use crate::detector::lateral::Searches;
use crate::detector::login::Logins;
use crate::detector::loss::Losses;
use crate::detector::malformed::Malformations;
use crate::detector::offer::Offers;
use crate::detector::radio::Radios;
use crate::detector::silence::{Sent, Silence};
use crate::detector::storage::StorageUses;
use crate::detector::{conduct, egress, exposure, mismatch, novelty, rogue};
use crate::draft::{Draft, Ground};
use crate::integrity::Integrity;
use crate::past::{Habits, Known, Past};
use crate::rule::Rules;
use inventory::{Inventory, LiveFlow, Renewed, Survey};
use model::{
    BedVitals, CaptureTime, Disclosed, Fact, Finding, FlowStart, FlowTotals, LinkFact, Mac, Observation,
    Observed, Origin, Side, Transport,
};
use std::net::IpAddr;
use vitals::Standing;

/// What the detectors have seen.
#[derive(Debug)]
pub struct Judge {
    rules: Rules,
    contacts: Contacts,
    disclosures: Disclosures,
    storage: StorageUses,
    carried: CarriedFiles,
    offers: Offers,
    logins: Logins,
    malformed: Malformations,
    radios: Radios,
    silence: Silence,
    beacons: Beacons,
    searches: Searches,
    losses: Losses,
    presence: Presence,
    past: Past,
    now: CaptureTime,
    /// How often it was set since the beginning, or the last renewal.
    clock_steps: u64,
    integrity: Option<Integrity>,
    dropped: u64,
    /// The same, of what many hosts of a busy network do: no reason to let go of anything.
    overlooked: u64,
}

impl Judge {
    /// Has seen nothing yet.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            contacts: Contacts::default(),
            disclosures: Disclosures::default(),
            storage: StorageUses::default(),
            carried: CarriedFiles::default(),
            offers: Offers::default(),
            logins: Logins::default(),
            malformed: Malformations::default(),
            radios: Radios::default(),
            silence: Silence::default(),
            beacons: Beacons::default(),
            searches: Searches::default(),
            losses: Losses::default(),
            presence: Presence::default(),
            past: Past::default(),
            now: CaptureTime::default(),
            clock_steps: 0,
            integrity: None,
            dropped: 0,
            overlooked: 0,
        }
    }

    /// Knows what was before the captures.
    #[must_use]
    pub fn remembering(self, past: Past) -> Self {
        Self { past, ..self }
    }

    /// What is known of every asset now, to be told by [`Self::remember`] when the inventory has forgotten some of it.
    pub(crate) fn known<'a>(&self, survey: &Survey<'a>, findings: &[Finding]) -> Known {
        Known::of(survey, findings, &self.rules)
    }

    /// What the inventory forgot belongs to the past.
    pub(crate) fn remember(&mut self, known: Known, renewed: &Renewed) {
        self.past.remember(known, renewed, &mut self.overlooked);
    }

    /// Checks vital signs as well.
    #[must_use]
    pub fn checking_vitals(self, depth: vitals::Depth) -> Self {
        Self { integrity: Some(Integrity::new(depth)), ..self }
    }

    /// Begins a new stretch of time: matters of what was forgotten are, too.
    pub(crate) fn renew(&mut self, renewed: &Renewed) {
        self.contacts.renew(renewed);
        self.disclosures.renew(renewed);
        self.storage.renew(renewed);
        self.carried.renew(renewed);
        self.offers.renew(renewed);
        self.logins.renew(renewed);
        self.malformed.renew(renewed);
        self.radios.renew(renewed);
        self.silence.renew(renewed);
        self.beacons.renew(renewed);
        self.searches.renew(renewed);
        self.presence.renew(renewed);
        self.losses.renew();
        if let Some(integrity) = &mut self.integrity {
            integrity.renew(renewed);
        }
        self.clock_steps = 0;
        self.dropped = 0;
        self.overlooked = 0;
    }

    /// Vital signs by asset and bed, with what the checks say of them.
    pub(crate) fn vitals(&self, survey: &Survey<'_>) -> Vec<BedVitals> {
        self.beds(survey).into_iter().map(|(_, bed)| bed).collect()
    }

    /// The same, each with its number among all rows.
    pub(crate) fn beds(&self, survey: &Survey<'_>) -> Vec<(u32, BedVitals)> {
        match &self.integrity {
            Some(integrity) => survey.beds_with(&|number| integrity.of(number)),
            None => survey.beds_with(&|_| (Vec::new(), None)),
        }
    }

    /// What the checks said last of the bed with this number, where it is checked.
    pub(crate) fn standing(&self, number: u32) -> impl Iterator<Item = Standing> {
        self.integrity.iter().flat_map(move |integrity| integrity.standing(number))
    }

    /// Units of beds that were not checked because there were too many beds.
    pub(crate) const fn unchecked(&self) -> u64 {
        match &self.integrity {
            Some(integrity) => integrity.unchecked(),
            None => 0,
        }
    }

    /// Matters that were not kept because a detector's table was full.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped.saturating_add(self.overlooked)
    }

    /// How often the capturing side's clock was set since the beginning, or the last renewal.
    pub(crate) const fn clock_steps(&self) -> u64 {
        self.clock_steps
    }

    /// Whether a detector's table is full of matters.
    pub(crate) const fn is_full(&self) -> bool {
        self.dropped > 0
    }

    /// Takes in one observation, which `inventory` has learnt before.
    pub fn observe(&mut self, inventory: &Inventory, observation: &Observation) {
        if let Observed::Link(LinkFact::ClockSet(by)) = observation.observed {
            return self.clock_set(observation.time, by);
        }
        self.now = self.now.max(observation.time);
        match (&observation.observed, observation.origin) {
            (Observed::Fact(fact), Origin::Flow(id, side)) => {
                if let Some(integrity) = &mut self.integrity {
                    integrity.see(inventory, (id, side), fact, observation);
                }
                if let Some(flow) = inventory.flow(id) {
                    self.flow_fact(inventory, flow, side, fact, observation);
                }
            }
            // What frames that nobody saw may have held is no matter of anybody's; that they are missing is.
            (Observed::Link(LinkFact::Lost(_)), _) => self.losses.see(observation.time),
            (Observed::Link(fact), origin) => {
                if let Some((mac, ip, _)) = inventory.on_link(origin) {
                    self.link_fact(inventory, mac, ip, fact, observation);
                }
            }
            _ => {}
        }
    }

    /// The clock was set by so many nanoseconds; it is `time` now. Everything that was seen before is told in the times of the new
    /// clock from here on, so that how long ago it was stays true: no silence, pause or learning is longer or shorter because of it.
    fn clock_set(&mut self, time: CaptureTime, by: i64) {
        self.clock_steps += 1;
        self.past.clock_set(by);
        self.beacons.clock_set(by);
        self.searches.clock_set(by);
        self.losses.clock_set(by);
        self.presence.clock_set(by);
        if let Some(integrity) = &mut self.integrity {
            integrity.clock_set(by);
        }
        self.now = time;
    }

    /// The frequent facts come first.
    fn flow_fact(
        &mut self,
        inventory: &Inventory,
        flow: &LiveFlow,
        side: Side,
        fact: &Fact,
        observation: &Observation,
    ) {
        let disclosed = match fact {
            Fact::Measured(_) | Fact::Waveform(_) => Some(Disclosed::VitalSigns),
            Fact::Patient(_) => Some(Disclosed::PatientIdentity),
            Fact::Disclosed(kind) => Some(*kind),
            Fact::CycleEnded(_) | Fact::SamplesPassed(_) | Fact::Notice(_) | Fact::LimitsSet(_) => return,
            _ => None,
        };
        if let Some(kind) = disclosed {
            if let Some(exchange) = flow.exchange() {
                self.disclosures.see(exchange, side, kind, observation);
            }
            return;
        }
        match fact {
            Fact::FlowOpened(start) => self.opened(inventory, flow, start, observation),
            Fact::Answered => {
                if let Some(station) = flow.station(side) {
                    self.presence.sent(station, observation.time);
                }
                self.sent(inventory, flow, side, observation);
            }
            Fact::FlowEnded(totals) => self.ended(inventory, flow, totals, observation),
            Fact::Offers(offer) => {
                if let Some(station) = flow.station(side) {
                    let port = flow.port();
                    self.offers.see(station, *offer, port, observation, &mut self.dropped);
                }
            }
            _ => self.exchange_fact(inventory, flow, side, fact, observation),
        }
    }

    fn exchange_fact(
        &mut self,
        inventory: &Inventory,
        flow: &LiveFlow,
        side: Side,
        fact: &Fact,
        observation: &Observation,
    ) {
        let Some(id) = flow.exchange() else { return };
        let Some(exchange) = inventory.exchanges().get(id.index()) else { return };
        let dropped = &mut self.dropped;
        match fact {
            Fact::Storage(storage) => self.storage.see(id, exchange, side, storage, observation, dropped),
            Fact::Carried(file) => self.carried.see(exchange, side, file, observation, dropped),
            Fact::LoggedIn(login) => self.logins.see(id, login, observation, dropped),
            // After a gap what looks malformed may be ours: nothing is concluded.
            Fact::Malformed(fault) if !flow.lost() => {
                self.malformed.see(id, side, fault, observation, dropped);
            }
            _ => {}
        }
    }

    fn opened(
        &mut self,
        inventory: &Inventory,
        flow: &LiveFlow,
        start: &FlowStart,
        observation: &Observation,
    ) {
        self.sent(inventory, flow, Side::Client, observation);
        self.beacons.opened(inventory, flow, start, observation, &mut self.overlooked);
        self.presence.opened(flow, observation.time);
        let ip = start.server.ip;
        let Some(client) = flow.station(Side::Client) else { return };
        if inventory.vocabulary().hardcoded(ip).is_some() {
            let port = (flow.transport(), flow.port());
            self.contacts.see(client, ip, flow.exchange(), port, observation, &mut self.dropped);
        }
    }

    fn sent(&mut self, inventory: &Inventory, flow: &LiveFlow, side: Side, observation: &Observation) {
        if let Some(station) = flow.station(side).filter(|_| !inventory.site().devices.is_empty()) {
            let sent = sent(inventory, flow);
            let until = observation.time;
            self.silence.see(inventory, station, sent, until, observation, &mut self.dropped);
        }
    }

    /// A flow that began before a device was declared silent may have gone on after it.
    fn ended(
        &mut self,
        inventory: &Inventory,
        flow: &LiveFlow,
        totals: &FlowTotals,
        observation: &Observation,
    ) {
        self.beacons.ended(flow, totals);
        self.presence.ended(flow, totals);
        if inventory.site().devices.is_empty() {
            return;
        }
        for side in [Side::Client, Side::Server] {
            let frames = totals.sides.get(side.index()).map_or(0, |totals| totals.frames);
            if let Some(station) = flow.station(side).filter(|_| frames > 0) {
                let (sent, last) = (sent(inventory, flow), totals.last);
                self.silence.see(inventory, station, sent, last, observation, &mut self.dropped);
            }
        }
    }

    fn link_fact(
        &mut self,
        inventory: &Inventory,
        mac: Mac,
        ip: Option<IpAddr>,
        fact: &LinkFact,
        observation: &Observation,
    ) {
        let ip = ip.filter(|ip| !ip.is_unspecified());
        let owned = match fact {
            LinkFact::AddressOwned { ip: owned, mac: owner, .. } => ip.or((*owner == mac).then_some(*owned)),
            _ => ip,
        };
        if let LinkFact::Radio(radio) = fact {
            self.radios.see(mac, radio, observation, &mut self.dropped);
        }
        let Some(station) = inventory.station_at(mac, owned) else { return };
        self.presence.sent(station, observation.time);
        if !inventory.site().devices.is_empty() {
            let until = observation.time;
            self.silence.see(inventory, station, Sent::Link, until, observation, &mut self.dropped);
        }
        if let LinkFact::AddressAsked(asked) = fact
            && ip != Some(*asked)
        {
            self.searches.asked(inventory, station, *asked, observation, &mut self.overlooked);
        }
        if let LinkFact::AddressAsked(asked) = fact
            && ip != Some(*asked)
            && inventory.vocabulary().hardcoded(*asked).is_some()
        {
            let port = (Transport::Link, 0);
            self.contacts.see(station, *asked, None, port, observation, &mut self.dropped);
        }
    }

    /// The findings so far, worst first, then by rule, asset and peer. Changes nothing.
    #[must_use]
    pub fn conclude(&self, inventory: &Inventory) -> Vec<Finding> {
        self.conclude_on(&inventory.survey())
    }

    /// As [`Judge::conclude`], on a survey already made.
    #[must_use]
    pub fn conclude_on(&self, survey: &Survey<'_>) -> Vec<Finding> {
        let ground = Ground { survey };
        let about_content = || {
            let mut draft = Draft::new(&self.rules);
            if let Some(integrity) = &self.integrity {
                integrity.conclude(&ground, &mut draft);
            }
            self.disclosures.conclude(&ground, &mut draft);
            self.storage.conclude(&ground, &mut draft);
            self.carried.conclude(&ground, &mut draft);
            self.malformed.conclude(&ground, &mut draft);
            draft
        };
        let about_contact = || {
            let mut draft = Draft::new(&self.rules);
            self.offers.conclude(&ground, &mut draft);
            self.logins.conclude(&ground, &mut draft);
            self.radios.conclude(&ground, &mut draft);
            self.silence.conclude(&ground, &mut draft);
            egress::conclude(&ground, &mut draft);
            exposure::conclude(&ground, &mut draft);
            mismatch::conclude(&ground, &mut draft);
            rogue::conclude(&ground, &mut draft);
            draft
        };
        let about_rhythm = || {
            let mut draft = Draft::new(&self.rules);
            self.beacons.conclude(&ground, &mut draft);
            self.searches.conclude(&self.losses, &ground, &mut draft);
            draft
        };
        let mut habits = Habits::new(survey, &self.past, &self.losses, self.now);
        let (mut draft, (contact, rhythm)) =
            rayon::join(about_content, || rayon::join(about_contact, about_rhythm));
        draft.join(contact);
        draft.join(rhythm);
        // What somebody is blamed for is not learnt, so these come when that is known.
        habits.learn(&draft);
        egress::conclude_by_habit(&habits, &ground, &mut draft);
        novelty::conclude(&habits, &ground, &mut draft);
        conduct::conclude(&ground, &mut draft);
        self.presence.conclude((&self.losses, self.now), &ground, &mut draft);
        // Last: what else was found decides how much it counts.
        self.contacts.conclude(&ground, &mut draft);
        draft.finish()
    }
}

fn sent(inventory: &Inventory, flow: &LiveFlow) -> Sent {
    let server = flow.station(Side::Server).and_then(|id| inventory.station(id)).and_then(|row| row.ip);
    Sent::Flow { server, port: flow.port() }
}
