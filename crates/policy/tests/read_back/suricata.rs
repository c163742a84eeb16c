//! Suricata rules. Pass comes before drop, whatever their order in the file.

use crate::{Said, blank, ports, transport, without_comments};
use model::Transport;
use policy::{Line, Ports};
use std::collections::BTreeSet;

pub(crate) fn read(text: &str) -> Said {
    let mut said = Said { lines: Vec::new(), rest: true };
    let mut drops = Vec::new();
    let mut sids = BTreeSet::new();
    for row in without_comments(text, "#") {
        let (head, options) = row.split_once(" (").unwrap();
        let options = options.strip_suffix(";)").unwrap();
        let words: Vec<&str> = head.split(' ').collect();
        let [action, carried, source, from, "->", target, to] = words[..] else { panic!("{row}") };
        let permit = match action {
            "pass" => true,
            "drop" => false,
            other => panic!("{other}"),
        };
        let mut line = blank(permit);
        line.transport = match carried {
            "ip" => None,
            "tcp" => Some(Transport::Tcp),
            "udp" => Some(Transport::Udp),
            "icmp" | "icmpv6" => Some(Transport::Icmp),
            other => panic!("{other}"),
        };
        let range = |text: &str| {
            (text != "any").then(|| {
                let (low, high) = text.split_once(':').unwrap_or((text, text));
                ports(low, high)
            })
        };
        (line.source_ports, line.target_ports) = (range(from), range(to));
        for option in options.split(';') {
            let (key, value) = option.trim().split_once(':').unwrap();
            match key {
                "msg" => {
                    let name = value.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
                    assert!(
                        name.chars().all(|letter| letter.is_ascii_alphanumeric() || " ._/".contains(letter)),
                        "{name}"
                    );
                }
                "flow" => line.answer = value == "to_client",
                "itype" => {
                    line.target_ports = Some(match value.split_once("<>") {
                        // Both ends are outside.
                        Some((low, high)) => Ports {
                            low: low.parse::<u16>().unwrap() + 1,
                            high: high.parse::<u16>().unwrap() - 1,
                        },
                        None => ports(value, value),
                    });
                }
                "ip_proto" => line.transport = Some(transport(value.parse().unwrap())),
                "sid" => assert!(sids.insert(value.parse::<u32>().unwrap()), "a sid twice"),
                "rev" => assert_eq!(value, "1"),
                _ => panic!("{row}"),
            }
        }
        if source == "any" {
            assert!(target == "any" && !permit);
            said.rest = false;
            continue;
        }
        line.source = Some(source.parse().unwrap());
        line.target = Some(target.parse().unwrap());
        let lines: &mut Vec<Line> = if permit { &mut said.lines } else { &mut drops };
        lines.push(line);
    }
    said.lines.append(&mut drops);
    said
}
