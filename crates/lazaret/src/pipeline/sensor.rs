//! From a live interface to findings and reports, on one thread.
//!
//! The same stages as a scan with one worker: a batch from the ring, frames to their shards, observations to the
//! judgement. One thread does several Gbit/s, and what it cannot do in time the kernel counts.

use super::early::Known;
use super::{finish_all, judge_all, push_all, ready};
use crate::exit::Failure;
use detect::{Depth, Judgement};
use flow::Shard;
use ingest::{Batch, Live, LiveError};
use inventory::Site;
use model::{
    CaptureTime, Coverage, Evidence, Finding, LinkFact, Mac, Observation, Observed, Origin, Report, VlanStack,
};
use std::time::Duration;

/// Batches with losses between two times that flows are told of it: telling walks all of them, which an overloaded
/// sensor can afford least. The first loss after a time without is told at once.
const LOSSES_UNTOLD_BATCHES_MAX: u32 = 32;

/// An interface, and everything learnt from it.
pub(crate) struct Sensor {
    live: Live,
    judgement: Judgement,
    shards: Vec<Shard>,
    batch: Batch,
    out: Vec<Observation>,
    known: Known,
    /// Frames lost, as far as told.
    lost: u64,
    /// Batches since losses were told.
    quiet: u32,
    /// Time of the last frame.
    last: CaptureTime,
    /// Whether something was judged since findings were last looked for.
    fresh: bool,
}

impl Sensor {
    /// Watches `live`, with what the site says of itself.
    ///
    /// # Errors
    /// [`Failure::Data`] where the compiled-in data does not load.
    pub(crate) fn new(
        live: Live,
        site: Site,
        integrity: Option<Depth>,
        wanted: flow::Options,
    ) -> Result<Self, Failure> {
        let (judgement, shards) = ready(site, integrity, wanted)?;
        Ok(Self {
            live,
            judgement,
            shards,
            batch: Batch::new(),
            out: Vec::new(),
            known: Known::default(),
            lost: 0,
            quiet: LOSSES_UNTOLD_BATCHES_MAX,
            last: CaptureTime::default(),
            fresh: false,
        })
    }

    /// Takes in what has arrived, waiting for it no longer than `wait`, and gives the number of frames.
    pub(crate) fn step(&mut self, wait: Duration) -> Result<usize, LiveError> {
        self.live.fill(&mut self.batch, wait)?;
        self.quiet = self.quiet.saturating_add(1);
        if self.live.lost() != self.lost && self.quiet >= LOSSES_UNTOLD_BATCHES_MAX {
            self.lose();
        }
        push_all(&self.batch, &mut self.shards, &mut self.out);
        judge_all(&mut self.out, &mut self.judgement);
        if self.batch.is_empty() {
            self.shards.iter_mut().for_each(Shard::free_spare);
            self.out = Vec::new();
        }
        if let Some(frame) = self.batch.len().checked_sub(1).and_then(|last| self.batch.frame(last)) {
            self.last = frame.time;
            self.fresh = true;
        }
        Ok(self.batch.len())
    }

    /// Tells that frames were lost: nobody knows whose.
    fn lose(&mut self) {
        let count = self.live.lost() - self.lost;
        if count == 0 {
            return;
        }
        (self.lost, self.quiet) = (self.live.lost(), 0);
        self.judgement.observe(&Observation {
            time: self.last,
            order: self.batch.first_order(),
            evidence: Evidence { capture: 0, frame: self.batch.first_order() },
            origin: Origin::Link { mac: Mac::default(), ip: None, vlans: VlanStack::default() },
            observed: Observed::Link(LinkFact::Lost(count)),
        });
    }

    /// The interface.
    pub(crate) const fn live(&mut self) -> &mut Live {
        &mut self.live
    }

    /// Flows alive.
    pub(crate) fn flows(&self) -> usize {
        self.shards.iter().map(Shard::flows).sum()
    }

    /// Findings that were made, or are not as grave and sure as they were when this was last asked.
    pub(crate) fn new_findings(&mut self) -> Vec<Finding> {
        self.lose();
        if !std::mem::take(&mut self.fresh) {
            return Vec::new();
        }
        self.known.new_of(self.judgement.findings())
    }

    /// The report so far; flows go on.
    pub(crate) fn report(&mut self) -> Report {
        self.lose();
        let mut coverage = Coverage::default();
        for shard in &self.shards {
            coverage.add(&shard.coverage());
        }
        coverage.frames_lost = self.live.lost();
        self.judgement.report(vec![self.live.summary()], coverage)
    }

    /// Ends every flow and gives the report, at the end.
    pub(crate) fn finish(mut self) -> Report {
        self.lose();
        let mut coverage = finish_all(&mut self.shards, &mut self.judgement);
        coverage.frames_lost = self.live.lost();
        self.judgement.finish(vec![self.live.summary()], coverage)
    }
}
