//! What a policy would have done to recorded traffic, as one self-contained page in the manner of [`crate::html`].
//!
//! # Limits
//! [`ROWS_MAX`] rows of a part; the page says how many it leaves out.

use crate::html::{STYLE, render};
use serde::Serialize;
use std::io;

/// Most rows of a part. Our limit; the JSON has all.
pub const ROWS_MAX: usize = 2000;

/// The page. Its texts are printable already.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Page {
    /// Name of the policy.
    pub policy: String,
    /// What it was held against.
    pub captures: Vec<String>,
    /// One sentence that decides.
    pub verdict: String,
    /// Colour of the verdict: `critical`, `high`, `calm` …
    pub class: &'static str,
    /// What was counted.
    pub counts: Vec<Count>,
    /// What was looked at, in sentences.
    pub summary: String,
    /// Its parts.
    pub sections: Vec<Section>,
}

/// A number.
#[derive(Clone, Debug, Serialize)]
pub struct Count {
    /// Its colour.
    pub class: &'static str,
    /// How many.
    pub count: u64,
    /// Of what.
    pub what: &'static str,
}

/// A part: a table, or a word that there is nothing.
#[derive(Clone, Debug, Serialize)]
pub struct Section {
    /// Its title.
    pub title: &'static str,
    /// What it means, and what to do about it.
    pub about: &'static str,
    /// Its colour.
    pub class: &'static str,
    /// Heads of the columns.
    pub heads: &'static [&'static str],
    /// Rows.
    pub rows: Vec<Vec<String>>,
    /// Rows that are left out.
    pub left_out: usize,
    /// What stands there where there are no rows.
    pub empty: &'static str,
}

impl Page {
    /// Writes it, each part with [`ROWS_MAX`] rows at most.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_html(mut self, to: impl io::Write) -> io::Result<()> {
        #[derive(Serialize)]
        struct View {
            style: &'static str,
            page: Page,
        }
        for section in &mut self.sections {
            section.left_out = section.rows.len().saturating_sub(ROWS_MAX);
            section.rows.truncate(ROWS_MAX);
        }
        render(include_str!("html/check.html"), View { style: STYLE, page: self }, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(rows: usize) -> String {
        let rows = (0..rows).map(|row| vec![format!("<script>{row}</script>"), "b".to_owned()]).collect();
        let section = Section {
            title: "Cut",
            about: "What would be cut.",
            class: "high",
            heads: &["device", "conversation"],
            rows,
            left_out: 0,
            empty: "nothing would be cut",
        };
        let page = Page {
            policy: "ICU <3>".to_owned(),
            captures: vec!["ward.pcap".to_owned()],
            verdict: "It would cut".to_owned(),
            class: "high",
            counts: vec![Count { class: "high", count: 2, what: "cut" }],
            summary: String::new(),
            sections: vec![section],
        };
        let mut text = Vec::new();
        page.write_html(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_page_holds_every_text_as_text_and_asks_nobody_for_anything() {
        let text = page(2);
        assert!(!text.contains("<script") && text.contains("&lt;script&gt;1&lt;&#x2f;script&gt;"), "{text}");
        assert!(text.contains("policy ICU &lt;3&gt;") && text.contains("default-src 'none'"));
        assert!(!text.contains("://") && !text.contains("src="), "{text}");
        assert!(text.contains("prefers-color-scheme: dark") && text.contains("@media print"));
        assert!(page(0).contains("nothing would be cut"));
        let long = page(ROWS_MAX + 7);
        assert!(long.contains("and 7 more") && long.matches("<tr>").count() == ROWS_MAX + 1);
    }
}
