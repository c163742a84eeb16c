//! The wall in a real browser over a real demo: `web/e2e/wall.e2e.mjs`, which says what is looked at.
//!
//! Needs Node, Chromium and the packages that the build of the console installs below the target folder. What is missing is
//! said, and fails where `CI=true`.
#![expect(clippy::disallowed_methods, reason = "runs node and the binary under test")]
#![expect(clippy::unwrap_used, reason = "tests")]

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

/// What is not there; says so.
fn missing() -> bool {
    let node = Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success());
    let lacking = if !node {
        Some("node")
    } else if !chromium().exists() {
        Some("chromium")
    } else if !packages().join("node_modules/playwright-core").exists() {
        Some("the packages of web/")
    } else {
        None
    };
    let Some(lacking) = lacking else { return false };
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{lacking} is missing, and CI may not skip this"
    );
    println!("skipped: {lacking} is missing");
    true
}

#[test]
fn the_story_unfolds_on_the_wall() {
    if missing() {
        return;
    }
    // Scripts look for packages in the folders above them.
    let scripts = packages().join(format!("e2e-wall-{}", std::process::id()));
    std::fs::create_dir_all(&scripts).unwrap();
    for entry in std::fs::read_dir(SCRIPTS).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), scripts.join(entry.file_name())).unwrap();
        }
    }
    let status = Command::new("node")
        .args(["--test", "--test-reporter=spec", "wall.e2e.mjs"])
        .current_dir(&scripts)
        .env("LAZARET", BINARY)
        .env("CHROMIUM", chromium())
        .status()
        .unwrap();
    std::fs::remove_dir_all(&scripts).unwrap();
    assert!(status.success(), "{status}");
}
