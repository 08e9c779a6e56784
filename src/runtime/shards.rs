//! A service on several shards: a thread, a runtime, a stack and connections for each, nothing shared but
//! the way by which a packet that came to the wrong one finds the right one.

use std::future::Future;
use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

use super::net::Net;
use super::siblings::Siblings;
use crate::device::Device;
use crate::engine::Engine;
use crate::trace::Sink;

/// What a shard is made of.
pub struct Parts {
    /// The stack. Where there are several it knows its place among them.
    pub engine: Box<dyn Engine>,
    /// Its link: one queue of a TUN.
    pub device: Box<dyn Device>,
    /// Who is told its events.
    pub sinks: Vec<Box<dyn Sink>>,
    /// How long the driver looks for packets before it sleeps ([`super::Driver::set_busy_poll`]).
    pub busy_poll: Duration,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("device", &self.device.name()).finish_non_exhaustive()
    }
}

/// A shard that runs on a thread of its own.
#[derive(Debug)]
pub struct ShardThread {
    thread: JoinHandle<io::Result<()>>,
    /// Nothing is ever sent: that the other end is gone says that the shard has ended.
    ends: oneshot::Receiver<()>,
    has_ended: bool,
}

impl ShardThread {
    /// Returns when the shard has ended. Cancel safe.
    pub async fn ended(&mut self) {
        if !self.has_ended {
            let _ = (&mut self.ends).await;
            self.has_ended = true;
        }
    }

    /// Waits, without a runtime, until the shard has ended, and says how.
    ///
    /// # Errors
    ///
    /// What its service or its device ended with, or what it could not begin for; that it has panicked.
    pub fn join(self) -> io::Result<()> {
        let bug = |_| Err(io::Error::other("a shard has panicked, which is a bug"));
        self.thread.join().unwrap_or_else(bug)
    }
}

/// Starts a shard for each of `shards`, which makes its parts on its own thread, inside its own
/// current-thread runtime (a device registers with that). On each runs `service`, given the shard's
/// [`Net`]; a shard ends when its service returns or its device fails.
///
/// # Errors
///
/// A thread cannot be started. What goes wrong later is what joining its thread returns.
pub fn serve_per_shard<M, S, F>(shards: Vec<M>, service: S) -> io::Result<Vec<ShardThread>>
where
    M: FnOnce() -> io::Result<Parts> + Send + 'static,
    S: Fn(Net) -> F + Clone + Send + 'static,
    F: Future<Output = io::Result<()>>,
{
    let siblings = Siblings::new();
    let start = |(number, make): (usize, M)| {
        let (service, siblings) = (service.clone(), siblings.clone());
        let (end, ends) = oneshot::channel();
        let thread = thread::Builder::new().name(format!("shard-{number}")).spawn(move || {
            let result = run(make, &service, &siblings);
            drop(end);
            result
        })?;
        Ok(ShardThread { thread, ends, has_ended: false })
    };
    shards.into_iter().enumerate().map(start).collect()
}

fn run<M, S, F>(make: M, service: &S, siblings: &Siblings) -> io::Result<()>
where
    M: FnOnce() -> io::Result<Parts>,
    S: Fn(Net) -> F,
    F: Future<Output = io::Result<()>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let Parts { engine, device, sinks, busy_poll } = make()?;
        let (net, mut driver) = Net::among(siblings, engine, device, sinks)?;
        driver.set_busy_poll(busy_poll);
        // A task of its own, so that its rounds do not poll the service each time.
        let mut driver = tokio::spawn(driver.run());
        tokio::select! {
            ended = &mut driver => ended.unwrap_or_else(|error| Err(io::Error::other(error))),
            done = service(net) => {
                driver.abort();
                // What has happened until now has been told when this returns.
                let _ = driver.await;
                done
            }
        }
    })
}
