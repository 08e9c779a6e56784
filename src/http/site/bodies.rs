//! Bodies that are made while they are sent.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// The digits, the letters and a line feed: 63 octets, a length that shares no factor with the
/// powers of two and the usual segment sizes (1460, 1448), so that octets in the wrong place are
/// seen.
const LINE: &[u8; 63] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz\n";

/// As many whole lines as go into 64 KiB.
const CHUNK_LEN: usize = 65_536 / LINE.len() * LINE.len();

static CHUNK: [u8; CHUNK_LEN] = {
    let mut chunk = [0; CHUNK_LEN];
    let mut at = 0;
    while at < CHUNK_LEN {
        chunk[at] = LINE[at % LINE.len()];
        at += 1;
    }
    chunk
};

/// So many octets of the same text, none of them copied.
pub(super) struct Pattern {
    left: u64,
}

impl Pattern {
    pub(super) const fn new(octets: u64) -> Self {
        Pattern { left: octets }
    }
}

impl http_body::Body for Pattern {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let len = usize::try_from(self.left).map_or(CHUNK_LEN, |left| left.min(CHUNK_LEN));
        self.left -= len as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&CHUNK[..len])))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// So many lines, each a frame of its own (and so a chunk on the wire), with a pause before each
/// but the first.
pub(super) struct Lines {
    next: u64,
    last: u64,
    pause: Duration,
    sleeping: Option<Pin<Box<Sleep>>>,
}

impl Lines {
    pub(super) const fn new(lines: u64, pause: Duration) -> Self {
        Lines { next: 1, last: lines, pause, sleeping: None }
    }
}

impl http_body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(sleeping) = &mut self.sleeping {
            ready!(sleeping.as_mut().poll(cx));
            self.sleeping = None;
        }
        if self.next > self.last {
            return Poll::Ready(None);
        }
        let line = format!("line {} of {}\n", self.next, self.last);
        self.next += 1;
        if self.next <= self.last && !self.pause.is_zero() {
            self.sleeping = Some(Box::pin(sleep(self.pause)));
        }
        Poll::Ready(Some(Ok(Frame::data(line.into()))))
    }
}

/// A body whose first frame has been taken out already, put back.
pub(super) struct Echo {
    first: Option<Frame<Bytes>>,
    rest: Body,
    /// What the whole body said of its length, first frame included, and how much of it has gone.
    whole: SizeHint,
    gone: u64,
}

impl Echo {
    pub(super) const fn new(first: Option<Frame<Bytes>>, rest: Body, whole: SizeHint) -> Self {
        Echo { first, rest, whole, gone: 0 }
    }
}

impl http_body::Body for Echo {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = match self.first.take() {
            Some(first) => Some(Ok(first)),
            None => ready!(Pin::new(&mut self.rest).poll_frame(cx)),
        };
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            self.gone += data.len() as u64;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.whole.exact() {
            Some(whole) => SizeHint::with_exact(whole - self.gone),
            None => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn the_pattern_runs_on_over_its_chunks() {
        let n = CHUNK_LEN as u64 * 2 + 100;
        let octets = Pattern::new(n).collect().await.unwrap().to_bytes();
        assert_eq!(octets.len() as u64, n);
        assert!(octets.iter().enumerate().all(|(at, octet)| *octet == LINE[at % LINE.len()]));
    }
}
