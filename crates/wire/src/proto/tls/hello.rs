//! ClientHello and ServerHello, as far as they are in clear; shared by TLS and DTLS.
//!
//! # Wire format
//! ```text
//! ClientHello   version 2 | random 32 | session id 1+n | (DTLS: cookie 1+n) | cipher suites 2+2n
//!               | compression methods 1+n | extensions 2+n: (type 2 | length 2 | content)…
//! ServerHello   version 2 | random 32 | session id 1+n | cipher suite 2 | compression 1 | extensions 2+n
//! ```
//! The extensions may be missing altogether (before TLS 1.2). All numbers are in network byte order.
//!
//! # Source
//! RFC 8446 §4.1.2, §4.1.3, §4.2; RFC 5246 §7.4.1; RFC 6066 §3 (server name); RFC 7301 §3.1 (application
//! protocol); RFC 8701 (reserved "GREASE" values); RFC 6347 §4.2.1 (cookie); RFC 8879 §3 (compressed certificates).

use crate::Cursor;
use model::{Malformed, Reason};

/// Extension numbers, IANA "TLS ExtensionType Values".
pub(crate) const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const SIGNATURE_ALGORITHMS: u16 = 13;
pub(crate) const APPLICATION_PROTOCOL: u16 = 16;
const COMPRESS_CERTIFICATE: u16 = 27;
const SUPPORTED_VERSIONS: u16 = 43;
const PSK_KEY_EXCHANGE_MODES: u16 = 45;
const CERTIFICATE_AUTHORITIES: u16 = 47;
const SIGNATURE_ALGORITHMS_CERT: u16 = 50;

/// The random of a ServerHello that is a HelloRetryRequest: SHA-256 of "HelloRetryRequest", RFC 8446 §4.1.3.
pub(crate) const RETRY_RANDOM: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2,
    0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];

/// Whether the hellos carry a cookie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flavour {
    /// TLS: no cookie.
    Stream,
    /// DTLS: a cookie after the session id.
    Datagram,
}

/// What a client offers.
#[derive(Debug, Default)]
pub(crate) struct ClientHello<'a> {
    /// The version field, which TLS 1.3 freezes at 1.2.
    pub(crate) legacy_version: u16,
    /// Versions of the extension, in the client's order; empty without it.
    pub(crate) versions: Vec<u16>,
    /// Cipher suites in the client's order, reserved values included.
    pub(crate) ciphers: Vec<u16>,
    /// Extension numbers in the client's order, reserved values included.
    pub(crate) extensions: Vec<u16>,
    /// Name of the server it wants.
    pub(crate) server_name: Option<&'a [u8]>,
    /// Application protocols in the client's order.
    pub(crate) protocols: Vec<&'a [u8]>,
    /// Signature algorithms in the client's order.
    pub(crate) signatures: Vec<u16>,
    /// Signature algorithms for certificates, where it tells them apart.
    pub(crate) certificate_signatures: Vec<u16>,
    /// Named groups in the client's order.
    pub(crate) groups: Vec<u16>,
    /// How it goes on with an earlier session.
    pub(crate) resumptions: Vec<u16>,
    /// How certificates may be compressed.
    pub(crate) compressions: Vec<u16>,
    /// A list that only the offer needs could not be read, or is not read here.
    pub(crate) unread: bool,
}

/// What a server chose.
#[derive(Debug)]
pub(crate) struct ServerHello<'a> {
    /// The version that counts: of the extension, else of the field.
    pub(crate) version: u16,
    /// Cipher suite.
    pub(crate) cipher: u16,
    /// Application protocol, where it is in clear (until TLS 1.2).
    pub(crate) protocol: Option<&'a [u8]>,
    /// It asks the client to try again; another ServerHello follows.
    pub(crate) retry: bool,
}

/// Whether `value` is reserved to keep peers tolerant (RFC 8701): 0x0A0A, 0x1A1A, … 0xFAFA.
pub(crate) const fn is_reserved(value: u16) -> bool {
    value & 0x0F0F == 0x0A0A && value >> 8 == value & 0xFF
}

impl<'a> ClientHello<'a> {
    /// Reads the message, whose body starts at `body_at`; offsets of faults count from the start of
    /// `message`.
    ///
    /// # Errors
    /// [`Malformed`] when a length does not fit.
    pub(crate) fn read(message: &'a [u8], body_at: usize, flavour: Flavour) -> Result<Self, Malformed> {
        let mut cursor = Cursor::at(message, body_at);
        let mut hello = Self { legacy_version: cursor.u16_be("client_version")?, ..Self::default() };
        cursor.skip(32, "random")?;
        skip_short(&mut cursor, "session_id")?;
        if flavour == Flavour::Datagram {
            skip_short(&mut cursor, "cookie")?;
        }
        hello.ciphers = numbers(&mut cursor, "cipher_suites")?;
        skip_short(&mut cursor, "compression_methods")?;
        let mut extensions = extensions(&mut cursor)?;
        while !extensions.is_empty() {
            let kind = extensions.u16_be("extension_type")?;
            let content = long(&mut extensions, "extension_data")?;
            hello.extensions.push(kind);
            hello.extension(kind, content)?;
        }
        Ok(hello)
    }

    fn extension(&mut self, kind: u16, mut content: Cursor<'a>) -> Result<(), Malformed> {
        match kind {
            SERVER_NAME if !content.is_empty() => self.server_name = server_name(content)?,
            SIGNATURE_ALGORITHMS => {
                self.signatures = numbers(&mut content, "supported_signature_algorithms")?;
            }
            APPLICATION_PROTOCOL => self.protocols = protocols(content)?,
            SUPPORTED_VERSIONS => {
                let bytes = usize::from(content.u8("supported_versions")?);
                let list = content.take(bytes, "supported_versions")?;
                self.versions = pairs(list);
            }
            // Whole names of authorities: rare, long, and of no use here but for the offer.
            CERTIFICATE_AUTHORITIES => self.unread = true,
            SUPPORTED_GROUPS => self.groups = self.offered(numbers(&mut content, "named_group_list")),
            SIGNATURE_ALGORITHMS_CERT => {
                let list = numbers(&mut content, "signature_algorithms_cert");
                self.certificate_signatures = self.offered(list);
            }
            COMPRESS_CERTIFICATE => {
                let list = short(&mut content, "algorithms").map(pairs);
                self.compressions = self.offered(list);
            }
            PSK_KEY_EXCHANGE_MODES => {
                let list = short(&mut content, "ke_modes");
                self.resumptions =
                    self.offered(list.map(|list| list.iter().copied().map(u16::from).collect()));
            }
            _ => {}
        }
        Ok(())
    }

    /// A list that is part of the offer and of nothing else: where it cannot be read the offer is not whole, and the hello
    /// still is one.
    fn offered(&mut self, list: Result<Vec<u16>, Malformed>) -> Vec<u16> {
        list.unwrap_or_else(|_| {
            self.unread = true;
            Vec::new()
        })
    }

    /// The best version offered; reserved values do not count.
    pub(crate) fn best_version(&self) -> u16 {
        let offered = self.versions.iter().copied().filter(|version| !is_reserved(*version));
        // DTLS counts downwards: 1.0 is 0xFEFF, 1.3 is 0xFEFC.
        let rank = |version: &u16| if version >> 8 == 0xFE { !version } else { *version };
        offered.max_by_key(rank).unwrap_or(self.legacy_version)
    }
}

impl<'a> ServerHello<'a> {
    /// Reads the message, whose body starts at `body_at`; offsets of faults count from the start of
    /// `message`.
    ///
    /// # Errors
    /// [`Malformed`] when a length does not fit.
    pub(crate) fn read(message: &'a [u8], body_at: usize) -> Result<Self, Malformed> {
        let mut cursor = Cursor::at(message, body_at);
        let version = cursor.u16_be("server_version")?;
        let retry = cursor.take(32, "random")? == RETRY_RANDOM;
        skip_short(&mut cursor, "session_id_echo")?;
        let cipher = cursor.u16_be("cipher_suite")?;
        cursor.skip(1, "compression_method")?;
        let mut hello = Self { version, cipher, protocol: None, retry };
        let mut extensions = extensions(&mut cursor)?;
        while !extensions.is_empty() {
            let kind = extensions.u16_be("extension_type")?;
            let mut content = long(&mut extensions, "extension_data")?;
            match kind {
                SUPPORTED_VERSIONS => hello.version = content.u16_be("selected_version")?,
                APPLICATION_PROTOCOL => hello.protocol = protocols(content)?.first().copied(),
                _ => {}
            }
        }
        Ok(hello)
    }
}

/// The extensions block; empty where the message has none.
fn extensions<'a>(cursor: &mut Cursor<'a>) -> Result<Cursor<'a>, Malformed> {
    if cursor.is_empty() { Ok(*cursor) } else { long(cursor, "extensions") }
}

fn server_name(mut content: Cursor<'_>) -> Result<Option<&[u8]>, Malformed> {
    let mut list = long(&mut content, "server_name_list")?;
    while !list.is_empty() {
        let kind = list.u8("name_type")?;
        let name = long(&mut list, "host_name")?;
        if kind == 0 {
            return Ok(Some(name.rest()));
        }
    }
    Ok(None)
}

fn protocols(mut content: Cursor<'_>) -> Result<Vec<&[u8]>, Malformed> {
    let mut list = long(&mut content, "protocol_name_list")?;
    let mut names = Vec::new();
    while !list.is_empty() {
        let bytes = usize::from(list.u8("protocol_name")?);
        names.push(list.take(bytes, "protocol_name")?);
    }
    Ok(names)
}

/// Passes over a value with an 8-bit length in bytes.
fn skip_short(cursor: &mut Cursor<'_>, field: &'static str) -> Result<(), Malformed> {
    let bytes = usize::from(cursor.u8(field)?);
    cursor.skip(bytes, field)
}

/// A value with an 8-bit length in bytes.
fn short<'a>(cursor: &mut Cursor<'a>, field: &'static str) -> Result<&'a [u8], Malformed> {
    let bytes = usize::from(cursor.u8(field)?);
    cursor.take(bytes, field)
}

/// A value with a 16-bit length in bytes, as a cursor whose offsets are still those of the message.
fn long<'a>(cursor: &mut Cursor<'a>, field: &'static str) -> Result<Cursor<'a>, Malformed> {
    let bytes = usize::from(cursor.u16_be(field)?);
    let start = cursor.offset();
    cursor.skip(bytes, field)?;
    Ok(Cursor::at(cursor.unit().get(..start + bytes).unwrap_or_default(), start))
}

/// A list of 16-bit numbers with a 16-bit length in bytes.
fn numbers(cursor: &mut Cursor<'_>, field: &'static str) -> Result<Vec<u16>, Malformed> {
    let at = *cursor;
    let list = long(cursor, field)?.rest();
    if list.len().is_multiple_of(2) { Ok(pairs(list)) } else { Err(at.malformed(field, Reason::CutShort)) }
}

fn pairs(list: &[u8]) -> Vec<u16> {
    list.as_chunks().0.iter().copied().map(u16::from_be_bytes).collect()
}
