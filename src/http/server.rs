//! Serves a router on the connections of a listener: hyper's HTTP/1 on each (HTTP/2 is in `http2`), and
//! what hyper leaves to its user: limits in time and number, the end of a connection, the stop.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use http::StatusCode;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;

use super::access_log::{AccessLog, ConnectionLog};
use super::bounds::Bounds;
use super::closing::{self, CloseAfter, Ended, Rules};
use super::exchange::{Exchange, SERVER};
use super::head_timer::HeadTimer;
use super::http2::{Http2, Http2Limits};
use super::opening::{Opening, Speaks};
use super::outgoing::Outgoing;
use super::refusal::Refusal;
use super::unreadable;
use super::watched::Watched;
use crate::runtime::clock;
use crate::serving::{self, Connection, Limits, Linger, Listener, Stop, within};

/// How to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// When our side closes.
    pub close_after: CloseAfter,
    /// What one client may take, in time, octets and number.
    pub bounds: Bounds,
    /// With [`CloseAfter::Delay`] and [`CloseAfter::Never`], when HTTP says that a response is the
    /// last (`Connection: close`): how long the peer is given to close first. The default is 10 s.
    pub peer_closes_within: Duration,
    /// How long to read on after our FIN.
    pub linger: Linger,
    /// How many connections at a time, and what they may take to finish at the end.
    pub limits: Limits,
    /// What a client of HTTP/2 may ask for.
    pub http2: Http2Limits,
    /// Where each request is noted, if anywhere. It costs something only where there is one.
    pub access_log: Option<AccessLog>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            close_after: CloseAfter::default(),
            bounds: Bounds::default(),
            peer_closes_within: Duration::from_secs(10),
            linger: Linger::default(),
            limits: Limits::default(),
            http2: Http2Limits::default(),
            access_log: None,
        }
    }
}

/// Answers on each connection of `listener` with `router`, until `stop` is given and the
/// connections have finished, for which they have `config.limits.grace`.
///
/// Requests carry two extensions, [`Endpoints`](super::Endpoints) and [`StatusSource`](serving::StatusSource), and a
/// third, [`TlsInfo`](serving::TlsInfo), where they come by TLS. Who begins as a client of HTTP/2 does is answered in HTTP/2. A client that closes its side
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
    bounds: Bounds,
    pub(super) rules: Rules,
    log: Option<AccessLog>,
    outgoing: Outgoing,
}

impl Responder {
    pub(super) fn new(router: Router, config: &Config) -> Self {
        let bounds = config.bounds;
        let keeps_alive = config.close_after.keeps_alive();
        let mut protocol = http1::Builder::new();
        protocol
            .half_close(true)
            .keep_alive(keeps_alive)
            .header_read_timeout(bounds.idle_timeout)
            .max_header_size(bounds.head_octets)
            .max_buf_size(MOST_BUFFERED.max(bounds.head_octets.saturating_add(BEHIND_A_HEAD)));
        // Up to its own bound hyper has no need of the heap for them.
        if bounds.fields > HYPERS_FIELDS {
            protocol.max_headers(bounds.fields);
        }
        let rules = Rules {
            close_after: config.close_after,
            peer_closes_within: config.peer_closes_within,
            linger: config.linger,
            pace: bounds.response_pace,
        };
        let http2 = Http2::new(&config.http2, &bounds, keeps_alive, rules.linger.quiet);
        let (http2_unasked, log) = (config.http2.unasked, config.access_log.clone());
        let outgoing = Outgoing::default();
        Responder { protocol, http2, http2_unasked, router, bounds, rules, log, outgoing }
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
        if end.refusal.is_some() {
            self.refuse(&mut stream, &end).await;
        }
        closing::close(stream, end.how, &self.rules, stop).await;
    }

    /// Tells the peer what was wrong with what hyper could not read.
    async fn refuse<C: Connection>(&self, stream: &mut C, end: &End) {
        let Some(refusal) = &end.refusal else { return };
        let answer = refusal.on_the_wire(SERVER, clock::time_of_day());
        let quiet = self.rules.linger.quiet;
        let told = within(quiet, stream.write_all(answer.as_bytes())).await;
        if let Err(error) = &told {
            log::debug!("{}: could not be told what was wrong: {error}", stream.peer_addr());
        }
        if let Some(log) = &end.log {
            let octets = if told.is_ok() { refusal.text.len() + 1 } else { 0 };
            log.refused(end.requests + 1, &end.head, refusal.status, octets, told.is_ok());
        }
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
        let exchange = self.exchange(stream.get_ref());
        let respond = |request| exchange.respond(request);
        let outgoing = &self.outgoing;
        let (how, error) = self.http2.converse(&mut stream, respond, outgoing, stop).await;
        (stream.into_inner(), End::of(how, error))
    }

    fn exchange<C: Connection>(&self, connection: &C) -> Exchange {
        let outgoing = self.outgoing.clone();
        Exchange::new(&self.router, &self.bounds, self.log.as_ref(), outgoing, connection)
    }

    /// Speaks HTTP/1 until that is over, and gives the connection back, still open on our side.
    async fn converse<C: Connection>(
        &self,
        connection: Opening<C>,
        mut stop: Stop,
    ) -> (Opening<C>, End) {
        let exchange = self.exchange(connection.get_ref());
        let progress = Arc::clone(&exchange.progress);
        let log = exchange.log.clone();
        let service = service_fn(move |request| exchange.respond(request));
        let pace = self.bounds.response_pace;
        let io = TokioIo::new(Watched::new(connection, Arc::clone(&progress), pace));
        let mut protocol = self.protocol.clone();
        let timer = HeadTimer::new(Arc::clone(&progress));
        let mut http = protocol.timer(timer).serve_connection(io, service);
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
        let how = if stream.has_stalled() {
            Ended::Stalled
        } else if stream.peer_closed() {
            Ended::PeerClosed
        } else if error.is_some() || stopping {
            Ended::GivenUp
        } else if progress.ends_with_our_fin() {
            Ended::ResponseEndsWithOurFin
        } else {
            Ended::LastResponse
        };
        let has_no_head = error.as_ref().is_some_and(unreadable::has_no_head_left);
        let mut head = if has_no_head { Bytes::new() } else { parts.read_buf };
        if head.is_empty() {
            head = stream.get_mut().begun();
        }
        let refusal = error.as_ref().and_then(|error| self.refusal(error, &head, &stream));
        let requests = progress.requests();
        (stream.into_inner(), End { how, error, refusal, log, requests, head })
    }

    /// The answer to what ended a conversation, where there is one to give and it would stand where it
    /// belongs.
    fn refusal<C>(&self, error: &hyper::Error, head: &[u8], at: &Watched<C>) -> Option<Refusal> {
        if at.is_writing() {
            None
        } else if at.holds_an_answer() {
            Some(unreadable::refusal(error, (!head.is_empty()).then_some(head), &self.bounds))
        } else if error.is_timeout() && !head.is_empty() {
            // RFC 9110 15.5.9
            let text = "The head of the request took too long to arrive.";
            Some(Refusal::new(StatusCode::REQUEST_TIMEOUT, text))
        } else {
            None
        }
    }
}

/// What hyper keeps of what it reads, and of what it has to write, in octets; a head that is allowed fits in.
const MOST_BUFFERED: usize = 64 * 1024;
/// So that a head is refused for what it is, and not for want of room.
const BEHIND_A_HEAD: usize = 1024;

/// Fields that hyper takes without being told.
const HYPERS_FIELDS: usize = 100;

/// How a conversation ended.
struct End {
    how: Ended,
    error: Option<hyper::Error>,
    /// What the peer is to be told before we close.
    refusal: Option<Refusal>,
    log: Option<ConnectionLog>,
    /// Requests that came before, and the beginning of what came then.
    requests: u64,
    head: Bytes,
}

impl End {
    /// An end of which nobody need be told in HTTP/1.
    fn of(how: Ended, error: Option<hyper::Error>) -> Self {
        End { how, error, refusal: None, log: None, requests: 0, head: Bytes::new() }
    }
}
