//! What no sender may do, whatever the wire does to it: two machines of one connection each, segment by
//! segment, over a wire that loses, delays and doubles by seed. No segment leaves beyond the peer's window
//! or the congestion window, but for those that the RFCs let; every repair ends; every octet arrives.
//!
//! `GLASS_SEEDS=N` runs so many seeds, `GLASS_SEED=K` runs one.

mod support;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use glasstack::seq::Seq;
use glasstack::sim::{Pattern, Random};
use glasstack::tcp::{
    Algorithm, Config, Context, Output, Pool, Received, RecoveryState, State, Status, Tcb, Timer,
};
use glasstack::time::Instant;
use glasstack::trace::{ConnId, Mask, RecoveryChange, TimerChange, Tracer, What};
use glasstack::wire::{Flags, Segment};

use support::seeds;

/// Octets of one run.
const OCTETS: usize = 300_000;
const PATTERN: Pattern = Pattern(5);
/// Virtual time after which a run should long be over.
const PATIENCE: Duration = Duration::from_hours(6);

/// One end.
struct End {
    tcb: Tcb,
    config: Config,
    pool: Pool,
    tracer: Tracer,
    /// What its events allow to leave beyond the congestion window: so many segments.
    allowance: u32,
    /// The right edge of the peer's window that reached furthest.
    edge: Option<Seq>,
    shift: u8,
}

impl End {
    fn new(iss: u32, config: Config) -> Self {
        let tcb = Tcb::new(Seq(iss), 7, &config);
        let tracer = Tracer::new(Mask::WINDOWS | Mask::TIMERS);
        End { tcb, config, pool: Pool::new(), tracer, allowance: 0, edge: None, shift: 0 }
    }

    fn call<T>(&mut self, now: Instant, call: impl FnOnce(&mut Tcb, &mut Context<'_>) -> T) -> T {
        let (config, tracer, pool) = (&self.config, &mut self.tracer, &mut self.pool);
        let result =
            call(&mut self.tcb, &mut Context { now, config, conn: ConnId(1), tracer, pool });
        self.tcb.check_invariants(&self.config);
        self.note_events();
        result
    }

    /// A segment may leave beyond the window when a loss is first noticed, when a timeout begins, and as
    /// a probe.
    fn note_events(&mut self) {
        for event in self.tracer.take() {
            match event.what {
                What::Recovery {
                    change: RecoveryChange::Fast | RecoveryChange::Timeout, ..
                }
                | What::Timer {
                    timer: Timer::LossProbe | Timer::Persist,
                    change: TimerChange::Fired,
                } => self.allowance = 1,
                _ => {}
            }
        }
    }

    fn status(&self, now: Instant) -> Status {
        self.tcb.status(now, &self.config)
    }

    fn hear(&mut self, segment: &Segment) {
        if segment.has(Flags::SYN) {
            self.shift = segment.options.window_scale.unwrap_or(0);
        }
        let shift = if segment.has(Flags::SYN) { 0 } else { self.shift };
        if segment.has(Flags::ACK) {
            let edge = segment.ack + (u32::from(segment.wnd) << shift);
            self.edge = Some(self.edge.map_or(edge, |before| before.max(edge)));
        }
    }
}

/// What is on its way: when it arrives, its place in the order, and to which end.
struct Flying {
    at: Instant,
    order: u64,
    to: usize,
    segment: Segment,
}

impl PartialEq for Flying {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Flying {}

impl PartialOrd for Flying {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Flying {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

struct World {
    ends: [End; 2],
    now: Instant,
    flying: BinaryHeap<Reverse<Flying>>,
    order: u64,
    random: Random,
    loss: f64,
    reorder: f64,
    duplicate: f64,
    delay: Duration,
    written: usize,
    read: usize,
    /// Segments of data that the wire lost.
    lost: u32,
    /// Deadlines, as the ends told them last.
    deadlines: [Option<Instant>; 2],
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let delay = random.pick(&[10, 1_000, 20_000, 300_000]);
        let receive_buffer = random.pick(&[3_000, 20_000, 65_535, 1 << 20]);
        let config = Config {
            mss: random.pick(&[536, 1460]),
            receive_buffer,
            congestion: random.pick(&Algorithm::ALL),
            sack: random.chance(0.8),
            timestamps: random.chance(0.5),
            rack: random.chance(0.8),
            tail_loss_probe: random.chance(0.8),
            frto: random.chance(0.8),
            burst: random.pick(&[0, 0, 60_000]),
            ..Config::default()
        };
        let rough = random.pick(&[0.0, 0.001, 0.01, 0.05, 0.2]);
        let ends = [End::new(u32::MAX - 20_000, config.clone()), End::new(77, config)];
        World {
            ends,
            now: Instant::from_millis(1_000),
            flying: BinaryHeap::new(),
            order: 0,
            loss: rough,
            reorder: random.pick(&[0.0, 0.01, 0.2]),
            duplicate: random.pick(&[0.0, 0.0, 0.05]),
            random,
            delay: Duration::from_micros(delay),
            written: 0,
            read: 0,
            lost: 0,
            deadlines: [None, None],
        }
    }

    fn open(&mut self) {
        let now = self.now;
        self.ends[1].call(now, Tcb::open_passive).expect("it is closed");
        self.ends[0].call(now, Tcb::open_active).expect("it is closed");
        self.drain(0);
    }

    /// The application of the sender writes while there is room, that of the receiver reads.
    fn applications(&mut self) {
        let now = self.now;
        let state = self.ends[0].tcb.state();
        while self.written < OCTETS && state.is_synchronized() {
            let mut piece = vec![0; (OCTETS - self.written).min(20_000)];
            PATTERN.fill(self.written as u64, &mut piece);
            match self.ends[0].call(now, |tcb, cx| tcb.send(&piece, cx)) {
                Ok(0) | Err(_) => break,
                Ok(octets) => self.written += octets,
            }
        }
        while self.ends[1].tcb.is_readable() {
            let got = self.ends[1].call(now, |tcb, cx| tcb.receive_bytes(9_000, cx));
            let Ok(Received::Data(octets)) = got else { break };
            assert_eq!(PATTERN.check(self.read as u64, &octets), Ok(()), "each octet in its place");
            self.read += octets.len();
        }
    }

    fn drain(&mut self, from: usize) {
        loop {
            let before = self.ends[from].status(self.now);
            let nxt = self.ends[from].tcb.snd_nxt();
            match self.ends[from].call(self.now, Tcb::poll_output) {
                Output::Wait(deadline) => {
                    self.deadlines[from] = deadline.map(|deadline| deadline.at);
                    return;
                }
                Output::Transmit(segment) => {
                    self.check(from, &before, nxt, &segment);
                    self.fly(from, segment);
                }
            }
        }
    }

    /// The rules.
    fn check(&mut self, from: usize, before: &Status, nxt: Seq, segment: &Segment) {
        let end = &mut self.ends[from];
        let octets = u32::try_from(segment.payload.len()).expect("short");
        if octets == 0 || segment.has(Flags::SYN) {
            return;
        }
        let edge = end.edge.expect("data leaves after the handshake");
        let beyond = segment.end().since(edge);
        let is_window_probe = octets == 1 && end.allowance > 0;
        assert!(beyond == 0 || is_window_probe, "{beyond} octets beyond the peer's window");
        let is_new = segment.seq == nxt;
        let fits = before.path.in_network + octets <= before.cwnd;
        let alone = before.path.in_network == 0 && !is_new;
        // Without SACK the last duplicates may stand for segments that were sent again.
        let guesses = !before.sack && before.recovery != RecoveryState::Open && !is_new;
        if !(fits || alone || guesses) {
            assert!(end.allowance > 0, "beyond the congestion window: {segment:?}\n{before:#?}");
            end.allowance -= 1;
        }
    }

    fn fly(&mut self, from: usize, segment: Segment) {
        let copies = if self.random.chance(self.duplicate) { 2 } else { 1 };
        for piece in pieces(segment) {
            let mut arrives = false;
            for _ in 0..copies {
                if self.random.chance(self.loss) {
                    continue;
                }
                arrives = true;
                let late = if self.random.chance(self.reorder) {
                    self.delay * u32::try_from(self.random.below(3)).expect("small")
                } else {
                    Duration::ZERO
                };
                self.order += 1;
                let (at, order, to) = (self.now + self.delay + late, self.order, 1 - from);
                self.flying.push(Reverse(Flying { at, order, to, segment: piece.clone() }));
            }
            self.lost += u32::from(!arrives && !piece.payload.is_empty());
        }
    }

    /// The next thing happens; says whether there was any.
    fn step(&mut self) -> bool {
        let arrival = self.flying.peek().map(|Reverse(flying)| flying.at);
        let deadline = self.deadlines.iter().flatten().min().copied();
        let Some(next) = [arrival, deadline].into_iter().flatten().min() else { return false };
        self.now = self.now.max(next);
        let now = self.now;
        while self.flying.peek().is_some_and(|Reverse(flying)| flying.at <= now) {
            let Reverse(flying) = self.flying.pop().expect("it was seen");
            self.ends[flying.to].hear(&flying.segment);
            self.ends[flying.to].call(now, |tcb, cx| tcb.on_segment(flying.segment, cx));
        }
        for end in &mut self.ends {
            end.call(now, Tcb::on_timeout);
        }
        self.applications();
        self.drain(0);
        self.drain(1);
        true
    }
}

/// As the device cuts it.
fn pieces(segment: Segment) -> Vec<Segment> {
    let size = usize::from(segment.segment_size);
    if size == 0 {
        return vec![segment];
    }
    let payload = segment.payload.to_bytes();
    let mut pieces: Vec<_> = payload
        .chunks(size)
        .enumerate()
        .map(|(index, chunk)| Segment {
            seq: segment.seq + u32::try_from(index * size).expect("short"),
            flags: segment.flags - Flags::FIN - Flags::PSH,
            payload: bytes::Bytes::copy_from_slice(chunk).into(),
            segment_size: 0,
            ..segment.clone()
        })
        .collect();
    if let Some(last) = pieces.last_mut() {
        last.flags = segment.flags;
    }
    pieces
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    let began = world.now;
    world.open();
    let mut repairs = 0_u32;
    while world.read < OCTETS {
        assert!(world.step(), "{} of {OCTETS} octets arrived, and nothing happens", world.read);
        assert!(world.now - began < PATIENCE, "{} of {OCTETS} octets", world.read);
        let repairing = world.ends[0].status(world.now).recovery != RecoveryState::Open;
        repairs += u32::from(repairing);
    }
    // The last acknowledgment comes, and whatever was being repaired is.
    let mut steps = 0;
    while world.ends[0].status(world.now).in_flight > 0 {
        assert!(world.step() && steps < 10_000, "what has arrived is acknowledged");
        steps += 1;
    }
    let status = world.ends[0].status(world.now);
    assert_eq!((status.recovery, status.state), (RecoveryState::Open, State::Established));
    assert_eq!((status.segments_lost, status.segments_sacked, status.path.in_network), (0, 0, 0));
    // The very last may have been repaired by a loss probe, which is no recovery.
    assert!(world.lost <= 2 || repairs > 0, "{} segments were lost, and repaired", world.lost);
}

#[test]
fn no_window_is_overrun_and_every_repair_ends() {
    for seed in seeds(1_000) {
        let result = std::panic::catch_unwind(|| run(seed));
        if let Err(panic) = result {
            panic!("GLASS_SEED={seed}: {}", support::panic_text(&*panic));
        }
    }
}
