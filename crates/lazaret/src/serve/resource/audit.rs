//! `/api/v1/audit`: who did what when, and whether that log is whole.

use super::super::app::{Shared, read};
use super::super::asked::{Asked, cut, limit, text};
use super::super::caller::{Analyst, May};
use super::super::problem::Problem;
use super::findings::Order;
use crate::command::noted;
use crate::stored::rfc3339;
use axum::Json;
use axum::extract::State as At;
use serde::{Deserialize, Serialize};
use store::{Browsing as _, Chain, Entry, Reading as _};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(page)).routes(routes!(verify))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Query {
    /// Only about this: the id of a finding, `store`, or `user NAME`.
    #[param(max_length = 200)]
    subject: Option<String>,
    /// Which way: the newest first (as it is without) or the oldest.
    #[param(inline)]
    order: Option<Order>,
    /// Those after this number: `next` of the page before.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// At most so many.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
}

/// A page of the audit log.
#[derive(Debug, Serialize, ToSchema)]
struct AuditPage {
    entries: Vec<EntryRow>,
    /// What the next page begins after; none where there is no more.
    next: Option<i64>,
}

/// An entry. `detail` is a string, because its very bytes are what was hashed.
#[derive(Debug, Serialize, ToSchema)]
struct EntryRow {
    /// Number, from 1 without gaps.
    seq: i64,
    #[schema(format = DateTime)]
    at: String,
    /// The same in nanoseconds since 1970-01-01T00:00:00Z, as it is hashed.
    at_ns: i64,
    by: String,
    action: String,
    subject: String,
    /// JSON.
    detail: String,
    /// Hash of the entry before.
    previous: String,
    hash: String,
}

impl From<Entry> for EntryRow {
    fn from(entry: Entry) -> Self {
        let Entry { seq, at, by, action, subject, detail, previous, hash } = entry;
        Self { seq, at: rfc3339(at), at_ns: at, by, action, subject, detail, previous, hash }
    }
}

/// A page of the audit log.
#[utoipa::path(
    get, path = "/api/v1/audit", operation_id = "listAudit", tag = "audit", params(Query),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("analyst"))),
    responses((status = 200, description = "The page.", body = AuditPage)),
)]
async fn page(_: May<Analyst>, At(app): At<Shared>, Asked(asked): Asked<Query>) -> Result<Json<AuditPage>, Problem> {
    let limit = limit(asked.limit)?;
    let (subject, sorting) = (text("subject", asked.subject)?, asked.order.unwrap_or_default().into());
    let ask = move |store: &store::Reader| store.log(sorting, asked.after, subject.as_deref(), limit + 1);
    let mut entries = read(&app, ask).await?;
    let next = cut(&mut entries, limit, |entry| entry.seq);
    Ok(Json(AuditPage { entries: entries.into_iter().map(EntryRow::from).collect(), next }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// Number and hash of an entry that was noted elsewhere, like `17:5f3a…`: whether it is still that one.
    #[param(pattern = "^[1-9][0-9]{0,17}:[0-9a-fA-F]{64}$")]
    expect: Option<String>,
}

/// Whether the log is whole.
#[derive(Debug, Serialize, ToSchema)]
struct Verification {
    whole: bool,
    /// Entries that hold.
    entries: i64,
    /// Hash of the last one that holds: note it elsewhere, with the number, and verify against it later.
    hash: String,
    broken: Option<BreakRow>,
}

/// Where and how the chain breaks.
#[derive(Debug, Serialize, ToSchema)]
struct BreakRow {
    seq: i64,
    what: &'static str,
}

impl From<Chain> for Verification {
    fn from(chain: Chain) -> Self {
        let broken = chain.broken.map(|broken| BreakRow { seq: broken.seq, what: broken.what });
        Self { whole: broken.is_none(), entries: chain.entries, hash: chain.hash, broken }
    }
}

/// Verifies the chain of hashes from the first entry to the last.
#[utoipa::path(
    get, path = "/api/v1/audit/verify", operation_id = "verifyAudit", tag = "audit", params(Expected),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("analyst"))),
    responses((status = 200, description = "Whether it is whole.", body = Verification)),
)]
async fn verify(
    _: May<Analyst>,
    At(app): At<Shared>,
    Asked(asked): Asked<Expected>,
) -> Result<Json<Verification>, Problem> {
    let expected = asked.expect.as_deref().map(noted).transpose();
    let expected = expected.map_err(|why| Problem::malformed(format!("expect: {why}.")))?;
    let ask = move |store: &store::Reader| {
        store.verify_audit(expected.as_ref().map(|(seq, hash)| (*seq, hash.as_str())))
    };
    Ok(Json(read(&app, ask).await?.into()))
}
