//! Windows Defender Firewall on a device that runs Windows: PowerShell, default block both ways (NetSecurity module).
//!
//! The firewall is the device's own, so a policy for it has one unit. Rules allow only; what no rule allows is blocked.
//! Rules that were there before still allow: the script removes its own and leaves theirs.

use super::{RenderError, Target, number, plain};
use crate::line::{Line, Replies, Shape, whole};
use crate::rule::Policy;
use model::{Prefix, Transport};
use std::fmt::Write as _;

pub(super) static TARGET: Target = Target {
    name: "windows",
    description: "Windows Defender Firewall of one device, as PowerShell (run as administrator)",
    comment: "#",
    trial: "Not run on a real device.",
    shape: Shape { replies: Replies::Kept, source_macs: false, target_macs: false, neighbours: false },
    write: rendered,
};

fn rendered(policy: &Policy, lines: &[Line], out: &mut String) -> Result<(), RenderError> {
    let [unit] = policy.units.as_slice() else {
        return Err(RenderError::Unsayable {
            target: TARGET.name,
            what: format!("{} units", policy.units.len()),
            instead: "it is the firewall of one device: name it with --unit",
        });
    };
    out.push_str(
        "# Rules of other groups still allow: Get-NetFirewallRule -Enabled True -Action Allow lists them.\n",
    );
    out.push_str(
        "Get-NetFirewallRule -Group 'lazaret' -ErrorAction SilentlyContinue | Remove-NetFirewallRule\n",
    );
    let name = plain(&unit.name);
    for (at, line) in lines.iter().filter(|line| line.permit).enumerate() {
        let own = |network: Option<Prefix>| network.is_some_and(|network| unit.networks.contains(&network));
        // Within a unit of several addresses a line may go either way; the device is whichever end it is.
        for out_bound in [true, false] {
            let (own_end, peer) =
                if out_bound { (line.source, line.target) } else { (line.target, line.source) };
            if own(own_end) {
                rule(line, (at, &name), out_bound, (own_end, peer), out)?;
            }
        }
    }
    out.push_str("Set-NetFirewallProfile -All -Enabled True -DefaultInboundAction Block -DefaultOutboundAction Block\n");
    Ok(())
}

fn rule(
    line: &Line,
    (at, name): (usize, &str),
    out_bound: bool,
    (own, peer): (Option<Prefix>, Option<Prefix>),
    out: &mut String,
) -> Result<(), RenderError> {
    let Some(v4) = line.is_ipv4() else { return Ok(()) };
    let text = |network: Option<Prefix>| {
        network.or(whole(v4)).map(|network| network.to_string()).unwrap_or_default()
    };
    let direction = if out_bound { "Outbound" } else { "Inbound" };
    let protocol = match line.transport {
        None => "Any".to_owned(),
        Some(Transport::Tcp) => "TCP".to_owned(),
        Some(Transport::Udp) => "UDP".to_owned(),
        Some(Transport::Icmp) => if v4 { "ICMPv4" } else { "ICMPv6" }.to_owned(),
        Some(other) => {
            number(other, v4).map(|number| number.to_string()).ok_or_else(|| RenderError::Unsayable {
                target: TARGET.name,
                what: other.to_string(),
                instead: "take the rule out",
            })?
        }
    };
    let ports = match (line.transport, line.target_ports) {
        (_, None) => String::new(),
        (Some(Transport::Icmp), Some(types)) if types.low == types.high => {
            format!(" -IcmpType {}", types.low)
        }
        (Some(Transport::Icmp), Some(types)) => {
            let what = format!("a range of ICMP types {types}");
            let instead = "write one rule for each type";
            return Err(RenderError::Unsayable { target: TARGET.name, what, instead });
        }
        (_, Some(ports)) if out_bound => format!(" -RemotePort {ports}"),
        (_, Some(ports)) => format!(" -LocalPort {ports}"),
    };
    let end = if out_bound { "out" } else { "in" };
    let _ = writeln!(
        out,
        "New-NetFirewallRule -Name 'lazaret-{at:05}-{end}' -Group 'lazaret' -DisplayName 'lazaret {name} {at}' \
         -Direction {direction} -Action Allow -Protocol {protocol} -LocalAddress {} -RemoteAddress {}{ports}",
        text(own),
        text(peer)
    );
    Ok(())
}
