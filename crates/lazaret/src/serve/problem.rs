//! Errors as answers: RFC 9457 problem details, the same form for every error of the API.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

/// Media type of a problem (RFC 9457, section 3).
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request was not done, and what to do (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// The kind of problem, for people.
    title: &'static str,
    /// The kind of problem, for programs.
    code: &'static str,
    /// What was wrong with this request, and what to do.
    detail: String,
    /// Seconds after which it may go better.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status: status.as_u16(), title, code, detail: detail.into(), retry_after: None }
    }

    /// 400: what was sent does not have its form.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "The request does not have its form", detail)
    }

    /// 401: nobody known asks.
    pub(crate) fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Sign in first", detail)
    }

    /// 403: who asks may not.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", detail)
    }

    /// 404: there is no such thing.
    pub(crate) fn unknown(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "unknown", "There is no such thing", detail)
    }

    /// 409: it cannot be done as things are.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "refused", "It cannot be done as things are", detail)
    }

    /// 413: too much was sent.
    pub(crate) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too much was sent", detail)
    }

    /// 429: too often.
    pub(crate) fn too_often(seconds: u64) -> Self {
        let mut problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-often",
            "Too many requests",
            format!("Try again in {seconds} s."),
        );
        problem.retry_after = Some(seconds);
        problem
    }

    /// 503: not now.
    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        let mut problem =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "It cannot be done just now", detail);
        problem.retry_after = Some(BUSY_S);
        problem
    }

    /// 500: a fault of ours. What exactly is said on standard error, not to whoever asked.
    pub(crate) fn fault(what: &dyn std::error::Error) -> Self {
        eprintln!("lazaret: {}", crate::exit::with_causes(what));
        Self::fault_told("The server's log says more.")
    }

    /// The same, about what was named so in the request where it is not there.
    pub(crate) fn about(mut self, id: &str) -> Self {
        if self.status == StatusCode::NOT_FOUND.as_u16() {
            self.detail = format!("There is no {}.", crate::stored::shown(id));
        }
        self
    }

    /// What was wrong, and what to do.
    pub(crate) fn detail(&self) -> String {
        self.detail.clone()
    }

    fn fault_told(detail: &str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "fault", "A fault of the server", detail)
    }
}

/// After so many seconds what is busy may be free.
const BUSY_S: u64 = 5;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unknown { what, id } => Self::unknown(format!("There is no {what} {id}.")),
            StoreError::Refused(why) => Self::conflict(format!("{why}.")),
            StoreError::NoVault | StoreError::VaultChanged => Self::conflict(format!("{error}.")),
            StoreError::VaultDamaged(_) => Self::conflict(
                "What the vault holds of this patient is not as it was written; the log tells more.",
            ),
            StoreError::InUse { .. } => Self::busy("Another process writes to the store; try again."),
            StoreError::Full => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "full",
                "No room",
                "The disk of the store is full; nothing was changed.",
            ),
            _ => Self::fault(&error),
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::malformed(rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::unknown(rejection.body_text())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let detail = rejection.body_text();
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(detail),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "Send JSON", detail)
            }
            _ => Self::malformed(detail),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"lazaret\""));
        }
        response
    }
}

/// 404 for a path that is none of the API's.
pub(crate) async fn no_route() -> Problem {
    Problem::unknown("The API has no such path; /api/v1/openapi.json lists all.")
}

/// 405 for a method that a path does not have.
pub(crate) async fn no_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method",
        "Not with this method",
        "The Allow header of this answer says which methods this path has.",
    )
}
