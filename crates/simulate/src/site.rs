//! Who is where: addresses and MACs of the ward. All invented, all MACs locally administered.
//!
//! ```text
//! 10.20.0.0/20 ward   .0.1 gateway  .0.2 DHCP  .0.3 DNS  .0.4 NTP  .1.20 central station  .1.31 printer
//!                     .1.40 modality  .1.50 bedside gateway (HL7)  .2.x workstations  .4.x-.7.x monitors
//!                     .9.9 station of a relabelled unit
//! 10.30.8.0/24 site   .5 PACS  .20 intranet  .30 integration engine  .40 admin host   (behind the gateway)
//! 202.114.4.0/22      monitors with maker's default addressing (local-central, arp-only)
//! ```

use crate::packet::Host;
use crate::tcp::behind;
use model::Mac;
use std::net::Ipv4Addr;

/// The address for telemetry that the maker hard-coded.
pub(crate) const HARDCODED: Ipv4Addr = Ipv4Addr::new(202, 114, 4, 119);
/// The address for HL7 that the maker hard-coded.
pub(crate) const HARDCODED_HL7: Ipv4Addr = Ipv4Addr::new(202, 114, 4, 120);
/// Telemetry port.
pub(crate) const TELEMETRY_PORT: u16 = 515;
/// Hard-coded HL7 port.
pub(crate) const HARDCODED_HL7_PORT: u16 = 511;

/// What a MAC belongs to; the fourth octet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Server = 0x00,
    Monitor = 0x10,
    Workstation = 0x20,
    Other = 0x30,
}

/// A MAC of the ward.
pub(crate) const fn mac(kind: Kind, index: u16) -> Mac {
    let [high, low] = index.to_be_bytes();
    Mac([0x02, 0x1B, 0x5E, kind as u8, high, low])
}

/// The hosts that every ward has.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) gateway: Host,
    pub(crate) dhcp: Host,
    pub(crate) dns: Host,
    pub(crate) ntp: Host,
    pub(crate) central: Host,
    pub(crate) printer: Host,
    pub(crate) modality: Host,
    pub(crate) bedside: Host,
    pub(crate) pacs: Host,
    pub(crate) intranet: Host,
    pub(crate) engine: Host,
    pub(crate) admin: Host,
    /// Owner of the hard-coded address on the ward.
    pub(crate) local_central: Host,
    /// Station of relabelled units.
    pub(crate) relabelled: Host,
    /// Who pretends.
    pub(crate) rogue: Host,
    /// Another maker's monitor.
    pub(crate) stranger: Host,
}

impl Site {
    /// The ward's hosts.
    pub(crate) const fn new() -> Self {
        let gateway = Host { mac: mac(Kind::Server, 1), ip: Ipv4Addr::new(10, 20, 0, 1), ttl: 64 };
        Self {
            gateway,
            dhcp: Host { mac: mac(Kind::Server, 2), ip: Ipv4Addr::new(10, 20, 0, 2), ttl: 64 },
            dns: Host { mac: mac(Kind::Server, 3), ip: Ipv4Addr::new(10, 20, 0, 3), ttl: 64 },
            ntp: Host { mac: mac(Kind::Server, 4), ip: Ipv4Addr::new(10, 20, 0, 4), ttl: 64 },
            central: Host { mac: mac(Kind::Server, 20), ip: Ipv4Addr::new(10, 20, 1, 20), ttl: 128 },
            printer: Host { mac: mac(Kind::Other, 31), ip: Ipv4Addr::new(10, 20, 1, 31), ttl: 64 },
            modality: Host { mac: mac(Kind::Other, 40), ip: Ipv4Addr::new(10, 20, 1, 40), ttl: 128 },
            bedside: Host { mac: mac(Kind::Other, 50), ip: Ipv4Addr::new(10, 20, 1, 50), ttl: 128 },
            pacs: behind(&gateway, Ipv4Addr::new(10, 30, 8, 5), 63),
            intranet: behind(&gateway, Ipv4Addr::new(10, 30, 8, 20), 63),
            engine: behind(&gateway, Ipv4Addr::new(10, 30, 8, 30), 63),
            admin: behind(&gateway, Ipv4Addr::new(10, 30, 8, 40), 63),
            local_central: Host { mac: mac(Kind::Server, 119), ip: HARDCODED, ttl: 128 },
            relabelled: Host { mac: mac(Kind::Server, 9), ip: Ipv4Addr::new(10, 20, 9, 9), ttl: 128 },
            rogue: Host { mac: mac(Kind::Other, 0x66), ip: HARDCODED, ttl: 64 },
            stranger: Host { mac: mac(Kind::Other, 0x70), ip: Ipv4Addr::new(202, 114, 7, 250), ttl: 64 },
        }
    }

    /// Workstation number `index`.
    pub(crate) fn workstation(index: u16) -> Host {
        let [high, low] = (10 + index).to_be_bytes();
        Host { mac: mac(Kind::Workstation, index), ip: Ipv4Addr::new(10, 20, 2 + (high & 1), low), ttl: 128 }
    }

    /// Monitor number `index` with an address of the ward.
    pub(crate) fn monitor(index: u32) -> Host {
        let [.., high, low] = (0x0A14_0410 + index).to_be_bytes();
        Host { mac: mac(Kind::Monitor, index as u16), ip: Ipv4Addr::new(10, 20, high, low), ttl: 64 }
    }

    /// Monitor number `index` with an address of the maker's default network.
    pub(crate) fn monitor_by_default(index: u32) -> Host {
        // The two central addresses lie in the way.
        let offset = if index + 1 >= 119 { index + 3 } else { index + 1 };
        let ip = Ipv4Addr::from(0xCA72_0400 + offset);
        Host { mac: mac(Kind::Monitor, index as u16), ip, ttl: 64 }
    }
}
