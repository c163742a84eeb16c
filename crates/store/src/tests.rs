//! The life of findings and assets, captures that come again, the chain, and what a folder may hold.

mod access;

use crate::*;
use model::{
    Asset, AssetId, BedVitals, CaptureSummary, CaptureTime, Certainty, Channel, Check, Conversation,
    DeviceClass, Digest256, Direction, Endpoint, Evidence, Finding, FindingId, IntegrityRow, Location,
    NumericRange, PatientToken, Peer, Pseudonym, Report, Severity, Text, Transport, Verdict, Vital,
};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Start of capture time in these tests: 2026-03-02T00:00:00Z.
pub(crate) const DAY: i64 = 1_772_409_600_000_000_000;
const HOUR: i64 = 3_600_000_000_000;

pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lazaret-store-{test}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        Self(path)
    }

    pub(crate) fn writer(&self) -> Writer {
        Writer::open(&self.0, IfMissing::Make).unwrap()
    }

    pub(crate) fn raw(&self) -> Connection {
        Connection::open(folder::database(&self.0)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub(crate) fn actor() -> Actor {
    Actor { name: "R. Haldis".to_owned(), at: DAY + 1000 * HOUR }
}

pub(crate) fn time(hours: i64) -> CaptureTime {
    CaptureTime::from_nanos(DAY + hours * HOUR)
}

/// A capture whose content is told by one byte, over an hour.
pub(crate) fn capture(content: u8, hour: i64) -> CaptureSummary {
    CaptureSummary {
        name: format!("{content}.pcap"),
        sha256: Some(Digest256([content; 32])),
        format: "pcap",
        frames: 100,
        bytes: 10_000,
        first: Some(time(hour)),
        last: Some(time(hour + 1)),
        ..CaptureSummary::default()
    }
}

pub(crate) fn asset(id: u64, ip: [u8; 4], hour: i64) -> Asset {
    Asset {
        id: AssetId(id),
        macs: BTreeSet::new(),
        ips: BTreeSet::from([ip.into()]),
        vlans: BTreeSet::new(),
        names: BTreeSet::new(),
        class: Some(DeviceClass { id: "patient-monitor".to_owned(), medical: true }),
        maker: None,
        model: None,
        aliases: Vec::new(),
        firmware: None,
        serial: None,
        confidence: 0.97,
        signs: Vec::new(),
        conversations: vec![Conversation {
            peer: Endpoint { ip: [202, 114, 4, 119].into(), port: 515 },
            transport: Transport::Tcp,
            location: Location::Offsite,
            protocol: None,
            direction: Direction::Out,
            flows: 1,
            frames: 10,
            bytes_out: 1000,
            bytes_in: 10,
            first: time(hour),
            last: time(hour + 1),
            evidence: Evidence { capture: 0, frame: 1 },
            rhythm: model::Rhythm::default(),
            sessions: None,
        }],
        exposures: Vec::new(),
        profile: None,
    }
}

pub(crate) fn finding(id: u64, count: u64, hour: i64) -> Finding {
    Finding {
        id: FindingId(id),
        rule: "patient-data-offsite",
        title: format!("Matter {id}"),
        severity: Severity::High,
        certainty: Certainty::Likely,
        asset: AssetId(7),
        peer: Some(Peer {
            endpoint: Endpoint { ip: [202, 114, 4, 119].into(), port: 515 },
            transport: Transport::Tcp,
            location: Location::Offsite,
        }),
        peers: Vec::new(),
        first: time(hour),
        last: time(hour + 1),
        count,
        evidence: vec![Evidence { capture: 0, frame: 12 }],
        details: BTreeMap::new(),
        attack: [].into(),
        advisories: Vec::new(),
        cves: Vec::new(),
        why: "Why.".to_owned(),
        fix: "Do.".into(),
    }
}

/// One capture with one finding, seen `count` times from `hour` on.
pub(crate) fn report(content: u8, hour: i64, count: u64) -> Report {
    Report {
        captures: vec![capture(content, hour)],
        assets: vec![asset(7, [10, 0, 0, 7], hour)],
        findings: vec![finding(1, count, hour)],
        ..Report::default()
    }
}

fn both(a: Report, b: Report, count: u64) -> Report {
    let mut both = a;
    both.captures.extend(b.captures);
    both.findings[0].count = count;
    both.findings[0].last = both.findings[0].last.max(b.findings[0].last);
    both
}

fn put(store: &mut Writer, report: &Report) -> Imported {
    store.import(report, "0.1.0", &actor()).unwrap()
}

pub(crate) fn the_finding(store: &Writer) -> StoredFinding {
    let mut all = store.findings(&FindingQuery::default()).unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

pub(crate) fn changes(imported: &Imported) -> Vec<Change> {
    imported.changed.iter().map(|changed| changed.change).collect()
}

fn decide(store: &mut Writer, decision: &Decision) -> StoredFinding {
    store.decide(FindingId(1), decision, Some("because"), &actor()).unwrap()
}

#[test]
fn one_matter_is_one_finding_however_many_captures_show_it() {
    let folder = Folder::new("one-matter");
    let mut store = folder.writer();
    assert_eq!(changes(&put(&mut store, &report(1, 0, 60))), [Change::New]);
    assert_eq!(changes(&put(&mut store, &report(2, 24, 30))), [Change::Grown { from: 60, to: 90 }]);
    let finding = the_finding(&store);
    assert_eq!((finding.count, finding.first, finding.last), (90, time(0).nanos(), time(25).nanos()));
    let card = store.finding(FindingId(1)).unwrap();
    assert_eq!((card.evidence[0].capture.as_str(), card.evidence[0].frame), ("2.pcap", 12));
    assert!(store.verify_audit(None).unwrap().broken.is_none());
}

#[test]
fn the_same_captures_again_change_nothing() {
    let folder = Folder::new("again");
    let mut store = folder.writer();
    put(&mut store, &report(1, 0, 60));
    let entries = store.verify_audit(None).unwrap().entries;
    let again = put(&mut store, &report(1, 0, 60));
    assert_eq!((again.meeting, again.changed.len()), (Meeting::Same, 0));
    assert_eq!(the_finding(&store).count, 60);
    assert_eq!(store.verify_audit(None).unwrap().entries, entries);
}

#[test]
fn captures_scanned_together_after_one_alone_are_not_counted_twice() {
    let folder = Folder::new("together");
    let mut store = folder.writer();
    put(&mut store, &report(1, 0, 60));
    let together = both(report(1, 0, 60), report(2, 24, 30), 90);
    assert_eq!(put(&mut store, &together).meeting, Meeting::Replaced(1));
    assert_eq!(the_finding(&store).count, 90);
    // A part of them is in the store already.
    assert_eq!(put(&mut store, &report(2, 24, 30)).meeting, Meeting::Covered);
    assert_eq!(the_finding(&store).count, 90);
    let talks = store.asset(AssetId(7), 0).unwrap().conversations;
    assert_eq!(talks.len(), 1);
    assert_eq!(talks[0].frames, 10);
}

#[test]
fn captures_that_cannot_be_told_apart_are_refused_by_name() {
    let folder = Folder::new("overlap");
    let mut store = folder.writer();
    put(&mut store, &both(report(1, 0, 60), report(2, 24, 30), 90));
    let overlapping = both(report(2, 24, 30), report(3, 48, 10), 40);
    let refused = store.import(&overlapping, "0.1.0", &actor()).unwrap_err().to_string();
    assert!(
        refused.contains("`2.pcap` is in the store") && refused.contains("themselves: `3.pcap`"),
        "{refused}"
    );
    assert_eq!(the_finding(&store).count, 90);
    assert_eq!(changes(&put(&mut store, &report(3, 48, 10))), [Change::Grown { from: 90, to: 100 }]);
}

#[test]
fn a_capture_without_its_hash_is_refused() {
    let folder = Folder::new("no-hash");
    let mut report = report(1, 0, 60);
    report.captures[0].sha256 = None;
    let refused = folder.writer().import(&report, "0.1.0", &actor()).unwrap_err();
    assert!(matches!(refused, StoreError::NoHash(name) if name == "1.pcap"));
}

#[test]
fn newer_evidence_reopens_what_was_resolved_and_older_does_not() {
    let folder = Folder::new("reopen");
    let mut store = folder.writer();
    put(&mut store, &report(1, 24, 60));
    let resolved = decide(&mut store, &Decision::Resolve { through: time(48).nanos() });
    assert_eq!((resolved.state, resolved.note.as_deref()), (State::Resolved, Some("because")));
    let older = put(&mut store, &report(2, 0, 5));
    assert_eq!((changes(&older).len(), older.quiet), (0, 1));
    assert_eq!((the_finding(&store).state, the_finding(&store).count), (State::Resolved, 65));
    assert_eq!(changes(&put(&mut store, &report(3, 72, 1))), [Change::Reopened]);
    let reopened = the_finding(&store);
    assert_eq!((reopened.state, reopened.reopened, reopened.state_by.as_str()), (State::New, 1, "lazaret"));
    let told: Vec<_> = store.finding(FindingId(1)).unwrap().history;
    let told: Vec<_> = told.iter().map(|entry| (entry.action.as_str(), entry.by.as_str())).collect();
    assert_eq!(told, [("resolve", "R. Haldis"), ("reopened", "lazaret")]);
}

#[test]
fn what_was_known_when_it_was_resolved_does_not_reopen_it() {
    let folder = Folder::new("known");
    let mut store = folder.writer();
    put(&mut store, &report(1, 24, 60));
    decide(&mut store, &Decision::Resolve { through: time(0).nanos() });
    put(&mut store, &report(2, 20, 5));
    assert_eq!(the_finding(&store).state, State::Resolved);
}

#[test]
fn a_false_positive_counts_on_and_stays_quiet() {
    let folder = Folder::new("false-positive");
    let mut store = folder.writer();
    put(&mut store, &report(1, 0, 60));
    let refused = store.decide(FindingId(1), &Decision::FalsePositive, Some("  "), &actor());
    assert!(matches!(refused, Err(StoreError::Refused(_))));
    decide(&mut store, &Decision::FalsePositive);
    let grown = put(&mut store, &report(2, 5000, 30));
    assert_eq!((grown.changed.len(), grown.quiet), (0, 1));
    assert_eq!((the_finding(&store).state, the_finding(&store).count), (State::FalsePositive, 90));
    assert_eq!(decide(&mut store, &Decision::Reopen).state, State::New);
}

#[test]
fn a_suppressed_finding_counts_and_comes_back_at_its_end() {
    let folder = Folder::new("suppress");
    let mut store = folder.writer();
    put(&mut store, &report(1, 0, 60));
    let until = actor().at + HOUR;
    decide(&mut store, &Decision::Suppress { until });
    let grown = put(&mut store, &report(2, 24, 30));
    assert_eq!((grown.changed.len(), grown.quiet), (0, 1));
    let listed = |now| {
        let query = FindingQuery { unsuppressed_at: Some(now), ..FindingQuery::default() };
        store.findings(&query).unwrap().len()
    };
    assert_eq!((listed(until - 1), listed(until)), (0, 1));
    let tally = store.finding_tally(until - 1).unwrap();
    assert_eq!((tally.new, tally.suppressed), (0, 1));
    assert_eq!(store.finding_tally(until).unwrap().new, 1);
    let finding = the_finding(&store);
    assert_eq!((finding.count, finding.state), (90, State::New));
    assert_eq!(finding.suppression.unwrap().because, "because");
}

#[test]
fn captures_judged_anew_withdraw_what_they_no_longer_show() {
    let folder = Folder::new("withdrawn");
    let mut store = folder.writer();
    put(&mut store, &report(1, 0, 60));
    let mut without = report(1, 0, 60);
    without.findings.clear();
    let judged = put(&mut store, &without);
    assert_eq!((judged.meeting, changes(&judged)), (Meeting::Replaced(1), vec![Change::Withdrawn]));
    assert_eq!((the_finding(&store).state, the_finding(&store).count), (State::Resolved, 60));
    assert_eq!(changes(&put(&mut store, &report(1, 0, 61))), [Change::Reopened]);
    assert_eq!(the_finding(&store).count, 61);
}

#[test]
fn a_finding_is_as_grave_as_it_ever_was() {
    let folder = Folder::new("grave");
    let mut store = folder.writer();
    let mut grave = report(1, 0, 60);
    grave.findings[0].severity = Severity::Critical;
    grave.findings[0].certainty = Certainty::Confirmed;
    put(&mut store, &grave);
    put(&mut store, &report(2, 24, 30));
    let finding = the_finding(&store);
    assert_eq!((finding.severity, finding.certainty), (Severity::Critical, Certainty::Confirmed));
    let card = store.finding(FindingId(1)).unwrap();
    assert_eq!(card.evidence[0].capture, "1.pcap");
}

#[test]
fn an_assets_history_is_the_same_whatever_the_order_of_captures() {
    let day = |content: u8, hour: i64, last: u8, firmware: &str| {
        let mut report = report(content, hour, 1);
        report.assets = vec![asset(7, [10, 0, 0, last], hour)];
        report.assets[0].firmware = Some(Text::from(firmware));
        report
    };
    let days = [day(1, 0, 7, "1.0"), day(2, 24, 7, "1.0"), day(3, 48, 9, "1.1")];
    let told = |order: [usize; 3]| {
        let folder = Folder::new(&format!("order-{order:?}"));
        let mut store = folder.writer();
        for at in order {
            put(&mut store, &days[at]);
        }
        let card = store.asset(AssetId(7), 0).unwrap();
        (card.traits, card.asset, card.conversations)
    };
    let (traits, asset, talks) = told([0, 1, 2]);
    let of = |kind: &str| {
        let of_kind = traits.iter().filter(|one| one.kind == kind);
        let hours = |at: i64| (at - DAY) / HOUR;
        of_kind.map(|one| (one.value.as_str(), hours(one.first), hours(one.last))).collect::<Vec<_>>()
    };
    assert_eq!(of("ip"), [("10.0.0.7", 0, 25), ("10.0.0.9", 48, 49)]);
    assert_eq!(of("firmware"), [("1.0", 0, 25), ("1.1", 48, 49)]);
    assert_eq!((asset.first, asset.last), (time(0).nanos(), time(49).nanos()));
    assert_eq!(asset.firmware.as_deref(), Some("1.1"));
    assert_eq!((talks[0].flows, talks[0].frames), (3, 30));
    for order in [[2, 1, 0], [1, 2, 0], [2, 0, 1]] {
        assert_eq!(told(order), (traits.clone(), asset.clone(), talks.clone()), "{order:?}");
    }
}

#[test]
fn a_patient_in_clear_is_nowhere_and_a_keyed_hash_is_kept() {
    let folder = Folder::new("patient");
    let mut store = folder.writer();
    let bed = |patient| BedVitals {
        asset: AssetId(7),
        bed: Some(3),
        patient: Some(patient),
        first: time(0),
        last: time(1),
        cycles: 60,
        numerics: BTreeMap::from([(
            Vital::HeartRate,
            NumericRange { last: 78.0, min: 77.0, max: 79.0, samples: 60 },
        )]),
        ..no_vitals()
    };
    let mut report = report(1, 0, 60);
    report.vitals = vec![
        bed(PatientToken::Clear(Text::from("Orvela Ashdale"))),
        bed(PatientToken::Pseudonym(Pseudonym(0xAB))),
    ];
    report.vitals[0].integrity = vec![IntegrityRow {
        check: Check::WaveformFrozen,
        verdict: Verdict::Fail,
        first: time(0),
        last: time(1),
        seconds: 40,
        why: "The same two seconds 20 times.".to_owned(),
        evidence: Vec::new(),
        channel: Some(Channel::Ecg(1)),
        earlier: None,
    }];
    put(&mut store, &report);
    let vitals = store.asset(AssetId(7), 0).unwrap().vitals;
    let patients: Vec<_> = vitals.iter().map(|row| row.patient.as_deref()).collect();
    assert_eq!(patients, [None, Some("p:00000000000000ab")]);
    assert_eq!(vitals[0].numerics[0].vital, "heart-rate");
    let told: Vec<_> =
        vitals[0].integrity.iter().map(|one| (&*one.check, &*one.verdict, one.seconds)).collect();
    assert_eq!(told, [("waveform-frozen", "fail", 40)]);
    for entry in std::fs::read_dir(&folder.0).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"Ashdale"));
    }
}

pub(crate) fn no_vitals() -> BedVitals {
    BedVitals {
        asset: AssetId(0),
        bed: None,
        patient: None,
        first: time(0),
        last: time(0),
        cycles: 0,
        cycle_ns: None,
        numerics: BTreeMap::new(),
        invalid: BTreeMap::new(),
        limits: BTreeMap::new(),
        notices: BTreeMap::new(),
        waveforms: BTreeMap::new(),
        integrity: Vec::new(),
        judged: None,
    }
}

#[test]
fn pages_hold_everything_once_in_order() {
    let folder = Folder::new("pages");
    let mut store = folder.writer();
    let mut report = report(1, 0, 60);
    report.findings = (0..97).map(|id| finding(id, 1, (id % 5) as i64)).collect();
    for (finding, severity) in report.findings.iter_mut().zip(Severity::ALL.iter().cycle()) {
        finding.severity = *severity;
    }
    report.assets = (0..97).map(|id| asset(id, [10, 0, 0, id as u8], (id % 5) as i64)).collect();
    put(&mut store, &report);
    let mut query = FindingQuery { limit: 10, ..FindingQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = store.findings(&query).unwrap();
        let Some(last) = page.last() else { break };
        query.after = Some(last.id);
        seen.extend(page.iter().map(|finding| (finding.severity, finding.last, finding.id.0)));
    }
    assert_eq!(seen.len(), 97);
    assert!(seen.is_sorted_by(|a, b| a > b));
    let mut query = AssetQuery { limit: 10, ..AssetQuery::default() };
    let mut assets = BTreeSet::new();
    loop {
        let page = store.assets(&query).unwrap();
        let Some(last) = page.last() else { break };
        query.after = Some(last.id);
        assets.extend(page.iter().map(|asset| asset.id));
    }
    assert_eq!(assets.len(), 97);
    query.after = Some(AssetId(1000));
    assert!(matches!(store.assets(&query), Err(StoreError::Unknown { what: "asset", .. })));
}

#[test]
fn findings_seen_since_a_moment_are_those_whose_last_frame_is_not_older() {
    let folder = Folder::new("since");
    let mut store = folder.writer();
    let mut report = report(1, 0, 60);
    report.findings = (0..5).map(|id| finding(id, 1, id as i64)).collect();
    put(&mut store, &report);
    let of = |since| {
        let query = FindingQuery { since: Some(since), ..FindingQuery::default() };
        store.findings(&query).unwrap().iter().map(|finding| finding.id.0).collect::<Vec<_>>()
    };
    let last_of_three = time(4).nanos();
    assert_eq!((of(last_of_three), of(last_of_three + 1), of(i64::MIN).len()), (vec![4, 3], vec![4], 5));
}

#[test]
fn without_their_bodies_rows_are_the_same_but_for_them() {
    let folder = Folder::new("bodies");
    let mut store = folder.writer();
    let mut report = report(1, 0, 60);
    report.findings = (0..5).map(|id| finding(id, 1, id as i64)).collect();
    report.assets[0].aliases = vec!["MN-120".into()];
    put(&mut store, &report);
    let of = |without_body| {
        let findings = store.findings(&FindingQuery { without_body, ..FindingQuery::default() }).unwrap();
        let assets = store.assets(&AssetQuery { without_body, limit: 9, ..AssetQuery::default() }).unwrap();
        (findings, assets)
    };
    let (mut findings, mut assets) = of(false);
    assert!(findings.iter().all(|finding| !finding.body.why.is_empty()), "{findings:?}");
    assert!(assets.iter().any(|asset| !asset.body.aliases.is_empty()), "{assets:?}");
    findings.iter_mut().for_each(|finding| finding.body = FindingBody::default());
    assets.iter_mut().for_each(|asset| asset.body = AssetBody::default());
    assert_eq!(of(true), (findings, assets));
}

#[test]
fn receipts_are_found_by_their_index_among_all_that_is_logged() {
    let folder = Folder::new("receipts");
    let mut store = folder.writer();
    put(&mut store, &report(1, 0, 60));
    for (at, action) in
        ["enforce-apply", "vault-look", "gateway-run", "enforced", "enforce-confirm"].iter().enumerate()
    {
        let actor = Actor { at: at as i64, ..actor() };
        store.note(action, "eth1", &serde_json::json!({}), &actor).unwrap();
    }
    let told = |until| {
        let receipts = store.receipts(until).unwrap();
        receipts.into_iter().map(|entry| entry.action).collect::<Vec<_>>()
    };
    assert_eq!(told(i64::MAX), ["enforce-apply", "gateway-run", "enforce-confirm"]);
    assert_eq!(told(3), ["enforce-apply", "gateway-run"]);
    let plan = format!("EXPLAIN QUERY PLAN {}", audit::receipts_query());
    let plan: String = folder.raw().query_row(&plan, [0], |row| row.get(3)).unwrap();
    assert!(plan.contains("audit_receipts"), "{plan}");
}

/// A store with four entries in its log, and a hand that changes them behind its back.
fn tampered(test: &str, sql: &str) -> Chain {
    let folder = Folder::new(test);
    let mut store = folder.writer();
    put(&mut store, &report(1, 0, 60));
    decide(&mut store, &Decision::Acknowledge);
    decide(&mut store, &Decision::Reopen);
    put(&mut store, &report(2, 24, 30));
    let whole = store.verify_audit(None).unwrap();
    assert_eq!((whole.entries, whole.broken), (4, None));
    let raw = folder.raw();
    assert!(raw.execute_batch("DELETE FROM audit WHERE seq = 2").is_err(), "the log can be cut by mistake");
    assert!(
        raw.execute_batch("UPDATE audit SET by = 'nobody'").is_err(),
        "the log can be changed by mistake"
    );
    raw.execute_batch("DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_cut").unwrap();
    raw.execute_batch(sql).unwrap();
    store.verify_audit(None).unwrap()
}

#[test]
fn the_chain_says_where_it_breaks() {
    for (test, sql, seq, words) in [
        ("who", "UPDATE audit SET by = 'nobody' WHERE seq = 2", 2, "content"),
        ("when", "UPDATE audit SET at = at + 1 WHERE seq = 1", 1, "content"),
        ("what", "UPDATE audit SET action = 'resolve' WHERE seq = 3", 3, "content"),
        (
            "shift",
            "UPDATE audit SET action = 'acknowledgef', subject = substr(subject, 2) WHERE seq = 2",
            2,
            "content",
        ),
        ("out", "DELETE FROM audit WHERE seq = 3", 3, "missing"),
        ("first", "DELETE FROM audit WHERE seq = 1", 1, "missing"),
        ("end", "DELETE FROM audit WHERE seq = 4", 4, "cut off"),
        ("hash", "UPDATE audit SET hash = previous WHERE seq = 2", 2, "content"),
        ("previous", "UPDATE audit SET previous = hash WHERE seq = 4", 4, "follow"),
        (
            "swap",
            "UPDATE audit SET seq = 9 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 9",
            2,
            "follow",
        ),
        ("head", "DELETE FROM audit WHERE seq = 4; UPDATE audit_head SET seq = 3", 4, "added"),
    ] {
        let broken = tampered(test, sql).broken.unwrap_or_else(|| panic!("{test}: not seen"));
        assert_eq!(broken.seq, seq, "{test}: {broken:?}");
        assert!(broken.what.contains(words), "{test}: {broken:?}");
    }
}

#[test]
fn a_chain_that_was_verified_is_gone_on_with_and_shows_what_was_done_to_it_since() {
    let folder = Folder::new("beyond");
    let mut store = folder.writer();
    put(&mut store, &report(1, 0, 60));
    let known = store.verify_audit(None).unwrap();
    assert_eq!(store.verify_audit_beyond(known.clone()).unwrap(), known, "nothing was added");
    decide(&mut store, &Decision::Acknowledge);
    decide(&mut store, &Decision::Reopen);
    let beyond = store.verify_audit_beyond(known.clone()).unwrap();
    assert_eq!(beyond, store.verify_audit(None).unwrap());
    assert_eq!((beyond.entries, beyond.broken), (known.entries + 2, None));
    let raw = folder.raw();
    raw.execute_batch("DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_cut").unwrap();
    raw.execute_batch("UPDATE audit SET by = 'nobody' WHERE seq = (SELECT max(seq) FROM audit)").unwrap();
    let changed = store.verify_audit_beyond(known.clone()).unwrap();
    assert_eq!(changed.broken.unwrap().what, "its content is not what was written");
    raw.execute_batch(&format!("DELETE FROM audit WHERE seq > {}", known.entries)).unwrap();
    let cut = store.verify_audit_beyond(known).unwrap();
    assert_eq!(cut.broken.unwrap().what, "the log was cut off before it");
}

#[test]
fn a_noted_hash_shows_a_chain_that_was_written_anew() {
    let folder = Folder::new("noted");
    let mut store = folder.writer();
    put(&mut store, &report(1, 0, 60));
    let noted = store.verify_audit(None).unwrap();
    decide(&mut store, &Decision::Acknowledge);
    assert!(store.verify_audit(Some((1, &noted.hash))).unwrap().broken.is_none());
    let other = "0".repeat(64);
    assert_eq!(store.verify_audit(Some((1, &other))).unwrap().broken.unwrap().seq, 1);
    assert_eq!(store.verify_audit(Some((9, &other))).unwrap().broken.unwrap().seq, 3);
}

#[test]
fn a_second_writer_is_told_who_holds_the_store_and_readers_read_on() {
    let folder = Folder::new("locked");
    let mut store = folder.writer();
    put(&mut store, &report(1, 0, 60));
    let refused = Writer::open(&folder.0, IfMissing::Make).unwrap_err().to_string();
    assert!(refused.contains(&format!("(process {})", std::process::id())), "{refused}");
    let reader = Reader::open(&folder.0).unwrap();
    assert_eq!(reader.findings(&FindingQuery::default()).unwrap().len(), 1);
    drop(store);
    assert!(Writer::open(&folder.0, IfMissing::Fail).is_ok());
}

#[test]
fn folders_that_are_no_stores_are_refused_and_left_alone() {
    let folder = Folder::new("foreign");
    assert!(matches!(Reader::open(&folder.0), Err(StoreError::Missing(_))));
    assert!(matches!(Writer::open(&folder.0, IfMissing::Fail), Err(StoreError::Missing(_))));
    assert!(!folder.0.exists());
    std::fs::create_dir(&folder.0).unwrap();
    std::fs::write(folder.0.join("thesis.tex"), "x").unwrap();
    assert!(matches!(Writer::open(&folder.0, IfMissing::Make), Err(StoreError::Foreign(_))));
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1);
    // Somebody else's database under our name.
    std::fs::remove_file(folder.0.join("thesis.tex")).unwrap();
    folder.raw().execute_batch("CREATE TABLE recipes (name)").unwrap();
    assert!(matches!(Reader::open(&folder.0), Err(StoreError::Foreign(_))));
    std::fs::write(folder::database(&folder.0), vec![b'x'; 8192]).unwrap();
    assert!(matches!(Reader::open(&folder.0), Err(StoreError::Damaged(_))));
}

#[test]
fn a_store_of_a_later_version_is_not_touched() {
    let folder = Folder::new("newer");
    drop(folder.writer());
    folder.raw().pragma_update(None, "user_version", folder::VERSION + 1).unwrap();
    assert!(matches!(Reader::open(&folder.0), Err(StoreError::Newer { .. })));
    assert!(matches!(Writer::check(&folder.0), Err(StoreError::Newer { .. })));
    assert!(matches!(Writer::open(&folder.0, IfMissing::Make), Err(StoreError::Newer { .. })));
}

#[test]
fn a_store_that_was_only_begun_is_finished() {
    let folder = Folder::new("begun");
    std::fs::create_dir(&folder.0).unwrap();
    std::fs::write(folder.0.join("lock"), "1").unwrap();
    std::fs::write(folder::database(&folder.0), "").unwrap();
    assert!(matches!(Reader::open(&folder.0), Err(StoreError::Missing(_))));
    put(&mut folder.writer(), &report(1, 0, 60));
}

#[test]
fn a_full_disk_changes_nothing_and_says_so() {
    let folder = Folder::new("full");
    let mut store = folder.writer();
    put(&mut store, &report(1, 0, 60));
    let pages: i64 = store.raw().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    store.raw().query_row(&format!("PRAGMA max_page_count = {}", pages + 4), [], |_| Ok(())).unwrap();
    let mut large = report(2, 24, 30);
    large.findings.extend((2..2000).map(|id| finding(id, 1, 24)));
    assert!(matches!(store.import(&large, "0.1.0", &actor()), Err(StoreError::Full)));
    assert_eq!(the_finding(&store).count, 60);
    assert!(store.verify_audit(None).unwrap().broken.is_none());
    store.raw().query_row("PRAGMA max_page_count = 1000000", [], |_| Ok(())).unwrap();
    put(&mut store, &large);
    assert_eq!(store.finding_tally(0).unwrap().new, 1999);
}

#[test]
fn a_backup_is_whole_and_a_restored_store_goes_on() {
    let folder = Folder::new("backup");
    let mut store = folder.writer();
    put(&mut store, &report(1, 0, 60));
    let file = folder.0.with_extension("sqlite");
    drop(std::fs::remove_file(&file));
    // While the writer is open.
    let copied = backup(&folder.0, &file).unwrap();
    assert_eq!(copied.chain.entries, 1);
    assert!(matches!(backup(&folder.0, &file), Err(StoreError::Refused(_))));
    put(&mut store, &report(2, 24, 30));
    assert!(matches!(restore(&folder.0, &file, &actor()), Err(StoreError::Refused(_))));
    let other = Folder::new("restored");
    restore(&other.0, &file, &actor()).unwrap();
    let mut restored = other.writer();
    assert_eq!(the_finding(&restored).count, 60);
    let told: Vec<_> = restored.audit(0, 10).unwrap().into_iter().map(|entry| entry.action).collect();
    assert_eq!(told, ["import", "restore"]);
    assert_eq!(changes(&put(&mut restored, &report(2, 24, 30))), [Change::Grown { from: 60, to: 90 }]);
    // One changed entry, and it is not restored.
    let raw = Connection::open(&file).unwrap();
    raw.execute_batch("DROP TRIGGER audit_is_not_changed; UPDATE audit SET by = 'nobody'").unwrap();
    drop(raw);
    let third = Folder::new("not-restored");
    let refused = restore(&third.0, &file, &actor()).unwrap_err().to_string();
    assert!(refused.contains("entry 1"), "{refused}");
    assert!(!third.0.exists());
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn pruning_takes_what_is_old_and_leaves_what_is_open() {
    let folder = Folder::new("prune");
    let mut store = folder.writer();
    let mut old = report(1, 0, 60);
    old.findings.push(finding(2, 1, 0));
    old.vitals =
        vec![BedVitals { asset: AssetId(7), first: time(0), last: time(1), cycles: 9, ..no_vitals() }];
    put(&mut store, &old);
    let mut new = report(2, 5000, 30);
    new.assets = vec![asset(7, [10, 0, 0, 9], 5000)];
    put(&mut store, &new);
    let by = Actor { at: time(2).nanos(), ..actor() };
    store.decide(FindingId(2), &Decision::Resolve { through: by.at }, None, &by).unwrap();
    let before = time(4000).nanos();
    let rows = |pruned: Vec<Pruned>| pruned.iter().map(|one| one.rows).collect::<Vec<_>>();
    let dry = store.prune(&Prunable::ALL, before, Trial::Dry, &actor()).unwrap();
    assert_eq!(rows(dry), [1, 0, 1, 1, 1, 0]);
    assert_eq!(store.findings(&FindingQuery::default()).unwrap().len(), 2);
    let real = store.prune(&Prunable::ALL, before, Trial::Real, &actor()).unwrap();
    assert_eq!(rows(real), [1, 0, 1, 1, 1, 0]);
    assert_eq!((the_finding(&store).id, the_finding(&store).count), (FindingId(1), 90));
    let card = store.asset(AssetId(7), 0).unwrap();
    assert_eq!((card.vitals.len(), card.conversations.len()), (0, 1));
    let ips: Vec<_> =
        card.traits.iter().filter(|one| one.kind == "ip").map(|one| one.value.as_str()).collect();
    assert_eq!(ips, ["10.0.0.9"]);
    assert_eq!(store.audit(0, 10).unwrap().last().unwrap().action, "prune");
    // What was pruned does not come back with the same captures.
    assert_eq!(put(&mut store, &old).meeting, Meeting::Same);
    assert!(store.asset(AssetId(7), 0).unwrap().vitals.is_empty());
}
