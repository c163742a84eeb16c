//! One question for the time, or its answer, at once, for whoever passes it on or checks it.

use super::{Cursor, HEADER_BYTES};
use model::{Malformed, Reason};

/// A packet without extension fields and without a digest.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Message {
    /// Leap warning; 3 says the clock is not set.
    pub leap: u8,
    /// Version of the protocol.
    pub version: u8,
    /// 3 asks, 4 answers.
    pub mode: u8,
    /// Distance from a reference clock.
    pub stratum: u8,
    /// Seconds between questions, as a power of two.
    pub poll: u8,
    /// Precision of the clock in seconds, as a power of two.
    pub precision: u8,
    /// Delay to the reference clock, in the form of the standard.
    pub root_delay: u32,
    /// Most error to the reference clock, in the form of the standard.
    pub root_dispersion: u32,
    /// Reference clock or upstream server.
    pub reference_id: [u8; 4],
    /// When the clock was set last.
    pub reference: u64,
    /// When the question was sent, by the clock of whoever asked.
    pub origin: u64,
    /// When it came.
    pub receive: u64,
    /// When this was sent.
    pub transmit: u64,
}

impl Message {
    /// Reads a datagram.
    ///
    /// # Errors
    /// [`Malformed`]: also where anything follows the header.
    pub fn read(datagram: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(datagram);
        let flags = cursor.u8("flags")?;
        let message = Self {
            leap: flags >> 6,
            version: flags >> 3 & 7,
            mode: flags & 7,
            stratum: cursor.u8("stratum")?,
            poll: cursor.u8("poll")?,
            precision: cursor.u8("precision")?,
            root_delay: cursor.u32_be("root delay")?,
            root_dispersion: cursor.u32_be("root dispersion")?,
            reference_id: cursor.array("reference id")?,
            reference: cursor.u64_be("reference timestamp")?,
            origin: cursor.u64_be("origin timestamp")?,
            receive: cursor.u64_be("receive timestamp")?,
            transmit: cursor.u64_be("transmit timestamp")?,
        };
        if !cursor.is_empty() {
            let (value, max) = (datagram.len() as u64, HEADER_BYTES as u64);
            return Err(cursor.malformed("end", Reason::OutsideRange { value, min: max, max }));
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_its_header_and_no_more() {
        let bytes: Vec<u8> = (0x23..0x23 + 48).collect();
        let read = Message::read(&bytes).unwrap();
        assert_eq!((read.leap, read.version, read.mode, read.stratum), (0, 4, 3, 0x24));
        assert_eq!(read.reference_id, [0x2F, 0x30, 0x31, 0x32]);
        assert_eq!(read.transmit.to_be_bytes()[..], bytes[40..]);
        for cut in 0..48 {
            assert!(Message::read(&bytes[..cut]).is_err(), "{cut}");
        }
        assert_eq!(Message::read(&[&bytes[..], &[0; 20]].concat()).unwrap_err().field, "end");
    }
}
