//! ONC RPC calls and replies, and the XDR they are written in.
//!
//! # Wire format
//! ```text
//! call    xid | 0 | 2 | program | version | procedure | credential (flavour, opaque) | verifier | arguments
//! reply   xid | 1 | 0 accepted | verifier | 0 success | results            (all words 4 bytes, big-endian)
//! TCP     one word before each: top bit "last fragment", length
//! ```
//! # Source
//! RFC 5531 (RPC), RFC 4506 (XDR), RFC 1833 (portmapper).

use crate::cable::Cable;
use crate::packet::{self, Port};
use crate::random::Random;
use crate::tcp::{Link, Side};
use model::CaptureTime;

/// Arguments or results being written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Xdr(pub(crate) Vec<u8>);

impl Xdr {
    /// 32 bits each.
    pub(crate) fn words(mut self, words: &[u32]) -> Self {
        for word in words {
            self.0.extend_from_slice(&word.to_be_bytes());
        }
        self
    }

    /// 64 bits.
    pub(crate) fn hyper(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Bytes of a fixed length, padded to four.
    pub(crate) fn fixed(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Bytes with their length in front.
    pub(crate) fn opaque(self, bytes: &[u8]) -> Self {
        self.words(&[bytes.len() as u32]).fixed(bytes)
    }

    /// Another piece behind.
    pub(crate) fn then(mut self, other: &Self) -> Self {
        self.0.extend_from_slice(&other.0);
        self
    }
}

/// Program, version and procedure of a call.
pub(crate) type Procedure = (u32, u32, u32);

/// AUTH_SYS credential as an embedded Linux sends it: root of a machine without a name.
fn credential() -> Xdr {
    let body = Xdr::default().words(&[0x1F3A]).opaque(b"(none)").words(&[0, 0, 1, 0]);
    Xdr::default().words(&[1]).opaque(&body.0)
}

/// A connection-less or connected way to one RPC service.
pub(crate) enum Channel {
    /// Datagrams.
    Udp(Port, Port),
    /// A stream with record marks.
    Tcp(Box<Link>),
}

/// Calls in a row: each waits for its reply.
pub(crate) struct Caller<'a> {
    pub(crate) cable: &'a mut Cable,
    pub(crate) now: CaptureTime,
    pub(crate) round_trip_nanos: i64,
    pub(crate) random: &'a mut Random,
}

impl Caller<'_> {
    /// Opens a channel over TCP.
    pub(crate) fn connect(&mut self, client: Port, server: Port) -> Channel {
        let mut link = Link::new(client, server, self.round_trip_nanos, self.random);
        self.now = link.open(self.cable, self.now);
        Channel::Tcp(Box::new(link))
    }

    /// Closes a TCP channel.
    pub(crate) fn hang_up(&mut self, channel: Channel) {
        if let Channel::Tcp(mut link) = channel {
            self.now = link.close(self.cable, Side::Client, self.now.plus_nanos(300_000));
        }
    }

    /// One call and its reply.
    pub(crate) fn call(&mut self, channel: &mut Channel, what: Procedure, arguments: &Xdr, results: &Xdr) {
        let xid = self.random.word32();
        let (program, version, procedure) = what;
        let head = Xdr::default().words(&[xid, 0, 2, program, version, procedure]);
        let call = head.then(&credential()).words(&[0, 0]).then(arguments);
        let reply = Xdr::default().words(&[xid, 1, 0, 0, 0, 0]).then(results);
        self.now = self.now.plus_nanos(250_000 + self.random.below(400_000) as i64);
        match channel {
            Channel::Udp(client, server) => {
                self.cable.put_all(self.now, packet::udp(*client, *server, self.random.word16(), &call.0));
                let answered = self.now.plus_nanos(self.round_trip_nanos);
                let frames = packet::udp(*server, *client, self.random.word16(), &reply.0);
                self.now = answered.plus_nanos(frames.len() as i64 * 123_000);
                self.cable.put_all(answered, frames);
            }
            Channel::Tcp(link) => {
                let marked = |message: &Xdr| {
                    Xdr::default().words(&[0x8000_0000 | message.0.len() as u32]).then(message).0
                };
                let asked = link.send(self.cable, Side::Client, self.now, &marked(&call));
                self.now = link.send(self.cable, Side::Server, asked.plus_nanos(200_000), &marked(&reply));
            }
        }
    }
}
