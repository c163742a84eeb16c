//! Facts and assets to findings.
//!
//! [`Judge::observe`] collects what the detectors need, [`Judge::conclude`] asks each of them; concluding
//! changes nothing and can be done at any time. A detector (code, `detector/x.rs`) says *what* happened, as a
//! few named circumstances; the rule of the same name (data, `data/findings/x.toml`) says whether that is a
//! finding, how bad, how sure, and in which words. [`Judgement`] runs inventory and judge together.
//!
//! ```text
//! Observation ─→ Inventory ─→ Survey ──────┐
//!        └─────→ Judge (tallies) ─→ detector: circumstances ─→ rule: case ─→ Finding
//! ```
//! With [`Judgement::checking_vitals`] the vital signs of every bed go through the checks of `vitals` as well.
//!
//! With [`Judgement::remembering`] what a store knows from before belongs to each device's own past.
//!
//! Nothing here names a protocol: detectors read facts, and the words of the data files.

mod account;
mod blind;
mod detector;
mod draft;
mod drift;
mod integrity;
mod judge;
mod judgement;
mod past;
mod recompute;
mod rhythm;
mod rule;
mod score;
mod tally;

pub use blind::blind_spots;
pub use drift::drifted;
pub use judge::Judge;
pub use judgement::{DataError, Judgement};
pub use past::{Blame, Past, PastAsset, PastConversation};
pub use recompute::{
    ECG_ALIKE_MIN, PLETH_ALIKE_MIN, RESPIRATION_WINDOW_SECONDS, SETTLING_SECONDS, recompute,
};
pub use rule::{Rule, RuleError, Rules, rule_text};
pub use tally::Tally;
pub use vitals::{Compared, Depth, Standing};
