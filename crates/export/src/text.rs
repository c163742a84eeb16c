//! The report as text for a terminal.
//!
//! Order: what a ward manager needs (summary, what to do first), findings worst first, devices, vital
//! signs, what could not be seen. Colour only marks severity and headings; every word stands without it.
//!
//! # Limits
//! A terminal is no archive: at most [`GROUPS_MAX`] kinds of findings, [`FINDINGS_OF_GROUP_MAX`] of each,
//! [`DEVICES_MAX`] devices and [`BEDS_MAX`] beds are listed, and the text says how many more there are and which
//! format holds them all.

use crate::printable::{printable, shortened};
use crate::report1::{patient_word, sorted_vitals};
use crate::summary::{
    Group, Summary, asset_by_id, assets_by_concern, conversation_words, coverage_lines, detail_words,
    evidence_words, groups, kind, label, number, peer_words, references, unseen, when_words, whom_words,
};
use crate::time::{bytes, counted, span, time_of_day, to_second};
use comfy_table::{ContentArrangement, Table, presets};
use model::{Asset, BedVitals, Finding, IntegrityRow, NumericRange, Report, Severity, Verdict, Vital};
use std::io::{self, Write};
use std::time::Duration;
use unicode_width::UnicodeWidthStr;

/// Most kinds of findings written out. Our limit; the rest is counted in the text.
pub const GROUPS_MAX: usize = 60;
/// Most findings of one kind written out. Our limit; the rest is counted in the text.
pub const FINDINGS_OF_GROUP_MAX: usize = 8;
/// Most devices listed. Our limit; the rest is counted in the text.
pub const DEVICES_MAX: usize = 200;
/// Most beds listed. Our limit; the rest is counted in the text.
pub const BEDS_MAX: usize = 200;
/// Narrowest text we lay out, in columns.
const WIDTH_COLUMNS_MIN: usize = 40;
/// Widest paragraph: longer lines are hard to read, however wide the terminal is.
const PARAGRAPH_COLUMNS_MAX: usize = 110;
/// Most conversations of one device in the devices table.
const CONVERSATIONS_MAX: usize = 4;
/// Most names of one device in the devices table.
const NAMES_MAX: usize = 2;
/// Most characters of a name in the devices table.
const NAME_CHARS_MAX: usize = 40;
/// Most frames of a capture listed with one finding.
const FRAMES_MAX: usize = 8;
/// Most characters of one detail value.
const DETAIL_CHARS_MAX: usize = 200;

/// Whether to use ANSI colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Colour {
    /// Plain text.
    Off,
    /// SGR sequences.
    On,
}

/// How to lay the text out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Columns of the terminal.
    pub columns: usize,
    /// Whether to colour.
    pub colour: Colour,
}

impl Default for Layout {
    /// For a file or a pipe.
    fn default() -> Self {
        Self { columns: 100, colour: Colour::Off }
    }
}

/// Writes the report as text.
///
/// # Errors
/// What the writer says.
pub fn write(report: &Report, layout: Layout, to: impl Write) -> io::Result<()> {
    let mut page = Page::new(to, layout);
    page.summary(report)?;
    page.findings(report)?;
    page.devices(report)?;
    page.vitals(report)?;
    page.integrity(report)?;
    page.unseen(report)?;
    page.captures(report)
}

/// Writes one line about a finding as soon as it is made: when, how grave, what, whose.
///
/// # Errors
/// What the writer says.
pub fn line(finding: &Finding, colour: Colour, to: &mut dyn Write) -> io::Result<()> {
    let severity = finding.severity.as_str().to_uppercase();
    let severity = match colour {
        Colour::Off => format!("{severity:<8}"),
        Colour::On => format!("\u{1b}[{}m{severity:<8}\u{1b}[0m", severity_style(finding.severity)),
    };
    let peer = finding.peer.map_or_else(String::new, |peer| format!(", with {}", peer_words(&peer)));
    let (time, title) = (to_second(finding.last), printable(&finding.title));
    writeln!(to, "{time} UTC  {severity}  {title}  ({}, {}{peer})", finding.rule, finding.asset)
}

/// A page of text being written.
pub(crate) struct Page<W> {
    pub(crate) to: W,
    layout: Layout,
}

impl<W: Write> Page<W> {
    pub(crate) fn new(to: W, layout: Layout) -> Self {
        Self { to, layout: Layout { columns: layout.columns.max(WIDTH_COLUMNS_MIN), ..layout } }
    }

    fn summary(&mut self, report: &Report) -> io::Result<()> {
        let summary = Summary::of(report);
        let style = summary.worst.map_or("1;32", severity_style);
        let verdict = self.styled(style, &summary.verdict);
        let title = self.styled("1", "LAZARET");
        writeln!(self.to, "{title}  {verdict}\n")?;
        self.paragraph("", "", &summary.sentences.join(" "))?;
        if let Some(step) = &summary.first_step {
            writeln!(self.to)?;
            self.paragraph("Do this first: ", "  ", step)?;
        }
        if let Some(reason) = &report.identifiers_shown_because {
            writeln!(self.to)?;
            self.paragraph("Patient identifiers are shown in clear: ", "  ", &printable(reason))?;
        }
        Ok(())
    }

    fn findings(&mut self, report: &Report) -> io::Result<()> {
        if report.findings.is_empty() {
            return Ok(());
        }
        let groups = groups(report);
        self.heading(&counted(report.findings.len() as u64, "finding", "findings"))?;
        for (number, group) in groups.iter().take(GROUPS_MAX).enumerate() {
            if number != 0 {
                writeln!(self.to)?;
            }
            self.group(report, number + 1, group)?;
        }
        self.more(groups.len(), GROUPS_MAX, "kinds of findings")
    }

    fn group(&mut self, report: &Report, number: usize, group: &Group<'_>) -> io::Result<()> {
        let first = group.first;
        let severity = self.styled(severity_style(first.severity), &first.severity.as_str().to_uppercase());
        let title = self.styled("1", &printable(&first.title));
        let extent = group.extent().map_or_else(String::new, |extent| format!("  ({extent})"));
        writeln!(self.to, "{number}. {severity}  {title}{extent}")?;
        self.paragraph("   Do:     ", "           ", &printable(&first.fix))?;
        let references = references(first);
        if !references.is_empty() {
            self.paragraph("   See:    ", "           ", &references)?;
        }
        for finding in group.findings.iter().take(FINDINGS_OF_GROUP_MAX) {
            self.finding(report, finding)?;
        }
        match group.findings.len().saturating_sub(FINDINGS_OF_GROUP_MAX) {
            0 => Ok(()),
            left => writeln!(
                self.to,
                "   … and {left} more of this kind: `--format html` or `--format json` list them."
            ),
        }
    }

    fn finding(&mut self, report: &Report, finding: &Finding) -> io::Result<()> {
        self.paragraph("   - ", "     ", &whom_words(report, finding))?;
        let when = format!("{}, {}", finding.certainty.as_str(), when_words(finding));
        self.paragraph("     ", "     ", &when)?;
        self.paragraph("     Why:    ", "             ", &printable(&finding.why))?;
        if !finding.details.is_empty() {
            let details = finding.details.iter().map(|(key, detail)| {
                let (key, value) = detail_words(key, detail);
                format!("{key} {}", shortened(&value, DETAIL_CHARS_MAX))
            });
            let details: Vec<_> = details.collect();
            self.paragraph("     Seen:   ", "             ", &details.join("; "))?;
        }
        if !finding.evidence.is_empty() {
            self.paragraph("     Frames: ", "             ", &evidence_words(report, finding, FRAMES_MAX))?;
        }
        let id = self.styled("2", &format!("{} {}", finding.rule, finding.id));
        writeln!(self.to, "     Id:     {id}")
    }

    fn devices(&mut self, report: &Report) -> io::Result<()> {
        let assets = assets_by_concern(report);
        if assets.is_empty() {
            return Ok(());
        }
        self.heading(&counted(assets.len() as u64, "device", "devices"))?;
        let mut table = self.table(&["Device", "Address", "Talks to", "Findings"]);
        for (asset, concern) in assets.iter().take(DEVICES_MAX) {
            let findings = concern.map_or_else(String::new, |(worst, count)| match count {
                1 => worst.to_string(),
                count => format!("{count}, worst {worst}"),
            });
            table.add_row([device_words(asset), address_words(asset), talk_words(asset), findings]);
        }
        writeln!(self.to, "{}", table.trim_fmt())?;
        self.more(assets.len(), DEVICES_MAX, "devices")
    }

    fn vitals(&mut self, report: &Report) -> io::Result<()> {
        let vitals = sorted_vitals(report);
        if vitals.is_empty() {
            return Ok(());
        }
        self.heading("Vital signs on the wire")?;
        self.paragraph(
            "",
            "",
            "Evidence of what devices say on the wire; not for clinical use, not for alarms.",
        )?;
        let head = ["Bed", "Device", "Patient", "Cycles", "Heart", "SpO2", "Resp.", "NIBP", "Temp."];
        let mut table = self.table(&head);
        for bed in vitals.iter().take(BEDS_MAX) {
            table.add_row(bed_row(report, bed));
        }
        writeln!(self.to, "{}", table.trim_fmt())?;
        self.more(vitals.len(), BEDS_MAX, "beds")
    }

    /// What speaks against each bed, or that nothing does.
    fn integrity(&mut self, report: &Report) -> io::Result<()> {
        let vitals = sorted_vitals(report);
        let mut checked = vitals.iter().filter(|bed| bed.judged.is_some()).peekable();
        if checked.peek().is_none() {
            return Ok(());
        }
        self.heading("Can they be believed")?;
        for bed in checked.take(BEDS_MAX) {
            self.paragraph("- ", "  ", &bed_verdict(report, bed))?;
            for row in against(bed).take(INTEGRITY_ROWS_MAX) {
                let when = format!("{} to {}", time_of_day(row.first), time_of_day(row.last));
                let line = format!("{} {}, {when}: {}", row.verdict.as_str(), row.check, row.why);
                self.paragraph("    ", "      ", &line)?;
            }
        }
        Ok(())
    }

    fn unseen(&mut self, report: &Report) -> io::Result<()> {
        self.heading("What could not be seen")?;
        let unseen = unseen(report);
        if unseen.is_empty() {
            self.paragraph("", "", "Nothing that Lazaret knows of.")?;
        }
        for sentence in &unseen {
            self.paragraph("- ", "  ", sentence)?;
        }
        writeln!(self.to)?;
        for (what, amount) in coverage_lines(report) {
            self.paragraph(&format!("{what}: "), "  ", &amount)?;
        }
        Ok(())
    }

    fn captures(&mut self, report: &Report) -> io::Result<()> {
        self.heading(&counted(report.captures.len() as u64, "capture", "captures"))?;
        for capture in &report.captures {
            let format = if capture.format.is_empty() { "not a capture" } else { capture.format };
            let compression = capture.compression.map_or_else(String::new, |by| format!(", {by}"));
            let line = format!(
                "{}: {format}{compression}, {}, {}",
                printable(&capture.name),
                counted(capture.frames, "frame", "frames"),
                bytes(capture.bytes)
            );
            self.paragraph("", "  ", &line)?;
            if let Some(digest) = capture.sha256 {
                writeln!(self.to, "  sha256 {digest}")?;
            }
        }
        Ok(())
    }

    pub(crate) fn heading(&mut self, text: &str) -> io::Result<()> {
        let text = self.styled("1", &text.to_uppercase());
        writeln!(self.to, "\n{text}\n")
    }

    pub(crate) fn more(&mut self, all: usize, shown: usize, what: &str) -> io::Result<()> {
        if all <= shown {
            return Ok(());
        }
        let left = all - shown;
        writeln!(self.to, "\n… and {left} more {what}: `--format html` or `--format json` list them all.")
    }

    pub(crate) fn styled(&self, style: &str, text: &str) -> String {
        match self.layout.colour {
            Colour::Off => text.to_owned(),
            Colour::On => format!("\u{1b}[{style}m{text}\u{1b}[0m"),
        }
    }

    pub(crate) fn table(&self, head: &[&str]) -> Table {
        let mut table = Table::new();
        table
            .load_style(presets::UTF8_HORIZONTAL_ONLY)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(self.layout.columns).unwrap_or(u16::MAX))
            .set_header(head);
        table
    }

    /// Breaks `text` into lines: `first` before the first, `rest` before the others.
    pub(crate) fn paragraph(&mut self, first: &str, rest: &str, text: &str) -> io::Result<()> {
        let columns = self.layout.columns.min(PARAGRAPH_COLUMNS_MAX);
        let mut line = first.to_owned();
        let mut used = line.width();
        let mut empty = true;
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let blank = usize::from(!empty);
            if !empty && used + blank + word.width() > columns {
                writeln!(self.to, "{}", line.trim_end())?;
                line.clear();
                line.push_str(rest);
                used = rest.width();
            } else if !empty {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += word.width();
            empty = false;
        }
        writeln!(self.to, "{}", line.trim_end())
    }
}

const fn severity_style(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "1;97;41",
        Severity::High => "1;31",
        Severity::Medium => "1;33",
        Severity::Low => "1;36",
    }
}

fn device_words(asset: &Asset) -> String {
    let kind = kind(asset);
    let names: Vec<_> = asset.names.iter().map(|name| printable(name.as_str())).collect();
    let others = names.iter().filter(|name| **name != kind).take(NAMES_MAX);
    let others: Vec<_> = others.map(|name| format!("“{}”", shortened(name, NAME_CHARS_MAX))).collect();
    let mut lines = vec![kind];
    if !asset.aliases.is_empty() {
        lines.push(format!("also {}", printable(&asset.aliases.join(", "))));
    }
    lines.extend(others);
    lines.extend(asset.firmware.as_ref().map(|text| format!("firmware {}", printable(text.as_str()))));
    let exposed = asset.exposures.iter().filter(|e| e.status != model::ExposureStatus::NotAffected).count();
    if exposed != 0 {
        lines.push(counted(exposed as u64, "known vulnerability", "known vulnerabilities"));
    }
    lines.join("\n")
}

fn address_words(asset: &Asset) -> String {
    let mut lines: Vec<String> = asset.ips.iter().take(3).map(ToString::to_string).collect();
    lines.extend(asset.macs.iter().take(3).map(ToString::to_string));
    for vlan in asset.vlans.iter().filter(|stack| !stack.ids().is_empty()).take(2) {
        let ids: Vec<_> = vlan.ids().iter().map(ToString::to_string).collect();
        lines.push(format!("VLAN {}", ids.join(" in ")));
    }
    lines.join("\n")
}

/// The conversations that matter most: those that left the site, then the biggest.
fn talk_words(asset: &Asset) -> String {
    let mut conversations: Vec<_> = asset.conversations.iter().collect();
    conversations.sort_by_key(|c| {
        let offsite = c.location == model::Location::Offsite;
        (std::cmp::Reverse((offsite, c.bytes_out + c.bytes_in)), c.peer, c.transport, c.protocol)
    });
    let mut lines: Vec<_> = conversations
        .iter()
        .take(CONVERSATIONS_MAX)
        .map(|conversation| conversation_words(conversation))
        .collect();
    if conversations.len() > CONVERSATIONS_MAX {
        lines.push(format!("and {} more", conversations.len() - CONVERSATIONS_MAX));
    }
    lines.join("\n")
}

/// Rows of one bed that speak against it, at most so many in the text; the JSON has all.
const INTEGRITY_ROWS_MAX: usize = 12;

/// The rows that speak against a bed.
pub(crate) fn against(bed: &BedVitals) -> impl Iterator<Item = &IntegrityRow> {
    bed.integrity.iter().filter(|row| matches!(row.verdict, Verdict::Fail | Verdict::Suspect))
}

/// One sentence about a bed: contradicted, suspicious or nothing found, and how much of its time could be judged.
fn bed_verdict(report: &Report, bed: &BedVitals) -> String {
    let name = bed.bed.map_or_else(|| "A bed that is not named".to_owned(), |bed| format!("Bed {bed}"));
    let device = asset_by_id(report, bed.asset).map_or_else(|| bed.asset.to_string(), label);
    format!("{name} ({device}): {}", verdict_words(bed))
}

/// As [`bed_verdict`], without the name.
pub(crate) fn verdict_words(bed: &BedVitals) -> String {
    let judged = bed.judged.unwrap_or_default();
    let verdict = against(bed).map(|row| row.verdict).max();
    let word = match verdict {
        Some(Verdict::Fail) => "the data contradicts itself",
        Some(_) => "something is suspicious, which alone means little",
        None if judged.seconds == 0 => "there was nothing to compare its numbers with",
        None => "no contradiction",
    };
    format!("{word}; {} of {} s could be judged.", judged.seconds, judged.of_seconds)
}

fn bed_row(report: &Report, bed: &BedVitals) -> [String; 9] {
    let range = |vital: Vital| bed.numerics.get(&vital).map_or_else(String::new, range_words);
    let each = bed
        .cycle_ns
        .map_or_else(String::new, |ns| format!("\n{:.2} s each", Duration::from_nanos(ns).as_secs_f64()));
    [
        bed.bed.map_or_else(String::new, |bed| bed.to_string()),
        asset_by_id(report, bed.asset).map_or_else(|| bed.asset.to_string(), label).replace(", ", "\n"),
        patient_word(bed.patient.as_ref())
            .map_or_else(|| "withheld".to_owned(), |word| printable(&word).into_owned()),
        format!("{}, {}{each}", bed.cycles, span(bed.last.since(bed.first))),
        range(Vital::HeartRate),
        range(Vital::Spo2),
        range(Vital::RespirationRate),
        pressure_words(bed),
        range(Vital::Temperature1),
    ]
}

/// `122/78`, as bedside staff writes it; empty where either is missing.
pub(crate) fn pressure_words(bed: &BedVitals) -> String {
    let last = |vital| bed.numerics.get(&vital).map(|range| range.last);
    match (last(Vital::NibpSystolic), last(Vital::NibpDiastolic)) {
        (Some(systolic), Some(diastolic)) => format!("{}/{}", number(systolic), number(diastolic)),
        _ => String::new(),
    }
}

/// The latest value, and below it the range where there is one.
fn range_words(range: &NumericRange) -> String {
    if range.min.total_cmp(&range.max).is_eq() {
        number(range.last)
    } else {
        format!("{}\n{}–{}", number(range.last), number(range.min), number(range.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(columns: usize, text: &str) -> String {
        let mut out = Vec::new();
        let layout = Layout { columns, colour: Colour::Off };
        Page { to: &mut out, layout }.paragraph("- ", "  ", text).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn paragraphs_break_between_words_by_columns_not_bytes() {
        assert_eq!(wrapped(12, "one two three"), "- one two\n  three\n");
        assert_eq!(wrapped(9, "äöü äöü äöü"), "- äöü äöü\n  äöü\n");
        assert_eq!(wrapped(8, "a-word-longer-than-the-line b"), "- a-word-longer-than-the-line\n  b\n");
        assert_eq!(wrapped(10, "病院病院 病院"), "- 病院病院\n  病院\n");
    }

    #[test]
    fn nothing_found_says_what_was_looked_at() {
        let mut out = Vec::new();
        write(&Report::default(), Layout::default(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("no frame was read"), "{text}");
        assert!(text.contains("Looked at 0 frames in 0 captures."), "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}
