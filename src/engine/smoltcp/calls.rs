//! The calls, as smoltcp's sockets can answer them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use smoltcp::iface::PollResult;
use smoltcp::socket::tcp;
use smoltcp::wire::IpListenEndpoint;

use super::convert::{address, our_state, theirs};
use super::said::REST;
use super::{Connection, EPHEMERAL, Listener, Owner, Smoltcp};
use crate::engine::Engine;
use crate::error::Error;
use crate::stack::{FourTuple, Handle, ListenerId, ReadyList, Summary};
use crate::tcp::{Algorithm, Keepalive, PathStatus, Received, RecoveryState, State, Status};
use crate::time::Instant;
use crate::trace::{ConnId, Event, Passage};
use crate::wire::{Frame, Payload, ip};

impl Engine for Smoltcp {
    fn on_packet(&mut self, packet: &Bytes, now: Instant) {
        self.tracer.packet(now, || Passage::Arrives(packet.clone().into()));
        self.link.inbound.push_back(packet.clone());
        while !self.link.inbound.is_empty() {
            self.interface.poll_ingress_single(theirs(now), &mut self.link, &mut self.sockets);
            self.after_input();
        }
    }

    /// Its timers are looked at when it is asked for output.
    fn on_timeout(&mut self, now: Instant) {
        self.is_dirty = true;
        self.deadline = None;
        self.reap(now);
    }

    fn poll_output(&mut self, now: Instant) -> Option<Frame> {
        while self.link.outbound.is_empty() && self.is_dirty {
            let result = self.interface.poll_egress(theirs(now), &mut self.link, &mut self.sockets);
            self.after_input();
            if result == PollResult::None {
                self.reap(now);
                self.is_dirty = false;
                self.deadline = self.find_deadline(now);
            } else if self.repeats_itself() {
                self.is_dirty = false;
                self.deadline = Some(now + REST);
            }
        }
        let packet = self.link.outbound.pop_front()?;
        let frame = Frame { payload: Payload::from(Bytes::from(packet)), ..Frame::default() };
        self.tracer.packet(now, || Passage::Leaves(frame.clone()));
        Some(frame)
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn has_output(&self) -> bool {
        self.is_dirty || !self.link.outbound.is_empty()
    }

    fn take_ready(&mut self) -> ReadyList {
        std::mem::take(&mut self.ready)
    }

    fn take_events(&mut self) -> Vec<Event> {
        self.tracer.take()
    }

    fn listen(&mut self, local: SocketAddr, backlog: usize) -> Result<ListenerId, Error> {
        if !local.ip().is_unspecified() && !self.config.addrs.contains(&local.ip()) {
            return Err(Error::AddressNotAvailable);
        }
        let taken = |port| self.listeners.values().any(|listener| listener.local.port() == port);
        let port = match local.port() {
            0 => (EPHEMERAL.0..=EPHEMERAL.1).find(|port| !taken(*port)),
            port => Some(port).filter(|port| !taken(*port)),
        };
        let port = port.ok_or(Error::ConnectionAlreadyExists)?;
        self.last_listener += 1;
        let id = ListenerId::new(self.last_listener);
        let listener = Listener {
            local: SocketAddr::new(local.ip(), port),
            backlog: backlog.max(1),
            waiting: Vec::new(),
            accept_queue: VecDeque::new(),
        };
        self.listeners.insert(id, listener);
        self.tend(id);
        Ok(id)
    }

    fn listener_addr(&self, id: ListenerId) -> Option<SocketAddr> {
        self.listeners.get(&id).map(|listener| listener.local)
    }

    fn unlisten(&mut self, id: ListenerId, now: Instant) {
        let Some(listener) = self.listeners.remove(&id) else { return };
        for socket in listener.waiting {
            self.sockets.remove(socket);
        }
        for handle in listener.accept_queue {
            self.abort(handle, now);
            self.release(handle, now);
        }
    }

    fn accept(&mut self, id: ListenerId) -> Option<Handle> {
        let handle = self.listeners.get_mut(&id)?.accept_queue.pop_front()?;
        self.connections[handle.slot()].owner = Owner::Application;
        self.tend(id);
        Some(handle)
    }

    fn connect(
        &mut self,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        _now: Instant,
    ) -> Result<Handle, Error> {
        let ip = local.map(|local| local.ip()).filter(|ip| !ip.is_unspecified());
        let addrs = self.config.addrs.iter().copied();
        let mut addrs = addrs.filter(|ip| ip.is_ipv4() == remote.is_ipv4());
        let ip = match ip {
            Some(ip) => addrs.find(|addr| *addr == ip),
            None => addrs.next(),
        };
        let ip = ip.ok_or(Error::AddressNotAvailable)?;
        let port = match local.map_or(0, |local| local.port()) {
            0 => self.choose_port(remote).ok_or(Error::InsufficientResources)?,
            port => port,
        };
        let tuple = FourTuple { local: SocketAddr::new(ip, port), remote };
        if self.connections.iter().any(|(_, connection)| connection.tuple == tuple) {
            return Err(Error::ConnectionAlreadyExists);
        }
        let mut socket = self.new_socket();
        let local = IpListenEndpoint { addr: Some(address(ip)), port };
        let there = address(remote.ip());
        socket
            .connect(self.interface.context(), (there, remote.port()), local)
            .map_err(|_| Error::RemoteSocketUnspecified)?;
        self.is_dirty = true;
        let socket = self.sockets.add(socket);
        Ok(self.insert(socket, tuple, Owner::Application))
    }

    fn send(&mut self, handle: Handle, data: &[u8], _now: Instant) -> Result<usize, Error> {
        let closed = self.closed(handle);
        let socket = self.socket_mut(handle).ok_or(Error::ConnectionDoesNotExist)?;
        match socket.state() {
            tcp::State::Closed => Err(closed),
            tcp::State::Listen => Err(Error::RemoteSocketUnspecified),
            tcp::State::SynSent | tcp::State::SynReceived => Ok(0),
            tcp::State::Established | tcp::State::CloseWait => {
                let sent = socket.send_slice(data).map_err(|_| Error::ConnectionClosing);
                self.note_call(handle);
                sent
            }
            tcp::State::FinWait1
            | tcp::State::FinWait2
            | tcp::State::Closing
            | tcp::State::LastAck
            | tcp::State::TimeWait => Err(Error::ConnectionClosing),
        }
    }

    /// Copies as [`Engine::send`] does: its buffers are its own. It may take a part only.
    fn send_bytes(&mut self, handle: Handle, data: Bytes, now: Instant) -> Result<usize, Error> {
        self.send(handle, &data, now)
    }

    fn receive_bytes(
        &mut self,
        handle: Handle,
        most: usize,
        _now: Instant,
    ) -> Result<Received<Bytes>, Error> {
        let closed = self.closed(handle);
        let connection = self.get(handle).ok_or(Error::ConnectionDoesNotExist)?;
        if !connection.unread.is_empty() {
            let unread = &mut self.connections[handle.slot()].unread;
            return Ok(Received::Data(unread.split_to(most.min(unread.len())).freeze()));
        }
        let finished = connection.peer_closed && connection.error.is_none();
        let socket = self.socket_mut(handle).ok_or(Error::ConnectionDoesNotExist)?;
        let received = socket.recv(|octets| {
            let taken = most.min(octets.len());
            (taken, Bytes::copy_from_slice(&octets[..taken]))
        });
        let state = socket.state();
        self.note_call(handle);
        match received {
            Ok(octets) if octets.is_empty() => Ok(Received::Pending),
            Ok(octets) => Ok(Received::Data(octets)),
            Err(tcp::RecvError::Finished) => Ok(Received::Finished),
            Err(tcp::RecvError::InvalidState) if finished => Ok(Received::Finished),
            Err(tcp::RecvError::InvalidState) if state == tcp::State::Closed => Err(closed),
            Err(tcp::RecvError::InvalidState) => Ok(Received::Pending),
        }
    }

    fn peek(&mut self, handle: Handle, most: usize) -> Bytes {
        if let Some(connection) = self.get(handle)
            && !connection.unread.is_empty()
        {
            let unread = &connection.unread;
            return Bytes::copy_from_slice(&unread[..most.min(unread.len())]);
        }
        let socket = self.socket_mut(handle);
        let seen = socket.and_then(|socket| socket.peek(most).ok());
        seen.map_or_else(Bytes::new, Bytes::copy_from_slice)
    }

    fn close(&mut self, handle: Handle, _now: Instant) -> Result<(), Error> {
        let closed = self.closed(handle);
        let socket = self.socket_mut(handle).ok_or(Error::ConnectionDoesNotExist)?;
        if socket.state() == tcp::State::Closed {
            return Err(closed);
        }
        socket.close();
        Ok(())
    }

    fn abort(&mut self, handle: Handle, _now: Instant) {
        if let Some(socket) = self.socket_mut(handle)
            && socket.state() != tcp::State::Closed
        {
            socket.abort();
            self.connections[handle.slot()].error = Some(Error::ConnectionAborted);
        }
    }

    fn release(&mut self, handle: Handle, now: Instant) {
        let is_aside = self.get(handle).is_some_and(|connection| !connection.unread.is_empty());
        if let Some(socket) = self.socket_mut(handle) {
            if is_aside || socket.recv_queue() > 0 {
                socket.abort();
            } else {
                socket.close();
            }
            self.connections[handle.slot()].owner = Owner::Nobody(now);
        }
    }

    fn set_nodelay(&mut self, handle: Handle, nodelay: bool, _now: Instant) {
        if let Some(socket) = self.socket_mut(handle) {
            socket.set_nagle_enabled(!nodelay);
        }
    }

    fn nodelay(&self, handle: Handle) -> bool {
        self.socket(handle).is_some_and(|socket| !socket.nagle_enabled())
    }

    /// Its probes have one interval only, and no number: the timeout ends the connection.
    fn set_keepalive(&mut self, handle: Handle, keepalive: Option<Keepalive>, _now: Instant) {
        if let Some(socket) = self.socket_mut(handle) {
            socket.set_keep_alive(keepalive.map(|keepalive| keepalive.idle.into()));
        }
    }

    fn set_user_timeout(&mut self, handle: Handle, timeout: Option<Duration>, _now: Instant) {
        if let Some(socket) = self.socket_mut(handle) {
            socket.set_timeout(timeout.map(Into::into));
        }
    }

    fn is_readable(&self, handle: Handle) -> bool {
        let is_aside = self.get(handle).is_some_and(|connection| !connection.unread.is_empty());
        self.socket(handle).is_none_or(|socket| {
            is_aside
                || socket.can_recv()
                || match our_state(socket.state()) {
                    State::Listen | State::SynSent | State::SynReceived => false,
                    State::Established | State::FinWait1 | State::FinWait2 => false,
                    State::CloseWait | State::Closing | State::LastAck | State::TimeWait => true,
                    State::Closed => true,
                }
        })
    }

    fn is_writable(&self, handle: Handle) -> bool {
        self.socket(handle).is_none_or(|socket| match our_state(socket.state()) {
            State::Listen | State::SynSent | State::SynReceived => false,
            State::Established | State::CloseWait => socket.can_send(),
            State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck
            | State::TimeWait
            | State::Closed => true,
        })
    }

    fn state(&self, handle: Handle) -> State {
        self.socket(handle).map_or(State::Closed, |socket| our_state(socket.state()))
    }

    fn error(&self, handle: Handle) -> Option<Error> {
        self.get(handle).map_or(Some(Error::ConnectionDoesNotExist), |connection| connection.error)
    }

    fn tuple(&self, handle: Handle) -> Option<FourTuple> {
        self.get(handle).map(|connection| connection.tuple)
    }

    fn status(&self, handle: Handle, _now: Instant) -> Option<Summary> {
        self.get(handle).map(|connection| self.summary(connection))
    }

    fn id_of(&self, tuple: &FourTuple) -> Option<ConnId> {
        let mut connections = self.connections.iter().map(|(_, connection)| connection);
        connections.find(|connection| connection.tuple == *tuple).map(|connection| connection.id)
    }

    fn statuses(&self, _now: Instant) -> Vec<Summary> {
        self.connections.iter().map(|(_, connection)| self.summary(connection)).collect()
    }

    fn states(&self) -> Vec<(ConnId, State)> {
        let state = |socket| our_state(self.sockets.get::<tcp::Socket<'_>>(socket).state());
        self.connections
            .iter()
            .map(|(_, connection)| (connection.id, state(connection.socket)))
            .collect()
    }
}

impl Smoltcp {
    /// What smoltcp tells of a connection; what it keeps to itself is zero.
    fn summary(&self, connection: &Connection) -> Summary {
        let socket = self.sockets.get::<tcp::Socket<'_>>(connection.socket);
        let headers = ip::header_len(connection.tuple.local.ip()) + 20;
        let mss = u32::try_from(self.config.mtu.saturating_sub(headers)).unwrap_or(u32::MAX);
        let mtu = u32::try_from(self.config.mtu).unwrap_or(u32::MAX);
        let free = socket.recv_capacity() - socket.recv_queue();
        let status = Status {
            state: our_state(socket.state()),
            srtt: None,
            rttvar: Duration::ZERO,
            rto: Duration::ZERO,
            send_mss: mss,
            receive_mss: mss,
            send_window: 0,
            receive_window: u32::try_from(free).unwrap_or(u32::MAX),
            receive_window_scale: None,
            send_window_scale: None,
            timestamps: socket.timestamp_enabled(),
            sack: false,
            congestion: Algorithm::NewReno,
            ecn: false,
            cwnd: 0,
            ssthresh: 0,
            in_flight: 0,
            segments_in_flight: 0,
            segments_lost: 0,
            segments_sacked: 0,
            segments_sent_again: 0,
            path: PathStatus { mtu, ..PathStatus::default() },
            recovery: RecoveryState::Open,
            timeouts: 0,
            send_queue: socket.send_queue(),
            unsent: 0,
            receive_queue: socket.recv_queue(),
            urgent: 0,
            out_of_order: 0,
            octets_acknowledged: 0,
            octets_received: 0,
            segments_sent: 0,
            segments_received: 0,
            retransmissions: 0,
            timers: Vec::new(),
            transitions: Vec::new(),
        };
        let FourTuple { local, remote } = connection.tuple;
        Summary { id: connection.id, local, remote, status }
    }
}
