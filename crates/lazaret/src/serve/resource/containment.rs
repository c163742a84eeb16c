//! `/api/v1/containment`: device by device, contained since when, by what, and what proves it or proves otherwise.

use super::super::app::{Shared, log_chain, read};
use super::super::asked::Asked;
use super::super::caller::{May, Viewer};
use super::super::problem::Problem;
use crate::containment::{UNSEEN, containment};
use axum::Json;
use axum::extract::State as At;
use export::containment::{Against, Containment, Device, Period, Proof};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Query {
    /// At most so many devices; all where it is not given.
    #[param(minimum = 1)]
    limit: Option<u32>,
}

/// What `lazaret report containment` says of all times, for a page.
#[derive(Debug, Serialize, ToSchema)]
struct ContainmentList {
    /// When this was put together, by the server's clock.
    #[schema(format = DateTime)]
    made: String,
    /// Whether the chain of the log that the receipts stand in is whole. What was added is verified at every request, all of it
    /// every ten minutes.
    log_whole: bool,
    /// Medical devices, and whatever else a policy names; those of concern first.
    devices: Vec<ContainedDevice>,
    /// Devices beyond `limit`.
    left_out: usize,
    /// Whether a policy ever named one of all devices.
    any_policy: bool,
}

/// A device.
#[derive(Debug, Serialize, ToSchema)]
struct ContainedDevice {
    asset: String,
    /// Whether a sensor or a scan has ever seen it: then `/api/v1/assets/{asset}` tells more.
    seen: bool,
    what: String,
    addresses: Vec<String>,
    /// How it is: `broken`, `ended`, `not-contained`, `contained`.
    standing: String,
    /// The same in words.
    words: &'static str,
    /// Since when it is contained; absent where it is not.
    #[schema(format = DateTime)]
    since: Option<String>,
    /// The latest thing that shows that it is.
    proof: Option<ContainmentProof>,
    /// Policies that name it, oldest first.
    policies: Vec<ContainmentPeriod>,
    /// What breaks it, what is open first, then the latest: findings later than the policy, with what people decided of them.
    broken_by: Vec<ContainmentBreach>,
}

/// Something that shows that a device is contained.
#[derive(Debug, Serialize, ToSchema)]
struct ContainmentProof {
    #[schema(format = DateTime)]
    at: String,
    what: String,
}

/// A policy in force.
#[derive(Debug, Serialize, ToSchema)]
struct ContainmentPeriod {
    policy: String,
    name: String,
    #[schema(format = DateTime)]
    since: String,
    by: String,
    /// When it was taken back or another took its place; absent while it is in force.
    #[schema(format = DateTime)]
    until: Option<String>,
}

/// A finding that proves otherwise.
#[derive(Debug, Serialize, ToSchema)]
struct ContainmentBreach {
    finding: String,
    rule: String,
    title: String,
    #[schema(format = DateTime)]
    first: String,
    #[schema(format = DateTime)]
    last: String,
    count: i64,
    /// What people decided, in words.
    state: String,
}

impl ContainmentList {
    fn of(report: Containment, limit: usize) -> Self {
        Self {
            made: report.made,
            log_whole: report.audit.whole,
            left_out: report.devices.len().saturating_sub(limit),
            any_policy: report.devices.iter().any(|device| !device.policies.is_empty()),
            devices: report.devices.into_iter().take(limit).map(ContainedDevice::from).collect(),
        }
    }
}

impl From<Device> for ContainedDevice {
    fn from(device: Device) -> Self {
        Self {
            seen: device.what != UNSEEN,
            standing: serde_json::to_value(device.standing).ok().and_then(|id| Some(id.as_str()?.to_owned())).unwrap_or_default(),
            words: device.standing.as_str(),
            asset: device.asset,
            what: device.what,
            addresses: device.addresses,
            since: device.since,
            proof: device.proof.map(|Proof { at, what }| ContainmentProof { at, what }),
            policies: device.policies.into_iter().map(ContainmentPeriod::from).collect(),
            broken_by: device.against.into_iter().map(ContainmentBreach::from).collect(),
        }
    }
}

impl From<Period> for ContainmentPeriod {
    fn from(period: Period) -> Self {
        let Period { policy, name, since, by, until } = period;
        Self { policy, name, since, by, until }
    }
}

impl From<Against> for ContainmentBreach {
    fn from(against: Against) -> Self {
        let Against { finding, rule, title, first, last, count, state } = against;
        Self { finding, rule, title, first, last, count, state }
    }
}

/// Who is contained: since when, the last proof, and what broke it.
#[utoipa::path(
    get, path = "/api/v1/containment", operation_id = "listContainment", tag = "containment", params(Query),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "Every device of concern.", body = ContainmentList)),
)]
async fn list(
    _: May<Viewer>,
    At(app): At<Shared>,
    Asked(asked): Asked<Query>,
) -> Result<Json<ContainmentList>, Problem> {
    let limit = match asked.limit {
        Some(0) => return Err(Problem::malformed("limit: 0 is not a number from 1 on.")),
        Some(limit) => limit as usize,
        None => usize::MAX,
    };
    let chain = log_chain(&app).await?;
    let report = read(&app, |store| containment(store, chain, (None, None))).await?;
    Ok(Json(ContainmentList::of(report, limit)))
}
