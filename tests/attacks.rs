//! What an attacker may try, and what comes of it: nothing (docs/attacks.md). SYN cookies are in
//! tests/half_open.rs, `TIME_WAIT` in tests/time_wait.rs, a flood against the kernel's clients in
//! tests/kernel_flood.rs.

#[path = "../benches/crowd/accounts.rs"]
mod accounts;
mod common;

use std::collections::VecDeque;
use std::net::SocketAddr;

use accounts::Account;
use bytes::Bytes;
use common::hosts::{FAMILY, MTU, anywhere, far_host};
use common::*;
use glasstack::seq::Seq;
use glasstack::sim::Random;
use glasstack::stack::{Config, FourTuple, Handle, ListenerId, Secret, Stack};
use glasstack::tcp::Received;
use glasstack::time::Instant;
use glasstack::wire::tcp::{Ports, emit};
use glasstack::wire::{Flags, Options, Segment, Timestamps};

fn random_u32(random: &mut Random) -> u32 {
    u32::try_from(random.below(1 << 32)).expect("32 bits")
}

fn emit_from(ends: &FourTuple, segment: Segment) -> Bytes {
    let ports = Ports { src: ends.local.port(), dst: ends.remote.port() };
    emit(ports, ends.local.ip(), ends.remote.ip(), segment).to_bytes()
}

/// Two stacks, 5 ms apart, and one that does not see what they say but knows their ends and can say
/// anything in the name of either.
struct World {
    now: Instant,
    stacks: [Stack; 2],
    /// What is on its way to each of them.
    wires: [VecDeque<(Instant, Bytes)>; 2],
    sent: [usize; 2],
    handles: [Handle; 2],
}

impl World {
    fn new(timestamps: bool) -> World {
        let stack = |addr, secret| {
            let mut config = Config { addrs: vec![addr], mtu: MTU, ..Config::default() };
            config.tcp.timestamps = timestamps;
            Stack::new(config, Secret([secret; 32]))
        };
        let mut stacks = [stack(PEER, 1), stack(US, 2)];
        let server = SocketAddr::new(US, OUR_PORT);
        let listener = stacks[1].listen(server, 1).expect("it is free");
        let client = stacks[0].connect(None, server, Instant::ZERO).expect("there are ports");
        let wires = [VecDeque::new(), VecDeque::new()];
        let handles = [client, client];
        let mut world = World { now: Instant::ZERO, stacks, wires, sent: [0; 2], handles };
        (0..20).for_each(|_| world.pass_a_millisecond());
        world.handles[1] = world.stacks[1].accept(listener).expect("it stands");
        world
    }

    fn pass_a_millisecond(&mut self) {
        self.now += ms(1);
        for side in 0..2 {
            while self.wires[side].front().is_some_and(|(at, _)| *at <= self.now) {
                let (_, packet) = self.wires[side].pop_front().expect("there is one");
                self.stacks[side].on_packet(&packet, self.now);
            }
            self.stacks[side].on_timeout(self.now);
            self.drain(side);
        }
    }

    fn drain(&mut self, side: usize) {
        while let Some(frame) = self.stacks[side].poll_output(self.now) {
            self.sent[side] += 1;
            self.wires[1 - side].push_back((self.now + ms(5), frame.to_bytes()));
        }
        drop(self.stacks[side].take_ready());
        self.stacks[side].check_invariants();
    }

    /// Something that cannot be told from what the other end may send, but for its numbers.
    fn forge(&mut self, random: &mut Random, timestamps: bool) {
        let to = usize::try_from(random.below(2)).expect("0 or 1");
        let ends = self.stacks[1 - to].tuple(self.handles[1 - to]).expect("it stands");
        let flags = random.pick(&[Flags::RST, Flags::SYN, Flags::ACK | Flags::PSH]);
        let is_data = flags.contains(Flags::PSH);
        let stamp = Timestamps { val: random_u32(random), ecr: random_u32(random) };
        let segment = Segment {
            seq: Seq(random_u32(random)),
            ack: Seq(if is_data { random_u32(random) } else { 0 }),
            flags,
            wnd: 65_535,
            options: Options { timestamps: timestamps.then_some(stamp), ..Options::default() },
            payload: if is_data {
                Bytes::from_static(&[b'!'; 500]).into()
            } else {
                Bytes::new().into()
            },
            ..Segment::default()
        };
        self.stacks[to].on_packet(&emit_from(&ends, segment), self.now);
        self.drain(to);
    }
}

/// 400 octets each way every millisecond for ten seconds, while so many forged segments come. Returns what
/// both have sent in all.
fn talk(timestamps: bool, forged: usize) -> [usize; 2] {
    let mut world = World::new(timestamps);
    let mut random = Random::new(5);
    let (mut written, mut read) = ([0_usize; 2], [0_usize; 2]);
    for millisecond in 0..10_200 {
        for side in 0..2 {
            let (handle, now) = (world.handles[side], world.now);
            if millisecond < 10_000 {
                let data = pattern(u32::try_from(written[side]).unwrap(), 400);
                written[side] += world.stacks[side].send(handle, &data, now).expect("it stands");
            }
            let mut buffer = [0; 4000];
            if let Received::Data(octets) =
                world.stacks[side].receive(handle, &mut buffer, now).expect("it stands")
            {
                let expected = pattern(u32::try_from(read[side]).unwrap(), octets);
                assert_eq!(buffer[..octets], expected, "what arrives is what was sent");
                read[side] += octets;
            }
        }
        world.pass_a_millisecond();
        if millisecond < 10_000 {
            for _ in 0..forged / 10_000 {
                world.forge(&mut random, timestamps);
            }
        }
    }
    assert_eq!((written, read), ([4_000_000; 2], [4_000_000; 2]), "all of it arrives");
    for side in 0..2 {
        assert_eq!(world.stacks[side].state(world.handles[side]), State::Established);
    }
    world.sent
}

/// RFC 5961: whoever knows the four-tuple and not the numbers disturbs nothing, and is hardly answered.
#[test]
fn a_hundred_thousand_blind_guesses_disturb_nothing() {
    for timestamps in [true, false] {
        let (peace, war) = (talk(timestamps, 0), talk(timestamps, 100_000));
        for side in 0..2 {
            let more = war[side].saturating_sub(peace[side]);
            println!(
                "over {FAMILY}, timestamps {timestamps}, 100,000 guesses: {} segments sent in peace, \
                 {more} more",
                peace[side]
            );
            // Ten challenges a second, and what seems to have come before.
            assert!(more <= 11 * 10 + 50, "{more} answers");
        }
    }
}

/// RFC 5961 7, CVE-2016-5696: a limit that all connections share would tell each of them of the others.
#[test]
fn challenges_of_one_connection_tell_nothing_of_another() {
    let mut p = Prober::new();
    p.on_port(1).reach(State::Established);
    let first = p.conn;
    p.on_port(2).reach(State::Established);
    for _ in 0..50 {
        p.send(rst().seq(10));
    }
    p.expect_segments(10);
    p.conn = first;
    for _ in 0..50 {
        p.send(rst().seq(10));
    }
    p.expect_segments(10);
}

#[test]
fn data_from_where_nothing_was_sent_is_hardly_answered_and_what_came_before_is() {
    let mut p = Prober::in_state(State::Established);
    for nth in 0..100 {
        p.send(data(b"guess").seq(0x4000_0000 + nth * 0x0100_0000));
    }
    p.expect_segments(10);
    p.send(data(b"abc")).expect_after(ms(40), ack().ack(4)).expect_read(b"abc");
    for _ in 0..100 {
        p.send(data(b"abc").seq(1)).expect(ack().ack(4));
    }
}

/// Many that leave gaps on purpose: what all hold together has a bound, and whoever comes then gets on.
#[test]
fn what_is_held_out_of_order_has_a_bound_for_all_together() {
    const MOST: usize = 2 << 20;
    let mut p = Prober::with(|config| config.max_out_of_order = MOST);
    let listener = p.stack.listen(SocketAddr::new(US, 81), 100).expect("it is free");
    p.listener = Some(listener);
    for port in 1..=60 {
        p.on_port(port).conn.our_port = 81;
        p.reach(State::Established);
        for nth in 0..40 {
            p.send(octets(1400).seq(2000 + nth * 1400));
        }
        p.take_sent();
        let held: usize = p.stack.statuses(p.now).iter().map(|one| one.status.out_of_order).sum();
        assert!(held <= MOST, "{held} octets");
    }
    let held: usize = p.stack.statuses(p.now).iter().map(|one| one.status.out_of_order).sum();
    println!(
        "over {FAMILY}, 60 connections that hold what they can: {held} octets, of at most {MOST}"
    );
    assert!(held > MOST / 2 && p.drops(DropReason::NoRoom) > 0);
    // In order everything goes on, and what was dropped can come again.
    for nth in 0..20 {
        p.send(octets(1400).seq(1 + nth * 1400)).expect_read(pattern(1 + nth * 1400, 1400));
    }
    // A connection that goes gives back what it held.
    let before = held;
    for port in 1..=60 {
        p.conn.peer_port = port;
        p.send(rst().seq(1));
    }
    p.stack.unlisten(listener, p.now);
    p.settle();
    let held: usize = p.stack.statuses(p.now).iter().map(|one| one.status.out_of_order).sum();
    assert!(held < before / 4, "{held} of {before} octets are left");
}

/// Many that send what nobody reads yet: what their queues hold together has a bound, and whoever is read
/// gets on.
#[test]
fn what_nobody_reads_has_a_bound_for_all_together() {
    const MOST: usize = 1 << 20;
    /// What a queue may have when nothing is left, and a segment.
    const LEAST: usize = (16 << 10) + 1400;
    let mut p = Prober::with(|config| config.max_queued = MOST);
    let listener = p.stack.listen(SocketAddr::new(US, 81), 100).expect("it is free");
    p.listener = Some(listener);
    let queued = |p: &Prober| -> usize {
        let all = p.stack.statuses(p.now);
        all.iter().map(|one| one.status.receive_queue + one.status.send_queue).sum()
    };
    let mut conns = Vec::new();
    for port in 1..=60 {
        p.on_port(port).conn.our_port = 81;
        p.reach(State::Established);
        conns.push(p.conn);
    }
    let mut last = 0;
    for conn in conns {
        p.conn = conn;
        let before = queued(&p);
        // All that was offered when nobody had sent anything yet.
        for nth in 0..46 {
            p.send(octets(1400).seq(1 + nth * 1400));
        }
        p.take_sent();
        last = queued(&p) - before;
        p.stack.check_invariants();
    }
    let held = queued(&p);
    println!("over {FAMILY}, 60 connections that nobody reads: {held} octets, of at most {MOST}");
    assert!(held <= MOST + 60 * LEAST && held > MOST / 2, "{held} octets");
    assert!(last <= LEAST && p.drops(DropReason::NoRoom) > 0, "{last} octets on the last one");
    // The last one is read, and goes on: what was dropped comes again.
    let next = u32::try_from(last).expect("few");
    p.expect_read(pattern(1, last));
    p.send(octets(1400).seq(1 + next)).expect_read(pattern(1 + next, 1400));
    // What goes gives back what it held.
    for port in 1..=60 {
        p.conn.peer_port = port;
        p.send(rst().seq(1 + next));
    }
    p.stack.unlisten(listener, p.now);
    p.settle();
    p.stack.check_invariants();
}

/// What comes in is not left any more, and that was reckoned with.
#[test]
fn what_was_offered_is_taken_though_little_is_left() {
    let mut p = Prober::with(|config| config.max_queued = 256 << 10);
    p.reach(State::Established);
    let mut octets_sent = 0;
    while p.status().expect("it is there").receive_window >= 1000 {
        p.send(octets(1000).seq(1 + octets_sent));
        octets_sent += 1000;
    }
    let drops = p.drops(DropReason::NoRoom);
    p.check(octets_sent > 20_000 && drops == 0, "all of a window of some length was taken");
    p.expect_read(pattern(1, octets_sent as usize));
}

/// Half of what is left is less than a segment then.
#[test]
fn where_nothing_is_left_windows_open_again_for_long_segments_too() {
    let mut p = Prober::with(|config| (config.max_queued, config.mtu) = (0, 65_535));
    p.reach(State::Established);
    for nth in 0..20 {
        let seq = 1 + nth * 8000;
        p.send(octets(8000).seq(seq)).expect_read(pattern(seq, 8000));
    }
}

/// A server under a flood of SYNs from anywhere, and honest clients that do what clients do.
struct Flood {
    now: Instant,
    server: Stack,
    listener: ListenerId,
    account: Account,
    random: Random,
    peak: usize,
}

impl Flood {
    const BACKLOG: usize = 1024;

    fn new() -> Flood {
        let mut account = Account::open();
        let (server, listener) = account.book(|| {
            let config = Config { addrs: vec![US], mtu: MTU, ..Config::default() };
            let mut server = Stack::new(config, Secret([2; 32]));
            let listener = server.listen(SocketAddr::new(US, OUR_PORT), Self::BACKLOG);
            (server, listener.expect("it is free"))
        });
        let random = Random::new(1);
        Flood { now: Instant::ZERO, server, listener, account, random, peak: 0 }
    }

    /// A round of a driver: a batch of SYNs, and what the server answers, which nobody sees.
    fn round(&mut self) {
        self.now += ms(1);
        let (now, server) = (self.now, &mut self.server);
        let options = all_options(0);
        for _ in 0..64 {
            let addr = anywhere(random_u32(&mut self.random));
            let port = 1024 + u16::try_from(self.random.below(60_000)).expect("a port");
            let from = SocketAddr::new(addr, port);
            let ends = FourTuple { local: from, remote: SocketAddr::new(US, OUR_PORT) };
            let seq = Seq(random_u32(&mut self.random));
            let syn =
                Segment { seq, flags: Flags::SYN, wnd: 65_535, options, ..Segment::default() };
            let packet = emit_from(&ends, syn);
            self.account.book(|| server.on_packet(&packet, now));
        }
        self.account.book(|| server.on_timeout(now));
        while self.account.book(|| server.poll_output(now)).is_some() {}
        drop(self.account.book(|| server.take_ready()));
        self.peak = self.peak.max(self.account.live());
    }

    /// An honest client: its SYN, its acknowledgment with a request, and a page for it.
    fn fetch(&mut self, nth: u8) {
        let config = Config { addrs: vec![far_host(nth)], mtu: MTU, ..Config::default() };
        let mut client = Stack::new(config, Secret([nth; 32]));
        let ours = client.connect(None, SocketAddr::new(US, OUR_PORT), self.now).expect("a port");
        let mut theirs = None;
        for _ in 0..4 {
            let (now, server) = (self.now, &mut self.server);
            while let Some(frame) = client.poll_output(now) {
                let packet = frame.to_bytes();
                self.account.book(|| server.on_packet(&packet, now));
            }
            let _ = client.send(ours, b"", now);
            if client.state(ours) == State::Established && theirs.is_none() {
                theirs = self.account.book(|| server.accept(self.listener));
                let handle = theirs.expect("it has got through");
                let sent = self.account.book(|| server.send(handle, b"a page", now));
                sent.expect("it stands");
            }
            while let Some(frame) = self.account.book(|| server.poll_output(now)) {
                client.on_packet(&frame.to_bytes(), now);
            }
        }
        let mut page = [0; 10];
        assert_eq!(client.receive(ours, &mut page, self.now), Ok(Received::Data(6)), "{nth}");
        let (now, server) = (self.now, &mut self.server);
        self.account.book(|| server.release(theirs.expect("it was accepted"), now));
        while let Some(frame) = self.account.book(|| server.poll_output(now)) {
            client.on_packet(&frame.to_bytes(), now);
        }
        client.release(ours, now);
        while let Some(frame) = client.poll_output(now) {
            let packet = frame.to_bytes();
            self.account.book(|| server.on_packet(&packet, now));
        }
        while self.account.book(|| server.poll_output(now)).is_some() {}
    }
}

#[test]
fn a_flood_of_syns_takes_little_and_keeps_nobody_out() {
    accounts::begin();
    let mut flood = Flood::new();
    let before = flood.account.live();
    // The queue fills, and what is in it has to be answered again and again.
    (0..1_720).for_each(|nth| {
        flood.round();
        if nth >= 120 && nth % 16 == 8 {
            flood.fetch(u8::try_from((nth - 120) / 16).expect("100 of them"));
        }
    });
    let half_open = flood.server.states().filter(|(_, state)| *state == State::SynReceived);
    assert_eq!(half_open.count(), Flood::BACKLOG);
    let (peak, counters) = (flood.peak - before, flood.server.counters());
    println!(
        "over {FAMILY}, 110,080 SYNs and 100 pages: at most {peak} octets, {} for each of {} half-open connections; {} \
         cookies sent, {} accepted",
        (flood.account.live() - before) / Flood::BACKLOG,
        Flood::BACKLOG,
        counters.syn_cookies_sent,
        counters.syn_cookies_accepted
    );
    assert!(peak <= 512 * 1024, "{peak} octets");
    assert!(counters.syn_cookies_accepted >= 95 && counters.syn_cookies_sent >= 101_000);
    // All at once their timers run out: they are acted on one by one.
    flood.now += secs(2);
    let (now, server) = (flood.now, &mut flood.server);
    flood.account.book(|| server.on_timeout(now));
    let mut answers = 0;
    while flood.account.book(|| server.poll_output(now)).is_some() {
        answers += 1;
        flood.peak = flood.peak.max(flood.account.live());
    }
    println!("over {FAMILY}, {answers} answers sent again: at most {} octets", flood.peak - before);
    assert!(answers >= Flood::BACKLOG && flood.peak - before <= 512 * 1024);
}
