//! `/api/v1/settings`: what the site decides about this server, kept in the store.

use super::super::app::{Shared, read, write};
use super::super::asked::Sent;
use super::super::caller::{Admin, May, Viewer};
use super::super::problem::Problem;
use super::super::retention::{DAYS_MAX, Keep};
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

/// For how many days of capture time things are kept; for good, where there is none. Open findings, devices and the audit
/// log are always kept.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KeepDays {
    /// Summaries of vital signs.
    #[schema(minimum = 1, maximum = 36500)]
    vitals: Option<u32>,
    /// Vital signs of watches, some minutes a row.
    #[schema(minimum = 1, maximum = 36500)]
    trends: Option<u32>,
    #[schema(minimum = 1, maximum = 36500)]
    conversations: Option<u32>,
    /// Traits that a device no longer shows.
    #[schema(minimum = 1, maximum = 36500)]
    asset_history: Option<u32>,
    /// Findings that are resolved or false positives.
    #[schema(minimum = 1, maximum = 36500)]
    closed_findings: Option<u32>,
}

impl SettingsRow {
    fn of(all: &BTreeMap<String, Value>) -> Self {
        let keep = Keep::of(all);
        Self {
            site_name: all.get("site_name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            keep_days: KeepDays {
                vitals: keep.vitals,
                trends: keep.trends,
                conversations: keep.conversations,
                asset_history: keep.asset_history,
                closed_findings: keep.closed_findings,
            },
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
        let all = [days.vitals, days.trends, days.conversations, days.asset_history, days.closed_findings];
        if all.into_iter().flatten().any(|days| days == 0 || days > DAYS_MAX) {
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
