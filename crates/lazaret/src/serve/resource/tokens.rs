//! `/api/v1/tokens`: keys for programs. Everybody sees and removes their own; admins see and remove all.

use super::super::app::{Shared, read, write};
use super::super::asked::{Asked, Named, Sent, cut, limit, moment};
use super::super::caller::{May, Means, Viewer};
use super::super::problem::Problem;
use super::super::secret::{API_TOKEN_PREFIX, fresh, kept};
use super::session::RoleName;
use super::users::{Query, account_name};
use crate::stored::{now, rfc3339};
use axum::Json;
use axum::extract::State as At;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use store::{Access as _, Granting as _, NewToken, Role, Token};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(page, add)).routes(routes!(remove))
}

/// A key for programs; its secret is shown once, when it is made.
#[derive(Debug, Serialize, ToSchema)]
struct TokenRow {
    id: i64,
    /// What it is for.
    name: String,
    /// What it may; never more than its user.
    role: RoleName,
    /// Number of its user.
    user: i64,
    user_name: String,
    #[schema(format = DateTime)]
    created: String,
    /// When it ends, where it does.
    #[schema(format = DateTime)]
    expires: Option<String>,
    /// When it was last used, to about a minute.
    #[schema(format = DateTime)]
    used: Option<String>,
}

impl From<Token> for TokenRow {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            name: token.name,
            role: token.role.into(),
            user: token.user.id,
            user_name: token.user.name,
            created: rfc3339(token.created),
            expires: token.expires.map(rfc3339),
            used: token.used.map(rfc3339),
        }
    }
}

/// A page of tokens.
#[derive(Debug, Serialize, ToSchema)]
struct TokenPage {
    tokens: Vec<TokenRow>,
    /// What the next page begins after; none where there is no more.
    next: Option<i64>,
}

/// A page of tokens: one's own, or all for an admin.
#[utoipa::path(
    get, path = "/api/v1/tokens", operation_id = "listTokens", tag = "tokens", params(Query),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "The page.", body = TokenPage)),
)]
async fn page(
    May(caller, _): May<Viewer>,
    At(app): At<Shared>,
    Asked(asked): Asked<Query>,
) -> Result<Json<TokenPage>, Problem> {
    let (after, limit) = (asked.after.unwrap_or_default(), limit(asked.limit)?);
    let of = (!caller.may(Role::Admin)).then_some(caller.user.id);
    let mut tokens = read(&app, move |store| store.tokens(of, after, limit + 1)).await?;
    let next = cut(&mut tokens, limit, |token| token.id);
    Ok(Json(TokenPage { tokens: tokens.into_iter().map(TokenRow::from).collect(), next }))
}

/// A new token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenSent {
    /// What it is for.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// What it may; never more than one may oneself.
    role: RoleName,
    /// When it ends (RFC 3339); never, where it is left out.
    #[schema(format = DateTime)]
    expires: Option<String>,
}

/// A token with its secret.
#[derive(Debug, Serialize, ToSchema)]
struct TokenMade {
    #[serde(flatten)]
    token: TokenRow,
    /// To be sent as `Authorization: Bearer lzt_…`. Shown only now.
    secret: String,
}

/// Makes a token for oneself. Only a session can, so that a token that leaked makes no more of them.
#[utoipa::path(
    post, path = "/api/v1/tokens", operation_id = "addToken", tag = "tokens", request_body = TokenSent,
    security(("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 201, description = "Made.", body = TokenMade)),
)]
async fn add(
    May(caller, _): May<Viewer>,
    At(app): At<Shared>,
    Sent(sent): Sent<TokenSent>,
) -> Result<(StatusCode, Json<TokenMade>), Problem> {
    if matches!(caller.means, Means::Token { .. }) {
        return Err(Problem::forbidden("A token cannot make tokens; sign in."));
    }
    let role: Role = sent.role.into();
    if !caller.may(role) {
        return Err(Problem::forbidden(format!("The token cannot have the role {role}: yours is {}.", caller.role)));
    }
    let expires = sent.expires.as_deref().map(|expires| moment("expires", expires)).transpose()?;
    if expires.is_some_and(|expires| expires <= now()) {
        return Err(Problem::malformed("expires: this moment is past."));
    }
    let secret = format!("{API_TOKEN_PREFIX}{}", fresh()?);
    let new =
        NewToken { hash: kept(&secret), user: caller.user.id, name: account_name(&sent.name)?, role, expires };
    let who = caller.actor();
    let token = write(&app, move |store| store.add_token(&new, &who)).await?;
    Ok((StatusCode::CREATED, Json(TokenMade { token: token.into(), secret })))
}

/// Removes a token: one's own, or any for an admin.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", operation_id = "removeToken", tag = "tokens",
    params(("id" = i64, Path, description = "Number.", minimum = 1)),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 204, description = "Removed.")),
)]
async fn remove(
    May(caller, _): May<Viewer>,
    At(app): At<Shared>,
    Named(id): Named<i64>,
) -> Result<StatusCode, Problem> {
    let of = (!caller.may(Role::Admin)).then_some(caller.user.id);
    let who = caller.actor();
    write(&app, move |store| store.remove_token(id, of, &who)).await?;
    Ok(StatusCode::NO_CONTENT)
}
