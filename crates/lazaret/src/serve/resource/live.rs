//! `/api/v1/live` and waveforms: what devices say at the bedside just now, by binary WebSocket.

use super::super::app::{ENDING, Shared};
use super::super::asked::{Asked, Named, list};
use super::super::caller::{Caller, Clinical, May, STILL_EVERY};
use super::super::live::{Said, missed};
use super::super::problem::Problem;
use super::beds::{bed_id, read_bed_id};
use crate::pipeline::Place;
use crate::stored::rfc3339;
use axum::Json;
use axum::extract::State as At;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use store::Bed;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::error::RecvError;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Largest message that a browser may send, in bytes. Our limit: it has nothing to say, and a larger one ends the stream.
const SENT_BYTES_MAX: usize = 1_024;
/// Longest time that a browser may take to accept a message. Then the stream ends.
const SEND_MAX: Duration = Duration::from_secs(20);

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(beds)).routes(routes!(one)).routes(routes!(several))
}

/// Beds that something was said of since the server started.
#[derive(Debug, Serialize, ToSchema)]
struct LiveList {
    /// Whether anything is listened to: an interface or a replay.
    listening: bool,
    beds: Vec<LiveRow>,
}

/// A bed that something is said of.
#[derive(Debug, Serialize, ToSchema)]
struct LiveRow {
    id: String,
    /// The device.
    asset: String,
    /// The number it gives.
    bed: Option<u16>,
    /// When something was last said of it, in capture time.
    #[schema(format = DateTime)]
    last: String,
    /// Channels of waveforms: `ecg-1`, `ecg-2`, `ecg-3`, `pleth`, `respiration`.
    channels: Vec<&'static str>,
}

/// Beds that something was said of since the server started.
#[utoipa::path(
    get, path = "/api/v1/live", operation_id = "listLive", tag = "beds",
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("clinical"))),
    responses((status = 200, description = "The beds.", body = LiveList)),
)]
async fn beds(_: May<Clinical>, At(app): At<Shared>) -> Json<LiveList> {
    let row = |(place, bed): (Place, super::super::live::LiveBed)| LiveRow {
        id: bed_id(Bed { asset: place.asset, bed: place.bed }),
        asset: place.asset.to_string(),
        bed: place.bed,
        last: rfc3339(bed.last.nanos()),
        channels: bed.channels.keys().map(|channel| channel.as_str()).collect(),
    };
    Json(LiveList { listening: app.listening, beds: app.hub.list().into_iter().map(row).collect() })
}

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// Waveforms and numbers of one bed as they come, in binary messages; the book describes their form (API, live).
#[utoipa::path(
    get, path = "/api/v1/beds/{id}/waveform", operation_id = "followBed", tag = "beds",
    params(("id" = String, Path, description = "Its id.", pattern = "^b-[0-9a-f]{16}(-[0-9]{1,5})?$")),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("clinical"))),
    responses((status = 101, description = "A WebSocket.")),
)]
async fn one(
    May(caller, _): May<Clinical>,
    At(app): At<Shared>,
    Named(id): Named<String>,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let bed = read_bed_id(&id).map_err(Problem::unknown)?;
    follow(app, caller, BTreeSet::from([Place { asset: bed.asset, bed: bed.bed }]), upgrade)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Query {
    /// Of these beds, separated by commas; of all, where it is left out.
    #[param(value_type = Option<Vec<String>>, style = Form, explode = false)]
    beds: Option<String>,
}

/// The same of several beds over one WebSocket.
#[utoipa::path(
    get, path = "/api/v1/live/waveforms", operation_id = "followBeds", tag = "beds", params(Query),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("clinical"))),
    responses((status = 101, description = "A WebSocket.")),
)]
async fn several(
    May(caller, _): May<Clinical>,
    At(app): At<Shared>,
    Asked(asked): Asked<Query>,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let beds = list("beds", asked.beds.as_deref(), |bed| read_bed_id(bed).ok())?;
    follow(app, caller, beds.into_iter().map(|bed| Place { asset: bed.asset, bed: bed.bed }).collect(), upgrade)
}

fn follow(app: Shared, caller: Caller, places: BTreeSet<Place>, upgrade: Upgrade) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|_| Problem::malformed("This is a WebSocket; open it as one (RFC 6455)."))?;
    let place = Arc::clone(&app.streams).try_acquire_owned();
    let place = place.map_err(|_| Problem::busy("Too many streams are open; close one."))?;
    let upgrade = upgrade.max_message_size(SENT_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| tell(socket, app, caller, places, place)))
}

/// Tells until the browser leaves, may no longer listen, or the server ends.
async fn tell(
    mut socket: WebSocket,
    app: Shared,
    caller: Caller,
    places: BTreeSet<Place>,
    _place: OwnedSemaphorePermit,
) {
    let (mut said, held) = app.hub.listen();
    let mut changed = app.changed.subscribe();
    let mut still = tokio::time::interval(STILL_EVERY);
    let wanted = |said: &Said| places.is_empty() || places.contains(&said.place);
    for one in held.into_iter().filter(wanted) {
        if !send(&mut socket, Message::Binary(one.bytes)).await {
            return;
        }
    }
    loop {
        let told = tokio::select! {
            told = said.recv() => told,
            sent = socket.recv() => match sent {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
            _ = changed.changed() => {
                if *changed.borrow() == ENDING {
                    break;
                }
                continue;
            }
            _ = still.tick() => {
                if caller.still(&app).await {
                    continue;
                }
                break;
            }
        };
        let bytes = match told {
            Ok(one) if wanted(&one) => one.bytes,
            Ok(_) => continue,
            Err(RecvError::Lagged(count)) => missed(count),
            Err(RecvError::Closed) => break,
        };
        if !send(&mut socket, Message::Binary(bytes)).await {
            return;
        }
    }
    send(&mut socket, Message::Close(None)).await;
}

/// Whether the browser took it.
async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(tokio::time::timeout(SEND_MAX, socket.send(message)).await, Ok(Ok(())))
}
