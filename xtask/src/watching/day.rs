//! `watch-day`: a day of 20 monitors and an hour of 500, made in memory, through a pipe into the sensor and its store.
//! Memory must be flat after [`WARM_UP`]: in the second half of what follows as in the first.

use super::{build, sensor_lines};
use crate::bench::machine;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

/// Sensor lines of the warm-up, one a minute: the exact search for replays remembers 30 to 40 minutes of each bed.
const WARM_UP: usize = 40;
/// Median memory of the second half after the warm-up, as a multiple of that of the first. The trial's own limit.
const GROWTH_MAX: f64 = 1.10;

struct Ward {
    monitors: u32,
    minutes: u32,
    /// So that memory is let go several times.
    period: &'static str,
}

const WARDS: [Ward; 2] = [
    Ward { monitors: 20, minutes: 24 * 60, period: "4h" },
    Ward { monitors: 500, minutes: 60, period: "15m" },
];

/// Runs both.
pub fn day(folder: &Path) -> Result<(), String> {
    let lazaret = build()?;
    std::fs::create_dir_all(folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    println!("{}", machine());
    println!(
        "| ward | periods of | frames | memory, first half after the warm-up | second half | most after the warm-up | CPU s per monitor-day | store per monitor-day |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|---:|");
    let mut failed = Vec::new();
    for ward in &WARDS {
        if let Err(why) = run(&lazaret, folder, ward) {
            failed.push(why);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

fn run(lazaret: &str, folder: &Path, ward: &Ward) -> Result<(), String> {
    let Ward { monitors, minutes, period } = ward;
    let store = folder.join(format!("day-{monitors}.store"));
    let told = folder.join(format!("day-{monitors}.ndjson"));
    drop(std::fs::remove_dir_all(&store));
    drop(std::fs::remove_file(&told));
    let failed = |what: &'static str| move |why: std::io::Error| format!("{what}: {why}");
    let (monitors_text, minutes_text) = (monitors.to_string(), minutes.to_string());
    let mut simulate = Command::new(lazaret)
        .args(["simulate", "ward", "--quiet", "--output", "-", "--scenario", "leak"])
        .args(["--monitors", &monitors_text, "--minutes", &minutes_text])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed("simulate"))?;
    let made = simulate.stdout.take().ok_or("no pipe")?;
    // A line every minute of the ward.
    let status = Command::new(lazaret)
        .args(["watch", "--quiet", "--input", "-", "--every", "60", "--format", "ndjson", "--period", period])
        .arg("--store")
        .arg(&store)
        .arg("--output")
        .arg(&told)
        .stdin(made)
        .status()
        .map_err(failed("watch"))?;
    let made = simulate.wait().map_err(failed("simulate"))?;
    if !status.success() || !made.success() {
        return Err(format!("{monitors} monitors: the watch ended with {status}, the ward with {made}"));
    }
    let rows = sensor_lines(&told)?;
    let memory: Vec<f64> = rows.iter().filter_map(|row| row["resident_bytes"].as_f64()).collect();
    let warm = memory.get(WARM_UP..).filter(|warm| warm.len() > 1).ok_or("too few sensor lines")?;
    let (first, second) = warm.split_at(warm.len() / 2);
    let (before, after) = (median(first), median(second));
    let most = warm.iter().copied().fold(0.0, f64::max);
    let days = f64::from(*monitors) * f64::from(*minutes) / (24.0 * 60.0);
    let last = rows.last().cloned().unwrap_or(Value::Null);
    let cpu = last["cpu_seconds"].as_f64().unwrap_or(0.0) / days;
    let disk = size_of(&store)? / days;
    let mb = |bytes: f64| format!("{:.0} MB", bytes / 1e6);
    println!(
        "| {monitors} monitors, {minutes} min | {period} | {} | {} | {} | {} | {cpu:.1} | {:.2} MB |",
        last["frames"],
        mb(before),
        mb(after),
        mb(most),
        disk / 1e6
    );
    if after > before * GROWTH_MAX {
        return Err(format!("{monitors} monitors: memory grew from {} to {}", mb(before), mb(after)));
    }
    Ok(())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Bytes of the files of a folder.
fn size_of(folder: &Path) -> Result<f64, String> {
    let entries = std::fs::read_dir(folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    let sizes = entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len() as f64));
    Ok(sizes.sum())
}
