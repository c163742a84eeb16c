//! Cisco TrustSec on Catalyst: security group tags by address, and role-based access lists between them (Cisco TrustSec
//! Configuration Guide). Each address range that the policy names is a group; an address belongs to the narrowest.

use super::{RenderError, Target, number, plain};
use crate::line::{Line, Replies, Shape, whole};
use crate::rule::{Policy, Ports, Scope};
use model::{Prefix, Transport};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

pub(super) static TARGET: Target = Target {
    name: "cisco-sgacl",
    description: "Cisco TrustSec on Catalyst: group tags by address, and access lists between groups",
    comment: "!",
    trial: "Not run on a real device.",
    shape: Shape { replies: Replies::Lines, source_macs: false, target_macs: false, neighbours: true },
    write: rendered,
};

/// First tag; lower ones are reserved or in use at most sites.
const TAG_FIRST: usize = 1000;
/// Most groups. Our limit: tags end at 65,519, and pairs of groups grow with the square.
const GROUPS_MAX: usize = 512;
/// Most comparisons of a pair of groups with a line. Our limit, a few seconds of work.
const COMPARISONS_MAX: usize = 1 << 26;

fn rendered(policy: &Policy, lines: &[Line], out: &mut String) -> Result<(), RenderError> {
    // The whole of a family is one group too, in which everybody else is.
    let mut networks: BTreeSet<Prefix> =
        lines.iter().flat_map(|line| [line.source, line.target]).flatten().collect();
    networks.extend([whole(true), whole(false)].into_iter().flatten());
    let comparisons = networks.len().saturating_mul(networks.len()).saturating_mul(lines.len());
    if networks.len() > GROUPS_MAX || comparisons > COMPARISONS_MAX {
        return Err(RenderError::Unsayable {
            target: TARGET.name,
            what: format!("{} groups", networks.len()),
            instead: "write prefixes instead of single addresses, or split the policy",
        });
    }
    let tags: BTreeMap<Prefix, usize> = networks.iter().copied().zip(TAG_FIRST..).collect();
    for unit in &policy.units {
        let _ = writeln!(out, "! {}", plain(&unit.name));
    }
    for (network, tag) in &tags {
        let _ = writeln!(out, "cts role-based sgt-map {network} sgt {tag}");
    }
    let mut lists: BTreeMap<String, String> = BTreeMap::new();
    let mut permissions = String::new();
    for (source, from) in &tags {
        for (target, to) in tags.iter().filter(|(target, _)| target.is_ipv4() == source.is_ipv4()) {
            let v4 = source.is_ipv4();
            let entries = between(policy, lines, *source, *target)?;
            let next = lists.len();
            let name = lists.entry(entries).or_insert_with(|| format!("LAZARET-{next:04}"));
            let family = if v4 { "" } else { "ipv6 " };
            let _ = writeln!(
                permissions,
                "cts role-based permissions {family}from {from} to {to} {name}{}",
                if v4 { "" } else { "-6" }
            );
        }
    }
    for (entries, name) in &lists {
        let _ = write!(out, "ip access-list role-based {name}\n{entries}");
        let _ = write!(out, "ipv6 access-list role-based {name}-6\n{}", entries.replace(" ip\n", " ipv6\n"));
    }
    out.push_str(&permissions);
    Ok(())
}

fn inside(inner: Prefix, outer: Option<Prefix>) -> bool {
    outer.is_none_or(|outer| outer.bits() <= inner.bits() && outer.contains(inner.ip()))
}

/// The entries between two groups: of each line that holds for all of both.
fn between(policy: &Policy, lines: &[Line], source: Prefix, target: Prefix) -> Result<String, RenderError> {
    let mut entries = String::new();
    for line in lines.iter().filter(|line| inside(source, line.source) && inside(target, line.target)) {
        entry(line, source.is_ipv4(), &mut entries)?;
        if line.transport.is_none() {
            // Everything is decided here.
            return Ok(entries);
        }
    }
    entries.push_str(if policy.scope == Scope::Units { " permit ip\n" } else { " deny ip\n" });
    Ok(entries)
}

fn entry(line: &Line, v4: bool, out: &mut String) -> Result<(), RenderError> {
    let action = if line.permit { "permit" } else { "deny" };
    let port = |end: &str, ports: Option<Ports>| match ports {
        None => String::new(),
        Some(ports) if ports.low == ports.high => format!(" {end} eq {}", ports.low),
        Some(ports) => format!(" {end} range {} {}", ports.low, ports.high),
    };
    let carried = match line.transport {
        None => {
            let _ = writeln!(out, " {action} ip");
            return Ok(());
        }
        Some(Transport::Tcp) => "tcp".to_owned(),
        Some(Transport::Udp) => "udp".to_owned(),
        Some(Transport::Icmp) => {
            if let Some(types) = line.target_ports {
                for kind in types.low..=types.high {
                    let _ = writeln!(out, " {action} icmp {kind}");
                }
            } else {
                let _ = writeln!(out, " {action} icmp");
            }
            return Ok(());
        }
        Some(other) => {
            number(other, v4).map(|number| number.to_string()).ok_or_else(|| RenderError::Unsayable {
                target: TARGET.name,
                what: other.to_string(),
                instead: "take the rule out",
            })?
        }
    };
    let established = if line.answer { " established" } else { "" };
    let ports = format!("{}{}", port("src", line.source_ports), port("dst", line.target_ports));
    let _ = writeln!(out, " {action} {carried}{ports}{established}");
    Ok(())
}
