//! The gate. Every step is a command that can be run by hand; the first that fails ends it.

use crate::skips::Skips;
use clap::Args;
use std::fs;
use std::io::stdout;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Runs the gate.
#[derive(Args)]
pub struct Ci {
    /// Only these steps, by name.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

struct Step {
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

/// The report of the tests that `.config/nextest.toml` asks for.
const JUNIT: &str = "target/nextest/default/junit.xml";
/// The step that is more than one command.
const TESTS: &str = "tests";

const STEPS: &[Step] = &[
    Step { name: "fmt", program: "cargo", arguments: &["fmt", "--all", "--check"], environment: &[] },
    // The registry declares its modules by a macro, which `cargo fmt` does not look into.
    Step {
        name: "fmt of the registry",
        program: "sh",
        arguments: &[
            "-c",
            "find crates/wire/src/proto -name '*.rs' -exec rustfmt --edition 2024 --config-path rustfmt.toml --check {} +",
        ],
        environment: &[],
    },
    Step {
        name: "clippy",
        program: "cargo",
        arguments: &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
        environment: &[],
    },
    // Fuzz targets are no part of the workspace; built they are only by the fuzzer.
    Step {
        name: "fuzz targets",
        program: "cargo",
        arguments: &["check", "--manifest-path", "fuzz/Cargo.toml", "--bins", "--locked"],
        environment: &[],
    },
    // The tests drive the binary, so it is built first, the way the tests look for it.
    Step {
        name: "build",
        program: "cargo",
        arguments: &["build", "--profile", "ci", "--locked", "-p", "lazaret"],
        environment: &[],
    },
    // Which command that is, `tests` finds out.
    Step { name: TESTS, program: "cargo", arguments: &[], environment: &[] },
    Step {
        name: "docs",
        program: "cargo",
        arguments: &["doc", "--workspace", "--no-deps", "--locked", "--document-private-items"],
        environment: &[("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links")],
    },
];

impl Ci {
    /// Runs the steps in order.
    pub fn run(&self) -> Result<(), String> {
        let started = Instant::now();
        let mut skips = Skips::default();
        for step in STEPS {
            if !self.only.is_empty() && !self.only.iter().any(|name| name == step.name) {
                continue;
            }
            let at = Instant::now();
            println!("== {}", step.name);
            if step.name == TESTS {
                skips = tests()?;
            } else {
                run(step.program, step.arguments, step.environment)?;
            }
            println!("== {} took {:.0} s", step.name, at.elapsed().as_secs_f64());
        }
        let without = match skips.tests() {
            0 => String::new(),
            tests => format!(
                "; of the tests that passed, {tests} were skipped, since this machine has not what they need:\n{}",
                skips.told()
            ),
        };
        println!("gate passed in {:.0} s{without}", started.elapsed().as_secs_f64());
        Ok(())
    }
}

fn run(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Result<(), String> {
    let status = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .status()
        .map_err(|why| format!("cannot run `{program} {}`: {why}", arguments.join(" ")))?;
    ended(status.success(), program, arguments)
}

fn ended(well: bool, program: &str, arguments: &[&str]) -> Result<(), String> {
    match well {
        true => Ok(()),
        false => Err(format!("`{program} {}` failed; run it alone to see why", arguments.join(" "))),
    }
}

/// The tests, and which of them had to be skipped: by `cargo nextest` where it is installed, by `cargo test` elsewhere.
fn tests() -> Result<Skips, String> {
    let installed =
        Command::new("cargo").args(["nextest", "--version"]).output().is_ok_and(|out| out.status.success());
    if installed {
        let all = ["nextest", "run", "--workspace", "--cargo-profile", "ci", "--locked", "--no-fail-fast"];
        // A report of an earlier run says nothing of this one.
        drop(fs::remove_file(JUNIT));
        run("cargo", &all, &[])?;
        let report = fs::read_to_string(JUNIT).map_err(|why| format!("cannot read {JUNIT}: {why}"))?;
        return Ok(Skips::of_junit(&report));
    }
    let all = ["test", "--workspace", "--profile", "ci", "--locked", "--no-fail-fast", "--", "--show-output"];
    let mut tests = Command::new("cargo")
        .args(all)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|why| format!("cannot run `cargo test`: {why}"))?;
    let skips = tests.stdout.take().map(|output| Skips::of_output(output, stdout())).unwrap_or_default();
    let status = tests.wait().map_err(|why| format!("`cargo test` was lost: {why}"))?;
    ended(status.success(), "cargo", &all).map(|()| skips)
}
