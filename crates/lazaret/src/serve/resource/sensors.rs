//! `/api/v1/sensors`: how the sensors that write into the store do, and what they could not see.

use super::super::app::{Shared, read};
use super::super::caller::{May, Viewer};
use super::super::problem::Problem;
use crate::stored::{now, rfc3339, shown};
use axum::Json;
use axum::extract::State as At;
use serde::{Deserialize, Serialize};
use store::StoredSensor;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const SECOND_NS: i64 = 1_000_000_000;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Every sensor that ever wrote into the store, by name.
#[derive(Debug, Serialize, ToSchema)]
struct SensorList {
    sensors: Vec<SensorRow>,
}

/// How a sensor did when it last wrote.
#[derive(Debug, Serialize, ToSchema)]
struct SensorRow {
    /// Its name: the interface it listens to.
    name: String,
    /// Name of its period, as evidence of findings has it.
    period: String,
    /// When it last wrote, by its clock.
    #[schema(format = DateTime)]
    at: String,
    /// Seconds since then, by the server's clock: a sensor that runs writes every five minutes at least.
    silent_seconds: i64,
    /// When its watch ended in order; none where it goes on or was killed.
    #[schema(format = DateTime)]
    ended: Option<String>,
    #[serde(flatten)]
    health: Health,
    /// What it could not see in this period, in sentences.
    blind_spots: Vec<String>,
}

/// What a sensor says of itself: counts since its start. Absent where it did not say.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
struct Health {
    /// `up`, `down` or `gone` of its interface; `ended` of a capture that was played.
    standing: Option<String>,
    /// Seconds since its start.
    up_seconds: Option<f64>,
    /// Frames read.
    frames: Option<u64>,
    /// Their bytes.
    bytes: Option<u64>,
    /// Frames lost because the ring between kernel and sensor was full.
    frames_lost: Option<u64>,
    /// Times that its clock was set: times before and after do not compare.
    clock_steps: Option<u64>,
    /// Frames lost by the network card.
    interface_overrun: Option<u64>,
    /// Frames, of all interfaces, lost by the kernel before any sensor saw them.
    backlog_dropped: Option<u64>,
    /// Bytes that wait to be read.
    ring_waiting_bytes: Option<u64>,
    /// Longest time from the arrival of a frame to its reading, lately.
    lag_seconds: Option<f64>,
    /// Connections alive.
    flows: Option<u64>,
    /// Memory of the process.
    resident_bytes: Option<u64>,
    /// Processor time since its start.
    cpu_seconds: Option<f64>,
    /// Frames written to the evidence ring.
    evidence_frames: Option<u64>,
    /// Frames that the evidence ring could not take.
    evidence_frames_lost: Option<u64>,
    /// Frames that wait to be written to it.
    evidence_frames_waiting: Option<u64>,
    /// Size of the evidence ring on disk.
    evidence_bytes: Option<u64>,
    /// Age of the oldest frames in it, in seconds.
    evidence_seconds: Option<u64>,
}

impl SensorRow {
    fn of(sensor: &StoredSensor, now: i64) -> Self {
        let mut health: Health = serde_json::from_str(&sensor.health).unwrap_or_default();
        health.standing = health.standing.map(|standing| shown(&standing));
        Self {
            name: shown(&sensor.name),
            period: shown(&sensor.period),
            at: rfc3339(sensor.at),
            silent_seconds: now.saturating_sub(sensor.at).max(0) / SECOND_NS,
            ended: sensor.ended.map(rfc3339),
            health,
            blind_spots: sensor.blind_spots.iter().map(|spot| shown(spot)).collect(),
        }
    }
}

/// How the sensors do: health, losses, lag, blind spots.
#[utoipa::path(
    get, path = "/api/v1/sensors", operation_id = "listSensors", tag = "sensors",
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "The sensors.", body = SensorList)),
)]
async fn list(_: May<Viewer>, At(app): At<Shared>) -> Result<Json<SensorList>, Problem> {
    let now = now();
    let sensors = read(&app, store::Reading::sensors).await?;
    Ok(Json(SensorList { sensors: sensors.iter().map(|sensor| SensorRow::of(sensor, now)).collect() }))
}
