//! HL7 version 2 over MLLP: results and admissions, each acknowledged.
//!
//! # Wire format
//! ```text
//! 0B | MSH|^~\&|app|facility|app|facility|time||TYPE^EVENT|id|P|2.4 CR segment CR … | 1C 0D
//! ```
//! # Source
//! HL7 v2.4 chapters 2, 3 and 7; "Minimal Lower Layer Protocol", HL7 implementation guide appendix C.

use crate::actor::{Actor, Stage};
use crate::clock;
use crate::packet::Port;
use crate::patient::{self, Identity};
use crate::random::Random;
use crate::tcp::{Dialogue, SITE_NANOS, Side};
use model::CaptureTime;

/// Port of HL7 by habit.
const MLLP_PORT: u16 = 2575;
/// Patients that the bedside gateway speaks of.
const PATIENTS: u32 = 6;

/// Numbers a message carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) heart_rate: u8,
    pub(crate) respiration_rate: u8,
    pub(crate) spo2: u8,
}

/// A message with its control id.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    id: String,
    event: &'static str,
    text: String,
}

fn person(identity: &Identity) -> String {
    let (given, family) = identity.name.split_once(' ').unwrap_or(("", &identity.name));
    let [year, month, day] = identity.born;
    format!("PID|1||{}^^^WARD^MR||{family}^{given}||{year:04}{month:02}{day:02}|U\r", identity.number)
}

fn control_id(random: &mut Random) -> String {
    format!("M{:09}", random.below(1_000_000_000))
}

/// ORU^R01 with three numbers, coded as in IEEE 11073-10101.
pub(crate) fn results(identity: &Identity, shown: &Shown, at: CaptureTime, random: &mut Random) -> Order {
    let (id, time) = (control_id(random), clock::digits(at));
    let mut text = format!("MSH|^~\\&|BEDSIDE|WARD|ENGINE|SITE|{time}||ORU^R01|{id}|P|2.4\r");
    text.push_str(&person(identity));
    text.push_str(&format!("PV1|1|I|{}^^1\r", identity.department));
    text.push_str(&format!("OBR|1|||VITALS|||{time}\r"));
    let numbers = [
        ("147842^MDC_ECG_HEART_RATE^MDC", shown.heart_rate, "/min"),
        ("151562^MDC_RESP_RATE^MDC", shown.respiration_rate, "/min"),
        ("150456^MDC_PULS_OXIM_SAT_O2^MDC", shown.spo2, "%"),
    ];
    for (index, (code, value, unit)) in numbers.into_iter().enumerate() {
        text.push_str(&format!("OBX|{}|NM|{code}||{value}|{unit}|||||F|||{time}\r", index + 1));
    }
    Order { id, event: "R01", text }
}

/// ADT^A01: a patient is admitted.
fn admission(identity: &Identity, at: CaptureTime, random: &mut Random) -> Order {
    let (id, time) = (control_id(random), clock::digits(at));
    let mut text = format!("MSH|^~\\&|BEDSIDE|WARD|ENGINE|SITE|{time}||ADT^A01|{id}|P|2.4\rEVN|A01|{time}\r");
    text.push_str(&person(identity));
    let doctor = identity.doctor.replace("Dr ", "").replace(' ', "^");
    text.push_str(&format!("PV1|1|I|{}^^2||||{doctor}\r", identity.department));
    Order { id, event: "A01", text }
}

fn framed(text: &str) -> Vec<u8> {
    let mut bytes = vec![0x0B];
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(&[0x1C, 0x0D]);
    bytes
}

/// One connection that carries `orders`, each acknowledged.
pub(crate) fn exchange(
    ends: (Port, Port),
    round_trip_nanos: i64,
    at: CaptureTime,
    orders: &[Order],
    stage: &mut Stage<'_>,
    random: &mut Random,
) {
    stage.truth.conversed("hl7");
    let time = clock::digits(at);
    let mut dialogue = Dialogue::open(stage.cable, at, ends, round_trip_nanos, random);
    for Order { id, event, text } in orders {
        dialogue.say(Side::Client, &framed(text)).pause_nanos(8_000_000);
        let head = format!("MSH|^~\\&|ENGINE|SITE|BEDSIDE|WARD|{time}||ACK^{event}|A{id}|P|2.4\r");
        dialogue.say(Side::Server, &framed(&format!("{head}MSA|AA|{id}\r"))).pause_nanos(40_000_000);
    }
    dialogue.close(Side::Client);
}

/// The gateway of other makers' monitors that feeds the site's integration engine.
pub(crate) struct BedsideGateway {
    patients: Vec<Identity>,
    random: Random,
    port: u16,
}

impl BedsideGateway {
    /// With patients of its own.
    pub(crate) fn new(mut random: Random) -> Self {
        let patients = (0..PATIENTS).map(|index| patient::identity(5000 + index, &mut random)).collect();
        Self { patients, random, port: 50_000 }
    }
}

impl Actor for BedsideGateway {
    fn step(&mut self, now: CaptureTime, stage: &mut Stage<'_>) -> Option<CaptureTime> {
        let random = &mut self.random;
        let shown = |random: &mut Random| Shown {
            heart_rate: 60 + random.below(40) as u8,
            respiration_rate: 12 + random.below(8) as u8,
            spo2: 94 + random.below(6) as u8,
        };
        let mut orders = Vec::new();
        let which = random.below(u64::from(PATIENTS)) as usize;
        for identity in self.patients.iter().skip(which).take(2) {
            orders.push(results(identity, &shown(random), now, random));
        }
        if self.port.is_multiple_of(4) {
            orders.extend(self.patients.get(which).map(|identity| admission(identity, now, random)));
        }
        self.port = if self.port > 60_000 { 50_000 } else { self.port + 1 };
        let client = Port { host: stage.site.bedside, port: self.port };
        let server = Port { host: stage.site.engine, port: MLLP_PORT };
        exchange((client, server), SITE_NANOS, now, &orders, stage, random);
        Some(now.plus_nanos((random.between(4.0, 9.0) * 1e9) as i64))
    }

    fn finish(&mut self, truth: &mut crate::truth::Truth) {
        for identity in &self.patients {
            truth.other_patients.extend([identity.name.clone(), identity.number.clone()]);
        }
    }
}
