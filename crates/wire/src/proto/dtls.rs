//! DTLS: the hellos of TLS over datagrams.
//!
//! # Wire format
//! ```text
//! 0        1           3         5            11         13
//! | type 1 | version 2 | epoch 2 | sequence 6 | length 2 | content…   several records to a datagram
//! handshake content:
//! | type 1 | length 3 | message 2 | fragment offset 3 | fragment length 3 | body…
//! ```
//! Versions count downwards: 1.0 is 0xFEFF, 1.2 is 0xFEFD. Epoch 0 is in clear. DTLS 1.3 data records use a
//! shorter header (first bits 001), which only follow hellos of the form above.
//!
//! # Limits
//! A hello that is split over datagrams is not put together again.
//!
//! # Source
//! RFC 6347 §4.1, §4.2.2; RFC 9147 §4 (unified header). JA4 by FoxIO, carrier `d`.

use super::tls::{self, hello, ja4};
use crate::{Cursor, Parser, Probe, Protocol, Sink, Step, Verdict};
use hello::{ClientHello, Flavour, ServerHello};
use model::{Fact, Malformed, Reason, Schema, Side, Transport};

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "dtls",
    title: "DTLS",
    source: "RFC 6347, RFC 9147; JA4 by FoxIO",
    transports: &[Transport::Udp],
    ports: &[4433, 5684, 3391],
    schema: &SCHEMA,
    probe,
    start: |_| Box::new(Dtls::default()),
};

static SCHEMA: Schema = Schema {
    protocol: "dtls",
    fields: &[
        &tls::HANDSHAKE,
        &tls::VERSION,
        &tls::SERVER_NAME,
        &tls::CIPHER_SUITES,
        &tls::EXTENSIONS,
        &tls::CIPHER_SUITE,
        &tls::APPLICATION_PROTOCOLS,
        &tls::JA4,
    ],
};

/// Bytes before a record's content.
const HEADER_BYTES: usize = 13;
/// Bytes before a handshake message's body.
const MESSAGE_HEADER_BYTES: usize = 12;
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const APPLICATION: u8 = 23;
/// Highest content type of the long header: RFC 9146 §3 (25, connection id).
const CONTENT_TYPE_MAX: u8 = 25;

fn probe(probe: &Probe<'_>) -> Verdict {
    let Some((header, content)) = probe.input.split_first_chunk::<HEADER_BYTES>() else {
        return Verdict::NotForUs;
    };
    let [kind, 0xFE, 0xFF | 0xFD, epoch1, epoch0, _, _, _, _, _, _, high, low] = *header else {
        return Verdict::NotForUs;
    };
    let bytes = usize::from(u16::from_be_bytes([high, low]));
    let clear = epoch1 == 0 && epoch0 == 0;
    let fits =
        (CHANGE_CIPHER_SPEC..=CONTENT_TYPE_MAX).contains(&kind) && (1..=content.len()).contains(&bytes);
    if fits && (clear || kind != CHANGE_CIPHER_SPEC) { Verdict::Certain } else { Verdict::NotForUs }
}

#[derive(Default)]
struct Dtls {
    told_encrypted: bool,
    told_client: bool,
}

impl Parser for Dtls {
    fn step(&mut self, _: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        match self.datagram(input, out) {
            Ok(true) => Step::Ignore,
            Ok(false) => Step::Done(input.len()),
            Err(fault) => Step::Stop(fault),
        }
    }
}

impl Dtls {
    /// Reads the records of one datagram; true when this side is encrypted from here on.
    fn datagram(&mut self, input: &[u8], out: &mut dyn Sink) -> Result<bool, Malformed> {
        let mut cursor = Cursor::new(input);
        while !cursor.is_empty() {
            let start = cursor.offset();
            let kind = cursor.u8("content type")?;
            let version = cursor.u16_be("version")?;
            if version >> 8 != 0xFE {
                let reason = Reason::NotDefined(u64::from(version));
                return Err(Malformed { field: "version", offset: start + 1, reason });
            }
            let epoch = cursor.u16_be("epoch")?;
            cursor.skip(6, "sequence_number")?;
            let bytes = usize::from(cursor.u16_be("length")?);
            let content = cursor.offset();
            cursor.skip(bytes, "fragment")?;
            if epoch > 0 || kind == APPLICATION || kind == CHANGE_CIPHER_SPEC {
                if !std::mem::replace(&mut self.told_encrypted, true) {
                    out.fact(Fact::Encrypted, start..content);
                }
                return Ok(true);
            }
            if kind == HANDSHAKE {
                self.handshake(input.get(..content + bytes).unwrap_or_default(), content, out)?;
            }
        }
        Ok(false)
    }

    /// The first message of a handshake record, which `unit` ends with and which starts at `start`.
    fn handshake(&mut self, unit: &[u8], start: usize, out: &mut dyn Sink) -> Result<(), Malformed> {
        let mut cursor = Cursor::at(unit, start);
        let long = |[high, middle, low]: [u8; 3]| u32::from_be_bytes([0, high, middle, low]) as usize;
        let kind = cursor.u8("msg_type")?;
        let bytes = long(cursor.array("length")?);
        cursor.skip(2, "message_seq")?;
        let offset = long(cursor.array("fragment_offset")?);
        let fragment = long(cursor.array("fragment_length")?);
        if offset != 0 || fragment != bytes {
            return Ok(());
        }
        cursor.skip(bytes, "body")?;
        let (body, end) = (start + MESSAGE_HEADER_BYTES, cursor.offset());
        let unit = unit.get(..end).unwrap_or_default();
        match kind {
            1 => {
                let hello = ClientHello::read(unit, body, Flavour::Datagram)?;
                let ja4 = ja4::ja4('d', &hello);
                tls::tell_client(&SCHEMA, &hello, Some(&ja4), start..end, out);
                tls::tell_offer(&hello, start..end, out);
                if !std::mem::replace(&mut self.told_client, true) {
                    tls::identify_client(&hello, &ja4, &(start..end), out);
                }
            }
            2 => tls::tell_server(&SCHEMA, &ServerHello::read(unit, body)?, start..end, out),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, hex, probe, sturdy};

    fn client_hello() -> Vec<u8> {
        hex("16 fe ff 0000 000000000000 0036  | record
             01 00002a 0000 000000 00002a     | ClientHello, whole
             fe fd                            | DTLS 1.2
             00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
             00                               | no session
             00                               | no cookie
             0002 c02b                        | one cipher suite
             01 00                            | no compression
             ") // and no extensions
    }

    #[test]
    fn a_hello_names_version_and_fingerprint() {
        check(
            &PROTOCOL,
            &[(Side::Client, &client_hello())],
            r#"
            c 13..67 dtls.handshake=client_hello dtls.version=DTLS 1.2 dtls.cipher_suites=c02b dtls.ja4=dd2i010000_648b5c445417_000000000000
            c 13..67 SessionOffered(SessionOffer versions=fefd suites=c02b)
            c 13..67 Identified(Sender, SessionFingerprint("dd2i010000_648b5c445417_000000000000"))
        "#,
        );
        sturdy(&PROTOCOL, &[(Side::Client, &client_hello())]);
    }

    #[test]
    fn the_next_epoch_is_encrypted() {
        let encrypted = hex("17 fe fd 0001 000000000000 0002 abcd");
        check(&PROTOCOL, &[(Side::Server, &encrypted)], "s 0..13 Encrypted");
    }

    #[test]
    fn other_datagrams_are_refused() {
        assert_eq!(probe(&PROTOCOL, Side::Client, &client_hello()), Verdict::Certain);
        let mut other = client_hello();
        other[1] = 0xFD;
        assert_eq!(probe(&PROTOCOL, Side::Client, &other), Verdict::NotForUs);
        assert_eq!(probe(&PROTOCOL, Side::Client, b"\x16\xfe\xff short"), Verdict::NotForUs);
    }

    #[test]
    fn a_record_longer_than_its_datagram_is_malformed() {
        let mut cut = client_hello();
        cut.truncate(40);
        check(&PROTOCOL, &[(Side::Client, &cut)], "c stop fragment at byte 13: the unit ends inside it");
    }
}
