//! The console's files, built from `web/` into the binary.
//!
//! A machine without Node builds the binary without them; then a page says what is missing, and the API works all the
//! same. Paths without a file belong to the console's own pages (`/devices/a-…`) and get its first page.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

/// What `build.rs` made of `web/`: nothing, where it could not.
#[derive(RustEmbed)]
#[folder = "$OUT_DIR/console"]
struct Files;

const FIRST_PAGE: &str = "index.html";
/// Below this folder the bundler names files by their content, so they never change.
const NAMED_BY_CONTENT: &str = "assets/";

const MISSING: &str = "\
This build of Lazaret has no console: it was built without Node, or with LAZARET_CONSOLE=off.

The API works: /api/v1/openapi.json describes it.
To have it, install Node 20.19 or later with npm, then build again: cargo build --release --locked -p lazaret
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
