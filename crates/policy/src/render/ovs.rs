//! Open vSwitch: OpenFlow flows for `ovs-ofctl add-flows BRIDGE FILE` (ovs-fields(7)).
//!
//! Higher priority decides. Each flow judges one packet alone; what passes goes on as on a plain switch (NORMAL). Ranges
//! of ports become masks, answers over TCP one flow for ACK and one for RST.

use super::{RenderError, Target, number, unit_name};
use crate::line::{Line, Replies, Shape, whole};
use crate::rule::{Policy, Ports, Scope};
use model::Transport;
use std::fmt::Write as _;

pub(super) static TARGET: Target = Target {
    name: "ovs",
    description: "Open vSwitch flows (ovs-ofctl add-flows BRIDGE FILE)",
    comment: "#",
    trial: "Judged by Open vSwitch's own flow tables in tests.",
    shape: Shape { replies: Replies::Lines, source_macs: true, target_macs: true, neighbours: true },
    write: rendered,
};

/// Highest priority of a flow, OpenFlow 1.0 §5.3.3.
const PRIORITY_MAX: usize = 65_535;

fn rendered(policy: &Policy, lines: &[Line], out: &mut String) -> Result<(), RenderError> {
    let _ = writeln!(out, "priority={PRIORITY_MAX},arp,actions=NORMAL");
    let mut before = None;
    for (at, line) in lines.iter().enumerate() {
        if let Some(name) = unit_name(policy, line, &mut before) {
            let _ = writeln!(out, "# {name}");
        }
        let priority = PRIORITY_MAX.saturating_sub(at + 1);
        if priority == 0 {
            return Err(RenderError::Unsettled(crate::line::Unsettled::Lines));
        }
        let action = if line.permit { "NORMAL" } else { "drop" };
        for found in matches(line)? {
            let comma = if found.is_empty() { "" } else { "," };
            let _ = writeln!(out, "priority={priority}{comma}{found},actions={action}");
        }
    }
    let rest = if policy.scope == Scope::Units { "NORMAL" } else { "drop" };
    let _ = writeln!(out, "priority=0,actions={rest}");
    Ok(())
}

/// The flows of one line: each combination of masks and flags.
fn matches(line: &Line) -> Result<Vec<String>, RenderError> {
    let mut base = Vec::new();
    base.extend(line.source_mac.map(|mac| format!("dl_src={mac}")));
    base.extend(line.target_mac.map(|mac| format!("dl_dst={mac}")));
    let Some(v4) = line.is_ipv4() else { return Ok(vec![base.join(",")]) };
    let carried = match line.transport {
        None => if v4 { "ip" } else { "ipv6" }.to_owned(),
        Some(Transport::Tcp) => if v4 { "tcp" } else { "tcp6" }.to_owned(),
        Some(Transport::Udp) => if v4 { "udp" } else { "udp6" }.to_owned(),
        Some(Transport::Icmp) => if v4 { "icmp" } else { "icmp6" }.to_owned(),
        Some(other) => {
            let number = number(other, v4).ok_or_else(|| RenderError::Unsayable {
                target: TARGET.name,
                what: other.to_string(),
                instead: "take the rule out",
            })?;
            format!("{},nw_proto={number}", if v4 { "ip" } else { "ipv6" })
        }
    };
    base.insert(0, carried);
    let ends = if v4 { ["nw_src", "nw_dst"] } else { ["ipv6_src", "ipv6_dst"] };
    for (end, network) in ends.into_iter().zip([line.source, line.target]) {
        if let Some(network) = network.filter(|network| whole(v4) != Some(*network)) {
            base.push(format!("{end}={network}"));
        }
    }
    if line.transport == Some(Transport::Icmp) {
        let Some(types) = line.target_ports else { return Ok(vec![base.join(",")]) };
        let name = if v4 { "icmp_type" } else { "icmpv6_type" };
        let kinds = types.low..=types.high;
        return Ok(kinds.map(|kind| format!("{},{name}={kind}", base.join(","))).collect());
    }
    let mut all = vec![base.join(",")];
    for (end, ports) in [("tp_src", line.source_ports), ("tp_dst", line.target_ports)] {
        if let Some(ports) = ports {
            let pieces = masks(ports);
            all = all
                .iter()
                .flat_map(|one| pieces.iter().map(move |piece| format!("{one},{end}={piece}")))
                .collect();
        }
    }
    if line.answer {
        all = all
            .iter()
            .flat_map(|one| ["+ack", "+rst"].map(|flag| format!("{one},tcp_flags={flag}")))
            .collect();
    }
    Ok(all)
}

/// A range as values with masks: the largest aligned blocks, from the low end.
pub(super) fn masks(ports: Ports) -> Vec<String> {
    let (mut low, high) = (u32::from(ports.low), u32::from(ports.high));
    let mut pieces = Vec::new();
    while low <= high {
        let aligned = if low == 0 { 1 << 16 } else { 1 << low.trailing_zeros() };
        let mut size = aligned;
        while low + size - 1 > high {
            size >>= 1;
        }
        match size {
            1 => pieces.push(low.to_string()),
            _ => pieces.push(format!("{low:#x}/{:#x}", 0xFFFF & !(size - 1))),
        }
        low += size;
    }
    pieces
}
