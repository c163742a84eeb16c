//! One table for each bed, for a terminal.
//!
//! # Limits
//! A terminal is no archive: at most [`BEDS_MAX`] beds, [`LINES_MAX`] changes, notices and checks of each are
//! written, and the text says how many more there are.

use super::{LABEL, asked, bed_name, channel_name, device_name, left_out_words, nothing_words};
use crate::html::{unit_words, vital_words};
use crate::printable::printable;
use crate::report1::patient_word;
use crate::summary::{from_to, number};
use crate::text::{Layout, Page};
use crate::time::{counted, grouped, span, time_of_day};
use model::{BedRecording, LimitInForce, NumericPoint, Report, Switch, Validity, Verdict, Vital};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

/// Most beds written out. Our limit; the rest is counted in the text.
pub const BEDS_MAX: usize = 200;
/// Most changes of limits, notices or checks of one bed. Our limit; the rest is counted in the text.
pub const LINES_MAX: usize = 12;

/// Writes the tables.
///
/// # Errors
/// What the writer says.
pub fn write(report: &Report, layout: Layout, to: impl Write) -> io::Result<()> {
    let mut page = Page::new(to, layout);
    let title = page.styled("1", "LAZARET");
    let beds = counted(report.recordings.len() as u64, "bed", "beds");
    writeln!(page.to, "{title}  vital signs of {beds}\n")?;
    page.paragraph("", "", &format!("{LABEL}."))?;
    if let Some(reason) = &report.identifiers_shown_because {
        page.paragraph("Patient identifiers are shown in clear: ", "  ", &printable(reason))?;
    }
    if report.recordings.is_empty() {
        writeln!(page.to)?;
        page.paragraph("", "", &nothing_words(report))?;
    }
    for bed in report.recordings.iter().take(BEDS_MAX) {
        write_bed(&mut page, report, bed)?;
    }
    page.more(report.recordings.len(), BEDS_MAX, "beds")?;
    if !report.blind_spots.is_empty() {
        page.heading("What could not be seen")?;
        for sentence in &report.blind_spots {
            page.paragraph("- ", "  ", &printable(sentence))?;
        }
    }
    Ok(())
}

fn write_bed<W: Write>(page: &mut Page<W>, report: &Report, bed: &BedRecording) -> io::Result<()> {
    page.heading(&bed_name(bed))?;
    let patient = patient_word(bed.patient.as_ref());
    let patient = patient.map_or_else(|| "withheld".to_owned(), |word| printable(&word).into_owned());
    page.paragraph("", "", &format!("{}, {}; patient {patient}", device_name(report, bed), bed.asset))?;
    page.paragraph("", "", &format!("{} UTC, {}", from_to(bed.first, bed.last), pace_words(bed)))?;
    writeln!(page.to)?;
    if !bed.numerics.is_empty() {
        let again = !bed.recomputed.is_empty();
        let mut head = vec!["Parameter", "Last", "Range", "Unit", "Limits", "Valid"];
        if again {
            head.push("Recomputed");
        }
        let mut table = page.table(&head);
        for (vital, points) in &bed.numerics {
            let mut row = numeric_row(bed, *vital, points);
            if again {
                row.push(
                    bed.recomputed.get(vital).map_or_else(String::new, |points| recomputed_words(points)),
                );
            }
            table.add_row(row);
        }
        writeln!(page.to, "{}", table.trim_fmt())?;
    }
    changes(page, bed)?;
    notices(page, bed)?;
    checks(page, bed)?;
    if let Some(words) = left_out_words(bed) {
        page.paragraph("", "", &words)?;
    }
    Ok(())
}

/// `270 cycles of 1.000 s in 4 min 30 s; samples a second: 256.0 (ECG 1, Pleth); 2 gaps …`.
pub(super) fn pace_words(bed: &BedRecording) -> String {
    let lasting = span(bed.last.since(bed.first));
    let mut parts = vec![match (bed.cycles, bed.cycle_ns) {
        (0, _) => format!("numbers now and then over {lasting}"),
        (cycles, None) => format!("{} in {lasting}", counted(cycles, "cycle", "cycles")),
        (cycles, Some(nanos)) => {
            let each = Duration::from_nanos(nanos).as_secs_f64();
            format!("{} of {each:.3} s in {lasting}", counted(cycles, "cycle", "cycles"))
        }
    }];
    let mut rates: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    for (channel, seen) in &bed.channels {
        if let Some(rate) = seen.rate_hz {
            rates.entry(-(rate * 10.0).round() as i64).or_default().push(channel_name(*channel));
        }
    }
    let rate = |(tenths, channels): (&i64, &Vec<&str>)| {
        format!("{:.1} ({})", -*tenths as f64 / 10.0, channels.join(", "))
    };
    if !rates.is_empty() {
        let rates: Vec<String> = rates.iter().map(rate).collect();
        parts.push(format!("samples a second: {}", rates.join(", ")));
    }
    if !bed.gaps.is_empty() {
        let whole: Duration = bed.gaps.iter().map(|gap| gap.to.since(gap.from)).sum();
        let gaps = counted(bed.gaps.len() as u64, "gap", "gaps");
        parts.push(format!("{gaps} in the cycles, {} in all", span(whole)));
    }
    parts.join("; ")
}

fn numeric_row(bed: &BedRecording, vital: Vital, points: &[NumericPoint]) -> Vec<String> {
    let range = bed.range(vital);
    let last = points.last();
    let shown = match last.map(|point| point.validity) {
        Some(Validity::Valid) => range.map_or_else(String::new, |range| number(range.last)),
        _ => "not valid".to_owned(),
    };
    let valid = range.map_or(0, |range| range.samples);
    vec![
        vital_words(vital).0.to_owned(),
        shown,
        range.map_or_else(String::new, |range| match range.min < range.max {
            true => format!("{}–{}", number(range.min), number(range.max)),
            false => "steady".to_owned(),
        }),
        unit_words(vital.unit()).to_owned(),
        bed.limits.get(&vital).and_then(|all| all.last()).map_or_else(String::new, limit_words),
        format!("{} of {}", grouped(valid), grouped(points.len() as u64)),
    ]
}

/// `50–120`, and the alarm where it is not on.
pub(super) fn limit_words(in_force: &LimitInForce) -> String {
    let limit = in_force.limit;
    let alarm = match limit.switch {
        Switch::On => "",
        Switch::Off => ", alarm off",
        Switch::Unknown(_) => ", alarm not known",
    };
    format!("{}–{}{alarm}", number(limit.low), number(limit.high))
}

fn recomputed_words(points: &[NumericPoint]) -> String {
    let valid = || points.iter().filter(|point| point.validity == Validity::Valid).map(|point| point.value);
    match (valid().next_back(), valid().reduce(f32::min), valid().reduce(f32::max)) {
        (Some(last), Some(min), Some(max)) => format!("{last:.0} ({min:.0}–{max:.0})"),
        _ => "cannot tell".to_owned(),
    }
}

fn changes<W: Write>(page: &mut Page<W>, bed: &BedRecording) -> io::Result<()> {
    let mut changes: Vec<(&LimitInForce, &LimitInForce)> = bed
        .limits
        .values()
        .flat_map(|all| all.windows(2).filter_map(|pair| Some((pair.first()?, pair.last()?))))
        .collect();
    changes.sort_by_key(|(_, to)| (to.since, to.limit.vital));
    for (from, to) in changes.iter().take(LINES_MAX) {
        let (name, when) = (vital_words(to.limit.vital).0, time_of_day(to.since));
        page.paragraph(
            "Limit changed: ",
            "  ",
            &format!("{name} {} became {} at {when}", limit_words(from), limit_words(to)),
        )?;
    }
    more(page, changes.len(), "changes of limits")
}

fn notices<W: Write>(page: &mut Page<W>, bed: &BedRecording) -> io::Result<()> {
    for notice in bed.notices.iter().take(LINES_MAX) {
        let text = printable(notice.text.as_str());
        page.paragraph("Notice: ", "  ", &format!("{text} at {}", time_of_day(notice.time)))?;
    }
    more(page, bed.notices.len(), "notices")
}

/// What was found in full; what was asked and found nothing in a line each of names.
fn checks<W: Write>(page: &mut Page<W>, bed: &BedRecording) -> io::Result<()> {
    let found: Vec<_> = bed.integrity.iter().filter(|row| row.verdict >= Verdict::Suspect).collect();
    for row in found.iter().take(LINES_MAX) {
        let when = from_to(row.first, row.last);
        let words = format!("{} ({}), {when}: {}", row.check, row.verdict.as_str(), printable(&row.why));
        page.paragraph("Integrity: ", "  ", &words)?;
    }
    more(page, found.len(), "findings of checks")?;
    let asked = asked(bed);
    let consistent = asked.iter().filter(|one| one.consistent > 0);
    let consistent: Vec<String> =
        consistent.map(|one| format!("{} ({} s)", one.check, one.consistent)).collect();
    if !consistent.is_empty() {
        page.paragraph("Consistent where it could be judged: ", "  ", &consistent.join(", "))?;
    }
    let never = asked.iter().filter(|one| one.consistent == 0 && one.unjudged > 0);
    let never: Vec<String> = never
        .map(|one| match one.why {
            Some(why) => format!("{}: {}", one.check, printable(why)),
            None => one.check.to_string(),
        })
        .collect();
    if !never.is_empty() {
        page.paragraph("Could not be judged: ", "  ", &never.join(" "))?;
    }
    match &bed.score {
        Some(score) => {
            page.paragraph("Example of a score, of the last numbers: ", "  ", &format!("{score}."))
        }
        None => Ok(()),
    }
}

fn more<W: Write>(page: &mut Page<W>, all: usize, what: &str) -> io::Result<()> {
    match all.saturating_sub(LINES_MAX) {
        0 => Ok(()),
        left => {
            writeln!(page.to, "… and {left} more {what}: `--format html` or `--format json` list them all.")
        }
    }
}
