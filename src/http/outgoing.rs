//! What of answers is with hyper, and not with TCP yet. Of each answer that may be 64 KiB and a piece more, which is much
//! where thousands take theirs octet by octet: then each has one piece there, and the next when that has gone.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body as _, Frame, SizeHint};

use super::kept;

/// In octets, of all connections.
const MUCH: usize = 64 << 20;

/// An answer up to this long has no next piece worth waiting for: no file is read in shorter ones.
const SHORT: u64 = 16 * 1024;

/// The answers of all connections of a server. Clones are of the same.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    octets: Arc<AtomicUsize>,
    much: usize,
}

impl Default for Outgoing {
    fn default() -> Self {
        Outgoing { octets: Arc::default(), much: MUCH }
    }
}

impl Outgoing {
    #[cfg(test)]
    pub(super) fn with_much(much: usize) -> Self {
        Outgoing { much, ..Outgoing::default() }
    }

    /// `body`, which gives away no further piece while there is much and its last one is not gone.
    pub(super) fn steered(&self, body: Body) -> Body {
        if body.size_hint().upper().is_some_and(|most| most <= SHORT) {
            return body;
        }
        Body::new(Steered { body, all: self.clone(), own: Arc::default() })
    }

    fn is_much(&self) -> bool {
        self.octets.load(Ordering::Relaxed) >= self.much
    }

    /// How often what is much was doubled: 0 while there is less, 1 from there on, 2 from twice as much.
    pub(super) fn doublings(&self) -> u32 {
        (self.octets.load(Ordering::Relaxed) / self.much.max(1))
            .checked_ilog2()
            .map_or(0, |log| log + 1)
    }
}

struct Steered {
    body: Body,
    all: Outgoing,
    own: Arc<Own>,
}

/// Of one answer.
#[derive(Debug, Default)]
struct Own {
    octets: AtomicUsize,
    /// Who waits until there are none.
    waker: AtomicWaker,
}

impl Steered {
    fn poll_turn(&self, cx: &Context<'_>) -> Poll<()> {
        let has_gone = || self.own.octets.load(Ordering::Acquire) == 0;
        if !self.all.is_much() || has_gone() {
            return Poll::Ready(());
        }
        self.own.waker.register(cx.waker());
        // It may have gone just before anybody was told.
        if has_gone() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn counted(&self, octets: Bytes) -> Bytes {
        if octets.is_empty() {
            return octets;
        }
        let count = octets.len();
        self.all.octets.fetch_add(count, Ordering::Relaxed);
        self.own.octets.fetch_add(count, Ordering::Release);
        let (all, own) = (self.all.clone(), Arc::clone(&self.own));
        kept::with(octets, Count { octets: count, all, own })
    }
}

/// Of one piece.
struct Count {
    octets: usize,
    all: Outgoing,
    own: Arc<Own>,
}

impl Drop for Count {
    fn drop(&mut self) {
        self.all.octets.fetch_sub(self.octets, Ordering::Relaxed);
        if self.own.octets.fetch_sub(self.octets, Ordering::AcqRel) == self.octets {
            self.own.waker.wake();
        }
    }
}

impl http_body::Body for Steered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        std::task::ready!(self.poll_turn(cx));
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        frame.map_ok(|frame| frame.map_data(|octets| self.counted(octets)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body_util::{BodyExt, StreamBody};
    use tokio::task::yield_now;

    use super::*;

    fn pieces(count: usize) -> Body {
        let piece = |_| Ok::<_, Infallible>(Frame::data(Bytes::from(vec![7; 1_000])));
        Body::new(StreamBody::new(stream::iter((0..count).map(piece))))
    }

    async fn next(body: &mut Body) -> Bytes {
        body.frame().await.unwrap().unwrap().into_data().unwrap()
    }

    #[tokio::test]
    async fn with_much_about_each_answer_has_a_piece() {
        let outgoing = Outgoing::with_much(3_000);
        let (mut first, mut second) = (outgoing.steered(pieces(9)), outgoing.steered(pieces(9)));
        let mut kept = vec![next(&mut first).await, next(&mut first).await, next(&mut first).await];
        // Three are much, but this one has none of its own.
        kept.push(next(&mut second).await);
        let waiting = tokio::spawn(async move {
            next(&mut second).await;
            second
        });
        yield_now().await;
        kept.drain(..2);
        yield_now().await;
        // Now there is little, but nobody tells of that: one that waits has something that will go.
        assert!(!waiting.is_finished());
        let own = kept.pop();
        drop(own);
        let mut second = waiting.await.unwrap();
        assert_eq!(next(&mut second).await.len(), 1_000);
        drop((kept, first, second));
        assert_eq!(outgoing.octets.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn all_of_an_answer_arrives_and_short_ones_are_left_alone() {
        let outgoing = Outgoing::with_much(0);
        let mut body = outgoing.steered(pieces(100));
        let mut octets = 0;
        while let Some(frame) = body.frame().await {
            octets += frame.unwrap().into_data().unwrap().len();
        }
        assert_eq!(octets, 100_000);
        let mut short = outgoing.steered(Body::from("short"));
        assert_eq!(short.frame().await.unwrap().unwrap().into_data().unwrap(), "short");
        assert!(short.is_end_stream());
    }
}
