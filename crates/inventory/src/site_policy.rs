//! What a site file says of who may talk to whom: `[[policy]]`.
//!
//! ```toml
//! [[policy]]                              # of a kind of device, a zone, or one device by mac or ip
//! class = "patient-monitor"
//! allow = [
//!   { to = "central-station" },           # a [[server]]'s role, a [[zone]]'s name, an address or a network
//!   { to = "10.20.0.3", port = 53, transport = "udp" },
//!   { to = "10.20.0.0/16", protocol = "hl7" },
//! ]
//! ```
//! What is allowed to a device is allowed both ways: it may call, and be called by, those named. Several policies that
//! apply to one device add up.

use model::{Mac, Prefix, Transport};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Whom some devices may talk to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SitePolicy {
    pub(crate) of: Subject,
    pub(crate) allow: Vec<Allowance>,
}

/// Whose policy it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Subject {
    Class(String),
    Zone(Prefix),
    Mac(Mac),
    Ip(IpAddr),
}

/// One thing that is allowed; what is not named does not matter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Allowance {
    pub(crate) to: Vec<Prefix>,
    pub(crate) port: Option<u16>,
    pub(crate) transport: Option<Transport>,
    pub(crate) protocol: Option<String>,
}

impl SitePolicy {
    pub(crate) fn is_of(&self, class: Option<&str>, macs: &BTreeSet<Mac>, ips: &BTreeSet<IpAddr>) -> bool {
        match &self.of {
            Subject::Class(wanted) => class == Some(wanted),
            Subject::Zone(zone) => ips.iter().any(|ip| zone.contains(*ip)),
            Subject::Mac(mac) => macs.contains(mac),
            Subject::Ip(ip) => ips.contains(ip),
        }
    }

    /// Whether it names a conversation with `ip` on this port, speaking this.
    #[must_use]
    pub fn allows(&self, ip: IpAddr, transport: Transport, port: u16, protocol: Option<&str>) -> bool {
        self.allow.iter().any(|allowance| {
            allowance.to.iter().any(|network| network.contains(ip))
                && allowance.port.is_none_or(|wanted| wanted == port)
                && allowance.transport.is_none_or(|wanted| wanted == transport)
                && allowance.protocol.as_deref().is_none_or(|wanted| protocol == Some(wanted))
        })
    }
}
