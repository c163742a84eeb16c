//! What does not belong: a station that claims the central station's address, another maker's monitor that
//! happens to share the default address, and programs on a monitor that call home or look around.
//!
//! What is known of the other maker (Draeger Vista 120): TCP 9600 to 202.114.4.119, and UDP broadcasts to
//! 9610 that start with 0x7E and hold "CMS" and the hospital's name. The rest of its bytes is invented.

use crate::actor::{Actor, Stage};
use crate::cable::Way;
use crate::packet::{self, Host, Port};
use crate::random::Random;
use crate::site::{HARDCODED, Site};
use crate::tcp::{Dialogue, LOCAL_NANOS, Link, Side, behind};
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

/// Where the program on a monitor calls; an address reserved for documentation (RFC 5737).
pub(crate) const HOME: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 200);
/// Its port.
pub(crate) const HOME_PORT: u16 = 8080;
/// Round trip to it.
const HOME_NANOS: i64 = 61_000_000;
/// How much earlier or later than its period a call comes at most, as a part of the period.
const CALL_JITTER: f64 = 0.15;
/// Share of calls that are left out.
const CALL_MISSING: f64 = 0.08;

/// A program on a monitor that calls home by the clock.
pub(crate) struct Caller {
    host: Host,
    period_nanos: i64,
    port: u16,
    random: Random,
}

impl Caller {
    /// Calls about every `period_nanos`.
    pub(crate) const fn new(host: Host, period_nanos: i64, random: Random) -> Self {
        Self { host, period_nanos, port: 0, random }
    }
}

impl Actor for Caller {
    fn step(&mut self, now: CaptureTime, stage: &mut Stage<'_>) -> Option<CaptureTime> {
        let gateway = stage.site.gateway;
        if self.port == 0 {
            stage.truth.happened(now, self.host.mac, "begins to call home");
            stage.cable.put(now, Way::Any, packet::arp_request(&self.host, gateway.ip));
            let answered = now.plus_nanos(200_000);
            stage.cable.put(answered, Way::Any, packet::arp_reply(&gateway, &self.host));
        }
        if !self.random.chance(CALL_MISSING) {
            stage.truth.conversed("http");
            let client = Port { host: self.host, port: 30_000 + self.port % 20_000 };
            let server = Port { host: behind(&gateway, HOME, 47), port: HOME_PORT };
            let begin = now.plus_nanos(1_000_000);
            let mut call = Dialogue::open(stage.cable, begin, (client, server), HOME_NANOS, &mut self.random);
            let ask = b"GET /t?u=4711 HTTP/1.1\r\nHost: 203.0.113.200:8080\r\nConnection: close\r\n\r\n";
            call.say(Side::Client, ask)
                .say(Side::Server, b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
            call.close(Side::Server);
        }
        self.port += 1;
        let share = self.random.between(1.0 - CALL_JITTER, 1.0 + CALL_JITTER);
        Some(now.plus_nanos((self.period_nanos as f64 * share) as i64))
    }
}

/// Addresses that the one who looks around asks for on the link and that nobody has.
const SWEPT: u8 = 40;

/// A program on a monitor that looks around: asks for addresses, tries what answers, opens a terminal.
pub(crate) struct Prowler {
    host: Host,
    workstations: u16,
    turn: u8,
    random: Random,
}

impl Prowler {
    /// On `host`, among so many workstations.
    pub(crate) const fn new(host: Host, workstations: u16, random: Random) -> Self {
        Self { host, workstations, turn: 0, random }
    }

    /// Tries a host that does not let it in.
    fn knock(&mut self, at: CaptureTime, target: Host, stage: &mut Stage<'_>) {
        stage.truth.conversed("tcp-unanswered");
        stage.cable.put(at, Way::Any, packet::arp_request(&self.host, target.ip));
        let answered = at.plus_nanos(150_000);
        stage.cable.put(answered, Way::Any, packet::arp_reply(&target, &self.host));
        let client = Port { host: self.host, port: 40_000 + u16::from(self.turn) };
        let mut link = Link::new(client, Port { host: target, port: 23 }, LOCAL_NANOS, &mut self.random);
        link.knock(stage.cable, answered.plus_nanos(300_000));
    }

    /// The printer has a terminal.
    fn enter(&mut self, now: CaptureTime, stage: &mut Stage<'_>) {
        stage.truth.conversed("telnet");
        let client = Port { host: self.host, port: 41_000 };
        let server = Port { host: stage.site.printer, port: 23 };
        let mut terminal = Dialogue::open(stage.cable, now, (client, server), LOCAL_NANOS, &mut self.random);
        terminal.say(Side::Server, b"\xff\xfb\x01\xff\xfb\x03\r\nPrinter configuration\r\n> ");
        terminal.say(Side::Client, b"\xff\xfd\x01\xff\xfd\x03").say(Side::Client, b"status\r\n");
        terminal.say(Side::Server, b"ready\r\n> ");
        terminal.close(Side::Client);
    }
}

impl Actor for Prowler {
    fn step(&mut self, now: CaptureTime, stage: &mut Stage<'_>) -> Option<CaptureTime> {
        let turn = self.turn;
        self.turn += 1;
        let pause = 180_000_000 + self.random.below(90_000_000) as i64;
        if turn == 0 {
            stage.truth.happened(now, self.host.mac, "looks for other hosts");
        }
        if turn < SWEPT {
            let wanted = Ipv4Addr::new(10, 20, 14, 100 + turn);
            stage.cable.put(now, Way::Any, packet::arp_request(&self.host, wanted));
            return Some(now.plus_nanos(pause));
        }
        let site = stage.site;
        let mut targets = vec![site.dhcp, site.dns, site.ntp, site.central, site.modality, site.bedside];
        targets.extend((0..self.workstations.min(8)).map(Site::workstation));
        if let Some(target) = targets.get(usize::from(turn - SWEPT)) {
            self.knock(now, *target, stage);
            return Some(now.plus_nanos(pause));
        }
        self.enter(now, stage);
        None
    }
}
