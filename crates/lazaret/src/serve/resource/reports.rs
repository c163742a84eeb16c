//! `/api/v1/reports`: documents for people, made when they are asked for; nothing of them is kept.

use super::super::app::{Shared, read};
use super::super::asked::{Asked, moment};
use super::super::caller::{Analyst, May, Viewer};
use super::super::problem::Problem;
use crate::command::{Letterhead, PaperFormat, file_name, posture};
use crate::containment::containment;
use crate::stored::now;
use axum::extract::State as At;
use axum::http::header;
use axum::response::IntoResponse;
use export::paper::{Audience, Paper, Size};
use model::CaptureTime;
use serde::Deserialize;
use std::sync::Arc;
use store::Reading as _;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show_posture)).routes(routes!(show_containment))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Query {
    /// Whom it is for; the regulator, where it is left out.
    #[serde(rename = "for")]
    #[param(inline, rename = "for")]
    whom: Option<Whom>,
    /// Its format; `html`, where it is left out.
    #[param(inline)]
    format: Option<FormName>,
    /// Size of the sheets of a PDF; `a4`, where it is left out.
    #[param(inline)]
    paper: Option<SizeName>,
    /// Only what was seen after this moment (RFC 3339).
    #[param(format = DateTime)]
    from: Option<String>,
    /// Only what was seen before this moment (RFC 3339).
    #[param(format = DateTime)]
    to: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ReportReader)]
enum Whom {
    Ward,
    Biomed,
    Security,
    Regulator,
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ReportFormat)]
enum FormName {
    Html,
    Pdf,
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = SheetSize)]
enum SizeName {
    A4,
    Letter,
}

/// What was asked for, read.
#[derive(Clone, Copy)]
struct Wanted {
    audience: Audience,
    form: PaperFormat,
    size: Size,
    span: (Option<i64>, Option<i64>),
    made: i64,
}

impl Query {
    fn read(&self) -> Result<Wanted, Problem> {
        let at = |name, text: &Option<String>| text.as_deref().map(|text| moment(name, text)).transpose();
        let span = (at("from", &self.from)?, at("to", &self.to)?);
        if let (Some(from), Some(to)) = span
            && to < from
        {
            return Err(Problem::malformed("to: lies before `from`; no time is between them."));
        }
        Ok(Wanted {
            audience: match self.whom.unwrap_or(Whom::Regulator) {
                Whom::Ward => Audience::Ward,
                Whom::Biomed => Audience::Biomed,
                Whom::Security => Audience::Security,
                Whom::Regulator => Audience::Regulator,
            },
            form: match self.format.unwrap_or(FormName::Html) {
                FormName::Html => PaperFormat::Html,
                FormName::Pdf => PaperFormat::Pdf,
            },
            size: match self.paper.unwrap_or(SizeName::A4) {
                SizeName::A4 => Size::A4,
                SizeName::Letter => Size::Letter,
            },
            span,
            made: now(),
        })
    }
}

/// The document as it is sent: a file, since it has a style of its own that the policy of the console forbids.
fn file(kind: &str, wanted: Wanted, written: std::io::Result<Vec<u8>>) -> Result<impl IntoResponse + use<>, Problem> {
    let bytes = written.map_err(|cause| Problem::fault(&cause))?;
    let kind_of = match wanted.form {
        PaperFormat::Html => "text/html; charset=utf-8",
        PaperFormat::Pdf => "application/pdf",
    };
    let name = file_name(kind, wanted.audience, wanted.made, wanted.form.as_str());
    let disposition = format!("attachment; filename=\"{name}\"");
    Ok(([(header::CONTENT_TYPE, kind_of.to_owned()), (header::CONTENT_DISPOSITION, disposition)], bytes))
}

fn written(wanted: Wanted, paper: &Paper) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    wanted.form.write(paper, wanted.size, &mut bytes)?;
    Ok(bytes)
}

/// How the medical devices stand, for the ward, biomedical engineering, the security officer or the regulator.
#[utoipa::path(
    get, path = "/api/v1/reports/posture", operation_id = "showPostureReport", tag = "reports", params(Query),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "The report, as a file.", content(
        (Vec<u8> = "application/pdf"), (String = "text/html")
    ))),
)]
async fn show_posture(
    _: May<Viewer>,
    At(app): At<Shared>,
    Asked(asked): Asked<Query>,
) -> Result<impl IntoResponse, Problem> {
    let wanted = asked.read()?;
    let site = Arc::clone(&app);
    let ask = move |store: &store::Reader| {
        let letterhead = Letterhead::of(store, wanted.made)?;
        let posture = posture::gather(store, wanted.span, &site.site, &letterhead)?;
        Ok(written(wanted, &posture.paper(wanted.audience)))
    };
    file("posture", wanted, read(&app, ask).await?)
}

/// Which medical devices are contained since when, what proves it and what proves otherwise.
#[utoipa::path(
    get, path = "/api/v1/reports/containment", operation_id = "showContainmentReport", tag = "reports", params(Query),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("analyst"))),
    responses((status = 200, description = "The report, as a file.", content(
        (Vec<u8> = "application/pdf"), (String = "text/html")
    ))),
)]
async fn show_containment(
    _: May<Analyst>,
    At(app): At<Shared>,
    Asked(asked): Asked<Query>,
) -> Result<impl IntoResponse, Problem> {
    let wanted = asked.read()?;
    let ask = move |store: &store::Reader| {
        let letterhead = Letterhead::of(store, wanted.made)?;
        let report = containment(store, store.verify_audit(None)?, wanted.span)?;
        let made = CaptureTime::from_nanos(wanted.made);
        let version = env!("CARGO_PKG_VERSION");
        let paper = report.paper(wanted.audience, letterhead.site.as_deref(), made, version);
        Ok(written(wanted, &paper))
    };
    file("containment", wanted, read(&app, ask).await?)
}
