//! Detectors on signals made here, with beats, pulses and breaths at known places.

use vitals::{pleth, qrs, respiration};

/// A deterministic sequence between -1 and 1.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
    }
}

/// A bump of `height` and half-width `width_s`, `from_s` away from its centre.
fn bump(from_s: f64, width_s: f64, height: f64) -> f64 {
    height * (-(from_s / width_s).powi(2) / 2.0).exp()
}

/// Times of beats whose interval wanders by a tenth, in seconds.
fn beat_times(interval_s: f64, seconds: f64) -> Vec<f64> {
    let mut noise = Noise(7);
    let mut at = 0.6;
    let mut times = Vec::new();
    while at < seconds - 0.5 {
        times.push(at);
        at += interval_s * (1.0 + 0.1 * noise.next());
    }
    times
}

/// An ECG in millivolts: P, QRS and T at each beat; `t_wave` is the height of T.
fn ecg(times: &[f64], seconds: f64, rate_hz: f64, t_wave: f64) -> Vec<f64> {
    (0..(seconds * rate_hz) as usize)
        .map(|sample| {
            let now = sample as f64 / rate_hz;
            let near = times.iter().filter(|time| (now - **time).abs() < 0.7);
            near.map(|beat| {
                let from = now - beat;
                bump(from + 0.16, 0.02, 0.12)
                    + bump(from + 0.025, 0.008, -0.12)
                    + bump(from, 0.011, 1.0)
                    + bump(from - 0.028, 0.009, -0.25)
                    + bump(from - 0.28, 0.045, t_wave)
            })
            .sum()
        })
        .collect()
}

fn beats(codes: &[i32], rate_hz: f64) -> Vec<u64> {
    let mut detector = qrs::Detector::new(rate_hz);
    let latest = (0.4 * rate_hz) as u64;
    let mut found = Vec::new();
    for (now, &code) in (0_u64..).zip(codes) {
        if let Some(beat) = detector.push(code) {
            assert!(beat.at <= now && now - beat.at <= latest, "{} is told at {now}", beat.at);
            found.push(beat.at);
        }
    }
    found
}

/// Places without a partner within 50 ms: of the times, and of what was found.
fn unpaired(times: &[f64], found: &[u64], rate_hz: f64) -> (usize, usize) {
    let near = |time: f64, place: u64| (time - place as f64 / rate_hz).abs() <= 0.05;
    let missed = times.iter().filter(|time| !found.iter().any(|place| near(**time, *place))).count();
    let invented = found.iter().filter(|place| !times.iter().any(|time| near(*time, **place))).count();
    (missed, invented)
}

fn coded(millivolts: &[f64], lsb_mv: f64, zero: f64) -> Vec<i32> {
    millivolts.iter().map(|value| (value / lsb_mv + zero).round() as i32).collect()
}

#[test]
fn every_beat_is_found_once_at_every_rate_and_resolution() {
    for rate_hz in [125.0, 128.0, 200.0, 250.0, 256.0, 360.0, 500.0] {
        for interval_s in [0.4, 0.8, 1.5] {
            for (lsb_mv, zero) in [(0.02, 128.0), (0.005, 1_024.0), (0.000_3, -9_000.0)] {
                let times = beat_times(interval_s, 60.0);
                let codes = coded(&ecg(&times, 60.0, rate_hz, 0.25), lsb_mv, zero);
                let wrong = unpaired(&times, &beats(&codes, rate_hz), rate_hz);
                assert_eq!(wrong, (0, 0), "{rate_hz} Hz, every {interval_s} s, {lsb_mv} mV");
            }
        }
    }
}

#[test]
fn the_second_detector_finds_the_same_beats_after_its_first_second() {
    let times = beat_times(0.8, 60.0);
    let codes = coded(&ecg(&times, 60.0, 250.0, 0.25), 0.02, 128.0);
    let mut detector = qrs::slope::Detector::new(250.0);
    let mut found = Vec::new();
    for (now, &code) in (0_u64..).zip(&codes) {
        if let Some(beat) = detector.push(code) {
            assert!(now - beat.at <= 100);
            found.push(beat.at);
        }
    }
    assert_eq!(unpaired(&times[1..], &found, 250.0), (0, 0));
}

#[test]
fn noise_hum_and_a_wandering_baseline_hide_no_beat() {
    let times = beat_times(0.8, 120.0);
    let mut noise = Noise(3);
    let mut wave = ecg(&times, 120.0, 250.0, 0.25);
    for (sample, value) in wave.iter_mut().enumerate() {
        let now = sample as f64 / 250.0;
        *value += 0.08 * noise.next() + 0.1 * (now * 50.0 * std::f64::consts::TAU).sin();
        *value += 1.2 * (now * 0.3 * std::f64::consts::TAU).sin();
    }
    assert_eq!(unpaired(&times, &beats(&coded(&wave, 0.02, 128.0), 250.0), 250.0), (0, 0));
}

#[test]
fn tall_t_waves_are_not_beats() {
    // As tall as the R peak: the standard's test for monitors asks for rejection up to 1.2 mV at 1 mV.
    for t_wave in [0.6, 1.0, 1.2] {
        let times = beat_times(0.8, 60.0);
        let codes = coded(&ecg(&times, 60.0, 256.0, t_wave), 0.02, 128.0);
        assert_eq!(unpaired(&times, &beats(&codes, 256.0), 256.0), (0, 0), "T of {t_wave} mV");
    }
}

#[test]
fn inverted_beats_are_beats() {
    let times = beat_times(0.8, 60.0);
    let wave: Vec<f64> = ecg(&times, 60.0, 250.0, 0.25).iter().map(|value| -value).collect();
    assert_eq!(unpaired(&times, &beats(&coded(&wave, 0.02, 128.0), 250.0), 250.0), (0, 0));
}

#[test]
fn a_gain_that_changes_is_followed_within_ten_seconds_and_a_fifth_of_it_within_twenty() {
    for (factor, followed_s) in [(0.4, 10.0), (0.2, 20.0), (3.0, 10.0)] {
        let times = beat_times(0.8, 90.0);
        let mut wave = ecg(&times, 90.0, 250.0, 0.2);
        wave.iter_mut().skip(30 * 250).for_each(|value| *value *= factor);
        let found = beats(&coded(&wave, 0.005, 0.0), 250.0);
        let late = |time: &&f64| !(30.0..30.0 + followed_s).contains(*time);
        let settled: Vec<f64> = times.iter().filter(late).copied().collect();
        let (missed, _) = unpaired(&settled, &found, 250.0);
        let (_, invented) = unpaired(&times, &found, 250.0);
        assert!(missed == 0 && invented <= 4, "x{factor}: {missed} missed, {invented} invented");
    }
}

#[test]
fn a_flat_line_has_no_beats_and_what_comes_after_it_is_found() {
    let times = beat_times(0.8, 90.0);
    let mut wave = ecg(&times, 90.0, 250.0, 0.2);
    wave.iter_mut().skip(30 * 250).take(20 * 250).for_each(|value| *value = 0.0);
    let found = beats(&coded(&wave, 0.02, 128.0), 250.0);
    let outside: Vec<f64> = times.into_iter().filter(|time| !(29.3..50.7).contains(time)).collect();
    let silent = found.iter().filter(|at| (30 * 250 + 50..50 * 250 - 50).contains(*at)).count();
    assert_eq!((unpaired(&outside, &found, 250.0).0, silent), (0, 0));
    assert!(beats(&[128; 5_000], 250.0).is_empty());
}

#[test]
fn after_a_reset_positions_count_on_and_nothing_is_compared_over_the_gap() {
    let times = beat_times(0.8, 30.0);
    let codes = coded(&ecg(&times, 30.0, 250.0, 0.2), 0.02, 128.0);
    let mut detector = qrs::Detector::new(250.0);
    let mut found = Vec::new();
    for round in 0..2 {
        found.extend(codes.iter().filter_map(|&code| detector.push(code)).map(|beat| beat.at));
        if round == 0 {
            detector.reset();
        }
    }
    let first = beats(&codes, 250.0);
    let again: Vec<u64> = first.iter().map(|at| at + codes.len() as u64).collect();
    assert_eq!(found, [first, again].concat());
}

/// A pleth of pulses that start at `times`, with a dicrotic wave.
fn pleth_wave(times: &[f64], seconds: f64, rate_hz: f64, dicrotic: f64) -> Vec<f64> {
    (0..(seconds * rate_hz) as usize)
        .map(|sample| {
            let now = sample as f64 / rate_hz;
            let near = times.iter().filter(|time| (now - **time).abs() < 1.5);
            near.map(|pulse| {
                let from = now - pulse;
                bump(from, if from < 0.0 { 0.07 } else { 0.14 }, 1.0) + bump(from - 0.33, 0.07, dicrotic)
            })
            .sum()
        })
        .collect()
}

#[test]
fn every_pulse_is_found_once_and_dicrotic_waves_are_not() {
    for (rate_hz, interval_s) in [(125.0, 0.5), (125.0, 0.8), (256.0, 0.9), (60.0, 1.2)] {
        let times = beat_times(interval_s, 60.0);
        let dicrotic = if interval_s > 0.7 { 0.25 } else { 0.0 };
        let wave = pleth_wave(&times, 60.0, rate_hz, dicrotic);
        let mut detector = pleth::Detector::new(rate_hz);
        let mut found = Vec::new();
        for (sample, value) in (0_u64..).zip(&wave) {
            if let Some(pulse) = detector.push((value * 100.0) as i32 + 60) {
                assert!(pulse.foot < pulse.at && pulse.at <= sample, "{pulse:?}");
                assert!((60..=120).contains(&pulse.amplitude), "{pulse:?}");
                found.push(pulse.at);
            }
        }
        assert_eq!(unpaired(&times, &found, rate_hz), (0, 0), "{rate_hz} Hz, every {interval_s} s");
    }
}

#[test]
fn the_respiration_rate_is_that_of_the_wave_under_the_hearts_ripple() {
    for (per_minute, rate_hz) in [(6.0, 128.0), (15.0, 128.0), (30.0, 62.5), (45.0, 125.0)] {
        let mut detector = respiration::Detector::new(rate_hz);
        let mut rate = respiration::Rate::new(rate_hz, 32);
        let samples = (120.0 * rate_hz) as u64;
        for sample in 0..samples {
            let now = sample as f64 / rate_hz;
            let breath = (now * per_minute / 60.0 * std::f64::consts::TAU).sin();
            let heart = 0.15 * (now * 1.3 * std::f64::consts::TAU).sin();
            if let Some(breath) = detector.push(((breath + heart) * 60.0) as i32 + 128) {
                rate.breath(breath.at);
            }
        }
        let told = rate.per_minute(samples).unwrap();
        assert!((told - per_minute).abs() < 0.6, "{told} for {per_minute}");
    }
}

#[test]
fn a_flat_wave_has_no_breaths_and_a_clipped_one_has_them_in_the_middle_of_its_tops() {
    let mut detector = respiration::Detector::new(128.0);
    assert!((0..20_000).all(|sample| detector.push(128 + sample % 2).is_none()));
    let mut detector = respiration::Detector::new(100.0);
    let mut found = Vec::new();
    for sample in 0..12_000 {
        let wave = (f64::from(sample) / 400.0 * std::f64::consts::TAU).sin() * 3.0;
        found.extend(detector.push((wave.clamp(-1.0, 1.0) * 100.0) as i32));
    }
    assert!(found.len() >= 28, "{}", found.len());
    let off = |breath: &respiration::Breath| (breath.at % 400).abs_diff(100);
    assert!(found.iter().skip(1).all(|breath| off(breath) <= 25), "{found:?}");
}
