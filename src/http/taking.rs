//! How a peer of HTTP/2 takes what it is sent. Windows, of the connection and of each answer, are its to open, so
//! octets that were handed to hyper may wait there for ever; here they are counted until they are on their way.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::asked::Asked;
use super::bounds::Pace;

/// Holds a peer to a [`Pace`], with all answers of its connection together: a slow line that many answers share
/// brings each of them little.
#[derive(Debug)]
pub(super) struct Taking {
    state: Mutex<State>,
    handed_out: Notify,
    taken_back: TakenBack,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    /// Octets that wait for the peer.
    held: u64,
    /// What is left of the patience, counted from `since` while something is held.
    left: Duration,
    since: Instant,
}

impl Taking {
    /// Who takes back more than so many answers at a time has had enough.
    pub(super) fn new(pace: Pace, most_taken_back: u32) -> Self {
        let state = State { pace, held: 0, left: pace.patience, since: Instant::now() };
        let taken_back = TakenBack::new(most_taken_back);
        Taking { state: Mutex::new(state), handed_out: Notify::new(), taken_back }
    }

    /// An answer is not wanted any more, before it was whole.
    pub(super) fn on_taken_back(&self) {
        self.taken_back.count();
    }

    /// Returns when the peer has taken back too much of what it asked for. Cancel safe.
    pub(super) async fn had_enough(&self) {
        self.taken_back.had_enough.notified().await;
    }

    /// Returns when the patience is used up. Cancel safe.
    pub(super) async fn stalled(&self) {
        loop {
            let deadline = self.lock().deadline();
            match deadline {
                None => self.handed_out.notified().await,
                Some(deadline) if deadline <= Instant::now() => return,
                // It only moves away.
                Some(deadline) => sleep_until(deadline).await,
            }
        }
    }

    /// When the last of what was handed out went; `None` while something waits.
    pub(super) fn all_gone_since(&self) -> Option<Instant> {
        let state = self.lock();
        (state.held == 0).then_some(state.since)
    }

    fn hand_out(&self, octets: usize) {
        let mut state = self.lock();
        if state.held == 0 && octets > 0 {
            state.since = Instant::now();
            self.handed_out.notify_one();
        }
        state.held += octets as u64;
    }

    /// So many are not held any more, and so many of those are on their way.
    fn on_gone(&self, octets: usize, on_their_way: usize) {
        let now = Instant::now();
        let mut state = self.lock();
        state.left = state.left.saturating_sub(now - state.since);
        let earned = state.pace.earned(on_their_way as u64);
        state.left = (state.left + earned).min(state.pace.patience);
        state.since = now;
        state.held = state.held.saturating_sub(octets as u64);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing under this lock panics")
    }
}

impl State {
    fn deadline(&self) -> Option<Instant> {
        (self.held > 0).then(|| self.since + self.left)
    }
}

/// Counts requests that are taken back while they are answered: h2 counts those alone that it has not handed on.
#[derive(Debug)]
struct TakenBack {
    /// So many at a time.
    most: u32,
    start: Instant,
    /// How many there are, and up to when they were forgiven, in steps of [`FORGIVEN_EACH`].
    count: Mutex<(u32, u64)>,
    had_enough: Notify,
}

/// One more may be taken back after each such time.
const FORGIVEN_EACH: Duration = Duration::from_millis(100);

impl TakenBack {
    fn new(most: u32) -> Self {
        let (start, count, had_enough) = (Instant::now(), Mutex::new((0, 0)), Notify::new());
        TakenBack { most, start, count, had_enough }
    }

    fn count(&self) {
        let mut count = self.count.lock().expect("nothing under this lock panics");
        let steps = self.start.elapsed().as_millis() / FORGIVEN_EACH.as_millis();
        let now = u64::try_from(steps).unwrap_or(u64::MAX);
        let forgiven = u32::try_from(now.saturating_sub(count.1)).unwrap_or(u32::MAX);
        *count = (count.0.saturating_sub(forgiven).saturating_add(1), now);
        if count.0 > self.most {
            self.had_enough.notify_one();
        }
    }
}

/// Octets that are counted until they are on their way.
#[derive(Debug)]
pub(super) struct Counted {
    octets: Bytes,
    /// With them the answer is whole.
    is_last: bool,
    taking: Arc<Taking>,
    asked: Arc<Asked>,
}

impl Counted {
    /// Of the answer to `asked`.
    pub(super) fn new(
        octets: Bytes,
        is_last: bool,
        taking: &Arc<Taking>,
        asked: &Arc<Asked>,
    ) -> Self {
        taking.hand_out(octets.len());
        asked.hold(octets.len());
        Counted { octets, is_last, taking: Arc::clone(taking), asked: Arc::clone(asked) }
    }
}

impl Buf for Counted {
    fn remaining(&self) -> usize {
        self.octets.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.octets
    }

    fn advance(&mut self, octets: usize) {
        self.octets.advance(octets);
        self.taking.on_gone(octets, octets);
        self.asked.release(octets);
    }
}

/// Whoever asked for them has taken that back.
impl Drop for Counted {
    fn drop(&mut self) {
        if !self.octets.is_empty() {
            self.taking.on_gone(self.octets.len(), 0);
            self.asked.release(self.octets.len());
            if self.is_last {
                self.taking.on_taken_back();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::http::asked::AllAsked;

    const PACE: Pace = Pace { patience: Duration::from_secs(30), rate: 100 };

    fn some(octets: usize, taking: &Arc<Taking>) -> Counted {
        let asked =
            AllAsked::new(usize::MAX).of_a_connection().one_more(&Request::new(())).unwrap();
        Counted::new(vec![0; octets].into(), false, taking, &asked)
    }

    async fn until_stalled(taking: &Taking) -> u64 {
        let start = Instant::now();
        timeout(Duration::from_hours(1), taking.stalled()).await.expect("within an hour");
        start.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn only_while_something_waits_for_the_peer() {
        let taking = Arc::new(Taking::new(PACE, 256));
        let hour = Duration::from_hours(1);
        assert!(timeout(hour, taking.stalled()).await.is_err(), "nothing was handed out");
        drop(some(1000, &taking));
        some(1000, &taking).advance(1000);
        assert!(timeout(hour, taking.stalled()).await.is_err(), "nothing is held");
        let _held = some(1000, &taking);
        assert_eq!(until_stalled(&taking).await, 30);
    }

    #[tokio::test(start_paused = true)]
    async fn who_keeps_the_rate_may_go_on_and_who_drips_may_not() {
        for (octets, comes_to) in [(100, 1000), (50, 60), (1, 31)] {
            let taking = Arc::new(Taking::new(PACE, 256));
            let mut held = some(1_000_000, &taking);
            let start = Instant::now();
            let stalled = async {
                taking.stalled().await;
                start.elapsed().as_secs()
            };
            let taken = async {
                for _ in 0..1000 {
                    sleep(Duration::from_secs(1)).await;
                    held.advance(octets);
                }
                start.elapsed().as_secs()
            };
            let after = tokio::select! { after = stalled => after, after = taken => after };
            assert!(after.abs_diff(comes_to) <= 1, "{octets} octets a second: {after} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn to_take_it_back_earns_nothing() {
        let taking = Arc::new(Taking::new(PACE, 256));
        let held = some(1000, &taking);
        sleep(Duration::from_secs(29)).await;
        drop(held);
        let _held = some(1000, &taking);
        assert_eq!(until_stalled(&taking).await, 1);
    }
}
