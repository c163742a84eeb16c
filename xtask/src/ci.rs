//! The gate. Every step is a command that can be run by hand; the first that fails ends it.

use clap::Args;
use std::process::Command;
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
    Step { name: "tests", program: "cargo", arguments: &[], environment: &[] },
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
        for step in STEPS {
            if !self.only.is_empty() && !self.only.iter().any(|name| name == step.name) {
                continue;
            }
            let at = Instant::now();
            println!("== {}", step.name);
            step.run()?;
            println!("== {} took {:.0} s", step.name, at.elapsed().as_secs_f64());
        }
        println!("gate passed in {:.0} s", started.elapsed().as_secs_f64());
        Ok(())
    }
}

impl Step {
    fn run(&self) -> Result<(), String> {
        let mut arguments: Vec<&str> = self.arguments.to_vec();
        if self.name == "tests" {
            arguments = test_arguments();
        }
        let status = Command::new(self.program)
            .args(&arguments)
            .envs(self.environment.iter().copied())
            .status()
            .map_err(|why| format!("cannot run `{} {}`: {why}", self.program, arguments.join(" ")))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("`{} {}` failed; run it alone to see why", self.program, arguments.join(" ")))
        }
    }
}

/// `cargo nextest` where it is installed, `cargo test` elsewhere.
fn test_arguments() -> Vec<&'static str> {
    let installed =
        Command::new("cargo").args(["nextest", "--version"]).output().is_ok_and(|out| out.status.success());
    if installed {
        vec!["nextest", "run", "--workspace", "--cargo-profile", "ci", "--locked", "--no-fail-fast"]
    } else {
        vec!["test", "--workspace", "--profile", "ci", "--locked", "--no-fail-fast"]
    }
}
