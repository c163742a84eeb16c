//! Other people's programs read what `lazaret vitals` writes: wfdb-python, the models of fhir.resources, hl7apy.
//!
//! They live in a Python environment that `.ci/run` makes at `/var/tmp/lazaret-peers`; another one is named by
//! `LAZARET_PEERS`. Where one is missing that is said, and fails where `CI=true`.
#![expect(clippy::disallowed_methods, reason = "runs the peers and the binary under test")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::PathBuf;
use std::process::Command;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/records.py");

fn python() -> PathBuf {
    let folder = std::env::var_os("LAZARET_PEERS").unwrap_or_else(|| "/var/tmp/lazaret-peers".into());
    PathBuf::from(folder).join("bin/python")
}

/// Whether the environment has a module; if not, says so.
fn has(module: &str) -> bool {
    let found = Command::new(python()).args(["-c", &format!("import {module}")]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{module} is missing in {}",
        python().display()
    );
    println!("skipped: {module} is not in {}", python().display());
    false
}

/// Writes `format` of a small ward and lets the script of that name look at it.
fn looked_at(format: &str, output: &str) {
    let folder = std::env::temp_dir().join(format!("lazaret-records-{format}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (capture, output) = (folder.join("ward.pcap"), folder.join(output));
    let truth = folder.join("ward.pcap.truth.json");
    let ours = |arguments: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_lazaret")).args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", done.stderr.escape_ascii());
    };
    let (capture, output) = (capture.to_str().unwrap(), output.to_str().unwrap());
    let size = ["--monitors", "2", "--minutes", "1", "--scenario", "benign", "--quiet"];
    ours(&[&["simulate", "ward", "--output", capture], &size[..]].concat());
    ours(&["vitals", "--format", format, "--output", output, capture]);
    let look =
        Command::new(python()).args([SCRIPT, format, output, truth.to_str().unwrap()]).output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    if !look.status.success() {
        panic!("{}{}", String::from_utf8(look.stdout).unwrap(), String::from_utf8(look.stderr).unwrap());
    }
}

#[test]
fn wfdb_python_reads_the_records() {
    if has("wfdb") {
        looked_at("wfdb", "records");
    }
}

#[test]
fn the_models_of_fhir_r4_take_the_bundle() {
    if has("fhir.resources") {
        looked_at("fhir", "bundle.json");
    }
}

#[test]
fn hl7apy_finds_the_messages_valid() {
    if has("hl7apy") {
        looked_at("hl7", "messages.hl7");
    }
}
