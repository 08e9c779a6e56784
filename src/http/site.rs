//! The built-in site: small answers, each of which makes TCP do something worth a look.

use std::fmt::Write as _;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header};
use http_body_util::BodyExt;
use maud::html;
use serde::Serialize;
use tokio::time::sleep;

use self::bodies::{Echo, Lines, Pattern};
use super::exchange::Endpoints;
use super::pages::{Reader, document};
use crate::serving::{StatusSource, TlsInfo};
use crate::stack::Summary;

mod bodies;
mod sum;

/// What is here: path, what to put in it, what it does.
const PAGES: [(&str, &str, &str); 9] = [
    ("/hello", "/hello", "a greeting"),
    ("/connection", "/connection", "this very connection: state, timers, round trip, windows"),
    ("/bytes/N", "/bytes/1000000", "N octets of text, with their length announced"),
    ("/stream/N", "/stream/10?ms=200", "N lines, one chunk each, ?ms=MS apart"),
    ("/delay/MS", "/delay/1000", "an answer MS milliseconds later"),
    ("/status/CODE", "/status/404", "a response with this status code"),
    ("/echo", "", "POST: your own words, as they arrive"),
    ("/sum", "", "POST or PUT: how many octets came, and their SHA-256"),
    ("/", "/", "this page"),
];

const LONGEST_WAIT_MS: u64 = 60_000;
const MOST_LINES: u64 = 10_000;

/// The site that answers when there is no directory to serve.
pub fn site() -> Router {
    Router::new()
        .route("/", get(index))
        .route("/hello", get(hello))
        .route("/connection", get(connection))
        .route("/bytes/{n}", get(octets))
        .route("/stream/{n}", get(stream))
        .route("/delay/{ms}", get(delay))
        .route("/status/{code}", get(status))
        .route("/echo", post(echo))
        .route("/sum", post(sum::sum).put(sum::sum))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}

async fn index(
    headers: HeaderMap,
    endpoints: Option<Extension<Endpoints>>,
    source: Option<Extension<StatusSource>>,
) -> Response {
    let mut you = String::new();
    if let Some(Extension(Endpoints { local, remote })) = endpoints {
        let _ = write!(you, "You are {remote}, and I am {local}.");
    }
    if let Some(report) = source.and_then(|Extension(source)| source.ask()) {
        let state = report.status.state;
        let id = report.id;
        let _ = write!(you, " This is connection {id} of a TCP of my own; it is in {state}.");
    }
    Reader::of(&headers).page(|| html(&you), || text(&you))
}

const WHAT_ANSWERS: &str =
    "glasstack answers here: a TCP/IP stack in userspace that can be seen through.";

fn text(you: &str) -> String {
    format!("{WHAT_ANSWERS}\n{you}\n\n{}", list())
}

fn html(you: &str) -> String {
    let content = html! {
        h1 { "glasstack" }
        p { (WHAT_ANSWERS) }
        p { (you) }
        table {
            @for (path, example, what) in PAGES {
                tr {
                    td {
                        code {
                            @if example.is_empty() { (path) } @else { a href=(example) { (path) } }
                        }
                    }
                    td { (what) }
                }
            }
        }
    };
    document("glasstack", &content)
}

fn list() -> String {
    PAGES.map(|(path, _, what)| format!("  {path:<14}{what}\n")).concat()
}

async fn hello() -> &'static str {
    "Hello from glasstack, a TCP/IP stack in userspace.\n"
}

/// What `/connection` tells.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    summary: Option<Summary>,
    /// The version of HTTP: `HTTP/1.1`.
    http: String,
    /// Where the connection is by TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<TlsInfo>,
}

async fn connection(
    version: Version,
    source: Option<Extension<StatusSource>>,
    tls: Option<Extension<TlsInfo>>,
) -> Response {
    let summary = source.and_then(|Extension(source)| source.ask());
    let tls = tls.map(|Extension(tls)| tls);
    if summary.is_none() && tls.is_none() {
        let text = "This connection does not run on glasstack's own TCP: nothing is known of its inside.\n";
        return (StatusCode::NOT_FOUND, text).into_response();
    }
    let report = Report { summary, http: format!("{version:?}"), tls };
    let json = serde_json::to_string_pretty(&report).expect("every key of a report is a text");
    ([(header::CONTENT_TYPE, "application/json")], json + "\n").into_response()
}

async fn octets(Path(n): Path<String>) -> Result<Response, BadRequest> {
    let n = number("/bytes/N", "a number of octets", &n, u64::MAX)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=us-ascii")),
        (header::CONTENT_LENGTH, HeaderValue::from(n)),
    ];
    Ok((headers, Body::new(Pattern::new(n))).into_response())
}

async fn stream(Path(n): Path<String>, uri: Uri) -> Result<Response, BadRequest> {
    let lines = number("/stream/N", "a number of lines", &n, MOST_LINES)?;
    let mut pause = 0;
    for pair in uri.query().unwrap_or_default().split('&') {
        if let Some(ms) = pair.strip_prefix("ms=") {
            pause = number("?ms=MS", "a number of milliseconds", ms, LONGEST_WAIT_MS)?;
        }
    }
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=us-ascii")];
    let body = Body::new(Lines::new(lines, Duration::from_millis(pause)));
    Ok((headers, body).into_response())
}

async fn delay(Path(ms): Path<String>) -> Result<String, BadRequest> {
    let ms = number("/delay/MS", "a number of milliseconds", &ms, LONGEST_WAIT_MS)?;
    sleep(Duration::from_millis(ms)).await;
    Ok(format!("This took {ms} ms.\n"))
}

async fn status(Path(code): Path<String>) -> Result<Response, BadRequest> {
    let number = number("/status/CODE", "a status code", &code, 999)?;
    let code = u16::try_from(number).ok().and_then(|code| StatusCode::from_u16(code).ok());
    let code = code.filter(|code| !code.is_informational()).ok_or_else(|| {
        BadRequest(format!(
            "{number} cannot be the status of a response: use 200 to 999 (1xx only announces that \
             one is to come)."
        ))
    })?;
    let has_body = !matches!(
        code,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    );
    let body = has_body.then(|| format!("{code}\n"));
    Ok(match body {
        Some(body) => (code, body).into_response(),
        None => code.into_response(),
    })
}

/// Sends back what arrives, while it arrives. The answer begins with the first octets, not before
/// them: asking for them is what makes hyper say `100 Continue` to a client that waits for it.
async fn echo(request: Request) -> Result<Response, BadRequest> {
    let (parts, mut rest) = request.into_parts();
    let whole = http_body::Body::size_hint(&rest);
    let first = rest.frame().await.transpose();
    let first = first.map_err(|error| BadRequest(format!("The body broke off: {error}.")))?;
    let mut response = Response::new(Body::new(Echo::new(first, rest, whole)));
    if let Some(kind) = parts.headers.get(header::CONTENT_TYPE) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
    }
    Ok(response)
}

async fn not_found(headers: HeaderMap, uri: Uri) -> Response {
    let text =
        format!("There is nothing at {}. What there is:\n\n{}", uri.path(), list().trim_end());
    Reader::of(&headers).refusal(StatusCode::NOT_FOUND, &text)
}

async fn method_not_allowed(headers: HeaderMap, method: Method, uri: Uri) -> Response {
    let text = format!(
        "{method} is not for {}: the \"allow\" field of this response says what is.",
        uri.path()
    );
    Reader::of(&headers).refusal(StatusCode::METHOD_NOT_ALLOWED, &text)
}

/// 400, with the words a person needs to mend the request.
struct BadRequest(String);

impl IntoResponse for BadRequest {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.0 + "\n").into_response()
    }
}

/// Reads a decimal number up to `most`. `place` and `what` say where it stood and what it should
/// be.
fn number(place: &str, what: &str, text: &str, most: u64) -> Result<u64, BadRequest> {
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && *number <= most);
    number.ok_or_else(|| {
        BadRequest(format!("\"{text}\" is not {what}: {place} takes a number from 0 to {most}."))
    })
}
