//! What somebody without Lazaret does with a bundle: tar, sha256sum, minisign, capinfos, tshark, as the README in the
//! bundle and the book say.

use super::{Folder, Ward};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Whether a program is there; where it is not, the test says so and passes, and fails with `CI=true`.
fn is_there(program: &str) -> bool {
    let there = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
    if !there.status.success() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{program} is missing");
        eprintln!("skipped: {program} is not installed");
    }
    there.status.success()
}

fn program(name: &str, arguments: &[&str], folder: &Path) -> Output {
    Command::new(name).args(arguments).current_dir(folder).output().unwrap()
}

fn succeeds(name: &str, arguments: &[&str], folder: &Path) -> String {
    let output = program(name, arguments, folder);
    let said = format!("{}{}", output.stdout.escape_ascii(), output.stderr.escape_ascii());
    assert!(output.status.success(), "{name} {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Unpacks a bundle beside itself; its folder.
pub(crate) fn unpacked(folder: &Folder, bundle: &str) -> PathBuf {
    let listed = succeeds("tar", &["tf", bundle], &folder.0);
    succeeds("tar", &["xf", bundle], &folder.0);
    folder.0.join(listed.lines().next().unwrap().split('/').next().unwrap())
}

/// Frames that a dissector finds malformed, and those with bad checksums.
fn complaints(folder: &Path, capture: &str) -> [usize; 2] {
    let checks = ["ip.check_checksum", "tcp.check_checksum", "udp.check_checksum"];
    let on: Vec<String> = checks.iter().map(|name| format!("-o{name}:TRUE")).collect();
    let count = |filter: &str| {
        let mut arguments: Vec<&str> = on.iter().map(String::as_str).collect();
        arguments.extend(["-n", "-r", capture, "-Y", filter, "-T", "fields", "-e", "frame.number"]);
        succeeds("tshark", &arguments, folder).lines().count()
    };
    let bad = "ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 || \
               icmp.checksum.status == 0";
    [count("_ws.malformed"), count(bad)]
}

#[test]
fn a_third_party_checks_a_bundle_with_standard_tools_only() {
    if !["tar", "sha256sum", "minisign", "capinfos", "tshark"].iter().all(|program| is_there(program)) {
        return;
    }
    let ward = Ward::new("tools", &["--monitors", "2", "--minutes", "1", "--scenario", "leak"]);
    let public = format!("{}.pub", ward.key);
    for finding in ward.findings() {
        let id = finding["id"].as_str().unwrap();
        ward.export(id);
        let folder = unpacked(&ward.folder, &format!("{id}.tar"));
        succeeds("sha256sum", &["--strict", "-c", "SHA256SUMS"], &folder);
        let said = succeeds("minisign", &["-V", "-p", &public, "-m", "SHA256SUMS"], &folder);
        assert!(said.contains(&format!("lazaret.evidence/1 {id}")), "{said}");
        succeeds("capinfos", &["capture.pcapng"], &folder);
        let comments =
            succeeds("tshark", &["-r", "capture.pcapng", "-T", "fields", "-e", "frame.comment"], &folder);
        let shows = comments.lines().filter(|line| line.contains("; shows the finding")).count();
        assert_eq!(shows, finding["evidence"].as_array().unwrap().len(), "{id}");
        assert!(comments.lines().all(|line| line.starts_with("ward.pcap frame ")), "{comments}");
    }
    // A key of minisign's own signs too, and what is changed is seen.
    let own = ward.folder.text("own.key");
    let generate = ["-G", "-W", "-f", "-p", "own.pub", "-s", &own];
    succeeds("minisign", &generate, &ward.folder.0);
    let id = ward.finding("hardcoded-address");
    let ward = Ward { key: own, ..ward };
    ward.export(&id);
    let folder = unpacked(&ward.folder, &format!("{id}.tar"));
    succeeds("minisign", &["-V", "-p", "../own.pub", "-m", "SHA256SUMS"], &folder);
    fs::write(folder.join("finding.json"), "{}\n").unwrap();
    assert!(!program("sha256sum", &["-c", "SHA256SUMS"], &folder).status.success());
}

#[test]
fn wireshark_finds_nothing_malformed_that_was_not_so_before() {
    if !["tar", "tshark"].iter().all(|program| is_there(program)) {
        return;
    }
    for scenario in ["leak", "update-udp", "benign"] {
        let options = ["--monitors", "2", "--minutes", "1", "--scenario", "leak", "--scenario", scenario];
        let ward = Ward::new(&format!("tshark-{scenario}"), &options);
        let [malformed, bad] = complaints(&ward.folder.0, "ward.pcap");
        let mut rules = std::collections::BTreeSet::new();
        for finding in ward.findings() {
            if !rules.insert(finding["rule"].to_string()) {
                continue;
            }
            let id = finding["id"].as_str().unwrap();
            ward.export(id);
            let folder = unpacked(&ward.folder, &format!("{id}.tar"));
            let [now_malformed, now_bad] = complaints(&folder, "capture.pcapng");
            assert!(now_malformed <= malformed, "{scenario} {}: {now_malformed} malformed", finding["rule"]);
            assert!(now_bad <= bad, "{scenario} {}: {now_bad} bad checksums", finding["rule"]);
        }
    }
}
