//! Access lists of Cisco IOS and Arista EOS.

use crate::{Said, blank, ports, transport, whole, without_comments};
use model::{Prefix, Transport};
use policy::{Line, Ports};
use std::net::Ipv4Addr;

struct Words<'a>(std::iter::Peekable<std::str::SplitWhitespace<'a>>);

pub(crate) fn read_cisco(text: &str) -> Said {
    read(text, ["ip access-list extended LAZARET", "ipv6 access-list LAZARET6"], "icmp", true)
}

pub(crate) fn read_arista(text: &str) -> Said {
    read(text, ["ip access-list LAZARET", "ipv6 access-list LAZARET6"], "icmpv6", false)
}

fn read(text: &str, heads: [&str; 2], icmp6: &str, wildcards: bool) -> Said {
    let (mut lines, mut rests) = (Vec::new(), Vec::new());
    let mut v4 = None;
    let mut entries = 0;
    for row in without_comments(text, "!") {
        if let Some(at) = heads.iter().position(|head| *head == row) {
            v4 = Some(at == 0);
            entries = 0;
            continue;
        }
        let v4 = v4.unwrap();
        let row = row.strip_prefix(' ').unwrap();
        if row.starts_with("remark ") {
            assert!(
                row.chars().all(|letter| letter.is_ascii_alphanumeric() || " ._:/".contains(letter)),
                "{row}"
            );
            continue;
        }
        let mut words = Words(row.split_whitespace().peekable());
        let (line, fragments) = entry(&mut words, v4, icmp6, wildcards);
        assert_eq!(words.0.next(), None, "{row}");
        if fragments {
            // They must come before any entry with ports.
            assert!(entries == 0 && !line.permit, "{row}");
            continue;
        }
        entries += 1;
        if line.source.is_none() && line.target.is_none() && line.transport.is_none() {
            rests.push(line.permit);
        } else {
            assert_eq!(rests.len(), usize::from(!v4), "an entry behind the last: {row}");
            let all = Some(whole(v4));
            lines.push(Line { source: line.source.or(all), target: line.target.or(all), ..line });
        }
    }
    let [a, b] = rests[..] else { panic!("two lists, each with an end: {rests:?}") };
    assert_eq!(a, b);
    Said { lines, rest: a }
}

fn entry(words: &mut Words<'_>, v4: bool, icmp6: &str, wildcards: bool) -> (Line, bool) {
    let permit = match words.0.next().unwrap() {
        "permit" => true,
        "deny" => false,
        other => panic!("{other}"),
    };
    let carried = match words.0.next().unwrap() {
        word if word == if v4 { "ip" } else { "ipv6" } => None,
        "tcp" => Some(Transport::Tcp),
        "udp" => Some(Transport::Udp),
        word if word == if v4 { "icmp" } else { icmp6 } => Some(Transport::Icmp),
        number => Some(transport(number.parse().unwrap())),
    };
    let with_ports = matches!(carried, Some(Transport::Tcp | Transport::Udp));
    let mut line = Line { transport: carried, ..blank(permit) };
    line.source = network(words, v4, wildcards);
    line.source_ports = range(words, with_ports);
    line.target = network(words, v4, wildcards);
    line.target_ports = range(words, with_ports);
    let mut fragments = false;
    if let Some(word) = words.0.next() {
        match (word, carried) {
            ("established", Some(Transport::Tcp)) => line.answer = true,
            ("fragments", None) => fragments = true,
            (kind, Some(Transport::Icmp)) => {
                line.target_ports = Some(Ports::one(kind.parse::<u8>().unwrap().into()));
            }
            other => panic!("{other:?}"),
        }
    }
    (line, fragments)
}

fn network(words: &mut Words<'_>, v4: bool, wildcards: bool) -> Option<Prefix> {
    let word = words.0.next().unwrap();
    let prefix: Prefix = match word {
        "any" => return None,
        "host" => format!("{}/{}", words.0.next().unwrap(), if v4 { 32 } else { 128 }).parse().unwrap(),
        ip if v4 && wildcards => {
            let wildcard = words.0.next().unwrap().parse::<Ipv4Addr>().unwrap().to_bits();
            let bits = wildcard.leading_zeros();
            assert_eq!(wildcard, u32::MAX.checked_shr(bits).unwrap_or(0), "a wildcard with holes");
            format!("{ip}/{bits}").parse().unwrap()
        }
        prefix => prefix.parse().unwrap(),
    };
    assert_eq!(prefix.is_ipv4(), v4);
    Some(prefix)
}

fn range(words: &mut Words<'_>, with_ports: bool) -> Option<Ports> {
    let word = *words.0.peek()?;
    match word {
        "eq" if with_ports => {
            words.0.next();
            let port = words.0.next().unwrap();
            Some(ports(port, port))
        }
        "range" if with_ports => {
            words.0.next();
            Some(ports(words.0.next().unwrap(), words.0.next().unwrap()))
        }
        _ => None,
    }
}
