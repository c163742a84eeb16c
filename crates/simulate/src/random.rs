//! The ward's own dice: SplitMix64.
//!
//! Small, fast and the same on every machine, so that one seed is one capture. Every actor gets its own
//! stream by [`Random::fork`]; adding an actor does not change what the others do.
//!
//! # Source
//! Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.

/// Odd constant of the sequence: the golden ratio in 64 bits.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
/// Mean of the sum of four uniform bytes.
const FOUR_BYTES_MEAN: f32 = 510.0;
/// Standard deviation of the sum of four uniform bytes.
const FOUR_BYTES_DEVIATION: f32 = 147.8;

/// A stream of pseudo-random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream of `seed`.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// An independent stream named by `label`; does not advance this one.
    pub(crate) fn fork(&self, label: u64) -> Self {
        let mut child = Self(self.0 ^ label.wrapping_mul(0xD134_2543_DE82_EF95));
        child.next();
        child
    }

    /// The next 64 bits.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where `end` is 0.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        let wide = (self.next() as u128) * (end as u128);
        (wide >> 64) as u64
    }

    /// 16 bits.
    pub(crate) const fn word16(&mut self) -> u16 {
        (self.next() >> 48) as u16
    }

    /// 32 bits.
    pub(crate) const fn word32(&mut self) -> u32 {
        (self.next() >> 32) as u32
    }

    /// Uniform in `0.0..1.0`.
    pub(crate) const fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `from..to`.
    pub(crate) const fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.unit()
    }

    /// True with `probability`.
    pub(crate) const fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Two nearly normal numbers, mean 0, deviation 1, from one step: sums of four bytes.
    pub(crate) fn normal_pair(&mut self) -> (f32, f32) {
        let sum = |word: u32| word.to_le_bytes().iter().map(|byte| f32::from(*byte)).sum::<f32>();
        let bits = self.next();
        let scale = |sum: f32| (sum - FOUR_BYTES_MEAN) / FOUR_BYTES_DEVIATION;
        (scale(sum(bits as u32)), scale(sum((bits >> 32) as u32)))
    }

    /// A nearly normal number, mean 0, deviation 1.
    pub(crate) fn normal(&mut self) -> f64 {
        f64::from(self.normal_pair().0)
    }

    /// One of `words`; empty where there is none.
    pub(crate) fn word(&mut self, words: &[&'static str]) -> &'static str {
        let index = self.below(words.len() as u64) as usize;
        words.get(index).copied().unwrap_or_default()
    }

    /// `count` bytes that look encrypted.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_splitmix64() {
        // First three outputs for seed 1234567, from the published reference implementation.
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
        assert_eq!(random.next(), 9_817_491_932_198_370_423);
    }

    #[test]
    fn normal_numbers_have_mean_zero_and_deviation_one() {
        let mut random = Random::new(1);
        let values: Vec<f64> = (0..20_000).map(|_| random.normal()).collect();
        let mean = values.iter().sum::<f64>() / 20_000.0;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance.sqrt() - 1.0).abs() < 0.03, "{mean} {variance}");
    }
}
