//! A service on several shards: a thread, a runtime, a stack and connections for each, nothing shared.

use std::future::Future;
use std::io;
use std::thread::{self, JoinHandle};

use super::net::Net;
use crate::device::Device;
use crate::engine::Engine;
use crate::trace::Sink;

/// What a shard is made of.
pub struct Parts {
    /// The stack.
    pub engine: Box<dyn Engine>,
    /// Its link: one queue of a TUN.
    pub device: Box<dyn Device>,
    /// Who is told its events.
    pub sinks: Vec<Box<dyn Sink>>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("device", &self.device.name()).finish_non_exhaustive()
    }
}

/// Starts a shard for each of `shards`, which makes its parts on its own thread, inside its own
/// current-thread runtime (a device registers with that). On each runs `service`, given the shard's
/// [`Net`]; a shard ends when its service returns or its device fails.
///
/// # Errors
///
/// A thread cannot be started. What goes wrong later is what joining its thread returns.
pub fn serve_per_shard<M, S, F>(
    shards: Vec<M>,
    service: S,
) -> io::Result<Vec<JoinHandle<io::Result<()>>>>
where
    M: FnOnce() -> io::Result<Parts> + Send + 'static,
    S: Fn(Net) -> F + Clone + Send + 'static,
    F: Future<Output = io::Result<()>>,
{
    let start = |(number, make): (usize, M)| {
        let service = service.clone();
        thread::Builder::new().name(format!("shard-{number}")).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let Parts { engine, device, sinks } = make()?;
                let (net, driver) = Net::new(engine, device, sinks)?;
                tokio::select! {
                    ended = driver.run() => ended,
                    done = service(net) => done,
                }
            })
        })
    };
    shards.into_iter().enumerate().map(start).collect()
}
