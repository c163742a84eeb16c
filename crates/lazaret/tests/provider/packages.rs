//! npm's `oidc-provider`, for tests: installed once below the target folder, exactly as its lock file names it. Used by the tests of
//! `serve` and of the browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/provider");

/// Where `provider.mjs` stands with its packages; none where they cannot be had, which is said and fails where `CI=true`.
pub(crate) fn packages() -> Option<PathBuf> {
    match install() {
        Ok(place) => Some(place),
        Err(why) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}, and CI may not skip this");
            println!("skipped: {why}");
            None
        }
    }
}

fn install() -> Result<PathBuf, String> {
    let has = |program: &str| {
        Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    for program in ["node", "npm", "curl"] {
        if !has(program) {
            return Err(format!("{program} is missing"));
        }
    }
    // `<target>/<profile>/lazaret`.
    let target = Path::new(env!("CARGO_BIN_EXE_lazaret")).ancestors().nth(2).unwrap();
    let place = target.join("lazaret-provider");
    fs::create_dir_all(&place).unwrap();
    // Tests are processes of their own, and the first of them installs.
    let alone = fs::File::create(place.join("in-use")).unwrap();
    alone.lock().unwrap();
    let wanted =
        ["package.json", "package-lock.json", "provider.mjs"].map(|name| (name, Path::new(FILES).join(name)));
    for (name, from) in &wanted {
        let there = fs::read(from).unwrap();
        // What others may be reading just now is not written again.
        if fs::read(place.join(name)).ok().as_ref() != Some(&there) {
            fs::write(place.join(name), there).unwrap();
        }
    }
    let lock = fs::read(place.join("package-lock.json")).unwrap();
    if fs::read(place.join("installed.json")).is_ok_and(|installed| installed == lock) {
        return Ok(place);
    }
    let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    let done = Command::new("npm").args(npm).current_dir(&place).output().unwrap();
    if !done.status.success() {
        return Err(format!("oidc-provider could not be installed: {}", done.stderr.escape_ascii()));
    }
    fs::write(place.join("installed.json"), lock).unwrap();
    Ok(place)
}
