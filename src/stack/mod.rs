//! Many connections behind some addresses: packets in, packets out, calls from above. Still without
//! sockets, threads and clocks, and deterministic: the same inputs at the same instants with the same
//! secret give the same packets and events.
//!
//! A driver feeds `on_packet` and `on_timeout`, asks `take_ready` whom to wake, lets applications make
//! their calls, and drains `poll_output` before it sleeps until `next_deadline`.

mod asking;
mod calls;
mod connections;
mod ends;
mod fragments;
mod half_open;
mod icmp;
mod icmpv6;
mod input;
mod journal;
mod listeners;
mod listing;
mod output;
mod paths;
mod reassembly;
mod routes;
mod secret;
mod settings;
mod strays;
mod syn_cookies;
mod time_wait;
mod wheel;

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use connections::{Connections, Marks};
use half_open::HalfOpens;
use listeners::Listeners;
use paths::Paths;
use reassembly::Reassembly;
use settings::OwnSettings;
use smallvec::SmallVec;
use time_wait::TimeWaits;

pub use journal::{Input, Journal, checksum};
pub use listing::{Bookmark, ListenerSummary, Page};
pub use secret::Secret;
pub use settings::Settings;
pub use strays::{Place, Stray};
pub(crate) use wheel::Wheel;

use crate::tcp;
use crate::time::Instant;
use crate::trace::{ConnId, DropReason, Event, Mask, Segments, Tracer};
use crate::wire::{Features, Frame, HeaderStyle, ip, tcp as tcp_wire};

/// Octets of data that fit into one IP packet beside the longest headers.
const MOST_DATA: u32 = 65_535 - 60 - 60;

/// The settings of a stack.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Config {
    /// The addresses it answers to.
    pub addrs: Vec<IpAddr>,
    /// The longest IP packet its link carries, in octets. Default 1500.
    pub mtu: usize,
    /// Settings of its connections; `mss` is set from `mtu`, for IPv4: those over IPv6 have 20 octets less.
    pub tcp: tcp::Config,
    /// Settings of the headers it sends.
    pub header: HeaderStyle,
    /// What its link does for it.
    pub features: Features,
    /// Take packets that came by a source route, and answer them by the same way (RFC 9293 3.9.2.1, MUST-53).
    /// Default false: they are dropped, for whoever can choose the way of our answers can speak for anybody
    /// (RFC 7126 4.3, 4.4).
    pub source_routes: bool,
    /// Connections it holds at most, in all states. Default 1,000,000. Those in `TIME_WAIT` that nobody holds
    /// any more are not counted.
    pub max_connections: usize,
    /// Of these, how many are remembered, in some 120 octets each: beyond that the oldest leaves. With 0 they
    /// stay whole. Default 262,144.
    pub max_time_waits: usize,
    /// Octets that all connections together hold out of order, with what they cost besides. Default 64 MiB.
    pub max_out_of_order: usize,
    /// Octets in the queues of all connections together, written and not acknowledged or come and not read,
    /// that it steers for: no queue grows longer than an eighth of what is left, and windows are as small. Where
    /// nothing is left, a queue may have 16 KiB. Default 256 MiB.
    pub max_queued: usize,
    /// Connections whose handshake is under way that are kept whole: beyond that they take some 260 octets each,
    /// and a little more work. Default 64.
    pub whole_handshakes: usize,
    /// A listener that has no room for another handshake answers SYNs with cookies (RFC 4987 3.6), and so
    /// keeps nobody out. Default true.
    pub syn_cookies: bool,
    /// Its place among stacks that share its addresses. Default: it is the only one.
    pub place: Place,
    /// The events it raises. Default none. Not part of what a recording keeps: it changes nothing but
    /// what is said.
    #[serde(skip)]
    pub events: Mask,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            addrs: Vec::new(),
            mtu: 1500,
            tcp: tcp::Config::default(),
            header: HeaderStyle::default(),
            features: Features::default(),
            source_routes: false,
            max_connections: 1_000_000,
            max_time_waits: 1 << 18,
            max_out_of_order: 64 << 20,
            max_queued: 256 << 20,
            whole_handshakes: 64,
            syn_cookies: true,
            place: Place::default(),
            events: Mask::empty(),
        }
    }
}

/// A connection's two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FourTuple {
    /// Ours.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
}

impl FourTuple {
    /// The ends of the connection that a segment for us belongs to.
    fn of(datagram: &ip::Datagram, ports: tcp_wire::Ports) -> Self {
        FourTuple {
            local: SocketAddr::new(datagram.dst, ports.dst),
            remote: SocketAddr::new(datagram.src, ports.src),
        }
    }
}

/// Names a connection for the calls. It never comes to mean another one: the generation tells uses of
/// a slot apart.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Handle {
    slot: u32,
    generation: u32,
}

impl Handle {
    /// For another engine behind the same calls.
    pub(crate) const fn new(slot: u32, generation: u32) -> Self {
        Handle { slot, generation }
    }

    pub(crate) const fn generation(self) -> u32 {
        self.generation
    }

    /// The slot, for tables kept beside the stack. Slots are small numbers and used again.
    #[must_use]
    pub const fn slot(self) -> usize {
        self.slot as usize
    }
}

/// Names a listener.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct ListenerId(u32);

impl ListenerId {
    /// For another engine behind the same calls.
    pub(crate) const fn new(number: u32) -> Self {
        ListenerId(number)
    }
}

/// Something a caller may have waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// A connection that was idle may be readable, writable, established or over now.
    Connection(Handle),
    /// A listener has a connection to accept.
    Listener(ListenerId),
}

/// What has become possible; often it is one or two things.
pub type ReadyList = SmallVec<[Ready; 4]>;

/// A connection as lists show it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Summary {
    /// Its number in events and logs.
    pub id: ConnId,
    /// Our end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// Everything STATUS tells.
    #[serde(flatten)]
    pub status: tcp::Status,
}

/// Packets counted since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counters {
    /// Packets taken from the link.
    pub packets_received: u64,
    /// Packets given to the link.
    pub packets_sent: u64,
    /// RSTs sent for segments of no connection.
    pub resets_sent: u64,
    /// Echo requests answered.
    pub echo_replies: u64,
    /// SYNs that were answered with a cookie.
    pub syn_cookies_sent: u64,
    /// Connections that came of one.
    pub syn_cookies_accepted: u64,
    /// Acknowledgments of no connection that brought none, or one that was too old, while there were some
    /// about.
    pub syn_cookies_refused: u64,
    /// Connections that left `TIME_WAIT` before their time, for there were too many.
    pub time_waits_cut_short: u64,
    /// Connections that came to be.
    pub connections_opened: u64,
    /// Segments of connections.
    pub segments: Segments,
}

/// A TCP/IP stack without any input or output of its own.
#[derive(Debug)]
pub struct Stack {
    config: Config,
    /// Its addresses, for looking them up: they may be many.
    own_addrs: BTreeSet<IpAddr>,
    secret: Secret,
    tracer: Tracer,
    /// Buffers for what is written.
    pool: tcp::Pool,
    counters: Counters,
    connections: Connections,
    /// Those whose handshake is under way.
    half_opens: HalfOpens,
    /// Those in `TIME_WAIT` that nobody holds.
    time_waits: TimeWaits,
    listeners: Listeners,
    /// Of those connections that do not share the stack's.
    own_settings: OwnSettings,
    wheel: Wheel,
    /// Slots with something to send, in turn.
    dirty: VecDeque<u32>,
    /// Answers of no connection: RSTs, ICMP.
    replies: VecDeque<Frame>,
    ready: ReadyList,
    /// Segments that a sibling may know more of.
    strays: Vec<Stray>,
    /// How many connections have been given a number.
    numbered: u64,
    /// Ephemeral ports handed out (RFC 6056 3.3.3).
    ports_used: u64,
    icmp_budget: icmp::Budget,
    paths: Paths,
    /// Packets that come in parts.
    reassembly: Reassembly,
    /// How many packets of ours left in parts.
    cut: u64,
    journal: Option<journal::JournalBox>,
    /// When the last input came: calls that need no instant are noted at it.
    last_input: Instant,
}

impl Stack {
    /// A stack that has seen nothing yet.
    #[must_use]
    pub fn new(mut config: Config, secret: Secret) -> Self {
        let v4_header = ip::header_len(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
        let mss = config.mtu.saturating_sub(v4_header + 20);
        config.tcp.mss = u16::try_from(mss).unwrap_or(u16::MAX);
        config.tcp.burst = if config.features.segmentation { MOST_DATA } else { 0 };
        Stack {
            tracer: Tracer::new(config.events),
            pool: tcp::Pool::with_bounds(config.max_out_of_order, config.max_queued),
            own_addrs: config.addrs.iter().copied().collect(),
            config,
            secret,
            counters: Counters::default(),
            connections: Connections::new(secret.table_hasher()),
            half_opens: HalfOpens::new(secret.table_hasher()),
            time_waits: TimeWaits::new(secret.table_hasher()),
            listeners: Listeners::default(),
            own_settings: OwnSettings::default(),
            wheel: Wheel::new(),
            dirty: VecDeque::new(),
            replies: VecDeque::new(),
            ready: ReadyList::new(),
            strays: Vec::new(),
            numbered: 0,
            ports_used: 0,
            icmp_budget: icmp::Budget::new(),
            paths: Paths::default(),
            reassembly: Reassembly::default(),
            cut: 0,
            journal: None,
            last_input: Instant::ZERO,
        }
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Takes what may have become possible since the last call, for waking whoever waits.
    pub fn take_ready(&mut self) -> ReadyList {
        for entry in &self.ready {
            if let Ready::Connection(handle) = entry
                && let Some(connection) = self.connections.get_mut(*handle)
            {
                connection.marks.replace(Marks::READY_NOTED, false);
            }
        }
        std::mem::take(&mut self.ready)
    }

    /// Takes the events raised since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        self.tracer.take()
    }

    /// Raises these kinds of events, too, from now on, beside those of the configuration; with none, no longer.
    pub fn raise_also(&mut self, kinds: Mask) {
        self.tracer.set_wanted(self.config.events | kinds);
    }

    /// Packet counts.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let (connections_opened, segments) = (self.numbered, self.tracer.segments());
        Counters { connections_opened, segments, ..self.counters.clone() }
    }

    /// How often packets and segments were dropped, by reason.
    #[must_use]
    pub fn drops(&self) -> &std::collections::BTreeMap<DropReason, u64> {
        self.tracer.drops()
    }

    fn next_id(&mut self) -> ConnId {
        self.numbered += 1;
        self.config.place.conn_id(self.numbered)
    }
}
