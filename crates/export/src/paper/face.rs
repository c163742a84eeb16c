//! The two faces of the PDF: which characters they have, and how wide each is.
//!
//! Noto Sans (SIL Open Font License, `fonts/OFL.txt`), cut to Latin, Greek and Cyrillic. A character that it lacks is written
//! as its escape (`\u{4e2d}`), as hidden characters are everywhere: nothing is left out, and nothing turns the text around.

use super::TEXT_LETTERS_MAX;
use crate::printable::{printable, shortened};
use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider as _};
use std::collections::BTreeMap;
use std::sync::LazyLock;

static REGULAR: &[u8] = include_bytes!("../../fonts/NotoSans-Regular.ttf");
static BOLD: &[u8] = include_bytes!("../../fonts/NotoSans-Bold.ttf");
static FACES: LazyLock<Option<Faces>> =
    LazyLock::new(|| Some(Faces { regular: Face::of(REGULAR)?, bold: Face::of(BOLD)? }));

/// How strong a face is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// Both faces.
pub(super) struct Faces {
    regular: Face,
    bold: Face,
}

/// One face.
pub(super) struct Face {
    font: Font,
    /// Number and width, in parts of the size, of the glyph of each character.
    glyphs: BTreeMap<char, (u32, f32)>,
}

impl Face {
    fn of(bytes: &'static [u8]) -> Option<Self> {
        let font = FontRef::new(bytes).ok()?;
        let em = f32::from(font.metrics(Size::unscaled(), LocationRef::default()).units_per_em);
        let metrics = font.glyph_metrics(Size::unscaled(), LocationRef::default());
        let glyph = |(code, id): (u32, skrifa::GlyphId)| {
            Some((char::from_u32(code)?, (id.to_u32(), metrics.advance_width(id)? / em)))
        };
        let glyphs = font.charmap().mappings().filter_map(glyph).collect();
        Some(Self { font: Font::new(bytes.into(), 0)?, glyphs })
    }
}

impl Faces {
    /// Those of the binary; none only where the build was broken, which every test would see.
    pub(super) fn ours() -> Option<&'static Self> {
        FACES.as_ref()
    }

    const fn face(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    /// The text in characters that both faces have.
    pub(super) fn sayable(&self, text: &str) -> String {
        let text = printable(text);
        let mut out = String::with_capacity(text.len());
        for character in shortened(&text, TEXT_LETTERS_MAX).chars() {
            let known = |weight| self.face(weight).glyphs.contains_key(&character);
            match character {
                _ if known(Weight::Regular) && known(Weight::Bold) => out.push(character),
                '→' => out.push_str("->"),
                '←' => out.push_str("<-"),
                '≤' => out.push_str("<="),
                '≥' => out.push_str(">="),
                _ => out.extend(character.escape_unicode()),
            }
        }
        out
    }

    /// Width of text of that size.
    pub(super) fn width(&self, weight: Weight, size: f32, text: &str) -> f32 {
        let glyphs = &self.face(weight).glyphs;
        size * text.chars().filter_map(|one| glyphs.get(&one)).map(|(_, wide)| wide).sum::<f32>()
    }

    /// What the writer of PDF draws: the font, and the glyphs of a text that [`Faces::sayable`] gave.
    pub(super) fn glyphs(&self, weight: Weight, text: &str) -> (Font, Vec<KrillaGlyph>) {
        let face = self.face(weight);
        let glyph = |(at, character): (usize, char)| {
            let (id, wide) = face.glyphs.get(&character)?;
            let range = at..at + character.len_utf8();
            Some(KrillaGlyph {
                glyph_id: GlyphId::new(*id),
                text_range: range,
                x_advance: *wide,
                x_offset: 0.0,
                y_offset: 0.0,
                y_advance: 0.0,
                location: None,
            })
        };
        (face.font.clone(), text.char_indices().filter_map(glyph).collect())
    }
}

/// A part of a line, in one face.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) weight: Weight,
    pub(super) text: String,
}

/// A line of text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    pub(super) runs: Vec<Run>,
    width: f32,
}

impl Line {
    fn push(&mut self, faces: &Faces, weight: Weight, size: f32, text: &str) {
        self.width += faces.width(weight, size, text);
        match self.runs.last_mut().filter(|run| run.weight == weight) {
            Some(run) => run.text.push_str(text),
            None => self.runs.push(Run { weight, text: text.to_owned() }),
        }
    }
}

/// Breaks text into lines of at most that width: at spaces, and inside of words that are longer than a line.
/// A line that goes on ends with its space, so that words stay apart for whoever reads the text out of the file.
pub(super) fn lines(faces: &Faces, pieces: &[(Weight, &str)], size: f32, width: f32) -> Vec<Line> {
    let mut done = Vec::new();
    let mut line = Line::default();
    for (weight, text) in pieces {
        for word in text.split_inclusive(' ') {
            let wide = faces.width(*weight, size, word.trim_end());
            if line.width + wide > width && !line.runs.is_empty() {
                done.push(std::mem::take(&mut line));
            }
            if wide <= width {
                line.push(faces, *weight, size, word);
                continue;
            }
            let mut letters = [0; 4];
            for letter in word.chars() {
                let letter = letter.encode_utf8(&mut letters);
                if line.width + faces.width(*weight, size, letter.trim_end()) > width && !line.runs.is_empty()
                {
                    done.push(std::mem::take(&mut line));
                }
                line.push(faces, *weight, size, letter);
            }
        }
    }
    if !line.runs.is_empty() {
        done.push(line);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_written_or_escaped() {
        let faces = Faces::ours().unwrap();
        assert_eq!(faces.sayable("Zoë’s ward, Ärzte, ελ, Жук"), "Zoë’s ward, Ärzte, ελ, Жук");
        assert_eq!(
            faces.sayable("中\u{202e}x\u{1b}🫀 → מ"),
            "\\u{4e2d}\\u{202e}x\\u{1b}\\u{1fac0} -> \\u{5de}"
        );
        // Every scalar value comes out in characters that have a glyph in both faces.
        for code in (0..=0x0010_FFFF).step_by(7) {
            let Some(character) = char::from_u32(code) else { continue };
            let said = faces.sayable(&character.to_string());
            for weight in [Weight::Regular, Weight::Bold] {
                let (_, glyphs) = faces.glyphs(weight, &said);
                assert_eq!(glyphs.len(), said.chars().count(), "{code:x} {said}");
                assert!(glyphs.iter().all(|glyph| glyph.glyph_id.to_u32() != 0), "{code:x} has no glyph");
            }
        }
        let long = "m".repeat(TEXT_LETTERS_MAX * 2);
        assert_eq!(faces.sayable(&long).chars().count(), TEXT_LETTERS_MAX + 1);
    }

    #[test]
    fn lines_are_no_wider_than_they_may_be_and_lose_no_letter() {
        let faces = Faces::ours().unwrap();
        let text = "Contec CMS8000 asks 202.114.4.119 for a mount of /srv/nfs/ward-with-a-very-long-name-that-fits-no-line now";
        for width in [12.0, 40.0, 90.0, 400.0] {
            let pieces = [(Weight::Bold, "Lead "), (Weight::Regular, text)];
            let broken = lines(faces, &pieces, 9.0, width);
            let joined: String =
                broken.iter().flat_map(|line| &line.runs).map(|run| run.text.as_str()).collect();
            assert_eq!(joined, format!("Lead {text}"), "{width}");
            for line in &broken {
                let (last, before) = line.runs.split_last().unwrap();
                let wide: f32 = before.iter().map(|run| faces.width(run.weight, 9.0, &run.text)).sum();
                let wide = wide + faces.width(last.weight, 9.0, last.text.trim_end());
                assert!(wide <= width + 0.01, "{width}: {line:?} is {wide}");
            }
        }
        assert_eq!(lines(faces, &[(Weight::Regular, "")], 9.0, 50.0), []);
    }
}
