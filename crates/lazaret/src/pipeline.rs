//! From captures to a report: who does what on which thread.
//!
//! With one worker everything happens on the calling thread, frame by frame. With more, the same work is cut
//! into tasks that any worker takes: *read* the next batch, *run* one shard over one batch, *judge* the oldest
//! batch. A shard sees its batches in order and is used by one worker at a time; observations are judged in
//! the merged order of frames. So the report does not depend on the number of workers.
//!
//! ```text
//! read ──► batch ──► shard 0 … shard 15 ──► judge (oldest batch first)
//!          at most BATCHES_MAX in flight: reading waits when the others are behind
//! ```

use crate::command::{Reading, ScanOutcome, ScanPlan, Unreadable};
use crate::exit::Failure;
use detect::Judgement;
use flow::{SHARDS, Shard};
use ingest::{Batch, Captures};
use inventory::Recorder;
use model::{Coverage, Observation, Report, Schema};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Batches between reading and judging, per worker. Our limit: what bounds the memory of a run besides its
/// tables.
const BATCHES_PER_WORKER_MAX: usize = 3;

/// Reads everything the plan names and judges it.
///
/// # Errors
/// [`Failure::Capture`] where the inputs make no sense together, [`Failure::Data`] where the compiled-in data
/// does not load.
pub(crate) fn run(
    plan: ScanPlan,
    progress: &mut (dyn FnMut(Reading) + Send),
) -> Result<ScanOutcome, Failure> {
    let captures = Captures::open(&plan.inputs, &plan.reading)?;
    let mut judgement = Judgement::new(plan.site)?;
    if let Some(depth) = plan.integrity {
        judgement = judgement.checking_vitals(depth);
    }
    if let Some(wanted) = plan.recording {
        judgement = judgement.recording(Recorder::new(wanted));
    }
    let schemas = wire::proto::PROTOCOLS.iter().map(|protocol| protocol.schema);
    let watched: Vec<&'static Schema> = schemas.filter(|schema| judgement.watches(schema)).collect();
    // Asked for every unit of telemetry: a schema is the same where its place is.
    let wants_message =
        Arc::new(move |schema: &'static Schema| watched.iter().any(|one| std::ptr::eq(*one, schema)));
    let default_credentials = judgement.inventory().vocabulary().default_credentials().into();
    let options = Arc::new(flow::Options { wants_message, default_credentials, ..plan.flow });
    let shards = (0..).take(SHARDS).map(|id| Shard::new(id, Arc::clone(&options))).collect();
    let run = Run { captures, judgement, shards };
    let run = if plan.workers.get() <= 1 {
        alone(run, progress)
    } else {
        together(run, plan.workers.get(), progress)
    };
    let rejected = run.captures.rejected().iter().map(Unreadable::from).collect();
    let skipped = run.captures.skipped().to_vec();
    Ok(ScanOutcome { report: conclude(run), rejected, skipped })
}

/// What a run works on.
struct Run {
    captures: Captures,
    judgement: Judgement,
    shards: Vec<Shard>,
}

fn alone(mut run: Run, progress: &mut (dyn FnMut(Reading) + Send)) -> Run {
    let (mut batch, mut out) = (Batch::new(), Vec::new());
    let mut frames = 0;
    while run.captures.fill(&mut batch) {
        for (order, frame) in (batch.first_order()..).zip(batch.frames()) {
            let decoded = flow::decode(&frame);
            if let Some(shard) = run.shards.get_mut(decoded.shard()) {
                shard.push(order, &frame, &decoded, &mut out);
            }
        }
        out.drain(..).for_each(|observation| run.judgement.observe(&observation));
        frames += batch.len() as u64;
        progress(Reading { bytes: run.captures.progress(), frames });
    }
    run
}

fn conclude(mut run: Run) -> Report {
    let mut out = Vec::new();
    let mut coverage = Coverage::default();
    for shard in &mut run.shards {
        shard.finish(&mut out);
        out.drain(..).for_each(|observation| run.judgement.observe(&observation));
        coverage.add(&shard.coverage());
    }
    run.judgement.finish(run.captures.summaries(), coverage)
}

/// A batch between reading and judging.
struct Flight {
    batch: Arc<Batch>,
    /// Indexes into the batch, by shard; taken by whoever runs the shard.
    frames: Vec<Vec<u32>>,
    observations: Vec<Vec<Observation>>,
    state: [ShardState; SHARDS],
    read: ingest::Progress,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum ShardState {
    Waiting,
    Running,
    Done,
}

/// What the workers share. Whoever works on a part takes it out and puts it back.
struct Shared {
    captures: Option<Captures>,
    ended: bool,
    judgement: Option<Judgement>,
    shards: Vec<Option<Shard>>,
    flights: VecDeque<Flight>,
    /// Batches read, judged or not, that are not yet free again.
    in_flight: usize,
    free: Vec<Batch>,
    failed: bool,
}

enum Task {
    Read(Box<Captures>, Batch),
    Run { flight: Arc<Batch>, frames: Vec<u32>, index: usize, shard: Box<Shard>, order: u64 },
    Judge(Box<Judgement>, Box<Flight>),
    Wait,
    Stop,
}

struct Pool<'a> {
    shared: Mutex<Shared>,
    changed: Condvar,
    batches_max: usize,
    progress: Mutex<&'a mut (dyn FnMut(Reading) + Send)>,
}

fn together(run: Run, workers: usize, progress: &mut (dyn FnMut(Reading) + Send)) -> Run {
    let pool = Pool {
        shared: Mutex::new(Shared {
            captures: Some(run.captures),
            ended: false,
            judgement: Some(run.judgement),
            shards: run.shards.into_iter().map(Some).collect(),
            flights: VecDeque::new(),
            in_flight: 0,
            free: Vec::new(),
            failed: false,
        }),
        changed: Condvar::new(),
        batches_max: workers * BATCHES_PER_WORKER_MAX,
        progress: Mutex::new(progress),
    };
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(|| pool.work());
        }
        pool.work();
    });
    let shared = pool.shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (Some(captures), Some(judgement)) = (shared.captures, shared.judgement) else {
        // A worker panicked with a part in its hands; the scope has already raised that panic again.
        std::process::abort();
    };
    Run { captures, judgement, shards: shared.shards.into_iter().flatten().collect() }
}

/// Wakes the others when its worker panics, so that the panic is raised and nobody waits for ever.
struct Alarm<'a, 'b>(&'a Pool<'b>);

impl Drop for Alarm<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().failed = true;
            self.0.changed.notify_all();
        }
    }
}

impl Pool<'_> {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let _alarm = Alarm(self);
        let mut shared = self.lock();
        loop {
            match shared.next_task(self.batches_max) {
                Task::Stop => break,
                Task::Wait => {
                    shared = self.changed.wait(shared).unwrap_or_else(PoisonError::into_inner);
                }
                task => {
                    drop(shared);
                    shared = self.perform(task);
                    self.changed.notify_all();
                }
            }
        }
        drop(shared);
        self.changed.notify_all();
    }

    fn perform(&self, task: Task) -> MutexGuard<'_, Shared> {
        match task {
            Task::Read(captures, batch) => self.read(*captures, batch),
            Task::Run { flight, frames, index, shard, order } => {
                self.run(&flight, &frames, index, *shard, order)
            }
            Task::Judge(judgement, flight) => self.judge(*judgement, *flight),
            Task::Wait | Task::Stop => self.lock(),
        }
    }

    fn read(&self, mut captures: Captures, mut batch: Batch) -> MutexGuard<'_, Shared> {
        let more = captures.fill(&mut batch);
        let mut frames = vec![Vec::new(); SHARDS];
        for (index, frame) in (0..).zip(batch.frames()) {
            if let Some(of_shard) = frames.get_mut(flow::decode(&frame).shard()) {
                of_shard.push(index);
            }
        }
        let mut state = [ShardState::Waiting; SHARDS];
        for (state, frames) in state.iter_mut().zip(&frames) {
            if frames.is_empty() {
                *state = ShardState::Done;
            }
        }
        let read = captures.progress();
        let observations = (0..SHARDS).map(|_| Vec::new()).collect();
        let flight = Flight { batch: Arc::new(batch), frames, observations, state, read };
        let mut shared = self.lock();
        shared.captures = Some(captures);
        if more {
            shared.flights.push_back(flight);
        } else {
            shared.ended = true;
            shared.in_flight -= 1;
        }
        shared
    }

    fn run(
        &self,
        batch: &Batch,
        frames: &[u32],
        index: usize,
        mut shard: Shard,
        order: u64,
    ) -> MutexGuard<'_, Shared> {
        let mut out = Vec::new();
        for at in frames {
            if let Some(frame) = batch.frame(*at as usize) {
                shard.push(order + u64::from(*at), &frame, &flow::decode(&frame), &mut out);
            }
        }
        let mut shared = self.lock();
        if let Some(place) = shared.shards.get_mut(index) {
            *place = Some(shard);
        }
        if let Some(flight) = shared.flights.iter_mut().find(|flight| flight.batch.first_order() == order) {
            if let Some(place) = flight.observations.get_mut(index) {
                *place = out;
            }
            if let Some(state) = flight.state.get_mut(index) {
                *state = ShardState::Done;
            }
        }
        shared
    }

    fn judge(&self, mut judgement: Judgement, flight: Flight) -> MutexGuard<'_, Shared> {
        let mut order: Vec<(u64, usize, usize)> = Vec::new();
        for (shard, observations) in flight.observations.iter().enumerate() {
            order.extend(observations.iter().enumerate().map(|(at, seen)| (seen.order, shard, at)));
        }
        order.sort_unstable();
        for (_, shard, at) in order {
            if let Some(observation) = flight.observations.get(shard).and_then(|seen| seen.get(at)) {
                judgement.observe(observation);
            }
        }
        let frames = flight.batch.first_order() + flight.batch.len() as u64;
        let reading = Reading { bytes: flight.read, frames };
        (self.progress.lock().unwrap_or_else(PoisonError::into_inner))(reading);
        let mut shared = self.lock();
        shared.judgement = Some(judgement);
        shared.in_flight -= 1;
        // The last worker to let go of the batch gives its memory back.
        if let Ok(batch) = Arc::try_unwrap(flight.batch) {
            shared.free.push(batch);
        }
        shared
    }
}

impl Shared {
    fn next_task(&mut self, batches_max: usize) -> Task {
        if self.failed {
            return Task::Stop;
        }
        if let Some(task) = self.judging() {
            return task;
        }
        if let Some(task) = self.running() {
            return task;
        }
        if !self.ended
            && self.in_flight < batches_max
            && let Some(captures) = self.captures.take()
        {
            self.in_flight += 1;
            return Task::Read(Box::new(captures), self.free.pop().unwrap_or_default());
        }
        if self.ended && self.flights.is_empty() && self.judgement.is_some() {
            Task::Stop
        } else {
            Task::Wait
        }
    }

    fn judging(&mut self) -> Option<Task> {
        let done = self.flights.front()?.state.iter().all(|state| *state == ShardState::Done);
        if !done {
            return None;
        }
        let judgement = self.judgement.take()?;
        let flight = self.flights.pop_front()?;
        Some(Task::Judge(Box::new(judgement), Box::new(flight)))
    }

    /// The oldest batch that some free shard has not seen. A shard that is busy with an earlier batch is not
    /// free, so that it sees its batches in order.
    fn running(&mut self) -> Option<Task> {
        let mut behind = [false; SHARDS];
        for flight in &mut self.flights {
            for (index, state) in flight.state.iter_mut().enumerate() {
                let blocked = behind.get(index).copied().unwrap_or(true);
                if *state == ShardState::Waiting
                    && !blocked
                    && let Some(shard) = self.shards.get_mut(index).and_then(Option::take)
                {
                    *state = ShardState::Running;
                    let frames = flight.frames.get_mut(index).map(std::mem::take).unwrap_or_default();
                    let order = flight.batch.first_order();
                    let (flight, shard) = (Arc::clone(&flight.batch), Box::new(shard));
                    return Some(Task::Run { flight, frames, index, shard, order });
                }
            }
            for (behind, state) in behind.iter_mut().zip(&flight.state) {
                *behind |= *state != ShardState::Done;
            }
        }
        None
    }
}
