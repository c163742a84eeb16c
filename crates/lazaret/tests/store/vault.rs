//! The vault as an operator meets it: what is written of a patient, who is told, and what a look leaves behind.

use super::leaks::{encodings, holds, identifiers};
use super::{Folder, assert_valid, done, json, lazaret, printed, said, status};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A name, whether the monitor or a message between servers named the patient first.
fn words(name: &Value) -> BTreeSet<&str> {
    name.as_str().unwrap().split(' ').collect()
}

/// A ward whose patients are in the vault of a store.
struct Ward {
    folder: Folder,
    store: String,
    key: String,
    capture: String,
    /// Everything that was printed or written on the way.
    written: Vec<Vec<u8>>,
}

impl Ward {
    /// Watched, as it was recorded.
    fn watched(test: &str) -> Self {
        let folder = Folder::new(test);
        let (store, key, capture) = (folder.text("s"), folder.text("vault.key"), folder.ward(1, &["leak"]));
        std::fs::write(&key, "a lamp, a door and a tide\n").unwrap();
        let report = folder.text("report.json");
        let watch =
            ["watch", "--input", &capture, "--store", &store, "--report", &report, "--format", "ndjson"];
        let output = done(&[&watch[..], &["--vault", "--vault-key-file", &key]].concat());
        assert!(said(&output).contains("the vault is on"), "{}", said(&output));
        let written = vec![output.stdout, output.stderr, std::fs::read(report).unwrap()];
        Self { folder, store, key, capture, written }
    }

    fn vault(&self, more: &[&str]) -> std::process::Output {
        lazaret(&[&["store", "--store", &self.store, "vault"], more].concat())
    }

    fn look(&self, hash: &str) -> Value {
        let words =
            ["look", hash, "--reason", "the test", "--by", "R. Haldis", "--vault-key-file", &self.key];
        let output = self.vault(&[&words[..], &["--format", "json"]].concat());
        assert_eq!(status(&output), 0, "{}", said(&output));
        let told = serde_json::from_slice(&output.stdout).unwrap();
        assert_valid(&told);
        told
    }

    /// Hash by bed, as a report has them.
    fn hashes(&self, report: &[u8]) -> BTreeMap<u64, String> {
        let report: Value = serde_json::from_slice(report).unwrap();
        let beds = report["vitals"].as_array().unwrap().iter();
        beds.filter_map(|bed| Some((bed["bed"].as_u64()?, bed["patient"].as_str()?.to_owned()))).collect()
    }
}

#[test]
fn the_vault_tells_who_asks_with_the_key_and_no_file_tells_anybody() {
    let mut ward = Ward::watched("vault");
    let hashes = ward.hashes(&ward.written[2]);
    let truth: Value =
        serde_json::from_slice(&std::fs::read(format!("{}.truth.json", ward.capture)).unwrap()).unwrap();
    let beds = truth["beds"].as_array().unwrap();
    assert_eq!(hashes.len(), beds.len(), "{hashes:?}");
    for bed in beds {
        let told = ward.look(&hashes[&bed["bed"].as_u64().unwrap()]);
        assert_eq!(words(&told["name"]), words(&bed["patient"]["name"]));
        assert_eq!((&told["number"], &told["bed"]), (&bed["patient"]["number"], &bed["bed"]));
    }
    // A scan names the same patients by the same hashes, and others with them.
    let (second, scanned) = (ward.folder.ward(2, &["leak", "benign"]), ward.folder.text("scan.json"));
    for capture in [&ward.capture, &second] {
        let scan = ["scan", "--format", "json", "--output", &scanned, "--store", &ward.store, capture];
        let output = done(&[&scan[..], &["--vault", "--vault-key-file", &ward.key]].concat());
        ward.written.extend([output.stderr, std::fs::read(&scanned).unwrap()]);
        if capture == &ward.capture {
            assert_eq!(ward.hashes(ward.written.last().unwrap()), hashes);
        }
    }
    let standing = json(&["store", "--store", &ward.store, "vault", "status"]);
    assert!(standing["patients"].as_u64().unwrap() > beds.len() as u64 + 2, "{standing}");
    let (backup, bundle, site) =
        (ward.folder.text("backup"), ward.folder.text("b.tar"), ward.folder.text("site.key"));
    done(&["store", "--store", &ward.store, "backup", "--output", &backup]);
    done(&["evidence", "keygen", "--key", &site]);
    let findings = json(&["findings", "--store", &ward.store, "list", "--all", "--limit", "1000"]);
    let leak =
        findings["findings"].as_array().unwrap().iter().find(|one| one["rule"] == "patient-data-offsite");
    let leak = leak.unwrap()["id"].as_str().unwrap();
    let from = ["--capture", &ward.capture, "--capture", &second, "--key", &site, "--output", &bundle];
    done(&[&["evidence", "export", leak, "--store", &ward.store], &from[..]].concat());
    let outputs = [["findings", "list"], ["assets", "list"], ["audit", "show"]];
    ward.written.extend(outputs.map(|words| done(&[words[0], "--store", &ward.store, words[1]]).stdout));
    ward.written.extend([backup, bundle].map(|path| std::fs::read(path).unwrap()));
    let files =
        std::fs::read_dir(&ward.store).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    ward.written.extend(files);
    let all: BTreeSet<String> = identifiers(&ward.capture).into_iter().chain(identifiers(&second)).collect();
    let forms: Vec<(&String, Vec<u8>)> =
        all.iter().flat_map(|name| encodings(name).map(|form| (name, form))).collect();
    for (at, bytes) in ward.written.iter().enumerate() {
        for (name, form) in &forms {
            assert!(!holds(bytes, form), "output {at} tells {name}");
        }
        assert!(!holds(bytes, b"a lamp, a door and a tide"), "output {at} tells the passphrase");
    }
    let log = json(&["audit", "--store", &ward.store, "show", "--limit", "1000"]);
    let looks = log["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == "vault-look");
    let looks: Vec<_> = looks
        .inspect(|look| assert_eq!(look["by"], "R. Haldis"))
        .map(|look| look["subject"].clone())
        .collect();
    assert_eq!(looks.len(), beds.len(), "{looks:?}");
    assert_eq!(status(&lazaret(&["audit", "--store", &ward.store, "verify"])), 0);
}

#[test]
fn who_lacks_the_key_or_a_reason_is_told_what_is_missing() {
    let ward = Ward::watched("vault-refused");
    let hash = ward.hashes(&ward.written[2]).into_values().next().unwrap();
    let (other, inside) = (ward.folder.text("other.key"), format!("{}/vault.key", ward.store));
    std::fs::write(&other, "another passphrase\n").unwrap();
    std::fs::copy(&ward.key, &inside).unwrap();
    let key = ["--vault-key-file", &ward.key];
    let reason = ["--reason", "the test"];
    for (words, wanted) in [
        ([&["look", &hash][..], &key].concat(), "--reason"),
        ([&["look", &hash, "--reason", " "][..], &key].concat(), "say why"),
        ([&["look", "Haldis"][..], &reason, &key].concat(), "p:0123456789abcdef"),
        (
            [&["look", "p:00000000000000ff"][..], &reason, &key].concat(),
            "nobody is known by p:00000000000000ff",
        ),
        ([&["look", &hash][..], &reason, &["--vault-key-file", &other]].concat(), "not the passphrase"),
        (
            [&["look", &hash][..], &reason, &["--vault-key-file", &inside]].concat(),
            "lies in the store itself",
        ),
        ([&["forget"][..], &reason].concat(), "HASH"),
        ([&["rotate", "--new-key-file", &ward.key][..], &key].concat(), "the new passphrase is the old one"),
    ] {
        let output = ward.vault(&words);
        assert_eq!(status(&output), 2, "{words:?}");
        assert!(said(&output).contains(wanted), "{words:?}: {}", said(&output));
        assert!(output.stdout.is_empty(), "{words:?}");
    }
    let none = ward.folder.text("none");
    done(&["scan", "--quiet", "--output", "/dev/null", "--store", &none, &ward.capture]);
    for words in [&["look", &hash, "--reason", "x"][..], &["forget", "--all", "--reason", "x"]] {
        let output = lazaret(&[&["store", "--store", &none, "vault"], words].concat());
        assert_eq!(
            (status(&output), said(&output).contains("the store has no vault")),
            (2, true),
            "{}",
            said(&output)
        );
    }
    assert_eq!(json(&["store", "--store", &none, "vault", "status"])["vault"], false);
    // What makes no sense together.
    let scan = ["scan", "--output", "/dev/null", &ward.capture, "--vault", "--vault-key-file", &ward.key];
    for (more, wanted) in [
        (&[][..], "--vault needs --store"),
        (&["--store", &none, "--pseudonym-key", &ward.key], "leave --pseudonym-key"),
        (&["--store", &none, "--show-identifiers", "--reason", "x"], "--show-identifiers out"),
    ] {
        let output = lazaret(&[&scan[..], more].concat());
        assert_eq!((status(&output), said(&output).contains(wanted)), (2, true), "{}", said(&output));
    }
}

#[test]
fn the_key_is_rotated_and_patients_are_forgotten_from_the_command_line() {
    let ward = Ward::watched("vault-rotate");
    let hashes: Vec<_> = ward.hashes(&ward.written[2]).into_values().collect();
    let before = ward.look(&hashes[0]);
    let patients =
        |store: &str| json(&["store", "--store", store, "vault", "status"])["patients"].as_u64().unwrap();
    // Those at the beds, and those whom messages between servers name.
    let count = patients(&ward.store);
    assert!(count > hashes.len() as u64);
    let new = ward.folder.text("new.key");
    std::fs::write(&new, "a harbour, a bell and rain\n").unwrap();
    let rotated = ward.vault(&["rotate", "--vault-key-file", &ward.key, "--new-key-file", &new]);
    assert!(printed(&rotated).starts_with("encrypted anew: "), "{}", said(&rotated));
    let words = ["look", &hashes[0], "--reason", "x", "--vault-key-file", &ward.key];
    assert_eq!(status(&ward.vault(&words)), 2, "the old passphrase opens nothing any more");
    let ward = Ward { key: new, ..ward };
    assert_eq!(ward.look(&hashes[0]), before);
    // The same patients go on under the same hashes.
    let scan = ["scan", "--output", "/dev/null", "--quiet", "--store", &ward.store, &ward.capture];
    done(&[&scan[..], &["--vault", "--vault-key-file", &ward.key]].concat());
    assert_eq!(patients(&ward.store), count);
    let forget = |words: &[&str]| {
        let output = ward.vault(&[&["forget", "--reason", "discharged"], words].concat());
        assert_eq!(status(&output), 0, "{}", said(&output));
        printed(&output)
    };
    assert!(forget(&[&hashes[0]]).starts_with("forgotten: 1;"));
    assert!(forget(&["--all"]).starts_with(&format!("forgotten: {};", count - 1)));
    let pruned =
        done(&["store", "--store", &ward.store, "prune", "--older-than", "1d", "--kind", "identities"]);
    assert!(printed(&pruned).contains("identities       0"), "{}", printed(&pruned));
}
