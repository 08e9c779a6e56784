//! Work that takes as long as the file system does: on threads beside the one that moves packets, so much at a
//! time, and taken back when nobody waits for it any more.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::available_parallelism;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

/// For each processor. Most of this work waits for a disk; what does not, compressing and listing, would
/// take the time of whoever moves packets.
const AT_A_TIME_EACH: usize = 4;
const LEAST_AT_A_TIME: usize = 8;

/// Bounds what is worked on at a time. Clones share the bound.
#[derive(Clone, Debug)]
pub(super) struct Workers(Arc<Semaphore>);

impl Workers {
    /// As many as suit this machine.
    pub(super) fn new() -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        Workers::at_most((processors * AT_A_TIME_EACH).max(LEAST_AT_A_TIME))
    }

    pub(super) fn at_most(jobs: usize) -> Self {
        Workers(Arc::new(Semaphore::new(jobs)))
    }

    /// Does `work` when its turn comes, which is in the order in which jobs are made. A job that is dropped
    /// before is not done; one that has begun goes on, and keeps its place until it ends.
    pub(super) fn job<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Job<T> {
        let turns = Arc::clone(&self.0);
        // A task of its own: who is given a turn has to take it, and a body is asked only while its peer takes
        // something.
        Job(tokio::spawn(async move {
            let turn = turns.acquire_owned().await.expect("nobody closes this semaphore");
            let working = spawn_blocking(move || {
                let done = work();
                drop(turn);
                done
            });
            working.await
        }))
    }
}

/// What `work` comes to.
pub(super) struct Job<T>(JoinHandle<Result<T, JoinError>>);

impl<T> Future for Job<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|done| done?)
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn so_much_at_a_time_and_what_nobody_waits_for_not_at_all() {
        let workers = Workers::at_most(2);
        let done = Arc::new(AtomicUsize::new(0));
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(std::sync::Mutex::new(held));
        let jobs: Vec<_> = (0..100)
            .map(|_| {
                let (done, held) = (Arc::clone(&done), Arc::clone(&held));
                let work = move || {
                    held.lock().unwrap().recv().unwrap();
                    done.fetch_add(1, Ordering::Relaxed);
                };
                workers.job(work)
            })
            .collect();
        // Two begin, and the others wait for their turn.
        while workers.0.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        drop(jobs);
        for _ in 0..100 {
            let _ = release.send(());
        }
        let last = workers.job(|| 7);
        assert_eq!(last.await.unwrap(), 7);
        while workers.0.available_permits() < 2 {
            tokio::task::yield_now().await;
        }
        let done = done.load(Ordering::Relaxed);
        assert!(done <= 2, "{done} were done that nobody waited for");
    }

    #[tokio::test]
    async fn what_is_begun_is_done_while_nobody_asks() {
        let (tell, told) = mpsc::channel();
        let job = Workers::at_most(1).job(move || tell.send(()).unwrap());
        tokio::task::spawn_blocking(move || told.recv().unwrap()).await.unwrap();
        job.await.unwrap();
    }

    #[tokio::test]
    async fn who_does_not_ask_for_what_was_begun_keeps_nobody_from_his_turn() {
        let workers = Workers::at_most(1);
        let (release, held) = mpsc::channel::<()>();
        let first = workers.job(move || held.recv().unwrap());
        let _never_asked = workers.job(|| ());
        release.send(()).unwrap();
        first.await.unwrap();
        let next = tokio::time::timeout(std::time::Duration::from_secs(10), workers.job(|| 7));
        assert_eq!(next.await.expect("its turn comes").unwrap(), 7);
    }
}
