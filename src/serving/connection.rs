//! What a responder asks of a connection and of a listener, so that the same code answers on our
//! own TCP, on the kernel's, and on a pipe in memory.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::{fmt, io};

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::runtime;
use crate::stack::Summary;

/// A connection a responder can answer on.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Our address and port.
    fn local_addr(&self) -> SocketAddr;

    /// The peer's address and port.
    fn peer_addr(&self) -> SocketAddr;

    /// Whom to ask for this connection's [`Status`](crate::tcp::Status), also while somebody else
    /// holds the connection.
    fn status_source(&self) -> StatusSource {
        StatusSource::none()
    }

    /// Gives up on the peer: what it has not taken yet is thrown away, where the connection can do that.
    fn abort(self)
    where
        Self: Sized,
    {
    }

    /// What was agreed on, where what is read here came by TLS.
    fn tls_info(&self) -> Option<TlsInfo> {
        None
    }
}

/// What the two ends of a connection by TLS have agreed on. The names are those of the registries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TlsInfo {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite: `TLS13_AES_256_GCM_SHA384`.
    pub cipher: &'static str,
    /// How they came to a common secret, such as `X25519`; with TLS 1.2 this is not known of a session
    /// that was resumed.
    pub key_exchange: Option<&'static str>,
    /// The protocol above, as the client offered it (ALPN): `h2` or `http/1.1`.
    pub alpn: Option<&'static str>,
    /// The server that the client has asked for (SNI). Clients name no addresses.
    pub server_name: Option<String>,
    /// The client has brought a ticket from an earlier connection.
    pub resumed: bool,
}

/// Where connections come from.
pub trait Listener: Send + 'static {
    /// What it hands out.
    type Connection: Connection;

    /// Takes one established connection, or waits for it.
    ///
    /// # Errors
    ///
    /// This attempt failed; the next one may succeed.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Connection>>;
}

/// Asks for a [`Summary`], as often as wanted. Cheap to clone.
#[derive(Clone)]
pub struct StatusSource(Option<Arc<Ask>>);

type Ask = dyn Fn() -> Option<Summary> + Send + Sync;

impl StatusSource {
    /// A source that calls `ask` each time. `ask` answers `None` once the connection is gone.
    #[must_use]
    pub fn new(ask: impl Fn() -> Option<Summary> + Send + Sync + 'static) -> Self {
        StatusSource(Some(Arc::new(ask)))
    }

    /// The source of a connection that has no status to tell, such as one of the kernel's.
    #[must_use]
    pub const fn none() -> Self {
        StatusSource(None)
    }

    /// The status as it is now.
    #[must_use]
    pub fn ask(&self) -> Option<Summary> {
        self.0.as_ref().and_then(|ask| ask())
    }
}

impl fmt::Debug for StatusSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "StatusSource" } else { "StatusSource(none)" })
    }
}

/// Any stream of octets with two addresses and no status: a kernel socket, a pipe in memory.
#[derive(Debug)]
pub struct Plain<S> {
    stream: S,
    local: SocketAddr,
    peer: SocketAddr,
}

impl<S> Plain<S> {
    /// Gives `stream` its addresses.
    pub const fn new(stream: S, local: SocketAddr, peer: SocketAddr) -> Self {
        Plain { stream, local, peer }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Connection for Plain<S> {
    fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn peer_addr(&self) -> SocketAddr {
        self.peer
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Plain<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Plain<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The kernel's TCP.
impl Listener for TcpListener {
    type Connection = Plain<TcpStream>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Connection>> {
        let (stream, peer) = ready!(TcpListener::poll_accept(self, cx))?;
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        Poll::Ready(Ok(Plain::new(stream, local, peer)))
    }
}

/// Our own TCP. Nagle's algorithm is off: responders write whole answers.
impl Listener for runtime::TcpListener {
    type Connection = runtime::TcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<runtime::TcpStream>> {
        let (stream, _) = ready!(runtime::TcpListener::poll_accept(self, cx))?;
        stream.set_nodelay(true)?;
        Poll::Ready(Ok(stream))
    }
}

impl Connection for runtime::TcpStream {
    fn local_addr(&self) -> SocketAddr {
        runtime::TcpStream::local_addr(self).expect("ours always knows")
    }

    fn peer_addr(&self) -> SocketAddr {
        runtime::TcpStream::peer_addr(self).expect("ours always knows")
    }

    fn status_source(&self) -> StatusSource {
        StatusSource::new(self.status_reader())
    }

    /// With a RST.
    fn abort(self) {
        let _ = self.set_zero_linger();
    }
}
