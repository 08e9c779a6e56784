//! The beginning of a connection: octets that were read before it was known for whom, and what they say
//! of the protocol.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a client of HTTP/2 begins with (RFC 9113 3.4): no request of HTTP/1 does.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A record of TLS with a handshake message in it begins so, whatever the version (RFC 8446 5.1).
const TLS: [u8; 2] = [22, 3];

/// What is known of a connection before anything of it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    /// Nothing: a client of HTTP/2 shows itself (RFC 9113 3.3), any other speaks HTTP/1.
    AsItBegins,
    /// HTTP/1, 1.0 or 1.1.
    Http1,
    /// HTTP/2: that was agreed on.
    Http2,
}

/// Wraps a stream. Once its beginning has been read, reads go straight to the stream.
#[derive(Debug)]
pub(super) struct Opening<S> {
    stream: S,
    stage: Stage,
    /// Who was to speak HTTP speaks TLS.
    is_tls: bool,
}

#[derive(Debug)]
enum Stage {
    /// Read on as if nothing had been.
    Open,
    /// It is to be told whether this is HTTP/2. What has come, the beginning of its preface, is kept.
    Undecided(Vec<u8>),
    /// This is HTTP/2: what has come is for whoever speaks that.
    Http2(Vec<u8>),
    /// Octets that come before what the stream still has.
    Holding { octets: Vec<u8>, given: usize },
}

impl<S> Opening<S> {
    /// The stream itself.
    pub(super) const fn open(stream: S) -> Self {
        Opening { stream, stage: Stage::Open, is_tls: false }
    }

    /// A reader of HTTP/1 gets an error, and [`Self::turn_to_http2`] says `true`, when the client
    /// begins as HTTP/2 does.
    pub(super) const fn undecided(stream: S) -> Self {
        Opening { stream, stage: Stage::Undecided(Vec::new()), is_tls: false }
    }

    /// A stream of which these octets have been read.
    pub(super) const fn holding(stream: S, octets: Vec<u8>) -> Self {
        Opening { stream, stage: Stage::Holding { octets, given: 0 }, is_tls: false }
    }

    /// Whether the client speaks HTTP/2. If so, all of it can be read from now on.
    pub(super) fn turn_to_http2(&mut self) -> bool {
        let Stage::Http2(octets) = &mut self.stage else { return false };
        self.stage = Stage::Holding { octets: std::mem::take(octets), given: 0 };
        true
    }

    /// The beginning of a request of which nobody has read anything.
    pub(super) fn begun(&self) -> Bytes {
        match &self.stage {
            Stage::Undecided(octets) => Bytes::copy_from_slice(octets),
            Stage::Open | Stage::Http2(_) | Stage::Holding { .. } => Bytes::new(),
        }
    }

    /// Whether the first octets were those of TLS, where HTTP was to be spoken.
    pub(super) const fn is_tls(&self) -> bool {
        self.is_tls
    }

    pub(super) const fn get_ref(&self) -> &S {
        &self.stream
    }

    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> Opening<S> {
    /// A read before the stage is [`Stage::Open`].
    #[cold]
    fn poll_beginning(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stage {
            Stage::Open => Pin::new(&mut self.stream).poll_read(cx, buf),
            Stage::Undecided(_) => self.poll_undecided(cx, buf),
            Stage::Http2(_) => Poll::Ready(Err(is_http2())),
            Stage::Holding { octets, given } => {
                let some = buf.remaining().min(octets.len() - *given);
                buf.put_slice(&octets[*given..*given + some]);
                *given += some;
                if *given == octets.len() {
                    self.stage = Stage::Open;
                }
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Reads straight into `buf`, and takes it back only from a client that may be one of HTTP/2.
    fn poll_undecided(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Stage::Undecided(begun) = &mut self.stage else { unreachable!("asked before") };
        let before = buf.filled().len();
        loop {
            if buf.remaining() <= begun.len() {
                let why = "there is no room for the first octets";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidInput, why)));
            }
            buf.put_slice(begun);
            let outcome = Pin::new(&mut self.stream).poll_read(cx, buf);
            if !matches!(outcome, Poll::Ready(Ok(()))) {
                buf.set_filled(before);
                return outcome;
            }
            let octets = &buf.filled()[before..];
            let at_end = octets.len() == begun.len();
            let is_http2 = octets.starts_with(PREFACE);
            if !is_http2 && (at_end || !PREFACE.starts_with(octets)) {
                self.is_tls = octets.starts_with(&TLS);
                self.stage = Stage::Open;
                return Poll::Ready(Ok(()));
            }
            *begun = octets.to_vec();
            buf.set_filled(before);
            if is_http2 {
                self.stage = Stage::Http2(std::mem::take(begun));
                return Poll::Ready(Err(self::is_http2()));
            }
        }
    }
}

/// What makes a reader of HTTP/1 let go.
fn is_http2() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "the client speaks HTTP/2")
}

impl<S: AsyncRead + Unpin> AsyncRead for Opening<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if matches!(self.stage, Stage::Open) {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        self.poll_beginning(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Opening<S> {
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
        slices: &[IoSlice<'_>],
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// What a reader of HTTP/1 gets when these octets come one after the other, then the end; and what
    /// one of HTTP/2 gets, if it comes to that.
    async fn read(octets: &[u8], at_a_time: usize) -> (Vec<u8>, Option<Vec<u8>>) {
        let (ours, mut theirs) = duplex(4096);
        let pieces: Vec<_> = octets.chunks(at_a_time).map(<[u8]>::to_vec).collect();
        let sending = tokio::spawn(async move {
            for piece in pieces {
                theirs.write_all(&piece).await.unwrap();
                // The reader has all of it before the next comes.
                tokio::task::yield_now().await;
            }
        });
        let mut opening = Opening::undecided(ours);
        let mut http1 = Vec::new();
        let end = opening.read_to_end(&mut http1).await;
        let mut http2 = None;
        if opening.turn_to_http2() {
            assert_eq!(end.unwrap_err().kind(), io::ErrorKind::Unsupported);
            opening.read_to_end(http2.insert(Vec::new())).await.unwrap();
        }
        sending.await.unwrap();
        (http1, http2)
    }

    // RFC 9113 3.4
    #[tokio::test]
    async fn the_first_octets_tell_however_they_come() {
        let http2 = [PREFACE, b"\0\0\0\x04\0\0\0\0\0"].concat();
        for at_a_time in [1, 2, 23, 24, 25, 1000] {
            assert_eq!(read(&http2, at_a_time).await, (Vec::new(), Some(http2.clone())));
            for text in [
                "GET / HTTP/1.1\r\n\r\n",
                "PRI / HTTP/1.1\r\n\r\n",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\rx",
                "PUT /",
                "P",
                "",
            ] {
                assert_eq!(read(text.as_bytes(), at_a_time).await, (text.into(), None), "{text:?}");
            }
        }
    }

    #[tokio::test]
    async fn what_was_read_before_comes_first_however_small_the_reads() {
        let (ours, mut theirs) = duplex(64);
        theirs.write_all(b"world").await.unwrap();
        drop(theirs);
        let mut opening = Opening::holding(ours, b"hello ".to_vec());
        let mut read = Vec::new();
        let mut buf = [0; 4];
        while let some @ 1.. = opening.read(&mut buf).await.unwrap() {
            read.extend_from_slice(&buf[..some]);
        }
        assert_eq!(read, b"hello world");
    }
}
