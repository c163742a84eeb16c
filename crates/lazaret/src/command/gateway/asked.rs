//! What devices may ask for through the gateway: options, and what they come to with a policy.

use super::super::policy::read_policy;
use super::receipt::Contained;
use crate::exit::Failure;
use enforce::gateway::service::{Grants, Lease, Servers, Services, near};
use enforce::gateway::{Interface, Rules};
use model::Prefix;
use policy::Policy;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names, the time, addresses.
#[derive(Debug, clap::Args)]
pub(super) struct Asked {
    /// Policy that says which device may ask for names, the time, its address; nothing is answered without
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The hospital's resolver: devices may ask for the names that the policy lists
    #[arg(long, value_name = "IP[:PORT]", value_parser = server::<53>, requires = "policy")]
    dns_server: Option<SocketAddrV4>,
    /// The hospital's time server
    #[arg(long, value_name = "IP[:PORT]", value_parser = server::<123>, requires = "policy")]
    ntp_server: Option<SocketAddrV4>,
    /// The hospital's DHCP server: devices may get the address that the policy has for them
    #[arg(long, value_name = "IP", requires = "policy")]
    dhcp_server: Option<Ipv4Addr>,
}

fn server<const PORT: u16>(text: &str) -> Result<SocketAddrV4, String> {
    let alone = text.parse().map(|ip: Ipv4Addr| SocketAddrV4::new(ip, PORT));
    alone
        .or_else(|_| text.parse())
        .map_err(|_| format!("`{text}` is no IPv4 address, with or without `:PORT`"))
}

/// What devices may ask, before anything is opened.
pub(super) struct Allowed {
    policy: Option<Policy>,
    servers: Servers,
    grants: Grants,
    leases: Vec<Lease>,
}

impl Asked {
    /// Reads the policy, and holds the options against it.
    pub(super) fn allowed(&self, stations: &[Ipv4Addr], prefix: u8) -> Result<Allowed, Failure> {
        let servers = Servers { names: self.dns_server, time: self.ntp_server, lease: self.dhcp_server };
        let services = servers.services();
        let policy = self.policy.as_deref().map(read_policy).transpose()?;
        let grants = match (&policy, &self.policy) {
            (Some(policy), Some(path)) => {
                let refused = |what| Failure::Policy { path: path.clone(), what };
                Grants::of(policy, &services).map_err(refused)?
            }
            _ => Grants::default(),
        };
        let leases = grants.leasings.iter().filter_map(|leasing| near(stations, prefix, *leasing)).collect();
        Ok(Allowed { policy, servers, grants, leases })
    }
}

impl Allowed {
    /// Puts them into the kernel's rules.
    pub(super) fn add_to(&self, rules: &mut Rules) {
        rules.askings.clone_from(&self.grants.askings);
        rules.leases.clone_from(&self.leases);
    }

    /// Whom the gateway contains: the units of the policy; without one, whoever is in its segments.
    pub(super) fn contained(&self, stations: &[Ipv4Addr], prefix: u8) -> Contained {
        let Some(policy) = &self.policy else {
            let segments = stations.iter().filter_map(|ip| Prefix::new(IpAddr::V4(*ip), prefix).ok());
            let segments: BTreeSet<Prefix> = segments.collect();
            let devices = segments.iter().map(ToString::to_string).collect();
            return Contained { name: "the gateway's own rules".to_owned(), devices };
        };
        let networks: BTreeSet<Prefix> =
            policy.units.iter().flat_map(|unit| unit.networks.iter().copied()).collect();
        Contained { name: policy.name.clone(), devices: networks.iter().map(ToString::to_string).collect() }
    }

    /// What the policy allows and cannot be had, in words.
    pub(super) fn unserved(&self) -> &[String] {
        &self.grants.unserved
    }

    /// Opens the sockets; while that is still allowed.
    pub(super) fn open(
        self,
        device: &Interface,
        stations: &[Ipv4Addr],
    ) -> Result<Option<Arc<Services>>, Failure> {
        let Some(station) = stations.first().filter(|_| !self.servers.services().is_empty()) else {
            return Ok(None);
        };
        let opened = Services::open(device, *station, &self.servers, self.grants, &self.leases);
        opened.map(Some).map_err(|fault| Failure::Usage(fault.to_string()))
    }
}

/// What each service has done, by its name.
pub(super) fn tallies(services: Option<&Arc<Services>>) -> Value {
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let row = |(service, tally): (enforce::gateway::service::Service, &enforce::gateway::service::Tally)| {
        let counts = json!({
            "asked": of(&tally.asked),
            "answered": of(&tally.answered),
            "refused": of(&tally.refused),
            "dropped": of(&tally.dropped),
            "wrong": of(&tally.wrong),
            "unanswered": of(&tally.unanswered),
        });
        (service.as_str().to_owned(), counts)
    };
    services
        .into_iter()
        .flat_map(|services| services.tallies().map(row))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_address_with_its_usual_port_or_another() {
        assert_eq!(server::<53>("10.20.1.9").unwrap().to_string(), "10.20.1.9:53");
        assert_eq!(server::<53>("10.20.1.9:5353").unwrap().port(), 5353);
        for text in ["", "ward", "::1", "10.20.1.9:", "10.20.1.9:70000"] {
            assert!(server::<53>(text).is_err(), "{text}");
        }
    }
}
