//! Several workers: the same work, cut into tasks that any of them takes.
//!
//! ```text
//! read ──► batch ──► group 0 of shards … group n ──► judge (oldest batch first)
//!          at most batches_max in flight: reading waits when the others are behind
//! ```
//!
//! A group is used by one worker at a time and sees its batches in order. A worker prefers the groups that are
//! its own by number, so that their tables stay in its core's cache; judging goes on wherever the oldest batch is
//! ready. Observations of a batch are judged frame by frame, so what is learnt does not depend on who worked.

use super::{Early, Run};
use detect::Judgement;
use flow::{SHARDS, Shard};
use ingest::{Batch, Captures};
use model::Observation;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Batches between reading and judging, per worker. Our limit: what bounds the memory of a run besides its
/// tables.
const BATCHES_PER_WORKER_MAX: usize = 2;
/// Groups of shards per worker: more spread the work better, fewer make fewer tasks.
const GROUPS_PER_WORKER: usize = 1;

/// A batch and who takes which of its frames.
#[derive(Default)]
struct Frames {
    batch: Batch,
    /// The frames of each group, in their order.
    turns: Vec<Vec<Turn>>,
}

/// A frame that a group is to take.
#[derive(Clone, Copy)]
struct Turn {
    /// Index of the frame in its batch.
    frame: u32,
    /// Index of the shard in its group.
    shard: u32,
}

impl Frames {
    /// Finds out which of `groups` takes each frame.
    fn share_out(&mut self, groups: usize) {
        self.turns.resize_with(groups, Vec::new);
        self.turns.iter_mut().for_each(Vec::clear);
        for (index, frame) in (0..).zip(self.batch.frames()) {
            let (group, shard) = place(flow::decode(&frame).shard(), groups);
            if let Some(turns) = self.turns.get_mut(group) {
                turns.push(Turn { frame: index, shard });
            }
        }
    }
}

/// The group that a shard is in, and its index there.
fn place(shard: usize, groups: usize) -> (usize, u32) {
    (shard % groups, u32::try_from(shard / groups).unwrap_or(u32::MAX))
}

/// A batch between reading and judging.
struct Flight {
    frames: Arc<Frames>,
    groups: Vec<Progress>,
    read: ingest::Progress,
}

/// How far a group of shards is with a batch.
enum Progress {
    Waiting,
    Running,
    Done(Vec<Observation>),
}

/// Some of the shards: those whose number leaves the group's number as remainder.
struct Group {
    shards: Vec<Shard>,
}

/// What the workers share. Whoever works on a part takes it out and puts it back.
struct Shared<'a> {
    captures: Option<Box<Captures>>,
    ended: bool,
    judge: Option<Box<Judge<'a>>>,
    groups: Vec<Option<Box<Group>>>,
    flights: VecDeque<Flight>,
    /// Batches read, judged or not, that are not yet free again.
    in_flight: usize,
    free: Vec<Frames>,
    empty: Vec<Vec<Observation>>,
    /// Workers that wait for something to do: waking nobody is a system call too.
    waiting: usize,
    failed: bool,
}

/// The judging part.
struct Judge<'a> {
    judgement: Judgement,
    early: Early<'a>,
}

enum Task<'a> {
    Read(Box<Captures>, Frames),
    Run { frames: Arc<Frames>, index: usize, group: Box<Group>, out: Vec<Observation> },
    Judge(Box<Judge<'a>>, Flight),
    Wait,
    Stop,
}

struct Pool<'a> {
    shared: Mutex<Shared<'a>>,
    changed: Condvar,
    workers: usize,
    groups: usize,
}

/// On every thread of the current pool, of which there are `workers`.
pub(super) fn together(run: Run, workers: usize, early: Early<'_>) -> Run {
    let Run { captures, judgement, shards } = run;
    let groups = (workers * GROUPS_PER_WORKER).min(SHARDS);
    let mut split: Vec<Group> = (0..groups).map(|_| Group { shards: Vec::new() }).collect();
    for (number, shard) in shards.into_iter().enumerate() {
        if let Some(group) = split.get_mut(number % groups) {
            group.shards.push(shard);
        }
    }
    let pool = Pool {
        shared: Mutex::new(Shared {
            captures: Some(Box::new(captures)),
            ended: false,
            judge: Some(Box::new(Judge { judgement, early })),
            groups: split.into_iter().map(|group| Some(Box::new(group))).collect(),
            flights: VecDeque::new(),
            in_flight: 0,
            free: Vec::new(),
            empty: Vec::new(),
            waiting: 0,
            failed: false,
        }),
        changed: Condvar::new(),
        workers,
        groups,
    };
    rayon::broadcast(|thread| pool.work(thread.index()));
    let shared = pool.shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (Some(captures), Some(judge)) = (shared.captures, shared.judge) else {
        // A worker panicked with a part in its hands; the broadcast has already raised that panic again.
        std::process::abort();
    };
    let mut split: Vec<_> =
        shared.groups.into_iter().flatten().map(|group| group.shards.into_iter()).collect();
    let shards = (0..SHARDS).filter_map(|number| split.get_mut(number % groups)?.next()).collect();
    Run { captures: *captures, judgement: judge.judgement, shards }
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

impl<'a> Pool<'a> {
    fn lock(&self) -> MutexGuard<'_, Shared<'a>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, worker: usize) {
        let _alarm = Alarm(self);
        let mut shared = self.lock();
        loop {
            match shared.next_task(worker, self.workers) {
                Task::Stop => break,
                Task::Wait => {
                    shared.waiting += 1;
                    shared = self.changed.wait(shared).unwrap_or_else(PoisonError::into_inner);
                    shared.waiting -= 1;
                }
                task => {
                    drop(shared);
                    shared = self.perform(task);
                    if shared.waiting > 0 {
                        self.changed.notify_all();
                    }
                }
            }
        }
        drop(shared);
        self.changed.notify_all();
    }

    fn perform(&self, task: Task<'a>) -> MutexGuard<'_, Shared<'a>> {
        match task {
            Task::Read(captures, frames) => self.read(captures, frames),
            Task::Run { frames, index, group, out } => self.run(frames, index, group, out),
            Task::Judge(judge, flight) => self.judge(judge, flight),
            Task::Wait | Task::Stop => self.lock(),
        }
    }

    fn read(&self, mut captures: Box<Captures>, mut frames: Frames) -> MutexGuard<'_, Shared<'a>> {
        let more = captures.fill(&mut frames.batch);
        frames.share_out(self.groups);
        let read = captures.progress();
        let mut shared = self.lock();
        shared.captures = Some(captures);
        if more {
            let groups = shared.groups.iter().map(|_| Progress::Waiting).collect();
            shared.flights.push_back(Flight { frames: Arc::new(frames), groups, read });
        } else {
            shared.ended = true;
            shared.in_flight -= 1;
        }
        shared
    }

    fn run(
        &self,
        frames: Arc<Frames>,
        index: usize,
        mut group: Box<Group>,
        mut out: Vec<Observation>,
    ) -> MutexGuard<'_, Shared<'a>> {
        let first = frames.batch.first_order();
        for turn in frames.turns.get(index).into_iter().flatten() {
            let shard = group.shards.get_mut(turn.shard as usize);
            if let (Some(frame), Some(shard)) = (frames.batch.frame(turn.frame as usize), shard) {
                shard.push(first + u64::from(turn.frame), &frame, &flow::decode(&frame), &mut out);
            }
        }
        drop(frames);
        let mut shared = self.lock();
        if let Some(place) = shared.groups.get_mut(index) {
            *place = Some(group);
        }
        let flight = shared.flights.iter_mut().find(|flight| flight.frames.batch.first_order() == first);
        if let Some(progress) = flight.and_then(|flight| flight.groups.get_mut(index)) {
            *progress = Progress::Done(out);
        }
        shared
    }

    fn judge(&self, mut judge: Box<Judge<'a>>, flight: Flight) -> MutexGuard<'_, Shared<'a>> {
        let Flight { frames, groups, read } = flight;
        let seen = groups.into_iter();
        let mut seen: Vec<_> =
            seen.map(|progress| if let Progress::Done(out) = progress { out } else { Vec::new() }).collect();
        in_order(&seen, |observation| judge.judgement.observe(observation));
        seen.iter_mut().for_each(Vec::clear);
        judge.early.judged(&frames.batch, read, &judge.judgement);
        let mut shared = self.lock();
        shared.judge = Some(judge);
        shared.in_flight -= 1;
        shared.empty.append(&mut seen);
        // The last worker to let go of the batch gives its memory back.
        shared.free.extend(Arc::try_unwrap(frames));
        shared
    }
}

/// Tells what the groups saw frame by frame. A frame belongs to one group, so no two hold the same order.
pub(super) fn in_order(seen: &[Vec<Observation>], mut tell: impl FnMut(&Observation)) {
    let mut left: Vec<&[Observation]> = seen.iter().map(Vec::as_slice).collect();
    while let Some((first, group)) = left.iter_mut().filter_map(next_order).min_by_key(|(order, _)| *order) {
        let frame = group.iter().take_while(|observation| observation.order == first).count();
        let (now, later) = group.split_at(frame);
        now.iter().for_each(&mut tell);
        *group = later;
    }
}

/// The order of the first that is left, and where it is left.
fn next_order<'a, 'b>(left: &'b mut &'a [Observation]) -> Option<(u64, &'b mut &'a [Observation])> {
    Some((left.first()?.order, left))
}

impl<'a> Shared<'a> {
    fn next_task(&mut self, worker: usize, workers: usize) -> Task<'a> {
        if self.failed {
            return Task::Stop;
        }
        let own = |index: usize| index % workers == worker;
        let task = if worker == 0 {
            let task = self.judging().or_else(|| self.running(own)).or_else(|| self.reading(workers));
            task.or_else(|| self.running(|_| true))
        } else {
            let task = self.running(own).or_else(|| self.reading(workers)).or_else(|| self.running(|_| true));
            task.or_else(|| self.judging())
        };
        if let Some(task) = task {
            return task;
        }
        if self.ended && self.flights.is_empty() && self.judge.is_some() { Task::Stop } else { Task::Wait }
    }

    fn reading(&mut self, workers: usize) -> Option<Task<'a>> {
        if self.ended || self.in_flight >= workers * BATCHES_PER_WORKER_MAX {
            return None;
        }
        let captures = self.captures.take()?;
        self.in_flight += 1;
        Some(Task::Read(captures, self.free.pop().unwrap_or_default()))
    }

    fn judging(&mut self) -> Option<Task<'a>> {
        let done = self.flights.front()?.groups.iter().all(|group| matches!(group, Progress::Done(_)));
        if !done {
            return None;
        }
        let judge = self.judge.take()?;
        let flight = self.flights.pop_front()?;
        Some(Task::Judge(judge, flight))
    }

    /// The oldest batch that some free group, one of those that `takes` names, has not seen. A group that is busy with
    /// an earlier batch is not free, so that it sees its batches in order.
    fn running(&mut self, takes: impl Fn(usize) -> bool) -> Option<Task<'a>> {
        let Self { flights, groups, empty, .. } = self;
        let free = |index: &usize| takes(*index) && groups.get(*index).is_some_and(Option::is_some);
        let free: Vec<usize> = (0..groups.len()).filter(free).collect();
        for flight in flights {
            for index in &free {
                if let Some(progress @ Progress::Waiting) = flight.groups.get_mut(*index) {
                    let group = groups.get_mut(*index).and_then(Option::take)?;
                    *progress = Progress::Running;
                    let (frames, out) = (Arc::clone(&flight.frames), empty.pop().unwrap_or_default());
                    return Some(Task::Run { frames, index: *index, group, out });
                }
            }
        }
        None
    }
}
