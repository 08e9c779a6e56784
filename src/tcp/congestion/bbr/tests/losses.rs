//! What losses do: little below 2 %, bounds above.

use super::super::State;
use super::super::arithmetic::UNBOUNDED;
use super::network::{MSS, Network, mbit, ms};

/// Throughput in hundredths of the bandwidth with `loss` in a million lost by chance.
fn throughput(loss: u64) -> u64 {
    let mut network = Network::with_buffer(mbit(50), ms(30), 200);
    network.loss = loss;
    network.run(ms(5000));
    network.run(ms(30_000)) * 100 / network.rate
}

#[test]
fn a_per_cent_of_random_losses_does_not_make_it_collapse() {
    assert!(throughput(0) >= 95);
    assert!(throughput(1_000) >= 85);
    // Each lossy round of a cruise takes its per cent, up to 63 of them, until the next probe gives all of
    // it back.
    assert!(throughput(10_000) >= 70);
}

#[test]
fn many_losses_do_slow_it_down() {
    assert!(throughput(100_000) < throughput(10_000));
}

#[test]
fn a_shallow_buffer_is_not_flooded() {
    let mut network = Network::with_buffer(mbit(100), ms(40), 2);
    network.run(ms(10_000));
    let lost = network.lost;
    let reached = network.run(ms(20_000)) * 100 / network.rate;
    let lost = (network.lost - lost) * 10_000 / (network.rate * 20);
    let long_term = network.bbr.bounds.long_term;
    assert!(long_term <= (network.bdp() + network.buffer) * 110 / 100, "{long_term}");
    assert!(reached >= 70, "{reached}");
    assert!(lost <= 200, "{lost}");
}

#[test]
fn losses_end_startup() {
    let mut network = Network::with_buffer(mbit(100), ms(40), 5);
    network.run_until(State::Drain, ms(2000));
    assert!(network.lost > 6 * u64::from(MSS));
    assert!(network.bbr.full_pipe.now);
    assert_ne!(network.bbr.bounds.long_term, UNBOUNDED);
}
