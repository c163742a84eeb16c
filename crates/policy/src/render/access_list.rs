//! What access lists of switches and routers share: one line for each line, in order, IPv4 and IPv6 apart.
//!
//! ```text
//! deny   fragments from and to devices     they carry no ports, and would pass by address alone
//! …      the lines
//! permit everything else                   or deny, on a segment
//! ```

use super::{RenderError, number, unit_name};
use crate::line::{Line, whole};
use crate::rule::{Policy, Ports, Scope};
use model::{Prefix, Transport};
use std::fmt::Write as _;

/// How a maker writes it.
pub(super) struct Dialect {
    pub(super) target: &'static str,
    pub(super) head_v4: &'static str,
    pub(super) head_v6: &'static str,
    pub(super) icmp_v6: &'static str,
    pub(super) network: fn(Prefix) -> String,
}

pub(super) fn write(
    policy: &Policy,
    lines: &[Line],
    dialect: &Dialect,
    out: &mut String,
) -> Result<(), RenderError> {
    for v4 in [true, false] {
        let _ = writeln!(out, "{}", if v4 { dialect.head_v4 } else { dialect.head_v6 });
        let all = if v4 { "ip" } else { "ipv6" };
        for own in policy.units.iter().flat_map(|unit| &unit.networks).filter(|own| own.is_ipv4() == v4) {
            let own = (dialect.network)(*own);
            let _ = write!(out, " deny {all} {own} any fragments\n deny {all} any {own} fragments\n");
        }
        let mut before = None;
        for line in lines.iter().filter(|line| line.is_ipv4() == Some(v4)) {
            if let Some(name) = unit_name(policy, line, &mut before) {
                let _ = writeln!(out, " remark {name}");
            }
            entries(line, v4, dialect, out)?;
        }
        let rest = if policy.scope == Scope::Units { "permit" } else { "deny" };
        let _ = write!(out, " {rest} {all} any any\n!\n");
    }
    Ok(())
}

fn network(prefix: Option<Prefix>, v4: bool, dialect: &Dialect) -> String {
    match prefix {
        Some(prefix) if whole(v4) != Some(prefix) => (dialect.network)(prefix),
        _ => "any".to_owned(),
    }
}

fn ports(ports: Option<Ports>) -> String {
    match ports {
        None => String::new(),
        Some(ports) if ports.low == ports.high => format!(" eq {}", ports.low),
        Some(ports) => format!(" range {} {}", ports.low, ports.high),
    }
}

/// One line; one for each type where ICMP has a range of them.
fn entries(line: &Line, v4: bool, dialect: &Dialect, out: &mut String) -> Result<(), RenderError> {
    let action = if line.permit { "permit" } else { "deny" };
    let (source, target) = (network(line.source, v4, dialect), network(line.target, v4, dialect));
    let carried = match line.transport {
        None => if v4 { "ip" } else { "ipv6" }.to_owned(),
        Some(Transport::Tcp) => "tcp".to_owned(),
        Some(Transport::Udp) => "udp".to_owned(),
        Some(Transport::Icmp) => if v4 { "icmp" } else { dialect.icmp_v6 }.to_owned(),
        Some(other) => number(other, v4).map(|number| number.to_string()).ok_or_else(|| {
            let what = other.to_string();
            RenderError::Unsayable { target: dialect.target, what, instead: "take the rule out" }
        })?,
    };
    if line.transport == Some(Transport::Icmp) {
        let Some(types) = line.target_ports else {
            let _ = writeln!(out, " {action} {carried} {source} {target}");
            return Ok(());
        };
        for kind in types.low..=types.high {
            let _ = writeln!(out, " {action} {carried} {source} {target} {kind}");
        }
        return Ok(());
    }
    let established = if line.answer { " established" } else { "" };
    let (from, to) = (ports(line.source_ports), ports(line.target_ports));
    let _ = writeln!(out, " {action} {carried} {source}{from} {target}{to}{established}");
    Ok(())
}
