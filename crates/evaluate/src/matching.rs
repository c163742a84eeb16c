//! Found beats against marked beats, one to one, as EC57 asks and WFDB's `bxb` does.
//!
//! Both lists are walked in time. The earlier of the two next beats is paired with the other list's next one if that
//! is within the window and the later one is not nearer to the beat after the earlier one. The rest is missed or
//! false. Spans of ventricular flutter are left out on both sides.

/// Window of EC57 and of `bxb`, in seconds.
pub const WINDOW_S: f64 = 0.150;

/// How beats were matched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matched {
    /// Places of pairs: of the marked beat and of the found one.
    pub pairs: Vec<(u64, u64)>,
    /// Marked beats that were not found.
    pub missed: Vec<u64>,
    /// Found beats that are not marked.
    pub invented: Vec<u64>,
}

/// Matches `found` with `marked`, both in order; `window` is the largest distance of a pair.
pub fn matched(marked: &[u64], found: &[u64], window: u64) -> Matched {
    let mut result = Matched::default();
    let (mut marked, mut found) = (marked.iter().copied().peekable(), found.iter().copied().peekable());
    loop {
        match (marked.peek().copied(), found.peek().copied()) {
            (None, None) => return result,
            (Some(mark), None) => {
                result.missed.push(mark);
                marked.next();
            }
            (None, Some(find)) => {
                result.invented.push(find);
                found.next();
            }
            (Some(mark), Some(find)) => {
                let distance = mark.abs_diff(find);
                let (mut after_mark, mut after_find) = (marked.clone(), found.clone());
                after_mark.next();
                after_find.next();
                let rival = if mark < find {
                    after_mark.next().map(|next| next.abs_diff(find))
                } else {
                    after_find.next().map(|next| next.abs_diff(mark))
                };
                if distance <= window && rival.is_none_or(|rival| distance <= rival) {
                    result.pairs.push((mark, find));
                    marked.next();
                    found.next();
                } else if mark < find {
                    result.missed.push(mark);
                    marked.next();
                } else {
                    result.invented.push(find);
                    found.next();
                }
            }
        }
    }
}

/// Counts of one record, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Pairs.
    pub found: u64,
    /// Marked and not found.
    pub missed: u64,
    /// Found and not marked.
    pub invented: u64,
    /// Pairs at most 50 ms apart, once the record's usual offset is taken off.
    pub near: u64,
    /// Sum of the offsets of pairs, in milliseconds.
    pub offset_sum_ms: f64,
    /// Sum of the squares of the offsets' distances from their mean, in square milliseconds.
    pub spread_sum: f64,
}

impl Score {
    /// Of matched beats at `rate_hz` samples a second. Near pairs are within 50 ms as they are, without aligning.
    pub fn of(matched: &Matched, rate_hz: f64) -> Self {
        let offsets: Vec<f64> = matched
            .pairs
            .iter()
            .map(|&(mark, find)| (find as f64 - mark as f64) * 1_000.0 / rate_hz)
            .collect();
        let sum: f64 = offsets.iter().sum();
        let mean = if offsets.is_empty() { 0.0 } else { sum / offsets.len() as f64 };
        Self {
            found: matched.pairs.len() as u64,
            missed: matched.missed.len() as u64,
            invented: matched.invented.len() as u64,
            near: offsets.iter().filter(|offset| offset.abs() <= 50.0).count() as u64,
            offset_sum_ms: sum,
            spread_sum: offsets.iter().map(|offset| (offset - mean).powi(2)).sum(),
        }
    }

    /// Adds the counts of another record.
    pub fn add(&mut self, other: &Self) {
        self.found += other.found;
        self.missed += other.missed;
        self.invented += other.invented;
        self.near += other.near;
        self.offset_sum_ms += other.offset_sum_ms;
        self.spread_sum += other.spread_sum;
    }

    /// Marked beats.
    pub fn marked(&self) -> u64 {
        self.found + self.missed
    }

    /// Sensitivity, in percent.
    pub fn sensitivity(&self) -> f64 {
        percent(self.found, self.marked())
    }

    /// Share of the found beats that are marked, in percent.
    pub fn predictivity(&self) -> f64 {
        percent(self.found, self.found + self.invented)
    }

    /// Missed and false beats over marked ones, in percent.
    pub fn error_rate(&self) -> f64 {
        percent(self.missed + self.invented, self.marked())
    }

    /// Harmonic mean of sensitivity and predictivity, in percent.
    pub fn f1(&self) -> f64 {
        percent(2 * self.found, 2 * self.found + self.missed + self.invented)
    }

    /// Sensitivity within 50 ms, in percent.
    pub fn sensitivity_near(&self) -> f64 {
        percent(self.near, self.marked())
    }

    /// Mean offset of the found beats, in milliseconds.
    pub fn offset_ms(&self) -> f64 {
        self.offset_sum_ms / self.found.max(1) as f64
    }

    /// Standard deviation of the offset within the records, in milliseconds.
    pub fn jitter_ms(&self) -> f64 {
        (self.spread_sum / self.found.max(1) as f64).sqrt()
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_pair_one_to_one_within_the_window() {
        let result = matched(&[100, 200, 300], &[90, 205, 260, 420], 15);
        assert_eq!(result.pairs, [(100, 90), (200, 205)]);
        assert_eq!((result.missed, result.invented), (vec![300], vec![260, 420]));
    }

    #[test]
    fn of_two_found_beats_the_nearer_one_is_the_pair() {
        let result = matched(&[100], &[90, 102], 15);
        assert_eq!((result.pairs, result.invented), (vec![(100, 102)], vec![90]));
        let result = matched(&[90, 102], &[100], 15);
        assert_eq!((result.pairs, result.missed), (vec![(102, 100)], vec![90]));
    }

    #[test]
    fn rates_follow_from_the_counts() {
        let found = [1_005, 2_030, 3_005, 3_500];
        let score = Score::of(&matched(&[1_000, 2_000, 3_000, 4_000], &found, 54), 360.0);
        assert_eq!((score.found, score.missed, score.invented, score.near), (3, 1, 1, 2));
        assert_eq!((score.sensitivity(), score.predictivity(), score.error_rate()), (75.0, 75.0, 50.0));
        assert_eq!((score.f1(), score.sensitivity_near()), (75.0, 50.0));
        assert!((score.offset_ms() - 40.0 / 3.0 / 0.36).abs() < 1e-9);
        assert_eq!(Score::default().f1(), 0.0);
    }
}
