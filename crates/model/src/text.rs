//! Text from the wire.

use std::fmt;

/// Text that a peer sent, made safe to show: bytes that are not UTF-8 and control characters are written
/// as `\xNN`, so that nothing from the wire can move a cursor, break a line or hide itself.
///
/// The escaping is reversible but for text that held a literal `\x` before; nothing is dropped.
#[derive(Clone, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Text(Box<str>);

impl Text {
    /// Longest text kept, in bytes of the original. Our limit; longer text ends in `…`.
    pub const BYTES_MAX: usize = 1024;

    /// From bytes of any encoding; trailing NUL and blanks, which pad fixed-width fields, are dropped.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let end = bytes.iter().rposition(|byte| !matches!(byte, 0 | b' ')).map_or(0, |at| at + 1);
        let bytes = bytes.get(..end).unwrap_or_default();
        let kept = bytes.get(..Self::BYTES_MAX).unwrap_or(bytes);
        // Most text of the wire is plain: it is taken as it stands.
        if kept.len() == bytes.len()
            && let Ok(plain) = std::str::from_utf8(kept)
            && plain.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        {
            return Self(plain.into());
        }
        let mut out = String::with_capacity(kept.len());
        for chunk in kept.utf8_chunks() {
            for character in chunk.valid().chars() {
                push_shown(&mut out, character);
            }
            for byte in chunk.invalid() {
                push_escaped(&mut out, *byte);
            }
        }
        if kept.len() < bytes.len() {
            out.push('…');
        }
        Self(out.into())
    }

    /// The text, printable.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Control characters, and those that reorder or hide text (Unicode bidirectional controls, zero width).
fn push_shown(out: &mut String, character: char) {
    let hidden = matches!(character, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}');
    if character.is_control() || hidden {
        let mut bytes = [0; 4];
        for byte in character.encode_utf8(&mut bytes).bytes() {
            push_escaped(out, byte);
        }
    } else {
        out.push(character);
    }
}

fn push_escaped(out: &mut String, byte: u8) {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('?');
    out.push_str("\\x");
    out.push(digit(byte >> 4));
    out.push(digit(byte & 0x0F));
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_text_cannot_move_the_cursor_or_hide() {
        assert_eq!(Text::from_bytes(b"ICU\x1b[2J\n3  \0").as_str(), "ICU\\x1b[2J\\x0a3");
        assert_eq!(Text::from_bytes(b"M\xfcller").as_str(), "M\\xfcller");
        assert_eq!(Text::from("abc\u{202E}cba").as_str(), "abc\\xe2\\x80\\xaecba");
        assert_eq!(Text::from("Zoë").as_str(), "Zoë");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        let text = Text::from_bytes(&vec![b'a'; Text::BYTES_MAX + 1]);
        assert_eq!(text.as_str().chars().count(), Text::BYTES_MAX + 1);
        assert!(text.as_str().ends_with('…'));
    }
}
