//! What hyper measures the patience of a connection with: one timer of tokio's, where hyper's own
//! would be made, entered among all timers, taken out and freed for every request.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt;
use tokio::time::{self, Sleep};

/// The timer of one connection, on which there is one wait at a time. It goes off for the earliest
/// deadline since it went off last, and is only then set for what is waited for by that time: most
/// deadlines, those of heads that came, are never entered anywhere.
#[derive(Clone)]
pub(super) struct ConnectionTimer(Arc<Mutex<Option<Pin<Box<Sleep>>>>>);

impl ConnectionTimer {
    pub(super) fn new() -> Self {
        ConnectionTimer(Arc::new(Mutex::new(None)))
    }

    /// A wait until `deadline`.
    pub(super) fn wait(&self, deadline: Instant) -> Wait {
        Wait { timer: self.clone(), deadline: deadline.into() }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Pin<Box<Sleep>>>> {
        self.0.lock().expect("nothing under this lock panics")
    }
}

impl rt::Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(self.wait(deadline))
    }

    /// By tokio's clock, which tests can stop.
    fn now(&self) -> Instant {
        time::Instant::now().into_std()
    }
}

/// Until a deadline.
pub(super) struct Wait {
    timer: ConnectionTimer,
    deadline: time::Instant,
}

impl rt::Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut timer = self.timer.lock();
        let sleep = timer.get_or_insert_with(|| Box::pin(time::sleep_until(self.deadline)));
        if sleep.deadline() > self.deadline {
            sleep.as_mut().reset(self.deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() == self.deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(self.deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::rt::Timer;

    use super::*;

    /// Waits for `limit` and gives up after `patience`. Says whether the wait was over by then.
    async fn wait(timer: &ConnectionTimer, limit: u64, patience: u64) -> bool {
        let waiting = timer.sleep(Duration::from_secs(limit));
        time::timeout(Duration::from_secs(patience), waiting).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_own_limit_whether_later_or_sooner_than_the_last() {
        let timer = ConnectionTimer::new();
        let start = time::Instant::now();
        for (limit, at) in [(30, 30), (10, 40), (50, 90)] {
            assert!(wait(&timer, limit, 100).await);
            assert_eq!(start.elapsed(), Duration::from_secs(at));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_was_given_up_says_nothing_about_the_next() {
        let timer = ConnectionTimer::new();
        let start = time::Instant::now();
        for _ in 0..10 {
            assert!(!wait(&timer, 30, 29).await);
        }
        assert!(wait(&timer, 30, 100).await);
        assert_eq!(start.elapsed(), Duration::from_secs(10 * 29 + 30));
        assert!(!wait(&timer, 30, 29).await);
        assert!(wait(&timer, 5, 100).await, "sooner than the one before");
        assert_eq!(start.elapsed(), Duration::from_secs(10 * 29 + 30 + 29 + 5));
    }
}
