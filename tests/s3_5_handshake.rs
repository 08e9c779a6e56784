//! Establishing a connection (RFC 9293 3.5).

mod common;

use common::*;
use glasstack::error::Error;
use glasstack::tcp::Received;
use glasstack::wire::Flags;

// MUST-10, MUST-11
#[test]
fn every_state_can_be_reached_from_both_sides() {
    for state in State::ALL {
        Prober::in_state(state);
    }
    for state in OPEN_STATES {
        Prober::active_in_state(state);
    }
}

// 3.5, figure 6
#[test]
fn a_listener_answers_a_syn_and_is_established_by_the_ack() {
    let mut p = Prober::new();
    p.send(syn()).expect(syn_ack().seq(0).ack(1)).expect_state(State::SynReceived);
    p.send(ack()).expect_silence().expect_state(State::Established);
    p.accept().send(data(b"GET")).expect_read(b"GET");
}

#[test]
fn connect_sends_a_syn_and_acknowledges_the_answer() {
    let mut p = Prober::new();
    p.connect().expect(syn().seq(0)).expect_state(State::SynSent);
    p.send(syn_ack().ack(1)).expect(ack().seq(1).ack(1)).expect_state(State::Established);
}

// 3.5, figure 7; MUST-10
#[test]
fn two_syns_that_cross_make_one_connection() {
    let mut p = Prober::new();
    p.connect().expect(syn().seq(0));
    p.send(syn()).expect(syn_ack().seq(0).ack(1)).expect_state(State::SynReceived);
    p.send(syn_ack().seq(0).ack(1)).expect_state(State::Established);
    p.take_sent();
    p.send(data(b"hi").seq(1)).expect_read(b"hi").write(b"ho").expect(data(b"ho").seq(1).ack(3));
}

#[test]
fn a_plain_ack_completes_a_simultaneous_open_too() {
    let mut p = Prober::active_in_state(State::SynReceived);
    p.send(ack()).expect_silence().expect_state(State::Established);
}

#[test]
fn a_lost_syn_ack_of_a_simultaneous_open_is_sent_again() {
    let mut p = Prober::active_in_state(State::SynReceived);
    p.expect_after(secs(1), syn_ack().seq(0).ack(1));
    p.send(syn_ack().seq(0).ack(1)).expect_state(State::Established);
}

// 3.5, figure 8; MUST-11
#[test]
fn an_old_duplicate_syn_is_ended_by_the_reset_of_its_sender() {
    let mut p = Prober::new();
    p.send(syn()).expect(syn_ack().ack(1));
    p.send(rst().seq(1)).expect_silence().expect_state(State::Closed);
    // The listener goes on: the SYN that was meant opens the connection.
    p.on_port(PEER_PORT).conn.isn = glasstack::seq::Seq(123_456);
    p.send(syn()).expect(syn_ack().ack(1)).send(ack()).expect_state(State::Established);
}

// 3.5.1, figure 9: the prober has crashed and opens anew.
#[test]
fn a_half_open_connection_is_found_out_by_the_syn_of_its_restarted_peer() {
    let mut p = Prober::in_state(State::Established);
    p.send(syn().seq(300)).expect(ack().seq(1).ack(1)).expect_state(State::Established);
    p.send(rst().seq(1)).expect_state(State::Closed);
    p.expect_eq(p.error(), Some(Error::ConnectionReset), "the error");
}

// 3.5.1, figure 10
#[test]
fn a_half_open_connection_is_found_out_by_our_data() {
    let mut p = Prober::in_state(State::Established);
    p.write(b"still there?").expect(data(b"still there?"));
    p.send(rst().seq(1)).expect_silence().expect_state(State::Closed);
    let read = p.try_read(1);
    p.expect_eq(read, Err(Error::ConnectionReset), "what RECEIVE brings");
}

// 3.5.2 and 3.10.7.1, first group
#[test]
fn a_closed_port_resets_whatever_comes() {
    let mut p = Prober::in_state(State::Closed);
    p.send(syn().seq(0)).expect(rst_ack().seq(0).ack(1));
    p.send(bare().data(b"abc").seq(5)).expect(rst_ack().seq(0).ack(8));
    p.send(ack().seq(9).ack(77)).expect(rst().seq(77));
    p.send(fin().seq(9).ack(78)).expect(rst().seq(78)).expect_silence();
}

// 3.5.2, second group: SYN_SEND and SYN_RCVD answer an ACK of what was never sent with RST.
#[test]
fn an_ack_of_nothing_is_reset_before_the_connection_stands() {
    let mut p = Prober::in_state(State::SynSent);
    p.send(syn_ack().ack(2)).expect(rst().seq(2)).expect_state(State::SynSent);
    p.send(ack().ack(0)).expect(rst().seq(0)).expect_state(State::SynSent);
    let mut p = Prober::in_state(State::SynReceived);
    p.send(ack().ack(2)).expect(rst().seq(2)).expect_state(State::SynReceived);
    p.send(ack().ack(0)).expect(rst().seq(0)).expect_state(State::SynReceived);
}

#[test]
fn a_listener_resets_an_ack_and_ignores_what_asks_for_nothing() {
    let mut p = Prober::new();
    p.send(ack().seq(1).ack(9)).expect(rst().seq(9));
    p.send(syn_ack().seq(0).ack(9)).expect(rst().seq(9));
    p.send(bare().seq(1)).send(rst().seq(1)).send(fin().seq(1).flag(Flags::RST)).expect_silence();
}

#[test]
fn a_reset_refuses_our_syn() {
    let mut p = Prober::in_state(State::SynSent);
    p.send(rst_ack().seq(0).ack(1)).expect_silence().expect_state(State::Closed);
    p.expect_eq(p.error(), Some(Error::ConnectionRefused), "the error");
}

#[test]
fn a_reset_that_does_not_acknowledge_our_syn_is_no_refusal() {
    let mut p = Prober::in_state(State::SynSent);
    p.send(rst().seq(0)).send(rst_ack().seq(0).ack(2)).send(rst_ack().seq(0).ack(0));
    p.expect_silence().expect_state(State::SynSent);
}

// MUST-11
#[test]
fn a_reset_refuses_a_simultaneous_open() {
    let mut p = Prober::active_in_state(State::SynReceived);
    p.send(rst().seq(1)).expect_state(State::Closed);
    p.expect_eq(p.error(), Some(Error::ConnectionRefused), "the error");
}

// RFC 5961 3.2 in SYN_RCVD
#[test]
fn a_reset_beside_the_mark_does_not_end_a_handshake() {
    let mut p = Prober::in_state(State::SynReceived);
    p.send(rst().seq(2)).expect(ack().seq(1).ack(1));
    p.send(rst().seq(0x7000_0000)).expect_silence().expect_state(State::SynReceived);
}

// Data on a SYN is not kept, so it must come again, and is then not lost.
#[test]
fn data_on_a_syn_is_not_acknowledged_and_taken_when_it_comes_again() {
    let mut p = Prober::new();
    p.send(syn().data(b"early")).expect(syn_ack().seq(0).ack(1));
    p.send(data(b"early").seq(1)).accept().expect_read(b"early").expect_state(State::Established);
}

#[test]
fn data_on_the_syn_ack_is_taken() {
    let mut p = Prober::in_state(State::SynSent);
    p.send(syn_ack().data(b"220 hello")).expect(ack().ack(10)).expect_read(b"220 hello");
}

#[test]
fn data_and_fin_on_the_syn_ack_are_taken() {
    let mut p = Prober::in_state(State::SynSent);
    p.send(syn_ack().data(b"bye").flag(Flags::FIN)).expect(ack().ack(5));
    p.expect_state(State::CloseWait).expect_read(b"bye").expect_end();
}

#[test]
fn data_and_fin_on_the_last_ack_of_the_handshake_are_taken() {
    let mut p = Prober::in_state(State::SynReceived);
    p.send(data(b"bye").flag(Flags::FIN)).expect(ack().ack(5)).accept();
    p.expect_state(State::CloseWait).expect_read(b"bye").expect_end();
}

// RFC 6298 2.1, 5.5: 1 s, doubling
#[test]
fn a_lost_syn_is_sent_again_after_1_2_and_4_seconds() {
    let mut p = Prober::in_state(State::SynSent);
    p.expect_after(secs(1), syn().seq(0)).expect_after(secs(2), syn().seq(0));
    p.expect_after(secs(4), syn().seq(0)).send(syn_ack()).expect(ack().ack(1));
}

#[test]
fn a_lost_syn_ack_is_sent_again() {
    let mut p = Prober::in_state(State::SynReceived);
    p.expect_after(secs(1), syn_ack().seq(0).ack(1));
    p.expect_after(secs(2), syn_ack().seq(0).ack(1)).send(ack()).expect_state(State::Established);
}

#[test]
fn a_repeated_syn_gets_the_same_syn_ack_at_once() {
    let mut p = Prober::in_state(State::SynReceived);
    p.send(syn().seq(0)).expect(syn_ack().seq(0).ack(1)).expect_silence();
    p.send(ack().seq(1)).expect_state(State::Established);
}

#[test]
fn a_repeated_syn_with_data_gets_the_same_syn_ack_too() {
    let mut p = Prober::new();
    p.send(syn().data(b"early")).expect(syn_ack().seq(0).ack(1));
    p.send(syn().seq(0).data(b"early")).expect(syn_ack().seq(0).ack(1)).expect_silence();
    p.send(ack().seq(1)).expect_silence().expect_state(State::Established);
}

#[test]
fn a_lost_final_ack_is_made_up_for_by_data() {
    let mut p = Prober::in_state(State::SynReceived);
    p.send(data(b"GET")).accept().expect_state(State::Established).expect_read(b"GET");
}

#[test]
fn our_lost_final_ack_is_sent_again_when_the_syn_ack_comes_again() {
    let mut p = Prober::active_in_state(State::Established);
    p.send(syn_ack().seq(0)).expect(ack().seq(1).ack(1)).expect_silence();
}

#[test]
fn what_was_written_before_the_handshake_follows_it() {
    let mut p = Prober::in_state(State::SynSent);
    p.write(b"early").expect_silence();
    p.send(syn_ack()).expect(data(b"early").seq(1).ack(1)).expect_silence();
}

#[test]
fn close_before_the_handshake_is_done_sends_nothing_more() {
    let mut p = Prober::in_state(State::SynSent);
    p.close().expect_silence_for(secs(300)).expect_state(State::Closed);
}

#[test]
fn close_in_a_simultaneous_open_sends_a_fin() {
    let mut p = Prober::active_in_state(State::SynReceived);
    p.close().expect(fin().seq(1).ack(1)).expect_state(State::FinWait1);
    p.send(ack().ack(1)).expect_state(State::FinWait1);
    p.send(ack().ack(2)).expect_state(State::FinWait2);
}

// 3.10.4, SYN-RECEIVED: with data queued, CLOSE waits for the handshake.
#[test]
fn close_behind_data_in_a_simultaneous_open_loses_none_of_it() {
    let mut p = Prober::active_in_state(State::SynReceived);
    p.write(b"last words").close().expect_state(State::SynReceived).expect_silence();
    p.send(ack()).expect(data(b"last words").seq(1).flag(Flags::FIN));
    p.expect_state(State::FinWait1).send(ack()).expect_state(State::FinWait2);
}

// 3.10.7.4, fourth: a passive connection goes back to LISTEN.
#[test]
fn a_syn_in_the_window_sends_a_handshake_back_to_listen() {
    let mut p = Prober::in_state(State::SynReceived);
    p.send(syn().seq(100)).expect_silence().expect_state(State::Closed);
    p.send(syn().seq(100)).expect(syn_ack());
}

// MUST-23: at least three minutes
#[test]
fn a_syn_is_given_up_after_three_minutes() {
    let mut p = Prober::in_state(State::SynSent);
    p.advance(secs(180)).expect_state(State::SynSent).advance(secs(70)).expect_state(State::Closed);
    p.expect_eq(p.error(), Some(Error::UserTimeout), "the error");
    p.expect_segments(8);
}

#[test]
fn a_syn_ack_is_given_up_and_the_listener_has_its_place_back() {
    let mut p = Prober::with(|config| config.syn_cookies = false);
    for port in 1..=16 {
        p.on_port(port).reach(State::SynReceived);
    }
    p.on_port(99).send(syn()).expect_silence();
    p.advance(secs(300)).take_sent();
    p.on_port(99).reach(State::Established);
}

#[test]
fn nothing_is_readable_before_the_handshake() {
    let mut p = Prober::in_state(State::SynSent);
    let read = p.try_read(1);
    p.expect_eq(read, Ok(Received::Pending), "what RECEIVE brings");
}
