//! The frames that show a finding, over the API: out of captures, out of an evidence ring, and what is said where there are none.

use super::server::{Answer, Caller, Folder, Server, done};
use serde_json::Value;
use std::process::Command;

/// Names and numbers of the patients of a simulated ward.
fn patients(folder: &Folder, capture: &str) -> Vec<String> {
    let truth = std::fs::read_to_string(folder.path(&format!("{capture}.truth.json"))).unwrap();
    let truth: Value = serde_json::from_str(&truth).unwrap();
    let beds = truth["beds"].as_array().unwrap().iter();
    let parts =
        beds.flat_map(|bed| ["name", "number"].map(|part| bed["patient"][part].as_str().map(str::to_owned)));
    let found: Vec<String> = parts.flatten().collect();
    assert!(found.len() >= 2, "{truth}");
    found
}

/// Whether the bytes hold it, in letters or in hexadecimal digits.
fn holds(bytes: &[u8], name: &str) -> bool {
    let digits: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    [name.as_bytes(), digits.as_bytes()]
        .iter()
        .any(|wanted| bytes.windows(wanted.len()).any(|part| part == *wanted))
}

/// The finding that patient data left.
fn leak(admin: &Caller<'_>) -> String {
    let list = admin.get("/api/v1/findings?rule=patient-data-offsite");
    list["findings"][0]["id"].as_str().unwrap_or_else(|| panic!("{list}")).to_owned()
}

/// What every frame that is told must hold to: each field is where it says, and nothing concealed is told.
fn check(frames: &Value) -> usize {
    let mut withheld = 0;
    for frame in frames.as_array().unwrap() {
        let bytes = frame["bytes"].as_u64().unwrap();
        let data = frame["data"].as_str().unwrap();
        let byte = |at: usize| u8::from_str_radix(&data[at * 2..at * 2 + 2], 16).unwrap();
        for stretch in frame["concealed"].as_array().unwrap() {
            let [offset, count] = ["offset", "bytes"].map(|key| stretch[key].as_u64().unwrap() as usize);
            for at in (offset..offset + count).take_while(|at| at * 2 + 2 <= data.len()) {
                assert!(byte(at) == b'0' || byte(at) == 0, "{at} is told: {frame}");
            }
        }
        let layers = frame["layers"].as_array().unwrap();
        assert!(layers.len() >= 3, "{frame}");
        for layer in layers.iter().chain(frame["units"].as_array().unwrap()) {
            let [offset, count] = ["offset", "bytes"].map(|key| layer[key].as_u64().unwrap());
            assert!(count > 0 && offset + count <= bytes, "{layer} of {frame}");
        }
        let ip = layers.iter().find(|layer| layer["name"] == "IPv4").unwrap();
        let destination =
            ip["fields"].as_array().unwrap().iter().find(|field| field["name"] == "destination").unwrap();
        let at = destination["offset"].as_u64().unwrap() as usize;
        let there: Vec<String> = (at..at + 4).map(|at| byte(at).to_string()).collect();
        assert_eq!(destination["value"], there.join("."), "{frame}");
        let fields =
            frame["units"].as_array().unwrap().iter().flat_map(|unit| unit["fields"].as_array().unwrap());
        withheld += fields.filter(|field| field["value"].is_null()).count();
    }
    withheld
}

fn bundle(folder: &Folder, admin: &Caller<'_>, id: &str) -> Answer {
    let answer = admin.ask("POST", &format!("/api/v1/findings/{id}/evidence"), b"");
    if answer.status == 200 {
        assert_eq!(answer.headers["content-type"], "application/x-tar");
        assert_eq!(
            answer.headers["content-disposition"],
            format!("attachment; filename=\"evidence-{id}.tar\"")
        );
        let path = folder.text("bundle.tar");
        std::fs::write(&path, &answer.bytes).unwrap();
        let told = done(&["evidence", "verify", &path, "--public-key", &folder.text("site.key.pub")]);
        assert!(told.stdout.escape_ascii().to_string().contains("whole"), "{}", told.stdout.escape_ascii());
    }
    answer
}

#[test]
fn frames_of_captures_are_told_field_by_field_and_taken_signed_without_a_patient() {
    let folder = Folder::new("frames");
    let (store, ward) = (folder.text("store"), folder.ward(7, &["leak"]));
    let patients = patients(&folder, "ward-7.pcap");
    done(&["scan", "--quiet", "--output", "/dev/null", "--store", &store, &ward]);
    done(&["evidence", "keygen", "--key", &folder.text("site.key")]);
    // Known by its hash, whatever it is called now; other files beside it are looked at and left.
    std::fs::create_dir_all(folder.path("captures/old")).unwrap();
    std::fs::rename(&ward, folder.path("captures/old/renamed.pcap")).unwrap();
    std::fs::write(folder.path("captures/notes.txt"), "not a capture").unwrap();
    let captures = folder.text("captures");
    let server = Server::start(
        &folder,
        &["--no-tls", "--captures", &captures, "--evidence-key", &folder.text("site.key")],
    );
    let admin = server.admin();
    let id = leak(&admin);
    let answer = admin.ask("GET", &format!("/api/v1/findings/{id}/frames"), b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let list = answer.json();
    assert_eq!(
        (&list["source"], &list["elsewhere"], &list["gone"]),
        (&"captures".into(), &0.into(), &0.into())
    );
    assert!(check(&list["frames"]) > 0, "nothing of a patient was withheld: {list}");
    let protocols: Vec<&Value> =
        list["frames"].as_array().unwrap().iter().flat_map(|one| one["units"].as_array().unwrap()).collect();
    assert!(protocols.iter().any(|unit| unit["protocol"] == "cms8000"), "{list}");
    let taken = bundle(&folder, &admin, &id);
    assert_eq!(taken.status, 200, "{}", taken.text());
    for name in &patients {
        assert!(!holds(&answer.bytes, name) && !holds(&taken.bytes, name), "{name} is in it");
    }
    // Both looks stand in the log, with who had them.
    let log = admin.get(&format!("/api/v1/audit?subject={id}"));
    let looks: Vec<&Value> =
        log["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == "evidence").collect();
    assert_eq!(looks.len(), 2, "{log}");
    assert!(looks.iter().all(|look| look["by"] == "haldis (token test)"), "{log}");
    let unknown = admin.ask("GET", "/api/v1/findings/f-00000000000000ff/frames", b"");
    assert_eq!(unknown.status, 404, "{}", unknown.text());
    assert_eq!(server.end("-TERM"), 0);
}

#[test]
fn frames_of_a_watch_come_out_of_its_ring() {
    let folder = Folder::new("frames-ring");
    let (store, ward, ring, key) =
        (folder.text("store"), folder.ward(7, &["leak"]), folder.text("ring"), folder.text("passphrase"));
    let patients = patients(&folder, "ward-7.pcap");
    std::fs::write(&key, "correct horse battery staple\n").unwrap();
    let watch = ["watch", "--quiet", "--input", &ward, "--format", "ndjson", "--output", "/dev/null"];
    done(&[&watch[..], &["--store", &store, "--ring", &ring, "--ring-key-file", &key]].concat());
    done(&["evidence", "keygen", "--key", &folder.text("site.key")]);
    std::fs::remove_file(&ward).unwrap();
    let server = Server::start(
        &folder,
        &["--no-tls", "--ring", &ring, "--ring-key-file", &key, "--evidence-key", &folder.text("site.key")],
    );
    let admin = server.admin();
    let id = leak(&admin);
    let answer = admin.ask("GET", &format!("/api/v1/findings/{id}/frames"), b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let list = answer.json();
    assert_eq!(list["source"], "ring");
    check(&list["frames"]);
    let taken = bundle(&folder, &admin, &id);
    assert_eq!(taken.status, 200, "{}", taken.text());
    for name in &patients {
        assert!(!holds(&answer.bytes, name) && !holds(&taken.bytes, name), "{name} is in it");
    }
    assert_eq!(server.end("-TERM"), 0);
    // A wrong passphrase is told at the start, not to somebody who asks later.
    std::fs::write(&key, "a wrong horse battery staple\n").unwrap();
    let wrong = Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .args([
            "serve",
            "--store",
            &store,
            "--listen",
            "127.0.0.1:0",
            "--ring",
            &ring,
            "--ring-key-file",
            &key,
        ])
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(2), "{}", wrong.stderr.escape_ascii());
}

#[test]
fn where_there_are_no_frames_it_is_said_what_to_do() {
    let folder = Folder::new("frames-none");
    let (store, ward) = (folder.text("store"), folder.ward(7, &["leak"]));
    done(&["scan", "--quiet", "--output", "/dev/null", "--store", &store, &ward]);
    let server = Server::start(&folder, &["--no-tls"]);
    let admin = server.admin();
    let id = leak(&admin);
    for (method, path, words) in [("GET", "frames", "--captures"), ("POST", "evidence", "--evidence-key")] {
        let refused = admin.ask(method, &format!("/api/v1/findings/{id}/{path}"), b"");
        assert_eq!(refused.status, 409, "{}", refused.text());
        assert!(refused.json()["detail"].as_str().unwrap().contains(words), "{}", refused.text());
    }
    assert_eq!(server.end("-TERM"), 0);
    // A folder that is not there is said at the start.
    let nowhere = folder.text("nowhere");
    let again = Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .args(["serve", "--store", &store, "--listen", "127.0.0.1:0", "--captures", &nowhere])
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(2), "{}", again.stderr.escape_ascii());
}

#[test]
fn another_capture_of_the_same_name_is_not_taken_for_it() {
    let folder = Folder::new("frames-other");
    let (store, ward) = (folder.text("store"), folder.ward(7, &["leak"]));
    done(&["scan", "--quiet", "--output", "/dev/null", "--store", &store, &ward]);
    std::fs::rename(folder.ward(8, &["leak"]), &ward).unwrap();
    let server = Server::start(&folder, &["--no-tls", "--captures", &ward]);
    let admin = server.admin();
    let refused = admin.ask("GET", &format!("/api/v1/findings/{}/frames", leak(&admin)), b"");
    assert_eq!(refused.status, 409, "{}", refused.text());
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("ward-7.pcap") && detail.contains("hash"), "{detail}");
    assert_eq!(server.end("-TERM"), 0);
}
