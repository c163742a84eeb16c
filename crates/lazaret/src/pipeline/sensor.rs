//! From a live interface, or a capture that is played, to findings and reports, on one thread.
//!
//! The same stages as a scan with one worker: a batch from the ring, frames to their shards, observations to the
//! judgement. One thread does several Gbit/s, and what it cannot do in time the kernel counts.

use super::early::Known;
use super::feed::Feed;
use super::{finish_all, judge_all, push_all, ready};
use crate::exit::Failure;
use crate::live::{Hub, Tap};
use detect::{Depth, Judgement, Past};
use flow::Shard;
use ingest::{Batch, EvidenceCounts, EvidenceRecorder};
use inventory::Site;
use model::{
    CaptureSummary, CaptureTime, Coverage, Evidence, Finding, LinkFact, Mac, Observation, Observed, Origin,
    Report, Trend, VlanStack,
};
use std::sync::Arc;
use std::time::Duration;

/// Batches with losses between two times that flows are told of it: telling walks all of them, which an overloaded
/// sensor can afford least. The first loss after a time without is told at once.
const LOSSES_UNTOLD_BATCHES_MAX: u32 = 32;

/// A source of frames, and everything learnt from it.
pub(crate) struct Sensor {
    feed: Feed,
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
    begun: Begun,
    /// Where raw frames are kept.
    evidence: Option<EvidenceRecorder>,
    /// How that did, when it came to its end.
    evidence_ended: Option<EvidenceCounts>,
    /// Who is shown what devices say at the bedside.
    tap: Option<Tap>,
}

/// What stood on the counters when the period began.
#[derive(Default)]
struct Begun {
    time: Option<CaptureTime>,
    frames: u64,
    bytes: u64,
    coverage: Coverage,
}

impl Sensor {
    /// Watches `feed`, with what the site says of itself and what was before.
    ///
    /// # Errors
    /// [`Failure::Data`] where the compiled-in data does not load.
    pub(crate) fn new(
        feed: Feed,
        site: Site,
        integrity: Option<Depth>,
        wanted: flow::Options,
        past: Past,
    ) -> Result<Self, Failure> {
        let (judgement, shards) = ready(site, integrity, wanted)?;
        let judgement = judgement.remembering(past);
        Ok(Self {
            feed,
            judgement,
            shards,
            batch: Batch::new(),
            out: Vec::new(),
            known: Known::default(),
            lost: 0,
            quiet: LOSSES_UNTOLD_BATCHES_MAX,
            last: CaptureTime::default(),
            fresh: false,
            begun: Begun::default(),
            evidence: None,
            evidence_ended: None,
            tap: None,
        })
    }

    /// Keeps the raw frames from now on.
    pub(crate) fn keep_evidence(&mut self, recorder: EvidenceRecorder) {
        self.evidence = Some(recorder);
    }

    /// Shows in `hub` what devices say at the bedside, from now on.
    pub(crate) fn show(&mut self, hub: Arc<Hub>) {
        self.tap = Some(Tap::new(hub));
    }

    /// Raw frames belong to another period from now on.
    pub(crate) fn evidence_period(&mut self, name: &str) {
        if let Some(evidence) = &mut self.evidence {
            evidence.period(name);
        }
    }

    /// How keeping raw frames does, where they are kept.
    pub(crate) fn evidence(&self) -> Option<EvidenceCounts> {
        self.evidence.as_ref().map(EvidenceRecorder::counts).or(self.evidence_ended)
    }

    /// Ends the keeping of raw frames, all of which are written then.
    pub(crate) fn end_evidence(&mut self) {
        self.evidence_ended = self.evidence.take().map(EvidenceRecorder::end).or(self.evidence_ended);
    }

    /// Takes in what has arrived, waiting for it no longer than `wait`, and gives the number of frames.
    pub(crate) fn step(&mut self, wait: Duration) -> Result<usize, Failure> {
        self.feed.fill(&mut self.batch, wait)?;
        if let Some(evidence) = &mut self.evidence {
            evidence.take(&self.batch);
        }
        self.quiet = self.quiet.saturating_add(1);
        if self.lost_now() != self.lost && self.quiet >= LOSSES_UNTOLD_BATCHES_MAX {
            self.lose();
        }
        push_all(&self.batch, &mut self.shards, &mut self.out);
        match &mut self.tap {
            None => judge_all(&mut self.out, &mut self.judgement),
            Some(tap) => {
                for observation in self.out.drain(..) {
                    self.judgement.observe(&observation);
                    tap.see(&self.judgement, &observation);
                }
                tap.publish(&self.judgement);
            }
        }
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

    /// Frames lost so far, by whomever.
    fn lost_now(&self) -> u64 {
        self.feed.lost_anywhere()
    }

    /// Tells that frames were lost: nobody knows whose.
    fn lose(&mut self) {
        self.feed.before();
        let now = self.lost_now();
        let count = now.saturating_sub(self.lost);
        if count == 0 {
            return;
        }
        (self.lost, self.quiet) = (now, 0);
        self.judgement.observe(&Observation {
            time: self.last,
            order: self.batch.first_order(),
            evidence: Evidence { capture: 0, frame: self.batch.first_order() },
            origin: Origin::Link { mac: Mac::default(), ip: None, vlans: VlanStack::default() },
            observed: Observed::Link(LinkFact::Lost(count)),
        });
    }

    /// Where its frames come from.
    pub(crate) const fn feed(&mut self) -> &mut Feed {
        &mut self.feed
    }

    /// Flows alive.
    pub(crate) fn flows(&self) -> usize {
        self.shards.iter().map(Shard::flows).sum()
    }

    /// The vital signs since this was last asked.
    pub(crate) fn turn(&mut self) -> Vec<Trend> {
        self.judgement.turn()
    }

    /// Whether it is time to renew, whatever the clock says.
    pub(crate) fn is_crowded(&self) -> bool {
        self.judgement.is_crowded()
    }

    /// Begins a new period: what was told is let go, and what goes on is known on.
    pub(crate) fn renew(&mut self) {
        let begun = self.begun.time.or(self.feed.summary().first).unwrap_or(self.last);
        self.judgement.renew(begun, self.last);
        self.known.renew();
        self.begun = Begun {
            time: Some(self.last),
            frames: self.feed.frames(),
            bytes: self.feed.bytes(),
            coverage: self.counted(),
        };
    }

    /// Findings that were made, or are not as grave and sure as they were when this was last asked.
    pub(crate) fn new_findings(&mut self) -> Vec<Finding> {
        self.lose();
        if !std::mem::take(&mut self.fresh) {
            return Vec::new();
        }
        let new = self.known.new_of(self.judgement.findings());
        if !new.is_empty()
            && let Some(evidence) = &mut self.evidence
        {
            evidence.flush();
        }
        new
    }

    /// The report of the period so far; flows go on.
    pub(crate) fn report(&mut self) -> Report {
        self.lose();
        let coverage = self.counted().since(&self.begun.coverage);
        let summary = self.summary();
        self.judgement.report(vec![summary], coverage)
    }

    /// Ends every flow and gives the report of the period, and its last minutes of vital signs, at the end.
    pub(crate) fn finish(mut self) -> (Report, Vec<Trend>) {
        self.end_evidence();
        self.lose();
        let mut coverage = finish_all(&mut self.shards, &mut self.judgement);
        coverage.frames_lost = self.feed.lost();
        let coverage = coverage.since(&self.begun.coverage);
        let summary = self.summary();
        let trends = self.judgement.turn();
        (self.judgement.finish(vec![summary], coverage), trends)
    }

    /// Everything counted since the start.
    fn counted(&self) -> Coverage {
        let mut coverage = Coverage::default();
        for shard in &self.shards {
            coverage.add(&shard.coverage());
        }
        coverage.frames_lost = self.feed.lost();
        coverage
    }

    /// What was read in the period.
    fn summary(&mut self) -> CaptureSummary {
        let all = self.feed.summary();
        let any = all.frames > self.begun.frames;
        CaptureSummary {
            frames: all.frames.saturating_sub(self.begun.frames),
            bytes: all.bytes.saturating_sub(self.begun.bytes),
            first: self.begun.time.filter(|_| any).or(all.first.filter(|_| self.begun.time.is_none())),
            last: all.last.filter(|_| any),
            ..all
        }
    }
}
