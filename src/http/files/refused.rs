//! Why a request gets no file, in words that help whoever asked.

use axum::response::Response;
use http::{HeaderValue, StatusCode, Uri, header};

use super::super::pages::Reader;
use super::root::Refusal;
use super::target::BadTarget;
use crate::http::access_log::printable;

/// Why there is nothing to be had.
#[derive(Debug)]
pub(super) enum Refused {
    /// The path says nothing.
    Target(BadTarget),
    /// The name begins with a dot.
    Hidden,
    /// The system gave us nothing.
    Root(Refusal),
    /// It is a directory, without an index, and those are not shown.
    NoListing,
    /// `If-Match` or `If-Unmodified-Since` does not hold.
    Precondition,
    /// No coding of ours is acceptable.
    Coding,
    /// No part that was asked for is there; so many octets are.
    Range(u64),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Refused::Root(refusal)
    }
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        Refused::Root(Refusal::Failed(error))
    }
}

impl Refused {
    pub(super) fn response(&self, reader: Reader, uri: &Uri) -> Response {
        let path = uri.path();
        if let Refused::Root(Refusal::Failed(error)) = self {
            log::warn!("{} cannot be read: {error}", printable(path));
        }
        let mut response = reader.refusal(self.status(), &self.words(path));
        let headers = response.headers_mut();
        match self {
            Refused::Range(len) => {
                let range = HeaderValue::from_str(&format!("bytes */{len}"));
                headers.insert(header::CONTENT_RANGE, range.expect("digits"));
            }
            Refused::Root(Refusal::Busy) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Refused::Target(_)
            | Refused::Hidden
            | Refused::Root(_)
            | Refused::NoListing
            | Refused::Precondition
            | Refused::Coding => {}
        }
        response
    }

    const fn status(&self) -> StatusCode {
        match self {
            Refused::Target(_) => StatusCode::BAD_REQUEST,
            // Of what is hidden nobody learns whether it is there.
            Refused::Hidden | Refused::Root(Refusal::Absent) => StatusCode::NOT_FOUND,
            Refused::Root(Refusal::Forbidden | Refusal::Outside | Refusal::Special)
            | Refused::NoListing => StatusCode::FORBIDDEN,
            Refused::Root(Refusal::Busy) => StatusCode::SERVICE_UNAVAILABLE,
            Refused::Root(Refusal::Failed(_)) => StatusCode::INTERNAL_SERVER_ERROR,
            Refused::Precondition => StatusCode::PRECONDITION_FAILED,
            Refused::Coding => StatusCode::NOT_ACCEPTABLE,
            Refused::Range(_) => StatusCode::RANGE_NOT_SATISFIABLE,
        }
    }

    fn words(&self, path: &str) -> String {
        match self {
            Refused::Target(BadTarget::Percent) => {
                format!(
                    "{path} is not a path: behind % two hexadecimal digits are needed (% itself is %25)."
                )
            }
            Refused::Target(BadTarget::Name) => {
                format!(
                    "{path} is not a path: no name has a slash (%2F) or an octet 0 (%00) in it."
                )
            }
            Refused::Target(BadTarget::Above) => format!("{path} leads above what is served."),
            Refused::Hidden | Refused::Root(Refusal::Absent) => {
                format!("There is no file at {path}.")
            }
            Refused::Root(Refusal::Forbidden) => {
                format!("The server may not read {path}: its permissions do not allow it.")
            }
            Refused::Root(Refusal::Outside) => {
                format!("{path} is a link that leads out of the directory that is served.")
            }
            Refused::Root(Refusal::Special) => {
                format!("{path} is neither a file nor a directory.")
            }
            Refused::Root(Refusal::Busy) => {
                "The server has too much to do at the moment. Please try again soon.".to_owned()
            }
            Refused::Root(Refusal::Failed(_)) => {
                format!("{path} could not be read; the log of the server says why.")
            }
            Refused::NoListing => {
                format!(
                    "{path} is a directory without an index.html, and directories are not listed here."
                )
            }
            Refused::Precondition => {
                format!(
                    "{path} is no longer what this request is meant for (If-Match, If-Unmodified-Since)."
                )
            }
            Refused::Coding => {
                "This request refuses everything that could be sent: gzip, br, zstd and identity \
                 (Accept-Encoding)."
                    .to_owned()
            }
            Refused::Range(len) => {
                format!("{path} has {len} octets, none of them in the range that was asked for.")
            }
        }
    }
}
