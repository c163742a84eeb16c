//! `lazaret enforce` in a network namespace of the test's own: the way there, the way back, and death in between.

use crate::chance::{Chance, policy};
use crate::{missing, run, said, skip};
use policy::Scope;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const TRIES_MAX: u32 = 600;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);
/// What somebody else has in force: the order of tables must stay, and their content.
const OTHERS: &str = "table ip first {\n\tchain in {\n\t\ttype filter hook input priority 0; policy accept;\n\t\tcounter packets 3 bytes 9\n\t}\n}\n\
                      table inet lazaret { }\ntable ip6 last {\n\tset s {\n\t\ttype ipv6_addr\n\t\telements = { 2001:db8::1 }\n\t}\n}\n";

struct Host {
    name: String,
    folder: PathBuf,
}

impl Host {
    fn new() -> Option<Self> {
        if let Some(why) = missing(&["ip", "nft", "bash"]) {
            return skip(&why);
        }
        static HOSTS: AtomicU32 = AtomicU32::new(0);
        let name = format!("lazaret-e{}-{}", std::process::id(), HOSTS.fetch_add(1, Ordering::Relaxed));
        let made = Command::new("ip").args(["netns", "add", &name]).output().unwrap();
        if !made.status.success() {
            return skip(&format!("no network namespaces: {}", said(&made).trim()));
        }
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder).unwrap();
        let host = Self { name, folder };
        run(&["ip", "-n", &host.name, "link", "set", "lo", "up"]);
        Some(host)
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn inside(&self, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).args(words).stdin(Stdio::null());
        command
    }

    fn ruleset(&self) -> String {
        let output = self.inside(&["nft", "list", "ruleset"]).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn load(&self, script: &str) {
        let file = self.path("load.nft");
        std::fs::write(&file, script).unwrap();
        let output = self.inside(&["nft", "-f", &file]).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }

    fn command(&self, words: &[&str]) -> Command {
        let state = self.path("state");
        let mut command = self.inside(&[env!("CARGO_BIN_EXE_lazaret"), "enforce", "--state", &state]);
        command.args(words);
        command
    }

    fn enforce(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    fn succeeds(&self, words: &[&str]) -> String {
        let output = self.enforce(words);
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Writes a policy file.
    fn policy(&self, seed: u64) -> String {
        let scope = if seed.is_multiple_of(2) { Scope::Units } else { Scope::Segment };
        let file = self.path("policy.toml");
        std::fs::write(&file, policy::write(&policy(&mut Chance(seed), scope)).unwrap()).unwrap();
        file
    }

    /// Applies without captures, which somebody answers for.
    fn apply<'a>(&self, policy: &'a str, store: &'a str, seconds: &'a str) -> Vec<&'a str> {
        vec![
            "apply",
            "--policy",
            policy,
            "--store",
            store,
            "--seconds",
            seconds,
            "--override-by",
            "R. Haldis",
            "--override-reason",
            "a test in its own namespace",
        ]
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(Command::new("ip").args(["netns", "delete", &self.name]).status());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn audit(store: &str) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .args(["audit", "--store", store, "--format", "json", "show", "--limit", "100000"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    document["entries"].as_array().unwrap().clone()
}

#[test]
fn random_policies_applied_and_undone_leave_the_ruleset_byte_identical() {
    let Some(host) = Host::new() else { return };
    let store = host.path("store");
    host.load(OTHERS);
    // An empty table of ours is somebody's; ours begins with nothing, and with a policy in force.
    let refused = host.enforce(&host.apply(&host.policy(1), &store, "600"));
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("was not made by"), "{}", said(&refused));
    host.load("delete table inet lazaret\n");
    let mut seed = 100;
    for base in 0..4 {
        if base > 0 {
            let file = host.policy(base);
            host.succeeds(&host.apply(&file, &store, "600"));
            host.succeeds(&["confirm", "--store", &store]);
        }
        let before = host.ruleset();
        for round in 0..50 {
            seed += 1;
            let file = host.policy(seed);
            host.succeeds(&host.apply(&file, &store, "600"));
            assert_ne!(host.ruleset(), before);
            if round % 3 == 0 {
                host.succeeds(&["confirm", "--store", &store]);
            }
            host.succeeds(&["undo", "--store", &store]);
            assert_eq!(host.ruleset(), before, "base {base}, seed {seed}");
        }
    }
    let nothing = host.enforce(&["undo", "--store", &store]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(said(&nothing).contains("nothing to undo"));
}

#[test]
fn killed_anywhere_it_is_in_the_old_state_or_the_new_one_and_says_which() {
    let Some(host) = Host::new() else { return };
    let store = host.path("store");
    let file = host.policy(2);
    let old = host.ruleset();
    host.succeeds(&host.apply(&file, &store, "600"));
    let new = without_time(&host.ruleset());
    host.succeeds(&["undo", "--store", &store]);
    let mut seen = [0_u32; 2];
    let mut chance = Chance(77);
    for _ in 0..60 {
        let mut child = host
            .command(&host.apply(&file, &store, "600"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // A moment between its beginning and its end; the test holds whenever it falls.
        std::thread::sleep(Duration::from_micros(chance.below(400_000) as u64));
        drop(child.kill());
        drop(child.wait());
        // nft, if it was running, ends its transaction or does not begin it.
        host.settle();
        let now = host.ruleset();
        let status = host.succeeds(&["status"]);
        if now == old {
            assert!(status.contains("nothing of ours is in force"), "{status}");
            seen[0] += 1;
        } else {
            assert_eq!(without_time(&now), new, "neither old nor new");
            assert!(status.contains("is on trial for"), "{status}");
            seen[1] += 1;
            host.succeeds(&["undo", "--store", &store]);
            assert_eq!(host.ruleset(), old);
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "old and new were both met: {seen:?}");
    // The log of it all is whole, however often its writer was killed.
    let verified = Command::new(env!("CARGO_BIN_EXE_lazaret"))
        .args(["audit", "--store", &store, "verify"])
        .output()
        .unwrap();
    assert!(verified.status.success(), "{}", said(&verified));
}

/// A listing without what changes as a trial goes on.
fn without_time(listing: &str) -> String {
    listing.lines().filter(|line| !line.contains("elements = ")).collect::<Vec<_>>().join("\n")
}

impl Host {
    /// Waits until nothing runs in the namespace any more.
    fn settle(&self) {
        for _ in 0..TRIES_MAX {
            let output = run(&["ip", "netns", "pids", &self.name]);
            if output.stdout.is_empty() {
                return;
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
        panic!("something goes on in {}", self.name);
    }

    /// Whether a datagram to an address of this host is let out.
    fn sends(&self, to: &str) -> bool {
        self.inside(&["bash", "-c", &format!("echo x > /dev/udp/{to}/9")]).output().unwrap().status.success()
    }
}

const BED: &str = "schema = \"lazaret.policy/1\"\nname = \"bed\"\n[[device]]\nname = \"bed 7\"\naddresses = [\"127.0.0.7\"]\n";

#[test]
fn an_unconfirmed_policy_ends_in_the_kernel_and_a_confirmed_one_stays() {
    let Some(host) = Host::new() else { return };
    let (store, file) = (host.path("store"), host.path("bed.toml"));
    std::fs::write(&file, BED).unwrap();
    assert!(host.sends("127.0.0.7"));
    let planned = host.succeeds(&["plan", "--policy", &file]);
    assert!(planned.contains("+ ip saddr 127.0.0.7 drop") && planned.contains("not known"), "{planned}");
    assert!(host.sends("127.0.0.7"), "a plan changes nothing");

    host.succeeds(&host.apply(&file, &store, "5"));
    assert!(!host.sends("127.0.0.7") && host.sends("127.0.0.8"));
    let again = host.enforce(&host.apply(&file, &store, "5"));
    assert!(again.status.code() == Some(2) && said(&again).contains("is on trial"), "{}", said(&again));
    let mut ended = false;
    for _ in 0..TRIES_MAX {
        ended = host.succeeds(&["status"]).contains("ended unconfirmed");
        if ended {
            break;
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    assert!(ended && host.sends("127.0.0.7"));
    let late = host.enforce(&["confirm", "--store", &store]);
    assert!(late.status.code() == Some(2) && said(&late).contains("its time was over"), "{}", said(&late));

    host.succeeds(&host.apply(&file, &store, "600"));
    host.succeeds(&["confirm", "--store", &store]);
    assert!(!host.sends("127.0.0.7"));
    assert!(host.succeeds(&["status"]).contains("is in force"));
    // Planned again, nothing is different.
    let planned = host.succeeds(&["plan", "--policy", &file]);
    assert!(!planned.contains("\n+ ") && !planned.contains("\n- "), "{planned}");
    // Another policy on trial over it: when that ends, the confirmed one holds.
    std::fs::write(&file, BED.replace("127.0.0.7", "127.0.0.8")).unwrap();
    host.succeeds(&host.apply(&file, &store, "600"));
    assert!(host.sends("127.0.0.7") && !host.sends("127.0.0.8"));
    host.succeeds(&["undo", "--store", &store]);
    assert!(!host.sends("127.0.0.7") && host.sends("127.0.0.8"));
    let actions: Vec<String> =
        audit(&store).iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect();
    for action in ["enforce-apply", "enforce-confirm", "enforce-undo"] {
        assert!(actions.iter().any(|one| one == action), "{actions:?}");
    }
}

#[test]
fn a_changed_table_is_drift() {
    let Some(host) = Host::new() else { return };
    let (store, file) = (host.path("store"), host.path("bed.toml"));
    std::fs::write(&file, BED).unwrap();
    host.succeeds(&host.apply(&file, &store, "600"));
    host.succeeds(&["confirm", "--store", &store]);
    assert!(host.succeeds(&["status"]).contains("The table is what was loaded."));
    host.load("insert rule inet lazaret judge accept\n");
    let drift = host.enforce(&["status"]);
    assert_eq!(drift.status.code(), Some(1));
    assert!(said(&drift).contains("DRIFT") && said(&drift).contains("+ accept"), "{}", said(&drift));
}

/// Runs the binary outside the namespace and gives what it printed.
fn printed(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_lazaret")).args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The one device of the containment report.
fn contained(store: &str) -> Value {
    let report = printed(&["report", "--store", store, "containment", "--format", "json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(
        (&report["schema"], &report["audit"]["whole"]),
        (&"lazaret.containment/1".into(), &true.into())
    );
    let devices = report["devices"].as_array().unwrap();
    assert_eq!((devices.len(), &devices[0]["addresses"][0]), (1, &"127.0.0.7".into()), "{report}");
    devices[0].clone()
}

#[test]
fn drift_becomes_a_finding_and_the_containment_report_tells_it_from_a_proof() {
    let Some(host) = Host::new() else { return };
    let (store, file) = (host.path("store"), host.path("bed.toml"));
    std::fs::write(&file, BED).unwrap();
    host.succeeds(&host.apply(&file, &store, "600"));
    host.succeeds(&["confirm", "--store", &store]);
    assert_eq!(contained(&store)["proof"], Value::Null, "nobody has looked yet");
    host.succeeds(&["status", "--store", &store]);
    let device = contained(&store);
    assert_eq!(device["standing"], "contained");
    assert!(device["proof"]["what"].as_str().unwrap().contains("unchanged"), "{device}");
    assert!(device["proof"]["at"].as_str().unwrap() > device["since"].as_str().unwrap(), "{device}");

    host.load("insert rule inet lazaret judge accept\n");
    for _ in 0..2 {
        assert_eq!(host.enforce(&["status", "--store", &store]).status.code(), Some(1));
    }
    let device = contained(&store);
    assert_eq!((&device["standing"], &device["since"]), (&"broken".into(), &Value::Null), "{device}");
    let against = &device["against"][0];
    assert_eq!((&against["rule"], &against["count"]), (&"policy-violation".into(), &2.into()), "{device}");
    let shown = printed(&["findings", "--store", &store, "show", against["finding"].as_str().unwrap()]);
    assert!(shown.contains("+ accept") && shown.contains("playbook"), "{shown}");
    let page = printed(&["report", "--store", &store, "containment"]);
    assert!(page.contains("NOT CONTAINED") && !page.contains("<script"), "{page}");

    // Mended and resolved: it is contained again, from then on.
    let id = against["finding"].as_str().unwrap();
    printed(&["findings", "--store", &store, "resolve", id, "--by", "R. Haldis", "--note", "put back"]);
    host.succeeds(&host.apply(&file, &store, "600"));
    host.succeeds(&["confirm", "--store", &store]);
    host.succeeds(&["status", "--store", &store]);
    let device = contained(&store);
    assert_eq!(device["standing"], "contained", "{device}");
    assert!(device["since"].as_str().unwrap() > against["last"].as_str().unwrap(), "{device}");
    host.succeeds(&["undo", "--store", &store]);
    assert_eq!(contained(&store)["standing"], "ended");
}

#[test]
fn while_a_patient_is_attached_a_clinical_conversation_is_cut_only_by_somebody_s_name() {
    let Some(host) = Host::new() else { return };
    let (store, file, capture) = (host.path("store"), host.path("policy.toml"), host.path("ward.pcap"));
    let lazaret = env!("CARGO_BIN_EXE_lazaret");
    run(&[
        lazaret,
        "simulate",
        "ward",
        "--output",
        &capture,
        "--monitors",
        "2",
        "--minutes",
        "1",
        "--scenario",
        "benign",
        "--quiet",
    ]);
    run(&[lazaret, "policy", "learn", "--quiet", "--output", &file, &capture]);
    let right = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, right.replace("ports = \"515\"", "ports = \"516\"")).unwrap();
    let before = host.ruleset();
    let apply = ["apply", "--quiet", "--policy", &file, "--store", &store, &capture];
    let refused = host.enforce(&apply);
    assert_eq!(refused.status.code(), Some(2));
    let words = said(&refused);
    assert!(
        words.contains("refused: it would cut clinical conversations") && words.contains("is attached"),
        "{words}"
    );
    assert_eq!(host.ruleset(), before);

    let by = ["--override-by", "Dr. M. Okafor", "--override-reason", "patients were moved to other monitors"];
    host.succeeds(&[&apply[..], &by].concat());
    let entry = audit(&store).into_iter().find(|entry| entry["action"] == "enforce-apply").unwrap();
    let text = entry.to_string();
    assert!(text.contains("Dr. M. Okafor") && text.contains("patients were moved"), "{text}");
    host.succeeds(&["undo", "--store", &store]);
    assert_eq!(host.ruleset(), before);

    // The right policy needs nobody's name.
    std::fs::write(&file, right).unwrap();
    host.succeeds(&apply);
}
