//! For biomedical engineering: which devices there are, in which version, with which flaws, and what is to be done to them.

use super::{CASES_MAX, DEVICES_MAX, Device, Exposure, MATTERS_MAX, Posture, devices_line};
use crate::paper::{Block, Cell, Column, Phrase, Tone};
use crate::playbook::playbook;
use crate::time::{counted, to_second};
use std::collections::BTreeMap;

/// Flaws named with a device. Our limit; the table of flaws has them all.
const FLAWS_NAMED_MAX: usize = 3;

pub(super) fn blocks(posture: &Posture, blocks: &mut Vec<Block>) {
    devices(posture, blocks);
    flaws(posture, blocks);
    if !posture.matters.is_empty() {
        blocks.push(Block::Heading("What to do".to_owned()));
        for matter in posture.matters.iter().take(MATTERS_MAX) {
            let (tone, word) = (matter.severity.into(), matter.severity.to_string().to_uppercase());
            blocks.push(Block::Matter { tone, word, title: matter.title.clone() });
            let devices = devices_line(matter.cases.iter(), CASES_MAX);
            blocks.push(Block::Text(Phrase::led("Which:", devices)));
            blocks.push(Block::Text(Phrase::led("What to do:", &matter.fix)));
            if let Some(play) = playbook(&matter.rule) {
                blocks.push(Block::Text(Phrase::led("Unplug first:", play.unplug)));
                let items = play.steps.into_iter().map(Phrase::plain).collect();
                blocks.push(Block::List { ordered: false, items });
            }
        }
        blocks.extend(posture.more());
    }
    blocks.extend(posture.unseen());
    blocks.push(Block::Sign(vec![
        "For biomedical engineering: name, date".to_owned(),
        "For the ward: name, date".to_owned(),
    ]));
}

fn devices(posture: &Posture, blocks: &mut Vec<Block>) {
    blocks.push(Block::Heading("Medical devices".to_owned()));
    if posture.devices.is_empty() {
        blocks.push(Block::Text(Phrase::plain("The store knows no medical device.")));
        return;
    }
    let row = |device: &Device| {
        let sure = format!("{:.0} % sure", device.confidence * 100.0);
        let kind = device.class.as_ref().map_or_else(|| sure.clone(), |class| format!("{class}, {sure}"));
        let open = match device.worst {
            Some(worst) => Cell::toned(worst.into(), device.open.to_string()).with(worst.as_str()),
            None => Cell::plain("none"),
        };
        let serial = device.serial.as_ref().map_or_else(String::new, |serial| format!("serial {serial}"));
        vec![
            Cell::plain(&device.name).with(kind),
            Cell::plain(device.firmware.as_deref().unwrap_or("not said")).with(serial),
            Cell::plain(device.addresses.join(", ")).with(device.zone.clone().unwrap_or_default()),
            Cell::plain(to_second(device.last)),
            flaws_of(device),
            open,
        ]
    };
    blocks.push(Block::Table {
        columns: vec![
            Column { title: "Device", share: 6 },
            Column { title: "Firmware", share: 4 },
            Column { title: "Addresses", share: 7 },
            Column { title: "Last seen, UTC", share: 4 },
            Column { title: "Known flaws", share: 5 },
            Column { title: "Open", share: 3 },
        ],
        rows: posture.devices.iter().take(DEVICES_MAX).map(row).collect(),
    });
    let left_out = posture.devices.len().saturating_sub(DEVICES_MAX);
    if left_out != 0 {
        let text = format!("{left_out} more devices are in the console and in `lazaret assets`.");
        blocks.push(Block::Notice(Phrase::led("Not all.", text)));
    }
}

fn flaws_of(device: &Device) -> Cell {
    let named: Vec<&str> =
        device.exposures.iter().take(FLAWS_NAMED_MAX).map(|exposure| exposure.cve.as_str()).collect();
    let more = device.exposures.len().saturating_sub(FLAWS_NAMED_MAX);
    let more = if more == 0 { String::new() } else { format!("and {more} more") };
    if named.is_empty() { Cell::plain("none known") } else { Cell::plain(named.join(", ")).with(more) }
}

/// Each flaw once, the gravest first, with how many devices have it.
fn flaws(posture: &Posture, blocks: &mut Vec<Block>) {
    let mut all: BTreeMap<&Exposure, u64> = BTreeMap::new();
    for exposure in posture.devices.iter().flat_map(|device| &device.exposures) {
        *all.entry(exposure).or_default() += 1;
    }
    if all.is_empty() {
        return;
    }
    let mut all: Vec<(&Exposure, u64)> = all.into_iter().collect();
    all.sort_by_key(|(exposure, _)| (!exposure.kev, u32::MAX - exposure.cvss_tenths));
    let row = |(exposure, devices): &(&Exposure, u64)| {
        let tone = match exposure.cvss_tenths {
            90.. => Tone::Critical,
            70.. => Tone::High,
            40.. => Tone::Medium,
            _ => Tone::Low,
        };
        vec![
            Cell::plain(&exposure.cve),
            Cell::plain(&exposure.advisory),
            Cell::toned(tone, format!("{}.{}", exposure.cvss_tenths / 10, exposure.cvss_tenths % 10)),
            if exposure.kev {
                Cell::toned(Tone::Critical, "known to be")
            } else {
                Cell::plain("not known to be")
            },
            Cell::plain(if exposure.certain { "has it" } else { "may have it" }),
            Cell::plain(counted(*devices, "device", "devices")),
        ]
    };
    blocks.push(Block::Heading("Known flaws".to_owned()));
    blocks.push(Block::Table {
        columns: vec![
            Column { title: "CVE", share: 4 },
            Column { title: "Advisory", share: 4 },
            Column { title: "CVSS", share: 2 },
            Column { title: "Exploited", share: 4 },
            Column { title: "The device", share: 3 },
            Column { title: "On", share: 3 },
        ],
        rows: all.iter().take(DEVICES_MAX).map(row).collect(),
    });
}
