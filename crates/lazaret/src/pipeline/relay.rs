//! Frames that another part of this process has, through the same stages as those of an interface: a simulated ward, a
//! capture that is played at its own pace. What they show of beds is published live.

use super::early::Known;
use super::{count_growth, finish_all, ready};
use crate::exit::Failure;
use crate::live::{Hub, Tap};
use detect::{Depth, Judgement};
use flow::{Redaction, Shard, Waveforms};
use inventory::Site;
use model::{CaptureSummary, CaptureTime, Coverage, Finding, Frame, LinkType, Observation, Report, Trend};
use std::sync::Arc;

/// What is seen of beds is published at least this often, in capture time; whoever waits for frames publishes before.
const PUBLISH_NANOS: i64 = 50_000_000;

/// Frames handed over one by one, and everything learnt from them.
pub(crate) struct Relay {
    judgement: Judgement,
    shards: Vec<Shard>,
    out: Vec<Observation>,
    tap: Tap,
    known: Known,
    capture: CaptureSummary,
    published: CaptureTime,
    begun: Begun,
}

/// What stood on the counters when the period began.
#[derive(Default)]
struct Begun {
    frames: u64,
    bytes: u64,
    coverage: Coverage,
}

impl Relay {
    /// Shows in `hub` what it learns; `name` says what the frames are of.
    ///
    /// # Errors
    /// [`Failure::Data`] where the compiled-in data does not load.
    pub(crate) fn new(name: &str, site: Site, hub: Arc<Hub>) -> Result<Self, Failure> {
        let wanted = flow::Options {
            redaction: Redaction::Withhold,
            waveforms: Waveforms::Carry,
            ..flow::Options::default()
        };
        let (judgement, shards) = ready(site, Some(Depth::Default), wanted)?;
        let capture = CaptureSummary {
            name: name.to_owned(),
            sha256: None,
            format: "live",
            compression: None,
            frames: 0,
            bytes: 0,
            first: None,
            last: None,
            links: Vec::new(),
            faults: Vec::new(),
        };
        Ok(Self {
            judgement,
            shards,
            out: Vec::new(),
            tap: Tap::new(hub),
            known: Known::default(),
            capture,
            published: CaptureTime::default(),
            begun: Begun::default(),
        })
    }

    /// Takes in one frame. They come in order.
    pub(crate) fn push(&mut self, time: CaptureTime, link: LinkType, bytes: &[u8]) {
        let order = self.capture.frames;
        self.capture.frames += 1;
        self.capture.bytes += bytes.len() as u64;
        self.capture.first.get_or_insert(time);
        self.capture.last = self.capture.last.max(Some(time));
        if !self.capture.links.contains(&link) {
            self.capture.links.push(link);
        }
        let original_bytes = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let frame = Frame { capture: 0, number: self.capture.frames, time, link, original_bytes, bytes };
        let decoded = flow::decode(&frame);
        if let Some(shard) = self.shards.get_mut(decoded.shard()) {
            shard.push(order, &frame, &decoded, &mut self.out);
        }
        for observation in &self.out {
            self.judgement.observe(observation);
            self.tap.see(&self.judgement, observation);
        }
        self.out.clear();
        if time.nanos_since(self.published) >= PUBLISH_NANOS {
            self.publish();
        }
    }

    /// Publishes what was seen of beds: there is nothing more just now.
    pub(crate) fn publish(&mut self) {
        self.published = self.capture.last.unwrap_or_default();
        self.tap.publish(&self.judgement);
    }

    /// Time of the last frame.
    pub(crate) const fn last(&self) -> Option<CaptureTime> {
        self.capture.last
    }

    /// Frames and bytes so far, and flows alive.
    pub(crate) fn counts(&self) -> (u64, u64, usize) {
        (self.capture.frames, self.capture.bytes, self.shards.iter().map(Shard::flows).sum())
    }

    /// The report of the period so far.
    pub(crate) fn report(&mut self) -> Report {
        let coverage = self.counted().since(&self.begun.coverage);
        count_growth(&mut self.shards, &mut self.judgement, &mut self.out);
        self.judgement.report(vec![self.summary()], coverage)
    }

    /// Of `findings`, those that were made, or are not as grave and sure as they were when this was last asked.
    pub(crate) fn new_of(&mut self, findings: &[Finding]) -> Vec<Finding> {
        self.known.new_of(findings.to_vec())
    }

    /// The vital signs since this was last asked.
    pub(crate) fn turn(&mut self) -> Vec<Trend> {
        self.judgement.turn()
    }

    /// Begins a new period: what was told is let go, and what goes on is known on.
    pub(crate) fn renew(&mut self) {
        let (first, last) = (self.capture.first.unwrap_or_default(), self.capture.last.unwrap_or_default());
        count_growth(&mut self.shards, &mut self.judgement, &mut self.out);
        self.judgement.renew(first, last);
        self.known.renew();
        self.begun =
            Begun { frames: self.capture.frames, bytes: self.capture.bytes, coverage: self.counted() };
        self.capture.first = None;
    }

    /// Ends every flow and gives the report of the period, and its last minutes of vital signs.
    pub(crate) fn finish(mut self) -> (Report, Vec<Trend>) {
        let coverage = finish_all(&mut self.shards, &mut self.judgement).since(&self.begun.coverage);
        let trends = self.judgement.turn();
        let summary = self.summary();
        (self.judgement.finish(vec![summary], coverage), trends)
    }

    fn counted(&self) -> Coverage {
        let mut coverage = Coverage::default();
        self.shards.iter().for_each(|shard| coverage.add(&shard.coverage()));
        coverage
    }

    /// What was read in the period.
    fn summary(&self) -> CaptureSummary {
        CaptureSummary {
            frames: self.capture.frames - self.begun.frames,
            bytes: self.capture.bytes - self.begun.bytes,
            ..self.capture.clone()
        }
    }
}
