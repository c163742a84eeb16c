//! `/api/v1/setup`: the first admin, by the one-time link that the server prints while there is no user.

use super::super::app::{Shared, actor, moment, write};
use super::super::asked::Sent;
use super::super::caller::{Address, same_site};
use super::super::problem::Problem;
use super::super::secret::{kept, will_do};
use super::session::{SessionRow, SignedIn, open};
use super::users::account_name;
use axum::Json;
use axum::extract::State as At;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use std::sync::PoisonError;
use store::{Granting as _, NewUser, Proof, Role};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(ways, first))
}

/// How one can get in.
#[derive(Debug, Serialize, ToSchema)]
struct Entrances {
    /// Whether there is no user yet: open the link that the server printed when it started.
    first: bool,
    /// What people call the identity provider that they can sign in by (`GET /api/v1/session/provider`), where one is set.
    provider: Option<String>,
}

/// How one can get in: for the page on which people sign in.
#[utoipa::path(
    get, path = "/api/v1/setup", operation_id = "showEntrances", tag = "session",
    extensions(("x-least-role" = json!(null))),
    responses((status = 200, description = "How.", body = Entrances)),
)]
async fn ways(At(app): At<Shared>) -> Json<Entrances> {
    let provider = app.provider.get().map(|provider| provider.name().to_owned());
    Json(Entrances { first: app.first().is_some(), provider })
}

/// The first admin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FirstAdmin {
    /// What stands after `#` in the link.
    #[schema(min_length = 1, max_length = 200)]
    secret: String,
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    #[schema(min_length = 12, max_length = 256, format = Password)]
    password: String,
}

/// Makes the first admin and signs in; once, with the secret of the link.
#[utoipa::path(
    post, path = "/api/v1/setup", operation_id = "makeFirstAdmin", tag = "session", request_body = FirstAdmin,
    extensions(("x-least-role" = json!(null))),
    responses((status = 200, description = "Made, and signed in.", body = SessionRow)),
)]
async fn first(
    At(app): At<Shared>,
    Address(address): Address,
    parts: Parts,
    Sent(sent): Sent<FirstAdmin>,
) -> Result<SignedIn, Problem> {
    same_site(&parts)?;
    app.address_tries.take(&address, moment()).map_err(Problem::too_often)?;
    if app.first() != Some(kept(&sent.secret)) {
        return Err(Problem::forbidden(
            "This link is not the one of the running server, or was used. The server prints a new one when it starts without \
             users.",
        ));
    }
    let name = account_name(&sent.name)?;
    will_do(&sent.password, &name)?;
    let who = actor(&name);
    let proof = Proof::Password(app.passwords.hash(sent.password).await?);
    let new = NewUser { name, role: Role::Admin, proof };
    let user = write(&app, move |store| store.add_first_user(&new, &who)).await?;
    *app.first.lock().unwrap_or_else(PoisonError::into_inner) = None;
    open(&app, user, address).await
}
