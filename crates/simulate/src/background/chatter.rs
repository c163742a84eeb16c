//! Multicast noise of office machines: service discovery that nobody asked for.
//!
//! # Source
//! RFC 6762 (multicast DNS), UPnP Device Architecture 2.0 §1.3.2 (M-SEARCH), RFC 1112 §6.4 (group MACs).

use crate::actor::{Actor, Stage};
use crate::packet::{self, Host, Port};
use crate::random::Random;
use crate::site::Site;
use model::{CaptureTime, Mac};
use std::net::Ipv4Addr;

/// All who chatter.
pub(crate) struct Chatter {
    pub(crate) random: Random,
    /// How many workstations there are.
    pub(crate) workstations: u16,
}

/// The group `ip` on Ethernet: 01:00:5e and its low 23 bits.
const fn group(ip: Ipv4Addr) -> Host {
    let [_, b, c, d] = ip.octets();
    Host { mac: Mac([0x01, 0x00, 0x5E, b & 0x7F, c, d]), ip, ttl: 1 }
}

impl Actor for Chatter {
    fn step(&mut self, now: CaptureTime, stage: &mut Stage<'_>) -> Option<CaptureTime> {
        let frames = if self.random.chance(0.5) {
            stage.truth.conversed("mdns");
            let index = self.random.below(u64::from(self.workstations)) as u16;
            let host = Host { ttl: 255, ..Site::workstation(index) };
            let mut query = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            query.extend_from_slice(b"\x04_ipp\x04_tcp\x05local\x00\x00\x0C\x00\x01");
            let to = Port { host: group(Ipv4Addr::new(224, 0, 0, 251)), port: 5353 };
            packet::udp(Port { host, port: 5353 }, to, self.random.word16(), &query)
        } else {
            stage.truth.conversed("ssdp");
            // One old machine still looks for media players.
            let host = Host { ttl: 2, ..Site::workstation(0) };
            let search =
                b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 2\r\n\
                           ST: ssdp:all\r\n\r\n";
            let to = Port { host: group(Ipv4Addr::new(239, 255, 255, 250)), port: 1900 };
            let from = Port { host, port: 50_923 };
            packet::udp(from, to, self.random.word16(), search)
        };
        stage.cable.put_all(now, frames);
        Some(now.plus_nanos((self.random.between(4.0, 14.0) * 1e9) as i64))
    }
}
