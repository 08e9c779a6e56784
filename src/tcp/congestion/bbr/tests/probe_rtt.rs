//! ProbeRTT: when it begins, what it does, when it ends.

use super::super::State;
use super::network::{Network, mbit, ms};
use crate::tcp::congestion::CongestionControl;

#[test]
fn every_five_seconds_half_of_the_pipe_is_emptied_for_a_fifth_of_a_second() {
    let mut network = Network::with_buffer(mbit(50), ms(40), 400);
    let mut entered = Vec::new();
    for _ in 0..5 {
        network.run_until(State::ProbeRtt, ms(6000));
        let at = network.now;
        entered.push(at);
        let mut least = u64::MAX;
        while network.bbr.state == State::ProbeRtt {
            network.run(ms(1));
            least = least.min(u64::from(network.in_flight()));
        }
        let took = network.now.since(at);
        assert!((ms(200)..ms(200 + 3 * 40)).contains(&took), "{took:?}");
        assert!((40..=50).contains(&(least * 100 / network.bdp())), "{least}");
        assert_eq!(network.bbr.state, State::Cruise);
        assert!(u64::from(network.bbr.window()) > network.bdp() * 3 / 2, "the window is back");
        network.run(ms(80));
        assert!(u64::from(network.in_flight()) > network.bdp() * 85 / 100, "and what it allows");
    }
    for pair in entered.windows(2) {
        let apart = pair[1].since(pair[0]);
        assert!((ms(5000)..ms(5500)).contains(&apart), "{apart:?}");
    }
    assert!(network.bbr.max_bandwidth.rate() > mbit(49), "a quiet path is no slow one");
}

#[test]
fn silence_is_as_good() {
    let mut network = Network::with_buffer(mbit(50), ms(40), 400);
    network.run(ms(3000));
    // Nothing for seven seconds.
    network.application = Some(0);
    network.run(ms(7000));
    network.application = None;
    let before = network.changes.len();
    network.run(ms(1000));
    assert!(network.changes[before..].iter().all(|change| change.state != State::ProbeRtt));
}

#[test]
fn out_of_startup_it_leads_back_there() {
    let mut network = Network::with_buffer(mbit(50), ms(40), 400);
    network.application = Some(mbit(4));
    network.run_until(State::ProbeRtt, ms(6000));
    network.run_until(State::Startup, ms(500));
    assert!(!network.bbr.full_pipe.reached);
}

#[test]
fn a_longer_path_is_noticed() {
    let mut network = Network::with_buffer(mbit(50), ms(20), 400);
    network.run(ms(4000));
    network.rtt = ms(60);
    network.run(ms(16_000));
    let min_rtt = network.bbr.min_rtt.value().unwrap();
    assert!((ms(60)..ms(64)).contains(&min_rtt), "{min_rtt:?}");
    let reached = network.run(ms(4000));
    assert!(reached * 100 / network.rate >= 90, "{reached} {}", network.bbr.window());
}
