//! A peer that says what it likes of what it has received: blocks of all kinds, taken back or invented;
//! acknowledgments of parts, and too early; windows that open, close and shrink; marks and old timestamps.
//! Nothing breaks, no timer runs in circles, what is remembered has a bound, and once the peer acknowledges
//! what it is sent, every octet leaves and the repair ends.
//!
//! `GLASS_SEEDS=N` runs so many seeds, `GLASS_SEED=K` runs one.

mod support;

use std::time::Duration;

use glasstack::seq::Seq;
use glasstack::sim::Random;
use glasstack::tcp::{
    Algorithm, Config, Context, EcnMode, Output, Pool, RecoveryState, State, Tcb,
};
use glasstack::time::Instant;
use glasstack::trace::{ConnId, Mask, Tracer};
use glasstack::wire::{Flags, Options, SackBlocks, Segment, Timestamps};

use support::seeds;

/// Inputs of one run before the peer becomes honest.
const LIES: u32 = 400;
const MSS: u16 = 1000;

struct World {
    tcb: Tcb,
    config: Config,
    pool: Pool,
    tracer: Tracer,
    now: Instant,
    random: Random,
    iss: Seq,
    una: Seq,
    /// The timestamp of ours that came last.
    stamp: u32,
    written: u32,
    /// Timers that ran out at this very moment.
    at_once: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let config = Config {
            mss: MSS,
            send_buffer: random.pick(&[10_000, 100_000]),
            burst: random.pick(&[0, 0, 20_000]),
            sack: random.chance(0.8),
            timestamps: random.chance(0.5),
            rack: random.chance(0.8),
            tail_loss_probe: random.chance(0.8),
            frto: random.chance(0.8),
            nagle: random.chance(0.5),
            congestion: random.pick(&Algorithm::ALL),
            ecn: random.pick(&[EcnMode::Off, EcnMode::On]),
            data_retries: u32::MAX,
            ..Config::default()
        };
        let iss = Seq(random.pick(&[0, u32::MAX - 30_000, 1 << 31]));
        let mut world = World {
            tcb: Tcb::new(iss, u32::MAX - 5, &config),
            config,
            pool: Pool::new(),
            tracer: Tracer::new(Mask::empty()),
            now: Instant::from_millis(3),
            random,
            iss,
            una: iss + 1,
            stamp: 0,
            written: 0,
            at_once: 0,
        };
        world.call(Tcb::open_active).expect("it is closed");
        world.drain();
        world.pass(Duration::from_millis(20));
        let options = Options {
            mss: Some(MSS),
            window_scale: Some(0),
            sack_permitted: world.config.sack,
            timestamps: world.config.timestamps.then_some(Timestamps { val: 1, ecr: world.stamp }),
            ..Options::default()
        };
        let mut flags = Flags::SYN | Flags::ACK;
        flags.set(Flags::ECE, world.config.ecn == EcnMode::On);
        let answer = Segment {
            seq: Seq(0),
            ack: iss + 1,
            flags,
            wnd: 60_000,
            options,
            ..Segment::default()
        };
        world.call(|tcb, cx| tcb.on_segment(answer, cx));
        world.drain();
        world
    }

    fn call<T>(&mut self, call: impl FnOnce(&mut Tcb, &mut Context<'_>) -> T) -> T {
        let World { tcb, config, pool, tracer, now, .. } = self;
        let result = call(tcb, &mut Context { now: *now, config, conn: ConnId(1), tracer, pool });
        self.tcb.check_invariants(&self.config);
        result
    }

    fn drain(&mut self) {
        for _ in 0..10_000 {
            match self.call(Tcb::poll_output) {
                Output::Transmit(segment) => {
                    if let Some(timestamps) = segment.options.timestamps {
                        self.stamp = timestamps.val;
                    }
                }
                Output::Wait(_) => {
                    let status = self.tcb.status(self.now, &self.config);
                    // SYN and FIN included, and what an ACK within a segment has left of it.
                    let most = 2 + 2 * status.in_flight.div_ceil(u32::from(MSS) / 2);
                    let small = self.written.min(200);
                    assert!(status.segments_in_flight <= most + small, "{status:#?}");
                    return;
                }
            }
        }
        panic!("it never stops sending: {:#?}", self.tcb.status(self.now, &self.config));
    }

    /// Time passes; timers run out one by one.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.tcb.next_deadline().filter(|at| *at <= end) {
            self.at_once = if at <= self.now { self.at_once + 1 } else { 0 };
            assert!(self.at_once < 20, "timers run in circles");
            self.now = self.now.max(at);
            self.call(Tcb::on_timeout);
            self.drain();
        }
        self.now = end;
    }

    fn place(&mut self, nxt: Seq) -> Seq {
        let out = nxt - self.una;
        match self.random.below(6) {
            0 => self.una,
            1 => nxt,
            2 => self.una + self.below(out + 1),
            3 => self.una + self.below(out / 1000 + 1) * 1000,
            4 => self.una - self.below(3_000),
            _ => nxt + self.below(3_000),
        }
    }

    fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.random.below(u64::from(limit.max(1)))).expect("below the limit")
    }

    fn lie(&mut self) {
        let nxt = self.tcb.snd_nxt();
        let mut sack = SackBlocks::default();
        if self.config.sack && self.random.chance(0.7) {
            for _ in 0..self.random.below(5) {
                let (left, right) = (self.place(nxt), self.place(nxt));
                sack.push(left, right);
            }
        }
        let ack = if self.random.chance(0.6) { self.una } else { self.place(nxt) };
        let wnd = self.random.pick(&[60_000, 60_000, 60_000, 10_000, 1_500, 1, 0]);
        let age = if self.random.chance(0.7) { 0 } else { 1 + self.below(5_000) };
        let ecr = self.stamp.wrapping_sub(age);
        let timestamps = self.config.timestamps.then_some(Timestamps { val: 1, ecr });
        let mut flags = Flags::ACK;
        flags.set(Flags::ECE, self.random.chance(0.2));
        let options = Options { sack, timestamps, ..Options::default() };
        let segment = Segment { seq: Seq(1), ack, flags, wnd, options, ..Segment::default() };
        self.call(|tcb, cx| tcb.on_segment(segment, cx));
        if ack.gt(self.una) && ack.le(nxt) {
            self.una = ack;
        }
    }

    fn step(&mut self) {
        match self.random.below(10) {
            0 | 1 => {
                let octets = self.random.pick(&[1, 100, 3_000, 20_000]);
                if self.tcb.state() == State::Established {
                    let sent = self.call(|tcb, cx| tcb.send(&vec![7; octets], cx)).unwrap_or(0);
                    self.written += u32::try_from(sent).expect("few");
                }
            }
            2 => {
                let time = self.random.pick(&[1, 10, 30, 300, 3_000]);
                self.pass(Duration::from_millis(time));
            }
            3 if self.random.chance(0.01) => {
                let _ = self.call(Tcb::close);
            }
            _ => self.lie(),
        }
        // Any number of inputs may come before the next output.
        if self.random.chance(0.7) {
            self.drain();
        }
    }

    /// Acknowledges everything, with room for all, until nothing is left.
    fn be_honest(&mut self) {
        for _ in 0..20_000 {
            let timestamps =
                self.config.timestamps.then_some(Timestamps { val: 1, ecr: self.stamp });
            let options = Options { timestamps, ..Options::default() };
            let (ack, flags) = (self.tcb.snd_nxt(), Flags::ACK);
            let segment =
                Segment { seq: Seq(1), ack, flags, wnd: 60_000, options, ..Segment::default() };
            self.call(|tcb, cx| tcb.on_segment(segment, cx));
            self.drain();
            let status = self.tcb.status(self.now, &self.config);
            if status.in_flight == 0 && status.unsent == 0 {
                assert_eq!(status.recovery, RecoveryState::Open);
                let all = self.iss + 1 + self.written;
                assert!(self.tcb.snd_nxt().ge(all), "every octet has left");
                return;
            }
            let next = self.tcb.next_deadline().expect("something is to come");
            let wait = next.since(self.now).min(Duration::from_millis(20));
            self.pass(wait);
        }
        panic!("it never ends: {:#?}", self.tcb.status(self.now, &self.config));
    }

    /// Says nothing any more: the retransmission timer, or the persist timer, goes on for ever.
    fn fall_silent(&mut self) {
        let in_flight = self.tcb.status(self.now, &self.config).in_flight;
        if in_flight == 0 {
            return;
        }
        let before = self.tcb.status(self.now, &self.config).retransmissions;
        self.pass(Duration::from_mins(10));
        let status = self.tcb.status(self.now, &self.config);
        assert!(status.retransmissions > before, "nothing is tried any more: {status:#?}");
    }
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    for _ in 0..LIES {
        world.step();
    }
    world.drain();
    if seed.is_multiple_of(3) {
        world.fall_silent();
    }
    world.be_honest();
}

#[test]
fn lies_break_nothing_and_end() {
    for seed in seeds(1_000) {
        if let Err(panic) = std::panic::catch_unwind(|| run(seed)) {
            panic!("GLASS_SEED={seed}: {}", support::panic_text(&*panic));
        }
    }
}
