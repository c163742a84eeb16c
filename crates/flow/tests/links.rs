//! Every link type and tunnel: the innermost flow is found with its addresses, stations and VLANs; `etherparse`
//! agrees where it reads the same headers.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

use flow::testing::{Tap, ethernet, everything, flag, ip, on_ethernet, tcp, udp};
use flow::{Payload, decode};
use model::{CaptureTime, Fact, Frame, LinkType, Mac, Observed, RadioRole};
use std::net::IpAddr;

/// Stations of [`ethernet`]: from, to.
const FROM: Mac = Mac([2, 0, 0, 0, 0, 1]);
const TO: Mac = Mac([2, 0, 0, 0, 0, 2]);

struct Case {
    name: &'static str,
    link: LinkType,
    bytes: Vec<u8>,
    from: Option<Mac>,
    to: Option<Mac>,
    vlans: &'static [u16],
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The flow that every case carries: a SYN from 10.1.2.3:5000 to 10.4.5.6:80.
fn inner() -> Vec<u8> {
    ip(address("10.1.2.3"), address("10.4.5.6"), 6, 9, &tcp(5000, 80, 100, flag::SYN, b""))
}

fn inner6() -> Vec<u8> {
    ip(address("fd00::3"), address("fd00::6"), 6, 0, &tcp(5000, 80, 100, flag::SYN, b""))
}

/// `payload` in a packet between the ends of a tunnel.
fn outer(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = on_ethernet(&ip(address("192.0.2.1"), address("192.0.2.2"), protocol, 3, payload));
    // Stations of the tunnel, which are not those inside.
    frame[..12].copy_from_slice(&[6, 0, 0, 0, 0, 9, 6, 0, 0, 0, 0, 8]);
    frame
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

const SNAP_IP: [u8; 8] = [0xAA, 0xAA, 3, 0, 0, 0, 8, 0];

fn wired() -> Vec<Case> {
    let case = |name, bytes, vlans| {
        let (link, from, to) = (LinkType::Ethernet, Some(FROM), Some(TO));
        Case { name, link, bytes, from, to, vlans }
    };
    let inner = inner();
    let padded = join(&[&on_ethernet(&inner), &[0; 6]]);
    let snap = join(&[&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0, 48], &SNAP_IP, &inner]);
    let extensions = {
        let mut packet = inner6();
        // Hop-by-hop options (router alert, RFC 2711) and destination options of padding before the segment.
        packet[6] = 0;
        packet[4..6].copy_from_slice(&36_u16.to_be_bytes());
        let options = [60, 0, 5, 2, 0, 0, 1, 0, 6, 0, 1, 4, 0, 0, 0, 0];
        join(&[&packet[..40], &options, &packet[40..]])
    };
    let options = {
        let mut packet = join(&[&inner[..20], &[0x94, 4, 0, 0], &inner[20..]]);
        (packet[0], packet[3]) = (0x46, 44);
        packet
    };
    vec![
        case("ethernet", on_ethernet(&inner), &[]),
        case("ethernet with padding", padded, &[]),
        case("ethernet with ipv6", on_ethernet(&inner6()), &[]),
        case("ipv6 extension headers", ethernet(0x86DD, &extensions), &[]),
        case("ipv4 options", on_ethernet(&options), &[]),
        case("802.3 with snap", snap, &[]),
        case("802.1q", ethernet(0x8100, &join(&[&[0x60, 100, 8, 0], &inner])), &[100]),
        case("qinq", ethernet(0x88A8, &join(&[&[0, 100, 0x81, 0, 0, 42, 8, 0], &inner])), &[100, 42]),
        case("mpls", ethernet(0x8847, &join(&[&[0, 1, 0, 64, 0, 2, 1, 64], &inner])), &[]),
        case(
            "mpls pseudowire",
            join(&[
                &[6, 0, 0, 0, 0, 9, 6, 0, 0, 0, 0, 8, 0x88, 0x47, 0, 1, 1, 64, 0, 0, 0, 0],
                &on_ethernet(&inner),
            ]),
            &[],
        ),
        case("pppoe", ethernet(0x8864, &join(&[&[0x11, 0, 0, 7, 0, 42, 0, 0x21], &inner])), &[]),
    ]
}

fn tunnels() -> Vec<Case> {
    let bridged = |name, bytes| {
        let (link, from, to) = (LinkType::Ethernet, Some(FROM), Some(TO));
        Case { name, link, bytes, from, to, vlans: &[] }
    };
    let routed =
        |name, bytes| Case { name, link: LinkType::Ethernet, bytes, from: None, to: None, vlans: &[] };
    let (inner, frame) = (inner(), on_ethernet(&inner()));
    let erspan_two = [0x10, 0, 0x88, 0xBE, 0, 0, 0, 1, 0x10, 1, 8, 5, 0, 0, 0, 1];
    let erspan_three = [0x10, 0, 0x22, 0xEB, 0, 0, 0, 1, 0x20, 1, 8, 5, 0, 0, 0, 9, 0, 0, 0, 0];
    let mut platform = erspan_three;
    platform[19] = 1;
    let vxlan = udp(50_001, 4789, &join(&[&[8, 0, 0, 0, 0, 0, 5, 0], &frame]));
    let geneve = udp(50_001, 6081, &join(&[&[1, 0, 0x65, 0x58, 0, 0, 5, 0, 1, 2, 3, 0], &frame]));
    let geneve_ip = udp(50_001, 6081, &join(&[&[0, 0, 8, 0, 0, 0, 5, 0], &inner]));
    vec![
        routed("gre", outer(47, &join(&[&[0, 0, 8, 0], &inner]))),
        routed("gre with checksum, key and sequence", {
            outer(47, &join(&[&[0xB0, 0, 8, 0, 1, 2, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1], &inner]))
        }),
        bridged("gre bridging", outer(47, &join(&[&[0, 0, 0x65, 0x58], &frame]))),
        bridged("erspan I", outer(47, &join(&[&[0, 0, 0x88, 0xBE], &frame]))),
        bridged("erspan II", outer(47, &join(&[&erspan_two, &frame]))),
        bridged("erspan III", outer(47, &join(&[&erspan_three, &frame]))),
        bridged("erspan III with platform", outer(47, &join(&[&platform, &[0; 8], &frame]))),
        bridged("vxlan", outer(17, &vxlan)),
        bridged("geneve", outer(17, &geneve)),
        routed("geneve with ip", outer(17, &geneve_ip)),
        routed("ip in ip", outer(4, &inner)),
        routed("6in4", outer(41, &inner6())),
        routed("mpls in ip", outer(137, &join(&[&[0, 1, 1, 64], &inner]))),
    ]
}

fn other_links() -> Vec<Case> {
    let bare = |name, link, bytes| Case { name, link, bytes, from: None, to: None, vlans: &[] };
    let inner = inner();
    let sll = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0];
    let sll2 = [8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    let mut cases = vec![
        bare("null, little-endian", LinkType::Null, join(&[&[2, 0, 0, 0], &inner])),
        bare("null, big-endian", LinkType::Null, join(&[&[0, 0, 0, 2], &inner])),
        bare("null with the ipv6 of macOS", LinkType::Null, join(&[&[30, 0, 0, 0], &inner6()])),
        bare("loop", LinkType::Loop, join(&[&[0, 0, 0, 2], &inner])),
        bare("raw", LinkType::RawIp, inner.clone()),
        bare("raw with ipv6", LinkType::RawIp, inner6()),
        bare("cooked", LinkType::LinuxSll, join(&[&sll, &inner])),
        bare("cooked v2", LinkType::LinuxSll2, join(&[&sll2, &inner])),
    ];
    cases.iter_mut().filter(|case| case.name.starts_with("cooked")).for_each(|case| case.from = Some(FROM));
    cases
}

fn radio() -> Vec<Case> {
    let (from, to, ap) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 0xA]);
    let inner = inner();
    let data = |control: [u8; 2], addresses: [[u8; 6]; 3], qos: &[u8]| {
        join(&[&control, &[0, 0], &addresses.concat(), &[0, 0], qos, &SNAP_IP, &inner])
    };
    let case = |name, link, bytes| Case { name, link, bytes, from: Some(FROM), to: Some(TO), vlans: &[] };
    let to_ds = data([0x08, 1], [ap, from, to], &[]);
    let radiotap = join(&[&[0, 0, 12, 0, 2, 0, 0, 0, 0, 12, 0, 0], &to_ds]);
    vec![
        case("802.11 to the network", LinkType::Ieee80211, to_ds),
        case("802.11 from the network", LinkType::Ieee80211, data([0x08, 2], [to, ap, from], &[])),
        case("802.11 between stations, qos", LinkType::Ieee80211, data([0x88, 0], [to, from, ap], &[0, 0])),
        case("802.11 with radiotap", LinkType::Radiotap, radiotap),
    ]
}

fn cases() -> Vec<Case> {
    [wired(), tunnels(), other_links(), radio()].into_iter().flatten().collect()
}

fn frame(link: LinkType, bytes: &[u8]) -> Frame<'_> {
    let original_bytes = bytes.len() as u32;
    Frame { capture: 0, number: 1, time: CaptureTime::default(), link, original_bytes, bytes }
}

#[test]
fn the_innermost_flow_is_found_with_its_stations() {
    for Case { name, link, bytes, from, to, vlans } in cases() {
        let mut tap = Tap::new(everything());
        tap.frame(link, &bytes, 0);
        let opened: Vec<_> = tap
            .seen
            .iter()
            .filter_map(|observation| match &observation.observed {
                Observed::Fact(Fact::FlowOpened(start)) => Some(**start),
                _ => None,
            })
            .collect();
        let [start] = opened[..] else { panic!("{name}: {} flows", opened.len()) };
        let ends = (start.client.port, start.server.port, start.midstream);
        assert_eq!(ends, (5000, 80, false), "{name}");
        let inside = (start.client.ip, start.server.ip);
        let four = (address("10.1.2.3"), address("10.4.5.6"));
        assert!(inside == four || inside == (address("fd00::3"), address("fd00::6")), "{name}: {inside:?}");
        assert_eq!((start.client_mac, start.server_mac), (from, to), "{name}");
        assert_eq!(start.vlans.ids(), vlans, "{name}");
        assert_eq!((tap.coverage().frames_decoded, tap.coverage().frames_fault), (1, 0), "{name}");
    }
}

#[test]
fn both_ends_of_a_flow_meet_in_one_shard_whatever_the_link() {
    let one = |case: &Case| decode(&frame(case.link, &case.bytes)).shard();
    let cases = cases();
    let (four, six): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| !is_six(case));
    for family in [four, six] {
        assert!(family.iter().all(|case| one(case) == one(family[0])));
    }
    let answer = ip(address("10.4.5.6"), address("10.1.2.3"), 6, 1, &tcp(80, 5000, 1, flag::ACK, b""));
    assert_eq!(decode(&frame(LinkType::RawIp, &answer)).shard(), one(&wired()[0]));
}

fn is_six(case: &Case) -> bool {
    match decode(&frame(case.link, &case.bytes)).payload {
        Payload::Ip(packet) => packet.source.is_ipv6(),
        other => panic!("{}: {other:?}", case.name),
    }
}

#[test]
fn every_prefix_of_every_frame_is_counted_and_opens_nothing_else() {
    for Case { name, link, bytes, .. } in cases() {
        for end in 0..bytes.len() {
            let mut tap = Tap::new(everything());
            tap.frame(link, &bytes[..end], (bytes.len() - end) as u32);
            tap.finish();
            let coverage = tap.coverage();
            let counted = coverage.frames_decoded + coverage.frames_undecoded + coverage.frames_fault;
            assert_eq!((counted, coverage.cut_bytes), (1, (bytes.len() - end) as u64), "{name} {end}");
            assert!(tap.flows() == 0, "{name} {end}");
        }
    }
}

#[test]
fn etherparse_finds_the_same_addresses_where_it_reads_the_headers() {
    let mut compared = 0;
    for Case { name, link, bytes, .. } in wired().into_iter().chain(other_links()) {
        let sliced = match link {
            LinkType::Ethernet => etherparse::SlicedPacket::from_ethernet(&bytes),
            LinkType::RawIp => etherparse::SlicedPacket::from_ip(&bytes),
            LinkType::LinuxSll => etherparse::SlicedPacket::from_linux_sll(&bytes),
            _ => continue,
        };
        let sliced = sliced.unwrap();
        let Payload::Ip(ours) = decode(&frame(link, &bytes)).payload else { panic!("{name}") };
        let (source, destination): (IpAddr, IpAddr) = match &sliced.net {
            Some(etherparse::NetSlice::Ipv4(v4)) => {
                (v4.header().source_addr().into(), v4.header().destination_addr().into())
            }
            Some(etherparse::NetSlice::Ipv6(v6)) => {
                (v6.header().source_addr().into(), v6.header().destination_addr().into())
            }
            // LLC, MPLS and PPPoE are not its.
            _ => continue,
        };
        assert_eq!((ours.source, ours.destination), (source, destination), "{name}");
        let Some(etherparse::TransportSlice::Tcp(segment)) = &sliced.transport else { panic!("{name}") };
        assert_eq!(ours.payload.len(), segment.slice().len(), "{name}");
        assert_eq!(decode(&frame(link, &bytes)).vlans.ids().len(), sliced.vlan_ids().len(), "{name}");
        compared += 1;
    }
    assert!(compared >= 9, "compared {compared}");
}

#[test]
fn frames_that_etherparse_builds_are_read_as_it_means_them() {
    let builder = etherparse::PacketBuilder::ethernet2(FROM.0, TO.0)
        .double_vlan(7.try_into().unwrap(), 8.try_into().unwrap())
        .ipv6([0xFD; 16], [0xFE; 16], 64)
        .udp(1000, 2000);
    let mut bytes = Vec::new();
    builder.write(&mut bytes, b"four").unwrap();
    let decoded = decode(&frame(LinkType::Ethernet, &bytes));
    let Payload::Ip(packet) = decoded.payload else { panic!() };
    assert_eq!((packet.source, packet.destination), ([0xFD; 16].into(), [0xFE; 16].into()));
    assert_eq!((packet.protocol, packet.payload.len(), decoded.vlans.ids()), (17, 12, &[7, 8][..]));
    assert_eq!((decoded.source, decoded.destination), (Some(FROM), Some(TO)));
}

#[test]
fn a_beacon_tells_the_access_point_and_its_network_once() {
    let mut beacon = vec![0x80, 0, 0, 0, 255, 255, 255, 255, 255, 255];
    beacon.extend_from_slice(&[2, 0, 0, 0, 0, 0xA, 2, 0, 0, 0, 0, 0xA, 0, 0]);
    beacon.extend_from_slice(&[0; 12]);
    beacon.extend_from_slice(b"\x00\x04ward\x01\x01\x82");
    let mut tap = Tap::new(everything());
    tap.frame(LinkType::Ieee80211, &beacon, 0).frame(LinkType::Ieee80211, &beacon, 0);
    let radios: Vec<_> = tap
        .seen
        .iter()
        .filter_map(|observation| match &observation.observed {
            Observed::Link(model::LinkFact::Radio(radio)) => Some(radio),
            _ => None,
        })
        .collect();
    let [radio] = radios[..] else { panic!("{radios:?}") };
    assert_eq!((radio.role, radio.data), (RadioRole::AccessPoint, false));
    assert_eq!(radio.ssid.as_ref().unwrap().as_str(), "ward");
    assert_eq!(radio.bssid, Some(Mac([2, 0, 0, 0, 0, 0xA])));
    assert_eq!((tap.coverage().frames_decoded, tap.flows()), (2, 0));
}

#[test]
fn a_frame_of_endless_layers_is_a_fault() {
    let mut bytes = inner();
    for _ in 0..2 * flow::limits::LAYERS_MAX {
        bytes = ip(address("192.0.2.1"), address("192.0.2.2"), 4, 1, &bytes);
    }
    let decoded = decode(&frame(LinkType::RawIp, &bytes));
    assert!(matches!(decoded.payload, Payload::Fault(fault) if fault.field == "nested headers"));
}

#[test]
fn a_fragmented_tunnel_gives_the_flow_inside() {
    let whole = inner();
    let mut tap = Tap::new(everything());
    for (offset, part) in [(0, &whole[..24]), (3, &whole[24..])] {
        let mut packet = ip(address("192.0.2.1"), address("192.0.2.2"), 4, 77, part);
        let more = if offset == 0 { 0x20 } else { 0 };
        (packet[6], packet[7]) = (more, offset);
        tap.push(&on_ethernet(&packet));
    }
    let opened = tap.seen.iter().find_map(|observation| match &observation.observed {
        Observed::Fact(Fact::FlowOpened(start)) => Some(**start),
        _ => None,
    });
    let start = opened.unwrap();
    assert_eq!((start.client.ip, start.server.port), (address("10.1.2.3"), 80));
    assert_eq!(tap.coverage().datagrams_incomplete, 0);
}

/// Writes the cases as seeds of the fuzz target `frames` where `LAZARET_SEEDS` names a folder.
#[test]
fn every_case_is_a_seed() {
    let seeds =
        flow::testing::encode(&cases().into_iter().map(|case| (case.link, case.bytes)).collect::<Vec<_>>());
    assert!(seeds.len() > 1_000);
    let Some(folder) = std::env::var_os("LAZARET_SEEDS") else { return };
    let folder = std::path::Path::new(&folder).join("frames");
    std::fs::create_dir_all(&folder).unwrap();
    for Case { name, link, bytes, .. } in cases() {
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        std::fs::write(folder.join(name), flow::testing::encode(&[(link, bytes)])).unwrap();
    }
}
