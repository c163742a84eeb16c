//! `/api/v1/assets`: devices and hosts, since when, and what changed.

use super::super::app::{Shared, read};
use super::super::asked::{Asked, Named, cut, limit, text};
use super::super::caller::{May, Viewer};
use super::super::problem::Problem;
use super::findings::{FindingRow, Order};
use crate::command::asset_id;
use crate::stored::{now, rfc3339};
use axum::Json;
use axum::extract::State as At;
use serde::{Deserialize, Serialize};
use store::{
    AssetCard, AssetOrder, AssetQuery, Exposed, Reading as _, Sign, StoredAsset, StoredConversation, Trait,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(page)).routes(routes!(show))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Query {
    /// Only medical devices, where `true`.
    medical: Option<bool>,
    /// Only of this kind: `patient-monitor`, …
    #[param(max_length = 200)]
    class: Option<String>,
    /// Only those with this in an address, name, maker, model, version, serial number or advisory, now or earlier.
    #[param(max_length = 200)]
    text: Option<String>,
    /// By what they are ordered.
    #[param(inline)]
    sort: Option<Sort>,
    /// Which way: from the greatest (as it is without) or from the least.
    #[param(inline)]
    order: Option<Order>,
    /// Those after this one: `next` of the page before.
    #[param(pattern = "^a-[0-9a-f]{16}$")]
    after: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
}

/// By what assets are ordered: medical devices first (then the latest), when last or first seen, kind, open findings.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AssetSort)]
enum Sort {
    Medical,
    Last,
    First,
    Class,
    Findings,
}

/// A page of assets.
#[derive(Debug, Serialize, ToSchema)]
struct AssetPage {
    assets: Vec<AssetRow>,
    /// What the next page begins after; none where there is no more.
    next: Option<String>,
    tally: AssetCounts,
}

/// How many assets there are, whatever was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AssetCounts {
    pub(super) medical: i64,
    pub(super) other: i64,
}

/// Something the site owns, as it was judged last.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AssetRow {
    id: String,
    class: Option<String>,
    medical: bool,
    maker: Option<String>,
    model: Option<String>,
    firmware: Option<String>,
    serial: Option<String>,
    /// How sure class and model are, 0 to 1.
    confidence: f64,
    profile: Option<String>,
    /// Of the network, then of links; a few of them.
    addresses: Vec<String>,
    #[schema(format = DateTime)]
    first: String,
    #[schema(format = DateTime)]
    last: String,
    /// Findings about it that are open and not suppressed.
    open_findings: i64,
}

/// Confidence is told in hundredths.
const HUNDREDTHS: f64 = 100.0;

impl AssetRow {
    fn of(asset: StoredAsset) -> Self {
        Self {
            id: asset.id.to_string(),
            class: asset.class,
            medical: asset.medical,
            maker: asset.maker,
            model: asset.model,
            firmware: asset.firmware,
            serial: asset.serial,
            confidence: (asset.confidence * HUNDREDTHS).round() / HUNDREDTHS,
            profile: asset.profile,
            addresses: asset.addresses,
            first: rfc3339(asset.first),
            last: rfc3339(asset.last),
            open_findings: asset.open_findings,
        }
    }
}

/// A page of assets.
#[utoipa::path(
    get, path = "/api/v1/assets", operation_id = "listAssets", tag = "assets", params(Query),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "The page.", body = AssetPage)),
)]
async fn page(_: May<Viewer>, At(app): At<Shared>, Asked(asked): Asked<Query>) -> Result<Json<AssetPage>, Problem> {
    let limit = limit(asked.limit)?;
    let query = AssetQuery {
        medical_only: asked.medical.unwrap_or_default(),
        class: text("class", asked.class)?,
        text: text("text", asked.text)?,
        order: match asked.sort {
            None | Some(Sort::Medical) => AssetOrder::Medical,
            Some(Sort::Last) => AssetOrder::Last,
            Some(Sort::First) => AssetOrder::First,
            Some(Sort::Class) => AssetOrder::Class,
            Some(Sort::Findings) => AssetOrder::Findings,
        },
        sorting: asked.order.unwrap_or_default().into(),
        after: asked.after.as_deref().map(asset_id).transpose().map_err(Problem::malformed)?,
        limit: limit + 1,
        now: now(),
        without_body: true,
    };
    let (mut assets, tally) =
        read(&app, move |store| Ok((store.assets(&query)?, store.asset_tally()?))).await?;
    let next = cut(&mut assets, limit, |asset| asset.id.to_string());
    let tally = AssetCounts { medical: tally.medical, other: tally.other };
    Ok(Json(AssetPage { assets: assets.into_iter().map(AssetRow::of).collect(), next, tally }))
}

/// An asset with why it is taken for what it is, its history, whom it talks to, and its findings.
#[derive(Debug, Serialize, ToSchema)]
struct AssetInFull {
    #[serde(flatten)]
    asset: AssetRow,
    /// Other labels of the platform.
    aliases: Vec<String>,
    signs: Vec<SignRow>,
    exposures: Vec<ExposureRow>,
    traits: Vec<TraitRow>,
    conversations: Vec<ConversationRow>,
    findings: Vec<FindingRow>,
    /// Whether vital signs of it are stored: `GET /api/v1/beds?asset=…`.
    has_vitals: bool,
}

/// A trait that suggested what an asset is.
#[derive(Debug, Serialize, ToSchema)]
struct SignRow {
    sign: String,
    value: String,
    /// How much it counts; 100 identifies.
    weight: u32,
}

/// An advisory that hits an asset.
#[derive(Debug, Serialize, ToSchema)]
struct ExposureRow {
    advisory: String,
    cve: String,
    /// CVSS v3.1 base score.
    cvss: f64,
    /// Known to be exploited (CISA KEV).
    kev: bool,
    /// `affected`, `possible`, `not-affected`.
    status: String,
}

/// Something an asset was seen to have.
#[derive(Debug, Serialize, ToSchema)]
struct TraitRow {
    /// `mac`, `ip`, `name`, `vlan`, `class`, `maker`, `model`, `firmware`, `serial`, `exposure`.
    r#trait: String,
    value: String,
    #[schema(format = DateTime)]
    first: String,
    #[schema(format = DateTime)]
    last: String,
}

/// Whom an asset talks to, over all captures.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConversationRow {
    ip: String,
    port: Option<u16>,
    transport: String,
    /// `on-link`, `onsite`, `offsite`, `unanswered`, `unknown`.
    r#where: String,
    protocol: Option<String>,
    /// Who opened it: `out`, `in`, `both`.
    direction: String,
    flows: i64,
    frames: i64,
    bytes_out: i64,
    bytes_in: i64,
    #[schema(format = DateTime)]
    first: String,
    #[schema(format = DateTime)]
    last: String,
}

impl From<StoredConversation> for ConversationRow {
    fn from(talk: StoredConversation) -> Self {
        Self {
            ip: talk.ip,
            port: Some(talk.port).filter(|port| *port != 0),
            transport: talk.transport,
            r#where: talk.location,
            protocol: talk.protocol,
            direction: talk.direction,
            flows: talk.flows,
            frames: talk.frames,
            bytes_out: talk.bytes_out,
            bytes_in: talk.bytes_in,
            first: rfc3339(talk.first),
            last: rfc3339(talk.last),
        }
    }
}

impl AssetInFull {
    fn of(mut card: AssetCard, now: i64) -> Self {
        let body = std::mem::take(&mut card.asset.body);
        let sign = |Sign { sign, value, weight }| SignRow { sign, value, weight };
        let exposure = |one: Exposed| ExposureRow {
            advisory: one.advisory,
            cve: one.cve,
            cvss: one.cvss,
            kev: one.kev,
            status: one.status,
        };
        let history = |one: Trait| TraitRow {
            r#trait: one.kind,
            value: one.value,
            first: rfc3339(one.first),
            last: rfc3339(one.last),
        };
        Self {
            asset: AssetRow::of(card.asset),
            aliases: body.aliases,
            signs: body.signs.into_iter().map(sign).collect(),
            exposures: body.exposures.into_iter().map(exposure).collect(),
            traits: card.traits.into_iter().map(history).collect(),
            conversations: card.conversations.into_iter().map(ConversationRow::from).collect(),
            findings: card.findings.into_iter().map(|finding| FindingRow::of(finding, now)).collect(),
            has_vitals: !card.vitals.is_empty(),
        }
    }
}

/// One asset in full.
#[utoipa::path(
    get, path = "/api/v1/assets/{id}", operation_id = "showAsset", tag = "assets",
    params(("id" = String, Path, description = "Its id.", pattern = "^a-[0-9a-f]{16}$")),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "The asset.", body = AssetInFull)),
)]
async fn show(_: May<Viewer>, At(app): At<Shared>, Named(id): Named<String>) -> Result<Json<AssetInFull>, Problem> {
    let id = asset_id(&id).map_err(Problem::unknown)?;
    let now = now();
    let card = read(&app, move |store| store.asset(id, now)).await?;
    Ok(Json(AssetInFull::of(card, now)))
}
