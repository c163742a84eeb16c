//! What is asked: queries, bodies and ids, read strictly, with problems as answers.

use super::app::Shared;
use super::problem::Problem;
use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// Items in a page, unless somebody asks for more or less.
pub(crate) const PAGE: u32 = 50;
/// Most items in a page. Our limit; more is refused with 400.
pub(crate) const PAGE_MAX: u32 = 500;
/// Longest text to search for, in bytes. Our limit; a longer one is refused with 400.
pub(crate) const TEXT_BYTES_MAX: usize = 200;
/// Longest note, reason or name that is kept, in bytes. Our limit; a longer one is refused with 400.
pub(crate) const NOTE_BYTES_MAX: usize = 2_000;

/// The query of a request.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let Query(query) = Query::from_request_parts(parts, app).await?;
        Ok(Self(query))
    }
}

/// The body of a request, in JSON.
pub(crate) struct Sent<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Shared> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Problem> {
        let Json(body) = Json::from_request(request, app).await?;
        Ok(Self(body))
    }
}

/// What stands in the path.
pub(crate) struct Named<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let Path(named) = Path::from_request_parts(parts, app).await?;
        Ok(Self(named))
    }
}

/// How many items a page is to have.
pub(crate) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(PAGE) {
        limit @ 1..=PAGE_MAX => Ok(limit),
        limit => Err(Problem::malformed(format!("limit: {limit} is not in 1 to {PAGE_MAX}."))),
    }
}

/// Text to search for; none where it is empty.
pub(crate) fn text(name: &str, asked: Option<String>) -> Result<Option<String>, Problem> {
    let Some(text) = asked.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.len() > TEXT_BYTES_MAX {
        return Err(Problem::malformed(format!("{name}: longer than {TEXT_BYTES_MAX} bytes.")));
    }
    if text.contains('\0') {
        return Err(Problem::malformed(format!("{name}: has a character of code 0.")));
    }
    Ok(Some(text))
}

/// A note as it is kept: printable; none where it is empty.
pub(crate) fn note(name: &str, sent: Option<String>) -> Result<Option<String>, Problem> {
    let Some(text) = sent.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.len() > NOTE_BYTES_MAX {
        return Err(Problem::malformed(format!("{name}: longer than {NOTE_BYTES_MAX} bytes.")));
    }
    Ok(Some(crate::stored::shown(&text)))
}

/// A moment: RFC 3339.
pub(crate) fn moment(name: &str, sent: &str) -> Result<i64, Problem> {
    let at = sent.parse::<jiff::Timestamp>().ok();
    at.and_then(|at| i64::try_from(at.as_nanosecond()).ok()).ok_or_else(|| {
        Problem::malformed(format!("{name}: a moment is written like 2026-12-31T08:00:00Z (RFC 3339)."))
    })
}

/// What of a list is separated by commas, each read by `one`.
pub(crate) fn list<T>(
    name: &str,
    asked: Option<&str>,
    one: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Problem> {
    let parts = asked.unwrap_or_default().split(',').filter(|part| !part.is_empty());
    let read = |part: &str| {
        let part = part.trim();
        one(part).ok_or_else(|| {
            Problem::malformed(format!("{name}: there is no `{}`.", crate::stored::shown(part)))
        })
    };
    parts.map(read).collect()
}

/// One more than a page holds was asked for: cuts it to the page, and gives what the next begins after.
pub(crate) fn cut<T, C>(items: &mut Vec<T>, limit: u32, cursor: impl Fn(&T) -> C) -> Option<C> {
    let limit = limit as usize;
    let more = items.len() > limit;
    items.truncate(limit);
    items.last().filter(|_| more).map(cursor)
}
