//! Waiting with a limit, many times over: one timer that moves along instead of one made for each wait.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The patience of one connection. A wait that ends at once costs nothing beside it; any other moves
/// the timer, which is cheap while limits come in order, as those of a conversation do.
#[derive(Debug)]
pub struct Patience(Pin<Box<Sleep>>);

impl Patience {
    /// For a task of tokio's runtime.
    #[must_use]
    pub fn new() -> Self {
        Patience(Box::pin(sleep_until(Instant::now())))
    }

    /// What `io` comes to.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::TimedOut`] when it takes longer than `limit`.
    pub async fn within<T>(
        &mut self,
        limit: Duration,
        io: impl Future<Output = io::Result<T>>,
    ) -> io::Result<T> {
        self.wait(|| Instant::now() + limit, io).await
    }

    /// What `io` comes to.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::TimedOut`] when it is not done at `deadline`.
    pub async fn until<T>(
        &mut self,
        deadline: Instant,
        io: impl Future<Output = io::Result<T>>,
    ) -> io::Result<T> {
        self.wait(|| deadline, io).await
    }

    async fn wait<T>(
        &mut self,
        deadline: impl FnOnce() -> Instant,
        io: impl Future<Output = io::Result<T>>,
    ) -> io::Result<T> {
        let (mut io, mut deadline) = (pin!(io), Some(deadline));
        poll_fn(|cx| {
            if let Poll::Ready(result) = io.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            if let Some(deadline) = deadline.take() {
                self.0.as_mut().reset(deadline());
            }
            self.0.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
        })
        .await
    }
}

impl Default for Patience {
    fn default() -> Self {
        Patience::new()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_own_limit_whether_later_or_sooner_than_the_last() {
        let mut patience = Patience::new();
        let start = Instant::now();
        for (limit, at) in [(30, 30), (10, 40), (50, 90)] {
            let limit = Duration::from_secs(limit);
            let error = patience.within(limit, pending::<io::Result<()>>()).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert_eq!(start.elapsed(), Duration::from_secs(at));
            assert_eq!(patience.within(limit, ready(Ok(7))).await.unwrap(), 7);
        }
        let soon = Instant::now() + Duration::from_secs(1);
        assert!(patience.until(soon, pending::<io::Result<()>>()).await.is_err());
        assert_eq!(Instant::now(), soon);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_done_in_time_is_not_held_up() {
        let mut patience = Patience::new();
        let late = async {
            tokio::time::sleep(Duration::from_secs(9)).await;
            Ok(())
        };
        patience.within(Duration::from_secs(10), late).await.unwrap();
    }
}
