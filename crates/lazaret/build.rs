//! Builds the console (`web/`) to be put into the binary, where Node is there.
//!
//! ```text
//! web/  →  <target>/lazaret-web/ (npm ci, when the lock file changed)  →  $OUT_DIR/console/
//! ```
//! Nothing is written into the checkout. Without Node, or where its packages cannot be fetched, the binary is built without
//! the console, a warning says so, and `lazaret serve` says the same to whoever opens it. `LAZARET_CONSOLE=off` leaves it out,
//! `LAZARET_CONSOLE=DIR` takes one that was built before.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What of `web/` the console is built from.
const SOURCES: &[&str] = &[
    "index.html",
    "package.json",
    "package-lock.json",
    "public",
    "src",
    "svelte.config.js",
    "tsconfig.json",
    "vite.config.ts",
];
/// Oldest Node that Vite runs with: major, minor.
const NODE_MIN: (u32, u32) = (20, 19);
/// Where it is told what is installed.
const INSTALLED: &str = "installed.json";

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("the console was not built: {why}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let path =
        |name: &str| env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("cargo did not set {name}"));
    let web = path("CARGO_MANIFEST_DIR")?.join("../../web");
    let out = path("OUT_DIR")?;
    println!("cargo:rerun-if-env-changed=LAZARET_CONSOLE");
    for source in SOURCES {
        println!("cargo:rerun-if-changed={}", web.join(source).display());
    }
    let console = out.join("console");
    if console.exists() {
        fs::remove_dir_all(&console).map_err(|why| format!("cannot clear {}: {why}", console.display()))?;
    }
    fs::create_dir_all(&console).map_err(|why| format!("cannot make {}: {why}", console.display()))?;
    match env::var("LAZARET_CONSOLE") {
        Ok(choice) if choice == "off" => return Ok(()),
        Ok(built) if !built.is_empty() => {
            println!("cargo:rerun-if-changed={built}");
            return copy(Path::new(&built), &console).map_err(|why| format!("cannot copy {built}: {why}"));
        }
        _ => {}
    }
    if !node_will_do() {
        let (major, minor) = NODE_MIN;
        return without(&format!("there is no Node {major}.{minor} or later with npm"));
    }
    // `<target>/<profile>/build/<package>/out`: one installation serves all profiles.
    let target = out.ancestors().nth(4).ok_or("OUT_DIR is not below a target folder")?;
    let place = target.join("lazaret-web");
    fs::create_dir_all(&place).map_err(|why| format!("cannot make {}: {why}", place.display()))?;
    let lock = File::create(place.join("in-use"))
        .map_err(|why| format!("cannot write to {}: {why}", place.display()))?;
    lock.lock().map_err(|why| format!("cannot lock {}: {why}", place.display()))?;
    bring(&web, &place)
        .map_err(|why| format!("cannot copy {} to {}: {why}", web.display(), place.display()))?;
    if let Err(why) = install(&place) {
        return without(&format!("its packages could not be installed: {why}"));
    }
    run(command("node")
        .arg("node_modules/vite/bin/vite.js")
        .arg("build")
        .current_dir(&place)
        .env("LAZARET_WEB_DIST", console))
}

/// Leaves the console out, visibly; in CI that is a failure.
fn without(why: &str) -> Result<(), String> {
    if env::var("CI").is_ok_and(|ci| ci == "true") {
        return Err(format!("{why}; LAZARET_CONSOLE=off leaves it out on purpose"));
    }
    println!("cargo:warning=this build has no console: {why}");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "builds what is embedded; runs nothing in the product")]
fn command(program: &str) -> Command {
    Command::new(program)
}

fn node_will_do() -> bool {
    let version = |program: &str| {
        let told = command(program).arg("--version").output().ok().filter(|told| told.status.success())?;
        let told = String::from_utf8(told.stdout).ok()?;
        let mut parts = told.trim().trim_start_matches('v').split('.').map(str::parse::<u32>);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    };
    version("node").is_some_and(|node| node >= NODE_MIN) && version("npm").is_some()
}

/// Copies the sources to where they are built, without those of before.
fn bring(web: &Path, place: &Path) -> io::Result<()> {
    for source in SOURCES {
        let (from, to) = (web.join(source), place.join(source));
        if to.is_dir() {
            fs::remove_dir_all(&to)?;
        }
        if from.is_dir() { copy(&from, &to)? } else { fs::copy(&from, &to).map(drop)? }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

/// Installs exactly what the lock file names, when it names something else than what is installed. No package runs a script.
fn install(place: &Path) -> Result<(), String> {
    let wanted = fs::read(place.join("package-lock.json")).map_err(|why| why.to_string())?;
    if fs::read(place.join(INSTALLED)).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    run(command("npm")
        .args(["ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(place))?;
    fs::write(place.join(INSTALLED), wanted).map_err(|why| why.to_string())
}

/// What it says goes to standard error, which cargo shows where the build fails.
fn run(command: &mut Command) -> Result<(), String> {
    let done = command.stdout(io::stderr()).status().map_err(|why| format!("{command:?}: {why}"))?;
    if done.success() { Ok(()) } else { Err(format!("{command:?}: {done}")) }
}
