//! What is judged by a device's own past, and by what the site allows.

use crate::bench::{CENTRAL, GATEWAY, MONITOR, Ward, ip, mac};
use detect::{Blame, Past, PastAsset, PastConversation};
use model::{AssetId, CaptureTime, Certainty, Direction, Endpoint, Fact, FlowId, LinkFact, Side, Transport};
use std::collections::BTreeMap;

const HOUR: i64 = 3600;
const STATION: (&str, &str) = (CENTRAL.0, "192.168.10.5");
const ENGINE: (&str, &str) = ("02:00:00:00:00:77", "192.168.10.77");
const LAPTOP: (&str, &str) = ("02:00:00:00:00:99", "192.168.10.99");
const MAKER: &str = "198.51.100.9";

/// A monitor that has begun to send to its central station.
fn ward(site: &str) -> (Ward, FlowId) {
    let mut ward = Ward::with_site(site);
    for host in [GATEWAY, MONITOR, STATION, ENGINE, LAPTOP] {
        ward.owns(host);
    }
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 39_000), (STATION.0, STATION.1, 515));
    ward.server(flow, Fact::Answered);
    ward.telemetry(flow, 7, 5);
    (ward, flow)
}

/// One answered connection.
fn visit(ward: &mut Ward, client: (&str, &str), server: (&str, &str), port: u16) {
    let flow = ward.tcp((client.0, client.1, 50_000), (server.0, server.1, port));
    ward.server(flow, Fact::Answered);
    ward.end(flow, (5, 300), (5, 300));
    ward.wait(10);
}

/// Findings of these rules.
fn of_rules(ward: &Ward, rules: &[&str]) -> Vec<(&'static str, &'static str, Certainty)> {
    let rows = ward.findings().into_iter().filter(|finding| rules.contains(&finding.rule));
    rows.map(|finding| (finding.rule, finding.severity.as_str(), finding.certainty)).collect()
}

/// Findings by a device's own past. What its profile does not name is told beside them, whatever the past.
fn told(ward: &Ward) -> Vec<(&'static str, &'static str, Certainty)> {
    of_rules(ward, &["new-peer", "new-service", "device-silent"])
}

/// Findings by what is allowed.
fn violations(ward: &Ward) -> Vec<(&'static str, &'static str, Certainty)> {
    of_rules(ward, &["policy-violation"])
}

#[test]
fn a_peer_and_a_service_that_were_not_there_while_it_was_learnt_are_told() {
    let (mut ward, _) = ward("");
    visit(&mut ward, MONITOR, ENGINE, 2575);
    visit(&mut ward, LAPTOP, MONITOR, 80);
    ward.wait(25 * HOUR);
    visit(&mut ward, MONITOR, ENGINE, 9999);
    visit(&mut ward, LAPTOP, MONITOR, 80);
    assert_eq!(told(&ward), [], "who was there may do something else");
    visit(&mut ward, MONITOR, GATEWAY, 8000);
    visit(&mut ward, ("02:00:00:00:00:55", "192.168.10.55"), MONITOR, 4444);
    let new = [
        ("new-peer", "medium", Certainty::Confirmed),
        ("new-service", "medium", Certainty::Confirmed),
        ("new-peer", "low", Certainty::Confirmed),
    ];
    assert_eq!(told(&ward), new);
    let found = ward.finding("new-service");
    assert!(found.title.contains("tcp port 4444") && found.why.contains("24 hours"), "{}", found.why);
}

#[test]
fn nothing_is_new_of_a_device_that_is_still_learnt_or_never() {
    for (site, hours) in [("", 20), ("[learning]\nhours = 168", 100), ("[learning]\nhours = 0", 1000)] {
        let (mut ward, _) = ward(site);
        ward.wait(hours * HOUR);
        visit(&mut ward, MONITOR, ENGINE, 2575);
        assert_eq!(told(&ward), [], "{site}");
    }
    // 1,767,225,600 s is the beginning of 2026.
    let (mut ward, _) = ward("[learning]\nuntil = \"2026-01-01T03:00:00Z\"");
    ward.wait(4 * HOUR);
    visit(&mut ward, MONITOR, ENGINE, 2575);
    assert_eq!(told(&ward), [("new-peer", "medium", Certainty::Confirmed)]);
}

#[test]
fn losses_while_it_was_learnt_make_what_is_new_unsure() {
    let (mut ward, _) = ward("");
    ward.wait(HOUR);
    ward.link(("00:00:00:00:00:00", ""), LinkFact::Lost(50));
    ward.wait(25 * HOUR);
    visit(&mut ward, MONITOR, ENGINE, 2575);
    assert_eq!(told(&ward), [("new-peer", "medium", Certainty::Likely)]);
}

#[test]
fn names_time_and_addresses_are_never_new() {
    let (mut ward, _) = ward("");
    ward.wait(25 * HOUR);
    for port in [53, 67, 123] {
        let flow = ward.udp((MONITOR.0, MONITOR.1, 50_000), (ENGINE.0, ENGINE.1, port));
        ward.server(flow, Fact::Answered);
        ward.end(flow, (1, 60), (1, 60));
    }
    assert_eq!(told(&ward), []);
}

fn past(first_hours_ago: i64, blame: Blame, now: CaptureTime) -> Past {
    let first = now.plus_nanos(-first_hours_ago * HOUR * 1_000_000_000);
    let with = |host: (&str, &str), port, blame| PastConversation {
        peer: Endpoint { ip: ip(host.1), port },
        transport: Transport::Tcp,
        direction: Direction::Out,
        first: first.plus_nanos(60_000_000_000),
        blame,
    };
    let conversations = vec![with(STATION, 515, Blame::None), with(ENGINE, 2575, blame)];
    Past(BTreeMap::from([(monitor(), PastAsset { first, conversations })]))
}

/// The id that the monitor has in every run.
fn monitor() -> AssetId {
    let (ward, _) = ward("");
    ward.asset(MONITOR.1).id
}

#[test]
fn a_stores_past_counts_and_what_was_blamed_is_not_learnt() {
    for (blame, strange) in [(Blame::None, false), (Blame::Stands, true), (Blame::TakenBack, false)] {
        let (mut ward, _) = ward("");
        let now = ward.now();
        ward.judgement = ward.judgement.remembering(past(48, blame, now));
        visit(&mut ward, MONITOR, ENGINE, 2575);
        assert_eq!(told(&ward).is_empty(), !strange, "{blame:?}");
        visit(&mut ward, MONITOR, GATEWAY, 8000);
        assert!(ward.rules().contains(&"new-peer"), "{blame:?}");
    }
    let (mut ward, _) = ward("");
    let now = ward.now();
    ward.judgement = ward.judgement.remembering(past(3, Blame::None, now));
    visit(&mut ward, MONITOR, GATEWAY, 8000);
    assert_eq!(told(&ward), [], "three hours are no past");
}

#[test]
fn what_a_finding_is_about_is_not_learnt() {
    let (mut ward, _) = ward("");
    // It asks the engine for a file system, which is a finding about the two.
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 50_000), (ENGINE.0, ENGINE.1, 2049));
    ward.end(flow, (3, 0), (0, 0));
    assert!(ward.rules().contains(&"remote-mount"));
    ward.wait(25 * HOUR);
    visit(&mut ward, MONITOR, ENGINE, 2575);
    assert_eq!(told(&ward), [("new-peer", "medium", Certainty::Confirmed)]);
}

#[test]
fn a_server_that_never_went_outside_and_now_does_is_told_and_an_office_machine_is_not() {
    let (mut ward, _) = ward("");
    let engine = |ward: &mut Ward| {
        let flow = ward.tcp((MONITOR.0, MONITOR.1, 50_000), (ENGINE.0, ENGINE.1, 2575));
        ward.server(flow, Fact::Answered);
        ward.fact(flow, Side::Client, Fact::Speaks("hl7"));
        ward.end(flow, (5, 300), (5, 300));
    };
    engine(&mut ward);
    ward.wait(25 * HOUR);
    let outside = (GATEWAY.0, MAKER);
    visit(&mut ward, LAPTOP, outside, 443);
    visit(&mut ward, LAPTOP, (GATEWAY.0, "203.0.113.4"), 443);
    assert!(!ward.rules().contains(&"offsite-egress"));
    visit(&mut ward, ENGINE, outside, 443);
    let found = ward.finding("offsite-egress");
    assert_eq!((found.severity.as_str(), found.certainty), ("medium", Certainty::Likely));
    assert_eq!(found.asset, ward.asset(ENGINE.1).id);
}

#[test]
fn a_device_that_is_not_heard_any_more_is_told_by_its_own_measure() {
    let (mut ward, flow) = ward("");
    let beat = |ward: &mut Ward, hosts: &[(&str, &str)]| {
        for host in hosts {
            ward.owns(*host);
        }
        ward.wait(300);
    };
    for _ in 0..80 {
        beat(&mut ward, &[MONITOR, STATION, ENGINE, LAPTOP]);
    }
    for _ in 0..4 {
        beat(&mut ward, &[STATION, ENGINE, LAPTOP]);
    }
    ward.end(flow, (100, 9000), (100, 0));
    for _ in 0..5 {
        beat(&mut ward, &[STATION, ENGINE, LAPTOP]);
    }
    assert_eq!(told(&ward), [], "twenty-five minutes");
    for _ in 0..3 {
        beat(&mut ward, &[STATION, ENGINE, LAPTOP]);
    }
    assert_eq!(told(&ward), [("device-silent", "low", Certainty::Likely)]);
    ward.link(("00:00:00:00:00:00", ""), LinkFact::Lost(1));
    assert_eq!(told(&ward), [], "it may have been heard");
}

#[test]
fn where_nobody_is_heard_nobody_is_silent_and_an_open_connection_may_rest() {
    let (mut ward, flow) = ward("");
    for _ in 0..80 {
        ward.owns(MONITOR);
        ward.owns(STATION);
        ward.wait(300);
    }
    ward.wait(HOUR);
    for host in [STATION, ENGINE, LAPTOP] {
        ward.owns(host);
    }
    assert_eq!(told(&ward), [], "its connection is open");
    ward.end(flow, (100, 9000), (100, 0));
    ward.wait(2 * HOUR);
    ward.owns(STATION);
    assert_eq!(told(&ward), [], "one other is not enough");
}

#[test]
fn a_product_is_compared_with_its_profile() {
    let (mut ward, _) = ward("");
    visit(&mut ward, MONITOR, ENGINE, 9999);
    assert_eq!(violations(&ward), [("policy-violation", "medium", Certainty::Likely)]);
    let found = ward.finding("policy-violation");
    assert!(
        found.why.contains("called 192.168.10.77") && found.why.contains("its product's profile"),
        "{}",
        found.why
    );
}

#[test]
fn whom_the_profile_names_may_call_on_ports_that_nobody_knows() {
    let (mut ward, _) = ward("");
    visit(&mut ward, STATION, MONITOR, 516);
    assert_eq!(violations(&ward), []);
    visit(&mut ward, LAPTOP, MONITOR, 516);
    assert_eq!(violations(&ward), [("policy-violation", "medium", Certainty::Likely)]);
}

#[test]
fn where_the_site_has_a_policy_it_alone_counts() {
    let site = "[[server]]\nrole = \"central\"\nip = \"192.168.10.5\"\n\
                [[policy]]\nclass = \"patient-monitor\"\nallow = [{ to = \"central\" }, { to = \"192.168.10.77\", port = 9999 }]";
    let (mut ward, _) = ward(site);
    visit(&mut ward, MONITOR, ENGINE, 9999);
    let knock = ward.tcp((LAPTOP.0, LAPTOP.1, 50_000), (MONITOR.0, MONITOR.1, 23));
    ward.end(knock, (1, 0), (0, 0));
    assert_eq!(violations(&ward), [], "allowed, or never let in");
    visit(&mut ward, LAPTOP, MONITOR, 80);
    visit(&mut ward, MONITOR, (GATEWAY.0, MAKER), 443);
    let violation = ("policy-violation", "medium", Certainty::Confirmed);
    assert_eq!(violations(&ward), [violation, violation]);
    assert!(ward.asset(MONITOR.1).macs.contains(&mac(MONITOR.0)));
}

/// Renewals as a watch makes them.
fn renew(ward: &mut Ward, begun: &mut CaptureTime) {
    let now = ward.now();
    ward.judgement.renew(*begun, now);
    *begun = now;
}

#[test]
fn what_was_learnt_is_known_for_months_though_the_tables_forget_it() {
    let (mut ward, flow) = ward("");
    let mut begun = ward.now();
    visit(&mut ward, MONITOR, ENGINE, 2575);
    visit(&mut ward, LAPTOP, MONITOR, 80);
    for _ in 0..10 {
        ward.wait(24 * HOUR);
        ward.owns(MONITOR);
        renew(&mut ward, &mut begun);
    }
    // The connections of the first day are forgotten; what they were belongs to the past.
    assert_eq!(ward.judgement.inventory().exchanges().len(), 1, "the open one");
    visit(&mut ward, MONITOR, ENGINE, 2575);
    visit(&mut ward, LAPTOP, MONITOR, 80);
    assert_eq!(told(&ward), []);
    visit(&mut ward, MONITOR, GATEWAY, 8000);
    assert_eq!(told(&ward), [("new-peer", "medium", Certainty::Confirmed)]);
    // It is told once; the next renewal has it told, and it stays strange.
    renew(&mut ward, &mut begun);
    assert_eq!(told(&ward), []);
    visit(&mut ward, MONITOR, GATEWAY, 8000);
    assert_eq!(told(&ward), [("new-peer", "medium", Certainty::Confirmed)]);
    ward.end(flow, (10, 100), (10, 100));
}

#[test]
fn what_a_finding_was_about_is_not_learnt_by_being_forgotten() {
    let (mut ward, _) = ward("");
    let mut begun = ward.now();
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 50_000), (ENGINE.0, ENGINE.1, 2049));
    ward.end(flow, (3, 0), (0, 0));
    assert!(ward.rules().contains(&"remote-mount"));
    for _ in 0..4 {
        ward.wait(24 * HOUR);
        ward.owns(MONITOR);
        renew(&mut ward, &mut begun);
    }
    visit(&mut ward, MONITOR, ENGINE, 2575);
    assert_eq!(told(&ward), [("new-peer", "medium", Certainty::Confirmed)]);
}

#[test]
fn a_silence_over_renewals_is_told_and_ends() {
    let (mut ward, flow) = ward("");
    let mut begun = ward.now();
    ward.end(flow, (100, 9000), (100, 0));
    for round in 0..96 {
        if round < 80 {
            ward.owns(MONITOR);
        }
        for host in [STATION, ENGINE, LAPTOP] {
            ward.owns(host);
        }
        ward.wait(300);
        if round % 7 == 0 {
            renew(&mut ward, &mut begun);
        }
    }
    assert_eq!(told(&ward), [("device-silent", "low", Certainty::Likely)]);
    ward.so_far();
    renew(&mut ward, &mut begun);
    ward.owns(MONITOR);
    assert_eq!(told(&ward), []);
    let back = ward.so_far().taken_back;
    assert_eq!(back.len(), 1, "{back:?}");
}

/// The clock is set by so many seconds; whoever captures knows it.
fn set_clock(ward: &mut Ward, by: i64) {
    ward.wait(by);
    ward.link(("00:00:00:00:00:00", ""), LinkFact::ClockSet(by * 1_000_000_000));
}

const STEPS: [i64; 4] = [30 * 24 * HOUR, HOUR, -HOUR, -30 * 24 * HOUR];

/// Everybody of `hosts` is heard, so many times, five minutes apart.
fn beats(ward: &mut Ward, times: u32, hosts: &[(&str, &str)]) {
    for _ in 0..times {
        for host in hosts {
            ward.owns(*host);
        }
        ward.wait(300);
    }
}

#[test]
fn nobody_is_silent_for_longer_or_shorter_because_the_clock_was_set() {
    const OTHERS: &[(&str, &str)] = &[STATION, ENGINE, LAPTOP];
    const ALL: &[(&str, &str)] = &[MONITOR, STATION, ENGINE, LAPTOP];
    for by in STEPS {
        // An hour is too short to know anybody's measure, however far the clock goes.
        let (mut ward, flow) = ward("");
        ward.end(flow, (100, 9000), (100, 0));
        beats(&mut ward, 12, ALL);
        set_clock(&mut ward, by);
        beats(&mut ward, 9, OTHERS);
        assert_eq!(told(&ward), [], "by {by} s: known for an hour");
        // A measure that is known, and a silence that the clock alone makes long, or short.
        let (mut ward, flow) = self::ward("");
        ward.end(flow, (100, 9000), (100, 0));
        beats(&mut ward, 80, ALL);
        set_clock(&mut ward, by);
        beats(&mut ward, 5, OTHERS);
        assert_eq!(told(&ward), [], "by {by} s: twenty-five minutes");
        set_clock(&mut ward, -by);
        beats(&mut ward, 3, OTHERS);
        assert_eq!(told(&ward), [("device-silent", "low", Certainty::Likely)], "by {by} s: forty minutes");
        let spots = ward.so_far().blind_spots;
        assert!(spots.iter().any(|spot| spot.starts_with("2 times the sensor's clock was set")), "{spots:?}");
    }
}

#[test]
fn learning_lasts_as_long_as_it_is_to_though_the_clock_was_set() {
    for by in STEPS {
        let (mut ward, _) = ward("");
        visit(&mut ward, MONITOR, ENGINE, 2575);
        ward.wait(2 * HOUR);
        set_clock(&mut ward, by);
        ward.wait(2 * HOUR);
        // Whom it meets in its fifth hour is learnt.
        visit(&mut ward, MONITOR, GATEWAY, 8000);
        assert_eq!(told(&ward), [], "by {by} s");
        ward.wait(21 * HOUR);
        visit(&mut ward, MONITOR, GATEWAY, 8000);
        assert_eq!(told(&ward), [], "by {by} s: it is known");
        visit(&mut ward, ("02:00:00:00:00:55", "192.168.10.55"), MONITOR, 4444);
        let mut rules: Vec<_> = told(&ward).into_iter().map(|(rule, ..)| rule).collect();
        rules.sort_unstable();
        assert_eq!(rules, ["new-peer", "new-service"], "by {by} s: what is new after a day is told");
    }
}
