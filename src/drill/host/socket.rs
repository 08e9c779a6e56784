//! One socket: what it is bound to, what became of it, and what was set on it.

use std::net::SocketAddr;
use std::time::Duration;

use super::call::Errno;
use crate::error::Error;
use crate::stack::{Handle, ListenerId, Settings, Stack};
use crate::tcp::{Keepalive, State};

/// A socket.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) role: Role,
    pub(super) bound: Option<SocketAddr>,
    pub(super) nonblocking: bool,
    pub(super) settings: Settings,
    /// The keep-alive times, in use or not.
    pub(super) keepalive: Keepalive,
    /// `SO_RCVBUF` or `SO_SNDBUF` was set.
    pub(super) buffer_was_set: bool,
    /// `SO_LINGER`: `None` is off.
    pub(super) linger: Option<Duration>,
    pub(super) receive_timeout: Option<Duration>,
    pub(super) send_timeout: Option<Duration>,
    /// Options that are kept and told, and change nothing here: `(level, name)` and value.
    pub(super) kept: Vec<((i32, i32), i32)>,
    /// `SHUT_RD` was called.
    pub(super) read_shut: bool,
    /// How the connection ended has been told: errors are told once.
    pub(super) error_told: bool,
    /// `connect` has returned 0, or `SO_ERROR` was asked since: the next one finds it connected.
    pub(super) connect_told: bool,
    /// How often a write found too little room (for edges of writability).
    pub(super) short_writes: u64,
}

/// What a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Neither listening nor connected, yet or any more.
    Idle,
    /// `listen` was called.
    Listener(ListenerId),
    /// `connect` was called, or it was accepted.
    Connection(Handle),
}

impl Socket {
    pub(super) fn new(settings: Settings, keepalive: Keepalive, nonblocking: bool) -> Self {
        Socket {
            role: Role::Idle,
            bound: None,
            nonblocking,
            settings,
            keepalive,
            buffer_was_set: false,
            linger: None,
            receive_timeout: None,
            send_timeout: None,
            kept: Vec::new(),
            read_shut: false,
            error_told: false,
            connect_told: false,
            short_writes: 0,
        }
    }

    pub(super) fn handle(&self) -> Option<Handle> {
        match self.role {
            Role::Idle | Role::Listener(_) => None,
            Role::Connection(handle) => Some(handle),
        }
    }

    /// How the connection ended, if nobody was told yet.
    pub(super) fn pending_error(&self, stack: &Stack) -> Option<Errno> {
        let handle = self.handle().filter(|_| !self.error_told)?;
        let error = stack.error(handle).filter(|_| stack.state(handle) == State::Closed)?;
        ended_by_peer(error).then(|| errno(error))
    }

    /// As [`Socket::pending_error`], and now it has been told.
    pub(super) fn take_error(&mut self, stack: &Stack) -> Option<Errno> {
        let error = self.pending_error(stack)?;
        self.error_told = true;
        Some(error)
    }
}

/// Whether an end came from outside: what we did ourselves is no news to whoever asks.
fn ended_by_peer(error: Error) -> bool {
    match error {
        Error::ConnectionRefused
        | Error::ConnectionReset
        | Error::ProtocolUnreachable
        | Error::NetworkUnreachable
        | Error::HostUnreachable
        | Error::Prohibited
        | Error::UserTimeout => true,
        Error::ConnectionDoesNotExist
        | Error::ConnectionAlreadyExists
        | Error::ConnectionClosing
        | Error::ConnectionAborted
        | Error::RemoteSocketUnspecified
        | Error::InsufficientResources
        | Error::AddressNotAvailable
        | Error::InvalidCall => false,
    }
}

/// The error number of a failure of the stack.
pub(super) fn errno(error: Error) -> Errno {
    match error {
        Error::ConnectionDoesNotExist => Errno::ENOTCONN,
        Error::ConnectionAlreadyExists => Errno::EADDRINUSE,
        Error::ConnectionClosing => Errno::EPIPE,
        Error::ConnectionRefused => Errno::ECONNREFUSED,
        Error::ProtocolUnreachable => Errno::ENOPROTOOPT,
        Error::NetworkUnreachable => Errno::ENETUNREACH,
        Error::HostUnreachable => Errno::EHOSTUNREACH,
        Error::Prohibited => Errno::EHOSTUNREACH,
        Error::ConnectionReset => Errno::ECONNRESET,
        Error::ConnectionAborted => Errno::ECONNABORTED,
        Error::UserTimeout => Errno::ETIMEDOUT,
        Error::RemoteSocketUnspecified => Errno::EADDRNOTAVAIL,
        Error::InsufficientResources => Errno::ENOBUFS,
        Error::AddressNotAvailable => Errno::EADDRNOTAVAIL,
        Error::InvalidCall => Errno::EINVAL,
    }
}
