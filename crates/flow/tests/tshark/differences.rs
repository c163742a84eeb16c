//! Disagreements, and the page that explains them.

use crate::Counts;
use crate::rows::ROWS;
use std::collections::BTreeMap;

/// The page, which is part of the manual.
const PAGE: &str = include_str!("../../../../docs/book/src/differences.md");
/// Values of a cell that are written out; of the rest the number.
const VALUES_SHOWN_MAX: usize = 4;
/// Characters of a value that are written out.
const VALUE_CHARACTERS_MAX: usize = 60;

/// A disagreement, as the page's first four columns have it.
pub(crate) type Difference = [String; 4];

/// Where the two counts of `capture` differ.
pub(crate) fn between(capture: &str, ours: &Counts, theirs: &Counts) -> Vec<Difference> {
    let empty = BTreeMap::new();
    let mut found = Vec::new();
    for row in ROWS {
        let mut mine: BTreeMap<String, u64> = BTreeMap::new();
        for (value, count) in ours.get(row.ours).unwrap_or(&empty) {
            if let Some(value) = (row.normal)(value) {
                *mine.entry(value).or_default() += count;
            }
        }
        let theirs = theirs.get(row.ours).unwrap_or(&empty);
        let (more, less) = (beyond(&mine, theirs), beyond(theirs, &mine));
        if !more.is_empty() || !less.is_empty() {
            found.push([format!("`{capture}`"), format!("`{}`", row.ours), cell(&more), cell(&less)]);
        }
    }
    found
}

/// What `left` has beyond `right`.
fn beyond(left: &BTreeMap<String, u64>, right: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let more = |(value, count): (&String, &u64)| {
        let rest = count.saturating_sub(right.get(value).copied().unwrap_or(0));
        (rest > 0).then(|| (value.clone(), rest))
    };
    left.iter().filter_map(more).collect()
}

/// Values and how often each, as a cell of the table.
fn cell(values: &BTreeMap<String, u64>) -> String {
    let shown = values.iter().take(VALUES_SHOWN_MAX).map(|(value, count)| {
        let cut = value.chars().count() > VALUE_CHARACTERS_MAX;
        let mut text: String = value.chars().take(VALUE_CHARACTERS_MAX).collect();
        if cut {
            text.push('…');
        }
        let text = text.replace('|', "¦").replace('`', "'");
        format!("`{text}` ×{count}")
    });
    let mut cell = shown.collect::<Vec<_>>().join(", ");
    let rest: Vec<u64> = values.values().skip(VALUES_SHOWN_MAX).copied().collect();
    if !rest.is_empty() {
        cell.push_str(&format!(", and {} more ×{}", rest.len(), rest.iter().sum::<u64>()));
    }
    cell
}

/// Rows of the page: the four columns, and why.
fn page() -> Vec<(Difference, String)> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells: Vec<_> =
            line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        let Ok([capture, field, ours, theirs, why]) = <[String; 5]>::try_from(cells) else {
            panic!("not five cells: {line}");
        };
        ([capture, field, ours, theirs], why)
    })
    .collect()
}

/// Disagreements that the page does not explain, and rows of the page that do not occur, among these folders.
pub(crate) fn unexplained(folders: &[&str], found: &[Difference]) -> Vec<String> {
    let row = |difference: &Difference, why: &str| format!("| {} | {why} |", difference.join(" | "));
    let page = page();
    let here = |difference: &Difference| {
        folders.iter().any(|folder| {
            difference[0]
                .strip_prefix('`')
                .is_some_and(|name| name.starts_with(folder) && name[folder.len()..].starts_with('/'))
        })
    };
    let mut faults = Vec::new();
    for difference in found {
        if !page.iter().any(|(listed, _)| listed == difference) {
            faults.push(format!("not listed: {}", row(difference, "?")));
        }
    }
    for (listed, why) in page.iter().filter(|(listed, _)| here(listed)) {
        if !found.contains(listed) {
            faults.push(format!("no longer so: {}", row(listed, why)));
        }
        if why.len() < 4 {
            faults.push(format!("without a reason: {}", row(listed, why)));
        }
    }
    faults
}
