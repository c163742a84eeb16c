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
//! [learning]                              # a device's own past; default: 24 hours
//! hours = 168                             # from when it was first seen; 0: none
//! until = "2026-02-01T00:00:00Z"          # or up to one moment
//! ```
//! and `[[policy]]`, see [`crate::SitePolicy`].
//! An unknown key is an error.

use crate::form::{FormError, read_form, value_fault};
use crate::site_policy::{Allowance, SitePolicy, Subject};
use model::{CaptureTime, Mac, Networks, Prefix, Transport};
use serde::Deserialize;
use std::collections::BTreeSet;
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
    /// How long devices are learnt.
    pub learning: Learning,
    /// Who may talk to whom.
    pub policies: Vec<SitePolicy>,
}

/// How long devices are learnt, before what is new of them is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Learning {
    /// Never: nothing is told as new.
    Off,
    /// For so many hours from when each was first seen.
    Hours(u32),
    /// Up to this moment.
    Until(CaptureTime),
}

impl Default for Learning {
    /// A day.
    fn default() -> Self {
        Self::Hours(24)
    }
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
    learning: Option<LearningForm>,
    #[serde(default)]
    policy: Vec<PolicyForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LearningForm {
    hours: Option<u32>,
    until: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyForm {
    class: Option<String>,
    zone: Option<String>,
    mac: Option<String>,
    ip: Option<String>,
    #[serde(default)]
    allow: Vec<AllowForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowForm {
    to: String,
    port: Option<u16>,
    transport: Option<String>,
    protocol: Option<String>,
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
        let mut site = Self {
            networks,
            zones: form.zone.into_iter().map(zone).collect::<Result<_, _>>()?,
            servers: form.server.into_iter().map(server).collect::<Result<_, _>>()?,
            devices: form
                .device
                .into_iter()
                .map(|device| device_of(device, &place))
                .collect::<Result<_, _>>()?,
            learning: form.learning.map_or(Ok(Learning::default()), |form| learning_of(&form, &place))?,
            policies: Vec::new(),
        };
        for policy in form.policy {
            let policy = policy_of(policy, &site, &place)?;
            site.policies.push(policy);
        }
        Ok(site)
    }

    /// The policies of a device of this class with these addresses.
    pub fn policies_of<'a>(
        &'a self,
        class: Option<&'a str>,
        macs: &'a BTreeSet<Mac>,
        ips: &'a BTreeSet<IpAddr>,
    ) -> impl Iterator<Item = &'a SitePolicy> {
        self.policies.iter().filter(move |policy| policy.is_of(class, macs, ips))
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
        return Err(place.fault_of("[[device]]", "a [[device]] needs one of the keys mac, ip or serial"));
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

fn learning_of(form: &LearningForm, place: &Place<'_>) -> Result<Learning, SiteError> {
    match (form.hours, form.until.as_deref()) {
        (Some(0), None) => Ok(Learning::Off),
        (Some(hours), None) => Ok(Learning::Hours(hours)),
        (None, Some(until)) => moment(until)
            .map(Learning::Until)
            .ok_or_else(|| place.fault("until", until, "is not a time like 2026-02-01T00:00:00Z")),
        _ => Err(place.fault_of("[learning]", "[learning] needs one of the keys hours and until")),
    }
}

fn policy_of(form: PolicyForm, site: &Site, place: &Place<'_>) -> Result<SitePolicy, SiteError> {
    let zone = |name: &str| site.zones.iter().find(|zone| zone.name == name).map(|zone| zone.cidr);
    let of = match (&form.class, &form.zone, &form.mac, &form.ip) {
        (Some(class), None, None, None) => Subject::Class(class.clone()),
        (None, Some(name), None, None) => Subject::Zone(
            zone(name).ok_or_else(|| place.fault("zone", name, "is the name of no [[zone]] of this file"))?,
        ),
        (None, None, Some(mac), None) => Subject::Mac(place.value("mac", mac)?),
        (None, None, None, Some(ip)) => Subject::Ip(place.value("ip", ip)?),
        _ => {
            let what = "a [[policy]] needs one of the keys class, zone, mac and ip";
            return Err(place.fault_of("[[policy]]", what));
        }
    };
    let allow = form.allow.into_iter().map(|allow| {
        let transport = match allow.transport.as_deref() {
            None => None,
            Some("tcp") => Some(Transport::Tcp),
            Some("udp") => Some(Transport::Udp),
            Some(other) => return Err(place.fault("transport", other, "must be tcp or udp")),
        };
        let to = networks_of(&allow.to, site).ok_or_else(|| {
            let what = "is no address, no network, no [[zone]]'s name and no [[server]]'s role of this file";
            place.fault("to", &allow.to, what)
        })?;
        Ok(Allowance { to, port: allow.port, transport, protocol: allow.protocol })
    });
    Ok(SitePolicy { of, allow: allow.collect::<Result<_, SiteError>>()? })
}

/// The networks that a word of the site file means; none for one that means nothing.
fn networks_of(word: &str, site: &Site) -> Option<Vec<Prefix>> {
    let single = |ip: IpAddr| Prefix::new(ip, if ip.is_ipv4() { 32 } else { 128 }).ok();
    if let Ok(ip) = word.parse() {
        return Some(vec![single(ip)?]);
    }
    if let Ok(network) = word.parse() {
        return Some(vec![network]);
    }
    let zones = site.zones.iter().filter(|zone| zone.name == word).map(|zone| zone.cidr);
    let servers = site.servers.iter().filter(|server| server.role == word);
    let all: Vec<Prefix> = zones.chain(servers.filter_map(|server| single(server.ip))).collect();
    (!all.is_empty()).then_some(all)
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

    /// A fault of the first table with this head.
    fn fault_of(&self, head: &str, what: &str) -> SiteError {
        let line = self.text.lines().position(|line| line.contains(head)).map_or(0, |at| at + 1);
        FormError { file: self.file.to_owned(), line, what: what.to_owned() }
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
            ("[learning]\n", 1, "hours"),
            ("[learning]\nuntil = \"soon\"\n", 2, "until"),
            ("[[policy]]\nallow = []\n", 1, "class"),
            ("[[policy]]\nzone = \"ICU\"\n", 2, "zone"),
            ("[[policy]]\nclass = \"x\"\nallow = [{ to = \"pacs\" }]\n", 3, "to"),
            ("[[policy]]\nclass = \"x\"\nallow = [{ to = \"::1\", transport = \"ip\" }]\n", 3, "transport"),
        ] {
            let fault = Site::parse(text, "ward.toml").unwrap_err();
            assert_eq!(fault.line, line, "{fault}");
            assert!(fault.to_string().starts_with("ward.toml:") && fault.what.contains(key), "{fault}");
        }
    }

    #[test]
    fn a_policy_allows_what_it_names_and_nothing_else() {
        let policies = r#"
[learning]
hours = 168
[[policy]]
class = "patient-monitor"
allow = [
  { to = "central-station" },
  { to = "10.20.0.3", port = 53, transport = "udp" },
  { to = "ICU 3", protocol = "hl7" },
]
[[policy]]
zone = "ICU 3"
"#;
        let site = Site::parse(&format!("{WARD}{policies}"), "ward.toml").unwrap();
        assert_eq!(site.learning, Learning::Hours(168));
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let (no_mac, nowhere) = (BTreeSet::new(), BTreeSet::new());
        let monitors: Vec<_> = site.policies_of(Some("patient-monitor"), &no_mac, &nowhere).collect();
        assert_eq!(monitors.len(), 1);
        let allows = |to, transport, port, protocol| monitors[0].allows(ip(to), transport, port, protocol);
        assert!(allows("202.114.4.119", Transport::Tcp, 515, None));
        assert!(allows("10.20.0.3", Transport::Udp, 53, Some("dns")));
        assert!(!allows("10.20.0.3", Transport::Tcp, 53, Some("dns")));
        assert!(
            allows("10.20.4.9", Transport::Tcp, 1, Some("hl7"))
                && !allows("10.20.4.9", Transport::Tcp, 1, None)
        );
        let here = BTreeSet::from([ip("10.20.4.77")]);
        let zone: Vec<_> = site.policies_of(None, &no_mac, &here).collect();
        assert!(zone.len() == 1 && !zone[0].allows(ip("10.20.4.1"), Transport::Tcp, 80, None));
    }

    #[test]
    fn nothing_said_means_private_networks() {
        let site = Site::default();
        assert!(site.owns("192.168.1.1".parse().unwrap()) && !site.owns("202.114.4.119".parse().unwrap()));
    }
}
