//! Arista EOS: access lists with prefixes (EOS User Manual, "ACLs and Route Maps").
//!
//! Apply with `ip access-group LAZARET in` and `out`, `ipv6 access-group LAZARET6 in` and `out`.

use super::access_list::{Dialect, write};
use super::{RenderError, Target};
use crate::line::{Line, Replies, Shape};
use crate::rule::Policy;
use model::Prefix;

pub(super) static TARGET: Target = Target {
    name: "arista",
    description: "Arista EOS access lists LAZARET and LAZARET6, for both directions of an interface",
    comment: "!",
    trial: "Not run on a real device.",
    shape: Shape { replies: Replies::Lines, source_macs: false, target_macs: false, neighbours: true },
    write: |policy, lines, out| rendered(policy, lines, out),
};

fn rendered(policy: &Policy, lines: &[Line], out: &mut String) -> Result<(), RenderError> {
    let dialect = Dialect {
        target: TARGET.name,
        head_v4: "ip access-list LAZARET",
        head_v6: "ipv6 access-list LAZARET6",
        icmp_v6: "icmpv6",
        network,
    };
    write(policy, lines, &dialect, out)
}

fn network(prefix: Prefix) -> String {
    let whole = if prefix.is_ipv4() { 32 } else { 128 };
    if prefix.bits() == whole { format!("host {}", prefix.ip()) } else { prefix.to_string() }
}
