//! One receiver's thread: takes messages from the outbox in order, and keeps at it until they are delivered.
//!
//! At least once: a message leaves the outbox when its delivery was confirmed. What was begun to be sent and not confirmed is
//! sent again and says so. Where the receiver may have died with what it took ([`Channel::doubts`]), messages stay in the
//! outbox until it was reached again.

use super::channel::{Channel, Fault, Parcel};
use super::moment;
use crate::stored::now;
use export::notice::{Notice, Sent};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use store::{Outbox, StoreError, Waiting};

/// First wait after a failure; it doubles.
const RETRY_MIN: Duration = Duration::from_millis(500);
/// How often a message is tried that the receiver refuses. Our limit; then it is put aside.
const REFUSALS_MAX: u32 = 10;
/// How long a receiver that took something must be left before it is asked whether it lives.
const DOUBT: Duration = Duration::from_millis(700);
/// How often it is looked whether to end.
const LOOK: Duration = Duration::from_millis(200);

/// An outbox between the one who fills it and the one who empties it.
pub(super) struct Queue {
    outbox: Mutex<Outbox>,
    news: Condvar,
}

impl Queue {
    pub(super) const fn new(outbox: Outbox) -> Self {
        Self { outbox: Mutex::new(outbox), news: Condvar::new() }
    }

    pub(super) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the one who empties it.
    pub(super) fn wake(&self) {
        self.news.notify_all();
    }

    fn wait(&self, longest: Duration) {
        drop(self.news.wait_timeout(self.outbox(), longest));
    }
}

/// The thread of one receiver.
pub(super) struct Courier {
    pub(super) name: String,
    pub(super) queue: Arc<Queue>,
    pub(super) channel: Box<dyn Channel>,
    pub(super) retry_max: Duration,
    pub(super) stop: Arc<AtomicBool>,
    /// Taken by the receiver, but not beyond doubt: numbers, and how many of them were sent before.
    doubt: Vec<(i64, Sent)>,
    failures: u32,
    refusals: u32,
    /// When the receiver last took something.
    took: Option<Instant>,
}

impl Courier {
    pub(super) fn new(
        name: &str,
        queue: &Arc<Queue>,
        channel: Box<dyn Channel>,
        retry_max: Duration,
        stop: &Arc<AtomicBool>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            queue: Arc::clone(queue),
            channel,
            retry_max,
            stop: Arc::clone(stop),
            doubt: Vec::new(),
            failures: 0,
            refusals: 0,
            took: None,
        }
    }

    /// Until told to end. What is in doubt then is asked once more, so that an orderly end repeats nothing.
    pub(super) fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            match self.step() {
                Ok(true) => self.failures = 0,
                Ok(false) => self.queue.wait(LOOK),
                Err(trouble) => self.failed(&trouble),
            }
        }
        if !self.doubt.is_empty() && self.channel.open().is_ok() {
            drop(self.settle());
        }
    }

    /// Whether there was something to do.
    fn step(&mut self) -> Result<bool, Trouble> {
        let after = self.doubt.last().map_or(i64::MIN, |(number, _)| *number);
        let (batch, begun) = {
            let outbox = self.queue.outbox();
            (outbox.next(after, self.channel.most())?, outbox.begun()?)
        };
        if batch.is_empty() {
            let due = self.took.is_some_and(|took| moment().duration_since(took) >= DOUBT);
            if self.doubt.is_empty() || !due {
                return Ok(false);
            }
        }
        self.channel.open()?;
        self.settle()?;
        let Some(last) = batch.last().map(|waiting| waiting.number) else {
            self.channel.close();
            return Ok(true);
        };
        let parcels = self.parcels(batch, begun)?;
        if parcels.is_empty() {
            return Ok(true);
        }
        self.queue.outbox().begin(begun.max(last))?;
        if let Err(fault) = self.channel.send(&parcels) {
            if matches!(fault, Fault::Unreached(_)) {
                self.queue.outbox().begin(begun)?;
            }
            if matches!(fault, Fault::Refused(_)) {
                self.refuse(&parcels)?;
            }
            return Err(fault.into());
        }
        self.refusals = 0;
        self.took = Some(moment());
        self.doubt.extend(parcels.iter().map(|parcel| (parcel.number, parcel.sent)));
        if !self.channel.doubts() {
            self.settle()?;
        }
        Ok(true)
    }

    /// What was in doubt was delivered.
    fn settle(&mut self) -> Result<(), StoreError> {
        if self.doubt.is_empty() {
            return Ok(());
        }
        let numbers: Vec<i64> = self.doubt.iter().map(|(number, _)| *number).collect();
        let repeated = self.doubt.iter().filter(|(_, sent)| *sent == Sent::Again).count();
        self.queue.outbox().delivered_all(&numbers, i64::try_from(repeated).unwrap_or(i64::MAX), now())?;
        self.doubt.clear();
        Ok(())
    }

    fn parcels(&self, batch: Vec<Waiting>, begun: i64) -> Result<Vec<Parcel>, StoreError> {
        let mut parcels = Vec::with_capacity(batch.len());
        for Waiting { number, text, .. } in batch {
            match serde_json::from_slice::<Notice>(&text) {
                Ok(notice) => {
                    let sent = if number <= begun { Sent::Again } else { Sent::First };
                    parcels.push(Parcel { number, notice, sent });
                }
                // Of a later version of this program; a later one reads it again.
                Err(_) => self.queue.outbox().refused(number)?,
            }
        }
        Ok(parcels)
    }

    /// A message is put aside when it was refused often enough; the others go on.
    fn refuse(&mut self, parcels: &[Parcel]) -> Result<(), StoreError> {
        self.refusals += 1;
        if self.refusals >= REFUSALS_MAX {
            self.refusals = 0;
            for parcel in parcels {
                self.queue.outbox().refused(parcel.number)?;
                eprintln!(
                    "lazaret: output {}: it refuses message {}; that one is put aside, and tried again at the next start",
                    self.name, parcel.notice.id
                );
            }
        }
        Ok(())
    }

    /// Notes why, says so the first time, and waits, longer each time.
    fn failed(&mut self, trouble: &Trouble) {
        // What was in doubt may be lost: it is sent again.
        self.doubt.clear();
        let why = trouble.to_string();
        if self.failures == 0 {
            eprintln!("lazaret: output {}: {why}; messages wait for it", self.name);
        }
        drop(self.queue.outbox().failed(&why, now()));
        let wait = wait(self.failures, self.retry_max, chance());
        self.failures = self.failures.saturating_add(1);
        let started = moment();
        while started.elapsed() < wait && !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK.min(wait.saturating_sub(started.elapsed())));
        }
    }
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{}", .0.why())]
    Receiver(Fault),
    #[error("the outbox: {0}")]
    Outbox(#[from] StoreError),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Receiver(fault)
    }
}

/// The wait after the n-th failure in a row, from 0; `chance` (0 to 255) takes up to a quarter off, so that many senders do
/// not come back all at once.
fn wait(failures: u32, longest: Duration, chance: u8) -> Duration {
    let wait = RETRY_MIN.saturating_mul(1 << failures.min(20)).min(longest);
    wait - wait / 4 * u32::from(chance) / 255
}

fn chance() -> u8 {
    let mut byte = [0];
    // Without chance it is the longest wait.
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use export::notice::Change;
    use std::path::PathBuf;
    use store::{Telling, Told};

    #[test]
    fn waits_grow_to_their_longest() {
        let longest = Duration::from_secs(300);
        let waits: Vec<u64> = (0..12).map(|failures| wait(failures, longest, 0).as_millis() as u64).collect();
        assert_eq!(
            waits,
            [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000]
        );
        assert_eq!(wait(2, longest, 255), Duration::from_millis(1500));
        assert_eq!(wait(u32::MAX, longest, 0), longest);
    }

    /// A receiver that does what it is told, and notes what it got.
    struct Script {
        opens: Vec<Result<(), Fault>>,
        sends: Vec<Result<(), Fault>>,
        doubts: bool,
        got: Arc<Mutex<Vec<(i64, Sent)>>>,
    }

    impl Channel for Script {
        fn most(&self) -> usize {
            2
        }

        fn doubts(&self) -> bool {
            self.doubts
        }

        fn open(&mut self) -> Result<(), Fault> {
            if self.opens.is_empty() { Ok(()) } else { self.opens.remove(0) }
        }

        fn send(&mut self, parcels: &[Parcel]) -> Result<(), Fault> {
            self.got.lock().unwrap().extend(parcels.iter().map(|parcel| (parcel.number, parcel.sent)));
            if self.sends.is_empty() { Ok(()) } else { self.sends.remove(0) }
        }
    }

    fn courier(test: &str, messages: i64, script: Script) -> (PathBuf, Courier) {
        let folder = std::env::temp_dir().join(format!("lazaret-courier-{test}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        let mut outbox = Outbox::open(&folder).unwrap();
        let text = super::super::sample(Change::Opened).to_json().unwrap();
        let tellings: Vec<Telling> = (1..=messages)
            .map(|subject| Telling {
                told: Told { subject, serial: 1, open: true, digest: 0 },
                text: Some(text.clone()),
            })
            .collect();
        outbox.tell(0, &tellings).unwrap();
        let queue = Arc::new(Queue::new(outbox));
        let stop = Arc::new(AtomicBool::new(false));
        (folder, Courier::new(test, &queue, Box::new(script), Duration::from_millis(1), &stop))
    }

    #[test]
    fn what_a_dead_receiver_took_is_sent_again_and_says_so() {
        let got = Arc::new(Mutex::new(Vec::new()));
        let down = || Fault::Unreached("down".to_owned());
        let script =
            Script { opens: vec![Ok(()), Err(down())], sends: vec![], doubts: true, got: Arc::clone(&got) };
        let (folder, mut courier) = courier("doubt", 3, script);
        assert!(courier.step().unwrap());
        // It took two, and is not there when the third is to come.
        let trouble = courier.step().unwrap_err();
        courier.failed(&trouble);
        assert_eq!(courier.queue.outbox().waiting(), 3, "nothing is gone");
        assert!(courier.step().unwrap() && courier.step().unwrap());
        let expected =
            [(1, Sent::First), (2, Sent::First), (1, Sent::Again), (2, Sent::Again), (3, Sent::First)];
        assert_eq!(*got.lock().unwrap(), expected);
        assert_eq!(courier.queue.outbox().waiting(), 1, "the last is in doubt");
        courier.stop.store(true, Ordering::Relaxed);
        let queue = Arc::clone(&courier.queue);
        courier.run();
        let course = queue.outbox().course().unwrap();
        assert_eq!((course.waiting, course.delivered, course.repeated), (0, 3, 2));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn one_message_that_is_refused_does_not_hold_the_others() {
        let got = Arc::new(Mutex::new(Vec::new()));
        let no = || Err(Fault::Refused("too ugly".to_owned()));
        let sends = (0..REFUSALS_MAX).map(|_| no()).collect();
        let script = Script { opens: vec![], sends, doubts: false, got: Arc::clone(&got) };
        let (folder, mut courier) = courier("refused", 4, script);
        for _ in 0..REFUSALS_MAX {
            let trouble = courier.step().unwrap_err();
            courier.failed(&trouble);
        }
        assert!(courier.step().unwrap());
        let course = courier.queue.outbox().course().unwrap();
        assert_eq!((course.waiting, course.delivered, course.refused), (0, 2, 2));
        assert_eq!(courier.queue.outbox().readmit().unwrap(), 2);
        assert!(courier.step().unwrap());
        assert_eq!(got.lock().unwrap().last(), Some(&(2, Sent::Again)));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
