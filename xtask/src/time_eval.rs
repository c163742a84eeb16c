//! Runs `evaluate` for the rules that need time, and scans the captures that others made.

use crate::bench;
use clap::Args;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Rules that need time.
const RULES: [&str; 6] =
    ["beacon", "lateral-movement", "new-peer", "new-service", "device-silent", "policy-violation"];
/// Captures of attacks: what is found there is not false.
const ATTACKS: &str = "malware";

/// Measures the rules that need time: planted beacons and searches, wards where nothing is wrong, captures of others.
#[derive(Args)]
pub struct TimeEval {
    /// Days of the benign wing, and minutes of the ward in frames; more narrows the bounds.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Leave out the captures that LAZARET_CORPUS points at.
    #[arg(long)]
    no_corpus: bool,
}

impl TimeEval {
    /// Prints the tables of the book.
    pub fn run(&self) -> Result<(), String> {
        println!("machine: {}", bench::machine());
        let cargo = |arguments: &[&str]| -> Result<(), String> {
            let mut command = Command::new("cargo");
            command.args(["run", "--release", "--locked", "--quiet", "-p", "evaluate", "--"]).args(arguments);
            let status = command.status().map_err(|why| format!("cannot run cargo: {why}"))?;
            if status.success() { Ok(()) } else { Err(format!("evaluate: {status}")) }
        };
        cargo(&["time", "--days", &self.days.to_string()])?;
        if self.no_corpus {
            return Ok(());
        }
        let Some(corpus) = std::env::var_os("LAZARET_CORPUS").map(PathBuf::from) else {
            println!("captures of others: skipped, LAZARET_CORPUS is not set");
            return Ok(());
        };
        captures(&corpus.join("pcap"))
    }
}

/// Scans each folder of captures, each capture by itself, and counts findings by rule.
fn captures(folder: &Path) -> Result<(), String> {
    let mut folders: Vec<PathBuf> = listed(folder)?;
    folders.sort();
    println!("\n| captures of others | files | assets | asset-hours | {} |", RULES.join(" | "));
    println!("|---|---|---|---|{}", "---|".repeat(RULES.len()));
    for folder in folders.iter().filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (mut files, mut assets, mut hours) = (0, 0, 0.0);
        let mut found: BTreeMap<&str, u64> = BTreeMap::new();
        for file in listed(folder)? {
            let Some(report) = scan(&file)? else { continue };
            files += 1;
            let count = report["assets"].as_array().map_or(0, Vec::len);
            assets += count;
            hours += count as f64 * length_hours(&report);
            for finding in report["findings"].as_array().into_iter().flatten() {
                if let Some(rule) = RULES.iter().find(|rule| finding["rule"] == **rule) {
                    *found.entry(*rule).or_default() += 1;
                }
            }
        }
        let counts: Vec<String> =
            RULES.iter().map(|rule| found.get(rule).copied().unwrap_or(0).to_string()).collect();
        let mark = if name == ATTACKS { " (attacks)" } else { "" };
        println!("| {name}{mark} | {files} | {assets} | {hours:.1} | {} |", counts.join(" | "));
    }
    Ok(())
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries =
        std::fs::read_dir(folder).map_err(|why| format!("cannot read `{}`: {why}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    Ok(paths)
}

/// The report of one capture; none where it is unreadable, which the corpus has on purpose.
fn scan(file: &Path) -> Result<Option<Value>, String> {
    let mut command = Command::new("cargo");
    command.args(["run", "--release", "--locked", "--quiet", "-p", "lazaret", "--"]);
    command.args(["scan", "--quiet", "--integrity", "off", "--format", "json"]).arg(file);
    let output = command.output().map_err(|why| format!("cannot run cargo: {why}"))?;
    match output.status.code() {
        Some(0) => serde_json::from_slice(&output.stdout).map(Some).map_err(|why| why.to_string()),
        Some(3) => Ok(None),
        _ => Err(format!("`{}`: {}", file.display(), output.stderr.escape_ascii())),
    }
}

/// From the first frame of a report's captures to the last.
fn length_hours(report: &Value) -> f64 {
    let moment = |value: &Value| value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let captures = report["captures"].as_array();
    let hours = |capture: &Value| -> Option<f64> {
        let (first, last) = (moment(&capture["first"])?, moment(&capture["last"])?);
        Some(last.duration_since(first).as_secs_f64() / 3600.0)
    };
    captures.into_iter().flatten().filter_map(hours).sum()
}
