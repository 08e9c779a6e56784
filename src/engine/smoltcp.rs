//! smoltcp as an engine: another TCP/IP stack, written by other people, behind the same calls.
//!
//! What it does not do: timestamps (its clock for them is a bare function, which cannot know the
//! virtual time), SACK in its own recovery, a limit for half-open connections of its own, events. Its
//! TIME_WAIT lasts 10 s. While a listener's queue is full it answers a SYN with RST.

mod link;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use slab::Slab;
use smoltcp::iface::{Config as InterfaceConfig, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::tcp;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, IpEndpoint, IpListenEndpoint};

use self::link::Link;
use super::Engine;
use crate::error::Error;
use crate::stack::{FourTuple, Handle, ListenerId, Ready, Summary};
use crate::tcp::{Keepalive, Received, State, Status};
use crate::time::Instant;
use crate::trace::{ConnId, Event};
use crate::wire::{Frame, Payload};

/// The first and last port for connections of ours.
const EPHEMERAL: (u16, u16) = (49_152, 65_535);

/// The settings of a smoltcp engine.
#[derive(Clone, Debug)]
pub struct SmoltcpConfig {
    /// The addresses it answers to; at most eight, IPv4.
    pub addrs: Vec<IpAddr>,
    /// The longest IP packet its link carries, in octets. Default 1500.
    pub mtu: usize,
    /// Octets a peer may send ahead of the application. Default 256 KiB.
    pub receive_buffer: usize,
    /// Octets an application may write ahead of the peer's acknowledgments. Default 256 KiB.
    pub send_buffer: usize,
    /// How long an acknowledgment may wait for company. Default 10 ms, as smoltcp has it.
    pub delayed_ack: Option<Duration>,
    /// Nagle's algorithm. Default true.
    pub nagle: bool,
    /// Give up when the peer was silent for this long while something is not acknowledged. Default 5
    /// minutes: smoltcp itself would go on for ever.
    pub timeout: Option<Duration>,
    /// How long a connection that nobody holds may wait for the peer to close. Default 60 s.
    pub orphan_timeout: Duration,
    /// Decides about sequence numbers and ports.
    pub seed: u64,
}

impl Default for SmoltcpConfig {
    fn default() -> Self {
        SmoltcpConfig {
            addrs: Vec::new(),
            mtu: 1500,
            receive_buffer: 256 * 1024,
            send_buffer: 256 * 1024,
            delayed_ack: Some(Duration::from_millis(10)),
            nagle: true,
            timeout: Some(Duration::from_mins(5)),
            orphan_timeout: Duration::from_mins(1),
            seed: 0,
        }
    }
}

/// A smoltcp interface with its sockets.
pub struct Smoltcp {
    config: SmoltcpConfig,
    interface: Interface,
    sockets: SocketSet<'static>,
    link: Link,
    connections: Slab<Connection>,
    generations: u32,
    last_id: u64,
    last_listener: u32,
    next_port: u16,
    listeners: BTreeMap<ListenerId, Listener>,
    ready: Vec<Ready>,
    /// Something happened since `poll_output` found nothing to send.
    is_dirty: bool,
    deadline: Option<Instant>,
}

struct Connection {
    id: ConnId,
    generation: u32,
    tuple: FourTuple,
    socket: SocketHandle,
    owner: Owner,
    seen: Seen,
    /// Unread when TIME_WAIT began: smoltcp throws it away when that is over.
    unread: BytesMut,
    /// The peer's FIN was seen: its end stays readable, which smoltcp forgets as well.
    peer_closed: bool,
    error: Option<Error>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Application,
    AcceptQueue,
    /// Let go of, at that moment.
    Nobody(Instant),
}

/// What a connection looked like last: a change is worth waking somebody.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    state: tcp::State,
    received: usize,
    unsent: usize,
}

/// smoltcp's sockets listen one by one: each takes one connection. Here one listens at any time, and
/// another takes its place as soon as it is taken.
struct Listener {
    local: SocketAddr,
    backlog: usize,
    /// In LISTEN or SYN-RECEIVED.
    waiting: Vec<SocketHandle>,
    accept_queue: VecDeque<Handle>,
}

impl Smoltcp {
    /// An engine that has seen nothing yet.
    #[must_use]
    pub fn new(config: SmoltcpConfig) -> Self {
        let mut link = Link::new(config.mtu);
        let mut settings = InterfaceConfig::new(HardwareAddress::Ip);
        settings.random_seed = config.seed;
        let start = smoltcp::time::Instant::ZERO;
        let mut interface = Interface::new(settings, &mut link, start);
        interface.update_ip_addrs(|addrs| {
            for addr in config.addrs.iter().filter_map(|addr| address(*addr)) {
                // The whole internet is on our link: no routes are needed.
                let _ = addrs.push(IpCidr::new(addr, 0));
            }
        });
        let (first, last) = EPHEMERAL;
        let offset = config.seed % u64::from(last - first);
        Smoltcp {
            interface,
            sockets: SocketSet::new(Vec::new()),
            link,
            connections: Slab::new(),
            generations: 0,
            last_id: 0,
            last_listener: 0,
            next_port: first + u16::try_from(offset).expect("below the range of ports"),
            listeners: BTreeMap::new(),
            ready: Vec::new(),
            is_dirty: false,
            deadline: None,
            config,
        }
    }

    fn new_socket(&self) -> tcp::Socket<'static> {
        let buffer = |octets: usize| tcp::SocketBuffer::new(vec![0; octets]);
        let mut socket =
            tcp::Socket::new(buffer(self.config.receive_buffer), buffer(self.config.send_buffer));
        socket.set_congestion_control(tcp::CongestionControl::Reno);
        socket.set_ack_delay(self.config.delayed_ack.map(Into::into));
        socket.set_nagle_enabled(self.config.nagle);
        socket.set_timeout(self.config.timeout.map(Into::into));
        socket
    }

    fn insert(&mut self, socket: SocketHandle, tuple: FourTuple, owner: Owner) -> Handle {
        self.generations = self.generations.wrapping_add(1);
        self.last_id += 1;
        let seen = look(self.sockets.get(socket));
        let slot = self.connections.insert(Connection {
            id: ConnId(self.last_id),
            generation: self.generations,
            tuple,
            socket,
            owner,
            seen,
            unread: BytesMut::new(),
            peer_closed: our_state(seen.state).peer_has_closed(),
            error: None,
        });
        Handle::new(u32::try_from(slot).expect("memory ends long before"), self.generations)
    }

    fn get(&self, handle: Handle) -> Option<&Connection> {
        let connection = self.connections.get(handle.slot())?;
        (connection.generation == handle.generation()).then_some(connection)
    }

    fn socket(&self, handle: Handle) -> Option<&tcp::Socket<'static>> {
        self.get(handle).map(|connection| self.sockets.get(connection.socket))
    }

    fn socket_mut(&mut self, handle: Handle) -> Option<&mut tcp::Socket<'static>> {
        self.is_dirty = true;
        let socket = self.get(handle)?.socket;
        Some(self.sockets.get_mut(socket))
    }

    /// Why a call on a CLOSED connection fails.
    fn closed(&self, handle: Handle) -> Error {
        let error = self.get(handle).and_then(|connection| connection.error);
        error.unwrap_or(Error::ConnectionDoesNotExist)
    }

    /// Looks at what the last input has changed.
    fn after_input(&mut self) {
        self.is_dirty = true;
        for index in 0..self.connections.capacity() {
            self.look_at(index);
        }
        let ids: Vec<ListenerId> = self.listeners.keys().copied().collect();
        ids.into_iter().for_each(|id| self.tend(id));
    }

    fn look_at(&mut self, index: usize) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let now = look(self.sockets.get(connection.socket));
        let before = std::mem::replace(&mut connection.seen, now);
        if now == before {
            return;
        }
        connection.peer_closed |= our_state(now.state).peer_has_closed();
        if now.state == tcp::State::TimeWait {
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(connection.socket);
            while socket.can_recv() {
                let taken = socket.recv(|octets| {
                    connection.unread.extend_from_slice(octets);
                    (octets.len(), ())
                });
                taken.expect("there is something to read");
            }
        }
        if now.state == tcp::State::Closed && connection.error.is_none() {
            connection.error = how_it_ended(before.state);
        }
        if connection.owner == Owner::Application {
            let slot = u32::try_from(index).expect("memory ends long before");
            self.ready.push(Ready::Connection(Handle::new(slot, connection.generation)));
        }
        if matches!(connection.owner, Owner::Nobody(_)) && now.received > 0 {
            // Nobody is left to read it: the peer has to know (RFC 9293 3.6.1).
            self.sockets.get_mut::<tcp::Socket<'_>>(connection.socket).abort();
        }
    }

    /// Moves what stands to the accept queue, forgets what failed, and lets one socket listen.
    fn tend(&mut self, id: ListenerId) {
        let Some(listener) = self.listeners.get_mut(&id) else { return };
        let mut arrived = Vec::new();
        let mut listening = 0;
        let sockets = &mut self.sockets;
        listener.waiting.retain(|handle| {
            let socket = sockets.get_mut::<tcp::Socket<'_>>(*handle);
            match socket.state() {
                tcp::State::SynReceived => true,
                tcp::State::Listen => {
                    listening += 1;
                    if listening > 1 {
                        sockets.remove(*handle);
                    }
                    listening == 1
                }
                tcp::State::Closed => {
                    sockets.remove(*handle);
                    false
                }
                tcp::State::SynSent
                | tcp::State::Established
                | tcp::State::FinWait1
                | tcp::State::FinWait2
                | tcp::State::CloseWait
                | tcp::State::Closing
                | tcp::State::LastAck
                | tcp::State::TimeWait => {
                    arrived.push(*handle);
                    false
                }
            }
        });
        let (local, busy) = (listener.local, listener.waiting.len() + listener.accept_queue.len());
        let has_room = busy + arrived.len() < listener.backlog;
        for socket in arrived {
            self.queue_for_accept(id, socket);
        }
        if listening == 0 && has_room {
            let mut socket = self.new_socket();
            socket.listen(listen_endpoint(local)).expect("a new socket and a port");
            let handle = self.sockets.add(socket);
            let listener = self.listeners.get_mut(&id).expect("just seen");
            listener.waiting.push(handle);
        }
    }

    fn queue_for_accept(&mut self, id: ListenerId, socket: SocketHandle) {
        let ends = self.sockets.get::<tcp::Socket<'_>>(socket);
        let (Some(local), Some(remote)) = (ends.local_endpoint(), ends.remote_endpoint()) else {
            return;
        };
        let tuple = FourTuple { local: socket_addr(local), remote: socket_addr(remote) };
        let handle = self.insert(socket, tuple, Owner::AcceptQueue);
        let listener = self.listeners.get_mut(&id).expect("its socket was just seen");
        listener.accept_queue.push_back(handle);
        self.ready.push(Ready::Listener(id));
    }

    /// Forgets connections that are over and that nobody holds; gives up those whose time is over.
    fn reap(&mut self, now: Instant) {
        for index in 0..self.connections.capacity() {
            let Some(connection) = self.connections.get(index) else { continue };
            let Owner::Nobody(since) = connection.owner else { continue };
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(connection.socket);
            let told = socket.remote_endpoint().is_none();
            if socket.state() == tcp::State::Closed && told {
                self.sockets.remove(connection.socket);
                self.connections.remove(index);
            } else if socket.state() == tcp::State::FinWait2
                && now.since(since) >= self.config.orphan_timeout
            {
                socket.abort();
                self.is_dirty = true;
            }
        }
    }

    /// When smoltcp, or the wait for an orphan, wants to be looked at again.
    fn find_deadline(&mut self, now: Instant) -> Option<Instant> {
        let at = self.interface.poll_at(theirs(now), &self.sockets).map(ours);
        // At once, although there is nothing to send: looking again in a moment is soon enough.
        let at = at.map(|at| if at <= now { now + Duration::from_millis(1) } else { at });
        let orphans = self.connections.iter().filter_map(|(_, connection)| {
            let Owner::Nobody(since) = connection.owner else { return None };
            let waits = connection.seen.state == tcp::State::FinWait2;
            waits.then_some(since + self.config.orphan_timeout)
        });
        at.into_iter().chain(orphans).min()
    }

    fn choose_port(&mut self, remote: SocketAddr) -> Option<u16> {
        let (first, last) = EPHEMERAL;
        for _ in first..=last {
            let port = self.next_port;
            self.next_port = if port == last { first } else { port + 1 };
            let taken = self.connections.iter().any(|(_, connection)| {
                connection.tuple.local.port() == port && connection.tuple.remote == remote
            });
            if !taken {
                return Some(port);
            }
        }
        None
    }
}

impl Engine for Smoltcp {
    fn on_packet(&mut self, packet: &Bytes, now: Instant) {
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
            }
        }
        let packet = self.link.outbound.pop_front()?;
        Some(Frame { payload: Payload::from(Bytes::from(packet)), ..Frame::default() })
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn has_output(&self) -> bool {
        self.is_dirty || !self.link.outbound.is_empty()
    }

    fn take_ready(&mut self) -> Vec<Ready> {
        std::mem::take(&mut self.ready)
    }

    fn take_events(&mut self) -> Vec<Event> {
        Vec::new()
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
        let mut addrs = self.config.addrs.iter().copied().filter(IpAddr::is_ipv4);
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
        let local = IpListenEndpoint { addr: address(ip), port };
        let there = address(remote.ip()).ok_or(Error::AddressNotAvailable)?;
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
                socket.send_slice(data).map_err(|_| Error::ConnectionClosing)
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
        match received {
            Ok(octets) if octets.is_empty() => Ok(Received::Pending),
            Ok(octets) => Ok(Received::Data(octets)),
            Err(tcp::RecvError::Finished) => Ok(Received::Finished),
            Err(tcp::RecvError::InvalidState) if finished => Ok(Received::Finished),
            Err(tcp::RecvError::InvalidState) if socket.state() == tcp::State::Closed => {
                Err(closed)
            }
            Err(tcp::RecvError::InvalidState) => Ok(Received::Pending),
        }
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
        if let Some(socket) = self.socket_mut(handle) {
            if socket.recv_queue() > 0 {
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
        self.socket(handle).is_none_or(|socket| {
            socket.can_recv()
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
        let mss = u32::try_from(self.config.mtu.saturating_sub(40)).unwrap_or(u32::MAX);
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
            cwnd: 0,
            ssthresh: 0,
            in_flight: 0,
            send_queue: socket.send_queue(),
            receive_queue: socket.recv_queue(),
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

fn look(socket: &tcp::Socket<'_>) -> Seen {
    Seen { state: socket.state(), received: socket.recv_queue(), unsent: socket.send_queue() }
}

/// smoltcp does not say why a connection is closed: the state before it tells most of it.
fn how_it_ended(before: tcp::State) -> Option<Error> {
    match before {
        tcp::State::SynSent | tcp::State::SynReceived => Some(Error::ConnectionRefused),
        tcp::State::Established
        | tcp::State::FinWait1
        | tcp::State::FinWait2
        | tcp::State::CloseWait
        | tcp::State::Closing => Some(Error::ConnectionReset),
        tcp::State::Closed | tcp::State::Listen | tcp::State::LastAck | tcp::State::TimeWait => {
            None
        }
    }
}

const fn our_state(state: tcp::State) -> State {
    match state {
        tcp::State::Closed => State::Closed,
        tcp::State::Listen => State::Listen,
        tcp::State::SynSent => State::SynSent,
        tcp::State::SynReceived => State::SynReceived,
        tcp::State::Established => State::Established,
        tcp::State::FinWait1 => State::FinWait1,
        tcp::State::FinWait2 => State::FinWait2,
        tcp::State::CloseWait => State::CloseWait,
        tcp::State::Closing => State::Closing,
        tcp::State::LastAck => State::LastAck,
        tcp::State::TimeWait => State::TimeWait,
    }
}

fn listen_endpoint(local: SocketAddr) -> IpListenEndpoint {
    let addr = Some(local.ip()).filter(|ip| !ip.is_unspecified());
    IpListenEndpoint { addr: addr.and_then(address), port: local.port() }
}

/// `None` for IPv6, which is not carried yet.
fn address(ip: IpAddr) -> Option<IpAddress> {
    match ip {
        IpAddr::V4(ip) => Some(IpAddress::Ipv4(ip)),
        IpAddr::V6(_) => None,
    }
}

fn socket_addr(endpoint: IpEndpoint) -> SocketAddr {
    SocketAddr::new(endpoint.addr.into(), endpoint.port)
}

/// smoltcp counts microseconds.
fn theirs(now: Instant) -> smoltcp::time::Instant {
    smoltcp::time::Instant::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}

fn ours(at: smoltcp::time::Instant) -> Instant {
    Instant::from_micros(u64::try_from(at.total_micros()).unwrap_or(0))
}
