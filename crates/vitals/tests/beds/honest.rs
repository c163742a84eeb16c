//! What must never accuse: start, gaps, new connections, copies, sensors that are off, sources without waves.

use crate::bench::{Bench, patient, row, source};
use model::{CaptureTime, Check, Switch, Verdict, Vital};
use vitals::{Depth, Row};

#[test]
fn an_untouched_patient_passes_every_check_that_can_be_asked() {
    let mut bench = Bench::new(Depth::Full);
    bench.limits((source(0), row(0)), 50.0, 120.0, Switch::On);
    bench.stream(&patient(1, 76.0, 240));
    assert_eq!(bench.against(0), []);
    let rows = bench.ward.rows(0);
    for check in Check::ALL {
        let passes = rows.iter().any(|row| row.check == check && row.verdict == Verdict::Pass);
        let never = matches!(check, Check::AlarmMissing | Check::AlarmInvented | Check::NibpInconsistent);
        assert_eq!(passes, !never, "{check}: {rows:#?}");
    }
    let judged = bench.ward.judged(0).unwrap();
    assert!(judged.of_seconds == 239 && judged.seconds > 215, "{judged:?}");
}

#[test]
fn a_bed_that_has_just_begun_is_not_judged() {
    let mut bench = Bench::new(Depth::Default);
    bench.stream(&patient(2, 76.0, 4));
    assert_eq!(bench.against(0), []);
    let row = bench.row(Check::NumericWaveformDisagree, Verdict::CannotJudge).unwrap();
    assert!(row.why.contains("Not enough"), "{}", row.why);
}

#[test]
fn a_lead_that_becomes_noise_accuses_nobody_and_another_one_is_judged() {
    let mut bench = Bench::new(Depth::Full);
    bench.noise_from = Some(80.0);
    bench.stream(&patient(32, 76.0, 240));
    assert_eq!(bench.fails(0), [], "{:?}", bench.against(0));
    let judged = bench.ward.judged(0).unwrap();
    assert!(judged.seconds > 200, "{judged:?}");
}

#[test]
fn a_gap_in_the_capture_accuses_nobody() {
    let mut bench = Bench::new(Depth::Full);
    let seconds = patient(3, 80.0, 300);
    for (number, second) in seconds.iter().enumerate() {
        // Half a minute is missing, and now and then a block.
        if !(100..130).contains(&number) && number % 41 != 40 {
            bench.cycle((source(0), row(0)), second);
        } else {
            bench.ward.lost(source(0));
        }
        bench.seconds += 1.0;
    }
    assert_eq!(bench.against(0), []);
    assert!(bench.row(Check::NumericWaveformDisagree, Verdict::CannotJudge).is_some());
}

#[test]
fn a_new_connection_that_sends_its_last_seconds_again_accuses_nobody() {
    let mut bench = Bench::new(Depth::Default);
    let seconds = patient(4, 80.0, 200);
    bench.stream(&seconds[..100]);
    let last = CaptureTime::from_nanos((bench.seconds * 1e9) as i64);
    bench.ward.ended(source(0), last);
    bench.seconds += 7.0;
    for second in &seconds[95..] {
        bench.cycle((source(9), row(0)), second);
        bench.seconds += 1.0;
    }
    assert_eq!(bench.against(0), []);
}

#[test]
fn a_monitor_that_sends_to_two_stations_is_heard_once() {
    let mut bench = Bench::new(Depth::Default);
    for second in &patient(5, 70.0, 90) {
        bench.cycle((source(0), row(0)), second);
        bench.seconds += 0.01;
        bench.cycle((source(1), row(0)), second);
        bench.seconds += 0.99;
    }
    assert_eq!(bench.against(0), []);
}

#[test]
fn a_gateway_that_passes_a_bed_on_is_no_replay() {
    let mut bench = Bench::new(Depth::Default);
    let passed_on = Row { number: 1, ..row(0) };
    for second in &patient(6, 70.0, 90) {
        bench.cycle((source(0), row(0)), second);
        bench.seconds += 0.3;
        bench.cycle((source(1), passed_on), second);
        bench.seconds += 0.7;
    }
    assert_eq!((bench.against(0), bench.against(1)), (vec![], vec![]));
}

#[test]
fn a_sensor_that_says_it_is_off_is_honest() {
    let mut bench = Bench::new(Depth::Default);
    let mut seconds = patient(7, 72.0, 120);
    for second in &mut seconds[60..80] {
        second.pleth.fill(0);
        (second.spo2, second.pulse_rate) = (None, None);
    }
    bench.stream(&seconds[..60]);
    bench.notice((source(0), row(0)), "SPO2 SENSOR OFF");
    bench.stream(&seconds[60..]);
    assert_eq!(bench.against(0), []);
}

#[test]
fn numbers_without_waveforms_are_judged_by_themselves() {
    let mut bench = Bench::new(Depth::Default);
    for minute in 0..10 {
        bench.seconds = f64::from(minute) * 60.0;
        let rate = 70.0 + 3.0 * minute as f32;
        bench.numbers((source(0), row(0)), &[(Vital::HeartRate, Some(rate)), (Vital::Spo2, Some(97.0))]);
    }
    assert_eq!(bench.against(0), []);
    assert!(bench.row(Check::ImplausibleValue, Verdict::Pass).is_some());
    for check in [Check::NumericWaveformDisagree, Check::WaveformFlat, Check::WaveformReplayed, Check::Stale]
    {
        assert!(bench.row(check, Verdict::CannotJudge).is_some(), "{check}");
        assert_eq!(bench.row(check, Verdict::Pass), None, "{check}");
    }
    bench.seconds += 60.0;
    bench.numbers((source(0), row(0)), &[(Vital::Spo2, Some(104.0))]);
    assert_eq!(bench.fails(0), [Check::ImplausibleValue]);
}

#[test]
fn what_the_network_held_up_is_not_stale() {
    let mut bench = Bench::new(Depth::Default);
    let seconds = patient(8, 72.0, 120);
    bench.stream(&seconds[..60]);
    bench.seconds += 20.0;
    for second in &seconds[60..80] {
        bench.cycle((source(0), row(0)), second);
        bench.seconds += 0.001;
    }
    bench.stream(&seconds[80..]);
    assert_eq!(bench.fails(0), []);
}
