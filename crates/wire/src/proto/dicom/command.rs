//! Command sets: PS3.7 §6.3.1 and annex E. Always implicit VR, little-endian.
//!
//! ```text
//! | group 0000 | element 2 LE | length 4 LE | value | …
//! ```

use super::associate::trimmed;
use super::{COMMAND, COMMAND_NAME, MESSAGE_ID, MOVE_DESTINATION, SCHEMA, SOP_CLASS, SOP_INSTANCE, STATUS};
use crate::{Cursor, Sink};
use model::{Fact, Field, Malformed, Operation, Reason, Text, Value};
use std::ops::Range;

/// What a command says about the data set that follows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Command {
    /// Command field (0000,0100).
    pub(super) field: u16,
    /// A data set follows.
    pub(super) data: bool,
}

/// Command field of C-STORE-RQ.
pub(super) const STORE: u16 = 0x0001;
/// Value of (0000,0800) that says that no data set follows.
const NO_DATA: u16 = 0x0101;

/// Name of a command field; PS3.7 §E.1.
pub(super) const fn name(field: u16) -> &'static str {
    match field {
        0x0001 => "C-STORE-RQ",
        0x8001 => "C-STORE-RSP",
        0x0010 => "C-GET-RQ",
        0x8010 => "C-GET-RSP",
        0x0020 => "C-FIND-RQ",
        0x8020 => "C-FIND-RSP",
        0x0021 => "C-MOVE-RQ",
        0x8021 => "C-MOVE-RSP",
        0x0030 => "C-ECHO-RQ",
        0x8030 => "C-ECHO-RSP",
        0x0100 => "N-EVENT-REPORT-RQ",
        0x8100 => "N-EVENT-REPORT-RSP",
        0x0110 => "N-GET-RQ",
        0x8110 => "N-GET-RSP",
        0x0120 => "N-SET-RQ",
        0x8120 => "N-SET-RSP",
        0x0130 => "N-ACTION-RQ",
        0x8130 => "N-ACTION-RSP",
        0x0140 => "N-CREATE-RQ",
        0x8140 => "N-CREATE-RSP",
        0x0150 => "N-DELETE-RQ",
        0x8150 => "N-DELETE-RSP",
        0x0FFF => "C-CANCEL-RQ",
        _ => "unknown",
    }
}

/// Reports a command; `range` is where its last part stands in the input.
///
/// # Errors
/// [`Malformed`] when an element runs over the end, is of another group, or the command field is missing;
/// offsets are from the start of the set.
pub(super) fn read(set: &[u8], range: Range<usize>, out: &mut dyn Sink) -> Result<Command, Malformed> {
    let mut cursor = Cursor::new(set);
    let mut fields: Vec<(&'static Field, Value)> = Vec::with_capacity(8);
    let mut command = None;
    let mut data = false;
    while !cursor.is_empty() {
        let group = cursor.u16_le("group")?;
        if group != 0 {
            let fault = Malformed {
                field: "group",
                offset: cursor.offset() - 2,
                reason: Reason::NotDefined(group.into()),
            };
            return Err(fault);
        }
        let element = cursor.u16_le("element")?;
        let bytes = usize::try_from(cursor.u32_le("element length")?).unwrap_or(usize::MAX);
        let value = cursor.take(bytes, "element value")?;
        let number = value.first_chunk().map(|bytes| u16::from_le_bytes(*bytes));
        match (element, number) {
            (0x0002 | 0x0003, _) => fields.push((&SOP_CLASS, Value::text(trimmed(value)))),
            (0x1000 | 0x1001, _) => fields.push((&SOP_INSTANCE, Value::text(trimmed(value)))),
            (0x0600, _) => fields.push((&MOVE_DESTINATION, Value::text(trimmed(value)))),
            (0x0100, Some(number)) => command = Some(number),
            (0x0110 | 0x0120, Some(number)) => fields.push((&MESSAGE_ID, Value::Number(number.into()))),
            (0x0800, Some(number)) => data = number != NO_DATA,
            (0x0900, Some(number)) => fields.push((&STATUS, Value::Number(number.into()))),
            _ => {}
        }
    }
    let Some(field) = command else {
        return Err(cursor.malformed("Command Field (0000,0100)", Reason::CutShort));
    };
    let named: [(&'static Field, Value); 2] =
        [(&COMMAND, Value::Number(field.into())), (&COMMAND_NAME, Value::Text(Text::from(name(field))))];
    fields.splice(0..0, named);
    out.message(&SCHEMA, &fields, range.clone());
    match field {
        STORE => out.fact(Fact::Operated(Operation::StoreObject), range),
        0x0010 | 0x0020 | 0x0021 => out.fact(Fact::Operated(Operation::Query), range),
        _ => {}
    }
    Ok(Command { field, data })
}
