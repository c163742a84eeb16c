//! OPNsense: the `<filter>` section of config.xml with floating rules, for Diagnostics/Backups, restore area "Firewall
//! Rules". `quick` makes the first match decide; states let answers through.
//!
//! The restore replaces the filter section: merge it with yours first.

use super::{RenderError, Target, number, plain};
use crate::line::{Line, Replies, Shape, whole};
use crate::rule::{Policy, Ports, Scope};
use model::{Prefix, Transport};
use std::fmt::Write as _;

pub(super) static TARGET: Target = Target {
    name: "opnsense",
    description: "OPNsense config.xml filter section with floating rules",
    comment: "<!--",
    trial: "Not run on a real device.",
    shape: Shape { replies: Replies::Kept, source_macs: false, target_macs: false, neighbours: false },
    write: rendered,
};

fn rendered(policy: &Policy, lines: &[Line], out: &mut String) -> Result<(), RenderError> {
    out.push_str("<opnsense>\n  <filter>\n");
    for line in lines {
        let name = line.unit.and_then(|at| policy.units.get(at));
        let name = name.map_or_else(|| "segment".to_owned(), |unit| plain(&unit.name));
        rule(line, &name, out)?;
    }
    if policy.scope == Scope::Segment {
        for family in ["inet", "inet6"] {
            element(
                out,
                "block",
                family,
                "any",
                &["<any>1</any>".to_owned(), "<any>1</any>".to_owned()],
                "rest",
            );
        }
    }
    out.push_str("  </filter>\n</opnsense>\n");
    Ok(())
}

fn element(out: &mut String, action: &str, family: &str, carried: &str, ends: &[String; 2], name: &str) {
    let [source, target] = ends;
    let _ = writeln!(
        out,
        "    <rule><type>{action}</type><ipprotocol>{family}</ipprotocol><floating>yes</floating><quick>1</quick>\
         <direction>any</direction><statetype>keep state</statetype><protocol>{carried}</protocol>\
         <source>{source}</source><destination>{target}</destination><descr>lazaret {name}</descr></rule>"
    );
}

fn end(network: Option<Prefix>, ports: Option<Ports>, v4: bool) -> String {
    let mut text = match network {
        Some(network) if whole(v4) != Some(network) => format!("<network>{network}</network>"),
        _ => "<any>1</any>".to_owned(),
    };
    if let Some(ports) = ports {
        let _ = write!(text, "<port>{ports}</port>");
    }
    text
}

fn rule(line: &Line, name: &str, out: &mut String) -> Result<(), RenderError> {
    let Some(v4) = line.is_ipv4() else { return Ok(()) };
    let family = if v4 { "inet" } else { "inet6" };
    let unsayable = |what: String, instead| RenderError::Unsayable { target: TARGET.name, what, instead };
    let carried = match line.transport {
        None => "any".to_owned(),
        Some(Transport::Tcp) => "tcp".to_owned(),
        Some(Transport::Udp) => "udp".to_owned(),
        Some(Transport::Icmp) if line.target_ports.is_some() => {
            return Err(unsayable(
                "ICMP of one type".to_owned(),
                "allow ICMP without types, or take the rule out",
            ));
        }
        Some(Transport::Icmp) => if v4 { "icmp" } else { "ipv6-icmp" }.to_owned(),
        Some(other) => {
            let number = number(other, v4).map(|number| number.to_string());
            number.ok_or_else(|| unsayable(other.to_string(), "take the rule out"))?
        }
    };
    let ports = |ports| if line.transport == Some(Transport::Icmp) { None } else { ports };
    let ends =
        [end(line.source, ports(line.source_ports), v4), end(line.target, ports(line.target_ports), v4)];
    element(out, if line.permit { "pass" } else { "block" }, family, &carried, &ends, name);
    Ok(())
}
