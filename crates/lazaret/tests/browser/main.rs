//! The console and the wall: their logic, their types, and what people do with them in a real browser over a real server.
//!
//! Needs Node, Chromium and the packages that `build.rs` installed in `<target>/lazaret-web`. What is missing is said, and fails
//! where `CI=true`. By hand, with pictures of every page, after `npm ci` in `web/`:
//! `LAZARET=target/ci/lazaret LAZARET_PICTURES=/tmp/pictures node --test web/e2e/console.e2e.mjs`.
#![expect(clippy::disallowed_methods, reason = "runs the binary under test, Node and a browser")]
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../provider/packages.rs"]
mod provider;

use std::path::{Path, PathBuf};
use std::process::Command;

const BINARY: &str = env!("CARGO_BIN_EXE_lazaret");
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/e2e");

/// Where the console was built: its packages are there.
fn packages() -> PathBuf {
    // `<target>/<profile>/lazaret`.
    Path::new(BINARY).ancestors().nth(2).unwrap().join("lazaret-web")
}

fn chromium() -> PathBuf {
    std::env::var_os("CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from)
}

/// Whether something is not there; says what.
fn missing(browser: bool) -> bool {
    let node = Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success());
    let lacking = if !node {
        "node"
    } else if !packages().join("node_modules/playwright-core").exists() {
        "what the console is built from, below the target folder,"
    } else if browser && !chromium().exists() {
        "chromium"
    } else {
        return false;
    };
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{lacking} is missing, and CI may not skip this");
    println!("skipped: {lacking} is missing");
    true
}

fn node(folder: &Path, words: &[&str], more: &[(&str, &Path)]) {
    let mut command = Command::new("node");
    command.current_dir(folder).args(words).env("LAZARET", BINARY).env("CHROMIUM", chromium());
    command.envs(more.iter().copied());
    let done = command.output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "{}\n{}", said(&done.stdout), said(&done.stderr));
    println!("{}", said(&done.stdout));
}

/// Runs one of the scripts of `web/e2e` from a folder below the packages: scripts look for them in the folders above.
fn browse(script: &str, more: &[(&str, &Path)]) {
    if missing(true) {
        return;
    }
    // One browser at a time, whether tests are threads or processes: the wall's story goes by the clock.
    let alone = std::fs::File::create(packages().join("browser.lock")).unwrap();
    alone.lock().unwrap();
    let folder = packages().join(format!("e2e-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for entry in std::fs::read_dir(SCRIPTS).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    node(&folder, &["--test", "--test-reporter=spec", script], more);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_logic_of_the_console_holds() {
    if !missing(false) {
        node(&packages(), &["node_modules/vitest/vitest.mjs", "run"], &[]);
    }
}

#[test]
fn the_types_of_the_console_fit() {
    let checker = "node_modules/svelte-check/bin/svelte-check";
    if !missing(false) {
        node(&packages(), &[checker, "--tsconfig", "./tsconfig.json", "--fail-on-warnings"], &[]);
    }
}

#[test]
fn people_do_with_the_console_what_they_came_for() {
    browse("console.e2e.mjs", &[]);
}

#[test]
fn the_story_unfolds_on_the_wall() {
    browse("wall.e2e.mjs", &[]);
}

#[test]
fn names_are_shown_to_who_may_and_asks() {
    browse("vault.e2e.mjs", &[]);
}

#[test]
fn people_come_in_by_an_identity_provider() {
    if let Some(place) = provider::packages() {
        browse("provider.e2e.mjs", &[("LAZARET_PROVIDER", &place)]);
    }
}
