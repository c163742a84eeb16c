//! The console: its logic, its types, and what people do with it in a real browser over a real server.
//!
//! Needs Node, Chromium and the packages that `build.rs` installed in `<target>/lazaret-web`; without them the tests skip
//! visibly, in CI they fail. By hand, with pictures of every page:
//! `LAZARET=target/ci/lazaret LAZARET_PICTURES=/tmp/pictures node --test web/e2e/console.e2e.mjs` after `npm ci` in `web/`.
#![expect(clippy::disallowed_methods, reason = "runs the binary under test, Node and a browser")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const BROWSER: &str = "/usr/bin/chromium";

/// The folder in which `build.rs` built the console; none, visibly, where it could not.
fn place() -> Option<PathBuf> {
    let binary = Path::new(env!("CARGO_BIN_EXE_lazaret"));
    let place = binary.ancestors().nth(2).unwrap().join("lazaret-web");
    if !place.join("node_modules/vite").is_dir() {
        return skip(&format!("the console was not built: no packages in {}", place.display()));
    }
    Some(place)
}

fn skip<T>(why: &str) -> Option<T> {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}, and CI may not skip this");
    println!("skipped: {why}");
    None
}

fn node(place: &Path, arguments: &[&str]) {
    let mut command = Command::new("node");
    command.current_dir(place).args(arguments).env("LAZARET", env!("CARGO_BIN_EXE_lazaret"));
    let done = command.output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "{}\n{}", said(&done.stdout), said(&done.stderr));
    println!("{}", said(&done.stdout));
}

#[test]
fn the_logic_of_the_console_holds() {
    let Some(place) = place() else { return };
    node(&place, &["node_modules/vitest/vitest.mjs", "run"]);
}

#[test]
fn the_types_of_the_console_fit() {
    let Some(place) = place() else { return };
    node(
        &place,
        &[
            "node_modules/svelte-check/bin/svelte-check",
            "--tsconfig",
            "./tsconfig.json",
            "--fail-on-warnings",
        ],
    );
}

#[test]
fn people_do_with_the_console_what_they_came_for() {
    let Some(place) = place() else { return };
    if !Path::new(BROWSER).exists() {
        return skip(&format!("{BROWSER} is not installed")).unwrap_or_default();
    }
    let (from, to) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/e2e"), place.join("e2e"));
    fs::create_dir_all(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    node(&place, &["--test", "e2e/console.e2e.mjs"]);
}
