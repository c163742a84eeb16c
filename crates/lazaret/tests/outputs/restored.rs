//! A station that burns down and is restored from a backup: what waited arrives, and what arrives twice says so.

use crate::place::{Place, Process, port};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// A receiver of JSON lines that keeps all it is sent, for as long as the test runs.
fn receiver(port: u16) -> Arc<Mutex<Vec<Value>>> {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let got = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&got);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                kept.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        }
    });
    got
}

fn id(row: &Value) -> String {
    row["id"].as_str().unwrap().to_owned()
}

/// Findings, as their messages name them.
fn findings<'a>(rows: impl Iterator<Item = &'a Value>) -> BTreeSet<String> {
    rows.map(|row| row["finding"].as_str().unwrap().to_owned()).collect()
}

fn numbered(numbers: std::ops::Range<u64>) -> BTreeSet<String> {
    numbers.map(|number| format!("f-{number:016x}")).collect()
}

#[test]
fn a_restored_station_loses_nothing_and_doubles_nothing_in_silence() {
    let (place, port) = (Place::new("restored"), port());
    let file = place.write(
        "outputs.toml",
        &format!(
            "schema = 1\n[[lines]]\nname = 'siem'\naddress = '127.0.0.1:{port}'\ntransport = 'tcp'\nformat = 'notice'\n\
             retry_max_s = 1\n"
        ),
    );
    let (store, backup) = (place.text("store"), place.text("backup.sqlite"));
    let done = |arguments: &[&str]| {
        let output = place.lazaret(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", output.stderr.escape_ascii());
        String::from_utf8(output.stdout).unwrap()
    };
    // Six matters wait for a receiver that is down; then the backup, while the sender runs.
    place.find(0..6);
    let sender = Process::sender(&place, &file);
    place.until("siem", "six wait", |course| course["waiting"] == 6);
    let said = done(&["store", "--store", &store, "backup", "--output", &backup]);
    assert!(said.contains("outbox siem: 6 messages wait, 0 were refused"), "{said}");
    // Life goes on: all is delivered, two more matters are found, and a person decides about one.
    let got = receiver(port);
    place.until("siem", "six are delivered", |course| course["delivered"] == 6);
    place.find(6..8);
    done(&["findings", "--store", &store, "acknowledge", "f-0000000000000000", "--note", "seen"]);
    place.until("siem", "all is delivered", |course| course["delivered"] == 9 && course["waiting"] == 0);
    assert_eq!(sender.end(), 0);
    let before = std::mem::take(&mut *got.lock().unwrap());
    assert_eq!(findings(before.iter()), numbered(0..8));
    assert!(before.iter().all(|row| row["repeat"] == false), "{before:#?}");

    std::fs::remove_dir_all(&store).unwrap();
    let said = done(&["store", "--store", &store, "restore", "--from", &backup]);
    assert!(said.contains("outbox siem: 6 messages wait") && said.contains("the mark of a repeat"), "{said}");
    let log = done(&["audit", "--store", &store, "show", "--format", "json"]);
    assert!(log.contains(r#"\"waiting\":6"#), "{log}");
    let sender = Process::sender(&place, &file);
    // Six that waited, and how each of them stands now.
    place.until("siem", "all is delivered again", |course| {
        course["delivered"] == 12 && course["waiting"] == 0
    });
    // What was found and decided after the backup is found and decided again.
    place.find(6..8);
    done(&["findings", "--store", &store, "acknowledge", "f-0000000000000000", "--note", "seen again"]);
    place.until("siem", "what is new is delivered", |course| {
        course["delivered"] == 15 && course["waiting"] == 0
    });
    assert_eq!(sender.end(), 0);

    let after = std::mem::take(&mut *got.lock().unwrap());
    let (marked, new): (Vec<_>, Vec<_>) = after.iter().partition(|row| row["repeat"] == true);
    // Nothing is lost: what waited came, and the receiver knows of all matters that the store has.
    assert_eq!(findings(marked.iter().copied()), numbered(0..6));
    assert_eq!(findings(new.iter().copied()), numbered(0..8));
    // Nothing is doubled in silence: what has no mark has an id that the receiver never saw, so it drops nothing that is new.
    let known: BTreeSet<String> = before.iter().map(id).collect();
    assert!(marked.iter().all(|row| known.contains(&id(row))), "{marked:#?}");
    assert!(new.iter().all(|row| !known.contains(&id(row))), "{new:#?}");
    let ids: BTreeSet<String> = new.iter().map(|row| id(row)).collect();
    assert_eq!(ids.len(), new.len(), "{new:#?}");
    // And the newest of a matter has its highest serial.
    let of_first = |rows: &[Value]| -> Vec<u64> {
        let rows = rows.iter().filter(|row| row["finding"] == "f-0000000000000000");
        rows.map(|row| row["serial"].as_u64().unwrap()).collect()
    };
    assert!(
        of_first(&after).iter().skip(1).all(|serial| *serial > of_first(&before).into_iter().max().unwrap())
    );
    assert!(of_first(&after).is_sorted(), "{:?}", of_first(&after));
}
