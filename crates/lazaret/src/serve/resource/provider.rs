//! `/api/v1/session/provider`: signing in by the word of an identity provider. Browsers walk these; programs use tokens.
//!
//! Whatever comes of it, the browser ends at the console: signed in, or at its door with `?refused=` and why, for which the console has
//! words. What was refused is in the audit log.

use super::super::app::{Shared, actor, moment, read, write};
use super::super::asked::Asked;
use super::super::caller::{Address, door_cookie, door_cookie_name};
use super::super::problem::Problem;
use super::super::provider::{AWAY_S, Brought, Person, Provider, Refusal};
use super::session::begin;
use axum::extract::State as At;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Deserialize;
use std::net::IpAddr;
use store::{Access as _, Admission, Unvouched, User, Vouched, Vouching as _};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(leave)).routes(routes!(arrive))
}

/// Longest part of a query that is looked at, in bytes. Our limit; a longer one is refused with 400.
const PART_BYTES_MAX: usize = 8_192;

fn provider(app: &Shared) -> Result<&Provider, Problem> {
    app.provider.get().ok_or_else(|| {
        Problem::unknown("No identity provider is set; sign in with name and password, or start `serve` with --oidc.")
    })
}

/// Sends the browser to the identity provider.
#[utoipa::path(
    get, path = "/api/v1/session/provider", operation_id = "leaveForProvider", tag = "session",
    extensions(("x-least-role" = json!(null))),
    responses(
        (status = 303, description = "To the provider, or to the console's door with `refused`."),
        (status = 404, description = "No identity provider is set.", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn leave(At(app): At<Shared>, Address(address): Address) -> Result<Response, Problem> {
    let provider = provider(&app)?;
    app.requests.take(&address, moment()).map_err(Problem::too_often)?;
    match provider.leave().await {
        Ok(leave) => {
            let cookie = door(&app, &leave.cookie, AWAY_S)?;
            Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), to(&leave.to)?).into_response())
        }
        Err(refusal) => refused(&app, provider, &refusal, None, address).await,
    }
}

/// What the provider sends along with the browser (OpenID Connect Core, sections 3.1.2.5 and 3.1.2.6).
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Query {
    /// To be given for tokens.
    code: Option<String>,
    /// What the browser left with.
    state: Option<String>,
    /// Whose answer it is (RFC 9207).
    iss: Option<String>,
    /// Why the provider refused, where it did.
    error: Option<String>,
}

/// Takes the browser back from the identity provider: opens a session, or says at the door why not.
#[utoipa::path(
    get, path = "/api/v1/session/provider/back", operation_id = "comeFromProvider", tag = "session", params(Query),
    extensions(("x-least-role" = json!(null))),
    responses(
        (status = 303, description = "To the console, signed in, or to its door with `refused`."),
        (status = 404, description = "No identity provider is set.", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn arrive(
    At(app): At<Shared>,
    Address(address): Address,
    headers: HeaderMap,
    Asked(asked): Asked<Query>,
) -> Result<Response, Problem> {
    let provider = provider(&app)?;
    let parts = [&asked.code, &asked.state, &asked.iss, &asked.error];
    if parts.into_iter().flatten().any(|part| part.len() > PART_BYTES_MAX) {
        return Err(Problem::malformed(format!("a part of the query is longer than {PART_BYTES_MAX} bytes.")));
    }
    app.address_tries.take(&address, moment()).map_err(Problem::too_often)?;
    let brought = Brought { code: asked.code, state: asked.state, issuer: asked.iss, error: asked.error };
    let person = match provider.back(door_cookie(&headers, app.terms.tls), brought).await {
        Ok(person) => person,
        Err(refusal) => return refused(&app, provider, &refusal, None, address).await,
    };
    match admit(&app, provider, &person).await {
        Ok(user) => {
            app.address_tries.give_back(&address);
            let session = begin(&app, &user, address).await?;
            let cookies = [(header::SET_COOKIE, session.cookie(&app)?), (header::SET_COOKIE, door(&app, "", 0)?)];
            Ok((AppendHeaders(cookies), to("/")?).into_response())
        }
        Err(refusal) => refused(&app, provider, &refusal, Some(&person), address).await,
    }
}

/// The user of somebody for whom the provider vouches, with the role that its word gives now.
async fn admit(app: &Shared, provider: &Provider, person: &Person) -> Result<User, Refusal> {
    let role = person.role.ok_or(Refusal::NoRole)?;
    let (issuer, subject) = (provider.issuer().to_owned(), person.subject.clone());
    let (asked_issuer, asked_subject) = (issuer.clone(), subject.clone());
    let known = read(app, move |store| store.provided(&asked_issuer, &asked_subject)).await?;
    // The usual case writes nothing but the session.
    if let Some(user) = known.filter(|user| user.role == role && user.disabled.is_none()) {
        return Ok(user);
    }
    let who = Vouched { names: person.names.clone(), issuer, subject, role };
    let by = actor(&format!("provider {}", provider.issuer()));
    match write(app, move |store| store.admit(&who, &by)).await? {
        Admission::In(user) => Ok(user),
        Admission::Shut(_) => Err(Refusal::Shut),
        Admission::NoUserYet => Err(Refusal::NoAdmin),
        Admission::NameTaken => Err(Refusal::NameTaken),
    }
}

/// Notes why, and sends the browser to the door with it.
async fn refused(
    app: &Shared,
    provider: &Provider,
    refusal: &Refusal,
    person: Option<&Person>,
    address: IpAddr,
) -> Result<Response, Problem> {
    let code = refusal.code();
    if let Some(unnoted) = provider.noting() {
        let why = refusal.to_string();
        if matches!(refusal, Refusal::Down(_) | Refusal::Code(_)) {
            // For whoever can mend it.
            eprintln!("lazaret: sign-in by {}: {why}", provider.name());
        }
        let issuer = provider.issuer().to_owned();
        let subject = person.map(|person| person.subject.clone());
        let name = person.and_then(|person| person.names.first().cloned());
        let ends_sessions = matches!(refusal, Refusal::NoRole);
        let note = move |store: &mut store::Writer| {
            let note = Unvouched {
                issuer: &issuer,
                subject: subject.as_deref(),
                name: name.as_deref(),
                address: &address.to_string(),
                code,
                why: &why,
                unnoted,
                ends_sessions,
            };
            store.note_unvouched(&note, &actor("lazaret"))
        };
        write(app, note).await?;
    }
    let cookies = [(header::SET_COOKIE, door(app, "", 0)?)];
    Ok((AppendHeaders(cookies), to(&format!("/?refused={code}"))?).into_response())
}

fn to(place: &str) -> Result<(StatusCode, [(header::HeaderName, HeaderValue); 1]), Problem> {
    let place = HeaderValue::from_str(place).map_err(|cause| Problem::fault(&cause))?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, place)]))
}

/// The cookie of a browser that is away. `Lax`: it must come along when the provider sends the browser back.
fn door(app: &Shared, value: &str, seconds: u64) -> Result<HeaderValue, Problem> {
    let (name, secure) = (door_cookie_name(app.terms.tls), if app.terms.tls { " Secure;" } else { "" });
    let text = format!("{name}={value}; Path=/; Max-Age={seconds};{secure} HttpOnly; SameSite=Lax");
    HeaderValue::from_str(&text).map_err(|cause| Problem::fault(&cause))
}
