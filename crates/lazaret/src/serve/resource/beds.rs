//! `/api/v1/beds`: vital signs in short, by bed. Places and numbers; a patient is a keyed hash or absent.

use super::super::app::{Shared, read};
use super::super::asked::{Asked, Named, cut, limit, moment};
use super::super::caller::{Clinical, May};
use super::super::problem::Problem;
use crate::command::asset_id;
use crate::stored::rfc3339;
use axum::Json;
use axum::extract::State as At;
use model::AssetId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::{Bed, BedCard, Browsing as _, StoredCheck, StoredNumeric, TrendSpan};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(page)).routes(routes!(show)).routes(routes!(trend))
}

/// The id of a bed: `b-`, its device, and the number that the device gives, if any.
pub(super) fn bed_id(bed: Bed) -> String {
    let asset = bed.asset.0;
    bed.bed.map_or_else(|| format!("b-{asset:016x}"), |bed| format!("b-{asset:016x}-{bed}"))
}

pub(super) fn read_bed_id(text: &str) -> Result<Bed, String> {
    let wrong = || "the id of a bed looks like b-0123456789abcdef-7".to_owned();
    let rest = text.strip_prefix("b-").ok_or_else(wrong)?;
    let (asset, bed) = rest.split_once('-').map_or((rest, None), |(asset, bed)| (asset, Some(bed)));
    let asset = asset_id(&format!("a-{asset}")).map_err(|_| wrong())?;
    // As it is written, and no other way: `07` is no bed 7.
    let bed = bed.map(|bed| bed.parse::<u16>().ok().filter(|read| read.to_string() == bed).ok_or_else(wrong));
    Ok(Bed { asset, bed: bed.transpose()? })
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Query {
    /// Only of this device.
    #[param(pattern = "^a-[0-9a-f]{16}$")]
    asset: Option<String>,
    /// Those after this one: `next` of the page before.
    #[param(pattern = "^b-[0-9a-f]{16}(-[0-9]{1,5})?$")]
    after: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
}

/// A page of beds.
#[derive(Debug, Serialize, ToSchema)]
struct BedPage {
    beds: Vec<BedRow>,
    /// What the next page begins after; none where there is no more.
    next: Option<String>,
}

/// A bed with the last that is stored of its vital signs.
#[derive(Debug, Serialize, ToSchema)]
struct BedRow {
    id: String,
    /// The device.
    asset: String,
    /// The number it gives.
    bed: Option<u16>,
    /// Keyed hash of the patient of the last span, where there is one.
    patient: Option<String>,
    /// First unit of all.
    #[schema(format = DateTime)]
    first: String,
    /// Last unit of all.
    #[schema(format = DateTime)]
    last: String,
    /// Completed cycles of all.
    cycles: i64,
    /// Numbers of the last span, by parameter.
    numerics: BTreeMap<String, NumericRow>,
    /// What the integrity checks said of the last span.
    integrity: Vec<CheckRow>,
}

/// Range of one parameter.
#[derive(Debug, Serialize, ToSchema)]
struct NumericRow {
    /// In UCUM.
    unit: String,
    last: f64,
    min: f64,
    max: f64,
    samples: i64,
}

/// What one integrity check said over some time.
#[derive(Debug, Serialize, ToSchema)]
struct CheckRow {
    check: String,
    /// `pass`, `suspect`, `fail`, `cannot-judge`.
    verdict: String,
    /// The waveform it speaks of, where it speaks of one.
    channel: Option<String>,
    #[schema(format = DateTime)]
    first: String,
    #[schema(format = DateTime)]
    last: String,
    seconds: i64,
    why: String,
}

/// To four decimals, as the report tells numbers: what lies below is left over from binary fractions.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn numbers(numerics: Vec<StoredNumeric>) -> BTreeMap<String, NumericRow> {
    let row = |one: StoredNumeric| {
        let (last, min, max) = (rounded(one.latest), rounded(one.least), rounded(one.most));
        (one.vital, NumericRow { unit: one.unit, last, min, max, samples: one.samples })
    };
    numerics.into_iter().map(row).collect()
}

impl From<StoredCheck> for CheckRow {
    fn from(check: StoredCheck) -> Self {
        Self {
            check: check.check,
            verdict: check.verdict,
            channel: check.channel,
            first: rfc3339(check.first),
            last: rfc3339(check.last),
            seconds: check.seconds,
            why: check.why,
        }
    }
}

impl From<BedCard> for BedRow {
    fn from(card: BedCard) -> Self {
        Self {
            id: bed_id(card.bed),
            asset: card.bed.asset.to_string(),
            bed: card.bed.bed,
            patient: card.latest.patient,
            first: rfc3339(card.first),
            last: rfc3339(card.latest.last),
            cycles: card.cycles,
            numerics: numbers(card.latest.numerics),
            integrity: card.latest.integrity.into_iter().map(CheckRow::from).collect(),
        }
    }
}

/// A page of beds, in order of device and number.
#[utoipa::path(
    get, path = "/api/v1/beds", operation_id = "listBeds", tag = "beds", params(Query),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("clinical"))),
    responses((status = 200, description = "The page.", body = BedPage)),
)]
async fn page(_: May<Clinical>, At(app): At<Shared>, Asked(asked): Asked<Query>) -> Result<Json<BedPage>, Problem> {
    let limit = limit(asked.limit)?;
    let asset: Option<AssetId> = asked.asset.as_deref().map(asset_id).transpose().map_err(Problem::malformed)?;
    let after = asked.after.as_deref().map(read_bed_id).transpose().map_err(Problem::malformed)?;
    let mut beds = read(&app, move |store| store.beds(asset, after, limit + 1)).await?;
    let next = cut(&mut beds, limit, |card| bed_id(card.bed));
    Ok(Json(BedPage { beds: beds.into_iter().map(BedRow::from).collect(), next }))
}

/// One bed.
#[utoipa::path(
    get, path = "/api/v1/beds/{id}", operation_id = "showBed", tag = "beds",
    params(("id" = String, Path, description = "Its id.", pattern = "^b-[0-9a-f]{16}(-[0-9]{1,5})?$")),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("clinical"))),
    responses((status = 200, description = "The bed.", body = BedRow)),
)]
async fn show(_: May<Clinical>, At(app): At<Shared>, Named(id): Named<String>) -> Result<Json<BedRow>, Problem> {
    let bed = read_bed_id(&id).map_err(Problem::unknown)?;
    let card = read(&app, move |store| store.bed(bed)).await;
    card.map(|card| Json(card.into())).map_err(|problem| problem.about(&id))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Span {
    /// Only what reaches beyond this moment of capture time (RFC 3339).
    #[param(format = DateTime)]
    since: Option<String>,
    /// Only what began up to this moment.
    #[param(format = DateTime)]
    until: Option<String>,
    /// Those after this number: `next` of the page before.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// At most so many.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
}

/// A page of the spans of one bed, in the order in which they were stored.
#[derive(Debug, Serialize, ToSchema)]
struct TrendPage {
    spans: Vec<TrendRow>,
    /// What the next page begins after; none where there is no more.
    next: Option<i64>,
}

/// Ranges over one span: one patient in one import.
#[derive(Debug, Serialize, ToSchema)]
struct TrendRow {
    id: i64,
    patient: Option<String>,
    #[schema(format = DateTime)]
    first: String,
    #[schema(format = DateTime)]
    last: String,
    numerics: BTreeMap<String, NumericRow>,
}

impl From<TrendSpan> for TrendRow {
    fn from(span: TrendSpan) -> Self {
        let (first, last) = (rfc3339(span.first), rfc3339(span.last));
        Self { id: span.id, patient: span.patient, first, last, numerics: numbers(span.numerics) }
    }
}

/// How the vital signs of a bed went.
#[utoipa::path(
    get, path = "/api/v1/beds/{id}/trend", operation_id = "showTrend", tag = "beds",
    params(("id" = String, Path, description = "Its id.", pattern = "^b-[0-9a-f]{16}(-[0-9]{1,5})?$"), Span),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("clinical"))),
    responses((status = 200, description = "The page.", body = TrendPage)),
)]
async fn trend(
    _: May<Clinical>,
    At(app): At<Shared>,
    Named(id): Named<String>,
    Asked(asked): Asked<Span>,
) -> Result<Json<TrendPage>, Problem> {
    let bed = read_bed_id(&id).map_err(Problem::unknown)?;
    let at = |name, asked: Option<&str>| asked.map(|asked| moment(name, asked)).transpose();
    let span = (at("since", asked.since.as_deref())?, at("until", asked.until.as_deref())?);
    let (after, limit) = (asked.after.unwrap_or_default(), limit(asked.limit)?);
    let mut spans = read(&app, move |store| store.trend(bed, span, after, limit + 1)).await?;
    let next = cut(&mut spans, limit, |span| span.id);
    Ok(Json(TrendPage { spans: spans.into_iter().map(TrendRow::from).collect(), next }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_beds_are_read_back_and_others_refused() {
        for bed in [Some(7), Some(0), Some(u16::MAX), None] {
            let bed = Bed { asset: AssetId(0xAB), bed };
            assert_eq!(read_bed_id(&bed_id(bed)), Ok(bed));
        }
        for wrong in ["", "b-", "b-7", "a-00000000000000ab", "b-00000000000000ab-", "b-00000000000000ab-07", "b-00000000000000ab-65536"] {
            assert!(read_bed_id(wrong).is_err(), "{wrong}");
        }
    }
}
