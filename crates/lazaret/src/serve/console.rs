//! The console's files, built from `web/` into the binary.
//!
//! A machine without Node builds the binary without them; then a page says what is missing, and the API works all the
//! same. Paths without a file belong to the console's own pages (`/devices/a-…`) and get its first page.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

/// What `npm run build` in `web/` made.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/dist"]
#[allow_missing = true]
struct Files;

const FIRST_PAGE: &str = "index.html";
/// Below this folder the bundler names files by their content, so they never change.
const NAMED_BY_CONTENT: &str = "assets/";

const MISSING: &str = "\
This build of Lazaret has no console: it was built on a machine without Node.

The API works: /api/v1/openapi.json describes it.
To build the console, run `npm ci && npm run build` in web/ of the source, then `cargo build --release -p lazaret`.
";

/// A file of the console, or its first page.
pub(crate) async fn file(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    let (path, found) = match Files::get(path) {
        Some(found) => (path, Some(found)),
        None => (FIRST_PAGE, Files::get(FIRST_PAGE)),
    };
    let Some(found) = found else {
        return (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], MISSING)
            .into_response();
    };
    let kept =
        if path.starts_with(NAMED_BY_CONTENT) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = Response::new(Body::from(found.data));
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(found.metadata.mimetype()) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    response
}
