//! Several lanes of one interface, each read by a thread of its own.
//!
//! ```text
//! ring 0 ─ thread ─ batches ─┐
//! ring 1 ─ thread ─ batches ─┼─ one order ─ whoever fills a batch
//! ring n ─ thread ─ batches ─┘
//! ```
//! A thread copies frames out of its ring into batches, of which it has [`BATCHES_MAX`]: those that are on their way and those
//! that are free again. Where none is free, because nobody takes them, frames stay in the ring, and the kernel counts what finds no room.
//! The threads start with the first reading, so that they have no more privileges than whoever reads.
#![expect(clippy::disallowed_methods, reason = "an edge: notes when frames were read, by both clocks")]

use super::lane::{LOOK_AGAIN, Lane, RETIRE_SHARED};
use super::order::{Order, Read, SETTLED};
use super::{LiveError, Seen, Standing, system_now};
use crate::batch::Batch;
use crate::ring::Statistics;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Batches of a lane, 4 MiB. Our limit: beyond it frames wait in the ring.
const BATCHES_MAX: usize = 16;
/// How often a thread whose ring is empty, or who has no free batch, says how it stands.
const SAY_EVERY: Duration = RETIRE_SHARED;
/// Longest wait until all lanes have ended their listening.
const STOP_MAX: Duration = Duration::from_secs(2);

/// The lanes, and what is on its way from them.
pub(super) struct Fan {
    interface: String,
    shared: Arc<Shared>,
    /// Until the threads start.
    lanes: Vec<Lane>,
    threads: Vec<JoinHandle<()>>,
    order: Order,
    /// As often something was said when this was last looked at.
    said: u64,
}

/// What all lanes together say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) standing: Standing,
    /// How often the interface was found to be down or gone, by the lane that found it so most often.
    pub(super) falls: u64,
    /// What was counted since this was last asked.
    pub(super) counted: Statistics,
    pub(super) ring_bytes: u64,
    /// In rings, and in batches that have not gone on.
    pub(super) waiting_bytes: u64,
    /// Whether one lane reads alone from now on what all did.
    pub(super) left_alone: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    slots: Vec<Slot>,
    /// How often a thread has said something.
    said: u64,
    /// Whether the listening is to end.
    stop: bool,
    /// Whether the threads are to end.
    end: bool,
}

/// What goes between the thread of a lane and whoever reads.
struct Slot {
    read: VecDeque<Read>,
    free: Vec<Batch>,
    passed: Option<Instant>,
    counted: Statistics,
    /// Frames read.
    frames: u64,
    ring_bytes: (u64, u64),
    standing: Standing,
    /// How often it was no longer up.
    falls: u64,
    left_alone: bool,
    stopped: bool,
    closed: bool,
    failed: Option<LiveError>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until somebody does something, or the time is over.
    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl State {
    /// Whether nobody listens any more.
    fn has_stopped(&self) -> bool {
        self.slots.iter().all(|slot| slot.stopped || slot.closed)
    }
}

impl Fan {
    pub(super) fn of(interface: &str, lanes: Vec<Lane>) -> Self {
        let slot = |lane: &Lane| Slot {
            read: VecDeque::new(),
            free: (0..BATCHES_MAX).map(|_| Batch::new()).collect(),
            passed: None,
            counted: Statistics::default(),
            frames: 0,
            ring_bytes: lane.ring_bytes(),
            standing: lane.standing(),
            falls: 0,
            left_alone: false,
            stopped: false,
            closed: false,
            failed: None,
        };
        let state = State { slots: lanes.iter().map(slot).collect(), said: 0, stop: false, end: false };
        Self {
            interface: interface.to_owned(),
            shared: Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }),
            order: Order::of(lanes.len()),
            lanes,
            threads: Vec::new(),
            said: 0,
        }
    }

    /// Starts the threads, where they do not run yet.
    fn start(&mut self) -> Result<(), LiveError> {
        for (place, lane) in std::mem::take(&mut self.lanes).into_iter().enumerate() {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name(format!("ring {place}"));
            let interface = self.interface.clone();
            let run = move || {
                let mut end = End { shared: &shared, place, how: Err(fault(interface)) };
                end.how = read_on(lane, &shared, place);
            };
            let refused = |cause| LiveError::Refused { interface: self.interface.clone(), cause };
            self.threads.push(thread.spawn(run).map_err(refused)?);
        }
        Ok(())
    }

    /// Takes what the threads have read.
    pub(super) fn gather(&mut self) -> Result<Said, LiveError> {
        self.start()?;
        let mut said = Said {
            standing: Standing::Up,
            falls: 0,
            counted: Statistics::default(),
            ring_bytes: 0,
            waiting_bytes: 0,
            left_alone: false,
        };
        let mut freed = false;
        let mut state = self.shared.lock();
        self.said = state.said;
        for (slot, lane) in state.slots.iter_mut().zip(&mut self.order.lanes) {
            if let Some(failed) = slot.failed.take() {
                return Err(failed);
            }
            freed |= !lane.used.is_empty();
            slot.free.append(&mut lane.used);
            lane.read.append(&mut slot.read);
            said.waiting_bytes += lane.waiting_bytes();
            (lane.passed, lane.closed) = (slot.passed, slot.closed);
            said.counted.add(std::mem::take(&mut slot.counted));
            said.falls = said.falls.max(slot.falls);
            if !slot.closed {
                said.standing = said.standing.max(slot.standing);
                said.ring_bytes += slot.ring_bytes.0;
                said.waiting_bytes += slot.ring_bytes.1;
            }
            said.left_alone |= std::mem::take(&mut slot.left_alone);
        }
        drop(state);
        if freed {
            self.shared.changed.notify_all();
        }
        Ok(said)
    }

    /// The frames that were gathered, in order.
    pub(super) const fn order(&mut self) -> &mut Order {
        &mut self.order
    }

    /// Frames that went on after one with a later time.
    pub(super) const fn late(&self) -> u64 {
        self.order.late()
    }

    /// Frames that each lane has read.
    pub(super) fn frames(&self) -> Vec<u64> {
        self.shared.lock().slots.iter().map(|slot| slot.frames).collect()
    }

    /// Waits until a thread says something that was not gathered, or until then.
    pub(super) fn wait(&self, until: Instant) {
        let mut state = self.shared.lock();
        while state.said == self.said {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.shared.wait(state, left);
        }
    }

    /// Ends the listening of all lanes: what arrived before can be read to its end.
    pub(super) fn stop(&mut self) -> Result<(), LiveError> {
        self.start()?;
        let until = Instant::now() + STOP_MAX;
        let mut state = self.shared.lock();
        state.stop = true;
        self.shared.changed.notify_all();
        while !state.has_stopped() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.shared.wait(state, left);
        }
        Ok(())
    }
}

impl Drop for Fan {
    fn drop(&mut self) {
        self.shared.lock().end = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Says how the thread of a lane ended, also where it panicked.
struct End<'a> {
    shared: &'a Shared,
    place: usize,
    how: Result<(), LiveError>,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.said += 1;
        if let Some(slot) = state.slots.get_mut(self.place) {
            slot.closed = true;
            slot.failed = std::mem::replace(&mut self.how, Ok(())).err();
        }
        drop(state);
        self.shared.changed.notify_all();
    }
}

fn fault(interface: String) -> LiveError {
    LiveError::Refused { interface, cause: io::Error::other("a reader of the ring ended by a fault of ours") }
}

/// Reads what arrives at a lane until it is told to end, or another lane reads that.
fn read_on(mut lane: Lane, shared: &Shared, place: usize) -> Result<(), LiveError> {
    let (mut seen, mut stopped) = (Seen::default(), false);
    let mut passed = None;
    loop {
        let counted = lane.count()?;
        let mut state = shared.lock();
        if state.end {
            return Ok(());
        }
        let stop = state.stop && !stopped;
        let Some(slot) = state.slots.get_mut(place) else { return Ok(()) };
        slot.say(&mut lane, counted, stopped);
        if lane.is_closed() {
            return Ok(());
        }
        if stop {
            drop(state);
            lane.stop()?;
            stopped = true;
            continue;
        }
        let Some(mut read) = slot.room(passed) else {
            state.said += 1;
            shared.changed.notify_all();
            drop(shared.wait(state, SAY_EVERY));
            continue;
        };
        drop(state);
        let (begun, before) = (Instant::now(), read.batch.len());
        lane.take(&mut read.batch, &mut seen);
        read.at = Some((Instant::now(), system_now()));
        if !read.batch.is_full() {
            // The ring was empty.
            passed = begun.checked_sub(SETTLED);
        }
        let idle = read.batch.len() == before;
        put(shared, place, (read, seen.frames), passed);
        if idle {
            lane.rest(if lane.standing() == Standing::Up { SAY_EVERY } else { LOOK_AGAIN })?;
        }
    }
}

/// Hands on what was read, with how many frames the lane has read.
fn put(shared: &Shared, place: usize, (read, frames): (Read, u64), passed: Option<Instant>) {
    let mut state = shared.lock();
    state.said += 1;
    if let Some(slot) = state.slots.get_mut(place) {
        (slot.passed, slot.frames) = (passed, frames);
        if read.batch.is_empty() {
            slot.free.push(read.batch);
        } else {
            slot.read.push_back(read);
        }
    }
    drop(state);
    shared.changed.notify_all();
}

impl Slot {
    /// Notes how it stands with the lane.
    fn say(&mut self, lane: &mut Lane, counted: Statistics, stopped: bool) {
        self.counted.add(counted);
        self.ring_bytes = lane.ring_bytes();
        for standing in lane.changes() {
            self.falls += u64::from(self.standing == Standing::Up);
            self.standing = standing;
        }
        self.left_alone |= lane.was_left_alone();
        self.stopped = stopped;
    }

    /// A batch with room: the one that was read last, where nobody has taken it, so that frames that trickle in wait
    /// together; else a free one. `passed` is what has been read so far.
    fn room(&mut self, passed: Option<Instant>) -> Option<Read> {
        if self.read.back().is_some_and(|read| !read.batch.is_full()) {
            return self.read.pop_back();
        }
        Some(Read { batch: self.free.pop()?, at: None, after: passed })
    }
}
