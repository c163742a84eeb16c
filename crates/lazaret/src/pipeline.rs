//! From captures to a report: one thread, and no judgement yet.

use crate::command::{Reading, ScanOutcome, ScanPlan, Unreadable};
use crate::exit::Failure;
use flow::Shard;
use ingest::{Batch, Captures};
use model::{Coverage, Report};
use std::sync::Arc;

/// Reads everything the plan names and reports what was read.
///
/// # Errors
/// [`Failure::Capture`] where the inputs make no sense together.
pub(crate) fn run(plan: ScanPlan, progress: &mut dyn FnMut(Reading)) -> Result<ScanOutcome, Failure> {
    let mut captures = Captures::open(&plan.inputs, &plan.reading)?;
    let options = Arc::new(plan.flow);
    let mut shards: Vec<Shard> = (0..flow::SHARDS)
        .filter_map(|id| u8::try_from(id).ok())
        .map(|id| Shard::new(id, Arc::clone(&options)))
        .collect();
    let (mut batch, mut observed, mut frames) = (Batch::new(), Vec::new(), 0);
    while captures.fill(&mut batch) {
        for (order, frame) in (batch.first_order()..).zip(batch.frames()) {
            let decoded = flow::decode(&frame);
            if let Some(shard) = shards.get_mut(decoded.shard()) {
                shard.push(order, &frame, &decoded, &mut observed);
            }
            observed.clear();
            frames += 1;
        }
        progress(Reading { bytes: captures.progress(), frames, findings: 0 });
    }
    let mut coverage = Coverage::default();
    for shard in &mut shards {
        shard.finish(&mut observed);
        observed.clear();
        coverage.add(&shard.coverage());
    }
    let blind_spots = vec!["This build reads captures and judges nothing yet.".to_owned()];
    let report = Report { captures: captures.summaries(), coverage, blind_spots, ..Report::default() };
    let rejected = captures.rejected().iter().map(Unreadable::from).collect();
    let skipped = captures.skipped().to_vec();
    Ok(ScanOutcome { report, rejected, skipped })
}
