//! What goes on on a connection of HTTP/2, where many exchanges share it: whether anything is ours to do,
//! when something moved last, and what is taken back.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::asked::Asked;
use super::bounds::Pace;
use super::taking::{Counted, Taking};

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
    /// Requests that came.
    requests: AtomicU64,
    begun: Notify,
    taking: Arc<Taking>,
}

impl Activity {
    /// Of a peer that takes what it asked for at this pace, or takes it back, so often at a time.
    pub(super) fn new(pace: Pace, most_taken_back: u32) -> Self {
        Activity(Arc::new(Shared {
            start: Instant::now(),
            working: AtomicUsize::new(0),
            moved: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            begun: Notify::new(),
            taking: Arc::new(Taking::new(pace, most_taken_back)),
        }))
    }

    /// An exchange that `answer` is made for: it lasts until the body of the answer has been taken, or is
    /// not wanted any more.
    pub(super) async fn exchange<B, E>(
        self,
        asked: Arc<Asked>,
        answer: impl Future<Output = Result<Response<B>, E>>,
    ) -> Result<Response<Tracked<B>>, E>
    where
        B: Body<Data = Bytes>,
    {
        let mut work = Work { shared: self.0, asked, is_ours: false, is_over: false };
        work.is_ours(true);
        work.shared.requests.fetch_add(1, Ordering::Relaxed);
        work.shared.begun.notify_one();
        Ok(answer.await?.map(|body| {
            work.is_over = body.is_end_stream();
            Tracked { body, work }
        }))
    }

    /// Returns when so many exchanges have begun. Cancel safe.
    pub(super) async fn begun(&self, requests: u64) {
        while self.0.requests.load(Ordering::Relaxed) < requests {
            self.0.begun.notified().await;
        }
    }

    /// Returns when the peer takes what it is sent too slowly, or not at all. Cancel safe.
    pub(super) async fn stalled(&self) {
        self.0.taking.stalled().await;
    }

    /// Returns when the peer has taken back too much of what it asked for. Cancel safe.
    pub(super) async fn had_enough(&self) {
        self.0.taking.had_enough().await;
    }

    /// Returns when for so long nothing was ours to do and nothing waited for the peer: it asks for nothing.
    /// Cancel safe.
    pub(super) async fn idle(&self, limit: Duration) {
        loop {
            let moved = self.0.start + Duration::from_micros(self.0.moved.load(Ordering::Relaxed));
            let now = Instant::now();
            let is_working = self.0.working.load(Ordering::Relaxed) > 0;
            let over = match self.0.taking.all_gone_since() {
                Some(gone) if !is_working => moved.max(gone) + limit,
                Some(_) | None => now + limit,
            };
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
    asked: Arc<Asked>,
    is_ours: bool,
    /// All of the answer has been handed out: what becomes of that, the last of its octets tell.
    is_over: bool,
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
        if !self.is_over {
            self.shared.taking.on_taken_back();
        }
    }
}

/// A body that says whether it is us who are waited for, and what the peer takes of it.
#[derive(Debug)]
pub(super) struct Tracked<B> {
    body: B,
    work: Work,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Tracked<B> {
    type Data = Counted;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = &mut *self;
        this.work.is_ours(true);
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        this.work.is_ours(false);
        this.work.is_over = !matches!(frame, Some(Ok(_))) || this.body.is_end_stream();
        let Work { shared, asked, is_over, .. } = &this.work;
        let count = |frame: Frame<Bytes>| {
            frame.map_data(|octets| Counted::new(octets, *is_over, &shared.taking, asked))
        };
        Poll::Ready(frame.map(|frame| frame.map(count)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
