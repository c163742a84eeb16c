//! pf.conf(5).

use crate::{Said, blank, ports, transport, whole, without_comments};
use model::Transport;
use policy::{Line, Ports};

pub(crate) fn read(text: &str) -> Said {
    let mut said = Said { lines: Vec::new(), rest: true };
    for row in without_comments(text, "#") {
        assert!(said.rest, "a rule behind the last: {row}");
        if row == "block drop quick all" {
            said.rest = false;
            continue;
        }
        said.lines.push(rule(row));
    }
    said
}

fn rule(row: &str) -> Line {
    let (mut line, row) = match row.strip_prefix("pass quick ") {
        Some(rest) => (blank(true), rest.strip_suffix(" keep state").unwrap()),
        None => (blank(false), row.strip_prefix("block drop quick ").unwrap()),
    };
    let mut words: Vec<&str> = row.split(' ').collect();
    let v4 = match words.remove(0) {
        "inet" => true,
        "inet6" => false,
        other => panic!("{other}"),
    };
    if words[0] == "proto" {
        line.transport = Some(match words[1] {
            "tcp" => Transport::Tcp,
            "udp" => Transport::Udp,
            "icmp" if v4 => Transport::Icmp,
            "icmp6" if !v4 => Transport::Icmp,
            number => transport(number.parse().unwrap()),
        });
        words.drain(..2);
    }
    for (keyword, is_source) in [("from", true), ("to", false)] {
        assert_eq!(words.remove(0), keyword);
        let network = match words.remove(0) {
            "any" => whole(v4),
            text => text.parse().unwrap(),
        };
        assert_eq!(network.is_ipv4(), v4);
        let mut range = None;
        if words.first() == Some(&"port") {
            assert!(matches!(line.transport, Some(Transport::Tcp | Transport::Udp)));
            let (low, high) = words[1].split_once(':').unwrap_or((words[1], words[1]));
            range = Some(ports(low, high));
            words.drain(..2);
        }
        if is_source {
            (line.source, line.source_ports) = (Some(network), range);
        } else {
            (line.target, line.target_ports) = (Some(network), range);
        }
    }
    match words[..] {
        [] => {}
        ["flags", "any"] if line.permit && line.transport == Some(Transport::Tcp) => {}
        [name, kind] if line.transport == Some(Transport::Icmp) => {
            assert_eq!(name, if v4 { "icmp-type" } else { "icmp6-type" });
            line.target_ports = Some(Ports::one(kind.parse::<u8>().unwrap().into()));
        }
        _ => panic!("{row}"),
    }
    line
}
