//! smoltcp as an engine: another TCP/IP stack, written by other people, behind the same calls.
//!
//! What it does not do: timestamps (its clock for them is a bare function, which cannot know the
//! virtual time), SACK in its own recovery, a queue of their own for half-open connections, events (but for
//! packets). Its TIME_WAIT lasts 10 s, or less when many wait: it looks at every socket for every packet, and
//! takes no new connection for an old one. While a listener's queue is full it answers a SYN with RST.

mod calls;
mod convert;
mod link;
mod pool;
mod said;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::BytesMut;
use slab::Slab;
use smoltcp::iface::{Config as InterfaceConfig, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp;
use smoltcp::wire::{HardwareAddress, IpCidr};

use self::convert::{address, listen_endpoint, our_state, ours, socket_addr, theirs};
use self::link::Link;
use self::pool::Pool;
use self::said::Said;
use crate::error::Error;
use crate::stack::{FourTuple, Handle, ListenerId, Ready, ReadyList};
use crate::time::Instant;
use crate::trace::{ConnId, Mask, Tracer};

/// The first and last port for connections of ours.
const EPHEMERAL: (u16, u16) = (49_152, 65_535);

/// The settings of a smoltcp engine.
#[derive(Clone, Debug)]
pub struct SmoltcpConfig {
    /// The addresses it answers to; at most eight.
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
    /// How long a peer's handshake may take: until then it holds a place in the listener's queue. Default
    /// 20 s.
    pub half_open: Duration,
    /// Give up when the peer was silent for this long while something is not acknowledged. Default 5
    /// minutes: smoltcp itself would go on for ever.
    pub timeout: Option<Duration>,
    /// How long a connection that nobody holds may wait for the peer to close. Default 60 s.
    pub orphan_timeout: Duration,
    /// Connections that may be in TIME_WAIT at a time when nobody holds them any more: beyond that the
    /// oldest are forgotten. Default 32.
    pub time_wait: usize,
    /// Decides about sequence numbers and ports.
    pub seed: u64,
    /// The events it raises: of all that there are, packets alone. Default none.
    pub events: Mask,
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
            half_open: Duration::from_secs(20),
            timeout: Some(Duration::from_mins(5)),
            orphan_timeout: Duration::from_mins(1),
            time_wait: 32,
            seed: 0,
            events: Mask::empty(),
        }
    }
}

/// A smoltcp interface with its sockets.
pub struct Smoltcp {
    config: SmoltcpConfig,
    interface: Interface,
    sockets: SocketSet<'static>,
    pool: Pool,
    link: Link,
    connections: Slab<Connection>,
    generations: u32,
    last_id: u64,
    last_listener: u32,
    next_port: u16,
    listeners: BTreeMap<ListenerId, Listener>,
    ready: ReadyList,
    /// Something happened since `poll_output` found nothing to send.
    is_dirty: bool,
    said: Said,
    deadline: Option<Instant>,
    tracer: Tracer,
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

/// Octets that are set aside for one connection at most.
const MOST_ASIDE: usize = 4096;

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
            for addr in config.addrs.iter().map(|addr| address(*addr)) {
                // The whole internet is on our link: no routes are needed.
                let _ = addrs.push(IpCidr::new(addr, 0));
            }
        });
        let (first, last) = EPHEMERAL;
        let offset = config.seed % u64::from(last - first);
        Smoltcp {
            interface,
            sockets: SocketSet::new(Vec::new()),
            pool: Pool::default(),
            link,
            connections: Slab::new(),
            generations: 0,
            last_id: 0,
            last_listener: 0,
            next_port: first + u16::try_from(offset).expect("below the range of ports"),
            listeners: BTreeMap::new(),
            ready: ReadyList::new(),
            is_dirty: false,
            said: Said::default(),
            deadline: None,
            tracer: Tracer::new(config.events & Mask::PACKETS),
            config,
        }
    }

    fn new_socket(&mut self) -> tcp::Socket<'static> {
        let mut socket = self.pool.take(self.config.receive_buffer, self.config.send_buffer);
        socket.set_keep_alive(None);
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

    /// What a call has changed is no news: whatever comes after it is, even if as much comes as was
    /// taken.
    fn note_call(&mut self, handle: Handle) {
        if let Some(connection) = self.connections.get_mut(handle.slot()) {
            let now = look(self.sockets.get(connection.socket));
            connection.seen = Seen { state: connection.seen.state, ..now };
        }
    }

    fn look_at(&mut self, index: usize) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let now = look(self.sockets.get(connection.socket));
        let before = std::mem::replace(&mut connection.seen, now);
        if now == before {
            return;
        }
        self.keep_a_window_open(index);
        let Some(connection) = self.connections.get_mut(index) else { return };
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

    /// What is left of a window below its unit, smoltcp announces as nothing, and then takes neither data
    /// that were on their way nor the ACKs that come with them: an application that writes before it reads
    /// on would wait for ever. A few octets set aside leave it one unit.
    fn keep_a_window_open(&mut self, index: usize) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(connection.socket);
        let capacity = socket.recv_capacity();
        let unit = window_unit(capacity);
        let is_closing = unit > 1 && socket.recv_queue() + unit > capacity;
        if is_closing && connection.unread.len() < MOST_ASIDE {
            let taken = socket.recv(|octets| {
                let few = octets.len().min(2 * unit);
                connection.unread.extend_from_slice(&octets[..few]);
                (few, ())
            });
            if taken.is_ok() {
                connection.seen.received = socket.recv_queue();
                self.is_dirty = true;
            }
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
            socket.set_timeout(Some(self.config.half_open.into()));
            socket.listen(listen_endpoint(local)).expect("a new socket and a port");
            let handle = self.sockets.add(socket);
            let listener = self.listeners.get_mut(&id).expect("just seen");
            listener.waiting.push(handle);
        }
    }

    fn queue_for_accept(&mut self, id: ListenerId, socket: SocketHandle) {
        let ends = self.sockets.get_mut::<tcp::Socket<'_>>(socket);
        ends.set_timeout(self.config.timeout.map(Into::into));
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
        let mut waiting = Vec::new();
        for index in 0..self.connections.capacity() {
            let Some(connection) = self.connections.get(index) else { continue };
            let Owner::Nobody(since) = connection.owner else { continue };
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(connection.socket);
            let told = socket.remote_endpoint().is_none();
            if socket.state() == tcp::State::Closed && told {
                self.forget(index);
            } else if socket.state() == tcp::State::TimeWait {
                waiting.push((since, index));
            } else if socket.state() == tcp::State::FinWait2
                && now.since(since) >= self.config.orphan_timeout
            {
                socket.abort();
                self.is_dirty = true;
            }
        }
        let excess = waiting.len().saturating_sub(self.config.time_wait);
        waiting.sort_unstable();
        waiting[..excess].iter().for_each(|(_, index)| self.forget(*index));
    }

    fn forget(&mut self, index: usize) {
        let connection = self.connections.remove(index);
        self.pool.put(self.sockets.remove(connection.socket));
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

/// The unit in which a window of so many octets is announced (RFC 7323 2.2).
const fn window_unit(octets: usize) -> usize {
    1 << (usize::BITS - octets.leading_zeros()).saturating_sub(16)
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
