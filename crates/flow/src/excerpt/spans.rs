//! Sets of bytes of a stream.

use std::collections::BTreeMap;
use std::ops::Range;

/// Ranges that do not touch each other.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Spans(BTreeMap<u64, u64>);

impl Spans {
    /// Adds a range; what touches it becomes one with it.
    pub(super) fn add(&mut self, range: &Range<u64>) {
        let Range { mut start, mut end } = *range;
        if start >= end {
            return;
        }
        while let Some((from, to)) = self.0.range(..=end).next_back().map(|(from, to)| (*from, *to)) {
            if to < start {
                break;
            }
            self.0.remove(&from);
            (start, end) = (start.min(from), end.max(to));
        }
        self.0.insert(start, end);
    }

    /// Takes a range away.
    pub(super) fn remove(&mut self, range: &Range<u64>) {
        let Range { start, end } = *range;
        while let Some((from, to)) = self.0.range(..end).next_back().map(|(from, to)| (*from, *to)) {
            if to <= start || start >= end {
                break;
            }
            self.0.remove(&from);
            if to > end {
                self.0.insert(end, to);
            }
            if from < start {
                self.0.insert(from, start);
                break;
            }
        }
    }

    /// What of `range` is in the set, in ascending order.
    pub(super) fn within(&self, range: &Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let Range { start, end } = *range;
        let first = self.0.range(..=start).next_back().map_or(start, |(from, _)| *from);
        let inside =
            self.0.range(first..end.max(first)).map(move |(from, to)| *from.max(&start)..*to.min(&end));
        inside.filter(|part| part.start < part.end)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Range<u64>> {
        self.0.iter().map(|(from, to)| *from..*to)
    }

    /// Keeps only ranges that share a byte with `wanted`.
    pub(super) fn retain(&mut self, wanted: &Self) {
        self.0.retain(|from, to| wanted.within(&(*from..*to)).next().is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_differences_are_those_of_sets() {
        // Every pair of ranges below 9 against sets of bytes.
        let ranges: Vec<Range<u64>> = (0..9).flat_map(|a| (a..9).map(move |b| a..b)).collect();
        let bits = |range: &Range<u64>| range.clone().fold(0_u16, |bits, at| bits | 1 << at);
        let of = |spans: &Spans| spans.iter().fold(0, |all, range| all | bits(&range));
        for a in &ranges {
            for b in &ranges {
                for c in &ranges {
                    let mut spans = Spans::default();
                    spans.add(a);
                    spans.add(b);
                    assert_eq!(of(&spans), bits(a) | bits(b));
                    let inside: u16 = spans.within(c).fold(0, |all, range| all | bits(&range));
                    assert_eq!(inside, (bits(a) | bits(b)) & bits(c), "{a:?} {b:?} within {c:?}");
                    spans.remove(c);
                    assert_eq!(of(&spans), (bits(a) | bits(b)) & !bits(c), "{a:?} {b:?} without {c:?}");
                }
            }
        }
    }
}
