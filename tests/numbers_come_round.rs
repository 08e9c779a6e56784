//! Sequence numbers come round every 4 GiB: what was remembered of a place in the stream must not seem to
//! lie ahead once it is more than half of that behind. One connection that never pauses, for longer than a
//! round, with losses and marks far apart.

use std::time::Duration;

use bytes::Bytes;
use glasstack::seq::Seq;
use glasstack::tcp::{Algorithm, Config, Context, EcnMode, Output, Pool, Received, Tcb};
use glasstack::time::Instant;
use glasstack::trace::{ConnId, Mask, Tracer};
use glasstack::wire::{Ecn, Segment};

const MIB: u64 = 1 << 20;
const PIECE: &[u8] = &[0; 60_000];
/// From one end to the other.
const DELAY: Duration = Duration::from_millis(1);

struct End {
    tcb: Tcb,
    config: Config,
    pool: Pool,
    tracer: Tracer,
}

impl End {
    fn new(iss: u32, config: Config) -> Self {
        let (tcb, pool) = (Tcb::new(Seq(iss), 7, &config), Pool::new());
        End { tcb, config, pool, tracer: Tracer::new(Mask::empty()) }
    }

    fn call<T>(&mut self, now: Instant, call: impl FnOnce(&mut Tcb, &mut Context<'_>) -> T) -> T {
        let End { tcb, config, pool, tracer } = self;
        call(tcb, &mut Context { now, config, conn: ConnId(1), tracer, pool })
    }

    fn take_output(&mut self, now: Instant) -> Vec<Segment> {
        let next = |_| match self.call(now, Tcb::poll_output) {
            Output::Transmit(segment) => Some(segment),
            Output::Wait(_) => None,
        };
        (0..1_000).map_while(next).collect()
    }

    fn hear(&mut self, segments: Vec<Segment>, now: Instant) {
        self.call(now, Tcb::on_timeout);
        for segment in segments {
            self.call(now, |tcb, cx| tcb.on_segment(segment, cx));
        }
        self.tcb.check_invariants(&self.config);
    }
}

/// What happens to one segment on its way.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Lost,
    Marked,
}

struct World {
    sender: End,
    receiver: End,
    now: Instant,
    read: u64,
}

impl World {
    fn new(sack: bool) -> Self {
        let config = Config {
            mss: 1460,
            receive_buffer: 1 << 20,
            send_buffer: 1 << 20,
            burst: 60_000,
            ecn: EcnMode::On,
            congestion: Algorithm::NewReno,
            sack,
            ..Config::default()
        };
        let sender = End::new(u32::MAX - 100_000, config.clone());
        let mut receiver = End::new(77, config);
        let now = Instant::from_millis(5);
        receiver.call(now, Tcb::open_passive).expect("it is closed");
        let mut world = World { sender, receiver, now, read: 0 };
        world.sender.call(now, Tcb::open_active).expect("it is closed");
        (0..2).for_each(|_| world.round(None));
        world
    }

    /// The sender sends what it may, the receiver reads and answers.
    fn round(&mut self, mut fate: Option<Fate>) {
        self.now += DELAY;
        while self.sender.tcb.state().is_synchronized() {
            let piece = Bytes::from_static(PIECE);
            if self.sender.call(self.now, |tcb, cx| tcb.send_bytes(piece, cx)) == Ok(0) {
                break;
            }
        }
        let mut arriving = Vec::new();
        for mut segment in self.sender.take_output(self.now) {
            match fate.take_if(|_| !segment.payload.is_empty()) {
                None => arriving.push(segment),
                Some(Fate::Lost) => {}
                Some(Fate::Marked) => {
                    segment.ecn = Ecn::Ce;
                    arriving.push(segment);
                }
            }
        }
        self.now += DELAY;
        self.receiver.hear(arriving, self.now);
        loop {
            let got = self.receiver.call(self.now, |tcb, cx| tcb.receive_bytes(1 << 20, cx));
            let Ok(Received::Data(octets)) = got else { break };
            self.read += octets.len() as u64;
        }
        let answers = self.receiver.take_output(self.now);
        self.sender.hear(answers, self.now + DELAY);
        self.now += DELAY;
    }

    fn until(&mut self, octets: u64) {
        while self.read < octets {
            let before = self.read;
            (0..50).for_each(|_| self.round(None));
            assert!(self.read > before, "at {} of {octets} octets nothing moves", self.read);
        }
    }

    fn window(&self) -> u32 {
        self.sender.tcb.status(self.now, &self.sender.config).cwnd
    }

    /// The first segment of a round has its fate; says whether the sender slows down in this round or the next.
    fn slows_down_when(&mut self, fate: Fate) -> bool {
        let before = self.window();
        self.round(Some(fate));
        (0..3).any(|_| {
            self.round(None);
            self.window() < before
        })
    }
}

#[test]
fn losses_and_marks_are_noticed_wherever_the_last_was() {
    let mut world = World::new(true);
    world.until(100 * MIB);
    assert!(world.slows_down_when(Fate::Lost));
    // The answer to the last loss lies more than half a round behind.
    for mib in [2_600, 4_300, 7_000] {
        world.until(mib * MIB);
        assert!(world.slows_down_when(Fate::Marked), "after {mib} MiB");
    }
}

#[test]
fn without_sack_losses_are_noticed_wherever_the_last_was() {
    let mut world = World::new(false);
    for mib in [100, 2_600, 4_300] {
        world.until(mib * MIB);
        assert!(world.slows_down_when(Fate::Lost), "after {mib} MiB");
    }
}
