//! Long trials at full length. CI runs the same trials shortened and seeded, as tests.

use crate::bench::run_program;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Runs one long trial.
#[derive(Args)]
pub struct Soak {
    /// Which one.
    #[arg(value_enum)]
    name: Name,
    /// Minutes a target is fuzzed for; the default is what the target's issue asks for.
    #[arg(long)]
    minutes: Option<u32>,
    /// Fuzz only these targets.
    #[arg(long, value_delimiter = ',')]
    targets: Vec<String>,
    /// Where findings and logs go.
    #[arg(long, default_value = "/var/tmp/lazaret-soak")]
    folder: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// Every fuzz target, for as long as its issue says.
    Fuzz,
}

/// Targets that are fuzzed ten minutes; the others three.
const TEN_MINUTES: &[&str] = &["capture_file", "cms8000", "rpc", "hl7", "dicom", "stream"];

impl Soak {
    /// Runs it.
    pub fn run(&self) -> Result<(), String> {
        match self.name {
            Name::Fuzz => self.fuzz(),
        }
    }

    fn fuzz(&self) -> Result<(), String> {
        let folder = std::fs::read_dir("fuzz/fuzz_targets")
            .map_err(|why| format!("run it at the root of the checkout: {why}"))?;
        let mut targets: Vec<String> = folder
            .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
            .filter(|name| self.targets.is_empty() || self.targets.contains(name))
            .collect();
        targets.sort();
        for target in targets {
            let minutes = self.minutes.unwrap_or(if TEN_MINUTES.contains(&target.as_str()) { 10 } else { 3 });
            let time = format!("-max_total_time={}", minutes * 60);
            println!("== fuzz {target}: {minutes} minutes");
            run_program(
                "cargo",
                &["fuzz", "run", &target, "--", &time, "-rss_limit_mb=2048", "-timeout=20"],
                &[("RUSTC_BOOTSTRAP", "1")],
            )?;
        }
        Ok(())
    }
}
