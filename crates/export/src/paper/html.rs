//! The document as one self-contained page: to read, and to print.

use super::{Block, Cell, Column, Count, Paper, Phrase, TEXT_LETTERS_MAX, Tone};
use crate::html::render;
use crate::printable::{printable, shortened};
use serde::Serialize;
use std::io;

/// A block as the template reads it: its kind, and what of the fields it has.
#[derive(Default, Serialize)]
struct View {
    kind: &'static str,
    tone: Tone,
    lead: String,
    text: String,
    texts: Vec<String>,
    items: Vec<Phrase>,
    facts: Vec<(String, String)>,
    counts: Vec<Count>,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// Text as it may stand on a page; markup is escaped by the template.
fn clean(text: &str) -> String {
    shortened(&printable(text), TEXT_LETTERS_MAX).into_owned()
}

fn phrase(phrase: &Phrase) -> Phrase {
    Phrase { lead: clean(&phrase.lead), text: clean(&phrase.text) }
}

fn cell(cell: &Cell) -> Cell {
    Cell { text: clean(&cell.text), below: clean(&cell.below), tone: cell.tone }
}

fn view(block: &Block) -> View {
    let with = |kind, phrase: &Phrase| View {
        kind,
        lead: clean(&phrase.lead),
        text: clean(&phrase.text),
        ..View::default()
    };
    match block {
        Block::Verdict { tone, sentence, text } => View {
            kind: "verdict",
            tone: *tone,
            text: clean(sentence),
            texts: text.iter().map(|text| clean(text)).collect(),
            ..View::default()
        },
        Block::Counts(counts) => View {
            kind: "counts",
            counts: counts.iter().map(|one| Count { what: clean(&one.what), ..one.clone() }).collect(),
            ..View::default()
        },
        Block::Heading(text) => with("heading", &Phrase::plain(text)),
        Block::Matter { tone, word, title } => {
            View { tone: *tone, ..with("matter", &Phrase::led(word, title)) }
        }
        Block::Text(phrase) => with("text", phrase),
        Block::Small(text) => with("small", &Phrase::plain(text)),
        Block::Notice(phrase) => with("notice", phrase),
        Block::List { ordered, items } => View {
            kind: if *ordered { "ordered" } else { "list" },
            items: items.iter().map(phrase).collect(),
            ..View::default()
        },
        Block::Facts(facts) => View {
            kind: "facts",
            facts: facts.iter().map(|(name, value)| (clean(name), clean(value))).collect(),
            ..View::default()
        },
        Block::Table { columns, rows } => View {
            kind: "table",
            columns: columns.clone(),
            rows: rows.iter().map(|row| row.iter().map(cell).collect()).collect(),
            ..View::default()
        },
        Block::Sign(who) => {
            View { kind: "sign", texts: who.iter().map(|who| clean(who)).collect(), ..View::default() }
        }
    }
}

impl Paper {
    /// One self-contained page, to read and print; it runs nothing and asks nobody.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_html(&self, to: impl io::Write) -> io::Result<()> {
        #[derive(Serialize)]
        struct Page {
            title: String,
            heading: String,
            audience: &'static str,
            byline: String,
            blocks: Vec<View>,
        }
        let page = Page {
            title: clean(&self.full_title()),
            heading: clean(&self.title),
            audience: self.audience.words(),
            byline: clean(&self.byline()),
            blocks: self.blocks.iter().map(view).collect(),
        };
        render(include_str!("../html/paper.html"), page, to)
    }
}
