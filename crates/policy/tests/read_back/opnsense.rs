//! The filter section of OPNsense's config.xml.

use crate::{Said, blank, ports, transport, whole};
use model::{Prefix, Transport};
use policy::{Line, Ports};

/// The content of `<name>…</name>` at the beginning of `text`, and what follows it.
fn element<'a>(text: &'a str, name: &str) -> (&'a str, &'a str) {
    let text = text.trim_start();
    let inner = text.strip_prefix(&format!("<{name}>")).unwrap_or_else(|| panic!("<{name}> in {text:.80}"));
    inner.split_once(&format!("</{name}>")).unwrap()
}

pub(crate) fn read(text: &str) -> Said {
    let mut text = text.trim_start();
    while let Some(rest) = text.strip_prefix("<!--") {
        let (comment, rest) = rest.split_once("-->").unwrap();
        assert!(!comment.contains(['<', '>', '&']) && !comment.contains("--"), "{comment}");
        text = rest.trim_start();
    }
    let (filter, end) = element(element(text, "opnsense").0, "filter");
    assert_eq!(end.trim(), "");
    assert_eq!(element(text, "opnsense").1.trim(), "");
    let (mut rules, mut lines, mut rests) = (filter.trim(), Vec::new(), 0);
    while !rules.is_empty() {
        let (rule, rest) = element(rules, "rule");
        rules = rest.trim_start();
        let line = one(rule);
        if line.transport.is_none() && [line.source, line.target] == [Some(whole(true)); 2]
            || [line.source, line.target] == [Some(whole(false)); 2] && line.transport.is_none()
        {
            assert!(!line.permit);
            rests += 1;
        } else {
            lines.push(line);
        }
    }
    assert!(rests == 0 || rests >= 2);
    Said { lines, rest: rests == 0 }
}

fn one(rule: &str) -> Line {
    let (kind, rule) = element(rule, "type");
    let mut line = blank(match kind {
        "pass" => true,
        "block" => false,
        other => panic!("{other}"),
    });
    let (family, rule) = element(rule, "ipprotocol");
    let v4 = match family {
        "inet" => true,
        "inet6" => false,
        other => panic!("{other}"),
    };
    let mut rule = rule;
    for (name, value) in
        [("floating", "yes"), ("quick", "1"), ("direction", "any"), ("statetype", "keep state")]
    {
        let (found, rest) = element(rule, name);
        assert_eq!(found, value);
        rule = rest;
    }
    let (carried, rule) = element(rule, "protocol");
    line.transport = match carried {
        "any" => None,
        "tcp" => Some(Transport::Tcp),
        "udp" => Some(Transport::Udp),
        "icmp" if v4 => Some(Transport::Icmp),
        "ipv6-icmp" if !v4 => Some(Transport::Icmp),
        number => Some(transport(number.parse().unwrap())),
    };
    let (source, rule) = element(rule, "source");
    let (target, rule) = element(rule, "destination");
    (line.source, line.source_ports) = end(source, v4);
    (line.target, line.target_ports) = end(target, v4);
    let (name, rest) = element(rule, "descr");
    assert!(name.chars().all(|letter| letter.is_ascii_alphanumeric() || " ._:/".contains(letter)), "{name}");
    assert_eq!(rest, "");
    line
}

fn end(text: &str, v4: bool) -> (Option<Prefix>, Option<Ports>) {
    let (network, rest) = if text.starts_with("<any>") {
        let (one, rest) = element(text, "any");
        assert_eq!(one, "1");
        (whole(v4), rest)
    } else {
        let (network, rest) = element(text, "network");
        (network.parse().unwrap(), rest)
    };
    let range = (!rest.is_empty()).then(|| {
        let (range, rest) = element(rest, "port");
        assert_eq!(rest, "");
        let (low, high) = range.split_once('-').unwrap_or((range, range));
        ports(low, high)
    });
    (Some(network), range)
}
