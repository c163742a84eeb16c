//! The ward seen as a stranger sees it: frames only, read with offsets worked out by hand.
//!
//! No line of the crate under test and none of `wire` decodes anything here.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that reads past a frame shall panic"
)]

use model::{CaptureTime, Mac};
use sha2::{Digest, Sha256};
use simulate::{Scenario, Truth, Ward, WardError};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

const HARDCODED: Ipv4Addr = Ipv4Addr::new(202, 114, 4, 119);
const GATEWAY: Mac = Mac([0x02, 0x1B, 0x5E, 0x00, 0x00, 0x01]);

struct Written {
    frames: Vec<(CaptureTime, Vec<u8>)>,
    truth: Truth,
}

fn ward(scenarios: &[Scenario], monitors: u32, minutes: f64, seed: u64) -> Written {
    let ward = Ward { seed, monitors, minutes, scenarios: scenarios.to_vec(), ..Ward::default() };
    let mut frames = Vec::new();
    let mut keep = |time: CaptureTime, frame: &[u8]| {
        frames.push((time, frame.to_vec()));
        Ok(())
    };
    let truth = ward.write(&mut keep, &mut |_| ()).unwrap();
    Written { frames, truth }
}

fn short(scenario: Scenario) -> Written {
    ward(&[scenario], 4, 0.5, 7)
}

/// A TCP segment by fixed offsets: these frames carry no VLAN tag and no IP options.
struct Tcp<'a> {
    from: Mac,
    to: Mac,
    source: (Ipv4Addr, u16),
    target: (Ipv4Addr, u16),
    seq: u32,
    flags: u8,
    payload: &'a [u8],
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn mac(bytes: &[u8]) -> Mac {
    Mac(bytes[..6].try_into().unwrap())
}

fn tcp(frame: &[u8]) -> Option<Tcp<'_>> {
    if be16(frame, 12) != 0x0800 || frame[23] != 6 {
        return None;
    }
    let payload = 34 + usize::from(frame[46] >> 4) * 4;
    Some(Tcp {
        to: mac(frame),
        from: mac(&frame[6..]),
        source: (Ipv4Addr::from(be32(frame, 26)), be16(frame, 34)),
        target: (Ipv4Addr::from(be32(frame, 30)), be16(frame, 36)),
        seq: be32(frame, 38),
        flags: frame[47],
        payload: &frame[payload..14 + usize::from(be16(frame, 16))],
    })
}

fn segments(written: &Written) -> impl Iterator<Item = Tcp<'_>> {
    written.frames.iter().filter_map(|(_, frame)| tcp(frame))
}

/// What each source sent to `port`, in order, retransmissions once; one connection a source is assumed.
fn streams_to(written: &Written, port: u16) -> BTreeMap<Mac, Vec<u8>> {
    let mut pieces: BTreeMap<Mac, BTreeMap<u32, &[u8]>> = BTreeMap::new();
    for segment in segments(written).filter(|segment| segment.target.1 == port && !segment.payload.is_empty())
    {
        pieces.entry(segment.from).or_default().insert(segment.seq, segment.payload);
    }
    pieces.into_iter().map(|(mac, pieces)| (mac, pieces.into_values().flatten().copied().collect())).collect()
}

/// Type and data of each telemetry unit; the stream must be whole.
fn units(mut stream: &[u8]) -> Vec<(u8, &[u8])> {
    let mut units = Vec::new();
    while !stream.is_empty() {
        let length = usize::from(u16::from_le_bytes([stream[0], stream[1]]));
        assert_eq!(stream[2], 0x05);
        units.push((stream[3], &stream[4..2 + length]));
        stream = &stream[2 + length..];
    }
    units
}

fn rules(truth: &Truth) -> BTreeSet<&'static str> {
    truth.expected.iter().map(|expected| expected.rule).collect()
}

#[test]
fn one_seed_is_one_capture_and_one_truth() {
    let all =
        [Scenario::Leak, Scenario::UpdateUdp, Scenario::OtherMaker, Scenario::Loss, Scenario::Duplicate];
    let (one, two) = (ward(&all, 5, 0.4, 9), ward(&all, 5, 0.4, 9));
    assert!(one.frames == two.frames);
    let json = |written: &Written| {
        let mut bytes = Vec::new();
        written.truth.write_json(&mut bytes).unwrap();
        bytes
    };
    assert_eq!(json(&one), json(&two));
    assert!(one.frames != ward(&all, 5, 0.4, 10).frames);
}

#[test]
fn frames_come_in_order_with_right_lengths_and_checksums() {
    for scenario in Scenario::ALL {
        let written = short(*scenario);
        assert!(written.frames.is_sorted_by_key(|(time, _)| *time), "{scenario}");
        assert_eq!(written.truth.capture.frames, written.frames.len() as u64);
        for (index, (_, frame)) in written.frames.iter().enumerate() {
            assert!((60..=1514).contains(&frame.len()), "{scenario} frame {index}");
            let packet = etherparse::PacketHeaders::from_ethernet_slice(frame).unwrap();
            let Some(etherparse::NetHeaders::Ipv4(ip, _)) = &packet.net else { continue };
            assert_eq!(ip.header_checksum, ip.calc_header_checksum(), "{scenario} frame {index}");
            let payload = packet.payload.slice();
            match &packet.transport {
                Some(etherparse::TransportHeader::Tcp(tcp)) => {
                    assert_eq!(
                        Ok(tcp.checksum),
                        tcp.calc_checksum_ipv4(ip, payload),
                        "{scenario} frame {index}"
                    );
                }
                Some(etherparse::TransportHeader::Udp(udp)) => {
                    assert_eq!(
                        Ok(udp.checksum),
                        udp.calc_checksum_ipv4(ip, payload),
                        "{scenario} frame {index}"
                    );
                }
                _ => assert!(ip.is_fragmenting_payload(), "{scenario} frame {index}"),
            }
        }
    }
}

#[test]
fn truth_tells_the_numbers_that_stand_in_the_bytes() {
    let written = ward(&[Scenario::Benign], 8, 1.0, 3);
    let streams = streams_to(&written, 515);
    let mut sensor_off = 0;
    for bed in &written.truth.beds {
        let units = units(&streams[&bed.mac.parse::<Mac>().unwrap()]);
        let kinds = |kind: u8| units.iter().filter(|(found, _)| *found == kind).count() as u64;
        assert_eq!(kinds(0x47), bed.cycles);
        assert_eq!(kinds(0x49), bed.notices);
        assert_eq!((units[0].0, units[1].0), (0x3E, 0x45));
        assert_eq!(units[1].1, [0, 0, bed.bed, 0xFF]);
        assert_eq!(&units[0].1[0x23..0x23 + bed.patient.name.len()], bed.patient.name.as_bytes());
        assert_eq!(units[0].1[0x22], bed.bed);
        let bytes_of = |sub: u8, at: usize| -> Vec<f64> {
            let blocks = units.iter().filter(|(kind, data)| *kind == 0x46 && data[2] == sub);
            let valid = blocks.filter(|(_, data)| data[at + 1] == 0x00);
            valid.map(|(_, data)| f64::from(data[at])).collect()
        };
        let places = [
            ("heart-rate", 0x14, 0x384),
            ("respiration-rate", 0x14, 0x386),
            ("spo2", 0x15, 0x104),
            ("pulse-rate", 0x15, 0x106),
        ];
        for (name, sub, at) in places {
            let (values, numeric) = (bytes_of(sub, at), &bed.numerics[name]);
            assert_eq!(values.len() as u64, numeric.samples, "{name}");
            assert_eq!(values.iter().copied().fold(f64::MAX, f64::min), numeric.min, "{name}");
            assert_eq!(values.iter().copied().fold(f64::MIN, f64::max), numeric.max, "{name}");
            assert_eq!(values.last(), Some(&numeric.last), "{name}");
        }
        sensor_off += u64::from(bed.numerics["spo2"].samples < bed.cycles);
        assert_eq!(bed.beats.count, bed.beats.samples.len() as u64);
        assert_eq!(bed.beats.count, bed.beats.kinds.len() as u64);
        let minute = bed.numerics["heart-rate"];
        let shown = bed.beats.count as f64 * 60.0 / bed.cycles as f64;
        assert!((minute.min - 8.0..=minute.max + 8.0).contains(&shown), "{shown} beats a minute");
    }
    assert!(sensor_off > 0);
}

#[test]
fn a_leak_leaves_through_the_gateway_and_is_answered() {
    let written = short(Scenario::Leak);
    let monitors: BTreeSet<Mac> = written.truth.beds.iter().map(|bed| bed.mac.parse().unwrap()).collect();
    let outward = segments(&written).filter(|s| s.target == (HARDCODED, 515)).collect::<Vec<_>>();
    assert!(outward.iter().all(|s| s.to == GATEWAY && monitors.contains(&s.from)));
    let answers = segments(&written).filter(|s| s.source == (HARDCODED, 515)).collect::<Vec<_>>();
    assert!(!answers.is_empty() && answers.iter().all(|s| s.from == GATEWAY && s.payload.is_empty()));
    let hl7 = streams_to(&written, 511);
    assert_eq!(hl7.keys().copied().collect::<BTreeSet<_>>(), monitors);
    assert!(hl7.values().all(|stream| stream.starts_with(b"\x0BMSH|^~\\&|") && stream.ends_with(b"\x1C\r")));
    assert!(
        rules(&written.truth).is_superset(&BTreeSet::from(["patient-data-offsite", "hardcoded-address"]))
    );
}

#[test]
fn nobody_answers_an_unanswered_leak() {
    let written = short(Scenario::LeakUnanswered);
    let knocks = segments(&written).filter(|s| s.target.0 == HARDCODED).collect::<Vec<_>>();
    assert!(knocks.len() >= 12 && knocks.iter().all(|s| s.flags == 0x02 && s.to == GATEWAY));
    assert_eq!(segments(&written).filter(|s| s.source.0 == HARDCODED).count(), 0);
    assert!(written.truth.beds.iter().all(|bed| bed.cycles == 0 && !bed.answered));
    assert!(!rules(&written.truth).contains("patient-data-offsite"));
}

/// Sender's MAC and address, target address, operation of each ARP frame.
fn arps(written: &Written) -> Vec<(Mac, Ipv4Addr, Ipv4Addr, u16)> {
    let arp = written.frames.iter().filter(|(_, frame)| be16(frame, 12) == 0x0806);
    let read = |frame: &[u8]| {
        (mac(&frame[22..]), Ipv4Addr::from(be32(frame, 28)), Ipv4Addr::from(be32(frame, 38)), be16(frame, 20))
    };
    arp.map(|(_, frame)| read(frame)).collect()
}

#[test]
fn a_local_central_station_owns_the_address_itself() {
    let written = short(Scenario::LocalCentral);
    let owners: BTreeSet<Mac> = arps(&written)
        .iter()
        .filter(|(_, ip, _, op)| *ip == HARDCODED && *op == 2)
        .map(|arp| arp.0)
        .collect();
    assert_eq!(owners.len(), 1);
    let owner = *owners.first().unwrap();
    assert!(owner != GATEWAY);
    assert!(segments(&written).filter(|s| s.target.0 == HARDCODED).all(|s| s.to == owner));
    assert!(written.truth.beds.iter().all(|bed| bed.cycles > 20 && bed.ip.octets()[..3] == [202, 114, 4]));
    assert!(!rules(&written.truth).contains("patient-data-offsite"));
}

#[test]
fn a_rogue_is_a_second_owner() {
    let written = short(Scenario::RogueCentral);
    let claims = arps(&written).into_iter().filter(|(_, ip, _, op)| *ip == HARDCODED && *op == 2);
    assert_eq!(claims.map(|arp| arp.0).collect::<BTreeSet<_>>().len(), 2);
    assert!(rules(&written.truth).contains("rogue-central"));
}

#[test]
fn units_that_only_ask_by_arp_send_nothing_else() {
    let written = short(Scenario::ArpOnly);
    let monitors: BTreeSet<Mac> = written.truth.beds.iter().map(|bed| bed.mac.parse().unwrap()).collect();
    let theirs = written.frames.iter().filter(|(_, frame)| monitors.contains(&mac(&frame[6..])));
    assert!(theirs.clone().count() > 8 && theirs.into_iter().all(|(_, frame)| be16(frame, 12) == 0x0806));
    let asked: BTreeSet<Ipv4Addr> =
        arps(&written).iter().filter(|arp| monitors.contains(&arp.0)).map(|arp| arp.2).collect();
    assert_eq!(asked, BTreeSet::from([HARDCODED, Ipv4Addr::new(202, 114, 4, 120)]));
    assert!(arps(&written).iter().all(|(_, ip, _, op)| *op == 1 || *ip != HARDCODED));
}

#[test]
fn a_relabelled_unit_has_its_own_server_and_no_hardcoded_address() {
    let written = short(Scenario::Relabel);
    let streams = streams_to(&written, 7777);
    assert_eq!(streams.len(), 1);
    assert!(streams.values().all(|stream| units(stream).len() > 60));
    let relabelled = *streams.keys().next().unwrap();
    assert!(segments(&written).all(|s| s.from != relabelled || s.target.0 != HARDCODED));
    assert!(arps(&written).iter().all(|arp| arp.2 != HARDCODED));
}

/// Which end of a conversation with a server spoke.
#[derive(Clone, Copy, PartialEq)]
enum Spoke {
    Client,
    Server,
}

/// RPC messages over TCP with the server at `port`, marks removed; one connection is assumed.
fn records(written: &Written, port: u16, spoke: Spoke) -> Vec<Vec<u8>> {
    let mut pieces: BTreeMap<u32, &[u8]> = BTreeMap::new();
    for segment in segments(written).filter(|segment| !segment.payload.is_empty()) {
        let end = if spoke == Spoke::Client { segment.target } else { segment.source };
        if end.1 == port {
            pieces.insert(segment.seq, segment.payload);
        }
    }
    let stream: Vec<u8> = pieces.into_values().flatten().copied().collect();
    let mut rest = stream.as_slice();
    let mut records = Vec::new();
    while !rest.is_empty() {
        let mark = be32(rest, 0);
        assert!(mark & 0x8000_0000 != 0);
        let end = 4 + (mark & 0x7FFF_FFFF) as usize;
        records.push(rest[4..end].to_vec());
        rest = &rest[end..];
    }
    records
}

/// UDP payloads with the server at `port`, IP fragments joined.
fn datagrams(written: &Written, port: u16, spoke: Spoke) -> Vec<Vec<u8>> {
    let mut parts: BTreeMap<(u32, u16), Vec<u8>> = BTreeMap::new();
    let mut order = Vec::new();
    for (_, frame) in written.frames.iter().filter(|(_, f)| be16(f, 12) == 0x0800 && f[23] == 17) {
        let (key, end) = ((be32(frame, 26), be16(frame, 18)), 14 + usize::from(be16(frame, 16)));
        let offset = be16(frame, 20) & 0x1FFF;
        let at = if spoke == Spoke::Client { 36 } else { 34 };
        if offset == 0 && be16(frame, at) == port {
            order.push(key);
            parts.insert(key, frame[34..end].to_vec());
        } else if offset > 0
            && let Some(datagram) = parts.get_mut(&key)
        {
            assert_eq!(datagram.len(), usize::from(offset) * 8);
            datagram.extend_from_slice(&frame[34..end]);
        }
    }
    order.iter().map(|key| parts[key][8..].to_vec()).collect()
}

/// File content in the replies to the READ calls (procedure 6 in NFS 2 and 3), its length at `head`.
fn read_content(calls: &[Vec<u8>], replies: &[Vec<u8>], head: usize) -> Vec<u8> {
    let reads: BTreeSet<u32> = calls.iter().filter(|c| be32(c, 20) == 6).map(|call| be32(call, 0)).collect();
    let answers = replies.iter().filter(|reply| reads.contains(&be32(reply, 0)));
    answers.flat_map(|reply| content(reply, head).to_vec()).collect()
}

/// Opaque file content behind `head` bytes of a successful reply.
fn content(reply: &[u8], head: usize) -> &[u8] {
    let length = be32(reply, head) as usize;
    &reply[head + 4..head + 4 + length]
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Cuts what was read into the files of the truth and compares.
fn check_files(written: &Written, mut read: &[u8]) {
    assert_eq!(written.truth.files.len(), 4);
    for file in &written.truth.files {
        let (this, rest) = read.split_at(file.bytes as usize);
        assert_eq!(sha256(this), file.sha256, "{}", file.path);
        assert_eq!(file.kind == "elf", this.starts_with(b"\x7FELF\x01\x01\x01"), "{}", file.path);
        read = rest;
    }
    assert!(read.is_empty());
    assert!(rules(&written.truth).is_superset(&BTreeSet::from(["remote-mount", "remote-code-fetch"])));
}

#[test]
fn an_update_over_udp_carries_the_files_of_the_truth() {
    let written = short(Scenario::UpdateUdp);
    let (calls, replies) =
        (datagrams(&written, 2049, Spoke::Client), datagrams(&written, 2049, Spoke::Server));
    // RPC head 24, status 4, attributes 17 words.
    let read = read_content(&calls, &replies, 96);
    check_files(&written, &read);
    assert!(written.frames.iter().any(|(_, frame)| be16(frame, 20) & 0x2000 != 0), "fragments");
}

#[test]
fn an_update_over_tcp_carries_the_files_of_the_truth() {
    let written = short(Scenario::UpdateTcp);
    let (calls, replies) = (records(&written, 2049, Spoke::Client), records(&written, 2049, Spoke::Server));
    // RPC head 24, status 4, attributes 4 + 84, count 4, end of file 4.
    let read = read_content(&calls, &replies, 124);
    check_files(&written, &read);
}

#[test]
fn the_other_makers_monitor_announces_itself_and_speaks_its_own_language() {
    let written = ward(&[Scenario::OtherMaker, Scenario::LocalCentral], 4, 0.5, 7);
    let announced = datagrams(&written, 9610, Spoke::Client);
    assert!(!announced.is_empty());
    for payload in announced {
        assert_eq!(payload[0], 0x7E);
        assert!(payload.windows(3).any(|part| part == b"CMS"));
    }
    assert!(streams_to(&written, 9600).values().all(|stream| stream[0] == 0x7E));
    assert_eq!(written.truth.hosts.iter().filter(|host| host.not_model == Some("CMS8000")).count(), 1);
}

#[test]
fn print_jobs_are_lpd_on_its_own_port() {
    let written = short(Scenario::Printing);
    let printer = Ipv4Addr::new(10, 20, 1, 31);
    let starts: Vec<&[u8]> = segments(&written)
        .filter(|s| s.target == (printer, 515) && s.payload.starts_with(b"\x02"))
        .map(|s| s.payload)
        .collect();
    assert!(starts.contains(&b"\x02ward-a\n".as_slice()));
    assert!(written.truth.conversations["lpd"] >= 3 && written.truth.conversations["ipp"] >= 1);
}

#[test]
fn impairments_change_the_capture_as_much_as_they_say() {
    let plain = short(Scenario::Benign).frames.len() as f64;
    let lost = short(Scenario::Loss).truth.capture;
    assert!((0.003..0.03).contains(&(lost.frames_lost as f64 / plain)), "{lost:?}");
    assert_eq!(lost.frames + lost.frames_lost, plain as u64);
    let doubled = short(Scenario::Duplicate).truth.capture;
    assert_eq!(doubled.frames, plain as u64 + doubled.frames_doubled);
    assert!((0.005..0.05).contains(&(doubled.frames_doubled as f64 / plain)), "{doubled:?}");
    let swapped = short(Scenario::Reorder);
    assert!(swapped.truth.capture.pairs_swapped > 5);
    let bytes = |written: &Written| written.frames.iter().map(|(_, f)| f.clone()).collect::<BTreeSet<_>>();
    assert!(bytes(&swapped) == bytes(&short(Scenario::Benign)));
}

#[test]
fn a_one_way_mirror_shows_no_answer_to_a_monitor() {
    let written = short(Scenario::OneWay);
    let central = Ipv4Addr::new(10, 20, 1, 20);
    assert_eq!(segments(&written).filter(|s| s.source == (central, 515)).count(), 0);
    assert_eq!(streams_to(&written, 515).len(), 4 + 1, "four monitors and the workstation that prints");
    assert!(segments(&written).any(|s| s.source.1 == 443), "other flows keep both directions");
}

#[test]
fn every_ward_has_the_ordinary_traffic_of_a_hospital() {
    let written = short(Scenario::Benign);
    let spoken: BTreeSet<&str> = written.truth.conversations.keys().copied().collect();
    let wanted = ["cms8000", "dhcp", "dicom", "dns", "hl7", "http", "lpd", "ntp", "ssh", "tls"];
    assert!(spoken.is_superset(&BTreeSet::from(wanted)), "{spoken:?}");
    assert_eq!(rules(&written.truth), BTreeSet::from(["patient-data-cleartext"]));
}

#[test]
fn identifiers_of_the_truth_stand_in_the_capture() {
    let written = short(Scenario::Leak);
    let all: Vec<u8> = written.frames.iter().flat_map(|(_, frame)| frame.clone()).collect();
    let stands = |text: &str| all.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(written.truth.beds.iter().all(|bed| stands(&bed.patient.name) && stands(&bed.patient.number)));
    assert!(written.truth.identifiers().len() >= 4 * 3 + 12);
}

#[test]
fn wards_that_cannot_be_are_refused() {
    let ward = |scenarios: &[Scenario], monitors, minutes| Ward {
        monitors,
        minutes,
        scenarios: scenarios.to_vec(),
        ..Ward::default()
    };
    let contradiction = ward(&[Scenario::LocalCentral, Scenario::Leak], 4, 1.0).check();
    assert_eq!(contradiction, Err(WardError::Contradiction(Scenario::Leak, Scenario::LocalCentral)));
    assert_eq!(ward(&[], 0, 1.0).check(), Err(WardError::Monitors(0)));
    assert!(matches!(ward(&[], 1, f64::NAN).check(), Err(WardError::Minutes(_))));
    assert!(ward(&[], 1, 1.0).write(&mut |_, _| Ok(()), &mut |_| ()).is_ok());
}

#[test]
fn a_story_happens_to_single_units_at_its_moments() {
    let cue = |scenario, unit, after_seconds| simulate::Cue { scenario, unit, after_seconds };
    let ward = Ward {
        monitors: 4,
        minutes: 1.5,
        story: vec![
            cue(Scenario::Leak, 3, 20),
            cue(Scenario::UpdateUdp, 3, 40),
            cue(Scenario::TamperNumber, 1, 30),
        ],
        ..Ward::default()
    };
    let truth = ward.write(&mut |_, _| Ok(()), &mut |_| {}).unwrap();
    let scenarios: Vec<_> = truth.beds.iter().map(|bed| bed.scenario).collect();
    assert_eq!(scenarios, ["benign", "benign", "benign", "leak"]);
    let when = |what: &str, unit: usize| {
        let mac = &truth.beds[unit].mac;
        let event = truth.events.iter().find(|event| event.what == what && event.asset == *mac);
        event.unwrap_or_else(|| panic!("{what} of {unit}")).time.clone()
    };
    assert!(when("joins", 3).starts_with("2026-01-12T08:00:20"), "{}", when("joins", 3));
    assert!(when("joins", 0) < when("joins", 3));
    // A cycle is a second, counted from the unit's connection within the first five.
    let lies = when("tamper-number", 1);
    assert!(("2026-01-12T08:00:30".."2026-01-12T08:00:39").contains(&lies.as_str()), "{lies}");
    assert!(!truth.files.is_empty());
    let expected = |rule: &str, unit: usize| {
        let mac = Some(&truth.beds[unit].mac);
        truth.expected.iter().any(|one| one.rule == rule && one.asset.as_ref() == mac)
    };
    assert!(expected("patient-data-offsite", 3) && expected("remote-code-fetch", 3));
    assert!(expected("vitals-untrusted", 1) && !expected("vitals-untrusted", 0));
}

#[test]
fn a_cue_must_fit_the_ward() {
    for (scenario, unit) in [(Scenario::Leak, 4), (Scenario::Printing, 0), (Scenario::Loss, 1)] {
        let story = vec![simulate::Cue { scenario, unit, after_seconds: 5 }];
        let ward = Ward { monitors: 4, story, ..Ward::default() };
        assert_eq!(ward.check(), Err(simulate::WardError::Cue(scenario, unit)));
    }
    let story = vec![simulate::Cue { scenario: Scenario::Leak, unit: 0, after_seconds: 5 }];
    let scenarios = vec![Scenario::RogueCentral];
    let ward = Ward { scenarios, story, ..Ward::default() };
    assert!(matches!(ward.check(), Err(simulate::WardError::Contradiction(..))));
}
