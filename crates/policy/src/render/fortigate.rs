//! FortiGate: addresses, services and policies as CLI commands (FortiOS 7 CLI Reference). Policies are appended in order;
//! move them before the ones that allow more. Sessions let answers through.

use super::{RenderError, Target, number, plain};
use crate::line::{Line, Replies, Shape, whole};
use crate::rule::{Policy, Scope};
use model::{Prefix, Transport};
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(super) static TARGET: Target = Target {
    name: "fortigate",
    description: "FortiGate addresses, services and policies as FortiOS 7 commands",
    comment: "#",
    trial: "Not run on a real device.",
    shape: Shape { replies: Replies::Kept, source_macs: false, target_macs: false, neighbours: false },
    write: rendered,
};

/// Objects by name, in the order of their names.
#[derive(Default)]
struct Objects {
    addresses: BTreeMap<String, String>,
    addresses6: BTreeMap<String, String>,
    services: BTreeMap<String, Vec<String>>,
}

fn rendered(policy: &Policy, lines: &[Line], out: &mut String) -> Result<(), RenderError> {
    let mut objects = Objects::default();
    let mut policies = String::new();
    let mut count = 0;
    for line in lines {
        let Some(v4) = line.is_ipv4() else { continue };
        let service = service(line, v4, &mut objects)?;
        let ends = [line.source, line.target].map(|network| objects.address(network, v4));
        let unit = line.unit.and_then(|at| policy.units.get(at));
        let comment = unit.map_or_else(|| "segment".to_owned(), |unit| plain(&unit.name));
        count += 1;
        entry(&mut policies, count, v4, &ends, (line.permit, &service, &comment));
    }
    if policy.scope == Scope::Segment {
        for v4 in [true, false] {
            count += 1;
            let all = ["all".to_owned(), "all".to_owned()];
            entry(&mut policies, count, v4, &all, (false, "ALL", "rest"));
        }
    }
    objects.write(out);
    out.push_str("config firewall policy\n");
    out.push_str(&policies);
    out.push_str("end\n");
    Ok(())
}

fn entry(
    out: &mut String,
    count: usize,
    v4: bool,
    [source, target]: &[String; 2],
    (permit, service, comment): (bool, &str, &str),
) {
    let family = if v4 { "" } else { "6" };
    let action = if permit { "accept" } else { "deny" };
    let _ = write!(
        out,
        "  edit 0\n    set name \"lazaret-{count:05}\"\n    set srcintf \"any\"\n    set dstintf \"any\"\n    \
         set srcaddr{family} \"{source}\"\n    set dstaddr{family} \"{target}\"\n    set action {action}\n    \
         set schedule \"always\"\n    set service \"{service}\"\n    set logtraffic all\n    \
         set comments \"{comment}\"\n  next\n"
    );
}

fn service(line: &Line, v4: bool, objects: &mut Objects) -> Result<String, RenderError> {
    let (name, settings) = match line.transport {
        None => return Ok("ALL".to_owned()),
        Some(transport @ (Transport::Tcp | Transport::Udp)) => {
            let range = line.target_ports.map_or_else(|| "1-65535".to_owned(), |ports| ports.to_string());
            (format!("lazaret-{transport}-{range}"), vec![format!("set {transport}-portrange {range}")])
        }
        Some(Transport::Icmp) => {
            let protocol = if v4 { "ICMP" } else { "ICMP6" };
            let mut settings = vec![format!("set protocol {protocol}")];
            let mut name = format!("lazaret-{protocol}");
            if let Some(types) = line.target_ports {
                if types.low != types.high {
                    return Err(RenderError::Unsayable {
                        target: TARGET.name,
                        what: format!("a range of ICMP types {types}"),
                        instead: "write one rule for each type",
                    });
                }
                settings.push(format!("set icmptype {}", types.low));
                let _ = write!(name, "-{}", types.low);
            }
            (name, settings)
        }
        Some(other) => {
            let number = number(other, v4).ok_or_else(|| RenderError::Unsayable {
                target: TARGET.name,
                what: other.to_string(),
                instead: "take the rule out",
            })?;
            (
                format!("lazaret-ip-{number}"),
                vec!["set protocol IP".to_owned(), format!("set protocol-number {number}")],
            )
        }
    };
    objects.services.insert(name.clone(), settings);
    Ok(name)
}

impl Objects {
    fn address(&mut self, network: Option<Prefix>, v4: bool) -> String {
        let Some(network) = network.filter(|network| whole(v4) != Some(*network)) else {
            return "all".to_owned();
        };
        let name = format!("lazaret-{network}");
        if v4 {
            self.addresses.insert(name.clone(), format!("set subnet {network}"));
        } else {
            self.addresses6.insert(name.clone(), format!("set ip6 {network}"));
        }
        name
    }

    fn write(&self, out: &mut String) {
        for (head, rows) in
            [("config firewall address", &self.addresses), ("config firewall address6", &self.addresses6)]
        {
            let _ = writeln!(out, "{head}");
            for (name, setting) in rows {
                let _ = write!(out, "  edit \"{name}\"\n    {setting}\n  next\n");
            }
            out.push_str("end\n");
        }
        out.push_str("config firewall service custom\n");
        for (name, settings) in &self.services {
            let _ = writeln!(out, "  edit \"{name}\"");
            for setting in settings {
                let _ = writeln!(out, "    {setting}");
            }
            out.push_str("  next\n");
        }
        out.push_str("end\n");
    }
}
