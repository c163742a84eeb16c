//! `/api/v1/live` and waveforms: what devices say at the bedside just now, by WebSocket. `crate::live` describes the form.

use super::super::app::{ENDING, Shared};
use super::super::asked::{Asked, Named, list};
use super::super::caller::{Caller, Clinical, May, STILL_EVERY};
use super::super::problem::Problem;
use super::beds::read_bed_id;
use crate::live::{BedDetail, Hello, News, Place, What};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State as At;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Largest message that a browser may send, in bytes. Our limit: it has nothing to say, and a larger one ends the stream.
const SENT_BYTES_MAX: usize = 1_024;
/// Longest time that a browser may take to accept a message. Then the stream ends.
const SEND_MAX: Duration = Duration::from_secs(20);

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(beds)).routes(routes!(bed)).routes(routes!(one)).routes(routes!(several))
}

/// Every bed that is watched just now, as it shows itself and as the checks see it.
#[utoipa::path(
    get, path = "/api/v1/live", operation_id = "listLive", tag = "beds",
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("clinical"))),
    responses((status = 200, description = "The beds.", body = Hello)),
)]
async fn beds(_: May<Clinical>, At(app): At<Shared>) -> Json<Hello> {
    Json(app.hub.join().0)
}

/// A bed that is watched just now in full: trends of two hours, changes of limits, notices, and the waveform at the moments
/// that a check began to fail.
#[utoipa::path(
    get, path = "/api/v1/live/beds/{id}", operation_id = "showLiveBed", tag = "beds",
    params(("id" = String, Path, description = "Its id.", pattern = "^b-[0-9a-f]{16}(-[0-9]{1,5})?$")),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("clinical"))),
    responses((status = 200, description = "The bed.", body = BedDetail)),
)]
async fn bed(
    _: May<Clinical>,
    At(app): At<Shared>,
    Named(id): Named<String>,
) -> Result<Json<BedDetail>, Problem> {
    let place = place(&id).map_err(Problem::unknown)?;
    let detail = app.hub.bed(place);
    Ok(Json(detail.ok_or_else(|| Problem::unknown("This bed is not watched just now.".to_owned()))?))
}

fn place(id: &str) -> Result<Place, String> {
    read_bed_id(id).map(|bed| Place { asset: bed.asset, bed: bed.bed })
}

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// Waveforms and numbers of one bed as they come; `docs/spec/live-1.md` describes the messages.
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
    let place = place(&id).map_err(Problem::unknown)?;
    follow(app, caller, BTreeSet::from([place]), upgrade)
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
    let beds = list("beds", asked.beds.as_deref(), |bed| place(bed).ok())?;
    follow(app, caller, beds.into_iter().collect(), upgrade)
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
    let (hello, past, mut news) = app.hub.join();
    let mut changed = app.changed.subscribe();
    let mut still = tokio::time::interval(STILL_EVERY);
    let wanted = |place: Option<Place>| places.is_empty() || place.is_some_and(|place| places.contains(&place));
    let hello = hello.only(wanted);
    let first = [Message::Text(json(&hello).into())];
    let past = past.into_iter().filter(|news| wanted(news.place)).map(message);
    for one in first.into_iter().chain(past) {
        if !send(&mut socket, one).await {
            return;
        }
    }
    loop {
        let told = tokio::select! {
            told = news.recv() => told,
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
        let next = match told {
            Ok(one) if wanted(one.place) => message(one),
            Ok(_) => continue,
            Err(RecvError::Lagged(messages)) => {
                Message::Text(json(&Skipped { kind: "skipped", messages }).into())
            }
            Err(RecvError::Closed) => break,
        };
        if !send(&mut socket, next).await {
            return;
        }
    }
    send(&mut socket, Message::Close(None)).await;
}

/// Messages that a browser was too slow for.
#[derive(Serialize)]
struct Skipped {
    kind: &'static str,
    messages: u64,
}

/// A bed that is not shown any more.
#[derive(Serialize)]
struct Gone {
    kind: &'static str,
    key: u32,
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn message(news: News) -> Message {
    match news.what {
        What::Samples(bytes) => Message::Binary(Bytes::from_owner(bytes)),
        What::Bed(text) => Message::text(&*text),
        What::Gone => Message::Text(json(&Gone { kind: "gone", key: news.key }).into()),
    }
}

/// Whether the browser took it.
async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(tokio::time::timeout(SEND_MAX, socket.send(message)).await, Ok(Ok(())))
}
