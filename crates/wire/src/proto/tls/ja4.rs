//! JA4: a fingerprint of what a TLS client offers that does not depend on the order it offers it in.
//!
//! ```text
//! t13d1516h2_8daaf6152771_e5627efa2ab1
//! │││ │ │ │  │            └ first 12 hex digits of SHA-256 of: sorted extensions (without server name and
//! │││ │ │ │  │              application protocol), "_", signature algorithms in the client's order
//! │││ │ │ │  └ first 12 hex digits of SHA-256 of the sorted cipher suites
//! │││ │ │ └ first and last character of the first application protocol, 00 for none
//! │││ │ └ number of extensions, at most 99
//! │││ └ number of cipher suites, at most 99
//! ││└ d: names a server (domain), i: does not
//! │└ best version offered
//! └ t: over TCP, q: QUIC, d: DTLS
//! ```
//! Numbers are four lower-case hexadecimal digits joined by commas. Reserved "GREASE" values (RFC 8701) count
//! nowhere. A part without members is twelve zeros.
//!
//! # Source
//! FoxIO, "JA4: TLS Client Fingerprinting", `technical_details/JA4.md` (the method is BSD-3-Clause; the other
//! members of the JA4+ family are not and are not used here). Written from the description.

use super::hello::{APPLICATION_PROTOCOL, ClientHello, SERVER_NAME, is_reserved};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Largest count that two digits can show.
const COUNT_MAX: usize = 99;
/// Length of a truncated hash, in hexadecimal digits.
const HASH_DIGITS: usize = 12;

/// The fingerprint; `carrier` is `t`, `q` or `d`.
pub(crate) fn ja4(carrier: char, hello: &ClientHello<'_>) -> String {
    let real = |values: &[u16]| -> Vec<u16> {
        values.iter().copied().filter(|value| !is_reserved(*value)).collect()
    };
    let mut ciphers = real(&hello.ciphers);
    let mut extensions = real(&hello.extensions);
    let named = if extensions.contains(&SERVER_NAME) { 'd' } else { 'i' };
    let version = version(hello.best_version());
    let counts = (ciphers.len().min(COUNT_MAX), extensions.len().min(COUNT_MAX));
    let [first, last] = ends(hello.protocols.first().copied().unwrap_or_default());

    ciphers.sort_unstable();
    extensions.retain(|kind| ![SERVER_NAME, APPLICATION_PROTOCOL].contains(kind));
    extensions.sort_unstable();
    let mut offered = list(&extensions);
    let signatures = list(&real(&hello.signatures));
    if !signatures.is_empty() {
        offered = format!("{offered}_{signatures}");
    }
    let extensions_hash = if extensions.is_empty() { "0".repeat(HASH_DIGITS) } else { hash(&offered) };
    let ciphers_hash = if ciphers.is_empty() { "0".repeat(HASH_DIGITS) } else { hash(&list(&ciphers)) };
    let (ciphers, extensions) = counts;
    format!(
        "{carrier}{version}{named}{ciphers:02}{extensions:02}{first}{last}_{ciphers_hash}_{extensions_hash}"
    )
}

const fn version(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xFEFF => "d1",
        0xFEFD => "d2",
        0xFEFC => "d3",
        _ => "00",
    }
}

/// First and last character of a protocol name; where either is not a letter or digit, of its hexadecimal
/// form.
fn ends(name: &[u8]) -> [char; 2] {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return ['0', '0'] };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)];
    }
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    [digit(first >> 4), digit(last & 0x0F)]
}

fn list(values: &[u16]) -> String {
    let mut out = String::with_capacity(values.len() * 5);
    for value in values {
        let comma = if out.is_empty() { "" } else { "," };
        let _ = write!(out, "{comma}{value:04x}");
    }
    out
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut out = String::with_capacity(HASH_DIGITS);
    for byte in digest.iter().take(HASH_DIGITS / 2) {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of the description (a browser's hello), reserved values added.
    fn browser() -> ClientHello<'static> {
        let numbers = |text: &str| -> Vec<u16> {
            text.split(',').map(|digits| u16::from_str_radix(digits, 16).unwrap()).collect()
        };
        ClientHello {
            legacy_version: 0x0303,
            versions: vec![0x3A3A, 0x0304, 0x0303],
            ciphers: numbers(
                "8a8a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
            ),
            extensions: numbers(
                "0a0a,001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015,1a1a",
            ),
            server_name: Some(b"example.org"),
            protocols: vec![b"h2", b"http/1.1"],
            signatures: numbers("0403,0804,0401,0503,0805,0501,0806,0601"),
            ..ClientHello::default()
        }
    }

    #[test]
    fn the_published_example_gives_the_published_fingerprint() {
        assert_eq!(ja4('t', &browser()), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    }

    #[test]
    fn order_and_reserved_values_do_not_change_it() {
        let mut other = browser();
        other.ciphers.reverse();
        other.extensions.reverse();
        other.extensions.push(0xFAFA);
        assert_eq!(ja4('t', &other), ja4('t', &browser()));
    }

    #[test]
    fn a_bare_offer_has_zeros_where_there_is_nothing() {
        let hello = ClientHello { legacy_version: 0x0301, ..ClientHello::default() };
        assert_eq!(ja4('t', &hello), "t10i000000_000000000000_000000000000");
    }

    #[test]
    fn a_protocol_name_that_is_not_alphanumeric_shows_its_hexadecimal_ends() {
        assert_eq!(ends(b"h2"), ['h', '2']);
        assert_eq!(ends(b"http/1.1"), ['h', '1']);
        assert_eq!(ends(b"h"), ['h', 'h']);
        assert_eq!(ends(&[0xAB]), ['a', 'b']);
        assert_eq!(ends(&[0x30, 0xAB]), ['3', 'b']);
        assert_eq!(ends(b""), ['0', '0']);
    }

    #[test]
    fn counts_stop_at_two_digits() {
        let hello =
            ClientHello { legacy_version: 0x0303, ciphers: (0..150).collect(), ..ClientHello::default() };
        assert!(ja4('t', &hello).starts_with("t12i990000_"));
    }
}
