//! Vital signs by bed.

use crate::bench::{GATEWAY, MAKERS_SERVER, MONITOR, Ward, leak};
use model::{
    About, AlarmLimit, Channel, Fact, FlowId, Identifier, Notice, PatientToken, Pseudonym, Sample, Side,
    Switch, Validity, Vital, Waveform, WaveformPayload,
};

fn heart(ward: &mut Ward, flow: FlowId, value: f32) {
    ward.wait(1);
    ward.frame();
    let sample = Sample { vital: Vital::HeartRate, value, validity: Validity::Valid };
    ward.fact(flow, Side::Client, Fact::Measured([sample].into()));
    let payload = WaveformPayload::U8(vec![128; 256].into());
    let wave = Waveform { channel: Channel::Ecg(1), samples: 256, payload };
    ward.fact(flow, Side::Client, Fact::Waveform(wave));
    ward.fact(flow, Side::Client, Fact::CycleEnded(model::SampleCounts::default()));
}

fn bed(ward: &mut Ward, flow: FlowId, bed: u16) {
    ward.client(flow, Fact::Identified(About::Sender, Identifier::Bed(bed)));
}

fn patient(ward: &mut Ward, flow: FlowId, number: u64) {
    ward.client(flow, Fact::Patient(PatientToken::Pseudonym(Pseudonym(number))));
}

fn stream(ward: &mut Ward) -> FlowId {
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 40_000), (GATEWAY.0, MAKERS_SERVER, 515));
    ward.server(flow, Fact::Answered);
    flow
}

#[test]
fn a_minute_of_telemetry_is_one_row_of_sixty_cycles() {
    let report = leak(true).report();
    assert_eq!(report.vitals.len(), 1);
    let row = &report.vitals[0];
    assert_eq!((row.bed, row.cycles, row.cycle_ns), (Some(7), 60, Some(1_000_000_000)));
    let range = row.numerics[&Vital::HeartRate];
    assert_eq!((range.last, range.min, range.max, range.samples), (79.0 - 0.0, 77.0, 79.0, 60));
    assert!(!row.numerics.contains_key(&Vital::Spo2), "never valid");
    assert_eq!(row.invalid[&Vital::Spo2], 60);
    assert_eq!(row.asset, report.assets.iter().find(|asset| asset.model.is_some()).unwrap().id);
}

#[test]
fn samples_of_a_cycle_that_was_not_seen_to_end_count_and_tell_no_time() {
    let mut ward = Ward::new();
    let flow = stream(&mut ward);
    bed(&mut ward, flow, 7);
    for _ in 0..12 {
        heart(&mut ward, flow, 80.0);
    }
    ward.wait(600);
    ward.frame();
    let mut passed = model::SampleCounts::default();
    passed.add(Channel::Ecg(1), 100);
    passed.add(Channel::Pleth, 256);
    ward.fact(flow, Side::Client, Fact::SamplesPassed(passed));
    let report = ward.report();
    let row = &report.vitals[0];
    assert_eq!((row.cycles, row.cycle_ns), (12, Some(1_000_000_000)));
    assert_eq!(row.last.nanos_since(row.first), 11_000_000_000, "it was not heard again");
    let wave = &row.waveforms[&Channel::Ecg(1)];
    assert_eq!((wave.samples, wave.rate_hz), (12 * 256 + 100, Some(256.0)));
    assert_eq!(row.waveforms[&Channel::Pleth].samples, 256, "seen in no cycle that ended");
}

#[test]
fn the_sample_rate_comes_from_the_measured_cycle() {
    let mut ward = Ward::new();
    let flow = stream(&mut ward);
    bed(&mut ward, flow, 7);
    for _ in 0..12 {
        heart(&mut ward, flow, 80.0);
    }
    let wave = &ward.report().vitals[0].waveforms[&Channel::Ecg(1)];
    assert_eq!((wave.samples, wave.rate_hz), (12 * 256, Some(256.0)));
    assert_eq!(wave.strip.len(), 2560, "the last ten seconds");
}

#[test]
fn two_monitors_on_one_connection_are_two_rows() {
    let mut ward = Ward::new();
    let flow = stream(&mut ward);
    for round in 0..5_u64 {
        for (number, rate) in [(1_u16, 60.0), (2, 120.0)] {
            bed(&mut ward, flow, number);
            if round == 0 {
                patient(&mut ward, flow, number.into());
            }
            heart(&mut ward, flow, rate);
        }
    }
    let rows = ward.report().vitals;
    let seen: Vec<_> =
        rows.iter().map(|row| (row.bed, row.cycles, row.numerics[&Vital::HeartRate].max)).collect();
    assert_eq!(seen, [(Some(1), 5, 60.0), (Some(2), 5, 120.0)]);
    assert_eq!(rows[1].patient, Some(PatientToken::Pseudonym(Pseudonym(2))));
}

#[test]
fn what_came_before_the_first_naming_belongs_to_it_and_a_new_patient_is_a_new_row() {
    let mut ward = Ward::new();
    let flow = stream(&mut ward);
    heart(&mut ward, flow, 70.0);
    bed(&mut ward, flow, 7);
    patient(&mut ward, flow, 1);
    heart(&mut ward, flow, 71.0);
    patient(&mut ward, flow, 2);
    heart(&mut ward, flow, 90.0);
    ward.end(flow, (3, 3), (3, 0));
    let again = stream(&mut ward);
    bed(&mut ward, again, 7);
    patient(&mut ward, again, 2);
    heart(&mut ward, again, 91.0);
    let rows = ward.report().vitals;
    let seen: Vec<_> = rows.iter().map(|row| (row.bed, row.cycles)).collect();
    assert_eq!(seen, [(Some(7), 2), (Some(7), 2)]);
    assert_eq!(rows[1].numerics[&Vital::HeartRate].last, 91.0);
}

#[test]
fn limits_keep_their_changes_and_notices_are_counted() {
    let mut ward = Ward::new();
    let flow = stream(&mut ward);
    let limit = |high, switch| AlarmLimit { vital: Vital::HeartRate, low: 50.0, high, switch };
    for limits in [limit(120.0, Switch::On), limit(120.0, Switch::On), limit(200.0, Switch::Off)] {
        ward.client(flow, Fact::LimitsSet(Box::new([limits])));
        ward.client(flow, Fact::Notice(Box::new(Notice { code: 1, text: "SPO2 SENSOR OFF".into() })));
    }
    let row = ward.report().vitals.remove(0);
    let changes: Vec<_> = row.limits[&Vital::HeartRate].iter().map(|change| change.limit.switch).collect();
    assert_eq!(changes, [Switch::On, Switch::Off]);
    assert_eq!(row.notices.values().next().unwrap().count, 3);
    assert_eq!(row.cycle_ns, None);
}
