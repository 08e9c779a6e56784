//! What to tell a person when something did not work, and the exit code that goes with it.

use std::error::Error;
use std::io;

use ::http::StatusCode;
use url::Url;

use super::super::{Failure, exit};
use super::link::Unreachable;
use super::verbose::clean;
use crate::http::client::redirect::Refused;
use crate::http::client::{ConnectError, SendError};

/// There is no response.
pub(super) fn of_sending(error: &SendError, url: &Url) -> Failure {
    match error {
        SendError::Connect(error) => of_connecting(error),
        SendError::Http(error) | SendError::Stale(error) => {
            let host = place(url);
            let why = in_words(error);
            // No HTTP came: nothing, or something else.
            let is_other = !error.is_parse() || why.contains("version");
            let may_be_secure = is_other && url.scheme() == "http" && url.port().is_some();
            let hint = if may_be_secure { "; if it speaks TLS there, write https://" } else { "" };
            Failure::new(exit::FAILURE, format!("no response from {host}: {why}{hint}"))
        }
    }
}

/// There is no connection.
pub(super) fn of_connecting(error: &ConnectError) -> Failure {
    match error {
        // It is known, but has no address of the family that is asked for.
        ConnectError::Resolve { error: why, .. }
            if why.kind() == io::ErrorKind::AddrNotAvailable =>
        {
            Failure::new(exit::UNAVAILABLE, format!("{error}: -4 and -6 leave out the others"))
        }
        ConnectError::Resolve { .. } => {
            let hint = "inside glass run there is no DNS (--resolve tells it)";
            Failure::new(exit::UNAVAILABLE, format!("{error}; {hint}"))
        }
        ConnectError::Attempts { failures, .. } => {
            let reasons = failures.iter().map(|(_, error)| unreachable(error));
            match reasons.collect::<Option<Vec<_>>>() {
                Some(reasons) if !reasons.is_empty() => {
                    Failure::new(exit::UNAVAILABLE, reasons.join("\n"))
                }
                _ => Failure::new(exit::FAILURE, error),
            }
        }
        ConnectError::Timeout { .. } => {
            Failure::new(exit::FAILURE, format!("{error} (--connect-timeout)"))
        }
        ConnectError::Tls { .. } if error.certificate().is_some() => {
            let hint = "--cacert FILE trusts whoever signed it, -k takes any certificate";
            Failure::new(exit::FAILURE, format!("{error}. {hint}"))
        }
        ConnectError::Tls { .. } | ConnectError::Url { .. } => Failure::new(exit::FAILURE, error),
    }
}

fn unreachable(error: &io::Error) -> Option<String> {
    error.get_ref()?.downcast_ref::<Unreachable>().map(ToString::to_string)
}

pub(super) fn of_redirect(refused: &Refused) -> Failure {
    let hint = match refused {
        Refused::Downgrade(_) => " (--allow-downgrade goes there)",
        Refused::Location(_) | Refused::TooLong(_) | Refused::Scheme(_) => "",
    };
    Failure::new(exit::FAILURE, format!("{refused}{hint}"))
}

/// The body ended early, or cannot be decoded.
pub(super) fn of_body(error: &(dyn Error + 'static), octets: u64, total: Option<u64>) -> Failure {
    let cannot_be_decoded = |error: &io::Error| error.kind() != io::ErrorKind::UnexpectedEof;
    if error.downcast_ref().is_some_and(cannot_be_decoded) {
        let message = format!(
            "the body cannot be decoded, after {octets} octets: {} (without --compressed it comes as it is)",
            clean(&error.to_string())
        );
        return Failure::new(exit::FAILURE, message);
    }
    let of = total.map_or(String::new(), |total| format!(" of {total}"));
    let why = match error.downcast_ref::<hyper::Error>() {
        Some(error) => in_words(error),
        None => error.to_string(),
    };
    let message = format!("the response ended early, after {octets}{of} octets: {}", clean(&why));
    Failure::new(exit::FAILURE, message)
}

/// A status that says "error" is a failure.
pub(super) fn of_status(status: StatusCode, url: &Url) -> Result<(), Failure> {
    if status.is_client_error() || status.is_server_error() {
        let message = format!("{}: the server answered {status}", place(url));
        return Err(Failure::new(exit::FAILURE, message));
    }
    Ok(())
}

/// hyper's words, with what lies below them.
fn in_words(error: &hyper::Error) -> String {
    if error.is_incomplete_message() {
        return "the server closed the connection in the middle".to_owned();
    }
    match error.source() {
        Some(below) if is_cut_tls(below) => {
            "the connection was cut: TLS has not ended (no close_notify)".to_owned()
        }
        Some(below) => format!("{error}: {below}"),
        None => error.to_string(),
    }
}

/// rustls has a link to its documentation for this.
fn is_cut_tls(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| {
        error.kind() == io::ErrorKind::UnexpectedEof && error.to_string().contains("close_notify")
    })
}

fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{host}:{port}")
}
