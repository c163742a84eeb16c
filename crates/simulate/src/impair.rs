//! What a mirror port does to a capture: loses, swaps and doubles frames, or copies one direction only.

use crate::cable::{Waiting, Way};
use crate::random::Random;
use crate::scenario::Scenario;
use crate::truth::Written;
use model::CaptureTime;
use std::io;

/// Share of frames lost.
const LOSS: f64 = 0.01;
/// Share of frames that change places with the next one.
const SWAP: f64 = 0.02;
/// Share of frames written twice.
const DOUBLE: f64 = 0.02;

/// Where frames go in the end: the caller's writer.
pub(crate) type Write<'a> = &'a mut dyn FnMut(CaptureTime, &[u8]) -> io::Result<()>;

/// The mirror port.
pub(crate) struct Mirror {
    scenarios: Vec<Scenario>,
    random: Random,
    held: Option<Waiting>,
    pub(crate) written: Written,
}

impl Mirror {
    /// A mirror that is impaired as `scenarios` say.
    pub(crate) fn new(scenarios: &[Scenario], random: Random) -> Self {
        Self { scenarios: scenarios.to_vec(), random, held: None, written: Written::default() }
    }

    fn has(&mut self, scenario: Scenario, share: f64) -> bool {
        self.scenarios.contains(&scenario) && self.random.chance(share)
    }

    /// Copies one frame.
    pub(crate) fn copy(&mut self, frame: Waiting, write: Write<'_>) -> io::Result<()> {
        let hidden = frame.way == Way::StreamAnswer && self.scenarios.contains(&Scenario::OneWay);
        if hidden || self.has(Scenario::Loss, LOSS) {
            self.written.frames_lost += 1;
            return Ok(());
        }
        if let Some(held) = self.held.take() {
            // The bytes change places, the stamps stay in order: the port's clock is right.
            self.written.pairs_swapped += 1;
            self.put(held.time, &frame.frame, write)?;
            return self.put(frame.time, &held.frame, write);
        }
        if self.has(Scenario::Reorder, SWAP) {
            self.held = Some(frame);
            return Ok(());
        }
        self.put(frame.time, &frame.frame, write)
    }

    fn put(&mut self, time: CaptureTime, frame: &[u8], write: Write<'_>) -> io::Result<()> {
        let copies = if self.has(Scenario::Duplicate, DOUBLE) { 2 } else { 1 };
        self.written.frames_doubled += copies - 1;
        for _ in 0..copies {
            self.written.frames += 1;
            self.written.bytes += frame.len() as u64;
            write(time, frame)?;
        }
        Ok(())
    }

    /// Writes what is still held.
    pub(crate) fn finish(&mut self, write: Write<'_>) -> io::Result<()> {
        match self.held.take() {
            Some(held) => self.put(held.time, &held.frame, write),
            None => Ok(()),
        }
    }
}
