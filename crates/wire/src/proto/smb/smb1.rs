//! Messages of version 1: shares, and that there was reading or writing.
//!
//! ```text
//! 0        4           5          9         10        24     26      28     30     32
//! | mark 4 | command 1 | status 4 | flags 1 | flags 2 | … | tree 2 | pid 2 | uid 2 | mid 2 | words 1+2n | bytes…
//! ```
//! Session setup and tree connect carry a further command: its number at word 0, its offset at word 1.
//! Source: [MS-CIFS] §2.2.3 (header), §2.2.4.55 (tree connect); §2.2.3.4 (further commands).

use super::{
    Ask, BODY_BYTES_MAX, COMMAND, RESPONSE, SCHEMA, SHARE, STATUS, Smb, Stepped, is_pipes, outcome, storage,
    utf16,
};
use crate::{Cursor, Sink, Step};
use model::{Malformed, Side, StorageOutcome, StorageStep, Text, Value};

const HEADER_BYTES: usize = 32;
const NEGOTIATE: u8 = 0x72;
const SESSION_SETUP: u8 = 0x73;
const TREE_CONNECT: u8 = 0x75;
const READ: u8 = 0x2E;
const WRITE: u8 = 0x2F;
/// Most commands followed inside one message. Our limit; the standard's chains have two or three.
const CHAIN_MAX: usize = 4;

impl Smb {
    /// A message of version 1, which is the whole unit.
    pub(super) fn message1(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Stepped {
        let unit_left = self.stand(side).unit_left;
        let Some(command) = input.get(4).copied() else { return Ok(Step::Need(5)) };
        match command {
            NEGOTIATE | SESSION_SETUP | TREE_CONNECT if unit_left <= BODY_BYTES_MAX => {}
            READ | WRITE => {
                self.used(side, command, out);
                return Ok(self.pass(side));
            }
            _ => return Ok(self.pass(side)),
        }
        let Some(message) = input.get(..unit_left) else { return Ok(Step::Need(unit_left)) };
        self.stand(side).unit_left = 0;
        let mut cursor = Cursor::at(message, 5);
        let status = cursor.u32_le("Status")?;
        let response = cursor.u8("Flags")? & 0x80 != 0;
        let unicode = cursor.u16_le("Flags2")? & 0x8000 != 0;
        let number = u64::from(Cursor::at(message, 30).u16_le("MID")?);
        let name: &[u8] = match command {
            NEGOTIATE => b"negotiate",
            SESSION_SETUP => b"session_setup",
            _ => b"tree_connect",
        };
        if command != NEGOTIATE && !response {
            // Accounts and passwords.
            out.conceal(HEADER_BYTES.min(message.len())..message.len());
        }
        let mut fields = vec![(&COMMAND, Value::text(name))];
        if response {
            fields.push((&RESPONSE, Value::Flag(true)));
            fields.push((&STATUS, Value::Number(u64::from(status))));
            if let Some(Ask::Share(share)) = self.answered(number) {
                storage(StorageStep::Mount, outcome(status), &share, 0..message.len(), out);
            }
        } else if let Some(share) = share(message, command, unicode)? {
            fields.push((&SHARE, Value::Text(share.clone())));
            if !is_pipes(&share) {
                storage(StorageStep::Mount, StorageOutcome::Asked, &share, 0..message.len(), out);
                self.ask(number, Ask::Share(share));
            }
        }
        out.message(&SCHEMA, &fields, 0..message.len());
        Ok(Step::Done(message.len()))
    }

    /// Reading or writing: told once each per flow, with the request.
    fn used(&mut self, side: Side, command: u8, out: &mut dyn Sink) {
        let [read, written] = &mut self.told_use;
        let (told, step) = match command {
            READ => (read, StorageStep::Read),
            _ => (written, StorageStep::Write),
        };
        if side == Side::Client && !std::mem::replace(told, true) {
            storage(step, StorageOutcome::Asked, &Text::default(), 0..5, out);
        }
    }
}

/// The share that a tree connect in the chain of commands asks for.
fn share(message: &[u8], command: u8, unicode: bool) -> Result<Option<Text>, Malformed> {
    let (mut command, mut at) = (command, HEADER_BYTES);
    for _ in 0..CHAIN_MAX {
        let mut cursor = Cursor::at(message, at);
        let words = usize::from(cursor.u8("WordCount")?);
        if command == TREE_CONNECT {
            return path(message, cursor, words, unicode).map(Some);
        }
        if command == NEGOTIATE || words < 2 {
            return Ok(None);
        }
        command = cursor.u8("AndXCommand")?;
        cursor.skip(1, "AndXReserved")?;
        let next = usize::from(cursor.u16_le("AndXOffset")?);
        if command == u8::MAX || next <= at {
            return Ok(None);
        }
        at = next;
    }
    Ok(None)
}

/// The path of a tree connect; `words` starts at its parameter words.
fn path(message: &[u8], words: Cursor<'_>, count: usize, unicode: bool) -> Result<Text, Malformed> {
    const PASSWORD_LENGTH_AT: usize = 6;
    let start = words.offset();
    let password = Cursor::at(message, start + PASSWORD_LENGTH_AT).u16_le("PasswordLength")?;
    let mut cursor = Cursor::at(message, start + 2 * count);
    cursor.skip(2, "ByteCount")?;
    cursor.skip(usize::from(password), "Password")?;
    if !unicode {
        let text = cursor.rest().split(|byte| *byte == 0).next().unwrap_or_default();
        return Ok(Text::from_bytes(text));
    }
    // Unicode text starts at an even offset of the message.
    cursor.skip(cursor.offset() % 2, "pad")?;
    let end = cursor.rest().as_chunks::<2>().0.iter().position(|unit| *unit == [0, 0]);
    let text = cursor.take(2 * end.unwrap_or(0), "Path")?;
    Ok(Text::from(utf16(text).as_str()))
}
