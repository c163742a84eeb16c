//! Both forms of a document of every block, with hostile text in all of them.

use super::{Audience, Block, Cell, Column, Count, Paper, Phrase, Size, Tone};
use model::CaptureTime;

const HOSTILE: &str = "<script>alert(1)</script>\u{1b}[31m\u{202e}中文🫀 {{ 7 * 7 }} ) Tj (";

fn every_block(text: &str, rows: usize) -> Paper {
    let owned = || text.to_owned();
    let cell = || Cell::toned(Tone::High, text).with(text);
    Paper {
        title: owned(),
        audience: Audience::Ward,
        site: Some(owned()),
        made: CaptureTime::from_nanos(1_772_409_600_000_000_000),
        version: "0.1.0".to_owned(),
        blocks: vec![
            Block::Verdict { tone: Tone::Critical, sentence: owned(), text: vec![owned(), owned()] },
            Block::Counts(vec![
                Count { tone: Tone::High, count: 12_345, what: owned() },
                Count { tone: Tone::Low, count: 0, what: owned() },
            ]),
            Block::Heading(owned()),
            Block::Matter { tone: Tone::Medium, word: "MEDIUM".to_owned(), title: owned() },
            Block::Text(Phrase::led(text, text)),
            Block::Small(owned()),
            Block::Notice(Phrase::led(text, text)),
            Block::List { ordered: true, items: vec![Phrase::led(text, text), Phrase::plain(text)] },
            Block::List { ordered: false, items: vec![Phrase::plain(text)] },
            Block::Facts(vec![(owned(), owned())]),
            Block::Table {
                columns: vec![Column { title: "One", share: 1 }, Column { title: "Two", share: 3 }],
                rows: vec![vec![cell(), cell()]; rows],
            },
            Block::Sign(vec![owned(), owned(), owned()]),
        ],
    }
}

fn pdf(paper: &Paper, size: Size) -> Vec<u8> {
    let mut bytes = Vec::new();
    paper.write_pdf(size, &mut bytes).unwrap();
    bytes
}

fn html(paper: &Paper) -> String {
    let mut bytes = Vec::new();
    paper.write_html(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn hostile_text_stays_text_in_both() {
    let paper = every_block(HOSTILE, 3);
    let page = html(&paper);
    assert!(!page.contains("<script") && !page.contains('\u{1b}') && !page.contains('\u{202e}'), "{page}");
    assert!(page.contains("&lt;script&gt;") && page.contains("{{ 7 * 7 }}"), "{page}");
    let bytes = pdf(&paper, Size::A4);
    assert!(bytes.starts_with(b"%PDF-1.7"));
    // Titles stand in clear in the file, as strings that end where they should: readers of PDF check that
    // (`lazaret/tests/store/papers.rs`). What poppler complains about is not there.
    assert!(!bytes.windows(9).any(|part| part == b"/Suspects"));
    assert!(bytes.windows(12).any(|part| part == b"/Marked true"));
}

#[test]
fn the_same_document_gives_the_same_bytes_and_the_sheet_is_as_asked() {
    let paper = every_block("Contec CMS8000", 2);
    assert_eq!(pdf(&paper, Size::A4), pdf(&paper, Size::A4));
    assert_ne!(pdf(&paper, Size::A4), pdf(&paper, Size::Letter));
    assert_eq!(html(&paper), html(&paper));
}

#[test]
fn every_length_is_laid_out() {
    // Rows over many sheets, rows longer than a sheet, words longer than a line, nothing at all.
    for (text, rows) in [
        ("Contec CMS8000 at 192.168.10.20".to_owned(), 400),
        ("word ".repeat(1_500), 3),
        ("m".repeat(3_000), 2),
        (String::new(), 2),
        (" ".to_owned(), 1),
    ] {
        let bytes = pdf(&every_block(&text, rows), Size::A4);
        assert!(bytes.ends_with(b"%%EOF"), "{rows}");
    }
}
