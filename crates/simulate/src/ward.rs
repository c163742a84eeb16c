//! The ward itself: who is on it, what is expected of a scan of it, and the loop that writes it.

use crate::actor::{Actor, Stage};
use crate::background::browse::Workstation;
use crate::background::chatter::Chatter;
use crate::background::imaging::Modality;
use crate::background::messages::BedsideGateway;
use crate::background::print::Printing;
use crate::background::shell::Administrator;
use crate::cable::{Cable, Waiting};
use crate::clock;
use crate::impair::{Mirror, Write};
use crate::intruder::{Caller, HOME, HOME_PORT, Prowler, Rogue, Stranger};
use crate::packet::{Host, Port};
use crate::patient;
use crate::random::Random;
use crate::scenario::Scenario;
use crate::site::{HARDCODED, HARDCODED_HL7, HARDCODED_HL7_PORT, Site, TELEMETRY_PORT};
use crate::tamper::Tamper;
use crate::tcp::{LOCAL_NANOS, behind};
use crate::truth::{BEATS_LISTED_MAX, Beats, Bed, Expectation, HostTruth, ServerTruth, Truth};
use crate::unit::{SECOND, Steering, Unit};
use crate::update::{Over, Update};
use model::CaptureTime;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;

/// Most monitors a ward can hold: its address plan's limit; more is [`WardError::Monitors`].
pub const MONITORS_MAX: u32 = 1000;
/// Round trip to the hard-coded address, on another continent.
const FAR_NANOS: i64 = 228_000_000;
/// Time to live of a far host's packets when they reach the ward.
const FAR_TTL: u8 = 43;
/// Port of a relabelled unit's station.
const RELABELLED_PORT: u16 = 7777;
/// One unit in so many is relabelled.
const RELABELLED_SHARE: u32 = 8;
/// What a told story is about: a sensor that falls off does so in this time, however long the ward goes on.
const STORY_SECONDS: u64 = 180;
/// Beds a station knows; the protocol's bed number starts again after it.
const BEDS_MAX: u32 = 64;

/// Something that happens to one unit at a moment of its own, where a story is to be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cue {
    /// What happens: where the unit sends (it joins then), an update, or tampering.
    pub scenario: Scenario,
    /// Which unit, from 0.
    pub unit: u32,
    /// When, in seconds after the ward's beginning.
    pub after_seconds: u32,
}

/// A ward to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Ward {
    /// Everything follows from it.
    pub seed: u64,
    /// CMS8000 units, 1..=[`MONITORS_MAX`].
    pub monitors: u32,
    /// Length in minutes.
    pub minutes: f64,
    /// What happens; nothing named means [`Scenario::Benign`].
    pub scenarios: Vec<Scenario>,
    /// What happens to single units besides, and when.
    pub story: Vec<Cue>,
    /// Time of the first possible frame.
    pub start: CaptureTime,
}

impl Default for Ward {
    /// Seed 1, eight monitors, two minutes, nothing unusual, from 2026-01-12T08:00:00Z.
    fn default() -> Self {
        let start = CaptureTime::from_nanos(1_768_204_800 * SECOND);
        Self { seed: 1, monitors: 8, minutes: 2.0, scenarios: Vec::new(), story: Vec::new(), start }
    }
}

/// A ward that cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WardError {
    /// Too few or too many.
    #[error("a ward has 1 to {MONITORS_MAX} monitors, not {0}")]
    Monitors(u32),
    /// Not a length of time.
    #[error("a ward lasts more than 0 and at most 10080 minutes, not {0}")]
    Minutes(f64),
    /// Two scenarios that disagree about who owns the hard-coded address.
    #[error("`{0}` and `{1}` cannot happen on one ward: they disagree about who owns the hard-coded address")]
    Contradiction(Scenario, Scenario),
    /// A cue for a unit that is not there, or of what does not happen to one unit.
    #[error("`{0}` cannot happen to unit {1} of this ward")]
    Cue(Scenario, u32),
}

/// How far the writing is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Share of the ward's time, 0..=1.
    pub share: f64,
    /// Frames written.
    pub frames: u64,
    /// Bytes of frames written.
    pub bytes: u64,
}

/// Actors and when each acts next.
struct Cast {
    actors: Vec<Box<dyn Actor>>,
    turns: BinaryHeap<Reverse<(CaptureTime, usize)>>,
}

impl Cast {
    fn enter(&mut self, at: CaptureTime, actor: impl Actor + 'static) {
        self.turns.push(Reverse((at, self.actors.len())));
        self.actors.push(Box::new(actor));
    }
}

impl Ward {
    fn has(&self, scenario: Scenario) -> bool {
        self.all_scenarios().any(|one| one == scenario)
    }

    /// Every scenario that happens to somebody.
    fn all_scenarios(&self) -> impl Iterator<Item = Scenario> {
        self.scenarios.iter().copied().chain(self.story.iter().map(|cue| cue.scenario))
    }

    /// The cue that says where unit `index` sends.
    fn steering_cue(&self, index: u32) -> Option<&Cue> {
        self.story.iter().find(|cue| cue.unit == index && cue.scenario.steers_telemetry())
    }

    /// What is done to unit `index`, each from a cycle on.
    fn tampering(&self, index: u32) -> Vec<(Scenario, u64)> {
        let half = (self.minutes * 60.0) as u64 / 2;
        let named = self.scenarios.iter().filter(|_| index == 0).map(|scenario| (*scenario, half));
        let cues = self.story.iter().filter(|cue| cue.unit == index);
        let cued = cues.map(|cue| (cue.scenario, u64::from(cue.after_seconds)));
        named.chain(cued).filter(|(scenario, _)| scenario.tampers()).collect()
    }

    /// Whether this ward can be written.
    ///
    /// # Errors
    /// [`WardError`], naming what cannot be.
    pub fn check(&self) -> Result<(), WardError> {
        if !(1..=MONITORS_MAX).contains(&self.monitors) {
            return Err(WardError::Monitors(self.monitors));
        }
        if !(self.minutes > 0.0 && self.minutes <= 10_080.0) {
            return Err(WardError::Minutes(self.minutes));
        }
        for first in self.all_scenarios() {
            if let Some(second) = self.all_scenarios().find(|second| first.contradicts(*second)) {
                return Err(WardError::Contradiction(first, second));
            }
        }
        for Cue { scenario, unit, .. } in self.story.iter().copied() {
            let of_one = scenario.steers_telemetry() || scenario.tampers() || scenario.updates();
            if unit >= self.monitors || !of_one {
                return Err(WardError::Cue(scenario, unit));
            }
        }
        Ok(())
    }

    fn nanos(&self) -> i64 {
        (self.minutes * 60.0 * SECOND as f64) as i64
    }

    /// A moment at `share` of the ward's time.
    fn moment(&self, share: f64) -> CaptureTime {
        self.start.plus_nanos((self.nanos() as f64 * share) as i64)
    }

    /// A moment at `share` of what is told: a story's beginning is told, however long the ward goes on.
    fn told(&self, share: f64) -> CaptureTime {
        if self.story.is_empty() {
            return self.moment(share);
        }
        let whole = self.nanos().min(STORY_SECONDS as i64 * SECOND);
        self.start.plus_nanos((whole as f64 * share) as i64)
    }

    /// Scenario of unit `index`.
    fn steering_scenario(&self, index: u32) -> Scenario {
        if let Some(cue) = self.steering_cue(index) {
            return cue.scenario;
        }
        if self.has(Scenario::Relabel) && index.is_multiple_of(RELABELLED_SHARE) {
            return Scenario::Relabel;
        }
        let mut named: Vec<Scenario> =
            self.scenarios.iter().copied().filter(|s| s.steers_telemetry()).collect();
        if named.is_empty() && self.has(Scenario::RogueCentral) {
            named.push(Scenario::LocalCentral);
        }
        if named.is_empty() {
            named.push(Scenario::Benign);
        }
        named.get(index as usize % named.len()).copied().unwrap_or(Scenario::Benign)
    }

    /// Who unit `index` is and where it sends.
    fn unit_plan(&self, index: u32, site: &Site) -> (Host, Steering) {
        let scenario = self.steering_scenario(index);
        let by_default = matches!(scenario, Scenario::LocalCentral | Scenario::ArpOnly);
        let host = if by_default { Site::monitor_by_default(index) } else { Site::monitor(index) };
        let far = behind(&site.gateway, HARDCODED, FAR_TTL);
        let (server, port) = match scenario {
            Scenario::Leak | Scenario::LeakUnanswered => (far, TELEMETRY_PORT),
            Scenario::LocalCentral | Scenario::ArpOnly => (site.local_central, TELEMETRY_PORT),
            Scenario::Relabel => (site.relabelled, RELABELLED_PORT),
            _ => (site.central, TELEMETRY_PORT),
        };
        let offsite = matches!(scenario, Scenario::Leak | Scenario::LeakUnanswered);
        let steering = Steering {
            scenario,
            server: Port { host: server, port },
            round_trip_nanos: if offsite { FAR_NANOS } else { LOCAL_NANOS },
            next_hop: if offsite { site.gateway.ip } else { server.ip },
            answered: !matches!(scenario, Scenario::LeakUnanswered | Scenario::ArpOnly),
            leases: !by_default && index.is_multiple_of(2),
        };
        (host, steering)
    }

    fn bed(&self, index: u32, host: &Host, steering: &Steering, patient: &patient::Patient) -> Bed {
        let relabelled = steering.scenario == Scenario::Relabel;
        Bed {
            mac: host.mac.to_string(),
            ip: host.ip,
            bed: (index % BEDS_MAX + 1) as u8,
            label: if relabelled { "Epsimed MN-120" } else { "Contec CMS8000" },
            scenario: steering.scenario.name(),
            server: ServerTruth { ip: steering.server.host.ip, port: steering.server.port },
            answered: steering.answered,
            patient: patient.identity.clone(),
            cycles: 0,
            first: None,
            last: None,
            numerics: BTreeMap::new(),
            beats: Beats::default(),
            notices: 0,
        }
    }

    fn blank_truth(&self) -> Truth {
        Truth {
            schema: "lazaret.truth/1",
            seed: self.seed,
            scenarios: self.scenarios.iter().map(|scenario| scenario.name()).collect(),
            start: clock::rfc3339(self.start),
            seconds: self.minutes * 60.0,
            capture: crate::truth::Written::default(),
            beds: Vec::new(),
            hosts: Vec::new(),
            other_patients: Vec::new(),
            conversations: BTreeMap::new(),
            files: Vec::new(),
            events: Vec::new(),
            expected: Vec::new(),
            allowed: Vec::new(),
            forbidden: Vec::new(),
        }
    }

    fn admit_units(&self, cast: &mut Cast, truth: &mut Truth, site: &Site, random: &Random) {
        let seconds = self.minutes * 60.0;
        let beats = f64::from(self.monitors) * seconds * 1.5;
        let list_beats = beats < BEATS_LISTED_MAX as f64;
        let spread = self.nanos().min(50 * SECOND) / 10;
        for index in 0..self.monitors {
            let mut dice = random.fork(0x1000 + u64::from(index));
            let patient = patient::patient(index, &mut dice);
            let (host, steering) = self.unit_plan(index, site);
            let bed = self.bed(index, &host, &steering, &patient);
            expect_of_unit(&host, &steering, truth);
            self.admit_update(index, &host, cast, truth, (site, &dice));
            let early = self.start.plus_nanos(dice.below(spread.unsigned_abs() + 1) as i64);
            let cue = self.steering_cue(index);
            let at = cue.map_or(early, |cue| self.start.plus_nanos(i64::from(cue.after_seconds) * SECOND));
            let cycles = if self.story.is_empty() { seconds as u64 } else { STORY_SECONDS };
            let unit = Unit::new(host, steering, (patient, bed), list_beats, cycles, dice.fork(2));
            let tampering = self.tampering(index);
            let tampers = Tamper::of(&tampering);
            for (scenario, _) in &tampering {
                truth.expected.push(Expectation::on(scenario.found_by(), host.mac).judged("high", None));
                truth.allowed.push(Expectation::on(scenario.found_by(), host.mac));
            }
            cast.enter(at, unit.tampered(tampers));
        }
    }

    fn admit_update(
        &self,
        index: u32,
        host: &Host,
        cast: &mut Cast,
        truth: &mut Truth,
        (site, dice): (&Site, &Random),
    ) {
        let second = 1 % self.monitors;
        let named =
            [(Scenario::UpdateUdp, 0, self.moment(0.25)), (Scenario::UpdateTcp, second, self.moment(0.5))];
        let named = named.into_iter().filter(|(scenario, ..)| self.scenarios.contains(scenario));
        let cued = self.story.iter().filter(|cue| cue.scenario.updates()).map(|cue| {
            (cue.scenario, cue.unit, self.start.plus_nanos(i64::from(cue.after_seconds) * SECOND))
        });
        let local = self.has(Scenario::LocalCentral) || self.has(Scenario::RogueCentral);
        let far = behind(&site.gateway, HARDCODED, FAR_TTL);
        for (scenario, unit, at) in named.chain(cued).filter(|(_, unit, _)| *unit == index) {
            let over = if scenario == Scenario::UpdateTcp { Over::Tcp } else { Over::Udp };
            let (server, next_hop, trip) = if local {
                (site.local_central, site.local_central, LOCAL_NANOS)
            } else {
                (far, site.gateway, FAR_NANOS / 8)
            };
            let update =
                Update::new(*host, (server, next_hop), trip, over, dice.fork(0xBAD + u64::from(unit)));
            cast.enter(at, update);
            expect_of_update(host, local, truth);
        }
    }

    fn admit_others(&self, cast: &mut Cast, truth: &mut Truth, site: &Site, random: &Random) {
        let workstations = (4 + self.monitors / 16).min(60) as u16;
        for index in 0..workstations {
            let at = self.told(0.004 * f64::from(index % 20));
            cast.enter(at, Workstation::new(index, random.fork(0x2000 + u64::from(index))));
        }
        cast.enter(self.told(0.03), BedsideGateway::new(random.fork(0x3000)));
        let pause_seconds = if self.has(Scenario::Printing) { 5.0 } else { 35.0 };
        cast.enter(self.told(0.05), Printing::new(workstations, pause_seconds, random.fork(0x3001)));
        cast.enter(self.told(0.08), Modality::new(random.fork(0x3002)));
        cast.enter(self.told(0.02), Chatter { random: random.fork(0x3003), workstations });
        let host = Site::workstation(1);
        cast.enter(self.told(0.1), Administrator { host, random: random.fork(0x3004), port: 58_000 });
        if self.has(Scenario::RogueCentral) {
            let victim = self.unit_plan(0, site).0;
            cast.enter(self.told(0.4), Rogue { victim, begun: false });
            let rogue = Expectation::on("rogue-central", site.rogue.mac).with(HARDCODED, None);
            let mut rogue = rogue.judged("high", None);
            // Which of the two is the asset is the detector's choice: truth names the rule only.
            rogue.asset = None;
            truth.expected.push(rogue);
        }
        if self.has(Scenario::OtherMaker) {
            let local = self.has(Scenario::LocalCentral) || self.has(Scenario::RogueCentral);
            cast.enter(
                self.told(0.1),
                Stranger::new(local.then_some(site.local_central), random.fork(0x4000)),
            );
            let stranger = Expectation::on("hardcoded-address", site.stranger.mac);
            truth.allowed.push(stranger);
            for rule in ["patient-data-offsite", "remote-mount", "remote-code-fetch"] {
                truth.forbidden.push(Expectation::on(rule, site.stranger.mac));
            }
        }
        self.admit_programs(workstations, cast, truth, (site, random));
        self.name_hosts(truth, site);
        self.forbid(truth, site);
        self.weaken(truth);
    }

    /// Programs on the last monitor that its maker did not put there.
    fn admit_programs(
        &self,
        workstations: u16,
        cast: &mut Cast,
        truth: &mut Truth,
        (site, random): (&Site, &Random),
    ) {
        let (host, _) = self.unit_plan(self.monitors - 1, site);
        let on = |rule| Expectation::on(rule, host.mac);
        if self.has(Scenario::Beacon) {
            // Some forty calls, however long the capture is.
            let period = (self.nanos() / 40).clamp(3 * SECOND / 2, 300 * SECOND);
            cast.enter(self.moment(0.06), Caller::new(host, period, random.fork(0x5000)));
            let home = |rule| on(rule).with(HOME, Some(HOME_PORT)).at("offsite");
            truth.expected.push(home("beacon").judged("medium", Some("confirmed")));
            truth.expected.push(home("offsite-egress").judged("high", None));
        }
        if self.has(Scenario::LateralScan) {
            cast.enter(self.moment(0.2), Prowler::new(host, workstations, random.fork(0x5001)));
            truth.expected.push(on("lateral-movement").judged("high", None));
        }
    }

    /// What a mirror that misses frames cannot show is no longer demanded.
    fn weaken(&self, truth: &mut Truth) {
        if self.has(Scenario::OneWay) {
            // Nobody sees the server answer: whether data arrived is a guess, and so is where.
            let unseen = |expected: &Expectation| {
                expected.rule == "patient-data-offsite" && expected.peer_port == Some(TELEMETRY_PORT)
            };
            let (unsure, mut sure): (Vec<_>, Vec<_>) = truth.expected.drain(..).partition(unseen);
            for expected in sure.iter_mut().filter(|expected| expected.rule == "patient-data-cleartext") {
                expected.r#where = None;
            }
            truth.expected = sure;
            truth.allowed.extend(unsure);
            truth.allowed.push(Expectation::any("patient-data-offsite"));
        }
        if self.has(Scenario::Loss) {
            for expected in &mut truth.expected {
                expected.certainty = None;
            }
        }
    }

    fn name_hosts(&self, truth: &mut Truth, site: &Site) {
        let mut hosts = vec![
            ("gateway", site.gateway),
            ("dhcp-server", site.dhcp),
            ("dns-server", site.dns),
            ("ntp-server", site.ntp),
            ("central-station", site.central),
            ("bedside-gateway", site.bedside),
            ("printer", site.printer),
            ("modality", site.modality),
        ];
        let extra = [
            (Scenario::LocalCentral, "central-station", site.local_central),
            (Scenario::Relabel, "central-station", site.relabelled),
            (Scenario::RogueCentral, "rogue", site.rogue),
        ];
        hosts.extend(extra.into_iter().filter(|(s, ..)| self.has(*s)).map(|(_, role, host)| (role, host)));
        let plain = |(role, host): (&'static str, Host)| HostTruth {
            role,
            mac: host.mac.to_string(),
            ip: host.ip,
            class: None,
            model: None,
            not_model: None,
        };
        truth.hosts.extend(hosts.into_iter().map(plain));
        for index in 0..self.monitors {
            let (host, steering) = self.unit_plan(index, site);
            // Without a stream only the address speaks, and that is no proof of the platform.
            let model = steering.answered.then_some("CMS8000");
            let named = HostTruth { class: Some("patient-monitor"), model, ..plain(("monitor", host)) };
            truth.hosts.push(named);
        }
        if self.has(Scenario::OtherMaker) {
            let other = HostTruth { not_model: Some("CMS8000"), ..plain(("other-monitor", site.stranger)) };
            truth.hosts.push(other);
        }
    }

    fn forbid(&self, truth: &mut Truth, site: &Site) {
        const WARD_RULES: [&str; 9] = [
            "code-push",
            "cleartext-credentials",
            "default-credentials",
            "wireless-active",
            "not-isolated",
            "alarm-disabled",
            "alarm-limits-widened",
            "vitals-untrusted",
            "malformed-traffic",
        ];
        let tampered = |rule: &&str| self.all_scenarios().any(|s| s.tampers() && s.found_by() == *rule);
        for rule in WARD_RULES {
            if !tampered(&rule) {
                truth.forbidden.push(Expectation::any(rule));
                continue;
            }
            let spared = (0..self.monitors).filter(|index| self.tampering(*index).is_empty());
            let others = spared.map(|index| self.unit_plan(index, site).0.mac);
            truth.forbidden.extend(others.map(|mac| Expectation::on(rule, mac)));
        }
        if truth.files.is_empty() && !self.has(Scenario::UpdateUdp) && !self.has(Scenario::UpdateTcp) {
            truth.forbidden.extend(["remote-mount", "remote-code-fetch"].map(Expectation::any));
        }
        if !self.has(Scenario::LateralScan) {
            truth.forbidden.push(Expectation::any("lateral-movement"));
        }
        let calls_out = [
            Scenario::Beacon,
            Scenario::Leak,
            Scenario::LeakUnanswered,
            Scenario::UpdateUdp,
            Scenario::UpdateTcp,
        ];
        if !calls_out.into_iter().any(|scenario| self.has(scenario)) {
            truth.forbidden.push(Expectation::any("beacon"));
        }
        if !self.has(Scenario::Leak) {
            truth.forbidden.push(Expectation::any("patient-data-offsite"));
        }
        if !self.has(Scenario::RogueCentral) {
            truth.forbidden.push(Expectation::any("rogue-central"));
        }
        truth.allowed.push(Expectation::on("patient-data-cleartext", site.bedside.mac));
        truth.allowed.push(Expectation::on("patient-data-cleartext", site.modality.mac));
    }

    /// Writes the ward's frames in order of time to `capture` and returns what is true of them.
    ///
    /// `progress` is told about once a simulated second.
    ///
    /// # Errors
    /// Those of `capture`, and [`io::ErrorKind::InvalidInput`] with a [`WardError`] inside.
    pub fn write(
        &self,
        capture: &mut dyn FnMut(CaptureTime, &[u8]) -> io::Result<()>,
        progress: &mut dyn FnMut(Progress),
    ) -> io::Result<Truth> {
        self.check().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let random = Random::new(self.seed);
        let site = Site::new();
        let mut truth = self.blank_truth();
        let mut cast = Cast { actors: Vec::new(), turns: BinaryHeap::new() };
        self.admit_units(&mut cast, &mut truth, &site, &random);
        self.admit_others(&mut cast, &mut truth, &site, &random);
        let mut mirror = Mirror::new(&self.scenarios, random.fork(0x9999));
        self.play(&mut cast, &mut truth, (&site, &mut mirror), (capture, progress))?;
        for actor in &mut cast.actors {
            actor.finish(&mut truth);
        }
        truth.events.sort_by(|one, two| one.time.cmp(&two.time));
        truth.capture = mirror.written;
        Ok(truth)
    }

    /// Lets everybody act until the time is over; frames on their way then still arrive.
    fn play(
        &self,
        cast: &mut Cast,
        truth: &mut Truth,
        (site, mirror): (&Site, &mut Mirror),
        (capture, progress): (Write<'_>, &mut dyn FnMut(Progress)),
    ) -> io::Result<()> {
        let end = self.moment(1.0);
        let mut cable = Cable::default();
        let mut told = self.start;
        while let Some(Reverse((now, who))) = cast.turns.pop() {
            if now > end {
                break;
            }
            copy(&mut cable, now, mirror, capture)?;
            if now.nanos_since(told) >= SECOND {
                told = now;
                let share = now.nanos_since(self.start) as f64 / self.nanos() as f64;
                progress(Progress { share, frames: mirror.written.frames, bytes: mirror.written.bytes });
            }
            let Some(actor) = cast.actors.get_mut(who) else { continue };
            if let Some(next) = actor.step(now, &mut Stage { cable: &mut cable, truth, site }) {
                cast.turns.push(Reverse((next, who)));
            }
        }
        copy(&mut cable, CaptureTime::from_nanos(i64::MAX), mirror, capture)?;
        mirror.finish(capture)
    }
}

/// Copies what has arrived by `now`.
fn copy(cable: &mut Cable, now: CaptureTime, mirror: &mut Mirror, capture: Write<'_>) -> io::Result<()> {
    while let Some(waiting) = cable.take_until(now) {
        let frame: Waiting = waiting;
        mirror.copy(frame, capture)?;
    }
    Ok(())
}

fn expect_of_unit(host: &Host, steering: &Steering, truth: &mut Truth) {
    let (server, port) = (steering.server.host.ip, steering.server.port);
    let on = |rule| Expectation::on(rule, host.mac);
    let allow = |truth: &mut Truth, rules: &[&'static str]| {
        truth.allowed.extend(rules.iter().map(|rule| Expectation::on(rule, host.mac)));
    };
    match steering.scenario {
        Scenario::Leak => {
            let address = on("hardcoded-address").with(HARDCODED, Some(port)).judged("high", None);
            truth.expected.push(address.at("offsite"));
            for (ip, port) in [(HARDCODED, port), (HARDCODED_HL7, HARDCODED_HL7_PORT)] {
                let leak = on("patient-data-offsite").with(ip, Some(port));
                truth.expected.push(leak.judged("critical", Some("confirmed")).at("offsite"));
            }
            truth.expected.push(on("offsite-egress").with(HARDCODED, Some(port)).judged("high", None));
            truth.expected.push(on("protocol-mismatch").with(HARDCODED, Some(port)).judged("medium", None));
            allow(
                truth,
                &["known-vulnerable", "beacon", "policy-violation", "hardcoded-address", "offsite-egress"],
            );
            allow(truth, &["protocol-mismatch"]);
            truth.forbidden.push(on("patient-data-cleartext"));
        }
        Scenario::LeakUnanswered => {
            let address =
                on("hardcoded-address").with(HARDCODED, Some(port)).judged("high", Some("attempted"));
            truth.expected.push(address);
            allow(truth, &["beacon", "offsite-egress", "policy-violation"]);
            truth.forbidden.extend([on("patient-data-offsite"), on("patient-data-cleartext")]);
        }
        Scenario::ArpOnly => {
            for ip in [HARDCODED, HARDCODED_HL7] {
                let address = on("hardcoded-address").with(ip, None).judged("high", Some("attempted"));
                truth.expected.push(address.at("unanswered"));
            }
            allow(truth, &["beacon"]);
            truth.forbidden.extend([on("patient-data-offsite"), on("patient-data-cleartext")]);
        }
        scenario => {
            let clear = on("patient-data-cleartext").with(server, Some(port)).judged("medium", None);
            truth.expected.push(clear.at("on-link"));
            if scenario == Scenario::LocalCentral {
                let address = on("hardcoded-address").with(HARDCODED, Some(port)).judged("low", None);
                truth.expected.push(address.at("on-link"));
            }
            allow(truth, &["known-vulnerable", "protocol-mismatch", "policy-violation"]);
            truth.forbidden.extend([on("patient-data-offsite")]);
        }
    }
}

fn expect_of_update(host: &Host, local: bool, truth: &mut Truth) {
    let on = |rule| Expectation::on(rule, host.mac).with(HARDCODED, None);
    truth.expected.push(on("remote-mount").judged("critical", Some("confirmed")));
    truth.expected.push(on("remote-code-fetch").judged("critical", Some("confirmed")));
    truth.expected.push(on("hardcoded-address"));
    if local {
        truth.forbidden.push(Expectation::on("offsite-egress", host.mac));
    } else {
        truth.allowed.push(Expectation::on("offsite-egress", host.mac));
        truth.allowed.push(Expectation::on("beacon", host.mac));
    }
}
