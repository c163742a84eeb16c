//! Zeek: an intelligence file for the Intel framework (Zeek documentation, "Intelligence Framework"): addresses that
//! devices of the policy were refused and nobody may talk to. Zeek watches and does not block: it tells when one is met.

use super::{RenderError, Target, plain};
use crate::line::{Line, Replies, Shape};
use crate::rule::{Peer, Policy};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

pub(super) static TARGET: Target = Target {
    name: "zeek",
    description: "Zeek intelligence file: the addresses that devices were refused (watches, does not block)",
    comment: "#",
    trial: "Not run on a real device.",
    shape: Shape { replies: Replies::Kept, source_macs: false, target_macs: false, neighbours: false },
    write: rendered,
};

fn rendered(policy: &Policy, lines: &[Line], out: &mut String) -> Result<(), RenderError> {
    out.push_str("#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\n");
    let mut refused: BTreeMap<IpAddr, String> = BTreeMap::new();
    for unit in &policy.units {
        for noted in &unit.refuse {
            let Peer::Network(network) = &noted.rule.peer else { continue };
            let whole = if network.is_ipv4() { 32 } else { 128 };
            let ip = network.ip();
            // What some unit may talk to is no sign of trouble.
            let permitted = lines.iter().filter(|line| line.permit).any(|line| {
                let narrow = [line.source, line.target].into_iter().flatten().filter(|end| end.bits() > 0);
                narrow.into_iter().any(|end| end.contains(ip))
            });
            let own = policy.units.iter().flat_map(|unit| &unit.networks).any(|own| own.contains(ip));
            if network.bits() == whole && !permitted && !own {
                let why = format!("refused to {}: {}", plain(&unit.name), plain(&noted.why));
                refused.entry(ip).or_insert(why);
            }
        }
    }
    for (ip, why) in refused {
        let _ = writeln!(out, "{ip}\tIntel::ADDR\tlazaret\t{why}");
    }
    Ok(())
}
