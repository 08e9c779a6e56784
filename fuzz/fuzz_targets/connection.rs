//! Segments, calls and times as the fuzzer chooses them, against one stack: the harness of
//! `tests/any_segment.rs`, its choices made of the fuzzer's octets.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

use glasstack::tcp::State;
use libfuzzer_sys::fuzz_target;
use support::harness::{Choices, Harness};

/// More steps than this find nothing that fewer do not.
const STEPS: usize = 200;

/// The fuzzer's octets, eight bits of choice each, more where a larger number is asked for.
struct Octets<'a> {
    left: &'a [u8],
}

impl Octets<'_> {
    fn next(&mut self) -> u64 {
        match self.left.split_first() {
            Some((first, rest)) => {
                self.left = rest;
                u64::from(*first)
            }
            None => 0,
        }
    }
}

impl Choices for Octets<'_> {
    fn number(&mut self) -> u64 {
        (0..4).fold(0, |number, _| number << 8 | self.next())
    }

    fn below(&mut self, limit: u64) -> u64 {
        let number = if limit <= 256 { self.next() } else { self.number() };
        number % limit
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let start = State::ALL[usize::from(*first) % State::ALL.len()];
    let mut harness = Harness::new(Octets { left: rest }, None);
    harness.reach(start);
    for _ in 0..STEPS.min(data.len()) {
        harness.step();
    }
    harness.end();
});
