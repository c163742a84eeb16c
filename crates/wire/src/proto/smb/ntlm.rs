//! NTLM: names inside a session setup, wherever its wrapping puts them.
//!
//! ```text
//! "NTLMSSP\0" | type 4 | type 2 (challenge): … target info at 40: length 2, room 2, offset 4
//!                      | type 3 (authenticate): user at 36, workstation at 44: length 2, room 2, offset 4;
//!                        flags at 60
//! target info: (id 2 | length 2 | value)…   id 1: name of the server, id 0: end
//! ```
//! Offsets count from the start of the mark. Source: [MS-NLMP] §2.2.1.2, §2.2.1.3, §2.2.2.1.

use super::utf16;
use crate::Cursor;
use model::Malformed;

const MARK: &[u8] = b"NTLMSSP\0";

/// What an NTLM token tells.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Names {
    /// Account that logs in; only in the client's last token, empty for an anonymous one.
    pub(super) account: Option<String>,
    /// Host name of the sender; may be empty.
    pub(super) host: String,
}

/// The names in `message`; `None` without a token or where it is broken, which nothing depends on.
pub(super) fn names(message: &[u8]) -> Option<Names> {
    let token = message.get(memchr::memmem::find(message, MARK)?..)?;
    match Cursor::at(token, MARK.len()).u32_le("type").ok()? {
        2 => challenge(token).ok(),
        3 => authenticate(token).ok(),
        _ => None,
    }
}

fn challenge(token: &[u8]) -> Result<Names, Malformed> {
    const HOST_NAME: u16 = 1;
    let mut pairs = Cursor::new(value(token, 40)?);
    loop {
        let (kind, bytes) = (pairs.u16_le("AvId")?, pairs.u16_le("AvLen")?);
        let name = pairs.take(usize::from(bytes), "value")?;
        if kind == 0 || kind == HOST_NAME {
            return Ok(Names { account: None, host: if kind == 0 { String::new() } else { utf16(name) } });
        }
    }
}

fn authenticate(token: &[u8]) -> Result<Names, Malformed> {
    const UNICODE: u32 = 1;
    let unicode = Cursor::at(token, 60).u32_le("flags").unwrap_or(UNICODE) & UNICODE != 0;
    let text = |bytes: &[u8]| match unicode {
        true => utf16(bytes),
        false => bytes.iter().copied().map(char::from).collect(),
    };
    Ok(Names { account: Some(text(value(token, 36)?)), host: text(value(token, 44)?) })
}

/// The value whose length and offset stand at `at`.
fn value(token: &[u8], at: usize) -> Result<&[u8], Malformed> {
    let mut cursor = Cursor::at(token, at);
    let bytes = usize::from(cursor.u16_le("length")?);
    cursor.skip(2, "room")?;
    let offset = cursor.u32_le("offset")? as usize;
    Cursor::at(token, offset).take(bytes, "value")
}
