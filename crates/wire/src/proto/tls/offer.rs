//! A client's hello as an offer: what stays the same of it from one connection to the next.
//!
//! Reserved values (RFC 8701), which clients draw by lot, are no part of it, and neither is the order of its lists, which
//! some clients shuffle.

use super::hello::{ClientHello, is_reserved};
use model::{SESSION_NUMBERS_MAX, SESSION_PROTOCOLS_MAX, SessionOffer, Text};

/// What `hello` offers. Lists longer than what is kept make the offer one that is not whole.
pub(crate) fn offer(hello: &ClientHello<'_>) -> SessionOffer {
    let mut whole = !hello.unread;
    let mut list = |numbers: &[u16]| -> Box<[u16]> {
        let mut kept: Vec<u16> = numbers.iter().copied().filter(|number| !is_reserved(*number)).collect();
        kept.sort_unstable();
        kept.dedup();
        whole &= kept.len() <= SESSION_NUMBERS_MAX;
        kept.truncate(SESSION_NUMBERS_MAX);
        kept.into()
    };
    // The version field is frozen where the extension tells the versions.
    let legacy = [hello.legacy_version];
    let versions = if hello.versions.is_empty() { &legacy[..] } else { &hello.versions };
    let mut made = SessionOffer {
        versions: list(versions),
        suites: list(&hello.ciphers),
        extensions: list(&hello.extensions),
        groups: list(&hello.groups),
        signatures: list(&hello.signatures),
        certificate_signatures: list(&hello.certificate_signatures),
        resumptions: list(&hello.resumptions),
        compressions: list(&hello.compressions),
        ..SessionOffer::default()
    };
    let mut protocols: Vec<Text> = hello
        .protocols
        .iter()
        .filter(|name| !is_reserved_name(name))
        .map(|name| Text::from_bytes(name))
        .collect();
    protocols.sort_unstable();
    protocols.dedup();
    made.whole = whole && protocols.len() <= SESSION_PROTOCOLS_MAX;
    protocols.truncate(SESSION_PROTOCOLS_MAX);
    made.protocols = protocols.into();
    made
}

/// RFC 8701 reserves names of two bytes too.
fn is_reserved_name(name: &[u8]) -> bool {
    matches!(name, [high, low] if is_reserved(u16::from_be_bytes([*high, *low])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_from_one_connection_to_the_next_is_no_part_of_it() {
        let one = ClientHello {
            legacy_version: 0x0303,
            versions: vec![0x3A3A, 0x0304, 0x0303],
            ciphers: vec![0x8A8A, 0x1302, 0x1301, 0x1301],
            groups: vec![0x1A1A, 29],
            protocols: vec![&[0x2A, 0x2A], b"h2"],
            ..ClientHello::default()
        };
        let other = ClientHello {
            legacy_version: 0x0303,
            versions: vec![0x0303, 0x0304],
            ciphers: vec![0x1301, 0x1302, 0xFAFA],
            groups: vec![29],
            protocols: vec![b"h2", &[0xAA, 0xAA]],
            ..ClientHello::default()
        };
        assert_eq!(offer(&one), offer(&other));
        assert!(offer(&one).whole);
        assert_eq!(*offer(&one).versions, [0x0303, 0x0304]);
        assert_eq!(*offer(&one).protocols, [Text::from("h2")]);
    }

    #[test]
    fn too_much_is_cut_and_says_so() {
        let many: Vec<u16> = (0..300).collect();
        let long = offer(&ClientHello { ciphers: many, ..ClientHello::default() });
        assert_eq!((long.suites.len(), long.whole), (SESSION_NUMBERS_MAX, false));
        let names: Vec<[u8; 2]> = (1..=200_u8).map(|at| [b'a', at]).collect();
        let named =
            ClientHello { protocols: names.iter().map(|name| &name[..]).collect(), ..ClientHello::default() };
        let long = offer(&named);
        assert_eq!((long.protocols.len(), long.whole), (SESSION_PROTOCOLS_MAX, false));
        assert!(!offer(&ClientHello { unread: true, ..ClientHello::default() }).whole);
    }
}
