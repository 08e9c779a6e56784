//! Data communication (RFC 9293 3.8): retransmission, acknowledgments, windows, urgent data,
//! keep-alive.

mod common;

use std::time::Duration;

use common::*;
use glasstack::error::Error;
use glasstack::tcp::{Algorithm, Keepalive, Received, Timer};
use glasstack::wire::Options;

/// Established with a round-trip time of `rtt`, so that the timeout is three times that.
fn with_rtt(rtt: Duration) -> Prober {
    // The windows here are those of RFC 5681.
    let mut p = Prober::with(|config| config.tcp.congestion = Algorithm::NewReno);
    p.send(syn()).expect(syn_ack()).advance(rtt).send(ack()).accept();
    p
}

/// Sequence numbers and lengths of the data segments that wait to be looked at.
fn sent_data(p: &mut Prober) -> Vec<(u32, usize)> {
    let segs = p.take_sent();
    let text = segs.iter().filter(|seg| !seg.data.is_empty());
    text.map(|seg| (seg.seq.expect("filled in"), seg.data.len())).collect()
}

fn cwnd(p: &Prober) -> u32 {
    p.status().expect("it stands").cwnd
}

// --- 3.8.1: the retransmission timeout ---

// RFC 6298 2.2, 5.5; MUST-18, MUST-19
#[test]
fn the_timeout_follows_the_round_trip_and_doubles() {
    let mut p = with_rtt(ms(100));
    p.write(b"lost").expect(data(b"lost"));
    for wait in [300, 600, 1200, 2400] {
        p.expect_after(ms(wait), data(b"lost").seq(1));
    }
}

#[test]
fn unacknowledged_data_is_sent_again_though_no_packet_comes() {
    let mut p = with_rtt(ms(100));
    p.write(b"lost").expect(data(b"lost")).advance(secs(60));
    let times = p.take_sent().len();
    p.check(times >= 6, &format!("it should have gone out again six times; it did {times} times"));
}

#[test]
fn a_lost_octet_goes_again_as_it_was_whatever_waits_behind_it() {
    let mut p = with_rtt(ms(100));
    p.write(b"a").expect(data(b"a")).write(b"bc").expect_after(ms(300), data(b"a").seq(1));
    let again = p.status().expect("it stands").retransmissions;
    p.expect_eq(again, 1, "the retransmissions");
}

// RFC 6298 5.7 and 2.1
#[test]
fn after_a_lost_syn_the_timeout_begins_with_3_seconds() {
    let mut p = Prober::in_state(State::SynSent);
    p.expect_after(secs(1), syn()).send(syn_ack()).expect(ack());
    p.write(b"x").expect(data(b"x")).expect_after(secs(3), data(b"x"));
}

// MUST-18
// Karn: RFC 6298 3
#[test]
fn what_was_sent_twice_is_not_measured() {
    let mut p = with_rtt(ms(100));
    p.write(b"lost").expect(data(b"lost")).expect_after(ms(300), data(b"lost"));
    p.advance(ms(10)).send(ack());
    let srtt = p.status().expect("it stands").srtt;
    p.expect_eq(srtt, Some(ms(100)), "the smoothed round-trip time");
}

// RFC 6298 5: an ACK of what was sent twice proves nothing, the next measurement does.
#[test]
fn a_measured_round_trip_ends_the_doubling() {
    let mut p = with_rtt(ms(100));
    p.write(b"lost").expect(data(b"lost"));
    p.expect_after(ms(300), data(b"lost")).expect_after(ms(600), data(b"lost")).send(ack());
    let rto = p.status().expect("it stands").rto;
    p.expect_eq(rto, ms(1200), "the timeout before a measurement");
    p.write(b"more").expect(data(b"more").seq(5)).advance(ms(100)).send(ack().ack(9));
    let rto = p.status().expect("it stands").rto;
    p.expect_eq(rto < ms(300), true, "whether the timeout has come down");
}

// RFC 6298 5.3
#[test]
fn an_ack_of_new_data_starts_the_timer_over() {
    let mut p = with_rtt(ms(100));
    p.set_nodelay().write(b"a").write(b"b").expect(data(b"a")).expect(data(b"b"));
    p.advance(ms(250)).send(ack().ack(2));
    let rto = p.status().expect("it stands").rto;
    p.expect_after(rto, data(b"b").seq(2));
}

#[test]
fn the_timer_rests_when_all_is_acknowledged() {
    let mut p = with_rtt(ms(100));
    p.write(b"a").expect(data(b"a")).send(ack()).expect_silence_for(secs(1000));
}

// RFC 5681 3.1
#[test]
fn after_a_timeout_one_segment_goes_first() {
    let mut p = with_rtt(ms(100));
    p.write(pattern(1, 14_600));
    let first = sent_data(&mut p);
    p.expect_eq(first.len(), 10, "the first flight");
    p.expect_after(ms(300), octets(1460).seq(1)).expect_silence();
    let cwnd = cwnd(&p);
    p.expect_eq(cwnd, 1460, "the congestion window");
    p.send(ack().ack(1461));
    let next = sent_data(&mut p);
    p.expect_eq(next, vec![(1461, 1460), (2921, 1460)], "what goes next");
}

// MUST-20, MUST-21, SHLD-11: at least 100 s
#[test]
fn data_is_given_up_after_r2() {
    let mut p = with_rtt(ms(100));
    p.write(b"lost").expect(data(b"lost")).advance(secs(100)).expect_state(State::Established);
    p.advance(secs(900)).expect_state(State::Closed);
    p.expect_segments(15);
    p.expect_eq(p.error(), Some(Error::UserTimeout), "the error");
    let sent = p.try_write(b"more");
    p.expect_eq(sent, Err(Error::UserTimeout), "what SEND says");
}

/// What the events say of a peer that does not answer: after how many timeouts.
fn told_of_silence(p: &Prober) -> Vec<u32> {
    let told = p.events.iter().filter_map(|event| match event.what {
        glasstack::trace::What::Unanswered { timeouts } => Some(timeouts),
        _ => None,
    });
    told.collect()
}

// MUST-20, MUST-47, SHLD-9, SHLD-10: R1
#[test]
fn the_third_timeout_in_a_row_is_told_and_the_connection_lives_on() {
    let mut p = with_rtt(ms(100));
    p.write(b"lost").expect(data(b"lost"));
    p.expect_after(ms(300), data(b"lost")).expect_after(ms(600), data(b"lost"));
    assert_eq!(told_of_silence(&p), [0; 0]);
    p.expect_after(ms(1200), data(b"lost")).expect_after(ms(2400), data(b"lost"));
    assert_eq!(told_of_silence(&p), [3]);
    p.expect_state(State::Established).send(ack()).write(b"more").expect(data(b"more").seq(5));
    let rto = p.status().expect("it stands").rto;
    p.advance(rto * 8);
    assert_eq!(told_of_silence(&p), [3, 3], "once for each time that it falls silent");
}

// MUST-22: R1 and R2 hold for SYNs too.
#[test]
fn a_syn_that_nobody_answers_is_told_as_well() {
    for state in [State::SynSent, State::SynReceived] {
        let mut p = Prober::in_state(state);
        p.advance(ms(6999)).expect_segments(2);
        assert_eq!(told_of_silence(&p), [0; 0]);
        p.advance(ms(1)).expect_segments(1);
        assert_eq!(told_of_silence(&p), [3]);
        p.advance(secs(300)).expect_state(State::Closed);
    }
}

// SHLD-20
#[test]
fn who_does_not_want_to_be_told_is_not() {
    use glasstack::trace::Mask;
    let mut p = Prober::with(|config| config.events = Mask::all() - Mask::REPORTS - Mask::PACKETS);
    p.reach(State::Established).send(data(b"abc!").urgent(4)).write(b"lost").advance(secs(60));
    assert_eq!(told_of_silence(&p), [0; 0]);
    assert_eq!(urgent_ends(&p), [0; 0]);
    assert!(p.events.len() > 20, "all else is told");
}

// MUST-21: R2 of one connection, in timeouts; the other keeps the default.
#[test]
fn r2_can_be_set_for_one_connection() {
    let mut p = Prober::in_state(State::Established);
    p.on_port(PEER_PORT + 1).reach(State::Established);
    let mut settings = p.stack.settings(p.handle());
    settings.tcp.data_retries = 2;
    p.stack.configure(p.handle(), settings, p.now);
    p.write(b"lost").expect(data(b"lost")).advance(secs(10)).expect_segments(2);
    p.expect_state(State::Closed);
    let left: Vec<_> = p.stack.states().filter(|(_, state)| *state != State::Closed).collect();
    p.expect_eq(left.len(), 1, "the connections that are left");
}

// MAY-4, RFC 6864 4.1: packets that are never cut into pieces all have the same identification.
#[test]
fn what_goes_again_is_the_same_packet() {
    let mut p = Prober::in_state(State::Established);
    p.write(b"lost").advance(secs(1));
    let packets = p.take_packets();
    p.check(packets.len() >= 2, "it should have gone again");
    // Those of IPv6 have no identification, and nobody on the way cuts them.
    let ids: Vec<_> = packets.iter().map(|packet| (packet[4], packet[5], packet[6])).collect();
    let is_right = hosts::IS_V6 || ids.iter().all(|id| *id == (0, 0, 0x40));
    p.check(is_right, &format!("{ids:?}: number 0, not to be cut"));
    p.check(packets[0] == packets[1], "both should be the same");
}

// 3.9.1.1, 3.10.8; MUST-21
#[test]
fn the_users_timeout_ends_the_wait_early() {
    let mut p = with_rtt(ms(100));
    let handle = p.handle();
    p.stack.set_user_timeout(handle, Some(secs(5)), p.now);
    p.write(b"lost").advance(ms(4999)).expect_state(State::Established);
    p.advance(ms(1)).expect_state(State::Closed);
    p.expect_eq(p.error(), Some(Error::UserTimeout), "the error");
}

#[test]
fn the_users_timeout_counts_from_the_last_ack_and_not_while_idle() {
    let mut p = with_rtt(ms(100));
    let handle = p.handle();
    p.stack.set_user_timeout(handle, Some(secs(5)), p.now);
    p.advance(secs(100)).write(b"a").advance(secs(4)).ack_all();
    p.write(b"b").advance(secs(4)).expect_state(State::Established).ack_all();
    p.take_sent();
    p.expect_silence_for(secs(100)).expect_state(State::Established);
}

// --- 3.8.2: loss and congestion ---

// RFC 5681 3.2; MUST-19
#[test]
fn three_duplicate_acks_send_the_first_segment_again() {
    let mut p = with_rtt(ms(100));
    p.write(pattern(1, 14_600));
    p.take_sent();
    p.send(ack().ack(1)).send(ack().ack(1)).expect_silence();
    p.send(ack().ack(1)).expect(octets(1460).seq(1)).expect_silence();
    let cwnd = cwnd(&p);
    p.expect_eq(cwnd, 7300, "the congestion window");
}

// RFC 6582 3.2, step 3: a partial ACK shows the next loss.
#[test]
fn a_partial_ack_sends_the_next_lost_segment_again() {
    let mut p = with_rtt(ms(100));
    p.write(pattern(1, 14_600));
    p.take_sent();
    for _ in 0..8 {
        p.send(ack().ack(1));
    }
    let again = sent_data(&mut p);
    p.expect_eq(again, vec![(1, 1460)], "what goes again");
    p.send(ack().ack(2921)).expect(octets(1460).seq(2921));
    p.send(ack().ack(14_601)).expect_silence_for(secs(10));
    let cwnd = cwnd(&p);
    p.check(cwnd <= 7300, "the congestion window should not exceed its half");
}

#[test]
fn one_loss_halves_the_window_once() {
    let mut p = with_rtt(ms(100));
    p.write(pattern(1, 14_600));
    p.take_sent();
    for _ in 0..9 {
        p.send(ack().ack(1));
    }
    p.send(ack().ack(1461));
    let threshold = p.status().expect("it stands").ssthresh;
    p.expect_eq(threshold, 7300, "the threshold");
}

// An ACK that carries data or another window is no duplicate (RFC 5681 2).
#[test]
fn acks_with_data_or_another_window_are_no_duplicates() {
    let mut p = with_rtt(ms(100));
    p.write(pattern(1, 14_600));
    p.take_sent();
    for at in 0..5_u16 {
        p.send(data(b"x").ack(1)).send(ack().ack(1).wnd(60_000 + at));
    }
    let again = sent_data(&mut p);
    p.expect_eq(again, vec![], "what goes again");
}

// --- 3.8.6.3: acknowledgments ---

// MUST-40, SHLD-18
#[test]
fn an_ack_waits_40_ms_for_company() {
    let mut p = Prober::in_state(State::Established);
    p.send(data(b"GET")).expect_after(ms(40), ack().seq(1).ack(4));
    p.expect_silence_for(secs(10));
}

// MUST-40
#[test]
fn an_ack_waits_less_than_half_a_second_whatever_is_set() {
    let mut p = Prober::with(|config| config.tcp.delayed_ack = secs(3));
    p.reach(State::Established).send(data(b"GET")).expect_after(ms(499), ack().ack(4));
}

#[test]
fn an_answer_takes_the_ack_along() {
    let mut p = Prober::in_state(State::Established);
    p.send(data(b"GET")).advance(ms(20)).write(b"200").expect(data(b"200").ack(4));
    p.send(ack()).expect_silence_for(secs(1));
}

// SHLD-19
#[test]
fn every_second_full_segment_is_acknowledged_at_once() {
    let mut p = Prober::in_state(State::Established);
    for round in 1..4 {
        p.send(octets(1460)).expect_silence();
        p.send(octets(1460)).expect(ack().ack(1 + 2920 * round));
    }
}

// MUST-58, MUST-59
#[test]
fn a_batch_is_answered_by_one_ack() {
    let mut p = Prober::in_state(State::Established);
    p.send_batch((0..10).map(|_| octets(1460))).expect(ack().ack(14_601)).expect_silence();
}

// RFC 5681 4.2; MAY-13
#[test]
fn each_segment_beyond_a_gap_draws_its_own_ack_even_in_a_batch() {
    let mut p = Prober::in_state(State::Established);
    p.send_batch((1..4).map(|at| octets(100).seq(1 + 100 * at)));
    p.expect(ack().ack(1)).expect(ack().ack(1)).expect(ack().ack(1)).expect_silence();
}

#[test]
fn data_with_a_fin_beyond_a_gap_draws_one_ack() {
    let mut p = Prober::in_state(State::Established);
    p.send(octets(100).seq(101).flag(glasstack::wire::Flags::FIN));
    p.expect(ack().ack(1)).expect_silence();
}

// RFC 5681 4.2
#[test]
fn a_gap_that_fills_is_acknowledged_at_once() {
    let mut p = Prober::in_state(State::Established);
    p.send(octets(100).seq(101)).expect(ack().ack(1));
    p.send(octets(50).seq(1)).expect(ack().ack(51));
    p.send(octets(50).seq(51)).expect(ack().ack(201)).expect_read(pattern(1, 200));
}

#[test]
fn data_that_came_before_is_acknowledged_at_once() {
    let mut p = Prober::in_state(State::Established);
    p.send(octets(100)).expect_after(ms(40), ack().ack(101));
    p.send(octets(100).seq(1)).expect(ack().ack(101)).expect_read(pattern(1, 100));
}

#[test]
fn overlapping_segments_give_each_octet_once() {
    let mut p = Prober::in_state(State::Established);
    for (seq, len) in [(31, 30), (11, 30), (1, 15), (51, 50)] {
        p.send(octets(len).seq(seq));
    }
    p.expect_read(pattern(1, 100));
}

// --- 3.8.6: windows ---

/// The stack has 3,000 octets to send and the prober's window has closed.
fn closed_window() -> Prober {
    let mut p = with_rtt(ms(100));
    p.send(ack().wnd(0)).write(pattern(1, 3000)).expect_silence();
    p
}

// MUST-35, MUST-36, SHLD-29, SHLD-30
#[test]
fn a_closed_window_is_probed_after_the_timeout_and_then_less_and_less_often() {
    let mut p = closed_window();
    for wait in [300, 600, 1200, 2400] {
        p.expect_after(ms(wait), octets(1).seq(1)).send(ack().ack(1).wnd(0));
    }
}

// MUST-37
#[test]
fn a_closed_window_is_probed_for_ever_while_the_probes_are_answered() {
    let mut p = closed_window();
    let mut probes = 0;
    while p.now < glasstack::time::Instant::from_millis(86_400_000) {
        p.advance(secs(1));
        let sent = p.take_sent().len();
        if sent > 0 {
            probes += sent;
            p.send(ack().ack(1).wnd(0));
        }
    }
    p.expect_state(State::Established);
    p.check(probes > 1000, &format!("{probes} probes should be more than one a minute and a half"));
}

#[test]
fn probes_that_nobody_answers_are_given_up() {
    let mut p = closed_window();
    p.advance(secs(2000)).expect_state(State::Closed);
    p.expect_eq(p.error(), Some(Error::UserTimeout), "the error");
}

// SHLD-28
#[test]
fn an_opened_window_sends_whole_segments() {
    let mut p = closed_window();
    p.expect_after(ms(300), octets(1)).send(ack().ack(1).wnd(5000));
    let sent = sent_data(&mut p);
    p.expect_eq(sent, vec![(1, 1460), (1461, 1460)], "the segments");
}

// The update that opens the window gets lost: the answer to the next probe opens it.
#[test]
fn a_lost_window_update_is_made_up_for_by_a_probe() {
    let mut p = closed_window();
    p.expect_after(ms(300), octets(1)).send(ack().ack(1).wnd(0));
    p.expect_after(ms(600), octets(1)).send(ack().ack(2).wnd(5000));
    let sent = sent_data(&mut p);
    p.expect_eq(sent, vec![(2, 1460), (1462, 1460)], "the segments");
}

#[test]
fn an_accepted_probe_and_the_opening_may_come_in_two_acks_at_once() {
    let mut p = closed_window();
    p.expect_after(ms(300), octets(1));
    p.send_batch([ack().ack(1).wnd(5000), ack().ack(2).wnd(5000)]);
    let sent = sent_data(&mut p);
    p.expect_eq(sent, vec![(2, 1460), (1462, 1460)], "the segments");
}

// MUST-35
#[test]
fn a_window_that_closes_over_data_in_flight_is_probed_with_its_first_octet() {
    let mut p = with_rtt(ms(100));
    p.write(pattern(1, 1460)).expect(octets(1460)).send(ack().ack(1).wnd(0));
    let rto = p.status().expect("it stands").rto;
    p.expect_after(rto, octets(1).seq(1)).send(ack().ack(1).wnd(0)).expect_silence();
    p.send(ack().ack(1).wnd(5000)).expect(octets(1460).seq(1));
}

#[test]
fn a_fin_goes_through_a_closed_window_as_a_probe() {
    let mut p = with_rtt(ms(100));
    p.send(ack().wnd(0)).close().expect_silence();
    p.expect_after(ms(300), fin().seq(1)).send(ack().ack(2).wnd(0)).expect_state(State::FinWait2);
}

#[test]
fn an_ack_sent_into_a_closed_window_lies_where_the_peer_takes_it() {
    let mut p = closed_window();
    p.expect_after(ms(300), octets(1).seq(1));
    p.send(octets(1460).ack(1).wnd(0)).send(octets(1460).ack(1).wnd(0)).expect(ack().seq(1));
}

// 3.8.6.2.1, MUST-38, MUST-60: the sender
#[test]
fn a_silly_window_is_not_used_until_half_of_the_largest_is_open() {
    let mut p = with_rtt(ms(100));
    p.send(ack().wnd(1000)).write(pattern(1, 3000));
    // The largest window so far was 65,535: not even 1,000 are worth a segment below the MSS.
    p.expect_silence();
    let timers = p.status().expect("it stands").timers;
    p.check(timers.iter().any(|left| left.timer == Timer::Persist), "the override should be timed");
    p.advance(ms(300)).expect(octets(1000).seq(1));
}

// 3.8.6.2.2, MUST-39: the receiver
#[test]
fn a_window_reopens_by_a_worthwhile_step_only() {
    let mut p = Prober::with(|config| config.tcp.receive_buffer = 4000);
    p.reach(State::Established).send(octets(1460)).send(octets(1460)).expect(ack().wnd(1080));
    p.send(octets(1080)).expect_after(ms(40), ack().ack(4001).wnd(0));
    p.expect_read(pattern(1, 1000)).expect_silence();
    p.expect_read(pattern(1001, 999)).expect_silence();
    p.expect_read(pattern(2000, 1)).expect(ack().ack(4001).wnd(2000));
}

// SHLD-14
#[test]
fn the_right_edge_of_our_window_never_moves_back() {
    let mut p = Prober::with(|config| config.tcp.receive_buffer = 20_000);
    p.reach(State::Established);
    let mut edge = 0;
    for round in 0..200 {
        let room = p.status().expect("it stands").receive_window;
        p.send(octets((usize::try_from(room).unwrap()).min(37 + round % 5 * 300)));
        if round % 3 == 0 {
            let _ = p.try_read(round * 7 % 900);
        }
        p.advance(ms(40));
        for seg in p.take_sent() {
            let now = seg.ack.unwrap() + u32::from(seg.wnd.unwrap());
            p.check(now >= edge, &format!("the edge went back from {edge} to {now}"));
            edge = now;
        }
    }
}

// What we announce is what we take: 65,535 without scaling, whatever the buffer.
#[test]
fn the_window_is_what_was_announced() {
    let mut p = Prober::in_state(State::Established);
    let window = p.status().expect("it stands").receive_window;
    p.expect_eq(window, 65_535, "RCV.WND");
    p.send(rst().seq(70_000)).expect_silence();
}

// SHLD-14 from the other side: a peer may shrink its window (MUST-34).
#[test]
fn a_shrunken_window_is_borne() {
    let mut p = with_rtt(ms(100));
    p.write(pattern(1, 14_600));
    p.take_sent();
    p.send(ack().ack(1461).wnd(100)).expect_silence();
    p.send(ack().ack(2921).wnd(60_000)).send(ack().ack(14_601));
    p.take_sent();
    let left = p.status().expect("it stands").send_queue;
    p.expect_eq(left, 0, "what is not acknowledged");
}

// SHLD-15
#[test]
fn into_a_window_that_shrank_no_new_data_goes() {
    let mut p = with_rtt(ms(100));
    p.write(pattern(1, 20_000));
    let sent = sent_data(&mut p).len();
    p.expect_eq(sent, 10, "the first flight");
    // Three segments are acknowledged, and the window ends in the middle of what is out.
    p.send(ack().ack(4381).wnd(5000)).expect_silence();
    p.send(ack().ack(14_601).wnd(5000));
    let next = sent_data(&mut p);
    p.expect_eq(next, vec![(14_601, 1460), (16_061, 1460), (17_521, 1460)], "what goes then");
}

// SHLD-17: what lies beyond the window is no reason to give up, while the rest is acknowledged.
#[test]
fn a_window_that_shrank_ends_no_connection() {
    for wnd in [0, 100] {
        let mut p = with_rtt(ms(100));
        p.write(pattern(1, 14_600));
        p.take_sent();
        let mut acked = 1;
        for _ in 0..3000 {
            p.send(ack().ack(acked).wnd(wnd)).advance(secs(1));
            // The peer takes what fits, and the window stays as small as it is.
            let fits = |seg: &Seg| seg.seq == Some(acked) && seg.data.len() <= usize::from(wnd);
            let sent = p.take_sent();
            let taken = sent.iter().filter(|seg| fits(seg)).map(|seg| seg.data.len()).max();
            acked += u32::try_from(taken.unwrap_or(0)).expect("it is short");
        }
        p.expect_state(State::Established);
    }
}

// MAY-8: nobody reads, and the peer has to wait.
#[test]
fn our_window_may_stay_closed_for_a_day() {
    let mut p = Prober::with(|config| config.tcp.receive_buffer = 1000);
    p.reach(State::Established).send(octets(1000)).expect_after(ms(40), ack().ack(1001).wnd(0));
    for _ in 0..24 * 60 {
        p.advance(secs(60)).send(octets(1).seq(1001)).expect(ack().ack(1001).wnd(0));
    }
    p.expect_read(pattern(1, 1000)).expect(ack().ack(1001).wnd(1000));
}

// MUST-1: with a sign it would be less than nothing.
#[test]
fn a_large_window_is_a_large_number() {
    let mut p = with_rtt(ms(100));
    p.send(ack().wnd(0x8000)).write(pattern(1, 14_600));
    let sent = sent_data(&mut p).len();
    p.expect_eq(sent, 10, "the first flight");
}

#[test]
fn an_old_segment_does_not_change_the_window() {
    let mut p = with_rtt(ms(100));
    p.send(data(b"abc").wnd(500)).send(ack().seq(1).wnd(9));
    let window = p.status().expect("it stands").send_window;
    p.expect_eq(window, 500, "SND.WND");
}

// --- 3.8.5: urgent data ---

/// Where the events say that urgent data ends, in relative numbers.
fn urgent_ends(p: &Prober) -> Vec<u32> {
    let ends = p.events.iter().filter_map(|event| match event.what {
        glasstack::trace::What::Urgent { pointer } => Some(pointer - p.conn.isn),
        _ => None,
    });
    ends.collect()
}

// MUST-30, MUST-31, MUST-32, MUST-47
#[test]
fn an_urgent_pointer_is_told_and_its_data_stays_in_the_stream() {
    let mut p = Prober::in_state(State::Established);
    p.send(data(b"abc!de").urgent(4));
    // A read ends where the last of it begins, so that it can be told apart (MUST-32).
    let read = p.try_read(100);
    p.expect_eq(read, Ok(Received::Data(b"abc".to_vec())), "what RECEIVE brings");
    let at_mark = p.stack.is_at_mark(p.handle());
    p.check(at_mark, "the reader should be at the mark").expect_read(b"!de");
    let at_mark = p.stack.is_at_mark(p.handle());
    p.check(!at_mark, "the mark should lie behind");
    assert_eq!(urgent_ends(&p), [5]);
}

// MUST-32
#[test]
fn an_urgent_pointer_may_lie_ahead_of_the_data_and_of_no_data() {
    let mut p = Prober::in_state(State::Established);
    p.send(ack().urgent(1000)).send(data(b"ab").urgent(1000)).send(data(b"c").urgent(1500));
    assert_eq!(urgent_ends(&p), [1001, 1503]);
}

#[test]
fn an_urgent_pointer_of_a_partly_old_segment_counts_from_its_beginning() {
    let mut p = Prober::in_state(State::Established);
    p.send(data(b"abc")).send(data(b"abcdef").seq(1).urgent(6));
    assert_eq!(urgent_ends(&p), [7]);
}

#[test]
fn an_urgent_pointer_into_the_past_is_no_news() {
    let mut p = Prober::in_state(State::Established);
    p.send(data(b"abc")).send(data(b"def").urgent(0));
    assert!(urgent_ends(&p).is_empty());
}

// MUST-33
#[test]
fn how_much_urgent_data_is_left_can_be_asked() {
    let mut p = Prober::in_state(State::Established);
    let left = |p: &Prober| p.status().expect("it stands").urgent;
    p.send(data(b"abc").urgent(5));
    assert_eq!(left(&p), 5, "of which three are there");
    p.expect_read(b"abc").send(data(b"d!e"));
    assert_eq!(left(&p), 2);
    p.expect_read(b"d");
    assert_eq!(left(&p), 1);
    p.expect_read(b"!e");
    assert_eq!(left(&p), 0);
}

// MUST-31, MUST-62: the pointer has 16 bits, and says so for as long as the end is further away.
#[test]
fn our_urgent_data_may_be_of_any_length() {
    let mut p = with_rtt(ms(100));
    p.write(pattern(1, 100_000));
    p.stack.mark_urgent(p.handle(), p.now).expect("it is open");
    let (mut end, mut furthest) = (1, 0);
    while end < 100_001 {
        let sent = p.settle().take_sent();
        p.check(!sent.is_empty(), "there should be more");
        for seg in sent {
            let (seq, up) = (seg.seq.expect("filled in"), u32::from(seg.up.unwrap_or(0)));
            // What left before the mark was set does not know of it.
            p.check(up == 0 || up == (100_001 - seq).min(65_535), &format!("{up} at {seq}"));
            furthest = furthest.max(seq + up);
            end = end.max(seq + u32::try_from(seg.data.len()).expect("it is short"));
        }
        p.send(ack().ack(end));
    }
    p.expect_eq(furthest, 100_001, "where the last pointer stands");
}

// --- 3.8.4: keep-alive ---

fn with_keepalive() -> Prober {
    let mut p = Prober::in_state(State::Established);
    let keepalive = Keepalive { idle: secs(60), interval: secs(10), probes: 3 };
    let handle = p.handle();
    p.stack.set_keepalive(handle, Some(keepalive), p.now);
    p.settle();
    p
}

// MUST-25
#[test]
fn keep_alive_is_off_by_default() {
    Prober::in_state(State::Established).expect_silence_for(secs(1_000_000));
}

// MUST-24, MUST-26, MUST-27, MAY-5, SHLD-12
#[test]
fn a_silent_peer_is_asked_and_given_up_after_the_last_question() {
    let mut p = with_keepalive();
    p.expect_after(secs(60), ack().seq(0).ack(1));
    p.expect_after(secs(10), ack().seq(0)).expect_after(secs(10), ack().seq(0));
    p.expect_after(secs(10), rst_ack().seq(1)).expect_state(State::Closed);
    p.expect_eq(p.error(), Some(Error::UserTimeout), "the error");
}

// MUST-29
#[test]
fn an_answer_puts_the_questions_off() {
    let mut p = with_keepalive();
    p.expect_after(secs(60), ack().seq(0)).expect_after(secs(10), ack().seq(0)).send(ack());
    p.expect_after(secs(60), ack().seq(0)).expect_state(State::Established);
}

// MUST-26
#[test]
fn traffic_puts_the_questions_off() {
    let mut p = with_keepalive();
    p.advance(secs(50)).send(data(b"x")).expect_after(ms(40), ack());
    p.expect_silence_for(secs(59)).advance(secs(1)).expect(ack().seq(0));
}

// MUST-24
#[test]
fn the_questions_can_be_turned_off_again() {
    let mut p = with_keepalive();
    p.expect_after(secs(60), ack().seq(0));
    p.stack.set_keepalive(p.handle(), None, p.now);
    p.settle().expect_silence_for(secs(10_000)).expect_state(State::Established);
}

// MUST-28
#[test]
fn by_default_two_hours_pass_before_the_first_question() {
    let mut p = Prober::in_state(State::Established);
    p.stack.set_keepalive(p.handle(), Some(Keepalive::default()), p.now);
    p.settle().expect_after(secs(7200), ack().seq(0));
}

// MUST-26: the retransmission timer finds out.
#[test]
fn no_question_is_asked_while_data_is_out() {
    let mut p = with_keepalive();
    p.write(b"lost").advance(secs(200));
    let sent = p.take_sent();
    p.check(sent.len() > 5, "it should have gone again and again");
    p.check(sent.iter().all(|seg| seg.data == b"lost"[..]), "nothing else should have gone");
}

// RFC 1122 4.2.3.6: we answer the questions of others, with and without an octet.
#[test]
fn we_answer_the_questions_of_others() {
    let mut p = Prober::in_state(State::Established);
    p.send(ack().seq(0)).expect(ack().seq(1).ack(1));
    p.send(octets(1).seq(0)).expect(ack().seq(1).ack(1)).expect_silence();
}

// --- Urgent data of ours, for which the sockets have no call ---

// MUST-30, MUST-62
#[test]
fn our_urgent_pointer_stands_behind_the_last_urgent_octet() {
    use glasstack::seq::Seq;
    use glasstack::tcp::{Config, Context, Output, Pool, Tcb};
    use glasstack::trace::{ConnId, Mask, Tracer};
    use glasstack::wire::{Flags, Segment};

    let config = Config { timestamps: false, ..Config::default() };
    let (mut tracer, now) = (Tracer::new(Mask::empty()), glasstack::time::Instant::ZERO);
    let (tracer, pool) = (&mut tracer, &mut Pool::new());
    let mut cx = Context { now, config: &config, conn: ConnId(1), tracer, pool };
    let mut tcb = Tcb::new(Seq(0), 0, &config);
    tcb.open_active(&mut cx).expect("it is new");
    assert!(matches!(tcb.poll_output(&mut cx), Output::Transmit(_)));
    let flags = Flags::SYN | Flags::ACK;
    let options = Options { mss: Some(536), ..Options::default() };
    let seg = Segment { ack: Seq(1), flags, wnd: 9000, options, ..Segment::default() };
    tcb.on_segment(seg, &mut cx);

    tcb.send(&[7; 600], &mut cx).expect("it is open");
    tcb.mark_urgent().expect("it is open");
    tcb.set_nodelay(true);
    let mut pointers = Vec::new();
    while let Output::Transmit(seg) = tcb.poll_output(&mut cx) {
        assert!(seg.has(Flags::URG));
        pointers.push(seg.seq + u32::from(seg.up));
    }
    assert_eq!(pointers, [Seq(601), Seq(601)]);
}
