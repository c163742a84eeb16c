//! A cable between two network namespaces: a ward is played into one end, the sensor listens at the other.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Name of the interface at either end.
pub(crate) const INTERFACE: &str = "eth0";
/// How often something is looked at before it is given up.
const TRIES_MAX: u32 = 600;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);
/// No end speaks of itself: without IPv6 and addresses, a kernel sends nothing.
const SILENT: &str = "for which in all default; do \
    file=/proc/sys/net/ipv6/conf/$which/disable_ipv6; [ ! -e $file ] || echo 1 > $file; done";

/// Two namespaces, joined.
pub(crate) struct Cable {
    /// Folder of its own.
    folder: PathBuf,
    /// Names of the namespaces: ward, sensor.
    namespaces: [String; 2],
}

impl Cable {
    /// Two silent ends, or `None` after saying why not.
    pub(crate) fn new() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let installed =
            |name: &str| std::env::split_paths(&path).any(|folder| Path::new(&folder).join(name).exists());
        for program in ["ip", "tcpreplay", "kill", "setpriv"] {
            if !installed(program) {
                return skip(&format!("{program} is not installed"));
            }
        }
        static CABLES: AtomicU32 = AtomicU32::new(0);
        let name = format!("lazaret-w{}-{}", std::process::id(), CABLES.fetch_add(1, Ordering::Relaxed));
        let namespaces = ["ward", "sensor"].map(|end| format!("{name}-{end}"));
        let made = Command::new("ip").args(["netns", "add", &namespaces[0]]).output().unwrap();
        if !made.status.success() {
            return skip(&format!("no network namespaces: {}", said(&made).trim()));
        }
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        // From here on, whatever fails, `drop` cleans up.
        let cable = Self { folder, namespaces };
        let [ward, sensor] = &cable.namespaces;
        run(&["ip", "netns", "add", sensor]);
        for end in [ward, sensor] {
            run(&["ip", "netns", "exec", end, "sh", "-c", SILENT]);
        }
        cable.plug();
        Some(cable)
    }

    /// Lays the cable.
    pub(crate) fn plug(&self) {
        let [ward, sensor] = &self.namespaces;
        let ends = ["netns", ward, "type", "veth", "peer", "name", INTERFACE, "netns", sensor];
        run(&[&["ip", "link", "add", INTERFACE][..], &ends].concat());
        for end in [ward, sensor] {
            run(&["ip", "-n", end, "link", "set", INTERFACE, "mtu", "9000", "up"]);
        }
    }

    /// Takes it away: there is no interface any more.
    pub(crate) fn unplug(&self) {
        run(&["ip", "-n", &self.namespaces[1], "link", "delete", INTERFACE]);
    }

    /// A file in the cable's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Plays a capture into the ward's end, so many times faster than it was recorded.
    pub(crate) fn play(&self, capture: &Path, faster: u32) {
        let faster = format!("--multiplier={faster}");
        let ward = ["ip", "netns", "exec", &self.namespaces[0]];
        let play = ["tcpreplay", "-q", "-i", INTERFACE, &faster, capture.to_str().unwrap()];
        run(&[&ward[..], &play].concat());
    }

    /// Switches the sensor's end.
    pub(crate) fn switch(&self, to: &str) {
        run(&["ip", "-n", &self.namespaces[1], "link", "set", INTERFACE, to]);
    }

    /// Frames that came to the sensor's end since it was made.
    pub(crate) fn received(&self) -> u64 {
        self.counted()["rx"]["packets"].as_u64().unwrap()
    }

    /// Frames that the sensor's end has sent since it was made.
    pub(crate) fn sent(&self) -> u64 {
        self.counted()["tx"]["packets"].as_u64().unwrap()
    }

    fn counted(&self) -> Value {
        let output = run(&["ip", "-n", &self.namespaces[1], "-s", "-j", "link", "show", INTERFACE]);
        let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
        rows[0]["stats64"].clone()
    }

    /// A command at the sensor's end.
    pub(crate) fn inside(&self, command: &[&str]) -> Command {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.namespaces[1]]).args(command).stdin(Stdio::null());
        inside
    }

    /// Runs a command at the sensor's end.
    pub(crate) fn at_sensor(&self, command: &[&str]) -> Output {
        self.inside(command).output().unwrap()
    }

    /// Starts `lazaret watch` at the sensor's end and waits until it listens.
    pub(crate) fn watch(&self, more: &[&str]) -> Watch<'_> {
        self.watch_with(&[], more)
    }

    /// The same with something in its environment.
    pub(crate) fn watch_with(&self, environment: &[(&str, &str)], more: &[&str]) -> Watch<'_> {
        let (lines, errors) = (self.path("lines.ndjson"), self.path("errors"));
        let mut command = Command::new("ip");
        // `ip netns exec` becomes the program, so the process is the sensor itself.
        command.args(["netns", "exec", &self.namespaces[1], env!("CARGO_BIN_EXE_lazaret"), "watch"]);
        command.args(["--interface", INTERFACE, "--every", "1", "--format", "ndjson", "--report"]);
        command.arg(self.path("report.json")).args(more).stdin(Stdio::null());
        command.envs(environment.iter().copied());
        command.stdout(std::fs::File::create(&lines).unwrap());
        command.stderr(std::fs::File::create(&errors).unwrap());
        let mut watch = Watch { cable: self, process: command.spawn().unwrap() };
        watch.until("it listens", |watch| watch.errors().contains("listening on"));
        watch
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for namespace in &self.namespaces {
            // Everything in a namespace of ours is ours.
            if let Ok(output) = Command::new("ip").args(["netns", "pids", namespace]).output() {
                for pid in String::from_utf8(output.stdout).unwrap_or_default().split_whitespace() {
                    drop(Command::new("kill").args(["-KILL", pid]).status());
                }
            }
            drop(Command::new("ip").args(["netns", "delete", namespace]).stderr(Stdio::null()).status());
        }
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// A sensor that runs.
pub(crate) struct Watch<'a> {
    cable: &'a Cable,
    process: Child,
}

/// What a sensor left.
pub(crate) struct Watched {
    /// Its exit status.
    pub(crate) status: i32,
    /// Its last report.
    pub(crate) report: Value,
    /// Everything it wrote: report, lines, messages.
    pub(crate) all: String,
}

impl Watch<'_> {
    /// What it said on standard error so far.
    pub(crate) fn errors(&self) -> String {
        std::fs::read_to_string(self.cable.path("errors")).unwrap()
    }

    /// Whole lines on standard output so far.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.cable.path("lines.ndjson")).unwrap();
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The last line about the sensor itself.
    pub(crate) fn sensor(&self) -> Value {
        self.lines().into_iter().rfind(|line| line["type"] == "sensor").unwrap_or_default()
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// A line of `/proc/…/status` of it.
    pub(crate) fn status(&self, key: &str) -> String {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {key} in {text}")).trim().to_owned()
    }

    /// The same line of every thread that it has.
    pub(crate) fn status_of_threads(&self, key: &str) -> Vec<String> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        // A thread may end meanwhile.
        let texts = threads.filter_map(|at| std::fs::read_to_string(at.unwrap().path().join("status")).ok());
        let value = |text: String| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            line.unwrap_or_else(|| panic!("no {key} in {text}")).trim().to_owned()
        };
        texts.map(value).collect()
    }

    /// Waits until something is so.
    pub(crate) fn until(&mut self, what: &str, is: impl Fn(&Self) -> bool) {
        for _ in 0..TRIES_MAX {
            if is(self) {
                return;
            }
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none(), "the sensor ended, {ended:?}: {}", self.errors());
            std::thread::sleep(BETWEEN_TRIES);
        }
        panic!("waited in vain: {what}\n{}\n{}", self.errors(), self.sensor());
    }

    pub(crate) fn signal(&self, signal: &str) {
        run(&["kill", signal, &self.process.id().to_string()]);
    }

    /// Kills it; what it told until then.
    pub(crate) fn kill(mut self) -> Vec<Value> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.lines()
    }

    /// Ends it in order.
    pub(crate) fn end(mut self, signal: &str) -> Watched {
        self.signal(signal);
        let status = self.process.wait().unwrap();
        let read = |name: &str| std::fs::read_to_string(self.cable.path(name)).unwrap();
        let report = read("report.json");
        let all = [report.as_str(), &read("lines.ndjson"), &read("errors")].concat();
        let status = status.code().unwrap_or_else(|| panic!("killed: {}", self.errors()));
        Watched { status, report: serde_json::from_str(&report).unwrap(), all }
    }
}

fn skip<T>(why: &str) -> Option<T> {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}, and CI may not skip this");
    println!("skipped: {why}");
    None
}

pub(crate) fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].concat().escape_ascii().to_string().replace("\\n", "\n")
}

/// Runs a program, which must succeed.
pub(crate) fn run(command: &[&str]) -> Output {
    let output = Command::new(command[0]).args(&command[1..]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    output
}
