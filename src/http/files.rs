//! Serves a directory.

use std::path::Path;

use axum::Router;
use axum::response::IntoResponse;
use http::{StatusCode, Uri};
use tower_http::services::ServeDir;

/// The files below `root`; `index.html` stands for its directory. Anything else is 404.
pub fn directory(root: impl AsRef<Path>) -> Router {
    let files = ServeDir::new(root).fallback(axum::routing::any(not_found));
    Router::new().fallback_service(files)
}

async fn not_found(uri: Uri) -> impl IntoResponse {
    (StatusCode::NOT_FOUND, format!("There is no file at {}.\n", uri.path()))
}
