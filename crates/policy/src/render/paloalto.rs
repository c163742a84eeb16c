//! Palo Alto Networks: `set` commands of PAN-OS for addresses, services and security rules (PAN-OS CLI Quick Start). The
//! first rule that matches decides; sessions let answers through.

use super::{RenderError, Target, plain};
use crate::line::{Line, Replies, Shape, whole};
use crate::rule::{Policy, Scope};
use model::{Prefix, Transport};
use std::collections::BTreeSet;
use std::fmt::Write as _;

pub(super) static TARGET: Target = Target {
    name: "paloalto",
    description: "Palo Alto addresses, services and security rules as PAN-OS set commands",
    comment: "#",
    trial: "Not run on a real device.",
    shape: Shape { replies: Replies::Kept, source_macs: false, target_macs: false, neighbours: false },
    write: rendered,
};

fn rendered(policy: &Policy, lines: &[Line], out: &mut String) -> Result<(), RenderError> {
    let mut objects = BTreeSet::new();
    let mut rules = String::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(v4) = line.is_ipv4() else { continue };
        let (application, service) = service(line, v4, &mut objects)?;
        // `any` means both families, so the whole of one is an address of its own.
        let [source, target] = [line.source, line.target].map(|network| address(network, v4, &mut objects));
        let unit = line.unit.and_then(|at| policy.units.get(at));
        let name = unit.map_or_else(|| "segment".to_owned(), |unit| plain(&unit.name));
        let action = if line.permit { "allow" } else { "drop" };
        let _ = writeln!(
            rules,
            "set rulebase security rules lazaret-{at:05} from any to any source {source} destination {target} \
             application {application} service {service} action {action} log-end yes description \"{name}\""
        );
    }
    if policy.scope == Scope::Segment {
        rules.push_str(
            "set rulebase security rules lazaret-rest from any to any source any destination any application any \
             service any action drop log-end yes description \"rest\"\n",
        );
    }
    for object in objects {
        let _ = writeln!(out, "{object}");
    }
    out.push_str(&rules);
    Ok(())
}

fn address(network: Option<Prefix>, v4: bool, objects: &mut BTreeSet<String>) -> String {
    let network = network.or(whole(v4)).map(|network| network.to_string()).unwrap_or_default();
    let name = format!("lazaret-{}", network.replace([':', '/'], "-"));
    objects.insert(format!("set address {name} ip-netmask {network}"));
    name
}

fn service(line: &Line, v4: bool, objects: &mut BTreeSet<String>) -> Result<(String, String), RenderError> {
    let any = || "any".to_owned();
    match line.transport {
        None => Ok((any(), any())),
        Some(transport @ (Transport::Tcp | Transport::Udp)) => {
            let ports = line.target_ports.map_or_else(|| "0-65535".to_owned(), |ports| ports.to_string());
            let name = format!("lazaret-{transport}-{ports}");
            objects.insert(format!("set service {name} protocol {transport} port {ports}"));
            Ok((any(), name))
        }
        Some(Transport::Icmp) if line.target_ports.is_none() => {
            let application = if v4 { "[ icmp ping traceroute ]" } else { "[ ipv6-icmp ping6 ]" };
            Ok((application.to_owned(), "application-default".to_owned()))
        }
        Some(other) => {
            let what = match line.target_ports {
                Some(types) => format!("ICMP type {types}"),
                None => other.to_string(),
            };
            let instead = "define an application for it and write that rule by hand";
            Err(RenderError::Unsayable { target: TARGET.name, what, instead })
        }
    }
}
