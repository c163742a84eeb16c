//! Handing messages on: HL7 v2 over MLLP, in order, each acknowledged before the next.
//!
//! # Source
//! HL7 v2.6 chapter 2 (MSA-1), Transport Specification MLLP release 2 (`0B` message `1C 0D`).

use super::accept::{Station, now};
use super::cycle::late;
use super::{BufferError, Kept};
use std::io::{self, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Longest that a receiver may take to accept a connection, or to acknowledge.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Longest acknowledgement read, in bytes. Our limit.
const ACKNOWLEDGEMENT_BYTES_MAX: usize = 64 << 10;
/// Messages taken from the buffer at a time.
const AT_ONCE: usize = 64;
/// Between two tries to reach the receiver: the first wait, doubled up to the last.
const AGAIN_FIRST: Duration = Duration::from_millis(250);
const AGAIN_LAST: Duration = Duration::from_secs(10);

/// How a message is settled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// The receiver refuses it for good; it is kept for people to look at.
    Refused,
}

/// Whom messages go to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Receiver {
    /// Host name or address, and port.
    pub address: String,
}

/// A connection to the receiver.
#[derive(Debug)]
pub struct Delivery {
    receiver: Receiver,
    stream: Option<TcpStream>,
}

impl Delivery {
    /// Nothing is connected yet.
    #[must_use]
    pub const fn new(receiver: Receiver) -> Self {
        Self { receiver, stream: None }
    }

    /// Hands on what the station keeps, until it ends.
    pub fn run(&mut self, station: &Arc<Station>) {
        let mut again = AGAIN_FIRST;
        let mut lost = false;
        while !station.is_ending() {
            match self.round(station) {
                Ok(0) => station.wait(Duration::from_millis(500)),
                Ok(_) => {
                    if std::mem::take(&mut lost) {
                        station.say(format!("{} takes messages again", self.receiver.address));
                    }
                    again = AGAIN_FIRST;
                }
                Err(error) => {
                    self.stream = None;
                    if !std::mem::replace(&mut lost, true) {
                        station.counters.receiver_lost.fetch_add(1, Ordering::Relaxed);
                        let address = &self.receiver.address;
                        station.say(format!("{address} does not take messages, they are kept: {error}"));
                    }
                    pause(station, again);
                    again = (again * 2).min(AGAIN_LAST);
                }
            }
        }
    }

    /// Delivers the oldest; how many were settled.
    fn round(&mut self, station: &Station) -> Result<usize, BufferError> {
        let oldest = station.buffer().oldest(AT_ONCE)?;
        let mut settled = 0;
        for kept in &oldest {
            if station.is_ending() {
                break;
            }
            let outcome = self.send(kept)?;
            station.buffer().settle(kept.number, outcome)?;
            let counter = match outcome {
                Outcome::Delivered => &station.counters.delivered,
                Outcome::Refused => &station.counters.refused,
            };
            counter.fetch_add(1, Ordering::Relaxed);
            settled += 1;
        }
        Ok(settled)
    }

    fn send(&mut self, kept: &Kept) -> io::Result<Outcome> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            empty => empty.insert(connect(&self.receiver.address)?),
        };
        let text = late(&kept.text, kept.accepted, now());
        let mut unit = Vec::with_capacity(text.len() + 3);
        unit.push(0x0B);
        unit.extend_from_slice(&text);
        unit.extend_from_slice(&[0x1C, 0x0D]);
        stream.write_all(&unit)?;
        read_outcome(stream)
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut refused = None;
    for place in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&place, ANSWER_MAX) {
            Ok(stream) => {
                stream.set_read_timeout(Some(ANSWER_MAX))?;
                stream.set_write_timeout(Some(ANSWER_MAX))?;
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address")))
}

/// Reads one acknowledgement.
fn read_outcome(stream: &mut impl io::Read) -> io::Result<Outcome> {
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

/// Sleeps in small pieces, so that the end is not held up.
fn pause(station: &Station, most: Duration) {
    let tick = Duration::from_millis(50);
    let mut left = most;
    while !left.is_zero() && !station.is_ending() {
        std::thread::sleep(left.min(tick));
        left = left.saturating_sub(tick);
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
