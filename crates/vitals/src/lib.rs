//! Beats, pulses, breaths, rates and signal quality, from the samples of a bedside monitor as they stream by.
//!
//! Everything here is a pure function of the samples pushed so far: no clock, no randomness, no allocation after
//! construction, no panic whatever the samples are. Samples are raw codes of unknown gain and offset (8-bit codes
//! of a monitor as well as 11- or 12-bit recordings), so every threshold adapts to the signal. Positions count the
//! samples pushed since construction, from 0, and keep counting over a `reset`.
//!
//! What comes out says what the signal holds, not how the patient is.

mod adaptive;
mod bed;
mod check;
mod clock;
pub mod coupling;
mod front;
mod fusion;
mod grid;
mod leads;
mod near;
pub mod news2;
pub mod pleth;
pub mod qrs;
pub mod quality;
pub mod rate;
mod replay;
pub mod respiration;
mod ring;
mod shape;
mod stretch;
mod thresholds;
mod verdict;
mod ward;
mod wave;
mod why;

pub use near::NEAR_HISTORY_SECONDS;
pub use replay::{FINGERPRINTS_MAX, HISTORY_SECONDS};
pub use thresholds::{Question, Thresholds};
pub use verdict::{At, Compared, Standing};
pub use ward::{BEDS_MAX, Depth, Row, Said, Source, Ward};

/// Lowest sampling rate that the detectors work at, in hertz; a lower or senseless rate is taken as this one.
pub const RATE_HZ_MIN: f64 = 25.0;
/// Highest sampling rate that the detectors work at, in hertz; a higher rate is taken as this one.
pub const RATE_HZ_MAX: f64 = 2_000.0;

/// `rate_hz` within what the detectors work at.
fn usable_rate_hz(rate_hz: f64) -> f64 {
    if rate_hz.is_finite() { rate_hz.clamp(RATE_HZ_MIN, RATE_HZ_MAX) } else { RATE_HZ_MIN }
}
