//! Tampering with recordings on their way through encoder, wire and decoder, and what the checks make of it.
//!
//! ```text
//! recording ─► 8 bits, 256 Hz ─► attack ─► simulate's encoder ─► bytes ─► wire's parser ─► vitals::Ward
//! ```
//! Every attack begins at several moments of every record; a verdict counts where the untampered run of the same
//! record did not have it at that second. What was tuned was tuned on other subjects than those it is reported
//! for, or was not tuned at all ([`table`] says which).

pub mod attack;
pub mod desk;
pub mod subject;
pub mod table;

/// A generator of numbers that look random and come again (xorshift64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Between 0 and 1.
    pub fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Mean 0, deviation 1: a sum of twelve.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}
