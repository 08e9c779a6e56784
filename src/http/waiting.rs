//! A peer that is waited for, again and again, and what is left of the patience with it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::bounds::Pace;

/// Holds a peer to a [`Pace`]. While nobody waits it costs nothing, neither time nor a timer.
#[derive(Debug)]
pub(super) struct Waiting {
    pace: Pace,
    left: Duration,
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Waiting {
    pub(super) const fn new(pace: Pace) -> Self {
        Waiting { pace, left: pace.patience, since: None, timer: None }
    }

    /// The peer has nothing for us yet. Ready when the patience is used up; until then the task is woken
    /// when it is.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let deadline = since + self.left;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx)
    }

    /// So many octets have come through.
    pub(super) fn on_progress(&mut self, octets: usize) {
        if let Some(since) = self.since.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        } else if self.left == self.pace.patience {
            return;
        }
        let earned = self.pace.earned(octets as u64);
        self.left = (self.left + earned).min(self.pace.patience);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::{sleep, timeout};

    use super::*;

    const PACE: Pace = Pace { patience: Duration::from_secs(30), rate: 100 };

    async fn end(waiting: &mut Waiting) {
        poll_fn(|cx| waiting.poll_end(cx)).await;
    }

    /// Waits so many seconds for each piece of so many octets, `times` times at most. Returns how long
    /// that lasted.
    async fn drip(pace: Pace, seconds: u64, octets: usize, times: u32) -> Duration {
        let mut waiting = Waiting::new(pace);
        let start = Instant::now();
        for _ in 0..times {
            if timeout(Duration::from_secs(seconds), end(&mut waiting)).await.is_ok() {
                break;
            }
            waiting.on_progress(octets);
        }
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn who_stands_still_is_given_up_when_the_patience_is_used_up() {
        let start = Instant::now();
        end(&mut Waiting::new(PACE)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn who_keeps_the_rate_is_never_given_up() {
        assert_eq!(drip(PACE, 10, 1000, 100).await, Duration::from_secs(1000));
    }

    #[tokio::test(start_paused = true)]
    async fn who_drips_has_little_longer_than_who_stands_still() {
        // Each ten seconds earn one: 30, 21, 12, and the 3 that are left then.
        assert_eq!(drip(PACE, 10, 100, 100).await, Duration::from_secs(33));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_only_standing_still_counts() {
        let pace = Pace { rate: 0, ..PACE };
        assert_eq!(drip(pace, 29, 1, 100).await, Duration::from_secs(2900));
        assert_eq!(drip(pace, 31, 1, 100).await, Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_in_a_rush_is_no_credit_and_our_own_time_is_not_the_peers() {
        let mut waiting = Waiting::new(PACE);
        waiting.on_progress(usize::MAX);
        sleep(Duration::from_secs(100)).await;
        let start = Instant::now();
        end(&mut waiting).await;
        assert_eq!(start.elapsed(), Duration::from_secs(30));
    }
}
