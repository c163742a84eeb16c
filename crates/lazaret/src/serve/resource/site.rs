//! `/api/v1/site`: what the site says of itself, and in which file. Only the file is changed, so that sensor, scans and this
//! server go by the same words.

use super::super::app::Shared;
use super::super::caller::{May, Viewer};
use crate::stored::shown;
use axum::Json;
use axum::extract::State as At;
use serde::Serialize;
use store::Role;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show))
}

/// What the site says of itself.
#[derive(Debug, Serialize, ToSchema)]
struct SiteRow {
    /// The file, as this server was started with it, for admins; none where it was started without one.
    file: Option<String>,
    /// The site's own networks.
    networks: Vec<String>,
    /// Its zones, in the order of the file; the first that holds an address counts.
    zones: Vec<ZoneRow>,
    /// Servers, devices and policies that it names.
    servers: usize,
    devices: usize,
    policies: usize,
}

/// A part of the site's network.
#[derive(Debug, Serialize, ToSchema)]
struct ZoneRow {
    name: String,
    cidr: String,
}

/// What the site says of itself.
#[utoipa::path(
    get, path = "/api/v1/site", operation_id = "showSite", tag = "settings",
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "What it says.", body = SiteRow)),
)]
async fn show(May(caller, _): May<Viewer>, At(app): At<Shared>) -> Json<SiteRow> {
    let site = &app.site;
    Json(SiteRow {
        file: app.site_file.get().filter(|_| caller.may(Role::Admin)).map(|file| shown(&file.display().to_string())),
        networks: site.networks.iter().map(|network| network.to_string()).collect(),
        zones: site
            .zones
            .iter()
            .map(|zone| ZoneRow { name: shown(&zone.name), cidr: zone.cidr.to_string() })
            .collect(),
        servers: site.servers.len(),
        devices: site.devices.len(),
        policies: site.policies.len(),
    })
}
