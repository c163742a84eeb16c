//! `/api/v1/settings`: what the site decides about this server, kept in the store.

use super::super::app::{Shared, read, write};
use super::super::asked::Sent;
use super::super::caller::{Admin, May, Viewer};
use super::super::problem::Problem;
use super::super::retention::{DAYS_MAX, KeepDays};
use crate::stored::shown;
use axum::Json;
use axum::extract::State as At;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use store::Granting as _;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest name of a site, in characters. Our limit; a longer one is refused with 400.
const NAME_LETTERS_MAX: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show, change))
}

/// What the site decided.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct SettingsRow {
    /// What the console calls this site.
    site_name: String,
    keep_days: KeepDays,
}

impl SettingsRow {
    fn of(all: &BTreeMap<String, Value>) -> Self {
        Self {
            site_name: all.get("site_name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            keep_days: KeepDays::of(all),
        }
    }
}

/// What the site decided.
#[utoipa::path(
    get, path = "/api/v1/settings", operation_id = "showSettings", tag = "settings",
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "The settings.", body = SettingsRow)),
)]
async fn show(_: May<Viewer>, At(app): At<Shared>) -> Result<Json<SettingsRow>, Problem> {
    Ok(Json(SettingsRow::of(&read(&app, store::Access::settings).await?)))
}

/// What is to change; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SettingsSent {
    #[schema(max_length = 100)]
    site_name: Option<String>,
    keep_days: Option<KeepDays>,
}

/// Changes settings. What is beyond its days is deleted within a day, and the audit log says how much.
#[utoipa::path(
    patch, path = "/api/v1/settings", operation_id = "changeSettings", tag = "settings", request_body = SettingsSent,
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("admin"))),
    responses((status = 200, description = "The settings now.", body = SettingsRow)),
)]
async fn change(
    May(caller, _): May<Admin>,
    At(app): At<Shared>,
    Sent(sent): Sent<SettingsSent>,
) -> Result<Json<SettingsRow>, Problem> {
    let mut changes = BTreeMap::new();
    if let Some(name) = sent.site_name {
        if name.chars().count() > NAME_LETTERS_MAX {
            return Err(Problem::malformed(format!("site_name: longer than {NAME_LETTERS_MAX} characters.")));
        }
        changes.insert("site_name".to_owned(), shown(name.trim()).into());
    }
    if let Some(days) = sent.keep_days {
        if !days.fit() {
            return Err(Problem::malformed(format!("keep_days: from 1 to {DAYS_MAX} days, or null for good.")));
        }
        let days = serde_json::to_value(days).map_err(|cause| Problem::fault(&cause))?;
        changes.insert("keep_days".to_owned(), days);
    }
    if changes.is_empty() {
        return Err(Problem::malformed("Nothing is to change."));
    }
    let who = caller.actor();
    Ok(Json(SettingsRow::of(&write(&app, move |store| store.set(&changes, &who)).await?)))
}
