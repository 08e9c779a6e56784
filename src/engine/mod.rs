//! The engine interface: what the runtime needs of a TCP/IP stack. Ours is one; another that can be
//! driven by packets and instants can stand in its place behind the same sockets.

pub mod recording;
mod smoltcp;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

pub use smoltcp::{Smoltcp, SmoltcpConfig};

use crate::error::Error;
use crate::stack::{
    Bookmark, Counters, FourTuple, Handle, ListenerId, ListenerSummary, Page, ReadyList, Settings,
    Stack, Stray, Summary,
};
use crate::tcp::{Algorithm, Keepalive, Received, State};
use crate::time::Instant;
use crate::trace::{ConnId, DropReason, Event, Mask};
use crate::wire::{Frame, Packet};

/// A stack that does no input or output itself. The meaning of each method is that of the method of
/// [`Stack`] with the same name.
#[expect(missing_docs, reason = "documented once, at Stack")]
#[expect(clippy::missing_errors_doc, reason = "documented once, at Stack")]
pub trait Engine: Send {
    fn on_packet(&mut self, packet: &Bytes, now: Instant);
    fn on_device_packet(&mut self, packet: &Packet, now: Instant) {
        self.on_packet(&packet.octets, now);
    }
    fn on_timeout(&mut self, now: Instant);
    /// An engine that knows of no siblings has none.
    fn take_strays(&mut self, _now: Instant) -> Vec<Stray> {
        Vec::new()
    }
    fn on_unclaimed(&mut self, packet: &Packet, now: Instant) {
        self.on_device_packet(packet, now);
    }
    fn poll_output(&mut self, now: Instant) -> Option<Frame>;
    fn next_deadline(&self) -> Option<Instant>;
    fn has_output(&self) -> bool;
    fn take_ready(&mut self) -> ReadyList;
    fn take_events(&mut self) -> Vec<Event>;

    fn listen(&mut self, local: SocketAddr, backlog: usize) -> Result<ListenerId, Error>;
    fn listener_addr(&self, id: ListenerId) -> Option<SocketAddr>;
    fn unlisten(&mut self, id: ListenerId, now: Instant);
    fn accept(&mut self, id: ListenerId) -> Option<Handle>;
    fn connect(
        &mut self,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        now: Instant,
    ) -> Result<Handle, Error>;
    /// An engine whose connections have no settings of their own knows none.
    fn default_settings(&self) -> Option<Settings> {
        None
    }
    fn connect_with(
        &mut self,
        settings: Option<Box<Settings>>,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        now: Instant,
    ) -> Result<Handle, Error> {
        match settings {
            None => self.connect(local, remote, now),
            Some(_) => Err(Error::InvalidCall),
        }
    }
    fn configure_listener(&mut self, _id: ListenerId, _settings: Settings) {}

    fn send(&mut self, handle: Handle, data: &[u8], now: Instant) -> Result<usize, Error>;
    fn send_bytes(&mut self, handle: Handle, data: Bytes, now: Instant) -> Result<usize, Error>;
    fn receive_bytes(
        &mut self,
        handle: Handle,
        most: usize,
        now: Instant,
    ) -> Result<Received<Bytes>, Error>;
    fn peek(&mut self, handle: Handle, most: usize) -> Bytes;
    fn close(&mut self, handle: Handle, now: Instant) -> Result<(), Error>;
    fn abort(&mut self, handle: Handle, now: Instant);
    fn release(&mut self, handle: Handle, now: Instant);

    fn set_nodelay(&mut self, handle: Handle, nodelay: bool, now: Instant);
    fn nodelay(&self, handle: Handle) -> bool;
    fn set_keepalive(&mut self, handle: Handle, keepalive: Option<Keepalive>, now: Instant);
    fn set_user_timeout(&mut self, handle: Handle, timeout: Option<Duration>, now: Instant);
    fn set_congestion(&mut self, _handle: Handle, _algorithm: Algorithm, _now: Instant) {}
    /// An engine without urgent data.
    fn mark_urgent(&mut self, _handle: Handle, _now: Instant) -> Result<(), Error> {
        Err(Error::InvalidCall)
    }
    fn is_at_mark(&self, _handle: Handle) -> bool {
        false
    }

    fn is_readable(&self, handle: Handle) -> bool;
    fn is_writable(&self, handle: Handle) -> bool;
    fn state(&self, handle: Handle) -> State;
    fn error(&self, handle: Handle) -> Option<Error>;
    fn tuple(&self, handle: Handle) -> Option<FourTuple>;
    fn id_of(&self, tuple: &FourTuple) -> Option<ConnId>;
    fn status(&self, handle: Handle, now: Instant) -> Option<Summary>;
    fn statuses(&self, now: Instant) -> Vec<Summary>;
    fn states(&self) -> Vec<(ConnId, State)>;
    /// An engine whose connections are few: they are one page.
    fn page(&self, _from: Bookmark, _most: usize, now: Instant) -> Page {
        Page { connections: self.statuses(now), next: None }
    }
    fn page_of_states(&self, _from: Bookmark, _most: usize) -> Page<State> {
        let states = self.states().into_iter().map(|(_, state)| state);
        Page { connections: states.collect(), next: None }
    }
    /// An engine that does not show its listeners.
    fn listeners(&self) -> Vec<ListenerSummary> {
        Vec::new()
    }
    /// An engine that counts nothing.
    fn counters(&self) -> Option<Counters> {
        None
    }
    fn drops(&self) -> Vec<(DropReason, u64)> {
        Vec::new()
    }
    /// An engine that raises no events.
    fn raise_also(&mut self, _kinds: Mask) {}

    /// Panics when something does not hold that must hold between any two inputs. For tests.
    fn check_invariants(&self) {}
}

/// Passes each call on to the method of the same name.
impl Engine for Stack {
    fn on_packet(&mut self, packet: &Bytes, now: Instant) {
        Stack::on_packet(self, packet, now);
    }

    fn on_device_packet(&mut self, packet: &Packet, now: Instant) {
        Stack::on_device_packet(self, packet, now);
    }

    fn on_timeout(&mut self, now: Instant) {
        Stack::on_timeout(self, now);
    }

    fn take_strays(&mut self, now: Instant) -> Vec<Stray> {
        Stack::take_strays(self, now)
    }

    fn on_unclaimed(&mut self, packet: &Packet, now: Instant) {
        Stack::on_unclaimed(self, packet, now);
    }

    fn poll_output(&mut self, now: Instant) -> Option<Frame> {
        Stack::poll_output(self, now)
    }

    fn next_deadline(&self) -> Option<Instant> {
        Stack::next_deadline(self)
    }

    fn has_output(&self) -> bool {
        Stack::has_output(self)
    }

    fn take_ready(&mut self) -> ReadyList {
        Stack::take_ready(self)
    }

    fn take_events(&mut self) -> Vec<Event> {
        Stack::take_events(self)
    }

    fn listen(&mut self, local: SocketAddr, backlog: usize) -> Result<ListenerId, Error> {
        Stack::listen(self, local, backlog)
    }

    fn listener_addr(&self, id: ListenerId) -> Option<SocketAddr> {
        Stack::listener_addr(self, id)
    }

    fn unlisten(&mut self, id: ListenerId, now: Instant) {
        Stack::unlisten(self, id, now);
    }

    fn accept(&mut self, id: ListenerId) -> Option<Handle> {
        Stack::accept(self, id)
    }

    fn connect(
        &mut self,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        now: Instant,
    ) -> Result<Handle, Error> {
        Stack::connect(self, local, remote, now)
    }

    fn default_settings(&self) -> Option<Settings> {
        Some(Stack::default_settings(self))
    }

    fn connect_with(
        &mut self,
        settings: Option<Box<Settings>>,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        now: Instant,
    ) -> Result<Handle, Error> {
        Stack::connect_with(self, settings, local, remote, now)
    }

    fn configure_listener(&mut self, id: ListenerId, settings: Settings) {
        Stack::configure_listener(self, id, settings);
    }

    fn send(&mut self, handle: Handle, data: &[u8], now: Instant) -> Result<usize, Error> {
        Stack::send(self, handle, data, now)
    }

    fn send_bytes(&mut self, handle: Handle, data: Bytes, now: Instant) -> Result<usize, Error> {
        Stack::send_bytes(self, handle, data, now)
    }

    fn receive_bytes(
        &mut self,
        handle: Handle,
        most: usize,
        now: Instant,
    ) -> Result<Received<Bytes>, Error> {
        Stack::receive_bytes(self, handle, most, now)
    }

    fn peek(&mut self, handle: Handle, most: usize) -> Bytes {
        Stack::peek(self, handle, most)
    }

    fn close(&mut self, handle: Handle, now: Instant) -> Result<(), Error> {
        Stack::close(self, handle, now)
    }

    fn abort(&mut self, handle: Handle, now: Instant) {
        Stack::abort(self, handle, now);
    }

    fn release(&mut self, handle: Handle, now: Instant) {
        Stack::release(self, handle, now);
    }

    fn set_nodelay(&mut self, handle: Handle, nodelay: bool, now: Instant) {
        Stack::set_nodelay(self, handle, nodelay, now);
    }

    fn nodelay(&self, handle: Handle) -> bool {
        Stack::nodelay(self, handle)
    }

    fn set_keepalive(&mut self, handle: Handle, keepalive: Option<Keepalive>, now: Instant) {
        Stack::set_keepalive(self, handle, keepalive, now);
    }

    fn set_user_timeout(&mut self, handle: Handle, timeout: Option<Duration>, now: Instant) {
        Stack::set_user_timeout(self, handle, timeout, now);
    }

    fn set_congestion(&mut self, handle: Handle, algorithm: Algorithm, now: Instant) {
        Stack::set_congestion(self, handle, algorithm, now);
    }

    fn mark_urgent(&mut self, handle: Handle, now: Instant) -> Result<(), Error> {
        Stack::mark_urgent(self, handle, now)
    }

    fn is_at_mark(&self, handle: Handle) -> bool {
        Stack::is_at_mark(self, handle)
    }

    fn is_readable(&self, handle: Handle) -> bool {
        Stack::is_readable(self, handle)
    }

    fn is_writable(&self, handle: Handle) -> bool {
        Stack::is_writable(self, handle)
    }

    fn state(&self, handle: Handle) -> State {
        Stack::state(self, handle)
    }

    fn error(&self, handle: Handle) -> Option<Error> {
        Stack::error(self, handle)
    }

    fn tuple(&self, handle: Handle) -> Option<FourTuple> {
        Stack::tuple(self, handle)
    }

    fn id_of(&self, tuple: &FourTuple) -> Option<ConnId> {
        Stack::id_of(self, tuple)
    }

    fn status(&self, handle: Handle, now: Instant) -> Option<Summary> {
        Stack::status(self, handle, now)
    }

    fn statuses(&self, now: Instant) -> Vec<Summary> {
        Stack::statuses(self, now)
    }

    fn states(&self) -> Vec<(ConnId, State)> {
        Stack::states(self).collect()
    }

    fn counters(&self) -> Option<Counters> {
        Some(Stack::counters(self))
    }

    fn page(&self, from: Bookmark, most: usize, now: Instant) -> Page {
        Stack::page(self, from, most, now)
    }

    fn page_of_states(&self, from: Bookmark, most: usize) -> Page<State> {
        Stack::page_of_states(self, from, most)
    }

    fn listeners(&self) -> Vec<ListenerSummary> {
        Stack::listeners(self)
    }

    fn drops(&self) -> Vec<(DropReason, u64)> {
        Stack::drops(self).iter().map(|(why, count)| (*why, *count)).collect()
    }

    fn raise_also(&mut self, kinds: Mask) {
        Stack::raise_also(self, kinds);
    }

    fn check_invariants(&self) {
        Stack::check_invariants(self);
    }
}
