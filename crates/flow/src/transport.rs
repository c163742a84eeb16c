//! TCP (RFC 9293 §3.1) and UDP (RFC 768) headers.

use model::{Malformed, Reason};

/// A TCP header, as far as reassembly needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tcp {
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    pub(crate) seq: u32,
    flags: u8,
}

impl Tcp {
    pub(crate) const fn fin(self) -> bool {
        self.flags & 0x01 != 0
    }

    pub(crate) const fn syn(self) -> bool {
        self.flags & 0x02 != 0
    }

    pub(crate) const fn reset(self) -> bool {
        self.flags & 0x04 != 0
    }

    pub(crate) const fn ack(self) -> bool {
        self.flags & 0x10 != 0
    }

    /// The first segment of a connection.
    pub(crate) const fn opens(self) -> bool {
        self.syn() && !self.ack()
    }
}

/// Splits a TCP segment into header and payload.
pub(crate) fn tcp(segment: &[u8]) -> Result<(Tcp, &[u8]), Malformed> {
    let cut = Malformed { field: "tcp header", offset: segment.len(), reason: Reason::CutShort };
    let header = segment.first_chunk::<20>().ok_or(cut)?;
    let [s0, s1, d0, d1, q0, q1, q2, q3, _, _, _, _, offset, flags, ..] = *header;
    let header_bytes = usize::from(offset >> 4) * 4;
    if header_bytes < 20 {
        let reason = Reason::OutsideRange { value: header_bytes as u64, min: 20, max: 60 };
        return Err(Malformed { field: "tcp data offset", offset: 12, reason });
    }
    let payload = segment.get(header_bytes..).ok_or(cut)?;
    let tcp = Tcp {
        source_port: u16::from_be_bytes([s0, s1]),
        destination_port: u16::from_be_bytes([d0, d1]),
        seq: u32::from_be_bytes([q0, q1, q2, q3]),
        flags,
    };
    Ok((tcp, payload))
}

/// Splits a UDP datagram into ports and payload.
pub(crate) fn udp(datagram: &[u8]) -> Result<((u16, u16), &[u8]), Malformed> {
    let cut = Malformed { field: "udp header", offset: datagram.len(), reason: Reason::CutShort };
    let ([s0, s1, d0, d1, l0, l1, _, _], payload) = datagram.split_first_chunk::<8>().ok_or(cut)?;
    let length = usize::from(u16::from_be_bytes([*l0, *l1]));
    // 0 is a jumbogram (RFC 2675) or a card that computes it later.
    if length != 0 && length < 8 {
        let reason = Reason::OutsideRange { value: length as u64, min: 8, max: 65_535 };
        return Err(Malformed { field: "udp length", offset: 4, reason });
    }
    let payload = if length == 0 { payload } else { payload.get(..length - 8).unwrap_or(payload) };
    Ok(((u16::from_be_bytes([*s0, *s1]), u16::from_be_bytes([*d0, *d1])), payload))
}
