//! Runs `evaluate`, which this tool does not depend on, built for release.

use crate::bench;
use clap::Args;
use std::process::Command;

/// Measures the vital-sign algorithms on the recordings that LAZARET_CORPUS points at.
#[derive(Args)]
pub struct VitalsEval {
    /// What `evaluate` is asked: what to measure and how; `--help` tells.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl VitalsEval {
    /// Prints the tables of the book.
    pub fn run(&self) -> Result<(), String> {
        println!("machine: {}", bench::machine());
        let mut command = Command::new("cargo");
        command
            .args(["run", "--release", "--locked", "--quiet", "-p", "evaluate", "--"])
            .args(&self.arguments);
        let status = command.status().map_err(|why| format!("cannot run cargo: {why}"))?;
        if status.success() { Ok(()) } else { Err(format!("evaluate: {status}")) }
    }
}
