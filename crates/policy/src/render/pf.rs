//! pf: rules for pf.conf or an anchor (pf.conf(5) of OpenBSD and FreeBSD). `quick` makes the first match decide; `keep
//! state` lets answers through.

use super::{RenderError, Target, number, unit_name};
use crate::line::{Line, Replies, Shape, whole};
use crate::rule::{Policy, Ports, Scope};
use model::{Prefix, Transport};
use std::fmt::Write as _;

pub(super) static TARGET: Target = Target {
    name: "pf",
    description: "pf rules for pf.conf or an anchor (pfctl -a lazaret -f FILE), OpenBSD and FreeBSD",
    comment: "#",
    trial: "Not run on a real device.",
    shape: Shape { replies: Replies::Kept, source_macs: false, target_macs: false, neighbours: true },
    write: rendered,
};

fn rendered(policy: &Policy, lines: &[Line], out: &mut String) -> Result<(), RenderError> {
    let mut before = None;
    for line in lines {
        if let Some(name) = unit_name(policy, line, &mut before) {
            let _ = writeln!(out, "# {name}");
        }
        rules(line, out)?;
    }
    if policy.scope == Scope::Segment {
        out.push_str("block drop quick all\n");
    }
    Ok(())
}

fn network(prefix: Option<Prefix>, v4: bool) -> String {
    match prefix {
        Some(prefix) if whole(v4) != Some(prefix) => prefix.to_string(),
        _ => "any".to_owned(),
    }
}

fn range(ports: Option<Ports>) -> String {
    match ports {
        None => String::new(),
        Some(ports) if ports.low == ports.high => format!(" port {}", ports.low),
        Some(ports) => format!(" port {}:{}", ports.low, ports.high),
    }
}

fn rules(line: &Line, out: &mut String) -> Result<(), RenderError> {
    let Some(v4) = line.is_ipv4() else { return Ok(()) };
    let family = if v4 { "inet" } else { "inet6" };
    let action = if line.permit { "pass" } else { "block drop" };
    let (source, target) = (network(line.source, v4), network(line.target, v4));
    let carried = match line.transport {
        None => String::new(),
        Some(Transport::Tcp) => " proto tcp".to_owned(),
        Some(Transport::Udp) => " proto udp".to_owned(),
        Some(Transport::Icmp) => format!(" proto {}", if v4 { "icmp" } else { "icmp6" }),
        Some(other) => {
            let number = number(other, v4).ok_or_else(|| RenderError::Unsayable {
                target: TARGET.name,
                what: other.to_string(),
                instead: "take the rule out",
            })?;
            format!(" proto {number}")
        }
    };
    let begin = format!("{action} quick {family}{carried}");
    let state = if line.permit { " keep state" } else { "" };
    if line.transport == Some(Transport::Icmp)
        && let Some(types) = line.target_ports
    {
        let name = if v4 { "icmp-type" } else { "icmp6-type" };
        for kind in types.low..=types.high {
            let _ = writeln!(out, "{begin} from {source} to {target} {name} {kind}{state}");
        }
        return Ok(());
    }
    let (from, to) = (range(line.source_ports), range(line.target_ports));
    // A connection that was open before begins in its middle: any first packet makes a state, as pf.conf(5) has it.
    let flags = if line.permit && line.transport == Some(Transport::Tcp) { " flags any" } else { "" };
    let _ = writeln!(out, "{begin} from {source}{from} to {target}{to}{flags}{state}");
    Ok(())
}
