//! What a connector gives: a stream to speak HTTP on, plain or within TLS, with what is known of it.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper_util::client::legacy::connect::{Connected, Connection as Pooled};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::tls::TlsFacts;
use super::transcript::Tap;
use crate::serving::{Connection, StatusSource};

/// What is known of a connection. hyper-util's client puts it into the extensions of each response.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Our address and port.
    pub local: SocketAddr,
    /// The peer's address and port.
    pub remote: SocketAddr,
    /// How it is secured, if it is.
    pub tls: Option<Arc<TlsFacts>>,
    /// Whom to ask for its status.
    pub status: StatusSource,
}

/// A connection to speak HTTP on.
#[derive(Debug)]
pub struct HttpStream<S> {
    way: Way<S>,
    facts: Facts,
    tap: Option<Tap>,
}

#[derive(Debug)]
enum Way<S> {
    Plain(S),
    Secured(Box<TlsStream<S>>),
}

impl<S: Connection> HttpStream<S> {
    pub(super) fn plain(stream: S, tap: Option<Tap>) -> Self {
        let facts = Facts {
            local: stream.local_addr(),
            remote: stream.peer_addr(),
            tls: None,
            status: stream.status_source(),
        };
        HttpStream { way: Way::Plain(stream), facts, tap }
    }

    pub(super) fn secured(stream: TlsStream<S>, tls: TlsFacts, tap: Option<Tap>) -> Self {
        let (inner, _) = stream.get_ref();
        let facts = Facts {
            local: inner.local_addr(),
            remote: inner.peer_addr(),
            tls: Some(Arc::new(tls)),
            status: inner.status_source(),
        };
        HttpStream { way: Way::Secured(Box::new(stream)), facts, tap }
    }

    /// What is known of it.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
}

impl<S: Connection> Pooled for HttpStream<S> {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.facts.clone())
    }
}

impl<S: Connection> Connection for HttpStream<S> {
    fn local_addr(&self) -> SocketAddr {
        self.facts.local
    }

    fn peer_addr(&self) -> SocketAddr {
        self.facts.remote
    }

    fn status_source(&self) -> StatusSource {
        self.facts.status.clone()
    }
}

impl<S: Connection> AsyncRead for HttpStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(match &mut self.way {
            Way::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Way::Secured(stream) => Pin::new(stream).poll_read(cx, buffer),
        })?;
        if let Some(tap) = &mut self.tap {
            tap.received(&buffer.filled()[before..])?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Connection> AsyncWrite for HttpStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(data)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(match &mut self.way {
            Way::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
            Way::Secured(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
        })?;
        if let Some(tap) = &mut self.tap {
            let mut left = written;
            for piece in pieces {
                let taken = left.min(piece.len());
                tap.sent(&piece[..taken]);
                left -= taken;
            }
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.way {
            Way::Plain(stream) => stream.is_write_vectored(),
            Way::Secured(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.way {
            Way::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Way::Secured(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.way {
            Way::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Way::Secured(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
