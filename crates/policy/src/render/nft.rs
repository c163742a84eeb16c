//! nftables: a table of its own for routed traffic (`inet`), or for a bridge.
//!
//! Both are loaded with `nft -f FILE`, replace what they put there before in one transaction, and touch no other table.
//! Answers need a line and, where the kernel keeps connections, a connection: so a conversation that is no longer
//! allowed ends at once, not when it is over. Grammar: nft(8) of nftables 1.0.6.

use super::{RenderError, Target, unit_name};
use crate::line::{Line, Replies, Shape};
use crate::rule::{Policy, Ports, Scope};
use model::{Prefix, Transport};
use std::fmt::Write as _;

pub(super) static ROUTED: Target = Target {
    name: "nft",
    description: "nftables on a router or gateway (nft -f), table inet lazaret",
    comment: "#",
    trial: "Judged by the kernel's own nftables in tests.",
    shape: Shape { replies: Replies::Both, source_macs: true, target_macs: false, neighbours: true },
    write: routed,
};

pub(super) static BRIDGED: Target = Target {
    name: "nft-bridge",
    description: "nftables on a transparent bridge (nft -f), table bridge lazaret",
    comment: "#",
    trial: "Judged by the kernel's own nftables in tests.",
    shape: Shape { replies: Replies::Lines, source_macs: true, target_macs: true, neighbours: true },
    write: bridged,
};

fn routed(policy: &Policy, lines: &[Line], out: &mut String) -> Result<(), RenderError> {
    // Only what is forwarded is dropped on a segment: what this machine itself says and hears stays, but for devices.
    let rest = rest(policy);
    out.push_str("table inet lazaret\ndelete table inet lazaret\ntable inet lazaret {\n");
    chain(policy, lines, true, out)?;
    for (hook, rest) in [("forward", rest), ("input", "accept"), ("output", "accept")] {
        let _ = write!(
            out,
            "\n\tchain {hook} {{\n\t\ttype filter hook {hook} priority -5; policy {rest};\n\t\tjump judge\n\t}}\n"
        );
    }
    out.push_str("}\n");
    Ok(())
}

fn bridged(policy: &Policy, lines: &[Line], out: &mut String) -> Result<(), RenderError> {
    let rest = rest(policy);
    out.push_str("table bridge lazaret\ndelete table bridge lazaret\ntable bridge lazaret {\n");
    chain(policy, lines, false, out)?;
    let _ = write!(
        out,
        "\n\tchain forward {{\n\t\ttype filter hook forward priority -5; policy {rest};\n\t\tether type arp accept\n\
         \t\tjump judge\n\t}}\n"
    );
    out.push_str("}\n");
    Ok(())
}

/// The statements of routed traffic.
pub(super) fn statements(lines: &[Line]) -> Result<Vec<String>, RenderError> {
    lines.iter().map(|line| statement(line, true)).collect()
}

const fn rest(policy: &Policy) -> &'static str {
    match policy.scope {
        Scope::Units => "accept",
        Scope::Segment => "drop",
    }
}

fn chain(policy: &Policy, lines: &[Line], keeps: bool, out: &mut String) -> Result<(), RenderError> {
    out.push_str("\tchain judge {\n");
    let mut before = None;
    for line in lines {
        if let Some(name) = unit_name(policy, line, &mut before) {
            let _ = writeln!(out, "\t\t# {name}");
        }
        let _ = writeln!(out, "\t\t{}", statement(line, keeps)?);
    }
    out.push_str("\t}\n");
    Ok(())
}

fn statement(line: &Line, keeps: bool) -> Result<String, RenderError> {
    let mut words = Vec::new();
    if let Some(mac) = line.source_mac {
        words.push(format!("ether saddr {mac}"));
    }
    if let Some(mac) = line.target_mac {
        words.push(format!("ether daddr {mac}"));
    }
    let v4 = line.is_ipv4();
    if let Some(v4) = v4 {
        let family = if v4 { "ip" } else { "ip6" };
        for (end, network) in [("saddr", line.source), ("daddr", line.target)] {
            if let Some(network) = network.filter(|network| !is_all(*network)) {
                words.push(format!("{family} {end} {network}"));
            }
        }
        if [line.source, line.target].iter().all(|network| network.is_none_or(is_all)) {
            words.push(format!("meta nfproto {}", if v4 { "ipv4" } else { "ipv6" }));
        }
    }
    match (line.transport, v4) {
        (None, _) => {}
        (Some(transport @ (Transport::Tcp | Transport::Udp)), _) => {
            let name = if transport == Transport::Tcp { "tcp" } else { "udp" };
            let ports = [("sport", line.source_ports), ("dport", line.target_ports)];
            let mut named = false;
            for (end, ports) in ports {
                if let Some(ports) = ports {
                    words.push(format!("{name} {end} {}", range(ports)));
                    named = true;
                }
            }
            if !named {
                words.push(format!("meta l4proto {name}"));
            }
        }
        (Some(Transport::Icmp), Some(v4)) => {
            let name = if v4 { "icmp" } else { "icmpv6" };
            match line.target_ports {
                Some(types) => words.push(format!("{name} type {}", range(types))),
                None => words.push(format!("meta l4proto {}", if v4 { "icmp" } else { "ipv6-icmp" })),
            }
        }
        (Some(Transport::Ip(number)), _) => words.push(format!("meta l4proto {number}")),
        (Some(other), _) => {
            return Err(RenderError::Unsayable {
                target: "nft",
                what: other.to_string(),
                instead: "take the rule out",
            });
        }
    }
    if line.answer && line.transport == Some(Transport::Tcp) {
        words.push("tcp flags & (ack | rst) != 0x0".to_owned());
    }
    if line.answer && keeps {
        words.push("ct state established".to_owned());
    }
    words.push(if line.permit { "counter accept" } else { "counter drop" }.to_owned());
    Ok(words.join(" "))
}

fn is_all(network: Prefix) -> bool {
    crate::line::whole(network.is_ipv4()) == Some(network)
}

fn range(ports: Ports) -> String {
    ports.to_string()
}
