//! Captures at the pace of life: what was recorded is told as if it happened now.

use super::{finish_all, ready, show_all};
use crate::exit::Failure;
use crate::live::{Hub, Tap};
use crate::vault::{self, Identities};
use detect::Depth;
use flow::Waveforms;
use ingest::{Batch, Captures, Input};
use inventory::Site;
use model::{CaptureTime, Report};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longest sleep between two looks whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Longest pause between two frames that is kept, in the time of the replay. A recording that was interrupted goes on.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What is replayed.
pub(crate) struct Replay {
    pub(crate) captures: Vec<PathBuf>,
    /// How many times as fast as it was.
    pub(crate) speed: f64,
    pub(crate) site: Site,
    /// Who the patients are, where the vault is on.
    pub(crate) identities: Option<Arc<Identities>>,
}

/// Replays the captures once, and gives their report; none where `stop` ended it early.
///
/// # Errors
/// Where none can be read.
#[expect(clippy::disallowed_methods, reason = "an edge: frames are paced by the steady clock")]
pub(crate) fn replay(replay: Replay, hub: Arc<Hub>, stop: &AtomicBool) -> Result<Option<Report>, Failure> {
    let inputs: Vec<Input> = replay.captures.into_iter().map(Input::Path).collect();
    let mut captures = Captures::open(&inputs, &ingest::Options::default())?;
    let wanted = flow::Options { waveforms: Waveforms::Carry, ..flow::Options::default() };
    let wanted = vault::wanted(replay.identities.as_ref(), wanted);
    let (mut judgement, mut shards) = ready(replay.site, Some(Depth::Default), wanted)?;
    let (mut tap, mut batch, mut out) = (Tap::new(hub), Batch::new(), Vec::new());
    let mut pace = Pace { speed: replay.speed, due: Instant::now(), last: None };
    while captures.fill(&mut batch) {
        for (order, frame) in (batch.first_order()..).zip(batch.frames()) {
            if !pace.wait(frame.time, stop) {
                return Ok(None);
            }
            let decoded = flow::decode(&frame);
            if let Some(shard) = shards.get_mut(decoded.shard()) {
                shard.push(order, &frame, &decoded, &mut out);
            }
            show_all(&mut out, &mut judgement, &mut tap);
        }
    }
    let summaries = captures.summaries();
    if let Some(rejected) = captures.rejected().first().filter(|_| summaries.is_empty()) {
        return Err(Failure::Usage(format!("--replay: {}", crate::exit::with_causes(&rejected.error))));
    }
    let coverage = finish_all(&mut shards, &mut judgement);
    Ok(Some(judgement.finish(summaries, coverage)))
}

/// When the next frame is due.
struct Pace {
    speed: f64,
    due: Instant,
    last: Option<CaptureTime>,
}

impl Pace {
    /// Waits for the moment of a frame; false where it is to end.
    #[expect(clippy::disallowed_methods, reason = "an edge: frames are paced by the steady clock")]
    fn wait(&mut self, time: CaptureTime, stop: &AtomicBool) -> bool {
        let since = self.last.map_or(0, |last| time.nanos_since(last).max(0));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
        let pause = Duration::from_secs_f64(since as f64 / 1e9 / self.speed);
        self.due += pause.min(PAUSE_MAX);
        loop {
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            let left = self.due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }
}
