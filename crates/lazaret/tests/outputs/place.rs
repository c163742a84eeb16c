//! A store full of findings, a sender, and receivers that are killed.

use model::{
    Asset, AssetId, CaptureSummary, CaptureTime, Certainty, Detail, DeviceClass, Digest256, Endpoint,
    Evidence, Finding, FindingId, Location, Peer, Report, Severity, Transport,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use store::{Actor, IfMissing, Writer, Writing as _};

/// Longest wait for something that must happen: a busy machine takes its time.
const WAIT_MAX: Duration = Duration::from_secs(600);
/// 2026-03-02T00:00:00Z.
const DAY: i64 = 1_772_409_600_000_000_000;
/// A name that breaks something somewhere.
pub(crate) const HOSTILE: &str =
    "Bed\" 7] \\ a|b c=d <script>'); --\r\nBcc: evil@example.com\r\n.\r\n<13>1 - evil - - - -";

/// Findings of a trial; `cargo xtask soak outputs` has the number that issue 5 asks for.
pub(crate) fn count() -> u64 {
    std::env::var("LAZARET_OUTPUTS").ok().and_then(|count| count.parse().ok()).unwrap_or(600)
}

/// The Python environment that `.ci/run` makes; another one is named by `LAZARET_RECEIVERS`.
pub(crate) fn python(module: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("LAZARET_RECEIVERS").unwrap_or_else(|| "/var/tmp/lazaret-receivers".into());
    let python = PathBuf::from(folder).join("bin/python");
    let found = Command::new(&python).args(["-c", &format!("import {module}")]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{module} is missing in {}",
        python.display()
    );
    println!("skipped: {module} is not in {}", python.display());
    None
}

/// Whether a program is there; if not, says so.
pub(crate) fn has(program: &str, ask: &str) -> bool {
    if Command::new(program).arg(ask).output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{program} is missing");
    println!("skipped: {program} is missing");
    false
}

/// A port that was free a moment ago.
pub(crate) fn port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A folder of its own for one test, removed at its end.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lazaret-outputs-{test}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.0.join(name), text).unwrap();
        self.text(name)
    }

    /// A certificate for this machine, with its key; it vouches for itself.
    pub(crate) fn certificate(&self) -> (String, String) {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        (self.write("cert.pem", &made.cert.pem()), self.write("key.pem", &made.signing_key.serialize_pem()))
    }

    /// Puts findings with these numbers into the store.
    pub(crate) fn find(&self, numbers: std::ops::Range<u64>) {
        let folder = self.0.join("store");
        let mut store = Writer::open(&folder, IfMissing::Make).unwrap();
        let actor = Actor { name: "test".to_owned(), at: DAY };
        store.import(&report(numbers), "0", &actor).unwrap();
    }

    pub(crate) fn lazaret(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_lazaret")).args(arguments).output().unwrap()
    }

    /// How it goes with an output.
    pub(crate) fn course(&self, name: &str) -> Value {
        let output = self.lazaret(&["outputs", "status", "--store", &self.text("store"), "--format", "json"]);
        let all: Value = serde_json::from_slice(&output.stdout).unwrap();
        let outputs = all["outputs"].as_array().unwrap();
        outputs.iter().find(|row| row["name"] == name).cloned().unwrap_or_default()
    }

    /// Waits for how it goes with an output.
    pub(crate) fn until(&self, name: &str, what: &str, holds: impl Fn(&Value) -> bool) {
        let started = Instant::now();
        loop {
            let course = self.course(name);
            if holds(&course) {
                return;
            }
            assert!(started.elapsed() < WAIT_MAX, "not in time: {what}: {course}");
            std::thread::yield_now();
        }
    }

    /// Takes a line off that was begun when its writer was killed: the next writer's first would go on from it.
    pub(crate) fn cut_begun_line(&self, file: &str) {
        let path = self.0.join(file);
        let mut text = std::fs::read(&path).unwrap();
        text.truncate(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1));
        std::fs::write(path, text).unwrap();
    }

    /// The lines of a file, once there are so many.
    pub(crate) fn lines(&self, file: &str, least: usize) -> Vec<String> {
        let started = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.0.join(file)).unwrap_or_default();
            // A line that is still being written is no line.
            let whole: Vec<String> =
                text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(str::to_owned).collect();
            if whole.len() >= least {
                return whole;
            }
            assert!(started.elapsed() < WAIT_MAX, "{file}: {} lines of {least}", whole.len());
            std::thread::yield_now();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A process that is killed at the end of the test, or before.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }

    /// The sender.
    pub(crate) fn sender(place: &Place, file: &str) -> Self {
        let arguments = ["outputs", "run", "--store", &place.text("store"), file];
        Self::start(Command::new(env!("CARGO_BIN_EXE_lazaret")).args(arguments))
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Ends it as an operator does; its exit status.
    pub(crate) fn end(mut self) -> i32 {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.0.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails where it has ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Half of the findings, a receiver that is killed once it has `least` of them, the other half while it is down, and all in
/// the end. The lines that the receiver wrote.
pub(crate) fn killed_half_way(
    place: &Place,
    output: &str,
    start: &dyn Fn() -> Process,
    least: usize,
    file: &str,
) -> Vec<String> {
    let count = count();
    place.find(0..count / 2);
    let first = start();
    let sender = Process::sender(place, file);
    place.lines("got", least);
    first.kill();
    place.cut_begun_line("got");
    place.find(count / 2..count);
    let half = i64::try_from(count / 2).unwrap();
    place.until(output, "what waits is seen", |course| {
        course["failure"].is_string() && course["waiting"].as_i64() >= Some(half)
    });
    let second = start();
    place.until(output, "all was delivered", |course| course["delivered"].as_u64() == Some(count));
    assert_eq!(sender.end(), 0);
    let lines = place.lines("got", usize::try_from(count).unwrap());
    drop(second);
    assert_eq!(place.course(output)["delivered"].as_u64(), Some(count));
    lines
}

/// What arrived: id, and whether it was marked as a possible repeat.
pub(crate) type Arrived = Vec<(String, bool)>;

/// Every finding is there, and what is there twice says so.
pub(crate) fn every_finding_arrived_and_repeats_say_so(
    arrived: &[(String, bool)],
    findings: std::ops::Range<u64>,
) {
    let wanted: BTreeSet<String> = findings.map(|number| format!("f-{number:016x}-1")).collect();
    let mut times: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (id, marked) in arrived {
        let times = times.entry(id).or_default();
        times.0 += 1;
        times.1 += usize::from(*marked);
    }
    let got: BTreeSet<String> = times.keys().map(|id| (*id).to_owned()).collect();
    let missing: Vec<_> = wanted.difference(&got).take(5).collect();
    assert!(
        missing.is_empty(),
        "{} of {} are missing, e.g. {missing:?}",
        wanted.difference(&got).count(),
        wanted.len()
    );
    let foreign: Vec<_> = got.difference(&wanted).take(5).collect();
    assert!(foreign.is_empty(), "nobody sent {foreign:?}");
    for (id, (arrived, marked)) in &times {
        assert!(marked + 1 >= *arrived, "{id} arrived {arrived} times and said so {marked} times");
    }
    let twice = times.values().filter(|(arrived, _)| *arrived > 1).count();
    let marked = arrived.iter().filter(|(_, marked)| *marked).count();
    println!(
        "{} findings, {} messages, {twice} arrived more than once, {marked} marked",
        wanted.len(),
        arrived.len()
    );
}

fn report(numbers: std::ops::Range<u64>) -> Report {
    let time = CaptureTime::from_nanos(DAY);
    let mark = u8::try_from(numbers.start % 251).unwrap();
    let asset = Asset {
        ips: BTreeSet::from([[10, 20, 4, 7].into()]),
        class: Some(DeviceClass { id: "patient-monitor".to_owned(), medical: true }),
        confidence: 0.97,
        ..Asset::unknown(AssetId(1))
    };
    let finding = |number| Finding {
        id: FindingId(number),
        rule: "offsite-egress",
        title: format!("Matter {number} of {HOSTILE}"),
        severity: Severity::ALL[usize::try_from(number % 4).unwrap()],
        certainty: Certainty::Confirmed,
        asset: AssetId(1),
        peer: Some(Peer {
            endpoint: Endpoint { ip: [202, 114, 4, 119].into(), port: 515 },
            transport: Transport::Tcp,
            location: Location::Offsite,
        }),
        peers: Vec::new(),
        first: time,
        last: time,
        count: number + 1,
        evidence: vec![Evidence { capture: 0, frame: 1 }],
        details: BTreeMap::from([("name", Detail::Text(HOSTILE.to_owned()))]),
        attack: ["T1041".to_owned()].into(),
        advisories: Vec::new(),
        cves: vec!["CVE-2025-0626".to_owned()],
        why: format!("Because of {HOSTILE}."),
        fix: "Unplug it.".into(),
    };
    Report {
        captures: vec![CaptureSummary {
            name: format!("{mark}.pcap"),
            sha256: Some(Digest256([mark; 32])),
            first: Some(time),
            last: Some(time),
            ..CaptureSummary::default()
        }],
        assets: vec![asset],
        findings: numbers.map(finding).collect(),
        ..Report::default()
    }
}
