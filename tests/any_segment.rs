//! Random segments, calls and times, from each of the eleven states: no panic, the invariants hold, what
//! the stack keeps and sends is bounded, and in the end nothing is left.
//!
//! `GLASS_SEEDS=N` runs so many seeds, `GLASS_SEED=K` runs one. A seed that fails is run again with
//! a ladder.

mod support;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use glasstack::sim::Random;
use glasstack::tcp::State;
use glasstack::view::ladder::{LadderRecorder, Limits, Style};

use support::harness::Harness;
use support::{panic_text, seeds};

/// Steps of one seed; with the seeds of one run more than 50,000.
const STEPS: u32 = 60;

/// Each seed begins in the next state. Stops at the step in which it fails.
fn run(seed: u64, step: &Cell<u32>, recorder: Option<LadderRecorder>) {
    step.set(0);
    let mut random = Random::new(seed);
    let state = State::ALL[usize::try_from(seed % 11).expect("below 11")];
    let _ = random.number();
    let mut harness = Harness::new(random, recorder);
    harness.reach(state);
    while step.get() < STEPS {
        step.set(step.get() + 1);
        harness.step();
    }
    step.set(step.get() + 1);
    harness.end();
}

#[test]
fn anything_at_any_time_in_any_state() {
    for seed in seeds(1_100) {
        let step = Cell::new(0);
        let attempt = |recorder| catch_unwind(AssertUnwindSafe(|| run(seed, &step, recorder)));
        let Err(panic) = attempt(None) else { continue };
        let limits = Limits { connections: 40, rows: 200 };
        let recorder = LadderRecorder::new(limits);
        let _ = attempt(Some(recorder.clone()));
        println!("{}", recorder.render(&Style { width: 140, ..Style::default() }));
        panic!("GLASS_SEED={seed}, step {} of {STEPS}: {}", step.get(), panic_text(&*panic));
    }
}
