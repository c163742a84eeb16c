//! Who may use which route, and what sessions, tokens and decisions do, over a store of its own.

use super::app::{App, Shared, Terms, actor};
use super::caller::CSRF_HEADER;
use super::secret::{csrf, kept};
use super::{document, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response, StatusCode, header};
use model::{
    Asset, AssetId, CaptureSummary, CaptureTime, Certainty, DeviceClass, Digest256, Evidence, Finding,
    FindingId, Report, Severity,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::{Granting as _, IfMissing, NewToken, NewUser, Proof, Role, UserChange, Writer, Writing as _};
use tower::ServiceExt as _;

mod vault;

const HOUR: Duration = Duration::from_secs(3_600);
const PASSWORD: &str = "green lamp by the door";

/// A server over a store of its own with one finding, and one user for each role.
struct Ward {
    folder: PathBuf,
    app: Shared,
    router: Router,
}

impl Drop for Ward {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn session_of(role: Role) -> String {
    format!("session of {role}")
}

fn token_of(role: Role) -> String {
    format!("lzt_{role}")
}

fn terms(tls: bool, idle: Duration) -> Terms {
    Terms { tls, upload_bytes_max: 1 << 20, idle, absolute: HOUR }
}

fn report() -> Report {
    let time = CaptureTime::from_nanos(1_772_409_600_000_000_000);
    let asset = Asset {
        ips: BTreeSet::from([[10, 0, 0, 7].into()]),
        class: Some(DeviceClass { id: "patient-monitor".to_owned(), medical: true }),
        confidence: 0.97,
        ..Asset::unknown(AssetId(1))
    };
    let finding = |id| Finding {
        id: FindingId(id),
        rule: "offsite-egress",
        title: format!("Matter {id}"),
        severity: Severity::High,
        certainty: Certainty::Likely,
        asset: AssetId(1),
        peer: None,
        peers: Vec::new(),
        first: time,
        last: time,
        count: 1,
        evidence: vec![Evidence { capture: 0, frame: 1 }],
        details: BTreeMap::new(),
        attack: [].into(),
        advisories: Vec::new(),
        cves: Vec::new(),
        why: "Why.".to_owned(),
        fix: "Do.".into(),
    };
    Report {
        captures: vec![CaptureSummary {
            name: "ward.pcap".to_owned(),
            sha256: Some(Digest256([1; 32])),
            first: Some(time),
            last: Some(time),
            ..CaptureSummary::default()
        }],
        assets: vec![asset],
        findings: vec![finding(1), finding(2)],
        ..Report::default()
    }
}

impl Ward {
    fn new(test: &str) -> Self {
        Self::with(test, terms(false, HOUR))
    }

    fn with(test: &str, terms: Terms) -> Self {
        let folder = std::env::temp_dir().join(format!("lazaret-serve-{test}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        let mut store = Writer::open(&folder, IfMissing::Make).unwrap();
        store.import(&report(), "0", &actor("tester")).unwrap();
        drop(store);
        let app = Arc::new(
            App::new(&folder, terms, inventory::Site::default(), Arc::default(), Arc::default()).unwrap(),
        );
        let router = router(&app);
        Self { folder, app, router }
    }

    /// With a user, a session and a token for each role. Their passwords are no hashes, so nobody signs in with them.
    fn peopled(test: &str) -> Self {
        let ward = Self::new(test);
        let mut store = ward.store();
        for role in Role::ALL {
            let (who, proof) = (actor(role.as_str()), Proof::Password("none".to_owned()));
            let user = store.add_user(&NewUser { name: role.to_string(), role, proof }, &who).unwrap();
            let end = who.at + 3_600_000_000_000;
            store.open_session(&kept(&session_of(role)), user.id, end, "10.0.0.9", &who).unwrap();
            let token = NewToken {
                hash: kept(&token_of(role)),
                user: user.id,
                name: "test".to_owned(),
                role,
                expires: None,
            };
            store.add_token(&token, &who).unwrap();
        }
        ward
    }

    fn store(&self) -> Writer {
        Writer::open(&self.folder, IfMissing::Fail).unwrap()
    }

    async fn ask(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Asks with a token of that role; the status and the JSON of the answer.
    async fn by_token(
        &self,
        role: Role,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {}", token_of(role)));
        answer(self.ask(with_body(request, body)).await).await
    }
}

fn with_body(request: axum::http::request::Builder, body: Option<Value>) -> Request<Body> {
    match body {
        Some(body) => request
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap(),
        None => request.body(Body::empty()).unwrap(),
    }
}

async fn answer(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).cloned();
    let bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap();
    if !status.is_success() {
        assert_eq!(kind.unwrap(), "application/problem+json", "{status}: {bytes:?}");
    }
    (status, if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() })
}

/// Every route and the least role that may use it; none where nobody needs to be known.
const ROUTES: &[(&str, &str, Option<Role>)] = &[
    ("get", "/api/v1/assets", Some(Role::Viewer)),
    ("get", "/api/v1/assets/{id}", Some(Role::Viewer)),
    ("get", "/api/v1/audit", Some(Role::Analyst)),
    ("get", "/api/v1/audit/verify", Some(Role::Analyst)),
    ("get", "/api/v1/beds", Some(Role::Clinical)),
    ("get", "/api/v1/beds/{id}", Some(Role::Clinical)),
    ("get", "/api/v1/beds/{id}/trend", Some(Role::Clinical)),
    ("get", "/api/v1/beds/{id}/waveform", Some(Role::Clinical)),
    ("get", "/api/v1/captures", Some(Role::Viewer)),
    ("post", "/api/v1/captures", Some(Role::Analyst)),
    ("get", "/api/v1/containment", Some(Role::Viewer)),
    ("get", "/api/v1/conversations", Some(Role::Viewer)),
    ("get", "/api/v1/events", Some(Role::Viewer)),
    ("get", "/api/v1/findings", Some(Role::Viewer)),
    ("post", "/api/v1/findings/decide", Some(Role::Analyst)),
    ("post", "/api/v1/findings/undo", Some(Role::Analyst)),
    ("get", "/api/v1/findings/{id}", Some(Role::Viewer)),
    ("post", "/api/v1/findings/{id}/evidence", Some(Role::Analyst)),
    ("get", "/api/v1/findings/{id}/frames", Some(Role::Analyst)),
    ("get", "/api/v1/live", Some(Role::Clinical)),
    ("get", "/api/v1/live/beds/{id}", Some(Role::Clinical)),
    ("get", "/api/v1/live/waveforms", Some(Role::Clinical)),
    ("get", "/api/v1/map", Some(Role::Viewer)),
    ("get", "/api/v1/openapi.json", Some(Role::Viewer)),
    ("get", "/api/v1/outputs", Some(Role::Admin)),
    ("post", "/api/v1/outputs/{name}/test", Some(Role::Admin)),
    ("get", "/api/v1/overview", Some(Role::Viewer)),
    ("get", "/api/v1/reports/containment", Some(Role::Analyst)),
    ("get", "/api/v1/reports/posture", Some(Role::Viewer)),
    ("get", "/api/v1/scans", Some(Role::Analyst)),
    ("get", "/api/v1/scans/{id}", Some(Role::Analyst)),
    ("get", "/api/v1/sensors", Some(Role::Viewer)),
    ("delete", "/api/v1/session", Some(Role::Viewer)),
    ("get", "/api/v1/session", Some(Role::Viewer)),
    ("post", "/api/v1/session", None),
    ("put", "/api/v1/session/password", Some(Role::Viewer)),
    ("get", "/api/v1/session/provider", None),
    ("get", "/api/v1/session/provider/back", None),
    ("get", "/api/v1/settings", Some(Role::Viewer)),
    ("patch", "/api/v1/settings", Some(Role::Admin)),
    ("get", "/api/v1/setup", None),
    ("post", "/api/v1/setup", None),
    ("get", "/api/v1/site", Some(Role::Viewer)),
    ("get", "/api/v1/tokens", Some(Role::Viewer)),
    ("post", "/api/v1/tokens", Some(Role::Viewer)),
    ("delete", "/api/v1/tokens/{id}", Some(Role::Viewer)),
    ("get", "/api/v1/users", Some(Role::Admin)),
    ("post", "/api/v1/users", Some(Role::Admin)),
    ("delete", "/api/v1/users/{id}", Some(Role::Admin)),
    ("get", "/api/v1/users/{id}", Some(Role::Admin)),
    ("patch", "/api/v1/users/{id}", Some(Role::Admin)),
    ("get", "/api/v1/vault", Some(Role::Clinical)),
    ("post", "/api/v1/vault/looks", Some(Role::Clinical)),
    ("get", "/metrics", Some(Role::Viewer)),
];

/// Routes that are for their least role alone.
const ONLY: &[(&str, &str)] = &[("post", "/api/v1/vault/looks")];

/// Routes that a token cannot use, whatever its role.
const BY_SESSION_ONLY: &[(&str, &str)] = &[("post", "/api/v1/tokens"), ("put", "/api/v1/session/password")];

#[test]
fn every_route_says_who_may_use_it() {
    let document = serde_json::to_value(document()).unwrap();
    let mut routes = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let least = operation["x-least-role"].as_str().map(|role| Role::named(role).unwrap());
            assert_eq!(operation["security"].is_array(), least.is_some(), "{method} {path}");
            assert!(operation["operationId"].is_string() && operation["tags"].is_array(), "{method} {path}");
            let only = ONLY.contains(&(method.as_str(), path.as_str()));
            let said = operation["x-only-role"].as_str().map(|role| Role::named(role).unwrap());
            assert_eq!(said, least.filter(|_| only), "{method} {path}");
            routes.insert((method.clone(), path.clone()), least);
        }
    }
    let expected: BTreeMap<_, _> = ROUTES
        .iter()
        .map(|(method, path, least)| (((*method).to_owned(), (*path).to_owned()), *least))
        .collect();
    assert_eq!(routes, expected, "a new route needs a row in ROUTES");
}

#[test]
fn everything_the_document_names_is_in_it() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = serde_json::to_value(document()).unwrap();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn nobody_gets_what_is_not_theirs() {
    let ward = Ward::peopled("routes");
    for (method, path, least) in ROUTES {
        let upper = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        // An id that is well-formed and not there: nothing is changed, and who may gets as far as that.
        let path_asked = match *path {
            "/api/v1/assets/{id}" => "/api/v1/assets/a-00000000000000ff".to_owned(),
            "/api/v1/findings/{id}" => "/api/v1/findings/f-00000000000000ff".to_owned(),
            "/api/v1/findings/{id}/evidence" => "/api/v1/findings/f-00000000000000ff/evidence".to_owned(),
            "/api/v1/findings/{id}/frames" => "/api/v1/findings/f-00000000000000ff/frames".to_owned(),
            "/api/v1/outputs/{name}/test" => "/api/v1/outputs/nobody/test".to_owned(),
            "/api/v1/beds/{id}" => "/api/v1/beds/b-00000000000000ff-7".to_owned(),
            "/api/v1/beds/{id}/waveform" => "/api/v1/beds/b-00000000000000ff-7/waveform".to_owned(),
            "/api/v1/beds/{id}/trend" => "/api/v1/beds/b-00000000000000ff-7/trend".to_owned(),
            path => path.replace("{id}", "999"),
        };
        let request = || Request::builder().method(upper.clone()).uri(&path_asked);
        let (status, problem) = answer(ward.ask(request().body(Body::empty()).unwrap()).await).await;
        let Some(least) = least else {
            assert!(!matches!(status.as_u16(), 401 | 500..), "{method} {path}: {status}");
            continue;
        };
        assert_eq!(status, 401, "{method} {path} unauthenticated");
        assert_eq!(problem["code"], "unauthenticated");
        for wrong in ["Bearer lzt_wrong", "Bearer ", "Basic YTpi", "lzt_admin"] {
            let request = request().header(header::AUTHORIZATION, wrong).body(Body::empty()).unwrap();
            assert_eq!(ward.ask(request).await.status(), 401, "{method} {path} {wrong}");
        }
        let refuses = |role: Role| role < *least || ONLY.contains(&(method, path)) && role != *least;
        for role in Role::ALL {
            let by_token = request().header(header::AUTHORIZATION, format!("Bearer {}", token_of(role)));
            let status = ward.ask(by_token.body(Body::empty()).unwrap()).await.status();
            let never = BY_SESSION_ONLY.contains(&(method, path)) || refuses(role);
            let no_body = status == 415 || status == 400;
            assert!(
                !never || status == 403 || (!refuses(role) && no_body),
                "{method} {path} token of {role}: {status}"
            );
            assert!(
                never || !matches!(status.as_u16(), 401 | 403 | 500..),
                "{method} {path} token of {role}: {status}"
            );
            // Signing out would end the session that the next lines need.
            if (*method, *path) == ("delete", "/api/v1/session") {
                continue;
            }
            let secret = session_of(role);
            let by_session = || request().header(header::COOKIE, format!("lazaret={secret}"));
            let with_csrf = by_session().header(CSRF_HEADER, csrf(&secret)).body(Body::empty()).unwrap();
            let status = ward.ask(with_csrf).await.status();
            if refuses(role) {
                assert_eq!(status, 403, "{method} {path} session of {role}");
            } else {
                assert!(
                    !matches!(status.as_u16(), 401 | 403 | 500..),
                    "{method} {path} session of {role}: {status}"
                );
            }
            if upper != Method::GET {
                let status = ward.ask(by_session().body(Body::empty()).unwrap()).await.status();
                assert_eq!(status, 403, "{method} {path} session of {role} without the CSRF token");
            }
        }
    }
}

#[tokio::test]
async fn the_first_admin_is_made_by_the_link_and_once() {
    let ward = Ward::new("first-admin");
    let first = |secret: &str, password: &str| {
        let body = json!({ "secret": secret, "name": "haldis", "password": password });
        with_body(Request::post("/api/v1/setup"), Some(body))
    };
    assert_eq!(ward.ask(first("x", PASSWORD)).await.status(), 403, "no link was printed");
    *ward.app.first.lock().unwrap() = Some(kept("the secret"));
    let (_, ways) = answer(ward.ask(Request::get("/api/v1/setup").body(Body::empty()).unwrap()).await).await;
    assert_eq!(ways["first"], true);
    assert_eq!(ward.ask(first("wrong", PASSWORD)).await.status(), 403);
    assert_eq!(ward.ask(first("the secret", "short")).await.status(), 400);
    let made = ward.ask(first("the secret", PASSWORD)).await;
    let cookie = made.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly; SameSite=Strict") && cookie.starts_with("lazaret="), "{cookie}");
    let (status, who) = answer(made).await;
    assert_eq!((status, &who["role"]), (StatusCode::OK, &json!("admin")));
    assert_eq!(ward.ask(first("the secret", PASSWORD)).await.status(), 403, "once");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let users = Request::get("/api/v1/users").header(header::COOKIE, &cookie).body(Body::empty()).unwrap();
    let (status, users) = answer(ward.ask(users).await).await;
    assert_eq!((status, &users["users"][0]["created_by"]), (StatusCode::OK, &json!("haldis")));
}

#[tokio::test]
async fn sessions_begin_with_the_password_and_end() {
    let ward = Ward::with("sessions", terms(true, HOUR));
    let hash = ward.app.passwords.hash(PASSWORD.to_owned()).await.unwrap();
    let new = NewUser { name: "haldis".to_owned(), role: Role::Admin, proof: Proof::Password(hash) };
    let user = ward.store().add_first_user(&new, &actor("tester")).unwrap();
    let sign_in = |name: &str, password: &str| {
        with_body(Request::post("/api/v1/session"), Some(json!({ "name": name, "password": password })))
    };
    for (name, password) in [("haldis", "wrong password"), ("nobody", PASSWORD), ("haldis", "")] {
        assert_eq!(ward.ask(sign_in(name, password)).await.status(), 401, "{name}");
    }
    let signed_in = ward.ask(sign_in("Haldis", PASSWORD)).await;
    let headers = signed_in.headers().clone();
    assert!(headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    let cookie = headers[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("__Host-lazaret=") && cookie.contains("; Secure;"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let (_, who) = answer(signed_in).await;
    let session = |method: Method| {
        let request = Request::builder().method(method).uri("/api/v1/session");
        request.header(header::COOKIE, &cookie).header(CSRF_HEADER, who["csrf"].as_str().unwrap())
    };
    assert_eq!(ward.ask(session(Method::GET).body(Body::empty()).unwrap()).await.status(), 200);
    let foreign = session(Method::GET).header("sec-fetch-site", "cross-site").body(Body::empty()).unwrap();
    assert_eq!(ward.ask(foreign).await.status(), 403);
    assert_eq!(ward.ask(session(Method::DELETE).body(Body::empty()).unwrap()).await.status(), 204);
    assert_eq!(ward.ask(session(Method::GET).body(Body::empty()).unwrap()).await.status(), 401, "signed out");
    let shut = UserChange { disabled: Some(true), ..UserChange::default() };
    let other =
        NewUser { name: "other".to_owned(), role: Role::Admin, proof: Proof::Password("x".to_owned()) };
    ward.store().add_user(&other, &actor("tester")).unwrap();
    ward.store().change_user(user.id, &shut, &actor("tester")).unwrap();
    assert_eq!(ward.ask(sign_in("haldis", PASSWORD)).await.status(), 401, "shut");
    let log = store::Reading::audit(&ward.store(), 0, 100).unwrap();
    let refused = log.iter().filter(|entry| entry.action == "refuse-sign-in").count();
    assert_eq!(refused, 3, "of accounts that are there");
}

#[tokio::test]
async fn what_was_not_used_for_long_ends() {
    let ward = Ward::with("idle", terms(false, Duration::ZERO));
    let new =
        NewUser { name: "haldis".to_owned(), role: Role::Admin, proof: Proof::Password("x".to_owned()) };
    let mut store = ward.store();
    let user = store.add_first_user(&new, &actor("tester")).unwrap();
    let now = crate::stored::now();
    store.open_session(&kept("idle"), user.id, now + 1_000_000_000_000, "x", &actor("tester")).unwrap();
    let ended = NewToken {
        hash: kept("lzt_e"),
        user: user.id,
        name: "e".to_owned(),
        role: Role::Admin,
        expires: Some(now),
    };
    store.add_token(&ended, &actor("tester")).unwrap();
    drop(store);
    let by =
        |name, value: &str| Request::get("/api/v1/session").header(name, value).body(Body::empty()).unwrap();
    assert_eq!(ward.ask(by(header::COOKIE, "lazaret=idle")).await.status(), 401);
    assert_eq!(ward.ask(by(header::AUTHORIZATION, "Bearer lzt_e")).await.status(), 401);
}

#[tokio::test]
async fn passwords_are_not_guessed() {
    let ward = Ward::new("guesses");
    let sign_in =
        || with_body(Request::post("/api/v1/session"), Some(json!({ "name": "x", "password": "guess" })));
    let mut refused = None;
    for tries in 1..=20 {
        let answer = ward.ask(sign_in()).await;
        if answer.status() == 429 {
            assert!(answer.headers().contains_key(header::RETRY_AFTER));
            refused = Some(tries);
            break;
        }
        assert_eq!(answer.status(), 401);
    }
    assert_eq!(refused, Some(11), "ten tries for one account");
}

#[tokio::test]
async fn a_token_is_never_more_than_its_user() {
    let ward = Ward::peopled("token");
    let secret = session_of(Role::Analyst);
    let make = |role: &str| {
        let request = Request::post("/api/v1/tokens").header(header::COOKIE, format!("lazaret={secret}"));
        let request = request.header(CSRF_HEADER, csrf(&secret));
        with_body(request, Some(json!({ "name": "export", "role": role })))
    };
    assert_eq!(ward.ask(make("admin")).await.status(), 403);
    let (status, made) = answer(ward.ask(make("analyst")).await).await;
    assert_eq!(status, 201);
    let bearer = format!("Bearer {}", made["secret"].as_str().unwrap());
    let overview = || {
        Request::get("/api/v1/session").header(header::AUTHORIZATION, &bearer).body(Body::empty()).unwrap()
    };
    assert_eq!(answer(ward.ask(overview()).await).await.1["role"], "analyst");
    let lower = UserChange { role: Some(Role::Viewer), ..UserChange::default() };
    ward.store().change_user(made["user"].as_i64().unwrap(), &lower, &actor("tester")).unwrap();
    assert_eq!(answer(ward.ask(overview()).await).await.1["role"], "viewer");
    let (_, own) = ward.by_token(Role::Viewer, Method::GET, "/api/v1/tokens", None).await;
    assert_eq!(own["tokens"].as_array().unwrap().len(), 1);
    let (_, all) = ward.by_token(Role::Admin, Method::GET, "/api/v1/tokens", None).await;
    assert_eq!(all["tokens"].as_array().unwrap().len(), 5);
    let path = format!("/api/v1/tokens/{}", made["id"]);
    assert_eq!(ward.by_token(Role::Viewer, Method::DELETE, &path, None).await.0, 404, "another's");
    assert_eq!(ward.by_token(Role::Admin, Method::DELETE, &path, None).await.0, 204);
    assert_eq!(ward.ask(overview()).await.status(), 401);
}

#[tokio::test]
async fn decisions_are_made_logged_and_taken_back() {
    let ward = Ward::peopled("decide");
    let decide = |body| ward.by_token(Role::Analyst, Method::POST, "/api/v1/findings/decide", Some(body));
    let both = ["f-0000000000000001", "f-0000000000000002"];
    for (wrong, why) in [
        (json!({ "findings": both, "decision": "false-positive" }), "note"),
        (json!({ "findings": both, "decision": "suppress", "note": "x" }), "until"),
        (
            json!({ "findings": both, "decision": "suppress", "note": "x", "until": "2020-01-01T00:00:00Z" }),
            "past",
        ),
        (json!({ "findings": both, "decision": "resolve", "until": "2030-01-01T00:00:00Z" }), "until"),
        (json!({ "findings": [], "decision": "resolve" }), "findings"),
        (json!({ "findings": ["7"], "decision": "resolve" }), "id"),
        (json!({ "findings": both, "decision": "resolve", "extra": 1 }), "extra"),
    ] {
        let (status, problem) = decide(wrong.clone()).await;
        assert_eq!(status, 400, "{wrong}");
        assert!(problem["detail"].as_str().unwrap().contains(why), "{wrong}: {problem}");
    }
    let missing = json!({ "findings": ["f-0000000000000009"], "decision": "acknowledge" });
    assert_eq!(decide(missing).await.0, 404);
    let note = "ticket 7 \u{1b}[31m";
    let (status, decided) =
        decide(json!({ "findings": both, "decision": "acknowledge", "note": note })).await;
    assert_eq!(status, 200);
    assert_eq!(decided["findings"][1]["state_by"], "analyst (token test)");
    assert!(!decided["findings"][1]["note"].as_str().unwrap().contains('\u{1b}'));
    let (_, open) = ward.by_token(Role::Viewer, Method::GET, "/api/v1/findings?state=new", None).await;
    assert_eq!((open["findings"].as_array().unwrap().len(), &open["tally"]["acknowledged"]), (0, &json!(2)));
    let undo = json!({ "undo": decided["undo"] });
    let (status, undone) =
        ward.by_token(Role::Analyst, Method::POST, "/api/v1/findings/undo", Some(undo.clone())).await;
    assert_eq!((status, &undone["findings"][0]["state"]), (StatusCode::OK, &json!("new")));
    let again = ward.by_token(Role::Analyst, Method::POST, "/api/v1/findings/undo", Some(undo)).await;
    assert_eq!(again.0, 409);
    let (_, card) =
        ward.by_token(Role::Viewer, Method::GET, "/api/v1/findings/f-0000000000000001", None).await;
    let history = card["history"].as_array().unwrap();
    let told: Vec<_> = history.iter().map(|entry| (&entry["action"], &entry["by"])).collect();
    let by = &json!("analyst (token test)");
    assert_eq!(told, [(&json!("acknowledge"), by), (&json!("undo"), by)]);
}

#[tokio::test]
async fn pages_follow_each_other() {
    let ward = Ward::peopled("pages");
    let (_, first) =
        ward.by_token(Role::Viewer, Method::GET, "/api/v1/findings?limit=1&sort=last&order=asc", None).await;
    assert_eq!(first["findings"][0]["id"], "f-0000000000000001");
    let next = first["next"].as_str().unwrap();
    let path = format!("/api/v1/findings?limit=1&sort=last&order=asc&after={next}");
    let (_, second) = ward.by_token(Role::Viewer, Method::GET, &path, None).await;
    assert_eq!((&second["findings"][0]["id"], &second["next"]), (&json!("f-0000000000000002"), &Value::Null));
    let (_, none) = ward.by_token(Role::Viewer, Method::GET, "/api/v1/findings?text=nothing", None).await;
    assert_eq!(none["findings"], json!([]));
    let (_, assets) =
        ward.by_token(Role::Viewer, Method::GET, "/api/v1/assets?text=10.0.0&medical=true", None).await;
    assert_eq!(assets["assets"][0]["open_findings"], 2);
    let (_, overview) = ward.by_token(Role::Viewer, Method::GET, "/api/v1/overview", None).await;
    assert_eq!((&overview["open"]["high"], &overview["assets"]["medical"]), (&json!(2), &json!(1)));
    for wrong in [
        "limit=0",
        "limit=501",
        "limit=x",
        "state=closed",
        "sort=size",
        "after=7",
        "colour=red",
        "severity=bad",
    ] {
        let (status, problem) =
            ward.by_token(Role::Viewer, Method::GET, &format!("/api/v1/findings?{wrong}"), None).await;
        assert_eq!(status, 400, "{wrong}: {problem}");
    }
}

#[tokio::test]
async fn every_answer_is_strict() {
    let ward = Ward::peopled("headers");
    for (method, path, status) in [
        ("GET", "/api/v1/nothing", 404),
        ("DELETE", "/api/v1/overview", 405),
        ("GET", "/api/v1/overview", 401),
        ("GET", "/devices/a-1", 404),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let answer = ward.ask(request).await;
        // A build with the console answers its own pages.
        let console = !path.starts_with("/api/") && answer.status() == 200;
        assert!(answer.status() == status || console, "{method} {path}: {}", answer.status());
        let headers = answer.headers();
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers.get(header::ALLOW).is_some(), status == 405, "{path}");
        assert!(!path.starts_with("/api/") || headers[header::CACHE_CONTROL] == "no-store");
    }
    let large = with_body(Request::post("/api/v1/session"), Some(json!({ "name": "x".repeat(1 << 21) })));
    assert_eq!(answer(ward.ask(large).await).await.0, 413);
    let text =
        Request::post("/api/v1/session").header(header::CONTENT_TYPE, "text/plain").body(Body::from("{}"));
    assert_eq!(answer(ward.ask(text.unwrap()).await).await.0, 415);
}

#[tokio::test]
async fn sensors_are_told_with_what_they_lost_and_could_not_see() {
    let ward = Ward::peopled("sensors");
    let (status, none) = ward.by_token(Role::Viewer, Method::GET, "/api/v1/sensors", None).await;
    assert_eq!((status, none), (StatusCode::OK, json!({ "sensors": [] })));
    let report = Report { blind_spots: vec!["The cable was out.".to_owned()], ..report() };
    let health = json!({ "standing": "up", "frames": 1243, "frames_lost": 2, "lag_seconds": 0.06, "evidence_frames": 1240 });
    let period = store::period("eth1", 7);
    let recording = store::Recording {
        sensor: "eth1",
        period: &period,
        report: &report,
        trends: &[],
        taken_back: &[],
        health: &health.to_string(),
        extent: store::Extent::All,
        version: "1",
    };
    let before = actor("watch eth1").at;
    let mut kept = store::Kept::default();
    ward.store().record(&mut kept, &recording, &actor("watch eth1")).unwrap();
    let (status, told) = ward.by_token(Role::Viewer, Method::GET, "/api/v1/sensors", None).await;
    let sensor = &told["sensors"][0];
    assert_eq!((status, told["sensors"].as_array().unwrap().len()), (StatusCode::OK, 1));
    for (key, wanted) in health.as_object().unwrap() {
        assert_eq!(&sensor[key], wanted, "{key}: {sensor:#}");
    }
    assert_eq!(
        (&sensor["name"], &sensor["ended"], &sensor["resident_bytes"]),
        (&json!("eth1"), &Value::Null, &Value::Null)
    );
    assert_eq!(sensor["blind_spots"], json!(["The cable was out."]));
    let silent = sensor["silent_seconds"].as_i64().unwrap();
    assert!((0..=(actor("x").at - before) / 1_000_000_000 + 1).contains(&silent), "{silent}");
    assert_eq!(sensor["period"], json!(period));
}

#[tokio::test]
async fn containment_is_told_of_hosts_and_gateways_and_of_what_breaks_it() {
    let ward = Ward::peopled("containment");
    let ask = || ward.by_token(Role::Viewer, Method::GET, "/api/v1/containment", None);
    let (status, none) = ask().await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        none["devices"].as_array().unwrap().iter().all(|device| device["standing"] == "not-contained"),
        "{none:#}"
    );
    assert_eq!(none["log_whole"], true);
    let named = |ip: &str| json!({ "policy": "ward", "policy_id": "ab", "devices": [ip] });
    let note = |action: &str, subject: &str, step: &str, more: Value| {
        let by = store::Actor { name: "R. Haldis".to_owned(), at: actor("x").at };
        ward.store().note(action, subject, &json!({ "step": step, "more": more }), &by).unwrap();
    };
    note("enforce-apply", "aa", "trial stands", named("10.99.0.7/32"));
    note("enforce-confirm", "aa", "final rules stand", json!({}));
    note("gateway-run", "eth1", "closed", named("10.99.0.8/32"));
    note("gateway-status", "eth1", "unchanged", named("10.99.0.8/32"));
    let (_, told) = ask().await;
    let of = |ip: &str| {
        let devices = told["devices"].as_array().unwrap();
        devices.iter().find(|one| one["addresses"] == json!([ip])).cloned().unwrap()
    };
    for (ip, proof) in
        [("10.99.0.7", Value::Null), ("10.99.0.8", json!("the rules were found unchanged (gateway status)"))]
    {
        let device = of(ip);
        assert_eq!(
            (&device["standing"], &device["words"], &device["seen"]),
            (&json!("contained"), &json!("contained"), &json!(false))
        );
        assert_eq!((&device["proof"]["what"], &device["since"]), (&proof, &device["policies"][0]["since"]));
        assert_eq!((&device["policies"][0]["by"], &device["broken_by"]), (&json!("R. Haldis"), &json!([])));
    }
    let some = |limit: &str| format!("/api/v1/containment?limit={limit}");
    let (_, first) = ward.by_token(Role::Viewer, Method::GET, &some("1"), None).await;
    let all = told["devices"].as_array().unwrap();
    assert_eq!((&first["devices"], &first["left_out"]), (&json!([all[0]]), &json!(all.len() - 1)));
    assert_eq!((&none["any_policy"], &first["any_policy"]), (&json!(false), &json!(true)));
    let (status, _) = ward.by_token(Role::Viewer, Method::GET, &some("0"), None).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    note("gateway-remove", "eth1", "open", json!({}));
    let (_, told) = ask().await;
    let ended = told["devices"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["addresses"] == json!(["10.99.0.8"]))
        .unwrap();
    assert_eq!((&ended["standing"], &ended["since"]), (&json!("ended"), &Value::Null));
}

#[tokio::test]
async fn a_device_is_judged_alike_whether_a_policy_names_few_or_many() {
    let many = (0..1_024).map(|at| format!("10.0.{}.{}/32", at / 256, at % 256)).collect();
    let ways: [(&str, Vec<String>); 3] = [
        ("few", vec!["10.0.0.7/32".to_owned()]),
        ("many", many),
        ("network", vec!["10.0.0.0/24".to_owned()]),
    ];
    for (way, devices) in ways {
        let ward = Ward::peopled(&format!("named-{way}"));
        // Before the findings, so that both break it.
        let by = store::Actor { name: "R. Haldis".to_owned(), at: 1_772_409_000_000_000_000 };
        let more = json!({ "policy": "ward", "devices": devices });
        for (action, step) in [("enforce-apply", "trial stands"), ("enforce-confirm", "final rules stand")] {
            ward.store().note(action, "aa", &json!({ "step": step, "more": more }), &by).unwrap();
        }
        let (_, told) = ward.by_token(Role::Viewer, Method::GET, "/api/v1/containment", None).await;
        let devices = told["devices"].as_array().unwrap();
        let device = devices.iter().find(|one| one["addresses"] == json!(["10.0.0.7"])).unwrap();
        assert_eq!(
            (&device["standing"], &device["seen"]),
            (&json!("broken"), &json!(true)),
            "{way}: {device:#}"
        );
        let against: BTreeSet<&str> =
            device["broken_by"].as_array().unwrap().iter().filter_map(|one| one["title"].as_str()).collect();
        assert_eq!(against, BTreeSet::from(["Matter 1", "Matter 2"]), "{way}: {device:#}");
    }
}

#[tokio::test]
async fn a_user_has_so_many_tokens_and_no_more() {
    let ward = Ward::peopled("tokens-max");
    let secret = session_of(Role::Viewer);
    let make = || {
        let request = Request::builder().method(Method::POST).uri("/api/v1/tokens");
        let request =
            request.header(header::COOKIE, format!("lazaret={secret}")).header(CSRF_HEADER, csrf(&secret));
        with_body(request, Some(json!({ "name": "one more", "role": "viewer" })))
    };
    // One is there.
    for _ in 1..store::TOKENS_MAX {
        assert_eq!(ward.ask(make()).await.status(), StatusCode::CREATED);
    }
    let (status, problem) = answer(ward.ask(make()).await).await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem:#}");
    assert!(problem["detail"].as_str().unwrap().contains("remove one"), "{problem:#}");
}
