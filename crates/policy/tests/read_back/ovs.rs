//! Open vSwitch flows, ovs-fields(7). Open vSwitch itself is the judge; see the tests of `lazaret`.

use crate::{Said, blank, transport, whole, without_comments};
use model::Transport;
use policy::{Line, Ports};

pub(crate) fn read(text: &str) -> Said {
    let mut flows: Vec<(u32, Line)> = Vec::new();
    let mut rest = None;
    for row in without_comments(text, "#") {
        let (matches, action) = row.rsplit_once(",actions=").unwrap();
        let permit = match action {
            "NORMAL" => true,
            "drop" => false,
            other => panic!("{other}"),
        };
        let mut line = blank(permit);
        let (mut priority, mut v4, mut arp) = (None, None, false);
        for part in matches.split(',') {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key {
                "priority" => priority = Some(value.parse::<u32>().unwrap()),
                "arp" => arp = true,
                "ip" => v4 = Some(true),
                "ipv6" => v4 = Some(false),
                "tcp" | "udp" | "icmp" | "tcp6" | "udp6" | "icmp6" => {
                    v4 = Some(!key.ends_with('6'));
                    line.transport = Some(match key.trim_end_matches('6') {
                        "tcp" => Transport::Tcp,
                        "udp" => Transport::Udp,
                        _ => Transport::Icmp,
                    });
                }
                "nw_proto" => line.transport = Some(transport(value.parse().unwrap())),
                "dl_src" => line.source_mac = Some(value.parse().unwrap()),
                "dl_dst" => line.target_mac = Some(value.parse().unwrap()),
                "nw_src" | "ipv6_src" => line.source = Some(value.parse().unwrap()),
                "nw_dst" | "ipv6_dst" => line.target = Some(value.parse().unwrap()),
                "tp_src" => line.source_ports = Some(block(value)),
                "tp_dst" => line.target_ports = Some(block(value)),
                "icmp_type" | "icmpv6_type" => {
                    line.target_ports = Some(Ports::one(value.parse::<u8>().unwrap().into()));
                }
                "tcp_flags" => {
                    assert!(value == "+ack" || value == "+rst", "{row}");
                    line.answer = true;
                }
                _ => panic!("{row}"),
            }
        }
        let priority = priority.unwrap();
        if arp {
            assert!(permit && priority == 65_535);
            continue;
        }
        if priority == 0 {
            rest = Some(permit);
            continue;
        }
        if let Some(v4) = v4 {
            let all = Some(whole(v4));
            line.source = line.source.or(all);
            line.target = line.target.or(all);
        }
        flows.push((priority, line));
    }
    flows.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
    Said { lines: flows.into_iter().map(|(_, line)| line).collect(), rest: rest.unwrap() }
}

/// A value with a mask: an aligned block of ports.
fn block(text: &str) -> Ports {
    let number = |text: &str| -> u16 {
        text.strip_prefix("0x")
            .map_or_else(|| text.parse().unwrap(), |hex| u16::from_str_radix(hex, 16).unwrap())
    };
    let Some((value, mask)) = text.split_once('/') else { return Ports::one(number(text)) };
    let (value, mask) = (number(value), number(mask));
    assert!(value & !mask == 0 && (!mask).wrapping_add(1) & !mask == 0, "{text}");
    Ports { low: value, high: value | !mask }
}
