//! `/api/v1/overview`: how the site stands, in one answer.

use super::super::app::{Shared, read};
use super::super::caller::{May, Viewer};
use super::super::problem::Problem;
use super::assets::AssetCounts;
use super::findings::{FindingCounts, FindingRow, asset_names};
use crate::stored::{now, rfc3339};
use axum::Json;
use axum::extract::State as At;
use model::Severity;
use serde::Serialize;
use std::collections::BTreeMap;
use store::{Access as _, Browsing as _, FindingQuery, Reading as _, Since, State, Surveying as _};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Findings told with the overview: the worst. Our limit; the list has all.
const WORST_MAX: u32 = 10;
const DAY_NS: i64 = 86_400_000_000_000;

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
    /// What people call the assets that those are about, by id.
    worst_assets: BTreeMap<String, String>,
    since: SinceRow,
    /// Number of the last change of the store; it grows with every change.
    changes: i64,
}

/// What changed in the last 24 hours, by the server's clock.
#[derive(Debug, Serialize, ToSchema)]
struct SinceRow {
    #[schema(format = DateTime)]
    from: String,
    /// Scans and watches that put something in.
    imports: u64,
    /// Findings that nothing had shown before.
    findings_new: u64,
    /// Findings that newer evidence reopened.
    findings_reopened: u64,
    /// Decisions of people.
    decisions: u64,
}

impl SinceRow {
    fn of(from: i64, since: Since) -> Self {
        let Since { imports, findings_new, findings_reopened, decisions } = since;
        Self { from: rfc3339(from), imports, findings_new, findings_reopened, decisions }
    }
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
        let worst = store.findings(&query)?;
        Ok(Overview {
            version: env!("CARGO_PKG_VERSION"),
            assets: AssetCounts { medical: assets.medical, other: assets.other },
            findings: store.finding_tally(now)?.into(),
            open,
            worst_assets: asset_names(store, &worst)?,
            worst: worst.into_iter().map(|finding| FindingRow::of(finding, now)).collect(),
            since: SinceRow::of(now - DAY_NS, store.since(now - DAY_NS)?),
            changes: store.last_change()?,
        })
    };
    Ok(Json(read(&app, ask).await?))
}
