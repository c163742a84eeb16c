//! Schemathesis asks everything that the API document allows and forbids, and finds no answer it does not describe.

use super::server::{Caller, Folder, Server, done};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program of a Python environment that `.ci/run` makes; another one is named by `LAZARET_SCHEMATHESIS`.
fn program() -> Option<PathBuf> {
    let folder =
        std::env::var_os("LAZARET_SCHEMATHESIS").unwrap_or_else(|| "/var/tmp/lazaret-schemathesis".into());
    let program = PathBuf::from(folder).join("bin/schemathesis");
    if Command::new(&program).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Some(program);
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{} is missing", program.display());
    println!("skipped: {} is missing", program.display());
    None
}

/// Tries of each operation: `LAZARET_SCHEMA_TRIES` for longer runs.
fn tries() -> String {
    std::env::var("LAZARET_SCHEMA_TRIES").unwrap_or_else(|_| "15".to_owned())
}

#[test]
fn schemathesis_finds_no_server_error_and_no_undocumented_answer() {
    let Some(program) = program() else { return };
    let folder = Folder::new("schema");
    let store = folder.text("store");
    done(&["scan", "--quiet", "--format", "json", "--store", &store, &folder.ward(1, &["leak"])]);
    let server = Server::start(&folder, &["--no-tls"]);
    let admin = server.admin();
    // The operations that would take the caller's own token or role away come last.
    let last = ["removeToken", "removeUser", "changeUser"];
    asked(&program, &server, &admin, &last.map(|name| ["--exclude-operation-id", name]).concat());
    assert_eq!(admin.get("/api/v1/session")["role"], "admin", "the caller lost their role on the way");
    asked(&program, &server, &admin, &last.map(|name| ["--include-operation-id", name]).concat());
}

fn asked(program: &Path, server: &Server, admin: &Caller<'_>, operations: &[&str]) {
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                  response_headers_conformance,unsupported_method";
    let output = Command::new(program)
        .args(["run", &format!("{}/api/v1/openapi.json", server.base), "--checks", checks])
        .args(["--header", &format!("Authorization: {}", admin.bearer)])
        .args([
            "--max-examples",
            &tries(),
            "--seed",
            "1",
            "--request-timeout",
            "60",
            "--generation-deterministic",
        ])
        // A stream of changes does not end.
        .args(["--exclude-path", "/api/v1/events"])
        .args(operations)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}\n{}", output.stderr.escape_ascii());
    assert!(said.contains(" passed"), "{said}");
    assert!(!said.contains("FAILURES"), "{said}");
}
