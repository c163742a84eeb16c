//! What is told before the end: progress, and findings as they are made.

use super::Told;
use crate::command::Reading;
use detect::Judgement;
use ingest::Batch;
use model::{CaptureTime, Certainty, FindingId, Severity};
use std::collections::BTreeMap;

/// How often findings are looked for before the end, in capture time: a look concludes everything so far, which on
/// a ward of 1,000 monitors takes some hundredths of a second.
const LOOK_EVERY_NS: i64 = 30_000_000_000;

/// Tells as it goes. What it tells depends on the frames alone, since batches are cut the same on every run.
pub(super) struct Early<'a> {
    told: Told<'a>,
    /// Findings that were told, as grave and as certain as they were then.
    findings: BTreeMap<FindingId, (Severity, Certainty)>,
    looked: Option<CaptureTime>,
}

impl<'a> Early<'a> {
    pub(super) fn new(told: Told<'a>) -> Self {
        Self { told, findings: BTreeMap::new(), looked: None }
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
        for finding in judgement.findings() {
            let is = (finding.severity, finding.certainty);
            if self.findings.insert(finding.id, is) != Some(is) {
                tell(&finding);
            }
        }
    }
}
