//! `/api/v1/outputs`: who is told of findings, what waits for them, and how it goes.

use super::super::app::{Shared, read};
use super::super::caller::{Admin, May};
use super::super::problem::Problem;
use crate::outputs::courses;
use crate::stored::{rfc3339, shown};
use axum::Json;
use axum::extract::State as At;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::Course;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
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
