//! Cisco TrustSec: tags by longest prefix, permissions between tags, role-based access lists.

use crate::{Said, blank, ports, transport, without_comments};
use model::{Prefix, Transport};
use policy::{Line, Ports};
use std::collections::BTreeMap;

pub(crate) fn read(text: &str) -> Said {
    let mut tags: Vec<(Prefix, u32)> = Vec::new();
    let mut lists: BTreeMap<(bool, &str), Vec<Line>> = BTreeMap::new();
    let mut pairs: Vec<(bool, u32, u32, &str)> = Vec::new();
    let mut open: Option<(bool, &str)> = None;
    for row in without_comments(text, "!") {
        if let Some(entry) = row.strip_prefix(' ') {
            let key = open.unwrap();
            lists.get_mut(&key).unwrap().push(entry_of(entry, key.0));
            continue;
        }
        let words: Vec<&str> = row.split(' ').collect();
        match words[..] {
            ["cts", "role-based", "sgt-map", network, "sgt", tag] => {
                tags.push((network.parse().unwrap(), tag.parse().unwrap()));
            }
            [family @ ("ip" | "ipv6"), "access-list", "role-based", name] => {
                let key = (family == "ip", name);
                assert!(lists.insert(key, Vec::new()).is_none());
                open = Some(key);
            }
            ["cts", "role-based", "permissions", "from", from, "to", to, name] => {
                pairs.push((true, from.parse().unwrap(), to.parse().unwrap(), name));
            }
            ["cts", "role-based", "permissions", "ipv6", "from", from, "to", to, name] => {
                pairs.push((false, from.parse().unwrap(), to.parse().unwrap(), name));
            }
            _ => panic!("{row}"),
        }
    }
    let network: BTreeMap<u32, Prefix> = tags.iter().map(|(network, tag)| (*tag, *network)).collect();
    assert_eq!(network.len(), tags.len());
    // The narrowest group of either end decides: those pairs first.
    pairs.sort_by_key(|(_, from, to, _)| {
        std::cmp::Reverse((u32::from(network[from].bits()) << 8) + u32::from(network[to].bits()))
    });
    let mut lines = Vec::new();
    for (v4, from, to, name) in pairs {
        let (source, target) = (network[&from], network[&to]);
        assert!(source.is_ipv4() == v4 && target.is_ipv4() == v4);
        let list = &lists[&(v4, name)];
        assert!(list.last().unwrap().transport.is_none(), "a list without an end");
        lines.extend(list.iter().map(|line| Line {
            source: Some(source),
            target: Some(target),
            ..line.clone()
        }));
    }
    // Every pair of groups of a family has a list, and the whole family is a group: nothing is left.
    Said { lines, rest: false }
}

fn entry_of(row: &str, v4: bool) -> Line {
    let words: Vec<&str> = row.split(' ').collect();
    let mut line = blank(match words[0] {
        "permit" => true,
        "deny" => false,
        other => panic!("{other}"),
    });
    line.transport = match words[1] {
        word if word == if v4 { "ip" } else { "ipv6" } => None,
        "tcp" => Some(Transport::Tcp),
        "udp" => Some(Transport::Udp),
        "icmp" => Some(Transport::Icmp),
        number => Some(transport(number.parse().unwrap())),
    };
    let mut rest = &words[2..];
    while !rest.is_empty() {
        let taken = match rest {
            [end @ ("src" | "dst"), "eq", port, ..] => {
                let range = Some(ports(port, port));
                if *end == "src" {
                    line.source_ports = range;
                } else {
                    line.target_ports = range;
                }
                3
            }
            [end @ ("src" | "dst"), "range", low, high, ..] => {
                let range = Some(ports(low, high));
                if *end == "src" {
                    line.source_ports = range;
                } else {
                    line.target_ports = range;
                }
                4
            }
            ["established"] => {
                line.answer = true;
                1
            }
            [kind] if line.transport == Some(Transport::Icmp) => {
                line.target_ports = Some(Ports::one(kind.parse::<u8>().unwrap().into()));
                1
            }
            _ => panic!("{row}"),
        };
        rest = &rest[taken..];
    }
    line
}
