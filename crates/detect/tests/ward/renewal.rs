//! A sensor that runs for months lets go of what was told, and loses nothing that goes on.

use crate::bench::{GATEWAY, MAKERS_SERVER, MONITOR, Ward, leak};
use inventory::{EXCHANGES_MAX, STATIONS_MAX};
use model::{CaptureTime, Fact, FlowId, Report, Vital};
use std::collections::BTreeMap;

/// A leak whose connection goes on, with its flow and when it began.
fn going_on() -> (Ward, FlowId, CaptureTime) {
    let mut ward = Ward::new();
    let begun = ward.now();
    ward.owns(GATEWAY);
    ward.owns(MONITOR);
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 40_000), (GATEWAY.0, MAKERS_SERVER, 515));
    ward.server(flow, Fact::Answered);
    ward.telemetry(flow, 7, 60);
    (ward, flow, begun)
}

fn renew(ward: &mut Ward, begun: CaptureTime) -> CaptureTime {
    let now = ward.now();
    ward.judgement.renew(begun, now);
    now
}

fn counts(ward: &Ward) -> BTreeMap<String, u64> {
    ward.findings().iter().map(|found| (found.id.to_string(), found.count)).collect()
}

#[test]
fn a_connection_that_goes_on_is_the_same_matter_and_is_counted_from_the_renewal_on() {
    let (mut ward, flow, begun) = going_on();
    let before = ward.finding("patient-data-offsite");
    renew(&mut ward, begun);
    assert!(!ward.rules().contains(&"patient-data-offsite"), "{:?}", ward.rules());
    ward.telemetry(flow, 7, 10);
    let after = ward.finding("patient-data-offsite");
    assert_eq!((after.id, after.count), (before.id, 11));
    assert_eq!((after.severity, after.certainty), (before.severity, before.certainty));
    assert!(after.evidence.iter().all(|frame| before.evidence.iter().all(|old| old < frame)), "{after:#?}");
    let asset = ward.asset(MONITOR.1);
    assert_eq!((asset.maker.as_deref(), asset.model.as_deref()), (Some("Contec"), Some("CMS8000")));
    // Its frames and bytes count where they are told, here at its end; it counts where it began, and all of it once.
    assert_eq!(ward.asset(MONITOR.1).conversations[0].flows, 0);
    ward.end(flow, (128, 77_210), (64, 0));
    let talk = &ward.asset(MONITOR.1).conversations[0];
    assert_eq!((talk.flows, talk.frames, talk.bytes_out), (0, 192, 77_210));
}

/// Protocol, flows, frames and bytes of the monitor's conversations since the last renewal.
fn talks(ward: &Ward) -> Vec<(Option<&'static str>, u64, u64, u64, u64)> {
    ward.asset(MONITOR.1)
        .conversations
        .iter()
        .map(|one| (one.protocol, one.flows, one.frames, one.bytes_out, one.bytes_in))
        .collect()
}

#[test]
fn a_connection_that_goes_on_counts_as_far_as_it_was_asked_wherever_it_belongs_and_once() {
    let mut ward = Ward::new();
    let begun = ward.now();
    ward.owns(GATEWAY);
    ward.owns(MONITOR);
    let open = |ward: &mut Ward, port| {
        let flow = ward.tcp((MONITOR.0, MONITOR.1, port), (GATEWAY.0, MAKERS_SERVER, 515));
        ward.server(flow, Fact::Answered);
        flow
    };
    let (first, second) = (open(&mut ward, 40_000), open(&mut ward, 40_001));
    assert_eq!(talks(&ward), [(None, 2, 0, 0, 0)]);
    ward.goes_on(first, (10, 1_000), (5, 50));
    ward.goes_on(second, (1, 7), (1, 3));
    assert_eq!(talks(&ward), [(None, 2, 17, 1_007, 53)]);
    ward.goes_on(first, (20, 2_000), (10, 100));
    assert_eq!(talks(&ward), [(None, 2, 32, 2_007, 103)]);
    renew(&mut ward, begun);
    ward.goes_on(first, (30, 3_000), (12, 120));
    assert_eq!(talks(&ward), [(None, 0, 12, 1_000, 20)], "since the renewal");
    // What one of them speaks is found: what was counted of it goes along, also what was before.
    ward.client(first, Fact::Speaks("cms8000"));
    ward.goes_on(first, (31, 3_100), (12, 120));
    let named = (Some("cms8000"), 1, 13, 1_100, 20);
    assert_eq!(talks(&ward), [(None, 0, 0, 0, 0), named]);
    ward.end(first, (32, 3_200), (12, 120));
    ward.end(second, (2, 9), (1, 3));
    assert_eq!(talks(&ward), [(None, 0, 1, 2, 0), (Some("cms8000"), 1, 14, 1_200, 20)]);
}

#[test]
fn what_ended_is_told_once_remembered_for_a_day_and_forgotten() {
    let mut ward = leak(true);
    let mut begun = CaptureTime::MIN;
    ward.wait(10);
    begun = renew(&mut ward, begun);
    assert_eq!((counts(&ward).len(), ward.assets().len()), (0, 0));
    // It is heard again: what it is, is known.
    ward.owns(MONITOR);
    let asset = ward.asset(MONITOR.1);
    assert_eq!(asset.model.as_deref(), Some("CMS8000"));
    for _ in 0..23 {
        ward.wait(3_600);
        begun = renew(&mut ward, begun);
    }
    assert!(ward.judgement.inventory().stations().len() > 1);
    assert!(!ward.judgement.inventory().exchanges().is_empty());
    for _ in 0..4 {
        ward.wait(3_600);
        begun = renew(&mut ward, begun);
    }
    assert_eq!(ward.judgement.inventory().stations().len(), 0);
    assert_eq!(ward.judgement.inventory().exchanges().len(), 0);
    // What was forgotten stays told.
    assert_eq!(ward.so_far().taken_back, []);
}

/// Findings with their counts, as the sum of what the stretches tell.
#[derive(Default)]
struct Told {
    sums: BTreeMap<String, Vec<u64>>,
}

impl Told {
    /// Takes what a stretch tells at its end.
    fn take(&mut self, report: &Report) {
        for back in &report.taken_back {
            self.sums.remove(&back.finding.to_string());
        }
        for finding in &report.findings {
            self.sums.entry(finding.id.to_string()).or_default().push(finding.count);
        }
    }

    fn all(&self) -> BTreeMap<String, u64> {
        self.sums.iter().map(|(id, counts)| (id.clone(), counts.iter().sum())).collect()
    }
}

/// A leak to a server of which only late frames tell where it is, and a device that is recognised late.
fn explained_late(mut between: impl FnMut(&mut Ward)) -> Ward {
    let mut ward = Ward::new();
    ward.owns(MONITOR);
    let flow = ward.tcp((MONITOR.0, MONITOR.1, 40_000), (GATEWAY.0, MAKERS_SERVER, 515));
    ward.server(flow, Fact::Answered);
    ward.telemetry(flow, 7, 5);
    between(&mut ward);
    ward.telemetry(flow, 7, 5);
    between(&mut ward);
    // Only now is it known that this is a router.
    ward.owns(GATEWAY);
    between(&mut ward);
    ward.telemetry(flow, 7, 5);
    ward.end(flow, (128, 77_210), (64, 0));
    between(&mut ward);
    let other = ward.tcp((MONITOR.0, MONITOR.1, 40_001), (GATEWAY.0, MAKERS_SERVER, 515));
    ward.server(other, Fact::Answered);
    ward.telemetry(other, 8, 5);
    ward.end(other, (10, 900), (9, 0));
    between(&mut ward);
    ward
}

#[test]
fn stretches_add_up_to_what_one_judgement_over_everything_tells() {
    let mut whole = explained_late(|_| {});
    let mut told = Told::default();
    let mut begun = CaptureTime::MIN;
    let mut back = 0;
    let mut cut = explained_late(|ward| {
        let report = ward.so_far();
        back += report.taken_back.len();
        told.take(&report);
        begun = renew(ward, begun);
    });
    told.take(&cut.so_far());
    let wanted: BTreeMap<_, _> =
        whole.so_far().findings.iter().map(|found| (found.id.to_string(), found.count)).collect();
    assert_eq!(told.all(), wanted);
    assert!(back > 0, "nothing was told that later frames explain");
}

#[test]
fn a_bed_keeps_its_number_and_its_minutes_are_told_once() {
    let (mut ward, flow, begun) = going_on();
    let number = ward.judgement.inventory().bed_row(flow, model::Side::Client).unwrap().number;
    let minutes = ward.judgement.turn();
    assert_eq!(minutes.len(), 1);
    assert_eq!(minutes[0].numerics[&Vital::HeartRate].samples, 60);
    assert_eq!(minutes[0].bed, Some(7));
    assert_eq!(ward.judgement.turn(), []);
    ward.telemetry(flow, 7, 5);
    // The report still sums up the whole period.
    let vitals = ward.judgement.inventory().vitals();
    assert_eq!((vitals[0].numerics[&Vital::HeartRate].samples, vitals[0].cycles), (65, 65));
    assert_eq!(ward.judgement.turn()[0].numerics[&Vital::HeartRate].samples, 5);
    renew(&mut ward, begun);
    assert_eq!(ward.judgement.inventory().vitals(), [], "not heard since the renewal");
    ward.telemetry(flow, 7, 3);
    let vitals = ward.judgement.inventory().vitals();
    assert_eq!((vitals[0].numerics[&Vital::HeartRate].samples, vitals[0].cycles), (3, 3));
    assert_eq!(ward.judgement.inventory().bed_row(flow, model::Side::Client).unwrap().number, number);
}

#[test]
fn a_flood_of_strangers_does_not_fill_the_tables_of_a_sensor_that_renews() {
    let (mut ward, flow, mut begun) = going_on();
    let mut renewals = 0;
    for stranger in 0..60_000_u32 {
        let [_, a, b, c] = stranger.to_be_bytes();
        let id = ward.tcp(
            (&format!("02:00:00:{a:02x}:{b:02x}:{c:02x}"), &format!("10.{a}.{b}.{c}"), 1024),
            (GATEWAY.0, "10.200.0.1", 443),
        );
        ward.end(id, (1, 0), (0, 0));
        if stranger % 1000 == 0 {
            ward.wait(1);
            if ward.judgement.is_crowded() {
                begun = renew(&mut ward, begun);
                renewals += 1;
            }
        }
    }
    let inventory = ward.judgement.inventory();
    assert!(renewals >= 2, "{renewals}");
    assert!(inventory.stations().len() < STATIONS_MAX && inventory.exchanges().len() < EXCHANGES_MAX);
    // One server of so many strangers has its own limit, which is counted.
    let dropped = inventory.dropped();
    assert_eq!(dropped, inventory::Dropped { exchanges: dropped.exchanges, ..inventory::Dropped::default() });
    // And the leak goes on being seen.
    ward.telemetry(flow, 7, 2);
    assert!(ward.rules().contains(&"patient-data-offsite"));
}
