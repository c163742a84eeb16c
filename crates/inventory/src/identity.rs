//! Taking in what tells who a station is: traits, signs, leases, and what the link layer says.

use crate::learn::{At, Inventory};
use crate::profile::{Clue, operation_name};
use crate::station::{Seen, Span, StationId, TRAITS_MAX};
use model::{Evidence, Fact, Identifier, Lease, LinkFact, Mac, Message, Operation, Prefix, VlanStack};
use std::net::IpAddr;

impl Inventory {
    /// A fact that tells who `station` is; others are passed over.
    pub(crate) fn identity(
        &mut self,
        station: Option<StationId>,
        protocol: Option<&'static str>,
        fact: &Fact,
        evidence: Evidence,
    ) {
        let Some(station) = station else { return };
        match fact {
            Fact::Identified(_, identifier) => self.identified(station, protocol, identifier, evidence),
            Fact::Operated(operation) => self.operated(station, *operation, evidence),
            _ => {}
        }
    }

    fn identified(
        &mut self,
        station: StationId,
        protocol: Option<&'static str>,
        identifier: &Identifier,
        evidence: Evidence,
    ) {
        let Some(row) = self.stations.row_mut(station) else { return };
        let traits = row.traits_mut();
        if !traits.identifiers.contains_key(identifier) {
            if traits.identifiers.len() >= TRAITS_MAX {
                self.drop_trait();
                return;
            }
            traits.identifiers.insert(identifier.clone(), evidence);
        }
        let value = identifier.to_string();
        self.clue(
            station,
            &Clue::Identifier { kind: identifier.kind(), value: &value, protocol },
            &value,
            evidence,
        );
    }

    fn operated(&mut self, station: StationId, operation: Operation, evidence: Evidence) {
        let Some(row) = self.stations.row_mut(station) else { return };
        let traits = row.traits_mut();
        if !traits.operations.contains(&operation) {
            traits.operations.push(operation);
            let name = operation_name(operation);
            self.clue(station, &Clue::Operation(name), name, evidence);
        }
    }

    /// Keeps the signs that `clue` shows, each once.
    pub(crate) fn clue(&mut self, station: StationId, clue: &Clue<'_>, value: &str, evidence: Evidence) {
        let (profiles, stations) = (&self.profiles, &mut self.stations);
        let mut dropped = false;
        profiles.fitting(clue, |sign| {
            let Some(row) = stations.row_mut(station) else { return };
            let signs = &mut row.traits_mut().signs;
            if signs.iter().any(|(known, ..)| *known == sign) {
                return;
            }
            if signs.len() < TRAITS_MAX {
                signs.push((sign, value.to_owned(), evidence));
            } else {
                dropped = true;
            }
        });
        if dropped {
            self.drop_trait();
        }
    }

    pub(crate) fn message(&mut self, station: Option<StationId>, message: &Message, evidence: Evidence) {
        let Some(station) = station else { return };
        for (field, value) in &message.fields {
            // Patient values and secrets never get here; the tag is looked at all the same.
            if field.privacy == model::Privacy::Device {
                let value = value.to_string();
                let clue =
                    Clue::Field { protocol: message.schema.protocol, field: field.name, value: &value };
                self.clue(station, &clue, &value, evidence);
            }
        }
    }

    pub(crate) fn leased(&mut self, server: Option<StationId>, lease: &Lease, vlans: VlanStack, at: At) {
        if let Some(server) = server {
            let row = self.stations.row_mut(server);
            let new = row.is_some_and(|row| {
                let leases = &mut row.traits_mut().leases;
                leases.replace(leases.unwrap_or(at.evidence)).is_none()
            });
            if new {
                self.clue(server, &Clue::Leases, "yes", at.evidence);
            }
        }
        for router in &lease.routers {
            self.neighbours.names_router(*router);
        }
        self.neighbours.owns(lease.ip, lease.mac, vlans, Span::once(at.time, at.evidence));
        let station = self.stations.at(Some(lease.mac), Some(lease.ip), Seen::Addressed, &self.site.networks);
        if let Some(row) = self.stations.row_mut(station) {
            row.saw_vlans(vlans);
            row.subnet = lease.prefix_bits.and_then(|bits| Prefix::new(lease.ip, bits).ok()).or(row.subnet);
        }
    }

    /// The station that sent something on the link; an address of "unspecified" is none.
    pub(crate) fn link_station(
        &mut self,
        mac: Mac,
        ip: Option<IpAddr>,
        vlans: VlanStack,
        at: At,
    ) -> Option<StationId> {
        let ip = ip.filter(|ip| !ip.is_unspecified());
        let station = self.stations.at(Some(mac), ip, Seen::Calling, &self.site.networks);
        let row = self.stations.row_mut(station)?;
        row.saw_vlans(vlans);
        row.sends(at.time, at.evidence);
        Some(station)
    }

    pub(crate) fn link_fact(
        &mut self,
        fact: &LinkFact,
        mac: Mac,
        ip: Option<IpAddr>,
        vlans: VlanStack,
        at: At,
    ) {
        match fact {
            LinkFact::AddressAsked(asked) => {
                let station = self.link_station(mac, ip, vlans, at);
                let asks_itself = ip == Some(*asked);
                if let Some(row) = station.and_then(|station| self.stations.row_mut(station)) {
                    row.linked = true;
                }
                if let Some(row) = station.and_then(|station| self.stations.row_mut(station))
                    && !asks_itself
                    && self.vocabulary.hardcoded(*asked).is_some()
                {
                    row.traits_mut().contacts.entry(*asked).or_insert(at.evidence);
                }
            }
            LinkFact::AddressOwned { ip: owned, mac: owner, .. } => {
                self.neighbours.owns(*owned, *owner, vlans, Span::once(at.time, at.evidence));
                let ip = ip.or((*owner == mac).then_some(*owned));
                self.link_station(mac, ip, vlans, at);
            }
            LinkFact::Routes => {
                self.neighbours.routes(mac);
                self.link_station(mac, ip, vlans, at);
            }
            LinkFact::Radio(_) => {
                self.link_station(mac, ip, vlans, at);
            }
            // The last hop's address says nothing about a station of this link; faults and losses neither.
            _ => {}
        }
    }
}
