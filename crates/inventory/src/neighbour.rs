//! Who owns an address on a link, by address resolution, neighbour discovery and leases.

use crate::station::Span;
use model::{CaptureTime, Mac, VlanStack};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Most addresses whose owners are kept. Our limit; claims of further ones are not kept, which
/// [`crate::Dropped::owners`] counts.
pub const OWNED_ADDRESSES_MAX: usize = 1 << 16;
/// Most owners of one address. Our limit; counted in [`crate::Dropped::owners`].
pub const OWNERS_PER_ADDRESS_MAX: usize = 8;
/// Most link addresses known to route. Our limit; counted in [`crate::Dropped::owners`].
pub const ROUTERS_MAX: usize = 1 << 12;

/// One claim of an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Owner {
    /// Who claims it.
    pub mac: Mac,
    /// On which VLAN.
    pub vlans: VlanStack,
    /// When.
    pub seen: Span,
}

/// Claims and routers.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    owners: BTreeMap<IpAddr, Vec<Owner>>,
    /// Link addresses that said that they route.
    pub(crate) announced: BTreeSet<Mac>,
    /// Addresses that leases name as routers.
    pub(crate) leased_routers: BTreeSet<IpAddr>,
    pub(crate) dropped: u64,
}

impl Neighbours {
    /// The clock was set by so many nanoseconds.
    pub(crate) fn clock_set(&mut self, by: i64) {
        self.owners.values_mut().flatten().for_each(|owner| owner.seen.clock_set(by));
    }

    pub(crate) fn owns(&mut self, ip: IpAddr, mac: Mac, vlans: VlanStack, seen: Span) {
        if !mac.is_host() || ip.is_unspecified() {
            return;
        }
        if self.owners.len() >= OWNED_ADDRESSES_MAX && !self.owners.contains_key(&ip) {
            self.dropped += 1;
            return;
        }
        let owners = self.owners.entry(ip).or_default();
        if let Some(owner) = owners.iter_mut().find(|owner| owner.mac == mac && owner.vlans == vlans) {
            owner.seen.add(&seen);
        } else if owners.len() < OWNERS_PER_ADDRESS_MAX {
            owners.push(Owner { mac, vlans, seen });
        } else {
            self.dropped += 1;
        }
    }

    pub(crate) fn routes(&mut self, mac: Mac) {
        if self.announced.len() < ROUTERS_MAX {
            self.announced.insert(mac);
        } else {
            self.dropped += u64::from(!self.announced.contains(&mac));
        }
    }

    pub(crate) fn names_router(&mut self, ip: IpAddr) {
        if self.leased_routers.len() < ROUTERS_MAX {
            self.leased_routers.insert(ip);
        } else {
            self.dropped += u64::from(!self.leased_routers.contains(&ip));
        }
    }

    /// Forgets claims from before `begun` by whoever is not among `known`.
    pub(crate) fn renew(&mut self, begun: CaptureTime, known: &BTreeSet<Mac>) {
        self.owners.retain(|_, owners| {
            owners.retain(|owner| owner.seen.last >= begun || known.contains(&owner.mac));
            !owners.is_empty()
        });
        self.dropped = 0;
    }

    /// Who claims `ip`, in order of appearance.
    pub(crate) fn owners(&self, ip: IpAddr) -> &[Owner] {
        self.owners.get(&ip).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (IpAddr, &[Owner])> {
        self.owners.iter().map(|(ip, owners)| (*ip, owners.as_slice()))
    }
}
