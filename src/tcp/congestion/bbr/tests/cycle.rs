//! ProbeBW (draft-ietf-ccwg-bbr): the phases, their order, their gains, their time.

use super::super::State;
use super::network::{Change, MSS, Network, mbit, ms};
use crate::tcp::congestion::CongestionControl;

fn changes_in(network: &Network, state: State) -> Vec<Change> {
    network.changes.iter().copied().filter(|change| change.state == state).collect()
}

#[test]
fn the_phases_follow_one_another() {
    let mut network = Network::with_buffer(mbit(50), ms(30), 400);
    network.run(ms(30_000));
    let cycled: Vec<_> = network.changes.iter().skip(2).collect();
    for pair in cycled.windows(2) {
        let expected = match (pair[0].state, pair[1].state) {
            // What the model measures is due every five seconds, whatever the phase.
            (_, State::ProbeRtt) => true,
            (State::ProbeRtt, next) => next == State::Cruise,
            (State::Down, next) => next == State::Cruise,
            (State::Cruise, next) => next == State::Refill,
            (State::Refill, next) => next == State::Up,
            (State::Up, next) => next == State::Down,
            (State::Startup | State::Drain, _) => false,
        };
        assert!(expected, "{pair:?}");
    }
    let ups = changes_in(&network, State::Up);
    assert!(ups.len() >= 6, "{} probes", ups.len());
    // The first two of a kind are not apart by less than the rounds that Reno needs.
    for pair in ups.windows(2) {
        let apart = pair[1].at.since(pair[0].at);
        assert!((ms(1800)..ms(5500)).contains(&apart), "{apart:?}");
    }
}

#[test]
fn every_phase_paces_as_it_should() {
    let mut network = Network::with_buffer(mbit(50), ms(30), 400);
    let mut seen = Vec::new();
    for _ in 0..30_000 {
        network.run(ms(1));
        let state = network.bbr.state;
        let per_mille = network.bbr.pacing_rate * 1000 / network.bbr.bandwidth().max(1);
        let expected = match state {
            // It never slows down before the pipe was full: within a round the bandwidth grows.
            State::Startup => continue,
            State::Drain => 495,
            State::Down => 891,
            State::Cruise | State::Refill | State::ProbeRtt => 990,
            State::Up => 1237,
        };
        assert!((expected - 1..=expected).contains(&per_mille), "{state:?}: {per_mille}");
        if !seen.contains(&state) {
            seen.push(state);
        }
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
}

#[test]
fn small_pipes_are_probed_as_often_as_reno_would() {
    // 20 segments: Reno needs 20 rounds.
    let mut network = Network::with_buffer(mbit(8), ms(20), 400);
    network.run(ms(4000));
    let ups = changes_in(&network, State::Up);
    let apart = ups[2].at.since(ups[1].at);
    assert!((ms(380)..ms(800)).contains(&apart), "{apart:?}");
}

#[test]
fn a_bound_that_is_in_the_way_gives_way_faster_and_faster() {
    let mut network = Network::with_buffer(mbit(100), ms(20), 100);
    network.run(ms(4000));
    network.run_until(State::Refill, ms(6000));
    let low = network.bdp() / 2;
    network.bbr.bounds.long_term = low;
    network.run_until(State::Up, ms(100));
    let mut growth = Vec::new();
    let mut before = network.bbr.bounds.long_term;
    for _ in 0..7 {
        let round = network.bbr.rounds.count;
        while network.bbr.rounds.count == round {
            network.run(ms(1));
        }
        growth.push((network.bbr.bounds.long_term - before) / u64::from(MSS));
        before = network.bbr.bounds.long_term;
    }
    assert!(growth[1] <= 4, "{growth:?}");
    assert!(growth.windows(2).skip(1).all(|pair| pair[1] * 2 >= pair[0] * 3), "{growth:?}");
    network.run(ms(2000));
    assert!(network.bbr.bounds.long_term > low * 3 / 2);
}

#[test]
fn a_probe_after_one_that_went_wrong_is_cautious() {
    let mut network = Network::with_buffer(mbit(100), ms(20), 10);
    network.run(ms(15_000));
    // Up, only to the edge; nothing went wrong: at once up again, without a cruise between.
    let states = network.changes.iter().map(|change| change.state).collect::<Vec<_>>();
    let again = [State::Up, State::Down, State::Refill, State::Up, State::Down];
    let found = states.windows(5).position(|window| window == again);
    let again = found.or_else(|| {
        // It may have drained before it was known.
        let again = [State::Up, State::Down, State::Cruise, State::Refill, State::Up];
        let changes = &network.changes;
        (0..states.len().saturating_sub(5)).find(|&first| {
            let apart = changes[first + 4].at.since(changes[first + 1].at);
            states[first..first + 5] == again && apart < ms(150)
        })
    });
    assert!(again.is_some(), "{:?}", network.changes);
    let lost = network.lost;
    network.run(ms(15_000));
    assert!(network.lost - lost < network.bdp(), "{}", network.lost - lost);
}

#[test]
fn the_headroom_is_left_while_cruising() {
    let mut network = Network::with_buffer(mbit(100), ms(20), 10);
    network.run(ms(10_000));
    network.run_until(State::Cruise, ms(6000));
    network.run(ms(100));
    assert_eq!(network.bbr.state, State::Cruise);
    let long_term = network.bbr.bounds.long_term;
    assert!(long_term < network.bdp() * 3 / 2, "{long_term}");
    assert!(u64::from(network.bbr.window()) <= long_term * 85 / 100 + 1);
}
