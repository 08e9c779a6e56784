//! Parts of a stack by themselves.

use std::hint::black_box;
use std::time::Duration;

use super::peer::MSS;
use super::{MOST_AT_ONCE, Operation};
use crate::bench::Kind;
use crate::stack::Wheel;
use crate::time::Instant;
use crate::wire::Checksum;

/// Timers that are set all the while.
const TIMERS: u32 = 100_000;
/// Of which one runs out so long after the other.
const APART: Duration = Duration::from_micros(10);

/// As connections with data in flight do: each ACK moves a timer.
pub(super) struct WheelSet {
    wheel: Wheel,
    now: Instant,
    key: u32,
}

impl WheelSet {
    pub(super) fn new() -> Self {
        let mut wheel = Wheel::new();
        (0..TIMERS).for_each(|key| wheel.set(key, Instant::ZERO + APART * key));
        WheelSet { wheel, now: Instant::ZERO, key: 0 }
    }
}

impl Operation for WheelSet {
    fn prepare(&mut self, _count: usize) {}

    fn run(&mut self, count: usize) {
        for _ in 0..count {
            self.key = (self.key + 7919) % TIMERS;
            self.now += Duration::from_nanos(100);
            self.wheel.set(self.key, self.now + Duration::from_millis(200));
        }
    }
}

pub(super) struct WheelAdvance {
    wheel: Wheel,
    now: Instant,
}

impl WheelAdvance {
    pub(super) fn new() -> Self {
        let mut wheel = Wheel::new();
        (1..=TIMERS).for_each(|key| wheel.set(key, Instant::ZERO + APART * key));
        WheelAdvance { wheel, now: Instant::ZERO }
    }
}

impl Operation for WheelAdvance {
    fn prepare(&mut self, _count: usize) {}

    fn run(&mut self, count: usize) {
        for _ in 0..count {
            self.now += APART;
            let due = self.wheel.advance(self.now);
            assert_eq!(due.len(), 1, "one at a time");
            // It starts again at the end of the line.
            self.wheel.set(due[0], self.now + APART * TIMERS);
        }
    }
}

pub(super) struct ChecksumOf {
    kind: Kind,
    text: Vec<u8>,
}

impl ChecksumOf {
    pub(super) fn new(kind: Kind) -> Self {
        let text = (0..MSS + MOST_AT_ONCE).map(|at| u8::try_from(at % 251).expect("small"));
        ChecksumOf { kind, text: text.collect() }
    }
}

impl Operation for ChecksumOf {
    fn prepare(&mut self, _count: usize) {}

    fn run(&mut self, count: usize) {
        for at in 0..count {
            let octets = black_box(&self.text[at % MOST_AT_ONCE..][..MSS]);
            match self.kind {
                Kind::Ours => {
                    let mut sum = Checksum::default();
                    sum.add(octets);
                    black_box(sum.finish());
                }
                Kind::Smoltcp => {
                    black_box(smoltcp::wire::checksum::data(octets));
                }
            }
        }
    }
}
