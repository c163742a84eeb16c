//! Blocks laid out on sheets: what is drawn where, and which part of the document it is.
//!
//! Knows nothing of PDF's syntax: [`super::pdf`] writes what this makes. Positions are points from the upper left corner.
//! Every line of text is a leaf of the structure; boxes, rules, running titles and the repeated heads of tables are not part of it.

use super::face::{Faces, Line, Weight, lines};
use super::{Block, Cell, Column, Count, Paper, Phrase, Tone};

/// A colour: red, green, blue.
pub(super) type Colour = [u8; 3];

const INK: Colour = [27, 35, 48];
const DIM: Colour = [85, 96, 110];
const RULE: Colour = [205, 212, 220];
const WHITE: Colour = [255, 255, 255];

/// Margins: left and right, above, below.
const SIDE: f32 = 48.0;
const ABOVE: f32 = 56.0;
const BELOW: f32 = 62.0;
/// Sizes of text.
const TITLE: f32 = 20.0;
const HEADING: f32 = 13.0;
const MATTER: f32 = 10.5;
const BODY: f32 = 9.5;
const SMALL: f32 = 8.0;
const ROW: f32 = 8.5;
/// Height of a line, in parts of its size; its baseline from above.
const LEADING: f32 = 1.42;
const BASELINE: f32 = 1.06;
/// Room that a heading needs below it, so that it does not stand alone at the end of a sheet.
const COMPANY: f32 = 64.0;
/// Between columns of a table; above and below a row.
const GUTTER: f32 = 9.0;
const ROW_ROOM: f32 = 3.0;
/// A panel's bar, and the room around its text.
const BAR: f32 = 4.0;
const PANEL_ROOM: f32 = 8.0;

/// What is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Draw {
    /// Text from there to the right, on that baseline.
    Text { x: f32, y: f32, size: f32, colour: Colour, weight: Weight, text: String },
    /// A box.
    Fill { x: f32, y: f32, width: f32, height: f32, colour: Colour },
}

/// Which part of the document something drawn is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mark {
    /// This leaf of the structure.
    Leaf(usize),
    /// Decoration.
    Decoration,
    /// The title at the head of further sheets, or what stands at the foot of each.
    Margin(Edge),
}

/// Where in the margin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Edge {
    Head,
    Foot,
}

/// Something drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stroke {
    pub(super) mark: Mark,
    pub(super) draws: Vec<Draw>,
}

/// What a part of the document is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Heading(u16, String),
    Paragraph,
    Group,
    List { ordered: bool },
    Item,
    Label,
    Body,
    Table,
    Head,
    Rows,
    Row,
    ColumnTitle,
    RowTitle,
    Cell,
}

/// The structure.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Part {
    Group(Kind, Vec<Part>),
    Leaf(usize),
}

/// A heading in the document's outline.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stop {
    pub(super) title: String,
    pub(super) sheet: usize,
    pub(super) y: f32,
}

/// The document, laid out.
#[derive(Debug)]
pub(super) struct Laid {
    pub(super) sheets: Vec<Vec<Stroke>>,
    pub(super) parts: Vec<Part>,
    pub(super) stops: Vec<Stop>,
    pub(super) leaves: usize,
}

const fn colours(tone: Tone) -> (Colour, Colour) {
    match tone {
        Tone::Critical => ([163, 16, 26], [253, 236, 235]),
        Tone::High => ([163, 59, 10], [253, 240, 231]),
        Tone::Medium => ([122, 80, 0], [252, 244, 223]),
        Tone::Low => ([23, 84, 143], [233, 241, 250]),
        Tone::Calm => (DIM, [238, 241, 244]),
        Tone::Good => ([29, 106, 62], [232, 244, 236]),
    }
}

/// Lays the document out on sheets of that size.
pub(super) fn lay(paper: &Paper, faces: &Faces, width: f32, height: f32) -> Laid {
    let mut press = Press::new(faces, width, height);
    press.title(paper);
    for block in &paper.blocks {
        press.block(block);
    }
    press.margins(paper);
    let Press { sheets, parts, stops, leaves, .. } = press;
    Laid { sheets, parts, stops, leaves }
}

/// How text is set.
#[derive(Clone, Copy)]
struct Set {
    size: f32,
    colour: Colour,
    /// From the left margin.
    indent: f32,
    /// To the right margin.
    right: f32,
    /// The panel that it stands in.
    panel: Option<Tone>,
}

impl Set {
    const fn of(size: f32, colour: Colour) -> Self {
        Self { size, colour, indent: 0.0, right: 0.0, panel: None }
    }

    const fn line(&self) -> f32 {
        self.size * LEADING
    }
}

/// A table while it is laid out: where its columns stand, and its head, which further sheets repeat.
struct Frame {
    /// From the left edge of the sheet, and how wide.
    columns: Vec<(f32, f32)>,
    head: Vec<Vec<Line>>,
}

/// A line in a cell of a row.
struct CellLine {
    line: Line,
    size: f32,
    colour: Colour,
}

struct Press<'a> {
    faces: &'a Faces,
    width: f32,
    height: f32,
    sheets: Vec<Vec<Stroke>>,
    parts: Vec<Part>,
    stops: Vec<Stop>,
    leaves: usize,
    y: f32,
}

impl<'a> Press<'a> {
    fn new(faces: &'a Faces, width: f32, height: f32) -> Self {
        let (sheets, parts, stops) = (vec![Vec::new()], Vec::new(), Vec::new());
        Self { faces, width, height, sheets, parts, stops, leaves: 0, y: ABOVE }
    }

    const fn bottom(&self) -> f32 {
        self.height - BELOW
    }

    const fn inner(&self) -> f32 {
        self.width - 2.0 * SIDE
    }

    fn turn(&mut self) {
        self.sheets.push(Vec::new());
        self.y = ABOVE;
    }

    /// Goes on to the next sheet where that height is not left, unless this one is empty.
    fn room(&mut self, height: f32) {
        if self.y + height > self.bottom() && self.y > ABOVE {
            self.turn();
        }
    }

    fn draw(&mut self, mark: Mark, draws: Vec<Draw>) {
        if let Some(sheet) = self.sheets.last_mut() {
            sheet.push(Stroke { mark, draws });
        }
    }

    fn fill(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Colour) {
        self.draw(Mark::Decoration, vec![Draw::Fill { x, y, width, height, colour }]);
    }

    /// A new leaf of the structure with those draws.
    fn leaf(&mut self, draws: Vec<Draw>) -> Part {
        let leaf = self.leaves;
        self.leaves += 1;
        self.draw(Mark::Leaf(leaf), draws);
        Part::Leaf(leaf)
    }

    fn runs(&self, line: &Line, x: f32, y: f32, size: f32, colour: Colour) -> Vec<Draw> {
        let mut x = x;
        let run = |run: &super::face::Run| {
            let at = x;
            x += self.faces.width(run.weight, size, &run.text);
            Draw::Text {
                x: at,
                y: y + size * BASELINE,
                size,
                colour,
                weight: run.weight,
                text: run.text.clone(),
            }
        };
        line.runs.iter().map(run).collect()
    }

    /// A strip of a panel behind what comes next.
    fn strip(&mut self, tone: Tone, height: f32) {
        let (strong, soft) = colours(tone);
        let (x, y, wide) = (SIDE, self.y, self.inner());
        // Strips overlap a little, so that no viewer shows a seam between them.
        self.fill(x, y - 0.3, wide, height + 0.3, soft);
        self.fill(x, y - 0.3, BAR, height + 0.3, strong);
    }

    /// Text in lines, each with a sheet to stand on.
    fn text(&mut self, pieces: &[(Weight, &str)], set: Set) -> Vec<Part> {
        let said: Vec<(Weight, String)> =
            pieces.iter().map(|(weight, text)| (*weight, self.faces.sayable(text))).collect();
        let said: Vec<(Weight, &str)> = said.iter().map(|(weight, text)| (*weight, text.as_str())).collect();
        let broken = lines(self.faces, &said, set.size, self.inner() - set.indent - set.right);
        let mut parts = Vec::with_capacity(broken.len());
        for line in broken {
            self.room(set.line());
            if let Some(tone) = set.panel {
                self.strip(tone, set.line());
            }
            let draws = self.runs(&line, SIDE + set.indent, self.y, set.size, set.colour);
            parts.push(self.leaf(draws));
            self.y += set.line();
        }
        parts
    }

    fn push(&mut self, kind: Kind, parts: Vec<Part>) {
        if !parts.is_empty() {
            self.parts.push(Part::Group(kind, parts));
        }
    }

    fn title(&mut self, paper: &Paper) {
        self.stops.push(Stop { title: self.faces.sayable(&paper.title), sheet: 0, y: self.y });
        let title = self.faces.sayable(&paper.full_title());
        let parts = self.text(&[(Weight::Bold, &paper.title)], Set::of(TITLE, INK));
        let mut heading = parts;
        let whom = format!("for {}", paper.audience.words());
        heading.extend(self.text(&[(Weight::Regular, &whom)], Set::of(12.0, DIM)));
        self.push(Kind::Heading(1, title), heading);
        self.y += 2.0;
        let byline = self.text(&[(Weight::Regular, &paper.byline())], Set::of(SMALL, DIM));
        self.push(Kind::Paragraph, byline);
        self.y += 10.0;
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Verdict { tone, sentence, text } => self.verdict(*tone, sentence, text),
            Block::Counts(counts) => self.counts(counts),
            Block::Heading(title) => self.heading(title),
            Block::Matter { tone, word, title } => self.matter(*tone, word, title),
            Block::Text(phrase) => self.paragraph(phrase, Set::of(BODY, INK)),
            Block::Small(text) => self.paragraph(&Phrase::plain(text), Set::of(SMALL, DIM)),
            Block::Notice(phrase) => {
                self.y += 4.0;
                self.panel(Tone::Medium, |press, set| {
                    let parts = press.phrase(phrase, Set { size: BODY, ..set });
                    press.push(Kind::Paragraph, parts);
                });
            }
            Block::List { ordered, items } => self.list(*ordered, items),
            Block::Facts(facts) => self.facts(facts),
            Block::Table { columns, rows } => self.table(columns, rows),
            Block::Sign(who) => self.sign(who),
        }
    }

    fn phrase(&mut self, phrase: &Phrase, set: Set) -> Vec<Part> {
        let lead = if phrase.lead.is_empty() { String::new() } else { format!("{} ", phrase.lead) };
        self.text(&[(Weight::Bold, &lead), (Weight::Regular, &phrase.text)], set)
    }

    fn paragraph(&mut self, phrase: &Phrase, set: Set) {
        self.y += 2.0;
        let parts = self.phrase(phrase, set);
        self.push(Kind::Paragraph, parts);
        self.y += 3.0;
    }

    /// Text on a soft ground with a bar at its left.
    fn panel(&mut self, tone: Tone, inside: impl FnOnce(&mut Self, Set)) {
        self.room(PANEL_ROOM * 2.0 + TITLE * LEADING);
        self.strip(tone, PANEL_ROOM);
        self.y += PANEL_ROOM;
        let indent = BAR + 10.0;
        inside(self, Set { indent, right: 10.0, panel: Some(tone), ..Set::of(BODY, INK) });
        self.strip(tone, PANEL_ROOM);
        self.y += PANEL_ROOM + 8.0;
    }

    fn verdict(&mut self, tone: Tone, sentence: &str, text: &[String]) {
        self.panel(tone, |press, set| {
            let strong = Set { size: 14.0, colour: colours(tone).0, ..set };
            let parts = press.text(&[(Weight::Bold, sentence)], strong);
            press.push(Kind::Paragraph, parts);
            for text in text {
                press.strip(tone, 3.0);
                press.y += 3.0;
                let parts = press.text(&[(Weight::Regular, text)], set);
                press.push(Kind::Paragraph, parts);
            }
        });
    }

    fn counts(&mut self, counts: &[Count]) {
        let gap = 8.0;
        let many = counts.len().max(1) as f32;
        let wide = (self.inner() - gap * (many - 1.0)) / many;
        let tall = 38.0;
        self.room(tall);
        let mut items = Vec::new();
        for (at, one) in counts.iter().enumerate() {
            let (strong, soft) = colours(if one.count == 0 { Tone::Calm } else { one.tone });
            let x = SIDE + at as f32 * (wide + gap);
            self.fill(x, self.y, wide, tall, soft);
            let number = crate::time::grouped(one.count) + " ";
            let what = self.faces.sayable(&one.what);
            let number = lines(self.faces, &[(Weight::Bold, &number)], 15.0, wide - 16.0);
            let what = lines(self.faces, &[(Weight::Regular, &what)], ROW, wide - 16.0);
            let mut parts = Vec::new();
            // One line each: what does not fit is a matter of the tables below.
            if let (Some(number), Some(what)) = (number.first(), what.first()) {
                let draws = self.runs(number, x + 8.0, self.y + 2.0, 15.0, strong);
                parts.push(self.leaf(draws));
                let draws = self.runs(what, x + 8.0, self.y + 22.0, ROW, strong);
                parts.push(self.leaf(draws));
            }
            items.push(Part::Group(Kind::Paragraph, parts));
        }
        self.push(Kind::Group, items);
        self.y += tall + 8.0;
    }

    fn heading(&mut self, title: &str) {
        self.y += 10.0;
        self.room(HEADING * LEADING + COMPANY);
        let said = self.faces.sayable(title);
        self.stops.push(Stop { title: said.clone(), sheet: self.sheets.len() - 1, y: self.y });
        let parts = self.text(&[(Weight::Bold, title)], Set::of(HEADING, INK));
        self.push(Kind::Heading(2, said), parts);
        self.fill(SIDE, self.y + 1.0, self.inner(), 0.9, INK);
        self.y += 7.0;
    }

    fn matter(&mut self, tone: Tone, word: &str, title: &str) {
        self.y += 7.0;
        self.room(MATTER * LEADING + COMPANY);
        let (said, word) = (self.faces.sayable(title), self.faces.sayable(word));
        let (strong, _) = colours(tone);
        let (size, room) = (7.5, 4.0);
        let wide = self.faces.width(Weight::Bold, size, &word) + 2.0 * room;
        let top = self.y + 2.0;
        self.fill(SIDE, top, wide, 11.5, strong);
        let label = Draw::Text {
            x: SIDE + room,
            y: top + 8.4,
            size,
            colour: WHITE,
            weight: Weight::Bold,
            text: format!("{word} "),
        };
        let mut parts = vec![self.leaf(vec![label])];
        let set = Set { indent: wide + 7.0, ..Set::of(MATTER, INK) };
        parts.extend(self.text(&[(Weight::Bold, title)], set));
        self.push(Kind::Heading(3, format!("{word}: {said}")), parts);
        self.y += 2.0;
    }

    fn list(&mut self, ordered: bool, items: &[Phrase]) {
        let set = Set { indent: 18.0, ..Set::of(BODY, INK) };
        let mut parts = Vec::new();
        self.y += 1.0;
        for (number, item) in (1..).zip(items) {
            self.room(set.line());
            let label = if ordered { format!("{number}. ") } else { "• ".to_owned() };
            let draw = Draw::Text {
                x: SIDE + 4.0,
                y: self.y + BODY * BASELINE,
                size: BODY,
                colour: DIM,
                weight: Weight::Regular,
                text: label,
            };
            let label = self.leaf(vec![draw]);
            let body = self.phrase(item, set);
            let item = vec![Part::Group(Kind::Label, vec![label]), Part::Group(Kind::Body, body)];
            parts.push(Part::Group(Kind::Item, item));
            self.y += 1.5;
        }
        self.push(Kind::List { ordered }, parts);
        self.y += 3.0;
    }

    fn facts(&mut self, facts: &[(String, String)]) {
        let name_wide = 118.0;
        let mut rows = Vec::new();
        self.y += 2.0;
        for (name, value) in facts {
            let name = self.faces.sayable(name);
            let value = self.faces.sayable(value);
            let name = lines(self.faces, &[(Weight::Regular, &name)], BODY, name_wide - GUTTER);
            let value = lines(self.faces, &[(Weight::Regular, &value)], BODY, self.inner() - name_wide);
            let cells = [(SIDE, name, DIM), (SIDE + name_wide, value, INK)];
            let cells = cells.map(|(x, lines, colour)| {
                let line = |line| CellLine { line, size: BODY, colour };
                (x, lines.into_iter().map(line).collect::<Vec<_>>())
            });
            let [name, value] = self.row_lines(&cells, BODY * LEADING, None);
            rows.push(Part::Group(
                Kind::Row,
                vec![Part::Group(Kind::RowTitle, name), Part::Group(Kind::Cell, value)],
            ));
        }
        self.push(Kind::Table, if rows.is_empty() { rows } else { vec![Part::Group(Kind::Rows, rows)] });
        self.y += 4.0;
    }

    /// The lines of the cells of a row, side by side; where they do not fit they go on on the next sheet.
    fn row_lines<const N: usize>(
        &mut self,
        cells: &[(f32, Vec<CellLine>); N],
        line: f32,
        frame: Option<&Frame>,
    ) -> [Vec<Part>; N] {
        let mut parts = [const { Vec::new() }; N];
        let many: Vec<&(f32, Vec<CellLine>)> = cells.iter().collect();
        for (at, found) in self.row(&many, line, frame).into_iter().enumerate() {
            if let Some(place) = parts.get_mut(at) {
                *place = found;
            }
        }
        parts
    }

    fn row(&mut self, cells: &[&(f32, Vec<CellLine>)], line: f32, frame: Option<&Frame>) -> Vec<Vec<Part>> {
        let tall = cells.iter().map(|(_, lines)| lines.len()).max().unwrap_or_default();
        let whole = tall as f32 * line;
        let head = frame.map_or(0.0, |frame| self.head_height(frame));
        // A row stays together where a sheet can hold it.
        if whole <= self.bottom() - ABOVE - head && self.y + whole > self.bottom() && self.y > ABOVE {
            self.turn_in(frame);
        }
        let mut parts = vec![Vec::new(); cells.len()];
        for number in 0..tall {
            if self.y + line > self.bottom() && self.y > ABOVE {
                self.turn_in(frame);
            }
            for ((x, lines), parts) in cells.iter().copied().zip(&mut parts) {
                if let Some(one) = lines.get(number) {
                    let draws = self.runs(&one.line, *x, self.y, one.size, one.colour);
                    parts.push(self.leaf(draws));
                }
            }
            self.y += line;
        }
        parts
    }

    /// The next sheet, with the head of the table again.
    fn turn_in(&mut self, frame: Option<&Frame>) {
        self.turn();
        if let Some(frame) = frame {
            self.head(frame, false);
        }
    }

    fn head_height(&self, frame: &Frame) -> f32 {
        let tall = frame.head.iter().map(Vec::len).max().unwrap_or_default();
        tall as f32 * SMALL * LEADING + 5.0
    }

    /// The head of a table; part of the structure only where the table begins.
    fn head(&mut self, frame: &Frame, first: bool) -> Vec<Part> {
        let mut cells = Vec::new();
        for ((x, _), lines) in frame.columns.iter().zip(&frame.head) {
            let mut parts = Vec::new();
            for (number, line) in lines.iter().enumerate() {
                let y = self.y + number as f32 * SMALL * LEADING;
                let draws = self.runs(line, *x, y, SMALL, DIM);
                if first {
                    parts.push(self.leaf(draws));
                } else {
                    self.draw(Mark::Decoration, draws);
                }
            }
            cells.push(Part::Group(Kind::ColumnTitle, parts));
        }
        self.y += self.head_height(frame);
        self.fill(SIDE, self.y - 3.0, self.inner(), 0.8, DIM);
        cells
    }

    fn frame(&self, columns: &[Column]) -> Frame {
        let shares: u32 = columns.iter().map(|column| u32::from(column.share)).sum();
        let free = self.inner() - GUTTER * columns.len().saturating_sub(1) as f32;
        let mut x = SIDE;
        let mut frame = Frame { columns: Vec::new(), head: Vec::new() };
        for column in columns {
            let wide = free * f32::from(column.share) / shares.max(1) as f32;
            frame.columns.push((x, wide));
            frame.head.push(lines(self.faces, &[(Weight::Bold, column.title)], SMALL, wide));
            x += wide + GUTTER;
        }
        frame
    }

    fn cell(&self, cell: &Cell, wide: f32) -> Vec<CellLine> {
        let (weight, colour) = match cell.tone {
            Tone::Calm => (Weight::Regular, INK),
            tone => (Weight::Bold, colours(tone).0),
        };
        let (text, below) = (self.faces.sayable(&cell.text), self.faces.sayable(&cell.below));
        // The text goes on below it; an empty cell is one all the same.
        let text = if below.is_empty() && !text.is_empty() { text } else { format!("{text} ") };
        let text = lines(self.faces, &[(weight, &text)], ROW, wide);
        let below = lines(self.faces, &[(Weight::Regular, &below)], 7.5, wide);
        let text = text.into_iter().map(|line| CellLine { line, size: ROW, colour });
        text.chain(below.into_iter().map(|line| CellLine { line, size: 7.5, colour: DIM })).collect()
    }

    fn table(&mut self, columns: &[Column], rows: &[Vec<Cell>]) {
        if rows.is_empty() {
            return;
        }
        let frame = self.frame(columns);
        self.y += 3.0;
        self.room(self.head_height(&frame) + 3.0 * ROW * LEADING);
        let head = self.head(&frame, true);
        let mut body = Vec::new();
        for row in rows {
            self.y += ROW_ROOM;
            let cells: Vec<(f32, Vec<CellLine>)> =
                frame.columns.iter().zip(row).map(|((x, wide), cell)| (*x, self.cell(cell, *wide))).collect();
            let cells: Vec<&(f32, Vec<CellLine>)> = cells.iter().collect();
            let parts = self.row(&cells, ROW * LEADING, Some(&frame));
            let parts = parts.into_iter().map(|parts| Part::Group(Kind::Cell, parts)).collect();
            body.push(Part::Group(Kind::Row, parts));
            self.y += ROW_ROOM;
            self.fill(SIDE, self.y, self.inner(), 0.5, RULE);
        }
        let head = Part::Group(Kind::Head, vec![Part::Group(Kind::Row, head)]);
        self.push(Kind::Table, vec![head, Part::Group(Kind::Rows, body)]);
        self.y += 8.0;
    }

    fn sign(&mut self, who: &[String]) {
        let gap = 28.0;
        let wide = (self.inner() - gap) / 2.0;
        for pair in who.chunks(2) {
            self.room(64.0);
            self.y += 44.0;
            let mut tall = 0.0_f32;
            for (at, who) in pair.iter().enumerate() {
                let x = SIDE + at as f32 * (wide + gap);
                self.fill(x, self.y, wide, 0.8, INK);
                let said = self.faces.sayable(who);
                let broken = lines(self.faces, &[(Weight::Regular, &said)], SMALL, wide);
                let mut parts = Vec::new();
                for (number, line) in broken.iter().enumerate() {
                    let y = self.y + 2.0 + number as f32 * SMALL * LEADING;
                    let draws = self.runs(line, x, y, SMALL, DIM);
                    parts.push(self.leaf(draws));
                    tall = tall.max((number + 1) as f32 * SMALL * LEADING);
                }
                self.push(Kind::Paragraph, parts);
            }
            self.y += tall + 6.0;
        }
    }

    /// Running titles and page numbers, when it is known how many sheets there are.
    fn margins(&mut self, paper: &Paper) {
        let many = self.sheets.len();
        let title = self.faces.sayable(&paper.full_title());
        let byline = self.faces.sayable(&paper.byline());
        let (faces, width, height) = (self.faces, self.width, self.height);
        let small = |x: f32, y: f32, text: String| Draw::Text {
            x,
            y,
            size: 7.5,
            colour: DIM,
            weight: Weight::Regular,
            text,
        };
        let cut = |text: &str, wide: f32| {
            let line = lines(faces, &[(Weight::Regular, text)], 7.5, wide).into_iter().next();
            line.map_or_else(String::new, |line| line.runs.into_iter().map(|run| run.text).collect())
        };
        for (at, sheet) in self.sheets.iter_mut().enumerate() {
            if at != 0 {
                let draws = vec![small(SIDE, 36.0, cut(&title, width - 2.0 * SIDE))];
                sheet.push(Stroke { mark: Mark::Margin(Edge::Head), draws });
            }
            let number = format!("{} of {many}", at + 1);
            let wide = faces.width(Weight::Regular, 7.5, &number);
            let y = height - 34.0;
            let draws = vec![
                Draw::Fill { x: SIDE, y: y - 12.0, width: width - 2.0 * SIDE, height: 0.5, colour: RULE },
                small(SIDE, y, cut(&byline, width - 2.0 * SIDE - wide - 20.0)),
                small(width - SIDE - wide, y, number),
            ];
            sheet.push(Stroke { mark: Mark::Margin(Edge::Foot), draws });
        }
    }
}
