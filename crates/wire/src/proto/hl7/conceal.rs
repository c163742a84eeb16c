//! Which parts of a message are nobody's, and so may be seen in frames kept as evidence.
//!
//! Everything else is overwritten but for the delimiters, so that the message still parses: a name can stand in any
//! text, and interfaces put patients into fields that the standard means for something else.

use super::observation;
use super::text::Segment;
use crate::Sink;

/// Fields that name the two systems, the message and its time: of the header, by the numbers of the standard.
const HEADER: &[usize] = &[1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19];
/// Code and number that are acknowledged.
const ACKNOWLEDGEMENT: &[usize] = &[1, 2];
/// Kind and time of the event.
const EVENT: &[usize] = &[1, 2];
/// Number, type, code, and what goes with a number: unit, range, flags, status, time, equipment.
const OBSERVATION: &[usize] = &[1, 2, 3, 4, 6, 7, 8, 11, 14, 18];
/// Where an observation's value stands.
const VALUE: usize = 5;

/// Conceals what a patient may be named in; `at` is the segment's offset in the input.
pub(super) fn segment(segment: &Segment<'_>, at: usize, out: &mut dyn Sink) {
    let shown = match segment.name() {
        Some(b"MSH" | b"FHS" | b"BHS") => HEADER,
        Some(b"MSA") => ACKNOWLEDGEMENT,
        Some(b"EVN") => EVENT,
        Some(b"OBX") => OBSERVATION,
        Some(_) => &[],
        None => return out.conceal(at..at + segment.bytes.len()),
    };
    let measured = segment.name() == Some(b"OBX") && is_measured(segment);
    for (number, start, bytes) in segment.fields() {
        if shown.contains(&number) || (number == VALUE && measured) {
            continue;
        }
        let mut run = 0;
        for part in bytes.split(|byte| segment.is_delimiter(*byte)) {
            let from = at + start + run;
            if !part.is_empty() {
                out.conceal(from..from + part.len());
            }
            run += part.len() + 1;
        }
    }
}

/// Whether the value is a number, or the name of a device.
fn is_measured(segment: &Segment<'_>) -> bool {
    let number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'^' | b' ');
    match segment.field(2).component(1) {
        b"NM" | b"SN" => segment.field(VALUE).bytes.iter().all(number),
        _ => observation::names_device(&segment.field(3)),
    }
}
