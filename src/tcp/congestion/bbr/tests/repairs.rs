//! Repairs, what is taken back, marks, and what comes after silence.

use super::super::{Bbr, State};
use super::network::{MSS, Network, mbit, ms};
use crate::seq::Seq;
use crate::tcp::congestion::{
    Ack, Algorithm, CongestionControl, Control, LostSegment, Path, RateSample, Signal,
};
use crate::time::Instant;

fn path(network: &Network) -> Path {
    Path {
        now: network.now,
        delivered: network.delivered,
        lost: network.lost,
        ..Path::sample(MSS, network.in_flight())
    }
}

/// A tenth of what is in flight is lost.
fn lose_much(network: &mut Network) -> Path {
    let mut path = path(network);
    let flight = path.in_flight;
    let (delivered_then, lost_then) = (path.delivered, path.lost);
    for nth in 0..flight / MSS / 10 {
        path.lost += u64::from(MSS);
        path.in_flight -= MSS;
        let lost = LostSegment {
            octets: MSS,
            in_flight_then: flight - 2 * MSS * nth,
            delivered_then,
            lost_then,
            app_limited_then: false,
        };
        network.bbr.on_lost(&lost, &path);
    }
    network.bbr.on_congestion(Signal::Loss, &Path { in_flight: flight, ..path });
    path
}

/// Somewhere in ProbeBW_UP, when its answers arrive.
fn probing() -> Network {
    let mut network = Network::with_buffer(mbit(50), ms(40), 400);
    network.run(ms(1500));
    network.run_until(State::Up, ms(6000));
    network.run(ms(50));
    assert_eq!(network.bbr.state, State::Up);
    network
}

#[test]
fn a_probe_that_loses_too_much_is_over_and_one_that_did_not_goes_on() {
    let mut network = probing();
    let window = network.bbr.window();
    let before = network.bbr.clone();
    let path = lose_much(&mut network);
    assert_eq!(network.bbr.state, State::Down);
    let long_term = network.bbr.bounds.long_term;
    assert!(long_term < u64::from(window), "{long_term}");
    assert!(long_term >= network.bbr.target_inflight() * 7 / 10);
    network.bbr.undo(&before, &path);
    assert_eq!(network.bbr.state, State::Refill);
    assert_eq!(network.bbr.window(), window);
    assert_eq!(network.bbr.bounds.long_term, before.bounds.long_term);
    assert!(!network.bbr.delivery.lost);
}

#[test]
fn losses_while_cruising_lower_the_short_term_bounds_until_they_are_undone() {
    let mut network = Network::with_buffer(mbit(50), ms(40), 400);
    network.run(ms(1500));
    assert_eq!(network.bbr.state, State::Cruise);
    let before = network.bbr.clone();
    let path = lose_much(&mut network);
    assert_eq!(network.bbr.state, State::Cruise);
    network.run(ms(85));
    let bounds = network.bbr.bounds;
    assert!(bounds.bandwidth <= before.bandwidth());
    assert!(bounds.short_term < u64::from(before.cwnd), "{bounds:?}");
    assert!(bounds.short_term >= u64::from(before.cwnd) * 7 / 10);
    network.bbr.undo(&before, &path);
    assert_eq!(network.bbr.bounds.short_term, before.bounds.short_term);
    assert_eq!(network.bbr.bounds.bandwidth, before.bounds.bandwidth);
}

#[test]
fn startup_that_losses_ended_without_reason_goes_on() {
    let mut network = Network::with_buffer(mbit(100), ms(40), 5);
    network.run_until(State::Drain, ms(2000));
    let before = network.bbr.clone();
    let path = path(&network);
    network.bbr.undo(&before, &path);
    assert_eq!(network.bbr.state, State::Startup);
    assert!(!network.bbr.full_pipe.reached);
    // A plateau is no loss: there is nothing to take back.
    let mut network = Network::with_buffer(mbit(100), ms(40), 400);
    network.run_until(State::Drain, ms(2000));
    let before = network.bbr.clone();
    network.bbr.undo(&before, &path);
    assert_eq!(network.bbr.state, State::Drain);
}

/// An acknowledgment up to `una` after a timeout.
fn later_ack(path: Path, una: Seq) -> Ack {
    Ack { path: Path { una, ..path }, octets: MSS, delivered: MSS, ..Ack::sample(MSS, MSS) }
}

#[test]
fn a_timeout_leaves_one_segment_and_its_repair_brings_the_window_back() {
    let mut network = Network::with_buffer(mbit(50), ms(40), 400);
    network.run(ms(1500));
    let window = network.bbr.window();
    let path = Path { una: Seq(0), nxt: Seq(100 * MSS), ..path(&network) };
    network.bbr.on_timeout(&path);
    assert_eq!(network.bbr.window(), MSS);
    network.bbr.on_ack(&later_ack(path, Seq(MSS)));
    assert_eq!(network.bbr.window(), 4 * MSS, "the least that keeps a pipe moving");
    network.bbr.on_ack(&later_ack(path, Seq(2 * MSS)));
    assert_eq!(network.bbr.window(), 5 * MSS);
    network.bbr.on_ack(&later_ack(path, Seq(100 * MSS)));
    assert!(network.bbr.window() >= window * 7 / 10, "{}", network.bbr.window());
}

#[test]
fn a_timeout_that_was_none_is_taken_back() {
    let mut network = probing();
    let before = network.bbr.clone();
    let path = path(&network);
    network.bbr.on_timeout(&path);
    network.bbr.undo(&before, &path);
    assert_eq!(network.bbr.window(), before.window());
    assert_eq!(network.bbr.state, State::Up);
}

#[test]
fn a_mark_is_as_good_as_too_much_loss() {
    let mut network = probing();
    let path = path(&network);
    network.bbr.on_congestion(Signal::Marked, &path);
    assert_eq!(network.bbr.state, State::Down);
    assert_eq!(network.bbr.bounds.long_term, u64::from(path.in_flight));

    let mut network = Network::with_buffer(mbit(50), ms(40), 400);
    network.run(ms(200));
    assert_eq!(network.bbr.state, State::Startup);
    network.bbr.on_congestion(Signal::Marked, &self::path(&network));
    network.run_until(State::Drain, ms(50));

    let mut network = Network::with_buffer(mbit(50), ms(40), 400);
    network.run(ms(1500));
    let window = network.bbr.window();
    network.bbr.on_congestion(Signal::Marked, &self::path(&network));
    network.run(ms(85));
    assert!(network.bbr.bounds.short_term < u64::from(window));
    assert_ne!(network.bbr.bounds.bandwidth, u64::MAX);
}

#[test]
fn without_sack_one_loss_is_enough() {
    for (sack, after) in [(true, State::Startup), (false, State::Drain)] {
        let mut network = Network::with_buffer(mbit(50), ms(40), 400);
        network.bbr.on_negotiated(sack);
        network.run(ms(200));
        let path = path(&network);
        network.bbr.on_congestion(Signal::Loss, &path);
        network.run(ms(5));
        assert_eq!(network.bbr.state, after);
    }
}

#[test]
fn after_silence_the_pipe_is_filled_at_its_bandwidth() {
    let mut network = probing();
    let window = network.bbr.window();
    let path = Path { in_flight: 0, ..path(&network) };
    assert!(network.bbr.pacing_rate().unwrap() > network.bbr.bandwidth());
    network.bbr.on_idle(&path);
    network.bbr.on_send(&path, true);
    assert_eq!(network.bbr.pacing_rate(), Some(network.bbr.bandwidth() * 99 / 100));
    assert_eq!(network.bbr.window(), window);
}

#[test]
fn the_first_round_trip_sets_the_first_rate() {
    let mut bbr = Bbr::new(10, MSS);
    assert_eq!(bbr.pacing_rate(), Some(27_700_000));
    let path = Path { srtt: Some(ms(100)), now: Instant::from_millis(9), ..Path::sample(MSS, 0) };
    bbr.on_send(&path, false);
    assert_eq!(bbr.pacing_rate(), Some(277_000));
    assert_eq!(bbr.window(), 10 * MSS);
    bbr.on_ack(&Ack { path, delivered: MSS, ..Ack::sample(MSS, MSS) });
    assert_eq!(bbr.send_quantum(), 2 * MSS);
}

#[test]
fn a_sample_shorter_than_the_round_trip_is_no_rate() {
    let mut bbr = Bbr::new(10, MSS);
    let path = Path { min_rtt: Some(ms(10)), ..Path::sample(MSS, MSS) };
    let rate = |millis| RateSample {
        delivered: 1_000_000,
        interval: ms(millis),
        prior_delivered: 0,
        in_flight_then: MSS,
        lost: 0,
        rtt: None,
        app_limited: false,
    };
    bbr.on_ack(&Ack { path, rate: Some(rate(1)), ..Ack::sample(MSS, MSS) });
    assert_eq!(bbr.max_bandwidth.rate(), 0);
    bbr.on_ack(&Ack { path, rate: Some(rate(10)), ..Ack::sample(MSS, MSS) });
    assert_eq!(bbr.max_bandwidth.rate(), 100_000_000);
}

#[test]
fn it_is_chosen_by_name_and_costs_others_nothing() {
    assert_eq!("bbr".parse(), Ok(Algorithm::Bbr));
    let control = Control::new(Algorithm::Bbr, 10, MSS);
    assert_eq!((control.algorithm(), control.window()), (Algorithm::Bbr, 10 * MSS));
    assert!(control.meters_recovery());
    assert!(size_of::<Control>() <= 120);
}
