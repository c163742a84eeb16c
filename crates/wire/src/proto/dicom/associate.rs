//! A-ASSOCIATE-RQ and A-ASSOCIATE-AC: PS3.8 §9.3.2 and §9.3.3, user information PS3.7 annex D.
//!
//! ```text
//! 0        1       2             6            8        10          26           42          74
//! | type 1 | rsv 1 | length 4 BE | version 2  | rsv 2  | called 16 | calling 16 | rsv 32    | items…
//!
//! item: | type 1 | rsv 1 | length 2 BE | … |
//! 10 application context   20 presentation context (RQ)   21 presentation context (AC)   50 user information
//! 30 abstract syntax   40 transfer syntax   51 maximum length   52 class   55 version   58 user
//! ```

use super::dataset::Syntax;
use super::{
    ABSTRACT_SYNTAX, APPLICATION_CONTEXT, CALLED_AE, CALLING_AE, CONTEXTS_REFUSED, IMPLEMENTATION_CLASS,
    IMPLEMENTATION_VERSION, MAX_PDU_BYTES, PDU, SCHEMA, TRANSFER_SYNTAX,
};
use crate::{Cursor, Login, Sink};
use model::{About, Accepted, Fact, Field, Identifier, Malformed, Operation, Reason, Text, Value};
use std::ops::Range;

/// Most presentation contexts of an association: their numbers are the odd bytes.
pub(super) const CONTEXTS_MAX: usize = 128;
/// Most syntaxes of each kind that one message keeps. Ours; what comes later is left out.
const SYNTAXES_MAX: usize = 64;

const CALLED: Range<usize> = 10..26;
const CALLING: Range<usize> = 26..42;
/// Where the items start.
pub(super) const ITEMS_AT: usize = 74;

/// What both forms of the unit have.
#[derive(Default)]
struct Read<'a> {
    fields: Vec<(&'static Field, Value)>,
    abstract_syntaxes: usize,
    transfer_syntaxes: usize,
    refused: u64,
    class: &'a [u8],
    version: &'a [u8],
    accepted: Vec<(u8, Syntax)>,
}

/// An application entity's title, without padding (some senders pad with NUL); `None` where it is none.
pub(super) fn title(pdu: &[u8], place: Range<usize>) -> Option<&[u8]> {
    let title = trimmed(pdu.get(place)?);
    title.iter().all(|byte| matches!(byte, b' '..=b'~')).then_some(title)
}

/// Reports a request.
pub(super) fn request(pdu: &[u8], out: &mut dyn Sink) {
    let read = message(pdu, "associate-request", out);
    out.fact(Fact::Operated(Operation::Associate), 0..pdu.len());
    for (about, place) in [(About::Sender, CALLING), (About::Receiver, CALLED)] {
        if let Some(title) = title(pdu, place.clone()).filter(|title| !title.is_empty()) {
            let name = Identifier::ApplicationName(Text::from_bytes(title));
            out.fact(Fact::Identified(about, name), place);
        }
    }
    node(pdu, &read, out);
}

/// Reports an acceptance, and returns the transfer syntax of each accepted context.
pub(super) fn acceptance(pdu: &[u8], out: &mut dyn Sink) -> Vec<(u8, Syntax)> {
    let read = message(pdu, "associate-accept", out);
    node(pdu, &read, out);
    read.accepted
}

/// The sender is an imaging node and says what software it runs.
fn node(pdu: &[u8], read: &Read<'_>, out: &mut dyn Sink) {
    out.fact(Fact::Identified(About::Sender, Identifier::ImagingNode), 0..pdu.len());
    let software = if read.version.is_empty() { read.class } else { read.version };
    if !software.is_empty() {
        let software = Identifier::Software(Text::from_bytes(software));
        out.fact(Fact::Identified(About::Sender, software), 0..pdu.len());
    }
}

fn message<'a>(pdu: &'a [u8], name: &'static str, out: &mut dyn Sink) -> Read<'a> {
    let mut read = Read::default();
    read.fields.push((&PDU, Value::Text(Text::from(name))));
    for (field, place, name) in
        [(&CALLED_AE, CALLED, "Called-AE-title"), (&CALLING_AE, CALLING, "Calling-AE-title")]
    {
        let offset = place.start;
        match title(pdu, place) {
            Some(title) => read.fields.push((field, Value::text(title))),
            None => {
                let fault = Malformed { field: name, offset, reason: Reason::NotText };
                out.fact(Fact::Malformed(fault), 0..pdu.len());
            }
        }
    }
    if let Err(fault) = items(&mut Cursor::at(pdu, ITEMS_AT), &mut read, out) {
        out.fact(Fact::Malformed(fault), 0..pdu.len());
    }
    if read.refused > 0 {
        read.fields.push((&CONTEXTS_REFUSED, Value::Number(read.refused)));
    }
    out.message(&SCHEMA, &read.fields, 0..pdu.len());
    read
}

/// The next item: its type, and a cursor that ends with it.
fn item<'a>(cursor: &mut Cursor<'a>) -> Result<(u8, Cursor<'a>), Malformed> {
    let kind = cursor.u8("item type")?;
    cursor.skip(1, "item reserved")?;
    let bytes = usize::from(cursor.u16_be("item length")?);
    let start = cursor.offset();
    cursor.skip(bytes, "item")?;
    let unit = cursor.unit().get(..start + bytes).unwrap_or_default();
    Ok((kind, Cursor::at(unit, start)))
}

fn items<'a>(cursor: &mut Cursor<'a>, read: &mut Read<'a>, out: &mut dyn Sink) -> Result<(), Malformed> {
    while !cursor.is_empty() {
        let (kind, mut content) = item(cursor)?;
        match kind {
            0x10 => read.fields.push((&APPLICATION_CONTEXT, uid(content.rest()))),
            0x20 | 0x21 => context(kind, &mut content, read)?,
            0x50 => user_information(&mut content, read, out)?,
            _ => {}
        }
    }
    Ok(())
}

fn context(kind: u8, cursor: &mut Cursor<'_>, read: &mut Read<'_>) -> Result<(), Malformed> {
    let id = cursor.u8("presentation-context-ID")?;
    cursor.skip(1, "presentation context reserved")?;
    let result = cursor.u8("result")?;
    cursor.skip(1, "presentation context reserved")?;
    let accepted = kind == 0x21 && result == 0;
    read.refused += u64::from(kind == 0x21 && result != 0);
    while !cursor.is_empty() {
        let (kind, content) = item(cursor)?;
        let (field, count): (&'static Field, _) = match kind {
            0x30 => (&ABSTRACT_SYNTAX, &mut read.abstract_syntaxes),
            0x40 => (&TRANSFER_SYNTAX, &mut read.transfer_syntaxes),
            _ => continue,
        };
        if *count < SYNTAXES_MAX {
            *count += 1;
            read.fields.push((field, uid(content.rest())));
        }
        if accepted && kind == 0x40 && read.accepted.len() < CONTEXTS_MAX {
            read.accepted.push((id, Syntax::of(trimmed(content.rest()))));
        }
    }
    Ok(())
}

fn user_information<'a>(
    cursor: &mut Cursor<'a>,
    read: &mut Read<'a>,
    out: &mut dyn Sink,
) -> Result<(), Malformed> {
    while !cursor.is_empty() {
        let (kind, mut content) = item(cursor)?;
        match kind {
            0x51 => {
                let bytes = content.u32_be("Maximum-length-received")?;
                read.fields.push((&MAX_PDU_BYTES, Value::Number(bytes.into())));
            }
            0x52 => {
                read.class = trimmed(content.rest());
                read.fields.push((&IMPLEMENTATION_CLASS, uid(content.rest())));
            }
            0x55 => {
                read.version = trimmed(content.rest());
                read.fields.push((&IMPLEMENTATION_VERSION, uid(content.rest())));
            }
            0x58 => user_identity(&mut content, out)?,
            _ => {}
        }
    }
    Ok(())
}

/// PS3.7 §D.3.3.7: 1 is a user name, 2 a user name with a passcode; both cross in clear.
fn user_identity(cursor: &mut Cursor<'_>, out: &mut dyn Sink) -> Result<(), Malformed> {
    let start = cursor.offset();
    let kind = cursor.u8("user-identity-type")?;
    cursor.skip(1, "positive-response-requested")?;
    let bytes = cursor.u16_be("primary-field-length")?;
    let account = cursor.take(bytes.into(), "primary-field")?;
    let bytes = cursor.u16_be("secondary-field-length")?;
    let passcode = cursor.take(bytes.into(), "secondary-field")?;
    out.conceal(cursor.offset() - passcode.len()..cursor.offset());
    if matches!(kind, 1 | 2) {
        let secret = (kind == 2).then_some(passcode);
        // Type, flag and the first length stay.
        out.conceal(start + 4..start + 4 + account.len());
        out.login(&Login { account, secret, accepted: Accepted::Unknown }, start..cursor.offset());
    }
    Ok(())
}

/// Without padding: UIDs are padded with NUL, text with blanks.
pub(super) fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| !matches!(byte, 0 | b' ')).map_or(0, |at| at + 1);
    bytes.get(..end).unwrap_or_default().trim_ascii_start()
}

fn uid(bytes: &[u8]) -> Value {
    Value::text(trimmed(bytes))
}
