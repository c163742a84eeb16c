//! Any samples through every detector: nothing is told that was not there yet, and no beat late.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: (u16, Vec<i32>)| {
    let (rate, samples) = input;
    let rate_hz = f64::from(rate % 1_000).max(vitals::RATE_HZ_MIN);
    let mut beats = vitals::qrs::Detector::new(rate_hz);
    let mut others = vitals::qrs::slope::Detector::new(rate_hz);
    let mut pulses = vitals::pleth::Detector::new(rate_hz);
    let mut breaths = vitals::respiration::Detector::new(rate_hz);
    let late = (0.4 * rate_hz).ceil() as u64 + 1;
    // Few samples reach far: each one stands for a tenth of a second.
    let each = (rate_hz / 10.0) as usize;
    let spread = samples.iter().flat_map(|&sample| std::iter::repeat_n(sample, each));
    for (now, sample) in (0_u64..).zip(spread) {
        for beat in [beats.push(sample), others.push(sample)].into_iter().flatten() {
            assert!(beat.at <= now && now - beat.at <= late);
        }
        assert!(pulses.push(sample).is_none_or(|pulse| pulse.foot <= pulse.at && pulse.at <= now));
        assert!(breaths.push(sample).is_none_or(|breath| breath.at <= now));
    }
});
