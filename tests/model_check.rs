//! A model check of the real connection code: two `Tcb`s and a wire that may lose, duplicate and reorder
//! up to a bound, explored exhaustively. Time passes only when nothing else can happen, and then to the
//! next deadline; so what is explored is every interleaving of calls, deliveries and mishaps.
//!
//! Held true of every reachable situation: invariants; no pair of states that cannot be; from everywhere
//! an end can be reached (no deadlock, no livelock), and at every end both sides are CLOSED and all
//! octets have arrived.

#![expect(clippy::cast_possible_truncation, reason = "octets are numbered modulo 256")]

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};

use glasstack::seq::Seq;
use glasstack::tcp::{Config, Context, Output, Pool, Received, State, Tcb};
use glasstack::time::Instant;
use glasstack::trace::{ConnId, Tracer};
use glasstack::wire::Segment;

/// What the application of one side does, in this order, each at any moment from when it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Call {
    OpenActive,
    OpenPassive,
    Send(usize),
    Close,
    /// CLOSE, once the peer has closed.
    CloseAfterPeer,
}

/// A situation to begin with, and how much may go wrong.
struct Story {
    name: &'static str,
    calls: [&'static [Call]; 2],
    losses: u8,
    duplicates: u8,
    /// Deliveries ahead of an older segment.
    overtakings: u8,
}

#[derive(Clone)]
struct Side {
    tcb: Tcb,
    /// Calls made.
    called: usize,
    sent: usize,
    received: usize,
    peer_finished: bool,
}

#[derive(Clone)]
struct World {
    now: Instant,
    sides: [Side; 2],
    /// `wires[0]` leads from side 0 to side 1.
    wires: [Vec<Segment>; 2],
    losses: u8,
    duplicates: u8,
    overtakings: u8,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Call(usize),
    Deliver {
        wire: usize,
        index: usize,
    },
    Lose {
        wire: usize,
        index: usize,
    },
    Duplicate {
        wire: usize,
        index: usize,
    },
    /// Time passes to the next deadline.
    Wait,
}

fn config() -> Config {
    Config {
        mss: 4,
        receive_buffer: 64,
        // Their values would tell otherwise equal situations apart.
        timestamps: false,
        ..Config::default()
    }
}

fn context<'a>(
    now: Instant,
    config: &'a Config,
    tracer: &'a mut Tracer,
    pool: &'a mut Pool,
) -> Context<'a> {
    Context { now, config, conn: ConnId(1), tracer, pool }
}

impl World {
    fn new(story: &Story, config: &Config) -> Self {
        let side = |iss| Side {
            tcb: Tcb::new(Seq(iss), 0, config),
            called: 0,
            sent: 0,
            received: 0,
            peer_finished: false,
        };
        World {
            now: Instant::ZERO,
            // One of them wraps in the middle of the story.
            sides: [side(100), side(u32::MAX - 2)],
            wires: [Vec::new(), Vec::new()],
            losses: story.losses,
            duplicates: story.duplicates,
            overtakings: story.overtakings,
        }
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for side in &self.sides {
            side.tcb.fingerprint(self.now, &mut hasher);
            (side.called, side.sent, side.received, side.peer_finished).hash(&mut hasher);
        }
        for wire in &self.wires {
            wire.len().hash(&mut hasher);
            for segment in wire {
                format!("{segment:?}").hash(&mut hasher);
            }
        }
        (self.losses, self.duplicates, self.overtakings).hash(&mut hasher);
        hasher.finish()
    }

    fn states(&self) -> (State, State) {
        (self.sides[0].tcb.state(), self.sides[1].tcb.state())
    }

    /// The call that a side can make now.
    fn next_call(&self, story: &Story, index: usize) -> Option<Call> {
        let side = &self.sides[index];
        let call = *story.calls[index].get(side.called)?;
        let possible = match call {
            Call::OpenActive | Call::OpenPassive => true,
            // An application that waits for `accept` or `connect` to return.
            Call::Send(_) | Call::Close => side.tcb.state().is_synchronized(),
            Call::CloseAfterPeer => side.peer_finished,
        };
        possible.then_some(call)
    }

    fn actions(&self, story: &Story) -> Vec<Action> {
        let mut actions: Vec<Action> = (0..2)
            .filter(|side| self.next_call(story, *side).is_some())
            .map(Action::Call)
            .collect();
        for (wire, segments) in self.wires.iter().enumerate() {
            for index in 0..segments.len() {
                // Before its OPEN a side would answer with RST, and the story would be another.
                if self.sides[1 - wire].called == 0 {
                    continue;
                }
                if index == 0 || self.overtakings > 0 {
                    actions.push(Action::Deliver { wire, index });
                }
                if self.losses > 0 {
                    actions.push(Action::Lose { wire, index });
                }
                if self.duplicates > 0 && index == 0 {
                    actions.push(Action::Duplicate { wire, index });
                }
            }
        }
        let deadline = self.sides.iter().any(|side| side.tcb.next_deadline().is_some());
        if actions.is_empty() && deadline {
            actions.push(Action::Wait);
        }
        actions
    }

    fn act(&mut self, action: Action, story: &Story, config: &Config) {
        match action {
            Action::Call(index) => {
                let call = self.next_call(story, index).expect("the call is possible");
                self.call(index, call, config);
            }
            Action::Deliver { wire, index } => {
                self.overtakings -= u8::from(index > 0);
                let segment = self.wires[wire].remove(index);
                self.deliver(wire, segment, config);
            }
            Action::Lose { wire, index } => {
                self.losses -= 1;
                self.wires[wire].remove(index);
            }
            Action::Duplicate { wire, index } => {
                self.duplicates -= 1;
                let segment = self.wires[wire][index].clone();
                self.deliver(wire, segment, config);
            }
            Action::Wait => {
                let deadlines = self.sides.iter().filter_map(|side| side.tcb.next_deadline());
                self.now = deadlines.min().expect("somebody waits for a deadline");
                for index in 0..2 {
                    let (mut tracer, mut pool) = (Tracer::default(), Pool::new());
                    let cx = &mut context(self.now, config, &mut tracer, &mut pool);
                    self.sides[index].tcb.on_timeout(cx);
                    self.drain(index, config);
                }
            }
        }
    }

    fn call(&mut self, index: usize, call: Call, config: &Config) {
        let (mut tracer, mut pool) = (Tracer::default(), Pool::new());
        let cx = &mut context(self.now, config, &mut tracer, &mut pool);
        let side = &mut self.sides[index];
        side.called += 1;
        match call {
            Call::OpenActive => side.tcb.open_active(cx).expect("it is closed"),
            Call::OpenPassive => side.tcb.open_passive(cx).expect("it is closed"),
            Call::Send(octets) => {
                // Octets are numbered, so that one out of place shows.
                let data: Vec<u8> = (side.sent..side.sent + octets).map(|i| i as u8).collect();
                let taken = side.tcb.send(&data, cx).expect("it is open");
                assert_eq!(taken, octets);
                side.sent += octets;
            }
            Call::Close | Call::CloseAfterPeer => side.tcb.close(cx).expect("it is open"),
        }
        self.drain(index, config);
    }

    fn deliver(&mut self, wire: usize, segment: Segment, config: &Config) {
        let to = 1 - wire;
        let (mut tracer, mut pool) = (Tracer::default(), Pool::new());
        let cx = &mut context(self.now, config, &mut tracer, &mut pool);
        self.sides[to].tcb.on_segment(segment, cx);
        self.drain(to, config);
    }

    /// Reads what can be read, and puts what is to be sent on the wire.
    fn drain(&mut self, index: usize, config: &Config) {
        let (mut tracer, mut pool) = (Tracer::default(), Pool::new());
        let cx = &mut context(self.now, config, &mut tracer, &mut pool);
        let side = &mut self.sides[index];
        loop {
            match side.tcb.receive_bytes(64, cx) {
                Ok(Received::Data(data)) => {
                    for octet in data {
                        assert_eq!(octet, side.received as u8, "octets come in order, once");
                        side.received += 1;
                    }
                }
                Ok(Received::Finished) => {
                    side.peer_finished = true;
                    break;
                }
                Ok(Received::Pending) | Err(_) => break,
            }
        }
        let mut segments = 0;
        while let Output::Transmit(segment) = side.tcb.poll_output(cx) {
            self.wires[index].push(segment);
            segments += 1;
            assert!(segments < 50, "one input, more than 50 segments");
        }
        side.tcb.check_invariants(config);
    }
}

/// What one side's state says of the other's.
fn pair_is_legal(one: State, other: State) -> bool {
    use State::*;
    // Whoever has seen the peer's FIN knows that the peer has sent it.
    let peer_sent_fin = !one.peer_has_closed()
        || matches!(other, FinWait1 | FinWait2 | Closing | TimeWait | LastAck | Closed);
    // Whoever knows its FIN acknowledged knows that the peer has got it.
    let fin_is_acknowledged = matches!(one, FinWait2 | TimeWait);
    let peer_got_fin =
        !fin_is_acknowledged || matches!(other, CloseWait | Closing | LastAck | TimeWait | Closed);
    // Whoever is synchronized has had an answer to its SYN.
    let peer_has_opened = !one.is_synchronized() || !matches!(other, Listen | SynSent);
    peer_sent_fin && peer_got_fin && peer_has_opened
}

/// How each situation was first reached: told when something fails.
struct Trail {
    steps: Vec<Option<(usize, Action)>>,
    at: usize,
    doing: Option<Action>,
}

impl Drop for Trail {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut actions: Vec<Action> = self.doing.into_iter().collect();
            let mut at = self.at;
            while let Some((before, action)) = self.steps[at] {
                actions.push(action);
                at = before;
            }
            actions.reverse();
            println!("the way there: {actions:?}");
        }
    }
}

struct Explored {
    situations: usize,
    pairs: BTreeSet<(State, State)>,
}

/// Explores everything there is, depth first.
fn explore(story: &Story) -> Explored {
    let config = config();
    let mut known: HashMap<u64, usize> = HashMap::new();
    let mut ways_back: Vec<Vec<usize>> = Vec::new();
    let mut ends = Vec::new();
    let mut pairs = BTreeSet::new();
    let mut trail = Trail { steps: vec![None], at: 0, doing: None };
    let start = World::new(story, &config);
    known.insert(start.fingerprint(), 0);
    ways_back.push(Vec::new());
    let mut open = vec![(0_usize, start)];
    while let Some((number, world)) = open.pop() {
        let (one, other) = world.states();
        pairs.insert((one, other));
        (trail.at, trail.doing) = (number, None);
        assert!(
            pair_is_legal(one, other) && pair_is_legal(other, one),
            "{}: {one} and {other} at once",
            story.name
        );
        let actions = world.actions(story);
        if actions.is_empty() {
            check_end(story, &world);
            ends.push(number);
        }
        for action in actions {
            trail.doing = Some(action);
            let mut next = world.clone();
            next.act(action, story, &config);
            let count = known.len();
            let successor = *known.entry(next.fingerprint()).or_insert(count);
            if successor == count {
                ways_back.push(Vec::new());
                trail.steps.push(Some((number, action)));
                open.push((successor, next));
            }
            ways_back[successor].push(number);
        }
        assert!(known.len() < 3_000_000, "{}: the story is too large to explore", story.name);
    }
    // From everywhere an end can be reached.
    let mut reaches_end = vec![false; ways_back.len()];
    let mut todo = ends;
    while let Some(number) = todo.pop() {
        if !std::mem::replace(&mut reaches_end[number], true) {
            todo.extend(&ways_back[number]);
        }
    }
    if let Some(stuck) = reaches_end.iter().position(|reaches| !reaches) {
        (trail.at, trail.doing) = (stuck, None);
        panic!("{}: no end can be reached", story.name);
    }
    Explored { situations: known.len(), pairs }
}

fn check_end(story: &Story, world: &World) {
    let (one, other) = world.states();
    assert_eq!((one, other), (State::Closed, State::Closed), "{}: stuck", story.name);
    for (index, side) in world.sides.iter().enumerate() {
        assert_eq!(side.tcb.error(), None, "{}: side {index} failed", story.name);
        assert_eq!(side.called, story.calls[index].len(), "{}: a call is left", story.name);
        let sent = world.sides[1 - index].sent;
        assert_eq!(side.received, sent, "{}: octets received by side {index}", story.name);
    }
}

fn check(story: &Story) -> Explored {
    let explored = explore(story);
    println!(
        "{}: {} situations, {} pairs of states",
        story.name,
        explored.situations,
        explored.pairs.len()
    );
    explored
}

use Call::{Close, CloseAfterPeer, OpenActive, OpenPassive, Send};

#[test]
fn open_and_close_by_the_caller() {
    let explored = check(&Story {
        name: "three-way handshake, four-way close",
        calls: [&[OpenActive, Send(6), Close], &[OpenPassive, Send(3), CloseAfterPeer]],
        losses: 1,
        duplicates: 1,
        overtakings: 1,
    });
    assert!(explored.pairs.contains(&(State::FinWait2, State::CloseWait)));
}

#[test]
fn three_losses() {
    let explored = check(&Story {
        name: "three losses",
        calls: [&[OpenActive, Send(2), Close], &[OpenPassive, CloseAfterPeer]],
        losses: 3,
        duplicates: 1,
        overtakings: 2,
    });
    assert!(explored.pairs.contains(&(State::TimeWait, State::LastAck)));
}

/// The peer goes on sending after our FIN, and so does the other side of the story.
#[test]
fn half_closed_for_a_while() {
    let explored = check(&Story {
        name: "half-close",
        calls: [&[OpenActive, Close], &[OpenPassive, Send(5), Send(2), CloseAfterPeer]],
        losses: 2,
        duplicates: 1,
        overtakings: 1,
    });
    assert!(explored.pairs.contains(&(State::FinWait2, State::CloseWait)));
}

#[test]
fn both_close_when_they_like() {
    let explored = check(&Story {
        name: "simultaneous close",
        calls: [&[OpenActive, Send(1), Close], &[OpenPassive, Close]],
        losses: 2,
        duplicates: 1,
        overtakings: 1,
    });
    assert!(explored.pairs.contains(&(State::Closing, State::Closing)));
}

#[test]
fn both_open_at_once() {
    let explored = check(&Story {
        name: "simultaneous open",
        calls: [&[OpenActive, Send(1), Close], &[OpenActive, CloseAfterPeer]],
        losses: 2,
        duplicates: 1,
        overtakings: 1,
    });
    assert!(explored.pairs.contains(&(State::SynReceived, State::SynReceived)));
}

#[test]
fn both_open_and_close_at_once() {
    let explored = check(&Story {
        name: "simultaneous open and close",
        calls: [&[OpenActive, Close], &[OpenActive, Close]],
        losses: 2,
        duplicates: 2,
        overtakings: 2,
    });
    assert!(explored.pairs.contains(&(State::Closing, State::Closing)));
}
