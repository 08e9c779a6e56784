//! Lists of connections a page at a time: whatever the size of a page, each connection stands in one of them,
//! in the table that it is in: under handshake, open, or in `TIME_WAIT`.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use glasstack::stack::{Bookmark, Config, Handle, ListenerId, Secret, Stack, Summary};
use glasstack::tcp::State;
use glasstack::time::Instant;
use glasstack::trace::{ConnId, Mask, What};

const OURS: &str = "192.0.2.2:80";

/// Two stacks on a wire that takes no time.
struct Pair {
    now: Instant,
    client: Stack,
    server: Stack,
    listener: ListenerId,
}

impl Pair {
    fn new() -> Pair {
        let stack = |addr: &str, secret| {
            let addrs = vec![addr.parse::<IpAddr>().unwrap()];
            // Handshakes beyond the third are compact.
            let config = Config { addrs, whole_handshakes: 3, ..Config::default() };
            Stack::new(config, Secret([secret; 32]))
        };
        let mut server = stack("192.0.2.2", 2);
        let listener = server.listen(OURS.parse().unwrap(), 100).expect("it is free");
        Pair { now: Instant::ZERO, client: stack("192.0.2.1", 1), server, listener }
    }

    fn run(&mut self) {
        self.client.on_timeout(self.now);
        self.server.on_timeout(self.now);
        loop {
            let ours: Vec<_> = std::iter::from_fn(|| self.server.poll_output(self.now)).collect();
            ours.iter().for_each(|frame| self.client.on_packet(&frame.to_bytes(), self.now));
            let theirs: Vec<_> = std::iter::from_fn(|| self.client.poll_output(self.now)).collect();
            theirs.iter().for_each(|frame| self.server.on_packet(&frame.to_bytes(), self.now));
            if ours.is_empty() && theirs.is_empty() {
                return;
            }
        }
    }

    /// An accepted connection, from both sides.
    fn open(&mut self) -> (Handle, Handle) {
        let remote: SocketAddr = OURS.parse().unwrap();
        let theirs = self.client.connect(None, remote, self.now).expect("there is room");
        self.run();
        (theirs, self.server.accept(self.listener).expect("the handshake is done"))
    }

    /// The server closes first and lets go.
    fn leave_in_time_wait(&mut self) {
        let (theirs, ours) = self.open();
        self.server.close(ours, self.now).unwrap();
        self.run();
        self.client.close(theirs, self.now).unwrap();
        self.run();
        self.client.release(theirs, self.now);
        self.server.release(ours, self.now);
        self.run();
    }

    /// A SYN whose answer is lost.
    fn half_open(&mut self) {
        let remote: SocketAddr = OURS.parse().unwrap();
        self.client.connect(None, remote, self.now).expect("there is room");
        let syn = self.client.poll_output(self.now).expect("a SYN");
        self.server.on_packet(&syn.to_bytes(), self.now);
        while self.server.poll_output(self.now).is_some() {}
    }

    /// All pages of the server, and how often each connection stood in them.
    fn pages(&self, most: usize) -> BTreeMap<ConnId, (State, u32)> {
        let mut seen = BTreeMap::new();
        let mut states = Vec::new();
        let (mut next, mut pages) = (Some(Bookmark::default()), 0);
        while let Some(from) = next {
            let page = self.server.page(from, most, self.now);
            let same = self.server.page_of_states(from, most);
            assert!(page.connections.len() <= most);
            assert_eq!(page.next, same.next, "both go through the same places");
            for summary in &page.connections {
                seen.entry(summary.id).or_insert((summary.status.state, 0)).1 += 1;
                states.push(summary.status.state);
            }
            let count = states.len() - same.connections.len();
            assert_eq!(states[count..], same.connections, "and find the same states there");
            next = page.next;
            pages += 1;
            assert!(pages < 1_000, "it comes to an end");
        }
        seen
    }
}

#[test]
fn each_connection_stands_in_one_page() {
    let mut pair = Pair::new();
    (0..20).for_each(|_| pair.leave_in_time_wait());
    let kept: Vec<_> = (0..30).map(|_| pair.open()).collect();
    // Holes, in slots and among those that wait: some waits are over, others begin later.
    for (theirs, ours) in kept.iter().step_by(3) {
        pair.client.abort(*theirs, pair.now);
        pair.run();
        pair.server.release(*ours, pair.now);
    }
    pair.now += Duration::from_secs(40);
    pair.run();
    (0..5).for_each(|_| pair.leave_in_time_wait());
    pair.now += Duration::from_secs(25);
    pair.run();
    (0..10).for_each(|_| pair.half_open());

    let all: BTreeMap<ConnId, State> = pair.server.states().collect();
    let count = |state| all.values().filter(|one| **one == state).count();
    let counts = [State::TimeWait, State::Established, State::SynReceived].map(count);
    assert_eq!(counts, [5, 20, 10], "what there is to be listed");
    for most in [1, 2, 7, 35, 1_000] {
        let seen = pair.pages(most);
        let once: BTreeMap<_, _> = all.iter().map(|(id, state)| (*id, (*state, 1))).collect();
        assert_eq!(seen, once, "with {most} to a page");
    }
    assert_eq!(pair.pages(0), BTreeMap::new(), "whoever wants none is not sent round");
    let page = pair.server.page(Bookmark::BEHIND_HANDSHAKES, 1_000, pair.now);
    let handshakes = |one: &&Summary| one.status.state == State::SynReceived;
    // Three of them are whole.
    assert_eq!(
        (page.connections.len(), page.connections.iter().filter(handshakes).count()),
        (28, 3)
    );
    let [listener] = pair.server.listeners()[..] else { panic!("one listener") };
    assert_eq!((listener.half_open, listener.accept_queue, listener.backlog), (10, 0, 100));
    let counters = pair.server.counters();
    assert_eq!(counters.connections_opened, 65);
    assert!(counters.segments.received > 65 * 2 && counters.segments.sent > 65);
}

#[test]
fn events_are_raised_for_as_long_as_somebody_wants_them() {
    let mut pair = Pair::new();
    pair.open();
    assert_eq!(pair.server.take_events(), [], "nobody has asked");
    pair.server.raise_also(Mask::STATES);
    pair.open();
    let events = pair.server.take_events();
    assert!(!events.is_empty());
    assert!(events.iter().all(|event| matches!(event.what, What::State { .. })), "{events:?}");
    pair.server.raise_also(Mask::empty());
    pair.open();
    assert_eq!(pair.server.take_events(), []);
}
