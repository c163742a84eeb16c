//! `/api/v1/overview`: how the site stands, in one answer.

use super::super::app::{Shared, read};
use super::super::caller::{May, Viewer};
use super::super::problem::Problem;
use super::assets::AssetCounts;
use super::findings::{FindingCounts, FindingRow};
use crate::stored::now;
use axum::Json;
use axum::extract::State as At;
use model::Severity;
use serde::Serialize;
use store::{Access as _, Browsing as _, FindingQuery, Reading as _, State};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Findings told with the overview: the worst. Our limit; the list has all.
const WORST_MAX: u32 = 10;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show))
}

/// How the site stands.
#[derive(Debug, Serialize, ToSchema)]
struct Overview {
    version: &'static str,
    assets: AssetCounts,
    findings: FindingCounts,
    /// Findings that are open and not suppressed, by how bad they are.
    open: OpenBySeverity,
    /// The worst of them, then the latest.
    worst: Vec<FindingRow>,
    /// Number of the last change of the store; it grows with every change.
    changes: i64,
}

/// Findings that are open and not suppressed.
#[derive(Debug, Default, Serialize, ToSchema)]
struct OpenBySeverity {
    critical: i64,
    high: i64,
    medium: i64,
    low: i64,
}

/// How the site stands.
#[utoipa::path(
    get, path = "/api/v1/overview", operation_id = "showOverview", tag = "overview",
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "How it stands.", body = Overview)),
)]
async fn show(_: May<Viewer>, At(app): At<Shared>) -> Result<Json<Overview>, Problem> {
    let now = now();
    let query = FindingQuery {
        states: vec![State::New, State::Acknowledged],
        unsuppressed_at: Some(now),
        limit: WORST_MAX,
        ..FindingQuery::default()
    };
    let ask = move |store: &store::Reader| {
        let assets = store.asset_tally()?;
        let mut open = OpenBySeverity::default();
        for (severity, count) in store.open_findings(now)? {
            match severity {
                Severity::Critical => open.critical = count,
                Severity::High => open.high = count,
                Severity::Medium => open.medium = count,
                Severity::Low => open.low = count,
            }
        }
        Ok(Overview {
            version: env!("CARGO_PKG_VERSION"),
            assets: AssetCounts { medical: assets.medical, other: assets.other },
            findings: store.finding_tally(now)?.into(),
            open,
            worst: store.findings(&query)?.into_iter().map(|finding| FindingRow::of(finding, now)).collect(),
            changes: store.last_change()?,
        })
    };
    Ok(Json(read(&app, ask).await?))
}
