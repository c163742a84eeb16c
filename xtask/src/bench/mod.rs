//! Speed and memory against the named peers, in the same run on the same files.
//!
//! The figures are process CPU seconds (user and system) of one worker, from `wait4`'s resource usage as the
//! kernel counts it, so that what else the machine does counts less. Each command runs several times, in turns, each time
//! after an untimed run; the least is reported, since noise only ever adds.

mod api;
mod cpu;
mod flood;
mod headers;
mod mix;
mod pcap;

pub use api::BenchApi;
pub use cpu::{exists, machine, run_program};

use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};

/// Measures `scan` against the flow-table loop, ndpiReader and, where asked for, tshark and Suricata.
#[derive(Args)]
pub struct Bench {
    /// Folder for the files that are measured; made once, used again.
    #[arg(long, default_value = "/var/tmp/lazaret-bench")]
    folder: PathBuf,
    /// Size of each file in MB. The figures in the book are for 1000.
    #[arg(long, default_value_t = 1000)]
    megabytes: u64,
    /// Runs of each command; the least is reported.
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// The binary to measure; built for release where it is not given.
    #[arg(long)]
    lazaret: Option<PathBuf>,
    /// Also measure tshark and Suricata, which take minutes.
    #[arg(long)]
    slow_peers: bool,
    /// Only the header walk over FILE, in this process: what the loop runs as.
    #[arg(long, value_name = "FILE", hide = true)]
    headers: Option<PathBuf>,
    /// Only the header walk with one flow-table update a packet over FILE, in this process.
    #[arg(long, value_name = "FILE", hide = true)]
    flows: Option<PathBuf>,
}

impl Bench {
    /// Runs the comparison and prints a table for the book.
    pub fn run(&self) -> Result<(), String> {
        if let Some(file) = &self.headers {
            return headers::walk(file, headers::Update::None);
        }
        if let Some(file) = &self.flows {
            return headers::walk(file, headers::Update::FlowTable);
        }
        fs::create_dir_all(&self.folder)
            .map_err(|why| format!("cannot make {}: {why}", self.folder.display()))?;
        let lazaret = self.lazaret()?;
        let ward = self.ward(&lazaret)?;
        let mix = self.mix()?;
        println!("machine: {}", cpu::machine());
        let [fresh, again] = cpu::fresh_memory();
        println!("256 MB of fresh memory: {fresh:.2} s, the same again: {again:.2} s");
        for file in [Some(ward), mix].into_iter().flatten() {
            self.compare(&lazaret, &file)?;
        }
        self.flood(&lazaret)
    }

    /// Memory with 1,000,000 connections open at once.
    fn flood(&self, lazaret: &Path) -> Result<(), String> {
        let file = self.folder.join("flood-1000000.pcap");
        if !file.exists() {
            flood::write(&file, 1_000_000)?;
        }
        let arguments =
            ["scan", "--format", "json", "--output", "/dev/null", "--quiet", "--no-hash", "--workers", "1"];
        let path = file.display().to_string();
        let arguments: Vec<String> = arguments.iter().map(|part| (*part).to_owned()).chain([path]).collect();
        let used = cpu::once(&lazaret.display().to_string(), &arguments)?;
        println!("\n1,000,000 open connections: {:.0} MB peak, {:.2} CPU s", used.peak_mb, used.cpu_s);
        Ok(())
    }

    fn lazaret(&self) -> Result<PathBuf, String> {
        if let Some(path) = &self.lazaret {
            return Ok(path.clone());
        }
        built("lazaret")
    }

    /// A ward of 1,000 monitors whose streams go to the hard-coded address.
    fn ward(&self, lazaret: &Path) -> Result<PathBuf, String> {
        let file = self.folder.join(format!("ward-{}.pcap", self.megabytes));
        if !file.exists() {
            // 1,000 monitors make about 100 MB a minute.
            let minutes = format!("{:.2}", self.megabytes as f64 / 100.0);
            let path = file.display().to_string();
            let arguments = [
                "simulate",
                "ward",
                "--output",
                &path,
                "--monitors",
                "1000",
                "--minutes",
                &minutes,
                "--scenario",
                "leak",
                "--seed",
                "1",
                "--quiet",
            ];
            cpu::run(&lazaret.display().to_string(), &arguments)?;
        }
        Ok(file)
    }

    fn mix(&self) -> Result<Option<PathBuf>, String> {
        let Ok(corpus) = std::env::var("LAZARET_CORPUS") else {
            println!("no mix: LAZARET_CORPUS is not set");
            return Ok(None);
        };
        let file = self.folder.join(format!("mix-{}.pcap", self.megabytes));
        if !file.exists() {
            mix::write(Path::new(&corpus), &file, self.megabytes * 1_000_000)?;
        }
        Ok(Some(file))
    }

    fn compare(&self, lazaret: &Path, file: &Path) -> Result<(), String> {
        let bytes = fs::metadata(file).map_err(|why| format!("cannot read {}: {why}", file.display()))?.len();
        let gigabytes = bytes as f64 / 1e9;
        let path = file.display().to_string();
        // `cargo xtask` runs a development build, whose loop would flatter every ratio.
        let itself = built("xtask")?.display().to_string();
        let scan = lazaret.display().to_string();
        println!("\n{} ({:.2} GB)\n", file.file_name().unwrap_or_default().display(), gigabytes);
        let base = ["scan", "--format", "json", "--output", "/dev/null", "--quiet", "--integrity", "off"];
        let with = |more: &[&str]| -> Vec<String> {
            base.iter().chain(more).map(|part| (*part).to_owned()).chain([path.clone()]).collect()
        };
        let bench = |flag: &str| vec!["bench".to_owned(), flag.to_owned(), path.clone()];
        // The order is that of `LOOP` and `ONE_WORKER`.
        let mut rows: Vec<(&str, &str, Vec<String>)> = vec![
            ("headers", &itself, bench("--headers")),
            ("headers + flow table (the loop)", &itself, bench("--flows")),
            ("lazaret scan, 1 worker", &scan, with(&["--no-hash", "--workers", "1"])),
            ("lazaret scan, 2 workers", &scan, with(&["--no-hash", "--workers", "2"])),
            ("lazaret scan, 1 worker, with the capture's hash", &scan, with(&["--workers", "1"])),
        ];
        if cpu::exists(PEER) {
            rows.push((PEER, PEER, vec!["-q".into(), "-i".into(), path.clone()]));
        }
        if self.slow_peers && cpu::exists("tshark") {
            let arguments = ["-q", "-z", "conv,tcp", "-r", &path].map(str::to_owned).to_vec();
            rows.push(("tshark -q -z conv,tcp", "tshark", arguments));
        }
        if self.slow_peers && cpu::exists("suricata") {
            let log = self.folder.join("suricata-log");
            fs::create_dir_all(&log).map_err(|why| why.to_string())?;
            let arguments =
                ["-k", "none", "--runmode", "single", "-l", &log.display().to_string(), "-r", &path];
            rows.push(("suricata, default log", "suricata", arguments.map(str::to_owned).to_vec()));
        }
        let commands = rows.iter().map(|(_, program, arguments)| (*program, arguments.as_slice()));
        let used = cpu::compared(commands, self.runs)?;
        println!("| what | CPU s | s per GB | wall s | peak MB | of the loop |");
        println!("|---|---:|---:|---:|---:|---:|");
        let walk = used.get(LOOP).map_or(f64::NAN, |walk| walk.cpu_s);
        for ((name, ..), cpu::Used { cpu_s, wall_s, peak_mb }) in rows.iter().zip(&used) {
            let (rate, ratio) = (cpu_s / gigabytes, cpu_s / walk);
            println!("| {name} | {cpu_s:.2} | {rate:.2} | {wall_s:.2} | {peak_mb:.0} | {ratio:.1} |");
        }
        if let Some([one, two]) = used.get(ONE_WORKER..ONE_WORKER + 2) {
            println!("\nTwo workers are {:.2} times as fast as one.", one.wall_s / two.wall_s);
        }
        let peer = rows.iter().position(|(name, ..)| *name == PEER);
        if let (Some(one), Some(peer)) = (used.get(ONE_WORKER), peer.and_then(|at| used.get(at))) {
            println!("One worker takes {:.2} of {PEER}'s time.", one.cpu_s / peer.cpu_s);
        }
        if walk / gigabytes > 0.45 {
            println!("The loop took more than 0.45 s per GB: ratios to it are void.");
        }
        Ok(())
    }
}

/// Places of the rows that others are compared with.
const LOOP: usize = 1;
const ONE_WORKER: usize = 2;
/// The peer that the goal names.
const PEER: &str = "ndpiReader";

/// Builds a package for release; where its program is.
fn built(package: &str) -> Result<PathBuf, String> {
    cpu::run("cargo", &["build", "--release", "--locked", "-p", package])?;
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into());
    Ok(Path::new(&target).join("release").join(package))
}
