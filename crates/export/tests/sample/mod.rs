//! An invented ward, as the pipeline would report it: everybody and everything in it is made up, but for the
//! addresses, names and advisories that are publicly known of the CMS8000.

use model::{
    AlarmLimit, Asset, AssetId, BedVitals, CaptureSummary, CaptureTime, Certainty, Channel, Conversation,
    Coverage, Detail, DeviceClass, Digest256, Direction, Endpoint, Evidence, Exposure, ExposureStatus, Fault,
    Finding, FindingId, LimitInForce, LinkType, Location, Mac, Notice, NumericRange, PatientToken, Peer,
    Pseudonym, Report, Seen, Severity, SignSeen, Switch, Text, Transport, Vital, VlanStack, WaveformSeen,
};
use std::collections::{BTreeMap, BTreeSet};

/// 2026-03-02T07:14:00Z.
const START_SECONDS: i64 = 1_772_435_640;

pub(crate) fn at(seconds: f64) -> CaptureTime {
    CaptureTime::from_nanos(START_SECONDS * 1_000_000_000 + (seconds * 1e6) as i64 * 1000)
}

fn frame(frame: u64) -> Evidence {
    Evidence { capture: 1, frame }
}

fn endpoint(ip: &str, port: u16) -> Endpoint {
    Endpoint { ip: ip.parse().unwrap(), port }
}

struct Device<'a> {
    id: u64,
    mac: &'a str,
    ip: &'a str,
    name: Option<&'a str>,
    class: Option<&'a str>,
    platform: Option<(&'a str, &'a str)>,
}

fn device(of: &Device<'_>) -> Asset {
    let mut vlan = VlanStack::default();
    vlan.push(120);
    let medical = matches!(of.class, Some("patient-monitor" | "central-station" | "imaging-modality"));
    Asset {
        id: AssetId(of.id),
        macs: BTreeSet::from([of.mac.parse::<Mac>().unwrap()]),
        ips: BTreeSet::from([of.ip.parse().unwrap()]),
        vlans: BTreeSet::from([vlan]),
        names: of.name.map(Text::from).into_iter().collect(),
        class: of.class.map(|id| DeviceClass { id: id.to_owned(), medical }),
        maker: of.platform.map(|(maker, _)| maker.to_owned()),
        model: of.platform.map(|(_, model)| model.to_owned()),
        aliases: Vec::new(),
        firmware: None,
        serial: None,
        confidence: if of.platform.is_some() {
            0.97
        } else if of.class.is_some() {
            0.6
        } else {
            0.0
        },
        signs: Vec::new(),
        conversations: Vec::new(),
        exposures: Vec::new(),
        profile: of.platform.map(|(maker, model)| format!("{maker}.{model}").to_lowercase()),
    }
}

fn talk(
    to: (&str, u16, Transport, Location),
    protocol: Option<&'static str>,
    sent: (u64, u64),
) -> Conversation {
    Conversation {
        peer: endpoint(to.0, to.1),
        transport: to.2,
        location: to.3,
        protocol,
        direction: Direction::Out,
        flows: 1,
        frames: 12 + (sent.0 + sent.1) / 700,
        bytes_out: sent.0,
        bytes_in: sent.1,
        first: at(2.25),
        last: at(268.5),
        evidence: frame(7),
        rhythm: model::Rhythm::default(),
        sessions: None,
    }
}

fn exposure(cve: &str, cvss: f32, why: &str) -> Exposure {
    Exposure {
        advisory: "ICSMA-25-030-01".to_owned(),
        cve: cve.to_owned(),
        cvss,
        kev: false,
        status: ExposureStatus::Affected,
        why: why.to_owned(),
    }
}

fn monitor(id: u64, mac: &str, ip: &str) -> Asset {
    let of = Device {
        id,
        mac,
        ip,
        name: None,
        class: Some("patient-monitor"),
        platform: Some(("Contec", "CMS8000")),
    };
    let mut asset = device(&of);
    asset.aliases = vec!["Epsimed MN-120".to_owned()];
    asset.signs = vec![SignSeen {
        sign: "speaks-cms8000".to_owned(),
        value: "telemetry frames of every kind".to_owned(),
        weight: 90,
        evidence: frame(7),
    }];
    let all = "All versions of the firmware have it, and the vendor's patch removes all networking: \
               a unit that still sends is not patched.";
    asset.exposures = vec![
        exposure("CVE-2025-0626", 7.5, all),
        exposure("CVE-2024-12248", 9.8, all),
        exposure("CVE-2025-0683", 5.9, all),
    ];
    asset
}

fn assets() -> Vec<Asset> {
    use Location::{Offsite, OnLink, Onsite, Unanswered};
    use Transport::{Link, Tcp, Udp};
    let plain = |id, mac, ip, name, class| device(&Device { id, mac, ip, name, class, platform: None });
    let mut leaking = monitor(0x11, "02:1b:5e:00:10:20", "192.168.10.20");
    leaking.conversations = vec![
        talk(("202.114.4.119", 515, Tcp, Offsite), Some("cms8000"), (77_210, 0)),
        talk(("202.114.4.120", 511, Tcp, Unanswered), None, (0, 0)),
    ];
    let mut updating = monitor(0x12, "02:1b:5e:00:10:21", "192.168.10.21");
    updating.firmware = Some(Text::from("smart3250-2.6.27-wlan2.1.7.cramfs"));
    updating.conversations = vec![
        talk(("202.114.4.119", 111, Udp, Offsite), Some("rpc"), (112, 56)),
        talk(("202.114.4.119", 2049, Udp, Offsite), Some("rpc"), (14_230, 1_204_551)),
        talk(("192.168.10.4", 515, Tcp, OnLink), Some("cms8000"), (70_102, 0)),
    ];
    let mut waiting = monitor(0x13, "02:1b:5e:00:10:22", "202.114.4.22");
    waiting.conversations = vec![talk(("202.114.4.119", 0, Link, Unanswered), Some("arp"), (0, 0))];
    let mut other = device(&Device {
        id: 0x14,
        mac: "02:30:e6:00:10:23",
        ip: "192.168.10.23",
        name: Some("ICU3-BED4"),
        class: Some("patient-monitor"),
        platform: Some(("Draeger", "Vista 120")),
    });
    other.conversations = vec![talk(("192.168.10.4", 9600, Tcp, OnLink), None, (51_000, 1_200))];
    let mut central =
        plain(0x15, "02:1e:67:00:00:04", "192.168.10.4", Some("CENTRAL-ICU3"), Some("central-station"));
    central.conversations = vec![
        talk(("192.168.20.9", 2575, Tcp, Onsite), Some("mllp"), (18_400, 3_100)),
        talk(("192.168.10.1", 53, Udp, OnLink), Some("dns"), (420, 1_260)),
    ];
    let mut modality =
        plain(0x16, "02:1c:42:00:00:31", "192.168.10.31", Some("US-ROOM2"), Some("imaging-modality"));
    modality.conversations =
        vec![talk(("192.168.20.12", 11112, Tcp, Onsite), Some("dicom"), (2_410_000, 5_300))];
    let mut workstation = plain(0x17, "02:50:b6:00:00:41", "192.168.10.41", Some("WS-NURSE-1"), None);
    workstation.conversations = vec![
        talk(("192.168.10.9", 515, Tcp, OnLink), Some("lpd"), (182_000, 12)),
        talk(("203.0.113.80", 443, Tcp, Offsite), Some("tls"), (8_100, 96_000)),
    ];
    let printer = plain(0x18, "02:00:74:00:00:09", "192.168.10.9", Some("PRN-3-1"), Some("printer"));
    let mut router = plain(0x19, "02:00:0c:00:00:01", "192.168.10.1", None, Some("router"));
    router.ips.insert("fe80::1".parse().unwrap());
    vec![leaking, updating, waiting, other, central, modality, workstation, printer, router]
}

struct Matter<'a> {
    id: u64,
    rule: &'static str,
    title: &'a str,
    severity: Severity,
    certainty: Certainty,
    asset: u64,
    peer: Option<(&'a str, u16, Transport, Location)>,
    seen: (f64, f64, u64),
    why: &'a str,
    fix: &'a str,
}

fn finding(of: &Matter<'_>) -> Finding {
    let (first, last, count) = of.seen;
    Finding {
        id: FindingId(of.id),
        rule: of.rule,
        title: of.title.to_owned(),
        severity: of.severity,
        certainty: of.certainty,
        asset: AssetId(of.asset),
        peer: of.peer.map(|(ip, port, transport, location)| Peer {
            endpoint: endpoint(ip, port),
            transport,
            location,
        }),
        peers: Vec::new(),
        first: at(first),
        last: at(last),
        count,
        evidence: (0..count.min(6)).map(|n| frame(7 + n * 13)).collect(),
        details: BTreeMap::new(),
        attack: [].into(),
        advisories: Vec::new(),
        cves: Vec::new(),
        why: of.why.to_owned(),
        fix: of.fix.into(),
    }
}

fn leak() -> Finding {
    let mut leak = finding(&Matter {
        id: 0xA1,
        rule: "patient-data-offsite",
        title: "Patient data leaves the site",
        severity: Severity::Critical,
        certainty: Certainty::Confirmed,
        asset: 0x11,
        peer: Some(("202.114.4.119", 515, Transport::Tcp, Location::Offsite)),
        seen: (2.25, 268.5, 60),
        why: "The monitor sends names and vital signs unencrypted to an address outside the site, and the \
              address answers. Whoever holds it, or any network on the way, can read them.",
        fix: "Unplug the monitor's network cable and switch its radio off now; watch the patient at the \
              bedside. Then block 202.114.4.119 at the router and tell the data protection officer.",
    });
    leak.details = BTreeMap::from([
        ("disclosed", Detail::List(vec!["patient-name".into(), "heart-rate".into(), "spo2".into()])),
        ("bytes", Detail::Number(77_210)),
    ]);
    leak.attack = ["T1041".to_owned()].into();
    leak.advisories = vec!["ICSMA-25-030-01".to_owned()];
    leak.cves = vec!["CVE-2025-0683".to_owned()];
    leak
}

fn code_fetch() -> Finding {
    let mut fetch = finding(&Matter {
        id: 0xA2,
        rule: "remote-code-fetch",
        title: "The device fetched a program from outside",
        severity: Severity::Critical,
        certainty: Certainty::Confirmed,
        asset: 0x12,
        peer: Some(("202.114.4.119", 2049, Transport::Udp, Location::Offsite)),
        seen: (101.0, 139.75, 3),
        why: "A program for its processor was read over NFS, without any check that it comes from the maker. \
              What the device does now is up to whoever serves that address.",
        fix: "Take the monitor out of use, keep it as evidence, and have its program checked or replaced.",
    });
    fetch.details = BTreeMap::from([
        ("path", Detail::Text("/pm/monitor".into())),
        ("kind", Detail::Text("elf-ARM".into())),
        ("bytes", Detail::Number(1_204_224)),
        ("whole", Detail::Flag(true)),
        ("sha256", Detail::Text("5f".repeat(32))),
    ]);
    fetch.attack = ["T1105".to_owned()].into();
    fetch.cves = vec!["CVE-2025-0626".to_owned()];
    fetch
}

fn findings() -> Vec<Finding> {
    vec![
        finding(&Matter {
            id: 0xA5,
            rule: "patient-data-cleartext",
            title: "Patient data crosses the site unencrypted",
            severity: Severity::Medium,
            certainty: Certainty::Confirmed,
            asset: 0x12,
            peer: Some(("192.168.10.4", 515, Transport::Tcp, Location::OnLink)),
            seen: (3.0, 268.0, 264),
            why: "Everybody on this segment can read it.",
            fix: "Keep monitors and their central station on a segment of their own.",
        }),
        finding(&Matter {
            id: 0xA4,
            rule: "hardcoded-address",
            title: "A device asks for an address that its maker hard-coded",
            severity: Severity::High,
            certainty: Certainty::Attempted,
            asset: 0x13,
            peer: Some(("202.114.4.119", 0, Transport::Link, Location::Unanswered)),
            seen: (5.0, 265.0, 53),
            why: "Nobody answered, so nothing was sent; on a network with a way out it would be.",
            fix: "Find the monitor by its MAC address, take it off the network, and block 202.114.4.0/24.",
        }),
        finding(&Matter {
            id: 0xA6,
            rule: "hardcoded-address",
            title: "A device asks for an address that its maker hard-coded",
            severity: Severity::High,
            certainty: Certainty::Attempted,
            asset: 0x11,
            peer: Some(("202.114.4.120", 511, Transport::Tcp, Location::Unanswered)),
            seen: (11.5, 251.5, 9),
            why: "Nobody answered, so nothing was sent; on a network with a way out it would be.",
            fix: "Find the monitor by its MAC address, take it off the network, and block 202.114.4.0/24.",
        }),
        finding(&Matter {
            id: 0xA3,
            rule: "remote-mount",
            title: "A medical device mounts a remote file system",
            severity: Severity::Critical,
            certainty: Certainty::Confirmed,
            asset: 0x12,
            peer: Some(("202.114.4.119", 2049, Transport::Udp, Location::Offsite)),
            seen: (100.25, 100.5, 2),
            why: "Files of a server outside the site become part of the monitor's own file system.",
            fix: "Block NFS and the portmapper (111, 2049) from this segment to everywhere.",
        }),
        code_fetch(),
        leak(),
    ]
}

/// A codes-like strip: a beat each 90 samples on a wandering line.
fn strip(samples: usize, period: usize, height: f64) -> Vec<u8> {
    let beat = |n: usize| {
        let phase = (n % period) as f64 / period as f64;
        let wave = (-((phase - 0.35) * 40.0).powi(2)).exp() * height
            + (-((phase - 0.62) * 14.0).powi(2)).exp() * height / 4.0;
        (120.0 + wave + 3.0 * (n as f64 / 200.0).sin()) as u8
    };
    (0..samples).map(beat).collect()
}

fn bed(asset: u64, number: u16, patient: PatientToken) -> BedVitals {
    let range = |last, min, max| NumericRange { last, min, max, samples: 264 };
    let wave =
        |samples: Vec<u8>, rate_hz| WaveformSeen { samples: 66_000, rate_hz: Some(rate_hz), strip: samples };
    let limit = AlarmLimit { vital: Vital::HeartRate, low: 50.0, high: 120.0, switch: Switch::On };
    BedVitals {
        asset: AssetId(asset),
        bed: Some(number),
        patient: Some(patient),
        first: at(2.25),
        last: at(268.5),
        cycles: 264,
        cycle_ns: Some(1_003_250_000),
        numerics: BTreeMap::from([
            (Vital::HeartRate, range(78.0, 76.0, 81.0)),
            (Vital::Spo2, range(97.0, 96.0, 98.0)),
            (Vital::PulseRate, range(78.0, 76.0, 81.0)),
            (Vital::RespirationRate, range(15.0, 14.0, 16.0)),
            (Vital::NibpSystolic, range(122.0, 122.0, 122.0)),
            (Vital::NibpDiastolic, range(78.0, 78.0, 78.0)),
            (Vital::NibpMean, range(93.0, 93.0, 93.0)),
            (Vital::Temperature1, range(36.6, 36.6, 36.7)),
        ]),
        invalid: BTreeMap::from([(Vital::Temperature2, 264)]),
        limits: BTreeMap::from([(
            Vital::HeartRate,
            vec![LimitInForce { limit, since: at(2.25), evidence: frame(9) }],
        )]),
        notices: BTreeMap::from([(
            Notice { code: 3, text: Text::from("SpO2 SENSOR OFF") },
            Seen { count: 2, first: at(120.0), last: at(121.0), evidence: frame(1020) },
        )]),
        waveforms: BTreeMap::from([
            (Channel::Ecg(1), wave(strip(1000, 192, 90.0), 250.0)),
            (Channel::Pleth, wave(strip(240, 46, 60.0), 60.0)),
            (Channel::Respiration, wave(Vec::new(), 60.0)),
        ]),
        integrity: Vec::new(),
        judged: None,
    }
}

fn captures() -> Vec<CaptureSummary> {
    vec![
        CaptureSummary {
            name: "corridor.pcapng.zst".to_owned(),
            sha256: Some(Digest256([0x3c; 32])),
            format: "pcapng",
            compression: Some("zstd"),
            frames: 812,
            bytes: 104_881,
            first: Some(at(0.0)),
            last: Some(at(61.125)),
            links: vec![LinkType::Ethernet],
            faults: vec![Fault {
                frame: 812,
                offset: 301_224,
                what: "the file ends inside a block; everything before it was read".to_owned(),
            }],
        },
        CaptureSummary {
            name: "ward.pcap".to_owned(),
            sha256: Some(Digest256([0xa7; 32])),
            format: "pcap",
            compression: None,
            frames: 9_344,
            bytes: 5_120_774,
            first: Some(at(2.25)),
            last: Some(at(270.0)),
            links: vec![LinkType::Ethernet],
            faults: Vec::new(),
        },
    ]
}

/// The sample.
pub(crate) fn report() -> Report {
    Report {
        captures: captures(),
        coverage: Coverage {
            frames: 10_156,
            frames_decoded: 10_101,
            frames_undecoded: 54,
            frames_fault: 1,
            frames_duplicate: 12,
            frames_lost: 0,
            flows: 61,
            flows_parsed: 56,
            flows_one_sided: 3,
            flows_unparsed: 2,
            flows_encrypted: 4,
            flows_empty: 3,
            gap_bytes: 2_920,
            unparsed_reasons: BTreeMap::from([("no protocol recognised it", 2)]),
            ..Coverage::default()
        },
        blind_spots: vec![
            "4 flows are encrypted (TLS): whom they talk to is known, what they say is not.".to_owned(),
            "3 flows were captured in one direction only; mirror both directions of the port.".to_owned(),
        ],
        assets: assets(),
        findings: findings(),
        vitals: vec![
            bed(0x12, 8, PatientToken::Pseudonym(Pseudonym(0x0012_3456_789a_bcde))),
            bed(0x11, 7, PatientToken::Withheld),
        ],
        taken_back: Vec::new(),
        recordings: Vec::new(),
        identifiers_shown_because: None,
    }
}

/// The same ward where every text that can come from outside tries to break out.
pub(crate) fn hostile() -> Report {
    const MARKUP: &str =
        "</title></svg><script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7131*7 }}";
    const CONTROL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}gnp.exe\r\n";
    let bad = format!("{MARKUP}{CONTROL}");
    let mut report = report();
    for capture in &mut report.captures {
        capture.name = bad.clone();
        capture.faults.push(Fault { frame: 1, offset: 1, what: bad.clone() });
    }
    for asset in &mut report.assets {
        asset.names.insert(Text::from(bad.as_str()));
        asset.maker = Some(bad.clone());
        asset.aliases.push(bad.clone());
        asset.firmware = Some(Text::from(bad.as_str()));
        asset.serial = Some(Text::from(bad.as_str()));
        asset.class = Some(DeviceClass { id: bad.clone(), medical: true });
        asset.signs.push(SignSeen { sign: bad.clone(), value: bad.clone(), weight: 1, evidence: frame(1) });
        asset.exposures.push(exposure(&bad, 1.0, &bad));
    }
    for finding in &mut report.findings {
        finding.title = bad.clone();
        finding.why = bad.clone();
        finding.fix = bad.as_str().into();
        finding.details.insert("path", Detail::Text(bad.clone()));
        finding.cves.push(bad.clone());
    }
    for vitals in &mut report.vitals {
        vitals.patient = Some(PatientToken::Clear(Text::from(bad.as_str())));
        vitals.notices.insert(
            Notice { code: 9, text: Text::from(bad.as_str()) },
            Seen { count: 1, first: at(1.0), last: at(1.0), evidence: frame(1) },
        );
    }
    report.blind_spots.push(bad.clone());
    report.identifiers_shown_because = Some(bad);
    report
}
