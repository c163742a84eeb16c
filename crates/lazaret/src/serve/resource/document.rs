//! `/api/v1/openapi.json`: the description of the API.

use super::super::app::Shared;
use super::super::caller::{May, Viewer};
use axum::Extension;
use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show))
}

/// The document as it is sent.
#[derive(Clone)]
pub(crate) struct Written(pub(crate) Bytes);

/// The description of this API (OpenAPI 3.1).
#[utoipa::path(
    get, path = "/api/v1/openapi.json", operation_id = "showDocument", tag = "document",
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "The document.", body = serde_json::Value)),
)]
async fn show(_: May<Viewer>, Extension(document): Extension<Written>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document.0)
}
