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
    /// A store killed at 200 random moments while a scan is kept.
    StoreKills,
    /// The wall over a demo, with memory watched for half an hour (or `--minutes`).
    Wall,
    /// The gateway with 64 monitors for ten minutes (or `--minutes`), and how long a cycle takes to the ward.
    Gateway,
    /// A hostile monitor at the gateway for ten minutes (or `--minutes`), and a receiver that is down for half as long.
    GatewayClosed,
    /// 10,000 findings through each output, its receiver killed and started again half way.
    Outputs,
    /// 10,400 packets through each engine that is at hand (nftables routed and on a bridge, Open vSwitch); needs root.
    Policy,
    /// A watch killed at 200 moments while it keeps what it sees; needs root.
    WatchKills,
    /// A ward played past the sensor in network namespaces, beside tcpdump and ndpiReader; needs root.
    WatchWard,
    /// A day of 20 monitors and an hour of 500 into the sensor's store: memory, processor time, disk.
    WatchDay,
}

/// Targets that are fuzzed ten minutes; the others three.
const TEN_MINUTES: &[&str] = &["capture_file", "cms8000", "nfs", "rpc", "hl7", "dicom", "stream"];

/// Kills that issue 4 asks for.
const KILLS: &str = "200";

/// Findings that issue 5 asks for.
const FINDINGS: &str = "10000";

/// Packets of each of four policies: issue 6 asks for 10,000 of each engine.
const PACKETS: &str = "2600";

/// Minutes that issue 5 asks for.
const WALL_MINUTES: u32 = 30;

/// Minutes that issue 6 asks for.
const GATEWAY_MINUTES: u32 = 10;

/// The target that fails by design.
const CANARY: &str = "canary";

impl Soak {
    /// Runs it.
    pub fn run(&self) -> Result<(), String> {
        match self.name {
            Name::Fuzz => self.fuzz(),
            Name::Wall => {
                let minutes = self.minutes.unwrap_or(WALL_MINUTES).to_string();
                trial("ci", "wall", &["story"], ("LAZARET_WALL_MINUTES", &minutes))
            }
            Name::Gateway => {
                // A cycle a second.
                let cycles = self.minutes.unwrap_or(GATEWAY_MINUTES) * 60;
                let length = format!("64x{cycles}");
                trial("release", "gateway", &["many_monitors"], ("LAZARET_GATEWAY_TRIAL", &length))
            }
            Name::GatewayClosed => {
                let seconds = (self.minutes.unwrap_or(GATEWAY_MINUTES) * 60).to_string();
                let tests = ["nothing_leaves", "receiver_that_was_down"];
                trial("ci", "gateway", &tests, ("LAZARET_GATEWAY_SECONDS", &seconds))
            }
            Name::Outputs => trial("ci", "outputs", &["lose"], ("LAZARET_OUTPUTS", FINDINGS)),
            Name::Policy => trial("ci", "policy", &["packet_by_packet"], ("LAZARET_POLICY_PACKETS", PACKETS)),
            Name::StoreKills => kills("store", "LAZARET_STORE_KILLS"),
            Name::WatchKills => kills("sensor", "LAZARET_WATCH_KILLS"),
            Name::WatchWard => crate::watching::ward(&self.folder),
            Name::WatchDay => crate::watching::day(&self.folder),
        }
    }

    fn fuzz(&self) -> Result<(), String> {
        let folder = std::fs::read_dir("fuzz/fuzz_targets")
            .map_err(|why| format!("run it at the root of the checkout: {why}"))?;
        let mut targets: Vec<String> = folder
            .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
            .filter(|name| name != CANARY && (self.targets.is_empty() || self.targets.contains(name)))
            .collect();
        targets.sort();
        // A tree that does not build would fail the canary too.
        run_program("cargo", &["fuzz", "build", CANARY], &[("RUSTC_BOOTSTRAP", "1")])?;
        println!("== fuzz {CANARY}: it must fail");
        if fuzz_target(CANARY, 60).is_ok() {
            return Err("the fuzzer does not find what it must find: nothing it says can be believed".into());
        }
        for target in targets {
            let minutes = self.minutes.unwrap_or(if TEN_MINUTES.contains(&target.as_str()) { 10 } else { 3 });
            println!("== fuzz {target}: {minutes} minutes");
            fuzz_target(&target, minutes * 60)?;
        }
        Ok(())
    }
}

/// Runs tests of the binary at full length.
fn trial(profile: &str, suite: &str, tests: &[&str], length: (&str, &str)) -> Result<(), String> {
    let which =
        ["test", "--profile", profile, "--locked", "-p", "lazaret", "--test", suite, "--", "--nocapture"];
    run_program("cargo", &[&which[..], tests].concat(), &[length])
}

/// Runs the trial of kills among the tests of `target` at full length.
fn kills(target: &str, variable: &str) -> Result<(), String> {
    let test = ["test", "--profile", "ci", "--locked", "-p", "lazaret", "--test", target];
    let which = ["--", "kill", "--nocapture"];
    run_program("cargo", &[&test[..], &which[..]].concat(), &[(variable, KILLS)])
}

/// Fuzzes one target from its seeds; an input that breaks it is left in `fuzz/artifacts`.
fn fuzz_target(target: &str, seconds: u32) -> Result<(), String> {
    let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
    for folder in [&corpus, &seeds] {
        std::fs::create_dir_all(folder).map_err(|why| format!("{folder}: {why}"))?;
    }
    let time = format!("-max_total_time={seconds}");
    let limits = ["-rss_limit_mb=2048", "-timeout=20", "-max_len=4096"];
    let arguments = [&["fuzz", "run", target, &corpus, &seeds, "--", &time], &limits[..]].concat();
    run_program("cargo", &arguments, &[("RUSTC_BOOTSTRAP", "1")])
}
