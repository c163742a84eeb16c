//! What is told before the end: progress, and findings as they are made.

use super::Told;
use crate::command::Reading;
use detect::Judgement;
use ingest::Batch;
use model::{CaptureTime, Certainty, Finding, FindingId, Severity};
use std::collections::BTreeMap;

/// How often findings are looked for before the end, in capture time: a look concludes everything so far, which on
/// a ward of 1,000 monitors takes some hundredths of a second.
const LOOK_EVERY_NS: i64 = 30_000_000_000;

/// Findings that were told, as grave and as certain as they were then.
#[derive(Default)]
pub(super) struct Known {
    now: BTreeMap<FindingId, (Severity, Certainty)>,
    /// From before the last renewal.
    before: BTreeMap<FindingId, (Severity, Certainty)>,
}

impl Known {
    /// Those of `findings` that are new or not as grave and sure as they were; from now on they are known.
    pub(super) fn new_of(&mut self, findings: Vec<Finding>) -> Vec<Finding> {
        let mut new = findings;
        new.retain(|finding| {
            let is = (finding.severity, finding.certainty);
            let known = self.now.insert(finding.id, is).or_else(|| self.before.get(&finding.id).copied());
            // After a renewal a finding begins small again: it is told only where it outgrows what was told.
            known.is_none_or(|known| known != is && (self.before.is_empty() || known < is))
        });
        new
    }

    /// Forgets what was not made again since the last renewal.
    pub(super) fn renew(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }
}

/// Tells as it goes. What it tells depends on the frames alone, since batches are cut the same on every run.
pub(super) struct Early<'a> {
    told: Told<'a>,
    known: Known,
    looked: Option<CaptureTime>,
}

impl<'a> Early<'a> {
    pub(super) fn new(told: Told<'a>) -> Self {
        Self { told, known: Known::default(), looked: None }
    }

    /// A batch was judged.
    pub(super) fn judged(&mut self, batch: &Batch, bytes: ingest::Progress, judgement: &Judgement) {
        let frames = batch.first_order() + batch.len() as u64;
        (self.told.reading)(Reading { bytes, frames });
        let Some(tell) = &mut self.told.finding else { return };
        let Some(now) = batch.len().checked_sub(1).and_then(|last| batch.frame(last)).map(|frame| frame.time)
        else {
            return;
        };
        if now.nanos_since(*self.looked.get_or_insert(now)) < LOOK_EVERY_NS {
            return;
        }
        self.looked = Some(now);
        for finding in self.known.new_of(judgement.findings()) {
            tell(&finding);
        }
    }
}
