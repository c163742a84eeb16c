//! Prometheus reads `/metrics`: its own checker finds nothing wrong with it.

use super::server::{Folder, Server, done, has};
use std::io::Write as _;
use std::process::{Command, Stdio};

#[test]
fn promtool_finds_nothing_wrong_with_the_numbers() {
    if !has("promtool") {
        return;
    }
    let folder = Folder::new("metrics");
    let store = folder.text("store");
    done(&["scan", "--quiet", "--format", "json", "--store", &store, &folder.ward(1, &["leak"])]);
    std::fs::write(
        folder.path("outputs.toml"),
        "schema = 1\n[[lines]]\nname = 'dead'\naddress = '127.0.0.1:1'\ntransport = 'tcp'\n",
    )
    .unwrap();
    let server = Server::start(&folder, &["--no-tls", "--outputs", &folder.text("outputs.toml")]);
    let admin = server.admin();
    let open = admin.get("/api/v1/findings")["findings"].as_array().unwrap().len();
    // What waits for a receiver that is down is seen.
    let output = server.wait("the outbox has the findings", || {
        let output = admin.get("/api/v1/outputs")["outputs"][0].clone();
        (output["waiting"] == open && output["failure"].is_string()).then_some(output)
    });
    assert_eq!((&output["name"], &output["kind"]), (&"dead".into(), &"lines over TCP".into()));
    let answer = server.ask("GET", "/metrics", &[("Authorization", &admin.bearer)], &[]);
    let text = String::from_utf8(answer.bytes.clone()).unwrap();
    assert_eq!(
        (answer.status, answer.headers["content-type"].as_str()),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    assert!(text.contains(&format!("\nlazaret_output_waiting{{output=\"dead\"}} {open}\n")), "{text}");
    assert!(text.contains("\nlazaret_output_failing{output=\"dead\"} 1\n"), "{text}");
    let medical = admin.get("/api/v1/assets")["tally"]["medical"].as_u64().unwrap();
    assert!(medical >= 3, "{medical}");
    assert!(text.contains(&format!("\nlazaret_assets{{medical=\"true\"}} {medical}\n")), "{text}");
    let mut checker = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    checker.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let checked = checker.wait_with_output().unwrap();
    let said = [checked.stdout, checked.stderr].concat();
    assert!(checked.status.success() && said.is_empty(), "{}\n{text}", said.escape_ascii());
    assert_eq!(server.ask("GET", "/metrics", &[], &[]).status, 401);
    assert_eq!(server.end("-TERM"), 0);
}
