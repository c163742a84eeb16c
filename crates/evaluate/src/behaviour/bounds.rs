//! What a count says of its rate.

/// Least and greatest mean for which a count as small, or as great, as `count` is no rarer than one in forty: the exact
/// 95 % interval for a Poisson mean (F. Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28, 1936).
#[must_use]
pub fn poisson_interval(count: u64) -> (f64, f64) {
    let low = if count == 0 { 0.0 } else { solve(|mean| 1.0 - at_most(count - 1, mean), true) };
    (low, solve(|mean| at_most(count, mean), false))
}

/// Probability of at most `count` where `mean` are expected.
fn at_most(count: u64, mean: f64) -> f64 {
    let (mut term, mut sum) = (-mean, 0.0);
    for k in 0..=count {
        if k > 0 {
            term += (mean / k as f64).ln();
        }
        sum += term.exp();
    }
    sum.min(1.0)
}

/// The mean at which a probability that rises or falls with it is one in forty.
fn solve(probability: impl Fn(f64) -> f64, rises: bool) -> f64 {
    let (mut low, mut high) = (1e-9, 1e6);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if (probability(middle) < 0.025) == rises {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_intervals_are_those_of_garwoods_table() {
        for (count, low, high) in
            [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.390), (50, 37.111, 65.918)]
        {
            let (least, most) = poisson_interval(count);
            assert!((least - low).abs() < 0.001 && (most - high).abs() < 0.001, "{count}: {least} {most}");
        }
    }
}
