//! A prefilled report for an authority: fields in the order of its form, each either known or visibly blank.
//!
//! Nothing is sent. What the capture cannot tell stays blank for a person, with a word on who may know it.

use crate::html::render;
use crate::printable::printable;
use serde::Serialize;
use std::io::{self, Write};

/// What stands where a person has to write.
pub const BLANK: &str = "____________________";

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Form {
    /// What it is.
    pub title: String,
    /// What a person must know before using it, each a sentence or two.
    pub notices: Vec<String>,
    /// Its parts.
    pub sections: Vec<Section>,
}

/// A part of the form.
#[derive(Clone, Debug, Serialize)]
pub struct Section {
    /// As the form writes it.
    pub title: String,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// A field.
#[derive(Clone, Debug, Serialize)]
pub struct Field {
    /// Number on the form; empty where it has none.
    pub number: String,
    /// Name on the form.
    pub name: String,
    /// What is known of it; nothing where a person fills it in.
    pub value: Option<String>,
    /// Who may know it, or what to beware of; may be empty.
    pub hint: String,
}

impl Section {
    /// An empty part.
    #[must_use]
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), fields: Vec::new() }
    }

    /// A field that is known, where the value is not empty; else one left blank.
    #[must_use]
    pub fn known(mut self, number: &str, name: &str, value: &str, hint: &str) -> Self {
        let value = Some(printable(value.trim()).into_owned()).filter(|value| !value.is_empty());
        self.fields.push(Field {
            number: number.to_owned(),
            name: name.to_owned(),
            value,
            hint: hint.to_owned(),
        });
        self
    }

    /// A field for a person.
    #[must_use]
    pub fn blank(self, number: &str, name: &str, hint: &str) -> Self {
        self.known(number, name, "", hint)
    }
}

impl Form {
    /// Fields that are left for a person.
    #[must_use]
    pub fn blanks(&self) -> usize {
        self.sections.iter().flat_map(|section| &section.fields).filter(|field| field.value.is_none()).count()
    }

    /// One self-contained page, to read, complete and print.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_html(&self, to: impl Write) -> io::Result<()> {
        #[derive(Serialize)]
        struct View<'a> {
            form: &'a Form,
            blanks: usize,
        }
        render(include_str!("html/form.html"), View { form: self, blanks: self.blanks() }, to)
    }

    /// Plain text.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_text(&self, mut to: impl Write) -> io::Result<()> {
        writeln!(to, "{}\n{}\n", self.title, "=".repeat(self.title.chars().count()))?;
        for notice in &self.notices {
            writeln!(to, "! {notice}")?;
        }
        writeln!(to, "! {} fields are blank and for a person to fill in.", self.blanks())?;
        for section in &self.sections {
            writeln!(to, "\n{}\n{}", section.title, "-".repeat(section.title.chars().count()))?;
            for field in &section.fields {
                let number =
                    if field.number.is_empty() { String::new() } else { format!("{} ", field.number) };
                writeln!(to, "{number}{}", field.name)?;
                writeln!(to, "    {}", field.value.as_deref().unwrap_or(BLANK))?;
                if !field.hint.is_empty() {
                    writeln!(to, "    ({})", field.hint)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_visibly_blank_and_nothing_runs() {
        let section = Section::new("D. Suspect medical device")
            .known("1", "Brand name", "<script>alert(1)</script>\x1b[31m", "")
            .known("2", "Model", "  ", "the label")
            .blank("3", "Lot", "");
        let form = Form {
            title: "A form".to_owned(),
            notices: vec!["Nothing was sent.".to_owned()],
            sections: vec![section],
        };
        assert_eq!(form.blanks(), 2);
        let (mut html, mut text) = (Vec::new(), Vec::new());
        form.write_html(&mut html).unwrap();
        form.write_text(&mut text).unwrap();
        let [html, text] = [html, text].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"), "{html}");
        assert!(!text.contains('\x1b') && !html.contains('\x1b'));
        assert_eq!(html.matches("class=\"blank\"").count(), 2, "{html}");
        assert_eq!(text.matches(BLANK).count(), 2, "{text}");
        assert!(html.contains("Nothing was sent.") && text.contains("Nothing was sent."));
    }
}
