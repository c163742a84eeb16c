//! Names of patients with the vault on: in its answers to the clinical role, and nowhere else.

use super::leaks::{EVERY_ROLE, identifiers, search};
use super::server::{Folder, Server};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A name, whether the monitor or a message between servers named the patient first.
fn words(name: &Value) -> BTreeSet<&str> {
    name.as_str().unwrap().split(' ').collect()
}

/// Beds that are shown live: number, hash of the patient, id.
fn live(beds: &Value) -> BTreeMap<u64, (String, String)> {
    let beds = beds["beds"].as_array().unwrap().iter();
    let shown = beds.filter_map(|bed| {
        Some((bed["bed"].as_u64()?, (bed["patient"].as_str()?.to_owned(), bed["id"].as_str()?.to_owned())))
    });
    shown.collect()
}

#[test]
fn names_are_in_the_answers_of_the_vault_alone() {
    let folder = Folder::new("vault");
    let (first, second) = (folder.ward(1, &["leak"]), folder.ward(2, &["leak", "benign"]));
    let key = folder.text("vault.key");
    std::fs::write(&key, "a lamp, a door and a tide\n").unwrap();
    let vault = ["--vault", "--vault-key-file", &key];
    let played = ["--no-tls", "--captures", &first, &second, "--replay", &first, "--speed", "100"];
    let server = Server::start(&folder, &[&played[..], &vault].concat());
    server.said("the vault is on");
    let admin = server.admin();
    let nurse = server.user(&admin, "ostrava", "clinical");
    server
        .until("the replay is kept", |said| said.contains("the replay ended; its results are in the store"));
    // Who asks for the hash that a bed shows is told who lies there.
    let truth: Value =
        serde_json::from_slice(&std::fs::read(format!("{first}.truth.json")).unwrap()).unwrap();
    let shown = live(&nurse.get("/api/v1/live"));
    let beds = truth["beds"].as_array().unwrap();
    assert_eq!(shown.len(), beds.len(), "{shown:?}");
    let look = |hash: &str| json!({ "patient": hash, "reason": "the test of looks" }).to_string();
    for bed in beds {
        let (hash, id) = &shown[&bed["bed"].as_u64().unwrap()];
        let told = nurse.ask("POST", "/api/v1/vault/looks", look(hash).as_bytes());
        assert_eq!(
            (told.status, told.headers["cache-control"].as_str()),
            (200, "no-store"),
            "{}",
            told.text()
        );
        let told = told.json();
        assert_eq!(words(&told["name"]), words(&bed["patient"]["name"]));
        assert_eq!(told["number"], bed["patient"]["number"]);
        assert_eq!((&told["bed"], &told["patient"]), (&bed["bed"], &json!(hash)));
        assert_eq!(
            nurse.get(&format!("/api/v1/beds/{id}"))["patient"],
            json!(hash),
            "the store has the same hash"
        );
        assert_eq!(admin.ask("POST", "/api/v1/vault/looks", look(hash).as_bytes()).status, 403);
    }
    // Captures that are sent fill it as well: under the same hashes, so that a patient of both is one.
    let (_, scan) = admin.send("/api/v1/captures?name=second.pcap", &std::fs::read(&second).unwrap());
    server.wait("the scan ended", || {
        (admin.get(&format!("/api/v1/scans/{}", scan["id"]))["stage"] == "done").then_some(())
    });
    let sent: Value =
        serde_json::from_slice(&std::fs::read(format!("{second}.truth.json")).unwrap()).unwrap();
    let sent = sent["beds"].as_array().unwrap();
    let known: BTreeSet<&str> = shown.values().map(|(hash, _)| hash.as_str()).collect();
    let cards = nurse.get("/api/v1/beds?limit=100");
    let cards = cards["beds"].as_array().unwrap().iter();
    let new: BTreeSet<&str> =
        cards.filter_map(|bed| bed["patient"].as_str()).filter(|hash| !known.contains(hash)).collect();
    let told = |hash: &&str| nurse.ask("POST", "/api/v1/vault/looks", look(hash).as_bytes()).json();
    let numbers: BTreeSet<_> = new.iter().map(|hash| told(hash)["number"].to_string()).collect();
    let expected: BTreeSet<_> = sent.iter().map(|bed| bed["patient"]["number"].to_string()).collect();
    // Besides those of the beds there are those whom only servers name.
    assert!(expected.is_subset(&numbers), "{expected:?} {numbers:?}");
    let log = admin.get("/api/v1/audit?limit=500");
    let looks = log["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == "vault-look");
    let by: Vec<_> = looks.map(|entry| entry["by"].as_str().unwrap()).collect();
    assert_eq!(
        by,
        vec!["ostrava (token test)"; beds.len() + new.len()],
        "every look, with who looked, and no other"
    );
    let mut patients = identifiers(&first);
    patients.extend(identifiers(&second));
    let (_, bytes, framed) = search(&admin, &patients, &EVERY_ROLE);
    assert!(bytes > 50_000 && framed > 5, "{bytes} bytes, {framed} findings with frames");
    let (answers, ..) = search(&nurse, &patients, &["viewer", "clinical"]);
    assert!(answers > 10, "{answers} answers");
    for (_, id) in shown.values() {
        let detail = nurse.ask("GET", &format!("/api/v1/live/beds/{id}"), b"");
        assert!(detail.status == 200 && !patients.iter().any(|name| detail.text().contains(name)));
    }
    let said = server.all_said();
    assert!(!patients.iter().any(|name| said.contains(name)), "{said}");
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path("store")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            files += 1;
            for name in &patients {
                let holds = bytes.windows(name.len()).any(|window| window == name.as_bytes());
                assert!(!holds, "{} tells {name}", path.display());
            }
        }
    }
    assert!(files >= 3, "{files} files");
}

#[test]
fn a_server_does_not_start_with_a_passphrase_that_is_not_the_vaults() {
    let folder = Folder::new("vault-key");
    let (store, key, other) = (folder.text("store"), folder.text("vault.key"), folder.text("other.key"));
    std::fs::write(&key, "a lamp, a door and a tide\n").unwrap();
    std::fs::write(&other, "another passphrase\n").unwrap();
    let server = Server::start(&folder, &["--no-tls", "--vault", "--vault-key-file", &key]);
    assert_eq!(server.end("-TERM"), 0);
    let serve =
        ["serve", "--store", &store, "--no-tls", "--listen", "127.0.0.1:0", "--vault", "--vault-key-file"];
    let refused = |key: &str| {
        let all = [&serve[..], &[key]].concat();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_lazaret")).args(all).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        output.stderr.escape_ascii().to_string()
    };
    assert!(refused(&other).contains("this is not the passphrase of the store"));
    let inside = folder.text("store/vault.key");
    std::fs::copy(&key, &inside).unwrap();
    assert!(refused(&inside).contains("lies in the store itself"));
    std::fs::remove_file(inside).unwrap();
    // Without the option it opens as ever.
    let server = Server::start(&folder, &["--no-tls"]);
    assert_eq!(server.admin().get("/api/v1/vault")["state"], "locked");
}
