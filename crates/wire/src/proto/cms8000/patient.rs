//! Type 0x3E: the patient and the bed.

use super::frame::{HEADER_BYTES, PATIENT_BYTES_MIN, until_nul};
use super::schema::{
    ADMITTED, BED, BLOOD_TYPE, BORN, DEPARTMENT, DOCTOR, HEIGHT, LENGTH, PATIENT_NAME, PATIENT_NUMBER,
    SCHEMA, TYPE, WEIGHT,
};
use crate::{PatientFields, Sink};
use model::{Field, Value};

/// Where the bed number stands, from `D+0`.
pub(super) const BED_AT: usize = 0x22;

const DEPARTMENT_AT: usize = 0x00;
const NAME_AT: usize = 0x23;
const NUMBER_AT: usize = 0x43;
const ADMITTED_AT: usize = 0x63;
const HEIGHT_AT: usize = 0x74;
const WEIGHT_AT: usize = 0x76;
const BORN_AT: usize = 0x7C;
const BLOOD_TYPE_AT: usize = 0x8C;
const DOCTOR_AT: usize = 0x8D;
const TEXT_BYTES: usize = 32;
const DATE_BYTES: usize = 11;

const _: () = assert!(DOCTOR_AT + TEXT_BYTES == PATIENT_BYTES_MIN);

/// The unit's data, from `D+0`; a field that is not wholly there is absent.
struct Block<'a>(&'a [u8]);

impl<'a> Block<'a> {
    /// Text of a fixed width, without its padding.
    fn text(&self, at: usize) -> Option<&'a [u8]> {
        self.0.get(at..at + TEXT_BYTES).map(|field| until_nul(field).trim_ascii())
    }

    fn u16(&self, at: usize) -> Option<u16> {
        self.0.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
    }

    /// Year, month and day: digits ended by NUL in 5, 3 and 3 bytes.
    fn date(&self, at: usize) -> Option<[&'a [u8]; 3]> {
        let part = |from: usize, bytes: usize| self.0.get(from..from + bytes).map(until_nul);
        Some([part(at, 5)?, part(at + 5, 3)?, part(at + 8, 3)?])
    }
}

/// Reports the patient, if any field names one, and the message if it is wanted. The bed is the caller's.
pub(super) fn read(unit: &[u8], out: &mut dyn Sink) {
    let block = Block(unit.get(HEADER_BYTES..).unwrap_or_default());
    let filled = |field: Option<&[u8]>| field.is_some_and(|text| !text.is_empty());
    let (name, number) = (block.text(NAME_AT), block.text(NUMBER_AT));
    let by_number = filled(number);
    let identifier = if by_number { number } else { name }.unwrap_or_default();
    let dated = |at| block.date(at).is_some_and(|parts| parts.iter().any(|part| !part.is_empty()));
    let more = (by_number && filled(name))
        || filled(block.text(DEPARTMENT_AT))
        || filled(block.text(DOCTOR_AT))
        || dated(ADMITTED_AT)
        || dated(BORN_AT)
        || [HEIGHT_AT, WEIGHT_AT].iter().any(|at| block.u16(*at).is_some_and(|number| number != 0))
        || block.0.get(BLOOD_TYPE_AT).is_some_and(|code| *code != 0);
    if out.wants_message(&SCHEMA) {
        message(unit, &block, out);
    }
    // All but the bed, which is the device's place. Whole fields, so that not even a name's length shows.
    let bed = HEADER_BYTES + BED_AT;
    out.conceal(HEADER_BYTES..bed.min(unit.len()));
    out.conceal((bed + 1).min(unit.len())..unit.len());
    if more || !identifier.is_empty() {
        let (name, number) = (name.unwrap_or_default(), number.unwrap_or_default());
        let bed = block.0.get(BED_AT).filter(|bed| **bed != 0).map(|bed| u16::from(*bed));
        out.patient(&PatientFields { identifier, more, name, number, bed }, 0..unit.len());
    }
}

fn message(unit: &[u8], block: &Block<'_>, out: &mut dyn Sink) {
    let kind = unit.get(3).copied().unwrap_or_default();
    let mut fields: Vec<(&'static Field, Value)> = Vec::with_capacity(12);
    fields.push((&TYPE, Value::Number(kind.into())));
    fields.push((&LENGTH, Value::Number(unit.len() as u64 - 2)));
    let mut text = |field: &'static Field, value: Option<&[u8]>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            fields.push((field, Value::text(value)));
        }
    };
    text(&DEPARTMENT, block.text(DEPARTMENT_AT));
    text(&PATIENT_NAME, block.text(NAME_AT));
    text(&PATIENT_NUMBER, block.text(NUMBER_AT));
    text(&DOCTOR, block.text(DOCTOR_AT));
    for (field, at) in [(&ADMITTED, ADMITTED_AT), (&BORN, BORN_AT)] {
        if let Some(parts) = block.date(at).filter(|parts| parts.iter().any(|part| !part.is_empty())) {
            let value = if parts.iter().all(|part| part.iter().all(u8::is_ascii_digit)) {
                Value::text(&parts.join(&b'-'))
            } else {
                // What is no date is told as it was sent.
                Value::text(block.0.get(at..at + DATE_BYTES).unwrap_or_default())
            };
            fields.push((field, value));
        }
    }
    for (field, at) in [(&HEIGHT, HEIGHT_AT), (&WEIGHT, WEIGHT_AT)] {
        if let Some(number) = block.u16(at).filter(|number| *number != 0) {
            fields.push((field, Value::Number(number.into())));
        }
    }
    for (field, at) in [(&BED, BED_AT), (&BLOOD_TYPE, BLOOD_TYPE_AT)] {
        if let Some(number) = block.0.get(at).filter(|number| **number != 0) {
            fields.push((field, Value::Number((*number).into())));
        }
    }
    out.message(&SCHEMA, &fields, 0..unit.len());
}
