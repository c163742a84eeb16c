//! `/api/v1/vault`: who a patient is, for the clinical role, where the site turned the vault on.
//!
//! A look is a POST: nothing fetches it in advance or keeps it, and no address or log line holds whose it was. It is in the audit log
//! before it is answered. One patient a look, some a minute: a ward at the change of shift can, a register of patients cannot be drawn
//! off unseen. No other answer of the API has a name.

use super::super::app::{Shared, moment, read, write};
use super::super::asked::{Sent, note};
use super::super::caller::{Clinical, Just, May};
use super::super::problem::Problem;
use crate::stored::rfc3339;
use axum::Json;
use axum::extract::State as At;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{Guarding as _, Identity, Look, read_pseudonym};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(standing)).routes(routes!(look))
}

/// How it stands with the vault.
#[derive(Debug, Serialize, ToSchema)]
struct VaultRow {
    /// `off`: the store has none. `locked`: it has one, and this server was started without its passphrase. `open`: looks are
    /// answered.
    state: &'static str,
    /// Whether who asks may look.
    may_look: bool,
}

/// How it stands with the vault of patients' names.
#[utoipa::path(
    get, path = "/api/v1/vault", operation_id = "showVault", tag = "vault",
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("clinical"))),
    responses((status = 200, description = "How it stands.", body = VaultRow)),
)]
async fn standing(May(caller, _): May<Clinical>, At(app): At<Shared>) -> Result<Json<VaultRow>, Problem> {
    let state = match (read(&app, store::Guarded::vault).await?, app.vault.get()) {
        (None, _) => "off",
        (Some(_), None) => "locked",
        (Some(_), Some(_)) => "open",
    };
    Ok(Json(VaultRow { state, may_look: state == "open" && caller.is_just(store::Role::Clinical) }))
}

/// Whose name is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LookSent {
    /// Keyed hash of the patient, as beds show it.
    #[schema(pattern = "^p:[0-9a-f]{16}$")]
    patient: String,
    /// Why, for the audit log. Do not name the patient.
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// Who a patient is, as devices said it.
#[derive(Serialize, ToSchema)]
struct PatientRow {
    /// The keyed hash that was asked for.
    patient: String,
    /// None where no device sent one.
    name: Option<String>,
    /// None where no device sent one.
    number: Option<String>,
    /// The bed that named the patient last, as its monitor numbers it.
    bed: Option<u16>,
    /// First named, in capture time.
    #[schema(format = DateTime)]
    first: String,
    /// Last named, in capture time.
    #[schema(format = DateTime)]
    last: String,
}

impl PatientRow {
    fn of(patient: String, identity: &Identity) -> Self {
        let told = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let (first, last) = identity.seen();
        Self {
            patient,
            name: told(identity.name()),
            number: told(identity.number()),
            bed: identity.bed(),
            first: rfc3339(first),
            last: rfc3339(last),
        }
    }
}

/// Tells who a patient is. The look is in the audit log, with who looked and why, before it is answered; also where nobody is known by
/// that hash.
#[utoipa::path(
    post, path = "/api/v1/vault/looks", operation_id = "lookIntoVault", tag = "vault", request_body = LookSent,
    security(("token" = []), ("session" = [])),
    extensions(("x-least-role" = json!("clinical")), ("x-only-role" = json!("clinical"))),
    responses(
        (status = 200, description = "Who it is.", body = PatientRow),
        (status = 404, description = "Nobody is known by that hash.", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn look(
    Just(caller, _): Just<Clinical>,
    At(app): At<Shared>,
    Sent(sent): Sent<LookSent>,
) -> Result<Json<PatientRow>, Problem> {
    let patient = read_pseudonym(&sent.patient).map_err(|why| Problem::malformed(format!("patient: {why}.")))?;
    let reason = note("reason", sent.reason)?;
    let Some(vault) = app.vault.get().map(Arc::clone) else {
        return Err(Problem::conflict("The vault is off, or this server was started without --vault."));
    };
    app.looks.take(&caller.user.id, moment()).map_err(Problem::too_often)?;
    let who = caller.actor();
    let asked = move |store: &mut store::Writer| {
        let look = Look { patient, way: "console and API", reason: reason.as_deref() };
        store.look(vault.vault(), &look, &who)
    };
    let told = write(&app, asked).await?;
    let identity = told.ok_or_else(|| Problem::unknown(format!("Nobody is known by {patient}.")))?;
    Ok(Json(PatientRow::of(patient.to_string(), &identity)))
}
