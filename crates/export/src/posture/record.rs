//! For the security officer and the regulator: every matter with its cases, how sure, when, and what was decided.

use super::{CASES_MAX, Case, Decided, MATTERS_MAX, Matter, Posture, devices_line, when};
use crate::paper::{Block, Cell, Column, Phrase, Tone};
use crate::playbook::playbook;
use crate::time::{counted, grouped};
use model::Certainty;
use std::collections::BTreeMap;

pub(super) fn for_security(posture: &Posture, blocks: &mut Vec<Block>) {
    if !posture.matters.is_empty() {
        blocks.push(Block::Heading("What is open".to_owned()));
    }
    for matter in posture.matters.iter().take(MATTERS_MAX) {
        head(matter, blocks);
        blocks.push(Block::Text(Phrase::led("Why:", &matter.why)));
        blocks.push(Block::Text(Phrase::led("What to do:", &matter.fix)));
        if !matter.references.is_empty() {
            blocks.push(Block::Small(format!("Rule {} · {}", matter.rule, matter.references.join(" · "))));
        }
        cases(matter, blocks);
    }
    blocks.extend(posture.more());
    decided(posture, blocks);
    blocks.extend(posture.unseen());
    blocks.extend(posture.log());
}

pub(super) fn for_regulator(posture: &Posture, blocks: &mut Vec<Block>) {
    blocks.push(Block::Heading("What this report rests on".to_owned()));
    blocks.push(Block::List {
        ordered: false,
        items: vec![
            Phrase::led("How:", "by listening to the network. Nothing was sent to a device, no device was tested or changed."),
            Phrase::led(
                "How sure:",
                "confirmed means that the bytes show it; likely, that they show it but for a part that was not captured; attempted, that \
                 a device asked and nobody was seen to answer.",
            ),
            Phrase::led("Times:", "of traffic, those of the captures and sensors; of decisions, those of this machine. All are UTC."),
            Phrase::led("Patients:", "no patient identifier is kept in the store that this was made from, and none is in the report."),
        ],
    });
    summary(posture, blocks);
    for matter in posture.matters.iter().take(MATTERS_MAX) {
        head(matter, blocks);
        blocks.push(Block::Text(Phrase::plain(&matter.why)));
        cases(matter, blocks);
    }
    blocks.extend(posture.more());
    decided(posture, blocks);
    authorities(posture, blocks);
    blocks.extend(posture.unseen());
    blocks.extend(posture.log());
    blocks.push(Block::Sign(vec![
        "Responsible for the devices: name, date".to_owned(),
        "Responsible for the network: name, date".to_owned(),
    ]));
}

fn head(matter: &Matter, blocks: &mut Vec<Block>) {
    blocks.push(Block::Matter {
        tone: matter.severity.into(),
        word: matter.severity.to_string().to_uppercase(),
        title: matter.title.clone(),
    });
}

/// All matters, a line each.
fn summary(posture: &Posture, blocks: &mut Vec<Block>) {
    blocks.push(Block::Heading("What is open".to_owned()));
    if posture.matters.is_empty() {
        blocks.push(Block::Text(Phrase::plain("No finding is open.")));
        return;
    }
    let row = |matter: &Matter| {
        let first = matter.cases.iter().map(|case| case.seen.0).min().unwrap_or_default();
        let last = matter.cases.iter().map(|case| case.seen.1).max().unwrap_or_default();
        let confirmed = matter.cases.iter().filter(|case| case.certainty == Certainty::Confirmed).count();
        vec![
            Cell::toned(matter.severity.into(), matter.severity.as_str()),
            Cell::plain(&matter.title).with(devices_line(matter.cases.iter(), 3)),
            when((first, last)),
            Cell::plain(format!("{confirmed} of {}", matter.cases.len())),
        ]
    };
    blocks.push(Block::Table {
        columns: vec![
            Column { title: "Severity", share: 3 },
            Column { title: "What, and on which devices", share: 12 },
            Column { title: "Seen, UTC", share: 5 },
            Column { title: "Confirmed", share: 3 },
        ],
        rows: posture.matters.iter().take(MATTERS_MAX).map(row).collect(),
    });
}

fn cases(matter: &Matter, blocks: &mut Vec<Block>) {
    let row = |case: &Case| {
        let tone = if case.certainty == Certainty::Confirmed { Tone::High } else { Tone::Calm };
        vec![
            Cell::plain(&case.device).with(case.zone.clone().unwrap_or_default()),
            Cell::plain(case.peer.as_deref().unwrap_or("-")),
            when(case.seen),
            Cell::plain(grouped(case.count)),
            Cell::toned(tone, case.certainty.as_str()),
            Cell::plain(&case.state).with(&case.finding),
        ]
    };
    blocks.push(Block::Table {
        columns: vec![
            Column { title: "Device", share: 6 },
            Column { title: "With whom", share: 6 },
            Column { title: "Seen, UTC", share: 5 },
            Column { title: "Times", share: 2 },
            Column { title: "How sure", share: 3 },
            Column { title: "State", share: 5 },
        ],
        rows: matter.cases.iter().take(CASES_MAX).map(row).collect(),
    });
    let left_out = matter.cases.len().saturating_sub(CASES_MAX);
    if left_out != 0 {
        let more = counted(left_out as u64, "case", "cases");
        blocks.push(Block::Small(format!(
            "{more} more of this kind: `lazaret findings list --rule {}`.",
            matter.rule
        )));
    }
}

fn decided(posture: &Posture, blocks: &mut Vec<Block>) {
    if posture.decided.is_empty() {
        return;
    }
    blocks.push(Block::Heading("What was decided".to_owned()));
    let row = |one: &Decided| {
        vec![
            Cell::plain(&one.title).with(format!("{} · {}", one.device, one.finding)),
            Cell::plain(&one.state).with(&one.note),
            Cell::plain(&one.by),
        ]
    };
    blocks.push(Block::Table {
        columns: vec![
            Column { title: "Finding", share: 8 },
            Column { title: "Decision, and why", share: 7 },
            Column { title: "By whom, when (UTC)", share: 5 },
        ],
        rows: posture.decided.iter().take(CASES_MAX).map(row).collect(),
    });
    let left_out = posture.decided.len().saturating_sub(CASES_MAX);
    if left_out != 0 {
        blocks.push(Block::Small(format!(
            "{} more are in the audit log.",
            counted(left_out as u64, "decision", "decisions")
        )));
    }
}

/// What authorities say of the matters at hand, each once.
fn authorities(posture: &Posture, blocks: &mut Vec<Block>) {
    let plays = posture.matters.iter().take(MATTERS_MAX).filter_map(|matter| playbook(&matter.rule));
    let mut sources: BTreeMap<String, (String, String)> = BTreeMap::new();
    for source in plays.flat_map(|play| play.sources) {
        let title =
            source.url.map_or_else(|| source.title.clone(), |url| format!("{} <{url}>", source.title));
        sources.insert(title, (source.who, source.says));
    }
    if sources.is_empty() {
        return;
    }
    blocks.push(Block::Heading("What authorities say".to_owned()));
    let items = sources
        .into_iter()
        .map(|(title, (who, says))| Phrase::led(format!("{who}:"), format!("{says} ({title})")));
    blocks.push(Block::List { ordered: false, items: items.collect() });
    blocks.push(Block::Small("In our summary; the source is what counts.".to_owned()));
}
