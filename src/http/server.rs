//! Serves a router on the connections of a listener: hyper's HTTP/1 on each (HTTP/2 is in `http2`), and
//! what hyper leaves to its user: limits in time and number, the end of a connection, the stop.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::response::Response;
use futures_util::TryFutureExt;
use http::{HeaderValue, Request, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tower::Service;

use super::closing::{self, CloseAfter, Ended, Rules};
use super::http2::{Http2, Http2Limits};
use super::opening::{Opening, Speaks};
use super::timer::ConnectionTimer;
use super::watched::Watched;
use crate::serving::{
    self, Connection, Limits, Linger, Listener, StatusSource, Stop, TlsInfo, within,
};

/// How to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// When our side closes.
    pub close_after: CloseAfter,
    /// What a request's head may take to arrive, from when the connection is ready for it; so it
    /// also bounds how long an idle connection is kept. A head that has begun is answered with 408
    /// then. The default is 30 s.
    ///
    /// A connection of HTTP/2 may be without a request, or take nothing of its answers, for as long.
    pub header_read_timeout: Duration,
    /// With [`CloseAfter::Delay`] and [`CloseAfter::Never`], when HTTP says that a response is the
    /// last (`Connection: close`): how long the peer is given to close first. The default is 10 s.
    pub peer_closes_within: Duration,
    /// How long to read on after our FIN.
    pub linger: Linger,
    /// How many connections at a time, and what they may take to finish at the end.
    pub limits: Limits,
    /// What a client of HTTP/2 may ask for.
    pub http2: Http2Limits,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            close_after: CloseAfter::default(),
            header_read_timeout: Duration::from_secs(30),
            peer_closes_within: Duration::from_secs(10),
            linger: Linger::default(),
            limits: Limits::default(),
            http2: Http2Limits::default(),
        }
    }
}

/// The addresses of the connection a request came by: an extension of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Ours.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
}

/// Answers on each connection of `listener` with `router`, until `stop` is given and the
/// connections have finished, for which they have `config.limits.grace`.
///
/// Requests carry two extensions, [`Endpoints`] and [`StatusSource`], and a third, [`TlsInfo`], where
/// they come by TLS. Who begins as a client of HTTP/2 does is answered in HTTP/2. A client that closes its side
/// behind its request gets its answer. No error ends this: those of one connection are logged and
/// end it alone.
pub async fn serve<L: Listener>(listener: L, router: Router, config: Config, stop: Stop) {
    let limits = config.limits;
    let responder = Arc::new(Responder::new(router, &config));
    let watching = stop.clone();
    serving::accept(listener, limits, stop, move |connection| {
        Arc::clone(&responder).answer(connection, Speaks::AsItBegins, watching.clone())
    })
    .await;
}

/// What all connections share.
pub(super) struct Responder {
    protocol: http1::Builder,
    http2: Http2,
    /// HTTP/2 also for clients that have not agreed on it before.
    http2_unasked: bool,
    router: Router,
    pub(super) rules: Rules,
}

impl Responder {
    pub(super) fn new(router: Router, config: &Config) -> Self {
        let mut protocol = http1::Builder::new();
        protocol
            .half_close(true)
            .keep_alive(config.close_after.keeps_alive())
            .header_read_timeout(config.header_read_timeout);
        let rules = Rules {
            close_after: config.close_after,
            peer_closes_within: config.peer_closes_within,
            linger: config.linger,
        };
        let keeps_alive = config.close_after.keeps_alive();
        let http2 =
            Http2::new(&config.http2, keeps_alive, config.header_read_timeout, rules.linger.quiet);
        Responder { protocol, http2, http2_unasked: config.http2.unasked, router, rules }
    }

    /// The whole life of one connection.
    pub(super) async fn answer<C: Connection>(
        self: Arc<Self>,
        connection: C,
        speaks: Speaks,
        stop: Stop,
    ) {
        let peer = connection.peer_addr();
        let (mut stream, end) = self.speak(connection, speaks, stop.clone()).await;
        if let Some(error) = &end.error {
            log::debug!("{peer}: {error}");
        }
        if end.head_was_late {
            let told = within(self.rules.linger.quiet, stream.write_all(HEAD_WAS_LATE)).await;
            if told.is_err() {
                log::debug!("{peer}: could not be told that it was too slow");
            }
        }
        closing::close(stream, end.how, &self.rules, stop).await;
    }

    /// Speaks HTTP until that is over, and gives the connection back, still open on our side.
    async fn speak<C: Connection>(&self, connection: C, speaks: Speaks, stop: Stop) -> (C, End) {
        let mut opening = match speaks {
            Speaks::AsItBegins if self.http2_unasked => Opening::undecided(connection),
            Speaks::AsItBegins | Speaks::Http1 | Speaks::Http2 => Opening::open(connection),
        };
        if speaks != Speaks::Http2 {
            let (back, end) = self.converse(opening, stop.clone()).await;
            opening = back;
            if !opening.turn_to_http2() {
                if opening.is_tls() {
                    let peer = opening.get_ref().peer_addr();
                    log::debug!("{peer}: speaks TLS to the port of plain HTTP");
                }
                return (opening.into_inner(), end);
            }
        }
        // On the heap, so that a connection of HTTP/1 need not have the room for it.
        Box::pin(self.converse_in_http2(opening, stop)).await
    }

    /// Speaks HTTP/2 until that is over, and gives the connection back, still open on our side.
    async fn converse_in_http2<C: Connection>(
        &self,
        mut stream: Opening<C>,
        stop: Stop,
    ) -> (C, End) {
        let exchange = Exchange::new(&self.router, stream.get_ref());
        let respond = |request| exchange.respond(request);
        let (how, error) = self.http2.converse(&mut stream, respond, stop).await;
        (stream.into_inner(), End { how, error, head_was_late: false })
    }

    /// Speaks HTTP/1 until that is over, and gives the connection back, still open on our side.
    async fn converse<C: Connection>(
        &self,
        connection: Opening<C>,
        mut stop: Stop,
    ) -> (Opening<C>, End) {
        let exchange = Exchange::new(&self.router, connection.get_ref());
        let ends_with_our_fin = Arc::clone(&exchange.ends_with_our_fin);
        let service = service_fn(move |request| exchange.respond(request));
        let io = TokioIo::new(Watched::new(connection));
        let mut protocol = self.protocol.clone();
        let mut http = protocol.timer(ConnectionTimer::new()).serve_connection(io, service);
        let mut stopping = false;
        let outcome = loop {
            let over = tokio::select! {
                biased;
                outcome = poll_fn(|cx| http.poll_without_shutdown(cx)) => Some(outcome),
                () = stop.given(), if !stopping => None,
            };
            if let Some(outcome) = over {
                break outcome;
            }
            stopping = true;
            Pin::new(&mut http).graceful_shutdown();
        };
        let parts = http.into_parts();
        let mut stream = parts.io.into_inner();
        let error = outcome.err();
        let timed_out = error.as_ref().is_some_and(hyper::Error::is_timeout);
        let how = if stream.peer_closed() {
            Ended::PeerClosed
        } else if error.is_some() || stopping {
            Ended::GivenUp
        } else if ends_with_our_fin.load(Ordering::Relaxed) {
            Ended::ResponseEndsWithOurFin
        } else {
            Ended::LastResponse
        };
        let has_begun = !parts.read_buf.is_empty() || stream.get_mut().has_begun();
        let head_was_late = timed_out && has_begun && !stream.is_writing();
        (stream.into_inner(), End { how, error, head_was_late })
    }
}

/// hyper says nothing to a client whose request does not come; RFC 9110 15.5.9 has words for it.
const HEAD_WAS_LATE: &[u8] = b"HTTP/1.1 408 Request Timeout\r\n\
    connection: close\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 48\r\n\
    \r\n\
    The head of the request took too long to arrive.";

/// How a conversation ended.
struct End {
    how: Ended,
    error: Option<hyper::Error>,
    head_was_late: bool,
}

/// What turns requests into responses on one connection.
struct Exchange {
    router: Router,
    endpoints: Endpoints,
    status: StatusSource,
    tls: Option<TlsInfo>,
    /// The last response can only end with our FIN.
    ends_with_our_fin: Arc<AtomicBool>,
}

impl Exchange {
    fn new<C: Connection>(router: &Router, connection: &C) -> Self {
        Exchange {
            router: router.clone(),
            endpoints: Endpoints { local: connection.local_addr(), remote: connection.peer_addr() },
            status: connection.status_source(),
            tls: connection.tls_info(),
            ends_with_our_fin: Arc::new(AtomicBool::new(false)),
        }
    }

    fn respond(
        &self,
        mut request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + Unpin + use<> {
        request.extensions_mut().insert(self.endpoints);
        request.extensions_mut().insert(self.status.clone());
        if let Some(tls) = &self.tls {
            request.extensions_mut().insert(tls.clone());
        }
        let version = request.version();
        let ends_with_our_fin = Arc::clone(&self.ends_with_our_fin);
        self.router.clone().call(request).map_ok(move |mut response| {
            let unknown_length = response.body().size_hint().exact().is_none()
                && !response.headers().contains_key(header::CONTENT_LENGTH);
            ends_with_our_fin
                .store(version < Version::HTTP_11 && unknown_length, Ordering::Relaxed);
            response
                .headers_mut()
                .entry(header::SERVER)
                .or_insert(const { HeaderValue::from_static(SERVER) });
            response
        })
    }
}

const SERVER: &str = concat!("glasstack/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_for_a_late_head_are_counted_right() {
        let text = std::str::from_utf8(HEAD_WAS_LATE).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
    }
}
