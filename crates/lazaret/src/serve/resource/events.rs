//! `/api/v1/events`: changes of the store as they happen (server-sent events).
//!
//! Every change of a store has an entry in its audit log, so the log's numbers are the events' ids: a client that comes back
//! with `Last-Event-ID` misses nothing, however long it was away and whoever wrote.

use super::super::app::{ENDING, Shared, read};
use super::super::asked::Asked;
use super::super::caller::{Caller, May, STILL_EVERY, Viewer};
use super::super::problem::Problem;
use crate::stored::rfc3339;
use axum::extract::State as At;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use store::{Entry, Reading as _, Role};
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Entries read at once.
const BATCH: u32 = 200;
/// How often a quiet stream says that it lives, so that proxies leave it open.
const ALIVE: Duration = Duration::from_secs(15);

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(follow))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Query {
    /// Changes after this number; from now on, where it is left out. `Last-Event-ID` says the same.
    #[param(minimum = 0)]
    after: Option<i64>,
}

/// A change: `data` of an event. `event` is its action, `id` its number.
#[derive(Debug, Serialize, ToSchema)]
struct ChangeRow {
    /// Number of the change.
    seq: i64,
    #[schema(format = DateTime)]
    at: String,
    /// `import`, `acknowledge`, `resolve`, `undo`, `prune`, `sign-in`, …
    action: String,
    /// To what: the id of a finding, `store`, or `user NAME` (only for admins).
    subject: String,
    /// Who; only for those who may read the audit log.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
}

/// Changes as they happen. The stream goes on until the client leaves, the session ends or the server does; a browser's
/// `EventSource` comes back by itself.
#[utoipa::path(
    get, path = "/api/v1/events", operation_id = "followChanges", tag = "events", params(Query),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "Changes.", body = ChangeRow, content_type = "text/event-stream")),
)]
async fn follow(
    May(caller, _): May<Viewer>,
    At(app): At<Shared>,
    headers: HeaderMap,
    Asked(asked): Asked<Query>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let place = Arc::clone(&app.streams).try_acquire_owned();
    let place = place.map_err(|_| Problem::busy("Too many streams are open; close one."))?;
    let last = headers.get("last-event-id").map(|value| value.to_str().ok().and_then(|text| text.parse().ok()));
    let last = match last {
        Some(None) => return Err(Problem::malformed("Last-Event-ID: send the id of an event.")),
        Some(last) => last,
        None => asked.after,
    };
    let after = match last {
        Some(after) => after,
        None => read(&app, store::Access::last_change).await?,
    };
    let changed = app.changed.subscribe();
    let feed = Feed { caller, app, changed, after, waiting: VecDeque::new(), _place: place };
    let events = stream::unfold(feed, |mut feed| async {
        let row = feed.next().await?;
        let event = Event::default().id(row.seq.to_string()).event(row.action.clone());
        // What cannot be written as JSON is left out; nothing here cannot.
        let event = event.json_data(row).unwrap_or_default();
        Some((Ok(event), feed))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)))
}

/// What one client is told.
struct Feed {
    caller: Caller,
    app: Shared,
    changed: watch::Receiver<i64>,
    after: i64,
    waiting: VecDeque<Entry>,
    _place: OwnedSemaphorePermit,
}

impl Feed {
    /// The next change that the caller may know of; none at the end.
    async fn next(&mut self) -> Option<ChangeRow> {
        loop {
            while let Some(entry) = self.waiting.pop_front() {
                self.after = entry.seq;
                if let Some(row) = self.told(entry) {
                    return Some(row);
                }
            }
            let after = self.after;
            let entries = read(&self.app, move |store| store.audit(after, BATCH)).await;
            // The store may be busy or being restored: it is asked again.
            self.waiting.extend(entries.unwrap_or_default());
            if self.waiting.is_empty() {
                self.wait().await?;
            }
        }
    }

    /// Until something changed; none where the stream is to end.
    async fn wait(&mut self) -> Option<()> {
        loop {
            let changed = tokio::time::timeout(STILL_EVERY, self.changed.changed()).await;
            if *self.changed.borrow() == ENDING {
                return None;
            }
            match changed {
                Ok(Ok(())) => return Some(()),
                Ok(Err(_)) => return None,
                Err(_) => {
                    if !self.caller.still(&self.app).await {
                        return None;
                    }
                }
            }
        }
    }

    fn told(&self, entry: Entry) -> Option<ChangeRow> {
        // Who signs in when is for admins to know.
        if entry.subject.starts_with("user ") && !self.caller.may(Role::Admin) {
            return None;
        }
        let by = self.caller.may(Role::Analyst).then_some(entry.by);
        Some(ChangeRow { seq: entry.seq, at: rfc3339(entry.at), action: entry.action, subject: entry.subject, by })
    }
}
