//! Hashing that is the same on every run.

use std::hash::{BuildHasher, Hasher};

/// A fast, unkeyed hasher for tables whose iteration order never shows.
///
/// It is not proof against chosen keys; every table that uses it is bounded, so the worst a peer can do is
/// make one bounded table slow. Multiply-rotate over 64-bit words.
#[derive(Clone, Copy, Debug, Default)]
pub struct FastHasher(u64);

/// Builds [`FastHasher`]s.
#[derive(Clone, Copy, Debug, Default)]
pub struct FastState;

impl BuildHasher for FastState {
    type Hasher = FastHasher;

    fn build_hasher(&self) -> FastHasher {
        FastHasher(0)
    }
}

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

impl Hasher for FastHasher {
    fn finish(&self) -> u64 {
        // The high bits are the well-mixed ones; tables index by the low ones.
        let mixed = self.0.wrapping_mul(MULTIPLIER);
        mixed ^ (mixed >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            for (to, from) in last.iter_mut().zip(rest) {
                *to = *from;
            }
            self.write_u64(u64::from_le_bytes(last) ^ ((rest.len() as u64) << 56));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(25) ^ value).wrapping_mul(MULTIPLIER);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}

/// A 64-bit hash of `parts` that is part of the outside contract (finding and asset ids): FNV-1a with a
/// separator between parts, so that it stays the same across versions of Rust and of Lazaret.
#[must_use]
pub fn stable_hash(parts: &[&[u8]]) -> u64 {
    let mut hash: u64 = 0xCBF2_9CE4_8422_2325;
    let mut eat = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    for part in parts {
        part.iter().copied().for_each(&mut eat);
        eat(0xFF);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_ids_never_change() {
        assert_eq!(stable_hash(&[b"hardcoded-address", b"02:1b:5e:00:10:20"]), 0x5B44_24DF_266E_45B6);
        assert_ne!(stable_hash(&[b"ab", b"c"]), stable_hash(&[b"a", b"bc"]));
    }

    #[test]
    fn the_length_of_a_short_tail_counts() {
        let of = |bytes: &[u8]| {
            let mut hasher = FastState.build_hasher();
            hasher.write(bytes);
            hasher.finish()
        };
        assert_ne!(of(&[0]), of(&[0, 0]));
    }
}
