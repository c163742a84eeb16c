//! The questions, one file per subject. Each keeps what it needs and answers once a cycle.

pub(crate) mod flat;
pub(crate) mod limit;
pub(crate) mod pressure;
pub(crate) mod rates;
pub(crate) mod value;

use crate::coupling::Strength;
use crate::why::Why;
use model::Channel;

/// What a waveform says by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) channel: Channel,
    pub(crate) rate: Option<f32>,
    pub(crate) quality: f32,
    pub(crate) enough: bool,
}

/// What one bed shows at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Numbers shown as valid.
    pub(crate) heart_rate: Option<f32>,
    pub(crate) pulse_rate: Option<f32>,
    pub(crate) respiration_rate: Option<f32>,
    /// Waveforms.
    pub(crate) ecg: Option<Heard>,
    pub(crate) pleth: Option<Heard>,
    pub(crate) breaths: Option<f32>,
    pub(crate) breathes: bool,
    pub(crate) coupling: Option<Strength>,
    /// Height of the beats against before their last step.
    pub(crate) ratio: Option<f32>,
    pub(crate) likeness: Option<f32>,
    pub(crate) evenness: Option<(f32, f32, u32)>,
    /// Clipped shares of the channels that were whole before.
    pub(crate) clipped: Option<(Channel, f32)>,
    /// Why what is not there is not there.
    pub(crate) absent: Why,
}
