//! Real peers: a network file server and an imaging archive of others, in network namespaces, captured and scanned.
//!
//! ```text
//! namespace of the server             namespace of the client
//! rpcbind, nfs-ganesha, storescp ─ veth ─ nfs-cp, a UDP client, storescu; tcpdump
//!           202.114.4.119                 202.114.4.20
//! ```
//! Neither has a route out. What is missing is said, and fails where `CI=true`.

#![expect(clippy::disallowed_methods, reason = "runs the peers and the binary under test")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod image;
mod rpc;
mod site;

use serde_json::Value;
use site::{CLIENT, SERVER, Site};
use std::path::Path;
use std::process::Command;

/// Bytes of the invented program that the update carries.
const PROGRAM_BYTES: usize = 300_000;

/// A program that no machine runs: the head of an ARM ELF executable, then numbers.
fn program() -> Vec<u8> {
    // ELF32, little-endian, ET_EXEC, EM_ARM (Tool Interface Standard, ELF 1.2; machine 40).
    let mut bytes = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x28\0\x01\0\0\0".to_vec();
    let mut state = 0x2545_F491_u32;
    bytes.resize_with(PROGRAM_BYTES, || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    });
    bytes
}

/// The JSON report of `capture`, and its text.
fn scan(capture: &Path) -> (Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .args(["scan", "--quiet", "--format", "json"])
        .arg(capture)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8(output.stderr).unwrap());
    (serde_json::from_str(&text).unwrap(), text)
}

/// Findings of `rule`.
fn findings<'a>(report: &'a Value, rule: &str) -> Vec<&'a Value> {
    let all = report["findings"].as_array().unwrap();
    all.iter().filter(|finding| finding["rule"] == rule).collect()
}

/// As `sha256sum` of coreutils has it.
fn sha256sum(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    line.split_whitespace().next().unwrap().to_owned()
}

/// What an update must be reported as, whatever carried it.
fn assert_update(report: &Value, program: &Path) {
    let mounts = findings(report, "remote-mount");
    assert_eq!(mounts.len(), 1, "{:#}", report["findings"]);
    let mount = mounts[0];
    assert_eq!(mount["severity"], "critical", "{mount:#}");
    assert_eq!(mount["certainty"], "confirmed", "{mount:#}");
    assert_eq!(mount["peer"]["ip"], SERVER, "{mount:#}");
    assert!(mount["details"].to_string().contains("/pm"), "{mount:#}");

    let fetches = findings(report, "remote-code-fetch");
    assert_eq!(fetches.len(), 1, "{:#}", report["findings"]);
    let details = &fetches[0]["details"];
    assert_eq!(details["path"], "/pm/monitor", "{details:#}");
    assert_eq!(details["sha256"], sha256sum(program).as_str(), "{details:#}");
    assert_eq!(details["bytes"], PROGRAM_BYTES, "{details:#}");
    assert_eq!(details["whole"], true, "{details:#}");
    assert!(details["kind"].to_string().contains("ARM"), "{details:#}");

    let client = fetches[0]["asset"].as_str().unwrap();
    let assets = report["assets"].as_array().unwrap();
    let asset = assets.iter().find(|asset| asset["id"] == client).unwrap();
    assert!(asset["ips"].as_array().unwrap().contains(&CLIENT.into()), "{asset:#}");
    assert_eq!(report["coverage"]["flows_unparsed"], 0, "{:#}", report["coverage"]);
}

#[test]
fn an_update_over_tcp_from_a_real_server_is_reported_with_its_export_and_file() {
    let Some(site) = Site::new(&["ganesha.nfsd", "rpcbind", "rpcinfo", "nfs-cp"]) else { return };
    let program = site.export(&program());
    site.serve_files();
    let capture = site.capture(|| {
        let target = site.path("copied");
        let source = format!("nfs://{SERVER}/pm/monitor");
        site.client(&["nfs-cp", &source, target.to_str().unwrap()]);
        assert_eq!(sha256sum(&target), sha256sum(&program));
    });
    let (report, _) = scan(&capture);
    assert_update(&report, &program);
}

#[test]
fn an_update_over_udp_from_a_real_server_is_reported_with_its_export_and_file() {
    // This test runs itself again inside the client's namespace.
    if let Some(target) = std::env::var_os(rpc::ROLE) {
        std::fs::write(target, rpc::update(SERVER, "/pm", "monitor")).unwrap();
        return;
    }
    let Some(site) = Site::new(&["ganesha.nfsd", "rpcbind", "rpcinfo"]) else { return };
    let program = site.export(&program());
    site.serve_files();
    let capture = site.capture(|| {
        let (target, this) = (site.path("copied"), std::env::current_exe().unwrap());
        let role = format!("{}={}", rpc::ROLE, target.display());
        let test = "an_update_over_udp_from_a_real_server_is_reported_with_its_export_and_file";
        site.client(&["env", &role, this.to_str().unwrap(), "--exact", test]);
        assert_eq!(sha256sum(&target), sha256sum(&program));
    });
    let (report, _) = scan(&capture);
    assert_update(&report, &program);
}

#[test]
fn an_image_sent_to_a_real_archive_is_reported_without_its_patient() {
    let Some(site) = Site::new(&["storescp", "storescu", "echoscu", "dump2dcm"]) else { return };
    let image = image::make(&site);
    site.serve_images();
    let capture = site.capture(|| {
        let port = image::PORT.to_string();
        let ends = ["-aet", image::CALLING, "-aec", image::CALLED, SERVER, &port];
        site.client(&[&["storescu"], &ends[..], &[image.to_str().unwrap()]].concat());
    });
    assert_eq!(site.images(), 1, "the archive has the image");
    let (report, text) = scan(&capture);
    let disclosed =
        findings(&report, "patient-data-cleartext").len() + findings(&report, "patient-data-offsite").len();
    assert_eq!(disclosed, 1, "{:#}", report["findings"]);
    let speaks = |asset: &Value| {
        asset["conversations"]
            .as_array()
            .unwrap()
            .iter()
            .any(|conversation| conversation["protocol"] == "dicom")
    };
    assert!(report["assets"].as_array().unwrap().iter().any(speaks), "{:#}", report["assets"]);
    for title in [image::CALLING, image::CALLED] {
        assert!(text.contains(title), "no {title} in {text}");
    }
    for secret in image::SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(report["coverage"]["flows_unparsed"], 0, "{:#}", report["coverage"]);
}
