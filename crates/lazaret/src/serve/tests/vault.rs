//! Who is told a patient's name, who is not, and what is written down of it.

use super::*;
use crate::vault::Identities;
use model::Pseudonym;
use store::{Entry, Guarding as _, Identity, Reading as _};

const PATIENT: Pseudonym = Pseudonym(0xA1);
const HASH: &str = "p:00000000000000a1";
const NAME: &str = "Haldis Ravnsund";

/// With one patient in the vault, and the vault open or not.
fn ward(test: &str, open: bool) -> Ward {
    let ward = Ward::peopled(test);
    let mut store = ward.store();
    let vault = store.make_vault(b"a lamp, a door and a tide", &actor("tester")).unwrap();
    let identity = Identity::new(NAME.as_bytes(), b"778-401-22", Some(7), 1_772_409_600_000_000_000);
    let sealed = vault.seal(PATIENT, &identity).unwrap();
    store.keep_identities(&vault, &[(PATIENT, sealed)], i64::MAX, &actor("tester")).unwrap();
    if open {
        assert!(ward.app.vault.set(Arc::new(Identities::new(vault, HOUR))).is_ok());
    }
    ward
}

fn body() -> Value {
    json!({ "patient": HASH, "reason": "a call from the ward" })
}

fn looks(ward: &Ward) -> Vec<Entry> {
    let mut log = ward.store().audit(0, 1_000).unwrap();
    log.retain(|entry| entry.action == "vault-look");
    log
}

async fn look(ward: &Ward, role: Role, body: Value) -> (StatusCode, Value) {
    ward.by_token(role, Method::POST, "/api/v1/vault/looks", Some(body)).await
}

#[tokio::test]
async fn the_clinical_role_is_told_and_the_log_says_so() {
    let ward = ward("vault-told", true);
    let (_, standing) = ward.by_token(Role::Clinical, Method::GET, "/api/v1/vault", None).await;
    assert_eq!(standing, json!({ "state": "open", "may_look": true }));
    let secret = session_of(Role::Clinical);
    let request = Request::post("/api/v1/vault/looks").header(header::COOKIE, format!("lazaret={secret}"));
    let response = ward.ask(with_body(request.header(CSRF_HEADER, csrf(&secret)), Some(body()))).await;
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    let (status, told) = answer(response).await;
    let expected = json!({
        "patient": HASH, "name": NAME, "number": "778-401-22", "bed": 7,
        "first": "2026-03-02T00:00:00.000000000Z", "last": "2026-03-02T00:00:00.000000000Z",
    });
    assert_eq!((status, told), (StatusCode::OK, expected));
    let unknown = json!({ "patient": "p:00000000000000ff" });
    assert_eq!(look(&ward, Role::Clinical, unknown).await.0, 404);
    let log = looks(&ward);
    let said = |entry: &Entry| (entry.by.clone(), entry.subject.clone());
    let by = |name: &str, patient: &str| (name.to_owned(), patient.to_owned());
    let expected = [by("clinical", HASH), by("clinical (token test)", "p:00000000000000ff")];
    assert_eq!(log.iter().map(said).collect::<Vec<_>>(), expected);
    assert!(log[0].detail.contains("a call from the ward") && log[0].detail.contains("shown"), "{log:?}");
    assert!(log.iter().all(|entry| !entry.detail.contains("Haldis")), "{log:?}");
}

#[tokio::test]
async fn nobody_else_is_told_whatever_else_they_may() {
    let ward = ward("vault-roles", true);
    for role in [Role::Viewer, Role::Analyst, Role::Admin] {
        let (status, problem) = look(&ward, role, body()).await;
        assert_eq!(status, 403, "{role}");
        assert!(!problem.to_string().contains("Haldis"), "{problem}");
    }
    let (_, standing) = ward.by_token(Role::Admin, Method::GET, "/api/v1/vault", None).await;
    assert_eq!(standing, json!({ "state": "open", "may_look": false }));
    // A token of the clinical role that an admin made for themselves.
    let mut store = ward.store();
    let admin = store::Access::users(&store, 0, 10)
        .unwrap()
        .into_iter()
        .find(|user| user.role == Role::Admin)
        .unwrap();
    let token = NewToken {
        hash: kept("lzt_less"),
        user: admin.id,
        name: "less".to_owned(),
        role: Role::Clinical,
        expires: None,
    };
    store.add_token(&token, &actor("admin")).unwrap();
    drop(store);
    let request = Request::post("/api/v1/vault/looks").header(header::AUTHORIZATION, "Bearer lzt_less");
    assert_eq!(ward.ask(with_body(request, Some(body()))).await.status(), 403);
    assert_eq!(looks(&ward), []);
}

#[tokio::test]
async fn without_the_passphrase_the_server_shows_hashes_alone() {
    let ward = ward("vault-locked", false);
    let (_, standing) = ward.by_token(Role::Clinical, Method::GET, "/api/v1/vault", None).await;
    assert_eq!(standing, json!({ "state": "locked", "may_look": false }));
    assert_eq!(look(&ward, Role::Clinical, body()).await.0, 409);
    let none = Ward::peopled("vault-off");
    let (_, standing) = none.by_token(Role::Clinical, Method::GET, "/api/v1/vault", None).await;
    assert_eq!(standing, json!({ "state": "off", "may_look": false }));
    assert_eq!(look(&none, Role::Clinical, body()).await.0, 409);
}

#[tokio::test]
async fn what_has_no_form_is_refused_and_looks_run_out() {
    let ward = ward("vault-limits", true);
    for wrong in [
        json!({}),
        json!({ "patient": "Haldis" }),
        json!({ "patient": "p:00000000000000A1" }),
        json!({ "patient": [HASH, HASH] }),
        json!({ "patient": HASH, "reason": "x".repeat(3_000) }),
        json!({ "patient": HASH, "all": true }),
    ] {
        assert_eq!(look(&ward, Role::Clinical, wrong.clone()).await.0, 400, "{wrong}");
    }
    let mut told = 0;
    loop {
        let (status, problem) = look(&ward, Role::Clinical, body()).await;
        if status == 429 {
            assert!(problem["retry_after"].as_u64().is_some_and(|seconds| seconds > 0), "{problem}");
            break;
        }
        assert_eq!(status, 200);
        told += 1;
        assert!(told < 1_000, "looks do not run out");
    }
    assert_eq!(looks(&ward).len(), told, "every look that was answered is in the log, and no other");
}

#[tokio::test]
async fn a_key_that_was_rotated_meanwhile_is_told() {
    let ward = ward("vault-rotated", true);
    let vault = ward.app.vault.get().unwrap();
    ward.store().rotate_vault(vault.vault(), b"another passphrase", &actor("tester")).unwrap();
    let (status, problem) = look(&ward, Role::Clinical, body()).await;
    assert_eq!(status, 409);
    assert!(problem["detail"].as_str().unwrap().contains("start it again"), "{problem}");
}
