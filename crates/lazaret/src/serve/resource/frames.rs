//! `/api/v1/findings/{id}/frames` and `/evidence`: the frames that show a finding, field by field, and the signed bundle of them.
//!
//! Both are redacted as [`crate::cutting`] does it, need an analyst, and stand in the audit log before a frame is read.

use super::super::app::{Shared, write};
use super::super::asked::Named;
use super::super::caller::{Analyst, Caller, May};
use super::super::frames::Found;
use super::super::problem::Problem;
use crate::command::finding_id;
use crate::cutting::Units;
use crate::stored::{rfc3339, shown};
use axum::Json;
use axum::extract::State as At;
use axum::http::header;
use axum::response::IntoResponse;
use flow::{CutFrame, Layer, LayerField, UnitSeen};
use model::{Field, Kind};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;
use store::{Reading as _, Writing as _};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Frames told of one finding. Our limit; the bundle has more.
const FRAMES_MAX: usize = 32;
/// Bytes told of one frame. Our limit, as before.
const DATA_BYTES_MAX: usize = 2_048;
/// Units of protocols told of one frame. Our limit.
const UNITS_MAX: usize = 64;
/// Fields told of one unit. Our limit.
const FIELDS_MAX: usize = 200;
/// Longest value of a field, in characters. Our limit; a longer one is cut, with `…`.
const VALUE_LETTERS_MAX: usize = 300;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(bundle))
}

/// The frames that show a finding.
#[derive(Debug, Serialize, ToSchema)]
struct FrameList {
    frames: Vec<FrameRow>,
    /// Frames that show it and are told in the bundle only, because there are many.
    more: usize,
    /// Frames that show it and are of captures that this server has not.
    elsewhere: usize,
    /// Frames that show it and were overwritten in the evidence ring.
    gone: u64,
    /// `captures` or `ring`.
    source: &'static str,
}

/// A frame, redacted.
#[derive(Debug, Serialize, ToSchema)]
struct FrameRow {
    /// Name of the capture.
    capture: String,
    /// From 1.
    frame: u64,
    #[schema(format = DateTime)]
    time: String,
    /// Captured bytes.
    bytes: usize,
    /// Bytes on the wire.
    original_bytes: u32,
    /// Its first bytes, two hexadecimal digits each.
    data: String,
    /// What of it is a patient's, a secret, or read by no parser: first byte and length. There `data` says nothing.
    concealed: Vec<Stretch>,
    /// Its headers, outermost first.
    layers: Vec<LayerRow>,
    /// What parsers read in it.
    units: Vec<UnitRow>,
}

/// A stretch of a frame.
#[derive(Debug, Serialize, ToSchema)]
struct Stretch {
    offset: usize,
    bytes: usize,
}

/// A header.
#[derive(Debug, Serialize, ToSchema)]
struct LayerRow {
    name: &'static str,
    offset: usize,
    bytes: usize,
    fields: Vec<HeaderField>,
}

/// A field of a header.
#[derive(Debug, Serialize, ToSchema)]
struct HeaderField {
    name: &'static str,
    offset: usize,
    bytes: usize,
    value: String,
}

/// A unit of a protocol, or the part of it that is in this frame.
#[derive(Debug, Serialize, ToSchema)]
struct UnitRow {
    protocol: &'static str,
    offset: usize,
    bytes: usize,
    /// Whether it begins in this frame.
    begins: bool,
    fields: Vec<UnitField>,
}

/// A declared field of a unit.
#[derive(Debug, Serialize, ToSchema)]
struct UnitField {
    name: &'static str,
    /// None where it is a patient's or a secret.
    value: Option<String>,
    /// Its unit (UCUM), where it has one.
    unit: Option<&'static str>,
    /// What it is.
    doc: &'static str,
}

impl LayerRow {
    fn of(layer: Layer) -> Self {
        let field = |LayerField { name, offset, bytes, value }| HeaderField { name, offset, bytes, value };
        let Layer { name, offset, bytes, fields } = layer;
        Self { name, offset, bytes, fields: fields.into_iter().map(field).collect() }
    }
}

impl UnitRow {
    fn of(seen: &UnitSeen) -> Self {
        let unit = |field: &Field| match field.kind {
            Kind::Quantity(unit) => Some(unit),
            _ => None,
        };
        let told = seen.unit.message.fields.iter().map(|(field, value)| UnitField {
            name: field.name,
            value: Some(cut(&shown(&value.to_string()))),
            unit: unit(field),
            doc: field.doc,
        });
        let withheld = seen.unit.withheld.iter().map(|field| UnitField {
            name: field.name,
            value: None,
            unit: unit(field),
            doc: field.doc,
        });
        Self {
            protocol: seen.unit.message.schema.protocol,
            offset: seen.offset,
            bytes: seen.bytes,
            begins: seen.begins,
            fields: told.chain(withheld).take(FIELDS_MAX).collect(),
        }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(VALUE_LETTERS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl FrameRow {
    fn of(frame: &CutFrame, found: &Found) -> Self {
        let capture = found.captures.get(frame.evidence.capture as usize);
        let units = found.cut.units.get(&frame.evidence).map(Vec::as_slice).unwrap_or_default();
        let mut data = String::new();
        for byte in frame.bytes.iter().take(DATA_BYTES_MAX) {
            let _ = write!(data, "{byte:02x}");
        }
        Self {
            capture: capture.map_or_else(String::new, |capture| shown(&capture.name)),
            frame: frame.evidence.frame,
            time: rfc3339(frame.time.nanos()),
            bytes: frame.bytes.len(),
            original_bytes: frame.original_bytes,
            data,
            concealed: frame
                .concealed
                .iter()
                .map(|range| Stretch { offset: range.start, bytes: range.len() })
                .collect(),
            layers: flow::layers(&frame.frame()).into_iter().map(LayerRow::of).collect(),
            units: units.iter().take(UNITS_MAX).map(UnitRow::of).collect(),
        }
    }
}

impl FrameList {
    fn of(found: &Found) -> Self {
        let wanted: Vec<&CutFrame> = found.cut.cutting.frames.iter().filter(|frame| frame.wanted).collect();
        Self {
            frames: wanted.iter().take(FRAMES_MAX).map(|frame| FrameRow::of(frame, found)).collect(),
            more: wanted.len().saturating_sub(FRAMES_MAX),
            elsewhere: found.elsewhere,
            gone: found.cut.gone,
            source: if found.ring { "ring" } else { "captures" },
        }
    }
}

/// Notes who looks, then cuts the frames of a finding, when it is this look's turn.
async fn find<T: Send + 'static>(
    app: &Shared,
    caller: &Caller,
    id: &str,
    what: &'static str,
    units: Units,
    tell: impl FnOnce(&Shared, &Found) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let id = finding_id(id).map_err(Problem::unknown)?;
    let (who, subject) = (caller.actor(), id.to_string());
    let noted = subject.clone();
    write(app, move |store| {
        let card = store.finding(id)?;
        let detail = serde_json::json!({ "what": what, "rule": card.finding.rule, "frames": card.evidence.len() });
        store.note("evidence", &noted, &detail, &who)
    })
    .await?;
    let app = Arc::clone(app);
    let turn = Arc::clone(&app.frames.turn).lock_owned().await;
    let work = move || {
        let _turn = turn;
        let found = app.frames.find(app.folder(), &subject, units)?;
        tell(&app, &found)
    };
    tokio::task::spawn_blocking(work).await.map_err(|cause| Problem::fault(&cause))?
}

/// The frames that show a finding: bytes, headers and what parsers read, field by field; redacted.
#[utoipa::path(
    get, path = "/api/v1/findings/{id}/frames", operation_id = "showFrames", tag = "findings",
    params(("id" = String, Path, description = "Its id.", pattern = "^f-[0-9a-f]{16}$")),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("analyst"))),
    responses(
        (status = 200, description = "The frames.", body = FrameList),
        (status = 409, description = "The server has not these frames; the problem says what to do.", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
async fn list(
    May(caller, _): May<Analyst>,
    At(app): At<Shared>,
    Named(id): Named<String>,
) -> Result<Json<FrameList>, Problem> {
    let tell = |_: &Shared, found: &Found| Ok(FrameList::of(found));
    Ok(Json(find(&app, &caller, &id, "frames", Units::Read, tell).await?))
}

/// Makes the evidence bundle of a finding: its frames, redacted, with what belongs to them, signed (`lazaret.evidence/1`).
#[utoipa::path(
    post, path = "/api/v1/findings/{id}/evidence", operation_id = "makeEvidence", tag = "findings",
    params(("id" = String, Path, description = "Its id.", pattern = "^f-[0-9a-f]{16}$")),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("analyst"))),
    responses((status = 200, description = "The bundle, a tar file.", body = Vec<u8>, content_type = "application/x-tar")),
)]
async fn bundle(
    May(caller, _): May<Analyst>,
    At(app): At<Shared>,
    Named(id): Named<String>,
) -> Result<impl IntoResponse, Problem> {
    app.frames.signs()?;
    let name = finding_id(&id).map_err(Problem::unknown)?;
    let tell = |app: &Shared, found: &Found| app.frames.bundle(found);
    let bytes = find(&app, &caller, &id, "bundle", Units::Omit, tell).await?;
    let disposition = format!("attachment; filename=\"evidence-{name}.tar\"");
    Ok(([(header::CONTENT_TYPE, "application/x-tar".to_owned()), (header::CONTENT_DISPOSITION, disposition)], bytes))
}
