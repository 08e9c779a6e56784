//! The calls from above: listen, accept, connect, and what RFC 9293 3.9.1 has for one connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::connections::{Connection, Owner};
use super::{FourTuple, Handle, Input, ListenerId, Settings, Stack};
use crate::error::Error;
use crate::tcp::{Algorithm, Context, Keepalive, Received};
use crate::time::Instant;
use crate::trace::Role;
use crate::wire::ip;

/// Opening.
impl Stack {
    /// Listens on `local`; port 0 picks one. 0.0.0.0 means every IPv4 address of ours, `::` every address
    /// of ours of both families; a listener on fewer addresses goes before one on more. At most `backlog`
    /// connections wait at once to be accepted.
    ///
    /// # Errors
    ///
    /// The address is not ours, or something listens there already.
    pub fn listen(&mut self, local: SocketAddr, backlog: usize) -> Result<ListenerId, Error> {
        self.note(self.last_input, || Input::Listen { local, backlog });
        let local = plain(local);
        if !local.ip().is_unspecified() && !self.is_own(local.ip()) {
            return Err(Error::AddressNotAvailable);
        }
        if local.port() != 0 {
            return self.listeners.add(local, backlog).ok_or(Error::ConnectionAlreadyExists);
        }
        self.ports_used += 1;
        let ports = self.secret.ports(local.ip(), local, self.ports_used);
        ports
            .map(|port| SocketAddr::new(local.ip(), port))
            .find_map(|local| self.listeners.add(local, backlog))
            .ok_or(Error::InsufficientResources)
    }

    /// Where a listener listens.
    #[must_use]
    pub fn listener_addr(&self, id: ListenerId) -> Option<SocketAddr> {
        self.listeners.get(id).map(|listener| listener.local)
    }

    /// Stops listening. Connections that were not accepted yet are aborted.
    pub fn unlisten(&mut self, id: ListenerId, now: Instant) {
        self.note(now, || Input::Unlisten(id));
        let Some(listener) = self.listeners.remove(id) else { return };
        for handle in listener.accept_queue {
            self.abandon(handle.slot, now);
        }
        let orphans: Vec<FourTuple> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.owner() == Owner::HalfOpen(id))
            .map(|(_, connection)| connection.tuple)
            .collect();
        for slot in
            orphans.iter().filter_map(|tuple| self.connections.find(tuple)).collect::<Vec<_>>()
        {
            self.abandon(slot, now);
        }
        self.abandon_half_opens(id, now);
    }

    /// Aborts a connection that no application has seen.
    pub(super) fn abandon(&mut self, slot: u32, now: Instant) {
        self.connections.set_owner(slot, Owner::Nobody);
        let (connection, mut cx) = self.with_context(slot, now);
        connection.tcb.abort(&mut cx);
        self.mark_dirty(slot);
    }

    /// Takes the connection that has waited longest.
    pub fn accept(&mut self, id: ListenerId) -> Option<Handle> {
        let handle = self.listeners.get_mut(id)?.accept_queue.pop_front()?;
        self.connections.get(handle).expect("queued connections stay");
        self.connections.set_owner(handle.slot, Owner::Application);
        self.note(self.last_input, || Input::Accept(id));
        Some(handle)
    }

    /// How many connections wait to be accepted.
    #[must_use]
    pub fn waiting_to_be_accepted(&self, id: ListenerId) -> usize {
        self.listeners.get(id).map_or(0, |listener| listener.accept_queue.len())
    }

    /// Active OPEN to `remote`, from `local` or an address and port of the stack's choice (port 0 lets
    /// it choose the port only).
    ///
    /// # Errors
    ///
    /// `local` is not ours, we have no address of the family of `remote`, or `remote` is our own or no
    /// address of one host (RFC 9293 3.9.1.1, MUST-46); the four-tuple is in use, or ports or connections
    /// have run out.
    pub fn connect(
        &mut self,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        now: Instant,
    ) -> Result<Handle, Error> {
        self.connect_with(None, local, remote, now)
    }

    /// As [`Stack::connect`], with `settings` of its own.
    ///
    /// # Errors
    ///
    /// As [`Stack::connect`].
    pub fn connect_with(
        &mut self,
        settings: Option<Box<Settings>>,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        now: Instant,
    ) -> Result<Handle, Error> {
        self.note(now, || Input::Connect { local, remote, settings: settings.clone() });
        let (local, remote) = (local.map(plain), plain(remote));
        // Where no host may send from, none can be called.
        if !ip::may_be_source(remote.ip()) || remote.port() == 0 {
            return Err(Error::RemoteSocketUnspecified);
        }
        if self.connections.len() + self.half_opens.len() >= self.config.max_connections {
            return Err(Error::InsufficientResources);
        }
        let ip = self.source_addr(local.map(|local| local.ip()), remote)?;
        let tuple = match local.map_or(0, |local| local.port()) {
            0 => self.choose_port(ip, remote)?,
            port => FourTuple { local: SocketAddr::new(ip, port), remote },
        };
        if self.is_in_use(&tuple) {
            return Err(Error::ConnectionAlreadyExists);
        }
        let iss = self.secret.initial_sequence(&tuple, now);
        let settings = settings.map(Arc::from);
        let slot = self.insert(tuple, iss, Role::Active, Owner::Application, settings, now);
        let (connection, mut cx) = self.with_context(slot, now);
        connection.tcb.open_active(&mut cx)?;
        self.mark_dirty(slot);
        Ok(self.connections.handle(slot))
    }

    fn source_addr(&self, wanted: Option<IpAddr>, remote: SocketAddr) -> Result<IpAddr, Error> {
        let of_the_family = |ip: &IpAddr| ip.is_ipv4() == remote.is_ipv4();
        match wanted.filter(|ip| !ip.is_unspecified()) {
            Some(ip) => self.own_addrs.get(&ip).copied().filter(of_the_family),
            None => self.config.addrs.iter().copied().find(of_the_family),
        }
        .filter(|ip| *ip != remote.ip())
        .ok_or(Error::AddressNotAvailable)
    }

    fn choose_port(&mut self, ip: IpAddr, remote: SocketAddr) -> Result<FourTuple, Error> {
        self.ports_used += 1;
        self.secret
            .ports(ip, remote, self.ports_used)
            .filter(|port| self.config.place.may_choose(*port))
            .map(|port| FourTuple { local: SocketAddr::new(ip, port), remote })
            .find(|tuple| !self.is_in_use(tuple) && self.listeners.find(tuple.local).is_none())
            .ok_or(Error::InsufficientResources)
    }
}

/// An end as packets have it: without the zone of a link and the label of a flow, and an address of IPv4 as
/// that, even if it is written as one of IPv6 (RFC 4291 2.5.5.2).
const fn plain(end: SocketAddr) -> SocketAddr {
    SocketAddr::new(end.ip().to_canonical(), end.port())
}

/// Using.
impl Stack {
    /// SEND: copies as much of `data` as there is room for and says how much.
    ///
    /// # Errors
    ///
    /// We have closed, or the connection is over.
    pub fn send(&mut self, handle: Handle, data: &[u8], now: Instant) -> Result<usize, Error> {
        self.note(now, || Input::Send(handle, Bytes::copy_from_slice(data)));
        self.call(handle, now, |connection, cx| connection.tcb.send(data, cx))
    }

    /// SEND without copying: all of `data`, or nothing (0) while the queue is full.
    ///
    /// # Errors
    ///
    /// As [`Stack::send`].
    pub fn send_bytes(
        &mut self,
        handle: Handle,
        data: Bytes,
        now: Instant,
    ) -> Result<usize, Error> {
        self.note(now, || Input::SendBytes(handle, data.clone()));
        self.call(handle, now, |connection, cx| connection.tcb.send_bytes(data, cx))
    }

    /// RECEIVE: copies what has arrived into `buffer`.
    ///
    /// # Errors
    ///
    /// The connection was reset or given up.
    pub fn receive(
        &mut self,
        handle: Handle,
        buffer: &mut [u8],
        now: Instant,
    ) -> Result<Received<usize>, Error> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.receive_bytes(handle, buffer.len() - filled, now) {
                Ok(Received::Data(data)) => {
                    buffer[filled..filled + data.len()].copy_from_slice(&data);
                    filled += data.len();
                    if self.is_at_mark(handle) {
                        break;
                    }
                }
                // What was read counts; the rest shows next time.
                _ if filled > 0 => break,
                Ok(Received::Finished) => return Ok(Received::Finished),
                Ok(Received::Pending) => return Ok(Received::Pending),
                Err(error) => return Err(error),
            }
        }
        Ok(Received::Data(filled))
    }

    /// RECEIVE without copying: up to `most` octets as they lie.
    ///
    /// # Errors
    ///
    /// As [`Stack::receive`].
    pub fn receive_bytes(
        &mut self,
        handle: Handle,
        most: usize,
        now: Instant,
    ) -> Result<Received<Bytes>, Error> {
        // Asking in vain changes nothing: it is no input, and nothing to send follows from it.
        if !self.is_readable(handle) {
            return Ok(Received::Pending);
        }
        self.note(now, || Input::ReceiveBytes(handle, most));
        self.call(handle, now, |connection, cx| connection.tcb.receive_bytes(most, cx))
    }

    /// Copies up to `most` octets that have arrived, and leaves them to be received.
    #[must_use]
    pub fn peek(&self, handle: Handle, most: usize) -> Bytes {
        self.connections.get(handle).map_or_else(Bytes::new, |found| found.tcb.peek(most))
    }

    /// Marks what was written so far as urgent (RFC 9293 3.8.5).
    ///
    /// # Errors
    ///
    /// As [`Stack::send`].
    pub fn mark_urgent(&mut self, handle: Handle, now: Instant) -> Result<(), Error> {
        self.note(now, || Input::MarkUrgent(handle));
        self.call(handle, now, |connection, _| connection.tcb.mark_urgent())
    }

    /// CLOSE: a FIN follows what was written; reading goes on.
    ///
    /// # Errors
    ///
    /// The connection is over.
    pub fn close(&mut self, handle: Handle, now: Instant) -> Result<(), Error> {
        self.note(now, || Input::Close(handle));
        self.call(handle, now, |connection, cx| connection.tcb.close(cx))
    }

    /// ABORT: ends the connection at once, with RST. The handle stays valid until it is released.
    pub fn abort(&mut self, handle: Handle, now: Instant) {
        self.note(now, || Input::Abort(handle));
        let _ = self.call(handle, now, |connection, cx| {
            connection.tcb.abort(cx);
            Ok(())
        });
    }

    /// The application is done with the connection: what was written still goes out; data that was not
    /// read, or comes later, resets it. The handle means nothing any more.
    pub fn release(&mut self, handle: Handle, now: Instant) {
        self.note(now, || Input::Release(handle));
        let is_done = self.call(handle, now, |connection, cx| {
            connection.tcb.let_go(cx);
            Ok(())
        });
        if is_done.is_ok() {
            self.connections.set_owner(handle.slot, Owner::Nobody);
        }
    }

    /// Sets Nagle's algorithm off or on.
    pub fn set_nodelay(&mut self, handle: Handle, nodelay: bool, now: Instant) {
        self.note(now, || Input::SetNodelay(handle, nodelay));
        let _ = self.call(handle, now, |connection, _| {
            connection.tcb.set_nodelay(nodelay);
            Ok(())
        });
    }

    /// Chooses how the congestion window moves from now on.
    pub fn set_congestion(&mut self, handle: Handle, algorithm: Algorithm, now: Instant) {
        self.note(now, || Input::SetCongestion(handle, algorithm));
        let _ = self.call(handle, now, |connection, cx| {
            connection.tcb.set_congestion(algorithm, cx);
            Ok(())
        });
    }

    /// Sets keep-alive probes on or off.
    pub fn set_keepalive(&mut self, handle: Handle, keepalive: Option<Keepalive>, now: Instant) {
        self.note(now, || Input::SetKeepalive(handle, keepalive));
        let _ = self.call(handle, now, |connection, cx| {
            connection.tcb.set_keepalive(keepalive, cx);
            Ok(())
        });
    }

    /// Sets how long data may stay unacknowledged.
    pub fn set_user_timeout(&mut self, handle: Handle, timeout: Option<Duration>, now: Instant) {
        self.note(now, || Input::SetUserTimeout(handle, timeout));
        let _ = self.call(handle, now, |connection, cx| {
            connection.tcb.set_user_timeout(timeout, cx);
            Ok(())
        });
    }

    fn call<T>(
        &mut self,
        handle: Handle,
        now: Instant,
        call: impl FnOnce(&mut Connection, &mut Context<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // A handle that was released means nothing any more, even while its connection lives on.
        if self.connections.get(handle).is_none_or(|found| found.owner() != Owner::Application) {
            return Err(Error::ConnectionDoesNotExist);
        }
        let (connection, mut cx) = self.with_context(handle.slot, now);
        let result = call(connection, &mut cx);
        self.mark_dirty(handle.slot);
        result
    }
}
