//! Listening ports and their queues.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use super::{Handle, ListenerId, ListenerSummary, Settings};
use crate::time::Instant;

/// One listening port.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) local: SocketAddr,
    /// Connections that may wait at once, half-open ones counted: each SYN that is taken on has a place in
    /// the accept queue. Beyond that there are only cookies, which have none until they come back.
    backlog: usize,
    half_open: usize,
    pub(super) accept_queue: VecDeque<Handle>,
    /// When a SYN was last answered that there was no room for.
    pub(super) cookie_sent_at: Option<Instant>,
    /// For those it takes on, if they do not share the stack's.
    pub(super) settings: Option<Arc<Settings>>,
}

impl Listener {
    pub(super) fn has_room(&self) -> bool {
        self.half_open + self.accept_queue.len() < self.backlog
    }

    /// Whether the accept queue has room for one more that has had no place in it before: a cookie may be
    /// given for it.
    pub(super) fn accepts_more(&self) -> bool {
        self.accept_queue.len() < self.backlog
    }

    /// Whether the accept queue takes one whose SYN was answered. Its peer has a connection already and nothing
    /// that it would say again, so the queue may become twice as long before it is turned away: what is in
    /// it are peers that are where they say, for they have heard us.
    pub(super) fn takes_answered(&self) -> bool {
        self.accept_queue.len() < self.backlog.saturating_mul(2)
    }

    pub(super) fn half_open_began(&mut self) {
        self.half_open += 1;
    }

    pub(super) fn half_open_ended(&mut self) {
        self.half_open -= 1;
    }
}

#[derive(Debug, Default)]
pub(super) struct Listeners {
    by_id: BTreeMap<ListenerId, Listener>,
    by_addr: BTreeMap<SocketAddr, ListenerId>,
    last_id: u32,
}

impl Listeners {
    /// `None` when the address is taken.
    pub(super) fn add(&mut self, local: SocketAddr, backlog: usize) -> Option<ListenerId> {
        if self.by_addr.contains_key(&local) {
            return None;
        }
        self.last_id += 1;
        let id = ListenerId(self.last_id);
        self.by_addr.insert(local, id);
        let backlog = backlog.max(1);
        let accept_queue = VecDeque::new();
        let listener = Listener {
            local,
            backlog,
            half_open: 0,
            accept_queue,
            cookie_sent_at: None,
            settings: None,
        };
        self.by_id.insert(id, listener);
        Some(id)
    }

    pub(super) fn remove(&mut self, id: ListenerId) -> Option<Listener> {
        let listener = self.by_id.remove(&id)?;
        self.by_addr.remove(&listener.local);
        Some(listener)
    }

    pub(super) fn get_mut(&mut self, id: ListenerId) -> Option<&mut Listener> {
        self.by_id.get_mut(&id)
    }

    pub(super) fn get(&self, id: ListenerId) -> Option<&Listener> {
        self.by_id.get(&id)
    }

    /// Each as lists show it, in order of their addresses.
    pub(super) fn summaries(&self) -> impl Iterator<Item = ListenerSummary> + '_ {
        let listeners = self.by_addr.values().filter_map(|id| self.by_id.get(id));
        listeners.map(|listener| ListenerSummary {
            local: listener.local,
            accept_queue: listener.accept_queue.len(),
            half_open: listener.half_open,
            backlog: listener.backlog,
        })
    }

    /// The listener for a segment to `local`: one on this very address before one on any of its family, and
    /// that before one on any at all.
    pub(super) fn find(&self, local: SocketAddr) -> Option<ListenerId> {
        let any_v4 = || SocketAddr::from(([0; 4], local.port()));
        let any = SocketAddr::from(([0_u16; 8], local.port()));
        let of_v4 = || local.is_ipv4().then(|| self.by_addr.get(&any_v4())).flatten();
        let found = self.by_addr.get(&local).or_else(of_v4).or_else(|| self.by_addr.get(&any));
        found.copied()
    }
}
