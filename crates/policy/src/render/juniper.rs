//! Junos: stateless firewall filters as `set` commands (Routing Policies, Firewall Filters, and Traffic Policers Guide).
//!
//! Apply to the interface or VLAN of the devices: `set interfaces X unit N family inet filter input LAZARET` and
//! `output LAZARET`, the same for `inet6` with LAZARET6.

use super::{RenderError, Target, number, plain};
use crate::line::{Line, Replies, Shape, whole};
use crate::rule::{Policy, Scope};
use model::Transport;
use std::fmt::Write as _;

pub(super) static TARGET: Target = Target {
    name: "juniper",
    description: "Junos firewall filters LAZARET and LAZARET6 as set commands, for input and output of an interface",
    comment: "#",
    trial: "Not run on a real device.",
    shape: Shape { replies: Replies::Lines, source_macs: false, target_macs: false, neighbours: true },
    write: rendered,
};

fn rendered(policy: &Policy, lines: &[Line], out: &mut String) -> Result<(), RenderError> {
    for v4 in [true, false] {
        let base = if v4 { "inet filter LAZARET" } else { "inet6 filter LAZARET6" };
        let base = format!("set firewall family {base} term");
        let owns = policy.units.iter().flat_map(|unit| &unit.networks).filter(|own| own.is_ipv4() == v4);
        let fragment = if v4 { "is-fragment" } else { "next-header fragment" };
        for (at, own) in owns.enumerate() {
            // Later fragments carry no ports, and would be judged by what stands in their place.
            for (name, end) in [("from", "source"), ("to", "destination")] {
                let term = format!("{base} fragment-{name}-{at}");
                let _ = write!(
                    out,
                    "{term} from {end}-address {own}\n{term} from {fragment}\n{term} then discard\n"
                );
            }
        }
        for (at, line) in lines.iter().filter(|line| line.is_ipv4() == Some(v4)).enumerate() {
            let term = format!("{base} t{at:05}");
            for condition in conditions(line, v4)? {
                let _ = writeln!(out, "{term} from {condition}");
            }
            if let Some(unit) = line.unit.and_then(|at| policy.units.get(at)).filter(|_| !line.permit) {
                let _ = writeln!(out, "# {}", plain(&unit.name));
            }
            let _ = writeln!(out, "{term} then {}", if line.permit { "accept" } else { "discard" });
        }
        let rest = if policy.scope == Scope::Units { "accept" } else { "discard" };
        let _ = writeln!(out, "{base} rest then {rest}");
    }
    Ok(())
}

fn conditions(line: &Line, v4: bool) -> Result<Vec<String>, RenderError> {
    let mut all = Vec::new();
    for (end, network) in [("source", line.source), ("destination", line.target)] {
        if let Some(network) = network.filter(|network| whole(v4) != Some(*network)) {
            all.push(format!("{end}-address {network}"));
        }
    }
    let carried = if v4 { "protocol" } else { "next-header" };
    match line.transport {
        None => {}
        Some(Transport::Tcp) => all.push(format!("{carried} tcp")),
        Some(Transport::Udp) => all.push(format!("{carried} udp")),
        Some(Transport::Icmp) => {
            all.push(format!("{carried} {}", if v4 { "icmp" } else { "icmp6" }));
            all.extend(line.target_ports.map(|types| format!("icmp-type {types}")));
            return Ok(all);
        }
        Some(other) => {
            let number = number(other, v4).ok_or_else(|| RenderError::Unsayable {
                target: TARGET.name,
                what: other.to_string(),
                instead: "take the rule out",
            })?;
            all.push(format!("{carried} {number}"));
        }
    }
    all.extend(line.source_ports.map(|ports| format!("source-port {ports}")));
    all.extend(line.target_ports.map(|ports| format!("destination-port {ports}")));
    if line.answer {
        all.push("tcp-established".to_owned());
    }
    Ok(all)
}
