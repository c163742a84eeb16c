//! From captures to a report: who does what on which thread.
//!
//! With one worker everything happens on the calling thread, frame by frame. With more, the same work is cut
//! into tasks that any worker takes; see [`pool`]. Either way observations are judged in the merged order of
//! frames, so the report does not depend on the number of workers.

mod crew;
mod early;
mod feed;
mod pool;
mod relay;
mod replay;
mod sensor;

pub(crate) use feed::Feed;
pub(crate) use relay::Relay;
pub(crate) use replay::{Replay, replay};
pub(crate) use sensor::Sensor;

use crate::command::{Reading, ScanOutcome, ScanPlan, Unreadable};
use crate::exit::Failure;
use crate::live::Tap;
use detect::{DataError, Depth, Judgement};
use early::Early;
use flow::{SHARDS, Shard};
use ingest::{Batch, Captures};
use inventory::{Recorder, Site};
use model::{Coverage, Finding, Observation, Report, Schema};
use rayon::prelude::*;
use std::num::NonZero;
use std::ops::Range;
use std::sync::Arc;

/// Who is told what while a scan runs; told on whichever thread is judging.
pub(crate) struct Told<'a> {
    /// How far it is.
    pub(crate) reading: &'a mut (dyn FnMut(Reading) + Send),
    /// A finding that was made or became graver, where somebody wants to know at once.
    pub(crate) finding: Option<&'a mut (dyn FnMut(&Finding) + Send)>,
}

/// Does something on threads of its own, as many as there are workers; what reads, concludes and writes on the same
/// threads uses the same memory again. Within such work it is done as it is.
pub(crate) fn on_workers<T: Send>(workers: NonZero<usize>, work: impl FnOnce() -> T + Send) -> T {
    if rayon::current_thread_index().is_some() {
        return work();
    }
    match rayon::ThreadPoolBuilder::new().num_threads(workers.get()).build() {
        Ok(threads) => threads.install(work),
        // The system gives no more threads: then on this one, and on those that rayon has.
        Err(_) => work(),
    }
}

/// Reads everything the plan names and judges it.
///
/// # Errors
/// [`Failure::Capture`] where the inputs make no sense together, [`Failure::Data`] where the compiled-in data
/// does not load.
pub(crate) fn run(plan: ScanPlan, told: Told<'_>) -> Result<ScanOutcome, Failure> {
    on_workers(plan.workers, || run_here(plan, told))
}

fn run_here(plan: ScanPlan, told: Told<'_>) -> Result<ScanOutcome, Failure> {
    let captures = Captures::open(&plan.inputs, &plan.reading)?;
    let (mut judgement, shards) = ready(plan.site, plan.integrity, plan.flow)?;
    judgement = judgement.remembering(plan.past);
    if let Some(wanted) = plan.recording {
        judgement = judgement.recording(Recorder::new(wanted));
    }
    let run = Run { captures, judgement, shards };
    let early = Early::new(told);
    let run = match rayon::current_num_threads() {
        1 => alone(run, early),
        workers => pool::together(run, workers, early),
    };
    let rejected = run.captures.rejected().iter().map(Unreadable::from).collect();
    let skipped = run.captures.skipped().to_vec();
    Ok(ScanOutcome { report: conclude(run), rejected, skipped })
}

/// A judgement that has seen nothing, and the shards that tell it what it asks for.
fn ready(
    site: Site,
    integrity: Option<Depth>,
    wanted: flow::Options,
) -> Result<(Judgement, Vec<Shard>), DataError> {
    let mut judgement = Judgement::new(site)?;
    if let Some(depth) = integrity {
        judgement = judgement.checking_vitals(depth);
    }
    let schemas = wire::proto::PROTOCOLS.iter().map(|protocol| protocol.schema);
    let watched: Vec<&'static Schema> = schemas.filter(|schema| judgement.watches(schema)).collect();
    // Asked for every unit of telemetry: a schema is the same where its place is.
    let wants_message =
        Arc::new(move |schema: &'static Schema| watched.iter().any(|one| std::ptr::eq(*one, schema)));
    let default_credentials = judgement.inventory().vocabulary().default_credentials().into();
    let options = Arc::new(flow::Options { wants_message, default_credentials, ..wanted });
    let shards = (0..).take(SHARDS).map(|id| Shard::new(id, Arc::clone(&options))).collect();
    Ok((judgement, shards))
}

/// What a run works on.
struct Run {
    captures: Captures,
    judgement: Judgement,
    shards: Vec<Shard>,
}

fn alone(mut run: Run, mut early: Early<'_>) -> Run {
    let (mut batch, mut out) = (Batch::new(), Vec::new());
    while run.captures.fill(&mut batch) {
        push_all(&batch, &mut run.shards, &mut out);
        judge_all(&mut out, &mut run.judgement);
        early.judged(&batch, run.captures.progress(), &run.judgement);
    }
    run
}

/// Gives each frame to its shard.
fn push_all(batch: &Batch, shards: &mut [Shard], out: &mut Vec<Observation>) {
    push_some(batch, 0..batch.len(), shards, out);
}

/// The same, of the frames at these places.
fn push_some(batch: &Batch, places: Range<usize>, shards: &mut [Shard], out: &mut Vec<Observation>) {
    let some = batch.frames().enumerate().skip(places.start).take(places.len());
    for (place, frame) in some {
        let order = batch.first_order() + place as u64;
        let decoded = flow::decode(&frame);
        if let Some(shard) = shards.get_mut(decoded.shard()) {
            shard.push(order, &frame, &decoded, out);
        }
    }
}

/// Judges observations where they lie, and makes room for the next.
fn judge_all(observations: &mut Vec<Observation>, judgement: &mut Judgement) {
    for observation in &*observations {
        judgement.observe(observation);
    }
    observations.clear();
}

/// The same, and shows what devices say at the bedside.
fn show_all(observations: &mut Vec<Observation>, judgement: &mut Judgement, tap: &mut Tap) {
    for observation in &*observations {
        judgement.observe(observation);
        tap.see(judgement, observation);
    }
    observations.clear();
    tap.publish(judgement);
}

fn conclude(run: Run) -> Report {
    let Run { mut captures, mut judgement, mut shards } = run;
    let coverage = finish_all(&mut shards, &mut judgement);
    // The tables of flows make room for the report.
    drop(shards);
    judgement.finish(captures.summaries(), coverage)
}

/// Judges what flows that go on have carried since this was last asked.
fn count_growth(shards: &mut [Shard], judgement: &mut Judgement, out: &mut Vec<Observation>) {
    for shard in shards {
        shard.tell_growth(out);
        judge_all(out, judgement);
    }
}

/// Ends every flow, judges what that tells, and sums up what was seen.
fn finish_all(shards: &mut [Shard], judgement: &mut Judgement) -> Coverage {
    let mut told: Vec<Vec<Observation>> = Vec::new();
    // While the observations of some are judged, the next tell theirs.
    for some in shards.chunks_mut(rayon::current_num_threads()) {
        let (next, ()) = rayon::join(
            || some.par_iter_mut().map(finished).collect(),
            || {
                told.iter_mut().for_each(|out| judge_all(out, judgement));
            },
        );
        told = next;
    }
    told.iter_mut().for_each(|out| judge_all(out, judgement));
    let mut coverage = Coverage::default();
    shards.iter().for_each(|shard| coverage.add(&shard.coverage()));
    coverage
}

fn finished(shard: &mut Shard) -> Vec<Observation> {
    let mut out = Vec::new();
    shard.finish(&mut out);
    out
}
