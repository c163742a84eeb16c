//! PowerShell's New-NetFirewallRule: rules that allow, over a default of block.

use crate::{Said, blank, ports, transport, without_comments};
use model::{Prefix, Transport};
use policy::{Line, Ports};
use std::collections::BTreeMap;

pub(crate) fn read(text: &str) -> Said {
    let rows = without_comments(text, "#");
    assert_eq!(
        rows[0],
        "Get-NetFirewallRule -Group 'lazaret' -ErrorAction SilentlyContinue | Remove-NetFirewallRule"
    );
    let last =
        "Set-NetFirewallProfile -All -Enabled True -DefaultInboundAction Block -DefaultOutboundAction Block";
    assert_eq!(*rows.last().unwrap(), last);
    Said { lines: rows[1..rows.len() - 1].iter().map(|row| rule(row)).collect(), rest: false }
}

/// Words of a command; text in single quotes is one word.
fn words(row: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = row;
    while !rest.is_empty() {
        let (word, more) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').unwrap(),
            None => rest.split_at(rest.find(' ').unwrap_or(rest.len())),
        };
        found.push(word);
        rest = more.strip_prefix(' ').unwrap_or(more);
    }
    found
}

fn rule(row: &str) -> Line {
    let words = words(row.strip_prefix("New-NetFirewallRule ").unwrap());
    let settings: BTreeMap<&str, &str> = words.chunks(2).map(|pair| (pair[0], pair[1])).collect();
    let keys = [
        "-Name",
        "-Group",
        "-DisplayName",
        "-Direction",
        "-Action",
        "-Protocol",
        "-LocalAddress",
        "-RemoteAddress",
    ];
    assert!(keys.iter().all(|key| settings.contains_key(key)), "{row}");
    let more = ["-LocalPort", "-RemotePort", "-IcmpType"];
    assert!(settings.keys().all(|key| keys.contains(key) || more.contains(key)), "{row}");
    assert_eq!((settings["-Group"], settings["-Action"]), ("lazaret", "Allow"));
    let mut line = blank(true);
    let out = settings["-Direction"] == "Outbound";
    assert!(out || settings["-Direction"] == "Inbound");
    line.transport = Some(match settings["-Protocol"] {
        "TCP" => Transport::Tcp,
        "UDP" => Transport::Udp,
        "ICMPv4" | "ICMPv6" => Transport::Icmp,
        number => transport(number.parse().unwrap()),
    });
    let network = |key: &str| -> Option<Prefix> { Some(settings[key].parse().unwrap()) };
    let (own, peer) = (network("-LocalAddress"), network("-RemoteAddress"));
    (line.source, line.target) = if out { (own, peer) } else { (peer, own) };
    let range = |text: &&str| -> Ports {
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        ports(low, high)
    };
    line.target_ports = settings.get(if out { "-RemotePort" } else { "-LocalPort" }).map(range);
    if let Some(kind) = settings.get("-IcmpType") {
        assert_eq!(line.transport, Some(Transport::Icmp));
        line.target_ports = Some(range(kind));
    }
    assert!(!settings.contains_key(if out { "-LocalPort" } else { "-RemotePort" }), "{row}");
    line
}
