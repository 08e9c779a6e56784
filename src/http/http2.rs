//! A conversation in HTTP/2 (RFC 9113): hyper's, from the first request to the last answer, with the limits
//! that it leaves to its user. The connection stays open on our side, for `closing` to close.

use std::convert::Infallible;
use std::future::ready;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use futures_util::TryFutureExt;
use futures_util::future::Either;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::activity::Activity;
use super::asked::AllAsked;
use super::bounds::{Bounds, Pace};
use super::closing::Ended;
use super::outgoing::Outgoing;
use super::share::Share;
use crate::serving::Stop;

/// What a client of HTTP/2 may ask for on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http2Limits {
    /// Whether a client may begin with HTTP/2 without having asked (RFC 9113 3.3), where there is no TLS
    /// to agree on it by. The default is that it may.
    pub unasked: bool,
    /// Requests that may be open at a time. Those beyond are refused and may be sent again (RFC 9113
    /// 5.1.2). The default is 128.
    pub streams: u32,
    /// What the requests of all connections may take in memory, in octets: heads, what waits of answers, and 4 KiB for
    /// each. Each server has its own, as each port and each shard is one. From there on each connection has eight at a time, and those beyond are refused as well. The default is 512 MiB.
    pub requests_octets: usize,
    /// The head of a request, in octets, each field with 32 more (RFC 9113 10.5.1): one beyond is
    /// answered with 431. The default is 16 KiB.
    pub header_list: u32,
    /// Octets of body that may be on their way to us on one stream, at most 2³¹ − 1. The default is 256 KiB.
    pub stream_window: u32,
    /// The same for all streams of a connection together. The default is 1 MiB.
    pub connection_window: u32,
    /// Octets of an answer that wait to be sent: with as many no further piece of it is taken. The default is
    /// 256 KiB.
    pub send_buffer: usize,
    /// Requests that were taken back before we had seen them, and streams that we had to reset: with
    /// more of either at a time the connection is given up. The default is 64.
    pub resets: usize,
    /// Requests that are taken back while they are answered: with more of them at a time the connection is given up.
    /// One is forgiven after each tenth of a second. The default is 256.
    pub taken_back: u32,
    /// How often the peer is asked whether it is still there. The default is 20 s.
    pub ping_interval: Duration,
    /// What its answer may take. The default is 20 s.
    pub ping_timeout: Duration,
}

impl Default for Http2Limits {
    fn default() -> Self {
        Http2Limits {
            unasked: true,
            streams: 128,
            requests_octets: 512 << 20,
            header_list: 16 * 1024,
            stream_window: 256 * 1024,
            connection_window: 1024 * 1024,
            send_buffer: 256 * 1024,
            resets: 64,
            taken_back: 256,
            ping_interval: Duration::from_secs(20),
            ping_timeout: Duration::from_secs(20),
        }
    }
}

/// The protocol, set up for all connections.
pub(super) struct Http2 {
    protocol: http2::Builder<TokioExecutor>,
    /// Requests on one connection.
    requests: u64,
    /// Those that may be open at a time.
    streams: u32,
    asked: AllAsked,
    /// How slowly the answers on one may be taken.
    pace: Pace,
    taken_back: u32,
    /// How long a connection may be without a request.
    idle: Duration,
    /// How long a peer that was told to go may take when there is nothing left to do.
    farewell: Duration,
}

impl Http2 {
    pub(super) fn new(
        limits: &Http2Limits,
        bounds: &Bounds,
        keeps_alive: bool,
        farewell: Duration,
    ) -> Self {
        let mut protocol = http2::Builder::new(TokioExecutor::new());
        protocol
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(limits.header_list)
            .initial_stream_window_size(limits.stream_window)
            .initial_connection_window_size(limits.connection_window)
            .max_send_buf_size(limits.send_buffer)
            .max_pending_accept_reset_streams(limits.resets)
            .max_local_error_reset_streams(limits.resets)
            .keep_alive_interval(limits.ping_interval)
            .keep_alive_timeout(limits.ping_timeout);
        Http2 {
            protocol,
            requests: if keeps_alive { bounds.requests } else { 1 },
            streams: limits.streams,
            asked: AllAsked::new(limits.requests_octets),
            pace: bounds.response_pace,
            taken_back: limits.taken_back,
            idle: bounds.idle_timeout,
            farewell,
        }
    }

    /// Speaks HTTP/2 on `stream` until that is over, and says how it ended.
    ///
    /// A connection that is to end is told so (GOAWAY, RFC 9113 6.8): what has been asked for is answered,
    /// and nothing new begins.
    pub(super) async fn converse<S, R, F>(
        &self,
        stream: &mut S,
        respond: R,
        outgoing: &Outgoing,
        mut stop: Stop,
    ) -> (Ended, Option<hyper::Error>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
        R: Fn(Request<Incoming>) -> F,
        F: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
    {
        let activity = Activity::new(self.pace, self.taken_back);
        let share = Share::new(outgoing);
        let own = self.asked.of_a_connection();
        let service = service_fn(|mut request: Request<Incoming>| {
            let Some(asked) = own.one_more(&request) else {
                return Either::Left(ready(Err(h2::Error::from(h2::Reason::REFUSED_STREAM))));
            };
            request.extensions_mut().insert(share.clone());
            let answer = activity.clone().exchange(asked, respond(request));
            Either::Right(answer.map_err(|never| match never {}))
        });
        let mut stream = StaysOpen { stream, peer_closed: false };
        let beyond = self.requests.saturating_add(u64::from(self.streams)).saturating_add(1);
        let (mut leaving, mut given_up, mut stalled) = (false, false, false);
        let outcome = {
            let io = TokioIo::new(&mut stream);
            let mut http = pin!(self.protocol.serve_connection(io, service));
            loop {
                let patience = if leaving { self.farewell } else { self.idle };
                tokio::select! {
                    biased;
                    outcome = http.as_mut() => break outcome,
                    () = stop.given(), if !leaving => given_up = true,
                    () = activity.begun(self.requests), if !leaving => {}
                    // Who goes on asking has not read that it was told to go.
                    () = activity.begun(beyond), if leaving => {
                        given_up = true;
                        break Ok(());
                    }
                    () = activity.stalled() => {
                        stalled = true;
                        break Ok(());
                    }
                    () = activity.had_enough() => {
                        given_up = true;
                        http.as_mut().graceful_shutdown();
                        // That is told, and then nobody is waited for.
                        break timeout(Duration::ZERO, http.as_mut()).await.unwrap_or(Ok(()));
                    }
                    () = activity.idle(patience) => {
                        given_up = true;
                        if leaving {
                            break Ok(());
                        }
                    }
                }
                leaving = true;
                http.as_mut().graceful_shutdown();
            }
        };
        let error = outcome.err();
        let how = match (stalled, stream.peer_closed, error.is_some() || given_up) {
            (true, _, _) => Ended::Stalled,
            (false, true, _) => Ended::PeerClosed,
            (false, false, true) => Ended::GivenUp,
            (false, false, false) => Ended::LastResponse,
        };
        (how, error)
    }
}

/// A stream that hyper cannot close: that is for `closing` to do.
struct StaysOpen<'a, S> {
    stream: &'a mut S,
    /// The peer's FIN has been read.
    peer_closed: bool,
}

impl<S: AsyncRead + Unpin> AsyncRead for StaysOpen<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut *self.stream).poll_read(cx, buf))?;
        if buf.filled().len() == before && buf.remaining() > 0 {
            self.peer_closed = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StaysOpen<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
