//! `/api/v1/session`: signing in and out, one's own password.

use super::super::app::{Shared, actor, moment, read, write};
use super::super::asked::{Sent, TEXT_BYTES_MAX};
use super::super::caller::{Address, Caller, May, Means, Viewer, cookie_name, same_site};
use super::super::problem::Problem;
use super::super::secret::{PASSWORD_BYTES_MAX, csrf, fresh, kept, will_do};
use crate::stored::{now, rfc3339};
use axum::Json;
use axum::extract::State as At;
use axum::http::{HeaderValue, StatusCode, header, request::Parts};
use axum::response::{AppendHeaders, IntoResponse};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use store::{Access as _, Granting as _, Role, User, UserChange};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show, sign_in, sign_out)).routes(routes!(change_password))
}

/// Role of a user or token.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RoleName {
    Viewer,
    Clinical,
    Analyst,
    Admin,
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Clinical => Self::Clinical,
            Role::Analyst => Self::Analyst,
            Role::Admin => Self::Admin,
        }
    }
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Viewer => Self::Viewer,
            RoleName::Clinical => Self::Clinical,
            RoleName::Analyst => Self::Analyst,
            RoleName::Admin => Self::Admin,
        }
    }
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionRow {
    /// Number of the user.
    user: i64,
    name: String,
    /// What they may.
    role: RoleName,
    /// Whether there is a password; an identity provider vouches for those without.
    password: bool,
    /// To be sent as `X-CSRF-Token` with every change; none for a token's caller, who needs none.
    csrf: Option<String>,
    /// When the session ends at the latest; none for a token's caller.
    #[schema(format = DateTime)]
    expires: Option<String>,
}

impl SessionRow {
    fn of(caller: &Caller) -> Self {
        let (csrf, expires) = match &caller.means {
            Means::Session { secret, session } => (Some(csrf(secret)), Some(rfc3339(session.expires))),
            Means::Token { .. } => (None, None),
        };
        Self {
            user: caller.user.id,
            name: caller.user.name.clone(),
            role: caller.role.into(),
            password: caller.user.has_password,
            csrf,
            expires,
        }
    }
}

/// The answer to signing in: who, and the cookie.
pub(super) type SignedIn = (AppendHeaders<[(header::HeaderName, HeaderValue); 1]>, Json<SessionRow>);

/// A session that was opened.
pub(super) struct Begun {
    secret: String,
    expires: i64,
}

impl Begun {
    /// What the browser keeps of it.
    pub(super) fn cookie(&self, app: &Shared) -> Result<HeaderValue, Problem> {
        cookie(app, &self.secret, app.terms.absolute.as_secs())
    }
}

/// Opens a session for a user who has proved who they are.
pub(super) async fn begin(app: &Shared, user: &User, from: IpAddr) -> Result<Begun, Problem> {
    let (secret, who, now) = (fresh()?, actor(&user.name), now());
    let absolute = i64::try_from(app.terms.absolute.as_nanos()).unwrap_or(i64::MAX);
    let (expires, hash, id) = (now.saturating_add(absolute), kept(&secret), user.id);
    write(app, move |store| store.open_session(&hash, id, expires, &from.to_string(), &who)).await?;
    Ok(Begun { secret, expires })
}

/// The same, with the answer that says who signed in.
pub(super) async fn open(app: &Shared, user: User, from: IpAddr) -> Result<SignedIn, Problem> {
    let begun = begin(app, &user, from).await?;
    let row = SessionRow {
        user: user.id,
        name: user.name,
        role: user.role.into(),
        password: user.has_password,
        csrf: Some(csrf(&begun.secret)),
        expires: Some(rfc3339(begun.expires)),
    };
    Ok((AppendHeaders([(header::SET_COOKIE, begun.cookie(app)?)]), Json(row)))
}

fn cookie(app: &Shared, secret: &str, seconds: u64) -> Result<HeaderValue, Problem> {
    let (name, secure) = (cookie_name(app.terms.tls), if app.terms.tls { " Secure;" } else { "" });
    let text = format!("{name}={secret}; Path=/; Max-Age={seconds};{secure} HttpOnly; SameSite=Strict");
    HeaderValue::from_str(&text).map_err(|cause| Problem::fault(&cause))
}

/// Who asks, and what they may.
#[utoipa::path(
    get, path = "/api/v1/session", operation_id = "showSession", tag = "session",
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "Who asks.", body = SessionRow)),
)]
async fn show(May(caller, _): May<Viewer>) -> Json<SessionRow> {
    Json(SessionRow::of(&caller))
}

/// Name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    #[schema(min_length = 1, max_length = 256, format = Password)]
    password: String,
}

/// Signs in with name and password; the answer sets the session's cookie.
#[utoipa::path(
    post, path = "/api/v1/session", operation_id = "signIn", tag = "session", request_body = Credentials,
    extensions(("x-least-role" = json!(null))),
    responses(
        (status = 200, description = "Signed in.", body = SessionRow),
        (status = 401, description = "Name or password is wrong, or the account is shut.", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn sign_in(
    At(app): At<Shared>,
    Address(address): Address,
    parts: Parts,
    Sent(sent): Sent<Credentials>,
) -> Result<SignedIn, Problem> {
    same_site(&parts)?;
    if sent.name.len() > TEXT_BYTES_MAX || sent.password.len() > PASSWORD_BYTES_MAX {
        return Err(Problem::malformed("name or password: too long."));
    }
    let (name, password) = (sent.name.trim().to_owned(), sent.password);
    let user = prove(&app, &name, password, address).await?;
    open(&app, user, address).await
}

/// The user of that name and password. How often it may be tried is limited, by account and by address.
async fn prove(app: &Shared, name: &str, password: String, address: IpAddr) -> Result<User, Problem> {
    let (account, now) = (name.to_lowercase(), moment());
    app.address_tries.take(&address, now).map_err(Problem::too_often)?;
    app.account_tries.take(&account, now).map_err(Problem::too_often)?;
    let asked = name.to_owned();
    let known = read(app, move |store| store.credential(&asked)).await?;
    let (user, hash) = known.map_or((None, None), |(user, hash)| (Some(user), hash));
    let right = app.passwords.is(password, hash).await?;
    match user {
        Some(user) if right && user.disabled.is_none() => {
            app.address_tries.give_back(&address);
            app.account_tries.give_back(&account);
            Ok(user)
        }
        user => {
            if let Some(user) = user {
                let who = actor("lazaret");
                write(app, move |store| store.note_refusal(&user, &address.to_string(), &who)).await?;
            }
            Err(Problem::unauthenticated("Name or password is wrong, or the account is shut."))
        }
    }
}

/// Signs out: the session ends.
#[utoipa::path(
    delete, path = "/api/v1/session", operation_id = "signOut", tag = "session",
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 204, description = "Signed out.")),
)]
async fn sign_out(May(caller, _): May<Viewer>, At(app): At<Shared>) -> Result<impl IntoResponse, Problem> {
    let who = caller.actor();
    let Means::Session { secret, .. } = caller.means else {
        return Err(Problem::conflict("A token has no session; an admin or its user removes it (DELETE /api/v1/tokens)."));
    };
    write(&app, move |store| store.end_session(&kept(&secret), &who)).await?;
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, cookie(&app, "", 0)?)])))
}

/// One's own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    #[schema(min_length = 1, max_length = 256, format = Password)]
    current: String,
    #[schema(min_length = 12, max_length = 256, format = Password)]
    new: String,
}

/// Changes one's own password; all other sessions of the user end.
#[utoipa::path(
    put, path = "/api/v1/session/password", operation_id = "changePassword", tag = "session",
    request_body = PasswordChange,
    security(("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "Changed; a new session.", body = SessionRow)),
)]
async fn change_password(
    May(caller, _): May<Viewer>,
    At(app): At<Shared>,
    Sent(sent): Sent<PasswordChange>,
) -> Result<SignedIn, Problem> {
    if matches!(caller.means, Means::Token { .. }) {
        return Err(Problem::forbidden("A token cannot change its user's password; sign in."));
    }
    if !caller.user.has_password {
        return Err(Problem::conflict("An identity provider vouches for this user; change the password there."));
    }
    will_do(&sent.new, &caller.user.name)?;
    let who = caller.actor();
    let user = prove(&app, &caller.user.name, sent.current, caller.address).await?;
    let password = Some(app.passwords.hash(sent.new).await?);
    let (id, change) = (user.id, UserChange { password, ..UserChange::default() });
    let user = write(&app, move |store| store.change_user(id, &change, &who)).await?;
    open(&app, user, caller.address).await
}
