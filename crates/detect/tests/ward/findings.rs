//! Each rule both ways.

use crate::bench::{CENTRAL, GATEWAY, MAKERS_SERVER, MONITOR, Ward, ip, leak, mac};
use model::{
    About, Accepted, Account, CarriedFile, Certainty, ContentKind, Credentials, Detail, Digest256, Evidence,
    Fact, FlowId, Identifier, LinkFact, LossKind, Malformed, Mover, Offer, Operation, Radio, RadioRole,
    Reason, Side, Storage, StorageOutcome, StorageStep,
};

const WORKSTATION: (&str, &str) = ("02:00:00:00:00:99", "192.168.10.99");
const PRINTER: (&str, &str) = ("02:00:00:00:00:50", "192.168.10.50");

/// A monitor that is recognised by its telemetry to a local central station.
fn local_central() -> Ward {
    let mut ward = Ward::new();
    ward.asks((MONITOR.0, "202.114.4.20"), CENTRAL.1);
    ward.owns(CENTRAL);
    ward.owns((MONITOR.0, "202.114.4.20"));
    let flow = ward.tcp((MONITOR.0, "202.114.4.20", 40_000), (CENTRAL.0, CENTRAL.1, 515));
    ward.server(flow, Fact::Answered);
    ward.telemetry(flow, 7, 10);
    ward.end(flow, (20, 9000), (20, 0));
    ward
}

const LOCAL_MONITOR: (&str, &str) = (MONITOR.0, "202.114.4.20");

#[test]
fn a_leak_through_the_gateway_is_found_in_full() {
    let ward = leak(true);
    let found = ward.finding("patient-data-offsite");
    assert_eq!((found.severity.as_str(), found.certainty), ("critical", Certainty::Confirmed));
    let peer = found.peer.unwrap();
    assert_eq!((peer.endpoint.ip, peer.endpoint.port), (ip(MAKERS_SERVER), 515));
    assert_eq!(found.count, 61, "one identity frame and sixty cycles");
    assert_eq!(found.evidence.len(), 32);
    assert!(found.why.contains("202.114.4.119") && found.why.contains("77210"), "{}", found.why);
    assert_eq!(found.cves, ["CVE-2025-0683"]);
    let asset = ward.asset(MONITOR.1);
    assert_eq!((asset.maker.as_deref(), asset.model.as_deref()), (Some("Contec"), Some("CMS8000")));
    assert_eq!(asset.aliases, ["Epsimed MN-120"]);
    assert!((asset.confidence - 0.97).abs() < 1e-6);
    assert_eq!(asset.exposures.len(), 9);
    let contact = ward.finding("hardcoded-address");
    assert_eq!((contact.severity.as_str(), contact.certainty), ("high", Certainty::Confirmed));
    assert_eq!(
        ward.rules(),
        [
            "known-vulnerable",
            "patient-data-offsite",
            "hardcoded-address",
            "offsite-egress",
            "protocol-mismatch"
        ]
    );
}

#[test]
fn a_leak_that_nobody_answers_is_an_attempt_and_no_leak() {
    let ward = leak(false);
    assert_eq!(ward.judged(), [("hardcoded-address", "high", "attempted")]);
    let asset = ward.asset(MONITOR.1);
    assert_eq!(asset.class.unwrap().id, "patient-monitor");
    assert!(asset.maker.is_none() && asset.confidence <= 0.5);
}

#[test]
fn a_leak_captured_in_one_direction_is_likely() {
    let mut ward = Ward::new();
    ward.owns(GATEWAY);
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 40_000), (GATEWAY.0, MAKERS_SERVER, 515));
    ward.telemetry(flow, 7, 5);
    assert_eq!(ward.finding("patient-data-offsite").certainty, Certainty::Likely, "also before its end");
    ward.end(flow, (20, 9000), (0, 0));
    assert_eq!(ward.finding("patient-data-offsite").certainty, Certainty::Likely);
    assert_eq!(ward.place(MONITOR.1, MAKERS_SERVER), "offsite");
    // The client's acknowledgements tell that it was answered; the answer itself was not captured.
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 40_001), (GATEWAY.0, MAKERS_SERVER, 515));
    ward.server(flow, Fact::Answered);
    ward.telemetry(flow, 7, 5);
    ward.end(flow, (20, 9000), (0, 0));
    assert_eq!(ward.finding("patient-data-offsite").certainty, Certainty::Likely);
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 40_002), (GATEWAY.0, MAKERS_SERVER, 515));
    ward.server(flow, Fact::Answered);
    ward.telemetry(flow, 7, 5);
    ward.end(flow, (20, 9000), (20, 0));
    assert_eq!(ward.finding("patient-data-offsite").certainty, Certainty::Confirmed);
}

#[test]
fn a_leak_by_an_unknown_way_is_likely_and_within_one_network_is_none() {
    let mut ward = Ward::new();
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 40_000), (GATEWAY.0, MAKERS_SERVER, 515));
    ward.server(flow, Fact::Answered);
    ward.telemetry(flow, 7, 5);
    assert_eq!(ward.finding("patient-data-offsite").certainty, Certainty::Likely);

    let mut ward = Ward::new();
    let flow = ward.tcp((MONITOR.0, "202.114.4.20", 40_000), (CENTRAL.0, MAKERS_SERVER, 515));
    ward.server(flow, Fact::Answered);
    ward.telemetry(flow, 7, 5);
    assert!(!ward.rules().contains(&"patient-data-offsite"));
    assert_eq!(ward.finding("patient-data-cleartext").severity.as_str(), "medium");
}

#[test]
fn a_local_central_station_is_no_leak_and_a_small_matter() {
    let ward = local_central();
    let contact = ward.finding("hardcoded-address");
    assert_eq!(contact.severity.as_str(), "low");
    assert_eq!(contact.peer.unwrap().location.as_str(), "on-link");
    assert_eq!(ward.finding("patient-data-cleartext").severity.as_str(), "medium");
    for absent in ["patient-data-offsite", "offsite-egress", "rogue-central", "malformed-traffic"] {
        assert!(!ward.rules().contains(&absent), "{absent}");
    }
    assert_eq!(ward.asset(CENTRAL.1).class.unwrap().id, "central-station");
}

#[test]
fn a_unit_that_only_asks_by_arp_is_seen() {
    let mut ward = Ward::new();
    ward.asks(LOCAL_MONITOR, CENTRAL.1);
    ward.asks(LOCAL_MONITOR, CENTRAL.1);
    let found = ward.finding("hardcoded-address");
    assert_eq!((found.certainty, found.count), (Certainty::Attempted, 2));
    assert_eq!(ward.asset("202.114.4.20").signs[0].value, MAKERS_SERVER);
    // A host that asks for somebody else, a router, and the owner itself are not.
    let mut ward = Ward::new();
    ward.asks(WORKSTATION, "192.168.10.1");
    ward.link((GATEWAY.0, GATEWAY.1), LinkFact::Routes);
    ward.asks(GATEWAY, CENTRAL.1);
    ward.asks((CENTRAL.0, ""), CENTRAL.1);
    ward.owns(CENTRAL);
    assert!(ward.rules().is_empty(), "{:?}", ward.judged());
}

#[test]
fn a_central_station_that_the_site_names_behind_a_router_is_a_small_matter() {
    let site = format!("[[server]]\nrole = \"central-station\"\nip = \"{MAKERS_SERVER}\"\n");
    let mut ward = Ward::with_site(&site);
    ward.owns(GATEWAY);
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 40_000), (GATEWAY.0, MAKERS_SERVER, 515));
    ward.server(flow, Fact::Answered);
    ward.telemetry(flow, 7, 5);
    assert_eq!(ward.place(MONITOR.1, MAKERS_SERVER), "onsite");
    assert_eq!(ward.finding("hardcoded-address").severity.as_str(), "low");
    assert!(!ward.rules().contains(&"patient-data-offsite") && !ward.rules().contains(&"offsite-egress"));
}

#[test]
fn neighbour_discovery_comes_with_a_flow_and_counts_as_address_resolution() {
    let mut ward = Ward::new();
    let flow = ward.open(
        model::Transport::Icmp,
        (MONITOR.0, "fe80::20", 0),
        ("33:33:ff:00:00:01", "ff02::1:ff00:1", 0),
    );
    ward.fact(flow, Side::Client, Fact::Speaks("icmp6"));
    let origin = model::Origin::Flow(flow, Side::Client);
    ward.observe(origin, model::Observed::Link(LinkFact::Routes));
    let flow = ward.tcp((WORKSTATION.0, "fd00::9", 40_000), (MONITOR.0, "2001:db8::1", 80));
    ward.server(flow, Fact::Answered);
    assert_eq!(ward.place("fd00::9", "2001:db8::1"), "offsite");
}

#[test]
fn a_relabelled_unit_is_recognised_by_what_it_speaks() {
    let mut ward = Ward::new();
    ward.owns(GATEWAY);
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 40_000), (GATEWAY.0, "198.51.100.7", 7001));
    ward.server(flow, Fact::Answered);
    ward.telemetry(flow, 3, 5);
    ward.end(flow, (20, 5000), (10, 0));
    assert_eq!(ward.asset(MONITOR.1).model.as_deref(), Some("CMS8000"));
    assert_eq!(ward.finding("patient-data-offsite").certainty, Certainty::Confirmed);
    assert!(!ward.rules().contains(&"hardcoded-address") && !ward.rules().contains(&"protocol-mismatch"));
}

#[test]
fn another_makers_monitor_at_the_same_address_is_not_taken_for_it() {
    let mut ward = Ward::new();
    ward.owns(CENTRAL);
    let flow = ward.tcp((MONITOR.0, "202.114.4.20", 40_000), (CENTRAL.0, CENTRAL.1, 9600));
    ward.server(flow, Fact::Answered);
    let unknown = ward.asset("202.114.4.20");
    assert!(unknown.maker.is_none() && unknown.confidence <= 0.5, "the address alone names no maker");
    ward.udp((MONITOR.0, "202.114.4.20", 9610), ("ff:ff:ff:ff:ff:ff", "202.114.4.255", 9610));
    let known = ward.asset("202.114.4.20");
    assert_eq!((known.maker.as_deref(), known.model.as_deref()), (Some("Draeger"), Some("Vista 120")));
    assert!(known.exposures.is_empty());
    assert!(!ward.rules().contains(&"known-vulnerable"));
}

#[test]
fn a_print_job_is_a_print_job() {
    let mut ward = Ward::new();
    ward.owns(PRINTER);
    let flow = ward.tcp((WORKSTATION.0, WORKSTATION.1, 40_000), (PRINTER.0, PRINTER.1, 515));
    ward.server(flow, Fact::Answered);
    ward.client(flow, Fact::Speaks("lpd"));
    ward.client(flow, Fact::Operated(Operation::Print));
    ward.server(flow, Fact::Identified(About::Sender, Identifier::PrintServer));
    ward.end(flow, (9, 9000), (9, 20));
    assert_eq!(ward.judged(), []);
    assert_eq!(ward.asset(PRINTER.1).class.unwrap().id, "printer");
    assert!(ward.asset(WORKSTATION.1).class.is_none());
}

fn storage(ward: &mut Ward, flow: FlowId, step: StorageStep, outcome: StorageOutcome) {
    let path = Some("/pm".into());
    ward.client(flow, Fact::Storage(Box::new(Storage { step, outcome, path, service: "NFS" })));
}

fn monitor(program: &[u8]) -> Fact {
    Fact::Carried(Box::new(CarriedFile {
        path: Some(model::Text::from_bytes(program)),
        mover: Mover::Fetched,
        bytes: 300_000,
        whole: true,
        sha256: Some(Digest256([0x4E; 32])),
        kind: ContentKind::Elf { machine: "ARM" },
        first: Evidence { capture: 0, frame: 30 },
        last: Evidence { capture: 0, frame: 300 },
    }))
}

#[test]
fn an_update_from_the_hard_coded_address_is_found_with_its_file() {
    let mut ward = local_central();
    for port in [111, 2049] {
        let flow = ward.udp((LOCAL_MONITOR.0, LOCAL_MONITOR.1, 800), (CENTRAL.0, CENTRAL.1, port));
        ward.server(flow, Fact::Answered);
        storage(&mut ward, flow, StorageStep::Mount, StorageOutcome::Asked);
        storage(&mut ward, flow, StorageStep::Read, StorageOutcome::Granted);
        if port == 2049 {
            ward.server(flow, monitor(b"/pm/monitor"));
        }
    }
    let mount = ward.finding("remote-mount");
    assert_eq!((mount.severity.as_str(), mount.certainty), ("critical", Certainty::Confirmed));
    assert_eq!(mount.details["path"], Detail::Text("/pm".to_owned()));
    assert_eq!(mount.details["outcome"], Detail::Text("granted".to_owned()));
    let code = ward.finding("remote-code-fetch");
    assert_eq!(code.severity.as_str(), "critical");
    assert_eq!(code.details["path"], Detail::Text("/pm/monitor".to_owned()));
    assert_eq!(code.details["bytes"], Detail::Number(300_000));
    assert_eq!(code.details["whole"], Detail::Flag(true));
    assert_eq!(code.details["sha256"], Detail::Text("4e".repeat(32)));
    assert_eq!(ward.finding("hardcoded-address").severity.as_str(), "high", "no longer a small matter");
}

#[test]
fn an_update_that_nobody_answers_is_attempted() {
    let mut ward = Ward::new();
    ward.owns(GATEWAY);
    let flow = ward.udp((MONITOR.0, MONITOR.1, 800), (GATEWAY.0, MAKERS_SERVER, 111));
    storage(&mut ward, flow, StorageStep::Locate, StorageOutcome::Asked);
    let found = ward.finding("remote-mount");
    assert_eq!((found.severity.as_str(), found.certainty), ("critical", Certainty::Attempted));
    // A connection attempt says the same.
    let mut ward = Ward::new();
    ward.owns(GATEWAY);
    ward.tcp((MONITOR.0, MONITOR.1, 800), (GATEWAY.0, MAKERS_SERVER, 2049));
    assert_eq!(ward.finding("remote-mount").certainty, Certainty::Attempted);
}

#[test]
fn a_workstation_may_use_file_servers_and_receive_programs() {
    let mut ward = Ward::new();
    ward.owns(PRINTER);
    let flow = ward.tcp((WORKSTATION.0, WORKSTATION.1, 800), (PRINTER.0, PRINTER.1, 2049));
    ward.server(flow, Fact::Answered);
    storage(&mut ward, flow, StorageStep::Mount, StorageOutcome::Granted);
    ward.server(flow, monitor(b"setup"));
    assert_eq!(ward.judged(), []);
}

#[test]
fn a_medical_device_asking_a_local_file_server_is_high() {
    let mut ward = leak(true);
    ward.owns(PRINTER);
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 800), (PRINTER.0, PRINTER.1, 2049));
    ward.server(flow, Fact::Answered);
    storage(&mut ward, flow, StorageStep::Mount, StorageOutcome::Refused(13));
    let found = ward.finding("remote-mount");
    assert_eq!((found.severity.as_str(), found.certainty), ("high", Certainty::Confirmed));
    assert!(found.why.contains("refused with status 13"));
}

#[test]
fn code_written_to_a_medical_device_is_a_push() {
    let mut ward = leak(true);
    let flow = ward.tcp((WORKSTATION.0, WORKSTATION.1, 40_000), (MONITOR.0, MONITOR.1, 21));
    let Fact::Carried(mut file) = monitor(b"x.sh") else { panic!("a file") };
    file.mover = Mover::Pushed;
    file.kind = ContentKind::Text;
    ward.client(flow, Fact::Carried(file.clone()));
    assert!(!ward.rules().contains(&"code-push"), "text is no program");
    file.kind = ContentKind::Script;
    ward.client(flow, Fact::Carried(file));
    assert_eq!(ward.finding("code-push").peer.unwrap().endpoint.ip, ip(WORKSTATION.1));
}

#[test]
fn ways_in_count_on_medical_devices_alone() {
    let mut ward = leak(true);
    for server in [MONITOR, PRINTER] {
        let flow = ward.tcp((WORKSTATION.0, WORKSTATION.1, 40_000), (server.0, server.1, 23));
        ward.server(flow, Fact::Answered);
        ward.server(flow, Fact::Offers(Offer::TerminalCleartext));
    }
    let found = ward.finding("remote-access-service");
    assert_eq!(found.asset, ward.asset(MONITOR.1).id);
    assert!(found.why.contains("unencrypted terminal on port 23"), "{}", found.why);
}

#[test]
fn log_ins_in_clear_and_with_defaults_are_found_and_anonymous_ones_are_not() {
    let login = |account, published_default, accepted| {
        Fact::LoggedIn(Box::new(Credentials { account, cleartext: true, published_default, accepted }))
    };
    let mut ward = Ward::new();
    ward.owns(PRINTER);
    let flow = ward.tcp((WORKSTATION.0, WORKSTATION.1, 40_000), (PRINTER.0, PRINTER.1, 21));
    ward.server(flow, Fact::Answered);
    ward.client(flow, login(Account::Anonymous, false, Accepted::Yes));
    assert_eq!(ward.judged(), []);
    ward.client(flow, login(Account::WellKnown("root".into()), true, Accepted::No));
    assert_eq!(ward.finding("default-credentials").certainty, Certainty::Attempted);
    ward.client(flow, login(Account::WellKnown("root".into()), true, Accepted::Yes));
    let found = ward.finding("default-credentials");
    assert_eq!((found.severity.as_str(), found.certainty), ("high", Certainty::Confirmed));
    assert_eq!(found.asset, ward.asset(PRINTER.1).id);
    assert_eq!(ward.finding("cleartext-credentials").severity.as_str(), "high");
}

#[test]
fn a_medical_devices_radio_is_found_and_a_phones_is_not() {
    let radio = |role| LinkFact::Radio(Radio { role, ssid: Some("ward".into()), bssid: None, data: false });
    let mut ward = leak(true);
    ward.link((WORKSTATION.0, ""), radio(RadioRole::Station));
    ward.link((MONITOR.0, ""), radio(RadioRole::AccessPoint));
    assert!(!ward.rules().contains(&"wireless-active"));
    ward.link((MONITOR.0, ""), radio(RadioRole::Station));
    assert_eq!(ward.finding("wireless-active").severity.as_str(), "medium");

    let site = format!("[[device]]\nmac = \"{}\"\nwireless = \"off\"\n", MONITOR.0);
    let mut ward = Ward::with_site(&site);
    ward.link((MONITOR.0, ""), radio(RadioRole::Station));
    assert_eq!(ward.finding("wireless-active").severity.as_str(), "high");
}

#[test]
fn a_second_owner_of_the_central_stations_address_is_a_rogue() {
    let rogue = ("02:66:66:66:66:66", CENTRAL.1);
    let mut ward = local_central();
    assert!(!ward.rules().contains(&"rogue-central"), "a single owner is not");
    ward.owns(rogue);
    let found = ward.finding("rogue-central");
    assert!(found.why.contains(rogue.0) && found.why.contains(CENTRAL.0), "{}", found.why);

    let mut ward = local_central();
    ward.wait(3600);
    ward.owns(rogue);
    assert!(!ward.rules().contains(&"rogue-central"), "a successor is not");

    let site =
        format!("[[server]]\nrole = \"central-station\"\nip = \"{}\"\nmac = \"{}\"\n", CENTRAL.1, CENTRAL.0);
    let mut ward = Ward::with_site(&site);
    ward.owns(CENTRAL);
    assert_eq!(ward.judged(), []);
    ward.wait(3600);
    ward.owns(rogue);
    assert_eq!(ward.finding("rogue-central").severity.as_str(), "high", "the site names another owner");
}

#[test]
fn a_patched_device_that_sends_one_frame_is_not_isolated() {
    let site = |state: &str, since: &str| {
        format!("[[device]]\nmac = \"{}\"\nstate = \"{state}\"\n{since}", MONITOR.0)
    };
    let mut ward = Ward::with_site(&site("patched", ""));
    ward.asks(WORKSTATION, MONITOR.1);
    assert_eq!(ward.judged(), [], "being asked for is not sending");
    ward.asks(MONITOR, GATEWAY.1);
    assert_eq!(ward.judged(), [("not-isolated", "critical", "confirmed")]);

    let mut ward = Ward::with_site(&site("patched", "since = \"2027-01-01T00:00:00Z\"\n"));
    ward.asks(MONITOR, GATEWAY.1);
    assert_eq!(ward.judged(), [], "before the patch");

    let mut ward = Ward::with_site(&site("contained", ""));
    ward.asks(MONITOR, GATEWAY.1);
    ward.udp((MONITOR.0, "0.0.0.0", 68), ("ff:ff:ff:ff:ff:ff", "255.255.255.255", 67));
    assert_eq!(ward.judged(), [], "a contained device may ask for an address");
    ward.tcp((MONITOR.0, MONITOR.1, 40_000), (WORKSTATION.0, WORKSTATION.1, 80));
    assert_eq!(ward.judged(), [("not-isolated", "critical", "confirmed")]);
}

#[test]
fn a_flow_that_goes_on_after_the_patch_counts() {
    let site = format!(
        "[[device]]\nmac = \"{}\"\nstate = \"patched\"\nsince = \"2026-01-01T00:00:30Z\"\n",
        MONITOR.0
    );
    let mut ward = Ward::with_site(&site);
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 40_000), (WORKSTATION.0, WORKSTATION.1, 80));
    assert_eq!(ward.judged(), []);
    ward.wait(60);
    ward.end(flow, (9, 900), (9, 0));
    assert_eq!(ward.rules(), ["not-isolated"]);
}

#[test]
fn malformed_traffic_to_a_monitor_is_found_and_after_a_gap_is_not() {
    let fault = || Fact::Malformed(Malformed { field: "length", offset: 4, reason: Reason::CutShort });
    let mut ward = leak(true);
    let flow = ward.tcp((WORKSTATION.0, WORKSTATION.1, 40_000), (MONITOR.0, MONITOR.1, 80));
    ward.client(flow, Fact::Lost(LossKind::StreamBytes, 100));
    ward.client(flow, fault());
    assert!(!ward.rules().contains(&"malformed-traffic"));
    let flow = ward.tcp((WORKSTATION.0, WORKSTATION.1, 40_001), (MONITOR.0, MONITOR.1, 80));
    ward.client(flow, fault());
    let found = ward.finding("malformed-traffic");
    assert_eq!((found.severity.as_str(), found.certainty), ("high", Certainty::Likely));
    // The same to a printer, or by the monitor itself, is not.
    let mut ward = leak(true);
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 40_000), (PRINTER.0, PRINTER.1, 80));
    ward.client(flow, fault());
    assert!(!ward.rules().contains(&"malformed-traffic"));
}

#[test]
fn unasked_datagrams_to_a_unit_that_does_not_survive_them_are_found() {
    let mut ward = leak(true);
    for (port, client_port) in [(123, 123), (40_001, 2049), (40_002, 53)] {
        ward.udp((WORKSTATION.0, WORKSTATION.1, client_port), (MONITOR.0, MONITOR.1, port));
        if client_port == 2049 {
            ward.udp((MONITOR.0, MONITOR.1, 800), (WORKSTATION.0, WORKSTATION.1, 2049));
        }
    }
    assert!(!ward.rules().contains(&"malformed-traffic"), "time and answers are in order");
    ward.udp((PRINTER.0, PRINTER.1, 50_000), (MONITOR.0, MONITOR.1, 7777));
    let found = ward.finding("malformed-traffic");
    assert_eq!(found.certainty, Certainty::Likely);
    assert_eq!(found.cves, ["CVE-2022-38100", "CVE-2024-12248"]);
    assert_eq!(found.peer.unwrap().endpoint.ip, ip(PRINTER.1));
}

#[test]
fn a_medical_device_that_talks_offsite_is_found_and_a_workstation_is_not() {
    let mut ward = local_central();
    ward.owns(GATEWAY);
    for client in [LOCAL_MONITOR, WORKSTATION] {
        let flow = ward.tcp((client.0, client.1, 40_000), (GATEWAY.0, "198.51.100.7", 443));
        ward.server(flow, Fact::Answered);
        ward.client(flow, Fact::Speaks("tls"));
    }
    let found = ward.finding("offsite-egress");
    assert_eq!(found.asset, ward.asset(LOCAL_MONITOR.1).id);
    assert_eq!((found.severity.as_str(), found.certainty), ("high", Certainty::Confirmed));
}

#[test]
fn findings_are_the_same_however_often_they_are_asked_for() {
    let ward = leak(true);
    assert_eq!(ward.findings(), ward.findings());
    let first = ward.finding("patient-data-offsite").id;
    assert_eq!(first, leak(true).finding("patient-data-offsite").id);
    let report = ward.report();
    assert!(report.assets.windows(2).all(|two| two[0].id < two[1].id));
    assert!(report.findings.windows(2).all(|two| two[0].severity >= two[1].severity));
    for finding in &report.findings {
        for text in [finding.why.as_str(), &finding.fix, &finding.title] {
            assert!(!text.contains('{') && !text.contains("  "), "{text}");
        }
    }
}

#[test]
fn a_flood_with_invented_senders_stays_small_and_is_told() {
    let mut ward = Ward::new();
    ward.owns(PRINTER);
    for sender in 0..30_000_u32 {
        let address = std::net::Ipv4Addr::from(0x0B00_0000 + sender).to_string();
        ward.tcp((GATEWAY.0, &address, 40_000), (PRINTER.0, PRINTER.1, 80));
    }
    // What matters is still seen after it.
    ward.owns(GATEWAY);
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 40_000), (GATEWAY.0, MAKERS_SERVER, 515));
    ward.server(flow, Fact::Answered);
    ward.telemetry(flow, 7, 3);
    assert_eq!(ward.finding("patient-data-offsite").severity.as_str(), "critical");
    let inventory = ward.judgement.inventory();
    assert!(inventory.stations().len() < 5000 && inventory.exchanges().len() < 5000);
    let report = ward.report();
    assert!(report.blind_spots.iter().any(|spot| spot.contains("flood")), "{:?}", report.blind_spots);
    assert!(report.assets.iter().all(|asset| asset.conversations.len() <= 2048));
}

#[test]
fn an_asset_has_its_names_and_one_link_address() {
    let mut ward = Ward::new();
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 40_000), (PRINTER.0, PRINTER.1, 80));
    ward.client(flow, Fact::Identified(About::Sender, Identifier::HostName("icu3-bed7".into())));
    ward.client(flow, Fact::Identified(About::Sender, Identifier::Serial("SN1".into())));
    ward.fact(flow, Side::Client, Fact::Speaks("http"));
    let asset = ward.asset(MONITOR.1);
    assert_eq!(asset.macs.into_iter().collect::<Vec<_>>(), [mac(MONITOR.0)]);
    assert_eq!(asset.serial.unwrap().as_str(), "SN1");
    assert_eq!(asset.names.first().unwrap().as_str(), "icu3-bed7");
    assert_eq!(asset.conversations[0].protocol, Some("http"));
}
