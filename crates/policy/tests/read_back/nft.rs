//! nftables: the statements that are written, of nft(8). The kernel is the judge; see the tests of `lazaret`.

use crate::{Said, blank, ports, transport, whole, without_comments};
use model::Transport;
use policy::{Line, Ports};

pub(crate) fn read(text: &str) -> Said {
    let rows = without_comments(text, "#");
    let family = if rows[0] == "table inet lazaret" { "inet" } else { "bridge" };
    assert_eq!(rows[0], format!("table {family} lazaret"));
    assert_eq!(rows[1], format!("delete table {family} lazaret"));
    assert_eq!(rows[2], format!("table {family} lazaret {{"));
    assert_eq!(rows[3], "\tchain judge {");
    let end = rows.iter().position(|row| *row == "\t}").unwrap();
    let lines = rows[4..end].iter().map(|row| statement(row.strip_prefix("\t\t").unwrap())).collect();
    let forward = rows.iter().position(|row| *row == "\tchain forward {").unwrap();
    let policy = rows[forward + 1].strip_prefix("\t\ttype filter hook forward priority -5; policy ").unwrap();
    let rest = match policy {
        "accept;" => true,
        "drop;" => false,
        other => panic!("{other}"),
    };
    let jump = if family == "bridge" { 3 } else { 2 };
    assert_eq!(rows[forward + jump], "\t\tjump judge");
    assert_eq!(*rows.last().unwrap(), "}");
    Said { lines, rest }
}

fn range(text: &str) -> Ports {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    ports(low, high)
}

fn statement(row: &str) -> Line {
    let mut line = blank(false);
    let mut rest: Vec<&str> = row.split(' ').collect();
    let verdict = rest.split_off(rest.len() - 2);
    line.permit = match verdict[..] {
        ["counter", "accept"] => true,
        ["counter", "drop"] => false,
        _ => panic!("{row}"),
    };
    let mut v4 = None;
    let mut words = &rest[..];
    while !words.is_empty() {
        let taken = match words {
            ["ether", "saddr", mac, ..] => {
                line.source_mac = Some(mac.parse().unwrap());
                3
            }
            ["ether", "daddr", mac, ..] => {
                line.target_mac = Some(mac.parse().unwrap());
                3
            }
            [family @ ("ip" | "ip6"), end @ ("saddr" | "daddr"), network, ..] => {
                v4 = Some(*family == "ip");
                let network = Some(network.parse().unwrap());
                if *end == "saddr" {
                    line.source = network;
                } else {
                    line.target = network;
                }
                3
            }
            ["meta", "nfproto", family @ ("ipv4" | "ipv6"), ..] => {
                v4 = Some(*family == "ipv4");
                3
            }
            ["meta", "l4proto", carried, ..] => {
                line.transport = Some(match *carried {
                    "tcp" => Transport::Tcp,
                    "udp" => Transport::Udp,
                    "icmp" | "ipv6-icmp" => Transport::Icmp,
                    number => transport(number.parse().unwrap()),
                });
                3
            }
            [carried @ ("tcp" | "udp"), end @ ("sport" | "dport"), ports, ..] => {
                line.transport = Some(if *carried == "tcp" { Transport::Tcp } else { Transport::Udp });
                let ports = Some(range(ports));
                if *end == "sport" {
                    line.source_ports = ports;
                } else {
                    line.target_ports = ports;
                }
                3
            }
            ["icmp" | "icmpv6", "type", types, ..] => {
                line.transport = Some(Transport::Icmp);
                line.target_ports = Some(range(types));
                3
            }
            ["tcp", "flags", "&", "(ack", "|", "rst)", "!=", "0x0", ..] => {
                line.answer = true;
                8
            }
            ["ct", "state", "established", ..] => {
                line.answer = true;
                3
            }
            _ => panic!("{row}"),
        };
        words = &words[taken..];
    }
    if let Some(v4) = v4 {
        let all = Some(whole(v4));
        line.source = line.source.or(all);
        line.target = line.target.or(all);
    }
    line
}
