//! The body of a request while it arrives: how much of it there may be, and how slowly it may come.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use http::{StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::bounds::{Bounds, Pace};
use super::manners;
use super::progress::Progress;
use super::refusal::Refusal;
use super::waiting::Waiting;

/// A body as a handler gets it.
pub(super) struct Arriving {
    /// Taken out at the end alone.
    incoming: Option<Incoming>,
    version: Version,
    /// Octets that it may still have.
    left: u64,
    waiting: Waiting,
    pace: Pace,
    progress: Arc<Progress>,
    account: Arc<Account>,
}

/// What whoever answers the request is told of its body.
#[derive(Debug, Default)]
pub(super) struct Account {
    octets: AtomicU64,
    fault: AtomicU8,
    asked_for: AtomicBool,
}

const TOO_LARGE: u8 = 1;
const TOO_SLOW: u8 = 2;
const BROKEN: u8 = 3;

impl Arriving {
    pub(super) fn new(incoming: Incoming, version: Version, progress: Arc<Progress>) -> Self {
        let bounds = *progress.bounds();
        Arriving {
            incoming: Some(incoming),
            version,
            left: bounds.body_octets,
            waiting: Waiting::new(bounds.body_pace),
            pace: bounds.body_pace,
            progress,
            account: Arc::default(),
        }
    }

    pub(super) fn account(&self) -> Arc<Account> {
        Arc::clone(&self.account)
    }

    fn fail(&mut self, fault: u8, words: String) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.account.fault.store(fault, Ordering::Relaxed);
        Poll::Ready(Some(Err(words.into())))
    }

    fn has_failed(&self) -> bool {
        self.account.fault.load(Ordering::Relaxed) != 0
    }
}

impl Account {
    /// Octets that have come.
    pub(super) fn octets(&self) -> u64 {
        self.octets.load(Ordering::Relaxed)
    }

    /// Whether whoever answers the request has asked for it.
    pub(super) fn was_asked_for(&self) -> bool {
        self.asked_for.load(Ordering::Relaxed)
    }

    /// Whether it is no body as HTTP has them, or ended before its end.
    pub(super) fn is_broken(&self) -> bool {
        self.fault.load(Ordering::Relaxed) == BROKEN
    }

    /// What is to be answered in place of whatever a handler made of a body that it could not have.
    pub(super) fn refusal(&self, bounds: &Bounds) -> Option<Refusal> {
        match self.fault.load(Ordering::Relaxed) {
            TOO_LARGE => Some(manners::body_too_large(bounds)),
            TOO_SLOW => {
                let text = "The body of the request arrives too slowly.";
                Some(Refusal::new(StatusCode::REQUEST_TIMEOUT, text))
            }
            _ => None,
        }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if this.has_failed() {
            return Poll::Ready(None);
        }
        this.account.asked_for.store(true, Ordering::Relaxed);
        let Some(incoming) = &mut this.incoming else { return Poll::Ready(None) };
        let polled = Pin::new(incoming).poll_frame(cx);
        let Poll::Ready(frame) = polled else {
            ready!(this.waiting.poll_end(cx));
            let patience = this.pace.patience;
            return this.fail(TOO_SLOW, format!("it arrives too slowly: {patience:?} were waited"));
        };
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                this.account.fault.store(BROKEN, Ordering::Relaxed);
                return Poll::Ready(Some(Err(error.into())));
            }
            None => {
                this.progress.on_body_end();
                return Poll::Ready(None);
            }
        };
        let octets = frame.data_ref().map_or(0, Bytes::len);
        this.waiting.on_progress(octets);
        this.account.octets.fetch_add(octets as u64, Ordering::Relaxed);
        let Some(left) = this.left.checked_sub(octets as u64) else {
            return this.fail(TOO_LARGE, "it is longer than allowed".to_owned());
        };
        this.left = left;
        if this.incoming.as_ref().is_some_and(Body::is_end_stream) {
            this.progress.on_body_end();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.has_failed() || self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

/// What is taken of a body that nobody wants, and how long that may take.
const REST: usize = 64 * 1024;
const REST_WITHIN: Duration = Duration::from_secs(2);

/// An answer to a request of HTTP/2 whose body nobody has read would be followed by RST_STREAM (RFC 9113 8.1), at
/// which some clients give up although they have the answer. So a little of the body is still taken. HTTP/1 has the
/// lingering close for this.
impl Drop for Arriving {
    fn drop(&mut self) {
        if self.version != Version::HTTP_2 || self.is_end_stream() {
            return;
        }
        if let (Some(incoming), Ok(runtime)) = (self.incoming.take(), Handle::try_current()) {
            runtime.spawn(timeout(REST_WITHIN, take(incoming, REST)));
        }
    }
}

async fn take(mut incoming: Incoming, most: usize) {
    let mut left = most;
    while left > 0
        && let Some(Ok(frame)) = incoming.frame().await
    {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
    }
}
