//! No answer of the API tells a patient.

use super::server::{Caller, Folder, Server, done};
use serde_json::Value;
use std::collections::BTreeSet;

/// What an admin may.
pub(crate) const EVERY_ROLE: [&str; 4] = ["viewer", "clinical", "analyst", "admin"];

/// Who is on the ward: names, their parts, numbers, doctors.
pub(crate) fn identifiers(capture: &str) -> BTreeSet<String> {
    let truth: Value =
        serde_json::from_slice(&std::fs::read(format!("{capture}.truth.json")).unwrap()).unwrap();
    let mut all = BTreeSet::new();
    let mut name = |name: &str| {
        all.insert(name.to_owned());
        // The family name alone; given names are short enough to stand in other words.
        all.extend(name.rsplit(' ').next().map(str::to_owned));
    };
    for bed in truth["beds"].as_array().unwrap() {
        for key in ["name", "number", "doctor"] {
            name(bed["patient"][key].as_str().unwrap());
        }
    }
    truth["other_patients"].as_array().unwrap().iter().for_each(|other| name(other.as_str().unwrap()));
    assert!(all.len() >= 12, "{all:?}");
    all
}

/// Values for the `{id}` of a path, from the list that shows them.
fn ids(caller: &Caller<'_>, path: &str) -> Vec<String> {
    let (list, key) = match path.strip_prefix("/api/v1/").unwrap().split('/').next().unwrap() {
        "assets" => ("/api/v1/assets?limit=500", "assets"),
        "beds" => ("/api/v1/beds?limit=500", "beds"),
        "live" => ("/api/v1/live", "beds"),
        "findings" => ("/api/v1/findings?limit=500&suppressed=yes", "findings"),
        "scans" => ("/api/v1/scans", "scans"),
        "users" => ("/api/v1/users", "users"),
        other => panic!("how are the ids of {other} found?"),
    };
    let text = |id: &Value| id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    caller.get(list)[key].as_array().unwrap().iter().map(|one| text(&one["id"])).collect()
}

/// Asks everything that a caller with these roles may ask without changing anything, and finds nobody in it. Gives how many answers there
/// were, how many bytes, and how many told frames.
pub(crate) fn search(caller: &Caller<'_>, patients: &BTreeSet<String>, roles: &[&str]) -> (i32, usize, i32) {
    let document = caller.get("/api/v1/openapi.json");
    let (mut answers, mut bytes, mut framed) = (0, 0, 0);
    for (path, item) in document["paths"].as_object().unwrap() {
        // Streams do not end; what they tell is tested where they are.
        let stream = ["/api/v1/events", "/api/v1/live/waveforms", "/api/v1/beds/{id}/waveform"]
            .contains(&path.as_str());
        // Without a replay nobody is at the bedside; what is told there is tested with one.
        let bedside = path.starts_with("/api/v1/live/beds/");
        // Browsers walk these to a provider and back; without one there is nothing to tell.
        let walked = path.starts_with("/api/v1/session/provider");
        let theirs = item["get"]["x-least-role"].as_str().is_none_or(|least| roles.contains(&least));
        if item.get("get").is_none() || stream || bedside || walked || !theirs {
            continue;
        }
        let paths = if path.contains("{id}") {
            ids(caller, path).iter().map(|id| path.replace("{id}", id)).collect()
        } else {
            vec![path.clone()]
        };
        assert!(!paths.is_empty(), "{path}: nothing to ask");
        for path in paths {
            let answer = caller.ask("GET", &path, b"");
            let frames = path.ends_with("/frames");
            // A finding about what was not there has none.
            if frames && answer.text().contains("points at no frame") {
                continue;
            }
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            framed += i32::from(frames);
            let text = answer.text();
            for name in patients {
                let digits: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
                assert!(!frames || !text.contains(&digits), "{path}: {name} in digits");
                assert!(
                    !text.contains(name) && !text.to_uppercase().contains(&name.to_uppercase()),
                    "{path}: {name}"
                );
            }
            answers += 1;
            bytes += answer.bytes.len();
        }
    }
    (answers, bytes, framed)
}

#[test]
fn no_answer_tells_a_patient() {
    let folder = Folder::new("leaks");
    let (first, second) = (folder.ward(1, &["leak"]), folder.ward(2, &["leak", "benign"]));
    let store = folder.text("store");
    let shown = ["--show-identifiers", "--reason", "the test of leaks"];
    let scanned = done(&[&["scan", "--format", "json", "--store", &store, &first], &shown[..]].concat());
    let mut patients = identifiers(&first);
    let seen = scanned.stdout.escape_ascii().to_string();
    assert!(patients.iter().any(|name| seen.contains(name)), "the report does not show them: a blind test");
    patients.extend(identifiers(&second));
    // Frames that show findings are told as well, from the captures themselves.
    let server = Server::start(&folder, &["--no-tls", "--captures", &first, &second]);
    let admin = server.admin();
    let (_, scan) = admin.send("/api/v1/captures?name=second.pcap", &std::fs::read(&second).unwrap());
    server.wait("the scan ended", || {
        (admin.get(&format!("/api/v1/scans/{}", scan["id"]))["stage"] == "done").then_some(())
    });
    let (answers, bytes, framed) = search(&admin, &patients, &EVERY_ROLE);
    assert!(framed > 5, "{framed} findings told their frames");
    assert!(answers > 30 && bytes > 50_000, "{answers} answers, {bytes} bytes");
}
