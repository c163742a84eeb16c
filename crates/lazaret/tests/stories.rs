//! Every story of `testdata/scenarios`: a ward is made as its front part says, scanned by the binary, and the report
//! compared with the two lists in its text. A story that is added is told here without a line of code.
//!
//! ```text
//! ---                           front part: options of `lazaret simulate ward`, one a line
//! scenarios: leak, printing
//! seed: 21
//! monitors: 3
//! minutes: 1
//! ---
//! prose, and two fenced lists:
//! findings   rule severity assets        all findings there are: rule, severity, on how many assets
//! facts      path [key=value]…: value    a value of the report, or how many rows of a list have these values
//! ```
#![expect(clippy::disallowed_methods, reason = "runs the binary under test")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A story, as it is written.
struct Story<'a> {
    /// Arguments of `lazaret simulate ward`, but for where to.
    options: Vec<String>,
    findings: Vec<&'a str>,
    facts: Vec<&'a str>,
}

impl<'a> Story<'a> {
    fn read(text: &'a str) -> Self {
        let (front, prose) = text.strip_prefix("---\n").and_then(|text| text.split_once("\n---\n")).unwrap();
        let mut options = Vec::new();
        for line in front.lines() {
            let (name, values) = line.split_once(": ").unwrap_or_else(|| panic!("front part: `{line}`"));
            let option = if name == "scenarios" { "--scenario".to_owned() } else { format!("--{name}") };
            for value in values.split(", ") {
                options.extend([option.clone(), value.to_owned()]);
            }
        }
        let list = |name: &str| -> Vec<&'a str> {
            let fence = format!("\n```{name}\n");
            let after = prose.split_once(&fence).unwrap_or_else(|| panic!("no list of {name}")).1;
            after.split_once("\n```").unwrap().0.lines().collect()
        };
        Self { options, findings: list("findings"), facts: list("facts") }
    }

    /// What the report says otherwise than the story.
    fn differences(&self, report: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        let (told, found) = (findings_told(&self.findings), findings_of(report));
        for (finding, assets) in &told {
            if found.get(finding) != Some(assets) {
                wrong.push(format!(
                    "{finding:?} on {assets} assets is told, found on {:?}",
                    found.get(finding)
                ));
            }
        }
        let untold = found.iter().filter(|(finding, _)| !told.contains_key(*finding));
        wrong.extend(untold.map(|(finding, assets)| format!("{finding:?} on {assets} assets is not told")));
        for line in &self.facts {
            let (what, value) = line.rsplit_once(": ").unwrap_or_else(|| panic!("a fact: `{line}`"));
            let seen = seen(report, what);
            if seen != value {
                wrong.push(format!("`{line}`, but it is {seen}"));
            }
        }
        wrong
    }
}

type Findings = BTreeMap<(String, String), usize>;

fn findings_told(lines: &[&str]) -> Findings {
    let row = |line: &&str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [rule, severity, assets] => ((rule.to_owned(), severity.to_owned()), assets.parse().unwrap()),
        _ => panic!("a finding is `rule severity assets`, not `{line}`"),
    };
    lines.iter().map(row).collect()
}

fn findings_of(report: &Value) -> Findings {
    let mut assets: BTreeMap<(String, String), BTreeSet<&str>> = BTreeMap::new();
    for finding in report["findings"].as_array().unwrap() {
        let text = |name: &str| finding[name].as_str().unwrap();
        assets
            .entry((text("rule").to_owned(), text("severity").to_owned()))
            .or_default()
            .insert(text("asset"));
    }
    assets.into_iter().map(|(finding, assets)| (finding, assets.len())).collect()
}

/// The value at a path with dots.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, name| &value[name])
}

/// A value as a story writes it: text without quotation marks.
fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What the report has at `path key=value…`: a value, or how many rows of a list agree.
fn seen(report: &Value, what: &str) -> String {
    let mut words = what.split_whitespace();
    let value = at(report, words.next().unwrap());
    let conditions: Vec<(&str, &str)> = words.map(|word| word.split_once('=').unwrap()).collect();
    let Some(rows) = value.as_array() else { return written(value) };
    let fits = |row: &&Value| conditions.iter().all(|(key, wanted)| written(at(row, key)) == *wanted);
    rows.iter().filter(fits).count().to_string()
}

fn stories() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/scenarios");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    paths.sort();
    paths
}

fn lazaret(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_lazaret")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", output.stderr.escape_ascii());
    output.stdout
}

/// The report of the story's ward.
fn report(options: &[String]) -> Value {
    let folder = std::env::temp_dir().join(format!("lazaret-story-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let capture = folder.join("ward.pcap").display().to_string();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    lazaret(&[&["simulate", "ward", "--quiet", "--output", &capture], &options[..]].concat());
    let report = serde_json::from_slice(&lazaret(&["scan", "--format", "json", &capture])).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    report
}

#[test]
fn every_story_is_what_a_scan_of_its_ward_says() {
    let stories = stories();
    assert!(!stories.is_empty(), "no stories were found");
    let mut wrong = Vec::new();
    for path in stories {
        let text = fs::read_to_string(&path).unwrap();
        let story = Story::read(&text);
        let differences = story.differences(&report(&story.options));
        wrong.extend(differences.iter().map(|line| format!("{}: {line}", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_story_that_is_not_so_is_told_apart() {
    let text = "---\nscenarios: a, b\nseed: 1\n---\n# T\n\n```findings\nx high 2\ny low 1\n```\n\n\
                ```facts\nassets model=M: 1\ncoverage.flows: 7\n```\n";
    let story = Story::read(text);
    assert_eq!(story.options, ["--scenario", "a", "--scenario", "b", "--seed", "1"]);
    let row = |rule: &str, severity: &str, asset: &str| serde_json::json!({ "rule": rule, "severity": severity, "asset": asset });
    let mut report = serde_json::json!({
        "findings": [row("x", "high", "1"), row("x", "high", "1"), row("x", "high", "2"), row("y", "low", "1")],
        "assets": [{ "model": "M" }, { "model": null }],
        "coverage": { "flows": 7 },
    });
    assert_eq!(story.differences(&report), Vec::<String>::new());
    report["findings"] = serde_json::json!([row("x", "high", "1"), row("z", "low", "1")]);
    report["assets"] = serde_json::json!([]);
    report["coverage"]["flows"] = 8.into();
    assert_eq!(story.differences(&report).len(), 5);
}
