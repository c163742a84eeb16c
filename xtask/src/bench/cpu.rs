//! CPU seconds, wall seconds and peak memory of a command, by GNU time's report of the kernel's counters.

use std::io::IsTerminal;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What a command used.
#[derive(Clone, Copy)]
pub struct Used {
    /// User and system CPU seconds.
    pub cpu_s: f64,
    /// Wall seconds.
    pub wall_s: f64,
    /// Peak resident memory, in MB.
    pub peak_mb: f64,
}

/// Whether a program is installed.
pub fn exists(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output()
        .is_ok_and(|out| out.status.success())
}

/// Runs a command and fails with its name.
pub fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    run_program(program, arguments, &[])
}

/// Runs a command with more environment and fails with its name.
pub fn run_program(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Result<(), String> {
    let status = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .status()
        .map_err(|why| format!("cannot run {program}: {why}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{program} {}` failed", arguments.join(" "))) }
}

impl Used {
    /// Both together: the least time, since noise only ever adds, and the largest memory.
    pub const fn with(self, other: Self) -> Self {
        Self {
            cpu_s: self.cpu_s.min(other.cpu_s),
            wall_s: self.wall_s.min(other.wall_s),
            peak_mb: self.peak_mb.max(other.peak_mb),
        }
    }
}

/// Runs each command several times, all of them once before any again, so that what the machine does meanwhile meets all
/// alike; what each used.
///
/// Each timed run follows an untimed one of the same command: some hosts take back memory, of programs and of files, that a
/// virtual machine left alone for seconds, and whoever comes after a long run of another would pay for it.
pub fn compared<'a>(
    commands: impl Iterator<Item = (&'a str, &'a [String])> + Clone,
    runs: u32,
) -> Result<Vec<Used>, String> {
    let seen = std::io::stderr().is_terminal();
    let mut all: Vec<Used> = Vec::new();
    for run in 0..runs.max(1) {
        for (at, (program, arguments)) in commands.clone().enumerate() {
            if seen {
                eprint!("\rrun {} of {}: {program}\x1b[K", run + 1, runs.max(1));
            }
            once(program, arguments)?;
            let used = once(program, arguments)?;
            match all.get_mut(at) {
                Some(before) => *before = before.with(used),
                None => all.push(used),
            }
        }
    }
    if seen {
        eprint!("\r\x1b[K");
    }
    Ok(all)
}

/// Seconds that 256 MB of fresh memory take, and that the same take again.
///
/// Some hosts take back what a virtual machine leaves unused and give it anew page by page: there everything that needs
/// memory is slower, and slower the longer the machine rested.
pub fn fresh_memory() -> [f64; 2] {
    const BYTES: usize = 256 << 20;
    let fill = |memory: &mut [u8]| {
        let started = Instant::now();
        std::hint::black_box(memory).fill(1);
        started.elapsed().as_secs_f64()
    };
    let mut memory = vec![0_u8; BYTES];
    [fill(&mut memory), fill(&mut memory)]
}

/// Runs a command once.
pub fn once(program: &str, arguments: &[String]) -> Result<Used, String> {
    if !std::path::Path::new("/usr/bin/time").exists() {
        return Err("GNU time is missing: apt-get install time".into());
    }
    let started = Instant::now();
    let out = Command::new("/usr/bin/time")
        .args(["-f", "measured %U %S %M", program])
        .args(arguments)
        .stdout(Stdio::null())
        .output()
        .map_err(|why| format!("cannot run {program}: {why}"))?;
    let wall_s = started.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&out.stderr);
    let line = text.lines().rev().find_map(|line| line.strip_prefix("measured "));
    let numbers: Vec<f64> =
        line.unwrap_or_default().split(' ').filter_map(|number| number.parse().ok()).collect();
    let [user, system, peak_kb] = numbers[..] else {
        return Err(format!("`{program} {}` failed:\n{text}", arguments.join(" ")));
    };
    if !out.status.success() {
        return Err(format!("`{program} {}` failed:\n{text}", arguments.join(" ")));
    }
    Ok(Used { cpu_s: user + system, wall_s, peak_mb: peak_kb / 1024.0 })
}

/// The machine, in a line.
pub fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split(':').nth(1)).unwrap_or("?").trim().to_owned()
    };
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let memory = value(&read("/proc/meminfo"), "MemTotal");
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{}, {cores} cores, {memory} memory, Linux {}", value(&cpu, "model name"), kernel.trim())
}
