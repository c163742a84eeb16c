//! From captured handshakes to TLS profiles of a MUD file (RFC 9761), beside what tshark reads of the same hellos; and labels
//! (RFC 9238).

use crate::wards::{Folder, lazaret, succeeds};
use crate::{missing, run, skip};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Lists of one profile or hello, as sets of numbers and texts.
#[derive(Debug, Default, Eq, PartialEq)]
struct Lists {
    suites: BTreeSet<u64>,
    extensions: BTreeSet<u64>,
    groups: BTreeSet<u64>,
    protocols: BTreeSet<String>,
}

/// By client, server and port: the lists of all hellos together.
type Offers = BTreeMap<(String, String, u64), Lists>;

fn is_reserved(number: u64) -> bool {
    number & 0x0F0F == 0x0A0A && number >> 8 == number & 0xFF
}

fn theirs(capture: &str) -> Offers {
    let fields = [
        "ip.src",
        "ip.dst",
        "tcp.dstport",
        "tls.handshake.ciphersuite",
        "tls.handshake.extension.type",
        "tls.handshake.extensions_supported_group",
        "tls.handshake.extensions_alpn_str",
    ];
    let mut words =
        vec!["tshark", "-r", capture, "-Y", "tls.handshake.type == 1 && tcp && ip", "-T", "fields"];
    for field in &fields {
        words.extend(["-e", field]);
    }
    let output = String::from_utf8(run(&words).stdout).unwrap();
    let mut offers = Offers::new();
    for line in output.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let numbers = |column: usize| {
            let values = columns[column].split(',').filter(|value| !value.is_empty());
            let read = values.map(|value| match value.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16).unwrap(),
                None => value.parse().unwrap(),
            });
            read.filter(|number| !is_reserved(*number)).collect::<Vec<u64>>()
        };
        let key = (columns[0].to_owned(), columns[1].to_owned(), columns[2].parse().unwrap());
        let lists = offers.entry(key).or_default();
        lists.suites.extend(numbers(3));
        lists.extensions.extend(numbers(4));
        lists.groups.extend(numbers(5));
        lists.protocols.extend(columns[6].split(',').filter(|name| !name.is_empty()).map(str::to_owned));
    }
    offers
}

/// What the profiles of a MUD file say, for a client.
fn ours(client: &str, file: &Value) -> Offers {
    let mut offers = Offers::new();
    for list in file["ietf-access-control-list:acls"]["acl"].as_array().unwrap() {
        for entry in list["aces"]["ace"].as_array().unwrap() {
            let matches = &entry["matches"];
            let Some(profiles) = matches["ietf-acl-tls:client-profiles"]["tls-dtls-profile"].as_array()
            else {
                continue;
            };
            let Some(server) = matches["ipv4"]["destination-ipv4-network"].as_str() else { continue };
            let Some(port) = matches["tcp"]["destination-port"]["port"].as_u64() else { continue };
            let key = (client.to_owned(), server.trim_end_matches("/32").to_owned(), port);
            let lists = offers.entry(key).or_default();
            for profile in profiles {
                let numbers = |name: &str| {
                    profile[name].as_array().into_iter().flatten().map(|number| number.as_u64().unwrap())
                };
                lists.suites.extend(numbers("cipher-suite"));
                lists.extensions.extend(numbers("extension-type"));
                lists.groups.extend(numbers("supported-group"));
                let names = profile["application-protocol"].as_array().into_iter().flatten();
                lists.protocols.extend(names.map(|name| name.as_str().unwrap().to_owned()));
                let versions = profile["supported-tls-version"].as_array().unwrap();
                assert!(versions.iter().all(|version| version == "tls12" || version == "tls13"), "{profile}");
            }
        }
    }
    offers
}

/// The last offers TLS 1.0 too, for which RFC 9761 has no word.
const CAPTURES: [&str; 6] = [
    "tls/ja4__latest.pcapng",
    "tls/ja4__tls3.pcapng",
    "tls/ndpi__443-curl.pcap",
    "tls/zeek__tls1.2.pcap",
    "tls/ndpi__no_sni.pcap",
    "discovery/ndpi__iphone.pcap",
];

#[test]
fn profiles_hold_what_tshark_reads_of_the_hellos() {
    let Some(corpus) = std::env::var_os("LAZARET_CORPUS").map(PathBuf::from) else {
        let _: Option<()> = skip("LAZARET_CORPUS is not set");
        return;
    };
    if let Some(why) = missing(&["tshark"]) {
        let _: Option<()> = skip(&why);
        return;
    }
    let folder = Folder::new("sessions");
    let site = folder.path("site.toml");
    // All addresses are the site's, so that nothing is refused because it leaves the site.
    std::fs::write(&site, "[networks]\ninternal = [\"0.0.0.0/0\"]\n").unwrap();
    let (mut compared, mut told) = (0, 0);
    for name in CAPTURES {
        let capture = corpus.join("pcap").join(name).display().to_string();
        let theirs = theirs(&capture);
        let clients: BTreeSet<&String> = theirs.keys().map(|(client, ..)| client).collect();
        assert!(!clients.is_empty(), "{name}");
        for client in clients {
            let learnt = folder.path("learnt.toml");
            succeeds(&[
                "policy", "learn", "--quiet", "--site", &site, "--device", client, "--output", &learnt,
                &capture,
            ]);
            // As a person does who decides that these are needed.
            let text = std::fs::read_to_string(&learnt).unwrap();
            std::fs::write(&learnt, text.replace("[[device.unknown", "[[device.allow")).unwrap();
            let url = "https://mud.example.org/m";
            let file =
                succeeds(&["policy", "show", "--policy", &learnt, "--format", "mud", "--mud-url", url]);
            // What is written is read, and shown.
            let mud = folder.path("m.json");
            std::fs::write(&mud, &file).unwrap();
            let shown = succeeds(&["policy", "show", "--policy", &mud]);
            let ours = ours(client, &serde_json::from_str(&file).unwrap());
            assert_eq!(shown.contains("have TLS profiles"), !ours.is_empty(), "{shown}");
            assert_eq!(shown.contains("  sessions offer1: tls1"), !ours.is_empty(), "{shown}");
            // Each conversation has what tshark reads of all its hellos, or a note that says why it has not.
            for (key, lists) in theirs.iter().filter(|((of, ..), _)| of == client) {
                let (_, server, port) = key;
                match ours.get(key) {
                    Some(profiles) => assert_eq!(profiles, lists, "{name}: {key:?}"),
                    None => {
                        let note =
                            format!("→ {server}/32 tcp/{port}: no profile of its encrypted sessions: ");
                        assert!(text.contains(&note), "{name}: {key:?}: {text}");
                        told += 1;
                    }
                }
            }
            assert!(ours.keys().all(|key| theirs.contains_key(key)), "{name}: {ours:?}");
            compared += ours.len();
        }
    }
    println!(
        "{compared} conversations have the profiles that tshark's reading gives, {told} have none and say why"
    );
    assert!(compared >= 10 && told >= 10, "{compared}, {told}");
}

#[test]
fn a_label_names_a_mud_file_and_gives_it_a_device() {
    let folder = Folder::new("label");
    let mud = folder.path("m.json");
    let file = r#"{"ietf-mud:mud": {"mud-version": 1, "mud-url": "https://mud.example.org/cms8000.json", "mfg-name": "Contec Medical",
"systeminfo": "monitor", "from-device-policy": {"access-lists": {"access-list": [{"name": "f"}]}}},
"ietf-access-control-list:acls": {"acl": [{"name": "f", "type": "ipv4-acl-type", "aces": {"ace": [{"name": "e", "matches": {"ipv4": {"protocol": 6},
"tcp": {"destination-port": {"operator": "eq", "port": 515}}}, "actions": {"forwarding": "accept"}}]}}]}}"#;
    std::fs::write(&mud, file).unwrap();
    let make = ["policy", "label", "--mud", &mud, "--mac", "02:1b:5e:10:00:07"];
    let said = lazaret(&make);
    assert!(
        said.status.code() == Some(2) && said.stderr.escape_ascii().to_string().contains("--model"),
        "RFC 9238 asks for it"
    );
    let make = [&make[..], &["--model", "CMS8000"]].concat();
    let text = succeeds(&[&make[..], &["--format", "text"]].concat());
    assert_eq!(
        text,
        "[)>\u{1e}06\u{1d}12NB000Contec Medical\u{1f}B002CMS8000\u{1f}M180https://mud.example.org/cms8000.json\u{1f}\
         M06C021B5E100007\u{1f}\u{1e}\u{4}"
    );
    let shown = succeeds(&make);
    assert!(shown.contains('█') && shown.contains("https://mud.example.org/cms8000.json"), "{shown}");
    let svg = folder.path("label.svg");
    succeeds(&[&make[..], &["--format", "svg", "--output", &svg]].concat());
    let drawn = std::fs::read_to_string(&svg).unwrap();
    assert!(
        drawn.starts_with("<svg ")
            && drawn.contains(">Contec Medical CMS8000</text>")
            && drawn.contains(">02:1b:5e:10:00:07</text>")
    );
    // What a scanner gives of it.
    let scanned = folder.path("scanned.txt");
    std::fs::write(&scanned, format!("{text}\r\n")).unwrap();
    let read = succeeds(&["policy", "label", "--read", &scanned]);
    assert!(read.contains("Contec Medical") && read.contains("02:1b:5e:10:00:07"), "{read}");
    let policy = succeeds(&["policy", "show", "--policy", &mud, "--label", &scanned, "--format", "toml"]);
    assert!(
        policy.contains("macs = [\"02:1b:5e:10:00:07\"]") && policy.contains("anybody can print one"),
        "{policy}"
    );
    // The label of another device, and none at all.
    std::fs::write(&scanned, text.replace("cms8000.json", "other.json")).unwrap();
    let other = lazaret(&["policy", "show", "--policy", &mud, "--label", &scanned, "--format", "toml"]);
    assert!(other.status.code() == Some(2) && other.stdout.is_empty());
    assert!(
        other.stderr.escape_ascii().to_string().contains("another device"),
        "{}",
        other.stderr.escape_ascii()
    );
    std::fs::write(&scanned, "https://mud.example.org/cms8000.json").unwrap();
    assert_eq!(lazaret(&["policy", "label", "--read", &scanned]).status.code(), Some(2));
    assert_eq!(
        lazaret(&["policy", "label", "--url", "https://x.example/m?a=1", "--maker", "m", "--model", "n"])
            .status
            .code(),
        Some(2)
    );
}
