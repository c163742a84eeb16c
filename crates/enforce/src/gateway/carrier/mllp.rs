//! HL7 v2 over MLLP, in clear or over TLS.
//!
//! # Source
//! HL7 v2.6 chapter 2 (MSA-1); Transport Specification MLLP release 2 (`0B` message `1C 0D`); IHE ITI-19 for TLS.

use super::super::receiver::Receiver;
use super::super::{Kept, Outcome};
use super::stream::{Place, Stream};
use super::{Carrier, TlsError};
use rustls::ClientConfig;
use std::io::{self, Read, Write as _};
use std::sync::Arc;

/// Longest acknowledgement read, in bytes. Our limit.
const ACKNOWLEDGEMENT_BYTES_MAX: usize = 64 << 10;

/// A connection to a receiver.
pub(super) struct Mllp {
    place: Place,
    stream: Option<Box<dyn Stream>>,
}

impl Mllp {
    pub(super) fn new(receiver: &Receiver, config: Option<Arc<ClientConfig>>) -> Result<Self, TlsError> {
        Ok(Self { place: Place::new(receiver, config)?, stream: None })
    }
}

impl Carrier for Mllp {
    fn send(&mut self, _: &Kept, text: &[u8]) -> io::Result<Outcome> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let stream = self.place.connect()?;
                self.stream.insert(stream)
            }
        };
        let mut unit = Vec::with_capacity(text.len() + 3);
        unit.push(0x0B);
        unit.extend_from_slice(text);
        unit.extend_from_slice(&[0x1C, 0x0D]);
        stream.write_all(&unit)?;
        stream.flush()?;
        read_outcome(stream)
    }
}

/// Reads one acknowledgement.
fn read_outcome(stream: &mut impl Read) -> io::Result<Outcome> {
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    while !answer.ends_with(&[0x1C, 0x0D]) {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed before it acknowledged"));
        }
        answer.extend_from_slice(piece.get(..count).unwrap_or_default());
        if answer.len() > ACKNOWLEDGEMENT_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the acknowledgement does not end"));
        }
    }
    outcome_of(&answer)
}

/// What MSA-1 says: accepted; an error, after which the same may be taken later; rejected.
fn outcome_of(answer: &[u8]) -> io::Result<Outcome> {
    let segment = answer.split(|byte| *byte == b'\r').find_map(|segment| segment.strip_prefix(b"MSA|"));
    match segment.and_then(|segment| segment.split(|byte| *byte == b'|').next()) {
        Some(b"AA" | b"CA") => Ok(Outcome::Delivered),
        Some(b"AR" | b"CR") => Ok(Outcome::Refused),
        Some(b"AE" | b"CE") => Err(io::Error::other("answers with an error (MSA-1 AE)")),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is no acknowledgement (no MSA)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_settles_a_message_or_not() {
        let answer = |code: &str| format!("\x0BMSH|^~\\&|W||||1||ACK|1|P|2.6\rMSA|{code}|1\r\x1C\r");
        let read = |code: &str| read_outcome(&mut answer(code).as_bytes());
        assert_eq!(read("AA").unwrap(), Outcome::Delivered);
        assert_eq!(read("AR").unwrap(), Outcome::Refused);
        assert!(read("AE").is_err());
        assert!(read("XX").is_err());
        assert!(read_outcome(&mut &b"\x0BMSH|"[..]).is_err());
        assert!(read_outcome(&mut &vec![b'x'; ACKNOWLEDGEMENT_BYTES_MAX + 2000][..]).is_err());
    }
}
