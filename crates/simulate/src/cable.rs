//! The cable that the mirror port copies: frames waiting for their moment, in order of time.
//!
//! An actor may put frames a little into the future (the answer to what it just said); the ward takes
//! them off when no actor can put an earlier one. What waits is bounded by what the actors say within
//! one of their steps: at most one dialogue each.

use model::CaptureTime;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Which way a frame of a telemetry stream goes; a one-way mirror loses the answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    /// Seen by every mirror.
    Any,
    /// From the server of a telemetry stream back to the monitor.
    StreamAnswer,
}

/// A frame that waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// When the mirror sees it.
    pub(crate) time: CaptureTime,
    serial: u64,
    /// See [`Way`].
    pub(crate) way: Way,
    /// The bytes.
    pub(crate) frame: Vec<u8>,
}

impl Ord for Waiting {
    /// Reversed, because [`BinaryHeap`] gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.time, other.serial).cmp(&(self.time, self.serial))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Waiting {}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

/// Frames in flight.
#[derive(Debug, Default)]
pub(crate) struct Cable {
    waiting: BinaryHeap<Waiting>,
    serial: u64,
}

impl Cable {
    /// Puts a frame on the cable at `time`.
    pub(crate) fn put(&mut self, time: CaptureTime, way: Way, frame: Vec<u8>) {
        self.serial += 1;
        self.waiting.push(Waiting { time, serial: self.serial, way, frame });
    }

    /// Puts the frames of one datagram on the cable, back to back.
    pub(crate) fn put_all(&mut self, time: CaptureTime, frames: Vec<Vec<u8>>) {
        for (index, frame) in frames.into_iter().enumerate() {
            self.put(time.plus_nanos(index as i64 * 123_000), Way::Any, frame);
        }
    }

    /// Takes the earliest frame if it is not later than `time`.
    pub(crate) fn take_until(&mut self, time: CaptureTime) -> Option<Waiting> {
        if self.waiting.peek()?.time > time {
            return None;
        }
        self.waiting.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_leave_by_time_and_then_by_arrival() {
        let mut cable = Cable::default();
        let at = CaptureTime::from_nanos;
        cable.put(at(5), Way::Any, vec![1]);
        cable.put(at(3), Way::Any, vec![2]);
        cable.put(at(5), Way::Any, vec![3]);
        let order: Vec<Vec<u8>> = std::iter::from_fn(|| cable.take_until(at(5))).map(|w| w.frame).collect();
        assert_eq!(order, [vec![2], vec![1], vec![3]]);
    }
}
