//! Our stack as an engine whose memory is booked to it, apart from that of the sockets and of those who
//! use them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use glasstack::engine::Engine;
use glasstack::error::Error;
use glasstack::stack::{Config, FourTuple, Handle, ListenerId, ReadyList, Secret, Stack, Summary};
use glasstack::tcp::{Keepalive, Received, State};
use glasstack::time::Instant;
use glasstack::trace::{ConnId, Event};
use glasstack::wire::{Frame, Packet};

use super::accounts::Account;

/// A stack and its account, which others may look at.
pub(crate) struct Counted {
    stack: Stack,
    account: Arc<Mutex<Account>>,
}

impl Counted {
    pub(crate) fn new(config: Config, secret: Secret, account: &Arc<Mutex<Account>>) -> Self {
        let stack = account.lock().expect("nobody panics").book(|| Stack::new(config, secret));
        Counted { stack, account: Arc::clone(account) }
    }
}

/// Calls that may keep memory: booked.
macro_rules! booked {
    ($(fn $name:ident($($arg:ident: $type:ty),*) $(-> $out:ty)?;)*) => {
        $(fn $name(&mut self, $($arg: $type),*) $(-> $out)? {
            let Counted { stack, account } = self;
            let mut account = account.lock().expect("nobody panics");
            account.book(|| Engine::$name(stack, $($arg),*))
        })*
    };
}

/// Questions: what they allocate is the answer, which is for whoever asks.
macro_rules! asked {
    ($(fn $name:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        $(fn $name(&self, $($arg: $type),*) -> $out {
            Engine::$name(&self.stack, $($arg),*)
        })*
    };
}

impl Engine for Counted {
    booked! {
        fn on_packet(packet: &Bytes, now: Instant);
        fn on_device_packet(packet: &Packet, now: Instant);
        fn on_timeout(now: Instant);
        fn poll_output(now: Instant) -> Option<Frame>;
        fn take_ready() -> ReadyList;
        fn take_events() -> Vec<Event>;
        fn listen(local: SocketAddr, backlog: usize) -> Result<ListenerId, Error>;
        fn unlisten(id: ListenerId, now: Instant);
        fn accept(id: ListenerId) -> Option<Handle>;
        fn connect(
            local: Option<SocketAddr>, remote: SocketAddr, now: Instant
        ) -> Result<Handle, Error>;
        fn send(handle: Handle, data: &[u8], now: Instant) -> Result<usize, Error>;
        fn send_bytes(handle: Handle, data: Bytes, now: Instant) -> Result<usize, Error>;
        fn receive_bytes(
            handle: Handle, most: usize, now: Instant
        ) -> Result<Received<Bytes>, Error>;
        fn peek(handle: Handle, most: usize) -> Bytes;
        fn close(handle: Handle, now: Instant) -> Result<(), Error>;
        fn abort(handle: Handle, now: Instant);
        fn release(handle: Handle, now: Instant);
        fn set_nodelay(handle: Handle, nodelay: bool, now: Instant);
        fn set_keepalive(handle: Handle, keepalive: Option<Keepalive>, now: Instant);
        fn set_user_timeout(handle: Handle, timeout: Option<Duration>, now: Instant);
    }
    asked! {
        fn next_deadline() -> Option<Instant>;
        fn has_output() -> bool;
        fn listener_addr(id: ListenerId) -> Option<SocketAddr>;
        fn nodelay(handle: Handle) -> bool;
        fn is_readable(handle: Handle) -> bool;
        fn is_writable(handle: Handle) -> bool;
        fn state(handle: Handle) -> State;
        fn error(handle: Handle) -> Option<Error>;
        fn tuple(handle: Handle) -> Option<FourTuple>;
        fn id_of(tuple: &FourTuple) -> Option<ConnId>;
        fn status(handle: Handle, now: Instant) -> Option<Summary>;
        fn statuses(now: Instant) -> Vec<Summary>;
        fn states() -> Vec<(ConnId, State)>;
    }
}
