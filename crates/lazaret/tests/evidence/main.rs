//! `lazaret evidence`: bundles of the findings of every story, what they hide, and that nothing in them can be changed.
#![expect(
    clippy::disallowed_methods,
    reason = "runs the binary under test, and the programs that third parties use"
)]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod ring;
mod third_party;

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lazaret-bundles-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn text(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lazaret")).args(arguments).output().unwrap()
}

fn done(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", output.stderr.escape_ascii());
    String::from_utf8(output.stdout).unwrap()
}

/// What a refused command says.
fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A ward with its report and a key.
struct Ward {
    folder: Folder,
    capture: String,
    report: String,
    key: String,
}

impl Ward {
    fn new(test: &str, options: &[&str]) -> Self {
        let folder = Folder::new(test);
        let [capture, report, key] = ["ward.pcap", "ward.json", "site.key"].map(|name| folder.text(name));
        done(&[&["simulate", "ward", "--quiet", "--output", &capture], options].concat());
        let scan = ["scan", "--format", "json", "--integrity", "off", "--output", &report, &capture];
        done(&scan);
        done(&["evidence", "keygen", "--key", &key]);
        Self { folder, capture, report, key }
    }

    fn findings(&self) -> Vec<Value> {
        let report: Value = serde_json::from_slice(&fs::read(&self.report).unwrap()).unwrap();
        report["findings"].as_array().unwrap().clone()
    }

    /// The finding of this rule with the most frames.
    fn finding(&self, rule: &str) -> String {
        let frames = |finding: &Value| finding["evidence"].as_array().unwrap().len();
        let findings = self.findings();
        let of_rule = findings.iter().filter(|finding| finding["rule"] == rule);
        of_rule.max_by_key(|finding| frames(finding)).unwrap()["id"].as_str().unwrap().to_owned()
    }

    fn export(&self, finding: &str) -> Vec<u8> {
        let output = self.folder.text(&format!("{finding}.tar"));
        let source = ["--report", &self.report, "--capture", &self.capture, "--key", &self.key];
        done(&[&["evidence", "export", finding, "--output", &output], &source[..]].concat());
        fs::read(output).unwrap()
    }

    /// Everybody whose name, number or doctor must not be seen.
    fn identifiers(&self) -> Vec<String> {
        let truth = fs::read(format!("{}.truth.json", self.capture)).unwrap();
        let truth: Value = serde_json::from_slice(&truth).unwrap();
        let mut all = BTreeSet::new();
        let mut add = |name: &str| {
            all.insert(name.to_owned());
            // The family name alone; given names are short enough to stand in other words.
            all.extend(name.rsplit(' ').next().map(str::to_owned));
        };
        for bed in truth["beds"].as_array().unwrap() {
            ["name", "number", "doctor"].iter().for_each(|key| add(bed["patient"][key].as_str().unwrap()));
        }
        truth["other_patients"].as_array().unwrap().iter().for_each(|other| add(other.as_str().unwrap()));
        all.into_iter().collect()
    }
}

/// As it might lie in a frame.
fn encodings(text: &str) -> Vec<Vec<u8>> {
    let wide: Vec<u16> = text.encode_utf16().collect();
    vec![
        text.as_bytes().to_vec(),
        text.to_uppercase().into_bytes(),
        text.replace(' ', "^").into_bytes(),
        wide.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        wide.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
    ]
}

/// Whether `needle` stands in `haystack`, by its first byte: bundles have megabytes.
fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    let first = needle[0];
    let mut from = 0;
    while let Some(at) = haystack[from..].iter().position(|byte| *byte == first) {
        if haystack[from + at..].starts_with(needle) {
            return true;
        }
        from += at + 1;
    }
    false
}

/// Options of `simulate ward` for every story.
fn stories() -> Vec<(String, Vec<String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/scenarios");
    let mut stories = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let Some((front, _)) = text.strip_prefix("---\n").and_then(|text| text.split_once("\n---\n")) else {
            continue;
        };
        let mut options = Vec::new();
        for line in front.lines() {
            let (name, values) = line.split_once(": ").unwrap();
            let option = if name == "scenarios" { "--scenario".to_owned() } else { format!("--{name}") };
            values.split(", ").for_each(|value| options.extend([option.clone(), value.to_owned()]));
        }
        stories.push((path.file_stem().unwrap().to_str().unwrap().to_owned(), options));
    }
    stories.sort();
    assert!(stories.len() >= 5, "{stories:?}");
    stories
}

#[test]
fn no_bundle_of_any_finding_of_any_story_tells_a_patient() {
    let mut bundles = 0;
    for (story, options) in stories() {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let ward = Ward::new(&format!("leak-{story}"), &options);
        let capture = fs::read(&ward.capture).unwrap();
        let names = ward.identifiers();
        let seen = names.iter().filter(|name| encodings(name).iter().any(|form| holds(&capture, form)));
        assert!(seen.count() >= 3, "{story}: the capture does not name its patients: a blind test");
        for finding in ward.findings() {
            let id = finding["id"].as_str().unwrap();
            let bundle = ward.export(id);
            for name in &names {
                for form in encodings(name) {
                    assert!(!holds(&bundle, &form), "{story}: {id} ({}) tells {name}", finding["rule"]);
                }
            }
            bundles += 1;
        }
    }
    assert!(bundles >= 20, "{bundles} bundles");
}

#[test]
fn the_frames_alone_make_the_same_finding_again() {
    for (scenario, rule) in [
        ("leak", "patient-data-offsite"),
        ("leak", "hardcoded-address"),
        ("update-udp", "remote-code-fetch"),
        ("update-tcp", "remote-code-fetch"),
    ] {
        let options = ["--monitors", "2", "--minutes", "1", "--scenario", scenario];
        let ward = Ward::new(&format!("again-{scenario}-{rule}"), &options);
        let id = ward.finding(rule);
        fs::write(ward.folder.text("bundle.tar"), ward.export(&id)).unwrap();
        let frames = third_party::unpacked(&ward.folder, "bundle.tar").join("capture.pcapng");
        let report: Value =
            serde_json::from_str(&done(&["scan", "--format", "json", frames.to_str().unwrap()])).unwrap();
        let again =
            report["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == id.as_str());
        let again = again.unwrap_or_else(|| panic!("{scenario}: {rule} is not found in its own frames"));
        let first = ward.findings().into_iter().find(|finding| finding["id"] == id.as_str()).unwrap();
        assert_eq!(again["severity"], first["severity"], "{scenario} {rule}");
        assert_eq!(again["details"]["sha256"], first["details"]["sha256"], "{scenario} {rule}");
    }
}

#[test]
fn one_flipped_bit_anywhere_is_caught_and_told_where() {
    let ward = Ward::new("flips", &["--monitors", "1", "--minutes", "1", "--scenario", "leak"]);
    let bundle = ward.export(&ward.finding("patient-data-offsite"));
    let public = format!("{}.pub", ward.key);
    let path = ward.folder.text("flipped.tar");
    let mut seed: u64 = 0x0E71_DE4C_E5EE_D001;
    for flip in 0..1_000 {
        // xorshift64: seeded, so that a failure repeats.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let bit = usize::try_from(seed % (bundle.len() as u64 * 8)).unwrap();
        let mut flipped = bundle.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &flipped).unwrap();
        // With the signer's key, and every tenth time with the one in the bundle.
        let key = ["--public-key", public.as_str()];
        let given = if flip % 10 == 0 { &[][..] } else { &key[..] };
        let output = run(&[&["evidence", "verify", &path], given].concat());
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "flip {flip}, bit {bit}: {told}");
        let places: Vec<usize> = told
            .lines()
            .filter_map(|line| line.split_once("(from byte ")?.1.split(')').next()?.parse().ok())
            .collect();
        let near = |at: &usize| *at <= bit / 8 || at.abs_diff(bit / 8) <= 512;
        assert!(!places.is_empty() && places.iter().any(near), "flip {flip}, bit {bit}: {told}");
    }
    fs::write(&path, &bundle).unwrap();
    let told = done(&["evidence", "verify", &path, "--public-key", &public]);
    assert!(told.contains(": whole. Signed with key ") && told.contains("the one given"), "{told}");
}

#[test]
fn a_bundle_of_another_signer_is_refused_and_its_own_key_proves_nothing() {
    let ward = Ward::new("signer", &["--monitors", "1", "--minutes", "1", "--scenario", "leak"]);
    let id = ward.finding("hardcoded-address");
    let first = ward.export(&id);
    assert_eq!(first, ward.export(&id), "the same inputs and key make the same bytes");
    let bundle = ward.folder.text(&format!("{id}.tar"));
    let told = done(&["evidence", "verify", &bundle]);
    assert!(told.contains("which is in the bundle itself") && told.contains("--public-key"), "{told}");
    let other = ward.folder.text("other.key");
    done(&["evidence", "keygen", "--key", &other]);
    let output = run(&["evidence", "verify", &bundle, "--public-key", &format!("{other}.pub")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.escape_ascii().to_string().contains("was made with key"));
    assert!(refused(&["evidence", "keygen", "--key", &other]).contains("never written over"));
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(fs::metadata(&other).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_finding_is_exported_from_a_store_by_the_start_of_its_id() {
    let ward = Ward::new("store", &["--monitors", "1", "--minutes", "1", "--scenario", "leak"]);
    let (store, bundle) = (ward.folder.text("ward.store"), ward.folder.text("bundle.tar"));
    done(&["scan", "--quiet", "--store", &store, &ward.capture]);
    let id = ward.finding("patient-data-offsite");
    done(&["findings", "--store", &store, "acknowledge", &id, "--note", "Jane Roe of bed 7 was told"]);
    let short = &id[..10];
    let place = ["--store", &store, "--capture", &ward.capture, "--key", &ward.key, "--output", &bundle];
    done(&[&["evidence", "export", short], &place[..]].concat());
    assert!(done(&["evidence", "verify", &bundle]).contains(&id));
    let bytes = fs::read(&bundle).unwrap();
    assert!(!holds(&bytes, b"Jane Roe") && holds(&bytes, b"acknowledged"));
}

#[test]
fn what_cannot_be_exported_is_said_with_what_to_do() {
    let ward = Ward::new("refused", &["--monitors", "1", "--minutes", "1", "--scenario", "leak"]);
    let id = ward.finding("hardcoded-address");
    let output = ward.folder.text("bundle.tar");
    let export = |finding: &str, report: &str, capture: &str, key: &str| {
        let rest = ["--report", report, "--capture", capture, "--key", key, "--output", &output];
        refused(&[&["evidence", "export", finding], &rest[..]].concat())
    };
    let Ward { report, capture, key, .. } = &ward;
    assert!(export("f-ffff", report, capture, key).contains("has no finding f-ffff"));
    assert!(export("nothing", report, capture, key).contains("looks like f-0123456789abcdef"));
    assert!(export(&id, capture, capture, key).contains("no report in JSON"));
    assert!(export(&id, report, report, key).contains("--capture"));
    assert!(export(&id, report, capture, capture).contains("--key"));
    assert!(export(&id, report, "-", key).contains("more than once"));
    let other = ward.folder.text("other.pcap");
    done(&[
        "simulate",
        "ward",
        "--quiet",
        "--seed",
        "9",
        "--monitors",
        "1",
        "--minutes",
        "1",
        "--output",
        &other,
    ]);
    assert!(export(&id, report, &other, key).contains("it was not given"));
    let shown = ward.folder.text("shown.json");
    let show = ["--show-identifiers", "--reason", "the test of bundles"];
    done(&[&["scan", "--format", "json", "--output", &shown, capture], &show[..]].concat());
    assert!(export(&id, &shown, capture, key).contains("shows patient identifiers"));
    assert!(!Path::new(&output).exists());
}
