//! `watch-ward`: a ward of 1,000 leaking monitors is played by tcpreplay through a cable between two network namespaces.
//!
//! ```text
//! at the pace of life   nothing is lost; the findings are those of `scan`, integrity checks and all, on the frames as
//!                       tcpdump kept them beside it (a host that stood still makes a late cycle for both); one worker and two
//! at 500 Mbit/s         nothing is lost; the same findings but for those that look at the pace of time; with one and two
//! faster and faster     what lazaret, tcpdump -w /dev/null and ndpiReader lose
//! overloaded            what is lost is counted and said, and nothing is found that the scan does not find
//! ```
//! Needs root, iproute2, tcpreplay; tcpdump and ndpiReader where they are installed.

use super::{build, lines, sensor_lines};
use crate::bench::{machine, run_program};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Findings of checks that look at the pace of time.
const TIMED: [&str; 3] = ["vitals-untrusted", "alarm-disabled", "alarm-limits-widened"];
/// Rates that are tried, in Mbit/s; none is as fast as it goes.
const RATES: [Option<u32>; 5] = [Some(500), Some(750), Some(1000), Some(1500), None];
/// Findings that are told of those that differ.
const ROWS_SHOWN: usize = 5;
/// How long is waited for anything.
const PATIENCE: Duration = Duration::from_secs(120);
const SILENT: &str = "for which in all default; do \
    file=/proc/sys/net/ipv6/conf/$which/disable_ipv6; [ ! -e $file ] || echo 1 > $file; done";

/// Two namespaces and the cable between them, taken away at the end.
struct Cable {
    names: [String; 2],
    folder: PathBuf,
    lazaret: String,
    capture: PathBuf,
}

/// What a receiver made of one playing.
struct Played {
    mbps: f64,
    lost: u64,
    cpu_s: Option<f64>,
}

/// Runs all of it.
pub fn ward(folder: &Path) -> Result<(), String> {
    let lazaret = build()?;
    std::fs::create_dir_all(folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    let cable = Cable::new(folder, lazaret)?;
    println!("{}", machine());
    let scanned = cable.scan(&cable.capture)?;
    let frames = scanned["coverage"]["frames"].as_u64().unwrap_or(0);
    println!("{frames} frames, {} findings in the scan", list(&scanned).len());
    let mut failed = Vec::new();
    let ways = [("--multiplier=1", true), ("--mbps=500", false)];
    for ((rate, timed), workers) in ways.into_iter().flat_map(|way| ["1", "2"].map(|workers| (way, workers)))
    {
        let kept = cable.folder.join("kept.pcap");
        // What tcpdump keeps has the kernel's times, which are the sensor's.
        let keep = ["--time-stamp-precision=nano", "-Z", "root", "-w", &kept.display().to_string()];
        let beside = if timed { cable.tcpdump(&keep)? } else { None };
        let (played, report) = cable.watch(rate, &["--integrity", "on", "--workers", workers], frames)?;
        let wanted = match beside {
            Some(tcpdump) => {
                Cable::end(tcpdump, "-INT")?;
                told(&cable.scan(&kept)?, timed)
            }
            None => told(&scanned, timed),
        };
        let seen = told(&report, timed);
        let missing: Vec<_> = wanted.difference(&seen).collect();
        let more: Vec<_> = seen.difference(&wanted).collect();
        println!(
            "watch {rate} --workers {workers}: {:.0} Mbit/s, {} lost, {} findings; missing {}, more {}",
            played.mbps,
            played.lost,
            seen.len(),
            missing.len(),
            more.len()
        );
        for (what, rows) in [("missing", missing), ("more", more)] {
            rows.iter().take(ROWS_SHOWN).for_each(|row| println!("  {what}: {row}"));
        }
        if played.lost > 0 || seen != wanted {
            failed.push(format!("{rate} --workers {workers}: lost frames, or not the findings of the scan"));
        }
    }
    cable.rates(frames)?;
    let (played, report) = cable.watch("--topspeed", &["--buffer", "2", "--integrity", "on"], frames)?;
    let more = told(&report, false).difference(&told(&scanned, false)).count();
    println!(
        "overload (ring of 2 MiB): {:.0} Mbit/s, {} lost, {more} findings that the scan does not make",
        played.mbps, played.lost
    );
    let said = report["coverage"]["blind_spots"].to_string().contains("The sensor lost");
    if played.lost > 0 && !said || more > 0 {
        failed.push("overload: losses were not said, or something was concluded from them".to_owned());
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

fn list(report: &Value) -> Vec<Value> {
    report["findings"].as_array().cloned().unwrap_or_default()
}

/// What findings say, apart from times and frames.
fn told(report: &Value, timed: bool) -> BTreeSet<String> {
    let rows = list(report).into_iter();
    let rows = rows.filter(|row| timed || !TIMED.iter().any(|rule| row["rule"] == *rule));
    rows.map(|row| {
        ["rule", "asset", "peer", "severity", "certainty"].map(|key| row[key].to_string()).join(" ")
    })
    .collect()
}

fn run(command: &[&str]) -> Result<String, String> {
    let (program, arguments) = command.split_first().ok_or("nothing to run")?;
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|why| format!("cannot run {program}: {why}"))?;
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() { Ok(said) } else { Err(format!("{}: {said}", command.join(" "))) }
}

fn until(what: &str, mut is: impl FnMut() -> bool) -> Result<(), String> {
    let started = Instant::now();
    while !is() {
        if started.elapsed() > PATIENCE {
            return Err(format!("waited in vain: {what}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The number after `before` in a text.
fn number_after(text: &str, before: &str) -> Option<f64> {
    let rest = text.split_once(before)?.1.trim_start();
    let digits: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    digits.parse().ok()
}

impl Cable {
    fn new(folder: &Path, lazaret: String) -> Result<Self, String> {
        let capture = folder.join("ward-1000.pcap");
        if !capture.exists() {
            let made = capture.display().to_string();
            let ward = ["simulate", "ward", "--monitors", "1000", "--minutes", "3", "--scenario", "leak"];
            run_program(&lazaret, &[&ward[..], &["--quiet", "--output", &made]].concat(), &[])?;
        }
        let names = ["ward", "sensor"].map(|end| format!("lazaret-x{}-{end}", std::process::id()));
        let cable = Self { names, folder: folder.to_owned(), lazaret, capture };
        let [ward, sensor] = &cable.names;
        for end in [ward, sensor] {
            run(&["ip", "netns", "add", end])?;
            run(&["ip", "netns", "exec", end, "sh", "-c", SILENT])?;
        }
        run(&[
            "ip", "link", "add", "eth0", "netns", ward, "type", "veth", "peer", "name", "eth0", "netns",
            sensor,
        ])?;
        for end in [ward, sensor] {
            run(&["ip", "-n", end, "link", "set", "eth0", "mtu", "9000", "up"])?;
        }
        Ok(cable)
    }

    fn capture(&self) -> String {
        self.capture.display().to_string()
    }

    fn scan(&self, capture: &Path) -> Result<Value, String> {
        let report = self.folder.join("scan.json");
        let (to, from) = (report.display().to_string(), capture.display().to_string());
        run_program(&self.lazaret, &["scan", "--quiet", "--format", "json", "--output", &to, &from], &[])?;
        read(&report)
    }

    /// Plays the ward; the rate that was reached, in Mbit/s.
    fn play(&self, rate: &str) -> Result<f64, String> {
        let inside = ["ip", "netns", "exec", &self.names[0], "tcpreplay", "-q", "-i", "eth0", rate];
        let said = run(&[&inside[..], &[&self.capture()]].concat())?;
        number_after(&said, "Bps, ").ok_or_else(|| format!("tcpreplay said no rate: {said}"))
    }

    /// Starts a program at the sensor's end; what it says goes to two files.
    fn start(&self, program: &[&str]) -> Result<Child, String> {
        let file = |name: &str| {
            let path = self.folder.join(name);
            std::fs::File::create(&path).map_err(|why| format!("{}: {why}", path.display()))
        };
        Command::new("ip")
            .args(["netns", "exec", &self.names[1]])
            .args(program)
            .stdin(Stdio::null())
            .stdout(file("out")?)
            .stderr(file("err")?)
            .spawn()
            .map_err(|why| format!("{}: {why}", program.join(" ")))
    }

    fn said(&self) -> String {
        let read = |name: &str| std::fs::read(self.folder.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&[read("out"), read("err")].concat()).into_owned()
    }

    fn end(mut child: Child, signal: &str) -> Result<(), String> {
        run(&["kill", signal, &child.id().to_string()])?;
        child.wait().map(drop).map_err(|why| why.to_string())
    }

    fn watch(&self, rate: &str, more: &[&str], frames: u64) -> Result<(Played, Value), String> {
        let report = self.folder.join("watch.json");
        let to = report.display().to_string();
        let watch =
            [&*self.lazaret, "watch", "-i", "eth0", "--every", "1", "--format", "ndjson", "--report", &to];
        let child = self.start(&[&watch[..], more].concat())?;
        until("the sensor listens", || self.said().contains("listening on"))?;
        let mbps = self.play(rate)?;
        let out = self.folder.join("out");
        let done = || {
            let rows = sensor_lines(&out).unwrap_or_default();
            let count = |key: &str| rows.last().and_then(|row| row[key].as_u64()).unwrap_or(0);
            count("frames") + count("frames_lost") + count("backlog_dropped") >= frames
        };
        until("every frame is accounted for", done)?;
        Self::end(child, "-TERM")?;
        let last = lines(&out)?.into_iter().rfind(|row| row["type"] == "sensor").unwrap_or(Value::Null);
        let lost = frames.saturating_sub(last["frames"].as_u64().unwrap_or(0));
        Ok((Played { mbps, lost, cpu_s: last["cpu_seconds"].as_f64() }, read(&report)?))
    }

    fn rates(&self, frames: u64) -> Result<(), String> {
        println!("| receiver | offered, Mbit/s | lost | CPU s |");
        println!("|---|---:|---:|---:|");
        for rate in RATES {
            let rate = rate.map_or_else(|| "--topspeed".to_owned(), |rate| format!("--mbps={rate}"));
            let row = |name: &str, played: &Played| {
                let cpu = played.cpu_s.map_or_else(|| "–".to_owned(), |cpu| format!("{cpu:.1}"));
                println!("| {name} | {:.0} | {} | {cpu} |", played.mbps, played.lost);
            };
            row("lazaret watch", &self.watch(&rate, &["--integrity", "on"], frames)?.0);
            let two = ["--integrity", "on", "--workers", "2"];
            row("lazaret watch --workers 2", &self.watch(&rate, &two, frames)?.0);
            row("lazaret watch --integrity off", &self.watch(&rate, &["--integrity", "off"], frames)?.0);
            if let Some(child) = self.tcpdump(&["-w", "/dev/null"])? {
                row("tcpdump -w /dev/null", &self.peer(child, &rate, frames, " packets captured")?);
            }
            if let Some(child) = self.ndpi()? {
                row("ndpiReader", &self.peer(child, &rate, frames, " packets total")?);
            }
        }
        Ok(())
    }

    /// Starts tcpdump, where it is installed.
    fn tcpdump(&self, more: &[&str]) -> Result<Option<Child>, String> {
        if !crate::bench::exists("tcpdump") {
            return Ok(None);
        }
        let child = self.start(&[&["tcpdump", "-n", "-i", "eth0", "-B", "65536"], more].concat())?;
        until("tcpdump listens", || self.said().contains("listening on"))?;
        Ok(Some(child))
    }

    /// Starts ndpiReader, where it is installed.
    fn ndpi(&self) -> Result<Option<Child>, String> {
        if !crate::bench::exists("ndpiReader") {
            return Ok(None);
        }
        // It writes to a file in blocks unless it is told otherwise, and would seem not to listen.
        let child = self.start(&["stdbuf", "-oL", "ndpiReader", "-i", "eth0"])?;
        until("ndpiReader listens", || self.said().contains("Capturing live traffic"))?;
        Ok(Some(child))
    }

    /// Plays the ward past a peer, which says how many frames it took before the words `taken`.
    fn peer(&self, child: Child, rate: &str, frames: u64, taken: &str) -> Result<Played, String> {
        let mbps = self.play(rate)?;
        self.settle();
        let cpu_s = cpu_seconds(&child);
        Self::end(child, "-INT")?;
        let taken = number_before(&self.said(), taken).unwrap_or(0);
        Ok(Played { mbps, lost: frames.saturating_sub(taken), cpu_s })
    }

    /// Peers say nothing of how far they are: what waits in their rings is read within this time.
    fn settle(&self) {
        std::thread::sleep(Duration::from_secs(3));
    }
}

/// Processor seconds of a program that still runs (`proc(5)`: fields 14 and 15 of `stat`, in hundredths).
fn cpu_seconds(child: &Child) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11..13)?.iter().filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>();
    Some(ticks / 100.0)
}

/// The number before `after` in a text.
fn number_before(text: &str, after: &str) -> Option<u64> {
    let before = text.split_once(after)?.0;
    let digits: String = before.chars().rev().take_while(char::is_ascii_digit).collect();
    digits.chars().rev().collect::<String>().parse().ok()
}

fn read(path: &Path) -> Result<Value, String> {
    let bytes = std::fs::read(path).map_err(|why| format!("{}: {why}", path.display()))?;
    serde_json::from_slice(&bytes).map_err(|why| format!("{}: {why}", path.display()))
}

impl Drop for Cable {
    fn drop(&mut self) {
        for name in &self.names {
            drop(run(&["ip", "netns", "delete", name]));
        }
    }
}
