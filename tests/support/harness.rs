//! One stack that is treated to anything: segments near and far from what it expects, calls in any
//! order, time that creeps and jumps. What to do next is asked of [`Choices`]: a seed in a test, the
//! octets of a fuzzer otherwise.
//!
//! After each step the invariants hold, what the stack holds is bounded, what it sends comes to an end,
//! and no timer goes off for ever without effect.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use glasstack::seq::Seq;
use glasstack::sim::Random;
use glasstack::stack::{Config, FourTuple, Handle, ListenerId, Place, Secret, Stack, Summary};
use glasstack::tcp::{self, Algorithm, EcnMode, Keepalive, MtuProbing, State};
use glasstack::time::Instant;
use glasstack::trace::{Mask, Sink};
use glasstack::view::ladder::LadderRecorder;
use glasstack::wire::{Ecn, Features, Flags, HeaderStyle, SackBlocks, Segment, Timestamps};

use super::{CLIENT, PORT, SERVER, icmp, packet, parse};

/// Connections that the stack may hold.
const MOST_CONNECTIONS: usize = 16;
/// Octets that it may hold for one connection, each way.
const BUFFER: u32 = 8_192;
/// Times in a row that a deadline may come without anything happening. The timer wheel may be early
/// seven times for one entry.
const MOST_BARREN: usize = 7 * MOST_CONNECTIONS;

/// Where decisions come from.
pub trait Choices {
    /// Any number.
    fn number(&mut self) -> u64;

    /// A number below `limit`, which is not 0.
    fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    /// Something that comes once in `times`.
    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of `all`.
    fn pick<T: Copy>(&mut self, all: &[T]) -> T
    where
        Self: Sized,
    {
        all[usize::try_from(self.below(all.len() as u64)).expect("an index")]
    }
}

impl Choices for Random {
    fn number(&mut self) -> u64 {
        Random::number(self)
    }
}

/// What the other end of one connection knows of it. `tuple` is seen from there.
#[derive(Clone, Copy, Debug)]
struct Peer {
    tuple: FourTuple,
    iss: Seq,
    /// What the stack sent: its ISS, and the end of what it sent last.
    theirs: Seq,
    sent_to: Seq,
    /// What the stack acknowledged last.
    acked: Seq,
    timestamp: u32,
}

/// The stack and everything around it.
pub struct Harness<C> {
    choices: C,
    stack: Stack,
    now: Instant,
    peers: Vec<Peer>,
    handles: Vec<Handle>,
    listener: Option<ListenerId>,
    next_port: u16,
    /// Inputs since the stack was last asked for output.
    inputs: usize,
    recorder: Option<LadderRecorder>,
}

/// Opening.
impl<C: Choices> Harness<C> {
    /// A stack with a listener, at some point in time.
    pub fn new(mut choices: C, recorder: Option<LadderRecorder>) -> Self {
        let on = |choices: &mut C| choices.once_in(2);
        let keepalive = Keepalive { idle: secs(600), interval: secs(75), probes: 3 };
        let tcp = tcp::Config {
            receive_buffer: choices.pick(&[1, 600, BUFFER]),
            receive_buffer_max: choices.pick(&[0, 2 * BUFFER]),
            send_buffer: BUFFER as usize,
            window_scaling: on(&mut choices),
            timestamps: on(&mut choices),
            sack: on(&mut choices),
            nagle: on(&mut choices),
            delayed_ack: choices.pick(&[Duration::ZERO, Duration::from_millis(40)]),
            keepalive: on(&mut choices).then_some(keepalive),
            user_timeout: choices.once_in(4).then_some(secs(90)),
            congestion: choices.pick(&Algorithm::ALL),
            ecn: choices.pick(&[EcnMode::Off, EcnMode::Accept, EcnMode::On]),
            rack: on(&mut choices),
            tail_loss_probe: on(&mut choices),
            frto: on(&mut choices),
            restart_after_idle: on(&mut choices),
            path_mtu_probing: choices.pick(&[
                MtuProbing::Off,
                MtuProbing::OnBlackHole,
                MtuProbing::Always,
            ]),
            min_path_mtu: choices.pick(&[68, 552]),
            ..tcp::Config::default()
        };
        let config = Config {
            addrs: vec![SERVER],
            mtu: choices.pick(&[296, 1_500]),
            tcp,
            header: HeaderStyle::default(),
            // The device cuts long segments, but leaves checksums to us: they are looked at below.
            features: Features { checksum: false, segmentation: choices.once_in(4) },
            source_routes: true,
            max_connections: MOST_CONNECTIONS,
            max_time_waits: choices.pick(&[0, 2, MOST_CONNECTIONS]),
            max_out_of_order: choices.pick(&[0, 3_000, 1 << 20]),
            max_queued: choices.pick(&[0, 1 << 20, 256 << 20]),
            whole_handshakes: choices.pick(&[0, 2, MOST_CONNECTIONS]),
            syn_cookies: !choices.once_in(4),
            place: Place::default(),
            events: recorder.as_ref().map_or(Mask::empty(), Sink::wanted),
        };
        let mut secret = [0; 32];
        secret[0] = u8::try_from(choices.below(256)).expect("a byte");
        let mut harness = Harness {
            now: Instant::from_micros(choices.below(1 << 34)),
            choices,
            stack: Stack::new(config, Secret(secret)),
            peers: Vec::new(),
            handles: Vec::new(),
            listener: None,
            next_port: 1024,
            inputs: 0,
            recorder,
        };
        harness.listen();
        harness
    }

    /// Brings one connection into `state`, by the way that a well-behaved peer would take.
    pub fn reach(&mut self, state: State) {
        match state {
            State::Closed => self.unlisten(),
            State::Listen => {}
            State::SynSent => self.connect(),
            State::SynReceived => {
                let peer = self.new_peer();
                self.say(peer, Flags::SYN);
            }
            State::Established => self.establish(),
            State::FinWait1 => {
                self.establish();
                self.close_last();
            }
            State::FinWait2 => {
                self.reach(State::FinWait1);
                self.say(self.peers.len() - 1, Flags::ACK);
            }
            State::CloseWait => {
                self.establish();
                self.say(self.peers.len() - 1, Flags::FIN | Flags::ACK);
            }
            State::Closing => {
                self.reach(State::FinWait1);
                // A FIN that does not acknowledge ours.
                let index = self.peers.len() - 1;
                self.peers[index].sent_to = self.peers[index].sent_to - 1;
                self.say(index, Flags::FIN | Flags::ACK);
            }
            State::LastAck => {
                self.reach(State::CloseWait);
                self.close_last();
            }
            State::TimeWait => {
                self.reach(State::FinWait2);
                self.say(self.peers.len() - 1, Flags::FIN | Flags::ACK);
            }
        }
        let states: Vec<State> = self.stack.states().map(|(_, state)| state).collect();
        let none = matches!(state, State::Closed | State::Listen);
        assert!(none && states.is_empty() || states == [state], "{states:?} is not {state}");
    }

    fn establish(&mut self) {
        if self.choices.once_in(2) {
            self.connect();
            self.say(self.peers.len() - 1, Flags::SYN | Flags::ACK);
        } else {
            let peer = self.new_peer();
            self.say(peer, Flags::SYN);
            self.say(peer, Flags::ACK);
            self.accept();
        }
    }

    fn new_peer(&mut self) -> usize {
        self.next_port = self.next_port.wrapping_add(1).max(1024);
        let local = SocketAddr::new(CLIENT, self.next_port);
        self.add_peer(FourTuple { local, remote: SocketAddr::new(SERVER, PORT) })
    }

    fn add_peer(&mut self, tuple: FourTuple) -> usize {
        // Near the wrap now and then.
        let iss = match self.choices.below(3) {
            0 => Seq(u32::MAX - self.small(3_000)),
            _ => Seq(low(self.choices.number())),
        };
        let timestamp = low(self.choices.number());
        let theirs = Seq(0);
        self.peers.push(Peer { tuple, iss, theirs, sent_to: theirs, acked: iss, timestamp });
        self.peers.len() - 1
    }

    /// What a good peer says next: at the right place, acknowledging everything.
    fn say(&mut self, index: usize, flags: Flags) {
        let Peer { tuple, iss, sent_to, acked, .. } = self.peers[index];
        let seq = if flags.contains(Flags::SYN) { iss } else { acked };
        let ack = if flags.contains(Flags::ACK) { sent_to } else { Seq(0) };
        let segment = Segment { seq, ack, flags, wnd: 8_000, ..Segment::default() };
        self.give(&packet(tuple, segment));
        self.drain();
    }
}

/// Anything.
impl<C: Choices> Harness<C> {
    /// One step of the many.
    pub fn step(&mut self) {
        match self.choices.below(20) {
            0..=10 => self.any_segment(),
            11 => self.any_icmp_error(),
            12..=14 => self.any_call(),
            15 | 16 => self.wait(),
            17 => self.jump(),
            18 => self.noise(),
            _ => {}
        }
        // Mostly at once, but any number of inputs may come first.
        if !self.choices.once_in(4) {
            self.drain();
        }
        self.check();
    }

    /// Lets go of everything: with no peer to answer, all of it has to end by itself.
    pub fn end(&mut self) {
        self.unlisten();
        for handle in std::mem::take(&mut self.handles) {
            self.stack.release(handle, self.now);
            self.check();
        }
        self.drain();
        let mut firings = 0;
        while self.stack.next_deadline().is_some() {
            self.wait();
            self.drain();
            self.check();
            firings += 1;
            assert!(firings < 100_000, "timers without end: {:#?}", self.statuses());
        }
        assert!(self.statuses().is_empty(), "left without a timer: {:#?}", self.statuses());
        assert!(!self.stack.has_output());
    }

    fn any_segment(&mut self) {
        let index = match self.peers.len() {
            0 => self.new_peer(),
            _ if self.choices.once_in(12) => self.new_peer(),
            peers => usize::try_from(self.choices.below(peers as u64)).expect("an index"),
        };
        // The last few are the ones that are likely alive.
        let index = if self.choices.once_in(2) { self.peers.len() - 1 } else { index };
        let segment = self.segment_for(index);
        let tuple = self.peers[index].tuple;
        self.give(&packet(tuple, segment));
    }

    /// Of any kind, mostly about something that is in flight.
    fn any_icmp_error(&mut self) {
        let Some(last) = self.peers.len().checked_sub(1) else { return };
        let back =
            if self.choices.once_in(2) { 0 } else { self.choices.below(self.peers.len() as u64) };
        let peer = self.peers[last - usize::try_from(back).expect("an index")];
        let in_flight = self.status_of(peer.tuple).map_or(0, |summary| summary.status.in_flight);
        let seq = match self.choices.below(4) {
            0 => Seq(low(self.choices.number())),
            1 => peer.sent_to + self.small(3),
            _ => peer.sent_to - in_flight + self.small(in_flight.max(1).into()),
        };
        let code = u8::try_from(self.choices.below(18)).expect("a byte");
        let what = self.choices.pick(&[(3, 4), (3, 4), (3, code), (4, 0), (11, 0), (12, 0)]);
        let mtu = match self.choices.below(3) {
            0 => 0,
            1 => 68 + self.small(1_500),
            _ => self.small(1 << 16),
        };
        let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
        let len = u16::try_from(self.small(1_600)).unwrap_or(u16::MAX);
        // The tuple is as the peer sees it.
        let FourTuple { local, remote } = peer.tuple;
        let (ends, ports) = ((remote.ip(), local.ip()), (remote.port(), local.port()));
        self.give(&icmp::error_about_segment(ends, ports, (seq.0, len), what, mtu));
    }

    fn segment_for(&mut self, index: usize) -> Segment {
        let peer = self.peers[index];
        let status = self.status_of(peer.tuple);
        let window = status.as_ref().map_or(BUFFER, |summary| summary.status.receive_window);
        let in_flight = status.as_ref().map_or(0, |summary| summary.status.in_flight);
        let any = low(self.choices.number());
        let near = self.small(4);
        let len = match self.choices.below(8) {
            0..=2 => 0,
            3 => 1,
            4 => self.small(100),
            5 => window,
            6 => window + 1,
            _ => self.small(1_400),
        };
        let len = len.min(1_400);
        let seq = match self.choices.below(14) {
            0..=5 => peer.acked,
            6 => peer.acked + near,
            7 => peer.acked - 1 - near,
            8 => peer.acked - len,
            9 => peer.acked + window - near,
            10 => peer.acked + window + near,
            11 => peer.iss,
            12 => peer.acked + (1 << 31) - near,
            _ => Seq(any),
        };
        let ack = match self.choices.below(14) {
            0..=5 => peer.sent_to,
            6 => peer.sent_to - in_flight,
            7 => peer.sent_to - in_flight / 2,
            8 => peer.sent_to + 1 + near,
            9 => peer.sent_to - in_flight - 1 - near,
            10 => peer.theirs,
            11 => peer.sent_to - self.small(1 << 17),
            12 => peer.sent_to + (1 << 31) - near,
            _ => Seq(any),
        };
        let payload = Bytes::from(vec![b'x'; len as usize]).into();
        let flags = self.flags();
        let wnd = self.choices.pick(&[0, 0, 1, 10, 500, 8_000, 65_535]);
        let up = self.choices.pick(&[0, 1, 100, 65_535]);
        let ecn = self.choices.pick(&[Ecn::NotEct, Ecn::Ect0, Ecn::Ce]);
        let mut segment = Segment { seq, ack, flags, wnd, up, ecn, payload, ..Segment::default() };
        if self.choices.once_in(4) {
            segment.flags |= self.choices.pick(&[Flags::ECE, Flags::CWR, Flags::ECE | Flags::CWR]);
        }
        self.options(index, &mut segment);
        segment
    }

    fn flags(&mut self) -> Flags {
        match self.choices.below(20) {
            0..=8 => Flags::ACK,
            9 | 10 => Flags::ACK | Flags::PSH,
            11 | 12 => Flags::FIN | Flags::ACK,
            13 => Flags::SYN,
            14 => Flags::SYN | Flags::ACK,
            15 => Flags::RST,
            16 => Flags::RST | Flags::ACK,
            17 => Flags::ACK | Flags::URG,
            _ => Flags::from_bits_retain(u8::try_from(self.choices.below(256)).expect("a byte")),
        }
    }

    fn options(&mut self, index: usize, segment: &mut Segment) {
        if self.choices.once_in(2) {
            let peer = &mut self.peers[index];
            peer.timestamp = peer.timestamp.wrapping_add(1);
            let fresh = peer.timestamp;
            let any = low(self.choices.number());
            let val = self.choices.pick(&[fresh, fresh, fresh.wrapping_sub(10), any]);
            segment.options.timestamps = Some(Timestamps { val, ecr: any });
        }
        if segment.has(Flags::SYN) || self.choices.once_in(10) {
            let any = low(self.choices.number()).to_le_bytes();
            segment.options.mss = self.choices.pick(&[None, Some(0), Some(1_460), Some(65_535)]);
            segment.options.window_scale = self.choices.pick(&[None, Some(0), Some(any[0])]);
            segment.options.sack_permitted = self.choices.once_in(2);
        } else if self.choices.once_in(4) {
            let mut sack = SackBlocks::default();
            for _ in 0..self.choices.below(4) {
                let left = self.peers[index].sent_to - self.small(5_000);
                sack.push(left, left + self.small(2_000));
            }
            segment.options.sack = sack;
        }
    }

    fn any_call(&mut self) {
        let now = self.now;
        let index = self.choices.below(self.handles.len().max(1) as u64);
        let index = usize::try_from(index).expect("an index");
        let Some(handle) = self.handles.get(index).copied() else { return self.connect() };
        let stack = &mut self.stack;
        match self.choices.below(16) {
            0..=2 => {
                let octets = vec![b'y'; usize::try_from(self.choices.below(5_000)).expect("few")];
                let _ = stack.send(handle, &octets, now);
            }
            3 => {
                let octets = Bytes::from_static(&[b'z'; 1_000]);
                let _ = stack.send_bytes(handle, octets, now);
            }
            4..=6 => {
                let most = self.choices.pick(&[1, 100, 100_000]);
                let _ = stack.receive_bytes(handle, most, now);
            }
            7 => {
                let _ = stack.close(handle, now);
            }
            8 if self.choices.once_in(3) => stack.abort(handle, now),
            // A handle that was let go of stays here: calls with it have to come to nothing.
            9 if self.choices.once_in(3) => stack.release(handle, now),
            10 => stack.set_nodelay(handle, self.choices.once_in(2), now),
            11 => stack.set_user_timeout(handle, self.choices.pick(&[None, Some(secs(5))]), now),
            12 => {
                let keepalive = Keepalive { idle: secs(5), interval: secs(1), probes: 2 };
                let keepalive = self.choices.pick(&[None, Some(keepalive)]);
                stack.set_keepalive(handle, keepalive, now);
            }
            13 => self.accept(),
            14 => self.connect(),
            _ if self.choices.once_in(4) => match self.listener {
                Some(_) => self.unlisten(),
                None => self.listen(),
            },
            _ => self.accept(),
        }
        self.inputs += 1;
    }

    /// To the next deadline.
    fn wait(&mut self) {
        let mut barren = 0;
        while let Some(deadline) = self.stack.next_deadline() {
            self.now = self.now.max(deadline);
            let before = self.fingerprint();
            self.stack.on_timeout(self.now);
            self.inputs += MOST_CONNECTIONS;
            if self.drain() > 0 || self.fingerprint() != before {
                return;
            }
            barren += 1;
            assert!(barren <= MOST_BARREN, "a timer for nothing: {:#?}", self.statuses());
        }
    }

    /// Late: whatever was due long ago is seen now only.
    fn jump(&mut self) {
        let most = self.choices.pick(&[1_000, 1_000_000, 100_000_000, 10_000_000_000]);
        self.now += Duration::from_micros(self.choices.below(most));
        if self.choices.once_in(2) {
            self.stack.on_timeout(self.now);
            self.inputs += MOST_CONNECTIONS;
        }
    }

    /// Packets that are none, or not quite.
    fn noise(&mut self) {
        let mut octets = match self.peers.len() {
            0 => vec![0x45; 40],
            peers => {
                let segment = self.segment_for(peers - 1);
                packet(self.peers[peers - 1].tuple, segment).to_vec()
            }
        };
        for _ in 0..self.choices.below(4) {
            let at = usize::try_from(self.choices.below(octets.len() as u64)).expect("an index");
            octets[at] = u8::try_from(self.choices.below(256)).expect("a byte");
        }
        if self.choices.once_in(3) {
            let keep = self.choices.below(octets.len() as u64);
            octets.truncate(usize::try_from(keep).expect("a length"));
        }
        self.give(&octets.into());
    }
}

/// The stack.
impl<C: Choices> Harness<C> {
    fn listen(&mut self) {
        let backlog = self.choices.pick(&[1, 8]);
        self.listener = self.stack.listen(SocketAddr::new(SERVER, PORT), backlog).ok();
    }

    fn unlisten(&mut self) {
        if let Some(id) = self.listener.take() {
            self.stack.unlisten(id, self.now);
            self.inputs += MOST_CONNECTIONS;
        }
    }

    fn accept(&mut self) {
        let handle = self.listener.and_then(|id| self.stack.accept(id));
        self.handles.extend(handle);
    }

    fn connect(&mut self) {
        let remote = SocketAddr::new(CLIENT, 7);
        if let Ok(handle) = self.stack.connect(None, remote, self.now) {
            let FourTuple { local, remote } = self.stack.tuple(handle).expect("just made");
            self.add_peer(FourTuple { local: remote, remote: local });
            self.handles.push(handle);
            self.inputs += 1;
            self.drain();
        }
    }

    fn close_last(&mut self) {
        let handle = self.handles.last().expect("there is a connection");
        self.stack.close(*handle, self.now).expect("it can be closed");
        self.inputs += 1;
        self.drain();
    }

    fn give(&mut self, packet: &Bytes) {
        self.inputs += 1;
        self.stack.on_packet(packet, self.now);
        let _ = self.stack.take_ready();
    }

    /// Takes everything that the stack wants to send, and sees that it ends; returns how much.
    fn drain(&mut self) -> usize {
        // Each octet may leave once anew and once again, alone at worst; duplicate ACKs are counted to
        // 64; each input may draw one more answer.
        let octets: usize = self.statuses().iter().map(|summary| summary.status.send_queue).sum();
        let most = 2 * octets + 70 * MOST_CONNECTIONS + 2 * self.inputs;
        let mut packets = 0;
        while let Some(frame) = self.stack.poll_output(self.now) {
            packets += 1;
            assert!(packets <= most, "{packets} packets after {} inputs", self.inputs);
            self.hear(&frame.to_bytes());
        }
        self.inputs = 0;
        self.report();
        packets
    }

    /// The peers learn from what is sent to them.
    fn hear(&mut self, sent: &Bytes) {
        let Some((tuple, segment)) = parse(sent) else { return };
        let FourTuple { local, remote } = tuple;
        let peers = self.peers.iter_mut().rev();
        let mut peers =
            peers.filter(|peer| peer.tuple.local == remote && peer.tuple.remote == local);
        let Some(peer) = peers.next() else { return };
        if segment.has(Flags::SYN) {
            peer.theirs = segment.seq;
            peer.sent_to = segment.end();
        }
        if segment.end().gt(peer.sent_to) && !segment.has(Flags::RST) {
            peer.sent_to = segment.end();
        }
        if segment.has(Flags::ACK) && !segment.has(Flags::RST) {
            peer.acked = segment.ack;
        }
    }

    /// What holds after each step.
    fn check(&mut self) {
        self.stack.check_invariants();
        let statuses = self.statuses();
        assert!(statuses.len() <= MOST_CONNECTIONS, "{} connections", statuses.len());
        for summary in &statuses {
            // `send_bytes` may exceed the limit by one piece.
            let sent = summary.status.send_queue;
            assert!(sent <= BUFFER as usize + 1_000, "{sent} octets to send");
        }
        // A deadline that has come must go away when it is acted on.
        for _ in 0..MOST_BARREN {
            match self.stack.next_deadline() {
                Some(deadline) if deadline <= self.now && !self.stack.has_output() => {
                    self.stack.on_timeout(self.now);
                    self.inputs += MOST_CONNECTIONS;
                    self.drain();
                }
                Some(_) | None => return,
            }
        }
        panic!("a deadline that does not go away: {:#?}", self.statuses());
    }

    /// Whether anything has changed: states and transitions, queues, timers that count down anew.
    fn fingerprint(&self) -> Vec<(State, usize, u64, Duration)> {
        let statuses = self.statuses();
        let seen = statuses.iter().map(|summary| {
            let status = &summary.status;
            let timers = status.timers.iter().map(|left| left.left).sum();
            (status.state, status.transitions.len(), status.segments_sent, timers)
        });
        seen.collect()
    }

    /// STATUS of all connections.
    pub fn statuses(&self) -> Vec<Summary> {
        self.stack.statuses(self.now)
    }

    fn status_of(&self, tuple: FourTuple) -> Option<Summary> {
        let ends = (tuple.remote, tuple.local);
        self.statuses().into_iter().find(|summary| (summary.local, summary.remote) == ends)
    }

    fn report(&mut self) {
        let events = self.stack.take_events();
        if let Some(recorder) = &mut self.recorder {
            events.iter().for_each(|event| recorder.record(event));
        }
    }

    fn small(&mut self, limit: u64) -> u32 {
        low(self.choices.below(limit))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "any 32 bits will do")]
fn low(number: u64) -> u32 {
    number as u32
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
