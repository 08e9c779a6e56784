//! Closing a connection (RFC 9293 3.6).

mod common;

use common::*;
use glasstack::error::Error;
use glasstack::wire::Flags;

const MSL: std::time::Duration = secs(30);

// 3.6, figure 12
#[test]
fn we_close_first() {
    let mut p = Prober::in_state(State::Established);
    p.close().expect(fin().seq(1).ack(1)).expect_state(State::FinWait1);
    p.send(ack().ack(2)).expect_silence().expect_state(State::FinWait2);
    p.send(fin().ack(2)).expect(ack().seq(2).ack(2)).expect_state(State::TimeWait);
    p.expect_silence_for(2 * MSL).expect_state(State::Closed);
}

#[test]
fn the_peer_closes_first() {
    let mut p = Prober::in_state(State::Established);
    p.send(fin()).expect(ack().seq(1).ack(2)).expect_state(State::CloseWait).expect_end();
    p.close().expect(fin().seq(1).ack(2)).expect_state(State::LastAck);
    p.send(ack().ack(2)).expect_silence().expect_state(State::Closed);
    p.expect_silence_for(secs(300));
}

// 3.6, figure 13
#[test]
fn both_close_at_once() {
    let mut p = Prober::in_state(State::Established);
    p.close().expect(fin().seq(1).ack(1));
    p.send(fin().ack(1)).expect(ack().seq(2).ack(2)).expect_state(State::Closing);
    p.send(ack().ack(2)).expect_silence().expect_state(State::TimeWait);
    p.expect_silence_for(2 * MSL).expect_state(State::Closed);
}

#[test]
fn a_fin_that_acknowledges_ours_goes_straight_to_time_wait() {
    let mut p = Prober::in_state(State::FinWait1);
    p.send(fin().ack(2)).expect(ack().seq(2).ack(2)).expect_state(State::TimeWait);
}

#[test]
fn a_prompt_server_closes_with_the_ack_of_the_fin() {
    let mut p = Prober::in_state(State::Established);
    let packet = p.packet(fin());
    p.stack.on_packet(&packet, p.now);
    p.close().expect(fin().seq(1).ack(2)).expect_silence().expect_state(State::LastAck);
}

// MAY-1
// 3.6.1: half-close
#[test]
fn after_our_close_we_go_on_receiving() {
    let mut p = Prober::in_state(State::FinWait2);
    p.send(data(b"the answer")).expect_read(b"the answer");
    p.send(data(b"and more")).expect_after(ms(40), ack().seq(2).ack(19)).expect_read(b"and more");
    p.send(fin()).expect(ack().ack(20)).expect_end().expect_state(State::TimeWait);
}

#[test]
fn after_the_peers_close_we_go_on_sending() {
    let mut p = Prober::in_state(State::CloseWait);
    p.write(b"the answer").expect(data(b"the answer").seq(1).ack(2)).send(ack());
    p.write(b"and more").expect(data(b"and more").seq(11).ack(2)).send(ack());
    p.close().expect(fin().seq(19)).send(ack()).expect_state(State::Closed);
}

#[test]
fn what_was_sent_in_fin_wait_1_is_read() {
    let mut p = Prober::in_state(State::FinWait1);
    p.send(data(b"crossing").ack(1)).expect_read(b"crossing").expect_state(State::FinWait1);
    p.expect_after(ms(40), ack().ack(9));
}

#[test]
fn a_fin_may_carry_data() {
    let mut p = Prober::in_state(State::Established);
    p.send(data(b"bye").flag(Flags::FIN)).expect(ack().ack(5)).expect_state(State::CloseWait);
    p.expect_read(b"bye").expect_end();
}

#[test]
fn our_fin_rides_with_the_last_data() {
    let mut p = Prober::in_state(State::Established);
    let handle = p.handle();
    p.stack.send(handle, b"bye", p.now).expect("it is open");
    p.close().expect(data(b"bye").flag(Flags::FIN).seq(1)).expect_silence();
}

#[test]
fn the_fin_goes_behind_data_in_flight_and_both_are_sent_again() {
    let mut p = Prober::in_state(State::Established);
    p.write(b"data").expect(data(b"data").seq(1)).close().expect(fin().seq(5));
    let again = p.advance(secs(1)).take_sent();
    p.expect_eq(again.first().and_then(|seg| seg.seq), Some(1), "what goes again first");
    p.send(ack().ack(1)).send(ack().ack(5)).expect_state(State::FinWait1);
    p.advance(secs(5)).take_sent();
    p.send(ack().ack(6)).expect_state(State::FinWait2);
}

// An ACK of data ahead of the FIN is not an ACK of the FIN.
#[test]
fn our_fin_is_acknowledged_only_by_its_own_number() {
    let mut p = Prober::in_state(State::Established);
    p.write(b"data").expect(data(b"data")).close().expect(fin().seq(5));
    p.send(ack().ack(5)).expect_state(State::FinWait1);
    p.send(fin().ack(5)).expect(ack().ack(2)).expect_state(State::Closing);
    p.send(ack().ack(5)).expect_state(State::Closing).send(ack().ack(6));
    p.expect_state(State::TimeWait);
}

fn with_window_of_1000(state: State) -> Prober {
    let mut p = Prober::new();
    p.conn.wnd = 1000;
    p.reach(state);
    p
}

#[test]
fn data_queued_behind_a_window_is_sent_before_the_fin() {
    let mut p = with_window_of_1000(State::Established);
    p.write(pattern(1, 3000)).close();
    p.expect(octets(1000).seq(1)).expect_silence().expect_state(State::FinWait1);
    p.send(ack()).expect(octets(1000).seq(1001)).send(ack().wnd(1001));
    p.expect(octets(1000).seq(2001).flag(Flags::FIN)).send(ack()).expect_state(State::FinWait2);
}

#[test]
fn data_queued_behind_a_window_is_sent_in_closing_and_close_wait_too() {
    let mut p = with_window_of_1000(State::Established);
    p.write(pattern(1, 2000)).close().expect(octets(1000).seq(1));
    p.send(fin().ack(1)).expect(ack().ack(2)).expect_state(State::Closing);
    p.send(ack().ack(1001).wnd(5000)).expect(octets(1000).seq(1001).flag(Flags::FIN));
    p.send(ack()).expect_state(State::TimeWait);

    let mut p = with_window_of_1000(State::CloseWait);
    p.write(pattern(1, 2000)).close().expect(octets(1000).seq(1)).expect_state(State::CloseWait);
    p.send(ack().wnd(5000)).expect(octets(1000).seq(1001).flag(Flags::FIN));
    p.expect_state(State::LastAck).send(ack()).expect_state(State::Closed);
}

#[test]
fn a_fin_ahead_of_a_gap_waits_for_the_gap_to_fill() {
    let mut p = Prober::in_state(State::Established);
    p.send(data(b"cd").flag(Flags::FIN).seq(3)).expect(ack().ack(1)).expect_silence();
    p.expect_state(State::Established);
    p.send(data(b"ab").seq(1)).expect(ack().ack(6)).expect_state(State::CloseWait);
    p.expect_read(b"abcd").expect_end();
}

#[test]
fn a_fin_alone_ahead_of_a_gap_waits_too() {
    for (state, acked) in [(State::Established, 1), (State::FinWait1, 1), (State::FinWait2, 2)] {
        let mut p = Prober::in_state(state);
        p.conn.expected = acked;
        p.send(fin().seq(5)).expect(ack().ack(1)).expect_silence().expect_state(state);
        p.send(data(b"abcd").seq(1)).expect(ack().ack(6)).expect_read(b"abcd").expect_end();
    }
}

#[test]
fn there_is_no_text_behind_a_fin() {
    let mut p = Prober::in_state(State::Established);
    p.send(data(b"zz").seq(3)).expect(ack()).send(fin().seq(3)).expect(ack());
    p.send(data(b"ab").seq(1)).expect(ack().ack(4)).expect_read(b"ab").expect_end();
    p.send(data(b"more").seq(4)).expect_end();
}

#[test]
fn a_repeated_fin_is_acknowledged_again() {
    for state in [State::CloseWait, State::Closing, State::LastAck] {
        let mut p = Prober::in_state(state);
        p.send(fin().seq(1).ack(1)).expect(ack().ack(2)).expect_silence().expect_state(state);
    }
}

// SHLD-3
#[test]
fn letting_go_with_unread_data_resets() {
    let mut p = Prober::in_state(State::Established);
    p.send(data(b"nobody reads this")).release().expect(rst_ack().seq(1));
    p.expect_silence().expect_state(State::Closed);
}

#[test]
fn letting_go_with_data_beyond_a_gap_resets() {
    let mut p = Prober::in_state(State::Established);
    p.send(data(b"xyz").seq(10)).expect(ack().ack(1)).release().expect(rst_ack().seq(1));
}

// 3.6.1, SHLD-3, MAY-1
#[test]
fn data_after_the_application_let_go_is_answered_with_a_reset() {
    for acked in [1, 2] {
        let mut p = Prober::in_state(State::Established);
        p.release().expect(fin().seq(1)).send(ack().ack(acked)).expect_silence();
        p.send(data(b"too late").ack(acked)).expect(rst_ack()).expect_silence();
        p.expect_state(State::Closed);
    }
}

#[test]
fn letting_go_cleanly_closes_cleanly() {
    let mut p = Prober::in_state(State::Established);
    p.send(data(b"read")).expect_read(b"read").release().expect(fin().seq(1).ack(5));
    p.send(fin()).expect(ack().ack(6)).expect_state(State::TimeWait);
    p.expect_silence_for(2 * MSL).expect_state(State::Closed);
}

#[test]
fn fin_wait_2_without_a_reader_ends_after_a_minute() {
    let mut p = Prober::in_state(State::Established);
    p.release().expect(fin()).send(ack()).expect_state(State::FinWait2);
    p.advance(secs(59)).expect_state(State::FinWait2).advance(secs(2));
    p.expect_silence().expect_state(State::Closed);
    p.send(data(b"late")).expect(rst());
}

#[test]
fn fin_wait_2_with_a_reader_waits_for_ever() {
    let mut p = Prober::in_state(State::FinWait2);
    p.expect_silence_for(secs(86_400)).expect_state(State::FinWait2);
}

#[test]
fn close_wait_lasts_as_long_as_the_application_likes() {
    let mut p = Prober::in_state(State::CloseWait);
    p.expect_silence_for(secs(86_400)).expect_state(State::CloseWait);
    p.write(b"at last").expect(data(b"at last")).send(ack()).close().expect(fin());
}

// MUST-13
#[test]
fn time_wait_lasts_two_msl_to_the_nanosecond() {
    let mut p = Prober::in_state(State::TimeWait);
    let nanosecond = std::time::Duration::from_nanos(1);
    p.expect_silence_for((2 * MSL).saturating_sub(nanosecond)).expect_state(State::TimeWait);
    p.advance(nanosecond).expect_state(State::Closed);
}

#[test]
fn time_wait_scales_with_the_msl() {
    let mut p = Prober::with(|config| config.tcp.msl = secs(1));
    p.reach(State::TimeWait).advance(ms(1999)).expect_state(State::TimeWait);
    p.advance(ms(1)).expect_state(State::Closed);
}

// 3.10.7.4, eighth, TIME-WAIT
#[test]
fn a_repeated_fin_in_time_wait_is_acknowledged_and_the_wait_begins_anew() {
    let mut p = Prober::in_state(State::TimeWait);
    p.advance(secs(50)).send(fin().seq(1)).expect(ack().seq(2).ack(2));
    p.advance(secs(59)).expect_state(State::TimeWait).advance(secs(1)).expect_state(State::Closed);
}

// RFC 1337
#[test]
fn a_reset_does_not_end_time_wait() {
    let mut p = Prober::in_state(State::TimeWait);
    p.send(rst().seq(2)).send(rst_ack().seq(2)).expect_silence().expect_state(State::TimeWait);
}

// MAY-2
#[test]
fn a_syn_above_the_old_numbers_opens_anew_out_of_time_wait() {
    let mut p = Prober::in_state(State::TimeWait);
    let old = p.conn.iss.expect("it was seen");
    p.advance(secs(1)).send(syn().seq(1000)).take_sent();
    let new = p.conn.iss.expect("it was seen");
    p.check(new.gt(old + 65_536), "the new ISS should lie a window above the old numbers");
    p.conn.isn += 1000;
    p.conn.next = 1;
    p.send(ack().ack(1)).accept().expect_state(State::Established);
}

// SHLD-4; RFC 6191: a newer timestamp tells a new connection as well as a higher number does, and an older
// one does not.
#[test]
fn a_newer_timestamp_opens_anew_out_of_time_wait() {
    for (later, opens) in [(100, true), (50, false), (40, false)] {
        let mut p = Prober::new();
        p.send(syn().options(all_options(10))).expect(syn_ack()).send(ack().options(ts(20, 0)));
        p.accept().close().expect(fin());
        p.send(fin().options(ts(50, 0))).expect(ack()).expect_state(State::TimeWait);
        p.advance(secs(1)).send(syn().seq(0).options(all_options(later)));
        let answer = if opens { syn_ack() } else { ack() };
        p.expect(answer).expect_silence();
    }
}

#[test]
fn a_syn_below_the_old_numbers_is_only_challenged_in_time_wait() {
    let mut p = Prober::in_state(State::TimeWait);
    p.send(syn().seq(0)).expect(ack().seq(2).ack(2)).expect_state(State::TimeWait);
}

#[test]
fn a_syn_out_of_time_wait_needs_a_listener_with_room() {
    let mut p = Prober::in_state(State::TimeWait);
    for port in 1..=16 {
        p.on_port(port).reach(State::SynReceived);
    }
    p.on_port(PEER_PORT).send(syn().seq(1000));
    p.expect_state(State::TimeWait);
}

#[test]
fn a_lost_fin_is_sent_again() {
    for (state, expected) in [(State::FinWait1, 1), (State::Closing, 2), (State::LastAck, 2)] {
        let mut p = Prober::in_state(state);
        let (first, second) = (ms(1000), ms(2000));
        p.expect_after(rto(&p, first), fin().seq(1).ack(expected));
        p.expect_after(rto(&p, second), fin().seq(1).ack(expected)).expect_state(state);
    }
}

/// The first timeout after a measured handshake of no time is the floor, not `wait`.
fn rto(p: &Prober, wait: std::time::Duration) -> std::time::Duration {
    let rto = p.status().expect("it stands").rto;
    assert!(rto <= wait, "{rto:?}");
    rto
}

// MUST-20, SHLD-11
#[test]
fn a_fin_that_is_never_acknowledged_is_given_up() {
    for state in [State::FinWait1, State::Closing, State::LastAck] {
        let mut p = Prober::in_state(state);
        p.advance(secs(100)).expect_state(state).advance(secs(2000)).expect_state(State::Closed);
        p.expect_eq(p.error(), Some(Error::UserTimeout), "the error");
    }
}

#[test]
fn abort_resets_a_connection_that_stands() {
    for state in [State::SynReceived, State::Established, State::CloseWait] {
        let mut p = Prober::active_in_state(state);
        p.abort().expect(rst_ack().seq(1)).expect_silence().expect_state(State::Closed);
    }
    for state in [State::FinWait1, State::FinWait2] {
        let mut p = Prober::active_in_state(state);
        p.abort().expect(rst_ack().seq(2)).expect_silence().expect_state(State::Closed);
    }
}

// 3.10.5: nobody needs to be told.
#[test]
fn abort_is_silent_where_all_is_said() {
    for state in [State::SynSent, State::Closing, State::LastAck, State::TimeWait] {
        let mut p = Prober::new();
        p.reach_actively(state).abort().expect_silence_for(secs(200)).expect_state(State::Closed);
    }
}

#[test]
fn data_that_crosses_an_abort_is_answered_with_a_reset() {
    let mut p = Prober::in_state(State::Established);
    p.abort().expect(rst_ack().seq(1).ack(1)).send(data(b"crossing").ack(1)).expect(rst().seq(1));
}

#[test]
fn the_same_ports_open_anew_after_a_close_even_in_one_batch() {
    let mut p = Prober::in_state(State::LastAck);
    p.send_batch([ack().ack(2), syn().seq(1000)]);
    p.expect(syn_ack().ack(1001));
}
