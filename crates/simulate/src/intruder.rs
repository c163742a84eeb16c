//! Two that do not belong: a station that claims the central station's address, and another maker's
//! monitor that happens to share the default address.
//!
//! What is known of the other maker (Draeger Vista 120): TCP 9600 to 202.114.4.119, and UDP broadcasts to
//! 9610 that start with 0x7E and hold "CMS" and the hospital's name. The rest of its bytes is invented.

use crate::actor::{Actor, Stage};
use crate::cable::Way;
use crate::packet::{self, Host, Port};
use crate::random::Random;
use crate::site::HARDCODED;
use crate::tcp::{Link, Side};
use crate::unit::SECOND;
use model::{CaptureTime, Mac};
use std::net::Ipv4Addr;

/// Answers for the central station's address beside its owner.
pub(crate) struct Rogue {
    /// Whose connection it wants.
    pub(crate) victim: Host,
    /// Whether it has begun.
    pub(crate) begun: bool,
}

impl Actor for Rogue {
    fn step(&mut self, now: CaptureTime, stage: &mut Stage<'_>) -> Option<CaptureTime> {
        let rogue = stage.site.rogue;
        if !self.begun {
            stage.truth.happened(now, rogue.mac, "claims the central station's address");
            self.begun = true;
        }
        stage.cable.put(now, Way::Any, packet::arp_reply(&rogue, &self.victim));
        let everybody = Host { mac: Mac::BROADCAST, ip: HARDCODED, ttl: 64 };
        stage.cable.put(now.plus_nanos(900_000), Way::Any, packet::arp_reply(&rogue, &everybody));
        Some(now.plus_nanos(2 * SECOND))
    }
}

/// Another maker's monitor.
pub(crate) struct Stranger {
    random: Random,
    /// Its station, if there is one on the ward.
    station: Option<Host>,
    link: Option<Link>,
    turn: u64,
}

impl Stranger {
    /// With its station, or without an answer.
    pub(crate) const fn new(station: Option<Host>, random: Random) -> Self {
        Self { random, station, link: None, turn: 0 }
    }

    fn announce(&mut self, now: CaptureTime, stage: &mut Stage<'_>) {
        let from = Port { host: stage.site.stranger, port: 9610 };
        let all = Host { mac: Mac::BROADCAST, ip: Ipv4Addr::BROADCAST, ttl: 64 };
        let mut payload = vec![0x7E, 0x00, 0x40, 0x01];
        payload.extend_from_slice(b"CMS\0");
        payload.extend_from_slice(b"Saint Vetch Hospital\0");
        payload.resize(64, 0);
        let frames = packet::udp(from, Port { host: all, port: 9610 }, self.random.word16(), &payload);
        stage.cable.put_all(now, frames);
    }

    fn speak(&mut self, now: CaptureTime, station: Host, stage: &mut Stage<'_>) {
        let client = Port { host: stage.site.stranger, port: 4021 };
        let random = &mut self.random;
        let cable = &mut *stage.cable;
        let link = self.link.get_or_insert_with(|| {
            stage.truth.conversed("vista120");
            let mut link = Link::new(client, Port { host: station, port: 9600 }, 400_000, random);
            link.open(cable, now);
            link
        });
        let mut unit = vec![0x7E, (self.turn % 250) as u8, 0x02, 0x9C];
        unit.extend_from_slice(&random.bytes(412));
        unit.push(0x7E);
        link.send(cable, Side::Client, now.plus_nanos(2_000_000), &unit);
    }
}

impl Actor for Stranger {
    fn step(&mut self, now: CaptureTime, stage: &mut Stage<'_>) -> Option<CaptureTime> {
        let here = stage.site.stranger;
        if self.turn.is_multiple_of(10) {
            self.announce(now, stage);
            stage.cable.put(now.plus_nanos(3_000_000), Way::Any, packet::arp_request(&here, HARDCODED));
            if let Some(station) = self.station {
                stage.cable.put(now.plus_nanos(3_300_000), Way::Any, packet::arp_reply(&station, &here));
            }
        }
        if let Some(station) = self.station {
            self.speak(now.plus_nanos(5_000_000), station, stage);
        }
        self.turn += 1;
        Some(now.plus_nanos(SECOND + self.random.below(5_000_000) as i64))
    }
}
