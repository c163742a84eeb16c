//! Handing messages on: in order, each confirmed by the receiver before the next.

use super::accept::{Station, now};
use super::carrier::{Carrier, Carriers};
use super::cycle::late;
use super::{BufferError, Kept};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Messages taken from the buffer at a time.
const AT_ONCE: usize = 64;
/// Between two tries to reach the receiver: the first wait, doubled up to the last.
const AGAIN_FIRST: Duration = Duration::from_millis(250);
const AGAIN_LAST: Duration = Duration::from_secs(10);

/// How a message is settled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// The receiver refuses it for good; it is kept for people to look at.
    Refused,
}

/// What goes to one receiver.
pub struct Delivery {
    lane: usize,
    carriers: Carriers,
    carrier: Option<Box<dyn Carrier>>,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").field("carriers", &self.carriers).finish_non_exhaustive()
    }
}

impl Delivery {
    /// Of the station's lane `lane`. Nothing is connected yet.
    #[must_use]
    pub const fn new(lane: usize, carriers: Carriers) -> Self {
        Self { lane, carriers, carrier: None }
    }

    /// Hands on what the station keeps, until it ends.
    pub fn run(&mut self, station: &Arc<Station>) {
        let Some(lane) = station.lanes.get(self.lane) else { return };
        let receiver = self.carriers.receiver().to_string();
        let mut again = AGAIN_FIRST;
        let mut lost = false;
        while !station.is_ending() {
            match self.round(station) {
                Ok(0) => lane.wait(Duration::from_millis(500)),
                Ok(_) => {
                    if std::mem::take(&mut lost) {
                        station.say(format!("{receiver} takes messages again"));
                    }
                    again = AGAIN_FIRST;
                }
                Err(error) => {
                    self.carrier = None;
                    if !std::mem::replace(&mut lost, true) {
                        lane.lost.fetch_add(1, Ordering::Relaxed);
                        station.say(format!("{receiver} does not take messages, they are kept: {error}"));
                    }
                    pause(station, again);
                    again = (again * 2).min(AGAIN_LAST);
                }
            }
        }
    }

    /// Delivers the oldest; how many were settled.
    fn round(&mut self, station: &Station) -> Result<usize, BufferError> {
        let Some(lane) = station.lanes.get(self.lane) else { return Ok(0) };
        let oldest = lane.buffer().oldest(AT_ONCE)?;
        let mut settled = 0;
        for kept in &oldest {
            if station.is_ending() {
                break;
            }
            let outcome = self.send(kept)?;
            lane.buffer().settle(kept.number, outcome)?;
            let counter = match outcome {
                Outcome::Delivered => &lane.delivered,
                Outcome::Refused => &lane.refused,
            };
            counter.fetch_add(1, Ordering::Relaxed);
            settled += 1;
        }
        if let (true, Some(carrier)) = (oldest.is_empty(), &mut self.carrier)
            && carrier.rest().is_err()
        {
            // Nobody waits for anything; the next message finds out whether the receiver is there.
            self.carrier = None;
        }
        Ok(settled)
    }

    fn send(&mut self, kept: &Kept) -> Result<Outcome, BufferError> {
        let carrier = match &mut self.carrier {
            Some(carrier) => carrier,
            empty => empty.insert(self.carriers.make()?),
        };
        let text = late(self.carriers.receiver().form(), &kept.text, kept.accepted, now());
        Ok(carrier.send(kept, &text)?)
    }
}

/// Sleeps in small pieces, so that the end is not held up.
fn pause(station: &Station, most: Duration) {
    let tick = Duration::from_millis(50);
    let mut left = most;
    while !left.is_zero() && !station.is_ending() {
        std::thread::sleep(left.min(tick));
        left = left.saturating_sub(tick);
    }
}
