//! The body of a request while it arrives: how much of it there may be, and how slowly it may come.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use axum::BoxError;
use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::bounds::{Bounds, Pace};
use super::manners;
use super::progress::Progress;
use super::refusal::Refusal;
use super::waiting::Waiting;

/// A body as a handler gets it.
pub(super) struct Arriving {
    incoming: Incoming,
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
}

const TOO_LARGE: u8 = 1;
const TOO_SLOW: u8 = 2;

impl Arriving {
    pub(super) fn new(incoming: Incoming, progress: Arc<Progress>) -> Self {
        let bounds = *progress.bounds();
        Arriving {
            incoming,
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

    /// What is to be answered in place of whatever a handler made of a body that broke off.
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
        let polled = Pin::new(&mut this.incoming).poll_frame(cx);
        let Poll::Ready(frame) = polled else {
            ready!(this.waiting.poll_end(cx));
            let patience = this.pace.patience;
            return this.fail(TOO_SLOW, format!("it arrives too slowly: {patience:?} were waited"));
        };
        let Some(frame) = frame.transpose()? else {
            this.progress.on_body_end();
            return Poll::Ready(None);
        };
        let octets = frame.data_ref().map_or(0, Bytes::len);
        this.waiting.on_progress(octets);
        this.account.octets.fetch_add(octets as u64, Ordering::Relaxed);
        let Some(left) = this.left.checked_sub(octets as u64) else {
            return this.fail(TOO_LARGE, "it is longer than allowed".to_owned());
        };
        this.left = left;
        if this.incoming.is_end_stream() {
            this.progress.on_body_end();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.has_failed() || self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
