//! Reports for people out of a store: as pages and PDFs, for each reader, read by poppler and qpdf, without a patient in them.

use super::documents::{leaking, patients};
use super::{Folder, done, lazaret, said, status};
use std::process::Command;

const READERS: [&str; 4] = ["ward", "biomed", "security", "regulator"];

/// Whether the readers of PDF are there; if not, says so.
fn has_readers() -> bool {
    for (program, ask) in [("pdfinfo", "-v"), ("pdftotext", "-v"), ("pdffonts", "-v"), ("qpdf", "--version")]
    {
        if !Command::new(program).arg(ask).output().is_ok_and(|output| output.status.success()) {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "{program} is missing, and CI may not skip this"
            );
            println!("skipped: {program} is missing (poppler-utils, qpdf)");
            return false;
        }
    }
    true
}

/// What a program says of a file; it must not complain.
fn of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && complaint.is_empty(), "{program} {arguments:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// The text of a PDF as a person copies it, without its line breaks.
fn text_of(path: &str) -> String {
    of("pdftotext", &["-raw", path, "-"]).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn write(store: &str, kind: &str, reader: &str, more: &[&str]) {
    done(&[&["report", "--store", store, kind, "--for", reader], more].concat());
}

#[test]
fn every_report_is_a_tagged_pdf_that_readers_open_and_a_page_with_the_same_words() {
    let folder = Folder::new("papers");
    let (store, _) = leaking(&folder);
    let patients = patients(&std::fs::read_to_string(folder.text("ward-11.pcap.truth.json")).unwrap());
    for kind in ["posture", "containment"] {
        for reader in READERS {
            let (pdf, page) = (folder.text(&format!("{kind}-{reader}.pdf")), folder.text("page.html"));
            write(&store, kind, reader, &["--format", "pdf", "--output", &pdf]);
            write(&store, kind, reader, &["--format", "html", "--output", &page]);
            let page = std::fs::read_to_string(&page).unwrap();
            let wanted: &[&str] = match (kind, reader) {
                ("posture", "ward") => {
                    &["Act now.", "What to do, in this order", "At the bedside:", "Contec CMS8000"]
                }
                ("posture", "biomed") => &["Known flaws", "CVE-2025-0683", "Contec CMS8000", "Unplug first:"],
                ("posture", "security") => &["202.114.4.119", "T1041", "Last hash", "No sensor writes"],
                ("posture", _) => {
                    &["What this report rests on", "confirmed", "What authorities say", "Last hash"]
                }
                (_, "ward") => &["under no policy", "CMS8000"],
                (_, _) => &["under no policy", "CMS8000", "What contained means"],
            };
            for words in wanted {
                assert!(page.contains(words), "{kind} {reader}: no `{words}` in the page");
            }
            assert!(!page.contains("<script") && !page.contains("http-equiv=\"refresh"), "{page}");
            for name in &patients {
                assert!(!page.contains(name), "{kind} {reader}: {name} stands in the page");
            }
            if !has_readers() {
                continue;
            }
            let info = of("pdfinfo", &[&pdf]);
            let line = |name: &str| {
                let line = info.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_else(|| panic!("{name} {info}")).trim().to_owned()
            };
            assert_eq!((line("Tagged:").as_str(), line("PDF version:").as_str()), ("yes", "1.7"));
            assert!(line("Title:").ends_with("for the ward") == (reader == "ward"), "{info}");
            assert!(line("Page size:").contains("(A4)") && line("JavaScript:") == "no", "{info}");
            let checked = of("qpdf", &["--check", &pdf]);
            assert!(checked.contains("No syntax or stream encoding errors found"), "{checked}");
            // Every font is in the file, subset, with its way back to text.
            let fonts = of("pdffonts", &[&pdf]);
            for font in fonts.lines().skip(2) {
                assert_eq!(font.matches(" yes").count(), 3, "{fonts}");
                assert!(font.contains("+NotoSans"), "{fonts}");
            }
            let structure = of("pdfinfo", &["-struct", &pdf]);
            for tag in ["H1", "H2", "Table", "TH", "TD", "P "] {
                assert!(structure.contains(tag), "{kind} {reader}: no {tag} in {structure}");
            }
            let text = text_of(&pdf);
            for words in wanted {
                assert!(text.contains(words), "{kind} {reader}: no `{words}` in {text}");
            }
            for name in &patients {
                assert!(!text.contains(name), "{kind} {reader}: {name} stands in the PDF");
            }
        }
    }
}

#[test]
fn names_that_would_like_to_be_more_stay_text() {
    let folder = Folder::new("papers-hostile");
    let (store, _) = leaking(&folder);
    let (site, pdf, page) = (folder.text("site.toml"), folder.text("ward.pdf"), folder.text("ward.html"));
    let zone = "<script>alert(1)</script>) Tj 中 {{ 7 * 7 }}";
    std::fs::write(&site, format!("[[zone]]\nname = '{zone}'\ncidr = \"0.0.0.0/0\"\n")).unwrap();
    for reader in READERS {
        let more = |format, to| ["--site", &site, "--paper", "letter", "--format", format, "--output", to];
        write(&store, "posture", reader, &more("html", &page));
        write(&store, "posture", reader, &more("pdf", &pdf));
        let page = std::fs::read_to_string(&page).unwrap();
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)"), "{page}");
        if has_readers() {
            let checked = of("qpdf", &["--check", &pdf]);
            assert!(checked.contains("No syntax or stream encoding errors found"), "{checked}");
            assert!(of("pdfinfo", &[&pdf]).contains("(letter)"));
            // Columns break words, so spaces are left out on both sides.
            let text: String = text_of(&pdf).split(' ').collect();
            assert!(text.contains("<script>alert(1)</script>)Tj\\u{4e2d}{{7*7}}"), "{text}");
        }
    }
}

#[test]
fn a_folder_keeps_the_newest_reports_of_a_kind_and_nothing_else_is_touched() {
    let folder = Folder::new("papers-kept");
    let (store, _) = leaking(&folder);
    let reports = folder.0.join("reports");
    std::fs::create_dir(&reports).unwrap();
    let others = [
        "posture-ward-2020-01-03.html",
        "posture-biomed-2020-01-01.pdf",
        "posture-ward-notes.pdf",
        "posture-ward-2020-01-01.pdf.bak",
    ];
    let old = ["posture-ward-2020-01-01.pdf", "posture-ward-2020-01-02.pdf", "posture-ward-2020-01-03.pdf"];
    for name in others.iter().chain(&old) {
        std::fs::write(reports.join(name), "old").unwrap();
    }
    let place = reports.display().to_string();
    write(&store, "posture", "ward", &["--format", "pdf", "--folder", &place, "--keep", "2"]);
    let names =
        std::fs::read_dir(&reports).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    let (new, stayed): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| !others.contains(&name.as_str()) && !old.contains(&name.as_str()));
    assert_eq!(new.len(), 1, "{new:?}");
    assert!(new[0].starts_with("posture-ward-20") && new[0].ends_with(".pdf"), "{new:?}");
    let mut wanted: Vec<&str> = others.iter().copied().chain(["posture-ward-2020-01-03.pdf"]).collect();
    wanted.sort_unstable();
    assert_eq!(stayed, wanted);
    for wrong in [
        &["posture", "--keep", "2"][..],
        &["posture", "--folder", &place, "--keep", "0"],
        &["posture", "--folder", &place, "--output", "x"],
        &["posture", "--from", "2026-01-02", "--to", "2026-01-01"],
        &["posture", "--for", "nobody"],
    ] {
        let refused = lazaret(&[&["report", "--store", &store], wrong].concat());
        assert_eq!(status(&refused), 2, "{wrong:?}: {}", said(&refused));
    }
}
