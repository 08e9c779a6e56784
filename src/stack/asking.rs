//! What can be asked of a stack: nothing here changes anything.

use super::connections::Connection;
use super::{FourTuple, Handle, Stack, Summary};
use crate::error::Error;
use crate::tcp::State;
use crate::time::Instant;
use crate::trace::ConnId;

impl Stack {
    /// STATUS of one connection.
    #[must_use]
    pub fn status(&self, handle: Handle, now: Instant) -> Option<Summary> {
        let connection = self.connections.get(handle)?;
        Some(self.summary(handle.slot, connection, now))
    }

    /// STATUS of all connections, in no particular but always the same order.
    #[must_use]
    pub fn statuses(&self, now: Instant) -> Vec<Summary> {
        let all = self.connections.iter();
        let open = all.map(|(slot, connection)| self.summary(slot, connection, now));
        let half_open = self.half_opens.iter().map(|(key, _)| self.summary_of_half_open(key, now));
        let waiting = self.time_waits.iter().map(|(key, _)| self.summary_of_time_wait(key, now));
        open.chain(half_open).chain(waiting).collect()
    }

    /// The states of all connections: cheaper than `statuses`.
    pub fn states(&self) -> impl Iterator<Item = (ConnId, State)> + '_ {
        let all = self.connections.iter();
        let open = all.map(|(_, connection)| (connection.id, connection.tcb.state()));
        let half_open = self.half_opens.iter().map(|(_, entry)| (entry.id, State::SynReceived));
        let waiting = self.time_waits.iter().map(|(_, entry)| (entry.id, State::TimeWait));
        open.chain(half_open).chain(waiting)
    }

    /// The two ends of a connection.
    #[must_use]
    pub fn tuple(&self, handle: Handle) -> Option<FourTuple> {
        self.connections.get(handle).map(|connection| connection.tuple)
    }

    /// The number a connection has in events and logs.
    #[must_use]
    pub fn id(&self, handle: Handle) -> Option<ConnId> {
        self.connections.get(handle).map(|connection| connection.id)
    }

    /// The number of the connection that segments between these two ends belong to now.
    #[must_use]
    pub fn id_of(&self, tuple: &FourTuple) -> Option<ConnId> {
        let slot = self.connections.find(tuple);
        let open = slot.and_then(|slot| self.id(self.connections.handle(slot)));
        let half_open = || self.half_opens.find(tuple).map(|key| self.half_opens.at(key).id);
        let waiting = || self.time_waits.find(tuple).map(|key| self.time_waits.at(key).id);
        open.or_else(half_open).or_else(waiting)
    }

    /// Whether there is a connection between these two ends.
    pub(super) fn is_in_use(&self, tuple: &FourTuple) -> bool {
        self.id_of(tuple).is_some()
    }

    /// The state of a connection; CLOSED for a handle that means nothing any more.
    #[must_use]
    pub fn state(&self, handle: Handle) -> State {
        self.connections.get(handle).map_or(State::Closed, |connection| connection.tcb.state())
    }

    /// How a connection ended, if not by closing.
    #[must_use]
    pub fn error(&self, handle: Handle) -> Option<Error> {
        self.connections
            .get(handle)
            .map_or(Some(Error::ConnectionDoesNotExist), |connection| connection.tcb.error())
    }

    /// Whether RECEIVE would bring data, the end or an error.
    #[must_use]
    pub fn is_readable(&self, handle: Handle) -> bool {
        self.connections.get(handle).is_none_or(|connection| connection.tcb.is_readable())
    }

    /// Whether SEND would take something or fail.
    #[must_use]
    pub fn is_writable(&self, handle: Handle) -> bool {
        self.connections.get(handle).is_none_or(|connection| {
            connection.tcb.is_writable(self.tcp_config(handle.slot), &self.pool)
        })
    }

    /// Whether the next octet to be read is the last of the peer's urgent data (RFC 9293 3.8.5).
    #[must_use]
    pub fn is_at_mark(&self, handle: Handle) -> bool {
        self.connections.get(handle).is_some_and(|connection| connection.tcb.is_at_mark())
    }

    /// Whether nodelay is set.
    #[must_use]
    pub fn nodelay(&self, handle: Handle) -> bool {
        self.connections.get(handle).is_some_and(|connection| connection.tcb.nodelay())
    }

    /// Checks what must hold between any two inputs.
    ///
    /// # Panics
    ///
    /// When something does not: a bug of ours. For tests.
    pub fn check_invariants(&self) {
        for (slot, connection) in self.connections.iter() {
            connection.tcb.check_invariants(self.tcp_config(slot));
        }
        let costs =
            self.connections.iter().map(|(_, connection)| connection.tcb.out_of_order_cost());
        let held = self.pool.out_of_order();
        assert_eq!(costs.sum::<usize>(), held, "what is booked as held out of order");
        assert!(held <= self.config.max_out_of_order, "{held} octets out of order in all");
        let queued =
            self.connections.iter().map(|(_, found)| usize::from(found.queued_kib()) << 10);
        assert_eq!(queued.sum::<usize>(), self.pool.queued(), "what is booked as queued");
    }

    pub(super) fn summary(&self, slot: u32, connection: &Connection, now: Instant) -> Summary {
        Summary {
            id: connection.id,
            local: connection.tuple.local,
            remote: connection.tuple.remote,
            status: connection.tcb.status(now, self.tcp_config(slot)),
        }
    }
}
