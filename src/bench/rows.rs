//! Runs rows in real time, engine after engine and round after round, so that whatever else the machine
//! does meets all of them alike.

use std::time::Duration;

use super::Kind;
use super::pair::{Pair, Row};
use crate::runtime::clock::Clock;

/// Enough for slow start, and for an ACK that the first segment waits for.
const WARM_UP: Duration = Duration::from_millis(100);

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The rows, in order.
    pub rows: Vec<Row>,
    /// The engines of the server.
    pub servers: Vec<Kind>,
    /// How often each is run.
    pub rounds: u32,
    /// How long each run lasts, after a warm-up.
    pub each: Duration,
    /// The longest packet, in octets.
    pub mtu: usize,
}

/// What one run has come to.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Measured {
    /// Octets or requests a second.
    pub value: f64,
    /// Packets to the server a second.
    pub packets_in: f64,
    /// Packets from the server a second.
    pub packets_out: f64,
    /// Connections that ended before their time.
    pub failures: u64,
}

/// All runs of one engine in one row.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The row.
    pub row: Row,
    /// The engine of the server.
    pub server: Kind,
    /// Round after round; the engines of a row have the same number.
    pub runs: Vec<Measured>,
}

/// Runs everything; `tell` is told before each run, for people who wait.
pub fn run(plan: &Plan, clock: Clock, mut tell: impl FnMut(Row, Kind, u32)) -> Vec<Outcome> {
    let pairs = plan.rows.iter().flat_map(|row| plan.servers.iter().map(|server| (*row, *server)));
    let mut outcomes: Vec<Outcome> =
        pairs.map(|(row, server)| Outcome { row, server, runs: Vec::new() }).collect();
    for round in 1..=plan.rounds {
        for outcome in &mut outcomes {
            tell(outcome.row, outcome.server, round);
            outcome.runs.push(once(outcome.row, outcome.server, plan, clock));
        }
    }
    outcomes
}

fn once(row: Row, server: Kind, plan: &Plan, clock: Clock) -> Measured {
    let mut pair = Pair::new(row, server, plan.mtu);
    // Stacks count time from when they were made.
    let start = clock.now();
    let run_for = |pair: &mut Pair, duration: Duration| {
        let began = clock.now();
        loop {
            let now = clock.now();
            if now.since(began) >= duration {
                return now.since(began).as_secs_f64();
            }
            pair.round(crate::time::Instant::ZERO + now.since(start));
        }
    };
    run_for(&mut pair, WARM_UP);
    let before = pair.done();
    let seconds = run_for(&mut pair, plan.each);
    let done = pair.done();
    #[expect(clippy::cast_precision_loss, reason = "a rate, to three digits")]
    let rate = |now: u64, then: u64| (now - then) as f64 / seconds;
    Measured {
        value: rate(done.work, before.work),
        packets_in: rate(done.packets_in, before.packets_in),
        packets_out: rate(done.packets_out, before.packets_out),
        failures: done.failures - before.failures,
    }
}
