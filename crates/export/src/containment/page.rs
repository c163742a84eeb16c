//! The report on containment as a document, for each who reads it.

use super::{Against, Containment, Device, Period, Standing};
use crate::paper::{Audience, Block, Cell, Column, Count, Phrase, Tone};
use crate::time::counted;

/// Devices told one by one. Our limit; the table before them has more.
const TOLD_MAX: usize = 100;
/// Devices in the table. Our limit; the report says how many more there are.
const ROWS_MAX: usize = 1_000;

const fn tone(standing: Standing) -> Tone {
    match standing {
        Standing::Broken => Tone::Critical,
        Standing::Ended | Standing::NotContained => Tone::High,
        Standing::Contained => Tone::Good,
    }
}

/// As the table says it.
const fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Broken => "not contained",
        Standing::Ended => "no longer contained",
        Standing::NotContained => "no policy",
        Standing::Contained => "contained",
    }
}

pub(super) fn blocks(report: &Containment, audience: Audience) -> Vec<Block> {
    let mut blocks = vec![verdict(report), counts(report)];
    if report.devices.is_empty() {
        blocks.push(Block::Text(Phrase::plain("The store knows no medical device.")));
    } else {
        table(report, audience, &mut blocks);
    }
    if audience != Audience::Ward {
        let told = report.devices.iter().filter(|one| !one.against.is_empty() || !one.policies.is_empty());
        let told: Vec<&Device> = told.collect();
        if !told.is_empty() {
            blocks.push(Block::Heading("Policies, and what proves otherwise".to_owned()));
        }
        for device in told.iter().take(TOLD_MAX) {
            one(device, &mut blocks);
        }
        if told.len() > TOLD_MAX {
            let more = format!("{} more devices are in the table alone.", told.len() - TOLD_MAX);
            blocks.push(Block::Notice(Phrase::led("Not all.", more)));
        }
    }
    blocks.push(Block::Heading("What contained means".to_owned()));
    blocks.push(Block::Text(Phrase::plain(
        "A policy that names the device was confirmed on the host that keeps it apart, and nothing open in the store \
         proves otherwise. It does not speak of paths that no sensor saw. Times of traffic are those of captures and \
         sensors, times of policies those of this machine; all are UTC.",
    )));
    if matches!(audience, Audience::Security | Audience::Regulator) {
        receipts(report, &mut blocks);
    }
    blocks.push(Block::Sign(vec![
        "For the ward: name, date".to_owned(),
        "For biomedical engineering or security: name, date".to_owned(),
    ]));
    blocks
}

fn many(report: &Containment, standing: Standing) -> u64 {
    report.devices.iter().filter(|device| device.standing == standing).count() as u64
}

fn verdict(report: &Containment) -> Block {
    let all = report.devices.len() as u64;
    let broken = many(report, Standing::Broken);
    let without = many(report, Standing::Ended) + many(report, Standing::NotContained);
    let is = |count: u64| if count == 1 { "is" } else { "are" };
    let (tone, sentence) = match (all, broken, without) {
        (0, ..) => (Tone::Medium, "No medical device is known.".to_owned()),
        (_, 1.., _) => (
            Tone::Critical,
            format!("{broken} of {all} {} not contained: something proves otherwise.", is(broken)),
        ),
        (_, 0, 1..) => (Tone::High, format!("{without} of {all} {} under no policy.", is(without))),
        (..) => (
            Tone::Good,
            format!("All of {} are contained.", counted(all, "medical device", "medical devices")),
        ),
    };
    let text = match (&report.from, &report.to) {
        (None, None) => Vec::new(),
        (Some(from), None) => vec![format!("Nothing before {from} is counted.")],
        (None, Some(to)) => vec![format!("Nothing after {to} is counted.")],
        (Some(from), Some(to)) => vec![format!("From {from} to {to}.")],
    };
    Block::Verdict { tone, sentence, text }
}

fn counts(report: &Containment) -> Block {
    let all = [Standing::Broken, Standing::Ended, Standing::NotContained, Standing::Contained];
    let count = |standing| Count {
        tone: tone(standing),
        count: many(report, standing),
        what: word(standing).to_owned(),
    };
    Block::Counts(all.into_iter().map(count).collect())
}

fn table(report: &Containment, audience: Audience, blocks: &mut Vec<Block>) {
    let row = |device: &Device| {
        let since = device.since.as_ref().map_or_else(String::new, |since| format!("since {since}"));
        let proof = device
            .proof
            .as_ref()
            .map_or_else(|| Cell::plain("none"), |proof| Cell::plain(&proof.what).with(&proof.at));
        let id = if audience == Audience::Ward { String::new() } else { device.asset.clone() };
        vec![
            Cell::plain(&device.what).with(id),
            Cell::plain(device.addresses.join(", ")),
            Cell::toned(tone(device.standing), word(device.standing)).with(since),
            proof,
        ]
    };
    blocks.push(Block::Heading("Device by device".to_owned()));
    blocks.push(Block::Table {
        columns: vec![
            Column { title: "Device", share: 6 },
            Column { title: "Addresses", share: 6 },
            Column { title: "How it is", share: 5 },
            Column { title: "Last proof", share: 6 },
        ],
        rows: report.devices.iter().take(ROWS_MAX).map(row).collect(),
    });
    if report.devices.len() > ROWS_MAX {
        let more = format!("{} more devices are not listed.", report.devices.len() - ROWS_MAX);
        blocks.push(Block::Notice(Phrase::led("Not all.", more)));
    }
}

fn one(device: &Device, blocks: &mut Vec<Block>) {
    blocks.push(Block::Matter {
        tone: tone(device.standing),
        word: word(device.standing).to_uppercase(),
        title: format!("{} {}", device.what, device.addresses.join(", ")),
    });
    let against = |one: &Against| {
        vec![
            Cell::plain(&one.title).with(format!("{} · {}", one.rule, one.finding)),
            Cell::plain(&one.first).with(format!("to {}", one.last)),
            Cell::plain(one.count.to_string()),
            Cell::plain(&one.state),
        ]
    };
    blocks.push(Block::Table {
        columns: vec![
            Column { title: "What proves otherwise", share: 7 },
            Column { title: "Seen", share: 7 },
            Column { title: "Times", share: 2 },
            Column { title: "State", share: 6 },
        ],
        rows: device.against.iter().map(against).collect(),
    });
    let policy = |one: &Period| {
        vec![
            Cell::plain(&one.name).with(&one.policy),
            Cell::plain(&one.since),
            Cell::plain(one.until.as_deref().unwrap_or("in force")),
            Cell::plain(&one.by),
        ]
    };
    blocks.push(Block::Table {
        columns: vec![
            Column { title: "Policy", share: 6 },
            Column { title: "In force since", share: 6 },
            Column { title: "Until", share: 6 },
            Column { title: "Confirmed by", share: 4 },
        ],
        rows: device.policies.iter().map(policy).collect(),
    });
}

fn receipts(report: &Containment, blocks: &mut Vec<Block>) {
    let whole = if report.audit.whole { "whole" } else { "NOT WHOLE: an entry was changed or taken out" };
    let mut facts = vec![
        ("Audit log".to_owned(), format!("{} entries; its chain is {whole}", report.audit.entries)),
        ("Last hash".to_owned(), report.audit.hash.clone()),
    ];
    for sensor in &report.sensors {
        facts.push((format!("Sensor {}", sensor.name), format!("wrote last at {}", sensor.at)));
    }
    blocks.push(Block::Heading("Receipts".to_owned()));
    blocks.push(Block::Facts(facts));
}
