//! The tables of the book about the rules that need time.

use evaluate::behaviour::bounds::poisson_interval;
use evaluate::behaviour::frames::{self, FramesError};
use evaluate::behaviour::plant::{Beacon, Search, beacons, searches};
use evaluate::behaviour::{OWN_PAST, RULES, servers, ward};
use inventory::{Learning, Site};
use model::Report;
use simulate::{Scenario, Ward};

/// Seeds of the benign wing.
const SEEDS: [u64; 2] = [1, 2];
/// Monitors of a ward in frames.
const MONITORS: u32 = 2;

/// Prints them all.
pub(crate) fn print(days: u32) -> Result<(), FramesError> {
    planted_beacons()?;
    planted_searches()?;
    benign(days)?;
    outside(days)?;
    in_frames(days)
}

/// A count, and its rate for 1,000 device-days with its bounds.
fn rated(count: u64, device_days: f64) -> String {
    let (low, high) = poisson_interval(count);
    let rate = |value: f64| value * 1000.0 / device_days;
    format!("{count}: {:.1} ({:.1}–{:.1})", rate(count as f64), rate(low), rate(high))
}

/// Servers that talk to nobody outside, and then do.
fn outside(days: u32) -> Result<(), FramesError> {
    println!(
        "\n| learnt for | server-days | {OWN_PAST}, of a capture | as a watch sees it | planted calls that were found |"
    );
    println!("|---|---|---|---|---|");
    let server_days = (servers::SERVERS * u64::from(days) * SEEDS.len() as u64) as f64;
    for hours in [24, 72, 168] {
        let site = Site { learning: Learning::Hours(hours), ..Site::default() };
        let mut sum = servers::Told::default();
        for seed in SEEDS {
            let told = servers::told(seed, f64::from(days), &site)?;
            sum.scanned += told.scanned;
            sum.watched += told.watched;
            sum.planted += told.planted;
            sum.found += told.found;
        }
        let (scanned, watched) = (rated(sum.scanned, server_days), rated(sum.watched, server_days));
        println!(
            "| {hours} h | {server_days:.0} | {scanned} | {watched} | {} of {} |",
            sum.found, sum.planted
        );
    }
    Ok(())
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn planted_beacons() -> Result<(), FramesError> {
    const PERIODS: [u32; 6] = [8, 12, 20, 40, 80, 160];
    println!("\n| period | jitter | missing | found after 8 periods | 12 | 20 | 40 | 80 | 160 |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let row = |name: &str, beacon: Beacon| -> Result<(), FramesError> {
        let mut shares = Vec::new();
        for periods in PERIODS {
            shares.push(percent(beacons(Beacon { periods, ..beacon })?));
        }
        println!("| {name} | {} |", shares.join(" | "));
        Ok(())
    };
    let steady = Beacon { period: 60.0, jitter: 0.0, missing: 0.0, periods: 0, second: 0.0 };
    for (jitter, missing) in [
        (0.0, 0.0),
        (0.05, 0.0),
        (0.1, 0.0),
        (0.2, 0.0),
        (0.3, 0.0),
        (0.5, 0.0),
        (0.1, 0.1),
        (0.1, 0.3),
        (0.3, 0.1),
        (0.3, 0.3),
    ] {
        let name = format!("60 s | {} | {}", percent(jitter), percent(missing));
        row(&name, Beacon { jitter, missing, ..steady })?;
    }
    row("3 s | 10 % | 0 %", Beacon { period: 3.0, jitter: 0.1, ..steady })?;
    row("1 h | 10 % | 0 %", Beacon { period: 3600.0, jitter: 0.1, ..steady })?;
    row("1 h | 10 % | 10 %", Beacon { period: 3600.0, jitter: 0.1, missing: 0.1, ..steady })?;
    row("60 s and 87 s | 5 % | 0 %", Beacon { jitter: 0.05, second: 1.45, ..steady })?;
    row("60 s and 6 min | 10 % | 0 %", Beacon { jitter: 0.1, second: 6.0, ..steady })
}

fn planted_searches() -> Result<(), FramesError> {
    const HOSTS: [u16; 6] = [4, 8, 16, 32, 64, 128];
    println!("\n| how | a try every | let in | 4 hosts tried | 8 | 16 | 32 | 64 | 128 |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for (sweep, pace, name, let_in) in [
        (false, 1.0, "1 s", 0.0),
        (false, 1.0, "1 s", 0.3),
        (false, 1.0, "1 s", 0.5),
        (false, 60.0, "1 min", 0.0),
        (false, 60.0, "1 min", 0.3),
        (false, 600.0, "10 min", 0.0),
        (false, 3600.0, "1 h", 0.0),
        (true, 1.0, "1 s", 0.0),
        (true, 30.0, "30 s", 0.0),
        (true, 600.0, "10 min", 0.0),
    ] {
        let mut shares = Vec::new();
        for hosts in HOSTS {
            shares.push(percent(searches(Search { hosts, pace, let_in, sweep })?));
        }
        let how = if sweep { "asking on the link" } else { "connections" };
        println!("| {how} | {name} | {} | {} |", percent(let_in), shares.join(" | "));
    }
    Ok(())
}

/// Findings of each rule, and their rate for 1,000 device-days with its bounds.
fn row(name: &str, device_days: f64, reports: &[Report]) {
    let findings = reports.iter().flat_map(|report| &report.findings);
    counted(name, device_days, &findings.map(|finding| finding.rule).collect::<Vec<_>>());
}

/// The same of the rules of findings.
fn counted(name: &str, device_days: f64, told: &[&str]) {
    let mut cells = Vec::new();
    for rule in RULES {
        let count = told.iter().filter(|one| **one == rule).count() as u64;
        cells.push(rated(count, device_days));
    }
    println!("| {name} | {device_days:.0} | {} |", cells.join(" | "));
}

fn head(first: &str) {
    println!("\n| {first} | device-days | {} |", RULES.join(" | "));
    println!("|---|---|{}", "---|".repeat(RULES.len()));
}

fn benign(days: u32) -> Result<(), FramesError> {
    head("learnt for");
    for hours in [24, 72, 168] {
        let mut reports = Vec::new();
        for seed in SEEDS {
            let site = Site { learning: Learning::Hours(hours), ..Site::default() };
            reports.push(ward::benign(seed, f64::from(days), site)?);
        }
        let device_days = (ward::DEVICES * u64::from(days) * SEEDS.len() as u64) as f64;
        row(&format!("{hours} h"), device_days, &reports);
    }
    head("watched, learnt for");
    for hours in [24, 72, 168] {
        let mut opened = Vec::new();
        for seed in SEEDS {
            let site = Site { learning: Learning::Hours(hours), ..Site::default() };
            opened.extend(ward::benign_watched(seed, f64::from(days), site)?);
        }
        let device_days = (ward::DEVICES * u64::from(days) * SEEDS.len() as u64) as f64;
        counted(&format!("{hours} h"), device_days, &opened);
    }
    Ok(())
}

/// Wards in frames: minutes instead of days, since every heart beat is in them.
fn in_frames(minutes: u32) -> Result<(), FramesError> {
    head("ward in frames");
    for scenarios in [
        vec![Scenario::Benign],
        vec![Scenario::Benign, Scenario::Printing],
        vec![Scenario::LocalCentral, Scenario::OtherMaker],
        vec![Scenario::Benign, Scenario::Loss],
        vec![Scenario::Benign, Scenario::OneWay],
    ] {
        let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name()).collect();
        let minutes = f64::from(minutes) * 8.0;
        let ward = Ward { monitors: MONITORS, minutes, scenarios, ..Ward::default() };
        let report = frames::judged(&ward, Site::default())?;
        let device_days = report.assets.len() as f64 * minutes / 1440.0;
        row(&names.join(", "), device_days, &[report]);
    }
    Ok(())
}
