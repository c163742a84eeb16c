//! Every format against the invented ward of `sample`: golden files, the published JSON Schema, hostile text.
//!
//! `UPDATE_EXPECTED=1 cargo test -p export` writes the golden files anew.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod sample;

use export::text::{Colour, Layout};
use export::{Tool, html, ndjson, report1, text};
use model::Report;
use serde_json::Value;
use std::path::Path;

const TOOL: Tool<'_> = Tool::lazaret("0.0.0-test");

fn json(report: &Report) -> String {
    let mut out = Vec::new();
    report1::write(report, TOOL, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn plain(report: &Report, columns: usize) -> String {
    let mut out = Vec::new();
    text::write(report, Layout { columns, colour: Colour::Off }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn lines(report: &Report) -> String {
    let mut out = Vec::new();
    ndjson::write(report, TOOL, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn page(report: &Report) -> String {
    let mut out = Vec::new();
    html::write(report, TOOL, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn golden(name: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected").join(name);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, got).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == got,
        "{name} differs; look at it, then UPDATE_EXPECTED=1 cargo test -p export\n{got}"
    );
}

fn schema() -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec/report-1.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

fn faults_of(schema: &jsonschema::Validator, document: &Value) -> Vec<String> {
    schema.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

#[test]
fn the_json_report_is_the_expected_one() {
    golden("sample.json", &indented(&json(&sample::report())));
}

/// The same JSON for people to look at: two blanks a level, like `jq`. Nothing but white space is added.
fn indented(json: &str) -> String {
    let (mut out, mut depth, mut in_text, mut escaped) = (String::new(), 0, false, false);
    let mut characters = json.trim_end().chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    while let Some(character) = characters.next() {
        if in_text {
            out.push(character);
            in_text = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            '{' | '[' => {
                out.push(character);
                if characters.peek().is_some_and(|next| !matches!(next, '}' | ']')) {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                if !out.ends_with(['{', '[']) {
                    depth -= 1;
                    line(&mut out, depth);
                }
                out.push(character);
            }
            ',' => {
                out.push(character);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            other => {
                in_text = other == '"';
                out.push(other);
            }
        }
    }
    out.push('\n');
    out
}

#[test]
fn the_text_report_is_the_expected_one() {
    golden("sample.txt", &plain(&sample::report(), 120));
}

#[test]
fn the_ndjson_report_is_the_expected_one() {
    golden("sample.ndjson", &lines(&sample::report()));
}

#[test]
fn the_html_report_is_the_expected_one() {
    golden("sample.html", &page(&sample::report()));
}

#[test]
fn the_page_asks_for_nothing_and_runs_nothing() {
    for report in [sample::report(), sample::hostile(), Report::default()] {
        let page = page(&report);
        let tags = tags(&page);
        assert!(tags.iter().any(|tag| tag.contains("default-src 'none'")));
        for tag in tags {
            let name = tag.split([' ', '>']).next().unwrap();
            let known = [
                "!doctype",
                "html",
                "head",
                "meta",
                "title",
                "style",
                "body",
                "header",
                "nav",
                "main",
                "footer",
                "section",
                "article",
                "figure",
                "figcaption",
                "div",
                "span",
                "p",
                "a",
                "b",
                "i",
                "small",
                "br",
                "code",
                "h1",
                "h2",
                "h3",
                "h4",
                "details",
                "summary",
                "ol",
                "ul",
                "li",
                "dl",
                "dt",
                "dd",
                "table",
                "thead",
                "tbody",
                "tr",
                "th",
                "td",
                "svg",
                "text",
                "line",
                "rect",
                "path",
            ];
            assert!(known.contains(&name.trim_start_matches('/')), "<{tag}>");
            // What stands outside quotes: names of attributes.
            for names in tag.split('"').step_by(2) {
                assert!(
                    !names.contains(" on") && !names.contains("src=") && !names.contains("style="),
                    "<{tag}>"
                );
            }
            if let Some((_, target)) = tag.split_once("href=\"") {
                assert!(target.starts_with('#'), "<{tag}>");
            }
        }
        assert!(!page.contains("url(") && !page.contains("@import"));
    }
}

/// What stands between `<` and `>`; text has neither, because it is escaped.
fn tags(page: &str) -> Vec<&str> {
    page.split('<').skip(1).map(|rest| rest.split_once('>').expect("an open tag").0).collect()
}

#[test]
fn every_link_of_the_page_has_a_target() {
    let page = page(&sample::report());
    for tag in tags(&page) {
        if let Some((_, target)) = tag.split_once("href=\"#") {
            let id = target.split('"').next().unwrap();
            assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
        }
    }
}

#[test]
fn hostile_text_stays_text_in_the_page() {
    let page = page(&sample::hostile());
    assert!(
        !page.contains("<script") && !page.contains("<img") && !page.contains("49917"),
        "markup or template ran"
    );
    assert!(page.contains("&lt;script&gt;"));
    let acting: Vec<char> = page
        .chars()
        .filter(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c))
        .collect();
    assert!(acting.is_empty(), "{acting:?}");
}

#[test]
fn an_empty_report_is_a_page_that_says_so() {
    let page = page(&Report::default());
    assert!(page.contains("no frame was read"));
}

#[test]
fn json_reports_keep_to_the_published_schema() {
    let schema = schema();
    let mut shown = sample::report();
    shown.identifiers_shown_because = Some("Asked by the ward to find bed 7.".to_owned());
    for capture in &mut shown.captures {
        capture.sha256 = None;
    }
    for report in [sample::report(), sample::hostile(), shown, Report::default()] {
        let document = serde_json::from_str(&json(&report)).unwrap();
        assert_eq!(faults_of(&schema, &document), [""; 0]);
    }
}

#[test]
fn the_published_schema_forbids_what_it_does_not_know() {
    let schema = schema();
    let mut document: Value = serde_json::from_str(&json(&sample::report())).unwrap();
    document["findings"][0]["severity"] = "catastrophic".into();
    assert_eq!(faults_of(&schema, &document).len(), 1);
    let mut document: Value = serde_json::from_str(&json(&sample::report())).unwrap();
    document["assets"][0]["conversations"][0]["peer"]["wher"] = "offsite".into();
    assert_eq!(faults_of(&schema, &document).len(), 1);
}

#[test]
fn the_same_report_in_another_order_gives_the_same_bytes() {
    let mut turned = sample::report();
    turned.assets.reverse();
    turned.findings.reverse();
    turned.vitals.reverse();
    for asset in &mut turned.assets {
        asset.conversations.reverse();
        asset.exposures.reverse();
    }
    assert_eq!(json(&turned), json(&sample::report()));
    assert_eq!(lines(&turned), lines(&sample::report()));
    assert_eq!(plain(&turned, 100), plain(&sample::report(), 100));
}

#[test]
fn a_report_without_hashes_has_no_hash_field() {
    let mut report = sample::report();
    report.captures.iter_mut().for_each(|capture| capture.sha256 = None);
    let document: Value = serde_json::from_str(&json(&report)).unwrap();
    assert!(document["captures"][0].get("sha256").is_none());
}

#[test]
fn every_ndjson_line_is_an_object_and_the_last_is_coverage() {
    let lines = lines(&sample::report());
    let types: Vec<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(types.first().map(String::as_str), Some("report"));
    assert_eq!(types.last().map(String::as_str), Some("coverage"));
    assert_eq!(types.iter().filter(|kind| *kind == "finding").count(), 6);
}

#[test]
fn an_open_finding_is_written_at_once_and_again_when_final() {
    let report = sample::report();
    let mut out = Vec::new();
    let mut lines = ndjson::Lines::start(&mut out, TOOL, None).unwrap();
    lines.open(&report.findings[0]).unwrap();
    lines.finish(&report).unwrap();
    let text = String::from_utf8(out).unwrap();
    let id = report.findings[0].id.to_string();
    let states: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["id"] == id.as_str() && line["type"] == "finding")
        .map(|line| line["state"].clone())
        .collect();
    assert_eq!(states, ["open", "final"]);
}

#[test]
fn hostile_text_reaches_no_terminal() {
    for columns in [20, 80, 200] {
        let text = plain(&sample::hostile(), columns);
        let acting: Vec<char> = text
            .chars()
            .filter(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c))
            .collect();
        assert!(acting.is_empty(), "{acting:?}");
    }
}

#[test]
fn colour_adds_only_colour() {
    let mut coloured = Vec::new();
    text::write(&sample::report(), Layout { columns: 100, colour: Colour::On }, &mut coloured).unwrap();
    let coloured = String::from_utf8(coloured).unwrap();
    assert!(coloured.contains("\u{1b}[1;97;41mCRITICAL\u{1b}[0m"));
    let mut bare = String::new();
    for (n, piece) in coloured.split("\u{1b}[").enumerate() {
        bare.push_str(if n == 0 { piece } else { piece.split_once('m').unwrap().1 });
    }
    assert_eq!(bare, plain(&sample::report(), 100));
}

#[test]
fn patients_are_in_no_format_unless_shown_on_purpose() {
    let mut report = sample::report();
    report.vitals[0].patient = Some(model::PatientToken::Withheld);
    for format in [json(&report), lines(&report), plain(&report, 120), page(&report)] {
        assert!(!format.contains("p:00123456789abcde"), "a pseudonym where none was asked for");
    }
    let value: Value = serde_json::from_str(&json(&report)).unwrap();
    assert_eq!(value["vitals"][0]["patient"], Value::Null);
}
