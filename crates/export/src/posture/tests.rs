//! What each reader is told of the same facts.

use super::{Case, Decided, Device, Exposure, Matter, Posture, Sensor};
use crate::containment::Audit;
use crate::paper::{Audience, Block};
use model::{CaptureTime, Certainty, Severity};

fn time(second: i64) -> CaptureTime {
    CaptureTime::from_nanos((1_772_409_600 + second) * 1_000_000_000)
}

fn case(device: &str, number: usize) -> Case {
    Case {
        finding: format!("f-{number:016x}"),
        device: device.to_owned(),
        zone: Some("ICU 3".to_owned()),
        peer: Some("202.114.4.119 port 515/tcp (offsite)".to_owned()),
        seen: (time(0), time(60)),
        count: 60,
        certainty: Certainty::Confirmed,
        state: "new".to_owned(),
    }
}

fn matter(rule: &str, severity: Severity, cases: usize) -> Matter {
    Matter {
        rule: rule.to_owned(),
        title: format!("Title of {rule}"),
        severity,
        why: "Because.".to_owned(),
        fix: "Do this.".to_owned(),
        references: vec!["T1041".to_owned()],
        cases: (0..cases).map(|number| case(&format!("Contec CMS8000 {number}"), number)).collect(),
    }
}

fn posture(matters: Vec<Matter>) -> Posture {
    let exposure = Exposure {
        cve: "CVE-2025-0683".to_owned(),
        advisory: "ICSMA-25-030-01".to_owned(),
        cvss_tenths: 59,
        kev: false,
        certain: true,
    };
    let device = Device {
        name: "Contec CMS8000".to_owned(),
        class: Some("patient-monitor".to_owned()),
        zone: Some("ICU 3".to_owned()),
        addresses: vec!["192.168.10.20".to_owned()],
        confidence: 0.97,
        last: time(60),
        open: matters.len() as u64,
        worst: matters.first().map(|matter| matter.severity),
        exposures: vec![exposure],
        ..Device::default()
    };
    Posture {
        made: time(3_600),
        version: "0.1.0".to_owned(),
        site: None,
        from: None,
        to: None,
        others: 3,
        devices: vec![device],
        matters,
        left_out: 0,
        decided: vec![Decided {
            finding: "f-00000000000000ff".to_owned(),
            title: "An old matter".to_owned(),
            device: "a printer".to_owned(),
            state: "false-positive".to_owned(),
            by: "R. Haldis, 2026-03-02 08:00:00".to_owned(),
            note: "ours".to_owned(),
        }],
        sensors: vec![Sensor {
            name: "eth1".to_owned(),
            state: "SILENT since 2026-03-02".to_owned(),
            well: false,
            blind_spots: vec!["The cable was out.".to_owned()],
        }],
        heard: Some((time(0), time(60))),
        audit: Audit { entries: 5, hash: "abcdef".to_owned(), whole: true },
    }
}

fn page(posture: &Posture, audience: Audience) -> String {
    let mut bytes = Vec::new();
    posture.paper(audience).write_html(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_ward_is_told_what_to_do_once_and_no_ids() {
    let all = [
        matter("remote-mount", Severity::Critical, 2),
        matter("code-push", Severity::Critical, 1),
        matter("remote-access-service", Severity::Low, 1),
    ];
    let page = page(&posture(all.to_vec()), Audience::Ward);
    assert_eq!(page.matches("At the bedside:").count(), 1, "both want the same done: {page}");
    assert!(
        page.contains("Title of remote-mount") && page.contains("be done about: Title of code-push"),
        "{page}"
    );
    assert!(page.contains("Contec CMS8000 0, ICU 3; Contec CMS8000 1, ICU 3"), "{page}");
    assert!(page.contains("1 matter of low severity"), "{page}");
    for not_theirs in ["CVE-", "f-0000", "T1041", "abcdef", "R. Haldis"] {
        assert!(!page.contains(not_theirs), "{not_theirs}: {page}");
    }
}

#[test]
fn the_others_are_told_what_is_theirs() {
    let posture = posture(vec![matter("patient-data-offsite", Severity::Critical, 1)]);
    let told = [
        (Audience::Biomed, &["CVE-2025-0683", "97 % sure", "Do this.", "The cable was out."][..]),
        (
            Audience::Security,
            &["T1041", "f-0000000000000000", "abcdef", "An old matter", "R. Haldis", "SILENT"],
        ),
        (
            Audience::Regulator,
            &["1 of 1", "f-0000000000000000", "abcdef", "What authorities say", "no patient identifier"],
        ),
    ];
    for (audience, all) in told {
        let page = page(&posture, audience);
        for words in all {
            assert!(page.contains(words), "{audience:?}: no `{words}` in {page}");
        }
    }
}

#[test]
fn what_is_not_listed_is_said() {
    let many = (0..80).map(|_| matter("offsite-egress", Severity::High, 50)).collect();
    let posture = Posture { left_out: 7, ..posture(many) };
    for audience in [Audience::Biomed, Audience::Security, Audience::Regulator] {
        let page = page(&posture, audience);
        assert!(page.contains("1,007 findings more are open"), "{audience:?}");
    }
    assert!(page(&posture, Audience::Security).contains("10 cases more of this kind"));
}

#[test]
fn an_empty_store_says_nothing_good() {
    let nothing = Posture { devices: Vec::new(), others: 0, matters: Vec::new(), ..posture(Vec::new()) };
    for audience in Audience::ALL {
        let paper = nothing.paper(audience);
        let Block::Verdict { sentence, .. } = &paper.blocks[0] else { panic!("no verdict first") };
        assert!(sentence.starts_with("Nothing was looked at yet"), "{sentence}");
        assert!(!page(&nothing, audience).contains("Nothing is open"));
    }
    assert!(page(&posture(Vec::new()), Audience::Regulator).contains("Nothing is open."));
}
