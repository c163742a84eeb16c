//! Users, sessions, tokens, settings; decisions taken back; lists in every order.

use super::{Folder, HOUR, actor, asset, finding, put, report};
use crate::*;
use model::{AssetId, FindingId};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

fn new(name: &str, role: Role) -> NewUser {
    NewUser { name: name.to_owned(), role, proof: Proof::Password("$argon2id$…".to_owned()) }
}

fn actions(store: &Writer) -> Vec<String> {
    store.audit(0, 100).unwrap().into_iter().map(|entry| entry.action).collect()
}

#[test]
fn the_first_user_is_made_once() {
    let folder = Folder::new("first-user");
    let mut store = folder.writer();
    assert!(!store.has_users().unwrap());
    let first = store.add_first_user(&new("haldis", Role::Admin), &actor()).unwrap();
    assert_eq!((first.role, first.has_password, first.disabled), (Role::Admin, true, None));
    assert!(store.has_users().unwrap());
    let again = store.add_first_user(&new("other", Role::Admin), &actor());
    assert!(matches!(again, Err(StoreError::Refused(_))));
    assert!(matches!(store.add_user(&new("HALDIS", Role::Viewer), &actor()), Err(StoreError::Refused(_))));
    let (found, hash) = store.credential("Haldis").unwrap().unwrap();
    assert_eq!((found, hash.as_deref()), (first, Some("$argon2id$…")));
    assert_eq!(actions(&store), ["add-user"]);
    assert!(!store.audit(0, 9).unwrap()[0].detail.contains("argon2"), "no hash in the log");
}

#[test]
fn somebody_always_can_let_others_in() {
    let folder = Folder::new("last-admin");
    let mut store = folder.writer();
    let admin = store.add_first_user(&new("haldis", Role::Admin), &actor()).unwrap();
    let shut = UserChange { disabled: Some(true), ..UserChange::default() };
    let lower = UserChange { role: Some(Role::Analyst), ..UserChange::default() };
    for change in [&shut, &lower] {
        assert!(matches!(store.change_user(admin.id, change, &actor()), Err(StoreError::Refused(_))));
    }
    assert!(matches!(store.remove_user(admin.id, &actor()), Err(StoreError::Refused(_))));
    assert_eq!(store.user(admin.id).unwrap(), admin, "nothing was changed");
    let second = store.add_user(&new("ostrava", Role::Admin), &actor()).unwrap();
    assert!(store.change_user(admin.id, &shut, &actor()).unwrap().disabled.is_some());
    assert!(store.remove_user(second.id, &actor()).is_err(), "a shut admin lets nobody in");
    store
        .change_user(admin.id, &UserChange { disabled: Some(false), ..UserChange::default() }, &actor())
        .unwrap();
    store.remove_user(second.id, &actor()).unwrap();
    let third = store.add_user(&new("third", Role::Viewer), &actor()).unwrap();
    assert!(third.id > second.id, "a number is never used again");
    assert_eq!(store.users(admin.id, 10).unwrap(), [third]);
}

#[test]
fn sessions_and_tokens_end_with_what_they_rest_on() {
    let folder = Folder::new("sessions");
    let mut store = folder.writer();
    let user = store.add_first_user(&new("haldis", Role::Admin), &actor()).unwrap();
    let at = actor().at;
    for hash in ["one", "two"] {
        store.open_session(hash, user.id, at + HOUR, "10.0.0.9", &actor()).unwrap();
    }
    store.touch("one", at + 5).unwrap();
    let one = store.session("one").unwrap().unwrap();
    assert_eq!((one.created, one.seen, one.expires, &*one.address), (at, at + 5, at + HOUR, "10.0.0.9"));
    store.end_session("two", &actor()).unwrap();
    assert_eq!(store.session("two").unwrap(), None);
    let later = Actor { at: at + 2 * HOUR, ..actor() };
    store.open_session("three", user.id, later.at + HOUR, "10.0.0.9", &later).unwrap();
    assert_eq!(store.session("one").unwrap(), None, "one that has ended is forgotten");
    let token = NewToken {
        hash: "t".to_owned(),
        user: user.id,
        name: "export".to_owned(),
        role: Role::Viewer,
        expires: None,
    };
    let made = store.add_token(&token, &actor()).unwrap();
    store.touch("t", at + 7).unwrap();
    assert_eq!(store.token("t").unwrap().unwrap(), Token { used: Some(at + 7), ..made.clone() });
    assert_eq!(store.tokens(Some(user.id + 1), 0, 10).unwrap(), []);
    assert!(matches!(
        store.remove_token(made.id, Some(user.id + 1), &actor()),
        Err(StoreError::Unknown { .. })
    ));
    let password = UserChange { password: Some("new".to_owned()), ..UserChange::default() };
    store.change_user(user.id, &password, &actor()).unwrap();
    assert_eq!(store.session("three").unwrap(), None, "a new password ends all sessions");
    let second = store.add_user(&new("ostrava", Role::Admin), &actor()).unwrap();
    store.open_session("four", second.id, at + HOUR, "10.0.0.9", &actor()).unwrap();
    store.remove_user(user.id, &actor()).unwrap();
    assert_eq!((store.token("t").unwrap(), store.session("four").unwrap().is_some()), (None, true));
    assert!(store.verify_audit(None).unwrap().broken.is_none());
}

#[test]
fn a_user_has_so_many_sessions_and_tokens_and_others_are_left_alone() {
    let folder = Folder::new("limits");
    let mut store = folder.writer();
    let user = store.add_first_user(&new("haldis", Role::Admin), &actor()).unwrap();
    let other = store.add_user(&new("ostrava", Role::Viewer), &actor()).unwrap();
    let at = |second: u32| Actor { at: actor().at + i64::from(second) * 1_000_000_000, ..actor() };
    store.open_session("theirs", other.id, at(0).at + HOUR, "10.0.0.9", &at(0)).unwrap();
    for number in 0..SESSIONS_MAX {
        store.open_session(&format!("s{number}"), user.id, at(0).at + HOUR, "10.0.0.9", &at(number)).unwrap();
    }
    // The first is in use, the second is not.
    store.touch("s0", at(SESSIONS_MAX).at).unwrap();
    store.open_session("last", user.id, at(0).at + HOUR, "10.0.0.9", &at(SESSIONS_MAX + 1)).unwrap();
    let there = |store: &Writer, hash: &str| store.session(hash).unwrap().is_some();
    assert_eq!(
        ["s0", "s1", "s2", "last", "theirs"].map(|hash| there(&store, hash)),
        [true, false, true, true, true]
    );
    let detail = store.audit(0, 100).unwrap().pop().unwrap().detail;
    assert!(detail.contains(r#""sessions-ended":1"#), "{detail}");

    let token = |number: u32, user: i64, expires: Option<i64>| NewToken {
        hash: format!("t{number}"),
        user,
        name: "export".to_owned(),
        role: Role::Viewer,
        expires,
    };
    let soon = at(5).at;
    for number in 0..TOKENS_MAX {
        let expires = (number == 0).then_some(soon);
        store.add_token(&token(number, user.id, expires), &at(1)).unwrap();
    }
    let more = token(TOKENS_MAX, user.id, None);
    assert!(matches!(store.add_token(&more, &at(4)), Err(StoreError::Refused(_))));
    store.add_token(&token(1_000, other.id, None), &at(4)).unwrap();
    // One that has ended makes room.
    store.add_token(&more, &at(6)).unwrap();
    assert!(store.verify_audit(None).unwrap().broken.is_none());
}

#[test]
fn settings_are_kept_with_what_they_were() {
    let folder = Folder::new("settings");
    let mut store = folder.writer();
    let change = |value| BTreeMap::from([("retention".to_owned(), json!({ "vitals": value }))]);
    store.set(&change(365), &actor()).unwrap();
    let all = store.set(&change(30), &actor()).unwrap();
    assert_eq!(all, store.settings().unwrap());
    assert_eq!(all["retention"], json!({ "vitals": 30 }));
    let entry = store.audit(1, 1).unwrap().remove(0);
    assert_eq!(entry.action, "change-settings");
    assert!(entry.detail.contains("365") && entry.detail.contains("30"), "{}", entry.detail);
    assert_eq!(store.last_change().unwrap(), 2);
}

/// Findings 1 to `count`, of all severities.
fn many(store: &mut Writer, count: u64) {
    let mut report = report(1, 0, 1);
    let one = |number: u64| {
        let mut finding = finding(number, number, i64::try_from(number % 7).unwrap());
        finding.severity = model::Severity::ALL[usize::try_from(number).unwrap() % 4];
        finding.asset = AssetId(1 + number % 9);
        finding
    };
    report.findings = (1..=count).map(one).collect();
    report.assets = (1..=9).map(|id| asset(id, [10, 0, 0, id as u8], id as i64 % 4)).collect();
    put(store, &report);
}

#[test]
fn decisions_are_made_and_taken_back_together() {
    let folder = Folder::new("undo");
    let mut store = folder.writer();
    many(&mut store, 3);
    let ids = [FindingId(1), FindingId(2)];
    store.decide(FindingId(2), &Decision::Acknowledge, Some("ticket 7"), &actor()).unwrap();
    let before = store.findings(&FindingQuery::default()).unwrap();
    let until = actor().at + HOUR;
    let decided = store.decide_all(&ids, &Decision::Suppress { until }, Some("a test"), &actor()).unwrap();
    assert!(decided.iter().all(|one| one.finding.is_suppressed(actor().at)));
    let resolved = store.decide_all(&ids, &Decision::Resolve { through: 0 }, None, &actor()).unwrap();
    let seqs = |all: &[Decided]| all.iter().map(|one| one.seq).collect::<Vec<_>>();
    let early = store.undo(&seqs(&decided), &actor());
    assert!(matches!(early, Err(StoreError::Refused(_))), "something came after it");
    store.undo(&seqs(&resolved), &actor()).unwrap();
    let states = |store: &Writer| {
        let all = store.findings(&FindingQuery::default()).unwrap();
        all.into_iter().map(|one| (one.id, one.state, one.note, one.resolved_through)).collect::<Vec<_>>()
    };
    let expected: Vec<_> =
        before.into_iter().map(|one| (one.id, one.state, one.note, one.resolved_through)).collect();
    assert_eq!(states(&store), expected);
    assert!(store.finding(FindingId(1)).unwrap().finding.is_suppressed(actor().at), "as it was before");
    let missing = [FindingId(1), FindingId(99)];
    let refused = store.decide_all(&missing, &Decision::Acknowledge, None, &actor());
    assert!(matches!(refused, Err(StoreError::Unknown { .. })));
    assert_eq!(states(&store), expected, "all or none");
    assert!(
        matches!(store.undo(&[1], &actor()), Err(StoreError::Unknown { .. })),
        "an import is no decision"
    );
    assert_eq!(actions(&store).iter().filter(|action| *action == "undo").count(), 2);
    assert!(store.verify_audit(None).unwrap().broken.is_none());
}

#[test]
fn every_order_lists_everything_once() {
    let folder = Folder::new("orders");
    let mut store = folder.writer();
    many(&mut store, 50);
    for sorting in [Sorting::Descending, Sorting::Ascending] {
        for order in [FindingOrder::Severity, FindingOrder::Last, FindingOrder::First] {
            let mut query = FindingQuery { order, sorting, limit: 7, ..FindingQuery::default() };
            let mut seen = Vec::new();
            loop {
                let page = store.findings(&query).unwrap();
                let Some(last) = page.last() else { break };
                query.after = Some(last.id);
                seen.extend(page);
            }
            let ids: BTreeSet<_> = seen.iter().map(|one| one.id).collect();
            assert_eq!((seen.len(), ids.len()), (50, 50), "{order:?} {sorting:?}");
            let sorted = seen.windows(2).all(|two| {
                let key = |one: &StoredFinding| match order {
                    FindingOrder::Severity => (one.severity as i64, one.last),
                    FindingOrder::Last => (one.last, 0),
                    FindingOrder::First => (one.first, 0),
                };
                if sorting == Sorting::Descending {
                    key(&two[0]) >= key(&two[1])
                } else {
                    key(&two[0]) <= key(&two[1])
                }
            });
            assert!(sorted, "{order:?} {sorting:?}");
        }
        let orders = [
            AssetOrder::Medical,
            AssetOrder::Last,
            AssetOrder::First,
            AssetOrder::Class,
            AssetOrder::Findings,
        ];
        for order in orders {
            let mut query = AssetQuery { order, sorting, limit: 2, ..AssetQuery::default() };
            let mut seen = Vec::new();
            loop {
                let page = store.assets(&query).unwrap();
                let Some(last) = page.last() else { break };
                query.after = Some(last.id);
                seen.extend(page.into_iter().map(|one| one.id));
            }
            assert_eq!(
                (seen.len(), seen.iter().collect::<BTreeSet<_>>().len()),
                (9, 9),
                "{order:?} {sorting:?}"
            );
        }
    }
}

#[test]
fn text_is_found_as_it_is_written() {
    let folder = Folder::new("text");
    let mut store = folder.writer();
    many(&mut store, 30);
    let found = |text: &str| {
        let query = FindingQuery { text: Some(text.to_owned()), ..FindingQuery::default() };
        store.findings(&query).unwrap().len()
    };
    assert_eq!((found("MATTER 3"), found("matter 30"), found("%"), found("_")), (2, 1, 0, 0));
    let assets = |text: &str| {
        let query = AssetQuery { text: Some(text.to_owned()), limit: 99, ..AssetQuery::default() };
        store.assets(&query).unwrap().len()
    };
    assert_eq!((assets("10.0.0.3"), assets("patient-"), assets("10_0")), (1, 9, 0));
    let class = AssetQuery { class: Some("patient-monitor".to_owned()), limit: 99, ..AssetQuery::default() };
    assert_eq!(store.assets(&class).unwrap().len(), 9);
}

#[test]
fn a_provider_makes_users_and_says_what_they_may_each_time() {
    let folder = Folder::new("vouched");
    let mut store = folder.writer();
    let who = |subject: &str, role| Vouched {
        issuer: "https://id".to_owned(),
        subject: subject.to_owned(),
        names: vec!["haldis".to_owned(), "haldis@id".to_owned()],
        role,
    };
    let admitted =
        |store: &mut Writer, subject: &str, role| store.admit(&who(subject, role), &actor()).unwrap();
    assert_eq!(admitted(&mut store, "1", Role::Admin), Admission::NoUserYet);
    let local = store.add_first_user(&new("Haldis", Role::Admin), &actor()).unwrap();
    // The local account of that name stays the local one's.
    let Admission::In(made) = admitted(&mut store, "1", Role::Analyst) else { panic!("not let in") };
    assert_ne!(made.id, local.id);
    assert_eq!((&*made.name, made.role, made.has_password), ("haldis@id", Role::Analyst, false));
    assert_eq!(store.provided("https://id", "1").unwrap().as_ref(), Some(&made));
    assert_eq!(store.provided("https://other", "1").unwrap(), None);
    assert_eq!(admitted(&mut store, "2", Role::Viewer), Admission::NameTaken);
    store.open_session("s", made.id, actor().at + HOUR, "10.0.0.9", &actor()).unwrap();
    let signed_in = store.user(made.id).unwrap();
    assert_eq!(admitted(&mut store, "1", Role::Analyst), Admission::In(signed_in));
    assert!(store.session("s").unwrap().is_some(), "nothing changed");
    let Admission::In(lower) = admitted(&mut store, "1", Role::Viewer) else { panic!("not let in") };
    assert_eq!((lower.id, lower.role), (made.id, Role::Viewer));
    assert_eq!(store.session("s").unwrap(), None, "a session rests on the role it was opened with");
    let shut = UserChange { disabled: Some(true), ..UserChange::default() };
    let shut = store.change_user(made.id, &shut, &actor()).unwrap();
    assert_eq!(admitted(&mut store, "1", Role::Admin), Admission::Shut(shut));
    assert_eq!(actions(&store), ["add-user", "add-user", "sign-in", "change-user", "change-user"]);
    assert!(store.verify_audit(None).unwrap().broken.is_none());
}

#[test]
fn a_refusal_is_noted_and_ends_sessions_where_nobody_vouches_any_more() {
    let folder = Folder::new("unvouched");
    let mut store = folder.writer();
    store.add_first_user(&new("ostrava", Role::Admin), &actor()).unwrap();
    let who = Vouched {
        issuer: "https://id".to_owned(),
        subject: "1".to_owned(),
        names: vec!["haldis".to_owned()],
        role: Role::Viewer,
    };
    let Admission::In(user) = store.admit(&who, &actor()).unwrap() else { panic!("not let in") };
    store.open_session("s", user.id, actor().at + HOUR, "10.0.0.9", &actor()).unwrap();
    let mut refused = Unvouched {
        issuer: "https://id",
        subject: None,
        name: None,
        address: "10.0.0.9",
        code: "stale",
        why: "why",
        unnoted: 0,
        ends_sessions: false,
    };
    store.note_unvouched(&refused, &actor()).unwrap();
    refused = Unvouched { subject: Some("1"), name: Some("x"), code: "token", unnoted: 7, ..refused };
    store.note_unvouched(&refused, &actor()).unwrap();
    assert!(store.session("s").unwrap().is_some());
    store.note_unvouched(&Unvouched { ends_sessions: true, ..refused }, &actor()).unwrap();
    assert_eq!(store.session("s").unwrap(), None);
    let log = store.audit(0, 100).unwrap();
    let noted: Vec<_> = log.iter().filter(|entry| entry.action == "refuse-sign-in").collect();
    let subjects: Vec<_> = noted.iter().map(|entry| entry.subject.as_str()).collect();
    assert_eq!(subjects, ["user of https://id", "user haldis", "user haldis"]);
    let detail: serde_json::Value = serde_json::from_str(&noted[1].detail).unwrap();
    let wanted = json!({
        "from": "10.0.0.9", "provider": "https://id", "code": "token", "why": "why", "name": "x", "not-noted-before": 7,
    });
    assert_eq!(detail, wanted);
}
