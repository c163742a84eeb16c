//! Whatever the samples, the rates and the gaps are: no panic, positions in order, delays bounded.

use proptest::prelude::*;
use vitals::{coupling, pleth, qrs, quality, rate, respiration};

/// Samples as a hostile or broken sender may choose them.
fn sample() -> impl Strategy<Value = i32> {
    prop_oneof![
        4 => 0..256_i32,
        1 => any::<i32>(),
        1 => prop_oneof![Just(i32::MIN), Just(i32::MAX), Just(0), Just(-1)],
    ]
}

/// Runs of equal or mixed samples, so that steps, rails and flat lines come up.
fn samples() -> impl Strategy<Value = Vec<i32>> {
    let run = (sample(), sample(), 1..200_usize, any::<bool>());
    prop::collection::vec(run, 1..30).prop_map(|runs| {
        let mut samples = Vec::new();
        for (first, second, length, mixed) in runs {
            samples.extend((0..length).map(|place| if mixed && place % 2 == 0 { second } else { first }));
        }
        samples
    })
}

fn rate_hz() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => 20.0..600.0_f64,
        1 => any::<f64>(),
        1 => prop_oneof![Just(0.0), Just(-5.0), Just(f64::NAN), Just(f64::INFINITY), Just(1e300)],
    ]
}

/// The rate that the detectors work at.
fn usable(rate_hz: f64) -> f64 {
    if rate_hz.is_finite() {
        rate_hz.clamp(vitals::RATE_HZ_MIN, vitals::RATE_HZ_MAX)
    } else {
        vitals::RATE_HZ_MIN
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn detectors_take_any_samples_at_any_rate(samples in samples(), rate_hz in rate_hz(), gap in 0..3_000_usize) {
        let mut first = qrs::Detector::new(rate_hz);
        let mut second = qrs::slope::Detector::new(rate_hz);
        let mut pulses = pleth::Detector::new(rate_hz);
        let mut breaths = respiration::Detector::new(rate_hz);
        let late = (0.4 * usable(rate_hz)).ceil() as u64 + 1;
        let mut last = None;
        for (now, &sample) in samples.iter().enumerate() {
            if now == gap {
                first.reset();
                second.reset();
                pulses.reset();
                breaths.reset();
                last = None;
            }
            let now = now as u64;
            if let Some(beat) = first.push(sample) {
                prop_assert!(beat.at <= now && now - beat.at <= late, "{} at {now}", beat.at);
                prop_assert!(last.is_none_or(|last| beat.at > last), "{last:?} {}", beat.at);
                last = Some(beat.at);
            }
            if let Some(beat) = second.push(sample) {
                prop_assert!(beat.at <= now && now - beat.at <= late, "{} at {now}", beat.at);
            }
            if let Some(pulse) = pulses.push(sample) {
                prop_assert!(pulse.foot <= pulse.at && pulse.at <= now);
            }
            if let Some(breath) = breaths.push(sample) {
                prop_assert!(breath.at <= now);
            }
        }
    }

    #[test]
    fn rates_and_indices_take_any_places(
        places in prop::collection::vec(any::<u64>(), 0..100),
        steps in prop::collection::vec(0..2_000_u64, 0..100),
        rate_hz in rate_hz(),
        now in any::<u64>(),
    ) {
        let mut at = 0_u64;
        let ordered = steps.iter().map(|step| { at += step; at });
        let all: Vec<u64> = ordered.chain(places).collect();
        let mut trimmed = rate::TrimmedMean::new(rate_hz);
        let mut medians = rate::MedianMean::new(rate_hz);
        let mut breaths = respiration::Rate::new(rate_hz, 32);
        let mut agreement = quality::Agreement::new(rate_hz);
        let mut template = quality::Template::ecg(rate_hz);
        let mut coupling = coupling::Coupling::new();
        for (number, &place) in all.iter().enumerate() {
            trimmed.beat(place);
            medians.beat(place);
            breaths.breath(place);
            coupling.beat(place);
            coupling.pulse(place.saturating_add(300));
            template.push(place as i32);
            template.beat(place);
            if number % 2 == 0 { agreement.first(place) } else { agreement.second(place) }
            for asked in [now, place] {
                for told in [trimmed.per_minute(asked), medians.per_minute(asked), breaths.per_minute(asked)] {
                    prop_assert!(told.is_none_or(|told| told.is_finite() && told > 0.0), "{told:?}");
                }
                prop_assert!(agreement.share(asked).is_none_or(|share| (0.0..=1.0).contains(&share)));
                prop_assert!(template.correlation(asked).is_none_or(|value| value.abs() <= 1.000_001));
                let strength = coupling.strength(asked);
                prop_assert!(strength.is_none_or(|strength| (0.0..=1.0).contains(&strength.share)));
            }
        }
    }

    #[test]
    fn flat_and_rails_take_any_samples(samples in samples(), rate_hz in rate_hz(), low in any::<i32>(), high in any::<i32>()) {
        let mut flat = quality::Flat::default();
        let mut rails = quality::Rails::new(rate_hz, low, high);
        for (number, &sample) in (1_u64..).zip(&samples) {
            let run = flat.push(sample);
            prop_assert!((1..=number).contains(&run));
            // The run is flat as it says: checked on the samples themselves.
            let tail = &samples[(number - run) as usize..number as usize];
            let (least, most) = (tail.iter().min().unwrap(), tail.iter().max().unwrap());
            prop_assert!(least.abs_diff(*most) <= 1);
            rails.push(sample);
            prop_assert!((0.0..=1.0).contains(&rails.share()));
        }
    }
}
