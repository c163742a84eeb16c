//! FortiOS configuration commands.

use crate::{Said, blank, ports, transport, whole, without_comments};
use model::{Prefix, Transport};
use policy::{Line, Ports};
use std::collections::BTreeMap;

type Table<'a> = Vec<(String, BTreeMap<&'a str, String>)>;

/// `config PATH … end` with its `edit … next` blocks.
fn tables(text: &str) -> BTreeMap<&str, Table<'_>> {
    let mut tables: BTreeMap<&str, Table<'_>> = BTreeMap::new();
    let mut path: Option<&str> = None;
    let mut edit: Option<(String, BTreeMap<&str, String>)> = None;
    for row in without_comments(text, "#") {
        let words: Vec<&str> = row.trim().splitn(3, ' ').collect();
        match (words[0], path) {
            ("config", None) => {
                path = row.strip_prefix("config ");
                tables.entry(path.unwrap()).or_default();
            }
            ("edit", Some(_)) => {
                assert!(edit.is_none());
                edit = Some((quoted(row.trim().strip_prefix("edit ").unwrap()), BTreeMap::new()));
            }
            ("set", Some(_)) => {
                let twice = edit.as_mut().unwrap().1.insert(words[1], quoted(words[2]));
                assert_eq!(twice, None, "{row}");
            }
            ("next", Some(path)) => tables.get_mut(path).unwrap().push(edit.take().unwrap()),
            ("end", Some(_)) => path = None,
            _ => panic!("{row}"),
        }
    }
    assert!(path.is_none() && edit.is_none());
    tables
}

fn quoted(text: &str) -> String {
    let inner = text.strip_prefix('"').map(|text| text.strip_suffix('"').unwrap()).unwrap_or(text);
    assert!(!inner.contains(['"', '\\']), "{text}");
    inner.to_owned()
}

pub(crate) fn read(text: &str) -> Said {
    let tables = tables(text);
    let addresses = |table: &str, key: &str| -> BTreeMap<String, Prefix> {
        let rows = tables[table].iter();
        rows.map(|(name, settings)| (name.clone(), settings[key].parse().unwrap())).collect()
    };
    let v4 = addresses("firewall address", "subnet");
    let v6 = addresses("firewall address6", "ip6");
    assert!(v4.values().all(Prefix::is_ipv4) && !v6.values().any(Prefix::is_ipv4));
    let services: BTreeMap<_, _> = tables["firewall service custom"].iter().cloned().collect();
    let (mut lines, mut rests) = (Vec::new(), 0);
    for (name, settings) in &tables["firewall policy"] {
        assert_eq!(name, "0");
        let is_v4 = settings.contains_key("srcaddr");
        let known = if is_v4 { &v4 } else { &v6 };
        let end = |key: &str| -> Prefix {
            match settings[if is_v4 { key.to_owned() } else { format!("{key}6") }.as_str()].as_str() {
                "all" => whole(is_v4),
                name => known[name],
            }
        };
        let permit = match settings["action"].as_str() {
            "accept" => true,
            "deny" => false,
            other => panic!("{other}"),
        };
        let mut line = Line { source: Some(end("srcaddr")), target: Some(end("dstaddr")), ..blank(permit) };
        if settings["service"] != "ALL" {
            (line.transport, line.target_ports) = service(&services[&settings["service"]], is_v4);
        } else if line.source == Some(whole(is_v4)) && line.target == Some(whole(is_v4)) {
            assert!(!permit);
            rests += 1;
            continue;
        }
        lines.push(line);
    }
    assert!(rests == 0 || rests >= 2);
    Said { lines, rest: rests == 0 }
}

fn service(settings: &BTreeMap<&str, String>, v4: bool) -> (Option<Transport>, Option<Ports>) {
    let range = |text: &String| {
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        // Port 0 is no service: all ports are 1-65535.
        (text != "1-65535").then(|| ports(low, high))
    };
    if let Some(ports) = settings.get("tcp-portrange") {
        return (Some(Transport::Tcp), range(ports));
    }
    if let Some(ports) = settings.get("udp-portrange") {
        return (Some(Transport::Udp), range(ports));
    }
    let kind = settings.get("icmptype").map(|kind| Ports::one(kind.parse::<u8>().unwrap().into()));
    match settings["protocol"].as_str() {
        "ICMP" if v4 => (Some(Transport::Icmp), kind),
        "ICMP6" if !v4 => (Some(Transport::Icmp), kind),
        "IP" => (Some(transport(settings["protocol-number"].parse().unwrap())), None),
        other => panic!("{other}"),
    }
}
