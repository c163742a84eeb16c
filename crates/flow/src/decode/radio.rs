//! IEEE 802.11 frames, with or without a radiotap header (radiotap.org).
//!
//! Management frames tell which radios there are and which networks they use; data frames that are not
//! encrypted carry LLC/SNAP and are decoded like wired ones.

use super::{Next, Payload, Walk};
use model::{Mac, Malformed, Radio, RadioRole, Reason, Text};

const TYPE_MANAGEMENT: u8 = 0;
const TYPE_DATA: u8 = 2;
const ELEMENT_SSID: u8 = 0;
/// IEEE 802.11-2020 §9.4.2.2: an SSID has at most 32 octets.
const SSID_BYTES_MAX: usize = 32;

impl<'a> Walk<'a> {
    pub(super) fn radiotap(&mut self) -> Result<Next<'a>, Malformed> {
        let [version, _, length0, length1] = self.header("radiotap header")?;
        if version != 0 {
            return Err(self.fault("radiotap version", Reason::NotDefined(u64::from(version))));
        }
        let length = usize::from(u16::from_le_bytes([length0, length1]));
        let Some(rest) = length.checked_sub(4) else {
            return Err(self.fault("radiotap length", Reason::Contradicts("radiotap header")));
        };
        self.skip(rest, "radiotap fields")?;
        Ok(Next::Ieee80211)
    }

    pub(super) fn ieee80211(&mut self) -> Result<Next<'a>, Malformed> {
        let [control, flags, _, _] = self.header("802.11 frame control")?;
        let (frame_type, subtype) = ((control >> 2) & 3, control >> 4);
        match frame_type {
            TYPE_MANAGEMENT => self.management(subtype),
            TYPE_DATA => self.data(subtype, flags),
            _ => Ok(Next::End(Payload::Radio)),
        }
    }

    fn mac(&mut self, field: &'static str) -> Result<Mac, Malformed> {
        self.header(field).map(Mac)
    }

    fn management(&mut self, subtype: u8) -> Result<Next<'a>, Malformed> {
        let destination = self.mac("802.11 address 1")?;
        let source = self.mac("802.11 address 2")?;
        let bssid = self.mac("802.11 address 3")?;
        self.skip(2, "802.11 sequence control")?;
        (self.source, self.destination) = (Some(source), Some(destination));
        // Fixed fields before the elements: §9.3.3.
        let (role, fixed_bytes) = match subtype {
            0 => (RadioRole::Station, 4),
            2 => (RadioRole::Station, 10),
            4 => (RadioRole::Station, 0),
            5 | 8 => (RadioRole::AccessPoint, 12),
            _ if source == bssid => (RadioRole::AccessPoint, usize::MAX),
            _ => (RadioRole::Station, usize::MAX),
        };
        let ssid = self.rest.get(fixed_bytes..).and_then(ssid);
        let bssid = Some(bssid).filter(|mac| mac.is_host());
        self.radio = Some(Radio { role, ssid, bssid, data: false });
        Ok(Next::End(Payload::Radio))
    }

    /// Address fields by the To DS and From DS flags: §9.3.2.1, table 9-30.
    fn data(&mut self, subtype: u8, flags: u8) -> Result<Next<'a>, Malformed> {
        let (to_ds, from_ds, protected) = (flags & 1 != 0, flags & 2 != 0, flags & 0x40 != 0);
        let one = self.mac("802.11 address 1")?;
        let two = self.mac("802.11 address 2")?;
        let three = self.mac("802.11 address 3")?;
        self.skip(2, "802.11 sequence control")?;
        let (destination, source, bssid) = match (to_ds, from_ds) {
            (false, false) => (one, two, three),
            (false, true) => (one, three, two),
            (true, false) => (three, two, one),
            (true, true) => (three, self.mac("802.11 address 4")?, one),
        };
        (self.source, self.destination) = (Some(source), Some(destination));
        if !from_ds {
            self.radio = Some(Radio { role: RadioRole::Station, ssid: None, bssid: Some(bssid), data: true });
        }
        // QoS data carries two more bytes; +HTC (order bit) four.
        if subtype & 8 != 0 {
            self.skip(if flags & 0x80 != 0 { 6 } else { 2 }, "802.11 qos control")?;
        }
        let carries_nothing = subtype & 4 != 0;
        Ok(if protected || carries_nothing { Next::End(Payload::Radio) } else { Next::Llc })
    }
}

/// The SSID element, where it is there and not the wildcard.
fn ssid(mut elements: &[u8]) -> Option<Text> {
    while let Some(([id, length], rest)) = elements.split_first_chunk::<2>() {
        let (body, next) = rest.split_at_checked(usize::from(*length))?;
        if *id == ELEMENT_SSID {
            return (!body.is_empty() && body.len() <= SSID_BYTES_MAX).then(|| Text::from_bytes(body));
        }
        elements = next;
    }
    None
}
