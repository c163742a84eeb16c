//! Measures the rules that need time: what they find of planted beacons and searches, and what they find where nothing
//! is wrong, per 1,000 device-days.
//!
//! Everything is made in memory: flows over days as observations, without frames ([`stage`]), since these rules look at
//! who opens what when. A second look at the same rules goes through frames: wards of `simulate` ([`frames`]).

use model::Finding;

pub mod bounds;
pub mod frames;
pub mod plant;
pub mod servers;
pub mod stage;
pub mod ward;

/// The rules that are measured.
pub const RULES: [&str; 6] =
    ["beacon", "lateral-movement", "new-peer", "new-service", "device-silent", "policy-violation"];

/// `offsite-egress` of what is no medical device, by its own past.
pub const OWN_PAST: &str = "offsite-egress by own past";

/// The rule of a finding, with how it was found where that makes it another matter.
#[must_use]
pub fn name(finding: &Finding) -> &'static str {
    let by_past = finding.rule == "offsite-egress" && finding.details.contains_key("learnt_hours");
    if by_past { OWN_PAST } else { finding.rule }
}

/// Deterministic dice: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The dice of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Uniform in `0.0..1.0`.
    pub const fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `from..to`.
    pub const fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.unit()
    }

    /// Exponential with this mean.
    pub fn wait(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// A number below `end`.
    pub const fn below(&mut self, end: u32) -> u32 {
        (self.unit() * end as f64) as u32
    }
}
