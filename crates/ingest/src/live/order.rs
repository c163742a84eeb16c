//! Frames of several lanes, brought into one order.
//!
//! ```text
//! lane 0: ── 3 ─ 5 ─ 9 ──┐
//! lane 1: ── 4 ─ 6 ──────┤── 3 4 5 6 … 9 waits: lane 1 may still bring an 8
//! lane 2: ── (silent) ───┘
//! ```
//! Each lane keeps its own order, and the lane whose next frame is the earliest by the kernel's time is first. A lane
//! without a frame may still bring an earlier one, until its reader has found the ring empty late enough ([`SETTLED`]). So a
//! frame waits for the slowest lane, and no longer than [`HELD_MAX`]: then it goes on whatever the others do. A frame that
//! comes after a later one has gone on goes on at once, and is counted as late.
//!
//! # A clock that is set
//! Times before and after do not compare, so that frames go by (how often the clock was set, time): all frames of the old clock
//! go first. Each lane finds its own first frame of the new clock, as the one from which on times have moved by rather as
//! much as that than not at all; what comes after its ring was empty since is of the new clock in any case. The step is told
//! once, with the first frame of the new clock, which begins a batch; or when all lanes have nothing more.

use super::Seen;
use super::lane::RETIRE_SHARED;
use crate::batch::{BATCH_BYTES, Batch, FrameHead};
use model::CaptureTime;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Where a ring was empty at some moment, what arrived so long before has been read: the kernel hands over what waits after a
/// third of it.
pub(super) const SETTLED: Duration = RETIRE_SHARED.saturating_mul(3);
/// Longest time that a frame waits for other lanes after it was read. Our limit: on a machine so busy that a lane is not read for
/// longer, order suffers and nothing else; `late` counts.
pub(super) const HELD_MAX: Duration = Duration::from_millis(500);
/// A lane whose first frame of the new clock was not found has gone over to it after this time.
const STEP_MAX: Duration = Duration::from_secs(10);
/// A frame that seems to have waited longer in its ring was stamped by another clock, and is taken to have arrived when it was read.
const AGE_MAX: Duration = Duration::from_secs(10);

/// Frames of one lane that were read together.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) batch: Batch,
    /// When, by the steady clock and the system's.
    pub(super) at: Option<(Instant, i64)>,
    /// What arrived at the lane before this moment had been read before.
    pub(super) after: Option<Instant>,
}

/// What waits in one lane.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Oldest first.
    pub(super) read: VecDeque<Read>,
    /// Batches that are used up and overwritten.
    pub(super) used: Vec<Batch>,
    /// What arrived before this moment has been read.
    pub(super) passed: Option<Instant>,
    /// Whether nothing more will come.
    pub(super) closed: bool,
    /// Frames of the oldest batch that are used up.
    next: usize,
    /// The next frame, where it is known.
    front: Option<Front>,
    /// How often the clock was set before the next frame.
    clock: u64,
    /// Time of the frame before.
    last: Option<i64>,
}

/// What orders the frames of all lanes, and what they wait for.
#[derive(Clone, Copy, Debug)]
struct Front {
    /// How often the clock was set before, and the kernel's time.
    key: (u64, i64),
    /// When it arrived, as far as the system's clock told when it was read.
    arrived: Instant,
    /// When it was read.
    read: Instant,
}

/// The clock was set.
#[derive(Clone, Copy, Debug)]
struct Step {
    by: i64,
    /// When that was noticed.
    noticed: Instant,
}

/// The lanes of an interface.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) lanes: Vec<Waiting>,
    /// Times that the clock was set and some lane, or what goes on, has not gone over yet.
    steps: VecDeque<Step>,
    /// How often it was set before those.
    steps_over: u64,
    /// How often it was set before the frame that went on last, and that frame's time.
    gone: (u64, i64),
    late: u64,
}

impl Order {
    pub(super) fn of(lanes: usize) -> Self {
        Self {
            lanes: (0..lanes).map(|_| Waiting::default()).collect(),
            steps: VecDeque::new(),
            steps_over: 0,
            gone: (0, i64::MIN),
            late: 0,
        }
    }

    /// Frames that went on after one with a later time.
    pub(super) const fn late(&self) -> u64 {
        self.late
    }

    /// The clock was set by so many nanoseconds, which was noticed after everything that waits here was read.
    pub(super) fn clock_set(&mut self, by: i64, noticed: Instant) {
        self.steps.push_back(Step { by, noticed });
    }

    /// Adds to `batch` what can go on at the moment `now`, and gives by how much the clock was set just before the first of it, or
    /// where there is none, before whatever comes next.
    pub(super) fn fill(&mut self, batch: &mut Batch, seen: &mut Seen, now: Instant) -> Option<i64> {
        let mut stepped = None;
        while batch.bytes.len() < BATCH_BYTES {
            let first = self.first(now);
            let clock = match first {
                Some((_, front)) => front.key.0,
                None if self.nothing_waits() => self.lanes_clock(),
                None => break,
            };
            if clock > self.gone.0 {
                if !batch.is_empty() {
                    break;
                }
                let by = self.step(self.gone.0).map_or(0, |step| step.by);
                stepped = Some(stepped.unwrap_or(0_i64).saturating_add(by));
                self.gone = (self.gone.0 + 1, i64::MIN);
                continue;
            }
            let Some((lane, front)) = first else { break };
            if front.key < self.gone {
                self.late += 1;
            }
            self.gone = self.gone.max(front.key);
            if let Some(lane) = self.lanes.get_mut(lane) {
                lane.go_on(batch, seen);
            }
        }
        self.forget_steps();
        stepped
    }

    /// The frame that is next, and its lane; none where it has to wait.
    fn first(&mut self, now: Instant) -> Option<(usize, Front)> {
        let Self { lanes, steps, steps_over, .. } = self;
        let mut first: Option<(usize, Front)> = None;
        let mut oldest = now;
        for (place, lane) in lanes.iter_mut().enumerate() {
            let Some(front) = lane.front(steps, *steps_over) else { continue };
            oldest = oldest.min(front.read);
            if first.is_none_or(|(_, other)| front.key < other.key) {
                first = Some((place, front));
            }
        }
        let (_, front) = first?;
        let held = now.saturating_duration_since(oldest);
        let all_passed =
            || self.lanes.iter().all(|lane| lane.front.is_some() || lane.has_passed(front.arrived));
        (held >= HELD_MAX || all_passed()).then_some(first).flatten()
    }

    fn nothing_waits(&self) -> bool {
        self.lanes.iter().all(|lane| lane.front.is_none())
    }

    /// How often the clock was set before whatever any lane brings next.
    fn lanes_clock(&self) -> u64 {
        let open = self.lanes.iter().filter(|lane| !lane.closed || !lane.read.is_empty());
        open.map(|lane| lane.clock).min().unwrap_or(self.gone.0)
    }

    fn step(&self, number: u64) -> Option<Step> {
        self.steps.get(usize::try_from(number.checked_sub(self.steps_over)?).ok()?).copied()
    }

    /// Forgets what every lane has gone over.
    fn forget_steps(&mut self) {
        let over = self.lanes_clock().min(self.gone.0);
        while self.steps_over < over && self.steps.pop_front().is_some() {
            self.steps_over += 1;
        }
    }
}

impl Waiting {
    /// The next frame, where there is one. Where there is none, the lane goes over to the new clock once it can bring nothing older.
    fn front(&mut self, steps: &VecDeque<Step>, steps_over: u64) -> Option<Front> {
        if self.front.is_some() {
            return self.front;
        }
        let step = |clock: u64| steps.get(usize::try_from(clock.saturating_sub(steps_over)).ok()?);
        let Some(read) = self.read.front() else {
            while step(self.clock).is_some_and(|step| self.has_passed(step.noticed)) {
                self.clock += 1;
            }
            return None;
        };
        let (head, (at, system)) = (read.batch.heads.get(self.next)?, read.at?);
        while let Some(step) = step(self.clock) {
            let moved = head.time.saturating_sub(self.last.unwrap_or(head.time));
            let with_it = moved.saturating_sub(step.by).unsigned_abs() < moved.unsigned_abs();
            let after = read.after.is_some_and(|after| after >= step.noticed);
            if !with_it && !after && at.saturating_duration_since(step.noticed) < STEP_MAX {
                break;
            }
            self.clock += 1;
            // Once is enough: what follows is held against a frame of the new clock.
            self.last = Some(head.time);
        }
        self.last = Some(head.time);
        let age = Duration::from_nanos(u64::try_from(system.saturating_sub(head.time)).unwrap_or(0));
        let arrived = at.checked_sub(age).filter(|_| age <= AGE_MAX).unwrap_or(at);
        self.front = Some(Front { key: (self.clock, head.time), arrived, read: at });
        self.front
    }

    /// Bytes of the batches that have not gone on as a whole.
    pub(super) fn waiting_bytes(&self) -> u64 {
        self.read.iter().map(|read| read.batch.bytes.len() as u64).sum()
    }

    /// Whether nothing can come any more that arrived before that moment.
    fn has_passed(&self, moment: Instant) -> bool {
        self.closed || self.passed.is_some_and(|passed| passed >= moment)
    }

    /// Copies the next frame behind those in `batch`.
    fn go_on(&mut self, batch: &mut Batch, seen: &mut Seen) {
        self.front = None;
        let Some(read) = self.read.front() else { return };
        if let (Some(head), Some(frame)) = (read.batch.heads.get(self.next), read.batch.frame(self.next)) {
            seen.count(CaptureTime::from_nanos(head.time), frame.bytes.len());
            // A batch is at most its limit and one frame long.
            let at = u32::try_from(batch.bytes.len()).unwrap_or(u32::MAX);
            batch.bytes.extend_from_slice(frame.bytes);
            batch.heads.push(FrameHead { number: seen.frames, at, ..*head });
        }
        self.next += 1;
        if self.next >= read.batch.len() {
            self.next = 0;
            if let Some(Read { mut batch, .. }) = self.read.pop_front() {
                batch.wipe();
                self.used.push(batch);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::LinkType;

    const MS: i64 = 1_000_000;
    const SECOND: i64 = 1000 * MS;
    /// Of the system's clock when the tests begin.
    const BEGUN: i64 = 1_700_000_000 * SECOND;

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    /// Frames with these times, in milliseconds since the start, each holding its number; read at `at` milliseconds.
    fn read(start: Instant, at: u64, clock: i64, frames: &[(u8, i64)]) -> Read {
        let mut batch = Batch::new();
        for (number, time) in frames {
            let place = u32::try_from(batch.bytes.len()).unwrap();
            batch.bytes.push(*number);
            batch.heads.push(FrameHead {
                time: BEGUN + time * MS,
                number: 0,
                at: place,
                bytes: 1,
                original_bytes: 1,
                capture: 0,
                link: LinkType::Ethernet,
            });
        }
        let at = Some((after(start, at), BEGUN + i64::try_from(at).unwrap() * MS + clock));
        Read { batch, at, after: None }
    }

    /// What goes on at that moment, with by how many milliseconds the clock was set before it.
    fn goes_on(order: &mut Order, seen: &mut Seen, now: Instant) -> (Vec<u8>, Option<i64>) {
        let mut batch = Batch::new();
        let stepped = order.fill(&mut batch, seen, now);
        let numbers = batch.frames().map(|frame| frame.number);
        assert!(numbers.eq(seen.frames - batch.len() as u64 + 1..=seen.frames), "numbers in order");
        (batch.frames().map(|frame| frame.bytes[0]).collect(), stepped.map(|by| by / MS))
    }

    #[test]
    fn frames_go_on_in_the_order_of_their_times_as_far_as_every_lane_has_come() {
        let (start, mut seen, mut order) = (Instant::now(), Seen::default(), Order::of(2));
        order.lanes[0].read.push_back(read(start, 10, 0, &[(1, 1), (3, 3), (6, 6)]));
        order.lanes[1].read.push_back(read(start, 10, 0, &[(2, 2), (4, 4)]));
        // 6 waits: lane 1 may bring a 5.
        assert_eq!(goes_on(&mut order, &mut seen, after(start, 10)).0, [1, 2, 3, 4]);
        assert_eq!(order.lanes[1].used.len(), 1);
        assert!(order.lanes[1].used[0].bytes.is_empty(), "what is used up is overwritten");
        order.lanes[1].read.push_back(read(start, 20, 0, &[(5, 5), (7, 7)]));
        assert_eq!(goes_on(&mut order, &mut seen, after(start, 20)).0, [5, 6]);
        order.lanes[0].passed = Some(after(start, 6));
        assert_eq!(goes_on(&mut order, &mut seen, after(start, 80)).0, []);
        order.lanes[0].passed = Some(after(start, 7));
        assert_eq!(order.lanes[1].waiting_bytes(), 2);
        assert_eq!(goes_on(&mut order, &mut seen, after(start, 80)).0, [7]);
        assert_eq!((order.late(), seen.frames, seen.bytes), (0, 7, 7));
        assert_eq!(order.lanes[1].waiting_bytes(), 0);
    }

    #[test]
    fn a_lane_that_ended_is_not_waited_for() {
        let (start, mut seen, mut order) = (Instant::now(), Seen::default(), Order::of(3));
        order.lanes[0].read.push_back(read(start, 10, 0, &[(1, 1)]));
        order.lanes[1].closed = true;
        order.lanes[2].read.push_back(read(start, 10, 0, &[(2, 2)]));
        assert_eq!(goes_on(&mut order, &mut seen, after(start, 10)).0, [1]);
        order.lanes[0].closed = true;
        assert_eq!(goes_on(&mut order, &mut seen, after(start, 10)).0, [2]);
    }

    #[test]
    fn no_frame_waits_longer_than_it_may_and_one_that_is_late_goes_on_and_is_counted() {
        let (start, mut seen, mut order) = (Instant::now(), Seen::default(), Order::of(2));
        order.lanes[0].read.push_back(read(start, 10, 0, &[(1, 1), (3, 3)]));
        let held = 10 + HELD_MAX.as_millis() as u64;
        assert_eq!(goes_on(&mut order, &mut seen, after(start, held - 1)).0, []);
        assert_eq!(goes_on(&mut order, &mut seen, after(start, held)).0, [1, 3]);
        order.lanes[0].read.push_back(read(start, held, 0, &[(4, 400)]));
        order.lanes[1].read.push_back(read(start, held, 0, &[(2, 2), (5, 500)]));
        assert_eq!(goes_on(&mut order, &mut seen, after(start, held)).0, [2, 4]);
        assert_eq!((order.late(), seen.frames), (1, 4));
    }

    #[test]
    fn a_ring_that_could_not_be_read_for_long_is_not_waited_for_anew() {
        let (start, mut seen, mut order) = (Instant::now(), Seen::default(), Order::of(2));
        // Read a second after it arrived; the other ring was empty meanwhile.
        order.lanes[0].read.push_back(read(start, 1_010, 0, &[(1, 10)]));
        order.lanes[1].passed = Some(after(start, 500));
        assert_eq!(goes_on(&mut order, &mut seen, after(start, 1_010)).0, [1]);
    }

    #[test]
    fn whatever_lanes_frames_came_by_they_are_all_there_in_order() {
        let mut random = 1_u64;
        let mut below = move |limit: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % limit
        };
        for lanes in [1, 2, 3, 16] {
            let (start, mut seen, mut order) = (Instant::now(), Seen::default(), Order::of(lanes));
            let mut waiting: Vec<Vec<(u8, i64)>> = vec![Vec::new(); lanes];
            let mut out = Vec::new();
            for number in 0..=u8::MAX {
                waiting[below(lanes as u64) as usize].push((number, i64::from(number)));
                let lane = below(lanes as u64) as usize;
                if !waiting[lane].is_empty() && below(3) == 0 {
                    let frames = std::mem::take(&mut waiting[lane]);
                    order.lanes[lane].read.push_back(read(start, 256, 0, &frames));
                }
                out.extend(goes_on(&mut order, &mut seen, after(start, 256)).0);
            }
            for (lane, frames) in order.lanes.iter_mut().zip(waiting) {
                lane.read.push_back(read(start, 256, 0, &frames));
                lane.read.retain(|read| !read.batch.is_empty());
                lane.closed = true;
            }
            out.extend(goes_on(&mut order, &mut seen, after(start, 256)).0);
            assert!(out.iter().copied().eq(0..=u8::MAX), "{lanes}: {out:?}");
            assert_eq!(order.late(), 0);
        }
    }

    #[test]
    fn a_clock_that_is_set_is_told_once_with_the_first_frame_after_in_whatever_lanes_it_shows() {
        for by in [-3_600_000, 3_600_000, -600, 600] {
            let (start, mut seen, mut order) = (Instant::now(), Seen::default(), Order::of(3));
            // Set between 4 and 5; lane 2 has nothing from then until later.
            order.lanes[0].read.push_back(read(start, 10, by * MS, &[(1, 1), (3, 3), (6, 6 + by)]));
            order.lanes[1].read.push_back(read(
                start,
                10,
                by * MS,
                &[(2, 2), (4, 4), (5, 5 + by), (8, 8 + by)],
            ));
            order.lanes[2].passed = Some(start);
            order.clock_set(by * MS, after(start, 11));
            let all = |order: &mut Order, seen: &mut Seen, now| {
                let (mut frames, mut told) = (Vec::new(), Vec::new());
                loop {
                    let (some, stepped) = goes_on(order, seen, now);
                    told.extend(stepped.map(|by| (by, some.first().copied())));
                    frames.extend(&some);
                    if some.is_empty() {
                        return (frames, told);
                    }
                }
            };
            order.lanes[2].passed = Some(after(start, 20));
            let (frames, told) = all(&mut order, &mut seen, after(start, 20));
            assert_eq!((frames, told), (vec![1, 2, 3, 4, 5, 6], vec![(by, Some(5))]), "{by}");
            let mut late = read(start, 30, by * MS, &[(7, 7 + by)]);
            late.after = Some(after(start, 20));
            order.lanes[2].read.push_back(late);
            order.lanes[0].closed = true;
            order.lanes[2].closed = true;
            let (frames, told) = all(&mut order, &mut seen, after(start, 30));
            assert_eq!((frames, told), (vec![7, 8], Vec::new()), "{by}");
            assert_eq!(order.late(), 0, "{by}");
            assert!(order.steps.is_empty(), "{by}: {order:?}");
        }
    }

    #[test]
    fn a_clock_that_is_set_while_nothing_comes_is_told_once_every_ring_was_empty_since() {
        let (start, mut seen, mut order) = (Instant::now(), Seen::default(), Order::of(2));
        order.clock_set(-5 * SECOND, after(start, 5));
        order.lanes[0].passed = Some(after(start, 6));
        assert_eq!(goes_on(&mut order, &mut seen, after(start, 100)), (vec![], None));
        order.lanes[1].passed = Some(after(start, 6));
        assert_eq!(goes_on(&mut order, &mut seen, after(start, 100)), (vec![], Some(-5_000)));
        assert_eq!(goes_on(&mut order, &mut seen, after(start, 100)), (vec![], None));
    }

    #[test]
    fn frames_whose_times_did_not_move_with_the_clock_lose_neither_order_nor_number() {
        // As where the clock of the process is set and the kernel's is not.
        let (start, mut seen, mut order) = (Instant::now(), Seen::default(), Order::of(2));
        order.lanes[0].read.push_back(read(start, 10, 0, &[(1, 1), (3, 3)]));
        order.lanes[1].read.push_back(read(start, 10, 0, &[(2, 2), (4, 4)]));
        order.clock_set(3_600 * SECOND, after(start, 11));
        assert_eq!(goes_on(&mut order, &mut seen, after(start, 12)), (vec![1, 2, 3], None));
        for lane in &mut order.lanes {
            lane.passed = Some(after(start, 20));
        }
        assert_eq!(goes_on(&mut order, &mut seen, after(start, 80)), (vec![4], None));
        assert_eq!(goes_on(&mut order, &mut seen, after(start, 80)), (vec![], Some(3_600_000)));
        let mut next = read(start, 90, 3_600 * SECOND, &[(5, 85)]);
        next.after = Some(after(start, 20));
        order.lanes[0].read.push_back(next);
        order.lanes[1].passed = Some(after(start, 90));
        assert_eq!(goes_on(&mut order, &mut seen, after(start, 100)), (vec![5], None));
        assert_eq!(order.late(), 0);
    }
}
