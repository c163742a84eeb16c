//! `kill -9` while a scan is kept: whatever moment it comes at, the store opens, its log is whole, and after the scan
//! ran again no finding is lost or doubled.
//!
//! CI kills 20 times, `cargo xtask soak store-kills` 200 times (`LAZARET_STORE_KILLS`).

use super::{Folder, command, done, json, lazaret, said, scan, status};
use serde_json::{Value, json};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

const KILLS: u32 = 20;
/// `SIGKILL`.
const KILL: i32 = 9;
/// After the first byte was written, the kill comes within this time.
const WRITING: Duration = Duration::from_millis(12);

/// SplitMix64 (Steele, Lea, Flood 2014): one seed, one run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        limit.mul_f64(((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// What must be the same with and without kills.
fn content(store: &str) -> Value {
    let pick = |row: &Value, names: &[&str]| names.iter().map(|name| row[*name].clone()).collect::<Vec<_>>();
    let findings = json(&["findings", "--store", store, "list", "--all", "--limit", "100000"]);
    let assets = json(&["assets", "--store", store, "list", "--limit", "100000"]);
    let findings = findings["findings"].as_array().unwrap().iter();
    let assets = assets["assets"].as_array().unwrap().iter();
    json!([
        findings
            .map(|row| pick(row, &["id", "count", "first", "last", "severity", "state"]))
            .collect::<Vec<_>>(),
        assets.map(|row| pick(row, &["id", "first", "last", "open_findings"])).collect::<Vec<_>>(),
    ])
}

/// A decision between two scans, so that there is one to be lost.
fn decide(store: &str) {
    let list = json(&["findings", "--store", store, "list", "--limit", "1"]);
    done(&["findings", "--store", store, "acknowledge", list["findings"][0]["id"].as_str().unwrap()]);
}

/// When the kill comes.
enum Moment {
    /// So long after the start.
    AfterStart(Duration),
    /// So long after the store's files began to change.
    AfterWriting(Duration),
}

/// Whether the scan was killed before it ended.
fn killed(store: &str, capture: &str, moment: &Moment) -> bool {
    let kept = ["--integrity", "off", "--output", "/dev/null", "--store", store, capture];
    let arguments = [&["scan", "--quiet", "--workers", "1"], &kept[..]].concat();
    let log = Path::new(store).join("store.sqlite-wal");
    let size = || std::fs::metadata(&log).map_or(0, |about| about.len());
    let before = size();
    let mut child = command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut from = Instant::now();
    let wait = match moment {
        Moment::AfterStart(wait) => *wait,
        Moment::AfterWriting(wait) => {
            while size() == before && child.try_wait().unwrap().is_none() {
                std::thread::yield_now();
            }
            from = Instant::now();
            *wait
        }
    };
    while from.elapsed() < wait && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    // Fails where it ended before, which `wait` tells.
    drop(child.kill());
    child.wait().unwrap().signal() == Some(KILL)
}

#[test]
fn a_store_survives_being_killed_at_any_moment() {
    let kills = std::env::var("LAZARET_STORE_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let folder = Folder::new("kills");
    let captures = [
        folder.ward(1, &["leak", "update-udp"]),
        folder.ward(2, &["leak"]),
        folder.ward(3, &["benign"]),
        folder.ward(4, &["update-udp"]),
    ];
    let reference = folder.text("reference");
    let (mut befores, mut contents) = (vec![Value::Null], Vec::new());
    let started = Instant::now();
    for (at, capture) in captures.iter().enumerate() {
        scan(&reference, capture);
        contents.push(content(&reference));
        if at == 0 {
            decide(&reference);
        }
        befores.push(content(&reference));
    }
    let longest = started.elapsed() / captures.len() as u32;
    let mut random = Random(0x1A2A_2E70);
    let (mut died, mut died_writing, mut undone) = (0, 0, 0);
    for kill in 0..kills {
        let at = kill as usize % captures.len();
        let (store, capture) = (folder.text(&format!("s{}", kill as usize / captures.len())), &captures[at]);
        let moment = if kill % 4 == 0 {
            Moment::AfterStart(random.below(longest))
        } else {
            Moment::AfterWriting(random.below(WRITING))
        };
        let was_killed = killed(&store, capture, &moment);
        died += u32::from(was_killed);
        died_writing += u32::from(was_killed && matches!(moment, Moment::AfterWriting(_)));
        let output = lazaret(&["audit", "--store", &store, "verify"]);
        // Before the store was made there is none, which is said; anything else must hold.
        assert!(
            status(&output) == 0 || (at == 0 && said(&output).contains("there is no store")),
            "kill {kill}: {}{}",
            super::printed(&output),
            said(&output)
        );
        if status(&output) == 0 && at > 0 {
            let now = content(&store);
            assert!(now == contents[at] || now == befores[at], "kill {kill}: a part of a scan was kept");
            undone += u32::from(now != contents[at]);
        }
        scan(&store, capture);
        assert_eq!(content(&store), contents[at], "kill {kill}");
        done(&["audit", "--store", &store, "verify"]);
        if at == 0 {
            decide(&store);
        }
    }
    println!(
        "{kills} kills: {died} came before the scan ended, {died_writing} of them while it wrote; {undone} undone"
    );
    assert!(died_writing >= kills / 10, "{died_writing} of {kills} kills came while the store was written");
}
