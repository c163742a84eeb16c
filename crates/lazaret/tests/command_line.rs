//! The command line as an operator meets it: exit status, messages, where output goes.
#![expect(clippy::disallowed_methods, reason = "runs the binary under test")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder of its own for one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lazaret-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn lazaret(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lazaret")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("killed: {}", said(output)))
}

/// A small ward.
fn ward(folder: &Folder, name: &str, scenario: &str) -> String {
    let path = folder.text(name);
    let made = [
        "simulate",
        "ward",
        "--monitors",
        "2",
        "--minutes",
        "0.2",
        "--scenario",
        scenario,
        "--output",
        &path,
    ];
    let output = lazaret(&made);
    assert_eq!(status(&output), 0, "{}", said(&output));
    path
}

fn report(arguments: &[&str]) -> Value {
    let output = lazaret(arguments);
    assert_eq!(status(&output), 0, "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn without_a_command_the_help_teaches() {
    let output = lazaret(&[]);
    assert_eq!(status(&output), 2);
    assert!(said(&output).contains("lazaret scan ward.pcap"), "{}", said(&output));
    let help = lazaret(&["--help"]);
    assert_eq!(status(&help), 0);
    let scan = printed(&lazaret(&["scan", "--help"]));
    assert!(scan.contains("Checks of whether the vital signs can be believed"), "{scan}");
    assert!(scan.contains("lazaret scan --fail-on high"), "{scan}");
}

#[test]
fn usage_errors_end_with_two_and_name_the_option() {
    for (arguments, word) in [
        (&["scan"][..], "<CAPTURE>"),
        (&["scan", "--format", "pdf", "x"], "pdf"),
        (&["scan", "--workers", "0", "x"], "--workers"),
        (&["scan", "--show-identifiers", "x"], "--reason"),
        (&["scan", "--show-identifiers", "--reason", " ", "x"], "--reason"),
        (&["scan", "--reason", "because", "x"], "--show-identifiers"),
        (&["scan", "--pseudonym-key", "/nowhere/key", "x"], "/nowhere/key"),
        (&["scan", "-", "-"], "standard input"),
        (&["scan", "--advisories", "d", "x"], "--advisories"),
        (&["simulate", "ward"], "--output"),
        (&["simulate", "ward", "--output", "ward.cap"], ".pcapng"),
        (&["simulate", "ward", "--output", "w.pcap", "--scenario", "storm"], "storm"),
        (&["simulate", "ward", "--output", "w.pcap", "--monitors", "0"], "--monitors"),
        (&["simulate", "ward", "--output", "w.pcap", "--minutes", "-1"], "-1"),
    ] {
        let output = lazaret(arguments);
        assert_eq!(status(&output), 2, "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(word), "{arguments:?}: {}", said(&output));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_short_pseudonym_key_is_refused_with_a_way_to_make_one() {
    let folder = Folder::new("short-key");
    std::fs::write(folder.path("key"), "fifteen bytes!!\n").unwrap();
    let output = lazaret(&["scan", "--pseudonym-key", &folder.text("key"), "x"]);
    assert_eq!(status(&output), 2);
    assert!(said(&output).contains("15 bytes"), "{}", said(&output));
    assert!(said(&output).contains("/dev/urandom"));
}

#[test]
fn an_unreadable_input_is_three_and_the_others_are_still_reported() {
    let folder = Folder::new("unreadable");
    let good = ward(&folder, "good.pcap", "benign");
    std::fs::write(folder.path("notes.pcap"), "these are notes, not frames").unwrap();
    let bad = folder.text("notes.pcap");
    let output = lazaret(&["scan", "--format", "json", &good, &bad, "/nowhere.pcap"]);
    assert_eq!(status(&output), 3, "{}", said(&output));
    assert!(said(&output).contains("notes.pcap") && said(&output).contains("/nowhere.pcap"));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["captures"].as_array().unwrap().len(), 1);
    assert!(report["coverage"]["frames"].as_u64().unwrap() > 0);
    assert!(report["coverage"]["blind_spots"].to_string().contains("notes.pcap"));
}

#[test]
fn a_capture_that_is_cut_off_is_a_fault_and_status_zero() {
    let folder = Folder::new("cut");
    let whole = ward(&folder, "ward.pcap", "benign");
    let bytes = std::fs::read(&whole).unwrap();
    std::fs::write(folder.path("cut.pcap"), &bytes[..bytes.len() - 7]).unwrap();
    let report = report(&["scan", "--format", "json", &folder.text("cut.pcap")]);
    assert_eq!(report["captures"][0]["faults"].as_array().unwrap().len(), 1);
}

#[test]
fn frames_and_bytes_are_those_of_the_truth() {
    let folder = Folder::new("truth");
    let path = ward(&folder, "ward.pcapng", "benign");
    let truth: Value = serde_json::from_slice(&std::fs::read(format!("{path}.truth.json")).unwrap()).unwrap();
    let report = report(&["scan", "--format", "json", &path]);
    assert_eq!(report["coverage"]["frames"], truth["capture"]["frames"]);
    assert_eq!(report["captures"][0]["format"], "pcapng");
    assert_eq!(report["captures"][0]["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn no_hash_leaves_the_hash_out() {
    let folder = Folder::new("no-hash");
    let path = ward(&folder, "ward.pcap", "benign");
    let report = report(&["scan", "--no-hash", "--format", "json", &path]);
    assert!(report["captures"][0].get("sha256").is_none());
}

#[test]
fn the_same_ward_gives_the_same_bytes_whatever_the_workers() {
    let folder = Folder::new("workers");
    let path = ward(&folder, "ward.pcap", "leak");
    let of = |workers: &str| lazaret(&["scan", "--format", "json", "--workers", workers, &path]).stdout;
    let one = of("1");
    assert!(!one.is_empty());
    assert_eq!(one, of("2"));
    assert_eq!(one, of("8"));
}

#[test]
fn the_same_frames_give_the_same_report_in_any_format() {
    let folder = Folder::new("formats");
    let pcap = ward(&folder, "ward.pcap", "leak");
    let pcapng = ward(&folder, "ward.pcapng", "leak");
    let packed = folder.text("ward.pcap.zst");
    std::fs::write(&packed, zstd::encode_all(&*std::fs::read(&pcap).unwrap(), 3).unwrap()).unwrap();
    let without_files = |path: &str| {
        let mut report = report(&["scan", "--format", "json", path]);
        report["captures"] = Value::Null;
        report
    };
    let expected = without_files(&pcap);
    assert!(expected["findings"].as_array().unwrap().len() > 3);
    assert_eq!(without_files(&pcapng), expected);
    assert_eq!(without_files(&packed), expected);
}

#[test]
fn output_appears_whole_and_leaves_no_litter() {
    let folder = Folder::new("output");
    let path = ward(&folder, "ward.pcap", "benign");
    let to = folder.text("report.json");
    std::fs::write(&to, "old").unwrap();
    let output = lazaret(&["scan", "--format", "json", "--output", &to, &path]);
    assert_eq!(status(&output), 0, "{}", said(&output));
    assert!(output.stdout.is_empty());
    let written: Value = serde_json::from_slice(&std::fs::read(&to).unwrap()).unwrap();
    assert_eq!(written["schema"], "lazaret.report/1");
    assert_eq!(folder.files(), ["report.json", "ward.pcap", "ward.pcap.truth.json"]);
}

#[test]
fn an_output_that_cannot_be_written_is_two_and_named() {
    let folder = Folder::new("unwritable");
    let path = ward(&folder, "ward.pcap", "benign");
    let nowhere = folder.text("no/such/folder/report.json");
    let output = lazaret(&["scan", "--output", &nowhere, &path]);
    assert_eq!(status(&output), 2);
    assert!(said(&output).contains("no/such/folder/report.json"), "{}", said(&output));
    let folder_itself = folder.0.display().to_string();
    assert_eq!(status(&lazaret(&["scan", "--output", &folder_itself, &path])), 2);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = Folder::new("pipe");
    let path = ward(&folder, "ward.pcap", "benign");
    let mut child = Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .args(["scan", "--format", "json", &path])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(status(&output), 0, "{}", said(&output));
    assert_eq!(said(&output), "");
}

#[test]
fn standard_input_is_a_capture_named_minus() {
    let folder = Folder::new("stdin");
    let path = ward(&folder, "ward.pcap", "benign");
    let output = Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .args(["scan", "--format", "json", "-"])
        .stdin(std::fs::File::open(&path).unwrap())
        .output()
        .unwrap();
    assert_eq!(status(&output), 0, "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["captures"][0]["name"], "-");
}

#[test]
fn nothing_is_said_on_standard_error_where_it_is_no_terminal() {
    let folder = Folder::new("quiet");
    let path = ward(&folder, "ward.pcap", "benign");
    assert_eq!(said(&lazaret(&["scan", &path])), "");
    assert!(said(&lazaret(&["scan", "-v", &path])).contains("frames/s"));
}

#[test]
fn a_report_in_text_has_no_colour_in_a_pipe_and_says_what_checks_cannot_see() {
    let folder = Folder::new("text");
    let path = ward(&folder, "ward.pcap", "benign");
    let text = printed(&lazaret(&["scan", &path]));
    assert!(!text.contains('\u{1b}'));
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(words.join(" ").contains("none found does not mean that they are true"), "{text}");
}

#[test]
fn a_report_in_html_is_one_whole_page() {
    let folder = Folder::new("html");
    let path = ward(&folder, "ward.pcap", "benign");
    let to = folder.text("ward.html");
    assert_eq!(status(&lazaret(&["scan", "--format", "html", "--output", &to, &path])), 0);
    let page = std::fs::read_to_string(&to).unwrap();
    assert!(page.starts_with("<!doctype html>"), "{}", &page[..80]);
    assert!(page.trim_end().ends_with("</html>"));
}

#[test]
fn every_scenario_is_listed_with_what_it_does() {
    let list = printed(&lazaret(&["simulate", "ward", "--list"]));
    assert!(list.lines().count() >= 10, "{list}");
    assert!(list.lines().any(|line| line.starts_with("leak ")), "{list}");
}

#[test]
fn one_seed_is_one_ward() {
    let folder = Folder::new("seed");
    let [one, two] = ["one.pcap", "two.pcap"].map(|name| ward(&folder, name, "leak"));
    assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(two).unwrap());
    assert!(Path::new(&format!("{one}.truth.json")).exists());
}

fn truth_of(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(format!("{path}.truth.json")).unwrap()).unwrap()
}

/// Every invented name, number and doctor of the ward.
fn identifiers(truth: &Value) -> Vec<String> {
    let beds = truth["beds"].as_array().unwrap().iter();
    let typed = beds.flat_map(|bed| ["name", "number", "doctor"].map(|key| bed["patient"][key].clone()));
    let others = truth["other_patients"].as_array().unwrap().iter().cloned();
    let all = typed.chain(others).map(|value| value.as_str().unwrap().to_owned());
    all.filter(|text| text.len() > 3).collect()
}

#[test]
fn no_format_and_no_message_names_a_patient() {
    let folder = Folder::new("privacy");
    let path = ward(&folder, "ward.pcap", "leak");
    std::fs::write(folder.path("key"), "a key of more than sixteen bytes").unwrap();
    let key = folder.text("key");
    let identifiers = identifiers(&truth_of(&path));
    assert!(!identifiers.is_empty());
    for format in ["text", "json", "ndjson", "html"] {
        for more in [&[][..], &["--pseudonym-key", &key]] {
            let output = lazaret(&[&["scan", "-v", "--format", format, &path], more].concat());
            let all = printed(&output) + &said(&output);
            for identifier in &identifiers {
                assert!(!all.contains(identifier.as_str()), "{format} names a patient");
            }
        }
    }
}

#[test]
fn pseudonyms_agree_between_runs_of_one_key_and_differ_under_another() {
    let folder = Folder::new("pseudonyms");
    let path = ward(&folder, "ward.pcap", "leak");
    let of = |key: &str| {
        std::fs::write(folder.path("key"), key).unwrap();
        let report = report(&["scan", "--format", "json", "--pseudonym-key", &folder.text("key"), &path]);
        let patients = report["vitals"].as_array().unwrap().iter().map(|bed| bed["patient"].clone());
        patients.collect::<Vec<_>>()
    };
    let one = of("one key of sixteen bytes");
    assert!(one.iter().any(|patient| patient.as_str().is_some_and(|p| p.starts_with("p:") && p.len() == 18)));
    assert_eq!(one, of("one key of sixteen bytes"));
    assert_ne!(one, of("another key of sixteen"));
}

#[test]
fn identifiers_shown_for_a_reason_stand_beside_it() {
    let folder = Folder::new("shown");
    let path = ward(&folder, "ward.pcap", "leak");
    let reason = "The ward asked which patient it was.";
    let report = report(&["scan", "--format", "json", "--show-identifiers", "--reason", reason, &path]);
    assert_eq!(report["identifiers_shown_because"], reason);
    let shown = report["vitals"].to_string();
    assert!(identifiers(&truth_of(&path)).iter().any(|identifier| shown.contains(identifier.as_str())));
}

#[test]
fn a_leak_fails_a_run_that_asks_for_it() {
    let folder = Folder::new("fail-on");
    let leak = ward(&folder, "leak.pcap", "leak");
    assert_eq!(status(&lazaret(&["scan", "--fail-on", "critical", &leak])), 1);
    assert_eq!(status(&lazaret(&["scan", &leak])), 0);
}

#[test]
fn a_wrong_site_file_is_two_and_names_file_line_and_key() {
    let folder = Folder::new("site");
    let site = folder.text("site.toml");
    for (text, line, word) in [
        ("[networks]\ninternal = [\"10.0.0.0/8\"]\nextra = 1\n", ":3:", "extra"),
        ("[[zone]]\nname = \"ICU\"\ncidr = \"10.20.4.0\"\n", ":3:", "cidr"),
        ("[[device]]\nmac = \"02:1b:5e:00:10:20\"\nstate = \"mended\"\n", ":3:", "state"),
    ] {
        std::fs::write(&site, text).unwrap();
        let output = lazaret(&["scan", "--site", &site, "x"]);
        assert_eq!(status(&output), 2);
        let said = said(&output);
        assert!(said.contains("site.toml") && said.contains(line) && said.contains(word), "{said}");
    }
    assert_eq!(status(&lazaret(&["scan", "--site", "/nowhere.toml", "x"])), 2);
}

#[test]
fn evidence_keeps_the_programs_of_an_update() {
    let folder = Folder::new("evidence");
    let path = folder.text("ward.pcap");
    let made = ["simulate", "ward", "--monitors", "1", "--minutes", "2", "--scenario", "update-tcp"];
    assert_eq!(status(&lazaret(&[&made[..], &["--output", &path]].concat())), 0);
    let kept = folder.text("kept");
    let output = lazaret(&["scan", "--evidence", &kept, &path]);
    assert_eq!(status(&output), 0, "{}", said(&output));
    let list = std::fs::read_to_string(folder.path("kept/files.txt")).unwrap();
    let truth = truth_of(&path);
    let files = truth["files"].as_array().unwrap();
    assert!(!files.is_empty());
    for file in files {
        let name = file["sha256"].as_str().unwrap();
        let bytes = std::fs::metadata(folder.path("kept").join(name)).unwrap().len();
        assert_eq!(Some(bytes), file["bytes"].as_u64(), "{list}");
        assert!(list.contains(name), "{list}");
    }
}

#[test]
fn real_reports_keep_to_the_published_schema() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec/report-1.schema.json");
    let schema = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let folder = Folder::new("schema");
    for scenario in ["leak", "leak-unanswered", "local-central", "update-udp", "printing", "other-maker"] {
        let path = ward(&folder, &format!("{scenario}.pcap"), scenario);
        let report = report(&["scan", "--format", "json", &path]);
        let faults: Vec<_> =
            schema.iter_errors(&report).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert_eq!(faults, [""; 0], "{scenario}");
    }
}

#[test]
fn lines_tell_findings_while_the_scan_goes_on() {
    let folder = Folder::new("lines");
    let path = folder.text("ward.pcap");
    let made =
        ["simulate", "ward", "--monitors", "8", "--minutes", "2", "--scenario", "leak", "--output", &path];
    assert_eq!(status(&lazaret(&made)), 0);
    let lines = |workers: &str| {
        let output = lazaret(&["scan", "--format", "ndjson", "--workers", workers, &path]);
        assert_eq!(status(&output), 0, "{}", said(&output));
        printed(&output)
    };
    let alone = lines("1");
    let parsed: Vec<Value> = alone.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let place = |kind: &str| parsed.iter().position(|line| line["type"] == kind).unwrap();
    let of_state = |state: &str| {
        let lines = parsed.iter().filter(|line| line["type"] == "finding" && line["state"] == state);
        lines.map(|line| line["id"].as_str().unwrap()).collect::<Vec<_>>()
    };
    let (open, last) = (of_state("open"), of_state("final"));
    assert!(place("finding") < place("capture"), "nothing was told before the end");
    assert!(open.iter().filter(|id| last.contains(id)).count() >= last.len() / 2, "{open:?} {last:?}");
    assert_eq!(parsed.last().unwrap()["type"], "coverage");
    assert_eq!(alone, lines("3"));
}

/// The most that `systemd-analyze security` may say, in tenths of its level: 15 is "OK".
const EXPOSURE_MAX: &str = "--threshold=15";

#[test]
fn the_units_are_ones_that_systemd_takes_and_finds_hardened() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "systemd-analyze is missing, and CI may not skip this"
        );
        println!("skipped: systemd-analyze is not installed");
        return;
    }
    let folder = Folder::new("unit");
    let unit = |name: &str, text: &str| {
        let path = folder.path(name);
        std::fs::write(&path, text.replace("/usr/local/bin/lazaret", env!("CARGO_BIN_EXE_lazaret"))).unwrap();
        path
    };
    let watch = unit("lazaret-watch.service", include_str!("../../../dist/lazaret-watch.service"));
    let report = unit("lazaret-report@.service", include_str!("../../../dist/lazaret-report@.service"));
    let timer = unit("lazaret-report@.timer", include_str!("../../../dist/lazaret-report@.timer"));
    let checks: [(&[&str], &[&std::path::PathBuf]); 3] = [
        (&["verify"], &[&watch]),
        (&["verify"], &[&timer, &report]),
        (&["security", "--offline=yes", EXPOSURE_MAX], &[&watch, &report]),
    ];
    for (check, units) in checks {
        let output = Command::new("systemd-analyze").args(check).args(units).output().unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{check:?} {units:?}: {}",
            said(&output)
        );
    }
}
