//! Where a peer is, by who answered for its address.
//!
//! In this order:
//! 1. Sent to everyone on the link or to a group: on the link.
//! 2. Somebody claimed the address on the link (address resolution, neighbour discovery, a lease): on the link
//!    for those who send to that very link address; within the site for those who reach it through a router.
//!    A router that claims foreign addresses (proxy ARP) is not their owner.
//! 3. Nobody answered: unanswered.
//! 4. The frames went to a router: routed, within or out of the site's networks.
//! 5. Unknown.
//!
//! A link address is a *router* where one of these holds:
//! * it says so (router advertisement), or a lease names an address it owns as a router;
//! * it owns an address on the link and carries others of the same family that it does not own and that lie in
//!   no network of this link;
//! * it owns none that was seen, and carries addresses of two or more networks that are none of this link's.
//!
//! A *network of the link* is the /24 (IPv6: /64) of an address that somebody claims on it, or that a link
//! address carrying no other network has. So a local central station with the second address
//! 202.114.4.119 is no router to monitors of that network.

use crate::learn::Inventory;
use crate::station::Station;
use model::{Mac, Prefix};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The /24 or /64 of an address; none for addresses that never leave a link or are no host's.
pub(crate) fn network(ip: IpAddr) -> Option<Prefix> {
    let off_link = match ip {
        IpAddr::V4(ip) => !(ip.is_link_local() || ip.is_unspecified() || ip.is_loopback()),
        IpAddr::V6(ip) => !(ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_loopback()),
    };
    if !off_link || crate::is_group(ip) {
        return None;
    }
    Prefix::new(ip, if ip.is_ipv4() { 24 } else { 64 }).ok()
}

/// Link addresses known to route.
#[derive(Debug, Default)]
pub(crate) struct Routers(BTreeSet<Mac>);

impl Routers {
    pub(crate) fn hold(&self, mac: Mac) -> bool {
        self.0.contains(&mac)
    }

    /// Works out who routes.
    pub(crate) fn find(inventory: &Inventory) -> Self {
        let neighbours = &inventory.neighbours;
        let mut routers = neighbours.announced.clone();
        let mut owned: BTreeMap<Mac, BTreeSet<IpAddr>> = BTreeMap::new();
        let mut networks_owned: BTreeMap<Prefix, BTreeSet<Mac>> = BTreeMap::new();
        for (ip, owners) in neighbours.all() {
            for owner in owners {
                owned.entry(owner.mac).or_default().insert(ip);
                if let Some(network) = network(ip) {
                    networks_owned.entry(network).or_default().insert(owner.mac);
                }
                if neighbours.leased_routers.contains(&ip) {
                    routers.insert(owner.mac);
                }
            }
        }
        let carried = carried(inventory);
        let mut homes = networks_owned;
        for (mac, networks) in &carried {
            if let (Some(network), 1) = (networks.first(), networks.len()) {
                homes.entry(*network).or_default().insert(*mac);
            }
        }
        for (mac, networks) in &carried {
            let own = owned.get(mac);
            for v4 in [true, false] {
                let of_family = |ip: &IpAddr| ip.is_ipv4() == v4;
                let owns = own.is_some_and(|own| own.iter().any(of_family));
                let foreign = networks.iter().filter(|network| {
                    let holds_own = own.is_some_and(|own| own.iter().any(|ip| network.contains(*ip)));
                    let home = homes.get(network).is_some_and(|macs| macs.iter().any(|other| other != mac));
                    network.is_ipv4() == v4 && !holds_own && !home
                });
                if foreign.count() >= if owns { 1 } else { 2 } {
                    routers.insert(*mac);
                }
            }
        }
        Self(routers)
    }
}

/// Networks of the addresses that each link address carried in flows.
fn carried(inventory: &Inventory) -> BTreeMap<Mac, BTreeSet<Prefix>> {
    let mut carried: BTreeMap<Mac, BTreeSet<Prefix>> = BTreeMap::new();
    let rows = inventory.stations().iter().filter(|row| row.in_flows);
    for (mac, ip) in rows.filter_map(|row| Some((row.mac?, row.ip?))) {
        if let Some(network) = network(ip) {
            carried.entry(mac).or_default().insert(network);
        }
    }
    carried
}

/// How a station's address is held on the links of the capture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Hold {
    /// Its link address claims it and does not do so for others.
    Own,
    /// Somebody else on a link of the capture claims it.
    Elsewhere,
    /// Nobody claims it, or only a router for others.
    Nobody,
}

/// Whether `station` holds its address itself.
pub(crate) fn hold(inventory: &Inventory, routers: &Routers, station: &Station) -> Hold {
    let Some(ip) = station.ip else { return Hold::Nobody };
    let mut hold = Hold::Nobody;
    for owner in inventory.owners(ip) {
        if is_proxy(inventory, routers, owner.mac, ip) {
            continue;
        }
        if Some(owner.mac) == station.mac {
            return Hold::Own;
        }
        hold = Hold::Elsewhere;
    }
    hold
}

/// A router that claims an address foreign to the site beside its own ones answers for it, but does not own it.
pub(crate) fn is_proxy(inventory: &Inventory, routers: &Routers, mac: Mac, ip: IpAddr) -> bool {
    routers.hold(mac) && !inventory.site().owns(ip)
}
