//! The virtual network itself: it keeps its promises about time, chance and ends.

mod support;

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use glasstack::engine::{Engine, Smoltcp, SmoltcpConfig};
use glasstack::sim::{
    App, Asker, Echo, Ended, Fate, HostId, Pattern, Plan, Queue, Replier, Socket, Step, Transfer,
    Wire, World,
};
use glasstack::stack::{Config, FourTuple, Ready, Secret, Stack};
use glasstack::tcp::{EcnMode, Received};
use glasstack::time::Instant;
use glasstack::wire::{Flags, Segment};

use support::{CLIENT, HOSTS, PORT, SERVER, packet, parse};

const AN_HOUR: Duration = Duration::from_hours(1);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn ours(addr: IpAddr) -> Box<dyn Engine> {
    let config = Config { addrs: vec![addr], ..Config::default() };
    Box::new(Stack::new(config, Secret([7; 32])))
}

fn smoltcp(addr: IpAddr) -> Box<dyn Engine> {
    Box::new(Smoltcp::new(SmoltcpConfig { addrs: vec![addr], ..SmoltcpConfig::default() }))
}

fn server() -> SocketAddr {
    SocketAddr::new(SERVER, PORT)
}

/// Two hosts of ours, the same wire both ways.
fn world(seed: u64, wire: Wire) -> (World, HostId, HostId) {
    let mut world = World::new(seed);
    let client = world.add_host("client", CLIENT, ours(CLIENT));
    let server = world.add_host("server", SERVER, ours(SERVER));
    world.link(client, server, wire.clone(), wire);
    (world, client, server)
}

fn listen(world: &mut World, host: HostId, make: impl Fn() -> Box<dyn App> + 'static) {
    world.listen(host, server(), 64, make).expect("nothing else listens there");
}

fn upload(octets: u64) -> (Plan, Plan) {
    let there = Plan { octets, send: Pattern(1), ..Plan::default() };
    let back = Plan { expected: octets, expect: Pattern(1), ..Plan::default() };
    (there, back)
}

#[test]
fn a_minute_of_traffic_takes_a_minute_of_virtual_time() {
    // 10 Mbit/s for a minute are 75 MB; a packet of 1,500 octets carries 1,448.
    let queue = Queue::Octets(100_000);
    let wire = Wire { rate: Some(10_000_000), delay: ms(10), queue, ..Wire::default() };
    let (mut world, client, server) = world(1, wire);
    let (there, back) = upload(72_400_000);
    listen(&mut world, server, move || Box::new(Transfer::new(back.clone())));
    world.connect(client, self::server(), Box::new(Transfer::new(there))).expect("a free port");
    assert_eq!(world.run(AN_HOUR), Ended::Quiet);
    let transfer = world.apps(server).find_map(|app| app.get::<Transfer>()).expect("accepted");
    assert!(transfer.is_complete(), "{transfer:?}");
    let took = transfer.last_read() - Instant::ZERO;
    assert!((ms(60_000)..ms(66_000)).contains(&took), "it took {took:?}");
}

#[test]
fn the_same_seed_gives_the_same_packets() {
    let run = |seed| {
        let (reorder, reorder_delay) = (0.1, ms(5));
        let (loss, duplicate, corrupt) = (0.1, 0.1, 0.1);
        let delay = ms(20);
        let wire =
            Wire { delay, loss, reorder, reorder_delay, duplicate, corrupt, ..Wire::default() };
        let (mut world, client, server) = world(seed, wire);
        let seen: Rc<RefCell<Vec<(Instant, Bytes, Fate)>>> = Rc::default();
        let log = seen.clone();
        world.observe(move |one| log.borrow_mut().push((one.at, one.packet.clone(), one.fate)));
        let (there, back) = upload(200_000);
        listen(&mut world, server, move || Box::new(Transfer::new(back.clone())));
        world.connect(client, self::server(), Box::new(Transfer::new(there))).expect("a port");
        assert_eq!(world.run(AN_HOUR), Ended::Quiet);
        seen.take()
    };
    let first = run(1);
    assert!(first.len() > 200 && first == run(1), "{} packets", first.len());
    assert!(first != run(2), "another seed, another run");
}

/// A queue that marks says early that it is filling: a sender that listens loses nothing.
#[test]
fn marks_slow_a_sender_down_before_anything_is_lost() {
    let run = |ecn, mark_above, hosts: [IpAddr; 2]| {
        let host = |addr| -> Box<dyn Engine> {
            let mut config = Config { addrs: vec![addr], ..Config::default() };
            config.tcp.ecn = ecn;
            Box::new(Stack::new(config, Secret([7; 32])))
        };
        let mut world = World::new(1);
        let client = world.add_host("client", hosts[0], host(hosts[0]));
        let server = world.add_host("server", hosts[1], host(hosts[1]));
        let queue = Queue::Octets(100_000);
        let (rate, delay) = (Some(10_000_000), ms(10));
        let wire = Wire { rate, delay, queue, mark_above, ..Wire::default() };
        world.link(client, server, wire.clone(), wire);
        let seen: Rc<RefCell<(u32, u32)>> = Rc::default();
        let counts = seen.clone();
        world.observe(move |one| {
            let (dropped, marked) = &mut *counts.borrow_mut();
            *dropped += u32::from(one.fate == Fate::QueueFull);
            *marked += u32::from(matches!(one.fate, Fate::Carried { marked: true, .. }));
        });
        let (there, back) = upload(10_000_000);
        let make = move || -> Box<dyn App> { Box::new(Transfer::new(back.clone())) };
        let addr = SocketAddr::new(hosts[1], PORT);
        world.listen(server, addr, 1, make).expect("a fresh stack");
        world.connect(client, addr, Box::new(Transfer::new(there))).expect("a port");
        assert_eq!(world.run(AN_HOUR), Ended::Quiet);
        let transfer = world.apps(server).find_map(|app| app.get::<Transfer>()).expect("accepted");
        assert!(transfer.is_complete(), "{transfer:?}");
        (seen.take(), transfer.last_read() - Instant::ZERO)
    };
    for hosts in HOSTS {
        let ((dropped, marked), _) = run(EcnMode::Off, Some(30_000), hosts);
        assert!(dropped > 0 && marked == 0, "{dropped} dropped, {marked} marked without ECN");
        let ((dropped, marked), took) = run(EcnMode::On, Some(30_000), hosts);
        assert!(dropped == 0 && marked > 0, "{dropped} dropped, {marked} marked with ECN");
        // 8 s at best.
        assert!(took < ms(9_500), "it took {took:?}");
    }
}

#[test]
fn an_answer_takes_a_round_trip() {
    let (mut world, client, server) = world(1, Wire { delay: ms(25), ..Wire::default() });
    listen(&mut world, server, || Box::new(Replier::new(100, 1_000)));
    let asker = Asker::new(20, 100, 1_000, ms(5));
    world.connect(client, self::server(), Box::new(asker)).expect("a free port");
    assert_eq!(world.run(AN_HOUR), Ended::Quiet);
    let asker = world.apps(client).find_map(|app| app.get::<Asker>()).expect("it was started");
    assert_eq!((asker.times(), asker.error()), (&[ms(50); 20][..], None));
}

#[test]
fn an_echo_comes_back_whole_from_either_engine() {
    for make in [ours, smoltcp] {
        let mut world = World::new(3);
        let client = world.add_host("client", CLIENT, ours(CLIENT));
        let server = world.add_host("server", SERVER, make(SERVER));
        let wire = Wire { delay: ms(5), loss: 0.02, ..Wire::default() };
        world.link(client, server, wire.clone(), wire);
        listen(&mut world, server, || Box::new(Echo::default()));
        let (octets, pattern) = (300_000, Pattern(9));
        let plan =
            Plan { octets, send: pattern, expected: octets, expect: pattern, ..Plan::default() };
        for nth in 0..20 {
            let at = Instant::ZERO + ms(nth);
            world.connect_at(at, client, self::server(), Box::new(Transfer::new(plan.clone())));
        }
        assert_eq!(world.run(AN_HOUR), Ended::Quiet);
        let transfers: Vec<_> =
            world.apps(client).filter_map(|app| app.get::<Transfer>()).collect();
        assert_eq!(transfers.len(), 20);
        assert!(transfers.iter().all(|transfer| transfer.is_complete()), "{transfers:#?}");
        assert!(
            world.engine(client).states().is_empty() && world.engine(server).states().is_empty()
        );
    }
}

/// A queue that is full of half-open connections is not full for ever.
#[test]
fn smoltcp_gives_up_handshakes_that_nobody_ends() {
    let mut engine = smoltcp(SERVER);
    engine.listen(server(), 2).expect("nothing else listens there");
    let mut answer_to = |port, now| {
        let tuple = FourTuple { local: SocketAddr::new(CLIENT, port), remote: server() };
        let syn = Segment { flags: Flags::SYN, ..Segment::default() };
        engine.on_timeout(now);
        while engine.poll_output(now).is_some() {}
        engine.on_packet(&packet(tuple, syn), now);
        let answer = engine.poll_output(now).expect("a SYN is answered").to_bytes();
        parse(&answer).expect("it is TCP").1.flags
    };
    for port in [1001, 1002] {
        assert_eq!(answer_to(port, Instant::from_millis(0)), Flags::SYN | Flags::ACK);
    }
    assert!(answer_to(1003, Instant::from_millis(1_000)).contains(Flags::RST), "it is full");
    assert_eq!(answer_to(1005, Instant::from_millis(26_000)), Flags::SYN | Flags::ACK);
}

#[test]
fn a_limit_of_time_can_be_gone_beyond() {
    let (mut world, client, server) = world(1, Wire { delay: ms(25), ..Wire::default() });
    listen(&mut world, server, || Box::new(Echo::default()));
    let asker = Asker::new(2, 1, 1, ms(10_000));
    world.connect(client, self::server(), Box::new(asker)).expect("a free port");
    assert_eq!(world.run(ms(1_000)), Ended::TimeLimit);
    assert_eq!(world.now(), Instant::from_millis(1_000));
    assert_eq!(world.run(AN_HOUR), Ended::Quiet);
    // 10 s of pause and 60 s of TIME_WAIT.
    assert!(world.now() > Instant::from_millis(70_000), "{}", world.now());
}

/// Wants to be woken at once, for ever.
struct Restless;

impl App for Restless {
    fn on_ready(&mut self, socket: &mut Socket<'_>) -> Step {
        Step::WakeAt(socket.now())
    }
}

#[test]
fn time_that_stands_still_is_noticed() {
    let (mut world, client, _) = world(1, Wire::default());
    world.connect(client, server(), Box::new(Restless)).expect("a free port");
    let ended = world.run(AN_HOUR);
    assert!(matches!(ended, Ended::Stuck { host, .. } if host == client), "{ended:?}");
}

/// As much comes as was taken: that is news all the same, or who waits for it would wait for ever.
#[test]
fn what_comes_after_a_call_is_told_even_if_as_much_was_taken() {
    for make in [ours, smoltcp] {
        let (mut client, mut theirs) = (ours(CLIENT), make(SERVER));
        let now = Instant::from_millis(1);
        let pass = |from: &mut Box<dyn Engine>, to: &mut Box<dyn Engine>| {
            from.on_timeout(now);
            while let Some(frame) = from.poll_output(now) {
                to.on_packet(&frame.to_bytes(), now);
            }
        };
        let listener = theirs.listen(server(), 8).expect("nothing listens");
        let handle = client.connect(None, server(), now).expect("a free port");
        client.set_nodelay(handle, true, now);
        for _ in 0..2 {
            pass(&mut client, &mut theirs);
            pass(&mut theirs, &mut client);
        }
        let accepted = theirs.accept(listener).expect("the handshake is over");
        let _ = theirs.take_ready();
        for _ in 0..3 {
            client.send(handle, &[7; 100], now).expect("it is open");
            pass(&mut client, &mut theirs);
            // The other side says nothing before the next ones come.
            let is_told = theirs.take_ready().contains(&Ready::Connection(accepted));
            assert!(is_told, "100 octets have come");
            let read = theirs.receive_bytes(accepted, 1000, now).expect("they are there");
            assert!(matches!(read, Received::Data(data) if data.len() == 100));
        }
    }
}

#[test]
fn hosts_that_share_a_wire_share_its_queue() {
    let mut world = World::new(1);
    let addrs = [[192, 0, 2, 1], [192, 0, 2, 3]].map(std::net::IpAddr::from);
    let clients = addrs.map(|addr| world.add_host("client", addr, ours(addr)));
    let receiver = world.add_host("server", SERVER, ours(SERVER));
    let wire = Wire { rate: Some(1_000_000), delay: ms(10), ..Wire::default() };
    world.join(&clients, &[receiver], wire.clone(), wire);
    let (there, back) = upload(50_000);
    listen(&mut world, receiver, move || Box::new(Transfer::new(back.clone())));
    for client in clients {
        world.connect(client, server(), Box::new(Transfer::new(there.clone()))).expect("a port");
    }
    assert_eq!(world.run(ms(200)), Ended::TimeLimit);
    let queue = world.queued(clients[0], receiver);
    assert!(queue > 10_000 && queue == world.queued(clients[1], receiver), "{queue}");
    // 100,000 octets at a megabit in a second, and each host gets its own acknowledgments.
    world.run(AN_HOUR);
    let last = world.apps(receiver).map(|app| app.get::<Transfer>().expect("a transfer"));
    let last: Vec<_> = last.map(|app| (app.is_complete(), app.last_read())).collect();
    assert_eq!(last.len(), 2);
    for (is_complete, at) in last {
        assert!(is_complete && at > Instant::from_millis(700), "{at}");
    }
}
