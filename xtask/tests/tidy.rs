//! The house rules that no lint knows: who may use whom, who may name a protocol, how long a file may be,
//! which licences and words may be there.

#![expect(clippy::disallowed_methods, reason = "asks cargo for the dependency graph")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest file, in lines without its tests.
const FILE_LINES_MAX: usize = 800;
/// Longest function. `clippy::too_many_lines` keeps it; here for the manual.
const LINE_COLUMNS_MAX: usize = 130;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn metadata(more: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root()).args(["metadata", "--format-version", "1", "--locked"]).args(more);
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn sources(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The lines of a file before its unit tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

#[test]
fn crates_use_only_what_the_architecture_says() {
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut allowed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in architecture.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, name, uses, ..] = cells[..] else { continue };
        let names = |cell: &str| -> BTreeSet<String> {
            cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        for name in names(name) {
            allowed.insert(name, names(uses));
        }
    }
    let metadata = metadata(&["--no-deps"]);
    let packages = metadata["packages"].as_array().unwrap();
    let ours: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let allowed = allowed.get(name).unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for `{name}`"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            if dependency["kind"].is_null() && ours.contains(used) {
                assert!(
                    allowed.contains(used),
                    "`{name}` uses `{used}`, which ARCHITECTURE.md does not allow"
                );
            }
        }
    }
}

#[test]
fn nothing_after_the_parsers_names_a_protocol() {
    let registry = root().join("crates/wire/src/proto");
    let mut names = BTreeSet::new();
    for path in sources(&registry) {
        let text = fs::read_to_string(&path).unwrap();
        for row in text.split("static PROTOCOL").skip(1) {
            if let Some(name) = row.split("name: \"").nth(1).and_then(|rest| rest.split('"').next()) {
                names.insert(name.to_owned());
            }
        }
    }
    assert!(names.len() >= 15, "the registry was not found: {names:?}");
    // A transport (in the words of firewalls too), and a step of using storage, have these names.
    for word in ["icmp", "icmp6", "mount"] {
        names.remove(word);
    }
    let mut found = Vec::new();
    for judging in ["model", "inventory", "detect", "policy", "export"] {
        for path in sources(&root().join("crates").join(judging).join("src")) {
            let text = fs::read_to_string(&path).unwrap();
            for (number, line) in (1..).zip(without_tests(&text).lines()) {
                let code = line.split("//").next().unwrap_or_default();
                let quoted: Vec<&str> = code.split('"').skip(1).step_by(2).collect();
                let named = quoted.iter().find(|text| names.contains(**text));
                // The kinds of content share words with protocols: a file may be an HL7 message.
                let content = path.ends_with("model/src/content.rs");
                if named.is_some() && !content {
                    found.push(format!("{}:{number}: {}", path.display(), line.trim()));
                }
            }
        }
    }
    assert!(found.is_empty(), "protocols are named:\n{}", found.join("\n"));
}

#[test]
fn files_and_lines_stay_short() {
    for path in sources(&root().join("crates")).into_iter().chain(sources(&root().join("xtask"))) {
        let text = fs::read_to_string(&path).unwrap();
        let is_test = path.components().any(|part| part.as_os_str() == "tests");
        let is_test = is_test || path.file_stem().is_some_and(|stem| stem == "tests");
        let lines = without_tests(&text).lines().count();
        assert!(is_test || lines <= FILE_LINES_MAX, "{} has {lines} lines", path.display());
        let checked = if is_test { "" } else { without_tests(&text) };
        for (number, line) in (1..).zip(checked.lines()) {
            let columns = line.chars().count();
            let table = line.trim_start().starts_with("//") || line.contains('"');
            assert!(
                table || columns <= LINE_COLUMNS_MAX,
                "{}:{number} has {columns} columns",
                path.display()
            );
        }
    }
}

#[test]
fn no_leftover_words_and_no_banned_names() {
    let leftovers = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:"), concat!("HA", "CK")];
    let banned = ["manager", "handler", "helper", "util", "utils", "common", "misc"];
    for path in sources(&root().join("crates")).into_iter().chain(sources(&root().join("xtask"))) {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(!banned.contains(&stem.as_str()), "{}: a name that says nothing", path.display());
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in (1..).zip(text.lines()) {
            let left = leftovers.iter().find(|word| line.contains(**word));
            assert!(left.is_none(), "{}:{number}: {line}", path.display());
            assert!(
                !line.trim_start().starts_with("#[ignore"),
                "{}:{number}: no test is ignored",
                path.display()
            );
        }
    }
}

#[test]
fn two_files_are_unsafe_and_the_one_with_a_socket_only_receives() {
    let unsafe_word = concat!("uns", "afe ");
    let ring = root().join("crates/ingest/src/ring.rs");
    let memory = root().join("crates/ingest/src/memory.rs");
    for path in sources(&root().join("crates")).into_iter().chain(sources(&root().join("xtask"))) {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in (1..).zip(text.lines()) {
            let code = line.split("//").next().unwrap_or_default();
            let is_unsafe =
                ["{", "fn", "impl"].iter().any(|next| code.contains(&format!("{unsafe_word}{next}")));
            assert!(!is_unsafe || path == ring || path == memory, "{}:{number}: {line}", path.display());
        }
    }
    for path in [&ring, &memory] {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains(unsafe_word));
        let blocks = text.matches(&format!("{unsafe_word}{{")).count()
            + text.matches(&format!("{unsafe_word}impl")).count();
        let reasons = text.matches("// SAFETY:").count();
        assert!(reasons >= blocks, "{}: a block does not say why it is sound", path.display());
    }
    let text = fs::read_to_string(ring).unwrap();
    let code: String = text.lines().filter_map(|line| line.split("//").next()).collect();
    // What sends on a packet socket: packet(7), packet_mmap.rst.
    for call in ["send", "write(", "writev", "TX_RING", "splice", "io_uring", "as_fd", "into_raw"] {
        assert!(!code.contains(call), "{call}");
    }
}

#[test]
fn every_protocol_is_tested_for_splits_cuts_and_noise() {
    for path in sources(&root().join("crates/wire/src/proto")) {
        let text = fs::read_to_string(&path).unwrap();
        if text.contains("static PROTOCOL") && path.file_stem().is_some_and(|stem| stem != "mod") {
            // A family of rows shares the tests of its folder.
            let folder = path.parent().unwrap();
            let alone = folder.file_name().is_some_and(|name| name == "proto");
            let mut tests = sources(&path.with_extension(""));
            tests.push(path.clone());
            if !alone {
                tests.extend(sources(folder));
            }
            let family = tests.iter().any(|file| fs::read_to_string(file).unwrap().contains("sturdy("));
            assert!(family, "{} has no `sturdy` test", path.display());
        }
    }
}

/// What is really built: the lock file also names what only a feature that nobody turns on would bring.
fn built() -> BTreeSet<String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root()).args([
        "tree",
        "--workspace",
        "--locked",
        "--target",
        "x86_64-unknown-linux-gnu",
    ]);
    let out = command.args(["--edges", "all", "--prefix", "none", "--format", "{p}"]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    let built: BTreeSet<String> =
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    assert!(built.contains("lazaret") && built.contains("sha2"), "{built:?}");
    built
}

#[test]
fn licences_and_crates_are_allowed() {
    let deny: toml::Table = fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap();
    let texts = |value: &toml::Value| -> BTreeSet<String> {
        value.as_array().unwrap().iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let licences = texts(&deny["licenses"]["allow"]);
    let banned: BTreeSet<String> = deny["bans"]["deny"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["crate"].as_str().unwrap().to_owned())
        .collect();
    let metadata = metadata(&["--filter-platform", "x86_64-unknown-linux-gnu"]);
    let built = built();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if !built.contains(name) {
            continue;
        }
        assert!(!banned.contains(name), "`{name}` is banned by deny.toml");
        let source = package["source"].as_str().unwrap_or("registry+here");
        assert!(source.starts_with("registry+"), "`{name}` comes from {source}");
        let licence = package["license"].as_str().unwrap_or_default().replace('/', " OR ");
        let fits = licence.split(" OR ").any(|choice| {
            let all = choice.trim_matches(['(', ')', ' ']).split(" AND ");
            all.map(|one| one.trim_matches(['(', ')', ' '])).all(|one| licences.contains(one))
        });
        assert!(fits, "`{name}` is under `{licence}`, which deny.toml does not allow");
    }
}
