//! What one connection of HTTP/2 may have of the server at a time. Of HTTP/1 each has one request at a time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::kept;
use super::outgoing::Outgoing;

/// Answers that are made of files. Each may keep a file open, and up to five chunks of it: ahead, with
/// hyper, and with h2, whose bound is met by the piece that goes beyond it.
const MOST_ANSWERS: u32 = 32;

/// So many of them remain, however much of answers there is on all connections.
const LEAST_ANSWERS: u32 = 4;

/// Those of them that are compressed on their way: of the places for that, which all connections share, one has a
/// few.
const MOST_MADE: usize = 4;

/// Of one connection: an extension of its requests.
#[derive(Clone, Debug)]
pub(super) struct Share {
    answers: Arc<Semaphore>,
    made: Arc<Semaphore>,
    outgoing: Outgoing,
}

impl Share {
    pub(super) fn new(outgoing: &Outgoing) -> Self {
        let of = |most| Arc::new(Semaphore::new(most));
        let (answers, made) = (of(MOST_ANSWERS as usize), of(MOST_MADE));
        Share { answers, made, outgoing: outgoing.clone() }
    }

    /// Waits until the peer has taken enough of what it asked for before. The more there is of answers, on all
    /// connections, the fewer can be had on one. Cancel safe.
    pub(super) async fn place(&self) -> OwnedSemaphorePermit {
        let most = MOST_ANSWERS.checked_shr(self.outgoing.doublings()).unwrap_or(0);
        let places = MOST_ANSWERS / most.max(LEAST_ANSWERS);
        let answers = Arc::clone(&self.answers);
        answers.acquire_many_owned(places).await.expect("nobody closes this semaphore")
    }

    /// For an answer that is compressed on its way, if there is room for one more.
    pub(super) fn place_to_make(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.made).try_acquire_owned().ok()
    }
}

/// `body`; as long as anything of it is not sent, the permit is kept. Whoever sends it may take all of it at
/// once, and keep it until there is a window for it.
pub(super) fn keeping(permit: Option<OwnedSemaphorePermit>, body: Body) -> Body {
    match permit {
        Some(permit) if !body.is_end_stream() => {
            Body::new(Keeping { body, permit: Arc::new(permit) })
        }
        Some(_) | None => body,
    }
}

struct Keeping {
    body: Body,
    permit: Arc<OwnedSemaphorePermit>,
}

impl http_body::Body for Keeping {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        frame.map_ok(|frame| frame.map_data(|octets| kept::with(octets, Arc::clone(&self.permit))))
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

    use futures_util::{FutureExt, stream};
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn places_are_kept_until_all_has_been_sent() {
        let share = Share::new(&Outgoing::default());
        let mut kept = Vec::new();
        for _ in 0..MOST_ANSWERS {
            let mut body = keeping(Some(share.place().await), Body::from("all of it"));
            let octets = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert!(body.is_end_stream());
            kept.push(octets);
        }
        assert_eq!(share.answers.available_permits(), 0);
        kept.pop();
        assert_eq!(share.answers.available_permits(), 1);
    }

    #[tokio::test]
    async fn the_more_there_is_the_fewer_can_be_had_on_one_connection() {
        let outgoing = Outgoing::with_much(1000);
        let piece = || stream::iter([Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 500]))]);
        let mut held = Vec::new();
        for (pieces, most) in [(0, 32), (1, 32), (2, 16), (3, 16), (4, 8), (8, 4), (100, 4)] {
            while held.len() < pieces {
                let mut body = outgoing.steered(Body::from_stream(piece()));
                held.push(body.frame().await.unwrap().unwrap());
            }
            let share = Share::new(&outgoing);
            let places: Vec<_> = std::iter::from_fn(|| share.place().now_or_never()).collect();
            assert_eq!(places.len(), most, "{pieces} pieces");
        }
    }
}
