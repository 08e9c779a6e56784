//! The stage of a lesson: two hosts of ours, a client on the left and a server on the right, in virtual time.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::player::{Act, Dialogue, Player, Said};
use crate::device::fault::{Faults, parse_list};
use crate::drill::Profile;
use crate::seq::Seq;
use crate::sim::{self, HostId, Observed, Wire, World};
use crate::stack::{Config, Secret, Stack};
use crate::tcp;
use crate::time::Instant;
use crate::trace::{Event, Mask, Sink, Way, What};
use crate::view::{
    Capture, CapturedHost, Drawing, Ladder, LadderRecorder, Mark, PictureStyle, Style, WireCapture,
};
use crate::wire::{self, Flags, Options, Segment};

/// Where the client is.
pub const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// Where the server is.
pub const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
/// The port that clients call from, where it matters; the server listens on 80.
pub const CLIENT_PORT: u16 = 40_000;
/// The server's port.
pub const SERVER_PORT: u16 = 80;
/// How long a packet travels.
pub const DELAY: Duration = Duration::from_millis(10);

/// What the two are called.
const ENDS: [&str; 2] = ["client", "server"];
/// How pictures are drawn: remarks are about rows, so none is left out.
const PICTURE: PictureStyle = PictureStyle { sections: true, every_row: true };

/// The acts of an application.
pub(super) type Acts = Rc<[Act]>;

/// One of the two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client.
    Left,
    /// The server.
    Right,
}

/// Two hosts, the wire between them, and who looks on.
pub(super) struct Stage {
    world: World,
    hosts: [HostId; 2],
    ladders: [LadderRecorder; 2],
    log: Log,
    dialogue: Dialogue,
    configs: [Config; 2],
}

impl Stage {
    /// Both hosts as the RFCs suggest: the settings of `glass drill`, without timestamps, so that what is on an
    /// arrow is short.
    pub(super) fn new() -> Self {
        Stage::with(|_, _| {})
    }

    /// The same with other settings.
    pub(super) fn with(configure: impl Fn(End, &mut tcp::Config)) -> Self {
        Stage::with_wire(Wire { delay: DELAY, ..Wire::default() }, configure)
    }

    /// The same over another wire.
    pub(super) fn with_wire(wire: Wire, configure: impl Fn(End, &mut tcp::Config)) -> Self {
        let mut world = World::new(1);
        let ladders = [(); 2].map(|()| LadderRecorder::of(Ladder::of_one_end()));
        let log = Log::default();
        let configs = [(End::Left, CLIENT), (End::Right, SERVER)].map(|(end, addr)| {
            let mut tcp =
                tcp::Config { timestamps: false, dsack: false, ..Profile::Rfc.settings().tcp };
            configure(end, &mut tcp);
            Config { addrs: vec![addr], events: Mask::all(), tcp, ..Config::default() }
        });
        let hosts = [(ENDS[0], CLIENT, 1), (ENDS[1], SERVER, 2)];
        let hosts = [0, 1].map(|index| {
            let (name, addr, secret) = hosts[index];
            let stack = Stack::new(configs[index].clone(), Secret([secret; 32]));
            let host = world.add_host(name, addr, Box::new(stack));
            world.add_sink(host, Box::new(ladders[index].clone()));
            world.add_sink(host, Box::new(HostLog { log: log.clone(), index }));
            world.tell_fates(host);
            host
        });
        world.link(hosts[0], hosts[1], wire.clone(), wire);
        let wires = log.clone();
        world.observe(move |seen| wires.add(Seen::sent(seen)));
        Stage { world, hosts, ladders, log, dialogue: Dialogue::default(), configs }
    }

    /// Faults between a host and the wire; `tx` is what it sends.
    pub(super) fn faults(&mut self, end: End, rules: &str) {
        let rules = parse_list(rules).expect("the rules of a lesson can be read");
        self.world.set_faults(self.host(end), Faults::new(rules, 1));
    }

    /// The server listens; each connection does the same.
    pub(super) fn listen(&mut self, acts: impl Into<Acts>) {
        self.listen_with(8, acts);
    }

    /// The same with room for so many that wait.
    pub(super) fn listen_with(&mut self, backlog: usize, acts: impl Into<Acts>) {
        let (acts, dialogue) = (acts.into(), self.dialogue.clone());
        let make = move || Box::new(Player::new(acts.clone(), dialogue.clone())) as _;
        let addr = SocketAddr::new(SERVER, SERVER_PORT);
        self.world.listen(self.host(End::Right), addr, backlog, make).expect("the port is free");
    }

    /// The client calls from this port.
    pub(super) fn call(&mut self, port: u16, acts: impl Into<Acts>) {
        self.call_from(End::Left, port, SERVER_PORT, acts);
    }

    /// Either calls the other, from one port to another.
    pub(super) fn call_from(&mut self, end: End, from: u16, to: u16, acts: impl Into<Acts>) {
        let (local, remote) = match end {
            End::Left => (CLIENT, SERVER),
            End::Right => (SERVER, CLIENT),
        };
        let (local, remote) = (SocketAddr::new(local, from), SocketAddr::new(remote, to));
        let app = Box::new(Player::new(acts.into(), self.dialogue.clone()));
        let host = self.host(end);
        self.world.connect_from(host, Some(local), remote, app).expect("the port is free");
    }

    /// Lets so much time pass.
    pub(super) fn pass(&mut self, span: Duration) {
        let until = self.world.now() + span;
        self.world.run(span);
        self.world.start_at(until);
    }

    /// A SYN from nowhere reaches the server now, as if this address and port had sent it.
    pub(super) fn stray_syn(&mut self, addr: IpAddr, port: u16, seq: u32) {
        let options = Options { mss: Some(1460), ..Options::default() };
        let syn = Segment {
            seq: Seq(seq),
            flags: Flags::SYN,
            wnd: 65_535,
            options,
            ..Segment::default()
        };
        let ports = wire::tcp::Ports { src: port, dst: SERVER_PORT };
        let packet: Bytes = wire::tcp::emit(ports, addr, SERVER, syn).to_bytes();
        self.world.inject(self.host(End::Right), packet);
    }

    /// The server loses its memory and listens anew.
    pub(super) fn crash(&mut self, acts: impl Into<Acts>) {
        let stack = Stack::new(self.configs[1].clone(), Secret([3; 32]));
        let host = self.host(End::Right);
        self.world.restart(host, Box::new(stack));
        self.ladders[1].lock().on_crash(self.world.now());
        self.listen(acts);
    }

    /// SYN cookies that the server has sent, and connections that came of them.
    fn cookies(&self) -> [u64; 2] {
        let counters = self.world.engine(self.host(End::Right)).counters();
        counters.map_or([0; 2], |all| [all.syn_cookies_sent, all.syn_cookies_accepted])
    }

    /// All that was seen.
    pub(super) fn finish(self) -> Performance {
        let dialogue = self.dialogue.borrow().clone();
        let ladders = self.ladders.each_ref().map(|ladder| ladder.lock().clone());
        let (cookies, seen) = (self.cookies(), self.log.take());
        let logs = [0, 1].map(|end| events(&seen, end).cloned().collect());
        Performance { ladders, logs, dialogue, cookies, seen: seen.into() }
    }

    /// Lets everything happen, and so much time pass; all that was seen.
    pub(super) fn play(mut self, span: Duration) -> Performance {
        self.world.run(span);
        self.finish()
    }

    const fn host(&self, end: End) -> HostId {
        self.hosts[end as usize]
    }
}

/// What happened in a lesson.
#[derive(Clone, Debug)]
pub struct Performance {
    /// What each end has on record.
    ladders: [Ladder; 2],
    /// The events of each end, the client's first.
    pub logs: [Vec<Event>; 2],
    /// What the applications said, in order.
    pub dialogue: Vec<Said>,
    /// SYN cookies that the server has sent, and connections that came of them.
    pub cookies: [u64; 2],
    /// All that was seen of both ends and of the wire between them, in order.
    seen: Arc<[Seen]>,
}

impl Performance {
    /// The ladders of all connections, step by step.
    #[must_use]
    pub fn draw(&self, style: &Style) -> Vec<Drawing> {
        let [client, server] = &self.ladders;
        server.draw_with(client, ENDS, style)
    }

    /// The same as one picture, in the SVG format, with `marks` beside rows.
    pub(super) fn svg(&self, marks: &[Mark]) -> String {
        let [client, server] = &self.ladders;
        server.svg_marked(client, ENDS, marks, &PICTURE)
    }

    /// The same as a page in HTML.
    pub(super) fn html(&self, title: &str) -> String {
        let [client, server] = &self.ladders;
        server.page_with(client, ENDS, title, &PICTURE)
    }

    /// Tells a capture of all packets, each with what it meant at both ends. Directions are the server's.
    pub fn capture(&self, capture: &Capture) {
        let hosts = [(ENDS[0], Way::Rx), (ENDS[1], Way::Tx)];
        let hosts = hosts.map(|(name, sends)| CapturedHost { name: name.to_owned(), sends });
        let mut capture = capture.of_wires(hosts.to_vec());
        self.seen.iter().for_each(|seen| seen.tell(&mut capture));
    }
}

/// What is seen of the stage.
#[derive(Clone, Debug)]
enum Seen {
    /// Something happened at this end.
    Event(usize, Event),
    /// All that has happened there until now has been told.
    Settled(usize),
    /// A packet was put on the wire.
    Sent(Sent),
}

#[derive(Clone, Debug)]
struct Sent {
    at: Instant,
    from: HostId,
    to: HostId,
    packet: Bytes,
    fate: sim::Fate,
    arrivals: Vec<(Instant, Bytes)>,
    waiting: usize,
}

impl Seen {
    fn sent(seen: &Observed<'_>) -> Seen {
        let Observed { at, from, to, packet, fate, arrivals, waiting } = *seen;
        let (packet, arrivals) = (packet.clone(), arrivals.to_vec());
        Seen::Sent(Sent { at, from, to, packet, fate, arrivals, waiting })
    }

    /// Tells it to a capture.
    fn tell(&self, capture: &mut WireCapture) {
        match self {
            Seen::Event(end, event) => capture.on_event(*end, event),
            Seen::Settled(end) => capture.on_settled(*end),
            Seen::Sent(Sent { at, from, to, packet, fate, arrivals, waiting }) => {
                let (at, from, to, fate, waiting) = (*at, *from, *to, *fate, *waiting);
                let seen = Observed { at, from, to, packet, fate, arrivals, waiting };
                capture.on_sent(from.index(), to.index(), &seen);
            }
        }
    }
}

/// What has happened at one end, as far as it is not about packets as such.
fn events(seen: &[Seen], end: usize) -> impl Iterator<Item = &Event> {
    seen.iter().filter_map(move |seen| match seen {
        Seen::Event(of, event) if *of == end && !matches!(event.what, What::Packet(_)) => {
            Some(event)
        }
        Seen::Event(_, _) | Seen::Settled(_) | Seen::Sent(_) => None,
    })
}

/// Keeps everything.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<Seen>>>);

impl Log {
    fn add(&self, seen: Seen) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }

    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What one end tells.
#[derive(Debug)]
struct HostLog {
    log: Log,
    index: usize,
}

impl Sink for HostLog {
    fn wanted(&self) -> Mask {
        Mask::all()
    }

    fn record(&mut self, event: &Event) {
        self.log.add(Seen::Event(self.index, event.clone()));
    }

    fn settle(&mut self) {
        self.log.add(Seen::Settled(self.index));
    }
}

/// So many milliseconds.
pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
