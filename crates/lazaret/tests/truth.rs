//! Every scenario of the simulated ward against its truth: what must be found is, nothing else is, and the vital
//! signs are those that the monitors sent.
#![expect(clippy::disallowed_methods, reason = "runs the binary under test")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Where an impaired capture may hide cycles, numbers and so findings of one of many.
const IMPAIRED: &[&str] = &["loss", "one-way"];

struct Ward {
    report: Value,
    truth: Value,
    folder: PathBuf,
}

impl Drop for Ward {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn run(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_lazaret")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", output.stderr.escape_ascii());
    output.stdout
}

fn ward(scenario: &str) -> Ward {
    let folder = std::env::temp_dir().join(format!("lazaret-truth-{scenario}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let capture = folder.join("ward.pcap").display().to_string();
    let size = ["--monitors", "4", "--minutes", "1", "--quiet"];
    run(&[&["simulate", "ward", "--output", &capture, "--scenario", scenario][..], &size].concat());
    let report = serde_json::from_slice(&run(&["scan", "--format", "json", &capture])).unwrap();
    let truth = serde_json::from_slice(&fs::read(format!("{capture}.truth.json")).unwrap()).unwrap();
    Ward { report, truth, folder }
}

impl Ward {
    fn list<'a>(&self, of: &'a Value, name: &str) -> &'a [Value] {
        of[name].as_array().map_or(&[], Vec::as_slice)
    }

    fn asset_of(&self, mac: &str) -> Option<&Value> {
        let assets = self.list(&self.report, "assets");
        assets.iter().find(|asset| self.list(asset, "macs").iter().any(|own| own == mac))
    }

    /// Whether a finding agrees with a row of the truth in every field the row has.
    fn meets(&self, row: &Value, finding: &Value) -> bool {
        let told = |name: &str| Some(&row[name]).filter(|value| !value.is_null());
        let asset = told("asset").is_none_or(|mac| {
            self.asset_of(mac.as_str().unwrap()).is_some_and(|asset| asset["id"] == finding["asset"])
        });
        let peer = &finding["peer"];
        asset
            && row["rule"] == finding["rule"]
            && told("peer_ip").is_none_or(|ip| *ip == peer["ip"])
            && told("peer_port").is_none_or(|port| *port == peer["port"])
            && told("where").is_none_or(|place| *place == peer["where"])
            && told("severity").is_none_or(|severity| *severity == finding["severity"])
            && told("certainty").is_none_or(|certainty| *certainty == finding["certainty"])
    }

    fn findings_are_those_of_the_truth(&self) {
        let findings = self.list(&self.report, "findings");
        for row in self.list(&self.truth, "expected") {
            assert!(findings.iter().any(|finding| self.meets(row, finding)), "not found: {row}");
        }
        for row in self.list(&self.truth, "forbidden") {
            let wrong = findings.iter().find(|finding| self.meets(row, finding));
            assert!(wrong.is_none(), "a wrong accusation: {}", wrong.unwrap());
        }
        for finding in findings {
            let known = ["expected", "allowed"];
            let mut known = known.iter().flat_map(|list| self.list(&self.truth, list));
            assert!(known.any(|row| self.meets(row, finding)), "one too many: {finding}");
        }
    }

    fn vital_signs_are_those_of_the_truth(&self) {
        for bed in self.list(&self.truth, "beds") {
            let asset = self.asset_of(bed["mac"].as_str().unwrap());
            let vitals = self.list(&self.report, "vitals");
            let mut own = vitals.iter().filter(|row| {
                asset.is_some_and(|asset| row["asset"] == asset["id"]) && row["bed"] == bed["bed"]
            });
            let sent = bed["cycles"].as_u64().unwrap();
            let Some(row) = own.next() else {
                assert_eq!(sent, 0, "no vital signs of bed {}", bed["bed"]);
                continue;
            };
            assert_eq!(row["cycles"], bed["cycles"], "bed {}", bed["bed"]);
            for (name, numeric) in bed["numerics"].as_object().unwrap() {
                let seen = &row["numerics"][name];
                for part in ["samples", "min", "max", "last"] {
                    let apart = (seen[part].as_f64().unwrap() - numeric[part].as_f64().unwrap()).abs();
                    assert!(apart < 0.01, "bed {}, {name}, {part}: {seen} is not {numeric}", bed["bed"]);
                }
                assert_eq!(seen["unit"], numeric["unit"], "{name}");
            }
            let rate = row["waveforms"]["ecg-1"]["rate_hz"].as_f64().unwrap();
            assert!((250.0..262.0).contains(&rate), "ECG at {rate} Hz");
        }
    }

    fn programs_are_those_of_the_truth(&self) {
        let findings = self.list(&self.report, "findings");
        for file in self.list(&self.truth, "files") {
            let found = findings.iter().any(|finding| {
                let details = &finding["details"];
                finding["rule"] == "remote-code-fetch"
                    && ["path", "sha256", "bytes"].iter().all(|name| details[name] == file[name])
                    && details["whole"] == true
            });
            assert_eq!(found, file["executable"] == true, "{file}");
        }
    }

    fn flows_are_read(&self) {
        let coverage = &self.report["coverage"];
        let count = |name: &str| coverage[name].as_u64().unwrap();
        assert_eq!(count("frames"), self.truth["capture"]["frames"].as_u64().unwrap());
        assert!(count("flows_unparsed") * 20 < count("flows"), "{coverage}");
        let counted = count("frames_decoded") + count("frames_undecoded") + count("frames_fault");
        assert_eq!(counted, count("frames"), "every frame is counted once");
    }
}

fn holds(scenario: &str) {
    let ward = ward(scenario);
    ward.findings_are_those_of_the_truth();
    ward.programs_are_those_of_the_truth();
    ward.flows_are_read();
    if !IMPAIRED.contains(&scenario) {
        ward.vital_signs_are_those_of_the_truth();
    }
}

macro_rules! scenarios {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[test]
            fn $test() {
                holds($name);
            }
        )*

        /// A scenario that is added must be tested here.
        #[test]
        fn every_scenario_is_tested() {
            let listed = String::from_utf8(run(&["simulate", "ward", "--list"])).unwrap();
            let names = listed.lines().filter_map(|line| line.split_whitespace().next());
            let known: &[&str] = &[$($name),*];
            for name in names.filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-')) {
                assert!(known.contains(&name), "`{name}` is not tested against its truth");
            }
        }
    };
}

scenarios! {
    a_benign_ward_holds: "benign",
    a_leak_is_found: "leak",
    an_unanswered_leak_is_an_attempt: "leak-unanswered",
    a_local_central_station_is_no_leak: "local-central",
    units_that_only_ask_for_an_address_are_seen: "arp-only",
    a_relabelled_unit_is_recognised: "relabel",
    an_update_over_udp_is_found: "update-udp",
    an_update_over_tcp_is_found: "update-tcp",
    printing_is_no_leak: "printing",
    another_makers_monitor_is_not_mistaken: "other-maker",
    a_second_central_station_is_found: "rogue-central",
    one_direction_alone_tells_what_it_can: "one-way",
    lost_frames_invent_nothing: "loss",
    frames_out_of_order_change_nothing: "reorder",
    doubled_frames_count_once: "duplicate",
    frozen_waveforms_are_found: "tamper-freeze",
    replayed_waveforms_are_found: "tamper-replay",
    a_raised_number_is_found: "tamper-number",
    an_alarm_switched_off_is_found: "alarm-off",
    widened_limits_are_found: "limits-widened",
    a_program_that_calls_home_is_found: "beacon",
    a_program_that_looks_around_is_found: "lateral-scan",
}
