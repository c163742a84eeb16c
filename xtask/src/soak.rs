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

#[derive(Clone, Copy, Debug, ValueEnum)]
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
            Name::WatchWard => crate::watching::ward(&self.folder),
            Name::WatchDay => crate::watching::day(&self.folder),
            name => name.trial(self.minutes).map_or(Ok(()), |trial| trial.run()),
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

/// Tests of the binary that also run in CI, here at full length.
struct Trial {
    profile: &'static str,
    /// The test target in `crates/lazaret/tests`.
    suite: &'static str,
    /// What the names of its tests contain.
    tests: &'static [&'static str],
    /// The variable that says how long.
    variable: &'static str,
    length: String,
}

impl Trial {
    fn run(&self) -> Result<(), String> {
        let Self { profile, suite, .. } = self;
        let which = ["test", "--profile", profile, "--locked", "-p", "lazaret", "--test", suite];
        let words = [&which[..], &["--", "--nocapture"], self.tests].concat();
        run_program("cargo", &words, &[(self.variable, &self.length)])
    }
}

impl Name {
    /// The tests it stands for, where it is no program of its own.
    fn trial(self, minutes: Option<u32>) -> Option<Trial> {
        let minutes_or = |usual: u32| minutes.unwrap_or(usual);
        let (suite, tests, variable, length): (_, &'static [_], _, _) = match self {
            Self::Wall => {
                ("browser", &["story_unfolds"], "LAZARET_WALL_MINUTES", minutes_or(WALL_MINUTES).to_string())
            }
            // A cycle a second.
            Self::Gateway => {
                let length = format!("64x{}", minutes_or(GATEWAY_MINUTES) * 60);
                ("gateway", &["many_monitors"], "LAZARET_GATEWAY_TRIAL", length)
            }
            Self::GatewayClosed => {
                let seconds = (minutes_or(GATEWAY_MINUTES) * 60).to_string();
                ("gateway", &["nothing_leaves", "receiver_that_was_down"], "LAZARET_GATEWAY_SECONDS", seconds)
            }
            Self::Outputs => {
                ("outputs", &["lose", "may_have_been_lost"], "LAZARET_OUTPUTS", FINDINGS.to_owned())
            }
            Self::Policy => ("policy", &["packet_by_packet"], "LAZARET_POLICY_PACKETS", PACKETS.to_owned()),
            Self::StoreKills => ("store", &["kill"], "LAZARET_STORE_KILLS", KILLS.to_owned()),
            Self::WatchKills => ("sensor", &["kill"], "LAZARET_WATCH_KILLS", KILLS.to_owned()),
            Self::Fuzz | Self::WatchWard | Self::WatchDay => return None,
        };
        // How long a cycle takes is measured as it is shipped.
        let profile = if matches!(self, Self::Gateway) { "release" } else { "ci" };
        Some(Trial { profile, suite, tests, variable, length })
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Everything written in a test target, which is a file or a folder.
    fn sources(target: &Path) -> String {
        let Ok(entries) = std::fs::read_dir(target) else {
            return std::fs::read_to_string(target.with_extension("rs")).unwrap();
        };
        entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
    }

    #[test]
    fn the_tests_that_a_trial_names_are_there() {
        let tests = Path::new("../crates/lazaret/tests");
        for (name, trial) in Name::value_variants().iter().filter_map(|name| Some((name, name.trial(None)?)))
        {
            let text = sources(&tests.join(trial.suite));
            let has = |part: &str| {
                text.lines().any(|line| line.trim_start().starts_with("fn ") && line.contains(part))
            };
            for part in trial.tests {
                assert!(has(part), "{name:?}: no test of {} is called …{part}…", trial.suite);
            }
        }
    }
}
