//! Requests that are refused before anything else sees them: the status, and words for whoever wrote the
//! client.

use std::borrow::Cow;
use std::time::SystemTime;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, Version, header};

use crate::serving::http_date;

/// What a client is told in place of an answer. The connection ends with it, for after a mistake
/// nobody knows where the next request begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// One sentence.
    pub(super) text: Cow<'static, str>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Refusal { status, text: text.into() }
    }

    /// For hyper to write. It leaves the text away where there must be none.
    pub(super) fn into_response(self, version: Version) -> Response {
        let mut response = Response::new(Body::from(self.text + "\n"));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(TEXT));
        // HTTP/2 knows no such field.
        if version <= Version::HTTP_11 {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// As HTTP/1.1 has it, for where hyper takes no answer.
    pub(super) fn on_the_wire(&self, server: &str, now: SystemTime) -> String {
        let (status, text) = (self.status, &self.text);
        let date = http_date(now);
        // An unknown status has no reason, and its blank stays (RFC 9112 4).
        format!(
            "HTTP/1.1 {} {}\r\nconnection: close\r\ncontent-type: {TEXT}\r\ncontent-length: {}\r\n\
             server: {server}\r\ndate: {date}\r\n\r\n{text}\n",
            status.as_str(),
            status.canonical_reason().unwrap_or_default(),
            text.len() + 1,
        )
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
