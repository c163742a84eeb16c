//! `/api/v1/users`: who may sign in, and what they may.

use super::super::app::{Shared, read, write};
use super::super::asked::{Asked, Named, Sent, cut, limit};
use super::super::caller::{Admin, May};
use super::super::problem::Problem;
use super::super::secret::will_do;
use super::session::RoleName;
use crate::stored::{rfc3339, shown};
use axum::Json;
use axum::extract::State as At;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use store::{Access as _, Granting as _, NewUser, Proof, User, UserChange};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest name of an account, in characters. Our limit; a longer one is refused with 400.
const NAME_LETTERS_MAX: usize = 64;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(page, add)).routes(routes!(show, change, remove))
}

/// The name of an account as it is kept.
pub(super) fn account_name(sent: &str) -> Result<String, Problem> {
    let name = sent.trim();
    let letters = name.chars().count();
    if letters == 0 || letters > NAME_LETTERS_MAX || shown(name) != name {
        return Err(Problem::malformed(format!(
            "name: 1 to {NAME_LETTERS_MAX} printable characters, like `r.haldis`."
        )));
    }
    Ok(name.to_owned())
}

/// Somebody with an account.
#[derive(Debug, Serialize, ToSchema)]
struct UserRow {
    id: i64,
    name: String,
    role: RoleName,
    /// Whether there is a password; an identity provider vouches for those without.
    password: bool,
    /// The identity provider that vouches for this user.
    issuer: Option<String>,
    #[schema(format = DateTime)]
    created: String,
    created_by: String,
    /// Since when the account is shut, where it is.
    #[schema(format = DateTime)]
    disabled: Option<String>,
    /// When they last signed in.
    #[schema(format = DateTime)]
    seen: Option<String>,
}

impl From<User> for UserRow {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            name: user.name,
            role: user.role.into(),
            password: user.has_password,
            issuer: user.issuer,
            created: rfc3339(user.created),
            created_by: user.created_by,
            disabled: user.disabled.map(rfc3339),
            seen: user.seen.map(rfc3339),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    /// Those after this number: `next` of the page before.
    #[param(minimum = 0)]
    pub(super) after: Option<i64>,
    /// At most so many.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub(super) limit: Option<u32>,
}

/// A page of users.
#[derive(Debug, Serialize, ToSchema)]
struct UserPage {
    users: Vec<UserRow>,
    /// What the next page begins after; none where there is no more.
    next: Option<i64>,
}

/// A page of users.
#[utoipa::path(
    get, path = "/api/v1/users", operation_id = "listUsers", tag = "users", params(Query),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("admin"))),
    responses((status = 200, description = "The page.", body = UserPage)),
)]
async fn page(_: May<Admin>, At(app): At<Shared>, Asked(asked): Asked<Query>) -> Result<Json<UserPage>, Problem> {
    let (after, limit) = (asked.after.unwrap_or_default(), limit(asked.limit)?);
    let mut users = read(&app, move |store| store.users(after, limit + 1)).await?;
    let next = cut(&mut users, limit, |user| user.id);
    Ok(Json(UserPage { users: users.into_iter().map(UserRow::from).collect(), next }))
}

/// A new user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserSent {
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    role: RoleName,
    #[schema(min_length = 12, max_length = 256, format = Password)]
    password: String,
}

/// Makes a user, who signs in with name and password.
#[utoipa::path(
    post, path = "/api/v1/users", operation_id = "addUser", tag = "users", request_body = UserSent,
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("admin"))),
    responses((status = 201, description = "Made.", body = UserRow)),
)]
async fn add(
    May(caller, _): May<Admin>,
    At(app): At<Shared>,
    Sent(sent): Sent<UserSent>,
) -> Result<(StatusCode, Json<UserRow>), Problem> {
    let name = account_name(&sent.name)?;
    will_do(&sent.password, &name)?;
    let proof = Proof::Password(app.passwords.hash(sent.password).await?);
    let (new, who) = (NewUser { name, role: sent.role.into(), proof }, caller.actor());
    let user = write(&app, move |store| store.add_user(&new, &who)).await?;
    Ok((StatusCode::CREATED, Json(user.into())))
}

/// One user.
#[utoipa::path(
    get, path = "/api/v1/users/{id}", operation_id = "showUser", tag = "users",
    params(("id" = i64, Path, description = "Number.", minimum = 1)),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("admin"))),
    responses((status = 200, description = "The user.", body = UserRow)),
)]
async fn show(_: May<Admin>, At(app): At<Shared>, Named(id): Named<i64>) -> Result<Json<UserRow>, Problem> {
    Ok(Json(read(&app, move |store| store.user(id)).await?.into()))
}

/// What of a user changes; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserChangeSent {
    role: Option<RoleName>,
    /// Whether the account is shut.
    disabled: Option<bool>,
    /// A new password, for one who forgot theirs.
    #[schema(min_length = 12, max_length = 256, format = Password)]
    password: Option<String>,
}

/// Changes a user; its sessions end.
#[utoipa::path(
    patch, path = "/api/v1/users/{id}", operation_id = "changeUser", tag = "users", request_body = UserChangeSent,
    params(("id" = i64, Path, description = "Number.", minimum = 1)),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("admin"))),
    responses((status = 200, description = "The user now.", body = UserRow)),
)]
async fn change(
    May(caller, _): May<Admin>,
    At(app): At<Shared>,
    Named(id): Named<i64>,
    Sent(sent): Sent<UserChangeSent>,
) -> Result<Json<UserRow>, Problem> {
    let before = read(&app, move |store| store.user(id)).await?;
    let password = match sent.password {
        Some(_) if !before.has_password => {
            return Err(Problem::conflict("An identity provider vouches for this user; there is no password here."));
        }
        Some(password) => {
            will_do(&password, &before.name)?;
            Some(app.passwords.hash(password).await?)
        }
        None => None,
    };
    let change = UserChange { role: sent.role.map(Into::into), disabled: sent.disabled, password };
    let who = caller.actor();
    Ok(Json(write(&app, move |store| store.change_user(id, &change, &who)).await?.into()))
}

/// Removes a user with its sessions and tokens; what it did stays in the audit log.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}", operation_id = "removeUser", tag = "users",
    params(("id" = i64, Path, description = "Number.", minimum = 1)),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("admin"))),
    responses((status = 204, description = "Removed.")),
)]
async fn remove(May(caller, _): May<Admin>, At(app): At<Shared>, Named(id): Named<i64>) -> Result<StatusCode, Problem> {
    let who = caller.actor();
    write(&app, move |store| store.remove_user(id, &who)).await?;
    Ok(StatusCode::NO_CONTENT)
}
