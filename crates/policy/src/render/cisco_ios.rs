//! Cisco IOS and IOS XE: extended access lists, with wildcard masks (Security Configuration Guide: Access Control Lists).
//!
//! Apply both lists inbound and outbound on the interface or VLAN of the devices: `ip access-group LAZARET in` and
//! `out`, `ipv6 traffic-filter LAZARET6 in` and `out`.

use super::access_list::{Dialect, write};
use super::{RenderError, Target};
use crate::line::{Line, Replies, Shape};
use crate::rule::Policy;
use model::Prefix;
use std::net::{IpAddr, Ipv4Addr};

pub(super) static TARGET: Target = Target {
    name: "cisco-ios",
    description: "Cisco IOS/IOS XE extended access lists LAZARET and LAZARET6, for both directions of an interface",
    comment: "!",
    trial: "Not run on a real device.",
    shape: Shape { replies: Replies::Lines, source_macs: false, target_macs: false, neighbours: true },
    write: |policy, lines, out| rendered(policy, lines, out),
};

fn rendered(policy: &Policy, lines: &[Line], out: &mut String) -> Result<(), RenderError> {
    let dialect = Dialect {
        target: TARGET.name,
        head_v4: "ip access-list extended LAZARET",
        head_v6: "ipv6 access-list LAZARET6",
        icmp_v6: "icmp",
        network,
    };
    write(policy, lines, &dialect, out)
}

fn network(prefix: Prefix) -> String {
    let (ip, bits) = (prefix.ip(), prefix.bits());
    match ip {
        IpAddr::V4(ip) if bits == 32 => format!("host {ip}"),
        IpAddr::V4(ip) => {
            let wildcard = u32::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
            format!("{ip} {}", Ipv4Addr::from_bits(wildcard))
        }
        IpAddr::V6(ip) if bits == 128 => format!("host {ip}"),
        IpAddr::V6(ip) => format!("{ip}/{bits}"),
    }
}
