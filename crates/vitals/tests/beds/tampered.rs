//! What must be found, each by its own check.

use crate::bench::{Bench, Second, patient, row, source};
use model::{Channel, Check, Switch, Verdict, Vital};
use vitals::{Depth, Row};

fn tampered(
    seed: u64,
    rate: f64,
    seconds: usize,
    from: usize,
    change: impl Fn(usize, &mut Vec<Second>),
) -> Bench {
    let mut all = patient(seed, rate, seconds);
    for second in from..seconds {
        change(second, &mut all);
    }
    let mut bench = Bench::new(Depth::Default);
    bench.stream(&all);
    bench
}

#[test]
fn a_number_that_its_waveform_contradicts_is_found() {
    let bench = tampered(11, 76.0, 120, 60, |at, all| {
        all[at].heart_rate = all[at].heart_rate.map(|rate| rate + 18.0);
    });
    assert_eq!(bench.fails(0), [Check::NumericWaveformDisagree]);
    let row = bench.row(Check::NumericWaveformDisagree, Verdict::Fail).unwrap();
    let since = row.first.nanos() / 1_000_000_000;
    assert!((60..64).contains(&since) && row.why.contains("heart-rate is shown as"), "{row:?}");
    assert!(!row.evidence.is_empty());
}

#[test]
fn a_false_number_is_found_on_another_lead_where_the_first_is_noise() {
    let mut all = patient(31, 76.0, 160);
    let false_ones = all.iter_mut().skip(120);
    false_ones.for_each(|second| second.heart_rate = second.heart_rate.map(|rate| rate + 18.0));
    let mut bench = Bench::new(Depth::Default);
    bench.noise_from = Some(70.0);
    bench.stream(&all);
    assert_eq!(bench.fails(0), [Check::NumericWaveformDisagree], "{:?}", bench.against(0));
    let row = bench.row(Check::NumericWaveformDisagree, Verdict::Fail).unwrap();
    assert!(row.channel == Some(Channel::Ecg(1)), "{row:?}");
}

#[test]
fn a_number_that_stands_still_while_its_waveform_moves_is_found() {
    let mut all = patient(12, 70.0, 90);
    let mut faster = patient(13, 78.5, 160);
    faster.iter_mut().for_each(|second| (second.heart_rate, second.pulse_rate) = (Some(71.0), Some(78.0)));
    all.iter_mut().for_each(|second| second.heart_rate = Some(71.0));
    all.extend(faster);
    let mut bench = Bench::new(Depth::Default);
    bench.stream(&all);
    let against: Vec<_> = bench.against(0).into_iter().map(|row| row.0).collect();
    assert!(against.contains(&Check::NumericWaveformDisagree), "{against:?}");
}

#[test]
fn another_patients_ecg_is_found() {
    let other = patient(14, 88.0, 180);
    let bench = tampered(15, 66.0, 180, 60, |at, all| {
        all[at].ecg.clone_from(&other[at].ecg);
        all[at].heart_rate = other[at].heart_rate;
    });
    assert!(bench.fails(0).contains(&Check::ChannelDisagree), "{:?}", bench.against(0));
}

#[test]
fn a_flat_waveform_with_a_valid_number_is_found() {
    let bench = tampered(16, 70.0, 70, 60, |at, all| all[at].ecg.fill(127));
    assert_eq!(bench.fails(0), [Check::WaveformFlat]);
    let bench = tampered(17, 70.0, 80, 60, |at, all| all[at].breath.fill(90));
    assert_eq!(bench.fails(0), [Check::WaveformFlat]);
}

#[test]
fn a_waveform_that_stands_still_is_found() {
    let bench = tampered(18, 70.0, 70, 60, |at, all| all[at].ecg = all[59].ecg.clone());
    assert_eq!(bench.fails(0), [Check::WaveformFrozen]);
    let row = bench.row(Check::WaveformFrozen, Verdict::Fail).unwrap();
    assert!(row.first.nanos() / 1_000_000_000 < 64, "{row:?}");
}

#[test]
fn a_replay_is_found_with_the_moment_it_was_first_seen() {
    let bench = tampered(19, 70.0, 110, 100, |at, all| {
        let old = all[at - 70].clone();
        (all[at].ecg, all[at].pleth, all[at].breath) = (old.ecg, old.pleth, old.breath);
    });
    assert_eq!(bench.fails(0), [Check::WaveformReplayed]);
    let row = bench.row(Check::WaveformReplayed, Verdict::Fail).unwrap();
    let earlier = row.earlier.unwrap().nanos() / 1_000_000_000;
    assert!((30..34).contains(&earlier), "{row:?}");
}

#[test]
fn another_beds_waveform_is_found() {
    let mut bench = Bench::new(Depth::Default);
    let (all, other) = (patient(20, 70.0, 120), patient(21, 81.0, 120));
    for (at, (one, mut shown)) in all.iter().zip(other).enumerate() {
        bench.cycle((source(0), row(0)), one);
        if at >= 100 {
            shown.ecg.clone_from(&all[at - 25].ecg);
        }
        bench.cycle((source(1), row(1)), &shown);
        bench.seconds += 1.0;
    }
    assert_eq!(bench.fails(0), []);
    assert!(bench.fails(1).contains(&Check::WaveformReplayed), "{:?}", bench.against(1));
    let row = bench
        .ward
        .rows(1)
        .into_iter()
        .find(|row| row.check == Check::WaveformReplayed && row.verdict == Verdict::Fail);
    assert!(row.unwrap().why.contains("for bed 1"));
}

#[test]
fn a_replay_under_noise_is_found_by_the_full_search_alone() {
    let mut all = patient(22, 70.0, 260);
    let mut dice = crate::bench::Dice::new(99);
    for at in 150..260 {
        let ecg = all[at - 110].ecg.clone();
        let blurred =
            ecg.iter().map(|code| (f64::from(*code) + 1.6 * (dice.unit() - 0.5)).round() as u8).collect();
        all[at].ecg = blurred;
        all[at].pleth = all[at - 110].pleth.iter().map(|code| code ^ 1).collect();
        all[at].breath = all[at - 110].breath.iter().map(|code| code ^ 1).collect();
    }
    let found = |depth| {
        let mut bench = Bench::new(depth);
        bench.stream(&all);
        bench.fails(0).contains(&Check::WaveformReplayed)
    };
    assert_eq!((found(Depth::Full), found(Depth::Default)), (true, false));
}

#[test]
fn a_halved_gain_and_a_cut_wave_are_found() {
    let bench = tampered(23, 70.0, 160, 90, |at, all| {
        all[at].ecg.iter_mut().for_each(|code| *code = (120.0 + (f64::from(*code) - 120.0) / 2.0) as u8);
    });
    assert!(bench.fails(0).contains(&Check::WaveformChanged), "{:?}", bench.against(0));
    let bench = tampered(24, 70.0, 160, 90, |at, all| {
        all[at].ecg.iter_mut().for_each(|code| *code = (*code).min(140));
    });
    assert!(bench.fails(0).contains(&Check::WaveformClipped), "{:?}", bench.against(0));
}

#[test]
fn a_generator_in_place_of_a_heart_is_found() {
    let beat = |place: usize| {
        let distance = place as f64 - 60.0;
        (120.0 + 80.0 * (-0.5 * (distance / 3.0).powi(2)).exp()).round() as u8
    };
    let mut bench = Bench::new(Depth::Default);
    let mut all = patient(25, 73.0, 200);
    for (number, second) in all.iter_mut().enumerate() {
        for (place, code) in second.ecg.iter_mut().enumerate() {
            *code = beat((number * 256 + place) % 210);
        }
        second.heart_rate = Some(73.0);
    }
    bench.stream(&all);
    let against: Vec<_> = bench.against(0).into_iter().map(|row| row.0).collect();
    assert!(against.contains(&Check::WaveformSynthetic), "{against:?}");
}

#[test]
fn a_late_channel_is_found() {
    let all = patient(26, 66.0, 400);
    let mut bench = Bench::new(Depth::Default);
    // The pleth lags by a third of a beat from the middle on.
    let pleth: Vec<u8> = all.iter().flat_map(|second| second.pleth.clone()).collect();
    let mut shifted = all.clone();
    for (at, second) in shifted.iter_mut().enumerate().skip(150) {
        second.pleth = pleth[at * 256 - 70..(at + 1) * 256 - 70].to_vec();
        second.pleth.iter_mut().for_each(|code| *code ^= 1);
    }
    bench.stream(&shifted);
    let against: Vec<_> = bench.against(0).into_iter().map(|row| row.0).collect();
    assert!(against.contains(&Check::TimeShift), "{against:?}");
}

#[test]
fn alarms_switched_off_and_limits_widened_are_found_at_the_next_cycle() {
    let mut bench = Bench::new(Depth::Default);
    let all = patient(27, 70.0, 80);
    bench.limits((source(0), row(0)), 50.0, 120.0, Switch::On);
    bench.stream(&all[..40]);
    bench.limits((source(0), row(0)), 50.0, 170.0, Switch::On);
    bench.stream(&all[40..41]);
    assert_eq!(bench.fails(0), [Check::AlarmLimitsWidened]);
    bench.limits((source(0), row(0)), 50.0, 120.0, Switch::Off);
    bench.stream(&all[41..42]);
    assert_eq!(bench.fails(0), [Check::AlarmDisabled, Check::AlarmLimitsWidened]);
}

#[test]
fn numbers_that_step_and_pressures_that_cannot_be_are_found() {
    let mut bench = Bench::new(Depth::Default);
    let all = patient(28, 70.0, 80);
    bench.stream(&all[..40]);
    let pressure = [
        (Vital::NibpSystolic, Some(120.0)),
        (Vital::NibpDiastolic, Some(80.0)),
        (Vital::NibpMean, Some(130.0)),
    ];
    bench.numbers((source(0), row(0)), &pressure);
    let mut rest = all[40..50].to_vec();
    rest.iter_mut().for_each(|second| second.spo2 = Some(70.0));
    bench.stream(&rest);
    assert_eq!(bench.fails(0), [Check::ImplausibleChange, Check::NibpInconsistent]);
}

#[test]
fn cycles_that_stop_while_the_connection_lives_are_found() {
    let mut bench = Bench::new(Depth::Default);
    let all = patient(29, 70.0, 120);
    bench.stream(&all[..60]);
    bench.seconds += 25.0;
    bench.stream(&all[60..]);
    assert_eq!(bench.fails(0), [Check::Stale]);
}

#[test]
fn another_name_over_the_same_heart_is_found() {
    let mut bench = Bench::new(Depth::Default);
    let all = patient(30, 70.0, 60);
    bench.stream(&all[..30]);
    let renamed = Row { number: 5, ..row(0) };
    for second in &all[30..] {
        bench.cycle((source(0), renamed), second);
        bench.seconds += 1.0;
    }
    assert_eq!((bench.fails(0), bench.fails(5)), (vec![], vec![Check::PatientChanged]));
}
