//! What was told of matters in earlier stretches of time, so that what all of them tell adds up to what one judgement
//! over everything tells.
//!
//! The judge counts on over renewals. A report of one stretch tells a finding with what was counted since the renewal;
//! one that was not seen again is left out. Where a finding is no longer what it was told as (later frames explain it, or
//! make it graver, surer or milder), what was told of it is taken back, and it is told as a whole in the stretch that
//! knows better.

use model::{Certainty, Evidence, Finding, FindingId, Severity, TakenBack, stable_hash};
use std::collections::BTreeMap;

/// What was told of a matter before the last renewal.
#[derive(Clone, Copy, Debug)]
struct Told {
    worth: (Certainty, Severity),
    count: u64,
    /// A hash of everything else that was said.
    words: u64,
    /// The latest frame that showed it.
    frame: Evidence,
    /// The first stretch in which it was told.
    stretch: u64,
}

impl Told {
    fn of(finding: &Finding, stretch: u64) -> Self {
        Self {
            worth: (finding.certainty, finding.severity),
            count: finding.count,
            words: words(finding),
            frame: finding.evidence.iter().max().copied().unwrap_or_default(),
            stretch,
        }
    }
}

fn words(finding: &Finding) -> u64 {
    let Finding { title, first, last, peer, details, advisories, cves, why, .. } = finding;
    let all = format!("{:?}", (title, first, last, peer, details, advisories, cves, why));
    stable_hash(&[all.as_bytes()])
}

/// The account of all stretches.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Renewals so far.
    stretch: u64,
    told: BTreeMap<FindingId, Told>,
    /// Taken back in this stretch, each with the first stretch in which it was told.
    back: BTreeMap<FindingId, u64>,
}

impl Account {
    /// Of everything concluded, what this stretch tells. Changes nothing.
    pub(crate) fn due(&self, all: Vec<Finding>) -> Vec<Finding> {
        if self.told.is_empty() {
            return all;
        }
        all.into_iter().filter_map(|finding| self.rest(finding)).collect()
    }

    /// The same; what is to be taken back is noted.
    pub(crate) fn settle(&mut self, all: Vec<Finding>) -> Vec<Finding> {
        if !self.told.is_empty() {
            let mut gone: BTreeMap<FindingId, Told> = self.told.clone();
            for finding in &all {
                if self.told.get(&finding.id).is_some_and(|told| stands(told, finding)) {
                    gone.remove(&finding.id);
                }
            }
            for (id, told) in gone {
                self.told.remove(&id);
                self.back.insert(id, told.stretch);
            }
        }
        self.due(all)
    }

    /// What of earlier stretches no longer holds.
    pub(crate) fn taken_back(&self) -> Vec<TakenBack> {
        self.back.iter().map(|(finding, since)| TakenBack { finding: *finding, since: *since }).collect()
    }

    /// Begins a new stretch. `all` is what is concluded from what is still known: the rest is forgotten, and stays told.
    pub(crate) fn renew(&mut self, all: &[Finding]) {
        let before = std::mem::take(&mut self.told);
        let stretch = |id: &FindingId| before.get(id).map_or(self.stretch, |told| told.stretch);
        self.told = all.iter().map(|finding| (finding.id, Told::of(finding, stretch(&finding.id)))).collect();
        self.back.clear();
        self.stretch += 1;
    }

    fn rest(&self, mut finding: Finding) -> Option<Finding> {
        let Some(told) = self.told.get(&finding.id).filter(|told| stands(told, &finding)) else {
            return Some(finding);
        };
        finding.count -= told.count;
        if finding.count == 0 {
            return None;
        }
        if finding.evidence.iter().any(|frame| *frame > told.frame) {
            finding.evidence.retain(|frame| *frame > told.frame);
        }
        Some(finding)
    }
}

/// Whether what was told of `finding` still holds, and it needs no more than counting on.
fn stands(told: &Told, finding: &Finding) -> bool {
    (finding.certainty, finding.severity) == told.worth
        && (finding.count > told.count || finding.count == told.count && words(finding) == told.words)
}
