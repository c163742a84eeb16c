//! What the site says of itself: the file given with `--site`.
//!
//! ```toml
//! [networks]
//! internal = ["10.0.0.0/8"]               # default: private networks
//! [[zone]]
//! name = "ICU 3"
//! cidr = "10.20.4.0/24"
//! [[server]]                              # what may rightly own an address
//! role = "central-station"
//! ip = "10.20.4.119"
//! mac = "00:1e:67:aa:bb:cc"               # optional
//! [[device]]                              # by mac, ip or serial
//! mac = "02:1b:5e:00:10:20"
//! state = "patched"                       # patched | contained
//! since = "2026-01-01T00:00:00Z"          # optional
//! wireless = "off"                        # optional
//! ```
//! An unknown key is an error.

use crate::form::{FormError, read_form, value_fault};
use model::{CaptureTime, Mac, Networks, Prefix};
use serde::Deserialize;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A site file does not load.
pub type SiteError = FormError;

/// What the site says of itself.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// The site's own networks.
    pub networks: Networks,
    /// Its zones, in file order.
    pub zones: Vec<Zone>,
    /// What may rightly own an address.
    pub servers: Vec<Server>,
    /// Devices of which it declares something.
    pub devices: Vec<Device>,
}

/// A part of the site's network.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub cidr: Prefix,
}

/// The rightful owner of an address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Server {
    /// What it does, e.g. `central-station`.
    pub role: String,
    /// Its address.
    pub ip: IpAddr,
    /// Its link address, where the site says.
    pub mac: Option<Mac>,
}

/// A device that the site declares to be silent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Device {
    /// By link address,
    pub mac: Option<Mac>,
    /// or network address,
    pub ip: Option<IpAddr>,
    /// or serial number.
    pub serial: Option<String>,
    /// What was done to it.
    pub state: Option<DeviceState>,
    /// Since when.
    pub since: Option<CaptureTime>,
    /// The site switched its radio off.
    pub wireless_off: bool,
}

/// What was done to a device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DeviceState {
    /// Patched so that it has no network any more: not one frame may come from it.
    Patched,
    /// Contained: it may ask for an address, and no more.
    Contained,
}

impl DeviceState {
    /// As the site file writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Patched => "patched",
            Self::Contained => "contained",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteForm {
    networks: Option<NetworksForm>,
    #[serde(default)]
    zone: Vec<ZoneForm>,
    #[serde(default)]
    server: Vec<ServerForm>,
    #[serde(default)]
    device: Vec<DeviceForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworksForm {
    internal: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ZoneForm {
    name: String,
    cidr: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerForm {
    role: String,
    ip: String,
    mac: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceForm {
    mac: Option<String>,
    ip: Option<String>,
    serial: Option<String>,
    state: Option<String>,
    since: Option<String>,
    wireless: Option<String>,
}

impl Site {
    /// Reads a site file; `file` is its name, for faults.
    ///
    /// # Errors
    /// [`SiteError`] naming file, line and key.
    pub fn parse(text: &str, file: &str) -> Result<Self, SiteError> {
        let form: SiteForm = read_form(text, file)?;
        let place = Place { text, file };
        let networks = match form.networks.and_then(|networks| networks.internal) {
            None => Networks::default(),
            Some(prefixes) => {
                let read = prefixes.iter().map(|prefix| place.value("internal", prefix));
                Networks::new(read.collect::<Result<_, _>>()?)
            }
        };
        let zone = |zone: ZoneForm| {
            let cidr = place.value("cidr", &zone.cidr)?;
            Ok(Zone { name: zone.name, cidr })
        };
        let server = |server: ServerForm| {
            let ip = place.value("ip", &server.ip)?;
            Ok(Server { role: server.role, ip, mac: place.maybe("mac", server.mac.as_deref())? })
        };
        Ok(Self {
            networks,
            zones: form.zone.into_iter().map(zone).collect::<Result<_, _>>()?,
            servers: form.server.into_iter().map(server).collect::<Result<_, _>>()?,
            devices: form
                .device
                .into_iter()
                .map(|device| device_of(device, &place))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whether the site says that `ip` is one of its own: by network or as a server.
    #[must_use]
    pub fn owns(&self, ip: IpAddr) -> bool {
        self.networks.contain(ip) || self.servers.iter().any(|server| server.ip == ip)
    }
}

fn device_of(form: DeviceForm, place: &Place<'_>) -> Result<Device, SiteError> {
    let state = match form.state.as_deref() {
        None => None,
        Some("patched") => Some(DeviceState::Patched),
        Some("contained") => Some(DeviceState::Contained),
        Some(other) => return Err(place.fault("state", other, "must be patched or contained")),
    };
    let wireless_off = match form.wireless.as_deref() {
        None | Some("on") => false,
        Some("off") => true,
        Some(other) => return Err(place.fault("wireless", other, "must be on or off")),
    };
    let since = form.since.as_deref().map(|since| {
        moment(since).ok_or_else(|| place.fault("since", since, "is not a time like 2026-01-01T00:00:00Z"))
    });
    if form.mac.is_none() && form.ip.is_none() && form.serial.is_none() {
        let line = place.text.lines().position(|line| line.contains("[[device]]")).map_or(0, |at| at + 1);
        let what = "a [[device]] needs one of the keys mac, ip or serial".to_owned();
        return Err(FormError { file: place.file.to_owned(), line, what });
    }
    Ok(Device {
        mac: place.maybe("mac", form.mac.as_deref())?,
        ip: place.maybe("ip", form.ip.as_deref())?,
        serial: form.serial,
        state,
        since: since.transpose()?,
        wireless_off,
    })
}

struct Place<'a> {
    text: &'a str,
    file: &'a str,
}

impl Place<'_> {
    fn value<T: FromStr<Err: fmt::Display>>(&self, key: &str, value: &str) -> Result<T, SiteError> {
        value.parse().map_err(|fault: T::Err| self.fault(key, value, &fault.to_string()))
    }

    fn maybe<T: FromStr<Err: fmt::Display>>(
        &self,
        key: &str,
        value: Option<&str>,
    ) -> Result<Option<T>, SiteError> {
        value.map(|value| self.value(key, value)).transpose()
    }

    fn fault(&self, key: &str, value: &str, what: &str) -> SiteError {
        value_fault(self.text, self.file, key, value, what)
    }
}

/// A time of RFC 3339 with its offset from UTC; none for anything else.
#[must_use]
pub fn moment(text: &str) -> Option<CaptureTime> {
    let moment: toml::value::Datetime = text.parse().ok()?;
    let (date, time, offset) = (moment.date?, moment.time?, moment.offset?);
    let minutes_east = match offset {
        toml::value::Offset::Z => 0,
        toml::value::Offset::Custom { minutes } => i64::from(minutes),
    };
    let (hour, minute) = (i64::from(time.hour), i64::from(time.minute));
    let seconds = i64::from(time.second.unwrap_or_default());
    let days = days_from_civil(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let seconds = ((days * 24 + hour) * 60 + minute - minutes_east) * 60 + seconds;
    let nanos = seconds.checked_mul(1_000_000_000)?;
    Some(CaptureTime::from_nanos(nanos.checked_add(time.nanosecond.unwrap_or_default().into())?))
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar; months are counted from March, so that the leap
/// day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    const WARD: &str = r#"
[networks]
internal = ["10.0.0.0/8"]
[[zone]]
name = "ICU 3"
cidr = "10.20.4.0/24"
[[server]]
role = "central-station"
ip = "202.114.4.119"
mac = "00:1e:67:aa:bb:cc"
[[device]]
mac = "02:1b:5e:00:10:20"
state = "patched"
since = "2026-01-01T01:00:00.5+01:00"
wireless = "off"
"#;

    #[test]
    fn a_site_file_is_read_in_full() {
        let site = Site::parse(WARD, "ward.toml").unwrap();
        assert!(site.owns("202.114.4.119".parse().unwrap()) && site.owns("10.1.1.1".parse().unwrap()));
        assert!(!site.owns("192.168.1.1".parse().unwrap()), "the file replaces the default");
        let device = &site.devices[0];
        assert_eq!(device.state, Some(DeviceState::Patched));
        assert!(device.wireless_off);
        // 2026-01-01T00:00:00.5Z.
        assert_eq!(device.since, Some(CaptureTime::from_nanos(1_767_225_600_500_000_000)));
        assert_eq!(site.zones[0].name, "ICU 3");
    }

    #[test]
    fn a_site_file_that_is_wrong_names_line_and_key() {
        for (text, line, key) in [
            ("[networks]\ninternl = []\n", 2, "internl"),
            ("[networks]\ninternal = [\"10.0.0.0/99\"]\n", 2, "internal"),
            ("\n[[server]]\nrole = \"x\"\nip = \"10.0.0\"\n", 4, "ip"),
            ("[[device]]\nmac = \"02:1b:5e:00:10:20\"\nstate = \"gone\"\n", 3, "state"),
            ("[[device]]\nip = \"10.0.0.1\"\nsince = \"yesterday\"\n", 3, "since"),
            ("[[device]]\nstate = \"patched\"\n", 1, "serial"),
            ("[[device]]\nip = \"10.0.0.1\"\nwireless = \"no\"\n", 3, "wireless"),
        ] {
            let fault = Site::parse(text, "ward.toml").unwrap_err();
            assert_eq!(fault.line, line, "{fault}");
            assert!(fault.to_string().starts_with("ward.toml:") && fault.what.contains(key), "{fault}");
        }
    }

    #[test]
    fn nothing_said_means_private_networks() {
        let site = Site::default();
        assert!(site.owns("192.168.1.1".parse().unwrap()) && !site.owns("202.114.4.119".parse().unwrap()));
    }
}
