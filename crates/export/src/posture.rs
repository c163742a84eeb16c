//! How the medical devices of a site stand, for whom: the ward, biomedical engineering, the security officer, the regulator.
//!
//! The facts come from a store, which holds no patient; what each reader is told of them is decided here, once for every form.
//! What people should do is the playbook's, whatever the report.

mod biomed;
mod record;
mod ward;

use crate::containment::Audit;
use crate::paper::{Audience, Block, Cell, Column, Count, Paper, Phrase, Tone};
use crate::time::{counted, to_second};
use model::{CaptureTime, Certainty, Severity};

/// Matters that a report tells one by one. Our limit; the report says how many more there are.
const MATTERS_MAX: usize = 60;
/// Cases of a matter, and decisions. Our limit, as before.
const CASES_MAX: usize = 40;
/// Devices in a table. Our limit, as before.
const DEVICES_MAX: usize = 500;

/// What is known.
#[derive(Clone, Debug)]
pub struct Posture {
    /// When it was asked, by the clock of this machine.
    pub made: CaptureTime,
    /// Version of Lazaret.
    pub version: String,
    /// Which site, where it has a name.
    pub site: Option<String>,
    /// Only what was seen after this.
    pub from: Option<CaptureTime>,
    /// Only what was seen before this.
    pub to: Option<CaptureTime>,
    /// Hosts that are no medical devices.
    pub others: u64,
    /// Medical devices, those with the worst matters first.
    pub devices: Vec<Device>,
    /// What is open, the worst first.
    pub matters: Vec<Matter>,
    /// Open findings that are in no matter here, because there are too many.
    pub left_out: u64,
    /// What was decided, the latest first.
    pub decided: Vec<Decided>,
    /// Who listens.
    pub sensors: Vec<Sensor>,
    /// First and last conversation that was seen.
    pub heard: Option<(CaptureTime, CaptureTime)>,
    /// The log of decisions.
    pub audit: Audit,
}

/// A medical device.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// What it is: maker and model, or its kind.
    pub name: String,
    /// Kind of device.
    pub class: Option<String>,
    /// Zone of its address, where the site named one.
    pub zone: Option<String>,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Firmware, where it says.
    pub firmware: Option<String>,
    /// Serial number, where it says.
    pub serial: Option<String>,
    /// How sure its kind is, 0 to 1.
    pub confidence: f64,
    /// When it was last seen.
    pub last: CaptureTime,
    /// Open findings about it.
    pub open: u64,
    /// The worst of them.
    pub worst: Option<Severity>,
    /// Flaws it has, or may have.
    pub exposures: Vec<Exposure>,
}

/// A flaw of a device.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Exposure {
    /// CVE id.
    pub cve: String,
    /// Advisory that names it.
    pub advisory: String,
    /// CVSS base score, in tenths.
    pub cvss_tenths: u32,
    /// Whether it is known to be exploited.
    pub kev: bool,
    /// Whether it is certain that the device has it.
    pub certain: bool,
}

/// Findings of one rule that want the same done.
#[derive(Clone, Debug)]
pub struct Matter {
    /// The rule.
    pub rule: String,
    /// One line.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// Why, of the first.
    pub why: String,
    /// What to do.
    pub fix: String,
    /// Techniques, advisories and CVEs.
    pub references: Vec<String>,
    /// Where it was seen.
    pub cases: Vec<Case>,
}

/// A finding.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its id.
    pub finding: String,
    /// Which device.
    pub device: String,
    /// Zone of the device.
    pub zone: Option<String>,
    /// With whom.
    pub peer: Option<String>,
    /// First and last time.
    pub seen: (CaptureTime, CaptureTime),
    /// How often.
    pub count: u64,
    /// How sure.
    pub certainty: Certainty,
    /// What people said of it.
    pub state: String,
}

/// A decision about a finding that is not open any more, or quiet.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Its id.
    pub finding: String,
    /// One line.
    pub title: String,
    /// Which device.
    pub device: String,
    /// What was decided.
    pub state: String,
    /// Who, when.
    pub by: String,
    /// Why; may be empty.
    pub note: String,
}

/// A sensor.
#[derive(Clone, Debug)]
pub struct Sensor {
    /// Its name.
    pub name: String,
    /// How it does, in words.
    pub state: String,
    /// Whether that is well.
    pub well: bool,
    /// What it could not see.
    pub blind_spots: Vec<String>,
}

impl Posture {
    /// The report for them.
    #[must_use]
    pub fn paper(&self, audience: Audience) -> Paper {
        let mut blocks = vec![self.verdict(audience)];
        if audience != Audience::Ward {
            blocks.push(self.counts());
        }
        match audience {
            Audience::Ward => ward::blocks(self, &mut blocks),
            Audience::Biomed => biomed::blocks(self, &mut blocks),
            Audience::Security => record::for_security(self, &mut blocks),
            Audience::Regulator => record::for_regulator(self, &mut blocks),
        }
        Paper {
            title: "Posture of medical devices".to_owned(),
            audience,
            site: self.site.clone(),
            made: self.made,
            version: self.version.clone(),
            blocks,
        }
    }

    fn open(&self, severity: Severity) -> u64 {
        let of = |matter: &&Matter| matter.severity == severity;
        self.matters.iter().filter(of).map(|matter| matter.cases.len() as u64).sum()
    }

    fn verdict(&self, audience: Audience) -> Block {
        let worst = self.matters.iter().map(|matter| matter.severity).max();
        let concerned = self.devices.iter().filter(|device| device.worst.is_some()).count() as u64;
        let all = counted(self.devices.len() as u64, "medical device", "medical devices");
        let (tone, sentence) = match worst {
            Some(Severity::Critical) => (Tone::Critical, "Act now."),
            Some(Severity::High) => (Tone::High, "To fix soon."),
            Some(Severity::Medium) => (Tone::Medium, "To fix in the ordinary course."),
            Some(Severity::Low) => (Tone::Low, "Nothing urgent."),
            None if self.devices.is_empty() && self.others == 0 => {
                (Tone::Medium, "Nothing was looked at yet: the store knows no device.")
            }
            None => (Tone::Good, "Nothing is open."),
        };
        let mut text = Vec::new();
        match (worst, self.devices.len()) {
            (Some(_), 1..) => text.push(format!("{all} known; {concerned} of them with something open.")),
            _ => text.push(format!("{all} known.")),
        }
        if let Some(period) = self.period() {
            text.push(period);
        }
        if audience != Audience::Ward
            && let Some((first, last)) = self.heard
        {
            text.push(format!(
                "Traffic was looked at from {} to {} UTC. What no capture and no sensor saw is not spoken of.",
                to_second(first),
                to_second(last)
            ));
        }
        Block::Verdict { tone, sentence: sentence.to_owned(), text }
    }

    fn period(&self) -> Option<String> {
        match (self.from, self.to) {
            (None, None) => None,
            (Some(from), None) => Some(format!("Only what was seen since {} UTC.", to_second(from))),
            (None, Some(to)) => Some(format!("Only what was seen until {} UTC.", to_second(to))),
            (Some(from), Some(to)) => {
                Some(format!("Only what was seen from {} to {} UTC.", to_second(from), to_second(to)))
            }
        }
    }

    fn counts(&self) -> Block {
        let count = |severity: Severity| Count {
            tone: severity.into(),
            count: self.open(severity),
            what: format!("{severity}, open"),
        };
        let mut counts: Vec<Count> = Severity::ALL.into_iter().rev().map(count).collect();
        let decided =
            Count { tone: Tone::Calm, count: self.decided.len() as u64, what: "decided".to_owned() };
        counts.push(decided);
        Block::Counts(counts)
    }

    /// What is not told one by one.
    fn more(&self) -> Option<Block> {
        let further = self.matters.iter().skip(MATTERS_MAX);
        let further = further.map(|matter| matter.cases.len() as u64).sum::<u64>() + self.left_out;
        (further != 0).then(|| {
            let text = format!(
                "{} more are open and not listed here; the console and `lazaret findings` list them all.",
                counted(further, "finding", "findings")
            );
            Block::Notice(Phrase::led("Not all.", text))
        })
    }

    /// What the sensors could not see.
    fn unseen(&self) -> Vec<Block> {
        let mut blocks = vec![Block::Heading("What could not be seen".to_owned())];
        if self.sensors.is_empty() {
            blocks.push(Block::Text(Phrase::plain(
                "No sensor writes into this store: it knows what captures showed, and nothing between and after them.",
            )));
        } else {
            let columns = vec![
                Column { title: "Sensor", share: 2 },
                Column { title: "How it does", share: 4 },
                Column { title: "What it could not see", share: 6 },
            ];
            let row = |sensor: &Sensor| {
                let tone = if sensor.well { Tone::Calm } else { Tone::High };
                let spots =
                    if sensor.blind_spots.is_empty() { "-".to_owned() } else { sensor.blind_spots.join(" ") };
                vec![
                    Cell::plain(&sensor.name),
                    Cell { text: sensor.state.clone(), tone, ..Cell::default() },
                    Cell::plain(spots),
                ]
            };
            blocks.push(Block::Table { columns, rows: self.sensors.iter().map(row).collect() });
        }
        blocks
    }

    /// Whether the log of decisions is whole, to note on paper.
    fn log(&self) -> Vec<Block> {
        let whole = if self.audit.whole { "whole" } else { "NOT WHOLE: an entry was changed or taken out" };
        let mut blocks = vec![
            Block::Heading("The record of decisions".to_owned()),
            Block::Facts(vec![
                ("Audit log".to_owned(), format!("{} entries; its chain is {whole}", self.audit.entries)),
                ("Last hash".to_owned(), self.audit.hash.clone()),
            ]),
        ];
        blocks.push(Block::Small(
            "Keep number and hash elsewhere; `lazaret audit verify --expect` later says whether this entry is still that one."
                .to_owned(),
        ));
        blocks
    }
}

impl Case {
    fn whose(&self) -> String {
        self.zone.as_ref().map_or_else(|| self.device.clone(), |zone| format!("{}, {zone}", self.device))
    }
}

/// `2026-03-02 07:14:00` and, below it, until when.
fn when(seen: (CaptureTime, CaptureTime)) -> Cell {
    let first = to_second(seen.0);
    let last = to_second(seen.1);
    if first == last { Cell::plain(first) } else { Cell::plain(first).with(format!("to {last}")) }
}

/// The devices that cases are about, each once; a few of them.
fn devices_of<'a>(cases: impl Iterator<Item = &'a Case>, most: usize) -> (Vec<String>, usize) {
    let mut devices: Vec<String> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for case in cases {
        let whose = case.whose();
        if seen.insert(whose.clone()) {
            devices.push(whose);
        }
    }
    let more = devices.len().saturating_sub(most);
    devices.truncate(most);
    (devices, more)
}

/// The same in a line.
fn devices_line<'a>(cases: impl Iterator<Item = &'a Case>, most: usize) -> String {
    let (devices, more) = devices_of(cases, most);
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    format!("{}{more}", devices.join("; "))
}

#[cfg(test)]
mod tests;
