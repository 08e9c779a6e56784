//! The loop that accepts: one task for each connection, so many and no more, until it is told to
//! stop.

use std::future::{Future, poll_fn};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use super::{Listener, Stop};

/// How much one accept loop takes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at a time, at least 1. At the limit the loop stops accepting, and further
    /// peers wait in the listener's queue. The default is 10,000.
    pub connections: usize,
    /// What connections may take to finish after the signal to stop. The default is 5 s.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { connections: 10_000, grace: Duration::from_secs(5) }
    }
}

/// The first wait after a failed accept; it doubles up to `LONGEST_WAIT`.
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Accepts from `listener` and gives each connection to `answer`, in a task of its own, until
/// `stop` is given. Then the listener is dropped at once, and the tasks, which are expected to
/// watch `stop` themselves, have `limits.grace` to finish; what is left then is cut off.
///
/// No error ends the loop: a failed accept is logged and tried again after a short wait.
pub async fn accept<L, A, F>(listener: L, limits: Limits, mut stop: Stop, answer: A)
where
    L: Listener,
    A: Fn(L::Connection) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let mut tasks = JoinSet::new();
    let mut doorman = Doorman { listener, room, wait: Duration::ZERO };
    loop {
        tokio::select! {
            biased;
            () = stop.given() => break,
            Some(ended) = tasks.join_next() => report(ended),
            (connection, permit) = doorman.next() => {
                // On the heap at once: such a future is large, and on its way into a task it is moved
                // several times.
                let answered = Box::pin(answer(connection));
                tasks.spawn(async move {
                    answered.await;
                    drop(permit);
                });
            }
        }
    }
    drop(doorman);
    finish(tasks, limits.grace).await;
}

/// Lets connections in, one by one.
struct Doorman<L> {
    listener: L,
    room: Arc<Semaphore>,
    /// Before the next attempt; zero after a success.
    wait: Duration,
}

impl<L: Listener> Doorman<L> {
    /// The next connection, and its place. Cancel safe: a connection is taken at the very end.
    async fn next(&mut self) -> (L::Connection, OwnedSemaphorePermit) {
        let room = Arc::clone(&self.room);
        let permit = room.acquire_owned().await.expect("nobody closes this semaphore");
        (next_of(&mut self.listener, &mut self.wait).await, permit)
    }
}

/// The next connection of `listener`. A failed attempt is logged and made again after `wait`, which is
/// zero at first and again after a success. Cancel safe: a connection is taken at the very end.
pub(crate) async fn next_of<L: Listener>(listener: &mut L, wait: &mut Duration) -> L::Connection {
    loop {
        sleep_unless_zero(*wait).await;
        match poll_fn(|cx| listener.poll_accept(cx)).await {
            Ok(connection) => {
                *wait = Duration::ZERO;
                return connection;
            }
            // The stack has stopped, and with it whatever would end this loop.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                std::future::pending::<()>().await;
            }
            Err(error) => {
                log::warn!("could not accept a connection: {error}");
                *wait = wait_after(&error, *wait);
            }
        }
    }
}

async fn sleep_unless_zero(wait: Duration) {
    if !wait.is_zero() {
        sleep(wait).await;
    }
}

/// A peer that gave up while it queued says nothing about the next one; anything else, such as no
/// memory, takes a moment to get better.
fn wait_after(error: &io::Error, before: Duration) -> Duration {
    match error.kind() {
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset => Duration::ZERO,
        _ => (before * 2).clamp(FIRST_WAIT, LONGEST_WAIT),
    }
}

async fn finish(mut tasks: JoinSet<()>, grace: Duration) {
    let all_done = async {
        while let Some(ended) = tasks.join_next().await {
            report(ended);
        }
    };
    if timeout(grace, all_done).await.is_err() {
        log::info!("cut off {} connections that did not finish in {grace:?}", tasks.len());
        tasks.shutdown().await;
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        log::error!("answering a connection failed, which is a bug: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::net::{Ipv4Addr, SocketAddr};
    use std::task::{Context, Poll};

    use tokio::io::{AsyncReadExt, DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;
    use crate::serving::{Plain, stop};

    /// Hands out what it was given, then waits for ever.
    struct Script(VecDeque<io::Result<DuplexStream>>);

    impl Listener for Script {
        type Connection = Plain<DuplexStream>;

        fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Self::Connection>> {
            let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
            match self.0.pop_front() {
                Some(next) => Poll::Ready(next.map(|stream| Plain::new(stream, addr, addr))),
                None => Poll::Pending,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failed_accepts_are_tried_again_ever_more_slowly() {
        let (ours, mut theirs) = duplex(8);
        let full = || Err(io::Error::from(io::ErrorKind::OutOfMemory));
        let script = Script(VecDeque::from([full(), full(), full(), Ok(ours)]));
        let (_stopper, stop) = stop();
        let start = Instant::now();
        let looping = tokio::spawn(accept(script, Limits::default(), stop, |_| async {}));
        assert_eq!(theirs.read(&mut [0; 8]).await.unwrap(), 0, "it was accepted and dropped");
        assert_eq!(start.elapsed(), Duration::from_millis(5 + 10 + 20));
        looping.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_limit_at_a_time() {
        let (first, _client) = duplex(8);
        let (second, _client) = duplex(8);
        let script = Script(VecDeque::from([Ok(first), Ok(second)]));
        let limits = Limits { connections: 1, ..Limits::default() };
        let (_stopper, stop) = stop();
        let (entered, mut entries) = tokio::sync::mpsc::unbounded_channel();
        let looping = tokio::spawn(accept(script, limits, stop, move |_| {
            let entered = entered.clone();
            async move {
                entered.send(Instant::now()).unwrap();
                sleep(Duration::from_secs(7)).await;
            }
        }));
        let first = entries.recv().await.unwrap();
        let second = entries.recv().await.unwrap();
        assert_eq!(second - first, Duration::from_secs(7), "the second had to wait for the first");
        looping.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_is_bounded() {
        let (ours, mut theirs) = duplex(8);
        let script = Script(VecDeque::from([Ok(ours)]));
        let (stopper, stop) = stop();
        let (entered, mut entries) = tokio::sync::mpsc::unbounded_channel();
        let looping = tokio::spawn(accept(script, Limits::default(), stop, move |connection| {
            entered.send(()).unwrap();
            async move {
                std::future::pending::<()>().await;
                drop(connection);
            }
        }));
        entries.recv().await.unwrap();
        let start = Instant::now();
        stopper.stop();
        looping.await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        assert_eq!(theirs.read(&mut [0; 8]).await.unwrap(), 0, "what was left is cut off");
    }
}
