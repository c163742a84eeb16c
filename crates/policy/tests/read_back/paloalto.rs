//! PAN-OS set commands.

use crate::{Said, blank, ports, without_comments};
use model::{Prefix, Transport};
use policy::{Line, Ports};
use std::collections::BTreeMap;

pub(crate) fn read(text: &str) -> Said {
    let mut addresses: BTreeMap<&str, Prefix> = BTreeMap::new();
    let mut services: BTreeMap<&str, (Transport, Option<Ports>)> = BTreeMap::new();
    let mut said = Said { lines: Vec::new(), rest: true };
    for row in without_comments(text, "#") {
        if let Some(rule) = row.strip_prefix("set rulebase security rules ") {
            assert!(said.rest, "a rule behind the last");
            rule_of(rule, &addresses, &services, &mut said);
            continue;
        }
        let words: Vec<&str> = row.split(' ').collect();
        match words[..] {
            ["set", "address", name, "ip-netmask", network] => {
                addresses.insert(name, network.parse().unwrap());
            }
            ["set", "service", name, "protocol", carried, "port", range] => {
                let transport = match carried {
                    "tcp" => Transport::Tcp,
                    "udp" => Transport::Udp,
                    other => panic!("{other}"),
                };
                let (low, high) = range.split_once('-').unwrap_or((range, range));
                services.insert(name, (transport, Some(ports(low, high))));
            }
            _ => panic!("{row}"),
        }
    }
    said
}

fn rule_of(
    rule: &str,
    addresses: &BTreeMap<&str, Prefix>,
    services: &BTreeMap<&str, (Transport, Option<Ports>)>,
    said: &mut Said,
) {
    let (rule, description) = rule.split_once(" description ").unwrap();
    let name = description.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
    assert!(name.chars().all(|letter| letter.is_ascii_alphanumeric() || " ._:/".contains(letter)), "{name}");
    let rule = rule.replace("[ icmp ping traceroute ]", "ICMP").replace("[ ipv6-icmp ping6 ]", "ICMP6");
    let words: Vec<&str> = rule.split(' ').collect();
    let [
        _,
        "from",
        "any",
        "to",
        "any",
        "source",
        source,
        "destination",
        target,
        "application",
        application,
        "service",
        service,
        "action",
        action,
        "log-end",
        "yes",
    ] = words[..]
    else {
        panic!("{rule}")
    };
    let permit = match action {
        "allow" => true,
        "drop" => false,
        other => panic!("{other}"),
    };
    if source == "any" && target == "any" {
        assert!(!permit && application == "any" && service == "any");
        said.rest = false;
        return;
    }
    let mut line = Line { source: Some(addresses[source]), target: Some(addresses[target]), ..blank(permit) };
    match (application, service) {
        ("any", "any") => {}
        ("ICMP" | "ICMP6", "application-default") => line.transport = Some(Transport::Icmp),
        ("any", service) => {
            let (transport, range) = services[service];
            (line.transport, line.target_ports) = (Some(transport), range);
        }
        other => panic!("{other:?}"),
    }
    said.lines.push(line);
}
