//! A store as an operator meets it: scans that are kept, findings that are decided about, and what is left when the
//! process is killed.
#![expect(clippy::disallowed_methods, reason = "runs the binary under test, and kills it after a time")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod documents;
mod kills;
mod leaks;
mod papers;
mod past;
mod played;
mod vault;

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A folder of its own for one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lazaret-kept-{test}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn text(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// A small ward of its own seed, with what is true of it.
    fn ward(&self, seed: u32, scenarios: &[&str]) -> String {
        let path = self.text(&format!("ward-{seed}.pcap"));
        let seed = seed.to_string();
        let mut arguments =
            vec!["simulate", "ward", "--monitors", "3", "--minutes", "0.2", "--quiet", "--seed", &seed];
        scenarios.iter().for_each(|scenario| arguments.extend(["--scenario", scenario]));
        arguments.extend(["--output", &path]);
        done(&arguments);
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lazaret"));
    command.args(arguments).stdin(Stdio::null()).env("LOGNAME", "tester");
    command
}

fn lazaret(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("killed: {}", said(output)))
}

/// What it printed, where it ended well.
fn done(arguments: &[&str]) -> Output {
    let output = lazaret(arguments);
    assert_eq!(status(&output), 0, "{arguments:?}: {}", said(&output));
    output
}

fn json(arguments: &[&str]) -> Value {
    let document =
        serde_json::from_slice(&done(&[arguments, &["--format", "json"]].concat()).stdout).unwrap();
    assert_valid(&document);
    document
}

/// What names its form has it.
fn assert_valid(document: &Value) {
    if document["schema"].is_null() {
        return;
    }
    let schema = include_str!("../../../../docs/spec/store-1.schema.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    let faults: Vec<_> = schema.iter_errors(document).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

fn scan(store: &str, capture: &str) -> Output {
    done(&[
        "scan",
        "--workers",
        "1",
        "--integrity",
        "off",
        "--output",
        "/dev/null",
        "--store",
        store,
        capture,
    ])
}

#[test]
fn a_scan_is_kept_once_and_says_what_is_new() {
    let folder = Folder::new("once");
    let (store, first) = (folder.text("s"), folder.ward(1, &["leak"]));
    let kept = ["--integrity", "off", "--format", "json", "--store", &store];
    let report: Value =
        serde_json::from_slice(&done(&[&["scan", &first], &kept[..]].concat()).stdout).unwrap();
    let told = report["findings"].as_array().unwrap();
    let kept = json(&["findings", "--store", &store, "list", "--limit", "1000"]);
    let kept = kept["findings"].as_array().unwrap();
    assert!(told.len() > 3);
    assert_eq!(kept.len(), told.len());
    for finding in told {
        let row = kept.iter().find(|row| row["id"] == finding["id"]).unwrap();
        for name in ["rule", "title", "severity", "certainty", "asset", "peer", "first", "last", "count"] {
            assert_eq!(row[name], finding[name], "{name} of {}", finding["id"]);
        }
        let card = json(&["findings", "--store", &store, "show", finding["id"].as_str().unwrap()]);
        for name in ["details", "attack", "advisories", "cves", "why", "fix"] {
            assert_eq!(card[name], finding[name], "{name} of {}", finding["id"]);
        }
        let frames = |of: &Value| {
            of["evidence"].as_array().unwrap().iter().map(|e| e["frame"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(frames(&card), frames(finding));
        assert_eq!(card["evidence"][0]["sha256"], report["captures"][0]["sha256"]);
    }
    let again = said(&scan(&store, &first));
    assert!(again.contains("nothing changed"), "{again}");
    let other = said(&scan(&store, &folder.ward(2, &["leak"])));
    assert!(other.contains("grown") && other.contains(" → "), "{other}");
    let off = ["--integrity", "off", "--output", "/dev/null", "--store", &store, &first];
    let quiet = done(&[&["scan", "--quiet"], &off[..]].concat());
    assert_eq!(said(&quiet), "");
}

#[test]
fn what_is_scanned_in_lines_is_kept_too() {
    let folder = Folder::new("lines");
    let (store, capture) = (folder.text("s"), folder.ward(1, &["leak"]));
    done(&["scan", "--integrity", "off", "--format", "ndjson", "--store", &store, &capture]);
    assert!(said(&scan(&store, &capture)).contains("nothing changed"));
}

#[test]
fn a_finding_is_decided_about_and_remembers_who_and_why() {
    let folder = Folder::new("decide");
    let (store, capture) = (folder.text("s"), folder.ward(1, &["leak"]));
    scan(&store, &capture);
    let listed = || json(&["findings", "--store", &store])["findings"].as_array().unwrap().len();
    let all = listed();
    let ids: Vec<String> = json(&["findings", "--store", &store])["findings"].as_array().unwrap()[..4]
        .iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect();
    let act = |arguments: &[&str]| done(&[&["findings", "--store", &store], arguments].concat());
    act(&["acknowledge", &ids[0], "--by", "R. Haldis", "--note", "ticket 12"]);
    act(&["false-positive", &ids[1], "--note", "our own server"]);
    act(&["suppress", &ids[2], "--until", "30d", "--reason", "replacement ordered"]);
    act(&["resolve", &ids[3]]);
    assert_eq!(listed(), all - 3);
    let text = printed(&act(&[]));
    assert!(text.contains("1 suppressed, 1 false positives, 1 resolved"), "{text}");
    let text = printed(&act(&["show", &ids[0]]));
    assert!(text.contains("acknowledge by R. Haldis") && text.contains("ticket 12"), "{text}");
    let tally = &json(&["findings", "--store", &store, "list", "--state", "resolved"]);
    assert_eq!(tally["findings"][0]["id"], ids[3].as_str());
    assert_eq!(tally["findings"][0]["state_by"], "tester");
    act(&["reopen", &ids[1]]);
    act(&["reopen", &ids[2]]);
    assert_eq!(listed(), all - 1);
    let log = json(&["audit", "--store", &store, "show"]);
    let actions: Vec<_> =
        log["entries"].as_array().unwrap().iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(
        actions,
        ["import", "acknowledge", "false-positive", "suppress", "resolve", "reopen", "reopen"]
    );
}

#[test]
fn pages_of_one_list_everything_once() {
    let folder = Folder::new("pages");
    let (store, capture) = (folder.text("s"), folder.ward(1, &["leak"]));
    scan(&store, &capture);
    for kind in ["findings", "assets"] {
        let whole = json(&[kind, "--store", &store, "list", "--limit", "1000"]);
        let (mut after, mut seen) = (None::<String>, Vec::new());
        loop {
            let mut arguments = vec![kind, "--store", &store, "list", "--limit", "1"];
            if let Some(after) = &after {
                arguments.extend(["--after", after]);
            }
            let page = json(&arguments);
            seen.extend(page[kind].as_array().unwrap().iter().map(|row| row["id"].clone()));
            match page["next"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => break,
            }
        }
        let all: Vec<_> = whole[kind].as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
        assert!(all.len() > 3);
        assert_eq!(seen, all);
    }
}

#[test]
fn an_asset_tells_its_addresses_peers_and_vital_signs() {
    let folder = Folder::new("asset");
    let (store, capture) = (folder.text("s"), folder.ward(1, &["leak"]));
    scan(&store, &capture);
    let assets = json(&["assets", "--store", &store, "list", "--medical"]);
    let monitor = assets["assets"].as_array().unwrap().iter().find(|row| row["model"] == "CMS8000").unwrap();
    assert!(monitor["open_findings"].as_i64().unwrap() > 0);
    let id = monitor["id"].as_str().unwrap();
    let card = json(&["assets", "--store", &store, "show", id]);
    assert!(card["traits"].as_array().unwrap().iter().any(|one| one["trait"] == "mac"));
    assert!(card["conversations"].as_array().unwrap().iter().any(|talk| talk["where"] == "offsite"));
    assert!(card["vitals"][0]["numerics"]["heart-rate"]["samples"].as_i64().unwrap() > 0);
    let text = printed(&done(&["assets", "--store", &store, "show", id]));
    for words in ["Contec CMS8000 (patient-monitor)", "Talks to:", "Vital signs:", "Findings:"] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_store_without_findings_says_how_to_get_some() {
    let folder = Folder::new("empty");
    let store = folder.text("s");
    drop(store::Writer::open(store.as_ref(), store::IfMissing::Make).unwrap());
    for (kind, words) in [("findings", "No findings yet"), ("assets", "No assets yet")] {
        let text = printed(&done(&[kind, "--store", &store]));
        assert!(text.contains(words) && text.contains("lazaret scan --store"), "{text}");
    }
    assert!(printed(&done(&["audit", "--store", &store, "verify"])).contains("whole: 0 entries"));
    assert!(printed(&done(&["audit", "--store", &store, "show"])).contains("No entries"));
}

#[test]
fn what_cannot_be_done_is_two_and_says_what_to_do() {
    let folder = Folder::new("refused");
    let (store, foreign) = (folder.text("s"), folder.text("f"));
    drop(store::Writer::open(store.as_ref(), store::IfMissing::Make).unwrap());
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(format!("{foreign}/thesis.tex"), "x").unwrap();
    let nowhere = folder.text("nowhere");
    let none = "f-00000000000000ff";
    for (arguments, words) in [
        (&["findings"][..], "--store DIR"),
        (&["findings", "--store", &nowhere], "lazaret scan --store"),
        (&["findings", "--store", &foreign], "not a store"),
        (&["scan", "--store", &foreign, "x.pcap"], "not a store"),
        (&["scan", "--store", &store, "--no-hash", "x.pcap"], "--no-hash"),
        (&["findings", "--store", &store, "show", "7"], "f-0123456789abcdef"),
        (&["findings", "--store", &store, "show", none], none),
        (&["findings", "--store", &store, "false-positive", none], "--note"),
        (
            &["findings", "--store", &store, "suppress", none, "--until", "2020-01-01", "--reason", "x"],
            "past",
        ),
        (
            &["findings", "--store", &store, "suppress", none, "--until", "soon", "--reason", "x"],
            "2026-12-31",
        ),
        (&["findings", "--store", &store, "list", "--state", "odd"], "acknowledged"),
        (&["findings", "--store", &store, "acknowledge", none, "--by", " "], "--by"),
        (&["assets", "--store", &store, "show", "a-00000000000000ff"], "a-00000000000000ff"),
        (&["audit", "--store", &store], "verify"),
        (&["audit", "--store", &store, "verify", "--expect", "1:ff"], "64"),
        (&["store", "--store", &store, "prune"], "--older-than"),
        (&["store", "--store", &store, "prune", "--older-than", "1d", "--kind", "audit"], "vitals"),
        (&["store", "--store", &store, "restore", "--from", &nowhere], "nowhere"),
    ] {
        let output = lazaret(arguments);
        assert_eq!(status(&output), 2, "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(words), "{arguments:?}: {}", said(&output));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert!(!folder.0.join("nowhere").exists());
}

#[test]
fn a_broken_chain_is_one_and_says_where() {
    let folder = Folder::new("chain");
    let (store, capture) = (folder.text("s"), folder.ward(1, &["leak"]));
    scan(&store, &capture);
    let noted = json(&["audit", "--store", &store, "verify"]);
    let noted = format!("{}:{}", noted["entries"], noted["hash"].as_str().unwrap());
    done(&["audit", "--store", &store, "verify", "--expect", &noted]);
    // The file's own bytes, changed as an editor of files would: one letter of who.
    let path = format!("{store}/store.sqlite");
    let mut bytes = std::fs::read(&path).unwrap();
    let places: Vec<usize> = bytes
        .windows(12)
        .enumerate()
        .filter(|(_, window)| window == b"testerimport")
        .map(|(at, _)| at)
        .collect();
    assert_eq!(places.len(), 1);
    bytes[places[0]] = b'T';
    std::fs::write(&path, bytes).unwrap();
    let output = lazaret(&["audit", "--store", &store, "verify"]);
    assert_eq!(status(&output), 1);
    assert!(printed(&output).contains("broken at entry 1"), "{}", printed(&output));
    let output = lazaret(&["store", "--store", &store, "backup", "--output", &folder.text("b.sqlite")]);
    assert_eq!(status(&output), 2);
    assert!(!folder.0.join("b.sqlite").exists());
}

#[test]
fn a_backup_is_restored_into_a_new_folder() {
    let folder = Folder::new("backup");
    let (store, capture) = (folder.text("s"), folder.ward(1, &["leak"]));
    scan(&store, &capture);
    let (file, restored) = (folder.text("b.sqlite"), folder.text("r"));
    done(&["store", "--store", &store, "backup", "--output", &file]);
    done(&["store", "--store", &restored, "restore", "--from", &file]);
    let list = |store: &str| json(&["findings", "--store", store, "list", "--all"]);
    assert_eq!(list(&restored), list(&store));
    let text = printed(&done(&["store", "--store", &restored, "prune", "--older-than", "1h", "--dry-run"]));
    assert!(text.contains("Would delete"), "{text}");
    done(&["store", "--store", &restored, "prune", "--older-than", "1h", "--kind", "vitals"]);
    done(&["audit", "--store", &restored, "verify"]);
}

#[test]
fn the_help_teaches() {
    for (command, words) in [
        ("findings", "A resolved finding is reopened by evidence"),
        ("assets", "medical devices first"),
        ("audit", "--expect"),
        ("store", "prune --older-than"),
        ("scan", "lazaret scan --store"),
    ] {
        let help = printed(&done(&[command, "--help"]));
        assert!(help.contains(words), "{help}");
    }
}
