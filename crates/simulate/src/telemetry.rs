//! CMS8000 telemetry as a monitor writes it.
//!
//! Written from the protocol's description alone, and without the `wire` crate in sight: whoever reads
//! these bytes there and whoever writes them here cannot have copied each other's mistake.
//!
//! # Wire format
//! ```text
//! L u16 LE (bytes after it) | 0x05 | type | data (L-2 bytes; "D+n" counts from here)
//! 3E patient   45 bed `00 00 bed FF`   46 telemetry `00 00 sub 00 …`   47 end of cycle   49 notice
//! ```
//! Telemetry sub-types: 14 ECG and respiration, 15 pleth and SpO2, 16 blood pressure, 17 temperature.
//! Bytes whose meaning nobody knows are zero.

use crate::clock::Civil;
use crate::heart::Block;
use crate::patient::{Identity, Limits};

/// Data of the patient unit, in bytes: the least that holds every known field.
const PATIENT_BYTES: usize = 0xAD;
/// Data of sub-type 14.
const ECG_BYTES: usize = 0x3D3;
/// Data of sub-type 15.
const PLETH_BYTES: usize = 0x114;
/// Data of sub-type 16.
const PRESSURE_BYTES: usize = 0x23;
/// Data of sub-type 17.
const TEMPERATURE_BYTES: usize = 0x2E;
/// "No value": the number and its flag read as one u16.
const NO_VALUE: [u8; 2] = [0xFF, 0xFF];
/// Alarm switched on.
const ALARM_ON: u16 = 1;

/// The last blood pressure reading, mmHg.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pressure {
    pub(crate) taken: Civil,
    pub(crate) systolic: u16,
    pub(crate) diastolic: u16,
    pub(crate) mean: u16,
}

/// A unit being filled; offsets are those of the protocol's description.
struct Unit(Vec<u8>);

impl Unit {
    fn new(kind: u8, data_bytes: usize) -> Self {
        let mut bytes = vec![0; 4 + data_bytes];
        let length = (data_bytes + 2) as u16;
        for (place, byte) in bytes.iter_mut().zip(length.to_le_bytes().into_iter().chain([0x05, kind])) {
            *place = byte;
        }
        Self(bytes)
    }

    fn telemetry(sub: u8, data_bytes: usize) -> Self {
        let mut unit = Self::new(0x46, data_bytes);
        unit.put(2, &[sub]);
        unit
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) {
        if let Some(place) = self.0.get_mut(4 + offset..4 + offset + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    fn word(&mut self, offset: usize, value: u16) {
        self.put(offset, &value.to_le_bytes());
    }

    fn float(&mut self, offset: usize, value: f32) {
        self.put(offset, &value.to_le_bytes());
    }

    fn words(&mut self, offset: usize, values: [u16; 3]) {
        for (index, value) in values.into_iter().enumerate() {
            self.word(offset + 2 * index, value);
        }
    }

    /// High, low, switched on.
    fn alarm(&mut self, offset: usize, (high, low): (u16, u16)) {
        self.words(offset, [high, low, ALARM_ON]);
    }

    /// Text cut to leave room for one NUL.
    fn text(&mut self, offset: usize, room: usize, text: &str) {
        let text = text.as_bytes();
        self.put(offset, text.get(..text.len().min(room - 1)).unwrap_or_default());
    }
}

/// The patient unit, type 3E: protected health information.
pub(crate) fn patient(identity: &Identity, bed: u8) -> Vec<u8> {
    let mut unit = Unit::new(0x3E, PATIENT_BYTES);
    unit.text(0x00, 32, &identity.department);
    unit.put(0x22, &[bed]);
    unit.text(0x23, 32, &identity.name);
    unit.text(0x43, 32, &identity.number);
    for (offset, [year, month, day]) in [(0x63, identity.admitted), (0x7C, identity.born)] {
        unit.text(offset, 5, &format!("{year:04}"));
        unit.text(offset + 5, 3, &format!("{month:02}"));
        unit.text(offset + 8, 3, &format!("{day:02}"));
    }
    unit.word(0x74, identity.height_mm);
    unit.word(0x76, identity.weight_hectograms);
    unit.put(0x8C, &[identity.blood_type]);
    unit.text(0x8D, 32, &identity.doctor);
    unit.0
}

/// The bed unit, type 45.
pub(crate) fn bed(number: u8) -> Vec<u8> {
    let mut unit = Unit::new(0x45, 4);
    unit.put(2, &[number, 0xFF]);
    unit.0
}

/// End of cycle, type 47.
pub(crate) fn end_of_cycle() -> Vec<u8> {
    Unit::new(0x47, 0).0
}

/// A notice, type 49.
pub(crate) fn notice(code: u8, text: &str) -> Vec<u8> {
    let mut unit = Unit::new(0x49, 1 + text.len());
    unit.put(0, &[code]);
    unit.put(1, text.as_bytes());
    unit.0
}

/// ECG and respiration, sub-type 14.
pub(crate) fn ecg(block: &Block, limits: &Limits) -> Vec<u8> {
    let mut unit = Unit::telemetry(0x14, ECG_BYTES);
    for (index, lead) in block.ecg.iter().enumerate() {
        unit.put(0x004 + 0x100 * index, lead);
    }
    unit.put(0x304, &block.respiration);
    unit.put(0x384, &[block.heart_rate, 0x00]);
    unit.put(0x386, &[block.respiration_rate, 0x00]);
    for (index, level) in [0.02_f32, 0.04, 0.02].into_iter().enumerate() {
        unit.float(0x388 + 4 * index, level);
    }
    let (high, low) = limits.heart_rate;
    unit.words(0x3A3, [high, low, ALARM_ON * u16::from(limits.heart_rate_alarm)]);
    unit.alarm(0x3A9, limits.respiration);
    for lead in 0..3 {
        unit.float(0x3AF + 10 * lead, 0.2);
        unit.float(0x3AF + 10 * lead + 4, -0.2);
    }
    unit.words(0x3CD, [10, 0, 0]);
    unit.0
}

/// Pleth and SpO2, sub-type 15; without numbers where the sensor is off, and then without a pulse.
pub(crate) fn pleth(block: &Block, spo2: Option<u8>, limits: &Limits) -> Vec<u8> {
    let mut unit = Unit::telemetry(0x15, PLETH_BYTES);
    match spo2 {
        Some(spo2) => {
            unit.put(0x004, &block.pleth);
            unit.put(0x104, &[spo2, 0x00]);
            unit.put(0x106, &[block.pulse_rate, 0x00]);
        }
        None => {
            unit.put(0x104, &NO_VALUE);
            unit.put(0x106, &NO_VALUE);
        }
    }
    let (high, low) = limits.spo2;
    unit.words(0x108, [low, high, ALARM_ON]);
    unit.alarm(0x10E, limits.heart_rate);
    unit.0
}

/// Blood pressure, sub-type 16; all zero before the first reading.
pub(crate) fn pressure(reading: Option<&Pressure>) -> Vec<u8> {
    let mut unit = Unit::telemetry(0x16, PRESSURE_BYTES);
    if let Some(Pressure { taken, systolic, diastolic, mean }) = reading {
        unit.word(0x04, taken.year);
        unit.put(0x06, &[taken.month, taken.day, taken.hour, taken.minute, taken.second]);
        unit.words(0x0B, [*systolic, *diastolic, *mean]);
    }
    for (index, limits) in [(180, 85), (110, 45), (130, 55)].into_iter().enumerate() {
        unit.alarm(0x11 + 6 * index, limits);
    }
    unit.0
}

/// Temperature, sub-type 17: two probes and their difference.
pub(crate) fn temperature(first: f32, second: f32) -> Vec<u8> {
    let mut unit = Unit::telemetry(0x17, TEMPERATURE_BYTES);
    for (index, value) in [first, second, (first - second).abs()].into_iter().enumerate() {
        unit.float(0x04 + 4 * index, value);
    }
    for (index, (high, low)) in [(39.0, 35.5), (39.0, 35.5), (2.0, 0.0)].into_iter().enumerate() {
        unit.float(0x10 + 10 * index, high);
        unit.float(0x14 + 10 * index, low);
        unit.word(0x18 + 10 * index, ALARM_ON);
    }
    unit.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_units_are_those_of_the_description() {
        assert_eq!(end_of_cycle(), [0x02, 0x00, 0x05, 0x47]);
        assert_eq!(bed(7), [0x06, 0x00, 0x05, 0x45, 0x00, 0x00, 0x07, 0xFF]);
        let mut expected = vec![0x12, 0x00, 0x05, 0x49, 0x01];
        expected.extend_from_slice(b"SPO2 SENSOR OFF");
        assert_eq!(notice(1, "SPO2 SENSOR OFF"), expected);
    }

    #[test]
    fn pressure_bytes_are_as_worked_out_by_hand() {
        let taken = Civil { year: 2026, month: 1, day: 12, hour: 8, minute: 5, second: 9 };
        let bytes = pressure(Some(&Pressure { taken, systolic: 120, diastolic: 70, mean: 87 }));
        let head = [0x25, 0x00, 0x05, 0x46, 0, 0, 0x16, 0, 0xEA, 0x07, 1, 12, 8, 5, 9, 120, 0, 70, 0, 87, 0];
        assert_eq!(bytes[..21], head);
        assert_eq!(bytes[21..27], [180, 0, 85, 0, 1, 0]);
        assert_eq!(bytes.len(), 39);
    }

    #[test]
    fn temperature_bytes_are_as_worked_out_by_hand() {
        let bytes = temperature(37.0, 36.5);
        // 37.0 = 0x42140000, 36.5 = 0x42120000, 0.5 = 0x3F000000.
        let head = [0x30, 0, 0x05, 0x46, 0, 0, 0x17, 0, 0, 0, 0x14, 0x42, 0, 0, 0x12, 0x42, 0, 0, 0, 0x3F];
        assert_eq!(bytes[..20], head);
        assert_eq!(bytes.len(), 50);
    }

    #[test]
    fn a_sensor_that_is_off_shows_no_number_and_no_pulse() {
        let limits =
            Limits { heart_rate: (130, 45), heart_rate_alarm: true, respiration: (30, 8), spo2: (100, 88) };
        let mut block = Block::empty();
        block.pleth = [9; 256];
        block.pulse_rate = 71;
        let bytes = pleth(&block, None, &limits);
        assert!(bytes[8..8 + 256].iter().all(|byte| *byte == 0));
        assert_eq!(bytes[4 + 0x104..4 + 0x108], [0xFF; 4]);
        let bytes = pleth(&block, Some(97), &limits);
        assert_eq!(bytes[4 + 0x104..4 + 0x114], [97, 0, 71, 0, 88, 0, 100, 0, 1, 0, 130, 0, 45, 0, 1, 0]);
    }
}
