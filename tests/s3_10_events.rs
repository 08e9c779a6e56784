//! Events and what follows from them in each state (RFC 9293 3.10): the calls, and segments that arrive.

mod common;

use common::*;
use glasstack::error::Error;
use glasstack::tcp::Received;
use glasstack::wire::Flags;

/// The states in which a connection can be held, but for CLOSED and LISTEN.
const HELD: [State; 9] = [
    State::SynSent,
    State::SynReceived,
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::CloseWait,
    State::Closing,
    State::LastAck,
    State::TimeWait,
];

/// All in which the peer's segments are checked against a window.
fn each_open_state(story: impl Fn(&mut Prober, State)) {
    for state in OPEN_STATES {
        story(&mut Prober::active_in_state(state), state);
    }
    for state in OPEN_STATES {
        story(&mut Prober::in_state(state), state);
    }
}

// 3.10.1
#[test]
fn open_of_a_connection_that_exists_is_refused() {
    for state in HELD {
        let mut p = Prober::active_in_state(state);
        let tuple = p.stack.tuple(p.handle()).expect("it exists");
        let again = p.stack.connect(Some(tuple.local), tuple.remote, p.now);
        p.expect_eq(again.err(), Some(Error::ConnectionAlreadyExists), state);
    }
}

// MUST-46
#[test]
fn open_needs_a_remote_socket_that_can_be_reached() {
    let mut p = Prober::new();
    let other_family = if hosts::IS_V6 { "192.0.2.1:80" } else { "[2001:db8::1]:80" };
    for (remote, error) in [
        ("0.0.0.0:80", Error::RemoteSocketUnspecified),
        ("192.0.2.1:0", Error::RemoteSocketUnspecified),
        ("224.0.0.1:80", Error::RemoteSocketUnspecified),
        ("255.255.255.255:80", Error::RemoteSocketUnspecified),
        ("127.0.0.1:80", Error::RemoteSocketUnspecified),
        ("[ff02::1]:80", Error::RemoteSocketUnspecified),
        ("[::]:80", Error::RemoteSocketUnspecified),
        (other_family, Error::AddressNotAvailable),
    ] {
        let opened = p.stack.connect(None, remote.parse().expect("an address"), p.now);
        p.expect_eq(opened.err(), Some(error), remote);
    }
}

// 3.10.2
#[test]
fn send_is_taken_until_we_close() {
    for state in HELD {
        let mut p = Prober::active_in_state(state);
        let expected = match state {
            State::SynSent | State::SynReceived | State::Established | State::CloseWait => Ok(2),
            _ => Err(Error::ConnectionClosing),
        };
        let sent = p.try_write(b"hi");
        p.expect_eq(sent, expected, format!("SEND in {state}"));
    }
}

// 3.10.3; MUST-12
#[test]
fn receive_waits_until_the_peer_closes() {
    for state in HELD {
        let mut p = Prober::active_in_state(state);
        let closed = state.peer_has_closed();
        let expected = if closed { Received::Finished } else { Received::Pending };
        let read = p.try_read(1);
        p.expect_eq(read, Ok(expected), format!("RECEIVE in {state}"));
    }
}

#[test]
fn what_came_before_the_fin_is_read_before_the_end_in_every_state() {
    for state in [State::CloseWait, State::LastAck, State::Closing, State::TimeWait] {
        let mut p = Prober::active_in_state(State::Established);
        if matches!(state, State::Closing | State::TimeWait) {
            p.close().expect(fin());
        }
        let acked = if state == State::Closing { 1 } else { p.conn.expected };
        p.send(data(b"left").flag(Flags::FIN).ack(acked)).expect(ack());
        if state == State::LastAck {
            p.close().expect(fin());
        }
        p.expect_state(state).expect_read(b"left").expect_end();
    }
}

// 3.10.4
#[test]
fn close_twice_changes_nothing() {
    for state in [State::FinWait1, State::FinWait2, State::Closing, State::LastAck, State::TimeWait]
    {
        Prober::active_in_state(state).close().expect_silence().expect_state(state);
    }
}

// MUST-12
#[test]
fn calls_on_a_connection_that_is_over_tell_how_it_ended() {
    let mut p = Prober::in_state(State::Established);
    p.send(rst()).expect_state(State::Closed);
    let sent = p.try_write(b"x");
    p.expect_eq(sent, Err(Error::ConnectionReset), "SEND");
    let closed = p.stack.close(p.handle(), p.now);
    p.expect_eq(closed, Err(Error::ConnectionReset), "CLOSE");
}

#[test]
fn calls_on_a_handle_that_was_released_find_no_connection() {
    let mut p = Prober::in_state(State::Established);
    p.send(rst()).release();
    let sent = p.try_write(b"x");
    p.expect_eq(sent, Err(Error::ConnectionDoesNotExist), "SEND");
    let read = p.try_read(1);
    p.expect_eq(read, Err(Error::ConnectionDoesNotExist), "RECEIVE");
}

// 3.10.6
#[test]
fn status_tells_the_state_and_the_way_to_it() {
    use State::{CloseWait, Established, LastAck, Listen, SynReceived};
    let p = Prober::in_state(State::LastAck);
    let status = p.status().expect("it stands");
    let way: Vec<_> = status.transitions.iter().map(|step| step.to).collect();
    assert_eq!(way, [Listen, SynReceived, Established, CloseWait, LastAck]);
}

// 3.10.7.4, second; RFC 5961 3.2
#[test]
fn an_exact_reset_ends_every_connection_but_time_wait() {
    each_open_state(|p, state| {
        let next = p.conn.next;
        p.send(rst().seq(next)).expect_silence();
        let left = if state == State::TimeWait { state } else { State::Closed };
        p.expect_state(left);
    });
}

// RFC 5961 3.2
#[test]
fn a_reset_elsewhere_in_the_window_is_challenged() {
    each_open_state(|p, state| {
        let next = p.conn.next;
        p.send(rst().seq(next + 10)).expect_state(state);
        if state != State::TimeWait {
            p.expect(ack().ack(next));
        }
        p.expect_silence();
    });
}

// SHLD-2
#[test]
fn a_reset_may_carry_data_which_nobody_reads() {
    each_open_state(|p, state| {
        let next = p.conn.next;
        p.send(rst().data(b"why I went").seq(next)).expect_silence();
        let left = if state == State::TimeWait { state } else { State::Closed };
        p.expect_state(left);
        p.expect_eq(p.status().map_or(0, |status| status.receive_queue), 0, "octets to read");
    });
}

#[test]
fn a_reset_outside_the_window_is_ignored() {
    each_open_state(|p, state| {
        let next = p.conn.next;
        p.send(rst().seq(next.wrapping_sub(2))).send(rst().seq(next + 0x7000_0000));
        p.expect_silence().expect_state(state);
    });
}

// 3.10.7.4, fourth; RFC 5961 4.2
#[test]
fn a_syn_in_the_window_is_challenged_and_changes_nothing() {
    for state in OPEN_STATES.into_iter().filter(|state| *state != State::SynReceived) {
        let mut p = Prober::in_state(state);
        let next = p.conn.next;
        p.send(syn().seq(next).options(mss(1460)));
        if state == State::TimeWait {
            // It does not lie above the old numbers: challenged like the others.
            p.expect(ack().ack(next)).expect_state(state);
        } else {
            p.expect(ack().ack(next)).expect_silence().expect_state(state);
        }
    }
}

// 3.10.7.4, fifth
#[test]
fn an_ack_of_what_was_never_sent_is_answered_and_dropped() {
    for state in [State::Established, State::FinWait1, State::FinWait2, State::CloseWait] {
        let mut p = Prober::in_state(state);
        let (next, ours) = (p.conn.next, p.conn.expected);
        p.send(data(b"x").ack(ours + 1000)).expect(ack().ack(next)).expect_silence();
        let read = p.try_read(1);
        let expected =
            if state == State::CloseWait { Received::Finished } else { Received::Pending };
        p.expect_eq(read, Ok(expected), "what RECEIVE brings");
    }
}

// RFC 5961 5.2; MAY-12
#[test]
fn an_ack_from_before_the_largest_window_is_answered_and_dropped() {
    let mut p = Prober::in_state(State::Established);
    p.send(data(b"x").ack(0xf000_0000)).expect(ack().ack(1)).expect_silence();
}

#[test]
fn an_old_ack_is_ignored_and_its_text_taken() {
    let mut p = Prober::in_state(State::Established);
    p.write(b"abc").expect(data(b"abc")).send(ack().ack(4));
    p.send(data(b"late").ack(2)).expect_read(b"late");
}

#[test]
fn a_segment_without_ack_is_dropped() {
    each_open_state(|p, state| {
        p.send(bare().data(b"x")).expect_silence().expect_state(state);
        p.send(bare().flag(Flags::FIN)).expect_silence().expect_state(state);
    });
}

// RFC 5961 7
#[test]
fn challenges_are_limited_to_ten_a_second() {
    let mut p = Prober::in_state(State::Established);
    for _ in 0..50 {
        p.send(rst().seq(10));
    }
    p.expect_segments(10).advance(secs(1));
    for _ in 0..50 {
        p.send(syn().seq(10));
    }
    p.expect_segments(10);
}

// 3.10.7.4, seventh
#[test]
fn text_behind_the_peers_fin_is_dropped() {
    for state in [State::CloseWait, State::Closing, State::LastAck, State::TimeWait] {
        let mut p = Prober::in_state(state);
        p.send(data(b"more").ack(1)).expect_state(state).expect_end();
    }
}

// 3.10.7.3, first and fourth
#[test]
fn syn_sent_ignores_what_carries_no_syn() {
    let mut p = Prober::in_state(State::SynSent);
    p.send(ack().ack(1)).send(data(b"x").ack(1)).send(bare()).send(fin().ack(1));
    p.expect_silence().expect_state(State::SynSent);
}

/// Every combination of flags at the edge and beyond, in every state: nothing panics, and what is
/// held stays sound (the prober checks that after each step).
#[test]
fn no_combination_of_flags_breaks_anything() {
    for state in State::ALL {
        for bits in 0..=0xff_u8 {
            let mut p = Prober::in_state(state);
            let (next, ours) = (p.conn.next, p.conn.expected);
            for (seq, acked) in [(next, ours), (next - next.min(1), ours), (next + 5, ours + 9)] {
                let mut seg = octets(3).seq(seq).urgent(2);
                seg.flags = Flags::from_bits_retain(bits);
                if seg.flags.contains(Flags::ACK) {
                    seg = seg.ack(acked);
                }
                p.send(seg);
            }
            p.advance(secs(1));
        }
    }
}
