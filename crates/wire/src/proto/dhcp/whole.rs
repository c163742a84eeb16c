//! A whole message at once, for whoever passes one on or checks an answer: stricter than the reader of what others say.

use super::{COOKIE_AT, Cursor, Head, code};
use model::{Mac, Malformed, Reason};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Most bytes of all options. Our limit, far above what a datagram of one frame holds; a longer message is malformed here.
const OPTIONS_BYTES_MAX: usize = 1500;

/// A message of an Ethernet client: each option once, an end behind them. What the fields for server and file hold is
/// not read; options in them are refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// 1 from a client, 2 from a server.
    pub op: u8,
    /// Relays that it went through.
    pub hops: u8,
    /// Number of the exchange.
    pub xid: u32,
    /// Seconds since the client began.
    pub secs: u16,
    /// Flags; the highest asks for broadcast answers.
    pub flags: u16,
    /// Address that the client has.
    pub client_ip: Ipv4Addr,
    /// Address that it is given.
    pub your_ip: Ipv4Addr,
    /// Relay.
    pub relay: Ipv4Addr,
    /// The client.
    pub mac: Mac,
    /// Options by code, without padding and end.
    pub options: BTreeMap<u8, Vec<u8>>,
}

impl Message {
    /// Reads a datagram.
    ///
    /// # Errors
    /// [`Malformed`]: also where an option stands twice, is in pieces or in another field, where something follows the end,
    /// and where the client is on no Ethernet.
    pub fn read(datagram: &[u8]) -> Result<Self, Malformed> {
        let head = Head::read(datagram)?;
        let at = |offset| Cursor::at(datagram, offset);
        let mac = head.mac.ok_or_else(|| at(28).malformed("chaddr", Reason::Contradicts("htype")))?;
        let mut fixed = at(3);
        let hops = fixed.u8("hops")?;
        let mut fixed = at(8);
        let (secs, flags) = (fixed.u16_be("secs")?, fixed.u16_be("flags")?);
        let options = options(datagram)?;
        let Head { op, xid, client_ip, your_ip, relay, .. } = head;
        Ok(Self { op, hops, xid, secs, flags, client_ip, your_ip, relay, mac, options })
    }

    /// What the message is: 1 discover … 8 inform.
    #[must_use]
    pub fn kind(&self) -> Option<u8> {
        match self.options.get(&code::MESSAGE_TYPE).map(Vec::as_slice) {
            Some([kind]) => Some(*kind),
            _ => None,
        }
    }

    /// An option that is one address.
    ///
    /// # Errors
    /// [`Malformed`] where it is there and something else.
    pub fn address(&self, code: u8) -> Result<Option<Ipv4Addr>, Malformed> {
        let four = |value: &Vec<u8>| <[u8; 4]>::try_from(value.as_slice()).map(Ipv4Addr::from);
        self.options.get(&code).map(four).transpose().map_err(|_| wrong_length())
    }

    /// An option that is some addresses; none where it is not there.
    ///
    /// # Errors
    /// [`Malformed`] where it is there and something else.
    pub fn addresses(&self, code: u8) -> Result<Vec<Ipv4Addr>, Malformed> {
        let Some(value) = self.options.get(&code) else { return Ok(Vec::new()) };
        match value.as_chunks::<4>() {
            (all, []) if !all.is_empty() => Ok(all.iter().map(|bytes| Ipv4Addr::from(*bytes)).collect()),
            _ => Err(wrong_length()),
        }
    }

    /// An option that is a number of seconds.
    ///
    /// # Errors
    /// [`Malformed`] where it is there and something else.
    pub fn seconds(&self, code: u8) -> Result<Option<u32>, Malformed> {
        Ok(self.address(code)?.map(Ipv4Addr::to_bits))
    }
}

const fn wrong_length() -> Malformed {
    Malformed { field: "options", offset: COOKIE_AT + 4, reason: Reason::Contradicts("option length") }
}

fn options(datagram: &[u8]) -> Result<BTreeMap<u8, Vec<u8>>, Malformed> {
    let mut cursor = Cursor::at(datagram, COOKIE_AT + 4);
    if cursor.rest().len() > OPTIONS_BYTES_MAX {
        let (value, max) = (cursor.rest().len() as u64, OPTIONS_BYTES_MAX as u64);
        return Err(cursor.malformed("options", Reason::OutsideRange { value, min: 1, max }));
    }
    let mut options = BTreeMap::new();
    loop {
        let start = cursor;
        match cursor.u8("options")? {
            code::PAD => {}
            code::END => break,
            code::OVERLOAD => {
                return Err(start.malformed("options", Reason::NotDefined(code::OVERLOAD.into())));
            }
            code => {
                let bytes = cursor.u8("option length")?;
                let value = cursor.take(bytes.into(), "options")?.to_vec();
                if options.insert(code, value).is_some() {
                    return Err(start.malformed("options", Reason::Contradicts("options")));
                }
            }
        }
    }
    if cursor.rest().iter().any(|byte| *byte != code::PAD) {
        return Err(cursor.malformed("end", Reason::Contradicts("options")));
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    fn message(options: &str) -> Vec<u8> {
        let mut bytes =
            hex("01 01 06 00 390300aa 0000 0000 00000000 00000000 00000000 00000000 021b5e001020");
        bytes.resize(COOKIE_AT, 0);
        bytes.extend_from_slice(&super::super::COOKIE);
        bytes.extend_from_slice(&hex(options));
        bytes
    }

    #[test]
    fn each_option_stands_once_in_its_place_and_nothing_behind_the_end() {
        let whole = message("35 01 03 00 32 04 0a140410 33 04 00000e10 06 08 0a1401020a140103 ff 0000");
        let read = Message::read(&whole).unwrap();
        assert_eq!(
            (read.kind(), read.xid, read.mac.to_string().as_str()),
            (Some(3), 0x3903_00AA, "02:1b:5e:00:10:20")
        );
        assert_eq!(read.address(50).unwrap(), Some(Ipv4Addr::new(10, 20, 4, 16)));
        assert_eq!(read.seconds(51).unwrap(), Some(3600));
        assert_eq!(read.addresses(6).unwrap().len(), 2);
        assert!(read.address(6).is_err() && read.addresses(53).is_err());
        for cut in 0..whole.len() - 2 {
            assert!(Message::read(&whole[..cut]).is_err(), "{cut}");
        }
        for options in
            ["35 01 03 35 01 03 ff", "35 01 03 ff 35", "35 01 03 34 01 01 ff", "35 01 03", "35 09 03 ff", ""]
        {
            assert!(Message::read(&message(options)).is_err(), "{options}");
        }
        let mut other = whole;
        other[1] = 32;
        assert_eq!(Message::read(&other).unwrap_err().field, "chaddr");
        let long = message(&format!("{} ff", "00".repeat(OPTIONS_BYTES_MAX)));
        assert_eq!(Message::read(&long).unwrap_err().field, "options");
    }
}
