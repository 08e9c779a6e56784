//! How long a transfer may take, and what else ends it: nothing is waited for without these.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::super::{Failure, exit};
use super::progress::Activity;

/// Far enough away to be never.
const NEVER: Duration = Duration::from_hours(365 * 24);

/// The limits of one URL.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    max_time: Option<Duration>,
    end: Instant,
    stall: Option<Duration>,
    interrupt: watch::Receiver<Option<i32>>,
}

impl Limits {
    /// From now on.
    pub(super) fn begin(
        max_time: Option<Duration>,
        stall: Duration,
        interrupt: watch::Receiver<Option<i32>>,
    ) -> Limits {
        let end = Instant::now() + max_time.unwrap_or(NEVER);
        Limits { max_time, end, stall: (!stall.is_zero()).then_some(stall), interrupt }
    }

    /// What `work` comes to, unless a limit comes first. `activity` is the sign that it goes on.
    pub(super) async fn within<T>(
        &mut self,
        activity: &Activity,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        self.watch(self.stall, activity, work).await
    }

    /// The same for what may be slow for reasons of its own, such as a person who reads page by page.
    pub(super) async fn unhurried<T>(
        &mut self,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        self.watch(None, &Activity::default(), work).await
    }

    fn out_of_time(&self) -> Failure {
        let limit = self.max_time.unwrap_or(NEVER);
        failed(format!("it has taken {limit:?} (--max-time)"))
    }

    async fn watch<T>(
        &self,
        stall: Option<Duration>,
        activity: &Activity,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let mut work = pin!(work);
        let mut interrupt = self.interrupt.clone();
        // Work that is always done at once would leave these no turn.
        if Instant::now() >= self.end {
            return Err(self.out_of_time());
        }
        if interrupt.borrow().is_some() {
            return Err(interruption(&mut interrupt).await);
        }
        let mut interrupted = pin!(interruption(&mut interrupt));
        loop {
            let before = activity.octets();
            let quiet = Instant::now() + stall.unwrap_or(NEVER);
            tokio::select! {
                biased;
                result = &mut work => return Ok(result),
                failure = &mut interrupted => return Err(failure),
                () = sleep_until(self.end) => return Err(self.out_of_time()),
                () = sleep_until(quiet) => if activity.octets() == before {
                    let limit = stall.unwrap_or(NEVER);
                    return Err(failed(format!("nothing has come or gone for {limit:?} (--stall-timeout)")));
                },
            }
        }
    }
}

fn failed(why: String) -> Failure {
    Failure::new(exit::FAILURE, why)
}

/// Waits for a signal that asks us to end, and says how we do.
pub(super) async fn interruption(told: &mut watch::Receiver<Option<i32>>) -> Failure {
    let number = told.wait_for(Option::is_some).await.ok().and_then(|number| *number);
    let number = number.and_then(|number| u8::try_from(number).ok()).unwrap_or(2);
    Failure::new(128 + number, "interrupted")
}

/// Says which signal has asked us to end: the first one does so cleanly, the second at once.
pub(super) fn interrupts() -> Result<watch::Receiver<Option<i32>>, Failure> {
    let (tell, told) = watch::channel(None);
    let failed = |error| Failure::new(exit::FAILURE, format!("cannot watch signals: {error}"));
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let mut signals = signal(kind).map_err(failed)?;
        let tell = tell.clone();
        tokio::spawn(async move {
            let number = kind.as_raw_value();
            let mut is_first = true;
            while signals.recv().await.is_some() {
                if !is_first {
                    std::process::exit(128 + number);
                }
                is_first = false;
                tell.send_replace(Some(number));
            }
        });
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::sleep;

    use super::*;

    fn limits(max_time: Option<u64>, stall: u64) -> (watch::Sender<Option<i32>>, Limits) {
        let (tell, told) = watch::channel(None);
        let max_time = max_time.map(Duration::from_secs);
        (tell, Limits::begin(max_time, Duration::from_secs(stall), told))
    }

    #[tokio::test(start_paused = true)]
    async fn each_limit_ends_it() {
        let activity = Activity::default();
        let (tell, mut both) = limits(Some(10), 3);
        let stalled = both.within(&activity, pending::<()>()).await.unwrap_err();
        assert!(stalled.message.contains("3s (--stall-timeout)"), "{}", stalled.message);
        let busy = async {
            loop {
                sleep(Duration::from_secs(2)).await;
                activity.add(1);
            }
        };
        let late = both.within(&activity, busy).await.unwrap_err();
        assert!(late.message.contains("10s (--max-time)"), "{}", late.message);
        let ready = both.within(&activity, async { 7 }).await.unwrap_err();
        assert_eq!(ready.message, late.message, "what is always ready at once ends, too");
        let (_, mut none) = limits(None, 0);
        none.interrupt = both.interrupt;
        assert_eq!(none.within(&activity, async { 7 }).await.unwrap(), 7);
        tell.send_replace(Some(15));
        assert_eq!(none.within(&activity, pending::<()>()).await.unwrap_err().code, 143);
        assert_eq!(none.within(&activity, async { 7 }).await.unwrap_err().code, 143);
    }
}
