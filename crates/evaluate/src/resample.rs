//! A recording as a monitor would send it: other rate, few bits.

/// Half width of the interpolating kernel, in input samples at the lower of the two rates.
const HALF_WIDTH: f64 = 8.0;

/// `input` at `from_hz` as it is at `to_hz`: windowed-sinc interpolation that stops what the new rate cannot carry.
pub fn resampled(input: &[f64], from_hz: f64, to_hz: f64) -> Vec<f64> {
    let scale = (to_hz / from_hz).min(1.0);
    let reach = HALF_WIDTH / scale;
    let count = (input.len() as f64 * to_hz / from_hz) as usize;
    (0..count)
        .map(|place| {
            let center = place as f64 * from_hz / to_hz;
            let first = (center - reach).ceil().max(0.0) as usize;
            let last = ((center + reach).floor() as usize).min(input.len().saturating_sub(1));
            let (mut sum, mut weights) = (0.0, 0.0);
            for (number, value) in (first..=last).zip(input.get(first..=last).unwrap_or_default()) {
                let weight = kernel((number as f64 - center) * scale);
                sum += weight * value;
                weights += weight;
            }
            if weights == 0.0 { 0.0 } else { sum / weights }
        })
        .collect()
}

/// Sinc under a Hann window, cut slightly below the new rate's half.
fn kernel(distance: f64) -> f64 {
    let angle = std::f64::consts::PI * distance * 0.95;
    let sinc = if angle.abs() < 1e-9 { 1.0 } else { angle.sin() / angle };
    sinc * (0.5 + 0.5 * (std::f64::consts::PI * distance / HALF_WIDTH).cos())
}

/// Values in codes of eight bits: `lsb` apart, 0 in the middle, cut at the ends.
pub fn eight_bits(values: &[f64], lsb: f64) -> Vec<i32> {
    values.iter().map(|value| ((value / lsb).round() as i32).saturating_add(128).clamp(0, 255)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_sine_keeps_its_shape_and_a_fast_one_goes() {
        let sine = |hz: f64, rate: f64| -> Vec<f64> {
            (0..3_600).map(|at| (std::f64::consts::TAU * hz * f64::from(at) / rate).sin()).collect()
        };
        let slow = resampled(&sine(10.0, 360.0), 360.0, 256.0);
        let expected = sine(10.0, 256.0);
        for (got, wanted) in slow.iter().zip(&expected).skip(20).take(2_400) {
            assert!((got - wanted).abs() < 0.01, "{got} {wanted}");
        }
        let fast = resampled(&sine(170.0, 360.0), 360.0, 256.0);
        assert!(fast.iter().skip(20).take(2_400).all(|value| value.abs() < 0.05));
    }

    #[test]
    fn codes_are_cut_at_the_ends() {
        assert_eq!(eight_bits(&[0.0, 0.03, -9.0, 9.0], 0.02), [128, 130, 0, 255]);
    }
}
