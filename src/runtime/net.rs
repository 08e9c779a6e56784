//! One running shard: a stack behind a lock, and the wakers of those who wait for it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

use super::clock::Clock;
use super::driver::Driver;
use super::siblings::Siblings;
use crate::device::Device;
use crate::engine::Engine;
use crate::stack::{Bookmark, Counters, Handle, ListenerId, ListenerSummary, Page, Ready, Summary};
use crate::tcp::State;
use crate::time::Instant;
use crate::trace::{ConnId, DropReason, Mask, Sink};
use crate::wire::Packet;

/// A handle to a running stack, cheap to clone, for making sockets. It works as long as its [`Driver`]
/// runs.
#[derive(Clone)]
pub struct Net {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}

struct Shared {
    shard: Mutex<Shard>,
    /// Tells the driver that there is something to send.
    work: Notify,
    clock: Clock,
    siblings: Siblings,
}

/// A [`Net`] for as long as somebody else holds it.
pub(super) struct WeakNet(Weak<Shared>);

pub(super) struct Shard {
    pub(super) engine: Box<dyn Engine>,
    /// By slot.
    streams: Vec<Waiting>,
    listeners: BTreeMap<ListenerId, Vec<Waker>>,
    /// Packets that a sibling has handed over, for the next round of the driver.
    pub(super) inbox: Vec<Packet>,
    /// Where the pieces of one write come together. Empty between calls.
    pub(super) gathered: Vec<u8>,
    /// The driver knows that there is something to do.
    pub(super) driver_is_told: bool,
    /// The driver has ended: nothing moves any more.
    pub(super) stopped: bool,
}

/// Who waits for one connection.
#[derive(Default)]
struct Waiting {
    read: Option<Waker>,
    write: Option<Waker>,
}

/// What a task waits for on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    Read,
    Write,
}

impl Net {
    /// Puts `engine` on `device`. Nothing happens until the driver runs, in a task of its own; its
    /// future is `Send`, but it is at its best on the current-thread runtime of its applications. Each
    /// of `sinks` is told every event.
    ///
    /// # Errors
    ///
    /// There is no tokio runtime here, or no file descriptor left.
    pub fn new(
        engine: Box<dyn Engine>,
        device: Box<dyn Device>,
        sinks: Vec<Box<dyn Sink>>,
    ) -> io::Result<(Net, Driver)> {
        Net::among(&Siblings::new(), engine, device, sinks)
    }

    /// As [`Net::new`], as one of the shards behind the same addresses. The engine has to know its place
    /// among them ([`crate::stack::Config::place`]).
    ///
    /// # Errors
    ///
    /// As [`Net::new`].
    pub fn among(
        siblings: &Siblings,
        engine: Box<dyn Engine>,
        device: Box<dyn Device>,
        sinks: Vec<Box<dyn Sink>>,
    ) -> io::Result<(Net, Driver)> {
        let shard = Shard {
            engine,
            streams: Vec::new(),
            listeners: BTreeMap::new(),
            inbox: Vec::new(),
            gathered: Vec::new(),
            driver_is_told: false,
            stopped: false,
        };
        let shared = Shared {
            shard: Mutex::new(shard),
            work: Notify::new(),
            clock: siblings.clock(),
            siblings: siblings.clone(),
        };
        let net = Net { shared: Arc::new(shared) };
        siblings.join(&net);
        let driver = Driver::new(net.clone(), device, sinks)?;
        Ok((net, driver))
    }

    /// STATUS of every connection.
    #[must_use]
    pub fn statuses(&self) -> Vec<Summary> {
        let now = self.now();
        self.lock().engine.statuses(now)
    }

    /// The state of every connection.
    #[must_use]
    pub fn states(&self) -> Vec<(ConnId, State)> {
        self.lock().engine.states()
    }

    /// What the stack has counted; `None` if its engine counts nothing.
    #[must_use]
    pub fn counters(&self) -> Option<Counters> {
        self.lock().engine.counters()
    }

    /// How often packets and segments were dropped, by reason.
    #[must_use]
    pub fn drops(&self) -> Vec<(DropReason, u64)> {
        self.lock().engine.drops()
    }

    /// STATUS of some connections, at most `most` where there may be many: see [`crate::stack::Stack::page`].
    #[must_use]
    pub fn page(&self, from: Bookmark, most: usize) -> Page {
        let now = self.now();
        self.lock().engine.page(from, most, now)
    }

    /// How many connections are in each state. The stack is held up for some thousand of them at a time.
    #[must_use]
    pub fn count_states(&self) -> BTreeMap<State, u64> {
        const AT_ONCE: usize = 4096;
        let mut counts = BTreeMap::new();
        let mut next = Some(Bookmark::default());
        while let Some(from) = next {
            let page = self.lock().engine.page_of_states(from, AT_ONCE);
            page.connections.into_iter().for_each(|state| *counts.entry(state).or_default() += 1);
            next = page.next;
        }
        counts
    }

    /// Every listener.
    #[must_use]
    pub fn listeners(&self) -> Vec<ListenerSummary> {
        self.lock().engine.listeners()
    }

    /// Has these kinds of events raised, too, for somebody who looks on for a while; with none, no longer.
    pub fn raise_also(&self, kinds: Mask) {
        self.lock().engine.raise_also(kinds);
    }

    /// What the clock of the stack, and of its siblings, shows: the moments of events are of it.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.shared.clock.now()
    }

    pub(super) fn work(&self) -> &Notify {
        &self.shared.work
    }

    pub(super) fn siblings(&self) -> &Siblings {
        &self.shared.siblings
    }

    pub(super) fn is(&self, other: &Net) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    pub(super) fn downgrade(&self) -> WeakNet {
        WeakNet(Arc::downgrade(&self.shared))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Shard> {
        self.shared.shard.lock().expect("a panic under this lock is a bug and ends the stack")
    }

    /// Makes a call on the engine, and tells the driver when that left something to send.
    ///
    /// # Errors
    ///
    /// The driver has ended.
    pub(super) fn call<T>(
        &self,
        call: impl FnOnce(&mut Shard, Instant) -> io::Result<T>,
    ) -> io::Result<T> {
        self.call_on(self.lock(), call)
    }

    fn call_on<T>(
        &self,
        mut shard: MutexGuard<'_, Shard>,
        call: impl FnOnce(&mut Shard, Instant) -> io::Result<T>,
    ) -> io::Result<T> {
        let now = self.now();
        if shard.stopped {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "the stack has stopped"));
        }
        let result = call(&mut shard, now);
        let tell = shard.engine.has_output() && !shard.driver_is_told;
        shard.driver_is_told |= tell;
        drop(shard);
        if tell {
            self.work().notify_one();
        }
        result
    }

    /// A call that may have to wait: `Ok(None)` means not yet. It is not even made, and the clock not
    /// read, when `cannot` says that it would be in vain. Spends tokio's budget, so that a busy stream
    /// lets others run.
    pub(super) fn poll_call<T>(
        &self,
        cx: &mut Context<'_>,
        cannot: impl FnOnce(&Shard) -> bool,
        wait: impl FnOnce(&mut Shard, &Waker),
        call: impl FnOnce(&mut Shard, Instant) -> io::Result<Option<T>>,
    ) -> Poll<io::Result<T>> {
        let coop = std::task::ready!(tokio::task::coop::poll_proceed(cx));
        let mut shard = self.lock();
        if !shard.stopped && cannot(&shard) {
            wait(&mut shard, cx.waker());
            return Poll::Pending;
        }
        let result = self.call_on(shard, |shard, now| {
            let result = call(shard, now);
            if matches!(result, Ok(None)) {
                wait(shard, cx.waker());
            }
            result
        });
        match result.transpose() {
            Some(result) => {
                coop.made_progress();
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }
}

impl WeakNet {
    pub(super) fn upgrade(&self) -> Option<Net> {
        self.0.upgrade().map(|shared| Net { shared })
    }
}

impl Shard {
    /// `waker` is told when `handle` may have become readable or writable. It replaces the one before.
    pub(super) fn wait(&mut self, handle: Handle, interest: Interest, waker: &Waker) {
        let slot = handle.slot();
        if slot >= self.streams.len() {
            self.streams.resize_with(slot + 1, Waiting::default);
        }
        let known = match interest {
            Interest::Read => &mut self.streams[slot].read,
            Interest::Write => &mut self.streams[slot].write,
        };
        match known {
            Some(known) => known.clone_from(waker),
            None => *known = Some(waker.clone()),
        }
    }

    /// `waker` is told when `listener` has a connection.
    pub(super) fn wait_for_connection(&mut self, listener: ListenerId, waker: &Waker) {
        let wakers = self.listeners.entry(listener).or_default();
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    /// Nobody waits for `handle` any more.
    pub(super) fn forget(&mut self, handle: Handle) {
        if let Some(waiting) = self.streams.get_mut(handle.slot()) {
            *waiting = Waiting::default();
        }
    }

    pub(super) fn forget_listener(&mut self, listener: ListenerId) {
        self.listeners.remove(&listener);
    }

    /// The wakers of all for whom something has become possible. They are to be woken without the lock.
    pub(super) fn take_wakers(&mut self, wakers: &mut Vec<Waker>) {
        for ready in self.engine.take_ready() {
            match ready {
                Ready::Listener(listener) => {
                    wakers.extend(self.listeners.remove(&listener).into_iter().flatten());
                }
                Ready::Connection(handle) => {
                    let Some(waiting) = self.streams.get_mut(handle.slot()) else { continue };
                    if waiting.read.is_some() && self.engine.is_readable(handle) {
                        wakers.extend(waiting.read.take());
                    }
                    if waiting.write.is_some() && self.engine.is_writable(handle) {
                        wakers.extend(waiting.write.take());
                    }
                }
            }
        }
    }

    /// The driver ends: whoever waits finds out.
    pub(super) fn stop(&mut self) -> Vec<Waker> {
        self.stopped = true;
        let streams = self.streams.drain(..).flat_map(|waiting| [waiting.read, waiting.write]);
        let mut wakers: Vec<Waker> = streams.flatten().collect();
        wakers.extend(std::mem::take(&mut self.listeners).into_values().flatten());
        wakers
    }
}
