//! One request and its response: what is looked at before a router sees the one, and added before hyper sees
//! the other.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::response::Response;
use futures_util::TryFutureExt;
use futures_util::future::Either;
use http::{HeaderValue, Request, StatusCode, Version, header};
use hyper::body::Incoming;
use tower::Service;

use super::access_log::{AccessLog, ConnectionLog, Entry};
use super::arriving::{Account, Arriving};
use super::bounds::Bounds;
use super::manners::{self, Target};
use super::outgoing::Outgoing;
use super::progress::Progress;
use crate::serving::{Connection, StatusSource, TlsInfo};

/// The addresses of the connection a request came by: an extension of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Ours.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
}

/// What turns requests into responses on one connection.
pub(super) struct Exchange {
    router: Router,
    endpoints: Endpoints,
    status: StatusSource,
    tls: Option<TlsInfo>,
    outgoing: Outgoing,
    pub(super) progress: Arc<Progress>,
    pub(super) log: Option<ConnectionLog>,
}

impl Exchange {
    pub(super) fn new<C: Connection>(
        router: &Router,
        bounds: &Bounds,
        log: Option<&AccessLog>,
        outgoing: Outgoing,
        connection: &C,
    ) -> Self {
        Exchange {
            router: router.clone(),
            endpoints: Endpoints { local: connection.local_addr(), remote: connection.peer_addr() },
            status: connection.status_source(),
            tls: connection.tls_info(),
            outgoing,
            progress: Arc::new(Progress::new(bounds)),
            log: log.map(|log| ConnectionLog::new(log, connection)),
        }
    }

    pub(super) fn respond(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + Unpin + use<> {
        let number = self.progress.on_request();
        let (mut head, incoming) = request.into_parts();
        let announced = incoming.size_hint().exact();
        let (body, account) = self.body(incoming, head.version);
        let ending = Ending {
            version: head.version,
            is_last: number >= self.progress.bounds().requests,
            waits: head.version == Version::HTTP_11 && head.headers.contains_key(header::EXPECT),
            progress: Arc::clone(&self.progress),
            outgoing: self.outgoing.clone(),
            entry: self.log.as_ref().map(|log| log.begin(number, &head, account.clone())),
            account,
        };
        match manners::check(&head, announced, &self.progress) {
            Ok(Target::Resource) => {
                head.extensions.insert(self.endpoints);
                head.extensions.insert(self.status.clone());
                if let Some(tls) = &self.tls {
                    head.extensions.insert(tls.clone());
                }
                let answering = self.router.clone().call(Request::from_parts(head, body));
                Either::Left(answering.map_ok(move |response| ending.of(response)))
            }
            Ok(Target::Server) => Either::Right(at_once(ending.of(about_the_server()))),
            Err(refusal) => {
                let response = refusal.into_response(head.version);
                Either::Right(at_once(ending.of(response)))
            }
        }
    }

    /// Most requests have no body, and cost nothing for it.
    fn body(&self, incoming: Incoming, version: Version) -> (Body, Option<Arc<Account>>) {
        if incoming.is_end_stream() {
            return (Body::empty(), None);
        }
        let body = Arriving::new(incoming, version, Arc::clone(&self.progress));
        let account = body.account();
        (Body::new(body), Some(account))
    }
}

fn at_once(response: Response) -> Ready<Result<Response, Infallible>> {
    ready(Ok(response))
}

/// `OPTIONS *` asks what the server can do for any resource at all.
fn about_the_server() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let allowed = HeaderValue::from_static("GET, HEAD, OPTIONS");
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

/// What becomes of a response before it is sent.
struct Ending {
    version: Version,
    is_last: bool,
    /// The client sends the body when it is asked to (RFC 9110 10.1.1).
    waits: bool,
    progress: Arc<Progress>,
    outgoing: Outgoing,
    account: Option<Arc<Account>>,
    /// Dropped with all of this, it is an answer that nobody waited for.
    entry: Option<Box<Entry>>,
}

impl Ending {
    fn of(self, mut response: Response) -> Response {
        let account = self.account.as_deref();
        let fault = account.and_then(|account| account.refusal(self.progress.bounds()));
        // Where the next request would begin, nobody knows: behind a body that broke off, and behind one that is
        // sent, or is not, without having been asked for. hyper closes then, and does not say so (RFC 9112 9.6).
        let is_lost = account
            .is_some_and(|account| account.is_broken() || (self.waits && !account.was_asked_for()));
        if let Some(refusal) = fault {
            response = refusal.into_response(self.version);
        }
        leave_out_false_length(&mut response);
        let unknown_length = response.body().size_hint().exact().is_none()
            && !response.headers().contains_key(header::CONTENT_LENGTH);
        self.progress.on_response(self.version < Version::HTTP_11 && unknown_length);
        let headers = response.headers_mut();
        headers.entry(header::SERVER).or_insert(const { HeaderValue::from_static(SERVER) });
        if (self.is_last || is_lost) && self.version <= Version::HTTP_11 {
            headers.insert(header::CONNECTION, const { HeaderValue::from_static("close") });
        }
        let response = match self.entry {
            Some(entry) => entry.watch(response),
            None => response,
        };
        response.map(|body| self.outgoing.steered(body))
    }
}

/// axum gives every response the length of its body, and hyper takes that back in HTTP/1 alone: a 304 would say that
/// what the client has is empty, and a 204 says nothing of lengths (RFC 9110 8.6).
fn leave_out_false_length(response: &mut Response) {
    let is_bare = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let says_nothing = |value: &HeaderValue| value.as_bytes() == b"0";
    if is_bare && response.headers().get(header::CONTENT_LENGTH).is_some_and(says_nothing) {
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
}

/// How this server calls itself.
pub(super) const SERVER: &str = concat!("glasstack/", env!("CARGO_PKG_VERSION"));
