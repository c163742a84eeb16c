//! Webhooks and mail, to Python's receivers (`receiver.py`).

use crate::place::{
    Arrived, Place, Process, count, every_finding_arrived_and_repeats_say_so, killed_half_way, port, python,
};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outputs/receiver.py");
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

fn receiver(python: &Path, arguments: &[&str]) -> Process {
    Process::start(Command::new(python).arg(SCRIPT).args(arguments))
}

/// What a receiver understood that was killed half way.
fn received(place: &Place, start: &dyn Fn() -> Process, file: &str) -> Vec<Value> {
    let some = usize::try_from(count() / 20).unwrap();
    let lines = killed_half_way(place, "people", start, some, file);
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn arrived(rows: &[Value]) -> Arrived {
    rows.iter().map(|row| (row["id"].as_str().unwrap().to_owned(), row["repeat"] == true)).collect()
}

#[test]
fn webhooks_lose_nothing_are_signed_and_hold_nobody_up() {
    let Some(python) = python("standardwebhooks") else { return };
    let (place, port) = (Place::new("webhook"), port());
    place.write("secret", &format!("{SECRET}\n"));
    // Another receiver is down all the time.
    let file = place.write(
        "outputs.toml",
        &format!(
            "schema = 1\n[[webhook]]\nname = 'people'\nurl = 'http://127.0.0.1:{port}/hook?x=1'\nsecret_file = 'secret'\n\
             retry_max_s = 1\n[[lines]]\nname = 'dead'\naddress = '127.0.0.1:1'\ntransport = 'tcp'\nretry_max_s = 1\n"
        ),
    );
    let (at, got) = (port.to_string(), place.text("got"));
    let start = || receiver(&python, &["webhook", &at, &got, SECRET]);
    let rows = received(&place, &start, &file);
    every_finding_arrived_and_repeats_say_so(&arrived(&rows), 0..count());
    let notice = &rows[0]["notice"];
    assert_eq!((&notice["schema"], &notice["change"]), (&"lazaret.notice/1".into(), &"opened".into()));
    assert!(!notice["title"].as_str().unwrap().contains('\n'));
    assert_eq!(place.course("dead")["waiting"].as_u64(), Some(count()));
}

fn mail(test: &str, mode: &str) {
    let Some(python) = python("aiosmtpd") else { return };
    let (place, port) = (Place::new(test), port());
    let (certificate, key) = place.certificate();
    let file = place.write(
        "outputs.toml",
        &format!(
            "schema = 1\n[[mail]]\nname = 'people'\nserver = '127.0.0.1:{port}'\nsecurity = '{mode}'\nca = 'cert.pem'\n\
             from = 'Lazaret <lazaret@ward.example>'\nto = ['biomed@ward.example', 'R. Haldis <haldis@ward.example>']\n\
             retry_max_s = 1\n"
        ),
    );
    let (at, got) = (port.to_string(), place.text("got"));
    let start = || receiver(&python, &["mail", &at, &got, &certificate, &key, mode]);
    let rows = received(&place, &start, &file);
    every_finding_arrived_and_repeats_say_so(&arrived(&rows), 0..count());
    for row in &rows {
        let headers: Vec<&str> =
            row["headers"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert!(!headers.contains(&"Bcc"), "a name became a header: {row}");
        assert_eq!(row["to"], serde_json::json!(["biomed@ward.example", "haldis@ward.example"]));
        assert!(row["tls"] == true && row["defects"] == serde_json::json!([]), "{row}");
        assert!(row["subject"].as_str().unwrap().starts_with("[lazaret] "), "{row}");
        // RFC 5322: lines of a message end with CRLF.
        assert!(row["text"].as_str().unwrap().contains("\r\nWhat to do\r\nUnplug it.\r\n"), "{row}");
        let id = row["id"].as_str().unwrap();
        assert_eq!(row["message_id"], format!("<{id}.people@ward.example>"));
    }
}

#[test]
fn mail_over_starttls_loses_nothing() {
    mail("starttls", "starttls");
}

#[test]
fn mail_over_tls_loses_nothing() {
    mail("mail-tls", "tls");
}
