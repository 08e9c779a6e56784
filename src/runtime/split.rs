//! The two directions of a connection apart, as tokio has them.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::TcpStream;

/// The reading side, borrowed.
#[derive(Debug)]
pub struct ReadHalf<'a>(pub(super) &'a TcpStream);

/// The writing side, borrowed.
#[derive(Debug)]
pub struct WriteHalf<'a>(pub(super) &'a TcpStream);

/// The reading side, owned.
#[derive(Debug)]
pub struct OwnedReadHalf(pub(super) Arc<TcpStream>);

/// The writing side, owned. Dropping it closes the sending side, unless [`OwnedWriteHalf::forget`].
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: Arc<TcpStream>,
    closes: bool,
}

impl OwnedReadHalf {
    /// Puts the halves together again.
    ///
    /// # Errors
    ///
    /// The halves are of different connections: both come back.
    pub fn reunite(self, write: OwnedWriteHalf) -> Result<TcpStream, (Self, OwnedWriteHalf)> {
        if !Arc::ptr_eq(&self.0, &write.stream) {
            return Err((self, write));
        }
        write.forget();
        Ok(Arc::into_inner(self.0).expect("there are two halves, and the other is gone"))
    }
}

impl OwnedWriteHalf {
    pub(super) fn new(stream: Arc<TcpStream>) -> Self {
        OwnedWriteHalf { stream, closes: true }
    }

    /// Drops the half without closing the sending side.
    pub fn forget(mut self) {
        self.closes = false;
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.closes {
            let _ = self.stream.shut_down();
        }
    }
}

/// What can be asked of either half.
macro_rules! asks {
    ($half:ty, $stream:ident) => {
        impl $half {
            /// As [`TcpStream::local_addr`].
            ///
            /// # Errors
            ///
            /// None; the type is tokio's.
            pub fn local_addr(&self) -> io::Result<SocketAddr> {
                self.$stream().local_addr()
            }

            /// As [`TcpStream::peer_addr`].
            ///
            /// # Errors
            ///
            /// None; the type is tokio's.
            pub fn peer_addr(&self) -> io::Result<SocketAddr> {
                self.$stream().peer_addr()
            }
        }

        impl AsRef<TcpStream> for $half {
            fn as_ref(&self) -> &TcpStream {
                self.$stream()
            }
        }
    };
}

macro_rules! reads {
    ($half:ty, $stream:ident) => {
        impl AsyncRead for $half {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                self.$stream().poll_read_shared(cx, buffer)
            }
        }
    };
}

macro_rules! writes {
    ($half:ty, $stream:ident) => {
        impl AsyncWrite for $half {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                data: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.$stream().poll_write_shared(cx, &[io::IoSlice::new(data)])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                pieces: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.$stream().poll_write_shared(cx, pieces)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.$stream().shut_down())
            }
        }
    };
}

impl ReadHalf<'_> {
    fn stream(&self) -> &TcpStream {
        self.0
    }
}

impl WriteHalf<'_> {
    fn stream(&self) -> &TcpStream {
        self.0
    }
}

impl OwnedReadHalf {
    fn stream(&self) -> &TcpStream {
        &self.0
    }
}

impl OwnedWriteHalf {
    fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

reads!(ReadHalf<'_>, stream);
reads!(OwnedReadHalf, stream);
writes!(WriteHalf<'_>, stream);
writes!(OwnedWriteHalf, stream);
asks!(ReadHalf<'_>, stream);
asks!(OwnedReadHalf, stream);
asks!(WriteHalf<'_>, stream);
asks!(OwnedWriteHalf, stream);
