//! `/api/v1/captures` and `/api/v1/scans`: what was scanned into the store, and scanning more.

use super::super::app::{Shared, read};
use super::super::asked::{Asked, Named, cut, limit};
use super::super::caller::{Analyst, May, Viewer};
use super::super::problem::Problem;
use super::super::scans::{Scan, Stage, scan};
use crate::stored::{rfc3339, shown};
use axum::Json;
use axum::body::Body;
use axum::extract::State as At;
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;
use std::sync::Arc;
use store::{Browsing as _, StoredCapture};
use tokio::io::AsyncWriteExt as _;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest name of a capture, in bytes. Our limit; a longer one is refused with 400.
const NAME_BYTES_MAX: usize = 255;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(page, send)).routes(routes!(scans)).routes(routes!(show))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Query {
    /// Those after this one: `next` of the page before.
    #[param(minimum = 1)]
    after: Option<i64>,
    /// At most so many.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
}

/// A page of captures, the newest first.
#[derive(Debug, Serialize, ToSchema)]
struct CapturePage {
    captures: Vec<CaptureRow>,
    /// What the next page begins after; none where there is no more.
    next: Option<i64>,
}

/// A capture whose results are in the store.
#[derive(Debug, Serialize, ToSchema)]
struct CaptureRow {
    id: i64,
    name: String,
    sha256: String,
    frames: i64,
    bytes: i64,
    #[schema(format = DateTime)]
    first: Option<String>,
    #[schema(format = DateTime)]
    last: Option<String>,
    /// Faults of the file: damaged or cut off.
    faults: i64,
    #[schema(format = DateTime)]
    imported: String,
    by: String,
    /// Version of Lazaret that scanned it.
    version: String,
}

impl From<StoredCapture> for CaptureRow {
    fn from(one: StoredCapture) -> Self {
        Self {
            id: one.id,
            name: shown(&one.name),
            sha256: one.sha256,
            frames: one.frames,
            bytes: one.bytes,
            first: one.first.map(rfc3339),
            last: one.last.map(rfc3339),
            faults: one.faults,
            imported: rfc3339(one.imported),
            by: one.by,
            version: one.version,
        }
    }
}

/// A page of captures.
#[utoipa::path(
    get, path = "/api/v1/captures", operation_id = "listCaptures", tag = "captures", params(Query),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "The page.", body = CapturePage)),
)]
async fn page(_: May<Viewer>, At(app): At<Shared>, Asked(asked): Asked<Query>) -> Result<Json<CapturePage>, Problem> {
    let (before, limit) = (asked.after.unwrap_or(i64::MAX), limit(asked.limit)?);
    let mut captures = read(&app, move |store| store.captures(before, limit + 1)).await?;
    let next = cut(&mut captures, limit, |capture| capture.id);
    Ok(Json(CapturePage { captures: captures.into_iter().map(CaptureRow::from).collect(), next }))
}

/// How a scan goes.
#[derive(Debug, Serialize, ToSchema)]
struct ScanRow {
    id: u64,
    /// Name of the capture.
    name: String,
    by: String,
    #[schema(format = DateTime)]
    at: String,
    stage: StageName,
    /// Bytes read, while it is read.
    bytes: Option<u64>,
    /// Bytes in all, where they are known.
    bytes_total: Option<u64>,
    /// Frames read, while it is read.
    frames: Option<u64>,
    /// Why it failed.
    why: Option<String>,
    /// What it changed, when it is done.
    result: Option<ResultRow>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum StageName {
    Receiving,
    Waiting,
    Reading,
    Keeping,
    Done,
    Failed,
}

/// What a scan changed in the store.
#[derive(Debug, Serialize, ToSchema)]
struct ResultRow {
    /// How it met what was there: `new`, `same`, `covered`, `replaced`, `nothing`.
    meeting: &'static str,
    /// New findings.
    new: u64,
    /// Findings that grew.
    grown: u64,
    /// Findings that newer evidence reopened.
    reopened: u64,
    /// New assets.
    assets_new: u64,
}

impl From<Scan> for ScanRow {
    fn from(scan: Scan) -> Self {
        let mut row = Self {
            id: scan.id,
            name: scan.name,
            by: scan.by,
            at: rfc3339(scan.at),
            stage: StageName::Receiving,
            bytes: None,
            bytes_total: None,
            frames: None,
            why: None,
            result: None,
        };
        row.stage = match scan.stage {
            Stage::Receiving => StageName::Receiving,
            Stage::Waiting => StageName::Waiting,
            Stage::Reading { bytes, bytes_total, frames } => {
                (row.bytes, row.bytes_total, row.frames) = (Some(bytes), bytes_total, Some(frames));
                StageName::Reading
            }
            Stage::Keeping => StageName::Keeping,
            Stage::Done { meeting, new, grown, reopened, assets_new } => {
                row.result = Some(ResultRow { meeting, new, grown, reopened, assets_new });
                StageName::Done
            }
            Stage::Failed { why } => {
                row.why = Some(why);
                StageName::Failed
            }
        };
        row
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Sending {
    /// Name of the capture. Do not put names of patients in it.
    #[param(min_length = 1, max_length = 255)]
    name: String,
}

/// Sends a capture to be scanned: its bytes are the body (pcap or pcapng, plain, .gz or .zst). Its results go into the
/// store; the file itself is not kept. `GET /api/v1/scans/{id}` says how it goes.
#[utoipa::path(
    post, path = "/api/v1/captures", operation_id = "sendCapture", tag = "captures", params(Sending),
    request_body(content_type = "application/octet-stream", content = Vec<u8>, description = "The capture."),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("analyst"))),
    responses((status = 202, description = "It came, and waits for its turn.", body = ScanRow)),
)]
async fn send(
    May(caller, _): May<Analyst>,
    At(app): At<Shared>,
    Asked(asked): Asked<Sending>,
    body: Body,
) -> Result<(StatusCode, Json<ScanRow>), Problem> {
    let name = shown(asked.name.trim());
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(Problem::malformed(format!("name: 1 to {NAME_BYTES_MAX} bytes.")));
    }
    let by = caller.actor();
    let id = app.scans.begin(name, &by).ok_or_else(|| Problem::too_often(BUSY_S))?;
    let begun = Begun { app: Arc::clone(&app), id, whole: false };
    let path = app.scans.file(id).map_err(|cause| Problem::fault(&cause))?;
    if let Err(problem) = receive(&path, body, app.terms.upload_bytes_max).await {
        drop(tokio::fs::remove_file(&path).await);
        app.scans.fail(id, problem.detail());
        return Err(problem);
    }
    begun.goes_on();
    tokio::spawn(scan(Arc::clone(&app), id, path, by));
    let row = app.scans.one(id).ok_or_else(|| Problem::unknown(format!("There is no scan {id}.")))?;
    Ok((StatusCode::ACCEPTED, Json(row.into())))
}

/// Seconds after which a place may be free.
const BUSY_S: u64 = 10;

/// A capture that is coming. Whoever sends it may go away in the middle: then it failed, and its file goes.
struct Begun {
    app: Shared,
    id: u64,
    whole: bool,
}

impl Begun {
    fn goes_on(mut self) {
        self.whole = true;
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.whole {
            self.app.scans.fail(self.id, "it did not come whole".to_owned());
            if let Ok(path) = self.app.scans.file(self.id) {
                drop(std::fs::remove_file(path));
            }
        }
    }
}

async fn receive(path: &Path, body: Body, bytes_max: u64) -> Result<(), Problem> {
    let failed = |cause: io::Error| match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Problem::from(store::StoreError::Full),
        _ => Problem::fault(&cause),
    };
    let mut options = tokio::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).await.map_err(failed)?;
    let (mut chunks, mut bytes) = (body.into_data_stream(), 0_u64);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::malformed("The capture did not come whole."))?;
        bytes += chunk.len() as u64;
        if bytes > bytes_max {
            return Err(Problem::too_large(format!(
                "The capture is larger than {bytes_max} bytes (--upload-max); scan it with `lazaret scan --store`."
            )));
        }
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)
}

/// Scans since the server started, the newest first.
#[derive(Debug, Serialize, ToSchema)]
struct ScanList {
    scans: Vec<ScanRow>,
}

/// Scans since the server started, the newest first: at most 200.
#[utoipa::path(
    get, path = "/api/v1/scans", operation_id = "listScans", tag = "captures",
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("analyst"))),
    responses((status = 200, description = "The scans.", body = ScanList)),
)]
async fn scans(_: May<Analyst>, At(app): At<Shared>) -> Json<ScanList> {
    Json(ScanList { scans: app.scans.list().into_iter().map(ScanRow::from).collect() })
}

/// How a scan goes.
#[utoipa::path(
    get, path = "/api/v1/scans/{id}", operation_id = "showScan", tag = "captures",
    params(("id" = u64, Path, description = "Number.", minimum = 1)),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("analyst"))),
    responses((status = 200, description = "The scan.", body = ScanRow)),
)]
async fn show(_: May<Analyst>, At(app): At<Shared>, Named(id): Named<u64>) -> Result<Json<ScanRow>, Problem> {
    let scan = app.scans.one(id).ok_or_else(|| Problem::unknown(format!("There is no scan {id}.")))?;
    Ok(Json(scan.into()))
}
