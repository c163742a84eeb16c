//! Where a peer is, case by case of the contract.

use crate::bench::{CENTRAL, GATEWAY, MAKERS_SERVER, MONITOR, Ward, ip, leak, mac};
use model::{Fact, Lease, LinkFact, VlanStack};

fn answered(ward: &mut Ward, client: (&str, &str), server: (&str, &str)) {
    let flow = ward.tcp((client.0, client.1, 40_000), (server.0, server.1, 80));
    ward.server(flow, Fact::Answered);
    ward.end(flow, (3, 10), (3, 10));
}

#[test]
fn a_peer_behind_a_gateway_seen_in_address_resolution_is_offsite() {
    assert_eq!(leak(true).place(MONITOR.1, MAKERS_SERVER), "offsite");
}

#[test]
fn a_peer_that_nobody_answers_for_is_unanswered() {
    assert_eq!(leak(false).place(MONITOR.1, MAKERS_SERVER), "unanswered");
}

#[test]
fn a_peer_inside_the_sites_networks_behind_the_gateway_is_onsite() {
    let mut ward = Ward::new();
    ward.owns(GATEWAY);
    answered(&mut ward, MONITOR, (GATEWAY.0, "10.1.2.3"));
    assert_eq!(ward.place(MONITOR.1, "10.1.2.3"), "onsite");
    let there = ward.asset("10.1.2.3");
    assert!(there.macs.is_empty(), "the gateway's link address is not its own");
    assert!(ward.asset(GATEWAY.1).class.unwrap().id == "router");
}

#[test]
fn a_public_address_that_a_local_host_owns_is_on_link() {
    let mut ward = Ward::new();
    ward.asks((MONITOR.0, "202.114.4.20"), CENTRAL.1);
    ward.owns(CENTRAL);
    answered(&mut ward, (MONITOR.0, "202.114.4.20"), CENTRAL);
    assert_eq!(ward.place("202.114.4.20", CENTRAL.1), "on-link");
    assert!(ward.asset(CENTRAL.1).macs.contains(&mac(CENTRAL.0)));
}

#[test]
fn a_local_host_with_two_addresses_is_no_router() {
    let mut ward = Ward::new();
    ward.owns((CENTRAL.0, "192.168.10.5"));
    ward.owns(CENTRAL);
    answered(&mut ward, MONITOR, (CENTRAL.0, "192.168.10.5"));
    answered(&mut ward, ("02:00:00:00:00:22", "202.114.4.22"), CENTRAL);
    assert_eq!(ward.place("202.114.4.22", CENTRAL.1), "on-link");
    assert_eq!(ward.asset(CENTRAL.1).id, ward.asset("192.168.10.5").id);
    // The same without any address resolution: the networks are those of the monitors, so still no router.
    let mut ward = Ward::new();
    answered(&mut ward, MONITOR, (CENTRAL.0, "192.168.10.5"));
    answered(&mut ward, ("02:00:00:00:00:22", "202.114.4.22"), CENTRAL);
    assert_eq!(ward.place("202.114.4.22", CENTRAL.1), "unknown");
}

#[test]
fn without_address_resolution_a_link_address_with_several_networks_is_a_router() {
    let mut ward = Ward::new();
    answered(&mut ward, MONITOR, (GATEWAY.0, MAKERS_SERVER));
    assert_eq!(ward.place(MONITOR.1, MAKERS_SERVER), "unknown", "one address alone does not tell");
    answered(&mut ward, ("02:00:00:00:00:30", "192.168.10.30"), (GATEWAY.0, "198.51.100.9"));
    assert_eq!(ward.place(MONITOR.1, MAKERS_SERVER), "offsite");
}

#[test]
fn a_router_that_says_so_or_that_a_lease_names_is_one() {
    let mut ward = Ward::new();
    answered(&mut ward, MONITOR, (GATEWAY.0, MAKERS_SERVER));
    ward.link((GATEWAY.0, ""), LinkFact::Routes);
    assert_eq!(ward.place(MONITOR.1, MAKERS_SERVER), "offsite");

    let mut ward = Ward::new();
    let flow = ward.udp((MONITOR.0, "0.0.0.0", 68), (GATEWAY.0, "192.168.10.2", 67));
    let lease = Lease {
        mac: mac(MONITOR.0),
        ip: ip(MONITOR.1),
        routers: vec![ip(GATEWAY.1)],
        name_servers: Vec::new(),
        prefix_bits: Some(24),
    };
    ward.server(flow, Fact::Leased(Box::new(lease)));
    answered(&mut ward, MONITOR, (GATEWAY.0, MAKERS_SERVER));
    assert_eq!(ward.place(MONITOR.1, MAKERS_SERVER), "offsite", "out of the leased subnet means routed");
}

#[test]
fn a_router_that_answers_for_foreign_addresses_does_not_own_them() {
    let mut ward = leak(true);
    ward.link(
        (GATEWAY.0, GATEWAY.1),
        LinkFact::AddressOwned { ip: ip(MAKERS_SERVER), mac: mac(GATEWAY.0), answer: true },
    );
    answered(&mut ward, MONITOR, (GATEWAY.0, "198.51.100.9"));
    assert_eq!(ward.place(MONITOR.1, MAKERS_SERVER), "offsite");
}

#[test]
fn one_device_seen_on_both_sides_of_a_router_is_one_asset() {
    let mut ward = Ward::new();
    ward.owns(MONITOR);
    ward.owns(GATEWAY);
    ward.owns(("02:00:00:00:00:02", "10.9.9.1"));
    ward.owns(("02:00:00:00:00:77", "10.9.9.7"));
    answered(&mut ward, MONITOR, (GATEWAY.0, "10.9.9.7"));
    answered(&mut ward, ("02:00:00:00:00:02", MONITOR.1), ("02:00:00:00:00:77", "10.9.9.7"));
    assert_eq!(ward.place(MONITOR.1, "10.9.9.7"), "onsite");
    assert!(ward.asset(MONITOR.1).macs.contains(&mac(MONITOR.0)));
    assert!(ward.asset("10.9.9.7").macs.contains(&mac("02:00:00:00:00:77")));
}

#[test]
fn equal_addresses_on_two_vlans_are_two_assets() {
    let mut ward = Ward::new();
    for (id, mac) in [(10, "02:00:00:00:01:01"), (20, "02:00:00:00:02:02")] {
        ward.vlans = VlanStack::default();
        ward.vlans.push(id);
        ward.owns((mac, "192.168.10.20"));
    }
    let same: Vec<_> =
        ward.assets().into_iter().filter(|asset| asset.ips.contains(&ip("192.168.10.20"))).collect();
    assert_eq!(same.len(), 2);
    assert_eq!(same[0].vlans.len(), 1);
}

#[test]
fn groups_and_addresses_that_nobody_was_heard_at_are_no_assets() {
    let mut ward = Ward::new();
    let flow = ward.udp((MONITOR.0, MONITOR.1, 9610), ("ff:ff:ff:ff:ff:ff", "192.168.10.255", 9610));
    ward.end(flow, (1, 10), (0, 0));
    ward.udp((MONITOR.0, MONITOR.1, 5353), ("01:00:5e:00:00:fb", "224.0.0.251", 5353));
    ward.tcp((MONITOR.0, MONITOR.1, 40_000), (GATEWAY.0, "10.1.1.1", 80));
    assert_eq!(ward.assets().len(), 1);
    assert_eq!(ward.place(MONITOR.1, "192.168.10.255"), "on-link");
    assert_eq!(ward.place(MONITOR.1, "10.1.1.1"), "unanswered");
}

#[test]
fn a_capture_without_link_addresses_does_not_guess() {
    let mut ward = Ward::new();
    let flow = ward.tcp(("", MONITOR.1, 40_000), ("", MAKERS_SERVER, 515));
    ward.server(flow, Fact::Answered);
    assert_eq!(ward.place(MONITOR.1, MAKERS_SERVER), "unknown");
}
