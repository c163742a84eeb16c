//! The document as a PDF: PDF 1.7, tagged for readers of screens (PDF/UA-1), with all it needs in it (PDF/A-2a).
//!
//! `krilla` refuses to write what does not hold to these standards, so a document that has lost a tag is an error and no file.

use super::Paper;
use super::face::Faces;
use super::sheet::{Colour, Draw, Edge, Kind, Laid, Mark, Part, Stroke, lay};
use crate::time::rfc3339;
use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, ListNumbering, Node, SpanTag, TableHeaderScope, Tag,
    TagGroup, TagTree,
};
use krilla::{Document, SerializeSettings};
use std::io;
use std::num::NonZeroU16;

/// Size of the sheets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Size {
    /// 210 by 297 mm.
    #[default]
    A4,
    /// 8.5 by 11 inches.
    Letter,
}

impl Size {
    const fn points(self) -> (f32, f32) {
        match self {
            Self::A4 => (595.276, 841.89),
            Self::Letter => (612.0, 792.0),
        }
    }
}

impl Paper {
    /// A PDF, to print, send and keep.
    ///
    /// # Errors
    /// What the writer says, and where the document does not hold to its standards.
    pub fn write_pdf(&self, size: Size, mut to: impl io::Write) -> io::Result<()> {
        let faces = Faces::ours().ok_or_else(|| io::Error::other("the fonts in the binary are broken"))?;
        let (width, height) = size.points();
        let laid = lay(self, faces, width, height);
        let bytes = compose(self, faces, &laid, (width, height)).map_err(io::Error::other)?;
        to.write_all(&bytes)
    }
}

fn compose(
    paper: &Paper,
    faces: &Faces,
    laid: &Laid,
    (width, height): (f32, f32),
) -> Result<Vec<u8>, String> {
    let standards = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1);
    let configuration = standards.finish().map_err(|fault| format!("{fault:?}"))?;
    let mut document =
        Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    let mut leaves: Vec<Option<Identifier>> = vec![None; laid.leaves];
    for sheet in &laid.sheets {
        let settings = PageSettings::from_wh(width, height).ok_or("a sheet without size")?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        for stroke in sheet {
            let identifier = surface.start_tagged(tag(stroke.mark));
            draw(&mut surface, faces, stroke);
            surface.end_tagged();
            if let Mark::Leaf(leaf) = stroke.mark
                && let Some(place) = leaves.get_mut(leaf)
            {
                *place = Some(identifier);
            }
        }
        surface.finish();
        page.finish();
    }
    let mut tree = TagTree::new().with_lang(Some("en".to_owned()));
    for part in &laid.parts {
        if let Some(node) = node(part, &mut leaves) {
            tree.push(node);
        }
    }
    document.set_tag_tree(tree);
    let mut outline = Outline::new();
    for stop in &laid.stops {
        let there = XyzDestination::new(stop.sheet, Point::from_xy(0.0, stop.y));
        outline.push_child(OutlineNode::new(stop.title.clone(), there));
    }
    document.set_outline(outline);
    document.set_metadata(metadata(paper, faces));
    let mut bytes = document.finish().map_err(|fault| format!("{fault:?}"))?;
    without_suspects(&mut bytes);
    Ok(bytes)
}

/// Blanks `/Suspects false` in the catalog, which is what holds without it: poppler before 24 complains about it, and whoever
/// reads that wonders what is suspect. Nothing moves, so every offset stays right. The catalog is the last object, and holds no
/// text of anybody's.
fn without_suspects(bytes: &mut [u8]) {
    const SAID: &[u8] = b"/Marked true/Suspects false";
    const KEPT: usize = b"/Marked true".len();
    let at = bytes.windows(SAID.len()).rposition(|part| part == SAID);
    if let Some(said) = at.and_then(|at| bytes.get_mut(at + KEPT..at + SAID.len())) {
        said.fill(b' ');
    }
}

fn metadata(paper: &Paper, faces: &Faces) -> Metadata {
    let made = rfc3339(paper.made);
    let number = |from: usize, to: usize| made.get(from..to).and_then(|digits| digits.parse::<u16>().ok());
    let small = |from, to| number(from, to).and_then(|number| u8::try_from(number).ok()).unwrap_or_default();
    let date = DateTime::new(number(0, 4).unwrap_or_default())
        .month(small(5, 7))
        .day(small(8, 10))
        .hour(small(11, 13))
        .minute(small(14, 16))
        .second(small(17, 19))
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    Metadata::new()
        .title(faces.sayable(&paper.full_title()))
        .creator(format!("Lazaret {}", paper.version))
        .producer("Lazaret, by krilla".to_owned())
        .language("en".to_owned())
        .creation_date(date)
}

fn tag(mark: Mark) -> ContentTag<'static> {
    let artifact = |kind| ContentTag::Artifact(Artifact { kind, bbox: None });
    match mark {
        Mark::Leaf(_) => {
            ContentTag::Span(SpanTag { lang: None, alt_text: None, expanded: None, actual_text: None })
        }
        Mark::Decoration => artifact(ArtifactType::Layout),
        Mark::Margin(Edge::Head) => artifact(ArtifactType::Header),
        Mark::Margin(Edge::Foot) => artifact(ArtifactType::Footer),
    }
}

fn fill([red, green, blue]: Colour) -> Fill {
    Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::default(),
    }
}

fn draw(surface: &mut Surface<'_>, faces: &Faces, stroke: &Stroke) {
    for one in &stroke.draws {
        match one {
            Draw::Text { x, y, size, colour, weight, text } => {
                let (font, glyphs) = faces.glyphs(*weight, text);
                surface.set_fill(Some(fill(*colour)));
                surface.draw_glyphs(Point::from_xy(*x, *y), &glyphs, font, text, *size, false);
            }
            Draw::Fill { x, y, width, height, colour } => {
                let mut path = PathBuilder::new();
                if let Some(rect) = Rect::from_xywh(*x, *y, *width, *height) {
                    path.push_rect(rect);
                }
                if let Some(path) = path.finish() {
                    surface.set_fill(Some(fill(*colour)));
                    surface.draw_path(&path);
                }
            }
        }
    }
}

/// The structure as PDF has it; each leaf is used once.
fn node(part: &Part, leaves: &mut [Option<Identifier>]) -> Option<Node> {
    match part {
        Part::Leaf(leaf) => leaves.get_mut(*leaf)?.take().map(Node::from),
        Part::Group(kind, parts) => {
            let mut group = group(kind);
            for part in parts {
                if let Some(node) = node(part, leaves) {
                    group.push(node);
                }
            }
            Some(Node::from(group))
        }
    }
}

fn group(kind: &Kind) -> TagGroup {
    match kind {
        Kind::Heading(level, title) => {
            let level = NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN);
            TagGroup::new(Tag::Hn(level, Some(title.clone())))
        }
        Kind::Paragraph => TagGroup::new(Tag::P),
        Kind::Group => TagGroup::new(Tag::Div),
        Kind::List { ordered: true } => TagGroup::new(Tag::L(ListNumbering::Decimal)),
        Kind::List { ordered: false } => TagGroup::new(Tag::L(ListNumbering::Disc)),
        Kind::Item => TagGroup::new(Tag::LI),
        Kind::Label => TagGroup::new(Tag::Lbl),
        Kind::Body => TagGroup::new(Tag::LBody),
        Kind::Table => TagGroup::new(Tag::Table),
        Kind::Head => TagGroup::new(Tag::THead),
        Kind::Rows => TagGroup::new(Tag::TBody),
        Kind::Row => TagGroup::new(Tag::TR),
        Kind::ColumnTitle => TagGroup::new(Tag::TH(TableHeaderScope::Column)),
        Kind::RowTitle => TagGroup::new(Tag::TH(TableHeaderScope::Row)),
        Kind::Cell => TagGroup::new(Tag::TD),
    }
}
