//! A connection that remembers what was met on it, for the closing to act on; that does not wait for ever for
//! a peer that reads nothing; and that holds back what hyper would say to a head it cannot read.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::automatic;
use super::bounds::Pace;
use super::progress::Progress;
use super::waiting::Waiting;

/// Wraps a stream.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    progress: Arc<Progress>,
    peer_closed: bool,
    writing: bool,
    reader: Waiting,
    stalled: bool,
    held: Held,
}

/// An answer of hyper's own, or what looks like one: some body may. hyper tells the two apart, for behind an
/// answer of its own it never comes back.
#[derive(Debug)]
enum Held {
    Nothing,
    /// It was the end of what was written last.
    Fresh(Bytes),
    /// It was flushed, and hyper has been woken to come back if it can.
    Flushed(Bytes),
}

impl<S> Watched<S> {
    pub(super) const fn new(stream: S, progress: Arc<Progress>, pace: Pace) -> Self {
        Watched {
            stream,
            progress,
            peer_closed: false,
            writing: false,
            reader: Waiting::new(pace),
            stalled: false,
            held: Held::Nothing,
        }
    }

    pub(super) fn into_inner(self) -> S {
        self.stream
    }

    pub(super) const fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The peer's FIN has been read.
    pub(super) const fn peer_closed(&self) -> bool {
        self.peer_closed
    }

    /// Something is waiting to be written: what is written now would not stand where it belongs.
    pub(super) const fn is_writing(&self) -> bool {
        self.writing
    }

    /// The peer took what we wrote too slowly.
    pub(super) const fn has_stalled(&self) -> bool {
        self.stalled
    }

    /// hyper had an answer of its own to what it read, which nobody has been told.
    pub(super) const fn holds_an_answer(&self) -> bool {
        !matches!(self.held, Held::Nothing)
    }

    /// What came of writing something, and how the peer stands with us after it.
    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        self.writing = !matches!(outcome, Poll::Ready(Ok(_)));
        match &outcome {
            Poll::Ready(Ok(written)) => self.reader.on_progress(*written),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                ready!(self.reader.poll_end(cx));
                self.stalled = true;
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    /// Writes what was held back, for it was part of a body.
    fn poll_release(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let (Held::Fresh(octets) | Held::Flushed(octets)) = &mut self.held else {
                return Poll::Ready(Ok(()));
            };
            let outcome = Pin::new(&mut self.stream).poll_write(cx, octets);
            if let Poll::Ready(Ok(written)) = outcome {
                octets.advance(written);
                if octets.is_empty() {
                    self.held = Held::Nothing;
                } else if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
            }
            ready!(self.wrote(cx, outcome))?;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buf) else {
            self.progress.on_nothing();
            return Poll::Pending;
        };
        read?;
        let octets = &buf.filled()[before..];
        if !octets.is_empty() {
            self.progress.on_octets(octets);
        } else if buf.remaining() > 0 {
            self.peer_closed = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_release(cx))?;
        let Some((last, before)) = slices.split_last() else { return Poll::Ready(Ok(0)) };
        let answer = automatic::answer_at_the_end_of(last);
        if answer == 0 {
            let outcome = write(&mut this.stream, cx, slices);
            return this.wrote(cx, outcome);
        }
        let (front, answer) = last.split_at(last.len() - answer);
        let slices: Vec<_> = before.iter().copied().chain([IoSlice::new(front)]).collect();
        let len: usize = slices.iter().map(|slice| slice.len()).sum();
        if len > 0 {
            let outcome = write(&mut this.stream, cx, &slices);
            let written = ready!(this.wrote(cx, outcome))?;
            if written < len {
                return Poll::Ready(Ok(written));
            }
        }
        this.held = Held::Fresh(Bytes::copy_from_slice(answer));
        Poll::Ready(Ok(len + answer.len()))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Nothing => {}
            Held::Fresh(octets) => {
                self.held = Held::Flushed(octets);
                cx.waker().wake_by_ref();
            }
            held @ Held::Flushed(_) => {
                self.held = held;
                ready!(self.poll_release(cx))?;
            }
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Without the detour over slices for a stream that takes one at a time.
fn write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    match slices {
        [slice] => Pin::new(stream).poll_write(cx, slice),
        slices => Pin::new(stream).poll_write_vectored(cx, slices),
    }
}
