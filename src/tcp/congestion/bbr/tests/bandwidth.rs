//! The bandwidth is found, kept, and followed (draft-ietf-ccwg-bbr).

use std::time::Duration;

use super::super::State;
use super::network::{MSS, Network, mbit, ms};
use crate::tcp::congestion::CongestionControl;

/// `part` of `whole` in hundredths.
fn share(part: u64, whole: u64) -> u64 {
    part * 100 / whole
}

#[test]
fn startup_finds_the_bandwidth_in_logarithmic_rounds_and_drains_its_queue() {
    let mut network = Network::with_buffer(mbit(100), ms(40), 400);
    network.run_until(State::Drain, ms(2000));
    // Ten segments to 500 are six doublings; three rounds more show that there is no more to find.
    assert!((6..=13).contains(&network.bbr.rounds.count), "{} rounds", network.bbr.rounds.count);
    assert!((98..=102).contains(&share(network.bbr.max_bandwidth.rate(), network.rate)));
    assert!(network.longest_wait > ms(20), "the queue is what shows it");
    // On the way to cruising it only passes through DOWN.
    network.run_until(State::Cruise, ms(120));
    assert!(u64::from(network.in_flight()) <= network.bdp() + 3 * network.bbr.send_quantum);
    assert_eq!(network.lost, 0);
}

#[test]
fn steadily_the_pipe_is_full_and_the_queue_short() {
    let mut network = Network::with_buffer(mbit(50), ms(30), 400);
    network.run(ms(3000));
    network.longest_wait = ms(0);
    let mut flights = Vec::new();
    let before = network.delivered;
    for _ in 0..600 {
        network.run(ms(5));
        if network.bbr.state == State::Cruise {
            flights.push(u64::from(network.in_flight()));
        }
    }
    assert!(share((network.delivered - before) / 3, network.rate) >= 95);
    assert_eq!(network.lost, 0);
    let middle = flights.iter().sum::<u64>() / flights.len() as u64;
    let range = 90..=125;
    assert!(range.contains(&share(middle, network.bdp())), "{middle} of {}", network.bdp());
}

#[test]
fn twice_the_bandwidth_is_found_and_half_is_followed() {
    let mut network = Network::with_buffer(mbit(20), ms(20), 200);
    network.run(ms(5000));
    network.rate = mbit(40);
    network.run(ms(8000));
    assert!(share(network.run(ms(3000)), mbit(40)) >= 90, "{:?}", network.bbr);
    network.rate = mbit(20);
    network.run(ms(8000));
    network.longest_wait = ms(0);
    assert!(share(network.run(ms(3000)), mbit(20)) >= 90);
    assert!(network.bbr.max_bandwidth.rate() <= mbit(20) * 102 / 100);
    assert!(network.longest_wait < ms(40), "{:?}", network.longest_wait);
}

#[test]
fn ten_times_the_bandwidth_is_found() {
    let mut network = Network::with_buffer(mbit(10), ms(20), 200);
    network.run(ms(5000));
    network.rate = mbit(100);
    network.run(ms(12_000));
    assert!(share(network.run(ms(2000)), mbit(100)) >= 90);
}

#[test]
fn a_tenth_of_the_bandwidth_is_followed() {
    let mut network = Network::with_buffer(mbit(100), ms(20), 100);
    network.run(ms(5000));
    network.rate = mbit(10);
    network.run(ms(1000));
    assert!(network.bbr.bounds.bandwidth < mbit(100), "losses lower the short-term bound");
    network.run(ms(10_000));
    assert!(network.bbr.max_bandwidth.rate() <= mbit(10) * 105 / 100);
    assert!(share(network.run(ms(3000)), mbit(10)) >= 90);
}

#[test]
fn an_application_that_sends_little_does_not_lower_the_estimate() {
    let mut network = Network::with_buffer(mbit(50), ms(20), 200);
    network.run(ms(4000));
    network.application = Some(mbit(2));
    network.run(ms(1000));
    let found = network.bbr.max_bandwidth.rate();
    assert!(share(found, mbit(50)) >= 98);
    let sent = network.run(ms(20_000));
    assert!(share(sent, mbit(2)) >= 95, "{sent}");
    assert_eq!(network.bbr.max_bandwidth.rate(), found);
    assert_ne!(network.bbr.state, State::Startup);
}

#[test]
fn startup_goes_on_while_the_application_is_the_limit() {
    let mut network = Network::with_buffer(mbit(50), ms(20), 200);
    network.application = Some(mbit(2));
    network.run(ms(4000));
    assert_eq!(network.bbr.state, State::Startup);
    network.application = None;
    network.run(ms(1000));
    assert!(share(network.bbr.max_bandwidth.rate(), mbit(50)) >= 98);
}

#[test]
fn gathered_acknowledgments_widen_the_window() {
    let mut network = Network::with_buffer(mbit(50), ms(10), 400);
    network.run(ms(3000));
    let plain = network.bbr.window();
    network.gather = Some(ms(20));
    network.run(ms(9000));
    assert!(network.bbr.window() > plain * 3 / 2, "{} and {plain}", network.bbr.window());
    assert!(share(network.run(ms(4000)), mbit(50)) >= 90);
}

#[test]
fn slow_fast_short_and_long_paths_are_filled() {
    // 8 kbit/s, where no more than a part of a segment fits; a LAN; a satellite and two seconds, where
    // ProbeRTT takes a good part of the time.
    for (rate, rtt, warm, time, least) in [
        (1_000, ms(100), ms(60_000), ms(60_000), 95),
        (mbit(400_000), Duration::from_micros(20), ms(20), ms(20), 95),
        (mbit(10), ms(2000), ms(60_000), ms(60_000), 75),
    ] {
        let mut network = Network::new(rate, rtt, 0);
        network.buffer = network.bdp() * 2 + 20 * u64::from(MSS);
        network.run(warm);
        let reached = network.run(time);
        assert!(share(reached, rate) >= least, "{rate} {rtt:?}: {reached}; {:?}", network.bbr);
        assert_eq!(network.timeouts, 0);
    }
}
