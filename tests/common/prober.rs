//! The prober: one remote host, its view of one connection at a time, and the clock.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use glasstack::error::Error;
use glasstack::seq::Seq;
use glasstack::stack::{Config, Handle, ListenerId, Secret, Stack};
use glasstack::tcp::{Arrow, Received, State, Status};
use glasstack::time::Instant;
use glasstack::trace::{DropReason, Event, Mask, Sink};
use glasstack::view::{Ladder, Style};
use glasstack::wire::tcp::{Ports, emit, parse};
use glasstack::wire::{Flags, Options, Segment, ip};

use super::seg::{Seg, pattern};
use super::{ack, mss, syn, syn_ack};
use super::{hosts, icmp};

/// The stack's address.
pub const US: IpAddr = hosts::SERVER.ip();
/// The prober's.
pub const PEER: IpAddr = hosts::CLIENT;
/// Where the stack listens.
pub const OUR_PORT: u16 = 80;
/// The prober's first port.
pub const PEER_PORT: u16 = 40_000;

/// The prober's ISN: close to the wrap, so that every test crosses it.
const ISN: Seq = Seq(u32::MAX - 1);

/// A remote host, and the stack it talks to.
pub struct Prober {
    pub stack: Stack,
    pub now: Instant,
    pub listener: Option<ListenerId>,
    pub conn: Conn,
    /// Packets of the stack that nobody has looked at yet, and when they left.
    outbox: VecDeque<(Instant, Bytes)>,
    pub events: Vec<Event>,
    ladder: Ladder,
}

/// What the prober knows of the connection it talks on.
#[derive(Clone, Copy, Debug)]
pub struct Conn {
    pub our_port: u16,
    pub peer_port: u16,
    /// The prober's initial sequence number.
    pub isn: Seq,
    /// The stack's, once seen.
    pub iss: Option<Seq>,
    /// What the prober sends next, and what it expects next, in relative numbers.
    pub next: u32,
    pub expected: u32,
    /// The window it offers.
    pub wnd: u16,
    pub handle: Option<Handle>,
}

impl Conn {
    pub fn new(our_port: u16, peer_port: u16) -> Conn {
        let handle = None;
        Conn { our_port, peer_port, isn: ISN, iss: None, next: 0, expected: 0, wnd: 65_535, handle }
    }
}

/// Beginnings.
impl Prober {
    /// Before a stack with default settings that listens.
    pub fn new() -> Prober {
        Prober::with(|_| {})
    }

    /// Before a stack with settings of the test's choice.
    pub fn with(configure: impl FnOnce(&mut Config)) -> Prober {
        let events = Mask::all() - Mask::PACKETS;
        let mut config = Config { addrs: vec![US], mtu: hosts::MTU, events, ..Config::default() };
        configure(&mut config);
        let mut stack = Stack::new(config, Secret([7; 32]));
        let listener = stack.listen(SocketAddr::new(US, OUR_PORT), 16).expect("it is free");
        Prober {
            stack,
            now: Instant::ZERO,
            listener: Some(listener),
            conn: Conn::new(OUR_PORT, PEER_PORT),
            outbox: VecDeque::new(),
            events: Vec::new(),
            ladder: Ladder::new(),
        }
    }

    /// At a moment at which the stack's ISS for a passive connection will be `iss`: the ISS follows a
    /// clock of 4 us, so it is a matter of waiting.
    pub fn with_iss(iss: Seq) -> Prober {
        let mut scout = Prober::new();
        scout.send(syn());
        scout.expect(syn_ack());
        let mut prober = Prober::new();
        let wait = iss - scout.conn.iss.expect("a SYN,ACK came");
        prober.now += Duration::from_micros(4) * wait;
        prober
    }

    /// Goes on with another connection, of another port of the prober's.
    pub fn on_port(&mut self, peer_port: u16) -> &mut Self {
        self.conn = Conn::new(OUR_PORT, peer_port);
        self
    }
}

/// Sending.
impl Prober {
    /// Sends one segment and lets the stack answer.
    pub fn send(&mut self, seg: Seg) -> &mut Self {
        self.send_batch([seg])
    }

    /// Sends several segments before the stack gets to answer.
    pub fn send_batch(&mut self, segs: impl IntoIterator<Item = Seg>) -> &mut Self {
        for seg in segs {
            let packet = self.packet(seg);
            self.stack.on_packet(&packet, self.now);
        }
        self.settle()
    }

    /// Sends a packet as it is.
    pub fn send_packet(&mut self, packet: &Bytes) -> &mut Self {
        self.stack.on_packet(packet, self.now);
        self.settle()
    }

    /// The packet that carries `seg` to the stack.
    pub fn packet(&mut self, seg: Seg) -> Bytes {
        let conn = &mut self.conn;
        let seq = seg.seq.unwrap_or(conn.next);
        let ack = seg.ack.unwrap_or(conn.expected);
        let payload = match seg.len {
            Some(len) => Bytes::from(pattern(seq, len)),
            None => seg.data,
        };
        let is_syn = seg.flags.contains(Flags::SYN);
        let default_options = if is_syn { mss(1460) } else { Options::default() };
        let segment = Segment {
            seq: conn.isn + seq,
            ack: conn.iss.unwrap_or_default() + ack,
            flags: seg.flags,
            wnd: seg.wnd.unwrap_or(conn.wnd),
            up: seg.up.unwrap_or(0),
            options: seg.options.unwrap_or(default_options),
            payload: payload.into(),
            segment_size: 0,
            ecn: seg.ecn.unwrap_or_default(),
        };
        if !segment.has(Flags::ACK) {
            assert_eq!(seg.ack, None, "an acknowledgment needs its flag");
        }
        let end = seq.wrapping_add(segment.len());
        if end.wrapping_sub(conn.next).cast_signed() > 0 && seq == conn.next {
            conn.next = end;
        }
        let ports = Ports { src: conn.peer_port, dst: conn.our_port };
        emit(ports, PEER, US, segment).to_bytes()
    }
}

/// Routers.
impl Prober {
    /// The ICMP error about a full-sized segment of the stack's with this relative number.
    pub fn icmp_error(&self, seq: u32, what: (u8, u8), mtu: u16) -> Bytes {
        let Conn { our_port, peer_port, .. } = self.conn;
        let iss = self.conn.iss.expect("a SYN of the stack was seen");
        let ports = (our_port, peer_port);
        icmp::error_about_segment((US, PEER), ports, ((iss + seq).0, 1_500), what, mtu)
    }

    /// A router sends it.
    pub fn tell(&mut self, seq: u32, what: (u8, u8), mtu: u16) -> &mut Self {
        let error = self.icmp_error(seq, what, mtu);
        self.send_packet(&error)
    }
}

/// Looking.
impl Prober {
    /// The next segment the stack has sent must be this one, sent by now.
    #[track_caller]
    pub fn expect(&mut self, expected: Seg) -> &mut Self {
        let Some((_, packet)) = self.outbox.pop_front() else {
            self.fail(&format!("{expected} should have come; nothing did"));
        };
        self.look_at(&packet, &expected);
        self
    }

    /// The stack is silent for `delay`, and then, not earlier, sends this.
    #[track_caller]
    pub fn expect_after(&mut self, delay: Duration, expected: Seg) -> &mut Self {
        self.expect_silence();
        let due = self.now + delay;
        self.run_until(due);
        let Some((at, packet)) = self.outbox.pop_front() else {
            self.fail(&format!("{expected} should have come within {delay:?}; nothing did"));
        };
        self.look_at(&packet, &expected);
        if at != due {
            let early = due.since(at);
            self.fail(&format!(
                "{expected} should have come after {delay:?}, not {early:?} before"
            ));
        }
        self
    }

    /// The stack has nothing (more) to say.
    #[track_caller]
    pub fn expect_silence(&mut self) -> &mut Self {
        if let Some((_, packet)) = self.outbox.pop_front() {
            let seen =
                self.relative(&packet).map_or_else(|| "a packet".into(), |(_, s)| s.to_string());
            self.fail(&format!("the stack should have been silent; it sent {seen}"));
        }
        self
    }

    /// For so long the stack sends nothing.
    #[track_caller]
    pub fn expect_silence_for(&mut self, delay: Duration) -> &mut Self {
        self.expect_silence().advance(delay).expect_silence()
    }

    /// So many segments have come that nobody has looked at; nobody will.
    #[track_caller]
    pub fn expect_segments(&mut self, count: usize) -> &mut Self {
        let sent = self.take_sent().len();
        self.expect_eq(sent, count, "the number of segments")
    }

    /// Something else must be true.
    #[track_caller]
    pub fn check(&mut self, holds: bool, words: &str) -> &mut Self {
        if !holds {
            self.fail(words);
        }
        self
    }

    /// The connection must be in this state.
    #[track_caller]
    pub fn expect_state(&mut self, state: State) -> &mut Self {
        let actual = self.state();
        self.check(actual == state, &format!("the state should be {state}; it is {actual}"))
    }

    /// Two values must be equal.
    #[track_caller]
    pub fn expect_eq<T: PartialEq + std::fmt::Debug>(
        &mut self,
        actual: T,
        expected: T,
        what: impl Display,
    ) -> &mut Self {
        let holds = actual == expected;
        self.check(holds, &format!("{what} should be {expected:?}; it is {actual:?}"))
    }

    /// Everything the stack has sent and nobody has looked at, in relative numbers.
    pub fn take_sent(&mut self) -> Vec<Seg> {
        let packets: Vec<_> = self.outbox.drain(..).collect();
        packets.iter().filter_map(|(_, packet)| self.take_note(packet)).collect()
    }

    /// Everything the stack has sent and nobody has looked at, as it is.
    pub fn take_packets(&mut self) -> Vec<Bytes> {
        self.outbox.drain(..).map(|(_, packet)| packet).collect()
    }

    #[track_caller]
    fn look_at(&mut self, packet: &Bytes, expected: &Seg) {
        let Some(seen) = self.take_note(packet) else {
            self.fail(&format!("{expected} should have come; another packet did"));
        };
        let same = seen.flags - Flags::PSH == expected.flags - Flags::PSH
            && expected.seq.is_none_or(|seq| seen.seq == Some(seq))
            && expected.ack.is_none_or(|ack| seen.ack == Some(ack))
            && expected.wnd.is_none_or(|wnd| seen.wnd == Some(wnd))
            && expected.up.is_none_or(|up| seen.up == Some(up))
            && expected.options.is_none_or(|options| seen.options == Some(options))
            && expected.ecn.is_none_or(|ecn| seen.ecn == Some(ecn))
            && expected.text_len() == seen.data.len()
            && (expected.len.is_some() || expected.data == seen.data);
        if !same {
            self.fail(&format!("{expected} should have come; it was {seen}"));
        }
    }

    /// Reads a packet of the stack as the prober's TCP would: its ISS, what to expect next.
    fn take_note(&mut self, packet: &Bytes) -> Option<Seg> {
        let (segment, _) = self.parse(packet)?;
        if segment.has(Flags::SYN) {
            self.conn.iss = Some(segment.seq);
        }
        let (_, seen) = self.relative(packet)?;
        let seq = seen.seq.expect("filled in");
        if seq == self.conn.expected && !seen.flags.contains(Flags::RST) {
            self.conn.expected = seq.wrapping_add(segment.len());
        }
        Some(seen)
    }

    fn relative(&self, packet: &Bytes) -> Option<(Segment, Seg)> {
        let (segment, _) = self.parse(packet)?;
        let acks = segment.has(Flags::ACK);
        let seen = Seg {
            flags: segment.flags,
            seq: Some(segment.seq - self.conn.iss.unwrap_or_default()),
            ack: acks.then(|| segment.ack - self.conn.isn),
            wnd: Some(segment.wnd),
            up: segment.has(Flags::URG).then_some(segment.up),
            data: segment.payload.to_bytes(),
            len: None,
            options: Some(segment.options),
            ecn: Some(segment.ecn),
        };
        Some((segment, seen))
    }

    /// The segment in a packet for the present connection.
    fn parse(&self, packet: &Bytes) -> Option<(Segment, Ports)> {
        let datagram = ip::parse(packet).expect("the stack sends sound packets");
        if datagram.protocol != 6 {
            return None;
        }
        let (ports, segment) = parse(&datagram.payload, datagram.src, datagram.dst)
            .expect("the stack sends sound segments");
        let segment = Segment { ecn: datagram.ecn, ..segment };
        let ours = Ports { src: self.conn.our_port, dst: self.conn.peer_port };
        (ports == ours).then_some((segment, ports))
    }

    /// Prints the ladder and the expectation, and fails.
    #[track_caller]
    pub fn fail(&self, words: &str) -> ! {
        let ladder = self.ladder.render(&Style::default());
        panic!("\n{ladder}\nat {}: {words}\n", self.now);
    }
}

/// Time.
impl Prober {
    /// Lets `delay` pass, from deadline to deadline.
    pub fn advance(&mut self, delay: Duration) -> &mut Self {
        self.run_until(self.now + delay);
        self
    }

    fn run_until(&mut self, end: Instant) {
        let mut idle_wakes = 0;
        while let Some(deadline) = self.stack.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            let before = (self.events.len(), self.outbox.len());
            self.stack.on_timeout(self.now);
            self.settle();
            let idle = before == (self.events.len(), self.outbox.len());
            idle_wakes = if idle { idle_wakes + 1 } else { 0 };
            if idle_wakes > 20 {
                self.fail("a timer fires over and over and nothing comes of it");
            }
        }
        self.now = self.now.max(end);
    }

    /// Takes everything the stack wants to send, and its events.
    pub fn settle(&mut self) -> &mut Self {
        let mut packets = 0;
        while let Some(frame) = self.stack.poll_output(self.now) {
            self.outbox.push_back((self.now, frame.to_bytes()));
            packets += 1;
            assert!(packets < 100_000, "the stack never falls silent");
        }
        for event in self.stack.take_events() {
            self.ladder.record(&event);
            self.events.push(event);
        }
        self.stack.check_invariants();
        self
    }
}

/// The application on the stack's side.
impl Prober {
    /// Active OPEN towards the prober.
    pub fn connect(&mut self) -> &mut Self {
        let remote = SocketAddr::new(PEER, 8000);
        let handle = self.stack.connect(None, remote, self.now).expect("there are ports");
        let local = self.stack.tuple(handle).expect("it exists").local;
        self.conn = Conn { handle: Some(handle), ..Conn::new(local.port(), 8000) };
        self.settle()
    }

    /// Accepts the connection.
    #[track_caller]
    pub fn accept(&mut self) -> &mut Self {
        let listener = self.listener.expect("the test listens");
        let Some(handle) = self.stack.accept(listener) else {
            self.fail("there should have been a connection to accept");
        };
        self.conn.handle = Some(handle);
        self
    }

    pub fn handle(&self) -> Handle {
        self.conn.handle.expect("the test has accepted or connected")
    }

    /// SEND; all of it has to fit.
    #[track_caller]
    pub fn write(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        let octets = octets.as_ref();
        let taken = self.stack.send(self.handle(), octets, self.now);
        self.expect_eq(taken, Ok(octets.len()), "what SEND takes");
        self.settle()
    }

    pub fn try_write(&mut self, octets: &[u8]) -> Result<usize, Error> {
        let result = self.stack.send(self.handle(), octets, self.now);
        self.settle();
        result
    }

    /// RECEIVE of at most `most` octets; nothing yet, the end and errors are as RECEIVE tells them.
    pub fn try_read(&mut self, most: usize) -> Result<Received<Vec<u8>>, Error> {
        let mut buffer = vec![0; most];
        let result = self.stack.receive(self.handle(), &mut buffer, self.now);
        self.settle();
        result.map(|received| match received {
            Received::Data(octets) => Received::Data(buffer[..octets].to_vec()),
            Received::Finished => Received::Finished,
            Received::Pending => Received::Pending,
        })
    }

    /// RECEIVE brings exactly these octets.
    #[track_caller]
    pub fn expect_read(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        let octets = octets.as_ref().to_vec();
        let read = self.try_read(octets.len().max(1));
        self.expect_eq(read, Ok(Received::Data(octets)), "what RECEIVE brings")
    }

    /// RECEIVE says that the peer has closed.
    #[track_caller]
    pub fn expect_end(&mut self) -> &mut Self {
        let read = self.try_read(1);
        self.expect_eq(read, Ok(Received::Finished), "what RECEIVE brings")
    }

    /// CLOSE.
    #[track_caller]
    pub fn close(&mut self) -> &mut Self {
        let result = self.stack.close(self.handle(), self.now);
        self.expect_eq(result, Ok(()), "what CLOSE says");
        self.settle()
    }

    /// ABORT.
    pub fn abort(&mut self) -> &mut Self {
        self.stack.abort(self.handle(), self.now);
        self.settle()
    }

    /// CLOSE, and nobody reads any more.
    pub fn release(&mut self) -> &mut Self {
        self.stack.release(self.handle(), self.now);
        self.settle()
    }

    pub fn set_nodelay(&mut self) -> &mut Self {
        self.stack.set_nodelay(self.handle(), true, self.now);
        self.settle()
    }
}

/// Asking.
impl Prober {
    /// The state of the connection between the two ports, wherever it is kept.
    pub fn state(&self) -> State {
        if let Some(handle) = self.conn.handle
            && self.stack.tuple(handle).is_some()
        {
            return self.stack.state(handle);
        }
        self.status().map_or(State::Closed, |status| status.state)
    }

    /// STATUS of the connection between the two ports.
    pub fn status(&self) -> Option<Status> {
        let (local, remote) =
            (SocketAddr::new(US, self.conn.our_port), SocketAddr::new(PEER, self.conn.peer_port));
        let all = self.stack.statuses(self.now);
        let mut found: Vec<_> =
            all.into_iter().filter(|s| (s.local, s.remote) == (local, remote)).collect();
        found.sort_by_key(|summary| summary.id);
        found.pop().map(|summary| summary.status)
    }

    /// How a connection ended, if not by closing.
    pub fn error(&self) -> Option<Error> {
        self.stack.error(self.handle())
    }

    /// How often something was dropped for this reason.
    pub fn drops(&self, why: DropReason) -> u64 {
        self.stack.drops().get(&why).copied().unwrap_or(0)
    }

    /// The arrows that were taken so far.
    pub fn arrows(&self) -> BTreeSet<Arrow> {
        super::stories::arrows_of(&self.events)
    }

    /// Acknowledges everything that has come.
    pub fn ack_all(&mut self) -> &mut Self {
        self.take_sent();
        self.send(ack())
    }
}
