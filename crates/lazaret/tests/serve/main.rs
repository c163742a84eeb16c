//! The API as programs meet it: over a socket, from the binary, with captures that come in while it runs.
#![expect(clippy::disallowed_methods, reason = "runs the binary under test and its peers")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod frames;
mod leaks;
mod live;
mod metrics;
#[path = "../provider/packages.rs"]
mod packages;
mod provider;
mod schema;
mod server;
mod vault;

use serde_json::{Value, json};
use server::{Folder, Server, done, has};
use std::process::Command;

#[test]
fn it_speaks_tls_with_a_certificate_of_its_own_until_told_to_end() {
    if !has("curl") {
        return;
    }
    let folder = Folder::new("tls");
    let server = Server::start(&folder, &[]);
    assert!(server.base.starts_with("https://127.0.0.1:"), "{}", server.base);
    let store = folder.path("store");
    for file in ["tls-cert.pem", "tls-key.pem"] {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            std::fs::metadata(store.join(file)).unwrap().permissions().mode() & 0o777,
            0o600,
            "{file}"
        );
    }
    let certificate = store.join("tls-cert.pem").display().to_string();
    let curl = |arguments: &[&str]| {
        let all = [&["--silent", "--show-error", "--cacert", &certificate], arguments].concat();
        let output = Command::new("curl").args(all).output().unwrap();
        assert!(output.status.success(), "{}", output.stderr.escape_ascii());
        output.stdout
    };
    let body = json!({ "secret": server.secret, "name": "haldis", "password": "green lamp by the door" });
    let made = curl(&[
        &format!("{}/api/v1/setup", server.base),
        "--header",
        "content-type: application/json",
        "--data",
        &body.to_string(),
        "--dump-header",
        "-",
    ]);
    let made = String::from_utf8(made).unwrap().to_lowercase();
    assert!(made.starts_with("http/2 200"), "{made}");
    assert!(
        made.contains("strict-transport-security") && made.contains("set-cookie: __host-lazaret="),
        "{made}"
    );
    let printed = server.said("certificate SHA-256");
    server.signal("-HUP");
    server.until("the certificate is read again", |said| said.matches(&printed).count() == 2);
    assert_eq!(server.end("-TERM"), 0);
}

#[test]
fn a_capture_that_is_sent_is_scanned_kept_and_told() {
    let folder = Folder::new("sent");
    let ward = folder.ward(1, &["leak"]);
    let server = Server::start(&folder, &["--no-tls"]);
    let admin = server.admin();
    let mut events = server.stream("/api/v1/events", &admin, &[]);
    let sent = std::fs::read(&ward).unwrap();
    let (status, scan) = admin.send("/api/v1/captures?name=ward%0A1.pcap", &sent);
    assert_eq!(status, 202, "{scan}");
    let imported = events.until(|event| event["action"] == "import");
    let path = format!("/api/v1/scans/{}", scan["id"]);
    let ended = server.wait("the scan ended", || {
        let scan = admin.get(&path);
        (scan["stage"] == "done").then_some(scan)
    });
    assert_eq!(ended["result"]["meeting"], "new");
    let scanned = done(&["scan", "--format", "json", "--quiet", &ward]);
    let scanned: Value = serde_json::from_slice(&scanned.stdout).unwrap();
    let ids = |list: &Value| {
        let mut ids: Vec<_> =
            list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let findings = admin.get("/api/v1/findings?limit=500");
    assert_eq!(ids(&findings["findings"]), ids(&scanned["findings"]));
    assert_eq!(ids(&admin.get("/api/v1/assets?limit=500")["assets"]), ids(&scanned["assets"]));
    let captures = admin.get("/api/v1/captures");
    assert_eq!(captures["captures"][0]["sha256"], scanned["captures"][0]["sha256"]);
    assert!(!captures["captures"][0]["name"].as_str().unwrap().contains('\n'));
    assert_eq!(std::fs::read_dir(folder.path("store/uploads")).unwrap().count(), 0, "the file is not kept");
    // Somebody who was away gets what they missed, by the number of the last they had.
    let before = (imported["seq"].as_i64().unwrap() - 1).to_string();
    let mut again = server.stream("/api/v1/events", &admin, &[("Last-Event-ID", &before)]);
    assert_eq!(again.until(|_| true), imported);
    // What another process writes is told, too.
    let finding = findings["findings"][0]["id"].as_str().unwrap();
    let store = folder.text("store");
    done(&["findings", "--store", &store, "acknowledge", finding, "--by", "R. Haldis"]);
    let told = events.until(|event| event["subject"] == finding);
    assert_eq!((&told["action"], &told["by"]), (&json!("acknowledge"), &json!("R. Haldis")));
    let (status, scan) = admin.send("/api/v1/captures?name=noise", b"this is no capture");
    assert_eq!(status, 202);
    let path = format!("/api/v1/scans/{}", scan["id"]);
    let failed = server.wait("the noise was refused", || {
        let scan = admin.get(&path);
        (scan["stage"] == "failed").then_some(scan)
    });
    assert!(failed["why"].as_str().unwrap().len() > 10, "{failed}");
    let conversations = admin.get("/api/v1/conversations?where=offsite&limit=500");
    assert!(!conversations["conversations"].as_array().unwrap().is_empty());
    assert_eq!(admin.get("/api/v1/audit/verify")["whole"], true);
    assert_eq!(server.end("-INT"), 0);
}

#[test]
fn every_page_of_conversations_follows_the_one_before() {
    let folder = Folder::new("conversations");
    let (ward, store) = (folder.ward(3, &["leak"]), folder.text("store"));
    done(&["scan", "--quiet", "--format", "json", "--store", &store, &ward]);
    let server = Server::start(&folder, &["--no-tls"]);
    let admin = server.admin();
    let whole = admin.get("/api/v1/conversations?limit=500");
    let (mut seen, mut path) = (Vec::new(), "/api/v1/conversations?limit=3".to_owned());
    loop {
        let page = admin.get(&path);
        seen.extend(page["conversations"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/conversations?limit=3&after={next}");
    }
    assert_eq!(Value::from(seen), whole["conversations"]);
    assert!(whole["conversations"].as_array().unwrap().len() > 6);
}
