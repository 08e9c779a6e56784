//! Mistakes that other stacks have made, by name. Each test says what ours does instead.

mod common;

use common::*;
use glasstack::error::Error;
use glasstack::tcp::Received;
use glasstack::wire::Flags;

#[test]
fn out_of_order_data_in_fin_wait_1_breaks_nothing() {
    let mut p = Prober::in_state(State::FinWait1);
    p.send(data(b"cd").seq(3).ack(1)).expect(ack().ack(1)).expect_state(State::FinWait1);
    p.send(data(b"ab").seq(1).ack(1)).expect(ack().ack(5)).expect_read(b"abcd");
}

#[test]
fn a_fin_beyond_a_gap_in_fin_wait_1_breaks_nothing() {
    let mut p = Prober::in_state(State::FinWait1);
    p.send(fin().seq(3).ack(1)).expect(ack().ack(1)).expect_state(State::FinWait1);
    p.send(data(b"ab").seq(1).ack(1)).expect(ack().ack(4)).expect_state(State::Closing);
}

#[test]
fn reordering_does_not_move_rcv_nxt_over_the_hole() {
    let mut p = Prober::in_state(State::Established);
    p.send(octets(100).seq(101)).expect(ack().ack(1));
    let read = p.try_read(1);
    p.expect_eq(read, Ok(Received::Pending), "what RECEIVE brings");
    p.send(octets(100).seq(301)).expect(ack().ack(1));
    p.send(octets(100).seq(1)).expect(ack().ack(201)).expect_read(pattern(1, 200));
    p.send(octets(100).seq(201)).expect(ack().ack(401)).expect_read(pattern(201, 200));
}

#[test]
fn numbers_that_wrap_within_the_handshake_are_understood() {
    let mut p = Prober::with_iss(glasstack::seq::Seq(u32::MAX));
    p.conn.isn = glasstack::seq::Seq(u32::MAX);
    p.send(syn()).expect(syn_ack().ack(1)).send(ack()).expect_state(State::Established);
}

#[test]
fn a_reset_far_outside_the_window_is_not_believed() {
    let mut p = Prober::in_state(State::Established);
    for seq in [70_000, 0x4000_0000, 0x8000_0000, 0xc000_0000, 0] {
        p.send(rst().seq(seq)).expect_silence().expect_state(State::Established);
    }
}

#[test]
fn a_syn_with_a_bad_checksum_opens_nothing() {
    let mut p = Prober::new();
    let mut packet = p.packet(syn()).to_vec();
    let last = packet.len() - 1;
    packet[last] ^= 1;
    p.send_packet(&packet.into()).expect_silence();
    p.expect_eq(p.stack.states().count(), 0, "the connections");
}

#[test]
fn lost_data_is_sent_again_though_nothing_arrives() {
    let mut p = Prober::in_state(State::Established);
    p.write(b"lost").expect(data(b"lost"));
    let rto = p.status().expect("it stands").rto;
    p.expect_after(rto, data(b"lost").seq(1)).expect_after(2 * rto, data(b"lost").seq(1));
}

#[test]
fn a_window_that_stays_closed_is_probed() {
    let mut p = Prober::in_state(State::Established);
    p.send(ack().wnd(0)).write(b"waiting").expect_silence();
    p.advance(secs(2)).expect(data(b"w").seq(1));
}

#[test]
fn a_fin_is_sent_while_data_is_in_flight() {
    let mut p = Prober::in_state(State::Established);
    p.write(b"in flight").expect(data(b"in flight")).close().expect(fin().seq(10));
}

#[test]
fn a_fin_ahead_of_a_gap_is_not_the_end() {
    let mut p = Prober::in_state(State::Established);
    p.send(fin().seq(101)).expect(ack().ack(1)).expect_state(State::Established);
    let read = p.try_read(1);
    p.expect_eq(read, Ok(Received::Pending), "what RECEIVE brings");
    p.send(octets(100).seq(1)).expect(ack().ack(102)).expect_read(pattern(1, 100)).expect_end();
}

#[test]
fn data_that_comes_with_a_fin_is_read() {
    for state in [State::Established, State::FinWait1, State::FinWait2] {
        let mut p = Prober::in_state(state);
        p.send(data(b"last words").flag(Flags::FIN)).expect(ack().ack(12));
        p.expect_read(b"last words").expect_end();
    }
}

#[test]
fn the_loss_of_the_final_ack_does_not_eat_the_listener() {
    let mut p = Prober::new();
    for port in 1..=100 {
        // No ACK ever follows these handshakes.
        p.on_port(port).send(syn()).advance(secs(20));
        p.take_sent();
    }
    p.advance(secs(300)).take_sent();
    p.on_port(4000).reach(State::Established);
}

#[test]
fn the_loss_of_the_final_ack_does_not_lose_the_connection() {
    let mut p = Prober::in_state(State::SynReceived);
    p.expect_after(secs(1), syn_ack().seq(0).ack(1)).send(ack()).accept();
    p.send(data(b"GET")).expect_read(b"GET");
}

#[test]
fn a_window_that_opens_again_is_announced() {
    let mut p = Prober::with(|config| config.tcp.receive_buffer = 4000);
    p.reach(State::Established).send(octets(1460)).send(octets(1460)).expect(ack());
    p.send(octets(1080)).expect_after(ms(40), ack().ack(4001).wnd(0));
    p.expect_read(pattern(1, 4000)).expect(ack().ack(4001).wnd(4000));
}

// Both windows were closed, each side took an octet beyond that from the other (a probe), and neither has
// heard of it: the numbers of both lag behind by one.
#[test]
fn a_window_is_opened_by_an_ack_from_one_octet_behind() {
    let mut p = Prober::in_state(State::Established);
    p.send(ack().wnd(0)).write(b"abc").expect_silence();
    p.send(octets(1).wnd(0)).advance(ms(40));
    p.take_sent();
    p.send(ack().seq(1).wnd(1000)).expect(data(b"abc").ack(2));
}

// The harness fails when a timer fires twenty times without an event or a packet.
#[test]
fn no_timer_fires_for_ever() {
    for state in State::ALL {
        let mut p = Prober::in_state(state);
        p.advance(secs(100_000));
        let quiet = [State::Listen, State::Established, State::FinWait2, State::CloseWait];
        let left = if quiet.contains(&state) { state } else { State::Closed };
        if state != State::Listen {
            p.expect_state(left);
        }
        p.expect_eq(p.stack.next_deadline(), None, format!("the next deadline after {state}"));
    }
}

#[test]
fn a_reset_that_leaves_late_does_not_keep_the_ports() {
    let mut p = Prober::in_state(State::Established);
    p.stack.abort(p.handle(), p.now);
    p.send(syn().seq(5000)).expect(rst_ack().seq(1)).expect(syn_ack().ack(5001));
}

#[test]
fn an_unread_connection_does_not_hold_back_another() {
    let mut p = Prober::in_state(State::Established);
    for _ in 0..400 {
        p.send(octets(1460));
    }
    p.take_sent();
    p.on_port(4001).reach(State::Established).send(data(b"hi")).expect_read(b"hi");
}

#[test]
fn a_user_timeout_is_told_once_and_for_all() {
    let mut p = Prober::in_state(State::Established);
    p.write(b"lost").advance(secs(2000)).expect_state(State::Closed);
    for _ in 0..3 {
        let read = p.try_read(1);
        p.expect_eq(read, Err(Error::UserTimeout), "what RECEIVE brings");
    }
}
