//! Suricata in line (IPS): pass rules for what is allowed, then drop rules for the devices (Suricata User Guide, "Rules").
//!
//! Suricata evaluates pass before drop whatever their order in the file; pass rules name the direction in the flow.
//! Signature ids are from 7,150,000 on (local use); do not load two of these files into one engine.

use super::{RenderError, Target, number, plain};
use crate::line::{Line, Replies, Shape, whole};
use crate::rule::{Policy, Ports, Scope};
use model::{Prefix, Transport};
use std::fmt::Write as _;

pub(super) static TARGET: Target = Target {
    name: "suricata",
    description: "Suricata rules (IPS): pass what is allowed, drop the devices' rest",
    comment: "#",
    trial: "Not run on a real device.",
    shape: Shape { replies: Replies::Both, source_macs: false, target_macs: false, neighbours: true },
    write: rendered,
};

/// First signature id: the range for local rules begins at 1,000,000.
const SID_FIRST: u32 = 7_150_000;

fn rendered(policy: &Policy, lines: &[Line], out: &mut String) -> Result<(), RenderError> {
    let mut sid = SID_FIRST;
    for line in lines {
        let unit = line.unit.and_then(|at| policy.units.get(at));
        let name = unit.map_or_else(|| "segment".to_owned(), |unit| plain(&unit.name).replace(':', "_"));
        rule(line, &name, &mut sid, out)?;
    }
    if policy.scope == Scope::Segment {
        let _ = writeln!(out, "drop ip any any -> any any (msg:\"lazaret rest\"; sid:{sid}; rev:1;)");
    }
    Ok(())
}

fn network(prefix: Option<Prefix>, v4: bool) -> String {
    // `any` is both families.
    prefix.or(whole(v4)).map(|prefix| prefix.to_string()).unwrap_or_default()
}

fn port(ports: Option<Ports>) -> String {
    match ports {
        None => "any".to_owned(),
        Some(ports) if ports.low == ports.high => ports.low.to_string(),
        Some(ports) => format!("{}:{}", ports.low, ports.high),
    }
}

fn rule(line: &Line, name: &str, sid: &mut u32, out: &mut String) -> Result<(), RenderError> {
    let Some(v4) = line.is_ipv4() else { return Ok(()) };
    let action = if line.permit { "pass" } else { "drop" };
    let (source, target) = (network(line.source, v4), network(line.target, v4));
    let with_ports = matches!(line.transport, Some(Transport::Tcp | Transport::Udp));
    let (from, to) = if with_ports {
        (port(line.source_ports), port(line.target_ports))
    } else {
        ("any".into(), "any".into())
    };
    let mut options = Vec::new();
    let carried = match line.transport {
        None => "ip",
        Some(Transport::Tcp) => "tcp",
        Some(Transport::Udp) => "udp",
        Some(Transport::Icmp) => {
            options.extend(line.target_ports.map(|types| match types.low == types.high {
                true => format!("itype:{};", types.low),
                false => format!("itype:{}<>{};", i32::from(types.low) - 1, i32::from(types.high) + 1),
            }));
            if v4 { "icmp" } else { "icmpv6" }
        }
        Some(other) => {
            let number = number(other, v4).ok_or_else(|| RenderError::Unsayable {
                target: TARGET.name,
                what: other.to_string(),
                instead: "take the rule out",
            })?;
            options.push(format!("ip_proto:{number};"));
            "ip"
        }
    };
    if with_ports && line.permit {
        options.push(if line.answer { "flow:to_client;" } else { "flow:to_server;" }.to_owned());
    }
    let options = options.iter().map(|option| format!(" {option}")).collect::<String>();
    let _ = writeln!(
        out,
        "{action} {carried} {source} {from} -> {target} {to} (msg:\"lazaret {name}\";{options} sid:{sid}; rev:1;)"
    );
    *sid += 1;
    Ok(())
}
