//! What is going to happen in a world, in order.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;

use super::app::App;
use super::host::HostId;
use crate::time::Instant;

/// What is due at one moment happens in the order in which it was put here.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    entries: BinaryHeap<Reverse<Entry>>,
    /// Entries that were ever put here.
    count: u64,
}

/// What happens to a host.
pub(super) enum What {
    Arrival(Bytes),
    Alarm(usize),
    Connect { remote: SocketAddr, app: Box<dyn App> },
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    order: u64,
    host: HostId,
    what: What,
}

impl Agenda {
    pub(super) fn add(&mut self, at: Instant, host: HostId, what: What) {
        self.count += 1;
        self.entries.push(Reverse(Entry { at, order: self.count, host, what }));
    }

    /// What is due at `at`, of the first `count` that were put here.
    pub(super) fn take_due(&mut self, at: Instant, count: u64) -> Option<(HostId, What)> {
        let Reverse(first) = self.entries.peek()?;
        if first.at > at || first.order > count {
            return None;
        }
        let Reverse(entry) = self.entries.pop()?;
        Some((entry.host, entry.what))
    }

    /// How many were put here until now.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// When something happens next, and to whom.
    pub(super) fn next(&self) -> Option<(Instant, HostId)> {
        self.entries.peek().map(|Reverse(entry)| (entry.at, entry.host))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl fmt::Debug for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Arrival(packet) => write!(f, "Arrival({} octets)", packet.len()),
            What::Alarm(index) => write!(f, "Alarm({index})"),
            What::Connect { remote, .. } => write!(f, "Connect({remote})"),
        }
    }
}
