//! `/sum`: what arrived of an upload, told so that the other end can compare.

use std::fmt::Write as _;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header;
use http_body_util::BodyExt;
use ring::digest::{Context, SHA256};

use super::BadRequest;

/// Counts and digests the body as it comes, and keeps none of it.
pub(super) async fn sum(request: Request) -> Result<Response, BadRequest> {
    let mut body = request.into_body();
    let mut octets = 0;
    let mut digest = Context::new(&SHA256);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BadRequest(format!("The body broke off: {error}.")))?;
        // Trailers are no part of the content.
        if let Ok(data) = frame.into_data() {
            octets += data.len() as u64;
            digest.update(&data);
        }
    }
    let mut text = format!("octets {octets}\nsha256 ");
    for octet in digest.finish().as_ref() {
        let _ = write!(text, "{octet:02x}");
    }
    text.push('\n');
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=us-ascii")], text).into_response())
}
