//! Findings to real receivers, which are killed and started again half way: rsyslog, an SMTP server, a webhook that checks
//! signatures with the standard's own library; STIX to the validator of OASIS.
#![expect(
    clippy::disallowed_methods,
    reason = "runs the binary under test and its peers, and waits for them"
)]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod people;
mod place;
mod restored;
mod rsyslog;

use place::{Place, has, python};
use serde_json::Value;
use std::process::Command;

#[test]
fn the_validator_of_oasis_takes_the_bundle() {
    let Some(python) = python("stix2validator") else { return };
    let place = Place::new("stix");
    place.find(0..9);
    let (store, bundle) = (place.text("store"), place.text("bundle.json"));
    let made = place.lazaret(&["outputs", "export", "--store", &store, "--as", "stix", "--output", &bundle]);
    assert!(made.status.success(), "{}", made.stderr.escape_ascii());
    let validator = python.with_file_name("stix2_validator");
    // 103: ids should be random, but may be made from the content (2.9), which ours are.
    let checked =
        Command::new(validator).args(["--version", "2.1", "--disable", "103", &bundle]).output().unwrap();
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(
        checked.status.success() && said.contains("STIX JSON: Valid") && !said.contains("Warning"),
        "{said}"
    );
    let bundle: Value = serde_json::from_str(&std::fs::read_to_string(&bundle).unwrap()).unwrap();
    let indicators =
        bundle["objects"].as_array().unwrap().iter().filter(|object| object["type"] == "indicator");
    assert_eq!(indicators.count(), 9);
}

#[test]
fn what_the_file_says_is_checked_before_anything_is_sent() {
    let place = Place::new("check");
    let file = place.write(
        "outputs.toml",
        "schema = 1\n[[syslog]]\nname = 'old'\naddress = '127.0.0.1:514'\ntransport = 'udp'\n\
         route = { severity = 'high', zones = ['ICU 3'] }\n",
    );
    let checked = place.lazaret(&["outputs", "check", &file]);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.contains("syslog over UDP to 127.0.0.1:514: high and above; zones ICU 3"), "{said}");
    assert!(said.contains("! UDP"), "{said}");
    place.find(0..1);
    let run = place.lazaret(&["outputs", "run", "--store", &place.text("store"), &file]);
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(run.status.code() == Some(2) && said.contains("is not in the site file"), "{said}");
    let tested = place.lazaret(&["outputs", "test", "--only", "new", &file]);
    assert_eq!(tested.status.code(), Some(2));
    let dead = place.write(
        "dead.toml",
        "schema = 1\n[[lines]]\nname = 'dead'\naddress = '127.0.0.1:1'\ntransport = 'tcp'\n",
    );
    let tested = place.lazaret(&["outputs", "test", &dead]);
    assert_eq!(tested.status.code(), Some(1), "{}", tested.stdout.escape_ascii());
    assert!(has("kill", "--version"));
}
