//! One CMS8000 unit: joins the network, connects, streams a cycle a second.

use crate::actor::{Actor, Stage};
use crate::background::{lookup, messages};
use crate::cable::Way;
use crate::clock;
use crate::heart::{Block, Heart};
use crate::packet::{self, Host, Port};
use crate::patient::Patient;
use crate::random::Random;
use crate::scenario::Scenario;
use crate::site::{HARDCODED, HARDCODED_HL7, HARDCODED_HL7_PORT};
use crate::tamper::Tamper;
use crate::tcp::{Link, Side, behind};
use crate::telemetry::{self, Pressure};
use crate::truth::{Beats, Bed, Numeric, Truth};
use model::{CaptureTime, Vital};
use std::net::Ipv4Addr;

/// Nanoseconds of a second.
pub(crate) const SECOND: i64 = 1_000_000_000;
/// Cycles between two blood pressure and temperature units.
const SLOW_CYCLES: u64 = 4;
/// Seconds between two HL7 messages of a leaking unit.
const HL7_SECONDS: u64 = 30;
/// Waits of an unanswered SYN, in seconds: the initial timeout of Linux 2.6.27 and its doublings.
const SYN_WAITS: [i64; 5] = [3, 6, 12, 24, 10];
/// Share of units that took a blood pressure before the capture began.
const READ_BEFORE: f64 = 0.8;
/// First source port of a unit.
const PORT_FIRST: u16 = 1025;

/// Where a unit sends, and how it gets there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steering {
    /// The scenario behind it.
    pub(crate) scenario: Scenario,
    /// Server as the segment sees it.
    pub(crate) server: Port,
    /// Round trip.
    pub(crate) round_trip_nanos: i64,
    /// Whom it asks for by ARP before it sends.
    pub(crate) next_hop: Ipv4Addr,
    /// Whether anybody answers.
    pub(crate) answered: bool,
    /// Whether a DHCP lease comes first.
    pub(crate) leases: bool,
}

/// How a unit's operating system cuts a cycle into segments.
#[derive(Clone, Copy, Debug)]
enum Writing {
    /// One segment a cycle.
    Whole,
    /// The big unit alone, then the rest.
    Halves,
    /// A segment a unit.
    Units,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Join,
    Knock { tries: usize },
    Ask { tries: u32 },
    Connect,
    Stream,
}

/// A unit.
pub(crate) struct Unit {
    host: Host,
    steering: Steering,
    patient: Patient,
    heart: Heart,
    block: Block,
    random: Random,
    phase: Phase,
    writing: Writing,
    link: Link,
    port: u16,
    /// True length of the unit's own second, in nanoseconds.
    cycle_nanos: i64,
    due: CaptureTime,
    pressure: Option<Pressure>,
    pressure_due: u64,
    spo2: f64,
    temperature: f64,
    /// Cycles in which the finger is out of the sensor.
    sensor_off: std::ops::Range<u64>,
    list_beats: bool,
    bed: Bed,
    tampers: Vec<Tamper>,
}

impl Unit {
    /// A unit that has not joined yet.
    pub(crate) fn new(
        host: Host,
        steering: Steering,
        (patient, bed): (Patient, Bed),
        list_beats: bool,
        cycles: u64,
        mut random: Random,
    ) -> Self {
        let writing = match random.below(3) {
            0 => Writing::Whole,
            1 => Writing::Halves,
            _ => Writing::Units,
        };
        let port = PORT_FIRST + random.below(3000) as u16;
        let link = Link::new(Port { host, port }, steering.server, steering.round_trip_nanos, &mut random);
        let off_at = cycles * 2 / 5 + random.below(cycles / 10 + 1);
        let falls_off = bed.bed % 6 == 4 && cycles >= 20;
        let sensor_off = if falls_off { off_at..off_at + 12 + random.below(9) } else { 0..0 };
        Self {
            host,
            steering,
            heart: Heart::new(patient.constitution, random.fork(1)),
            block: Block::empty(),
            phase: Phase::Join,
            writing,
            link: link.telemetry(),
            port,
            cycle_nanos: SECOND + random.below(100_000) as i64 - 50_000,
            due: CaptureTime::default(),
            pressure: None,
            pressure_due: random.below(u64::from(patient.pressure_seconds)),
            spo2: patient.spo2,
            temperature: patient.temperature,
            sensor_off,
            list_beats,
            bed,
            patient,
            random,
            tampers: Vec::new(),
        }
    }

    /// Somebody changes what it sends.
    pub(crate) fn tampered(self, tampers: Vec<Tamper>) -> Self {
        Self { tampers, ..self }
    }

    fn join(&mut self, now: CaptureTime, stage: &mut Stage<'_>) -> CaptureTime {
        let mut ready = now;
        if self.steering.leases {
            ready = lookup::lease(&self.host, now, stage, &mut self.random);
        }
        let asked = ready.plus_nanos(20_000_000);
        stage.cable.put(asked, Way::Any, packet::arp_request(&self.host, self.steering.next_hop));
        stage.truth.happened(now, self.host.mac, "joins");
        let on_link = Host { mac: self.steering.server.host.mac, ip: self.steering.next_hop, ttl: 64 };
        self.phase = match self.steering.scenario {
            Scenario::ArpOnly => Phase::Ask { tries: 1 },
            Scenario::LeakUnanswered => Phase::Knock { tries: 0 },
            _ => Phase::Connect,
        };
        if matches!(self.phase, Phase::Ask { .. }) {
            return asked.plus_nanos(SECOND);
        }
        let answered = asked.plus_nanos(250_000);
        stage.cable.put(answered, Way::Any, packet::arp_reply(&on_link, &self.host));
        answered.plus_nanos(400_000)
    }

    /// Asks for the central stations on its own segment: three times each, a pause, again.
    fn ask(&mut self, now: CaptureTime, tries: u32, stage: &mut Stage<'_>) -> CaptureTime {
        let wanted = if tries % 6 < 3 { HARDCODED } else { HARDCODED_HL7 };
        stage.cable.put(now, Way::Any, packet::arp_request(&self.host, wanted));
        self.phase = Phase::Ask { tries: tries + 1 };
        let pause = if tries % 3 == 2 { 5 } else { 1 };
        now.plus_nanos(pause * SECOND + self.random.below(2_000_000) as i64)
    }

    /// A SYN into the void; after the last repetition a new attempt from the next port.
    fn knock(&mut self, now: CaptureTime, tries: usize, stage: &mut Stage<'_>) -> CaptureTime {
        if tries == 0 {
            stage.truth.conversed("tcp-unanswered");
        }
        self.link.knock(stage.cable, now);
        let wait = SYN_WAITS.get(tries).copied().unwrap_or(3);
        let again = tries + 1 < SYN_WAITS.len();
        self.phase = Phase::Knock { tries: if again { tries + 1 } else { 0 } };
        if !again {
            self.port += 1;
            let client = Port { host: self.host, port: self.port };
            let trip = self.steering.round_trip_nanos;
            self.link = Link::new(client, self.steering.server, trip, &mut self.random).telemetry();
        }
        now.plus_nanos(wait * SECOND + self.random.below(4_000_000) as i64)
    }

    fn connect(&mut self, now: CaptureTime, stage: &mut Stage<'_>) -> CaptureTime {
        stage.truth.conversed("cms8000");
        stage.truth.happened(now, self.host.mac, "connects");
        let ready = self.link.open(stage.cable, now);
        let mut hello = telemetry::patient(&self.patient.identity, self.bed.bed);
        hello.extend_from_slice(&telemetry::bed(self.bed.bed));
        let said = self.link.send(stage.cable, Side::Client, ready.plus_nanos(2_000_000), &hello);
        self.phase = Phase::Stream;
        // The first block is full one second after the connection.
        self.due = said.plus_nanos(self.cycle_nanos);
        self.due
    }

    fn stream(&mut self, now: CaptureTime, stage: &mut Stage<'_>) -> CaptureTime {
        self.heart.second(&mut self.block);
        let cycle = self.bed.cycles;
        let attached = !self.sensor_off.contains(&cycle);
        self.live(cycle, now);
        for tamper in &mut self.tampers {
            if let Some(what) = tamper.apply(cycle, &mut self.block, &mut self.patient.limits) {
                stage.truth.happened(now, self.host.mac, what);
            }
        }
        let spo2 = attached.then(|| self.spo2.round() as u8);
        let first = telemetry::ecg(&self.block, &self.patient.limits);
        let mut rest = vec![telemetry::pleth(&self.block, spo2, &self.patient.limits)];
        if cycle.is_multiple_of(SLOW_CYCLES) {
            rest.push(telemetry::pressure(self.pressure.as_ref()));
            let (one, two) = self.temperatures();
            rest.push(telemetry::temperature(one, two));
            self.note_slow(one, two);
        }
        if cycle == self.sensor_off.start && !self.sensor_off.is_empty() {
            rest.push(telemetry::notice(1, "SPO2 SENSOR OFF"));
            self.bed.notices += 1;
            stage.truth.happened(now, self.host.mac, "SpO2 sensor off");
        }
        rest.push(telemetry::end_of_cycle());
        self.note(spo2, now);
        let said = self.write(now, first, &rest, stage);
        if self.steering.scenario == Scenario::Leak && cycle % HL7_SECONDS == HL7_SECONDS / 6 {
            self.send_hl7(said.plus_nanos(5_000_000), stage);
        }
        self.due = self.due.plus_nanos(self.cycle_nanos);
        // Scheduling of a busy little processor: a few milliseconds late, never early.
        let late = self.random.below(6_000_000) as i64;
        self.due.plus_nanos(late)
    }

    fn write(
        &mut self,
        now: CaptureTime,
        first: Vec<u8>,
        rest: &[Vec<u8>],
        stage: &mut Stage<'_>,
    ) -> CaptureTime {
        let mut whole = first;
        let big = whole.len();
        rest.iter().for_each(|unit| whole.extend_from_slice(unit));
        // Now and then a write is cut in the middle of a unit.
        let cuts: Vec<usize> = if self.random.chance(0.03) {
            vec![1 + self.random.below(whole.len() as u64 - 1) as usize]
        } else {
            match self.writing {
                Writing::Whole => Vec::new(),
                Writing::Halves => vec![big],
                Writing::Units => {
                    let ends = rest.iter().scan(big, |end, unit| {
                        let start = *end;
                        *end += unit.len();
                        Some(start)
                    });
                    ends.collect()
                }
            }
        };
        let mut said = now;
        let mut start = 0;
        for end in cuts.into_iter().chain([whole.len()]) {
            let piece = whole.get(start..end).unwrap_or_default();
            said = self.link.send(stage.cable, Side::Client, said.plus_nanos(60_000), piece);
            start = end;
        }
        said
    }

    /// Slow numbers drift; pressure is measured when its time has come.
    fn live(&mut self, cycle: u64, now: CaptureTime) {
        let pull = 0.02 * (self.patient.spo2 - self.spo2);
        self.spo2 = (self.spo2 + pull + 0.12 * self.random.normal()).clamp(85.0, 100.0);
        let pull = 0.002 * (self.patient.temperature - self.temperature);
        self.temperature += pull + 0.002 * self.random.normal();
        if cycle == 0 && self.random.chance(READ_BEFORE) {
            let ago = self.random.below(u64::from(self.patient.pressure_seconds)) as i64;
            self.measure(now.plus_nanos(-ago * SECOND));
        }
        if cycle >= self.pressure_due {
            self.pressure_due = cycle + u64::from(self.patient.pressure_seconds);
            self.measure(now);
        }
    }

    fn measure(&mut self, at: CaptureTime) {
        let (systolic, diastolic) = self.patient.pressure;
        let systolic = (systolic + 4.0 * self.random.normal()).round();
        let diastolic = (diastolic + 2.5 * self.random.normal()).round();
        let mean = (diastolic + 0.36 * (systolic - diastolic)).round();
        let [systolic, diastolic, mean] = [systolic, diastolic, mean].map(|value| value as u16);
        self.pressure = Some(Pressure { taken: clock::civil(at), systolic, diastolic, mean });
    }

    fn temperatures(&self) -> (f32, f32) {
        let tenths = |value: f64| (value * 10.0).round() as f32 / 10.0;
        (tenths(self.temperature), tenths(self.temperature - 0.7))
    }

    fn note(&mut self, spo2: Option<u8>, now: CaptureTime) {
        let numerics = &mut self.bed.numerics;
        let block = &self.block;
        Numeric::note(numerics, Vital::HeartRate, f64::from(block.heart_rate));
        Numeric::note(numerics, Vital::RespirationRate, f64::from(block.respiration_rate));
        if let Some(spo2) = spo2 {
            Numeric::note(numerics, Vital::Spo2, f64::from(spo2));
            Numeric::note(numerics, Vital::PulseRate, f64::from(block.pulse_rate));
        }
        let beats: &mut Beats = &mut self.bed.beats;
        beats.count += block.beats.len() as u64;
        beats.listed = self.list_beats;
        if self.list_beats {
            beats.samples.extend(block.beats.iter().map(|mark| mark.sample));
            beats.kinds.extend(block.beats.iter().map(|mark| mark.beat.code()));
        }
        self.bed.cycles += 1;
        let time = clock::rfc3339(now);
        self.bed.first.get_or_insert_with(|| time.clone());
        self.bed.last = Some(time);
    }

    fn note_slow(&mut self, one: f32, two: f32) {
        let numerics = &mut self.bed.numerics;
        let tenths = |value: f32| (f64::from(value) * 10.0).round() / 10.0;
        Numeric::note(numerics, Vital::Temperature1, tenths(one));
        Numeric::note(numerics, Vital::Temperature2, tenths(two));
        if let Some(Pressure { systolic, diastolic, mean, .. }) = self.pressure {
            Numeric::note(numerics, Vital::NibpSystolic, f64::from(systolic));
            Numeric::note(numerics, Vital::NibpDiastolic, f64::from(diastolic));
            Numeric::note(numerics, Vital::NibpMean, f64::from(mean));
        }
    }

    fn send_hl7(&mut self, at: CaptureTime, stage: &mut Stage<'_>) {
        self.port = self.port.wrapping_add(1);
        let client = Port { host: self.host, port: self.port };
        let server = behind(&stage.site.gateway, HARDCODED_HL7, self.steering.server.host.ttl);
        let server = Port { host: server, port: HARDCODED_HL7_PORT };
        let trip = self.steering.round_trip_nanos;
        let shown = messages::Shown {
            heart_rate: self.block.heart_rate,
            respiration_rate: self.block.respiration_rate,
            spo2: self.spo2.round() as u8,
        };
        let order = messages::results(&self.patient.identity, &shown, at, &mut self.random);
        messages::exchange((client, server), trip, at, &[order], stage, &mut self.random);
    }
}

impl Actor for Unit {
    fn step(&mut self, now: CaptureTime, stage: &mut Stage<'_>) -> Option<CaptureTime> {
        Some(match self.phase {
            Phase::Join => self.join(now, stage),
            Phase::Knock { tries } => self.knock(now, tries, stage),
            Phase::Ask { tries } => self.ask(now, tries, stage),
            Phase::Connect => self.connect(now, stage),
            Phase::Stream => self.stream(now, stage),
        })
    }

    fn finish(&mut self, truth: &mut Truth) {
        truth.beds.push(self.bed.clone());
    }
}
