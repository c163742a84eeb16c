//! For the ward: what to do at the bedside, in plain words, once for all devices that want the same done.

use super::{Device, Matter, Posture, devices_line};
use crate::paper::{Block, Cell, Column, Phrase};
use crate::playbook::{Playbook, playbook};
use crate::time::counted;
use model::Severity;

/// Devices named with what to do. Our limit; the report says how many more there are.
const NAMED_MAX: usize = 12;

/// Matters that want the same done at the bedside.
struct Task<'a> {
    play: Playbook,
    matters: Vec<&'a Matter>,
}

pub(super) fn blocks(posture: &Posture, blocks: &mut Vec<Block>) {
    let urgent: Vec<&Matter> =
        posture.matters.iter().filter(|matter| matter.severity > Severity::Low).collect();
    let tasks = tasks(&urgent);
    if !tasks.is_empty() {
        blocks.push(Block::Heading("What to do, in this order".to_owned()));
        for task in &tasks {
            task_blocks(task, blocks);
        }
    }
    let minor = posture.matters.len() - urgent.len();
    if minor != 0 {
        let words = counted(minor as u64, "matter", "matters");
        blocks.push(Block::Small(format!(
            "{words} of low severity: nothing to do at the bedside; biomedical engineering knows."
        )));
    }
    blocks.extend(posture.more());
    devices(posture, blocks);
    blocks.push(Block::Heading("Good to know".to_owned()));
    blocks.push(Block::List {
        ordered: false,
        items: vec![
            Phrase::plain("Lazaret listens to the network. It sends nothing to a device, and changes none."),
            Phrase::plain(
                "It sees no alarm and replaces none: whoever is on a monitor is watched as always. No patient's name is in this report.",
            ),
            Phrase::plain(
                "A device that is not listed may still be affected: it may have been off, or on a network that nobody listened to.",
            ),
        ],
    });
    blocks.push(Block::Sign(vec!["For the ward: name, date".to_owned(), "Told to: name, date".to_owned()]));
}

/// Matters by what is to be done; the worst first, as they come.
fn tasks<'a>(matters: &[&'a Matter]) -> Vec<Task<'a>> {
    let mut tasks: Vec<Task<'a>> = Vec::new();
    for matter in matters {
        let Some(play) = playbook(&matter.rule) else { continue };
        let same = |task: &&mut Task<'_>| {
            (&task.play.patient, &task.play.unplug, &task.play.stop)
                == (&play.patient, &play.unplug, &play.stop)
        };
        match tasks.iter_mut().find(same) {
            Some(task) => task.matters.push(matter),
            None => tasks.push(Task { play, matters: vec![matter] }),
        }
    }
    tasks
}

fn task_blocks(task: &Task<'_>, blocks: &mut Vec<Block>) {
    let Some(worst) = task.matters.iter().map(|matter| matter.severity).max() else { return };
    let mut titles: Vec<&str> = task.matters.iter().map(|matter| matter.title.as_str()).collect();
    titles.dedup();
    let (first, others) = titles.split_first().map_or(("", &[][..]), |(first, others)| (*first, others));
    blocks.push(Block::Matter {
        tone: worst.into(),
        word: worst.to_string().to_uppercase(),
        title: first.to_owned(),
    });
    if !others.is_empty() {
        blocks.push(Block::Small(format!("The same is to be done about: {}.", others.join("; "))));
    }
    let cases = task.matters.iter().flat_map(|matter| &matter.cases);
    let step = |lead: &str, text: &str| Phrase::led(lead, text);
    blocks.push(Block::Text(step("Which:", &devices_line(cases, NAMED_MAX))));
    blocks.push(Block::List {
        ordered: true,
        items: vec![
            step("Tell:", &format!("{}.", task.play.tell.join("; "))),
            step("At the bedside:", &task.play.patient),
            step("Unplug:", &task.play.unplug),
            step("Stop using it:", &task.play.stop),
        ],
    });
}

fn devices(posture: &Posture, blocks: &mut Vec<Block>) {
    let concerned: Vec<&Device> = posture.devices.iter().filter(|device| device.worst.is_some()).collect();
    if concerned.is_empty() {
        return;
    }
    blocks.push(Block::Heading("Devices with something open".to_owned()));
    let row = |device: &&Device| {
        let worst =
            device.worst.map_or_else(Cell::default, |worst| Cell::toned(worst.into(), worst.as_str()));
        vec![
            Cell::plain(&device.name).with(device.class.clone().unwrap_or_default()),
            Cell::plain(device.zone.clone().unwrap_or_else(|| "-".to_owned())),
            Cell::plain(device.addresses.join(", ")),
            worst,
        ]
    };
    let left_out = concerned.len().saturating_sub(super::DEVICES_MAX);
    let rows = concerned.iter().take(super::DEVICES_MAX).map(row).collect();
    blocks.push(Block::Table {
        columns: vec![
            Column { title: "Device", share: 5 },
            Column { title: "Where", share: 3 },
            Column { title: "Addresses", share: 6 },
            Column { title: "Worst", share: 2 },
        ],
        rows,
    });
    if left_out != 0 {
        blocks
            .push(Block::Notice(Phrase::led("Not all.", format!("{left_out} more devices are not listed."))));
    }
}
