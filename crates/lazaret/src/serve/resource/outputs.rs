//! `/api/v1/outputs`: who is told of findings, what waits for them, and how it goes.

use super::super::app::{Shared, read, write};
use super::super::asked::Named;
use super::super::caller::{Admin, May};
use super::super::problem::Problem;
use crate::outputs::{self, courses};
use crate::stored::{rfc3339, shown};
use axum::Json;
use axum::extract::State as At;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Course, Writing as _};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(test))
}

/// Every receiver that is told of findings, or was.
#[derive(Debug, Serialize, ToSchema)]
struct OutputList {
    outputs: Vec<OutputRow>,
}

/// A receiver.
#[derive(Debug, Serialize, ToSchema)]
struct OutputRow {
    name: String,
    /// What it is and where, as `--outputs` of this server says; none where that does not name it (any more).
    kind: Option<String>,
    to: Option<String>,
    /// Which findings it gets, in words.
    route: Option<String>,
    /// Messages that wait.
    waiting: i64,
    /// Since when the oldest of them does.
    #[schema(format = DateTime)]
    oldest: Option<String>,
    /// Messages that were delivered, ever; and those of them that were marked as possible repeats.
    delivered: i64,
    repeated: i64,
    /// Messages that it refused and that were put aside; they are tried again at the next start.
    refused: i64,
    #[schema(format = DateTime)]
    delivered_at: Option<String>,
    /// When delivering failed last; none where it went well since.
    #[schema(format = DateTime)]
    failed_at: Option<String>,
    /// Why.
    failure: Option<String>,
}

/// Lists receivers.
#[utoipa::path(
    get, path = "/api/v1/outputs", operation_id = "listOutputs", tag = "outputs",
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("admin"))),
    responses((status = 200, description = "Every receiver.", body = OutputList)),
)]
async fn list(_: May<Admin>, At(app): At<Shared>) -> Result<Json<OutputList>, Problem> {
    let asked = Arc::clone(&app);
    let mut courses: BTreeMap<String, Course> = read(&app, move |_| courses(asked.folder())).await?;
    for output in app.outputs() {
        courses.entry(output.name.clone()).or_default();
    }
    let row = |(name, course): (String, Course)| {
        let output = app.outputs().iter().find(|output| output.name == name);
        OutputRow {
            kind: output.map(|output| output.kind().to_owned()),
            to: output.map(|output| shown(&output.to())),
            route: output.map(|output| shown(&output.route.words())),
            waiting: course.waiting,
            oldest: course.oldest.map(rfc3339),
            delivered: course.delivered,
            repeated: course.repeated,
            refused: course.refused,
            delivered_at: course.delivered_at.map(rfc3339),
            failed_at: course.failed_at.map(rfc3339),
            failure: course.failure.as_deref().map(shown),
            name,
        }
    };
    Ok(Json(OutputList { outputs: courses.into_iter().map(row).collect() }))
}

/// What a receiver said to a message about nothing.
#[derive(Debug, Serialize, ToSchema)]
struct TestResult {
    /// Whether it took the message.
    taken: bool,
    /// Why not.
    failure: Option<String>,
}

/// Sends a receiver one message that says of itself that it is a test.
#[utoipa::path(
    post, path = "/api/v1/outputs/{name}/test", operation_id = "testOutput", tag = "outputs",
    params(("name" = String, Path, description = "Its name, as `--outputs` of this server has it.", max_length = 200)),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("admin"))),
    responses((status = 200, description = "What came of it.", body = TestResult)),
)]
async fn test(
    May(caller, _): May<Admin>,
    At(app): At<Shared>,
    Named(name): Named<String>,
) -> Result<Json<TestResult>, Problem> {
    let output = app.outputs().iter().find(|output| output.name == name).cloned();
    let output = output.ok_or_else(|| {
        Problem::unknown(format!("--outputs of this server names no receiver `{}`.", shown(&name)))
    })?;
    let (who, subject) = (caller.actor(), format!("output {}", output.name));
    write(&app, move |store| store.note("test-output", &subject, &serde_json::json!({}), &who)).await?;
    // Receivers have time limits of their own.
    let sent = tokio::task::spawn_blocking(move || outputs::test(&output)).await;
    let sent = sent.map_err(|cause| Problem::fault(&cause))?;
    Ok(Json(TestResult { taken: sent.is_ok(), failure: sent.err().map(|why| shown(&why)) }))
}
