//! A document for people: what stands in it, written once, as a page ([`Paper::write_html`]) and as a PDF ([`Paper::write_pdf`]).
//!
//! A document is a row of [`Block`]s. Both forms show the same text in the same order: what only colour would say is also
//! said in words, every table has a header, and the PDF carries the structure in its tags. Text from the wire is text in both.

mod face;
mod html;
mod pdf;
mod sheet;

pub use pdf::Size;

use model::CaptureTime;
use serde::Serialize;

/// Longest text of one block or cell, in characters. Our limit: what is beyond is cut, with `…`.
pub const TEXT_LETTERS_MAX: usize = 2_000;

/// Whom a document is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Who is at the bedside: what to do, in plain words.
    Ward,
    /// Who owns the devices: which, in which version, with which flaws.
    Biomed,
    /// Who owns the network: every matter with its peers, times and what was decided.
    Security,
    /// Who supervises: what is known, how, how sure, and what is not known.
    Regulator,
}

impl Audience {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ward, Self::Biomed, Self::Security, Self::Regulator];

    /// As a command line and the API write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ward => "ward",
            Self::Biomed => "biomed",
            Self::Security => "security",
            Self::Regulator => "regulator",
        }
    }

    /// For people, after `for`.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Ward => "the ward",
            Self::Biomed => "biomedical engineering",
            Self::Security => "the security officer",
            Self::Regulator => "the regulator",
        }
    }
}

/// The document.
#[derive(Clone, Debug)]
pub struct Paper {
    /// What it is.
    pub title: String,
    /// Whom it is for.
    pub audience: Audience,
    /// Which site, where it has a name.
    pub site: Option<String>,
    /// When it was made.
    pub made: CaptureTime,
    /// Version of Lazaret.
    pub version: String,
    /// What stands in it.
    pub blocks: Vec<Block>,
}

/// How a thing stands; always said in words beside its colour.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// Nothing is said.
    #[default]
    Calm,
    /// Well.
    Good,
    /// As a finding of low severity.
    Low,
    /// Of medium severity.
    Medium,
    /// Of high severity.
    High,
    /// Of critical severity.
    Critical,
}

impl From<model::Severity> for Tone {
    fn from(severity: model::Severity) -> Self {
        match severity {
            model::Severity::Low => Self::Low,
            model::Severity::Medium => Self::Medium,
            model::Severity::High => Self::High,
            model::Severity::Critical => Self::Critical,
        }
    }
}

/// Words, with some in bold before them.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Phrase {
    /// In bold, before the text; may be empty.
    pub lead: String,
    /// The text.
    pub text: String,
}

impl Phrase {
    /// Words alone.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self { lead: String::new(), text: text.into() }
    }

    /// Words after some in bold.
    #[must_use]
    pub fn led(lead: impl Into<String>, text: impl Into<String>) -> Self {
        Self { lead: lead.into(), text: text.into() }
    }
}

/// A cell of a table.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Cell {
    /// What stands in it.
    pub text: String,
    /// Smaller, below it; may be empty.
    pub below: String,
    /// How it stands.
    pub tone: Tone,
}

impl Cell {
    /// Words.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A word that has a colour.
    #[must_use]
    pub fn toned(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: text.into(), tone, ..Self::default() }
    }

    /// The same, with something smaller below it.
    #[must_use]
    pub fn with(mut self, below: impl Into<String>) -> Self {
        self.below = below.into();
        self
    }
}

/// A column of a table.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// Its part of the width, beside the others'.
    pub share: u16,
}

/// A number with what it counts.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Count {
    /// How that stands, where the number is not 0.
    pub tone: Tone,
    /// How many.
    pub count: u64,
    /// Of what.
    pub what: String,
}

/// A part of a document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Block {
    /// How it stands, in one sentence; then what that is about.
    Verdict {
        /// How.
        tone: Tone,
        /// The sentence.
        sentence: String,
        /// What more there is to say.
        text: Vec<String>,
    },
    /// Numbers at a glance.
    Counts(Vec<Count>),
    /// A heading.
    Heading(String),
    /// A heading below a heading, with a word in front of it.
    Matter {
        /// How it stands.
        tone: Tone,
        /// The word that says so.
        word: String,
        /// The heading.
        title: String,
    },
    /// Words.
    Text(Phrase),
    /// Words that are not important.
    Small(String),
    /// What must be seen.
    Notice(Phrase),
    /// Things in a row, numbered or not.
    List {
        /// Whether the order counts.
        ordered: bool,
        /// The things.
        items: Vec<Phrase>,
    },
    /// Names and values.
    Facts(Vec<(String, String)>),
    /// A table.
    Table {
        /// Its columns.
        columns: Vec<Column>,
        /// Its rows, each as long as the columns.
        rows: Vec<Vec<Cell>>,
    },
    /// Lines to sign, each with who.
    Sign(Vec<String>),
}

impl Paper {
    /// `Posture of medical devices, for the ward`.
    #[must_use]
    pub fn full_title(&self) -> String {
        format!("{}, for {}", self.title, self.audience.words())
    }

    /// Under its title: which site, made when, by what.
    fn byline(&self) -> String {
        let site = self.site.as_deref().map_or_else(String::new, |site| format!("{site} · "));
        format!("{site}made {} UTC by Lazaret {}", crate::time::to_second(self.made), self.version)
    }
}

#[cfg(test)]
mod tests;
