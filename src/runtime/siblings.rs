//! Shards behind the same addresses. Each has its own connections, and the kernel brings the packets of one
//! connection by one queue, almost always: what comes by another finds its way here, before anybody answers
//! that there is no such connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::clock::Clock;
use super::net::{Net, WeakNet};
use crate::stack::Stray;
use crate::time::Instant;

/// Packets that may wait for a driver that is handed them. What comes beyond is lost, as on a wire.
const MOST_IN_INBOX: usize = 1024;

/// The shards behind the same addresses, by which they find each other. They have one clock, so that the
/// instants of their events can be compared, and initial sequence numbers and timestamps grow from one
/// connection to the next whichever shard has it.
#[derive(Clone)]
pub struct Siblings(Arc<Family>);

struct Family {
    clock: Clock,
    members: Mutex<Vec<WeakNet>>,
}

impl Siblings {
    /// Nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Siblings(Arc::new(Family { clock: Clock::start(), members: Mutex::new(Vec::new()) }))
    }

    pub(super) fn join(&self, net: &Net) {
        let mut members = self.members();
        members.retain(|member| member.upgrade().is_some());
        members.push(net.downgrade());
    }

    pub(super) fn clock(&self) -> Clock {
        self.0.clock
    }

    fn members(&self) -> MutexGuard<'_, Vec<WeakNet>> {
        self.0.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All but `net`.
    fn others(&self, net: &Net) -> Vec<Net> {
        let members = self.members();
        members.iter().filter_map(WeakNet::upgrade).filter(|member| !member.is(net)).collect()
    }
}

impl Default for Siblings {
    fn default() -> Self {
        Siblings::new()
    }
}

impl std::fmt::Debug for Siblings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Siblings").field("count", &self.members().len()).finish()
    }
}

impl Net {
    /// Gives each of our strays to the sibling that knows its connection, or else back to our own stack,
    /// which answers it. One shard is locked at a time. Adds to `wakers` whoever is to be woken.
    pub(super) fn hand_over(&self, strays: Vec<Stray>, now: Instant, wakers: &mut Vec<Waker>) {
        let others = self.siblings().others(self);
        let mut unclaimed = strays;
        unclaimed.retain(|stray| !others.iter().any(|sibling| sibling.claims(stray)));
        if unclaimed.is_empty() {
            return;
        }
        let mut shard = self.lock();
        for stray in unclaimed {
            shard.engine.on_unclaimed(&stray.packet, now);
        }
        shard.take_wakers(wakers);
    }

    /// Takes `stray` if it is of a connection here, and tells the driver. It is fed in the driver's own
    /// time: should the connection be gone by then, this shard asks in its turn.
    fn claims(&self, stray: &Stray) -> bool {
        let mut shard = self.lock();
        if shard.stopped || shard.engine.id_of(&stray.tuple).is_none() {
            return false;
        }
        if shard.inbox.len() < MOST_IN_INBOX {
            shard.inbox.push(stray.packet.clone());
        } else {
            log::debug!("a packet for a busy shard is lost");
        }
        drop(shard);
        // Not only when it has not been told: between two rounds it may have looked already.
        self.work().notify_one();
        true
    }
}
