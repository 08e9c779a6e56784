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
        all.map(|(slot, connection)| self.summary(slot, connection, now)).collect()
    }

    /// The states of all connections: cheaper than `statuses`.
    pub fn states(&self) -> impl Iterator<Item = (ConnId, State)> + '_ {
        self.connections.iter().map(|(_, connection)| (connection.id, connection.tcb.state()))
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
        self.connections.find(tuple).and_then(|slot| self.id(self.connections.handle(slot)))
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
        self.connections
            .get(handle)
            .is_none_or(|connection| connection.tcb.is_writable(self.tcp_config(handle.slot)))
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
    }

    fn summary(&self, slot: u32, connection: &Connection, now: Instant) -> Summary {
        Summary {
            id: connection.id,
            local: connection.tuple.local,
            remote: connection.tuple.remote,
            status: connection.tcb.status(now, self.tcp_config(slot)),
        }
    }
}
