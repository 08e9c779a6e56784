//! Random segments, calls and times, from each of the eleven states: no panic, the invariants hold, what
//! the stack keeps and sends is bounded, and in the end nothing is left.
//!
//! `GLASS_SEEDS=N` runs so many seeds, `GLASS_SEED=K` runs one. A seed that fails is run again with
//! a ladder.

mod support;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use glasstack::sim::Random;
use glasstack::stack::Summary;
use glasstack::tcp::{Arrow, State};
use glasstack::view::ladder::{LadderRecorder, Limits, Style};

use support::harness::Harness;
use support::{panic_text, seeds};

/// Steps of one seed: about 200,000 in a run.
const STEPS: u32 = 60;

/// Where the steps of a run found the connections, and which arrows these had taken.
#[derive(Default)]
struct Coverage {
    steps: BTreeMap<State, u64>,
    arrows: BTreeSet<Arrow>,
}

impl Coverage {
    fn note(&mut self, statuses: &[Summary]) {
        let states: BTreeSet<State> = statuses.iter().map(|one| one.status.state).collect();
        for state in states {
            *self.steps.entry(state).or_default() += 1;
        }
        let transitions = statuses.iter().flat_map(|one| &one.status.transitions);
        self.arrows.extend(transitions.map(|step| (step.from, step.to, step.cause)));
    }
}

/// Each seed begins in the next state. Stops at the step in which it fails.
fn run(seed: u64, step: &Cell<u32>, recorder: Option<LadderRecorder>, coverage: &mut Coverage) {
    step.set(0);
    let mut random = Random::new(seed);
    let state = State::ALL[usize::try_from(seed % 11).expect("below 11")];
    let _ = random.number();
    let mut harness = Harness::new(random, recorder);
    harness.reach(state);
    while step.get() < STEPS {
        step.set(step.get() + 1);
        coverage.note(&harness.statuses());
        harness.step();
    }
    step.set(step.get() + 1);
    harness.end();
}

// MUST-7
#[test]
fn anything_at_any_time_in_any_state() {
    let seeds = seeds(3_300);
    let mut coverage = Coverage::default();
    for seed in seeds.clone() {
        let step = Cell::new(0);
        let mut attempt =
            |recorder| catch_unwind(AssertUnwindSafe(|| run(seed, &step, recorder, &mut coverage)));
        let Err(panic) = attempt(None) else { continue };
        let limits = Limits { connections: 40, ..Limits::default() };
        let recorder = LadderRecorder::new(limits);
        let _ = attempt(Some(recorder.clone()));
        println!("{}", recorder.render(&Style { width: 140, ..Style::default() }));
        panic!("GLASS_SEED={seed}, step {} of {STEPS}: {}", step.get(), panic_text(&*panic));
    }
    println!("{} arrows; steps that found a state: {:?}", coverage.arrows.len(), coverage.steps);
    if seeds.end - seeds.start >= 1_000 {
        // CLOSED and LISTEN have no connection that would stay.
        for state in &State::ALL[2..] {
            let steps = coverage.steps.get(state).copied().unwrap_or_default();
            assert!(steps > 1_000, "only {steps} steps found a connection in {state}");
        }
    }
}
