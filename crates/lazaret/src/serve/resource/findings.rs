//! `/api/v1/findings`: what is wrong, and what people decide about it.

use super::super::app::{Shared, read, write};
use super::super::asked::{Asked, Named, Sent, cut, limit, list, moment, note, text};
use super::super::caller::{Analyst, May, Viewer};
use super::super::problem::Problem;
use crate::command::{asset_id, finding_id};
use crate::stored::{now, rfc3339, shown};
use axum::Json;
use axum::extract::State as At;
use model::{FindingId, Severity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::{
    Decision, Entry, FindingCard, FindingOrder, FindingQuery, FindingTally, Reading as _, Shown, Sorting,
    State, StoredDetail, StoredFinding, StoredPeer, Surveying as _, Writing as _,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Findings decided about at once. Our limit; more is refused with 400.
const BULK_MAX: usize = 1_000;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(page))
        .routes(routes!(show))
        .routes(routes!(decide))
        .routes(routes!(undo))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Query {
    /// Only those in these states, separated by commas: new, acknowledged, false-positive, resolved.
    #[param(value_type = Option<Vec<StateName>>, style = Form, explode = false)]
    state: Option<String>,
    /// Whether those that are suppressed now are in it: `no` (as it is without), `yes`.
    #[param(inline)]
    suppressed: Option<Suppressed>,
    /// Only those at least so bad.
    severity: Option<SeverityName>,
    /// Only those of this rule.
    #[param(max_length = 200)]
    rule: Option<String>,
    /// Only those about this asset (`a-0123456789abcdef`).
    #[param(pattern = "^a-[0-9a-f]{16}$")]
    asset: Option<String>,
    /// Only those with this in their title.
    #[param(max_length = 200)]
    text: Option<String>,
    /// By what they are ordered.
    #[param(inline)]
    sort: Option<Sort>,
    /// Which way: from the greatest (as it is without) or from the least.
    #[param(inline)]
    order: Option<Order>,
    /// Those after this one: `next` of the page before.
    #[param(pattern = "^f-[0-9a-f]{16}$")]
    after: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Suppressed {
    No,
    Yes,
}

/// State of a finding.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StateName {
    New,
    Acknowledged,
    FalsePositive,
    Resolved,
}

impl From<State> for StateName {
    fn from(state: State) -> Self {
        match state {
            State::New => Self::New,
            State::Acknowledged => Self::Acknowledged,
            State::FalsePositive => Self::FalsePositive,
            State::Resolved => Self::Resolved,
        }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum SeverityName {
    Low,
    Medium,
    High,
    Critical,
}

impl From<Severity> for SeverityName {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Low => Self::Low,
            Severity::Medium => Self::Medium,
            Severity::High => Self::High,
            Severity::Critical => Self::Critical,
        }
    }
}

impl From<SeverityName> for Severity {
    fn from(name: SeverityName) -> Self {
        match name {
            SeverityName::Low => Self::Low,
            SeverityName::Medium => Self::Medium,
            SeverityName::High => Self::High,
            SeverityName::Critical => Self::Critical,
        }
    }
}

/// By what findings are ordered: how bad (then the latest), when last seen, when first seen.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Sort {
    Severity,
    Last,
    First,
}

/// From the greatest or from the least.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    #[default]
    Desc,
    Asc,
}

impl From<Order> for Sorting {
    fn from(order: Order) -> Self {
        match order {
            Order::Desc => Self::Descending,
            Order::Asc => Self::Ascending,
        }
    }
}

/// A page of findings.
#[derive(Debug, Serialize, ToSchema)]
struct FindingPage {
    findings: Vec<FindingRow>,
    /// What the next page begins after; none where there is no more.
    next: Option<String>,
    tally: FindingCounts,
    /// What people call the assets of this page, by id.
    assets: BTreeMap<String, String>,
}

/// What people call the assets that findings are about, by id.
pub(super) fn asset_names(
    store: &store::Reader,
    findings: &[StoredFinding],
) -> Result<BTreeMap<String, String>, store::StoreError> {
    let ids = findings.iter().map(|finding| finding.asset).collect();
    let names = store.names(&ids)?;
    Ok(names.into_iter().map(|(asset, name)| (asset.to_string(), shown(&name))).collect())
}

/// How many findings there are, whatever was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FindingCounts {
    /// New, and not suppressed.
    new: i64,
    /// Acknowledged, and not suppressed.
    acknowledged: i64,
    /// New or acknowledged, but suppressed.
    suppressed: i64,
    false_positive: i64,
    resolved: i64,
}

impl From<FindingTally> for FindingCounts {
    fn from(tally: FindingTally) -> Self {
        let FindingTally { new, acknowledged, suppressed, false_positive, resolved } = tally;
        Self { new, acknowledged, suppressed, false_positive, resolved }
    }
}

/// A finding as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FindingRow {
    id: String,
    rule: String,
    title: String,
    severity: SeverityName,
    /// `attempted`, `likely`, `confirmed`.
    certainty: &'static str,
    /// Whom it is about.
    asset: String,
    peer: Option<PeerRow>,
    #[schema(format = DateTime)]
    first: String,
    #[schema(format = DateTime)]
    last: String,
    /// How often, in all captures together.
    count: i64,
    state: StateName,
    #[schema(format = DateTime)]
    state_at: String,
    state_by: String,
    note: Option<String>,
    /// Evidence up to here does not reopen it, where it is resolved.
    #[schema(format = DateTime)]
    resolved_through: Option<String>,
    /// How often newer evidence reopened it.
    reopened: i64,
    /// Whether it is quiet just now.
    suppressed: bool,
    suppression: Option<SuppressionRow>,
}

/// With whom a device talked.
#[derive(Debug, Serialize, ToSchema)]
struct PeerRow {
    ip: String,
    port: Option<u16>,
    transport: String,
    /// `on-link`, `onsite`, `offsite`, `unanswered`, `unknown`.
    r#where: String,
}

/// Until when a finding is quiet, and why.
#[derive(Debug, Serialize, ToSchema)]
struct SuppressionRow {
    #[schema(format = DateTime)]
    until: String,
    by: String,
    reason: String,
}

impl From<StoredPeer> for PeerRow {
    fn from(peer: StoredPeer) -> Self {
        let port = Some(peer.port).filter(|port| *port != 0);
        Self { ip: peer.ip, port, transport: peer.transport, r#where: peer.location }
    }
}

impl FindingRow {
    pub(super) fn of(finding: StoredFinding, now: i64) -> Self {
        let suppressed = finding.is_suppressed(now);
        Self {
            id: finding.id.to_string(),
            rule: finding.rule,
            title: finding.title,
            severity: finding.severity.into(),
            certainty: finding.certainty.as_str(),
            asset: finding.asset.to_string(),
            peer: finding.body.peer.map(PeerRow::from),
            first: rfc3339(finding.first),
            last: rfc3339(finding.last),
            count: finding.count,
            state: finding.state.into(),
            state_at: rfc3339(finding.state_at),
            state_by: finding.state_by,
            note: finding.note,
            resolved_through: finding.resolved_through.map(rfc3339),
            reopened: finding.reopened,
            suppressed,
            suppression: finding.suppression.map(|suppression| SuppressionRow {
                until: rfc3339(suppression.until),
                by: suppression.by,
                reason: suppression.because,
            }),
        }
    }
}

/// A page of findings.
#[utoipa::path(
    get, path = "/api/v1/findings", operation_id = "listFindings", tag = "findings", params(Query),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "The page.", body = FindingPage)),
)]
async fn page(
    _: May<Viewer>,
    At(app): At<Shared>,
    Asked(asked): Asked<Query>,
) -> Result<Json<FindingPage>, Problem> {
    let limit = limit(asked.limit)?;
    let state = |name: &str| State::ALL.into_iter().find(|state| state.as_str() == name);
    let now = now();
    let query = FindingQuery {
        states: list("state", asked.state.as_deref(), state)?,
        unsuppressed_at: (asked.suppressed != Some(Suppressed::Yes)).then_some(now),
        severity: asked.severity.map_or(Severity::Low, Severity::from),
        rule: text("rule", asked.rule)?,
        asset: asked.asset.as_deref().map(asset_id).transpose().map_err(Problem::malformed)?,
        text: text("text", asked.text)?,
        since: None,
        order: match asked.sort {
            None | Some(Sort::Severity) => FindingOrder::Severity,
            Some(Sort::Last) => FindingOrder::Last,
            Some(Sort::First) => FindingOrder::First,
        },
        sorting: asked.order.unwrap_or_default().into(),
        after: asked.after.as_deref().map(finding_id).transpose().map_err(Problem::malformed)?,
        limit: limit + 1,
        without_body: false,
    };
    let ask = move |store: &store::Reader| {
        let findings = store.findings(&query)?;
        let assets = asset_names(store, &findings)?;
        Ok((findings, assets, store.finding_tally(now)?))
    };
    let (mut findings, assets, tally) = read(&app, ask).await?;
    let next = cut(&mut findings, limit, |finding| finding.id.to_string());
    let findings = findings.into_iter().map(|finding| FindingRow::of(finding, now)).collect();
    Ok(Json(FindingPage { findings, next, tally: tally.into(), assets }))
}

/// A finding with why, what to do, the frames that show it, and what was done about it.
#[derive(Debug, Serialize, ToSchema)]
struct FindingInFull {
    #[serde(flatten)]
    finding: FindingRow,
    /// With whom, where it is about many at once as a search for hosts is; then `peer` is null.
    peers: Vec<PeerRow>,
    why: String,
    fix: String,
    /// Numbers and names of the matter: flags, numbers, texts, lists of texts.
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    details: BTreeMap<String, StoredDetail>,
    /// MITRE ATT&CK techniques.
    attack: Vec<String>,
    advisories: Vec<String>,
    cves: Vec<String>,
    evidence: Vec<EvidenceRow>,
    history: Vec<HistoryRow>,
}

/// A frame that shows a finding.
#[derive(Debug, Serialize, ToSchema)]
struct EvidenceRow {
    /// Name of the capture.
    capture: String,
    sha256: String,
    /// From 1.
    frame: u64,
}

/// What was done, from the audit log.
#[derive(Debug, Serialize, ToSchema)]
struct HistoryRow {
    /// Number of the entry in the audit log.
    seq: i64,
    #[schema(format = DateTime)]
    at: String,
    by: String,
    /// `acknowledge`, `false-positive`, `resolve`, `suppress`, `reopen`, `undo`, `reopened` (by evidence), …
    action: String,
    #[schema(value_type = serde_json::Value)]
    detail: serde_json::Value,
}

impl From<Entry> for HistoryRow {
    fn from(entry: Entry) -> Self {
        let detail = serde_json::from_str(&entry.detail).unwrap_or_default();
        Self { seq: entry.seq, at: rfc3339(entry.at), by: entry.by, action: entry.action, detail }
    }
}

impl FindingInFull {
    fn of(mut card: FindingCard, now: i64) -> Self {
        let body = std::mem::take(&mut card.finding.body);
        card.finding.body.peer = body.peer;
        let row = |Shown { capture, sha256, frame }| EvidenceRow { capture, sha256, frame };
        Self {
            finding: FindingRow::of(card.finding, now),
            peers: body.peers.into_iter().map(PeerRow::from).collect(),
            why: body.why,
            fix: body.fix,
            details: body.details,
            attack: body.attack,
            advisories: body.advisories,
            cves: body.cves,
            evidence: card.evidence.into_iter().map(row).collect(),
            history: card.history.into_iter().map(HistoryRow::from).collect(),
        }
    }
}

/// One finding in full.
#[utoipa::path(
    get, path = "/api/v1/findings/{id}", operation_id = "showFinding", tag = "findings",
    params(("id" = String, Path, description = "Its id.", pattern = "^f-[0-9a-f]{16}$")),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "The finding.", body = FindingInFull)),
)]
async fn show(
    _: May<Viewer>,
    At(app): At<Shared>,
    Named(id): Named<String>,
) -> Result<Json<FindingInFull>, Problem> {
    let id = finding_id(&id).map_err(Problem::unknown)?;
    let card = read(&app, move |store| store.finding(id)).await?;
    Ok(Json(FindingInFull::of(card, now())))
}

/// A decision about findings.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DecisionSent {
    /// The findings.
    #[schema(min_items = 1, max_items = 1000, pattern = "^f-[0-9a-f]{16}$")]
    findings: Vec<String>,
    decision: DecisionName,
    /// What to remember; `false-positive` and `suppress` need it. Do not name patients.
    #[schema(max_length = 2000)]
    note: Option<String>,
    /// End of a suppression (RFC 3339); only with `suppress`.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// Evidence up to this moment of capture time does not reopen it; only with `resolve`, as it is without: now.
    #[schema(format = DateTime)]
    through: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum DecisionName {
    Acknowledge,
    FalsePositive,
    Resolve,
    Reopen,
    Suppress,
}

impl DecisionSent {
    fn ids(&self) -> Result<Vec<FindingId>, Problem> {
        if self.findings.is_empty() || self.findings.len() > BULK_MAX {
            return Err(Problem::malformed(format!("findings: from 1 to {BULK_MAX} at once.")));
        }
        let mut ids: Vec<_> = self
            .findings
            .iter()
            .map(|id| finding_id(id))
            .collect::<Result<_, _>>()
            .map_err(Problem::malformed)?;
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    fn decision(&self, now: i64) -> Result<Decision, Problem> {
        let only = |sent: &Option<String>, name: &str, with: &str| {
            if sent.is_some() {
                Err(Problem::malformed(format!("{name}: only with `{with}`.")))
            } else {
                Ok(())
            }
        };
        if self.decision != DecisionName::Suppress {
            only(&self.until, "until", "suppress")?;
        }
        if self.decision != DecisionName::Resolve {
            only(&self.through, "through", "resolve")?;
        }
        Ok(match self.decision {
            DecisionName::Acknowledge => Decision::Acknowledge,
            DecisionName::FalsePositive => Decision::FalsePositive,
            DecisionName::Reopen => Decision::Reopen,
            DecisionName::Resolve => Decision::Resolve {
                through: self.through.as_deref().map_or(Ok(now), |through| moment("through", through))?,
            },
            DecisionName::Suppress => {
                let until = self.until.as_deref().ok_or_else(|| {
                    Problem::malformed("until: say until when it is to be quiet (RFC 3339).")
                })?;
                let until = moment("until", until)?;
                if until <= now {
                    return Err(Problem::malformed("until: this moment is past."));
                }
                Decision::Suppress { until }
            }
        })
    }
}

/// What was decided, and how to take it back.
#[derive(Debug, Serialize, ToSchema)]
struct Decisions {
    /// The findings as they are now.
    findings: Vec<FindingRow>,
    /// Send these to `POST /api/v1/findings/undo` to take the decision back.
    undo: Vec<i64>,
}

/// Decides about findings: all of them, or none where one is not there.
#[utoipa::path(
    post, path = "/api/v1/findings/decide", operation_id = "decideFindings", tag = "findings",
    request_body = DecisionSent,
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("analyst"))),
    responses((status = 200, description = "Decided.", body = Decisions), (status = 404, description = "One of them is not \
        there.", body = Problem, content_type = "application/problem+json")),
)]
async fn decide(
    May(caller, _): May<Analyst>,
    At(app): At<Shared>,
    Sent(sent): Sent<DecisionSent>,
) -> Result<Json<Decisions>, Problem> {
    let actor = caller.actor();
    let (ids, decision) = (sent.ids()?, sent.decision(actor.at)?);
    let note = note("note", sent.note)?;
    if note.is_none() && matches!(decision, Decision::FalsePositive | Decision::Suppress { .. }) {
        return Err(Problem::malformed(format!("note: `{}` needs a reason.", decision.as_str())));
    }
    let now = actor.at;
    let change = move |store: &mut store::Writer| store.decide_all(&ids, &decision, note.as_deref(), &actor);
    let decided = write(&app, change).await?;
    let undo = decided.iter().map(|one| one.seq).collect();
    let findings = decided.into_iter().map(|one| FindingRow::of(one.finding, now)).collect();
    Ok(Json(Decisions { findings, undo }))
}

/// Decisions to take back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UndoSent {
    /// `undo` of what was decided, or `seq` of a finding's history.
    #[schema(min_items = 1, max_items = 1000)]
    undo: Vec<i64>,
}

/// The findings as they are again.
#[derive(Debug, Serialize, ToSchema)]
struct Undone {
    findings: Vec<FindingRow>,
}

/// Takes decisions back: each finding is as it was before, unless it has changed since (409).
#[utoipa::path(
    post, path = "/api/v1/findings/undo", operation_id = "undoFindings", tag = "findings", request_body = UndoSent,
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("analyst"))),
    responses((status = 200, description = "Taken back.", body = Undone), (status = 404, description = "One of them is not \
        there.", body = Problem, content_type = "application/problem+json")),
)]
async fn undo(
    May(caller, _): May<Analyst>,
    At(app): At<Shared>,
    Sent(mut sent): Sent<UndoSent>,
) -> Result<Json<Undone>, Problem> {
    if sent.undo.is_empty() || sent.undo.len() > BULK_MAX {
        return Err(Problem::malformed(format!("undo: from 1 to {BULK_MAX} at once.")));
    }
    sent.undo.sort_unstable_by(|one, other| other.cmp(one));
    sent.undo.dedup();
    let actor = caller.actor();
    let now = actor.at;
    let findings = write(&app, move |store| store.undo(&sent.undo, &actor)).await?;
    Ok(Json(Undone { findings: findings.into_iter().map(|finding| FindingRow::of(finding, now)).collect() }))
}
