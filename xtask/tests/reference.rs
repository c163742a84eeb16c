//! Pages of the book that are made from data, so that they cannot go stale: the findings, and the protocols.
//! `UPDATE_EXPECTED=1 cargo test -p xtask --test reference` writes them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn compare(page: &str, text: &str) {
    let path = root().join("docs/book/src").join(page);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "docs/book/src/{page} is stale; run UPDATE_EXPECTED=1 cargo test -p xtask --test reference"
    );
}

fn texts(value: Option<&toml::Value>) -> Vec<&str> {
    value.and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_str).collect()
}

#[test]
fn the_page_of_findings_is_made_from_the_rules() {
    let mut page = String::from(
        "# Findings\n\nMade from `data/findings/`; the words in braces are filled in with what was seen. Severity and certainty \
         depend on the case, see each rule's file.\n",
    );
    let mut files: Vec<PathBuf> =
        fs::read_dir(root().join("data/findings")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let rule: toml::Table = fs::read_to_string(&file).unwrap().parse().unwrap();
        let text = |key: &str| rule.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        write!(page, "\n## `{}`\n\n**{}** · {}\n\n", text("id"), text("title"), text("severity")).unwrap();
        write!(page, "{}\n\n**What to do.** {}\n", text("why"), text("fix")).unwrap();
        let innocent = texts(rule.get("false_positives"));
        if !innocent.is_empty() {
            write!(page, "\n**It may be innocent:** {}\n", innocent.join(" ")).unwrap();
        }
        let references = texts(rule.get("references"));
        if !references.is_empty() {
            write!(page, "\n**Source:** {}.\n", references.join("; ")).unwrap();
        }
    }
    compare("findings.md", &page);
}

#[test]
fn the_page_of_protocols_is_made_from_the_registry() {
    let mut rows = Vec::new();
    let mut folders = vec![root().join("crates/wire/src/proto")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            for row in source.split("static PROTOCOL").skip(1) {
                let value = |key: &str| {
                    let rest = row.split(&format!("{key}: \"")).nth(1)?;
                    rest.split('"').next().map(str::to_owned)
                };
                if let (Some(name), Some(title), Some(source)) =
                    (value("name"), value("title"), value("source"))
                {
                    rows.push(format!("| `{name}` | {title} | {source} |\n"));
                }
            }
        }
    }
    rows.sort();
    assert!(rows.len() >= 15, "the registry was not found");
    let head = "# Protocols\n\nMade from the registry in `crates/wire`. A protocol is found by its content, on any port.\n\n\
                | name | what | source |\n|---|---|---|\n";
    compare("protocols.md", &format!("{head}{}", rows.concat()));
}
