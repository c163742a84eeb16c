//! Simulated wards: a policy learnt from one day, held against another, and against attacks.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};

pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("lazaret-policy-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn ward(&self, name: &str, seed: u32, scenarios: &[&str]) -> String {
        self.longer_ward(name, seed, 1, scenarios)
    }

    fn longer_ward(&self, name: &str, seed: u32, minutes: u32, scenarios: &[&str]) -> String {
        let capture = self.path(name);
        let (seed, minutes) = (seed.to_string(), minutes.to_string());
        let mut words = vec![
            "simulate",
            "ward",
            "--output",
            &capture,
            "--seed",
            &seed,
            "--monitors",
            "4",
            "--minutes",
            &minutes,
            "--quiet",
        ];
        for scenario in scenarios {
            words.extend(["--scenario", scenario]);
        }
        succeeds(&words);
        capture
    }

    /// Learns from a capture, with `more` options.
    fn learn(&self, capture: &str, more: &[&str]) -> String {
        let file = self.path("learnt.toml");
        succeeds(&[&["policy", "learn", "--quiet", "--output", &file, capture], more].concat());
        file
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub(crate) fn lazaret(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lazaret")).args(words).output().unwrap()
}

pub(crate) fn succeeds(words: &[&str]) -> String {
    let output = lazaret(words);
    assert!(output.status.success(), "{words:?}: {}", output.stderr.escape_ascii());
    String::from_utf8(output.stdout).unwrap()
}

fn check(policy: &str, capture: &str) -> Value {
    let text = succeeds(&["policy", "check", "--quiet", "--format", "json", "--policy", policy, capture]);
    let document = serde_json::from_str(&text).unwrap();
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec/policy-check-1.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let faults: Vec<String> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&document)
        .map(|fault| fault.to_string())
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
    document
}

fn rows<'a>(document: &'a Value, list: &str) -> &'a [Value] {
    document[list].as_array().unwrap()
}

#[test]
fn a_learnt_policy_passes_another_day_and_denies_every_attack() {
    let folder = Folder::new("days");
    let policy = folder.learn(&folder.ward("monday.pcap", 1, &["benign"]), &[]);
    let held_back = check(&policy, &folder.ward("tuesday.pcap", 2, &["benign"]));
    assert_eq!(held_back["clinical_cuts"], 0, "{held_back:#}");
    assert_eq!(rows(&held_back, "passing"), &[] as &[Value]);
    assert!(held_back["pass"].as_u64().unwrap() >= 8, "{held_back:#}");
    let attacks = [
        ("leak", 1),
        ("update-udp", 1),
        ("update-tcp", 1),
        ("leak-unanswered", 1),
        // Who looks for other hosts and who calls home needs time to be known by it.
        ("lateral-scan", 5),
        ("beacon", 20),
    ];
    for (scenario, minutes) in attacks {
        let attacked = check(&policy, &folder.longer_ward("attack.pcap", 3, minutes, &[scenario]));
        assert_eq!(rows(&attacked, "passing"), &[] as &[Value], "{scenario}: {attacked:#}");
        let cut_on_purpose = rows(&attacked, "cut").iter().filter(|cut| !rows(cut, "findings").is_empty());
        assert!(cut_on_purpose.count() > 0, "{scenario}: nothing bad was planted: {attacked:#}");
    }
}

#[test]
fn an_address_that_two_stations_claim_is_for_a_person_to_decide() {
    let folder = Folder::new("rogue");
    let capture = folder.ward("ward.pcap", 1, &["rogue-central"]);
    let policy = folder.learn(&capture, &[]);
    let text = std::fs::read_to_string(&policy).unwrap();
    let signs = |table: &&str| table.contains("role = \"vital-signs\"");
    let tables: Vec<&str> = text.split("[[").filter(signs).collect();
    assert!(tables.len() >= 4 && tables.iter().all(|table| table.starts_with("device.unknown")), "{text}");
    let site = folder.path("site.toml");
    std::fs::write(&site, "[[server]]\nrole = \"central-station\"\nip = \"202.114.4.119\"\n").unwrap();
    let text = std::fs::read_to_string(folder.learn(&capture, &["--site", &site])).unwrap();
    let allowed = text.split("[[").filter(|table| table.starts_with("device.allow")).filter(signs);
    assert!(allowed.count() >= 4, "{text}");
}

#[test]
fn what_is_learnt_from_a_leaking_ward_refuses_the_leak() {
    let folder = Folder::new("leak");
    let capture = folder.ward("leak.pcap", 1, &["leak", "update-udp"]);
    let policy = folder.learn(&capture, &[]);
    let text = std::fs::read_to_string(&policy).unwrap();
    let allowed: Vec<&str> = text.split("[[").filter(|table| table.starts_with("device.allow")).collect();
    assert!(!allowed.iter().any(|table| table.contains("202.114.4.")), "{text}");
    assert!(
        text.split("[[").any(|table| table.starts_with("device.refuse") && table.contains("202.114.4.119"))
    );
    assert!(text.contains("An update was seen, and is refused"));
    let checked = check(&policy, &capture);
    assert_eq!(rows(&checked, "passing"), &[] as &[Value], "{checked:#}");
    let zeek = succeeds(&["policy", "render", "--policy", &policy, "--target", "zeek"]);
    assert!(zeek.contains("202.114.4.119\tIntel::ADDR"), "{zeek}");
}

#[test]
fn every_clinical_conversation_that_a_wrong_policy_cuts_is_told_with_its_frame() {
    let folder = Folder::new("wrong");
    let capture = folder.ward("ward.pcap", 5, &["benign"]);
    let policy = folder.learn(&capture, &[]);
    let whole = std::fs::read_to_string(&policy).unwrap();
    let report: Value =
        serde_json::from_str(&succeeds(&["scan", "--quiet", "--format", "json", &capture])).unwrap();
    // Wrong: the central stations' ports are others, for monitors and stations alike.
    std::fs::write(&policy, whole.replace("ports = \"515\"", "ports = \"516\"")).unwrap();
    let checked = check(&policy, &capture);
    let told = |asset: &Value, conversation: &Value| {
        rows(&checked, "cut").iter().any(|cut| {
            cut["asset"] == asset["id"]
                && cut["clinical"] == true
                && rows(cut, "findings").is_empty()
                && cut["role"] == "vital-signs"
                && cut["conversation"]["peer"] == conversation["peer"]["ip"]
                && cut["conversation"]["frame"].as_str().unwrap().starts_with("ward.pcap:")
                && cut["conversation"]["first"].as_str().unwrap().ends_with('Z')
        })
    };
    let mut planted = 0;
    for asset in rows(&report, "assets").iter().filter(|asset| asset["class"] == "patient-monitor") {
        for conversation in rows(asset, "conversations").iter().filter(|one| one["peer"]["port"] == 515) {
            planted += 1;
            assert!(told(asset, conversation), "{conversation} is not told: {checked:#}");
        }
    }
    assert_eq!(planted, 4);
    let failed = lazaret(&["policy", "check", "--quiet", "--fail", "--policy", &policy, &capture]);
    assert_eq!(failed.status.code(), Some(1));
    let text = String::from_utf8(failed.stdout).unwrap();
    assert!(
        text.contains("Clinical conversations that would be cut:\n  ") && text.contains("was never seen"),
        "{text}"
    );
    // The same as a page: a row for each conversation, the verdict in front, nothing that runs or is fetched.
    let page = succeeds(&["policy", "check", "--quiet", "--format", "html", "--policy", &policy, &capture]);
    let clinical = checked["clinical_cuts"].as_u64().unwrap();
    assert!(page.contains(&format!("<h1>It would cut clinical conversations: {clinical}</h1>")), "{page}");
    let all = ["cut", "passing", "unproven", "blind_spots"].map(|list| rows(&checked, list).len());
    let heads = page.matches("<thead><tr>").count();
    assert_eq!(page.matches("<tr>").count() - heads, all.iter().sum::<usize>(), "{page}");
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"), "{page}");
}

#[test]
fn every_bad_conversation_that_a_wrong_policy_passes_is_told() {
    let folder = Folder::new("lax");
    let capture = folder.longer_ward("leak.pcap", 6, 20, &["leak", "update-udp", "beacon", "lateral-scan"]);
    let policy = folder.learn(&capture, &[]);
    let report: Value =
        serde_json::from_str(&succeeds(&["scan", "--quiet", "--format", "json", &capture])).unwrap();
    // Wrong: the devices may talk to anyone.
    let text = std::fs::read_to_string(&policy).unwrap();
    let mut out = String::new();
    let rules: String = ["tcp", "udp"]
        .iter()
        .flat_map(|carried| ["device", "peer"].map(|opens| (carried, opens)))
        .map(|(carried, opens)| {
            format!(
                "[[device.allow]]\nopens = \"{opens}\"\npeer = \"0.0.0.0/0\"\nprotocol = \"{carried}\"\n\n"
            )
        })
        .collect();
    // Behind each device's own keys, which end where its first rule or the next device begins.
    for (at, part) in text.split("[[device]]\n").enumerate() {
        if at == 0 {
            out.push_str(part);
            continue;
        }
        let keys = part.find("[[device.").unwrap_or(part.len());
        out.push_str(&format!("[[device]]\n{}\n{rules}{}", &part[..keys], &part[keys..]));
    }
    std::fs::write(&policy, &out).unwrap();
    assert!(text.matches("[[device]]").count() >= 4);
    let checked = check(&policy, &capture);
    let bad = [
        "patient-data-offsite",
        "offsite-egress",
        "remote-mount",
        "remote-code-fetch",
        "beacon",
        "lateral-movement",
    ];
    let mut planted: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in rows(&report, "findings") {
        let Some(rule) = bad.iter().find(|rule| finding["rule"] == **rule) else { continue };
        let one = Some(&finding["peer"]).filter(|peer| !peer.is_null());
        let many = finding["peers"].as_array().into_iter().flatten();
        for peer in one.into_iter().chain(many) {
            *planted.entry(rule).or_default() += 1;
            let told = rows(&checked, "passing").iter().any(|passing| {
                passing["asset"] == finding["asset"]
                    && passing["rule"] == finding["rule"]
                    && passing["conversation"]["peer"] == peer["ip"]
                    && !rows(passing, "frames").is_empty()
            });
            assert!(told, "{peer} of {finding} is not told: {checked:#}");
        }
    }
    assert!(planted.values().sum::<usize>() >= 20, "{planted:?}");
    assert_eq!(planted.len(), bad.len(), "{planted:?}");
    // The ten hosts that did not let it in, and the one that did.
    assert_eq!(planted["lateral-movement"], 11, "{planted:?}");
    // A search for addresses that nobody has is no conversation over IP, and nothing that a policy passes.
    let undecided = rows(&checked, "unproven").iter().filter(|one| one["kind"] == "finding");
    let of_searches = undecided.filter(|one| one["what"].as_str().unwrap().contains("lateral-movement"));
    assert_eq!(of_searches.count(), 1, "{checked:#}");
    // What is learnt from such a day refuses them for what they are.
    assert_eq!(text.matches("the finding lateral-movement (high) is about it").count(), 11, "{text}");
}

#[test]
fn a_store_teaches_what_its_captures_taught() {
    let folder = Folder::new("store");
    let capture = folder.ward("ward.pcap", 1, &["benign"]);
    let store = folder.path("ward.store");
    succeeds(&["scan", "--quiet", "--store", &store, "--output", &folder.path("report"), &capture]);
    let from_store = folder.path("store.toml");
    succeeds(&["policy", "learn", "--quiet", "--store", &store, "--output", &from_store]);
    let checked = check(&from_store, &capture);
    assert_eq!(checked["clinical_cuts"], 0, "{checked:#}");
    let rules = |text: &str| {
        let mut rules: Vec<String> = text
            .split("[[")
            .filter(|table| table.starts_with("device.allow"))
            .map(|table| {
                let wanted = ["opens", "peer", "protocol", "ports"];
                table
                    .lines()
                    .filter(|line| wanted.iter().any(|key| line.starts_with(key)))
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        rules.sort();
        rules
    };
    let learnt = std::fs::read_to_string(folder.learn(&capture, &[])).unwrap();
    assert_eq!(rules(&std::fs::read_to_string(&from_store).unwrap()), rules(&learnt));
}

#[test]
fn bad_usage_says_what_to_do() {
    let folder = Folder::new("usage");
    let capture = folder.ward("ward.pcap", 1, &["benign"]);
    let file = folder.path("p.toml");
    std::fs::write(
        &file,
        "schema = \"lazaret.policy/1\"\nname = \"x\"\n[[device]]\nname = \"b\"\nmac = []\n",
    )
    .unwrap();
    for (words, says) in [
        (vec!["policy", "check", "--policy", &file, &capture], "line 5"),
        (vec!["policy", "render", "--policy", &file, "--target", "nft"], "line 5"),
        (vec!["policy", "render", "--policy", &folder.path("none"), "--target", "nft"], "cannot read"),
        (vec!["policy", "render", "--policy", &capture, "--target", "nft"], "no text in UTF-8"),
        (
            vec!["policy", "learn", "--device", "10.99.99.99", &capture],
            "nothing with this id, IP or MAC was seen",
        ),
        (vec!["policy", "learn", "--group", "zone", &capture], "--site"),
        (vec!["policy", "learn", "--format", "mud", "--mud-url", "https://x.example/m", &capture], "units"),
        (vec!["policy", "learn"], "required"),
    ] {
        let output = lazaret(&words);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains(says), "{words:?}: {said}");
    }
    std::fs::write(&file, "schema = \"lazaret.policy/1\"\nname = \"x\"\n").unwrap();
    let output = lazaret(&["policy", "render", "--policy", &file, "--target", "nonsense"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("no such target; there are nft,"));
    assert!(succeeds(&["policy", "show", "--policy", &file]).contains("It covers no device."));
}

#[test]
fn a_policy_becomes_a_mud_file_and_back() {
    let folder = Folder::new("mud");
    let capture = folder.ward("ward.pcap", 1, &["benign"]);
    let url = "https://mud.example.org/cms8000.json";
    let mud = folder.path("m.json");
    succeeds(&[
        "policy",
        "learn",
        "--quiet",
        "--group",
        "profile",
        "--device",
        "10.20.4.16",
        "--format",
        "mud",
        "--mud-url",
        url,
        "--output",
        &mud,
        &capture,
    ]);
    let file: Value = serde_json::from_str(&std::fs::read_to_string(&mud).unwrap()).unwrap();
    assert_eq!(file["ietf-mud:mud"]["mud-url"], url);
    assert_eq!(
        file["ietf-mud:mud"]["from-device-policy"]["access-lists"]["access-list"][0]["name"],
        "mud-v4fr"
    );
    let shown = succeeds(&["policy", "show", "--policy", &mud]);
    assert!(shown.contains("→ 10.20.1.20/32 tcp/515"), "{shown}");
    let output = lazaret(&["policy", "render", "--policy", &mud, "--target", "nft"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("no network address"));
}
