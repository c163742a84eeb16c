//! The golden captures and what is read of them, made anew.

use crate::bench::run_program;
use clap::Args;

/// Makes every capture of `testdata/captures` from its recipe, and writes what is read of it now.
#[derive(Args)]
pub struct Golden;

impl Golden {
    /// Runs it. What changed is for `git diff` to show and for a person to read.
    pub fn run(&self) -> Result<(), String> {
        let test = ["test", "--profile", "ci", "-p", "flow", "--test", "golden"];
        run_program("cargo", &test, &[("LAZARET_GOLDEN", "write")])
    }
}
