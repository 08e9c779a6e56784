//! Two limits where hyper has one: it counts the time for a head from when the last answer was given, so that
//! the time between two requests and the time that a head takes are the same to it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt;

use super::progress::Progress;
use super::timer::{ConnectionTimer, Wait};

/// A timer for hyper's `header_read_timeout`, which has to be set to `bounds.idle_timeout`.
#[derive(Clone)]
pub(super) struct HeadTimer {
    timer: ConnectionTimer,
    progress: Arc<Progress>,
    head: Duration,
    idle: Duration,
}

impl HeadTimer {
    pub(super) fn new(progress: Arc<Progress>) -> Self {
        let (head, idle) = (progress.bounds().head_timeout, progress.bounds().idle_timeout);
        HeadTimer { timer: ConnectionTimer::new(), progress, head, idle }
    }
}

impl rt::Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        let is_first = self.progress.requests() == 0;
        let begun = deadline.checked_sub(self.idle).unwrap_or(deadline);
        let deadline = if is_first { begun + self.head } else { deadline };
        let wait = self.timer.wait(deadline);
        Box::pin(HeadWait { timer: self.clone(), wait, is_for_the_head: is_first })
    }

    fn now(&self) -> Instant {
        self.timer.now()
    }
}

/// hyper looks at it whenever it has read what there was and the head is not whole.
struct HeadWait {
    timer: HeadTimer,
    wait: Wait,
    /// The head has begun, and so has its own time.
    is_for_the_head: bool,
}

impl rt::Sleep for HeadWait {}

impl Future for HeadWait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_for_the_head && self.timer.progress.head_has_begun() {
            self.is_for_the_head = true;
            let deadline = rt::Timer::now(&self.timer) + self.timer.head;
            self.wait = self.timer.timer.wait(deadline);
        }
        Pin::new(&mut self.wait).poll(cx)
    }
}
