//! MQTT 3.1.1 over TLS: one message at a time, quality of service 1, each confirmed before the next.
//!
//! What is not confirmed goes again on a new connection: at least once, and in order. Only the four packets that a
//! publisher needs are written here: the client libraries bring a second provider of TLS (ADR 0004).
//!
//! # Format
//! ```text
//! type and flags, 1 byte   length of the rest, 1 to 4 bytes of 7 bits   variable header   payload
//! CONNECT 10   "MQTT" 04 flags keep-alive; client id, user, password     CONNACK 20 02 session code
//! PUBLISH 32   topic, identifier; message                                PUBACK  40 02 identifier
//! PINGREQ C0 00                                                          PINGRESP D0 00
//! ```
//!
//! # Source
//! OASIS MQTT 3.1.1: 2.2 (fixed header), 3.1 to 3.4, 3.12, 4.3.2 (QoS 1), 4.6 (order).

use super::super::receiver::Receiver;
use super::super::{Kept, Outcome};
use super::stream::{Place, Stream};
use super::{Carrier, Identity, Login, TlsError};
use std::io::{self, Read, Write as _};
use std::time::{Duration, Instant};

/// Longest message, in bytes. Our limit; one of a cycle has some thousand, and MQTT's own is 256 MiB.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Longest packet read from a broker, in bytes. Our limit; those that a publisher gets have four.
const PACKET_BYTES_MAX: usize = 64 << 10;
/// Silence after which the broker may think us gone, in seconds; half of it brings a ping.
const KEEP_ALIVE_SECONDS: u16 = 30;

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
/// Quality of service 1.
const PUBLISH: u8 = 0x32;
const PUBACK: u8 = 0x40;
const PINGREQ: u8 = 0xC0;
const PINGRESP: u8 = 0xD0;

/// A publisher.
pub(super) struct Mqtt {
    place: Place,
    topic: String,
    greeting: Vec<u8>,
    open: Option<Box<dyn Stream>>,
    identifier: u16,
    spoke: Instant,
}

impl Mqtt {
    pub(super) fn new(receiver: &Receiver, identity: &Identity) -> Result<Self, TlsError> {
        // A name of its own for each gateway: brokers cut off the older of two with the same.
        let own = model::stable_hash(&[receiver.to_string().as_bytes(), &std::process::id().to_le_bytes()]);
        let login = match &identity.login {
            None => None,
            Some(Login::User { name, password }) => Some((name.as_str(), password.as_str())),
            Some(Login::Token(_)) => return Err(TlsError::Login),
        };
        Ok(Self {
            place: Place::new(receiver, Some(identity.client()?))?,
            topic: receiver.path.clone(),
            greeting: greeting(&format!("lazaret-{own:016x}"), login),
            open: None,
            identifier: 0,
            spoke: now(),
        })
    }

    fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let mut stream = self.place.connect()?;
        stream.write_all(&self.greeting)?;
        stream.flush()?;
        match read_packet(&mut stream)? {
            (CONNACK, rest) => match rest.get(1) {
                Some(0) => Ok(stream),
                Some(code) => Err(io::Error::other(refusal(*code))),
                None => Err(nonsense()),
            },
            _ => Err(nonsense()),
        }
    }

    fn stream(&mut self) -> io::Result<&mut Box<dyn Stream>> {
        if self.open.is_none() {
            self.open = Some(self.connect()?);
        }
        self.spoke = now();
        self.open.as_mut().ok_or_else(nonsense)
    }
}

impl Carrier for Mqtt {
    fn send(&mut self, _: &Kept, text: &[u8]) -> io::Result<Outcome> {
        if text.len() > MESSAGE_BYTES_MAX {
            return Ok(Outcome::Refused);
        }
        // Zero is no identifier.
        self.identifier = self.identifier.checked_add(1).unwrap_or(1);
        let identifier = self.identifier.to_be_bytes();
        let mut rest = Vec::with_capacity(text.len() + self.topic.len() + 4);
        string(&mut rest, self.topic.as_bytes());
        rest.extend_from_slice(&identifier);
        rest.extend_from_slice(text);
        let packet = packet(PUBLISH, &rest);
        let stream = self.stream()?;
        stream.write_all(&packet)?;
        stream.flush()?;
        loop {
            match read_packet(stream)? {
                (PUBACK, rest) if rest == identifier => return Ok(Outcome::Delivered),
                (PINGRESP, _) => {}
                _ => return Err(nonsense()),
            }
        }
    }

    fn rest(&mut self) -> io::Result<()> {
        let silent = now().duration_since(self.spoke);
        if self.open.is_none() || silent < Duration::from_secs(u64::from(KEEP_ALIVE_SECONDS / 2)) {
            return Ok(());
        }
        let stream = self.stream()?;
        stream.write_all(&[PINGREQ, 0])?;
        stream.flush()?;
        if read_packet(stream)?.0 == PINGRESP { Ok(()) } else { Err(nonsense()) }
    }
}

/// CONNECT with a clean session.
fn greeting(client: &str, login: Option<(&str, &str)>) -> Vec<u8> {
    let mut rest = Vec::new();
    string(&mut rest, b"MQTT");
    let flags = if login.is_some() { 0b1100_0010 } else { 0b0000_0010 };
    rest.extend_from_slice(&[4, flags]);
    rest.extend_from_slice(&KEEP_ALIVE_SECONDS.to_be_bytes());
    string(&mut rest, client.as_bytes());
    if let Some((name, password)) = login {
        string(&mut rest, name.as_bytes());
        string(&mut rest, password.as_bytes());
    }
    packet(CONNECT, &rest)
}

/// A string or binary data with its length before it; those of ours are shorter than 64 KiB.
fn string(to: &mut Vec<u8>, text: &[u8]) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    to.extend_from_slice(&length.to_be_bytes());
    to.extend(text.iter().take(usize::from(length)));
}

fn packet(kind: u8, rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    let mut left = rest.len();
    loop {
        let digit = (left & 0x7F) as u8;
        left >>= 7;
        packet.push(if left == 0 { digit } else { digit | 0x80 });
        if left == 0 {
            break;
        }
    }
    packet.extend_from_slice(rest);
    packet
}

/// One packet of a broker: first byte, and what follows the length.
fn read_packet(from: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    let mut next = |from: &mut dyn Read| from.read_exact(&mut byte).map(|()| byte[0]);
    let kind = next(from)?;
    let mut length = 0;
    for place in 0..4 {
        let digit = next(from)?;
        length |= usize::from(digit & 0x7F) << (7 * place);
        if digit & 0x80 == 0 {
            break;
        }
        if place == 3 {
            return Err(nonsense());
        }
    }
    if length > PACKET_BYTES_MAX {
        return Err(nonsense());
    }
    let mut rest = vec![0; length];
    from.read_exact(&mut rest)?;
    Ok((kind, rest))
}

/// What a broker says when it does not let us in (table 3.1).
const fn refusal(code: u8) -> &'static str {
    match code {
        1 => "the broker does not speak MQTT 3.1.1",
        2 => "the broker refuses our name",
        3 => "the broker is not available",
        4 => "the broker refuses user and password",
        5 => "the broker does not authorize us",
        _ => "the broker refuses us",
    }
}

fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the answer is not that of an MQTT broker")
}

#[expect(clippy::disallowed_methods, reason = "this edge keeps a connection alive")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_those_of_the_specification() {
        assert_eq!(packet(PUBLISH, &[0; 127])[..2], [0x32, 0x7F]);
        // Table 2.4: 128 is 80 01, 16 384 is 80 80 01, 2 097 152 is 80 80 80 01.
        assert_eq!(packet(PUBLISH, &[0; 128])[..3], [0x32, 0x80, 0x01]);
        assert_eq!(packet(PUBLISH, &[0; 16_384])[..4], [0x32, 0x80, 0x80, 0x01]);
        let anonymous = b"\x10\x0d\0\x04MQTT\x04\x02\0\x1e\0\x01a";
        assert_eq!(greeting("a", None), anonymous);
        let known = b"\x10\x13\0\x04MQTT\x04\xc2\0\x1e\0\x01a\0\x01u\0\x01p";
        assert_eq!(greeting("a", Some(("u", "p"))), known);
    }

    #[test]
    fn what_a_broker_says_is_read_and_bounded() {
        let read = |bytes: &[u8]| read_packet(&mut &*bytes);
        assert_eq!(read(&[0x40, 2, 0, 7]).unwrap(), (PUBACK, vec![0, 7]));
        for wrong in
            [&[0x40][..], &[0x40, 2, 0], &[0x40, 0xFF, 0xFF, 0xFF, 0xFF, 1], &[0x30, 0xFF, 0xFF, 0x7F]]
        {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
