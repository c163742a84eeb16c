//! The Internet checksum after some bytes changed: RFC 1624, RFC 1071.
//!
//! Only the difference is brought in, so a checksum that was right stays right, and one that was wrong (a card that
//! computes it later, a frame that was damaged) stays wrong by as much.

/// Difference between new and old bytes, as sums of 16-bit words.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Change(i64);

impl Change {
    /// A byte at `offset` of what the checksum covers.
    pub(super) fn byte(&mut self, offset: usize, old: u8, new: u8) {
        let difference = i64::from(new) - i64::from(old);
        self.0 += if offset.is_multiple_of(2) { difference << 8 } else { difference };
    }

    /// Both.
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// The checksum after the change. The sum of what is covered is never zero: addresses and lengths are part of it.
    pub(super) fn applied(self, checksum: u16) -> u16 {
        if self == Self::default() {
            return checksum;
        }
        let sum = (i64::from(!checksum) + self.0).rem_euclid(0xFFFF);
        // Below 65,535. Of the two zeros of ones' complement the sum of something is the negative one.
        !(if sum == 0 { 0xFFFF } else { sum as u16 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checksum(bytes: &[u8]) -> u16 {
        let words =
            bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
        let sum: u32 = words.sum();
        let folded = (sum & 0xFFFF) + (sum >> 16);
        !((folded & 0xFFFF) + (folded >> 16)) as u16
    }

    #[test]
    fn the_difference_gives_what_the_whole_gives() {
        let mut bytes: Vec<u8> = (0..=254).map(|n: u8| n.wrapping_mul(37).wrapping_add(11)).collect();
        let mut kept = checksum(&bytes);
        for step in 0..500_usize {
            let at = step * 7 % bytes.len();
            let new = (step * 31) as u8;
            let mut change = Change::default();
            change.byte(at, bytes[at], new);
            bytes[at] = new;
            kept = change.applied(kept);
            assert_eq!(kept, checksum(&bytes), "step {step}");
        }
    }

    #[test]
    fn one_that_was_wrong_stays_wrong_by_as_much() {
        let mut change = Change::default();
        change.byte(3, 1, 2);
        assert_eq!(change.applied(0x1234), 0x1233);
        assert_eq!(Change::default().applied(0), 0);
    }
}
