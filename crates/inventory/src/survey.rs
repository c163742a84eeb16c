//! Concluding: stations to assets, their class, their conversations, and where each peer is.

use crate::advisory;
use crate::exchange::{Exchange, ExchangeId};
use crate::flow::is_group;
use crate::learn::Inventory;
use crate::location::{Hold, Routers, hold, is_proxy};
use crate::profile::{CLASS_WEIGHT_MIN, Clue, IDENTIFIES, MODEL_WEIGHT_MIN, Profile, Reach, SignId};
use crate::station::{Station, StationId};
use model::{
    Asset, AssetId, BedVitals, Conversation, DeviceClass, Direction, Endpoint, Evidence, Identifier,
    IntegrityRow, Judged, Location, Mac, PatientToken, Prefix, Side, SignSeen, Text, Trend, stable_hash,
};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Most conversations listed with one asset. Our limit; those with the most frames stay, and
/// [`Survey::conversations_unlisted`] counts the rest.
pub const CONVERSATIONS_MAX: usize = 2048;
/// Weight of the contact with a hard-coded address for the class alone.
const CONTACT_WEIGHT: u32 = 40;
/// Confidence of an identified product: what a disguised or simulated device may fake is left as doubt.
const CONFIDENCE_MOST: f32 = 0.97;

/// What everything learnt adds up to.
#[derive(Debug)]
pub struct Survey<'a> {
    inventory: &'a Inventory,
    assets: Vec<Asset>,
    of_station: Vec<Option<usize>>,
    stations_of: Vec<Vec<StationId>>,
    /// By asset, whether something was heard of it since the last renewal.
    awake: Vec<bool>,
    routers: Routers,
    unlisted: u64,
}

/// A bed that is known.
#[derive(Clone, Copy, Debug)]
pub struct KnownBed<'a> {
    /// Its [`crate::BedRow::number`].
    pub number: u32,
    /// The monitor.
    pub asset: &'a Asset,
    /// The bed number it gives.
    pub bed: Option<u16>,
    /// The patient.
    pub patient: Option<&'a PatientToken>,
}

/// By what an asset is known.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Key {
    Mac(Mac),
    Ip(IpAddr),
}

impl Key {
    fn id(self) -> AssetId {
        AssetId(match self {
            Self::Mac(mac) => stable_hash(&[b"asset-mac", &mac.0]),
            Self::Ip(ip) => stable_hash(&[b"asset-ip", ip.to_string().as_bytes()]),
        })
    }
}

impl Inventory {
    /// What everything learnt so far adds up to.
    #[must_use]
    pub fn survey(&self) -> Survey<'_> {
        let routers = Routers::find(self);
        let keys = keys(self, &routers);
        let mut groups: BTreeMap<Key, Vec<StationId>> = BTreeMap::new();
        for (at, key) in keys.iter().enumerate() {
            if let Some(key) = key {
                groups.entry(*key).or_default().push(StationId(u32::try_from(at).unwrap_or(u32::MAX)));
            }
        }
        let mut groups: Vec<_> = groups.into_iter().map(|(key, stations)| (key.id(), stations)).collect();
        groups.sort_by_key(|(id, _)| *id);
        let mut of_station = vec![None; keys.len()];
        for (asset, (_, stations)) in groups.iter().enumerate() {
            for station in stations {
                if let Some(place) = of_station.get_mut(station.index()) {
                    *place = Some(asset);
                }
            }
        }
        let (ids, stations_of): (Vec<_>, Vec<_>) = groups.into_iter().unzip();
        let awake = |id: &StationId| self.station(*id).is_some_and(|row| row.asleep.is_none());
        let awake = stations_of.iter().map(|stations: &Vec<_>| stations.iter().any(awake)).collect();
        let owned = owned_by(self);
        let assets = ids
            .par_iter()
            .zip(&stations_of)
            .map(|(id, stations)| described(self, &routers, &owned, *id, stations))
            .collect();
        let mut survey =
            Survey { inventory: self, assets, of_station, stations_of, awake, routers, unlisted: 0 };
        survey.converse();
        survey.classify();
        survey
    }

    /// Assets as far as known now; see [`Inventory::survey`].
    #[must_use]
    pub fn assets(&self) -> Vec<Asset> {
        self.survey().into_assets()
    }

    /// Vital signs by asset and bed, as far as known now.
    #[must_use]
    pub fn vitals(&self) -> Vec<BedVitals> {
        self.survey().vitals()
    }
}

/// To which asset each station belongs; none for peers elsewhere and for addresses that nobody was heard at.
fn keys(inventory: &Inventory, routers: &Routers) -> Vec<Option<Key>> {
    let rows = inventory.stations();
    let mut owners: BTreeMap<IpAddr, BTreeSet<Mac>> = BTreeMap::new();
    let own: Vec<_> = rows.iter().map(|row| hold(inventory, routers, row)).collect();
    // Who has an address on a link of the capture: those that claim it, else those that use it as their own.
    for (row, hold) in rows.iter().zip(&own) {
        if let (Some(mac), Some(ip)) = (row.mac, row.ip)
            && (*hold == Hold::Own || *hold == Hold::Nobody && !routers.hold(mac) && row.sent.is_some())
        {
            owners.entry(ip).or_default().insert(mac);
        }
    }
    for (ip, claims) in inventory.owned() {
        for claim in claims.iter().filter(|claim| !routers.hold(claim.mac)) {
            owners.entry(ip).or_default().insert(claim.mac);
        }
    }
    let sole_owner = |ip: IpAddr| match owners.get(&ip) {
        Some(macs) if macs.len() == 1 => macs.first().copied(),
        _ => None,
    };
    rows.iter()
        .zip(own)
        .enumerate()
        .map(|(at, (row, hold))| {
            let id = StationId(u32::try_from(at).unwrap_or(u32::MAX));
            key_of(inventory, routers, id, row, hold, &sole_owner)
        })
        .collect()
}

fn key_of(
    inventory: &Inventory,
    routers: &Routers,
    id: StationId,
    row: &Station,
    hold: Hold,
    sole_owner: &dyn Fn(IpAddr) -> Option<Mac>,
) -> Option<Key> {
    let ip = row.ip.filter(|ip| !ip.is_unspecified());
    if ip.is_some_and(is_group) {
        return None;
    }
    let named = row.traits.as_ref().is_some_and(|traits| !traits.identifiers.is_empty());
    if row.sent.is_none() && hold == Hold::Nobody && !named {
        return None;
    }
    let inside = ip.is_none_or(|ip| inventory.site.owns(ip));
    let reports = inventory.beds.reports(id);
    let Some(mac) = row.mac else {
        return ip.filter(|_| inside || row.opened || reports).map(|ip| match sole_owner(ip) {
            Some(mac) => Key::Mac(mac),
            None => Key::Ip(ip),
        });
    };
    let Some(ip) = ip else { return Some(Key::Mac(mac)) };
    let stays = matches!(ip, IpAddr::V4(ip) if ip.is_link_local())
        || matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    if hold == Hold::Own || stays || row.linked {
        return Some(Key::Mac(mac));
    }
    if hold == Hold::Elsewhere || routers.hold(mac) {
        let known = inside || hold == Hold::Elsewhere || reports;
        return known.then(|| sole_owner(ip).map_or(Key::Ip(ip), Key::Mac));
    }
    (inside || row.opened || reports).then_some(Key::Mac(mac))
}

/// The addresses that each link address claims.
fn owned_by(inventory: &Inventory) -> BTreeMap<Mac, Vec<IpAddr>> {
    let mut owned: BTreeMap<Mac, Vec<IpAddr>> = BTreeMap::new();
    for (ip, claims) in inventory.owned() {
        for claim in claims {
            owned.entry(claim.mac).or_default().push(ip);
        }
    }
    owned
}

/// An asset by its stations, without class and conversations.
fn described(
    inventory: &Inventory,
    routers: &Routers,
    owned: &BTreeMap<Mac, Vec<IpAddr>>,
    id: AssetId,
    stations: &[StationId],
) -> Asset {
    let mut asset = Asset::unknown(id);
    let by_mac = |row: &Station| row.mac.is_some_and(|mac| Key::Mac(mac).id() == id);
    for row in stations.iter().filter_map(|id| inventory.station(*id)) {
        // A router's link address is not the address of those behind it.
        asset.macs.extend(row.mac.filter(|_| by_mac(row)));
        asset.ips.extend(row.ip.filter(|ip| !ip.is_unspecified()));
        asset.vlans.extend(row.vlans.iter().copied().filter(|vlans| !vlans.ids().is_empty()));
        let Some(traits) = &row.traits else { continue };
        let first = |slot: &mut Option<Text>, text: &Text| {
            slot.get_or_insert_with(|| text.clone());
        };
        for identifier in traits.identifiers.keys() {
            match identifier {
                // What it is called on the network, and in messaging and imaging.
                Identifier::HostName(name) | Identifier::ApplicationName(name) if !name.is_empty() => {
                    asset.names.insert(name.clone());
                }
                Identifier::Serial(text) => first(&mut asset.serial, text),
                Identifier::FirmwareVersion(text) => first(&mut asset.firmware, text),
                Identifier::Maker(text) => asset.maker = Some(text.to_string()),
                Identifier::Model(text) => asset.model = Some(text.to_string()),
                _ => {}
            }
        }
    }
    for mac in &asset.macs {
        let claimed = owned.get(mac).into_iter().flatten();
        asset.ips.extend(claimed.filter(|ip| !is_proxy(inventory, routers, *mac, **ip)));
    }
    asset
}

impl<'a> Survey<'a> {
    /// What it was concluded from.
    #[must_use]
    pub const fn inventory(&self) -> &'a Inventory {
        self.inventory
    }

    /// Assets, sorted by id.
    #[must_use]
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// The assets alone, without those of which nothing was heard since the last renewal.
    #[must_use]
    pub fn into_assets(self) -> Vec<Asset> {
        self.assets.into_iter().zip(self.awake).filter_map(|(asset, awake)| awake.then_some(asset)).collect()
    }

    /// The asset that a station belongs to; none for peers that are not the site's.
    #[must_use]
    pub fn asset_of(&self, station: StationId) -> Option<&Asset> {
        self.assets.get((*self.of_station.get(station.index())?)?)
    }

    /// Stations of an asset.
    pub fn stations_of(&self, asset: AssetId) -> &[StationId] {
        let at = self.assets.binary_search_by_key(&asset, |asset| asset.id);
        at.ok().and_then(|at| self.stations_of.get(at)).map_or(&[], Vec::as_slice)
    }

    /// The asset with a link address.
    #[must_use]
    pub fn asset_with(&self, mac: Mac) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.macs.contains(&mac))
    }

    /// The profile that recognised an asset.
    #[must_use]
    pub fn profile_of(&self, asset: &Asset) -> Option<&'a Profile> {
        self.inventory.profiles.profile(asset.profile.as_deref()?)
    }

    /// Whether a link address routes for others.
    #[must_use]
    pub fn routes(&self, mac: Mac) -> bool {
        self.routers.hold(mac)
    }

    /// Conversations over [`CONVERSATIONS_MAX`].
    #[must_use]
    pub const fn conversations_unlisted(&self) -> u64 {
        self.unlisted
    }

    /// Vital signs by asset and bed.
    #[must_use]
    pub fn vitals(&self) -> Vec<BedVitals> {
        self.beds_with(&|_| (Vec::new(), None)).into_iter().map(|(_, bed)| bed).collect()
    }

    /// Vital signs by asset and bed, each with its [`crate::BedRow::number`] and what `integrity` says of that.
    #[must_use]
    pub fn beds_with(
        &self,
        integrity: &dyn Fn(u32) -> (Vec<IntegrityRow>, Option<Judged>),
    ) -> Vec<(u32, BedVitals)> {
        let with_asset = |(number, station, vitals): (u32, StationId, BedVitals)| {
            let (integrity, judged) = integrity(number);
            Some((number, BedVitals { asset: self.asset_of(station)?.id, integrity, judged, ..vitals }))
        };
        let mut beds: Vec<_> = self.inventory.beds.all().filter_map(with_asset).collect();
        beds.sort_by(|(_, a), (_, b)| {
            (a.asset, a.bed, &a.patient, a.first).cmp(&(b.asset, b.bed, &b.patient, b.first))
        });
        beds
    }

    /// Every bed that is known, also from before the last renewal, in order of asset, bed and patient.
    #[must_use]
    pub fn known_beds(&self) -> Vec<KnownBed<'_>> {
        let with_asset = |known: (u32, StationId, Option<u16>, Option<&'a PatientToken>)| {
            let (number, station, bed, patient) = known;
            Some(KnownBed { number, asset: self.asset_of(station)?, bed, patient })
        };
        let mut beds: Vec<_> = self.inventory.beds.known().filter_map(with_asset).collect();
        beds.sort_by_key(|known| (known.asset.id, known.bed, known.patient, known.number));
        beds
    }

    /// The last minutes of the beds that had some, since [`Inventory::turn`].
    #[must_use]
    pub fn trends(&self) -> Vec<Trend> {
        let with_asset =
            |(station, trend): (StationId, Trend)| Some(Trend { asset: self.asset_of(station)?.id, ..trend });
        self.inventory.beds.trends().filter_map(with_asset).collect()
    }

    /// Where the station on the other side of `exchange` is, for the one on `side`.
    #[must_use]
    pub fn location(&self, exchange: &Exchange, side: Side) -> Location {
        if exchange.group && side == Side::Client {
            return Location::OnLink;
        }
        let inventory = self.inventory;
        let here = inventory.station(exchange.station(side));
        let Some(peer) = inventory.station(exchange.station(side.other())) else { return Location::Unknown };
        let Some(ip) = peer.ip else { return Location::Unknown };
        match hold(inventory, &self.routers, peer) {
            Hold::Own => {
                let routed = here.is_some_and(|here| {
                    here.mac.is_some_and(|mac| self.routers.hold(mac))
                        && hold(inventory, &self.routers, here) != Hold::Own
                });
                return if routed { Location::Onsite } else { Location::OnLink };
            }
            Hold::Elsewhere => return Location::Onsite,
            Hold::Nobody => {}
        }
        if !(peer.answered || peer.opened || exchange.answered || exchange.one_sided) {
            return Location::Unanswered;
        }
        let beyond = here.and_then(|here| here.subnet).is_some_and(|subnet| !subnet.contains(ip));
        match (peer.mac, inventory.site.owns(ip)) {
            (Some(mac), inside) if beyond || self.routers.hold(mac) => {
                if inside {
                    Location::Onsite
                } else {
                    Location::Offsite
                }
            }
            _ => Location::Unknown,
        }
    }

    /// Whether `here` and `there` are in one /24 (IPv6: /64).
    #[must_use]
    pub fn near(here: IpAddr, there: IpAddr) -> bool {
        Prefix::new(here, if here.is_ipv4() { 24 } else { 64 }).is_ok_and(|prefix| prefix.contains(there))
    }

    fn converse(&mut self) {
        let mut lists: Vec<BTreeMap<_, Conversation>> = Vec::new();
        lists.resize_with(self.assets.len(), BTreeMap::new);
        let exchanges = self.inventory.exchanges().iter().enumerate();
        for (place, exchange) in exchanges.filter(|(_, exchange)| exchange.flows > 0) {
            let offered = self.inventory.offers.of(ExchangeId::at(place));
            let goes_on = exchange.goes_on();
            let exchange = &exchange.since_renewal();
            if exchange.flows == 0 && exchange.frames == 0 && !goes_on {
                continue;
            }
            for side in [Side::Client, Side::Server] {
                let asset = self.of_station.get(exchange.station(side).index()).copied().flatten();
                let peer = self.inventory.station(exchange.station(side.other()));
                let (Some(asset), Some(peer)) = (asset, peer.and_then(|peer| peer.ip)) else { continue };
                let Some(list) = lists.get_mut(asset) else { continue };
                let mut seen = self.conversation(exchange, side, peer);
                if side == Side::Client {
                    seen.sessions = offered.cloned().map(Box::new);
                }
                let key = (seen.peer, seen.transport, seen.protocol);
                list.entry(key).and_modify(|known| merge(known, &seen)).or_insert(seen);
            }
        }
        for (asset, list) in self.assets.iter_mut().zip(lists) {
            let mut list: Vec<_> = list.into_values().collect();
            if list.len() > CONVERSATIONS_MAX {
                self.unlisted += (list.len() - CONVERSATIONS_MAX) as u64;
                list.sort_by_key(|seen| (std::cmp::Reverse(seen.frames), seen.peer));
                list.truncate(CONVERSATIONS_MAX);
                list.sort_by_key(|seen| (seen.peer, seen.transport, seen.protocol));
            }
            asset.conversations = list;
        }
    }

    fn conversation(&self, exchange: &Exchange, side: Side, peer: IpAddr) -> Conversation {
        let [client, server] = exchange.bytes;
        let (direction, bytes_out, bytes_in) = match side {
            Side::Client => (Direction::Out, client, server),
            Side::Server => (Direction::In, server, client),
        };
        Conversation {
            peer: Endpoint { ip: peer, port: exchange.port },
            transport: exchange.transport,
            location: self.location(exchange, side),
            protocol: exchange.protocol,
            direction,
            flows: exchange.flows,
            frames: exchange.frames,
            bytes_out,
            bytes_in,
            first: exchange.first,
            last: exchange.last,
            evidence: exchange.evidence,
            rhythm: exchange.rhythm,
            sessions: None,
        }
    }
}

fn merge(known: &mut Conversation, seen: &Conversation) {
    if known.direction != seen.direction {
        known.direction = Direction::Both;
    }
    if known.location == Location::Unknown || known.location == Location::Unanswered {
        known.location = seen.location;
    }
    known.flows += seen.flows;
    known.rhythm.add(&seen.rhythm);
    known.frames += seen.frames;
    match (&mut known.sessions, &seen.sessions) {
        (Some(known), Some(seen)) => known.add(seen),
        (known @ None, Some(seen)) => *known = Some(seen.clone()),
        (_, None) => {}
    }
    known.bytes_out += seen.bytes_out;
    known.bytes_in += seen.bytes_in;
    known.last = known.last.max(seen.last);
    if seen.first < known.first {
        known.first = seen.first;
        known.evidence = seen.evidence;
    }
}

/// Signs of an asset, each once, with what showed it.
type Signs = BTreeMap<SignId, (String, Evidence)>;

impl Survey<'_> {
    fn classify(&mut self) {
        let mut sends: Vec<BTreeSet<(usize, Evidence)>> = vec![BTreeSet::new(); self.assets.len()];
        for (at, exchange) in self.inventory.exchanges().iter().enumerate() {
            let asset = self.of_station.get(exchange.client.index()).copied().flatten();
            if let Some(list) = asset.and_then(|asset| sends.get_mut(asset)) {
                list.insert((at, exchange.evidence));
            }
        }
        let results: Vec<_> = self
            .stations_of
            .par_iter()
            .zip(&self.assets)
            .zip(&sends)
            .map(|((stations, asset), sends)| self.class_of(asset, stations, sends))
            .collect();
        for (asset, result) in self.assets.iter_mut().zip(results) {
            result.write(asset, self.inventory);
        }
    }

    fn class_of(
        &self,
        asset: &Asset,
        stations: &[StationId],
        sends: &BTreeSet<(usize, Evidence)>,
    ) -> Classified {
        let mut signs = Signs::new();
        let mut contact = None;
        let routes = asset.macs.iter().any(|mac| self.routers.hold(*mac));
        for row in stations.iter().filter_map(|id| self.inventory.station(*id)) {
            let evidence = row.sent.map_or(Evidence::default(), |sent| sent.first_evidence);
            if let Some(mac) = row.mac.filter(|mac| asset.macs.contains(mac)) {
                self.show(&Clue::Mac(mac), &mac.to_string(), evidence, &mut signs);
            }
            if routes && row.mac.is_some() {
                self.show(&Clue::Routes, "yes", evidence, &mut signs);
            }
            let Some(traits) = &row.traits else { continue };
            for (sign, value, evidence) in &traits.signs {
                signs.entry(*sign).or_insert_with(|| (value.clone(), *evidence));
            }
            // Who owns the address does not ask for it, and a router asks for others.
            for (ip, evidence) in &traits.contacts {
                if asset.ips.contains(ip) || routes {
                    continue;
                }
                contact.get_or_insert((*ip, *evidence));
                let makers = self.inventory.vocabulary.hardcoded(*ip).map(|address| &address.makers);
                for maker in makers.into_iter().flatten() {
                    self.show(&Clue::Contact { maker }, &ip.to_string(), *evidence, &mut signs);
                }
            }
        }
        for (at, evidence) in sends {
            let Some(exchange) = self.inventory.exchanges().get(*at) else { continue };
            let Some(ip) = self.inventory.station(exchange.server).and_then(|row| row.ip) else { continue };
            let reach = if exchange.group {
                Reach::Broadcast
            } else if self.inventory.vocabulary.hardcoded(ip).is_some() {
                Reach::Hardcoded
            } else {
                Reach::Any
            };
            let clue = Clue::Sends { transport: exchange.transport, port: exchange.port, reach };
            self.show(&clue, &format!("{ip}:{}", exchange.port), *evidence, &mut signs);
        }
        self.judge(signs, contact)
    }

    fn show(&self, clue: &Clue<'_>, value: &str, evidence: Evidence, signs: &mut Signs) {
        self.inventory.profiles.fitting(clue, |sign| {
            signs.entry(sign).or_insert_with(|| (value.to_owned(), evidence));
        });
    }

    fn judge(&self, signs: Signs, contact: Option<(IpAddr, Evidence)>) -> Classified {
        let profiles = self.inventory.profiles.all();
        let mut weights: BTreeMap<usize, u32> = BTreeMap::new();
        for id in signs.keys() {
            *weights.entry(id.profile).or_default() +=
                self.inventory.profiles.sign(*id).map_or(0, |sign| sign.weight);
        }
        // The heaviest; of equals a product before a kind, then the first by name.
        let best = weights.iter().max_by_key(|(at, weight)| {
            let product = profiles.get(**at).is_some_and(|profile| profile.model.is_some());
            (**weight, product, std::cmp::Reverse(**at))
        });
        let best = best.and_then(|(at, weight)| Some((*at, profiles.get(*at)?, *weight)));
        let best = best.filter(|(.., weight)| *weight >= CLASS_WEIGHT_MIN);
        let by_contact = contact.filter(|_| {
            best.is_none_or(|(_, profile, weight)| !profile.class.medical && weight < MODEL_WEIGHT_MIN)
        });
        let chosen = if by_contact.is_some() { None } else { best };
        let mut seen = Vec::new();
        for (id, (value, evidence)) in signs {
            if chosen.is_none_or(|(at, ..)| at == id.profile)
                && let Some(sign) = self.inventory.profiles.sign(id)
            {
                seen.push(SignSeen { sign: sign.name.clone(), value, weight: sign.weight, evidence });
            }
        }
        if let Some((ip, evidence)) = by_contact {
            seen.retain(|sign| sign.sign != "hard-coded address");
            let sign = "hard-coded address".to_owned();
            seen.push(SignSeen { sign, value: ip.to_string(), weight: CONTACT_WEIGHT, evidence });
        }
        seen.sort_by(|a, b| (b.weight, &a.sign, &a.value).cmp(&(a.weight, &b.sign, &b.value)));
        Classified {
            profile: chosen.map(|(at, _, weight)| (at, weight)),
            contact: by_contact.is_some(),
            signs: seen,
        }
    }
}

/// What an asset was found to be.
struct Classified {
    profile: Option<(usize, u32)>,
    contact: bool,
    signs: Vec<SignSeen>,
}

impl Classified {
    fn write(self, asset: &mut Asset, inventory: &Inventory) {
        asset.signs = self.signs;
        let confidence = |weight: u32| weight.min(IDENTIFIES) as f32 / IDENTIFIES as f32;
        if self.contact {
            let class = inventory.vocabulary.class("patient-monitor");
            asset.class =
                class.cloned().or(Some(DeviceClass { id: "patient-monitor".to_owned(), medical: true }));
            asset.confidence = confidence(CONTACT_WEIGHT);
        }
        let Some((at, weight)) = self.profile else { return };
        let Some(profile) = inventory.profiles.all().get(at) else { return };
        asset.class = Some(profile.class.clone());
        asset.confidence = confidence(weight) * CONFIDENCE_MOST;
        asset.profile = Some(profile.id.clone());
        if weight >= MODEL_WEIGHT_MIN && profile.model.is_some() {
            asset.maker.clone_from(&profile.maker);
            asset.model.clone_from(&profile.model);
            asset.aliases.clone_from(&profile.aliases);
            let firmware = asset.firmware.as_ref().map(Text::as_str);
            asset.exposures = advisory::exposures(&inventory.advisories, &profile.id, firmware);
        }
    }
}
