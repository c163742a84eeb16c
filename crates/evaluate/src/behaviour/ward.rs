//! A hospital wing over weeks where nothing is wrong, as flows: what monitors, central stations, imaging devices,
//! servers and people do, with all that looks suspicious and is not.
//!
//! | what | looks like |
//! |---|---|
//! | time and name servers, addresses renewed | a beacon |
//! | multicast keep-alives | a beacon |
//! | a central station's telemetry to its maker over TLS, every quarter of an hour | a beacon |
//! | a modality that asks its worklist every minute, inside | a beacon |
//! | network management that asks everybody every five minutes, many of them switched off | a search |
//! | a central station that calls its monitors after a restart | a search |
//! | monitors that are switched off when a patient leaves | a device gone silent |
//! | an engineer's visit with a laptop, a monitor that moves to another central station | a new peer, a new service |

use super::Dice;
use super::stage::{Flow, Host, judged, watched};
use detect::DataError;
use inventory::Site;
use model::{Report, Transport};
use std::net::Ipv4Addr;

/// Seconds of a day.
pub const DAY: f64 = 86_400.0;
/// Monitors.
const MONITORS: u16 = 24;
/// Imaging devices.
const MODALITIES: u16 = 2;
/// Office machines.
const WORKSTATIONS: u16 = 12;
/// Mean stay of a patient, and pause of the monitor after it, in days.
const STAY_DAYS: f64 = 2.5;
const PAUSE_DAYS: f64 = 0.15;
/// Visits of an engineer to one device, mean days between.
const VISIT_DAYS: f64 = 60.0;
/// Moves of a monitor to the other central station, mean days between.
const MOVE_DAYS: f64 = 90.0;

/// Medical devices of the wing.
pub const DEVICES: u64 = (MONITORS + MODALITIES + 2) as u64;

const DHCP: Host = Host::here(2);
const NAMES: Host = Host::here(3);
const TIME: Host = Host::here(4);
const CENTRALS: [Host; 2] = [Host::here(0x0114), Host::here(0x0115)];
const MANAGEMENT: Host = Host::here(0x0130);
const LAPTOP: Host = Host::here(0x0230);
const ARCHIVE: Host = Host::beyond(Ipv4Addr::new(10, 30, 8, 5));
const WORKLIST: Host = Host::beyond(Ipv4Addr::new(10, 30, 8, 6));
const FILES: Host = Host::beyond(Ipv4Addr::new(10, 30, 8, 7));
const MAKER: Host = Host::beyond(Ipv4Addr::new(198, 51, 100, 90));
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);

/// Writes the flows of the wing.
pub(super) struct Wing {
    pub(super) flows: Vec<Flow>,
    /// When each monitor was switched on, and off.
    on: Vec<Vec<(f64, f64)>>,
    dice: Dice,
    pub(super) end: f64,
}

/// What a judgement makes of a wing over `days`, learnt for so many hours; and the device-days.
///
/// # Errors
/// [`DataError`] where the compiled-in data does not load.
pub fn benign(seed: u64, days: f64, site: Site) -> Result<Report, DataError> {
    let wing = wing(seed, days);
    judged(site, &wing.flows, wing.end)
}

/// The rules of the findings that a watch of the same wing opens.
///
/// # Errors
/// [`DataError`] where the compiled-in data does not load.
pub fn benign_watched(seed: u64, days: f64, site: Site) -> Result<Vec<&'static str>, DataError> {
    let wing = wing(seed, days);
    watched(site, &wing.flows, wing.end)
}

fn wing(seed: u64, days: f64) -> Wing {
    let mut wing = Wing::empty(Dice::new(seed), days * DAY);
    for number in 0..MONITORS {
        wing.monitor(Host::here(0x0400 + number));
    }
    CENTRALS.into_iter().for_each(|central| wing.central(central));
    for number in 0..MODALITIES {
        wing.modality(Host::here(0x0140 + number));
    }
    for number in 0..WORKSTATIONS {
        wing.workstation(Host::here(0x0210 + number));
    }
    wing.management();
    wing
}

impl Wing {
    /// Without anybody.
    pub(super) const fn empty(dice: Dice, end: f64) -> Self {
        Self { flows: Vec::new(), on: Vec::new(), dice, end }
    }

    /// Something about every `seconds`, from `from` to `to`, each time at most `jitter` of that early or late.
    pub(super) fn every(
        &mut self,
        (from, to): (f64, f64),
        seconds: f64,
        jitter: f64,
        flow: impl Fn(&mut Dice, f64) -> Flow,
    ) {
        let mut at = from + self.dice.between(0.0, seconds);
        while at < to {
            let flow = flow(&mut self.dice, at);
            self.flows.push(flow);
            at += seconds * (1.0 + jitter * self.dice.between(-1.0, 1.0));
        }
    }

    /// Something now and then, `mean` seconds apart.
    pub(super) fn sometimes(
        &mut self,
        (from, to): (f64, f64),
        mean: f64,
        flow: impl Fn(&mut Dice, f64) -> Flow,
    ) {
        let mut at = from + self.dice.wait(mean);
        while at < to {
            let flow = flow(&mut self.dice, at);
            self.flows.push(flow);
            at += self.dice.wait(mean);
        }
    }

    /// Address, names, time.
    pub(super) fn housekeeping(&mut self, span: (f64, f64), host: Host, time: Host) {
        let udp = |from, server, port, speaks| Flow {
            transport: Transport::Udp,
            speaks: Some(speaks),
            bytes: [60, 60],
            ..Flow::tcp(from, host, server, port)
        };
        self.every(span, 4.0 * 3600.0, 0.05, |_, at| udp(at, DHCP, 67, "dhcp"));
        self.every(span, 1024.0, 0.01, |_, at| udp(at, time, 123, "ntp"));
        self.sometimes(span, 2400.0, |_, at| udp(at, NAMES, 53, "dns"));
    }

    fn monitor(&mut self, host: Host) {
        let [one, other] = CENTRALS;
        let [.., last] = host.ip.octets();
        let (mut at, mut central) = (self.dice.between(0.0, 600.0), if last % 2 == 0 { one } else { other });
        let mut moves = self.dice.wait(MOVE_DAYS * DAY);
        let mut spans = Vec::new();
        while at < self.end {
            let span = (at, (at + self.dice.wait(STAY_DAYS * DAY)).min(self.end));
            spans.push(span);
            if at > moves {
                central = if central == one { other } else { one };
                moves += self.dice.wait(MOVE_DAYS * DAY);
            }
            self.stream(span, host, central);
            self.housekeeping(span, host, TIME);
            self.every(span, 600.0, 0.02, |_, at| Flow {
                transport: Transport::Udp,
                answered: false,
                ..Flow::tcp(at, host, Host { mac: host.mac, ip: GROUP }, 9_000)
            });
            self.sometimes(span, VISIT_DAYS * DAY, |_, at| Flow {
                speaks: Some("http"),
                ..Flow::tcp(at, LAPTOP, host, 80)
            });
            at = span.1 + 1800.0 + self.dice.wait(PAUSE_DAYS * DAY);
        }
        self.on.push(spans);
    }

    /// Whether a monitor is switched on.
    fn is_on(&self, number: u16, at: f64) -> bool {
        let spans = self.on.get(usize::from(number)).into_iter().flatten();
        spans.into_iter().any(|(from, to)| (*from..=*to).contains(&at))
    }

    /// Telemetry, opened anew now and then.
    fn stream(&mut self, (from, to): (f64, f64), host: Host, central: Host) {
        let mut at = from;
        while at < to {
            let seconds = self.dice.wait(DAY).min(to - at);
            let stream = Flow::tcp(at, host, central, 515);
            self.flows.push(Flow {
                seconds,
                speaks: Some("cms8000"),
                bedside: true,
                bytes: [1_000 * seconds as u64, 0],
                ..stream
            });
            at += seconds + 5.0;
        }
    }

    fn central(&mut self, host: Host) {
        let span = (0.0, self.end);
        self.housekeeping(span, host, TIME);
        let telemetry = |dice: &mut Dice, at| Flow {
            speaks: Some("tls"),
            bytes: [3_000 + u64::from(dice.below(20_000)), 2_000 + u64::from(dice.below(900))],
            ..Flow::tcp(at, host, MAKER, 443)
        };
        self.every(span, 900.0, 0.02, telemetry);
        self.every(span, DAY, 0.01, |_, at| Flow { speaks: Some("smb"), ..Flow::tcp(at, host, FILES, 445) });
        // After a restart it calls every monitor; those that are switched off do not answer.
        let mut at = self.dice.wait(10.0 * DAY);
        while at < self.end {
            for number in 0..MONITORS {
                let (at, monitor) = (at + f64::from(number), Host::here(0x0400 + number));
                let answered = self.is_on(number, at);
                self.flows.push(Flow { answered, ..Flow::tcp(at, host, monitor, 516) });
            }
            at += self.dice.wait(10.0 * DAY);
        }
    }

    fn modality(&mut self, host: Host) {
        let span = (0.0, self.end);
        self.housekeeping(span, host, TIME);
        let dicom =
            |at, server, bytes| Flow { speaks: Some("dicom"), bytes, ..Flow::tcp(at, host, server, 104) };
        self.every(span, 60.0, 0.01, |_, at| dicom(at, WORKLIST, [700, 500]));
        self.sometimes(span, 2.0 * 3600.0, |dice, at| {
            dicom(at, ARCHIVE, [u64::from(dice.below(90_000_000)), 4_000])
        });
        self.sometimes(span, VISIT_DAYS * DAY, |_, at| Flow::tcp(at, LAPTOP, host, 5900));
    }

    fn workstation(&mut self, host: Host) {
        let mut day = 0.0;
        while day < self.end {
            let span = (day + 7.0 * 3600.0, (day + 18.0 * 3600.0).min(self.end));
            self.housekeeping(span, host, TIME);
            let site = |dice: &mut Dice| Host::beyond(Ipv4Addr::new(198, 51, 100, dice.below(80) as u8));
            self.sometimes(span, 90.0, |dice, at| Flow {
                speaks: Some("tls"),
                bytes: [2_000, u64::from(dice.below(400_000))],
                ..Flow::tcp(at, host, site(dice), 443)
            });
            // Its mail is fetched by the clock.
            let mail = Host::beyond(Ipv4Addr::new(198, 51, 100, 200));
            self.every(span, 60.0, 0.02, |_, at| Flow {
                speaks: Some("tls"),
                ..Flow::tcp(at, host, mail, 993)
            });
            day += DAY;
        }
    }

    /// Asks everybody, every five minutes.
    fn management(&mut self) {
        let ping = |dice: &mut Dice, at, target| Flow {
            transport: Transport::Icmp,
            answered: dice.unit() < 0.9,
            ..Flow::tcp(at, MANAGEMENT, target, 0)
        };
        let others = CENTRALS.into_iter().chain((0..MODALITIES).map(|number| Host::here(0x0140 + number)));
        for target in others {
            self.every((0.0, self.end), 300.0, 0.0, |dice, at| ping(dice, at, target));
        }
        for number in 0..MONITORS {
            let mut at = self.dice.between(0.0, 300.0);
            while at < self.end {
                let mut flow = ping(&mut self.dice, at, Host::here(0x0400 + number));
                flow.answered &= self.is_on(number, at);
                self.flows.push(flow);
                at += 300.0;
            }
        }
    }
}
