//! What goes on on a connection of HTTP/2, where many exchanges share it: whether anything is ours to do,
//! and when something moved last.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Response;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Of one connection. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    start: Instant,
    /// Exchanges for which we have to do something: an answer is being made, or more of its body. Those
    /// that wait for the peer to take what there is are not among them.
    working: AtomicUsize,
    /// When that changed last, in microseconds after `start`.
    moved: AtomicU64,
    begun: Notify,
}

impl Activity {
    pub(super) fn new() -> Self {
        Activity(Arc::new(Shared {
            start: Instant::now(),
            working: AtomicUsize::new(0),
            moved: AtomicU64::new(0),
            begun: Notify::new(),
        }))
    }

    /// An exchange that `answer` is made for: it lasts until the body of the answer has been taken, or is
    /// not wanted any more.
    pub(super) async fn exchange<B, E>(
        self,
        answer: impl Future<Output = Result<Response<B>, E>>,
    ) -> Result<Response<Tracked<B>>, E> {
        let mut work = Work { shared: self.0, is_ours: false };
        work.is_ours(true);
        work.shared.begun.notify_one();
        Ok(answer.await?.map(|body| Tracked { body, work }))
    }

    /// Returns when an exchange has begun. Cancel safe.
    pub(super) async fn begun(&self) {
        self.0.begun.notified().await;
    }

    /// Returns when for so long nothing was ours to do and nothing moved: the peer asks for nothing, or
    /// takes nothing of what it has asked for. Cancel safe.
    pub(super) async fn idle(&self, limit: Duration) {
        loop {
            let moved = self.0.start + Duration::from_micros(self.0.moved.load(Ordering::Relaxed));
            let now = Instant::now();
            let is_working = self.0.working.load(Ordering::Relaxed) > 0;
            let over = if is_working { now + limit } else { moved + limit };
            if over <= now {
                return;
            }
            sleep_until(over).await;
        }
    }
}

/// One exchange.
#[derive(Debug)]
struct Work {
    shared: Arc<Shared>,
    is_ours: bool,
}

impl Work {
    fn is_ours(&mut self, is_ours: bool) {
        if is_ours == self.is_ours {
            return;
        }
        self.is_ours = is_ours;
        let since = u64::try_from(self.shared.start.elapsed().as_micros());
        self.shared.moved.store(since.expect("no 500,000 years"), Ordering::Relaxed);
        if is_ours {
            self.shared.working.fetch_add(1, Ordering::Relaxed);
        } else {
            self.shared.working.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.is_ours(false);
    }
}

/// A body that says whether it is us who are waited for.
#[derive(Debug)]
pub(super) struct Tracked<B> {
    body: B,
    work: Work,
}

impl<B: Body + Unpin> Body for Tracked<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.work.is_ours(true);
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_ready() {
            self.work.is_ours(false);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
