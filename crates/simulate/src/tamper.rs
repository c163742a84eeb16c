//! What somebody who sits between a monitor and everybody else does to its vital signs.
//!
//! The victim is the ward's first unit, from half of the ward's time on, where no cue names another. Nothing is disguised: a scan must find
//! each of these from the data alone.

use crate::heart::Block;
use crate::patient::Limits;
use crate::scenario::Scenario;
use std::collections::VecDeque;

/// By how much the heart rate shown is raised, 1/min.
const RAISED: u8 = 20;
/// How far back a replayed stretch lies, in cycles, and how long it is.
const REPLAY_BACK: usize = 15;
const REPLAY_CYCLES: u64 = 10;
/// Limits of the heart rate once widened, high and low, 1/min.
const WIDENED: (u16, u16) = (220, 25);

/// Tampering with one unit.
#[derive(Clone, Debug)]
pub(crate) struct Tamper {
    scenario: Scenario,
    /// First cycle that is tampered with.
    from: u64,
    past: VecDeque<Block>,
}

impl Tamper {
    /// What the scenarios do, each from a cycle on.
    pub(crate) fn of(tampering: &[(Scenario, u64)]) -> Vec<Self> {
        let with = |(scenario, from): &(Scenario, u64)| Self {
            scenario: *scenario,
            from: *from,
            past: VecDeque::new(),
        };
        tampering.iter().map(with).collect()
    }

    /// Changes what the unit is about to send in `cycle`; tells once that it begins.
    pub(crate) fn apply(
        &mut self,
        cycle: u64,
        block: &mut Block,
        limits: &mut Limits,
    ) -> Option<&'static str> {
        let since = cycle.checked_sub(self.from);
        match (self.scenario, since) {
            (Scenario::TamperFreeze | Scenario::TamperReplay, None) => {
                self.past.push_back(block.clone());
                if self.past.len() > REPLAY_BACK {
                    self.past.pop_front();
                }
            }
            (Scenario::TamperFreeze, Some(_)) => {
                if let Some(last) = self.past.back() {
                    waves(last, block);
                }
            }
            (Scenario::TamperReplay, Some(since)) if since < REPLAY_CYCLES => {
                if let Some(old) = self.past.get(since as usize) {
                    waves(old, block);
                }
            }
            (Scenario::TamperNumber, Some(_)) => block.heart_rate = block.heart_rate.saturating_add(RAISED),
            (Scenario::AlarmOff, Some(_)) => limits.heart_rate_alarm = false,
            (Scenario::LimitsWidened, Some(_)) => limits.heart_rate = WIDENED,
            _ => {}
        }
        (since == Some(0)).then(|| self.scenario.name())
    }
}

/// The waveforms of `from`, with the numbers of now.
fn waves(from: &Block, to: &mut Block) {
    to.ecg = from.ecg;
    to.pleth = from.pleth;
    to.respiration = from.respiration;
}
