//! An ultrasound machine of the ward and the PACS behind the gateway: DICOM C-ECHO and C-STORE.
//!
//! # Wire format
//! ```text
//! PDU      type 1 | 0 | length 4 (BE) | body     01 associate, 02 accept, 04 data, 05/06 release
//! PDV      length 4 (BE) | context 1 | control 1 (1 command, 2 last) | elements
//! element  group 2 | element 2 | length 4 | value, even                    implicit VR, little-endian
//! ```
//! # Source
//! DICOM PS3.8 §9.3 (PDUs), PS3.7 §9.3 and annex E (commands), PS3.5 §7 (elements).

use crate::actor::{Actor, Stage};
use crate::background::lookup;
use crate::clock;
use crate::packet::Port;
use crate::patient::{self, Identity};
use crate::random::Random;
use crate::tcp::{Dialogue, SITE_NANOS, Side};
use crate::truth::Truth;
use model::CaptureTime;

/// DICOM's port.
const DICOM_PORT: u16 = 104;
const VERIFICATION: &str = "1.2.840.10008.1.1";
const ULTRASOUND: &str = "1.2.840.10008.5.1.4.1.1.6.1";
const IMPLICIT_LITTLE: &str = "1.2.840.10008.1.2";
const CONTEXT: &str = "1.2.840.10008.3.1.1.1";
/// Root of invented UIDs: under the arc that derives from UUIDs (2.25).
const UID_ROOT: &str = "2.25.33714";
/// Largest PDU both sides accept.
const PDU_BYTES_MAX: u32 = 16_384;
/// Side of the invented picture, in pixels.
const PICTURE: u16 = 96;

fn item(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 0];
    bytes.extend_from_slice(&(body.len() as u16).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

fn pdu(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 0];
    bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

fn associate(accepted: bool) -> Vec<u8> {
    let mut body = vec![0, 1, 0, 0];
    body.extend_from_slice(b"WARD_PACS       US_WARD_A       ");
    body.resize(68, 0);
    body.extend_from_slice(&item(0x10, CONTEXT.as_bytes()));
    for (id, syntax) in [(1, VERIFICATION), (3, ULTRASOUND)] {
        let mut context = vec![id, 0, 0, 0];
        if !accepted {
            context.extend_from_slice(&item(0x30, syntax.as_bytes()));
        }
        context.extend_from_slice(&item(0x40, IMPLICIT_LITTLE.as_bytes()));
        body.extend_from_slice(&item(if accepted { 0x21 } else { 0x20 }, &context));
    }
    let implementation = format!("{UID_ROOT}.1.{}", u8::from(accepted));
    let user = [
        item(0x51, &PDU_BYTES_MAX.to_be_bytes()),
        item(0x52, implementation.as_bytes()),
        item(0x55, b"SIMULATED_1"),
    ]
    .concat();
    body.extend_from_slice(&item(0x50, &user));
    pdu(if accepted { 2 } else { 1 }, &body)
}

fn element(group: u16, number: u16, value: &[u8], pad: u8) -> Vec<u8> {
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(pad);
    }
    let mut bytes = group.to_le_bytes().to_vec();
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&value);
    bytes
}

/// A command set with its group length in front.
fn command(elements: &[Vec<u8>]) -> Vec<u8> {
    let body = elements.concat();
    [element(0, 0, &(body.len() as u32).to_le_bytes(), 0), body].concat()
}

/// P-DATA-TF units of at most the agreed size.
fn data(context: u8, is_command: bool, bytes: &[u8]) -> Vec<u8> {
    let room = PDU_BYTES_MAX as usize - 12;
    let pieces = bytes.len().div_ceil(room);
    let piece = |(index, part): (usize, &[u8])| {
        let control = u8::from(is_command) | if index + 1 == pieces { 2 } else { 0 };
        let mut value = (part.len() as u32 + 2).to_be_bytes().to_vec();
        value.extend_from_slice(&[context, control]);
        value.extend_from_slice(part);
        pdu(4, &value)
    };
    bytes.chunks(room).enumerate().flat_map(piece).collect()
}

fn picture(identity: &Identity, at: CaptureTime, instance: &str, random: &mut Random) -> Vec<u8> {
    let (given, family) = identity.name.split_once(' ').unwrap_or(("", &identity.name));
    let [year, month, day] = identity.born;
    let (date, time) = (clock::digits(at), clock::digits(at));
    let date = date.get(..8).unwrap_or_default().as_bytes();
    let time = time.get(8..).unwrap_or_default().as_bytes();
    let text = |group, number, value: &str| element(group, number, value.as_bytes(), b' ');
    let uid = |group, number, value: &str| element(group, number, value.as_bytes(), 0);
    let word = |number, value: u16| element(0x0028, number, &value.to_le_bytes(), 0);
    let mut pixels = Vec::with_capacity(usize::from(PICTURE).pow(2));
    for row in 0..PICTURE {
        for column in 0..PICTURE {
            let from_probe = f64::from(row).hypot(f64::from(column) - f64::from(PICTURE) / 2.0);
            let speckle = 40.0 * random.unit();
            pixels.push((90.0 + 60.0 * (from_probe / 7.0).sin() + speckle) as u8);
        }
    }
    [
        uid(0x0008, 0x0016, ULTRASOUND),
        uid(0x0008, 0x0018, instance),
        element(0x0008, 0x0020, date, b' '),
        element(0x0008, 0x0030, time, b' '),
        text(0x0008, 0x0060, "US"),
        text(0x0008, 0x0070, "Invented Imaging"),
        text(0x0010, 0x0010, &format!("{family}^{given}")),
        text(0x0010, 0x0020, &identity.number),
        text(0x0010, 0x0030, &format!("{year:04}{month:02}{day:02}")),
        uid(0x0020, 0x000D, &format!("{instance}.1")),
        uid(0x0020, 0x000E, &format!("{instance}.2")),
        word(0x0002, 1),
        text(0x0028, 0x0004, "MONOCHROME2"),
        word(0x0010, PICTURE),
        word(0x0011, PICTURE),
        word(0x0100, 8),
        word(0x0101, 8),
        word(0x0102, 7),
        word(0x0103, 0),
        element(0x7FE0, 0x0010, &pixels, 0),
    ]
    .concat()
}

/// The ultrasound machine.
pub(crate) struct Modality {
    patient: Identity,
    random: Random,
    turn: u32,
}

impl Modality {
    /// With one patient of its own.
    pub(crate) fn new(mut random: Random) -> Self {
        Self { patient: patient::identity(7000, &mut random), random, turn: 0 }
    }
}

fn us(number: u16, value: u16) -> Vec<u8> {
    element(0, number, &value.to_le_bytes(), 0)
}

impl Actor for Modality {
    fn step(&mut self, now: CaptureTime, stage: &mut Stage<'_>) -> Option<CaptureTime> {
        stage.truth.conversed("dicom");
        let (modality, gateway) = (stage.site.modality, stage.site.gateway);
        let ready = lookup::resolve_link(&modality, &gateway, now, stage);
        let client = Port { host: modality, port: 52_000 + (self.turn % 8000) as u16 };
        let server = Port { host: stage.site.pacs, port: DICOM_PORT };
        self.turn += 1;
        let ui = |number, value: &str| element(0, number, value.as_bytes(), 0);
        let instance = format!("{UID_ROOT}.{}.{}", self.random.below(1 << 40), self.turn);
        let image = picture(&self.patient, now, &instance, &mut self.random);
        let echo =
            command(&[ui(0x0002, VERIFICATION), us(0x0100, 0x0030), us(0x0110, 1), us(0x0800, 0x0101)]);
        let echoed =
            [ui(0x0002, VERIFICATION), us(0x0100, 0x8030), us(0x0120, 1), us(0x0800, 0x0101), us(0x0900, 0)];
        let mut dialogue = Dialogue::open(stage.cable, ready, (client, server), SITE_NANOS, &mut self.random);
        dialogue
            .say(Side::Client, &associate(false))
            .pause_nanos(3_000_000)
            .say(Side::Server, &associate(true));
        dialogue
            .say(Side::Client, &data(1, true, &echo))
            .say(Side::Server, &data(1, true, &command(&echoed)));
        if !self.turn.is_multiple_of(3) {
            let head = [
                ui(0x0002, ULTRASOUND),
                us(0x0100, 0x0001),
                us(0x0110, 2),
                us(0x0700, 0),
                us(0x0800, 0x0102),
                ui(0x1000, &instance),
            ];
            let stored = [
                ui(0x0002, ULTRASOUND),
                us(0x0100, 0x8001),
                us(0x0120, 2),
                us(0x0800, 0x0101),
                us(0x0900, 0),
                ui(0x1000, &instance),
            ];
            let store = [data(3, true, &command(&head)), data(3, false, &image)].concat();
            dialogue.say(Side::Client, &store).pause_nanos(12_000_000);
            dialogue.say(Side::Server, &data(3, true, &command(&stored)));
        }
        dialogue.say(Side::Client, &pdu(5, &[0; 4])).say(Side::Server, &pdu(6, &[0; 4]));
        dialogue.close(Side::Client);
        Some(now.plus_nanos((self.random.between(25.0, 50.0) * 1e9) as i64))
    }

    fn finish(&mut self, truth: &mut Truth) {
        truth.other_patients.extend([self.patient.name.clone(), self.patient.number.clone()]);
    }
}
