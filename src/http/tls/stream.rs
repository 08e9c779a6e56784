//! A connection by TLS, for those who know nothing of TLS.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::crypto::SupportedKxGroup;
use rustls::{HandshakeKind, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tokio_rustls::server;

use super::super::opening::Opening;
use super::{HTTP1, HTTP2};
use crate::serving::{Connection, StatusSource, TlsInfo};

/// Who has sent `close_notify` mostly closes the connection in the same breath: so long its FIN is waited for.
const FIN_FOLLOWS_WITHIN: Duration = Duration::from_millis(10);

/// What is read and written here is the text inside. Shutting it down says so to the peer, inside and
/// outside: `close_notify`, then FIN.
///
/// Not so where the peer is known to have ended both when it had all that we had to say. RFC 8446 6.1 would have us send
/// `close_notify` all the same, but whoever closes like this has mostly left, and a kernel that gets octets for
/// a program that has left answers with RST: each connection would seem to end with a failure.
#[derive(Debug)]
pub(super) struct TlsStream<C> {
    stream: server::TlsStream<Opening<C>>,
    /// The peer has ended its side.
    ended: bool,
    /// By then it had acknowledged all that we had said, and we have said nothing since.
    had_all: bool,
    farewell: Farewell,
    local: SocketAddr,
    peer: SocketAddr,
    status: StatusSource,
    info: TlsInfo,
}

/// Whether the peer is told of the end inside as well.
#[derive(Debug)]
enum Farewell {
    /// Nobody has asked yet.
    Open,
    /// Its FIN may be on its way.
    Waiting(Pin<Box<Sleep>>),
    Due,
    /// There is nobody to hear it.
    Pointless,
}

/// What of a connection is asked for when it is hidden already.
pub(super) struct Outside {
    local: SocketAddr,
    peer: SocketAddr,
    status: StatusSource,
}

impl Outside {
    pub(super) fn of(connection: &impl Connection) -> Self {
        Outside {
            local: connection.local_addr(),
            peer: connection.peer_addr(),
            status: connection.status_source(),
        }
    }
}

impl<C> TlsStream<C> {
    /// After the handshake.
    pub(super) fn new(stream: server::TlsStream<Opening<C>>, outside: Outside) -> Self {
        let info = info(stream.get_ref().1);
        let Outside { local, peer, status } = outside;
        TlsStream {
            stream,
            ended: false,
            had_all: false,
            farewell: Farewell::Open,
            local,
            peer,
            status,
            info,
        }
    }
}

impl<C: Connection> TlsStream<C> {
    /// Finds out whether anybody is there to hear of the end.
    fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (opening, session) = self.stream.get_mut();
        if !self.had_all || session.wants_write() {
            self.farewell = Farewell::Due;
        }
        loop {
            match &mut self.farewell {
                Farewell::Open => {
                    self.farewell = Farewell::Waiting(Box::pin(sleep(FIN_FOLLOWS_WITHIN)));
                }
                Farewell::Waiting(timer) => {
                    let mut octet = [0];
                    let mut buf = ReadBuf::new(&mut octet);
                    self.farewell = match Pin::new(&mut *opening).poll_read(cx, &mut buf) {
                        Poll::Ready(Ok(())) if !buf.filled().is_empty() => Farewell::Due,
                        Poll::Ready(_) => Farewell::Pointless,
                        Poll::Pending => {
                            ready!(timer.as_mut().poll(cx));
                            Farewell::Due
                        }
                    };
                }
                Farewell::Due | Farewell::Pointless => return Poll::Ready(()),
            }
        }
    }
}

/// What was agreed on.
fn info(session: &ServerConnection) -> TlsInfo {
    const UNKNOWN: &str = "unknown";
    let suite = session.negotiated_cipher_suite().map(|suite| suite.suite());
    let group = session.negotiated_key_exchange_group().map(SupportedKxGroup::name);
    let mut protocols = [HTTP2].into_iter().chain(HTTP1);
    TlsInfo {
        version: match session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
            // No other is configured.
            _ => UNKNOWN,
        },
        cipher: suite.and_then(|suite| suite.as_str()).unwrap_or(UNKNOWN),
        key_exchange: group.and_then(|group| group.as_str()),
        alpn: session
            .alpn_protocol()
            .and_then(|chosen| protocols.find(|name| name.as_bytes() == chosen)),
        server_name: session.server_name().map(Into::into),
        resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
    }
}

impl<C: Connection> Connection for TlsStream<C> {
    fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    fn status_source(&self) -> StatusSource {
        self.status.clone()
    }

    fn tls_info(&self) -> Option<TlsInfo> {
        Some(self.info.clone())
    }

    fn abort(self) {
        let (opening, _) = self.stream.into_inner();
        opening.into_inner().abort();
    }
}

/// The end of the stream is the peer's `close_notify`. A FIN without one could come from somebody on the way
/// who cuts it short (RFC 8446 6.1), but to a server that makes no difference: where a request ends is said
/// in the request, one that is cut short is none, and many clients close like this (RFC 9112 9.8).
impl<C: Connection> AsyncRead for TlsStream<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match ready!(Pin::new(&mut self.stream).poll_read(cx, buf)) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                log::debug!("{}: closed without close_notify", self.peer);
            }
            outcome => outcome?,
        }
        if buf.filled().len() == before && buf.remaining() > 0 && !self.ended {
            self.ended = true;
            self.had_all = self.status.ask().is_some_and(|told| told.status.in_flight == 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl<C: Connection> AsyncWrite for TlsStream<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.had_all = false;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.had_all = false;
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_farewell(cx));
        match self.farewell {
            Farewell::Pointless => Pin::new(self.stream.get_mut().0).poll_shutdown(cx),
            Farewell::Open | Farewell::Waiting(_) | Farewell::Due => {
                Pin::new(&mut self.stream).poll_shutdown(cx)
            }
        }
    }
}
