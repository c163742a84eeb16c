//! The answer as a page, for the ward and whoever signs it.

use super::{CutRow, Document, PassingRow, TalkRow};
use crate::stored::shown;
use export::check::{Count, Page, Section};

const CONVERSATION: &[&str] = &["Device", "Conversation", "What for", "When", "Frame"];
const PASSING: &[&str] = &["Severity", "Finding", "Device", "Conversation", "Passes by", "Frames"];

pub(super) fn page(document: &Document<'_>) -> Page {
    let clinical = document.clinical_cuts;
    let passing = document.passing.len();
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let (class, verdict) = match (clinical, passing) {
        (0, 0) => (
            "calm",
            "It would cut no clinical conversation, and no bad traffic that was seen would pass".to_owned(),
        ),
        (0, passing) => ("high", format!("Bad traffic would still pass: {passing}")),
        (clinical, _) => ("critical", format!("It would cut clinical conversations: {clinical}")),
    };
    Page {
        policy: document.policy.clone(),
        captures: document.captures.clone(),
        verdict,
        class,
        counts: vec![
            Count { class: "critical", count: number(clinical), what: "clinical conversations cut" },
            Count { class: "high", count: number(passing), what: "bad ones that pass" },
            Count { class: "low", count: number(document.cut.len() - clinical), what: "others cut" },
            Count { class: "medium", count: number(document.unproven.len()), what: "unproven" },
        ],
        summary: format!(
            "{} conversations were judged by whoever opens them: {} pass, {} are none of the policy's business.",
            document.conversations, document.pass, document.outside
        ),
        sections: sections(document),
    }
}

fn sections(document: &Document<'_>) -> Vec<Section> {
    vec![
        Section {
            title: "Clinical conversations that would be cut",
            about: "Patients' care depends on these. Allow them in the policy, or know why not, before anything is enforced.",
            class: "critical",
            heads: CONVERSATION,
            rows: document.cut.iter().filter(|row| is_wrong(row)).map(cut).collect(),
            left_out: 0,
            empty: "None was seen.",
        },
        Section {
            title: "Bad traffic that would still pass",
            about: "A finding is about each of these, and a rule of the policy, or its silence, lets it through.",
            class: "high",
            heads: PASSING,
            rows: document.passing.iter().map(passes).collect(),
            left_out: 0,
            empty: "None was seen.",
        },
        Section {
            title: "Other conversations that would be cut",
            about: "Findings stand beside those that are cut on purpose.",
            class: "low",
            heads: CONVERSATION,
            rows: document.cut.iter().filter(|row| !is_wrong(row)).map(cut).collect(),
            left_out: 0,
            empty: "None was seen.",
        },
        Section {
            title: "Unproven",
            about: "What these captures neither prove nor refute: look at a longer time, an update, a night shift.",
            class: "medium",
            heads: &["What"],
            rows: document.unproven.iter().map(|row| vec![row.what.clone()]).collect(),
            left_out: 0,
            empty: "Nothing.",
        },
        Section {
            title: "What could not be seen",
            about: "Of this nothing above speaks.",
            class: "medium",
            heads: &["What"],
            rows: document.blind_spots.iter().map(|spot| vec![shown(spot)]).collect(),
            left_out: 0,
            empty: "Nothing that Lazaret knows of.",
        },
    ]
}

/// Clinical, and no finding condemns it.
fn is_wrong(row: &CutRow<'_>) -> bool {
    row.clinical && row.findings.is_empty()
}

fn cut(row: &CutRow<'_>) -> Vec<String> {
    let mut what_for = row.role.unwrap_or("of unknown use").to_owned();
    if !row.findings.is_empty() {
        what_for = format!("{what_for}; condemned by {}", row.findings.join(", "));
    }
    let talk = &row.conversation;
    vec![row.device.clone(), with_whom(talk), what_for, when(talk), talk.frame.clone().unwrap_or_default()]
}

fn passes(row: &PassingRow<'_>) -> Vec<String> {
    let talk = &row.conversation;
    let by = row.by.clone().unwrap_or_else(|| "no unit covers the device".to_owned());
    let frames = row.frames.iter().map(|frame| shown(frame)).collect::<Vec<_>>().join(", ");
    vec![row.severity.to_owned(), row.rule.to_owned(), row.device.clone(), with_whom(talk), by, frames]
}

fn with_whom(talk: &TalkRow) -> String {
    let arrow = if talk.opens == "peer" { "←" } else { "→" };
    let spoken = talk.protocol.as_deref().unwrap_or("unknown protocol");
    format!("{arrow} {} {}/{} {spoken}, {}", talk.peer, talk.transport, talk.port, talk.r#where)
}

fn when(talk: &TalkRow) -> String {
    let flows = if talk.flows == 1 { "1 flow".to_owned() } else { format!("{} flows", talk.flows) };
    format!("{flows}, {} to {}", talk.first, talk.last)
}
