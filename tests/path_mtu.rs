//! The path MTU: two stacks with a router between them that carries less than their links do, and tells so
//! (RFC 1191), or does not (RFC 4821, RFC 8899). In virtual time.

#[path = "common/icmp.rs"]
#[allow(dead_code, reason = "other tests use other parts")]
mod icmp;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use glasstack::error::Error;
use glasstack::stack::{Config, Handle, Input, Journal, ListenerId, Secret, Stack, checksum};
use glasstack::tcp::{self, MtuProbing, MtuSource, Received, State, Status, Timer};
use glasstack::time::Instant;
use glasstack::trace::{
    Event, Mask, PathMtuChange, ProbeFate, RecoveryChange, Retransmission, TimerChange, What,
};
use glasstack::wire::{Features, Packet};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 80);
const CLIENT_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
const SERVER_V6: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)), 80);
/// From either end to the router.
const HALF_WAY: Duration = Duration::from_millis(5);
const MINUTE: Duration = Duration::from_mins(1);

/// What the router does with packets that are too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Router {
    /// It tells the length that it carries.
    Tells,
    /// It tells that a packet was too long, and not how long it may be.
    TellsNothingMore,
    /// It drops them.
    Silent,
    /// It drops them, and says that it carries what it has dropped.
    Contradicts,
}

/// Two stacks and the router: the client sends, the server reads.
struct Net {
    now: Instant,
    client: Stack,
    server: Stack,
    server_addr: SocketAddr,
    listener: ListenerId,
    mtu: usize,
    router: Router,
    /// Nothing gets through before this.
    down_until: Instant,
    /// Packets and the side they go to, by when they arrive.
    under_way: BTreeMap<(Instant, u64), (Side, Packet)>,
    order: u64,
    events: Vec<Event>,
    /// The longest packet of the client that got through, and how many did not.
    longest: usize,
    dropped: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

impl Net {
    fn new(mtu: usize, router: Router) -> Net {
        Net::with(mtu, router, |_| {})
    }

    fn with(mtu: usize, router: Router, configure: impl Fn(&mut Config)) -> Net {
        Net::between(CLIENT, SERVER, (mtu, router), configure)
    }

    fn over_ipv6(mtu: usize, router: Router) -> Net {
        Net::between(CLIENT_V6, SERVER_V6, (mtu, router), |_| {})
    }

    fn between(
        client_addr: IpAddr,
        server_addr: SocketAddr,
        (mtu, router): (usize, Router),
        configure: impl Fn(&mut Config),
    ) -> Net {
        let stack = |addr| {
            let mut config = Config {
                addrs: vec![addr],
                events: Mask::all() - Mask::PACKETS,
                ..Config::default()
            };
            configure(&mut config);
            Stack::new(config, Secret([7; 32]))
        };
        let mut server = stack(server_addr.ip());
        let listener = server.listen(server_addr, 16).expect("it is free");
        Net {
            now: Instant::from_millis(1_000),
            client: stack(client_addr),
            server,
            server_addr,
            listener,
            mtu,
            router,
            down_until: Instant::ZERO,
            under_way: BTreeMap::new(),
            order: 0,
            events: Vec::new(),
            longest: 0,
            dropped: 0,
        }
    }

    /// A connection, as the client and the server hold it.
    fn connect(&mut self) -> (Handle, Handle) {
        let client =
            self.client.connect(None, self.server_addr, self.now).expect("there are ports");
        self.run_while(MINUTE, |net| net.server.waiting_to_be_accepted(net.listener) == 0);
        (client, self.server.accept(self.listener).expect("it has come"))
    }

    /// Sends `octets`; says how long it took until the server had read them all.
    #[track_caller]
    fn transfer(&mut self, (client, server): (Handle, Handle), octets: usize) -> Duration {
        let data: Bytes = (0..=250_u8).cycle().take(octets).collect();
        let (began, mut read) = (self.now, Vec::new());
        let mut unsent = data.clone();
        self.run_while(10 * MINUTE, |net| {
            if let Ok(taken) = net.client.send(client, &unsent, net.now) {
                unsent = unsent.slice(taken..);
            }
            while let Ok(Received::Data(octets)) =
                net.server.receive_bytes(server, 1 << 20, net.now)
            {
                read.extend_from_slice(&octets);
            }
            read.len() < data.len()
        });
        assert_eq!(read.len(), octets, "not all came through in ten minutes");
        assert!(read == data, "what came through is something else");
        self.now.since(began)
    }

    /// From event to event, while `goes_on` says so and for so long at most.
    fn run_while(&mut self, most: Duration, mut goes_on: impl FnMut(&mut Net) -> bool) {
        let end = self.now + most;
        while goes_on(self) {
            self.drain();
            let arrival = self.under_way.keys().next().map(|(at, _)| *at);
            let timers = [self.client.next_deadline(), self.server.next_deadline()];
            let next = timers.into_iter().flatten().chain(arrival).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            while let Some(entry) = self.under_way.first_entry()
                && entry.key().0 <= self.now
            {
                let (side, packet) = entry.remove();
                self.stack(side).on_device_packet(&packet, next);
            }
            let now = self.now;
            self.client.on_timeout(now);
            self.server.on_timeout(now);
            self.client.check_invariants();
            self.server.check_invariants();
        }
        self.drain();
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        self.run_while(time, |_| true);
        self.now = end;
    }

    fn stack(&mut self, side: Side) -> &mut Stack {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// What both have to say goes on its way, as far as the router lets it.
    fn drain(&mut self) {
        for side in [Side::Client, Side::Server] {
            let now = self.now;
            while let Some(frame) = self.stack(side).poll_output(now) {
                let segment_size = frame.offload.segment_size;
                let octets = frame.to_bytes();
                let headers = octets.len() - frame.payload.len();
                let longest = match usize::from(segment_size) {
                    0 => octets.len(),
                    size => headers + size.min(frame.payload.len()),
                };
                let packet = Packet { octets, is_verified: segment_size > 0, segment_size };
                self.route(side, packet, longest);
            }
        }
        self.events.extend(self.client.take_events());
        self.server.take_events();
    }

    fn route(&mut self, from: Side, packet: Packet, longest: usize) {
        let to = if from == Side::Client { Side::Server } else { Side::Client };
        if self.now < self.down_until {
            return;
        }
        if longest <= self.mtu {
            if from == Side::Client {
                self.longest = self.longest.max(longest);
            }
            return self.arrive(to, packet, 2 * HALF_WAY);
        }
        self.dropped += 1;
        let told = match self.router {
            Router::Tells => u16::try_from(self.mtu).expect("it is short"),
            Router::TellsNothingMore => 0,
            Router::Silent => return,
            Router::Contradicts => u16::try_from(longest).expect("it is short"),
        };
        let error = if self.server_addr.is_ipv6() {
            icmp::packet_too_big(&packet.octets, told.into())
        } else {
            icmp::error_about(&packet.octets, icmp::TOO_BIG, told)
        };
        self.arrive(from, error.into(), 2 * HALF_WAY);
    }

    fn arrive(&mut self, side: Side, packet: Packet, after: Duration) {
        self.order += 1;
        self.under_way.insert((self.now + after, self.order), (side, packet));
    }
}

/// What is known at the end.
impl Net {
    fn status(&self, handle: Handle) -> Status {
        self.client.status(handle, self.now).expect("it exists").status
    }

    fn count(&self, is_it: impl Fn(&What) -> bool) -> usize {
        self.events.iter().filter(|event| is_it(&event.what)).count()
    }

    fn timeouts(&self) -> usize {
        self.count(|what| {
            let (timer, change) = (Timer::Retransmission, TimerChange::Fired);
            *what == What::Timer { timer, change }
        })
    }

    /// How often congestion control was told of a loss.
    fn slowed_down(&self) -> usize {
        self.count(|what| match what {
            What::Recovery { change, .. } => {
                matches!(change, RecoveryChange::Fast | RecoveryChange::Timeout)
            }
            _ => false,
        })
    }

    fn changes(&self) -> Vec<(u32, PathMtuChange)> {
        let change = |event: &Event| match event.what {
            What::PathMtu { mtu, change } => Some((mtu, change)),
            _ => None,
        };
        self.events.iter().filter_map(change).collect()
    }

    fn probes(&self, fate: ProbeFate) -> usize {
        self.count(|what| matches!(what, What::MtuProbe { fate: seen, .. } if *seen == fate))
    }
}

fn with_probing(when: MtuProbing) -> impl Fn(&mut Config) {
    move |config| config.tcp.path_mtu_probing = when
}

fn with_offload(config: &mut Config) {
    config.features = Features { checksum: false, segmentation: true };
}

#[test]
fn where_the_router_tells_nothing_is_waited_for() {
    for offload in [false, true] {
        let mut net = Net::with(1_300, Router::Tells, |config| {
            if offload {
                with_offload(config);
            }
        });
        let pair = net.connect();
        let took = net.transfer(pair, 1_000_000);
        assert_eq!(net.changes(), [(1_300, PathMtuChange::Told)], "offload: {offload}");
        assert_eq!((net.timeouts(), net.slowed_down()), (0, 0), "offload: {offload}");
        assert!(net.dropped <= 10, "{} packets, the initial window", net.dropped);
        assert!(took < Duration::from_millis(500), "{took:?}");
        let path = net.status(pair.0).path;
        assert_eq!((path.mtu, path.mtu_source), (1_300, MtuSource::Told));
        assert_eq!(net.longest, 1_300, "and no shorter than they may be");
    }
}

/// RFC 8201
#[test]
fn over_ipv6_the_router_is_believed_and_where_it_is_silent_found_out() {
    let mut net = Net::over_ipv6(1_300, Router::Tells);
    let pair = net.connect();
    net.transfer(pair, 1_000_000);
    assert_eq!(net.changes(), [(1_300, PathMtuChange::Told)]);
    assert_eq!((net.timeouts(), net.slowed_down(), net.longest), (0, 0, 1_300));
    let mut net = Net::over_ipv6(1_400, Router::Silent);
    let pair = net.connect();
    net.transfer(pair, 4_000_000);
    assert_eq!(net.changes()[0], (1_280, PathMtuChange::BlackHole), "what every link carries");
    let path = net.status(pair.0).path;
    assert!((1_393..=1_400).contains(&path.mtu), "{path:?}");
}

/// RFC 8201 4: whoever says that an IPv6 link carries less than 1,280 octets is not believed so far.
#[test]
fn over_ipv6_nobody_gets_us_below_1280() {
    let mut net = Net::over_ipv6(1_279, Router::Tells);
    let (client, _) = net.connect();
    net.client.send(client, &vec![7; 100_000], net.now).expect("it stands");
    net.wait(Duration::from_secs(10));
    assert_eq!(net.status(client).path.mtu, 1_280);
    assert!(net.timeouts() > 0, "nothing of that length gets through");
}

#[test]
fn where_it_does_not_say_how_much_it_carries_the_common_sizes_are_tried() {
    let mut net = Net::new(1_300, Router::TellsNothingMore);
    let pair = net.connect();
    net.transfer(pair, 300_000);
    let told = PathMtuChange::Told;
    assert_eq!(net.changes(), [(1_492, told), (1_006, told)]);
    assert_eq!((net.timeouts(), net.slowed_down()), (0, 0));
}

#[test]
fn where_it_is_silent_it_takes_two_timeouts_and_a_search() {
    for offload in [false, true] {
        let mut net = Net::with(1_300, Router::Silent, |config| {
            if offload {
                with_offload(config);
            }
        });
        let pair = net.connect();
        let took = net.transfer(pair, 4_000_000);
        println!("offload {offload}: {took:?}, {:?}", net.changes());
        assert_eq!(net.changes()[0], (1_064, PathMtuChange::BlackHole));
        assert_eq!(net.timeouts(), 2, "offload: {offload}");
        let path = net.status(pair.0).path;
        assert!((1_293..=1_300).contains(&path.mtu), "{path:?}");
        assert_eq!(path.mtu_source, MtuSource::Probed);
        assert!(net.probes(ProbeFate::Lost) > 2, "some were too long");
        assert!(took < Duration::from_secs(3), "{took:?}");
    }
}

#[test]
fn a_router_that_contradicts_itself_is_as_a_silent_one() {
    let mut net = Net::new(1_300, Router::Contradicts);
    let pair = net.connect();
    net.transfer(pair, 4_000_000);
    assert_eq!(net.changes()[0], (1_064, PathMtuChange::BlackHole));
    assert!((1_293..=1_300).contains(&net.status(pair.0).path.mtu));
    assert!(net.dropped < 100, "{} packets were too long", net.dropped);
}

#[test]
fn a_lost_probe_is_no_congestion() {
    let mut net = Net::new(1_300, Router::Silent);
    let pair = net.connect();
    net.transfer(pair, 4_000_000);
    let lost = net.probes(ProbeFate::Lost);
    let again = net.count(|what| {
        let why = Some(Retransmission::MtuProbe);
        matches!(what, What::Sent { retransmission, .. } if *retransmission == why)
    });
    assert!(lost > 2 && again >= lost, "{lost} lost, {again} segments sent again");
    // One for the black hole: two timeouts, that are one congestion, and the repair of what was out.
    let begun =
        net.count(|what| matches!(what, What::Recovery { change: RecoveryChange::Fast, .. }));
    assert_eq!(begun, 0, "{:?}", net.changes());
}

#[test]
fn a_path_of_the_least_that_hosts_take_is_found_too() {
    let mut net = Net::new(576, Router::Silent);
    let pair = net.connect();
    let took = net.transfer(pair, 100_000);
    println!("{took:?}, {} timeouts, {:?}", net.timeouts(), net.changes());
    assert_eq!(
        net.changes()[..2],
        [(1_064, PathMtuChange::BlackHole), (576, PathMtuChange::BlackHole)]
    );
    assert_eq!(net.timeouts(), 4);
    assert_eq!(net.status(pair.0).path.mtu, 576);
}

#[test]
fn without_probing_a_silent_router_is_the_end() {
    let mut net = Net::with(1_300, Router::Silent, with_probing(MtuProbing::Off));
    let (client, _) = net.connect();
    net.client.set_user_timeout(client, Some(MINUTE), net.now);
    net.client.send(client, &[1; 10_000], net.now).expect("there is room");
    net.wait(2 * MINUTE);
    assert_eq!(net.client.error(client), Some(Error::UserTimeout));
    assert_eq!(net.changes(), []);
}

#[test]
fn the_next_connection_begins_with_what_is_known() {
    for router in [Router::Tells, Router::Silent] {
        let mut net = Net::new(1_300, router);
        let pair = net.connect();
        net.transfer(pair, 4_000_000);
        let (known, dropped, timeouts) = (net.status(pair.0).path.mtu, net.dropped, net.timeouts());
        let next = net.connect();
        assert_eq!(net.changes().last(), Some(&(known, PathMtuChange::Known)));
        net.transfer(next, 100_000);
        assert_eq!((net.dropped, net.timeouts()), (dropped, timeouts), "{router:?}");
        assert_eq!(net.status(next.0).path.mtu, known);
        net.wait(11 * MINUTE);
        let last = net.connect();
        assert_eq!(net.status(last.0).path.mtu, 1_500, "nothing is believed for ever");
    }
}

#[test]
fn after_ten_minutes_a_probe_finds_that_more_passes() {
    let mut net = Net::new(1_300, Router::Tells);
    let pair = net.connect();
    net.transfer(pair, 100_000);
    net.mtu = 1_500;
    net.wait(9 * MINUTE);
    net.transfer(pair, 100_000);
    assert_eq!(net.status(pair.0).path.mtu, 1_300, "too early");
    net.wait(MINUTE);
    net.transfer(pair, 100_000);
    assert_eq!(net.probes(ProbeFate::Sent), 1, "one is enough");
    let path = net.status(pair.0).path;
    assert_eq!((path.mtu, path.mtu_source), (1_500, MtuSource::Probed));
    assert_eq!((net.timeouts(), net.slowed_down()), (0, 0));
}

#[test]
fn after_ten_minutes_a_probe_may_find_that_no_more_passes() {
    for router in [Router::Tells, Router::Silent] {
        let mut net = Net::new(1_300, router);
        let pair = net.connect();
        net.transfer(pair, 4_000_000);
        let (timeouts, slowed, known) =
            (net.timeouts(), net.slowed_down(), net.status(pair.0).path.mtu);
        net.wait(10 * MINUTE);
        net.transfer(pair, 4_000_000);
        assert!(net.probes(ProbeFate::Sent) > 0, "{router:?}");
        assert_eq!((net.timeouts(), net.slowed_down()), (timeouts, slowed), "{router:?}");
        let found = net.status(pair.0).path.mtu;
        assert!((known..=1_300).contains(&found), "{found}");
    }
}

#[test]
fn without_probes_segments_simply_grow_again_and_the_router_tells() {
    let mut net = Net::with(1_300, Router::Tells, with_probing(MtuProbing::Off));
    let pair = net.connect();
    net.transfer(pair, 100_000);
    net.wait(10 * MINUTE);
    net.transfer(pair, 100_000);
    let told = (1_300, PathMtuChange::Told);
    assert_eq!(net.changes(), [told, (1_500, PathMtuChange::Outdated), told]);
    assert_eq!((net.timeouts(), net.slowed_down()), (0, 0));
}

#[test]
fn who_always_probes_begins_small_and_meets_no_black_hole() {
    for (mtu, least) in [(1_500, 1_500), (1_300, 1_293)] {
        let mut net = Net::with(mtu, Router::Silent, with_probing(MtuProbing::Always));
        let pair = net.connect();
        assert_eq!(net.status(pair.0).path.mtu, 1_064);
        net.transfer(pair, 20_000_000);
        let found = usize::try_from(net.status(pair.0).path.mtu).expect("it is short");
        assert!((least..=mtu).contains(&found), "{found} of {mtu}");
        assert_eq!((net.timeouts(), net.slowed_down()), (0, 0));
    }
}

#[test]
fn an_outage_makes_segments_small_for_a_moment_only() {
    let mut net = Net::new(1_500, Router::Silent);
    let pair = net.connect();
    net.transfer(pair, 100_000);
    net.down_until = net.now + Duration::from_secs(2);
    net.transfer(pair, 1_000_000);
    assert_eq!(net.changes()[0], (1_064, PathMtuChange::BlackHole));
    assert_eq!(net.changes().last(), Some(&(1_500, PathMtuChange::Probed)));
    assert_eq!(net.probes(ProbeFate::Lost), 0);
}

#[test]
fn a_path_that_becomes_narrower_is_followed() {
    let mut net = Net::new(1_500, Router::Tells);
    let pair = net.connect();
    for mtu in [1_500, 1_400, 1_300, 600] {
        net.mtu = mtu;
        net.transfer(pair, 200_000);
        assert_eq!(net.status(pair.0).path.mtu as usize, mtu);
    }
    assert_eq!((net.timeouts(), net.slowed_down()), (0, 0));
}

/// Without SACK a lost probe would look like congestion, so there is none.
#[test]
fn without_sack_a_black_hole_is_left_and_nothing_is_probed() {
    for when in [MtuProbing::OnBlackHole, MtuProbing::Always] {
        let mut net = Net::with(1_300, Router::Silent, |config| {
            config.tcp.sack = false;
            config.tcp.path_mtu_probing = when;
        });
        let pair = net.connect();
        net.transfer(pair, 300_000);
        assert_eq!(net.changes(), [(1_064, PathMtuChange::BlackHole)]);
        assert_eq!(net.probes(ProbeFate::Sent), 0);
        net.wait(10 * MINUTE);
        net.transfer(pair, 300_000);
        assert_eq!(net.status(pair.0).path.mtu, 1_064, "there is nobody who would say no");
    }
}

/// Then everything counts as acknowledged, and nothing has arrived.
#[test]
fn a_reset_says_nothing_about_the_probe_that_is_out() {
    let mut net = Net::with(1_300, Router::Silent, with_probing(MtuProbing::Always));
    let (client, server) = net.connect();
    net.client.send(client, &vec![1; 100_000], net.now).expect("there is room");
    net.server.abort(server, net.now);
    net.wait(Duration::from_secs(1));
    assert_eq!(net.client.state(client), State::Closed);
    assert_eq!(net.probes(ProbeFate::Sent), 1);
    assert_eq!(net.changes(), [(1_064, PathMtuChange::Known)]);
}

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<(Instant, Input)>>>);

impl Journal for Notes {
    fn note(&mut self, at: Instant, input: Input) {
        self.0.lock().expect("nobody panics").push((at, input));
    }
}

#[test]
fn what_was_learnt_is_learnt_again_in_a_replay() {
    for router in [Router::Tells, Router::Silent] {
        let mut net = Net::new(1_300, router);
        let notes = Notes::default();
        net.client.set_journal(Box::new(notes.clone()));
        let pair = net.connect();
        net.transfer(pair, 500_000);
        let next = net.connect();
        net.transfer(next, 100_000);
        let config = Config { addrs: vec![CLIENT], ..Config::default() };
        let mut replayed = Stack::new(config, Secret([7; 32]));
        let mut packets = 0;
        for (at, input) in notes.0.lock().expect("nobody panics").drain(..) {
            let expected = if let Input::Drain(sum) = input { Some(sum) } else { None };
            let sent = replayed.apply(at, input);
            if let Some(sum) = expected {
                assert_eq!(sent.as_ref().map(checksum), sum, "{router:?}, packet {packets}");
                packets += 1;
            }
        }
        assert!(packets > 400, "{packets}");
    }
}

/// A peer that takes less than the path carries is the limit, whatever routers say.
#[test]
fn the_peers_segment_size_stays_the_limit() {
    let mut net = Net::new(1_300, Router::Tells);
    let small = Config {
        addrs: vec![SERVER.ip()],
        mtu: 1_000,
        tcp: tcp::Config::default(),
        ..Config::default()
    };
    net.server = Stack::new(small, Secret([7; 32]));
    net.listener = net.server.listen(SERVER, 16).expect("it is free");
    let pair = net.connect();
    net.transfer(pair, 100_000);
    assert_eq!((net.longest, net.dropped), (1_000, 0));
    assert_eq!(net.client.state(pair.0), State::Established);
}
