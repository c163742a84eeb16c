//! Trials of the live sensor at full length.

mod day;
mod ward;

pub use day::day;
pub use ward::ward;

use serde_json::Value;
use std::path::Path;

/// The built sensor.
const LAZARET: &str = "target/release/lazaret";

/// Builds what is measured.
fn build() -> Result<String, String> {
    crate::bench::run_program("cargo", &["build", "--release", "--locked", "-p", "lazaret"], &[])?;
    let folder = std::env::var("CARGO_TARGET_DIR").map(|folder| format!("{folder}/release/lazaret"));
    Ok(folder.unwrap_or_else(|_| LAZARET.to_owned()))
}

/// The whole lines of a file of JSON objects.
fn lines(path: &Path) -> Result<Vec<Value>, String> {
    let text = std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))?;
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    Ok(whole.filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// The lines about the sensor itself.
fn sensor_lines(path: &Path) -> Result<Vec<Value>, String> {
    Ok(lines(path)?.into_iter().filter(|line| line["type"] == "sensor").collect())
}
