//! What only shows over time: rhythm, searching.

use crate::bench::{CENTRAL, GATEWAY, MONITOR, Ward};
use model::{Certainty, Detail, Fact, LinkFact, Side, Transport};

const HOME: &str = "203.0.113.7";
const WORKSTATION: (&str, &str) = ("02:00:00:00:00:99", "192.168.10.99");

/// A monitor, known by its telemetry to a central station of the site, behind whose gateway the world is.
fn ward() -> Ward {
    let mut ward = Ward::new();
    ward.owns(GATEWAY);
    ward.owns(MONITOR);
    ward.owns((CENTRAL.0, "192.168.10.5"));
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 39_000), (CENTRAL.0, "192.168.10.5", 515));
    ward.server(flow, Fact::Answered);
    ward.telemetry(flow, 7, 5);
    // So that the gateway is known as one.
    let flow = ward.tcp((WORKSTATION.0, WORKSTATION.1, 39_001), (GATEWAY.0, "198.51.100.1", 443));
    ward.server(flow, Fact::Answered);
    ward.end(flow, (4, 400), (4, 4000));
    ward
}

struct Call {
    from: (&'static str, &'static str),
    port: u16,
    transport: Transport,
    answered: bool,
    /// Payload of the call at this place.
    bytes: fn(u64) -> u64,
}

const CALL: Call =
    Call { from: MONITOR, port: 8080, transport: Transport::Tcp, answered: true, bytes: |_| 300 };

/// Calls with these pauses between them, in seconds.
fn calls(ward: &mut Ward, call: &Call, pauses: &[i64]) {
    for (at, pause) in (0..).zip(pauses) {
        let client = (call.from.0, call.from.1, 40_000 + at as u16);
        let flow = ward.open(call.transport, client, (GATEWAY.0, HOME, call.port));
        if call.answered {
            ward.server(flow, Fact::Answered);
        }
        let (out, back) = if call.answered { ((5, 100), (4, (call.bytes)(at))) } else { ((5, 0), (0, 0)) };
        ward.end(flow, out, back);
        ward.wait(*pause);
    }
}

const REGULAR: [i64; 16] = [60, 63, 58, 60, 61, 120, 60, 59, 60, 62, 60, 60, 57, 61, 60, 60];
const WORK: [i64; 16] = [3, 140, 22, 7, 61, 410, 15, 9, 230, 2, 75, 33, 900, 12, 48, 5];

#[test]
fn a_monitor_that_calls_home_by_the_clock_is_found() {
    let mut ward = ward();
    calls(&mut ward, &CALL, &REGULAR);
    let found = ward.finding("beacon");
    assert_eq!((found.severity.as_str(), found.certainty), ("medium", Certainty::Confirmed));
    assert_eq!(found.count, 16);
    assert_eq!(found.details["period"], Detail::Text("60.0 s".to_owned()));
    assert!(
        found.title.contains("203.0.113.7") && found.why.contains("16 times"),
        "{}: {}",
        found.title,
        found.why
    );
    assert!(ward.rules().contains(&"offsite-egress"));
}

#[test]
fn calls_that_nobody_answers_are_an_attempt() {
    let mut ward = ward();
    calls(&mut ward, &Call { answered: false, ..CALL }, &REGULAR);
    assert_eq!(ward.finding("beacon").certainty, Certainty::Attempted);
}

#[test]
fn what_only_looks_like_calling_home_is_not_found() {
    let cases: [(&str, Call, &[i64]); 5] = [
        ("people's pace", CALL, &WORK),
        ("telemetry: other sizes each time", Call { bytes: |at| 300 + 450 * (at % 7), ..CALL }, &REGULAR),
        ("the time", Call { port: 123, transport: Transport::Udp, ..CALL }, &REGULAR),
        ("a workstation", Call { from: WORKSTATION, ..CALL }, &REGULAR),
        ("too few", CALL, &REGULAR[..7]),
    ];
    for (what, call, pauses) in cases {
        let mut ward = ward();
        calls(&mut ward, &call, pauses);
        assert!(!ward.rules().contains(&"beacon"), "{what}");
    }
}

#[test]
fn a_known_port_does_not_hide_what_is_spoken() {
    let mut ward = ward();
    for pause in REGULAR {
        let flow = ward.udp((MONITOR.0, MONITOR.1, 40_000), (GATEWAY.0, HOME, 123));
        ward.server(flow, Fact::Answered);
        ward.fact(flow, Side::Client, Fact::Speaks("tftp"));
        ward.end(flow, (1, 100), (1, 100));
        ward.wait(pause);
    }
    assert_eq!(ward.finding("beacon").peer.unwrap().endpoint.port, 123);
}

/// `client` tries `port` of a host that does not let it in.
fn tries(ward: &mut Ward, client: (&str, &str), host: u8, port: u16) {
    let ip = format!("192.168.10.{host}");
    let mac = format!("02:00:00:00:01:{host:02x}");
    ward.owns((&mac, &ip));
    let flow = ward.tcp((client.0, client.1, 42_000 + u16::from(host)), (&mac, &ip, port));
    ward.end(flow, (1, 0), (0, 0));
    ward.wait(2);
}

fn kinds(ward: &Ward) -> Vec<(String, &'static str, Certainty)> {
    let rows = ward.findings().into_iter().filter(|finding| finding.rule == "lateral-movement");
    let kind = |detail: Option<&Detail>| match detail {
        Some(Detail::Text(text)) => text.clone(),
        other => format!("{other:?}"),
    };
    rows.map(|finding| (kind(finding.details.get("kind")), finding.severity.as_str(), finding.certainty))
        .collect()
}

#[test]
fn a_monitor_that_tries_many_hosts_or_ports_is_found() {
    let mut hosts = ward();
    (100..110).for_each(|host| tries(&mut hosts, MONITOR, host, 9100));
    assert_eq!(kinds(&hosts), [("hosts".to_owned(), "high", Certainty::Likely)]);
    let mut ports = ward();
    (1000..1012).for_each(|port| tries(&mut ports, MONITOR, 100, port));
    assert_eq!(kinds(&ports), [("ports".to_owned(), "high", Certainty::Likely)]);
    let found = ports.finding("lateral-movement");
    assert!(
        found.why.contains("12 ports of another host") && found.why.contains("192.168.10.100"),
        "{}",
        found.why
    );
}

#[test]
fn one_who_is_let_in_as_often_as_not_knows_whom_to_call() {
    let mut ward = ward();
    for host in 100..110 {
        tries(&mut ward, MONITOR, host, 9100);
        for other in [host + 50, host + 80] {
            let (ip, mac) = (format!("192.168.10.{other}"), format!("02:00:00:00:01:{other:02x}"));
            let flow = ward.tcp((MONITOR.0, MONITOR.1, 43_000 + u16::from(other)), (&mac, &ip, 9100));
            ward.server(flow, Fact::Answered);
            ward.end(flow, (5, 100), (5, 100));
        }
    }
    assert_eq!(kinds(&ward), []);
}

#[test]
fn failures_far_apart_are_no_search() {
    let mut ward = ward();
    for host in 100..120 {
        tries(&mut ward, MONITOR, host, 9100);
        ward.wait(3600);
    }
    assert_eq!(kinds(&ward), []);
}

#[test]
fn nothing_is_concluded_from_answers_that_may_be_lost() {
    let mut ward = ward();
    for host in 100..110 {
        tries(&mut ward, MONITOR, host, 9100);
        ward.link(("00:00:00:00:00:00", ""), LinkFact::Lost(1000));
    }
    assert_eq!(kinds(&ward), []);
}

#[test]
fn a_sweep_of_the_link_is_found_and_a_routers_is_not() {
    let mut sweep = ward();
    for host in 60..90 {
        sweep.asks(MONITOR, &format!("192.168.10.{host}"));
        sweep.asks(GATEWAY, &format!("192.168.10.{}", host + 30));
    }
    assert_eq!(kinds(&sweep), [("sweep".to_owned(), "high", Certainty::Likely)]);
    // Those that answer are there.
    for host in 60..80 {
        sweep.owns((&format!("02:00:00:00:02:{host:02x}"), &format!("192.168.10.{host}")));
    }
    assert_eq!(kinds(&sweep), []);
}

#[test]
fn a_terminal_that_a_monitor_opens_is_found_and_an_administrators_is_not() {
    let mut ward = ward();
    let open = |ward: &mut Ward, client: (&str, &str), answered: bool| {
        ward.owns(("02:00:00:00:03:01", "192.168.10.200"));
        let flow = ward.tcp((client.0, client.1, 44_000), ("02:00:00:00:03:01", "192.168.10.200", 22));
        if answered {
            ward.server(flow, Fact::Answered);
            ward.fact(flow, Side::Client, Fact::Speaks("ssh"));
        }
        let (out, back) = if answered { ((5, 100), (5, 100)) } else { ((3, 0), (0, 0)) };
        ward.end(flow, out, back);
    };
    open(&mut ward, WORKSTATION, true);
    assert_eq!(kinds(&ward), []);
    open(&mut ward, MONITOR, false);
    assert_eq!(kinds(&ward), [("administration".to_owned(), "high", Certainty::Attempted)]);
    open(&mut ward, MONITOR, true);
    assert_eq!(kinds(&ward), [("administration".to_owned(), "high", Certainty::Confirmed)]);
}

#[test]
fn a_workstation_that_tries_the_monitors_is_as_grave_as_they_are() {
    let mut ward = ward();
    (100..110).for_each(|host| tries(&mut ward, WORKSTATION, host, 80));
    assert_eq!(kinds(&ward), [("hosts".to_owned(), "medium", Certainty::Likely)]);
    let flow = ward.tcp((WORKSTATION.0, WORKSTATION.1, 45_000), (MONITOR.0, MONITOR.1, 80));
    ward.end(flow, (1, 0), (0, 0));
    assert_eq!(kinds(&ward), [("hosts".to_owned(), "high", Certainty::Likely)]);
}

#[test]
fn a_beacon_is_found_though_the_clock_was_set_and_none_is_made_by_it() {
    for by in [86_400, 3_600, -3_600, -86_400] {
        for (pauses, found) in [(REGULAR, true), (WORK, false)] {
            let mut ward = ward();
            calls(&mut ward, &CALL, &pauses[..8]);
            ward.wait(by);
            ward.link(("00:00:00:00:00:00", ""), LinkFact::ClockSet(by * 1_000_000_000));
            calls(&mut ward, &CALL, &pauses[8..]);
            assert_eq!(ward.rules().contains(&"beacon"), found, "by {by} s");
        }
    }
}
