//! Junos firewall filters as set commands.

use crate::{Said, blank, ports, transport, whole, without_comments};
use model::Transport;
use policy::{Line, Ports};
use std::collections::BTreeMap;

pub(crate) fn read(text: &str) -> Said {
    let mut terms: Vec<(bool, String, Line, bool)> = Vec::new();
    let mut known: BTreeMap<(bool, String), usize> = BTreeMap::new();
    let mut rests = Vec::new();
    for row in without_comments(text, "#") {
        let row = row.strip_prefix("set firewall family ").unwrap();
        let (v4, row) = match row.strip_prefix("inet filter LAZARET term ") {
            Some(row) => (true, row),
            None => (false, row.strip_prefix("inet6 filter LAZARET6 term ").unwrap()),
        };
        let words: Vec<&str> = row.split(' ').collect();
        if words[0] == "rest" {
            assert_eq!(words[1], "then");
            rests.push(words[2] == "accept");
            continue;
        }
        let key = (v4, words[0].to_owned());
        let at = *known.entry(key).or_insert_with(|| {
            terms.push((v4, words[0].to_owned(), blank(false), false));
            terms.len() - 1
        });
        let (_, _, line, fragment) = &mut terms[at];
        let range = |text: &str| -> Ports {
            let (low, high) = text.split_once('-').unwrap_or((text, text));
            ports(low, high)
        };
        match words[1..] {
            ["then", "accept"] => line.permit = true,
            ["then", "discard"] => line.permit = false,
            ["from", "source-address", network] => line.source = Some(network.parse().unwrap()),
            ["from", "destination-address", network] => line.target = Some(network.parse().unwrap()),
            ["from", "is-fragment"] if v4 => *fragment = true,
            ["from", "next-header", "fragment"] if !v4 => *fragment = true,
            ["from", key, carried] if key == if v4 { "protocol" } else { "next-header" } => {
                line.transport = Some(match carried {
                    "tcp" => Transport::Tcp,
                    "udp" => Transport::Udp,
                    "icmp" if v4 => Transport::Icmp,
                    "icmp6" if !v4 => Transport::Icmp,
                    number => transport(number.parse().unwrap()),
                });
            }
            ["from", "icmp-type", types] => line.target_ports = Some(range(types)),
            ["from", "source-port", ports] => line.source_ports = Some(range(ports)),
            ["from", "destination-port", ports] => line.target_ports = Some(range(ports)),
            ["from", "tcp-established"] => line.answer = true,
            _ => panic!("{row}"),
        }
    }
    assert!(rests.len() == 2 && rests[0] == rests[1]);
    let mut lines = Vec::new();
    for (v4, name, line, fragment) in terms {
        if fragment {
            assert!(!line.permit && name.starts_with("fragment-"));
            continue;
        }
        let all = Some(whole(v4));
        lines.push(Line { source: line.source.or(all), target: line.target.or(all), ..line });
    }
    Said { lines, rest: rests[0] }
}
