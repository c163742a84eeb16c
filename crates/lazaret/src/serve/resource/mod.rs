//! The resources of the API: one file each, one line each here.

use super::app::Shared;
use super::problem::{MEDIA_TYPE, Problem};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi as _, PartialSchema as _, ToSchema as _};
use utoipa_axum::router::OpenApiRouter;

pub(super) use document::Written;

macro_rules! resources {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        /// Every resource, with the document that describes them.
        pub(super) fn all() -> OpenApiRouter<Shared> {
            let router = OpenApiRouter::with_openapi(Document::openapi());
            $(let router = router.merge($name::routes());)*
            router
        }
    };
}

resources! {
    assets,
    audit,
    beds,
    captures,
    containment,
    conversations,
    document,
    events,
    findings,
    frames,
    live,
    map,
    metrics,
    outputs,
    overview,
    provider,
    reports,
    sensors,
    session,
    settings,
    setup,
    site,
    tokens,
    users,
    vault,
}

/// What the document says besides its paths.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Lazaret",
        description = "What Lazaret knows of a site: devices, findings, vital signs, the audit log.\n\nEvery error is a \
            problem (RFC 9457). Lists come in pages: `next` of one is `after` of the next; none means that there is no more. \
            Times of what was seen are times of capture; times of what people did are the server's clock. A browser signs in \
            with `POST /api/v1/session` and sends `csrf` of its answer as `X-CSRF-Token` with every change; a program sends \
            an API token. `x-least-role` of an operation is the least role that may use it: viewer, clinical, analyst, admin, \
            each with all that those before it may; with `x-only-role` no other may, and a token does only where its \
            user has that role."
    ),
    modifiers(&Ways)
)]
struct Document;

/// How callers are known.
struct Ways;

impl Modify for Ways {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("lzt_…").build();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let cookie = ApiKey::Cookie(ApiKeyValue::new(super::caller::cookie_name(true)));
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
        components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    }
}

/// Says of every operation what is the same for all: which problems it can answer with.
pub(super) fn complete(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        let (get, post, put) = (&mut item.get, &mut item.post, &mut item.put);
        for operation in [get].into_iter().flatten() {
            add_problems(operation, &["400", "429", "500", "503"]);
        }
        for operation in [post, put, &mut item.patch, &mut item.delete].into_iter().flatten() {
            add_problems(operation, &["400", "403", "409", "413", "415", "429", "500", "503", "507"]);
        }
    }
}

fn add_problems(operation: &mut Operation, statuses: &[&'static str]) {
    let mut statuses = statuses.to_vec();
    if operation.security.is_some() {
        statuses.extend(["401", "403"]);
    }
    if operation.parameters.iter().flatten().next().is_some() {
        statuses.push("404");
    }
    for status in statuses {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
        let response =
            ResponseBuilder::new().description(meaning(status)).content(MEDIA_TYPE, content).build();
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| response.into());
    }
}

fn meaning(status: &str) -> &'static str {
    match status {
        "400" => "What was sent does not have its form.",
        "401" => "Nobody known asks.",
        "403" => "Who asks may not.",
        "404" => "There is no such thing.",
        "409" => "It cannot be done as things are.",
        "413" => "Too much was sent.",
        "415" => "Not JSON.",
        "429" => "Too often; `Retry-After` says when to try again.",
        "503" => "Not just now; `Retry-After` says when to try again.",
        "507" => "The disk is full.",
        _ => "A fault of the server.",
    }
}
